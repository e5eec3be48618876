//! A writer: one append at a time, alone in one request, in a crowd together with others.
//!
//! - *Alone*, an append is a commit: created at the next number, or lost to somebody who was first.
//! - *In a crowd*, it is written as an intent, whose name says what it is. Then its author waits for a commit that has it;
//!   and after a while, the shorter the longer it has waited, makes one itself: lists the intents, judges each, and takes all
//!   along. Nobody reads others' intents for that.

mod append;
mod crowd;
mod machine;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;

use self::append::Wanted;
use crate::append::{AppendId, Fence, Header, Part, PartitionId, ProducerBatch};
use crate::config::Config;
use crate::error::Error;
use crate::port::{Port, Task};
use crate::request::{Outcome, Purpose, Request, RequestId};
use crate::state::{Placed, Rejection};
use machine::Core;

/// The most batches of an append.
pub const MAX_PARTS: usize = 1_000;

/// Records for one partition: a record batch as it comes from a producer.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Where to.
    pub partition: PartitionId,
    /// How many records; offsets are given by this number.
    pub records: u32,
    /// What the producer says, if it is idempotent.
    pub producer: Option<ProducerBatch>,
    /// The records.
    pub bytes: Bytes,
}

/// Why an append is not even begun.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum AppendRefused {
    /// One append at a time: the last is not settled yet, even if it was answered with a time-out.
    Busy,
    /// A partition belongs to another journal: there is no append, and no transaction, over two.
    OtherJournal(PartitionId),
    /// Nothing to append, too many batches, or two of one producer for one partition.
    Malformed,
    /// The journal cannot be used any more: see [`Answer::Failed`].
    Failed,
}

/// What came of an append. There is exactly one for each.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// Durable, visible, and here, batch by batch.
    Committed(Vec<Placed>),
    /// Nothing of it is there nor will be.
    Rejected(Rejection),
    /// Nothing of it is there nor will be: there was no time to begin.
    NotAppended,
    /// REQUEST_TIMED_OUT: nobody knows yet, and who asked does not get to know.
    TimedOut,
    /// The journal cannot be used; nobody knows of this append.
    Failed(Error),
}

/// A writer of a journal.
///
/// Time is given in milliseconds that never go back. Poll requests until there are none after every call that takes
/// `&mut self`; then call [`Writer::handle_timeout`] when [`Writer::poll_timeout`] says. Extra calls do no harm.
pub struct Writer {
    port: Port<(AppendId, Answer)>,
    config: Arc<Config>,
    id: u64,
    appends: u64,
    running: Running,
    /// The append that is to be answered, and until when.
    open: Option<(AppendId, u64)>,
    /// The checkpoint that is being made.
    keeper: Option<Keeping>,
}

/// A checkpoint in the background.
struct Keeping {
    task: Task<Result<(), Error>>,
    /// Where appends see that it goes on.
    runs: Arc<AtomicBool>,
}

enum Running {
    Idle(Box<Core>),
    Busy(Task<(Box<Core>, append::Settled)>),
    Failed,
}

impl Writer {
    /// A writer that knows nothing yet. `seed` has to be entropy: two writers with one seed are one writer.
    #[must_use]
    pub fn new(config: Config, seed: u64) -> Writer {
        let (port, config) = (Port::new(seed), Arc::new(config));
        let id = port.random();
        let core = Box::new(Core::new(port.clone(), Arc::clone(&config)));
        Writer { port, config, id, appends: 0, running: Running::Idle(core), open: None, keeper: None }
    }

    /// Begins an append: all its batches become visible together, or none. It is answered until `deadline_ms`.
    ///
    /// # Errors
    ///
    /// When it is not begun.
    pub fn append(
        &mut self,
        now_ms: u64,
        deadline_ms: u64,
        batches: &[Batch],
        fences: Vec<Fence>,
    ) -> Result<AppendId, AppendRefused> {
        self.append_and_begin(now_ms, deadline_ms, batches, fences, &[])
    }

    /// The same, and partitions begin at these offsets from then on, if they did not begin later: what lies below is there
    /// no more for who begins to read, and is deleted in time. No batch is needed.
    ///
    /// # Errors
    ///
    /// When it is not begun.
    pub fn append_and_begin(
        &mut self,
        now_ms: u64,
        deadline_ms: u64,
        batches: &[Batch],
        fences: Vec<Fence>,
        starts: &[(PartitionId, i64)],
    ) -> Result<AppendId, AppendRefused> {
        self.port.set_now(now_ms);
        self.check(batches, &fences, starts)?;
        let core = match std::mem::replace(&mut self.running, Running::Failed) {
            Running::Idle(core) => core,
            Running::Failed => return Err(AppendRefused::Failed),
            busy @ Running::Busy(_) => {
                self.running = busy;
                return Err(AppendRefused::Busy);
            }
        };
        self.appends += 1;
        let id = AppendId(u128::from(self.id) << 64 | u128::from(self.appends));
        let wanted = Wanted::new(header(id, batches, fences, starts), batches);
        self.open = Some((id, deadline_ms));
        self.running = Running::Busy(Task::new(append::run(core, wanted)));
        self.turn();
        Ok(id)
    }

    fn check(
        &self,
        batches: &[Batch],
        fences: &[Fence],
        starts: &[(PartitionId, i64)],
    ) -> Result<(), AppendRefused> {
        let begun = starts.iter().map(|(partition, _)| *partition);
        let mut partitions = batches.iter().map(|batch| batch.partition).chain(begun);
        if let Some(other) = partitions.find(|partition| partition.journal != self.config.journal) {
            return Err(AppendRefused::OtherJournal(other));
        }
        let mut producers: Vec<(PartitionId, i64)> = batches
            .iter()
            .filter_map(|batch| batch.producer.map(|producer| (batch.partition, producer.producer_id)))
            .collect();
        let all = producers.len();
        producers.sort_unstable();
        producers.dedup();
        let too_large =
            batches.iter().any(|batch| u32::try_from(batch.bytes.len()).is_err() || batch.records == 0);
        if (batches.is_empty() && fences.is_empty() && starts.is_empty())
            || batches.len() > MAX_PARTS
            || starts.len() > MAX_PARTS
            || fences.len() > MAX_PARTS
            || producers.len() < all
            || too_large
        {
            return Err(AppendRefused::Malformed);
        }
        Ok(())
    }

    /// Reads on to the tail and makes a checkpoint, if only to end a cycle of collection. For who lives long, and writes
    /// nothing meanwhile; appends make checkpoints by themselves.
    pub fn maintain(&mut self, now_ms: u64) {
        self.port.set_now(now_ms);
        self.running = match std::mem::replace(&mut self.running, Running::Failed) {
            Running::Idle(core) if self.keeper.is_none() => Running::Busy(Task::new(append::maintain(core))),
            other => other,
        };
        self.turn();
    }

    /// The next request to carry out.
    #[must_use]
    pub fn poll_request(&mut self) -> Option<(RequestId, Purpose, Request)> {
        self.port.poll_request()
    }

    /// What came of a request.
    pub fn handle_outcome(&mut self, now_ms: u64, id: RequestId, outcome: Outcome) {
        self.port.set_now(now_ms);
        self.port.handle_outcome(id, outcome);
        self.turn();
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now_ms: u64) {
        self.port.set_now(now_ms);
        self.turn();
        if let Some((id, deadline)) = self.open
            && now_ms >= deadline
        {
            self.open = None;
            let denies = self.config.plants(crate::Plant::DenyIntent);
            self.port.tell((id, if denies { Answer::NotAppended } else { Answer::TimedOut }));
        }
    }

    /// When to call [`Writer::handle_timeout`].
    #[must_use]
    pub fn poll_timeout(&self) -> Option<u64> {
        let deadline = self.open.map(|(_, deadline)| deadline);
        self.port.poll_timeout().into_iter().chain(deadline).min()
    }

    /// What came of an append.
    #[must_use]
    pub fn poll_answer(&mut self) -> Option<(AppendId, Answer)> {
        self.port.poll_event()
    }

    /// How many producers are remembered, counted in each of their partitions, as far as this writer has read; none while
    /// it is about to find out.
    #[must_use]
    pub fn producers(&self) -> Option<usize> {
        match &self.running {
            Running::Idle(core) => Some(core.producers()),
            Running::Busy(_) | Running::Failed => None,
        }
    }

    /// Whether an append may be begun.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        matches!(self.running, Running::Idle(_))
    }

    /// Whether nothing goes on in the background either: a function that ends before may leave a checkpoint to others.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        !matches!(self.running, Running::Busy(_)) && self.keeper.is_none()
    }

    fn turn(&mut self) {
        self.port.clear_timers();
        if let Running::Busy(task) = &mut self.running
            && let Some((core, settled)) = task.turn()
        {
            self.settle(core, settled);
        }
        if let Some(Keeping { task, runs }) = &mut self.keeper
            && task.turn().is_some()
        {
            // What a checkpoint could not do is done by the next: only appends fail, when they cannot go on either.
            runs.store(false, Ordering::Relaxed);
            self.keeper = None;
        }
    }

    fn settle(&mut self, mut core: Box<Core>, settled: append::Settled) {
        let answer = match settled {
            append::Settled::Committed(placed) => Answer::Committed(placed),
            append::Settled::Rejected(rejection) => Answer::Rejected(rejection),
            append::Settled::NeverKnown | append::Settled::Maintained => Answer::TimedOut,
            append::Settled::Failed(error) => Answer::Failed(error),
        };
        let failed = matches!(answer, Answer::Failed(_));
        if let Some((id, _)) = self.open.take() {
            if self.config.plants(crate::Plant::AnswerTwice) && self.port.random().is_multiple_of(20) {
                self.port.tell((id, answer.clone()));
            }
            self.port.tell((id, answer));
        }
        if failed {
            self.running = Running::Failed;
            return;
        }
        core.follower.forget_below(0);
        let own = AppendId(u128::from(self.id) << 64);
        if self.keeper.is_none() && core.checkpoint_is_due(own) {
            core.keeper_runs.store(true, Ordering::Relaxed);
            let task = Task::new(core.job(self.port.background(), false).run());
            self.keeper = Some(Keeping { task, runs: Arc::clone(&core.keeper_runs) });
        }
        self.running = Running::Idle(core);
    }
}

fn header(id: AppendId, batches: &[Batch], fences: Vec<Fence>, starts: &[(PartitionId, i64)]) -> Header {
    let part = |batch: &Batch| Part {
        partition: batch.partition.number,
        records: batch.records,
        length: u32::try_from(batch.bytes.len()).unwrap_or(u32::MAX),
        crc: headwater_engine::record::crc32c(&batch.bytes),
        producer: batch.producer,
    };
    let starts = starts.iter().map(|(partition, offset)| (partition.number, *offset)).collect();
    Header { id, fences, starts, parts: batches.iter().map(part).collect() }
}
