//! What compaction makes of a batch: the same with fewer records, with none, or nothing but the offsets that it took.

use std::ops::Range;

use bytes::Bytes;

use super::header::{self, put};
use super::varint::{put_varlong, take_varint, take_varlong, varlong_size};
use super::{Compression, HEADER_SIZE, Record, RecordBatch, RecordError, TimestampType, crc32c};

/// A batch after records were dropped.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Rewritten {
    /// It stays as it is.
    Unchanged,
    /// Some records are left, or it got a delete horizon.
    Batch(Bytes),
    /// No record is left.
    Nothing,
}

/// Drops the records that are not to be kept. Offsets, producer and codec stay, and what is left is written as it was.
///
/// A batch that keeps a tombstone and has no delete horizon gets this one (KIP-534); so does any batch if
/// `always_horizon`.
///
/// # Errors
/// When the records cannot be read.
pub(crate) fn keep_records(
    batch: RecordBatch<'_>,
    delete_horizon: i64,
    always_horizon: bool,
    mut keeps: impl FnMut(&Record<'_>) -> bool,
) -> Result<Rewritten, RecordError> {
    let records = batch.records()?;
    let mut rest = records.payload();
    let mut kept: Vec<&[u8]> = Vec::new();
    let mut max_timestamp = i64::MIN;
    let mut has_tombstone = false;
    let mut count = 0;
    for (index, record) in (0..).zip(records.iter()) {
        let record = record?;
        let bytes = take_record(&mut rest).ok_or(RecordError::InvalidRecord { index })?;
        count += 1;
        if keeps(&record) {
            has_tombstone |= record.value.is_none();
            max_timestamp = max_timestamp.max(record.timestamp);
            kept.push(bytes);
        }
    }
    if kept.is_empty() {
        return Ok(Rewritten::Nothing);
    }
    let new_horizon =
        ((has_tombstone || always_horizon) && !batch.has_delete_horizon()).then_some(delete_horizon);
    if kept.len() == count && new_horizon.is_none() {
        return Ok(Rewritten::Unchanged);
    }
    let base_timestamp = new_horizon.unwrap_or(batch.base_timestamp());
    let payload = match new_horizon {
        Some(horizon) => with_base_timestamp(&kept, batch.base_timestamp(), horizon)
            .ok_or(RecordError::InvalidRecord { index: 0 })?,
        None => kept.concat(),
    };
    let codec = batch.compression()?;
    let (mut bytes, codec) = match codec.compress(HEADER_SIZE, &payload) {
        Some(bytes) => (bytes, codec),
        None => ([&[0; HEADER_SIZE][..], &payload].concat(), Compression::None),
    };
    bytes[..HEADER_SIZE].copy_from_slice(&batch.as_bytes()[..HEADER_SIZE]);
    let mut attributes = batch.attributes() & !header::COMPRESSION_MASK | i16::from(codec.id());
    if new_horizon.is_some() {
        attributes |= header::DELETE_HORIZON_BIT;
    }
    if batch.timestamp_type() == TimestampType::CreateTime {
        put(&mut bytes, header::MAX_TIMESTAMP, max_timestamp.to_be_bytes());
    }
    put(&mut bytes, header::BASE_TIMESTAMP, base_timestamp.to_be_bytes());
    let count = i32::try_from(kept.len()).unwrap_or(i32::MAX);
    put(&mut bytes, header::RECORD_COUNT, count.to_be_bytes());
    Ok(Rewritten::Batch(sealed(bytes, attributes)))
}

/// The batch without its records: its producer's last sequence and its offsets are all that it says.
pub(crate) fn emptied(batch: RecordBatch<'_>) -> Bytes {
    let mut bytes = batch.as_bytes()[..HEADER_SIZE].to_vec();
    put(&mut bytes, header::BASE_TIMESTAMP, (-1_i64).to_be_bytes());
    put(&mut bytes, header::RECORD_COUNT, 0_i32.to_be_bytes());
    sealed(bytes, batch.attributes() & !(header::COMPRESSION_MASK | header::DELETE_HORIZON_BIT))
}

/// A batch that is nothing but offsets, so that a log has no gap where batches were dropped (ADR 16).
pub(crate) fn placeholder(offsets: &Range<i64>, leader_epoch: i32) -> Bytes {
    let mut bytes = vec![0; HEADER_SIZE];
    let last_offset_delta = i32::try_from(offsets.end - offsets.start - 1).unwrap_or(i32::MAX);
    put(&mut bytes, header::BASE_OFFSET, offsets.start.to_be_bytes());
    put(&mut bytes, header::PARTITION_LEADER_EPOCH, leader_epoch.to_be_bytes());
    put(&mut bytes, header::MAGIC, header::MAGIC_V2.to_be_bytes());
    put(&mut bytes, header::LAST_OFFSET_DELTA, last_offset_delta.to_be_bytes());
    for field in [header::BASE_TIMESTAMP, header::MAX_TIMESTAMP, header::PRODUCER_ID] {
        put(&mut bytes, field, (-1_i64).to_be_bytes());
    }
    put(&mut bytes, header::PRODUCER_EPOCH, (-1_i16).to_be_bytes());
    put(&mut bytes, header::BASE_SEQUENCE, (-1_i32).to_be_bytes());
    sealed(bytes, 0)
}

/// Whether a batch is nothing but offsets.
pub(crate) fn is_placeholder(batch: RecordBatch<'_>) -> bool {
    batch.record_count() == 0 && batch.producer_id() < 0 && !batch.is_control()
}

/// Writes the fields that depend on all others.
fn sealed(mut bytes: Vec<u8>, attributes: i16) -> Bytes {
    let length = i32::try_from(bytes.len() - header::LOG_OVERHEAD).unwrap_or(i32::MAX);
    put(&mut bytes, header::LENGTH, length.to_be_bytes());
    put(&mut bytes, header::ATTRIBUTES, attributes.to_be_bytes());
    let crc = crc32c(&bytes[header::ATTRIBUTES..]);
    put(&mut bytes, header::CRC, crc.to_be_bytes());
    Bytes::from(bytes)
}

/// Takes a record with its length off the front of `bytes`.
fn take_record<'r>(bytes: &mut &'r [u8]) -> Option<&'r [u8]> {
    let mut body = *bytes;
    let length = usize::try_from(take_varint(&mut body)?).ok()?;
    let (record, rest) = bytes.split_at_checked(bytes.len() - body.len() + length)?;
    *bytes = rest;
    Some(record)
}

/// The same records with timestamps that count from `to` instead of `from`.
fn with_base_timestamp(records: &[&[u8]], from: i64, to: i64) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(records.iter().map(|record| record.len() + 9).sum());
    for record in records {
        let mut body = *record;
        take_varint(&mut body)?;
        let (attributes, mut body) = body.split_first()?;
        let delta = take_varlong(&mut body)?.wrapping_add(from).wrapping_sub(to);
        let mut start = [0; 10 + 1 + 10];
        let mut at = put_varlong(&mut start, (1 + varlong_size(delta) + body.len()) as i64);
        start[at] = *attributes;
        at += 1;
        at += put_varlong(&mut start[at..], delta);
        out.extend_from_slice(&start[..at]);
        out.extend_from_slice(body);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{RecordBatchBuilder, set_log_append_time};

    const CODECS: [Compression; 5] =
        [Compression::None, Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd];

    /// Offsets 100, 102, 105 of a batch up to 107; the second is a tombstone.
    fn batch(codec: Compression) -> Bytes {
        let mut builder = RecordBatchBuilder::new(codec);
        builder.set_base_offset(100);
        builder.set_partition_leader_epoch(3);
        builder.set_producer(7, 2, 40);
        builder.override_last_offset_delta(7);
        let long = [b'x'; 300];
        let values = [Some(&long[..]), None, Some(b"3")];
        let places = [(0, 5_000, "a"), (2, 4_000, "b"), (5, 4_500, "c")];
        for ((delta, timestamp, key), value) in places.into_iter().zip(values) {
            let headers = [("h", Some(&b"1"[..])), ("h", None)];
            builder
                .append_with_offset_delta(delta, timestamp, Some(key.as_bytes()), value, &headers)
                .unwrap();
        }
        builder.build()
    }

    /// Offset, timestamp, key, length of the value, headers.
    type Seen = (i64, i64, Vec<u8>, Option<usize>, usize);

    fn seen(bytes: &[u8]) -> Vec<Seen> {
        let batch = RecordBatch::parse(bytes).unwrap();
        batch.verify_crc().unwrap();
        let records = batch.records().unwrap();
        let seen = |record: Result<Record<'_>, _>| {
            let record = record.unwrap();
            let key = record.key.unwrap().to_vec();
            (record.offset, record.timestamp, key, record.value.map(<[u8]>::len), record.headers().len())
        };
        records.iter().map(seen).collect()
    }

    #[test]
    fn what_is_kept_stays_as_it_was() {
        for codec in CODECS {
            let whole = batch(codec);
            let view = RecordBatch::parse(&whole).unwrap();
            let kept = keep_records(view, 99_999, false, |record| record.value.is_some()).unwrap();
            let Rewritten::Batch(bytes) = kept else { panic!("{kept:?}") };
            let expected =
                [(100, 5_000, b"a".to_vec(), Some(300), 2), (105, 4_500, b"c".to_vec(), Some(1), 2)];
            assert_eq!(seen(&bytes), expected, "{codec:?}");
            let kept = RecordBatch::parse(&bytes).unwrap();
            assert_eq!((kept.base_offset(), kept.next_offset(), kept.record_count()), (100, 108, 2));
            assert_eq!((kept.producer_id(), kept.producer_epoch(), kept.base_sequence()), (7, 2, 40));
            assert_eq!((kept.max_timestamp(), kept.has_delete_horizon()), (5_000, false));
            assert_eq!((kept.compression(), kept.partition_leader_epoch()), (Ok(codec), 3));
        }
    }

    #[test]
    fn a_kept_tombstone_gives_the_batch_a_delete_horizon_once() {
        for codec in CODECS {
            let whole = batch(codec);
            let view = RecordBatch::parse(&whole).unwrap();
            let kept = keep_records(view, 99_999, false, |record| record.key != Some(b"a")).unwrap();
            let Rewritten::Batch(bytes) = kept else { panic!("{kept:?}") };
            let kept = RecordBatch::parse(&bytes).unwrap();
            assert_eq!((kept.has_delete_horizon(), kept.base_timestamp()), (true, 99_999));
            assert_eq!(kept.max_timestamp(), 4_500);
            let expected = [(102, 4_000, b"b".to_vec(), None, 2), (105, 4_500, b"c".to_vec(), Some(1), 2)];
            assert_eq!(seen(&bytes), expected, "{codec:?}");
            assert_eq!(keep_records(kept, 111_111, false, |_| true), Ok(Rewritten::Unchanged));
        }
    }

    #[test]
    fn without_records_there_are_offsets_and_a_producer() {
        let whole = batch(Compression::Zstd);
        let view = RecordBatch::parse(&whole).unwrap();
        assert_eq!(keep_records(view, 1, false, |_| false), Ok(Rewritten::Nothing));
        let bytes = emptied(view);
        let empty = RecordBatch::parse(&bytes).unwrap();
        empty.verify_crc().unwrap();
        assert_eq!((empty.base_offset(), empty.next_offset(), empty.size()), (100, 108, HEADER_SIZE));
        assert_eq!((empty.producer_id(), empty.producer_epoch(), empty.base_sequence()), (7, 2, 40));
        assert_eq!((empty.compression(), empty.max_timestamp()), (Ok(Compression::None), 5_000));
        assert_eq!(seen(&bytes), []);
        assert!(!is_placeholder(empty));
    }

    #[test]
    fn the_time_of_an_append_stays() {
        let mut whole = batch(Compression::None).to_vec();
        set_log_append_time(&mut whole, 8_000).unwrap();
        let view = RecordBatch::parse(&whole).unwrap();
        let kept = keep_records(view, 99_999, false, |record| record.key == Some(b"b")).unwrap();
        let Rewritten::Batch(bytes) = kept else { panic!("{kept:?}") };
        assert_eq!(seen(&bytes), [(102, 8_000, b"b".to_vec(), None, 2)]);
    }

    #[test]
    fn a_placeholder_holds_offsets() {
        let bytes = placeholder(&(50..1_000_000), 4);
        let view = RecordBatch::parse(&bytes).unwrap();
        view.verify_crc().unwrap();
        assert!(is_placeholder(view));
        assert_eq!((view.base_offset(), view.next_offset(), view.record_count()), (50, 1_000_000, 0));
        assert_eq!((view.partition_leader_epoch(), view.max_timestamp()), (4, -1));
        assert_eq!(seen(&bytes), []);
    }
}
