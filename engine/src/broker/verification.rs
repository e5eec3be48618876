//! Before a transaction's first record in a partition, its coordinator is asked whether it knows of the partition (KIP-890).
//!
//! Else a Produce that comes late, when its transaction has ended, would begin one that nobody ends: whoever reads what is
//! committed would stand before it for ever. Once the transaction is open in the partition, that says it. While the coordinator is
//! asked the request is held, and with it what stands behind it on its connection, as in Kafka.
//!
//! Engines without the feature `server` take the record without asking: a page has no room for it.
//!
//! A Produce from version 12 on (KIP-890, part 2) need not be announced: the coordinator is not asked, but told.

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::add_partitions_to_txn_request::{
    AddPartitionsToTxnTopic, AddPartitionsToTxnTransaction,
};
use kafka_protocol::messages::{AddPartitionsToTxnRequest, AddPartitionsToTxnResponse, TransactionalId};
use kafka_protocol::protocol::StrBytes;

use super::Broker;
use super::groups::partition_for;
use super::link::Asked;
use super::produce::{Produced, Verified};
use crate::error::ApiError;
use crate::record::RecordBatch;
use crate::sorted::SortedMap;
use crate::storage_op::LogId;
use crate::time::Now;
use crate::topic::TRANSACTIONS_TOPIC;
use crate::txn::Identity;
use crate::types::{NodeId, ProducerId};

/// The first version of Produce whose clients know that a transaction can only be aborted.
const FIRST_ABORTABLE: i16 = 11;

/// The first version of Produce that adds its partitions to the transaction.
const FIRST_ADDING: i16 = 12;

/// A partition of which a coordinator is to say something.
#[derive(Debug)]
pub(super) struct Unverified {
    log: LogId,
    topic: String,
    index: i32,
    producer: Identity,
}

/// Requests that wait for what a coordinator says.
#[derive(Debug, Default)]
pub(super) struct Verifications {
    /// How many requests were held since the start.
    pub(super) next: u64,
    held: SortedMap<u64, Box<Held>>,
    bytes: usize,
}

#[derive(Debug)]
struct Held {
    produced: Produced,
    size: usize,
    coordinator: NodeId,
    unverified: Vec<Unverified>,
    verified: Verified,
}

impl Verifications {
    /// The end of a transaction is written to a log. Whatever its coordinator has said before does not hold any more.
    pub(super) fn ended(&mut self, log: LogId, producer: ProducerId) {
        for held in self.held.values_mut() {
            if held.unverified.iter().any(|asked| (asked.log, asked.producer.0) == (log, producer)) {
                let message = "The transaction has ended.";
                held.verified.insert(log, Err(ApiError::new(ResponseError::InvalidTxnState, message)));
            }
        }
    }
}

impl Broker {
    /// The partitions of a Produce of which its transaction's coordinator has to say whether they are part of it, if there are any.
    pub(super) fn unverified(&self, produced: &Produced) -> Option<Vec<Unverified>> {
        let mut unverified = Vec::new();
        if produced.request.transactional_id.is_none() || !self.config.transaction_verification() {
            return None;
        }
        for asked in &produced.request.topic_data {
            let Some(topic) =
                self.produced_topic(produced.context, asked).filter(|topic| !topic.is_internal())
            else {
                continue;
            };
            for partition in &asked.partition_data {
                let index = partition.index;
                if let Ok((log, _)) = self.led_partition(Some(topic), index)
                    && let Some(producer) = self.begins_transaction(log, partition.records.as_ref())
                {
                    unverified.push(Unverified { log, topic: topic.name.clone(), index, producer });
                }
            }
        }
        Some(unverified).filter(|unverified| !unverified.is_empty())
    }

    /// Whose batch it is, if it is the first of a transaction in its partition.
    fn begins_transaction(&self, log: LogId, records: Option<&Bytes>) -> Option<Identity> {
        let batch = RecordBatch::parse(records?).ok()?;
        let producers = self.partitions.get(&log)?.log.producers();
        producers.begins_transaction(batch).then(|| (batch.producer_id(), batch.producer_epoch()))
    }

    /// Appends a Produce when the coordinator of its transaction has said of which partitions it knows.
    pub(super) fn verify(&mut self, now: Now, produced: Produced, unverified: Vec<Unverified>) {
        let id = produced.request.transactional_id.clone().unwrap_or_default();
        match self.transaction_coordinator(&id) {
            Ok(coordinator) if adds(&produced) || coordinator != self.config.node_id() => {
                self.hold(now, &id, Held::new(produced, coordinator, unverified));
            }
            Ok(coordinator) => {
                let held = Held::new(produced, coordinator, unverified);
                let known = |asked: &Unverified| {
                    self.verify_partition(&id, asked.producer, &asked.topic, asked.index)
                };
                let (produced, verified) = held.verified_by(&known);
                self.append_produced(now, produced, Some(&verified));
            }
            Err(error) => {
                let held = Held::new(produced, -1, unverified);
                let (produced, verified) = held.verified_by(&|_| Err(error.clone()));
                self.append_produced(now, produced, Some(&verified));
            }
        }
    }

    /// Who coordinates a transactional id.
    fn transaction_coordinator(&self, id: &str) -> Result<NodeId, ApiError> {
        let topic = self.topics.by_name(TRANSACTIONS_TOPIC);
        let assignment = topic.and_then(|topic| topic.assignment(partition_for(id, topic.partitions.len())));
        let assignment = assignment.ok_or_else(|| {
            let message = format!("{TRANSACTIONS_TOPIC} is not known here.");
            ApiError::new(ResponseError::CoordinatorNotAvailable, message)
        })?;
        Ok(assignment.leader)
    }

    /// Has a request wait until the coordinator has answered.
    fn hold(&mut self, now: Now, id: &TransactionalId, held: Held) {
        let (coordinator, connection) = (held.coordinator, held.produced.context.connection);
        let number = self.verifications.next;
        self.verifications.next += 1;
        let are_too_many = self.verifications.bytes > self.config.queued_max_request_bytes();
        self.verifications.bytes += held.size;
        let asked = held.question(id);
        self.verifications.held.insert(number, Box::new(held));
        self.connections.hold(connection);
        if are_too_many {
            let message = "Too many requests wait for coordinators of transactions.";
            let busy = ApiError::new(ResponseError::CoordinatorNotAvailable, message);
            return self.verification_ended(now, number, &|_| Err(busy.clone()));
        }
        if coordinator == self.config.node_id() {
            return self.add_produced(now, &asked, number);
        }
        let client_id = self.peer_client_id();
        let is_reachable = self.reachable_from(coordinator).is_some_and(|from| from <= now.monotonic_ms);
        let link = match coordinator == self.config.controller_id() {
            true => self.link_mut(coordinator),
            false => Some(self.transactions.endings.link_to(coordinator)),
        };
        let request = AddPartitionsToTxnRequest::default().with_transactions(vec![asked]);
        match link.filter(|_| is_reachable) {
            Some(link) => {
                if let Err(why) = link.send(now, Asked::Partitions(number), &request, &client_id) {
                    let error = ApiError::new(ResponseError::InvalidRequest, why);
                    self.verification_ended(now, number, &|_| Err(error.clone()));
                }
            }
            None => self.verification_ended(now, number, &|_| Err(unreachable(coordinator))),
        }
    }

    /// Another broker has said which partitions it knows of.
    pub(super) fn partitions_answered(
        &mut self,
        now: Now,
        number: u64,
        response: &AddPartitionsToTxnResponse,
    ) {
        let topics = || response.results_by_transaction.iter().flat_map(|answer| &answer.topic_results);
        self.verification_ended(now, number, &|asked| {
            let mut topics = topics().filter(|topic| topic.name[..] == *asked.topic);
            let mut partitions = topics.by_ref().flat_map(|topic| &topic.results_by_partition);
            let answer = partitions.find(|partition| partition.partition_index == asked.index);
            match answer.map_or(response.error_code, |answer| answer.partition_error_code) {
                0 if answer.is_some() => Ok(()),
                code => {
                    let error =
                        ResponseError::try_from_code(code).unwrap_or(ResponseError::UnknownServerError);
                    let message = format!(
                        "The coordinator does not take {}-{} as part of the transaction.",
                        asked.topic, asked.index
                    );
                    Err(ApiError::new(error, message))
                }
            }
        });
    }

    /// The connection to a broker has ended that was asked.
    pub(super) fn verifications_lost(&mut self, now: Now, peer: NodeId) {
        let held = self.verifications.held.iter().filter(|(_, held)| held.coordinator == peer);
        let lost: Vec<u64> = held.map(|(number, _)| *number).collect();
        for number in lost {
            self.verification_ended(now, number, &|_| Err(unreachable(peer)));
        }
    }

    /// It is known what a coordinator says of the partitions of a request, which is done now, and then what stands behind it.
    pub(super) fn verification_ended(
        &mut self,
        now: Now,
        number: u64,
        known: &dyn Fn(&Unverified) -> Result<(), ApiError>,
    ) {
        let Some(held) = self.verifications.held.remove(&number) else {
            return;
        };
        self.verifications.bytes -= held.size;
        let connection = held.produced.context.connection;
        let (produced, verified) = held.verified_by(known);
        self.connections.release(connection);
        self.append_produced(now, produced, Some(&verified));
        self.work_on(now, connection);
    }
}

impl Held {
    fn new(produced: Produced, coordinator: NodeId, unverified: Vec<Unverified>) -> Held {
        let partitions = produced.request.topic_data.iter().flat_map(|topic| &topic.partition_data);
        let size = partitions.filter_map(|partition| partition.records.as_ref()).map(Bytes::len).sum();
        Held { produced, size, coordinator, unverified, verified: Verified::default() }
    }

    /// What the coordinator is asked, or told.
    fn question(&self, id: &TransactionalId) -> AddPartitionsToTxnTransaction {
        let mut topics: Vec<AddPartitionsToTxnTopic> = Vec::new();
        let producer = self.producer();
        for asked in self.unverified.iter().filter(|asked| asked.producer == producer) {
            if topics.last().is_none_or(|last| last.name[..] != *asked.topic) {
                let name = StrBytes::from_string(asked.topic.clone());
                topics.push(AddPartitionsToTxnTopic::default().with_name(name.into()));
            }
            if let Some(last) = topics.last_mut() {
                last.partitions.push(asked.index);
            }
        }
        AddPartitionsToTxnTransaction::default()
            .with_transactional_id(id.clone())
            .with_producer_id(producer.0.into())
            .with_producer_epoch(producer.1)
            .with_verify_only(!adds(&self.produced))
            .with_topics(topics)
    }

    /// A request has one producer.
    fn producer(&self) -> Identity {
        self.unverified.first().map_or((-1, -1), |asked| asked.producer)
    }

    /// The request, and what is known of its partitions, as its producer can take it.
    fn verified_by(self, known: &dyn Fn(&Unverified) -> Result<(), ApiError>) -> (Produced, Verified) {
        let producer = self.producer();
        let version = self.produced.context.header.version;
        let mut verified = self.verified;
        for asked in &self.unverified {
            let result = match asked.producer == producer {
                true => known(asked).map_err(|error| for_producers(error, version)),
                false => {
                    let message = "A request in a transaction has batches of one producer.";
                    Err(ApiError::new(ResponseError::InvalidProducerIdMapping, message))
                }
            };
            // That it has ended meanwhile stays.
            verified.or_insert_with(asked.log, || result);
        }
        (self.produced, verified)
    }
}

/// Whether a request adds its partitions to the transaction itself.
fn adds(produced: &Produced) -> bool {
    produced.context.header.version >= FIRST_ADDING
}

fn unreachable(coordinator: NodeId) -> ApiError {
    let message = format!("The coordinator, broker {coordinator}, cannot be reached.");
    ApiError::new(ResponseError::NetworkException, message)
}

/// A coordinator's error as a producer's version of Produce knows it. What passes is told by one after which it tries again,
/// and that without looking for another leader.
fn for_producers(error: ApiError, version: i16) -> ApiError {
    let known = match error.error {
        ResponseError::ProducerFenced => ResponseError::InvalidProducerEpoch,
        ResponseError::TransactionAbortable if version < FIRST_ABORTABLE => ResponseError::InvalidTxnState,
        ResponseError::NetworkException
        | ResponseError::CoordinatorLoadInProgress
        | ResponseError::CoordinatorNotAvailable
        | ResponseError::NotCoordinator => ResponseError::NotEnoughReplicas,
        ResponseError::ConcurrentTransactions if version < FIRST_ADDING => ResponseError::NotEnoughReplicas,
        other => other,
    };
    ApiError::new(known, error.message)
}
