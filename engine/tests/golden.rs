//! Record batches that Apache Kafka's own library wrote, read and written again by our code: see golden/README.md.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use headwater_engine::record::{
    Batches, Compression, Record, RecordBatch, RecordBatchBuilder, TimestampType, crc32c,
    set_base_offset_and_leader_epoch, set_log_append_time,
};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/batches")
}

fn bytes_of(name: &str) -> Vec<u8> {
    fs::read(folder().join(name).with_extension("bin")).unwrap()
}

fn names() -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "bin"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

/// Everything in the batches, as RecordBatches.java lists it.
fn listing(bytes: &[u8]) -> String {
    let mut out = String::new();
    for batch in Batches::new(bytes) {
        let batch = batch.unwrap();
        batch.verify_crc().unwrap();
        list_header(&mut out, batch);
        for record in &batch.records().unwrap() {
            list_record(&mut out, record.unwrap());
        }
    }
    out
}

fn list_header(out: &mut String, batch: RecordBatch<'_>) {
    write!(out, "batch offsets {}..{}", batch.base_offset(), batch.next_offset()).unwrap();
    write!(out, " size {} crc {:08x}", batch.size(), batch.crc()).unwrap();
    write!(out, " epoch {}", batch.partition_leader_epoch()).unwrap();
    write!(out, " codec {}", batch.compression().unwrap().name()).unwrap();
    write!(out, " time {} {}", batch.timestamp_type().name(), batch.max_timestamp()).unwrap();
    out.push_str(if batch.is_transactional() { " transactional" } else { "" });
    out.push_str(if batch.is_control() { " control" } else { "" });
    if batch.has_delete_horizon() {
        write!(out, " horizon {}", batch.base_timestamp()).unwrap();
    }
    let (id, epoch, sequence) = (batch.producer_id(), batch.producer_epoch(), batch.base_sequence());
    writeln!(out, " producer {id} {epoch} {sequence} records {}", batch.record_count()).unwrap();
}

fn list_record(out: &mut String, record: Record<'_>) {
    let (key, value) = (show(record.key), show(record.value));
    write!(out, "  {} {} {key} {value}", record.offset, record.timestamp).unwrap();
    for header in record.headers() {
        write!(out, " {}={}", show(Some(header.key)), show(header.value)).unwrap();
    }
    out.push('\n');
}

fn show(bytes: Option<&[u8]>) -> String {
    match bytes {
        None => "-".into(),
        Some(bytes) if bytes.len() <= 32 => {
            format!("'{}'", bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
        }
        Some(bytes) => format!("{}:{:08x}", bytes.len(), crc32c(bytes)),
    }
}

/// The same batch from our builder.
fn rebuild(batch: RecordBatch<'_>, compression: Compression) -> Vec<u8> {
    let mut builder = RecordBatchBuilder::new(compression);
    builder.set_base_offset(batch.base_offset());
    builder.set_partition_leader_epoch(batch.partition_leader_epoch());
    builder.set_producer(batch.producer_id(), batch.producer_epoch(), batch.base_sequence());
    builder.set_transactional(batch.is_transactional());
    builder.set_control(batch.is_control());
    builder.set_delete_horizon(batch.has_delete_horizon().then(|| batch.base_timestamp()));
    builder.override_last_offset_delta(batch.last_offset_delta());
    for record in &batch.records().unwrap() {
        let record = record.unwrap();
        let keys: Vec<_> = record.headers().map(|header| (header.key_text(), header.value)).collect();
        let headers: Vec<_> = keys.iter().map(|(key, value)| (&**key, *value)).collect();
        let delta = i32::try_from(record.offset - batch.base_offset()).unwrap();
        builder
            .append_with_offset_delta(delta, record.timestamp, record.key, record.value, &headers)
            .unwrap();
    }
    builder.build().into()
}

#[test]
fn we_read_what_kafka_wrote() {
    assert!(names().len() >= 24, "golden files are missing");
    for name in names() {
        let expected = fs::read_to_string(folder().join(&name).with_extension("txt")).unwrap();
        assert_eq!(listing(&bytes_of(&name)), expected, "{name}");
    }
}

#[test]
fn we_write_the_uncompressed_ones_byte_for_byte() {
    let mut same = 0;
    for name in names() {
        for batch in Batches::new(&bytes_of(&name)) {
            let batch = batch.unwrap();
            // A batch without records has a max timestamp that no record tells.
            if batch.compression() == Ok(Compression::None) && batch.record_count() > 0 {
                assert_eq!(rebuild(batch, Compression::None), batch.as_bytes(), "{name}");
                same += 1;
            }
        }
    }
    assert!(same >= 11, "only {same} batches were compared");
}

#[test]
fn appending_patches_a_batch_as_kafka_does() {
    let mut batch = bytes_of("before-append");
    set_base_offset_and_leader_epoch(&mut batch, 1_000_000, 17).unwrap();
    assert_eq!(batch, bytes_of("after-append"));
    let log_append_time = bytes_of("after-append-log-append-time");
    let time = RecordBatch::parse(&log_append_time).unwrap().max_timestamp();
    set_log_append_time(&mut batch, time).unwrap();
    assert_eq!(batch, log_append_time);
    assert_eq!(RecordBatch::parse(&batch).unwrap().timestamp_type(), TimestampType::LogAppendTime);
}

/// Writes files for `RecordBatches.java verify` into the folder that a variable names: golden/README.md.
#[test]
fn write_batches_for_kafka() {
    let Some(to) = std::env::var_os("HEADWATER_BATCHES_FOR_KAFKA").map(PathBuf::from) else { return };
    fs::create_dir_all(&to).unwrap();
    for codec in (0..=4).filter_map(Compression::from_id) {
        for name in names() {
            let bytes: Vec<u8> =
                Batches::new(&bytes_of(&name)).flat_map(|batch| rebuild(batch.unwrap(), codec)).collect();
            let file = to.join(format!("{name}-as-{}", codec.name()));
            fs::write(file.with_extension("bin"), &bytes).unwrap();
            fs::write(file.with_extension("txt"), listing(&bytes)).unwrap();
        }
    }
}
