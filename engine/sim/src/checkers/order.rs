//! A producer's records stand in the order in which they were sent.

use std::collections::BTreeMap;

use headwater_engine::{Offset, TopicPartition};

use super::ReadLog;
use crate::payload::RecordId;

#[derive(Debug, Default)]
pub(super) struct Order {
    /// By partition and producer: where each record is, by its number.
    acked: BTreeMap<(TopicPartition, u32), BTreeMap<u64, Offset>>,
}

impl Order {
    pub(super) fn acked(
        &mut self,
        topic_partition: &TopicPartition,
        id: RecordId,
        offset: Offset,
    ) -> Result<(), String> {
        let acked = self.acked.entry((topic_partition.clone(), id.producer)).or_default();
        let before = acked.range(..id.number).next_back().filter(|(_, other)| **other >= offset);
        let after = acked.range(id.number + 1..).next().filter(|(_, other)| **other <= offset);
        if let Some((number, other)) = before.or(after) {
            return Err(format!(
                "in {topic_partition}, record {id} is at {offset} and {}#{number} at {other}",
                id.producer
            ));
        }
        acked.insert(id.number, offset);
        Ok(())
    }

    pub(super) fn lost_from(&mut self, topic_partition: &TopicPartition, end: Offset) {
        for ((other, _), acked) in &mut self.acked {
            if other == topic_partition {
                acked.retain(|_, offset| *offset < end);
            }
        }
    }
}

/// Whether the records of those producers whose every record is to land once stand in their order.
pub(super) fn read_at_last(
    topic_partition: &TopicPartition,
    log: &ReadLog,
    exactly_once: impl Fn(u32) -> bool,
) -> Result<(), String> {
    let mut last: BTreeMap<u32, u64> = BTreeMap::new();
    for (offset, id) in log {
        let Some(id) = id.filter(|id| exactly_once(id.producer)) else { continue };
        if let Some(before) = last.insert(id.producer, id.number).filter(|before| *before >= id.number) {
            return Err(format!("{topic_partition}@{offset} is {id}, behind {}#{before}", id.producer));
        }
    }
    Ok(())
}
