//! Consuming as a member of a group ([`ConsumerConfig::group`](crate::ConsumerConfig::group)), and administration of groups.

use headwater_engine::{Now, TopicPartition};

use super::{Client, ConsumerId};
use crate::admin::AdminRequestId;
use crate::consumer::StartOffset;
use crate::group::{CommitId, Member, Membership, OffsetToCommit};

impl Client {
    fn member(&mut self, consumer: ConsumerId) -> Option<&mut Member> {
        self.consumers.get_mut(&consumer.0)?.member()
    }

    /// Has a consumer share these topics with the other members of its group. Topics that are not there yet are waited
    /// for. None: it leaves the group. What it gets and gives back is told by [`Client::poll_consumer`].
    pub fn subscribe(&mut self, now: Now, consumer: ConsumerId, topics: Vec<String>) {
        if let Some(member) = self.member(consumer) {
            member.subscribe(now, topics);
        }
    }

    /// Has a consumer commit what is to be committed, leave its group and go; its last event is
    /// [`ConsumerEvent::Closed`](crate::ConsumerEvent::Closed), which may take `request.timeout.ms`. One without a group goes at once.
    pub fn close_consumer(&mut self, now: Now, consumer: ConsumerId) {
        match self.member(consumer) {
            Some(member) => member.end(now, true),
            None => self.remove_consumer(consumer),
        }
    }

    /// Commits offsets for the consumer's group; none given: its positions. How it ends is told by
    /// [`ConsumerEvent::Committed`](crate::ConsumerEvent::Committed). Returns none if the consumer has no group.
    pub fn commit(
        &mut self,
        now: Now,
        consumer: ConsumerId,
        offsets: Option<Vec<OffsetToCommit>>,
    ) -> Option<CommitId> {
        let consumer = self.consumers.get_mut(&consumer.0)?;
        let offsets = offsets.unwrap_or_else(|| {
            let positions = consumer.positions().map(|(topic_partition, offset)| OffsetToCommit {
                topic_partition: topic_partition.clone(),
                offset,
                metadata: String::new(),
            });
            positions.collect()
        });
        Some(consumer.member()?.commit(now, offsets))
    }

    /// Has a consumer go on elsewhere in a partition that it reads. Returns whether it reads it.
    pub fn seek(
        &mut self,
        consumer: ConsumerId,
        topic_partition: &TopicPartition,
        start: StartOffset,
    ) -> bool {
        let Some(consumer) = self.consumers.get_mut(&consumer.0) else { return false };
        let reads = consumer.partition_state(topic_partition).is_some();
        if reads {
            consumer.assign(topic_partition.clone(), start);
        }
        reads
    }

    /// How a consumer stands with its group; none if it has none.
    #[must_use]
    pub fn membership(&self, consumer: ConsumerId) -> Option<Membership> {
        self.consumers.get(&consumer.0)?.membership()
    }
}

/// Administration of groups. Every request is answered once by [`Client::poll_admin`].
impl Client {
    /// Asks for all groups; answered with [`AdminReply::Groups`](crate::AdminReply::Groups).
    pub fn list_groups(&mut self, now: Now) -> AdminRequestId {
        self.admin.list_groups(now)
    }

    /// Asks for a group and its members; answered with [`AdminReply::Group`](crate::AdminReply::Group).
    pub fn describe_group(&mut self, now: Now, group: &str) -> AdminRequestId {
        self.admin.describe_group(now, group)
    }

    /// Deletes a group that has no members, with its offsets; answered with [`AdminReply::Done`](crate::AdminReply::Done).
    pub fn delete_group(&mut self, now: Now, group: &str) -> AdminRequestId {
        self.admin.delete_group(now, group)
    }

    /// Asks for what a group has committed, and where these partitions end; answered with
    /// [`AdminReply::GroupOffsets`](crate::AdminReply::GroupOffsets).
    pub fn list_group_offsets(&mut self, now: Now, group: &str) -> AdminRequestId {
        self.admin.list_group_offsets(now, group)
    }

    /// Sets the offsets of a group that has no members; answered with
    /// [`AdminReply::Partitions`](crate::AdminReply::Partitions).
    pub fn set_group_offsets(
        &mut self,
        now: Now,
        group: &str,
        offsets: Vec<OffsetToCommit>,
    ) -> AdminRequestId {
        self.admin.set_group_offsets(now, group, offsets)
    }

    /// Forgets what a group has committed of partitions whose topics it is not subscribed to; answered with
    /// [`AdminReply::Partitions`](crate::AdminReply::Partitions).
    pub fn delete_group_offsets(
        &mut self,
        now: Now,
        group: &str,
        partitions: Vec<TopicPartition>,
    ) -> AdminRequestId {
        self.admin.delete_group_offsets(now, group, partitions)
    }
}
