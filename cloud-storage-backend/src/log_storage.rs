//! Logs in a bucket, of one broker: its [`LogStorage`].
//!
//! What changes is a record of a *stream*, one partition of a journal: all that was asked for while the record before was on
//! its way, so that it is durable in one request, and all or nothing. The state is the fold over the stream, and in memory; bytes
//! are in the records until a *checkpoint* puts them into an object, or in an object at once where they are many. The stream then
//! begins at what the checkpoint does not have, and the journal deletes the rest. Opening reads the checkpoint and what came since.
//!
//! Whoever opens it claims the next *epoch* in the journal, and every record is under a fence of that: an elder owner writes
//! nothing more. Objects have the epoch in their names, so no two owners write one.
//!
//! * `content`, `state`, `record`: what there is, and how it is written. They know nothing of a store.
//! * `stream`, `objects`, `cache`: where it is.
//! * `open`, `owner`, `group`, `checkpoint`: what happens.

mod cache;
mod checkpoint;
mod content;
mod group;
mod objects;
mod open;
mod owner;
mod record;
mod state;
mod stream;

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_channel::mpsc;
use headwater_driver::{LogStorage, Refusals};
use headwater_engine::{LogId, NotAppliedReason, OpId, StorageError, StorageOp, StorageResult};

use self::owner::Owner;
use crate::error::OpenError;
use crate::journal::Journal;
use crate::runtime;

/// What can be chosen.
#[derive(Clone, Copy, Debug)]
pub struct BucketOptions {
    /// A checkpoint is made when so many bytes are in memory only. Nothing more is taken in at twice as many.
    pub memory_bytes: u64,
    /// And when the last one is so many records ago: what an opening has to read.
    pub tail_records: u64,
}

impl Default for BucketOptions {
    fn default() -> BucketOptions {
        BucketOptions { memory_bytes: 8 * 1024 * 1024, tail_records: 1_000 }
    }
}

/// A [`LogStorage`] in a bucket. The journal is its alone.
pub struct BucketStorage {
    shared: Arc<Shared>,
    /// Where it is done.
    owner: mpsc::UnboundedSender<Vec<Queued>>,
    submitted: Vec<Queued>,
    next: u64,
}

/// An operation, and how many were submitted before it.
struct Queued {
    number: u64,
    id: OpId,
    op: StorageOp,
}

struct Shared {
    ended: Mutex<VecDeque<Ended>>,
    refusals: Mutex<Refusals>,
    wake: Box<dyn Fn() + Send + Sync>,
}

struct Ended {
    id: OpId,
    result: StorageResult,
    /// The log, where this is a refusal that others may be built upon.
    refused: Option<LogId>,
}

impl fmt::Debug for BucketStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BucketStorage").field("next", &self.next).finish_non_exhaustive()
    }
}

impl BucketStorage {
    /// Opens all logs of a journal and takes them over from whoever had them.
    ///
    /// `wake` is called when outcomes are there to be polled, perhaps more often; it must not call the storage, but have
    /// somebody do so soon.
    ///
    /// # Errors
    ///
    /// When the store cannot be used, or what is there is not what an owner wrote.
    pub async fn open(
        journal: &Journal,
        options: BucketOptions,
        wake: impl Fn() + Send + Sync + 'static,
    ) -> Result<BucketStorage, OpenError> {
        let opened = open::open(journal).await?;
        let shared =
            Arc::new(Shared { ended: Mutex::default(), refusals: Mutex::default(), wake: Box::new(wake) });
        let (owner, operations) = mpsc::unbounded();
        runtime::spawn(Owner::new(opened, options, Arc::clone(&shared), operations).run());
        Ok(BucketStorage { shared, owner, submitted: Vec::new(), next: 0 })
    }
}

impl LogStorage for BucketStorage {
    fn submit(&mut self, id: OpId, op: StorageOp) {
        self.submitted.push(Queued { number: self.next, id, op });
        self.next += 1;
    }

    fn flush(&mut self) {
        if self.submitted.is_empty() {
            return;
        }
        if let Err(unsent) = self.owner.unbounded_send(std::mem::take(&mut self.submitted)) {
            // Only when the runtime was shut down.
            for queued in unsent.into_inner() {
                let error = not_applied(NotAppliedReason::Failed, "the storage was stopped".to_owned());
                self.shared.end(Ended { id: queued.id, result: Err(error), refused: None });
            }
        }
    }

    fn poll_completion(&mut self) -> Option<(OpId, StorageResult)> {
        let ended = lock(&self.shared.ended).pop_front()?;
        if let Some(log) = ended.refused {
            lock(&self.shared.refusals).told(log, self.next);
        }
        Some((ended.id, ended.result))
    }
}

impl Shared {
    fn end(&self, ended: Ended) {
        lock(&self.ended).push_back(ended);
        (self.wake)();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that holds a lock can panic half-way through a change.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn not_applied(reason: NotAppliedReason, message: String) -> StorageError {
    StorageError::NotApplied { reason, message }
}
