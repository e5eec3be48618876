//! Logs in a bucket: what `headwater-journal` decides, carried out on S3, Azure, Google Cloud, a directory or in memory.
//!
//! A [`Store`] carries out single requests and says of each what came of it: done, not applied, refused for good, or unknown.
//! It retries nothing: what a request that failed means is for the protocol to say. A [`Journal`] drives the protocol:
//! [`JournalWriter`]s append, [`JournalReader`]s follow. Before a prefix is used for the first time, the store is probed:
//! one that does not hold conditions of writes would lose records, so it is refused.
//!
//! The same code runs natively on tokio and on wasm32 on what JavaScript has (S3 only, over `fetch`): `runtime` and
//! `http` are all that differs.

mod error;
mod http;
mod journal;
mod log_storage;
mod probe;
mod runtime;
mod store;

pub use error::OpenError;
pub use headwater_journal as protocol;
pub use journal::{AppendError, Journal, JournalReader, JournalWriter};
pub use log_storage::{BucketOptions, BucketStorage};
pub use store::Store;
