//! Whether a log is to be compacted, how far, and what becomes of its segments when it is.

use std::ops::Range;

use super::{Cleanable, Source};
use crate::config::LogConfig;
use crate::log::{Log, Segment};
use crate::producer_state::AbortedTransaction;
use crate::storage_op::StorageOp;
use crate::types::Offset;

impl Log {
    /// Whether a log that is compacted has segments that never were.
    pub(crate) fn has_dirty_segments(&self) -> bool {
        !self.is_uncleanable && self.segments.get(1).is_some() && self.cleaned_to < self.closed_to()
    }

    /// What there is to compact now, if it is worth it: as much as `min.cleanable.dirty.ratio` says, or something that has waited
    /// for longer than `max.compaction.lag.ms`. Nothing that is younger than `min.compaction.lag.ms` (KIP-58), nor above the last
    /// stable offset.
    pub(crate) fn cleanable(&self, wall_ms: i64, config: &LogConfig) -> Option<Cleanable> {
        if !self.has_dirty_segments() {
            return None;
        }
        let cleaned_to = self.cleaned_to.max(self.log_start_offset);
        let (closed_to, stable_to) = (self.closed_to(), self.last_stable_offset());
        let young = wall_ms.saturating_sub(config.min_compaction_lag_ms);
        let mut sources = Vec::new();
        let (mut all, mut dirty) = (0, 0);
        let mut waited_ms = 0;
        for (index, segment) in self.segments.iter().enumerate() {
            let end = self.segments.get(index + 1).map_or(self.next_offset, Segment::base_offset);
            let is_dirty = end > cleaned_to;
            let is_young = config.min_compaction_lag_ms > 0 && segment.max_timestamp() > young;
            if segment.base_offset() >= closed_to || end > stable_to || (is_dirty && is_young) {
                break;
            }
            all += segment.size();
            if is_dirty {
                dirty += segment.size();
                let since = segment.first_timestamp().filter(|timestamp| *timestamp >= 0);
                waited_ms = waited_ms.max(since.map_or(0, |since| wall_ms.saturating_sub(since)));
            }
            let offsets = segment.base_offset()..end;
            sources.push(Source { offsets, size: segment.size(), is_cleaned: segment.is_cleaned() });
        }
        let is_much =
            u128::from(dirty) * 1_000_000 > u128::from(all) * u128::from(config.min_cleanable_millionths);
        let is_late = waited_ms > config.max_compaction_lag_ms;
        let urgency = if is_late { u64::MAX } else { dirty.saturating_mul(1_000) / all.max(1) };
        (dirty > 0 && (is_much || is_late)).then_some(Cleanable { sources, cleaned_to, urgency })
    }

    /// The transactions that were aborted.
    pub(crate) fn aborted(&self) -> Vec<AbortedTransaction> {
        self.producers.aborted_between(0, self.next_offset)
    }

    /// Whether these segments are there as they were when a compaction of them began.
    pub(crate) fn has_sources(&self, sources: &[Source]) -> bool {
        let Some(first) = sources.first() else { return true };
        let begin = self.segments.partition_point(|segment| segment.base_offset() < first.offsets.start);
        let found = self.segments.get(begin..).unwrap_or_default();
        let same = |(segment, source): (&Segment, &Source)| {
            (segment.base_offset(), segment.size()) == (source.offsets.start, source.size)
        };
        found.len() > sources.len() && found.iter().zip(sources).all(same)
    }

    /// Storage has put a cleaned copy in the place of these segments. Returns what keeps its index.
    pub(crate) fn replaced(&mut self, segments: &Range<Offset>, copy: Segment) -> StorageOp {
        let first = self.segments.partition_point(|segment| segment.base_offset() < segments.start);
        let behind = self.segments.partition_point(|segment| segment.base_offset() < segments.end);
        let index = copy.put_index(self.id, segments.end);
        if self.indexed_segments > first {
            self.indexed_segments = self.indexed_segments.max(behind) - (behind - first) + 1;
        }
        self.segments.splice(first..behind, [copy]);
        // Memory would go on giving what is no longer there.
        self.tail.forget_below(segments.end);
        self.generation += 1;
        index
    }

    /// A segment turned out to have nothing that compaction takes away. Returns what keeps that in mind.
    pub(crate) fn found_clean(&mut self, segments: &Range<Offset>) -> Option<StorageOp> {
        let index = self.segments.binary_search_by_key(&segments.start, Segment::base_offset).ok()?;
        let segment = &mut self.segments[index];
        if segment.is_cleaned() {
            return None;
        }
        segment.set_cleaned();
        Some(segment.put_index(self.id, segments.end))
    }

    /// All below an offset was compacted.
    pub(crate) fn cleaned_up_to(&mut self, offset: Offset) {
        self.cleaned_to = self.cleaned_to.max(offset);
    }

    /// Nothing of this log is compacted until it is read again: it is damaged.
    pub(crate) fn leave_uncleaned(&mut self) {
        self.is_uncleanable = true;
    }

    /// Raised whenever the bytes of a segment may be others than before.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// This log takes the place of an earlier one.
    pub(crate) fn follows(&mut self, earlier: &Log) {
        self.generation = earlier.generation + 1;
    }

    /// The segments below it grow no more: storage has something behind them.
    fn closed_to(&self) -> Offset {
        let stored = self.segments.iter().rev().map(Segment::base_offset);
        stored.into_iter().find(|base_offset| *base_offset < self.log_end_offset).unwrap_or(0)
    }

    /// The end of the segments from the first that an earlier compaction has marked.
    pub(in crate::log) fn marked_clean_to(&self) -> Offset {
        let first_dirty = self.segments.iter().find(|segment| !segment.is_cleaned());
        first_dirty.map_or(self.next_offset, Segment::base_offset)
    }
}
