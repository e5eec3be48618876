//! Connections, versions, time-outs, and answers that make no sense.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]
mod support;

use bytes::Bytes;
use headwater_client::{
    AdminReply, ClientConfig, NewTopic, OffsetSpec, ProducerConfig, ProducerRecord, SendError,
};
use headwater_engine::TopicPartition;
use support::{Cluster, address};

fn latest(cluster: &mut Cluster) -> headwater_client::AdminRequestId {
    let tp = TopicPartition { topic: "t".into(), partition: 0 };
    cluster.client.list_offsets(cluster.now, vec![(tp, OffsetSpec::Latest)])
}

#[test]
fn falls_back_to_api_versions_0() {
    let mut cluster = Cluster::new(2);
    cluster.versions.insert(18, 2);
    let id = latest(&mut cluster);
    cluster.advance(1_000);
    assert_eq!(cluster.log.iter().filter(|key| **key == 18).count(), 2);
    let (answered, result) = cluster.client.poll_admin().unwrap();
    assert_eq!(answered, id);
    let AdminReply::Offsets(offsets) = result.unwrap() else { panic!() };
    assert_eq!(offsets[0].result, Ok(Some(0)));
}

#[test]
fn an_api_the_broker_does_not_know_well_enough_is_an_error() {
    let mut cluster = Cluster::new(2);
    cluster.versions.insert(2, 0);
    latest(&mut cluster);
    cluster.advance(1_000);
    let error = cluster.client.poll_admin().unwrap().1.unwrap_err();
    assert_eq!((error.name, error.code), ("UNSUPPORTED_VERSION", Some(35)));
}

#[test]
fn reconnects_with_growing_back_off() {
    let mut cluster = Cluster::new(2);
    cluster.refuse_connections = true;
    latest(&mut cluster);
    cluster.advance(5_000);
    cluster.refuse_connections = false;
    cluster.advance(2_000);
    assert!(cluster.client.poll_admin().unwrap().1.is_ok());
}

#[test]
fn a_request_without_an_answer_costs_the_connection_and_is_asked_again() {
    let mut cluster = Cluster::new(2);
    cluster.hold = vec![2];
    latest(&mut cluster);
    cluster.advance(29_000);
    assert_eq!(cluster.held.len(), 1);
    assert!(cluster.closed.is_empty());
    let late = cluster.held.remove(0);
    cluster.hold.clear();
    cluster.advance(5_000);
    assert_eq!(cluster.closed, vec![address(0)]);
    assert!(cluster.client.poll_admin().unwrap().1.is_ok());
    // The answer to the request of the connection that is gone changes nothing.
    cluster.answer(&late);
    cluster.run();
    assert_eq!(cluster.closed.len(), 1);
    assert!(cluster.client.poll_admin().is_none());
}

#[test]
fn gives_up_after_the_api_time_out() {
    let mut cluster = Cluster::new(2);
    cluster.refuse_connections = true;
    latest(&mut cluster);
    cluster.advance(61_000);
    let error = cluster.client.poll_admin().unwrap().1.unwrap_err();
    assert_eq!(error.name, "REQUEST_TIMED_OUT");
}

#[test]
fn an_answer_to_nothing_closes_the_connection() {
    let mut cluster = Cluster::new(2);
    latest(&mut cluster);
    cluster.advance(100);
    cluster.give(&address(0), Bytes::from_static(&[0x7f, 0, 0, 0, 1, 2, 3]));
    cluster.run();
    assert_eq!(cluster.closed, vec![address(0)]);
    cluster.give(&address(0), Bytes::new());
    cluster.give(&address(7), Bytes::from_static(b"who are you"));
}

#[test]
fn not_controller_is_asked_of_the_controller() {
    let mut cluster = Cluster::new(2);
    latest(&mut cluster);
    cluster.advance(500);
    assert!(cluster.client.poll_admin().is_some());
    cluster.controller = 1;
    let topic = |name: &str| NewTopic {
        name: name.into(),
        partitions: 1,
        replication_factor: 1,
        configs: vec![("flush.messages".into(), "1".into())],
    };
    cluster.client.create_topics(cluster.now, vec![topic("new"), topic("t")]);
    cluster.advance(1_000);
    let AdminReply::Topics(topics) = cluster.client.poll_admin().unwrap().1.unwrap() else { panic!() };
    assert_eq!(topics[0], ("new".to_owned(), Ok(())));
    assert_eq!(topics[1].1.as_ref().unwrap_err().name, "TOPIC_ALREADY_EXISTS");
}

#[test]
fn an_unknown_topic_is_told_and_asked_again() {
    let mut cluster = Cluster::new(2);
    cluster.topic_error = 3;
    let producer = cluster.client.add_producer(ProducerConfig::default());
    let record = ProducerRecord { topic: "t", value: Some(b"v"), ..ProducerRecord::default() };
    assert_eq!(cluster.client.send(cluster.now, producer, &record), Err(SendError::TopicPending));
    cluster.advance(200);
    let Err(SendError::Failed(error)) = cluster.client.send(cluster.now, producer, &record) else { panic!() };
    assert_eq!(error.name, "UNKNOWN_TOPIC_OR_PARTITION");
    cluster.topic_error = 0;
    cluster.advance(200);
    assert!(cluster.client.send(cluster.now, producer, &record).is_ok());
}

/// Every answer of a whole story, with each of its bytes changed in turn: no panic, and the client comes to rest.
#[test]
fn no_malformed_answer_panics() {
    for key in [0, 1, 2, 3, 18, 19, 22] {
        let mut length = 1;
        let mut at = 0;
        while at < length {
            for change in [0xff_u8, 0x7f, 0x00] {
                let config = ClientConfig {
                    bootstrap_servers: vec![address(0)],
                    default_api_timeout_ms: 300,
                    ..ClientConfig::default()
                };
                let mut cluster = Cluster::with(2, config);
                cluster.hold = vec![key];
                cluster.lenient = true;
                cluster.store_values(0, &["a", "b"]);
                story(&mut cluster);
                cluster.advance(200);
                let Some(asked) = cluster.held.iter().find(|asked| asked.key == key).cloned() else {
                    continue;
                };
                let frame = cluster.scripted(&asked);
                length = frame.len();
                let mut frame = frame.to_vec();
                frame[at] = change;
                cluster.give(&asked.to, frame.into());
                cluster.run();
                cluster.advance(200);
            }
            at += 1;
        }
    }
}

fn story(cluster: &mut Cluster) {
    use headwater_client::{ConsumerConfig, StartOffset};
    latest(cluster);
    let topic = NewTopic { name: "n".into(), partitions: 1, replication_factor: 1, configs: Vec::new() };
    cluster.client.create_topics(cluster.now, vec![topic]);
    let consumer = cluster.client.add_consumer(ConsumerConfig::default());
    let tp = TopicPartition { topic: "t".into(), partition: 0 };
    cluster.client.assign(consumer, tp, StartOffset::Earliest);
    let producer = cluster.client.add_producer(ProducerConfig::default());
    cluster.advance(150);
    let record = ProducerRecord { topic: "t", value: Some(b"v"), ..ProducerRecord::default() };
    let _ = cluster.client.send(cluster.now, producer, &record);
}
