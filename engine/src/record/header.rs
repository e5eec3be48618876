//! Where each field of the batch header is, and what the bits of its attributes mean.

use super::HEADER_SIZE;

/// Bytes of base offset and length, which the length field does not count.
pub(super) const LOG_OVERHEAD: usize = 12;

pub(super) const BASE_OFFSET: usize = 0;
pub(super) const LENGTH: usize = 8;
pub(super) const PARTITION_LEADER_EPOCH: usize = 12;
pub(super) const MAGIC: usize = 16;
pub(super) const CRC: usize = 17;
/// The CRC covers everything from here to the end of the batch.
pub(super) const ATTRIBUTES: usize = 21;
pub(super) const LAST_OFFSET_DELTA: usize = 23;
pub(super) const BASE_TIMESTAMP: usize = 27;
pub(super) const MAX_TIMESTAMP: usize = 35;
pub(super) const PRODUCER_ID: usize = 43;
pub(super) const PRODUCER_EPOCH: usize = 51;
pub(super) const BASE_SEQUENCE: usize = 53;
pub(super) const RECORD_COUNT: usize = 57;

/// The only value of the magic byte that is read and written here.
pub(super) const MAGIC_V2: i8 = 2;

pub(super) const COMPRESSION_MASK: i16 = 0x07;
pub(super) const TIMESTAMP_TYPE_BIT: i16 = 0x08;
pub(super) const TRANSACTIONAL_BIT: i16 = 0x10;
pub(super) const CONTROL_BIT: i16 = 0x20;
pub(super) const DELETE_HORIZON_BIT: i16 = 0x40;

/// Whose clock the timestamps of a batch are (KIP-32).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TimestampType {
    /// The producer's: every record has a timestamp of its own.
    CreateTime,
    /// The broker's at the time of the append: all records have the batch's max timestamp.
    LogAppendTime,
}

impl TimestampType {
    /// The name in Kafka's configuration `message.timestamp.type`.
    pub fn name(self) -> &'static str {
        match self {
            TimestampType::CreateTime => "CreateTime",
            TimestampType::LogAppendTime => "LogAppendTime",
        }
    }
}

/// The `N` bytes of a header from `at`; `bytes` has at least [`HEADER_SIZE`] of them.
pub(super) fn field<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    debug_assert!(bytes.len() >= HEADER_SIZE.min(at + N));
    let mut field = [0; N];
    field.copy_from_slice(&bytes[at..at + N]);
    field
}

/// Writes a field of a header; `bytes` has at least [`HEADER_SIZE`] of them.
pub(super) fn put<const N: usize>(bytes: &mut [u8], at: usize, value: [u8; N]) {
    bytes[at..at + N].copy_from_slice(&value);
}
