//! Between the page and the worker that is a broker.

use serde::{Deserialize, Serialize};

use crate::ErrorReport;

/// From the page to a broker's worker.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ToBroker {
    /// The first message: open the storage and run.
    Start {
        /// Which broker of the cluster this is.
        node_id: i32,
        /// Names the cluster, and so its databases.
        cluster: String,
        /// Broker configs, by Kafka's keys.
        configs: Vec<(String, String)>,
    },
    /// A client's connection: the message's attachment is the `MessagePort` that its frames go over.
    Connect,
    /// Delete everything this broker has stored, answer [`FromBroker::Destroyed`], and run no more.
    Destroy,
}

/// From a broker's worker to the page.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FromBroker {
    /// The worker's code is loaded; it waits for [`ToBroker::Start`].
    Loaded,
    /// Another tab owns the storage; the broker starts when that one lets go of it.
    Waiting,
    /// The logs are recovered; requests are answered.
    Ready {
        /// How many logs were found.
        logs: u32,
        /// How long it took to open the storage and to recover, in milliseconds.
        recovery_ms: f64,
    },
    /// How things stand, at most a few times a second and only when something changed.
    Snapshot(BrokerSnapshot),
    /// Something a person may want to know: a refusal, a roll, a recovery.
    Event(BrokerEvent),
    /// Everything stored is deleted.
    Destroyed,
    /// The broker cannot go on; the worker has to be replaced.
    Failed(ErrorReport),
}

/// How a broker stands.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct BrokerSnapshot {
    /// Which broker.
    pub node_id: i32,
    /// The topics, by name. Internal ones are not among them.
    pub topics: Vec<TopicSnapshot>,
    /// Requests refused or failed since the worker started, by Kafka's error.
    pub errors: Vec<ErrorCount>,
    /// Requests answered since the worker started.
    pub requests: u64,
    /// Connections open now.
    pub connections: u32,
    /// Size of the worker's wasm memory, in bytes.
    pub memory_bytes: u64,
    /// Storage transactions that were committed since the worker started.
    pub commits: u64,
}

/// A topic and its partitions.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct TopicSnapshot {
    /// Its name.
    pub name: String,
    /// Its partitions, from 0.
    pub partitions: Vec<PartitionSnapshot>,
    /// Configs set on the topic itself, by Kafka's keys.
    pub configs: Vec<(String, String)>,
}

/// A partition's log in figures.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct PartitionSnapshot {
    /// Its index, from 0.
    pub partition: i32,
    /// The first offset that can be read.
    pub log_start_offset: i64,
    /// The offset that the next record gets; what lies below it is durable and can be read.
    pub high_watermark: i64,
    /// Its size in bytes, as stored.
    pub size_bytes: u64,
    /// How many segments it has.
    pub segments: u32,
}

/// How often an error was answered.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ErrorCount {
    /// The error's name in Kafka (`CORRUPT_MESSAGE`).
    pub error: String,
    /// How often since the worker started.
    pub count: u64,
    /// What the last one was about, for people.
    pub last_message: String,
}

/// Something that happened in a broker.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct BrokerEvent {
    /// When, in milliseconds since 1970.
    pub wall_ms: i64,
    /// Whether it is something that should not be.
    pub warning: bool,
    /// What and why, in a sentence.
    pub message: String,
}
