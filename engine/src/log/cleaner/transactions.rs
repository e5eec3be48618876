//! Which batches belong to transactions that were aborted, and which markers are needed no more.

use crate::producer_state::AbortedTransaction;
use crate::record::{EndMarker, RecordBatch};
use crate::sorted::SortedSet;
use crate::types::ProducerId;

/// What was read of transactions so far, in the order of offsets.
#[derive(Clone, Debug)]
pub(super) struct Transactions {
    /// Those that are aborted and begin later, by falling first offset.
    later: Vec<AbortedTransaction>,
    /// Producers whose transaction here is one that was aborted.
    aborted: SortedSet<ProducerId>,
    /// Producers of which a batch was seen since their last marker.
    seen: SortedSet<ProducerId>,
}

impl Transactions {
    pub(super) fn new(aborted: &[AbortedTransaction]) -> Transactions {
        let mut later = aborted.to_vec();
        later.sort_unstable_by_key(|aborted| std::cmp::Reverse(aborted.first_offset));
        Transactions { later, aborted: SortedSet::new(), seen: SortedSet::new() }
    }

    /// Takes a batch in. Whether it can go: one of an aborted transaction, or the marker of a transaction of which nothing is
    /// left.
    ///
    /// The marker of an aborted one stays. Consumers are told of the transaction as long as its producer is known, and take
    /// it for open until they see the marker.
    pub(super) fn can_go(&mut self, batch: RecordBatch<'_>) -> bool {
        while let Some(begun) = self.later.pop_if(|aborted| aborted.first_offset <= batch.base_offset()) {
            self.aborted.insert(begun.producer_id);
        }
        let producer = batch.producer_id();
        if batch.is_control() {
            let nothing_left = !self.seen.remove(&producer);
            self.aborted.remove(&producer);
            return nothing_left && EndMarker::of(batch).is_some_and(|marker| marker.commit);
        }
        if !batch.is_transactional() {
            return false;
        }
        self.seen.insert(producer);
        self.aborted.contains(&producer)
    }
}
