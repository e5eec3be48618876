//! The thread for what has time: syncing in the background, and indexes for Kafka's tools.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use headwater_engine::{LogId, Offset};

use crate::handles::Handle;
use crate::kafka_index;
use crate::shared::Shared;
use crate::transaction_index;
use crate::writer::sync_all;

/// Something to do when there is time.
pub(crate) enum Task {
    /// Puts a segment's bytes on the medium.
    Sync(Arc<Handle>),
    /// The segment that ends there is complete: makes Kafka's indexes of it.
    Index { log: LogId, end_offset: Offset },
    /// Makes Kafka's index of the aborted transactions of all segments that the producers' states at an offset tell of.
    IndexTransactions { log: LogId, told_at: Offset },
    /// A log was opened: looks for indexes that are missing or do not fit.
    Check { log: LogId },
}

/// Works until nobody can give it tasks any more. `flush_every` has all that was written synced as often.
pub(crate) fn run(shared: &Shared, tasks: &Receiver<Task>, flush_every: Option<Duration>) {
    let mut flushed = Instant::now();
    loop {
        let task = match flush_every {
            Some(every) => tasks.recv_timeout(every.saturating_sub(flushed.elapsed())),
            None => tasks.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match task {
            Ok(Task::Sync(handle)) => {
                if let Err(error) = handle.sync() {
                    shared.fail(&format!("syncing a segment: {error}"));
                }
            }
            Ok(Task::Index { log, end_offset }) => count(shared, &kafka_index::make(shared, log, end_offset)),
            Ok(Task::IndexTransactions { log, told_at }) => {
                count(shared, &transaction_index::make(shared, log, told_at));
            }
            Ok(Task::Check { log }) => count(shared, &kafka_index::check(shared, log)),
            Err(RecvTimeoutError::Timeout) => {
                sync_all(shared);
                flushed = Instant::now();
            }
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// What only Kafka's tools need holds nobody up.
fn count(shared: &Shared, made: &io::Result<()>) {
    if made.is_err() {
        shared.counts.index_failures.fetch_add(1, Ordering::Relaxed);
    }
}
