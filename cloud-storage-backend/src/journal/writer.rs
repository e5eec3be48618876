//! A writer, which goes on by itself: after an append was answered there may be a checkpoint to make, or a fate to settle.

use std::collections::VecDeque;
use std::fmt;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_channel::{mpsc, oneshot};
use futures_util::StreamExt as _;
use headwater_journal::{
    Answer, AppendId, AppendRefused, Batch, Config, Error, Fence, PartitionId, Placed, Rejection, Writer,
};

use super::machine::{Requests, Woken};
use crate::runtime;
use crate::store::Store;

/// The most appends that wait for their turn.
const MAX_WAITING: usize = 1_000;

/// Appends to a journal. Clones are the same writer. When the last is dropped, what was begun is still ended.
#[derive(Clone, Debug)]
pub struct JournalWriter {
    commands: mpsc::UnboundedSender<Command>,
}

/// Why an append was not made, or is not known to be.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum AppendError {
    /// It is not one; nothing of it is there nor will be.
    Refused(AppendRefused),
    /// The journal's state forbids it; nothing of it is there nor will be.
    Rejected(Rejection),
    /// There was no time to begin, or too many waited already; nothing of it is there nor will be.
    NotAppended,
    /// REQUEST_TIMED_OUT: nobody knows yet, and who asked does not get to know.
    TimedOut,
    /// The journal cannot be used any more, and nobody knows of this append. Begin again with another writer.
    Failed(Error),
    /// The writer is gone: its runtime was shut down.
    Stopped,
}

impl fmt::Display for AppendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AppendError::Refused(refused) => write!(f, "this is no append: {refused:?}"),
            AppendError::Rejected(rejection) => write!(f, "the append was rejected: {rejection:?}"),
            AppendError::NotAppended => {
                f.write_str("there was no time to begin the append, or too many waited")
            }
            AppendError::TimedOut => f.write_str("it is not known in time whether the append was made"),
            AppendError::Failed(error) => write!(f, "the journal cannot be used: {error}"),
            AppendError::Stopped => f.write_str("the writer was stopped"),
        }
    }
}

impl std::error::Error for AppendError {}

/// What came of an append.
type Appended = Result<Vec<Placed>, AppendError>;

#[derive(Debug)]
enum Command {
    Append(Append),
    Maintain,
    Quiet(oneshot::Sender<()>),
}

#[derive(Debug)]
struct Append {
    batches: Vec<Batch>,
    fences: Vec<Fence>,
    starts: Vec<(PartitionId, i64)>,
    deadline_ms: u64,
    answer: oneshot::Sender<Appended>,
}

impl JournalWriter {
    pub(super) fn start(store: Store, config: Config, seed: u64) -> JournalWriter {
        let (sender, commands) = mpsc::unbounded();
        let machine = Writer::new(config, seed);
        let requests = Requests::new(store);
        let writing = Writing {
            machine,
            requests,
            commands: Some(commands),
            waiting: VecDeque::new(),
            open: None,
            quiet: Vec::new(),
        };
        runtime::spawn(writing.run());
        JournalWriter { commands: sender }
    }

    /// Appends batches to partitions: all of them become visible together, or none. Says where they are.
    ///
    /// # Errors
    ///
    /// After `timeout` at the latest; see each for what is known then.
    pub async fn append(
        &self,
        batches: Vec<Batch>,
        fences: Vec<Fence>,
        timeout: Duration,
    ) -> Result<Vec<Placed>, AppendError> {
        self.append_and_begin(batches, fences, Vec::new(), timeout).await
    }

    /// The same, and partitions begin at these offsets from then on; see [`Writer::append_and_begin`].
    ///
    /// # Errors
    ///
    /// As [`JournalWriter::append`].
    pub async fn append_and_begin(
        &self,
        batches: Vec<Batch>,
        fences: Vec<Fence>,
        starts: Vec<(PartitionId, i64)>,
        timeout: Duration,
    ) -> Result<Vec<Placed>, AppendError> {
        let (answer, answered) = oneshot::channel();
        let timeout_ms = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
        let deadline_ms = runtime::now_ms().saturating_add(timeout_ms);
        self.command(Command::Append(Append { batches, fences, starts, deadline_ms, answer }))?;
        answered.await.unwrap_or(Err(AppendError::Stopped))
    }

    /// Has it make a checkpoint when there is nothing to append, if only to end a cycle of collection. For who lives
    /// long and appends little; every few minutes will do.
    ///
    /// # Errors
    ///
    /// When the writer is gone.
    pub fn maintain(&self) -> Result<(), AppendError> {
        self.command(Command::Maintain)
    }

    /// Until nothing goes on any more, in the background neither. A function that ends before leaves that to others.
    ///
    /// # Errors
    ///
    /// When the writer is gone.
    pub async fn quiet(&self) -> Result<(), AppendError> {
        let (sender, quiet) = oneshot::channel();
        self.command(Command::Quiet(sender))?;
        quiet.await.map_err(|_| AppendError::Stopped)
    }

    fn command(&self, command: Command) -> Result<(), AppendError> {
        self.commands.unbounded_send(command).map_err(|_| AppendError::Stopped)
    }
}

struct Writing {
    machine: Writer,
    requests: Requests,
    /// None when there will be no more.
    commands: Option<mpsc::UnboundedReceiver<Command>>,
    waiting: VecDeque<Append>,
    /// Who waits for the append that was begun.
    open: Option<(AppendId, oneshot::Sender<Appended>)>,
    quiet: Vec<oneshot::Sender<()>>,
}

impl Writing {
    async fn run(mut self) {
        loop {
            self.settle();
            while let Some((id, _, request)) = self.machine.poll_request() {
                self.requests.send(id, request);
            }
            if self.is_quiet() {
                for waiter in self.quiet.drain(..) {
                    // Who does not wait any more need not be told.
                    waiter.send(()).unwrap_or_default();
                }
                if self.commands.is_none() {
                    return;
                }
            }
            let waiting = self.waiting.iter().map(|append| append.deadline_ms).min();
            let at_ms = self.machine.poll_timeout().into_iter().chain(waiting).min();
            let commands = &mut self.commands;
            let command = |context: &mut Context<'_>| match commands {
                Some(commands) => commands.poll_next_unpin(context),
                None => Poll::Pending,
            };
            let woken = self.requests.next(at_ms, command).await;
            let now_ms = runtime::now_ms();
            match woken {
                Woken::Outcome(id, outcome) => self.machine.handle_outcome(now_ms, id, outcome),
                Woken::Timeout => self.machine.handle_timeout(now_ms),
                Woken::Other(Some(Command::Append(append))) if self.waiting.len() < MAX_WAITING => {
                    self.waiting.push_back(append);
                }
                Woken::Other(Some(Command::Append(append))) => {
                    drop(append.answer.send(Err(AppendError::NotAppended)));
                }
                Woken::Other(Some(Command::Maintain)) => self.machine.maintain(now_ms),
                Woken::Other(Some(Command::Quiet(waiter))) => self.quiet.push(waiter),
                Woken::Other(None) => self.commands = None,
            }
        }
    }

    fn is_quiet(&self) -> bool {
        self.waiting.is_empty() && self.machine.is_quiet()
    }

    /// Tells of answers, and begins what waits.
    fn settle(&mut self) {
        loop {
            self.tell_answers();
            let now_ms = runtime::now_ms();
            let late = self.waiting.iter().position(|append| append.deadline_ms <= now_ms);
            if let Some(late) = late.and_then(|late| self.waiting.remove(late)) {
                drop(late.answer.send(Err(AppendError::NotAppended)));
                continue;
            }
            let Some(append) = self.waiting.pop_front() else { return };
            let (batches, fences) = (&append.batches, append.fences.clone());
            match self.machine.append_and_begin(now_ms, append.deadline_ms, batches, fences, &append.starts) {
                Ok(id) => self.open = Some((id, append.answer)),
                Err(AppendRefused::Busy) => {
                    self.waiting.push_front(append);
                    return;
                }
                Err(refused) => drop(append.answer.send(Err(AppendError::Refused(refused)))),
            }
        }
    }

    fn tell_answers(&mut self) {
        while let Some((id, answer)) = self.machine.poll_answer() {
            let Some((_, waiter)) = self.open.take_if(|(open, _)| *open == id) else { continue };
            drop(waiter.send(match answer {
                Answer::Committed(placed) => Ok(placed),
                Answer::Rejected(rejection) => Err(AppendError::Rejected(rejection)),
                Answer::NotAppended => Err(AppendError::NotAppended),
                Answer::TimedOut => Err(AppendError::TimedOut),
                Answer::Failed(error) => Err(AppendError::Failed(error)),
            }));
        }
    }
}
