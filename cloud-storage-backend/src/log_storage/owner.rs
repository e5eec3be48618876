//! The owner of all logs: one record after the other, and checkpoints and reads beside them.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use futures_channel::mpsc;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use headwater_engine::{
    Applied, NotAppliedReason, OpId, StorageError, StorageOp, StorageResult, StoredLog, StoredSnapshot,
};
use headwater_journal::Rejection;

use super::cache::Cache;
use super::checkpoint::{self, Written};
use super::content::{ObjectId, Piece, concat};
use super::group::{End, Group, form, pop_if};
use super::objects::Objects;
use super::open::Opened;
use super::record::{Record, What};
use super::state::{Log, State};
use super::stream::{NotSettled, Stream};
use super::{BucketOptions, Ended, Queued, Shared, lock, not_applied};
use crate::journal::AppendError;
use crate::runtime::Work;

/// The most reads at a time.
const READS: usize = 32;

pub(super) struct Owner {
    options: BucketOptions,
    shared: Arc<Shared>,
    operations: mpsc::UnboundedReceiver<Vec<Queued>>,
    stream: Stream,
    objects: Objects,
    cache: Cache,
    state: State,
    /// The object of the last state that was written.
    state_object: Option<ObjectId>,
    /// The records below are in that.
    below: i64,
    /// The offset of the next record.
    next: i64,
    numbers: u64,
    next_object: u64,
    /// Bytes that are in memory only; perhaps fewer.
    memory_bytes: u64,
    queue: VecDeque<Queued>,
    reads: VecDeque<Queued>,
    reads_running: usize,
    running: FuturesUnordered<Work<'static, Event>>,
    /// The record that is on its way, or what finds out what became of one.
    busy: bool,
    unsettled: bool,
    checkpoint: Checkpointing,
    /// Why nothing is written any more.
    dead: Option<(NotAppliedReason, String)>,
}

enum Checkpointing {
    No,
    /// Its objects are being written.
    Writing,
    /// Its record is not in the stream yet.
    Written(Written),
}

enum Event {
    Submitted(Option<Vec<Queued>>),
    /// A group was appended, or not; and the pieces of its object.
    Appended(Group, Result<i64, Failure>),
    CheckpointWritten(Result<Written, String>),
    CheckpointAppended(Result<i64, AppendError>),
    Settled(Stream, Result<(Vec<(i64, Bytes)>, i64), NotSettled>),
    Answered(OpId, StorageResult),
    Deleted,
}

enum Failure {
    /// Its object was not written.
    Object(String),
    Append(AppendError),
}

impl Owner {
    pub(super) fn new(
        opened: Opened,
        options: BucketOptions,
        shared: Arc<Shared>,
        operations: mpsc::UnboundedReceiver<Vec<Queued>>,
    ) -> Owner {
        let Opened { stream, objects, state, state_object, below, next, numbers } = opened;
        let owner = Owner {
            options,
            shared,
            operations,
            stream,
            objects,
            cache: Cache::default(),
            memory_bytes: state.memory_bytes(),
            state,
            state_object,
            below,
            next,
            numbers,
            next_object: 0,
            queue: VecDeque::new(),
            reads: VecDeque::new(),
            reads_running: 0,
            running: FuturesUnordered::new(),
            busy: false,
            unsettled: false,
            checkpoint: Checkpointing::No,
            dead: None,
        };
        let living: BTreeSet<ObjectId> = owner.state.objects.keys().copied().collect();
        let (objects, epoch, state) = (owner.objects.clone(), owner.stream.epoch, owner.state_object);
        owner.running.push(Box::pin(async move {
            objects.sweep(epoch, move |object| living.contains(&object), state).await;
            Event::Deleted
        }));
        owner
    }

    /// Goes on until the storage is dropped; then whatever is on its way is left alone.
    pub(super) async fn run(mut self) {
        loop {
            self.go_on();
            let (running, operations) = (&mut self.running, &mut self.operations);
            let event = std::future::poll_fn(|context| {
                if let Poll::Ready(submitted) = operations.poll_next_unpin(context) {
                    return Poll::Ready(Event::Submitted(submitted));
                }
                match running.poll_next_unpin(context) {
                    Poll::Ready(Some(event)) => Poll::Ready(event),
                    _ => Poll::Pending,
                }
            });
            match event.await {
                Event::Submitted(Some(operations)) => self.take(operations),
                Event::Submitted(None) => return,
                Event::Appended(group, result) => self.appended(group, result),
                Event::CheckpointWritten(result) => self.checkpoint_written(result),
                Event::CheckpointAppended(result) => self.checkpoint_appended(&result),
                Event::Settled(stream, result) => self.settled(stream, result),
                Event::Answered(id, result) => {
                    self.reads_running -= 1;
                    self.end(id, result);
                }
                Event::Deleted => {}
            }
        }
    }

    fn end(&self, id: OpId, result: StorageResult) {
        self.shared.end(Ended { id, result, refused: None });
    }

    fn take(&mut self, operations: Vec<Queued>) {
        for queued in operations {
            if matches!(queued.op, StorageOp::Read { .. }) {
                self.reads.push_back(queued);
            } else {
                self.queue.push_back(queued);
            }
        }
    }

    /// Begins whatever can begin.
    fn go_on(&mut self) {
        while self.reads_running < READS
            && let Some(Queued { id, op, .. }) = self.reads.pop_front()
        {
            self.read(id, &op);
        }
        if self.busy {
            return;
        }
        if self.unsettled && self.dead.is_none() {
            return self.settle();
        }
        if matches!(self.checkpoint, Checkpointing::Written(_)) && self.dead.is_none() {
            return self.append_checkpoint();
        }
        self.begin_checkpoint();
        while !self.busy && !self.queue.is_empty() && !self.is_full() {
            self.begin_next();
        }
    }

    /// Whether a checkpoint has to be waited for.
    fn is_full(&self) -> bool {
        let is_load = self.queue.front().is_some_and(|queued| matches!(queued.op, StorageOp::Load { .. }));
        let too_much = self.memory_bytes >= self.options.memory_bytes.saturating_mul(2)
            || self.tail() >= self.options.tail_records.saturating_mul(4);
        self.dead.is_none() && too_much && !is_load
    }

    fn tail(&self) -> u64 {
        u64::try_from(self.next - self.below).unwrap_or(0)
    }

    fn begin_next(&mut self) {
        if let Some(Queued { id, op, .. }) =
            pop_if(&mut self.queue, |op| matches!(op, StorageOp::Load { .. }))
        {
            return self.load(id, &op);
        }
        if let Some((reason, message)) = &self.dead {
            let result = Err(not_applied(*reason, message.clone()));
            if let Some(Queued { id, .. }) = self.queue.pop_front() {
                self.end(id, result);
            }
            return;
        }
        let object = self.name_object();
        let oldest = self.queue.front().map_or(0, |queued| queued.number);
        let group = {
            let mut refusals = lock(&self.shared.refusals);
            refusals.forget_below(oldest);
            form(&mut self.queue, &self.state, &mut refusals, &mut self.numbers, object)
        };
        if group.is_empty() {
            self.tell(group.ends, &Ok(Applied::Written));
        } else {
            self.append(group);
        }
    }

    /// Tells how the operations of a record ended.
    fn tell(&self, ends: Vec<End>, result: &StorageResult) {
        for end in ends {
            match end {
                End::With(id) => self.end(id, result.clone()),
                End::Refused(ended) => self.shared.end(ended),
            }
        }
    }

    fn name_object(&mut self) -> ObjectId {
        self.next_object += 1;
        ObjectId { epoch: self.stream.epoch, number: self.next_object }
    }

    fn append(&mut self, mut group: Group) {
        self.busy = true;
        let record = Record { epoch: self.stream.epoch, what: group.what.clone() }.seal();
        let (stream, objects) = (self.stream.clone(), self.objects.clone());
        if let (Some(builder), What::Changes { changes, .. }) = (&group.object, &group.what) {
            for (_, change) in changes {
                self.cache.add(change.pieces(), &builder.parts);
            }
        }
        self.running.push(Box::pin(async move {
            if let Some(builder) = group.object.take()
                && let Err(why) = objects.create(builder.object(), builder.bytes()).await
            {
                return Event::Appended(group, Err(Failure::Object(why)));
            }
            let result = stream.append(record, None).await.map_err(Failure::Append);
            Event::Appended(group, result)
        }));
    }

    fn appended(&mut self, group: Group, result: Result<i64, Failure>) {
        self.busy = false;
        let result = match result {
            Ok(offset) if offset == self.next => {
                self.next += 1;
                self.memory_bytes += group.memory_bytes;
                if let What::Changes { object, .. } = group.what {
                    self.state.objects.extend(object);
                }
                self.state.take(group.draft);
                Ok(Applied::Written)
            }
            Ok(_) => {
                let why = "somebody else writes to the logs' stream";
                self.dead = Some((NotAppliedReason::Failed, why.to_owned()));
                self.unsettled = true;
                Err(StorageError::Unknown { message: why.to_owned() })
            }
            Err(Failure::Object(why)) => {
                self.dead = Some((NotAppliedReason::Failed, why.clone()));
                Err(not_applied(NotAppliedReason::Failed, why))
            }
            Err(Failure::Append(AppendError::Rejected(Rejection::Fenced))) => Err(self.fenced()),
            Err(Failure::Append(error @ (AppendError::Rejected(_) | AppendError::Refused(_)))) => {
                self.dead = Some((NotAppliedReason::Failed, error.to_string()));
                Err(not_applied(NotAppliedReason::Failed, error.to_string()))
            }
            Err(Failure::Append(error)) => {
                self.unsettled = true;
                Err(StorageError::Unknown { message: error.to_string() })
            }
        };
        self.tell(group.ends, &result);
    }

    fn fenced(&mut self) -> StorageError {
        let why = "the storage was opened by somebody else".to_owned();
        self.dead = Some((NotAppliedReason::Fenced, why.clone()));
        not_applied(NotAppliedReason::Fenced, why)
    }

    /// Finds out what came of a record.
    fn settle(&mut self) {
        self.busy = true;
        let (mut stream, next) = (self.stream.clone(), self.next);
        self.running.push(Box::pin(async move {
            let result = stream.settle(next).await;
            Event::Settled(stream, result)
        }));
    }

    fn settled(&mut self, stream: Stream, result: Result<(Vec<(i64, Bytes)>, i64), NotSettled>) {
        self.busy = false;
        self.stream = stream;
        let folded = match result {
            Ok((records, next)) => self.fold(records).map(|()| self.next = next),
            Err(NotSettled::Fenced) => return drop(self.fenced()),
            Err(NotSettled::Failed(why)) => Err(why),
        };
        match folded {
            Ok(()) => {
                self.unsettled = false;
                self.memory_bytes = self.state.memory_bytes();
            }
            Err(why) => self.dead = Some((NotAppliedReason::Failed, why)),
        }
    }

    fn fold(&mut self, records: Vec<(i64, Bytes)>) -> Result<(), String> {
        for (offset, record) in records {
            let unsealed = Record::unseal(&record, &mut self.numbers);
            let Record { what, .. } =
                unsealed.map_err(|error| format!("record {offset} is damaged: {error:?}"))?;
            if let What::Checkpoint { below, .. } = what
                && let Checkpointing::Written(written) =
                    std::mem::replace(&mut self.checkpoint, Checkpointing::No)
                && written.below == below
            {
                self.checkpointed(written);
            }
            self.state
                .fold(what)
                .map_err(|malformed| format!("record {offset} is damaged: {}", malformed.0))?;
        }
        Ok(())
    }

    fn begin_checkpoint(&mut self) {
        let due =
            self.memory_bytes >= self.options.memory_bytes || self.tail() >= self.options.tail_records.max(2);
        if !due || self.dead.is_some() || !matches!(self.checkpoint, Checkpointing::No) {
            return;
        }
        self.checkpoint = Checkpointing::Writing;
        let (object, state_object) = (self.name_object(), self.name_object());
        let (objects, cache, state) = (self.objects.clone(), self.cache.clone(), self.state.clone());
        let below = self.next;
        self.running.push(Box::pin(async move {
            let written = checkpoint::write(objects, cache, state, below, object, state_object).await;
            Event::CheckpointWritten(written)
        }));
    }

    fn checkpoint_written(&mut self, result: Result<Written, String>) {
        match result {
            Ok(written) => self.checkpoint = Checkpointing::Written(written),
            Err(why) => {
                self.checkpoint = Checkpointing::No;
                self.dead.get_or_insert((NotAppliedReason::Failed, why));
            }
        }
    }

    fn append_checkpoint(&mut self) {
        let Checkpointing::Written(written) = &self.checkpoint else { return };
        self.busy = true;
        let what = What::Checkpoint { below: written.below, object: written.state_object };
        let record = Record { epoch: self.stream.epoch, what }.seal();
        let (stream, below) = (self.stream.clone(), written.below);
        self.running.push(Box::pin(async move {
            Event::CheckpointAppended(stream.append(record, Some(below)).await)
        }));
    }

    fn checkpoint_appended(&mut self, result: &Result<i64, AppendError>) {
        self.busy = false;
        match result {
            Ok(offset) if *offset == self.next => {
                self.next += 1;
                if let Checkpointing::Written(written) =
                    std::mem::replace(&mut self.checkpoint, Checkpointing::No)
                {
                    self.checkpointed(written);
                }
            }
            Err(AppendError::Rejected(Rejection::Fenced)) => drop(self.fenced()),
            Ok(_) | Err(AppendError::Rejected(_) | AppendError::Refused(_)) => {
                let why = "a checkpoint of the logs was refused".to_owned();
                self.dead = Some((NotAppliedReason::Failed, why));
            }
            Err(_) => self.unsettled = true,
        }
    }

    /// A checkpoint counts: what was in memory only is no more, and what is dead can go.
    fn checkpointed(&mut self, written: Written) {
        self.below = written.below;
        self.state.apply(&written.moves);
        self.state.objects.extend(written.object);
        self.state.objects.retain(|object, _| !written.dead.contains(object));
        self.memory_bytes = self.state.memory_bytes();
        let old_state = self.state_object.replace(written.state_object).into_iter().collect();
        let objects = self.objects.clone();
        self.running.push(Box::pin(async move {
            objects.delete(written.dead, old_state).await;
            Event::Deleted
        }));
        // It may end a cycle of collection. If the writer is gone, the next append says so.
        drop(self.stream.writer.maintain());
    }

    /// A read that comes while something is written sees what was there before.
    fn read(&mut self, id: OpId, op: &StorageOp) {
        let StorageOp::Read { log, segment, range } = op else { return };
        let content = self.state.logs.get(log).and_then(|log| log.segments.get(segment));
        let (start, pieces) = content.map_or((0, Vec::new()), |content| content.within(range));
        let (cache, objects, range) = (self.cache.clone(), self.objects.clone(), range.clone());
        let answer = Box::pin(async move {
            let bytes = join(&cache, &objects, &pieces).await?;
            let within = |position: u64| {
                usize::try_from(position.saturating_sub(start)).unwrap_or(usize::MAX).min(bytes.len())
            };
            let (from, to) = (within(range.start), within(range.end));
            Ok(Applied::Read(bytes.slice(from..to.max(from))))
        });
        self.answer(id, answer);
    }

    fn load(&mut self, id: OpId, op: &StorageOp) {
        if self.unsettled
            && let Some((reason, message)) = &self.dead
        {
            return self.end(id, Err(not_applied(*reason, message.clone())));
        }
        let log: Option<Log> = self.state.logs.get(&op.log()).cloned();
        let (cache, objects) = (self.cache.clone(), self.objects.clone());
        let answer = Box::pin(async move {
            let Some(log) = log else { return Ok(Applied::Loaded(StoredLog::default())) };
            let mut snapshots = Vec::with_capacity(log.snapshots.len());
            for ((kind, offset), content) in &log.snapshots {
                let snapshot = join(&cache, &objects, &content.pieces).await?;
                snapshots.push(StoredSnapshot { kind: *kind, offset: *offset, snapshot });
            }
            let (segments, log_start_offset) = (log.stored_segments(), log.log_start_offset);
            Ok(Applied::Loaded(StoredLog { segments, snapshots, log_start_offset }))
        });
        self.answer(id, answer);
    }

    fn answer(&mut self, id: OpId, answer: Work<'static, Result<Applied, String>>) {
        self.reads_running += 1;
        self.running.push(Box::pin(async move {
            let failed = |why| not_applied(NotAppliedReason::Failed, why);
            Event::Answered(id, answer.await.map_err(failed))
        }));
    }
}

async fn join(cache: &Cache, objects: &Objects, pieces: &[Piece]) -> Result<Bytes, String> {
    let mut parts = Vec::with_capacity(pieces.len());
    let ahead = pieces.iter().cloned().map(|piece| {
        let (cache, objects) = (cache.clone(), objects.clone());
        async move { cache.piece(&objects, &piece).await }
    });
    let mut ahead = futures_util::stream::iter(ahead).buffered(8);
    while let Some(bytes) = ahead.next().await {
        parts.push(bytes?);
    }
    Ok(concat(parts))
}
