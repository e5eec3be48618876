//! Configs that are set while the cluster runs, on topics and on brokers.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::DescribeConfigsResourceResult;
use kafka_protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use kafka_protocol::messages::{
    AlterConfigsRequest, AlterConfigsResponse, ApiKey, DescribeConfigsRequest, DescribeConfigsResponse,
    IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse, alter_configs_request,
};
use kafka_protocol::protocol::StrBytes;

use super::world::World;

const TOPIC: i8 = 2;
pub(super) const BROKER: i8 = 4;
const BROKER_LOGGER: i8 = 8;
pub(super) const SET: i8 = 0;
const DELETE: i8 = 1;

pub(super) fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

/// A change of one config of one resource.
pub(super) fn change(
    (kind, name): (i8, &str),
    key: &str,
    operation: i8,
    value: Option<&str>,
) -> IncrementalAlterConfigsRequest {
    let config = AlterableConfig::default()
        .with_name(text(key))
        .with_config_operation(operation)
        .with_value(value.map(text));
    let resource = AlterConfigsResource::default()
        .with_resource_type(kind)
        .with_resource_name(text(name))
        .with_configs(vec![config]);
    IncrementalAlterConfigsRequest::default().with_resources(vec![resource])
}

/// Changes one config of one resource.
fn alter(
    world: &mut World,
    resource: (i8, &str),
    key: &str,
    operation: i8,
    value: Option<&str>,
) -> (i16, String) {
    let request = change(resource, key, operation, value);
    let response: IncrementalAlterConfigsResponse = world.ask(ApiKey::IncrementalAlterConfigs, 1, &request);
    let answer = &response.responses[0];
    (answer.error_code, answer.error_message.clone().unwrap_or_default().to_string())
}

/// All configs of one resource.
pub(super) fn all_configs((kind, name): (i8, &str), configs: &[(&str, &str)]) -> AlterConfigsRequest {
    let configs = configs.iter().map(|(key, value)| {
        alter_configs_request::AlterableConfig::default().with_name(text(key)).with_value(Some(text(value)))
    });
    let resource = alter_configs_request::AlterConfigsResource::default()
        .with_resource_type(kind)
        .with_resource_name(text(name))
        .with_configs(configs.collect());
    AlterConfigsRequest::default().with_resources(vec![resource])
}

/// Says all configs of one topic.
fn replace(world: &mut World, topic: &str, configs: &[(&str, &str)]) -> i16 {
    let request = all_configs((TOPIC, topic), configs);
    let response: AlterConfigsResponse = world.ask(ApiKey::AlterConfigs, 2, &request);
    response.responses[0].error_code
}

pub(super) fn describe(
    world: &mut World,
    (kind, name): (i8, &str),
    key: &str,
) -> Result<DescribeConfigsResourceResult, i16> {
    let resource = DescribeConfigsResource::default()
        .with_resource_type(kind)
        .with_resource_name(text(name))
        .with_configuration_keys(Some(vec![text(key)]));
    let request =
        DescribeConfigsRequest::default().with_resources(vec![resource]).with_include_synonyms(true);
    let mut response: DescribeConfigsResponse = world.ask(ApiKey::DescribeConfigs, 4, &request);
    let mut result = response.results.remove(0);
    match result.error_code {
        0 => result.configs.pop().ok_or(0),
        code => Err(code),
    }
}

/// A config's value, and the number of where it comes from.
pub(super) fn value(world: &mut World, resource: (i8, &str), key: &str) -> (String, i8) {
    let config = describe(world, resource, key).unwrap();
    (config.value.unwrap().to_string(), config.config_source)
}

/// The times that storage is told of, by topic.
#[cfg(feature = "server")]
fn flush_times(world: &mut World) -> Vec<(String, Option<u64>)> {
    let times: Vec<_> = std::iter::from_fn(|| world.broker.poll_flush_time()).collect();
    let named = times.into_iter().filter_map(|(log, ms)| {
        let topic = world.broker.topic_name(log.topic_id).filter(|_| log != crate::LogId::CLUSTER_METADATA);
        topic.map(|topic| (topic.to_owned(), ms))
    });
    let mut named: Vec<_> = named.collect();
    named.sort();
    named
}

#[cfg(feature = "server")]
#[test]
fn storage_is_told_of_flush_ms_whenever_it_changes() {
    let mut world = World::new();
    let key = "flush.ms";
    world.create("own", 1, &[(key, "500")]);
    world.create("plain", 1, &[]);
    let told = |topic: &str, ms| (topic.to_owned(), ms);
    assert_eq!(flush_times(&mut world), [told("own", Some(500))]);
    assert_eq!(alter(&mut world, (TOPIC, "own"), key, SET, Some("20")).0, 0);
    assert_eq!(flush_times(&mut world), [told("own", Some(20))]);
    assert_eq!(alter(&mut world, (BROKER, ""), "log.flush.interval.ms", SET, Some("1000")).0, 0);
    assert_eq!(flush_times(&mut world), [told("plain", Some(1000))]);
    assert_eq!(alter(&mut world, (TOPIC, "own"), key, DELETE, None).0, 0);
    assert_eq!(flush_times(&mut world), [told("own", Some(1000))]);
    assert_eq!(alter(&mut world, (BROKER, ""), "log.flush.interval.ms", DELETE, None).0, 0);
    assert_eq!(flush_times(&mut world), [told("own", None), told("plain", None)]);
    assert_eq!(alter(&mut world, (TOPIC, "own"), key, SET, Some("-1")).0, 40);
    assert_eq!(alter(&mut world, (TOPIC, "own"), key, SET, Some("7")).0, 0);
    let mut world = world.restarted(&[]);
    assert_eq!(flush_times(&mut world), [told("own", Some(7))]);
}

#[test]
fn a_brokers_config_is_set_while_it_runs_and_outlives_it() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    let key = "log.segment.bytes";
    assert_eq!(alter(&mut world, (BROKER, ""), key, SET, Some("5000")).0, 0);
    assert_eq!(value(&mut world, (BROKER, "0"), key), ("5000".to_owned(), 3));
    assert_eq!(alter(&mut world, (BROKER, "0"), key, SET, Some("6000")).0, 0);
    let mut world = world.restarted(&[(key, "4000")]);
    assert_eq!(value(&mut world, (BROKER, "0"), key), ("6000".to_owned(), 2));
    assert_eq!(value(&mut world, (TOPIC, "t"), "segment.bytes"), ("6000".to_owned(), 2));
    let described = describe(&mut world, (TOPIC, "t"), "segment.bytes").unwrap();
    let synonyms = described.synonyms.iter().map(|synonym| {
        (synonym.name.to_string(), synonym.value.clone().unwrap().to_string(), synonym.source)
    });
    let expected = [("6000", 2), ("5000", 3), ("4000", 4), ("1073741824", 5)];
    let expected = expected.map(|(value, source)| (key.to_owned(), value.to_owned(), source));
    assert_eq!(synonyms.collect::<Vec<_>>(), expected);
    for broker in ["0", ""] {
        assert_eq!(alter(&mut world, (BROKER, broker), key, DELETE, None).0, 0);
    }
    assert_eq!(value(&mut world, (BROKER, "0"), key), ("4000".to_owned(), 4));
    assert_eq!(describe(&mut world, (BROKER, ""), key), Err(0), "nothing is set for all");
}

#[test]
fn a_broker_config_that_cannot_be_changed_is_refused() {
    let mut world = World::new();
    let invalid = ResponseError::InvalidRequest.code();
    let cases = [
        ((BROKER, "0"), "num.partitions", "7", invalid, "when it starts"),
        ((BROKER, "0"), "log.segment.bytes", "much", ResponseError::InvalidConfig.code(), "whole number"),
        ((BROKER, "0"), "segment.bytes", "5000", ResponseError::InvalidConfig.code(), "Unknown config"),
        ((BROKER, "7"), "log.segment.bytes", "5000", invalid, "no broker 7"),
        ((BROKER_LOGGER, "0"), "root", "INFO", invalid, "no levels"),
        ((99, "0"), "colour", "red", invalid, "type 99"),
    ];
    for (resource, key, value, error, words) in cases {
        let (code, message) = alter(&mut world, resource, key, SET, Some(value));
        assert!(code == error && message.contains(words), "{code} {message}");
    }
    assert_eq!(describe(&mut world, (BROKER_LOGGER, "0"), "root").unwrap_err(), invalid);
}

#[test]
fn what_is_said_of_all_configs_takes_the_others_back() {
    let mut world = World::new();
    world.create("t", 1, &[("retention.ms", "5000"), ("segment.bytes", "6000")]);
    assert_eq!(replace(&mut world, "t", &[("segment.bytes", "7000")]), 0);
    assert_eq!(value(&mut world, (TOPIC, "t"), "segment.bytes"), ("7000".to_owned(), 1));
    assert_eq!(value(&mut world, (TOPIC, "t"), "retention.ms"), ("604800000".to_owned(), 5));
    let invalid = ResponseError::InvalidConfig.code();
    assert_eq!(replace(&mut world, "t", &[("retention.ms", "1"), ("colour", "red")]), invalid);
    assert_eq!(value(&mut world, (TOPIC, "t"), "segment.bytes"), ("7000".to_owned(), 1));
}

#[test]
fn a_broker_says_where_it_is() {
    let mut world = World::new();
    let listeners = describe(&mut world, (BROKER, "0"), "advertised.listeners").unwrap();
    assert_eq!(listeners.value, Some(text("PLAINTEXT://broker-0:9092")));
    assert!(listeners.read_only);
}
