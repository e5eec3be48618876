//! Checksums made right again: no fuzzer guesses a CRC-32C, and what lies behind one is to be reached too.

use headwater_engine::record::{Compression, HEADER_SIZE, crc32c};

/// Where the header of a batch has what (KIP-98, `docs/format.md`).
const LENGTH: usize = 8;
const MAGIC: usize = 16;
const CRC: usize = 17;
const ATTRIBUTES: usize = 21;
/// What the length does not count.
const LOG_OVERHEAD: usize = 12;

/// Mends the checksum of everything in `bytes` that looks like a whole batch.
pub(crate) fn batches(bytes: &mut [u8]) {
    let mut at = 0;
    while at + HEADER_SIZE <= bytes.len() {
        match size(&bytes[at..]) {
            Some(size) => {
                let crc = crc32c(&bytes[at + ATTRIBUTES..at + size]);
                bytes[at + CRC..at + CRC + 4].copy_from_slice(&crc.to_be_bytes());
                at += size;
            }
            None => at += 1,
        }
    }
}

fn size(bytes: &[u8]) -> Option<usize> {
    let length = bytes.get(LENGTH..LENGTH + 4)?.try_into().ok().map(i32::from_be_bytes)?;
    let size = usize::try_from(length).ok()?.checked_add(LOG_OVERHEAD)?;
    (bytes[MAGIC] == 2 && (HEADER_SIZE..=bytes.len()).contains(&size)).then_some(size)
}

/// Mends the checksum at the end of a snapshot: it covers all that is before it.
pub(crate) fn snapshot(bytes: &mut [u8]) {
    if let Some((content, crc)) = bytes.split_last_chunk_mut::<4>() {
        *crc = crc32c(content).to_be_bytes();
    }
}

/// A batch around records that are compressed already.
pub(crate) fn batch_around(codec: Compression, record_count: u16, payload: &[u8]) -> Vec<u8> {
    let mut batch = vec![0; HEADER_SIZE];
    let length = u32::try_from(HEADER_SIZE - LOG_OVERHEAD + payload.len()).unwrap_or(u32::MAX);
    batch[LENGTH..LENGTH + 4].copy_from_slice(&length.to_be_bytes());
    batch[MAGIC] = 2;
    batch[ATTRIBUTES + 1] = codec.id();
    // The last offset, and how many records there are.
    batch[ATTRIBUTES + 4..ATTRIBUTES + 6].copy_from_slice(&record_count.to_be_bytes());
    batch[HEADER_SIZE - 2..].copy_from_slice(&record_count.to_be_bytes());
    batch.extend_from_slice(payload);
    batches(&mut batch);
    batch
}
