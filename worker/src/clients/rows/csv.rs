//! CSV as RFC 4180 has it: quotes, doubled quotes, line feeds inside quotes, either line end. The separator is the one
//! of comma, semicolon and tab that the header line has most of.

use super::MAX_ROW_BYTES;
use super::json::write_string;
use super::lines::Lines;

/// How often a quote that is never closed is worth reading its lines once more, each as a row of its own.
const MAX_SECOND_READINGS: u32 = 50;

#[derive(Debug, Default)]
pub(super) struct Csv {
    separator: u8,
    columns: Vec<String>,
    key_column: Option<usize>,
    /// Fields of the last row, one after the other, and where each ends.
    fields: Vec<u8>,
    ends: Vec<usize>,
    /// A row whose quotes are open at the end of a line: its first line, and its bytes so far.
    open: Option<(u64, Vec<u8>)>,
    /// Lines that were part of such a row, to be read once more.
    again: Vec<(u64, Vec<u8>)>,
    second_readings: u32,
}

/// What a text is, read as one row.
#[derive(PartialEq, Eq)]
enum Parsed {
    Row,
    /// It ends inside quotes.
    Open,
    Broken(&'static str),
}

impl Csv {
    pub(super) fn has_header(&self) -> bool {
        !self.columns.is_empty()
    }

    pub(super) fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Reads the header line; false: it has not come yet.
    pub(super) fn read_header(&mut self, lines: &mut Lines, key_field: Option<&str>) -> Result<bool, String> {
        let Some((line, read)) = self.next_record(lines) else { return Ok(false) };
        read.map_err(|reason| format!("Its header line ({line}) cannot be read: {reason}."))?;
        let mut columns: Vec<String> = Vec::new();
        for (index, range) in self.ranges().enumerate() {
            let name = std::str::from_utf8(self.fields.get(range).unwrap_or_default())
                .map_err(|_| "Its header line is not valid UTF-8.".to_owned())?
                .trim();
            columns.push(distinct_name(name, index, &columns));
        }
        if let Some(wanted) = key_field {
            self.key_column = columns.iter().position(|column| column == wanted);
            if self.key_column.is_none() {
                return Err(format!("Its header line has no column \"{wanted}\", which is to be the key."));
            }
        }
        self.columns = columns;
        Ok(true)
    }

    /// Reads the next row that is not empty, and the line it begins on.
    pub(super) fn next_record(&mut self, lines: &mut Lines) -> Option<(u64, Result<(), String>)> {
        loop {
            if let Some((line, text)) = self.again.pop() {
                if let Some(result) = self.take_line(line, &text) {
                    return Some((line, result));
                }
                continue;
            }
            let Some((line, text)) = lines.next_line() else { break };
            match text {
                Ok(text) => {
                    let first = self.open.as_ref().map_or(line, |open| open.0);
                    // The line is in the reader's buffer, which stays as it is meanwhile.
                    let result = match self.take_line(line, text) {
                        Some(result) => result,
                        None => continue,
                    };
                    return Some((first, result));
                }
                Err(too_long) => {
                    self.reread();
                    return Some((line, Err(too_long.reason())));
                }
            }
        }
        if lines.is_finished() {
            let (line, _) = self.open.as_ref()?;
            let line = *line;
            self.reread();
            return Some((line, Err("a quote is opened and never closed".to_owned())));
        }
        None
    }

    /// Takes a line as a row, or as a part of one. None: an empty line, or the row goes on.
    fn take_line(&mut self, line: u64, text: &[u8]) -> Option<Result<(), String>> {
        if self.separator == 0 && !text.is_empty() {
            self.separator = most_frequent_separator(text);
        }
        let parsed = match self.open.take() {
            None if text.is_empty() => return None,
            None => {
                let parsed = self.parse(text);
                if parsed == Parsed::Open {
                    self.open = Some((line, text.to_vec()));
                }
                parsed
            }
            Some((first, mut whole)) => {
                whole.push(b'\n');
                whole.extend_from_slice(text);
                // Only a line with a quote can close one.
                let parsed = if text.contains(&b'"') { self.parse(&whole) } else { Parsed::Open };
                if parsed == Parsed::Open {
                    let too_long = whole.len() > MAX_ROW_BYTES;
                    self.open = Some((first, whole));
                    if too_long {
                        self.reread();
                        return Some(Err(format!("a quote is not closed within {MAX_ROW_BYTES} bytes")));
                    }
                }
                parsed
            }
        };
        match parsed {
            Parsed::Row => Some(self.check_columns()),
            Parsed::Open => None,
            Parsed::Broken(reason) => Some(Err(reason.to_owned())),
        }
    }

    /// Gives up the open row. The lines behind its first are read again, as rows of their own: a stray quote must not
    /// swallow what follows it.
    fn reread(&mut self) {
        let Some((first, whole)) = self.open.take() else { return };
        if self.second_readings >= MAX_SECOND_READINGS {
            return;
        }
        self.second_readings += 1;
        let lines = whole.split(|byte| *byte == b'\n').skip(1).map(<[u8]>::to_vec);
        let mut again: Vec<(u64, Vec<u8>)> = (first + 1..).zip(lines).collect();
        again.reverse();
        // The last is read first.
        self.again.extend(again);
    }

    /// Splits a row into `fields`.
    fn parse(&mut self, text: &[u8]) -> Parsed {
        self.fields.clear();
        self.ends.clear();
        let mut rest = text;
        loop {
            rest = if rest.first() == Some(&b'"') {
                match self.quoted(&rest[1..]) {
                    Ok(Some(rest)) => rest,
                    Ok(None) => return Parsed::Open,
                    Err(reason) => return Parsed::Broken(reason),
                }
            } else {
                let end = rest.iter().position(|byte| *byte == self.separator).unwrap_or(rest.len());
                let (field, rest) = rest.split_at(end);
                if field.contains(&b'"') {
                    return Parsed::Broken("a quote stands inside a field that is not quoted");
                }
                self.fields.extend_from_slice(field);
                rest
            };
            self.ends.push(self.fields.len());
            match rest.split_first() {
                Some((_, after)) => rest = after,
                None => return Parsed::Row,
            }
        }
    }

    /// Takes a quoted field whose opening quote is gone; what is left begins with a separator or is empty. None: it is
    /// not closed.
    fn quoted<'a>(&mut self, mut rest: &'a [u8]) -> Result<Option<&'a [u8]>, &'static str> {
        loop {
            let Some(at) = rest.iter().position(|byte| *byte == b'"') else { return Ok(None) };
            self.fields.extend_from_slice(&rest[..at]);
            rest = &rest[at + 1..];
            match rest.first() {
                Some(b'"') => {
                    self.fields.push(b'"');
                    rest = &rest[1..];
                }
                Some(byte) if *byte == self.separator => return Ok(Some(rest)),
                None => return Ok(Some(rest)),
                Some(_) => return Err("text follows a closing quote"),
            }
        }
    }

    fn check_columns(&self) -> Result<(), String> {
        let (have, want) = (self.ends.len(), self.columns.len());
        // While the header itself is read there is nothing to compare with.
        if want == 0 || have == want {
            return Ok(());
        }
        Err(format!("it has {have} {}, the header has {want}", if have == 1 { "column" } else { "columns" }))
    }

    fn ranges(&self) -> impl Iterator<Item = std::ops::Range<usize>> + '_ {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(self.ends.iter().copied()).map(|(start, end)| start..end)
    }

    /// Writes the last row as a JSON object of texts, and the content of its key's column.
    pub(super) fn to_json(&self, value: &mut Vec<u8>, key: &mut Vec<u8>) -> Result<(), String> {
        value.clear();
        key.clear();
        std::str::from_utf8(&self.fields).map_err(|_| "it is not valid UTF-8".to_owned())?;
        value.push(b'{');
        for (index, (range, column)) in self.ranges().zip(&self.columns).enumerate() {
            let field = self.fields.get(range).unwrap_or_default();
            if index > 0 {
                value.push(b',');
            }
            write_string(column.as_bytes(), value);
            value.push(b':');
            write_string(field, value);
            if self.key_column == Some(index) {
                if field.is_empty() {
                    return Err(format!("its column \"{column}\", which is the key, is empty"));
                }
                key.extend_from_slice(field);
            }
        }
        value.push(b'}');
        if value.len() > MAX_ROW_BYTES {
            return Err(format!("as JSON it is longer than {MAX_ROW_BYTES} bytes"));
        }
        Ok(())
    }
}

fn most_frequent_separator(header: &[u8]) -> u8 {
    let count = |separator: u8| header.iter().filter(|byte| **byte == separator).count();
    // The first of equals: comma.
    [b'\t', b';', b','].into_iter().max_by_key(|separator| count(*separator)).unwrap_or(b',')
}

/// A name for a column, that no column before it has.
fn distinct_name(name: &str, index: usize, before: &[String]) -> String {
    let name = if name.is_empty() { format!("column_{}", index + 1) } else { name.to_owned() };
    let mut distinct = name.clone();
    let mut number = 2;
    while before.contains(&distinct) {
        distinct = format!("{name}_{number}");
        number += 1;
    }
    distinct
}
