//! Finding out what a stored log holds.
//!
//! Segments whose index is stored are taken by it, as far as a snapshot of the producers' states reaches. The batches of the
//! others are read from the start and checked by their CRC. What is damaged is passed over, and what follows keeps its offsets
//! (ADR 11). Only what cannot be read at the very end is cut off, as a write that was torn leaves it, unless it is one whole
//! batch that says which offsets it holds: that was written whole, and its offsets are not given again.

use bytes::{Bytes, BytesMut};

use super::whole::{Lost, Problem};
use super::{Bounds, Damage, Item, Location, Log, Segment, WholeBatches};
use crate::producer_state::ProducerStates;
use crate::record::RecordBatch;
use crate::sorted::SortedMap;
use crate::storage_op::{LogId, SnapshotKind, StorageOp, StoredLog, StoredSegment};
use crate::types::Offset;

/// How much is read at once.
const READ_BYTES: u64 = 1 << 20;

/// The most damage of one log that is told of by itself.
const MAX_TOLD: usize = 100;

/// The recovery of one log.
#[derive(Debug)]
pub(crate) struct Recovery {
    log: Log,
    stored: std::vec::IntoIter<StoredSegment>,
    /// The first offset of the first segment that is stored.
    first_segment: Offset,
    indexes: SortedMap<Offset, (Segment, Offset)>,
    current: Option<Scan>,
    index_interval_bytes: u64,
    /// The producers' states are those before this offset; batches from there on change them.
    producers_from: Offset,
    damages: Vec<Damage>,
}

/// The reading of one segment.
#[derive(Debug)]
struct Scan {
    stored: StoredSegment,
    segment: Segment,
    /// Bytes read of which no whole batch could be made yet; they begin at `at`.
    rest: BytesMut,
    at: Location,
    read_to: u64,
}

/// What a recovery needs next.
#[derive(Debug)]
pub(crate) enum Step {
    /// An operation, whose answer goes to [`Recovery::read`] if it is a read. The bytes of whole, checked batches come
    /// with it.
    Continue { op: StorageOp, batches: Bytes },
    /// The log is recovered, with the last batches; `truncate` takes its damaged end off the storage.
    Done { log: Box<Log>, batches: Bytes, damages: Vec<Damage>, truncate: Option<StorageOp> },
}

impl Recovery {
    /// Begins with the answer to [`StorageOp::Load`].
    ///
    /// `use_indexes`: false has all batches read, for a log whose records the broker itself works by.
    pub(crate) fn new(
        id: LogId,
        stored: StoredLog,
        index_interval_bytes: u64,
        use_indexes: bool,
    ) -> Recovery {
        let is_current = |segment: &Segment| {
            let same = |stored: &StoredSegment| {
                (stored.base_offset, stored.size) == (segment.base_offset(), segment.size())
            };
            stored.segments.iter().any(same)
        };
        let mut log = Log::empty(id);
        let (producers_from, producers) = latest_producers(&stored);
        log.producers = producers;
        log.producer_snapshots = producer_snapshots(&stored);
        let indexes = stored
            .snapshots
            .iter()
            .filter(|snapshot| use_indexes && snapshot.kind == SnapshotKind::SegmentIndex)
            .filter_map(|snapshot| Segment::from_index(&snapshot.snapshot))
            .filter(|(segment, end_offset)| is_current(segment) && *end_offset > segment.base_offset())
            .filter(|(_, end_offset)| *end_offset <= producers_from)
            .map(|(segment, end_offset)| (segment.base_offset(), (segment, end_offset)))
            .collect();
        let first_segment = stored.segments.first().map_or(0, |first| first.base_offset);
        log.log_start_offset = stored.log_start_offset;
        // A log that was emptied goes on where it ended: that is where it begins, or what its producers' states stand for.
        log.next_offset = log.producer_snapshots.last().map_or(0, |last| *last).max(stored.log_start_offset);
        log.log_start_offset = log.log_start_offset.max(match stored.segments.first() {
            Some(first) => {
                log.next_offset = first.base_offset;
                first.base_offset
            }
            None => log.next_offset,
        });
        Recovery {
            log,
            stored: stored.segments.into_iter(),
            first_segment,
            indexes,
            current: None,
            index_interval_bytes,
            producers_from,
            damages: Vec::new(),
        }
    }

    /// Goes on to the next segment.
    pub(crate) fn next(self) -> (Option<Recovery>, Step) {
        self.go_on(Bytes::new())
    }

    fn go_on(mut self, batches: Bytes) -> (Option<Recovery>, Step) {
        while let Some(stored) = self.stored.next() {
            self.begin_segment(stored.base_offset);
            if let Some((segment, end_offset)) = self.indexes.remove(&stored.base_offset) {
                if self.log.indexed_segments == self.log.segments.len() {
                    self.log.indexed_segments += 1;
                }
                self.log.segments.push(segment);
                self.log.next_offset = end_offset;
                continue;
            }
            let segment = Segment::new(stored.base_offset, None);
            let at = segment.start();
            self.current = Some(Scan { stored, segment, rest: BytesMut::new(), at, read_to: 0 });
            return self.read_more(batches, 0);
        }
        (None, self.done(batches, None))
    }

    /// A segment's name says at which offset it begins. If the one before it ends earlier, its end is missing.
    fn begin_segment(&mut self, base_offset: Offset) {
        if let Some(before) = self.log.segments.last()
            && self.log.next_offset < base_offset
        {
            let bytes = before.size()..before.size();
            let offsets = self.log.next_offset..base_offset;
            let damage = Damage { segment: before.base_offset(), bytes, offsets, problem: Problem::Missing };
            self.damaged(damage);
        }
        self.log.next_offset = base_offset;
    }

    /// Has storage read on, so that there are `needed` bytes at the least.
    fn read_more(self, batches: Bytes, needed: usize) -> (Option<Recovery>, Step) {
        let Some(scan) = &self.current else {
            return self.go_on(batches);
        };
        let missing = needed.saturating_sub(scan.rest.len()) as u64;
        let end = scan.stored.size.min(scan.read_to + missing.max(READ_BYTES));
        let op =
            StorageOp::Read { log: self.log.id, segment: scan.stored.base_offset, range: scan.read_to..end };
        (Some(self), Step::Continue { op, batches })
    }

    /// Takes in what was read.
    pub(crate) fn read(mut self, bytes: &[u8]) -> (Option<Recovery>, Step) {
        let Some(mut scan) = self.current.take() else {
            return self.next();
        };
        scan.read_to += bytes.len() as u64;
        scan.rest.extend_from_slice(bytes);
        if bytes.is_empty() {
            // The storage has less than it said.
            scan.stored.size = scan.read_to;
        }
        let (batches, stop) = self.take_batches(&mut scan);
        match stop {
            Stop::Short(needed) => {
                self.current = Some(scan);
                self.read_more(batches, needed)
            }
            Stop::End => {
                self.log.segments.push(scan.segment);
                self.go_on(batches)
            }
            Stop::DamagedEnd(lost) if self.stored.len() > 0 => {
                self.pass_over_end(scan, lost);
                self.go_on(batches)
            }
            Stop::DamagedEnd(lost) => {
                let truncate = self.cut_or_keep(scan, lost);
                (None, self.done(batches, truncate))
            }
        }
    }

    /// Adds the whole batches of what was read to the log; returns their bytes, and what ended them.
    fn take_batches(&mut self, scan: &mut Scan) -> (Bytes, Stop) {
        let end_offset = self.stored.as_slice().first().map(|next| next.base_offset);
        let bounds = Bounds { size: scan.stored.size, end_offset };
        let rest = scan.rest.split().freeze();
        let mut taken = BytesMut::new();
        let mut whole = WholeBatches::new(&rest, scan.at, bounds);
        let stop = loop {
            match whole.next() {
                Some(Item::Batch(batch)) => {
                    self.take(&mut scan.segment, batch);
                    taken.extend_from_slice(batch.as_bytes());
                }
                Some(Item::Damage(damage)) => {
                    scan.segment.skip(damage.bytes.end - scan.segment.size());
                    self.log.next_offset = damage.offsets.end;
                    self.damaged(damage);
                }
                Some(Item::Short { needed }) => break Stop::Short(needed),
                Some(Item::DamagedEnd(lost)) => break Stop::DamagedEnd(lost),
                None if whole.location().position < scan.stored.size => break Stop::Short(0),
                None => break Stop::End,
            }
        };
        scan.at = whole.location();
        let used = if matches!(stop, Stop::DamagedEnd(_)) {
            // What is there is looked at once more.
            usize::try_from(scan.segment.size().saturating_sub(whole.begin())).unwrap_or(0)
        } else {
            whole.index()
        };
        scan.rest = BytesMut::from(rest.get(used..).unwrap_or_default());
        (taken.freeze(), stop)
    }

    fn take(&mut self, segment: &mut Segment, batch: RecordBatch<'_>) {
        segment.push(batch, self.index_interval_bytes);
        if batch.base_offset() >= self.producers_from {
            // What storage has is not taken back.
            let _undo = self.log.producers.appended(batch);
        }
        self.log.next_offset = batch.next_offset();
    }

    fn damaged(&mut self, damage: Damage) {
        if self.log.is_new_damage(&damage) && self.damages.len() < MAX_TOLD {
            self.damages.push(damage);
        }
        // Behind it the log is not written on: what is appended stands in a segment of its own.
        self.log.sealed_below = Offset::MAX;
    }

    /// Nothing can be read from a place on to the end of a segment that is not the last.
    fn pass_over_end(&mut self, mut scan: Scan, lost: Lost) {
        let end_offset = self.stored.as_slice().first().map_or(self.log.next_offset, |next| next.base_offset);
        let offsets = self.log.next_offset..end_offset.max(self.log.next_offset);
        self.damaged(lost.until(scan.stored.base_offset, scan.stored.size, offsets.clone()));
        scan.segment.skip(scan.stored.size - scan.segment.size());
        self.log.next_offset = offsets.end;
        self.log.segments.push(scan.segment);
    }

    /// Nothing can be read from a place on to the end of the log. If it is one whole batch whose checksum alone is wrong, its
    /// offsets may have been acknowledged; else it is taken for the rest of a torn write, and cut off.
    fn cut_or_keep(&mut self, mut scan: Scan, lost: Lost) -> Option<StorageOp> {
        let (segment, position) = (scan.stored.base_offset, scan.segment.size());
        let next_offset = self.log.next_offset;
        let is_all_there = lost.from() == position && scan.rest.len() as u64 == scan.stored.size - position;
        let kept = is_all_there.then(|| kept_offsets(&scan.rest, next_offset)).flatten();
        let end_offset = kept.unwrap_or(next_offset);
        self.damaged(lost.until(segment, scan.stored.size, next_offset..end_offset));
        let op = StorageOp::Truncate { log: self.log.id, offset: next_offset, segment, position };
        if kept.is_some() {
            scan.segment.skip(scan.stored.size - position);
            self.log.next_offset = end_offset;
        } else if next_offset < self.producers_from {
            // The states are those of records that are gone.
            self.log.producers.cut_off(next_offset);
        }
        if scan.segment.size() > 0 {
            self.log.segments.push(scan.segment);
        }
        kept.is_none().then_some(op)
    }

    fn done(self, batches: Bytes, mut truncate: Option<StorageOp>) -> Step {
        let mut log = self.log;
        if log.next_offset < log.log_start_offset {
            // What is left lies below the log start, so none of it is in the log. What stands behind the cut goes with it.
            let before = log.log_start_offset;
            let segment = self.first_segment;
            truncate = Some(StorageOp::Truncate { log: log.id, offset: before, segment, position: 0 });
            log.segments.clear();
            log.next_offset = before;
        }
        log.log_end_offset = log.next_offset;
        log.producers.stored(log.log_end_offset);
        log.producers.forget_aborted_below(log.log_start_offset);
        log.sealed_below = log.sealed_below.min(log.log_end_offset);
        if truncate.is_none()
            && log.producer_snapshots.last().is_some_and(|beyond| *beyond > log.next_offset)
            && let Some(last) = log.segments.last()
        {
            // Were it left, it would say where the log goes on once all segments are gone.
            let (segment, position) = (last.base_offset(), last.size());
            truncate = Some(StorageOp::Truncate { log: log.id, offset: log.next_offset, segment, position });
        }
        // A truncation takes the snapshots above it along.
        log.producer_snapshots.retain(|offset| *offset <= log.next_offset);
        // The last one grows again, so an index of it would no longer hold.
        log.indexed_segments = log.indexed_segments.min(log.segments.len().saturating_sub(1));
        log.cleaned_to = log.marked_clean_to();
        Step::Done { log: Box::new(log), batches, damages: self.damages, truncate }
    }
}

/// What ends the batches that were read.
enum Stop {
    /// So many bytes are needed to go on.
    Short(usize),
    /// The segment is through.
    End,
    DamagedEnd(Lost),
}

/// Where the offsets of a damaged batch end, if the bytes are one batch whose header is as it should be and that was written to
/// its end.
fn kept_offsets(bytes: &[u8], next_offset: Offset) -> Option<Offset> {
    let batch = RecordBatch::parse(bytes).ok().filter(|batch| batch.size() == bytes.len())?;
    let in_place =
        batch.base_offset() == next_offset && batch.record_count() == batch.last_offset_delta() + 1;
    // A write that was torn may leave zeros; records end with at most one.
    let written = !bytes.ends_with(&[0, 0]);
    (in_place && written).then(|| batch.next_offset())
}

/// The latest readable snapshot of the producers' states, and the offset that it stands for.
fn latest_producers(stored: &StoredLog) -> (Offset, ProducerStates) {
    let readable = stored
        .snapshots
        .iter()
        .filter(|snapshot| snapshot.kind == SnapshotKind::ProducerState)
        .filter_map(|snapshot| Some((snapshot.offset, ProducerStates::decode(&snapshot.snapshot)?)));
    readable.max_by_key(|(offset, _)| *offset).unwrap_or_default()
}

fn producer_snapshots(stored: &StoredLog) -> Vec<Offset> {
    let kept = stored.snapshots.iter().filter(|snapshot| snapshot.kind == SnapshotKind::ProducerState);
    let mut offsets: Vec<Offset> = kept.map(|snapshot| snapshot.offset).collect();
    offsets.sort_unstable();
    offsets
}
