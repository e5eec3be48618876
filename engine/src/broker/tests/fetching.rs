use kafka_protocol::ResponseError;
use kafka_protocol::messages::{ApiKey, FetchResponse, MetadataRequest, MetadataResponse, ProduceResponse};

use super::world::{CLIENT, World, batch, batch_at, fetch_request, frame, produce_request, values_of};
use crate::{ConnectionId, StorageOp};

fn owned(values: &[(i64, &str)]) -> Vec<(i64, String)> {
    values.iter().map(|(offset, value)| (*offset, (*value).to_owned())).collect()
}

#[test]
fn what_was_produced_is_read_in_order_with_dense_offsets() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    assert_eq!(world.produce("t", 0, batch(&["a", "b"])), (0, 0));
    assert_eq!(world.produce("t", 0, batch(&["c"])), (0, 2));
    assert_eq!(world.all_values("t", 0), owned(&[(0, "a"), (1, "b"), (2, "c")]));
    let mut world = world.restarted(&[]);
    assert_eq!(world.produce("t", 0, batch(&["d"])), (0, 3));
    assert_eq!(world.all_values("t", 0), owned(&[(0, "a"), (1, "b"), (2, "c"), (3, "d")]));
}

#[test]
fn an_offset_inside_a_batch_brings_the_whole_batch() {
    for tail in ["8388608", "0"] {
        let mut world = World::over(super::world::Disk::default(), &[("headwater.tail.max.bytes", tail)]);
        world.create("t", 1, &[]);
        world.produce("t", 0, batch(&["a", "b", "c"]));
        world.produce("t", 0, batch(&["d"]));
        assert_eq!(world.values("t", 0, 1), owned(&[(0, "a"), (1, "b"), (2, "c"), (3, "d")]));
        assert_eq!(world.values("t", 0, 3), owned(&[(3, "d")]));
        assert_eq!(world.values("t", 0, 4), []);
    }
}

#[test]
fn the_first_batch_is_given_even_if_it_is_larger_than_asked_for() {
    for tail in ["8388608", "0"] {
        let mut world = World::over(super::world::Disk::default(), &[("headwater.tail.max.bytes", tail)]);
        world.create("t", 2, &[]);
        let large = "x".repeat(40_000);
        world.produce("t", 0, batch(&["small"]));
        world.produce("t", 0, batch(&[&large]));
        world.produce("t", 0, batch(&[&large]));
        let response: FetchResponse = world.ask(ApiKey::Fetch, 11, &fetch_request("t", 0, 1, 100, 0));
        let records = response.responses[0].partitions[0].records.clone().unwrap();
        assert_eq!(values_of(&records), [(1, large.clone())], "tail {tail}");
        // A partition behind one that has brought records has to keep to the limit.
        world.produce("t", 1, batch(&[&large]));
        let mut request = fetch_request("t", 0, 0, 100, 0);
        let mut second = request.topics[0].partitions[0].clone();
        second.partition = 1;
        request.topics[0].partitions.push(second);
        let response: FetchResponse = world.ask(ApiKey::Fetch, 11, &request);
        let records = |index: usize| response.responses[0].partitions[index].records.clone().unwrap();
        assert_eq!(values_of(&records(0)), owned(&[(0, "small")]));
        assert!(records(1).is_empty());
    }
}

#[test]
fn what_is_read_while_the_log_grows_lies_below_the_high_watermark_that_is_told() {
    let mut world = World::over(super::world::Disk::default(), &[("headwater.tail.max.bytes", "0")]);
    world.create("t", 1, &[]);
    world.produce("t", 0, batch(&["a"]));
    let request = frame(ApiKey::Fetch, 11, 77, &fetch_request("t", 0, 0, 1 << 20, 0));
    world.broker.handle_request(world.now, ConnectionId(2), request);
    let (read, op) = world.broker.poll_op().unwrap();
    world.produce("t", 0, batch(&["b"]));
    let result = world.disk.execute(&op);
    world.broker.handle_completion(world.now, read, result);
    world.run();
    let response: FetchResponse = world.answer(ApiKey::Fetch, 11, 77);
    let answer = &response.responses[0].partitions[0];
    assert_eq!(values_of(answer.records.as_ref().unwrap()), owned(&[(0, "a"), (1, "b")]));
    assert_eq!((answer.high_watermark, answer.last_stable_offset), (2, 2));
}

#[test]
fn a_fetch_waits_until_there_is_something_or_time_is_up() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    let reader = ConnectionId(2);
    let fetch = world.send(reader, ApiKey::Fetch, 11, &fetch_request("t", 0, 0, 1_000, 500));
    assert!(world.answers.is_empty());
    assert_eq!(world.broker.poll_timeout(), Some(world.now.monotonic_ms + 500));
    let produce = world.send(CLIENT, ApiKey::Produce, 9, &produce_request("t", 0, batch(&["a"]), 1));
    let _: ProduceResponse = world.answer(ApiKey::Produce, 9, produce);
    let response: FetchResponse = world.answer(ApiKey::Fetch, 11, fetch);
    assert_eq!(values_of(response.responses[0].partitions[0].records.as_ref().unwrap()).len(), 1);
    assert!(world.broker.poll_timeout() > Some(world.now.monotonic_ms + 500), "nobody waits");

    let fetch = world.send(reader, ApiKey::Fetch, 11, &fetch_request("t", 0, 1, 1_000, 500));
    world.advance(499);
    assert!(world.answers.is_empty());
    world.advance(1);
    let response: FetchResponse = world.answer(ApiKey::Fetch, 11, fetch);
    let answer = &response.responses[0].partitions[0];
    assert_eq!((answer.error_code, answer.high_watermark), (0, 1));
    assert!(answer.records.as_ref().unwrap().is_empty());
}

#[test]
fn answers_keep_the_order_of_their_requests() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    let fetch = world.send(CLIENT, ApiKey::Fetch, 11, &fetch_request("t", 0, 0, 1_000, 500));
    let metadata = world.send(CLIENT, ApiKey::Metadata, 9, &MetadataRequest::default().with_topics(None));
    assert!(world.answers.is_empty(), "Metadata is done, but it was asked second");
    world.advance(500);
    let _: FetchResponse = world.answer(ApiKey::Fetch, 11, fetch);
    let _: MetadataResponse = world.answer(ApiKey::Metadata, 9, metadata);
}

#[test]
fn a_reader_that_has_left_is_forgotten() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    world.send(CLIENT, ApiKey::Fetch, 11, &fetch_request("t", 0, 0, 1_000, 500));
    world.broker.handle_disconnect(world.now, CLIENT);
    assert!(world.broker.poll_timeout() > Some(world.now.monotonic_ms + 500));
    assert_eq!(world.broker.connection_count(), 0);
}

#[test]
fn offsets_out_of_range_and_other_leaders_are_errors() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    world.produce("t", 0, batch(&["a"]));
    let code = |response: &FetchResponse| response.responses[0].partitions[0].error_code;
    for offset in [-1, 2, i64::MAX] {
        let response = world.fetch("t", 0, offset);
        assert_eq!(code(&response), ResponseError::OffsetOutOfRange.code(), "{offset}");
    }
    assert_eq!(code(&world.fetch("t", 1, 0)), ResponseError::UnknownTopicOrPartition.code());
    assert_eq!(code(&world.fetch("u", 0, 0)), ResponseError::UnknownTopicOrPartition.code());
    let mut request = fetch_request("t", 0, 0, 1_000, 0);
    request.topics[0].partitions[0].current_leader_epoch = 5;
    let response: FetchResponse = world.ask(ApiKey::Fetch, 11, &request);
    assert_eq!(code(&response), ResponseError::UnknownLeaderEpoch.code());
    let request = fetch_request("t", 0, 0, 1_000, 0).with_session_id(7).with_session_epoch(3);
    let response: FetchResponse = world.ask(ApiKey::Fetch, 11, &request);
    assert_eq!(response.error_code, ResponseError::FetchSessionIdNotFound.code());
}

#[test]
fn a_topic_can_be_fetched_by_its_id() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    world.produce("t", 0, batch(&["a"]));
    let response: MetadataResponse =
        world.ask(ApiKey::Metadata, 12, &MetadataRequest::default().with_topics(None));
    let mut request = fetch_request("t", 0, 0, 1_000, 0);
    request.topics[0].topic = super::world::name("");
    request.topics[0].topic_id = response.topics[0].topic_id;
    let response: FetchResponse = world.ask(ApiKey::Fetch, 16, &request);
    assert_eq!(values_of(response.responses[0].partitions[0].records.as_ref().unwrap()).len(), 1);
    request.topics[0].topic_id = crate::Uuid::from_u128(99);
    let response: FetchResponse = world.ask(ApiKey::Fetch, 16, &request);
    assert_eq!(response.responses[0].partitions[0].error_code, ResponseError::UnknownTopicId.code());
}

#[test]
fn old_records_are_read_from_storage_across_many_segments() {
    let mut world = World::over(super::world::Disk::default(), &[("headwater.tail.max.bytes", "500")]);
    world.create("t", 1, &[("segment.bytes", "2000"), ("index.interval.bytes", "300")]);
    let mut expected = Vec::new();
    for index in 0..200_i64 {
        let value = format!("{index}-{}", "v".repeat(usize::try_from(index % 90).unwrap()));
        assert_eq!(world.produce("t", 0, batch(&[&value])), (0, index));
        expected.push((index, value));
    }
    assert!(world.broker.topics().next().unwrap().partitions[0].segments > 5);
    assert_eq!(world.all_values("t", 0), expected);
    for (offset, value) in &expected {
        assert_eq!(world.values("t", 0, *offset)[0], (*offset, value.clone()));
    }
}

#[test]
fn the_first_record_of_a_time_is_found() {
    for segment_bytes in ["1000000", "400"] {
        let mut world = World::new();
        world.create("t", 1, &[("segment.bytes", segment_bytes), ("index.interval.bytes", "100")]);
        assert_eq!(world.list_offset("t", 0, 5), (0, -1, -1));
        assert_eq!(world.list_offset("t", 0, -3), (0, -1, -1));
        // Timestamps need not rise: 100.., 300.., 200.., 900.., 400..
        for (timestamp, size) in [(100, 10), (300, 10), (200, 10), (900, 3), (400, 2)] {
            world.produce("t", 0, batch_at(timestamp, &vec!["value"; size]));
        }
        assert_eq!(world.list_offset("t", 0, 0), (0, 0, 100));
        assert_eq!(world.list_offset("t", 0, 105), (0, 5, 105));
        assert_eq!(world.list_offset("t", 0, 110), (0, 10, 300));
        assert_eq!(world.list_offset("t", 0, 205), (0, 10, 300), "the first in the log, not the nearest");
        assert_eq!(world.list_offset("t", 0, 310), (0, 30, 900));
        assert_eq!(world.list_offset("t", 0, 902), (0, 32, 902));
        assert_eq!(world.list_offset("t", 0, 903), (0, -1, -1));
        assert_eq!(world.list_offset("t", 0, -3), (0, 32, 902));
        assert_eq!(world.list_offset("t", 0, -2), (0, 0, -1));
        assert_eq!(world.list_offset("t", 0, -1), (0, 35, -1));
        assert_eq!(world.list_offset("t", 0, -99).0, ResponseError::InvalidRequest.code());
    }
}

#[test]
fn readers_that_keep_up_are_served_from_memory() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    for index in 0..10 {
        world.produce("t", 0, batch(&["v"]));
        assert_eq!(world.values("t", 0, index).len(), 1);
    }
    let reads = world.asked.iter().filter(|op| matches!(op, StorageOp::Read { .. })).count();
    assert_eq!(reads, 0);
}
