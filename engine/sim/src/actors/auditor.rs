//! Makes the topics of transactions, and reads what counts in them. The one that comes at last also asks for the writers' offsets.

use std::collections::BTreeMap;

use headwater_client::{
    AdminReply, AdminRequestId, AutoOffsetReset, ConsumerId, Fetched, IsolationLevel, NewTopic, StartOffset,
};
use headwater_engine::{Offset, TopicPartition};

use super::host::{Host, records_of};
use super::{Actor, Context, Ends, ledger};
use crate::checkers::{COPY, Checker, LEDGER};
use crate::random::Random;
use crate::scenario::{Scenario, TransactionsPlan};

const LOOK_MS: u64 = 500;

pub(crate) struct AuditorActor {
    number: u32,
    host: Host,
    consumer: ConsumerId,
    plan: TransactionsPlan,
    is_last: bool,
    /// What it has been given of each partition.
    positions: BTreeMap<TopicPartition, Offset>,
    /// Writers whose offsets are to be asked for.
    ask: Vec<u32>,
    asked: Option<(AdminRequestId, u32)>,
    offsets: BTreeMap<u32, Offset>,
    next_look_ms: u64,
}

impl AuditorActor {
    /// `is_last`: all has been decided when it comes.
    pub(crate) fn new(
        number: u32,
        scenario: &Scenario,
        plan: &TransactionsPlan,
        is_last: bool,
        random: &mut Random,
    ) -> AuditorActor {
        let mut host = Host::new(&format!("auditor-{number}"), scenario.brokers, random.next());
        let max_bytes = random.pick(&[1, 500, 1 << 20]);
        let consumer = host.add_reader(AutoOffsetReset::None, IsolationLevel::ReadCommitted, max_bytes);
        let ask = if is_last { (0..plan.writers).collect() } else { Vec::new() };
        AuditorActor {
            number,
            host,
            consumer,
            plan: plan.clone(),
            is_last,
            positions: BTreeMap::new(),
            ask,
            asked: None,
            offsets: BTreeMap::new(),
            next_look_ms: 0,
        }
    }

    /// Has the topics made, as long as they are not there, and reads all their partitions.
    fn look_for_partitions(&mut self, context: &mut Context<'_>) {
        for (topic, partitions) in [(LEDGER, self.plan.partitions), (COPY, 2)] {
            let Ok(Some(count)) = self.host.client.partition_count(context.now, topic) else {
                let configs = vec![("segment.bytes".to_owned(), self.plan.segment_bytes.to_string())];
                let topic = NewTopic { name: topic.to_owned(), partitions, replication_factor: 1, configs };
                self.host.client.create_topics(context.now, vec![topic]);
                continue;
            };
            for partition in 0..count {
                let topic_partition = TopicPartition { topic: topic.to_owned(), partition };
                if !self.positions.contains_key(&topic_partition) {
                    self.positions.insert(topic_partition.clone(), 0);
                    self.host.client.assign(self.consumer, topic_partition, StartOffset::Offset(0));
                }
            }
        }
    }

    fn take(&mut self, context: &mut Context<'_>, fetched: &Fetched) {
        let topic_partition = &fetched.topic_partition;
        let checker =
            if topic_partition.topic == LEDGER { Checker::Transactions } else { Checker::ExactlyOnce };
        let (records, whole) = records_of(fetched);
        let count = records.len();
        let end = fetched.next_offset;
        context
            .trace
            .say(format_args!("{}: {count} records of {topic_partition} up to {end}", self.host.name));
        for (offset, id) in records {
            let id = id.ok_or_else(|| format!("{topic_partition}@{offset} has wrong content"));
            let transactions = &mut context.checks.transactions;
            let result = id.and_then(|id| transactions.given(self.number, topic_partition, offset, id));
            context.checks.take(checker, result);
        }
        context.checks.take(checker, whole);
        self.positions.insert(topic_partition.clone(), end);
        let state = self.host.client.partition_state(self.consumer, topic_partition);
        if let Some(stable) = state.and_then(|state| state.last_stable_offset) {
            let result = context.checks.transactions.stable(self.number, topic_partition, stable);
            context.checks.take(Checker::Transactions, result);
        }
    }

    fn ask_for_offsets(&mut self, context: &mut Context<'_>) {
        while let Some((id, result)) = self.host.client.poll_admin() {
            let Some((_, writer)) = self.asked.take_if(|(asked, _)| *asked == id) else { continue };
            match result {
                Ok(AdminReply::GroupOffsets(offsets)) => {
                    self.offsets.extend(offsets.first().map(|offset| (writer, offset.committed)));
                }
                _ => self.ask.push(writer),
            }
        }
        if self.asked.is_none()
            && let Some(writer) = self.ask.pop()
        {
            let id = self.host.client.list_group_offsets(context.now, &ledger::group_of(writer));
            self.asked = Some((id, writer));
        }
        if self.is_last && self.asked.is_none() && self.ask.is_empty() {
            context.checks.writers_offsets(&self.offsets);
        }
    }
}

impl Actor for AuditorActor {
    has_host!();

    fn work(&mut self, context: &mut Context<'_>) {
        if context.now.monotonic_ms >= self.next_look_ms {
            self.next_look_ms = context.now.monotonic_ms + LOOK_MS;
            self.look_for_partitions(context);
        }
        while let Some(read) = self.host.read(context, self.consumer) {
            match read {
                Ok(fetched) => self.take(context, &fetched),
                Err((topic_partition, error)) => {
                    let message = format!("{} cannot read {topic_partition}: {error}", self.host.name);
                    context.checks.take(Checker::Transactions, Err(message));
                }
            }
        }
        self.ask_for_offsets(context);
    }

    fn own_wake(&self) -> Option<u64> {
        Some(self.next_look_ms)
    }

    fn is_done(&self, ends: &Ends) -> bool {
        let mine = ends.iter().filter(|(of, _)| [LEDGER, COPY].contains(&&of.topic[..]));
        self.asked.is_none()
            && self.ask.is_empty()
            && mine.clone().count() > 2
            && mine.into_iter().all(|(of, end)| self.positions.get(of) == Some(end))
    }

    fn waits_for(&self, ends: &Ends) -> String {
        format!("{:?} of {ends:?}, offsets of {:?} {:?}", self.positions, self.asked, self.ask)
    }
}
