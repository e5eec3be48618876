use headwater_engine::record::{Compression, MAX_RECORDS_SIZE, RecordBatch, RecordBatchBuilder};

use crate::input::Input;
use crate::mend;

/// The input is a codec, in one byte, and compressed records.
pub(super) fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let Some(codec) = Compression::from_id(input.byte() % 5) else { return };
    let payload = input.take(usize::MAX);
    let batch = mend::batch_around(codec, 1, payload);
    // Only of records that are not compressed is it known that they are too short.
    let batch = RecordBatch::parse(&batch);
    assert!(batch.is_ok() || codec == Compression::None, "{batch:?}");
    if let Ok(records) = batch.as_ref().map_or_else(|error| Err(*error), RecordBatch::records) {
        assert!(records.size() <= MAX_RECORDS_SIZE, "{} bytes", records.size());
        let _read = records.iter().filter(Result::is_ok).count();
    }
    there_and_back(codec, payload);
}

/// The input as a record's value.
fn there_and_back(codec: Compression, value: &[u8]) {
    let mut builder = RecordBatchBuilder::new(codec);
    if builder.append(1, None, Some(value), &[]).is_err() {
        return;
    }
    let built = builder.build();
    let built = RecordBatch::parse(&built).expect("what is built can be read");
    let records = built.records().expect("what a codec wrote, it reads");
    let mut records = records.iter();
    let record = records.next().and_then(Result::ok).expect("the record is there");
    assert_eq!(record.value, Some(value));
    assert!(records.next().is_none(), "there is one record");
}
