//! SyncGroup, Heartbeat, LeaveGroup, and whether a commit may be made: what members do between two rebalances.

use bytes::Bytes;
use kafka_protocol::ResponseError;

use super::member::Waiting;
use super::rebalance::assignment_of;
use super::{Assignment, Group, Output, Phase, rebalancing};
use crate::error::ApiError;

/// A member asks for its assignment; the leader brings those of all.
#[derive(Debug)]
pub(crate) struct Sync<T> {
    pub(crate) token: T,
    pub(crate) member_id: String,
    pub(crate) instance_id: Option<String>,
    pub(crate) generation: i32,
    /// Checked if they are given (KIP-559).
    pub(crate) protocol_type: Option<String>,
    pub(crate) protocol: Option<String>,
    pub(crate) assignments: Vec<(String, Bytes)>,
}

impl<T: Copy> Group<T> {
    /// A member asks for its assignment: it is answered when there is one.
    pub(crate) fn sync(&mut self, now: u64, sync: Sync<T>) {
        let index = match self.check_sync(&sync) {
            Ok(index) => index,
            Err(error) => {
                self.answer_sync(sync.token, Err(error));
                return;
            }
        };
        self.members[index].heard(now);
        self.members[index].has_synced = true;
        if self.members.iter().all(|member| member.has_synced) {
            self.sync_deadline = None;
        }
        if matches!(self.phase, Phase::Stable) {
            let assignment = self.assignment(index);
            self.answer_sync(sync.token, Ok(assignment));
            return;
        }
        self.wait(index, Waiting::Sync(sync.token), &rebalancing());
        if self.is_leader(index) && self.proposed.is_none() {
            self.outputs.push_back(Output::Store(self.to_metadata(&sync.assignments)));
            self.proposed = Some(sync.assignments);
        }
    }

    fn check_sync(&self, sync: &Sync<T>) -> Result<usize, ApiError> {
        self.check_alive()?;
        let index = self.known(&sync.member_id, sync.instance_id.as_deref())?;
        self.check_generation(sync.generation)?;
        let differs = |named: &Option<String>, own: Option<&str>| {
            named.as_deref().is_some_and(|named| Some(named) != own)
        };
        if differs(&sync.protocol_type, Some(&self.protocol_type))
            || differs(&sync.protocol, self.protocol.as_deref())
        {
            let message = "The member's protocol is not the group's.";
            return Err(ApiError::new(ResponseError::InconsistentGroupProtocol, message));
        }
        match self.phase {
            Phase::Completing | Phase::Stable => Ok(index),
            _ => Err(rebalancing()),
        }
    }

    fn assignment(&self, index: usize) -> Assignment {
        Assignment {
            protocol_type: self.protocol_type.clone(),
            protocol: self.protocol.clone(),
            assignment: self.members[index].assignment.clone(),
        }
    }

    /// The generation was stored, or could not be: then all try again. Nothing follows if another rebalance has begun.
    pub(crate) fn stored(&mut self, now: u64, generation: i32, result: Result<(), ApiError>) {
        if generation != self.generation || !matches!(self.phase, Phase::Completing) {
            return;
        }
        let Some(assignments) = self.proposed.take() else {
            return;
        };
        match result {
            Ok(()) => {
                self.phase = Phase::Stable;
                for index in 0..self.members.len() {
                    let member = &mut self.members[index];
                    member.assignment = assignment_of(&assignments, &member.id);
                    if let Waiting::Sync(token) = std::mem::replace(&mut member.waiting, Waiting::No) {
                        member.heard(now);
                        let assignment = self.assignment(index);
                        self.answer_sync(token, Ok(assignment));
                    }
                }
            }
            Err(error) => {
                for index in 0..self.members.len() {
                    self.members[index].heard(now);
                    self.wait(index, Waiting::No, &error);
                }
                self.rebalance(now, 0);
            }
        }
    }

    /// Word of a member of this generation.
    fn hear(
        &mut self,
        now: u64,
        member_id: &str,
        instance_id: Option<&str>,
        generation: i32,
    ) -> Result<(), ApiError> {
        let index = self.known(member_id, instance_id)?;
        self.check_generation(generation)?;
        self.members[index].heard(now);
        Ok(())
    }

    /// A member is there.
    ///
    /// # Errors
    /// When it is not one, or should join again.
    pub(crate) fn heartbeat(
        &mut self,
        now: u64,
        member_id: &str,
        instance_id: Option<&str>,
        generation: i32,
    ) -> Result<(), ApiError> {
        self.check_alive()?;
        self.hear(now, member_id, instance_id, generation)?;
        match self.phase {
            Phase::Preparing(_) => Err(rebalancing()),
            _ => Ok(()),
        }
    }

    /// A member leaves. A static one may be named by its instance id alone, as an admin does (KIP-345).
    ///
    /// # Errors
    /// When there is no such member.
    pub(crate) fn leave(
        &mut self,
        now: u64,
        member_id: &str,
        instance_id: Option<&str>,
    ) -> Result<(), ApiError> {
        self.check_alive()?;
        if let Some(index) = self.pending.iter().position(|pending| pending.id == member_id) {
            self.pending.remove(index);
            self.advance(now);
            return Ok(());
        }
        let by_instance = instance_id.filter(|_| member_id.is_empty());
        let index = match by_instance.map(|instance_id| self.position_of_instance(instance_id)) {
            Some(Some(index)) => index,
            _ => self.known(member_id, instance_id)?,
        };
        self.remove_member(now, index);
        self.advance(now);
        Ok(())
    }

    /// Whether offsets may be committed by whoever says that it is this member of this generation. A generation below 0 is
    /// that of a client which assigns partitions to itself; it can commit as long as the group has no members.
    ///
    /// # Errors
    /// When they may not, in the words of Kafka.
    pub(crate) fn check_commit(
        &mut self,
        now: u64,
        member_id: &str,
        instance_id: Option<&str>,
        generation: i32,
    ) -> Result<(), ApiError> {
        self.check_alive()?;
        if generation < 0 && self.members.is_empty() {
            return Ok(());
        }
        self.hear(now, member_id, instance_id, generation)?;
        match self.phase {
            // Whether the partitions are still its own is being decided.
            Phase::Completing => Err(rebalancing()),
            _ => Ok(()),
        }
    }

    /// The same for offsets in a transaction (KIP-447): clients that cannot say who they are may commit, and so may a member while
    /// others join.
    pub(crate) fn check_transactional_commit(
        &mut self,
        now: u64,
        member_id: &str,
        instance_id: Option<&str>,
        generation: i32,
    ) -> Result<(), ApiError> {
        self.check_alive()?;
        let is_anonymous = member_id.is_empty() && instance_id.is_none();
        if generation < 0 && (is_anonymous || self.members.is_empty()) {
            return Ok(());
        }
        self.hear(now, member_id, instance_id, generation)?;
        Ok(())
    }
}
