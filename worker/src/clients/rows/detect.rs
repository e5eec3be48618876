//! What a file is, by its first bytes.

/// What a gzip file begins with (RFC 1952).
pub(crate) const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// How rows are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Format {
    /// A JSON object a line.
    Ndjson,
    /// A header line, then a row a line.
    Csv,
}

impl Format {
    /// As the page calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Format::Ndjson => "ndjson",
            Format::Csv => "csv",
        }
    }
}

/// The format of a file that begins like this, unpacked.
///
/// # Errors
///
/// It cannot be read as rows; why, in a sentence.
pub(crate) fn detect(beginning: &[u8]) -> Result<Format, String> {
    if beginning.starts_with(&[0xff, 0xfe]) || beginning.starts_with(&[0xfe, 0xff]) {
        return Err("The file is UTF-16. Save it as UTF-8 and try again.".to_owned());
    }
    if beginning.starts_with(b"PK\x03\x04") {
        return Err("The file is a zip archive or a spreadsheet. Unpack it, or save it as CSV.".to_owned());
    }
    let text = beginning.strip_prefix(&[0xef, 0xbb, 0xbf]).unwrap_or(beginning);
    let control = |byte: &u8| *byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c);
    if text.iter().any(control) {
        return Err("The file is not text: it holds bytes that no CSV or NDJSON file has.".to_owned());
    }
    match text.trim_ascii_start().first() {
        None => Err("The file is empty.".to_owned()),
        Some(b'{') => Ok(Format::Ndjson),
        Some(b'[') => {
            Err("The file is one JSON array. NDJSON has one JSON object on each line, without brackets around them.".to_owned())
        }
        Some(_) => Ok(Format::Csv),
    }
}
