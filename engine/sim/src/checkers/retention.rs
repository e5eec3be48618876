//! A partition that is kept short: it loses what it may lose and no more, and where it begins does not go back.

use std::collections::BTreeMap;

use headwater_client::{AutoOffsetReset, ClientError};
use headwater_engine::{ConnectionId, Offset};

use super::Asked;
use crate::disk::{Dropped, Span};
use crate::payload::RecordId;
use crate::retained::Limits;

/// How far beyond the end of a log a deletion begins that has to be refused: farther than any log gets in a run.
pub(crate) const BEYOND: Offset = 1_000_000;

/// Who reads the topic.
#[derive(Debug)]
struct Reader {
    reset: AutoOffsetReset,
    /// What it has to be given next.
    next: Offset,
}

/// What is known of a partition.
#[derive(Debug, Default)]
pub(crate) struct Retention {
    partition: i32,
    limits: Limits,
    acked: BTreeMap<Offset, RecordId>,
    seen: BTreeMap<Offset, RecordId>,
    /// Where records stand that are to stand once, if those of the writer are.
    places: Option<BTreeMap<RecordId, Offset>>,
    readers: BTreeMap<u32, Reader>,
    /// Where storage was told that the log begins: nobody has to find anything below.
    start: Offset,
    /// Where clients were told that it begins: nobody finds anything below who asks from then on.
    told: Offset,
    /// Below it somebody wanted records to be deleted.
    wanted: Offset,
    /// Deletions under way: where the log ended when they were asked for.
    deletions: BTreeMap<(ConnectionId, i32), Deletion>,
}

#[derive(Clone, Copy, Debug)]
struct Deletion {
    before: Offset,
    high_watermark: Offset,
}

/// Where a log stands when an answer leaves its leader.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing {
    /// Where it would begin after a crash.
    pub(crate) stored_start: Offset,
    pub(crate) high_watermark: Offset,
}

impl Retention {
    pub(super) fn new(partition: i32, limits: Limits) -> Retention {
        Retention { partition, limits, ..Retention::default() }
    }

    /// Where storage was told that the log begins.
    pub(super) fn start(&self) -> Offset {
        self.start
    }

    /// Where clients know that the log begins.
    pub(crate) fn told(&self) -> Offset {
        self.told
    }

    pub(crate) fn add_reader(&mut self, reader: u32, reset: AutoOffsetReset) {
        self.readers.insert(reader, Reader { reset, next: 0 });
    }

    /// The writer is idempotent.
    pub(crate) fn expect_once(&mut self) {
        self.places = Some(BTreeMap::new());
    }

    /// A reader goes on at an offset.
    pub(crate) fn positioned(&mut self, reader: u32, offset: Offset) {
        if let Some(reader) = self.readers.get_mut(&reader) {
            reader.next = offset;
        }
    }

    pub(crate) fn acked(&mut self, offset: Offset, id: Option<RecordId>) -> Result<(), String> {
        let Some(id) = id else { return Ok(()) };
        match self.acked.insert(offset, id).or_else(|| self.seen.get(&offset).copied()) {
            Some(other) if other != id => Err(format!("{id} was acknowledged at {offset}, where {other} is")),
            _ => Ok(()),
        }
    }

    /// A reader was given a record.
    pub(crate) fn given(&mut self, reader: u32, offset: Offset, id: Option<RecordId>) -> Result<(), String> {
        let id = id.ok_or_else(|| format!("reader {reader} got {offset} with wrong content"))?;
        for known in [&self.acked, &self.seen] {
            if let Some(other) = known.get(&offset).filter(|other| **other != id) {
                return Err(format!("reader {reader} got {id} at {offset}, where {other} is"));
            }
        }
        self.seen.insert(offset, id);
        let elsewhere = self.places.as_mut().and_then(|places| places.insert(id, offset));
        if let Some(other) = elsewhere.filter(|other| *other != offset) {
            return Err(format!("{id} stands at {other} and at {offset}"));
        }
        let Some(Reader { reset, next }) = self.readers.get_mut(&reader) else { return Ok(()) };
        let may_be_next = match reset {
            _ if offset == *next => true,
            AutoOffsetReset::Earliest => offset > *next && offset <= self.start,
            AutoOffsetReset::Latest => offset > *next && *next < self.start,
            AutoOffsetReset::None => false,
        };
        if !may_be_next {
            return Err(format!(
                "reader {reader} ({reset:?}) got offset {offset} where {next} is next, and the log begins at {}",
                self.start
            ));
        }
        *next = offset + 1;
        Ok(())
    }

    /// A reader cannot go on; returns where it may. Only one that does not reset its offset itself fails, and only where the offset
    /// is gone.
    pub(crate) fn failed(&self, reader: u32, is_out: bool, error: &ClientError) -> Result<Offset, String> {
        match self.readers.get(&reader) {
            Some(Reader { reset: AutoOffsetReset::None, next }) if is_out && *next < self.start => {
                Ok(self.start)
            }
            of => Err(format!("reader {reader}, {of:?}, cannot read any more: {error}")),
        }
    }

    /// A deletion reaches the leader.
    pub(crate) fn deletion_asked(
        &mut self,
        connection: ConnectionId,
        asked: &Asked,
        before: Offset,
        high_watermark: Offset,
    ) {
        self.deletions.insert((connection, asked.correlation_id()), Deletion { before, high_watermark });
        if before < BEYOND {
            self.wanted = self.wanted.max(before);
        }
    }

    /// A deletion is answered: with an error, or with where the log begins now.
    pub(crate) fn deletion_answered(
        &mut self,
        connection: ConnectionId,
        asked: &Asked,
        result: Result<Offset, bool>,
        standing: Standing,
    ) -> Result<(), String> {
        let Some(deletion) = self.deletions.remove(&(connection, asked.correlation_id())) else {
            return Ok(());
        };
        let before = if deletion.before < 0 { deletion.high_watermark } else { deletion.before };
        match result {
            Ok(start) if start < before || before > standing.high_watermark => {
                Err(format!("{deletion:?} was acknowledged with {start}, {standing:?}"))
            }
            Ok(start) => {
                self.wanted = self.wanted.max(start);
                self.begins(asked, start, standing)
            }
            Err(is_out) if is_out && before <= deletion.high_watermark => {
                Err(format!("{deletion:?} was refused as out of range, {standing:?}"))
            }
            Err(_) => Ok(()),
        }
    }

    /// An answer says where the log begins.
    pub(crate) fn begins(&mut self, asked: &Asked, start: Offset, standing: Standing) -> Result<(), String> {
        let told = asked.told(self.partition);
        if start < told {
            return Err(format!("the log was said to begin at {told}, and now at {start}"));
        }
        if start > standing.stored_start {
            return Err(format!("the log is said to begin at {start}, {standing:?}"));
        }
        self.told = self.told.max(start);
        Ok(())
    }

    /// A Fetch from an offset is answered, with what ends there, or with an error.
    pub(crate) fn fetched(
        &self,
        asked: &Asked,
        offset: Offset,
        first_batch_end: Option<Offset>,
        is_out: bool,
        standing: Standing,
    ) -> Result<(), String> {
        let told = asked.told(self.partition);
        if is_out && (standing.stored_start..=standing.high_watermark).contains(&offset) {
            return Err(format!("offset {offset} was said to be out of range, {standing:?}"));
        }
        if !is_out && first_batch_end.is_some() && offset < told {
            return Err(format!("records from {offset} on were given where {told} is the first"));
        }
        match first_batch_end.filter(|end| *end <= offset.max(told)) {
            Some(end) => Err(format!("a batch up to {end} was given to who asks from {offset} on")),
            None => Ok(()),
        }
    }

    /// Storage has dropped segments. `latest_wall_ms`: no clock was ever ahead of it.
    pub(crate) fn dropped(&mut self, dropped: &Dropped, latest_wall_ms: i64) -> Result<(), String> {
        let all_wanted = self.deletions.values().any(|deletion| deletion.before < 0);
        let log_end = dropped.segments.last().map_or(dropped.start, |last| last.end);
        let wanted = if all_wanted { log_end } else { self.wanted }.max(self.start);
        let mut left = dropped.segments.iter().map(|segment| segment.bytes).sum::<u64>();
        let mut end = wanted;
        // One that lies below the start may stay for a while, as long as nothing is stored behind it.
        for segment in dropped.segments.iter().filter(|segment| segment.end <= dropped.start) {
            left -= segment.bytes;
            if !(segment.end <= wanted || self.may_go(segment, left, latest_wall_ms)) {
                return Err(format!(
                    "{segment:?} was dropped, which leaves {left} bytes, at {latest_wall_ms}; deleted below {wanted}"
                ));
            }
            end = end.max(segment.end);
        }
        if dropped.start > end {
            return Err(format!("the log begins at {} where {end} is enough", dropped.start));
        }
        self.start = self.start.max(dropped.start);
        Ok(())
    }

    /// Whether the first segment may go if that leaves so many bytes (as in Kafka's `UnifiedLog.deleteOldSegments`).
    fn may_go(&self, segment: &Span, left: u64, wall_ms: i64) -> bool {
        let age_ms = u64::try_from(wall_ms.saturating_sub(segment.max_timestamp)).unwrap_or(0);
        self.limits.retention_ms.is_some_and(|limit| age_ms > limit)
            || self.limits.retention_bytes.is_some_and(|limit| left >= limit)
    }

    /// Whether nothing is left of the segments that has to go.
    pub(crate) fn is_short(&self, segments: &[Span], wall_ms: i64) -> bool {
        let mut segments = segments.iter().filter(|segment| segment.end > self.start);
        let first = segments.next();
        let left = segments.map(|segment| segment.bytes).sum();
        first.is_none_or(|first| !self.may_go(first, left, wall_ms))
    }

    /// A power cut has left the log from one offset to another.
    pub(super) fn lost(&mut self, start: Offset, end: Offset) {
        // What partitions knew of the writer may be gone with its records.
        self.places = None;
        self.acked.split_off(&end);
        self.seen.split_off(&end);
        self.start = start;
        self.told = self.told.min(start);
    }

    /// All have read to the end.
    pub(super) fn at_last(&self, end: Offset) -> Result<(), String> {
        match self.acked.last_key_value().filter(|(offset, _)| **offset >= end) {
            Some((offset, id)) => Err(format!("{id} was acknowledged at {offset}, the log ends at {end}")),
            None => Ok(()),
        }
    }
}
