//! A member of a group that copies the ledger: what it reads, what it writes, and how far it has read are one transaction each.

use std::ops::ControlFlow;

use headwater_client::{
    Assignor, AutoOffsetReset, ConsumerConfig, ConsumerEvent, ConsumerId, Fetched, GroupConfig,
    IsolationLevel, MemberState, OffsetToCommit, ProducerConfig, ProducerId, ProducerRecord, StartOffset,
    TransactionEvent, TransactionState,
};
use headwater_engine::{Now, TopicPartition};

use super::host::Host;
use super::{Actor, Context, Ends, ledger};
use crate::checkers::{COPY, LEDGER};
use crate::random::Random;
use crate::scenario::{Scenario, TransactionsPlan};

const LOOK_MS: u64 = 100;

pub(crate) struct CopierActor {
    host: Host,
    consumer: Option<ConsumerId>,
    producer: ProducerId,
    config: ProducerConfig,
    plan: TransactionsPlan,
    /// Whether a transaction is under way.
    copying: bool,
    next_ms: u64,
    finishing: bool,
}

impl CopierActor {
    pub(crate) fn new(
        number: usize,
        scenario: &Scenario,
        plan: &TransactionsPlan,
        random: &mut Random,
    ) -> CopierActor {
        let name = format!("copier-{number}");
        let mut host = Host::new(&name, scenario.brokers, random.next());
        let config = ledger::config(&name, plan, random);
        let producer = host.client.add_producer(config.clone());
        CopierActor {
            host,
            consumer: None,
            producer,
            config,
            plan: plan.clone(),
            copying: false,
            next_ms: random.below(1_000),
            finishing: false,
        }
    }

    fn join(&mut self, context: &mut Context<'_>) {
        let group = GroupConfig {
            group_id: "copiers".to_owned(),
            session_timeout_ms: 2_000,
            heartbeat_interval_ms: 300,
            max_poll_interval_ms: 2_500,
            partition_assignment_strategy: vec![Assignor::Range],
            enable_auto_commit: false,
            ..GroupConfig::default()
        };
        let consumer = self.host.client.add_consumer(ConsumerConfig {
            group: Some(group),
            isolation_level: IsolationLevel::ReadCommitted,
            fetch_max_wait_ms: 50,
            max_partition_fetch_bytes: 1_000,
            auto_offset_reset: AutoOffsetReset::Earliest,
            // An actor has one connection to a broker.
            own_connections: false,
            ..ConsumerConfig::default()
        });
        self.host.client.subscribe(context.now, consumer, vec![LEDGER.to_owned()]);
        self.consumer = Some(consumer);
    }

    fn poll(&mut self, context: &mut Context<'_>) {
        while !self.copying
            && self.host.client.transaction_state(self.producer) == Some(&TransactionState::Ready)
            && let Some(consumer) = self.consumer
            && let Some(event) = self.host.client.poll_consumer(consumer)
        {
            match event {
                ConsumerEvent::Fetched(fetched) => self.copy(context, consumer, &fetched),
                ConsumerEvent::GroupFailed(error) => {
                    context.trace.say(format_args!("{}: is no member: {error}", self.host.name));
                    self.host.client.subscribe(context.now, consumer, vec![LEDGER.to_owned()]);
                }
                other => context.trace.say(format_args!("{}: {other:?}", self.host.name)),
            }
        }
    }

    fn copy(&mut self, context: &mut Context<'_>, consumer: ConsumerId, fetched: &Fetched) {
        let mut values = Vec::new();
        let whole = fetched.for_each(|record| {
            values.extend(record.value.map(<[u8]>::to_vec));
            ControlFlow::Continue(())
        });
        let partitions = self.host.client.partition_count(context.now, COPY);
        if values.is_empty() && whole.is_ok() {
            return;
        }
        let client = &mut self.host.client;
        if client.begin_transaction(self.producer).is_err() {
            return self.read_again(consumer);
        }
        self.copying = true;
        let partition = i32::try_from(context.random.below(2)).unwrap_or(0);
        let mut is_sent = whole.is_ok() && matches!(partitions, Ok(Some(_)));
        for value in &values {
            let value = Some(&value[..]);
            let record = ProducerRecord {
                topic: COPY,
                partition: Some(partition),
                value,
                ..ProducerRecord::default()
            };
            is_sent = is_sent && client.send(context.now, self.producer, &record).is_ok();
        }
        let offsets = vec![OffsetToCommit {
            topic_partition: fetched.topic_partition.clone(),
            offset: fetched.next_offset,
            metadata: String::new(),
        }];
        let group = client.group_metadata(consumer);
        let sent = group.map(|group| client.send_offsets_to_transaction(self.producer, group, offsets));
        let commits = is_sent && matches!(sent, Some(Ok(()))) && !context.random.one_in(8);
        context.trace.say(format_args!(
            "{}: copies {} records of {} up to {}, {}",
            self.host.name,
            values.len(),
            fetched.topic_partition,
            fetched.next_offset,
            if commits { "commits" } else { "aborts" }
        ));
        if !commits || client.commit_transaction(self.producer).is_err() {
            // It may have failed by now, which the event tells.
            let _aborting = client.abort_transaction(self.producer);
        }
    }

    /// Goes back to what is committed.
    fn read_again(&mut self, consumer: ConsumerId) {
        let membership = self.host.client.membership(consumer);
        for topic_partition in membership.map(|membership| membership.owned).unwrap_or_default() {
            self.host.client.seek(consumer, &topic_partition, StartOffset::Committed);
        }
    }

    fn look(&mut self, context: &mut Context<'_>) {
        while self.host.client.poll_delivery(self.producer).is_some() {}
        while let Some(event) = self.host.client.poll_transaction(self.producer) {
            context.trace.say(format_args!("{}: {event:?}", self.host.name));
            match event {
                TransactionEvent::Committed => self.copying = false,
                TransactionEvent::MustAbort(_) => {
                    // It can be, or has failed, which is told next.
                    let _aborting = self.host.client.abort_transaction(self.producer);
                    continue;
                }
                TransactionEvent::Failed(_) => {
                    self.host.client.remove_producer(self.producer);
                    self.producer = self.host.client.add_producer(self.config.clone());
                    self.copying = false;
                    self.consumer.into_iter().for_each(|consumer| self.read_again(consumer));
                }
                _ => {
                    self.copying = false;
                    self.consumer.into_iter().for_each(|consumer| self.read_again(consumer));
                }
            }
        }
    }

    fn die(&mut self, context: &mut Context<'_>) {
        self.host.die(context);
        self.producer = self.host.client.add_producer(self.config.clone());
        (self.consumer, self.copying) = (None, false);
    }

    fn positions(&self) -> Vec<(TopicPartition, Option<i64>)> {
        let Some(consumer) = self.consumer else { return Vec::new() };
        let membership = self.host.client.membership(consumer);
        let owned = membership.filter(|membership| membership.state == MemberState::Stable);
        let owned = owned.map(|membership| membership.owned).unwrap_or_default();
        let position = |tp: TopicPartition| {
            let position = self.host.client.partition_state(consumer, &tp).and_then(|state| state.position);
            (tp, position)
        };
        owned.into_iter().map(position).collect()
    }

    fn is_member(&self) -> bool {
        let membership = self.consumer.and_then(|consumer| self.host.client.membership(consumer));
        membership.is_some_and(|membership| membership.state == MemberState::Stable)
    }
}

impl Actor for CopierActor {
    has_host!();

    fn work(&mut self, context: &mut Context<'_>) {
        self.look(context);
        if context.now.monotonic_ms >= self.next_ms {
            self.next_ms = context.now.monotonic_ms + LOOK_MS;
            if self.consumer.is_none() {
                self.join(context);
            } else if !self.finishing && context.random.one_in(self.plan.dies * 8) {
                self.die(context);
            }
        }
        self.poll(context);
        self.look(context);
    }

    fn own_wake(&self) -> Option<u64> {
        Some(self.next_ms)
    }

    fn sent(&mut self, context: &mut Context<'_>) {
        self.look(context);
    }

    fn finish(&mut self, now: Now) {
        self.finishing = true;
        self.next_ms = now.monotonic_ms;
    }

    fn is_done(&self, ends: &Ends) -> bool {
        let is_read = |(tp, position): (TopicPartition, Option<i64>)| position == ends.get(&tp).copied();
        self.finishing && !self.copying && self.is_member() && self.positions().into_iter().all(is_read)
    }

    fn waits_for(&self, ends: &Ends) -> String {
        let state = self.host.client.transaction_state(self.producer);
        format!("{:?} of {ends:?}; {state:?}, copying: {}", self.positions(), self.copying)
    }
}
