//! Topics, their configs, and the cluster.

use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::*;

use super::support::topic_name;
use super::{Step, mask, step, text};

/// The kind of resource that a topic is, and that a broker is.
const TOPIC: i8 = 2;
const BROKER: i8 = 4;

fn create(name: &str, partitions: i32, replicas: i16, configs: &[(&str, &str)]) -> CreateTopicsRequest {
    let config = |&(name, value): &(&str, &str)| {
        CreatableTopicConfig::default().with_name(text(name)).with_value(Some(text(value)))
    };
    let topic = CreatableTopic::default()
        .with_name(topic_name(name))
        .with_num_partitions(partitions)
        .with_replication_factor(replicas)
        .with_configs(configs.iter().map(config).collect());
    CreateTopicsRequest::default().with_topics(vec![topic]).with_timeout_ms(10_000)
}

fn metadata(names: &[&str]) -> MetadataRequest {
    let named = |name: &&str| MetadataRequestTopic::default().with_name(Some(topic_name(name)));
    MetadataRequest::default()
        .with_topics(Some(names.iter().map(named).collect()))
        .with_allow_auto_topic_creation(false)
}

fn partitions(name: &str, count: i32) -> CreatePartitionsRequest {
    let topic = CreatePartitionsTopic::default().with_name(topic_name(name)).with_count(count);
    CreatePartitionsRequest::default().with_topics(vec![topic]).with_timeout_ms(10_000)
}

fn configs(kind: i8, name: &str, keys: &[&str]) -> DescribeConfigsRequest {
    let resource = DescribeConfigsResource::default()
        .with_resource_type(kind)
        .with_resource_name(text(name))
        .with_configuration_keys(Some(keys.iter().map(|key| text(key)).collect()));
    DescribeConfigsRequest::default().with_resources(vec![resource]).with_include_synonyms(true)
}

/// Operations: 0 set, 1 delete, 2 append, 3 subtract (KIP-339).
fn alter(name: &str, key: &str, operation: i8, value: Option<&str>) -> IncrementalAlterConfigsRequest {
    let config = AlterableConfig::default()
        .with_name(text(key))
        .with_config_operation(operation)
        .with_value(value.map(text));
    let resource = AlterConfigsResource::default()
        .with_resource_type(TOPIC)
        .with_resource_name(text(name))
        .with_configs(vec![config]);
    IncrementalAlterConfigsRequest::default().with_resources(vec![resource])
}

pub(crate) fn steps() -> Vec<Step> {
    let (made, known) = (mask::created, mask::metadata);
    // The records are of 2023, and a marker is of today: they stay, and stay in one segment.
    let lasting = [("retention.ms", "8640000000000"), ("segment.ms", "8640000000000")];
    let validated = create("later", 2, 1, &[]).with_validate_only(true);
    let keys = ["retention.ms", "cleanup.policy", "segment.bytes", "max.message.bytes"];
    vec![
        step("a topic is made", 5, &create("golden", 1, 1, &lasting), made),
        step("a topic is made twice", 5, &create("golden", 1, 1, &[]), made),
        step("a topic with a bad name", 5, &create("a/b", 1, 1, &[]), made),
        step("a topic whose name is too like another's", 5, &create("gold.en_", 1, 1, &[]), made),
        step("a topic of no partitions", 5, &create("none", 0, 1, &[]), made),
        step("a topic of more replicas than brokers", 5, &create("many", 1, 3, &[]), made),
        step("a topic of defaults", 7, &create("defaults", -1, -1, &[]), made),
        step("a topic with a bad value", 7, &create("bad", 1, 1, &[("retention.ms", "long")]), made),
        step("a topic with a key that is none", 7, &create("bad", 1, 1, &[("no.such.key", "1")]), made),
        step("a topic is only tried", 7, &validated, made),
        step("metadata of a topic and of none, version 4", 4, &metadata(&["golden", "nowhere"]), known),
        step("metadata of a topic and of none", 9, &metadata(&["golden", "nowhere"]), known),
        step("metadata, version 12", 12, &metadata(&["golden", "later"]), known),
        step("metadata of brokers alone", 12, &metadata(&[]), known),
        step("the cluster", 1, &DescribeClusterRequest::default().with_endpoint_type(1), mask::cluster),
        step("more partitions", 3, &partitions("defaults", 3), mask::partitions_created),
        step("fewer partitions", 3, &partitions("defaults", 2), mask::partitions_created),
        step("partitions of no topic", 3, &partitions("nowhere", 2), mask::partitions_created),
        step("configs of a topic", 4, &configs(TOPIC, "golden", &keys), mask::described_configs),
        step("configs of no topic", 4, &configs(TOPIC, "nowhere", &keys), mask::described_configs),
        step("configs of no broker", 4, &configs(BROKER, "99", &[]), mask::described_configs),
        step("a config is set", 1, &alter("defaults", "segment.bytes", 0, Some("2097152")), mask::altered),
        step("a config is set badly", 1, &alter("defaults", "segment.bytes", 0, Some("x")), mask::altered),
        step("a config that is none", 1, &alter("defaults", "no.such.key", 0, Some("x")), mask::altered),
        step(
            "a list is added to",
            1,
            &alter("defaults", "cleanup.policy", 2, Some("compact")),
            mask::altered,
        ),
        step("no list is added to", 1, &alter("defaults", "segment.bytes", 2, Some("1")), mask::altered),
        step("configs that were set", 4, &configs(TOPIC, "defaults", &keys), mask::described_configs),
        step("a config is unset", 1, &alter("defaults", "segment.bytes", 1, None), mask::altered),
        step("a config of no topic", 1, &alter("nowhere", "segment.bytes", 1, None), mask::altered),
    ]
}

pub(crate) fn last_steps() -> Vec<Step> {
    let named = |name| {
        DeleteTopicsRequest::default().with_topic_names(vec![topic_name(name)]).with_timeout_ms(10_000)
    };
    let state = DeleteTopicState::default().with_name(Some(topic_name("golden")));
    let by_state = DeleteTopicsRequest::default().with_topics(vec![state]).with_timeout_ms(10_000);
    vec![
        step("a topic that is not there is deleted", 4, &named("nowhere"), mask::deleted),
        step("a topic is deleted", 4, &named("defaults"), mask::deleted),
        step("a topic is deleted, version 6", 6, &by_state, mask::deleted),
        step("a topic is deleted twice", 6, &by_state, mask::deleted),
    ]
}
