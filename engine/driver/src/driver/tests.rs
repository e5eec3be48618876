use bytes::{Bytes, BytesMut};
use headwater_engine::record::{Compression, RecordBatchBuilder};
use headwater_engine::{Broker, BrokerConfig, ConnectionId, Now};
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    ApiKey, CreateTopicsRequest, ProduceRequest, ProduceResponse, RequestHeader, ResponseHeader, TopicName,
};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};

use crate::{Driver, MemoryDisk, MemoryStorage};

const NOW: Now = Now { monotonic_ms: 1_000, wall_ms: 1_700_000_000_000 };

fn driver(disk: &MemoryDisk) -> Driver<MemoryStorage> {
    driver_of(0, disk)
}

fn driver_of(node_id: i32, disk: &MemoryDisk) -> Driver<MemoryStorage> {
    let config = BrokerConfig::new("test", node_id, "localhost", 9092);
    Driver::new(Broker::new(config, 7), MemoryStorage::open(disk))
}

/// `ApiVersions` v0 with this correlation id, written out by hand.
fn api_versions(correlation_id: u8) -> Bytes {
    Bytes::copy_from_slice(&[0, 18, 0, 0, 0, 0, 0, correlation_id, 0, 4, b't', b'e', b's', b't'])
}

#[test]
fn a_broker_recovers_by_pumping() {
    let disk = MemoryDisk::new();
    let mut driver = driver(&disk);
    assert!(!driver.broker().is_ready());
    driver.pump(NOW);
    assert!(driver.broker().is_ready());
}

#[test]
fn requests_that_came_before_the_recovery_are_answered_after_it() {
    let disk = MemoryDisk::new();
    let mut driver = driver(&disk);
    driver.handle_request(NOW, ConnectionId(1), api_versions(9));
    assert_eq!(driver.poll_response(), None);
    driver.pump(NOW);
    let answer = driver.poll_response();
    assert!(
        answer.is_some_and(|(connection, frame)| connection == ConnectionId(1) && frame[..4] == [0, 0, 0, 9])
    );
    assert_eq!(driver.poll_response(), None);
}

fn request<R: Encodable>(api: ApiKey, version: i16, correlation_id: i32, request: &R) -> Bytes {
    let mut frame = BytesMut::new();
    RequestHeader::default()
        .with_request_api_key(api as i16)
        .with_request_api_version(version)
        .with_correlation_id(correlation_id)
        .encode(&mut frame, api.request_header_version(version))
        .unwrap();
    request.encode(&mut frame, version).unwrap();
    frame.freeze()
}

/// A Produce of one record of so many bytes.
fn produce(correlation_id: i32, size: usize) -> Bytes {
    let mut builder = RecordBatchBuilder::new(Compression::None);
    builder.append(0, None, Some(&vec![b'v'; size]), &[]).unwrap();
    let data = PartitionProduceData::default().with_index(0).with_records(Some(builder.build()));
    let topic = TopicProduceData::default().with_name(name()).with_partition_data(vec![data]);
    let body = ProduceRequest::default().with_acks(-1).with_topic_data(vec![topic]);
    request(ApiKey::Produce, 9, correlation_id, &body)
}

fn name() -> TopicName {
    TopicName(StrBytes::from_static_str("t"))
}

/// The third append is asked for when the first is told of, and the second, which is refused, is told of right after
/// that. The storage has to have the third by then to know that it is built upon the second: it begins a segment, so
/// nothing else would tell.
#[test]
fn what_was_built_upon_a_refusal_is_with_the_storage_before_the_refusal_is_told() {
    let disk = MemoryDisk::new();
    let mut config = BrokerConfig::new("test", 0, "localhost", 9092);
    config.set("log.segment.bytes", "14").unwrap();
    config.set("queued.max.request.bytes", "1000").unwrap();
    let mut driver = Driver::new(Broker::new(config, 7), MemoryStorage::open(&disk));
    driver.pump(NOW);
    let topic = CreatableTopic::default().with_name(name()).with_num_partitions(1).with_replication_factor(1);
    let create = CreateTopicsRequest::default().with_topics(vec![topic]);
    driver.handle_request(NOW, ConnectionId(1), request(ApiKey::CreateTopics, 7, 1, &create));
    driver.pump(NOW);
    assert!(driver.poll_response().is_some());

    disk.limit(Some(disk.used() + 900));
    for (correlation_id, size) in [(2, 500), (3, 500), (4, 10)] {
        driver.handle_request(NOW, ConnectionId(1), produce(correlation_id, size));
    }
    driver.pump(NOW);
    let errors: Vec<i16> = std::iter::from_fn(|| driver.poll_response())
        .map(|(_, mut frame)| {
            ResponseHeader::decode(&mut frame, 1).unwrap();
            let answer = ProduceResponse::decode(&mut frame, 9).unwrap();
            answer.responses[0].partition_responses[0].error_code
        })
        .collect();
    assert_eq!(errors, [0, 56, 56]);
}

#[test]
fn a_connection_with_other_bytes_is_closed() {
    let disk = MemoryDisk::new();
    let mut driver = driver(&disk);
    driver.pump(NOW);
    driver.handle_request(NOW, ConnectionId(1), Bytes::from_static(b"GET / HTTP/1.1"));
    driver.handle_request(NOW, ConnectionId(2), api_versions(3));
    driver.pump(NOW);
    assert_eq!(driver.poll_close(), Some(ConnectionId(1)));
    assert_eq!(driver.poll_close(), None);
    assert_eq!(driver.poll_response().map(|(connection, _)| connection), Some(ConnectionId(2)));
}

#[test]
fn a_broker_gets_ready_with_what_its_driver_carries_to_the_controller_and_back() {
    let (mut controller, mut broker) = (driver(&MemoryDisk::new()), driver_of(1, &MemoryDisk::new()));
    controller.pump(NOW);
    assert!(broker.poll_timeout().is_some_and(|at| at <= NOW.monotonic_ms));
    broker.handle_timeout(NOW);
    let link = ConnectionId(1);
    for _ in 0..2 {
        assert!(!broker.broker().is_ready());
        let (peer, frame) = broker.poll_peer_request().expect("the controller is asked");
        assert_eq!(peer, 0);
        controller.handle_request(NOW, link, frame);
        controller.pump(NOW);
        let (connection, frame) = controller.poll_response().expect("and answers");
        assert_eq!(connection, link);
        broker.handle_peer_response(NOW, peer, frame);
        broker.pump(NOW);
    }
    assert!(broker.broker().is_ready());
    broker.handle_peer_response(NOW, 0, Bytes::from_static(b"no answer"));
    assert_eq!(broker.poll_peer_close(), Some(0));
    broker.handle_peer_disconnect(NOW, 0);
    assert_eq!(broker.poll_peer_request(), None, "not at once");
}

#[test]
fn while_it_is_only_looked_what_was_read_is_told_and_what_was_written_waits_for_a_step() {
    let disk = MemoryDisk::new();
    let mut driver = driver(&disk);
    driver.pump(NOW);
    let create = CreateTopicsRequest::default().with_topics(vec![
        CreatableTopic::default().with_name(name()).with_num_partitions(1).with_replication_factor(1),
    ]);
    driver.handle_request(NOW, ConnectionId(1), request(ApiKey::CreateTopics, 4, 1, &create));
    driver.pump(NOW);
    while driver.poll_response().is_some() {}

    driver.handle_request(NOW, ConnectionId(1), produce(2, 100));
    driver.look(NOW);
    driver.look(NOW);
    assert_eq!(driver.poll_response(), None, "the append is done and not told");
    let mut steps = 0;
    while driver.poll_response().is_none() {
        driver.step(NOW);
        steps += 1;
        assert!(steps < 10, "a step tells of one outcome");
    }
    assert!(steps > 0);

    // What a broker that starts loads is only read.
    let mut again = driver_of(0, &disk);
    again.look(NOW);
    assert!(again.broker().is_ready());
}
