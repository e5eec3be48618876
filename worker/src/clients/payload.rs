//! Records as the page shows them.

use headwater_engine::record::Record;
use headwater_worker_protocol::{Payload, RecordView};

/// What is shown of a key, a value or a header.
pub(crate) const MAX_SHOWN_BYTES: usize = 64 * 1024;

/// A record to look at, with so many bytes of each of its parts at the most.
pub(crate) fn view(record: &Record<'_>, max_bytes: usize) -> RecordView {
    let payload = |bytes| payload(bytes, max_bytes);
    RecordView {
        offset: record.offset,
        timestamp: record.timestamp,
        key: record.key.map(payload),
        value: record.value.map(payload),
        headers: record
            .headers()
            .map(|header| (header.key_text().into_owned(), header.value.map(payload)))
            .collect(),
    }
}

/// Bytes to look at: text where they are UTF-8 as a whole, else hexadecimal.
pub(crate) fn payload(bytes: &[u8], max_bytes: usize) -> Payload {
    let length = bytes.len() as u64;
    match std::str::from_utf8(bytes) {
        Ok(text) => {
            let end = (0..=max_bytes.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
            Payload { text: text[..end.unwrap_or(0)].to_owned(), hex: false, length }
        }
        Err(_) => {
            // Two digits a byte: the limit is on what is shown.
            let shown = &bytes[..bytes.len().min(max_bytes / 2)];
            let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
            let text = shown.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect();
            Payload { text, hex: true, length }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_shown_as_text_and_bytes_as_digits() {
        assert_eq!(payload("é".as_bytes(), 10), Payload { text: "é".into(), hex: false, length: 2 });
        assert_eq!(payload(&[0xff, 0x0a], 10), Payload { text: "ff0a".into(), hex: true, length: 2 });
        assert_eq!(payload(&[], 10), Payload { text: String::new(), hex: false, length: 0 });
    }

    #[test]
    fn much_is_cut_between_characters() {
        let long = format!("x{}", "é".repeat(40_000));
        let shown = payload(long.as_bytes(), MAX_SHOWN_BYTES);
        assert_eq!((shown.text.len(), shown.length), (65_535, 80_001));
        let bytes = payload(&vec![0xff; 100_000], MAX_SHOWN_BYTES);
        assert_eq!((bytes.text.len(), bytes.length), (65_536, 100_000));
        assert_eq!(payload(&vec![0xff; 100_000], usize::MAX).text.len(), 200_000);
    }
}
