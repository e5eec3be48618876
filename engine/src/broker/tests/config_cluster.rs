//! Configs of brokers that are changed at any of them.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::{
    AlterConfigsResponse, ApiKey, IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse,
};

use super::cluster::Cluster;
use super::configs::{BROKER, SET, all_configs, change, describe, value};
use super::world::CLIENT;

const KEY: &str = "log.segment.bytes";

fn alter(cluster: &mut Cluster, node: usize, version: i16, request: &IncrementalAlterConfigsRequest) -> i16 {
    let response: IncrementalAlterConfigsResponse =
        cluster.ask(node, ApiKey::IncrementalAlterConfigs, version, request);
    response.responses[0].error_code
}

fn in_force(cluster: &mut Cluster) -> Vec<(String, i8)> {
    let numbered = cluster.worlds.iter_mut().zip(["0", "1", "2"]);
    numbered.map(|(world, name)| value(world, (BROKER, name), KEY)).collect()
}

fn values(expected: [(&str, i8); 3]) -> Vec<(String, i8)> {
    expected.map(|(value, source)| (value.to_owned(), source)).to_vec()
}

#[test]
fn a_config_is_changed_at_any_broker_and_in_force_where_it_is_meant() {
    let mut cluster = Cluster::new(3);
    assert_eq!(alter(&mut cluster, 2, 1, &change((BROKER, ""), KEY, SET, Some("5000"))), 0);
    assert_eq!(in_force(&mut cluster), values([("5000", 3); 3]));
    assert_eq!(alter(&mut cluster, 1, 0, &change((BROKER, "1"), KEY, SET, Some("6000"))), 0);
    assert_eq!(alter(&mut cluster, 2, 1, &change((BROKER, "0"), KEY, SET, Some("7000"))), 0);
    let expected = values([("7000", 2), ("6000", 2), ("5000", 3)]);
    assert_eq!(in_force(&mut cluster), expected);
    for world in &mut cluster.worlds {
        assert_eq!(value(world, (BROKER, ""), KEY), ("5000".to_owned(), 3));
        assert_eq!(describe(world, (BROKER, ""), "num.partitions"), Err(0), "that is not set for all");
    }
    for node in [1, 0, 2] {
        cluster.restart(node);
        cluster.advance(3_000);
        assert_eq!(in_force(&mut cluster), expected, "after broker {node}");
    }
}

#[test]
fn all_configs_of_another_broker_take_back_what_they_do_not_say() {
    let mut cluster = Cluster::new(3);
    assert_eq!(alter(&mut cluster, 1, 1, &change((BROKER, "1"), KEY, SET, Some("6000"))), 0);
    let said = all_configs((BROKER, "1"), &[("log.retention.ms", "1000")]);
    for version in [0, 2] {
        let response: AlterConfigsResponse = cluster.ask(2, ApiKey::AlterConfigs, version, &said);
        assert_eq!((response.responses[0].error_code, &response.responses[0].resource_name[..]), (0, "1"));
    }
    assert_eq!(in_force(&mut cluster)[1], ("1073741824".to_owned(), 5));
    assert_eq!(value(&mut cluster.worlds[1], (BROKER, "1"), "log.retention.ms"), ("1000".to_owned(), 2));
}

#[test]
fn a_change_that_the_controller_refuses_is_refused_in_its_words() {
    let mut cluster = Cluster::new(3);
    let request = change((BROKER, "1"), "num.partitions", SET, Some("7"));
    let response: IncrementalAlterConfigsResponse =
        cluster.ask(1, ApiKey::IncrementalAlterConfigs, 1, &request);
    let answer = &response.responses[0];
    assert_eq!(answer.error_code, ResponseError::InvalidRequest.code());
    assert!(answer.error_message.as_ref().is_some_and(|message| message.contains("when it starts")));
    let said = all_configs((BROKER, "9"), &[]);
    let response: AlterConfigsResponse = cluster.ask(1, ApiKey::AlterConfigs, 2, &said);
    assert_eq!(response.responses[0].error_code, ResponseError::InvalidRequest.code());
}

#[test]
fn without_the_controller_nothing_is_changed_and_that_is_said() {
    let mut cluster = Cluster::new(3);
    let request = change((BROKER, "1"), KEY, SET, Some("6000"));
    // The connection breaks under it.
    cluster.reachable = false;
    let timed_out = ResponseError::RequestTimedOut.code();
    assert_eq!(alter(&mut cluster, 1, 1, &request), timed_out);
    // And is not there again.
    assert_eq!(alter(&mut cluster, 1, 1, &request), ResponseError::NotController.code());
    cluster.reachable = true;
    cluster.advance(3_000);
    assert_eq!(in_force(&mut cluster), values([("1073741824", 5); 3]));
    assert_eq!(alter(&mut cluster, 1, 1, &request), 0);
}

#[test]
fn changes_wait_for_each_other_and_too_many_are_told_who_the_controller_is() {
    let mut cluster = Cluster::new(2);
    let asked = 70;
    let request = change((BROKER, "1"), KEY, SET, Some("6000"));
    let connections = (0..asked).map(|number| crate::ConnectionId(500 + number));
    for connection in connections {
        cluster.worlds[1].send(connection, ApiKey::IncrementalAlterConfigs, 1, &request);
    }
    assert_eq!(cluster.worlds[1].answers.len(), 5, "one is under way, and 64 wait");
    cluster.run();
    assert_eq!(cluster.worlds[1].answers.len(), asked as usize);
    assert!(cluster.worlds[1].answers.iter().all(|(connection, _)| *connection != CLIENT));
    cluster.worlds[1].answers.clear();
    assert_eq!(value(&mut cluster.worlds[1], (BROKER, "1"), KEY), ("6000".to_owned(), 2));
}
