//! The consumer against a scripted cluster.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod support;

use std::ops::ControlFlow;

use headwater_client::{AutoOffsetReset, ConsumerConfig, ConsumerEvent, ConsumerId, StartOffset};
use headwater_engine::TopicPartition;
use support::Cluster;

fn tp(partition: i32) -> TopicPartition {
    TopicPartition { topic: "t".into(), partition }
}

fn consumer(cluster: &mut Cluster, start: StartOffset, config: ConsumerConfig) -> ConsumerId {
    let consumer = cluster.client.add_consumer(config);
    cluster.client.assign(consumer, tp(0), start);
    cluster.advance(300);
    consumer
}

/// `(offset, value)` of everything that has come; the name of an error in place of a value.
fn taken(cluster: &mut Cluster, consumer: ConsumerId) -> Vec<(i64, String)> {
    let mut all = Vec::new();
    while let Some(event) = cluster.client.poll_consumer(consumer) {
        match event {
            ConsumerEvent::Fetched(fetched) => fetched
                .for_each(|record| {
                    let value = String::from_utf8(record.value.unwrap().to_vec()).unwrap();
                    all.push((record.offset, value));
                    ControlFlow::Continue(())
                })
                .unwrap(),
            ConsumerEvent::Failed { error, .. } => all.push((-1, error.name.to_owned())),
            other => panic!("{other:?}"),
        }
        cluster.run();
    }
    all
}

fn expect(from: i64, values: &[&str]) -> Vec<(i64, String)> {
    values.iter().enumerate().map(|(i, value)| (from + i as i64, (*value).to_owned())).collect()
}

#[test]
fn reads_from_the_start_and_drops_what_lies_before_the_asked_offset() {
    let mut cluster = Cluster::new(2);
    cluster.store_values(0, &["a", "b", "c"]);
    cluster.store_values(0, &["d"]);
    let c = consumer(&mut cluster, StartOffset::Earliest, ConsumerConfig::default());
    assert_eq!(taken(&mut cluster, c), expect(0, &["a", "b", "c", "d"]));
    let state = cluster.client.partition_state(c, &tp(0)).unwrap();
    assert_eq!((state.position, state.high_watermark, state.log_start_offset), (Some(4), Some(4), Some(0)));

    cluster.client.assign(c, tp(0), StartOffset::Offset(1));
    cluster.held.clear();
    // The long poll at the end has to come back before a new fetch is sent.
    cluster.disconnect(0);
    cluster.advance(500);
    assert_eq!(taken(&mut cluster, c), expect(1, &["b", "c", "d"]));
}

#[test]
fn begins_at_the_end_or_at_a_time() {
    let mut cluster = Cluster::new(2);
    cluster.store_values(0, &["a", "b"]);
    let c = consumer(&mut cluster, StartOffset::Latest, ConsumerConfig::default());
    assert_eq!(taken(&mut cluster, c), []);
    assert_eq!(cluster.client.partition_state(c, &tp(0)).unwrap().position, Some(2));
    cluster.store_values(0, &["c"]);
    cluster.release();
    assert_eq!(taken(&mut cluster, c), expect(2, &["c"]));

    let c = consumer(&mut cluster, StartOffset::Timestamp(0), ConsumerConfig::default());
    cluster.release();
    assert_eq!(taken(&mut cluster, c).len(), 3);
    let c = consumer(&mut cluster, StartOffset::Timestamp(i64::MAX), ConsumerConfig::default());
    cluster.release();
    assert_eq!(cluster.client.partition_state(c, &tp(0)).unwrap().position, Some(3));
}

#[test]
fn fetches_ahead_within_its_bounds() {
    let mut cluster = Cluster::new(2);
    for _ in 0..100 {
        cluster.store_values(0, &["0123456789"; 100]);
    }
    let config = ConsumerConfig {
        max_partition_fetch_bytes: 4_000,
        max_buffered_bytes: 10_000,
        ..ConsumerConfig::default()
    };
    let c = consumer(&mut cluster, StartOffset::Earliest, config);
    let fetches = cluster.log.iter().filter(|key| **key == 1).count();
    assert!((3..=6).contains(&fetches), "{fetches} fetches before anything was taken");
    assert_eq!(cluster.client.partition_state(c, &tp(0)).unwrap().position, Some(0));
    let all = taken(&mut cluster, c);
    assert_eq!(all.len(), 10_000);
    assert!(all.iter().map(|(offset, _)| *offset).eq(0..10_000));
}

#[test]
fn an_offset_that_is_gone_is_reset_or_told() {
    for (reset, expected) in [
        (AutoOffsetReset::Earliest, expect(0, &["a"])),
        (AutoOffsetReset::Latest, vec![]),
        (AutoOffsetReset::None, vec![(-1, "OFFSET_OUT_OF_RANGE".to_owned())]),
    ] {
        let mut cluster = Cluster::new(2);
        cluster.store_values(0, &["a"]);
        let config = ConsumerConfig { auto_offset_reset: reset, ..ConsumerConfig::default() };
        let c = consumer(&mut cluster, StartOffset::Offset(77), config);
        assert_eq!(taken(&mut cluster, c), expected, "{reset:?}");
    }
}

/// A batch's checksum does not cover its base offset.
#[test]
fn a_batch_that_stands_where_it_cannot_is_damaged() {
    // The offset that the second of three batches says it is at, and how many good ones come before the error.
    for (offset, good) in [(0, 0), (2, 1), (100, 1)] {
        let mut cluster = Cluster::new(1);
        for value in ["a", "b", "c"] {
            cluster.store_values(0, &[value]);
        }
        let log = &mut cluster.stored.get_mut(&0).unwrap().0;
        let second = log.len() / 3;
        log[second..second + 8].copy_from_slice(&i64::to_be_bytes(offset));
        let c = consumer(&mut cluster, StartOffset::Earliest, ConsumerConfig::default());
        let mut expected = expect(0, &["a", "b", "c"][..good]);
        expected.push((-1, "CORRUPT_MESSAGE".to_owned()));
        assert_eq!(taken(&mut cluster, c), expected, "{offset}");
    }
}

#[test]
fn a_damaged_batch_is_told_after_the_good_ones() {
    let mut cluster = Cluster::new(2);
    cluster.store_values(0, &["a", "b"]);
    cluster.store_values(0, &["c"]);
    let log = &mut cluster.stored.get_mut(&0).unwrap().0;
    let last = log.len() - 1;
    log[last] ^= 1;
    let c = consumer(&mut cluster, StartOffset::Earliest, ConsumerConfig::default());
    let all = taken(&mut cluster, c);
    assert_eq!(all[..2], expect(0, &["a", "b"]));
    assert_eq!(all[2], (-1, "CORRUPT_MESSAGE".to_owned()));
    assert_eq!(all.len(), 3);
    cluster.advance(2_000);
    assert_eq!(taken(&mut cluster, c), []);
    // Behind the damage it goes on when told to.
    cluster.store_values(0, &["d"]);
    cluster.client.assign(c, tp(0), StartOffset::Offset(3));
    cluster.advance(500);
    assert_eq!(taken(&mut cluster, c), expect(3, &["d"]));
}

#[test]
fn a_paused_partition_hands_out_nothing() {
    let mut cluster = Cluster::new(2);
    cluster.store_values(0, &["a"]);
    cluster.store_values(1, &["b"]);
    let c = cluster.client.add_consumer(ConsumerConfig::default());
    cluster.client.assign(c, tp(0), StartOffset::Earliest);
    cluster.client.assign(c, tp(1), StartOffset::Earliest);
    cluster.client.pause(c, &tp(0));
    cluster.advance(500);
    assert_eq!(taken(&mut cluster, c), expect(0, &["b"]));
    cluster.client.resume(c, &tp(0));
    cluster.advance(500);
    assert_eq!(taken(&mut cluster, c), expect(0, &["a"]));
    cluster.client.unassign(c, &tp(0));
    assert!(cluster.client.partition_state(c, &tp(0)).is_none());
}

#[test]
fn an_answer_to_an_earlier_assignment_is_dropped() {
    let mut cluster = Cluster::new(2);
    cluster.store_values(0, &["a", "b", "c"]);
    cluster.hold = vec![1];
    let c = consumer(&mut cluster, StartOffset::Offset(0), ConsumerConfig::default());
    assert_eq!(cluster.held.len(), 1);
    cluster.client.assign(c, tp(0), StartOffset::Offset(2));
    cluster.release();
    cluster.advance(500);
    assert_eq!(taken(&mut cluster, c), expect(2, &["c"]));
}
