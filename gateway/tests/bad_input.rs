//! What nobody should send: the one who does is closed or answered with Kafka's error, with a line in the log; memory stays
//! bounded, and others are served as if nothing happened.

mod support;

use kafka_protocol::messages::{ApiKey, MetadataRequest};
use support::{Client, Server, frame};

const CLOSED: &str = "headwater_connections_closed_total{broker=\"0\",reason=";
const CONNECTIONS: &str = "headwater_connections{broker=\"0\"}";
const HELD: &str = "headwater_connections_bytes{broker=\"0\"}";

/// Another client of the same server, which must notice nothing.
fn other(server: &Server) -> Client {
    let mut other = server.client();
    other.create_topic("events");
    other.check_service("events");
    other
}

fn closed_for(reason: &str) -> String {
    format!("{CLOSED}\"{reason}\"}}")
}

#[test]
fn half_a_frame_and_silence_is_closed_after_a_while() {
    let server = Server::one(&["--config", "headwater.connection.stall.ms=300"]);
    let mut other = other(&server);
    let mut client = server.client();
    assert!(client.send_raw(&[0, 0, 1, 0, 0, 3]));
    let mut within_the_length = server.client();
    assert!(within_the_length.send_raw(&[0, 0]));
    assert!(client.is_closed() && within_the_length.is_closed());
    other.check_service("events");
    let (_, log) = server.end("TERM");
    assert!(log.contains("it has stopped within a request"), "{log}");
}

#[test]
fn an_impossible_length_is_closed_at_once_and_takes_no_memory() {
    let server = Server::one(&[]);
    let mut other = other(&server);
    let before = server.resident();
    for length in [i32::MAX, i32::MIN, -1, 100 * 1024 * 1024 + 1] {
        let mut client = server.client();
        assert!(client.send_raw(&length.to_be_bytes()));
        assert!(client.is_closed(), "{length}");
    }
    // One that is allowed, but does not come.
    let mut allowed: Vec<Client> = (0..50).map(|_| server.client()).collect();
    for client in &mut allowed {
        assert!(client.send_raw(&(100_i32 << 20).to_be_bytes()) && client.send_raw(&[0; 1000]));
    }
    server.until_metric(HELD, |held| held > 0);
    other.check_service("events");
    assert!(server.resident() < before + (20 << 20), "{} after {before}", server.resident());
    assert_eq!(server.metric(&closed_for("bad_length")), 4);
    let (_, log) = server.end("TERM");
    assert!(log.contains("it announced a request of 2147483647 bytes"), "{log}");
}

#[test]
fn garbage_is_closed() {
    let server = Server::one(&[]);
    let mut other = other(&server);
    let texts: [&[u8]; 3] =
        [b"GET / HTTP/1.1\r\nHost: here\r\n\r\n", &[0xff; 300], &[0x16, 3, 1, 2, 0, 1, 0, 1]];
    for text in texts {
        let mut client = server.client();
        assert!(client.send_raw(text));
        client.half_close();
        assert!(client.is_closed());
    }
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    for length in 0..200 {
        let garbage: Vec<u8> = (0..length)
            .map(|_| {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                random.to_be_bytes()[0]
            })
            .collect();
        let mut client = server.client();
        assert!(client.send_frame(&garbage));
        client.half_close();
        assert!(client.is_closed());
    }
    other.check_service("events");
    assert!(server.metric(&closed_for("refused")) >= 100);
}

#[test]
fn impossible_versions_counts_and_nested_lengths_are_refused() {
    let server = Server::one(&[]);
    let mut other = other(&server);
    let before = server.resident();
    let metadata = frame(4, 1, &MetadataRequest::default().with_topics(Some(Vec::new())));
    let body = metadata.len() - 5;
    for version in [i16::MIN, -1, 99, i16::MAX] {
        let mut bytes = metadata.to_vec();
        bytes[2..4].copy_from_slice(&version.to_be_bytes());
        expect_refusal(&server, &bytes);
    }
    // A count of topics that no frame could hold, and one that is less than none.
    for count in [i32::MAX, i32::MIN, 0x00ff_ffff] {
        let mut bytes = metadata.to_vec();
        bytes[body..body + 4].copy_from_slice(&count.to_be_bytes());
        expect_refusal(&server, &bytes);
    }
    // A topic whose name is longer than the frame.
    let mut bytes = metadata[..body].to_vec();
    bytes.extend_from_slice(&1_i32.to_be_bytes());
    bytes.extend_from_slice(&i16::MAX.to_be_bytes());
    expect_refusal(&server, &bytes);
    // No request has this number.
    let mut bytes = metadata.to_vec();
    bytes[0..2].copy_from_slice(&9_999_i16.to_be_bytes());
    expect_refusal(&server, &bytes);

    // ApiVersions is different: an unknown version has version 0 and error 35 for an answer.
    let mut client = server.client();
    let key = (ApiKey::ApiVersions as i16).to_be_bytes();
    let mut bytes = [key, 77_i16.to_be_bytes()].concat();
    bytes.extend_from_slice(&[0, 0, 0, 9, 0xff, 0xff, 0]);
    assert!(client.send_frame(&bytes));
    assert_eq!(client.answer()[..6], [0, 0, 0, 9, 0, 35]);

    other.check_service("events");
    assert!(server.resident() < before + (10 << 20), "{} after {before}", server.resident());
    let (_, log) = server.end("TERM");
    assert!(log.contains("Version 99 of Metadata is not supported"), "{log}");
}

fn expect_refusal(server: &Server, frame: &[u8]) {
    let mut client = server.client();
    assert!(client.send_frame(frame));
    assert!(client.is_closed(), "{frame:?}");
}

#[test]
fn a_client_that_never_reads_holds_one_answer_and_is_closed() {
    let server = Server::one(&["--config", "headwater.connection.stall.ms=1500"]);
    let mut other = other(&server);
    for _ in 0..32 {
        other.send_produce("events", &[7; 500_000]);
        assert_eq!(other.produce_error(), 0);
    }
    let before = server.resident();
    // Sixteen megabytes each time, and nobody reads.
    let mut deaf = server.client();
    for _ in 0..100 {
        deaf.send_fetch("events", 0, 0);
    }
    server.until_metric(HELD, |held| held > 8 << 20);
    assert!(server.metric(HELD) < 40 << 20, "one answer is held, not a hundred");
    other.check_service("events");
    server.until_metric(&closed_for("stalled"), |count| count == 1);
    other.check_service("events");
    assert_eq!(server.metric(HELD), 0);
    assert!(server.resident() < before + (100 << 20), "{} after {before}", server.resident());
}

#[test]
fn connections_that_hold_too_much_together_make_the_greatest_of_them_close() {
    let server = Server::one(&["--config", "headwater.connections.max.bytes=20000000"]);
    let mut other = other(&server);
    // Each has nine tenths of a long request sent, and never the rest.
    let mut hoarders: Vec<Client> = (1..=10).map(|_| server.client()).collect();
    for (client, size) in hoarders.iter_mut().zip(1_000_000_i32..) {
        let length = 4 * size;
        client.send_raw(&length.to_be_bytes());
        client.send_raw(&vec![0; 3_600_000]);
    }
    server.until_metric(&closed_for("memory"), |count| count >= 4);
    assert!(server.metric(HELD) <= 20_000_000);
    other.check_service("events");
    let (_, log) = server.end("TERM");
    assert!(log.contains("headwater.connections.max.bytes"), "{log}");
}

/// What a silent connection may cost the server's process at the most, in bytes.
const SILENT_MAX_BYTES: usize = 8_192;

#[test]
fn ten_thousand_silent_connections_cost_little_and_are_closed_for_being_idle() {
    let silent = silent_connections();
    let limit = format!("max.connections={}", silent + 1);
    let server = Server::one(&["--config", &limit]);
    let mut undisturbed = other(&server);
    let before = server.resident();
    let connections: Vec<Client> = (0..silent).map(|_| server.client()).collect();
    server.until_metric(CONNECTIONS, |count| count == silent as u64 + 1);
    let after = server.resident();
    let each = after.saturating_sub(before) / silent;
    println!(
        "{silent} silent connections: {before} bytes resident before, {after} with them, {each} for each"
    );
    assert!(each < SILENT_MAX_BYTES, "{each} bytes for each silent connection");
    assert!(server.client().is_closed(), "one more than max.connections");
    assert_eq!(server.metric(&closed_for("too_many")), 1);
    undisturbed.check_service("events");
    drop(connections);
    server.until_metric(CONNECTIONS, |count| count == 1);
    undisturbed.check_service("events");
    let (_, log) = server.end("TERM");
    assert!(log.contains("as many as max.connections allows"), "{log}");

    // A server of its own, as these may begin to end before the last of them is there.
    let server = Server::one(&["--config", "connections.max.idle.ms=1000", "--config", &limit]);
    other(&server);
    let mut connections: Vec<Client> = (0..silent).map(|_| server.client()).collect();
    server.until_metric(&closed_for("idle"), |count| {
        server.client().check_service("events");
        count >= silent as u64
    });
    assert!(connections.iter_mut().all(Client::is_closed));
}

/// Ten thousand, or as many as the system lets this process and the server open.
fn silent_connections() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    const WANTED: usize = 10_000;
    // The server keeps so many for what is not a connection; the tests beside this one need fewer.
    const OTHER_FILES: u64 = 1_280;
    let most = getrlimit(Resource::Nofile).maximum;
    let raised = setrlimit(Resource::Nofile, Rlimit { current: most, maximum: most });
    assert!(raised.is_ok(), "{raised:?}");
    let allowed = most.map_or(u64::MAX, |most| most.saturating_sub(OTHER_FILES + 1));
    let silent = usize::try_from(allowed).map_or(WANTED, |allowed| allowed.min(WANTED));
    assert!(silent > 0, "{most:?} open files are too few for any test");
    if silent < WANTED {
        println!(
            "{WANTED} silent connections are wanted; the system allows {most:?} open files: {silent} are opened."
        );
    }
    silent
}

#[test]
fn a_silent_connection_is_closed_when_it_was_idle_for_too_long() {
    let server = Server::one(&["--config", "connections.max.idle.ms=1200"]);
    let mut client = server.client();
    client.api_versions();
    assert!(client.is_closed());
    assert_eq!(server.metric(&closed_for("idle")), 1);
}
