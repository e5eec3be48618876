//! A storage under test, and the short words in which the cases are written.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::ops::Range;

use bytes::Bytes;
use headwater_engine::random::SplitMix64;
use headwater_engine::{
    Applied, Durability, LogId, NotAppliedReason, Offset, OpId, SnapshotKind, StorageError, StorageOp,
    StorageResult, StoredLog, Uuid,
};

use super::Harness;
use crate::LogStorage;

/// How often an outcome is waited for before the storage counts as stuck.
const MAX_WAITS: u32 = 10_000;

pub(super) type Outcome = Result<(), String>;

/// A storage under test, opened over a harness.
pub(super) struct Session<'h, H: Harness> {
    pub(super) harness: &'h mut H,
    storage: H::Storage,
    next_id: u64,
    /// Submitted and not yet ended.
    pending: Vec<OpId>,
    ended: BTreeMap<OpId, StorageResult>,
}

impl<'h, H: Harness> Session<'h, H> {
    pub(super) async fn open(harness: &'h mut H) -> Result<Session<'h, H>, String> {
        let storage = harness.open().await?;
        Ok(Session { harness, storage, next_id: 0, pending: Vec::new(), ended: BTreeMap::new() })
    }

    /// Drops the storage, whatever is under way, and opens it again.
    pub(super) async fn crash_and_reopen(&mut self) -> Outcome {
        drop(self.replace_storage().await?);
        Ok(())
    }

    /// Opens the storage again while the old one, which is handed back, still lives.
    pub(super) async fn replace_storage(&mut self) -> Result<H::Storage, String> {
        self.pending.clear();
        let storage = self.harness.open().await?;
        Ok(std::mem::replace(&mut self.storage, storage))
    }

    /// Goes on with another storage; the one in use is dropped.
    pub(super) fn use_storage(&mut self, storage: H::Storage) {
        self.storage = storage;
    }

    pub(super) fn submit(&mut self, op: StorageOp) -> OpId {
        let id = OpId(self.next_id);
        self.next_id += 1;
        self.pending.push(id);
        self.storage.submit(id, op);
        id
    }

    pub(super) fn flush(&mut self) {
        self.storage.flush();
    }

    /// Waits until everything submitted has ended.
    pub(super) async fn settle(&mut self) -> Outcome {
        self.storage.flush();
        for _ in 0..MAX_WAITS {
            while let Some((id, result)) = self.storage.poll_completion() {
                self.end(id, result)?;
            }
            if self.pending.is_empty() {
                return Ok(());
            }
            self.harness.wait(&mut self.storage).await;
        }
        Err(format!("{} operations did not end", self.pending.len()))
    }

    fn end(&mut self, id: OpId, result: StorageResult) -> Outcome {
        let Some(index) = self.pending.iter().position(|pending| *pending == id) else {
            return Err(format!("{id:?} was answered a second time or never submitted: {result:?}"));
        };
        self.pending.swap_remove(index);
        self.ended.insert(id, result);
        Ok(())
    }

    /// The outcome of an operation that has ended.
    pub(super) fn outcome(&mut self, id: OpId) -> Result<StorageResult, String> {
        self.ended.remove(&id).ok_or_else(|| format!("{id:?} has not ended"))
    }

    /// Submits an operation, waits for it and everything before it, and tells how it ended.
    pub(super) async fn run(&mut self, op: StorageOp) -> Result<StorageResult, String> {
        let id = self.submit(op);
        self.settle().await?;
        self.outcome(id)
    }

    /// Submits an operation that has to be applied, and waits for it.
    pub(super) async fn apply(&mut self, op: StorageOp) -> Outcome {
        let name = format!("{op:?}").chars().take(160).collect::<String>();
        match self.run(op).await? {
            Ok(Applied::Written) => Ok(()),
            other => Err(format!("{name} ended as {other:?}")),
        }
    }

    /// Waits for everything; these have to have been applied.
    pub(super) async fn settle_applied(&mut self, ids: &[OpId]) -> Outcome {
        self.settle().await?;
        for id in ids {
            match self.outcome(*id)? {
                Ok(Applied::Written) => {}
                other => return Err(format!("{id:?} ended as {other:?}")),
            }
        }
        Ok(())
    }

    /// An operation that has ended has to have been refused for this reason.
    pub(super) fn expect_refused(&mut self, id: OpId, reason: NotAppliedReason) -> Outcome {
        refused(&self.outcome(id)?, reason)
    }

    pub(super) async fn read(
        &mut self,
        log: LogId,
        segment: Offset,
        range: Range<u64>,
    ) -> Result<Bytes, String> {
        match self.run(StorageOp::Read { log, segment, range: range.clone() }).await? {
            Ok(Applied::Read(bytes)) => Ok(bytes),
            other => Err(format!("reading {range:?} ended as {other:?}")),
        }
    }

    pub(super) async fn load(&mut self, log: LogId) -> Result<StoredLog, String> {
        match self.run(StorageOp::Load { log }).await? {
            Ok(Applied::Loaded(stored)) => Ok(stored),
            other => Err(format!("loading ended as {other:?}")),
        }
    }

    /// The segments of a log have to be these: first offset and content.
    pub(super) async fn expect_segments(&mut self, log: LogId, expected: &[(Offset, &[u8])]) -> Outcome {
        let stored = self.load(log).await?;
        let found: Vec<_> =
            stored.segments.iter().map(|segment| (segment.base_offset, segment.size)).collect();
        let sizes: Vec<_> = expected.iter().map(|(base, bytes)| (*base, bytes.len() as u64)).collect();
        same("segments", &found, &sizes)?;
        for (base, bytes) in expected {
            let found = self.read(log, *base, 0..u64::MAX).await?;
            same_bytes(&found, bytes)?;
        }
        Ok(())
    }

    pub(super) async fn expect_log_start(&mut self, log: LogId, expected: Offset) -> Outcome {
        same("log start", &self.load(log).await?.log_start_offset, &expected)
    }

    /// The snapshots of a log have to be these, in the order of kind and offset.
    pub(super) async fn expect_snapshots(
        &mut self,
        log: LogId,
        expected: &[(SnapshotKind, Offset, &[u8])],
    ) -> Outcome {
        let mut found = self.load(log).await?.snapshots;
        found.sort_by_key(|snapshot| (snapshot.kind, snapshot.offset));
        let found: Vec<_> = found.iter().map(|s| (s.kind, s.offset, s.snapshot.as_ref())).collect();
        same("snapshots", &found, &expected.to_vec())
    }
}

pub(super) fn refused(result: &StorageResult, expected: NotAppliedReason) -> Outcome {
    match result {
        Err(StorageError::NotApplied { reason, .. }) if *reason == expected => Ok(()),
        other => Err(format!("should be refused as {expected:?}, ended as {other:?}")),
    }
}

pub(super) fn same<T: PartialEq + Debug>(what: &str, found: &T, expected: &T) -> Outcome {
    if found == expected { Ok(()) } else { Err(format!("{what}: found {found:?}, expected {expected:?}")) }
}

pub(super) fn same_bytes(found: &[u8], expected: &[u8]) -> Outcome {
    if found == expected {
        return Ok(());
    }
    let difference = found.iter().zip(expected).position(|(one, other)| one != other);
    let at = difference.unwrap_or(found.len().min(expected.len()));
    Err(format!("bytes differ at {at}; found {} bytes, expected {}", found.len(), expected.len()))
}

/// Partition 0 of a topic.
pub(super) const LOG: LogId =
    LogId { topic_id: Uuid::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef), partition: 0 };

/// Partition 1 of the same topic.
pub(super) const OTHER_LOG: LogId = LogId { topic_id: LOG.topic_id, partition: 1 };

/// Bytes that differ from place to place and from seed to seed.
pub(super) fn pattern(seed: u64, length: usize) -> Bytes {
    let mut random = Random::new(seed);
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        bytes.extend_from_slice(&random.next().to_le_bytes());
    }
    bytes.truncate(length);
    Bytes::from(bytes)
}

pub(super) fn append(log: LogId, segment: Offset, position: u64, batches: &Bytes) -> StorageOp {
    let batches = batches.clone();
    StorageOp::Append { log, segment, position, batches, durability: Durability::Relaxed }
}

pub(super) fn put_snapshot(log: LogId, kind: SnapshotKind, offset: Offset, snapshot: &[u8]) -> StorageOp {
    StorageOp::PutSnapshot { log, kind, offset, snapshot: Bytes::copy_from_slice(snapshot) }
}

/// What a case draws: the same in every run of it.
pub(super) struct Random(SplitMix64);

impl Random {
    pub(super) fn new(seed: u64) -> Random {
        Random(SplitMix64::new(seed))
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `limit`, which is not 0.
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}
