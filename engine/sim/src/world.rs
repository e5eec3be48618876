//! The world: virtual time, events in their order, and brokers that may be gone.
//!
//! A run has three parts. In the *safety* phase there are faults, and nothing wrong may be seen. Then faults stop, and in
//! the *liveness* phase everything begun has to come to its end within a bounded time. *At last* the brokers are crashed
//! once more, and a consumer that knows nothing reads all there is.

mod broker;
mod carry;
mod retained;
mod trouble;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use bytes::Bytes;
use headwater_client::ProducerConfig;
use headwater_engine::record::Compression;
use headwater_engine::{ConnectionId, Now, Uuid};

use self::broker::Node;
use self::trouble::Trouble;
use crate::actors::{
    Actor, AdminActor, AuditorActor, CompactedActor, ConsumerActor, Context, CopierActor, Ends,
    IdempotentActor, LedgerActor, MemberActor, News, ProducerActor, RetainedActor, Role,
};
use crate::checkers::agreement::agree;
use crate::checkers::recovery::{self, Place};
use crate::checkers::{COPY, Checker, Checks, LEDGER};
use crate::faults::Tally;
use crate::network::{Client, Network};
use crate::random::Random;
use crate::retained::RETAINED;
use crate::scenario::{COMPACTED, ConsumerPlan, Scenario, TOMBSTONES_STAY_MS};
use crate::storage::{Crash, Medium};
use crate::trace::Trace;
use crate::{Options, Plant, Report};

/// When a run begins by the wall clock: 2023-11-14T22:13:20Z.
const WALL_START_MS: i64 = 1_700_000_000_000;
/// More events than any run needs: beyond it something goes round in circles.
const MAX_STEPS: u64 = 3_000_000;
/// How long everything may take to come to its end: longer than every time-out of every client.
const LIVENESS_MS: u64 = 300_000;
/// How long after faults have stopped everything is as if there had been none, but for clients that wait.
const SETTLE_MS: u64 = 2_500;
/// How long brokers may take, when all else is done, to agree and to answer what waited behind a slow storage.
const QUIET_MS: u64 = 20_000;
/// The number of the auditor that comes at last.
const LAST_AUDITOR: u32 = 1;
/// How often it is looked whether all is done.
const LOOK_MS: u64 = 100;
/// How often a broker with nothing under way is compared with a fresh one.
const COMPARE_MS: u64 = 1_000;

/// Something that happens.
#[derive(Clone, Debug)]
enum Event {
    /// A connection reaches its broker.
    Connect(ConnectionId),
    /// The client learns that its connection is there.
    Connected(ConnectionId),
    ToBroker(ConnectionId, Bytes),
    ToClient(ConnectionId, Bytes),
    BrokerLearnsEnd(ConnectionId),
    ClientLearnsEnd(ConnectionId),
    /// The same of a broker, by its number.
    Storage(usize),
    BrokerTimer(usize),
    Restart(usize),
    /// A planted bug: a request reaches a broker from nobody.
    Late(usize, Bytes),
    Wake(usize),
    Trouble(Trouble),
    /// It is time to look whether a phase has ended.
    Look,
    Compare,
}

impl Event {
    /// What has arrived is handled before time-outs.
    fn class(&self) -> u8 {
        match self {
            Event::BrokerTimer(_) | Event::Wake(_) => 1,
            Event::Look | Event::Compare => 2,
            _ => 0,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    Safety,
    Liveness,
    AtLast,
    Done,
}

pub(crate) struct World {
    scenario: Scenario,
    plant: Option<Plant>,
    phase: Phase,
    phase_began_ms: u64,
    now_ms: u64,
    wall_offset_ms: i64,
    /// The latest that any clock has shown, but for what it shows now.
    latest_wall_ms: i64,
    events: BTreeMap<(u64, u8, u64), Event>,
    next_event: u64,
    steps: u64,
    random: Random,
    trace: Trace,
    checks: Checks,
    /// The brokers by number, whether they run or not.
    nodes: Vec<Node>,
    network: Network,
    actors: Vec<Box<dyn Actor>>,
    /// By actor: its connections by broker, when it is to be woken, until when it is frozen.
    connections: Vec<Vec<Option<ConnectionId>>>,
    wakes: Vec<Option<u64>>,
    frozen: Vec<u64>,
    tally: Tally,
    guests: Vec<String>,
    made: Vec<String>,
    topic_ids: BTreeMap<String, Uuid>,
    /// The numbers of the consumers that tail all along.
    tailing: Vec<u32>,
    records: u64,
}

impl World {
    pub(crate) fn new(seed: u64, options: &Options) -> World {
        let mut random = Random::new(seed);
        let scenario = Scenario::new(&mut random, options.plant);
        let checks = Checks::new(options.only, &scenario);
        let mut node = || {
            let medium = Medium::new(random.fork(), scenario.storage, options.plant);
            Node::new(Rc::new(RefCell::new(medium)), scenario.broker.clone(), scenario.brokers)
        };
        let nodes = (0..scenario.brokers).map(|_| node()).collect();
        let mut world = World {
            plant: options.plant,
            phase: Phase::Safety,
            phase_began_ms: 0,
            now_ms: 0,
            wall_offset_ms: WALL_START_MS,
            latest_wall_ms: WALL_START_MS,
            events: BTreeMap::new(),
            next_event: 0,
            steps: 0,
            random,
            trace: Trace::new(options.trace_lines),
            checks,
            nodes,
            network: Network::default(),
            actors: Vec::new(),
            connections: Vec::new(),
            wakes: Vec::new(),
            frozen: Vec::new(),
            tally: Tally::default(),
            guests: Vec::new(),
            made: Vec::new(),
            topic_ids: BTreeMap::new(),
            tailing: Vec::new(),
            records: 0,
            scenario,
        };
        world.add_actors();
        world
    }

    fn add_actors(&mut self) {
        let scenario = self.scenario.clone();
        let admin = AdminActor::new(&scenario, &mut self.random);
        self.add_actor(Box::new(admin));
        for plan in &scenario.producers {
            let actor = ProducerActor::new(&scenario, plan, &mut self.checks, &mut self.random);
            self.add_actor(Box::new(actor));
        }
        for number in 0..scenario.idempotent_producers {
            let actor = IdempotentActor::new(number, &scenario, &mut self.checks, &mut self.random);
            self.add_actor(Box::new(actor));
        }
        if let Some(plan) = &scenario.group {
            self.checks.expect_group(&plan.group_id);
            for number in 0..plan.fixed.len() {
                let actor = MemberActor::new(number, &scenario, plan, &mut self.random);
                self.add_actor(Box::new(actor));
            }
        }
        if let Some(plan) = &scenario.transactions {
            let random = &mut self.random;
            let auditor = AuditorActor::new(0, &scenario, plan, false, random);
            let mut actors: Vec<Box<dyn Actor>> = vec![Box::new(auditor)];
            for number in 0..plan.writers {
                actors.push(Box::new(LedgerActor::new(number, &scenario, plan, random)));
            }
            for number in 0..plan.copiers {
                actors.push(Box::new(CopierActor::new(number, &scenario, plan, random)));
            }
            actors.into_iter().for_each(|actor| self.add_actor(actor));
        }
        if scenario.compacted.is_some() {
            self.add_compacted(0, true);
            self.add_compacted(1, false);
        }
        self.add_retained(0, Role::Writes);
        self.add_retained(1, Role::GoesBack);
        let topics: Vec<String> = scenario.topics.iter().map(|topic| topic.name.clone()).collect();
        for (number, plan) in (0..).zip(&scenario.consumers) {
            self.tailing.push(number);
            let actor = ConsumerActor::new(number, scenario.brokers, topics.clone(), *plan, &mut self.random);
            self.add_actor(Box::new(actor));
        }
    }

    /// One who writes to the compacted topic and tails it, or one who only reads it.
    fn add_compacted(&mut self, number: u32, writes: bool) {
        let random = &mut self.random;
        let config = ProducerConfig {
            linger_ms: random.pick(&[0, 20]),
            batch_size: random.pick(&[100, 4_000]),
            compression: random.pick(&[Compression::None, Compression::Gzip, Compression::Lz4]),
            ..ProducerConfig::default()
        };
        let producer = writes.then_some(&config);
        let actor = CompactedActor::new(number, self.nodes.len(), producer, &mut self.checks, random);
        self.add_actor(Box::new(actor));
    }

    /// One for each partition of the topic that is kept short, if there is one.
    fn add_retained(&mut self, number: u32, role: Role) {
        let Some(plan) = self.scenario.retained.clone() else { return };
        for partition in 0..plan.partitions {
            let (brokers, name) = (self.nodes.len(), (partition, number));
            let (checks, random) = (&mut self.checks, &mut self.random);
            let actor = RetainedActor::new(name, brokers, role, &plan, checks, random);
            self.add_actor(Box::new(actor));
        }
    }

    fn add_actor(&mut self, actor: Box<dyn Actor>) {
        let index = self.actors.len();
        self.actors.push(actor);
        self.connections.push(vec![None; self.nodes.len()]);
        self.wakes.push(None);
        self.frozen.push(0);
        self.wake_at(index, self.now_ms);
    }

    /// Runs to the end.
    pub(crate) fn run(&mut self) -> Result<(), String> {
        self.trace.say(format_args!("{:?}", self.scenario));
        for node in 0..self.nodes.len() {
            self.after(0, Event::Restart(node));
        }
        self.after(LOOK_MS, Event::Look);
        self.after(COMPARE_MS, Event::Compare);
        self.begin_troubles();
        while self.phase != Phase::Done {
            let Some((key, event)) = self.events.pop_first() else {
                return Err("Liveness: nothing is to happen any more".to_owned());
            };
            self.steps += 1;
            if self.steps > MAX_STEPS {
                return Err(format!("Liveness: {MAX_STEPS} steps, and no end; the last is {event:?}"));
            }
            if let Some(until) = self.frozen_until(&event).filter(|until| *until > key.0) {
                self.events.insert((until, key.1, key.2), event);
                continue;
            }
            self.now_ms = self.now_ms.max(key.0);
            self.trace.set_time(self.now_ms);
            self.handle(event)?;
            if let Some(violation) = self.checks.violation() {
                return Err(violation.to_owned());
            }
        }
        Ok(())
    }

    pub(crate) fn report(&self, seed: u64, violation: Option<String>) -> Report {
        let mut faults = self.tally;
        for node in &self.nodes {
            // A panic may have come while the medium was in use.
            faults += node.medium.try_borrow().map(|medium| medium.tally).unwrap_or_default();
        }
        Report {
            seed,
            violation,
            trace_hash: self.trace.hash(),
            trace: self.trace.tail().map(str::to_owned).collect(),
            faults,
            steps: self.steps,
            virtual_ms: self.now_ms,
            records: self.records,
        }
    }

    fn now(&self) -> Now {
        let wall_ms = self.wall_offset_ms.saturating_add_unsigned(self.now_ms);
        Now { monotonic_ms: self.now_ms, wall_ms }
    }

    fn after(&mut self, ms: u64, event: Event) {
        self.at(self.now_ms + ms, event);
    }

    fn at(&mut self, ms: u64, event: Event) {
        self.next_event += 1;
        self.events.insert((ms, event.class(), self.next_event), event);
    }

    fn handle(&mut self, event: Event) -> Result<(), String> {
        match event {
            Event::Connect(connection) => self.connection_arrives(connection),
            Event::Connected(connection) => self.client_connected(connection),
            Event::ToBroker(connection, frame) => self.request_arrives(connection, &frame),
            Event::ToClient(connection, frame) => self.answer_arrives(connection, frame),
            Event::BrokerLearnsEnd(connection) => self.broker_learns_end(connection),
            Event::ClientLearnsEnd(connection) => self.client_learns_end(connection),
            Event::Storage(node) => self.storage_goes_on(node),
            Event::BrokerTimer(node) => self.broker_timer(node),
            // Another that was to come earlier has come in its place.
            Event::Wake(actor) if self.wakes[actor].is_none_or(|due| due > self.now_ms) => {}
            Event::Wake(actor) => {
                self.wakes[actor] = None;
                self.with_actor(actor, |actor, context| actor.hear(context, News::Time));
            }
            Event::Restart(node) => self.restart(node),
            Event::Late(node, frame) => self.late_request_arrives(node, frame),
            Event::Trouble(trouble) => self.trouble(trouble),
            Event::Look => return self.look(),
            Event::Compare => {
                self.after(COMPARE_MS, Event::Compare);
                self.compare();
            }
        }
        Ok(())
    }

    fn frozen_until(&self, event: &Event) -> Option<u64> {
        let of_client = |connection| match self.network.connections.get(connection)?.client {
            Client::Actor(actor) => self.frozen.get(actor).copied(),
            Client::Broker(node) => self.nodes.get(node).map(|node| node.frozen),
        };
        let of_broker = |connection| {
            let connection = self.network.connections.get(connection)?;
            self.nodes.get(connection.broker).map(|node| node.frozen)
        };
        match event {
            Event::ToBroker(connection, _) | Event::BrokerLearnsEnd(connection) => of_broker(connection),
            Event::Storage(node) | Event::BrokerTimer(node) => self.nodes.get(*node).map(|node| node.frozen),
            Event::ToClient(connection, _)
            | Event::Connected(connection)
            | Event::ClientLearnsEnd(connection) => of_client(connection),
            Event::Wake(actor) => self.frozen.get(*actor).copied(),
            _ => None,
        }
    }

    /// Calls an actor, then sees to what it wants.
    fn with_actor(&mut self, index: usize, call: impl FnOnce(&mut dyn Actor, &mut Context<'_>)) {
        let now = self.now();
        let mut wishes = Vec::new();
        let Some(actor) = self.actors.get_mut(index) else { return };
        let mut context = Context {
            now,
            random: &mut self.random,
            checks: &mut self.checks,
            trace: &mut self.trace,
            guests: &mut self.guests,
            made: &mut self.made,
        };
        call(actor.as_mut(), &mut context);
        while let Some(wish) = actor.wish(&mut context) {
            wishes.push(wish);
        }
        let next_wake = actor.next_wake();
        for wish in wishes {
            self.grant(index, wish);
        }
        if let Some(at) = next_wake {
            self.wake_at(index, at.max(self.now_ms));
        }
    }

    fn wake_at(&mut self, actor: usize, at: u64) {
        if self.wakes[actor].is_none_or(|due| at < due) {
            self.wakes[actor] = Some(at);
            self.at(at, Event::Wake(actor));
        }
    }

    /// Looks whether a phase has come to its end.
    fn look(&mut self) -> Result<(), String> {
        self.after(LOOK_MS, Event::Look);
        let began_ms = self.phase_began_ms;
        match self.phase {
            Phase::Safety if self.now_ms >= self.scenario.safety_ms => self.end_safety(),
            Phase::Liveness if self.all_done() && (self.is_quiet() || self.now_ms > began_ms + QUIET_MS) => {
                self.begin_at_last();
            }
            Phase::AtLast if self.all_done() => return self.end(),
            Phase::Liveness | Phase::AtLast if self.now_ms > began_ms + LIVENESS_MS => {
                if self.checks.listens(Checker::Liveness) {
                    return Err(format!("Liveness: {LIVENESS_MS} ms without faults; {}", self.unfinished()));
                }
                self.phase = Phase::Done;
                self.check_answers();
                self.check_agreement();
            }
            _ => {}
        }
        Ok(())
    }

    fn begin(&mut self, phase: Phase) {
        self.trace.say(format_args!("-- {phase:?} --"));
        self.phase = phase;
        self.phase_began_ms = self.now_ms;
    }

    fn end_safety(&mut self) {
        self.begin(Phase::Liveness);
        self.end_troubles();
        let now = self.now();
        for index in 0..self.actors.len() {
            self.actors[index].finish(now);
            self.with_actor(index, |actor, context| actor.hear(context, News::Time));
        }
    }

    /// Where the partitions that are watched end, if the brokers can say so.
    fn ends(&self) -> Option<Ends> {
        let mut ends = Ends::new();
        for node in &self.nodes {
            let broker = node.broker().filter(|broker| broker.is_ready())?;
            let is_watched = |name: &str| {
                name.starts_with("topic-") || [LEDGER, COPY, COMPACTED, RETAINED].contains(&name)
            };
            let watched = broker.topics().filter(|topic| is_watched(topic.name));
            ends.extend(watched.flat_map(broker::high_watermarks));
        }
        Some(ends)
    }

    fn is_quiet(&self) -> bool {
        self.checks.answers.at_last(self.now_ms).is_ok() && agree(self.nodes.iter().map(Node::broker)).is_ok()
    }

    fn check_agreement(&mut self) {
        let result = agree(self.nodes.iter().map(Node::broker));
        self.checks.take(Checker::Agreement, result);
    }

    /// Whether faults, and what somebody was frozen for when they stopped, are over for a while.
    fn is_settled(&self) -> bool {
        let frozen = self.frozen.iter().copied().chain(self.nodes.iter().map(|node| node.frozen)).max();
        let frozen = frozen.unwrap_or(0);
        self.now_ms > frozen.max(self.phase_began_ms) + SETTLE_MS
    }

    fn all_done(&self) -> bool {
        if !self.is_settled() {
            return false;
        }
        let Some(ends) = self.ends() else { return false };
        if self.scenario.bit_rot {
            // What is damaged is never read to its end, nor is all that was to be delivered delivered.
            return self.now_ms > self.phase_began_ms + 10_000;
        }
        self.actors.iter().all(|actor| actor.is_done(&ends)) && self.is_retained_short()
    }

    fn unfinished(&self) -> String {
        let Some(ends) = self.ends() else { return "not all brokers are ready".to_owned() };
        if !self.is_retained_short() {
            return "retention is still to come".to_owned();
        }
        let unfinished = self.actors.iter().filter(|actor| !actor.is_done(&ends));
        let unfinished =
            unfinished.map(|actor| format!("{} waits for {}", actor.name(), actor.waits_for(&ends)));
        unfinished.collect::<Vec<_>>().join("; ")
    }

    fn compare(&mut self) {
        for node in 0..self.nodes.len() {
            self.compare_node(node);
        }
    }

    fn compare_node(&mut self, number: usize) {
        let (node, first) = (&self.nodes[number], &self.nodes[0]);
        let (Some(server), Some(controller)) = (&node.server, &first.server) else { return };
        let (medium, of_controller) = (node.medium.borrow(), first.medium.borrow());
        let broker = server.driver.broker();
        // A log that could not be read again is tried later; until then its partition is not what is stored.
        let may_wait_for_a_log =
            self.scenario.storage.read_failed > 0 && (self.phase == Phase::Safety || !self.is_settled());
        if self.scenario.bit_rot || may_wait_for_a_log || !broker.is_ready() || !medium.is_idle() {
            return;
        }
        let place = Place { config: &server.config, disk: &medium.disk };
        let controller = Place { config: &controller.config, disk: &of_controller.disk };
        let result = recovery::compare(broker, place, (number > 0).then_some(controller), self.now());
        drop((medium, of_controller));
        self.checks.take(Checker::Recovery, result);
    }

    fn check_answers(&mut self) {
        let result = self.checks.answers.at_last(self.now_ms);
        self.checks.take(Checker::Answers, result);
    }

    /// Crashes the brokers once more and has a new consumer read everything.
    fn begin_at_last(&mut self) {
        self.begin(Phase::AtLast);
        self.check_answers();
        self.check_agreement();
        self.compare();
        for node in 0..self.nodes.len() {
            self.crash(node, Crash::Process);
        }
        let topics = self.scenario.topics.iter().map(|topic| topic.name.clone()).collect();
        let plan = ConsumerPlan { max_wait_ms: 10, min_bytes: 1, partition_bytes: 2_000, max_bytes: 50_000 };
        let number = u32::try_from(self.tailing.len()).unwrap_or(u32::MAX);
        self.checks.add_reader(number);
        let reader = ConsumerActor::new(number, self.nodes.len(), topics, plan, &mut self.random);
        self.add_actor(Box::new(reader));
        if let Some(plan) = &self.scenario.transactions.clone() {
            let auditor = AuditorActor::new(LAST_AUDITOR, &self.scenario, plan, true, &mut self.random);
            self.add_actor(Box::new(auditor));
        }
        if self.scenario.compacted.is_some() {
            self.add_compacted(2, false);
        }
        self.add_retained(2, Role::Reads);
    }

    fn end(&mut self) -> Result<(), String> {
        self.phase = Phase::Done;
        self.check_agreement();
        let topics: BTreeMap<String, i32> = match self.nodes[0].broker() {
            Some(broker) => broker
                .topics()
                .map(|topic| (topic.name.to_owned(), i32::try_from(topic.leaders.len()).unwrap_or(i32::MAX)))
                .collect(),
            None => return Ok(()),
        };
        self.check_deleted(&topics);
        self.checks.topics_at_last(&topics);
        if let Some(compacted) = &self.scenario.compacted {
            let stays = compacted.configs.iter().any(|(_, value)| value == TOMBSTONES_STAY_MS);
            self.checks.compacted_at_last(stays);
        }
        let ends = self.ends().unwrap_or_default();
        for (of, end) in ends.iter().filter(|(of, _)| of.topic == RETAINED) {
            self.checks.retained_at_last(of, *end);
        }
        for (topic_partition, end) in
            ends.into_iter().filter(|(of, _)| ![COMPACTED, RETAINED].contains(&&of.topic[..]))
        {
            self.records += end.unsigned_abs();
            // Markers have offsets, and are given to nobody.
            if ![LEDGER, COPY].contains(&&topic_partition.topic[..]) {
                self.checks.read_at_last(&topic_partition, end, &self.tailing);
            }
        }
        if let Some(plan) = &self.scenario.transactions {
            self.checks.audited_at_last(LAST_AUDITOR, plan.copiers > 0);
        }
        match self.checks.violation() {
            Some(violation) => Err(violation.to_owned()),
            None => Ok(()),
        }
    }
}
