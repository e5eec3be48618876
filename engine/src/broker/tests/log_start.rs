use kafka_protocol::ResponseError;
use kafka_protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use kafka_protocol::messages::{ApiKey, DeleteRecordsRequest, DeleteRecordsResponse};

use super::world::{CLIENT, World, batch, name, not_applied, values_of};
use crate::record::{Compression, RecordBatchBuilder};
use crate::{LogId, NotAppliedReason, Offset, SnapshotKind, StorageError, StorageOp};

const OUT_OF_RANGE: i16 = ResponseError::OffsetOutOfRange.code();

fn request(topic: &str, offset: Offset) -> DeleteRecordsRequest {
    let partition = DeleteRecordsPartition::default().with_offset(offset);
    let topic = DeleteRecordsTopic::default().with_name(name(topic)).with_partitions(vec![partition]);
    DeleteRecordsRequest::default().with_topics(vec![topic]).with_timeout_ms(1_000)
}

/// The error and the low watermark.
fn answer(response: &DeleteRecordsResponse) -> (i16, Offset) {
    let answer = &response.topics[0].partitions[0];
    (answer.error_code, answer.low_watermark)
}

fn delete(world: &mut World, offset: Offset) -> (i16, Offset) {
    answer(&world.ask(ApiKey::DeleteRecords, 2, &request("t", offset)))
}

/// Thirty records in segments of ten.
fn filled() -> World {
    let mut world = World::new();
    world.create("t", 1, &[("segment.bytes", "800")]);
    for index in 0..30 {
        assert_eq!(world.produce("t", 0, batch(&[&format!("value {index:02}")])), (0, index));
    }
    assert_eq!(segments(&world), [0, 10, 20]);
    world
}

fn log(world: &World) -> LogId {
    world.broker.partitions.keys().copied().max().unwrap()
}

fn segments(world: &World) -> Vec<Offset> {
    let log = log(world);
    world.disk.segments.keys().filter(|(of, _)| *of == log).map(|(_, base)| *base).collect()
}

/// A batch of an idempotent producer.
fn batch_of(producer: i64, sequence: i32, value: &str) -> bytes::Bytes {
    let mut builder = RecordBatchBuilder::new(Compression::None);
    builder.set_producer(producer, 0, sequence);
    builder.append(1_000, None, Some(value.as_bytes()), &[]).unwrap();
    builder.build()
}

#[test]
fn a_log_begins_where_it_was_told_to_also_after_a_restart() {
    for offset in [1, 9, 10, 11, 20, 25, 29, 30] {
        let mut world = filled();
        assert_eq!(delete(&mut world, offset), (0, offset));
        for restart in [false, true] {
            if restart {
                world = world.restarted(&[]);
            }
            assert_eq!(world.list_offset("t", 0, -2).1, offset);
            assert_eq!(world.list_offset("t", 0, -1).1, 30);
            let response = world.fetch("t", 0, offset - 1);
            let refused = &response.responses[0].partitions[0];
            assert_eq!((refused.error_code, refused.log_start_offset), (OUT_OF_RANGE, offset));
            let values = world.values("t", 0, offset);
            assert_eq!(values.first().map(|(offset, _)| *offset), (offset < 30).then_some(offset));
        }
        assert!(segments(&world).iter().all(|base| base + 10 > offset), "{offset}: {:?}", segments(&world));
        assert_eq!(world.produce("t", 0, batch(&["one more"])), (0, 30));
        let mut world = world.restarted(&[]);
        assert_eq!(world.values("t", 0, 30), [(30, "one more".to_owned())]);
        assert_eq!(world.list_offset("t", 0, -2).1, offset);
    }
}

#[test]
fn minus_one_deletes_all_and_what_is_out_of_range_nothing() {
    let mut world = filled();
    for offset in [31, -2, i64::MAX, i64::MIN] {
        assert_eq!(delete(&mut world, offset), (OUT_OF_RANGE, -1));
    }
    assert_eq!(world.list_offset("t", 0, -2).1, 0);
    assert_eq!(delete(&mut world, 15), (0, 15));
    assert_eq!(delete(&mut world, 3), (0, 15), "it does not go back");
    assert_eq!(delete(&mut world, -1), (0, 30));
    assert_eq!(delete(&mut world, -1), (0, 30));
    assert!(segments(&world).is_empty());
    let response: DeleteRecordsResponse = world.ask(ApiKey::DeleteRecords, 2, &request("none", 0));
    assert_eq!(answer(&response), (ResponseError::UnknownTopicOrPartition.code(), -1));
}

#[test]
fn a_batch_that_holds_the_log_start_is_given_whole() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    world.produce("t", 0, batch(&["a", "b", "c"]));
    assert_eq!(delete(&mut world, 1), (0, 1));
    let mut world = world.restarted(&[]);
    let response = world.fetch("t", 0, 1);
    let records = response.responses[0].partitions[0].records.clone().unwrap();
    assert_eq!(values_of(&records).len(), 3);
    assert_eq!(world.list_offset("t", 0, 0), (0, 1, 1_001), "the first that is in the log");
}

#[test]
fn a_waiting_fetch_learns_that_its_offset_is_gone() {
    let mut world = filled();
    let request = super::world::fetch_request("t", 0, 30, 1_000, 1_000);
    let id = world.send(CLIENT, ApiKey::Fetch, 11, &request);
    assert_eq!(delete_on_another_connection(&mut world, -1), (0, 30));
    assert!(world.answers.is_empty(), "the log end is in range");
    world.produce_on_other("t", 0, batch(&["v"]));
    let response: kafka_protocol::messages::FetchResponse = world.answer(ApiKey::Fetch, 11, id);
    assert_eq!(values_of(response.responses[0].partitions[0].records.as_ref().unwrap()).len(), 1);
}

fn delete_on_another_connection(world: &mut World, offset: Offset) -> (i16, Offset) {
    let id = world.send(super::world::OTHER, ApiKey::DeleteRecords, 2, &request("t", offset));
    answer(&world.answer(ApiKey::DeleteRecords, 2, id))
}

#[test]
fn a_read_that_is_under_way_while_its_segment_goes_is_out_of_range() {
    let mut world = World::over(filled().disk, &[("headwater.tail.max.bytes", "0")]);
    world.hold = |op| matches!(op, StorageOp::Read { .. } | StorageOp::DeleteSegments { .. });
    let fetch = super::world::fetch_request("t", 0, 3, 1_000, 0);
    let id = world.send(CLIENT, ApiKey::Fetch, 11, &fetch);
    let deletion = world.send(super::world::OTHER, ApiKey::DeleteRecords, 2, &request("t", 20));
    // The storage has dropped the segment, and answers the read first.
    let dropped = world.held[1].1.clone();
    world.disk.execute(&dropped).unwrap();
    world.release(None);
    let response: kafka_protocol::messages::FetchResponse = world.answer(ApiKey::Fetch, 11, id);
    assert_eq!(response.responses[0].partitions[0].error_code, OUT_OF_RANGE);
    world.release(None);
    let response: DeleteRecordsResponse = world.answer(ApiKey::DeleteRecords, 2, deletion);
    assert_eq!(answer(&response), (0, 20));
}

#[test]
fn what_is_produced_while_the_log_is_emptied_stays() {
    for refuse in [false, true] {
        let mut world = filled();
        world.hold = |op| matches!(op, StorageOp::DeleteSegments { .. } | StorageOp::Append { .. });
        let deletion = world.send(CLIENT, ApiKey::DeleteRecords, 2, &request("t", -1));
        let produce = super::world::produce_request("t", 0, batch(&["during"]), -1);
        let produce = world.send(super::world::OTHER, ApiKey::Produce, 9, &produce);
        world.release(refuse.then(|| not_applied(NotAppliedReason::Full)));
        world.hold = |_| false;
        while !world.held.is_empty() {
            world.release(None);
        }
        let mut answers = [false; 2];
        for _ in 0..2 {
            let (connection, _) = world.answers.front().unwrap();
            if *connection == CLIENT {
                let response: DeleteRecordsResponse = world.answer(ApiKey::DeleteRecords, 2, deletion);
                assert_eq!(answer(&response), (0, 30));
                answers[0] = true;
            } else {
                let response = world.answer(ApiKey::Produce, 9, produce);
                assert_eq!(super::world::produced(&response), (0, 30));
                answers[1] = true;
            }
        }
        assert_eq!(answers, [true, true]);
        for _ in 0..2 {
            assert_eq!(world.values("t", 0, 30), [(30, "during".to_owned())], "{refuse}");
            assert_eq!(world.list_offset("t", 0, -2).1, 30);
            world = world.restarted(&[]);
        }
    }
}

#[test]
fn appends_under_way_are_not_in_the_way_and_may_be_refused() {
    let mut world = filled();
    world.hold = |op| matches!(op, StorageOp::Append { .. });
    let large = batch(&[&"x".repeat(500)]);
    for (connection, value) in [(7, batch(&["small"])), (8, large)] {
        let request = super::world::produce_request("t", 0, value, -1);
        world.send(crate::ConnectionId(connection), ApiKey::Produce, 9, &request);
    }
    assert_eq!(delete(&mut world, 30), (0, 30));
    assert_eq!(segments(&world), [20], "what is under way goes there");
    world.release(Some(not_applied(NotAppliedReason::Full)));
    world.release(Some(not_applied(NotAppliedReason::Full)));
    world.hold = |_| false;
    world.answers.clear();
    assert_eq!(world.produce("t", 0, batch(&["again"])), (0, 30));
    let mut world = world.restarted(&[]);
    assert_eq!(world.values("t", 0, 30), [(30, "again".to_owned())]);
    assert_eq!(world.list_offset("t", 0, -2).1, 30);
}

#[test]
fn what_producers_sent_last_is_known_after_all_of_it_was_deleted() {
    let mut world = filled();
    for sequence in 0..3 {
        assert_eq!(world.produce("t", 0, batch_of(5, sequence, "v")), (0, 30 + i64::from(sequence)));
    }
    assert_eq!(delete(&mut world, -1), (0, 33));
    assert!(segments(&world).is_empty());
    let mut world = world.restarted(&[]);
    assert_eq!(world.produce("t", 0, batch_of(5, 2, "v")), (0, 32), "sent again");
    let (error, _) = world.produce("t", 0, batch_of(5, 4, "v"));
    assert_eq!(error, ResponseError::OutOfOrderSequenceNumber.code());
    assert_eq!(world.produce("t", 0, batch_of(5, 3, "v")), (0, 33));
    let mut world = world.restarted(&[]);
    assert_eq!(world.produce("t", 0, batch_of(5, 3, "v")), (0, 33));
}

/// Answers what is held: puts are refused, other operations are done. Returns how many were refused.
fn release_without_room(world: &mut World) -> usize {
    let mut refused = 0;
    for _ in 0..100 {
        let Some((_, op)) = world.held.front() else { return refused };
        let grows = matches!(op, StorageOp::PutSnapshot { .. })
            || matches!(op, StorageOp::DeleteSegments { log_start_offset: Some(_), .. });
        refused += usize::from(grows);
        world.release(grows.then(|| not_applied(NotAppliedReason::Full)));
    }
    panic!("it goes on for ever");
}

#[test]
fn without_any_room_segments_are_dropped_all_the_same() {
    for (offset, start, left) in [(20, 20, vec![20, 30]), (25, 20, vec![20, 30]), (-1, 30, vec![30])] {
        let mut world = filled();
        assert_eq!(world.produce("t", 0, batch_of(5, 0, "v")), (0, 30));
        world.hold = |op| matches!(op, StorageOp::DeleteSegments { .. } | StorageOp::PutSnapshot { .. });
        let id = world.send(CLIENT, ApiKey::DeleteRecords, 2, &request("t", offset));
        release_without_room(&mut world);
        let response: DeleteRecordsResponse = world.answer(ApiKey::DeleteRecords, 2, id);
        let expected = if offset == 20 { (0, 20) } else { (ResponseError::KafkaStorageError.code(), -1) };
        assert_eq!(answer(&response), expected);
        assert_eq!(segments(&world), left);
        world.hold = |_| false;
        assert_eq!(world.list_offset("t", 0, -2).1, start);
        assert_eq!(world.produce("t", 0, batch_of(5, 1, "v")), (0, 31));
        let mut world = world.restarted(&[]);
        assert_eq!(world.list_offset("t", 0, -2).1, start);
        assert_eq!(world.produce("t", 0, batch_of(5, 1, "v")), (0, 31));
        assert_eq!(delete(&mut world, -1), (0, 32), "with room it works");
    }
}

#[test]
fn an_unknown_outcome_is_settled_by_reading_the_log_again() {
    for applied in [false, true] {
        let mut world = filled();
        world.hold = |op| matches!(op, StorageOp::DeleteSegments { .. });
        let id = world.send(CLIENT, ApiKey::DeleteRecords, 2, &request("t", 15));
        world.hold = |_| false;
        if applied {
            let op = world.held[0].1.clone();
            world.disk.execute(&op).unwrap();
        }
        world.release(Some(StorageError::Unknown { message: "silence".to_owned() }));
        let response: DeleteRecordsResponse = world.answer(ApiKey::DeleteRecords, 2, id);
        assert_eq!(answer(&response), (0, 15));
        assert_eq!(segments(&world), [10, 20]);
        assert_eq!(world.produce("t", 0, batch(&["v"])), (0, 30));
        assert_eq!(world.restarted(&[]).list_offset("t", 0, -2).1, 15);
    }
}

#[test]
fn an_append_of_unknown_outcome_waits_for_the_move() {
    let mut world = filled();
    world.hold = |op| matches!(op, StorageOp::DeleteSegments { .. } | StorageOp::Append { .. });
    let produce = super::world::produce_request("t", 0, batch(&["during"]), -1);
    world.send(super::world::OTHER, ApiKey::Produce, 9, &produce);
    let deletion = world.send(CLIENT, ApiKey::DeleteRecords, 2, &request("t", 15));
    world.release(Some(StorageError::Unknown { message: "silence".to_owned() }));
    let loads = |world: &World| {
        let is_load = |op: &&StorageOp| matches!(op, StorageOp::Load { .. }) && op.log() == log(world);
        world.asked.iter().filter(is_load).count()
    };
    assert_eq!(loads(&world), 0, "the move is still under way");
    world.hold = |_| false;
    world.release(None);
    assert_eq!(loads(&world), 1);
    world.answers.retain(|(connection, _)| *connection == CLIENT);
    let response: DeleteRecordsResponse = world.answer(ApiKey::DeleteRecords, 2, deletion);
    assert_eq!(answer(&response), (0, 15));
    assert_eq!(world.produce("t", 0, batch(&["v"])), (0, 30));
}

#[test]
fn a_log_that_ends_below_its_start_begins_anew_there() {
    let mut world = filled();
    assert_eq!(delete(&mut world, 25), (0, 25));
    let log = log(&world);
    world.disk.segments.get_mut(&(log, 20)).unwrap().truncate(100);
    let mut world = world.restarted(&[]);
    assert_eq!((world.list_offset("t", 0, -2).1, world.list_offset("t", 0, -1).1), (25, 25));
    assert!(segments(&world).is_empty());
    assert_eq!(world.produce("t", 0, batch(&["v"])), (0, 25));
    assert_eq!(world.restarted(&[]).values("t", 0, 25), [(25, "v".to_owned())]);
}

#[test]
fn a_log_without_segments_begins_where_it_goes_on() {
    let mut world = filled();
    let log = log(&world);
    world.disk.segments.retain(|(other, _), _| *other != log);
    let mut world = world.restarted(&[]);
    let end = world.list_offset("t", 0, -1).1;
    assert_eq!(
        (world.list_offset("t", 0, -2).1, end),
        (end, 20),
        "a snapshot of the producers' states says so"
    );
    assert_eq!(world.produce("t", 0, batch(&["v"])), (0, end));
    assert_eq!(world.restarted(&[]).list_offset("t", 0, -2).1, end);
}

#[test]
fn a_snapshot_beyond_the_end_of_a_log_does_not_say_where_it_goes_on() {
    let mut world = filled();
    let log = log(&world);
    let empty = crate::producer_state::ProducerStates::default().encode();
    world.disk.snapshots.insert((log, SnapshotKind::ProducerState, 1_000), empty);
    let mut world = world.restarted(&[]);
    assert_eq!(delete(&mut world, 30), (0, 30));
    assert_eq!(world.restarted(&[]).list_offset("t", 0, -1).1, 30);
}

/// A damaged batch below the log start costs nothing above it.
#[test]
fn damage_below_the_log_start_leaves_what_stands_behind() {
    let mut world = filled();
    assert_eq!(delete(&mut world, 5), (0, 5));
    let log = log(&world);
    world.disk.snapshots.clear();
    world.disk.segments.get_mut(&(log, 0)).unwrap()[100] ^= 1;
    let mut world = world.restarted(&[]);
    assert_eq!(segments(&world), [0, 10, 20]);
    assert_eq!([5, 10, 20].map(|offset| world.values("t", 0, offset).len()), [5, 10, 10]);
    assert_eq!(world.produce("t", 0, batch(&["v"])), (0, 30));
    assert_eq!(world.restarted(&[]).values("t", 0, 30), [(30, "v".to_owned())]);
}

#[test]
fn a_deleted_topic_answers_for_its_moves() {
    let mut world = filled();
    world.hold = |op| matches!(op, StorageOp::DeleteSegments { .. });
    let deletion = world.send(CLIENT, ApiKey::DeleteRecords, 2, &request("t", 15));
    let request = kafka_protocol::messages::DeleteTopicsRequest::default().with_topic_names(vec![name("t")]);
    world.send(super::world::OTHER, ApiKey::DeleteTopics, 5, &request);
    world.answers.retain(|(connection, _)| *connection == CLIENT);
    let response: DeleteRecordsResponse = world.answer(ApiKey::DeleteRecords, 2, deletion);
    assert_eq!(answer(&response), (ResponseError::UnknownTopicOrPartition.code(), -1));
    world.release(None);
}

#[test]
fn producers_snapshots_are_two_and_at_the_log_start() {
    let mut world = World::new();
    world.create("t", 1, &[("segment.bytes", "800")]);
    for sequence in 0..55 {
        assert_eq!(world.produce("t", 0, batch_of(5, sequence, "value 00")).0, 0);
    }
    assert_eq!(delete(&mut world, 45), (0, 45));
    let kept = world.disk.snapshots.keys().filter(|(_, kind, _)| *kind == SnapshotKind::ProducerState);
    assert_eq!(kept.map(|(_, _, offset)| *offset).collect::<Vec<_>>(), [40, 50]);
    let mut world = world.restarted(&[]);
    assert_eq!(world.produce("t", 0, batch_of(5, 54, "value 00")), (0, 54));
}
