//! Finding out what a stored log holds.
//!
//! Segments whose index is stored are taken by it, as far as a snapshot of the producers' states reaches. The batches of the others are read from the start and checked by
//! their CRC; from the first that is damaged or cut off on, the log is truncated, as Kafka does after an unclean end.

use std::fmt;

use bytes::{Bytes, BytesMut};

use super::{Log, Segment};
use crate::producer_state::ProducerStates;
use crate::record::{Batches, RecordBatch, RecordError};
use crate::sorted::SortedMap;
use crate::storage_op::{LogId, SnapshotKind, StorageOp, StoredLog, StoredSegment};
use crate::types::Offset;

/// How much is read at once.
const READ_BYTES: u64 = 1 << 20;

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
}

/// The reading of one segment.
#[derive(Debug)]
struct Scan {
    stored: StoredSegment,
    segment: Segment,
    /// Bytes read of which no whole batch could be made yet.
    rest: BytesMut,
    read_to: u64,
    want: u64,
}

/// What a recovery needs next.
#[derive(Debug)]
pub(crate) enum Step {
    /// An operation, whose answer goes to [`Recovery::read`] if it is a read. The bytes of whole, checked batches come
    /// with it.
    Continue { op: StorageOp, batches: Bytes },
    /// The log is recovered, with the last batches; `truncate` takes its damaged end off the storage.
    Done { log: Box<Log>, batches: Bytes, truncate: Option<Damage> },
}

/// The damaged end of a log.
#[derive(Debug)]
pub(crate) struct Damage {
    pub(crate) op: StorageOp,
    pub(crate) message: String,
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
        }
    }

    /// Goes on to the next segment.
    pub(crate) fn next(mut self) -> (Option<Recovery>, Step) {
        for stored in self.stored.by_ref() {
            if let Some((segment, end_offset)) = self.indexes.remove(&stored.base_offset) {
                if self.log.indexed_segments == self.log.segments.len() {
                    self.log.indexed_segments += 1;
                }
                self.log.segments.push(segment);
                self.log.next_offset = end_offset;
                continue;
            }
            self.current = Some(Scan {
                stored,
                segment: Segment::new(stored.base_offset, None),
                rest: BytesMut::new(),
                read_to: 0,
                want: READ_BYTES,
            });
            return self.read_more(Bytes::new());
        }
        (None, self.done(Bytes::new(), None))
    }

    fn read_more(self, batches: Bytes) -> (Option<Recovery>, Step) {
        let Some(scan) = &self.current else {
            return self.next();
        };
        let end = scan.stored.size.min(scan.read_to + scan.want);
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
        let (used, problem) = self.take_batches(&mut scan);
        let batches = scan.rest.split_to(used).freeze();
        let at_end = scan.read_to >= scan.stored.size || bytes.is_empty();
        match problem {
            Some(Problem::Record(RecordError::Truncated { needed, .. }))
                if !at_end && scan.segment.size() + needed as u64 <= scan.stored.size =>
            {
                scan.want = READ_BYTES.max(needed as u64);
                self.current = Some(scan);
                self.read_more(batches)
            }
            None if !at_end => {
                scan.want = READ_BYTES;
                self.current = Some(scan);
                self.read_more(batches)
            }
            None => {
                self.log.segments.push(scan.segment);
                match self.next() {
                    (recovery, Step::Continue { op, batches: none }) if none.is_empty() => {
                        (recovery, Step::Continue { op, batches })
                    }
                    (recovery, Step::Done { log, truncate, .. }) => {
                        (recovery, Step::Done { log, batches, truncate })
                    }
                    other => other,
                }
            }
            Some(error) => {
                let damage = self.cut(scan, &error);
                (None, self.done(batches, Some(damage)))
            }
        }
    }

    /// Adds the whole batches of what was read to the log; returns their length, and what ended them.
    fn take_batches(&mut self, scan: &mut Scan) -> (usize, Option<Problem>) {
        let mut used = 0;
        for batch in Batches::new(&scan.rest) {
            match batch.map_err(Problem::Record).and_then(|batch| check(batch, self.log.next_offset)) {
                Ok(batch) => {
                    scan.segment.push(batch, self.index_interval_bytes);
                    if batch.base_offset() >= self.producers_from {
                        // What storage has is not taken back.
                        let _undo = self.log.producers.appended(batch);
                    }
                    self.log.next_offset = batch.next_offset();
                    used += batch.size();
                }
                Err(error) => return (used, Some(error)),
            }
        }
        (used, None)
    }

    /// Ends the log where a segment stops to be readable.
    fn cut(&mut self, scan: Scan, error: &Problem) -> Damage {
        let lost = scan.stored.size - scan.segment.size()
            + self.stored.by_ref().map(|segment| segment.size).sum::<u64>();
        let op = StorageOp::Truncate {
            log: self.log.id,
            offset: self.log.next_offset,
            segment: scan.segment.base_offset(),
            position: scan.segment.size(),
        };
        let message = format!(
            "segment {} at byte {}: {error}; the log ends at offset {} now, {lost} bytes were cut off",
            scan.segment.base_offset(),
            scan.segment.size(),
            self.log.next_offset,
        );
        if scan.segment.size() > 0 {
            self.log.segments.push(scan.segment);
        }
        if self.log.next_offset < self.producers_from {
            // The states are those of records that are gone. A producer that is not known may go on with any sequence.
            self.log.producers = ProducerStates::default();
        }
        Damage { op, message }
    }

    fn done(self, batches: Bytes, mut truncate: Option<Damage>) -> Step {
        let mut log = self.log;
        if log.next_offset < log.log_start_offset {
            // What is left lies below the log start, so none of it is in the log. What stands behind the cut goes with it.
            let before = log.log_start_offset;
            let segment = self.first_segment;
            let op = StorageOp::Truncate { log: log.id, offset: before, segment, position: 0 };
            let message = truncate.take().map_or_else(
                || format!("it ended at offset {} and begins at {before}", log.next_offset),
                |damage| damage.message,
            );
            truncate = Some(Damage { op, message });
            log.segments.clear();
            log.next_offset = before;
        }
        log.log_end_offset = log.next_offset;
        if truncate.is_none()
            && let Some(beyond) = log.producer_snapshots.last().filter(|offset| **offset > log.next_offset)
            && let Some(last) = log.segments.last()
        {
            // Were it left, it would say where the log goes on once all segments are gone.
            let (segment, position) = (last.base_offset(), last.size());
            let op = StorageOp::Truncate { log: log.id, offset: log.next_offset, segment, position };
            let message =
                format!("it ends at offset {}, and a snapshot stands for {beyond}", log.next_offset);
            truncate = Some(Damage { op, message });
        }
        // A truncation takes the snapshots above it along.
        log.producer_snapshots.retain(|offset| *offset <= log.next_offset);
        // The last one grows again, so an index of it would no longer hold.
        log.indexed_segments = log.indexed_segments.min(log.segments.len().saturating_sub(1));
        Step::Done { log: Box::new(log), batches, truncate }
    }
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

/// Why a log cannot be read on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Problem {
    Record(RecordError),
    OutOfOrder { base_offset: Offset, next_offset: Offset },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::Record(error) => error.fmt(f),
            Problem::OutOfOrder { base_offset, next_offset } => {
                write!(f, "a batch of offset {base_offset} stands where {next_offset} is the next")
            }
        }
    }
}

/// A batch that may stand where the log ends: intact, and of the very next offset. The CRC does not cover the base
/// offset, and no log here has gaps, so a gap is damage too.
fn check(batch: RecordBatch<'_>, next_offset: Offset) -> Result<RecordBatch<'_>, Problem> {
    batch.verify_crc().map_err(Problem::Record)?;
    if batch.base_offset() != next_offset {
        return Err(Problem::OutOfOrder { base_offset: batch.base_offset(), next_offset });
    }
    Ok(batch)
}
