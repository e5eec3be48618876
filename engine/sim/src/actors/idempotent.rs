//! The client crate's idempotent producer (KIP-98), which never gives up: every record it takes is to land once and in order.
//!
//! Each partition has a producer of its own, and so a producer id, so that losing one in a power cut says nothing of the
//! others.

use headwater_client::{ProducerConfig, ProducerId, ProducerRecord};
use headwater_engine::{Now, TopicPartition};

use super::host::Host;
use super::{Actor, Context, Ends};
use crate::checkers::{Checker, Checks, Promise};
use crate::payload::RecordId;
use crate::random::Random;
use crate::scenario::Scenario;

/// As many records of a partition as wait before no more are made.
const MAX_WAITING: u64 = 60;
/// Longer than any run.
const NEVER_MS: u64 = 1 << 40;

/// What is sent to one partition.
#[derive(Debug)]
struct Line {
    topic_partition: TopicPartition,
    producer: ProducerId,
    /// The number in its records' names.
    number: u32,
    identity: Option<(i64, i16)>,
    sent: u64,
    acknowledged: u64,
    /// A power cut may have taken what the broker knew of it.
    forgiven: bool,
}

pub(crate) struct IdempotentActor {
    host: Host,
    lines: Vec<Line>,
    next_burst_ms: u64,
    max_filler: usize,
    finishing: bool,
}

impl IdempotentActor {
    pub(crate) fn new(
        number: usize,
        scenario: &Scenario,
        checks: &mut Checks,
        random: &mut Random,
    ) -> IdempotentActor {
        let mut host = Host::new(&format!("idempotent-{number}"), scenario.brokers, random.next());
        let config = ProducerConfig {
            linger_ms: random.pick(&[0, 5, 50]),
            batch_size: random.pick(&[1, 100, 500, 4_000]),
            max_in_flight_requests_per_connection: random.pick(&[1, 5, 20]),
            delivery_timeout_ms: NEVER_MS,
            ..ProducerConfig::default()
        };
        let partitions = scenario.topics.iter().flat_map(|topic| {
            (0..topic.partitions).map(|partition| TopicPartition { topic: topic.name.clone(), partition })
        });
        let lines = partitions.map(|topic_partition| Line {
            topic_partition,
            producer: host.client.add_producer(config.clone()),
            number: checks.add_producer(Promise { exactly_once: true, ..Promise::default() }),
            identity: None,
            sent: 0,
            acknowledged: 0,
            forgiven: false,
        });
        let lines = lines.collect();
        IdempotentActor { host, lines, next_burst_ms: 0, max_filler: scenario.max_filler, finishing: false }
    }

    fn make_records(&mut self, context: &mut Context<'_>) {
        for _ in 0..1 + context.random.below(12) {
            let at = context.random.index(self.lines.len());
            let line = &mut self.lines[at];
            // A producer that nobody knows may begin anywhere (KIP-360), so if its first batch found no topic, its second must
            // not find one. A client learns of the topic before it sends.
            if line.sent - line.acknowledged >= MAX_WAITING
                || !context.made.contains(&line.topic_partition.topic)
            {
                continue;
            }
            let id = RecordId { producer: line.number, number: line.sent };
            let value = id.value(self.max_filler);
            let record = ProducerRecord {
                topic: &line.topic_partition.topic,
                partition: Some(line.topic_partition.partition),
                value: Some(&value),
                ..ProducerRecord::default()
            };
            // One that is not taken is made again another time.
            if self.host.client.send(context.now, line.producer, &record).is_ok() {
                line.sent += 1;
                context.checks.sent(&line.topic_partition, id);
            }
        }
    }

    /// Takes in what became of the records, and as whom they are sent.
    fn look(&mut self, context: &mut Context<'_>) {
        for line in &mut self.lines {
            let client = &mut self.host.client;
            let identity = client.producer_identity(line.producer, &line.topic_partition);
            if identity != line.identity {
                line.identity_changes(&self.host.name, identity, context);
            }
            while let Some(delivery) = client.poll_delivery(line.producer) {
                let delivered = match &delivery.result {
                    Ok(delivered) => delivered,
                    Err(error) => {
                        let message = format!("{} gave up {:?}: {error}", self.host.name, delivery.sequences);
                        return context.checks.take(Checker::Idempotence, Err(message));
                    }
                };
                line.forgiven = false;
                line.acknowledged += delivery.sequences.end - delivery.sequences.start;
                context.trace.say(format_args!(
                    "{}: records {:?} acknowledged at {}@{:?}",
                    self.host.name, delivery.sequences, line.topic_partition, delivered.base_offset
                ));
                let Some(base_offset) = delivered.base_offset else { continue };
                for (number, offset) in delivery.sequences.zip(base_offset..) {
                    let id = RecordId { producer: line.number, number };
                    context.checks.acked(&line.topic_partition, id, offset);
                }
            }
        }
    }
}

impl Line {
    /// It begins, or goes on as someone else, which it is to do only where the broker has lost something.
    fn identity_changes(&mut self, name: &str, identity: Option<(i64, i16)>, context: &mut Context<'_>) {
        let to = &self.topic_partition;
        context.trace.say(format_args!("{name} is {identity:?} to {to}, after {:?}", self.identity));
        match (self.identity, identity) {
            (None, Some((id, _))) => context.checks.producer_id_given(id),
            _ if self.forgiven || context.checks.is_bit_rot() => {}
            _ => {
                let message =
                    format!("{name}: a batch of {to} is refused, though all before it was acknowledged");
                context.checks.take(Checker::Idempotence, Err(message));
            }
        }
        self.identity = identity;
    }

    fn is_done(&self) -> bool {
        self.sent == self.acknowledged
    }
}

impl Actor for IdempotentActor {
    has_host!();

    fn work(&mut self, context: &mut Context<'_>) {
        if !self.finishing && context.now.monotonic_ms >= self.next_burst_ms {
            self.next_burst_ms = context.now.monotonic_ms + 1 + context.random.below(150);
            self.make_records(context);
        }
        self.look(context);
    }

    fn sent(&mut self, context: &mut Context<'_>) {
        self.look(context);
    }

    fn own_wake(&self) -> Option<u64> {
        (!self.finishing).then_some(self.next_burst_ms)
    }

    fn finish(&mut self, _now: Now) {
        self.finishing = true;
        for line in &self.lines {
            self.host.client.flush(line.producer);
        }
    }

    fn is_done(&self, _ends: &Ends) -> bool {
        self.finishing && self.lines.iter().all(Line::is_done)
    }

    fn waits_for(&self, _ends: &Ends) -> String {
        let waiting = self.lines.iter().filter(|line| !line.is_done());
        let waiting = waiting
            .map(|line| format!("{} records of {}", line.sent - line.acknowledged, line.topic_partition));
        waiting.collect::<Vec<_>>().join(", ")
    }

    fn power_cut(&mut self, _context: &mut Context<'_>, _ends: &Ends) {
        for line in &mut self.lines {
            line.forgiven = true;
        }
    }
}
