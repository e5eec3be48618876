use std::collections::BTreeMap;

use bytes::Bytes;
use headwater_driver::{LogStorage, MemoryDisk, MemoryStorage};
use headwater_engine::record::Batches;
use headwater_engine::{ConnectionId, Durability, LogId, Offset, OpId, SnapshotKind, StorageOp, Uuid};
use kafka_protocol::messages::{ApiKey, FetchResponse, ProduceResponse};

use crate::input::{Input, put_chunk};
use crate::mend;
use crate::requests::{self, Topic, batch};
use crate::world::{World, view};

/// Metadata, or the order of the checks, does not matter beyond so many.
const MAX_PARTITIONS: usize = 6;
const MAX_FETCHES: usize = 200;

const ASKING: ConnectionId = ConnectionId(0);

/// What the first byte of an image has mended before a broker starts over it.
const MEND_BATCHES: u8 = 1;
const MEND_SNAPSHOTS: u8 = 2;

/// What there is of the logs.
#[derive(Default)]
struct Image {
    segments: BTreeMap<(LogId, Offset), Vec<u8>>,
    snapshots: BTreeMap<(LogId, SnapshotKind, Offset), Vec<u8>>,
    log_starts: BTreeMap<LogId, Offset>,
}

/// The input is an image of a storage: a byte that says what is mended, then pieces. A piece is its kind, its log, its offset
/// and its bytes as a chunk.
pub(super) fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let mend = input.byte();
    let image = read(&mut input, mend);
    // A segment that has an index is not read at the start, so its damage is found by consumers.
    let all_read = !image.snapshots.keys().any(|(_, kind, _)| *kind == SnapshotKind::SegmentIndex);
    let mut world = World::over(&disk(&image));
    world.finish();
    if let Some(reason) = world.broker.failure() {
        assert!(!reason.is_empty(), "a broker that gives up says why");
        return;
    }
    assert!(world.broker.is_ready(), "a broker starts or gives up");
    let partitions: Vec<(String, i32, Offset, Offset)> = view(&world.broker)
        .into_iter()
        .flat_map(|(topic, (partitions, _))| {
            let of = move |p: headwater_engine::PartitionView| {
                (topic.clone(), p.partition, p.log_start_offset, p.high_watermark)
            };
            partitions.into_iter().map(of)
        })
        .take(MAX_PARTITIONS)
        .collect();
    for (topic, partition, start, end) in &partitions {
        read_all(&mut world, topic, *partition, *start..*end, all_read);
        time_lookups(&mut world, topic, *partition);
        produce(&mut world, topic, *partition);
    }
    world.finish();
    // Damage in a segment that nobody has read is found whenever its index cannot be used any more.
    if all_read {
        world.check_recovery();
    }
}

fn read(input: &mut Input<'_>, mend: u8) -> Image {
    let mut image = Image::default();
    while !input.is_empty() {
        let kind = input.byte() % 4;
        let log = LogId::from_bytes(input.array());
        let offset = input.i64();
        let bytes = input.chunk();
        match kind {
            0 => image.segments.entry((log, offset)).or_default().extend_from_slice(bytes),
            1 => drop(image.snapshots.insert((log, SnapshotKind::SegmentIndex, offset), bytes.to_vec())),
            2 => drop(image.snapshots.insert((log, SnapshotKind::ProducerState, offset), bytes.to_vec())),
            _ => drop(image.log_starts.insert(log, offset)),
        }
    }
    if mend & MEND_BATCHES != 0 {
        image.segments.values_mut().for_each(|bytes| mend::batches(bytes));
    }
    if mend & MEND_SNAPSHOTS != 0 {
        image.snapshots.values_mut().for_each(|bytes| mend::snapshot(bytes));
    }
    image
}

/// Writes an image to a disk, as far as a storage lets itself be brought to that.
fn disk(image: &Image) -> MemoryDisk {
    let disk = MemoryDisk::new();
    let mut storage = MemoryStorage::open(&disk);
    let segments = image.segments.iter().map(|((log, base), bytes)| StorageOp::Append {
        log: *log,
        segment: *base,
        position: 0,
        batches: Bytes::copy_from_slice(bytes),
        durability: Durability::Strict,
    });
    let snapshots = image.snapshots.iter().map(|((log, kind, offset), bytes)| StorageOp::PutSnapshot {
        log: *log,
        kind: *kind,
        offset: *offset,
        snapshot: Bytes::copy_from_slice(bytes),
    });
    let log_starts = image.log_starts.iter().map(|(log, offset)| StorageOp::DeleteSegments {
        log: *log,
        before: Offset::MIN,
        log_start_offset: Some(*offset),
    });
    for (id, op) in (0..).zip(segments.chain(snapshots).chain(log_starts)) {
        storage.submit(OpId(id), op);
    }
    storage.flush();
    while storage.poll_completion().is_some() {}
    disk
}

/// The inverse: what a storage has of some logs, as an input.
pub(crate) fn image(disk: &MemoryDisk, logs: &[LogId]) -> Vec<u8> {
    let mut storage = MemoryStorage::open(disk);
    let mut ask = |op| {
        storage.submit(OpId(0), op);
        storage.flush();
        storage.poll_completion().and_then(|(_, result)| result.ok())
    };
    let mut out = vec![0];
    let mut piece = |kind: u8, log: LogId, offset: Offset, bytes: &[u8]| {
        out.push(kind);
        out.extend(log.to_bytes());
        out.extend(offset.to_be_bytes());
        put_chunk(&mut out, bytes);
    };
    for log in logs {
        let Some(headwater_engine::Applied::Loaded(stored)) = ask(StorageOp::Load { log: *log }) else {
            continue;
        };
        if stored.log_start_offset > 0 {
            piece(3, *log, stored.log_start_offset, &[]);
        }
        for segment in stored.segments {
            let op = StorageOp::Read { log: *log, segment: segment.base_offset, range: 0..segment.size };
            if let Some(headwater_engine::Applied::Read(bytes)) = ask(op) {
                piece(0, *log, segment.base_offset, &bytes);
            }
        }
        for snapshot in stored.snapshots {
            let kind = if snapshot.kind == SnapshotKind::SegmentIndex { 1 } else { 2 };
            piece(kind, *log, snapshot.offset, &snapshot.snapshot);
        }
    }
    out
}

fn named(topic: &str) -> Topic<'_> {
    Topic { name: topic, id: Uuid::nil() }
}

/// What a broker that came up serves has offsets that rise and checksums that are right.
fn read_all(
    world: &mut World,
    topic: &str,
    partition: i32,
    offsets: std::ops::Range<Offset>,
    all_read: bool,
) {
    let mut next = offsets.start;
    for _ in 0..MAX_FETCHES {
        if next >= offsets.end {
            return;
        }
        let request = requests::fetch(11, named(topic), partition, next);
        let Some(frame) = requests::frame(ApiKey::Fetch, 11, 1, &request) else { return };
        world.request(ASKING, frame);
        world.finish();
        let Some((_, frame)) = world.answers.pop_front() else { panic!("a Fetch got no answer") };
        let answer: FetchResponse = requests::answer(ApiKey::Fetch, 11, frame);
        let Some(answer) = answer.responses.into_iter().flat_map(|topic| topic.partitions).next() else {
            panic!("a Fetch was answered with nothing");
        };
        assert!(answer.error_code == 0 || !all_read, "error {} from {topic}@{next}", answer.error_code);
        let records = answer.records.unwrap_or_default();
        let before = next;
        for batch in Batches::new(&records).map_while(Result::ok) {
            if batch.verify_crc().is_err() {
                assert!(!all_read, "{topic}@{next} was given out damaged");
                return;
            }
            if batch.last_offset() < next {
                assert!(!all_read, "{topic}@{next} gives {batch:?}");
                return;
            }
            next = batch.next_offset();
        }
        if next == before {
            // All that is left is damaged; a reader waits there for what comes.
            return;
        }
    }
}

fn time_lookups(world: &mut World, topic: &str, partition: i32) {
    for timestamp in [-3, 0, 1_001, i64::MAX] {
        let request = requests::list_offsets(named(topic), partition, timestamp);
        let Some(frame) = requests::frame(ApiKey::ListOffsets, 7, 1, &request) else { return };
        world.request(ASKING, frame);
        world.finish();
        assert!(world.answers.pop_front().is_some(), "a ListOffsets got no answer");
    }
}

/// It goes on where it ends.
fn produce(world: &mut World, topic: &str, partition: i32) {
    let end = |world: &World| {
        let view = view(&world.broker);
        let of_topic = view.get(topic).into_iter().flat_map(|(partitions, _)| partitions);
        of_topic.into_iter().find(|p| p.partition == partition).map(|p| p.high_watermark)
    };
    let before = end(world);
    let request = requests::produce(9, named(topic), partition, batch(&["new"]));
    let Some(frame) = requests::frame(ApiKey::Produce, 9, 1, &request) else { return };
    world.request(ASKING, frame);
    world.finish();
    let Some((_, frame)) = world.answers.pop_front() else { panic!("a Produce got no answer") };
    let answer: ProduceResponse = requests::answer(ApiKey::Produce, 9, frame);
    for answer in answer.responses.into_iter().flat_map(|topic| topic.partition_responses) {
        if answer.error_code == 0 {
            assert_eq!(Some(answer.base_offset), before, "it went somewhere else");
            assert_eq!(Some(answer.base_offset + 1), end(world));
        }
    }
}
