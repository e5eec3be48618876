//! Messages as JSON. In JavaScript a number holds 53 bits; what has 64 here goes as `{"$":"…"}`, of which the page makes a
//! `bigint` (`web/js/gateway/wire.js`), and all that is smaller as a number. No message has a field of that name.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, Serializer};

/// A message's text.
///
/// # Errors
///
/// When it has something for which there is no JSON; no message has.
pub(super) fn text(message: &impl Serialize) -> serde_json::Result<String> {
    let mut bytes = Vec::new();
    message.serialize(&mut Serializer::with_formatter(&mut bytes, BigNumbers))?;
    String::from_utf8(bytes).map_err(serde::ser::Error::custom)
}

struct BigNumbers;

impl Formatter for BigNumbers {
    fn write_i64<W: ?Sized + Write>(&mut self, writer: &mut W, value: i64) -> io::Result<()> {
        write!(writer, "{{\"$\":\"{value}\"}}")
    }

    fn write_u64<W: ?Sized + Write>(&mut self, writer: &mut W, value: u64) -> io::Result<()> {
        write!(writer, "{{\"$\":\"{value}\"}}")
    }

    fn write_f64<W: ?Sized + Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        CompactFormatter.write_f64(writer, value)
    }
}

#[cfg(test)]
mod tests {
    use headwater_worker_protocol::{BrokerEvent, FromBroker, PartitionSnapshot};

    use super::text;

    #[test]
    fn numbers_of_64_bits_are_told_from_others() {
        let snapshot = PartitionSnapshot {
            partition: 3,
            log_start_offset: -1,
            high_watermark: i64::MAX,
            size_bytes: u64::MAX,
            segments: 4_000_000_000,
        };
        let expected = r#"{"partition":3,"log_start_offset":{"$":"-1"},"high_watermark":{"$":"9223372036854775807"},"size_bytes":{"$":"18446744073709551615"},"segments":4000000000}"#;
        assert_eq!(text(&snapshot).unwrap(), expected);
        let message = "\"$\"\n".to_owned();
        let event = BrokerEvent { node_id: 0, wall_ms: 5, warning: true, message, ..BrokerEvent::default() };
        let expected = r#"{"event":{"node_id":0,"wall_ms":{"$":"5"},"warning":true,"message":"\"$\"\n","kind":"","args":[]}}"#;
        assert_eq!(text(&FromBroker::Event(event)).unwrap(), expected);
        assert_eq!(text(&FromBroker::Loaded).unwrap(), "\"loaded\"");
    }
}
