use std::ops::ControlFlow;

use bytes::Bytes;
use headwater_client::{
    Address, AutoOffsetReset, Client, ClientConfig, ConsumerConfig, ConsumerEvent, ConsumerId, NewTopic,
    OffsetSpec, ProducerConfig, ProducerId, ProducerRecord, StartOffset,
};
use headwater_driver::MemoryDisk;
use headwater_engine::{ConnectionId, TopicPartition};

use crate::input::Input;
use crate::mend;
use crate::requests::TOPIC;
use crate::world::World;

/// More frames at one moment than anybody has reason for.
const MAX_MOVES: usize = 5_000;
/// Everything that is asked ends within this time.
const END_MS: u64 = 20_000;
const MAX_WAKES: usize = 3_000;
/// Answers that are changed in one run at most.
const MAX_CHANGES: usize = 300;
const RECORDS: u64 = 20;

/// The input is what happens to each answer of the broker on its way to the client; where it ends, nothing does.
pub(super) fn run(bytes: &[u8]) {
    let mut pair = Pair::new(bytes);
    pair.client.create_topics(pair.world.now, vec![topic(TOPIC)]);
    pair.pass(200);
    pair.send();
    pair.assign();
    pair.ask();
    pair.pass(1_000);
    pair.client.create_partitions(pair.world.now, TOPIC, 3);
    pair.client.delete_topics(pair.world.now, vec!["other".to_owned()]);
    pair.asked += 2;
    pair.pass(END_MS);
    pair.check();
}

fn topic(name: &str) -> NewTopic {
    let configs = vec![("segment.bytes".to_owned(), "1000".to_owned())];
    NewTopic { name: name.to_owned(), partitions: 2, replication_factor: 1, configs }
}

fn address() -> Address {
    Address::new("broker-0", 9092)
}

struct Pair<'a> {
    world: World,
    client: Client,
    input: Input<'a>,
    changes: usize,
    /// Open connections; the index is the broker's name for it.
    connections: Vec<Option<Address>>,
    producer: ProducerId,
    consumer: ConsumerId,
    sent: u64,
    delivered: u64,
    asked: usize,
    answered: usize,
}

impl<'a> Pair<'a> {
    fn new(bytes: &'a [u8]) -> Pair<'a> {
        let mut world = World::over(&MemoryDisk::new());
        world.settle();
        let mut client = Client::new(ClientConfig {
            bootstrap_servers: vec![address()],
            request_timeout_ms: 1_000,
            default_api_timeout_ms: 3_000,
            metadata_max_age_ms: 2_000,
            ..ClientConfig::default()
        });
        let producer = client.add_producer(ProducerConfig {
            delivery_timeout_ms: 4_000,
            batch_size: 200,
            ..ProducerConfig::default()
        });
        let consumer = client.add_consumer(ConsumerConfig {
            auto_offset_reset: AutoOffsetReset::Earliest,
            max_buffered_bytes: 2_000,
            fetch_max_wait_ms: 200,
            ..ConsumerConfig::default()
        });
        Pair {
            world,
            client,
            input: Input::new(bytes),
            changes: 0,
            connections: Vec::new(),
            producer,
            consumer,
            sent: 0,
            delivered: 0,
            asked: 1,
            answered: 0,
        }
    }

    fn send(&mut self) {
        for number in 0..RECORDS {
            let value = [b'v'; 30];
            let record = ProducerRecord {
                topic: TOPIC,
                key: Some(&number.to_be_bytes()),
                value: Some(&value),
                ..ProducerRecord::default()
            };
            let taken = self.client.send(self.world.now, self.producer, &record).is_ok();
            self.sent += u64::from(taken);
            self.pass(if taken { 0 } else { 20 });
        }
    }

    fn assign(&mut self) {
        for partition in 0..2 {
            let topic_partition = TopicPartition { topic: TOPIC.to_owned(), partition };
            self.client.assign(self.consumer, topic_partition, StartOffset::Earliest);
        }
    }

    fn ask(&mut self) {
        let now = self.world.now;
        let partition = |partition| TopicPartition { topic: TOPIC.to_owned(), partition };
        self.client.list_topics(now);
        self.client.describe_topic_configs(now, TOPIC);
        let offsets = vec![
            (partition(0), OffsetSpec::Latest),
            (partition(1), OffsetSpec::Earliest),
            (partition(7), OffsetSpec::Latest),
        ];
        self.client.list_offsets(now, offsets);
        self.client.create_topics(now, vec![topic("other"), topic(TOPIC)]);
        self.asked += 4;
    }

    /// Carries frames, and lets time pass.
    fn pass(&mut self, ms: u64) {
        let end = self.world.now.monotonic_ms + ms;
        for _ in 0..MAX_WAKES {
            self.carry();
            self.take();
            let wakes = [self.client.poll_timeout(), self.world.broker.poll_timeout(), Some(end)];
            let now_ms = self.world.now.monotonic_ms;
            let next = wakes.into_iter().flatten().min().unwrap_or(end).clamp(now_ms, end);
            if next == end && now_ms == end {
                return;
            }
            // Whoever is due now gets a moment, so that time goes on.
            let wait_ms = (next - now_ms).max(1).min(end - now_ms);
            self.world.advance(wait_ms, i64::try_from(wait_ms).unwrap_or(i64::MAX));
            self.client.handle_timeout(self.world.now);
        }
        panic!("somebody wants to be woken all the time");
    }

    fn carry(&mut self) {
        for _ in 0..MAX_MOVES {
            let now = self.world.now;
            let mut moved = false;
            while let Some(address) = self.client.poll_connect(now) {
                self.connections.push(Some(address.clone()));
                self.client.handle_connected(now, &address);
                moved = true;
            }
            while let Some((address, frame)) = self.client.poll_transmit(now) {
                if let Some(connection) = self.connection(&address) {
                    self.world.request(connection, frame);
                }
                moved = true;
            }
            while let Some(address) = self.client.poll_close() {
                self.close(&address);
                moved = true;
            }
            self.world.settle();
            assert!(self.world.closed.is_empty(), "the broker does not understand our client");
            if let Some((connection, frame)) = self.world.answers.pop_front() {
                self.answer(connection, frame);
                moved = true;
            }
            if !moved {
                return;
            }
        }
        panic!("client and broker never rest");
    }

    fn connection(&self, address: &Address) -> Option<ConnectionId> {
        let index = self.connections.iter().position(|open| open.as_ref() == Some(address))?;
        Some(ConnectionId(index as u64))
    }

    fn close(&mut self, address: &Address) {
        if let Some(connection) = self.connection(address) {
            self.world.disconnect(connection);
            if let Some(open) = usize::try_from(connection.0).ok().and_then(|i| self.connections.get_mut(i)) {
                *open = None;
            }
        }
    }

    /// An answer arrives, or what has become of it.
    fn answer(&mut self, connection: ConnectionId, frame: Bytes) {
        let index = usize::try_from(connection.0).unwrap_or(usize::MAX);
        let Some(address) = self.connections.get(index).cloned().flatten() else { return };
        let now = self.world.now;
        let what = if self.changes < MAX_CHANGES { self.input.byte() } else { 0 };
        self.changes += 1;
        let mut bytes = frame.to_vec();
        let at = |input: &mut Input<'_>, length: usize| usize::from(input.u16()) % length.max(1);
        match what & 0x0f {
            1 | 2 => {
                let at = at(&mut self.input, bytes.len());
                bytes[at] ^= self.input.byte();
            }
            3 => {
                let at = at(&mut self.input, bytes.len());
                let over = self.input.chunk();
                let end = (at + over.len()).min(bytes.len());
                bytes[at..end].copy_from_slice(&over[..end - at]);
            }
            4 => bytes.truncate(at(&mut self.input, bytes.len())),
            5 => {
                bytes.truncate(4);
                bytes.extend_from_slice(self.input.chunk());
            }
            6 => return,
            7 => {
                self.close(&address);
                return self.client.handle_disconnect(now, &address);
            }
            8 => bytes = self.input.chunk().to_vec(),
            9 => self.client.handle_frame(now, &address, frame),
            _ => {}
        }
        if what & 0x80 != 0 {
            mend::batches(&mut bytes);
        }
        self.client.handle_frame(now, &address, Bytes::from(bytes));
    }

    /// Takes what the client has for its application.
    fn take(&mut self) {
        while let Some(delivery) = self.client.poll_delivery(self.producer) {
            self.delivered += delivery.sequences.end - delivery.sequences.start;
        }
        while let Some(event) = self.client.poll_consumer(self.consumer) {
            let ConsumerEvent::Fetched(fetched) = event else { continue };
            let mut last = None;
            let read = fetched.for_each(|record| {
                assert!(last < Some(record.offset), "offset {} comes after {last:?}", record.offset);
                last = Some(record.offset);
                ControlFlow::Continue(())
            });
            assert!(read.is_err() || last < Some(fetched.next_offset), "{last:?} is not before its end");
        }
        while self.client.poll_admin().is_some() {
            self.answered += 1;
        }
    }

    /// Whatever a broker answers, everything comes to an end.
    fn check(&mut self) {
        assert_eq!(self.delivered, self.sent, "not every record was delivered or failed");
        assert_eq!(self.answered, self.asked, "not every request of the admin was answered");
        assert_eq!(self.client.buffered_bytes(self.producer), 0);
    }
}
