//! The program as a person starts it: what it prints, what it serves, how it ends.

mod support;

use std::net::TcpListener;

use support::{Client, Server, failed};

#[test]
fn it_says_where_it_listens_answers_there_and_ends_cleanly() {
    let server = Server::start(&["--listen", "127.0.0.1:0", "--listen", "127.0.0.1:0"]);
    assert_eq!(server.addresses.len(), 2, "{}", server.ready);
    for address in &server.addresses {
        let mut client = Client::connect(address);
        let versions = client.api_versions();
        assert!(versions.iter().any(|(key, _, max)| *key == 0 && *max >= 9), "{versions:?}");
    }
    let (code, log) = server.end("TERM");
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("SIGTERM"), "{log}");
}

#[test]
fn an_interrupt_ends_it_as_cleanly_and_logs_can_be_json() {
    let server = Server::start(&["--listen", "127.0.0.1:0", "--json-logs"]);
    let (code, log) = server.end("INT");
    assert_eq!(code, Some(0), "{log}");
    for line in log.lines() {
        assert!(line.starts_with('{') && line.ends_with('}'), "{line}");
    }
}

#[test]
fn what_is_wrong_is_said_in_one_line_with_its_exit_code() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let cases: [(&[&str], i32, &str); 6] = [
        (&["--listen", &address], 1, "the port is taken"),
        (&["--config", "num.partition=3"], 1, "Unknown config num.partition. Is num.partitions meant?"),
        (&["--config", "num.partitions=many"], 1, "Invalid value many"),
        (&["--config", "max.connections=0"], 1, "Invalid value 0"),
        (&["--listen", "9092"], 2, "HOST:PORT"),
        (&["--storage", "tape"], 2, "memory or dir:PATH"),
    ];
    for (arguments, code, words) in cases {
        let mut all = vec!["--listen", "127.0.0.1:0"];
        all.extend(arguments);
        let (got, text) = failed(&all);
        assert_eq!(got, Some(code), "{text}");
        let first = text.lines().next().unwrap_or_default();
        assert!(first.starts_with("headwater: ") && first.contains(words), "{text}");
    }
}

#[test]
fn metrics_and_health_are_served() {
    let server = Server::start(&["--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0"]);
    Client::connect(&server.addresses[0]).api_versions();
    let (status, health) = server.get("/healthz");
    assert_eq!((status.as_str(), health.as_str()), ("200", "ok\n"));
    let (status, metrics) = server.get("/metrics");
    assert_eq!(status, "200");
    let count = "headwater_requests_total{broker=\"0\",api=\"ApiVersions\"} 1";
    for line in ["# TYPE headwater_request_duration_seconds histogram", count] {
        assert!(metrics.lines().any(|found| found == line), "{line} is not in\n{metrics}");
    }
    assert_eq!(server.get("/other").0, "404");
}

#[test]
fn a_request_in_flight_is_answered_when_it_ends() {
    let server = Server::one(&[]);
    let mut client = server.client();
    client.create_topic("events");
    client.send_fetch("events", 0, 300);
    server.until_metric("headwater_connections_bytes{broker=\"0\"}", |bytes| bytes > 0);
    let answer = std::thread::spawn(move || client.fetched());
    let (code, log) = server.end("TERM");
    assert_eq!(answer.join().expect("an answer"), (0, 0), "{log}");
    assert_eq!(code, Some(0), "{log}");
}

#[test]
fn a_directory_keeps_everything_and_belongs_to_one_process() {
    let folder = Folder::new("keeps");
    let storage = format!("dir:{}", folder.0.display());
    let arguments = ["--listen", "127.0.0.1:0", "--storage", &storage];
    let server = Server::start(&arguments);
    let mut client = Client::connect(&server.addresses[0]);
    assert_eq!(client.broker_config("0", "log.dirs"), folder.0.join("0").display().to_string());
    client.create_topic("events");
    client.check_service("events");
    let (code, text) = failed(&arguments);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("in use by another process"), "{text}");
    assert_eq!(server.end("TERM").0, Some(0));

    for signal in ["KILL", "TERM"] {
        let server = Server::start(&arguments);
        let mut client = Client::connect(&server.addresses[0]);
        client.send_fetch("events", 0, 0);
        let (error, bytes) = client.fetched();
        assert!(error == 0 && bytes > 0, "{error}");
        server.end(signal);
    }
    assert!(folder.0.join("0/events-0/00000000000000000000.log").exists());
}

#[test]
fn a_brokers_config_is_changed_at_any_broker_and_outlives_all_of_them() {
    let folder = Folder::new("configs");
    let storage = format!("dir:{}", folder.0.display());
    let arguments = ["--listen", "127.0.0.1:0", "--listen", "127.0.0.1:0", "--listen", "127.0.0.1:0"];
    let arguments = [&arguments[..], &["--storage", &storage]].concat();
    let server = Server::start(&arguments);
    // Neither is the controller; each is asked for another broker, or for all.
    for (asked, broker, value) in [(1, "2", "6000"), (2, "", "5000")] {
        let mut client = Client::connect(&server.addresses[asked]);
        assert_eq!(client.set_broker_config(broker, "log.segment.bytes", value), 0);
    }
    let in_force = |server: &Server| {
        let numbered = server.addresses.iter().zip(["0", "1", "2"]);
        let mut values = numbered
            .map(|(address, broker)| Client::connect(address).broker_config(broker, "log.segment.bytes"));
        [values.next(), values.next(), values.next()].map(Option::unwrap_or_default)
    };
    let expected = ["5000", "5000", "6000"].map(str::to_owned);
    // The third hears of it with the metadata that it fetches.
    assert!((0..1_000).any(|_| in_force(&server) == expected), "{:?}", in_force(&server));
    assert_eq!(server.end("TERM").0, Some(0));
    let server = Server::start(&arguments);
    assert_eq!(in_force(&server), expected);
}

#[test]
fn topics_are_made_at_any_broker_and_known_at_all_of_them() {
    let server =
        Server::start(&["--listen", "127.0.0.1:0", "--listen", "127.0.0.1:0", "--listen", "127.0.0.1:0"]);
    let mut clients: Vec<Client> = server.addresses.iter().map(|address| Client::connect(address)).collect();
    for (asked, topic) in [(1, "one"), (2, "two"), (0, "three"), (1, "four")] {
        clients[asked].create_topic(topic);
        // Its one partition is led by one of them, which hears of it with the metadata that it fetches.
        let leads = |client: &mut Client| {
            client.send_produce(topic, b"hello");
            client.produce_error() == 0
        };
        assert!((0..1_000).any(|_| clients.iter_mut().any(leads)), "nobody leads {topic}");
    }
    assert_eq!(server.end("TERM").0, Some(0));
}

/// A directory that is removed at the end.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path =
            std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A test that failed early has not made it.
        drop(std::fs::remove_dir_all(&self.0));
    }
}
