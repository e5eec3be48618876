//! The world of a bucket: virtual time, and events in their order.
//!
//! A run has four parts. In the *safety* phase there are faults, and nothing wrong may be seen. Then faults stop, and in the
//! *liveness* phase all that was begun comes to its end. Then it is *quiet* for so long that all that is dead has to go.
//! *At last* a reader that knows nothing reads all there is.

use std::collections::{BTreeMap, BTreeSet};

use headwater_journal::{
    Answer, AppendRefused, Config, Outcome, PartitionId, ReaderEvent, Rejection, Request, RequestId,
};

use super::checkers::{BucketChecker, Checks};
use super::host::{Host, Machine};
use super::producer::{OWNED, Producer, Role};
use super::scenario::{MOST_PASSING, Scenario};
use super::store::{Kind, Latency, Store};
use super::{BucketFaults, BucketOptions, BucketPlant, BucketReport};
use crate::random::Random;
use crate::trace::Trace;

/// More events than any run needs.
const MAX_STEPS: u64 = 2_000_000;
/// How long all that was begun may take when faults have stopped.
const LIVENESS_MS: u64 = 120_000;
/// The longest that faults go on.
const SAFETY_MS: u64 = 300_000;
const LOOK_MS: u64 = 250;
const MAINTAIN_MS: u64 = 3_000;

#[derive(Debug)]
enum Event {
    /// A request reaches the store; its answer takes so long, or does not come.
    Arrive {
        host: usize,
        id: RequestId,
        request: Request,
        answer_after_us: Option<u64>,
    },
    Answer {
        host: usize,
        id: RequestId,
        outcome: Outcome,
    },
    Wake(usize),
    Act(usize),
    /// A writer or reader falls asleep, or a writer ends.
    Trouble(usize),
    Maintain,
    Look,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    Safety,
    Liveness,
    Quiet,
    AtLast,
    Done,
}

pub(crate) struct World {
    scenario: Scenario,
    plant: Option<BucketPlant>,
    phase: Phase,
    phase_began_us: u64,
    now_us: u64,
    events: BTreeMap<(u64, u64), Event>,
    next_event: u64,
    steps: u64,
    random: Random,
    trace: Trace,
    checks: Checks,
    store: Store,
    hosts: Vec<Host>,
    producers: Vec<Producer>,
    /// Hosts of readers that live to the end, and whether each has seen the tail in this phase.
    readers: Vec<(usize, bool)>,
    keeper: usize,
    epochs: u32,
    /// How many batches passing producers have begun.
    passed: u64,
    faults: BucketFaults,
    commits: u64,
    /// The number of the next.
    next_commit: u64,
    /// What was read in the last phase.
    read_at_last: BTreeSet<String>,
}

impl World {
    pub(crate) fn new(seed: u64, options: &BucketOptions) -> World {
        let mut random = Random::new(seed);
        let scenario = Scenario::new(&mut random, options.plant);
        let store = Store::new(random.fork(), scenario.list_lag_ms, scenario.slow_updates);
        let mut world = World {
            plant: options.plant,
            phase: Phase::Safety,
            phase_began_us: 0,
            now_us: 0,
            events: BTreeMap::new(),
            next_event: 0,
            steps: 0,
            random,
            trace: Trace::new(options.trace_lines),
            checks: Checks::new(options.only),
            store,
            hosts: Vec::new(),
            producers: Vec::new(),
            readers: Vec::new(),
            keeper: 0,
            epochs: 0,
            passed: 0,
            faults: BucketFaults::default(),
            commits: 0,
            next_commit: 0,
            read_at_last: BTreeSet::new(),
            scenario,
        };
        world.add_all();
        world
    }

    fn add_all(&mut self) {
        let scenario = self.scenario.clone();
        self.trace.say(format_args!("{scenario:?}"));
        let plain = if scenario.passing { Role::Passing } else { Role::Plain };
        let roles = (0..scenario.producers).map(|_| plain);
        let roles = roles.chain((0..scenario.idempotent).map(|_| Role::Idempotent));
        let roles = roles.chain((0..scenario.owners).map(|_| Role::Owner));
        let roles = roles.chain((0..scenario.trimmers).map(|_| Role::Trimmer));
        for (number, role) in (0..).zip(roles) {
            self.producers.push(Producer::new(role, number, 0, &scenario));
            let index = self.producers.len() - 1;
            let after = self.random.below(500);
            self.after(after * 1_000, Event::Act(index));
        }
        self.checks.fenced_records(PartitionId { journal: 0, number: OWNED });
        for _ in 0..scenario.readers {
            self.add_reader();
        }
        let seed = self.random.next();
        self.keeper = self.add(Host::writer(self.config(), seed, None));
        self.after(LOOK_MS * 1_000, Event::Look);
        self.after(MAINTAIN_MS * 1_000, Event::Maintain);
    }

    fn config(&self) -> Config {
        Config {
            prefix: "a/b/".to_owned(),
            collect_after_ms: self.scenario.collect_after_ms,
            checkpoint_commits: self.scenario.checkpoint_commits,
            max_inline_bytes: self.scenario.max_inline_bytes,
            merge_segments: self.scenario.merge_segments,
            max_producers: self.scenario.max_producers,
            max_chunks_waiting: 16,
            plant: self.plant,
            ..Config::default()
        }
    }

    fn add(&mut self, host: Host) -> usize {
        self.hosts.push(host);
        self.hosts.len() - 1
    }

    fn add_reader(&mut self) {
        let seed = self.random.next();
        let reader = self.add(Host::reader(self.config(), seed));
        self.checks.reader_begins(reader);
        self.readers.push((reader, false));
        self.after(0, Event::Wake(reader));
        if self.phase == Phase::Safety && self.scenario.trouble_one_in > 0 {
            let after = self.random.below(60_000);
            self.after(after * 1_000, Event::Trouble(reader));
        }
    }

    pub(crate) fn run(&mut self) -> Result<(), String> {
        while self.phase != Phase::Done {
            let Some(((at, order), event)) = self.events.pop_first() else {
                return Err("Liveness: nothing is to happen any more".to_owned());
            };
            self.steps += 1;
            if self.steps > MAX_STEPS {
                return Err(format!("Liveness: {MAX_STEPS} steps, and no end; the last is {event:?}"));
            }
            let host = match &event {
                Event::Answer { host, .. } | Event::Wake(host) => self.hosts.get(*host),
                _ => None,
            };
            if let Some(until) = host.map(|host| host.frozen_until_ms * 1_000).filter(|until| *until > at) {
                self.events.insert((until, order), event);
                continue;
            }
            self.now_us = self.now_us.max(at);
            self.trace.set_time(self.now_ms());
            self.handle(event);
            self.checks.deleted(&self.store.deleted, self.scenario.collect_after_ms);
            self.faults.collected += self.store.deleted.len() as u64;
            self.store.deleted.clear();
            if let Some(violation) = self.checks.violation() {
                return Err(violation.to_owned());
            }
        }
        Ok(())
    }

    pub(crate) fn report(&self, seed: u64, violation: Option<String>) -> BucketReport {
        BucketReport {
            seed,
            violation,
            trace_hash: self.trace.hash(),
            trace: self.trace.tail().map(str::to_owned).collect(),
            faults: self.faults,
            steps: self.steps,
            records: self.checks.records(),
            commits: self.commits,
        }
    }

    fn now_ms(&self) -> u64 {
        self.now_us / 1_000
    }

    fn after(&mut self, us: u64, event: Event) {
        self.next_event += 1;
        self.events.insert((self.now_us + us, self.next_event), event);
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Arrive { host, id, request, answer_after_us } => {
                self.arrive(host, id, &request, answer_after_us)
            }
            Event::Answer { host, id, outcome } => {
                let now_ms = self.now_ms();
                if let Some(host) = self.hosts.get_mut(host).filter(|host| host.alive) {
                    host.handle_outcome(now_ms, id, outcome);
                }
                self.go_on(host);
            }
            Event::Wake(host) => {
                let now_ms = self.now_ms();
                if let Some(host) = self.hosts.get_mut(host).filter(|host| host.alive) {
                    host.wake_at_ms = None;
                    host.handle_timeout(now_ms);
                }
                self.go_on(host);
            }
            Event::Act(actor) => self.act(actor),
            Event::Trouble(host) => self.trouble(host),
            Event::Maintain => self.maintain(),
            Event::Look => self.look(),
        }
    }

    fn arrive(&mut self, host: usize, id: RequestId, request: &Request, answer_after_us: Option<u64>) {
        let outcome = self.store.apply(self.now_ms(), request);
        if let Request::Get { key, .. } = request
            && self.phase == Phase::AtLast
        {
            self.read_at_last.insert(key.clone());
        }
        if matches!((request, &outcome), (Request::Create { .. }, Outcome::Stored { .. }))
            && self.store.was_collected(request)
        {
            self.faults.landed_on_collected += 1;
        }
        if let (Request::Create { key, .. }, Outcome::Stored { .. }) = (request, &outcome)
            && key.contains("c/")
        {
            self.commits += 1;
            let number = key.rsplit('/').next().and_then(|number| number.parse::<u64>().ok());
            self.next_commit = self.next_commit.max(number.map_or(0, |number| number + 1));
        }
        let what = brief(&outcome);
        match request {
            Request::Get { key, .. } => self.trace.say(format_args!("{host:>3} GET {key}: {what}")),
            Request::Create { key, .. } => self.trace.say(format_args!("{host:>3} PUT {key}: {what}")),
            Request::Update { key, .. } => {
                self.trace.say(format_args!("{host:>3} PUT if-match {key}: {what}"))
            }
            Request::List { prefix, .. } => self.trace.say(format_args!("{host:>3} LIST {prefix}: {what}")),
            Request::Delete { keys } => {
                self.trace.say(format_args!("{host:>3} DELETE {} from {:?}", keys.len(), keys.first()));
            }
        }
        if let Some(after) = answer_after_us {
            self.after(after, Event::Answer { host, id, outcome });
        }
    }

    /// After anything that a host was told: its requests, what it has to say, and when to wake it.
    fn go_on(&mut self, host: usize) {
        let now_ms = self.now_ms();
        // To take an event makes room, and so goes on too.
        self.take_answers(host);
        self.take_events(host);
        while let Some((id, _, request)) =
            self.hosts.get_mut(host).filter(|host| host.alive).and_then(Host::poll_request)
        {
            self.send(host, id, request);
        }
        let Some(own) = self.hosts.get_mut(host).filter(|host| host.alive) else { return };
        if let Machine::Writer(writer) = &own.machine
            && let Some(producers) = writer.producers()
        {
            self.checks.remembers(host, producers, self.scenario.max_producers);
        }
        if let Machine::Writer(writer) = &own.machine
            && own.abandoned
            && writer.is_quiet()
        {
            own.alive = false;
            return;
        }
        if let Some(at_ms) = own.poll_timeout()
            && own.wake_at_ms.is_none_or(|wake| at_ms < wake)
        {
            let at_ms = at_ms.max(now_ms);
            own.wake_at_ms = Some(at_ms);
            let after = (at_ms * 1_000).saturating_sub(self.now_us);
            self.after(after, Event::Wake(host));
        }
    }

    fn send(&mut self, host: usize, id: RequestId, request: Request) {
        let bytes = match &request {
            Request::Create { bytes, .. } | Request::Update { bytes, .. } => bytes.len(),
            _ => 0,
        };
        let kind = Kind::of(&request);
        let there = Latency::S3.draw(&mut self.random, kind, bytes) / 2;
        let back = there;
        let faulty = self.phase == Phase::Safety;
        let scenario = &self.scenario;
        if faulty && self.random.one_in(scenario.refused_one_in) {
            self.faults.refused += 1;
            return self.after(there + back, Event::Answer { host, id, outcome: Outcome::NotApplied });
        }
        let conditional = matches!(request, Request::Create { .. } | Request::Update { .. });
        if faulty && conditional && self.random.one_in(scenario.conflict_one_in) {
            self.faults.conflicts += 1;
            return self.after(there + back, Event::Answer { host, id, outcome: Outcome::NotMatched });
        }
        if faulty && self.random.one_in(scenario.time_out_one_in) {
            let given_up = self.random.within(200_000..1_500_000);
            match self.random.below(3) {
                0 => {
                    self.faults.answers_lost += 1;
                    self.after(there, Event::Arrive { host, id, request, answer_after_us: None });
                }
                1 => self.faults.requests_lost += 1,
                _ => {
                    self.faults.landed_late += 1;
                    let longest = scenario.collect_after_ms.unsigned_abs() * 3_000;
                    let late = if self.random.coin() { longest } else { 3_000_000 };
                    let late = given_up + self.random.below(late);
                    self.after(late, Event::Arrive { host, id, request, answer_after_us: None });
                }
            }
            return self.after(given_up, Event::Answer { host, id, outcome: Outcome::Unknown });
        }
        self.after(there, Event::Arrive { host, id, request, answer_after_us: Some(back) });
    }

    fn take_answers(&mut self, host: usize) {
        let now_ms = self.now_ms();
        loop {
            let Some(own) = self.hosts.get_mut(host).filter(|host| host.alive) else { return };
            let Machine::Writer(writer) = &mut own.machine else { return };
            let Some((id, answer)) = writer.poll_answer() else { return };
            let awake = !own.slept;
            self.trace.say(format_args!("{host:>3} answers {answer:?}"));
            self.checks.answered(now_ms, id, awake);
            let began = own.append.take_if(|(append, _)| *append == id);
            if let Some((_, commits)) = began
                && self.scenario.calm
            {
                self.checks.waited(host, self.commits - commits);
            }
            if let Some(actor) = own.actor.take_if(|_| began.is_some()) {
                self.answered(actor, host, answer);
            }
        }
    }

    fn answered(&mut self, actor: usize, host: usize, answer: Answer) {
        let Some(producer) = self.producers.get_mut(actor) else { return };
        producer.waits = false;
        let role = producer.role;
        let starts = std::mem::take(&mut producer.starts);
        match answer {
            Answer::Committed(placed) => {
                let there = producer.settle(true);
                self.checks.began(&starts);
                for ((partition, records), placed) in there.iter().zip(placed) {
                    let partition = producer.partition(*partition);
                    self.checks.acked(partition, placed.base_offset, records);
                }
            }
            Answer::Rejected(Rejection::Fenced) if role == Role::Owner => {
                producer.settle(false);
                producer.lose();
            }
            Answer::Rejected(Rejection::OffsetOutOfRange) if role == Role::Trimmer => {
                producer.settle(false);
                self.checks.may_not_begin(&starts, producer.starts_are_there);
            }
            Answer::Rejected(rejection) => {
                producer.settle(false);
                self.checks
                    .producer_was_refused(u32::try_from(actor).unwrap_or(0), &format!("{rejection:?}"));
            }
            // As it is not there, it is sent again.
            Answer::NotAppended => {}
            Answer::TimedOut => self.unknown(actor),
            Answer::Failed(error) => {
                self.checks.take(BucketChecker::Undamaged, Err(format!("writer {host} failed: {error}")));
            }
        }
        let pause = self.random.below(self.scenario.pause_ms + 1);
        self.after(pause * 1_000, Event::Act(actor));
    }

    /// Nobody knows whether the append is there: an idempotent producer sends it again, from another invocation.
    fn unknown(&mut self, actor: usize) {
        let Some(producer) = self.producers.get_mut(actor) else { return };
        if let Some(host) = producer.host.take()
            && let Some(host) = self.hosts.get_mut(host)
        {
            host.abandoned = true;
        }
        producer.waits = false;
        if producer.role != Role::Idempotent {
            producer.settle(false);
            producer.lose();
        }
    }

    fn take_events(&mut self, host: usize) {
        loop {
            let Some(own) = self.hosts.get_mut(host).filter(|host| host.alive) else { return };
            let Machine::Reader(reader) = &mut own.machine else { return };
            match reader.poll_event() {
                Some(ReaderEvent::Chunk(chunk)) => {
                    let (partition, offset) = (chunk.partition.number, chunk.base_offset);
                    self.trace.say(format_args!("{host:>3} reads {partition}@{offset}+{}", chunk.records));
                    self.checks.seen(host, &chunk);
                }
                Some(ReaderEvent::Start { partition, offset }) => {
                    self.trace.say(format_args!("{host:>3} begins {} at {offset}", partition.number));
                    self.checks.told_start(host, partition, offset);
                }
                Some(ReaderEvent::Tail) => {
                    self.checks.tail(host);
                    if let Some(reader) = self.readers.iter_mut().find(|(reader, _)| *reader == host) {
                        reader.1 = true;
                    }
                }
                Some(ReaderEvent::Failed(error)) => {
                    let what = format!("reader {host} failed: {error}");
                    self.checks.take(BucketChecker::Undamaged, Err(what));
                }
                None => return,
            }
        }
    }

    /// A producer appends what is next.
    fn act(&mut self, actor: usize) {
        let (now_ms, scenario) = (self.now_ms(), self.scenario.clone());
        let Some(producer) = self.producers.get(actor) else { return };
        if producer.waits || producer.is_done() {
            return;
        }
        // Who sleeps appends nothing; it wakes and knows of nothing that happened meanwhile.
        let frozen =
            producer.host.and_then(|host| self.hosts.get(host)).map_or(0, |host| host.frozen_until_ms);
        if frozen > now_ms {
            return self.after((frozen - now_ms) * 1_000, Event::Act(actor));
        }
        let role = producer.role;
        if role == Role::Passing && self.too_many_pass() {
            return self.after(100_000, Event::Act(actor));
        }
        let cold = self.random.one_in(5);
        let host = match producer.host {
            Some(host) if !cold => host,
            old => {
                if let Some(old) = old.and_then(|old| self.hosts.get_mut(old)) {
                    old.abandoned = true;
                }
                let seed = self.random.next();
                self.add(Host::writer(self.config(), seed, None))
            }
        };
        let Some(producer) = self.producers.get_mut(actor) else { return };
        producer.host = Some(host);
        if !producer.may_send_again() {
            producer.passed_before = self.passed;
        }
        let (mut batches, fences) = producer.next(&scenario, &mut self.random, &mut self.epochs);
        producer.waits = true;
        if role == Role::Passing {
            self.passed += batches.len() as u64;
        }
        let starts = if role == Role::Trimmer { self.choose_starts() } else { Vec::new() };
        let starts_are_there = self.checks.asked_to_begin(&starts);
        if let Some(producer) = self.producers.get_mut(actor) {
            producer.starts.clone_from(&starts);
            producer.starts_are_there = starts_are_there;
        }
        let deadline = now_ms + self.random.within(2_000..10_000);
        let Some(own) = self.hosts.get_mut(host) else { return };
        let Machine::Writer(writer) = &mut own.machine else { return };
        // Now and then somebody wants what is not to be had: one append over two journals.
        if self.random.one_in(12) && batches.len() > 1 {
            let mut split = batches.clone();
            split[0].partition.journal = 1;
            if self.plant == Some(BucketPlant::SplitAcrossJournals) {
                batches.remove(0);
            } else {
                let refused = writer.append(now_ms, deadline, &split, fences.clone());
                let right = matches!(refused, Err(AppendRefused::OtherJournal(_)));
                let what = format!("an append over two journals was taken: {refused:?}");
                self.checks.take(BucketChecker::Atomic, if right { Ok(()) } else { Err(what) });
            }
        }
        match writer.append_and_begin(now_ms, deadline, &batches, fences, &starts) {
            Ok(id) => {
                own.append = Some((id, self.commits));
                own.actor = Some(actor);
                own.slept = own.frozen_until_ms > now_ms;
                self.checks.asked(id, deadline);
                self.trace.say(format_args!("{host:>3} begins {:x} of {actor}", id.0));
            }
            Err(error) => {
                let what = format!("writer {host} does not take an append: {error:?}");
                self.checks.take(BucketChecker::Liveness, Err(what));
            }
        }
        if self.phase == Phase::Safety && self.random.one_in(self.scenario.trouble_one_in) {
            let after = self.random.below(200_000);
            self.after(after, Event::Trouble(host));
        }
        self.go_on(host);
    }

    /// Partitions, and offsets up to about their ends.
    fn choose_starts(&mut self) -> Vec<(PartitionId, i64)> {
        let first = self.random.below(u64::from(self.scenario.partitions));
        let count = self.random.within(1..3).min(u64::from(self.scenario.partitions));
        let mut starts = Vec::new();
        for index in first..first + count {
            let number = u32::try_from(index % u64::from(self.scenario.partitions)).unwrap_or(0);
            let partition = PartitionId { journal: 0, number };
            let end = self.checks.known_end(partition).unsigned_abs();
            let most = if self.random.one_in(8) { end + 3 } else { end };
            starts.push((partition, self.random.below(most + 1).cast_signed()));
        }
        starts
    }

    /// Whether so many producers passed by since an append began that is to be sent again if need be that its own might be
    /// forgotten before.
    fn too_many_pass(&self) -> bool {
        let open = self.producers.iter().filter(|producer| producer.may_send_again());
        let first = open.map(|producer| producer.passed_before).min();
        first.is_some_and(|first| self.passed - first >= MOST_PASSING)
    }

    fn trouble(&mut self, host: usize) {
        if self.phase != Phase::Safety {
            return;
        }
        let now_ms = self.now_ms();
        let Some(own) = self.hosts.get_mut(host).filter(|host| host.alive) else { return };
        let is_writer = matches!(own.machine, Machine::Writer(_));
        if is_writer && self.random.coin() {
            self.faults.ended += 1;
            self.trace.say(format_args!("{host:>3} ends"));
            own.alive = false;
            let (append, actor) = (own.append.take(), own.actor.take());
            if let Some((id, _)) = append {
                self.checks.gone(id);
            }
            match actor {
                Some(actor) => {
                    self.unknown(actor);
                    self.after(1_000, Event::Act(actor));
                }
                None => {
                    if let Some(producer) =
                        self.producers.iter_mut().find(|producer| producer.host == Some(host))
                    {
                        producer.host = None;
                    }
                }
            }
            return;
        }
        self.faults.slept += 1;
        let longest = self.scenario.collect_after_ms.unsigned_abs() * 4;
        let sleep = self.random.below(longest);
        self.trace.say(format_args!("{host:>3} sleeps for {sleep} ms"));
        own.frozen_until_ms = now_ms + sleep;
        own.slept = true;
        if !is_writer {
            let after = self.random.below(60_000);
            self.after((sleep + after) * 1_000, Event::Trouble(host));
        }
    }

    fn maintain(&mut self) {
        let now_ms = self.now_ms();
        self.after(MAINTAIN_MS * 1_000, Event::Maintain);
        if self.phase == Phase::AtLast {
            // What is read then is what the last reader reads.
            return;
        }
        let Some(own) = self.hosts.get_mut(self.keeper) else { return };
        if let Machine::Writer(writer) = &mut own.machine {
            writer.maintain(now_ms);
        }
        self.go_on(self.keeper);
    }

    fn look(&mut self) {
        self.after(LOOK_MS * 1_000, Event::Look);
        let since_ms = (self.now_us - self.phase_began_us) / 1_000;
        let done = self.producers.iter().all(Producer::is_done);
        let quiet = self.hosts.iter().all(|host| match &host.machine {
            Machine::Writer(writer) => !host.alive || writer.is_quiet(),
            Machine::Reader(_) => true,
        });
        match self.phase {
            Phase::Safety if done || since_ms > SAFETY_MS => self.enter(Phase::Liveness),
            Phase::Liveness if done && quiet && self.readers.iter().all(|(_, tail)| *tail) => {
                self.enter(Phase::Quiet);
            }
            Phase::Liveness if since_ms > LIVENESS_MS + self.scenario.collect_after_ms.unsigned_abs() * 4 => {
                let waiting: Vec<usize> =
                    (0..self.producers.len()).filter(|index| !self.producers[*index].is_done()).collect();
                let tails: Vec<bool> = self.readers.iter().map(|reader| reader.1).collect();
                let what = format!("producers {waiting:?} are not done, quiet: {quiet}, tails: {tails:?}");
                self.checks.take(BucketChecker::Liveness, Err(what));
                self.judge();
            }
            Phase::Quiet if since_ms > self.scenario.collect_after_ms.unsigned_abs() * 8 + 20_000 => {
                self.enter(Phase::AtLast);
                self.add_reader();
            }
            Phase::AtLast if self.readers.iter().all(|(_, tail)| *tail) => {
                self.checks.objects_at_last(self.store.keys(), &self.read_at_last, self.next_commit);
                self.judge();
            }
            Phase::AtLast if since_ms > LIVENESS_MS => {
                let what = "the last reader does not come to the tail".to_owned();
                self.checks.take(BucketChecker::Liveness, Err(what));
                self.judge();
            }
            _ => {}
        }
    }

    fn judge(&mut self) {
        for (reader, _) in self.readers.clone() {
            self.checks.read_all(reader);
        }
        let producers = &self.producers;
        let idempotent =
            |number: u32| producers.get(number as usize).is_some_and(|own| own.role == Role::Idempotent);
        self.checks.at_last(&idempotent);
        self.enter(Phase::Done);
    }

    fn enter(&mut self, phase: Phase) {
        self.trace.say(format_args!("{phase:?}"));
        self.phase = phase;
        self.phase_began_us = self.now_us;
        self.readers.iter_mut().for_each(|(_, tail)| *tail = false);
        if phase == Phase::Liveness {
            self.store.list_lag_ms = 0;
        }
    }
}

fn brief(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Found { bytes, .. } => format!("{} bytes", bytes.len()),
        Outcome::Missing { .. } => "404".to_owned(),
        Outcome::Stored { .. } => "200".to_owned(),
        Outcome::NotMatched => "412".to_owned(),
        Outcome::Listed { keys, more } => format!("{} keys{}", keys.len(), if *more { ", more" } else { "" }),
        other => format!("{other:?}"),
    }
}
