//! The whole batches of a segment's bytes, and the way past damaged ones.
//!
//! A batch counts if its CRC holds and it stands at the offset that comes next (the CRC does not cover it, ADR 4). Behind one
//! that does not, the next is looked for: first where its length says that it ends, then byte by byte. What is found goes
//! on at its own offset; those in between are lost with the damage (ADR 11).

use std::fmt;
use std::ops::Range;

use super::index::field;
use crate::record::{RecordBatch, RecordError};
use crate::types::Offset;

/// The bytes of a batch's header.
const HEADER: usize = 61;
/// A length that leads farther than that is taken for damaged itself.
const MAX_STEP: usize = 4 << 20;

/// A place in a segment where a batch begins, or from where on one is looked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Location {
    /// The segment, by its first offset.
    pub(crate) segment: Offset,
    pub(crate) position: u64,
    /// The offset of the batch that begins there, or the first that it can have.
    pub(crate) offset: Offset,
    /// Set while the end of damage is being looked for.
    pub(crate) lost: Option<Lost>,
}

/// Where damage begins, and what it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Lost {
    from: u64,
    problem: Problem,
}

/// What is known of the segment that bytes are of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Bounds {
    /// Its bytes in storage.
    pub(crate) size: u64,
    /// Its offsets end below this, as far as is known.
    pub(crate) end_offset: Option<Offset>,
}

/// A part of a segment of which nothing can be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Damage {
    pub(crate) segment: Offset,
    pub(crate) bytes: Range<u64>,
    /// The offsets lost with it.
    pub(crate) offsets: Range<Offset>,
    pub(crate) problem: Problem,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Damage { segment, bytes, offsets, problem } = self;
        write!(
            f,
            "segment {segment} from byte {} to {}: {problem}; offsets {} to {} are lost",
            bytes.start, bytes.end, offsets.start, offsets.end
        )
    }
}

/// Why bytes are not the batch that belongs there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Problem {
    Record(RecordError),
    OutOfOrder {
        base_offset: Offset,
        next_offset: Offset,
    },
    /// There is nothing where there has to be a batch.
    Missing,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::Record(error) => error.fmt(f),
            Problem::OutOfOrder { base_offset, next_offset } => {
                write!(f, "a batch of offset {base_offset} stands where {next_offset} is the next")
            }
            Problem::Missing => f.write_str("bytes are missing"),
        }
    }
}

/// What comes next in a segment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Item<'a> {
    Batch(RecordBatch<'a>),
    /// Passed over, and what is behind it comes next.
    Damage(Damage),
    /// From [`WholeBatches::location`] on so many bytes are needed to tell.
    Short {
        needed: usize,
    },
    /// From there to the end of the segment nothing can be read.
    DamagedEnd(Lost),
}

/// Goes through bytes of a segment; ends at the end of the bytes.
#[derive(Clone, Debug)]
pub(crate) struct WholeBatches<'a> {
    bytes: &'a [u8],
    /// Position of the first byte in the segment.
    begin: u64,
    bounds: Bounds,
    at: Location,
}

impl<'a> WholeBatches<'a> {
    /// `bytes` begin at `at`.
    pub(crate) fn new(bytes: &'a [u8], at: Location, bounds: Bounds) -> WholeBatches<'a> {
        WholeBatches { bytes, begin: at.position, bounds, at }
    }

    /// Where it is: behind all that was returned.
    pub(crate) fn location(&self) -> Location {
        self.at
    }

    /// The same as an index into the bytes.
    pub(crate) fn index(&self) -> usize {
        self.index_of(self.at.position)
    }

    /// The position of the first byte in the segment.
    pub(crate) fn begin(&self) -> u64 {
        self.begin
    }

    fn index_of(&self, position: u64) -> usize {
        usize::try_from(position - self.begin).unwrap_or(usize::MAX)
    }

    /// Bytes of the segment from the start of these bytes to its end.
    fn left(&self) -> usize {
        usize::try_from(self.bounds.size.saturating_sub(self.begin)).unwrap_or(usize::MAX)
    }

    fn batch_at(&self, at: usize) -> Result<RecordBatch<'a>, RecordError> {
        let batch = RecordBatch::parse(self.bytes.get(at..).unwrap_or_default())?;
        batch.verify_crc()?;
        Ok(batch)
    }

    /// Looks for the next batch behind damage.
    fn seek(&mut self, lost: Lost) -> Item<'a> {
        let from = self.index();
        let by_length = (lost.from == self.at.position).then(|| self.length_at(from)).flatten();
        for at in by_length.into_iter().chain(from + usize::from(lost.from == self.at.position)..) {
            if at.saturating_add(HEADER) > self.left() {
                if Some(at) == by_length {
                    continue;
                }
                return self.end(lost);
            }
            match self.fits(at) {
                Fit::Yes(offset) => {
                    let position = self.begin + at as u64;
                    let damage = Damage {
                        segment: self.at.segment,
                        bytes: lost.from..position,
                        offsets: self.at.offset..offset,
                        problem: lost.problem,
                    };
                    self.at = Location { position, offset, lost: None, ..self.at };
                    return Item::Damage(damage);
                }
                Fit::No => {}
                // Nothing is known of what lies beyond, so what lies before is looked at again with it.
                Fit::Short(needed) if Some(at) == by_length => {
                    self.at.lost = Some(lost);
                    return Item::Short { needed: at - from + needed };
                }
                Fit::Short(needed) => {
                    self.at = Location { position: self.begin + at as u64, lost: Some(lost), ..self.at };
                    return Item::Short { needed };
                }
            }
        }
        self.end(lost)
    }

    fn end(&mut self, lost: Lost) -> Item<'a> {
        self.at = Location { position: self.bounds.size.max(self.at.position), lost: None, ..self.at };
        Item::DamagedEnd(lost)
    }

    /// Where a damaged batch ends, by its length.
    fn length_at(&self, at: usize) -> Option<usize> {
        let header = self.bytes.get(at..at + 12)?;
        let size = usize::try_from(i32::from_be_bytes(field(header, 8))).ok()?.checked_add(12)?;
        let end = at.checked_add(size)?;
        ((HEADER..=MAX_STEP).contains(&size) && end <= self.left()).then_some(end)
    }

    /// Whether a batch begins there that can be in the log.
    fn fits(&self, at: usize) -> Fit {
        let Some(header) = self.bytes.get(at..at + HEADER) else {
            return Fit::Short(HEADER);
        };
        let offset = i64::from_be_bytes(field(header, 0));
        let length = i32::from_be_bytes(field(header, 8));
        let delta = i32::from_be_bytes(field(header, 23));
        let unused_attributes = header[21] != 0 || header[22] & 0x80 != 0;
        let size = usize::try_from(length).unwrap_or(usize::MAX).saturating_add(12);
        if header[16] != 2 || unused_attributes || size < HEADER || delta < 0 {
            return Fit::No;
        }
        let end = at.saturating_add(size);
        let next = offset.checked_add(i64::from(delta) + 1);
        if end > self.left() || offset < self.at.offset || next.is_none_or(|next| next > self.last_possible())
        {
            return Fit::No;
        }
        if end > self.bytes.len() {
            return Fit::Short(size);
        }
        match self.batch_at(at) {
            Ok(batch) => self.is_borne_out(batch, end),
            Err(_) => Fit::No,
        }
    }

    /// Where the offsets of what is left may end.
    fn last_possible(&self) -> Offset {
        // No more fit a segment's index.
        let most = self.at.segment.saturating_add(i64::from(i32::MAX) + 1);
        self.bounds.end_offset.unwrap_or(most)
    }

    /// A batch's offset is not protected by its CRC, and here nothing before it says what it has to be: what follows does.
    fn is_borne_out(&self, batch: RecordBatch<'_>, end: usize) -> Fit {
        if end == self.left() {
            return Fit::Yes(batch.base_offset());
        }
        let Some(next) = self.bytes.get(end..end + 8) else {
            return if end + 8 > self.left() {
                Fit::Yes(batch.base_offset())
            } else {
                Fit::Short(batch.size() + HEADER)
            };
        };
        let follows = i64::from_be_bytes(field(next, 0)) == batch.next_offset();
        // If what follows is damaged too, it says nothing.
        if follows || self.batch_at(end).is_err() { Fit::Yes(batch.base_offset()) } else { Fit::No }
    }
}

/// Whether a batch begins somewhere.
enum Fit {
    /// At this offset.
    Yes(Offset),
    No,
    /// So many bytes are needed to tell.
    Short(usize),
}

impl<'a> Iterator for WholeBatches<'a> {
    type Item = Item<'a>;

    fn next(&mut self) -> Option<Item<'a>> {
        if let Some(lost) = self.at.lost {
            return Some(self.seek(lost));
        }
        self.bytes.get(self.index()..).filter(|rest| !rest.is_empty())?;
        let problem = match self.batch_at(self.index()) {
            Ok(batch) if batch.base_offset() == self.at.offset => {
                self.at.position += batch.size() as u64;
                self.at.offset = batch.next_offset();
                return Some(Item::Batch(batch));
            }
            Ok(batch) => {
                Problem::OutOfOrder { base_offset: batch.base_offset(), next_offset: self.at.offset }
            }
            Err(RecordError::Truncated { needed, .. }) if self.index() + needed <= self.left() => {
                return Some(Item::Short { needed });
            }
            Err(error) => Problem::Record(error),
        };
        Some(self.seek(Lost { from: self.at.position, problem }))
    }
}

impl Lost {
    /// What is to be said if it reaches to there.
    pub(crate) fn until(self, segment: Offset, end: u64, offsets: Range<Offset>) -> Damage {
        Damage { segment, bytes: self.from..end, offsets, problem: self.problem }
    }

    pub(crate) fn from(self) -> u64 {
        self.from
    }
}
