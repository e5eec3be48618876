//! What tests of the transaction coordinator ask a broker.

use kafka_protocol::messages::add_partitions_to_txn_request::{
    AddPartitionsToTxnTopic, AddPartitionsToTxnTransaction,
};
use kafka_protocol::messages::{
    AddOffsetsToTxnRequest, AddOffsetsToTxnResponse, AddPartitionsToTxnRequest, AddPartitionsToTxnResponse,
    ApiKey, DescribeTransactionsRequest, DescribeTransactionsResponse, EndTxnRequest, EndTxnResponse,
    FindCoordinatorRequest, FindCoordinatorResponse, InitProducerIdRequest, InitProducerIdResponse,
    ProduceRequest, TransactionalId,
};

use super::group_world::{group, text};
use super::transactions::transactional_batch;
use super::world::{Disk, World, name, produce_request};
use crate::record::{Batches, EndMarker};
use crate::{Offset, StorageOp};

pub(super) const CONFIGS: [(&str, &str); 2] =
    [("offsets.topic.num.partitions", "3"), ("transaction.state.log.num.partitions", "2")];

pub(super) type Producer = (i64, i16);

/// A broker with a coordinator of transactions, and a topic `t` of two partitions.
pub(super) fn world() -> World {
    world_with(&[])
}

pub(super) fn world_with(configs: &[(&str, &str)]) -> World {
    let configs: Vec<_> = CONFIGS.iter().chain(configs).copied().collect();
    let mut world = World::over(Disk::default(), &configs);
    world.create("t", 2, &[]);
    assert_eq!(find_coordinator(&mut world, 1, "tx"), 0);
    world
}

pub(super) fn txn(id: &str) -> TransactionalId {
    TransactionalId(text(id))
}

pub(super) fn find_coordinator(world: &mut World, key_type: i8, id: &str) -> i16 {
    let request =
        FindCoordinatorRequest::default().with_key_type(key_type).with_coordinator_keys(vec![text(id)]);
    let response: FindCoordinatorResponse = world.ask(ApiKey::FindCoordinator, 4, &request);
    response.coordinators[0].error_code
}

pub(super) fn init_request(id: &str, asked: Option<Producer>) -> InitProducerIdRequest {
    let (producer_id, epoch) = asked.unwrap_or((-1, -1));
    InitProducerIdRequest::default()
        .with_transactional_id(Some(txn(id)))
        .with_transaction_timeout_ms(60_000)
        .with_producer_id(producer_id.into())
        .with_producer_epoch(epoch)
}

pub(super) fn initialized(response: &InitProducerIdResponse) -> Result<Producer, i16> {
    match response.error_code {
        0 => Ok((response.producer_id.0, response.producer_epoch)),
        code => Err(code),
    }
}

pub(super) fn init(world: &mut World, id: &str) -> Result<Producer, i16> {
    initialized(&world.ask(ApiKey::InitProducerId, 4, &init_request(id, None)))
}

pub(super) fn add_request(id: &str, producer: Producer, wanted: &[(&str, i32)]) -> AddPartitionsToTxnRequest {
    let topics = wanted.iter().map(|(topic, index)| {
        AddPartitionsToTxnTopic::default().with_name(name(topic)).with_partitions(vec![*index])
    });
    AddPartitionsToTxnRequest::default()
        .with_v3_and_below_transactional_id(txn(id))
        .with_v3_and_below_producer_id(producer.0.into())
        .with_v3_and_below_producer_epoch(producer.1)
        .with_v3_and_below_topics(topics.collect())
}

/// One of the transactions in a request of versions 4 and 5, with a partition of `t`.
pub(super) fn transaction(
    id: &str,
    producer: Producer,
    verify_only: bool,
    partition: i32,
) -> AddPartitionsToTxnTransaction {
    let topic = AddPartitionsToTxnTopic::default().with_name(name("t")).with_partitions(vec![partition]);
    AddPartitionsToTxnTransaction::default()
        .with_transactional_id(txn(id))
        .with_producer_id(producer.0.into())
        .with_producer_epoch(producer.1)
        .with_verify_only(verify_only)
        .with_topics(vec![topic])
}

pub(super) fn added(response: &AddPartitionsToTxnResponse) -> Vec<i16> {
    let of_brokers = response.results_by_transaction.iter().flat_map(|result| &result.topic_results);
    let results = response.results_by_topic_v3_and_below.iter().chain(of_brokers);
    results.flat_map(|topic| &topic.results_by_partition).map(|answer| answer.partition_error_code).collect()
}

pub(super) fn add(world: &mut World, id: &str, producer: Producer, wanted: &[(&str, i32)]) -> Vec<i16> {
    added(&world.ask(ApiKey::AddPartitionsToTxn, 3, &add_request(id, producer, wanted)))
}

pub(super) fn add_offsets(world: &mut World, id: &str, producer: Producer, group_id: &str) -> i16 {
    let request = AddOffsetsToTxnRequest::default()
        .with_transactional_id(txn(id))
        .with_producer_id(producer.0.into())
        .with_producer_epoch(producer.1)
        .with_group_id(group(group_id));
    let response: AddOffsetsToTxnResponse = world.ask(ApiKey::AddOffsetsToTxn, 3, &request);
    response.error_code
}

pub(super) fn end_request(id: &str, producer: Producer, committed: bool) -> EndTxnRequest {
    EndTxnRequest::default()
        .with_transactional_id(txn(id))
        .with_producer_id(producer.0.into())
        .with_producer_epoch(producer.1)
        .with_committed(committed)
}

pub(super) fn end(world: &mut World, id: &str, producer: Producer, committed: bool) -> i16 {
    let response: EndTxnResponse = world.ask(ApiKey::EndTxn, 3, &end_request(id, producer, committed));
    response.error_code
}

/// A Produce of one record in a transaction.
pub(super) fn write_request(id: &str, producer: Producer, partition: i32, sequence: i32) -> ProduceRequest {
    let batch = transactional_batch(producer, sequence, &["v"]);
    produce_request("t", partition, batch, -1).with_transactional_id(Some(txn(id)))
}

/// Writes a record of a transaction.
pub(super) fn write(world: &mut World, id: &str, producer: Producer, partition: i32, sequence: i32) -> i16 {
    let request = write_request(id, producer, partition, sequence);
    super::world::produced(&world.ask(ApiKey::Produce, 9, &request)).0
}

/// The state of a transactional id, or the error.
pub(super) fn state(world: &mut World, id: &str) -> Result<String, i16> {
    let request = DescribeTransactionsRequest::default().with_transactional_ids(vec![txn(id)]);
    let response: DescribeTransactionsResponse = world.ask(ApiKey::DescribeTransactions, 0, &request);
    let described = &response.transaction_states[0];
    match described.error_code {
        0 => Ok(described.transaction_state.to_string()),
        code => Err(code),
    }
}

/// The ends of transactions in a partition of `t`: their epochs, and whether they are commits.
pub(super) fn markers(world: &mut World, partition: i32) -> Vec<(i16, bool)> {
    let mut markers = Vec::new();
    let mut next: Offset = 0;
    loop {
        let response = world.fetch("t", partition, next);
        let records = response.responses[0].partitions[0].records.clone().unwrap();
        if records.is_empty() {
            return markers;
        }
        for batch in Batches::new(&records) {
            let batch = batch.unwrap();
            next = batch.next_offset();
            markers.extend(EndMarker::of(batch).map(|end| (end.producer_epoch, end.commit)));
        }
    }
}

/// Whether the operation at the front of those that are held is an append to a coordinator's log, rather than to `t`.
pub(super) fn holds_decision(world: &mut World) -> bool {
    let t = world.topic_id("t");
    matches!(&world.held.front().expect("an operation is held").1, StorageOp::Append { log, .. } if log.topic_id != t)
}

/// Lets time pass until nothing is left to be tried again.
pub(super) fn settle(world: &mut World) {
    for _ in 0..20 {
        world.advance(1_000);
    }
}
