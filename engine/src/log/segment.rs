//! One segment of a log: its size, its time span, its index.

use bytes::Bytes;

use super::index::{ENTRY_SIZE, SegmentIndex, field};
use super::whole::Location;
use crate::config::LogConfig;
use crate::record::{RecordBatch, crc32c};
use crate::storage_op::{LogId, SnapshotKind, StorageOp};
use crate::types::Offset;

/// The version of the stored form; see `docs/format.md`.
const INDEX_FORMAT: u8 = 1;
/// The same, and the segment was compacted.
const CLEANED_INDEX_FORMAT: u8 = 2;
/// What stands before the entries, in bytes: format, base offset, end offset, size, max timestamp, first timestamp.
const INDEX_HEADER_SIZE: usize = 1 + 5 * 8;

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Segment {
    base_offset: Offset,
    state: SegmentMark,
    index: SegmentIndex,
    /// The producers' states before its first batch, until storage keeps them.
    producers: Option<Bytes>,
    /// Known from its index alone. Nobody has looked at its batches, so nothing goes behind them: if they are damaged, it
    /// would be cut off with them the next time.
    unread: bool,
    /// It was compacted together with all that lies before it.
    is_cleaned: bool,
}

/// What an append changes of a segment, so that it can be changed back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct SegmentMark {
    size: u64,
    max_timestamp: i64,
    first_timestamp: Option<i64>,
    bytes_since_entry: u64,
    entries: usize,
}

impl Segment {
    pub(super) fn new(base_offset: Offset, producers: Option<Bytes>) -> Segment {
        let state = SegmentMark {
            size: 0,
            max_timestamp: i64::MIN,
            first_timestamp: None,
            bytes_since_entry: 0,
            entries: 0,
        };
        Segment {
            base_offset,
            state,
            index: SegmentIndex::default(),
            producers,
            unread: false,
            is_cleaned: false,
        }
    }

    pub(crate) fn base_offset(&self) -> Offset {
        self.base_offset
    }

    pub(crate) fn size(&self) -> u64 {
        self.state.size
    }

    pub(crate) fn max_timestamp(&self) -> i64 {
        self.state.max_timestamp
    }

    /// That of its first record, as far as its batches say.
    pub(super) fn first_timestamp(&self) -> Option<i64> {
        self.state.first_timestamp
    }

    /// Whether it was compacted together with all that lies before it.
    pub(crate) fn is_cleaned(&self) -> bool {
        self.is_cleaned
    }

    pub(super) fn set_cleaned(&mut self) {
        self.is_cleaned = true;
    }

    pub(super) fn take_producers(&mut self) -> Option<Bytes> {
        self.producers.take()
    }

    pub(super) fn mark(&self) -> SegmentMark {
        self.state
    }

    pub(super) fn reset(&mut self, mark: SegmentMark) {
        self.state = mark;
        self.index.truncate(mark.entries);
    }

    /// Whether a batch has to go to a new segment: by size, by time since the first record, because offsets or positions
    /// would no longer fit the index's 32 bits, or because this one was not read.
    pub(super) fn must_roll(&self, batch: RecordBatch<'_>, config: &LogConfig) -> bool {
        let size = self.state.size + batch.size() as u64;
        let span_ms =
            self.state.first_timestamp.map_or(0, |first| batch.max_timestamp().saturating_sub(first));
        self.state.size > 0
            && (self.unread
                || size > config.segment_bytes
                || size > u64::from(u32::MAX)
                || span_ms > config.segment_ms
                || batch.last_offset() - self.base_offset > i64::from(i32::MAX))
    }

    /// Takes a batch in behind the others.
    pub(super) fn push(&mut self, batch: RecordBatch<'_>, index_interval_bytes: u64) {
        let state = &mut self.state;
        if state.bytes_since_entry > index_interval_bytes
            && let (Ok(relative_offset), Ok(position)) =
                (u32::try_from(batch.base_offset() - self.base_offset), u32::try_from(state.size))
        {
            self.index.push(relative_offset, position, state.max_timestamp);
            state.bytes_since_entry = 0;
            state.entries = self.index.len();
        }
        state.size += batch.size() as u64;
        state.bytes_since_entry += batch.size() as u64;
        if batch.record_count() > 0 {
            let first =
                if batch.has_delete_horizon() { batch.max_timestamp() } else { batch.base_timestamp() };
            state.first_timestamp = state.first_timestamp.or(Some(first));
            state.max_timestamp = state.max_timestamp.max(batch.max_timestamp());
        }
    }

    /// Takes damaged bytes in behind the batches.
    pub(super) fn skip(&mut self, bytes: u64) {
        self.state.size += bytes;
        self.state.bytes_since_entry += bytes;
    }

    /// A place at or before the batch that holds an offset.
    pub(super) fn locate(&self, offset: Offset) -> Location {
        self.location(self.index.position_of(offset - self.base_offset))
    }

    pub(super) fn locate_timestamp(&self, timestamp: i64) -> Location {
        self.location(self.index.position_of_timestamp(timestamp))
    }

    /// The entries of its index: offset, position, and the greatest timestamp before.
    pub(crate) fn index_entries(&self) -> impl Iterator<Item = (Offset, u64, i64)> {
        self.index
            .entries()
            .map(|(offset, position, timestamp)| (self.base_offset + offset, position, timestamp))
    }

    /// Where its first batch begins.
    pub(super) fn start(&self) -> Location {
        self.location((0, 0))
    }

    fn location(&self, (position, relative_offset): (u64, Offset)) -> Location {
        let offset = self.base_offset + relative_offset;
        Location { segment: self.base_offset, position, offset, lost: None }
    }

    /// Asks for the index to be kept, now that the segment ends at `end_offset` for good.
    pub(super) fn put_index(&self, log: LogId, end_offset: Offset) -> StorageOp {
        let mut snapshot =
            Vec::with_capacity(INDEX_HEADER_SIZE + self.index.len() * ENTRY_SIZE + size_of::<u32>());
        snapshot.push(if self.is_cleaned { CLEANED_INDEX_FORMAT } else { INDEX_FORMAT });
        for field in [
            self.base_offset,
            end_offset,
            self.state.size.cast_signed(),
            self.state.max_timestamp,
            self.state.first_timestamp.unwrap_or(i64::MIN),
        ] {
            snapshot.extend_from_slice(&field.to_be_bytes());
        }
        self.index.encode_into(&mut snapshot);
        let crc = crc32c(&snapshot);
        snapshot.extend_from_slice(&crc.to_be_bytes());
        StorageOp::PutSnapshot {
            log,
            kind: SnapshotKind::SegmentIndex,
            offset: end_offset,
            snapshot: Bytes::from(snapshot),
        }
    }

    /// A segment from its stored index, and its end offset; none if the bytes are not such an index. An index can be
    /// made again from the batches, so damage is no loss.
    pub(super) fn from_index(snapshot: &[u8]) -> Option<(Segment, Offset)> {
        let content_size = snapshot.len().checked_sub(size_of::<u32>())?;
        let (content, crc) = snapshot.split_at(content_size);
        let valid = content.len() >= INDEX_HEADER_SIZE
            && matches!(content[0], INDEX_FORMAT | CLEANED_INDEX_FORMAT)
            && u32::from_be_bytes(field(crc, 0)) == crc32c(content);
        if !valid {
            return None;
        }
        let number = |index: usize| i64::from_be_bytes(field(content, 1 + index * 8));
        let index = SegmentIndex::decode(&content[INDEX_HEADER_SIZE..]);
        let first_timestamp = number(4);
        let state = SegmentMark {
            size: number(2).cast_unsigned(),
            max_timestamp: number(3),
            first_timestamp: (first_timestamp != i64::MIN).then_some(first_timestamp),
            // Between two entries there may be less than the interval for once; that does no harm.
            bytes_since_entry: 0,
            entries: index.len(),
        };
        let is_cleaned = content[0] == CLEANED_INDEX_FORMAT;
        let segment =
            Segment { base_offset: number(0), state, index, producers: None, unread: true, is_cleaned };
        Some((segment, number(1)))
    }
}
