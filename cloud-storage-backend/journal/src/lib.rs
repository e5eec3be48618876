//! Many short-lived writers and readers, one bucket, nobody who coordinates them: the protocol, sans-IO.
//!
//! A *journal* is a chain of commits under one prefix of an object store. A [`Writer`] appends batches to partitions of it,
//! several at once and all or none; a [`Reader`] follows it. Both are state machines: they are given the time and the
//! outcomes of requests, and are asked for requests, answers and when to be called again. The simulator runs this very code.
//!
//! `docs/adr/0010` says why the protocol is what it is; [`Writer`] and `follower` how it works; `keeper` makes checkpoints.
//! What a batch contains is nobody's business here: a number of records and bytes.

mod append;
mod checkpoint;
mod commit;
mod config;
mod error;
mod follower;
mod inspect;
mod keeper;
mod key;
mod port;
mod reader;
mod request;
mod state;
pub mod wire;
mod writer;

pub use append::{AppendId, Fence, PartitionId, ProducerBatch};
pub use config::{Config, Plant};
pub use error::Error;
pub use inspect::Layout;
pub use reader::{Chunk, Reader, ReaderEvent};
pub use request::{Outcome, Purpose, Request, RequestId, StoreTime};
pub use state::{Placed, Rejection, Verdict};
pub use writer::{Answer, AppendRefused, Batch, MAX_PARTS, Writer};
