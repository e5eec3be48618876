use kafka_protocol::ResponseError;
use kafka_protocol::messages::{ApiKey, ProduceResponse};

use super::world::{CLIENT, World, batch, not_applied, produce_request, produced};
use crate::{ConnectionId, Durability, NotAppliedReason, StorageError, StorageOp};

fn started(world: &mut World, value: &str) -> i32 {
    world.send(CLIENT, ApiKey::Produce, 9, &produce_request("t", 0, batch(&[value]), -1))
}

fn ended(world: &mut World, correlation_id: i32) -> (i16, i64) {
    let response: ProduceResponse = world.answer(ApiKey::Produce, 9, correlation_id);
    produced(&response)
}

fn values(world: &mut World) -> Vec<String> {
    world.all_values("t", 0).into_iter().map(|(_, value)| value).collect()
}

const STORAGE_ERROR: i16 = ResponseError::KafkaStorageError.code();

#[test]
fn nothing_is_acknowledged_or_seen_before_storage_has_it() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    world.hold_appends = true;
    let first = started(&mut world, "a");
    assert!(world.answers.is_empty());
    let second = ConnectionId(2);
    world.send(second, ApiKey::Fetch, 11, &super::world::fetch_request("t", 0, 0, 1_000, 0));
    let response: kafka_protocol::messages::FetchResponse = world.answer(ApiKey::Fetch, 11, first + 1);
    assert_eq!(response.responses[0].partitions[0].high_watermark, 0);
    world.release(None);
    assert_eq!(ended(&mut world, first), (0, 0));
}

#[test]
fn a_refused_append_takes_those_behind_it_along_and_leaves_no_hole() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    assert_eq!(world.produce("t", 0, batch(&["kept"])), (0, 0));
    world.hold_appends = true;
    let requests: Vec<i32> =
        ["refused", "behind", "behind too"].map(|value| started(&mut world, value)).into();
    world.release(Some(not_applied(NotAppliedReason::Full)));
    // A new one comes while those behind are still on their way.
    let new = started(&mut world, "new");
    while !world.held.is_empty() {
        world.release(None);
    }
    for request in requests {
        let response: ProduceResponse = world.answer(ApiKey::Produce, 9, request);
        let partition = &response.responses[0].partition_responses[0];
        assert_eq!(partition.error_code, STORAGE_ERROR);
        let why = partition.error_message.as_deref().unwrap_or_default();
        assert!(why.contains("the storage is full. Delete something"), "{why}");
    }
    assert_eq!(ended(&mut world, new), (0, 1));
    assert_eq!(values(&mut world), ["kept", "new"]);
    let mut world = world.restarted(&[]);
    assert_eq!(values(&mut world), ["kept", "new"]);
    assert!(world.broker.poll_event().is_some());
}

#[test]
fn a_refused_append_that_began_a_segment_leaves_none() {
    let mut world = World::new();
    world.create("t", 1, &[("segment.bytes", "100")]);
    assert_eq!(world.produce("t", 0, batch(&["a value that fills the segment"])), (0, 0));
    world.hold_appends = true;
    let refused = started(&mut world, "refused");
    world.release(Some(not_applied(NotAppliedReason::Full)));
    assert_eq!(ended(&mut world, refused).0, STORAGE_ERROR);
    assert_eq!(world.broker.topics().next().unwrap().partitions[0].segments, 1);
    world.hold_appends = false;
    assert_eq!(world.produce("t", 0, batch(&["next"])), (0, 1));
    assert_eq!(
        world.disk.snapshots.len(),
        2,
        "the first segment is complete: its index, and the producers then"
    );
}

#[test]
fn an_unknown_outcome_is_settled_by_what_is_stored() {
    for stored in [0, 1, 3] {
        let mut world = World::new();
        world.create("t", 1, &[]);
        world.produce("t", 0, batch(&["before"]));
        world.hold_appends = true;
        let requests: Vec<i32> = ["x", "y", "z"].map(|value| started(&mut world, value)).into();
        for index in 0..3 {
            let (id, op) = world.held.pop_front().unwrap();
            if index < stored {
                world.disk.execute(&op).unwrap();
            }
            let unknown = Err(StorageError::Unknown { message: "no answer".to_owned() });
            world.broker.handle_completion(world.now, id, unknown);
            if index < 2 {
                let early = started(&mut world, "early");
                assert_eq!(world.answers.len(), 0, "answers keep their order: {early}");
            }
        }
        world.run();
        for (index, request) in requests.into_iter().enumerate() {
            let expected =
                if index < stored { (0, 1 + i64::try_from(index).unwrap()) } else { (STORAGE_ERROR, -1) };
            assert_eq!(ended(&mut world, request), expected, "{stored} stored, append {index}");
        }
        world.answers.clear();
        world.hold_appends = false;
        assert_eq!(world.produce("t", 0, batch(&["after"])), (0, 1 + i64::try_from(stored).unwrap()));
        let mut expected = vec!["before"];
        expected.extend(&["x", "y", "z"][..stored]);
        expected.push("after");
        assert_eq!(values(&mut world), expected);
    }
}

#[test]
fn an_append_behind_a_refused_one_is_not_taken_for_what_went_to_its_place() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    world.hold_appends = true;
    let (refused, behind) = (started(&mut world, "x"), started(&mut world, "y"));
    world.release(Some(not_applied(NotAppliedReason::Full)));
    assert_eq!(ended(&mut world, refused).0, STORAGE_ERROR);
    let request = produce_request("t", 0, batch(&["a", "b"]), -1);
    let instead = world.send(CLIENT, ApiKey::Produce, 9, &request);
    world.release(Some(StorageError::Unknown { message: "no answer".to_owned() }));
    world.release(None);
    assert_eq!(ended(&mut world, behind), (STORAGE_ERROR, -1));
    assert_eq!(ended(&mut world, instead), (0, 0));
}

#[test]
fn a_log_that_cannot_be_read_again_is_tried_until_it_can() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    world.hold_appends = true;
    let request = started(&mut world, "x");
    let (append, op) = world.held.pop_front().unwrap();
    world.disk.execute(&op).unwrap();
    let unknown = || Err(StorageError::Unknown { message: "no answer".to_owned() });
    world.broker.handle_completion(world.now, append, unknown());
    for _ in 0..3 {
        let (load, op) = world.broker.poll_op().unwrap();
        assert!(matches!(op, StorageOp::Load { .. }));
        world.broker.handle_completion(world.now, load, unknown());
        assert_eq!(world.broker.poll_op(), None);
        assert_eq!(world.broker.poll_response(), None, "nobody knows yet");
        world.now.monotonic_ms = world.broker.poll_timeout().unwrap();
        world.broker.handle_timeout(world.now);
    }
    world.run();
    assert_eq!(ended(&mut world, request), (0, 0));
    world.hold_appends = false;
    assert_eq!(world.produce("t", 0, batch(&["y"])), (0, 1));
}

#[test]
fn a_fenced_broker_stops() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    world.hold_appends = true;
    let request = started(&mut world, "late");
    world.release(Some(not_applied(NotAppliedReason::Fenced)));
    assert_eq!(ended(&mut world, request).0, STORAGE_ERROR);
    assert!(world.broker.failure().is_some());
}

#[test]
fn flush_messages_asks_for_strict_durability() {
    let mut world = World::new();
    world.create("relaxed", 1, &[]);
    world.create("strict", 1, &[("flush.messages", "1")]);
    world.produce("relaxed", 0, batch(&["a"]));
    world.produce("strict", 0, batch(&["a"]));
    assert_eq!(durabilities(&world), [Durability::Relaxed, Durability::Strict]);
    // It acts on the next append once it is altered.
    for (operation, value) in [(0, Some("1")), (1, None)] {
        let request = super::retention::alter_of("relaxed", &[("flush.messages", operation, value)]);
        assert_eq!(super::retention::altered(&mut world, &request), (0, String::new()));
        world.produce("relaxed", 0, batch(&["b"]));
    }
    assert_eq!(durabilities(&world)[2..], [Durability::Strict, Durability::Relaxed]);
}

#[test]
fn flush_messages_counts_records_and_begins_anew_behind_a_refusal() {
    let mut world = World::new();
    world.create("t", 1, &[("flush.messages", "3")]);
    for values in [&["a"][..], &["b"], &["c"], &["d", "e"], &["f"], &["g", "h", "i", "j"]] {
        world.produce("t", 0, batch(values));
    }
    let (relaxed, strict) = (Durability::Relaxed, Durability::Strict);
    assert_eq!(durabilities(&world), [relaxed, relaxed, strict, relaxed, strict, strict]);
    world.hold_appends = true;
    let request = started(&mut world, "refused");
    world.release(Some(not_applied(NotAppliedReason::Full)));
    assert_eq!(ended(&mut world, request).0, STORAGE_ERROR);
    world.hold_appends = false;
    world.produce("t", 0, batch(&["k"]));
    world.produce("t", 0, batch(&["l"]));
    assert_eq!(durabilities(&world)[7..], [strict, relaxed]);
}

/// What was asked for, for all appends but those of metadata.
fn durabilities(world: &World) -> Vec<Durability> {
    world
        .asked
        .iter()
        .filter_map(|op| match op {
            StorageOp::Append { log, durability, .. } if *log != crate::LogId::CLUSTER_METADATA => {
                Some(*durability)
            }
            _ => None,
        })
        .collect()
}

#[test]
fn acks_0_gets_no_answer_and_an_error_ends_the_connection() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    world.send(CLIENT, ApiKey::Produce, 9, &produce_request("t", 0, batch(&["quiet"]), 0));
    assert!(world.answers.is_empty());
    assert_eq!(values(&mut world), ["quiet"]);
    world.send(CLIENT, ApiKey::Produce, 9, &produce_request("none", 0, batch(&["quiet"]), 0));
    assert!(world.answers.is_empty());
    assert_eq!(world.closed, [CLIENT]);
}

#[test]
fn requests_wait_while_too_much_is_on_its_way_to_storage() {
    let mut world = World::over(super::world::Disk::default(), &[("queued.max.request.bytes", "100")]);
    world.create("t", 1, &[]);
    world.hold_appends = true;
    let requests: Vec<i32> = (0..10).map(|_| started(&mut world, "a value of some length")).collect();
    assert!(world.held.len() < 4, "{} appends are under way", world.held.len());
    let mut released = 0;
    while !world.held.is_empty() {
        world.release(None);
        released += 1;
    }
    assert_eq!(released, 10);
    for (request, offset) in requests.into_iter().zip(0..) {
        assert_eq!(ended(&mut world, request), (0, offset));
    }
}

/// Without turns, a connection that always asks for more would have all others wait for ever.
#[test]
fn connections_that_wait_have_their_turn() {
    let mut world = World::over(super::world::Disk::default(), &[("queued.max.request.bytes", "1")]);
    world.create("t", 1, &[]);
    world.hold_appends = true;
    for connection in [1, 1, 1, 2, 3] {
        let request = produce_request("t", 0, batch(&["a"]), -1);
        world.send(ConnectionId(connection), ApiKey::Produce, 9, &request);
    }
    let mut order = Vec::new();
    while !world.held.is_empty() {
        world.release(None);
        order.extend(std::mem::take(&mut world.answers).into_iter().map(|(connection, _)| connection.0));
    }
    assert_eq!(order, [1, 2, 3, 1, 1]);
}

#[test]
fn log_append_time_is_the_brokers() {
    let mut world = World::new();
    world.create("t", 1, &[("message.timestamp.type", "LogAppendTime")]);
    let response: ProduceResponse =
        world.ask(ApiKey::Produce, 9, &produce_request("t", 0, batch(&["a"]), -1));
    let now = world.now.wall_ms;
    assert_eq!(response.responses[0].partition_responses[0].log_append_time_ms, now);
    assert_eq!(world.list_offset("t", 0, now), (0, 0, now));
    assert_eq!(values(&mut world), ["a"], "the checksum was made anew");
}
