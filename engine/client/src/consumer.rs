//! The consumer: partitions assigned by the application or its group, fetched ahead of it.

use std::collections::VecDeque;
use std::sync::Arc;

use headwater_engine::{Now, Offset, TopicPartition};

use crate::config::{AutoOffsetReset, ClientConfig, ConsumerConfig};
use crate::error::{ClientError, code};
use crate::group::{CommitId, GroupMetadata, Member, Membership};
use crate::metadata::Metadata;
use crate::network::{self, Answer, Network};

mod committed;
mod fetched;
mod fetcher;
pub(crate) mod lookup;

pub use fetched::Fetched;
use headwater_engine::sorted::SortedMap;

/// Where reading begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StartOffset {
    /// At this offset.
    Offset(Offset),
    /// At the first offset there is.
    Earliest,
    /// At the end: with the next record that is written.
    Latest,
    /// At the first record of this time or later, in milliseconds since 1970; at the end if there is none.
    Timestamp(i64),
    /// At what the consumer's group has committed; if it has not, as `auto.offset.reset` says.
    Committed,
}

impl StartOffset {
    /// As ListOffsets has it (KIP-79).
    pub(crate) fn wire(self) -> i64 {
        match self {
            StartOffset::Offset(offset) => offset,
            StartOffset::Latest | StartOffset::Committed => -1,
            StartOffset::Earliest => -2,
            StartOffset::Timestamp(timestamp) => timestamp.max(0),
        }
    }
}

/// What a consumer has for the application.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ConsumerEvent {
    /// Records of one partition.
    Fetched(Fetched),
    /// A partition cannot be read on. It is left alone until it is assigned anew.
    Failed {
        /// The partition.
        topic_partition: TopicPartition,
        /// Why.
        error: ClientError,
    },
    /// The group has given the consumer these partitions beside those that it has, perhaps none. It reads on at what is
    /// committed.
    Assigned(Vec<TopicPartition>),
    /// The group takes these partitions back. Nothing more comes of them. What is to be committed can be committed until
    /// the next poll: that says that the application is done with them.
    Revoked(Vec<TopicPartition>),
    /// The group has given these partitions to others, or will: it took the consumer for dead. It is too late to commit.
    Lost(Vec<TopicPartition>),
    /// How a commit ended.
    Committed {
        /// Which; none: one that nobody asked for, and it failed.
        commit: Option<CommitId>,
        /// Whether it is done.
        result: Result<(), ClientError>,
    },
    /// The consumer cannot be a member of its group, until it subscribes again.
    GroupFailed(ClientError),
    /// The consumer has left its group and is gone.
    Closed,
}

/// How a consumer stands with a partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PartitionState {
    /// The offset after the last record that the application took; none while it is looked up where to begin.
    pub position: Option<Offset>,
    /// The partition's end, as its leader last said.
    pub high_watermark: Option<Offset>,
    /// The partition's first offset, as its leader last said.
    pub log_start_offset: Option<Offset>,
    /// Up to where a consumer of committed records can read, as its leader last said; none for others.
    pub last_stable_offset: Option<Offset>,
    /// What the group has committed, as far as this consumer knows.
    pub committed: Option<Offset>,
    /// Whether it is paused.
    pub paused: bool,
}

impl PartitionState {
    /// How many records the consumer has before it.
    #[must_use]
    pub fn lag(&self) -> Option<i64> {
        let end = self.last_stable_offset.or(self.high_watermark)?;
        Some((end - self.position?).max(0))
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// It has to be asked where this is.
    Lookup(StartOffset),
    Fetching,
    Failed,
}

#[derive(Debug)]
struct Assigned {
    topic_partition: TopicPartition,
    /// Names this assignment; an answer to an earlier one finds nobody.
    epoch: u64,
    state: State,
    /// What to ask for next.
    fetch_offset: Offset,
    /// What the application has next.
    position: Option<Offset>,
    high_watermark: Option<Offset>,
    log_start_offset: Option<Offset>,
    last_stable_offset: Option<Offset>,
    /// What the application is done with: it has polled again after it took it.
    processed: Option<Offset>,
    committed: Option<Offset>,
    paused: bool,
    /// It is being given back.
    held: bool,
    in_flight: bool,
    not_before_ms: u64,
}

#[derive(Debug)]
pub(crate) struct Consumer {
    config: ConsumerConfig,
    /// Of its connections for fetches.
    lane: u32,
    client: Arc<ClientConfig>,
    partitions: Vec<Assigned>,
    next_epoch: u64,
    /// What came, and for which assignment.
    events: VecDeque<(u64, ConsumerEvent)>,
    buffered_bytes: usize,
    /// By tag: the assignments that a request is about.
    requests: SortedMap<u64, (Kind, Vec<u64>)>,
    next_tag: u64,
    driven_ms: u64,
    /// What the application took last, and the position after it.
    taken: Option<(u64, Offset)>,
    /// Its place in its group, if it has one. Only away while it is called.
    member: Option<Box<Member>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Fetch,
    ListOffsets,
}

impl Consumer {
    pub(crate) fn new(id: u32, config: ConsumerConfig, client: Arc<ClientConfig>) -> Consumer {
        let [lane, member_lane] = if config.own_connections { network::lanes(id) } else { [0, 0] };
        let member =
            config.group.clone().map(|group| Box::new(Member::new(group, client.clone(), member_lane)));
        Consumer {
            config,
            lane,
            client,
            partitions: Vec::new(),
            next_epoch: 0,
            events: VecDeque::new(),
            buffered_bytes: 0,
            requests: SortedMap::new(),
            next_tag: 0,
            driven_ms: 0,
            taken: None,
            member,
        }
    }

    pub(crate) fn assign(&mut self, topic_partition: TopicPartition, start: StartOffset) {
        let before = self.partitions.iter().find(|p| p.topic_partition == topic_partition);
        let (paused, held, committed) =
            before.map_or((false, false, None), |before| (before.paused, before.held, before.committed));
        self.unassign(&topic_partition);
        self.next_epoch += 1;
        let (state, fetch_offset, position) = match start {
            StartOffset::Offset(offset) => (State::Fetching, offset, Some(offset)),
            _ => (State::Lookup(start), 0, None),
        };
        self.partitions.push(Assigned {
            topic_partition,
            epoch: self.next_epoch,
            state,
            fetch_offset,
            position,
            high_watermark: None,
            log_start_offset: None,
            last_stable_offset: None,
            processed: position,
            committed,
            paused,
            held,
            in_flight: false,
            not_before_ms: 0,
        });
    }

    pub(crate) fn unassign(&mut self, topic_partition: &TopicPartition) {
        let Some(at) = self.partitions.iter().position(|p| p.topic_partition == *topic_partition) else {
            return;
        };
        let gone = self.partitions.remove(at);
        self.events.retain(|(epoch, _)| *epoch != gone.epoch);
        self.buffered_bytes = self.events.iter().map(|(_, event)| size(event)).sum();
    }

    pub(crate) fn set_paused(&mut self, topic_partition: &TopicPartition, paused: bool) {
        if let Some(partition) = self.partitions.iter_mut().find(|p| p.topic_partition == *topic_partition) {
            partition.paused = paused;
        }
    }

    pub(crate) fn member(&mut self) -> Option<&mut Member> {
        self.member.as_deref_mut()
    }

    pub(crate) fn membership(&self) -> Option<Membership> {
        self.member.as_ref().map(|member| member.membership())
    }

    pub(crate) fn group_metadata(&self) -> Option<GroupMetadata> {
        self.member.as_ref().map(|member| member.group_metadata())
    }

    pub(crate) fn poll(&mut self) -> Option<ConsumerEvent> {
        if let Some((epoch, position)) = self.taken.take()
            && let Some(partition) = self.by_epoch(epoch)
        {
            partition.processed = Some(position);
        }
        if let Some(event) = self.member.as_mut().and_then(|member| member.poll()) {
            return Some(event);
        }
        let partitions = &mut self.partitions;
        let at = self.events.iter().position(|(epoch, _)| {
            partitions
                .iter()
                .any(|partition| partition.epoch == *epoch && !partition.paused && !partition.held)
        })?;
        let (epoch, event) = self.events.remove(at)?;
        self.buffered_bytes -= size(&event);
        if let ConsumerEvent::Fetched(fetched) = &event
            && let Some(partition) = partitions.iter_mut().find(|partition| partition.epoch == epoch)
        {
            partition.position = Some(fetched.next_offset);
            self.taken = Some((epoch, fetched.next_offset));
        }
        Some(event)
    }

    pub(crate) fn partition_state(&self, topic_partition: &TopicPartition) -> Option<PartitionState> {
        let partition = self.partitions.iter().find(|p| p.topic_partition == *topic_partition)?;
        Some(PartitionState {
            position: partition.position,
            high_watermark: partition.high_watermark,
            log_start_offset: partition.log_start_offset,
            last_stable_offset: partition.last_stable_offset,
            committed: partition.committed,
            paused: partition.paused,
        })
    }

    pub(crate) fn drive(&mut self, now: Now, id: u32, network: &mut Network, metadata: &mut Metadata) {
        self.driven_ms = now.monotonic_ms;
        if let Some(mut member) = self.member.take() {
            member.drive(now, id, self, network, metadata);
            self.member = Some(member);
        }
        self.send_lookups(now, id, network, metadata);
        self.send_fetches(now, id, network, metadata);
    }

    pub(crate) fn handle_answer(&mut self, now: Now, answer: Answer, metadata: &mut Metadata) {
        let Some((kind, epochs)) = self.requests.remove(&answer.tag) else { return };
        for partition in self.partitions.iter_mut().filter(|p| epochs.contains(&p.epoch)) {
            partition.in_flight = false;
        }
        match kind {
            Kind::Fetch => self.take_fetch(now, answer, &epochs, metadata),
            Kind::ListOffsets => self.take_lookup(now, answer, &epochs, metadata),
        }
    }

    /// An answer to the member.
    pub(crate) fn handle_member_answer(&mut self, now: Now, answer: Answer) {
        if let Some(mut member) = self.member.take() {
            member.handle_answer(now, answer, self);
            self.member = Some(member);
        }
    }

    /// When a back-off ends. What was due when it was last driven waits for something else than time.
    pub(crate) fn poll_timeout(&self) -> Option<u64> {
        let waits = self.partitions.iter().filter(|p| !p.in_flight && p.state != State::Failed);
        let member = self.member.as_ref().and_then(|member| member.poll_timeout());
        waits.map(|p| p.not_before_ms).filter(|at| *at > self.driven_ms).chain(member).min()
    }

    fn by_epoch(&mut self, epoch: u64) -> Option<&mut Assigned> {
        self.partitions.iter_mut().find(|partition| partition.epoch == epoch)
    }

    /// Something went wrong with a partition: try again later, or tell the application.
    fn trouble(&mut self, now: Now, epoch: u64, error: ClientError, metadata: &mut Metadata) {
        let backoff_ms = self.client.retry_backoff_ms;
        let reset = self.config.auto_offset_reset;
        let Some(partition) = self.by_epoch(epoch) else { return };
        if error.code == Some(code::OFFSET_OUT_OF_RANGE) {
            match reset {
                AutoOffsetReset::Earliest => {
                    partition.state = State::Lookup(StartOffset::Earliest);
                    return;
                }
                AutoOffsetReset::Latest => {
                    partition.state = State::Lookup(StartOffset::Latest);
                    return;
                }
                AutoOffsetReset::None => {}
            }
        } else if error.retriable && error.code != Some(code::CORRUPT_MESSAGE) {
            partition.not_before_ms = now.monotonic_ms + backoff_ms;
            if error.stale_metadata() {
                metadata.request_update();
            }
            return;
        }
        partition.state = State::Failed;
        let topic_partition = partition.topic_partition.clone();
        self.events.push_back((epoch, ConsumerEvent::Failed { topic_partition, error }));
    }
}

/// What an event takes of `max_buffered_bytes`.
fn size(event: &ConsumerEvent) -> usize {
    match event {
        ConsumerEvent::Fetched(fetched) => fetched.size(),
        _ => 0,
    }
}
