//! Turns queued operations into what one transaction does.

use std::collections::VecDeque;
use std::ops::Range;

use bytes::{Bytes, BytesMut};
use headwater_driver::Refusals;
use headwater_engine::{Durability, LogId, Offset, OpId, SnapshotKind, StorageOp};

use super::index::RowIndex;
use super::keys::{ChunkKey, KeySpan, SNAPSHOT_KINDS, SnapshotKey, log_start_key, other_side, segment_of};
use headwater_engine::sorted::{SortedMap, SortedSet};

/// A row holds at most this many bytes.
pub(super) const MAX_ROW: usize = 1 << 20;

/// A group takes in no further operation once it has this many bytes to write.
const MAX_GROUP: usize = 1 << 20;

/// An operation that waits for its turn.
#[derive(Clone, Debug)]
pub(super) struct Queued {
    /// How many were submitted before it.
    pub(super) number: u64,
    pub(super) id: OpId,
    pub(super) op: StorageOp,
}

impl Queued {
    /// Whether it adds to the data.
    pub(super) fn grows(&self) -> bool {
        match &self.op {
            StorageOp::Append { .. }
            | StorageOp::PutSnapshot { .. }
            | StorageOp::DeleteSegments { log_start_offset: Some(_), .. } => true,
            StorageOp::AppendCleaned { batches, .. } => !batches.is_empty(),
            _ => false,
        }
    }
}

/// Everything that one transaction does, in order.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub(super) changes: Vec<Change>,
    /// What is answered when it is done.
    pub(super) ops: Vec<Queued>,
    pub(super) strict: bool,
    /// It only takes away and leaves the commit number as it is: browsers allow that without any room left, if
    /// nothing at all is put. It has to be alone, because the next group could not tell whether it did its part.
    pub(super) sparing: bool,
    /// The cache's when the group was planned.
    pub(super) generation: u64,
    bytes: usize,
}

/// A change of the database.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Change {
    PutRow(NewRow),
    /// Puts the row that says that others of its name are a copy.
    PutTag(ChunkKey),
    DeleteChunks(KeySpan),
    PutSnapshot(SnapshotKey, Bytes),
    /// Puts a row without content into the store of snapshots.
    PutMark(Vec<u8>),
    DeleteSnapshots(KeySpan),
    /// Reads the rows of `read`, deletes those of `delete`, and puts what was read of the positions of `row` as `row`.
    Rewrite {
        read: KeySpan,
        delete: KeySpan,
        row: ChunkKey,
    },
}

/// A row to be put, made of the batches of one or more appends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct NewRow {
    pub(super) log: LogId,
    /// The name of the segment's rows.
    pub(super) segment: Offset,
    pub(super) position: u64,
    parts: Vec<Bytes>,
    length: usize,
}

impl NewRow {
    pub(super) fn key(&self) -> ChunkKey {
        // A row is at most MAX_ROW long.
        let length = u32::try_from(self.length).unwrap_or(u32::MAX);
        ChunkKey { log: self.log, segment: self.segment, position: self.position, length }
    }

    /// The row's bytes in one piece.
    pub(super) fn bytes(&mut self) -> Bytes {
        if self.parts.len() != 1 {
            let mut joined = BytesMut::with_capacity(self.length);
            self.parts.iter().for_each(|part| joined.extend_from_slice(part));
            self.parts = vec![joined.freeze()];
        }
        self.parts[0].clone()
    }
}

/// Why an operation is not applied without having been tried.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Refused {
    /// Its position is not where the segment ends.
    OutOfSequence,
    /// An append before it was refused.
    BehindRefused,
}

/// Builds a group from the operations at the front of a queue.
#[derive(Debug)]
pub(super) struct Planner<'a> {
    pub(super) index: &'a mut RowIndex,
    pub(super) refusals: &'a Refusals,
    group: Group,
    /// The row that the next append to a segment joins, by its place in the changes.
    open_rows: SortedMap<LogId, usize>,
    /// Logs that had an append refused while this group was planned.
    refused_logs: SortedSet<LogId>,
    refused: Vec<(Queued, Refused)>,
}

impl<'a> Planner<'a> {
    pub(super) fn new(index: &'a mut RowIndex, refusals: &'a Refusals, generation: u64) -> Planner<'a> {
        Planner {
            index,
            refusals,
            group: Group { generation, ..Group::default() },
            open_rows: SortedMap::new(),
            refused_logs: SortedSet::new(),
            refused: Vec::new(),
        }
    }

    /// Makes it a group that only takes away.
    pub(super) fn sparing(mut self, sparing: bool) -> Planner<'a> {
        self.group.sparing = sparing;
        self
    }

    /// Takes operations from the queue until the group is full or one has to wait for the group to end, and changes
    /// the index as if they were done. Gives the group and the operations that are refused.
    pub(super) fn plan(mut self, queue: &mut VecDeque<Queued>) -> (Group, Vec<(Queued, Refused)>) {
        while self.group.bytes < MAX_GROUP {
            let fits = |queued: &Queued| match queued.op {
                StorageOp::Load { .. } => false,
                _ => !self.group.sparing || !queued.grows(),
            };
            if !queue.front().is_some_and(fits) {
                break;
            }
            let Some(queued) = queue.pop_front() else { break };
            match self.add(&queued) {
                Ok(ends_group) => {
                    self.group.ops.push(queued);
                    if ends_group {
                        break;
                    }
                }
                Err(why) => {
                    if matches!(queued.op, StorageOp::Append { .. }) {
                        self.refused_logs.insert(queued.op.log());
                    }
                    self.refused.push((queued, why));
                }
            }
        }
        (self.group, self.refused)
    }

    /// Adds an operation; true when nothing may follow it in this group.
    fn add(&mut self, queued: &Queued) -> Result<bool, Refused> {
        match &queued.op {
            StorageOp::Append { log, segment, position, batches, durability } => {
                if self.refusals.applies_to(*log, queued.number) || self.refused_logs.contains(log) {
                    return Err(Refused::BehindRefused);
                }
                self.append(*log, *segment, *position, batches)?;
                self.group.strict |= *durability == Durability::Strict;
            }
            StorageOp::PutSnapshot { log, kind, offset, snapshot } => {
                let key = SnapshotKey { log: *log, kind: *kind, offset: *offset };
                self.group.bytes += snapshot.len();
                self.group.changes.push(Change::PutSnapshot(key, snapshot.clone()));
            }
            StorageOp::DeleteSnapshot { log, kind, offset } => {
                let from = SnapshotKey { log: *log, kind: *kind, offset: *offset }.to_bytes().to_vec();
                let to = from.iter().copied().chain([0]).collect();
                self.group.changes.push(Change::DeleteSnapshots(KeySpan { from, to }));
            }
            StorageOp::Truncate { log, offset, segment, position } => {
                return self.truncate(*log, *offset, *segment, *position);
            }
            StorageOp::DeleteSegments { log, before, log_start_offset } => {
                self.delete_segments(*log, *before, *log_start_offset);
            }
            StorageOp::AppendCleaned { log, segment, position, batches } => {
                self.append_cleaned(*log, *segment, *position, batches)?;
            }
            StorageOp::ReplaceSegments { log, segments, size } => self.replace(*log, segments, *size)?,
            StorageOp::Delete { log } => {
                self.open_rows.remove(log);
                self.index.delete(*log);
                self.group.changes.push(Change::DeleteChunks(KeySpan::log(*log)));
                self.group.changes.push(Change::DeleteSnapshots(KeySpan::log(*log)));
            }
            StorageOp::Load { .. } | StorageOp::Read { .. } => {}
        }
        Ok(false)
    }

    fn delete_segments(&mut self, log: LogId, before: Offset, log_start_offset: Option<Offset>) {
        self.open_rows.remove(&log);
        let both_sides = self.index.has_other_side(log);
        if self.index.copied_below(log, before) {
            self.drop_copy(log);
        }
        self.index.delete_segments(log, before);
        self.delete_chunks(log, before, both_sides, KeySpan::chunks_below);
        self.delete_snapshots(KeySpan::snapshots_up_to(log, SnapshotKind::SegmentIndex, before));
        self.delete_snapshots(KeySpan::snapshots_below(log, SnapshotKind::ProducerState, before));
        if let Some(offset) = log_start_offset {
            self.delete_snapshots(KeySpan::log_starts_below(log, offset));
            self.group.changes.push(Change::PutMark(log_start_key(log, offset)));
        }
    }

    /// Deletes a span of chunks, and the same of the names of the other side if there are any.
    fn delete_chunks(
        &mut self,
        log: LogId,
        segment: Offset,
        both_sides: bool,
        span: impl Fn(LogId, Offset) -> KeySpan,
    ) {
        let segment = segment.max(0);
        self.group.changes.push(Change::DeleteChunks(span(log, segment)));
        if both_sides {
            self.group.changes.push(Change::DeleteChunks(span(log, other_side(segment))));
        }
    }

    fn append_cleaned(
        &mut self,
        log: LogId,
        segment: Offset,
        position: u64,
        batches: &Bytes,
    ) -> Result<(), Refused> {
        let copy = self.index.copy(log, segment);
        if segment < 0 || (position > 0 && copy.is_none_or(|(_, size)| size != position)) {
            return Err(Refused::OutOfSequence);
        }
        if position == 0 {
            self.drop_copy(log);
            if batches.is_empty() {
                return Ok(());
            }
            let name = other_side(self.index.name(log, segment));
            self.index.begin_copy(log, name);
            self.group.changes.push(Change::PutTag(ChunkKey::copy_tag(log, name)));
        }
        let Some((name, _)) = self.index.copy(log, segment) else { return Err(Refused::OutOfSequence) };
        self.put_rows(log, name, position, batches);
        Ok(())
    }

    fn drop_copy(&mut self, log: LogId) {
        if let Some(name) = self.index.drop_copy(log) {
            self.group.changes.push(Change::DeleteChunks(KeySpan::chunks_of(log, name)));
        }
    }

    fn replace(&mut self, log: LogId, segments: &Range<Offset>, size: u64) -> Result<(), Refused> {
        let copy = self.index.copy(log, segments.start);
        let Some((name, _)) = copy.filter(|_| self.index.is_replaceable(log, segments, size)) else {
            return Err(Refused::OutOfSequence);
        };
        for replaced in self.index.replace(log, segments) {
            self.group.changes.push(Change::DeleteChunks(KeySpan::chunks_of(log, replaced)));
        }
        self.group.changes.push(Change::DeleteChunks(KeySpan::copy_tag(log, name)));
        self.delete_snapshots(KeySpan::snapshots_within(log, SnapshotKind::SegmentIndex, segments));
        self.group.strict = true;
        Ok(())
    }

    fn delete_snapshots(&mut self, span: KeySpan) {
        if !span.is_empty() {
            self.group.changes.push(Change::DeleteSnapshots(span));
        }
    }

    fn append(&mut self, log: LogId, segment: Offset, position: u64, batches: &Bytes) -> Result<(), Refused> {
        if segment < 0 || !self.index.accepts(log, segment, position) {
            return Err(Refused::OutOfSequence);
        }
        let name = self.index.name(log, segment);
        if let Some(row) = self.open_row(log, name, batches.len()) {
            row.length += batches.len();
            row.parts.push(batches.clone());
            self.group.bytes += batches.len();
            self.index.grow_last(log, segment, batches.len() as u64);
            return Ok(());
        }
        self.put_rows(log, name, position, batches);
        Ok(())
    }

    /// Puts bytes as rows of a name, of a segment or of a copy.
    fn put_rows(&mut self, log: LogId, name: Offset, mut position: u64, batches: &Bytes) {
        self.group.bytes += batches.len();
        let is_copy = self.index.copy(log, segment_of(name)).is_some_and(|(copy, _)| copy == name);
        let mut rest = batches.clone();
        while !rest.is_empty() {
            let part = rest.split_to(rest.len().min(MAX_ROW));
            let length = part.len();
            if is_copy {
                self.index.push_copied(log, length as u64);
            } else {
                self.index.push(log, segment_of(name), length as u64);
                self.open_rows.insert(log, self.group.changes.len());
            }
            let row = NewRow { log, segment: name, position, parts: vec![part], length };
            self.group.changes.push(Change::PutRow(row));
            position += length as u64;
        }
    }

    /// The row of this group that the next bytes of a segment may join.
    fn open_row(&mut self, log: LogId, name: Offset, length: usize) -> Option<&mut NewRow> {
        match self.group.changes.get_mut(*self.open_rows.get(&log)?)? {
            Change::PutRow(row) if row.segment == name && row.length + length <= MAX_ROW => Some(row),
            _ => None,
        }
    }

    fn truncate(
        &mut self,
        log: LogId,
        offset: Offset,
        segment: Offset,
        position: u64,
    ) -> Result<bool, Refused> {
        let rows = self.index.rows(log, segment);
        if position > rows.map_or(0, super::index::Rows::size) {
            return Err(Refused::OutOfSequence);
        }
        self.open_rows.remove(&log);
        let name = self.index.name(log, segment);
        let both_sides = self.index.has_other_side(log);
        let has_hole = rows.is_some_and(|rows| rows.ends_with_hole(position));
        // The row that the cut goes through, if it is not between two.
        let cut = rows.map(|rows| rows.row(rows.overlapping(&(position..position + 1)).start));
        let cut = cut.filter(|row| row.start < position && position < row.end && !has_hole);
        let rewrites = cut.is_some();
        match cut {
            Some(Range { start, .. }) => {
                let length = u32::try_from(position - start).unwrap_or(u32::MAX);
                let read = KeySpan::chunks(log, name, start..start + 1);
                let delete = KeySpan::chunks_from(log, name, start);
                let row = ChunkKey { log, segment: name, position: start, length };
                self.group.changes.push(Change::Rewrite { read, delete, row });
                if both_sides {
                    let beside = KeySpan::chunks_from(log, other_side(name), 0);
                    self.group.changes.push(Change::DeleteChunks(beside));
                }
            }
            None => {
                let from = |log, name| KeySpan::chunks_from(log, name, position);
                self.delete_chunks(log, segment, both_sides, from);
            }
        }
        self.drop_copy(log);
        if has_hole {
            // A hole is known by the row behind it: one byte of what the hole is read as.
            let parts = vec![Bytes::from_static(&[0])];
            let row = NewRow { log, segment: name, position: position - 1, parts, length: 1 };
            self.group.changes.push(Change::PutRow(row));
        }
        let spans = SNAPSHOT_KINDS.map(|kind| KeySpan::snapshots_above(log, kind, offset));
        self.group.changes.extend(spans.map(Change::DeleteSnapshots));
        self.index.truncate(log, segment, position);
        Ok(rewrites)
    }
}

impl Group {
    /// A group that makes one row of several neighbours; `segment` is the name of the rows.
    pub(super) fn joining(log: LogId, segment: Offset, positions: Range<u64>, generation: u64) -> Group {
        let span = KeySpan::chunks(log, segment, positions.clone());
        let length = u32::try_from(positions.end - positions.start).unwrap_or(u32::MAX);
        let row = ChunkKey { log, segment, position: positions.start, length };
        let changes = vec![Change::Rewrite { read: span.clone(), delete: span, row }];
        Group { changes, generation, ..Group::default() }
    }

    /// Whether keys may come to name other bytes by this group.
    pub(super) fn removes_rows(&self) -> bool {
        let removes = |queued: &Queued| {
            matches!(
                queued.op,
                StorageOp::Truncate { .. }
                    | StorageOp::DeleteSegments { .. }
                    | StorageOp::AppendCleaned { position: 0, .. }
                    | StorageOp::ReplaceSegments { .. }
                    | StorageOp::Delete { .. }
            )
        };
        self.ops.iter().any(removes)
    }
}

#[cfg(test)]
mod tests;
