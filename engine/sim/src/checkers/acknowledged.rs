//! Acknowledged means readable: by whoever tailed all along and by whoever comes after a recovery, where it was said to
//! be, with what was sent.

use std::collections::BTreeMap;

use headwater_engine::record::{RecordBatch, Records};
use headwater_engine::{LogId, Offset, TopicPartition};

use super::ReadLog;
use crate::disk::Disk;
use crate::payload::RecordId;

type ByOffset = BTreeMap<Offset, RecordId>;

#[derive(Debug, Default)]
pub(super) struct Acknowledged {
    acked: BTreeMap<TopicPartition, ByOffset>,
    seen: BTreeMap<(u32, TopicPartition), ByOffset>,
    /// How many partitions each topic was said to have; none: it was said to be deleted.
    topics: BTreeMap<String, Option<i32>>,
}

impl Acknowledged {
    pub(super) fn acked(
        &mut self,
        topic_partition: &TopicPartition,
        id: RecordId,
        offset: Offset,
    ) -> Result<(), String> {
        let acked = self.acked.entry(topic_partition.clone()).or_default();
        match acked.insert(offset, id) {
            Some(other) if other != id => {
                Err(format!("{topic_partition}@{offset} was acknowledged for {other} and for {id}"))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn seen(
        &mut self,
        consumer: u32,
        topic_partition: &TopicPartition,
        offset: Offset,
        id: RecordId,
    ) -> Result<(), String> {
        let acked = self.acked.get(topic_partition).and_then(|acked| acked.get(&offset));
        if let Some(acked) = acked.filter(|acked| **acked != id) {
            return Err(format!(
                "consumer {consumer} got {id} at {topic_partition}@{offset}, acknowledged was {acked}"
            ));
        }
        self.seen.entry((consumer, topic_partition.clone())).or_default().insert(offset, id);
        Ok(())
    }

    pub(super) fn lost_from(&mut self, topic_partition: &TopicPartition, end: Offset) {
        if let Some(acked) = self.acked.get_mut(topic_partition) {
            acked.split_off(&end);
        }
        for ((_, other), seen) in &mut self.seen {
            if other == topic_partition {
                seen.split_off(&end);
            }
        }
    }

    pub(super) fn topic_has(&mut self, topic: &str, partitions: i32) {
        self.topics.insert(topic.to_owned(), Some(partitions));
    }

    pub(super) fn topic_deleted(&mut self, topic: &str) {
        self.topics.insert(topic.to_owned(), None);
    }

    pub(super) fn topics_at_last(&self, topics: &BTreeMap<String, i32>) -> Result<(), String> {
        for (topic, said) in &self.topics {
            match (said, topics.get(topic)) {
                (Some(said), Some(there)) if there >= said => {}
                (None, None) => {}
                (said, there) => {
                    return Err(format!("{topic} was said to have {said:?} partitions, it has {there:?}"));
                }
            }
        }
        Ok(())
    }

    /// Where bits turned over: all but the damaged batches is there, as far as was read.
    pub(super) fn readable_but(
        &self,
        topic_partition: &TopicPartition,
        log: &ReadLog,
        is_damaged: impl Fn(Offset) -> bool,
    ) -> Result<(), String> {
        let end = log.last().map_or(0, |(offset, _)| offset + 1);
        let log: ByOffset = log.iter().filter_map(|(offset, id)| Some((*offset, (*id)?))).collect();
        let acked = self.acked.get(topic_partition).into_iter().flat_map(|acked| acked.range(..end));
        for (offset, id) in acked.filter(|(offset, _)| !is_damaged(**offset)) {
            let there = log.get(offset);
            if there != Some(id) {
                return Err(format!(
                    "{id} was acknowledged at {topic_partition}@{offset}, which was not damaged; there is {there:?}"
                ));
            }
        }
        Ok(())
    }

    pub(super) fn read_at_last(
        &self,
        topic_partition: &TopicPartition,
        log: &ReadLog,
        consumers: &[u32],
    ) -> Result<(), String> {
        let Some(acked) = self.acked.get(topic_partition) else { return Ok(()) };
        let log: ByOffset = log.iter().filter_map(|(offset, id)| Some((*offset, (*id)?))).collect();
        for (offset, id) in acked {
            let there = log.get(offset);
            if there != Some(id) {
                return Err(format!(
                    "{id} was acknowledged at {topic_partition}@{offset}; there is {there:?} in the end"
                ));
            }
        }
        for consumer in consumers {
            let seen = self.seen.get(&(*consumer, topic_partition.clone()));
            for (offset, id) in acked {
                let given = seen.and_then(|seen| seen.get(offset));
                if given != Some(id) {
                    return Err(format!(
                        "{id} was acknowledged at {topic_partition}@{offset}; consumer {consumer}, \
                         which has tailed all along, got {given:?}"
                    ));
                }
            }
        }
        Ok(())
    }
}

/// Whether a batch is on the disk where it is being acknowledged.
pub(crate) fn stored(
    disk: &Disk,
    log: LogId,
    topic_partition: &TopicPartition,
    records: &[u8],
    base_offset: Offset,
) -> Result<(), String> {
    let sent = RecordBatch::parse(records).ok().and_then(|batch| batch.records().ok());
    let there = disk.batch_at(log, base_offset).and_then(|batch| batch.records().ok());
    let ids = |records: Option<Records<'_>>| -> Vec<Option<RecordId>> {
        let records = records.iter().flatten().flatten();
        records.map(|record| record.value.and_then(RecordId::of)).collect()
    };
    let (sent, there) = (ids(sent), ids(there));
    if sent == there {
        return Ok(());
    }
    Err(format!("{topic_partition}@{base_offset} is acknowledged for {sent:?}, stored is {there:?}"))
}
