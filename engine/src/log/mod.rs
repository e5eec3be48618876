//! A partition's log: segments with their indexes, the hot tail, and where the log ends.
//!
//! The bytes lie in storage; here is what is needed to find them. Three positions matter: `log_start_offset` (the first
//! offset that can be read), `log_end_offset` (the first that storage does not have yet) and `next_offset` (the
//! first not handed out; what lies between it and the log end is on its way to storage).

mod cleaner;
mod index;
mod recovery;
mod retention;
mod segment;
mod start;
mod tail;
#[cfg(test)]
mod tests;
mod whole;

use std::ops::Range;

use bytes::Bytes;

pub(crate) use cleaner::{Cleanable, Cleaning, CleaningSettings, CleaningStep, Obstacle};
pub(crate) use recovery::{Recovery, Step};
pub(crate) use segment::Segment;
pub(crate) use start::StartStep;
use tail::Tail;
pub(crate) use whole::{Bounds, Damage, Item, Location, WholeBatches};

use crate::config::LogConfig;
use crate::producer_state::{ProducerStates, Undo};
use crate::record::RecordBatch;
use crate::sorted::SortedSet;
use crate::storage_op::{LogId, SnapshotKind, StorageOp};
use crate::types::Offset;

/// How many snapshots of the producers' states are kept, so that a truncation below the last finds one before it.
const KEPT_PRODUCER_SNAPSHOTS: usize = 2;

/// The most damage that is remembered as told of. Beyond it some is told of again.
const MAX_DAMAGES: usize = 1_000;

/// A log without the bytes of its batches.
#[derive(Debug)]
pub(crate) struct Log {
    pub(crate) id: LogId,
    segments: Vec<Segment>,
    tail: Tail,
    log_start_offset: Offset,
    log_end_offset: Offset,
    next_offset: Offset,
    /// How many of the leading segments have their index kept in storage, or on its way there.
    indexed_segments: usize,
    /// With what is on its way to storage.
    producers: ProducerStates,
    /// The offsets for which storage has a snapshot of the producers' states, rising.
    producer_snapshots: Vec<Offset>,
    /// Damage that was told of, by segment and position.
    damages: SortedSet<(Offset, u64)>,
    /// Segments that begin below it take nothing more: they may be on their way out.
    sealed_below: Offset,
    /// What lies below was compacted.
    cleaned_to: Offset,
    /// It is damaged where it would be compacted.
    is_uncleanable: bool,
    /// See [`Log::generation`].
    generation: u64,
}

/// Where an append goes, and how to take it back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct AppendPoint {
    pub(crate) segment: Offset,
    pub(crate) position: u64,
    pub(crate) base_offset: Offset,
    pub(crate) end_offset: Offset,
    mark: Mark,
}

/// The state of a log before an append, as far as the append changes it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Mark {
    next_offset: Offset,
    /// The last segment, by its first offset.
    last_segment: Option<(Offset, segment::SegmentMark)>,
}

impl Log {
    pub(crate) fn empty(id: LogId) -> Log {
        Log {
            id,
            segments: Vec::new(),
            tail: Tail::default(),
            log_start_offset: 0,
            log_end_offset: 0,
            next_offset: 0,
            indexed_segments: 0,
            producers: ProducerStates::default(),
            producer_snapshots: Vec::new(),
            damages: SortedSet::new(),
            sealed_below: 0,
            cleaned_to: 0,
            is_uncleanable: false,
            generation: 0,
        }
    }

    pub(crate) fn producers(&self) -> &ProducerStates {
        &self.producers
    }

    pub(crate) fn producers_mut(&mut self) -> &mut ProducerStates {
        &mut self.producers
    }

    /// Forgets the producers that were heard of last before `timestamp`.
    pub(crate) fn expire_producers(&mut self, timestamp: i64) {
        self.producers.expire(timestamp);
    }

    pub(crate) fn log_start_offset(&self) -> Offset {
        self.log_start_offset
    }

    pub(crate) fn log_end_offset(&self) -> Offset {
        self.log_end_offset
    }

    /// Below it every transaction has ended (KIP-98). It is between the log's start and its end.
    pub(crate) fn last_stable_offset(&self) -> Offset {
        let undecided = self.producers.first_undecided().unwrap_or(Offset::MAX);
        self.log_end_offset.min(undecided.max(self.log_start_offset))
    }

    pub(crate) fn next_offset(&self) -> Offset {
        self.next_offset
    }

    pub(crate) fn size_bytes(&self) -> u64 {
        self.segments.iter().map(Segment::size).sum()
    }

    pub(crate) fn segment_count(&self) -> usize {
        self.segments.len()
    }

    pub(crate) fn segments(&self) -> &[Segment] {
        &self.segments
    }

    pub(crate) fn tail_mut(&mut self) -> &mut Tail {
        &mut self.tail
    }

    /// Takes a batch in at the end, its base offset already set to [`Log::next_offset`], and says where its bytes go.
    ///
    /// Until [`Log::appended`] the batch is not part of what can be read. What it changed of its producer's state is
    /// returned too, for [`Log::roll_back`].
    pub(crate) fn append(
        &mut self,
        batch: &Bytes,
        view: RecordBatch<'_>,
        config: &LogConfig,
    ) -> (AppendPoint, Option<Undo>) {
        assert_eq!(view.base_offset(), self.next_offset, "a batch goes where the log ends");
        let mark = Mark {
            next_offset: self.next_offset,
            last_segment: self.segments.last().map(|segment| (segment.base_offset(), segment.mark())),
        };
        let sealed_below = self.sealed_below;
        let is_full = |last: &Segment| last.base_offset() < sealed_below || last.must_roll(view, config);
        if self.segments.last().is_none_or(is_full) {
            let producers = (!self.segments.is_empty()).then(|| self.producers.encode());
            self.segments.push(Segment::new(self.next_offset, producers));
        }
        let point = self.push(view, config.index_interval_bytes, mark);
        self.tail.push(view.base_offset(), view.next_offset(), batch.clone());
        (point, self.producers.appended(view))
    }

    fn push(&mut self, view: RecordBatch<'_>, index_interval_bytes: u64, mark: Mark) -> AppendPoint {
        let Some(segment) = self.segments.last_mut() else {
            unreachable!("append has made sure of a segment");
        };
        let position = segment.size();
        segment.push(view, index_interval_bytes);
        self.next_offset = view.next_offset();
        AppendPoint {
            segment: segment.base_offset(),
            position,
            base_offset: view.base_offset(),
            end_offset: view.next_offset(),
            mark,
        }
    }

    /// Storage took an append: its records are in the log. Returns the indexes of segments that are now complete.
    pub(crate) fn appended(&mut self, point: &AppendPoint) -> Vec<StorageOp> {
        assert_eq!(point.base_offset, self.log_end_offset.max(point.base_offset), "appends end in order");
        self.log_end_offset = point.end_offset;
        self.producers.stored(point.end_offset);
        self.index_complete_segments()
    }

    /// Takes an append back that storage refused, with everything behind it; `undos` are what [`Log::append`] returned
    /// since, the last first.
    pub(crate) fn roll_back(&mut self, point: &AppendPoint, undos: impl Iterator<Item = Undo>) {
        for undo in undos {
            self.producers.undo(undo);
        }
        let earlier = self.segments.partition_point(|segment| segment.base_offset() < point.segment);
        self.segments.truncate(earlier + usize::from(point.position > 0));
        if let (Some(segment), Some((base_offset, mark))) =
            (self.segments.last_mut(), point.mark.last_segment)
            && segment.base_offset() == base_offset
        {
            segment.reset(mark);
        }
        self.next_offset = point.mark.next_offset;
        self.tail.truncate(point.base_offset);
    }

    /// A segment that no longer grows gets its index stored, and the producers' states at its end, so that a later start
    /// need not read its batches.
    fn index_complete_segments(&mut self) -> Vec<StorageOp> {
        let mut ops = Vec::new();
        while let [segment, next, ..] = &mut self.segments[self.indexed_segments..] {
            let (log, offset) = (self.id, next.base_offset());
            if offset > self.log_end_offset {
                break;
            }
            ops.push(segment.put_index(log, offset));
            if let Some(snapshot) = next.take_producers() {
                let kind = SnapshotKind::ProducerState;
                ops.push(StorageOp::PutSnapshot { log, kind, offset, snapshot });
            }
            self.indexed_segments += 1;
        }
        ops
    }

    /// The batches from the one that holds the first of the offsets on, when memory has them: whole batches of
    /// at most `max_bytes` together, but the first in any case if `at_least_one`. None reaches beyond the log end.
    pub(crate) fn read_tail(
        &self,
        offsets: Range<Offset>,
        max_bytes: usize,
        at_least_one: bool,
    ) -> Option<Vec<Bytes>> {
        self.tail.read(offsets.start, offsets.end.min(self.log_end_offset), max_bytes, at_least_one)
    }

    /// Where in storage the batch that holds `offset`, or the first after it, is to be looked for.
    pub(crate) fn locate(&self, offset: Offset) -> Option<Location> {
        let after = self.segments.partition_point(|segment| segment.base_offset() <= offset);
        let segment = self.segments.get(after.saturating_sub(1))?;
        Some(segment.locate(offset))
    }

    /// The segment behind the one that begins at `base_offset`.
    pub(crate) fn segment_after(&self, base_offset: Offset) -> Option<Location> {
        let after = self.segments.partition_point(|segment| segment.base_offset() <= base_offset);
        self.segments.get(after).map(Segment::start)
    }

    /// The size of the segment that begins at `base_offset`, with what is on its way to storage.
    pub(crate) fn segment_size(&self, base_offset: Offset) -> u64 {
        match self.segments.binary_search_by_key(&base_offset, Segment::base_offset) {
            Ok(index) => self.segments[index].size(),
            Err(_) => 0,
        }
    }

    /// Remembers damage; whether it was not known before.
    pub(crate) fn is_new_damage(&mut self, damage: &Damage) -> bool {
        if self.damages.iter().count() >= MAX_DAMAGES {
            self.damages.pop_first();
        }
        self.damages.insert((damage.segment, damage.bytes.start))
    }

    /// What is known of a segment that holds `size` bytes in storage.
    pub(crate) fn bounds(&self, segment: Offset, size: u64) -> Bounds {
        let next = self.segment_after(segment).map_or(self.log_end_offset, |next| next.segment);
        Bounds { size, end_offset: Some(next.min(self.log_end_offset)) }
    }

    /// Where the first record of `timestamp` or later is to be looked for, none where there is no such record.
    pub(crate) fn locate_timestamp(&self, timestamp: i64) -> Option<Location> {
        let segment = self.segments.iter().find(|segment| segment.max_timestamp() >= timestamp)?;
        Some(segment.locate_timestamp(timestamp))
    }

    /// The greatest timestamp of all records.
    pub(crate) fn max_timestamp(&self) -> Option<i64> {
        self.segments.iter().map(Segment::max_timestamp).max().filter(|timestamp| *timestamp != i64::MIN)
    }

    /// Bytes that a reader at `offset` has before it, at the most: an upper bound that the index can give.
    pub(crate) fn bytes_from(&self, offset: Offset) -> u64 {
        if offset >= self.log_end_offset {
            return 0;
        }
        let after = self.segments.partition_point(|segment| segment.base_offset() <= offset).max(1);
        let first = self
            .segments
            .get(after - 1)
            .map_or(0, |segment| segment.size() - segment.locate(offset).position);
        first + self.segments.iter().skip(after).map(Segment::size).sum::<u64>()
    }
}
