//! Writes to a compacted topic, and tails it.

use std::ops::ControlFlow;

use headwater_client::{
    AutoOffsetReset, ConsumerConfig, ConsumerEvent, ConsumerId, Fetched, ProducerConfig, ProducerId,
    ProducerRecord, StartOffset,
};
use headwater_engine::{Now, Offset, TopicPartition};

use super::host::Host;
use super::{Actor, Context, Ends};
use crate::checkers::{Checker, Checks, Promise};
use crate::payload::RecordId;
use crate::random::Random;
use crate::scenario::COMPACTED;

/// How often it looks whether the topic is there.
const LOOK_MS: u64 = 300;

/// How many keys there are.
const KEYS: u64 = 8;

pub(crate) struct CompactedActor {
    name: String,
    /// Its name to the checkers.
    number: u32,
    host: Host,
    writer: Option<Writer>,
    consumer: ConsumerId,
    is_assigned: bool,
    position: Offset,
    next_look_ms: u64,
}

struct Writer {
    producer: ProducerId,
    number: u32,
    /// The keys and values given to the producer, in their order.
    sent: Vec<(u8, Option<RecordId>)>,
    next_burst_ms: u64,
    finishing: bool,
}

impl CompactedActor {
    pub(crate) fn new(
        number: u32,
        brokers: usize,
        producer: Option<&ProducerConfig>,
        checks: &mut Checks,
        random: &mut Random,
    ) -> CompactedActor {
        let name = format!("compacted-{number}");
        let mut host = Host::new(&name, brokers, random.next());
        let consumer = host.client.add_consumer(ConsumerConfig {
            fetch_max_wait_ms: 100,
            max_partition_fetch_bytes: random.pick(&[1, 300, 1 << 20]),
            auto_offset_reset: AutoOffsetReset::None,
            own_connections: false,
            ..ConsumerConfig::default()
        });
        let writer = producer.map(|config| Writer {
            producer: host.client.add_producer(config.clone()),
            number: checks.add_producer(Promise::default()),
            sent: Vec::new(),
            next_burst_ms: 0,
            finishing: false,
        });
        CompactedActor {
            name,
            number,
            host,
            writer,
            consumer,
            is_assigned: false,
            position: 0,
            next_look_ms: 0,
        }
    }

    fn write(&mut self, context: &mut Context<'_>) {
        let Some(writer) = self.writer.as_mut().filter(|writer| !writer.finishing) else { return };
        if context.now.monotonic_ms < writer.next_burst_ms {
            return;
        }
        writer.next_burst_ms = context.now.monotonic_ms + 1 + context.random.below(60);
        for _ in 0..=context.random.below(4) {
            let key = u8::try_from(context.random.below(KEYS)).unwrap_or(0);
            let id = RecordId { producer: writer.number, number: writer.sent.len() as u64 };
            let value = (!context.random.one_in(5)).then(|| id.value(40));
            let record = ProducerRecord {
                topic: COMPACTED,
                partition: Some(0),
                timestamp: None,
                key: Some(&[key]),
                value: value.as_deref(),
                headers: &[],
            };
            if self.host.client.send(context.now, writer.producer, &record).is_ok() {
                writer.sent.push((key, value.map(|_| id)));
            }
        }
    }

    fn take_deliveries(&mut self, context: &mut Context<'_>) {
        let Some(writer) = &mut self.writer else { return };
        while let Some(delivery) = self.host.client.poll_delivery(writer.producer) {
            let Some(base_offset) = delivery.result.ok().and_then(|delivered| delivered.base_offset) else {
                continue;
            };
            for (sequence, offset) in delivery.sequences.zip(base_offset..) {
                let sent = usize::try_from(sequence).ok().and_then(|at| writer.sent.get(at));
                if let Some((key, value)) = sent {
                    context.checks.compacted_acked(*key, offset, *value);
                }
            }
        }
    }

    fn take(&mut self, context: &mut Context<'_>, fetched: &Fetched) {
        let mut records = Vec::new();
        let whole = fetched.for_each(|record| {
            let key = record.key.and_then(|key| key.first().copied());
            let value = record.value.map(RecordId::of);
            records.push((record.offset, key, value));
            ControlFlow::Continue(())
        });
        if let Err(error) = whole {
            let message = format!("{}: records cannot be read: {error}", self.name);
            context.checks.take(Checker::Compaction, Err(message));
        }
        for (offset, key, value) in records {
            match (key, value) {
                (Some(key), None) => context.checks.compacted_seen(self.number, key, offset, None),
                (Some(key), Some(Some(id))) => {
                    context.checks.compacted_seen(self.number, key, offset, Some(id));
                }
                _ => {
                    let message = format!("{} got offset {offset} with wrong content", self.name);
                    context.checks.take(Checker::Compaction, Err(message));
                }
            }
        }
        self.position = fetched.next_offset;
    }

    fn assign(&mut self, offset: Offset) {
        self.position = offset;
        let topic_partition = TopicPartition { topic: COMPACTED.to_owned(), partition: 0 };
        self.host.client.assign(self.consumer, topic_partition, StartOffset::Offset(offset));
    }

    fn is_read(&self, ends: &Ends) -> bool {
        let end = ends.iter().find(|(of, _)| of.topic == COMPACTED).map(|(_, end)| *end);
        end.is_some_and(|end| self.position >= end)
    }
}

impl Actor for CompactedActor {
    fn name(&self) -> &str {
        &self.name
    }

    fn host(&mut self) -> &mut Host {
        &mut self.host
    }

    fn work(&mut self, context: &mut Context<'_>) {
        let looks = context.now.monotonic_ms >= self.next_look_ms;
        if looks {
            self.next_look_ms = context.now.monotonic_ms + LOOK_MS;
        }
        let is_made = !self.is_assigned
            && matches!(self.host.client.partition_count(context.now, COMPACTED), Ok(Some(_)));
        if is_made {
            self.is_assigned = true;
            self.assign(0);
        }
        if self.is_assigned {
            self.write(context);
        }
        self.take_deliveries(context);
        while let Some(event) = self.host.client.poll_consumer(self.consumer) {
            match event {
                ConsumerEvent::Fetched(fetched) => self.take(context, &fetched),
                ConsumerEvent::Failed { error, .. } => {
                    context.trace.say(format_args!("{}: failed: {error}", self.name));
                    let message = format!("{} cannot read any more: {error}", self.name);
                    context.checks.take(Checker::Compaction, Err(message));
                }
                _ => {}
            }
        }
    }

    fn sent(&mut self, context: &mut Context<'_>) {
        self.take_deliveries(context);
    }

    fn own_wake(&self) -> Option<u64> {
        let next_burst =
            self.writer.as_ref().filter(|writer| !writer.finishing).map(|writer| writer.next_burst_ms);
        if self.is_assigned { next_burst } else { Some(self.next_look_ms) }
    }

    fn finish(&mut self, _now: Now) {
        if let Some(writer) = &mut self.writer {
            writer.finishing = true;
            self.host.client.flush(writer.producer);
        }
    }

    fn is_done(&self, ends: &Ends) -> bool {
        let is_flushed = |writer: &Writer| writer.finishing && self.host.client.is_flushed(writer.producer);
        self.writer.as_ref().is_none_or(is_flushed) && self.is_read(ends)
    }

    fn waits_for(&self, ends: &Ends) -> String {
        format!("position {} of {ends:?}", self.position)
    }

    fn power_cut(&mut self, context: &mut Context<'_>, ends: &Ends) {
        let end = ends.iter().find(|(of, _)| of.topic == COMPACTED).map_or(0, |(_, end)| *end);
        if self.is_assigned && self.position > end {
            context.checks.compacted_forget(self.number);
            self.assign(0);
        }
    }
}
