//! Admin requests as Kafka's messages, and their answers.

use headwater_engine::Now;
use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use kafka_protocol::messages::{
    CreatePartitionsRequest, CreatePartitionsResponse, CreateTopicsRequest, CreateTopicsResponse,
    DeleteTopicsRequest, DeleteTopicsResponse, DescribeConfigsRequest, DescribeConfigsResponse,
    IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse, MetadataRequest, MetadataResponse,
};
use kafka_protocol::protocol::{Request, StrBytes};

use super::{AdminReply, BrokerListing, ConfigEntry, Listing, NewTopic, Operation, TopicListing};
use crate::error::ClientError;
use crate::metadata;
use crate::network::{Address, Network, Owner};
use crate::wire::{text, topic_name};

/// Where a request goes.
pub(super) struct To<'a> {
    pub(super) now: Now,
    pub(super) address: &'a Address,
    pub(super) tag: u64,
    pub(super) timeout_ms: u64,
}

impl To<'_> {
    pub(super) fn send<R: Request>(
        &self,
        request: &R,
        highest: i16,
        network: &mut Network,
    ) -> Result<(), ClientError> {
        let version = network.version::<R>(self.address, highest)?;
        let owner = (Owner::Admin, self.tag);
        network.send(self.now, self.address, owner, request, version, (self.timeout_ms, true))
    }

    pub(super) fn timeout(&self) -> i32 {
        i32::try_from(self.timeout_ms).unwrap_or(i32::MAX)
    }
}

pub(super) fn send(operation: &Operation, to: &To<'_>, network: &mut Network) -> Result<(), ClientError> {
    match operation {
        Operation::CreateTopics(topics) => {
            let topics = topics.iter().map(creatable).collect();
            let request = CreateTopicsRequest::default().with_topics(topics).with_timeout_ms(to.timeout());
            to.send(&request, 7, network)
        }
        Operation::DeleteTopics(names) => {
            let names = names.iter().map(|name| topic_name(name)).collect();
            let request =
                DeleteTopicsRequest::default().with_topic_names(names).with_timeout_ms(to.timeout());
            // From version 6 on topics may go by their ids.
            to.send(&request, 5, network)
        }
        Operation::CreatePartitions(name, count) => {
            let topic = CreatePartitionsTopic::default()
                .with_name(topic_name(name))
                .with_count(*count)
                .with_assignments(None);
            let request =
                CreatePartitionsRequest::default().with_topics(vec![topic]).with_timeout_ms(to.timeout());
            to.send(&request, 3, network)
        }
        Operation::DescribeTopicConfigs(name) => {
            let resource = DescribeConfigsResource::default()
                .with_resource_type(RESOURCE_TOPIC)
                .with_resource_name(text(name))
                .with_configuration_keys(None);
            let request = DescribeConfigsRequest::default().with_resources(vec![resource]);
            to.send(&request, 4, network)
        }
        Operation::ListTopics => {
            to.send(&MetadataRequest::default().with_topics(None), metadata::HIGHEST_VERSION, network)
        }
        Operation::AlterTopicConfigs(name, configs) => {
            let configs = configs.iter().map(|(key, value)| {
                AlterableConfig::default()
                    .with_name(text(key))
                    .with_config_operation(if value.is_some() { SET } else { DELETE })
                    .with_value(value.as_deref().map(text))
            });
            let resource = AlterConfigsResource::default()
                .with_resource_type(RESOURCE_TOPIC)
                .with_resource_name(text(name))
                .with_configs(configs.collect());
            let request = IncrementalAlterConfigsRequest::default().with_resources(vec![resource]);
            to.send(&request, 1, network)
        }
        // These go to several brokers, or to a coordinator.
        Operation::ListOffsets(_)
        | Operation::DeleteRecords(_)
        | Operation::ListGroups(_)
        | Operation::Group(_) => Ok(()),
    }
}

const RESOURCE_TOPIC: i8 = 2;
/// `AlterConfigOp.OpType`.
const SET: i8 = 0;
const DELETE: i8 = 1;
/// The value is set on the topic itself (`ConfigSource`, KIP-226).
const SOURCE_TOPIC: i8 = 1;

fn creatable(topic: &NewTopic) -> CreatableTopic {
    let configs = topic.configs.iter().map(|(name, value)| {
        CreatableTopicConfig::default().with_name(text(name)).with_value(Some(text(value)))
    });
    CreatableTopic::default()
        .with_name(topic_name(&topic.name))
        .with_num_partitions(topic.partitions)
        .with_replication_factor(topic.replication_factor)
        .with_configs(configs.collect())
}

fn result(code: i16, message: Option<&StrBytes>) -> Result<(), ClientError> {
    ClientError::answered(code, message.map(|message| message.as_str())).map_or(Ok(()), Err)
}

pub(super) fn created(response: &CreateTopicsResponse) -> AdminReply {
    let topics = response.topics.iter();
    let results = topics.map(|t| (t.name.to_string(), result(t.error_code, t.error_message.as_ref())));
    AdminReply::Topics(results.collect())
}

pub(super) fn deleted(response: &DeleteTopicsResponse) -> AdminReply {
    let results = response.responses.iter().map(|topic| {
        let name = topic.name.as_ref().map_or_else(String::new, |name| name.to_string());
        (name, result(topic.error_code, topic.error_message.as_ref()))
    });
    AdminReply::Topics(results.collect())
}

pub(super) fn partitions_created(response: &CreatePartitionsResponse) -> AdminReply {
    let topics = response.results.iter();
    let results = topics.map(|t| (t.name.to_string(), result(t.error_code, t.error_message.as_ref())));
    AdminReply::Topics(results.collect())
}

pub(super) fn configs(response: DescribeConfigsResponse) -> Result<AdminReply, ClientError> {
    let Some(described) = response.results.into_iter().next() else {
        return Err(ClientError::malformed("the topic that was asked for is not in it"));
    };
    result(described.error_code, described.error_message.as_ref())?;
    let entries = described.configs.into_iter().map(|config| ConfigEntry {
        name: config.name.to_string(),
        value: config.value.map(|value| value.to_string()),
        is_set: config.config_source == SOURCE_TOPIC,
        read_only: config.read_only,
    });
    Ok(AdminReply::Configs(entries.collect()))
}

pub(super) fn configs_altered(response: &IncrementalAlterConfigsResponse) -> Result<AdminReply, ClientError> {
    let Some(altered) = response.responses.first() else {
        return Err(ClientError::malformed("the topic that was to be changed is not in it"));
    };
    result(altered.error_code, altered.error_message.as_ref()).map(|()| AdminReply::Done)
}

pub(super) fn listing(response: &MetadataResponse) -> AdminReply {
    let brokers = response.brokers.iter().filter_map(|broker| {
        let address = Address::new(&broker.host, u16::try_from(broker.port).ok()?);
        Some(BrokerListing { node_id: broker.node_id.0, address })
    });
    let topics = response.topics.iter().map(|topic| TopicListing {
        name: topic.name.as_ref().map_or_else(String::new, |name| name.to_string()),
        is_internal: topic.is_internal,
        leaders: metadata::leaders(topic),
        error: ClientError::answered(topic.error_code, None),
    });
    AdminReply::Listing(Listing {
        brokers: brokers.collect(),
        controller: Some(response.controller_id.0).filter(|id| *id >= 0),
        topics: topics.collect(),
    })
}
