//! The open files, as many as are allowed; the one used longest ago is closed first.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use headwater_engine::{LogId, Offset};

use crate::files::{Files, LogFile};
use crate::shared::lock;

/// An open segment.
pub(crate) struct Handle {
    pub(crate) file: Box<dyn LogFile>,
    /// Bytes that were written and may not be on the medium.
    unsynced: AtomicU64,
    /// Since when there are such bytes.
    unsynced_since: Mutex<Option<Instant>>,
    syncing: Mutex<()>,
}

impl Handle {
    pub(crate) fn unsynced(&self) -> u64 {
        self.unsynced.load(Ordering::Acquire)
    }

    pub(crate) fn wrote(&self, bytes: u64) {
        if bytes > 0 && self.unsynced.fetch_add(bytes, Ordering::AcqRel) == 0 {
            lock(&self.unsynced_since).get_or_insert_with(Instant::now);
        }
    }

    /// Since when there are bytes that may not be on the medium.
    pub(crate) fn unsynced_since(&self) -> Option<Instant> {
        *lock(&self.unsynced_since)
    }

    /// Puts everything written before on the medium; waits for whoever is at it already.
    pub(crate) fn sync(&self) -> io::Result<()> {
        let _turn = lock(&self.syncing);
        // What is written from here on counts as written now, whether this takes it along or not.
        let began = Instant::now();
        let bytes = self.unsynced();
        if bytes > 0 {
            self.file.sync()?;
            let mut since = lock(&self.unsynced_since);
            let left = self.unsynced.fetch_sub(bytes, Ordering::AcqRel) - bytes;
            *since = (left > 0).then_some(began);
        }
        Ok(())
    }
}

pub(crate) type Key = (LogId, Offset);

#[derive(Default)]
struct Open {
    handles: BTreeMap<Key, (Arc<Handle>, u64)>,
    /// Counts the uses, to tell which is the eldest.
    uses: u64,
}

pub(crate) struct Handles {
    open: Mutex<Open>,
    limit: usize,
}

impl Handles {
    pub(crate) fn new(limit: usize) -> Handles {
        Handles { open: Mutex::new(Open::default()), limit: limit.max(1) }
    }

    /// The open file of a segment, and one that was closed for it, which is to be synced.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub(crate) fn open(
        &self,
        files: &dyn Files,
        key: Key,
        path: &Path,
        create: bool,
    ) -> io::Result<(Arc<Handle>, Option<Arc<Handle>>)> {
        let mut open = lock(&self.open);
        open.uses += 1;
        let uses = open.uses;
        if let Some((handle, used)) = open.handles.get_mut(&key) {
            *used = uses;
            return Ok((Arc::clone(handle), None));
        }
        let file = files.open(path, create)?;
        let handle = Arc::new(Handle {
            file,
            unsynced: AtomicU64::new(0),
            unsynced_since: Mutex::new(None),
            syncing: Mutex::new(()),
        });
        let eldest = if open.handles.len() < self.limit { None } else { open.eldest() };
        open.handles.insert(key, (Arc::clone(&handle), uses));
        Ok((handle, eldest))
    }

    /// Closes the segments of a log that match: they are gone, or about to be.
    pub(crate) fn close(&self, log: LogId, matches: impl Fn(Offset) -> bool) {
        lock(&self.open).handles.retain(|(of, base), _| *of != log || !matches(*base));
    }

    /// All open files with bytes that may not be on the medium, and whose they are.
    pub(crate) fn unsynced(&self) -> Vec<(LogId, Arc<Handle>)> {
        let open = lock(&self.open);
        let handles = open.handles.iter().map(|((log, _), (handle, _))| (*log, handle));
        let unsynced = handles.filter(|(_, handle)| handle.unsynced() > 0);
        unsynced.map(|(log, handle)| (log, Arc::clone(handle))).collect()
    }

    pub(crate) fn count(&self) -> usize {
        lock(&self.open).handles.len()
    }
}

impl Open {
    /// Takes out the one used longest ago. One that somebody holds stays: what is yet to be written to it would be forgotten.
    fn eldest(&mut self) -> Option<Arc<Handle>> {
        let unheld = self.handles.iter().filter(|(_, (handle, _))| Arc::strong_count(handle) == 1);
        let key = *unheld.min_by_key(|(_, (_, used))| *used)?.0;
        self.handles.remove(&key).map(|(handle, _)| handle)
    }
}
