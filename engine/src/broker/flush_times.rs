//! `flush.ms`: how long what a log has may wait until it is on the medium. Storage keeps to it; it is told of what changes.

use super::Broker;
use crate::sorted::{SortedMap, SortedSet};
use crate::storage_op::LogId;

#[derive(Debug, Default)]
pub(super) struct FlushTimes {
    /// What storage was told, in ms.
    told: SortedMap<LogId, u64>,
    /// Logs for which it may be another now, each once: those that the broker has, and gone ones of which storage was told.
    changed: SortedSet<LogId>,
}

impl FlushTimes {
    /// A log came, or has another config.
    pub(super) fn look_at(&mut self, log: LogId) {
        self.changed.insert(log);
    }

    /// A log went.
    pub(super) fn gone(&mut self, log: LogId) {
        match self.told.contains_key(&log) {
            true => self.changed.insert(log),
            false => self.changed.remove(&log),
        };
    }

    /// From the end, where nothing has to be moved.
    fn next_changed(&mut self) -> Option<LogId> {
        let log = self.changed.iter().next_back().copied()?;
        self.changed.remove(&log);
        Some(log)
    }
}

impl Broker {
    /// A log with the time in ms after which what was appended to it has to be durable against a power cut; none if that is
    /// up to the storage. The storage keeps to what it was told last of a log, also for what it was given before.
    #[must_use]
    pub fn poll_flush_time(&mut self) -> Option<(LogId, Option<u64>)> {
        while let Some(log) = self.flush_times.next_changed() {
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

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn log(number: u128) -> LogId {
        LogId { topic_id: Uuid::from_u128(number), partition: 0 }
    }

    #[test]
    fn what_nobody_polls_does_not_grow() {
        let mut times = FlushTimes::default();
        times.told.insert(log(1), 500);
        for number in 0..1_000 {
            times.look_at(log(2));
            times.look_at(log(1_000 + number));
            times.gone(log(1_000 + number));
            times.gone(log(1));
        }
        let left: Vec<LogId> = std::iter::from_fn(|| times.next_changed()).collect();
        assert_eq!(left, [log(2), log(1)], "storage has to be told of what it was told before");
    }
}
