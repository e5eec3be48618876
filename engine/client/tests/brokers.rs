//! Several brokers: leaders that move or are missing, brokers that are not reached, and connections of one's own.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod support;

use std::collections::BTreeMap;

use headwater_client::{
    AdminReply, ClientConfig, ConsumerConfig, ConsumerEvent, ConsumerId, NewTopic, OffsetSpec,
    ProducerConfig, ProducerId, ProducerRecord, StartOffset,
};
use headwater_engine::TopicPartition;
use support::{Asked, Cluster, address, is_of};

const PRODUCE: i16 = 0;
const FETCH: i16 = 1;
const METADATA: i16 = 3;
const CREATE_TOPICS: i16 = 19;
const INIT_PRODUCER_ID: i16 = 22;

fn tp(partition: i32) -> TopicPartition {
    TopicPartition { topic: "t".into(), partition }
}

fn producer(cluster: &mut Cluster) -> ProducerId {
    let producer = cluster.client.add_producer(ProducerConfig { linger_ms: 0, ..ProducerConfig::default() });
    let _ = cluster.client.partition_count(cluster.now, "t");
    cluster.advance(300);
    producer
}

fn send(cluster: &mut Cluster, producer: ProducerId, partition: i32) {
    let record = ProducerRecord {
        topic: "t",
        partition: Some(partition),
        value: Some(b"v"),
        ..ProducerRecord::default()
    };
    cluster.client.send(cluster.now, producer, &record).unwrap();
    cluster.run();
}

/// The partitions whose batches were delivered since the last call, in order.
fn delivered(cluster: &mut Cluster, producer: ProducerId) -> Vec<i32> {
    let mut partitions: Vec<i32> = std::iter::from_fn(|| cluster.client.poll_delivery(producer))
        .map(|delivery| delivery.result.map(|_| delivery.partition).unwrap())
        .collect();
    partitions.sort_unstable();
    partitions
}

fn consumer(cluster: &mut Cluster, partitions: &[i32], config: ConsumerConfig) -> ConsumerId {
    let consumer = cluster.client.add_consumer(config);
    for partition in partitions {
        cluster.client.assign(consumer, tp(*partition), StartOffset::Earliest);
    }
    cluster.advance(300);
    consumer
}

/// How many batches have come of each partition, in the order of their coming.
fn fetched(cluster: &mut Cluster, consumer: ConsumerId) -> Vec<i32> {
    let mut partitions = Vec::new();
    while let Some(event) = cluster.client.poll_consumer(consumer) {
        match event {
            ConsumerEvent::Fetched(fetched) => partitions.push(fetched.topic_partition.partition),
            other => panic!("{other:?}"),
        }
        cluster.run();
    }
    partitions.sort_unstable();
    partitions
}

#[test]
fn a_leader_that_has_moved_is_followed() {
    let mut cluster = Cluster::new(2);
    cluster.store_values(0, &["a"]);
    let c = consumer(&mut cluster, &[0], ConsumerConfig::default());
    assert_eq!(fetched(&mut cluster, c), [0]);
    let p = producer(&mut cluster);
    cluster.leaders.insert(0, 1);
    send(&mut cluster, p, 0);
    assert!(delivered(&mut cluster, p).is_empty(), "the old leader refuses it");
    cluster.advance(1_000);
    assert_eq!(delivered(&mut cluster, p), [0]);
    // The fetch that waited at the old leader is answered now.
    cluster.release();
    cluster.advance(1_000);
    assert_eq!(fetched(&mut cluster, c), [0]);
    let id = cluster.client.list_offsets(cluster.now, vec![(tp(0), OffsetSpec::Latest)]);
    cluster.advance(1_000);
    let (answered, reply) = cluster.client.poll_admin().unwrap();
    let AdminReply::Offsets(offsets) = reply.unwrap() else { panic!() };
    assert_eq!((answered, &offsets[0].result), (id, &Ok(Some(2))));
}

#[test]
fn a_leader_that_is_missing_is_waited_for() {
    let mut cluster = Cluster::new(2);
    cluster.leaders.insert(1, -1);
    let p = producer(&mut cluster);
    send(&mut cluster, p, 0);
    send(&mut cluster, p, 1);
    cluster.advance(1_000);
    assert_eq!(delivered(&mut cluster, p), [0]);
    cluster.leaders.insert(1, 0);
    cluster.advance(500);
    assert_eq!(delivered(&mut cluster, p), [1]);
}

#[test]
fn a_broker_that_is_not_reached_is_tried_again_while_others_go_on() {
    let mut cluster = Cluster::new(2);
    cluster.unreachable = vec![1];
    for partition in [0, 1] {
        cluster.store_values(partition, &["a"]);
    }
    let c = consumer(&mut cluster, &[0, 1], ConsumerConfig::default());
    let p = producer(&mut cluster);
    for partition in [0, 1, 0] {
        send(&mut cluster, p, partition);
        cluster.advance(50);
    }
    assert_eq!(delivered(&mut cluster, p), [0, 0]);
    cluster.advance(20_000);
    assert!(fetched(&mut cluster, c).iter().all(|partition| *partition == 0));
    let tried: u32 = cluster.tried.iter().filter(|(address, _)| is_of(address, 1)).map(|tried| tried.1).sum();
    assert!((20..120).contains(&tried), "it backs off: {tried} attempts");
    cluster.unreachable.clear();
    cluster.advance(2_000);
    assert_eq!(delivered(&mut cluster, p), [1]);
    assert!(fetched(&mut cluster, c).contains(&1));
}

#[test]
fn the_cluster_is_asked_about_wherever_a_broker_answers() {
    let mut cluster = Cluster::new(2);
    let p = producer(&mut cluster);
    send(&mut cluster, p, 1);
    assert_eq!(delivered(&mut cluster, p), [1]);
    // The only broker of the bootstrap servers goes; another leads all it had.
    cluster.unreachable = vec![0];
    cluster.disconnect(0);
    cluster.leaders.insert(0, 1);
    cluster.log.clear();
    send(&mut cluster, p, 0);
    cluster.advance(2_000);
    assert!(cluster.log.contains(&METADATA));
    assert_eq!(delivered(&mut cluster, p), [0]);
}

#[test]
fn what_only_the_controller_does_goes_to_it_and_is_waited_for() {
    let mut cluster = Cluster::new(2);
    producer(&mut cluster);
    cluster.controller = 1;
    cluster.unreachable = vec![1];
    cluster.disconnect(1);
    let topic = NewTopic { name: "n".into(), partitions: 1, replication_factor: 1, configs: Vec::new() };
    cluster.client.create_topics(cluster.now, vec![topic]);
    cluster.advance(3_000);
    assert!(cluster.client.poll_admin().is_none());
    cluster.unreachable.clear();
    cluster.advance(2_000);
    let AdminReply::Topics(topics) = cluster.client.poll_admin().unwrap().1.unwrap() else { panic!() };
    assert_eq!(topics, [("n".to_owned(), Ok(()))]);
}

/// Where the fetches went that wait.
fn waiting(cluster: &Cluster) -> Vec<u32> {
    let lanes = cluster.held.iter().filter(|asked: &&Asked| asked.key == FETCH).map(|asked| asked.to.lane);
    lanes.collect()
}

#[test]
fn a_consumer_that_waits_delays_nobody() {
    let mut cluster = Cluster::new(2);
    let first = consumer(&mut cluster, &[0], ConsumerConfig::default());
    consumer(&mut cluster, &[0], ConsumerConfig::default());
    let shared = ConsumerConfig { own_connections: false, ..ConsumerConfig::default() };
    consumer(&mut cluster, &[0], shared);
    let lanes = waiting(&cluster);
    assert_eq!(lanes.len(), 3);
    assert!(lanes[0] != 0 && lanes[1] != 0 && lanes[0] != lanes[1] && lanes[2] == 0, "{lanes:?}");
    assert_eq!(address(0).to_string(), address(0).on_lane(lanes[0]).to_string());
    // It goes, and its connection with it.
    cluster.client.remove_consumer(first);
    cluster.run();
    assert_eq!(cluster.closed, [address(0).on_lane(lanes[0])]);
    cluster.advance(60_000);
    assert!(!cluster.tried.keys().any(|address| address.lane == lanes[0] && cluster.tried[address] > 1));
}

#[test]
fn a_producer_and_changes_with_connections_of_their_own_delay_nobody() {
    let bootstrap_servers = vec![address(0)];
    let config =
        ClientConfig { bootstrap_servers, own_connections_for_changes: true, ..ClientConfig::default() };
    let mut cluster = Cluster::with(1, config);
    let own = ProducerConfig { linger_ms: 0, own_connections: true, ..ProducerConfig::default() };
    let p = cluster.client.add_producer(own);
    let _ = cluster.client.partition_count(cluster.now, "t");
    cluster.hold = vec![INIT_PRODUCER_ID];
    cluster.advance(300);
    send(&mut cluster, p, 0);
    let identity = cluster.held[0].to.lane;
    cluster.release();
    assert_eq!(delivered(&mut cluster, p), [0]);
    cluster.hold = vec![PRODUCE, CREATE_TOPICS];
    send(&mut cluster, p, 0);
    let topic = NewTopic { name: "n".into(), partitions: 1, replication_factor: 1, configs: Vec::new() };
    cluster.client.create_topics(cluster.now, vec![topic]);
    cluster.advance(300);
    let lanes: BTreeMap<i16, u32> = cluster.held.iter().map(|asked| (asked.key, asked.to.lane)).collect();
    let [produce, create] = [lanes[&PRODUCE], lanes[&CREATE_TOPICS]];
    assert!(produce != 0 && create != 0 && produce != create, "{lanes:?}");
    assert_eq!(identity, produce);
    // Who looks goes by none of them, and is answered.
    let id = cluster.client.list_offsets(cluster.now, vec![(tp(0), OffsetSpec::Earliest)]);
    cluster.run();
    assert_eq!(
        cluster.client.poll_admin().map(|(answered, reply)| (answered, reply.is_ok())),
        Some((id, true))
    );
    cluster.held.retain(|asked| asked.key == PRODUCE);
    cluster.release();
    assert_eq!(delivered(&mut cluster, p), [0]);
    // It goes, and its connection with it.
    cluster.closed.clear();
    cluster.client.remove_producer(p);
    cluster.run();
    assert_eq!(cluster.closed, [address(0).on_lane(produce)]);
}

#[test]
fn a_broker_that_is_known_to_be_back_is_connected_to_at_once() {
    let mut cluster = Cluster::new(1);
    producer(&mut cluster);
    cluster.unreachable = vec![0];
    cluster.disconnect(0);
    let id = cluster.client.list_offsets(cluster.now, vec![(tp(0), OffsetSpec::Earliest)]);
    cluster.run();
    cluster.unreachable.clear();
    cluster.run();
    assert!(cluster.client.poll_admin().is_none(), "it backs off");
    cluster.client.handle_reachable(&address(0));
    cluster.run();
    assert_eq!(
        cluster.client.poll_admin().map(|(answered, reply)| (answered, reply.is_ok())),
        Some((id, true))
    );
}

#[test]
fn a_consumer_of_many_brokers_is_taken_away_while_they_are_connected_to() {
    let mut cluster = Cluster::new(2);
    cluster.unreachable = vec![1];
    let c = consumer(&mut cluster, &[0, 1], ConsumerConfig::default());
    cluster.client.remove_consumer(c);
    cluster.advance(5_000);
    let before = cluster.tried.clone();
    cluster.advance(5_000);
    assert_eq!(cluster.tried, before, "nobody asks for it any more");
}
