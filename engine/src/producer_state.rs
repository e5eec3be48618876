//! What a partition knows of its idempotent producers (KIP-98): the last batches of each, so that a batch sent again is
//! recognized and one that was lost on the way leaves no gap.

mod snapshot;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use kafka_protocol::ResponseError;

use crate::error::ApiError;
use crate::record::RecordBatch;
use crate::sorted::SortedMap;
use crate::types::{Offset, ProducerId};

/// How many batches of a producer are remembered, which is also how many a client may have in flight
/// (`ProducerStateEntry.NUM_BATCHES_TO_RETAIN` in Kafka).
const REMEMBERED_BATCHES: usize = 5;

/// The most producers of one partition; beyond it the one that has been silent for longest is forgotten, as if it had
/// expired.
const MAX_PRODUCERS: usize = 10_000;

/// The producers of a partition.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct ProducerStates(SortedMap<ProducerId, ProducerState>);

/// What is known of one producer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ProducerState {
    epoch: i16,
    /// The last ones, by rising sequence; never empty.
    batches: VecDeque<BatchMark>,
    /// The greatest timestamp of its batches: when it was heard of last.
    last_timestamp: i64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct BatchMark {
    base_sequence: i32,
    last_sequence: i32,
    base_offset: Offset,
}

/// What is to be done with a batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    Append,
    /// It is in the log already, from this offset on.
    Duplicate(Offset),
}

/// What a producer's state was before a batch.
pub(crate) type Undo = (ProducerId, Option<ProducerState>);

impl ProducerStates {
    /// Whether a producer's batch comes next, again, or not as it should.
    pub(crate) fn check(&self, batch: RecordBatch<'_>) -> Result<Verdict, ApiError> {
        // A producer that is not known may begin anywhere: its earlier records may have expired.
        let Some(state) = self.0.get(&batch.producer_id()) else {
            return Ok(Verdict::Append);
        };
        let producer = batch.producer_id();
        let (epoch, sequence) = (batch.producer_epoch(), batch.base_sequence());
        if epoch < state.epoch {
            let message = format!(
                "Producer {producer} has gone on to epoch {}; this batch is of {epoch}.",
                state.epoch
            );
            return Err(ApiError::new(ResponseError::InvalidProducerEpoch, message));
        }
        if epoch > state.epoch {
            return if sequence == 0 {
                Ok(Verdict::Append)
            } else {
                let message =
                    format!("Producer {producer} begins epoch {epoch} with sequence {sequence}, not with 0.");
                Err(ApiError::new(ResponseError::OutOfOrderSequenceNumber, message))
            };
        }
        let last_sequence = last_sequence(batch);
        let again = state
            .batches
            .iter()
            .find(|known| (known.base_sequence, known.last_sequence) == (sequence, last_sequence));
        if let Some(known) = again {
            return Ok(Verdict::Duplicate(known.base_offset));
        }
        let expected = state.batches.back().map_or(0, |last| next_sequence(last.last_sequence));
        if sequence == expected {
            return Ok(Verdict::Append);
        }
        let message = format!("Producer {producer} sends sequence {sequence} where {expected} comes next.");
        Err(ApiError::new(ResponseError::OutOfOrderSequenceNumber, message))
    }

    /// Takes in a batch that is appended, if it is of an idempotent producer.
    pub(crate) fn appended(&mut self, batch: RecordBatch<'_>) -> Option<Undo> {
        let producer = batch.producer_id();
        if producer < 0 || batch.is_control() {
            return None;
        }
        let before = self.0.get(&producer).cloned();
        if before.is_none() && self.0.len() >= MAX_PRODUCERS {
            self.forget_the_most_silent();
        }
        let state = self.0.or_insert_with(producer, || ProducerState {
            epoch: batch.producer_epoch(),
            batches: VecDeque::new(),
            last_timestamp: i64::MIN,
        });
        if batch.producer_epoch() != state.epoch {
            state.epoch = batch.producer_epoch();
            state.batches.clear();
        }
        if state.batches.len() == REMEMBERED_BATCHES {
            state.batches.pop_front();
        }
        state.batches.push_back(BatchMark {
            base_sequence: batch.base_sequence(),
            last_sequence: last_sequence(batch),
            base_offset: batch.base_offset(),
        });
        state.last_timestamp = state.last_timestamp.max(batch.max_timestamp());
        Some((producer, before))
    }

    /// Makes a batch not have been.
    pub(crate) fn undo(&mut self, (producer, before): Undo) {
        match before {
            Some(state) => self.0.insert(producer, state),
            None => self.0.remove(&producer),
        };
    }

    /// Forgets the producers that were heard of last before `timestamp`.
    pub(crate) fn expire(&mut self, timestamp: i64) {
        self.0.retain(|_, state| state.last_timestamp >= timestamp);
    }

    fn forget_the_most_silent(&mut self) {
        let silent = self.0.iter().min_by_key(|(_, state)| state.last_timestamp).map(|(id, _)| *id);
        if let Some(producer) = silent {
            self.0.remove(&producer);
        }
    }
}

/// The sequence of a batch's last record. Sequences go from 0 to 2^31 - 1 and round again.
fn last_sequence(batch: RecordBatch<'_>) -> i32 {
    batch.base_sequence().wrapping_add(batch.last_offset_delta()) & i32::MAX
}

fn next_sequence(last_sequence: i32) -> i32 {
    last_sequence.wrapping_add(1) & i32::MAX
}
