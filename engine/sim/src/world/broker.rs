//! The broker's process: it is started, works, and ends.

use std::rc::Rc;

use bytes::Bytes;
use headwater_driver::Driver;
use headwater_engine::{Broker, BrokerConfig, ConnectionId, LogId, Offset, TopicPartition, TopicView};
use kafka_protocol::messages::{ApiKey, FetchResponse, MetadataResponse, ProduceRequest, ProduceResponse};

use super::carry::NOBODY;
use super::{Event, Phase, World};
use crate::actors::{Ends, raw};
use crate::checkers::{Asked, Checker, served, stored};
use crate::faults::Fault;
use crate::plant::Plant;
use crate::scenario::broker_configs;
use crate::storage::{Crash, FaultyStorage};

/// More partitions than any topic gets.
const MAX_PARTITIONS: i32 = 8;

/// A broker that runs.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) driver: Driver<FaultyStorage>,
    pub(super) config: BrokerConfig,
}

impl World {
    /// Starts a broker over what is on the disk.
    pub(super) fn restart(&mut self) {
        if self.server.is_some() {
            return;
        }
        if self.random.one_in(3) {
            self.scenario.broker = broker_configs(&mut self.random);
        }
        let mut config = BrokerConfig::new("simulated", 0, raw::HOST, raw::PORT);
        for (key, value) in &self.scenario.broker {
            if let Err(error) = config.set(key, value) {
                self.checks.take(Checker::Liveness, Err(format!("a config of the world: {error}")));
            }
        }
        let entropy = self.random.next();
        self.trace.say(format_args!("broker: starts"));
        let broker = Broker::new(config.clone(), entropy);
        let driver = Driver::new(broker, FaultyStorage(Rc::clone(&self.medium)));
        self.server = Some(Server { driver, config });
        self.pump();
    }

    pub(super) fn storage_goes_on(&mut self) {
        self.storage_due = None;
        self.medium.borrow_mut().step(self.now_ms);
        self.worked();
    }

    pub(super) fn broker_timer(&mut self) {
        self.timer_due = None;
        let now = self.now();
        if let Some(server) = &mut self.server {
            server.driver.handle_timeout(now);
        }
        self.worked();
    }

    /// The broker was given something. It may end before what follows from that gets out.
    pub(super) fn worked(&mut self) {
        if let Some((steps, crash)) = self.crash_in {
            self.crash_in = steps.checked_sub(1).map(|steps| (steps, crash));
            if self.crash_in.is_none() {
                self.crash(crash);
                return;
            }
        }
        self.pump();
    }

    fn pump(&mut self) {
        let now = self.now();
        let Some(server) = &mut self.server else { return };
        self.medium.borrow_mut().set_time(now.monotonic_ms);
        server.driver.pump(now);
        let mut answers = Vec::new();
        while let Some(answer) = server.driver.poll_response() {
            answers.push(answer);
        }
        let mut closes = Vec::new();
        while let Some(connection) = server.driver.poll_close() {
            closes.push(connection);
        }
        while let Some(event) = server.driver.poll_event() {
            self.trace.say(format_args!("broker: {}", event.message));
        }
        let timer = server.driver.poll_timeout();
        let failure = server.driver.broker().failure().map(str::to_owned);
        if self.plant == Some(Plant::SwapAnswers) {
            swap_answers(&mut answers);
        }
        answers.retain(|(connection, _)| *connection != NOBODY);
        for (connection, frame) in answers {
            self.observe(connection, &frame);
            self.send_to_client(connection, frame);
        }
        for connection in closes {
            self.broker_closes(connection);
        }
        if let Some(at) = timer
            && self.timer_due.is_none_or(|due| at < due)
        {
            self.timer_due = Some(at);
            self.at(at.max(self.now_ms), Event::BrokerTimer);
        }
        self.schedule_storage();
        if let Some(reason) = failure {
            self.trace.say(format_args!("broker: gives up: {reason}"));
            self.medium.borrow_mut().tally.count(Fault::BrokerGaveUp);
            self.end_process(Crash::Process);
        }
    }

    pub(super) fn schedule_storage(&mut self) {
        let due = self.medium.borrow().next_due();
        if let Some(at) = due
            && self.storage_due.is_none_or(|due| at < due)
        {
            self.storage_due = Some(at);
            self.at(at.max(self.now_ms), Event::Storage);
        }
    }

    /// The broker's end, in the midst of whatever it was at.
    pub(super) fn crash(&mut self, crash: Crash) {
        if self.server.is_none() {
            return;
        }
        self.trace.say(format_args!("broker: {crash:?}"));
        let fault = if crash == Crash::Process { Fault::ProcessCrash } else { Fault::PowerCut };
        self.medium.borrow_mut().tally.count(fault);
        self.end_process(crash);
    }

    fn end_process(&mut self, crash: Crash) {
        self.server = None;
        self.crash_in = None;
        (self.storage_due, self.timer_due) = (None, None);
        let before = self.stored_ends();
        self.medium.borrow_mut().crash(crash);
        self.connections_break(crash);
        if crash == Crash::PowerCut {
            self.account_for_losses(&before);
        }
        let wait_ms = match self.phase {
            Phase::Safety => self.random.within(1..1_500),
            _ => 50,
        };
        self.after(wait_ms, Event::Restart);
    }

    /// Where the partitions end by what is on the disk, whether a broker runs or not.
    fn stored_ends(&self) -> Ends {
        let medium = self.medium.borrow();
        let mut ends = Ends::new();
        for (topic, topic_id) in &self.topic_ids {
            for partition in 0..MAX_PARTITIONS {
                let log = LogId { topic_id: *topic_id, partition };
                let topic_partition = TopicPartition { topic: topic.clone(), partition };
                ends.insert(topic_partition, medium.disk.end_offset(log));
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
            if before.get(topic_partition).is_some_and(|before| before > end) {
                self.trace.say(format_args!("power cut: {topic_partition} ends at {end} now"));
                self.checks.lost_from(topic_partition, *end);
            }
        }
        for index in 0..self.actors.len() {
            self.with_actor(index, |actor, context| actor.power_cut(context, &after));
        }
    }

    /// Looks at an answer as it leaves the broker.
    fn observe(&mut self, connection: ConnectionId, frame: &Bytes) {
        let asked = match self.checks.answers.answered(connection, frame) {
            Ok(asked) => asked,
            Err(message) => return self.checks.take(Checker::Answers, Err(message)),
        };
        match ApiKey::try_from(asked.api_key) {
            Ok(ApiKey::Metadata) => self.learn_topic_ids(&asked, frame),
            Ok(ApiKey::Fetch) => self.observe_fetch(&asked, frame),
            Ok(ApiKey::Produce) => self.observe_produce(&asked, frame),
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

    fn log_id(&self, topic: &str, partition: i32) -> Option<LogId> {
        self.topic_ids.get(topic).map(|topic_id| LogId { topic_id: *topic_id, partition })
    }

    fn observe_fetch(&mut self, asked: &Asked, frame: &Bytes) {
        if self.scenario.bit_rot || !self.checks.listens(Checker::Visibility) {
            return;
        }
        let answer = raw::response::<FetchResponse>(ApiKey::Fetch, asked.version, frame.clone());
        for topic in answer.into_iter().flat_map(|(_, answer)| answer.responses) {
            for partition in topic.partitions {
                let index = partition.partition_index;
                let Some(log) = self.log_id(&topic.topic, index) else { continue };
                let topic_partition = TopicPartition { topic: topic.topic.to_string(), partition: index };
                let records = partition.records.unwrap_or_default();
                let medium = self.medium.borrow();
                let result = served(&medium.disk, log, &topic_partition, &records, partition.high_watermark);
                drop(medium);
                self.checks.take(Checker::Visibility, result);
            }
        }
    }

    fn observe_produce(&mut self, asked: &Asked, frame: &Bytes) {
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
                let medium = self.medium.borrow();
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
