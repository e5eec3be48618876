//! AddPartitionsToTxn and AddOffsetsToTxn: what is part of a transaction. EndTxn: it is committed or aborted.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::add_partitions_to_txn_request::AddPartitionsToTxnTopic;
use kafka_protocol::messages::add_partitions_to_txn_response::{
    AddPartitionsToTxnPartitionResult, AddPartitionsToTxnResponse, AddPartitionsToTxnResult,
    AddPartitionsToTxnTopicResult,
};
use kafka_protocol::messages::{
    AddOffsetsToTxnRequest, AddOffsetsToTxnResponse, AddPartitionsToTxnRequest, EndTxnRequest,
    EndTxnResponse, TopicName, TransactionalId,
};

use super::in_version;
use super::store::TxnReply;
use crate::broker::groups::{Waiting, partition_for};
use crate::broker::{Broker, Context};
use crate::error::ApiError;
use crate::storage_op::LogId;
use crate::time::Now;
use crate::topic::{OFFSETS_TOPIC, Topic};
use crate::txn::{Change, Identity, Partitions};

/// The first version of these requests in which a producer knows that it was fenced (KIP-588).
const FIRST_FENCED_VERSION: i16 = 2;

/// The first version of AddPartitionsToTxn that has a list of transactions; brokers use it (KIP-890).
pub(super) const FIRST_OF_BROKERS: i16 = 4;

impl Broker {
    pub(in crate::broker) fn handle_add_partitions_to_txn(
        &mut self,
        now: Now,
        context: Context,
        request: AddPartitionsToTxnRequest,
    ) {
        #[cfg(feature = "server")]
        let Some(request) = self.of_a_producer(now, context, request) else { return };
        if request.v3_and_below_topics.iter().any(|topic| self.check_addable(topic).is_err()) {
            return self.refuse_partitions(context, request);
        }
        let mut partitions = Partitions::new();
        for topic in &request.v3_and_below_topics {
            partitions.or_default(topic.name.to_string()).extend(topic.partitions.iter().copied());
        }
        let id = request.v3_and_below_transactional_id.clone();
        let producer = (request.v3_and_below_producer_id.0, request.v3_and_below_producer_epoch);
        match self.plan_addition(now, &id, producer, &partitions) {
            Ok((log, Some(change))) => {
                self.store_transaction(now, log, &id, change, TxnReply::AddPartitions(context, request));
            }
            Ok((_, None)) => self.answer_partitions(context, request, Ok(())),
            Err(error) => self.answer_partitions(context, request, Err(error)),
        }
    }

    pub(super) fn plan_addition(
        &self,
        now: Now,
        transactional_id: &str,
        producer: Identity,
        partitions: &Partitions,
    ) -> Result<(LogId, Option<Change>), ApiError> {
        let (log, transaction) = self.transaction(transactional_id)?;
        Ok((log, transaction.add(producer, partitions, now.wall_ms)?))
    }

    /// Whether these partitions exist, and are not the brokers' own.
    fn check_addable(&self, asked: &AddPartitionsToTxnTopic) -> Result<(), ApiError> {
        let topic = self.topics.by_name(&asked.name);
        if topic.is_some_and(Topic::is_internal) {
            let message = format!("{} is written by the brokers only.", &asked.name[..]);
            return Err(ApiError::new(ResponseError::TopicAuthorizationFailed, message));
        }
        let exists = |index: &i32| topic.is_some_and(|topic| topic.assignment(*index).is_some());
        match asked.partitions.iter().find(|index| !exists(index)) {
            None => Ok(()),
            Some(index) => {
                let message = format!("There is no partition {}-{index}.", &asked.name[..]);
                Err(ApiError::new(ResponseError::UnknownTopicOrPartition, message))
            }
        }
    }

    /// Some partitions cannot be added, so none is.
    fn refuse_partitions(&mut self, context: Context, request: AddPartitionsToTxnRequest) {
        let message = "Other partitions of the request cannot be added.";
        let not_attempted = ApiError::new(ResponseError::OperationNotAttempted, message);
        let mut results = Vec::new();
        for topic in request.v3_and_below_topics {
            let mut answers = Vec::new();
            for &index in &topic.partitions {
                let asked = AddPartitionsToTxnTopic::default()
                    .with_name(topic.name.clone())
                    .with_partitions(vec![index]);
                let error = self.check_addable(&asked).err().unwrap_or_else(|| not_attempted.clone());
                answers.push(answer(index, self.report.refuse(&error)));
            }
            results.push(topic_result(topic.name, answers));
        }
        self.respond_partitions(context, request.v3_and_below_transactional_id, results);
    }

    fn respond_partitions(
        &mut self,
        context: Context,
        transactional_id: TransactionalId,
        results: Vec<AddPartitionsToTxnTopicResult>,
    ) {
        let mut response = AddPartitionsToTxnResponse::default();
        if context.header.version >= FIRST_OF_BROKERS {
            let result = AddPartitionsToTxnResult::default().with_transactional_id(transactional_id);
            response.results_by_transaction.push(result.with_topic_results(results));
        } else {
            response.results_by_topic_v3_and_below = results;
        }
        self.respond(context, &response);
    }

    /// All partitions are part of the transaction, or none.
    pub(super) fn answer_partitions(
        &mut self,
        context: Context,
        request: AddPartitionsToTxnRequest,
        result: Result<(), ApiError>,
    ) {
        let code = self.code(result.map_err(|error| in_version(error, context, FIRST_FENCED_VERSION)));
        let results = request.v3_and_below_topics.into_iter().map(|topic| {
            let answers = topic.partitions.iter().map(|&index| answer(index, code));
            topic_result(topic.name, answers.collect())
        });
        self.respond_partitions(context, request.v3_and_below_transactional_id, results.collect());
    }

    /// The offsets of a group are to be part of a transaction: the partition of `__consumer_offsets` that keeps the group.
    pub(in crate::broker) fn handle_add_offsets_to_txn(
        &mut self,
        now: Now,
        context: Context,
        request: AddOffsetsToTxnRequest,
    ) {
        if self.topics.by_name(OFFSETS_TOPIC).is_some() {
            self.add_offsets(now, context, &request);
        } else {
            let waiting = Waiting::AddOffsets(context, request);
            self.await_coordinators_topic(now, OFFSETS_TOPIC, waiting);
        }
    }

    pub(in crate::broker) fn add_offsets(
        &mut self,
        now: Now,
        context: Context,
        request: &AddOffsetsToTxnRequest,
    ) {
        let id = &request.transactional_id[..];
        match self.plan_offsets(now, request) {
            Ok((log, Some(change))) => {
                self.store_transaction(now, log, id, change, TxnReply::AddOffsets(context));
            }
            Ok((_, None)) => self.answer_offsets(context, Ok(())),
            Err(error) => self.answer_offsets(context, Err(error)),
        }
    }

    fn plan_offsets(
        &self,
        now: Now,
        request: &AddOffsetsToTxnRequest,
    ) -> Result<(LogId, Option<Change>), ApiError> {
        let topic = self.topics.by_name(OFFSETS_TOPIC).ok_or_else(|| {
            let message = format!("{OFFSETS_TOPIC} could not be made; try again.");
            ApiError::new(ResponseError::CoordinatorNotAvailable, message)
        })?;
        let index = partition_for(&request.group_id, topic.partitions.len());
        let mut partitions = Partitions::new();
        partitions.or_default(OFFSETS_TOPIC.to_owned()).insert(index);
        let producer = (request.producer_id.0, request.producer_epoch);
        self.plan_addition(now, &request.transactional_id, producer, &partitions)
    }

    /// The answer is given when it is durable how the transaction ends; its partitions are told after that.
    pub(in crate::broker) fn handle_end_txn(&mut self, now: Now, context: Context, request: &EndTxnRequest) {
        let producer = (request.producer_id.0, request.producer_epoch);
        let planned = self.transaction(&request.transactional_id).and_then(|(log, transaction)| {
            Ok((log, transaction.end(producer, request.committed, now.wall_ms)?))
        });
        match planned {
            Ok((log, Some(change))) => {
                let id = &request.transactional_id[..];
                self.store_transaction(now, log, id, change, TxnReply::End(context));
            }
            Ok((_, None)) => self.answer_end(context, Ok(())),
            Err(error) => self.answer_end(context, Err(error)),
        }
    }

    pub(super) fn answer_offsets(&mut self, context: Context, result: Result<(), ApiError>) {
        let code = self.code(result.map_err(|error| in_version(error, context, FIRST_FENCED_VERSION)));
        self.respond(context, &AddOffsetsToTxnResponse::default().with_error_code(code));
    }

    pub(super) fn answer_end(&mut self, context: Context, result: Result<(), ApiError>) {
        let code = self.code(result.map_err(|error| in_version(error, context, FIRST_FENCED_VERSION)));
        self.respond(context, &EndTxnResponse::default().with_error_code(code));
    }
}

pub(super) fn topic_result(
    name: TopicName,
    answers: Vec<AddPartitionsToTxnPartitionResult>,
) -> AddPartitionsToTxnTopicResult {
    AddPartitionsToTxnTopicResult::default().with_name(name).with_results_by_partition(answers)
}

pub(super) fn answer(index: i32, error_code: i16) -> AddPartitionsToTxnPartitionResult {
    AddPartitionsToTxnPartitionResult::default()
        .with_partition_index(index)
        .with_partition_error_code(error_code)
}
