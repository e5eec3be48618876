//! A broker over a directory, and requests to it.

use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::{Bytes, BytesMut};
use headwater_directory_storage::DirectoryStorage;
use headwater_driver::Driver;
use headwater_engine::record::{Batches, Compression, RecordBatchBuilder};
use headwater_engine::{Broker, BrokerConfig, ConnectionId, Now};
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    ApiKey, CreateTopicsRequest, CreateTopicsResponse, FetchRequest, FetchResponse, ProduceRequest,
    ProduceResponse, RequestHeader, ResponseHeader, TopicName,
};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};

pub(crate) type Place = (&'static str, i32);

pub(crate) struct Host {
    driver: Driver<DirectoryStorage>,
    woken: Receiver<()>,
    began: Instant,
    correlation_id: i32,
}

impl Host {
    /// A broker that is ready over a storage, which tells when it has something.
    pub(crate) fn over(storage: DirectoryStorage, woken: Receiver<()>, configs: &[(&str, &str)]) -> Host {
        let mut config = BrokerConfig::new("kill", 0, "localhost", 9092);
        for (key, value) in configs {
            config.set(key, value).unwrap();
        }
        let broker = Broker::new(config, 7);
        let driver = Driver::new(broker, storage);
        let mut host = Host { driver, woken, began: Instant::now(), correlation_id: 0 };
        host.driver.pump(host.now());
        host.until(|driver| driver.broker().is_ready());
        host
    }

    fn now(&self) -> Now {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap();
        Now { monotonic_ms: ms(self.began.elapsed()), wall_ms: i64::try_from(ms(wall)).unwrap() }
    }

    fn wait(&mut self) {
        let now = self.now().monotonic_ms;
        let longest = self.driver.poll_timeout().map_or(100, |due| due.saturating_sub(now).clamp(1, 100));
        let _woken = self.woken.recv_timeout(Duration::from_millis(longest));
        let now = self.now();
        self.driver.handle_timeout(now);
        self.driver.pump(now);
    }

    pub(crate) fn send<R: Encodable>(&mut self, api: ApiKey, version: i16, request: &R) -> i32 {
        self.correlation_id += 1;
        let mut frame = BytesMut::new();
        RequestHeader::default()
            .with_request_api_key(api as i16)
            .with_request_api_version(version)
            .with_correlation_id(self.correlation_id)
            .encode(&mut frame, api.request_header_version(version))
            .unwrap();
        request.encode(&mut frame, version).unwrap();
        let now = self.now();
        // One connection each: answers come as they are ready.
        let connection = ConnectionId(u64::from(self.correlation_id.unsigned_abs()));
        self.driver.handle_request(now, connection, frame.freeze());
        self.driver.pump(now);
        self.correlation_id
    }

    pub(crate) fn answer<R: Decodable>(&mut self, api: ApiKey, version: i16) -> (i32, R) {
        loop {
            if let Some((connection, mut frame)) = self.driver.poll_response() {
                let now = self.now();
                self.driver.handle_disconnect(now, connection);
                let header =
                    ResponseHeader::decode(&mut frame, api.response_header_version(version)).unwrap();
                return (header.correlation_id, R::decode(&mut frame, version).unwrap());
            }
            self.wait();
        }
    }

    pub(crate) fn until(&mut self, mut is_over: impl FnMut(&mut Driver<DirectoryStorage>) -> bool) {
        while !is_over(&mut self.driver) {
            self.wait();
        }
    }

    /// Topics with small segments: one whose appends wait for the medium, and one that is compacted.
    pub(crate) fn create_topics(&mut self) {
        let config = |name: &'static str, value: &'static str| {
            CreatableTopicConfig::default()
                .with_name(StrBytes::from_static_str(name))
                .with_value(Some(StrBytes::from_static_str(value)))
        };
        let topic = |name: &'static str, configs: Vec<CreatableTopicConfig>| {
            CreatableTopic::default()
                .with_name(TopicName(StrBytes::from_static_str(name)))
                .with_num_partitions(2)
                .with_replication_factor(1)
                .with_configs(configs)
        };
        let (small, tiny) = (config("segment.bytes", "20000"), config("segment.bytes", "3000"));
        let compact = [config("cleanup.policy", "compact"), config("min.cleanable.dirty.ratio", "0.01")];
        let topics = vec![
            topic("relaxed", vec![small.clone()]),
            topic("strict", vec![small, config("flush.messages", "1")]),
            topic("compacted", [vec![tiny], compact.to_vec()].concat()),
        ];
        self.send(ApiKey::CreateTopics, 7, &CreateTopicsRequest::default().with_topics(topics));
        let (_, answer) = self.answer::<CreateTopicsResponse>(ApiKey::CreateTopics, 7);
        // They may be there from the time before.
        assert!(answer.topics.iter().all(|topic| [0, 36].contains(&topic.error_code)), "{answer:?}");
    }

    /// Sends a record that holds a number, and has its last digit as its key; the request's own.
    pub(crate) fn produce(&mut self, (topic, partition): Place, number: u64) -> i32 {
        let mut builder = RecordBatchBuilder::new(Compression::None);
        let value = [&number.to_be_bytes()[..], &[b'v'; 200]].concat();
        builder.append(0, Some(&[(number % 10) as u8]), Some(&value), &[]).unwrap();
        let data = PartitionProduceData::default().with_index(partition).with_records(Some(builder.build()));
        let topic = TopicProduceData::default()
            .with_name(TopicName(StrBytes::from_static_str(topic)))
            .with_partition_data(vec![data]);
        let request =
            ProduceRequest::default().with_acks(-1).with_timeout_ms(30_000).with_topic_data(vec![topic]);
        self.send(ApiKey::Produce, 9, &request)
    }

    /// The next answer to a Produce: the request's number, and the record's offset.
    pub(crate) fn produced(&mut self) -> (i32, i64) {
        let (correlation_id, answer) = self.answer::<ProduceResponse>(ApiKey::Produce, 9);
        let partition = &answer.responses[0].partition_responses[0];
        assert_eq!(partition.error_code, 0, "{answer:?}");
        (correlation_id, partition.base_offset)
    }

    /// Every record of a partition: its offset and the number in it.
    pub(crate) fn read_all(&mut self, place: Place) -> Vec<(i64, u64)> {
        self.read_from(place, 0)
    }

    /// The same from an offset on.
    pub(crate) fn read_from(&mut self, place: Place, first: i64) -> Vec<(i64, u64)> {
        let mut found = Vec::new();
        loop {
            let next = found.last().map_or(first, |(offset, _)| offset + 1);
            let (high_watermark, batches) = self.fetch(place, next);
            for batch in Batches::new(&batches) {
                let Ok(batch) = batch else { break };
                batch.verify_crc().unwrap();
                for record in batch.records().unwrap().iter() {
                    let record = record.unwrap();
                    let number = record.value.unwrap()[..8].try_into().unwrap();
                    found.push((record.offset, u64::from_be_bytes(number)));
                }
            }
            if found.last().map_or(first, |(offset, _)| offset + 1) >= high_watermark {
                return found;
            }
        }
    }

    fn fetch(&mut self, (topic, partition): Place, offset: i64) -> (i64, Bytes) {
        let partition = FetchPartition::default()
            .with_partition(partition)
            .with_fetch_offset(offset)
            .with_partition_max_bytes(1 << 20);
        let topic = FetchTopic::default()
            .with_topic(TopicName(StrBytes::from_static_str(topic)))
            .with_partitions(vec![partition]);
        let request = FetchRequest::default().with_max_bytes(1 << 20).with_topics(vec![topic]);
        self.send(ApiKey::Fetch, 11, &request);
        let (_, answer) = self.answer::<FetchResponse>(ApiKey::Fetch, 11);
        let partition = &answer.responses[0].partitions[0];
        assert_eq!((answer.error_code, partition.error_code), (0, 0), "{answer:?}");
        (partition.high_watermark, partition.records.clone().unwrap_or_default())
    }
}
