//! Sends records through the client crate's producer and notes what it is told of them.

use std::collections::BTreeMap;

use headwater_client::{Acks, ProducerId, ProducerRecord, SendError};
use headwater_engine::{Now, TopicPartition};

use super::host::Host;
use super::{Actor, Context, Ends};
use crate::checkers::{Checks, Promise};
use crate::payload::RecordId;
use crate::random::Random;
use crate::scenario::{ProducerPlan, Scenario};

pub(crate) struct ProducerActor {
    host: Host,
    producer: ProducerId,
    /// The number in its records' names.
    number: u32,
    next_record: u64,
    plan: ProducerPlan,
    topics: Vec<String>,
    max_filler: usize,
    next_burst_ms: u64,
    /// Records of the burst that are not given to the producer yet.
    left: u64,
    finishing: bool,
    /// By partition: the records it was given, in their order.
    sent: BTreeMap<TopicPartition, Vec<RecordId>>,
    acked: u64,
    failed: u64,
}

impl ProducerActor {
    pub(crate) fn new(
        scenario: &Scenario,
        plan: &ProducerPlan,
        checks: &mut Checks,
        random: &mut Random,
    ) -> ProducerActor {
        let promise = Promise {
            ordered: plan.ordered,
            at_most_once: plan.at_most_once || plan.config.acks == Acks::None,
            exactly_once: false,
        };
        let number = checks.add_producer(promise);
        let mut host = Host::new(&format!("producer-{number}"), scenario.brokers, random.next());
        let producer = host.client.add_producer(plan.config.clone());
        ProducerActor {
            host,
            producer,
            number,
            next_record: 0,
            plan: plan.clone(),
            topics: scenario.topics.iter().map(|topic| topic.name.clone()).collect(),
            max_filler: scenario.max_filler,
            next_burst_ms: 0,
            left: 0,
            finishing: false,
            sent: BTreeMap::new(),
            acked: 0,
            failed: 0,
        }
    }

    fn send_one(&mut self, context: &mut Context<'_>) -> bool {
        let guest = (!context.guests.is_empty() && context.random.one_in(5))
            .then(|| context.guests[context.random.index(context.guests.len())].clone());
        let topic = guest.unwrap_or_else(|| self.topics[context.random.index(self.topics.len())].clone());
        let Ok(Some(partitions)) = self.host.client.partition_count(context.now, &topic) else {
            return false;
        };
        let id = RecordId { producer: self.number, number: self.next_record };
        let value = id.value(self.max_filler);
        let key = context.random.coin().then(|| id.number.to_be_bytes());
        let partition = i32::try_from(context.random.below(partitions.unsigned_abs().into())).ok();
        let record = ProducerRecord {
            topic: &topic,
            partition: partition.filter(|_| key.is_none() || context.random.coin()),
            timestamp: None,
            key: key.as_ref().map(|key| &key[..]),
            value: Some(&value),
            headers: &[],
        };
        match self.host.client.send(context.now, self.producer, &record) {
            Ok(sent) => {
                self.next_record += 1;
                let topic_partition = TopicPartition { topic, partition: sent.partition };
                let records = self.sent.entry(topic_partition).or_default();
                debug_assert_eq!(records.len() as u64, sent.sequence, "sequences count up");
                records.push(id);
                true
            }
            Err(SendError::TopicPending | SendError::BufferFull) => false,
            // Not a record that was taken, so nothing is promised of it; the next one may fare better.
            Err(_) => true,
        }
    }

    fn take_deliveries(&mut self, context: &mut Context<'_>) {
        while let Some(delivery) = self.host.client.poll_delivery(self.producer) {
            let topic_partition =
                TopicPartition { topic: delivery.topic.to_string(), partition: delivery.partition };
            let count = delivery.sequences.end - delivery.sequences.start;
            let delivered = match &delivery.result {
                Ok(delivered) => delivered,
                Err(error) => {
                    self.failed += count;
                    let name = error.name;
                    context
                        .trace
                        .say(format_args!("{}: {count} records not delivered: {name}", self.host.name));
                    continue;
                }
            };
            self.acked += count;
            let Some(base_offset) = delivered.base_offset else { continue };
            context.trace.say(format_args!(
                "{}: {count} records acknowledged at {topic_partition}@{base_offset}",
                self.host.name
            ));
            let records = self.sent.get(&topic_partition).map(Vec::as_slice).unwrap_or_default();
            for (sequence, offset) in delivery.sequences.zip(base_offset..) {
                let at = usize::try_from(sequence).unwrap_or(usize::MAX);
                if let Some(id) = records.get(at).filter(|_| is_watched(&topic_partition.topic)) {
                    context.checks.acked(&topic_partition, *id, offset);
                }
            }
        }
    }
}

/// Topics that come and go are not watched: there is no telling what of them is still to be there.
fn is_watched(topic: &str) -> bool {
    topic.starts_with("topic-")
}

impl Actor for ProducerActor {
    has_host!();

    fn work(&mut self, context: &mut Context<'_>) {
        if !self.finishing && context.now.monotonic_ms >= self.next_burst_ms {
            self.left = 1 + context.random.below(self.plan.burst);
            self.next_burst_ms = context.now.monotonic_ms + 1 + context.random.below(self.plan.gap_ms);
        }
        while self.left > 0 && self.send_one(context) {
            self.left -= 1;
        }
        self.take_deliveries(context);
    }

    fn sent(&mut self, context: &mut Context<'_>) {
        self.take_deliveries(context);
    }

    fn own_wake(&self) -> Option<u64> {
        (!self.finishing).then_some(self.next_burst_ms)
    }

    fn finish(&mut self, _now: Now) {
        self.finishing = true;
        self.left = 0;
        self.host.client.flush(self.producer);
    }

    fn is_done(&self, _ends: &Ends) -> bool {
        self.finishing && self.host.client.is_flushed(self.producer)
    }

    fn waits_for(&self, _ends: &Ends) -> String {
        format!(
            "{} bytes of records to be delivered; {} were acknowledged, {} failed",
            self.host.client.buffered_bytes(self.producer),
            self.acked,
            self.failed
        )
    }
}
