//! The program under test, and a client of a few lines that can also misbehave.
#![allow(dead_code, reason = "each test file uses its part of it")]
#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot go on says why")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use headwater_engine::record::{Compression, RecordBatchBuilder};
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    ApiVersionsRequest, CreateTopicsRequest, DescribeConfigsRequest, DescribeConfigsResponse, FetchRequest,
    FetchResponse, IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse, ProduceRequest,
    ProduceResponse, RequestHeader, TopicName,
};
use kafka_protocol::protocol::{Decodable, Encodable, Request, StrBytes};

/// Longer than this nothing here takes, also on a machine that does much else; a test that gets here has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// The number that Kafka gives brokers among what has configs.
const BROKER: i8 = 4;

/// A server that runs. One that is dropped is killed.
pub(crate) struct Server {
    child: Child,
    log: Option<JoinHandle<String>>,
    /// The line that it printed when it was ready.
    pub(crate) ready: String,
    pub(crate) addresses: Vec<String>,
    metrics: Option<String>,
}

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_headwater"));
    command.arg("serve").args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// What a server that cannot start exits with and says.
pub(crate) fn failed(arguments: &[&str]) -> (Option<i32>, String) {
    let output = program(arguments).output().expect("the server can be run");
    assert!(output.stdout.is_empty(), "it says that it is ready");
    (output.status.code(), String::from_utf8(output.stderr).expect("text"))
}

impl Server {
    pub(crate) fn start(arguments: &[&str]) -> Server {
        let mut child = program(arguments).spawn().expect("the server can be run");
        let mut stderr = child.stderr.take().expect("a pipe");
        let log = std::thread::spawn(move || {
            let mut log = Vec::new();
            stderr.read_to_end(&mut log).expect("the log can be read");
            String::from_utf8_lossy(&log).into_owned()
        });
        let mut ready = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut ready).expect("a line");
        let on = ready.split("ready on ").nth(1).unwrap_or_default();
        let addresses = on.split(';').next().unwrap_or_default().trim().split(", ").map(str::to_owned);
        let metrics = ready.split("metrics on http://").nth(1).and_then(|url| url.split('/').next());
        Server {
            child,
            log: Some(log),
            addresses: addresses.filter(|address| !address.is_empty()).collect(),
            metrics: metrics.map(str::to_owned),
            ready,
        }
    }

    /// Its one broker, on a port of its own.
    pub(crate) fn one(more: &[&str]) -> Server {
        let mut arguments = vec!["--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0"];
        arguments.extend(more);
        Server::start(&arguments)
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(&self.addresses[0])
    }

    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// Memory that it has, in bytes.
    pub(crate) fn resident(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("Linux");
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a size");
        let kib: usize = line.split_whitespace().nth(1).expect("a number").parse().expect("a number");
        kib * 1024
    }

    /// The status and the body of a page.
    pub(crate) fn get(&self, path: &str) -> (String, String) {
        let mut stream = TcpStream::connect(self.metrics.as_ref().expect("--metrics")).expect("it listens");
        write!(stream, "GET {path} HTTP/1.1\r\nHost: here\r\n\r\n").expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        (head.split(' ').nth(1).unwrap_or_default().to_owned(), body.to_owned())
    }

    /// The value of a metric of one line.
    pub(crate) fn metric(&self, line: &str) -> u64 {
        let (_, text) = self.get("/metrics");
        let value = text.lines().find_map(|found| found.strip_prefix(line)?.trim().parse::<f64>().ok());
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts")]
        value.map_or(0, |value| value as u64)
    }

    /// Waits until a metric has a value, however long that takes within reason.
    pub(crate) fn until_metric(&self, line: &str, is_there: impl Fn(u64) -> bool) {
        for _ in 0..PATIENCE.as_millis() / 20 {
            if is_there(self.metric(line)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("{line} has not come to it: {}", self.metric(line));
    }

    pub(crate) fn signal(&self, signal: &str) {
        let status =
            Command::new("kill").args([&format!("-{signal}"), &self.child.id().to_string()]).status();
        assert!(status.expect("kill runs").success());
    }

    /// Sends it a signal; its exit code and its log.
    pub(crate) fn end(mut self, signal: &str) -> (Option<i32>, String) {
        self.signal(signal);
        let status = self.child.wait().expect("it ends");
        let log = self.log.take().map(|log| log.join().expect("a log"));
        (status.code(), log.unwrap_or_default())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A connection.
pub(crate) struct Client {
    stream: TcpStream,
    correlation_id: i32,
}

impl Client {
    pub(crate) fn connect(address: &str) -> Client {
        let stream = TcpStream::connect(address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        stream.set_nodelay(true).expect("no delay");
        Client { stream, correlation_id: 0 }
    }

    /// Sends bytes as they are; false when the other end takes none.
    pub(crate) fn send_raw(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// Sends bytes behind their length.
    pub(crate) fn send_frame(&mut self, frame: &[u8]) -> bool {
        let mut bytes = u32::try_from(frame.len()).expect("a length").to_be_bytes().to_vec();
        bytes.extend_from_slice(frame);
        self.send_raw(&bytes)
    }

    pub(crate) fn send<R: Request>(&mut self, version: i16, request: &R) {
        let frame = frame(version, self.correlation_id, request);
        self.correlation_id += 1;
        assert!(self.send_frame(&frame), "the connection is open");
    }

    /// The next answer, with its header.
    pub(crate) fn answer(&mut self) -> Bytes {
        self.try_answer().expect("an answer")
    }

    pub(crate) fn try_answer(&mut self) -> std::io::Result<Bytes> {
        let mut length = [0; 4];
        self.stream.read_exact(&mut length)?;
        let mut answer = vec![0; u32::from_be_bytes(length) as usize];
        self.stream.read_exact(&mut answer)?;
        Ok(Bytes::from(answer))
    }

    /// Whether the other end closes the connection, whatever else it sends.
    pub(crate) fn is_closed(&mut self) -> bool {
        let mut rest = Vec::new();
        match self.stream.read_to_end(&mut rest) {
            Ok(_) => true,
            // Bytes that were not read when it closed.
            Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
        }
    }

    pub(crate) fn half_close(&self) {
        self.stream.shutdown(Shutdown::Write).expect("it is open");
    }

    fn answered<R: Decodable>(&mut self, version: i16, tagged: bool) -> R {
        let mut answer = self.answer();
        answer.advance(4 + usize::from(tagged));
        R::decode(&mut answer, version).expect("the answer can be read")
    }

    /// What can be asked: number, lowest and highest version.
    pub(crate) fn api_versions(&mut self) -> Vec<(i16, i16, i16)> {
        self.send(0, &ApiVersionsRequest::default());
        let versions: kafka_protocol::messages::ApiVersionsResponse = self.answered(0, false);
        versions.api_keys.iter().map(|key| (key.api_key, key.min_version, key.max_version)).collect()
    }

    /// Makes a topic of one partition.
    pub(crate) fn create_topic(&mut self, name: &str) {
        let topic = CreatableTopic::default()
            .with_name(topic_name(name))
            .with_num_partitions(1)
            .with_replication_factor(1);
        self.send(4, &CreateTopicsRequest::default().with_topics(vec![topic]).with_timeout_ms(30_000));
        let made: kafka_protocol::messages::CreateTopicsResponse = self.answered(4, false);
        assert_eq!(made.topics[0].error_code, 0);
    }

    /// Sets a config of a broker, or of all without a number, while they run; the error.
    pub(crate) fn set_broker_config(&mut self, broker: &str, key: &str, value: &str) -> i16 {
        let config = AlterableConfig::default()
            .with_name(StrBytes::from_string(key.to_owned()))
            .with_value(Some(StrBytes::from_string(value.to_owned())));
        let resource = AlterConfigsResource::default()
            .with_resource_type(BROKER)
            .with_resource_name(StrBytes::from_string(broker.to_owned()))
            .with_configs(vec![config]);
        self.send(1, &IncrementalAlterConfigsRequest::default().with_resources(vec![resource]));
        let response: IncrementalAlterConfigsResponse = self.answered(1, true);
        response.responses[0].error_code
    }

    /// The value of a broker's config that is in force.
    pub(crate) fn broker_config(&mut self, broker: &str, key: &str) -> String {
        let resource = DescribeConfigsResource::default()
            .with_resource_type(BROKER)
            .with_resource_name(StrBytes::from_string(broker.to_owned()))
            .with_configuration_keys(Some(vec![StrBytes::from_string(key.to_owned())]));
        self.send(4, &DescribeConfigsRequest::default().with_resources(vec![resource]));
        let response: DescribeConfigsResponse = self.answered(4, true);
        response.results[0].configs[0].value.as_ref().expect("it has a value").to_string()
    }

    pub(crate) fn send_produce(&mut self, topic: &str, value: &[u8]) {
        self.send(8, &produce(topic, value, 1));
    }

    /// The error of the next answer, which is one to a Produce.
    pub(crate) fn produce_error(&mut self) -> i16 {
        let response: ProduceResponse = self.answered(8, false);
        response.responses[0].partition_responses[0].error_code
    }

    pub(crate) fn send_fetch(&mut self, topic: &str, offset: i64, max_wait_ms: i32) {
        self.send(11, &fetch(topic, offset, max_wait_ms));
    }

    /// The error and the bytes of the next answer, which is one to a Fetch.
    pub(crate) fn fetched(&mut self) -> (i16, usize) {
        let response: FetchResponse = self.answered(11, false);
        let partition = &response.responses[0].partitions[0];
        (partition.error_code, partition.records.as_ref().map_or(0, Bytes::len))
    }

    /// That a client is served as if nothing else happened.
    pub(crate) fn check_service(&mut self, topic: &str) {
        self.send_produce(topic, b"hello");
        assert_eq!(self.produce_error(), 0);
        self.send_fetch(topic, 0, 0);
        let (error, bytes) = self.fetched();
        assert!(error == 0 && bytes > 0);
    }
}

pub(crate) fn produce(topic: &str, value: &[u8], acks: i16) -> ProduceRequest {
    let mut batch = RecordBatchBuilder::new(Compression::None);
    batch.append(0, None, Some(value), &[]).expect("a record");
    let partition = PartitionProduceData::default().with_records(Some(batch.build()));
    let topic = TopicProduceData::default().with_name(topic_name(topic)).with_partition_data(vec![partition]);
    ProduceRequest::default().with_acks(acks).with_timeout_ms(30_000).with_topic_data(vec![topic])
}

pub(crate) fn fetch(topic: &str, offset: i64, max_wait_ms: i32) -> FetchRequest {
    let partition = FetchPartition::default().with_fetch_offset(offset).with_partition_max_bytes(50 << 20);
    let topic = FetchTopic::default().with_topic(topic_name(topic)).with_partitions(vec![partition]);
    FetchRequest::default()
        .with_replica_id((-1).into())
        .with_max_wait_ms(max_wait_ms)
        .with_min_bytes(1)
        .with_max_bytes(50 << 20)
        .with_topics(vec![topic])
}

/// A request with its header, without its length.
pub(crate) fn frame<R: Request>(version: i16, correlation_id: i32, request: &R) -> Bytes {
    let header = RequestHeader::default()
        .with_request_api_key(R::KEY)
        .with_request_api_version(version)
        .with_correlation_id(correlation_id)
        .with_client_id(Some(StrBytes::from_static_str("test")));
    let mut frame = BytesMut::new();
    header.encode(&mut frame, R::header_version(version)).expect("a header");
    request.encode(&mut frame, version).expect("a request");
    frame.freeze()
}

pub(crate) fn topic_name(name: &str) -> TopicName {
    TopicName(StrBytes::from_string(name.to_owned()))
}
