//! What a consumer's group has committed, for its partitions.

use headwater_engine::{Now, Offset, TopicPartition};

use super::{Consumer, ConsumerEvent, StartOffset, State};
use crate::config::AutoOffsetReset;
use crate::error::{ClientError, code};

impl Consumer {
    /// Nothing more of these partitions is asked for or handed out.
    pub(crate) fn hold(&mut self, partitions: &[TopicPartition]) {
        for partition in &mut self.partitions {
            partition.held |= partitions.contains(&partition.topic_partition);
        }
    }

    /// What the application is done with and is not committed: the offset of the next record of each partition.
    pub(crate) fn uncommitted(&self) -> impl Iterator<Item = (&TopicPartition, Offset)> {
        let known = self.partitions.iter().filter(|partition| partition.processed != partition.committed);
        known.filter_map(|partition| Some((&partition.topic_partition, partition.processed?)))
    }

    /// The position of every partition that has one.
    pub(crate) fn positions(&self) -> impl Iterator<Item = (&TopicPartition, Offset)> {
        let known = self.partitions.iter();
        known.filter_map(|partition| Some((&partition.topic_partition, partition.position?)))
    }

    pub(crate) fn set_committed(&mut self, topic_partition: &TopicPartition, offset: Offset) {
        let found = self.partitions.iter_mut().find(|p| p.topic_partition == *topic_partition);
        if let Some(partition) = found {
            partition.committed = Some(offset);
        }
    }

    /// Whether partitions are to begin at what is committed.
    pub(crate) fn awaits_committed(&self) -> bool {
        self.partitions.iter().any(|partition| partition.state == State::Lookup(StartOffset::Committed))
    }

    /// The assignments whose committed offsets are to be asked for now, and their partitions. They count as asked for.
    pub(crate) fn take_awaiting_committed(&mut self, now: Now) -> (Vec<u64>, Vec<TopicPartition>) {
        let awaiting = self.partitions.iter_mut().filter(|partition| {
            partition.state == State::Lookup(StartOffset::Committed)
                && !partition.in_flight
                && partition.not_before_ms <= now.monotonic_ms
        });
        awaiting
            .map(|partition| {
                partition.in_flight = true;
                (partition.epoch, partition.topic_partition.clone())
            })
            .unzip()
    }

    /// The group has said where it stands with an assignment's partition, or has not and is asked again later.
    pub(crate) fn begin_at_committed(
        &mut self,
        epoch: u64,
        again_ms: u64,
        committed: impl Fn(&TopicPartition) -> Result<Option<Offset>, ClientError>,
    ) {
        let reset = self.config.auto_offset_reset;
        let Some(partition) = self.by_epoch(epoch) else { return };
        partition.in_flight = false;
        let error = match committed(&partition.topic_partition) {
            Ok(Some(offset)) => {
                partition.state = State::Fetching;
                partition.fetch_offset = offset;
                partition.position = Some(offset);
                partition.processed = Some(offset);
                partition.committed = Some(offset);
                return;
            }
            Ok(None) if reset == AutoOffsetReset::Earliest => {
                partition.state = State::Lookup(StartOffset::Earliest);
                return;
            }
            Ok(None) if reset == AutoOffsetReset::Latest => {
                partition.state = State::Lookup(StartOffset::Latest);
                return;
            }
            Ok(None) => {
                let message = format!("The group has committed no offset of {}.", partition.topic_partition);
                ClientError::ours(code::OFFSET_OUT_OF_RANGE, message)
            }
            Err(error) if error.retriable => {
                partition.not_before_ms = again_ms;
                return;
            }
            Err(error) => error,
        };
        partition.state = State::Failed;
        let topic_partition = partition.topic_partition.clone();
        self.events.push_back((epoch, ConsumerEvent::Failed { topic_partition, error }));
    }

    /// The group cannot be asked.
    pub(crate) fn fail_awaiting_committed(&mut self, error: &ClientError) {
        let awaiting = self.partitions.iter().filter(|p| p.state == State::Lookup(StartOffset::Committed));
        let epochs: Vec<u64> = awaiting.map(|partition| partition.epoch).collect();
        let error = ClientError { retriable: false, ..error.clone() };
        for epoch in epochs {
            self.begin_at_committed(epoch, 0, |_| Err(error.clone()));
        }
    }
}
