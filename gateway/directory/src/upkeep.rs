//! The thread for what has time: syncing in the background, and indexes for Kafka's tools.

use std::collections::BTreeMap;
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
use crate::writer::sync;

/// Something to do when there is time.
pub(crate) enum Task {
    /// What a log has waits so long for the medium at the most; none for as long as the operating system likes.
    FlushEvery { log: LogId, every: Option<Duration> },
    /// Puts a segment's bytes on the medium.
    Sync(Arc<Handle>),
    /// The segment that ends there is complete: makes Kafka's indexes of it.
    Index { log: LogId, end_offset: Offset },
    /// Makes Kafka's index of the aborted transactions of all segments that the producers' states at an offset tell of.
    IndexTransactions { log: LogId, told_at: Offset },
    /// A log was opened: looks for indexes that are missing or do not fit.
    Check { log: LogId },
}

/// The most often that is looked whether something is to be synced.
const SHORTEST: Duration = Duration::from_millis(1);
/// What is as good as never, and can be added to any time.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3_600);

/// Works until nobody can give it tasks any more.
pub(crate) fn run(shared: &Shared, tasks: &Receiver<Task>) {
    let mut flushes = Flushes::default();
    loop {
        let task = match flushes.sync_due(shared) {
            Some(next) => tasks.recv_timeout(next.saturating_duration_since(Instant::now())),
            None => tasks.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match task {
            Ok(Task::Sync(handle)) => sync(shared, &handle),
            Ok(Task::FlushEvery { log, every: Some(every) }) => {
                flushes.every.insert(log, every.clamp(SHORTEST, LONGEST));
            }
            Ok(Task::FlushEvery { log, every: None }) => drop(flushes.every.remove(&log)),
            Ok(Task::Index { log, end_offset }) => count(shared, &kafka_index::make(shared, log, end_offset)),
            Ok(Task::IndexTransactions { log, told_at }) => {
                count(shared, &transaction_index::make(shared, log, told_at));
            }
            Ok(Task::Check { log }) => count(shared, &kafka_index::check(shared, log)),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// How long what is written may wait until it is on the medium (`flush.ms`), for the logs that have such a time.
#[derive(Default)]
struct Flushes {
    every: BTreeMap<LogId, Duration>,
}

impl Flushes {
    /// Syncs what has waited for as long as it may; when to look again.
    fn sync_due(&mut self, shared: &Shared) -> Option<Instant> {
        let shortest = *self.every.values().min()?;
        let now = Instant::now();
        // Whatever is written meanwhile may wait for so long at the least.
        let mut next = now + shortest;
        for (log, handle) in shared.handles.unsynced() {
            let Some((every, since)) = self.every.get(&log).zip(handle.unsynced_since()) else { continue };
            if since + *every <= now {
                sync(shared, &handle);
            } else {
                next = next.min(since + *every);
            }
        }
        Some(next)
    }
}

/// What only Kafka's tools need holds nobody up.
fn count(shared: &Shared, made: &io::Result<()>) {
    if made.is_err() {
        shared.counts.index_failures.fetch_add(1, Ordering::Relaxed);
    }
}
