//! Groups in a cluster of several brokers.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::{ApiKey, FindCoordinatorRequest, FindCoordinatorResponse};

use super::cluster::Cluster;
use super::group_world::{commit, fetch_offset, heartbeat, text};
use super::world::CLIENT;

/// The coordinator of a group, as a broker names it; or the error.
fn coordinator(cluster: &mut Cluster, node: usize, id: &str) -> Result<usize, i16> {
    let request = FindCoordinatorRequest::default().with_coordinator_keys(vec![text(id)]);
    let correlation_id = cluster.worlds[node].send(CLIENT, ApiKey::FindCoordinator, 5, &request);
    cluster.run();
    let response: FindCoordinatorResponse =
        cluster.worlds[node].answer(ApiKey::FindCoordinator, 5, correlation_id);
    let found = &response.coordinators[0];
    match found.error_code {
        0 => Ok(usize::try_from(found.node_id.0).unwrap()),
        code => Err(code),
    }
}

#[test]
fn groups_are_spread_over_the_brokers_which_agree_on_who_coordinates_them() {
    let mut cluster = Cluster::new(2);
    cluster.create("t", 2);
    // The first who asks is not the controller.
    let mut found = Vec::new();
    for index in 0..10 {
        let id = format!("group {index}");
        let node = coordinator(&mut cluster, 1, &id).unwrap();
        assert_eq!(coordinator(&mut cluster, 0, &id), Ok(node));
        found.push((id, node));
    }
    assert!(found.iter().any(|(_, node)| *node == 0) && found.iter().any(|(_, node)| *node == 1));
    for (id, node) in &found {
        assert_eq!(commit(&mut cluster.worlds[*node], id, &[("t", 0, 3), ("t", 1, 4)]), [0, 0]);
        let other = 1 - *node;
        let not_here = ResponseError::NotCoordinator.code();
        assert_eq!(commit(&mut cluster.worlds[other], id, &[("t", 0, 9)]), [not_here]);
        assert_eq!(heartbeat(&mut cluster.worlds[other], id, "m", 1), not_here);
    }
    cluster.restart(1);
    cluster.restart(0);
    for (id, node) in &found {
        assert_eq!(fetch_offset(&mut cluster.worlds[*node], id, "t", 1), 4);
    }
}

#[test]
fn without_the_controller_nobody_waits_for_a_coordinator_for_ever() {
    let mut cluster = Cluster::new(2);
    cluster.reachable = false;
    let request = FindCoordinatorRequest::default().with_coordinator_keys(vec![text("g")]);
    let correlation_id = cluster.worlds[1].send(CLIENT, ApiKey::FindCoordinator, 5, &request);
    for _ in 0..10 {
        cluster.advance(1_000);
    }
    let response: FindCoordinatorResponse =
        cluster.worlds[1].answer(ApiKey::FindCoordinator, 5, correlation_id);
    assert_eq!(response.coordinators[0].error_code, ResponseError::CoordinatorNotAvailable.code());
    cluster.reachable = true;
    cluster.advance(5_000);
    assert!(coordinator(&mut cluster, 1, "g").is_ok());
}
