//! The thread that writes.
//!
//! It takes all that has queued up. Appends to one segment that follow one another, whatever stands between them of other
//! logs, become one write, and a sync if one of them asks for it (group commit). Whatever else there is for a log waits for
//! the log's appends before it.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, IoSlice};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use headwater_engine::{
    Applied, Durability, LogId, NotAppliedReason, Offset, OpId, StorageError, StorageOp, StorageResult,
    StoredLog,
};

use crate::error::Failure;
use crate::handles::Handle;
use crate::log::Log;
use crate::names;
use crate::owner::Claim;
use crate::shared::{Ended, Queued, Shared, lock};
use crate::upkeep::Task;

/// The most that is written of one segment in one go, so that a reader and other logs have their turn.
const MAX_RUN_BYTES: usize = 16 << 20;

pub(crate) struct Writer {
    shared: Arc<Shared>,
    root: PathBuf,
    claim: Claim,
    /// The folders of logs that nothing was asked of yet.
    unopened: BTreeMap<LogId, PathBuf>,
    logs: BTreeMap<LogId, Log>,
    /// How many bytes a segment may be ahead of the medium before it is synced in the background.
    write_behind_bytes: u64,
    runs: BTreeMap<LogId, Run>,
    ended: Vec<Ended>,
}

/// Appends that become one write.
struct Run {
    segment: Offset,
    /// The segment's length before it.
    position: u64,
    bytes: usize,
    appends: Vec<(OpId, Bytes)>,
    strict: bool,
}

impl Run {
    fn end(&self) -> u64 {
        self.position + self.bytes as u64
    }
}

impl Writer {
    pub(crate) fn new(
        shared: Arc<Shared>,
        root: PathBuf,
        claim: Claim,
        unopened: BTreeMap<LogId, PathBuf>,
        write_behind_bytes: u64,
    ) -> Writer {
        Writer {
            shared,
            root,
            claim,
            unopened,
            logs: BTreeMap::new(),
            write_behind_bytes,
            runs: BTreeMap::new(),
            ended: Vec::new(),
        }
    }

    /// Works until the storage is closed; then everything is synced.
    pub(crate) fn run(mut self) {
        while let Some(queued) = self.shared.writes.take() {
            let oldest = queued.back().map_or(0, |last| last.number + 1);
            let claim = self.claim.clone();
            let mut queued = Some(queued);
            claim.hold(|| self.work(queued.take().unwrap_or_default()));
            for Queued { id, .. } in queued.unwrap_or_default() {
                self.ended.push(Ended { id, result: Err(fenced()), refused: None });
            }
            lock(&self.shared.refusals).forget_below(oldest);
            self.tell();
        }
        let claim = self.claim.clone();
        claim.hold(|| self.close());
    }

    /// Puts everything on the medium and says so.
    fn close(&self) {
        sync_all(&self.shared);
        // What was never looked at is as the process before has left it.
        let is_safe = self.shared.was_closed || self.unopened.is_empty();
        if is_safe && self.shared.failure().is_none() {
            // Without it the next one syncs once more.
            let _written = self.shared.files.write(&self.root.join(names::CLOSED), b"", false);
        }
    }

    fn work(&mut self, queued: VecDeque<Queued>) {
        for queued in queued {
            if self.shared.writes.is_closed() {
                // Dropped with work under way: what is left is as if it had never been submitted.
                self.runs.clear();
                return;
            }
            self.take(queued);
        }
        self.write_all();
    }

    fn take(&mut self, Queued { number, id, op }: Queued) {
        let log = op.log();
        match op {
            StorageOp::Append { segment, position, batches, durability, .. } => {
                if let Err(failure) =
                    self.take_append(number, log, id, (segment, position), batches, durability)
                {
                    self.write_run(log);
                    self.refuse(log, id, failure);
                }
            }
            StorageOp::Read { .. } => self.hand_over(Queued { number, id, op }),
            op => {
                self.write_run(log);
                let result = self.apply(log, op);
                if let Err(failure) = &result
                    && let Some(message) = failure.stops()
                {
                    self.shared.fail(message);
                }
                self.end(id, result.map_err(StorageError::from));
            }
        }
    }

    /// A read of a log that was not opened yet, or that does not exist.
    fn hand_over(&mut self, read: Queued) {
        match self.log(read.op.log()) {
            Ok(Some(_)) => self.shared.reads.push(&mut VecDeque::from([read]), usize::MAX),
            Ok(None) => self.end(read.id, Ok(Applied::Read(Bytes::new()))),
            Err(failure) => self.end(read.id, Err(failure.into())),
        }
    }

    fn end(&mut self, id: OpId, result: StorageResult) {
        self.ended.push(Ended { id, result, refused: None });
    }

    fn tell(&mut self) {
        if !self.ended.is_empty() {
            self.shared.end(self.ended.drain(..));
        }
    }

    /// An append that is refused for a reason of its own.
    fn refuse(&mut self, log: LogId, id: OpId, failure: Failure) {
        if let Some(message) = failure.stops() {
            self.shared.fail(message);
        }
        lock(&self.shared.refusals).refused(log);
        self.ended.push(Ended { id, result: Err(failure.into()), refused: Some(log) });
    }

    /// Adds an append to its log's run, if it goes where that ends.
    fn take_append(
        &mut self,
        number: u64,
        log: LogId,
        id: OpId,
        (segment, position): (Offset, u64),
        batches: Bytes,
        durability: Durability,
    ) -> Result<(), Failure> {
        if let Some(StorageError::NotApplied { reason, message }) = self.shared.refusal_after_failure() {
            return Err(Failure::NotApplied(reason, message));
        }
        if self.runs.get(&log).is_some_and(|run| run.segment != segment || run.bytes > MAX_RUN_BYTES) {
            self.write_run(log);
        }
        if lock(&self.shared.refusals).applies_to(log, number) {
            self.write_run(log);
            let why = Failure::out_of_sequence("an append before it was refused");
            self.end(id, Err(why.into()));
            return Ok(());
        }
        let last = match self.runs.get(&log) {
            Some(run) => Some((run.segment, run.end())),
            None => self.log(log)?.and_then(|log| log.view.last()),
        };
        let in_sequence = match last {
            Some((last, size)) if last == segment => size == position,
            Some((last, _)) => last < segment && position == 0,
            None => position == 0,
        };
        if !in_sequence {
            return Err(Failure::out_of_sequence("the segment does not end there"));
        }
        let run = self.runs.entry(log).or_insert_with(|| Run {
            segment,
            position,
            bytes: 0,
            appends: Vec::new(),
            strict: false,
        });
        run.bytes += batches.len();
        run.strict |= durability == Durability::Strict;
        run.appends.push((id, batches));
        Ok(())
    }

    /// A log, if it has a folder.
    fn log(&mut self, id: LogId) -> Result<Option<&mut Log>, Failure> {
        if let Some(folder) = self.unopened.get(&id) {
            let log = Log::open(&self.shared, id, folder.clone())?;
            self.unopened.remove(&id);
            self.logs.insert(id, log);
        }
        Ok(self.logs.get_mut(&id))
    }

    /// A log; one without a folder gets one.
    fn log_made(&mut self, id: LogId) -> Result<&mut Log, Failure> {
        if self.log(id)?.is_none() {
            let log = Log::create(&self.shared, &self.root, id, &self.folder_names(id))?;
            self.logs.insert(id, log);
        }
        let missing = || Failure::NotApplied(NotAppliedReason::Failed, "the log has no folder".to_owned());
        self.logs.get_mut(&id).ok_or_else(missing)
    }

    /// `TOPIC-PARTITION`. While a log of the same name is still there, and where nobody has told the topic's name, the topic's
    /// id is part of it: `partition.metadata` is what counts.
    fn folder_names(&self, id: LogId) -> Vec<String> {
        let topic_id = names::base64(id.topic_id);
        let name = lock(&self.shared.names).get(&id.topic_id).cloned();
        let with_id = name.as_ref().map_or(topic_id.clone(), |name| format!("{name}.{topic_id}"));
        let topics = name.into_iter().chain([with_id.clone(), format!("{with_id}.2")]);
        topics.map(|topic| names::folder(&topic, id.partition)).collect()
    }

    /// What waits for the medium comes last, so that nothing else waits for it too.
    fn write_all(&mut self) {
        let (strict, relaxed): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.runs).into_iter().partition(|(_, run)| run.strict);
        for (log, run) in relaxed {
            self.write(log, &run);
        }
        if !strict.is_empty() {
            self.tell();
        }
        for (log, run) in strict {
            self.write(log, &run);
        }
    }

    /// Writes what has gathered for a log.
    fn write_run(&mut self, log: LogId) {
        if let Some(run) = self.runs.remove(&log) {
            self.write(log, &run);
        }
    }

    fn write(&mut self, log: LogId, run: &Run) {
        let shared = Arc::clone(&self.shared);
        let (written, failure) = match self.try_write(&shared, log, run) {
            Ok(()) => (run.appends.len(), None),
            Err((written, failure)) => (written, Some(failure)),
        };
        let (applied, rest) = run.appends.split_at(written);
        self.ended.extend(applied.iter().map(|(id, _)| Ended {
            id: *id,
            result: Ok(Applied::Written),
            refused: None,
        }));
        let (Some(failure), Some(((first, _), behind))) = (failure, rest.split_first()) else {
            return;
        };
        let is_unknown = matches!(failure, Failure::Unknown(_));
        let message = failure.stops().unwrap_or_default().to_owned();
        self.refuse(log, *first, failure);
        for (id, _) in behind {
            let why = if is_unknown {
                Failure::Unknown(message.clone())
            } else {
                Failure::out_of_sequence("an append before it was refused")
            };
            self.end(*id, Err(why.into()));
        }
    }

    /// Writes a run; where that ends early, how many of its appends are applied all the same.
    fn try_write(&mut self, shared: &Shared, id: LogId, run: &Run) -> Result<(), (usize, Failure)> {
        if run.bytes == 0 {
            return Ok(());
        }
        let begins = run.position == 0;
        let log = self.log_made(id).map_err(|failure| (0, failure))?;
        let handle = match log.appending(shared, run.segment, begins) {
            Ok(handle) => handle,
            Err(failure) => return Err((0, failure)),
        };
        let (bytes, failed) = append_all(shared, &handle, run);
        handle.wrote(bytes);
        let (mut written, mut kept) = (0, 0);
        while let Some((_, batches)) = run.appends.get(written)
            && kept + batches.len() as u64 <= bytes
        {
            kept += batches.len() as u64;
            written += 1;
        }
        let failure = failed.map(|error| take_back(shared, log, &handle, run, bytes - kept, kept, &error));
        if run.strict && written > 0 && !matches!(failure, Some(Failure::Unknown(_))) {
            shared.counts.syncs.fetch_add(1, Ordering::Relaxed);
            handle.sync().map_err(|error| (0, Failure::unknown("syncing a segment", &error)))?;
        }
        if kept > 0 {
            log.view.grew(run.segment, run.position + kept);
            for (_, batches) in &run.appends[..written] {
                log.appended(shared, batches);
            }
        }
        if handle.unsynced() > self.write_behind_bytes {
            shared.task(Task::Sync(handle));
        }
        failure.map_or(Ok(()), |failure| Err((written, failure)))
    }

    /// Everything but appends and reads.
    fn apply(&mut self, log: LogId, op: StorageOp) -> Result<Applied, Failure> {
        let shared = Arc::clone(&self.shared);
        if let Some(StorageError::NotApplied { reason, message }) = shared.refusal_after_failure() {
            return Err(Failure::NotApplied(reason, message));
        }
        match op {
            StorageOp::Load { .. } => {
                let files = &*shared.files;
                let stored = self.log(log)?.map_or(Ok(StoredLog::default()), |log| log.load(files))?;
                return Ok(Applied::Loaded(stored));
            }
            StorageOp::PutSnapshot { kind, offset, snapshot, .. } => {
                self.log_made(log)?.put_snapshot(&shared, kind, offset, &snapshot)?;
            }
            StorageOp::DeleteSnapshot { kind, offset, .. } => {
                if let Some(log) = self.log(log)? {
                    log.delete_snapshot(&*shared.files, kind, offset)?;
                }
            }
            StorageOp::Truncate { offset, segment, position, .. } => match self.log(log)? {
                Some(log) => log.truncate(&shared, offset, segment, position)?,
                None if position > 0 => return Err(Failure::out_of_sequence("there is no such log")),
                None => {}
            },
            StorageOp::DeleteSegments { before, log_start_offset, .. } => {
                let log = if log_start_offset.is_some() { Some(self.log_made(log)?) } else { self.log(log)? };
                if let Some(log) = log {
                    log.delete_segments(&shared, before, log_start_offset)?;
                }
            }
            StorageOp::AppendCleaned { segment, position, batches, .. } => match self.log(log)? {
                Some(log) => log.append_cleaned(&shared, segment, position, &batches)?,
                None if position == 0 && batches.is_empty() => {}
                None => return Err(Failure::out_of_sequence("there is no such log")),
            },
            StorageOp::ReplaceSegments { segments, size, .. } => match self.log(log)? {
                Some(log) => log.replace_segments(&shared, &segments, size)?,
                None => return Err(Failure::out_of_sequence("there is no such log")),
            },
            StorageOp::Delete { .. } => {
                self.log(log)?;
                if let Some(log) = self.logs.remove(&log) {
                    log.delete(&shared)?;
                }
            }
            // `take` has seen to those.
            StorageOp::Append { .. } | StorageOp::Read { .. } => {}
        }
        Ok(Applied::Written)
    }
}

/// Writes all of a run, or as much as goes; how many bytes, and what stopped it.
fn append_all(shared: &Shared, handle: &Handle, run: &Run) -> (u64, Option<io::Error>) {
    let mut slices: Vec<IoSlice<'_>> = run.appends.iter().map(|(_, batches)| IoSlice::new(batches)).collect();
    let mut slices = &mut slices[..];
    IoSlice::advance_slices(&mut slices, 0);
    let mut bytes = 0;
    while !slices.is_empty() {
        shared.counts.writes.fetch_add(1, Ordering::Relaxed);
        match handle.file.append(slices) {
            Ok(0) => return (bytes, Some(io::ErrorKind::WriteZero.into())),
            Ok(count) => {
                bytes += count as u64;
                IoSlice::advance_slices(&mut slices, count);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (bytes, Some(error)),
        }
    }
    (bytes, None)
}

/// A write ended in the middle of an append: its bytes are taken back, so that nothing of it is stored.
fn take_back(
    shared: &Shared,
    log: &Log,
    handle: &Handle,
    run: &Run,
    extra: u64,
    kept: u64,
    error: &io::Error,
) -> Failure {
    let taken_back = match run.position + kept {
        0 => log.take_back(shared, run.segment),
        _ if extra == 0 => Ok(()),
        size => handle.file.truncate(size),
    };
    match taken_back {
        Ok(()) => Failure::refused("writing a segment", error),
        Err(second) => Failure::Unknown(format!("writing a segment: {error}; taking it back: {second}")),
    }
}

/// Puts everything that was written on the medium.
pub(crate) fn sync_all(shared: &Shared) {
    for (_, handle) in shared.handles.unsynced() {
        sync(shared, &handle);
    }
}

/// Puts what was written to a segment on the medium, while nobody waits for it.
pub(crate) fn sync(shared: &Shared, handle: &Handle) {
    if let Err(error) = handle.sync() {
        shared.fail(&format!("syncing a segment: {error}"));
    }
}

fn fenced() -> StorageError {
    let message = "the storage was opened by somebody else".to_owned();
    StorageError::NotApplied { reason: NotAppliedReason::Fenced, message }
}
