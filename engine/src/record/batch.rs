//! A view of one batch: its header fields, its checksum, its records.

use super::header::{self, TimestampType, field};
use super::{Compression, HEADER_SIZE, RecordError, Records, crc32c};
use std::fmt;

/// The bytes of the shortest record: length, attributes, timestamp, offset, no key, no value, no headers.
const MIN_RECORD_SIZE: usize = 7;

/// One whole batch, looked at where it lies. Copies nothing, and decodes a field when it is asked for.
///
/// Whatever [`RecordBatch::parse`] accepted has a whole header of version 2, as many bytes as its length says, and
/// counts and offsets that are possible. Whether its bytes are the ones that were written says
/// [`RecordBatch::verify_crc`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RecordBatch<'a> {
    /// The batch from its base offset to its end, at least [`HEADER_SIZE`] bytes.
    bytes: &'a [u8],
}

impl<'a> RecordBatch<'a> {
    /// The batch at the start of `bytes`, which may go on after it.
    ///
    /// # Errors
    /// [`RecordError::Truncated`] if `bytes` end before the batch does; another error if this is no batch of version
    /// 2, or has counts or offsets that cannot be. The checksum is not computed.
    pub fn parse(bytes: &'a [u8]) -> Result<RecordBatch<'a>, RecordError> {
        if bytes.len() > header::MAGIC {
            let [magic] = field(bytes, header::MAGIC).map(u8::cast_signed);
            if magic != header::MAGIC_V2 {
                return Err(RecordError::UnsupportedMagic { magic });
            }
        }
        if bytes.len() < header::LOG_OVERHEAD {
            return Err(RecordError::Truncated { needed: HEADER_SIZE, available: bytes.len() });
        }
        let length = i32::from_be_bytes(field(bytes, header::LENGTH));
        let size = usize::try_from(length)
            .ok()
            .and_then(|length| length.checked_add(header::LOG_OVERHEAD))
            .filter(|&size| size >= HEADER_SIZE)
            .ok_or(RecordError::InvalidLength { length })?;
        if size > bytes.len() {
            return Err(RecordError::Truncated { needed: size, available: bytes.len() });
        }
        let batch = RecordBatch { bytes: &bytes[..size] };
        batch.check_counts()?;
        Ok(batch)
    }

    /// Refuses counts that the offsets or the bytes of the batch have no room for.
    fn check_counts(&self) -> Result<(), RecordError> {
        let (base_offset, last_offset_delta) = (self.base_offset(), self.last_offset_delta());
        let next_offset =
            base_offset.checked_add(i64::from(last_offset_delta)).and_then(|last| last.checked_add(1));
        if last_offset_delta < 0 || next_offset.is_none() {
            return Err(RecordError::InvalidOffsetRange { base_offset, last_offset_delta });
        }
        let count = self.record_count();
        // Compression hides how many bytes there are; the records themselves are counted when they are read.
        let compressed = self.attributes() & header::COMPRESSION_MASK != 0;
        let room = if compressed { super::MAX_RECORDS_SIZE } else { self.payload().len() } / MIN_RECORD_SIZE;
        let possible =
            usize::try_from(count).is_ok_and(|count| count <= room) && count - 1 <= last_offset_delta;
        if possible { Ok(()) } else { Err(RecordError::InvalidRecordCount { count }) }
    }

    /// The whole batch, as it is stored and sent.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The size of the whole batch in bytes, the 12 of base offset and length included.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// The bytes after the header: the records, compressed if the batch is.
    pub fn payload(&self) -> &'a [u8] {
        &self.bytes[HEADER_SIZE..]
    }

    /// The offset that the deltas of the records count from. It is the first record's, unless compaction removed that.
    pub fn base_offset(&self) -> i64 {
        i64::from_be_bytes(field(self.bytes, header::BASE_OFFSET))
    }

    /// The epoch of the leader that appended the batch, -1 before that (KIP-101).
    pub fn partition_leader_epoch(&self) -> i32 {
        i32::from_be_bytes(field(self.bytes, header::PARTITION_LEADER_EPOCH))
    }

    /// The checksum in the header.
    pub fn crc(&self) -> u32 {
        u32::from_be_bytes(field(self.bytes, header::CRC))
    }

    /// The bits that the methods after this one read.
    pub fn attributes(&self) -> i16 {
        i16::from_be_bytes(field(self.bytes, header::ATTRIBUTES))
    }

    /// The codec of the records.
    ///
    /// # Errors
    /// [`RecordError::UnknownCompression`] if Kafka has none of that number.
    pub fn compression(&self) -> Result<Compression, RecordError> {
        let [_, low] = (self.attributes() & header::COMPRESSION_MASK).to_be_bytes();
        Compression::from_id(low).ok_or(RecordError::UnknownCompression { id: low })
    }

    /// Whose clock the timestamps are.
    pub fn timestamp_type(&self) -> TimestampType {
        if self.has(header::TIMESTAMP_TYPE_BIT) {
            TimestampType::LogAppendTime
        } else {
            TimestampType::CreateTime
        }
    }

    /// Whether the batch belongs to a transaction (KIP-98).
    pub fn is_transactional(&self) -> bool {
        self.has(header::TRANSACTIONAL_BIT)
    }

    /// Whether the batch holds a marker that consumers do not show, such as the end of a transaction (KIP-98).
    pub fn is_control(&self) -> bool {
        self.has(header::CONTROL_BIT)
    }

    /// Whether the base timestamp is the time at which tombstones of the batch may go (KIP-534).
    pub fn has_delete_horizon(&self) -> bool {
        self.has(header::DELETE_HORIZON_BIT)
    }

    fn has(&self, bit: i16) -> bool {
        self.attributes() & bit != 0
    }

    /// The last offset relative to the base offset, not negative.
    pub fn last_offset_delta(&self) -> i32 {
        i32::from_be_bytes(field(self.bytes, header::LAST_OFFSET_DELTA))
    }

    /// The last offset that the batch takes, whether or not compaction left a record there. Inclusive.
    pub fn last_offset(&self) -> i64 {
        self.base_offset() + i64::from(self.last_offset_delta())
    }

    /// The offset after the batch.
    pub fn next_offset(&self) -> i64 {
        self.last_offset() + 1
    }

    /// The timestamp that the deltas of the records count from, in milliseconds since 1970.
    pub fn base_timestamp(&self) -> i64 {
        i64::from_be_bytes(field(self.bytes, header::BASE_TIMESTAMP))
    }

    /// The largest timestamp of the records, or their only one with [`TimestampType::LogAppendTime`].
    pub fn max_timestamp(&self) -> i64 {
        i64::from_be_bytes(field(self.bytes, header::MAX_TIMESTAMP))
    }

    /// The idempotent producer's id, -1 without one (KIP-98).
    pub fn producer_id(&self) -> i64 {
        i64::from_be_bytes(field(self.bytes, header::PRODUCER_ID))
    }

    /// The producer's epoch, -1 without one (KIP-98).
    pub fn producer_epoch(&self) -> i16 {
        i16::from_be_bytes(field(self.bytes, header::PRODUCER_EPOCH))
    }

    /// The sequence number of the first record, -1 without one (KIP-98).
    pub fn base_sequence(&self) -> i32 {
        i32::from_be_bytes(field(self.bytes, header::BASE_SEQUENCE))
    }

    /// How many records there are; compaction may leave none.
    pub fn record_count(&self) -> i32 {
        i32::from_be_bytes(field(self.bytes, header::RECORD_COUNT))
    }

    /// Checks the CRC-32C of everything from the attributes to the end of the batch.
    ///
    /// # Errors
    /// [`RecordError::CrcMismatch`] if the bytes have changed since the checksum was made.
    pub fn verify_crc(&self) -> Result<(), RecordError> {
        let (stored, computed) = (self.crc(), crc32c(&self.bytes[header::ATTRIBUTES..]));
        if stored == computed { Ok(()) } else { Err(RecordError::CrcMismatch { stored, computed }) }
    }

    /// The records, decompressed if need be. The checksum is not looked at.
    ///
    /// # Errors
    /// An unknown codec, bytes that its codec did not write, or more than
    /// [`MAX_RECORDS_SIZE`](super::MAX_RECORDS_SIZE) of them. Errors of single records come from the iteration.
    pub fn records(&self) -> Result<Records<'a>, RecordError> {
        Records::new(*self)
    }
}

impl fmt::Debug for RecordBatch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordBatch")
            .field("base_offset", &self.base_offset())
            .field("record_count", &self.record_count())
            .field("size", &self.size())
            .finish_non_exhaustive()
    }
}
