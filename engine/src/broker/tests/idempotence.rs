use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::{ApiKey, InitProducerIdRequest, InitProducerIdResponse, ProduceResponse};
use kafka_protocol::protocol::StrBytes;

use super::world::{CLIENT, World, not_applied, produce_request, produced};
use crate::NotAppliedReason;
use crate::record::{Compression, RecordBatchBuilder};

fn init(world: &mut World) -> i64 {
    let request =
        InitProducerIdRequest::default().with_transactional_id(None).with_transaction_timeout_ms(1_000);
    let response: InitProducerIdResponse = world.ask(ApiKey::InitProducerId, 4, &request);
    assert_eq!((response.error_code, response.producer_epoch), (0, 0));
    response.producer_id.0
}

fn batch(producer: i64, sequence: i32, value: &str) -> Bytes {
    let mut builder = RecordBatchBuilder::new(Compression::None);
    builder.set_producer(producer, 0, sequence);
    builder.append(1_700_000_000_000, None, Some(value.as_bytes()), &[]).unwrap();
    builder.build()
}

fn values(world: &mut World) -> Vec<String> {
    world.all_values("t", 0).into_iter().map(|(_, value)| value).collect()
}

#[test]
fn no_two_producers_have_the_same_id_also_after_a_restart() {
    let mut world = World::new();
    let mut ids: Vec<i64> = (0..1_500).map(|_| init(&mut world)).collect();
    let mut world = world.restarted(&[]);
    ids.extend((0..10).map(|_| init(&mut world)));
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count);
}

#[test]
fn transactions_are_refused_until_they_exist() {
    let mut world = World::new();
    let request =
        InitProducerIdRequest::default().with_transactional_id(Some(StrBytes::from_static_str("tx").into()));
    let response: InitProducerIdResponse = world.ask(ApiKey::InitProducerId, 4, &request);
    assert_eq!(response.error_code, ResponseError::TransactionalIdAuthorizationFailed.code());
}

#[test]
fn a_batch_sent_again_is_answered_with_its_first_offset_and_a_gap_is_refused() {
    for restart in [false, true] {
        let mut world = World::new();
        world.create("t", 1, &[("segment.bytes", "200")]);
        let producer = init(&mut world);
        for sequence in 0..8 {
            let answer = world.produce("t", 0, batch(producer, sequence, &format!("v{sequence}")));
            assert_eq!(answer, (0, i64::from(sequence)));
        }
        if restart {
            world = world.restarted(&[]);
        }
        for sequence in 3..8 {
            let answer = world.produce("t", 0, batch(producer, sequence, "again"));
            assert_eq!(answer, (0, i64::from(sequence)), "restart: {restart}");
        }
        let gap = world.produce("t", 0, batch(producer, 9, "gap"));
        assert_eq!(gap.0, ResponseError::OutOfOrderSequenceNumber.code());
        assert_eq!(world.produce("t", 0, batch(producer, 8, "v8")), (0, 8));
        assert_eq!(values(&mut world), ["v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8"]);
    }
}

#[test]
fn a_batch_sent_again_while_the_first_is_on_its_way_is_answered_with_it() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    let producer = init(&mut world);
    world.hold_appends = true;
    let first = produce_request("t", 0, batch(producer, 0, "once"), -1);
    let requests =
        [world.send(CLIENT, ApiKey::Produce, 9, &first), world.send(CLIENT, ApiKey::Produce, 9, &first)];
    assert!(world.answers.is_empty(), "it is not durable yet");
    assert_eq!(world.held.len(), 1);
    world.release(None);
    for request in requests {
        let response: ProduceResponse = world.answer(ApiKey::Produce, 9, request);
        assert_eq!(produced(&response), (0, 0));
    }
    assert_eq!(values(&mut world), ["once"]);
}

#[test]
fn a_refused_append_leaves_the_producers_sequence_where_it_was() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    let producer = init(&mut world);
    assert_eq!(world.produce("t", 0, batch(producer, 0, "a")), (0, 0));
    world.hold_appends = true;
    let requests: Vec<i32> = (1..4)
        .map(|sequence| {
            let request = produce_request("t", 0, batch(producer, sequence, "refused"), -1);
            world.send(CLIENT, ApiKey::Produce, 9, &request)
        })
        .collect();
    world.release(Some(not_applied(NotAppliedReason::Full)));
    world.release(None);
    world.release(None);
    for request in requests {
        let response: ProduceResponse = world.answer(ApiKey::Produce, 9, request);
        assert_eq!(produced(&response).0, ResponseError::KafkaStorageError.code());
    }
    world.hold_appends = false;
    for sequence in 1..4 {
        let answer = world.produce("t", 0, batch(producer, sequence, "b"));
        assert_eq!(answer, (0, i64::from(sequence)));
    }
}

#[test]
fn a_producer_that_was_silent_for_long_is_forgotten() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    let producer = init(&mut world);
    assert_eq!(world.produce("t", 0, batch(producer, 0, "a")), (0, 0));
    world.advance(86_400_001);
    assert_eq!(world.produce("t", 0, batch(producer, 70, "b")), (0, 1), "like a new one");
}
