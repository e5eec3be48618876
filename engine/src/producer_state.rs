//! What a partition knows of its idempotent producers (KIP-98): the last batches of each, so that a batch sent again is
//! recognized and one that was lost on the way leaves no gap; and their transactions.

mod snapshot;
#[cfg(test)]
mod tests;
#[cfg(feature = "server")]
mod told;
mod transactions;

use std::collections::VecDeque;

use kafka_protocol::ResponseError;

use crate::error::ApiError;
use crate::record::RecordBatch;
use crate::sorted::SortedMap;
use crate::types::{Offset, ProducerId};
#[cfg(feature = "server")]
pub use told::{ProducerEntry, ProducersSnapshot};
pub use transactions::AbortedTransaction;
pub(crate) use transactions::ActiveProducer;
use transactions::Transactions;

/// How many batches of a producer are remembered, which is also how many a client may have in flight
/// (`ProducerStateEntry.NUM_BATCHES_TO_RETAIN` in Kafka).
const REMEMBERED_BATCHES: usize = 5;

/// The most producers of one partition; beyond it the one that has been silent for longest is forgotten, as if it had
/// expired.
const MAX_PRODUCERS: usize = 10_000;

/// The producers of a partition.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct ProducerStates {
    known: SortedMap<ProducerId, ProducerState>,
    /// Producers whose very first batch was refused, by storage or before the partition was known: the epoch and sequence with which they have to begin.
    /// Without that, one they had sent behind it could land before it.
    refused: SortedMap<ProducerId, (i16, i32)>,
    transactions: Transactions,
}

/// What is known of one producer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ProducerState {
    epoch: i16,
    /// The last ones of this epoch, by rising sequence; none if a marker has begun it.
    batches: VecDeque<BatchMark>,
    /// The greatest timestamp of its batches: when it was heard of last.
    last_timestamp: i64,
    /// Of the last marker that ended a transaction of it; -1 if there was none.
    coordinator_epoch: i32,
    /// The first offset of the transaction that it has open.
    open: Option<Offset>,
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
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Undo {
    producer: ProducerId,
    before: Option<ProducerState>,
    /// With which epoch and sequence the batch began; none for a marker.
    batch: Option<(i16, i32)>,
    /// The offset of a marker.
    marker: Option<Offset>,
}

impl ProducerStates {
    /// Whether a producer's batch comes next, again, or not as it should.
    pub(crate) fn check(&self, batch: RecordBatch<'_>) -> Result<Verdict, ApiError> {
        // A producer that is not known may begin anywhere: its earlier records may have expired.
        let producer = batch.producer_id();
        let (epoch, sequence) = (batch.producer_epoch(), batch.base_sequence());
        let Some(state) = self.known.get(&producer) else {
            self.check_room(producer)?;
            return match self.refused.get(&producer) {
                Some((of, expected)) if *of == epoch && *expected != sequence => {
                    Err(out_of_order(producer, sequence, *expected))
                }
                _ => Ok(Verdict::Append),
            };
        };
        if epoch < state.epoch {
            return Err(old_epoch(producer, epoch, state.epoch));
        }
        if epoch > state.epoch {
            return if sequence == 0 {
                Self::check_transaction(batch, Some(state)).map(|()| Verdict::Append)
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
            return Self::check_transaction(batch, Some(state)).map(|()| Verdict::Append);
        }
        Err(out_of_order(producer, sequence, expected))
    }

    /// Whether there is nothing that a later start would have to know.
    pub(crate) fn is_empty(&self) -> bool {
        self.known.is_empty() && self.transactions.aborted.is_empty()
    }

    /// Whether a batch is the last of its producer, by which its next sequence is known; a marker if that is all there is of
    /// the producer's epoch.
    pub(crate) fn is_last(&self, batch: RecordBatch<'_>) -> bool {
        self.known.get(&batch.producer_id()).is_some_and(|state| match state.batches.back() {
            Some(last) => last.base_offset == batch.base_offset(),
            None => batch.is_control() && batch.producer_epoch() == state.epoch,
        })
    }

    /// Takes in a batch that is appended, if it is of an idempotent producer or ends a transaction.
    pub(crate) fn appended(&mut self, batch: RecordBatch<'_>) -> Option<Undo> {
        let producer = batch.producer_id();
        if batch.is_control() {
            return self.ended(batch);
        }
        if producer < 0 {
            return None;
        }
        let before = self.known.get(&producer).cloned();
        self.refused.remove(&producer);
        let state = self.state_of(producer, batch.producer_epoch());
        // Offsets that are committed in a transaction have no sequence.
        if batch.base_sequence() >= 0 {
            if state.batches.len() == REMEMBERED_BATCHES {
                state.batches.pop_front();
            }
            state.batches.push_back(BatchMark {
                base_sequence: batch.base_sequence(),
                last_sequence: last_sequence(batch),
                base_offset: batch.base_offset(),
            });
        }
        state.last_timestamp = state.last_timestamp.max(batch.max_timestamp());
        if batch.is_transactional() && state.open.is_none() {
            state.open = Some(batch.base_offset());
            self.transactions.open.insert((batch.base_offset(), producer));
        }
        let batch = Some((batch.producer_epoch(), batch.base_sequence())).filter(|batch| batch.1 >= 0);
        Some(Undo { producer, before, batch, marker: None })
    }

    /// The state of a producer that is in an epoch now; another epoch begins its sequence anew.
    fn state_of(&mut self, producer: ProducerId, epoch: i16) -> &mut ProducerState {
        if self.known.len() >= MAX_PRODUCERS && !self.known.contains_key(&producer) {
            self.forget_the_most_silent();
        }
        let state = self.known.or_insert_with(producer, || ProducerState {
            epoch,
            batches: VecDeque::new(),
            last_timestamp: i64::MIN,
            coordinator_epoch: -1,
            open: None,
        });
        if epoch != state.epoch {
            state.epoch = epoch;
            state.batches.clear();
        }
        state
    }

    /// Makes a batch not have been.
    pub(crate) fn undo(&mut self, undo: Undo) {
        self.undo_transaction(&undo);
        match undo.before {
            Some(state) => drop(self.known.insert(undo.producer, state)),
            None => {
                self.known.remove(&undo.producer);
                undo.batch.into_iter().for_each(|batch| self.begins_with(undo.producer, batch));
            }
        }
    }

    /// A batch turned out not to be stored; these states are those of what is.
    pub(crate) fn not_stored(&mut self, undo: &Undo) {
        if !self.known.contains_key(&undo.producer) {
            undo.batch.into_iter().for_each(|batch| self.begins_with(undo.producer, batch));
        }
    }

    /// A batch was turned away unseen. What its producer has sent behind it must not land before it either.
    pub(crate) fn turned_away(&mut self, batch: RecordBatch<'_>) {
        let producer = batch.producer_id();
        if producer >= 0 && !self.known.contains_key(&producer) && !self.refused.contains_key(&producer) {
            self.begins_with(producer, (batch.producer_epoch(), batch.base_sequence()));
        }
    }

    /// Takes over what earlier states of the same log knew of refused batches.
    pub(crate) fn remember_refused(&mut self, earlier: &ProducerStates) {
        for (producer, batch) in earlier.refused.iter() {
            if !self.known.contains_key(producer) {
                self.begins_with(*producer, *batch);
            }
        }
    }

    /// A producer that is not known has to begin with the batch of this epoch and sequence.
    pub(crate) fn begins_with(&mut self, producer: ProducerId, batch: (i16, i32)) {
        if self.refused.len() >= MAX_PRODUCERS {
            self.refused.pop_first();
        }
        self.refused.insert(producer, batch);
    }

    /// Forgets the producers that were heard of last before `timestamp` and have no transaction open.
    pub(crate) fn expire(&mut self, timestamp: i64) {
        self.known.retain(|_, state| state.open.is_some() || state.last_timestamp >= timestamp);
    }

    fn forget_the_most_silent(&mut self) {
        let idle = self.known.iter().filter(|(_, state)| state.open.is_none());
        let silent = idle.min_by_key(|(_, state)| state.last_timestamp).map(|(id, _)| *id);
        if let Some(producer) = silent {
            self.known.remove(&producer);
        }
    }
}

fn old_epoch(producer: ProducerId, epoch: i16, current: i16) -> ApiError {
    let message = format!("Producer {producer} has gone on to epoch {current}; this is of {epoch}.");
    ApiError::new(ResponseError::InvalidProducerEpoch, message)
}

fn out_of_order(producer: ProducerId, sequence: i32, expected: i32) -> ApiError {
    let message = format!("Producer {producer} sends sequence {sequence} where {expected} comes next.");
    ApiError::new(ResponseError::OutOfOrderSequenceNumber, message)
}

/// The sequence of a batch's last record. Sequences go from 0 to 2^31 - 1 and round again.
fn last_sequence(batch: RecordBatch<'_>) -> i32 {
    batch.base_sequence().wrapping_add(batch.last_offset_delta()) & i32::MAX
}

fn next_sequence(last_sequence: i32) -> i32 {
    last_sequence.wrapping_add(1) & i32::MAX
}
