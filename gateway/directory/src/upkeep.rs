//! The thread for what has time: syncing in the background, and indexes for Kafka's tools.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use headwater_engine::{LogId, Offset, SnapshotKind};

use crate::handles::Handle;
use crate::kafka_index;
use crate::shared::Shared;
use crate::writer::sync_all;

/// Something to do when there is time.
pub(crate) enum Task {
    /// Puts a segment's bytes on the medium.
    Sync(Arc<Handle>),
    /// A snapshot was kept: if it is a segment's index, the segment is complete.
    Index { log: LogId, end_offset: Offset, kind: SnapshotKind },
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
            Ok(Task::Index { log, end_offset, kind: SnapshotKind::SegmentIndex }) => {
                if kafka_index::make(shared, log, end_offset).is_err() {
                    shared.counts.index_failures.fetch_add(1, Ordering::Relaxed);
                }
            }
            Ok(Task::Index { .. }) => {}
            Err(RecvTimeoutError::Timeout) => {
                sync_all(shared);
                flushed = Instant::now();
            }
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}
