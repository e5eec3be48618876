//! Requests as frames, for the corpus and for what is asked of a broker when an input is through.

mod cluster;
pub(crate) mod groups;
pub(crate) mod transactions;

use bytes::{Bytes, BytesMut};
use headwater_engine::Uuid;
use headwater_engine::record::{Compression, RecordBatchBuilder};
use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    ApiKey, ApiVersionsRequest, CreatePartitionsRequest, CreateTopicsRequest, DeleteRecordsRequest,
    DeleteTopicsRequest, DescribeConfigsRequest, FetchRequest, InitProducerIdRequest, ListOffsetsRequest,
    MetadataRequest, ProduceRequest, RequestHeader, ResponseHeader, TopicName,
};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};

/// The topic that there is in every world.
pub(crate) const TOPIC: &str = "t";

/// What stands for the topic in requests that name it by its id.
#[derive(Clone, Copy)]
pub(crate) struct Topic<'a> {
    pub(crate) name: &'a str,
    pub(crate) id: Uuid,
}

pub(crate) fn frame<R: Encodable>(
    api: ApiKey,
    version: i16,
    correlation_id: i32,
    request: &R,
) -> Option<Bytes> {
    let mut frame = BytesMut::new();
    RequestHeader::default()
        .with_request_api_key(api as i16)
        .with_request_api_version(version)
        .with_correlation_id(correlation_id)
        .with_client_id(Some(StrBytes::from_static_str("fuzz")))
        .encode(&mut frame, api.request_header_version(version))
        .ok()?;
    request.encode(&mut frame, version).ok()?;
    Some(frame.freeze())
}

pub(crate) fn answer<R: Decodable>(api: ApiKey, version: i16, mut frame: Bytes) -> R {
    ResponseHeader::decode(&mut frame, api.response_header_version(version)).expect("an answer has a header");
    let answer = R::decode(&mut frame, version).expect("what the broker answers can be read");
    assert!(frame.is_empty(), "nothing follows an answer");
    answer
}

/// A request of a kind and version with something in it; none of a kind or version that brokers do not answer.
pub(crate) fn sample(api: ApiKey, version: i16, topic: Topic<'_>) -> Option<Bytes> {
    let number = 1;
    match api {
        ApiKey::Produce => frame(api, version, number, &produce(version, topic, 0, batch(&["a", "b"]))),
        ApiKey::Fetch => frame(api, version, number, &fetch(version, topic, 0, 0)),
        ApiKey::ListOffsets => frame(api, version, number, &list_offsets(topic, 0, -2)),
        ApiKey::Metadata => {
            let asked = MetadataRequestTopic::default().with_name(Some(name(topic.name)));
            frame(api, version, number, &MetadataRequest::default().with_topics(Some(vec![asked])))
        }
        ApiKey::ApiVersions => frame(api, version, number, &ApiVersionsRequest::default()),
        ApiKey::CreateTopics => frame(api, version, number, &create_topics("made", 2)),
        ApiKey::DeleteTopics => {
            let topics = DeleteTopicState::default().with_name(Some(name(topic.name)));
            let request = match version {
                6.. => DeleteTopicsRequest::default().with_topics(vec![topics]),
                _ => DeleteTopicsRequest::default().with_topic_names(vec![name(topic.name)]),
            };
            frame(api, version, number, &request)
        }
        ApiKey::CreatePartitions => {
            let topic = CreatePartitionsTopic::default().with_name(name(topic.name)).with_count(3);
            let request = CreatePartitionsRequest::default().with_topics(vec![topic.with_assignments(None)]);
            frame(api, version, number, &request)
        }
        ApiKey::DescribeConfigs => {
            let resource = |kind, name: &str| {
                let resource = DescribeConfigsResource::default().with_resource_type(kind);
                resource.with_resource_name(text(name)).with_configuration_keys(None)
            };
            let resources = vec![resource(2, topic.name), resource(4, "0")];
            frame(api, version, number, &DescribeConfigsRequest::default().with_resources(resources))
        }
        ApiKey::InitProducerId => {
            frame(api, version, number, &InitProducerIdRequest::default().with_transactional_id(None))
        }
        ApiKey::DeleteRecords => frame(api, version, number, &delete_records(topic, 0, 15)),
        _ => groups::sample(api, version)
            .or_else(|| transactions::sample(api, version))
            .or_else(|| cluster::sample(api, version)),
    }
}

pub(crate) fn delete_records(topic: Topic<'_>, partition: i32, offset: i64) -> DeleteRecordsRequest {
    let partition = DeleteRecordsPartition::default().with_partition_index(partition).with_offset(offset);
    let topic = DeleteRecordsTopic::default().with_name(name(topic.name)).with_partitions(vec![partition]);
    DeleteRecordsRequest::default().with_topics(vec![topic]).with_timeout_ms(1_000)
}

pub(crate) fn create_topics(topic: &str, partitions: i32) -> CreateTopicsRequest {
    let config = CreatableTopicConfig::default().with_name(text("segment.bytes"));
    CreateTopicsRequest::default().with_topics(vec![
        CreatableTopic::default()
            .with_name(name(topic))
            .with_num_partitions(partitions)
            .with_replication_factor(1)
            .with_configs(vec![config.with_value(Some(text("1024")))]),
    ])
}

pub(crate) fn produce(version: i16, topic: Topic<'_>, partition: i32, records: Bytes) -> ProduceRequest {
    let data = PartitionProduceData::default().with_index(partition).with_records(Some(records));
    let named = if version >= 13 {
        TopicProduceData::default().with_topic_id(topic.id)
    } else {
        TopicProduceData::default().with_name(name(topic.name))
    };
    ProduceRequest::default()
        .with_acks(-1)
        .with_timeout_ms(1_000)
        .with_topic_data(vec![named.with_partition_data(vec![data])])
}

pub(crate) fn fetch(version: i16, topic: Topic<'_>, partition: i32, offset: i64) -> FetchRequest {
    let wanted = FetchPartition::default()
        .with_partition(partition)
        .with_current_leader_epoch(-1)
        .with_fetch_offset(offset)
        .with_partition_max_bytes(1 << 20);
    let named = if version >= 13 {
        FetchTopic::default().with_topic_id(topic.id)
    } else {
        FetchTopic::default().with_topic(name(topic.name))
    };
    FetchRequest::default()
        .with_replica_id((-1).into())
        .with_min_bytes(1)
        .with_max_bytes(50 << 20)
        .with_session_epoch(-1)
        .with_topics(vec![named.with_partitions(vec![wanted])])
}

pub(crate) fn list_offsets(topic: Topic<'_>, partition: i32, timestamp: i64) -> ListOffsetsRequest {
    let wanted = ListOffsetsPartition::default().with_partition_index(partition).with_timestamp(timestamp);
    let topic = ListOffsetsTopic::default().with_name(name(topic.name));
    ListOffsetsRequest::default()
        .with_replica_id((-1).into())
        .with_topics(vec![topic.with_partitions(vec![wanted.with_current_leader_epoch(-1)])])
}

/// A batch of these values.
pub(crate) fn batch(values: &[&str]) -> Bytes {
    let mut builder = RecordBatchBuilder::new(Compression::None);
    for (value, timestamp) in values.iter().zip(1_700_000_000_000..) {
        builder.append(timestamp, None, Some(value.as_bytes()), &[]).expect("a small record fits");
    }
    builder.build()
}

pub(crate) fn name(name: &str) -> TopicName {
    TopicName(text(name))
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}
