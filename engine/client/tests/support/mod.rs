//! A scripted cluster: it answers what a client sends, as each test wants it, in virtual time.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "helpers of tests"
)]

mod coordinator;
mod transactions;

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use headwater_client::{Address, Client, ClientConfig};
use headwater_engine::Now;
use headwater_engine::record::{Batches, RecordBatchBuilder, set_base_offset_and_leader_epoch};
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::fetch_response::{FetchableTopicResponse, PartitionData};
use kafka_protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
};
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::produce_response::{PartitionProduceResponse, TopicProduceResponse};
use kafka_protocol::messages::*;
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes};

/// What a client asked.
#[derive(Clone, Debug)]
pub struct Asked {
    pub to: Address,
    pub key: i16,
    pub version: i16,
    pub correlation_id: i32,
    pub client_id: String,
    body: Bytes,
}

impl Asked {
    pub fn decode<R: Request>(&self) -> R {
        assert_eq!(self.key, R::KEY);
        R::decode(&mut self.body.clone(), self.version).unwrap()
    }

    pub fn answer<T: Encodable + HeaderVersion>(&self, response: &T, version: i16) -> Bytes {
        let mut frame = BytesMut::new();
        let header = ResponseHeader::default().with_correlation_id(self.correlation_id);
        header.encode(&mut frame, T::header_version(version)).unwrap();
        response.encode(&mut frame, version).unwrap();
        frame.freeze()
    }
}

/// Two brokers, with a topic `t` whose partitions alternate between them.
pub struct Cluster {
    pub client: Client,
    pub now: Now,
    pub partitions: i32,
    pub topic_error: i16,
    /// Highest versions that are offered; what is missing here is offered as the crate has it.
    pub versions: BTreeMap<i16, i16>,
    /// Requests that were not answered by [`Cluster::run`].
    pub held: Vec<Asked>,
    /// APIs whose requests are held.
    pub hold: Vec<i16>,
    /// Everything that came, by API.
    pub log: Vec<i16>,
    pub closed: Vec<Address>,
    pub refuse_connections: bool,
    /// Brokers that cannot be connected to.
    pub unreachable: Vec<i32>,
    /// How often each address was tried.
    pub tried: BTreeMap<Address, u32>,
    /// Leaders that are not where they are by default (the partition's number modulo 2); -1: there is none.
    pub leaders: BTreeMap<i32, i32>,
    /// The stored batches of each partition, and the next offset.
    pub stored: BTreeMap<i32, (Vec<u8>, i64)>,
    /// Produce requests as they came: of each, `(partition, records)`.
    pub produced: Vec<Vec<(i32, i32)>>,
    /// Errors to answer to coming batches, by partition, first come first served.
    pub produce_errors: BTreeMap<i32, Vec<i16>>,
    /// As whom batches came: `(partition, producer id, epoch, sequence)`.
    pub stamps: Vec<(i32, i64, i16, i32)>,
    /// Errors to answer to InitProducerId, first come first served.
    pub init_errors: Vec<i16>,
    pub next_producer_id: i64,
    pub controller: i32,
    pub coordinator: coordinator::Coordinator,
    pub transactions: transactions::Transactions,
    /// Do not check who asks whom: a damaged answer may have said anything.
    pub lenient: bool,
    /// Where an answer goes that [`Cluster::scripted`] asks for, instead of to the client.
    captured: Option<Bytes>,
    capture: bool,
}

pub fn address(node: i32) -> Address {
    Address::new(&format!("broker-{node}"), 9092)
}

/// Whether it is one of the connections to a broker.
pub fn is_of(address: &Address, node: i32) -> bool {
    address.on_lane(0) == self::address(node)
}

impl Cluster {
    pub fn new(partitions: i32) -> Cluster {
        Cluster::with(
            partitions,
            ClientConfig { bootstrap_servers: vec![address(0)], ..ClientConfig::default() },
        )
    }

    pub fn with(partitions: i32, config: ClientConfig) -> Cluster {
        Cluster {
            client: Client::new(config),
            now: Now { monotonic_ms: 1_000, wall_ms: 1_700_000_000_000 },
            partitions,
            topic_error: 0,
            versions: BTreeMap::new(),
            held: Vec::new(),
            hold: Vec::new(),
            log: Vec::new(),
            closed: Vec::new(),
            refuse_connections: false,
            unreachable: Vec::new(),
            tried: BTreeMap::new(),
            leaders: BTreeMap::new(),
            stored: BTreeMap::new(),
            produced: Vec::new(),
            produce_errors: BTreeMap::new(),
            stamps: Vec::new(),
            init_errors: Vec::new(),
            next_producer_id: 7_000,
            controller: 0,
            coordinator: coordinator::Coordinator::default(),
            transactions: transactions::Transactions::default(),
            lenient: false,
            captured: None,
            capture: false,
        }
    }

    /// Carries frames until nothing moves any more. Time stands still.
    pub fn run(&mut self) {
        for _ in 0..10_000 {
            let mut moved = false;
            while let Some(address) = self.client.poll_connect(self.now) {
                moved = true;
                *self.tried.entry(address.clone()).or_default() += 1;
                let unreachable = self.unreachable.iter().any(|node| is_of(&address, *node));
                if self.refuse_connections || unreachable {
                    self.client.handle_disconnect(self.now, &address);
                } else {
                    self.client.handle_connected(self.now, &address);
                }
            }
            while let Some((to, frame)) = self.client.poll_transmit(self.now) {
                moved = true;
                let asked = parse(to, frame);
                self.log.push(asked.key);
                if self.hold.contains(&asked.key) {
                    self.held.push(asked);
                } else {
                    self.answer(&asked);
                }
            }
            while let Some(address) = self.client.poll_close() {
                self.closed.push(address);
            }
            if !moved {
                return;
            }
        }
        panic!("the client never rests");
    }

    /// All connections to a broker break.
    pub fn disconnect(&mut self, node: i32) {
        let lost: Vec<Address> = self.tried.keys().filter(|address| is_of(address, node)).cloned().collect();
        for address in lost {
            self.client.handle_disconnect(self.now, &address);
        }
    }

    fn leader(&self, partition: i32) -> i32 {
        self.leaders.get(&partition).copied().unwrap_or(partition % 2)
    }

    /// Whether a partition's leader was asked.
    fn is_leader(&self, asked: &Asked, partition: i32) -> bool {
        is_of(&asked.to, self.leader(partition))
    }

    /// Lets time pass in steps to where the client wants to be woken, up to `ms` from now.
    pub fn advance(&mut self, ms: u64) {
        let end = self.now.monotonic_ms + ms;
        for _ in 0..10_000 {
            self.run();
            let next = self.client.poll_timeout().unwrap_or(u64::MAX).max(self.now.monotonic_ms);
            if next > end {
                self.step_to(end);
                self.run();
                return;
            }
            self.step_to(next);
        }
        panic!("the client wants to be woken all the time");
    }

    fn step_to(&mut self, ms: u64) {
        self.now.wall_ms += (ms - self.now.monotonic_ms) as i64;
        self.now.monotonic_ms = ms;
        self.client.handle_timeout(self.now);
    }

    /// Answers everything that was held.
    pub fn release(&mut self) {
        self.hold.clear();
        for asked in std::mem::take(&mut self.held) {
            self.answer(&asked);
        }
        self.run();
    }

    /// Answers the fetches that wait with nothing.
    pub fn end_long_polls(&mut self) {
        let (fetches, others) = std::mem::take(&mut self.held).into_iter().partition(|asked| asked.key == 1);
        self.held = others;
        let fetches: Vec<Asked> = fetches;
        for asked in fetches {
            self.reply(&asked, &FetchResponse::default());
        }
        self.run();
    }

    /// What the script would answer.
    pub fn scripted(&mut self, asked: &Asked) -> Bytes {
        self.capture = true;
        self.answer(asked);
        self.capture = false;
        self.captured.take().unwrap()
    }

    pub fn give(&mut self, from: &Address, frame: Bytes) {
        if self.capture {
            self.captured = Some(frame);
            return;
        }
        self.client.handle_frame(self.now, from, frame);
    }

    fn reply<T: Encodable + HeaderVersion>(&mut self, asked: &Asked, response: &T) {
        let frame = asked.answer(response, asked.version);
        self.give(&asked.to, frame);
    }

    pub fn answer(&mut self, asked: &Asked) {
        match asked.key {
            0 => self.produce(asked),
            1 => self.fetch(asked),
            2 => self.list_offsets(asked),
            3 => self.metadata(asked),
            8..=14 => self.coordinate(asked),
            18 => self.api_versions(asked),
            19 => self.create_topics(asked),
            22 => self.init_producer_id(asked),
            24..=26 | 28 => self.transact(asked),
            key => panic!("nobody scripted API {key}"),
        }
    }

    fn highest(&self, key: i16, default: i16) -> i16 {
        self.versions.get(&key).copied().unwrap_or(default)
    }

    fn api_versions(&mut self, asked: &Asked) {
        let ours = self.highest(18, 4);
        let known = [
            (0, 0, 13),
            (1, 4, 18),
            (2, 1, 10),
            (3, 0, 13),
            (8, 2, 9),
            (9, 1, 9),
            (10, 0, 6),
            (11, 0, 9),
            (12, 0, 4),
            (13, 0, 5),
            (14, 0, 5),
            (18, 0, 4),
            (19, 2, 7),
            (22, 0, 4),
            (24, 0, 5),
            (25, 0, 4),
            (26, 0, 5),
            (28, 0, 5),
        ];
        let api_keys = known.map(|(key, min, max)| {
            let max = self.highest(key, max);
            ApiVersion::default().with_api_key(key).with_min_version(min.min(max)).with_max_version(max)
        });
        let response = ApiVersionsResponse::default().with_api_keys(api_keys.to_vec());
        if asked.version > ours {
            let frame = asked.answer(&response.with_error_code(35), 0);
            self.give(&asked.to, frame);
        } else {
            self.reply(asked, &response);
        }
    }

    fn metadata(&mut self, asked: &Asked) {
        let request: MetadataRequest = asked.decode();
        let brokers = [0, 1].map(|node| {
            MetadataResponseBroker::default()
                .with_node_id(node.into())
                .with_host(StrBytes::from_string(format!("broker-{node}")))
                .with_port(9092)
        });
        let names = request.topics.unwrap_or_default().into_iter().filter_map(|topic| topic.name);
        let topics = names.map(|name| {
            let (error, partitions) = match (self.topic_error, name.as_str()) {
                (0, "t") => (0, self.partitions),
                (0, _) => (3, 0),
                (error, _) => (error, 0),
            };
            let partitions = (0..partitions).map(|partition| {
                let leader = self.leader(partition);
                MetadataResponsePartition::default()
                    .with_partition_index(partition)
                    .with_error_code(if leader < 0 { 5 } else { 0 })
                    .with_leader_id(leader.into())
            });
            MetadataResponseTopic::default()
                .with_name(Some(name))
                .with_error_code(error)
                .with_partitions(partitions.collect())
        });
        let response = MetadataResponse::default()
            .with_brokers(brokers.to_vec())
            .with_controller_id(self.controller.into())
            .with_topics(topics.collect());
        self.reply(asked, &response);
    }

    fn produce(&mut self, asked: &Asked) {
        let request: ProduceRequest = asked.decode();
        let mut parts = Vec::new();
        let mut answered = Vec::new();
        for data in request.topic_data.into_iter().flat_map(|topic| topic.partition_data) {
            let records = data.records.unwrap();
            let batches: Vec<_> = Batches::new(&records).map(Result::unwrap).collect();
            assert_eq!(batches.len(), 1, "one batch a partition and request");
            batches[0].verify_crc().unwrap();
            parts.push((data.index, batches[0].record_count()));
            let (id, epoch) = (batches[0].producer_id(), batches[0].producer_epoch());
            self.stamps.push((data.index, id, epoch, batches[0].base_sequence()));
            let leads = self.lenient || self.is_leader(asked, data.index);
            let errors = self.produce_errors.entry(data.index).or_default();
            let error = if errors.is_empty() { 0 } else { errors.remove(0) };
            let error = if leads { error } else { 6 };
            let base = if error == 0 { self.store(data.index, &records) } else { -1 };
            answered.push(
                PartitionProduceResponse::default()
                    .with_index(data.index)
                    .with_error_code(error)
                    .with_base_offset(base)
                    .with_log_append_time_ms(-1),
            );
        }
        self.produced.push(parts);
        if request.acks == 0 {
            return;
        }
        let topic = TopicProduceResponse::default()
            .with_name(TopicName(StrBytes::from_static_str("t")))
            .with_partition_responses(answered);
        self.reply(asked, &ProduceResponse::default().with_responses(vec![topic]));
    }

    fn init_producer_id(&mut self, asked: &Asked) {
        let request: InitProducerIdRequest = asked.decode();
        if request.transactional_id.is_some() {
            return self.init_transactions(asked);
        }
        let error = if self.init_errors.is_empty() { 0 } else { self.init_errors.remove(0) };
        let id = if error == 0 { self.next_producer_id } else { -1 };
        self.next_producer_id += i64::from(error == 0);
        let response = InitProducerIdResponse::default()
            .with_error_code(error)
            .with_producer_id(id.into())
            .with_producer_epoch(if error == 0 { 0 } else { -1 });
        self.reply(asked, &response);
    }

    /// Appends a batch; returns its base offset.
    pub fn store(&mut self, partition: i32, batch: &[u8]) -> i64 {
        let (log, next) = self.stored.entry(partition).or_default();
        let mut batch = batch.to_vec();
        set_base_offset_and_leader_epoch(&mut batch, *next, 0).unwrap();
        let base = *next;
        *next += i64::from(headwater_engine::record::RecordBatch::parse(&batch).unwrap().record_count());
        log.extend_from_slice(&batch);
        base
    }

    /// Stores a batch of records whose values are these.
    pub fn store_values(&mut self, partition: i32, values: &[&str]) {
        let mut builder = RecordBatchBuilder::new(headwater_engine::record::Compression::None);
        for value in values {
            builder.append(1, None, Some(value.as_bytes()), &[]).unwrap();
        }
        let batch = builder.build();
        self.store(partition, &batch);
    }

    fn fetch(&mut self, asked: &Asked) {
        let request: FetchRequest = asked.decode();
        let mut partitions = Vec::new();
        for wanted in request.topics.into_iter().flat_map(|topic| topic.partitions) {
            if !(self.lenient || self.is_leader(asked, wanted.partition)) {
                let moved = PartitionData::default().with_partition_index(wanted.partition);
                partitions.push(moved.with_error_code(6).with_high_watermark(-1));
                continue;
            }
            let (log, end) = self.stored.entry(wanted.partition).or_default();
            let out_of_range = wanted.fetch_offset < 0 || wanted.fetch_offset > *end;
            let mut bytes = Vec::new();
            for batch in Batches::new(log).map(Result::unwrap) {
                let fits = bytes.len() + batch.size() <= wanted.partition_max_bytes as usize;
                if batch.next_offset() > wanted.fetch_offset && (fits || bytes.is_empty()) {
                    bytes.extend_from_slice(batch.as_bytes());
                }
            }
            partitions.push(
                PartitionData::default()
                    .with_partition_index(wanted.partition)
                    .with_error_code(i16::from(out_of_range))
                    .with_high_watermark(*end)
                    .with_log_start_offset(0)
                    .with_records(Some(bytes.into())),
            );
        }
        if partitions.iter().all(|p| p.error_code == 0 && p.records.as_ref().is_some_and(Bytes::is_empty)) {
            // A long poll: the answer waits until something comes, which here is never.
            self.held.push(asked.clone());
            return;
        }
        let topic = FetchableTopicResponse::default()
            .with_topic(TopicName(StrBytes::from_static_str("t")))
            .with_partitions(partitions);
        self.reply(asked, &FetchResponse::default().with_responses(vec![topic]));
    }

    fn list_offsets(&mut self, asked: &Asked) {
        let request: ListOffsetsRequest = asked.decode();
        let mut partitions = Vec::new();
        for wanted in request.topics.into_iter().flat_map(|topic| topic.partitions) {
            if !(self.lenient || self.is_leader(asked, wanted.partition_index)) {
                let moved = ListOffsetsPartitionResponse::default().with_error_code(6);
                partitions.push(moved.with_partition_index(wanted.partition_index));
                continue;
            }
            let end = self.stored.get(&wanted.partition_index).map_or(0, |stored| stored.1);
            let offset = match wanted.timestamp {
                -1 => end,
                -2 => 0,
                timestamp if timestamp <= 1 && end > 0 => 0,
                _ => -1,
            };
            partitions.push(
                ListOffsetsPartitionResponse::default()
                    .with_partition_index(wanted.partition_index)
                    .with_offset(offset),
            );
        }
        let topic = ListOffsetsTopicResponse::default()
            .with_name(TopicName(StrBytes::from_static_str("t")))
            .with_partitions(partitions);
        self.reply(asked, &ListOffsetsResponse::default().with_topics(vec![topic]));
    }

    fn create_topics(&mut self, asked: &Asked) {
        use kafka_protocol::messages::create_topics_response::CreatableTopicResult;
        let request: CreateTopicsRequest = asked.decode();
        let moved = address(self.controller) != asked.to.on_lane(0);
        let topics = request.topics.into_iter().map(|topic| {
            let error = match topic.name.as_str() {
                _ if moved => 41,
                "t" => 36,
                _ => 0,
            };
            CreatableTopicResult::default().with_name(topic.name).with_error_code(error)
        });
        self.reply(asked, &CreateTopicsResponse::default().with_topics(topics.collect()));
    }
}

fn parse(to: Address, frame: Bytes) -> Asked {
    let mut body = frame;
    let key = i16::from_be_bytes([body[0], body[1]]);
    let version = i16::from_be_bytes([body[2], body[3]]);
    let header_version = ApiKey::try_from(key).unwrap().request_header_version(version);
    let header = RequestHeader::decode(&mut body, header_version).unwrap();
    let client_id = header.client_id.unwrap().to_string();
    Asked { to, key, version, correlation_id: header.correlation_id, client_id, body }
}
