//! What is changed in a batch that is built already, in place: by a broker that appends it, or by a producer before it is
//! sent.

use super::header::{self, put};
use super::{RecordBatch, RecordError, crc32c};

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
