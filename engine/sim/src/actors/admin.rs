//! Makes the topics, then has others come and go and adds partitions. Every change is tried until it is known to be done.

use std::collections::VecDeque;

use headwater_client::{AdminReply, AdminRequestId, ClientError, NewTopic, code};
use headwater_engine::Now;

use super::host::Host;
use super::{Actor, Context, Ends};
use crate::random::Random;
use crate::scenario::{Scenario, TopicPlan};

/// The most partitions that a topic gets.
const MAX_PARTITIONS: i32 = 6;
const INVALID_PARTITIONS: i16 = 37;

#[derive(Clone, Debug)]
enum Change {
    Create(TopicPlan),
    Delete(String),
    AddPartitions(String, i32),
}

pub(crate) struct AdminActor {
    host: Host,
    waiting: VecDeque<Change>,
    under_way: Option<(AdminRequestId, Change)>,
    /// The topics that are there all along, with their partitions.
    topics: Vec<(String, i32)>,
    churn: bool,
    next_guest: u32,
    next_change_ms: u64,
    finishing: bool,
}

impl AdminActor {
    pub(crate) fn new(scenario: &Scenario, random: &mut Random) -> AdminActor {
        AdminActor {
            host: Host::new("admin", scenario.brokers, random.next()),
            waiting: scenario.topics_made().map(Change::Create).collect(),
            under_way: None,
            topics: scenario.topics.iter().map(|topic| (topic.name.clone(), topic.partitions)).collect(),
            churn: scenario.churn,
            next_guest: 0,
            next_change_ms: 500,
            finishing: false,
        }
    }

    fn think_of_something(&mut self, context: &mut Context<'_>) {
        let change = match context.random.below(4) {
            0 | 1 => {
                let name = format!("guest-{}", self.next_guest);
                self.next_guest += 1;
                Change::Create(TopicPlan { name, partitions: 2, configs: Vec::new() })
            }
            2 if !context.guests.is_empty() => {
                let guest = context.guests.remove(context.random.index(context.guests.len()));
                Change::Delete(guest)
            }
            _ => {
                let at = context.random.index(self.topics.len());
                let (name, partitions) = &mut self.topics[at];
                if *partitions >= MAX_PARTITIONS {
                    return;
                }
                *partitions += 1;
                Change::AddPartitions(name.clone(), *partitions)
            }
        };
        self.waiting.push_back(change);
    }

    fn ask(&mut self, now: Now, change: &Change) -> AdminRequestId {
        let client = &mut self.host.client;
        match change {
            Change::Create(plan) => {
                let topic = NewTopic {
                    name: plan.name.clone(),
                    partitions: plan.partitions,
                    replication_factor: 1,
                    configs: plan.configs.clone(),
                };
                client.create_topics(now, vec![topic])
            }
            Change::Delete(name) => client.delete_topics(now, vec![name.clone()]),
            Change::AddPartitions(name, count) => client.create_partitions(now, name, *count),
        }
    }

    fn ended(&mut self, context: &mut Context<'_>, change: Change, result: Result<AdminReply, ClientError>) {
        let error = match result {
            Ok(AdminReply::Topics(topics)) => topics.into_iter().find_map(|(_, result)| result.err()),
            Ok(_) => None,
            Err(error) => Some(error),
        };
        // An earlier attempt may have got through without our hearing of it.
        let done = match (&change, error.as_ref().map(|error| error.code)) {
            (_, None) => true,
            (Change::Create(_), Some(code)) => code == Some(code::TOPIC_ALREADY_EXISTS),
            (Change::Delete(_), Some(code)) => code == Some(code::UNKNOWN_TOPIC_OR_PARTITION),
            (Change::AddPartitions(..), Some(code)) => code == Some(INVALID_PARTITIONS),
        };
        let name = error.map_or("done", |error| error.name);
        context.trace.say(format_args!("admin: {change:?}: {name}"));
        if !done {
            self.waiting.push_front(change);
            return;
        }
        match change {
            Change::Create(plan) => {
                let list =
                    if plan.name.starts_with("guest-") { &mut context.guests } else { &mut context.made };
                list.push(plan.name.clone());
                context.checks.topic_has(&plan.name, plan.partitions);
            }
            Change::Delete(name) => context.checks.topic_deleted(&name),
            Change::AddPartitions(name, count) => context.checks.topic_has(&name, count),
        }
    }
}

impl Actor for AdminActor {
    has_host!();

    fn work(&mut self, context: &mut Context<'_>) {
        if self.churn && !self.finishing && context.now.monotonic_ms >= self.next_change_ms {
            self.next_change_ms = context.now.monotonic_ms + context.random.within(200..2_000);
            self.think_of_something(context);
        }
        while let Some((id, result)) = self.host.client.poll_admin() {
            if let Some((_, change)) = self.under_way.take_if(|(under_way, _)| *under_way == id) {
                self.ended(context, change, result);
            }
        }
        if self.under_way.is_none()
            && let Some(change) = self.waiting.pop_front()
        {
            let id = self.ask(context.now, &change);
            self.under_way = Some((id, change));
        }
    }

    fn own_wake(&self) -> Option<u64> {
        (self.churn && !self.finishing).then_some(self.next_change_ms)
    }

    fn finish(&mut self, _now: Now) {
        self.finishing = true;
    }

    /// A topic would come back that was made, deleted, and then made by the earlier of two attempts.
    fn tolerates_late_requests(&self) -> bool {
        false
    }

    fn is_done(&self, _ends: &Ends) -> bool {
        self.finishing && self.waiting.is_empty() && self.under_way.is_none()
    }

    fn waits_for(&self, _ends: &Ends) -> String {
        format!("{:?}, then {} more changes", self.under_way, self.waiting.len())
    }
}
