//! `.index` and `.timeindex` of a complete segment, in Kafka's bytes, so that Kafka's own tools can read the folder.
//!
//! Nothing here reads them: the engine has an index of its own. They are made from the batches' headers and may be deleted.

use std::io;
use std::sync::atomic::Ordering;

use headwater_engine::{LogId, Offset};

use crate::files::LogFile;
use crate::names;
use crate::shared::{Shared, read};

/// Bytes of batches between two entries, as Kafka's `index.interval.bytes` is by default.
const INTERVAL_BYTES: u64 = 4096;

/// What is read of a batch: its header.
const HEADER_BYTES: usize = 61;

/// How much is read at once.
const READ_BYTES: usize = 256 << 10;

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
    let path = view.folder.join(names::segment(*base));
    let handle = shared.handles.open(&*shared.files, (log, *base), &path, false)?;
    let entries = Entries::of(&*handle.file, *base, size.load(Ordering::Acquire))?;
    for (name, content) in
        [(names::offset_index(*base), &entries.offsets), (names::time_index(*base), &entries.times)]
    {
        let unfinished = view.folder.join(names::unfinished(&name));
        shared.files.write(&unfinished, content, false)?;
        shared.files.rename(&unfinished, &view.folder.join(name))?;
    }
    Ok(())
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
        let mut window = Window { file, bytes: Vec::new(), at: 0 };
        let (mut position, mut since_entry) = (0, 0);
        let mut latest = None;
        let mut written = i64::MIN;
        while position + HEADER_BYTES as u64 <= size {
            let Some(batch) = Header::parse(window.at(position)?, base) else {
                // What is damaged has no place in an index; what lies behind it is found by reading on from before it.
                break;
            };
            if since_entry > INTERVAL_BYTES
                && let (Ok(offset), Ok(place)) =
                    (i32::try_from(batch.relative_last_offset), u32::try_from(position))
            {
                entries.offsets.extend(offset.to_be_bytes());
                entries.offsets.extend(place.to_be_bytes());
                since_entry = 0;
                entries.note_time(latest, &mut written);
            }
            if latest.is_none_or(|(timestamp, _)| batch.max_timestamp > timestamp) {
                latest = Some((batch.max_timestamp, batch.relative_last_offset));
            }
            position += batch.size;
            since_entry += batch.size;
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
