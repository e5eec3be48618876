//! The module of every web worker of the page. The first message to a worker decides its role: a broker with its
//! partitions in IndexedDB, or the clients of the page.

#[cfg(feature = "bench")]
pub mod bench;
mod clock;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod storage;
