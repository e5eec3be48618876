//! Every request in every version that is said to be supported, with results and with errors in the answer.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::broker_registration_request::{Feature, Listener};
use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_producers_request::TopicRequest;
use kafka_protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{
    AllocateProducerIdsRequest, AllocateProducerIdsResponse, AlterConfigsRequest, AlterConfigsResponse,
    ApiKey, ApiVersionsRequest, ApiVersionsResponse, BrokerId, BrokerRegistrationRequest,
    BrokerRegistrationResponse, CreatePartitionsRequest, CreatePartitionsResponse, CreateTopicsResponse,
    DeleteRecordsRequest, DeleteRecordsResponse, DeleteTopicsRequest, DeleteTopicsResponse,
    DescribeConfigsRequest, DescribeConfigsResponse, DescribeProducersRequest, DescribeProducersResponse,
    FetchResponse, IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse, InitProducerIdRequest,
    InitProducerIdResponse, ListOffsetsRequest, ListOffsetsResponse, MetadataRequest, MetadataResponse,
    ProduceResponse, WriteTxnMarkersResponse, alter_configs_request,
};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};

use super::transactions::{marker, markers_request};
use super::world::{CLIENT, World, batch, create_topic, fetch_request, name, produce_request};
use crate::protocol::all_supported;

/// Sends a request in each version, and has the answer read.
pub(super) fn in_all_versions<Q: Encodable, R: Decodable>(
    world: &mut World,
    api: ApiKey,
    mut request: impl FnMut(i16) -> Q,
) -> Vec<R> {
    let supported = all_supported().find(|supported| supported.api == api).unwrap();
    let versions = supported.min_version..=supported.max_version;
    versions
        .map(|version| {
            let correlation_id = world.send(CLIENT, api, version, &request(version));
            assert_eq!(
                world.closed,
                [],
                "{api:?} {version}: {:?}",
                world.broker.errors().collect::<Vec<_>>()
            );
            world.answer(api, version, correlation_id)
        })
        .collect()
}

fn world() -> World {
    let mut world = World::new();
    world.create("t", 1, &[("flush.messages", "1")]);
    world.produce("t", 0, batch(&["a", "b"]));
    world
}

#[test]
fn produce_and_fetch() {
    let mut world = world();
    let id = world.topic_id("t");
    for topic in ["t", "none"] {
        let _: Vec<ProduceResponse> = in_all_versions(&mut world, ApiKey::Produce, |version| {
            let mut request = produce_request(topic, 0, batch(&["v"]), -1);
            if version >= 13 {
                request.topic_data[0].name = name("");
                request.topic_data[0].topic_id = if topic == "t" { id } else { crate::Uuid::from_u128(9) };
            }
            request
        });
        let _: Vec<FetchResponse> = in_all_versions(&mut world, ApiKey::Fetch, |version| {
            let mut request = fetch_request(topic, 0, 0, 1_000, 0);
            if version < 7 {
                request.session_epoch = -1;
            }
            if version >= 13 {
                request.topics[0].topic = name("");
                request.topics[0].topic_id = if topic == "t" { id } else { crate::Uuid::from_u128(9) };
            }
            request
        });
    }
}

#[test]
fn list_offsets() {
    let mut world = world();
    for (topic, timestamp) in [("t", -1), ("t", -2), ("t", 0), ("none", -1)] {
        let _: Vec<ListOffsetsResponse> = in_all_versions(&mut world, ApiKey::ListOffsets, |_| {
            let wanted =
                ListOffsetsPartition::default().with_timestamp(timestamp).with_current_leader_epoch(-1);
            ListOffsetsRequest::default().with_replica_id((-1).into()).with_topics(vec![
                ListOffsetsTopic::default().with_name(name(topic)).with_partitions(vec![wanted]),
            ])
        });
    }
}

#[test]
fn metadata_and_api_versions() {
    let mut world = world();
    for topic in ["t", "none", "not a name"] {
        let _: Vec<MetadataResponse> = in_all_versions(&mut world, ApiKey::Metadata, |_| {
            let asked = MetadataRequestTopic::default().with_name(Some(name(topic)));
            MetadataRequest::default().with_topics(Some(vec![asked]))
        });
    }
    let _: Vec<ApiVersionsResponse> =
        in_all_versions(&mut world, ApiKey::ApiVersions, |_| ApiVersionsRequest::default());
}

#[test]
fn delete_records() {
    let mut world = world();
    for (topic, offset) in [("t", 1), ("t", 99), ("none", 0)] {
        let _: Vec<DeleteRecordsResponse> = in_all_versions(&mut world, ApiKey::DeleteRecords, |_| {
            let partition = DeleteRecordsPartition::default().with_offset(offset);
            DeleteRecordsRequest::default().with_topics(vec![
                DeleteRecordsTopic::default().with_name(name(topic)).with_partitions(vec![partition]),
            ])
        });
    }
}

#[test]
fn changes_of_topics() {
    let mut world = world();
    let made: Vec<CreateTopicsResponse> = in_all_versions(&mut world, ApiKey::CreateTopics, |version| {
        create_topic(&format!("made-{version}"), 2, &[("segment.bytes", "1000")])
    });
    assert!(made.iter().all(|response| response.topics[0].error_message.is_none()), "clients look for null");
    let _: Vec<CreateTopicsResponse> =
        in_all_versions(&mut world, ApiKey::CreateTopics, |_| create_topic("t", 2, &[]));
    let _: Vec<CreatePartitionsResponse> = in_all_versions(&mut world, ApiKey::CreatePartitions, |version| {
        let topic = |topic, count| {
            CreatePartitionsTopic::default().with_name(name(topic)).with_count(count).with_assignments(None)
        };
        let topics = vec![topic("t", 2 + i32::from(version)), topic("none", 2)];
        CreatePartitionsRequest::default().with_topics(topics)
    });
    let responses: Vec<DeleteTopicsResponse> = in_all_versions(&mut world, ApiKey::DeleteTopics, |version| {
        let names = [name(&format!("made-{}", version.max(2))), name("none")];
        match version {
            6.. => DeleteTopicsRequest::default()
                .with_topics(names.map(|name| DeleteTopicState::default().with_name(Some(name))).to_vec()),
            _ => DeleteTopicsRequest::default().with_topic_names(names.to_vec()),
        }
    });
    assert_eq!(responses.last().unwrap().responses[0].error_code, 0);
}

#[test]
fn what_brokers_ask_the_controller() {
    let mut world = world();
    for (cluster, error) in [("test", 0), ("another", ResponseError::InconsistentClusterId.code())] {
        let responses: Vec<BrokerRegistrationResponse> =
            in_all_versions(&mut world, ApiKey::BrokerRegistration, |version| {
                let listener = Listener::default().with_host(StrBytes::from_static_str("there"));
                let feature = Feature::default().with_name(StrBytes::from_static_str("metadata.version"));
                let mut request = BrokerRegistrationRequest::default()
                    .with_broker_id(BrokerId(2))
                    .with_cluster_id(StrBytes::from_static_str(cluster))
                    .with_listeners(vec![listener])
                    .with_features(vec![feature]);
                if version >= 2 {
                    request.log_dirs = vec![crate::Uuid::from_u128(5)];
                }
                request
            });
        assert!(responses.iter().all(|response| response.error_code == error));
    }
    for (broker, error) in [(2, 0), (3, ResponseError::BrokerIdNotRegistered.code())] {
        let epoch = world.broker.registrations.get(&broker).map_or(-1, |known| known.epoch);
        let responses: Vec<AllocateProducerIdsResponse> =
            in_all_versions(&mut world, ApiKey::AllocateProducerIds, |_| {
                AllocateProducerIdsRequest::default()
                    .with_broker_id(BrokerId(broker))
                    .with_broker_epoch(epoch)
            });
        assert!(responses.iter().all(|response| response.error_code == error));
    }
}

#[test]
fn altered_configs() {
    let mut world = world();
    let _: Vec<AlterConfigsResponse> = in_all_versions(&mut world, ApiKey::AlterConfigs, |_| {
        let resource = |topic| {
            alter_configs_request::AlterConfigsResource::default()
                .with_resource_type(2)
                .with_resource_name(StrBytes::from_static_str(topic))
        };
        AlterConfigsRequest::default().with_resources(vec![resource("t"), resource("none")])
    });
    let _: Vec<IncrementalAlterConfigsResponse> =
        in_all_versions(&mut world, ApiKey::IncrementalAlterConfigs, |_| {
            let config = AlterableConfig::default()
                .with_name(StrBytes::from_static_str("retention.ms"))
                .with_value(Some(StrBytes::from_static_str("7")));
            let resource = |topic| {
                AlterConfigsResource::default()
                    .with_resource_type(2)
                    .with_resource_name(StrBytes::from_static_str(topic))
                    .with_configs(vec![config.clone()])
            };
            IncrementalAlterConfigsRequest::default().with_resources(vec![resource("t"), resource("none")])
        });
}

#[test]
fn configs_and_producer_ids() {
    let mut world = world();
    let _: Vec<DescribeConfigsResponse> = in_all_versions(&mut world, ApiKey::DescribeConfigs, |version| {
        let resource = |kind, name: &'static str| {
            DescribeConfigsResource::default()
                .with_resource_type(kind)
                .with_resource_name(StrBytes::from_static_str(name))
                .with_configuration_keys(None)
        };
        DescribeConfigsRequest::default()
            .with_resources(vec![resource(2, "t"), resource(2, "none"), resource(4, "0")])
            .with_include_synonyms(true)
            .with_include_documentation(version >= 3)
    });
    let _: Vec<InitProducerIdResponse> = in_all_versions(&mut world, ApiKey::InitProducerId, |_| {
        InitProducerIdRequest::default().with_transactional_id(None)
    });
}

#[test]
fn markers_and_producers() {
    let mut world = world();
    for topic in ["t", "none"] {
        let _: Vec<WriteTxnMarkersResponse> = in_all_versions(&mut world, ApiKey::WriteTxnMarkers, |_| {
            markers_request(topic, &[0], marker((5, 0), 0, true))
        });
        let _: Vec<DescribeProducersResponse> =
            in_all_versions(&mut world, ApiKey::DescribeProducers, |_| {
                let asked = TopicRequest::default().with_name(name(topic)).with_partition_indexes(vec![0]);
                DescribeProducersRequest::default().with_topics(vec![asked])
            });
    }
}
