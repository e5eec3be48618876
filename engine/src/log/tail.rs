//! The latest batches of a log, in memory: what consumers that keep up read, without a look at storage.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::types::Offset;

#[derive(Debug, Default)]
pub(crate) struct Tail {
    /// Without gaps, by rising offset.
    batches: VecDeque<TailBatch>,
}

#[derive(Debug)]
struct TailBatch {
    base_offset: Offset,
    next_offset: Offset,
    bytes: Bytes,
}

impl Tail {
    pub(super) fn push(&mut self, base_offset: Offset, next_offset: Offset, bytes: Bytes) {
        self.batches.push_back(TailBatch { base_offset, next_offset, bytes });
    }

    /// Forgets the batches from `offset` on.
    pub(super) fn truncate(&mut self, offset: Offset) {
        let keep = self.batches.partition_point(|batch| batch.base_offset < offset);
        self.batches.truncate(keep);
    }

    /// Forgets the oldest batch, provided that it lies below `log_end_offset` (what is not in storage yet is kept
    /// anyway, and forgetting it here would free nothing).
    pub(crate) fn evict_oldest(&mut self, log_end_offset: Offset) {
        if self.batches.front().is_some_and(|batch| batch.next_offset <= log_end_offset) {
            self.batches.pop_front();
        }
    }

    /// Forgets the batches that lie below `offset` as a whole.
    pub(super) fn forget_below(&mut self, offset: Offset) {
        let below = self.batches.partition_point(|batch| batch.next_offset <= offset);
        self.batches.drain(..below);
    }

    pub(super) fn read(
        &self,
        offset: Offset,
        end_offset: Offset,
        max_bytes: usize,
        at_least_one: bool,
    ) -> Option<Vec<Bytes>> {
        if self.batches.front()?.base_offset > offset {
            return None;
        }
        let first = self.batches.partition_point(|batch| batch.next_offset <= offset);
        let mut taken: Vec<Bytes> = Vec::new();
        let mut size = 0;
        for batch in self.batches.range(first..).take_while(|batch| batch.next_offset <= end_offset) {
            size += batch.bytes.len();
            if size > max_bytes && !(at_least_one && taken.is_empty()) {
                break;
            }
            taken.push(batch.bytes.clone());
        }
        Some(taken)
    }
}
