//! The producer against a scripted cluster.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod support;

use headwater_client::{
    Acks, Delivery, ProducerConfig, ProducerId, ProducerRecord, SendError, Sent, partition_for_key,
};
use headwater_engine::record::{Batches, Compression};
use support::{Cluster, address};

fn producer(cluster: &mut Cluster, config: ProducerConfig) -> ProducerId {
    let producer = cluster.client.add_producer(config);
    assert_eq!(cluster.client.partition_count(cluster.now, "t"), Ok(None));
    cluster.advance(200);
    assert_eq!(cluster.client.partition_count(cluster.now, "t"), Ok(Some(cluster.partitions)));
    cluster.log.clear();
    producer
}

fn value(text: &str) -> ProducerRecord<'_> {
    ProducerRecord { topic: "t", value: Some(text.as_bytes()), ..ProducerRecord::default() }
}

fn to(partition: i32, text: &str) -> ProducerRecord<'_> {
    ProducerRecord { partition: Some(partition), ..value(text) }
}

fn deliveries(cluster: &mut Cluster, producer: ProducerId) -> Vec<Delivery> {
    std::iter::from_fn(|| cluster.client.poll_delivery(producer)).collect()
}

fn send(cluster: &mut Cluster, producer: ProducerId, record: &ProducerRecord<'_>) -> Sent {
    cluster.client.send(cluster.now, producer, record).unwrap()
}

#[test]
fn lingers_then_sends_one_batch_a_partition() {
    let mut cluster = Cluster::new(4);
    let p = producer(&mut cluster, ProducerConfig { linger_ms: 20, ..ProducerConfig::default() });
    for i in 0..4 {
        let sent = send(&mut cluster, p, &to(i % 2, "v"));
        assert_eq!(sent, Sent { partition: i % 2, sequence: (i / 2) as u64 });
    }
    cluster.advance(19);
    assert!(cluster.produced.is_empty());
    assert!(!cluster.client.is_flushed(p));
    cluster.advance(1);
    assert_eq!(cluster.produced.len(), 2, "one request to each leader");
    assert!(cluster.produced.contains(&vec![(0, 2)]));
    let done = deliveries(&mut cluster, p);
    assert_eq!(done.len(), 2);
    for delivery in done {
        assert_eq!((&*delivery.topic, delivery.sequences), ("t", 0..2));
        assert_eq!(delivery.result.unwrap().base_offset, Some(0));
    }
    assert!(cluster.client.is_flushed(p));
    assert_eq!(cluster.client.buffered_bytes(p), 0);
}

#[test]
fn a_full_batch_does_not_linger() {
    let mut cluster = Cluster::new(1);
    let config = ProducerConfig { linger_ms: 1_000, batch_size: 200, ..ProducerConfig::default() };
    let p = producer(&mut cluster, config);
    for _ in 0..20 {
        send(&mut cluster, p, &value("0123456789"));
    }
    cluster.run();
    let sent: i32 = cluster.produced.iter().flatten().map(|(_, records)| records).sum();
    assert!(sent >= 14, "{:?}", cluster.produced);
    cluster.client.flush(p);
    cluster.run();
    assert_eq!(cluster.produced.iter().flatten().map(|(_, records)| records).sum::<i32>(), 20);
}

#[test]
fn keyed_records_go_by_murmur2_and_keep_their_order() {
    let mut cluster = Cluster::new(4);
    let p = producer(&mut cluster, ProducerConfig::default());
    for i in 0..1_000_u32 {
        let key = format!("v{}", i % 37);
        let text = i.to_string();
        let record = ProducerRecord { key: Some(key.as_bytes()), ..value(&text) };
        assert_eq!(send(&mut cluster, p, &record).partition, partition_for_key(key.as_bytes(), 4));
    }
    cluster.advance(10);
    let mut last: std::collections::BTreeMap<Vec<u8>, u32> = Default::default();
    let mut count = 0;
    for (log, _) in cluster.stored.values() {
        for batch in Batches::new(log) {
            for record in batch.unwrap().records().unwrap().iter() {
                let record = record.unwrap();
                let number: u32 = std::str::from_utf8(record.value.unwrap()).unwrap().parse().unwrap();
                let before = last.insert(record.key.unwrap().to_vec(), number);
                assert!(before.is_none_or(|before| before < number));
                count += 1;
            }
        }
    }
    assert_eq!(count, 1_000);
}

#[test]
fn keyless_records_stick_to_a_partition_and_spread_over_all() {
    let mut cluster = Cluster::new(4);
    let config = ProducerConfig { batch_size: 1_000, linger_ms: 1_000, ..ProducerConfig::default() };
    let p = producer(&mut cluster, config);
    let mut partitions = Vec::new();
    for i in 0..20_000 {
        partitions.push(send(&mut cluster, p, &value("0123456789")).partition);
        if i % 100 == 0 {
            cluster.run();
        }
    }
    let switches = partitions.windows(2).filter(|pair| pair[0] != pair[1]).count();
    // A record is 17 bytes, a batch 56 records: about 350 batches, three quarters of which go elsewhere.
    assert!((120..350).contains(&switches), "{switches}");
    for partition in 0..4 {
        let share = partitions.iter().filter(|p| **p == partition).count();
        assert!((3_000..7_000).contains(&share), "partition {partition}: {share}");
    }
}

#[test]
fn a_full_buffer_refuses_and_takes_again_after_deliveries() {
    let mut cluster = Cluster::new(2);
    let config = ProducerConfig {
        batch_size: 1_000,
        buffer_memory: 3_000,
        linger_ms: 60_000,
        ..ProducerConfig::default()
    };
    let p = producer(&mut cluster, config);
    cluster.hold = vec![0];
    let text = "x".repeat(300);
    let mut taken = 0;
    while cluster.client.send(cluster.now, p, &to(taken % 2, &text)).is_ok() {
        taken += 1;
        assert!(taken < 100);
    }
    assert_eq!(cluster.client.send(cluster.now, p, &to(taken % 2, &text)), Err(SendError::BufferFull));
    assert!(cluster.client.buffered_bytes(p) <= 3_000);
    // Pressed for memory it does not linger.
    cluster.run();
    assert!(!cluster.held.is_empty());
    cluster.release();
    assert!(cluster.client.send(cluster.now, p, &to(0, &text)).is_ok());
    cluster.client.flush(p);
    cluster.run();
    let delivered: u64 =
        deliveries(&mut cluster, p).iter().map(|d| d.sequences.end - d.sequences.start).sum();
    assert_eq!(delivered, taken as u64 + 1);
}

#[test]
fn a_record_over_the_limit_is_refused() {
    let mut cluster = Cluster::new(1);
    let p = producer(&mut cluster, ProducerConfig::default());
    let text = "x".repeat(1_048_577);
    let Err(SendError::Failed(error)) = cluster.client.send(cluster.now, p, &value(&text)) else { panic!() };
    assert_eq!((error.name, error.code), ("MESSAGE_TOO_LARGE", Some(10)));
    let Err(SendError::Failed(error)) = cluster.client.send(cluster.now, p, &to(1, "v")) else { panic!() };
    assert_eq!(error.name, "UNKNOWN_TOPIC_OR_PARTITION");
    let large = "x".repeat(900_000);
    send(&mut cluster, p, &value(&large));
    cluster.advance(10);
    assert!(deliveries(&mut cluster, p)[0].result.is_ok());
}

#[test]
fn retries_keep_the_order_with_one_batch_in_flight() {
    let mut cluster = Cluster::new(1);
    let config = ProducerConfig { max_in_flight_per_partition: 1, linger_ms: 0, ..ProducerConfig::default() };
    let p = producer(&mut cluster, config);
    cluster.produce_errors.insert(0, vec![6, 0, 5, 19, 0]);
    for i in 0..5 {
        send(&mut cluster, p, &value(&i.to_string()));
        cluster.client.flush(p);
        cluster.run();
    }
    cluster.advance(5_000);
    assert_eq!(cluster.produced.len(), 5 + 3);
    let done = deliveries(&mut cluster, p);
    let offsets: Vec<_> = done.iter().map(|d| d.result.clone().unwrap().base_offset).collect();
    assert_eq!(offsets, (0..5).map(Some).collect::<Vec<_>>());
    assert!(done.iter().map(|d| d.sequences.start).eq(0..5));
    assert!(cluster.log.contains(&3), "NOT_LEADER asks for the leader");
}

#[test]
fn nothing_is_sent_behind_a_batch_that_is_tried_again() {
    let mut cluster = Cluster::new(1);
    let p = producer(&mut cluster, ProducerConfig { linger_ms: 0, ..ProducerConfig::default() });
    cluster.produce_errors.insert(0, vec![6]);
    send(&mut cluster, p, &value("first"));
    cluster.run();
    send(&mut cluster, p, &value("second"));
    cluster.run();
    assert_eq!(cluster.produced.len(), 1);
    cluster.hold = vec![0];
    cluster.advance(1_000);
    assert_eq!(cluster.held.len(), 1, "the retry goes alone");
    cluster.release();
    let order: Vec<u64> = deliveries(&mut cluster, p).iter().map(|d| d.sequences.start).collect();
    assert_eq!(order, [0, 1]);
}

#[test]
fn several_batches_of_a_partition_are_in_flight_up_to_the_limits() {
    let mut cluster = Cluster::new(1);
    let config =
        ProducerConfig { batch_size: 100, max_in_flight_per_partition: 3, ..ProducerConfig::default() };
    let p = producer(&mut cluster, config);
    cluster.hold = vec![0];
    for _ in 0..10 {
        send(&mut cluster, p, &value(&"x".repeat(90)));
    }
    cluster.run();
    assert_eq!(cluster.held.len(), 3);
    cluster.release();
    cluster.advance(10);
    assert_eq!(deliveries(&mut cluster, p).len(), 10);
}

#[test]
fn a_permanent_error_is_delivered_with_kafkas_name() {
    let mut cluster = Cluster::new(1);
    let p = producer(&mut cluster, ProducerConfig::default());
    cluster.produce_errors.insert(0, vec![10]);
    send(&mut cluster, p, &value("v"));
    cluster.advance(10);
    let error = deliveries(&mut cluster, p).remove(0).result.unwrap_err();
    assert_eq!((error.name, error.code, error.retriable), ("MESSAGE_TOO_LARGE", Some(10), false));
    send(&mut cluster, p, &value("v"));
    cluster.advance(10);
    assert!(deliveries(&mut cluster, p)[0].result.is_ok());
}

#[test]
fn halts_on_failure_so_that_no_hole_is_left() {
    let mut cluster = Cluster::new(1);
    let config = ProducerConfig {
        max_in_flight_per_partition: 1,
        halt_on_failure: true,
        linger_ms: 0,
        ..ProducerConfig::default()
    };
    let p = producer(&mut cluster, config);
    cluster.produce_errors.insert(0, vec![0, 10]);
    for i in 0..4 {
        send(&mut cluster, p, &value(&i.to_string()));
        cluster.client.flush(p);
    }
    cluster.run();
    let done = deliveries(&mut cluster, p);
    assert_eq!(cluster.produced.len(), 2);
    assert!(done[0].result.is_ok());
    assert_eq!(done[1].result.as_ref().unwrap_err().name, "MESSAGE_TOO_LARGE");
    assert_eq!(done[2].result.as_ref().unwrap_err().name, "ABORTED");
    assert_eq!(done.len(), 4);
    assert!(matches!(cluster.client.send(cluster.now, p, &value("v")), Err(SendError::Failed(_))));
    assert_eq!(cluster.client.buffered_bytes(p), 0);
}

#[test]
fn a_lost_connection_is_tried_again_or_not_as_configured() {
    for retry in [true, false] {
        let mut cluster = Cluster::new(1);
        let config = ProducerConfig { retry_unknown_outcome: retry, ..ProducerConfig::default() };
        let p = producer(&mut cluster, config);
        cluster.hold = vec![0];
        send(&mut cluster, p, &value("v"));
        cluster.advance(10);
        assert_eq!(cluster.held.len(), 1);
        cluster.held.clear();
        cluster.hold.clear();
        cluster.client.handle_disconnect(cluster.now, &address(0));
        cluster.advance(2_000);
        let done = deliveries(&mut cluster, p);
        assert_eq!(done.len(), 1);
        match retry {
            true => assert_eq!(done[0].result.as_ref().unwrap().base_offset, Some(0)),
            false => assert_eq!(done[0].result.as_ref().unwrap_err().name, "NETWORK_EXCEPTION"),
        }
    }
}

#[test]
fn the_delivery_time_out_ends_a_batch() {
    let mut cluster = Cluster::new(1);
    let p =
        producer(&mut cluster, ProducerConfig { delivery_timeout_ms: 2_000, ..ProducerConfig::default() });
    cluster.produce_errors.insert(0, vec![6; 100]);
    send(&mut cluster, p, &value("v"));
    cluster.advance(3_000);
    let done = deliveries(&mut cluster, p);
    assert_eq!(done.len(), 1);
    assert!(done[0].result.is_err());
    assert!(cluster.produced.len() > 2);
    assert_eq!(cluster.client.buffered_bytes(p), 0);
}

#[test]
fn acks_0_expects_no_answer() {
    let mut cluster = Cluster::new(1);
    let p = producer(&mut cluster, ProducerConfig { acks: Acks::None, ..ProducerConfig::default() });
    for _ in 0..3 {
        send(&mut cluster, p, &value("v"));
        cluster.advance(10);
    }
    assert_eq!(cluster.stored[&0].1, 3);
    let done = deliveries(&mut cluster, p);
    assert!(done.iter().all(|d| d.result.as_ref().is_ok_and(|d| d.base_offset.is_none())));
    cluster.advance(60_000);
    assert!(cluster.closed.is_empty());
}

#[test]
fn compressed_batches_are_read_back() {
    for compression in [Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd] {
        let mut cluster = Cluster::new(1);
        let p = producer(&mut cluster, ProducerConfig { compression, ..ProducerConfig::default() });
        for i in 0..100 {
            send(&mut cluster, p, &value(&i.to_string()));
        }
        cluster.advance(10);
        assert_eq!(cluster.stored[&0].1, 100);
    }
}

#[test]
fn abort_gives_up_what_is_not_on_its_way() {
    let mut cluster = Cluster::new(1);
    let p = producer(&mut cluster, ProducerConfig { linger_ms: 1_000, ..ProducerConfig::default() });
    send(&mut cluster, p, &value("v"));
    cluster.client.abort(p);
    let done = deliveries(&mut cluster, p);
    assert_eq!(done[0].result.as_ref().unwrap_err().name, "ABORTED");
    assert!(cluster.client.is_flushed(p));
    cluster.advance(2_000);
    assert!(cluster.produced.is_empty());
}

#[test]
fn a_producer_may_have_a_client_id_of_its_own() {
    let mut cluster = Cluster::new(1);
    let config = ProducerConfig { client_id: Some("producer-7".to_owned()), ..ProducerConfig::default() };
    let named = producer(&mut cluster, config);
    let other = cluster.client.add_producer(ProducerConfig::default());
    cluster.hold = vec![0];
    for p in [named, other] {
        send(&mut cluster, p, &value("v"));
        cluster.advance(10);
    }
    let as_whom: Vec<&str> = cluster.held.iter().map(|asked| asked.client_id.as_str()).collect();
    assert_eq!(as_whom, ["producer-7", "headwater"]);
}
