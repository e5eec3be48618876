//! One process per directory, and in it one storage: the last one to open it.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, Weak};

use crate::error::OpenError;
use crate::names;
use crate::shared::lock;

/// The directories that this process has open. A lock of the operating system is the process's, so a second storage in
/// it takes over the first one's.
static OWNED: Mutex<BTreeMap<PathBuf, Weak<Lock>>> = Mutex::new(BTreeMap::new());

struct Lock {
    /// Locked until it is closed, however the process ends.
    _file: File,
    /// The number of the storage that may write. Whoever writes holds it meanwhile.
    owner: Mutex<u64>,
}

/// A storage's claim to a directory.
#[derive(Clone)]
pub(crate) struct Claim {
    lock: Arc<Lock>,
    number: u64,
}

impl Claim {
    /// Takes a directory over, from another storage of this process if need be, as soon as that is not writing.
    pub(crate) fn take(path: &Path) -> Result<Claim, OpenError> {
        let mut owned = lock(&OWNED);
        owned.retain(|_, lock| lock.strong_count() > 0);
        if let Some(lock_file) = owned.get(path).and_then(Weak::upgrade) {
            let number = {
                let mut owner = lock(&lock_file.owner);
                *owner += 1;
                *owner
            };
            return Ok(Claim { lock: lock_file, number });
        }
        let name = path.join(names::LOCK);
        let io = |source| OpenError::Io { path: name.clone(), source };
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&name).map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(OpenError::Locked { path: path.to_owned() }),
            Err(TryLockError::Error(source)) => return Err(io(source)),
        }
        let taken = Arc::new(Lock { _file: file, owner: Mutex::new(0) });
        owned.insert(path.to_owned(), Arc::downgrade(&taken));
        Ok(Claim { lock: taken, number: 0 })
    }

    /// Does something while nobody can take the directory over; not if somebody has.
    pub(crate) fn hold<T>(&self, action: impl FnOnce() -> T) -> Option<T> {
        let owner = lock(&self.lock.owner);
        (*owner == self.number).then(action)
    }
}
