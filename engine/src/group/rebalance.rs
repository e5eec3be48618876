//! From one generation to the next: waiting for the members, choosing a protocol and a leader.

use bytes::Bytes;

use super::member::{Deadline, Waiting};
use super::{Group, GroupMetadata, JoinedMember, MemberMetadata, Output, Phase, rebalancing};

/// Waiting for members to join.
#[derive(Debug)]
pub(super) struct Preparing {
    pub(super) deadline: Deadline,
    initial: Option<InitialDelay>,
}

/// The first members of a group have others awaited (KIP-134): as long as some come, up to the rebalance time-out.
#[derive(Debug)]
struct InitialDelay {
    delay_ms: u64,
    remaining_ms: u64,
    member_was_added: bool,
}

impl Preparing {
    fn new(deadline: u64, initial: Option<InitialDelay>) -> Preparing {
        Preparing { deadline: Deadline::new(deadline), initial }
    }

    /// Whether this is the initial delay: when it ends late, nobody has lost anything.
    pub(super) fn is_initial(&self) -> bool {
        self.initial.is_some()
    }

    pub(super) fn member_was_added(&mut self) {
        if let Some(initial) = &mut self.initial {
            initial.member_was_added = true;
        }
    }
}

impl<T: Copy> Group<T> {
    /// Has all members join again, unless that is under way.
    pub(super) fn rebalance(&mut self, now: u64, initial_delay_ms: u64) {
        let timeout_ms = self.max_rebalance_timeout_ms();
        let (delay_ms, initial) = match self.phase {
            Phase::Preparing(_) | Phase::Dead => return,
            Phase::Empty => {
                let remaining_ms = timeout_ms.saturating_sub(initial_delay_ms);
                let initial =
                    InitialDelay { delay_ms: initial_delay_ms, remaining_ms, member_was_added: false };
                (initial_delay_ms, Some(initial))
            }
            Phase::Completing | Phase::Stable => (timeout_ms, None),
        };
        for index in 0..self.members.len() {
            if matches!(self.members[index].waiting, Waiting::Sync(_)) {
                self.members[index].heard(now);
                self.wait(index, Waiting::No, &rebalancing());
            }
        }
        self.proposed = None;
        self.sync_deadline = None;
        self.phase = Phase::Preparing(Preparing::new(now + delay_ms, initial));
    }

    /// Completes a rebalance for which nobody has to be waited for. That it has waited long enough is for
    /// [`Group::handle_timeout`] to say: who has come in time may not have been looked at.
    pub(super) fn advance(&mut self, now: u64) {
        let all_joined = self.pending.is_empty() && self.members.iter().all(|member| member.is_joining());
        if let Phase::Preparing(preparing) = &self.phase
            && preparing.initial.as_ref().map_or(all_joined, |initial| initial.delay_ms == 0)
        {
            self.complete_join(now);
        }
    }

    /// Members have been waited for long enough.
    pub(super) fn preparing_ended(&mut self, now: u64) {
        if let Phase::Preparing(Preparing { deadline, initial: Some(initial) }) = &mut self.phase
            && initial.member_was_added
            && initial.remaining_ms > 0
        {
            let delay_ms = initial.delay_ms.min(initial.remaining_ms);
            initial.remaining_ms -= delay_ms;
            initial.member_was_added = false;
            *deadline = Deadline::new(now + delay_ms);
            return;
        }
        self.complete_join(now);
    }

    /// The next generation begins with those who have joined, and with static members that may come back.
    fn complete_join(&mut self, now: u64) {
        self.members.retain(|member| member.is_joining() || member.instance_id.is_some());
        if self.members.is_empty() {
            self.become_empty();
            return;
        }
        if !self.elect_leader() {
            // Nobody is there who could lead: the static members have another time-out to come back.
            let deadline = now + self.max_rebalance_timeout_ms().max(1);
            self.phase = Phase::Preparing(Preparing::new(deadline, None));
            return;
        }
        self.generation = self.generation.wrapping_add(1).max(1);
        self.protocol = self.select_protocol();
        self.phase = Phase::Completing;
        self.sync_deadline = Some(Deadline::new(now + self.max_rebalance_timeout_ms()));
        for index in 0..self.members.len() {
            let is_leader = self.is_leader(index);
            let member = &mut self.members[index];
            member.is_new = false;
            member.has_synced = false;
            if let Waiting::Join(token, _) = std::mem::replace(&mut member.waiting, Waiting::No) {
                member.heard(now);
                let id = member.id.clone();
                let generation = self.current_generation(is_leader);
                self.answer_join(token, &id, Ok(generation));
            }
        }
    }

    /// The generation counts on, so that nobody of the last one can commit.
    fn become_empty(&mut self) {
        self.generation = self.generation.wrapping_add(1).max(1);
        self.protocol = None;
        self.leader = None;
        self.phase = Phase::Empty;
        self.outputs.push_back(Output::Store(self.to_metadata(&[])));
    }

    /// A leader that has not joined again is replaced; false if nobody has joined.
    fn elect_leader(&mut self) -> bool {
        let is_joining = |id: &str| self.position(id).is_some_and(|index| self.members[index].is_joining());
        if self.leader.as_deref().is_some_and(is_joining) {
            return true;
        }
        let joined = self.members.iter().find(|member| member.is_joining()).map(|member| member.id.clone());
        let is_found = joined.is_some();
        if is_found {
            self.leader = joined;
        }
        is_found
    }

    /// Each member votes for the one it likes best of the protocols that all have; of several with as many votes it is the
    /// one that the first member likes best.
    pub(super) fn select_protocol(&self) -> Option<String> {
        let first = self.members.first()?;
        let is_common = |name: &str| self.members.iter().all(|member| member.supports(name));
        let votes = |candidate: &str| {
            let vote = |member: &super::Member<T>| {
                let best = member.protocols.iter().find(|protocol| is_common(&protocol.name));
                best.is_some_and(|best| best.name == candidate)
            };
            self.members.iter().filter(|member| vote(member)).count()
        };
        let common = first.protocols.iter().filter(|protocol| is_common(&protocol.name));
        // Of equals `max_by_key` takes the last.
        common.rev().max_by_key(|protocol| votes(&protocol.name)).map(|protocol| protocol.name.clone())
    }

    pub(super) fn joined_members(&self) -> Vec<JoinedMember> {
        let protocol = self.protocol.as_deref().unwrap_or_default();
        let joined = self.members.iter().map(|member| JoinedMember {
            id: member.id.clone(),
            instance_id: member.instance_id.clone(),
            metadata: member.metadata(protocol),
        });
        joined.collect()
    }

    /// The generation as it is stored, with these assignments.
    pub(super) fn to_metadata(&self, assignments: &[(String, Bytes)]) -> GroupMetadata {
        let protocol = self.protocol.as_deref().unwrap_or_default();
        let members = self.members.iter().map(|member| MemberMetadata {
            id: member.id.clone(),
            instance_id: member.instance_id.clone(),
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            rebalance_timeout_ms: i32::try_from(member.rebalance_timeout_ms).unwrap_or(i32::MAX),
            session_timeout_ms: i32::try_from(member.session_timeout_ms).unwrap_or(i32::MAX),
            subscription: member.metadata(protocol),
            assignment: assignment_of(assignments, &member.id),
        });
        GroupMetadata {
            protocol_type: self.protocol_type.clone(),
            generation: self.generation,
            protocol: self.protocol.clone(),
            leader: self.leader.clone(),
            members: members.collect(),
        }
    }

    /// Takes a member out; whoever waits as this member is told that it is unknown.
    pub(super) fn remove_member(&mut self, now: u64, index: usize) {
        let unknown = kafka_protocol::ResponseError::UnknownMemberId;
        let error = crate::error::ApiError::new(unknown, "The member was removed from the group.");
        let was_leader = self.is_leader(index);
        self.wait(index, Waiting::No, &error);
        self.members.remove(index);
        if was_leader {
            self.leader = self.members.first().map(|member| member.id.clone());
        }
        self.rebalance(now, 0);
    }
}

/// What was assigned to a member; nothing if the leader has not named it.
pub(super) fn assignment_of(assignments: &[(String, Bytes)], member_id: &str) -> Bytes {
    let named = assignments.iter().find(|(id, _)| id == member_id);
    named.map(|(_, assignment)| assignment.clone()).unwrap_or_default()
}
