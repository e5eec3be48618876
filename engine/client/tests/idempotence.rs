//! The idempotent producer against a scripted cluster: as whom its batches come, and what it makes of refusals.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod support;

use headwater_client::{Acks, ClientError, Delivery, ProducerConfig, ProducerId, ProducerRecord};
use headwater_engine::TopicPartition;
use support::{Asked, Cluster, address};

const NOT_LEADER: i16 = 6;
const TOO_LARGE: i16 = 10;
const OUT_OF_ORDER: i16 = 45;
const DUPLICATE: i16 = 46;
const INVALID_EPOCH: i16 = 47;
const UNKNOWN_ID: i16 = 59;

/// One record is one batch, and sent at once.
fn producer(cluster: &mut Cluster, config: &ProducerConfig) -> ProducerId {
    let producer =
        cluster.client.add_producer(ProducerConfig { batch_size: 1, linger_ms: 0, ..config.clone() });
    let _ = cluster.client.partition_count(cluster.now, "t");
    cluster.advance(200);
    cluster.log.clear();
    producer
}

fn send(cluster: &mut Cluster, producer: ProducerId, count: u64) {
    for _ in 0..count {
        let record =
            ProducerRecord { topic: "t", partition: Some(0), value: Some(b"v"), ..ProducerRecord::default() };
        cluster.client.send(cluster.now, producer, &record).unwrap();
    }
    cluster.run();
}

fn deliveries(cluster: &mut Cluster, producer: ProducerId) -> Vec<Delivery> {
    std::iter::from_fn(|| cluster.client.poll_delivery(producer)).collect()
}

/// Whether all that was sent was delivered, in its order and at rising offsets.
fn all_delivered(cluster: &mut Cluster, producer: ProducerId, count: u64) {
    let mut done = deliveries(cluster, producer);
    done.sort_by_key(|delivery| delivery.sequences.start);
    assert!(done.iter().map(|delivery| delivery.sequences.start).eq(0..count), "{done:?}");
    let offsets: Vec<i64> = done.iter().filter_map(|d| d.result.as_ref().unwrap().base_offset).collect();
    assert!(offsets.is_sorted(), "{offsets:?}");
    assert!(cluster.client.is_flushed(producer));
    assert_eq!(cluster.client.buffered_bytes(producer), 0);
}

/// Of the batches that came since the last call: epoch and sequence.
fn stamps(cluster: &mut Cluster) -> Vec<(i16, i32)> {
    std::mem::take(&mut cluster.stamps).into_iter().map(|(_, _, epoch, sequence)| (epoch, sequence)).collect()
}

fn identity(cluster: &Cluster, producer: ProducerId) -> Option<(i64, i16)> {
    let tp = TopicPartition { topic: "t".into(), partition: 0 };
    cluster.client.producer_identity(producer, &tp)
}

/// What is held, in its order.
fn held(cluster: &mut Cluster) -> Vec<Asked> {
    std::mem::take(&mut cluster.held)
}

fn error(delivery: &Delivery) -> &ClientError {
    delivery.result.as_ref().unwrap_err()
}

#[test]
fn batches_of_each_partition_are_numbered() {
    let mut cluster = Cluster::new(2);
    let p = producer(&mut cluster, &ProducerConfig::default());
    assert_eq!(identity(&cluster, p), None);
    send(&mut cluster, p, 3);
    let record =
        ProducerRecord { topic: "t", partition: Some(1), value: Some(b"v"), ..ProducerRecord::default() };
    cluster.client.send(cluster.now, p, &record).unwrap();
    cluster.run();
    let mut came = std::mem::take(&mut cluster.stamps);
    came.sort_unstable();
    assert_eq!(came, [(0, 7_000, 0, 0), (0, 7_000, 0, 1), (0, 7_000, 0, 2), (1, 7_000, 0, 0)]);
    assert_eq!(cluster.log.iter().filter(|key| **key == 22).count(), 1, "one id is enough");
    assert_eq!(identity(&cluster, p), Some((7_000, 0)));
}

#[test]
fn a_sequence_counts_records() {
    let mut cluster = Cluster::new(1);
    let config = ProducerConfig { linger_ms: 10, ..ProducerConfig::default() };
    let p = cluster.client.add_producer(config);
    let _ = cluster.client.partition_count(cluster.now, "t");
    cluster.advance(200);
    for count in [3, 2, 1] {
        send(&mut cluster, p, count);
        cluster.advance(20);
    }
    assert_eq!(stamps(&mut cluster), [(0, 0), (0, 3), (0, 5)]);
}

#[test]
fn other_acks_or_no_retries_turn_it_off() {
    let configs = [
        ProducerConfig { acks: Acks::Leader, ..ProducerConfig::default() },
        ProducerConfig { acks: Acks::None, ..ProducerConfig::default() },
        ProducerConfig { retries: 0, ..ProducerConfig::default() },
        ProducerConfig { enable_idempotence: false, ..ProducerConfig::default() },
    ];
    for config in configs {
        let mut cluster = Cluster::new(1);
        let p = producer(&mut cluster, &config);
        send(&mut cluster, p, 2);
        assert_eq!(cluster.stamps, [(0, -1, -1, -1); 2]);
        assert!(!cluster.log.contains(&22));
    }
}

#[test]
fn no_more_than_five_are_on_their_way_and_a_retry_keeps_their_order() {
    let mut cluster = Cluster::new(1);
    let config = ProducerConfig { max_in_flight_per_partition: 50, ..ProducerConfig::default() };
    let p = producer(&mut cluster, &config);
    send(&mut cluster, p, 1);
    stamps(&mut cluster);
    cluster.hold = vec![0];
    send(&mut cluster, p, 8);
    assert_eq!(cluster.held.len(), 5);
    cluster.hold.clear();
    // The second finds no leader, so those behind it are out of order.
    cluster.produce_errors.insert(0, vec![0, NOT_LEADER, OUT_OF_ORDER, OUT_OF_ORDER, OUT_OF_ORDER]);
    for asked in held(&mut cluster) {
        cluster.answer(&asked);
    }
    cluster.advance(5_000);
    let came = stamps(&mut cluster);
    assert_eq!(came[..5], [(0, 1), (0, 2), (0, 3), (0, 4), (0, 5)]);
    assert_eq!(came[5..], [(0, 2), (0, 3), (0, 4), (0, 5), (0, 6), (0, 7), (0, 8)], "nothing is renumbered");
    all_delivered(&mut cluster, p, 9);
}

#[test]
fn a_lost_connection_changes_nothing_in_what_is_sent_again() {
    let mut cluster = Cluster::new(1);
    let p = producer(&mut cluster, &ProducerConfig::default());
    send(&mut cluster, p, 1);
    cluster.hold = vec![0];
    send(&mut cluster, p, 3);
    let lost = held(&mut cluster);
    cluster.client.handle_disconnect(cluster.now, &address(0));
    cluster.hold.clear();
    // The first of them arrived.
    cluster.produce_errors.insert(0, vec![DUPLICATE]);
    stamps(&mut cluster);
    cluster.advance(5_000);
    assert_eq!(stamps(&mut cluster), [(0, 1), (0, 2), (0, 3)]);
    let bytes = |asked: &Asked| {
        let request: kafka_protocol::messages::ProduceRequest = asked.decode();
        request.topic_data[0].partition_data[0].records.clone().unwrap()
    };
    assert_ne!(bytes(&lost[0]), bytes(&lost[1]));
    let done = deliveries(&mut cluster, p);
    assert_eq!(done.len(), 4);
    assert_eq!(done[1].result.as_ref().unwrap().base_offset, None, "where it is, is not told");
    assert!(done.iter().all(|delivery| delivery.result.is_ok()));
}

#[test]
fn a_gap_at_the_first_open_batch_raises_the_epoch() {
    for code in [OUT_OF_ORDER, UNKNOWN_ID] {
        let mut cluster = Cluster::new(1);
        let p = producer(&mut cluster, &ProducerConfig::default());
        send(&mut cluster, p, 2);
        stamps(&mut cluster);
        // The broker has lost what it knew, and refuses everything.
        cluster.produce_errors.insert(0, vec![code; 3]);
        cluster.hold = vec![0];
        send(&mut cluster, p, 3);
        cluster.release();
        cluster.advance(5_000);
        let came = stamps(&mut cluster);
        assert_eq!(came, [(0, 2), (0, 3), (0, 4), (1, 0), (1, 1), (1, 2)], "error {code}");
        assert_eq!(identity(&cluster, p), Some((7_000, 1)));
        all_delivered(&mut cluster, p, 5);
    }
}

#[test]
fn what_may_be_written_is_asked_about_before_the_epoch_is_raised() {
    let mut cluster = Cluster::new(1);
    let p = producer(&mut cluster, &ProducerConfig::default());
    send(&mut cluster, p, 1);
    cluster.hold = vec![0];
    send(&mut cluster, p, 3);
    held(&mut cluster);
    cluster.client.handle_disconnect(cluster.now, &address(0));
    cluster.hold.clear();
    stamps(&mut cluster);
    // The first is missing; the second is out of order; the third, oddly, is there.
    cluster.produce_errors.insert(0, vec![OUT_OF_ORDER, OUT_OF_ORDER, DUPLICATE]);
    cluster.advance(5_000);
    assert_eq!(stamps(&mut cluster), [(0, 1), (0, 2), (0, 3), (1, 0), (1, 1)]);
    assert!(deliveries(&mut cluster, p).iter().all(|delivery| delivery.result.is_ok()));
}

#[test]
fn a_batch_that_fails_for_good_leaves_no_gap() {
    let mut cluster = Cluster::new(1);
    let p = producer(&mut cluster, &ProducerConfig::default());
    send(&mut cluster, p, 1);
    stamps(&mut cluster);
    cluster.produce_errors.insert(0, vec![TOO_LARGE, OUT_OF_ORDER]);
    cluster.hold = vec![0];
    send(&mut cluster, p, 2);
    cluster.release();
    cluster.advance(5_000);
    assert_eq!(stamps(&mut cluster), [(0, 1), (0, 2), (1, 0)]);
    let done = deliveries(&mut cluster, p);
    assert_eq!(error(&done[1]).name, "MESSAGE_TOO_LARGE");
    assert!(done[0].result.is_ok() && done[2].result.is_ok());
    send(&mut cluster, p, 1);
    assert_eq!(stamps(&mut cluster), [(1, 1)]);
}

#[test]
fn a_later_epoch_elsewhere_takes_another_id_unless_the_batch_may_be_written() {
    let mut cluster = Cluster::new(1);
    let p = producer(&mut cluster, &ProducerConfig::default());
    send(&mut cluster, p, 1);
    cluster.produce_errors.insert(0, vec![INVALID_EPOCH]);
    send(&mut cluster, p, 1);
    cluster.advance(5_000);
    assert_eq!(cluster.stamps, [(0, 7_000, 0, 0), (0, 7_000, 0, 1), (0, 7_001, 0, 0)]);
    all_delivered(&mut cluster, p, 2);

    cluster.hold = vec![0];
    send(&mut cluster, p, 1);
    held(&mut cluster);
    cluster.client.handle_disconnect(cluster.now, &address(0));
    cluster.hold.clear();
    cluster.produce_errors.insert(0, vec![INVALID_EPOCH]);
    cluster.advance(5_000);
    let done = deliveries(&mut cluster, p);
    assert_eq!(error(&done[0]).name, "INVALID_PRODUCER_EPOCH");
    assert!(error(&done[0]).message.contains("not known to be written"), "{}", error(&done[0]));
    send(&mut cluster, p, 1);
    cluster.advance(5_000);
    assert_eq!(cluster.stamps.last(), Some(&(0, 7_002, 0, 0)));
    assert!(deliveries(&mut cluster, p)[0].result.is_ok());
}

#[test]
fn a_batch_that_times_out_lets_the_next_ones_go_on_under_another_epoch() {
    let mut cluster = Cluster::new(1);
    let config = ProducerConfig { delivery_timeout_ms: 1_000, ..ProducerConfig::default() };
    let p = producer(&mut cluster, &config);
    cluster.produce_errors.insert(0, vec![NOT_LEADER; 100]);
    send(&mut cluster, p, 1);
    cluster.advance(1_500);
    assert_eq!(error(&deliveries(&mut cluster, p)[0]).name, "REQUEST_TIMED_OUT");
    cluster.produce_errors.clear();
    stamps(&mut cluster);
    send(&mut cluster, p, 1);
    assert_eq!(stamps(&mut cluster), [(1, 0)]);
}

#[test]
fn a_producer_id_is_asked_for_again_and_its_refusal_told() {
    let mut cluster = Cluster::new(1);
    let p = producer(&mut cluster, &ProducerConfig::default());
    cluster.init_errors = vec![14, 51, 56];
    send(&mut cluster, p, 1);
    cluster.advance(5_000);
    all_delivered(&mut cluster, p, 1);

    let p = producer(&mut cluster, &ProducerConfig::default());
    cluster.init_errors = vec![31];
    send(&mut cluster, p, 2);
    cluster.advance(5_000);
    let done = deliveries(&mut cluster, p);
    assert_eq!(done.len(), 2);
    assert_eq!(error(&done[0]).name, "CLUSTER_AUTHORIZATION_FAILED");
    assert!(error(&done[0]).message.starts_with("The producer got no producer id"));
    // The next record asks again.
    send(&mut cluster, p, 1);
    cluster.advance(1_000);
    assert!(deliveries(&mut cluster, p)[0].result.is_ok());
}
