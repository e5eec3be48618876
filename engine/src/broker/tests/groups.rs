//! Consumer groups through their requests: membership, commits, and what of it outlasts a crash.

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestGroup;
use kafka_protocol::messages::{
    ApiKey, CreateTopicsResponse, DeleteTopicsRequest, DeleteTopicsResponse, FindCoordinatorRequest,
    FindCoordinatorResponse, HeartbeatRequest, HeartbeatResponse, JoinGroupResponse, LeaveGroupRequest,
    LeaveGroupResponse, MetadataRequest, MetadataResponse, OffsetCommitResponse, OffsetFetchRequest,
    OffsetFetchResponse, ProduceResponse, SyncGroupResponse,
};

use super::group_world::*;
use super::world::{CLIENT, Disk, World, batch, create_topic, name, not_applied, produce_request};
use crate::{ConnectionId, NotAppliedReason, StorageError, StorageOp};

const OTHER: ConnectionId = ConnectionId(2);

#[test]
fn the_first_who_asks_for_a_coordinator_has_the_offsets_topic_made() {
    let mut world = World::over(Disk::default(), &[FEW_PARTITIONS]);
    let request = FindCoordinatorRequest::default().with_key(text("g"));
    let response: FindCoordinatorResponse = world.ask(ApiKey::FindCoordinator, 2, &request);
    assert_eq!((response.error_code, response.node_id.0, response.port), (0, 0, 9092));
    assert_eq!(&response.host[..], "broker-0");
    let response: MetadataResponse =
        world.ask(ApiKey::Metadata, 12, &MetadataRequest::default().with_topics(None));
    let topic = &response.topics[0];
    assert_eq!(topic.name, Some(name("__consumer_offsets")));
    assert!(topic.is_internal);
    assert_eq!(topic.partitions.len(), 3);
    assert!(world.broker.topics().all(|topic| topic.is_internal));
}

#[test]
fn a_coordinator_is_told_when_its_topic_is_there_and_not_before() {
    let mut world = World::over(Disk::default(), &[FEW_PARTITIONS]);
    world.hold_appends = true;
    let request = FindCoordinatorRequest::default().with_coordinator_keys(vec![text("g"), text("h")]);
    let first = world.send(CLIENT, ApiKey::FindCoordinator, 4, &request);
    let second = world.send(CLIENT, ApiKey::FindCoordinator, 4, &request);
    assert!(world.answers.is_empty());
    assert_eq!(world.held.len(), 1, "it is made once");
    world.release(None);
    for correlation_id in [first, second] {
        let response: FindCoordinatorResponse = world.answer(ApiKey::FindCoordinator, 4, correlation_id);
        assert_eq!(response.coordinators.len(), 2);
        assert!(response.coordinators.iter().all(|coordinator| coordinator.error_code == 0));
    }
}

#[test]
fn a_coordinator_is_told_also_when_another_broker_had_its_topic_made() {
    let mut world = World::over(Disk::default(), &[FEW_PARTITIONS]);
    world.hold_appends = true;
    // As a broker asks that is not the controller.
    let created = world.send(OTHER, ApiKey::CreateTopics, 7, &create_topic("__consumer_offsets", 3, &[]));
    let request = FindCoordinatorRequest::default().with_key(text("g"));
    let correlation_id = world.send(CLIENT, ApiKey::FindCoordinator, 2, &request);
    assert!(world.answers.is_empty());
    world.release(None);
    let response: CreateTopicsResponse = world.answer(ApiKey::CreateTopics, 7, created);
    assert_eq!(response.topics[0].error_code, 0);
    let response: FindCoordinatorResponse = world.answer(ApiKey::FindCoordinator, 2, correlation_id);
    assert_eq!(response.error_code, 0);
}

#[test]
fn without_room_for_its_topic_there_is_no_coordinator() {
    let mut world = World::new();
    world.hold_appends = true;
    for key_type in [0, 1] {
        let request = FindCoordinatorRequest::default().with_key(text("g")).with_key_type(key_type);
        let correlation_id = world.send(CLIENT, ApiKey::FindCoordinator, 2, &request);
        world.release(Some(not_applied(NotAppliedReason::Full)));
        let response: FindCoordinatorResponse = world.answer(ApiKey::FindCoordinator, 2, correlation_id);
        assert_eq!(response.error_code, ResponseError::CoordinatorNotAvailable.code());
    }
    let other = FindCoordinatorRequest::default().with_key(text("g")).with_key_type(2);
    let response: FindCoordinatorResponse = world.ask(ApiKey::FindCoordinator, 2, &other);
    assert_eq!(response.error_code, ResponseError::InvalidRequest.code());
}

#[test]
fn without_a_coordinator_requests_say_so() {
    let mut world = World::new();
    let not_here = ResponseError::NotCoordinator.code();
    assert_eq!(heartbeat(&mut world, "g", "m", 1), not_here);
    let correlation_id = join(&mut world, CLIENT, "g", "");
    assert_eq!(joined(&mut world, correlation_id).error_code, not_here);
}

#[test]
fn two_members_share_and_one_takes_over_where_the_other_left_off() {
    let mut world = world();
    let first = single_member(&mut world, "g");
    let second = join(&mut world, OTHER, "g", "");
    assert!(world.answers.is_empty(), "it waits for the first");
    assert_eq!(heartbeat(&mut world, "g", &first, 1), ResponseError::RebalanceInProgress.code());
    let again = join(&mut world, CLIENT, "g", &first);
    let mut responses: Vec<JoinGroupResponse> = Vec::new();
    while !world.answers.is_empty() {
        let correlation_id = if responses.is_empty() { again } else { second };
        responses.push(joined(&mut world, correlation_id));
    }
    let [leader, follower] = &responses[..] else {
        panic!("two have joined");
    };
    assert_eq!((leader.generation_id, leader.members.len(), follower.members.len()), (2, 2, 0));
    assert_eq!(leader.leader, leader.member_id);
    assert!(follower.member_id.starts_with("test-"), "the client's id is in it");
    let follower_id = follower.member_id.to_string();
    let waiting = world.send(OTHER, ApiKey::SyncGroup, 3, &sync_request("g", &follower_id, 2, &[]));
    let leading =
        world.send(CLIENT, ApiKey::SyncGroup, 3, &sync_request("g", &first, 2, &[&first, &follower_id]));
    for correlation_id in [leading, waiting] {
        let response: SyncGroupResponse = world.answer(ApiKey::SyncGroup, 3, correlation_id);
        assert_eq!((response.error_code, response.assignment.is_empty()), (0, false));
    }
    let request = commit_request("g", &first, 2, &[("t", 0, 5)]);
    let response: OffsetCommitResponse = world.ask(ApiKey::OffsetCommit, 7, &request);
    assert_eq!(committed(&response), [0]);

    let leave = LeaveGroupRequest::default().with_group_id(group("g")).with_members(vec![
        MemberIdentity::default().with_member_id(text(&first)),
        MemberIdentity::default().with_member_id(text("nobody")),
    ]);
    let response: LeaveGroupResponse = world.ask(ApiKey::LeaveGroup, 4, &leave);
    let codes: Vec<i16> = response.members.iter().map(|member| member.error_code).collect();
    assert_eq!((response.error_code, codes), (0, vec![0, ResponseError::UnknownMemberId.code()]));
    let rejoin = join(&mut world, OTHER, "g", &follower_id);
    let response = joined(&mut world, rejoin);
    assert_eq!((response.generation_id, &response.leader[..]), (3, &follower_id[..]));
    assert_eq!(fetch_offset(&mut world, "g", "t", 0), 5);
    let late = commit_request("g", &first, 2, &[("t", 0, 6)]);
    let response: OffsetCommitResponse = world.ask(ApiKey::OffsetCommit, 7, &late);
    assert_eq!(committed(&response), [ResponseError::UnknownMemberId.code()]);
}

#[test]
fn from_version_4_on_a_member_needs_its_id_first() {
    let mut world = world();
    let response: JoinGroupResponse = world.ask(ApiKey::JoinGroup, 4, &join_request("g", ""));
    assert_eq!(response.error_code, ResponseError::MemberIdRequired.code());
    assert!(!response.member_id.is_empty());
    let again = join_request("g", &response.member_id);
    let response: JoinGroupResponse = world.ask(ApiKey::JoinGroup, 4, &again);
    assert_eq!((response.error_code, response.members.len()), (0, 1));
}

#[test]
fn wishes_that_cannot_be_are_refused() {
    let mut world = world();
    let refused = |world: &mut World, request| -> i16 {
        let response: JoinGroupResponse = world.ask(ApiKey::JoinGroup, 6, &request);
        response.error_code
    };
    let no_id = join_request("", "");
    assert_eq!(refused(&mut world, no_id), ResponseError::InvalidGroupId.code());
    for session_timeout_ms in [-1, 5_999, 1_800_001] {
        let request = join_request("g", "").with_session_timeout_ms(session_timeout_ms);
        assert_eq!(refused(&mut world, request), ResponseError::InvalidSessionTimeout.code());
    }
    let stranger = join_request("g", "stranger");
    assert_eq!(refused(&mut world, stranger), ResponseError::UnknownMemberId.code());
    let instance = join_request("g", "").with_group_instance_id(Some(text(&"i".repeat(250))));
    assert_eq!(refused(&mut world, instance), ResponseError::InvalidRequest.code());
    let long = join_request(&"g".repeat(40_000), "");
    assert_eq!(refused(&mut world, long), ResponseError::InvalidGroupId.code());
    assert_eq!(states(&world), []);
}

#[test]
fn a_generation_takes_effect_when_it_is_stored() {
    let mut world = world();
    let correlation_id = join(&mut world, CLIENT, "g", "");
    let member_id = joined(&mut world, correlation_id).member_id.to_string();
    world.hold_appends = true;
    let request = sync_request("g", &member_id, 1, &[&member_id]);
    let correlation_id = world.send(CLIENT, ApiKey::SyncGroup, 3, &request);
    assert_eq!((world.answers.len(), states(&world)[0].1), (0, "CompletingRebalance"));
    world.release(None);
    let response: SyncGroupResponse = world.answer(ApiKey::SyncGroup, 3, correlation_id);
    assert_eq!((response.error_code, states(&world)[0].1), (0, "Stable"));
}

#[test]
fn a_generation_that_is_not_stored_is_tried_again() {
    for error in
        [not_applied(NotAppliedReason::Full), StorageError::Unknown { message: "no answer".to_owned() }]
    {
        let mut world = world();
        let correlation_id = join(&mut world, CLIENT, "g", "");
        let member_id = joined(&mut world, correlation_id).member_id.to_string();
        world.hold_appends = true;
        let request = sync_request("g", &member_id, 1, &[&member_id]);
        let correlation_id = world.send(CLIENT, ApiKey::SyncGroup, 3, &request);
        world.release(Some(error));
        let response: SyncGroupResponse = world.answer(ApiKey::SyncGroup, 3, correlation_id);
        assert_eq!(response.error_code, ResponseError::CoordinatorNotAvailable.code());
        world.hold_appends = false;
        let correlation_id = join(&mut world, CLIENT, "g", &member_id);
        let response = joined(&mut world, correlation_id);
        assert_eq!((response.error_code, response.generation_id), (0, 2));
        let request = sync_request("g", &member_id, 2, &[&member_id]);
        let response: SyncGroupResponse = world.ask(ApiKey::SyncGroup, 3, &request);
        assert_eq!(response.error_code, 0);
    }
}

#[test]
fn a_commit_is_answered_and_seen_when_it_is_stored() {
    let mut world = world();
    world.hold_appends = true;
    let request = commit_request("g", "", -1, &[("t", 0, 5), ("t", 1, 6), ("none", 0, 7), ("t", 2, 8)]);
    let correlation_id = world.send(CLIENT, ApiKey::OffsetCommit, 7, &request);
    assert!(world.answers.is_empty());
    world.hold_appends = false;
    let asked = OffsetFetchRequestGroup::default().with_group_id(group("g")).with_topics(None);
    let all = OffsetFetchRequest::default().with_groups(vec![asked]);
    let early = world.send(OTHER, ApiKey::OffsetFetch, 8, &all);
    let response: OffsetFetchResponse = world.answer(ApiKey::OffsetFetch, 8, early);
    assert_eq!(response.groups[0].topics, []);
    world.release(None);
    let response: OffsetCommitResponse = world.answer(ApiKey::OffsetCommit, 7, correlation_id);
    let unknown = ResponseError::UnknownTopicOrPartition.code();
    assert_eq!(committed(&response), [0, 0, unknown, unknown]);
    let response: OffsetFetchResponse = world.ask(ApiKey::OffsetFetch, 8, &all);
    let topic = &response.groups[0].topics[0];
    let partition = &topic.partitions[1];
    assert_eq!((topic.partitions.len(), partition.committed_offset), (2, 6));
    assert_eq!((partition.metadata.as_deref(), partition.committed_leader_epoch), (Some("note"), -1));
    assert_eq!(fetch_offset(&mut world, "unknown group", "t", 0), -1);
}

#[test]
fn a_refused_commit_says_so_and_changes_nothing() {
    let mut world = world();
    assert_eq!(commit(&mut world, "g", &[("t", 0, 5)]), [0]);
    world.hold_appends = true;
    let send = |world: &mut World, offset| {
        world.send(CLIENT, ApiKey::OffsetCommit, 7, &commit_request("g", "", -1, &[("t", 0, offset)]))
    };
    let (refused, behind) = (send(&mut world, 6), send(&mut world, 7));
    world.release(Some(not_applied(NotAppliedReason::Full)));
    world.release(None);
    for correlation_id in [refused, behind] {
        let response: OffsetCommitResponse = world.answer(ApiKey::OffsetCommit, 7, correlation_id);
        assert_eq!(committed(&response), [ResponseError::KafkaStorageError.code()]);
    }
    world.hold_appends = false;
    assert_eq!(fetch_offset(&mut world, "g", "t", 0), 5);
    assert_eq!(commit(&mut world, "g", &[("t", 0, 8)]), [0]);
    let mut world = world.restarted(&[]);
    assert_eq!(fetch_offset(&mut world, "g", "t", 0), 8);
}

#[test]
fn a_commit_of_unknown_outcome_is_settled_by_what_is_stored() {
    for stored in [false, true] {
        let mut world = world();
        assert_eq!(commit(&mut world, "g", &[("t", 0, 5)]), [0]);
        world.hold_appends = true;
        let request = commit_request("g", "", -1, &[("t", 0, 6)]);
        let unsure = world.send(CLIENT, ApiKey::OffsetCommit, 7, &request);
        let behind =
            world.send(CLIENT, ApiKey::OffsetCommit, 7, &commit_request("g", "", -1, &[("t", 1, 1)]));
        let (id, op) = world.held.pop_front().unwrap();
        if stored {
            world.disk.execute(&op).unwrap();
        }
        let unknown = Err(StorageError::Unknown { message: "no answer".to_owned() });
        world.broker.handle_completion(world.now, id, unknown);
        let meanwhile =
            world.send(OTHER, ApiKey::OffsetCommit, 7, &commit_request("g", "", -1, &[("t", 0, 9)]));
        let response: OffsetCommitResponse = world.answer(ApiKey::OffsetCommit, 7, meanwhile);
        assert_eq!(committed(&response), [ResponseError::CoordinatorLoadInProgress.code()]);
        world.release(None);
        let (code, offset) = if stored { (0, 6) } else { (ResponseError::KafkaStorageError.code(), 5) };
        let response: OffsetCommitResponse = world.answer(ApiKey::OffsetCommit, 7, unsure);
        assert_eq!(committed(&response), [code]);
        let response: OffsetCommitResponse = world.answer(ApiKey::OffsetCommit, 7, behind);
        assert_eq!(committed(&response), [code], "it lies behind, so it fares alike");
        assert_eq!(fetch_offset(&mut world, "g", "t", 0), offset);
        world.hold_appends = false;
        let mut world = world.restarted(&[]);
        assert_eq!(fetch_offset(&mut world, "g", "t", 0), offset);
    }
}

#[test]
fn a_commit_with_too_much_to_say_is_refused() {
    let mut world = world();
    let mut request = commit_request("g", "", -1, &[("t", 0, 5), ("t", 1, 6)]);
    request.topics[0].partitions[0].committed_metadata = Some(text(&"m".repeat(4_097)));
    let response: OffsetCommitResponse = world.ask(ApiKey::OffsetCommit, 8, &request);
    assert_eq!(committed(&response), [ResponseError::OffsetMetadataTooLarge.code(), 0]);
    let mut world = world.restarted(&[("message.max.bytes", "100")]);
    let code = ResponseError::InvalidCommitOffsetSize.code();
    assert_eq!(commit(&mut world, "g", &[("t", 0, 5)]), [code]);
    assert_eq!(fetch_offset(&mut world, "g", "t", 1), 6);
}

#[test]
fn after_a_crash_groups_are_empty_and_have_their_offsets() {
    let mut world = world();
    let member_id = single_member(&mut world, "g");
    let request = commit_request("g", &member_id, 1, &[("t", 0, 5)]);
    let response: OffsetCommitResponse = world.ask(ApiKey::OffsetCommit, 7, &request);
    assert_eq!(committed(&response), [0]);
    commit(&mut world, "simple", &[("t", 1, 7)]);
    let mut world = world.restarted(&[NO_DELAY]);
    let empty = |id: &str| (id.to_owned(), "Empty");
    assert_eq!(states(&world), [empty("g"), empty("simple")]);
    assert_eq!(fetch_offset(&mut world, "g", "t", 0), 5);
    assert_eq!(fetch_offset(&mut world, "simple", "t", 1), 7);
    let unknown = ResponseError::UnknownMemberId.code();
    assert_eq!(heartbeat(&mut world, "g", &member_id, 1), unknown);
    let response: OffsetCommitResponse = world.ask(ApiKey::OffsetCommit, 7, &request);
    assert_eq!(committed(&response), [unknown], "who was a member before is none now");
    let correlation_id = join(&mut world, CLIENT, "g", "");
    assert_eq!(joined(&mut world, correlation_id).generation_id, 2, "generations count on");
}

#[test]
fn whatever_is_cut_off_the_log_commits_go_back_in_order() {
    let mut world = world();
    for offset in 1..=10 {
        assert_eq!(commit(&mut world, "g", &[("t", 0, offset)]), [0]);
    }
    let log = last_appended(&world);
    let size = world.disk.segments[&(log, 0)].len();
    let mut last = 10;
    for length in (0..size).rev() {
        let mut disk = world.disk.clone();
        disk.segments.get_mut(&(log, 0)).unwrap().truncate(length);
        if length == 0 {
            disk.segments.remove(&(log, 0));
        }
        let mut world = World::over(disk, &[]);
        let offset = fetch_offset(&mut world, "g", "t", 0).max(0);
        assert!(offset == last || offset == last - 1, "{offset} comes before {last}");
        last = offset;
    }
    assert_eq!(last, 0);
}

#[test]
fn offsets_are_read_from_all_segments_of_the_log() {
    let mut world = World::over(Disk::default(), &[FEW_PARTITIONS, ("offsets.topic.segment.bytes", "300")]);
    world.create("t", 2, &[]);
    find_coordinator(&mut world, "g");
    commit(&mut world, "g", &[("t", 1, 77)]);
    for offset in 0..20 {
        commit(&mut world, "g", &[("t", 0, offset)]);
    }
    let log = last_appended(&world);
    assert!(world.disk.segments.keys().filter(|(other, _)| *other == log).count() > 3);
    let mut world = world.restarted(&[]);
    assert_eq!(fetch_offset(&mut world, "g", "t", 1), 77);
    assert_eq!(fetch_offset(&mut world, "g", "t", 0), 19);
}

#[test]
fn with_a_topic_go_the_offsets_committed_for_it() {
    let mut world = world();
    world.create("other", 1, &[]);
    commit(&mut world, "g", &[("t", 0, 5), ("other", 0, 6)]);
    world.hold_appends = true;
    let on_its_way = world.send(OTHER, ApiKey::OffsetCommit, 7, &commit_request("g", "", -1, &[("t", 1, 5)]));
    let delete = DeleteTopicsRequest::default().with_topic_names(vec![name("t")]);
    let deleted = world.send(CLIENT, ApiKey::DeleteTopics, 5, &delete);
    while !world.held.is_empty() {
        world.release(None);
    }
    world.hold_appends = false;
    let _: OffsetCommitResponse = world.answer(ApiKey::OffsetCommit, 7, on_its_way);
    let response: DeleteTopicsResponse = world.answer(ApiKey::DeleteTopics, 5, deleted);
    assert_eq!(response.responses[0].error_code, 0);
    world.create("t", 2, &[]);
    assert_eq!(fetch_offset(&mut world, "g", "t", 0), -1);
    let mut world = world.restarted(&[]);
    assert_eq!(fetch_offset(&mut world, "g", "t", 0), -1);
    assert_eq!(fetch_offset(&mut world, "g", "t", 1), -1);
    assert_eq!(fetch_offset(&mut world, "g", "other", 0), 6);
}

#[test]
fn offsets_of_a_topic_that_went_just_before_a_crash_go_at_the_start() {
    let mut world = world();
    commit(&mut world, "g", &[("t", 0, 5)]);
    let log = last_appended(&world);
    let before = world.disk.segments[&(log, 0)].clone();
    let delete = DeleteTopicsRequest::default().with_topic_names(vec![name("t")]);
    let _: DeleteTopicsResponse = world.ask(ApiKey::DeleteTopics, 5, &delete);
    assert!(world.disk.segments[&(log, 0)].len() > before.len(), "a tombstone");
    world.disk.segments.insert((log, 0), before);
    let mut world = world.restarted(&[]);
    world.create("t", 2, &[]);
    assert_eq!(fetch_offset(&mut world, "g", "t", 0), -1);
}

#[test]
fn the_offsets_topic_is_the_coordinators_alone() {
    let mut world = world();
    assert_eq!(
        world.produce("__consumer_offsets", 0, batch(&["x"])).0,
        ResponseError::InvalidTopicException.code()
    );
    let delete = DeleteTopicsRequest::default().with_topic_names(vec![name("__consumer_offsets")]);
    let response: DeleteTopicsResponse = world.ask(ApiKey::DeleteTopics, 5, &delete);
    assert_eq!(response.responses[0].error_code, ResponseError::InvalidTopicException.code());
    commit(&mut world, "g", &[("t", 0, 5)]);
    let log = last_appended(&world);
    let fetched = world.fetch("__consumer_offsets", log.partition, 0);
    assert!(!fetched.responses[0].partitions[0].records.as_ref().unwrap_or(&Bytes::new()).is_empty());
}

#[test]
fn a_member_that_falls_silent_is_dropped_and_one_that_is_heard_is_not() {
    let mut world = world();
    let member_id = single_member(&mut world, "g");
    let start = world.now.monotonic_ms;
    pass_until(&mut world, start + 9_000);
    assert_eq!(heartbeat(&mut world, "g", &member_id, 1), 0);
    pass_until(&mut world, start + 18_000);
    assert_eq!(states(&world)[0].1, "Stable");
    pass_until(&mut world, start + 19_000);
    assert_eq!(states(&world)[0].1, "Empty");
    assert_eq!(heartbeat(&mut world, "g", &member_id, 1), ResponseError::UnknownMemberId.code());
    // That it is empty is stored, so the next generation is another one even after a crash.
    let mut world = world.restarted(&[NO_DELAY]);
    let correlation_id = join(&mut world, CLIENT, "g", "");
    assert_eq!(joined(&mut world, correlation_id).generation_id, 3);
}

#[test]
fn a_tab_that_wakes_up_drops_nobody_at_once() {
    let mut world = world();
    let member_id = single_member(&mut world, "g");
    // One jump, as when the whole process was frozen: the time-out comes first, then the heartbeat that had waited.
    world.advance(600_000);
    assert_eq!(heartbeat(&mut world, "g", &member_id, 1), 0);
    // And one that does not come back is dropped as usual.
    world.advance(600_000);
    let until = world.now.monotonic_ms + 10_000;
    pass_until(&mut world, until);
    assert_eq!(states(&world)[0].1, "Empty");
}

#[test]
fn a_heartbeat_that_waits_for_a_slow_storage_counts() {
    let mut world = world();
    world = world.restarted(&[NO_DELAY, ("queued.max.request.bytes", "1")]);
    let member_id = single_member(&mut world, "g");
    world.hold_appends = true;
    let produce = produce_request("t", 0, batch(&["v"]), -1);
    let produced = world.send(OTHER, ApiKey::Produce, 9, &produce);
    let request = HeartbeatRequest::default()
        .with_group_id(group("g"))
        .with_member_id(text(&member_id))
        .with_generation_id(1);
    let waiting = world.send(CLIENT, ApiKey::Heartbeat, 3, &request);
    let until = world.now.monotonic_ms + 100_000;
    pass_until(&mut world, until);
    world.release(None);
    let _: ProduceResponse = world.answer(ApiKey::Produce, 9, produced);
    let response: HeartbeatResponse = world.answer(ApiKey::Heartbeat, 3, waiting);
    assert_eq!(response.error_code, 0);
    pass_until(&mut world, until + 20_000);
    assert_eq!(states(&world)[0].1, "Empty", "one that is really silent is dropped");
}

#[test]
fn the_view_shows_members_assignments_and_lag() {
    let mut world = world();
    let member_id = single_member(&mut world, "g");
    world.produce("t", 1, batch(&["a", "b", "c"]));
    let request = commit_request("g", &member_id, 1, &[("t", 1, 1)]);
    let _: OffsetCommitResponse = world.ask(ApiKey::OffsetCommit, 7, &request);
    let view = world.broker.groups().next().unwrap();
    assert_eq!((view.group_id, view.state, view.protocol_type), ("g", "Stable", "consumer"));
    assert_eq!((view.protocol, view.generation), (Some("range"), 1));
    let member = &view.members[0];
    assert_eq!((member.member_id, member.client_id), (&member_id[..], "test"));
    assert_eq!((member.client_host, member.instance_id), ("connection-1", None));
    assert_eq!(member.assignment, [("t".to_owned(), vec![1])]);
    let offset = view.offsets[0];
    assert_eq!((offset.topic, offset.partition, offset.offset, offset.lag), ("t", 1, 1, Some(2)));
}

#[test]
fn a_disconnected_member_that_waited_disturbs_nobody() {
    let mut world = world();
    let first = single_member(&mut world, "g");
    join(&mut world, OTHER, "g", "");
    world.broker.handle_disconnect(world.now, OTHER);
    let again = join(&mut world, CLIENT, "g", &first);
    assert_eq!(joined(&mut world, again).members.len(), 2);
    assert!(world.answers.is_empty());
    let start = world.now.monotonic_ms;
    for step in 1..=5 {
        pass_until(&mut world, start + step * 5_000);
        heartbeat(&mut world, "g", &first, 2);
    }
    assert_eq!(world.broker.groups().next().unwrap().members.len(), 1, "its session has ended");
}

#[test]
fn all_operations_on_the_log_are_appends() {
    let mut world = world();
    commit(&mut world, "g", &[("t", 0, 5)]);
    let log = last_appended(&world);
    assert!(world.asked.iter().filter(|op| op.log() == log).all(|op| matches!(op, StorageOp::Append { .. })));
}
