//! Offsets are dense: a consumer gets each exactly once and in order, and a log has each from its first to its end.

use std::collections::BTreeMap;

use headwater_engine::{Offset, TopicPartition};

use super::ReadLog;

#[derive(Debug, Default)]
pub(super) struct Offsets {
    /// What each consumer has to get next.
    next: BTreeMap<(u32, TopicPartition), Offset>,
}

impl Offsets {
    pub(super) fn positioned(&mut self, consumer: u32, topic_partition: &TopicPartition, offset: Offset) {
        self.next.insert((consumer, topic_partition.clone()), offset);
    }

    pub(super) fn seen(
        &mut self,
        consumer: u32,
        topic_partition: &TopicPartition,
        offset: Offset,
        is_damaged: impl Fn(Offset) -> bool,
    ) -> Result<(), String> {
        let next = self.next.entry((consumer, topic_partition.clone())).or_default();
        if offset > *next && (*next..offset).all(is_damaged) {
            *next = offset;
        }
        if *next != offset {
            return Err(format!("consumer {consumer} got {topic_partition}@{offset} where {next} is next"));
        }
        *next += 1;
        Ok(())
    }
}

/// Whether a log that was read from its start has every offset below its high watermark once.
pub(super) fn dense(
    topic_partition: &TopicPartition,
    log: &ReadLog,
    high_watermark: Offset,
) -> Result<(), String> {
    for (expected, (offset, _)) in (0..).zip(log) {
        if *offset != expected {
            return Err(format!("{topic_partition} has offset {offset} where {expected} belongs"));
        }
    }
    if log.len() as u64 != high_watermark.unsigned_abs() {
        return Err(format!(
            "{topic_partition} has {} records below its high watermark {high_watermark}",
            log.len()
        ));
    }
    Ok(())
}
