//! Transactions over several brokers.

use kafka_protocol::ResponseError as E;
use kafka_protocol::messages::{ApiKey, FindCoordinatorRequest, FindCoordinatorResponse};

use super::cluster::Cluster;
use super::group_world::text;
use super::txn_world::*;
use super::world::{CLIENT, produced};

/// The coordinator of a transactional id, as broker 1 names it.
pub(super) fn coordinator(cluster: &mut Cluster, id: &str) -> usize {
    let request = FindCoordinatorRequest::default().with_key_type(1).with_coordinator_keys(vec![text(id)]);
    let asked = cluster.worlds[1].send(CLIENT, ApiKey::FindCoordinator, 5, &request);
    cluster.run();
    let response: FindCoordinatorResponse = cluster.worlds[1].answer(ApiKey::FindCoordinator, 5, asked);
    assert_eq!(response.coordinators[0].error_code, 0);
    usize::try_from(response.coordinators[0].node_id.0).unwrap()
}

/// Three brokers, each leading a partition of `t`.
pub(super) fn cluster() -> Cluster {
    let mut cluster = Cluster::new(3);
    cluster.create("t", 3);
    cluster
}

/// A producer of an id.
pub(super) fn init_at(cluster: &mut Cluster, node: usize, id: &str) -> Producer {
    initialized(&cluster.ask(node, ApiKey::InitProducerId, 4, &init_request(id, None))).unwrap()
}

/// Writes a record of a transaction.
pub(super) fn write_at(
    cluster: &mut Cluster,
    node: usize,
    id: &str,
    producer: Producer,
    partition: i32,
    sequence: i32,
) -> i16 {
    let request = write_request(id, producer, partition, sequence);
    produced(&cluster.ask(node, ApiKey::Produce, 9, &request)).0
}

/// A producer of an id with a record in each partition.
fn ongoing(cluster: &mut Cluster, node: usize, id: &str) -> Producer {
    let producer = init_at(cluster, node, id);
    let wanted = [("t", 0), ("t", 1), ("t", 2)];
    assert_eq!(add(&mut cluster.worlds[node], id, producer, &wanted), [0, 0, 0]);
    for index in 0..3 {
        assert_eq!(write_at(cluster, index, id, producer, index as i32, 0), 0);
    }
    producer
}

fn all_markers(cluster: &mut Cluster) -> Vec<Vec<(i16, bool)>> {
    (0..3).map(|index| markers(&mut cluster.worlds[index], index as i32)).collect()
}

#[test]
fn every_coordinator_ends_transactions_on_every_broker() {
    let mut cluster = cluster();
    let mut seen = Vec::new();
    for number in 0..12 {
        let id = format!("tx {number}");
        let node = coordinator(&mut cluster, &id);
        seen.push(node);
        let producer = ongoing(&mut cluster, node, &id);
        let before = all_markers(&mut cluster);
        assert_eq!(end(&mut cluster.worlds[node], &id, producer, true), 0);
        // No time passes, though the controller has a Fetch on the same connection.
        cluster.run();
        assert_eq!(state(&mut cluster.worlds[node], &id).unwrap(), "CompleteCommit");
        let after = all_markers(&mut cluster);
        assert!(before.iter().zip(&after).all(|(before, after)| after.len() == before.len() + 1));
        let other = (node + 1) % 3;
        let not_here = E::NotCoordinator.code();
        assert_eq!(init(&mut cluster.worlds[other], &id), Err(not_here));
        assert_eq!(add(&mut cluster.worlds[other], &id, producer, &[("t", 0)]), [not_here]);
        assert_eq!(end(&mut cluster.worlds[other], &id, producer, true), not_here);
        assert_eq!(state(&mut cluster.worlds[other], &id), Err(not_here));
    }
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen, [0, 1, 2]);
}

#[test]
fn a_broker_that_cannot_be_reached_is_told_when_it_can() {
    for commit in [true, false] {
        let mut cluster = cluster();
        let node = coordinator(&mut cluster, "tx");
        let producer = ongoing(&mut cluster, node, "tx");
        cluster.reachable = false;
        assert_eq!(
            end(&mut cluster.worlds[node], "tx", producer, commit),
            0,
            "it is decided without the others"
        );
        for _ in 0..10 {
            cluster.advance(1_000);
        }
        let prepared = if commit { "PrepareCommit" } else { "PrepareAbort" };
        assert_eq!(state(&mut cluster.worlds[node], "tx").unwrap(), prepared);
        assert_eq!(all_markers(&mut cluster)[node], [(0, commit)], "its own partition has it");
        cluster.reachable = true;
        for _ in 0..5 {
            cluster.advance(1_000);
        }
        assert_eq!(all_markers(&mut cluster), vec![vec![(0, commit)]; 3]);
        assert!(state(&mut cluster.worlds[node], "tx").unwrap().starts_with("Complete"));
    }
}

#[test]
fn a_broker_that_cannot_be_reached_is_tried_again_by_the_timer_alone() {
    let mut cluster = cluster();
    let ids = (0..).map(|number| format!("tx {number}"));
    let id = ids.into_iter().find(|id| coordinator(&mut cluster, id) == 0).unwrap();
    let producer = ongoing(&mut cluster, 0, &id);
    cluster.reachable = false;
    assert_eq!(end(&mut cluster.worlds[0], &id, producer, true), 0);
    cluster.run();
    let (now, due) = (cluster.worlds[0].now.monotonic_ms, cluster.worlds[0].broker.poll_timeout().unwrap());
    assert!((now + 1..=now + 2_000).contains(&due), "at {now} the next try is at {due}");
    cluster.reachable = true;
    cluster.advance(due - now);
    assert_eq!(all_markers(&mut cluster), vec![vec![(0, true)]; 3]);
}

#[test]
fn a_coordinator_that_restarts_goes_on_telling() {
    for id in ["a", "b", "c", "d"] {
        let mut cluster = cluster();
        let node = coordinator(&mut cluster, id);
        let producer = ongoing(&mut cluster, node, id);
        cluster.reachable = false;
        assert_eq!(end(&mut cluster.worlds[node], id, producer, true), 0);
        cluster.reachable = true;
        cluster.restart(node);
        for _ in 0..5 {
            cluster.advance(1_000);
        }
        assert_eq!(all_markers(&mut cluster), vec![vec![(0, true)]; 3]);
        assert_eq!(state(&mut cluster.worlds[node], id).unwrap(), "CompleteCommit");
        // And so do the others.
        for node in 0..3 {
            cluster.restart(node);
        }
        cluster.advance(1_000);
        assert_eq!(all_markers(&mut cluster), vec![vec![(0, true)]; 3]);
    }
}

#[test]
fn a_broker_that_has_trouble_with_its_storage_is_told_again() {
    let mut cluster = cluster();
    let node = coordinator(&mut cluster, "tx");
    let producer = ongoing(&mut cluster, node, "tx");
    let other = (node + 1) % 3;
    cluster.worlds[other].hold_appends = true;
    assert_eq!(end(&mut cluster.worlds[node], "tx", producer, true), 0);
    cluster.run();
    // Its answer comes too late, twice.
    for _ in 0..12 {
        cluster.advance(1_000);
    }
    assert_eq!(state(&mut cluster.worlds[node], "tx").unwrap(), "PrepareCommit");
    cluster.worlds[other].hold_appends = false;
    let full = super::world::not_applied(crate::NotAppliedReason::Full);
    cluster.worlds[other].release(Some(full));
    for _ in 0..5 {
        cluster.advance(1_000);
    }
    assert_eq!(all_markers(&mut cluster), vec![vec![(0, true)]; 3]);
    assert_eq!(state(&mut cluster.worlds[node], "tx").unwrap(), "CompleteCommit");
}
