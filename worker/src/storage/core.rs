//! What is under way: the queue, the transactions in flight, and what happens when one of them is aborted.
//!
//! Groups are planned as if all before them were done. When one is aborted, those in flight behind it find that it
//! did not do its part and are aborted too. Then the index is read again from the database, and their operations
//! are planned anew: what was built upon something refused is now refused itself, the rest is done.

mod reads;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use bytes::Bytes;
use headwater_driver::Refusals;
use headwater_engine::{Applied, LogId, NotAppliedReason, OpId, StorageError, StorageOp, StorageResult};
use idb::Database;
use wasm_bindgen_futures::spawn_local;
use web_sys::IdbDatabase;

use self::reads::{start_load, start_read};
use super::cache::RowCache;
use super::index::RowIndex;
use super::keys::ChunkKey;
use super::open::{Opened, load};
use super::plan::{Group, Planner, Queued, Refused};
use super::reserve::{self, Reserve};
use super::rollup;
use super::state::State;
use super::transaction::{self, Cause, Outcome};

/// Transactions that may be in flight: the browser works on one while the next ones wait with their data.
const MAX_IN_FLIGHT: usize = 4;

/// Reads that may be in flight.
const MAX_READS: usize = 4;

/// How often a read is planned again when it meets other rows than expected.
const MAX_READ_TRIES: u32 = 4;

/// A storage and all that is under way in it.
pub(super) struct Core {
    database: IdbDatabase,
    _connection: Database,
    wake: Rc<dyn Fn()>,
    phase: Phase,
    /// As the last group in flight leaves it.
    state: State,
    /// As the last group in flight leaves it.
    index: RowIndex,
    cache: RowCache,
    next_number: u64,
    /// Waits for the next flush.
    submitted: Vec<Queued>,
    /// Writes and loads that wait for a transaction, in order.
    queue: VecDeque<Queued>,
    /// Reads that wait, with how often they were tried.
    reads: VecDeque<(Queued, u32)>,
    reads_in_flight: usize,
    /// The logs that each group in flight concerns.
    in_flight: VecDeque<Vec<LogId>>,
    /// Operations of aborted groups, to be planned again.
    again: Vec<Queued>,
    /// There was no room for the last that added to the data.
    scarce: bool,
    /// A group in flight that has to be alone.
    sparing_in_flight: bool,
    reserve: Reserve,
    refusals: Refusals,
    ended: VecDeque<EndedOp>,
    pub(super) commits: u64,
}

enum Phase {
    Running,
    /// A group was aborted: nothing starts until all in flight have ended and the index is read again.
    Recovering,
    /// Nothing will be applied any more.
    Dead(NotAppliedReason, String),
    /// The storage was dropped.
    Dropped,
}

struct EndedOp {
    id: OpId,
    result: StorageResult,
    /// The log, where an append was refused for a reason of its own.
    refused: Option<LogId>,
}

impl Core {
    pub(super) fn new(opened: Opened, wake: Rc<dyn Fn()>) -> Core {
        Core {
            database: opened.database,
            _connection: opened.connection,
            wake,
            phase: Phase::Running,
            state: opened.state,
            index: opened.index,
            cache: RowCache::default(),
            next_number: 0,
            submitted: Vec::new(),
            queue: VecDeque::new(),
            reads: VecDeque::new(),
            reads_in_flight: 0,
            in_flight: VecDeque::new(),
            again: Vec::new(),
            scarce: false,
            sparing_in_flight: false,
            reserve: if opened.has_reserve { Reserve::Held } else { Reserve::Spent },
            refusals: Refusals::default(),
            ended: VecDeque::new(),
            commits: 0,
        }
    }

    /// How many logs there are.
    pub(super) fn logs(&self) -> usize {
        self.index.logs()
    }

    pub(super) fn submit(&mut self, id: OpId, op: StorageOp) {
        self.submitted.push(Queued { number: self.next_number, id, op });
        self.next_number += 1;
    }

    pub(super) fn flush(&mut self) {
        for queued in self.submitted.drain(..) {
            if matches!(queued.op, StorageOp::Read { .. }) {
                self.reads.push_back((queued, 0));
            } else {
                self.queue.push_back(queued);
            }
        }
    }

    pub(super) fn poll_completion(&mut self) -> Option<(OpId, StorageResult)> {
        let ended = self.ended.pop_front()?;
        if let Some(log) = ended.refused {
            self.refusals.told(log, self.next_number);
        }
        Some((ended.id, ended.result))
    }

    /// See [`LogStorage::poll_read`](headwater_driver::LogStorage::poll_read).
    pub(super) fn poll_read(&mut self) -> Option<(OpId, StorageResult)> {
        let is_read = |ended: &EndedOp| matches!(ended.result, Ok(Applied::Loaded(_) | Applied::Read(_)));
        let at = self.ended.iter().position(is_read)?;
        self.ended.remove(at).map(|ended| (ended.id, ended.result))
    }

    /// Whether there are outcomes that were not told.
    pub(super) fn has_ended(&self) -> bool {
        !self.ended.is_empty()
    }

    /// Starts nothing more. What is in flight ends as it may.
    pub(super) fn close(&mut self) {
        self.phase = Phase::Dropped;
        self.queue.clear();
        self.reads.clear();
        self.database.close();
    }

    fn end(&mut self, id: OpId, result: StorageResult) {
        self.ended.push_back(EndedOp { id, result, refused: None });
    }

    /// Answers an operation that was tried and is not applied, or cannot be tried.
    fn refuse(&mut self, queued: &Queued, reason: NotAppliedReason, message: &str) {
        let log = queued.op.log();
        let refused = matches!(queued.op, StorageOp::Append { .. }).then_some(log);
        if refused.is_some() {
            self.refusals.refused(log);
        }
        self.ended.push_back(EndedOp { id: queued.id, result: not_applied(reason, message), refused });
    }

    /// Gives up for good.
    fn die(&mut self, reason: NotAppliedReason, message: String) {
        if matches!(self.phase, Phase::Running | Phase::Recovering) {
            self.phase = Phase::Dead(reason, message);
        }
    }

    /// Answers all that waits, after the storage gave up.
    fn refuse_all(&mut self, reason: NotAppliedReason, message: &str) {
        let again = std::mem::take(&mut self.again);
        let reads = std::mem::take(&mut self.reads).into_iter().map(|(queued, _)| queued);
        let waiting: Vec<Queued> =
            again.into_iter().chain(std::mem::take(&mut self.queue)).chain(reads).collect();
        for queued in &waiting {
            self.refuse(queued, reason, message);
        }
    }
}

/// Starts what can start, and tells the owner of what has ended.
pub(super) fn advance(shared: &Rc<RefCell<Core>>) {
    let mut core = shared.borrow_mut();
    match &core.phase {
        Phase::Running => {
            while core.in_flight.len() < MAX_IN_FLIGHT && start_next(&mut core, shared) {}
            while core.reads_in_flight < MAX_READS && start_read(&mut core, shared) {}
            start_rollup(&mut core, shared);
            keep_reserve(&mut core, shared);
        }
        Phase::Recovering if core.in_flight.is_empty() => recover(&mut core, shared),
        Phase::Recovering | Phase::Dead(..) | Phase::Dropped => {}
    }
    // Starting may have failed, so this comes last.
    if let Phase::Dead(reason, message) = &core.phase {
        let (reason, message) = (*reason, message.clone());
        core.refuse_all(reason, &message);
    }
    if core.in_flight.is_empty() && core.queue.is_empty() && core.again.is_empty() {
        let next = core.next_number;
        core.refusals.forget_below(next);
    }
    let wake = (!core.ended.is_empty()).then(|| core.wake.clone());
    drop(core);
    if let Some(wake) = wake {
        wake();
    }
}

/// Starts a group or a load from the front of the queue; false when nothing can start now.
fn start_next(core: &mut Core, shared: &Rc<RefCell<Core>>) -> bool {
    match core.queue.front().map(|queued| &queued.op) {
        None => return false,
        Some(_) if core.sparing_in_flight => return false,
        Some(StorageOp::Load { log }) => {
            let log = *log;
            if core.in_flight.iter().any(|logs| logs.contains(&log)) {
                return false;
            }
            if let Some(queued) = core.queue.pop_front() {
                start_load(core, shared, queued.id, log);
            }
            return true;
        }
        Some(_) => {}
    }
    let sparing = core.scarce && core.queue.front().is_some_and(|queued| !queued.grows());
    if sparing && !core.in_flight.is_empty() {
        return false;
    }
    let planner = Planner::new(&mut core.index, &core.refusals, core.cache.generation());
    let (group, refused) = planner.sparing(sparing).plan(&mut core.queue);
    for (queued, why) in refused {
        match why {
            Refused::OutOfSequence => {
                core.refuse(&queued, NotAppliedReason::OutOfSequence, "the segment does not end there");
            }
            Refused::BehindRefused => {
                let why = "an append before it was refused";
                core.end(queued.id, not_applied(NotAppliedReason::OutOfSequence, why));
            }
        }
    }
    if group.changes.is_empty() {
        group.ops.iter().for_each(|queued| core.end(queued.id, Ok(Applied::Written)));
        return true;
    }
    start_group(core, shared, group)
}

fn start_group(core: &mut Core, shared: &Rc<RefCell<Core>>, mut group: Group) -> bool {
    if group.removes_rows() {
        core.cache.invalidate();
    }
    match transaction::start(&core.database, &mut group, core.state) {
        Ok(mut started) => {
            if group.sparing {
                core.sparing_in_flight = true;
            } else {
                core.state = core.state.next();
            }
            core.in_flight.push_back(group.ops.iter().map(|queued| queued.op.log()).collect());
            let shared = shared.clone();
            spawn_local(async move {
                let rows = std::mem::take(&mut started.rows);
                let outcome = started.finish().await;
                settle(&mut shared.borrow_mut(), group, rows, outcome);
                advance(&shared);
            });
            true
        }
        Err(message) => {
            core.again.append(&mut group.ops);
            core.die(NotAppliedReason::Failed, format!("the database does not work: {message}"));
            false
        }
    }
}

/// Takes in how a group ended. Groups end in the order in which they were started.
fn settle(core: &mut Core, group: Group, rows: Vec<(ChunkKey, Bytes)>, outcome: Outcome) {
    core.in_flight.pop_front();
    core.sparing_in_flight &= !group.sparing;
    match outcome {
        Outcome::Committed => {
            core.commits += 1;
            core.scarce &= !group.ops.iter().any(Queued::grows);
            // Who has changed the metadata will again.
            if core.reserve == Reserve::Spent && group.ops.iter().any(is_vital) {
                core.reserve = Reserve::Wanted;
            }
            rows.into_iter().for_each(|(key, row)| core.cache.insert(key, row, group.generation));
            group.ops.iter().for_each(|queued| core.end(queued.id, Ok(Applied::Written)));
        }
        Outcome::Aborted(cause) => {
            if matches!(core.phase, Phase::Running) {
                core.phase = Phase::Recovering;
            }
            match cause {
                Cause::Predecessor => core.again.extend(group.ops),
                Cause::Full(message) => refuse_what_grows(core, group, &message),
                Cause::Fenced => {
                    core.again.extend(group.ops);
                    core.die(NotAppliedReason::Fenced, "the storage was opened by somebody else".to_owned());
                }
                Cause::Failed(message) => {
                    core.again.extend(group.ops);
                    core.die(NotAppliedReason::Failed, format!("the database does not work: {message}"));
                }
            }
        }
    }
}

/// There was no room for a group: what adds to the data is refused, and what only takes away is tried again.
fn refuse_what_grows(core: &mut Core, group: Group, message: &str) {
    core.scarce = true;
    // One that only takes away was spared everything that needs room already.
    let hopeless = group.sparing;
    for queued in group.ops {
        if is_vital(&queued) && matches!(core.reserve, Reserve::Held | Reserve::Due) {
            core.reserve = Reserve::Due;
            core.again.push(queued);
        } else if hopeless || queued.grows() {
            core.refuse(&queued, NotAppliedReason::Full, message);
        } else {
            core.again.push(queued);
        }
    }
}

/// Whether what makes room may wait for it: a topic is deleted by a record of the cluster's metadata.
fn is_vital(queued: &Queued) -> bool {
    matches!(queued.op, StorageOp::Append { log: LogId::CLUSTER_METADATA, .. })
}

/// Lays the reserve aside again when there may be room for it and nothing else to do.
fn keep_reserve(core: &mut Core, shared: &Rc<RefCell<Core>>) {
    let idle = core.in_flight.is_empty() && core.queue.is_empty();
    if core.reserve != Reserve::Wanted || !idle {
        return;
    }
    core.reserve = Reserve::Spent;
    let (database, shared) = (core.database.clone(), shared.clone());
    spawn_local(async move {
        if reserve::keep(&database).await == Ok(true) {
            shared.borrow_mut().reserve = Reserve::Held;
        }
    });
}

/// Reads again what is stored, and goes on from there.
fn recover(core: &mut Core, shared: &Rc<RefCell<Core>>) {
    // Counts as in flight, so that it is started once.
    core.in_flight.push_back(Vec::new());
    let (database, shared) = (core.database.clone(), shared.clone());
    let give_up = core.reserve == Reserve::Due;
    if give_up {
        core.reserve = Reserve::Spent;
    }
    spawn_local(async move {
        if give_up && let Err(message) = reserve::give_up(&database).await {
            let failed = format!("the database does not work: {message}");
            shared.borrow_mut().die(NotAppliedReason::Failed, failed);
        }
        let loaded = load(&database).await;
        take_up(&mut shared.borrow_mut(), loaded);
        advance(&shared);
    });
}

fn take_up(core: &mut Core, loaded: Result<(State, RowIndex), String>) {
    core.in_flight.pop_front();
    match loaded {
        Ok((state, _)) if state.owner_epoch != core.state.owner_epoch => {
            core.die(NotAppliedReason::Fenced, "the storage was opened by somebody else".to_owned());
        }
        Ok((state, index)) => {
            core.state = state;
            core.index = index;
            core.cache.invalidate();
            std::mem::take(&mut core.again)
                .into_iter()
                .rev()
                .for_each(|queued| core.queue.push_front(queued));
            if matches!(core.phase, Phase::Recovering) {
                core.phase = Phase::Running;
            }
        }
        Err(message) => core.die(NotAppliedReason::Failed, format!("the database does not work: {message}")),
    }
}

/// Makes one row of small ones while there is nothing else to do.
fn start_rollup(core: &mut Core, shared: &Rc<RefCell<Core>>) {
    let idle = core.in_flight.is_empty() && core.queue.is_empty() && matches!(core.phase, Phase::Running);
    if !idle || core.scarce {
        return;
    }
    if let Some((log, segment, positions)) = rollup::next(&mut core.index) {
        let name = core.index.name(log, segment);
        let group = Group::joining(log, name, positions, core.cache.generation());
        start_group(core, shared, group);
    }
}

fn not_applied(reason: NotAppliedReason, message: &str) -> StorageResult {
    Err(StorageError::NotApplied { reason, message: message.to_owned() })
}
