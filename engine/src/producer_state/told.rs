//! What a snapshot of producers' states says, for a storage that keeps it as Apache Kafka does.

use super::{AbortedTransaction, ProducerStates};
use crate::types::{Offset, ProducerId};

/// What a snapshot of the kind [`ProducerState`](crate::SnapshotKind::ProducerState) says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ProducersSnapshot {
    /// The producers, by rising id.
    pub producers: Vec<ProducerEntry>,
    /// The aborted transactions whose marker is not below the log's start, by rising last offset.
    pub aborted: Vec<AbortedTransaction>,
}

/// What Kafka's own snapshot has of a producer (`ProducerSnapshot.json`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProducerEntry {
    /// The producer's id.
    pub producer_id: ProducerId,
    /// Its epoch.
    pub epoch: i16,
    /// The last sequence of its last batch, -1 without one.
    pub last_sequence: i32,
    /// The last offset of its last batch, -1 without one.
    pub last_offset: Offset,
    /// The last offset of its last batch less the first.
    pub offset_delta: i32,
    /// The greatest timestamp of its batches in milliseconds since 1970, -1 if they have none.
    pub timestamp: i64,
    /// The coordinator's epoch of the last marker, -1 without one.
    pub coordinator_epoch: i32,
    /// The first offset of the transaction that it has open, -1 without one.
    pub current_txn_first_offset: Offset,
}

impl ProducersSnapshot {
    /// Reads a snapshot; none if the bytes are not one.
    #[must_use]
    pub fn parse(snapshot: &[u8]) -> Option<ProducersSnapshot> {
        let states = ProducerStates::decode(snapshot)?;
        let producers = states.known.iter().map(|(&producer_id, state)| {
            let last = state.batches.back();
            // Sequences go round as `last_sequence` has them do.
            let offset_delta =
                last.map_or(0, |last| last.last_sequence.wrapping_sub(last.base_sequence) & i32::MAX);
            ProducerEntry {
                producer_id,
                epoch: state.epoch,
                last_sequence: last.map_or(-1, |last| last.last_sequence),
                last_offset: last.map_or(-1, |last| last.base_offset + i64::from(offset_delta)),
                offset_delta,
                timestamp: state.last_timestamp.max(-1),
                coordinator_epoch: state.coordinator_epoch,
                current_txn_first_offset: state.open.unwrap_or(-1),
            }
        });
        Some(ProducersSnapshot { producers: producers.collect(), aborted: states.transactions.aborted })
    }
}
