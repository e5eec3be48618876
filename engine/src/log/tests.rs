use bytes::Bytes;

use super::*;
use crate::config::{BrokerConfig, TopicConfigs};
use crate::record::{Compression, RecordBatchBuilder, set_base_offset_and_leader_epoch};
use proptest::prelude::*;

const ID: LogId = LogId::CLUSTER_METADATA;

fn config(segment_bytes: u64) -> LogConfig {
    let broker = BrokerConfig::new("test", 0, "here", 9092);
    LogConfig {
        segment_bytes,
        segment_ms: 1_000,
        retention_ms: None,
        index_interval_bytes: 100,
        ..TopicConfigs::default().resolve(&broker)
    }
}

fn push(log: &mut Log, records: usize, timestamp: i64, config: &LogConfig) -> AppendPoint {
    let mut builder = RecordBatchBuilder::new(Compression::None);
    for _ in 0..records {
        builder.append(timestamp, None, Some(b"value"), &[]).unwrap();
    }
    let mut batch = builder.build().to_vec();
    set_base_offset_and_leader_epoch(&mut batch, log.next_offset(), 0).unwrap();
    let batch = Bytes::from(batch);
    log.append(&batch, RecordBatch::parse(&batch).unwrap(), config).0
}

#[test]
fn a_log_rolls_by_size_and_by_time() {
    let mut log = Log::empty(ID);
    push(&mut log, 1, 0, &config(200));
    push(&mut log, 1, 1_000, &config(200));
    assert_eq!(log.segment_count(), 1);
    push(&mut log, 1, 1_001, &config(1_000));
    assert_eq!(log.segment_count(), 2, "more than segment.ms after the first record");
    push(&mut log, 20, 1_001, &config(200));
    assert_eq!(log.segment_count(), 3, "more than segment.bytes");
}

#[test]
fn a_batch_larger_than_a_segment_gets_one_of_its_own() {
    let mut log = Log::empty(ID);
    for _ in 0..3 {
        push(&mut log, 50, 0, &config(100));
    }
    assert_eq!(log.segment_count(), 3);
}

#[test]
fn the_index_of_a_segment_comes_back_as_it_was() {
    let mut log = Log::empty(ID);
    let config = config(2_000);
    let mut ops = Vec::new();
    for timestamp in 0..100 {
        let point = push(&mut log, 2, timestamp, &config);
        ops.extend(log.appended(&point));
    }
    let is_index =
        |op: &StorageOp| matches!(op, StorageOp::PutSnapshot { kind: SnapshotKind::SegmentIndex, .. });
    ops.retain(is_index);
    assert_eq!(ops.len(), log.segment_count() - 1);
    for (op, segment) in ops.iter().zip(&log.segments) {
        let StorageOp::PutSnapshot { snapshot, offset, .. } = op else {
            panic!("{op:?}");
        };
        let (restored, end_offset) = Segment::from_index(snapshot).unwrap();
        assert_eq!(end_offset, *offset);
        assert_eq!((restored.base_offset(), restored.size()), (segment.base_offset(), segment.size()));
        for probe in 0..200 {
            assert_eq!(restored.locate(probe), segment.locate(probe));
            assert_eq!(restored.locate_timestamp(probe), segment.locate_timestamp(probe));
        }
        for byte in 0..snapshot.len() {
            let mut damaged = snapshot.to_vec();
            damaged[byte] ^= 4;
            assert_eq!(Segment::from_index(&damaged), None, "byte {byte}");
        }
    }
}

proptest! {
    /// Taking the last appends back is as if they had never been: for all that a log knows.
    #[test]
    fn rolling_back_equals_never_having_appended(
        kept in prop::collection::vec((1_usize..20, 0_i64..3_000), 0..30),
        refused in prop::collection::vec((1_usize..20, 0_i64..3_000), 1..30),
    ) {
        let config = config(1_500);
        let mut log = Log::empty(ID);
        let mut model = Log::empty(ID);
        for (records, timestamp) in kept {
            for log in [&mut log, &mut model] {
                let point = push(log, records, timestamp, &config);
                log.appended(&point);
            }
        }
        let mut first = None;
        for (records, timestamp) in refused {
            let point = push(&mut log, records, timestamp, &config);
            first = first.or(Some(point));
        }
        log.roll_back(&first.unwrap(), std::iter::empty());
        prop_assert_eq!(&log.segments, &model.segments);
        prop_assert_eq!(log.next_offset(), model.next_offset());
        prop_assert_eq!(log.read_tail(0..Offset::MAX, usize::MAX, true), model.read_tail(0..Offset::MAX, usize::MAX, true));
        let next = (push(&mut log, 3, 50, &config), push(&mut model, 3, 50, &config));
        prop_assert_eq!(next.0, next.1);
    }
}
