//! What a broker changes in a batch when it appends it, in place.

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
