//! A storage whose operations wait until they are told how to end. It keeps to the contract of `storage_op.rs`.

use headwater_driver::{LogStorage, MemoryDisk, MemoryStorage};
use headwater_engine::{LogId, NotAppliedReason, OpId, StorageError, StorageOp, StorageResult};

/// How an operation ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fate {
    Done,
    /// A write is refused; a read fails.
    Refused(NotAppliedReason),
    UnknownApplied,
    UnknownNotApplied,
}

#[derive(Debug)]
struct Waiting {
    id: OpId,
    op: StorageOp,
    /// It is built upon an append that was not applied.
    doomed: bool,
}

#[derive(Debug)]
pub(crate) struct Storage {
    disk: MemoryDisk,
    memory: MemoryStorage,
    waiting: Vec<Waiting>,
}

impl Storage {
    pub(crate) fn over(disk: &MemoryDisk) -> Storage {
        Storage { disk: disk.clone(), memory: MemoryStorage::open(disk), waiting: Vec::new() }
    }

    pub(crate) fn disk(&self) -> &MemoryDisk {
        &self.disk
    }

    pub(crate) fn submit(&mut self, id: OpId, op: StorageOp) {
        self.waiting.push(Waiting { id, op, doomed: false });
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Ends an operation that waits, the one at `index` or the one that has to go before it; none if there is none.
    pub(crate) fn end(&mut self, index: usize, fate: Fate) -> Option<(OpId, StorageResult)> {
        let chosen = self.waiting.get(index)?;
        let log = chosen.op.log();
        let first = |waiting: &Waiting| is_write(&waiting.op) && waiting.op.log() == log;
        let index =
            if is_write(&chosen.op) { self.waiting.iter().position(first).unwrap_or(index) } else { index };
        let waiting = self.waiting.remove(index);
        let result = if waiting.doomed {
            refused(NotAppliedReason::OutOfSequence)
        } else {
            self.execute(waiting.id, waiting.op.clone(), fate)
        };
        let applied = matches!(fate, Fate::Done | Fate::UnknownApplied) && !waiting.doomed;
        let refused = result.is_err() && !(applied && matches!(result, Err(StorageError::Unknown { .. })));
        if refused && is_append(&waiting.op) {
            self.doom(log);
        }
        Some((waiting.id, result))
    }

    fn doom(&mut self, log: LogId) {
        let built_upon =
            self.waiting.iter_mut().filter(|waiting| is_append(&waiting.op) && waiting.op.log() == log);
        built_upon.for_each(|waiting| waiting.doomed = true);
    }

    fn execute(&mut self, id: OpId, op: StorageOp, fate: Fate) -> StorageResult {
        let unknown = || Err(StorageError::Unknown { message: "the storage went silent".to_owned() });
        match fate {
            Fate::Refused(reason) => return refused(reason),
            Fate::UnknownNotApplied => return unknown(),
            Fate::Done | Fate::UnknownApplied => {}
        }
        self.memory.submit(id, op);
        self.memory.flush();
        match self.memory.poll_completion() {
            Some((_, Ok(_))) if fate == Fate::UnknownApplied => unknown(),
            Some((_, result)) => result,
            None => unknown(),
        }
    }
}

fn refused(reason: NotAppliedReason) -> StorageResult {
    Err(StorageError::NotApplied { reason, message: format!("{reason:?}") })
}

fn is_append(op: &StorageOp) -> bool {
    matches!(op, StorageOp::Append { .. })
}

fn is_write(op: &StorageOp) -> bool {
    !matches!(op, StorageOp::Load { .. } | StorageOp::Read { .. })
}
