//! Several brokers, and what goes on between them.

use std::collections::BTreeMap;

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::create_partitions_request::{
    CreatePartitionsAssignment, CreatePartitionsTopic,
};
use kafka_protocol::messages::create_topics_request::CreatableReplicaAssignment;
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{
    ApiKey, BrokerId, CreatePartitionsRequest, CreatePartitionsResponse, CreateTopicsResponse,
    DeleteTopicsRequest, DeleteTopicsResponse, InitProducerIdRequest, InitProducerIdResponse,
    MetadataRequest, MetadataResponse, ProduceResponse,
};
use kafka_protocol::protocol::{Decodable, Encodable};

use super::world::{Disk, World, batch, create_topic, name, produce_request, produced, values_of};
use crate::record::{Compression, RecordBatchBuilder};
use crate::{ConnectionId, LogId, StorageOp};

/// Brokers with connections between them that carry at once, as long as they are open.
pub(super) struct Cluster {
    pub(super) worlds: Vec<World>,
    /// From a broker to another.
    links: BTreeMap<(usize, usize), ConnectionId>,
    next_link: u64,
    starts: u64,
    /// Whether connections can be made.
    pub(super) reachable: bool,
}

impl Cluster {
    pub(super) fn new(brokers: usize) -> Cluster {
        let mut cluster = Cluster {
            worlds: vec![World::new()],
            links: BTreeMap::new(),
            next_link: 1_000,
            starts: 0,
            reachable: true,
        };
        while cluster.worlds.len() < brokers {
            cluster.add(Disk::default());
        }
        assert!(cluster.worlds.iter().all(|world| world.broker.is_ready()));
        cluster
    }

    pub(super) fn add(&mut self, disk: Disk) {
        self.starts += 1;
        let node_id = self.worlds.len();
        self.worlds.push(World::of_node(node_id as i32, 100 + self.starts, disk, &[]));
        self.advance(0);
    }

    /// Lets some time pass for everybody.
    pub(super) fn advance(&mut self, ms: u64) {
        for world in &mut self.worlds {
            world.advance(ms);
        }
        self.run();
    }

    /// Carries what there is to carry until there is nothing any more.
    pub(super) fn run(&mut self) {
        let mut steps = 0;
        while (0..self.worlds.len()).any(|node| self.carry(node)) {
            steps += 1;
            assert!(steps < 10_000, "the brokers do not come to rest");
        }
    }

    fn carry(&mut self, node: usize) -> bool {
        if let Some(peer) = self.worlds[node].broker.poll_peer_close() {
            self.end_link(node, usize::try_from(peer).unwrap());
        }
        if let Some((peer, frame)) = self.worlds[node].broker.poll_peer_request() {
            let to = usize::try_from(peer).unwrap();
            assert_ne!(to, node);
            if !self.reachable {
                self.end_link(node, to);
                let world = &mut self.worlds[node];
                world.broker.handle_peer_disconnect(world.now, peer);
                world.run();
                return true;
            }
            let link = *self.links.entry((node, to)).or_insert_with(|| {
                self.next_link += 1;
                ConnectionId(self.next_link)
            });
            let world = &mut self.worlds[to];
            world.broker.handle_request(world.now, link, frame);
            world.run();
            return true;
        }
        let links: Vec<(usize, ConnectionId)> =
            self.links.range((node, 0)..(node + 1, 0)).map(|((_, to), link)| (*to, *link)).collect();
        links.into_iter().any(|(to, link)| {
            let answers = &mut self.worlds[to].answers;
            let answer = answers.iter().position(|(connection, _)| *connection == link);
            let Some((_, frame)) = answer.and_then(|index| answers.remove(index)) else {
                return false;
            };
            let world = &mut self.worlds[node];
            world.broker.handle_peer_response(world.now, i32::try_from(to).unwrap(), frame);
            world.run();
            true
        })
    }

    /// The other side learns that a connection has ended.
    fn end_link(&mut self, from: usize, to: usize) {
        if let Some(link) = self.links.remove(&(from, to)) {
            let world = &mut self.worlds[to];
            world.broker.handle_disconnect(world.now, link);
            world.answers.retain(|(connection, _)| *connection != link);
        }
    }

    /// Ends a broker, and starts another over its disk.
    pub(super) fn restart(&mut self, node: usize) {
        self.starts += 1;
        let new = World::of_node(node as i32, 100 + self.starts, Disk::default(), &[]);
        let old = std::mem::replace(&mut self.worlds[node], new);
        self.worlds[node] = World::of_node(node as i32, 100 + self.starts, old.disk, &[]);
        self.worlds[node].now = old.now;
        let links: Vec<(usize, usize)> = self.links.keys().copied().collect();
        for (from, to) in links.into_iter().filter(|(from, to)| *from == node || *to == node) {
            self.end_link(from, to);
            if to == node {
                let world = &mut self.worlds[from];
                world.broker.handle_peer_disconnect(world.now, i32::try_from(to).unwrap());
            }
        }
        self.advance(10);
    }

    pub(super) fn create(&mut self, topic: &str, partitions: i32) {
        assert!(self.worlds[0].answers.is_empty(), "{:?} {:?}", self.worlds[0].answers, self.links);
        self.worlds[0].create(topic, partitions, &[]);
        self.run();
    }

    /// Asks a broker for what others may have to do.
    pub(super) fn ask<Q: Encodable, R: Decodable>(
        &mut self,
        node: usize,
        api: ApiKey,
        version: i16,
        request: &Q,
    ) -> R {
        let correlation_id = self.worlds[node].send(super::world::CLIENT, api, version, request);
        self.run();
        self.worlds[node].answer(api, version, correlation_id)
    }

    fn metadata(&mut self, node: usize, topic: &str) -> MetadataResponse {
        let asked = MetadataRequestTopic::default().with_name(Some(name(topic)));
        let request =
            MetadataRequest::default().with_topics(Some(vec![asked])).with_allow_auto_topic_creation(true);
        let response = self.worlds[node].ask(ApiKey::Metadata, 12, &request);
        self.run();
        response
    }

    pub(super) fn leaders(&mut self, node: usize, topic: &str) -> Vec<i32> {
        let response = self.metadata(node, topic);
        assert_eq!(response.topics[0].error_code, 0);
        response.topics[0].partitions.iter().map(|partition| partition.leader_id.0).collect()
    }

    fn producer_id(&mut self, node: usize) -> Option<(i16, i64)> {
        let request = InitProducerIdRequest::default().with_transactional_id(None);
        let correlation_id =
            self.worlds[node].send(super::world::CLIENT, ApiKey::InitProducerId, 4, &request);
        self.run();
        self.worlds[node].answers.front()?;
        let response: InitProducerIdResponse =
            self.worlds[node].answer(ApiKey::InitProducerId, 4, correlation_id);
        Some((response.error_code, response.producer_id.0))
    }

    fn events(&mut self, node: usize) -> String {
        std::iter::from_fn(|| self.worlds[node].broker.poll_event())
            .map(|event| event.message + "\n")
            .collect()
    }
}

#[test]
fn brokers_register_and_all_of_them_are_known_everywhere() {
    let mut cluster = Cluster::new(3);
    for node in 0..3 {
        let response = cluster.metadata(node, "none");
        assert_eq!(response.controller_id.0, 0);
        let brokers: Vec<(i32, String, i32)> = response
            .brokers
            .iter()
            .map(|broker| (broker.node_id.0, broker.host.to_string(), broker.port))
            .collect();
        let expected: Vec<(i32, String, i32)> =
            (0..3).map(|node| (node, format!("broker-{node}"), 9092)).collect();
        assert_eq!(brokers, expected, "at broker {node}");
    }
}

#[test]
fn partitions_are_spread_over_brokers_and_served_where_they_are_led() {
    let mut cluster = Cluster::new(3);
    cluster.create("four", 4);
    assert_eq!(cluster.leaders(2, "four"), [0, 1, 2, 0]);
    for (topic, leader) in [("one", 1), ("two", 2), ("three", 0)] {
        cluster.create(topic, 1);
        assert_eq!(cluster.leaders(1, topic), [leader]);
    }
    for partition in 0..4 {
        for node in 0..3 {
            let world = &mut cluster.worlds[node];
            let (error, _) = world.produce("four", partition, batch(&["v"]));
            let leads = partition % 3 == node as i32;
            assert_eq!(error, if leads { 0 } else { ResponseError::NotLeaderOrFollower.code() });
            let answer = world.fetch("four", partition, 0);
            assert_eq!(answer.responses[0].partitions[0].error_code, error);
        }
    }
}

#[test]
fn more_partitions_go_on_where_the_topic_ends() {
    let mut cluster = Cluster::new(3);
    cluster.create("t", 2);
    let topic = CreatePartitionsTopic::default().with_name(name("t")).with_count(4).with_assignments(None);
    let request = CreatePartitionsRequest::default().with_topics(vec![topic]);
    let response: CreatePartitionsResponse = cluster.worlds[0].ask(ApiKey::CreatePartitions, 3, &request);
    assert_eq!(response.results[0].error_code, 0);
    cluster.run();
    assert_eq!(cluster.leaders(1, "t"), [0, 1, 2, 0]);
    let assigned = CreatePartitionsAssignment::default().with_broker_ids(vec![BrokerId(2)]);
    let topic = CreatePartitionsTopic::default()
        .with_name(name("t"))
        .with_count(5)
        .with_assignments(Some(vec![assigned]));
    let request = CreatePartitionsRequest::default().with_topics(vec![topic]);
    let response: CreatePartitionsResponse = cluster.worlds[0].ask(ApiKey::CreatePartitions, 3, &request);
    assert_eq!(response.results[0].error_code, 0);
    cluster.run();
    assert_eq!(cluster.leaders(2, "t"), [0, 1, 2, 0, 2]);
}

#[test]
fn an_assignment_is_followed_or_refused() {
    let mut cluster = Cluster::new(3);
    let mut ask = |replicas: &[&[i32]]| {
        let mut request = create_topic("t", -1, &[]);
        request.topics[0].replication_factor = -1;
        // In any order.
        request.topics[0].assignments = (0..)
            .zip(replicas)
            .map(|(partition, replicas)| {
                CreatableReplicaAssignment::default()
                    .with_partition_index(partition)
                    .with_broker_ids(replicas.iter().map(|id| BrokerId(*id)).collect())
            })
            .rev_sorted();
        let response: CreateTopicsResponse = cluster.worlds[0].ask(ApiKey::CreateTopics, 7, &request);
        cluster.run();
        response.topics[0].error_code
    };
    let refused = ResponseError::InvalidReplicaAssignment.code();
    assert_eq!(ask(&[&[0], &[3]]), refused);
    assert_eq!(ask(&[&[0, 1]]), refused);
    assert_eq!(ask(&[&[]]), refused);
    assert_eq!(ask(&[&[2], &[2], &[1]]), 0);
    assert_eq!(cluster.leaders(2, "t"), [2, 2, 1]);
}

trait RevSorted<T> {
    fn rev_sorted(self) -> Vec<T>;
}

impl<T, I: Iterator<Item = T>> RevSorted<T> for I {
    fn rev_sorted(self) -> Vec<T> {
        let mut all: Vec<T> = self.collect();
        all.reverse();
        all
    }
}

#[test]
fn a_topic_that_a_broker_is_asked_about_is_made_by_the_controller() {
    let mut cluster = Cluster::new(2);
    let response = cluster.metadata(1, "asked");
    assert_eq!(response.topics[0].error_code, ResponseError::LeaderNotAvailable.code());
    assert_eq!(cluster.leaders(1, "asked"), [0]);
    // Twice while nobody can hear it: forgotten, and asked for again later.
    cluster.reachable = false;
    cluster.advance(600);
    for _ in 0..2 {
        let response = cluster.metadata(1, "later");
        assert_eq!(response.topics[0].error_code, ResponseError::LeaderNotAvailable.code());
    }
    cluster.reachable = true;
    cluster.advance(5_000);
    cluster.metadata(1, "later");
    assert_eq!(cluster.leaders(1, "later"), [1]);
}

#[test]
fn no_two_producers_of_the_cluster_get_one_id() {
    let mut cluster = Cluster::new(3);
    let mut seen = std::collections::BTreeSet::new();
    for round in 0..1_500 {
        for node in 0..3 {
            let (error, id) = cluster.producer_id(node).expect("an answer");
            assert_eq!(error, 0);
            assert!(seen.insert(id), "{id} is given out twice");
        }
        if round == 700 {
            cluster.restart(1);
            cluster.restart(0);
            cluster.advance(3_000);
        }
    }
}

#[test]
fn without_the_controller_a_broker_goes_on_with_what_it_knows() {
    let mut cluster = Cluster::new(2);
    cluster.create("t", 2);
    cluster.reachable = false;
    cluster.advance(600);
    cluster.worlds[0].create("unknown", 2, &[]);
    assert_eq!(cluster.worlds[1].produce("t", 1, batch(&["a"])), (0, 0));
    assert_eq!(cluster.worlds[1].all_values("t", 1), [(0, "a".to_owned())]);
    let unknown = ResponseError::UnknownTopicOrPartition.code();
    assert_eq!(cluster.worlds[1].produce("unknown", 1, batch(&["a"])).0, unknown);
    let busy = ResponseError::CoordinatorLoadInProgress.code();
    assert_eq!(cluster.producer_id(1), Some((busy, -1)));
    for _ in 0..50 {
        cluster.advance(1_000);
    }
    let told = cluster.events(1);
    assert_eq!(told.matches("broker 0, cannot be reached").count(), 1, "{told}");
    cluster.reachable = true;
    cluster.advance(3_000);
    assert!(cluster.events(1).contains("found the controller again"));
    assert_eq!(cluster.worlds[1].produce("unknown", 1, batch(&["a"])), (0, 0));
    assert_eq!(cluster.producer_id(1).unwrap().0, 0);
}

#[test]
fn a_broker_that_starts_waits_for_the_controller_and_then_has_its_records() {
    let mut cluster = Cluster::new(2);
    cluster.create("t", 2);
    cluster.worlds[1].produce("t", 1, batch(&["a", "b"]));
    cluster.reachable = false;
    cluster.restart(1);
    cluster.advance(5_000);
    assert!(!cluster.worlds[1].broker.is_ready());
    let request = produce_request("t", 1, batch(&["c"]), -1);
    let correlation_id = cluster.worlds[1].send(super::world::CLIENT, ApiKey::Produce, 9, &request);
    cluster.reachable = true;
    cluster.advance(3_000);
    assert!(cluster.worlds[1].broker.is_ready(), "{}", cluster.events(1));
    let response: ProduceResponse = cluster.worlds[1].answer(ApiKey::Produce, 9, correlation_id);
    assert_eq!(produced(&response), (0, 2));
    let answer = cluster.worlds[1].fetch("t", 1, 0);
    let values = values_of(answer.responses[0].partitions[0].records.as_ref().unwrap());
    assert_eq!(values.len(), 3);
}

#[test]
fn what_was_deleted_while_a_broker_was_away_goes_from_its_disk() {
    let mut cluster = Cluster::new(2);
    cluster.create("t", 2);
    cluster.create("kept", 2);
    cluster.worlds[1].produce("t", 1, batch(&["a"]));
    cluster.worlds[1].produce("kept", 1, batch(&["a"]));
    cluster.reachable = false;
    cluster.advance(600);
    let request = DeleteTopicsRequest::default()
        .with_topics(vec![DeleteTopicState::default().with_name(Some(name("t")))]);
    let response: DeleteTopicsResponse = cluster.worlds[0].ask(ApiKey::DeleteTopics, 6, &request);
    assert_eq!(response.responses[0].error_code, 0);
    assert_eq!(cluster.worlds[1].disk.segments.len(), 2);
    cluster.reachable = true;
    cluster.restart(1);
    assert!(cluster.worlds[1].broker.is_ready());
    assert_eq!(cluster.worlds[1].disk.segments.len(), 1);
    assert_eq!(cluster.worlds[1].all_values("kept", 1).len(), 1);
    let deletes = |op: &&StorageOp| matches!(op, StorageOp::Delete { .. });
    assert_eq!(cluster.worlds[1].asked.iter().filter(deletes).count(), 1, "others' logs are left to them");
}

#[test]
fn a_cluster_that_was_cleared_is_not_joined() {
    let mut cluster = Cluster::new(2);
    cluster.create("t", 2);
    // A controller over nothing: its log is shorter than what is known of it.
    cluster.worlds[0].disk = Disk::default();
    cluster.restart(0);
    cluster.advance(3_000);
    let failure = cluster.worlds[1].broker.failure().expect("it cannot go on");
    assert!(failure.contains("metadata"), "{failure}");
}

#[test]
fn a_controller_that_starts_again_finds_its_brokers() {
    let mut cluster = Cluster::new(3);
    cluster.create("t", 3);
    let end = |cluster: &Cluster| {
        cluster.worlds[0].broker.partitions.get(&LogId::CLUSTER_METADATA).unwrap().log.log_end_offset()
    };
    let before = end(&cluster);
    cluster.restart(0);
    cluster.advance(3_000);
    assert!(cluster.worlds.iter().all(|world| world.broker.failure().is_none()));
    assert_eq!(end(&cluster), before, "who is registered is not registered again");
    cluster.create("u", 3);
    assert_eq!(cluster.leaders(2, "u"), [0, 1, 2]);
}

#[test]
fn of_two_processes_of_one_broker_the_later_one_stays() {
    let mut cluster = Cluster::new(2);
    // The first is still there when the second registers.
    cluster.add(Disk::default());
    let second = World::of_node(1, 999, Disk::default(), &[]);
    let mut first = std::mem::replace(&mut cluster.worlds[1], second);
    let link = cluster.links.remove(&(1, 0)).unwrap();
    cluster.advance(10);
    assert!(cluster.worlds[1].broker.is_ready(), "{}", cluster.events(1));
    let answer = cluster.worlds[0].answers.iter().position(|(connection, _)| *connection == link).unwrap();
    let (_, frame) = cluster.worlds[0].answers.remove(answer).unwrap();
    first.broker.handle_peer_response(first.now, 0, frame);
    assert!(first.broker.failure().unwrap().contains("Another process"), "{:?}", first.broker.failure());
    cluster.advance(1_000);
    assert_eq!(cluster.worlds[1].broker.failure(), None);
}

#[test]
fn frames_that_are_no_answers_end_the_connection_and_nothing_else() {
    let mut cluster = Cluster::new(2);
    cluster.create("t", 2);
    let frames: [&[u8]; 4] = [b"", b"\0\0", b"\0\0\0\x07\0", &[0xff; 100]];
    for frame in frames {
        let broker = &mut cluster.worlds[1];
        broker.broker.handle_peer_response(broker.now, 0, Bytes::copy_from_slice(frame));
        assert!(cluster.events(1).contains("cannot be used"));
        cluster.advance(1_000);
        cluster.advance(1_000);
        assert_eq!(cluster.worlds[1].broker.failure(), None);
        assert_eq!(cluster.worlds[1].produce("t", 1, batch(&["a"])).0, 0);
    }
    cluster.create("u", 2);
    assert_eq!(cluster.worlds[1].produce("u", 1, batch(&["a"])).0, 0);
}

/// A producer has sent two batches before its leader has heard of the topic. Were the second taken for its beginning, the first
/// could not follow.
#[test]
fn a_producer_that_was_early_begins_with_its_first_batch() {
    let mut cluster = Cluster::new(2);
    let sequenced = |sequence: i32| {
        let mut builder = RecordBatchBuilder::new(Compression::None);
        builder.set_producer(7, 0, sequence);
        builder.append(1_000, None, Some(b"v"), &[]).unwrap();
        builder.build()
    };
    let unknown = ResponseError::UnknownTopicOrPartition.code();
    let out_of_order = ResponseError::OutOfOrderSequenceNumber.code();
    cluster.create("t", 2);
    for topic in ["new", "newer"] {
        assert_eq!(cluster.worlds[1].produce(topic, 1, sequenced(0)).0, unknown);
        cluster.create(topic, 2);
        assert_eq!(cluster.worlds[1].produce(topic, 1, sequenced(1)).0, out_of_order);
        assert_eq!(cluster.worlds[1].produce(topic, 1, sequenced(0)), (0, 0));
        assert_eq!(cluster.worlds[1].produce(topic, 1, sequenced(1)), (0, 1));
    }
    // Whoever was not refused may begin anywhere, as everywhere.
    assert_eq!(cluster.worlds[1].produce("t", 1, sequenced(5)), (0, 0));
}

/// A broker's answer that was damaged on its way, in whatever byte, is refused or does no harm.
#[test]
fn a_damaged_answer_is_survived() {
    let answer_to = |asked: usize, damage: &dyn Fn(&mut Vec<u8>)| {
        let mut controller = World::new();
        controller.create("t", 2, &[]);
        let mut broker = World::of_node(1, 5, Disk::default(), &[]);
        broker.advance(0);
        for number in 0.. {
            let (_, frame) = broker.broker.poll_peer_request()?;
            controller.broker.handle_request(controller.now, ConnectionId(9), frame);
            controller.run();
            let (_, frame) = controller.answers.pop_back()?;
            let mut frame = frame.to_vec();
            if number == asked {
                damage(&mut frame);
            }
            let size = frame.len();
            broker.broker.handle_peer_response(broker.now, 0, frame.into());
            broker.run();
            if number == asked {
                return Some(size);
            }
        }
        None
    };
    for asked in [0, 1] {
        let size = answer_to(asked, &|_| {}).expect("an answer");
        for place in 0..size {
            answer_to(asked, &|frame| frame.truncate(place));
            for bits in [0x01, 0x80, 0xff] {
                answer_to(asked, &|frame| frame[place] ^= bits);
            }
        }
        answer_to(asked, &|frame| frame.push(0));
    }
}

#[test]
fn a_controller_that_does_not_answer_is_given_up_and_asked_again() {
    let mut cluster = Cluster::new(2);
    // What the controller is asked now is never answered.
    cluster.advance(600);
    let broker = &mut cluster.worlds[1];
    broker.advance(600);
    while broker.broker.poll_peer_request().is_some() {}
    broker.advance(10_000);
    assert!(cluster.events(1).contains("does not answer"));
    cluster.advance(3_000);
    cluster.create("t", 2);
    assert_eq!(cluster.leaders(1, "t"), [0, 1]);
}
