//! Requests about transactions.

use bytes::Bytes;
use headwater_engine::record::{Compression, RecordBatchBuilder};
use kafka_protocol::messages::add_partitions_to_txn_request::{
    AddPartitionsToTxnTopic, AddPartitionsToTxnTransaction,
};
use kafka_protocol::messages::describe_producers_request::TopicRequest;
use kafka_protocol::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use kafka_protocol::messages::write_txn_markers_request::{WritableTxnMarker, WritableTxnMarkerTopic};
use kafka_protocol::messages::{
    AddOffsetsToTxnRequest, AddPartitionsToTxnRequest, ApiKey, DescribeProducersRequest,
    DescribeTransactionsRequest, EndTxnRequest, InitProducerIdRequest, ListTransactionsRequest,
    TransactionalId, TxnOffsetCommitRequest, WriteTxnMarkersRequest,
};

use super::groups::group;
use super::{TOPIC, frame, name, text};

/// The transactional id that there is in samples.
pub(crate) const TRANSACTIONAL_ID: &str = "x";

/// Who produces, and in which epoch.
pub(crate) type Producer = (i64, i16);

pub(super) fn sample(api: ApiKey, version: i16) -> Option<Bytes> {
    let (number, producer) = (1, (0, 0));
    match api {
        ApiKey::AddPartitionsToTxn if version < 4 => frame(api, version, number, &add_partitions(producer)),
        ApiKey::AddPartitionsToTxn => frame(api, version, number, &of_brokers(producer)),
        ApiKey::AddOffsetsToTxn => frame(api, version, number, &add_offsets(producer)),
        ApiKey::TxnOffsetCommit => frame(api, version, number, &commit_offsets(producer)),
        ApiKey::EndTxn => frame(api, version, number, &end(producer, true)),
        ApiKey::WriteTxnMarkers => {
            let topic =
                WritableTxnMarkerTopic::default().with_name(name(TOPIC)).with_partition_indexes(vec![0]);
            let marker = WritableTxnMarker::default().with_transaction_result(true).with_topics(vec![topic]);
            frame(api, version, number, &WriteTxnMarkersRequest::default().with_markers(vec![marker]))
        }
        ApiKey::DescribeProducers => {
            let topic = TopicRequest::default().with_name(name(TOPIC)).with_partition_indexes(vec![0, 7]);
            frame(api, version, number, &DescribeProducersRequest::default().with_topics(vec![topic]))
        }
        ApiKey::DescribeTransactions => {
            let request = DescribeTransactionsRequest::default().with_transactional_ids(vec![id()]);
            frame(api, version, number, &request)
        }
        ApiKey::ListTransactions => {
            let request = ListTransactionsRequest::default().with_state_filters(vec![text("Ongoing")]);
            frame(api, version, number, &request)
        }
        _ => None,
    }
}

pub(crate) fn id() -> TransactionalId {
    TransactionalId(text(TRANSACTIONAL_ID))
}

pub(crate) fn init() -> InitProducerIdRequest {
    InitProducerIdRequest::default().with_transactional_id(Some(id())).with_transaction_timeout_ms(60_000)
}

pub(crate) fn add_partitions((producer_id, epoch): Producer) -> AddPartitionsToTxnRequest {
    let topic = AddPartitionsToTxnTopic::default().with_name(name(TOPIC)).with_partitions(vec![0]);
    AddPartitionsToTxnRequest::default()
        .with_v3_and_below_transactional_id(id())
        .with_v3_and_below_producer_id(producer_id.into())
        .with_v3_and_below_producer_epoch(epoch)
        .with_v3_and_below_topics(vec![topic])
}

/// One transaction whose partitions are added, and one that is only looked at.
fn of_brokers(producer: Producer) -> AddPartitionsToTxnRequest {
    let added = add_partitions(producer);
    let transaction = |verify_only| {
        AddPartitionsToTxnTransaction::default()
            .with_transactional_id(id())
            .with_producer_id(added.v3_and_below_producer_id)
            .with_producer_epoch(added.v3_and_below_producer_epoch)
            .with_verify_only(verify_only)
            .with_topics(added.v3_and_below_topics.clone())
    };
    AddPartitionsToTxnRequest::default().with_transactions(vec![transaction(true), transaction(false)])
}

pub(crate) fn add_offsets((producer_id, epoch): Producer) -> AddOffsetsToTxnRequest {
    AddOffsetsToTxnRequest::default()
        .with_transactional_id(id())
        .with_producer_id(producer_id.into())
        .with_producer_epoch(epoch)
        .with_group_id(group())
}

pub(crate) fn commit_offsets((producer_id, epoch): Producer) -> TxnOffsetCommitRequest {
    let partition = TxnOffsetCommitRequestPartition::default()
        .with_committed_offset(6)
        .with_committed_metadata(Some(text("so far")));
    let topic =
        TxnOffsetCommitRequestTopic::default().with_name(name(TOPIC)).with_partitions(vec![partition]);
    TxnOffsetCommitRequest::default()
        .with_transactional_id(id())
        .with_group_id(group())
        .with_producer_id(producer_id.into())
        .with_producer_epoch(epoch)
        .with_topics(vec![topic])
}

pub(crate) fn end((producer_id, epoch): Producer, committed: bool) -> EndTxnRequest {
    EndTxnRequest::default()
        .with_transactional_id(id())
        .with_producer_id(producer_id.into())
        .with_producer_epoch(epoch)
        .with_committed(committed)
}

/// A batch in a transaction.
pub(crate) fn batch((producer_id, epoch): Producer, sequence: i32) -> Bytes {
    let mut builder = RecordBatchBuilder::new(Compression::None);
    builder.set_producer(producer_id, epoch, sequence);
    builder.set_transactional(true);
    builder.append(1_700_000_000_000, None, Some(b"in a transaction"), &[]).expect("a small record fits");
    builder.build()
}
