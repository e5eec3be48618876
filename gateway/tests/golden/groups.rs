//! Groups and their offsets.

use bytes::Bytes;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use kafka_protocol::messages::*;

use super::data::TOPIC;
use super::support::topic_name;
use super::{Step, mask, step, text};

fn group(name: &str) -> GroupId {
    GroupId(text(name))
}

fn find(name: &str, kind: i8) -> FindCoordinatorRequest {
    FindCoordinatorRequest::default().with_key(text(name)).with_key_type(kind)
}

fn commit(name: &str, topic: &str, generation: i32, member: &str) -> OffsetCommitRequest {
    let partition = OffsetCommitRequestPartition::default()
        .with_committed_offset(2)
        .with_committed_leader_epoch(-1)
        .with_committed_metadata(Some(text("note")));
    let topic =
        OffsetCommitRequestTopic::default().with_name(topic_name(topic)).with_partitions(vec![partition]);
    OffsetCommitRequest::default()
        .with_group_id(group(name))
        .with_generation_id_or_member_epoch(generation)
        .with_member_id(text(member))
        .with_topics(vec![topic])
}

fn committed(name: &str) -> OffsetFetchRequest {
    let topic =
        OffsetFetchRequestTopic::default().with_name(topic_name(TOPIC)).with_partition_indexes(vec![0, 7]);
    OffsetFetchRequest::default().with_group_id(group(name)).with_topics(Some(vec![topic]))
}

/// Of several groups (KIP-709). None: all topics.
fn committed_of(names: &[&str], topics: Option<&[&str]>) -> OffsetFetchRequest {
    let topic = |name: &&str| {
        OffsetFetchRequestTopics::default().with_name(topic_name(name)).with_partition_indexes(vec![0])
    };
    let asked = |name: &&str| {
        OffsetFetchRequestGroup::default()
            .with_group_id(group(name))
            .with_topics(topics.map(|topics| topics.iter().map(topic).collect()))
    };
    OffsetFetchRequest::default().with_groups(names.iter().map(asked).collect())
}

fn join(name: &str, member: &str, protocol: &str) -> JoinGroupRequest {
    let protocol = JoinGroupRequestProtocol::default()
        .with_name(text(protocol))
        .with_metadata(Bytes::from_static(b"\0\x01\0\0\0\x01\0\x06golden\xff\xff\xff\xff\0\0\0\0"));
    JoinGroupRequest::default()
        .with_group_id(group(name))
        .with_session_timeout_ms(30_000)
        .with_rebalance_timeout_ms(30_000)
        .with_member_id(text(member))
        .with_protocol_type(text("consumer"))
        .with_protocols(vec![protocol])
}

fn heartbeat(name: &str) -> HeartbeatRequest {
    HeartbeatRequest::default()
        .with_group_id(group(name))
        .with_generation_id(1)
        .with_member_id(text("stranger"))
}

fn sync(name: &str) -> SyncGroupRequest {
    SyncGroupRequest::default()
        .with_group_id(group(name))
        .with_generation_id(1)
        .with_member_id(text("stranger"))
        .with_protocol_type(Some(text("consumer")))
        .with_protocol_name(Some(text("range")))
}

fn leave(name: &str) -> LeaveGroupRequest {
    let stranger = MemberIdentity::default().with_member_id(text("stranger"));
    LeaveGroupRequest::default().with_group_id(group(name)).with_members(vec![stranger])
}

fn describe(name: &str) -> DescribeGroupsRequest {
    DescribeGroupsRequest::default().with_groups(vec![group(name)])
}

fn delete(name: &str) -> DeleteGroupsRequest {
    DeleteGroupsRequest::default().with_groups_names(vec![group(name)])
}

/// A commit that is taken when the coordinator has loaded.
pub(crate) fn warm_up() -> Step {
    step("warm", 8, &commit("warm", TOPIC, -1, ""), mask::nothing::<OffsetCommitResponse>)
}

pub(crate) fn steps() -> Vec<Step> {
    let (taken, told) = (mask::nothing::<OffsetCommitResponse>, mask::nothing::<OffsetFetchResponse>);
    let (alive, shared) = (mask::nothing::<HeartbeatResponse>, mask::nothing::<SyncGroupResponse>);
    let (gone, left) = (mask::nothing::<DeleteGroupsResponse>, mask::nothing::<LeaveGroupResponse>);
    let several =
        FindCoordinatorRequest::default().with_coordinator_keys(vec![text("simple"), text("other")]);
    let listed = mask::listed;
    let empty = ListGroupsRequest::default().with_states_filter(vec![text("Empty")]);
    vec![
        step("a coordinator", 2, &find("simple", 0), mask::found),
        step("a coordinator of nothing known", 2, &find("simple", 9), mask::found),
        step("several coordinators", 4, &several, mask::found),
        step("a commit without members", 8, &commit("simple", TOPIC, -1, ""), taken),
        step("a commit for no topic", 8, &commit("simple", "nowhere", -1, ""), taken),
        step("a commit of a stranger", 8, &commit("simple", TOPIC, 3, "stranger"), taken),
        step("a commit of a stranger in no group", 8, &commit("nobody", TOPIC, 3, "stranger"), taken),
        step("a commit without a group", 8, &commit("", TOPIC, -1, ""), taken),
        step("what is committed", 7, &committed("simple"), told),
        step("what no group has committed", 7, &committed("nobody"), told),
        step("what is committed, version 1", 1, &committed("simple"), told),
        step("all that two groups have committed", 8, &committed_of(&["simple", "nobody"], None), told),
        step("what two groups have committed", 8, &committed_of(&["simple", "nobody"], Some(&[TOPIC])), told),
        step(
            "what a group has committed, version 9",
            9,
            &committed_of(&["simple"], Some(&[TOPIC, "nowhere"])),
            told,
        ),
        step("groups", 4, &ListGroupsRequest::default(), listed),
        step("groups that are empty", 5, &empty, listed),
        step("a group without members", 5, &describe("simple"), mask::described_groups),
        step("no group", 5, &describe("nobody"), mask::described_groups),
        step("no group, version 6", 6, &describe("nobody"), mask::described_groups),
        step("a member without an id", 4, &join("members", "", "range"), mask::joined),
        step("a member joins", 3, &join("members", "", "range"), mask::joined),
        step("a stranger joins", 5, &join("members", "stranger", "range"), mask::joined),
        step("a member with another protocol", 5, &join("members", "", "roundrobin"), mask::joined),
        step("a member without a group", 5, &join("", "", "range"), mask::joined),
        step(
            "a session that is too short",
            5,
            &join("short", "", "range").with_session_timeout_ms(1),
            mask::joined,
        ),
        step("a stranger's heartbeat", 4, &heartbeat("members"), alive),
        step("a heartbeat for no group", 4, &heartbeat("nobody"), alive),
        step("a stranger asks for its share", 5, &sync("members"), shared),
        step("a stranger leaves", 4, &leave("members"), left),
        step("a stranger leaves no group", 4, &leave("nobody"), left),
        step("a group with members is deleted", 2, &delete("members"), gone),
        step("a group is deleted", 2, &delete("simple"), gone),
        step("no group is deleted", 2, &delete("nobody"), gone),
        step("what was committed", 7, &committed("simple"), told),
    ]
}
