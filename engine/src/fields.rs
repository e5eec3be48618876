//! The fields of the records that coordinators keep, and of the consumers' own protocol, in the encoding before KIP-482.

use std::fmt;

/// The longest text that a record can hold, in bytes.
pub(crate) const MAX_TEXT: usize = i16::MAX as usize;

/// Bytes that are not a record this version knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum RecordError {
    /// Of another kind or version.
    Unknown(i16),
    /// Not what its version says.
    Malformed,
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RecordError::Unknown(version) => write!(f, "version {version} of it is not known here"),
            RecordError::Malformed => f.write_str("it cannot be read"),
        }
    }
}

/// Reads fields one by one, in the form before KIP-482; none when the bytes are not such a field.
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl<'a> Fields<'a> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    pub(crate) fn int8(&mut self) -> Option<i8> {
        self.take().map(i8::from_be_bytes)
    }

    pub(crate) fn int16(&mut self) -> Option<i16> {
        self.take().map(i16::from_be_bytes)
    }

    pub(crate) fn int32(&mut self) -> Option<i32> {
        self.take().map(i32::from_be_bytes)
    }

    pub(crate) fn int64(&mut self) -> Option<i64> {
        self.take().map(i64::from_be_bytes)
    }

    /// An array's length, which the bytes that are left could hold; null is 0.
    pub(crate) fn count(&mut self) -> Option<usize> {
        let count = usize::try_from(self.int32()?.max(0)).ok()?;
        (count <= self.0.len()).then_some(count)
    }

    pub(crate) fn text(&mut self) -> Option<String> {
        self.nullable_text()?
    }

    pub(crate) fn nullable_text(&mut self) -> Option<Option<String>> {
        let Ok(length) = usize::try_from(self.int16()?) else {
            return Some(None);
        };
        let text = self.bytes_of(length)?;
        std::str::from_utf8(text).ok().map(|text| Some(text.to_owned()))
    }

    fn bytes_of(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }
}

pub(crate) fn put_length(out: &mut Vec<u8>, length: usize) {
    out.extend(i32::try_from(length).unwrap_or(i32::MAX).to_be_bytes());
}

/// Whoever takes a text in has seen to it that it is not longer than [`MAX_TEXT`].
pub(crate) fn put_text(out: &mut Vec<u8>, text: &str) {
    let length = text.len().min(MAX_TEXT);
    out.extend((length as i16).to_be_bytes());
    out.extend(&text.as_bytes()[..length]);
}

pub(crate) fn put_nullable_text(out: &mut Vec<u8>, text: Option<&str>) {
    match text {
        Some(text) => put_text(out, text),
        None => out.extend((-1_i16).to_be_bytes()),
    }
}
