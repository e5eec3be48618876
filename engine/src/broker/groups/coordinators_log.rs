//! What both coordinators keep, of groups and of transactions: records are appended to `__consumer_offsets` and
//! `__transaction_state`, and what they say takes effect when they are committed; at the start it is taken in again.

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::{OffsetCommitResponse, OffsetDeleteResponse, TxnOffsetCommitResponse};

use super::Coordinated;
use super::copying::Encoded;
use crate::broker::append::Waiter;
use crate::broker::txn::TxnChange;
use crate::broker::{Broker, Context};
use crate::error::ApiError;
use crate::group::{Group, GroupMetadata, OffsetsRecord};
use crate::record::{Batches, Compression, EndMarker, RecordBatch, RecordBatchBuilder};
use crate::sorted::SortedMap;
use crate::storage_op::LogId;
use crate::time::Now;
use crate::types::{Offset, ProducerId};

/// Records on their way to storage.
#[derive(Debug, Default)]
pub(super) struct Changes {
    next: u64,
    pending: SortedMap<u64, Change>,
}

#[derive(Debug)]
pub(in crate::broker) struct Change {
    pub(super) log: LogId,
    pub(super) records: Vec<OffsetsRecord>,
    pub(super) transaction: Option<Transaction>,
    pub(super) reply: CoordinatorReply,
}

/// What a change has to do with a transaction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Transaction {
    /// The records are part of one.
    Part { producer: ProducerId, epoch: i16 },
    /// It has ended.
    Ended { producer: ProducerId, commit: bool },
}

/// Who is told that records are stored.
#[derive(Debug)]
pub(in crate::broker) enum CoordinatorReply {
    Commit(Context, OffsetCommitResponse),
    TxnCommit(Context, TxnOffsetCommitResponse),
    /// The members that wait for the leader's assignment.
    Generation {
        group_id: String,
        generation: i32,
    },
    /// A group of a DeleteGroups request.
    DeleteGroup {
        delete: u64,
        index: usize,
        group_id: String,
    },
    OffsetDelete(Context, OffsetDeleteResponse),
    /// A group that is not needed any more.
    Expired {
        group_id: String,
    },
    /// What still counts was appended once more, from this offset on.
    Copied {
        start: Offset,
    },
    /// A change of a transactional id, which is in the log of transactions.
    Transaction(TxnChange),
    Nobody,
}

impl Changes {
    pub(super) fn add(&mut self, change: Change) -> u64 {
        let id = self.next;
        self.next += 1;
        self.pending.insert(id, change);
        id
    }

    /// It did not get on its way.
    pub(super) fn withdraw(&mut self, change: u64) -> Option<Change> {
        self.pending.remove(&change)
    }

    /// What is on its way to a log, in its order.
    pub(super) fn of_log(&self, log: LogId) -> impl Iterator<Item = &Change> {
        self.pending.values().filter(move |change| change.log == log)
    }

    /// What is on its way for a group.
    pub(super) fn of_group<'a>(&'a self, group_id: &'a str) -> impl Iterator<Item = &'a OffsetsRecord> {
        let records = self.pending.values().flat_map(|change| &change.records);
        records.filter(move |record| record.group_id() == group_id)
    }
}

impl Broker {
    /// Appends records to a coordinator's log; they take effect, and the reply is given, when they are committed.
    pub(super) fn store(
        &mut self,
        now: Now,
        log: LogId,
        records: Vec<OffsetsRecord>,
        reply: CoordinatorReply,
    ) {
        let encoded: Vec<Encoded> =
            records.iter().map(|record| (record.encode_key(), record.encode_value())).collect();
        let change = Change { log, records, transaction: None, reply };
        self.store_encoded(now, &encoded, change, false);
    }

    /// Appends offsets as part of a transaction of a producer in an epoch.
    pub(super) fn store_in_transaction(
        &mut self,
        now: Now,
        log: LogId,
        (producer, epoch): (ProducerId, i16),
        records: Vec<OffsetsRecord>,
        reply: CoordinatorReply,
    ) {
        let encoded: Vec<Encoded> =
            records.iter().map(|record| (record.encode_key(), record.encode_value())).collect();
        let transaction = Some(Transaction::Part { producer, epoch });
        self.store_encoded(now, &encoded, Change { log, records, transaction, reply }, false);
    }

    /// Appends a change of a transactional id.
    pub(in crate::broker) fn store_transaction_record(
        &mut self,
        now: Now,
        log: LogId,
        encoded: Encoded,
        change: TxnChange,
    ) {
        let reply = CoordinatorReply::Transaction(change);
        let change = Change { log, records: Vec::new(), transaction: None, reply };
        self.store_encoded(now, &[encoded], change, false);
    }

    /// Appends records as they are written; `rolls` has them begin a segment. Says whether they are on their way.
    pub(super) fn store_encoded(
        &mut self,
        now: Now,
        encoded: &[Encoded],
        change: Change,
        rolls: bool,
    ) -> bool {
        let log = change.log;
        let batch = self.offsets_batch(now, encoded, &change);
        let id = self.groups.changes.add(change);
        let appended = batch.and_then(|batch| self.append_rolling(log, batch, Waiter::Offsets(id), rolls));
        let is_on_its_way = appended.is_ok();
        if let Err(error) = appended
            && let Some(change) = self.groups.changes.withdraw(id)
        {
            self.change_ended(now, change, Err(error));
        }
        is_on_its_way
    }

    fn offsets_batch(&self, now: Now, records: &[Encoded], change: &Change) -> Result<Bytes, ApiError> {
        // What deletes or shortens is not refused for its size: room is made by it.
        let is_limited = match &change.reply {
            CoordinatorReply::Commit(..)
            | CoordinatorReply::TxnCommit(..)
            | CoordinatorReply::Generation { .. } => true,
            CoordinatorReply::Transaction(change) => change.grows(),
            _ => false,
        };
        let Some(partition) = self.partitions.get(&change.log) else {
            let message = "This broker does not coordinate that any more.";
            return Err(ApiError::new(ResponseError::NotCoordinator, message));
        };
        if partition.check_settled().is_err() {
            let message = format!("{} is being read again after a failure of its storage.", partition.name);
            return Err(ApiError::new(ResponseError::CoordinatorLoadInProgress, message));
        }
        let mut builder = RecordBatchBuilder::new(Compression::None);
        builder.set_base_offset(partition.log.next_offset());
        builder.set_partition_leader_epoch(partition.leader_epoch);
        if let Some(Transaction::Part { producer, epoch }) = change.transaction {
            // Without a sequence, as Kafka has it: a batch of this kind is not told apart from one sent again.
            builder.set_producer(producer, epoch, -1);
            builder.set_transactional(true);
        }
        for (key, value) in records {
            builder
                .append(now.wall_ms, Some(key), value.as_deref(), &[])
                .map_err(|error| ApiError::new(ResponseError::InvalidCommitOffsetSize, error.to_string()))?;
        }
        let (size, limit) = (builder.size_in_bytes(), partition.config.max_message_bytes);
        if is_limited && size > limit {
            let message = format!("{size} bytes are more than the {limit} that max.message.bytes allows.");
            return Err(ApiError::new(ResponseError::InvalidCommitOffsetSize, message));
        }
        Ok(builder.build())
    }

    /// An append to a coordinator's log has ended.
    pub(in crate::broker) fn offsets_append_ended(
        &mut self,
        now: Now,
        change: u64,
        result: Result<Offset, ApiError>,
    ) {
        if let Some(change) = self.groups.changes.pending.remove(&change) {
            self.change_ended(now, change, result.map(|_| ()));
        }
    }

    fn change_ended(&mut self, now: Now, change: Change, result: Result<(), ApiError>) {
        let Change { log, records, transaction, reply } = change;
        let is_transactional_id = matches!(reply, CoordinatorReply::Transaction(_));
        let has_grown =
            result.is_ok() && (!records.is_empty() || transaction.is_some() || is_transactional_id);
        if result.is_ok() {
            self.apply_offsets_records(log, records, transaction, false);
        }
        match reply {
            CoordinatorReply::Commit(context, mut response) => {
                let partitions = response.topics.iter_mut().flat_map(|topic| &mut topic.partitions);
                self.fill_in(result, partitions.map(|partition| &mut partition.error_code));
                self.respond(context, &response);
            }
            CoordinatorReply::TxnCommit(context, mut response) => {
                let partitions = response.topics.iter_mut().flat_map(|topic| &mut topic.partitions);
                self.fill_in(result, partitions.map(|partition| &mut partition.error_code));
                self.respond(context, &response);
            }
            CoordinatorReply::OffsetDelete(context, mut response) => {
                if let Err(error) = result {
                    response = OffsetDeleteResponse::default().with_error_code(self.report.refuse(&error));
                }
                self.respond(context, &response);
            }
            CoordinatorReply::Generation { group_id, generation } => {
                if let Some(coordinated) = self.groups.by_id.get_mut(&group_id[..]) {
                    coordinated.group.stored(
                        now.monotonic_ms,
                        generation,
                        result.map_err(unstored_generation),
                    );
                }
                self.group_moved(now, &group_id);
            }
            CoordinatorReply::DeleteGroup { delete, index, group_id } => {
                self.undo_delete(&group_id, &result);
                self.group_deleted(delete, index, result);
            }
            CoordinatorReply::Expired { group_id } => self.undo_delete(&group_id, &result),
            CoordinatorReply::Copied { start } => self.copied(log, start, &result),
            CoordinatorReply::Transaction(change) => self.transaction_stored(now, change, result),
            CoordinatorReply::Nobody => {}
        }
        if has_grown {
            self.shorten_if_due(now, log);
        }
    }

    /// Gives the error of a commit to the partitions that have none of their own.
    fn fill_in<'a>(&mut self, result: Result<(), ApiError>, codes: impl Iterator<Item = &'a mut i16>) {
        if let Err(error) = result {
            let code = self.report.refuse(&error);
            codes.filter(|known| **known == 0).for_each(|known| *known = code);
        }
    }

    /// A group that could not be deleted goes on.
    fn undo_delete(&mut self, group_id: &str, result: &Result<(), ApiError>) {
        if result.is_err()
            && let Some(coordinated) = self.groups.by_id.get_mut(group_id)
        {
            coordinated.group.undo_delete();
        }
    }

    pub(super) fn store_generation(&mut self, now: Now, group_id: &str, metadata: GroupMetadata) {
        let Some(coordinated) = self.groups.by_id.get(group_id) else {
            return;
        };
        let log = coordinated.log;
        let reply =
            CoordinatorReply::Generation { group_id: group_id.to_owned(), generation: metadata.generation };
        let metadata = Some((metadata, now.wall_ms));
        let record = OffsetsRecord::Group { group_id: group_id.to_owned(), metadata };
        self.store(now, log, vec![record], reply);
    }

    /// The fold: records of one batch, or a marker.
    fn apply_offsets_records(
        &mut self,
        log: LogId,
        records: Vec<OffsetsRecord>,
        transaction: Option<Transaction>,
        at_start: bool,
    ) {
        match transaction {
            None => {
                for record in records {
                    self.apply_offsets_record(log, record, at_start);
                }
            }
            Some(Transaction::Part { producer, epoch }) => {
                self.groups.take_pending(log, producer, epoch, records);
            }
            Some(Transaction::Ended { producer, commit }) => {
                self.groups.end_pending(log, producer, commit);
            }
        }
    }

    /// The fold: what a committed record says of a group.
    ///
    /// `at_start`: it was written by an earlier broker, whose members are forgotten. Otherwise the group has gone on
    /// in memory before it was stored.
    fn apply_offsets_record(&mut self, log: LogId, record: OffsetsRecord, at_start: bool) {
        let by_id = &mut self.groups.by_id;
        let id = record.group_id().to_owned();
        let coordinated = match &record {
            OffsetsRecord::Offset { committed: Some(_), .. }
            | OffsetsRecord::Group { metadata: Some(_), .. } => {
                by_id.or_insert_with(id.clone(), || Box::new(Coordinated::new(log)))
            }
            // It deletes something of a group that is gone.
            _ => match by_id.get_mut(&id[..]) {
                Some(coordinated) => coordinated,
                None => return,
            },
        };
        if let OffsetsRecord::Offset { topic, partition, .. } = &record {
            coordinated.overtake_pending(topic, *partition);
        }
        match record {
            OffsetsRecord::Offset { topic, partition, committed: Some(committed), .. } => {
                coordinated.offsets.or_default(topic).insert(partition, committed);
            }
            OffsetsRecord::Offset { topic, partition, committed: None, .. } => {
                if let Some(partitions) = coordinated.offsets.get_mut(&topic[..]) {
                    partitions.remove(&partition);
                    if partitions.is_empty() {
                        coordinated.offsets.remove(&topic[..]);
                    }
                }
            }
            OffsetsRecord::Group { metadata: Some((metadata, timestamp)), .. } => {
                if at_start {
                    coordinated.empty_since = metadata.leader.is_none().then_some(timestamp);
                    coordinated.group = Group::recovered(metadata.protocol_type.clone(), metadata.generation);
                }
                coordinated.stored = Some((metadata, timestamp));
            }
            OffsetsRecord::Group { metadata: None, .. } => {
                if at_start || coordinated.group.is_dead() {
                    coordinated.group = Group::new();
                }
                coordinated.stored = None;
            }
        }
        if !coordinated.is_worth_keeping() {
            by_id.remove(&id[..]);
        }
    }

    /// While a coordinator's log is read for the first time: takes in what was committed before.
    pub(in crate::broker) fn take_offsets(&mut self, log: LogId, batches: &Bytes) {
        if !self.is_coordinators_log(log) || self.partitions.contains_key(&log) {
            return;
        }
        for batch in Batches::new(batches) {
            let Ok(batch) = batch else {
                return;
            };
            if batch.is_control() {
                if let Some(EndMarker { producer_id: producer, commit, .. }) = EndMarker::of(batch) {
                    let ended = Transaction::Ended { producer, commit };
                    self.apply_offsets_records(log, Vec::new(), Some(ended), true);
                }
                continue;
            }
            let transaction = batch
                .is_transactional()
                .then(|| Transaction::Part { producer: batch.producer_id(), epoch: batch.producer_epoch() });
            let records = self.readable_records(log, batch);
            self.apply_offsets_records(log, records, transaction, true);
        }
    }

    /// The records of a batch about groups, without those that this version does not know. Those about transactional ids are taken
    /// in.
    fn readable_records(&mut self, log: LogId, batch: RecordBatch<'_>) -> Vec<OffsetsRecord> {
        let mut known = Vec::new();
        let records = match batch.records() {
            Ok(records) => records,
            Err(error) => {
                self.report_unreadable(log, batch.base_offset(), &error.to_string());
                return known;
            }
        };
        for record in &records {
            match record {
                Ok(record) => {
                    let key = record.key.unwrap_or_default();
                    let taken = match self.is_transactions_log(log) {
                        true => self.take_transaction(log, key, record.value),
                        false => OffsetsRecord::decode(key, record.value).map(|record| known.push(record)),
                    };
                    if let Err(error) = taken {
                        self.report_unreadable(log, record.offset, &error.to_string());
                    }
                }
                Err(error) => {
                    self.report_unreadable(log, batch.base_offset(), &error.to_string());
                    break;
                }
            }
        }
        known
    }

    fn report_unreadable(&mut self, log: LogId, offset: Offset, why: &str) {
        let message = format!("The record at offset {offset} of {} is left out: {why}.", self.log_name(log));
        self.report.event(true, message);
        self.groups.copying.or_default(log).has_unknown = true;
    }
}

/// What members are told that wait for an assignment which could not be stored: they try again, until it can. (Kafka does the
/// same; the error of the storage itself would end most clients.)
fn unstored_generation(error: ApiError) -> ApiError {
    let error_code = match error.error {
        ResponseError::InvalidCommitOffsetSize => ResponseError::UnknownServerError,
        _ => ResponseError::CoordinatorNotAvailable,
    };
    ApiError::new(error_code, error.message)
}
