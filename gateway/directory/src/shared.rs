//! What the handle of a storage and its threads have in common.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use headwater_driver::Refusals;
use headwater_engine::{LogId, NotAppliedReason, Offset, OpId, StorageError, StorageOp, StorageResult, Uuid};

use crate::files::Files;
use crate::handles::{Handle, Handles, Key};
use crate::upkeep::Task;

/// Nothing that is locked here is left half changed by a panic.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn read<T>(shared: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    shared.read().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn write<T>(shared: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    shared.write().unwrap_or_else(PoisonError::into_inner)
}

/// An operation on its way.
pub(crate) struct Queued {
    /// Counts the operations, from 0.
    pub(crate) number: u64,
    pub(crate) id: OpId,
    pub(crate) op: StorageOp,
}

/// An outcome on its way back.
pub(crate) struct Ended {
    pub(crate) id: OpId,
    pub(crate) result: StorageResult,
    /// The log, where this is a refusal that others may be built upon.
    pub(crate) refused: Option<LogId>,
}

/// A queue to a thread.
pub(crate) struct Queue {
    state: Mutex<Waiting>,
    came: Condvar,
}

struct Waiting {
    ops: VecDeque<Queued>,
    /// Bytes of the batches and snapshots in it.
    bytes: usize,
    closed: bool,
}

impl Queue {
    fn new() -> Queue {
        let state = Waiting { ops: VecDeque::new(), bytes: 0, closed: false };
        Queue { state: Mutex::new(state), came: Condvar::new() }
    }

    /// Moves operations into the queue, from the front, as long as there is room.
    pub(crate) fn push(&self, from: &mut VecDeque<Queued>, limit: usize) {
        let mut state = lock(&self.state);
        while state.bytes < limit
            && let Some(queued) = from.pop_front()
        {
            state.bytes += weight(&queued.op);
            state.ops.push_back(queued);
        }
        drop(state);
        self.came.notify_one();
    }

    /// Waits for operations and takes all that are there; none once the queue is closed.
    pub(crate) fn take(&self) -> Option<VecDeque<Queued>> {
        let mut state = lock(&self.state);
        while state.ops.is_empty() && !state.closed {
            state = self.came.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.closed {
            return None;
        }
        state.bytes = 0;
        Some(std::mem::take(&mut state.ops))
    }

    /// Ends the thread; what it has not begun is not done any more.
    pub(crate) fn close(&self) {
        lock(&self.state).closed = true;
        self.came.notify_all();
    }

    pub(crate) fn is_closed(&self) -> bool {
        lock(&self.state).closed
    }
}

fn weight(op: &StorageOp) -> usize {
    size_of::<Queued>()
        + match op {
            StorageOp::Append { batches, .. } | StorageOp::AppendCleaned { batches, .. } => batches.len(),
            StorageOp::PutSnapshot { snapshot, .. } => snapshot.len(),
            _ => 0,
        }
}

/// What can be read of a log. Whoever changes more than the length of its last segment holds `segments` for writing.
pub(crate) struct View {
    pub(crate) folder: PathBuf,
    /// The segments that have bytes, with their lengths, by first offset.
    pub(crate) segments: RwLock<BTreeMap<Offset, AtomicU64>>,
    /// Segments that begin below it have a `.txnindex` that fits, or need none. Whoever changes such a segment lowers it.
    pub(crate) transactions_indexed: AtomicI64,
}

impl View {
    pub(crate) fn new(folder: PathBuf, segments: BTreeMap<Offset, AtomicU64>) -> View {
        View { folder, segments: RwLock::new(segments), transactions_indexed: AtomicI64::new(Offset::MIN) }
    }

    /// The last segment and its length.
    pub(crate) fn last(&self) -> Option<(Offset, u64)> {
        read(&self.segments).last_key_value().map(|(base, size)| (*base, size.load(Ordering::Acquire)))
    }

    pub(crate) fn size_of(&self, segment: Offset) -> u64 {
        read(&self.segments).get(&segment).map_or(0, |size| size.load(Ordering::Acquire))
    }

    /// A segment is as long as that now.
    pub(crate) fn grew(&self, segment: Offset, size: u64) {
        if let Some(known) = read(&self.segments).get(&segment) {
            known.store(size, Ordering::Release);
            return;
        }
        write(&self.segments).insert(segment, AtomicU64::new(size));
    }
}

/// Counts, for whoever looks at a storage.
#[derive(Default)]
pub(crate) struct Counts {
    /// Writes of batches.
    pub(crate) writes: AtomicU64,
    /// Syncs that an append waited for.
    pub(crate) syncs: AtomicU64,
    /// Files for Kafka's tools that could not be written.
    pub(crate) index_failures: AtomicU64,
}

pub(crate) struct Shared {
    pub(crate) files: Arc<dyn Files>,
    pub(crate) handles: Handles,
    /// To the thread that writes.
    pub(crate) writes: Queue,
    /// To the thread that reads.
    pub(crate) reads: Queue,
    pub(crate) ended: Mutex<VecDeque<Ended>>,
    pub(crate) refusals: Mutex<Refusals>,
    /// What topics are called, as far as a folder may have to be made for one.
    pub(crate) names: Mutex<BTreeMap<Uuid, String>>,
    pub(crate) views: RwLock<BTreeMap<LogId, Arc<View>>>,
    /// The process before has left nothing to the operating system.
    pub(crate) was_closed: bool,
    /// Why nothing may be written any more.
    failed: Mutex<Option<String>>,
    pub(crate) counts: Counts,
    pub(crate) upkeep: Mutex<Option<Sender<Task>>>,
    wake: Mutex<Box<dyn Fn() + Send>>,
}

impl Shared {
    pub(crate) fn new(
        files: Arc<dyn Files>,
        handles: Handles,
        was_closed: bool,
        wake: Box<dyn Fn() + Send>,
    ) -> Shared {
        Shared {
            files,
            handles,
            writes: Queue::new(),
            reads: Queue::new(),
            ended: Mutex::new(VecDeque::new()),
            refusals: Mutex::new(Refusals::default()),
            names: Mutex::new(BTreeMap::new()),
            views: RwLock::new(BTreeMap::new()),
            was_closed,
            failed: Mutex::new(None),
            counts: Counts::default(),
            upkeep: Mutex::new(None),
            wake: Mutex::new(wake),
        }
    }

    /// The open file of a segment.
    ///
    /// # Errors
    /// When it cannot be opened, or when another has to be closed for it that cannot be synced: then nothing is written any more.
    pub(crate) fn open(&self, segment: Key, path: &Path, create: bool) -> io::Result<Arc<Handle>> {
        let (handle, closed) = self.handles.open(&*self.files, segment, path, create)?;
        if let Some(closed) = closed {
            // Whether its bytes got to the medium would not be told to anybody any more.
            closed.sync().inspect_err(|error| self.fail(&format!("syncing a segment: {error}")))?;
        }
        Ok(handle)
    }

    pub(crate) fn view(&self, log: LogId) -> Option<Arc<View>> {
        read(&self.views).get(&log).cloned()
    }

    /// Hands outcomes over, and wakes the owner.
    pub(crate) fn end(&self, outcomes: impl IntoIterator<Item = Ended>) {
        lock(&self.ended).extend(outcomes);
        lock(&self.wake)();
    }

    /// From now on nothing is written: nobody knows what is on the medium.
    pub(crate) fn fail(&self, message: &str) {
        lock(&self.failed).get_or_insert_with(|| message.to_owned());
    }

    pub(crate) fn failure(&self) -> Option<String> {
        lock(&self.failed).clone()
    }

    pub(crate) fn refusal_after_failure(&self) -> Option<StorageError> {
        let why = self.failure()?;
        let message = format!("nothing is written since an earlier failure ({why})");
        Some(StorageError::NotApplied { reason: NotAppliedReason::Failed, message })
    }

    /// Something to do when there is time.
    pub(crate) fn task(&self, task: Task) {
        if let Some(upkeep) = &*lock(&self.upkeep) {
            // Nobody is there to take it only when the storage is about to be closed, and that syncs everything.
            let _ended = upkeep.send(task);
        }
    }
}
