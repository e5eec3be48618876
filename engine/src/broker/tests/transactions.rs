//! The partitions' side of transactions: markers and what follows from them.

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use kafka_protocol::messages::describe_producers_request::TopicRequest;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::write_txn_markers_request::{WritableTxnMarker, WritableTxnMarkerTopic};
use kafka_protocol::messages::{
    ApiKey, DeleteRecordsRequest, DeleteRecordsResponse, DescribeProducersRequest, DescribeProducersResponse,
    FetchRequest, FetchResponse, ListOffsetsRequest, ListOffsetsResponse, ProduceResponse, TransactionalId,
    WriteTxnMarkersRequest, WriteTxnMarkersResponse,
};
use kafka_protocol::protocol::StrBytes;

use super::world::{
    CLIENT, Disk, OTHER, World, batch, fetch_request, name, not_applied, produce_request, produced,
};
use crate::record::{Batches, Compression, EndMarker, RecordBatchBuilder};
use crate::{NotAppliedReason, Offset};

/// The producer of most tests here, and its coordinator's epoch.
pub(super) const PRODUCER: i64 = 5;
pub(super) const COORDINATOR_EPOCH: i32 = 3;

/// These transactions have no coordinator that could be asked.
const ALONE: [(&str, &str); 1] = [("transaction.partition.verification.enable", "false")];

pub(super) fn transactional_batch(producer: (i64, i16), sequence: i32, values: &[&str]) -> Bytes {
    let mut builder = RecordBatchBuilder::new(Compression::None);
    builder.set_producer(producer.0, producer.1, sequence);
    builder.set_transactional(true);
    for value in values {
        builder.append(1_700_000_000_000, None, Some(value.as_bytes()), &[]).unwrap();
    }
    builder.build()
}

/// Produces records of a transaction to partition 0 of topic `t`.
pub(super) fn write(
    world: &mut World,
    producer: (i64, i16),
    sequence: i32,
    values: &[&str],
) -> (i16, Offset) {
    let records = transactional_batch(producer, sequence, values);
    let response: ProduceResponse = world.ask(ApiKey::Produce, 9, &in_transaction(records));
    produced(&response)
}

pub(super) fn in_transaction(records: Bytes) -> kafka_protocol::messages::ProduceRequest {
    let id = TransactionalId(StrBytes::from_static_str("tx"));
    produce_request("t", 0, records, -1).with_transactional_id(Some(id))
}

pub(super) fn marker(producer: (i64, i16), coordinator_epoch: i32, commit: bool) -> EndMarker {
    EndMarker { producer_id: producer.0, producer_epoch: producer.1, coordinator_epoch, commit }
}

pub(super) fn markers_request(topic: &str, partitions: &[i32], end: EndMarker) -> WriteTxnMarkersRequest {
    let topic =
        WritableTxnMarkerTopic::default().with_name(name(topic)).with_partition_indexes(partitions.to_vec());
    let marker = WritableTxnMarker::default()
        .with_producer_id(end.producer_id.into())
        .with_producer_epoch(end.producer_epoch)
        .with_coordinator_epoch(end.coordinator_epoch)
        .with_transaction_result(end.commit)
        .with_topics(vec![topic]);
    WriteTxnMarkersRequest::default().with_markers(vec![marker])
}

/// Ends a transaction in partition 0 of topic `t`; returns the error code.
pub(super) fn end(world: &mut World, end: EndMarker) -> i16 {
    let response: WriteTxnMarkersResponse =
        world.ask(ApiKey::WriteTxnMarkers, 1, &markers_request("t", &[0], end));
    only_code(&response)
}

fn only_code(response: &WriteTxnMarkersResponse) -> i16 {
    assert_eq!(response.markers[0].producer_id.0, PRODUCER);
    response.markers[0].topics[0].partitions[0].error_code
}

pub(super) fn world() -> World {
    let mut world = World::over(Disk::default(), &ALONE);
    world.create("t", 1, &[]);
    world
}

fn stored_markers(world: &mut World) -> Vec<(Offset, EndMarker)> {
    let response = world.fetch("t", 0, 0);
    let records = response.responses[0].partitions[0].records.clone().unwrap();
    let batches = Batches::new(&records).map(|batch| batch.unwrap());
    batches.filter_map(|batch| Some((batch.base_offset(), EndMarker::of(batch)?))).collect()
}

#[test]
fn a_marker_takes_an_offset_and_says_how_the_transaction_ended() {
    let mut world = world();
    for (round, commit) in [true, false].into_iter().enumerate() {
        let first = i64::try_from(round).unwrap() * 3;
        let sequence = i32::try_from(round).unwrap() * 2;
        assert_eq!(write(&mut world, (PRODUCER, 0), sequence, &["a", "b"]), (0, first));
        assert_eq!(end(&mut world, marker((PRODUCER, 0), COORDINATOR_EPOCH, commit)), 0);
    }
    let expected = [true, false].map(|commit| marker((PRODUCER, 0), COORDINATOR_EPOCH, commit));
    assert_eq!(stored_markers(&mut world), [(2, expected[0]), (5, expected[1])]);
    assert_eq!(world.produce("t", 0, batch(&["c"])), (0, 6));
}

#[test]
fn a_marker_is_answered_when_it_is_durable_and_told_of_a_refusal() {
    let mut world = world();
    write(&mut world, (PRODUCER, 0), 0, &["a"]);
    world.hold_appends = true;
    let request = markers_request("t", &[0], marker((PRODUCER, 0), COORDINATOR_EPOCH, true));
    let first = world.send(CLIENT, ApiKey::WriteTxnMarkers, 1, &request);
    let again = world.send(CLIENT, ApiKey::WriteTxnMarkers, 1, &request);
    assert!(world.answers.is_empty());
    assert_eq!(world.held.len(), 1, "the same marker is not written twice");
    world.release(Some(not_applied(NotAppliedReason::Full)));
    for id in [first, again] {
        let response = world.answer(ApiKey::WriteTxnMarkers, 1, id);
        assert_eq!(only_code(&response), ResponseError::KafkaStorageError.code());
    }
    world.hold_appends = false;
    let response: WriteTxnMarkersResponse = world.ask(ApiKey::WriteTxnMarkers, 1, &request);
    assert_eq!(only_code(&response), 0);
    assert_eq!(stored_markers(&mut world).len(), 1);
}

#[test]
fn a_marker_sent_again_changes_nothing_also_after_a_restart() {
    let mut world = world();
    write(&mut world, (PRODUCER, 0), 0, &["a"]);
    let committed = marker((PRODUCER, 0), COORDINATOR_EPOCH, true);
    assert_eq!(end(&mut world, committed), 0);
    assert_eq!(end(&mut world, committed), 0);
    let mut world = world.restarted(&ALONE);
    assert_eq!(end(&mut world, committed), 0);
    assert_eq!(stored_markers(&mut world), [(1, committed)]);
}

#[test]
fn markers_of_replaced_coordinators_and_producers_are_refused() {
    let mut world = world();
    write(&mut world, (PRODUCER, 2), 0, &["a"]);
    assert_eq!(
        end(&mut world, marker((PRODUCER, 1), COORDINATOR_EPOCH, true)),
        ResponseError::InvalidProducerEpoch.code()
    );
    assert_eq!(end(&mut world, marker((PRODUCER, 2), COORDINATOR_EPOCH, false)), 0);
    write(&mut world, (PRODUCER, 2), 1, &["b"]);
    assert_eq!(
        end(&mut world, marker((PRODUCER, 2), COORDINATOR_EPOCH - 1, true)),
        ResponseError::TransactionCoordinatorFenced.code()
    );
    assert_eq!(end(&mut world, marker((PRODUCER, 2), COORDINATOR_EPOCH + 1, true)), 0);
}

#[test]
fn a_marker_of_a_later_epoch_fences_the_producer() {
    let mut world = world();
    write(&mut world, (PRODUCER, 0), 0, &["a"]);
    assert_eq!(end(&mut world, marker((PRODUCER, 1), COORDINATOR_EPOCH, false)), 0);
    let fenced = write(&mut world, (PRODUCER, 0), 1, &["late"]);
    assert_eq!(fenced.0, ResponseError::InvalidProducerEpoch.code());
    let out_of_order = write(&mut world, (PRODUCER, 1), 1, &["gap"]);
    assert_eq!(out_of_order.0, ResponseError::OutOfOrderSequenceNumber.code());
    assert_eq!(write(&mut world, (PRODUCER, 1), 0, &["b"]), (0, 2));
}

#[test]
fn markers_for_partitions_that_are_not_here_are_refused_each_by_itself() {
    let mut world = world();
    let wanted = marker((PRODUCER, 0), COORDINATOR_EPOCH, true);
    let response: WriteTxnMarkersResponse =
        world.ask(ApiKey::WriteTxnMarkers, 1, &markers_request("t", &[0, 7], wanted));
    let codes: Vec<i16> =
        response.markers[0].topics[0].partitions.iter().map(|partition| partition.error_code).collect();
    assert_eq!(codes, [0, ResponseError::UnknownTopicOrPartition.code()]);
    let response: WriteTxnMarkersResponse =
        world.ask(ApiKey::WriteTxnMarkers, 1, &markers_request("none", &[0], wanted));
    assert_eq!(only_code(&response), ResponseError::UnknownTopicOrPartition.code());
    assert_eq!(end(&mut world, marker((PRODUCER, -1), COORDINATOR_EPOCH, true)), 42);
}

#[test]
fn outside_of_its_open_transaction_a_producer_may_not_write() {
    let mut world = world();
    write(&mut world, (PRODUCER, 0), 0, &["a"]);
    let mut builder = RecordBatchBuilder::new(Compression::None);
    builder.set_producer(PRODUCER, 0, 1);
    builder.append(0, None, Some(b"outside"), &[]).unwrap();
    let outside = builder.build();
    assert_eq!(world.produce("t", 0, outside.clone()).0, ResponseError::InvalidTxnState.code());
    end(&mut world, marker((PRODUCER, 0), COORDINATOR_EPOCH, true));
    assert_eq!(world.produce("t", 0, outside), (0, 2));
}

#[test]
fn readers_of_committed_records_go_as_far_as_all_is_decided() {
    let mut world = world();
    world.produce("t", 0, batch(&["before"]));
    write(&mut world, (PRODUCER, 0), 0, &["a", "b"]);
    world.produce("t", 0, batch(&["after"]));
    assert_eq!(committed(&mut world, 0), Read { stable: 1, values: vec![(0, "before")], aborted: vec![] });
    assert_eq!(world.values("t", 0, 0).len(), 4, "others read on");
    assert_eq!(latest(&mut world, 1), 1);
    assert_eq!(latest(&mut world, 0), 4);
    end(&mut world, marker((PRODUCER, 0), COORDINATOR_EPOCH, true));
    let values = vec![(0, "before"), (1, "a"), (2, "b"), (3, "after")];
    assert_eq!(committed(&mut world, 0), Read { stable: 5, values, aborted: vec![] });
    assert_eq!(latest(&mut world, 1), 5);
}

#[test]
fn an_earlier_open_transaction_holds_back_later_ones_that_have_ended() {
    let mut world = world();
    write(&mut world, (PRODUCER + 1, 0), 0, &["open"]);
    write(&mut world, (PRODUCER, 0), 0, &["a"]);
    end(&mut world, marker((PRODUCER, 0), COORDINATOR_EPOCH, true));
    assert_eq!(committed(&mut world, 0).stable, 0);
    let other = markers_request("t", &[0], marker((PRODUCER + 1, 0), COORDINATOR_EPOCH, false));
    let _: WriteTxnMarkersResponse = world.ask(ApiKey::WriteTxnMarkers, 1, &other);
    let read = committed(&mut world, 0);
    assert_eq!((read.stable, read.aborted), (4, vec![(PRODUCER + 1, 0)]));
}

#[test]
fn an_end_that_is_not_stored_decides_nothing() {
    let mut world = world();
    write(&mut world, (PRODUCER, 0), 0, &["a"]);
    world.hold_appends = true;
    let request = markers_request("t", &[0], marker((PRODUCER, 0), COORDINATOR_EPOCH, false));
    world.send(CLIENT, ApiKey::WriteTxnMarkers, 1, &request);
    assert_eq!(committed_on_other(&mut world, 0).stable, 0);
    world.release(Some(not_applied(NotAppliedReason::Full)));
    world.answers.clear();
    assert_eq!(committed(&mut world, 0).stable, 0, "it is open still");
    world.hold_appends = false;
    end(&mut world, marker((PRODUCER, 0), COORDINATOR_EPOCH, true));
    assert_eq!(committed(&mut world, 0), Read { stable: 2, values: vec![(0, "a")], aborted: vec![] });
}

#[test]
fn what_was_aborted_is_told_for_the_records_that_are_given() {
    // Whether memory has the batches or storage is read, from one segment or many, and after a restart.
    for configs in [&[][..], &[("segment.bytes", "200")]] {
        let mut world = World::over(Disk::default(), &ALONE);
        world.create("t", 1, configs);
        for round in 0..6_i32 {
            write(&mut world, (PRODUCER, 0), round, &["x"]);
            end(&mut world, marker((PRODUCER, 0), COORDINATOR_EPOCH + round, round % 2 == 0));
        }
        for restart in [false, true] {
            if restart {
                world = world.restarted(&ALONE);
            }
            let all = read_all_committed(&mut world);
            assert_eq!(all, [0, 4, 8], "restart: {restart}, {configs:?}");
            assert!(
                committed(&mut world, 11).aborted.is_empty() || committed(&mut world, 11).values.is_empty()
            );
        }
    }
}

#[test]
fn aborted_transactions_are_known_for_as_long_as_their_records_can_be_read() {
    let mut world = World::over(Disk::default(), &ALONE);
    world.create("t", 1, &[("segment.bytes", "100")]);
    for round in 0..3_i32 {
        write(&mut world, (PRODUCER, 0), round, &["x"]);
        end(&mut world, marker((PRODUCER, 0), COORDINATOR_EPOCH + round, false));
    }
    delete_below(&mut world, 3);
    for restart in [false, true] {
        if restart {
            world = world.restarted(&ALONE);
        }
        let known = world.broker.partitions.values().find(|partition| partition.name.topic == "t").unwrap();
        let aborted = known.log.producers().aborted_between(0, Offset::MAX);
        let offsets: Vec<Offset> = aborted.iter().map(|aborted| aborted.first_offset).collect();
        assert_eq!(offsets, [2, 4], "restart: {restart}");
        assert!(read_all_committed(&mut world).is_empty());
    }
}

#[test]
fn deleting_the_records_of_an_open_transaction_does_not_move_the_end_of_what_is_decided_back() {
    let mut world = world();
    write(&mut world, (PRODUCER, 0), 0, &["a", "b"]);
    world.produce("t", 0, batch(&["c"]));
    delete_below(&mut world, 1);
    assert_eq!(committed(&mut world, 1).stable, 1);
    delete_below(&mut world, 3);
    assert_eq!(committed(&mut world, 3).stable, 3);
    write(&mut world, (PRODUCER, 0), 2, &["d"]);
    assert_eq!(committed(&mut world, 3).stable, 3);
    end(&mut world, marker((PRODUCER, 0), COORDINATOR_EPOCH, true));
    assert_eq!(committed(&mut world, 3), Read { stable: 5, values: vec![(3, "d")], aborted: vec![] });
}

#[test]
fn a_reader_that_waits_is_woken_when_a_transaction_ends() {
    let mut world = world();
    write(&mut world, (PRODUCER, 0), 0, &["a"]);
    let request = fetch_request("t", 0, 0, 1 << 20, 60_000).with_isolation_level(1);
    let waiting = world.send(CLIENT, ApiKey::Fetch, 11, &request);
    world.produce_on_other("t", 0, batch(&["b"]));
    assert!(world.answers.is_empty(), "nothing more is decided");
    let ending = markers_request("t", &[0], marker((PRODUCER, 0), COORDINATOR_EPOCH, true));
    world.send(OTHER, ApiKey::WriteTxnMarkers, 1, &ending);
    world.answers.retain(|(connection, _)| *connection == CLIENT);
    let response: FetchResponse = world.answer(ApiKey::Fetch, 11, waiting);
    assert_eq!(read_of(&response).values, [(0, "a"), (1, "b")]);
}

#[test]
fn producers_and_their_open_transactions_are_described() {
    let mut world = world();
    write(&mut world, (PRODUCER, 0), 0, &["a"]);
    end(&mut world, marker((PRODUCER, 0), COORDINATOR_EPOCH, true));
    write(&mut world, (PRODUCER, 0), 1, &["b", "c"]);
    let asked = TopicRequest::default().with_name(name("t")).with_partition_indexes(vec![0, 9]);
    let request = DescribeProducersRequest::default().with_topics(vec![asked]);
    let response: DescribeProducersResponse = world.ask(ApiKey::DescribeProducers, 0, &request);
    let partitions = &response.topics[0].partitions;
    let known = &partitions[0].active_producers[0];
    assert_eq!(
        (known.producer_id.0, known.producer_epoch, known.last_sequence, known.coordinator_epoch),
        (PRODUCER, 0, 2, COORDINATOR_EPOCH)
    );
    assert_eq!((known.current_txn_start_offset, known.last_timestamp), (2, 1_700_000_000_000));
    assert_eq!(partitions[1].error_code, ResponseError::UnknownTopicOrPartition.code());
}

/// What a reader of committed records is given.
#[derive(PartialEq, Eq, Debug)]
struct Read {
    stable: Offset,
    values: Vec<(Offset, &'static str)>,
    aborted: Vec<(i64, Offset)>,
}

fn read_of(response: &FetchResponse) -> Read {
    let answer = &response.responses[0].partitions[0];
    assert_eq!(answer.error_code, 0);
    let mut values = Vec::new();
    for batch in Batches::new(answer.records.as_deref().unwrap_or_default()).map(Result::unwrap) {
        for record in batch.records().unwrap().iter().filter(|_| !batch.is_control()).map(Result::unwrap) {
            let value = String::from_utf8(record.value.unwrap().to_vec()).unwrap();
            values.push((record.offset, &*value.leak()));
        }
    }
    let aborted = answer.aborted_transactions.iter().flatten();
    let aborted = aborted.map(|aborted| (aborted.producer_id.0, aborted.first_offset)).collect();
    Read { stable: answer.last_stable_offset, values, aborted }
}

fn committed_request(offset: Offset) -> FetchRequest {
    fetch_request("t", 0, offset, 1 << 20, 0).with_isolation_level(1)
}

fn committed(world: &mut World, offset: Offset) -> Read {
    let response: FetchResponse = world.ask(ApiKey::Fetch, 11, &committed_request(offset));
    read_of(&response)
}

/// The same while an answer on [`CLIENT`] has not come.
fn committed_on_other(world: &mut World, offset: Offset) -> Read {
    let id = world.send(OTHER, ApiKey::Fetch, 11, &committed_request(offset));
    let response: FetchResponse = world.answer(ApiKey::Fetch, 11, id);
    read_of(&response)
}

/// The offsets of all records that count, read one batch at a time as a consumer does.
fn read_all_committed(world: &mut World) -> Vec<Offset> {
    let mut offsets = Vec::new();
    let known = world.broker.partitions.values().find(|partition| partition.name.topic == "t").unwrap();
    let (mut next, stable) = (known.log.log_start_offset(), known.log.last_stable_offset());
    while next < stable {
        let request = fetch_request("t", 0, next, 1, 0).with_isolation_level(1);
        let response: FetchResponse = world.ask(ApiKey::Fetch, 11, &request);
        let answer = &response.responses[0].partitions[0];
        let records = answer.records.clone().unwrap();
        let batch = Batches::new(&records).next().unwrap().unwrap();
        next = batch.next_offset();
        let mut aborted = answer.aborted_transactions.iter().flatten();
        let is_aborted = aborted.any(|aborted| {
            aborted.producer_id.0 == batch.producer_id() && aborted.first_offset <= batch.base_offset()
        });
        if !batch.is_control() && !is_aborted {
            offsets.push(batch.base_offset());
        }
    }
    offsets
}

fn latest(world: &mut World, isolation_level: i8) -> Offset {
    let wanted = ListOffsetsPartition::default().with_timestamp(-1);
    let request = ListOffsetsRequest::default()
        .with_replica_id((-1).into())
        .with_isolation_level(isolation_level)
        .with_topics(vec![ListOffsetsTopic::default().with_name(name("t")).with_partitions(vec![wanted])]);
    let response: ListOffsetsResponse = world.ask(ApiKey::ListOffsets, 7, &request);
    response.topics[0].partitions[0].offset
}

fn delete_below(world: &mut World, offset: Offset) {
    let partition = DeleteRecordsPartition::default().with_offset(offset);
    let topic = DeleteRecordsTopic::default().with_name(name("t")).with_partitions(vec![partition]);
    let response: DeleteRecordsResponse =
        world.ask(ApiKey::DeleteRecords, 2, &DeleteRecordsRequest::default().with_topics(vec![topic]));
    assert_eq!(response.topics[0].partitions[0].error_code, 0);
}
