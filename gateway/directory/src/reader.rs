//! The thread that reads, so that nobody who reads waits for a sync.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use headwater_engine::{Applied, NotAppliedReason, StorageError, StorageOp, StorageResult};

use crate::names;
use crate::shared::{Ended, Queued, Shared, View, read};

/// Works until the storage is closed.
pub(crate) fn run(shared: &Shared) {
    while let Some(queued) = shared.reads.take() {
        let outcomes: Vec<Ended> = queued
            .into_iter()
            .map(|Queued { id, op, .. }| Ended { id, result: answer(shared, &op), refused: None })
            .collect();
        shared.end(outcomes);
    }
}

fn answer(shared: &Shared, op: &StorageOp) -> StorageResult {
    // A log that was deleted meanwhile has no bytes.
    let bytes = match shared.view(op.log()) {
        Some(view) => read_from(shared, &view, op),
        None => Ok(Bytes::new()),
    };
    bytes.map(Applied::Read).map_err(|error| StorageError::NotApplied {
        reason: NotAppliedReason::Failed,
        message: format!("reading a segment: {error}"),
    })
}

fn read_from(shared: &Shared, view: &Arc<View>, op: &StorageOp) -> io::Result<Bytes> {
    let StorageOp::Read { log, segment, range } = op else {
        return Ok(Bytes::new());
    };
    // Held while bytes are read: nothing is cut off and nothing replaced meanwhile.
    let segments = read(&view.segments);
    let size = segments.get(segment).map_or(0, |size| size.load(std::sync::atomic::Ordering::Acquire));
    let (start, end) = (range.start.min(size), range.end.min(size));
    let length = usize::try_from(end.saturating_sub(start)).unwrap_or(0);
    if length == 0 {
        return Ok(Bytes::new());
    }
    let path = view.folder.join(names::segment(*segment));
    let handle = shared.open((*log, *segment), &path, false)?;
    let mut buffer = vec![0; length];
    let count = handle.file.read_at(&mut buffer, start)?;
    buffer.truncate(count);
    Ok(Bytes::from(buffer))
}
