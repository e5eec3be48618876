//! What the protocol costs, in virtual time and in a world in which nothing goes wrong: requests, times, money.

use std::collections::BTreeMap;

use bytes::Bytes;
use headwater_journal::{
    Answer, Batch, Config, Outcome, PartitionId, Purpose, ReaderEvent, Request, RequestId, Writer,
};

use super::host::{Host, Machine};
use super::store::{Kind, Latency, Store};
use crate::random::Random;

/// Before that, nothing is counted.
const WARM_UP_US: u64 = 10_000_000;
/// List prices of S3 Standard in us-east-1, in dollars: a PUT or LIST, and a GET. Deleting costs nothing.
const DOLLARS_PUT_LIST: f64 = 0.005 / 1_000.0;
const DOLLARS_GET: f64 = 0.0004 / 1_000.0;

/// What is to be measured.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Writers, each of which begins the next append when one is answered.
    pub writers: usize,
    /// Records of an append, of 100 bytes.
    pub records: u32,
    /// For how long, in virtual time.
    pub seconds: u64,
    /// What an intent is does not stand in its name: combiners have to read each.
    pub read_intents: bool,
    /// The seed.
    pub seed: u64,
}

/// What was measured.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// Appends a second, of all writers together.
    pub appends_per_s: f64,
    /// From the beginning of an append to its answer, in milliseconds.
    pub p50_ms: f64,
    /// The same.
    pub p99_ms: f64,
    /// Of a single append, the longest.
    pub max_ms: f64,
    /// Requests an append, by who waits for them: PUT and LIST, GET, DELETE.
    pub foreground: [f64; 3],
    /// The same of checkpoints, merging and collection.
    pub background: [f64; 3],
    /// For requests, at list prices, readers not counted.
    pub dollars_per_million_records: f64,
    /// How long after its writer a tailing reader that polls every 50 ms has an append, in milliseconds.
    pub staleness_p50_ms: f64,
    /// The same.
    pub staleness_p99_ms: f64,
    /// GETs of the reader, an append.
    pub reader_gets: f64,
    /// Requests of a reader for a poll that finds nothing.
    pub requests_per_empty_poll: f64,
    /// Requests of a new writer before its first PUT, but those for commits.
    pub cold_start_requests: u64,
    /// Commits that it had to read.
    pub cold_start_commits: u64,
}

enum Event {
    Arrive(usize, RequestId, Request, u64),
    Answer(usize, RequestId, Outcome),
    Wake(usize),
}

struct Bench {
    load: Load,
    now_us: u64,
    events: BTreeMap<(u64, u64), Event>,
    next: u64,
    random: Random,
    store: Store,
    hosts: Vec<Host>,
    /// By host: when its append began, and where to.
    began_us: Vec<u64>,
    partitions: Vec<u32>,
    payload: Bytes,
    latencies_us: Vec<u64>,
    acked_us: BTreeMap<(u32, i64), u64>,
    seen_us: BTreeMap<(u32, i64), u64>,
    counts: BTreeMap<(usize, bool, u8), u64>,
    polls: u64,
}

/// Measures one load.
#[must_use]
pub fn bench(load: Load) -> Figures {
    let mut random = Random::new(load.seed);
    let mut bench = Bench {
        load,
        now_us: 0,
        events: BTreeMap::new(),
        next: 0,
        store: Store::new(random.fork(), 0, true),
        random,
        hosts: Vec::new(),
        began_us: Vec::new(),
        partitions: Vec::new(),
        payload: Bytes::from(vec![7; load.records as usize * 100]),
        latencies_us: Vec::new(),
        acked_us: BTreeMap::new(),
        seen_us: BTreeMap::new(),
        counts: BTreeMap::new(),
        polls: 0,
    };
    bench.run()
}

impl Bench {
    fn config(&self) -> Config {
        let names = if self.load.read_intents { 0 } else { Config::default().max_header_in_name };
        // Collection has its share in what is measured: a cycle is over twice and more in a run.
        Config {
            collect_after_ms: 20_000,
            poll_interval_ms: 50,
            max_header_in_name: names,
            ..Config::default()
        }
    }

    fn run(&mut self) -> Figures {
        for _ in 0..self.load.writers {
            let seed = self.random.next();
            self.add(Host::writer(self.config(), seed, None));
        }
        let seed = self.random.next();
        let reader = self.add(Host::reader(self.config(), seed));
        for host in 0..self.hosts.len() {
            let after = self.random.below(1_000_000);
            self.push(after, Event::Wake(host));
        }
        let end_us = WARM_UP_US + self.load.seconds * 1_000_000;
        self.run_until(end_us, true);
        let mut figures = self.figures(reader);
        // Writers come to rest; the reader polls for nothing.
        self.run_until(end_us + 5_000_000, false);
        let gets = |bench: &Bench| bench.counts.get(&(reader, true, 1)).copied().unwrap_or(0);
        let (before, polls) = (gets(self), self.polls);
        self.run_until(end_us + 15_000_000, false);
        figures.requests_per_empty_poll = (gets(self) - before) as f64 / (self.polls - polls) as f64;
        self.cold_start(&mut figures);
        figures
    }

    /// A writer that knows nothing appends.
    fn cold_start(&mut self, figures: &mut Figures) {
        let seed = self.random.next();
        let cold = self.add(Host::writer(self.config(), seed, None));
        self.begin(cold);
        let mut requests = Vec::new();
        let until = self.now_us + 2_000_000;
        while let Some(((at, _), event)) = self.events.pop_first().filter(|((at, _), _)| *at < until) {
            self.now_us = self.now_us.max(at);
            if let Event::Arrive(host, _, request, _) = &event
                && *host == cold
            {
                requests.push(request.clone());
            }
            self.handle(event, false);
        }
        let first_put = requests.iter().position(|request| Kind::of(request) == Kind::Put).unwrap_or(0);
        let is_commit =
            |request: &&Request| matches!(request, Request::Get { key, .. } if key.contains("c/"));
        let commits = requests[..first_put].iter().filter(is_commit).count() as u64;
        // One of them is the tail's.
        figures.cold_start_commits = commits.saturating_sub(1);
        figures.cold_start_requests = first_put as u64 - figures.cold_start_commits;
    }

    fn add(&mut self, host: Host) -> usize {
        self.hosts.push(host);
        self.began_us.push(0);
        self.partitions.push(0);
        self.hosts.len() - 1
    }

    fn push(&mut self, after_us: u64, event: Event) {
        self.next += 1;
        self.events.insert((self.now_us + after_us, self.next), event);
    }

    fn run_until(&mut self, end_us: u64, goes_on: bool) {
        while let Some(entry) = self.events.first_entry().filter(|entry| entry.key().0 < end_us) {
            let ((at, _), event) = entry.remove_entry();
            self.now_us = self.now_us.max(at);
            self.handle(event, goes_on);
        }
        self.now_us = end_us;
    }

    fn handle(&mut self, event: Event, goes_on: bool) {
        let now_ms = self.now_us / 1_000;
        match event {
            Event::Arrive(host, id, request, back) => {
                let outcome = self.store.apply(now_ms, &request);
                self.store.deleted.clear();
                let bytes = if let Outcome::Found { bytes, .. } = &outcome { bytes.len() } else { 0 };
                let transfer = bytes as u64 * 1_000 / Latency::S3.bytes_per_ms;
                self.push(back + transfer, Event::Answer(host, id, outcome));
            }
            Event::Answer(host, id, outcome) => {
                self.hosts[host].handle_outcome(now_ms, id, outcome);
                self.go_on(host, goes_on);
            }
            Event::Wake(host) => {
                self.hosts[host].wake_at_ms = None;
                self.hosts[host].handle_timeout(now_ms);
                if goes_on
                    && self.began_us[host] == 0
                    && matches!(self.hosts[host].machine, Machine::Writer(_))
                {
                    self.begin(host);
                }
                self.go_on(host, goes_on);
            }
        }
    }

    fn begin(&mut self, host: usize) {
        let partition = PartitionId { journal: 0, number: u32::try_from(self.random.below(16)).unwrap_or(0) };
        let batch =
            Batch { partition, records: self.load.records, producer: None, bytes: self.payload.clone() };
        let now_ms = self.now_us / 1_000;
        self.began_us[host] = self.now_us.max(1);
        if let Machine::Writer(writer) = &mut self.hosts[host].machine {
            // If it is not begun, nothing is ever counted of it, which is seen.
            let _begun = writer.append(now_ms, now_ms + 60_000, &[batch], Vec::new());
        }
        self.partitions[host] = partition.number;
        self.go_on(host, true);
    }

    fn go_on(&mut self, host: usize, goes_on: bool) {
        if let Machine::Writer(writer) = &mut self.hosts[host].machine
            && let Some((_, answer)) = Writer::poll_answer(writer)
        {
            self.answered(host, &answer, goes_on);
        }
        while let Machine::Reader(reader) = &mut self.hosts[host].machine
            && let Some(event) = reader.poll_event()
        {
            match event {
                ReaderEvent::Chunk(chunk) => {
                    self.seen_us.insert((chunk.partition.number, chunk.base_offset), self.now_us);
                }
                ReaderEvent::Tail => self.polls += 1,
                ReaderEvent::Start { .. } | ReaderEvent::Failed(_) => {}
            }
        }
        while let Some((id, purpose, request)) = self.hosts[host].poll_request() {
            self.send(host, id, purpose, request);
        }
        if let Some(at_ms) = self.hosts[host].poll_timeout()
            && self.hosts[host].wake_at_ms.is_none_or(|wake| at_ms < wake)
        {
            self.hosts[host].wake_at_ms = Some(at_ms);
            let after = (at_ms * 1_000).saturating_sub(self.now_us);
            self.push(after, Event::Wake(host));
        }
    }

    fn answered(&mut self, host: usize, answer: &Answer, goes_on: bool) {
        assert!(matches!(answer, Answer::Committed(_)), "nothing goes wrong here: {answer:?}");
        if let (Answer::Committed(placed), true) = (answer, self.is_counted()) {
            self.latencies_us.push(self.now_us - self.began_us[host]);
            let partition = self.partitions[host];
            for placed in placed {
                self.acked_us.insert((partition, placed.base_offset), self.now_us);
            }
        }
        if goes_on {
            self.begin(host);
        }
    }

    fn is_counted(&self) -> bool {
        self.now_us >= WARM_UP_US
    }

    fn send(&mut self, host: usize, id: RequestId, purpose: Purpose, request: Request) {
        let kind = Kind::of(&request);
        let bytes = match &request {
            Request::Create { bytes, .. } | Request::Update { bytes, .. } => bytes.len(),
            _ => 0,
        };
        if self.is_counted() {
            let column = match kind {
                Kind::Put | Kind::List => 0,
                Kind::Get => 1,
                Kind::Delete => 2,
            };
            *self.counts.entry((host, purpose == Purpose::Foreground, column)).or_default() += 1;
        }
        let time = Latency::S3.draw(&mut self.random, kind, bytes);
        self.push(time / 2, Event::Arrive(host, id, request, time / 2));
    }

    fn figures(&self, reader: usize) -> Figures {
        let mut latencies = self.latencies_us.clone();
        latencies.sort_unstable();
        let appends = latencies.len().max(1) as f64;
        let of = |foreground: bool| {
            [0, 1, 2].map(|column| {
                let counts = self.counts.iter().filter(|((host, purpose, at), _)| {
                    *host != reader && *purpose == foreground && *at == column
                });
                counts.map(|(_, count)| *count as f64).sum::<f64>() / appends
            })
        };
        let (foreground, background) = (of(true), of(false));
        let mut stale: Vec<u64> = self
            .acked_us
            .iter()
            .filter_map(|(key, acked)| self.seen_us.get(key).map(|seen| seen.saturating_sub(*acked)))
            .collect();
        stale.sort_unstable();
        let dollars = (foreground[0] + background[0]) * DOLLARS_PUT_LIST
            + (foreground[1] + background[1]) * DOLLARS_GET;
        Figures {
            appends_per_s: appends / self.load.seconds as f64,
            p50_ms: quantile_ms(&latencies, 50),
            p99_ms: quantile_ms(&latencies, 99),
            max_ms: quantile_ms(&latencies, 100),
            foreground,
            background,
            dollars_per_million_records: dollars / f64::from(self.load.records) * 1_000_000.0,
            staleness_p50_ms: quantile_ms(&stale, 50),
            staleness_p99_ms: quantile_ms(&stale, 99),
            reader_gets: self.counts.get(&(reader, true, 1)).copied().unwrap_or(0) as f64 / appends,
            ..Figures::default()
        }
    }
}

/// Of sorted microseconds.
fn quantile_ms(sorted: &[u64], percent: usize) -> f64 {
    let index = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    sorted.get(index).map_or(0.0, |us| *us as f64 / 1_000.0)
}
