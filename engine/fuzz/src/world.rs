//! A broker over a storage, and what has to hold of it whatever it is given.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use headwater_driver::MemoryDisk;
use headwater_engine::{Broker, BrokerConfig, ConnectionId, Now, OpId, PartitionView, StorageOp};
use kafka_protocol::messages::ApiKey;

use crate::storage::{Fate, Storage};

/// More steps than any input's work takes.
const MAX_STEPS: usize = 50_000;

/// A broker's topics: their partitions and configs.
pub(crate) type View = BTreeMap<String, (Vec<PartitionView>, Vec<(String, String)>)>;

pub(crate) struct World {
    pub(crate) broker: Broker,
    pub(crate) storage: Storage,
    pub(crate) now: Now,
    pub(crate) answers: VecDeque<(ConnectionId, Bytes)>,
    pub(crate) closed: Vec<ConnectionId>,
    /// By connection: API key and correlation id of what was asked and is not answered.
    asked: BTreeMap<ConnectionId, VecDeque<(i16, i32)>>,
    steps: usize,
    /// How many brokers there were before: each draws ids of its own.
    restarts: u64,
}

impl World {
    /// A broker that has not begun.
    pub(crate) fn over(disk: &MemoryDisk) -> World {
        World {
            broker: broker(0),
            storage: Storage::over(disk),
            now: Now { monotonic_ms: 1_000, wall_ms: 1_700_000_000_000 },
            answers: VecDeque::new(),
            closed: Vec::new(),
            asked: BTreeMap::new(),
            steps: 0,
            restarts: 0,
        }
    }

    /// A broker that runs.
    pub(crate) fn new() -> World {
        let mut world = World::over(&MemoryDisk::new());
        world.settle();
        assert!(world.broker.is_ready(), "a broker over an empty storage starts");
        world
    }

    pub(crate) fn request(&mut self, connection: ConnectionId, frame: Bytes) {
        if let [a, b, _, _, c, d, e, f, ..] = frame[..] {
            let asked = (i16::from_be_bytes([a, b]), i32::from_be_bytes([c, d, e, f]));
            self.asked.entry(connection).or_default().push_back(asked);
        }
        self.broker.handle_request(self.now, connection, frame);
        self.take();
    }

    pub(crate) fn disconnect(&mut self, connection: ConnectionId) {
        self.broker.handle_disconnect(self.now, connection);
        self.asked.remove(&connection);
        self.answers.retain(|(other, _)| *other != connection);
        self.take();
    }

    /// Lets time pass on the monotonic clock, and the wall clock be moved.
    pub(crate) fn advance(&mut self, ms: u64, wall_ms: i64) {
        self.now.monotonic_ms += ms;
        self.now.wall_ms = self.now.wall_ms.saturating_add(wall_ms).clamp(0, i64::MAX / 2);
        self.broker.handle_timeout(self.now);
        self.take();
    }

    /// Ends an operation that waits.
    pub(crate) fn end(&mut self, index: usize, fate: Fate) {
        if let Some((id, result)) = self.storage.end(index, fate) {
            self.broker.handle_completion(self.now, id, result);
            self.take();
        }
    }

    /// Takes what the broker has.
    fn take(&mut self) {
        while let Some((id, op)) = self.next_op() {
            self.storage.submit(id, op);
        }
        while let Some((connection, frame)) = self.broker.poll_response() {
            self.check_order(connection, &frame);
            self.answers.push_back((connection, frame));
        }
        while let Some(connection) = self.broker.poll_close() {
            self.asked.remove(&connection);
            self.closed.push(connection);
        }
        while self.broker.poll_event().is_some() {}
    }

    fn next_op(&mut self) -> Option<(OpId, StorageOp)> {
        let op = self.broker.poll_op()?;
        self.steps += 1;
        assert!(self.steps < MAX_STEPS, "the broker never comes to rest, and asks for {:?}", op.1);
        Some(op)
    }

    /// Answers come in the order of their requests; only a Produce may have none.
    fn check_order(&mut self, connection: ConnectionId, frame: &[u8]) {
        let answered = frame.first_chunk().copied().map(i32::from_be_bytes);
        let asked = self.asked.entry(connection).or_default();
        while let Some((api, correlation_id)) = asked.pop_front() {
            if Some(correlation_id) == answered {
                return;
            }
            assert_eq!(
                api,
                ApiKey::Produce as i16,
                "request {correlation_id} got no answer but {answered:?}"
            );
        }
        panic!("{answered:?} was answered, and not asked");
    }

    /// Has everything that waits done, until nothing moves any more. Time stands still.
    pub(crate) fn settle(&mut self) {
        self.take();
        while self.storage.waiting() > 0 {
            self.end(0, Fate::Done);
        }
    }

    /// Has everything end well, and time pass until nobody waits for anything.
    pub(crate) fn finish(&mut self) {
        self.settle();
        for _ in 0..8 {
            let Some(at) = self.broker.poll_timeout() else { return };
            let wait_ms = at.saturating_sub(self.now.monotonic_ms);
            self.advance(wait_ms, i64::try_from(wait_ms).unwrap_or(i64::MAX));
            self.settle();
        }
    }

    /// A new broker over what the old one has stored.
    pub(crate) fn restart(&mut self) {
        let now = self.now;
        let disk = self.storage.disk().clone();
        let restarts = self.restarts + 1;
        *self = World { broker: broker(restarts), now, steps: self.steps, restarts, ..World::over(&disk) };
    }

    /// What was stored is all there is: a fresh broker finds the same.
    pub(crate) fn check_recovery(&mut self) {
        if self.broker.failure().is_some() || !self.broker.is_ready() {
            return;
        }
        let known = view(&self.broker);
        self.restart();
        self.settle();
        assert_eq!(self.broker.failure(), None, "what a broker has stored can be recovered");
        assert_eq!(known, view(&self.broker), "a broker knows what a fresh one recovers");
    }
}

fn broker(entropy: u64) -> Broker {
    let mut config = BrokerConfig::new("fuzzed", 0, "broker-0", 9092);
    // Small, so that short inputs get to the limits.
    for (key, value) in [
        ("log.segment.bytes", "2048"),
        ("log.index.interval.bytes", "256"),
        ("socket.request.max.bytes", "1048576"),
        // So that groups and transactions begin at once, and making their logs is not most of the work.
        ("group.initial.rebalance.delay.ms", "0"),
        ("offsets.topic.num.partitions", "1"),
        ("transaction.state.log.num.partitions", "1"),
    ] {
        config.set(key, value).expect("a config that there is");
    }
    Broker::new(config, entropy)
}

pub(crate) fn view(broker: &Broker) -> View {
    let configs = |configs: Vec<(&str, &str)>| {
        configs.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    };
    broker.topics().map(|topic| (topic.name.to_owned(), (topic.partitions, configs(topic.configs)))).collect()
}
