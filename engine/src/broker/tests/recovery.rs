use super::world::{Disk, World, batch, not_applied};
use crate::{Broker, BrokerConfig, LogId, NotAppliedReason, SnapshotKind, StorageOp};

/// A topic of one partition with some segments, and the log of that partition.
fn filled() -> (World, LogId) {
    let mut world = World::new();
    world.create("t", 1, &[("segment.bytes", "1000"), ("index.interval.bytes", "200")]);
    for index in 0..40 {
        world.produce("t", 0, batch(&[&format!("value {index}")]));
    }
    let log = *world.disk.segments.keys().map(|(log, _)| log).max().unwrap();
    (world, log)
}

fn reads(world: &World, log: LogId) -> usize {
    world.asked.iter().filter(|op| matches!(op, StorageOp::Read { .. }) && op.log() == log).count()
}

#[test]
fn complete_segments_are_taken_by_their_index() {
    let (world, log) = filled();
    let segments = world.disk.segments.keys().filter(|(other, _)| *other == log).count();
    assert!(segments > 2);
    let indexes = world.disk.snapshots.keys().filter(|(_, kind, _)| *kind == SnapshotKind::SegmentIndex);
    assert_eq!(indexes.count(), segments - 1);
    let producers = world.disk.snapshots.keys().filter(|(_, kind, _)| *kind == SnapshotKind::ProducerState);
    assert_eq!(producers.count(), 2, "two are kept");
    let mut world = world.restarted(&[]);
    assert_eq!(reads(&world, log), 1, "only the segment that was being written is read");
    assert_eq!(world.all_values("t", 0).len(), 40);
}

#[test]
fn a_damaged_or_missing_index_is_made_again() {
    for damage in [true, false] {
        let (mut world, log) = filled();
        for snapshot in world.disk.snapshots.values_mut() {
            let mut bytes = snapshot.to_vec();
            bytes[3] ^= 1;
            *snapshot = bytes.into();
        }
        if !damage {
            world.disk.snapshots.clear();
        }
        let mut world = world.restarted(&[]);
        assert!(reads(&world, log) > 2);
        assert_eq!(world.all_values("t", 0).len(), 40);
        world.produce("t", 0, batch(&["one more"]));
        let put = world.asked.iter().filter(|op| matches!(op, StorageOp::PutSnapshot { .. })).count();
        assert!(put > 2, "the indexes are kept again");
    }
}

#[test]
fn whatever_is_cut_off_the_end_what_is_left_is_whole_batches() {
    let (world, log) = filled();
    let last = *world.disk.segments.keys().filter(|(other, _)| *other == log).max().unwrap();
    let size = world.disk.segments[&last].len();
    for cut in 0..size {
        let mut disk = world.disk.clone();
        disk.segments.get_mut(&last).unwrap().truncate(cut);
        if cut == 0 {
            disk.segments.remove(&last);
        }
        check_damaged(disk, last.1);
    }
}

/// The log opens, holds a gapless start of what it held, and takes appends that are there after another restart.
fn check_damaged(disk: Disk, at_least: i64) {
    let mut world = World::over(disk, &[]);
    let values = world.all_values("t", 0);
    assert!(values.len() >= usize::try_from(at_least).unwrap() && values.len() <= 40);
    for (index, (offset, value)) in values.iter().enumerate() {
        assert_eq!((*offset, value), (i64::try_from(index).unwrap(), &format!("value {index}")));
    }
    let end = i64::try_from(values.len()).unwrap();
    assert_eq!(world.produce("t", 0, batch(&["next"])), (0, end));
    let mut world = world.restarted(&[]);
    assert_eq!(world.all_values("t", 0).last(), Some(&(end, "next".to_owned())));
}

/// A segment that is taken by its index is not read. When what stood behind it is cut off, it is the last; were it to grow,
/// its index would no longer hold, and the next start would find the damage in it and cut off what was acknowledged since.
#[test]
fn nothing_is_appended_behind_batches_that_nobody_has_looked_at() {
    let mut world = World::new();
    world.create("t", 1, &[("segment.bytes", "1000")]);
    for length in [500, 700] {
        world.produce("t", 0, batch(&[&"v".repeat(length)]));
    }
    let mut disk = world.disk;
    for ((_, _), bytes) in disk.segments.iter_mut().filter(|((log, _), _)| *log != LogId::CLUSTER_METADATA) {
        bytes[100] ^= 1;
    }
    let mut world = World::over(disk, &[]);
    let (error, offset) = world.produce("t", 0, batch(&["acknowledged"]));
    assert_eq!(error, 0);
    let mut world = world.restarted(&[]);
    assert_eq!(world.values("t", 0, offset), [(offset, "acknowledged".to_owned())]);
}

#[test]
fn damage_is_told() {
    let (mut world, log) = filled();
    let last = *world.disk.segments.keys().filter(|(other, _)| *other == log).max().unwrap();
    world.disk.segments.get_mut(&last).unwrap().pop();
    let mut world = world.restarted(&[]);
    let events: Vec<_> = std::iter::from_fn(|| world.broker.poll_event()).collect();
    assert!(
        events.iter().any(|event| event.warning && event.message.contains("t-0 was damaged")),
        "{events:?}"
    );
}

/// Were it taken into use before, what is appended next would begin a new segment behind the damage, be acknowledged, and
/// be cut off with the damage at the next start.
#[test]
fn a_log_is_taken_into_use_when_its_damaged_end_is_cut_off() {
    let (world, log) = filled();
    let mut disk = world.disk;
    disk.segments.iter_mut().rfind(|((of, _), _)| *of == log).unwrap().1.pop();
    let mut broker = Broker::new(BrokerConfig::new("test", 0, "broker-0", 9092), 7);
    let mut truncated = false;
    while let Some((id, op)) = broker.poll_op() {
        assert!(!broker.is_ready());
        let result = match op {
            StorageOp::Truncate { .. } => {
                truncated = true;
                Err(not_applied(NotAppliedReason::Full))
            }
            _ => disk.execute(&op),
        };
        broker.handle_completion(world.now, id, result);
    }
    assert!(truncated && !broker.is_ready());
    assert!(broker.failure().is_some(), "another may try again");
}

#[test]
fn metadata_of_a_newer_version_is_not_guessed_at() {
    let mut disk = Disk::default();
    let mut builder = crate::record::RecordBatchBuilder::new(crate::record::Compression::None);
    builder.append(0, None, Some(&[1, 99, 0, 0]), &[]).unwrap();
    disk.segments.insert((LogId::CLUSTER_METADATA, 0), builder.build().to_vec());
    let mut broker = Broker::new(BrokerConfig::new("test", 0, "broker-0", 9092), 7);
    let now = crate::Now { monotonic_ms: 0, wall_ms: 0 };
    while let Some((id, op)) = broker.poll_op() {
        let result = disk.execute(&op);
        broker.handle_completion(now, id, result);
    }
    assert!(broker.failure().unwrap().contains("newer"), "{:?}", broker.failure());
    assert!(!broker.is_ready());
}

#[test]
fn requests_that_come_early_are_answered_when_the_broker_is_ready() {
    let (world, _) = filled();
    let mut disk = world.disk;
    let mut broker = Broker::new(BrokerConfig::new("test", 0, "broker-0", 9092), 7);
    let now = crate::Now { monotonic_ms: 0, wall_ms: 0 };
    let request = super::world::fetch_request("t", 0, 0, 1_000_000, 0);
    let frame = super::world::frame(kafka_protocol::messages::ApiKey::Fetch, 11, 1, &request);
    broker.handle_request(now, super::world::CLIENT, frame);
    assert_eq!(broker.poll_response(), None);
    while let Some((id, op)) = broker.poll_op() {
        let result = disk.execute(&op);
        broker.handle_completion(now, id, result);
    }
    assert!(broker.poll_response().is_some());
}
