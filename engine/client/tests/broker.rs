//! Producer, broker and consumer in one process, in virtual time: the real broker over the storage in memory.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use headwater_client::*;
use headwater_driver::{Driver, MemoryDisk, MemoryStorage};
use headwater_engine::{Broker, BrokerConfig, ConnectionId, Now, TopicPartition};

struct World {
    client: Client,
    /// By their ids, from 0.
    connections: Vec<Address>,
    broker: Driver<MemoryStorage>,
    now: Now,
}

fn address() -> Address {
    Address::new("broker-0", 9092)
}

impl World {
    fn new() -> World {
        let config = ClientConfig { bootstrap_servers: vec![address()], ..ClientConfig::default() };
        let broker = Broker::new(BrokerConfig::new("test", 0, "broker-0", 9092), 7);
        World {
            client: Client::new(config),
            connections: Vec::new(),
            broker: Driver::new(broker, MemoryStorage::open(&MemoryDisk::new())),
            now: Now { monotonic_ms: 0, wall_ms: 1_700_000_000_000 },
        }
    }

    /// Carries frames until nothing moves any more.
    fn run(&mut self) {
        for _ in 0..1_000_000 {
            let mut moved = false;
            while let Some(address) = self.client.poll_connect(self.now) {
                self.client.handle_connected(self.now, &address);
                self.connections.push(address);
                moved = true;
            }
            while let Some((to, frame)) = self.client.poll_transmit(self.now) {
                let id = self.connections.iter().position(|address| *address == to).unwrap();
                self.broker.handle_request(self.now, ConnectionId(id as u64), frame);
                moved = true;
            }
            self.broker.pump(self.now);
            while let Some((ConnectionId(id), frame)) = self.broker.poll_response() {
                let from = self.connections[usize::try_from(id).unwrap()].clone();
                self.client.handle_frame(self.now, &from, frame);
                moved = true;
            }
            assert!(self.client.poll_close().is_none() && self.broker.poll_close().is_none());
            if !moved {
                return;
            }
        }
        panic!("it never comes to rest");
    }

    /// Lets time pass, from one wake-up to the next.
    fn advance(&mut self, ms: u64) {
        let end = self.now.monotonic_ms + ms;
        for _ in 0..100_000 {
            self.run();
            let wakes = [self.client.poll_timeout(), self.broker.poll_timeout(), Some(end)];
            let next = wakes.into_iter().flatten().min().unwrap().clamp(self.now.monotonic_ms, end);
            if next == end && self.now.monotonic_ms == end {
                return;
            }
            self.now.wall_ms += (next - self.now.monotonic_ms) as i64;
            self.now.monotonic_ms = next;
            self.client.handle_timeout(self.now);
            self.broker.handle_timeout(self.now);
        }
        panic!("somebody wants to be woken all the time");
    }

    fn create(&mut self, partitions: i32, configs: &[(&str, &str)]) {
        let configs = configs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let topic =
            NewTopic { name: "t".into(), partitions, replication_factor: 1, configs: configs.collect() };
        let AdminReply::Topics(made) = self.ask(|client, now| client.create_topics(now, vec![topic])) else {
            panic!()
        };
        assert_eq!(made, [("t".to_owned(), Ok(()))]);
    }

    fn ask(&mut self, ask: impl FnOnce(&mut Client, Now) -> AdminRequestId) -> AdminReply {
        let id = ask(&mut self.client, self.now);
        self.advance(1_000);
        let (answered, reply) = self.client.poll_admin().unwrap();
        assert_eq!(answered, id);
        reply.unwrap()
    }
}

#[test]
fn what_is_produced_is_consumed() {
    let mut world = World::new();
    world.create(4, &[]);
    let producer =
        world.client.add_producer(ProducerConfig { batch_size: 1_000, ..ProducerConfig::default() });
    let _ = world.client.partition_count(world.now, "t");
    world.advance(500);
    let mut sent: BTreeMap<i32, Vec<String>> = BTreeMap::new();
    for i in 0..5_000 {
        let (key, value) = (format!("v{}", i % 61), format!("reading {i}"));
        let headers = [("a", Some(&b"1"[..])), ("a", None)];
        let record = ProducerRecord {
            topic: "t",
            key: Some(key.as_bytes()),
            value: Some(value.as_bytes()),
            headers: &headers,
            ..ProducerRecord::default()
        };
        let taken = world.client.send(world.now, producer, &record).unwrap();
        sent.entry(taken.partition).or_default().push(value);
        if i % 100 == 0 {
            world.run();
        }
    }
    world.advance(100);
    let mut delivered = 0;
    while let Some(delivery) = world.client.poll_delivery(producer) {
        assert_eq!(delivery.result.unwrap().base_offset, Some(delivery.sequences.start as i64));
        delivered += delivery.sequences.end - delivery.sequences.start;
    }
    assert_eq!(delivered, 5_000);

    let consumer = world.client.add_consumer(ConsumerConfig {
        max_partition_fetch_bytes: 5_000,
        max_buffered_bytes: 20_000,
        ..ConsumerConfig::default()
    });
    for partition in 0..4 {
        let tp = TopicPartition { topic: "t".into(), partition };
        world.client.assign(consumer, tp, StartOffset::Earliest);
    }
    let mut read: BTreeMap<i32, Vec<String>> = BTreeMap::new();
    for _ in 0..10 {
        world.advance(100);
        while let Some(event) = world.client.poll_consumer(consumer) {
            let ConsumerEvent::Fetched(fetched) = event else { panic!("{event:?}") };
            let values = read.entry(fetched.topic_partition.partition).or_default();
            fetched
                .for_each(|record| {
                    assert_eq!(record.offset, values.len() as i64);
                    assert_eq!(record.headers().len(), 2);
                    values.push(String::from_utf8(record.value.unwrap().to_vec()).unwrap());
                    ControlFlow::Continue(())
                })
                .unwrap();
            world.run();
        }
    }
    assert_eq!(read, sent);
}

#[test]
fn topics_are_made_listed_described_grown_and_deleted() {
    let mut world = World::new();
    world.create(2, &[("flush.messages", "1")]);
    let AdminReply::Listing(listing) = world.ask(Client::list_topics) else { panic!() };
    assert_eq!((listing.controller, listing.brokers.len()), (Some(0), 1));
    assert_eq!(listing.brokers[0].address, address());
    let topic = listing.topics.iter().find(|topic| topic.name == "t").unwrap();
    assert_eq!(topic.leaders, [Some(0), Some(0)]);

    let AdminReply::Configs(configs) = world.ask(|client, now| client.describe_topic_configs(now, "t"))
    else {
        panic!()
    };
    let flush = configs.iter().find(|config| config.name == "flush.messages").unwrap();
    assert_eq!((flush.value.as_deref(), flush.is_set), (Some("1"), true));
    let max = configs.iter().find(|config| config.name == "max.message.bytes").unwrap();
    assert!(!max.is_set && max.value.is_some());

    world.ask(|client, now| client.create_partitions(now, "t", 3));
    world.advance(500);
    assert_eq!(world.client.partition_count(world.now, "t"), Ok(None));
    world.advance(500);
    assert_eq!(world.client.partition_count(world.now, "t"), Ok(Some(3)));

    let asked = |client: &mut Client, now| {
        let tp = |partition| TopicPartition { topic: "t".into(), partition };
        client.list_offsets(now, vec![(tp(0), OffsetSpec::Latest), (tp(2), OffsetSpec::Timestamp(0))])
    };
    let AdminReply::Offsets(offsets) = world.ask(asked) else { panic!() };
    assert_eq!(offsets[0].result, Ok(Some(0)));
    assert_eq!(offsets[1].result, Ok(None));

    world.ask(|client, now| client.delete_topics(now, vec!["t".into()]));
    world.advance(500);
    let error = world.client.partition_count(world.now, "t").unwrap_err();
    assert_eq!(error.name, "UNKNOWN_TOPIC_OR_PARTITION");
}

#[test]
fn a_batch_over_the_topics_limit_is_refused_and_the_next_is_taken() {
    let mut world = World::new();
    world.create(1, &[("max.message.bytes", "1000")]);
    let producer = world.client.add_producer(ProducerConfig { linger_ms: 0, ..ProducerConfig::default() });
    let _ = world.client.partition_count(world.now, "t");
    world.advance(500);
    let large = "x".repeat(5_000);
    for value in [large.as_str(), "fits"] {
        let record =
            ProducerRecord { topic: "t", value: Some(value.as_bytes()), ..ProducerRecord::default() };
        world.client.send(world.now, producer, &record).unwrap();
        world.advance(10);
    }
    let first = world.client.poll_delivery(producer).unwrap().result.unwrap_err();
    assert_eq!((first.name, first.code), ("MESSAGE_TOO_LARGE", Some(10)));
    assert_eq!(world.client.poll_delivery(producer).unwrap().result.unwrap().base_offset, Some(0));
}

/// Not a test of correctness: says how fast it goes. `cargo test --release -p headwater-client --test broker -- --ignored
/// --nocapture`.
#[test]
#[ignore = "a measurement"]
fn how_fast_it_goes() {
    let mut world = World::new();
    world.create(4, &[]);
    let producer = world.client.add_producer(ProducerConfig {
        batch_size: 256 * 1024,
        buffer_memory: 16 << 20,
        linger_ms: 20,
        ..ProducerConfig::default()
    });
    let _ = world.client.partition_count(world.now, "t");
    world.advance(500);
    let value = [b'x'; 100];
    let count = 5_000_000_u64;
    for (name, key, headers) in [
        ("keyless", None, &[][..]),
        ("keyed", Some(&b"vehicle-17"[..]), &[][..]),
        (
            "keyed, two headers",
            Some(&b"vehicle-17"[..]),
            &[("s", Some(&b"vehicles#1"[..])), ("p", Some(&b"123456"[..]))][..],
        ),
    ] {
        let started = std::time::Instant::now();
        let mut in_send = std::time::Duration::ZERO;
        let mut sent = 0;
        while sent < count {
            let before = std::time::Instant::now();
            let record =
                ProducerRecord { topic: "t", key, value: Some(&value), headers, ..ProducerRecord::default() };
            while sent < count && world.client.send(world.now, producer, &record).is_ok() {
                sent += 1;
            }
            in_send += before.elapsed();
            world.run();
            while world.client.poll_delivery(producer).is_some() {}
        }
        world.advance(30);
        while world.client.poll_delivery(producer).is_some() {}
        let rate = |time: std::time::Duration| count as f64 / time.as_secs_f64() / 1e6;
        println!(
            "{name}: send alone {:.1} M/s, to the broker and acknowledged {:.1} M/s",
            rate(in_send),
            rate(started.elapsed())
        );
    }
    let started = std::time::Instant::now();
    let consumer = world.client.add_consumer(ConsumerConfig::default());
    for partition in 0..4 {
        world.client.assign(consumer, TopicPartition { topic: "t".into(), partition }, StartOffset::Earliest);
    }
    let (mut records, mut bytes) = (0_u64, 0_u64);
    while records < 3 * count {
        world.run();
        while let Some(ConsumerEvent::Fetched(fetched)) = world.client.poll_consumer(consumer) {
            fetched
                .for_each(|record| {
                    records += 1;
                    bytes += record.value.map_or(0, <[u8]>::len) as u64;
                    ControlFlow::Continue(())
                })
                .unwrap();
        }
    }
    println!("consumed {:.1} M/s, {bytes} bytes", records as f64 / started.elapsed().as_secs_f64() / 1e6);
}

#[test]
fn the_start_and_the_end_of_a_partition_can_be_asked_for_together() {
    let mut world = World::new();
    world.create(1, &[]);
    let producer = world.client.add_producer(ProducerConfig::default());
    let _ = world.client.partition_count(world.now, "t");
    world.advance(500);
    for _ in 0..3 {
        let record = ProducerRecord { topic: "t", value: Some(b"v"), ..ProducerRecord::default() };
        world.client.send(world.now, producer, &record).unwrap();
    }
    world.advance(1_000);
    let tp = TopicPartition { topic: "t".to_owned(), partition: 0 };
    let specs = [OffsetSpec::Earliest, OffsetSpec::Latest, OffsetSpec::Earliest];
    let asked = specs.map(|spec| (tp.clone(), spec)).to_vec();
    let AdminReply::Offsets(offsets) = world.ask(|client, now| client.list_offsets(now, asked)) else {
        panic!()
    };
    let offsets: Vec<_> = offsets.into_iter().map(|listed| listed.result.unwrap()).collect();
    assert_eq!(offsets, [Some(0), Some(3), Some(0)]);
}

fn transactional(world: &mut World) -> ProducerId {
    let config =
        ProducerConfig { transactional_id: Some("tx".to_owned()), linger_ms: 0, ..ProducerConfig::default() };
    let producer = world.client.add_producer(config);
    let _ = world.client.partition_count(world.now, "t");
    world.advance(2_000);
    producer
}

fn send_value(world: &mut World, producer: ProducerId, partition: i32, value: &str) {
    let record = ProducerRecord {
        topic: "t",
        partition: Some(partition),
        value: Some(value.as_bytes()),
        ..ProducerRecord::default()
    };
    world.client.send(world.now, producer, &record).unwrap();
    world.advance(500);
}

fn ended(world: &mut World, producer: ProducerId) -> Vec<TransactionEvent> {
    world.advance(2_000);
    std::iter::from_fn(|| world.client.poll_transaction(producer)).collect()
}

/// All values that a new consumer gets within some seconds, and its lag in the end.
fn read_values(world: &mut World, isolation_level: IsolationLevel, partitions: i32) -> (Vec<String>, i64) {
    let consumer = world.client.add_consumer(ConsumerConfig { isolation_level, ..ConsumerConfig::default() });
    let all = (0..partitions).map(|partition| TopicPartition { topic: "t".to_owned(), partition });
    all.clone().for_each(|tp| world.client.assign(consumer, tp, StartOffset::Earliest));
    let mut values = Vec::new();
    for _ in 0..10 {
        world.advance(300);
        while let Some(event) = world.client.poll_consumer(consumer) {
            let ConsumerEvent::Fetched(fetched) = event else { panic!("{event:?}") };
            fetched
                .for_each(|record| {
                    values.push(String::from_utf8(record.value.unwrap().to_vec()).unwrap());
                    ControlFlow::Continue(())
                })
                .unwrap();
        }
    }
    let lags = all.map(|tp| world.client.partition_state(consumer, &tp).unwrap().lag().unwrap());
    let lag = lags.sum();
    world.client.remove_consumer(consumer);
    while world.client.poll_close().is_some() {}
    values.sort();
    (values, lag)
}

#[test]
fn what_counts_of_transactions_is_read_and_nothing_else() {
    let mut world = World::new();
    world.create(2, &[]);
    let producer = transactional(&mut world);
    for (value, commits) in [("a", true), ("b", false), ("c", true)] {
        world.client.begin_transaction(producer).unwrap();
        send_value(&mut world, producer, 0, value);
        send_value(&mut world, producer, 1, value);
        if commits {
            world.client.commit_transaction(producer).unwrap();
            assert_eq!(ended(&mut world, producer), [TransactionEvent::Committed]);
        } else {
            world.client.abort_transaction(producer).unwrap();
            assert_eq!(ended(&mut world, producer), [TransactionEvent::Aborted]);
        }
    }
    world.client.begin_transaction(producer).unwrap();
    send_value(&mut world, producer, 1, "open");
    let (committed, lag) = read_values(&mut world, IsolationLevel::ReadCommitted, 2);
    assert_eq!((committed, lag), (["a", "a", "c", "c"].map(str::to_owned).to_vec(), 0));
    let (all, _) = read_values(&mut world, IsolationLevel::ReadUncommitted, 2);
    assert_eq!(all, ["a", "a", "b", "b", "c", "c", "open"], "markers are shown to nobody");
}

#[test]
fn another_producer_of_the_id_aborts_what_is_open_and_the_first_can_do_nothing_more() {
    let mut world = World::new();
    world.create(1, &[]);
    let first = transactional(&mut world);
    world.client.begin_transaction(first).unwrap();
    send_value(&mut world, first, 0, "lost");
    let second = transactional(&mut world);
    world.client.begin_transaction(second).unwrap();
    send_value(&mut world, second, 0, "kept");
    world.client.commit_transaction(first).unwrap();
    let told = ended(&mut world, first);
    assert!(matches!(&told[..], [TransactionEvent::Failed(_)]), "{told:?}");
    world.client.commit_transaction(second).unwrap();
    assert_eq!(ended(&mut world, second), [TransactionEvent::Committed]);
    assert_eq!(read_values(&mut world, IsolationLevel::ReadCommitted, 1).0, ["kept"]);
}

#[test]
fn offsets_count_with_their_transaction() {
    let mut world = World::new();
    world.create(1, &[]);
    let producer = transactional(&mut world);
    let group = GroupMetadata {
        group_id: "g".to_owned(),
        member_id: String::new(),
        group_instance_id: None,
        generation: -1,
    };
    for (offset, commits) in [(3, true), (7, false)] {
        world.client.begin_transaction(producer).unwrap();
        let topic_partition = TopicPartition { topic: "t".to_owned(), partition: 0 };
        let offsets = vec![OffsetToCommit { topic_partition, offset, metadata: String::new() }];
        world.client.send_offsets_to_transaction(producer, group.clone(), offsets).unwrap();
        world.advance(2_000);
        if commits {
            world.client.commit_transaction(producer).unwrap();
        } else {
            world.client.abort_transaction(producer).unwrap();
        }
        assert_eq!(ended(&mut world, producer).len(), 1);
        let listed = world.ask(|client, now| client.list_group_offsets(now, "g"));
        let AdminReply::GroupOffsets(offsets) = listed else { panic!() };
        assert_eq!(offsets.iter().map(|listed| listed.committed).collect::<Vec<_>>(), [3]);
    }
}
