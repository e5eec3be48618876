//! DescribeTopicPartitions: the partitions of topics, page by page (KIP-966).

use kafka_protocol::ResponseError;
use kafka_protocol::messages::describe_topic_partitions_response::{
    Cursor, DescribeTopicPartitionsResponsePartition, DescribeTopicPartitionsResponseTopic,
};
use kafka_protocol::messages::{
    BrokerId, DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse, TopicName,
};
use kafka_protocol::protocol::StrBytes;

use super::super::operations::TOPIC_OPERATIONS;
use super::super::{Broker, Context};
use crate::error::ApiError;
use crate::sorted::SortedSet;
use crate::topic::{Topic, check_name};

/// The most partitions on a page (`max.request.partition.size.limit` in Kafka).
const MAX_PAGE: usize = 2_000;

impl Broker {
    /// Topics are given in the order of their names. Without names it is all topics; then one that is gone since the page
    /// before is passed over.
    pub(super) fn handle_describe_topic_partitions(
        &mut self,
        context: Context,
        request: &DescribeTopicPartitionsRequest,
    ) {
        let are_named = !request.topics.is_empty();
        let mut names: SortedSet<String> = match are_named {
            true => request.topics.iter().map(|topic| topic.name.to_string()).collect(),
            false => self.topics.iter().map(|topic| topic.name.clone()).collect(),
        };
        let (from_topic, mut first) = match &request.cursor {
            Some(cursor) => (&cursor.topic_name[..], cursor.partition_index.max(0)),
            None => ("", 0),
        };
        names.retain(|name| &name[..] >= from_topic);
        let mut left = usize::try_from(request.response_partition_limit).unwrap_or(0).clamp(1, MAX_PAGE);
        let mut response = DescribeTopicPartitionsResponse::default().with_next_cursor(None);
        for name in names.iter() {
            let start = if name[..] == *from_topic { std::mem::take(&mut first) } else { 0 };
            if left == 0 {
                response.next_cursor = Some(cursor(name, start));
                break;
            }
            let Some(topic) = self.topics.by_name(name) else {
                let refused = self.unknown_topic(name);
                response.topics.push(refused);
                continue;
            };
            let page = described(topic, start, left);
            let next = start.saturating_add(i32::try_from(page.partitions.len()).unwrap_or(i32::MAX));
            left -= page.partitions.len();
            response.topics.push(page);
            if topic.assignment(next).is_some() {
                response.next_cursor = Some(cursor(name, next));
                break;
            }
        }
        self.respond(context, &response);
    }

    fn unknown_topic(&mut self, name: &str) -> DescribeTopicPartitionsResponseTopic {
        let error = match check_name(name) {
            Ok(()) => ApiError::new(ResponseError::UnknownTopicOrPartition, "There is no such topic."),
            Err(message) => ApiError::new(ResponseError::InvalidTopicException, message),
        };
        DescribeTopicPartitionsResponseTopic::default()
            .with_error_code(self.report.refuse(&error))
            .with_name(Some(text(name)))
            .with_topic_authorized_operations(i32::MIN)
    }
}

fn described(topic: &Topic, start: i32, limit: usize) -> DescribeTopicPartitionsResponseTopic {
    let skipped = usize::try_from(start).unwrap_or(0);
    let partitions = topic.partition_indexes().zip(&topic.partitions).skip(skipped).take(limit);
    let partitions = partitions.map(|(index, assignment)| {
        let leader = BrokerId(assignment.leader);
        DescribeTopicPartitionsResponsePartition::default()
            .with_partition_index(index)
            .with_leader_id(leader)
            .with_leader_epoch(assignment.leader_epoch)
            .with_replica_nodes(vec![leader])
            .with_isr_nodes(vec![leader])
            .with_eligible_leader_replicas(Some(Vec::new()))
            .with_last_known_elr(Some(Vec::new()))
    });
    DescribeTopicPartitionsResponseTopic::default()
        .with_name(Some(text(&topic.name)))
        .with_topic_id(topic.id)
        .with_is_internal(topic.is_internal())
        .with_partitions(partitions.collect())
        .with_topic_authorized_operations(TOPIC_OPERATIONS)
}

fn cursor(topic: &str, partition: i32) -> Cursor {
    Cursor::default().with_topic_name(text(topic)).with_partition_index(partition)
}

fn text(name: &str) -> TopicName {
    TopicName(StrBytes::from_string(name.to_owned()))
}
