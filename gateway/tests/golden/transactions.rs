//! Producer ids and transactions. Both clusters are new and give the same producer ids: 0 to the one of [`warm_up`].

use kafka_protocol::messages::add_partitions_to_txn_request::AddPartitionsToTxnTopic;
use kafka_protocol::messages::describe_producers_request::TopicRequest;
use kafka_protocol::messages::*;

use super::data::{TOPIC, batch, fetch, produce};
use super::support::topic_name;
use super::{Step, mask, step, text};

/// The id of [`ID`]'s producer.
const PRODUCER: i64 = 1;
const ID: &str = "transfer";

fn init(id: Option<&str>) -> InitProducerIdRequest {
    InitProducerIdRequest::default()
        .with_transactional_id(id.map(|id| TransactionalId(text(id))))
        .with_transaction_timeout_ms(60_000)
        .with_producer_id((-1).into())
        .with_producer_epoch(-1)
}

fn add(id: &str, producer: i64, epoch: i16, topic: &str) -> AddPartitionsToTxnRequest {
    let topic = AddPartitionsToTxnTopic::default().with_name(topic_name(topic)).with_partitions(vec![0]);
    AddPartitionsToTxnRequest::default()
        .with_v3_and_below_transactional_id(TransactionalId(text(id)))
        .with_v3_and_below_producer_id(producer.into())
        .with_v3_and_below_producer_epoch(epoch)
        .with_v3_and_below_topics(vec![topic])
}

fn end(id: &str, producer: i64, epoch: i16, committed: bool) -> EndTxnRequest {
    EndTxnRequest::default()
        .with_transactional_id(TransactionalId(text(id)))
        .with_producer_id(producer.into())
        .with_producer_epoch(epoch)
        .with_committed(committed)
}

fn send(epoch: i16, sequence: i32) -> ProduceRequest {
    produce(TOPIC, batch(&["moved"], Some((PRODUCER, epoch, sequence)), true))
        .with_transactional_id(Some(TransactionalId(text(ID))))
}

/// Answered when the coordinator of transactions has loaded.
pub(crate) fn warm_up() -> Step {
    step("warm", 4, &init(Some("warm")), mask::nothing::<InitProducerIdResponse>)
}

pub(crate) fn steps() -> Vec<Step> {
    let (given, added) =
        (mask::nothing::<InitProducerIdResponse>, mask::nothing::<AddPartitionsToTxnResponse>);
    let (ended, all) = (mask::nothing::<EndTxnResponse>, mask::marked);
    let committed = |offset| fetch(TOPIC, offset).with_isolation_level(1);
    let producers =
        TopicRequest::default().with_name(topic_name("defaults")).with_partition_indexes(vec![0, 9]);
    let producers = DescribeProducersRequest::default().with_topics(vec![producers]);
    let named = |name| {
        DescribeTransactionsRequest::default().with_transactional_ids(vec![TransactionalId(text(name))])
    };
    vec![
        step("a transactional producer", 4, &init(Some(ID)), given),
        step(
            "a transaction of too long",
            4,
            &init(Some("slow")).with_transaction_timeout_ms(i32::MAX),
            given,
        ),
        step("a transaction without a name", 4, &init(Some("")), given),
        step("an idempotent producer", 3, &init(None), given),
        step("a partition for a transaction", 3, &add(ID, PRODUCER, 0, TOPIC), added),
        step("a partition of no topic", 3, &add(ID, PRODUCER, 0, "nowhere"), added),
        step("a partition for another's transaction", 3, &add(ID, 77, 0, TOPIC), added),
        step("a partition for an epoch before", 3, &add(ID, PRODUCER, -1, TOPIC), added),
        step("a partition for no transaction", 3, &add("nobody", 5, 0, TOPIC), added),
        step("a record in a transaction", 9, &send(0, 0), mask::produced),
        step("records that are not decided", 11, &fetch(TOPIC, 4), all),
        step("committed records before that", 11, &committed(4), all),
        step("a commit", 3, &end(ID, PRODUCER, 0, true), ended),
        step("a commit again", 3, &end(ID, PRODUCER, 0, true), ended),
        step("an abort after that", 3, &end(ID, PRODUCER, 0, false), ended),
        step("the end of no transaction", 3, &end("nobody", 5, 0, true), ended),
        step("records that were committed", 11, &committed(4), all),
        step("a partition for the next transaction", 3, &add(ID, PRODUCER, 0, TOPIC), added),
        step("a record in the next transaction", 9, &send(0, 1), mask::produced),
        step("an abort", 3, &end(ID, PRODUCER, 0, false), ended),
        step("records that were aborted", 11, &committed(4), all),
        step("its producer comes back", 4, &init(Some(ID)), given),
        step("a partition for the one before it", 3, &add(ID, PRODUCER, 0, TOPIC), added),
        step("producers of partitions", 0, &producers, |response: &mut DescribeProducersResponse| {
            response.topics.iter_mut().flat_map(|topic| &mut topic.partitions).for_each(|partition| {
                partition.error_message = None;
            });
        }),
        step("no transaction", 0, &named("nobody"), mask::nothing::<DescribeTransactionsResponse>),
    ]
}
