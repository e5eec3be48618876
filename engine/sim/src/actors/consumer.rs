//! Tails partitions from their first record on and notes what it is given.

use std::collections::BTreeMap;

use headwater_client::{AutoOffsetReset, ConsumerConfig, ConsumerId, Fetched, StartOffset, code};
use headwater_engine::{Offset, TopicPartition};

use super::host::{Host, records_of};
use super::{Actor, Context, Ends};
use crate::checkers::Checker;
use crate::random::Random;
use crate::scenario::ConsumerPlan;

/// How often it looks for partitions that were added.
const LOOK_FOR_PARTITIONS_MS: u64 = 500;

pub(crate) struct ConsumerActor {
    number: u32,
    host: Host,
    consumer: ConsumerId,
    topics: Vec<String>,
    /// What it has to be given next of each partition.
    positions: BTreeMap<TopicPartition, Offset>,
    next_look_ms: u64,
}

impl ConsumerActor {
    /// `number` is its name to the checkers.
    pub(crate) fn new(
        number: u32,
        brokers: usize,
        topics: Vec<String>,
        plan: ConsumerPlan,
        random: &mut Random,
    ) -> ConsumerActor {
        let mut host = Host::new(&format!("consumer-{number}"), brokers, random.next());
        let consumer = host.client.add_consumer(ConsumerConfig {
            fetch_min_bytes: plan.min_bytes,
            fetch_max_wait_ms: plan.max_wait_ms,
            fetch_max_bytes: plan.max_bytes,
            max_partition_fetch_bytes: plan.partition_bytes,
            auto_offset_reset: AutoOffsetReset::None,
            // An actor has one connection.
            own_connections: false,
            ..ConsumerConfig::default()
        });
        ConsumerActor { number, host, consumer, topics, positions: BTreeMap::new(), next_look_ms: 0 }
    }

    fn look_for_partitions(&mut self, context: &mut Context<'_>) {
        for topic in self.topics.clone() {
            let Ok(Some(count)) = self.host.client.partition_count(context.now, &topic) else { continue };
            for partition in 0..count {
                let topic_partition = TopicPartition { topic: topic.clone(), partition };
                if !self.positions.contains_key(&topic_partition) {
                    self.positions.insert(topic_partition.clone(), 0);
                    self.host.client.assign(self.consumer, topic_partition, StartOffset::Earliest);
                }
            }
        }
    }

    fn take(&mut self, context: &mut Context<'_>, fetched: &Fetched) {
        let topic_partition = &fetched.topic_partition;
        let (records, whole) = records_of(fetched);
        if let Err(error) = whole {
            let message = format!("{}: records of {topic_partition} cannot be read: {error}", self.host.name);
            context.checks.take(Checker::Visibility, Err(message));
        }
        let count = records.len();
        context.trace.say(format_args!("{}: {count} records of {topic_partition}", self.host.name));
        for (offset, id) in &records {
            context.checks.seen(self.number, topic_partition, *offset, *id);
        }
        self.positions.insert(topic_partition.clone(), fetched.next_offset);
    }

    /// With bits that turn over, a damaged batch and a shorter log are to be expected; else nothing fails for good.
    fn failed(&mut self, context: &mut Context<'_>, topic_partition: TopicPartition, code: Option<i16>) {
        if !context.checks.is_bit_rot() {
            let message =
                format!("{} cannot read {topic_partition} any more: error {code:?}", self.host.name);
            context.checks.take(Checker::Visibility, Err(message));
            return;
        }
        if code == Some(code::OFFSET_OUT_OF_RANGE) {
            // The log was cut off before what it has read.
            self.restart_at(context, topic_partition, 0);
        }
    }

    fn restart_at(&mut self, context: &mut Context<'_>, topic_partition: TopicPartition, offset: Offset) {
        context.checks.positioned(self.number, &topic_partition, offset);
        self.positions.insert(topic_partition.clone(), offset);
        self.host.client.assign(self.consumer, topic_partition, StartOffset::Offset(offset));
    }
}

impl Actor for ConsumerActor {
    has_host!();

    fn work(&mut self, context: &mut Context<'_>) {
        if context.now.monotonic_ms >= self.next_look_ms {
            self.next_look_ms = context.now.monotonic_ms + LOOK_FOR_PARTITIONS_MS;
            self.look_for_partitions(context);
        }
        while let Some(read) = self.host.read(context, self.consumer) {
            match read {
                Ok(fetched) => self.take(context, &fetched),
                Err((topic_partition, error)) => self.failed(context, topic_partition, error.code),
            }
        }
    }

    fn own_wake(&self) -> Option<u64> {
        Some(self.next_look_ms)
    }

    fn is_done(&self, ends: &Ends) -> bool {
        let mut mine = ends.iter().filter(|(of, _)| self.topics.contains(&of.topic));
        mine.all(|(topic_partition, end)| self.positions.get(topic_partition) == Some(end))
    }

    fn waits_for(&self, ends: &Ends) -> String {
        let behind = ends.iter().filter(|(of, end)| self.positions.get(of) != Some(end));
        let behind = behind.map(|(of, end)| format!("{of}: {:?} of {end}", self.positions.get(of)));
        behind.collect::<Vec<_>>().join(", ")
    }

    fn power_cut(&mut self, context: &mut Context<'_>, ends: &Ends) {
        for (topic_partition, position) in self.positions.clone() {
            let end = ends.get(&topic_partition).copied().unwrap_or(0);
            if position > end {
                self.restart_at(context, topic_partition, end);
            }
        }
    }
}
