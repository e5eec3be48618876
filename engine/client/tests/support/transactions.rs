//! The scripted coordinator of the transactional id `tx`.

use std::collections::BTreeMap;

use kafka_protocol::messages::add_partitions_to_txn_response::{
    AddPartitionsToTxnPartitionResult, AddPartitionsToTxnTopicResult,
};
use kafka_protocol::messages::txn_offset_commit_response::{
    TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};
use kafka_protocol::messages::*;

use super::{Asked, Cluster};

#[derive(Default)]
pub struct Transactions {
    /// What was asked, in words.
    pub log: Vec<String>,
    /// Errors to answer, by API, first come first served.
    pub errors: BTreeMap<i16, Vec<i16>>,
    epoch: i16,
}

impl Cluster {
    /// What was asked about transactions since the last call.
    pub fn transacted(&mut self) -> Vec<String> {
        std::mem::take(&mut self.transactions.log)
    }

    fn next_error(&mut self, key: i16) -> i16 {
        let errors = self.transactions.errors.entry(key).or_default();
        if errors.is_empty() { 0 } else { errors.remove(0) }
    }

    pub(super) fn init_transactions(&mut self, asked: &Asked) {
        let request: InitProducerIdRequest = asked.decode();
        assert_eq!(request.transactional_id.as_deref().map(|id| &**id), Some("tx"));
        self.transactions.log.push(format!("init {} {}", request.producer_id.0, request.producer_epoch));
        let error = self.next_error(22);
        let response = InitProducerIdResponse::default().with_error_code(error);
        if error != 0 {
            return self.reply(asked, &response.with_producer_id((-1).into()).with_producer_epoch(-1));
        }
        let epoch = self.transactions.epoch;
        self.transactions.epoch += 1;
        self.reply(asked, &response.with_producer_id(9.into()).with_producer_epoch(epoch));
    }

    pub(super) fn transact(&mut self, asked: &Asked) {
        let error = self.next_error(asked.key);
        match asked.key {
            24 => self.add_partitions(asked, error),
            25 => {
                let request: AddOffsetsToTxnRequest = asked.decode();
                self.transactions.log.push(format!("add group {}", &*request.group_id));
                self.reply(asked, &AddOffsetsToTxnResponse::default().with_error_code(error));
            }
            26 => {
                let request: EndTxnRequest = asked.decode();
                let end = if request.committed { "commit" } else { "abort" };
                self.transactions.log.push(format!("{end} {}", request.producer_epoch));
                self.reply(asked, &EndTxnResponse::default().with_error_code(error));
            }
            _ => self.commit_offsets(asked, error),
        }
    }

    fn add_partitions(&mut self, asked: &Asked, error: i16) {
        let request: AddPartitionsToTxnRequest = asked.decode();
        let topic = &request.v3_and_below_topics[0];
        self.transactions.log.push(format!("add {:?}", topic.partitions));
        let results = topic.partitions.iter().map(|partition| {
            AddPartitionsToTxnPartitionResult::default()
                .with_partition_index(*partition)
                .with_partition_error_code(error)
        });
        let result = AddPartitionsToTxnTopicResult::default()
            .with_name(topic.name.clone())
            .with_results_by_partition(results.collect());
        let response = AddPartitionsToTxnResponse::default().with_results_by_topic_v3_and_below(vec![result]);
        self.reply(asked, &response);
    }

    fn commit_offsets(&mut self, asked: &Asked, error: i16) {
        let request: TxnOffsetCommitRequest = asked.decode();
        let topic = &request.topics[0];
        let offsets: Vec<i64> = topic.partitions.iter().map(|partition| partition.committed_offset).collect();
        let (member, generation) = (&*request.member_id, request.generation_id);
        self.transactions.log.push(format!("offsets {offsets:?} of {member} {generation}"));
        let partitions = topic.partitions.iter().map(|partition| {
            TxnOffsetCommitResponsePartition::default()
                .with_partition_index(partition.partition_index)
                .with_error_code(error)
        });
        let topic = TxnOffsetCommitResponseTopic::default()
            .with_name(topic.name.clone())
            .with_partitions(partitions.collect());
        self.reply(asked, &TxnOffsetCommitResponse::default().with_topics(vec![topic]));
    }
}
