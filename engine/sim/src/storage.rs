//! A storage that does everything its contract allows, and some things it does not.
//!
//! # The fault model
//!
//! What the contract (`storage_op.rs`, `LogStorage`) allows and this storage does:
//!
//! * **Slow.** Every operation takes its time, some take very long. What was flushed together may be done together or one by
//!   one; logs do not wait for each other; reads and writes overtake each other.
//! * **Between done and told** time passes, so that a crash can fall between the two.
//! * **Not applied.** A write is refused and the same may work later: no room, or no reason at all. Appends built upon a
//!   refused one are refused.
//! * **Unknown.** A write is answered "may or may not be stored", and either is true.
//! * **Full.** The disk has room for so many bytes, and more later.
//! * **Read fails.** A read or a load is refused, or its outcome is unknown.
//! * **Process crash.** Of every log, a prefix of the writes under way is done. All that was done before survives.
//! * **Power cut.** Of a log, all that a strict append of it was answered for survives, and of what came later a prefix.
//!
//! What it does beyond the contract:
//!
//! * **Torn write.** A crash may leave a part of the first append that was not done, with or without zeros behind it. Never of
//!   one that was done and, on a power cut, never of one that was safe.
//! * **Bit rot**, in worlds of their own: one bit of a stored batch turns over. There it is not survival that is expected,
//!   but that nobody is given wrong records.
//!
//! What it never does: apply an operation that was answered with not applied, lose one that was answered with `Ok` in a process
//! crash, take effect out of order within a log, answer twice or not at all. Planted bugs ([`Plant`]) do just that.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use bytes::Bytes;
use headwater_driver::{LogStorage, Refusals};
use headwater_engine::record::Batches;
use headwater_engine::{Applied, LogId, NotAppliedReason, OpId, StorageError, StorageOp, StorageResult};

use crate::disk::Disk;
use crate::faults::{Fault, Tally};
use crate::plant::Plant;
use crate::random::Random;

/// How often what goes wrong: once in so many operations, never if 0.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct StorageFaults {
    pub(crate) refused: u64,
    pub(crate) unknown: u64,
    pub(crate) read_failed: u64,
    pub(crate) slow: u64,
    /// An ordinary operation takes up to so long.
    pub(crate) latency_ms: u64,
}

/// Told already.
const NEVER: u64 = u64::MAX;

/// How a broker ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Crash {
    /// The process is gone; the system goes on.
    Process,
    /// All that is not safe is gone.
    PowerCut,
}

/// How an operation will end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    Done,
    Refused,
    UnknownApplied,
    UnknownNotApplied,
    Failed,
}

#[derive(Debug)]
struct Pending {
    id: OpId,
    number: u64,
    op: StorageOp,
    fate: Fate,
    effect_at: u64,
    told_at: u64,
    /// Set when it has taken effect.
    result: Option<StorageResult>,
    refused: bool,
}

impl Pending {
    /// When something has to be done about it next.
    fn due(&self) -> u64 {
        if self.result.is_some() { self.told_at } else { self.effect_at }
    }

    fn is_append(&self) -> bool {
        matches!(self.op, StorageOp::Append { .. })
    }

    fn is_write(&self) -> bool {
        !matches!(self.op, StorageOp::Load { .. } | StorageOp::Read { .. })
    }
}

/// When the writes of a log are through, as they keep their order.
#[derive(Clone, Copy, Debug, Default)]
struct Lane {
    effect_at: u64,
    told_at: u64,
}

/// The medium, and the work of the one who has it open.
#[derive(Debug)]
pub(crate) struct Medium {
    pub(crate) disk: Disk,
    pub(crate) faults: StorageFaults,
    pub(crate) tally: Tally,
    plant: Option<Plant>,
    random: Random,
    now_ms: u64,
    submitted: Vec<(OpId, StorageOp)>,
    pending: Vec<Pending>,
    lanes: BTreeMap<LogId, Lane>,
    told: VecDeque<(OpId, StorageResult, Option<LogId>)>,
    refusals: Refusals,
    next: u64,
}

impl Medium {
    pub(crate) fn new(random: Random, faults: StorageFaults, plant: Option<Plant>) -> Medium {
        Medium {
            disk: Disk::default(),
            faults,
            tally: Tally::default(),
            plant,
            random,
            now_ms: 0,
            submitted: Vec::new(),
            pending: Vec::new(),
            lanes: BTreeMap::new(),
            told: VecDeque::new(),
            refusals: Refusals::default(),
            next: 0,
        }
    }

    pub(crate) fn set_time(&mut self, now_ms: u64) {
        self.now_ms = now_ms;
    }

    /// Whether nothing is under way.
    pub(crate) fn is_idle(&self) -> bool {
        self.submitted.is_empty() && self.pending.is_empty() && self.told.is_empty()
    }

    /// When [`Medium::step`] has something to do.
    pub(crate) fn next_due(&self) -> Option<u64> {
        self.pending.iter().map(Pending::due).min()
    }

    /// Lets time come to `now_ms` and does what is due at the earliest moment: operations take effect, or are told of.
    pub(crate) fn step(&mut self, now_ms: u64) {
        self.now_ms = now_ms;
        let Some(due) = self.next_due().filter(|due| *due <= now_ms) else { return };
        let mut at = 0;
        while at < self.pending.len() {
            let pending = &mut self.pending[at];
            if pending.due() > due {
                at += 1;
            } else if pending.result.is_none() {
                let (result, refused) =
                    execute(&mut self.disk, &self.refusals, pending, &mut self.tally, self.plant);
                if refused {
                    self.refusals.refused(pending.op.log());
                }
                pending.result = Some(result);
                pending.refused = refused;
                if pending.told_at == NEVER {
                    self.pending.remove(at);
                } else {
                    at += 1;
                }
            } else {
                let pending = self.pending.remove(at);
                if self.plant == Some(Plant::DropCompletion) && pending.is_append() && self.random.one_in(50)
                {
                    continue;
                }
                let refused = pending.refused.then(|| pending.op.log());
                self.told.extend(pending.result.map(|result| (pending.id, result, refused)));
            }
        }
        let oldest = self.pending.iter().map(|pending| pending.number).min();
        self.refusals.forget_below(oldest.unwrap_or(self.next));
    }

    /// The one who had it open is gone.
    pub(crate) fn crash(&mut self, crash: Crash) {
        let mut ended: BTreeMap<LogId, bool> = BTreeMap::new();
        if self.pending.iter().any(|pending| pending.is_write() && pending.result.is_none()) {
            self.tally.count(Fault::CrashWithWork);
        }
        for mut pending in std::mem::take(&mut self.pending) {
            if !pending.is_write() || pending.result.is_some() {
                continue;
            }
            let ended = ended.entry(pending.op.log()).or_default();
            if !*ended && self.random.one_in(3) {
                *ended = true;
                let can_tear = pending.is_append()
                    && pending.fate == Fate::Done
                    && !self.refusals.applies_to(pending.op.log(), pending.number)
                    && crash == Crash::Process;
                if can_tear && self.random.coin() && self.disk.tear(&pending.op, &mut self.random) {
                    self.tally.count(Fault::TornWrite);
                }
            }
            if *ended {
                continue;
            }
            let (_, refused) =
                execute(&mut self.disk, &self.refusals, &mut pending, &mut self.tally, self.plant);
            if refused {
                self.refusals.refused(pending.op.log());
            }
        }
        self.submitted.clear();
        self.told.clear();
        self.lanes.clear();
        self.refusals = Refusals::default();
        if crash == Crash::PowerCut {
            for _log in self.disk.cut_power(&mut self.random) {
                self.tally.count(Fault::LostSuffix);
            }
        }
    }

    fn start(&mut self) {
        let together = self.random.coin().then(|| self.latency());
        for (id, op) in std::mem::take(&mut self.submitted) {
            let fate = self.fate(&op);
            let wait = together.unwrap_or_else(|| self.latency());
            let mut effect_at = self.now_ms + wait;
            let mut told_at = effect_at + if self.random.coin() { 0 } else { self.latency() };
            let number = self.next;
            self.next += 1;
            let mut pending =
                Pending { id, number, op, fate, effect_at, told_at, result: None, refused: false };
            if pending.is_write() {
                let lane = self.lanes.entry(pending.op.log()).or_default();
                effect_at = effect_at.max(lane.effect_at);
                told_at = told_at.max(effect_at);
                lane.effect_at = effect_at;
                if pending.is_append() {
                    told_at = told_at.max(lane.told_at);
                    lane.told_at = told_at;
                }
                (pending.effect_at, pending.told_at) = (effect_at, told_at);
                let is_early = match self.plant {
                    Some(Plant::AcknowledgeBeforeDurable) => pending.is_append(),
                    Some(Plant::DropLater) => matches!(pending.op, StorageOp::DeleteSegments { .. }),
                    _ => false,
                };
                if is_early {
                    self.told.push_back((id, Ok(Applied::Written), None));
                    pending.told_at = NEVER;
                    pending.effect_at += 20;
                    lane.effect_at += 20;
                }
            }
            self.pending.push(pending);
        }
    }

    fn latency(&mut self) -> u64 {
        if self.random.one_in(self.faults.slow) {
            self.tally.count(Fault::SlowStorage);
            return self.random.within(100..3_000);
        }
        self.random.below(self.faults.latency_ms + 1)
    }

    fn fate(&mut self, op: &StorageOp) -> Fate {
        let faults = self.faults;
        match op {
            StorageOp::Load { .. } | StorageOp::Read { .. } => {
                if self.random.one_in(faults.read_failed) {
                    Fate::Failed
                } else {
                    Fate::Done
                }
            }
            _ if self.random.one_in(faults.refused) => Fate::Refused,
            _ if self.random.one_in(faults.unknown) => {
                if self.random.coin() {
                    Fate::UnknownApplied
                } else {
                    Fate::UnknownNotApplied
                }
            }
            _ => Fate::Done,
        }
    }
}

/// Has an operation take effect; returns its outcome, and whether later appends are built upon a refusal.
fn execute(
    disk: &mut Disk,
    refusals: &Refusals,
    pending: &mut Pending,
    tally: &mut Tally,
    plant: Option<Plant>,
) -> (StorageResult, bool) {
    let unknown = || Err(StorageError::Unknown { message: "the storage went silent".to_owned() });
    match &pending.op {
        StorageOp::Load { .. } | StorageOp::Read { .. } if pending.fate == Fate::Failed => {
            tally.count(Fault::ReadFailed);
            return (unknown(), false);
        }
        StorageOp::Load { log } => {
            let mut stored = disk.load(*log);
            if plant == Some(Plant::ForgetLogStart) {
                stored.log_start_offset = 0;
            }
            return (Ok(Applied::Loaded(stored)), false);
        }
        StorageOp::Read { log, segment, range } => {
            let mut bytes = disk.read(*log, *segment, range);
            if plant == Some(Plant::SkipBatch) && *log != LogId::CLUSTER_METADATA {
                bytes = without_first_batch(bytes);
            }
            return (Ok(Applied::Read(bytes)), false);
        }
        _ => {}
    }
    let is_append = pending.is_append();
    if is_append && refusals.applies_to(pending.op.log(), pending.number) {
        return (not_applied(NotAppliedReason::OutOfSequence), false);
    }
    match pending.fate {
        Fate::Refused => {
            tally.count(Fault::WriteRefused);
            if plant == Some(Plant::KeepRefused) {
                let _kept = disk.write(&pending.op);
            }
            return (not_applied(NotAppliedReason::Full), is_append);
        }
        Fate::UnknownNotApplied | Fate::Failed => {
            tally.count(Fault::UnknownNotApplied);
            return (unknown(), is_append);
        }
        Fate::Done | Fate::UnknownApplied => {}
    }
    if plant == Some(Plant::DamagedCopy)
        && let StorageOp::AppendCleaned { batches, .. } = &mut pending.op
    {
        let mut damaged = batches.to_vec();
        damaged.iter_mut().rev().take(1).for_each(|byte| *byte ^= 1);
        *batches = Bytes::from(damaged);
    }
    if plant == Some(Plant::DropOneMore)
        && let StorageOp::DeleteSegments { log, before, .. } = &mut pending.op
    {
        *before = disk.segment_after(*log, *before).unwrap_or(*before);
    }
    match disk.write(&pending.op) {
        Ok(()) if pending.fate == Fate::UnknownApplied => {
            tally.count(Fault::UnknownApplied);
            (unknown(), false)
        }
        Ok(()) => (Ok(Applied::Written), false),
        Err(reason) => {
            if reason == NotAppliedReason::Full {
                tally.count(Fault::StorageFull);
            }
            (not_applied(reason), is_append)
        }
    }
}

fn not_applied(reason: NotAppliedReason) -> StorageResult {
    Err(StorageError::NotApplied { reason, message: format!("{reason:?}") })
}

fn without_first_batch(bytes: Bytes) -> Bytes {
    let first = Batches::new(&bytes).next().and_then(Result::ok).map_or(0, |batch| batch.size());
    if first < bytes.len() { bytes.slice(first..) } else { bytes }
}

/// The storage as a broker's driver has it. The world keeps the medium.
#[derive(Clone, Debug)]
pub(crate) struct FaultyStorage(pub(crate) Rc<RefCell<Medium>>);

impl LogStorage for FaultyStorage {
    fn submit(&mut self, id: OpId, op: StorageOp) {
        self.0.borrow_mut().submitted.push((id, op));
    }

    fn flush(&mut self) {
        self.0.borrow_mut().start();
    }

    fn poll_completion(&mut self) -> Option<(OpId, StorageResult)> {
        let mut medium = self.0.borrow_mut();
        let (id, result, refused) = medium.told.pop_front()?;
        if let Some(log) = refused {
            let next = medium.next + medium.submitted.len() as u64;
            medium.refusals.told(log, next);
        }
        Some((id, result))
    }
}
