//! The sparse index of a segment: Kafka's offset index and time index, which share their entries.
//!
//! An entry stands for a batch: its base offset, its position, and the greatest timestamp of all that lies before it in
//! the segment. So one binary search finds where to begin for an offset, and one for a timestamp.

use crate::types::Offset;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Entry {
    /// The batch's base offset less the segment's.
    relative_offset: u32,
    position: u32,
    max_timestamp_before: i64,
}

/// An entry as it is stored, in bytes.
pub(crate) const ENTRY_SIZE: usize = 16;

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct SegmentIndex {
    entries: Vec<Entry>,
}

impl SegmentIndex {
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Relative offset, position, and the greatest timestamp before.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (Offset, u64, i64)> {
        let entry =
            |entry: &Entry| (entry.relative_offset.into(), entry.position.into(), entry.max_timestamp_before);
        self.entries.iter().map(entry)
    }

    pub(crate) fn truncate(&mut self, len: usize) {
        self.entries.truncate(len);
    }

    /// Adds a batch that lies behind all the others.
    pub(crate) fn push(&mut self, relative_offset: u32, position: u32, max_timestamp_before: i64) {
        self.entries.push(Entry { relative_offset, position, max_timestamp_before });
    }

    /// The position and relative offset of the last indexed batch that begins at or below an offset; those of the first
    /// batch when there is none.
    pub(crate) fn position_of(&self, relative_offset: Offset) -> (u64, Offset) {
        self.before(self.entries.partition_point(|entry| i64::from(entry.relative_offset) <= relative_offset))
    }

    /// The same of the last indexed batch before which every record is earlier than `timestamp`.
    pub(crate) fn position_of_timestamp(&self, timestamp: i64) -> (u64, Offset) {
        self.before(self.entries.partition_point(|entry| entry.max_timestamp_before < timestamp))
    }

    fn before(&self, index: usize) -> (u64, Offset) {
        let entry = index.checked_sub(1).map(|index| self.entries[index]);
        entry.map_or((0, 0), |entry| (u64::from(entry.position), i64::from(entry.relative_offset)))
    }

    pub(crate) fn encode_into(&self, out: &mut Vec<u8>) {
        for entry in &self.entries {
            out.extend_from_slice(&entry.relative_offset.to_be_bytes());
            out.extend_from_slice(&entry.position.to_be_bytes());
            out.extend_from_slice(&entry.max_timestamp_before.to_be_bytes());
        }
    }

    /// The inverse of [`SegmentIndex::encode_into`]; a rest that is no whole entry is left out.
    pub(crate) fn decode(bytes: &[u8]) -> SegmentIndex {
        let entries = bytes
            .chunks_exact(ENTRY_SIZE)
            .map(|entry| Entry {
                relative_offset: u32::from_be_bytes(field(entry, 0)),
                position: u32::from_be_bytes(field(entry, 4)),
                max_timestamp_before: i64::from_be_bytes(field(entry, 8)),
            })
            .collect();
        SegmentIndex { entries }
    }
}

/// `N` bytes from a position that the caller knows to be there.
pub(crate) fn field<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut field = [0; N];
    field.copy_from_slice(&bytes[at..at + N]);
    field
}
