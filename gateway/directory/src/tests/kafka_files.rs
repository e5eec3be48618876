//! What stands beside segments for Kafka's own tools: made, made again, and gone with its segment.

use std::collections::BTreeMap;
use std::fs;

use bytes::Bytes;
use headwater_driver::LogStorage;
use headwater_engine::record::crc32c;
use headwater_engine::{Applied, Offset, SnapshotKind, StorageOp};

use super::layout::{append, batch, names};
use super::support::{LOG, World};
use crate::DirectoryStorage;

const PRODUCERS: SnapshotKind = SnapshotKind::ProducerState;

fn put(kind: SnapshotKind, offset: Offset, snapshot: Bytes) -> StorageOp {
    StorageOp::PutSnapshot { log: LOG, kind, offset, snapshot }
}

fn index(offset: Offset) -> StorageOp {
    put(SnapshotKind::SegmentIndex, offset, Bytes::from_static(b"the engine's"))
}

/// Producers' states as the engine has them (`docs/format.md`): producer 7 with two batches, and aborted transactions.
fn producers(aborted: &[[i64; 4]]) -> Bytes {
    let mut content = vec![2];
    content.extend(1_u32.to_be_bytes());
    content.extend(7_i64.to_be_bytes());
    content.extend(3_i16.to_be_bytes());
    content.extend(1_700_i64.to_be_bytes());
    content.extend(5_i32.to_be_bytes());
    content.extend(104_i64.to_be_bytes());
    content.push(2);
    for (base_sequence, last_sequence, base_offset) in [(0_i32, 1_i32, 102_i64), (2, 4, 104)] {
        content.extend(base_sequence.to_be_bytes());
        content.extend(last_sequence.to_be_bytes());
        content.extend(base_offset.to_be_bytes());
    }
    content.extend(aborted.iter().flatten().flat_map(|field| field.to_be_bytes()));
    let crc = crc32c(&content);
    content.extend(crc.to_be_bytes());
    Bytes::from(content)
}

/// The content of a `.txnindex`.
fn entries(aborted: &[[i64; 4]]) -> Vec<u8> {
    let entry = |fields: &[i64; 4]| {
        let fields = fields.iter().flat_map(|field| field.to_be_bytes());
        [0, 0].into_iter().chain(fields).collect::<Vec<u8>>()
    };
    aborted.iter().flat_map(entry).collect()
}

const ABORTED: [[i64; 4]; 4] =
    [[7, 100, 101, 102], [8, 103, 105, 106], [9, 102, 108, 109], [7, 107, 109, 110]];

/// Three segments, 100, 106 and 110, of which two are complete.
fn world_of_three() -> (World, DirectoryStorage) {
    let mut world = World::new();
    let mut storage = world.open();
    storage.name_topic(LOG.topic_id, "t");
    let mut position = 0;
    for (number, count) in [(100, 2), (102, 2), (104, 2)] {
        let bytes = batch(number, 0, count, 2_600, 1_000 + number);
        let size = bytes.len() as u64;
        world.apply(&mut storage, append(LOG, 100, position, bytes));
        position += size;
    }
    world.apply(&mut storage, append(LOG, 106, 0, batch(106, 0, 4, 2_600, 2_000)));
    world.apply(&mut storage, index(106));
    world.apply(&mut storage, put(PRODUCERS, 106, producers(&ABORTED[..2])));
    world.apply(&mut storage, append(LOG, 110, 0, batch(110, 0, 1, 10, 3_000)));
    world.apply(&mut storage, index(110));
    world.apply(&mut storage, put(PRODUCERS, 110, producers(&ABORTED)));
    (world, storage)
}

/// Kafka's indexes in the folder, by name.
fn kafka_files(world: &World) -> BTreeMap<String, Vec<u8>> {
    let names = names(world, "t-0").into_iter();
    let names = names.filter(|name| name.ends_with("index") && !name.ends_with("segmentindex"));
    names
        .map(|name| (name.clone(), fs::read(world.directory.path().join("t-0").join(name)).unwrap()))
        .collect()
}

/// Whatever was begun is ended before a storage is gone.
fn after_opening(world: &mut World) -> BTreeMap<String, Vec<u8>> {
    let mut storage = world.open();
    assert!(matches!(world.run(&mut storage, StorageOp::Load { log: LOG }), Ok(Applied::Loaded(_))));
    drop(storage);
    kafka_files(world)
}

#[test]
fn a_segment_has_the_transactions_that_were_aborted_in_it() {
    let (world, storage) = world_of_three();
    drop(storage);
    let files = kafka_files(&world);
    let expected = ["index", "timeindex", "txnindex"];
    let expected = ["00000000000000000100", "00000000000000000106"]
        .iter()
        .flat_map(|base| expected.map(|ending| format!("{base}.{ending}")));
    assert!(files.keys().cloned().eq(expected), "{:?}", files.keys());
    assert_eq!(files["00000000000000000100.txnindex"], entries(&ABORTED[..2]));
    assert_eq!(files["00000000000000000106.txnindex"], entries(&ABORTED[2..]));
}

/// What becomes of a file's content; none if the file is removed.
type Spoil = fn(&[u8]) -> Option<Vec<u8>>;

#[test]
fn indexes_that_are_missing_or_do_not_fit_are_made_again() {
    let (mut world, storage) = world_of_three();
    drop(storage);
    let expected = kafka_files(&world);
    assert_eq!(after_opening(&mut world), expected);
    let (first, second, last) = ("00000000000000000100", "00000000000000000106", "00000000000000000110");
    let spoilt: [(&str, &str, Spoil); 11] = [
        (first, "index", |_| None),
        (first, "timeindex", |_| None),
        (second, "txnindex", |_| None),
        (first, "index", |content| Some(content[..8].to_vec())),
        (first, "index", |content| Some(content[..content.len() - 1].to_vec())),
        (first, "index", |content| Some(vec![1; content.len()])),
        (second, "timeindex", |_| Some(Vec::new())),
        (first, "txnindex", |content| Some(content[..34].to_vec())),
        (first, "txnindex", |content| Some([content, content].concat())),
        (first, "txnindex", |content| Some(vec![1; content.len()])),
        (last, "index", |_| Some(vec![1; 8])),
    ];
    for (number, (base, ending, spoil)) in spoilt.into_iter().enumerate() {
        let name = format!("{base}.{ending}");
        let path = world.directory.path().join("t-0").join(&name);
        match spoil(expected.get(&name).map_or(&[], Vec::as_slice)) {
            Some(content) => fs::write(path, content).unwrap(),
            None => fs::remove_file(path).unwrap(),
        }
        assert_ne!(kafka_files(&world), expected, "{number}: {name}");
        assert_eq!(after_opening(&mut world), expected, "{number}: {name}");
    }
    // Of a segment that was removed in the middle of a change.
    for ending in ["index", "timeindex", "txnindex"] {
        fs::write(world.directory.path().join(format!("t-0/00000000000000000050.{ending}")), "old").unwrap();
    }
    assert_eq!(after_opening(&mut world), expected);
}

#[test]
fn a_segment_takes_its_indexes_along() {
    let (world, mut storage) = world_of_three();
    let truncate = StorageOp::Truncate { log: LOG, offset: 106, segment: 106, position: 0 };
    world.apply(&mut storage, truncate);
    drop(storage);
    let bases = |world: &World| {
        kafka_files(world).into_keys().map(|name| name[18..20].to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(bases(&world), ["00", "00", "00"]);

    let (world, mut storage) = world_of_three();
    world.apply(&mut storage, StorageOp::DeleteSegments { log: LOG, before: 106, log_start_offset: None });
    drop(storage);
    assert_eq!(bases(&world), ["06", "06", "06"]);
}

#[test]
fn a_cleaned_copy_has_the_indexes_of_all_it_stands_for() {
    let (mut world, mut storage) = world_of_three();
    let copy = batch(100, 0, 10, 10, 5_000);
    let size = copy.len() as u64;
    let cleaned = StorageOp::AppendCleaned { log: LOG, segment: 100, position: 0, batches: copy };
    world.apply(&mut storage, cleaned);
    world.apply(&mut storage, StorageOp::ReplaceSegments { log: LOG, segments: 100..110, size });
    world.apply(&mut storage, index(110));
    drop(storage);
    let files = kafka_files(&world);
    assert_eq!(files["00000000000000000100.txnindex"], entries(&ABORTED));
    assert_eq!(files["00000000000000000100.index"], b"");
    assert_eq!(files["00000000000000000100.timeindex"].len(), 12);
    assert_eq!(files.len(), 3, "{:?}", files.keys());
    // Where the engine did not get so far, the next opening sees to it.
    for name in files.keys() {
        fs::remove_file(world.directory.path().join("t-0").join(name)).unwrap();
    }
    assert_eq!(after_opening(&mut world), files);
}

#[test]
fn a_snapshot_is_kafkas_with_the_engines_behind_it() {
    let (mut world, storage) = world_of_three();
    drop(storage);
    let path = world.directory.path().join("t-0/00000000000000000110.snapshot");
    let content = fs::read(&path).unwrap();
    let (kafkas, engines) = content.split_at(10 + 46);
    assert_eq!(engines, producers(&ABORTED));
    assert_eq!(kafkas[..2], [0, 1]);
    assert_eq!(kafkas[2..6], crc32c(&content[6..]).to_be_bytes());
    let entry = [
        &1_u32.to_be_bytes()[..],
        &7_i64.to_be_bytes(),
        &3_i16.to_be_bytes(),
        // The last sequence, the last offset, and how far the first is from it.
        &4_i32.to_be_bytes(),
        &106_i64.to_be_bytes(),
        &2_i32.to_be_bytes(),
        &1_700_i64.to_be_bytes(),
        &5_i32.to_be_bytes(),
        &104_i64.to_be_bytes(),
    ];
    assert_eq!(kafkas[6..], entry.concat());

    let mut loaded = || {
        let mut storage = world.open();
        let Ok(Applied::Loaded(stored)) = world.run(&mut storage, StorageOp::Load { log: LOG }) else {
            panic!()
        };
        let is_it = |kind, offset| (kind, offset) == (PRODUCERS, 110);
        let snapshot = stored.snapshots.iter().find(|snapshot| is_it(snapshot.kind, snapshot.offset));
        snapshot.unwrap().snapshot.clone()
    };
    assert_eq!(loaded(), producers(&ABORTED));
    // As it was written before Kafka's entries stood there.
    fs::write(&path, producers(&ABORTED[..1])).unwrap();
    assert_eq!(loaded(), producers(&ABORTED[..1]));
    // One that was spoilt is the engine's to refuse, by its own checksum.
    fs::write(&path, &content[..content.len() - 1]).unwrap();
    assert_eq!(loaded(), content[..content.len() - 1]);
}
