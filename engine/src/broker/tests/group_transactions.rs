//! Offsets that are committed in transactions.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use kafka_protocol::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use kafka_protocol::messages::{
    ApiKey, OffsetFetchRequest, OffsetFetchResponse, TransactionalId, TxnOffsetCommitRequest,
    TxnOffsetCommitResponse, WriteTxnMarkersResponse,
};

use super::group_world::*;
use super::transactions::{COORDINATOR_EPOCH, PRODUCER, marker, markers_request};
use super::world::{CLIENT, Disk, World, name, not_applied};
use crate::{NotAppliedReason, StorageOp};

const CONFIGS: [(&str, &str); 3] =
    [NO_DELAY, ("offsets.topic.num.partitions", "1"), ("headwater.offsets.max.dirty.bytes", "1000")];

/// A broker whose groups are all in one log.
fn one_log() -> World {
    let mut world = World::over(Disk::default(), &CONFIGS);
    world.create("t", 2, &[]);
    find_coordinator(&mut world, "g");
    world
}

pub(super) fn txn_commit_request(
    (member_id, generation): (&str, i32),
    producer: (i64, i16),
    offsets: &[(&str, i32, i64)],
) -> TxnOffsetCommitRequest {
    let topics = offsets.iter().map(|(topic, partition, offset)| {
        let partition = TxnOffsetCommitRequestPartition::default()
            .with_partition_index(*partition)
            .with_committed_offset(*offset)
            .with_committed_metadata(Some(text("note")));
        TxnOffsetCommitRequestTopic::default().with_name(name(topic)).with_partitions(vec![partition])
    });
    TxnOffsetCommitRequest::default()
        .with_transactional_id(TransactionalId(text("tx")))
        .with_group_id(group("g"))
        .with_producer_id(producer.0.into())
        .with_producer_epoch(producer.1)
        .with_member_id(text(member_id))
        .with_generation_id(generation)
        .with_topics(topics.collect())
}

fn codes(response: &TxnOffsetCommitResponse) -> Vec<i16> {
    let partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
    partitions.map(|partition| partition.error_code).collect()
}

fn txn_commit(world: &mut World, producer: (i64, i16), offsets: &[(&str, i32, i64)]) -> Vec<i16> {
    codes(&world.ask(ApiKey::TxnOffsetCommit, 3, &txn_commit_request(("", -1), producer, offsets)))
}

fn end(world: &mut World, producer: (i64, i16), commit: bool) -> i16 {
    let request = markers_request("__consumer_offsets", &[0], marker(producer, COORDINATOR_EPOCH, commit));
    let response: WriteTxnMarkersResponse = world.ask(ApiKey::WriteTxnMarkers, 1, &request);
    response.markers[0].topics[0].partitions[0].error_code
}

/// The stable offset of a partition, or the error; asked for by name and as one of all.
fn stable(world: &mut World, topic: &str, partition: i32) -> Result<i64, i16> {
    let mut answers = Vec::new();
    for by_name in [true, false] {
        let named = OffsetFetchRequestTopics::default()
            .with_name(name(topic))
            .with_partition_indexes(vec![partition]);
        let asked = OffsetFetchRequestGroup::default()
            .with_group_id(group("g"))
            .with_topics(by_name.then(|| vec![named]));
        let request = OffsetFetchRequest::default().with_groups(vec![asked]).with_require_stable(true);
        let response: OffsetFetchResponse = world.ask(ApiKey::OffsetFetch, 8, &request);
        let topics = response.groups[0].topics.iter().filter(|of| &of.name[..] == topic);
        let mut partitions = topics.flat_map(|topic| &topic.partitions);
        let answer = partitions.find(|of| of.partition_index == partition);
        answers.push(answer.map_or(Ok(-1), |answer| match answer.error_code {
            0 => Ok(answer.committed_offset),
            code => Err(code),
        }));
    }
    assert_eq!(answers[0], answers[1]);
    answers[0]
}

const UNSTABLE: Result<i64, i16> = Err(88);

#[test]
fn offsets_of_a_transaction_count_when_it_commits_and_never_if_it_aborts() {
    for restart in [false, true] {
        let mut world = one_log();
        commit(&mut world, "g", &[("t", 0, 5)]);
        for (epoch, commits, before, after) in [(0, false, 5, 5), (1, true, 5, 9)] {
            assert_eq!(txn_commit(&mut world, (PRODUCER, epoch), &[("t", 0, 9), ("t", 1, 7)]), [0, 0]);
            if restart {
                world = world.restarted(&CONFIGS);
            }
            assert_eq!(fetch_offset(&mut world, "g", "t", 0), before);
            assert_eq!(stable(&mut world, "t", 0), UNSTABLE);
            assert_eq!(stable(&mut world, "t", 1), UNSTABLE);
            assert_eq!(end(&mut world, (PRODUCER, epoch), commits), 0);
            assert_eq!(stable(&mut world, "t", 0), Ok(after));
            assert_eq!(stable(&mut world, "t", 1), Ok(if commits { 7 } else { -1 }));
        }
        world = world.restarted(&CONFIGS);
        assert_eq!(stable(&mut world, "t", 0), Ok(9));
        assert_eq!(stable(&mut world, "t", 1), Ok(7));
    }
}

#[test]
fn nothing_is_decided_by_a_marker_that_is_not_stored() {
    let mut world = one_log();
    txn_commit(&mut world, (PRODUCER, 0), &[("t", 0, 9)]);
    world.hold_appends = true;
    let request = markers_request("__consumer_offsets", &[0], marker((PRODUCER, 0), COORDINATOR_EPOCH, true));
    let waiting = world.send(CLIENT, ApiKey::WriteTxnMarkers, 1, &request);
    assert!(world.answers.is_empty());
    world.release(Some(not_applied(NotAppliedReason::Full)));
    let response: WriteTxnMarkersResponse = world.answer(ApiKey::WriteTxnMarkers, 1, waiting);
    assert_ne!(response.markers[0].topics[0].partitions[0].error_code, 0);
    assert_eq!(stable(&mut world, "t", 0), UNSTABLE);
    world.hold_appends = false;
    end(&mut world, (PRODUCER, 0), true);
    assert_eq!(stable(&mut world, "t", 0), Ok(9));
}

#[test]
fn a_commit_outside_of_a_transaction_is_later_than_what_the_transaction_has() {
    for restart in [false, true] {
        let mut world = one_log();
        txn_commit(&mut world, (PRODUCER, 0), &[("t", 0, 9), ("t", 1, 7)]);
        commit(&mut world, "g", &[("t", 0, 11)]);
        end(&mut world, (PRODUCER, 0), true);
        if restart {
            world = world.restarted(&CONFIGS);
        }
        assert_eq!(stable(&mut world, "t", 0), Ok(11));
        assert_eq!(stable(&mut world, "t", 1), Ok(7));
    }
}

#[test]
fn members_say_who_they_are_from_version_3_on() {
    let mut world = one_log();
    let member_id = single_member(&mut world, "g");
    let mut ask = |who: (&str, i32), version| {
        let request = txn_commit_request(who, (PRODUCER, 0), &[("t", 0, 1)]);
        codes(&world.ask(ApiKey::TxnOffsetCommit, version, &request))[0]
    };
    assert_eq!(ask((&member_id, 1), 3), 0);
    assert_eq!(ask((&member_id, 7), 3), ResponseError::IllegalGeneration.code());
    assert_eq!(ask(("nobody", 1), 3), ResponseError::UnknownMemberId.code());
    assert_eq!(ask(("", -1), 2), 0, "earlier versions cannot say it");
}

#[test]
fn a_replaced_producer_may_not_commit_offsets() {
    let mut world = one_log();
    txn_commit(&mut world, (PRODUCER, 0), &[("t", 0, 9)]);
    end(&mut world, (PRODUCER, 1), false);
    assert_eq!(
        txn_commit(&mut world, (PRODUCER, 0), &[("t", 0, 10)]),
        [ResponseError::InvalidProducerEpoch.code()]
    );
    assert_eq!(
        txn_commit(&mut world, (-1, 0), &[("t", 0, 10)]),
        [ResponseError::InvalidProducerIdMapping.code()]
    );
    assert_eq!(
        txn_commit(&mut world, (PRODUCER, 1), &[("t", 0, 10), ("none", 0, 1)]),
        [0, ResponseError::UnknownTopicOrPartition.code()]
    );
}

#[test]
fn a_log_that_is_kept_short_keeps_what_is_not_decided() {
    for commits in [false, true] {
        let mut world = one_log();
        txn_commit(&mut world, (PRODUCER, 2), &[("t", 0, 9), ("t", 1, 7)]);
        for offset in 0..200 {
            // Of the other groups, so that the transaction's partitions are not overtaken.
            assert_eq!(commit(&mut world, "other", &[("t", 0, offset)]), [0]);
        }
        let starts = world.asked.iter().filter(|op| matches!(op, StorageOp::DeleteSegments { .. }));
        assert!(starts.count() > 5);
        let mut world = world.restarted(&CONFIGS);
        assert_eq!(stable(&mut world, "t", 0), UNSTABLE);
        end(&mut world, (PRODUCER, 2), commits);
        for offset in 0..100 {
            commit(&mut world, "other", &[("t", 0, offset)]);
        }
        let mut world = world.restarted(&CONFIGS);
        assert_eq!(stable(&mut world, "t", 0), Ok(if commits { 9 } else { -1 }));
        assert_eq!(stable(&mut world, "t", 1), Ok(if commits { 7 } else { -1 }));
    }
}

#[test]
fn wherever_keeping_it_short_ends_transactions_are_whole() {
    let mut world = one_log();
    txn_commit(&mut world, (PRODUCER, 0), &[("t", 0, 0)]);
    let log = last_appended(&world);
    end(&mut world, (PRODUCER, 0), true);
    let begin = world.asked.len();
    let mut disk = world.disk.clone();
    for round in 1..40 {
        txn_commit(&mut world, (PRODUCER, 0), &[("t", 0, round), ("t", 1, round)]);
        end(&mut world, (PRODUCER, 0), round % 3 != 0);
    }
    let (mut seen, mut last) = (0, 0);
    for (index, op) in world.asked.iter().enumerate().skip(begin) {
        disk.execute(op).unwrap();
        if op.log() != log {
            continue;
        }
        let mut world = World::over(disk.clone(), &CONFIGS);
        let both = [0, 1].map(|partition| fetch_offset(&mut world, "g", "t", partition));
        assert!(both[0] == both[1] || both == [0, -1], "{both:?} after operation {index}: {op:?}");
        assert!(both[0] >= last && (both[0] == 0 || both[0] % 3 != 0), "{both:?} after {index}: {op:?}");
        (seen, last) = (seen + usize::from(both[0] > last), both[0]);
    }
    assert_eq!(seen, 26, "all that were committed were seen");
}

#[test]
fn a_marker_on_its_way_is_copied_as_decided() {
    let mut world = one_log();
    for round in 0..60 {
        let epoch = 0;
        txn_commit(&mut world, (PRODUCER, epoch), &[("t", 0, round)]);
        // Another group's commit may have copies made while the marker is not stored.
        world.hold_appends = true;
        let request = markers_request(
            "__consumer_offsets",
            &[0],
            marker((PRODUCER, epoch), COORDINATOR_EPOCH, round % 2 == 0),
        );
        world.send(CLIENT, ApiKey::WriteTxnMarkers, 1, &request);
        for offset in 0..6 {
            let request = commit_request("other", "", -1, &[("t", 0, offset)]);
            world.send(CLIENT, ApiKey::OffsetCommit, 7, &request);
        }
        while !world.held.is_empty() {
            world.release(None);
        }
        world.answers.clear();
        world.hold_appends = false;
        let expected = Ok(round - round % 2);
        assert_eq!(stable(&mut world, "t", 0), expected);
        if round % 5 == 4 {
            world = world.restarted(&CONFIGS);
            assert_eq!(stable(&mut world, "t", 0), expected, "round {round}");
        }
    }
}
