//! What lies in the directory: names and bytes, as Kafka's tools expect them.

use std::fs;
use std::os::unix::fs::FileExt;

use bytes::Bytes;
use headwater_driver::LogStorage;
use headwater_engine::record::{Compression, RecordBatchBuilder};
use headwater_engine::{
    Applied, Durability, LogId, NotAppliedReason, Offset, SnapshotKind, StorageError, StorageOp, Uuid,
};

use super::support::{Directory, LOG, World};
use crate::{DirectoryOptions, DirectoryStorage, OpenError};

/// A batch of `count` records, each `size` bytes and a millisecond later than the one before.
pub(super) fn batch(base_offset: Offset, epoch: i32, count: i64, size: usize, timestamp: i64) -> Bytes {
    let mut builder = RecordBatchBuilder::new(Compression::None);
    builder.set_base_offset(base_offset);
    builder.set_partition_leader_epoch(epoch);
    for record in 0..count {
        builder.append(timestamp + record, None, Some(&vec![7; size]), &[]).unwrap();
    }
    builder.build()
}

pub(super) fn append(log: LogId, segment: Offset, position: u64, batches: Bytes) -> StorageOp {
    StorageOp::Append { log, segment, position, batches, durability: Durability::Relaxed }
}

pub(super) fn names(world: &World, folder: &str) -> Vec<String> {
    let entries = fs::read_dir(world.directory.path().join(folder)).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_partition_is_a_folder_with_the_topics_name() {
    let mut world = World::new();
    let mut storage = world.open();
    assert!(storage.wants_name(LOG));
    storage.name_topic(LOG.topic_id, "orders.eu");
    assert!(!storage.wants_name(LOG));
    let bytes = batch(0, 4, 1, 10, 1_000);
    let log = LogId { partition: 12, ..LOG };
    world.apply(&mut storage, append(log, 0, 0, bytes.clone()));
    assert_eq!(names(&world, ""), [".lock", "meta.properties", "orders.eu-12"]);
    let expected = [
        "00000000000000000000.log",
        "begins.00000000000000000000",
        "leader-epoch-checkpoint",
        "partition.metadata",
    ];
    assert_eq!(names(&world, "orders.eu-12"), expected);
    let content = |name: &str| fs::read(world.directory.path().join("orders.eu-12").join(name)).unwrap();
    assert_eq!(content("00000000000000000000.log"), bytes);
    assert_eq!(content("leader-epoch-checkpoint"), b"0\n1\n4 0\n");
    assert_eq!(content("partition.metadata"), b"version: 0\ntopic_id: ASNFZ4mrze8BI0VniavN7w\n");
    drop(storage);
    let mut storage = world.open();
    assert!(!storage.wants_name(LOG), "its folder tells it");
    world.apply(&mut storage, StorageOp::Delete { log });
    assert_eq!(names(&world, ""), [".lock", "meta.properties"]);
}

#[test]
fn topics_of_one_name_and_of_none_have_folders_too() {
    let mut world = World::new();
    let mut storage = world.open();
    let logs = [1, 2, 3].map(|id| LogId { topic_id: Uuid::from_u128(id << 100), partition: 0 });
    storage.name_topic(logs[0].topic_id, "orders");
    storage.name_topic(logs[1].topic_id, "orders");
    for log in logs {
        world.apply(&mut storage, append(log, 0, 0, batch(0, 0, 1, 10, 0)));
    }
    let expected =
        ["AAAAMAAAAAAAAAAAAAAAAA-0", "meta.properties", "orders-0", "orders.AAAAIAAAAAAAAAAAAAAAAA-0"];
    assert_eq!(names(&world, "")[1..], expected);
    drop(storage);
    let mut storage = world.open();
    for log in logs {
        let Ok(Applied::Loaded(stored)) = world.run(&mut storage, StorageOp::Load { log }) else { panic!() };
        assert_eq!(stored.segments.len(), 1);
    }
}

#[test]
fn a_complete_segment_has_kafkas_indexes() {
    let mut world = World::new();
    let mut storage = world.open();
    storage.name_topic(LOG.topic_id, "t");
    // Each 5,000 bytes and more: an entry for every batch but the first. The third is earlier than the second.
    let batches = [
        batch(100, 0, 2, 2_600, 1_000),
        batch(102, 0, 2, 2_600, 3_000),
        batch(104, 0, 2, 2_600, 2_000),
        batch(106, 0, 1, 10, 9_000),
    ];
    let positions: Vec<u64> =
        (0..=4).map(|end| batches[..end].iter().map(|batch| batch.len() as u64).sum()).collect();
    for (batch, position) in batches.iter().zip(&positions) {
        world.apply(&mut storage, append(LOG, 100, *position, batch.clone()));
    }
    let index = |offset| StorageOp::PutSnapshot {
        log: LOG,
        kind: SnapshotKind::SegmentIndex,
        offset,
        snapshot: Bytes::from_static(b"the engine's"),
    };
    world.apply(&mut storage, index(107));
    // Whatever was begun is ended before a storage is gone.
    drop(storage);
    let content = |name: &str| fs::read(world.directory.path().join("t-0").join(name)).unwrap();
    let entry = |offset: i32, position: u64| {
        [offset.to_be_bytes(), u32::try_from(position).unwrap().to_be_bytes()].concat()
    };
    let expected = [entry(3, positions[1]), entry(5, positions[2]), entry(6, positions[3])].concat();
    assert_eq!(content("00000000000000000100.index"), expected);
    let entry = |timestamp: i64, offset: i32| [&timestamp.to_be_bytes()[..], &offset.to_be_bytes()].concat();
    let expected = [entry(1_001, 1), entry(3_001, 3), entry(9_000, 6)].concat();
    assert_eq!(content("00000000000000000100.timeindex"), expected);

    let mut storage = world.open();
    world.apply(
        &mut storage,
        StorageOp::Truncate { log: LOG, offset: 106, segment: 100, position: positions[3] },
    );
    let expected = [
        "00000000000000000100.log",
        "begins.00000000000000000000",
        "leader-epoch-checkpoint",
        "partition.metadata",
    ];
    assert_eq!(names(&world, "t-0"), expected);
}

#[test]
fn a_directory_is_one_processs() {
    let directory = Directory::new();
    fs::create_dir(directory.path()).unwrap();
    let lock = fs::File::create(directory.path().join(".lock")).unwrap();
    // As another process would have it: through a file of its own.
    lock.lock().unwrap();
    let open = || DirectoryStorage::open(directory.path(), &DirectoryOptions::default(), || {});
    let error = open().err().unwrap();
    assert!(matches!(error, OpenError::Locked { .. }));
    assert!(error.to_string().contains("is in use by another process"), "{error}");
    lock.unlock().unwrap();
    let storage = open().ok();
    assert!(storage.is_some());
    assert!(lock.try_lock().is_err());
    drop(storage);
    assert!(lock.try_lock().is_ok(), "a directory that was let go of can be opened by others");
}

#[test]
fn what_makes_no_sense_is_refused_and_left_alone() {
    let mut world = World::new();
    let mut storage = world.open();
    storage.name_topic(LOG.topic_id, "t");
    world.apply(&mut storage, append(LOG, 0, 0, batch(0, 0, 1, 10, 0)));
    drop(storage);
    let spoilt = [
        ("t-0/partition.metadata", "version: 0\ntopic_id: A\n", "it names no topic"),
        ("t-0/partition.metadata", "version: 1\n", "it names no topic"),
        ("meta.properties", "version=1\nheadwater.format=2\n", "has format 2, which a newer version"),
        ("meta.properties", "version=1\nnode.id=0\n", "another program's directory"),
    ];
    for (name, content, expected) in spoilt {
        let path = world.directory.path().join(name);
        let before = fs::read(&path).unwrap();
        fs::write(&path, content).unwrap();
        let error = world.try_open().err().unwrap().to_string();
        assert!(error.contains(expected), "{error}");
        assert_eq!(fs::read(&path).unwrap(), content.as_bytes());
        fs::write(&path, before).unwrap();
    }
    fs::create_dir(world.directory.path().join("t.copy-0")).unwrap();
    fs::copy(
        world.directory.path().join("t-0/partition.metadata"),
        world.directory.path().join("t.copy-0/partition.metadata"),
    )
    .unwrap();
    assert!(world.try_open().err().unwrap().to_string().contains("holds the same partition"));
    fs::remove_dir_all(world.directory.path().join("t.copy-0")).unwrap();
    fs::create_dir(world.directory.path().join("lost+found")).unwrap();
    fs::write(world.directory.path().join("t-0/notes.txt"), "mine").unwrap();
    let mut storage = world.open();
    world.apply(&mut storage, append(LOG, 1, 0, batch(1, 0, 1, 10, 0)));
    assert!(names(&world, "t-0").contains(&"notes.txt".to_owned()));
}

#[test]
fn files_that_were_cut_or_changed_are_given_out_as_they_are() {
    let mut world = World::new();
    let mut storage = world.open();
    storage.name_topic(LOG.topic_id, "t");
    let bytes = batch(0, 0, 10, 100, 0);
    world.apply(&mut storage, append(LOG, 0, 0, bytes.clone()));
    world.apply(&mut storage, append(LOG, 10, 0, batch(10, 0, 10, 100, 0)));
    drop(storage);
    let file = |name: &str| {
        fs::File::options().write(true).open(world.directory.path().join("t-0").join(name)).unwrap()
    };
    file("00000000000000000000.log").write_all_at(b"!", 200).unwrap();
    file("00000000000000000010.log").set_len(100).unwrap();
    fs::write(world.directory.path().join("t-0/leader-epoch-checkpoint"), "nonsense").unwrap();
    let mut storage = world.open();
    let Ok(Applied::Loaded(stored)) = world.run(&mut storage, StorageOp::Load { log: LOG }) else { panic!() };
    let found: Vec<_> = stored.segments.iter().map(|segment| (segment.base_offset, segment.size)).collect();
    // What is wrong with the batches is the engine's to find, by their CRC (ADR 11).
    assert_eq!(found, [(0, bytes.len() as u64), (10, 100)]);
    world.apply(&mut storage, StorageOp::Truncate { log: LOG, offset: 10, segment: 10, position: 0 });
    world.apply(&mut storage, append(LOG, 10, 0, batch(10, 0, 1, 10, 0)));
}

#[test]
fn no_more_files_are_open_than_may_be() {
    let mut world = World::new();
    world.options.max_open_files = 5;
    let mut storage = world.open();
    let logs: Vec<_> = (0..30).map(|partition| LogId { partition, ..LOG }).collect();
    for round in 0..3 {
        for log in &logs {
            let bytes = batch(round, 0, 1, 10, 0);
            let position = u64::try_from(round).unwrap() * bytes.len() as u64;
            world.apply(&mut storage, append(*log, 0, position, bytes));
            assert!(storage.open_files() <= 5);
        }
    }
    for log in logs {
        let Ok(Applied::Read(bytes)) =
            world.run(&mut storage, StorageOp::Read { log, segment: 0, range: 0..1_000 })
        else {
            panic!()
        };
        assert_eq!(bytes.len(), 3 * batch(0, 0, 1, 10, 0).len());
        assert!(storage.open_files() <= 5);
    }
}

#[test]
fn an_elder_storage_of_the_same_process_is_fenced() {
    let mut world = World::new();
    let mut elder = world.open();
    world.apply(&mut elder, append(LOG, 0, 0, batch(0, 0, 1, 10, 0)));
    let mut younger = world.open();
    let refused = world.run(&mut elder, StorageOp::Delete { log: LOG });
    assert!(
        matches!(refused, Err(StorageError::NotApplied { reason: NotAppliedReason::Fenced, .. })),
        "{refused:?}"
    );
    drop(elder);
    let Ok(Applied::Loaded(stored)) = world.run(&mut younger, StorageOp::Load { log: LOG }) else { panic!() };
    assert_eq!(stored.segments.len(), 1);
}
