//! Loads and reads on their way.

use std::cell::RefCell;
use std::rc::Rc;

use bytes::Bytes;
use headwater_engine::{Applied, LogId, NotAppliedReason, OpId, StorageOp, StoredLog};
use wasm_bindgen_futures::spawn_local;

use super::{Core, MAX_READ_TRIES, Queued, advance, not_applied};
use crate::storage::keys::ChunkKey;
use crate::storage::read::{self, ReadPlan};
use crate::storage::snapshots;

/// Reads the snapshots of a log; its segments are known.
pub(super) fn start_load(core: &Core, shared: &Rc<RefCell<Core>>, id: OpId, log: LogId) {
    let segments = core.index.segments(log);
    let snapshots = snapshots::start(&core.database, log);
    let shared = shared.clone();
    spawn_local(async move {
        let result = match snapshots {
            Ok(snapshots) => snapshots.finish().await,
            Err(error) => Err(error),
        };
        let result = match result {
            Ok((snapshots, log_start_offset)) => {
                Ok(Applied::Loaded(StoredLog { segments, snapshots, log_start_offset }))
            }
            Err(message) => not_applied(NotAppliedReason::Failed, &message),
        };
        shared.borrow_mut().end(id, result);
        advance(&shared);
    });
}

/// Starts the read at the front of its queue; false when there is none.
pub(super) fn start_read(core: &mut Core, shared: &Rc<RefCell<Core>>) -> bool {
    let Some((queued, tries)) = core.reads.pop_front() else { return false };
    let StorageOp::Read { log, segment, range } = &queued.op else { return true };
    let Some(rows) = core.index.rows(*log, *segment) else {
        core.end(queued.id, Ok(Applied::Read(Bytes::new())));
        return true;
    };
    let segment = core.index.name(*log, *segment);
    let name = ChunkKey { log: *log, segment, position: 0, length: 0 };
    let plan = ReadPlan::new(name, rows, range, &mut core.cache);
    if plan.is_complete() {
        core.end(queued.id, Ok(Applied::Read(plan.bytes())));
        return true;
    }
    // A group that leaves the commit number as it is could not be told from one that was not applied.
    let expected = (tries > 0 && !core.sparing_in_flight).then_some(core.state);
    match read::start(&core.database, plan, expected) {
        Ok(reading) => {
            core.reads_in_flight += 1;
            let shared = shared.clone();
            spawn_local(async move {
                let plan = reading.finish().await;
                end_read(&mut shared.borrow_mut(), queued, tries, plan);
                advance(&shared);
            });
        }
        Err(message) => core.end(queued.id, not_applied(NotAppliedReason::Failed, &message)),
    }
    true
}

fn end_read(core: &mut Core, queued: Queued, tries: u32, plan: Result<Option<ReadPlan>, String>) {
    core.reads_in_flight -= 1;
    let failed = |message: &str| not_applied(NotAppliedReason::Failed, message);
    match plan {
        Ok(Some(plan)) => {
            if let Some((key, row)) = plan.straddling() {
                core.cache.insert(key, row, plan.generation);
            }
            core.end(queued.id, Ok(Applied::Read(plan.bytes())));
        }
        Ok(None) if tries < MAX_READ_TRIES => core.reads.push_front((queued, tries + 1)),
        Ok(None) => core.end(queued.id, failed("the database has lost rows")),
        Err(message) => core.end(queued.id, failed(&message)),
    }
}
