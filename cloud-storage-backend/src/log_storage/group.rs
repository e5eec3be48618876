//! Operations that go into one record.

use std::collections::VecDeque;

use bytes::Bytes;
use headwater_driver::Refusals;
use headwater_engine::{NotAppliedReason, OpId, StorageOp};

use super::content::{Builder, Content, ObjectId};
use super::record::What;
use super::state::{Change, Check, Draft, State};
use super::{Ended, Queued, not_applied};

/// The most operations of a record.
const MAX_OPERATIONS: usize = 1_000;
/// A record takes no more in when it has so many bytes.
const GROUP_BYTES: usize = 8 * 1024 * 1024;
/// More bytes than that go into an object of their own, and the record says where: they are never copied.
const INLINE_BYTES: usize = 192 * 1024;

/// A record that is to be, and who waits for it.
pub(super) struct Group {
    /// In the order in which they are to be told.
    pub(super) ends: Vec<End>,
    pub(super) draft: Draft,
    pub(super) what: What,
    /// The object that has to be written before.
    pub(super) object: Option<Builder>,
    /// Bytes that will be in memory only.
    pub(super) memory_bytes: u64,
}

impl Group {
    /// Whether all of it was refused.
    pub(super) fn is_empty(&self) -> bool {
        !self.ends.iter().any(|end| matches!(end, End::With(_)))
    }
}

/// How an operation ends.
pub(super) enum End {
    /// As the record does.
    With(OpId),
    Refused(Ended),
}

/// The first operations that go into one record, up to a load.
pub(super) fn form(
    queue: &mut VecDeque<Queued>,
    state: &State,
    refusals: &mut Refusals,
    numbers: &mut u64,
    object: ObjectId,
) -> Group {
    let (mut taken, mut bytes) = (Vec::new(), 0);
    while taken.len() < MAX_OPERATIONS
        && bytes < GROUP_BYTES
        && let Some(queued) = pop_if(queue, |op| !matches!(op, StorageOp::Load { .. }))
    {
        bytes += bytes_of(&queued.op);
        taken.push(queued);
    }
    let mut object = (bytes > INLINE_BYTES).then(|| Builder::new(object));
    let (mut ends, mut changes, mut draft) = (Vec::new(), Vec::new(), Draft::default());
    let mut memory_bytes = 0;
    for Queued { number, id, op } in taken {
        let log = op.log();
        let is_append = matches!(op, StorageOp::Append { .. });
        if is_append && refusals.applies_to(log, number) {
            let why = "an append before it was refused".to_owned();
            let error = not_applied(NotAppliedReason::OutOfSequence, why);
            ends.push(End::Refused(Ended { id, result: Err(error), refused: None }));
            continue;
        }
        if let Err(error) = draft.check(state, log, &check_of(&op)) {
            if is_append {
                refusals.refused(log);
            }
            let refused = is_append.then_some(log);
            ends.push(End::Refused(Ended { id, result: Err(error), refused }));
            continue;
        }
        let mut place = |bytes: Bytes| match &mut object {
            Some(builder) => builder.add(&bytes),
            None => {
                *numbers += 1;
                memory_bytes += bytes.len() as u64;
                Content::memory(*numbers, bytes)
            }
        };
        if let Some(change) = change_of(op, &mut place) {
            draft.apply(state, log, change.clone());
            changes.push((log, change));
            ends.push(End::With(id));
        }
    }
    let object = object.filter(|builder| builder.length > 0);
    let named = object.as_ref().map(|builder| (builder.object(), builder.length));
    let what = What::Changes { object: named, changes };
    Group { ends, draft, what, object, memory_bytes }
}

/// The first operation if it is such a one.
pub(super) fn pop_if(queue: &mut VecDeque<Queued>, is_wanted: impl Fn(&StorageOp) -> bool) -> Option<Queued> {
    queue.front().is_some_and(|queued| is_wanted(&queued.op)).then(|| queue.pop_front()).flatten()
}

fn bytes_of(op: &StorageOp) -> usize {
    match op {
        StorageOp::Append { batches, .. } | StorageOp::AppendCleaned { batches, .. } => batches.len(),
        StorageOp::PutSnapshot { snapshot, .. } => snapshot.len(),
        _ => 0,
    }
}

fn check_of(op: &StorageOp) -> Check {
    match op {
        StorageOp::Append { segment, position, .. } => {
            Check::Append { segment: *segment, position: *position }
        }
        StorageOp::AppendCleaned { segment, position, .. } => {
            Check::AppendCleaned { segment: *segment, position: *position }
        }
        StorageOp::Truncate { segment, position, .. } => {
            Check::Truncate { segment: *segment, position: *position }
        }
        StorageOp::ReplaceSegments { segments, size, .. } => {
            Check::ReplaceSegments { segments: segments.clone(), size: *size }
        }
        _ => Check::None,
    }
}

/// None for what changes nothing.
fn change_of(op: StorageOp, place: &mut dyn FnMut(Bytes) -> Content) -> Option<Change> {
    Some(match op {
        StorageOp::Append { segment, position, batches, .. } => {
            Change::Append { segment, position, content: place(batches) }
        }
        StorageOp::PutSnapshot { kind, offset, snapshot, .. } => {
            Change::PutSnapshot { kind, offset, content: place(snapshot) }
        }
        StorageOp::DeleteSnapshot { kind, offset, .. } => Change::DeleteSnapshot { kind, offset },
        StorageOp::Truncate { offset, segment, position, .. } => {
            Change::Truncate { offset, segment, position }
        }
        StorageOp::DeleteSegments { before, log_start_offset, .. } => {
            Change::DeleteSegments { before, log_start_offset }
        }
        StorageOp::AppendCleaned { segment, position, batches, .. } => {
            Change::AppendCleaned { segment, position, content: place(batches) }
        }
        StorageOp::ReplaceSegments { segments, size, .. } => Change::ReplaceSegments { segments, size },
        StorageOp::Delete { .. } => Change::Delete,
        StorageOp::Load { .. } | StorageOp::Read { .. } => return None,
    })
}
