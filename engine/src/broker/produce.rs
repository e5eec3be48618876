//! Produce: batches are checked, given their offsets, and appended as they came.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::ProduceRequest;
use kafka_protocol::messages::produce_request::TopicProduceData;
use kafka_protocol::messages::produce_response::{
    BatchIndexAndErrorMessage, PartitionProduceResponse, ProduceResponse, TopicProduceResponse,
};

use super::append::Waiter;
use super::timestamps::check_timestamps;
use super::{Broker, Context};
use crate::config::LogConfig;
use crate::error::ApiError;
use crate::producer_state::Verdict;
use crate::record::{
    Compression, RecordBatch, RecordError, set_base_offset_and_leader_epoch, set_log_append_time,
    with_compression,
};
use crate::sorted::SortedMap;
use crate::storage_op::LogId;
use crate::time::Now;
use crate::topic::Topic;
use crate::types::{LeaderEpoch, Offset};

/// Requests of which some append is not answered.
#[derive(Debug, Default)]
pub(super) struct Produces {
    next: u64,
    pending: SortedMap<u64, PendingProduce>,
}

#[derive(Debug)]
struct PendingProduce {
    context: Context,
    /// Whose it is, while somebody watches.
    client: Option<Arc<str>>,
    acks: i16,
    response: ProduceResponse,
    waiting: usize,
}

/// A Produce that has come.
#[derive(Debug)]
pub(super) struct Produced {
    pub(super) context: Context,
    /// Whose it is, while somebody watches.
    pub(super) client: Option<Arc<str>>,
    pub(super) request: ProduceRequest,
}

/// What coordinators say of partitions in which transactions are to begin (KIP-890).
pub(super) type Verified = SortedMap<LogId, Result<(), ApiError>>;

/// The place of a partition in a Produce request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ProduceEntry {
    produce: u64,
    topic: usize,
    partition: usize,
}

impl Produces {
    /// Whose request it is that an entry belongs to, if somebody watched when it came.
    pub(super) fn client(&self, entry: &ProduceEntry) -> Option<Arc<str>> {
        self.pending.get(&entry.produce)?.client.clone()
    }
}

impl Broker {
    pub(super) fn handle_produce(&mut self, now: Now, context: Context, request: ProduceRequest) {
        let produced = Produced { context, client: self.trace.client(), request };
        #[cfg(feature = "server")]
        if let Some(unverified) = self.unverified(&produced) {
            return self.verify(now, produced, unverified);
        }
        self.append_produced(now, produced, None);
    }

    /// The topic that a Produce names.
    pub(super) fn produced_topic(&self, context: Context, asked: &TopicProduceData) -> Option<&Topic> {
        match context.header.version {
            13.. => self.topics.by_id(asked.topic_id),
            _ => self.topics.by_name(&asked.name),
        }
    }

    /// Appends what can be appended. Where it is not all known already, `verified` says in which partitions a transaction may
    /// begin.
    pub(super) fn append_produced(&mut self, now: Now, produced: Produced, verified: Option<&Verified>) {
        let Produced { context, client, request } = produced;
        let produce = self.produces.next;
        self.produces.next += 1;
        let acks = request.acks;
        if acks == 0 {
            // No answer, and none that a later request has to wait for.
            self.connections.leave_unanswered(context);
        }
        let invalid = invalid_request(&request);
        let has_transaction = request.transactional_id.is_some();
        let response = ProduceResponse::default();
        let mut pending = PendingProduce { context, client, acks, response, waiting: 0 };
        for (topic_index, topic) in request.topic_data.into_iter().enumerate() {
            let known = self.produced_topic(context, &topic).cloned();
            let (topic_name, topic_id) = (topic.name.clone(), topic.topic_id);
            let mut response =
                TopicProduceResponse::default().with_name(topic.name).with_topic_id(topic.topic_id);
            for (partition_index, partition) in topic.partition_data.into_iter().enumerate() {
                let entry = ProduceEntry { produce, topic: topic_index, partition: partition_index };
                let started = match &invalid {
                    Some(error) => Err(error.clone()),
                    None => {
                        let records = partition.records.clone();
                        let topic = known.as_ref();
                        let terms = Terms { acks, has_transaction, verified };
                        self.start_append(now, topic, partition.index, records, entry, terms)
                    }
                };
                let mut answer = PartitionProduceResponse::default().with_index(partition.index);
                match started {
                    Ok(started) => {
                        match started.base_offset {
                            Some(base_offset) => answer.base_offset = base_offset,
                            None => pending.waiting += 1,
                        }
                        answer.log_append_time_ms = started.log_append_time_ms;
                        answer.log_start_offset = started.log_start_offset;
                    }
                    Err(error) => {
                        if error.error == ResponseError::UnknownTopicOrPartition
                            && !self.config.is_controller()
                        {
                            let records = partition.records.unwrap_or_default();
                            self.strangers.refused(&topic_name, topic_id, partition.index, &records);
                        }
                        self.refuse_entry(&mut answer, &error);
                    }
                }
                response.partition_responses.push(answer);
            }
            pending.response.responses.push(response);
        }
        if pending.waiting == 0 {
            self.answer_produce(&pending);
        } else {
            self.produces.pending.insert(produce, pending);
        }
    }

    fn start_append(
        &mut self,
        now: Now,
        topic: Option<&Topic>,
        index: i32,
        records: Option<Bytes>,
        entry: ProduceEntry,
        terms: Terms<'_>,
    ) -> Result<Started, ApiError> {
        let (log, leader_epoch) = self.led_partition(topic, index)?;
        if topic.is_some_and(Topic::is_internal) {
            let message = "Only brokers write to internal topics.";
            return Err(ApiError::new(ResponseError::InvalidTopicException, message));
        }
        let Some(partition) = self.partitions.get_mut(&log) else {
            return Err(not_leader(index));
        };
        let records = records.unwrap_or_default();
        if terms.acks == -1 && partition.config.min_insync_replicas > 1 {
            return Err(too_few_replicas(partition.config.min_insync_replicas));
        }
        let view = check_batch(&records, &partition.config)?;
        if view.is_transactional() && !terms.has_transaction {
            let message = "A batch of a transaction comes in a request that names the transactional id.";
            return Err(ApiError::new(ResponseError::TransactionalIdAuthorizationFailed, message));
        }
        check_timestamps(view, &partition.config, now.wall_ms)?;
        check_keys(view, &partition.config)?;
        // As long as it is not known what is stored, a batch that came before cannot be acknowledged either.
        if let Err(error) = partition.check_settled() {
            partition.log.producers_mut().turned_away(view);
            return Err(error);
        }
        if view.producer_id() >= 0
            && let Verdict::Duplicate(base_offset) = partition.log.producers().check(view)?
        {
            return Ok(self.append_again(log, base_offset, entry));
        }
        #[cfg(feature = "server")]
        if let Some(verified) = terms.verified
            && view.is_transactional()
            && !partition.log.producers().is_in_transaction(view)
            && let Err(error) = verified.get(&log).cloned().unwrap_or_else(|| Err(not_verified()))
        {
            partition.log.producers_mut().turned_away(view);
            return Err(error);
        }
        let corrupt = |error: RecordError| ApiError::new(ResponseError::CorruptMessage, error.to_string());
        let mut batch = match partition.config.compression {
            Some(codec) if view.compression() != Ok(codec) => {
                let batch = with_compression(view, codec).map_err(corrupt)?;
                check_size(batch.len(), &partition.config)?;
                BytesMut::from(&batch[..])
            }
            _ => BytesMut::from(&records[..]),
        };
        let mut log_append_time_ms = -1;
        if partition.config.log_append_time {
            set_log_append_time(&mut batch, now.wall_ms).map_err(corrupt)?;
            log_append_time_ms = now.wall_ms;
        }
        set_base_offset_and_leader_epoch(&mut batch, partition.log.next_offset(), leader_epoch)
            .map_err(corrupt)?;
        let log_start_offset = partition.log.log_start_offset();
        self.append(log, batch.freeze(), Waiter::Produce(entry))?;
        Ok(Started { base_offset: None, log_append_time_ms, log_start_offset })
    }

    /// A batch came again: the answer is that of the first time, given when that one is.
    fn append_again(&mut self, log: LogId, base_offset: Offset, entry: ProduceEntry) -> Started {
        let mut started =
            Started { base_offset: Some(base_offset), log_append_time_ms: -1, log_start_offset: -1 };
        if let Some(partition) = self.partitions.get_mut(&log) {
            started.log_start_offset = partition.log.log_start_offset();
            let mut pending = partition.pending.iter_mut();
            if let Some(first) =
                pending.find(|append| append.doomed.is_none() && append.point.base_offset == base_offset)
            {
                first.waiters.push(Waiter::Produce(entry));
                started.base_offset = None;
            }
        }
        started
    }

    /// The log of a partition that this broker leads.
    pub(super) fn led_partition(
        &self,
        topic: Option<&Topic>,
        index: i32,
    ) -> Result<(LogId, LeaderEpoch), ApiError> {
        let Some(topic) = topic else {
            return Err(ApiError::new(ResponseError::UnknownTopicOrPartition, "There is no such topic."));
        };
        let Some(assignment) = topic.assignment(index) else {
            let message = format!("Topic {} has no partition {index}.", topic.name);
            return Err(ApiError::new(ResponseError::UnknownTopicOrPartition, message));
        };
        if assignment.leader != self.config.node_id() {
            return Err(not_leader(index));
        }
        Ok((topic.log_id(index), assignment.leader_epoch))
    }

    fn refuse_entry(&mut self, answer: &mut PartitionProduceResponse, error: &ApiError) {
        answer.error_code = self.report.refuse(error);
        answer.error_message = error.text();
        let of_records = error.records.iter().map(|index| {
            let message = error.text();
            BatchIndexAndErrorMessage::default()
                .with_batch_index(*index)
                .with_batch_index_error_message(message)
        });
        answer.record_errors = of_records.collect();
        answer.base_offset = -1;
        answer.log_append_time_ms = -1;
        answer.log_start_offset = -1;
    }

    /// An append of a Produce has ended.
    pub(super) fn produce_entry_ended(&mut self, entry: ProduceEntry, result: Result<Offset, ApiError>) {
        let Some(mut pending) = self.produces.pending.remove(&entry.produce) else {
            return;
        };
        if let Some(answer) = pending
            .response
            .responses
            .get_mut(entry.topic)
            .and_then(|topic| topic.partition_responses.get_mut(entry.partition))
        {
            match result {
                Ok(base_offset) => answer.base_offset = base_offset,
                Err(error) => self.refuse_entry(answer, &error),
            }
        }
        pending.waiting -= 1;
        if pending.waiting == 0 {
            self.answer_produce(&pending);
        } else {
            self.produces.pending.insert(entry.produce, pending);
        }
    }

    fn answer_produce(&mut self, pending: &PendingProduce) {
        if pending.acks != 0 {
            self.respond(pending.context, &pending.response);
            return;
        }
        // Whoever asks for no answer learns of an error by the end of the connection, as with Kafka.
        self.report.requests += 1;
        let mut partitions = pending.response.responses.iter().flat_map(|topic| &topic.partition_responses);
        if partitions.any(|partition| partition.error_code != 0) {
            let connection = pending.context.connection;
            let message = "A Produce with acks=0 failed; the connection is closed to say so.".to_owned();
            self.report.event(true, message);
            self.connections.remove(connection);
            self.fetches.remove_connection(connection);
            self.closes.push(connection);
        }
    }
}

/// What a Produce request says of all its batches.
#[derive(Clone, Copy)]
struct Terms<'a> {
    acks: i16,
    /// Whether it names a transactional id.
    has_transaction: bool,
    /// What is known of the partitions in which a transaction begins by this; none if it begins in none.
    #[cfg_attr(not(feature = "server"), expect(dead_code, reason = "only servers verify"))]
    verified: Option<&'a Verified>,
}

/// An append that is on its way, or was done before.
struct Started {
    /// Known at once if the batch is in the log already.
    base_offset: Option<Offset>,
    log_append_time_ms: i64,
    log_start_offset: Offset,
}

fn not_leader(index: i32) -> ApiError {
    let message = format!("This broker does not lead partition {index}.");
    ApiError::new(ResponseError::NotLeaderOrFollower, message)
}

/// It was not asked about the partition, as it could not have taken the batch then.
#[cfg(feature = "server")]
fn not_verified() -> ApiError {
    let message = "It is not known whether the partition is part of the transaction; try again.";
    ApiError::new(ResponseError::NotEnoughReplicas, message)
}

fn too_few_replicas(wanted: i64) -> ApiError {
    let message = format!("min.insync.replicas is {wanted}, and a partition has 1 replica.");
    ApiError::new(ResponseError::NotEnoughReplicas, message)
}

fn check_size(size: usize, config: &LogConfig) -> Result<(), ApiError> {
    if size <= config.max_message_bytes {
        return Ok(());
    }
    let message = format!(
        "A batch of {size} bytes is larger than the {} that max.message.bytes allows.",
        config.max_message_bytes
    );
    Err(ApiError::new(ResponseError::MessageTooLarge, message))
}

/// What is wrong with a request as a whole.
fn invalid_request(request: &ProduceRequest) -> Option<ApiError> {
    if !(-1..=1).contains(&request.acks) {
        let message = format!("acks is 0, 1 or -1 (all), not {}.", request.acks);
        return Some(ApiError::new(ResponseError::InvalidRequiredAcks, message));
    }
    None
}

/// In a compacted topic every record has a key: without one, nobody could say which it replaces.
fn check_keys(batch: RecordBatch<'_>, config: &LogConfig) -> Result<(), ApiError> {
    if !config.is_compacted {
        return Ok(());
    }
    let corrupt = |error: RecordError| ApiError::new(ResponseError::CorruptMessage, error.to_string());
    for record in &batch.records().map_err(corrupt)? {
        if record.map_err(corrupt)?.key.is_none() {
            let message = "A compacted topic takes no record without a key.";
            return Err(ApiError::new(ResponseError::InvalidRecord, message));
        }
    }
    Ok(())
}

/// Whether the records of a partition can be appended: one intact batch of the current format (KIP-98), not larger than
/// the topic allows.
fn check_batch<'a>(records: &'a [u8], config: &LogConfig) -> Result<RecordBatch<'a>, ApiError> {
    let invalid = |message: &str| Err(ApiError::new(ResponseError::InvalidRecord, message));
    let batch = RecordBatch::parse(records).map_err(|error| {
        let kind = match error {
            RecordError::UnsupportedMagic { .. } => ResponseError::UnsupportedForMessageFormat,
            // No whole batch.
            RecordError::Truncated { .. } => ResponseError::InvalidRecord,
            _ => ResponseError::CorruptMessage,
        };
        ApiError::new(kind, format!("The records cannot be read: {error}."))
    })?;
    check_size(batch.size(), config)?;
    if batch.size() != records.len() {
        return invalid("A Produce request has exactly one batch for a partition.");
    }
    batch.verify_crc().map_err(|error| {
        ApiError::new(ResponseError::CorruptMessage, format!("The records are damaged: {error}."))
    })?;
    match batch.compression() {
        Ok(
            Compression::None
            | Compression::Gzip
            | Compression::Snappy
            | Compression::Lz4
            | Compression::Zstd,
        ) => {}
        Err(error) => {
            return Err(ApiError::new(ResponseError::UnsupportedCompressionType, error.to_string()));
        }
    }
    if batch.record_count() < 1 || batch.last_offset_delta() != batch.record_count() - 1 {
        return invalid("A produced batch has at least one record, and its offsets have no gaps.");
    }
    if batch.is_control() {
        return invalid("Only brokers write control records.");
    }
    if batch.is_transactional() && batch.producer_id() < 0 {
        return invalid("A batch of a transaction has a producer id.");
    }
    if batch.producer_id() >= 0 && (batch.producer_epoch() < 0 || batch.base_sequence() < 0) {
        return invalid("A batch of an idempotent producer has an epoch and a sequence from 0.");
    }
    Ok(batch)
}
