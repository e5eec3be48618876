//! What has to be done now and then.

use super::{Broker, Owner};
use crate::storage_op::{LogId, StorageResult};
use crate::time::Now;
use crate::types::Offset;

impl Broker {
    /// Has upkeep done from now on.
    pub(super) fn schedule_upkeep(&mut self, now: Now) {
        self.next_upkeep = Some(now.monotonic_ms + self.config.producer_id_expiration_check_interval_ms());
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
