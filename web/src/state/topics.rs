//! The panel "topics": what is stored, how fast it grows, and making and deleting it.

use std::rc::Rc;

use headwater_worker_protocol::{ErrorReport, PartitionSnapshot, Reply, Request, TopicSnapshot};

use super::Command;
use super::rates::RateMeter;
use super::requests::{Asked, Requests};
use crate::strings;

pub(crate) const RETENTION_MS: &str = "retention.ms";
pub(crate) const RETENTION_BYTES: &str = "retention.bytes";

/// The topics and the form for a new one.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Topics {
    /// The topics with their figures, by name.
    pub(crate) list: Vec<Rc<Topic>>,
    /// Names and numbers of partitions alone: these change seldom, the figures all the time.
    pub(crate) names: Rc<Vec<TopicName>>,
    /// Whether the broker has said what there is.
    pub(crate) known: bool,
    pub(crate) new_name: String,
    pub(crate) new_partitions: String,
    /// Empty: the broker's default.
    pub(crate) new_retention_ms: String,
    pub(crate) new_retention_bytes: String,
    /// Why the last new topic was refused.
    pub(crate) create_problem: Option<ErrorReport>,
    /// Why a topic could not be changed or deleted.
    pub(crate) problems: Vec<(String, ErrorReport)>,
    /// Topics of which something is asked that is not yet answered.
    pub(crate) busy: Vec<String>,
}

/// A topic to choose.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct TopicName {
    pub(crate) name: String,
    pub(crate) partitions: i32,
}

/// A topic with its figures.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Topic {
    pub(crate) name: String,
    pub(crate) partitions: Vec<Partition>,
    pub(crate) configs: Vec<(String, String)>,
}

/// A partition with its figures.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Partition {
    pub(crate) figures: PartitionSnapshot,
    /// The broker that leads it.
    pub(crate) leader: i32,
    /// Records a second, over the last two seconds.
    pub(crate) rate: f64,
    meter: RateMeter,
}

impl Partition {
    /// Offsets from the log's start to its end. (Kafka counts so too; compaction and markers leave gaps.)
    pub(crate) fn records(&self) -> u64 {
        self.figures.high_watermark.saturating_sub(self.figures.log_start_offset).max(0).unsigned_abs()
    }
}

/// What a person does in the panel.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum TopicsAction {
    NewName(String),
    NewPartitions(String),
    NewRetentionMs(String),
    NewRetentionBytes(String),
    Create,
    Delete(String),
    SetPartitions { name: String, count: i32 },
}

/// A change that is asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Change {
    Create(String),
    Delete(String),
    SetPartitions(String, i32),
}

impl Default for Topics {
    fn default() -> Self {
        Topics {
            list: Vec::new(),
            names: Rc::default(),
            known: false,
            new_name: String::new(),
            new_partitions: "1".to_owned(),
            new_retention_ms: String::new(),
            new_retention_bytes: String::new(),
            create_problem: None,
            problems: Vec::new(),
            busy: Vec::new(),
        }
    }
}

impl Topics {
    pub(super) fn act(&mut self, action: TopicsAction, requests: &mut Requests) -> Vec<Command> {
        match action {
            TopicsAction::NewName(text) => self.new_name = text,
            TopicsAction::NewPartitions(text) => self.new_partitions = text,
            TopicsAction::NewRetentionMs(text) => self.new_retention_ms = text,
            TopicsAction::NewRetentionBytes(text) => self.new_retention_bytes = text,
            TopicsAction::Create => return self.create(requests),
            TopicsAction::Delete(name) => {
                let request = Request::DeleteTopic { name: name.clone() };
                return vec![self.change(name.clone(), Change::Delete(name), request, requests)];
            }
            TopicsAction::SetPartitions { name, count } => {
                let request = Request::CreatePartitions { name: name.clone(), count };
                return vec![self.change(
                    name.clone(),
                    Change::SetPartitions(name, count),
                    request,
                    requests,
                )];
            }
        }
        Vec::new()
    }

    fn create(&mut self, requests: &mut Requests) -> Vec<Command> {
        // What Kafka has to say about a name or a number is Kafka's to say; only what is no number stays here.
        let Ok(partitions) = self.new_partitions.trim().parse() else { return Vec::new() };
        let name = self.new_name.trim().to_owned();
        let retention =
            [(RETENTION_MS, &self.new_retention_ms), (RETENTION_BYTES, &self.new_retention_bytes)];
        let given = retention.into_iter().map(|(key, text)| (key.to_owned(), text.trim().to_owned()));
        let configs = given.filter(|(_, value)| !value.is_empty()).collect();
        let request = Request::CreateTopic { name: name.clone(), partitions, configs };
        self.create_problem = None;
        vec![requests.ask(Asked::Topics(Change::Create(name)), request, false).1]
    }

    fn change(&mut self, name: String, change: Change, request: Request, requests: &mut Requests) -> Command {
        self.problems.retain(|(topic, _)| *topic != name);
        self.busy.push(name);
        requests.ask(Asked::Topics(change), request, false).1
    }

    pub(super) fn answered(&mut self, change: &Change, result: Result<Reply, ErrorReport>) -> Option<String> {
        let (Change::Create(name) | Change::Delete(name) | Change::SetPartitions(name, _)) = change;
        self.busy.retain(|topic| topic != name);
        match (change, result) {
            (Change::Create(_), Err(report)) => {
                let said = strings::error(&report);
                self.create_problem = Some(report);
                Some(said)
            }
            (_, Err(report)) => {
                let said = strings::error(&report);
                self.problems.push((name.clone(), report));
                Some(said)
            }
            (Change::Create(_), Ok(_)) => {
                self.new_name.clear();
                self.new_retention_ms.clear();
                self.new_retention_bytes.clear();
                Some(strings::topic_created(name))
            }
            (Change::Delete(_), Ok(_)) => Some(strings::topic_deleted(name)),
            (Change::SetPartitions(_, count), Ok(_)) => Some(strings::partitions_set(name, *count)),
        }
    }

    pub(crate) fn new_partitions_problem(&self) -> Option<&'static str> {
        self.new_partitions.trim().parse::<i32>().is_err().then_some(strings::needs_count())
    }

    pub(super) fn set_snapshot(&mut self, now_ms: f64, mut topics: Vec<TopicSnapshot>) {
        topics.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        self.known = true;
        let names: Vec<_> = topics.iter().map(topic_name).collect();
        if *self.names != names {
            self.problems.retain(|(name, _)| names.iter().any(|topic| topic.name == *name));
            self.names = Rc::new(names);
        }
        let mut before = std::mem::take(&mut self.list);
        self.list = topics.into_iter().map(|topic| Rc::new(measured(topic, &mut before, now_ms))).collect();
    }

    /// Why a topic could not be changed or deleted.
    pub(crate) fn problem(&self, name: &str) -> Option<&ErrorReport> {
        self.problems.iter().find(|(topic, _)| topic == name).map(|(_, report)| report)
    }

    /// Whether any rate is above nothing.
    pub(super) fn is_moving(&self) -> bool {
        self.list.iter().any(|topic| topic.partitions.iter().any(|partition| partition.rate != 0.0))
    }

    /// Counts the rates anew as time goes on; whether that changed any.
    pub(super) fn refresh_rates(&mut self, now_ms: f64) -> bool {
        let mut changed = false;
        for topic in &mut self.list {
            let stale = |partition: &Partition| partition.rate != partition.meter.per_second(now_ms);
            if topic.partitions.iter().any(stale) {
                changed = true;
                for partition in &mut Rc::make_mut(topic).partitions {
                    partition.rate = partition.meter.per_second(now_ms);
                }
            }
        }
        changed
    }
}

fn topic_name(topic: &TopicSnapshot) -> TopicName {
    TopicName {
        name: topic.name.clone(),
        partitions: i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX),
    }
}

/// A topic's figures, with rates that go on from how it stood before.
fn measured(topic: TopicSnapshot, before: &mut [Rc<Topic>], now_ms: f64) -> Topic {
    let known = before.iter_mut().find(|known| known.name == topic.name);
    let mut known =
        known.map(|known| std::mem::take(&mut Rc::make_mut(known).partitions)).unwrap_or_default();
    let leaders = topic.leaders.into_iter();
    let partitions =
        topic.partitions.into_iter().zip(leaders).enumerate().map(|(index, (figures, leader))| {
            let mut meter = known
                .get_mut(index)
                .map(|partition| std::mem::take(&mut partition.meter))
                .unwrap_or_default();
            meter.push(now_ms, figures.high_watermark.max(0).unsigned_abs());
            Partition { figures, leader, rate: meter.per_second(now_ms), meter }
        });
    Topic { name: topic.name, partitions: partitions.collect(), configs: topic.configs }
}
