//! The messages between the page and its workers, and between pages: data, tagged, with a correlation id where one answers another.
//!
//! Kafka frames are not among them. They go over a `MessagePort` between a client's worker and a broker's, one
//! `Uint8Array` a frame (without the four bytes of length that TCP needs), transferred. `null` says that its sender
//! closes the connection.

mod broker;
mod clients;
#[cfg(feature = "engine")]
pub mod engine;
#[cfg(feature = "js")]
pub mod js;
mod latencies;
#[cfg(feature = "js")]
pub mod locks;
mod log;
pub mod tabs;

pub use broker::*;
pub use clients::*;
pub use latencies::Latencies;
pub use log::*;

use serde::{Deserialize, Serialize};

/// An error for whoever asked: what kind, Kafka's code where it has one, a sentence for people.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ErrorReport {
    /// A word to match on: Kafka's error name in its usual capitals (`UNKNOWN_TOPIC_OR_PARTITION`), or one of ours.
    pub kind: String,
    /// Kafka's error code, where the error is Kafka's.
    pub code: Option<i16>,
    /// What happened and what to do, for people.
    pub message: String,
    /// Whether the same may work when tried again.
    pub retriable: bool,
}
