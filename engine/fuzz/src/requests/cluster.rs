//! Requests about brokers, configs, and what the feature `server` has.

use bytes::Bytes;
use headwater_engine::Uuid;
use kafka_protocol::messages::alter_client_quotas_request::{EntityData, EntryData, OpData};
use kafka_protocol::messages::alter_partition_reassignments_request::{
    ReassignablePartition, ReassignableTopic,
};
use kafka_protocol::messages::alter_replica_log_dirs_request::{AlterReplicaLogDir, AlterReplicaLogDirTopic};
use kafka_protocol::messages::broker_registration_request::{Feature, Listener};
use kafka_protocol::messages::create_acls_request::AclCreation;
use kafka_protocol::messages::delete_acls_request::DeleteAclsFilter;
use kafka_protocol::messages::describe_client_quotas_request::ComponentData;
use kafka_protocol::messages::describe_log_dirs_request::DescribableLogDirTopic;
use kafka_protocol::messages::describe_quorum_request::{PartitionData, TopicData};
use kafka_protocol::messages::describe_topic_partitions_request::{Cursor, TopicRequest};
use kafka_protocol::messages::elect_leaders_request::TopicPartitions;
use kafka_protocol::messages::list_partition_reassignments_request::ListPartitionReassignmentsTopics;
use kafka_protocol::messages::offset_for_leader_epoch_request::{
    OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use kafka_protocol::messages::update_features_request::FeatureUpdateKey;
use kafka_protocol::messages::{
    AllocateProducerIdsRequest, AlterClientQuotasRequest, AlterConfigsRequest,
    AlterPartitionReassignmentsRequest, AlterReplicaLogDirsRequest, ApiKey, BrokerId,
    BrokerRegistrationRequest, CreateAclsRequest, DeleteAclsRequest, DescribeAclsRequest,
    DescribeClientQuotasRequest, DescribeClusterRequest, DescribeLogDirsRequest, DescribeQuorumRequest,
    DescribeTopicPartitionsRequest, ElectLeadersRequest, IncrementalAlterConfigsRequest,
    ListConfigResourcesRequest, ListPartitionReassignmentsRequest, OffsetForLeaderEpochRequest,
    UpdateFeaturesRequest, alter_configs_request, incremental_alter_configs_request,
};

use super::{TOPIC, frame, name, text};

/// A topic's and a broker's config, each with its resource's type, its name and a value.
const CONFIGS: [(i8, &str, &str, &str); 2] =
    [(2, TOPIC, "retention.ms", "70000"), (4, "0", "log.cleanup.policy", "compact")];

pub(super) fn sample(api: ApiKey, version: i16) -> Option<Bytes> {
    let number = 1;
    match api {
        ApiKey::AlterConfigs => frame(api, version, number, &alter_configs()),
        ApiKey::IncrementalAlterConfigs => frame(api, version, number, &incremental_alter_configs()),
        ApiKey::BrokerRegistration => frame(api, version, number, &register(version)),
        ApiKey::AllocateProducerIds => {
            frame(api, version, number, &AllocateProducerIdsRequest::default().with_broker_id(BrokerId(2)))
        }
        ApiKey::DescribeCluster => frame(api, version, number, &DescribeClusterRequest::default()),
        ApiKey::DescribeLogDirs => {
            let topic = DescribableLogDirTopic::default().with_topic(name(TOPIC)).with_partitions(vec![0]);
            frame(api, version, number, &DescribeLogDirsRequest::default().with_topics(Some(vec![topic])))
        }
        ApiKey::DescribeQuorum => {
            let topic = TopicData::default()
                .with_topic_name(name("__cluster_metadata"))
                .with_partitions(vec![PartitionData::default()]);
            frame(api, version, number, &DescribeQuorumRequest::default().with_topics(vec![topic]))
        }
        ApiKey::DescribeTopicPartitions => {
            let request = DescribeTopicPartitionsRequest::default()
                .with_topics(vec![TopicRequest::default().with_name(name(TOPIC))])
                .with_response_partition_limit(1)
                .with_cursor(Some(Cursor::default().with_topic_name(name(TOPIC)).with_partition_index(1)));
            frame(api, version, number, &request)
        }
        ApiKey::ListConfigResources => {
            let kinds = if version == 0 { Vec::new() } else { vec![2, 4] };
            frame(api, version, number, &ListConfigResourcesRequest::default().with_resource_types(kinds))
        }
        ApiKey::OffsetForLeaderEpoch => {
            let partition = OffsetForLeaderPartition::default().with_current_leader_epoch(-1);
            let topic =
                OffsetForLeaderTopic::default().with_topic(name(TOPIC)).with_partitions(vec![partition]);
            let request = OffsetForLeaderEpochRequest::default().with_replica_id(BrokerId(-2));
            frame(api, version, number, &request.with_topics(vec![topic]))
        }
        _ => of_replicas(api, version, number).or_else(|| of_quotas_and_features(api, version, number)),
    }
}

fn of_replicas(api: ApiKey, version: i16, number: i32) -> Option<Bytes> {
    match api {
        ApiKey::AlterReplicaLogDirs => {
            let topic = AlterReplicaLogDirTopic::default().with_name(name(TOPIC)).with_partitions(vec![0]);
            let folder = AlterReplicaLogDir::default().with_path(text("/logs")).with_topics(vec![topic]);
            frame(api, version, number, &AlterReplicaLogDirsRequest::default().with_dirs(vec![folder]))
        }
        ApiKey::ElectLeaders => {
            let topic = TopicPartitions::default().with_topic(name(TOPIC)).with_partitions(vec![0, 1]);
            let request = ElectLeadersRequest::default().with_topic_partitions(Some(vec![topic]));
            frame(api, version, number, &request)
        }
        ApiKey::AlterPartitionReassignments => {
            let partition = ReassignablePartition::default().with_replicas(Some(vec![BrokerId(0)]));
            let topic = ReassignableTopic::default().with_name(name(TOPIC)).with_partitions(vec![partition]);
            let request = AlterPartitionReassignmentsRequest::default().with_topics(vec![topic]);
            frame(api, version, number, &request)
        }
        ApiKey::ListPartitionReassignments => {
            let topic = ListPartitionReassignmentsTopics::default()
                .with_name(name(TOPIC))
                .with_partition_indexes(vec![0]);
            let request = ListPartitionReassignmentsRequest::default().with_topics(Some(vec![topic]));
            frame(api, version, number, &request)
        }
        _ => None,
    }
}

fn of_quotas_and_features(api: ApiKey, version: i16, number: i32) -> Option<Bytes> {
    match api {
        ApiKey::DescribeClientQuotas => {
            let component = ComponentData::default().with_entity_type(text("user"));
            let request = DescribeClientQuotasRequest::default().with_components(vec![component]);
            frame(api, version, number, &request)
        }
        ApiKey::AlterClientQuotas => {
            let entity = EntityData::default().with_entity_type(text("user"));
            let change = OpData::default().with_key(text("producer_byte_rate")).with_value(1e6);
            let entry = EntryData::default().with_entity(vec![entity]).with_ops(vec![change]);
            frame(api, version, number, &AlterClientQuotasRequest::default().with_entries(vec![entry]))
        }
        ApiKey::UpdateFeatures => {
            let update =
                FeatureUpdateKey::default().with_feature(text("metadata.version")).with_max_version_level(7);
            frame(api, version, number, &UpdateFeaturesRequest::default().with_feature_updates(vec![update]))
        }
        _ => of_access(api, version, number),
    }
}

fn of_access(api: ApiKey, version: i16, number: i32) -> Option<Bytes> {
    const TOPICS: i8 = 2;
    match api {
        ApiKey::DescribeAcls => {
            let request = DescribeAclsRequest::default()
                .with_resource_type_filter(TOPICS)
                .with_resource_name_filter(Some(text(TOPIC)));
            frame(api, version, number, &request)
        }
        ApiKey::CreateAcls => {
            let acl = AclCreation::default()
                .with_resource_type(TOPICS)
                .with_resource_name(text(TOPIC))
                .with_principal(text("User:a"))
                .with_host(text("*"));
            frame(api, version, number, &CreateAclsRequest::default().with_creations(vec![acl]))
        }
        ApiKey::DeleteAcls => {
            let filter = DeleteAclsFilter::default()
                .with_resource_type_filter(TOPICS)
                .with_resource_name_filter(Some(text(TOPIC)));
            frame(api, version, number, &DeleteAclsRequest::default().with_filters(vec![filter]))
        }
        _ => None,
    }
}

fn alter_configs() -> AlterConfigsRequest {
    let resources = CONFIGS.map(|(kind, name, key, value)| {
        let config = alter_configs_request::AlterableConfig::default()
            .with_name(text(key))
            .with_value(Some(text(value)));
        alter_configs_request::AlterConfigsResource::default()
            .with_resource_type(kind)
            .with_resource_name(text(name))
            .with_configs(vec![config])
    });
    AlterConfigsRequest::default().with_resources(resources.to_vec())
}

fn incremental_alter_configs() -> IncrementalAlterConfigsRequest {
    let resources = CONFIGS.map(|(kind, name, key, value)| {
        let config = incremental_alter_configs_request::AlterableConfig::default()
            .with_name(text(key))
            .with_value(Some(text(value)));
        incremental_alter_configs_request::AlterConfigsResource::default()
            .with_resource_type(kind)
            .with_resource_name(text(name))
            .with_configs(vec![config])
    });
    IncrementalAlterConfigsRequest::default().with_resources(resources.to_vec())
}

fn register(version: i16) -> BrokerRegistrationRequest {
    let request = BrokerRegistrationRequest::default()
        .with_broker_id(BrokerId(2))
        .with_cluster_id(text("fuzzed"))
        .with_incarnation_id(Uuid::from_u128(3))
        .with_listeners(vec![Listener::default().with_name(text("PLAINTEXT")).with_host(text("there"))])
        .with_features(vec![Feature::default().with_name(text("metadata.version"))]);
    match version {
        2.. => request.with_log_dirs(vec![Uuid::from_u128(5)]),
        _ => request,
    }
}
