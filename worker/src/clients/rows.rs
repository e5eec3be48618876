//! Rows of a file, taken out of its bytes as they come: NDJSON or CSV. Never holds more than one row and one chunk.

use std::ops::Range;

mod csv;
mod detect;
mod json;
mod lines;

pub(crate) use detect::{Format, GZIP_MAGIC, detect};
pub(crate) use json::field_names;

/// A longer row is reported as broken. It leaves room in Kafka's default `max.message.bytes` for what goes around it.
pub(crate) const MAX_ROW_BYTES: usize = 1_000_000;

/// A row as it is sent, or why it cannot be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Row<'a> {
    /// The line it begins on, from 1.
    pub(crate) line: u64,
    /// What it says.
    pub(crate) content: Result<Content<'a>, String>,
}

/// A row's value and key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Content<'a> {
    /// The value to send.
    pub(crate) value: &'a [u8],
    /// The content of the key field, where one was chosen.
    pub(crate) key: Option<&'a [u8]>,
}

/// Takes a file's bytes in chunks and gives its rows.
#[derive(Debug)]
pub(crate) struct RowReader {
    format: Format,
    lines: lines::Lines,
    csv: csv::Csv,
    key_field: Option<String>,
    /// The value of the row that was given last, where it is not a part of the file as it stands.
    value: Vec<u8>,
    key: Vec<u8>,
}

impl RowReader {
    /// A reader at the beginning of a file.
    pub(crate) fn new(format: Format, key_field: Option<String>) -> RowReader {
        RowReader {
            format,
            lines: lines::Lines::default(),
            csv: csv::Csv::default(),
            key_field,
            value: Vec::new(),
            key: Vec::new(),
        }
    }

    /// The next bytes of the file. Take all rows before giving more.
    pub(crate) fn push(&mut self, chunk: &[u8]) {
        self.lines.push(chunk);
    }

    /// There are no more bytes.
    pub(crate) fn finish(&mut self) {
        self.lines.finish();
    }

    /// The names of the columns, once the header line of a CSV file was read.
    pub(crate) fn columns(&self) -> &[String] {
        self.csv.columns()
    }

    /// The next row; none: more bytes are needed, or the file is at its end.
    ///
    /// # Errors
    ///
    /// The file as a whole cannot be read: its header line is broken, or has not the key's column.
    pub(crate) fn next_row(&mut self) -> Result<Option<Row<'_>>, String> {
        match self.format {
            Format::Ndjson => Ok(self.next_json()),
            Format::Csv => self.next_csv(),
        }
    }

    fn next_json(&mut self) -> Option<Row<'_>> {
        let (line, range) = loop {
            let (line, range) = self.lines.next_range()?;
            let blank = |range: &Range<usize>| self.lines.text(range.clone()).trim_ascii().is_empty();
            if !range.as_ref().is_ok_and(blank) {
                break (line, range);
            }
        };
        let content = range.map_err(lines::TooLong::reason).and_then(|range| {
            let text = self.lines.text(range).trim_ascii();
            self.key.clear();
            json::read_object(text, self.key_field.as_deref(), &mut self.key)?;
            let key = self.key_field.is_some().then_some(self.key.as_slice());
            Ok(Content { value: text, key })
        });
        Some(Row { line, content })
    }

    fn next_csv(&mut self) -> Result<Option<Row<'_>>, String> {
        if !self.csv.has_header() && !self.csv.read_header(&mut self.lines, self.key_field.as_deref())? {
            return Ok(None);
        }
        let Some((line, read)) = self.csv.next_record(&mut self.lines) else { return Ok(None) };
        let content = match read.and_then(|()| self.csv.to_json(&mut self.value, &mut self.key)) {
            Ok(()) => {
                let key = self.key_field.is_some().then_some(self.key.as_slice());
                Ok(Content { value: &self.value, key })
            }
            Err(reason) => Err(reason),
        };
        Ok(Some(Row { line, content }))
    }
}

#[cfg(test)]
mod tests;
