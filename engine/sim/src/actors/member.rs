//! A member of a consumer group: it reads what it is given, commits, and now and then leaves, dies, or comes back.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use headwater_client::{
    AutoOffsetReset, ConsumerConfig, ConsumerEvent, ConsumerId, Fetched, GroupConfig, MemberState,
};
use headwater_engine::{Now, TopicPartition};

use super::{Actor, Context, Ends, Host};
use crate::checkers::Checker;
use crate::random::Random;
use crate::scenario::{GroupPlan, Scenario};

pub(crate) struct MemberActor {
    host: Host,
    /// None: it is away.
    consumer: Option<ConsumerId>,
    plan: GroupPlan,
    config: GroupConfig,
    topics: Vec<String>,
    leaving: bool,
    next_change_ms: u64,
    next_commit_ms: u64,
    finishing: bool,
}

impl MemberActor {
    pub(crate) fn new(
        number: usize,
        scenario: &Scenario,
        plan: &GroupPlan,
        random: &mut Random,
    ) -> MemberActor {
        let config = GroupConfig {
            group_id: plan.group_id.clone(),
            group_instance_id: plan
                .fixed
                .get(number)
                .filter(|fixed| **fixed)
                .map(|_| format!("seat-{number}")),
            session_timeout_ms: plan.session_ms,
            heartbeat_interval_ms: 300,
            max_poll_interval_ms: plan.max_poll_ms,
            partition_assignment_strategy: plan.assignors.clone(),
            enable_auto_commit: plan.auto_commit,
            auto_commit_interval_ms: plan.commit_ms,
        };
        MemberActor {
            host: Host::new(&format!("member-{number}"), scenario.brokers, random.next()),
            consumer: None,
            plan: plan.clone(),
            config,
            topics: scenario.topics.iter().map(|topic| topic.name.clone()).collect(),
            leaving: false,
            // They come one after the other.
            next_change_ms: random.below(plan.change_ms),
            next_commit_ms: 0,
            finishing: false,
        }
    }

    fn join(&mut self, context: &mut Context<'_>) {
        context.trace.say(format_args!("{}: joins", self.host.name));
        let consumer = self.host.client.add_consumer(ConsumerConfig {
            group: Some(self.config.clone()),
            fetch_max_wait_ms: 100,
            max_partition_fetch_bytes: 5_000,
            auto_offset_reset: AutoOffsetReset::Earliest,
            // An actor has one connection to a broker.
            own_connections: false,
            ..ConsumerConfig::default()
        });
        self.host.client.subscribe(context.now, consumer, self.topics.clone());
        self.consumer = Some(consumer);
    }

    /// It comes, leaves or dies.
    fn change(&mut self, context: &mut Context<'_>) {
        let Some(consumer) = self.consumer else { return self.join(context) };
        match context.random.below(4) {
            0 => {
                context.trace.say(format_args!("{}: leaves", self.host.name));
                self.leaving = true;
                self.host.client.close_consumer(context.now, consumer);
            }
            1 => {
                self.host.die(context);
                (self.consumer, self.leaving) = (None, false);
            }
            _ => {}
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) {
        while let Some(consumer) = self.consumer
            && let Some(event) = self.host.client.poll_consumer(consumer)
        {
            match event {
                ConsumerEvent::Fetched(fetched) => self.take(context, consumer, &fetched),
                ConsumerEvent::Closed => (self.consumer, self.leaving) = (None, false),
                ConsumerEvent::GroupFailed(error) => {
                    context.trace.say(format_args!("{}: is no member: {error}", self.host.name));
                    // Somebody with its name has come, or it was refused: it tries again as an application would.
                    self.host.client.subscribe(context.now, consumer, self.topics.clone());
                }
                ConsumerEvent::Failed { topic_partition, error } => {
                    context.trace.say(format_args!("{}: {topic_partition} failed: {error}", self.host.name));
                    if !context.checks.is_bit_rot() {
                        let message = format!("{} cannot read {topic_partition}: {error}", self.host.name);
                        context.checks.take(Checker::Delivery, Err(message));
                    }
                }
                other => context.trace.say(format_args!("{}: {other:?}", self.host.name)),
            }
        }
    }

    fn take(&mut self, context: &mut Context<'_>, consumer: ConsumerId, fetched: &Fetched) {
        let topic_partition = &fetched.topic_partition;
        let membership = self.host.client.membership(consumer);
        let member = membership.map(|membership| membership.member_id).unwrap_or_default();
        context.checks.group_reads(&self.plan.group_id, &member, topic_partition);
        let mut count = 0;
        let whole = fetched.for_each(|record| {
            count += 1;
            context.checks.group_got(&self.plan.group_id, topic_partition, record.offset);
            ControlFlow::Continue(())
        });
        if let Err(error) = whole {
            let message = format!("{}: records of {topic_partition} cannot be read: {error}", self.host.name);
            context.checks.take(Checker::Visibility, Err(message));
        }
        context.trace.say(format_args!("{}: {count} records of {topic_partition}", self.host.name));
    }

    /// What it has of a partition, and what of it is committed.
    fn stands(&self) -> BTreeMap<TopicPartition, (Option<i64>, Option<i64>)> {
        let Some(consumer) = self.consumer else { return BTreeMap::new() };
        let owned = self.host.client.membership(consumer).map(|membership| membership.owned);
        let stand = |topic_partition: TopicPartition| {
            let state = self.host.client.partition_state(consumer, &topic_partition)?;
            Some((topic_partition, (state.position, state.committed)))
        };
        owned.into_iter().flatten().filter_map(stand).collect()
    }

    fn is_stable(&self) -> bool {
        let membership = self.consumer.and_then(|consumer| self.host.client.membership(consumer));
        membership.is_some_and(|membership| membership.state == MemberState::Stable)
    }
}

impl Actor for MemberActor {
    has_host!();

    fn work(&mut self, context: &mut Context<'_>) {
        if context.now.monotonic_ms >= self.next_change_ms && !self.leaving {
            self.next_change_ms = context.now.monotonic_ms + 1 + context.random.below(self.plan.change_ms);
            if !self.finishing || self.consumer.is_none() {
                self.change(context);
            }
        }
        if let Some(consumer) = self.consumer
            && !self.leaving
            && !self.plan.auto_commit
            && context.now.monotonic_ms >= self.next_commit_ms
        {
            self.next_commit_ms = context.now.monotonic_ms + self.plan.commit_ms;
            let behind = self.stands().values().any(|(position, committed)| position > committed);
            if behind {
                self.host.client.commit(context.now, consumer, None);
            }
        }
        self.poll(context);
    }

    fn own_wake(&self) -> Option<u64> {
        let active = !self.leaving && self.consumer.is_some();
        let commit = (active && !self.plan.auto_commit).then_some(self.next_commit_ms);
        commit.into_iter().chain((!self.leaving).then_some(self.next_change_ms)).min()
    }

    fn finish(&mut self, now: Now) {
        self.finishing = true;
        self.next_change_ms = now.monotonic_ms;
    }

    /// A commit that comes late, behind a later one on another connection, would undo that.
    fn tolerates_late_requests(&self) -> bool {
        false
    }

    fn is_done(&self, ends: &Ends) -> bool {
        let is_read =
            |(topic_partition, (position, committed)): (&TopicPartition, &(Option<i64>, Option<i64>))| {
                let end = ends.get(topic_partition).copied();
                // Where nothing was ever written, nothing is committed.
                *position == end && (*committed == end || end == Some(0))
            };
        self.finishing && self.is_stable() && self.stands().iter().all(is_read)
    }

    fn waits_for(&self, ends: &Ends) -> String {
        let membership = self.consumer.and_then(|consumer| self.host.client.membership(consumer));
        format!("{:?} of {ends:?}, as {membership:?}", self.stands())
    }
}
