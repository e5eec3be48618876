//! A coordinator of one group `g`, as far as clients can tell: it waits for all members it knows, or until it is told to
//! forget one, and fails as each test wants it.

use std::collections::BTreeMap;

use bytes::Bytes;
use kafka_protocol::messages::join_group_response::JoinGroupResponseMember;
use kafka_protocol::messages::leave_group_response::MemberResponse;
use kafka_protocol::messages::offset_commit_response::{
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponsePartition, OffsetFetchResponseTopic,
};
use kafka_protocol::messages::*;
use kafka_protocol::protocol::StrBytes;

use super::{Asked, Cluster, is_of};

#[derive(Default)]
pub struct Member {
    pub instance_id: Option<String>,
    protocols: Vec<(String, Bytes)>,
    /// JoinGroup or SyncGroup that is not answered.
    waiting: Option<Asked>,
    joined: bool,
}

#[derive(Default)]
pub struct Coordinator {
    /// The broker that it is on.
    pub node: i32,
    pub members: BTreeMap<String, Member>,
    pub generation: i32,
    leader: String,
    rebalancing: bool,
    assignments: BTreeMap<String, Bytes>,
    next_member: u32,
    /// Offset and metadata by topic and partition.
    pub offsets: BTreeMap<(String, i32), (i64, String)>,
    /// Errors to answer, by API, first come first served; 0 is none.
    pub errors: BTreeMap<i16, Vec<i16>>,
    /// Errors for a partition in OffsetFetch.
    pub offset_errors: Vec<i16>,
    /// What was asked: the API, and who asked.
    pub log: Vec<(i16, String)>,
    /// Lanes on which it was asked.
    pub lanes: Vec<u32>,
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

impl Coordinator {
    pub fn count(&self, api: i16) -> usize {
        self.log.iter().filter(|(key, _)| *key == api).count()
    }

    fn begin_rebalance(&mut self) {
        if !self.rebalancing {
            self.rebalancing = true;
            self.members.values_mut().for_each(|member| member.joined = false);
        }
    }
}

impl Cluster {
    /// A member is dead.
    pub fn forget_member(&mut self, member_id: &str) {
        self.coordinator.members.remove(member_id);
        self.coordinator.begin_rebalance();
        self.complete_join();
    }

    /// The coordinator is on another broker, which knows the same.
    pub fn move_coordinator(&mut self, node: i32) {
        self.coordinator.node = node;
    }

    pub(super) fn coordinate(&mut self, asked: &Asked) {
        let scripted = self.coordinator.errors.entry(asked.key).or_default();
        let scripted = if scripted.is_empty() { 0 } else { scripted.remove(0) };
        if !matches!(scripted, 0 | 14 | 15 | 16 | 22 | 27) && asked.key != 8 {
            self.coordinator.members.clear();
        }
        let here = asked.key == 10 || self.lenient || is_of(&asked.to, self.coordinator.node);
        let error = if here { scripted } else { 16 };
        if asked.key != 10 {
            self.coordinator.lanes.push(asked.to.lane);
        }
        match asked.key {
            8 => self.offset_commit(asked, error),
            9 => self.offset_fetch(asked, error),
            10 => self.find_coordinator(asked, error),
            11 => self.join_group(asked, error),
            12 => self.heartbeat(asked, error),
            13 => self.leave_group(asked, error),
            14 => self.sync_group(asked, error),
            _ => {}
        }
    }

    fn find_coordinator(&mut self, asked: &Asked, error: i16) {
        let request: FindCoordinatorRequest = asked.decode();
        assert!(matches!((&*request.key, request.key_type), ("g", 0) | ("tx", 1)));
        let host = if error == 0 { format!("broker-{}", self.coordinator.node) } else { String::new() };
        let response = FindCoordinatorResponse::default()
            .with_error_code(error)
            .with_node_id(self.coordinator.node.into())
            .with_host(text(&host))
            .with_port(if error == 0 { 9092 } else { -1 });
        self.reply(asked, &response);
    }

    fn join_group(&mut self, asked: &Asked, mut error: i16) {
        let request: JoinGroupRequest = asked.decode();
        assert_eq!(&*request.protocol_type, "consumer");
        let mut member_id = request.member_id.to_string();
        let coordinator = &mut self.coordinator;
        coordinator.log.push((11, member_id.clone()));
        let instance_id = request.group_instance_id.as_ref().map(ToString::to_string);
        let known = coordinator.members.contains_key(&member_id);
        if error == 0 && !member_id.is_empty() && !known {
            error = 25;
        }
        if error == 0 && member_id.is_empty() {
            let is_mine = |member: &Member| instance_id.is_some() && member.instance_id == instance_id;
            let before =
                coordinator.members.iter().find(|(_, member)| is_mine(member)).map(|(id, _)| id.clone());
            if let Some(before) = before {
                coordinator.members.remove(&before);
            }
            coordinator.next_member += 1;
            member_id = format!("m-{}", coordinator.next_member);
            let member = Member { instance_id: instance_id.clone(), ..Member::default() };
            coordinator.members.insert(member_id.clone(), member);
            if instance_id.is_none() && asked.version >= 4 {
                error = 79;
            }
        }
        if error != 0 {
            let refused = JoinGroupResponse::default()
                .with_error_code(error)
                .with_generation_id(-1)
                .with_protocol_name(if asked.version < 7 { Some(text("")) } else { None })
                .with_member_id(text(&member_id));
            return self.reply(asked, &refused);
        }
        coordinator.begin_rebalance();
        let member = coordinator.members.get_mut(&member_id).unwrap();
        member.protocols = request
            .protocols
            .iter()
            .map(|protocol| (protocol.name.to_string(), protocol.metadata.clone()))
            .collect();
        member.waiting = Some(asked.clone());
        member.joined = true;
        self.complete_join();
    }

    /// Answers everybody once all have joined.
    fn complete_join(&mut self) {
        let coordinator = &mut self.coordinator;
        if !coordinator.rebalancing || !coordinator.members.values().all(|member| member.joined) {
            return;
        }
        let Some((first, member)) = coordinator.members.iter().next() else { return };
        coordinator.rebalancing = false;
        coordinator.generation += 1;
        coordinator.assignments.clear();
        coordinator.leader.clone_from(first);
        let by_all = |name: &str| {
            coordinator.members.values().all(|member| member.protocols.iter().any(|(other, _)| other == name))
        };
        let protocol =
            member.protocols.iter().find(|(name, _)| by_all(name)).expect("they agree on one").0.clone();
        let described: Vec<JoinGroupResponseMember> = coordinator
            .members
            .iter()
            .map(|(id, member)| {
                let metadata = member.protocols.iter().find(|(name, _)| *name == protocol).unwrap().1.clone();
                JoinGroupResponseMember::default()
                    .with_member_id(text(id))
                    .with_group_instance_id(member.instance_id.as_deref().map(text))
                    .with_metadata(metadata)
            })
            .collect();
        let waiting: Vec<(String, Asked)> = coordinator
            .members
            .iter_mut()
            .filter_map(|(id, member)| Some((id.clone(), member.waiting.take()?)))
            .collect();
        let (leader, generation) = (coordinator.leader.clone(), coordinator.generation);
        for (id, asked) in waiting {
            let mut members = if id == leader { described.clone() } else { Vec::new() };
            if asked.version < 5 {
                members.iter_mut().for_each(|member| member.group_instance_id = None);
            }
            let mut response = JoinGroupResponse::default()
                .with_generation_id(generation)
                .with_protocol_name(Some(text(&protocol)))
                .with_leader(text(&leader))
                .with_member_id(text(&id))
                .with_members(members);
            if asked.version >= 7 {
                response.protocol_type = Some(text("consumer"));
            }
            self.reply(&asked, &response);
        }
    }

    /// What is wrong with a member's request, if anything.
    fn check(&self, member_id: &str, generation: i32) -> i16 {
        let coordinator = &self.coordinator;
        match () {
            () if !coordinator.members.contains_key(member_id) => 25,
            () if generation != coordinator.generation => 22,
            () if coordinator.rebalancing => 27,
            () => 0,
        }
    }

    fn sync_group(&mut self, asked: &Asked, mut error: i16) {
        let request: SyncGroupRequest = asked.decode();
        let member_id = request.member_id.to_string();
        self.coordinator.log.push((14, member_id.clone()));
        if error == 0 {
            error = self.check(&member_id, request.generation_id);
        }
        if error != 0 {
            return self.reply(asked, &SyncGroupResponse::default().with_error_code(error));
        }
        let coordinator = &mut self.coordinator;
        if member_id == coordinator.leader {
            for given in request.assignments {
                coordinator.assignments.insert(given.member_id.to_string(), given.assignment);
            }
        }
        coordinator.members.get_mut(&member_id).unwrap().waiting = Some(asked.clone());
        if coordinator.assignments.is_empty() {
            return;
        }
        let waiting: Vec<(Asked, Bytes)> = coordinator
            .members
            .iter_mut()
            .filter_map(|(id, member)| {
                let assignment = coordinator.assignments.get(id).cloned().unwrap_or_default();
                Some((member.waiting.take()?, assignment))
            })
            .collect();
        for (asked, assignment) in waiting {
            self.reply(&asked, &SyncGroupResponse::default().with_assignment(assignment));
        }
    }

    fn heartbeat(&mut self, asked: &Asked, mut error: i16) {
        let request: HeartbeatRequest = asked.decode();
        self.coordinator.log.push((12, request.member_id.to_string()));
        if error == 0 {
            error = self.check(&request.member_id, request.generation_id);
        }
        self.reply(asked, &HeartbeatResponse::default().with_error_code(error));
    }

    fn leave_group(&mut self, asked: &Asked, error: i16) {
        let request: LeaveGroupRequest = asked.decode();
        let mut gone: Vec<String> =
            request.members.iter().map(|member| member.member_id.to_string()).collect();
        if asked.version < 3 {
            gone.push(request.member_id.to_string());
        }
        let mut answered = Vec::new();
        for member_id in gone {
            self.coordinator.log.push((13, member_id.clone()));
            answered.push(MemberResponse::default().with_member_id(text(&member_id)));
            if error == 0 {
                self.forget_member(&member_id);
            }
        }
        let mut response = LeaveGroupResponse::default().with_error_code(error);
        if asked.version >= 3 {
            response.members = answered;
        }
        self.reply(asked, &response);
    }

    fn offset_commit(&mut self, asked: &Asked, mut error: i16) {
        let request: OffsetCommitRequest = asked.decode();
        let member_id = request.member_id.to_string();
        self.coordinator.log.push((8, member_id.clone()));
        let generation = request.generation_id_or_member_epoch;
        if error == 0 && generation >= 0 {
            // During a rebalance offsets are still taken.
            error = Some(self.check(&member_id, generation)).filter(|error| *error != 27).unwrap_or(0);
        } else if error == 0 && !self.coordinator.members.is_empty() {
            error = 25;
        }
        let mut topics = Vec::new();
        for topic in request.topics {
            let mut answered = Vec::new();
            for partition in topic.partitions {
                let index = partition.partition_index;
                if error == 0 {
                    let metadata = partition.committed_metadata.unwrap_or_default().to_string();
                    let offset = (partition.committed_offset, metadata);
                    self.coordinator.offsets.insert((topic.name.to_string(), index), offset);
                }
                let partition = OffsetCommitResponsePartition::default().with_partition_index(index);
                answered.push(partition.with_error_code(error));
            }
            topics.push(OffsetCommitResponseTopic::default().with_name(topic.name).with_partitions(answered));
        }
        self.reply(asked, &OffsetCommitResponse::default().with_topics(topics));
    }

    fn offset_fetch(&mut self, asked: &Asked, error: i16) {
        let request: OffsetFetchRequest = asked.decode();
        self.coordinator.log.push((9, String::new()));
        let mut topics = Vec::new();
        for topic in request.topics.unwrap_or_default() {
            let mut answered = Vec::new();
            for index in topic.partition_indexes {
                let known = self.coordinator.offsets.get(&(topic.name.to_string(), index));
                let (offset, metadata) = known.cloned().unwrap_or((-1, String::new()));
                let errors = &mut self.coordinator.offset_errors;
                let error = if errors.is_empty() { 0 } else { errors.remove(0) };
                answered.push(
                    OffsetFetchResponsePartition::default()
                        .with_partition_index(index)
                        .with_committed_offset(offset)
                        .with_metadata(Some(text(&metadata)))
                        .with_error_code(error),
                );
            }
            topics.push(OffsetFetchResponseTopic::default().with_name(topic.name).with_partitions(answered));
        }
        self.reply(asked, &OffsetFetchResponse::default().with_error_code(error).with_topics(topics));
    }
}
