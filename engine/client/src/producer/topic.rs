//! A producer's view of a topic: its partitions' queues, and the choice among them.

use std::sync::Arc;

use headwater_engine::Now;

use super::queue::PartitionQueue;
use super::{ProducerRecord, SendError};
use crate::error::{ClientError, code};
use crate::metadata::Metadata;
use crate::partitioner::StickyPartitioner;
use crate::random::Random;

#[derive(Debug)]
pub(super) struct Topic {
    pub(super) name: Arc<str>,
    queues: Vec<PartitionQueue>,
    /// How many partitions the cluster says there are.
    count: i32,
    /// Those that have a leader.
    available: Vec<i32>,
    metadata_version: Option<u64>,
    sticky: StickyPartitioner,
}

impl Topic {
    pub(super) fn new(name: Arc<str>, batch_size: usize) -> Topic {
        Topic {
            name,
            queues: Vec::new(),
            count: 0,
            available: Vec::new(),
            metadata_version: None,
            sticky: StickyPartitioner::new(batch_size),
        }
    }

    pub(super) fn is_current(&self, metadata: &Metadata) -> bool {
        self.metadata_version == Some(metadata.version())
    }

    pub(super) fn count(&self) -> i32 {
        self.count
    }

    /// Takes in what the cluster says about the topic.
    pub(super) fn refresh(&mut self, now: Now, metadata: &mut Metadata) -> Result<(), SendError> {
        let version = metadata.version();
        let known = metadata.topic(now, &self.name);
        if let Some(error) = &known.error {
            return Err(SendError::Failed(error.clone()));
        }
        let Some(count) = i32::try_from(known.leaders.len()).ok().filter(|count| *count > 0) else {
            return Err(SendError::TopicPending);
        };
        self.count = count;
        let with_leader = (0..count).zip(&known.leaders).filter(|(_, leader)| leader.is_some());
        self.available = with_leader.map(|(partition, _)| partition).collect();
        if self.queues.len() < known.leaders.len() {
            self.queues.resize_with(known.leaders.len(), PartitionQueue::default);
        }
        self.metadata_version = Some(version);
        Ok(())
    }

    #[inline]
    pub(super) fn queue(&mut self, partition: i32) -> Result<&mut PartitionQueue, SendError> {
        let count = self.count;
        let queue = usize::try_from(partition).ok().and_then(|index| self.queues.get_mut(index));
        queue.filter(|_| partition < count).ok_or_else(|| {
            SendError::Failed(ClientError::ours(
                code::UNKNOWN_TOPIC_OR_PARTITION,
                format!("{} has {count} partitions; there is no partition {partition}.", self.name),
            ))
        })
    }

    pub(super) fn queues(&self) -> impl Iterator<Item = &PartitionQueue> {
        self.queues.iter()
    }

    pub(super) fn queues_mut(&mut self) -> impl Iterator<Item = &mut PartitionQueue> {
        self.queues.iter_mut()
    }

    pub(super) fn queue_at(&mut self, index: usize) -> Option<&mut PartitionQueue> {
        self.queues.get_mut(index)
    }

    /// The partition for a record without a key. The move to another one that had to wait for a batch to fill happens
    /// here once it is full, or sent, or has no room for this record (`RecordAccumulator.partitionChanged`).
    pub(super) fn sticky_partition(
        &mut self,
        record: &ProducerRecord<'_>,
        size_bound: usize,
        timestamp: i64,
        batch_size: usize,
        random: &mut Random,
    ) -> i32 {
        let partition = self.sticky.current(&self.available, self.count, random);
        let full =
            usize::try_from(partition).ok().and_then(|index| self.queues.get(index)).is_none_or(|queue| {
                queue.is_full(batch_size) || !queue.has_room(record, size_bound, timestamp, batch_size)
            });
        if !full {
            return partition;
        }
        self.sticky.appended(0, true, &self.available, self.count, random);
        self.sticky.current(&self.available, self.count, random)
    }

    pub(super) fn sticky_appended(&mut self, bytes: usize, full: bool, random: &mut Random) {
        self.sticky.appended(bytes, full, &self.available, self.count, random);
    }

    /// Tells the partitioner how many batches wait for each partition, once every partition has had one
    /// (`RecordAccumulator.partitionReady`).
    pub(super) fn update_load(&mut self) {
        let queues = &self.queues;
        if queues.iter().take(usize::try_from(self.count).unwrap_or(0)).all(PartitionQueue::was_used) {
            let lengths = self.available.iter().filter_map(|partition| {
                let queue = queues.get(usize::try_from(*partition).ok()?)?;
                Some((*partition, queue.length()))
            });
            self.sticky.update_load(lengths, self.count);
        }
    }
}
