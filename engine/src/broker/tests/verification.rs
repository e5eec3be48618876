//! What a transaction writes to has to be known to its coordinator (KIP-890).

use kafka_protocol::ResponseError as E;
use kafka_protocol::messages::add_partitions_to_txn_request::AddPartitionsToTxnTransaction;
use kafka_protocol::messages::{
    AddPartitionsToTxnRequest, AddPartitionsToTxnResponse, ApiKey, EndTxnResponse, ProduceResponse,
};

use super::cluster::Cluster;
use super::transactions::transactional_batch;
use super::txn_cluster::{cluster, coordinator, init_at, write_at};
use super::txn_world::*;
use super::world::{CLIENT, OTHER, World, batch, produce_request, produced};
use crate::ConnectionId;

/// Writes a record of a transaction, in a version of Produce.
fn write_in(world: &mut World, version: i16, producer: Producer, partition: i32, sequence: i32) -> i16 {
    let mut request = write_request("tx", producer, partition, sequence);
    if version >= 13 {
        request.topic_data[0].topic_id = world.topic_id("t");
    }
    produced(&world.ask(ApiKey::Produce, version, &request)).0
}

/// How far all is decided in a partition, and how far it goes.
fn stable_and_end(world: &mut World, partition: i32) -> (i64, i64) {
    let response = world.fetch("t", partition, 0);
    let answer = &response.responses[0].partitions[0];
    (answer.last_stable_offset, answer.high_watermark)
}

#[test]
fn a_partition_that_the_coordinator_does_not_know_is_not_written_to() {
    let mut world = world();
    let producer = init(&mut world, "tx").unwrap();
    for (version, error) in [
        (3, E::InvalidTxnState),
        (9, E::InvalidTxnState),
        (10, E::InvalidTxnState),
        (11, E::TransactionAbortable),
    ] {
        assert_eq!(write_in(&mut world, version, producer, 0, 0), error.code(), "version {version}");
    }
    assert_eq!(add(&mut world, "tx", producer, &[("t", 1)]), [0]);
    assert_eq!(write_in(&mut world, 9, producer, 0, 0), E::InvalidTxnState.code(), "it is another partition");
    assert_eq!(write_in(&mut world, 9, producer, 1, 0), 0);
    assert_eq!(stable_and_end(&mut world, 0), (0, 0));
    assert_eq!(add(&mut world, "tx", producer, &[("t", 0)]), [0]);
    for sequence in 0..3 {
        assert_eq!(write_in(&mut world, 9, producer, 0, sequence), 0);
    }
}

#[test]
fn a_record_that_comes_when_its_transaction_has_ended_begins_none() {
    for commit in [true, false] {
        let mut world = world();
        let producer = init(&mut world, "tx").unwrap();
        assert_eq!(add(&mut world, "tx", producer, &[("t", 0)]), [0]);
        assert_eq!(write_in(&mut world, 9, producer, 0, 0), 0);
        assert_eq!(end(&mut world, "tx", producer, commit), 0);
        settle(&mut world);
        assert_eq!(write_in(&mut world, 9, producer, 0, 1), E::InvalidTxnState.code());
        assert_eq!(write_in(&mut world, 9, producer, 0, 0), 0, "that is the first one once more");
        assert_eq!(stable_and_end(&mut world, 0), (2, 2));
    }
}

#[test]
fn without_verification_it_begins_one_that_nobody_ends() {
    let mut world = world_with(&[("transaction.partition.verification.enable", "false")]);
    let producer = init(&mut world, "tx").unwrap();
    assert_eq!(write_in(&mut world, 9, producer, 0, 0), 0);
    for _ in 0..100 {
        settle(&mut world);
    }
    assert_eq!(stable_and_end(&mut world, 0), (0, 1), "its time-out is over, and it is open still");
}

#[test]
fn a_producer_is_told_why_in_its_own_terms() {
    let mut world = world();
    assert_eq!(
        write_in(&mut world, 9, (7, 0), 0, 0),
        E::InvalidProducerIdMapping.code(),
        "nobody has the id"
    );
    let before = init(&mut world, "tx").unwrap();
    let producer = init(&mut world, "tx").unwrap();
    assert_eq!(write_in(&mut world, 9, before, 0, 0), E::InvalidProducerEpoch.code());
    assert_eq!(write_in(&mut world, 9, (producer.0 + 1, 0), 0, 0), E::InvalidProducerIdMapping.code());
    assert_eq!(add(&mut world, "tx", producer, &[("t", 0)]), [0]);
    world.hold_appends = true;
    let asked = world.send(CLIENT, ApiKey::EndTxn, 3, &end_request("tx", producer, true));
    world.release(None);
    let ended: EndTxnResponse = world.answer(ApiKey::EndTxn, 3, asked);
    assert_eq!(ended.error_code, 0);
    // The marker is on its way, so the next transaction cannot begin yet.
    assert_eq!(write_in(&mut world, 9, producer, 0, 0), E::NotEnoughReplicas.code());
}

#[test]
fn producers_of_transactions_version_2_add_partitions_by_writing() {
    for version in [12, 13] {
        let mut world = world();
        let producer = init(&mut world, "tx").unwrap();
        for partition in 0..2 {
            assert_eq!(write_in(&mut world, version, producer, partition, 0), 0, "version {version}");
            assert_eq!(write_in(&mut world, version, producer, partition, 1), 0);
        }
        assert_eq!(state(&mut world, "tx").unwrap(), "Ongoing");
        assert_eq!(end(&mut world, "tx", producer, true), 0);
        settle(&mut world);
        for partition in 0..2 {
            assert_eq!(stable_and_end(&mut world, partition), (3, 3));
            assert_eq!(markers(&mut world, partition), [(0, true)]);
        }
        init(&mut world, "tx").unwrap();
        assert_eq!(write_in(&mut world, version, producer, 0, 2), E::InvalidProducerEpoch.code());
    }
}

#[test]
fn leaders_ask_every_coordinator_once_for_a_transaction_and_partition() {
    let mut cluster = cluster();
    let mut seen = Vec::new();
    for number in 0..12 {
        let id = format!("tx {number}");
        let node = coordinator(&mut cluster, &id);
        seen.push(node);
        let producer = init_at(&mut cluster, node, &id);
        for (leader, partition) in [(0, 0), (1, 1), (2, 2)] {
            let before = asked(&mut cluster, leader);
            assert_eq!(
                write_at(&mut cluster, leader, &id, producer, partition, 0),
                E::InvalidTxnState.code()
            );
            assert_eq!(add(&mut cluster.worlds[node], &id, producer, &[("t", partition)]), [0]);
            for sequence in 0..3 {
                assert_eq!(write_at(&mut cluster, leader, &id, producer, partition, sequence), 0);
            }
            let questions = asked(&mut cluster, leader) - before;
            assert_eq!(questions, if leader == node { 0 } else { 2 }, "refused once, then taken once");
        }
        assert_eq!(end(&mut cluster.worlds[node], &id, producer, number % 2 == 0), 0);
        cluster.run();
        assert_eq!(write_at(&mut cluster, 0, &id, producer, 0, 3), E::InvalidTxnState.code());
    }
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen, [0, 1, 2]);
}

/// How many requests a broker has held for a coordinator.
fn asked(cluster: &mut Cluster, node: usize) -> u64 {
    cluster.worlds[node].broker.verifications.next
}

#[test]
fn what_stands_behind_a_request_waits_with_it() {
    let mut cluster = cluster();
    let (id, node) = coordinated_elsewhere(&mut cluster);
    let producer = init_at(&mut cluster, node, &id);
    assert_eq!(add(&mut cluster.worlds[node], &id, producer, &[("t", 0)]), [0]);
    let leader = &mut cluster.worlds[0];
    let sent: Vec<i32> = (0..3)
        .map(|sequence| leader.send(CLIENT, ApiKey::Produce, 9, &write_request(&id, producer, 0, sequence)))
        .collect();
    assert!(leader.answers.is_empty());
    leader.send(OTHER, ApiKey::Produce, 9, &produce_request("t", 0, batch(&["v"]), -1));
    let (connection, _) = leader.answers.pop_front().expect("another connection is not held up");
    assert_eq!(connection, OTHER);
    cluster.run();
    let leader = &mut cluster.worlds[0];
    for (offset, correlation_id) in (1..).zip(sent) {
        let response: ProduceResponse = leader.answer(ApiKey::Produce, 9, correlation_id);
        assert_eq!(produced(&response), (0, offset));
    }
}

#[test]
fn a_coordinator_that_cannot_be_reached_is_asked_when_the_producer_tries_again() {
    let mut cluster = cluster();
    let (id, node) = coordinated_elsewhere(&mut cluster);
    let producer = init_at(&mut cluster, node, &id);
    assert_eq!(add(&mut cluster.worlds[node], &id, producer, &[("t", 0)]), [0]);
    let again = E::NotEnoughReplicas.code();
    cluster.reachable = false;
    assert_eq!(write_at(&mut cluster, 0, &id, producer, 0, 0), again, "the connection breaks under it");
    assert_eq!(write_at(&mut cluster, 0, &id, producer, 0, 0), again, "and is not there again");
    assert_eq!(write_at(&mut cluster, 0, &id, producer, 0, 1), E::OutOfOrderSequenceNumber.code());
    cluster.reachable = true;
    cluster.advance(3_000);
    assert_eq!(write_at(&mut cluster, 0, &id, producer, 0, 0), 0);
    assert_eq!(write_at(&mut cluster, 0, &id, producer, 0, 1), 0);
}

#[test]
fn a_coordinator_that_says_nothing_is_given_up() {
    let mut cluster = cluster();
    let (id, node) = coordinated_elsewhere(&mut cluster);
    let producer = init_at(&mut cluster, node, &id);
    assert_eq!(add(&mut cluster.worlds[node], &id, producer, &[("t", 0)]), [0]);
    let leader = &mut cluster.worlds[0];
    let sent = leader.send(CLIENT, ApiKey::Produce, 9, &write_request(&id, producer, 0, 0));
    assert!(leader.broker.poll_peer_request().is_some(), "nobody carries it");
    let due = leader.broker.poll_timeout().unwrap();
    assert!(due <= leader.now.monotonic_ms + 5_000, "it is {due}");
    leader.advance(5_001);
    leader.answers.retain(|(connection, _)| *connection == CLIENT);
    let response: ProduceResponse = leader.answer(ApiKey::Produce, 9, sent);
    assert_eq!(produced(&response).0, E::NotEnoughReplicas.code());
}

/// The coordinator says that the partition is part of the transaction, then the transaction ends, and the leader hears of
/// that first.
#[test]
fn what_a_coordinator_has_said_holds_until_the_transaction_ends() {
    for commit in [true, false] {
        let mut cluster = cluster();
        let ids = (0..).map(|number| format!("tx {number}"));
        let id = ids.into_iter().find(|id| coordinator(&mut cluster, id) == 1).unwrap();
        let producer = init_at(&mut cluster, 1, &id);
        assert_eq!(add(&mut cluster.worlds[1], &id, producer, &[("t", 2)]), [0]);
        let leader = &mut cluster.worlds[2];
        let sent = leader.send(CLIENT, ApiKey::Produce, 9, &write_request(&id, producer, 2, 0));
        let (peer, question) = leader.broker.poll_peer_request().expect("it asks");
        assert_eq!(peer, 1);
        let known = &mut cluster.worlds[1];
        known.broker.handle_request(known.now, ConnectionId(77), question);
        known.run();
        let (_, answer) = known.answers.pop_back().expect("it answers");
        assert_eq!(end(known, &id, producer, commit), 0);
        cluster.run();
        let leader = &mut cluster.worlds[2];
        leader.broker.handle_peer_response(leader.now, 1, answer);
        leader.run();
        let response: ProduceResponse = leader.answer(ApiKey::Produce, 9, sent);
        assert_eq!(produced(&response).0, E::InvalidTxnState.code());
        assert_eq!(markers(leader, 2), [(0, commit)]);
        assert_eq!(stable_and_end(leader, 2), (1, 1));
    }
}

#[test]
fn a_leader_adds_partitions_to_the_transactions_of_other_coordinators() {
    let mut cluster = cluster();
    for number in 0..6 {
        let id = format!("tx {number}");
        let node = coordinator(&mut cluster, &id);
        let producer = init_at(&mut cluster, node, &id);
        for leader in 0..3 {
            let request = write_request(&id, producer, leader as i32, 0);
            let response: ProduceResponse = cluster.ask(leader, ApiKey::Produce, 12, &request);
            assert_eq!(produced(&response).0, 0);
        }
        assert_eq!(state(&mut cluster.worlds[node], &id).unwrap(), "Ongoing");
        assert_eq!(end(&mut cluster.worlds[node], &id, producer, true), 0);
        cluster.run();
        for leader in 0..3 {
            let (stable, end) = stable_and_end(&mut cluster.worlds[leader], leader as i32);
            assert_eq!((stable, end), (2 * (number + 1), 2 * (number + 1)));
        }
    }
}

fn codes(
    world: &mut World,
    version: i16,
    transactions: Vec<AddPartitionsToTxnTransaction>,
) -> Vec<(String, i16)> {
    let request = AddPartitionsToTxnRequest::default().with_transactions(transactions);
    let response: AddPartitionsToTxnResponse = world.ask(ApiKey::AddPartitionsToTxn, version, &request);
    assert_eq!(response.error_code, 0);
    let results = response.results_by_transaction.iter().map(|result| {
        let answer = &result.topic_results[0].results_by_partition[0];
        (result.transactional_id.to_string(), answer.partition_error_code)
    });
    results.collect()
}

#[test]
fn whoever_asks_in_the_versions_of_brokers_is_answered_for_each_transaction() {
    let mut world = world();
    let (one, two) = (init(&mut world, "one").unwrap(), init(&mut world, "two").unwrap());
    let answered = |id: &str, error: i16| (id.to_owned(), error);
    let abortable = E::TransactionAbortable.code();
    for version in [4, 5] {
        let partition = i32::from(version) - 4;
        let (verify_one, verify_two) =
            (transaction("one", one, true, partition), transaction("two", two, true, partition));
        let both = vec![verify_one.clone(), verify_two.clone()];
        assert_eq!(
            codes(&mut world, version, both.clone()),
            [answered("one", abortable), answered("two", abortable)]
        );
        let add = transaction("one", one, false, partition);
        assert_eq!(codes(&mut world, version, vec![add.clone()]), [answered("one", 0)]);
        assert_eq!(codes(&mut world, version, both), [answered("one", 0), answered("two", abortable)]);
        let mixed = codes(&mut world, version, vec![add, verify_one]);
        assert_eq!(mixed, [answered("one", E::InvalidRequest.code()), answered("one", 0)]);
        assert_eq!(codes(&mut world, version, Vec::new()), []);
    }
    let nowhere = codes(&mut world, 5, vec![transaction("one", one, false, 9)]);
    assert_eq!(nowhere, [answered("one", E::UnknownTopicOrPartition.code())]);
    let fenced = codes(&mut world, 5, vec![transaction("one", (one.0, one.1 + 1), true, 0)]);
    assert_eq!(fenced, [answered("one", E::ProducerFenced.code())]);
}

#[test]
fn a_request_has_batches_of_one_producer() {
    let mut world = world();
    let producer = init(&mut world, "tx").unwrap();
    let other = init(&mut world, "other").unwrap();
    assert_eq!(add(&mut world, "tx", producer, &[("t", 0), ("t", 1)]), [0, 0]);
    let mut request = write_request("tx", producer, 0, 0);
    let second = produce_request("t", 1, transactional_batch(other, 0, &["v"]), -1);
    request.topic_data.extend(second.topic_data);
    let response: ProduceResponse = world.ask(ApiKey::Produce, 9, &request);
    let errors: Vec<i16> =
        response.responses.iter().map(|topic| topic.partition_responses[0].error_code).collect();
    assert_eq!(errors, [0, E::InvalidProducerIdMapping.code()]);
}

/// A transactional id that broker 0 does not coordinate, and who does.
fn coordinated_elsewhere(cluster: &mut Cluster) -> (String, usize) {
    let ids = (0..).map(|number| format!("tx {number}"));
    ids.into_iter()
        .map(|id| (coordinator(cluster, &id), id))
        .find(|(node, _)| *node != 0)
        .map(|(n, i)| (i, n))
        .unwrap()
}
