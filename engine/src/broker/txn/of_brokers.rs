//! AddPartitionsToTxn as brokers use it (KIP-890): whether partitions are part of transactions, and those that a Produce adds.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::AddPartitionsToTxnRequest;
use kafka_protocol::messages::add_partitions_to_txn_request::AddPartitionsToTxnTransaction;
use kafka_protocol::messages::add_partitions_to_txn_response::{
    AddPartitionsToTxnResponse, AddPartitionsToTxnResult,
};

use super::requests::{FIRST_OF_BROKERS, answer, topic_result};
use super::store::TxnReply;
use crate::broker::{Broker, Context};
use crate::error::ApiError;
use crate::time::Now;
use crate::txn::{Identity, Partitions};

impl Broker {
    /// The request in the form that producers have, if it adds partitions to one transaction; any other is answered.
    pub(super) fn of_a_producer(
        &mut self,
        now: Now,
        context: Context,
        mut request: AddPartitionsToTxnRequest,
    ) -> Option<AddPartitionsToTxnRequest> {
        if context.header.version < FIRST_OF_BROKERS {
            return Some(request);
        }
        // It stands behind the other broker's Fetch for metadata, if this is the controller.
        self.hurry_fetches(now, context.connection);
        match request.transactions.pop() {
            Some(only) if !only.verify_only && request.transactions.is_empty() => {
                request.v3_and_below_transactional_id = only.transactional_id;
                request.v3_and_below_producer_id = only.producer_id;
                request.v3_and_below_producer_epoch = only.producer_epoch;
                request.v3_and_below_topics = only.topics;
                Some(request)
            }
            last => {
                request.transactions.extend(last);
                self.verify_partitions(context, request);
                None
            }
        }
    }

    /// Says of partitions whether they are part of transactions.
    fn verify_partitions(&mut self, context: Context, request: AddPartitionsToTxnRequest) {
        let mut response = AddPartitionsToTxnResponse::default();
        for asked in request.transactions {
            let producer = (asked.producer_id.0, asked.producer_epoch);
            let mut result =
                AddPartitionsToTxnResult::default().with_transactional_id(asked.transactional_id.clone());
            for topic in asked.topics {
                let mut answers = Vec::new();
                for index in topic.partitions {
                    let known = match asked.verify_only {
                        true => self.verify_partition(&asked.transactional_id, producer, &topic.name, index),
                        false => {
                            let message = "Partitions are added to one transaction at a time.";
                            Err(ApiError::new(ResponseError::InvalidRequest, message))
                        }
                    };
                    answers.push(answer(index, self.code(known)));
                }
                result.topic_results.push(topic_result(topic.name, answers));
            }
            response.results_by_transaction.push(result);
        }
        self.respond(context, &response);
    }

    /// Whether a partition is part of a producer's transaction that is open.
    pub(in crate::broker) fn verify_partition(
        &self,
        transactional_id: &str,
        producer: Identity,
        topic: &str,
        index: i32,
    ) -> Result<(), ApiError> {
        let (_, transaction) = self.transaction(transactional_id)?;
        transaction.verify(producer, topic, index)
    }

    /// The same as AddPartitionsToTxn, for a Produce that this broker holds.
    pub(in crate::broker) fn add_produced(
        &mut self,
        now: Now,
        asked: &AddPartitionsToTxnTransaction,
        number: u64,
    ) {
        let mut partitions = Partitions::new();
        for topic in &asked.topics {
            partitions.or_default(topic.name.to_string()).extend(topic.partitions.iter().copied());
        }
        let id = &asked.transactional_id[..];
        let producer = (asked.producer_id.0, asked.producer_epoch);
        match self.plan_addition(now, id, producer, &partitions) {
            Ok((log, Some(change))) => {
                self.store_transaction(now, log, id, change, TxnReply::Produce(number));
            }
            Ok((_, None)) => self.verification_ended(now, number, &|_| Ok(())),
            Err(error) => self.verification_ended(now, number, &|_| Err(error.clone())),
        }
    }
}
