use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::{ApiKey, InitProducerIdRequest, InitProducerIdResponse, ProduceResponse};

use super::world::{CLIENT, World, not_applied, produce_request, produced};
use crate::record::{Compression, RecordBatchBuilder};
use crate::{ConnectionId, NotAppliedReason, StorageError};

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

const OUT_OF_ORDER: i16 = 45;
const STORAGE_ERROR: i16 = 56;

fn send(world: &mut World, connection: ConnectionId, records: Bytes) -> i32 {
    world.send(connection, ApiKey::Produce, 9, &produce_request("t", 0, records, -1))
}

fn end_unknown(world: &mut World) {
    let (id, _) = world.held.pop_front().unwrap();
    let unknown = Err(StorageError::Unknown { message: "no answer".to_owned() });
    world.broker.handle_completion(world.now, id, unknown);
    world.run();
}

#[test]
fn a_batch_sent_again_is_not_acknowledged_while_nobody_knows_what_became_of_the_first() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    let producer = init(&mut world);
    world.hold_appends = true;
    send(&mut world, CLIENT, batch(producer, 0, "lost"));
    send(&mut world, CLIENT, batch(producer, 1, "lost"));
    end_unknown(&mut world);
    // One append is still under way, so the log is not read again yet.
    let again = send(&mut world, ConnectionId(2), batch(producer, 0, "again"));
    let response: ProduceResponse = world.answer(ApiKey::Produce, 9, again);
    assert_eq!(produced(&response).0, STORAGE_ERROR);
    world.release(Some(not_applied(NotAppliedReason::OutOfSequence)));
    world.answers.clear();
    world.hold_appends = false;
    assert_eq!(world.produce("t", 0, batch(producer, 0, "here")), (0, 0));
    assert_eq!(values(&mut world), ["here"]);
}

#[test]
fn nothing_of_a_new_producer_lands_before_its_first_batch_that_was_refused() {
    for unknown in [false, true] {
        let mut world = World::new();
        world.create("t", 1, &[]);
        let producer = init(&mut world);
        world.hold_appends = true;
        send(&mut world, CLIENT, batch(producer, 0, "refused"));
        if unknown {
            end_unknown(&mut world);
        } else {
            world.release(Some(not_applied(NotAppliedReason::Full)));
        }
        world.answers.clear();
        world.hold_appends = false;
        assert_eq!(world.produce("t", 0, batch(producer, 1, "b")).0, OUT_OF_ORDER, "unknown: {unknown}");
        assert_eq!(world.produce("t", 0, batch(producer, 0, "a")), (0, 0));
        assert_eq!(world.produce("t", 0, batch(producer, 1, "b")), (0, 1));
        assert_eq!(values(&mut world), ["a", "b"]);
    }
}

#[test]
fn nothing_of_a_new_producer_lands_before_its_first_batch_that_was_turned_away() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    let (other, producer) = (init(&mut world), init(&mut world));
    world.hold_appends = true;
    send(&mut world, CLIENT, batch(other, 0, "lost"));
    send(&mut world, CLIENT, batch(other, 1, "lost"));
    end_unknown(&mut world);
    send(&mut world, ConnectionId(2), batch(producer, 0, "a"));
    world.release(Some(not_applied(NotAppliedReason::OutOfSequence)));
    world.answers.clear();
    world.hold_appends = false;
    assert_eq!(world.produce("t", 0, batch(producer, 1, "b")).0, OUT_OF_ORDER);
    assert_eq!(world.produce("t", 0, batch(producer, 0, "a")), (0, 0));
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
