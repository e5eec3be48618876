//! Writes bursts of small records to a partition that has a checker of its own.

use headwater_client::{ProducerConfig, ProducerId, ProducerRecord};
use headwater_engine::{Offset, TopicPartition};

use super::Context;
use super::host::Host;
use crate::checkers::{Checks, Promise};
use crate::payload::RecordId;
use crate::random::Random;

/// A record that was sent: its key, if it has one, and its value, if it has one.
pub(super) type Sent = (Option<u8>, Option<RecordId>);

pub(super) struct Writer {
    partition: TopicPartition,
    producer: ProducerId,
    number: u32,
    /// What was given to the producer, in its order.
    sent: Vec<Sent>,
    next_burst_ms: u64,
    finishing: bool,
}

impl Writer {
    pub(super) fn new(
        partition: &TopicPartition,
        config: &ProducerConfig,
        host: &mut Host,
        checks: &mut Checks,
    ) -> Writer {
        let producer = host.client.add_producer(config.clone());
        let number = checks.add_producer(Promise::default());
        Writer {
            partition: partition.clone(),
            producer,
            number,
            sent: Vec::new(),
            next_burst_ms: 0,
            finishing: false,
        }
    }

    /// Sends a burst, if it is time for one. `form` says of a record its key, and whether it has a value.
    pub(super) fn write(
        &mut self,
        context: &mut Context<'_>,
        host: &mut Host,
        mut form: impl FnMut(&mut Random) -> (Option<u8>, bool),
    ) {
        if self.finishing || context.now.monotonic_ms < self.next_burst_ms {
            return;
        }
        self.next_burst_ms = context.now.monotonic_ms + 1 + context.random.below(60);
        for _ in 0..=context.random.below(4) {
            let (key, has_value) = form(context.random);
            let id = RecordId { producer: self.number, number: self.sent.len() as u64 };
            let value = has_value.then(|| id.value(40));
            let bytes = key.map(|key| [key]);
            let record = ProducerRecord {
                topic: &self.partition.topic,
                partition: Some(self.partition.partition),
                timestamp: None,
                key: bytes.as_ref().map(|key| &key[..]),
                value: value.as_deref(),
                headers: &[],
            };
            if host.client.send(context.now, self.producer, &record).is_ok() {
                self.sent.push((key, has_value.then_some(id)));
            }
        }
    }

    /// What was acknowledged since it was asked last, with its offsets.
    pub(super) fn acknowledged(&self, host: &mut Host) -> Vec<(Offset, Sent)> {
        let mut acked = Vec::new();
        while let Some(delivery) = host.client.poll_delivery(self.producer) {
            let Some(base_offset) = delivery.result.ok().and_then(|delivered| delivered.base_offset) else {
                continue;
            };
            for (sequence, offset) in delivery.sequences.zip(base_offset..) {
                let sent = usize::try_from(sequence).ok().and_then(|at| self.sent.get(at));
                acked.extend(sent.map(|sent| (offset, *sent)));
            }
        }
        acked
    }

    /// When it wants to write next, on the monotonic clock.
    pub(super) fn next_burst(&self) -> Option<u64> {
        (!self.finishing).then_some(self.next_burst_ms)
    }

    pub(super) fn finish(&mut self, host: &mut Host) {
        self.finishing = true;
        host.client.flush(self.producer);
    }

    pub(super) fn is_done(&self, host: &Host) -> bool {
        self.finishing && host.client.is_flushed(self.producer)
    }
}
