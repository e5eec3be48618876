//! The transactions of a partition (KIP-98): which are open, and where those lie that were aborted.
//!
//! Readers of committed records go as far as the last stable offset, below which every transaction has ended, and leave out
//! what lies in an aborted one. Kafka has the aborted ones in a file beside each segment (`.txnindex`); here they are part of the
//! producers' states, and as everything there a fold over the batches. A directory makes Kafka's file of them.

use std::collections::VecDeque;

use kafka_protocol::ResponseError;

#[cfg(feature = "server")]
use super::Verdict;
use super::{MAX_PRODUCERS, ProducerState, ProducerStates, Undo};
use crate::error::ApiError;
use crate::record::{EndMarker, RecordBatch};
use crate::sorted::SortedSet;
use crate::types::{Offset, ProducerId};

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Transactions {
    /// The first offset and the producer of those that have not ended.
    pub(super) open: SortedSet<(Offset, ProducerId)>,
    /// The first offset, and the marker's, of those whose end is on its way to storage. They are undecided until it is
    /// there.
    ending: VecDeque<(Offset, Offset)>,
    /// By rising last offset. Each has a batch and a marker in the log, which bounds them.
    pub(super) aborted: Vec<AbortedTransaction>,
}

/// A transaction whose records do not count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AbortedTransaction {
    /// Whose it was.
    pub producer_id: ProducerId,
    /// That of its first record.
    pub first_offset: Offset,
    /// That of the marker.
    pub last_offset: Offset,
    /// The last stable offset behind the marker: all that are aborted later begin there or above.
    pub last_stable_offset: Offset,
}

/// A producer as DescribeProducers shows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ActiveProducer {
    pub(crate) producer_id: ProducerId,
    pub(crate) epoch: i16,
    /// -1 if it has none since its epoch began.
    pub(crate) last_sequence: i32,
    pub(crate) last_timestamp: i64,
    /// -1 if no transaction of it has ended here.
    pub(crate) coordinator_epoch: i32,
    /// Where its transaction begins, if one is open.
    pub(crate) open: Option<Offset>,
}

impl ProducerStates {
    /// Whether a producer may write to the log in this epoch, whatever it writes.
    pub(crate) fn check_epoch(&self, producer: ProducerId, epoch: i16) -> Result<(), ApiError> {
        match self.known.get(&producer) {
            Some(state) if epoch < state.epoch => Err(super::old_epoch(producer, epoch, state.epoch)),
            Some(_) => Ok(()),
            None => self.check_room(producer),
        }
    }

    /// Whether the producer of a batch has a transaction open here, in the same epoch.
    #[cfg(feature = "server")]
    pub(crate) fn is_in_transaction(&self, batch: RecordBatch<'_>) -> bool {
        let state = self.known.get(&batch.producer_id());
        state.is_some_and(|state| state.open.is_some() && state.epoch == batch.producer_epoch())
    }

    /// Whether a batch would be appended, as the first of a transaction.
    #[cfg(feature = "server")]
    pub(crate) fn begins_transaction(&self, batch: RecordBatch<'_>) -> bool {
        batch.is_transactional() && !self.is_in_transaction(batch) && self.check(batch) == Ok(Verdict::Append)
    }

    /// Whether a marker is to be appended; false if it came before, so that it would change nothing.
    pub(crate) fn check_marker(&self, marker: &EndMarker) -> Result<bool, ApiError> {
        let producer = marker.producer_id;
        self.check_epoch(producer, marker.producer_epoch)?;
        let Some(state) = self.known.get(&producer) else {
            return Ok(true);
        };
        if marker.coordinator_epoch < state.coordinator_epoch {
            let message = format!(
                "The transactions of producer {producer} have a coordinator of epoch {}; this marker is of {}.",
                state.coordinator_epoch, marker.coordinator_epoch
            );
            return Err(ApiError::new(ResponseError::TransactionCoordinatorFenced, message));
        }
        let is_known = state.open.is_none()
            && (state.epoch, state.coordinator_epoch) == (marker.producer_epoch, marker.coordinator_epoch);
        Ok(!is_known)
    }

    /// Whether a batch may come as far as transactions go: one outside of a transaction may not while the producer has one open.
    pub(super) fn check_transaction(
        batch: RecordBatch<'_>,
        state: Option<&ProducerState>,
    ) -> Result<(), ApiError> {
        if batch.is_transactional() || state.is_none_or(|state| state.open.is_none()) {
            return Ok(());
        }
        let message = format!(
            "Producer {} has a transaction open here, and this batch is not part of it.",
            batch.producer_id()
        );
        Err(ApiError::new(ResponseError::InvalidTxnState, message))
    }

    /// Producers with an open transaction are not forgotten, so there may be no room for another one.
    pub(super) fn check_room(&self, producer: ProducerId) -> Result<(), ApiError> {
        if self.transactions.open.len() < MAX_PRODUCERS || self.known.contains_key(&producer) {
            return Ok(());
        }
        let message = format!("{MAX_PRODUCERS} producers have transactions open, which is the most.");
        Err(ApiError::new(ResponseError::PolicyViolation, message))
    }

    /// Takes in a marker that is appended.
    pub(super) fn ended(&mut self, batch: RecordBatch<'_>) -> Option<Undo> {
        let marker = EndMarker::of(batch)?;
        let producer = marker.producer_id;
        let before = self.known.get(&producer).cloned();
        let state = self.state_of(producer, marker.producer_epoch);
        state.coordinator_epoch = marker.coordinator_epoch;
        state.last_timestamp = state.last_timestamp.max(batch.max_timestamp());
        let last_offset = batch.base_offset();
        if let Some(first_offset) = state.open.take() {
            let transactions = &mut self.transactions;
            transactions.open.remove(&(first_offset, producer));
            transactions.ending.push_back((first_offset, last_offset));
            if !marker.commit {
                let last_stable_offset =
                    transactions.open.first().map_or(last_offset + 1, |(offset, _)| *offset);
                let aborted = AbortedTransaction {
                    producer_id: producer,
                    first_offset,
                    last_offset,
                    last_stable_offset,
                };
                transactions.aborted.push(aborted);
            }
        }
        Some(Undo { producer, before, batch: None, marker: Some(last_offset) })
    }

    /// Makes the changes of an undone batch to the open and aborted transactions not have been. Then `before` is the
    /// producer's state.
    pub(super) fn undo_transaction(&mut self, undo: &Undo) {
        let transactions = &mut self.transactions;
        if let Some(marker) = undo.marker {
            if transactions.ending.back().is_some_and(|(_, last)| *last == marker) {
                transactions.ending.pop_back();
            }
            if transactions.aborted.last().is_some_and(|aborted| aborted.last_offset == marker) {
                transactions.aborted.pop();
            }
        }
        if let Some(open) = self.known.get(&undo.producer).and_then(|state| state.open) {
            transactions.open.remove(&(open, undo.producer));
        }
        if let Some(open) = undo.before.as_ref().and_then(|state| state.open) {
            transactions.open.insert((open, undo.producer));
        }
    }

    /// Storage has everything below `log_end_offset`.
    pub(crate) fn stored(&mut self, log_end_offset: Offset) {
        let ending = &mut self.transactions.ending;
        while ending.front().is_some_and(|(_, last)| *last < log_end_offset) {
            ending.pop_front();
        }
    }

    /// The first offset of which it is not decided whether its transaction counts.
    pub(crate) fn first_undecided(&self) -> Option<Offset> {
        let open = self.transactions.open.first().map(|(offset, _)| *offset);
        let ending = self.transactions.ending.iter().map(|(first, _)| *first).min();
        open.into_iter().chain(ending).min()
    }

    /// The aborted transactions with something from `from` on and below `to`, by their last offset.
    pub(crate) fn aborted_between(&self, from: Offset, to: Offset) -> Vec<AbortedTransaction> {
        let aborted = &self.transactions.aborted;
        let rest = &aborted[aborted.partition_point(|aborted| aborted.last_offset < from)..];
        // Behind one at which all below `to` was decided, none reaches below it.
        let decided = rest.iter().position(|aborted| aborted.last_stable_offset >= to);
        let rest = &rest[..decided.map_or(rest.len(), |last| last + 1)];
        rest.iter().filter(|aborted| aborted.first_offset < to).copied().collect()
    }

    /// The log begins at `log_start_offset` now.
    pub(crate) fn forget_aborted_below(&mut self, log_start_offset: Offset) {
        let aborted = &mut self.transactions.aborted;
        let gone = aborted.partition_point(|aborted| aborted.last_offset < log_start_offset);
        aborted.drain(..gone);
    }

    /// The log was cut off at `end`, below what these states are of. What they say of the producers does not hold any more (one
    /// that is not known may go on with any sequence), but of transactions it is told what is left: one whose end was cut off
    /// stays aborted, as its coordinator has decided it.
    pub(crate) fn cut_off(&mut self, end: Offset) {
        let mut aborted = std::mem::take(&mut self.transactions.aborted);
        aborted.retain(|aborted| aborted.first_offset < end);
        for aborted in &mut aborted {
            aborted.last_offset = aborted.last_offset.min(end - 1);
            aborted.last_stable_offset = aborted.last_stable_offset.min(end);
        }
        let open: Vec<(ProducerId, ProducerState)> = self
            .known
            .iter()
            .filter(|(_, state)| state.open.is_some_and(|open| open < end))
            .map(|(producer, state)| {
                let state = ProducerState { batches: VecDeque::new(), ..state.clone() };
                (*producer, state)
            })
            .collect();
        *self = ProducerStates::default();
        self.transactions.aborted = aborted;
        for (producer, state) in open {
            self.transactions.open.extend(state.open.map(|open| (open, producer)));
            self.known.insert(producer, state);
        }
    }

    /// All that are known.
    pub(crate) fn active(&self) -> impl Iterator<Item = ActiveProducer> {
        self.known.iter().map(|(producer, state)| ActiveProducer {
            producer_id: *producer,
            epoch: state.epoch,
            last_sequence: state.batches.back().map_or(-1, |last| last.last_sequence),
            last_timestamp: state.last_timestamp,
            coordinator_epoch: state.coordinator_epoch,
            open: state.open,
        })
    }
}
