//! Logs in a directory, in the files and folders that Apache Kafka has.
//!
//! A partition is a folder `TOPIC-PARTITION`, a segment a file `BASE.log` whose bytes are those of the batches and nothing
//! else (`docs/format.md`). [`DirectoryStorage`] does its work on threads of its own: one writes, one reads, one syncs
//! and makes indexes, so that whoever owns it never waits for a disk.
//!
//! * `storage`: the handle, which is a [`LogStorage`](headwater_driver::LogStorage). `shared`: what it has in common with its threads.
//! * `writer`, `reader`, `upkeep`: the threads. Appends that queued up to one segment become one write.
//! * `log`: one partition's folder, and the steps in which each change of it is made. `names`: what files are called.
//! * `files`, `handles`: the operating system, and the open files. `owner`: one process, and in it one owner, per directory.
//! * `kafka_index`, `transaction_index`, `kafka_snapshot`: `.index` and `.timeindex`, `.txnindex`, and `.snapshot`, for Kafka's own tools.

// Tests have modules in common with those beside this crate.
#[cfg(test)]
extern crate self as headwater_directory_storage;

mod error;
mod files;
mod handles;
mod kafka_index;
mod kafka_snapshot;
mod log;
mod names;
mod owner;
mod reader;
mod shared;
mod storage;
#[cfg(test)]
mod tests;
mod transaction_index;
mod upkeep;
mod writer;

pub use error::OpenError;
pub use storage::{DirectoryOptions, DirectoryStorage};
