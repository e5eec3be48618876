//! Memory for hot tails, bounded over all partitions: when there is too much, the batch that was appended first goes.

use std::collections::VecDeque;

use super::Broker;
use crate::storage_op::LogId;

#[derive(Debug, Default)]
pub(super) struct Tails {
    /// One entry for a batch, by age. A batch that was rolled back leaves its entry, which then evicts another of the
    /// same log a little early.
    batches: VecDeque<(LogId, usize)>,
    bytes: usize,
}

impl Broker {
    /// Counts a batch that was just put into a log's tail.
    pub(super) fn tail_grew(&mut self, log: LogId, size: usize) {
        self.tails.batches.push_back((log, size));
        self.tails.bytes += size;
    }

    /// Frees what is too much. What storage has not taken stays, as it is in memory anyway.
    pub(super) fn trim_tails(&mut self) {
        let limit = self.config.tail_max_bytes() + self.appending_bytes;
        while self.tails.bytes > limit
            && let Some((log, size)) = self.tails.batches.pop_front()
        {
            self.tails.bytes -= size;
            if let Some(partition) = self.partitions.get_mut(&log) {
                let log_end_offset = partition.log.log_end_offset();
                partition.log.tail_mut().evict_oldest(log_end_offset);
            }
        }
    }
}
