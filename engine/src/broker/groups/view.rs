//! What a coordinator shows of its groups.

use super::Coordinated;
use crate::broker::Broker;
use crate::group::{CONSUMER, assigned_partitions};
use crate::types::Offset;

/// A group that this broker coordinates, as it stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupView<'a> {
    /// Its id.
    pub group_id: &'a str,
    /// Its state, as Kafka calls it: `Empty`, `PreparingRebalance`, `CompletingRebalance`, `Stable` or `Dead`.
    pub state: &'static str,
    /// `consumer` for a group of consumers; empty if nobody has ever joined.
    pub protocol_type: &'a str,
    /// How the members share the partitions (`range`), if they have agreed.
    pub protocol: Option<&'a str>,
    /// Counts the rebalances.
    pub generation: i32,
    /// In the order in which they joined.
    pub members: Vec<GroupMemberView<'a>>,
    /// By topic and partition.
    pub offsets: Vec<CommittedOffsetView<'a>>,
}

/// A member of a group, as it stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupMemberView<'a> {
    /// Its id, given by the coordinator.
    pub member_id: &'a str,
    /// Its `group.instance.id`, if it is a static member (KIP-345).
    pub instance_id: Option<&'a str>,
    /// What it calls itself (`client.id`).
    pub client_id: &'a str,
    /// Where it is, as far as the broker knows.
    pub client_host: &'a str,
    /// The partitions that it reads, by topic; none of a protocol that is not the consumers'.
    pub assignment: Vec<(String, Vec<i32>)>,
}

/// How far a group has read a partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CommittedOffsetView<'a> {
    /// The topic's name.
    pub topic: &'a str,
    /// The partition's index.
    pub partition: i32,
    /// The offset of the next record to read.
    pub offset: Offset,
    /// How many records are before it, if this broker leads the partition.
    pub lag: Option<i64>,
}

impl Broker {
    /// The groups that this broker coordinates, by id.
    pub fn groups(&self) -> impl Iterator<Item = GroupView<'_>> {
        self.groups.by_id.iter().map(|(id, coordinated)| self.group_view(id, coordinated))
    }

    fn group_view<'a>(&'a self, id: &'a str, coordinated: &'a Coordinated) -> GroupView<'a> {
        let group = &coordinated.group;
        let is_consumer = group.protocol_type() == CONSUMER;
        let members = group.members().iter().map(|member| GroupMemberView {
            member_id: &member.id,
            instance_id: member.instance_id.as_deref(),
            client_id: &member.client_id,
            client_host: &member.client_host,
            assignment: if is_consumer {
                assigned_partitions(&member.assignment).unwrap_or_default()
            } else {
                Vec::new()
            },
        });
        let offsets =
            coordinated.committed_partitions().map(|(topic, partition, committed)| CommittedOffsetView {
                topic,
                partition,
                offset: committed.offset,
                lag: self.log_end_offset(topic, partition).map(|end| (end - committed.offset).max(0)),
            });
        GroupView {
            group_id: id,
            state: group.state(),
            protocol_type: group.protocol_type(),
            protocol: group.protocol(),
            generation: group.generation(),
            members: members.collect(),
            offsets: offsets.collect(),
        }
    }

    fn log_end_offset(&self, topic: &str, partition: i32) -> Option<Offset> {
        let log = self.topics.by_name(topic)?.log_id(partition);
        Some(self.partitions.get(&log)?.high_watermark())
    }
}
