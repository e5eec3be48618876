//! What the records of the stream amount to: logs, and where their bytes are.
//!
//! A change is judged by the state and those before it in its record ([`Draft`]), and taken in when it is durable.

use std::collections::BTreeMap;
use std::ops::Range;

use bytes::Bytes;
use headwater_engine::{LogId, NotAppliedReason, Offset, SnapshotKind, StorageError, StoredSegment};
use headwater_journal::wire::{Decoder, Encoder, Malformed};

use super::content::{At, Content, Moves, ObjectId, Piece};
use super::record::What;

/// What happens to a log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Change {
    Append { segment: Offset, position: u64, content: Content },
    PutSnapshot { kind: SnapshotKind, offset: Offset, content: Content },
    DeleteSnapshot { kind: SnapshotKind, offset: Offset },
    Truncate { offset: Offset, segment: Offset, position: u64 },
    DeleteSegments { before: Offset, log_start_offset: Option<Offset> },
    AppendCleaned { segment: Offset, position: u64, content: Content },
    ReplaceSegments { segments: Range<Offset>, size: u64 },
    Delete,
}

/// A log.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(super) struct Log {
    pub(super) segments: BTreeMap<Offset, Content>,
    pub(super) snapshots: BTreeMap<(SnapshotKind, Offset), Content>,
    pub(super) log_start_offset: Offset,
    /// The cleaned copy of a segment.
    copy: Option<(Offset, Content)>,
}

/// All logs.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(super) struct State {
    pub(super) logs: BTreeMap<LogId, Log>,
    /// All objects with bytes of logs, living or not, and how many bytes each has.
    pub(super) objects: BTreeMap<ObjectId, u64>,
}

/// The logs that changes of one record have changed; none where one was deleted.
#[derive(Default)]
pub(super) struct Draft(BTreeMap<LogId, Option<Log>>);

impl Draft {
    /// Whether a change may come now.
    pub(super) fn check(&self, state: &State, log: LogId, check: &Check) -> Result<(), StorageError> {
        let none = Log::default();
        let log = self.0.get(&log).map_or_else(|| state.logs.get(&log), Option::as_ref).unwrap_or(&none);
        let reason = NotAppliedReason::OutOfSequence;
        log.check(check).map_err(|message| StorageError::NotApplied { reason, message: message.to_owned() })
    }

    /// Takes a change in that was checked.
    pub(super) fn apply(&mut self, state: &State, id: LogId, change: Change) {
        if change == Change::Delete {
            self.0.insert(id, None);
            return;
        }
        let log = self.0.entry(id).or_insert_with(|| state.logs.get(&id).cloned());
        // What only takes away makes no log.
        let adds = match &change {
            Change::Append { content, .. } | Change::AppendCleaned { content, .. } => content.size > 0,
            Change::PutSnapshot { .. } => true,
            Change::DeleteSegments { log_start_offset, .. } => log_start_offset.is_some(),
            _ => false,
        };
        if adds || log.is_some() {
            log.get_or_insert_default().apply(change);
        }
    }
}

/// What has to be checked of a change.
pub(super) enum Check {
    Append {
        segment: Offset,
        position: u64,
    },
    AppendCleaned {
        segment: Offset,
        position: u64,
    },
    Truncate {
        segment: Offset,
        position: u64,
    },
    ReplaceSegments {
        segments: Range<Offset>,
        size: u64,
    },
    /// Nothing.
    None,
}

impl Change {
    pub(super) fn pieces(&self) -> &[Piece] {
        match self {
            Change::Append { content, .. }
            | Change::PutSnapshot { content, .. }
            | Change::AppendCleaned { content, .. } => &content.pieces,
            _ => &[],
        }
    }

    fn to_check(&self) -> Check {
        match self {
            Change::Append { segment, position, .. } => {
                Check::Append { segment: *segment, position: *position }
            }
            Change::AppendCleaned { segment, position, .. } => {
                Check::AppendCleaned { segment: *segment, position: *position }
            }
            Change::Truncate { segment, position, .. } => {
                Check::Truncate { segment: *segment, position: *position }
            }
            Change::ReplaceSegments { segments, size } => {
                Check::ReplaceSegments { segments: segments.clone(), size: *size }
            }
            _ => Check::None,
        }
    }
}

impl Log {
    fn check(&self, check: &Check) -> Result<(), &'static str> {
        let (fits, why_not) = match check {
            Check::Append { segment, position } => {
                let fits = match self.segments.last_key_value() {
                    Some((base, content)) if base == segment => content.size == *position,
                    Some((base, _)) => base < segment && *position == 0,
                    None => *position == 0,
                };
                (fits, "the segment does not end there")
            }
            Check::AppendCleaned { segment, position } => {
                let copy = self.copy.as_ref().filter(|(of, _)| of == segment);
                let begun = copy.map_or(0, |(_, content)| content.size);
                (*position == 0 || *position == begun, "the copy does not end there")
            }
            Check::Truncate { segment, position } => {
                let size = self.segments.get(segment).map_or(0, |content| content.size);
                (*position <= size, "the segment ends before that")
            }
            Check::ReplaceSegments { segments, size } => {
                let last_stays = self.segments.keys().next_back().is_some_and(|last| *last >= segments.end);
                let copy = self.copy.as_ref().filter(|(of, _)| *of == segments.start);
                let is_whole = copy.is_some_and(|(_, content)| content.size == *size && *size > 0);
                let fits = last_stays && is_whole && self.segments.contains_key(&segments.start);
                (fits, "there are no such segments, or no such copy, or the last is among them")
            }
            Check::None => (true, ""),
        };
        if fits { Ok(()) } else { Err(why_not) }
    }

    fn apply(&mut self, change: Change) {
        match change {
            Change::Append { segment, content, .. } => {
                if content.size > 0 {
                    self.segments.entry(segment).or_default().append(content);
                }
            }
            Change::PutSnapshot { kind, offset, content } => {
                self.snapshots.insert((kind, offset), content);
            }
            Change::DeleteSnapshot { kind, offset } => {
                self.snapshots.remove(&(kind, offset));
            }
            Change::Truncate { offset, segment, position } => {
                self.segments.retain(|base, _| *base < segment || (*base == segment && position > 0));
                if let Some(content) = self.segments.get_mut(&segment) {
                    content.truncate(position);
                }
                self.snapshots.retain(|(_, of), _| *of <= offset);
            }
            Change::DeleteSegments { before, log_start_offset } => {
                if let Some(start) = log_start_offset {
                    self.log_start_offset = start;
                }
                self.segments.retain(|base, _| *base >= before);
                self.snapshots.retain(|(kind, offset), _| {
                    *offset > before || (*offset == before && *kind == SnapshotKind::ProducerState)
                });
            }
            Change::AppendCleaned { segment, position, content } => {
                if position == 0 {
                    self.copy = None;
                }
                if content.size > 0 {
                    self.copy.get_or_insert_with(|| (segment, Content::default())).1.append(content);
                }
            }
            Change::ReplaceSegments { segments, .. } => {
                if let Some((_, copy)) = self.copy.take() {
                    self.segments.retain(|base, _| !segments.contains(base));
                    self.segments.insert(segments.start, copy);
                    self.snapshots.retain(|(kind, offset), _| {
                        *kind != SnapshotKind::SegmentIndex
                            || *offset <= segments.start
                            || *offset > segments.end
                    });
                }
            }
            Change::Delete => {}
        }
    }

    pub(super) fn stored_segments(&self) -> Vec<StoredSegment> {
        let segment =
            |(base, content): (&Offset, &Content)| StoredSegment { base_offset: *base, size: content.size };
        self.segments.iter().map(segment).collect()
    }

    fn contents(&self) -> impl Iterator<Item = &Content> {
        let copy = self.copy.iter().map(|(_, content)| content);
        self.segments.values().chain(self.snapshots.values()).chain(copy)
    }

    fn contents_mut(&mut self) -> impl Iterator<Item = &mut Content> {
        let copy = self.copy.iter_mut().map(|(_, content)| content);
        self.segments.values_mut().chain(self.snapshots.values_mut()).chain(copy)
    }
}

impl State {
    /// What was drafted is durable.
    pub(super) fn take(&mut self, draft: Draft) {
        for (id, log) in draft.0 {
            match log {
                Some(log) => drop(self.logs.insert(id, log)),
                None => drop(self.logs.remove(&id)),
            }
        }
    }

    /// Takes in what a record says; it was checked by who wrote it.
    pub(super) fn fold(&mut self, what: What) -> Result<(), Malformed> {
        let What::Changes { object, changes } = what else { return Ok(()) };
        let mut draft = Draft::default();
        for (log, change) in changes {
            if draft.check(self, log, &change.to_check()).is_err() {
                return Err(Malformed("a change that does not follow on those before it"));
            }
            draft.apply(self, log, change);
        }
        self.objects.extend(object);
        self.take(draft);
        Ok(())
    }

    pub(super) fn contents(&self) -> impl Iterator<Item = &Content> {
        self.logs.values().flat_map(Log::contents)
    }

    pub(super) fn apply(&mut self, moves: &Moves) {
        if !moves.is_empty() {
            self.logs.values_mut().flat_map(Log::contents_mut).for_each(|content| content.apply(moves));
        }
    }

    /// Bytes that are in memory only.
    pub(super) fn memory_bytes(&self) -> u64 {
        self.contents().map(Content::memory_bytes).sum()
    }

    /// How many bytes of each object belong to something.
    pub(super) fn living(&self) -> BTreeMap<ObjectId, u64> {
        let mut living = BTreeMap::new();
        for piece in self.contents().flat_map(|content| &content.pieces) {
            if let At::Object(stored) = &piece.at {
                *living.entry(stored.object).or_default() += u64::from(piece.length);
            }
        }
        living
    }

    /// Everything; nothing may be in memory only.
    pub(super) fn encode(&self, encoder: &mut Encoder) {
        let mut body: Vec<Bytes> = Vec::new();
        encoder.count(self.objects.len());
        for (object, size) in &self.objects {
            object.encode(encoder);
            encoder.number(*size);
        }
        encoder.count(self.logs.len());
        for (id, log) in &self.logs {
            encoder.fixed(&id.to_bytes());
            encoder.signed(log.log_start_offset);
            encoder.count(log.segments.len());
            for (base, content) in &log.segments {
                encoder.signed(*base);
                content.encode(encoder, &mut body);
            }
            encoder.count(log.snapshots.len());
            for ((kind, offset), content) in &log.snapshots {
                encoder.number(kind_number(*kind));
                encoder.signed(*offset);
                content.encode(encoder, &mut body);
            }
            encoder.count(log.copy.iter().len());
            if let Some((base, content)) = &log.copy {
                encoder.signed(*base);
                content.encode(encoder, &mut body);
            }
        }
        debug_assert!(body.is_empty(), "what is in memory is written before");
    }

    pub(super) fn decode(decoder: &mut Decoder<'_>) -> Result<State, Malformed> {
        let mut state = State::default();
        let (mut body, mut numbers) = (Bytes::new(), 0);
        for _ in 0..decoder.count()? {
            state.objects.insert(ObjectId::decode(decoder)?, decoder.number()?);
        }
        for _ in 0..decoder.count()? {
            let id = LogId::from_bytes(decoder.array()?);
            let mut log = Log { log_start_offset: decoder.signed()?, ..Log::default() };
            for _ in 0..decoder.count()? {
                let base = decoder.signed()?;
                log.segments.insert(base, Content::decode(decoder, &mut body, &mut numbers)?);
            }
            for _ in 0..decoder.count()? {
                let key = (kind_of(decoder.number()?)?, decoder.signed()?);
                log.snapshots.insert(key, Content::decode(decoder, &mut body, &mut numbers)?);
            }
            for _ in 0..decoder.count()? {
                log.copy = Some((decoder.signed()?, Content::decode(decoder, &mut body, &mut numbers)?));
            }
            state.logs.insert(id, log);
        }
        decoder.end()?;
        Ok(state)
    }
}

pub(super) fn kind_number(kind: SnapshotKind) -> u64 {
    match kind {
        SnapshotKind::SegmentIndex => 0,
        SnapshotKind::ProducerState => 1,
    }
}

pub(super) fn kind_of(number: u64) -> Result<SnapshotKind, Malformed> {
    match number {
        0 => Ok(SnapshotKind::SegmentIndex),
        1 => Ok(SnapshotKind::ProducerState),
        _ => Err(Malformed("a kind of snapshot that is not known")),
    }
}
