//! Joins a broker core to a log storage.
//!
//! * [`LogStorage`]: what a storage has to be. Storages of a platform live with the platform; [`MemoryStorage`] is
//!   the one for tests, lessons and throw-away brokers.
//! * [`Driver`]: moves operations from the broker to its storage and their outcomes back.
//! * [`conformance`]: the cases that every storage must pass, wherever it runs.

pub mod conformance;
mod driver;
mod memory;
mod refusals;
mod storage;

pub use driver::Driver;
pub use memory::{MemoryDisk, MemoryStorage};
pub use refusals::Refusals;
pub use storage::LogStorage;
