//! Every request about groups in every version that is said to be supported.

use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::offset_delete_request::{
    OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use kafka_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use kafka_protocol::messages::{
    ApiKey, DeleteGroupsRequest, DeleteGroupsResponse, DescribeGroupsRequest, DescribeGroupsResponse,
    FindCoordinatorRequest, FindCoordinatorResponse, HeartbeatRequest, HeartbeatResponse, JoinGroupResponse,
    LeaveGroupRequest, LeaveGroupResponse, ListGroupsRequest, ListGroupsResponse, OffsetCommitResponse,
    OffsetDeleteRequest, OffsetDeleteResponse, OffsetFetchRequest, OffsetFetchResponse, SyncGroupResponse,
    TxnOffsetCommitResponse,
};

use super::group_transactions::txn_commit_request;
use super::group_world::*;
use super::versions::in_all_versions;
use super::world::{World, name};

#[test]
fn find_coordinator() {
    for kind in [0, 1] {
        let mut world = world();
        let _: Vec<FindCoordinatorResponse> =
            in_all_versions(&mut world, ApiKey::FindCoordinator, |version| {
                let request = FindCoordinatorRequest::default();
                let request = if version > 0 { request.with_key_type(kind) } else { request };
                match version {
                    4.. => request.with_coordinator_keys(vec![text("g"), text("h")]),
                    _ => request.with_key(text("g")),
                }
            });
    }
}

#[test]
fn membership() {
    let mut world = world();
    let members: Vec<JoinGroupResponse> = in_all_versions(&mut world, ApiKey::JoinGroup, |version| {
        let request = join_request(&format!("g{version}"), "");
        let request = if version == 0 { request.with_rebalance_timeout_ms(-1) } else { request };
        if version >= 5 { request.with_group_instance_id(Some(text("i"))) } else { request }
    });
    let codes: Vec<i16> = members.iter().map(|member| member.error_code).collect();
    assert_eq!(codes, [0, 0, 0, 0, 79, 0, 0, 0, 0, 0]);
    let ids: Vec<String> = members.iter().map(|member| member.member_id.to_string()).collect();
    let id = |version: i16| ids[usize::try_from(version).unwrap()].clone();
    // As a member of its own version's group, which all groups have but the one that wants an id first.
    let of = |version: i16| if version == 4 { 9 } else { version };
    let syncs: Vec<SyncGroupResponse> = in_all_versions(&mut world, ApiKey::SyncGroup, |version| {
        let (group_id, member_id) = (format!("g{}", of(version)), id(of(version)));
        let request = sync_request(&group_id, &member_id, 1, &[&member_id]);
        match version {
            5.. => request.with_protocol_type(Some(text("consumer"))).with_protocol_name(Some(text("range"))),
            _ => request,
        }
    });
    assert!(syncs.iter().all(|sync| sync.error_code == 0 && !sync.assignment.is_empty()));
    for known in [true, false] {
        let heartbeats: Vec<HeartbeatResponse> = in_all_versions(&mut world, ApiKey::Heartbeat, |version| {
            HeartbeatRequest::default()
                .with_group_id(group(&format!("g{}", of(version))))
                .with_member_id(text(if known {
                    ids[usize::try_from(of(version)).unwrap()].as_str()
                } else {
                    "x"
                }))
                .with_generation_id(1)
        });
        assert!(heartbeats.iter().all(|heartbeat| (heartbeat.error_code == 0) == known));
    }
    let _: Vec<DescribeGroupsResponse> = in_all_versions(&mut world, ApiKey::DescribeGroups, |_| {
        DescribeGroupsRequest::default().with_groups(vec![group("g1"), group("none")])
    });
    let listed: Vec<ListGroupsResponse> = in_all_versions(&mut world, ApiKey::ListGroups, |version| {
        let request = ListGroupsRequest::default();
        if version >= 4 { request.with_states_filter(vec![text("Stable")]) } else { request }
    });
    assert!(listed.iter().all(|listed| !listed.groups.is_empty()));
    let _: Vec<LeaveGroupResponse> = in_all_versions(&mut world, ApiKey::LeaveGroup, |version| {
        let request = LeaveGroupRequest::default().with_group_id(group(&format!("g{version}")));
        match version {
            3.. => request.with_members(vec![
                MemberIdentity::default().with_member_id(text(&id(version))),
                MemberIdentity::default().with_group_instance_id(Some(text("none"))),
            ]),
            _ => request.with_member_id(text(&id(version))),
        }
    });
    let _: Vec<DeleteGroupsResponse> = in_all_versions(&mut world, ApiKey::DeleteGroups, |version| {
        DeleteGroupsRequest::default().with_groups_names(vec![group(&format!("g{version}")), group("none")])
    });
}

#[test]
fn offsets() {
    let mut with_coordinator = world();
    for world in [&mut with_coordinator, &mut World::new()] {
        let _: Vec<OffsetCommitResponse> = in_all_versions(world, ApiKey::OffsetCommit, |version| {
            let request = commit_request("g", "", -1, &[("t", 0, 5), ("none", 0, 5)]);
            if version < 5 { request.with_retention_time_ms(-1) } else { request }
        });
        let _: Vec<TxnOffsetCommitResponse> = in_all_versions(world, ApiKey::TxnOffsetCommit, |_| {
            txn_commit_request(("", -1), (5, 0), &[("t", 0, 5), ("none", 0, 5)])
        });
        let fetched: Vec<OffsetFetchResponse> = in_all_versions(world, ApiKey::OffsetFetch, |version| {
            let request = OffsetFetchRequest::default();
            if version < 8 {
                let topic = OffsetFetchRequestTopic::default()
                    .with_name(name("t"))
                    .with_partition_indexes(vec![0, 1]);
                return request.with_group_id(group("g")).with_topics(Some(vec![topic]));
            }
            let topic =
                OffsetFetchRequestTopics::default().with_name(name("t")).with_partition_indexes(vec![0, 1]);
            let asked = OffsetFetchRequestGroup::default().with_group_id(group("g"));
            let all = asked.clone().with_topics(None);
            request.with_groups(vec![asked.with_topics(Some(vec![topic])), all])
        });
        let without_error = fetched[0].topics[0].partitions[0].error_code == 0;
        assert_eq!(fetched[1].error_code == 0, without_error);
        assert_eq!(fetched[8].groups[1].error_code == 0, without_error);
        let _: Vec<OffsetDeleteResponse> = in_all_versions(world, ApiKey::OffsetDelete, |_| {
            let partition = OffsetDeleteRequestPartition::default();
            let topic =
                OffsetDeleteRequestTopic::default().with_name(name("t")).with_partitions(vec![partition]);
            OffsetDeleteRequest::default().with_group_id(group("g")).with_topics(vec![topic])
        });
    }
}

#[test]
fn a_member_without_a_rebalance_time_out_has_the_time_of_its_session() {
    let mut world = world();
    let request = join_request("g", "").with_rebalance_timeout_ms(0);
    let joined: JoinGroupResponse = world.ask(ApiKey::JoinGroup, 2, &request);
    world.advance(1_000);
    let member = &joined.member_id[..];
    let request = sync_request("g", member, joined.generation_id, &[member]);
    let synced: SyncGroupResponse = world.ask(ApiKey::SyncGroup, 0, &request);
    assert_eq!(synced.error_code, 0);
}
