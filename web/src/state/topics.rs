//! The panel "topics": what is stored, how fast it grows, and making and deleting it.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use headwater_worker_protocol::{ErrorReport, PartitionSnapshot, Reply, Request, TopicSnapshot};

use super::Command;
use super::rates::RateMeter;
use super::requests::{Asked, Requests};
use crate::strings;

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
    /// Why the last new topic was refused.
    pub(crate) create_problem: Option<ErrorReport>,
    /// Why a topic could not be changed or deleted.
    pub(crate) problems: BTreeMap<String, ErrorReport>,
    /// Topics of which something is asked that is not yet answered.
    pub(crate) busy: BTreeSet<String>,
    meters: BTreeMap<String, Vec<RateMeter>>,
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
    /// Records a second, over the last two seconds.
    pub(crate) rate: f64,
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
            create_problem: None,
            problems: BTreeMap::new(),
            busy: BTreeSet::new(),
            meters: BTreeMap::new(),
        }
    }
}

impl Topics {
    pub(super) fn act(&mut self, action: TopicsAction, requests: &mut Requests) -> Vec<Command> {
        match action {
            TopicsAction::NewName(text) => self.new_name = text,
            TopicsAction::NewPartitions(text) => self.new_partitions = text,
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
        let request = Request::CreateTopic { name: name.clone(), partitions, configs: Vec::new() };
        self.create_problem = None;
        vec![requests.ask(Asked::Topics(Change::Create(name)), request, false).1]
    }

    fn change(&mut self, name: String, change: Change, request: Request, requests: &mut Requests) -> Command {
        self.problems.remove(&name);
        self.busy.insert(name);
        requests.ask(Asked::Topics(change), request, false).1
    }

    pub(super) fn answered(&mut self, change: &Change, result: Result<Reply, ErrorReport>) -> Option<String> {
        let (Change::Create(name) | Change::Delete(name) | Change::SetPartitions(name, _)) = change;
        self.busy.remove(name);
        match (change, result) {
            (Change::Create(_), Err(report)) => {
                let said = strings::error(&report);
                self.create_problem = Some(report);
                Some(said)
            }
            (_, Err(report)) => {
                let said = strings::error(&report);
                self.problems.insert(name.clone(), report);
                Some(said)
            }
            (Change::Create(_), Ok(_)) => {
                self.new_name.clear();
                Some(strings::topic_created(name))
            }
            (Change::Delete(_), Ok(_)) => Some(strings::topic_deleted(name)),
            (Change::SetPartitions(_, count), Ok(_)) => Some(strings::partitions_set(name, *count)),
        }
    }

    pub(crate) fn new_partitions_problem(&self) -> Option<&'static str> {
        self.new_partitions.trim().parse::<i32>().is_err().then_some(strings::NEEDS_COUNT)
    }

    pub(super) fn set_snapshot(&mut self, now_ms: f64, mut topics: Vec<TopicSnapshot>) {
        topics.sort_by(|one, other| one.name.cmp(&other.name));
        self.known = true;
        self.measure(now_ms, &topics);
        let names: Vec<_> = topics.iter().map(topic_name).collect();
        if *self.names != names {
            self.problems.retain(|name, _| names.iter().any(|topic| topic.name == *name));
            self.names = Rc::new(names);
        }
        let meters = &self.meters;
        self.list = topics.into_iter().map(|topic| Rc::new(with_rates(topic, meters, now_ms))).collect();
    }

    fn measure(&mut self, now_ms: f64, topics: &[TopicSnapshot]) {
        self.meters.retain(|name, _| topics.iter().any(|topic| topic.name == *name));
        for topic in topics {
            let meters = self.meters.entry(topic.name.clone()).or_default();
            meters.resize_with(topic.partitions.len(), RateMeter::default);
            for (meter, partition) in meters.iter_mut().zip(&topic.partitions) {
                meter.push(now_ms, partition.high_watermark.max(0).unsigned_abs());
            }
        }
    }

    /// Whether any rate is above nothing.
    pub(super) fn is_moving(&self) -> bool {
        self.list.iter().any(|topic| topic.partitions.iter().any(|partition| partition.rate != 0.0))
    }

    /// Counts the rates anew as time goes on; whether that changed any.
    pub(super) fn refresh_rates(&mut self, now_ms: f64) -> bool {
        let mut changed = false;
        for topic in &mut self.list {
            let Some(meters) = self.meters.get(&topic.name) else { continue };
            let rates: Vec<_> = meters.iter().map(|meter| meter.per_second(now_ms)).collect();
            if topic.partitions.iter().zip(&rates).any(|(partition, rate)| partition.rate != *rate) {
                changed = true;
                let partitions = &mut Rc::make_mut(topic).partitions;
                partitions.iter_mut().zip(rates).for_each(|(partition, rate)| partition.rate = rate);
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

fn with_rates(topic: TopicSnapshot, meters: &BTreeMap<String, Vec<RateMeter>>, now_ms: f64) -> Topic {
    let meters = meters.get(&topic.name);
    let rate = |index: usize| {
        meters.and_then(|meters| meters.get(index)).map_or(0.0, |meter| meter.per_second(now_ms))
    };
    let partitions = topic.partitions.into_iter().enumerate();
    Topic {
        name: topic.name,
        partitions: partitions.map(|(index, figures)| Partition { figures, rate: rate(index) }).collect(),
        configs: topic.configs,
    }
}
