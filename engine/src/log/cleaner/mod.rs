//! Compaction: of every key the last record stays (`cleanup.policy=compact`).
//!
//! A [`Cleaning`] goes through a log in steps of limited size, each of which is one storage operation. First it reads what is
//! new and notes the last offset of each key. Then it goes through all segments from the first, copies what is still needed
//! of a run of them, and has the copy put in their place. What was a batch and is none any more leaves its offsets as a
//! placeholder, so that a log has no gaps (ADR 16). The rules are those of Kafka's `LogCleaner`:
//!
//! * The segment that is written to stays as it is.
//! * A record goes if a later one has its key. One without a value, a tombstone, goes too, once its batch's delete horizon
//!   is over, which the first compaction sets (KIP-534).
//! * A batch of an aborted transaction goes; a marker that commits when nothing of its transaction is left and its horizon is
//!   over.
//! * The last batch of a producer stays, without records if need be: it says which sequence comes next.

mod choice;
mod copy;
mod key_map;
mod reader;
mod transactions;

use std::ops::Range;

use bytes::Bytes;

use self::copy::Copy;
use self::key_map::KeyMap;
use self::reader::Reader;
use self::transactions::Transactions;
use super::Segment;
use crate::config::LogConfig;
use crate::producer_state::{AbortedTransaction, ProducerStates};
use crate::record::{Record, RecordBatch, RecordError, Rewritten, emptied, is_placeholder, keep_records};
use crate::storage_op::{LogId, StorageOp};
use crate::types::Offset;

/// A segment that is compacted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Source {
    /// Its offsets, up to the next segment.
    offsets: Range<Offset>,
    size: u64,
    is_cleaned: bool,
}

/// What there is to compact.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Cleanable {
    /// The segments from the first to the last that is to be compacted.
    sources: Vec<Source>,
    /// All below was compacted before.
    cleaned_to: Offset,
    /// The greater, the sooner.
    pub(crate) urgency: u64,
}

/// What a cleaning goes by.
#[derive(Clone, Debug)]
pub(crate) struct CleaningSettings {
    pub(crate) wall_ms: i64,
    pub(crate) config: LogConfig,
    /// The most bytes for the keys.
    pub(crate) max_key_bytes: u64,
    /// What nobody knows beforehand.
    pub(crate) seeds: [u64; 2],
    /// The transactions that were aborted.
    pub(crate) aborted: Vec<AbortedTransaction>,
}

/// The compaction of one log.
#[derive(Debug)]
pub(crate) struct Cleaning {
    pub(crate) log: LogId,
    sources: Vec<Source>,
    settings: CleaningSettings,
    keys: KeyMap,
    /// Keys were noted below this offset; what lies above is left alone.
    mapped_to: Offset,
    transactions: Transactions,
    phase: Phase,
    /// Bytes before and after.
    sizes: (u64, u64),
}

#[derive(Debug)]
enum Phase {
    /// Keys are noted; the segment that is read, by its place.
    Mapping {
        from: Offset,
        index: usize,
        reader: Reader,
    },
    Copying {
        copy: Box<Copy>,
        index: usize,
        reader: Reader,
    },
    /// The copy is whole, and is taking the place of what it was made of.
    Replacing {
        copy: Box<Copy>,
    },
    /// The copy is of no use, and is being dropped.
    Dropping {
        copy: Box<Copy>,
    },
    Ended,
}

/// What a cleaning needs next.
#[derive(Debug)]
pub(crate) enum CleaningStep {
    /// An operation, whose answer goes to [`Cleaning::go_on`].
    Op(StorageOp),
    /// A copy is in the place of these segments; [`Cleaning::next_run`] goes on.
    Replaced { segments: Range<Offset>, copy: Box<Segment> },
    /// This segment has nothing that could go; [`Cleaning::next_run`] goes on.
    FoundClean { segments: Range<Offset>, is_cleaned: bool },
    /// All is done: below this offset the log is clean.
    Done { cleaned_to: Offset, sizes: (u64, u64) },
    /// It cannot go on.
    GivenUp(Obstacle),
}

/// Why a cleaning cannot go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Obstacle {
    /// A segment's bytes are not what was written. It is left as it is, for whoever wants to rescue something.
    Damaged,
    /// A segment is not all there: it may have been dropped meanwhile.
    Gone,
    /// One batch has more keys than there may be in memory.
    TooManyKeys,
}

impl From<RecordError> for Obstacle {
    fn from(_: RecordError) -> Obstacle {
        Obstacle::Damaged
    }
}

impl Cleaning {
    pub(crate) fn new(log: LogId, cleanable: Cleanable, settings: CleaningSettings) -> Cleaning {
        let Cleanable { sources, cleaned_to, .. } = cleanable;
        let keys = KeyMap::new(settings.max_key_bytes, settings.seeds);
        let transactions = Transactions::new(&settings.aborted);
        let (phase, sizes) = (Phase::Ended, (0, 0));
        let mut cleaning =
            Cleaning { log, sources, settings, keys, mapped_to: 0, transactions, phase, sizes };
        let index = cleaning.sources.partition_point(|source| source.offsets.end <= cleaned_to);
        if let Some(source) = cleaning.sources.get(index) {
            let reader = Reader::new(log, source);
            cleaning.mapped_to = source.offsets.start;
            cleaning.phase = Phase::Mapping { from: cleaned_to, index, reader };
        }
        cleaning
    }

    /// The segments of the run that is being copied.
    pub(crate) fn run(&self) -> &[Source] {
        match &self.phase {
            Phase::Copying { copy, .. } | Phase::Replacing { copy } | Phase::Dropping { copy } => {
                self.sources.get(copy.sources.clone()).unwrap_or_default()
            }
            Phase::Mapping { .. } | Phase::Ended => &[],
        }
    }

    /// The first step.
    pub(crate) fn begin(&mut self) -> CleaningStep {
        match &self.phase {
            Phase::Mapping { reader, .. } => CleaningStep::Op(reader.read()),
            _ => self.done(),
        }
    }

    /// An operation is done; `read` is what a read has brought. `producers` are those of the log.
    pub(crate) fn go_on(&mut self, read: Option<&Bytes>, producers: &ProducerStates) -> CleaningStep {
        match std::mem::replace(&mut self.phase, Phase::Ended) {
            Phase::Mapping { from, index, reader } => self.map(from, index, reader, read),
            Phase::Copying { mut copy, index, mut reader } => {
                if let Some(read) = read {
                    let taken = reader.take(read, |batch| self.copy_batch(&mut copy, batch, producers));
                    if let Err(obstacle) = taken {
                        return CleaningStep::GivenUp(obstacle);
                    }
                }
                self.copy_on(copy, index, reader)
            }
            Phase::Replacing { copy } => {
                let segments = copy.offsets.clone();
                self.sizes.1 += copy.size();
                let is_cleaned = self.is_cleaned(&segments);
                CleaningStep::Replaced { segments, copy: Box::new(copy.into_segment(is_cleaned)) }
            }
            Phase::Dropping { copy } => {
                self.sizes.1 += copy.size();
                let is_cleaned = self.is_cleaned(&copy.offsets);
                CleaningStep::FoundClean { segments: copy.offsets, is_cleaned }
            }
            Phase::Ended => self.done(),
        }
    }

    /// Goes on to the segments behind those that a step told of.
    pub(crate) fn next_run(&mut self, behind: &Range<Offset>) -> CleaningStep {
        let index = self.sources.partition_point(|source| source.offsets.end <= behind.end);
        self.copy_from(index)
    }

    fn is_cleaned(&self, segments: &Range<Offset>) -> bool {
        segments.end <= self.mapped_to
    }

    fn done(&self) -> CleaningStep {
        CleaningStep::Done { cleaned_to: self.mapped_to, sizes: self.sizes }
    }

    fn map(
        &mut self,
        from: Offset,
        mut index: usize,
        mut reader: Reader,
        read: Option<&Bytes>,
    ) -> CleaningStep {
        let (keys, transactions, mapped_to) = (&mut self.keys, &mut self.transactions, &mut self.mapped_to);
        let mut is_full = false;
        let taken = reader.take(read.unwrap_or(&Bytes::new()), |batch| {
            is_full = is_full || !note_keys(batch, from, keys, transactions)?;
            if !is_full {
                *mapped_to = batch.next_offset();
            }
            Ok(())
        });
        if let Err(obstacle) = taken {
            return CleaningStep::GivenUp(obstacle);
        }
        if is_full && self.mapped_to <= from {
            return CleaningStep::GivenUp(Obstacle::TooManyKeys);
        }
        if reader.is_at_end() {
            index += 1;
        }
        match self.sources.get(index) {
            Some(source) if !is_full => {
                if reader.is_at_end() {
                    reader = Reader::new(self.log, source);
                }
                let op = reader.read();
                self.phase = Phase::Mapping { from, index, reader };
                CleaningStep::Op(op)
            }
            _ => {
                self.sources.retain(|source| source.offsets.start < self.mapped_to);
                self.transactions = Transactions::new(&self.settings.aborted);
                self.copy_from(0)
            }
        }
    }

    /// Begins the copy of a run of segments: as many as make one of `segment.bytes` at the most.
    fn copy_from(&mut self, first: usize) -> CleaningStep {
        let Some(source) = self.sources.get(first) else {
            return self.done();
        };
        let (start, mut size) = (source.offsets.start, 0);
        let limit = self.settings.config.segment_bytes.min(u64::from(u32::MAX));
        let fits = |source: &&Source| {
            size += source.size;
            size <= limit && source.offsets.end - start <= i64::from(i32::MAX)
        };
        let count = self.sources.iter().skip(first).take_while(fits).count().max(1);
        let run = first..first + count;
        let of = self.sources.get(run.clone()).unwrap_or_default();
        self.sizes.0 += of.iter().map(|source| source.size).sum::<u64>();
        let copy = Box::new(Copy::new(run, of, self.settings.config.index_interval_bytes));
        let reader = Reader::new(self.log, source);
        let op = reader.read();
        self.phase = Phase::Copying { copy, index: first, reader };
        CleaningStep::Op(op)
    }

    /// Writes what was copied, or reads on.
    fn copy_on(&mut self, mut copy: Box<Copy>, mut index: usize, mut reader: Reader) -> CleaningStep {
        if reader.is_at_end() && index + 1 < copy.sources.end {
            index += 1;
            if let Some(source) = self.sources.get(index) {
                reader = Reader::new(self.log, source);
            }
        }
        let is_whole = reader.is_at_end();
        if is_whole {
            copy.end();
        }
        let (log, offsets) = (self.log, copy.offsets.clone());
        if let Some(op) = copy.write(log, is_whole) {
            self.phase = Phase::Copying { copy, index, reader };
            return CleaningStep::Op(op);
        }
        if !is_whole {
            let op = reader.read();
            self.phase = Phase::Copying { copy, index, reader };
            return CleaningStep::Op(op);
        }
        if copy.is_changed() {
            let size = copy.size();
            self.phase = Phase::Replacing { copy };
            return CleaningStep::Op(StorageOp::ReplaceSegments { log, segments: offsets, size });
        }
        self.phase = Phase::Dropping { copy };
        let batches = Bytes::new();
        CleaningStep::Op(StorageOp::AppendCleaned { log, segment: offsets.start, position: 0, batches })
    }

    /// Copies what is to stay of a batch.
    fn copy_batch(
        &mut self,
        copy: &mut Copy,
        batch: RecordBatch<'_>,
        producers: &ProducerStates,
    ) -> Result<(), Obstacle> {
        let can_go = self.transactions.can_go(batch);
        let is_last = producers.is_last(batch);
        let wall_ms = self.settings.wall_ms;
        let horizon = wall_ms.saturating_add(self.settings.config.delete_retention_ms);
        let is_horizon_over = batch.has_delete_horizon() && wall_ms >= batch.base_timestamp();
        if batch.record_count() == 0 {
            // What an earlier compaction has left.
            if is_last && !is_placeholder(batch) {
                copy.keep(batch)
            } else {
                copy.drop(batch)
            }
            return Ok(());
        }
        let rewritten = if batch.is_control() {
            let goes = can_go && is_horizon_over && !is_last;
            keep_records(batch, horizon, can_go, |_| !goes)?
        } else {
            let keeps = |record: &Record<'_>| !can_go && self.keeps(record, is_horizon_over);
            keep_records(batch, horizon, false, keeps)?
        };
        match rewritten {
            Rewritten::Unchanged => copy.keep(batch),
            Rewritten::Batch(bytes) => copy.keep_rewritten(&bytes),
            Rewritten::Nothing if is_last => copy.keep_rewritten(&emptied(batch)),
            Rewritten::Nothing => copy.drop(batch),
        }
        Ok(())
    }

    /// Whether a record is still needed.
    fn keeps(&self, record: &Record<'_>, is_horizon_over: bool) -> bool {
        if record.offset >= self.mapped_to {
            return true;
        }
        // One without a key is of a time when the topic was not compacted; Kafka drops it too.
        let Some(key) = record.key else { return false };
        let is_latest = self.keys.get(key).is_none_or(|latest| latest <= record.offset);
        is_latest && (record.value.is_some() || !is_horizon_over)
    }
}

/// Notes the offsets of a batch's keys, from an offset on; false if there is no room for all of them.
fn note_keys(
    batch: RecordBatch<'_>,
    from: Offset,
    keys: &mut KeyMap,
    transactions: &mut Transactions,
) -> Result<bool, Obstacle> {
    if transactions.can_go(batch) || batch.is_control() || batch.next_offset() <= from {
        return Ok(true);
    }
    for record in &batch.records()? {
        let record = record?;
        if let Some(key) = record.key.filter(|_| record.offset >= from)
            && !keys.put(key, record.offset)
        {
            return Ok(false);
        }
    }
    Ok(true)
}
