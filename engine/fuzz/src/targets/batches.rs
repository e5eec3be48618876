use headwater_engine::record::{
    Batches, MAX_RECORDS_SIZE, Record, RecordBatch, RecordBatchBuilder, set_base_offset_and_leader_epoch,
    set_log_append_time,
};

use crate::mend;

/// The input is batches one after the other, as a log has them.
pub(super) fn run(bytes: &[u8]) {
    look_at(bytes);
    let mut mended = bytes.to_vec();
    mend::batches(&mut mended);
    if mended != bytes {
        look_at(&mended);
    }
}

fn look_at(bytes: &[u8]) {
    let mut large = 0;
    let mut batches = Batches::new(bytes);
    let mut end = 0;
    for batch in batches.by_ref() {
        let Ok(batch) = batch else { break };
        end += batch.size();
        assert!(batch.last_offset() >= batch.base_offset() && batch.record_count() >= 0, "{batch:?}");
        if large < 2 {
            large += usize::from(read(batch) > 1 << 20);
        }
        patch(batch);
    }
    assert!(batches.position() == end && end <= bytes.len(), "it went to {}", batches.position());
    assert!(batches.next().is_none(), "it goes on after its end");
}

/// Reads the records, and returns their size.
fn read(batch: RecordBatch<'_>) -> usize {
    let Ok(records) = batch.records() else { return 0 };
    assert!(records.size() <= MAX_RECORDS_SIZE, "{} bytes", records.size());
    let mut whole = Vec::new();
    for record in &records {
        let Ok(record) = record else { return records.size() };
        let within = batch.base_offset()..=batch.last_offset();
        assert!(within.contains(&record.offset), "offset {} of {batch:?}", record.offset);
        whole.push(record);
    }
    assert!(whole.is_sorted_by(|a, b| a.offset < b.offset), "{batch:?}");
    assert_eq!(whole.len(), usize::try_from(batch.record_count()).unwrap_or(0), "{batch:?}");
    if records.size() < 1 << 16 {
        build_again(batch, &whole);
    }
    records.size()
}

/// What was read is read again when it is written by us.
fn build_again(batch: RecordBatch<'_>, records: &[Record<'_>]) {
    let Ok(codec) = batch.compression() else { return };
    let mut builder = RecordBatchBuilder::new(codec);
    builder.set_base_offset(batch.base_offset());
    for record in records {
        let headers: Option<Vec<_>> = (record.headers())
            .map(|header| Some((std::str::from_utf8(header.key).ok()?, header.value)))
            .collect();
        // A record of this batch is at most so far from its base, and the builder takes only text for keys of headers.
        let (Ok(delta), Some(headers)) = (i32::try_from(record.offset - batch.base_offset()), headers) else {
            return;
        };
        let (key, value) = (record.key, record.value);
        if builder.append_with_offset_delta(delta, record.timestamp, key, value, &headers).is_err() {
            return;
        }
    }
    if builder.is_empty() {
        return;
    }
    let built = builder.build();
    let built = RecordBatch::parse(&built).expect("what is built can be read");
    built.verify_crc().expect("what is built has its checksum");
    let again = built.records().expect("what is built can be decompressed");
    let again: Vec<_> = again.iter().collect::<Result<_, _>>().expect("what is built can be read");
    assert_eq!(again.len(), records.len());
    for (again, record) in again.iter().zip(records) {
        let headers = again.headers().eq(record.headers());
        let same = (again.offset, again.timestamp, again.key, again.value)
            == (record.offset, record.timestamp, record.key, record.value);
        assert!(headers && same, "{again:?} was built of {record:?}");
    }
}

/// What a broker changes in a batch changes nothing else.
fn patch(batch: RecordBatch<'_>) {
    let mut bytes = batch.as_bytes().to_vec();
    let intact = batch.verify_crc().is_ok();
    set_base_offset_and_leader_epoch(&mut bytes, 7, 3).expect("it was parsed before");
    let patched = RecordBatch::parse(&bytes).expect("it keeps its form");
    assert_eq!((patched.base_offset(), patched.partition_leader_epoch()), (7, 3));
    assert_eq!(patched.verify_crc().is_ok(), intact, "the checksum covers neither");
    set_log_append_time(&mut bytes, 5).expect("it was parsed before");
    let patched = RecordBatch::parse(&bytes).expect("it keeps its form");
    assert!(patched.verify_crc().is_ok() && patched.max_timestamp() == 5, "{patched:?}");
    assert_eq!(patched.payload(), batch.payload());
}
