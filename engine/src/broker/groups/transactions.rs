//! Offsets that are committed in a transaction: they count when it commits (KIP-98), and until that is decided a reader that
//! asks for stable offsets is told to wait (KIP-447).
//!
//! TxnOffsetCommit appends them to the group's partition of `__consumer_offsets` as records of the transaction; the marker that the
//! transaction's coordinator writes there ends the wait.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::TxnOffsetCommitRequest;
use kafka_protocol::messages::txn_offset_commit_response::{
    TxnOffsetCommitResponse, TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};

use super::coordinators_log::{Change, CoordinatorReply, Transaction};
use super::offset_commit::Wanted;
use super::{Coordinated, Groups, check_group_id};
use crate::broker::{Broker, Context};
use crate::error::ApiError;
use crate::group::{Committed, OffsetsRecord};
use crate::sorted::SortedMap;
use crate::storage_op::LogId;
use crate::time::Now;
use crate::types::ProducerId;

/// Clients before this version cannot take it that a coordinator is still loading.
const FIRST_VERSION_THAT_WAITS: i16 = 2;

/// The offsets that a group has in one transaction, by topic and partition.
#[derive(Debug, Default)]
pub(super) struct PendingOffsets {
    pub(super) epoch: i16,
    pub(super) offsets: SortedMap<(String, i32), Committed>,
}

impl Coordinated {
    /// Whether a transaction that is open has an offset for a partition.
    pub(super) fn is_unstable(&self, topic: &str, partition: i32) -> bool {
        // Few transactions are open at once, and each has few partitions.
        let mut keys = self.pending.values().flat_map(|pending| pending.offsets.keys());
        keys.any(|(name, index)| (&name[..], *index) == (topic, partition))
    }

    /// The partitions for which open transactions have offsets.
    pub(super) fn unstable_partitions(&self) -> impl Iterator<Item = &(String, i32)> {
        self.pending.values().flat_map(|pending| pending.offsets.keys())
    }

    /// What is committed or deleted outside of transactions is later than what they have, and stays.
    pub(super) fn overtake_pending(&mut self, topic: &str, partition: i32) {
        if self.pending.is_empty() {
            return;
        }
        let key = (topic.to_owned(), partition);
        self.pending.retain(|_, pending| {
            pending.offsets.remove(&key);
            !pending.offsets.is_empty()
        });
    }
}

impl Groups {
    /// A change did not get on its way.
    pub(in crate::broker) fn withdraw(&mut self, change: u64) {
        drop(self.changes.withdraw(change));
    }

    /// The fold: records that are part of a transaction.
    pub(super) fn take_pending(
        &mut self,
        log: LogId,
        producer: ProducerId,
        epoch: i16,
        records: Vec<OffsetsRecord>,
    ) {
        for record in records {
            let OffsetsRecord::Offset { group_id, topic, partition, committed: Some(committed) } = record
            else {
                continue;
            };
            let coordinated = self.by_id.or_insert_with(group_id, || Box::new(Coordinated::new(log)));
            let pending = coordinated.pending.or_default(producer);
            pending.epoch = epoch;
            pending.offsets.insert((topic, partition), committed);
        }
    }

    /// The fold: a transaction has ended.
    pub(super) fn end_pending(&mut self, log: LogId, producer: ProducerId, commit: bool) {
        for coordinated in self.by_id.values_mut().filter(|coordinated| coordinated.log == log) {
            let Some(mut pending) = coordinated.pending.remove(&producer) else {
                continue;
            };
            while commit && let Some(((topic, partition), committed)) = pending.offsets.pop_first() {
                coordinated.offsets.or_default(topic).insert(partition, committed);
            }
        }
        self.by_id.retain(|_, coordinated| coordinated.log != log || coordinated.is_worth_keeping());
    }
}

impl Broker {
    pub(in crate::broker) fn handle_txn_offset_commit(
        &mut self,
        now: Now,
        context: Context,
        request: TxnOffsetCommitRequest,
    ) {
        let checked = self.check_txn_commit(now, &request).map_err(|error| {
            let waits = context.header.version >= FIRST_VERSION_THAT_WAITS;
            match error.error {
                ResponseError::CoordinatorLoadInProgress if !waits => {
                    ApiError::new(ResponseError::CoordinatorNotAvailable, error.message)
                }
                _ => error,
            }
        });
        let mut response = TxnOffsetCommitResponse::default();
        let mut records = Vec::new();
        for topic in request.topics {
            let mut answer = TxnOffsetCommitResponseTopic::default().with_name(topic.name.clone());
            for partition in topic.partitions {
                let index = partition.partition_index;
                let wanted = Wanted {
                    partition: index,
                    offset: partition.committed_offset,
                    leader_epoch: partition.committed_leader_epoch,
                    metadata: partition.committed_metadata,
                    retention_ms: None,
                };
                let error_code =
                    self.plan_record(now, &checked, &request.group_id, &topic.name, wanted, &mut records);
                let partition = TxnOffsetCommitResponsePartition::default().with_partition_index(index);
                answer.partitions.push(partition.with_error_code(error_code));
            }
            response.topics.push(answer);
        }
        match checked {
            Ok(log) if !records.is_empty() => {
                let producer = (request.producer_id.0, request.producer_epoch);
                let reply = CoordinatorReply::TxnCommit(context, response);
                self.store_in_transaction(now, log, producer, records, reply);
            }
            _ => self.respond(context, &response),
        }
        self.group_moved(now, &request.group_id);
    }

    /// Whether whoever asks may commit for the group in its transaction; where to.
    fn check_txn_commit(&mut self, now: Now, request: &TxnOffsetCommitRequest) -> Result<LogId, ApiError> {
        check_group_id(&request.group_id)?;
        let (producer, epoch) = (request.producer_id.0, request.producer_epoch);
        if producer < 0 || epoch < 0 {
            let message = "A transaction has a producer with an id and an epoch from 0.";
            return Err(ApiError::new(ResponseError::InvalidProducerIdMapping, message));
        }
        let log = self.group_log(&request.group_id)?;
        match self.groups.by_id.get_mut(&request.group_id[..]) {
            Some(coordinated) => coordinated.group.check_transactional_commit(
                now.monotonic_ms,
                &request.member_id,
                request.group_instance_id.as_deref(),
                request.generation_id,
            )?,
            None if request.generation_id >= 0 => {
                let message = "The group has no such generation; it is not known here.";
                return Err(ApiError::new(ResponseError::IllegalGeneration, message));
            }
            None => self.groups.check_room()?,
        }
        if let Some(partition) = self.partitions.get(&log) {
            partition.log.producers().check_epoch(producer, epoch)?;
        }
        Ok(log)
    }

    /// A marker is on its way to a coordinator's log; it takes effect when it is committed. Returns who is to be told.
    pub(in crate::broker) fn end_of_offsets(
        &mut self,
        log: LogId,
        producer: ProducerId,
        commit: bool,
    ) -> u64 {
        let transaction = Some(Transaction::Ended { producer, commit });
        self.groups.changes.add(Change {
            log,
            records: Vec::new(),
            transaction,
            reply: CoordinatorReply::Nobody,
        })
    }
}
