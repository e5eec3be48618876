//! Metadata: brokers, topics, and who leads which partition.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::{
    MetadataResponse, MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{BrokerId, MetadataRequest, TopicName};
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use super::operations::{CLUSTER_OPERATIONS, TOPIC_OPERATIONS, operations};
use super::{Broker, Context};
use crate::error::ApiError;
use crate::time::Now;
use crate::topic::{Topic, check_name};

impl Broker {
    pub(super) fn handle_metadata(&mut self, now: Now, context: Context, request: MetadataRequest) {
        let create = request.allow_auto_topic_creation && self.config.auto_create_topics();
        let allowed = operations(request.include_topic_authorized_operations, TOPIC_OPERATIONS);
        let topics: Vec<_> = match request.topics {
            // Before version 1 no topics meant all, later null does.
            Some(topics) if !(topics.is_empty() && context.header.version == 0) => {
                topics.into_iter().map(|topic| self.describe_asked(now, topic, create)).collect()
            }
            _ => self.topics.iter().map(described).collect(),
        };
        let topics = topics.into_iter().map(|topic| match topic.error_code {
            0 => topic.with_topic_authorized_operations(allowed),
            _ => topic,
        });
        let brokers = self.cluster_brokers_for(context.connection).map(|(node_id, host, port)| {
            MetadataResponseBroker::default().with_node_id(BrokerId(node_id)).with_host(host).with_port(port)
        });
        let response = MetadataResponse::default()
            .with_brokers(brokers.collect())
            .with_cluster_id(Some(StrBytes::from_string(self.config.cluster_id().to_owned())))
            .with_controller_id(BrokerId(self.config.controller_id()))
            .with_topics(topics.collect())
            .with_cluster_authorized_operations(operations(
                request.include_cluster_authorized_operations,
                CLUSTER_OPERATIONS,
            ));
        self.respond(context, &response);
    }

    fn describe_asked(
        &mut self,
        now: Now,
        asked: MetadataRequestTopic,
        create: bool,
    ) -> MetadataResponseTopic {
        let unknown = |error: ResponseError, name: Option<TopicName>, id: Uuid| {
            MetadataResponseTopic::default().with_error_code(error.code()).with_name(name).with_topic_id(id)
        };
        let Some(name) = asked.name else {
            return match self.topics.by_id(asked.topic_id) {
                Some(topic) => described(topic),
                None => unknown(ResponseError::UnknownTopicId, None, asked.topic_id),
            };
        };
        if let Some(topic) = self.topics.by_name(&name) {
            return described(topic);
        }
        let error = match check_name(&name) {
            Err(message) => {
                let error = ApiError::new(ResponseError::InvalidTopicException, message);
                self.report.refuse(&error);
                error.error
            }
            Ok(()) if create => {
                self.create_asked_topic(now, &name);
                // As Kafka does: the client asks again, and finds it.
                ResponseError::LeaderNotAvailable
            }
            Ok(()) => ResponseError::UnknownTopicOrPartition,
        };
        unknown(error, Some(name), Uuid::nil())
    }
}

fn described(topic: &Topic) -> MetadataResponseTopic {
    let partitions = topic.partition_indexes().zip(&topic.partitions).map(|(index, assignment)| {
        let leader = BrokerId(assignment.leader);
        MetadataResponsePartition::default()
            .with_partition_index(index)
            .with_leader_id(leader)
            .with_leader_epoch(assignment.leader_epoch)
            .with_replica_nodes(vec![leader])
            .with_isr_nodes(vec![leader])
    });
    MetadataResponseTopic::default()
        .with_name(Some(TopicName(StrBytes::from_string(topic.name.clone()))))
        .with_topic_id(topic.id)
        .with_is_internal(topic.is_internal())
        .with_partitions(partitions.collect())
}
