use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::api_versions_response::{ApiVersion, SupportedFeatureKey};
use kafka_protocol::messages::create_partitions_response::CreatePartitionsTopicResult;
use kafka_protocol::messages::create_topics_response::{CreatableTopicConfigs, CreatableTopicResult};
use kafka_protocol::messages::delete_topics_response::DeletableTopicResult;
use kafka_protocol::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResult, DescribeConfigsSynonym,
};
use kafka_protocol::messages::fetch_response::{AbortedTransaction, FetchableTopicResponse, PartitionData};
use kafka_protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
};
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::produce_response::{
    BatchIndexAndErrorMessage, PartitionProduceResponse, TopicProduceResponse,
};
use kafka_protocol::messages::*;
use kafka_protocol::protocol::{Encodable, StrBytes};

use super::fits;

fn name() -> StrBytes {
    StrBytes::from_static_str("some name")
}

/// Every version of `response` fits its outline as it is, and with its end cut off it does not. No length of a changed
/// byte may panic.
fn check<T: Encodable>(api_key: i16, versions: std::ops::RangeInclusive<i16>, response: impl Fn(i16) -> T) {
    for version in versions {
        let mut body = BytesMut::new();
        response(version).encode(&mut body, version).unwrap();
        assert!(fits(api_key, version, &body), "api {api_key} version {version}");
        for end in 0..body.len() {
            assert!(!fits(api_key, version, &body[..end]), "api {api_key} version {version} cut at {end}");
        }
        for at in 0..body.len() {
            let mut changed = body.clone();
            changed[at] = 0xff;
            let _ = fits(api_key, version, &changed);
        }
    }
}

#[test]
fn produce() {
    check(0, 3..=11, |version| {
        let mut partition = PartitionProduceResponse::default();
        if version >= 8 {
            partition = partition
                .with_error_message(Some(name()))
                .with_record_errors(vec![BatchIndexAndErrorMessage::default(); 3]);
        }
        let topic = TopicProduceResponse::default()
            .with_name(TopicName(name()))
            .with_partition_responses(vec![partition; 2]);
        ProduceResponse::default().with_responses(vec![topic; 2])
    });
}

#[test]
fn fetch() {
    check(1, 4..=12, |_| {
        let partition = PartitionData::default()
            .with_aborted_transactions(Some(vec![AbortedTransaction::default(); 2]))
            .with_records(Some(Bytes::from_static(b"records")));
        let topic = FetchableTopicResponse::default()
            .with_topic(TopicName(name()))
            .with_partitions(vec![partition, PartitionData::default()]);
        FetchResponse::default().with_responses(vec![topic; 2])
    });
}

#[test]
fn list_offsets() {
    check(2, 1..=7, |_| {
        let topic = ListOffsetsTopicResponse::default()
            .with_name(TopicName(name()))
            .with_partitions(vec![ListOffsetsPartitionResponse::default(); 3]);
        ListOffsetsResponse::default().with_topics(vec![topic; 2])
    });
}

#[test]
fn metadata() {
    check(3, 0..=12, |version| {
        let mut partition = MetadataResponsePartition::default()
            .with_replica_nodes(vec![1.into(), 2.into()])
            .with_isr_nodes(vec![1.into()]);
        if version >= 5 {
            partition = partition.with_offline_replicas(vec![2.into()]);
        }
        let topic = MetadataResponseTopic::default()
            .with_name(Some(TopicName(name())))
            .with_partitions(vec![partition; 3]);
        let broker = MetadataResponseBroker::default().with_host(name());
        MetadataResponse::default().with_brokers(vec![broker; 2]).with_topics(vec![topic; 2])
    });
}

#[test]
fn api_versions() {
    check(18, 0..=3, |version| {
        let response = ApiVersionsResponse::default().with_api_keys(vec![ApiVersion::default(); 5]);
        if version < 3 {
            return response;
        }
        response.with_supported_features(vec![SupportedFeatureKey::default().with_name(name()); 2])
    });
}

#[test]
fn admin() {
    check(19, 2..=7, |version| {
        let mut topic = CreatableTopicResult::default().with_name(TopicName(name()));
        if version >= 5 {
            topic = topic.with_configs(Some(vec![CreatableTopicConfigs::default().with_name(name()); 2]));
        }
        CreateTopicsResponse::default().with_topics(vec![topic; 2])
    });
    check(20, 1..=6, |_| {
        let topic = DeletableTopicResult::default().with_name(Some(TopicName(name())));
        DeleteTopicsResponse::default().with_responses(vec![topic; 2])
    });
    check(37, 0..=3, |_| {
        let topic = CreatePartitionsTopicResult::default().with_name(TopicName(name()));
        CreatePartitionsResponse::default().with_results(vec![topic; 2])
    });
    check(32, 1..=4, |_| {
        let synonym = DescribeConfigsSynonym::default().with_name(name()).with_value(Some(name()));
        let config =
            DescribeConfigsResourceResult::default().with_name(name()).with_synonyms(vec![synonym; 2]);
        let result =
            DescribeConfigsResult::default().with_resource_name(name()).with_configs(vec![config; 2]);
        DescribeConfigsResponse::default().with_results(vec![result; 2])
    });
}

/// A count of two thousand million elements in an answer of a few bytes.
#[test]
fn a_huge_count_does_not_fit() {
    assert!(!fits(0, 3, &[0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0]));
    assert!(!fits(3, 12, &[0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f]));
    assert!(!fits(18, 3, &[0, 0, 1, 0, 0, 0, 0, 1, 0, 5, 0xff, 0xff, 0xff, 0xff, 0x0f]));
    assert!(!fits(99, 0, &[]));
}

#[test]
fn groups() {
    use kafka_protocol::messages::join_group_response::JoinGroupResponseMember;
    use kafka_protocol::messages::leave_group_response::MemberResponse;
    use kafka_protocol::messages::offset_commit_response::{
        OffsetCommitResponsePartition, OffsetCommitResponseTopic,
    };
    use kafka_protocol::messages::offset_fetch_response::{
        OffsetFetchResponsePartition, OffsetFetchResponseTopic,
    };
    check(8, 2..=8, |_| {
        let topic = OffsetCommitResponseTopic::default()
            .with_name(TopicName(name()))
            .with_partitions(vec![OffsetCommitResponsePartition::default(); 3]);
        OffsetCommitResponse::default().with_topics(vec![topic; 2])
    });
    check(9, 1..=7, |_| {
        let partition = OffsetFetchResponsePartition::default().with_metadata(Some(name()));
        let topic = OffsetFetchResponseTopic::default()
            .with_name(TopicName(name()))
            .with_partitions(vec![partition; 3]);
        OffsetFetchResponse::default().with_topics(vec![topic; 2])
    });
    check(10, 0..=3, |_| FindCoordinatorResponse::default().with_host(name()).with_port(7));
    check(11, 0..=9, |_| {
        let member = JoinGroupResponseMember::default()
            .with_member_id(name())
            .with_metadata(Bytes::from_static(b"metadata"));
        JoinGroupResponse::default()
            .with_protocol_name(Some(name()))
            .with_leader(name())
            .with_members(vec![member; 3])
    });
    check(12, 0..=4, |_| HeartbeatResponse::default());
    check(13, 0..=5, |version| {
        let member = MemberResponse::default().with_member_id(name());
        LeaveGroupResponse::default().with_members(vec![member; if version >= 3 { 2 } else { 0 }])
    });
    check(14, 0..=5, |_| SyncGroupResponse::default().with_assignment(Bytes::from_static(b"assignment")));
}

#[test]
fn group_administration() {
    use kafka_protocol::messages::delete_groups_response::DeletableGroupResult;
    use kafka_protocol::messages::delete_records_response::{
        DeleteRecordsPartitionResult, DeleteRecordsTopicResult,
    };
    use kafka_protocol::messages::describe_groups_response::{DescribedGroup, DescribedGroupMember};
    use kafka_protocol::messages::incremental_alter_configs_response::AlterConfigsResourceResponse;
    use kafka_protocol::messages::list_groups_response::ListedGroup;
    use kafka_protocol::messages::offset_delete_response::{
        OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
    };
    check(15, 0..=5, |_| {
        let member = DescribedGroupMember::default()
            .with_member_id(name())
            .with_member_assignment(Bytes::from_static(b"assignment"));
        let group = DescribedGroup::default().with_group_state(name()).with_members(vec![member; 2]);
        DescribeGroupsResponse::default().with_groups(vec![group; 2])
    });
    check(16, 0..=4, |version| {
        let mut group = ListedGroup::default().with_group_id(GroupId(name()));
        if version >= 4 {
            group.group_state = name();
        }
        ListGroupsResponse::default().with_groups(vec![group; 3])
    });
    check(21, 0..=2, |_| {
        let topic = DeleteRecordsTopicResult::default()
            .with_name(TopicName(name()))
            .with_partitions(vec![DeleteRecordsPartitionResult::default(); 2]);
        DeleteRecordsResponse::default().with_topics(vec![topic; 2])
    });
    check(42, 0..=2, |_| {
        DeleteGroupsResponse::default().with_results(vec![DeletableGroupResult::default(); 2])
    });
    check(44, 0..=1, |_| {
        let altered = AlterConfigsResourceResponse::default().with_resource_name(name());
        IncrementalAlterConfigsResponse::default().with_responses(vec![altered; 2])
    });
    check(47, 0..=0, |_| {
        let topic = OffsetDeleteResponseTopic::default()
            .with_name(TopicName(name()))
            .with_partitions(vec![OffsetDeleteResponsePartition::default(); 2]);
        OffsetDeleteResponse::default().with_topics(vec![topic; 2])
    });
}

#[test]
fn init_producer_id() {
    check(22, 0..=4, |_| InitProducerIdResponse::default().with_producer_id(7.into()));
}
