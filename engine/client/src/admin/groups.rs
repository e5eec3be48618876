//! Looking at groups and changing them. A group is asked of its coordinator, which is found first.

use headwater_engine::{Now, Offset, TopicPartition};

use super::messages::To;
use super::offsets::Asked;
use super::{Admin, AdminReply, AdminRequestId, ListedOffset, Operation};
use crate::error::ClientError;
use crate::group::{OffsetToCommit, coordinator};
use crate::metadata::Metadata;
use crate::network::{Address, Answer, Network};

mod exchange;

/// A member of a group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupMember {
    /// Its name in the group.
    pub member_id: String,
    /// Its name as a static member.
    pub instance_id: Option<String>,
    /// What its client calls itself.
    pub client_id: String,
    /// Where its client is.
    pub client_host: String,
    /// What it is given.
    pub assigned: Vec<TopicPartition>,
}

/// A group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupDescription {
    /// Its name.
    pub group_id: String,
    /// Its state by Kafka's name: `Empty`, `PreparingRebalance`, `CompletingRebalance`, `Stable`, `Dead`.
    pub state: String,
    /// How it shares partitions, by the assignor's name.
    pub assignor: String,
    /// Where its coordinator is.
    pub coordinator: Address,
    /// Its members.
    pub members: Vec<GroupMember>,
}

/// What a group has committed of a partition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupOffset {
    /// The partition.
    pub topic_partition: TopicPartition,
    /// The offset of the next record to read.
    pub committed: Offset,
    /// What was committed with it.
    pub metadata: String,
    /// The partition's end.
    pub end: Result<Option<Offset>, ClientError>,
}

impl GroupOffset {
    /// How many records the group has before it.
    #[must_use]
    pub fn lag(&self) -> Option<i64> {
        Some((self.end.clone().ok()?? - self.committed).max(0))
    }
}

/// What is done about a group.
#[derive(Debug)]
enum What {
    Describe,
    Delete,
    /// What is committed, and where the partitions end.
    Offsets {
        committed: Option<Vec<(TopicPartition, Offset, String)>>,
        ends: Vec<Asked>,
    },
    SetOffsets(Vec<OffsetToCommit>),
    DeleteOffsets(Vec<TopicPartition>),
}

#[derive(Debug)]
pub(super) struct GroupOperation {
    group_id: String,
    coordinator: Option<Address>,
    what: What,
}

/// Where an answer of the coordinator leads.
pub(super) enum Step {
    /// On to the next request.
    Next,
    Reply(AdminReply),
    Failed(ClientError),
}

impl GroupOperation {
    /// Once it is known what is committed, it is asked where that ends.
    pub(super) fn asks_leaders(&self) -> bool {
        matches!(self.what, What::Offsets { committed: Some(_), .. })
    }

    fn changes(&self) -> bool {
        !matches!(self.what, What::Describe | What::Offsets { .. })
    }

    pub(super) fn asked_of_leaders(&mut self) -> Option<&mut Vec<Asked>> {
        match &mut self.what {
            What::Offsets { committed: Some(_), ends } => Some(ends),
            _ => None,
        }
    }

    pub(super) fn with_ends(&mut self, ends: Vec<ListedOffset>) -> AdminReply {
        let committed = match &mut self.what {
            What::Offsets { committed, .. } => committed.take().unwrap_or_default(),
            _ => Vec::new(),
        };
        let offsets = committed.into_iter().zip(ends).map(|((topic_partition, committed, metadata), end)| {
            GroupOffset { topic_partition, committed, metadata, end: end.result }
        });
        AdminReply::GroupOffsets(offsets.collect())
    }

    /// Takes in an answer of the coordinator, or where that is.
    pub(super) fn take(&mut self, answer: Answer) -> Step {
        let step = match &self.coordinator {
            None => coordinator::found(answer).map(|address| {
                self.coordinator = Some(address);
                Step::Next
            }),
            Some(address) => {
                let address = address.clone();
                self.take_content(answer, address)
            }
        };
        step.unwrap_or_else(Step::Failed)
    }
}

impl Admin {
    fn group(&mut self, now: Now, group: &str, what: What) -> AdminRequestId {
        let operation = GroupOperation { group_id: group.to_owned(), coordinator: None, what };
        self.submit(now, Operation::Group(operation))
    }

    pub(crate) fn describe_group(&mut self, now: Now, group: &str) -> AdminRequestId {
        self.group(now, group, What::Describe)
    }

    pub(crate) fn delete_group(&mut self, now: Now, group: &str) -> AdminRequestId {
        self.group(now, group, What::Delete)
    }

    pub(crate) fn list_group_offsets(&mut self, now: Now, group: &str) -> AdminRequestId {
        self.group(now, group, What::Offsets { committed: None, ends: Vec::new() })
    }

    pub(crate) fn set_group_offsets(
        &mut self,
        now: Now,
        group: &str,
        offsets: Vec<OffsetToCommit>,
    ) -> AdminRequestId {
        self.group(now, group, What::SetOffsets(offsets))
    }

    pub(crate) fn delete_group_offsets(
        &mut self,
        now: Now,
        group: &str,
        partitions: Vec<TopicPartition>,
    ) -> AdminRequestId {
        self.group(now, group, What::DeleteOffsets(partitions))
    }

    /// Finds the coordinator, or asks it.
    pub(super) fn send_to_coordinator(
        &mut self,
        now: Now,
        id: u64,
        network: &mut Network,
        metadata: &mut Metadata,
    ) {
        let Some(pending) = self.pending.get_mut(&id) else { return };
        let Operation::Group(group) = &pending.operation else { return };
        let address = match &group.coordinator {
            Some(address) => {
                let lane = if group.changes() { self.config.lane_of_changes() } else { 0 };
                Some(address.on_lane(lane)).filter(|address| network.ready(address))
            }
            None => metadata.any_broker(now, network),
        };
        let Some(address) = address else { return };
        let tag = self.next_tag;
        let to = To { now, address: &address, tag, timeout_ms: self.config.request_timeout_ms };
        let sent = match &group.coordinator {
            Some(_) => group.send(&to, network),
            None => to.send(
                &coordinator::find_request(&group.group_id),
                coordinator::HIGHEST_FIND_VERSION,
                network,
            ),
        };
        match sent {
            Ok(()) => {
                pending.in_flight = 1;
                self.requests.insert(tag, (id, Vec::new()));
                self.next_tag += 1;
            }
            Err(error) => self.finish(id, Err(error)),
        }
    }

    pub(super) fn coordinator_answered(&mut self, now: Now, id: u64, step: Step) {
        match step {
            Step::Next => {}
            Step::Reply(reply) => self.finish(id, Ok(reply)),
            Step::Failed(error) if error.retriable => {
                if let Some(Operation::Group(group)) = self.pending.get_mut(&id).map(|p| &mut p.operation) {
                    group.coordinator = None;
                }
                self.again(now, id, error);
            }
            Step::Failed(error) => self.finish(id, Err(error)),
        }
    }
}
