//! A group as it is shown: what its coordinator says and what the consumers of this page say, in one.

use headwater_worker_protocol::{
    ConsumedRecord, ConsumerPartition, ConsumerRequest, ConsumerSnapshot, ConsumerState, ErrorReport,
    GroupMember, GroupOffset, GroupSnapshot,
};

use crate::state::rates::RateMeter;

/// A group with its members and offsets.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) name: String,
    /// Kafka's name for its state; none before its coordinator has said.
    pub(crate) state: Option<String>,
    pub(crate) assignor: String,
    /// Where a consumer of this page has joined.
    pub(crate) generation: Option<i32>,
    /// Consumers of this page, also ended ones; then members that belong to others.
    pub(crate) members: Vec<Member>,
    pub(crate) partitions: Vec<GroupPartition>,
    /// In sum, of the partitions where it is known.
    pub(crate) lag: u64,
    /// Whether it is known of all partitions that are there.
    pub(crate) is_lag_known: bool,
    /// The lag fell to nothing with the last figures.
    pub(super) has_caught_up: bool,
    /// What was asked for when the last consumer was started.
    pub(super) last_request: Option<ConsumerRequest>,
}

/// A consumer, of this page or of somebody else.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    /// Its name at the clients' worker; none of somebody else's.
    pub(crate) consumer: Option<u64>,
    /// As the client calls itself.
    pub(crate) client_id: String,
    pub(crate) member_id: String,
    pub(crate) instance_id: Option<String>,
    pub(crate) state: MemberState,
    pub(crate) partitions: Vec<ConsumerPartition>,
    pub(crate) records: u64,
    /// Records a second, over the last two seconds.
    pub(crate) rate: f64,
    pub(crate) last_records: Vec<ConsumedRecord>,
    meter: RateMeter,
}

/// How a member stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum MemberState {
    Joining,
    Assigned,
    Leaving,
    Left,
    /// It went without a word. True: the group does not know yet.
    Killed(bool),
    Failed(ErrorReport),
    /// The coordinator knows it, this page does not.
    Elsewhere,
}

/// How far a group is in a partition.
#[derive(Clone, Debug)]
pub(crate) struct GroupPartition {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) committed: Option<i64>,
    pub(crate) start: i64,
    pub(crate) end: Option<i64>,
    /// Who reads it, by index among the members.
    pub(crate) member: Option<usize>,
}

impl GroupPartition {
    /// Records that are not yet read, as far as is committed.
    pub(crate) fn lag(&self) -> Option<u64> {
        let end = self.end?;
        // In an empty partition there is nothing to commit.
        let committed = self.committed.or((end == self.start).then_some(end))?;
        Some(end.saturating_sub(committed).max(0).unsigned_abs())
    }
}

impl Group {
    pub(super) fn new<'a>(
        name: &str,
        group: Option<&GroupSnapshot>,
        consumers: impl Iterator<Item = &'a ConsumerSnapshot> + Clone,
        before: Option<&Group>,
        now_ms: f64,
    ) -> Group {
        let known = group.map_or(&[][..], |group| &group.members);
        let mut members: Vec<Member> =
            consumers.clone().map(|consumer| Member::of_page(consumer, known, before, now_ms)).collect();
        let ours = |member: &&GroupMember| consumers.clone().any(|ours| ours.member_id == member.member_id);
        members.extend(known.iter().filter(|member| !ours(member)).map(Member::elsewhere));
        let offsets = group.map_or(&[][..], |group| &group.offsets);
        let partitions: Vec<_> = offsets.iter().map(|offset| partition(offset, &members)).collect();
        let lag = partitions.iter().filter_map(GroupPartition::lag).sum();
        let unknown = |partition: &GroupPartition| partition.end.is_some() && partition.lag().is_none();
        let is_lag_known = !partitions.is_empty() && !partitions.iter().any(unknown);
        let running = consumers.clone().filter(|consumer| is_running(&consumer.state));
        Group {
            state: group.map(|group| group.state.clone()),
            assignor: group.map_or(String::new(), |group| group.assignor.clone()),
            generation: running
                .map(|consumer| consumer.generation)
                .max()
                .filter(|generation| *generation >= 0),
            has_caught_up: is_lag_known
                && lag == 0
                && before.is_some_and(|before| before.lag > 0 || !before.is_lag_known),
            is_lag_known,
            last_request: consumers.last().map(|consumer| consumer.request.clone()),
            name: name.to_owned(),
            members,
            partitions,
            lag,
        }
    }

    /// Whether a member of it lives: then its offsets are its members' alone.
    pub(crate) fn has_members(&self) -> bool {
        !matches!(self.state.as_deref(), Some("Empty" | "Dead"))
    }
}

impl Member {
    fn of_page(
        consumer: &ConsumerSnapshot,
        known: &[GroupMember],
        before: Option<&Group>,
        now_ms: f64,
    ) -> Member {
        let before = before
            .and_then(|group| group.members.iter().find(|member| member.consumer == Some(consumer.consumer)));
        let mut meter = before.map(|member| member.meter.clone()).unwrap_or_default();
        meter.push(now_ms, consumer.records);
        let awaited = || known.iter().any(|member| member.member_id == consumer.member_id);
        Member {
            consumer: Some(consumer.consumer),
            client_id: format!("consumer-{}", consumer.consumer),
            member_id: consumer.member_id.clone(),
            instance_id: consumer.request.instance_id.clone(),
            state: match &consumer.state {
                ConsumerState::Joining => MemberState::Joining,
                ConsumerState::Assigned => MemberState::Assigned,
                ConsumerState::Leaving => MemberState::Leaving,
                ConsumerState::Left => MemberState::Left,
                ConsumerState::Killed => MemberState::Killed(awaited()),
                ConsumerState::Failed(report) => MemberState::Failed(report.clone()),
            },
            partitions: consumer.partitions.clone(),
            records: consumer.records,
            rate: meter.per_second(now_ms),
            last_records: consumer.last_records.clone(),
            meter,
        }
    }

    fn elsewhere(member: &GroupMember) -> Member {
        let partition = |(topic, partition): &(String, i32)| ConsumerPartition {
            topic: topic.clone(),
            partition: *partition,
            ..ConsumerPartition::default()
        };
        Member {
            consumer: None,
            client_id: member.client_id.clone(),
            member_id: member.member_id.clone(),
            instance_id: member.instance_id.clone(),
            state: MemberState::Elsewhere,
            partitions: member.partitions.iter().map(partition).collect(),
            records: 0,
            rate: 0.0,
            last_records: Vec::new(),
            meter: RateMeter::default(),
        }
    }

    pub(super) fn rate_at(&self, now_ms: f64) -> f64 {
        if self.consumer.is_some() { self.meter.per_second(now_ms) } else { 0.0 }
    }

    /// Whether the group counts on it.
    pub(crate) fn is_in_group(&self) -> bool {
        !matches!(self.state, MemberState::Left | MemberState::Killed(false) | MemberState::Failed(_))
    }

    /// Whether it can be stopped or killed.
    pub(crate) fn is_running(&self) -> bool {
        self.consumer.is_some() && matches!(self.state, MemberState::Joining | MemberState::Assigned)
    }
}

pub(super) fn is_running(state: &ConsumerState) -> bool {
    matches!(state, ConsumerState::Joining | ConsumerState::Assigned | ConsumerState::Leaving)
}

fn partition(offset: &GroupOffset, members: &[Member]) -> GroupPartition {
    let reads = |member: &Member| {
        let mut partitions = member.partitions.iter();
        partitions.any(|read| read.partition == offset.partition && read.topic == offset.topic)
    };
    GroupPartition {
        topic: offset.topic.clone(),
        partition: offset.partition,
        committed: offset.committed,
        start: offset.log_start_offset,
        end: offset.end_offset,
        member: members.iter().position(reads),
    }
}
