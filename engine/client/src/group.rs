//! A consumer's membership of a group, by Kafka's classic protocol (KIP-62, KIP-345, KIP-394, KIP-429): it finds the
//! coordinator, joins, gets partitions, says that it is alive, commits, and gives partitions back.

use std::collections::VecDeque;
use std::sync::Arc;

use headwater_engine::sorted::SortedMap;
use headwater_engine::{Now, Offset, TopicPartition};
use kafka_protocol::messages::join_group_response::JoinGroupResponseMember;
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;

use crate::assignor::{Assignor, Counts};
use crate::config::{ClientConfig, GroupConfig};
use crate::consumer::{Consumer, ConsumerEvent};
use crate::error::ClientError;
use crate::metadata::Metadata;
use crate::network::{Address, Answer, Network};
use giving_back::GivingBack;
use offsets::Commit;

mod alive;
pub(crate) mod coordinator;
mod giving_back;
mod join;
pub(crate) mod offsets;
pub(crate) mod protocol;

/// Names a commit that the application asked for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct CommitId(pub u64);

/// An offset to commit: that of the next record to read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OffsetToCommit {
    /// The partition.
    pub topic_partition: TopicPartition,
    /// The offset of the next record.
    pub offset: Offset,
    /// Whatever the application wants to be kept with it.
    pub metadata: String,
}

/// How a consumer stands with its group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Membership {
    /// What it does at present.
    pub state: MemberState,
    /// Its name in the group, given by the coordinator; empty before that.
    pub member_id: String,
    /// The generation of the group that it belongs to; -1: none.
    pub generation: i32,
    /// How the group shares partitions.
    pub assignor: Option<Assignor>,
    /// Whether it is the one that assigns.
    pub is_leader: bool,
    /// Where the coordinator is, if that is known.
    pub coordinator: Option<Address>,
    /// What it has been given and has not given back.
    pub owned: Vec<TopicPartition>,
}

/// Who commits offsets for a group in a transaction (KIP-447).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupMetadata {
    /// The group.
    pub group_id: String,
    /// The member; empty if the group is not used to share partitions.
    pub member_id: String,
    /// Its `group.instance.id`, if it is a static one.
    pub group_instance_id: Option<String>,
    /// The generation that it belongs to; -1: none.
    pub generation: i32,
}

/// What a member does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MemberState {
    /// It is subscribed to nothing.
    Idle,
    /// The group is being rebalanced, or it is on its way into it.
    Joining,
    /// It has its partitions.
    Stable,
    /// It gives partitions back.
    GivingBack,
    /// The application did not poll for `max.poll.interval.ms`, so it left; it comes back with the next poll.
    Stalled,
    /// It cannot be a member ([`ConsumerEvent::GroupFailed`]).
    Failed,
    /// It leaves.
    Leaving,
}

#[derive(Debug)]
enum Phase {
    Idle,
    /// To be sent, or the tag of what was sent.
    Joining(Option<u64>),
    /// This member assigns; not all topics are known. Since when.
    Assigning(Vec<JoinGroupResponseMember>, u64),
    Syncing(Vec<SyncGroupRequestAssignment>, Option<u64>),
    Stable,
    Stalled,
    Leaving(Option<u64>),
    Failed,
}

/// What a request was about.
#[derive(Debug)]
enum Asked {
    Coordinator,
    Join,
    Sync,
    /// In which generation.
    Heartbeat(i32),
    Leave,
    Commit(Commit, i32),
    /// The assignments whose committed offsets were asked for.
    Offsets(Vec<u64>),
}

/// The application wants it to end.
#[derive(Clone, Copy, Debug)]
struct End {
    /// For good, not only this subscription.
    close: bool,
    deadline_ms: u64,
}

/// How many partitions a topic has that was assigned by another one.
const NOT_KNOWN: i32 = -1;
/// How often it is looked whether a missing topic has come.
const LOOK_FOR_TOPICS_MS: u64 = 1_000;

#[derive(Debug)]
pub(crate) struct Member {
    config: GroupConfig,
    client: Arc<ClientConfig>,
    /// Of its connection to the coordinator.
    lane: u32,
    topics: Vec<String>,
    /// What it was subscribed to when it joined.
    joined_topics: Vec<String>,
    phase: Phase,
    coordinator: Option<Address>,
    finding: bool,
    not_before_ms: u64,
    member_id: String,
    generation: i32,
    assignor: Option<Assignor>,
    /// How many partitions the topics had when this member assigned them; none if another one did.
    led: Option<Counts>,
    look_due_ms: u64,
    /// In order.
    owned: Vec<TopicPartition>,
    /// How often it has lost all it had.
    losses: u64,
    /// What a sticky member had before it gave everything back, and in which generation.
    had: (Vec<TopicPartition>, i32),
    rejoin: bool,
    giving_back: Option<GivingBack>,
    end: Option<End>,
    events: VecDeque<ConsumerEvent>,
    commits: VecDeque<Commit>,
    next_commit: u64,
    auto_commit_due_ms: u64,
    requests: SortedMap<u64, Asked>,
    next_tag: u64,
    heartbeat_due_ms: u64,
    /// Whether the application has polled since it was driven last.
    polled: bool,
    polled_ms: u64,
    driven_ms: u64,
}

/// What a member works with while it is called.
struct Around<'a> {
    now: Now,
    id: u32,
    consumer: &'a mut Consumer,
    network: &'a mut Network,
    metadata: &'a mut Metadata,
}

impl Member {
    pub(crate) fn new(config: GroupConfig, client: Arc<ClientConfig>, lane: u32) -> Member {
        Member {
            config,
            client,
            lane,
            topics: Vec::new(),
            joined_topics: Vec::new(),
            phase: Phase::Idle,
            coordinator: None,
            finding: false,
            not_before_ms: 0,
            member_id: String::new(),
            generation: -1,
            assignor: None,
            led: None,
            look_due_ms: 0,
            owned: Vec::new(),
            losses: 0,
            had: (Vec::new(), -1),
            rejoin: false,
            giving_back: None,
            end: None,
            events: VecDeque::new(),
            commits: VecDeque::new(),
            next_commit: 0,
            auto_commit_due_ms: 0,
            requests: SortedMap::new(),
            next_tag: 0,
            heartbeat_due_ms: 0,
            polled: true,
            polled_ms: 0,
            driven_ms: 0,
        }
    }

    /// Takes the place of an earlier subscription. None: leaves the group.
    pub(crate) fn subscribe(&mut self, now: Now, mut topics: Vec<String>) {
        topics.sort_unstable();
        topics.dedup();
        if topics.is_empty() {
            return self.end(now, false);
        }
        self.topics = topics;
        self.end = self.end.filter(|end| end.close);
        match self.phase {
            Phase::Idle | Phase::Failed => {
                self.polled = true;
                self.phase = Phase::Joining(None);
            }
            _ => self.rejoin |= self.topics != self.joined_topics,
        }
    }

    /// Gives everything back and leaves the group.
    pub(crate) fn end(&mut self, now: Now, close: bool) {
        let deadline_ms = now.monotonic_ms + self.client.request_timeout_ms;
        self.end = Some(End { close: close || self.end.is_some_and(|end| end.close), deadline_ms });
    }

    pub(crate) fn membership(&self) -> Membership {
        Membership {
            state: self.state(),
            member_id: self.member_id.clone(),
            generation: self.generation,
            assignor: self.assignor,
            is_leader: self.led.is_some(),
            coordinator: self.coordinator.as_ref().map(|address| address.on_lane(0)),
            owned: self.owned.clone(),
        }
    }

    pub(crate) fn group_metadata(&self) -> GroupMetadata {
        GroupMetadata {
            group_id: self.config.group_id.clone(),
            member_id: self.member_id.clone(),
            group_instance_id: self.config.group_instance_id.clone().filter(|_| self.generation >= 0),
            generation: self.generation,
        }
    }

    fn state(&self) -> MemberState {
        match self.phase {
            Phase::Idle => MemberState::Idle,
            Phase::Joining(_) | Phase::Assigning(..) | Phase::Syncing(..) => MemberState::Joining,
            Phase::Stable if self.giving_back.is_some() => MemberState::GivingBack,
            Phase::Stable => MemberState::Stable,
            Phase::Stalled => MemberState::Stalled,
            Phase::Leaving(_) => MemberState::Leaving,
            Phase::Failed => MemberState::Failed,
        }
    }

    /// What the application is to know before it gets more records. That it polls says that it lives, and that it is
    /// done with what it took before.
    pub(crate) fn poll(&mut self) -> Option<ConsumerEvent> {
        self.polled = true;
        if let Some(giving_back) = &mut self.giving_back {
            giving_back.polled();
        }
        let event = self.events.pop_front()?;
        if let (ConsumerEvent::Revoked(_), Some(giving_back)) = (&event, &mut self.giving_back) {
            giving_back.taken();
        }
        Some(event)
    }

    pub(crate) fn drive(
        &mut self,
        now: Now,
        id: u32,
        consumer: &mut Consumer,
        network: &mut Network,
        metadata: &mut Metadata,
    ) {
        self.driven_ms = now.monotonic_ms;
        let around = &mut Around { now, id, consumer, network, metadata };
        self.watch_polls(around);
        self.watch_topics(around);
        self.auto_commit(around);
        self.begin_to_give_back(around);
        self.give_back(around);
        self.end_at_last(around);
        self.expire_commits(around);
        self.find_coordinator(around);
        let ready = self.coordinator.as_ref().is_some_and(|address| around.network.ready(address));
        if ready && now.monotonic_ms >= self.not_before_ms {
            self.send_offset_fetch(around);
            self.send_commits(around);
            self.send_join(around);
            self.assign(around);
            self.send_sync(around);
            self.send_leave(around);
            self.send_heartbeat(around);
        }
    }

    pub(crate) fn handle_answer(&mut self, now: Now, answer: Answer, consumer: &mut Consumer) {
        let tag = answer.tag;
        match self.requests.remove(&tag) {
            None => {}
            Some(Asked::Coordinator) => self.take_coordinator(now, answer, consumer),
            Some(Asked::Join) => self.take_join(now, answer, consumer),
            Some(Asked::Sync) => self.take_sync(now, answer, consumer),
            Some(Asked::Heartbeat(generation)) => self.take_heartbeat(now, answer, generation, consumer),
            Some(Asked::Leave) => self.take_leave(tag),
            Some(Asked::Commit(commit, generation)) => {
                self.take_commit(now, answer, commit, generation, consumer);
            }
            Some(Asked::Offsets(epochs)) => self.take_offset_fetch(now, answer, &epochs, consumer),
        }
    }

    /// When something becomes due by time alone. What was due when it was last driven waits for something else.
    pub(crate) fn poll_timeout(&self) -> Option<u64> {
        let stable = matches!(self.phase, Phase::Stable);
        let active = !matches!(self.phase, Phase::Idle | Phase::Failed | Phase::Stalled);
        let missing = self.led.as_ref().is_some_and(|led| led.values().any(|count| *count == 0));
        let due = [
            Some(self.not_before_ms),
            self.commits.front().map(|commit| commit.deadline_ms),
            self.giving_back.as_ref().map(|giving_back| giving_back.deadline_ms),
            self.end.map(|end| end.deadline_ms),
            Some(self.heartbeat_due_ms).filter(|_| stable),
            Some(self.auto_commit_due_ms).filter(|_| stable && self.config.enable_auto_commit),
            Some(self.look_due_ms).filter(|_| stable && missing),
            Some(self.polled_ms.saturating_add(self.config.max_poll_interval_ms)).filter(|_| active),
        ];
        due.into_iter().flatten().filter(|at| *at > self.driven_ms).min()
    }

    /// The leader of a group joins again when topics have changed, so that it can assign anew.
    fn watch_topics(&mut self, around: &mut Around<'_>) {
        let (Phase::Stable, Some(led)) = (&self.phase, &mut self.led) else { return };
        let now = around.now;
        let mut missing = false;
        for (topic, count) in led.iter_mut() {
            let Some(known) = around.metadata.look(now, topic) else { continue };
            if *count == NOT_KNOWN {
                *count = known;
            }
            self.rejoin |= known != *count;
            missing |= known == 0;
        }
        if missing && now.monotonic_ms >= self.look_due_ms {
            self.look_due_ms = now.monotonic_ms + LOOK_FOR_TOPICS_MS;
            around.metadata.request_update();
        }
    }

    /// All it had belongs to others now, or soon will. It joins again as a new member, or as the same if it is still known.
    fn lose(&mut self, keep_member_id: bool, consumer: &mut Consumer) {
        let mut lost = std::mem::take(&mut self.owned);
        self.losses += 1;
        self.fail_commits_of(&lost);
        lost.iter().for_each(|partition| consumer.unassign(partition));
        if let Some(giving_back) = self.giving_back.take() {
            if giving_back.is_told() {
                // The application knows of these already.
                lost.retain(|partition| !giving_back.partitions.contains(partition));
            } else {
                self.events.retain(|event| !matches!(event, ConsumerEvent::Revoked(_)));
            }
        }
        if !lost.is_empty() {
            self.events.push_back(ConsumerEvent::Lost(lost));
        }
        if !keep_member_id {
            self.member_id.clear();
        }
        self.had = (Vec::new(), -1);
        self.generation = -1;
        self.led = None;
        if !matches!(self.phase, Phase::Idle | Phase::Failed | Phase::Stalled) {
            self.phase = Phase::Joining(None);
        }
    }

    /// It cannot be a member, and trying again would not help.
    fn fail(&mut self, error: ClientError, consumer: &mut Consumer) {
        self.lose(false, consumer);
        self.phase = Phase::Failed;
        consumer.fail_awaiting_committed(&error);
        self.events.push_back(ConsumerEvent::GroupFailed(error));
    }
}
