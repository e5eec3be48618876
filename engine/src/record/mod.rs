//! Record batches: Kafka's message format version 2 (KIP-98).
//!
//! A batch is a header of [`HEADER_SIZE`] bytes and then its records, compressed together or not at all. Producers
//! build batches ([`RecordBatchBuilder`]), brokers look at headers only ([`RecordBatch`], [`Batches`]) and patch two
//! fields in place ([`set_base_offset_and_leader_epoch`], [`set_log_append_time`]), and consumers take the records
//! out ([`Records`]). The byte map is in `docs/format.md`.
//!
//! Bytes that come from elsewhere may be anything: every length is checked before it is believed, decompression has a
//! limit ([`MAX_RECORDS_SIZE`]), and what is wrong is a [`RecordError`], never a panic.

mod batch;
mod batches;
mod builder;
mod compression;
mod control;
mod crc;
mod error;
mod header;
mod patch;
mod records;
mod rewrite;
mod varint;

pub use batch::RecordBatch;
pub use batches::Batches;
pub use builder::RecordBatchBuilder;
pub use compression::Compression;
pub use control::EndMarker;
pub use crc::crc32c;
pub use error::RecordError;
pub use header::TimestampType;
pub use patch::{set_base_offset_and_leader_epoch, set_log_append_time, set_producer, with_compression};
pub use records::{Header, Headers, Record, RecordIter, Records};
pub(crate) use rewrite::{Rewritten, emptied, is_placeholder, keep_records, placeholder};

/// The bytes of a batch before its records.
pub const HEADER_SIZE: usize = 61;

/// The most bytes that the records of one batch may have uncompressed (64 MiB). The builder goes no further, and
/// decompression stops there: 60 times the default `max.message.bytes`, and yet no batch can exhaust a browser's tab.
pub const MAX_RECORDS_SIZE: usize = 64 * 1024 * 1024;

#[cfg(test)]
mod tests;
