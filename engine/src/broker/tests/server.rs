//! What tools and full clients ask of a cluster.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::alter_client_quotas_request::EntryData;
use kafka_protocol::messages::alter_partition_reassignments_request::{
    ReassignablePartition, ReassignableTopic,
};
use kafka_protocol::messages::alter_replica_log_dirs_request::{AlterReplicaLogDir, AlterReplicaLogDirTopic};
use kafka_protocol::messages::create_acls_request::AclCreation;
use kafka_protocol::messages::delete_acls_request::DeleteAclsFilter;
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
    AlterClientQuotasRequest, AlterClientQuotasResponse, AlterPartitionReassignmentsRequest,
    AlterPartitionReassignmentsResponse, AlterReplicaLogDirsRequest, AlterReplicaLogDirsResponse, ApiKey,
    BrokerId, CreateAclsRequest, CreateAclsResponse, DeleteAclsRequest, DeleteAclsResponse,
    DescribeAclsRequest, DescribeAclsResponse, DescribeClientQuotasRequest, DescribeClientQuotasResponse,
    DescribeClusterRequest, DescribeClusterResponse, DescribeLogDirsRequest, DescribeLogDirsResponse,
    DescribeQuorumRequest, DescribeQuorumResponse, DescribeTopicPartitionsRequest,
    DescribeTopicPartitionsResponse, ElectLeadersRequest, ElectLeadersResponse, ListConfigResourcesRequest,
    ListConfigResourcesResponse, ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse,
    OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, UpdateFeaturesRequest, UpdateFeaturesResponse,
};
use kafka_protocol::protocol::StrBytes;

use super::versions::in_all_versions;
use super::world::{World, batch, name};

fn world() -> World {
    let mut world = World::new();
    world.create("t", 3, &[]);
    world.produce("t", 0, batch(&["a", "b"]));
    world
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

#[test]
fn the_cluster_is_described_to_those_who_ask_a_broker() {
    let mut world = world();
    for (endpoint, error) in [
        (1, None),
        (2, Some(ResponseError::MismatchedEndpointType)),
        (3, Some(ResponseError::UnsupportedEndpointType)),
    ] {
        let responses: Vec<DescribeClusterResponse> =
            in_all_versions(&mut world, ApiKey::DescribeCluster, |version| {
                DescribeClusterRequest::default()
                    .with_include_cluster_authorized_operations(true)
                    .with_endpoint_type(if version >= 1 { endpoint } else { 1 })
            });
        let last = responses.last().unwrap();
        assert_eq!(last.error_code, error.map_or(0, |error| error.code()));
        assert_eq!(last.brokers.len(), usize::from(error.is_none()));
        assert_eq!(responses[0].brokers[0].host, text("broker-0"));
        assert!(responses[0].cluster_authorized_operations > 0);
    }
}

#[test]
fn a_leaders_records_end_where_the_log_does() {
    let mut world = world();
    let mut ask = |topic: &str, current, epoch| {
        let partition =
            OffsetForLeaderPartition::default().with_current_leader_epoch(current).with_leader_epoch(epoch);
        let topic = OffsetForLeaderTopic::default().with_topic(name(topic)).with_partitions(vec![partition]);
        let responses: Vec<OffsetForLeaderEpochResponse> =
            in_all_versions(&mut world, ApiKey::OffsetForLeaderEpoch, |_| {
                OffsetForLeaderEpochRequest::default().with_topics(vec![topic.clone()])
            });
        let answer = &responses.last().unwrap().topics[0].partitions[0];
        (answer.error_code, answer.leader_epoch, answer.end_offset)
    };
    assert_eq!(ask("t", -1, 0), (0, 0, 2));
    assert_eq!(ask("t", 0, 1), (0, -1, -1), "there has been no such leader");
    assert_eq!(ask("t", 1, 0), (ResponseError::UnknownLeaderEpoch.code(), -1, -1));
    assert_eq!(ask("none", -1, 0), (ResponseError::UnknownTopicOrPartition.code(), -1, -1));
}

#[test]
fn logs_lie_in_one_place() {
    let mut world = world();
    let asked = [
        None,
        Some(vec![
            DescribableLogDirTopic::default().with_topic(name("t")).with_partitions(vec![0, 9]),
            DescribableLogDirTopic::default().with_topic(name("none")).with_partitions(vec![0]),
        ]),
    ];
    for (asked, count) in asked.into_iter().zip([3, 1]) {
        let responses: Vec<DescribeLogDirsResponse> =
            in_all_versions(&mut world, ApiKey::DescribeLogDirs, |_| {
                DescribeLogDirsRequest::default().with_topics(asked.clone())
            });
        let topic = &responses[0].results[0].topics[0];
        assert_eq!(topic.partitions.len(), count);
        assert!(topic.partitions[0].partition_size > 0);
    }
    let place = "memory";
    for (path, topic, error) in [
        (place, "t", None),
        (place, "none", Some(ResponseError::UnknownTopicOrPartition)),
        ("elsewhere", "t", Some(ResponseError::LogDirNotFound)),
    ] {
        let responses: Vec<AlterReplicaLogDirsResponse> =
            in_all_versions(&mut world, ApiKey::AlterReplicaLogDirs, |_| {
                let topic =
                    AlterReplicaLogDirTopic::default().with_name(name(topic)).with_partitions(vec![0]);
                let dir = AlterReplicaLogDir::default().with_path(text(path)).with_topics(vec![topic]);
                AlterReplicaLogDirsRequest::default().with_dirs(vec![dir])
            });
        let answered = responses[0].results[0].partitions[0].error_code;
        assert_eq!(answered, error.map_or(0, |error| error.code()), "{path} {topic}");
    }
}

#[test]
fn nobody_has_to_be_elected() {
    let mut world = world();
    let responses: Vec<ElectLeadersResponse> = in_all_versions(&mut world, ApiKey::ElectLeaders, |_| {
        let topic = TopicPartitions::default().with_topic(name("t")).with_partitions(vec![0, 9]);
        ElectLeadersRequest::default().with_topic_partitions(Some(vec![topic]))
    });
    let codes: Vec<i16> = responses[2].replica_election_results[0]
        .partition_result
        .iter()
        .map(|result| result.error_code)
        .collect();
    let expected = [ResponseError::ElectionNotNeeded, ResponseError::UnknownTopicOrPartition];
    assert_eq!(codes, expected.map(|error| error.code()));
    let responses: Vec<ElectLeadersResponse> = in_all_versions(&mut world, ApiKey::ElectLeaders, |_| {
        ElectLeadersRequest::default().with_topic_partitions(None)
    });
    assert_eq!(responses[0].replica_election_results, []);
}

#[test]
fn a_partition_can_only_be_assigned_to_where_it_is() {
    let mut world = world();
    let cases = [
        (0, Some(vec![0]), None),
        (0, Some(vec![0, 7]), Some(ResponseError::InvalidReplicaAssignment)),
        (0, Some(vec![0, 0]), Some(ResponseError::InvalidReplicaAssignment)),
        (0, None, Some(ResponseError::NoReassignmentInProgress)),
        (9, Some(vec![0]), Some(ResponseError::UnknownTopicOrPartition)),
    ];
    for (index, replicas, error) in cases {
        let replicas = replicas.map(|replicas| replicas.into_iter().map(BrokerId).collect::<Vec<_>>());
        let responses: Vec<AlterPartitionReassignmentsResponse> =
            in_all_versions(&mut world, ApiKey::AlterPartitionReassignments, |_| {
                let partition = ReassignablePartition::default()
                    .with_partition_index(index)
                    .with_replicas(replicas.clone());
                let topic =
                    ReassignableTopic::default().with_name(name("t")).with_partitions(vec![partition]);
                AlterPartitionReassignmentsRequest::default().with_topics(vec![topic])
            });
        let answered = responses[0].responses[0].partitions[0].error_code;
        assert_eq!(answered, error.map_or(0, |error| error.code()), "{index} {replicas:?}");
    }
    for topics in [
        None,
        Some(vec![
            ListPartitionReassignmentsTopics::default().with_name(name("t")).with_partition_indexes(vec![0]),
        ]),
    ] {
        let responses: Vec<ListPartitionReassignmentsResponse> =
            in_all_versions(&mut world, ApiKey::ListPartitionReassignments, |_| {
                ListPartitionReassignmentsRequest::default().with_topics(topics.clone())
            });
        assert_eq!((responses[0].error_code, &responses[0].topics[..]), (0, &[][..]));
    }
}

#[test]
fn the_controller_alone_is_the_quorum() {
    let mut world = world();
    for (topic, error) in [("__cluster_metadata", 0), ("t", ResponseError::UnknownTopicOrPartition.code())] {
        let responses: Vec<DescribeQuorumResponse> =
            in_all_versions(&mut world, ApiKey::DescribeQuorum, |_| {
                let topic = TopicData::default()
                    .with_topic_name(name(topic))
                    .with_partitions(vec![PartitionData::default()]);
                DescribeQuorumRequest::default().with_topics(vec![topic])
            });
        let partition = &responses[2].topics[0].partitions[0];
        assert_eq!(partition.error_code, error);
        if error == 0 {
            assert_eq!((partition.leader_id, partition.current_voters.len()), (BrokerId(0), 1));
            assert!(partition.high_watermark > 0);
            assert_eq!(responses[2].nodes.len(), 1);
        }
    }
}

#[test]
fn partitions_are_described_page_by_page() {
    let mut world = world();
    world.create("u", 2, &[]);
    let mut cursor = None;
    let mut pages = Vec::new();
    loop {
        let request = DescribeTopicPartitionsRequest::default()
            .with_topics(
                ["t", "none", "u"].map(|topic| TopicRequest::default().with_name(name(topic))).to_vec(),
            )
            .with_response_partition_limit(2)
            .with_cursor(cursor);
        let response: DescribeTopicPartitionsResponse =
            in_all_versions(&mut world, ApiKey::DescribeTopicPartitions, |_| request.clone()).remove(0);
        let topics = response.topics.iter().map(|topic| {
            let indexes: Vec<i32> =
                topic.partitions.iter().map(|partition| partition.partition_index).collect();
            (topic.name.clone().unwrap().to_string(), topic.error_code, indexes)
        });
        pages.push(topics.collect::<Vec<_>>());
        let Some(next) = response.next_cursor else {
            break;
        };
        cursor = Some(
            Cursor::default().with_topic_name(next.topic_name).with_partition_index(next.partition_index),
        );
    }
    let unknown = ResponseError::UnknownTopicOrPartition.code();
    let expected = [
        vec![("none".to_owned(), unknown, vec![]), ("t".to_owned(), 0, vec![0, 1])],
        vec![("t".to_owned(), 0, vec![2]), ("u".to_owned(), 0, vec![0])],
        vec![("u".to_owned(), 0, vec![1])],
    ];
    assert_eq!(pages, expected);
}

#[test]
fn what_has_configs_is_listed() {
    let mut world = world();
    let mut listed = |kinds: &[i8]| -> (i16, Vec<(i8, String)>) {
        let responses: Vec<ListConfigResourcesResponse> =
            in_all_versions(&mut world, ApiKey::ListConfigResources, |version| {
                let kinds = if version >= 1 { kinds.to_vec() } else { Vec::new() };
                ListConfigResourcesRequest::default().with_resource_types(kinds)
            });
        assert_eq!(responses[0].config_resources, [], "before version 1 it was the metrics of clients");
        let resources = responses[1].config_resources.iter();
        let resources =
            resources.map(|resource| (resource.resource_type, resource.resource_name.to_string()));
        (responses[1].error_code, resources.collect())
    };
    assert_eq!(listed(&[2]), (0, vec![(2, "t".to_owned())]));
    assert_eq!(listed(&[]).1.len(), 3);
    assert_eq!(listed(&[99]), (ResponseError::UnsupportedVersion.code(), vec![]));
}

#[test]
fn without_an_authorizer_there_are_no_acls() {
    let mut world = world();
    let code = ResponseError::SecurityDisabled.code();
    let described: Vec<DescribeAclsResponse> = in_all_versions(&mut world, ApiKey::DescribeAcls, |_| {
        DescribeAclsRequest::default().with_resource_type_filter(2).with_pattern_type_filter(3)
    });
    assert!(described.iter().all(|response| response.error_code == code && response.error_message.is_some()));
    let created: Vec<CreateAclsResponse> = in_all_versions(&mut world, ApiKey::CreateAcls, |_| {
        CreateAclsRequest::default().with_creations(vec![AclCreation::default(); 2])
    });
    assert!(
        created.iter().all(|response| response.results.len() == 2 && response.results[1].error_code == code)
    );
    let deleted: Vec<DeleteAclsResponse> = in_all_versions(&mut world, ApiKey::DeleteAcls, |_| {
        DeleteAclsRequest::default().with_filters(vec![DeleteAclsFilter::default()])
    });
    assert!(deleted.iter().all(|response| response.filter_results[0].error_code == code));
}

#[test]
fn quotas_and_features_are_not_there_to_be_changed() {
    let mut world = world();
    let responses: Vec<DescribeClientQuotasResponse> =
        in_all_versions(&mut world, ApiKey::DescribeClientQuotas, |_| DescribeClientQuotasRequest::default());
    assert_eq!(responses[1].entries, Some(vec![]));
    let responses: Vec<AlterClientQuotasResponse> =
        in_all_versions(&mut world, ApiKey::AlterClientQuotas, |_| {
            AlterClientQuotasRequest::default().with_entries(vec![EntryData::default()])
        });
    assert_eq!(responses[0].entries[0].error_code, ResponseError::UnsupportedVersion.code());
    let responses: Vec<UpdateFeaturesResponse> =
        in_all_versions(&mut world, ApiKey::UpdateFeatures, |version| {
            let mut update = FeatureUpdateKey::default().with_feature(text("kraft.version"));
            update.upgrade_type = if version >= 1 { 1 } else { update.upgrade_type };
            UpdateFeaturesRequest::default().with_feature_updates(vec![update])
        });
    let code = ResponseError::InvalidUpdateVersion.code();
    assert_eq!((responses[1].results[0].error_code, responses[2].error_code), (code, code));
}
