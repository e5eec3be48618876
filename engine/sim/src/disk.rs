//! What outlives a broker: the logs as they are stored, and how much of them a power cut would leave.

use std::collections::BTreeMap;
use std::ops::Range;

use bytes::Bytes;
use headwater_engine::record::{Batches, RecordBatch};
use headwater_engine::{
    Durability, LogId, NotAppliedReason, Offset, SnapshotKind, StorageOp, StoredLog, StoredSegment,
    StoredSnapshot,
};

use crate::random::Random;

/// One log's bytes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Content {
    segments: BTreeMap<Offset, Vec<u8>>,
    snapshots: BTreeMap<(SnapshotKind, Offset), Bytes>,
    log_start_offset: Offset,
    /// The cleaned copy of a segment, by its first offset.
    copy: Option<(Offset, Vec<u8>)>,
}

/// One log, and what of it is safe.
#[derive(Clone, Debug, Default)]
struct DiskLog {
    current: Content,
    /// What survives a power cut for certain.
    safe: Content,
    /// Writes since then, in their order. A power cut leaves a prefix of them.
    unsafe_ops: Vec<StorageOp>,
}

/// A deletion of segments.
#[derive(Debug)]
pub(crate) struct Dropped {
    pub(crate) log: LogId,
    /// What there was before.
    pub(crate) segments: Vec<Span>,
    /// Where the log begins by it.
    pub(crate) start: Offset,
}

/// What retention goes by of a segment.
#[derive(Debug)]
pub(crate) struct Span {
    /// The offset behind its last.
    pub(crate) end: Offset,
    pub(crate) bytes: u64,
    pub(crate) max_timestamp: i64,
}

/// The logs.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    logs: BTreeMap<LogId, DiskLog>,
    /// Deletions of segments that nobody has looked at yet.
    pub(crate) dropped: Vec<Dropped>,
    /// Bytes that fit, if there is a limit.
    pub(crate) capacity: Option<u64>,
}

impl Disk {
    /// What is stored, on a disk of its own that has room for more.
    pub(crate) fn copy(&self) -> Disk {
        let copied = |(id, log): (&LogId, &DiskLog)| {
            (*id, DiskLog { current: log.current.clone(), ..DiskLog::default() })
        };
        Disk { logs: self.logs.iter().map(copied).collect(), ..Disk::default() }
    }

    /// Does a write. It is done whole or not at all.
    pub(crate) fn write(&mut self, op: &StorageOp) -> Result<(), NotAppliedReason> {
        let adds = match op {
            StorageOp::Append { batches, .. } | StorageOp::AppendCleaned { batches, .. } => {
                batches.len() as u64
            }
            StorageOp::PutSnapshot { snapshot, .. } => snapshot.len() as u64,
            _ => 0,
        };
        let log = self.logs.entry(op.log()).or_default();
        log.current.check(op)?;
        if adds > 0 && self.capacity.is_some_and(|capacity| self.used() + adds > capacity) {
            return Err(NotAppliedReason::Full);
        }
        let log = self.logs.entry(op.log()).or_default();
        self.dropped.extend(log.current.dropped(op));
        log.current.write(op);
        log.unsafe_ops.push(op.clone());
        if matches!(
            op,
            StorageOp::Append { durability: Durability::Strict, .. } | StorageOp::ReplaceSegments { .. }
        ) {
            log.make_safe();
        }
        Ok(())
    }

    pub(crate) fn used(&self) -> u64 {
        self.logs.values().map(|log| log.current.size()).sum()
    }

    /// What the system does by itself now and then: everything becomes safe.
    pub(crate) fn sync(&mut self) {
        self.logs.values_mut().for_each(DiskLog::make_safe);
    }

    /// Leaves of every log what is safe and a prefix of what came after. Returns the logs that lost something.
    pub(crate) fn cut_power(&mut self, random: &mut Random) -> Vec<LogId> {
        let mut lost = Vec::new();
        for (id, log) in &mut self.logs {
            let kept = random.index(log.unsafe_ops.len() + 1);
            if kept == log.unsafe_ops.len() {
                log.make_safe();
                continue;
            }
            let mut rest = log.unsafe_ops.split_off(kept);
            for op in &log.unsafe_ops {
                log.safe.write(op);
            }
            log.current = log.safe.clone();
            log.unsafe_ops.clear();
            lost.push(*id);
            if random.coin() {
                log.tear(&rest.remove(0), random);
            }
        }
        lost
    }

    /// Writes a part of an append, as a crash in its midst may leave it. True if there was a part to write.
    pub(crate) fn tear(&mut self, op: &StorageOp, random: &mut Random) -> bool {
        self.logs.entry(op.log()).or_default().tear(op, random)
    }

    /// Turns one bit of a stored batch of a topic's partition over; returns where, and the offsets of the batch.
    pub(crate) fn flip_bit(&mut self, random: &mut Random) -> Option<(LogId, Offset, u64, Range<Offset>)> {
        let mut places: Vec<(LogId, Offset)> = Vec::new();
        for (id, log) in self.logs.iter().filter(|(id, _)| **id != LogId::CLUSTER_METADATA) {
            places.extend(log.current.segments.keys().map(|base| (*id, *base)));
        }
        let (id, base) = *places.get(random.index(places.len()))?;
        let log = self.logs.get_mut(&id)?;
        let bytes = log.current.segments.get_mut(&base)?;
        // Behind a batch that is damaged already nobody knows where the next one begins, and so not what is lost.
        let intact = |batch: &Range<usize>| {
            let batch = RecordBatch::parse(&bytes[batch.clone()]);
            batch.is_ok_and(|batch| batch.verify_crc().is_ok())
        };
        let batches: Vec<Range<usize>> = ranges(bytes).take_while(intact).collect();
        let batch = batches.get(random.index(batches.len()))?;
        // The base offset is the one field that neither the CRC nor the batch's form protects.
        let at = batch.start + 8 + random.index(batch.len() - 8);
        let offsets = Batches::new(&bytes[batch.clone()]).next()?.ok()?;
        let offsets = offsets.base_offset()..offsets.next_offset();
        bytes[at] ^= 1 << random.below(8);
        log.unsafe_ops.clear();
        log.safe = log.current.clone();
        Some((id, base, at as u64, offsets))
    }

    pub(crate) fn load(&self, log: LogId) -> StoredLog {
        self.logs.get(&log).map(|log| log.current.load()).unwrap_or_default()
    }

    pub(crate) fn read(&self, log: LogId, segment: Offset, range: &Range<u64>) -> Bytes {
        let bytes = self.logs.get(&log).and_then(|log| log.current.segments.get(&segment));
        let bytes = bytes.map(Vec::as_slice).unwrap_or_default();
        let within = |position: u64| usize::try_from(position).unwrap_or(usize::MAX).min(bytes.len());
        Bytes::copy_from_slice(bytes.get(within(range.start)..within(range.end)).unwrap_or_default())
    }

    /// The stored batch that begins at an offset.
    pub(crate) fn batch_at(&self, log: LogId, offset: Offset) -> Option<RecordBatch<'_>> {
        let content = &self.logs.get(&log)?.current;
        let (_, bytes) = content.segments.range(..=offset).next_back()?;
        Batches::new(bytes).map_while(Result::ok).find(|batch| batch.base_offset() == offset)
    }

    /// The first offset of the first segment behind an offset.
    pub(crate) fn segment_after(&self, log: LogId, offset: Offset) -> Option<Offset> {
        self.logs.get(&log)?.current.segments.keys().find(|base| **base > offset).copied()
    }

    /// The segments of a log.
    pub(crate) fn spans(&self, log: LogId) -> Vec<Span> {
        self.logs.get(&log).map(|log| log.current.spans(0)).unwrap_or_default()
    }

    /// Where a log begins: at the mark, or where its first segment does.
    pub(crate) fn start_offset(&self, log: LogId) -> Offset {
        let Some(log) = self.logs.get(&log) else { return 0 };
        let first = log.current.segments.keys().next().copied();
        log.current.log_start_offset.max(first.unwrap_or(0))
    }

    /// Where a log ends, as far as it is whole.
    pub(crate) fn end_offset(&self, log: LogId) -> Offset {
        let Some(log) = self.logs.get(&log) else { return 0 };
        let first = log.current.segments.keys().next().copied();
        let mut next = first.unwrap_or(log.current.log_start_offset);
        for bytes in log.current.segments.values() {
            let mut whole = 0;
            for batch in Batches::new(bytes).map_while(Result::ok) {
                if batch.verify_crc().is_err() || batch.base_offset() != next {
                    break;
                }
                next = batch.next_offset();
                whole += batch.size();
            }
            if whole < bytes.len() {
                break;
            }
        }
        // What lies below the mark is not in the log.
        next.max(log.current.log_start_offset)
    }
}

impl DiskLog {
    fn make_safe(&mut self) {
        for op in self.unsafe_ops.drain(..) {
            self.safe.write(&op);
        }
    }

    fn tear(&mut self, op: &StorageOp, random: &mut Random) -> bool {
        let StorageOp::Append { segment, batches, .. } = op else { return false };
        if self.current.check(op).is_err() || batches.len() < 2 {
            return false;
        }
        let part = 1 + random.index(batches.len() - 1);
        let zeros = if random.coin() { random.index(batches.len() - part + 1) } else { 0 };
        let bytes = self.current.segments.entry(*segment).or_default();
        bytes.extend_from_slice(&batches[..part]);
        bytes.resize(bytes.len() + zeros, 0);
        self.unsafe_ops.clear();
        self.safe = self.current.clone();
        true
    }
}

impl Content {
    /// Whether a write can be done as things are.
    fn check(&self, op: &StorageOp) -> Result<(), NotAppliedReason> {
        let fits = match op {
            StorageOp::Append { segment, position, .. } => match self.segments.last_key_value() {
                Some((base, bytes)) if base == segment => bytes.len() as u64 == *position,
                Some((base, _)) => base < segment && *position == 0,
                None => *position == 0,
            },
            StorageOp::Truncate { segment, position, .. } => {
                self.segments.get(segment).map_or(0, Vec::len) as u64 >= *position
            }
            StorageOp::AppendCleaned { segment, position, .. } => {
                let end = self.copy.as_ref().filter(|(of, _)| of == segment);
                *position == end.map_or(0, |(_, bytes)| bytes.len()) as u64 || *position == 0
            }
            StorageOp::ReplaceSegments { segments, size, .. } => {
                let copy = self.copy.as_ref().filter(|(of, _)| *of == segments.start);
                copy.is_some_and(|(_, bytes)| bytes.len() as u64 == *size && *size > 0)
                    && self.segments.contains_key(&segments.start)
                    && self.segments.last_key_value().is_some_and(|(last, _)| *last >= segments.end)
            }
            _ => true,
        };
        if fits { Ok(()) } else { Err(NotAppliedReason::OutOfSequence) }
    }

    fn write(&mut self, op: &StorageOp) {
        match op {
            StorageOp::Load { .. } | StorageOp::Read { .. } => {}
            StorageOp::Append { segment, batches, .. } => {
                self.segments.entry(*segment).or_default().extend_from_slice(batches);
            }
            StorageOp::PutSnapshot { kind, offset, snapshot, .. } => {
                self.snapshots.insert((*kind, *offset), snapshot.clone());
            }
            StorageOp::DeleteSnapshot { kind, offset, .. } => {
                self.snapshots.remove(&(*kind, *offset));
            }
            StorageOp::Truncate { offset, segment, position, .. } => {
                self.segments.retain(|base, _| base < segment || (base == segment && *position > 0));
                if let (Some(bytes), Ok(size)) = (self.segments.get_mut(segment), usize::try_from(*position))
                {
                    bytes.truncate(size);
                }
                self.snapshots.retain(|(_, stands_for), _| stands_for <= offset);
            }
            StorageOp::DeleteSegments { before, log_start_offset, .. } => {
                self.segments.retain(|base, _| base >= before);
                self.snapshots.retain(|(kind, offset), _| {
                    offset > before || (offset == before && *kind == SnapshotKind::ProducerState)
                });
                self.log_start_offset = log_start_offset.unwrap_or(self.log_start_offset);
            }
            StorageOp::AppendCleaned { segment, position, batches, .. } => {
                if *position == 0 {
                    self.copy = (!batches.is_empty()).then(|| (*segment, Vec::new()));
                }
                if let Some((_, copy)) = &mut self.copy {
                    copy.extend_from_slice(batches);
                }
            }
            StorageOp::ReplaceSegments { segments, .. } => {
                self.segments.retain(|base, _| !segments.contains(base));
                self.segments.extend(self.copy.take());
                self.snapshots.retain(|(kind, offset), _| {
                    *kind != SnapshotKind::SegmentIndex || *offset <= segments.start || *offset > segments.end
                });
            }
            StorageOp::Delete { .. } => *self = Content::default(),
        }
    }

    /// What an operation takes, if it is one that drops segments.
    fn dropped(&self, op: &StorageOp) -> Option<Dropped> {
        let StorageOp::DeleteSegments { log, before, log_start_offset } = op else { return None };
        let start = log_start_offset.unwrap_or(*before);
        Some(Dropped { log: *log, segments: self.spans(start), start })
    }

    /// The segments; the one that holds an offset is two, as what is behind it may have come when it was on its way out.
    fn spans(&self, cut_at: Offset) -> Vec<Span> {
        let mut spans = Vec::new();
        for bytes in self.segments.values() {
            let is_below = |batch: &RecordBatch<'_>| batch.next_offset() <= cut_at;
            let batches = Batches::new(bytes).map_while(Result::ok);
            let (below, above): (Vec<_>, Vec<_>) = batches.partition(is_below);
            spans.extend([below, above].iter().filter_map(|batches| {
                Some(Span {
                    end: batches.last()?.next_offset(),
                    bytes: batches.iter().map(|batch| batch.size() as u64).sum(),
                    max_timestamp: batches.iter().map(RecordBatch::max_timestamp).max()?,
                })
            }));
        }
        spans
    }

    fn load(&self) -> StoredLog {
        let segments = self.segments.iter();
        let snapshots = self.snapshots.iter();
        StoredLog {
            log_start_offset: self.log_start_offset,
            segments: segments
                .map(|(base, bytes)| StoredSegment { base_offset: *base, size: bytes.len() as u64 })
                .collect(),
            snapshots: snapshots
                .map(|((kind, offset), snapshot)| StoredSnapshot {
                    kind: *kind,
                    offset: *offset,
                    snapshot: snapshot.clone(),
                })
                .collect(),
        }
    }

    fn size(&self) -> u64 {
        let bytes = self.segments.values().map(Vec::len).chain(self.snapshots.values().map(Bytes::len));
        let copy = self.copy.as_ref().map_or(0, |(_, bytes)| bytes.len());
        bytes.map(|length| length as u64).sum::<u64>() + copy as u64
    }
}

/// Where the batches of a segment lie in it.
fn ranges(bytes: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut start = 0;
    Batches::new(bytes).map_while(Result::ok).map(move |batch| {
        let range = start..start + batch.size();
        start = range.end;
        range
    })
}
