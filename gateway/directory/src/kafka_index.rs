//! `.index` and `.timeindex` of a complete segment, in Kafka's bytes, so that Kafka's own tools can read the folder.
//!
//! Nothing here reads them but to see whether they fit: the engine has an index of its own. They are made from the batches'
//! headers, and made again when a log is opened that lacks them.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::Ordering;

use headwater_engine::{LogId, Offset};

use crate::files::LogFile;
use crate::names::{self, LogFileName};
use crate::shared::{Shared, View, read};

/// Bytes of batches between two entries, as Kafka's `index.interval.bytes` is by default.
const INTERVAL_BYTES: u64 = 4096;

/// What is read of a batch: its header.
const HEADER_BYTES: usize = 61;

/// How much is read at once.
const READ_BYTES: usize = 256 << 10;

/// Bytes of an entry of each index.
const OFFSET_ENTRY: u64 = 8;
const TIME_ENTRY: u64 = 12;

/// Makes both indexes of the segment that ends at an offset.
pub(crate) fn make(shared: &Shared, log: LogId, end_offset: Offset) -> io::Result<()> {
    let Some(view) = shared.view(log) else {
        return Ok(());
    };
    // Held to the end: the segment stays what it is meanwhile.
    let segments = read(&view.segments);
    let Some((base, size)) = segments.range(..end_offset).next_back() else {
        return Ok(());
    };
    let file = open(shared, &view, *base)?;
    let entries = Entries::of(&*file, *base, size.load(Ordering::Acquire))?;
    for (name, content) in
        [(names::offset_index(*base), &entries.offsets), (names::time_index(*base), &entries.times)]
    {
        let unfinished = view.folder.join(names::unfinished(&name));
        // Nobody would notice afterwards that a power cut has taken the middle of it.
        shared.files.write(&unfinished, content, true)?;
        shared.files.rename(&unfinished, &view.folder.join(name))?;
    }
    Ok(())
}

/// Looks after the indexes of a log that was opened: removes those of no complete segment, and makes those that a complete one
/// lacks or that do not fit it.
pub(crate) fn check(shared: &Shared, log: LogId) -> io::Result<()> {
    let Some(view) = shared.view(log) else {
        return Ok(());
    };
    let segments = read(&view.segments);
    let bases: Vec<Offset> = segments.keys().copied().collect();
    let complete = bases.split_last().map_or(&[][..], |(_, complete)| complete);
    let mut sizes = BTreeMap::new();
    for entry in shared.files.list(&view.folder)? {
        match LogFileName::parse(&entry.name) {
            LogFileName::KafkaIndex(base) if complete.binary_search(&base).is_err() => {
                shared.files.remove(&view.folder.join(&entry.name))?;
            }
            LogFileName::KafkaIndex(_) => drop(sizes.insert(entry.name, entry.size)),
            _ => {}
        }
    }
    drop(segments);
    for (base, end) in bases.iter().zip(bases.iter().skip(1)) {
        let size_of = |name: String| sizes.get(&name).copied();
        let found = size_of(names::offset_index(*base)).zip(size_of(names::time_index(*base)));
        let fits = match found {
            Some(found) => fits(shared, &view, *base, found)?,
            None => false,
        };
        if !fits {
            make(shared, log, *end)?;
        }
    }
    Ok(())
}

/// A segment, opened for the moment: it is read once, and those that are written to stay open.
fn open(shared: &Shared, view: &View, base: Offset) -> io::Result<Box<dyn LogFile>> {
    shared.files.open(&view.folder.join(names::segment(base)), false)
}

/// Whether indexes of these sizes go as far as a segment does: the last entry of one is right, and there would be none behind it.
fn fits(shared: &Shared, view: &View, base: Offset, (offsets, times): (u64, u64)) -> io::Result<bool> {
    let segments = read(&view.segments);
    let Some(size) = segments.get(&base).map(|size| size.load(Ordering::Acquire)) else {
        // It has gone meanwhile, and its indexes with it.
        return Ok(true);
    };
    if !offsets.is_multiple_of(OFFSET_ENTRY) || !times.is_multiple_of(TIME_ENTRY) || times == 0 {
        return Ok(false);
    }
    let mut last = [0; OFFSET_ENTRY as usize];
    if offsets > 0 {
        let index = shared.files.open(&view.folder.join(names::offset_index(base)), false)?;
        if index.read_at(&mut last, offsets - OFFSET_ENTRY)? < last.len() {
            return Ok(false);
        }
    }
    let ([a, b, c, d, ..], [.., e, f, g, h]) = (last, last);
    let (offset, position) = (i32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]));
    let file = open(shared, view, base)?;
    let mut walk = Walk::new(&*file, base, size);
    walk.position = u64::from(position);
    let first = walk.next()?;
    let is_right = first.is_some_and(|at| at.batch.relative_last_offset == i64::from(offset));
    if offsets > 0 && !is_right {
        return Ok(false);
    }
    while let Some(at) = walk.next()? {
        if at.is_due {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The content of both files.
#[derive(Debug, Default, PartialEq, Eq)]
struct Entries {
    /// For each: a batch's last offset less the segment's first, and its position; 32 bits both.
    offsets: Vec<u8>,
    /// For each: the greatest timestamp so far in 64 bits, and the last offset of its batch less the segment's first in 32.
    times: Vec<u8>,
}

impl Entries {
    fn of(file: &dyn LogFile, base: Offset, size: u64) -> io::Result<Entries> {
        let mut entries = Entries::default();
        let mut walk = Walk::new(file, base, size);
        let mut latest = None;
        let mut written = i64::MIN;
        while let Some(At { batch, position, is_due }) = walk.next()? {
            if is_due
                && let (Ok(offset), Ok(place)) =
                    (i32::try_from(batch.relative_last_offset), u32::try_from(position))
            {
                entries.offsets.extend(offset.to_be_bytes());
                entries.offsets.extend(place.to_be_bytes());
                entries.note_time(latest, &mut written);
            }
            if latest.is_none_or(|(timestamp, _)| batch.max_timestamp > timestamp) {
                latest = Some((batch.max_timestamp, batch.relative_last_offset));
            }
        }
        entries.note_time(latest, &mut written);
        Ok(entries)
    }

    /// Adds the greatest timestamp so far, unless it stands there already.
    fn note_time(&mut self, latest: Option<(i64, i64)>, written: &mut i64) {
        if let Some((timestamp, relative_offset)) = latest
            && timestamp > *written
            && let Ok(offset) = i32::try_from(relative_offset)
        {
            self.times.extend(timestamp.to_be_bytes());
            self.times.extend(offset.to_be_bytes());
            *written = timestamp;
        }
    }
}

/// The batches of a segment, one after the other.
struct Walk<'a> {
    window: Window<'a>,
    base: Offset,
    size: u64,
    position: u64,
    /// Bytes since the last batch that has an entry.
    since_entry: u64,
}

/// A batch that a walk has come to.
struct At {
    batch: Header,
    position: u64,
    /// It has an entry.
    is_due: bool,
}

impl Walk<'_> {
    fn new(file: &dyn LogFile, base: Offset, size: u64) -> Walk<'_> {
        let window = Window { file, bytes: Vec::new(), at: 0 };
        Walk { window, base, size, position: 0, since_entry: 0 }
    }

    /// What is damaged has no place in an index; what lies behind it is found by reading on from before it.
    fn next(&mut self) -> io::Result<Option<At>> {
        let position = self.position;
        if position + HEADER_BYTES as u64 > self.size {
            return Ok(None);
        }
        let Some(batch) = Header::parse(self.window.at(position)?, self.base) else {
            return Ok(None);
        };
        let is_due = self.since_entry > INTERVAL_BYTES;
        if is_due {
            self.since_entry = 0;
        }
        self.position += batch.size;
        self.since_entry += batch.size;
        Ok(Some(At { batch, position, is_due }))
    }
}

/// What an index says of a batch.
struct Header {
    size: u64,
    relative_last_offset: i64,
    max_timestamp: i64,
}

impl Header {
    fn parse(bytes: &[u8], base: Offset) -> Option<Header> {
        let field = |at: usize| bytes.get(at..at + 8)?.try_into().ok().map(i64::from_be_bytes);
        let length = i32::try_from(field(8)? >> 32).ok()?;
        let last_offset_delta = i32::try_from(field(23)? >> 32).ok()?;
        let size = u64::try_from(length).ok()? + 12;
        let is_batch = *bytes.get(16)? == 2 && size >= HEADER_BYTES as u64 && last_offset_delta >= 0;
        let relative_last_offset = field(0)?.checked_sub(base)? + i64::from(last_offset_delta);
        is_batch.then_some(Header { size, relative_last_offset, max_timestamp: field(35)? })
    }
}

/// A piece of a file in memory.
struct Window<'a> {
    file: &'a dyn LogFile,
    bytes: Vec<u8>,
    at: u64,
}

impl Window<'_> {
    /// The bytes from a position on, a header's length at the least where the file has them.
    fn at(&mut self, position: u64) -> io::Result<&[u8]> {
        let within = position.checked_sub(self.at).and_then(|offset| usize::try_from(offset).ok());
        let is_there = within.is_some_and(|offset| offset + HEADER_BYTES <= self.bytes.len());
        if !is_there {
            self.bytes.resize(READ_BYTES, 0);
            let count = self.file.read_at(&mut self.bytes, position)?;
            self.bytes.truncate(count);
            self.at = position;
        }
        let offset = usize::try_from(position - self.at).unwrap_or(usize::MAX);
        Ok(self.bytes.get(offset..).unwrap_or_default())
    }
}
