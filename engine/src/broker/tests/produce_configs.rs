//! What a topic's configs make of the batches that are produced to it.

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::produce_response::PartitionProduceResponse;
use kafka_protocol::messages::{ApiKey, ProduceResponse};

use super::world::{World, batch, batch_at, produce_request, produced};
use crate::record::{Batches, Compression, RecordBatchBuilder};

fn answer(world: &mut World, records: Bytes) -> PartitionProduceResponse {
    let mut response: ProduceResponse = world.ask(ApiKey::Produce, 9, &produce_request("t", 0, records, -1));
    response.responses.remove(0).partition_responses.remove(0)
}

/// A batch of two records, compressed.
fn compressed(codec: Compression) -> Bytes {
    let mut builder = RecordBatchBuilder::new(codec);
    builder.set_producer(7, 0, 0);
    builder.append(1_000, None, Some(b"a"), &[("twice", None), ("twice", Some(b"x"))]).unwrap();
    builder.append(1_001, None, Some(b"b"), &[]).unwrap();
    builder.build()
}

#[test]
fn records_are_stored_with_the_topics_compression() {
    let codecs =
        [("gzip", Compression::Gzip), ("zstd", Compression::Zstd), ("uncompressed", Compression::None)];
    for (name, codec) in codecs {
        let mut world = World::new();
        world.create("t", 1, &[("compression.type", name)]);
        for records in [Compression::None, Compression::Lz4].map(compressed) {
            assert_eq!(answer(&mut world, records).base_offset, 0, "the second is the first again");
        }
        let fetched = world.fetch("t", 0, 0);
        let records = fetched.responses[0].partitions[0].records.clone().unwrap();
        let stored = Batches::new(&records).next().unwrap().unwrap();
        assert_eq!((stored.compression(), stored.producer_id()), (Ok(codec), 7), "{name}");
        let headers: usize =
            stored.records().unwrap().into_iter().map(|record| record.unwrap().headers().count()).sum();
        assert_eq!(headers, 2);
        assert_eq!(world.all_values("t", 0), [(0, "a".to_owned()), (1, "b".to_owned())]);
    }
}

#[test]
fn what_is_too_large_after_the_topics_compression_is_refused() {
    let mut world = World::new();
    world.create("t", 1, &[("compression.type", "uncompressed"), ("max.message.bytes", "1000")]);
    let mut builder = RecordBatchBuilder::new(Compression::Gzip);
    builder.append(1_000, None, Some(&[b'x'; 5_000]), &[]).unwrap();
    assert_eq!(answer(&mut world, builder.build()).error_code, ResponseError::MessageTooLarge.code());
    assert_eq!(world.all_values("t", 0), []);
}

#[test]
fn records_whose_time_is_too_far_off_are_named() {
    let mut world = World::new();
    world.create("t", 1, &[("message.timestamp.before.max.ms", "10000")]);
    let now = world.now.wall_ms;
    assert_eq!(answer(&mut world, batch_at(now - 10_000, &["old"])).error_code, 0);
    assert_eq!(answer(&mut world, batch_at(now + 3_600_000, &["an hour ahead, by default"])).error_code, 0);
    for (records, named) in [
        (batch_at(now - 10_002, &["too old", "too old", "not"]), vec![0, 1]),
        (batch_at(now + 3_599_999, &["not", "not", "too new"]), vec![2]),
    ] {
        let refused = answer(&mut world, records);
        assert_eq!(refused.error_code, ResponseError::InvalidTimestamp.code());
        let errors = refused.record_errors.iter().map(|error| error.batch_index);
        assert_eq!(errors.collect::<Vec<_>>(), named);
        assert!(refused.error_message.unwrap().contains("message.timestamp.after.max.ms"));
    }
    let mut world = World::new();
    world.create("t", 1, &[("message.timestamp.difference.max.ms", "5000")]);
    for (timestamp, error) in [(now - 5_001, 32), (now - 5_000, 0), (now + 5_000, 0), (now + 5_001, 32)] {
        assert_eq!(answer(&mut world, batch_at(timestamp, &["v"])).error_code, error);
    }
    let mut world = World::new();
    world.create("t", 1, &[("message.timestamp.type", "LogAppendTime")]);
    assert_eq!(answer(&mut world, batch_at(now + 9_999_999, &["ahead"])).log_append_time_ms, now);
}

#[test]
fn more_replicas_than_there_are_cannot_acknowledge() {
    let mut world = World::new();
    world.create("t", 1, &[("min.insync.replicas", "2")]);
    assert_eq!(answer(&mut world, batch(&["to all"])).error_code, ResponseError::NotEnoughReplicas.code());
    let response: ProduceResponse =
        world.ask(ApiKey::Produce, 9, &produce_request("t", 0, batch(&["to the leader"]), 1));
    assert_eq!(produced(&response), (0, 0));
}
