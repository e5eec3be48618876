//! What has to be done now and then.

use super::{Broker, Owner};
use crate::partition::StartWaiter;
use crate::storage_op::{LogId, StorageResult};
use crate::time::Now;
use crate::topic::Topic;
use crate::types::Offset;

/// How long after a start segments are looked at for the first time, at the latest (`log.initial.task.delay.ms` in Kafka).
const FIRST_RETENTION_MS: u64 = 30_000;

impl Broker {
    /// Has upkeep done from now on.
    pub(super) fn begin_upkeep(&mut self, now: Now) {
        self.schedule_upkeep(now);
        let first = FIRST_RETENTION_MS.min(self.config.retention_check_interval_ms());
        self.next_retention = Some(now.monotonic_ms.saturating_add(first));
        if self.partitions.iter().any(|(_, partition)| partition.config.is_compacted) {
            self.arm_cleaner(now);
        }
    }

    fn schedule_upkeep(&mut self, now: Now) {
        self.next_upkeep = Some(now.monotonic_ms + self.config.producer_id_expiration_check_interval_ms());
    }

    /// Has the segments dropped that are too old or too many. However long nobody has called, it is done once.
    pub(super) fn retain(&mut self, now: Now) {
        if self.next_retention.is_none_or(|due| due > now.monotonic_ms) {
            return;
        }
        let mut starts = Vec::new();
        for (log, partition) in self.partitions.iter() {
            if !partition.start_move.waiting.is_empty() || partition.settling.is_some() {
                continue;
            }
            // The broker knows itself what it still needs of its own logs.
            let is_own = self.topics.by_id(log.topic_id).is_none_or(Topic::is_internal);
            let current = partition.log.log_start_offset();
            let from = if is_own {
                current
            } else {
                let stored_bytes = partition.stored_bytes();
                partition.log.retained_from(now.wall_ms, stored_bytes, &partition.config)
            };
            if from > current || partition.log.has_segments_below_start() {
                starts.push((*log, from));
            }
        }
        for (log, from) in starts {
            self.move_log_start(log, from, StartWaiter::Nobody);
        }
        self.next_retention =
            Some(now.monotonic_ms.saturating_add(self.config.retention_check_interval_ms()));
    }

    pub(super) fn keep_up(&mut self, now: Now) {
        if self.next_upkeep.is_none_or(|due| due > now.monotonic_ms) {
            return;
        }
        let expired = now.wall_ms.saturating_sub(self.config.producer_id_expiration_ms());
        for partition in self.partitions.values_mut() {
            partition.log.expire_producers(expired);
        }
        self.schedule_upkeep(now);
    }

    /// Something has ended that nobody waits for.
    pub(super) fn upkeep_ended(&mut self, log: LogId, result: StorageResult) {
        if let Err(error) = result {
            let name = self.partitions.get(&log).map(|partition| partition.name.to_string());
            let name = name.unwrap_or_else(|| "a deleted partition".to_owned());
            self.report.event(true, format!("Upkeep of {name}: {error}."));
        }
    }

    /// A snapshot of a log's producers is stored, or is not.
    pub(super) fn producers_kept(&mut self, log: LogId, offset: Offset, result: StorageResult) {
        if result.is_ok()
            && let Some(partition) = self.partitions.get_mut(&log)
            && let Some(op) = partition.log.producers_kept(offset)
        {
            self.ops.submit(op, Owner::Upkeep(log));
        }
        self.upkeep_ended(log, result);
    }
}
