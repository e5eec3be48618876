//! What is to land at most once stands at most once; of an idempotent producer every record stands exactly once.

use std::collections::{BTreeMap, BTreeSet};

use headwater_engine::TopicPartition;

use super::{Promise, ReadLog};
use crate::payload::RecordId;

#[derive(Debug, Default)]
pub(super) struct Idempotence {
    /// By partition and idempotent producer: how many records were sent.
    sent: BTreeMap<(TopicPartition, u32), u64>,
    /// Partitions that have lost something in a power cut.
    lost_some: BTreeSet<TopicPartition>,
    producer_ids: BTreeSet<i64>,
}

impl Idempotence {
    pub(super) fn sent(&mut self, topic_partition: &TopicPartition, id: RecordId) {
        let sent = self.sent.entry((topic_partition.clone(), id.producer)).or_default();
        *sent = (*sent).max(id.number + 1);
    }

    pub(super) fn producer_id_given(&mut self, producer_id: i64) -> Result<(), String> {
        if self.producer_ids.insert(producer_id) {
            return Ok(());
        }
        Err(format!("producer id {producer_id} was given twice"))
    }

    pub(super) fn lost_some(&mut self, topic_partition: &TopicPartition) {
        self.lost_some.insert(topic_partition.clone());
    }

    pub(super) fn read_at_last(
        &self,
        topic_partition: &TopicPartition,
        log: &ReadLog,
        promise: impl Fn(u32) -> Option<Promise>,
    ) -> Result<(), String> {
        let mut once: BTreeMap<RecordId, i64> = BTreeMap::new();
        let mut counts: BTreeMap<u32, u64> = BTreeMap::new();
        for (offset, id) in log {
            let Some(id) = id else { continue };
            *counts.entry(id.producer).or_default() += 1;
            let promise = promise(id.producer).unwrap_or_default();
            if let Some(first) = once.insert(*id, *offset)
                && (promise.at_most_once || promise.exactly_once)
            {
                return Err(format!("{id} stands in {topic_partition} at {first} and at {offset}"));
            }
        }
        for ((of, producer), sent) in &self.sent {
            let landed = counts.get(producer).copied().unwrap_or(0);
            if of == topic_partition && landed != *sent && !self.lost_some.contains(of) {
                return Err(format!(
                    "of the {sent} records that idempotent producer {producer} sent, {landed} are in {of}"
                ));
            }
        }
        Ok(())
    }
}
