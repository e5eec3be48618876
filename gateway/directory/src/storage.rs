use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use headwater_driver::LogStorage;
use headwater_engine::{LogId, OpId, StorageOp, StorageResult, Uuid};

use crate::error::OpenError;
use crate::files::{Files, OsFiles};
use crate::handles::Handles;
use crate::names;
use crate::owner::Claim;
use crate::reader;
use crate::shared::{Ended, Queued, Shared, lock, read};
use crate::upkeep::{self, Task};
use crate::writer::Writer;

/// The version of the layout; see `docs/format.md`.
const FORMAT: u32 = 1;

/// Bytes that wait for a thread; what is submitted beyond that stays with the handle meanwhile.
const MAX_QUEUED_BYTES: usize = 64 << 20;

/// How a directory is used.
#[derive(Clone, Debug)]
pub struct DirectoryOptions {
    /// How many segments are open at once; a segment's file is closed when so many others were used since.
    pub max_open_files: usize,
    /// Bytes that a segment may be ahead of the medium before it is synced in the background, so that beginning the next
    /// one, which waits for that, is quick.
    pub write_behind_bytes: u64,
}

impl Default for DirectoryOptions {
    fn default() -> DirectoryOptions {
        DirectoryOptions { max_open_files: 1_000, write_behind_bytes: 32 << 20 }
    }
}

/// A [`LogStorage`] in a directory.
///
/// What it answered is with the operating system, and survives the end of the process, however that comes; a power cut only once
/// it was synced, which is the system's to decide unless [`LogStorage::flush_every`] says when. Appends that ask for
/// [`Durability::Strict`](headwater_engine::Durability::Strict) are synced before they are answered. A sync that fails ends all
/// writing until the process is started anew, as nobody knows what the medium has.
///
/// Dropping it ends what it is at, syncs, and lets go of the directory.
pub struct DirectoryStorage {
    shared: Arc<Shared>,
    claim: Option<Claim>,
    threads: Vec<JoinHandle<()>>,
    /// Operations that were submitted since the last flush, or that the queues had no room for.
    submitted: VecDeque<Queued>,
    /// How many of the first of them may start.
    flushed: usize,
    /// Outcomes that were fetched from the threads and not yet polled.
    ended: VecDeque<Ended>,
    next: u64,
    /// Topics whose name is known.
    named: BTreeSet<Uuid>,
}

impl DirectoryStorage {
    /// Opens a directory, or makes it. `wake` is called from other threads when outcomes are there to be polled, perhaps more
    /// often.
    ///
    /// # Errors
    /// [`OpenError::Locked`] if another process has it open, and as the other kinds say. A storage that this process has open
    /// over it is fenced.
    pub fn open(
        path: impl AsRef<Path>,
        options: &DirectoryOptions,
        wake: impl Fn() + Send + 'static,
    ) -> Result<DirectoryStorage, OpenError> {
        DirectoryStorage::open_with(Arc::new(OsFiles), path.as_ref(), options, Box::new(wake))
    }

    pub(crate) fn open_with(
        files: Arc<dyn Files>,
        path: &Path,
        options: &DirectoryOptions,
        wake: Box<dyn Fn() + Send>,
    ) -> Result<DirectoryStorage, OpenError> {
        let io = |source| OpenError::Io { path: path.to_owned(), source };
        make_folders(&*files, &std::path::absolute(path).map_err(io)?).map_err(io)?;
        let root = path.canonicalize().map_err(io)?;
        let claim = Claim::take(&root)?;
        check_format(&*files, &root)?;
        let was_closed = take_over(&*files, &root).map_err(io)?;
        let folders = scan(&*files, &root)?;
        let named = folders.keys().map(|log| log.topic_id).collect();
        let shared = Arc::new(Shared::new(files, Handles::new(options.max_open_files), was_closed, wake));
        *lock(&shared.names) = topic_names(&folders);
        let threads = start(&shared, root, &claim, folders, options).map_err(io)?;
        Ok(DirectoryStorage {
            shared,
            claim: Some(claim),
            threads,
            submitted: VecDeque::new(),
            flushed: 0,
            ended: VecDeque::new(),
            next: 0,
            named,
        })
    }

    /// Why nothing is written any more, if that is so.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        self.shared.failure()
    }

    /// Writes of batches since it was opened, and syncs that one of them waited for.
    #[must_use]
    pub fn writes_and_syncs(&self) -> (u64, u64) {
        let counts = &self.shared.counts;
        (counts.writes.load(Ordering::Relaxed), counts.syncs.load(Ordering::Relaxed))
    }

    /// Files that only Kafka's tools need and that could not be written.
    #[must_use]
    pub fn index_failures(&self) -> u64 {
        self.shared.counts.index_failures.load(Ordering::Relaxed)
    }

    /// Segments that are open at the moment.
    #[must_use]
    pub fn open_files(&self) -> usize {
        self.shared.handles.count()
    }

    /// Moves what may start to the threads, as far as their queues have room.
    fn send(&mut self) {
        let mut writes = VecDeque::new();
        let mut reads = VecDeque::new();
        let views = read(&self.shared.views);
        for queued in self.submitted.drain(..self.flushed) {
            // A log that was opened can be read past what is being written.
            let is_read = matches!(queued.op, StorageOp::Read { .. }) && views.contains_key(&queued.op.log());
            if is_read { reads.push_back(queued) } else { writes.push_back(queued) }
        }
        drop(views);
        if !reads.is_empty() {
            self.shared.reads.push(&mut reads, usize::MAX);
        }
        if !writes.is_empty() {
            self.shared.writes.push(&mut writes, MAX_QUEUED_BYTES);
        }
        self.flushed = writes.len();
        for queued in writes.into_iter().rev() {
            self.submitted.push_front(queued);
        }
    }
}

impl LogStorage for DirectoryStorage {
    fn submit(&mut self, id: OpId, op: StorageOp) {
        self.submitted.push_back(Queued { number: self.next, id, op });
        self.next += 1;
    }

    fn flush(&mut self) {
        self.flushed = self.submitted.len();
        self.send();
    }

    fn poll_completion(&mut self) -> Option<(OpId, StorageResult)> {
        if self.ended.is_empty() {
            std::mem::swap(&mut self.ended, &mut *lock(&self.shared.ended));
            if self.flushed > 0 {
                self.send();
            }
        }
        let ended = self.ended.pop_front()?;
        if let Some(log) = ended.refused {
            lock(&self.shared.refusals).told(log, self.next);
        }
        Some((ended.id, ended.result))
    }

    fn wants_name(&self, log: LogId) -> bool {
        !self.named.contains(&log.topic_id)
    }

    fn name_topic(&mut self, topic_id: Uuid, name: &str) {
        self.named.insert(topic_id);
        lock(&self.shared.names).insert(topic_id, name.to_owned());
    }

    fn flush_every(&mut self, log: LogId, every: Option<Duration>) {
        self.shared.task(Task::FlushEvery { log, every });
    }
}

impl Drop for DirectoryStorage {
    fn drop(&mut self) {
        self.shared.writes.close();
        self.shared.reads.close();
        *lock(&self.shared.upkeep) = None;
        for thread in self.threads.drain(..) {
            // One that panicked has nothing more to do.
            let _ended = thread.join();
        }
        // Only now another process may open the directory.
        self.claim = None;
    }
}

fn start(
    shared: &Arc<Shared>,
    root: PathBuf,
    claim: &Claim,
    folders: BTreeMap<LogId, PathBuf>,
    options: &DirectoryOptions,
) -> io::Result<Vec<JoinHandle<()>>> {
    let (upkeep, tasks) = mpsc::channel();
    *lock(&shared.upkeep) = Some(upkeep);
    let writer = Writer::new(Arc::clone(shared), root, claim.clone(), folders, options.write_behind_bytes);
    let (reads, behind) = (Arc::clone(shared), Arc::clone(shared));
    let named = |name: &str| thread::Builder::new().name(name.to_owned());
    Ok(vec![
        named("log-writer").spawn(move || writer.run())?,
        named("log-reader").spawn(move || reader::run(&reads))?,
        named("log-upkeep").spawn(move || upkeep::run(&behind, &tasks))?,
    ])
}

/// Makes a folder, and those above it as far as they are missing, on the medium.
fn make_folders(files: &dyn Files, path: &Path) -> io::Result<()> {
    let Some(parent) = path.parent() else {
        return Ok(());
    };
    if !path.try_exists()? {
        make_folders(files, parent)?;
        files.create_folder(path)?;
    }
    // Whoever made it may have ended before this.
    if path.join(names::PROPERTIES).try_exists()? { Ok(()) } else { files.sync_folder(parent) }
}

/// Whether the process before has closed the directory. If not, it may have left the names of logs to the operating system,
/// and more ([`Log::open`](crate::log::Log::open)): whoever is told of it now takes it for safe.
fn take_over(files: &dyn Files, root: &Path) -> io::Result<bool> {
    let closed = root.join(names::CLOSED);
    let was_closed = closed.try_exists()?;
    // If a power cut brings it back, all that is found with it is on the medium anyway.
    if was_closed {
        files.remove(&closed)?
    } else {
        files.sync_folder(root)?
    }
    Ok(was_closed)
}

/// The format's version stands beside the logs. A directory without one is new, or Kafka's.
fn check_format(files: &dyn Files, root: &Path) -> Result<(), OpenError> {
    let path = root.join(names::PROPERTIES);
    let io = |source| OpenError::Io { path: path.clone(), source };
    let content = match files.read(&path) {
        Ok(content) => String::from_utf8_lossy(&content).into_owned(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let unfinished = root.join(names::unfinished(names::PROPERTIES));
            let content = format!("version=1\nheadwater.format={FORMAT}\n");
            return files
                .write(&unfinished, content.as_bytes(), true)
                .and_then(|()| files.rename(&unfinished, &path))
                .map_err(io);
        }
        Err(source) => return Err(io(source)),
    };
    let format = content.lines().find_map(|line| line.strip_prefix("headwater.format=")?.trim().parse().ok());
    match format {
        Some(FORMAT) => Ok(()),
        Some(format) => Err(OpenError::NewerFormat { path: root.to_owned(), format }),
        None => {
            let problem = "it does not say headwater.format: another program's directory?".to_owned();
            Err(OpenError::Damaged { path, problem })
        }
    }
}

/// The logs' folders. What was left behind half made or half removed is removed.
fn scan(files: &dyn Files, root: &Path) -> Result<BTreeMap<LogId, PathBuf>, OpenError> {
    let mut folders = BTreeMap::new();
    for entry in files.list(root).map_err(|source| OpenError::Io { path: root.to_owned(), source })? {
        let folder = root.join(&entry.name);
        let io = |source| OpenError::Io { path: folder.clone(), source };
        if !entry.is_folder {
            continue;
        }
        if names::is_left_over(&entry.name) {
            files.remove_folder(&folder).map_err(io)?;
            continue;
        }
        let Some(partition) = names::partition_of(&entry.name) else {
            continue;
        };
        let path = folder.join(names::PARTITION);
        let content = files.read(&path).map_err(|source| OpenError::Io { path: path.clone(), source })?;
        let Some(topic_id) = String::from_utf8(content).ok().and_then(|text| names::topic_id_in(&text))
        else {
            return Err(OpenError::Damaged { path, problem: "it names no topic".to_owned() });
        };
        if let Some(other) = folders.insert(LogId { topic_id, partition }, folder) {
            let problem = format!("{} holds the same partition", other.display());
            return Err(OpenError::Damaged { path, problem });
        }
    }
    Ok(folders)
}

/// Topics' names, as their folders tell them.
fn topic_names(folders: &BTreeMap<LogId, PathBuf>) -> BTreeMap<Uuid, String> {
    let name = |(log, folder): (&LogId, &PathBuf)| {
        let folder = folder.file_name()?.to_str()?;
        let (topic, _) = folder.rsplit_once('-')?;
        Some((log.topic_id, topic.to_owned()))
    };
    folders.iter().filter_map(name).collect()
}
