use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use headwater_engine::{
    Applied, LogId, NotAppliedReason, Offset, OpId, SnapshotKind, StorageError, StorageOp, StorageResult,
    StoredLog, StoredSegment, StoredSnapshot,
};

use crate::{LogStorage, Refusals};

#[cfg(test)]
mod tests;

/// What a [`MemoryStorage`] writes to. Clones share their content: it outlives the storages opened upon it, as a
/// disk outlives a process.
#[derive(Clone, Debug, Default)]
pub struct MemoryDisk {
    content: Arc<Mutex<Content>>,
}

#[derive(Debug, Default)]
struct Content {
    /// How often the disk was opened; the last one to open it owns it.
    owner: u64,
    /// Bytes that fit, if there is a limit.
    capacity: Option<u64>,
    logs: BTreeMap<LogId, Log>,
}

#[derive(Debug, Default)]
struct Log {
    segments: BTreeMap<Offset, Vec<u8>>,
    snapshots: BTreeMap<(SnapshotKind, Offset), Bytes>,
    log_start_offset: Offset,
    /// The cleaned copy of a segment, by its first offset.
    copy: Option<(Offset, Vec<u8>)>,
}

impl MemoryDisk {
    /// An empty disk without a limit.
    #[must_use]
    pub fn new() -> MemoryDisk {
        MemoryDisk::default()
    }

    /// How many bytes of batches and snapshots fit; `None` for as many as there is memory. What is there stays.
    pub fn limit(&self, capacity: Option<u64>) {
        self.content().capacity = capacity;
    }

    /// Bytes of batches and snapshots that are there.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.content().used()
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        // No operation leaves the content half changed, so one that panicked did it no harm.
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A [`LogStorage`] in memory: everything submitted is done when it is flushed.
#[derive(Debug)]
pub struct MemoryStorage {
    disk: MemoryDisk,
    owner: u64,
    submitted: VecDeque<(OpId, StorageOp)>,
    ended: VecDeque<Ended>,
    refusals: Refusals,
    next: u64,
}

#[derive(Debug)]
struct Ended {
    id: OpId,
    result: StorageResult,
    /// The log, where this is a refusal that others may be built upon.
    refused: Option<LogId>,
}

impl MemoryStorage {
    /// Opens a disk and takes it over from whoever had it open.
    #[must_use]
    pub fn open(disk: &MemoryDisk) -> MemoryStorage {
        let mut content = disk.content();
        content.owner += 1;
        MemoryStorage {
            disk: disk.clone(),
            owner: content.owner,
            submitted: VecDeque::new(),
            ended: VecDeque::new(),
            refusals: Refusals::default(),
            next: 0,
        }
    }
}

impl MemoryStorage {
    /// What a disk would answer to a load or a read, without taking it over.
    pub(crate) fn peek(disk: &MemoryDisk, op: StorageOp) -> StorageResult {
        let mut content = disk.content();
        let owner = content.owner;
        content.apply(owner, op)
    }
}

impl LogStorage for MemoryStorage {
    fn submit(&mut self, id: OpId, op: StorageOp) {
        self.submitted.push_back((id, op));
        self.next += 1;
    }

    fn flush(&mut self) {
        let first = self.next - self.submitted.len() as u64;
        let mut content = self.disk.content();
        for (number, (id, op)) in (first..).zip(self.submitted.drain(..)) {
            let log = op.log();
            let is_append = matches!(op, StorageOp::Append { .. });
            let ended = if is_append && self.refusals.applies_to(log, number) {
                let why = "an append before it was refused";
                Ended { id, result: not_applied(NotAppliedReason::OutOfSequence, why), refused: None }
            } else {
                let result = content.apply(self.owner, op);
                let refused = (is_append && result.is_err()).then_some(log);
                Ended { id, result, refused }
            };
            if let Some(log) = ended.refused {
                self.refusals.refused(log);
            }
            self.ended.push_back(ended);
        }
        self.refusals.forget_below(self.next);
    }

    fn poll_completion(&mut self) -> Option<(OpId, StorageResult)> {
        let ended = self.ended.pop_front()?;
        if let Some(log) = ended.refused {
            self.refusals.told(log, self.next);
        }
        Some((ended.id, ended.result))
    }

    fn poll_read(&mut self) -> Option<(OpId, StorageResult)> {
        let is_read = |ended: &Ended| matches!(ended.result, Ok(Applied::Loaded(_) | Applied::Read(_)));
        let at = self.ended.iter().position(is_read)?;
        self.ended.remove(at).map(|ended| (ended.id, ended.result))
    }
}

impl Content {
    fn used(&self) -> u64 {
        let segments = self.logs.values().flat_map(|log| log.segments.values()).map(Vec::len);
        let snapshots = self.logs.values().flat_map(|log| log.snapshots.values()).map(Bytes::len);
        let copies = self.logs.values().filter_map(|log| log.copy.as_ref()).map(|(_, bytes)| bytes.len());
        segments.chain(snapshots).chain(copies).map(|length| length as u64).sum()
    }

    fn apply(&mut self, owner: u64, op: StorageOp) -> StorageResult {
        let reads = matches!(op, StorageOp::Load { .. } | StorageOp::Read { .. });
        if !reads && owner != self.owner {
            return not_applied(NotAppliedReason::Fenced, "the storage was opened by somebody else");
        }
        match op {
            StorageOp::Load { log } => {
                Ok(Applied::Loaded(self.logs.get(&log).map(Log::load).unwrap_or_default()))
            }
            StorageOp::Read { log, segment, range } => Ok(Applied::Read(self.read(log, segment, range))),
            StorageOp::Append { log, segment, position, batches, .. } => {
                self.append(log, segment, position, &batches)
            }
            StorageOp::PutSnapshot { log, kind, offset, snapshot } => {
                self.put_snapshot(log, kind, offset, snapshot)
            }
            StorageOp::DeleteSnapshot { log, kind, offset } => {
                self.change(log, |log| drop(log.snapshots.remove(&(kind, offset))))
            }
            StorageOp::Truncate { log, offset, segment, position } => {
                self.truncate(log, offset, segment, position)
            }
            StorageOp::DeleteSegments { log, before, log_start_offset } => {
                self.delete_segments(log, before, log_start_offset)
            }
            StorageOp::AppendCleaned { log, segment, position, batches } => {
                self.append_cleaned(log, segment, position, &batches)
            }
            StorageOp::ReplaceSegments { log, segments, size } => self.replace_segments(log, &segments, size),
            StorageOp::Delete { log } => {
                self.logs.remove(&log);
                Ok(Applied::Written)
            }
        }
    }

    fn read(&self, log: LogId, segment: Offset, range: Range<u64>) -> Bytes {
        let Some(bytes) = self.logs.get(&log).and_then(|log| log.segments.get(&segment)) else {
            return Bytes::new();
        };
        let within = |position: u64| usize::try_from(position).unwrap_or(usize::MAX).min(bytes.len());
        let (start, end) = (within(range.start), within(range.end));
        Bytes::copy_from_slice(bytes.get(start..end).unwrap_or_default())
    }

    fn append(&mut self, log: LogId, segment: Offset, position: u64, batches: &[u8]) -> StorageResult {
        let last = self.logs.get(&log).and_then(|log| log.segments.last_key_value());
        let in_sequence = match last {
            Some((base, bytes)) if *base == segment => bytes.len() as u64 == position,
            Some((base, _)) => *base < segment && position == 0,
            None => position == 0,
        };
        if !in_sequence {
            return not_applied(NotAppliedReason::OutOfSequence, "the segment does not end there");
        }
        self.make_room(batches.len(), 0)?;
        if !batches.is_empty() {
            self.logs.entry(log).or_default().segments.entry(segment).or_default().extend_from_slice(batches);
        }
        Ok(Applied::Written)
    }

    fn put_snapshot(
        &mut self,
        log: LogId,
        kind: SnapshotKind,
        offset: Offset,
        snapshot: Bytes,
    ) -> StorageResult {
        let replaced =
            self.logs.get(&log).and_then(|log| log.snapshots.get(&(kind, offset))).map_or(0, Bytes::len);
        self.make_room(snapshot.len(), replaced)?;
        self.logs.entry(log).or_default().snapshots.insert((kind, offset), snapshot);
        Ok(Applied::Written)
    }

    fn truncate(&mut self, log: LogId, offset: Offset, segment: Offset, position: u64) -> StorageResult {
        let size = self
            .logs
            .get(&log)
            .and_then(|log| log.segments.get(&segment))
            .map_or(0, |bytes| bytes.len() as u64);
        if position > size {
            return not_applied(NotAppliedReason::OutOfSequence, "the segment ends before that");
        }
        self.change(log, |log| {
            log.segments.retain(|base, _| *base < segment || (*base == segment && position > 0));
            if let (Some(bytes), Ok(length)) = (log.segments.get_mut(&segment), usize::try_from(position)) {
                bytes.truncate(length);
            }
            log.snapshots.retain(|(_, of), _| *of <= offset);
        })
    }

    fn delete_segments(&mut self, log: LogId, before: Offset, mark: Option<Offset>) -> StorageResult {
        if let Some(mark) = mark {
            self.logs.entry(log).or_default().log_start_offset = mark;
        }
        self.change(log, |log| {
            log.segments.retain(|base, _| *base >= before);
            log.snapshots.retain(|(kind, offset), _| {
                *offset > before || (*offset == before && *kind == SnapshotKind::ProducerState)
            });
        })
    }

    fn append_cleaned(
        &mut self,
        log: LogId,
        segment: Offset,
        position: u64,
        batches: &[u8],
    ) -> StorageResult {
        let copy = self.logs.get(&log).and_then(|log| log.copy.as_ref());
        let begun = copy.filter(|(of, _)| *of == segment).map_or(0, |(_, bytes)| bytes.len() as u64);
        if position > 0 && position != begun {
            return not_applied(NotAppliedReason::OutOfSequence, "the copy does not end there");
        }
        let dropped = if position == 0 { copy.map_or(0, |(_, bytes)| bytes.len()) } else { 0 };
        self.make_room(batches.len(), dropped)?;
        if position == 0 {
            self.change(log, |log| log.copy = None)?;
        }
        if !batches.is_empty() {
            let copy = &mut self.logs.entry(log).or_default().copy;
            copy.get_or_insert_with(|| (segment, Vec::new())).1.extend_from_slice(batches);
        }
        Ok(Applied::Written)
    }

    fn replace_segments(&mut self, log: LogId, segments: &Range<Offset>, size: u64) -> StorageResult {
        let out_of_sequence = |why| not_applied(NotAppliedReason::OutOfSequence, why);
        let Some(stored) = self.logs.get_mut(&log) else {
            return out_of_sequence("there is no such log");
        };
        let stays = stored.segments.keys().next_back().is_some_and(|last| *last >= segments.end);
        if !stored.segments.contains_key(&segments.start) || !stays {
            return out_of_sequence("there are no such segments, or the last is among them");
        }
        let Some((_, copy)) = stored
            .copy
            .take_if(|(of, bytes)| *of == segments.start && bytes.len() as u64 == size && size > 0)
        else {
            return out_of_sequence("there is no such copy");
        };
        stored.segments.retain(|base, _| !segments.contains(base));
        stored.segments.insert(segments.start, copy);
        stored.snapshots.retain(|(kind, offset), _| {
            *kind != SnapshotKind::SegmentIndex || *offset <= segments.start || *offset > segments.end
        });
        Ok(Applied::Written)
    }

    fn change(&mut self, log: LogId, change: impl FnOnce(&mut Log)) -> StorageResult {
        if let Some(log) = self.logs.get_mut(&log) {
            change(log);
        }
        Ok(Applied::Written)
    }

    fn make_room(&self, adds: usize, frees: usize) -> Result<(), StorageError> {
        match self.capacity {
            Some(capacity) if self.used() + adds as u64 > capacity + frees as u64 => {
                Err(refusal(NotAppliedReason::Full, "the storage is full"))
            }
            _ => Ok(()),
        }
    }
}

impl Log {
    fn load(&self) -> StoredLog {
        let segment = |(base, bytes): (&Offset, &Vec<u8>)| StoredSegment {
            base_offset: *base,
            size: bytes.len() as u64,
        };
        let snapshot = |((kind, offset), snapshot): (&(SnapshotKind, Offset), &Bytes)| StoredSnapshot {
            kind: *kind,
            offset: *offset,
            snapshot: snapshot.clone(),
        };
        StoredLog {
            log_start_offset: self.log_start_offset,
            segments: self.segments.iter().map(segment).collect(),
            snapshots: self.snapshots.iter().map(snapshot).collect(),
        }
    }
}

fn refusal(reason: NotAppliedReason, message: &str) -> StorageError {
    StorageError::NotApplied { reason, message: message.to_owned() }
}

fn not_applied(reason: NotAppliedReason, message: &str) -> StorageResult {
    Err(refusal(reason, message))
}
