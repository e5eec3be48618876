use bytes::{Bytes, BytesMut};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::{
    ApiKey, ApiVersionsRequest, ApiVersionsResponse, MetadataRequest, ProduceResponse,
};
use proptest::prelude::*;

use super::world::{CLIENT, World, batch, create_topic, fetch_request, frame, produce_request};
use crate::ConnectionId;
use crate::record::{Compression, RecordBatchBuilder};

const BAD: ConnectionId = ConnectionId(66);

#[test]
fn a_batch_that_is_not_right_is_refused_and_counted() {
    let mut world = World::new();
    world.create("t", 1, &[("max.message.bytes", "1000")]);
    let good = batch(&["good"]);
    let changed = |at: usize| {
        let mut bytes = BytesMut::from(&good[..]);
        bytes[at] ^= 1;
        bytes.freeze()
    };
    let mut two = BytesMut::from(&good[..]);
    two.extend_from_slice(&good);
    let mut control = RecordBatchBuilder::new(Compression::None);
    control.set_control(true);
    control.append(0, None, Some(b"x"), &[]).unwrap();
    let mut transactional = RecordBatchBuilder::new(Compression::None);
    transactional.set_producer(5, 0, 0);
    transactional.set_transactional(true);
    transactional.append(0, None, Some(b"x"), &[]).unwrap();
    let large = "x".repeat(2_000);
    let cases = [
        ("a flipped bit in a record", changed(good.len() - 2), ResponseError::CorruptMessage),
        ("a flipped bit in the CRC", changed(18), ResponseError::CorruptMessage),
        ("a wrong length", changed(11), ResponseError::InvalidRecord),
        ("cut off", good.slice(..good.len() - 1), ResponseError::InvalidRecord),
        ("empty", Bytes::new(), ResponseError::InvalidRecord),
        ("an old format", changed(16), ResponseError::UnsupportedForMessageFormat),
        ("two batches", two.freeze(), ResponseError::InvalidRecord),
        ("control", control.build(), ResponseError::InvalidRecord),
        ("transactional", transactional.build(), ResponseError::TransactionalIdAuthorizationFailed),
        ("too large", batch(&[&large]), ResponseError::MessageTooLarge),
    ];
    for (what, records, error) in cases {
        let response: ProduceResponse = world.ask(ApiKey::Produce, 9, &produce_request("t", 0, records, -1));
        let answer = &response.responses[0].partition_responses[0];
        assert_eq!(answer.error_code, error.code(), "{what}: {:?}", answer.error_message);
        assert!(answer.error_message.is_some(), "{what}");
    }
    assert_eq!(world.produce("t", 0, good.clone()), (0, 0), "nothing else is disturbed");
    let errors = world.errors();
    assert!(errors.contains(&("CORRUPT_MESSAGE".to_owned(), 2)), "{errors:?}");
    assert!(errors.contains(&("MESSAGE_TOO_LARGE".to_owned(), 1)), "{errors:?}");
}

#[test]
fn a_request_that_makes_no_sense_is_refused() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    let code = |world: &mut World, request| {
        let response: ProduceResponse = world.ask(ApiKey::Produce, 9, &request);
        response.responses[0].partition_responses[0].error_code
    };
    let good = batch(&["good"]);
    assert_eq!(
        code(&mut world, produce_request("t", 0, good.clone(), 2)),
        ResponseError::InvalidRequiredAcks.code()
    );
    for (topic, partition) in [("none", 0), ("t", 1), ("t", -1)] {
        assert_eq!(
            code(&mut world, produce_request(topic, partition, good.clone(), 1)),
            ResponseError::UnknownTopicOrPartition.code()
        );
    }
}

#[test]
fn frames_that_are_not_kafkas_end_their_connection_and_no_other() {
    let good = frame(ApiKey::Metadata, 9, 1, &MetadataRequest::default().with_topics(None));
    let mut unknown_api = BytesMut::from(&good[..]);
    unknown_api[0] = 0x40;
    let mut old_version = BytesMut::from(&good[..]);
    old_version[3] = 0x7f;
    let cases = [
        ("empty", Bytes::new(), "INVALID_REQUEST"),
        ("short", good.slice(..5), "INVALID_REQUEST"),
        ("text", Bytes::from_static(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"), "INVALID_REQUEST"),
        ("cut off", good.slice(..good.len() - 2), "INVALID_REQUEST"),
        ("an unknown request", unknown_api.freeze(), "INVALID_REQUEST"),
        ("an unknown version", old_version.freeze(), "UNSUPPORTED_VERSION"),
    ];
    for (what, bytes, error) in cases {
        let mut world = World::new();
        world.create("t", 1, &[]);
        world.broker.handle_request(world.now, BAD, bytes);
        world.run();
        assert_eq!(world.closed, [BAD], "{what}");
        assert_eq!(world.errors(), [(error.to_owned(), 1)], "{what}");
        assert!(world.broker.errors().all(|tally| tally.last_message.len() > 20), "{what}");
        assert_eq!(world.produce("t", 0, batch(&["others go on"])), (0, 0), "{what}");
    }
}

#[test]
fn bytes_behind_a_request_are_passed_over() {
    // What librdkafka 2.16 sends to be told of all topics: after the null that says so, three bytes too many.
    let header = [0, 3, 0, 13, 0, 0, 0, 3, 0, 7, b'r', b'd', b'k', b'a', b'f', b'k', b'a', 0];
    let mut world = World::new();
    let all_topics = Bytes::from([&header[..], &[0, 0, 0, 0, 1, 0, 0]].concat());
    world.broker.handle_request(world.now, BAD, all_topics);
    world.run();
    assert!(world.closed.is_empty() && world.answers.len() == 1);
}

#[test]
fn what_comes_behind_a_bad_frame_is_dropped() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    let good = frame(ApiKey::Metadata, 9, 1, &MetadataRequest::default().with_topics(None));
    let before = world.broker.connection_count();
    world.broker.handle_request(world.now, BAD, Bytes::from_static(b"bad"));
    world.broker.handle_request(world.now, BAD, good);
    world.run();
    assert_eq!((world.closed.as_slice(), world.answers.len()), (&[BAD][..], 0));
    assert_eq!(world.broker.connection_count(), before);
}

#[test]
fn a_frame_that_is_too_long_is_refused() {
    let mut world = World::over(super::world::Disk::default(), &[("socket.request.max.bytes", "1000")]);
    world.create("t", 1, &[]);
    let large = "x".repeat(1_000);
    world.send(BAD, ApiKey::Produce, 9, &produce_request("t", 0, batch(&[&large]), -1));
    assert_eq!(world.closed, [BAD]);
    assert!(world.broker.errors().next().unwrap().last_message.contains("socket.request.max.bytes"));
}

#[test]
fn arrays_that_claim_more_than_there_is_are_refused_before_memory_is_reserved() {
    // Metadata version 1 with two billion topics; Metadata version 9 with as many in the compact form.
    let header = |version: u8| [0, 3, 0, version, 0, 0, 0, 1, 0xff, 0xff];
    let mut long = header(1).to_vec();
    long.extend(0x7fff_ffff_u32.to_be_bytes());
    let mut compact = header(9).to_vec();
    compact.extend([0, 0xff, 0xff, 0xff, 0xff, 0x07, 0]);
    let mut world = World::new();
    for bytes in [long, compact] {
        world.broker.handle_request(world.now, BAD, Bytes::from(bytes));
        world.run();
    }
    assert_eq!(world.closed, [BAD, BAD]);
}

#[test]
fn an_unknown_version_of_api_versions_is_answered_in_version_0() {
    let mut world = World::new();
    let request = ApiVersionsRequest::default();
    let mut bytes = BytesMut::from(&frame(ApiKey::ApiVersions, 0, 77, &request)[..]);
    bytes[3] = 99;
    world.broker.handle_request(world.now, CLIENT, bytes.freeze());
    world.run();
    let response: ApiVersionsResponse = world.answer(ApiKey::ApiVersions, 0, 77);
    assert_eq!(response.error_code, ResponseError::UnsupportedVersion.code());
    assert!(!response.api_keys.is_empty());
    assert!(world.closed.is_empty());
}

/// Real requests of each kind, to be damaged.
fn requests() -> Vec<Bytes> {
    vec![
        frame(ApiKey::Produce, 9, 1, &produce_request("t", 0, batch(&["a"]), -1)),
        frame(ApiKey::Produce, 3, 1, &produce_request("t", 0, batch(&["a"]), 1)),
        frame(ApiKey::Fetch, 11, 1, &fetch_request("t", 0, 0, 1_000, 0)),
        frame(ApiKey::Fetch, 12, 1, &fetch_request("t", 0, 0, 1_000, 0)),
        frame(ApiKey::Fetch, 17, 1, &fetch_request("t", 0, 0, 1_000, 0)),
        frame(ApiKey::Metadata, 12, 1, &MetadataRequest::default().with_topics(None)),
        frame(ApiKey::CreateTopics, 7, 1, &create_topic("u", 1, &[("segment.bytes", "1000")])),
        frame(ApiKey::CreateTopics, 2, 1, &create_topic("u", 1, &[("segment.bytes", "1000")])),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn damaged_requests_never_stop_the_broker(
        which in 0_usize..8,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
        shorten in any::<bool>(),
    ) {
        let mut bytes = requests().swap_remove(which).to_vec();
        for (index, byte) in changes {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        if shorten {
            bytes.truncate(cut.index(bytes.len()));
        }
        let mut world = World::new();
        world.create("t", 1, &[]);
        world.broker.handle_request(world.now, BAD, Bytes::from(bytes));
        world.run();
        world.broker.handle_disconnect(world.now, BAD);
        world.answers.clear();
        let (error, _) = world.produce("t", 0, batch(&["others go on"]));
        prop_assert_eq!(error, 0);
    }

    #[test]
    fn random_frames_never_stop_the_broker(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut world = World::new();
        world.broker.handle_request(world.now, BAD, Bytes::from(bytes));
        world.run();
        world.broker.handle_disconnect(world.now, BAD);
        world.answers.clear();
        world.create("t", 1, &[]);
    }
}
