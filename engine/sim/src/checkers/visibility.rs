//! Nothing is visible above the high watermark: what a Fetch gives is stored at that moment, and what was once seen
//! stays at its offset.

use std::collections::BTreeMap;

use headwater_engine::record::Batches;
use headwater_engine::{LogId, Offset, TopicPartition};

use super::ReadLog;
use crate::disk::Disk;
use crate::payload::RecordId;

#[derive(Debug, Default)]
pub(crate) struct Visibility {
    seen: BTreeMap<TopicPartition, BTreeMap<Offset, RecordId>>,
}

impl Visibility {
    pub(super) fn seen(
        &mut self,
        consumer: u32,
        topic_partition: &TopicPartition,
        offset: Offset,
        id: RecordId,
    ) -> Result<(), String> {
        let seen = self.seen.entry(topic_partition.clone()).or_default();
        match seen.insert(offset, id) {
            Some(before) if before != id => Err(format!(
                "consumer {consumer} got {id} at {topic_partition}@{offset}, where {before} was seen before"
            )),
            _ => Ok(()),
        }
    }

    pub(super) fn lost_from(&mut self, topic_partition: &TopicPartition, end: Offset) {
        if let Some(seen) = self.seen.get_mut(topic_partition) {
            seen.split_off(&end);
        }
    }

    pub(super) fn read_at_last(&self, topic_partition: &TopicPartition, log: &ReadLog) -> Result<(), String> {
        let log: BTreeMap<Offset, Option<RecordId>> = log.iter().copied().collect();
        for (offset, id) in self.seen.get(topic_partition).into_iter().flatten() {
            let there = log.get(offset).copied().flatten();
            if there != Some(*id) {
                return Err(format!(
                    "{id} was seen at {topic_partition}@{offset}; there is {there:?} in the end"
                ));
            }
        }
        Ok(())
    }
}

/// Whether the batches that a Fetch is answered with are on the disk, and below the high watermark that it gives.
pub(crate) fn served(
    disk: &Disk,
    log: LogId,
    topic_partition: &TopicPartition,
    records: &[u8],
    high_watermark: Offset,
) -> Result<(), String> {
    for batch in Batches::new(records).map_while(Result::ok) {
        let offset = batch.base_offset();
        if batch.next_offset() > high_watermark {
            return Err(format!(
                "{topic_partition}@{offset} was given out above high watermark {high_watermark}"
            ));
        }
        match disk.batch_at(log, offset) {
            Some(stored) if stored.as_bytes() == batch.as_bytes() => {}
            Some(_) => {
                return Err(format!("{topic_partition}@{offset} was given out, stored is another batch"));
            }
            None => return Err(format!("{topic_partition}@{offset} was given out and is not stored")),
        }
    }
    Ok(())
}
