//! Turns queued operations into what one transaction does.

use std::collections::VecDeque;
use std::ops::Range;

use bytes::{Bytes, BytesMut};
use headwater_driver::Refusals;
use headwater_engine::{Durability, LogId, Offset, OpId, SnapshotKind, StorageOp};

use super::index::RowIndex;
use super::keys::{ChunkKey, KeySpan, SNAPSHOT_KINDS, SnapshotKey, log_start_key};
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
        matches!(
            self.op,
            StorageOp::Append { .. }
                | StorageOp::PutSnapshot { .. }
                | StorageOp::DeleteSegments { log_start_offset: Some(_), .. }
        )
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
        self.index.delete_segments(log, before);
        self.group.changes.push(Change::DeleteChunks(KeySpan::chunks_below(log, before)));
        self.delete_snapshots(KeySpan::snapshots_up_to(log, SnapshotKind::SegmentIndex, before));
        self.delete_snapshots(KeySpan::snapshots_below(log, SnapshotKind::ProducerState, before));
        if let Some(offset) = log_start_offset {
            self.delete_snapshots(KeySpan::log_starts_below(log, offset));
            self.group.changes.push(Change::PutMark(log_start_key(log, offset)));
        }
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
        self.group.bytes += batches.len();
        let mut position = position;
        let mut rest = batches.clone();
        if let Some(row) = self.open_row(log, segment, rest.len()) {
            row.length += rest.len();
            row.parts.push(rest.clone());
            self.index.grow_last(log, segment, rest.len() as u64);
            return Ok(());
        }
        while !rest.is_empty() {
            let part = rest.split_to(rest.len().min(MAX_ROW));
            let length = part.len();
            self.index.push(log, segment, length as u64);
            self.open_rows.insert(log, self.group.changes.len());
            self.group.changes.push(Change::PutRow(NewRow {
                log,
                segment,
                position,
                parts: vec![part],
                length,
            }));
            position += length as u64;
        }
        Ok(())
    }

    /// The row of this group that the next bytes of a segment may join.
    fn open_row(&mut self, log: LogId, segment: Offset, length: usize) -> Option<&mut NewRow> {
        match self.group.changes.get_mut(*self.open_rows.get(&log)?)? {
            Change::PutRow(row) if row.segment == segment && row.length + length <= MAX_ROW => Some(row),
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
        let has_hole = rows.is_some_and(|rows| rows.ends_with_hole(position));
        // The row that the cut goes through, if it is not between two.
        let cut = rows.map(|rows| rows.row(rows.overlapping(&(position..position + 1)).start));
        let cut = cut.filter(|row| row.start < position && position < row.end && !has_hole);
        let rewrites = cut.is_some();
        self.group.changes.push(match cut {
            Some(Range { start, .. }) => Change::Rewrite {
                read: KeySpan::chunks(log, segment, start..start + 1),
                delete: KeySpan::chunks_from(log, segment, start),
                row: ChunkKey {
                    log,
                    segment,
                    position: start,
                    length: u32::try_from(position - start).unwrap_or(u32::MAX),
                },
            },
            None => Change::DeleteChunks(KeySpan::chunks_from(log, segment, position)),
        });
        if has_hole {
            // A hole is known by the row behind it: one byte of what the hole is read as.
            let parts = vec![Bytes::from_static(&[0])];
            let row = NewRow { log, segment, position: position - 1, parts, length: 1 };
            self.group.changes.push(Change::PutRow(row));
        }
        let spans = SNAPSHOT_KINDS.map(|kind| KeySpan::snapshots_above(log, kind, offset));
        self.group.changes.extend(spans.map(Change::DeleteSnapshots));
        self.index.truncate(log, segment, position);
        Ok(rewrites)
    }
}

impl Group {
    /// A group that makes one row of several neighbours.
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
                StorageOp::Truncate { .. } | StorageOp::DeleteSegments { .. } | StorageOp::Delete { .. }
            )
        };
        self.ops.iter().any(removes)
    }
}

#[cfg(test)]
mod tests;
