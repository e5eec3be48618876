//! The cleaned copy of a run of segments, as it is written.

use std::ops::Range;

use bytes::{Bytes, BytesMut};

use super::Source;
use crate::log::Segment;
use crate::record::{RecordBatch, is_placeholder, placeholder};
use crate::storage_op::{LogId, StorageOp};
use crate::types::Offset;

/// How much is gathered before it is written.
const WRITE_BYTES: usize = 512 * 1024;

/// A copy under way.
#[derive(Debug)]
pub(super) struct Copy {
    /// The segments whose place it is to take, by their places among all.
    pub(super) sources: Range<usize>,
    /// Their offsets.
    pub(super) offsets: Range<Offset>,
    /// Bytes that storage has.
    written: u64,
    /// What follows them.
    buffer: BytesMut,
    segment: Segment,
    /// Dropped batches behind all that was taken.
    gap: Option<Gap>,
    /// It differs from what it is made of.
    is_changed: bool,
    index_interval_bytes: u64,
}

/// Batches that were dropped, one behind the other.
#[derive(Debug)]
struct Gap {
    offsets: Range<Offset>,
    leader_epoch: i32,
    /// It is one batch, and that was nothing but offsets already.
    is_old: bool,
}

impl Copy {
    pub(super) fn new(sources: Range<usize>, of: &[Source], index_interval_bytes: u64) -> Copy {
        let start = of.first().map_or(0, |source| source.offsets.start);
        let offsets = start..of.last().map_or(start, |source| source.offsets.end);
        Copy {
            sources,
            written: 0,
            buffer: BytesMut::new(),
            segment: Segment::new(offsets.start, None),
            offsets,
            gap: None,
            is_changed: of.len() > 1,
            index_interval_bytes,
        }
    }

    /// Takes a batch over as it is.
    pub(super) fn keep(&mut self, batch: RecordBatch<'_>) {
        self.close_gap();
        self.push(batch);
    }

    /// Takes over what a batch has become.
    pub(super) fn keep_rewritten(&mut self, bytes: &Bytes) {
        self.is_changed = true;
        self.close_gap();
        if let Ok(batch) = RecordBatch::parse(bytes) {
            self.push(batch);
        }
    }

    /// Leaves a batch out.
    pub(super) fn drop(&mut self, batch: RecordBatch<'_>) {
        let is_placeholder = is_placeholder(batch);
        match &mut self.gap {
            Some(gap) => {
                gap.offsets.end = batch.next_offset();
                gap.is_old = false;
            }
            None => {
                let offsets = batch.base_offset()..batch.next_offset();
                let leader_epoch = batch.partition_leader_epoch();
                self.gap = Some(Gap { offsets, leader_epoch, is_old: is_placeholder });
            }
        }
    }

    /// The end of the segments it is made of is reached.
    pub(super) fn end(&mut self) {
        self.close_gap();
    }

    /// Writes what has gathered, if it is enough or `all` is wanted.
    pub(super) fn write(&mut self, log: LogId, all: bool) -> Option<StorageOp> {
        if self.buffer.is_empty() || (self.buffer.len() < WRITE_BYTES && !all) {
            return None;
        }
        let batches = self.buffer.split().freeze();
        let position = self.written;
        self.written += batches.len() as u64;
        Some(StorageOp::AppendCleaned { log, segment: self.offsets.start, position, batches })
    }

    pub(super) fn is_changed(&self) -> bool {
        self.is_changed
    }

    /// How long it is, as far as storage has it.
    pub(super) fn size(&self) -> u64 {
        self.written
    }

    pub(super) fn into_segment(mut self, is_cleaned: bool) -> Segment {
        if is_cleaned {
            self.segment.set_cleaned();
        }
        self.segment
    }

    fn close_gap(&mut self) {
        let Some(Gap { mut offsets, leader_epoch, is_old }) = self.gap.take() else { return };
        self.is_changed |= !is_old;
        // A batch's offsets differ by 31 bits at the most, and so do a segment's but for merged ones.
        while !offsets.is_empty() {
            let end = offsets.end.min(offsets.start + i64::from(i32::MAX));
            let bytes = placeholder(&(offsets.start..end), leader_epoch);
            if let Ok(batch) = RecordBatch::parse(&bytes) {
                self.push(batch);
            }
            offsets.start = end;
        }
    }

    fn push(&mut self, batch: RecordBatch<'_>) {
        self.segment.push(batch, self.index_interval_bytes);
        self.buffer.extend_from_slice(batch.as_bytes());
    }
}
