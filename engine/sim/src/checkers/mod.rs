//! What has to hold, one idea a file. Actors and the world say what they see; the first thing that is wrong ends the run.

mod acknowledged;
pub(crate) mod agreement;
mod answers;
mod commits;
mod compaction;
mod delivery;
mod idempotence;
mod membership;
mod offsets;
mod order;
pub(crate) mod recovery;
mod retention;
mod transactions;
mod visibility;

use std::collections::BTreeMap;
use std::ops::Range;

use bytes::Bytes;
use headwater_engine::{ConnectionId, Offset, TopicPartition};

use self::acknowledged::Acknowledged;
pub(crate) use self::acknowledged::stored;
pub(crate) use self::answers::{Answers, Asked};
pub(crate) use self::commits::Commits;
use self::compaction::Compaction;
use self::delivery::Delivery;
use self::idempotence::Idempotence;
pub(crate) use self::membership::Membership;
use self::offsets::Offsets;
use self::order::Order;
pub(crate) use self::retention::{BEYOND, Retention, Standing};
use self::transactions::Transactions;
pub(crate) use self::transactions::{COPY, LEDGER, record_id};
use self::visibility::Visibility;
pub(crate) use self::visibility::served;
use crate::payload::RecordId;
use crate::retained::RETAINED;
use crate::scenario::{COMPACTED, Scenario, compacted_partition};

/// Names a checker.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Checker {
    /// What was acknowledged is there, where it was said to be, for everybody.
    Acknowledged,
    /// Offsets have no holes, and no two records share one.
    Offsets,
    /// What is to land at most once does, what is to land exactly once too.
    Idempotence,
    /// Records of a producer stand in their order.
    Order,
    /// Only what is durable is seen, and what was seen stays.
    Visibility,
    /// A broker knows what a fresh one would recover.
    Recovery,
    /// Every request is answered at most once, in order.
    Answers,
    /// All brokers know the same of the cluster, and keep nothing else.
    Agreement,
    /// What a group has committed stays, and does not go back.
    Commits,
    /// No two members of a generation have the same partition.
    Membership,
    /// A group gets every record.
    Delivery,
    /// Only what counts of transactions is read, and each is there as a whole or not at all.
    Transactions,
    /// What is copied by transactions is there once.
    ExactlyOnce,
    /// The last record of each key survives compaction, and all readers come to know it.
    Compaction,
    /// A log that is kept short begins where it was said to, and has all from there on.
    LogStart,
    /// Retention drops what is too old or too much, and nothing else.
    Retention,
    /// Everything comes to its end when faults stop.
    Liveness,
}

/// What a producer promises of its records.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Promise {
    /// Acknowledged ones stand in order.
    pub(crate) ordered: bool,
    /// None stands twice.
    pub(crate) at_most_once: bool,
    /// All stand once and in order.
    pub(crate) exactly_once: bool,
}

/// A log as it was read: each offset's record, where its value is one of ours.
pub(crate) type ReadLog = Vec<(Offset, Option<RecordId>)>;

/// The offsets of batches of which a bit has turned over.
#[derive(Debug, Default)]
struct Damaged {
    offsets: BTreeMap<TopicPartition, Vec<Range<Offset>>>,
    /// Some are of a topic whose name is not known.
    elsewhere: bool,
}

impl Damaged {
    fn holds(&self, topic_partition: &TopicPartition, offset: Offset) -> bool {
        let mut damaged = self.offsets.get(topic_partition).into_iter().flatten();
        self.elsewhere || damaged.any(|offsets| offsets.contains(&offset))
    }
}

/// The partitions that are kept short.
fn retentions(scenario: &Scenario) -> BTreeMap<TopicPartition, Retention> {
    let retained = scenario.retained.iter().flat_map(|plan| {
        let of = |partition| TopicPartition { topic: RETAINED.to_owned(), partition };
        (0..plan.partitions).map(move |number| (of(number), Retention::new(number, plan.limits)))
    });
    let compacted =
        scenario.compacted_limits.map(|limits| (compacted_partition(), Retention::new(0, limits)));
    retained.chain(compacted).collect()
}

/// All checkers.
#[derive(Debug)]
pub(crate) struct Checks {
    /// If set, the others are silent: so it is seen which one finds a planted bug.
    only: Option<Checker>,
    violation: Option<String>,
    promises: BTreeMap<u32, Promise>,
    acknowledged: Acknowledged,
    offsets: Offsets,
    idempotence: Idempotence,
    order: Order,
    visibility: Visibility,
    pub(crate) answers: Answers,
    pub(crate) commits: Commits,
    pub(crate) membership: Membership,
    delivery: Delivery,
    pub(crate) transactions: Transactions,
    /// What writers of transactions have committed as their last, as the last auditor was told.
    writers_offsets: BTreeMap<u32, Offset>,
    compaction: Compaction,
    /// By partition that is kept short.
    pub(crate) retention: BTreeMap<TopicPartition, Retention>,
    /// Bits turn over: records may be lost, but must not be wrong.
    bit_rot: bool,
    damaged: Damaged,
    /// The consumer that comes at last, and what it was given.
    reader: Option<u32>,
    read: BTreeMap<TopicPartition, ReadLog>,
}

impl Checks {
    pub(crate) fn new(only: Option<Checker>, scenario: &Scenario) -> Checks {
        Checks {
            only,
            violation: None,
            promises: BTreeMap::new(),
            acknowledged: Acknowledged::default(),
            offsets: Offsets::default(),
            idempotence: Idempotence::default(),
            order: Order::default(),
            visibility: Visibility::default(),
            answers: Answers::default(),
            commits: Commits::default(),
            membership: Membership::default(),
            delivery: Delivery::default(),
            transactions: Transactions::default(),
            writers_offsets: BTreeMap::new(),
            compaction: Compaction::default(),
            retention: retentions(scenario),
            bit_rot: scenario.bit_rot,
            damaged: Damaged::default(),
            reader: None,
            read: BTreeMap::new(),
        }
    }

    pub(crate) fn is_bit_rot(&self) -> bool {
        self.bit_rot
    }

    pub(crate) fn violation(&self) -> Option<&str> {
        self.violation.as_deref()
    }

    /// Takes in what a checker says.
    pub(crate) fn take(&mut self, checker: Checker, result: Result<(), String>) {
        // With bits that turn over, commits are cut off like other records.
        if let Err(message) = result
            && !(self.bit_rot && checker == Checker::Commits)
            && self.violation.is_none()
            && self.only.is_none_or(|only| only == checker)
        {
            self.violation = Some(format!("{checker:?}: {message}"));
        }
    }

    /// Whether a checker has a say.
    pub(crate) fn listens(&self, checker: Checker) -> bool {
        self.only.is_none_or(|only| only == checker)
    }

    /// A new producer; returns the number in its records' names.
    pub(crate) fn add_producer(&mut self, promise: Promise) -> u32 {
        let number = u32::try_from(self.promises.len()).unwrap_or(u32::MAX);
        self.promises.insert(number, promise);
        number
    }

    fn promise(&self, producer: u32) -> Promise {
        self.promises.get(&producer).copied().unwrap_or_default()
    }

    /// An idempotent producer sends a record, perhaps not for the first time.
    pub(crate) fn sent(&mut self, topic_partition: &TopicPartition, id: RecordId) {
        self.idempotence.sent(topic_partition, id);
    }

    /// The broker has given an idempotent producer its id.
    pub(crate) fn producer_id_given(&mut self, producer_id: i64) {
        let result = self.idempotence.producer_id_given(producer_id);
        self.take(Checker::Idempotence, result);
    }

    /// A producer was told where a record is.
    pub(crate) fn acked(&mut self, topic_partition: &TopicPartition, id: RecordId, offset: Offset) {
        let result = self.acknowledged.acked(topic_partition, id, offset);
        if !self.bit_rot {
            self.take(Checker::Acknowledged, result);
        }
        let promise = self.promise(id.producer);
        if promise.ordered || promise.exactly_once {
            let result = self.order.acked(topic_partition, id, offset);
            if !self.bit_rot {
                self.take(Checker::Order, result);
            }
        }
    }

    /// A consumer was given a record.
    pub(crate) fn seen(
        &mut self,
        consumer: u32,
        topic_partition: &TopicPartition,
        offset: Offset,
        id: Option<RecordId>,
    ) {
        let Some(id) = id else {
            let message = format!("consumer {consumer} got {topic_partition}@{offset} with wrong content");
            return self.take(Checker::Visibility, Err(message));
        };
        let damaged = &self.damaged;
        let is_damaged = |offset| damaged.holds(topic_partition, offset);
        let result = self.offsets.seen(consumer, topic_partition, offset, is_damaged);
        self.take(Checker::Offsets, result);
        if self.reader == Some(consumer) {
            self.read.entry(topic_partition.clone()).or_default().push((offset, Some(id)));
        }
        if self.bit_rot {
            return;
        }
        let result = self.visibility.seen(consumer, topic_partition, offset, id);
        self.take(Checker::Visibility, result);
        let result = self.acknowledged.seen(consumer, topic_partition, offset, id);
        self.take(Checker::Acknowledged, result);
    }

    /// A bit of a batch that holds these offsets has turned over.
    pub(crate) fn damaged(&mut self, topic: Option<String>, partition: i32, offsets: Range<Offset>) {
        match topic {
            Some(topic) => {
                let offsets_of = self.damaged.offsets.entry(TopicPartition { topic, partition });
                offsets_of.or_default().push(offsets);
            }
            None => self.damaged.elsewhere = true,
        }
    }

    /// A member of a group was given records of a partition.
    pub(crate) fn group_reads(&mut self, group: &str, member: &str, topic_partition: &TopicPartition) {
        let result = self.membership.reads(group, member, topic_partition);
        self.take(Checker::Membership, result);
    }

    /// A member of a group was given a record.
    pub(crate) fn group_got(&mut self, group: &str, topic_partition: &TopicPartition, offset: Offset) {
        self.delivery.got(group, topic_partition, offset);
    }

    /// A group is to get everything.
    pub(crate) fn expect_group(&mut self, group: &str) {
        self.delivery.expect(group);
    }

    /// A consumer goes on at an offset.
    pub(crate) fn positioned(&mut self, consumer: u32, topic_partition: &TopicPartition, offset: Offset) {
        self.offsets.positioned(consumer, topic_partition, offset);
    }

    /// What lay from an offset on is gone, and that was to be expected.
    pub(crate) fn lost_from(&mut self, topic_partition: &TopicPartition, end: Offset) {
        if topic_partition.topic == COMPACTED {
            return self.compaction.lost_from(end);
        }
        self.acknowledged.lost_from(topic_partition, end);
        self.visibility.lost_from(topic_partition, end);
        self.order.lost_from(topic_partition, end);
        self.idempotence.lost_some(topic_partition);
        self.delivery.lost_from(topic_partition, end);
    }

    /// A record of a compacted topic was acknowledged; one without a value is a tombstone.
    pub(crate) fn compacted_acked(&mut self, key: u8, offset: Offset, value: Option<RecordId>) {
        self.compaction.acked(key, offset, value);
    }

    /// A reader of a compacted topic was given a record.
    pub(crate) fn compacted_seen(&mut self, reader: u32, key: u8, offset: Offset, value: Option<RecordId>) {
        let result = self.compaction.seen(reader, key, offset, value);
        self.take(Checker::Compaction, result);
    }

    /// A reader of a compacted topic begins anew.
    pub(crate) fn compacted_forget(&mut self, reader: u32) {
        self.compaction.forget(reader);
    }

    /// All readers of a compacted topic have read it. `tombstones_stay`: none was old enough to go.
    pub(crate) fn compacted_at_last(&mut self, tombstones_stay: bool) {
        let kept_from = self.retention.get(&compacted_partition()).map_or(0, Retention::start);
        let result = self.compaction.at_last(tombstones_stay, kept_from);
        self.take(Checker::Compaction, result);
    }

    /// What is known of a partition that is kept short.
    pub(crate) fn retention(&mut self, of: &TopicPartition) -> &mut Retention {
        self.retention.entry(of.clone()).or_default()
    }

    /// A power cut has left a log that is kept short from one offset to another.
    pub(crate) fn retained_left(&mut self, of: &TopicPartition, start: Offset, end: Offset) {
        self.retention(of).lost(start, end);
    }

    /// All readers of a log that is kept short have read it to its end.
    pub(crate) fn retained_at_last(&mut self, of: &TopicPartition, end: Offset) {
        let result = self.retention(of).at_last(end);
        self.take(Checker::LogStart, result);
    }

    /// The admin was told that a topic has so many partitions.
    pub(crate) fn topic_has(&mut self, topic: &str, partitions: i32) {
        self.acknowledged.topic_has(topic, partitions);
    }

    /// The admin was told that a topic is deleted.
    pub(crate) fn topic_deleted(&mut self, topic: &str) {
        self.acknowledged.topic_deleted(topic);
    }

    /// A request reaches its broker. `answered`: false for a Produce with acks=0.
    pub(crate) fn asked(&mut self, connection: ConnectionId, frame: &Bytes, answered: bool, at_ms: u64) {
        let retained = self.retention.iter().filter(|(of, _)| of.topic == RETAINED);
        let told = retained.map(|(_, retention)| retention.told()).collect();
        self.answers.asked(connection, frame, answered, (at_ms, told));
        if let Some(asked) = Asked::parse(frame) {
            self.commits.asked(connection, &asked);
        }
    }

    /// A connection has ended at its broker.
    pub(crate) fn closed(&mut self, connection: ConnectionId) {
        self.answers.closed(connection);
        self.commits.closed(connection);
    }

    /// The topics that the broker has in the end, with the number of their partitions.
    pub(crate) fn topics_at_last(&mut self, topics: &BTreeMap<String, i32>) {
        if !self.bit_rot {
            let result = self.acknowledged.topics_at_last(topics);
            self.take(Checker::Acknowledged, result);
        }
    }

    /// From now on a consumer reads that knows nothing.
    pub(crate) fn add_reader(&mut self, consumer: u32) {
        self.reader = Some(consumer);
    }

    /// Which transactions were the last of their writers, by their offsets.
    pub(crate) fn writers_offsets(&mut self, offsets: &BTreeMap<u32, Offset>) {
        self.writers_offsets.clone_from(offsets);
    }

    /// An auditor has read all that counts.
    pub(crate) fn audited_at_last(&mut self, auditor: u32, copied: bool) {
        let result = self.transactions.whole_at_last(auditor, &self.writers_offsets);
        self.take(Checker::Transactions, result);
        if copied {
            let result = self.transactions.copied_at_last(auditor);
            self.take(Checker::ExactlyOnce, result);
        }
    }

    /// The last reader has read a partition up to its high watermark; `consumers` have read it all along.
    pub(crate) fn read_at_last(
        &mut self,
        topic_partition: &TopicPartition,
        high_watermark: Offset,
        consumers: &[u32],
    ) {
        let log = &self.read.remove(topic_partition).unwrap_or_default();
        if self.bit_rot {
            let is_damaged = |offset| self.damaged.holds(topic_partition, offset);
            let result = self.acknowledged.readable_but(topic_partition, log, is_damaged);
            return self.take(Checker::Acknowledged, result);
        }
        let result = offsets::dense(topic_partition, log, high_watermark);
        self.take(Checker::Offsets, result);
        let result = self.acknowledged.read_at_last(topic_partition, log, consumers);
        self.take(Checker::Acknowledged, result);
        let result = self.visibility.read_at_last(topic_partition, log);
        self.take(Checker::Visibility, result);
        let result =
            self.idempotence.read_at_last(topic_partition, log, |id| self.promises.get(&id).copied());
        self.take(Checker::Idempotence, result);
        let exactly_once = |id: u32| self.promises.get(&id).is_some_and(|promise| promise.exactly_once);
        let result = order::read_at_last(topic_partition, log, exactly_once);
        self.take(Checker::Order, result);
        let result = self.delivery.read_at_last(topic_partition, log);
        self.take(Checker::Delivery, result);
    }
}
