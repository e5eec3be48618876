//! A broker's process: it is started, works, and ends.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use bytes::Bytes;
use headwater_driver::Driver;
use headwater_engine::{
    Broker, BrokerConfig, ConnectionId, LogId, NodeId, Offset, TopicPartition, TopicView,
};
use kafka_protocol::messages::{ApiKey, FetchResponse, MetadataResponse, ProduceRequest, ProduceResponse};

use super::carry::NOBODY;
use super::{Event, Phase, World};
use crate::actors::{Ends, raw};
use crate::checkers::{Asked, Checker, served, stored};
use crate::faults::Fault;
use crate::plant::Plant;
use crate::retained::RETAINED;
use crate::scenario::{COMPACTED, broker_configs};
use crate::storage::{Crash, FaultyStorage, Medium};

/// More partitions than any topic gets.
const MAX_PARTITIONS: i32 = 8;

/// A broker that runs.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) driver: Driver<FaultyStorage>,
    pub(super) config: BrokerConfig,
}

/// The place of a broker: what is there whether it runs or not.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) medium: Rc<RefCell<Medium>>,
    pub(super) server: Option<Server>,
    configs: Vec<(&'static str, String)>,
    storage_due: Option<u64>,
    timer_due: Option<u64>,
    /// Until when it stands still.
    pub(super) frozen: u64,
    /// A crash is to come after so many more steps of the broker.
    pub(super) crash_in: Option<(u64, Crash)>,
    /// Its connections to the others, by their numbers.
    pub(super) links: Vec<Option<ConnectionId>>,
}

impl Node {
    pub(super) fn new(
        medium: Rc<RefCell<Medium>>,
        configs: Vec<(&'static str, String)>,
        brokers: usize,
    ) -> Node {
        Node {
            medium,
            server: None,
            configs,
            storage_due: None,
            timer_due: None,
            frozen: 0,
            crash_in: None,
            links: vec![None; brokers],
        }
    }

    pub(super) fn broker(&self) -> Option<&Broker> {
        self.server.as_ref().map(|server| server.driver.broker())
    }
}

impl World {
    /// Starts a broker over what is on its disk.
    pub(super) fn restart(&mut self, number: usize) {
        if self.nodes[number].server.is_some() {
            return;
        }
        if self.random.one_in(3) {
            self.nodes[number].configs = broker_configs(&mut self.random, self.plant);
        }
        let node_id = i32::try_from(number).unwrap_or(i32::MAX);
        let mut config = BrokerConfig::new("simulated", node_id, &raw::host_of(number), raw::PORT);
        for (key, value) in &self.nodes[number].configs {
            if let Err(error) = config.set(key, value) {
                self.checks.take(Checker::Liveness, Err(format!("a config of the world: {error}")));
            }
        }
        let entropy = self.random.next();
        self.trace.say(format_args!("broker {number}: starts"));
        let broker = Broker::new(config.clone(), entropy);
        let node = &mut self.nodes[number];
        let driver = Driver::new(broker, FaultyStorage(Rc::clone(&node.medium)));
        node.server = Some(Server { driver, config });
        self.pump(number);
    }

    pub(super) fn storage_goes_on(&mut self, number: usize) {
        let node = &mut self.nodes[number];
        // An earlier one has taken its place, or it is of a process that is gone.
        if node.storage_due.is_none_or(|due| due > self.now_ms) {
            return;
        }
        node.storage_due = None;
        node.medium.borrow_mut().step(self.now_ms);
        self.note_dropped(number);
        self.worked(number);
    }

    pub(super) fn broker_timer(&mut self, number: usize) {
        let now = self.now();
        let node = &mut self.nodes[number];
        if node.timer_due.is_none_or(|due| due > now.monotonic_ms) {
            return;
        }
        node.timer_due = None;
        if let Some(server) = &mut node.server {
            server.driver.handle_timeout(now);
        }
        self.worked(number);
    }

    /// A broker was given something. It may end before what follows from that gets out.
    pub(super) fn worked(&mut self, number: usize) {
        let node = &mut self.nodes[number];
        if let Some((steps, crash)) = node.crash_in {
            node.crash_in = steps.checked_sub(1).map(|steps| (steps, crash));
            if node.crash_in.is_none() {
                self.crash(number, crash);
                return;
            }
        }
        self.pump(number);
    }

    fn pump(&mut self, number: usize) {
        let now = self.now();
        let node = &mut self.nodes[number];
        let Some(server) = &mut node.server else { return };
        node.medium.borrow_mut().set_time(now.monotonic_ms);
        server.driver.pump(now);
        let mut answers = Vec::new();
        while let Some(answer) = server.driver.poll_response() {
            answers.push(answer);
        }
        let mut closes = Vec::new();
        while let Some(connection) = server.driver.poll_close() {
            closes.push(connection);
        }
        let link_closes: Vec<NodeId> = std::iter::from_fn(|| server.driver.poll_peer_close()).collect();
        let requests: Vec<(NodeId, Bytes)> =
            std::iter::from_fn(|| server.driver.poll_peer_request()).collect();
        while let Some(event) = server.driver.poll_event() {
            self.trace.say(format_args!("broker {number}: {}", event.message));
        }
        let timer = server.driver.poll_timeout();
        let failure = server.driver.broker().failure().map(str::to_owned);
        if self.plant == Some(Plant::SwapAnswers) {
            swap_answers(&mut answers);
        }
        answers.retain(|(connection, _)| *connection != NOBODY);
        for (connection, frame) in answers {
            self.observe(number, connection, &frame);
            self.send_to_client(connection, frame);
        }
        for connection in closes {
            self.broker_closes(connection);
        }
        self.carry_to_peers(number, &link_closes, requests);
        let node = &mut self.nodes[number];
        if let Some(at) = timer
            && node.timer_due.is_none_or(|due| at < due)
        {
            node.timer_due = Some(at);
            self.at(at.max(self.now_ms), Event::BrokerTimer(number));
        }
        self.schedule_storage(number);
        if let Some(reason) = failure {
            self.trace.say(format_args!("broker {number}: gives up: {reason}"));
            self.tally.count(Fault::BrokerGaveUp);
            self.end_process(number, Crash::Process);
        }
    }

    fn schedule_storage(&mut self, number: usize) {
        let node = &mut self.nodes[number];
        let due = node.medium.borrow().next_due();
        if let Some(at) = due
            && node.storage_due.is_none_or(|due| at < due)
        {
            node.storage_due = Some(at);
            self.at(at.max(self.now_ms), Event::Storage(number));
        }
    }

    /// A broker's end, in the midst of whatever it was at.
    pub(super) fn crash(&mut self, number: usize, crash: Crash) {
        if self.nodes[number].server.is_none() {
            return;
        }
        self.trace.say(format_args!("broker {number}: {crash:?}"));
        self.tally.count(if crash == Crash::Process { Fault::ProcessCrash } else { Fault::PowerCut });
        self.end_process(number, crash);
    }

    fn end_process(&mut self, number: usize, crash: Crash) {
        let before = self.stored_ends();
        let node = &mut self.nodes[number];
        node.server = None;
        node.crash_in = None;
        (node.storage_due, node.timer_due) = (None, None);
        node.medium.borrow_mut().crash(crash);
        self.note_dropped(number);
        self.connections_break(number, crash);
        self.checks.membership.forget_generations();
        if crash == Crash::PowerCut {
            self.checks.commits.power_cut();
            self.account_for_losses(&before);
        }
        let wait_ms = match self.phase {
            Phase::Safety => self.random.within(1..1_500),
            _ => 50,
        };
        self.after(wait_ms, Event::Restart(number));
    }

    /// Where the partitions end by what is on the disks, whether brokers run or not.
    fn stored_ends(&self) -> Ends {
        let mut ends = Ends::new();
        for (topic, topic_id) in &self.topic_ids {
            for partition in 0..MAX_PARTITIONS {
                let log = LogId { topic_id: *topic_id, partition };
                let topic_partition = TopicPartition { topic: topic.clone(), partition };
                // Its log is with one broker, and with no other.
                let disks = self.nodes.iter().map(|node| node.medium.borrow().disk.end_offset(log));
                ends.insert(topic_partition, disks.max().unwrap_or(0));
            }
        }
        ends
    }

    /// What a power cut has taken, nobody has to have any more.
    fn account_for_losses(&mut self, before: &Ends) {
        let after = self.stored_ends();
        // Of a topic that no client has heard of yet, nothing can be said but that anything may be lost.
        let topics: Vec<String> = self.scenario.topics.iter().map(|topic| topic.name.clone()).collect();
        for topic in topics.into_iter().filter(|topic| !self.topic_ids.contains_key(topic)) {
            for partition in 0..MAX_PARTITIONS {
                self.checks.lost_from(&TopicPartition { topic: topic.clone(), partition }, 0);
            }
        }
        for (topic_partition, end) in &after {
            if topic_partition.topic != RETAINED
                && before.get(topic_partition).is_some_and(|before| before > end)
            {
                self.trace.say(format_args!("power cut: {topic_partition} ends at {end} now"));
                self.checks.lost_from(topic_partition, *end);
            }
        }
        self.account_for_retained(&after);
        for index in 0..self.actors.len() {
            self.with_actor(index, |actor, context| actor.power_cut(context, &after));
        }
    }

    /// Of topics that are gone nothing is left on any disk.
    pub(super) fn check_deleted(&mut self, topics: &BTreeMap<String, i32>) {
        let gone = self.topic_ids.iter().filter(|(name, _)| !topics.contains_key(*name));
        for (name, topic_id) in gone {
            for (number, node) in self.nodes.iter().enumerate() {
                let medium = node.medium.borrow();
                let log = |partition| LogId { topic_id: *topic_id, partition };
                if medium.is_idle()
                    && (0..MAX_PARTITIONS).any(|partition| medium.disk.end_offset(log(partition)) > 0)
                {
                    let message = format!("broker {number} has records of {name}, which was deleted");
                    self.checks.take(Checker::Agreement, Err(message));
                }
            }
        }
    }

    /// Looks at an answer as it leaves the broker.
    fn observe(&mut self, number: usize, connection: ConnectionId, frame: &Bytes) {
        let asked = match self.checks.answers.answered(connection, frame) {
            Ok(asked) => asked,
            Err(message) => return self.checks.take(Checker::Answers, Err(message)),
        };
        match ApiKey::try_from(asked.api_key) {
            Ok(ApiKey::Metadata) => self.learn_topic_ids(&asked, frame),
            Ok(ApiKey::Fetch) => self.observe_fetch(number, &asked, frame),
            Ok(ApiKey::Produce) => self.observe_produce(number, &asked, frame),
            Ok(ApiKey::ListOffsets | ApiKey::DeleteRecords) => {
                self.observe_log_start(number, connection, &asked, frame);
            }
            Ok(ApiKey::OffsetCommit) => {
                let result = self.checks.commits.commit_answered(connection, &asked, frame);
                self.checks.take(Checker::Commits, result);
            }
            Ok(ApiKey::OffsetFetch) => {
                let result = self.checks.commits.fetch_answered(&asked, frame);
                self.checks.take(Checker::Commits, result);
            }
            Ok(ApiKey::SyncGroup) => {
                let result = self.checks.membership.sync_answered(&asked, frame);
                self.checks.take(Checker::Membership, result);
            }
            _ => {}
        }
    }

    fn learn_topic_ids(&mut self, asked: &Asked, frame: &Bytes) {
        let answer = raw::response::<MetadataResponse>(ApiKey::Metadata, asked.version, frame.clone());
        for topic in answer.into_iter().flat_map(|(_, answer)| answer.topics) {
            if let Some(name) = topic.name.filter(|_| topic.error_code == 0) {
                self.topic_ids.insert(name.to_string(), topic.topic_id);
            }
        }
    }

    pub(super) fn log_id(&self, topic: &str, partition: i32) -> Option<LogId> {
        self.topic_ids.get(topic).map(|topic_id| LogId { topic_id: *topic_id, partition })
    }

    fn observe_fetch(&mut self, number: usize, asked: &Asked, frame: &Bytes) {
        if self.scenario.bit_rot
            || ![Checker::Visibility, Checker::LogStart].iter().any(|checker| self.checks.listens(*checker))
        {
            return;
        }
        let answer = raw::response::<FetchResponse>(ApiKey::Fetch, asked.version, frame.clone());
        for topic in answer.into_iter().flat_map(|(_, answer)| answer.responses) {
            for partition in topic.partitions {
                let index = partition.partition_index;
                // What memory gives for a moment may be compacted already.
                if topic.topic.as_str() == COMPACTED {
                    continue;
                }
                if topic.topic.as_str() == RETAINED {
                    self.observe_retained(number, asked, &partition);
                    continue;
                }
                let Some(log) = self.log_id(&topic.topic, index) else { continue };
                let topic_partition = TopicPartition { topic: topic.topic.to_string(), partition: index };
                let records = partition.records.unwrap_or_default();
                let medium = self.nodes[number].medium.borrow();
                let result = served(&medium.disk, log, &topic_partition, &records, partition.high_watermark);
                drop(medium);
                self.checks.take(Checker::Visibility, result);
            }
        }
    }

    fn observe_produce(&mut self, number: usize, asked: &Asked, frame: &Bytes) {
        if self.scenario.bit_rot || !self.checks.listens(Checker::Acknowledged) {
            return;
        }
        let answer = raw::response::<ProduceResponse>(ApiKey::Produce, asked.version, frame.clone());
        let sent = produce_request(asked);
        let sent = sent.into_iter().flat_map(|request| request.topic_data);
        let answers = answer.into_iter().flat_map(|(_, answer)| answer.responses);
        for (sent, answered) in sent.zip(answers) {
            let topic = sent.name.to_string();
            for (sent, answered) in sent.partition_data.into_iter().zip(answered.partition_responses) {
                let Some(log) = self.log_id(&topic, sent.index) else { continue };
                // An answer may wait behind others while a topic is deleted that comes and goes.
                if answered.error_code != 0 || !topic.starts_with("topic-") {
                    continue;
                }
                let topic_partition = TopicPartition { topic: topic.clone(), partition: sent.index };
                let records = sent.records.unwrap_or_default();
                let medium = self.nodes[number].medium.borrow();
                let result = stored(&medium.disk, log, &topic_partition, &records, answered.base_offset);
                drop(medium);
                self.checks.take(Checker::Acknowledged, result);
            }
        }
    }
}

/// Has the first two answers of a connection change their places.
fn swap_answers(answers: &mut [(ConnectionId, Bytes)]) {
    for later in 1..answers.len() {
        if let Some(earlier) = (0..later).find(|earlier| answers[*earlier].0 == answers[later].0) {
            answers.swap(earlier, later);
            return;
        }
    }
}

/// A Produce request as it was asked.
pub(super) fn produce_request(asked: &Asked) -> Option<ProduceRequest> {
    raw::decode_request(ApiKey::Produce, asked.version, asked.frame.clone())
}

/// A topic's partitions with their high watermarks.
pub(super) fn high_watermarks(topic: TopicView<'_>) -> impl Iterator<Item = (TopicPartition, Offset)> {
    let name = topic.name.to_owned();
    topic.partitions.into_iter().map(move |partition| {
        let topic_partition = TopicPartition { topic: name.clone(), partition: partition.partition };
        (topic_partition, partition.high_watermark)
    })
}
