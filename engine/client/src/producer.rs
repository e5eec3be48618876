//! The producer: records into batches, batches into requests, answers into deliveries.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use headwater_engine::Now;
use headwater_engine::record::{MAX_RECORDS_SIZE, RecordBatchBuilder};

use crate::config::{Acks, ClientConfig, ProducerConfig};
use crate::error::{ClientError, code};
use crate::metadata::Metadata;
use crate::network::{self, Answer, Network};
use crate::partitioner::partition_for_key;
use crate::random::Random;
use headwater_engine::sorted::SortedMap;
use identity::Renewal;
use queue::Batch;
use topic::Topic;
use transaction::Transaction;

mod identity;
mod queue;
mod sender;
mod topic;
mod transaction;

pub use transaction::{TransactionEvent, TransactionState};

/// A record to send. Everything is borrowed; `send` copies it once, into its batch.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProducerRecord<'a> {
    /// The topic.
    pub topic: &'a str,
    /// The partition; none: by the key, and without one by the producer's choice (KIP-480, KIP-794).
    pub partition: Option<i32>,
    /// In milliseconds since 1970; none: the time of `send`.
    pub timestamp: Option<i64>,
    /// The key.
    pub key: Option<&'a [u8]>,
    /// The value; none is a tombstone.
    pub value: Option<&'a [u8]>,
    /// Headers in order; a name may stand more than once.
    pub headers: &'a [(&'a str, Option<&'a [u8]>)],
}

/// A record was taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sent {
    /// The partition it goes to.
    pub partition: i32,
    /// The how manieth of this producer and partition it is, from 0. [`Delivery::sequences`] names it by this.
    pub sequence: u64,
}

/// A record was not taken.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum SendError {
    /// `buffer.memory` is used up, or too many deliveries were not polled. Try again after the next delivery.
    BufferFull,
    /// It is not known yet how many partitions the topic has; the cluster is asked. Try again after the next frame.
    TopicPending,
    /// It cannot be sent as things are.
    Failed(ClientError),
}

impl std::fmt::Display for SendError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            SendError::BufferFull => write!(f, "the producer's buffer is full"),
            SendError::TopicPending => write!(f, "the topic's partitions are not known yet"),
            SendError::Failed(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for SendError {}

/// What became of a batch: of consecutive records of one partition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Delivery {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition.
    pub partition: i32,
    /// The records, by [`Sent::sequence`].
    pub sequences: Range<u64>,
    /// Where they are, or why they are not known to be there.
    pub result: Result<Delivered, ClientError>,
}

/// A batch that is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Delivered {
    /// The offset of the first record; the others follow it. None with acks=0, where the broker does not say.
    pub base_offset: Option<i64>,
    /// The timestamp that the broker gave the records, if the topic has `LogAppendTime`.
    pub log_append_time_ms: Option<i64>,
}

/// Deliveries that may wait to be polled before nothing more is taken.
const MAX_DELIVERIES: usize = 65_536;
/// As many batches of a producer and partition as a broker remembers (`ProducerStateEntry.NUM_BATCHES_TO_RETAIN`).
const MAX_IDEMPOTENT_IN_FLIGHT: usize = 5;
/// Topics that one producer may have sent to.
const MAX_TOPICS: usize = 10_000;

#[derive(Debug)]
pub(crate) struct Producer {
    config: ProducerConfig,
    client: Arc<ClientConfig>,
    topics: Vec<Topic>,
    by_name: SortedMap<Arc<str>, usize>,
    /// The topic of the last record, which is nearly always that of the next.
    last_topic: usize,
    buffered_bytes: usize,
    /// Batches that are open or wait to be sent.
    unsent: usize,
    /// Something did not fit into the buffer: do not wait for fuller batches.
    pressed: bool,
    requests: SortedMap<u64, Vec<Placed>>,
    known: identity::Known,
    transaction: Option<Box<Transaction>>,
    next_tag: u64,
    deliveries: VecDeque<Delivery>,
    halted: Option<ClientError>,
    random: Random,
    driven_ms: u64,
}

/// A batch and where it belongs.
#[derive(Debug)]
struct Placed {
    topic: usize,
    partition: usize,
    batch: Batch,
}

impl Producer {
    /// Over which of the connections to a broker its batches go.
    fn lane(&self, id: u32) -> u32 {
        if self.config.own_connections { network::lanes(id)[0] } else { 0 }
    }

    pub(crate) fn new(mut config: ProducerConfig, client: Arc<ClientConfig>, random: Random) -> Producer {
        config.batch_size = config.batch_size.min(MAX_RECORDS_SIZE);
        config.max_request_size = config.max_request_size.min(MAX_RECORDS_SIZE);
        let transaction = config.transactional_id.clone().map(|id| {
            config.acks = Acks::All;
            config.retries = config.retries.max(1);
            config.enable_idempotence = true;
            config.halt_on_failure = false;
            Box::new(Transaction::new(id, config.transaction_timeout_ms))
        });
        config.enable_idempotence &= config.acks == Acks::All && config.retries > 0;
        if config.enable_idempotence {
            let in_flight = config.max_in_flight_per_partition.min(MAX_IDEMPOTENT_IN_FLIGHT);
            config.max_in_flight_per_partition = in_flight;
        }
        Producer {
            config,
            client,
            topics: Vec::new(),
            by_name: SortedMap::new(),
            last_topic: 0,
            buffered_bytes: 0,
            unsent: 0,
            pressed: false,
            requests: SortedMap::new(),
            known: identity::Known::default(),
            transaction,
            next_tag: 0,
            deliveries: VecDeque::new(),
            halted: None,
            random,
            driven_ms: 0,
        }
    }

    pub(crate) fn send(
        &mut self,
        now: Now,
        record: &ProducerRecord<'_>,
        metadata: &mut Metadata,
    ) -> Result<Sent, SendError> {
        if let Some(error) = &self.halted {
            return Err(SendError::Failed(error.clone()));
        }
        if let Some(transaction) = &self.transaction {
            transaction.check_open().map_err(SendError::Failed)?;
        }
        if self.deliveries.len() >= MAX_DELIVERIES {
            return Err(SendError::BufferFull);
        }
        let size = RecordBatchBuilder::record_size_upper_bound(record.key, record.value, record.headers);
        let index = self.topic_index(record.topic)?;
        let Some(topic) = self.topics.get_mut(index) else { return Err(SendError::TopicPending) };
        if !topic.is_current(metadata) {
            topic.refresh(now, metadata)?;
        }
        let reserve = queue::reservation(size, self.config.batch_size);
        if reserve > self.config.max_request_size.max(self.config.batch_size)
            || reserve > self.config.buffer_memory
        {
            return Err(SendError::Failed(too_large(size, &self.config)));
        }
        let timestamp = record.timestamp.unwrap_or(now.wall_ms);
        let partition = match (record.partition, record.key) {
            (Some(partition), _) => partition,
            (None, Some(key)) => partition_for_key(key, topic.count()),
            (None, None) => {
                topic.sticky_partition(record, size, timestamp, self.config.batch_size, &mut self.random)
            }
        };
        let queue = topic.queue(partition)?;
        if !queue.has_room(record, size, timestamp, self.config.batch_size) {
            if self.buffered_bytes + reserve > self.config.buffer_memory {
                self.pressed = true;
                return Err(SendError::BufferFull);
            }
            queue.close(&self.config);
            queue.open(now, &self.config, reserve);
            self.buffered_bytes += reserve;
            self.unsent += 1;
        }
        let (sequence, bytes, full) = queue.append(record, timestamp, &self.config)?;
        if record.partition.is_none() && record.key.is_none() {
            topic.sticky_appended(bytes, full, &mut self.random);
        }
        Ok(Sent { partition, sequence })
    }

    fn topic_index(&mut self, name: &str) -> Result<usize, SendError> {
        if self.topics.get(self.last_topic).is_some_and(|topic| &*topic.name == name) {
            return Ok(self.last_topic);
        }
        let index = match self.by_name.get(name) {
            Some(index) => *index,
            None if self.topics.len() >= MAX_TOPICS => {
                return Err(SendError::Failed(ClientError::aborted(
                    "The producer has sent to too many topics; use another one.",
                )));
            }
            None => {
                let name: Arc<str> = name.into();
                self.topics.push(Topic::new(name.clone(), self.config.batch_size));
                self.by_name.insert(name, self.topics.len() - 1);
                self.topics.len() - 1
            }
        };
        self.last_topic = index;
        Ok(index)
    }

    pub(crate) fn poll_delivery(&mut self) -> Option<Delivery> {
        self.deliveries.pop_front()
    }

    pub(crate) fn is_flushed(&self) -> bool {
        self.unsent == 0 && self.requests.is_empty()
    }

    pub(crate) fn buffered_bytes(&self) -> usize {
        self.buffered_bytes
    }

    pub(crate) fn flush(&mut self) {
        for queue in self.topics.iter_mut().flat_map(Topic::queues_mut) {
            queue.close(&self.config);
        }
    }

    /// Delivers everything that is not on its way as an error.
    pub(crate) fn abort(&mut self, error: &ClientError) {
        for index in 0..self.topics.len() {
            let Some(topic) = self.topics.get_mut(index) else { continue };
            let mut batches = Vec::new();
            for (partition, queue) in topic.queues_mut().enumerate() {
                queue.close(&self.config);
                batches.extend(queue.take_waiting().map(|batch| Placed { topic: index, partition, batch }));
            }
            for placed in batches {
                self.unsent -= 1;
                self.deliver(placed, Err(error.clone()));
            }
        }
    }

    /// Gives up batches whose `delivery.timeout.ms` is over.
    pub(crate) fn handle_timeout(&mut self, now: Now) {
        if self.unsent == 0 {
            return;
        }
        let timeout_ms = self.config.delivery_timeout_ms;
        let mut expired = Vec::new();
        for (index, topic) in self.topics.iter_mut().enumerate() {
            for (partition, queue) in topic.queues_mut().enumerate() {
                while let Some(batch) = queue.take_expired(now, timeout_ms, &self.config) {
                    expired.push(Placed { topic: index, partition, batch });
                }
            }
        }
        for placed in expired {
            self.unsent -= 1;
            let error = ClientError::ours(
                code::REQUEST_TIMED_OUT,
                format!("It was not delivered within {timeout_ms} ms (delivery.timeout.ms)."),
            );
            self.fail(placed, error);
        }
    }

    /// When something becomes due by time alone. What was due when it was last driven waits for something else.
    pub(crate) fn poll_timeout(&self) -> Option<u64> {
        let transaction = self.transaction.as_ref().and_then(|transaction| transaction.due_ms());
        if self.unsent == 0 {
            return transaction.filter(|at| *at > self.driven_ms);
        }
        let queues = self.topics.iter().flat_map(Topic::queues);
        let asks = self.config.enable_idempotence && self.transaction.is_none();
        let identity = self.known.due_ms().filter(|_| asks);
        let due = queues.flat_map(|queue| queue.due_ms(&self.config)).chain(identity).chain(transaction);
        due.filter(|at| *at > self.driven_ms).min()
    }

    pub(crate) fn drive(&mut self, now: Now, id: u32, network: &mut Network, metadata: &mut Metadata) {
        self.driven_ms = now.monotonic_ms;
        if self.unsent > 0 {
            if self.config.enable_idempotence && self.transaction.is_none() {
                self.drive_identity(now, id, network, metadata);
            }
            self.send_due(now, id, network, metadata);
        }
        self.drive_transaction(now, id, network, metadata);
    }

    pub(crate) fn handle_answer(&mut self, now: Now, answer: Answer, metadata: &mut Metadata) {
        let other = self.take_identity(now, answer).or_else(|answer| self.take_transaction(now, answer));
        if let Err(answer) = other {
            self.take_answer(now, answer, metadata);
        }
    }

    /// A batch failed for good.
    fn fail(&mut self, placed: Placed, error: ClientError) {
        if self.config.halt_on_failure && self.halted.is_none() {
            let message = format!("Nothing more is sent, as a batch before it failed: {}", error.message);
            self.halted = Some(ClientError { message, ..error.clone() });
            self.deliver(placed, Err(error));
            self.abort(&ClientError::aborted("It was not sent, as a batch before it failed."));
        } else {
            self.deliver(placed, Err(error));
        }
    }

    /// The end of a batch: its memory is free again.
    fn deliver(&mut self, placed: Placed, result: Result<Delivered, ClientError>) {
        let Placed { topic, partition, batch } = placed;
        self.buffered_bytes -= batch.reserved;
        self.pressed = false;
        let Some(topic) = self.topics.get_mut(topic) else { return };
        if let (Some(transaction), Err(error)) = (&mut self.transaction, &result) {
            transaction.batch_failed(error, batch.unknown);
        } else if result.is_err()
            && batch.stamped
            && let Some(queue) = topic.queue_at(partition)
        {
            // Its sequence stays free, or is taken without our knowing.
            queue.place.renew_at_least(Renewal::Epoch);
        }
        self.deliveries.push_back(Delivery {
            topic: topic.name.clone(),
            partition: i32::try_from(partition).unwrap_or(i32::MAX),
            sequences: batch.sequences,
            result,
        });
    }
}

fn too_large(size: usize, config: &ProducerConfig) -> ClientError {
    ClientError::ours(
        code::MESSAGE_TOO_LARGE,
        format!(
            "The record takes up to {size} bytes; max.request.size allows {} and buffer.memory {}.",
            config.max_request_size, config.buffer_memory
        ),
    )
}
