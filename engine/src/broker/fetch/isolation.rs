//! How far a reader may go, and which records it has to leave out (KIP-98).

use kafka_protocol::messages::fetch_response::{AbortedTransaction, PartitionData};

use crate::partition::Partition;
use crate::record::Batches;
use crate::types::Offset;

/// What a reader wants of records in transactions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::broker) enum Isolation {
    /// All that is stored.
    ReadUncommitted,
    /// What lies below the last stable offset, and what of it was aborted.
    ReadCommitted,
}

impl Isolation {
    /// Of a request; Kafka takes every other number for uncommitted, too.
    pub(in crate::broker) fn of(level: i8) -> Isolation {
        if level == 1 { Isolation::ReadCommitted } else { Isolation::ReadUncommitted }
    }

    /// The first offset that such a reader cannot have.
    pub(in crate::broker) fn end<W>(self, partition: &Partition<W>) -> Offset {
        match self {
            Isolation::ReadUncommitted => partition.high_watermark(),
            Isolation::ReadCommitted => partition.log.last_stable_offset(),
        }
    }

    /// Says in an answer that has its records what of them was aborted.
    pub(super) fn tell_aborted<W>(self, partition: &Partition<W>, from: Offset, answer: &mut PartitionData) {
        if self == Isolation::ReadUncommitted {
            return;
        }
        let records = answer.records.as_deref().unwrap_or_default();
        let Some(end) = Batches::new(records).filter_map(Result::ok).last().map(|batch| batch.next_offset())
        else {
            return;
        };
        let aborted = partition.log.producers().aborted_between(from, end);
        let aborted = aborted.iter().map(|aborted| {
            AbortedTransaction::default()
                .with_producer_id(aborted.producer_id.into())
                .with_first_offset(aborted.first_offset)
        });
        answer.aborted_transactions = Some(aborted.collect());
    }
}
