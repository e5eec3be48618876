//! What tests of groups ask a broker.

use bytes::Bytes;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{
    ApiKey, FindCoordinatorRequest, FindCoordinatorResponse, GroupId, HeartbeatRequest, HeartbeatResponse,
    JoinGroupRequest, JoinGroupResponse, OffsetCommitRequest, OffsetCommitResponse, OffsetFetchRequest,
    OffsetFetchResponse, SyncGroupRequest, SyncGroupResponse,
};
use kafka_protocol::protocol::StrBytes;

use super::world::{CLIENT, Disk, World, name};
use crate::{ConnectionId, LogId, StorageOp};

pub(super) const NO_DELAY: (&str, &str) = ("group.initial.rebalance.delay.ms", "0");
pub(super) const FEW_PARTITIONS: (&str, &str) = ("offsets.topic.num.partitions", "3");

/// A broker that has a coordinator, and a topic `t` of two partitions.
pub(super) fn world() -> World {
    let mut world = World::over(Disk::default(), &[NO_DELAY, FEW_PARTITIONS]);
    world.create("t", 2, &[]);
    find_coordinator(&mut world, "g");
    world
}

pub(super) fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

pub(super) fn group(id: &str) -> GroupId {
    GroupId(text(id))
}

pub(super) fn find_coordinator(world: &mut World, id: &str) -> FindCoordinatorResponse {
    let request = FindCoordinatorRequest::default().with_coordinator_keys(vec![text(id)]);
    let response: FindCoordinatorResponse = world.ask(ApiKey::FindCoordinator, 4, &request);
    assert_eq!(response.coordinators[0].error_code, 0);
    response
}

pub(super) fn join_request(id: &str, member_id: &str) -> JoinGroupRequest {
    // A subscription to t, in version 0.
    let metadata = Bytes::from_static(b"\0\0\0\0\0\x01\0\x01t\xff\xff\xff\xff");
    JoinGroupRequest::default()
        .with_group_id(group(id))
        .with_session_timeout_ms(10_000)
        .with_rebalance_timeout_ms(30_000)
        .with_member_id(text(member_id))
        .with_protocol_type(text("consumer"))
        .with_protocols(vec![
            JoinGroupRequestProtocol::default().with_name(text("range")).with_metadata(metadata),
        ])
}

/// Joins in version 3, which needs no id first.
pub(super) fn join(world: &mut World, connection: ConnectionId, id: &str, member_id: &str) -> i32 {
    world.send(connection, ApiKey::JoinGroup, 3, &join_request(id, member_id))
}

pub(super) fn joined(world: &mut World, correlation_id: i32) -> JoinGroupResponse {
    world.answer(ApiKey::JoinGroup, 3, correlation_id)
}

pub(super) fn sync_request(
    id: &str,
    member_id: &str,
    generation: i32,
    assigned: &[&str],
) -> SyncGroupRequest {
    // Partition 1 of t, in version 0.
    let assignment = Bytes::from_static(b"\0\0\0\0\0\x01\0\x01t\0\0\0\x01\0\0\0\x01\xff\xff\xff\xff");
    let assignments = assigned.iter().map(|member| {
        SyncGroupRequestAssignment::default().with_member_id(text(member)).with_assignment(assignment.clone())
    });
    SyncGroupRequest::default()
        .with_group_id(group(id))
        .with_member_id(text(member_id))
        .with_generation_id(generation)
        .with_assignments(assignments.collect())
}

/// A member of generation 1, alone and with an assignment; its id.
pub(super) fn single_member(world: &mut World, id: &str) -> String {
    let correlation_id = join(world, CLIENT, id, "");
    let response = joined(world, correlation_id);
    assert_eq!(response.error_code, 0);
    let member_id = response.member_id.to_string();
    let request = sync_request(id, &member_id, response.generation_id, &[&member_id]);
    let response: SyncGroupResponse = world.ask(ApiKey::SyncGroup, 3, &request);
    assert_eq!(response.error_code, 0);
    member_id
}

pub(super) fn heartbeat(world: &mut World, id: &str, member_id: &str, generation: i32) -> i16 {
    let request = HeartbeatRequest::default()
        .with_group_id(group(id))
        .with_member_id(text(member_id))
        .with_generation_id(generation);
    let response: HeartbeatResponse = world.ask(ApiKey::Heartbeat, 3, &request);
    response.error_code
}

pub(super) fn commit_request(
    id: &str,
    member_id: &str,
    generation: i32,
    offsets: &[(&str, i32, i64)],
) -> OffsetCommitRequest {
    let topics = offsets.iter().map(|(topic, partition, offset)| {
        OffsetCommitRequestTopic::default().with_name(name(topic)).with_partitions(vec![
            OffsetCommitRequestPartition::default()
                .with_partition_index(*partition)
                .with_committed_offset(*offset)
                .with_committed_metadata(Some(text("note"))),
        ])
    });
    OffsetCommitRequest::default()
        .with_group_id(group(id))
        .with_member_id(text(member_id))
        .with_generation_id_or_member_epoch(generation)
        .with_topics(topics.collect())
}

pub(super) fn committed(response: &OffsetCommitResponse) -> Vec<i16> {
    let partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
    partitions.map(|partition| partition.error_code).collect()
}

/// Commits as a client that assigns partitions to itself.
pub(super) fn commit(world: &mut World, id: &str, offsets: &[(&str, i32, i64)]) -> Vec<i16> {
    let response = world.ask(ApiKey::OffsetCommit, 7, &commit_request(id, "", -1, offsets));
    committed(&response)
}

/// What a group has committed for a partition; -1 is nothing.
pub(super) fn fetch_offset(world: &mut World, id: &str, topic: &str, partition: i32) -> i64 {
    let topics =
        OffsetFetchRequestTopics::default().with_name(name(topic)).with_partition_indexes(vec![partition]);
    let asked = OffsetFetchRequestGroup::default().with_group_id(group(id)).with_topics(Some(vec![topics]));
    let request = OffsetFetchRequest::default().with_groups(vec![asked]);
    let response: OffsetFetchResponse = world.ask(ApiKey::OffsetFetch, 8, &request);
    let answer = &response.groups[0];
    assert_eq!(answer.error_code, 0);
    answer.topics[0].partitions[0].committed_offset
}

/// The log in which a group is kept.
pub(super) fn last_appended(world: &World) -> LogId {
    let append = world.asked.iter().rev().find(|op| matches!(op, StorageOp::Append { .. }));
    append.unwrap().log()
}

/// Goes on to the moments at which the broker has something to do, as far as `until` on the monotonic clock.
pub(super) fn pass_until(world: &mut World, until: u64) {
    while let Some(due) = world.broker.poll_timeout().filter(|&due| due <= until) {
        world.advance(due.saturating_sub(world.now.monotonic_ms));
    }
    world.advance(until - world.now.monotonic_ms);
}

pub(super) fn states(world: &World) -> Vec<(String, &'static str)> {
    world.broker.groups().map(|group| (group.group_id.to_owned(), group.state)).collect()
}
