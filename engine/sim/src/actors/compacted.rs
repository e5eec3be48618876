//! Writes to a compacted topic, and tails it.

use std::ops::ControlFlow;

use headwater_client::{AutoOffsetReset, ConsumerId, Fetched, IsolationLevel, ProducerConfig, StartOffset};
use headwater_engine::{Now, Offset};

use super::host::Host;
use super::writer::Writer;
use super::{Actor, Context, Ends};
use crate::checkers::{Checker, Checks};
use crate::payload::RecordId;
use crate::random::Random;
use crate::scenario::{COMPACTED, compacted_partition};

/// How often it looks whether the topic is there.
const LOOK_MS: u64 = 300;

/// How many keys there are.
const KEYS: u64 = 8;

pub(crate) struct CompactedActor {
    /// Its name to the checkers.
    number: u32,
    host: Host,
    writer: Option<Writer>,
    consumer: ConsumerId,
    is_assigned: bool,
    position: Offset,
    next_look_ms: u64,
}

impl CompactedActor {
    pub(crate) fn new(
        number: u32,
        brokers: usize,
        producer: Option<&ProducerConfig>,
        checks: &mut Checks,
        random: &mut Random,
    ) -> CompactedActor {
        let mut host = Host::new(&format!("compacted-{number}"), brokers, random.next());
        let max_bytes = random.pick(&[1, 300, 1 << 20]);
        let consumer = host.add_reader(AutoOffsetReset::Earliest, IsolationLevel::ReadUncommitted, max_bytes);
        let writer = producer.map(|config| Writer::new(&compacted_partition(), config, &mut host, checks));
        CompactedActor { number, host, writer, consumer, is_assigned: false, position: 0, next_look_ms: 0 }
    }

    fn write(&mut self, context: &mut Context<'_>) {
        let Some(writer) = &mut self.writer else { return };
        writer.write(context, &mut self.host, |random| {
            let key = u8::try_from(random.below(KEYS)).unwrap_or(0);
            (Some(key), !random.one_in(5))
        });
    }

    fn take_deliveries(&mut self, context: &mut Context<'_>) {
        let Some(writer) = &self.writer else { return };
        for (offset, (key, value)) in writer.acknowledged(&mut self.host) {
            context.checks.compacted_acked(key.unwrap_or_default(), offset, value);
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
            let message = format!("{}: records cannot be read: {error}", self.host.name);
            context.checks.take(Checker::Compaction, Err(message));
        }
        for (offset, key, value) in records {
            match (key, value) {
                (Some(key), None) => context.checks.compacted_seen(self.number, key, offset, None),
                (Some(key), Some(Some(id))) => {
                    context.checks.compacted_seen(self.number, key, offset, Some(id));
                }
                _ => {
                    let message = format!("{} got offset {offset} with wrong content", self.host.name);
                    context.checks.take(Checker::Compaction, Err(message));
                }
            }
        }
        self.position = fetched.next_offset;
    }

    fn assign(&mut self, offset: Offset) {
        self.position = offset;
        self.host.client.assign(self.consumer, compacted_partition(), StartOffset::Offset(offset));
    }

    fn is_read(&self, ends: &Ends) -> bool {
        let position = self.host.client.partition_state(self.consumer, &compacted_partition());
        let position = position.and_then(|state| state.position);
        ends.get(&compacted_partition()).zip(position).is_some_and(|(end, position)| position >= *end)
    }
}

impl Actor for CompactedActor {
    has_host!();

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
        while let Some(read) = self.host.read(context, self.consumer) {
            match read {
                Ok(fetched) => self.take(context, &fetched),
                Err((_, error)) => {
                    let message = format!("{} cannot read any more: {error}", self.host.name);
                    context.checks.take(Checker::Compaction, Err(message));
                }
            }
        }
    }

    fn sent(&mut self, context: &mut Context<'_>) {
        self.take_deliveries(context);
    }

    fn own_wake(&self) -> Option<u64> {
        let next_burst = self.writer.as_ref().and_then(Writer::next_burst);
        if self.is_assigned { next_burst } else { Some(self.next_look_ms) }
    }

    fn finish(&mut self, _now: Now) {
        if let Some(writer) = &mut self.writer {
            writer.finish(&mut self.host);
        }
    }

    fn is_done(&self, ends: &Ends) -> bool {
        self.writer.as_ref().is_none_or(|writer| writer.is_done(&self.host)) && self.is_read(ends)
    }

    fn waits_for(&self, ends: &Ends) -> String {
        format!("position {} of {ends:?}", self.position)
    }

    fn power_cut(&mut self, context: &mut Context<'_>, ends: &Ends) {
        let end = ends.get(&compacted_partition()).copied().unwrap_or(0);
        if self.is_assigned && self.position > end {
            context.checks.compacted_forget(self.number);
            self.assign(0);
        }
    }
}
