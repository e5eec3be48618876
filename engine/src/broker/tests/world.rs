//! A broker over a storage that does what the contract says, or what a test tells it.

use std::collections::{BTreeMap, VecDeque};

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::metadata_response::MetadataResponseTopic;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    ApiKey, CreateTopicsRequest, CreateTopicsResponse, FetchRequest, FetchResponse, ListOffsetsRequest,
    ListOffsetsResponse, MetadataRequest, MetadataResponse, ProduceRequest, ProduceResponse, RequestHeader,
    ResponseHeader, TopicName,
};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};

use crate::record::{Batches, Compression, RecordBatchBuilder};
use crate::{
    Applied, Broker, BrokerConfig, ConnectionId, LogId, NotAppliedReason, Now, Offset, OpId, SnapshotKind,
    StorageError, StorageOp, StorageResult, StoredLog, StoredSegment, StoredSnapshot,
};

/// What outlives a broker.
#[derive(Clone, Debug, Default)]
pub(super) struct Disk {
    pub(super) segments: BTreeMap<(LogId, Offset), Vec<u8>>,
    pub(super) snapshots: BTreeMap<(LogId, SnapshotKind, Offset), Bytes>,
    pub(super) log_starts: BTreeMap<LogId, Offset>,
    /// Cleaned copies of segments, by the segment's first offset.
    pub(super) copies: BTreeMap<LogId, (Offset, Vec<u8>)>,
}

impl Disk {
    pub(super) fn execute(&mut self, op: &StorageOp) -> StorageResult {
        match op {
            StorageOp::Load { log } => return Ok(Applied::Loaded(self.load(*log))),
            StorageOp::Append { log, segment, position, batches, .. } => {
                let bytes = self.segments.entry((*log, *segment)).or_default();
                if bytes.len() as u64 != *position {
                    return Err(not_applied(NotAppliedReason::OutOfSequence));
                }
                bytes.extend_from_slice(batches);
            }
            StorageOp::Read { log, segment, range } => {
                let empty = Vec::new();
                let bytes = self.segments.get(&(*log, *segment)).unwrap_or(&empty);
                let end = bytes.len().min(usize::try_from(range.end).unwrap());
                let start = end.min(usize::try_from(range.start).unwrap());
                return Ok(Applied::Read(Bytes::copy_from_slice(&bytes[start..end])));
            }
            StorageOp::PutSnapshot { log, kind, offset, snapshot } => {
                self.snapshots.insert((*log, *kind, *offset), snapshot.clone());
            }
            StorageOp::DeleteSnapshot { log, kind, offset } => {
                self.snapshots.remove(&(*log, *kind, *offset));
            }
            StorageOp::Truncate { log, offset, segment, position } => {
                self.segments.retain(|(other, base), _| other != log || base <= segment);
                if *position == 0 {
                    self.segments.remove(&(*log, *segment));
                } else if let Some(bytes) = self.segments.get_mut(&(*log, *segment)) {
                    bytes.truncate(usize::try_from(*position).unwrap());
                }
                self.snapshots.retain(|(other, _, stands_for), _| other != log || stands_for <= offset);
            }
            StorageOp::DeleteSegments { log, before, log_start_offset } => {
                self.segments.retain(|(other, base), _| other != log || base >= before);
                self.snapshots.retain(|(other, kind, offset), _| {
                    let starts = *kind == SnapshotKind::ProducerState && offset == before;
                    other != log || offset > before || starts
                });
                self.log_starts.extend(log_start_offset.map(|offset| (*log, offset)));
            }
            StorageOp::AppendCleaned { log, segment, position, batches } => {
                if *position == 0 {
                    self.copies.insert(*log, (*segment, Vec::new()));
                }
                match self.copies.get_mut(log) {
                    Some((of, copy)) if of == segment && copy.len() as u64 == *position => {
                        copy.extend_from_slice(batches);
                    }
                    _ => return Err(not_applied(NotAppliedReason::OutOfSequence)),
                }
            }
            StorageOp::ReplaceSegments { log, segments, size } => {
                let is_copied = self.segments.contains_key(&(*log, segments.start));
                match self.copies.remove(log) {
                    Some((of, copy)) if is_copied && of == segments.start && copy.len() as u64 == *size => {
                        self.segments.retain(|(other, base), _| other != log || !segments.contains(base));
                        self.segments.insert((*log, of), copy);
                    }
                    _ => return Err(not_applied(NotAppliedReason::OutOfSequence)),
                }
                self.snapshots.retain(|(other, kind, offset), _| {
                    let is_index = other == log && *kind == SnapshotKind::SegmentIndex;
                    !is_index || *offset <= segments.start || *offset > segments.end
                });
            }
            StorageOp::Delete { log } => {
                self.copies.remove(log);
                self.segments.retain(|(other, _), _| other != log);
                self.snapshots.retain(|(other, _, _), _| other != log);
                self.log_starts.remove(log);
            }
        }
        Ok(Applied::Written)
    }

    fn load(&self, log: LogId) -> StoredLog {
        let segments = self.segments.range((log, Offset::MIN)..=(log, Offset::MAX));
        let snapshots = self.snapshots.iter().filter(|((other, _, _), _)| *other == log);
        StoredLog {
            log_start_offset: self.log_starts.get(&log).copied().unwrap_or(0),
            segments: segments
                .map(|((_, base_offset), bytes)| StoredSegment {
                    base_offset: *base_offset,
                    size: bytes.len() as u64,
                })
                .collect(),
            snapshots: snapshots
                .map(|((_, kind, offset), snapshot)| StoredSnapshot {
                    kind: *kind,
                    offset: *offset,
                    snapshot: snapshot.clone(),
                })
                .collect(),
        }
    }
}

pub(super) fn not_applied(reason: NotAppliedReason) -> StorageError {
    StorageError::NotApplied { reason, message: format!("{reason:?}") }
}

/// A broker, its disk, and what it has answered.
pub(super) struct World {
    pub(super) broker: Broker,
    pub(super) disk: Disk,
    pub(super) now: Now,
    /// Operations that the storage has not executed, while it is held.
    pub(super) held: VecDeque<(OpId, StorageOp)>,
    pub(super) hold_appends: bool,
    /// Which other operations the storage holds.
    pub(super) hold: fn(&StorageOp) -> bool,
    /// All operations that were asked for.
    pub(super) asked: Vec<StorageOp>,
    pub(super) answers: VecDeque<(ConnectionId, Bytes)>,
    pub(super) closed: Vec<ConnectionId>,
    correlation_id: i32,
}

pub(super) const CLIENT: ConnectionId = ConnectionId(1);
pub(super) const OTHER: ConnectionId = ConnectionId(2);

impl World {
    pub(super) fn new() -> World {
        World::over(Disk::default(), &[])
    }

    pub(super) fn over(disk: Disk, configs: &[(&str, &str)]) -> World {
        let world = World::of_node(0, 7, disk, configs);
        assert_eq!(world.broker.failure(), None);
        assert!(world.broker.is_ready());
        world
    }

    /// A broker of a cluster, which without the controller does not get ready.
    pub(super) fn of_node(node_id: i32, entropy: u64, disk: Disk, configs: &[(&str, &str)]) -> World {
        let mut config = BrokerConfig::new("test", node_id, &format!("broker-{node_id}"), 9092);
        for (key, value) in configs {
            config.set(key, value).unwrap();
        }
        let mut world = World {
            broker: Broker::new(config, entropy),
            disk,
            now: Now { monotonic_ms: 1_000, wall_ms: 1_700_000_000_000 },
            held: VecDeque::new(),
            hold_appends: false,
            hold: |_| false,
            asked: Vec::new(),
            answers: VecDeque::new(),
            closed: Vec::new(),
            correlation_id: 0,
        };
        world.run();
        world
    }

    /// Goes on until nothing moves any more.
    pub(super) fn run(&mut self) {
        let mut steps = 0;
        while let Some((id, op)) = self.broker.poll_op() {
            steps += 1;
            assert!(steps < 100_000, "the broker does not come to rest");
            self.asked.push(op.clone());
            if (self.hold_appends && matches!(op, StorageOp::Append { .. })) || (self.hold)(&op) {
                self.held.push_back((id, op));
                continue;
            }
            let result = self.disk.execute(&op);
            self.broker.handle_completion(self.now, id, result);
        }
        while let Some(answer) = self.broker.poll_response() {
            self.answers.push_back(answer);
        }
        while let Some(connection) = self.broker.poll_close() {
            self.closed.push(connection);
        }
    }

    /// Answers the operation that was held longest: with what executing it brings, or with an error.
    pub(super) fn release(&mut self, error: Option<StorageError>) {
        let (id, op) = self.held.pop_front().expect("an operation is held");
        let result = match error {
            Some(error) => Err(error),
            None => self.disk.execute(&op),
        };
        self.broker.handle_completion(self.now, id, result);
        self.run();
    }

    pub(super) fn advance(&mut self, ms: u64) {
        self.now.monotonic_ms += ms;
        self.now.wall_ms += i64::try_from(ms).unwrap();
        self.broker.handle_timeout(self.now);
        self.run();
    }

    /// Sends a request; returns its correlation id.
    pub(super) fn send<R: Encodable>(
        &mut self,
        connection: ConnectionId,
        api: ApiKey,
        version: i16,
        request: &R,
    ) -> i32 {
        self.correlation_id += 1;
        let frame = frame(api, version, self.correlation_id, request);
        self.broker.handle_request(self.now, connection, frame);
        self.run();
        self.correlation_id
    }

    /// The next answer, which has to be that to the request.
    pub(super) fn answer<R: Decodable>(&mut self, api: ApiKey, version: i16, correlation_id: i32) -> R {
        let (_, mut frame) = self.answers.pop_front().expect("there is an answer");
        let header = ResponseHeader::decode(&mut frame, api.response_header_version(version)).unwrap();
        assert_eq!(header.correlation_id, correlation_id);
        let response = R::decode(&mut frame, version).unwrap();
        assert!(frame.is_empty(), "nothing follows the answer");
        response
    }

    pub(super) fn ask<Q: Encodable, R: Decodable>(&mut self, api: ApiKey, version: i16, request: &Q) -> R {
        let correlation_id = self.send(CLIENT, api, version, request);
        self.answer(api, version, correlation_id)
    }

    pub(super) fn create(&mut self, name: &str, partitions: i32, configs: &[(&str, &str)]) {
        let response: CreateTopicsResponse =
            self.ask(ApiKey::CreateTopics, 7, &create_topic(name, partitions, configs));
        assert_eq!(response.topics[0].error_code, 0, "{:?}", response.topics[0].error_message);
    }

    pub(super) fn produce(&mut self, topic: &str, partition: i32, records: Bytes) -> (i16, Offset) {
        let response: ProduceResponse =
            self.ask(ApiKey::Produce, 9, &produce_request(topic, partition, records, -1));
        produced(&response)
    }

    /// Produces while an answer on [`CLIENT`] may come first.
    pub(super) fn produce_on_other(&mut self, topic: &str, partition: i32, records: Bytes) {
        self.send(OTHER, ApiKey::Produce, 9, &produce_request(topic, partition, records, -1));
        self.answers.retain(|(connection, _)| *connection == CLIENT);
    }

    pub(super) fn fetch(&mut self, topic: &str, partition: i32, offset: Offset) -> FetchResponse {
        self.ask(ApiKey::Fetch, 11, &fetch_request(topic, partition, offset, 1 << 20, 0))
    }

    /// The values from an offset on, in one Fetch.
    pub(super) fn values(&mut self, topic: &str, partition: i32, offset: Offset) -> Vec<(Offset, String)> {
        let response = self.fetch(topic, partition, offset);
        let answer = &response.responses[0].partitions[0];
        assert_eq!(answer.error_code, 0);
        values_of(answer.records.as_ref().unwrap())
    }

    /// All values of a partition.
    pub(super) fn all_values(&mut self, topic: &str, partition: i32) -> Vec<(Offset, String)> {
        let mut all: Vec<(Offset, String)> = Vec::new();
        loop {
            let next = all.last().map_or(0, |(offset, _)| offset + 1);
            let values = self.values(topic, partition, next);
            if values.is_empty() {
                return all;
            }
            all.extend(values.into_iter().filter(|(offset, _)| *offset >= next));
        }
    }

    pub(super) fn list_offset(&mut self, topic: &str, partition: i32, timestamp: i64) -> (i16, Offset, i64) {
        let wanted =
            ListOffsetsPartition::default().with_partition_index(partition).with_timestamp(timestamp);
        let request = ListOffsetsRequest::default().with_replica_id((-1).into()).with_topics(vec![
            ListOffsetsTopic::default().with_name(name(topic)).with_partitions(vec![wanted]),
        ]);
        let response: ListOffsetsResponse = self.ask(ApiKey::ListOffsets, 7, &request);
        let answer = &response.topics[0].partitions[0];
        (answer.error_code, answer.offset, answer.timestamp)
    }

    pub(super) fn topic_id(&mut self, topic: &str) -> crate::Uuid {
        let response: MetadataResponse =
            self.ask(ApiKey::Metadata, 12, &MetadataRequest::default().with_topics(None));
        let known =
            |known: &&MetadataResponseTopic| known.name.as_ref().is_some_and(|name| &name[..] == topic);
        response.topics.iter().find(known).unwrap().topic_id
    }

    pub(super) fn errors(&self) -> Vec<(String, u64)> {
        self.broker.errors().map(|tally| (tally.error.clone(), tally.count)).collect()
    }

    /// A new broker over what the old one has stored.
    pub(super) fn restarted(self, configs: &[(&str, &str)]) -> World {
        World::over(self.disk, configs)
    }
}

pub(super) fn frame<R: Encodable>(api: ApiKey, version: i16, correlation_id: i32, request: &R) -> Bytes {
    let mut frame = BytesMut::new();
    RequestHeader::default()
        .with_request_api_key(api as i16)
        .with_request_api_version(version)
        .with_correlation_id(correlation_id)
        .with_client_id(Some(StrBytes::from_static_str("test")))
        .encode(&mut frame, api.request_header_version(version))
        .unwrap();
    request.encode(&mut frame, version).unwrap();
    frame.freeze()
}

pub(super) fn name(name: &str) -> TopicName {
    TopicName(StrBytes::from_string(name.to_owned()))
}

pub(super) fn create_topic(topic: &str, partitions: i32, configs: &[(&str, &str)]) -> CreateTopicsRequest {
    let configs = configs.iter().map(|(key, value)| {
        CreatableTopicConfig::default()
            .with_name(StrBytes::from_string((*key).to_owned()))
            .with_value(Some(StrBytes::from_string((*value).to_owned())))
    });
    CreateTopicsRequest::default().with_topics(vec![
        CreatableTopic::default()
            .with_name(name(topic))
            .with_num_partitions(partitions)
            .with_replication_factor(1)
            .with_configs(configs.collect()),
    ])
}

pub(super) fn produce_request(topic: &str, partition: i32, records: Bytes, acks: i16) -> ProduceRequest {
    ProduceRequest::default().with_acks(acks).with_timeout_ms(1_000).with_topic_data(vec![
        TopicProduceData::default().with_name(name(topic)).with_partition_data(vec![
            PartitionProduceData::default().with_index(partition).with_records(Some(records)),
        ]),
    ])
}

pub(super) fn produced(response: &ProduceResponse) -> (i16, Offset) {
    let answer = &response.responses[0].partition_responses[0];
    (answer.error_code, answer.base_offset)
}

pub(super) fn fetch_request(
    topic: &str,
    partition: i32,
    offset: Offset,
    max_bytes: i32,
    max_wait_ms: i32,
) -> FetchRequest {
    FetchRequest::default()
        .with_replica_id((-1).into())
        .with_max_wait_ms(max_wait_ms)
        .with_min_bytes(1)
        .with_max_bytes(50 << 20)
        .with_session_epoch(-1)
        .with_topics(vec![FetchTopic::default().with_topic(name(topic)).with_partitions(vec![
                FetchPartition::default()
                    .with_partition(partition)
                    .with_current_leader_epoch(-1)
                    .with_fetch_offset(offset)
                    .with_partition_max_bytes(max_bytes),
            ])])
}

/// A batch of these values, with timestamps from 1,000 on.
pub(super) fn batch(values: &[&str]) -> Bytes {
    batch_at(1_000, values)
}

pub(super) fn batch_at(timestamp: i64, values: &[&str]) -> Bytes {
    let mut builder = RecordBatchBuilder::new(Compression::None);
    for (value, timestamp) in values.iter().zip(timestamp..) {
        builder.append(timestamp, None, Some(value.as_bytes()), &[]).unwrap();
    }
    builder.build()
}

pub(super) fn values_of(records: &[u8]) -> Vec<(Offset, String)> {
    let mut values = Vec::new();
    for batch in Batches::new(records) {
        let batch = batch.unwrap();
        batch.verify_crc().unwrap();
        for record in &batch.records().unwrap() {
            let record = record.unwrap();
            values.push((record.offset, String::from_utf8(record.value.unwrap().to_vec()).unwrap()));
        }
    }
    values
}
