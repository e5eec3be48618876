//! Round trips through builder and view, and what each kind of damage is called.

use super::*;

const CODECS: [Compression; 5] =
    [Compression::None, Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd];

type OwnedHeader = (Vec<u8>, Option<Vec<u8>>);

#[derive(Clone, PartialEq, Eq, Debug)]
struct Owned {
    offset: i64,
    timestamp: i64,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<OwnedHeader>,
}

fn owned(batch: RecordBatch<'_>) -> Result<Vec<Owned>, RecordError> {
    let records = batch.records()?;
    let copy = |record: Record<'_>| Owned {
        offset: record.offset,
        timestamp: record.timestamp,
        key: record.key.map(<[u8]>::to_vec),
        value: record.value.map(<[u8]>::to_vec),
        headers: record.headers().map(|h| (h.key.to_vec(), h.value.map(<[u8]>::to_vec))).collect(),
    };
    records.iter().map(|record| record.map(copy)).collect()
}

fn three_records(compression: Compression) -> RecordBatchBuilder {
    let mut builder = RecordBatchBuilder::new(compression);
    builder.append(1_000, Some(b"k"), Some(b"v"), &[("h", Some(b"1")), ("h", None)]).unwrap();
    builder.append(900, None, None, &[]).unwrap();
    builder.append(1_000_000, Some(b""), Some(&[7; 1000]), &[]).unwrap();
    builder
}

#[test]
fn every_codec_gives_back_what_it_took() {
    for codec in CODECS {
        let bytes = three_records(codec).build();
        let batch = RecordBatch::parse(&bytes).unwrap();
        batch.verify_crc().unwrap();
        assert_eq!(batch.compression(), Ok(codec));
        assert_eq!((batch.record_count(), batch.next_offset()), (3, 3));
        assert_eq!((batch.base_timestamp(), batch.max_timestamp()), (1_000, 1_000_000));
        let records = owned(batch).unwrap();
        assert_eq!(records.len(), 3);
        assert_eq!(records[0].headers, [(b"h".to_vec(), Some(b"1".to_vec())), (b"h".to_vec(), None)]);
        assert_eq!((records[1].offset, records[1].timestamp, &records[1].key), (1, 900, &None));
        assert_eq!(records[2].key.as_deref(), Some(&b""[..]));
        assert_eq!(records[2].value.as_deref(), Some(&[7; 1000][..]));
    }
}

mod damage {
    //! Each kind of damage by its name.
    use super::*;

    fn plain() -> Vec<u8> {
        three_records(Compression::None).build().into()
    }

    fn with_fixed_crc(mut bytes: Vec<u8>, at: usize, value: u8) -> Vec<u8> {
        bytes[at] = value;
        let crc = crc32c(&bytes[header::ATTRIBUTES..]);
        header::put(&mut bytes, header::CRC, crc.to_be_bytes());
        bytes
    }

    #[test]
    fn a_batch_that_is_cut_off_says_how_much_is_missing() {
        let bytes = plain();
        let truncated = |needed, available| Err(RecordError::Truncated { needed, available });
        assert_eq!(RecordBatch::parse(&bytes[..5]), truncated(HEADER_SIZE, 5));
        assert_eq!(RecordBatch::parse(&bytes[..60]), truncated(bytes.len(), 60));
        assert_eq!(RecordBatch::parse(&bytes[..bytes.len() - 1]), truncated(bytes.len(), bytes.len() - 1));
    }

    #[test]
    fn consecutive_batches_end_at_a_partial_one() {
        let one = plain();
        let log = [&one[..], &one, &one[..20]].concat();
        let mut batches = Batches::new(&log);
        assert!(batches.next().unwrap().is_ok());
        assert!(batches.next().unwrap().is_ok());
        assert!(matches!(batches.next(), Some(Err(RecordError::Truncated { available: 20, .. }))));
        assert_eq!(batches.position(), 2 * one.len());
        assert_eq!(batches.next(), None);
        assert_eq!(Batches::new(&[]).next(), None);
    }

    #[test]
    fn header_fields_that_cannot_be() {
        let set = |at, value| {
            let mut bytes = plain();
            bytes[at] = value;
            RecordBatch::parse(&bytes).unwrap_err()
        };
        assert_eq!(set(header::MAGIC, 1), RecordError::UnsupportedMagic { magic: 1 });
        assert!(matches!(set(header::LENGTH, 0xff), RecordError::InvalidLength { .. }));
        assert!(matches!(set(header::LAST_OFFSET_DELTA, 0x80), RecordError::InvalidOffsetRange { .. }));
        assert!(matches!(set(header::RECORD_COUNT, 0x80), RecordError::InvalidRecordCount { .. }));
        assert!(matches!(set(header::RECORD_COUNT, 0x01), RecordError::InvalidRecordCount { .. }));
        assert!(matches!(set(header::RECORD_COUNT + 3, 4), RecordError::InvalidRecordCount { count: 4 }));
        let mut last = plain();
        header::put(&mut last, header::BASE_OFFSET, (i64::MAX - 2).to_be_bytes());
        assert!(matches!(RecordBatch::parse(&last), Err(RecordError::InvalidOffsetRange { .. })));
        header::put(&mut last, header::BASE_OFFSET, (i64::MAX - 3).to_be_bytes());
        assert_eq!(RecordBatch::parse(&last).unwrap().next_offset(), i64::MAX);
    }

    #[test]
    fn a_codec_that_does_not_exist_or_did_not_write_this() {
        let records = |id| {
            let bytes = with_fixed_crc(plain(), header::ATTRIBUTES + 1, id);
            RecordBatch::parse(&bytes).unwrap().records().map(|records| records.size())
        };
        assert_eq!(records(5), Err(RecordError::UnknownCompression { id: 5 }));
        for codec in &CODECS[1..] {
            let compression = *codec;
            assert_eq!(records(codec.id()), Err(RecordError::CorruptCompression { compression }));
        }
    }

    #[test]
    fn fewer_records_than_bytes() {
        let bytes = with_fixed_crc(plain(), header::RECORD_COUNT + 3, 2);
        let result = owned(RecordBatch::parse(&bytes).unwrap());
        assert!(matches!(result, Err(RecordError::TrailingBytes { count: 1000.. })), "{result:?}");
    }

    #[test]
    fn offsets_that_do_not_grow() {
        // The second record begins after the first: its length, attributes, two bytes of timestamp, its offset.
        let bytes = plain();
        let second = HEADER_SIZE + 1 + usize::from(bytes[HEADER_SIZE] / 2);
        let result = owned(RecordBatch::parse(&with_fixed_crc(bytes, second + 4, 0)).unwrap());
        assert_eq!(result, Err(RecordError::InvalidRecordOffset { index: 1, offset_delta: 0 }));
    }

    #[test]
    fn the_builder_stops_at_its_limit_and_goes_on_below_it() {
        let mut builder = RecordBatchBuilder::new(Compression::Lz4);
        let big = vec![0; MAX_RECORDS_SIZE - 100];
        builder.append(0, None, Some(&big), &[]).unwrap();
        let refused = builder.append(0, None, Some(&[0; 100]), &[]);
        assert_eq!(refused, Err(RecordError::RecordsTooLarge { limit: MAX_RECORDS_SIZE }));
        builder.append(0, None, Some(b"fits"), &[]).unwrap();
        let bytes = builder.build();
        let values = owned(RecordBatch::parse(&bytes).unwrap()).unwrap();
        assert_eq!((values.len(), values[1].offset), (2, 1));
        assert!(builder.is_empty() && builder.size_in_bytes() == HEADER_SIZE);
    }

    #[test]
    fn what_grows_past_the_limit_is_refused() {
        let zeros = vec![0; 1_000_000];
        for codec in &CODECS[1..] {
            let small = codec.compress(0, &zeros).unwrap();
            assert!(small.len() < 100_000, "{codec:?} {}", small.len());
            assert_eq!(codec.decompress(&small, 1_000_000).unwrap().len(), 1_000_000, "{codec:?}");
            let refused = codec.decompress(&small, 999_999);
            assert_eq!(refused, Err(RecordError::RecordsTooLarge { limit: 999_999 }), "{codec:?}");
        }
    }

    #[test]
    fn raw_snappy_is_read_too() {
        let input = b"abcabcabcabcabcabcabc".repeat(100);
        let raw = snap::raw::Encoder::new().compress_vec(&input).unwrap();
        assert_eq!(Compression::Snappy.decompress(&raw, 10_000).unwrap(), input);
    }
}

mod properties {
    use super::*;
    use proptest::collection::vec;
    use proptest::option;
    use proptest::prelude::*;

    type Input = (i64, Option<Vec<u8>>, Option<Vec<u8>>, Vec<(String, Option<Vec<u8>>)>);

    fn record() -> impl Strategy<Value = Input> {
        let bytes = || option::of(vec(any::<u8>(), 0..100));
        (any::<i64>(), bytes(), bytes(), vec((".{0,8}", bytes()), 0..4))
    }

    fn codec() -> impl Strategy<Value = Compression> {
        prop::sample::select(&CODECS[..])
    }

    fn build(codec: Compression, records: &[Input]) -> Vec<u8> {
        let mut builder = RecordBatchBuilder::new(codec);
        for (timestamp, key, value, headers) in records {
            let headers: Vec<_> = headers.iter().map(|(key, value)| (&**key, value.as_deref())).collect();
            let (key, value) = (key.as_deref(), value.as_deref());
            let (before, bound) =
                (builder.size_in_bytes(), RecordBatchBuilder::record_size_upper_bound(key, value, &headers));
            builder.append(*timestamp, key, value, &headers).unwrap();
            assert!(builder.size_in_bytes() - before <= bound);
        }
        builder.build().into()
    }

    /// Everything that can be asked of bytes, to see whether any of it panics.
    fn read_all(bytes: &[u8]) -> Result<(), RecordError> {
        for batch in Batches::new(bytes) {
            let batch = batch?;
            batch.next_offset();
            let records = owned(batch);
            batch.verify_crc()?;
            records?;
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn what_was_built_is_read(codec in codec(), base in 0..i64::MAX / 2, records in vec(record(), 1..20)) {
            let mut bytes = build(codec, &records);
            set_base_offset_and_leader_epoch(&mut bytes, base, 3).unwrap();
            let batch = RecordBatch::parse(&bytes).unwrap();
            batch.verify_crc().unwrap();
            let read = owned(batch).unwrap();
            prop_assert_eq!(read.len(), records.len());
            for ((offset, read), (timestamp, key, value, headers)) in (base..).zip(read).zip(records) {
                let headers = headers.into_iter().map(|(key, value)| (key.into_bytes(), value)).collect();
                prop_assert_eq!(read, Owned { offset, timestamp, key, value, headers });
            }
        }

        #[test]
        fn a_changed_byte_is_noticed(
            codec in codec(), records in vec(record(), 1..5), at in any::<prop::sample::Index>(), flip in 1..=255u8,
        ) {
            let mut bytes = build(codec, &records);
            // Base offset and leader epoch are not covered, so that brokers can set them.
            let covered: Vec<usize> = (header::LENGTH..header::PARTITION_LEADER_EPOCH)
                .chain(header::MAGIC..bytes.len()).collect();
            bytes[covered[at.index(covered.len())]] ^= flip;
            let noticed = RecordBatch::parse(&bytes).and_then(|batch| batch.verify_crc());
            prop_assert!(noticed.is_err());
        }

        #[test]
        fn a_batch_cut_off_anywhere_is_truncated(
            codec in codec(), records in vec(record(), 1..5), at in any::<prop::sample::Index>(),
        ) {
            let bytes = build(codec, &records);
            let cut = at.index(bytes.len());
            let truncated = matches!(RecordBatch::parse(&bytes[..cut]), Err(RecordError::Truncated { .. }));
            prop_assert!(truncated);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in vec(any::<u8>(), 0..300)) {
            let _ = read_all(&bytes);
        }

        #[test]
        fn no_records_make_it_panic(id in 0..8u8, count in 0..10u8, payload in vec(any::<u8>(), 0..300)) {
            let mut bytes = build(Compression::None, &[]);
            bytes.extend_from_slice(&payload);
            let length = (bytes.len() - header::LOG_OVERHEAD) as i32;
            header::put(&mut bytes, header::LENGTH, length.to_be_bytes());
            header::put(&mut bytes, header::ATTRIBUTES, i16::from(id).to_be_bytes());
            header::put(&mut bytes, header::LAST_OFFSET_DELTA, 100i32.to_be_bytes());
            header::put(&mut bytes, header::RECORD_COUNT, i32::from(count).to_be_bytes());
            let _ = read_all(&bytes);
        }

        #[test]
        fn no_damage_to_compressed_records_makes_it_panic(
            codec in codec(), records in vec(record(), 1..20),
            changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
        ) {
            let mut bytes = build(codec, &records);
            for (at, value) in changes {
                let at = HEADER_SIZE + at.index(bytes.len() - HEADER_SIZE);
                bytes[at] = value;
            }
            let _ = read_all(&bytes);
        }
    }
}
