//! Requests about groups and what they have committed.

use bytes::Bytes;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_delete_request::{
    OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use kafka_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{
    ApiKey, DeleteGroupsRequest, DescribeGroupsRequest, FindCoordinatorRequest, GroupId, HeartbeatRequest,
    JoinGroupRequest, LeaveGroupRequest, ListGroupsRequest, OffsetCommitRequest, OffsetDeleteRequest,
    OffsetFetchRequest, SyncGroupRequest,
};

use super::{TOPIC, frame, name, text};

/// The group that there is in samples.
pub(crate) const GROUP: &str = "g";
/// A member's first generation, as it is the group's.
const GENERATION: i32 = 1;

pub(super) fn sample(api: ApiKey, version: i16) -> Option<Bytes> {
    let number = 1;
    match api {
        ApiKey::FindCoordinator => frame(api, version, number, &find_coordinator(version, GROUP, 0)),
        ApiKey::JoinGroup => frame(api, version, number, &join_group("")),
        ApiKey::SyncGroup => frame(api, version, number, &sync_group(version, "m")),
        ApiKey::Heartbeat => frame(api, version, number, &heartbeat("m")),
        ApiKey::LeaveGroup => frame(api, version, number, &leave_group(version, "m")),
        ApiKey::OffsetCommit => frame(api, version, number, &offset_commit("", -1)),
        ApiKey::OffsetFetch => frame(api, version, number, &offset_fetch(version)),
        ApiKey::DescribeGroups => {
            frame(api, version, number, &DescribeGroupsRequest::default().with_groups(vec![group()]))
        }
        ApiKey::ListGroups => {
            let states = if version >= 4 { vec![text("Stable"), text("Empty")] } else { Vec::new() };
            frame(api, version, number, &ListGroupsRequest::default().with_states_filter(states))
        }
        ApiKey::DeleteGroups => {
            frame(api, version, number, &DeleteGroupsRequest::default().with_groups_names(vec![group()]))
        }
        ApiKey::OffsetDelete => {
            let partition = OffsetDeleteRequestPartition::default();
            let topic =
                OffsetDeleteRequestTopic::default().with_name(name(TOPIC)).with_partitions(vec![partition]);
            let request = OffsetDeleteRequest::default().with_group_id(group()).with_topics(vec![topic]);
            frame(api, version, number, &request)
        }
        _ => None,
    }
}

pub(crate) fn group() -> GroupId {
    GroupId(text(GROUP))
}

/// `kind` is 0 for groups, 1 for transactional ids.
pub(crate) fn find_coordinator(version: i16, key: &str, kind: i8) -> FindCoordinatorRequest {
    let request = FindCoordinatorRequest::default().with_key_type(kind);
    match version {
        4.. => request.with_coordinator_keys(vec![text(key)]),
        _ => request.with_key(text(key)),
    }
}

pub(crate) fn join_group(member_id: &str) -> JoinGroupRequest {
    let protocol = JoinGroupRequestProtocol::default()
        .with_name(text("range"))
        .with_metadata(Bytes::from_static(b"subscription"));
    JoinGroupRequest::default()
        .with_group_id(group())
        .with_session_timeout_ms(30_000)
        .with_member_id(text(member_id))
        .with_protocol_type(text("consumer"))
        .with_protocols(vec![protocol])
}

pub(crate) fn sync_group(version: i16, member_id: &str) -> SyncGroupRequest {
    let assignment = SyncGroupRequestAssignment::default()
        .with_member_id(text(member_id))
        .with_assignment(Bytes::from_static(b"assignment"));
    let request = SyncGroupRequest::default()
        .with_group_id(group())
        .with_generation_id(GENERATION)
        .with_member_id(text(member_id))
        .with_assignments(vec![assignment]);
    match version {
        5.. => request.with_protocol_type(Some(text("consumer"))).with_protocol_name(Some(text("range"))),
        _ => request,
    }
}

pub(crate) fn heartbeat(member_id: &str) -> HeartbeatRequest {
    HeartbeatRequest::default()
        .with_group_id(group())
        .with_generation_id(GENERATION)
        .with_member_id(text(member_id))
}

pub(crate) fn leave_group(version: i16, member_id: &str) -> LeaveGroupRequest {
    let request = LeaveGroupRequest::default().with_group_id(group());
    match version {
        3.. => request.with_members(vec![MemberIdentity::default().with_member_id(text(member_id))]),
        _ => request.with_member_id(text(member_id)),
    }
}

pub(crate) fn offset_commit(member_id: &str, generation: i32) -> OffsetCommitRequest {
    let partition = OffsetCommitRequestPartition::default()
        .with_committed_offset(5)
        .with_committed_metadata(Some(text("so far")));
    let topic = OffsetCommitRequestTopic::default().with_name(name(TOPIC)).with_partitions(vec![partition]);
    OffsetCommitRequest::default()
        .with_group_id(group())
        .with_generation_id_or_member_epoch(generation)
        .with_member_id(text(member_id))
        .with_topics(vec![topic])
}

pub(crate) fn offset_fetch(version: i16) -> OffsetFetchRequest {
    if version < 8 {
        let topic = OffsetFetchRequestTopic::default().with_name(name(TOPIC)).with_partition_indexes(vec![0]);
        return OffsetFetchRequest::default().with_group_id(group()).with_topics(Some(vec![topic]));
    }
    let topic = OffsetFetchRequestTopics::default().with_name(name(TOPIC)).with_partition_indexes(vec![0]);
    let asked = OffsetFetchRequestGroup::default().with_group_id(group()).with_topics(Some(vec![topic]));
    OffsetFetchRequest::default().with_groups(vec![asked])
}
