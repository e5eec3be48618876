//! `flush.ms`: how long what a log has may wait until it is on the medium. Storage keeps to it; it is told of what changes.

use super::Broker;
use crate::sorted::SortedMap;
use crate::storage_op::LogId;

#[derive(Debug, Default)]
pub(super) struct FlushTimes {
    /// What storage was told, in ms.
    told: SortedMap<LogId, u64>,
    /// Logs for which it may be another now.
    changed: Vec<LogId>,
}

impl FlushTimes {
    /// A log came, went, or has another config.
    pub(super) fn look_at(&mut self, log: LogId) {
        self.changed.push(log);
    }
}

impl Broker {
    /// A log with the time in ms after which what was appended to it has to be durable against a power cut; none if that is
    /// up to the storage. The storage keeps to what it was told last of a log, also for what it was given before.
    #[must_use]
    pub fn poll_flush_time(&mut self) -> Option<(LogId, Option<u64>)> {
        while let Some(log) = self.flush_times.changed.pop() {
            let wanted = self.partitions.get(&log).and_then(|partition| partition.config.flush_ms);
            let told = &mut self.flush_times.told;
            let before = match wanted {
                Some(ms) => told.insert(log, ms),
                None => told.remove(&log),
            };
            if before != wanted {
                return Some((log, wanted));
            }
        }
        None
    }
}
