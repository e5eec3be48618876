//! `.snapshot`: the producers' states as Apache Kafka has them, and behind those as the engine has them.
//!
//! Kafka's entries know one batch of a producer and no aborted transactions, the engine's both. Kafka reads as many entries as
//! are counted and takes what follows into the checksum, so both stand in one file, which comes and goes as one.

use bytes::Bytes;
use headwater_engine::ProducersSnapshot;
use headwater_engine::record::crc32c;

/// The only version of Kafka's `ProducerSnapshot`.
const VERSION: [u8; 2] = [0, 1];
/// Where the checksum ends and what it covers begins.
const CRC_END: usize = 6;
const COUNT_END: usize = CRC_END + 4;
/// Bytes of an entry.
const ENTRY: usize = 46;

/// The file's content for a snapshot of the engine's.
pub(crate) fn wrap(engines: &[u8]) -> Vec<u8> {
    let producers = ProducersSnapshot::parse(engines).unwrap_or_default().producers;
    let mut content = Vec::with_capacity(COUNT_END + ENTRY * producers.len() + engines.len());
    content.extend(VERSION);
    content.extend([0; 4]);
    // The engine has a limit for them far below.
    content.extend(u32::try_from(producers.len()).unwrap_or(u32::MAX).to_be_bytes());
    for producer in &producers {
        content.extend(producer.producer_id.to_be_bytes());
        content.extend(producer.epoch.to_be_bytes());
        content.extend(producer.last_sequence.to_be_bytes());
        content.extend(producer.last_offset.to_be_bytes());
        content.extend(producer.offset_delta.to_be_bytes());
        content.extend(producer.timestamp.to_be_bytes());
        content.extend(producer.coordinator_epoch.to_be_bytes());
        content.extend(producer.current_txn_first_offset.to_be_bytes());
    }
    content.extend(engines);
    let crc = crc32c(&content[CRC_END..]);
    content[2..CRC_END].copy_from_slice(&crc.to_be_bytes());
    content
}

/// The engine's snapshot in a file. One from before Kafka's entries stood there is given out as it is, and so is what makes no
/// sense: the engine looks at its own checksum.
pub(crate) fn unwrap(content: Vec<u8>) -> Bytes {
    let begin = engines_begin(&content);
    Bytes::from(content).split_off(begin)
}

fn engines_begin(content: &[u8]) -> usize {
    let field = |at: usize| content.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes);
    let begin = || {
        let count = usize::try_from(field(CRC_END)?).ok()?;
        let begin = ENTRY.checked_mul(count)?.checked_add(COUNT_END)?;
        let is_kafkas = content.starts_with(&VERSION) && begin <= content.len();
        (is_kafkas && field(2)? == crc32c(&content[CRC_END..])).then_some(begin)
    };
    begin().unwrap_or(0)
}
