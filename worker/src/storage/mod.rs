//! Logs in IndexedDB.
//!
//! A segment is kept as *rows* of up to a mebibyte of consecutive batches, keyed so that a range of bytes is one request
//! (docs/format.md). Everything that queued up goes into one transaction; up to four are in flight, and each checks that
//! it follows its predecessor. In memory are the keys of the rows and the few rows used last.
//!
//! * `keys`, `index`, `plan`, `rollup`, `cache`, `state`: what to do. They know nothing of a browser.
//! * `database`, `transaction`, `read`, `snapshots`, `open`: doing it.
//! * `core`: the queue, what is in flight, and what happens when a transaction is aborted.

mod cache;
mod core;
mod database;
mod index;
mod keys;
mod open;
mod plan;
mod read;
mod reserve;
mod rollup;
mod snapshots;
mod state;
mod transaction;
mod upgrade;

use std::cell::RefCell;
use std::rc::Rc;

use headwater_driver::LogStorage;
use headwater_engine::{OpId, StorageOp, StorageResult};

pub(crate) use self::database::describe;
/// What the baseline of the benches needs.
#[cfg(feature = "bench")]
pub(crate) mod raw {
    pub(crate) use super::database::{Ended, Running, read};
}
pub(crate) use self::open::destroy;

/// The name of the database in which a broker keeps its logs.
#[must_use]
pub fn database_name(cluster: &str, node_id: i32) -> String {
    format!("headwater-{cluster}-{node_id}")
}

/// A [`LogStorage`] in an IndexedDB database.
pub struct IndexedDbStorage {
    core: Rc<RefCell<core::Core>>,
}

impl IndexedDbStorage {
    /// Opens a database, or makes it, and takes it over from whoever had it open.
    ///
    /// `wake` is called when outcomes are there to be polled, perhaps more often; it must not call the storage, but
    /// have somebody do so soon.
    ///
    /// # Errors
    ///
    /// When the browser refuses, or what is there is not of this format; in words for people.
    pub async fn open(name: &str, wake: Rc<dyn Fn()>) -> Result<IndexedDbStorage, String> {
        let opened = open::open(name).await?;
        Ok(IndexedDbStorage { core: Rc::new(RefCell::new(core::Core::new(opened, wake))) })
    }

    /// How many transactions were committed since it was opened.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.core.borrow().commits
    }

    /// How many logs there are.
    #[must_use]
    pub fn logs(&self) -> usize {
        self.core.borrow().logs()
    }

    /// Whether there are outcomes that were not told.
    #[must_use]
    pub fn has_outcomes(&self) -> bool {
        self.core.borrow().has_ended()
    }
}

impl LogStorage for IndexedDbStorage {
    fn submit(&mut self, id: OpId, op: StorageOp) {
        self.core.borrow_mut().submit(id, op);
    }

    fn flush(&mut self) {
        self.core.borrow_mut().flush();
        core::advance(&self.core);
    }

    fn poll_completion(&mut self) -> Option<(OpId, StorageResult)> {
        self.core.borrow_mut().poll_completion()
    }

    fn poll_read(&mut self) -> Option<(OpId, StorageResult)> {
        self.core.borrow_mut().poll_read()
    }
}

impl Drop for IndexedDbStorage {
    fn drop(&mut self) {
        self.core.borrow_mut().close();
    }
}
