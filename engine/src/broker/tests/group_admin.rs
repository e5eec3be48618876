//! Describing, listing and deleting groups and offsets, and what expires by itself.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::offset_delete_request::{
    OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use kafka_protocol::messages::{
    ApiKey, DeleteGroupsRequest, DeleteGroupsResponse, DescribeGroupsRequest, DescribeGroupsResponse,
    JoinGroupResponse, LeaveGroupRequest, LeaveGroupResponse, ListGroupsRequest, ListGroupsResponse,
    OffsetCommitResponse, OffsetDeleteRequest, OffsetDeleteResponse, SyncGroupResponse,
};

use super::group_world::*;
use super::world::{CLIENT, Disk, World, name, not_applied};
use crate::{ConnectionId, NotAppliedReason};

fn delete_groups(world: &mut World, ids: &[&str]) -> Vec<i16> {
    let request = DeleteGroupsRequest::default().with_groups_names(ids.iter().map(|id| group(id)).collect());
    let response: DeleteGroupsResponse = world.ask(ApiKey::DeleteGroups, 2, &request);
    deleted(&response)
}

fn deleted(response: &DeleteGroupsResponse) -> Vec<i16> {
    response.results.iter().map(|result| result.error_code).collect()
}

fn delete_offset(world: &mut World, id: &str, topic: &str, partition: i32) -> (i16, i16) {
    let partition = OffsetDeleteRequestPartition::default().with_partition_index(partition);
    let topic = OffsetDeleteRequestTopic::default().with_name(name(topic)).with_partitions(vec![partition]);
    let request = OffsetDeleteRequest::default().with_group_id(group(id)).with_topics(vec![topic]);
    let response: OffsetDeleteResponse = world.ask(ApiKey::OffsetDelete, 0, &request);
    let partition = response.topics.first().map_or(0, |topic| topic.partitions[0].error_code);
    (response.error_code, partition)
}

fn leave(world: &mut World, id: &str, member_id: &str) {
    let request = LeaveGroupRequest::default().with_group_id(group(id)).with_member_id(text(member_id));
    let response: LeaveGroupResponse = world.ask(ApiKey::LeaveGroup, 1, &request);
    assert_eq!(response.error_code, 0);
}

#[test]
fn groups_are_described() {
    let mut world = world();
    let member_id = single_member(&mut world, "g");
    commit(&mut world, "simple", &[("t", 0, 1)]);
    let request = DescribeGroupsRequest::default().with_groups(["g", "simple", "none"].map(group).to_vec());
    let response: DescribeGroupsResponse = world.ask(ApiKey::DescribeGroups, 5, &request);
    let [described, simple, none] = &response.groups[..] else {
        panic!("three groups");
    };
    assert_eq!((&described.group_state[..], &described.protocol_data[..]), ("Stable", "range"));
    let member = &described.members[0];
    assert_eq!((&member.member_id[..], &member.client_id[..]), (&member_id[..], "test"));
    assert!(!member.member_metadata.is_empty() && !member.member_assignment.is_empty());
    assert_eq!((&simple.group_state[..], &simple.protocol_type[..]), ("Empty", ""));
    assert_eq!((&none.group_state[..], none.error_code), ("Dead", 0));
    let response: DescribeGroupsResponse = world.ask(ApiKey::DescribeGroups, 6, &request);
    assert_eq!(response.groups[2].error_code, ResponseError::GroupIdNotFound.code());
    assert!(response.groups[2].error_message.is_some());
}

#[test]
fn groups_are_listed_by_state_and_type() {
    let mut world = world();
    single_member(&mut world, "stable");
    commit(&mut world, "simple", &[("t", 0, 1)]);
    let list = |world: &mut World, states: &[&str], types: &[&str]| -> Vec<String> {
        let request = ListGroupsRequest::default()
            .with_states_filter(states.iter().map(|state| text(state)).collect())
            .with_types_filter(types.iter().map(|kind| text(kind)).collect());
        let response: ListGroupsResponse = world.ask(ApiKey::ListGroups, 5, &request);
        assert_eq!(response.error_code, 0);
        response.groups.iter().map(|group| group.group_id.to_string()).collect()
    };
    assert_eq!(list(&mut world, &[], &[]), ["simple", "stable"]);
    assert_eq!(list(&mut world, &["empty"], &[]), ["simple"]);
    assert_eq!(list(&mut world, &["Stable", "Dead"], &["Classic"]), ["stable"]);
    assert_eq!(list(&mut world, &[], &["consumer"]), Vec::<String>::new());
}

#[test]
fn an_empty_group_is_deleted_with_its_offsets() {
    let mut world = world();
    let member_id = single_member(&mut world, "g");
    let request = commit_request("g", &member_id, 1, &[("t", 0, 5)]);
    let _: OffsetCommitResponse = world.ask(ApiKey::OffsetCommit, 7, &request);
    commit(&mut world, "simple", &[("t", 0, 1)]);
    let (non_empty, not_found) = (ResponseError::NonEmptyGroup.code(), ResponseError::GroupIdNotFound.code());
    assert_eq!(delete_groups(&mut world, &["g", "none", "simple"]), [non_empty, not_found, 0]);
    leave(&mut world, "g", &member_id);
    assert_eq!(delete_groups(&mut world, &["g"]), [0]);
    assert_eq!(states(&world), []);
    assert_eq!(fetch_offset(&mut world, "g", "t", 0), -1);
    let world = world.restarted(&[]);
    assert_eq!(states(&world), []);
}

#[test]
fn a_group_is_deleted_with_the_commit_that_was_on_its_way() {
    let mut world = world();
    commit(&mut world, "g", &[("t", 0, 5)]);
    world.hold_appends = true;
    let other = ConnectionId(2);
    let on_its_way = world.send(other, ApiKey::OffsetCommit, 7, &commit_request("g", "", -1, &[("t", 1, 5)]));
    let request = DeleteGroupsRequest::default().with_groups_names(vec![group("g")]);
    let delete = world.send(CLIENT, ApiKey::DeleteGroups, 2, &request);
    let meanwhile = join(&mut world, other, "g", "");
    world.release(None);
    let _: OffsetCommitResponse = world.answer(ApiKey::OffsetCommit, 7, on_its_way);
    assert_eq!(joined(&mut world, meanwhile).error_code, ResponseError::CoordinatorNotAvailable.code());
    world.release(None);
    let response: DeleteGroupsResponse = world.answer(ApiKey::DeleteGroups, 2, delete);
    assert_eq!(deleted(&response), [0]);
    world.hold_appends = false;
    assert_eq!(fetch_offset(&mut world, "g", "t", 1), -1);
    let world = world.restarted(&[]);
    assert_eq!(states(&world), []);
}

#[test]
fn a_group_that_cannot_be_deleted_goes_on() {
    let mut world = world();
    commit(&mut world, "g", &[("t", 0, 5)]);
    world.hold_appends = true;
    let request = DeleteGroupsRequest::default().with_groups_names(vec![group("g")]);
    let delete = world.send(CLIENT, ApiKey::DeleteGroups, 2, &request);
    world.release(Some(not_applied(NotAppliedReason::Full)));
    let response: DeleteGroupsResponse = world.answer(ApiKey::DeleteGroups, 2, delete);
    assert_eq!(deleted(&response), [ResponseError::KafkaStorageError.code()]);
    world.hold_appends = false;
    assert_eq!(fetch_offset(&mut world, "g", "t", 0), 5);
    assert_eq!(commit(&mut world, "g", &[("t", 0, 6)]), [0]);
}

#[test]
fn offsets_are_deleted_one_by_one_unless_they_are_in_use() {
    let mut world = world();
    world.create("other", 1, &[]);
    let member_id = single_member(&mut world, "g");
    let request = commit_request("g", &member_id, 1, &[("t", 0, 5), ("other", 0, 6)]);
    let _: OffsetCommitResponse = world.ask(ApiKey::OffsetCommit, 7, &request);
    assert_eq!(delete_offset(&mut world, "g", "t", 0), (0, ResponseError::GroupSubscribedToTopic.code()));
    assert_eq!(delete_offset(&mut world, "g", "other", 0), (0, 0));
    assert_eq!(fetch_offset(&mut world, "g", "other", 0), -1);
    let unknown = ResponseError::UnknownTopicOrPartition.code();
    assert_eq!(delete_offset(&mut world, "g", "none", 0), (0, unknown));
    assert_eq!(delete_offset(&mut world, "none", "t", 0), (ResponseError::GroupIdNotFound.code(), 0));
    leave(&mut world, "g", &member_id);
    assert_eq!(delete_offset(&mut world, "g", "t", 0), (0, 0));
    let mut world = world.restarted(&[]);
    assert_eq!(fetch_offset(&mut world, "g", "t", 0), -1);
}

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

#[test]
fn offsets_expire_after_a_week_without_members() {
    let mut world = world();
    let member_id = single_member(&mut world, "g");
    let request = commit_request("g", &member_id, 1, &[("t", 0, 5)]);
    let _: OffsetCommitResponse = world.ask(ApiKey::OffsetCommit, 7, &request);
    commit(&mut world, "simple", &[("t", 0, 1)]);
    let start = world.now.monotonic_ms;
    // It lives on for eight days.
    while world.now.monotonic_ms < start + 8 * DAY_MS {
        let until = world.now.monotonic_ms + 9_000_000;
        world.now.wall_ms += 9_000_000;
        world.now.monotonic_ms = until;
        assert_eq!(heartbeat(&mut world, "g", &member_id, 1), 0);
        world.broker.handle_timeout(world.now);
        world.run();
    }
    assert_eq!(states(&world), [("g".to_owned(), "Stable")], "the other was not used for a week");
    leave(&mut world, "g", &member_id);
    let left = world.now.monotonic_ms;
    pass_until(&mut world, left + 7 * DAY_MS - 1);
    assert_eq!(fetch_offset(&mut world, "g", "t", 0), 5);
    // The next check is within ten minutes; the group goes with its offsets, at the check after.
    pass_until(&mut world, left + 7 * DAY_MS + 2 * 600_000);
    assert_eq!(states(&world), []);
    let world = world.restarted(&[]);
    assert_eq!(states(&world), []);
}

#[test]
fn a_week_goes_on_through_a_restart() {
    let configs = [NO_DELAY, FEW_PARTITIONS, ("offsets.retention.minutes", "60")];
    let mut world = World::over(Disk::default(), &configs);
    world.create("t", 2, &[]);
    find_coordinator(&mut world, "g");
    let member_id = single_member(&mut world, "g");
    let request = commit_request("g", &member_id, 1, &[("t", 0, 5)]);
    let _: OffsetCommitResponse = world.ask(ApiKey::OffsetCommit, 7, &request);
    leave(&mut world, "g", &member_id);
    let wall_ms = world.now.wall_ms;
    let mut world = world.restarted(&configs);
    world.now.wall_ms = wall_ms + 40 * 60_000;
    let until = world.now.monotonic_ms + 11 * 60_000;
    pass_until(&mut world, until);
    assert_eq!(fetch_offset(&mut world, "g", "t", 0), 5);
    pass_until(&mut world, until + 20 * 60_000);
    assert_eq!(fetch_offset(&mut world, "g", "t", 0), -1);
}

#[test]
fn an_old_client_says_itself_how_long_its_offsets_are_kept() {
    let mut world = world();
    let mut request = commit_request("g", "", -1, &[("t", 0, 5)]);
    request.retention_time_ms = 3_600_000;
    let response: OffsetCommitResponse = world.ask(ApiKey::OffsetCommit, 4, &request);
    assert_eq!(committed(&response), [0]);
    commit(&mut world, "g", &[("t", 1, 6)]);
    let start = world.now.monotonic_ms;
    pass_until(&mut world, start + 3_000_000);
    assert_eq!(fetch_offset(&mut world, "g", "t", 0), 5);
    pass_until(&mut world, start + 4_300_000);
    assert_eq!(fetch_offset(&mut world, "g", "t", 0), -1);
    assert_eq!(fetch_offset(&mut world, "g", "t", 1), 6);
}

#[test]
fn a_topic_that_members_no_longer_read_is_forgotten_in_time() {
    let mut world =
        World::over(Disk::default(), &[NO_DELAY, FEW_PARTITIONS, ("offsets.retention.minutes", "60")]);
    world.create("t", 1, &[]);
    world.create("earlier", 1, &[]);
    find_coordinator(&mut world, "g");
    let member_id = single_member(&mut world, "g");
    let request = commit_request("g", &member_id, 1, &[("t", 0, 5), ("earlier", 0, 6)]);
    let _: OffsetCommitResponse = world.ask(ApiKey::OffsetCommit, 7, &request);
    for _ in 0..500 {
        let until = world.now.monotonic_ms + 9_000;
        pass_until(&mut world, until);
        assert_eq!(heartbeat(&mut world, "g", &member_id, 1), 0);
    }
    assert_eq!(fetch_offset(&mut world, "g", "t", 0), 5);
    assert_eq!(fetch_offset(&mut world, "g", "earlier", 0), -1);
}

#[test]
fn a_static_member_restarts_without_a_rebalance() {
    let mut world = world();
    let request = join_request("g", "").with_group_instance_id(Some(text("one")));
    let response: JoinGroupResponse = world.ask(ApiKey::JoinGroup, 5, &request);
    let first = response.member_id.to_string();
    assert!(first.starts_with("one-"));
    let sync = sync_request("g", &first, 1, &[&first]).with_group_instance_id(Some(text("one")));
    let _: SyncGroupResponse = world.ask(ApiKey::SyncGroup, 3, &sync);
    let response: JoinGroupResponse = world.ask(ApiKey::JoinGroup, 5, &request);
    assert_eq!((response.error_code, response.generation_id), (0, 1));
    let second = response.member_id.to_string();
    let sync = sync_request("g", &second, 1, &[]).with_group_instance_id(Some(text("one")));
    let response: SyncGroupResponse = world.ask(ApiKey::SyncGroup, 3, &sync);
    assert!(!response.assignment.is_empty());
    let stale = commit_request("g", &first, 1, &[("t", 0, 1)]).with_group_instance_id(Some(text("one")));
    let response: OffsetCommitResponse = world.ask(ApiKey::OffsetCommit, 7, &stale);
    assert_eq!(committed(&response), [ResponseError::FencedInstanceId.code()]);
}
