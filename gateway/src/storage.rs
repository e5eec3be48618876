//! The storages that a broker can have here.

use headwater_driver::{LogStorage, MemoryDisk, MemoryStorage};
use headwater_engine::{NodeId, OpId, StorageOp, StorageResult};

use crate::args::StorageChoice;

/// A storage of either kind.
#[derive(Debug)]
pub(crate) enum Storage {
    Memory(MemoryStorage),
}

impl Storage {
    /// Opens the storage of a broker.
    ///
    /// # Errors
    ///
    /// A sentence, when it cannot be opened or somebody else has it.
    pub(crate) fn open(choice: &StorageChoice, _node_id: NodeId) -> Result<Storage, String> {
        match choice {
            StorageChoice::Memory => Ok(Storage::Memory(MemoryStorage::open(&MemoryDisk::new()))),
            StorageChoice::Directory(_) => Err("this build cannot keep records in a directory".to_owned()),
        }
    }
}

impl LogStorage for Storage {
    fn submit(&mut self, id: OpId, op: StorageOp) {
        match self {
            Storage::Memory(storage) => storage.submit(id, op),
        }
    }

    fn flush(&mut self) {
        match self {
            Storage::Memory(storage) => storage.flush(),
        }
    }

    fn poll_completion(&mut self) -> Option<(OpId, StorageResult)> {
        match self {
            Storage::Memory(storage) => storage.poll_completion(),
        }
    }
}
