//! What is changed in a batch that is built already, in place: by a broker that appends it, or by a producer before it is
//! sent.

use super::header::{self, put};
use super::{Compression, HEADER_SIZE, MAX_RECORDS_SIZE, RecordBatch, RecordError, crc32c};

/// Gives the batch at the start of `batch` its place in the log. The checksum covers neither field, so it stays, and
/// the records are not touched.
///
/// # Errors
/// Those of [`RecordBatch::parse`]; nothing is changed then.
pub fn set_base_offset_and_leader_epoch(
    batch: &mut [u8],
    base_offset: i64,
    leader_epoch: i32,
) -> Result<(), RecordError> {
    RecordBatch::parse(batch)?;
    put(batch, header::BASE_OFFSET, base_offset.to_be_bytes());
    put(batch, header::PARTITION_LEADER_EPOCH, leader_epoch.to_be_bytes());
    Ok(())
}

/// Makes `timestamp_ms` the time of all records of the batch at the start of `batch`, as `message.timestamp.type` =
/// `LogAppendTime` wants it (KIP-32). The checksum is made anew; the records are not touched.
///
/// # Errors
/// Those of [`RecordBatch::parse`]; nothing is changed then.
pub fn set_log_append_time(batch: &mut [u8], timestamp_ms: i64) -> Result<(), RecordError> {
    let view = RecordBatch::parse(batch)?;
    let size = view.size();
    let attributes = view.attributes() | header::TIMESTAMP_TYPE_BIT;
    put(batch, header::ATTRIBUTES, attributes.to_be_bytes());
    put(batch, header::MAX_TIMESTAMP, timestamp_ms.to_be_bytes());
    let crc = crc32c(&batch[header::ATTRIBUTES..size]);
    put(batch, header::CRC, crc.to_be_bytes());
    Ok(())
}

/// The batch with its records compressed by `codec` instead, as a topic's `compression.type` wants it; the records, their offsets
/// and times are the same. A codec that fails leaves them uncompressed.
///
/// # Errors
/// That the records cannot be decompressed, or are more than [`MAX_RECORDS_SIZE`] bytes.
pub fn with_compression(batch: RecordBatch<'_>, codec: Compression) -> Result<Vec<u8>, RecordError> {
    let records = batch.compression()?.decompress(batch.payload(), MAX_RECORDS_SIZE)?;
    let (mut bytes, codec) = match codec.compress(HEADER_SIZE, &records) {
        Some(bytes) => (bytes, codec),
        None => ([&[0; HEADER_SIZE], &records[..]].concat(), Compression::None),
    };
    bytes[..HEADER_SIZE].copy_from_slice(&batch.as_bytes()[..HEADER_SIZE]);
    let attributes = batch.attributes() & !header::COMPRESSION_MASK | i16::from(codec.id());
    // MAX_RECORDS_SIZE bounds the uncompressed size; no codec makes more than a few per cent more of it.
    let length = i32::try_from(bytes.len() - header::LOG_OVERHEAD).unwrap_or(i32::MAX);
    put(&mut bytes, header::LENGTH, length.to_be_bytes());
    put(&mut bytes, header::ATTRIBUTES, attributes.to_be_bytes());
    let crc = crc32c(&bytes[header::ATTRIBUTES..]);
    put(&mut bytes, header::CRC, crc.to_be_bytes());
    Ok(bytes)
}

/// Makes the batch at the start of `batch` one of this idempotent producer, with this sequence number of its first record
/// (KIP-98). The checksum is made anew; the records are not touched.
///
/// # Errors
/// Those of [`RecordBatch::parse`]; nothing is changed then.
pub fn set_producer(
    batch: &mut [u8],
    producer_id: i64,
    producer_epoch: i16,
    base_sequence: i32,
) -> Result<(), RecordError> {
    let size = RecordBatch::parse(batch)?.size();
    put(batch, header::PRODUCER_ID, producer_id.to_be_bytes());
    put(batch, header::PRODUCER_EPOCH, producer_epoch.to_be_bytes());
    put(batch, header::BASE_SEQUENCE, base_sequence.to_be_bytes());
    let crc = crc32c(&batch[header::ATTRIBUTES..size]);
    put(batch, header::CRC, crc.to_be_bytes());
    Ok(())
}
