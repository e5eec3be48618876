//! The group coordinator: consumer groups and their offsets, as a fold over `__consumer_offsets`.
//!
//! Which member reads which partition is a matter of the moment and lives in memory ([`crate::group`]). What outlasts it is
//! appended to the group's partition of `__consumer_offsets`, in Kafka's own records, and takes effect when it is committed:
//! a commit is answered and visible when its append is. After a restart groups are empty and have their offsets. Kafka brings
//! the members back and waits for their session time-outs; here those who were connected were so often in the page that is
//! gone too that their partitions would lie unread for that long, while a member that does live learns by its next heartbeat
//! that it has to join again.

mod admin;
mod coordinator;
mod coordinators_log;
mod copying;
mod membership;
mod offset_commit;
mod offset_fetch;
mod transactions;
mod upkeep;
mod view;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::GroupId;
use kafka_protocol::protocol::StrBytes;

use self::admin::PendingDeletes;
pub(super) use self::coordinator::{Waiting, partition_for};
use self::coordinators_log::Changes;
use self::copying::Copying;
pub(super) use self::copying::Encoded;
use self::transactions::PendingOffsets;
pub use self::view::{CommittedOffsetView, GroupMemberView, GroupView};
use super::Context;
use crate::error::ApiError;
use crate::fields::MAX_TEXT;
use crate::group::{Committed, Group, GroupMetadata};
use crate::sorted::SortedMap;
use crate::storage_op::LogId;
use crate::topic::OFFSETS_TOPIC;
use crate::types::ProducerId;

/// The most groups that a broker coordinates: each costs some hundred bytes of memory, and more for its members.
const MAX_GROUPS: usize = 10_000;

/// Groups that are coordinated here, and what is under way for them.
#[derive(Debug, Default)]
pub(super) struct Groups {
    by_id: SortedMap<String, Box<Coordinated>>,
    changes: Changes,
    deletes: PendingDeletes,
    copying: SortedMap<LogId, Copying>,
    /// Who waits for a topic of coordinators that is being made.
    waiting: Vec<(&'static str, Waiting)>,
    /// No group has anything to do before, on the monotonic clock; it may be later.
    next_due: Option<u64>,
    /// When expired offsets are looked for, on the monotonic clock.
    next_retention_check: Option<u64>,
}

/// A group and what it has committed.
#[derive(Debug)]
struct Coordinated {
    /// Its partition of `__consumer_offsets`.
    log: LogId,
    group: Group<Context>,
    /// By topic and partition.
    offsets: SortedMap<String, SortedMap<i32, Committed>>,
    /// What open transactions have, by their producers.
    pending: SortedMap<ProducerId, PendingOffsets>,
    /// The generation that is stored, and when that was.
    stored: Option<(GroupMetadata, i64)>,
    /// Since when it has no members, on the wall clock; none if it has some, or nobody knows.
    empty_since: Option<i64>,
}

impl Coordinated {
    fn new(log: LogId) -> Coordinated {
        Coordinated {
            log,
            group: Group::new(),
            offsets: SortedMap::new(),
            pending: SortedMap::new(),
            stored: None,
            empty_since: None,
        }
    }

    /// Whether it has offsets or members, or has had some.
    fn is_worth_keeping(&self) -> bool {
        let group = &self.group;
        let is_used = !group.is_empty() || group.has_pending_members() || group.generation() > 0;
        !self.offsets.is_empty() || !self.pending.is_empty() || is_used
    }

    fn committed(&self, topic: &str, partition: i32) -> Option<&Committed> {
        self.offsets.get(topic)?.get(&partition)
    }

    fn committed_partitions(&self) -> impl Iterator<Item = (&str, i32, &Committed)> {
        self.offsets.iter().flat_map(|(topic, partitions)| {
            partitions.iter().map(move |(&partition, committed)| (&topic[..], partition, committed))
        })
    }
}

impl Groups {
    /// The group of a coordinator's log; made if there is room.
    fn or_make(&mut self, log: LogId, group_id: &str) -> Result<&mut Coordinated, ApiError> {
        if !self.by_id.contains_key(group_id) {
            self.check_room()?;
        }
        Ok(self.by_id.or_insert_with(group_id.to_owned(), || Box::new(Coordinated::new(log))))
    }

    fn check_room(&self) -> Result<(), ApiError> {
        if self.by_id.len() < MAX_GROUPS {
            return Ok(());
        }
        let message = format!("There are {MAX_GROUPS} groups already, which is the most; delete some.");
        Err(ApiError::new(ResponseError::PolicyViolation, message))
    }
}

/// Names come in requests, where they can be longer than what a record holds.
fn check_group_id(group_id: &str) -> Result<(), ApiError> {
    if group_id.len() <= MAX_TEXT {
        return Ok(());
    }
    Err(ApiError::new(ResponseError::InvalidGroupId, "The group's id is too long."))
}

fn no_such_group() -> ApiError {
    ApiError::new(ResponseError::GroupIdNotFound, "There is no such group.")
}

pub(super) fn str_bytes(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

fn group_id(text: &str) -> GroupId {
    GroupId(str_bytes(text))
}
