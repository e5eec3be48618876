//! Changes of topics that a broker is asked for which is not the controller (KIP-590). Those of configs: [`super::config_cluster`].

use kafka_protocol::ResponseError;
use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::{
    ApiKey, CreatePartitionsRequest, CreatePartitionsResponse, CreateTopicsResponse, DeleteTopicsRequest,
    DeleteTopicsResponse,
};
use uuid::Uuid;

use super::cluster::Cluster;
use super::world::{create_topic, name};

type Answered = (i16, Option<String>);

fn create(cluster: &mut Cluster, node: usize, version: i16, topic: &str, partitions: i32) -> Answered {
    let request = create_topic(topic, partitions, &[("segment.bytes", "5000")]);
    let response: CreateTopicsResponse = cluster.ask(node, ApiKey::CreateTopics, version, &request);
    let [answer] = &response.topics[..] else { panic!("one topic was asked for: {response:?}") };
    assert_eq!(answer.name, name(topic));
    (answer.error_code, answer.error_message.as_ref().map(ToString::to_string))
}

fn extend(cluster: &mut Cluster, node: usize, version: i16, topic: &str, count: i32) -> Answered {
    let topic = CreatePartitionsTopic::default().with_name(name(topic)).with_count(count);
    let request = CreatePartitionsRequest::default().with_topics(vec![topic.with_assignments(None)]);
    let response: CreatePartitionsResponse = cluster.ask(node, ApiKey::CreatePartitions, version, &request);
    let [answer] = &response.results[..] else { panic!("one topic was asked for: {response:?}") };
    (answer.error_code, answer.error_message.as_ref().map(ToString::to_string))
}

fn delete(cluster: &mut Cluster, node: usize, version: i16, topic: &str) -> i16 {
    let request = match version {
        6 => {
            let topic = DeleteTopicState::default().with_name(Some(name(topic)));
            DeleteTopicsRequest::default().with_topics(vec![topic])
        }
        _ => DeleteTopicsRequest::default().with_topic_names(vec![name(topic)]),
    };
    let response: DeleteTopicsResponse = cluster.ask(node, ApiKey::DeleteTopics, version, &request);
    let [answer] = &response.responses[..] else { panic!("one topic was asked for: {response:?}") };
    assert_eq!(answer.name, Some(name(topic)));
    answer.error_code
}

#[test]
fn topics_are_changed_at_any_broker_in_every_version() {
    let mut cluster = Cluster::new(3);
    for (node, version) in (2..=7).map(|version: i16| (version as usize % 3, version)) {
        let topic = format!("t{version}");
        assert_eq!(create(&mut cluster, node, version, &topic, 3), (0, None));
        let leaders = cluster.leaders(node, &topic);
        assert_eq!(leaders, [0, 1, 2], "broker {node} knows it when it is said to be there");
    }
    for (node, version) in [(1, 0), (2, 1), (1, 2), (2, 3)] {
        let topic = format!("t{}", version + 2);
        assert_eq!(extend(&mut cluster, node, version, &topic, 4), (0, None));
        assert_eq!(cluster.leaders(node, &topic).len(), 4);
    }
    let unknown = ResponseError::UnknownTopicOrPartition.code();
    for (node, version) in (1..=6).map(|version: i16| (1 + version as usize % 2, version)) {
        let topic = format!("t{version}");
        let expected = if version == 1 { unknown } else { 0 };
        assert_eq!(delete(&mut cluster, node, version, &topic), expected, "version {version}");
        assert_eq!(delete(&mut cluster, 0, 6, &topic), unknown, "it is gone at the controller");
    }
}

#[test]
fn a_topic_is_deleted_by_its_id_at_any_broker() {
    let mut cluster = Cluster::new(2);
    let request = create_topic("t", 2, &[]);
    let created: CreateTopicsResponse = cluster.ask(1, ApiKey::CreateTopics, 7, &request);
    let answer = &created.topics[0];
    assert_eq!((answer.num_partitions, answer.replication_factor), (2, 1));
    assert!(answer.configs.as_ref().is_some_and(|configs| !configs.is_empty()));
    for (id, expected) in [
        (Uuid::from_u128(7), (ResponseError::UnknownTopicId.code(), None)),
        (answer.topic_id, (0, Some(name("t")))),
    ] {
        let topic = DeleteTopicState::default().with_name(None).with_topic_id(id);
        let request = DeleteTopicsRequest::default().with_topics(vec![topic]);
        let response: DeleteTopicsResponse = cluster.ask(1, ApiKey::DeleteTopics, 6, &request);
        let answer = &response.responses[0];
        assert_eq!((answer.error_code, answer.name.clone()), expected);
        assert_eq!(answer.topic_id, id);
    }
}

/// No time passes: what changes nothing is not answered behind a Fetch that waits for changes.
#[test]
fn what_the_controller_refuses_is_refused_at_once_and_in_its_words() {
    let mut cluster = Cluster::new(3);
    cluster.create("t", 2);
    let (code, message) = create(&mut cluster, 1, 7, "t", 1);
    assert_eq!(code, ResponseError::TopicAlreadyExists.code());
    assert_eq!(message.as_deref(), Some("Topic 't' already exists."));
    let (code, message) = extend(&mut cluster, 2, 3, "t", 2);
    assert_eq!(code, ResponseError::InvalidPartitions.code());
    assert!(message.is_some());
    assert_eq!(delete(&mut cluster, 1, 6, "__consumer_offsets"), 3);
    let request = create_topic("checked", 1, &[]).with_validate_only(true);
    let response: CreateTopicsResponse = cluster.ask(2, ApiKey::CreateTopics, 7, &request);
    assert_eq!(response.topics[0].error_code, 0);
    assert_eq!(create(&mut cluster, 2, 7, "checked", 1).0, 0, "it was only checked before");
}

#[test]
fn without_the_controller_no_topic_is_changed_and_that_is_said() {
    let mut cluster = Cluster::new(2);
    cluster.create("t", 2);
    // The connection breaks under it.
    cluster.reachable = false;
    assert_eq!(create(&mut cluster, 1, 7, "u", 1).0, ResponseError::RequestTimedOut.code());
    // And is not there again.
    let refused = ResponseError::NotController.code();
    let (code, message) = create(&mut cluster, 1, 7, "u", 1);
    assert_eq!((code, message.as_deref()), (refused, Some("The controller is broker 0.")));
    assert_eq!(extend(&mut cluster, 1, 3, "t", 3).0, refused);
    for version in [5, 6] {
        assert_eq!(delete(&mut cluster, 1, version, "t"), refused);
    }
    cluster.reachable = true;
    cluster.advance(3_000);
    assert_eq!(cluster.leaders(0, "t"), [0, 1]);
    assert_eq!(create(&mut cluster, 1, 7, "u", 1), (0, None));
}
