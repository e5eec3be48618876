//! What Apache Kafka answered to requests (`kafka-4.1.txt`, byte for byte as it came), against what is answered here. The bytes
//! have to be the same but for what `mask.rs` names: what each cluster has of its own, and the words of messages.
//! README.md says how Kafka is asked anew.
#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot go on says why")]

mod data;
mod groups;
mod mask;
#[path = "../support/mod.rs"]
mod support;
mod topics;
mod transactions;

use std::fmt::{Debug, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use kafka_protocol::messages::{ApiVersionsRequest, ApiVersionsResponse, FindCoordinatorRequest};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion as _, Request, StrBytes};
use support::{Client, Server, frame};

/// An answer without what is each cluster's own: as bytes, and for people.
type Told = (Bytes, String);

/// A request, and how its answer is told.
struct Step {
    name: &'static str,
    frame: Bytes,
    tell: Box<dyn Fn(Bytes) -> Told>,
}

fn step<R: Request>(
    name: &'static str,
    version: i16,
    request: &R,
    mask: impl Fn(&mut R::Response) + 'static,
) -> Step
where
    R::Response: Encodable + Decodable + Debug,
{
    let tell = move |answer: Bytes| {
        let header = 4 + usize::from(R::Response::header_version(version) > 0);
        let mut body = answer.slice(header..);
        let mut response = R::Response::decode(&mut body, version).expect("an answer of its version");
        assert!(body.is_empty(), "{name}: bytes follow the answer");
        let encoded = |response: &R::Response| {
            let mut bytes = BytesMut::from(&answer[..header]);
            response.encode(&mut bytes, version).expect("what was decoded can be encoded");
            bytes.freeze()
        };
        assert_eq!(encoded(&response), answer, "{name}: nothing is lost when it is decoded");
        mask(&mut response);
        (encoded(&response), format!("{response:#?}"))
    };
    Step { name, frame: frame(version, 7, request), tell: Box::new(tell) }
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

const EVERY_API: &str = "what can be asked";

fn steps() -> Vec<Step> {
    let named = ApiVersionsRequest::default()
        .with_client_software_name(text("golden"))
        .with_client_software_version(text("1"));
    let mut steps = vec![step(EVERY_API, 3, &named, mask::apis), unknown_version()];
    steps.extend(topics::steps());
    steps.extend(data::steps());
    steps.extend(groups::steps());
    steps.extend(transactions::steps());
    steps.extend(topics::last_steps());
    steps
}

/// A version that nobody has: version 0 is the answer, with error 35 and the versions of ApiVersions itself (KIP-511).
fn unknown_version() -> Step {
    let mut frame = frame(3, 7, &ApiVersionsRequest::default()).to_vec();
    frame[2..4].copy_from_slice(&77_i16.to_be_bytes());
    let tell = |answer: Bytes| (answer.clone(), format!("{answer:x}"));
    Step { name: "a version that nobody has", frame: frame.into(), tell: Box::new(tell) }
}

fn file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/kafka-4.1.txt")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn unhex(text: &str) -> Bytes {
    let byte = |at| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal");
    (0..text.len()).step_by(2).map(byte).collect()
}

fn ask(address: &str, frame: &[u8]) -> Bytes {
    let mut client = Client::connect(address);
    assert!(client.send_frame(frame), "it reads");
    client.answer()
}

/// Waits until there are coordinators of groups and of transactions, which is no moment to be compared.
fn warm_up(address: &str) {
    for key_type in [0, 1] {
        let find = FindCoordinatorRequest::default().with_key(text("warm")).with_key_type(key_type);
        let find = frame(1, 7, &find);
        let is_ready = || ask(address, &find).slice(8..).get_i16() == 0;
        assert!((0..200).any(|_| is_ready() || pause()), "no coordinator comes");
    }
    for step in [groups::warm_up(), transactions::warm_up()] {
        let is_ready = || !(step.tell)(ask(address, &step.frame)).1.contains("error_code: 1");
        assert!((0..200).any(|_| is_ready() || pause()), "no coordinator loads");
    }
}

fn pause() -> bool {
    std::thread::sleep(Duration::from_millis(100));
    false
}

fn capture(address: &str) {
    warm_up(address);
    let mut text = String::new();
    for Step { name, frame, .. } in steps() {
        let answer = ask(address, &frame);
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name}\n> {}\n< {}\n", hex(&frame), hex(&answer));
        // Kafka answers before all of it knows of a topic, a config or a marker.
        std::thread::sleep(Duration::from_millis(500));
    }
    std::fs::write(file(), text).expect("the folder is there");
}

/// What Kafka was asked and answered, by the name of the step.
fn captured() -> Vec<(String, Bytes, Bytes)> {
    let golden = std::fs::read_to_string(file()).expect("the golden file");
    let entries = golden.split("\n\n").filter(|entry| !entry.trim().is_empty());
    let parts = entries.map(|entry| {
        let lines: Vec<&str> = entry.trim().lines().collect();
        let [name, request, answer] = lines[..] else { panic!("not three lines: {entry}") };
        (name.to_owned(), unhex(&request[2..]), unhex(&answer[2..]))
    });
    parts.collect()
}

#[test]
fn answers_are_those_of_apache_kafka() {
    if let Ok(address) = std::env::var("HEADWATER_CAPTURE") {
        capture(&address);
    }
    let captured = captured();
    let steps = steps();
    assert_eq!(captured.len(), steps.len(), "ask Kafka anew: the steps are others");
    let server =
        Server::start(&["--listen", "127.0.0.1:0", "--config", "group.initial.rebalance.delay.ms=0"]);
    let address = &server.addresses[0];
    warm_up(address);
    let mut differences = String::new();
    for (Step { name, frame, tell }, (said, request, answer)) in steps.into_iter().zip(captured) {
        assert_eq!((said.as_str(), request), (name, frame.clone()), "ask Kafka anew: the steps are others");
        let (kafka, ours) = (tell(answer), tell(ask(address, &frame)));
        if kafka.0 != ours.0 {
            // Writing to a string cannot fail.
            let _ = writeln!(differences, "{name}:\nKafka: {}\nhere: {}", kafka.1, ours.1);
        }
    }
    assert!(differences.is_empty(), "{differences}");
}

/// BrokerRegistration and AllocateProducerIds, which Kafka has where its controllers listen.
const BETWEEN_BROKERS: [i16; 2] = [62, 67];

/// Whatever is offered here Kafka 4.1 offers too.
#[test]
fn no_version_is_offered_that_kafka_does_not_have() {
    let (_, _, answer) = captured().into_iter().find(|(name, ..)| name == EVERY_API).expect("it was asked");
    let kafka = ApiVersionsResponse::decode(&mut answer.slice(4..), 3).expect("versions");
    let server = Server::start(&["--listen", "127.0.0.1:0"]);
    let offered = server.client().api_versions();
    for (key, min, max) in offered.into_iter().filter(|(key, ..)| !BETWEEN_BROKERS.contains(key)) {
        let known = kafka.api_keys.iter().find(|known| known.api_key == key).expect("a key of Kafka's");
        assert!(known.min_version <= min && max <= known.max_version, "API {key}: {min} to {max}");
    }
}
