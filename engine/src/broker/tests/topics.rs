use kafka_protocol::ResponseError;
use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{
    ApiKey, ApiVersionsRequest, ApiVersionsResponse, CreatePartitionsRequest, CreatePartitionsResponse,
    CreateTopicsResponse, DeleteTopicsRequest, DeleteTopicsResponse, DescribeConfigsRequest,
    DescribeConfigsResponse, MetadataRequest, MetadataResponse, ProduceResponse,
};
use kafka_protocol::protocol::StrBytes;

use super::world::{World, batch, create_topic, fetch_request, name, produce_request, produced};

fn metadata(world: &mut World, topic: &str, create: bool) -> MetadataResponse {
    let asked = MetadataRequestTopic::default().with_name(Some(name(topic)));
    let request =
        MetadataRequest::default().with_topics(Some(vec![asked])).with_allow_auto_topic_creation(create);
    world.ask(ApiKey::Metadata, 12, &request)
}

#[test]
fn api_versions_says_what_is_answered() {
    let mut world = World::new();
    for version in 0..=4 {
        let request = ApiVersionsRequest::default()
            .with_client_software_name(StrBytes::from_static_str("test"))
            .with_client_software_version(StrBytes::from_static_str("1"));
        let response: ApiVersionsResponse = world.ask(ApiKey::ApiVersions, version, &request);
        assert_eq!(response.error_code, 0);
        let produce = response.api_keys.iter().find(|api| api.api_key == 0).unwrap();
        assert_eq!((produce.min_version, produce.max_version), (0, 13));
    }
}

#[test]
fn a_topic_is_made_described_and_there_after_a_restart() {
    let mut world = World::new();
    world.create("vehicles", 4, &[("segment.bytes", "4096")]);
    for round in 0..2 {
        let response = metadata(&mut world, "vehicles", false);
        assert_eq!(response.controller_id.0, 0);
        assert_eq!(&response.brokers[0].host[..], "broker-0");
        let topic = &response.topics[0];
        assert_eq!((topic.error_code, topic.partitions.len()), (0, 4), "round {round}");
        assert!(!topic.topic_id.is_nil());
        assert!(topic.partitions.iter().all(|partition| partition.leader_id.0 == 0));
        world = world.restarted(&[]);
    }
}

#[test]
fn topics_that_cannot_be_made_are_refused_with_a_reason() {
    let mut world = World::new();
    world.create("there", 1, &[]);
    let cases = [
        (create_topic("there", 1, &[]), ResponseError::TopicAlreadyExists, "already exists"),
        (create_topic("a b", 1, &[]), ResponseError::InvalidTopicException, "letters"),
        (create_topic("none", 0, &[]), ResponseError::InvalidPartitions, "at least 1"),
        (create_topic("many", 10_001, &[]), ResponseError::InvalidPartitions, "exceed"),
        (create_topic("odd", 1, &[("colour", "red")]), ResponseError::InvalidConfig, "Unknown config colour"),
        (create_topic("odd", 1, &[("segment.ms", "0")]), ResponseError::InvalidConfig, "segment.ms"),
    ];
    for (request, error, words) in cases {
        let response: CreateTopicsResponse = world.ask(ApiKey::CreateTopics, 7, &request);
        let topic = &response.topics[0];
        assert_eq!(topic.error_code, error.code());
        assert!(topic.error_message.as_ref().unwrap().contains(words), "{:?}", topic.error_message);
    }
    let mut request = create_topic("replicated", 1, &[]);
    request.topics[0].replication_factor = 3;
    let response: CreateTopicsResponse = world.ask(ApiKey::CreateTopics, 7, &request);
    assert_eq!(response.topics[0].error_code, ResponseError::InvalidReplicationFactor.code());
    assert_eq!(world.broker.topics().count(), 1);
}

#[test]
fn checking_only_makes_nothing() {
    let mut world = World::new();
    let request = create_topic("checked", 2, &[]).with_validate_only(true);
    let response: CreateTopicsResponse = world.ask(ApiKey::CreateTopics, 7, &request);
    assert_eq!(response.topics[0].error_code, 0);
    assert_eq!(world.broker.topics().count(), 0);
}

#[test]
fn asking_for_a_topic_makes_it_if_that_is_allowed() {
    let mut world = World::new();
    let response = metadata(&mut world, "asked", false);
    assert_eq!(response.topics[0].error_code, ResponseError::UnknownTopicOrPartition.code());
    let response = metadata(&mut world, "asked", true);
    assert_eq!(response.topics[0].error_code, ResponseError::LeaderNotAvailable.code());
    let response = metadata(&mut world, "asked", true);
    assert_eq!((response.topics[0].error_code, response.topics[0].partitions.len()), (0, 1));

    let mut world = World::over(world.disk, &[("auto.create.topics.enable", "false")]);
    let response = metadata(&mut world, "not asked", true);
    assert_eq!(response.topics[0].error_code, ResponseError::InvalidTopicException.code());
    let response = metadata(&mut world, "other", true);
    assert_eq!(response.topics[0].error_code, ResponseError::UnknownTopicOrPartition.code());
}

#[test]
fn a_topic_gets_more_partitions_and_keeps_its_records() {
    let mut world = World::new();
    world.create("grows", 1, &[]);
    assert_eq!(world.produce("grows", 0, batch(&["kept"])), (0, 0));
    let ask = |world: &mut World, count| -> i16 {
        let topic = CreatePartitionsTopic::default().with_name(name("grows")).with_count(count);
        let request = CreatePartitionsRequest::default().with_topics(vec![topic.with_assignments(None)]);
        let response: CreatePartitionsResponse = world.ask(ApiKey::CreatePartitions, 3, &request);
        response.results[0].error_code
    };
    assert_eq!(ask(&mut world, 3), 0);
    assert_eq!(ask(&mut world, 3), ResponseError::InvalidPartitions.code());
    assert_eq!(world.produce("grows", 2, batch(&["new"])), (0, 0));
    let mut world = world.restarted(&[]);
    assert_eq!(world.all_values("grows", 0), [(0, "kept".to_owned())]);
    assert_eq!(world.all_values("grows", 2), [(0, "new".to_owned())]);
}

fn delete(world: &mut World, topic: &str) -> i16 {
    let request = DeleteTopicsRequest::default().with_topic_names(vec![name(topic)]);
    let response: DeleteTopicsResponse = world.ask(ApiKey::DeleteTopics, 5, &request);
    response.responses[0].error_code
}

#[test]
fn a_deleted_topic_is_gone_and_a_new_one_of_its_name_is_empty() {
    let mut world = World::new();
    world.create("gone", 1, &[]);
    world.produce("gone", 0, batch(&["secret"]));
    assert_eq!(delete(&mut world, "gone"), 0);
    assert_eq!(delete(&mut world, "gone"), ResponseError::UnknownTopicOrPartition.code());
    assert_eq!(world.disk.segments.len(), 1, "only the metadata log is left");
    let mut world = world.restarted(&[]);
    assert_eq!(world.broker.topics().count(), 0);
    world.create("gone", 1, &[]);
    assert_eq!(world.all_values("gone", 0), []);
}

#[test]
fn whoever_waits_for_a_deleted_topic_is_told() {
    let mut world = World::new();
    world.create("gone", 1, &[]);
    let reader = crate::ConnectionId(2);
    let writer = crate::ConnectionId(3);
    let fetch = world.send(reader, ApiKey::Fetch, 11, &fetch_request("gone", 0, 0, 1_000, 60_000));
    world.hold_appends = true;
    let produce = world.send(writer, ApiKey::Produce, 9, &produce_request("gone", 0, batch(&["late"]), -1));
    let request = DeleteTopicsRequest::default().with_topic_names(vec![name("gone")]);
    let correlation_id = world.send(super::world::CLIENT, ApiKey::DeleteTopics, 5, &request);
    let append = world.held.pop_front().unwrap();
    world.release(None);
    let response: ProduceResponse = world.answer(ApiKey::Produce, 9, produce);
    assert_eq!(produced(&response).0, ResponseError::UnknownTopicOrPartition.code());
    let response: kafka_protocol::messages::FetchResponse = world.answer(ApiKey::Fetch, 11, fetch);
    assert_eq!(response.responses[0].partitions[0].error_code, ResponseError::UnknownTopicOrPartition.code());
    let response: DeleteTopicsResponse = world.answer(ApiKey::DeleteTopics, 5, correlation_id);
    assert_eq!(response.responses[0].error_code, 0);
    // The answer of the storage that comes after all is nobody's any more.
    world.held.push_back(append);
    world.release(None);
    assert!(world.answers.is_empty());
}

#[test]
fn configs_are_described_with_where_they_come_from() {
    let mut world = World::over(super::world::Disk::default(), &[("log.segment.bytes", "2000000")]);
    world.create("set", 1, &[("flush.messages", "1")]);
    let resource = |kind, name: &'static str| {
        DescribeConfigsResource::default()
            .with_resource_type(kind)
            .with_resource_name(StrBytes::from_static_str(name))
            .with_configuration_keys(None)
    };
    let request = DescribeConfigsRequest::default()
        .with_resources(vec![resource(2, "set"), resource(4, "0"), resource(2, "unset"), resource(4, "9")])
        .with_include_synonyms(true);
    let response: DescribeConfigsResponse = world.ask(ApiKey::DescribeConfigs, 4, &request);
    let found = |result: usize, key: &str| {
        let config = response.results[result].configs.iter().find(|config| &config.name[..] == key);
        config.map(|config| (config.value.clone().unwrap().to_string(), config.config_source)).unwrap()
    };
    assert_eq!(found(0, "flush.messages"), ("1".to_owned(), 1));
    assert_eq!(found(0, "segment.bytes"), ("2000000".to_owned(), 4));
    assert_eq!(found(0, "max.message.bytes"), ("1048588".to_owned(), 5));
    assert_eq!(found(1, "log.segment.bytes"), ("2000000".to_owned(), 4));
    assert_eq!(response.results[2].error_code, ResponseError::UnknownTopicOrPartition.code());
    assert_eq!(response.results[3].error_code, ResponseError::InvalidRequest.code());
}
