//! One partition's folder: what is in it, and the steps in which each change of it is made.
//!
//! A change of one file is a rename or an append. A change of several is first begun, by renaming the file whose
//! name is the log's [`State`], and then made; whoever finds it begun makes it anew from its beginning.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use headwater_engine::{LogId, Offset, SnapshotKind, StoredLog, StoredSegment, StoredSnapshot};

use crate::error::Failure;
use crate::files::Files;
use crate::handles::Handle;
use crate::kafka_snapshot;
use crate::names::{self, Change, LogFileName, State};
use crate::shared::{Shared, View, read, write};
use crate::upkeep::Task;

mod cleaned;
mod epochs;

use cleaned::Copy;
use epochs::LeaderEpochs;

pub(crate) struct Log {
    id: LogId,
    pub(crate) view: Arc<View>,
    state: State,
    snapshots: BTreeSet<(SnapshotKind, Offset)>,
    epochs: LeaderEpochs,
    /// The cleaned copy of a segment that is being written.
    copy: Option<Copy>,
}

impl Log {
    /// Makes a folder for a log that has none, by the first of the names that is free. It is there wholly or not at all.
    pub(crate) fn create(shared: &Shared, root: &Path, id: LogId, names: &[String]) -> Result<Log, Failure> {
        let refused = |error: io::Error| Failure::refused("making the partition's folder", &error);
        let files = &*shared.files;
        let new = root.join(names::new_folder(id));
        fill(files, &new, id).map_err(refused)?;
        let mut names = names.iter();
        let folder = loop {
            let Some(name) = names.next() else {
                return Err(refused(io::ErrorKind::AlreadyExists.into()));
            };
            let folder = root.join(name);
            match files.rename(&new, &folder) {
                Ok(()) => break folder,
                Err(error) if is_taken(&error) => {}
                Err(error) => return Err(refused(error)),
            }
        };
        files.sync_folder(root).map_err(|error| Failure::unknown("making the partition's folder", &error))?;
        let view = Arc::new(View::new(folder, BTreeMap::new()));
        write(&shared.views).insert(id, Arc::clone(&view));
        Ok(Log {
            id,
            view,
            state: State::default(),
            snapshots: BTreeSet::new(),
            epochs: LeaderEpochs::default(),
            copy: None,
        })
    }

    /// Finds out what is in a folder, and ends what was begun in it.
    pub(crate) fn open(shared: &Shared, id: LogId, folder: PathBuf) -> Result<Log, Failure> {
        let files = &*shared.files;
        let failed = |error: io::Error| Failure::refused("looking into the partition's folder", &error);
        let (mut segments, mut snapshots, mut state) = (BTreeMap::new(), BTreeSet::new(), None);
        let mut copies = Vec::new();
        for entry in files.list(&folder).map_err(failed)? {
            match LogFileName::parse(&entry.name) {
                LogFileName::Segment(base) if entry.size > 0 => {
                    segments.insert(base, AtomicU64::new(entry.size));
                }
                LogFileName::Segment(_) | LogFileName::Unfinished => {
                    files.remove(&folder.join(&entry.name)).map_err(failed)?;
                }
                LogFileName::Cleaned(base) => copies.push((base, entry.size)),
                LogFileName::Snapshot(kind, offset) => {
                    snapshots.insert((kind, offset));
                }
                LogFileName::State(found) => state = Some(found),
                LogFileName::KafkaIndex(_) | LogFileName::Other => {}
            }
        }
        let is_state_missing = state.is_none();
        let state = state.unwrap_or_default();
        if is_state_missing {
            files.write(&folder.join(state.name()), b"", false).map_err(failed)?;
        }
        let epochs = LeaderEpochs::open(files, &folder);
        let view = Arc::new(View::new(folder, segments));
        let mut log = Log { id, view, state, snapshots, epochs, copy: None };
        if !shared.was_closed {
            log.sync(files).map_err(failed)?;
        }
        log.take_up_copies(files, &copies).map_err(failed)?;
        log.finish(shared)?;
        write(&shared.views).insert(id, Arc::clone(&log.view));
        shared.task(Task::Check { log: id });
        log.index_transactions(shared);
        Ok(log)
    }

    /// Puts on the medium what is found: a process that ended may have left it to the operating system, and whoever is told of
    /// it now takes it for safe. Of the segments only the last can be behind.
    fn sync(&self, files: &dyn Files) -> io::Result<()> {
        files.sync_folder(&self.view.folder)?;
        match self.view.last() {
            Some((last, _)) => files.open(&self.path(&names::segment(last)), false)?.sync(),
            None => Ok(()),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.view.folder.join(name)
    }

    /// All that [`StorageOp::Load`](headwater_engine::StorageOp::Load) asks for.
    pub(crate) fn load(&self, files: &dyn Files) -> Result<StoredLog, Failure> {
        let mut stored = StoredLog { log_start_offset: self.state.log_start_offset, ..StoredLog::default() };
        for (base_offset, size) in &*read(&self.view.segments) {
            stored
                .segments
                .push(StoredSegment { base_offset: *base_offset, size: size.load(Ordering::Acquire) });
        }
        for &(kind, offset) in &self.snapshots {
            let snapshot = files
                .read(&self.path(&names::snapshot(kind, offset)))
                .map_err(|error| Failure::refused("reading a snapshot", &error))?;
            let snapshot = match kind {
                SnapshotKind::ProducerState => kafka_snapshot::unwrap(snapshot),
                SnapshotKind::SegmentIndex => Bytes::from(snapshot),
            };
            stored.snapshots.push(StoredSnapshot { kind, offset, snapshot });
        }
        Ok(stored)
    }

    /// The open file to append to, at its end; `begins` makes a new segment of it.
    pub(crate) fn appending(
        &mut self,
        shared: &Shared,
        segment: Offset,
        begins: bool,
    ) -> Result<Arc<Handle>, Failure> {
        let refused = |error: io::Error| Failure::refused("opening a segment", &error);
        if begins && let Some((last, _)) = self.view.last() {
            let path = self.path(&names::segment(last));
            let handle = shared.open((self.id, last), &path, false).map_err(refused)?;
            // A power cut may take the end of a log, but nothing before what it leaves.
            handle.sync().map_err(|error| Failure::unknown("syncing a full segment", &error))?;
        }
        let path = self.path(&names::segment(segment));
        let handle = shared.open((self.id, segment), &path, begins).map_err(refused)?;
        if begins {
            shared
                .files
                .sync_folder(&self.view.folder)
                .map_err(|error| Failure::unknown("making a segment", &error))?;
        }
        Ok(handle)
    }

    /// A segment that was made for an append that came to nothing.
    pub(crate) fn take_back(&self, shared: &Shared, segment: Offset) -> io::Result<()> {
        shared.handles.close(self.id, |base| base == segment);
        shared.files.remove(&self.path(&names::segment(segment)))
    }

    /// Remembers the leader epochs of batches that were appended.
    pub(crate) fn appended(&mut self, shared: &Shared, batches: &[u8]) {
        if let Some(content) = self.epochs.appended(batches)
            && self.replace(&*shared.files, names::LEADER_EPOCHS, content.as_bytes(), true).is_err()
        {
            shared.counts.index_failures.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Puts a file in the place of one that may be there: the old one or the new, whatever happens.
    fn replace(&self, files: &dyn Files, name: &str, content: &[u8], sync: bool) -> io::Result<()> {
        let unfinished = self.path(&names::unfinished(name));
        files
            .write(&unfinished, content, sync)
            .and_then(|()| files.rename(&unfinished, &self.path(name)))
            .inspect_err(|_| {
                // It is removed at the next opening too.
                let _removed = files.remove(&unfinished);
            })
    }

    pub(crate) fn put_snapshot(
        &mut self,
        shared: &Shared,
        kind: SnapshotKind,
        offset: Offset,
        content: &[u8],
    ) -> Result<(), Failure> {
        // An index is checked against its segment when it is used; the producers' states may be all that is left of them.
        let sync = kind == SnapshotKind::ProducerState;
        let content = if sync { Cow::Owned(kafka_snapshot::wrap(content)) } else { Cow::Borrowed(content) };
        self.replace(&*shared.files, &names::snapshot(kind, offset), &content, sync)
            .map_err(|error| Failure::refused("keeping a snapshot", &error))?;
        if sync {
            let synced = shared.files.sync_folder(&self.view.folder);
            synced.map_err(|error| Failure::unknown("keeping a snapshot", &error))?;
        }
        self.snapshots.insert((kind, offset));
        if kind == SnapshotKind::SegmentIndex {
            shared.task(Task::Index { log: self.id, end_offset: offset });
        }
        self.index_transactions(shared);
        Ok(())
    }

    /// Has the `.txnindex` of segments made that the latest of the producers' states tell of.
    fn index_transactions(&self, shared: &Shared) {
        let producers = self.snapshots.iter().filter(|(kind, _)| *kind == SnapshotKind::ProducerState);
        if let Some(told_at) = producers.map(|(_, offset)| *offset).max()
            && self.view.transactions_indexed.load(Ordering::Acquire) < told_at
        {
            shared.task(Task::IndexTransactions { log: self.id, told_at });
        }
    }

    pub(crate) fn delete_snapshot(
        &mut self,
        files: &dyn Files,
        kind: SnapshotKind,
        offset: Offset,
    ) -> Result<(), Failure> {
        if self.snapshots.contains(&(kind, offset)) {
            files
                .remove(&self.path(&names::snapshot(kind, offset)))
                .map_err(|error| Failure::refused("deleting a snapshot", &error))?;
            self.snapshots.remove(&(kind, offset));
        }
        Ok(())
    }

    pub(crate) fn truncate(
        &mut self,
        shared: &Shared,
        offset: Offset,
        segment: Offset,
        position: u64,
    ) -> Result<(), Failure> {
        if position > self.view.size_of(segment) {
            return Err(Failure::out_of_sequence("the segment ends before that"));
        }
        let begun = Some(Change::Cut { offset, segment, position });
        self.change(shared, State { begun, ..self.state })
    }

    pub(crate) fn delete_segments(
        &mut self,
        shared: &Shared,
        before: Offset,
        log_start_offset: Option<Offset>,
    ) -> Result<(), Failure> {
        let log_start_offset = log_start_offset.unwrap_or(self.state.log_start_offset);
        self.change(shared, State { log_start_offset, begun: Some(Change::Drop { before }) })
    }

    /// Begins a change of several files, and makes it.
    fn change(&mut self, shared: &Shared, state: State) -> Result<(), Failure> {
        self.rename_state(&*shared.files, state)
            .map_err(|error| Failure::refused("beginning a change of the log", &error))?;
        shared
            .files
            .sync_folder(&self.view.folder)
            .map_err(|error| Failure::unknown("beginning a change of the log", &error))?;
        self.finish(shared)
    }

    fn rename_state(&mut self, files: &dyn Files, state: State) -> io::Result<()> {
        if state != self.state {
            files.rename(&self.path(&self.state.name()), &self.path(&state.name()))?;
            self.state = state;
        }
        Ok(())
    }

    /// Makes the change that was begun, if one was; doing so twice is doing so once.
    fn finish(&mut self, shared: &Shared) -> Result<(), Failure> {
        let Some(change) = self.state.begun else {
            return Ok(());
        };
        let view = Arc::clone(&self.view);
        let mut segments = write(&view.segments);
        let made = match change {
            Change::Drop { before } => self.drop_below(shared, &mut segments, before),
            Change::Cut { offset, segment, position } => {
                self.cut(shared, &mut segments, offset, segment, position)
            }
            Change::Swap { start, end } => self.swap(shared, &mut segments, start..end),
        };
        let lowest = match change {
            Change::Drop { .. } => Offset::MAX,
            Change::Cut { segment, .. } => segment,
            Change::Swap { start, .. } => start,
        };
        view.transactions_indexed.fetch_min(lowest, Ordering::AcqRel);
        made.and_then(|()| shared.files.sync_folder(&view.folder))
            .and_then(|()| self.rename_state(&*shared.files, State { begun: None, ..self.state }))
            // What is appended from now on must not be cut off when the change is found begun.
            .and_then(|()| shared.files.sync_folder(&view.folder))
            .map_err(|error| Failure::unknown("changing the log", &error))
    }

    fn drop_below(
        &mut self,
        shared: &Shared,
        segments: &mut BTreeMap<Offset, AtomicU64>,
        before: Offset,
    ) -> io::Result<()> {
        let gone: Vec<Offset> = segments.range(..before).map(|(base, _)| *base).collect();
        self.remove_segments(shared, segments, &gone)?;
        self.remove_snapshots(&*shared.files, |kind, offset| {
            offset < before || (offset == before && kind == SnapshotKind::SegmentIndex)
        })
    }

    fn cut(
        &mut self,
        shared: &Shared,
        segments: &mut BTreeMap<Offset, AtomicU64>,
        offset: Offset,
        segment: Offset,
        position: u64,
    ) -> io::Result<()> {
        let is_gone = |base: Offset| base > segment || (base == segment && position == 0);
        let mut gone: Vec<Offset> = segments.keys().copied().filter(|base| is_gone(*base)).collect();
        // From the end, so that what is left has no hole at any time.
        gone.reverse();
        self.remove_segments(shared, segments, &gone)?;
        if let Some(size) = segments.get(&segment)
            && size.load(Ordering::Acquire) > position
        {
            let path = self.path(&names::segment(segment));
            let handle = shared.open((self.id, segment), &path, false)?;
            handle.file.truncate(position)?;
            handle.file.sync()?;
            size.store(position, Ordering::Release);
            self.remove_kafka_indexes(&*shared.files, segment)?;
        }
        if let Some(content) = self.epochs.truncated(offset) {
            self.replace(&*shared.files, names::LEADER_EPOCHS, content.as_bytes(), true)?;
        }
        self.remove_snapshots(&*shared.files, |_, of| of > offset)
    }

    fn remove_segments(
        &self,
        shared: &Shared,
        segments: &mut BTreeMap<Offset, AtomicU64>,
        gone: &[Offset],
    ) -> io::Result<()> {
        for base in gone {
            shared.handles.close(self.id, |open| open == *base);
            // Whoever goes on here finds what is left by the segment.
            self.remove_kafka_indexes(&*shared.files, *base)?;
            shared.files.remove(&self.path(&names::segment(*base)))?;
            segments.remove(base);
        }
        Ok(())
    }

    fn remove_kafka_indexes(&self, files: &dyn Files, segment: Offset) -> io::Result<()> {
        for name in names::kafka_indexes(segment) {
            files.remove(&self.path(&name))?;
        }
        Ok(())
    }

    fn remove_snapshots(
        &mut self,
        files: &dyn Files,
        is_gone: impl Fn(SnapshotKind, Offset) -> bool,
    ) -> io::Result<()> {
        let gone: Vec<_> =
            self.snapshots.iter().copied().filter(|(kind, offset)| is_gone(*kind, *offset)).collect();
        for (kind, offset) in gone {
            files.remove(&self.path(&names::snapshot(kind, offset)))?;
            self.snapshots.remove(&(kind, offset));
        }
        Ok(())
    }

    /// Drops the log with all its files. Once its folder has another name, it is gone.
    pub(crate) fn delete(self, shared: &Shared) -> Result<(), Failure> {
        let Log { id, view, .. } = self;
        let (Some(root), Some(name)) = (view.folder.parent(), view.folder.file_name()) else {
            return Err(Failure::Unknown("the partition's folder has no name".to_owned()));
        };
        let files = &*shared.files;
        let deleted = root.join(names::deleted_folder(&name.to_string_lossy(), id.topic_id));
        // Nobody reads meanwhile.
        let mut segments = write(&view.segments);
        files
            .rename(&view.folder, &deleted)
            .map_err(|error| Failure::refused("deleting the partition's folder", &error))?;
        segments.clear();
        write(&shared.views).remove(&id);
        shared.handles.close(id, |_| true);
        files
            .sync_folder(root)
            .and_then(|()| files.remove_folder(&deleted))
            .map_err(|error| Failure::unknown("deleting the partition's folder", &error))
    }
}

/// Makes a folder with what every log has.
fn fill(files: &dyn Files, new: &Path, id: LogId) -> io::Result<()> {
    match files.create_folder(new) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            files.remove_folder(new)?;
            files.create_folder(new)?;
        }
        made => made?,
    }
    files.write(&new.join(names::PARTITION), names::partition_metadata(id.topic_id).as_bytes(), true)?;
    files.write(&new.join(State::default().name()), b"", false)?;
    files.sync_folder(new)
}

fn is_taken(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::AlreadyExists | io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::NotADirectory
    )
}
