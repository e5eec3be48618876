//! The broker core of Headwater: a Kafka broker as a deterministic state machine.
//!
//! Nothing here does input or output, reads a clock, draws a random number or knows a platform. Time and entropy
//! are arguments; what the broker wants of its storage it asks for ([`StorageOp`]) and is told the outcome of, and so with
//! what it wants of other brokers ([`Broker::poll_peer_request`]). So the
//! same core runs in a browser's worker, in a function, behind TCP and in a simulator.
//!
//! [`Broker`] is the entry point; [`record`] is the batch format that producers and consumers share with it.

mod broker;
mod config;
mod error;
mod fields;
mod group;
mod log;
mod partition;
mod producer_state;
mod protocol;
pub mod random;
pub mod record;
pub mod sorted;
mod storage_op;
mod time;
mod topic;
mod txn;
mod types;

pub use broker::{
    BatchView, Broker, BrokerEvent, CommittedOffsetView, ErrorTally, GroupMemberView, GroupView,
    IndexEntryView, LogView, Move, PartitionView, ProducerView, Refusal, SegmentView, TopicView,
};
pub use config::{BrokerConfig, ConfigError, KnownConfig};
pub use producer_state::AbortedTransaction;
#[cfg(feature = "server")]
pub use producer_state::{ProducerEntry, ProducersSnapshot};
pub use protocol::request_client_id;
pub use storage_op::{
    Applied, Durability, LogId, NotAppliedReason, OpId, SnapshotKind, StorageError, StorageOp, StorageResult,
    StoredLog, StoredSegment, StoredSnapshot,
};
pub use time::Now;
pub use types::{ConnectionId, LeaderEpoch, NodeId, Offset, ProducerId, TopicPartition};
pub use uuid::Uuid;
