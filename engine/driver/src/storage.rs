use std::time::Duration;

use headwater_engine::{LogId, OpId, StorageOp, StorageResult, Uuid};

/// A place where logs are kept: a queue of operations and a queue of their outcomes.
///
/// Nothing here blocks and nothing calls back: how a storage gets its work done between two calls (a thread, an
/// event loop, at once) is its own business, and so is telling its owner that outcomes are there.
///
/// # The contract
///
/// That of `storage_op.rs` in the engine (order within a log, atomicity, chain, exactly one outcome each), and:
///
/// * **A refusal takes along what was built upon it.** Once an append was refused, every append to the same log that
///   was submitted before [`poll_completion`](LogStorage::poll_completion) told of the refusal is refused as well
///   ([`OutOfSequence`](headwater_engine::NotAppliedReason::OutOfSequence)), also one that would begin a new segment. So
///   a log has no hole between segments either, and its owner, once told, submits anew from where the log ends.
/// * **Only the last segment grows.** An append to an earlier one, or one that begins a segment below the last, is
///   out of sequence; so is a truncation to beyond the end.
/// * **One owner.** Opening a storage takes it over. Whoever had it open before gets
///   [`Fenced`](headwater_engine::NotAppliedReason::Fenced) for every write from then on.
/// * **Dropping** a storage with work under way is a crash: each operation is applied whole or not at all, and of
///   one log those that were submitted first.
///
/// [`conformance`](crate::conformance) tests all of it.
pub trait LogStorage {
    /// Takes an operation in. It may start only with the next [`flush`](LogStorage::flush).
    ///
    /// `id` names its outcome and must not have been used before.
    fn submit(&mut self, id: OpId, op: StorageOp);

    /// Lets everything submitted so far start.
    ///
    /// Called once when a broker has nothing more to ask for at the moment, so that a storage can make all that
    /// queued up durable together (group commit).
    fn flush(&mut self);

    /// The outcome of an operation that ended, each exactly once; `None` when there is none at the moment.
    #[must_use]
    fn poll_completion(&mut self) -> Option<(OpId, StorageResult)>;

    /// The outcome of a load or read that succeeded, before those of other operations that ended earlier; see
    /// [`Driver::look`](crate::Driver::look). A storage that never stands still has no need of it.
    #[must_use]
    fn poll_read(&mut self) -> Option<(OpId, StorageResult)> {
        None
    }

    /// Whether the storage would like to be told what the topic of a log is called. One that names what it makes after topics
    /// is asked before an operation on the log is submitted.
    #[must_use]
    fn wants_name(&self, log: LogId) -> bool {
        let _ = log;
        false
    }

    /// What a topic is called.
    fn name_topic(&mut self, topic_id: Uuid, name: &str) {
        let _ = (topic_id, name);
    }

    /// How long what is appended to a log may wait until it survives a power cut (`flush.ms`); none leaves that to the storage.
    /// It holds until another is told, also for what was appended before. Where nothing survives one it means nothing.
    fn flush_every(&mut self, log: LogId, every: Option<Duration>) {
        let _ = (log, every);
    }
}
