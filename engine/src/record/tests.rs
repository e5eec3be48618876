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
