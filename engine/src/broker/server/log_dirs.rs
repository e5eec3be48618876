//! DescribeLogDirs and AlterReplicaLogDirs: where logs lie (KIP-113, KIP-827). Each broker has one place.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::alter_replica_log_dirs_response::{
    AlterReplicaLogDirPartitionResult, AlterReplicaLogDirTopicResult,
};
use kafka_protocol::messages::describe_log_dirs_request::DescribableLogDirTopic;
use kafka_protocol::messages::describe_log_dirs_response::{
    DescribeLogDirsPartition, DescribeLogDirsResult, DescribeLogDirsTopic,
};
use kafka_protocol::messages::{
    AlterReplicaLogDirsRequest, AlterReplicaLogDirsResponse, DescribeLogDirsRequest, DescribeLogDirsResponse,
    TopicName,
};
use kafka_protocol::protocol::StrBytes;

use super::super::{Broker, Context};
use crate::error::ApiError;
use crate::topic::Topic;

/// Where the size of the place would stand: it is not known.
const UNKNOWN_BYTES: i64 = -1;

impl Broker {
    pub(super) fn handle_describe_log_dirs(&mut self, context: Context, request: DescribeLogDirsRequest) {
        let topics = match request.topics {
            Some(asked) => asked.iter().filter_map(|asked| self.asked_logs(asked)).collect(),
            None => self.topics.iter().filter_map(|topic| self.logs_of(topic, |_| true)).collect(),
        };
        let result = DescribeLogDirsResult::default()
            .with_log_dir(StrBytes::from_string(self.config.log_dir().to_owned()))
            .with_topics(topics)
            .with_total_bytes(UNKNOWN_BYTES)
            .with_usable_bytes(UNKNOWN_BYTES);
        self.respond(context, &DescribeLogDirsResponse::default().with_results(vec![result]));
    }

    fn asked_logs(&self, asked: &DescribableLogDirTopic) -> Option<DescribeLogDirsTopic> {
        self.logs_of(self.topics.by_name(&asked.topic)?, |index| asked.partitions.contains(&index))
    }

    /// The logs of a topic that are here; none if there is none.
    fn logs_of(&self, topic: &Topic, is_wanted: impl Fn(i32) -> bool) -> Option<DescribeLogDirsTopic> {
        let partitions: Vec<_> = topic
            .partition_indexes()
            .filter(|index| is_wanted(*index))
            .filter_map(|index| {
                let log = &self.partitions.get(&topic.log_id(index))?.log;
                let size = i64::try_from(log.size_bytes()).unwrap_or(i64::MAX);
                Some(
                    DescribeLogDirsPartition::default().with_partition_index(index).with_partition_size(size),
                )
            })
            .collect();
        let name = TopicName(StrBytes::from_string(topic.name.clone()));
        (!partitions.is_empty())
            .then(|| DescribeLogDirsTopic::default().with_name(name).with_partitions(partitions))
    }

    /// A log that is moved to where it lies is there; there is no other place.
    pub(super) fn handle_alter_replica_log_dirs(
        &mut self,
        context: Context,
        request: AlterReplicaLogDirsRequest,
    ) {
        let mut response = AlterReplicaLogDirsResponse::default();
        for dir in request.dirs {
            for topic in dir.topics {
                let mut result = AlterReplicaLogDirTopicResult::default();
                for index in topic.partitions {
                    let moved = self.check_move(&dir.path, &topic.name, index);
                    let (code, _) = self.outcome(moved);
                    result.partitions.push(
                        AlterReplicaLogDirPartitionResult::default()
                            .with_partition_index(index)
                            .with_error_code(code),
                    );
                }
                response.results.push(result.with_topic_name(topic.name));
            }
        }
        self.respond(context, &response);
    }

    fn check_move(&self, path: &str, topic: &str, index: i32) -> Result<(), ApiError> {
        if path != self.config.log_dir() {
            let message = format!("Logs lie in {}, and nowhere else.", self.config.log_dir());
            return Err(ApiError::new(ResponseError::LogDirNotFound, message));
        }
        let replica = self.replica(self.topics.by_name(topic), index)?;
        if replica != self.config.node_id() {
            let message = format!("The partition lies on broker {replica}.");
            return Err(ApiError::new(ResponseError::ReplicaNotAvailable, message));
        }
        Ok(())
    }
}
