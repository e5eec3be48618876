//! Bytes into lines.

use std::ops::Range;

use super::MAX_ROW_BYTES;

/// A line is over [`MAX_ROW_BYTES`]; it was left out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct TooLong;

impl TooLong {
    pub(super) fn reason(self) -> String {
        format!("the line is longer than {MAX_ROW_BYTES} bytes")
    }
}

/// Splits what it is given at line feeds; a carriage return before one belongs to it.
#[derive(Debug)]
pub(super) struct Lines {
    buffer: Vec<u8>,
    /// Where the next line begins in `buffer`.
    start: usize,
    /// Up to where `buffer` has no line feed.
    searched: usize,
    /// The number of the next line.
    line: u64,
    finished: bool,
    /// In the rest of a line that is too long.
    skipping: bool,
    /// The byte order mark at the very beginning has been looked for.
    begun: bool,
}

impl Default for Lines {
    fn default() -> Lines {
        Lines {
            buffer: Vec::new(),
            start: 0,
            searched: 0,
            line: 1,
            finished: false,
            skipping: false,
            begun: false,
        }
    }
}

impl Lines {
    pub(super) fn push(&mut self, chunk: &[u8]) {
        self.buffer.drain(..self.start);
        self.searched -= self.start;
        self.start = 0;
        self.buffer.extend_from_slice(chunk);
    }

    pub(super) fn finish(&mut self) {
        self.finished = true;
    }

    pub(super) fn is_finished(&self) -> bool {
        self.finished
    }

    /// The next line with its number, without its end; none: there is no whole one (yet).
    pub(super) fn next_line(&mut self) -> Option<(u64, Result<&[u8], TooLong>)> {
        let (line, range) = self.next_range()?;
        Some((line, range.map(|range| self.text(range))))
    }

    /// The same with the place of the line, which stays there until more is pushed.
    pub(super) fn next_range(&mut self) -> Option<(u64, Result<Range<usize>, TooLong>)> {
        self.skip_byte_order_mark();
        loop {
            let newline = self.buffer[self.searched..].iter().position(|byte| *byte == b'\n');
            let end = match newline {
                Some(at) => self.searched + at,
                None => {
                    self.searched = self.buffer.len();
                    if !self.finished || self.start == self.buffer.len() {
                        return self.give_up_if_too_long();
                    }
                    self.buffer.len()
                }
            };
            let (start, line) = (self.start, self.line);
            self.start = (end + 1).min(self.buffer.len());
            self.searched = self.start;
            self.line += 1;
            if std::mem::take(&mut self.skipping) {
                continue;
            }
            if end - start > MAX_ROW_BYTES {
                return Some((line, Err(TooLong)));
            }
            return Some((line, Ok(start..end)));
        }
    }

    /// A line by its place, without a carriage return at its end.
    pub(super) fn text(&self, range: Range<usize>) -> &[u8] {
        let text = self.buffer.get(range).unwrap_or_default();
        text.strip_suffix(b"\r").unwrap_or(text)
    }

    /// Lets go of a line that has grown too long before its end has come, and tells of it once.
    fn give_up_if_too_long(&mut self) -> Option<(u64, Result<Range<usize>, TooLong>)> {
        if !self.skipping && self.buffer.len() - self.start <= MAX_ROW_BYTES {
            return None;
        }
        self.start = self.buffer.len();
        if std::mem::replace(&mut self.skipping, true) {
            return None;
        }
        Some((self.line, Err(TooLong)))
    }

    fn skip_byte_order_mark(&mut self) {
        const BYTE_ORDER_MARK: &[u8] = &[0xef, 0xbb, 0xbf];
        if !self.begun && (self.buffer.len() >= BYTE_ORDER_MARK.len() || self.finished) {
            self.begun = true;
            if self.buffer.starts_with(BYTE_ORDER_MARK) {
                self.start = BYTE_ORDER_MARK.len();
                self.searched = self.start;
            }
        }
    }
}
