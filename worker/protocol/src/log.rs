//! A partition's log to look at.

use serde::{Deserialize, Serialize};

/// A log as it stands, and perhaps where one of its records lies.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct LogDescription {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The epoch of its leader.
    pub leader_epoch: i32,
    /// The first offset that can be read.
    pub log_start_offset: i64,
    /// The offset that the next record gets.
    pub high_watermark: i64,
    /// The first offset that consumers with `isolation.level=read_committed` cannot read yet.
    pub last_stable_offset: i64,
    /// How many segments there are.
    pub segment_count: u32,
    /// The segments by offset; the last 200 of them.
    pub segments: Vec<SegmentDescription>,
    /// How many idempotent producers the partition knows.
    pub producer_count: u32,
    /// The producers by id; the first 100 of them.
    pub producers: Vec<ProducerDescription>,
    /// Where the record lies that was asked for; none if none was, or compaction has taken it.
    pub batch: Option<BatchDescription>,
}

/// A segment of a log.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct SegmentDescription {
    /// Its first offset, by which it is called.
    pub base_offset: i64,
    /// The first offset behind it.
    pub end_offset: i64,
    /// Bytes of its batches.
    pub size_bytes: u64,
    /// The greatest timestamp of its records.
    pub max_timestamp: Option<i64>,
    /// Whether it was compacted.
    pub is_compacted: bool,
    /// How many entries its index has.
    pub index_entries: u32,
    /// The offset index, `(offset, position)`: the first 32 entries.
    pub offset_index: Vec<(i64, u64)>,
    /// The time index, `(timestamp, offset)`: all before the offset is of that time or earlier. The first 32 entries.
    pub time_index: Vec<(i64, i64)>,
}

/// An idempotent producer that a partition knows.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct ProducerDescription {
    /// Its id.
    pub producer_id: i64,
    /// Its epoch.
    pub producer_epoch: i16,
    /// Of its last record; -1 if it has sent none in this epoch.
    pub last_sequence: i32,
    /// When it was heard of last, in milliseconds since 1970.
    pub last_timestamp: i64,
    /// Where its open transaction begins.
    pub current_transaction_start_offset: Option<i64>,
}

/// Where a record lies: the batch that it is in.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct BatchDescription {
    /// The segment, by its first offset.
    pub segment: i64,
    /// The entry of the offset index at which looking for it begins, `(offset, position)`.
    pub index_entry: (i64, u64),
    /// Where the batch begins in the segment, in bytes.
    pub position: u64,
    /// Its first offset.
    pub base_offset: i64,
    /// Its last offset.
    pub last_offset: i64,
    /// Its size in bytes, as stored.
    pub size_bytes: u32,
    /// How many records it has.
    pub records: i32,
    /// `none`, `gzip`, `snappy`, `lz4` or `zstd`.
    pub compression: String,
    /// CRC-32C of what follows it in the batch.
    pub crc: u32,
    /// The epoch of the leader that appended it.
    pub partition_leader_epoch: i32,
    /// The greatest timestamp of its records.
    pub max_timestamp: i64,
    /// `CreateTime` or `LogAppendTime`.
    pub timestamp_type: String,
    /// The id of an idempotent producer; else -1.
    pub producer_id: i64,
    /// The producer's epoch; else -1.
    pub producer_epoch: i16,
    /// The sequence of its first record; else -1.
    pub base_sequence: i32,
    /// Whether it is part of a transaction.
    pub is_transactional: bool,
    /// Whether it ends a transaction and has no records for consumers.
    pub is_control: bool,
}
