//! The power is cut while a broker works, whose topics wait for the medium (`flush.messages=1`): the next one gives out what this
//! one has acknowledged, records, committed offsets, where logs begin, and which batches of a producer are there already.

use std::collections::BTreeMap;

use headwater_engine::record::{Compression, RecordBatchBuilder};
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestTopic;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    ApiKey, CreateTopicsRequest, CreateTopicsResponse, DeleteRecordsRequest, DeleteRecordsResponse,
    FindCoordinatorRequest, FindCoordinatorResponse, GroupId, InitProducerIdRequest, InitProducerIdResponse,
    OffsetCommitRequest, OffsetCommitResponse, OffsetFetchRequest, OffsetFetchResponse, ProduceRequest,
    ProduceResponse, TopicName,
};
use kafka_protocol::protocol::StrBytes;

use super::host::Host;
use super::medium::Loss;
use super::support::World;

const TOPICS: [(&str, &[(&str, &str)]); 3] = [
    ("plain", &[("segment.bytes", "3000")]),
    ("short", &[("segment.bytes", "1500")]),
    (
        "compacted",
        &[("segment.bytes", "1500"), ("cleanup.policy", "compact"), ("min.cleanable.dirty.ratio", "0.01")],
    ),
];
const ROUNDS: u64 = 40;

fn host(world: &World, backoff: &str) -> Host {
    let configs = [
        ("log.cleaner.backoff.ms", backoff),
        ("log.flush.interval.messages", "1"),
        ("offsets.topic.num.partitions", "1"),
    ];
    world.host(&configs)
}

fn name(topic: &'static str) -> TopicName {
    TopicName(StrBytes::from_static_str(topic))
}

fn group() -> GroupId {
    GroupId(StrBytes::from_static_str("group"))
}

/// What clients ask for, and are told.
impl Host {
    fn make_topics(&mut self) {
        let config = |(key, value): &(&'static str, &'static str)| {
            let key = CreatableTopicConfig::default().with_name(StrBytes::from_static_str(key));
            key.with_value(Some(StrBytes::from_static_str(value)))
        };
        let topics = TOPICS.iter().map(|(topic, configs)| {
            let topic = CreatableTopic::default().with_name(name(topic)).with_num_partitions(1);
            topic.with_replication_factor(1).with_configs(configs.iter().map(config).collect())
        });
        self.send(ApiKey::CreateTopics, 7, &CreateTopicsRequest::default().with_topics(topics.collect()));
        let (_, answer) = self.answer::<CreateTopicsResponse>(ApiKey::CreateTopics, 7);
        assert!(answer.topics.iter().all(|topic| topic.error_code == 0), "{answer:?}");
    }

    fn find_coordinator(&mut self) {
        let request = FindCoordinatorRequest::default().with_key(StrBytes::from_static_str("group"));
        loop {
            self.send(ApiKey::FindCoordinator, 3, &request);
            let (_, answer) = self.answer::<FindCoordinatorResponse>(ApiKey::FindCoordinator, 3);
            if answer.error_code == 0 {
                return;
            }
        }
    }

    fn init_producer(&mut self) -> i64 {
        self.send(
            ApiKey::InitProducerId,
            4,
            &InitProducerIdRequest::default().with_transactional_id(None).with_transaction_timeout_ms(1_000),
        );
        let (_, answer) = self.answer::<InitProducerIdResponse>(ApiKey::InitProducerId, 4);
        assert_eq!(answer.error_code, 0);
        answer.producer_id.0
    }

    /// The number is the batch's sequence too; the offset where it is.
    fn produce_once(&mut self, topic: &'static str, producer_id: i64, number: u64) -> i64 {
        let mut builder = RecordBatchBuilder::new(Compression::None);
        builder.set_producer(producer_id, 0, i32::try_from(number).unwrap());
        let value = [&number.to_be_bytes()[..], &[b'v'; 200]].concat();
        builder.append(0, Some(&[(number % 10) as u8]), Some(&value), &[]).unwrap();
        let data = PartitionProduceData::default().with_records(Some(builder.build()));
        let topic = TopicProduceData::default().with_name(name(topic)).with_partition_data(vec![data]);
        let request =
            ProduceRequest::default().with_acks(-1).with_timeout_ms(30_000).with_topic_data(vec![topic]);
        self.send(ApiKey::Produce, 9, &request);
        let (_, answer) = self.answer::<ProduceResponse>(ApiKey::Produce, 9);
        let partition = &answer.responses[0].partition_responses[0];
        assert_eq!(partition.error_code, 0, "{number}: {answer:?}");
        partition.base_offset
    }

    fn commit(&mut self, offset: i64) {
        let partition = OffsetCommitRequestPartition::default().with_committed_offset(offset);
        let topic =
            OffsetCommitRequestTopic::default().with_name(name("plain")).with_partitions(vec![partition]);
        let request = OffsetCommitRequest::default().with_group_id(group()).with_topics(vec![topic]);
        self.send(ApiKey::OffsetCommit, 7, &request.with_generation_id_or_member_epoch(-1));
        let (_, answer) = self.answer::<OffsetCommitResponse>(ApiKey::OffsetCommit, 7);
        assert_eq!(answer.topics[0].partitions[0].error_code, 0);
    }

    fn committed(&mut self) -> i64 {
        let topic =
            OffsetFetchRequestTopic::default().with_name(name("plain")).with_partition_indexes(vec![0]);
        let request = OffsetFetchRequest::default().with_group_id(group()).with_topics(Some(vec![topic]));
        loop {
            self.send(ApiKey::OffsetFetch, 7, &request);
            let (_, answer) = self.answer::<OffsetFetchResponse>(ApiKey::OffsetFetch, 7);
            // The coordinator may be about to read its log.
            if answer.error_code == 0 {
                return answer.topics[0].partitions[0].committed_offset;
            }
        }
    }

    /// Deletes what is before an offset; where the log begins.
    fn delete_before(&mut self, offset: i64) -> i64 {
        let partition = DeleteRecordsPartition::default().with_offset(offset);
        let topic = DeleteRecordsTopic::default().with_name(name("short")).with_partitions(vec![partition]);
        let request = DeleteRecordsRequest::default().with_topics(vec![topic]).with_timeout_ms(30_000);
        self.send(ApiKey::DeleteRecords, 2, &request);
        let (_, answer) = self.answer::<DeleteRecordsResponse>(ApiKey::DeleteRecords, 2);
        let partition = &answer.topics[0].partitions[0];
        assert_eq!(partition.error_code, 0, "{answer:?}");
        partition.low_watermark
    }
}

/// What a broker was asked for, or has told.
#[derive(Clone, Debug, Default)]
struct Facts {
    /// By topic: the number of each record, by its offset.
    records: BTreeMap<&'static str, BTreeMap<i64, u64>>,
    committed: i64,
    begins: i64,
}

/// All that was told, in its order, and which producer wrote.
struct Told {
    producer_id: i64,
    facts: Vec<Facts>,
}

/// A broker's work; what it had told whenever it told something.
fn work(world: &World) -> Told {
    let mut host = host(world, "5");
    host.make_topics();
    host.find_coordinator();
    let producer_id = host.init_producer();
    let mut facts = vec![Facts { committed: -1, ..Facts::default() }];
    let mut told = |change: &mut dyn FnMut(&mut Facts)| {
        let mut next = facts.last().cloned().unwrap_or_default();
        change(&mut next);
        facts.push(next);
        world.faulty.medium.told();
    };
    told(&mut |_| {});
    for number in 0..ROUNDS {
        for (topic, _) in TOPICS {
            let offset = host.produce_once(topic, producer_id, number);
            told(&mut |facts| {
                facts.records.entry(topic).or_default().insert(offset, number);
            });
        }
        if number % 7 == 3 {
            host.commit(i64::try_from(number).unwrap());
            told(&mut |facts| facts.committed = i64::try_from(number).unwrap());
        }
        if number % 10 == 9 {
            let begins = host.delete_before(i64::try_from(number - 4).unwrap());
            told(&mut |facts| facts.begins = begins);
        }
    }
    host.until(|driver| {
        std::iter::from_fn(|| driver.poll_event()).any(|event| event.kind == "log-compacted")
    });
    Told { producer_id, facts }
}

/// What a broker over what is left does not give out as it was promised.
fn verify(world: &World, told: &Told, facts: usize, context: &str) {
    let (now, next) = (&told.facts[facts], told.facts.get(facts + 1).unwrap_or(&told.facts[facts]));
    let mut host = host(world, "3600000");
    if facts == 0 {
        return;
    }
    for (topic, _) in TOPICS {
        let begins = if topic == "short" { host.delete_before(0) } else { 0 };
        let found: BTreeMap<i64, u64> = host.read_from((topic, 0), begins).into_iter().collect();
        let promised = now.records.get(topic).cloned().unwrap_or_default();
        let possible = next.records.get(topic).cloned().unwrap_or_default();
        let context = format!("{context}, {topic}: {found:?} of {promised:?}");
        assert!(found.iter().all(|(offset, number)| possible.get(offset) == Some(number)), "{context}");
        let is_needed = |(offset, number): &(&i64, &u64)| match topic {
            "short" => **offset >= next.begins,
            "compacted" => **number + 10 > promised.len() as u64,
            _ => true,
        };
        assert!(promised.iter().filter(is_needed).all(|(offset, _)| found.contains_key(offset)), "{context}");
        if topic == "short" {
            assert!([now.begins, next.begins].contains(&begins), "{context}: it begins at {begins}");
        }
        // The producer has not heard of the last one, as far as it knows, and sends it again.
        if let Some((offset, number)) = promised.last_key_value().filter(|_| !promised.is_empty()) {
            assert_eq!(host.produce_once(topic, told.producer_id, *number), *offset, "{context}");
        }
    }
    let committed = host.committed();
    assert!([now.committed, next.committed].contains(&committed), "{context}: {committed} of {now:?}");
}

#[test]
fn what_a_broker_has_acknowledged_outlives_a_power_cut() {
    let world = World::new();
    world.record();
    let told = work(&world);
    let recording = world.faulty.medium.recording();
    let losses = [Loss::All, Loss::Nothing, Loss::Names, Loss::Bytes, Loss::Earlier];
    let mut cuts = 0;
    for steps in 0..=recording.len() {
        let seeded = Loss::Some(steps as u64);
        let loss = losses.get(steps % 10).copied().unwrap_or(seeded);
        let cut = world.after(&recording.cut(steps, loss, None));
        verify(
            &cut,
            &told,
            recording.told(steps),
            &format!("cut after {steps} of {}, {loss:?}", recording.len()),
        );
        cuts += 1;
    }
    println!("{cuts} cuts, {} things told", told.facts.len());
}

#[test]
#[should_panic(expected = "sync of plain's last record, plain")]
fn a_sync_that_a_broker_would_forget_is_found() {
    let world = World::new();
    world.record();
    let told = work(&world);
    let recording = world.faulty.medium.recording();
    let syncs: Vec<usize> =
        recording.syncs().filter(|(_, path)| path.starts_with("plain-0/")).map(|(at, _)| at).collect();
    let last = syncs[syncs.len() - 1];
    let cut = world.after(&recording.cut(recording.len(), Loss::All, Some(last)));
    verify(&cut, &told, recording.told(recording.len()), "without the sync of plain's last record");
}
