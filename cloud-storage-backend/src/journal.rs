//! A journal in a store: the protocol's machines, driven.

mod machine;
mod reader;
mod writer;

use std::collections::BTreeMap;

use headwater_journal::{Config, PartitionId};

pub use self::reader::JournalReader;
pub use self::writer::{AppendError, JournalWriter};
use crate::error::OpenError;
use crate::runtime;
use crate::store::Store;

/// A journal. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Journal {
    store: Store,
    config: Config,
}

impl Journal {
    /// The journal under a store's prefix. Where there is none yet, the store is [probed](Store::probe) first; where there is
    /// one, it costs a GET to see that it can be read. `config.prefix` comes after the store's.
    ///
    /// # Errors
    ///
    /// When the store or what is there cannot be used. Nothing was written over.
    pub async fn open(store: Store, config: Config) -> Result<Journal, OpenError> {
        let prefix = format!("{}{}", store.prefix(), config.prefix);
        let journal = Journal { store, config: Config { prefix, ..config } };
        if !journal.store.has_journal(&journal.config).await? {
            journal.store.probe().await?;
        }
        Ok(journal)
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// How it is used; its prefix is that of all keys.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// A writer. Each has one append at a time; those that wait begin in turn.
    ///
    /// # Errors
    ///
    /// When this machine has no entropy.
    pub fn writer(&self) -> Result<JournalWriter, OpenError> {
        Ok(JournalWriter::start(self.store.clone(), self.config.clone(), entropy()?))
    }

    /// A reader of all partitions from these offsets on, or from their beginnings.
    ///
    /// # Errors
    ///
    /// When this machine has no entropy.
    pub fn reader(&self, positions: BTreeMap<PartitionId, i64>) -> Result<JournalReader, OpenError> {
        Ok(JournalReader::new(self.store.clone(), self.config.clone(), entropy()?, positions))
    }
}

fn entropy() -> Result<u64, OpenError> {
    runtime::entropy().map_err(|error| OpenError::Options(format!("this machine has no entropy: {error}")))
}
