//! Kafka's classic consumer groups as a state machine: who is a member, which generation it is, and who has to do what next.
//!
//! Nothing here knows frames, logs or clocks: times are milliseconds on the monotonic clock, given by the caller, and whoever
//! waits for an answer is a token `T` that comes back with it in an [`Output`]. After each call the outputs have to be taken.
//!
//! ```text
//!           first member joins             all have joined, or time is up        leader's assignment is stored
//!   Empty ──────────────────▶ Preparing ──────────────────────────▶ Completing ─────────────────────▶ Stable
//!     ▲                       ▲   │              a member joins, leaves or falls silent │                  │
//!     └───── nobody is left ──┼───┘ ◀───────────────────────────────────────────────────┴──────────────────┘
//! ```
//!
//! Sources: the Kafka protocol guide, KIP-62 (rebalance time-out), KIP-134 (initial delay), KIP-345 (static members), KIP-394
//! (member ids before joining), KIP-559 (protocol type and name), KIP-814 (static leaders skip the assignment).

mod consumer_protocol;
mod join;
mod member;
mod rebalance;
mod record;
mod sync;
#[cfg(test)]
mod tests;
mod timers;

use std::collections::VecDeque;

use bytes::Bytes;
use kafka_protocol::ResponseError;

pub(crate) use self::consumer_protocol::{assigned_partitions, subscribed_topics};
pub(crate) use self::join::Join;
use self::member::{Deadline, PendingMember, Waiting};
pub(crate) use self::member::{Member, Protocol};
use self::rebalance::Preparing;
pub(crate) use self::record::{Committed, GroupMetadata, MemberMetadata, OffsetsRecord};
pub(crate) use self::sync::Sync;
use crate::error::ApiError;

/// The protocol type of consumers; others (Connect's) have metadata that only they can read.
pub(crate) const CONSUMER: &str = "consumer";

/// A group and its members.
#[derive(Debug)]
pub(crate) struct Group<T> {
    /// In the order in which they joined.
    members: Vec<Member<T>>,
    /// Ids that were given out and not used for joining yet (KIP-394).
    pending: Vec<PendingMember>,
    phase: Phase,
    generation: i32,
    /// Empty as long as nobody has joined.
    protocol_type: String,
    protocol: Option<String>,
    leader: Option<String>,
    /// The leader's assignment while it is being stored.
    proposed: Option<Vec<(String, Bytes)>>,
    /// Who has not fetched its assignment by then is taken for gone.
    sync_deadline: Option<Deadline>,
    outputs: VecDeque<Output<T>>,
}

#[derive(Debug)]
enum Phase {
    Empty,
    Preparing(Preparing),
    Completing,
    Stable,
    /// Being deleted.
    Dead,
}

/// What comes of a call.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Output<T> {
    /// The answer to a [`Group::join`]. The id is the one that the member has from now on.
    Joined { token: T, member_id: String, result: Result<Generation, ApiError> },
    /// The answer to a [`Group::sync`].
    Synced { token: T, result: Result<Assignment, ApiError> },
    /// A generation is complete, or the last member is gone: it has to be stored. Unless it has no members,
    /// [`Group::stored`] says how that ended.
    Store(GroupMetadata),
}

/// What a member is told when all have joined.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Generation {
    pub(crate) generation: i32,
    pub(crate) protocol_type: String,
    pub(crate) protocol: Option<String>,
    pub(crate) leader: String,
    /// All members, if it is for this one to assign partitions to them.
    pub(crate) members: Vec<JoinedMember>,
    /// The leader gets the members to look after them, and assigns nothing (KIP-814).
    pub(crate) skip_assignment: bool,
}

/// A member as the leader sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct JoinedMember {
    pub(crate) id: String,
    pub(crate) instance_id: Option<String>,
    pub(crate) metadata: Bytes,
}

/// What was assigned to a member.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Assignment {
    pub(crate) protocol_type: String,
    pub(crate) protocol: Option<String>,
    pub(crate) assignment: Bytes,
}

/// How groups are set up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct GroupSettings {
    /// How long an empty group waits for more members when the first has joined (KIP-134).
    pub(crate) initial_rebalance_delay_ms: u64,
    pub(crate) max_size: usize,
}

impl<T: Copy> Group<T> {
    pub(crate) fn new() -> Group<T> {
        Group::recovered(String::new(), 0)
    }

    /// A group without members, as a restart finds it.
    pub(crate) fn recovered(protocol_type: String, generation: i32) -> Group<T> {
        Group {
            members: Vec::new(),
            pending: Vec::new(),
            phase: Phase::Empty,
            generation,
            protocol_type,
            protocol: None,
            leader: None,
            proposed: None,
            sync_deadline: None,
            outputs: VecDeque::new(),
        }
    }

    #[must_use]
    pub(crate) fn poll_output(&mut self) -> Option<Output<T>> {
        self.outputs.pop_front()
    }

    pub(crate) fn members(&self) -> &[Member<T>] {
        &self.members
    }

    pub(crate) fn generation(&self) -> i32 {
        self.generation
    }

    pub(crate) fn protocol_type(&self) -> &str {
        &self.protocol_type
    }

    /// The protocol that the members have agreed on.
    pub(crate) fn protocol(&self) -> Option<&str> {
        self.protocol.as_deref()
    }

    /// The state's name in Kafka (KIP-518).
    pub(crate) fn state(&self) -> &'static str {
        match self.phase {
            Phase::Empty => "Empty",
            Phase::Preparing(_) => "PreparingRebalance",
            Phase::Completing => "CompletingRebalance",
            Phase::Stable => "Stable",
            Phase::Dead => "Dead",
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        matches!(self.phase, Phase::Empty)
    }

    pub(crate) fn is_stable(&self) -> bool {
        matches!(self.phase, Phase::Stable)
    }

    pub(crate) fn is_dead(&self) -> bool {
        matches!(self.phase, Phase::Dead)
    }

    /// Whether an id was given out that may still be joined with.
    pub(crate) fn has_pending_members(&self) -> bool {
        !self.pending.is_empty()
    }

    /// An empty group is about to be deleted: nobody can join any more.
    pub(crate) fn begin_delete(&mut self) {
        self.phase = Phase::Dead;
    }

    /// It could not be deleted.
    pub(crate) fn undo_delete(&mut self) {
        self.phase = Phase::Empty;
    }

    /// The topics that some member wants, if the members are consumers that say so.
    pub(crate) fn subscribed_topics(&self) -> Option<Vec<String>> {
        if self.protocol_type != CONSUMER {
            return None;
        }
        let protocol = self.protocol.as_deref()?;
        let mut topics = Vec::new();
        for member in &self.members {
            topics.extend(subscribed_topics(&member.metadata(protocol))?);
        }
        Some(topics)
    }

    fn position(&self, member_id: &str) -> Option<usize> {
        self.members.iter().position(|member| member.id == member_id)
    }

    fn position_of_instance(&self, instance_id: &str) -> Option<usize> {
        self.members.iter().position(|member| member.instance_id.as_deref() == Some(instance_id))
    }

    fn is_leader(&self, index: usize) -> bool {
        self.leader.as_deref() == Some(&self.members[index].id[..])
    }

    fn max_rebalance_timeout_ms(&self) -> u64 {
        self.members.iter().map(|member| member.rebalance_timeout_ms).max().unwrap_or(0)
    }

    /// The place of a member that says who it is: by its id, and by its instance id if it is static (KIP-345).
    fn known(&self, member_id: &str, instance_id: Option<&str>) -> Result<usize, ApiError> {
        let unknown = || {
            ApiError::new(ResponseError::UnknownMemberId, "The group has no such member; it may join again.")
        };
        let Some(instance_id) = instance_id else {
            return self.position(member_id).ok_or_else(unknown);
        };
        let index = self.position_of_instance(instance_id).ok_or_else(unknown)?;
        if self.members[index].id == member_id {
            return Ok(index);
        }
        let message = format!("Another member has taken the place of instance {instance_id}.");
        Err(ApiError::new(ResponseError::FencedInstanceId, message))
    }

    fn check_alive(&self) -> Result<(), ApiError> {
        if self.is_dead() {
            return Err(ApiError::new(ResponseError::CoordinatorNotAvailable, "The group is being deleted."));
        }
        Ok(())
    }

    fn check_generation(&self, generation: i32) -> Result<(), ApiError> {
        if generation == self.generation {
            return Ok(());
        }
        let message = format!("Generation {generation} is not the group's, which is {}.", self.generation);
        Err(ApiError::new(ResponseError::IllegalGeneration, message))
    }

    fn answer_join(&mut self, token: T, member_id: &str, result: Result<Generation, ApiError>) {
        self.outputs.push_back(Output::Joined { token, member_id: member_id.to_owned(), result });
    }

    fn answer_sync(&mut self, token: T, result: Result<Assignment, ApiError>) {
        self.outputs.push_back(Output::Synced { token, result });
    }

    /// Has a member wait for something else than before; who waited for it before gets `error`.
    fn wait(&mut self, index: usize, waiting: Waiting<T>, error: &ApiError) {
        let member = &mut self.members[index];
        let id = member.id.clone();
        match std::mem::replace(&mut member.waiting, waiting) {
            Waiting::No => {}
            Waiting::Join(token, _) => self.answer_join(token, &id, Err(error.clone())),
            Waiting::Sync(token) => self.answer_sync(token, Err(error.clone())),
        }
    }
}

/// The error for whoever has to join again.
fn rebalancing() -> ApiError {
    ApiError::new(ResponseError::RebalanceInProgress, "The group is rebalancing; members join again.")
}
