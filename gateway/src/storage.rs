//! The storages that a broker can have here.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use headwater_directory_storage::{DirectoryOptions, DirectoryStorage};
use headwater_driver::{LogStorage, MemoryDisk, MemoryStorage};
use headwater_engine::{LogId, NodeId, OpId, StorageOp, StorageResult, Uuid};
use tokio::sync::Notify;

use crate::args::StorageChoice;

/// A storage of either kind.
pub(crate) enum Storage {
    Memory(MemoryStorage),
    /// Each broker has a directory of its own under the one that was given, called by its number.
    Directory(Box<DirectoryStorage>),
}

impl Storage {
    /// Opens the storage of a broker. `wake` is rung when outcomes are there.
    ///
    /// # Errors
    ///
    /// A sentence, when it cannot be opened or somebody else has it.
    pub(crate) fn open(
        choice: &StorageChoice,
        node_id: NodeId,
        wake: &Arc<Notify>,
    ) -> Result<Storage, String> {
        match choice {
            StorageChoice::Memory => Ok(Storage::Memory(MemoryStorage::open(&MemoryDisk::new()))),
            StorageChoice::Directory(path) => {
                let options = DirectoryOptions::default();
                let wake = Arc::clone(wake);
                let opened =
                    DirectoryStorage::open(directory_of(path, node_id), &options, move || wake.notify_one());
                opened.map(|storage| Storage::Directory(Box::new(storage))).map_err(|error| error.to_string())
            }
        }
    }
}

/// Where the logs of a broker lie, as `log.dirs` says it: an absolute path where it can be had.
pub(crate) fn place_of(choice: &StorageChoice, node_id: NodeId) -> String {
    match choice {
        StorageChoice::Memory => "memory".to_owned(),
        StorageChoice::Directory(path) => {
            let directory = directory_of(path, node_id);
            std::path::absolute(&directory).unwrap_or(directory).display().to_string()
        }
    }
}

fn directory_of(path: &Path, node_id: NodeId) -> PathBuf {
    path.join(node_id.to_string())
}

impl std::fmt::Debug for Storage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Storage::Memory(_) => "Memory",
            Storage::Directory(_) => "Directory",
        })
    }
}

impl LogStorage for Storage {
    fn submit(&mut self, id: OpId, op: StorageOp) {
        match self {
            Storage::Memory(storage) => storage.submit(id, op),
            Storage::Directory(storage) => storage.submit(id, op),
        }
    }

    fn flush(&mut self) {
        match self {
            Storage::Memory(storage) => storage.flush(),
            Storage::Directory(storage) => storage.flush(),
        }
    }

    fn poll_completion(&mut self) -> Option<(OpId, StorageResult)> {
        match self {
            Storage::Memory(storage) => storage.poll_completion(),
            Storage::Directory(storage) => storage.poll_completion(),
        }
    }

    fn flush_every(&mut self, log: LogId, every: Option<Duration>) {
        match self {
            Storage::Memory(storage) => storage.flush_every(log, every),
            Storage::Directory(storage) => storage.flush_every(log, every),
        }
    }

    fn wants_name(&self, log: LogId) -> bool {
        match self {
            Storage::Memory(storage) => storage.wants_name(log),
            Storage::Directory(storage) => storage.wants_name(log),
        }
    }

    fn name_topic(&mut self, topic_id: Uuid, name: &str) {
        match self {
            Storage::Memory(storage) => storage.name_topic(topic_id, name),
            Storage::Directory(storage) => storage.name_topic(topic_id, name),
        }
    }
}
