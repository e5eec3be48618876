//! What a broker asks of its storage, and what it is told.
//!
//! Storage sees a log as *segments*, each named by the offset of its first record, each a run of bytes that only
//! grows at its end. The broker addresses bytes by segment and position; how they lie on the medium (a file, rows
//! of a database, objects in a bucket) is the storage's business.
//!
//! # The contract
//!
//! * **Order.** Operations that write to one log take effect in the order in which they were submitted. Between logs
//!   there is no order.
//! * **Atomicity.** One operation is applied whole or not at all, also across a crash.
//! * **Chain.** An [`StorageOp::Append`] says at which position it goes. If the segment does not end there (an
//!   earlier append was not applied), it is not applied either: a refused append leaves no hole behind it.
//! * **Completion.** Each operation is answered exactly once, the appends to one log in their order. `Ok` means done: durable as [`Durability`] promises, and
//!   seen by every read submitted from now on. [`StorageError::NotApplied`] means that nothing of it is stored, now or
//!   after a crash. [`StorageError::Unknown`] means either; the broker then submits nothing more for this log but a
//!   [`StorageOp::Load`], whose answer settles it.
//! * **Reads** see whatever was done before they were submitted, and may see more.
//! * **A cleaned copy** of a segment is built beside the log, where neither loads nor reads see it, and takes the place of the
//!   segments that it was made of in one operation ([`StorageOp::AppendCleaned`], [`StorageOp::ReplaceSegments`]). It need not
//!   outlive that the storage is opened again, nor that its log is truncated or segments of it are deleted.
//! * **The log start** is kept like the batches and not like a snapshot: [`StorageOp::DeleteSegments`] moves it, in one with
//!   dropping what lies below, and it holds until it is moved again or the log is deleted. Without a mark a log begins
//!   with its first segment.

use std::fmt;
use std::ops::Range;

use bytes::Bytes;
use uuid::Uuid;

use crate::types::Offset;

/// Names one operation; never used twice in the life of a broker.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct OpId(pub u64);

/// Names a partition's log. A topic that is deleted and made again has a new id, so the two never meet.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LogId {
    /// The topic's id (KIP-516).
    pub topic_id: Uuid,
    /// The partition's index, from 0.
    pub partition: i32,
}

impl LogId {
    /// The log of the cluster's topics and configs, under the id that Kafka reserves for it (KIP-631).
    pub const CLUSTER_METADATA: LogId = LogId { topic_id: Uuid::from_u128(1), partition: 0 };

    /// The name as 20 bytes that sort as the ids do: the topic id, then the partition, big-endian.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 20] {
        let mut bytes = [0; 20];
        bytes[..16].copy_from_slice(self.topic_id.as_bytes());
        bytes[16..].copy_from_slice(&self.partition.to_be_bytes());
        bytes
    }

    /// The inverse of [`LogId::to_bytes`].
    #[must_use]
    pub fn from_bytes(bytes: [u8; 20]) -> LogId {
        let mut topic_id = [0; 16];
        topic_id.copy_from_slice(&bytes[..16]);
        let mut partition = [0; 4];
        partition.copy_from_slice(&bytes[16..]);
        LogId { topic_id: Uuid::from_bytes(topic_id), partition: i32::from_be_bytes(partition) }
    }
}

/// What survives what, once an append is answered.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Durability {
    /// Survives the end of this process, however it ends. A power cut may take the last moments, never the order.
    Relaxed,
    /// Survives a power cut too, as far as the platform can promise it.
    Strict,
}

/// What a snapshot holds. Snapshots are droppable: whatever they say can be read from the batches again, but for what the
/// producers' states say of batches that were deleted. A broker that has lost those takes such a producer for a new one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum SnapshotKind {
    /// The offset index and time index of a segment that no longer grows, stamped with the offset after its last.
    SegmentIndex,
    /// The state of a partition's producers, stamped with the first offset that it does not cover.
    ProducerState,
}

/// What the broker wants done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StorageOp {
    /// Tells what there is of a log. A log never written to is an empty one.
    Load {
        /// Which log.
        log: LogId,
    },
    /// Adds whole batches at the end of a segment. A segment comes to be by the append at its position 0.
    Append {
        /// Which log.
        log: LogId,
        /// The segment's first offset.
        segment: Offset,
        /// The segment's length in bytes before this append.
        position: u64,
        /// One or more whole record batches, as they will be read.
        batches: Bytes,
        /// What the answer `Ok` promises.
        durability: Durability,
    },
    /// Reads bytes of a segment; fewer than asked where the segment ends, none beyond its end.
    Read {
        /// Which log.
        log: LogId,
        /// The segment's first offset.
        segment: Offset,
        /// Positions in bytes, end exclusive.
        range: Range<u64>,
    },
    /// Keeps a snapshot beside the log, in place of one of the same kind and offset.
    PutSnapshot {
        /// Which log.
        log: LogId,
        /// What it holds.
        kind: SnapshotKind,
        /// The offset that it stands for.
        offset: Offset,
        /// Its content.
        snapshot: Bytes,
    },
    /// Drops a snapshot; it need not exist.
    DeleteSnapshot {
        /// Which log.
        log: LogId,
        /// What it holds.
        kind: SnapshotKind,
        /// The offset that it stands for.
        offset: Offset,
    },
    /// Takes the end of a log back: afterwards `segment` is its last and ends at `position` (a segment of no bytes
    /// is gone), and no snapshot stands for an offset above `offset`. The log start stays as it is.
    Truncate {
        /// Which log.
        log: LogId,
        /// The first offset that is no longer in the log.
        offset: Offset,
        /// The segment in which the cut lies, by its first offset.
        segment: Offset,
        /// The length in bytes that it keeps.
        position: u64,
    },
    /// Drops the segments whose first offset is below `before`, the segments' indexes that stand for offsets up to it, and
    /// the producers' states that stand for offsets below it (those at `before` are where the log begins now).
    ///
    /// Without a `log_start_offset` it only takes away, and is never refused for lack of room.
    DeleteSegments {
        /// Which log.
        log: LogId,
        /// The first offset of the first segment that stays; if none does, the offset at which the log goes on.
        before: Offset,
        /// Where the log begins from now on, if that is not where its first segment does. Not below an earlier one.
        log_start_offset: Option<Offset>,
    },
    /// Adds whole batches to the cleaned copy of a segment. A log has one at most: position 0 drops whatever there was of
    /// any, and begins anew; without batches it only drops.
    ///
    /// Refused as [`NotAppliedReason::OutOfSequence`] if the copy does not end at the position. Not so a refusal's followers:
    /// nothing but a copy is built upon it.
    AppendCleaned {
        /// Which log.
        log: LogId,
        /// The first offset of the segment that the copy is to be.
        segment: Offset,
        /// The copy's length in bytes before this.
        position: u64,
        /// Whole record batches, as they will be read.
        batches: Bytes,
    },
    /// Puts the cleaned copy of the segment `segments.start` in the place of all segments whose first offset is among
    /// `segments`, none of which is the log's last, and drops the segments' indexes that stand for offsets above
    /// `segments.start` and up to `segments.end`. Durable as [`Durability::Strict`].
    ///
    /// Refused as [`NotAppliedReason::OutOfSequence`], and nothing changed, if there is no such segment, or no such copy of
    /// `size` bytes. It only takes away, and is never refused for lack of room.
    ReplaceSegments {
        /// Which log.
        log: LogId,
        /// From the first offset of the first segment to that of the first that stays.
        segments: Range<Offset>,
        /// The length of the copy in bytes, not 0.
        size: u64,
    },
    /// Drops a log with all that is kept beside it.
    Delete {
        /// Which log.
        log: LogId,
    },
}

impl StorageOp {
    /// The log that the operation concerns.
    #[must_use]
    pub fn log(&self) -> LogId {
        match self {
            StorageOp::Load { log }
            | StorageOp::Append { log, .. }
            | StorageOp::Read { log, .. }
            | StorageOp::PutSnapshot { log, .. }
            | StorageOp::DeleteSnapshot { log, .. }
            | StorageOp::Truncate { log, .. }
            | StorageOp::DeleteSegments { log, .. }
            | StorageOp::AppendCleaned { log, .. }
            | StorageOp::ReplaceSegments { log, .. }
            | StorageOp::Delete { log } => *log,
        }
    }
}

/// What a storage holds of a log.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct StoredLog {
    /// Its segments, by rising first offset.
    pub segments: Vec<StoredSegment>,
    /// Its snapshots, in no particular order.
    pub snapshots: Vec<StoredSnapshot>,
    /// The latest that [`StorageOp::DeleteSegments`] has set, 0 if none has.
    pub log_start_offset: Offset,
}

/// A segment as it is stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StoredSegment {
    /// The offset of its first record.
    pub base_offset: Offset,
    /// Its length in bytes.
    pub size: u64,
}

/// A snapshot as it is stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredSnapshot {
    /// What it holds.
    pub kind: SnapshotKind,
    /// The offset that it stands for.
    pub offset: Offset,
    /// Its content.
    pub snapshot: Bytes,
}

/// How an operation ended.
pub type StorageResult = Result<Applied, StorageError>;

/// An operation that is done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Applied {
    /// The answer to [`StorageOp::Load`].
    Loaded(StoredLog),
    /// The answer to [`StorageOp::Read`].
    Read(Bytes),
    /// Every other operation.
    Written,
}

/// An operation that is not known to be done.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum StorageError {
    /// Nothing of it is stored.
    NotApplied {
        /// Why.
        reason: NotAppliedReason,
        /// The same for a person.
        message: String,
    },
    /// It may be stored or not.
    Unknown {
        /// What happened, for a person.
        message: String,
    },
}

impl fmt::Display for StorageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StorageError::NotApplied { message, .. } => write!(f, "not stored: {message}"),
            StorageError::Unknown { message } => write!(f, "may or may not be stored: {message}"),
        }
    }
}

impl std::error::Error for StorageError {}

/// Why an operation was not applied.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum NotAppliedReason {
    /// There is no room. The same may work once something was deleted.
    Full,
    /// The segment does not end where the append goes: an earlier one was not applied.
    OutOfSequence,
    /// Another owner has taken the storage over; nothing will be applied any more.
    Fenced,
    /// The medium failed; nothing will be applied until the storage is opened again.
    Failed,
}
