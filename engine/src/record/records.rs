//! Taking the records out of a batch.

use super::header::TimestampType;
use super::varint::{take_varint, take_varlong};
use super::{MAX_RECORDS_SIZE, RecordBatch, RecordError};
use std::borrow::Cow;

/// The records of one batch, uncompressed; [`Records::iter`] goes through them.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    payload: Cow<'a, [u8]>,
    frame: Frame,
}

/// What the header says about every record.
#[derive(Clone, Copy, Debug)]
struct Frame {
    base_offset: i64,
    last_offset_delta: i32,
    base_timestamp: i64,
    /// The time of all records, if they have one in common.
    log_append_time: Option<i64>,
    count: i32,
}

impl<'a> Records<'a> {
    pub(super) fn new(batch: RecordBatch<'a>) -> Result<Records<'a>, RecordError> {
        let payload = batch.compression()?.decompress(batch.payload(), MAX_RECORDS_SIZE)?;
        let frame = Frame {
            base_offset: batch.base_offset(),
            last_offset_delta: batch.last_offset_delta(),
            base_timestamp: batch.base_timestamp(),
            log_append_time: (batch.timestamp_type() == TimestampType::LogAppendTime)
                .then(|| batch.max_timestamp()),
            count: batch.record_count(),
        };
        Ok(Records { payload, frame })
    }

    /// The records in order of their offsets.
    ///
    /// Besides each record's own lengths this checks that offsets grow and stay within the batch, and that there are
    /// exactly as many records as the header says. It ends after the first error.
    pub fn iter(&self) -> RecordIter<'_> {
        RecordIter { rest: &self.payload, frame: self.frame, index: 0, last_delta: -1, done: false }
    }

    /// The records as they are written, uncompressed.
    pub(super) fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The size of the records in bytes, uncompressed.
    pub fn size(&self) -> usize {
        self.payload.len()
    }
}

impl<'r> IntoIterator for &'r Records<'_> {
    type Item = Result<Record<'r>, RecordError>;
    type IntoIter = RecordIter<'r>;

    fn into_iter(self) -> RecordIter<'r> {
        self.iter()
    }
}

/// One record, borrowed from its batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Record<'r> {
    /// Its place in the partition.
    pub offset: i64,
    /// Milliseconds since 1970, by the clock that the batch's timestamp type names; -1 if the producer gave none.
    pub timestamp: i64,
    /// The key, if there is one; an empty key is one.
    pub key: Option<&'r [u8]>,
    /// The value; `None` is a tombstone in a compacted topic.
    pub value: Option<&'r [u8]>,
    headers: Headers<'r>,
}

impl<'r> Record<'r> {
    /// The headers in the order they were written, duplicates included (KIP-82).
    pub fn headers(&self) -> Headers<'r> {
        self.headers
    }
}

/// One header of a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header<'r> {
    /// The key: text in UTF-8 by agreement, which no broker checks.
    pub key: &'r [u8],
    /// The value, if there is one.
    pub value: Option<&'r [u8]>,
}

impl<'r> Header<'r> {
    /// The key as text; bytes that are not UTF-8 become U+FFFD, as in the Java client.
    pub fn key_text(&self) -> Cow<'r, str> {
        String::from_utf8_lossy(self.key)
    }
}

/// Goes through the headers of a record; they have all been checked when the record was read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Headers<'r> {
    rest: &'r [u8],
    left: usize,
}

impl<'r> Iterator for Headers<'r> {
    type Item = Header<'r>;

    fn next(&mut self) -> Option<Header<'r>> {
        self.left = self.left.checked_sub(1)?;
        take_header(&mut self.rest)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Headers<'_> {}

/// Goes through the records of a batch; see [`Records::iter`].
#[derive(Clone, Debug)]
pub struct RecordIter<'r> {
    rest: &'r [u8],
    frame: Frame,
    /// How many records were read.
    index: i32,
    /// The offset delta of the last of them.
    last_delta: i32,
    done: bool,
}

impl<'r> Iterator for RecordIter<'r> {
    type Item = Result<Record<'r>, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        if self.index == self.frame.count {
            self.done = true;
            let count = self.rest.len();
            return (count > 0).then_some(Err(RecordError::TrailingBytes { count }));
        }
        let record = self.read();
        self.done = record.is_err();
        Some(record)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        // An error may end the iteration early, or come once more after the last record.
        let left = usize::try_from(self.frame.count - self.index).unwrap_or(0);
        (0, Some(left.saturating_add(1)))
    }
}

impl std::iter::FusedIterator for RecordIter<'_> {}

impl<'r> RecordIter<'r> {
    fn read(&mut self) -> Result<Record<'r>, RecordError> {
        let index = self.index;
        let mut body = take_sized(&mut self.rest).ok_or(RecordError::InvalidRecord { index })?;
        let raw = RawRecord::take(&mut body).ok_or(RecordError::InvalidRecord { index })?;
        let offset_delta = raw.offset_delta;
        if offset_delta <= self.last_delta || offset_delta > self.frame.last_offset_delta {
            return Err(RecordError::InvalidRecordOffset { index, offset_delta });
        }
        self.last_delta = offset_delta;
        self.index += 1;
        Ok(Record {
            offset: self.frame.base_offset + i64::from(offset_delta),
            timestamp: (self.frame.log_append_time)
                .unwrap_or_else(|| self.frame.base_timestamp.wrapping_add(raw.timestamp_delta)),
            key: raw.key,
            value: raw.value,
            headers: raw.headers,
        })
    }
}

/// A record as it is written: relative to its batch.
struct RawRecord<'r> {
    timestamp_delta: i64,
    offset_delta: i32,
    key: Option<&'r [u8]>,
    value: Option<&'r [u8]>,
    headers: Headers<'r>,
}

impl<'r> RawRecord<'r> {
    /// Takes the fields of a record off `body`, and nothing may be left; `None` if they do not fit.
    fn take(body: &mut &'r [u8]) -> Option<RawRecord<'r>> {
        // The attributes of single records are unused so far.
        *body = body.get(1..)?;
        let raw = RawRecord {
            timestamp_delta: take_varlong(body)?,
            offset_delta: take_varint(body)?,
            key: take_nullable(body)?,
            value: take_nullable(body)?,
            headers: take_headers(body)?,
        };
        body.is_empty().then_some(raw)
    }
}

fn take_headers<'r>(bytes: &mut &'r [u8]) -> Option<Headers<'r>> {
    let left = usize::try_from(take_varint(bytes)?).ok()?;
    let headers = Headers { rest: bytes, left };
    for _ in 0..left {
        take_header(bytes)?;
    }
    Some(headers)
}

fn take_header<'r>(bytes: &mut &'r [u8]) -> Option<Header<'r>> {
    Some(Header { key: take_sized(bytes)?, value: take_nullable(bytes)? })
}

/// Takes a length and as many bytes; any negative length is none, as in the Java client.
fn take_nullable<'r>(bytes: &mut &'r [u8]) -> Option<Option<&'r [u8]>> {
    match usize::try_from(take_varint(bytes)?) {
        Ok(size) => take(bytes, size).map(Some),
        Err(_) => Some(None),
    }
}

/// Takes a length, which must not be negative, and as many bytes.
fn take_sized<'r>(bytes: &mut &'r [u8]) -> Option<&'r [u8]> {
    let size = usize::try_from(take_varint(bytes)?).ok()?;
    take(bytes, size)
}

fn take<'r>(bytes: &mut &'r [u8], size: usize) -> Option<&'r [u8]> {
    let (taken, rest) = bytes.split_at_checked(size)?;
    *bytes = rest;
    Some(taken)
}
