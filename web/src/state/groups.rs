//! The panel "consumer groups": consumers to start and to end, and how far each group is.

mod view;

use std::collections::VecDeque;
use std::rc::Rc;

use headwater_worker_protocol::{
    Assignor, ClientsSnapshot, ConsumerRequest, ConsumerSnapshot, ErrorReport, GroupEvent, GroupSnapshot,
    OffsetReset, Reply, Request,
};

use super::Command;
use super::requests::{Asked, Requests};
use super::topics::TopicName;
use crate::strings;

pub(crate) use view::{Group, GroupPartition, Member, MemberState};

/// How many events are kept, of all groups together.
const MAX_EVENTS: usize = 60;
/// How many consumers the form starts at once.
const MAX_AT_ONCE: u32 = 8;

/// The form, and the groups that there are.
#[derive(Clone, Debug)]
pub(crate) struct Groups {
    /// By name.
    pub(crate) list: Vec<Rc<Group>>,
    /// Whether the coordinators have said what there is.
    pub(crate) known: bool,
    pub(crate) group: String,
    /// The topic that was chosen; the first there is when it is not, or no longer, there.
    pub(crate) topic: String,
    pub(crate) count: String,
    pub(crate) assignor: Assignor,
    pub(crate) reset: OffsetReset,
    pub(crate) rate_limit: String,
    /// Empty: a dynamic member.
    pub(crate) instance_id: String,
    /// Why the last consumer was not started.
    pub(crate) problem: Option<ErrorReport>,
    /// What was refused, by group.
    problems: Vec<(String, ErrorReport)>,
    /// What happened in groups, the newest first, with numbers that are never used twice.
    events: VecDeque<(u64, GroupEvent)>,
    events_logged: u64,
}

/// It is cloned to be changed, so what is the same is in the same place. To compare all of it would be code and time.
impl PartialEq for Groups {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

/// What a person does in the panel.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum GroupsAction {
    Group(String),
    Topic(String),
    Count(String),
    Assignor(Assignor),
    Reset(OffsetReset),
    RateLimit(String),
    InstanceId(String),
    Start,
    /// One more consumer like the last one of this group.
    Add(String),
    /// End a consumer of a group.
    Stop {
        group: String,
        consumer: u64,
        leave: bool,
    },
    ResetOffsets {
        group: String,
        to: OffsetReset,
    },
    Delete(String),
}

/// A change of a group that is asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum GroupChange {
    Start,
    Stop(String),
    Reset(String),
    Delete(String),
}

impl Default for Groups {
    fn default() -> Self {
        Groups {
            list: Vec::new(),
            known: false,
            group: "readers".to_owned(),
            topic: String::new(),
            count: "2".to_owned(),
            assignor: Assignor::default(),
            reset: OffsetReset::default(),
            rate_limit: String::new(),
            instance_id: String::new(),
            problem: None,
            problems: Vec::new(),
            events: VecDeque::new(),
            events_logged: 0,
        }
    }
}

impl Groups {
    pub(super) fn act(
        &mut self,
        action: GroupsAction,
        topics: &[TopicName],
        requests: &mut Requests,
    ) -> Vec<Command> {
        match action {
            GroupsAction::Group(text) => self.group = text,
            GroupsAction::Topic(topic) => self.topic = topic,
            GroupsAction::Count(text) => self.count = text,
            GroupsAction::Assignor(assignor) => self.assignor = assignor,
            GroupsAction::Reset(reset) => self.reset = reset,
            GroupsAction::RateLimit(text) => self.rate_limit = text,
            GroupsAction::InstanceId(text) => self.instance_id = text,
            GroupsAction::Start => return self.start(topics, requests),
            GroupsAction::Add(group) => {
                let asked = self.another(&group, topics);
                return asked.map(|request| self.ask_to_start(request, requests)).into_iter().collect();
            }
            GroupsAction::Stop { group, consumer, leave } => {
                let request = Request::StopConsumer { consumer, leave };
                return vec![self.change(group, GroupChange::Stop, request, requests)];
            }
            GroupsAction::ResetOffsets { group, to } => {
                let request = Request::ResetOffsets { group: group.clone(), to };
                return vec![self.change(group, GroupChange::Reset, request, requests)];
            }
            GroupsAction::Delete(group) => {
                let request = Request::DeleteGroup { group: group.clone() };
                return vec![self.change(group, GroupChange::Delete, request, requests)];
            }
        }
        Vec::new()
    }

    fn start(&mut self, topics: &[TopicName], requests: &mut Requests) -> Vec<Command> {
        let (Some(topic), Some(count)) = (self.topic_among(topics), self.count()) else { return Vec::new() };
        let asked = self.request(self.group.trim(), &topic.name);
        // A static member's name is one member's.
        let named = |number| {
            let suffix = if count > 1 { format!("-{number}") } else { String::new() };
            asked.instance_id.as_ref().map(|name| format!("{name}{suffix}"))
        };
        let asked = (1..=count).map(|number| ConsumerRequest { instance_id: named(number), ..asked.clone() });
        let asked: Vec<_> = asked.collect();
        asked.into_iter().map(|request| self.ask_to_start(request, requests)).collect()
    }

    fn ask_to_start(&mut self, request: ConsumerRequest, requests: &mut Requests) -> Command {
        self.problem = None;
        requests.ask(Asked::Groups(GroupChange::Start), Request::StartConsumer(request), false).1
    }

    /// The form as a request.
    fn request(&self, group: &str, topic: &str) -> ConsumerRequest {
        let instance_id = self.instance_id.trim();
        ConsumerRequest {
            group: group.to_owned(),
            topic: topic.to_owned(),
            assignor: self.assignor,
            reset: self.reset,
            records_per_s: self.rate_limit.trim().parse().ok(),
            instance_id: (!instance_id.is_empty()).then(|| instance_id.to_owned()),
            ..ConsumerRequest::default()
        }
    }

    /// A consumer like the last one of a group; in a group that has none, one for the topic that it read.
    fn another(&self, group: &str, topics: &[TopicName]) -> Option<ConsumerRequest> {
        let known = self.list.iter().find(|known| known.name == group);
        if let Some(last) = known.and_then(|known| known.last_request.clone()) {
            return Some(ConsumerRequest { instance_id: None, ..last });
        }
        let read = known.and_then(|known| known.partitions.first()).map(|partition| partition.topic.as_str());
        let topic = read.or_else(|| self.topic_among(topics).map(|topic| topic.name.as_str()))?;
        Some(ConsumerRequest { instance_id: None, ..self.request(group, topic) })
    }

    fn change(
        &mut self,
        group: String,
        change: fn(String) -> GroupChange,
        request: Request,
        requests: &mut Requests,
    ) -> Command {
        self.problems.retain(|(name, _)| *name != group);
        requests.ask(Asked::Groups(change(group)), request, false).1
    }

    pub(super) fn answered(
        &mut self,
        change: GroupChange,
        result: Result<Reply, ErrorReport>,
    ) -> Option<String> {
        match (change, result) {
            (GroupChange::Start, Err(report)) => {
                let said = strings::error(&report);
                self.problem = Some(report);
                Some(said)
            }
            (
                GroupChange::Stop(group) | GroupChange::Reset(group) | GroupChange::Delete(group),
                Err(report),
            ) => {
                let said = strings::error(&report);
                self.problems.push((group, report));
                Some(said)
            }
            (GroupChange::Delete(group), Ok(_)) => Some(strings::group_deleted(&group)),
            (GroupChange::Reset(group), Ok(_)) => Some(strings::offsets_reset(&group)),
            (GroupChange::Start | GroupChange::Stop(_), Ok(_)) => None,
        }
    }

    /// The chosen topic, or the first.
    pub(crate) fn topic_among<'a>(&self, topics: &'a [TopicName]) -> Option<&'a TopicName> {
        topics.iter().find(|topic| topic.name == self.topic).or(topics.first())
    }

    pub(crate) fn count_problem(&self) -> Option<&'static str> {
        self.count().is_none().then_some(strings::needs_consumers())
    }

    fn count(&self) -> Option<u32> {
        self.count.trim().parse().ok().filter(|count| (1..=MAX_AT_ONCE).contains(count))
    }

    pub(crate) fn rate_problem(&self) -> Option<&'static str> {
        let text = self.rate_limit.trim();
        let wrong = !text.is_empty() && !text.parse::<u32>().is_ok_and(|rate| rate > 0);
        wrong.then_some(strings::needs_count_or_nothing())
    }

    /// Whether the form says what to start.
    pub(crate) fn can_start(&self, topics: &[TopicName]) -> bool {
        !topics.is_empty()
            && !self.group.trim().is_empty()
            && self.count().is_some()
            && self.rate_problem().is_none()
    }

    /// What was refused of a group.
    pub(crate) fn problem_of(&self, group: &str) -> Option<&ErrorReport> {
        self.problems.iter().find(|(name, _)| name == group).map(|(_, report)| report)
    }

    /// Takes the clients' figures. When a group has caught up with that, what to say about it.
    pub(super) fn set_snapshot(&mut self, now_ms: f64, snapshot: ClientsSnapshot) -> Option<String> {
        let ClientsSnapshot { consumers, groups, .. } = snapshot;
        self.known |= groups.is_some();
        let mut before = std::mem::take(&mut self.list);
        let names = names(&consumers, groups.as_deref().unwrap_or_default());
        self.list = names
            .into_iter()
            .map(|name| {
                let at = before.iter().position(|known| known.name == name);
                let before = at.map(|at| before.swap_remove(at));
                let group = groups.iter().flatten().find(|group| group.group == name);
                let consumers = consumers.iter().filter(|consumer| consumer.request.group == name);
                Rc::new(Group::new(&name, group, consumers, before.as_deref(), now_ms))
            })
            .collect();
        self.problems.retain(|(name, _)| self.list.iter().any(|group| group.name == *name));
        self.list.iter().find(|group| group.has_caught_up).map(|group| strings::caught_up(&group.name))
    }

    pub(super) fn log(&mut self, event: GroupEvent) {
        self.events.push_front((self.events_logged, event));
        self.events.truncate(MAX_EVENTS);
        self.events_logged += 1;
    }

    /// What happened in a group, the newest first.
    pub(crate) fn events_of<'a>(&'a self, group: &'a str) -> impl Iterator<Item = &'a (u64, GroupEvent)> {
        self.events.iter().filter(move |(_, event)| event.group == group)
    }

    /// The consumers are gone with their worker; what the log knows of groups is heard again from the next one.
    pub(super) fn clients_gone(&mut self) {
        self.list.clear();
        self.known = false;
    }

    /// Whether any rate is above nothing.
    pub(super) fn is_moving(&self) -> bool {
        self.list.iter().any(|group| group.members.iter().any(|member| member.rate != 0.0))
    }

    /// Counts the rates anew as time goes on; whether that changed any.
    pub(super) fn refresh_rates(&mut self, now_ms: f64) -> bool {
        let mut changed = false;
        for group in &mut self.list {
            if group.members.iter().any(|member| member.rate_at(now_ms) != member.rate) {
                changed = true;
                for member in &mut Rc::make_mut(group).members {
                    member.rate = member.rate_at(now_ms);
                }
            }
        }
        changed
    }
}

/// The names of the groups that there are, or will be when their first consumer has joined.
fn names(consumers: &[ConsumerSnapshot], groups: &[GroupSnapshot]) -> Vec<String> {
    let mut names: Vec<String> = groups.iter().map(|group| group.group.clone()).collect();
    for consumer in consumers.iter().filter(|consumer| view::is_running(&consumer.state)) {
        let name = &consumer.request.group;
        if let Err(at) = names.binary_search(name) {
            names.insert(at, name.clone());
        }
    }
    names
}
