//! `--ui`: the page is served, and its WebSockets reach the brokers as every connection does, with the same limits; pages of
//! others reach nothing.
#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot go on says why")]

mod support;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use kafka_protocol::messages::{
    FetchRequest, FetchResponse, FindCoordinatorRequest, FindCoordinatorResponse, MetadataRequest,
    MetadataResponse, ProduceResponse,
};
use kafka_protocol::protocol::{Decodable, Request, StrBytes};
use support::{Client, Server, failed, fetch, frame, produce};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message, WebSocket, client};

/// A page of two files, removed at the end.
struct Files(PathBuf);

impl Files {
    fn new(name: &str) -> Files {
        let folder =
            PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("ui-{name}-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("strings")).expect("a folder");
        std::fs::write(
            folder.join("index.html"),
            "<!doctype html><html><head><title>x</title></head></html>",
        )
        .expect("a file");
        std::fs::write(folder.join("strings/en.json"), "{}").expect("a file");
        Files(folder)
    }

    fn serve(&self, more: &[&str]) -> Served {
        let files = self.0.display().to_string();
        let mut arguments = vec!["--ui", "127.0.0.1:0", "--ui-files", &files];
        arguments.extend(more);
        let server = Server::one(&arguments);
        let ui = server.ready.split("the page on http://").nth(1).expect("where the page is");
        let ui = ui.split('/').next().expect("an address").to_owned();
        Served { server, ui }
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        // It is in the build's folder for such things.
        drop(std::fs::remove_dir_all(&self.0));
    }
}

struct Served {
    server: Server,
    /// Where the page is.
    ui: String,
}

impl Served {
    /// Everything that is answered to such a request line, under this host.
    fn ask(&self, line: &str, host: &str) -> String {
        let mut stream = TcpStream::connect(&self.ui).expect("it listens");
        write!(stream, "{line} HTTP/1.1\r\nHost: {host}\r\n\r\n").expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        answer
    }

    fn socket_of(&self, path: &str, origin: &str) -> Result<Socket, Error> {
        let mut request = format!("ws://{}{path}", self.ui).into_client_request()?;
        request.headers_mut().insert("Origin", origin.parse().expect("a header"));
        let stream = TcpStream::connect(&self.ui)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        match client(request, stream) {
            Ok((socket, _)) => Ok(Socket(socket)),
            Err(client_error) => match client_error {
                tokio_tungstenite::tungstenite::HandshakeError::Failure(error) => Err(error),
                other => panic!("{other:?}"),
            },
        }
    }

    /// A WebSocket as the page opens it.
    fn socket(&self, path: &str) -> Socket {
        self.socket_of(path, &format!("http://{}", self.ui)).expect("a WebSocket")
    }
}

struct Socket(WebSocket<TcpStream>);

impl Socket {
    fn ask<R: Request, A: Decodable>(&mut self, version: i16, tagged: bool, request: &R) -> A {
        self.0.send(Message::Binary(frame(version, 7, request))).expect("it is open");
        let mut answer = self.answer();
        assert_eq!(answer.get_i32(), 7);
        answer.advance(usize::from(tagged));
        A::decode(&mut answer, version).expect("the answer can be read")
    }

    fn answer(&mut self) -> Bytes {
        match self.0.read().expect("an answer") {
            Message::Binary(frame) => frame,
            other => panic!("{other:?}"),
        }
    }

    /// What a broker says next, but for what is nothing to these tests.
    fn said(&mut self, wanted: impl Fn(&str) -> bool) -> String {
        loop {
            match self.0.read().expect("a message") {
                Message::Text(text) if wanted(&text) => return text.to_string(),
                Message::Text(_) | Message::Ping(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// Whether the other end closes it, whatever else it sends.
    fn is_closed(&mut self) -> bool {
        loop {
            match self.0.read() {
                Ok(Message::Close(_))
                | Err(Error::ConnectionClosed | Error::AlreadyClosed | Error::Protocol(_)) => return true,
                Err(Error::Io(error)) => return error.kind() != std::io::ErrorKind::WouldBlock,
                Err(error) => panic!("{error}"),
                Ok(_) => {}
            }
        }
    }
}

#[test]
fn the_page_is_served_and_told_whose_it_is_and_no_other_file_is() {
    let files = Files::new("files");
    let served = files.serve(&[]);
    for path in ["/", "/index.html?x=1"] {
        let page = served.ask(&format!("GET {path}"), "localhost");
        assert!(page.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/html"), "{page}");
        assert!(page.contains("<head><meta name=\"headwater-gateway\" content=\"1\"><title>"), "{page}");
    }
    let head = served.ask("HEAD /strings/en.json", &served.ui);
    assert!(
        head.contains("Content-Type: application/json\r\nContent-Length: 2\r\n")
            && head.ends_with("\r\n\r\n"),
        "{head}"
    );
    for path in [
        "/../Cargo.toml",
        "/strings/../index.html",
        "/%2e%2e/Cargo.toml",
        "//etc/passwd",
        "/strings",
        "/other",
    ] {
        let answer = served.ask(&format!("GET {path}"), "localhost");
        assert!(answer.starts_with("HTTP/1.1 404 "), "{path}: {answer}");
    }
    for (line, host, status) in [
        ("GET /", "evil.example", "421"),
        ("POST /", "localhost", "405"),
        ("GET /kafka/0", "localhost", "426"),
        ("GET", "localhost", "400"),
    ] {
        let answer = served.ask(line, host);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{line}: {answer}");
    }
}

#[test]
fn a_folder_that_is_not_the_page_is_said_at_the_start() {
    let files = Files::new("none");
    std::fs::remove_file(files.0.join("index.html")).expect("it was there");
    let folder = files.0.display().to_string();
    let missing = format!("{folder}/missing");
    for (folder, words) in [(&folder, "cargo xtask build"), (&missing, "No such file")] {
        let (code, text) = failed(&["--listen", "127.0.0.1:0", "--ui", "127.0.0.1:0", "--ui-files", folder]);
        assert_eq!(code, Some(1), "{text}");
        assert!(text.contains("--ui-files") && text.contains(words), "{text}");
    }
}

#[test]
fn frames_of_a_page_meet_those_over_tcp_and_brokers_are_named_to_it_by_number() {
    let files = Files::new("frames");
    let served = files.serve(&[]);
    let mut client = served.server.client();
    client.create_topic("events");
    let mut page = served.socket("/kafka/0");
    let produced: ProduceResponse = page.ask(8, false, &produce("events", b"from the page", 1));
    assert_eq!(produced.responses[0].partition_responses[0].error_code, 0);
    client.send_fetch("events", 0, 0);
    let (error, bytes) = client.fetched();
    assert!(error == 0 && bytes > 0);
    client.send_produce("events", &[7; 900_000]);
    assert_eq!(client.produce_error(), 0);
    let request: FetchRequest = fetch("events", 0, 0);
    let fetched: FetchResponse = page.ask(11, false, &request);
    let records = fetched.responses[0].partitions[0].records.as_ref().map_or(0, Bytes::len);
    assert!(records > bytes + 900_000, "{records}");

    let metadata = MetadataRequest::default().with_topics(None);
    let named: MetadataResponse = page.ask(4, false, &metadata);
    assert_eq!((&*named.brokers[0].host, named.brokers[0].port), ("broker-0", 9092));
    let coordinator = FindCoordinatorRequest::default().with_key(StrBytes::from_static_str("group"));
    let named: FindCoordinatorResponse = page.ask(2, false, &coordinator);
    assert_eq!((&*named.host, named.port), ("broker-0", 9092));
    let port: i32 = served.server.addresses[0].rsplit(':').next().expect("a port").parse().expect("a number");
    client.send(4, &metadata);
    let mut answer = client.answer();
    answer.advance(4);
    let named = MetadataResponse::decode(&mut answer, 4).expect("metadata");
    assert_eq!((&*named.brokers[0].host, named.brokers[0].port), ("127.0.0.1", port));
}

#[test]
fn pages_of_others_open_nothing() {
    let files = Files::new("origin");
    let served = files.serve(&[]);
    for path in ["/kafka/0", "/broker/0"] {
        for origin in ["http://evil.example", "http://localhost:1", "null"] {
            match served.socket_of(path, origin).map(|_| ()) {
                Err(Error::Http(answer)) => assert_eq!(answer.status(), 403, "{path} {origin}"),
                other => panic!("{path} {origin}: {other:?}"),
            }
        }
    }
    match served.socket_of("/kafka/1", &format!("http://{}", served.ui)).map(|_| ()) {
        Err(Error::Http(answer)) => assert_eq!(answer.status(), 404),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_nobody_should_send_closes_its_socket_and_nothing_else() {
    let files = Files::new("garbage");
    let served = files.serve(&["--config", "socket.request.max.bytes=1000000"]);
    let mut other = served.server.client();
    other.create_topic("events");
    let before = served.server.resident();
    let messages = [
        Message::Binary(vec![0xff; 300].into()),
        Message::text("hello"),
        Message::Binary(vec![0; 1_000_001].into()),
    ];
    for message in messages {
        let mut page = served.socket("/kafka/0");
        // A message that is too long may be refused while it is sent.
        drop(page.0.send(message));
        assert!(page.is_closed());
    }
    // Bytes that are no WebSocket's.
    let mut page = served.socket("/kafka/0");
    page.0.get_mut().write_all(&[0xff; 64]).expect("it is open");
    assert!(page.is_closed());
    // Messages that say that they are long, and do not come.
    let mut announced: Vec<Socket> = (0..50).map(|_| served.socket("/kafka/0")).collect();
    for page in &mut announced {
        let head = [&[0x82, 0xff], &1_000_000_u64.to_be_bytes()[..], &[0; 4], &[0; 100]].concat();
        page.0.get_mut().write_all(&head).expect("it is open");
    }
    let mut page = served.socket("/broker/0");
    page.0.send(Message::text("{\"destroy\":")).expect("it is open");
    assert!(page.is_closed());
    other.check_service("events");
    assert!(served.server.resident() < before + (20 << 20), "{} after {before}", served.server.resident());
}

#[test]
fn a_page_that_never_reads_holds_one_answer_and_is_closed() {
    let files = Files::new("slow");
    let served = files.serve(&["--config", "headwater.connection.stall.ms=1500"]);
    let mut other = served.server.client();
    other.create_topic("events");
    for _ in 0..32 {
        other.send_produce("events", &[7; 500_000]);
        assert_eq!(other.produce_error(), 0);
    }
    let before = served.server.resident();
    let mut page = served.socket("/kafka/0");
    for number in 0..100 {
        page.0.send(Message::Binary(frame(11, number, &fetch("events", 0, 0)))).expect("it is open");
    }
    served
        .server
        .until_metric("headwater_connections_closed_total{broker=\"0\",reason=\"stalled\"}", |count| {
            count == 1
        });
    let most = before + (120 << 20);
    assert!(served.server.resident() < most, "{} after {before}", served.server.resident());
    other.check_service("events");
}

#[test]
fn a_page_is_told_how_a_broker_stands_and_what_moves_when_it_watches() {
    let files = Files::new("news");
    let served = files.serve(&[]);
    let mut page = served.socket("/broker/0");
    let ready = page.said(|_| true);
    assert!(ready.starts_with("{\"ready\":{\"node_id\":0,\"brokers\":[0],\"logs\":0,"), "{ready}");
    let mut client = Client::connect(&served.server.addresses[0]);
    client.create_topic("events");
    page.said(|text| text.contains("\"snapshot\"") && text.contains("\"name\":\"events\""));
    page.0.send(Message::text("{\"watch\":{\"on\":true}}")).expect("it is open");
    // It watches when a record shows up that came after; one that came before it did does not.
    let mut late = served.socket("/broker/0");
    let moved = std::thread::spawn(move || page.said(|text| text.contains("\"trace\"")));
    while !moved.is_finished() {
        client.send_produce("events", b"hello");
        assert_eq!(client.produce_error(), 0);
    }
    let moved = moved.join().expect("a trace");
    assert!(
        moved.contains("\"kind\":\"append\",\"client_id\":\"test\",\"topic\":\"events\",\"partition\":0"),
        "{moved}"
    );
    let high_watermark = |text: &str| text.contains("\"high_watermark\":{\"$\":\"");
    late.said(high_watermark);
}
