//! Storage operations under way, and on whose behalf.

use std::collections::VecDeque;

use crate::sorted::SortedMap;
use crate::storage_op::{LogId, OpId, StorageOp};
use crate::types::Offset;

/// Who is told how an operation ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Owner {
    /// The partition's oldest pending append.
    Append(LogId),
    /// The recovery of a log.
    Recovery(LogId),
    /// One partition of a Fetch, by its topic's and its own place in the request.
    Fetch { fetch: u64, topic: usize, partition: usize },
    /// A search for a timestamp.
    Search(u64),
    /// A search for a record that somebody wants to look at, by its number and how many bytes are read.
    Description(u64, usize),
    /// A step of moving a log's start.
    LogStart(LogId),
    /// The step of a log's compaction.
    Cleaning(LogId),
    /// Nobody waits, but a snapshot of the producers' states is counted on once it is there.
    KeepProducers(LogId, Offset),
    /// Nobody waits; an error is worth an event.
    Upkeep(LogId),
}

#[derive(Debug, Default)]
pub(super) struct Ops {
    next: u64,
    queue: VecDeque<(OpId, StorageOp)>,
    owners: SortedMap<OpId, Owner>,
}

impl Ops {
    pub(super) fn submit(&mut self, op: StorageOp, owner: Owner) -> OpId {
        let id = OpId(self.next);
        self.next += 1;
        self.owners.insert(id, owner);
        self.queue.push_back((id, op));
        id
    }

    pub(super) fn poll(&mut self) -> Option<(OpId, StorageOp)> {
        self.queue.pop_front()
    }

    pub(super) fn complete(&mut self, id: OpId) -> Option<Owner> {
        self.owners.remove(&id)
    }
}
