//! Records: produced, fetched, looked for, deleted.

use bytes::Bytes;
use headwater_engine::record::{Compression, RecordBatchBuilder};
use kafka_protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::offset_for_leader_epoch_request::{
    OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::*;

use super::support::topic_name;
use super::{Step, mask, step};

pub(crate) const TOPIC: &str = "golden";

/// Producer id, epoch and first sequence.
pub(crate) type Producer = (i64, i16, i32);

pub(crate) fn batch(values: &[&str], producer: Option<Producer>, transactional: bool) -> Bytes {
    let mut batch = RecordBatchBuilder::new(Compression::None);
    if let Some((id, epoch, sequence)) = producer {
        batch.set_producer(id, epoch, sequence);
    }
    batch.set_transactional(transactional);
    for (index, value) in (0..).zip(values) {
        let headers = [("header", Some(&b"one"[..])), ("header", None)];
        let time = 1_700_000_000_000 + index;
        batch.append(time, Some(b"key"), Some(value.as_bytes()), &headers).expect("fits");
    }
    batch.build()
}

pub(crate) fn produce(topic: &str, records: Bytes) -> ProduceRequest {
    let partition = PartitionProduceData::default().with_records(Some(records));
    let topic = TopicProduceData::default().with_name(topic_name(topic)).with_partition_data(vec![partition]);
    ProduceRequest::default().with_acks(-1).with_timeout_ms(10_000).with_topic_data(vec![topic])
}

pub(crate) fn fetch(topic: &str, offset: i64) -> FetchRequest {
    let partition = FetchPartition::default().with_fetch_offset(offset).with_partition_max_bytes(1 << 20);
    let topic = FetchTopic::default().with_topic(topic_name(topic)).with_partitions(vec![partition]);
    FetchRequest::default()
        .with_replica_id((-1).into())
        .with_max_wait_ms(100)
        .with_max_bytes(1 << 20)
        .with_session_epoch(-1)
        .with_topics(vec![topic])
}

fn offsets(topic: &str, timestamp: i64) -> ListOffsetsRequest {
    let partition = ListOffsetsPartition::default().with_timestamp(timestamp).with_current_leader_epoch(-1);
    let topic = ListOffsetsTopic::default().with_name(topic_name(topic)).with_partitions(vec![partition]);
    ListOffsetsRequest::default().with_replica_id((-1).into()).with_topics(vec![topic])
}

fn end_of_epoch(epoch: i32) -> OffsetForLeaderEpochRequest {
    let partition =
        OffsetForLeaderPartition::default().with_leader_epoch(epoch).with_current_leader_epoch(-1);
    let topic =
        OffsetForLeaderTopic::default().with_topic(topic_name(TOPIC)).with_partitions(vec![partition]);
    OffsetForLeaderEpochRequest::default().with_replica_id((-1).into()).with_topics(vec![topic])
}

fn delete(offset: i64) -> DeleteRecordsRequest {
    let partition = DeleteRecordsPartition::default().with_offset(offset);
    let topic = DeleteRecordsTopic::default().with_name(topic_name(TOPIC)).with_partitions(vec![partition]);
    DeleteRecordsRequest::default().with_topics(vec![topic]).with_timeout_ms(10_000)
}

/// With its last byte turned over.
fn damaged() -> Bytes {
    let mut bytes = batch(&["damaged"], None, false).to_vec();
    if let Some(last) = bytes.last_mut() {
        *last ^= 1;
    }
    bytes.into()
}

pub(crate) fn steps() -> Vec<Step> {
    let plain = |values: &[&str]| produce(TOPIC, batch(values, None, false));
    let lost = produce("nowhere", batch(&["lost"], None, false));
    let idempotent =
        |epoch, sequence| produce(TOPIC, batch(&["once"], Some((4_000, epoch, sequence)), false));
    let (sent, all) = (mask::produced, mask::nothing::<FetchResponse>);
    let listed = mask::nothing::<ListOffsetsResponse>;
    let no_topic = mask::nothing::<OffsetForLeaderEpochResponse>;
    let session = fetch(TOPIC, 0).with_session_epoch(0);
    let unknown_session = fetch(TOPIC, 0).with_session_id(12_345).with_session_epoch(3);
    let small = {
        let mut fetch = fetch(TOPIC, 0).with_max_bytes(1);
        fetch.topics[0].partitions[0].partition_max_bytes = 1;
        fetch
    };
    let stale = {
        let mut fetch = fetch(TOPIC, 0);
        fetch.topics[0].partitions[0].current_leader_epoch = 9;
        fetch
    };
    vec![
        step("two records", 9, &plain(&["first", "second"]), sent),
        step("one record in the oldest version", 3, &plain(&["third"]), sent),
        step("a damaged batch", 9, &produce(TOPIC, damaged()), sent),
        step("half a batch", 9, &produce(TOPIC, batch(&["half"], None, false).slice(..40)), sent),
        step("no batch", 9, &produce(TOPIC, Bytes::new()), sent),
        step("a record for no topic", 9, &lost, sent),
        step("a record with acks that are none", 9, &plain(&["never"]).with_acks(7), sent),
        step("records from the first", 11, &fetch(TOPIC, 0), all),
        step("records from within a batch", 11, &fetch(TOPIC, 1), all),
        step("records from the end", 11, &fetch(TOPIC, 3), all),
        step("records from beyond the end", 11, &fetch(TOPIC, 99), mask::out_of_range),
        step("records in the oldest version", 4, &fetch(TOPIC, 2), all),
        step("records, version 12", 12, &fetch(TOPIC, 2), all),
        step("one byte of records", 11, &small, all),
        step("records of no topic", 11, &fetch("nowhere", 0), all),
        step("records of a leader to come", 11, &stale, all),
        step("a session", 11, &session, mask::session),
        step("a session that is none", 11, &unknown_session, all),
        step("the first offset", 5, &offsets(TOPIC, -2), listed),
        step("the end", 5, &offsets(TOPIC, -1), listed),
        step("the offset of a time", 5, &offsets(TOPIC, 1_700_000_000_001), listed),
        step("the offset of a time to come", 5, &offsets(TOPIC, 1_900_000_000_000), listed),
        step("the offset of the latest time", 7, &offsets(TOPIC, -3), listed),
        step("the first offset that is kept here", 8, &offsets(TOPIC, -4), listed),
        step("the end of what is kept elsewhere", 9, &offsets(TOPIC, -5), listed),
        step("the end of no topic", 5, &offsets("nowhere", -1), listed),
        step("the end of the leader's epoch", 4, &end_of_epoch(0), no_topic),
        step("the end of an epoch to come", 4, &end_of_epoch(5), no_topic),
        step("a batch of an idempotent producer", 9, &idempotent(0, 0), sent),
        step("the same batch again", 9, &idempotent(0, 0), mask::produced_again),
        step("a batch behind a gap", 9, &idempotent(0, 5), sent),
        step("a batch of its next epoch", 9, &idempotent(1, 0), sent),
        step("a batch of its epoch before", 9, &idempotent(0, 1), sent),
        step("records are deleted", 2, &delete(1), mask::nothing::<DeleteRecordsResponse>),
        step("records beyond the end are deleted", 2, &delete(99), mask::nothing::<DeleteRecordsResponse>),
        step("records that were deleted", 11, &fetch(TOPIC, 0), mask::out_of_range),
        step("the first offset after that", 5, &offsets(TOPIC, -2), listed),
    ]
}
