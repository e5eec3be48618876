//! The broker core of Headwater: a Kafka broker as a deterministic state machine.
//!
//! Nothing here does input or output, reads a clock, draws a random number or knows a platform. Time and entropy
//! are arguments; what the broker wants of its storage it asks for ([`StorageOp`]) and is told the outcome of.

pub mod record;
mod storage_op;
mod time;
mod types;

pub use storage_op::{
    Applied, Durability, LogId, NotAppliedReason, OpId, SnapshotKind, StorageError, StorageOp, StorageResult,
    StoredLog, StoredSegment, StoredSnapshot,
};
pub use time::Now;
pub use types::{ConnectionId, LeaderEpoch, NodeId, Offset, ProducerId, TopicPartition};
pub use uuid::Uuid;
