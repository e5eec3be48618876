//! The consumer: partitions assigned by the application, fetched ahead of it.

use std::collections::VecDeque;
use std::sync::Arc;

use headwater_engine::{Now, Offset, TopicPartition};

use crate::config::{AutoOffsetReset, ClientConfig, ConsumerConfig};
use crate::error::{ClientError, code};
use crate::metadata::Metadata;
use crate::network::{Answer, Network};

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
}

impl StartOffset {
    /// As ListOffsets has it (KIP-79).
    pub(crate) fn wire(self) -> i64 {
        match self {
            StartOffset::Offset(offset) => offset,
            StartOffset::Latest => -1,
            StartOffset::Earliest => -2,
            StartOffset::Timestamp(timestamp) => timestamp.max(0),
        }
    }
}

/// What a consumer has for the application.
#[derive(Clone, Debug)]
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
    /// Whether it is paused.
    pub paused: bool,
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
    paused: bool,
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
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Fetch,
    ListOffsets,
}

impl Consumer {
    pub(crate) fn new(id: u32, config: ConsumerConfig, client: Arc<ClientConfig>) -> Consumer {
        let [lane, _] = if config.own_connections { lanes(id) } else { [0, 0] };
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
        }
    }

    pub(crate) fn assign(&mut self, topic_partition: TopicPartition, start: StartOffset) {
        let paused = self.partition_state(&topic_partition).is_some_and(|state| state.paused);
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
            paused,
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

    pub(crate) fn poll(&mut self) -> Option<ConsumerEvent> {
        let partitions = &mut self.partitions;
        let at = self.events.iter().position(|(epoch, _)| {
            partitions.iter().any(|partition| partition.epoch == *epoch && !partition.paused)
        })?;
        let (epoch, event) = self.events.remove(at)?;
        self.buffered_bytes -= size(&event);
        if let ConsumerEvent::Fetched(fetched) = &event
            && let Some(partition) = partitions.iter_mut().find(|partition| partition.epoch == epoch)
        {
            partition.position = Some(fetched.next_offset);
        }
        Some(event)
    }

    pub(crate) fn partition_state(&self, topic_partition: &TopicPartition) -> Option<PartitionState> {
        let partition = self.partitions.iter().find(|p| p.topic_partition == *topic_partition)?;
        Some(PartitionState {
            position: partition.position,
            high_watermark: partition.high_watermark,
            log_start_offset: partition.log_start_offset,
            paused: partition.paused,
        })
    }

    pub(crate) fn drive(&mut self, now: Now, id: u32, network: &mut Network, metadata: &mut Metadata) {
        self.driven_ms = now.monotonic_ms;
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

    /// When a back-off ends. What was due when it was last driven waits for something else than time.
    pub(crate) fn poll_timeout(&self) -> Option<u64> {
        let waits = self.partitions.iter().filter(|p| !p.in_flight && p.state != State::Failed);
        waits.map(|p| p.not_before_ms).filter(|at| *at > self.driven_ms).min()
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

/// The lanes of a consumer: for its fetches, and to the coordinator of its group. Ids count from 1.
pub(crate) fn lanes(id: u32) -> [u32; 2] {
    [id.wrapping_mul(2), id.wrapping_mul(2).wrapping_add(1)]
}

/// What an event takes of `max_buffered_bytes`.
fn size(event: &ConsumerEvent) -> usize {
    match event {
        ConsumerEvent::Fetched(fetched) => fetched.size(),
        ConsumerEvent::Failed { .. } => 0,
    }
}
