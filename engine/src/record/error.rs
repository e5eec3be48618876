//! What can be wrong with a batch.

use super::Compression;
use std::fmt;

/// Why bytes are not a record batch, or why a record does not fit into one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum RecordError {
    /// The bytes end before the batch does. In the middle of a log this is corruption; at its end, or at the end of
    /// a fetch response, it is a batch that is not all there (yet).
    Truncated {
        /// Bytes needed, as far as it can be told: a whole header, or the whole batch once its length is known.
        needed: usize,
        /// Bytes there are.
        available: usize,
    },
    /// A message format other than version 2. Kafka 4 has dropped the older ones (KIP-724).
    UnsupportedMagic {
        /// The magic byte found.
        magic: i8,
    },
    /// The length field is smaller than a header.
    InvalidLength {
        /// The length found, which counts from behind the length field.
        length: i32,
    },
    /// The record count is negative, or more than the bytes or the offsets of the batch can hold.
    InvalidRecordCount {
        /// The count found.
        count: i32,
    },
    /// The offsets of the batch run backwards or past the largest offset.
    InvalidOffsetRange {
        /// The batch's base offset.
        base_offset: i64,
        /// The delta of its last offset.
        last_offset_delta: i32,
    },
    /// The bytes are not those that the checksum was made of.
    CrcMismatch {
        /// The checksum in the header.
        stored: u32,
        /// The checksum of the bytes.
        computed: u32,
    },
    /// The attributes name a codec that Kafka does not have.
    UnknownCompression {
        /// The three bits of the codec.
        id: u8,
    },
    /// The records are not what their codec writes.
    CorruptCompression {
        /// The batch's codec.
        compression: Compression,
    },
    /// The records are more than [`MAX_RECORDS_SIZE`](super::MAX_RECORDS_SIZE) bytes uncompressed.
    RecordsTooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// A record is cut off, or its lengths do not add up.
    InvalidRecord {
        /// Which one, from 0.
        index: i32,
    },
    /// A record's offset is not larger than the one before, or beyond the batch's last offset.
    InvalidRecordOffset {
        /// Which one, from 0.
        index: i32,
        /// Its offset relative to the base offset.
        offset_delta: i32,
    },
    /// There are bytes left after as many records as the header announces.
    TrailingBytes {
        /// How many.
        count: usize,
    },
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            RecordError::Truncated { needed, available } => {
                write!(f, "the record batch is cut off: {needed} bytes are needed, {available} are there")
            }
            RecordError::UnsupportedMagic { magic } => {
                write!(f, "message format version {magic} is not supported, only version 2 is")
            }
            RecordError::InvalidLength { length } => {
                write!(f, "a record batch of length {length} is shorter than its header")
            }
            RecordError::InvalidRecordCount { count } => {
                write!(f, "the record batch cannot hold the {count} records it announces")
            }
            RecordError::InvalidOffsetRange { base_offset, last_offset_delta } => {
                write!(
                    f,
                    "offsets from {base_offset} with a last delta of {last_offset_delta} are not a range"
                )
            }
            RecordError::CrcMismatch { stored, computed } => write!(
                f,
                "the record batch is corrupt: its checksum says {stored:#010x}, its bytes {computed:#010x}"
            ),
            RecordError::UnknownCompression { id } => write!(f, "there is no compression codec {id}"),
            RecordError::CorruptCompression { compression } => {
                write!(f, "the records are not valid {}", compression.name())
            }
            RecordError::RecordsTooLarge { limit } => {
                write!(f, "the records of one batch are more than {limit} bytes uncompressed")
            }
            RecordError::InvalidRecord { index } => {
                write!(f, "record {index} of the batch is cut off or its lengths do not add up")
            }
            RecordError::InvalidRecordOffset { index, offset_delta } => {
                write!(f, "record {index} of the batch has an offset out of order (delta {offset_delta})")
            }
            RecordError::TrailingBytes { count } => {
                write!(f, "{count} bytes follow the last record of the batch")
            }
        }
    }
}

impl std::error::Error for RecordError {}
