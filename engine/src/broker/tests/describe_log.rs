//! A log to look at.

use super::world::{World, batch, batch_at};
use crate::{LogId, LogView, Offset, Refusal};

fn describe(world: &mut World, partition: i32, offset: Option<Offset>) -> Result<LogView, Refusal> {
    world.broker.describe_log(7, "t", partition, offset);
    world.run();
    let (id, found) = world.broker.poll_log().expect("it is answered");
    assert_eq!((id, world.broker.poll_log()), (7, None));
    found
}

#[test]
fn segments_and_their_indexes_are_told() {
    let mut world = World::new();
    let value = "x".repeat(500);
    world.create("t", 1, &[("segment.bytes", "5000"), ("index.interval.bytes", "1000")]);
    for number in 0..20 {
        world.produce("t", 0, batch_at(1_000 + number, &[&value]));
    }
    let log = describe(&mut world, 0, None).unwrap();
    assert_eq!((log.log_start_offset, log.high_watermark, log.last_stable_offset), (0, 20, 20));
    assert_eq!((log.topic.as_str(), log.batch, log.producer_count), ("t", None, 0));
    assert_eq!(log.segment_count, log.segments.len());
    assert!(log.segment_count >= 3);
    let starts: Vec<_> = log.segments.iter().skip(1).map(|segment| segment.base_offset).chain([20]).collect();
    let ends: Vec<_> = log.segments.iter().map(|segment| segment.end_offset).collect();
    assert_eq!(starts, ends, "one goes on where the other ends");
    let first = &log.segments[0];
    assert_eq!(first.max_timestamp, Some(1_000 + first.end_offset - 1));
    assert!(first.entry_count > 0);
    assert_eq!(first.entries.len(), first.entry_count);
    for entry in &first.entries {
        assert_eq!(entry.timestamp, 1_000 + entry.offset - 1, "all before it");
    }
}

#[test]
fn a_record_is_found_where_it_lies() {
    let mut world = World::new();
    let value = "x".repeat(500);
    world.create("t", 1, &[("segment.bytes", "5000"), ("index.interval.bytes", "1000")]);
    for _ in 0..10 {
        world.produce("t", 0, batch(&[&value, &value]));
    }
    let named = |log: &LogId| world.broker.topic_name(log.topic_id) == Some("t");
    let log_id = world.disk.segments.keys().map(|(log, _)| *log).find(named).unwrap();
    for offset in 0..20 {
        let log = describe(&mut world, 0, Some(offset)).unwrap();
        let found = log.batch.expect("it is there");
        assert_eq!((found.base_offset, found.last_offset), (offset / 2 * 2, offset / 2 * 2 + 1));
        assert_eq!((found.record_count, found.compression, found.producer_id), (2, "none", -1));
        let segment = log.segments.iter().rfind(|segment| segment.base_offset <= offset).unwrap();
        assert_eq!(found.segment, segment.base_offset);
        assert!(found.entry.0 <= found.base_offset && found.entry.1 <= found.position);
        let stored = &world.disk.segments[&(log_id, found.segment)];
        let at = usize::try_from(found.position).unwrap();
        assert_eq!(stored[at..at + 8], found.base_offset.to_be_bytes());
    }
}

#[test]
fn what_is_not_there_is_refused_by_kafkas_name() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    world.produce("t", 0, batch(&["a"]));
    for (partition, offset, error) in [
        (1, None, "UNKNOWN_TOPIC_OR_PARTITION"),
        (0, Some(1), "OFFSET_OUT_OF_RANGE"),
        (0, Some(-1), "OFFSET_OUT_OF_RANGE"),
    ] {
        assert_eq!(describe(&mut world, partition, offset).unwrap_err().error, error);
    }
}
