//! Writing batches.

use super::header::{self, put};
use super::varint::{put_varlong, varlong_size};
use super::{Compression, HEADER_SIZE, MAX_RECORDS_SIZE, RecordError, crc32c};
use bytes::Bytes;

/// The most bytes of a record besides its key, value and headers: length, attributes, the two deltas, the lengths of
/// key and value, and the number of headers.
const MAX_RECORD_OVERHEAD: usize = 5 + 1 + 10 + 5 + 5 + 5 + 5;

/// The most bytes of a header besides its key and value.
const MAX_HEADER_OVERHEAD: usize = 5 + 5;

/// Writes records straight into the bytes of a batch.
///
/// [`RecordBatchBuilder::build`] hands out the batch and leaves the builder empty for the next one; what the
/// `set_` methods have set stays.
#[derive(Clone, Debug)]
pub struct RecordBatchBuilder {
    /// Room for the header, then the records so far.
    buffer: Vec<u8>,
    compression: Compression,
    record_count: i32,
    /// The offset delta of the last record, -1 before the first.
    last_offset_delta: i32,
    /// What [`RecordBatchBuilder::override_last_offset_delta`] said, 0 without.
    overridden_last_offset_delta: i32,
    base_timestamp: i64,
    max_timestamp: i64,
    fields: Fields,
}

/// The header fields that do not come from the records.
#[derive(Clone, Copy, Debug)]
struct Fields {
    base_offset: i64,
    partition_leader_epoch: i32,
    producer_id: i64,
    producer_epoch: i16,
    base_sequence: i32,
    transactional: bool,
    control: bool,
    delete_horizon: Option<i64>,
}

impl RecordBatchBuilder {
    /// A builder of batches that compress their records with `compression`; base offset 0, no leader epoch, no
    /// producer.
    pub fn new(compression: Compression) -> RecordBatchBuilder {
        RecordBatchBuilder::with_capacity(compression, 0)
    }

    /// Like [`RecordBatchBuilder::new`], with room for `capacity` bytes of header and records without growing.
    pub fn with_capacity(compression: Compression, capacity: usize) -> RecordBatchBuilder {
        let mut buffer = Vec::with_capacity(capacity.max(HEADER_SIZE));
        buffer.resize(HEADER_SIZE, 0);
        RecordBatchBuilder {
            buffer,
            compression,
            record_count: 0,
            last_offset_delta: -1,
            overridden_last_offset_delta: 0,
            base_timestamp: -1,
            max_timestamp: -1,
            fields: Fields {
                base_offset: 0,
                partition_leader_epoch: -1,
                producer_id: -1,
                producer_epoch: -1,
                base_sequence: -1,
                transactional: false,
                control: false,
                delete_horizon: None,
            },
        }
    }

    /// The offset that the first record gets. Producers leave it 0: the broker sets it.
    pub fn set_base_offset(&mut self, base_offset: i64) {
        self.fields.base_offset = base_offset;
    }

    /// The epoch of the leader that appends the batch. Producers leave it -1: the broker sets it.
    pub fn set_partition_leader_epoch(&mut self, epoch: i32) {
        self.fields.partition_leader_epoch = epoch;
    }

    /// The idempotent producer and the sequence number of the first record (KIP-98).
    pub fn set_producer(&mut self, producer_id: i64, producer_epoch: i16, base_sequence: i32) {
        self.fields.producer_id = producer_id;
        self.fields.producer_epoch = producer_epoch;
        self.fields.base_sequence = base_sequence;
    }

    /// Whether the batch belongs to a transaction (KIP-98).
    pub fn set_transactional(&mut self, transactional: bool) {
        self.fields.transactional = transactional;
    }

    /// Whether the batch is a control batch (KIP-98).
    pub fn set_control(&mut self, control: bool) {
        self.fields.control = control;
    }

    /// The time from which compaction may remove the tombstones of the batch (KIP-534). It takes the place of the base
    /// timestamp, so it has to be set before the first record.
    pub fn set_delete_horizon(&mut self, delete_horizon: Option<i64>) {
        self.fields.delete_horizon = delete_horizon;
    }

    /// Lets the batch being built reach up to `last_offset_delta`, past its last record: compaction may have removed
    /// records there, and the offsets of the batch stay taken. A smaller delta than the last record's does nothing.
    pub fn override_last_offset_delta(&mut self, last_offset_delta: i32) {
        self.overridden_last_offset_delta = last_offset_delta;
    }

    /// Adds a record at the next offset; `timestamp` is in milliseconds since 1970.
    ///
    /// # Errors
    /// [`RecordError::RecordsTooLarge`] if the records would be more than [`MAX_RECORDS_SIZE`] bytes; the record is
    /// not added then.
    pub fn append(
        &mut self,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(&str, Option<&[u8]>)],
    ) -> Result<(), RecordError> {
        self.append_with_offset_delta(
            self.last_offset_delta.saturating_add(1),
            timestamp,
            key,
            value,
            headers,
        )
    }

    /// Adds a record at `offset_delta` after the base offset: compaction leaves gaps.
    ///
    /// # Errors
    /// [`RecordError::InvalidRecordOffset`] if the delta is not larger than the one before, and the errors of
    /// [`RecordBatchBuilder::append`]; the record is not added then.
    pub fn append_with_offset_delta(
        &mut self,
        offset_delta: i32,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(&str, Option<&[u8]>)],
    ) -> Result<(), RecordError> {
        if offset_delta <= self.last_offset_delta {
            return Err(RecordError::InvalidRecordOffset { index: self.record_count, offset_delta });
        }
        let first = self.record_count == 0;
        let base_timestamp =
            if first { self.fields.delete_horizon.unwrap_or(timestamp) } else { self.base_timestamp };
        let timestamp_delta = timestamp.wrapping_sub(base_timestamp);
        let body_size = body_size(timestamp_delta, offset_delta, key, value, headers);
        let size = varlong_size(body_size as i64) + body_size;
        if size > MAX_RECORDS_SIZE - (self.buffer.len() - HEADER_SIZE) {
            return Err(RecordError::RecordsTooLarge { limit: MAX_RECORDS_SIZE });
        }
        self.buffer.reserve(size);
        self.write_record(body_size, timestamp_delta, offset_delta, key, value, headers);
        self.base_timestamp = base_timestamp;
        self.max_timestamp = if first { timestamp } else { self.max_timestamp.max(timestamp) };
        self.last_offset_delta = offset_delta;
        self.record_count += 1;
        Ok(())
    }

    fn write_record(
        &mut self,
        body_size: usize,
        timestamp_delta: i64,
        offset_delta: i32,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(&str, Option<&[u8]>)],
    ) {
        // What comes before the key is gathered first: one copy instead of five.
        let mut start = [0; 5 + 1 + 10 + 5];
        let mut at = put_varlong(&mut start, body_size as i64);
        at += 1; // the record's attributes, unused: 0
        at += put_varlong(&mut start[at..], timestamp_delta);
        at += put_varlong(&mut start[at..], i64::from(offset_delta));
        self.buffer.extend_from_slice(&start[..at]);
        self.write_nullable(key);
        self.write_nullable(value);
        self.write_varint(headers.len() as i64);
        for &(key, value) in headers {
            self.write_nullable(Some(key.as_bytes()));
            self.write_nullable(value);
        }
    }

    fn write_nullable(&mut self, bytes: Option<&[u8]>) {
        match bytes {
            Some(bytes) => {
                self.write_varint(bytes.len() as i64);
                self.buffer.extend_from_slice(bytes);
            }
            None => self.write_varint(-1),
        }
    }

    fn write_varint(&mut self, value: i64) {
        if let Ok(short @ 0..0x40) = u8::try_from(value) {
            self.buffer.push(short << 1);
            return;
        }
        let mut varint = [0; 10];
        let size = put_varlong(&mut varint, value);
        self.buffer.extend_from_slice(&varint[..size]);
    }

    /// How many records have been added since the last build.
    pub fn record_count(&self) -> i32 {
        self.record_count
    }

    /// Whether no record has been added since the last build.
    pub fn is_empty(&self) -> bool {
        self.record_count == 0
    }

    /// The size of the batch so far in bytes: the header and the records before compression.
    pub fn size_in_bytes(&self) -> usize {
        self.buffer.len()
    }

    /// The most bytes that a record can add to a batch before compression.
    pub fn record_size_upper_bound(
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(&str, Option<&[u8]>)],
    ) -> usize {
        let len = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len);
        let header_size =
            |(key, value): &(&str, Option<&[u8]>)| MAX_HEADER_OVERHEAD + key.len() + len(*value);
        MAX_RECORD_OVERHEAD + len(key) + len(value) + headers.iter().map(header_size).sum::<usize>()
    }

    /// The batch of the records added so far, compressed. The builder is empty afterwards.
    ///
    /// A batch without records takes one offset, as those that compaction leaves behind do.
    pub fn build(&mut self) -> Bytes {
        let (mut batch, compression) = self.take_payload();
        self.write_header(&mut batch, compression);
        self.record_count = 0;
        self.last_offset_delta = -1;
        self.overridden_last_offset_delta = 0;
        self.base_timestamp = -1;
        self.max_timestamp = -1;
        Bytes::from(batch)
    }

    /// The header's room and the records, with the codec they are really compressed with; empties the buffer.
    fn take_payload(&mut self) -> (Vec<u8>, Compression) {
        let compressed = match self.compression {
            Compression::None => None,
            _ if self.record_count == 0 => None,
            codec => codec.compress(HEADER_SIZE, &self.buffer[HEADER_SIZE..]).map(|batch| (batch, codec)),
        };
        match compressed {
            Some(taken) => {
                self.buffer.truncate(HEADER_SIZE);
                taken
            }
            None => {
                let mut next = Vec::with_capacity(self.buffer.len());
                next.resize(HEADER_SIZE, 0);
                (std::mem::replace(&mut self.buffer, next), Compression::None)
            }
        }
    }

    fn write_header(&self, batch: &mut [u8], compression: Compression) {
        let fields = self.fields;
        let mut attributes = i16::from(compression.id());
        if fields.transactional {
            attributes |= header::TRANSACTIONAL_BIT;
        }
        if fields.control {
            attributes |= header::CONTROL_BIT;
        }
        if fields.delete_horizon.is_some() {
            attributes |= header::DELETE_HORIZON_BIT;
        }
        let last_offset_delta = self.last_offset_delta.max(self.overridden_last_offset_delta);
        // MAX_RECORDS_SIZE bounds the uncompressed size; no codec makes more than a few per cent more of it.
        let length = i32::try_from(batch.len() - header::LOG_OVERHEAD).unwrap_or(i32::MAX);
        put(batch, header::BASE_OFFSET, fields.base_offset.to_be_bytes());
        put(batch, header::LENGTH, length.to_be_bytes());
        put(batch, header::PARTITION_LEADER_EPOCH, fields.partition_leader_epoch.to_be_bytes());
        put(batch, header::MAGIC, header::MAGIC_V2.to_be_bytes());
        put(batch, header::ATTRIBUTES, attributes.to_be_bytes());
        put(batch, header::LAST_OFFSET_DELTA, last_offset_delta.to_be_bytes());
        put(batch, header::BASE_TIMESTAMP, self.base_timestamp.to_be_bytes());
        put(batch, header::MAX_TIMESTAMP, self.max_timestamp.to_be_bytes());
        put(batch, header::PRODUCER_ID, fields.producer_id.to_be_bytes());
        put(batch, header::PRODUCER_EPOCH, fields.producer_epoch.to_be_bytes());
        put(batch, header::BASE_SEQUENCE, fields.base_sequence.to_be_bytes());
        put(batch, header::RECORD_COUNT, self.record_count.to_be_bytes());
        let crc = crc32c(&batch[header::ATTRIBUTES..]);
        put(batch, header::CRC, crc.to_be_bytes());
    }
}

/// The size of a record behind its length.
fn body_size(
    timestamp_delta: i64,
    offset_delta: i32,
    key: Option<&[u8]>,
    value: Option<&[u8]>,
    headers: &[(&str, Option<&[u8]>)],
) -> usize {
    let header_size =
        |(key, value): &(&str, Option<&[u8]>)| nullable_size(Some(key.as_bytes())) + nullable_size(*value);
    1 + varlong_size(timestamp_delta)
        + varlong_size(i64::from(offset_delta))
        + nullable_size(key)
        + nullable_size(value)
        + varlong_size(headers.len() as i64)
        + headers.iter().map(header_size).sum::<usize>()
}

fn nullable_size(bytes: Option<&[u8]>) -> usize {
    bytes.map_or(1, |bytes| varlong_size(bytes.len() as i64) + bytes.len())
}
