//! Joining: JoinGroup, the assignment if this member is to make it, SyncGroup.

use headwater_engine::{Now, TopicPartition};
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::join_group_response::JoinGroupResponseMember;
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{JoinGroupRequest, SyncGroupRequest};

use super::coordinator::Meaning;
use super::giving_back::Then;
use super::{Around, Asked, Member, NOT_KNOWN, Phase, protocol};
use crate::assignor::{Assignor, Counts, Subscriber};
use crate::consumer::{Consumer, ConsumerEvent, StartOffset};
use crate::error::{ClientError, code};
use crate::network::Answer;
use crate::wire::text;

const HIGHEST_JOIN_VERSION: i16 = 9;
const HIGHEST_SYNC_VERSION: i16 = 5;
/// The kind of group.
const PROTOCOL_TYPE: &str = "consumer";
/// JoinGroup is answered when all members have joined, which may take `max.poll.interval.ms` and a little more.
const JOIN_LAPSE_MS: u64 = 5_000;
/// A topic that the cluster says nothing about is not waited for any longer by the member that assigns.
const TOPICS_PATIENCE_MS: u64 = 5_000;

impl Member {
    pub(super) fn send_join(&mut self, around: &mut Around<'_>) {
        if !matches!(self.phase, Phase::Joining(None)) {
            return;
        }
        let strategies = self.config.partition_assignment_strategy.clone();
        let protocols = strategies.iter().map(|assignor| {
            let (owned, generation) = match assignor {
                Assignor::Sticky => (&self.had.0, self.had.1),
                _ => (&self.owned, self.generation),
            };
            JoinGroupRequestProtocol::default()
                .with_name(text(assignor.name()))
                .with_metadata(protocol::subscription(*assignor, &self.topics, owned, generation))
        });
        let rebalance_ms = self.config.max_poll_interval_ms;
        let request = JoinGroupRequest::default()
            .with_group_id(self.group_id())
            .with_session_timeout_ms(i32::try_from(self.config.session_timeout_ms).unwrap_or(i32::MAX))
            .with_rebalance_timeout_ms(i32::try_from(rebalance_ms).unwrap_or(i32::MAX))
            .with_member_id(text(&self.member_id))
            .with_group_instance_id(self.instance_id())
            .with_protocol_type(text(PROTOCOL_TYPE))
            .with_protocols(protocols.collect());
        self.rejoin = false;
        self.joined_topics.clone_from(&self.topics);
        let patience_ms = rebalance_ms.saturating_add(JOIN_LAPSE_MS);
        if let Some(tag) = self.send(around, Asked::Join, &request, HIGHEST_JOIN_VERSION, patience_ms) {
            self.phase = Phase::Joining(Some(tag));
        }
    }

    pub(super) fn take_join(&mut self, now: Now, answer: Answer, consumer: &mut Consumer) {
        if !matches!(self.phase, Phase::Joining(Some(tag)) if tag == answer.tag) {
            return;
        }
        self.phase = Phase::Joining(None);
        let response = match answer.decode::<JoinGroupRequest>() {
            Ok(response)
                if response.error_code == code::MEMBER_ID_REQUIRED && !response.member_id.is_empty() =>
            {
                // So that a member that goes on its way in leaves nobody behind (KIP-394).
                self.member_id = response.member_id.to_string();
                return;
            }
            Ok(response) => match ClientError::answered(response.error_code, None) {
                None => response,
                Some(error) => return self.not_joined(now, error, consumer),
            },
            Err(error) => return self.not_joined(now, error, consumer),
        };
        let name = response.protocol_name.as_deref().unwrap_or_default();
        let mut offered = self.config.partition_assignment_strategy.iter().copied();
        let Some(assignor) = offered.find(|offered| offered.name() == name) else {
            let message =
                format!("The group shares partitions by \"{name}\", which this member did not offer.");
            return self.fail(ClientError::ours(code::INCONSISTENT_GROUP_PROTOCOL, message), consumer);
        };
        if response.generation_id < 0 || response.member_id.is_empty() {
            return self
                .fail(ClientError::malformed("the group has no generation or the member no id"), consumer);
        }
        self.assignor = Some(assignor);
        self.generation = response.generation_id;
        self.member_id = response.member_id.to_string();
        let leads = response.leader == response.member_id;
        self.led = leads.then(Counts::new);
        if leads && !response.skip_assignment {
            self.phase = Phase::Assigning(response.members, now.monotonic_ms);
        } else {
            // A static member that comes back leads on with the assignment that there is (KIP-814).
            if let Some(led) = &mut self.led {
                *led = self.topics.iter().map(|topic| (topic.clone(), NOT_KNOWN)).collect();
            }
            self.phase = Phase::Syncing(Vec::new(), None);
        }
    }

    fn not_joined(&mut self, now: Now, error: ClientError, consumer: &mut Consumer) {
        match self.take_error(now, &error, self.generation, consumer) {
            Meaning::Later => {}
            Meaning::NotNow => self.back_off(now),
            Meaning::Never => self.fail(error, consumer),
        }
    }

    /// Assigns, once the topics of all members are known.
    pub(super) fn assign(&mut self, around: &mut Around<'_>) {
        let (Phase::Assigning(members, since_ms), Some(assignor)) = (&self.phase, self.assignor) else {
            return;
        };
        let patient = around.now.monotonic_ms < since_ms + TOPICS_PATIENCE_MS;
        let subscribers: Vec<Subscriber> =
            members.iter().map(|member| subscriber(assignor, member)).collect();
        let mut counts = Counts::new();
        for topic in subscribers.iter().flat_map(|subscriber| &subscriber.topics) {
            match around.metadata.look(around.now, topic) {
                None if patient => return,
                known => drop(counts.insert(topic.clone(), known.unwrap_or(0))),
            }
        }
        let assigned = assignor.assign(&subscribers, &counts);
        let assignments = members.iter().zip(assigned).map(|(member, partitions)| {
            SyncGroupRequestAssignment::default()
                .with_member_id(member.member_id.clone())
                .with_assignment(protocol::assignment(&partitions))
        });
        self.phase = Phase::Syncing(assignments.collect(), None);
        self.led = Some(counts);
    }

    pub(super) fn send_sync(&mut self, around: &mut Around<'_>) {
        let Phase::Syncing(assignments, None) = &mut self.phase else { return };
        let assignments = std::mem::take(assignments);
        let request = SyncGroupRequest::default()
            .with_group_id(self.group_id())
            .with_generation_id(self.generation)
            .with_member_id(text(&self.member_id))
            .with_group_instance_id(self.instance_id())
            .with_protocol_type(Some(text(PROTOCOL_TYPE)))
            .with_protocol_name(self.assignor.map(|assignor| text(assignor.name())))
            .with_assignments(assignments.clone());
        let patience_ms = self.config.max_poll_interval_ms;
        if let Some(tag) = self.send(around, Asked::Sync, &request, HIGHEST_SYNC_VERSION, patience_ms) {
            self.phase = Phase::Syncing(assignments, Some(tag));
        }
    }

    pub(super) fn take_sync(&mut self, now: Now, answer: Answer, consumer: &mut Consumer) {
        let Phase::Syncing(_, sent) = &mut self.phase else { return };
        if *sent != Some(answer.tag) {
            return;
        }
        // If it has to be sent again, then with the same content.
        *sent = None;
        let given = answer.decode::<SyncGroupRequest>().and_then(|response| {
            match ClientError::answered(response.error_code, None) {
                Some(error) => Err(error),
                None => protocol::read_assignment(&response.assignment)
                    .ok_or_else(|| ClientError::malformed("the assignment in it is none")),
            }
        });
        match given {
            Ok(given) => self.joined(now, given, consumer),
            Err(error) => match self.take_error(now, &error, self.generation, consumer) {
                Meaning::Later => {}
                Meaning::NotNow => self.phase = Phase::Joining(None),
                Meaning::Never => self.fail(error, consumer),
            },
        }
    }

    /// It has its partitions. What a cooperative member has lost by that it gives back, and joins once more.
    fn joined(&mut self, now: Now, mut given: Vec<TopicPartition>, consumer: &mut Consumer) {
        given.retain(|partition| self.topics.contains(&partition.topic) && partition.partition >= 0);
        let added: Vec<TopicPartition> =
            given.iter().filter(|partition| !self.owned.contains(partition)).cloned().collect();
        let lost: Vec<TopicPartition> =
            self.owned.iter().filter(|partition| !given.contains(partition)).cloned().collect();
        self.phase = Phase::Stable;
        self.rejoin |= self.topics != self.joined_topics;
        self.heartbeat_due_ms = now.monotonic_ms + self.config.heartbeat_interval_ms;
        self.auto_commit_due_ms = now.monotonic_ms + self.config.auto_commit_interval_ms;
        if !lost.is_empty() {
            self.start_giving_back(now.monotonic_ms, lost, Then::Join, consumer);
        }
        for partition in &added {
            consumer.assign(partition.clone(), StartOffset::Committed);
        }
        self.owned.extend(added.iter().cloned());
        self.owned.sort_unstable();
        self.events.push_back(ConsumerEvent::Assigned(added));
    }
}

/// One whose subscription cannot be read wants nothing.
fn subscriber(assignor: Assignor, member: &JoinGroupResponseMember) -> Subscriber {
    let read = protocol::read_subscription(assignor, &member.member_id, &member.metadata);
    let instance_id = member.group_instance_id.as_ref().map(ToString::to_string);
    let nothing = Subscriber { member_id: member.member_id.to_string(), ..Subscriber::default() };
    Subscriber { instance_id, ..read.unwrap_or(nothing) }
}
