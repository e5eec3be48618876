//! What pages are told of a broker: how it stands, what happened in it, and what moves.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use headwater_engine::{BrokerEvent, NodeId};
use headwater_worker_protocol::engine::{event as told, log, moved, snapshot};
use headwater_worker_protocol::{
    BrokerEvent as EventMessage, BrokerSnapshot, ErrorReport, LogDescription, Trace,
};
use tokio::sync::oneshot;

use super::Switchboard;
use crate::clock;

/// Events that are kept for pages that look now and then, and for those that come later.
const MAX_EVENTS: usize = 256;
/// Traces that are kept: some seconds, for pages that look ten times a second.
const MAX_TRACES: usize = 64;
/// Whoever has not looked for so long does not watch any more.
const WATCH: Duration = Duration::from_secs(3);

/// How a broker stands, and what is new.
#[derive(Debug)]
pub(crate) struct Look {
    pub(crate) snapshot: BrokerSnapshot,
    /// None before it answers requests.
    pub(crate) recovered: Option<Recovered>,
    pub(crate) events: Vec<EventMessage>,
    pub(crate) traces: Vec<Trace>,
    pub(crate) seen: Seen,
}

/// What is known of a log, or why nothing is.
pub(crate) type Description = Result<LogDescription, ErrorReport>;

/// How much of the news somebody knows.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    events: u64,
    traces: u64,
}

/// What a broker found when it began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recovered {
    pub(crate) logs: u32,
    pub(crate) took: Duration,
}

/// The last things that happened.
#[derive(Debug)]
pub(super) struct News {
    started: Instant,
    recovered: Option<Recovered>,
    events: Last<EventMessage>,
    traces: Last<Trace>,
    /// While somebody watches: until when, and when it was last looked at what moves.
    watched: Option<(Instant, f64)>,
    /// Who waits for the description of a log. A page asks for one at a time.
    asking: HashMap<u64, oneshot::Sender<Description>>,
    next_description: u64,
}

impl News {
    pub(super) fn new() -> News {
        News {
            started: Instant::now(),
            recovered: None,
            events: Last::new(MAX_EVENTS),
            traces: Last::new(MAX_TRACES),
            watched: None,
            asking: HashMap::new(),
            next_description: 0,
        }
    }

    pub(super) fn happened(&mut self, node_id: NodeId, wall_ms: i64, event: BrokerEvent) {
        self.events.add(told(node_id, wall_ms, event));
    }
}

impl Switchboard {
    /// The broker answers requests from now on.
    pub(crate) fn has_recovered(&mut self) {
        let logs: usize = self.driver.broker().topics().map(|topic| topic.partitions.len()).sum();
        let logs = u32::try_from(logs).unwrap_or(u32::MAX);
        self.news.recovered = Some(Recovered { logs, took: self.news.started.elapsed() });
    }

    pub(super) fn look(&mut self, seen: Seen, watch: bool) -> Look {
        if watch {
            self.watch();
        }
        // All brokers are in one process: the first of them tells what it takes.
        let memory = if self.node_id == 0 { resident_bytes() } else { 0 };
        Look {
            // Neither memory nor a directory has transactions to count.
            snapshot: snapshot(self.node_id, self.driver.broker(), memory, 0),
            recovered: self.news.recovered,
            events: self.news.events.since(seen.events),
            traces: if watch { self.news.traces.since(seen.traces) } else { Vec::new() },
            seen: Seen { events: self.news.events.next, traces: self.news.traces.next },
        }
    }

    /// Notes what has moved since the last time, for all who watch.
    fn watch(&mut self) {
        let (until, now_ms) = (Instant::now() + WATCH, clock::wall_ms());
        let before = self.news.watched.replace((until, now_ms));
        let Some((_, from_ms)) = before else { return self.driver.watch(true) };
        let moves: Vec<_> = self.driver.poll_moves().into_iter().map(moved).collect();
        if !moves.is_empty() {
            self.news.traces.add(Trace { node_id: self.node_id, from_ms, to_ms: now_ms, moves });
        }
    }

    pub(super) fn describe(
        &mut self,
        topic: &str,
        partition: i32,
        offset: Option<i64>,
        to: oneshot::Sender<Description>,
    ) {
        let id = self.news.next_description;
        self.news.next_description += 1;
        self.news.asking.insert(id, to);
        self.driver.describe_log(id, topic, partition, offset);
    }

    pub(super) fn tell_descriptions(&mut self) {
        while let Some((id, found)) = self.driver.poll_log() {
            if let Some(to) = self.news.asking.remove(&id) {
                // Whoever asked may have gone away.
                drop(to.send(log(found)));
            }
        }
    }

    /// Notes nothing any more when nobody has looked for a while.
    pub(super) fn look_who_watches(&mut self, now: Instant) {
        if self.news.watched.is_some_and(|(until, _)| until < now) {
            self.news.watched = None;
            self.driver.watch(false);
        }
    }
}

/// Memory that this process has; 0 where the system does not say.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

/// The last few things of a kind, numbered.
#[derive(Debug)]
struct Last<T> {
    kept: VecDeque<T>,
    max: usize,
    /// The number of the one that comes next.
    next: u64,
}

impl<T: Clone> Last<T> {
    fn new(max: usize) -> Last<T> {
        Last { kept: VecDeque::new(), max, next: 0 }
    }

    fn add(&mut self, one: T) {
        if self.kept.len() == self.max {
            self.kept.pop_front();
        }
        self.kept.push_back(one);
        self.next += 1;
    }

    /// Those from a number on, as far as they are kept.
    fn since(&self, number: u64) -> Vec<T> {
        let wanted = usize::try_from(self.next.saturating_sub(number)).unwrap_or(usize::MAX);
        self.kept.iter().skip(self.kept.len().saturating_sub(wanted)).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Last;

    #[test]
    fn everybody_is_told_what_is_new_to_them_as_far_as_it_is_kept() {
        let mut last = Last::new(3);
        assert!(last.since(0).is_empty());
        (1..=5).for_each(|one| last.add(one));
        assert_eq!((last.since(0), last.next), (vec![3, 4, 5], 5));
        assert_eq!((last.since(4), last.since(5), last.since(9)), (vec![5], vec![], vec![]));
    }
}
