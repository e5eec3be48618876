//! Moving the log start: which segments can be dropped, and what has to be kept so that a later start finds the same log.
//!
//! A log begins at a segment, or at a mark that storage keeps (ADR 8). Segments are dropped only if what stays says where
//! the log goes on and what its producers sent last: a stored segment behind them, or a mark where nothing is left; and
//! a snapshot of the producers' states at the new first segment or later.

use super::{Log, Segment};
use crate::storage_op::{SnapshotKind, StorageOp};
use crate::types::Offset;

/// The next step of moving a log's start.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum StartStep {
    /// The log begins there already, or nothing can be done at the moment.
    None,
    /// The producers' states have to be kept first; then the step after it is to be asked for.
    KeepProducers(StorageOp),
    /// Drops and marks. When it is done, [`Log::start_moved`] gets what it says.
    Move { op: StorageOp, before: Offset, log_start_offset: Option<Offset> },
}

impl Log {
    /// What storage has to do for the log to begin at `offset`, which is not above the log end.
    ///
    /// `sparing`: it has no room for anything, so segments are dropped as far as that goes without.
    pub(crate) fn start_step(&mut self, offset: Offset, sparing: bool) -> StartStep {
        assert!(offset <= self.log_end_offset, "a log does not begin where nothing is stored");
        let mut kept = self.first_needed(offset);
        if (sparing && kept == self.segments.len()) || !self.producers_are_kept(kept) {
            // Where nothing is on its way, the states are those at the log end.
            if !sparing && self.is_settled() {
                return StartStep::KeepProducers(self.put_producers());
            }
            kept = (0..kept).rev().find(|&kept| kept == 0 || self.producers_are_kept(kept)).unwrap_or(0);
        }
        let before = self.segments.get(kept).map_or(offset, Segment::base_offset);
        let is_marked_by_segment = before >= offset && kept < self.segments.len();
        let log_start_offset =
            (!sparing && !is_marked_by_segment && offset > self.log_start_offset).then_some(offset);
        if kept == 0 && log_start_offset.is_none() {
            return StartStep::None;
        }
        // What comes from now on must not go where it would be dropped.
        self.sealed_below = self.sealed_below.max(before);
        let op = StorageOp::DeleteSegments { log: self.id, before, log_start_offset };
        StartStep::Move { op, before, log_start_offset }
    }

    /// Storage has moved the log start.
    pub(crate) fn start_moved(&mut self, before: Offset, log_start_offset: Option<Offset>) {
        let dropped = self.segments.partition_point(|segment| segment.base_offset() < before);
        self.segments.drain(..dropped);
        self.indexed_segments = self.indexed_segments.saturating_sub(dropped);
        self.log_start_offset = self.log_start_offset.max(log_start_offset.unwrap_or(before));
        self.producer_snapshots.retain(|offset| *offset >= before);
        self.producers.forget_aborted_below(self.log_start_offset);
        self.tail.forget_below(self.log_start_offset);
    }

    /// A snapshot of the producers' states is stored. Returns what drops the one that is too many now.
    pub(crate) fn producers_kept(&mut self, offset: Offset) -> Option<StorageOp> {
        let at = self.producer_snapshots.partition_point(|kept| *kept < offset);
        if offset > self.log_end_offset || self.producer_snapshots.get(at) == Some(&offset) {
            return None;
        }
        self.producer_snapshots.insert(at, offset);
        (self.producer_snapshots.len() > super::KEPT_PRODUCER_SNAPSHOTS).then(|| {
            let offset = self.producer_snapshots.remove(0);
            StorageOp::DeleteSnapshot { log: self.id, kind: SnapshotKind::ProducerState, offset }
        })
    }

    /// The first segment that holds something from `offset` on, or behind which storage has nothing yet that could say
    /// where the log goes on.
    fn first_needed(&self, offset: Offset) -> usize {
        let is_needed = |(index, _): &(usize, &Segment)| match self.segments.get(index + 1) {
            Some(next) => next.base_offset() > offset || next.base_offset() >= self.log_end_offset,
            None => self.next_offset > offset || !self.is_settled(),
        };
        self.segments.iter().enumerate().find(is_needed).map_or(self.segments.len(), |(index, _)| index)
    }

    /// Whether nothing is on its way to storage.
    fn is_settled(&self) -> bool {
        self.next_offset == self.log_end_offset
    }

    /// Whether the producers' states can be told from what is stored if the first `dropped` segments are not.
    fn producers_are_kept(&self, dropped: usize) -> bool {
        let begins = self.segments.get(dropped).map_or(self.next_offset, Segment::base_offset);
        dropped == 0
            || self.producers.is_empty()
            || self.producer_snapshots.last().is_some_and(|latest| *latest >= begins)
    }

    fn put_producers(&self) -> StorageOp {
        let (kind, snapshot) = (SnapshotKind::ProducerState, self.producers.encode());
        StorageOp::PutSnapshot { log: self.id, kind, offset: self.log_end_offset, snapshot }
    }
}
