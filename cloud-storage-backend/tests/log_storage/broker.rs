//! A broker whose logs are in a bucket, and one that comes after it.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use headwater_cloud_storage::{BucketStorage, Store};
use headwater_driver::Driver;
use headwater_driver::conformance::Harness as _;
use headwater_engine::record::{Compression, RecordBatchBuilder};
use headwater_engine::{Broker, BrokerConfig, ConnectionId, Now};
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    ApiKey, CreateTopicsRequest, CreateTopicsResponse, FetchRequest, FetchResponse, ProduceRequest,
    ProduceResponse, RequestHeader, ResponseHeader, TopicName,
};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};

use crate::bucket::Bucket;

const NOW: Now = Now { monotonic_ms: 1_000, wall_ms: 1_700_000_000_000 };
const RECORDS: usize = 40;

/// A broker over a bucket.
struct Running {
    driver: Driver<BucketStorage>,
    bucket: Bucket,
}

impl Running {
    async fn start(mut bucket: Bucket) -> Running {
        let storage = bucket.open().await.unwrap();
        let config = BrokerConfig::new("test", 0, "localhost", 9092);
        Running { driver: Driver::new(Broker::new(config, 7), storage), bucket }
    }

    async fn ask<Q: Encodable, A: Decodable>(&mut self, api: ApiKey, version: i16, request: &Q) -> A {
        let mut frame = BytesMut::new();
        let header =
            RequestHeader::default().with_request_api_key(api as i16).with_request_api_version(version);
        header.encode(&mut frame, api.request_header_version(version)).unwrap();
        request.encode(&mut frame, version).unwrap();
        self.driver.handle_request(NOW, ConnectionId(1), frame.freeze());
        loop {
            self.driver.pump(NOW);
            if let Some((_, mut frame)) = self.driver.poll_response() {
                ResponseHeader::decode(&mut frame, api.response_header_version(version)).unwrap();
                return A::decode(&mut frame, version).unwrap();
            }
            let woken = self.bucket.woken.notified();
            tokio::time::timeout(Duration::from_secs(20), woken).await.expect("the storage has an outcome");
        }
    }
}

fn name() -> TopicName {
    TopicName(StrBytes::from_static_str("orders"))
}

fn value(number: usize) -> Vec<u8> {
    format!("order {number}").into_bytes()
}

async fn produce(broker: &mut Running, number: usize) {
    let mut builder = RecordBatchBuilder::new(Compression::None);
    builder.append(0, None, Some(&value(number)), &[]).unwrap();
    let data = PartitionProduceData::default().with_index(0).with_records(Some(builder.build()));
    let topic = TopicProduceData::default().with_name(name()).with_partition_data(vec![data]);
    let request =
        ProduceRequest::default().with_acks(-1).with_timeout_ms(30_000).with_topic_data(vec![topic]);
    let answer: ProduceResponse = broker.ask(ApiKey::Produce, 9, &request).await;
    let partition = &answer.responses[0].partition_responses[0];
    assert_eq!((partition.error_code, partition.base_offset), (0, i64::try_from(number).unwrap()));
}

async fn fetch(broker: &mut Running) -> Bytes {
    let partition =
        FetchPartition::default().with_partition(0).with_fetch_offset(0).with_partition_max_bytes(1 << 20);
    let topic = FetchTopic::default().with_topic(name()).with_partitions(vec![partition]);
    let request =
        FetchRequest::default().with_max_wait_ms(0).with_max_bytes(1 << 20).with_topics(vec![topic]);
    let answer: FetchResponse = broker.ask(ApiKey::Fetch, 4, &request).await;
    let partition = &answer.responses[0].partitions[0];
    assert_eq!((partition.error_code, partition.high_watermark), (0, i64::try_from(RECORDS).unwrap()));
    partition.records.clone().unwrap_or_default()
}

#[tokio::test]
async fn what_one_broker_has_acknowledged_the_next_one_has() {
    let store = Store::open("memory:", []).unwrap();
    // So that checkpoints come between.
    let options = headwater_cloud_storage::BucketOptions { memory_bytes: 2_000, tail_records: 8 };
    let mut first = Running::start(Bucket::new(store.clone(), "", options).await.unwrap()).await;
    let topic = CreatableTopic::default().with_name(name()).with_num_partitions(1).with_replication_factor(1);
    let create = CreateTopicsRequest::default().with_timeout_ms(30_000).with_topics(vec![topic]);
    let answer: CreateTopicsResponse = first.ask(ApiKey::CreateTopics, 7, &create).await;
    assert_eq!(answer.topics[0].error_code, 0);
    for number in 0..RECORDS {
        produce(&mut first, number).await;
    }
    drop(first);

    let mut second = Running::start(Bucket::new(store, "", options).await.unwrap()).await;
    let records = fetch(&mut second).await;
    for number in 0..RECORDS {
        let value = value(number);
        assert!(records.windows(value.len()).any(|bytes| bytes == value), "order {number} is missing");
    }
}
