//! Directories of tests, and a storage in one that is waited for.

use std::fs;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use headwater_driver::LogStorage;
use headwater_driver::conformance::Harness;
use headwater_engine::{Applied, LogId, OpId, StorageOp, StorageResult, Uuid};

use super::faulty::Faulty;
use super::host::Host;
use super::medium::Tree;
use crate::{DirectoryOptions, DirectoryStorage, OpenError};

pub(super) const LOG: LogId =
    LogId { topic_id: Uuid::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef), partition: 0 };

/// A directory that is removed with the test.
pub(super) struct Directory {
    path: PathBuf,
}

static NUMBER: AtomicU64 = AtomicU64::new(0);

impl Directory {
    pub(super) fn new() -> Directory {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        // Nothing is ever really synced here, and memory has no other writers to wait for.
        let memory = Path::new("/dev/shm");
        let base = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let path = base.join(format!("headwater-directory-{}-{number}", std::process::id()));
        Directory { path }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _removed = std::fs::remove_dir_all(&self.path);
    }
}

/// A directory over an operating system that does not always work.
pub(super) struct World {
    pub(super) directory: Directory,
    pub(super) faulty: Faulty,
    pub(super) options: DirectoryOptions,
    /// All storages of the world wake the same.
    wake: Sender<()>,
    woken: Receiver<()>,
}

impl World {
    pub(super) fn new() -> World {
        let options = DirectoryOptions::default();
        let (wake, woken) = channel();
        World { directory: Directory::new(), faulty: Faulty::default(), options, wake, woken }
    }

    /// Another with the same files.
    pub(super) fn copy(&self) -> World {
        let copied = World::new();
        copy_folder(self.directory.path(), copied.directory.path());
        World { options: self.options.clone(), ..copied }
    }

    /// What is asked of the operating system from now on is recorded.
    pub(super) fn record(&self) {
        std::fs::create_dir_all(self.directory.path()).unwrap();
        self.faulty.medium.record(self.directory.path());
    }

    /// What is found when the power comes back.
    pub(super) fn after(&self, cut: &Tree) -> World {
        let world = World::new();
        cut.put(world.directory.path());
        World { options: self.options.clone(), ..world }
    }

    pub(super) fn try_open(&mut self) -> Result<DirectoryStorage, OpenError> {
        let wake = self.wake.clone();
        DirectoryStorage::open_with(
            Arc::new(self.faulty.clone()),
            self.directory.path(),
            &self.options,
            Box::new(move || {
                // Nobody may listen any more.
                let _sent = wake.send(());
            }),
        )
    }

    /// A broker over this directory, which is told by itself when storage has done something.
    pub(super) fn host(&self, configs: &[(&str, &str)]) -> Host {
        let (wake, woken) = channel();
        let wake = move || {
            let _nobody_waits = wake.send(());
        };
        let (files, path) = (Arc::new(self.faulty.clone()), self.directory.path());
        let storage = DirectoryStorage::open_with(files, path, &self.options, Box::new(wake)).unwrap();
        Host::over(storage, woken, configs)
    }

    pub(super) fn open(&mut self) -> DirectoryStorage {
        self.try_open().unwrap()
    }

    pub(super) fn wait_for_wake(&self) {
        let _woken = self.woken.recv_timeout(Duration::from_secs(5));
    }

    /// Submits operations together, and waits for their outcomes.
    pub(super) fn run_all(&self, storage: &mut DirectoryStorage, ops: Vec<StorageOp>) -> Vec<StorageResult> {
        let count = ops.len();
        for (number, op) in ops.into_iter().enumerate() {
            storage.submit(OpId(number as u64), op);
        }
        storage.flush();
        let mut ended = vec![None; count];
        while ended.iter().any(Option::is_none) {
            match storage.poll_completion() {
                Some((OpId(number), result)) => ended[usize::try_from(number).unwrap()] = Some(result),
                None => self.wait_for_wake(),
            }
        }
        ended.into_iter().flatten().collect()
    }

    pub(super) fn run(&self, storage: &mut DirectoryStorage, op: StorageOp) -> StorageResult {
        self.run_all(storage, vec![op]).remove(0)
    }

    pub(super) fn apply(&self, storage: &mut DirectoryStorage, op: StorageOp) {
        assert_eq!(self.run(storage, op), Ok(Applied::Written));
    }
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (from, to) = entry.map(|entry| (entry.path(), to.join(entry.file_name()))).unwrap();
        if from.is_dir() {
            copy_folder(&from, &to);
        } else {
            fs::copy(&from, &to).unwrap();
        }
    }
}

impl Harness for World {
    type Storage = DirectoryStorage;

    async fn open(&mut self) -> Result<DirectoryStorage, String> {
        self.try_open().map_err(|error| error.to_string())
    }

    async fn wait(&mut self, _storage: &mut DirectoryStorage) {
        self.wait_for_wake();
    }

    async fn limit_room(&mut self, bytes: Option<u64>) -> bool {
        self.faulty.limit_room(bytes);
        true
    }
}

/// Waiting is done by the thread here.
pub(super) fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => panic!("a case waited for something else than the storage"),
    }
}
