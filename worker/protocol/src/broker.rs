//! Between the page and the workers in which brokers run.
//!
//! A worker hosts any number of brokers, each with a database of its own; so fewer workers than the cluster has brokers
//! keep every partition reachable. All messages about a broker name it.

use serde::{Deserialize, Serialize};

use crate::{ErrorReport, LogDescription};

/// From the page to a worker of brokers.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ToBroker {
    /// Open a broker's storage and run it. One that runs already goes on; one that failed is tried again.
    Start {
        /// Which broker of the cluster this is.
        node_id: i32,
        /// Names the cluster, and so its databases.
        cluster: String,
        /// Broker configs, by Kafka's keys.
        configs: Vec<(String, String)>,
        /// Take the storage from whoever has it, who can write no more then. Else wait until it is let go.
        steal: bool,
    },
    /// A client's connection: the message's attachment is the `MessagePort` that its frames go over.
    Connect {
        /// Which broker it is for.
        node_id: i32,
    },
    /// A broker's own connection to another broker, in place of an earlier one: the message's attachment is a `MessagePort`
    /// whose other end was given to that one as [`ToBroker::Connect`].
    Peer {
        /// Which broker may ask over it.
        node_id: i32,
        /// Which broker answers.
        peer: i32,
    },
    /// Delete everything a broker has stored, whether it runs or not, answer [`FromBroker::Destroyed`], and run it no
    /// more.
    Destroy {
        /// Which broker.
        node_id: i32,
        /// The cluster's name.
        cluster: String,
    },
    /// Look at the log of a partition; answered by [`FromBroker::Log`] with the same id. A broker that does not run here
    /// does not answer.
    Describe {
        /// Chosen by who asks, never used twice.
        id: u64,
        /// Which broker: the partition's leader.
        node_id: i32,
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// Also where the record of this offset lies.
        offset: Option<i64>,
    },
    /// What time it is, and how fast it goes.
    Time(Time),
    /// While time stands still: handle the first thing that waits ([`FromBroker::Held`]).
    Step {
        /// In which broker.
        node_id: i32,
    },
    /// Whether every broker of the worker tells what moves ([`FromBroker::Trace`]), also those that start later. None does
    /// before somebody asks.
    Watch {
        /// True: from now on.
        on: bool,
    },
}

/// What time it is for all workers, and how fast it goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Time {
    /// Thousandths of real time: 1000 is as fast as that, 0 stands still.
    pub rate: u32,
    /// When this was said, by the browser's clock, in milliseconds since 1970.
    pub real_ms: i64,
    /// What time it was then. It never goes back.
    pub virtual_ms: i64,
}

/// From a worker of brokers to the page.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FromBroker {
    /// The worker's code is loaded; it waits for [`ToBroker::Start`].
    Loaded,
    /// Another worker owns the storage; the broker starts when that one lets go of it.
    Waiting {
        /// Which broker.
        node_id: i32,
    },
    /// The logs are recovered; requests are answered.
    Ready {
        /// Which broker.
        node_id: i32,
        /// The brokers that the cluster has, by node id, as far as this one knows.
        brokers: Vec<i32>,
        /// How many logs were found.
        logs: u32,
        /// How long it took to open the storage and to recover, in milliseconds.
        recovery_ms: f64,
    },
    /// How things stand, at most a few times a second and only when something changed.
    Snapshot(BrokerSnapshot),
    /// Something a person may want to know: a refusal, a roll, a recovery.
    Event(BrokerEvent),
    /// The answer to [`ToBroker::Describe`].
    Log {
        /// Which broker.
        node_id: i32,
        /// As in the question.
        id: u64,
        /// What was asked for, or why not.
        result: Result<LogDescription, ErrorReport>,
    },
    /// What waits in a broker while time stands still.
    Held(Held),
    /// What moved in a moment, about ten times a second while something does, and only when [`ToBroker::Watch`] asks for it.
    Trace(Trace),
    /// A broker wants to ask another one and has no way to it: one is asked for by [`ToBroker::Peer`].
    NeedsPeer {
        /// Which broker.
        node_id: i32,
        /// The one it wants to ask.
        peer: i32,
    },
    /// Everything a broker had stored is deleted.
    Destroyed {
        /// Which broker.
        node_id: i32,
    },
    /// A broker cannot go on; the others of this worker do.
    BrokerFailed {
        /// Which broker.
        node_id: i32,
        /// Why.
        report: ErrorReport,
    },
    /// The worker cannot go on and has to be replaced.
    Failed(ErrorReport),
}

/// What waits in a broker while time stands still.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Held {
    /// Which broker.
    pub node_id: i32,
    /// How many things wait: requests, and what the storage has done.
    pub waiting: u32,
    /// The first of them.
    pub first: Option<Waiting>,
    /// When the broker has something to do next if nothing comes, in milliseconds since 1970.
    pub due_ms: Option<f64>,
}

/// Something that waits while time stands still.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Waiting {
    /// Kafka's number of the request; none: the storage has done what it was asked for.
    pub api_key: Option<i16>,
    /// Whose request it is, as the client calls itself.
    pub client_id: String,
    /// Since when it waits, by the browser's clock, in milliseconds since 1970.
    pub since_ms: f64,
}

/// What moved in a broker in a moment.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Trace {
    /// Which broker.
    pub node_id: i32,
    /// When the moment began, in milliseconds since 1970 by the worker's clock, with fractions.
    pub from_ms: f64,
    /// When it ended.
    pub to_ms: f64,
    /// What moved, in its order. Up to 64 are told one by one; of more, those of a client in a partition as one.
    pub moves: Vec<Move>,
}

/// Records that came into a partition, or went out of it. Internal topics are left out.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Move {
    /// Which of the two.
    pub kind: MoveKind,
    /// As the client calls itself.
    pub client_id: String,
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The first one's offset.
    pub first_offset: i64,
    /// How many they are.
    pub records: u32,
    /// The size of their batches in bytes, as stored.
    pub bytes: u32,
    /// When, in milliseconds since 1970 by the worker's clock.
    pub at_ms: f64,
}

/// Which way records go.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MoveKind {
    /// A producer's, now stored.
    Append,
    /// To a client that fetches.
    Fetch,
}

/// How a broker stands.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct BrokerSnapshot {
    /// Which broker.
    pub node_id: i32,
    /// The brokers that the cluster has, by node id, as far as this one knows.
    pub brokers: Vec<i32>,
    /// The topics, by name. Internal ones are not among them.
    pub topics: Vec<TopicSnapshot>,
    /// Requests refused or failed since the broker started, by Kafka's error.
    pub errors: Vec<ErrorCount>,
    /// Requests answered since the broker started.
    pub requests: u64,
    /// Connections open now.
    pub connections: u32,
    /// Size of the worker's wasm memory, in bytes.
    pub memory_bytes: u64,
    /// Storage transactions that were committed since the broker started.
    pub commits: u64,
}

/// A topic and its partitions.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct TopicSnapshot {
    /// Its name.
    pub name: String,
    /// The leader of each of its partitions, from partition 0.
    pub leaders: Vec<i32>,
    /// The partitions that this broker leads.
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
    /// How often since the broker started.
    pub count: u64,
    /// What the last one was about, for people.
    pub last_message: String,
}

/// Something that happened in a broker.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct BrokerEvent {
    /// In which broker.
    pub node_id: i32,
    /// When, in milliseconds since 1970.
    pub wall_ms: i64,
    /// Whether it is something that should not be.
    pub warning: bool,
    /// What and why, in a sentence.
    pub message: String,
    /// What kind of thing it is (`segment-rolled`), for whoever has other words for it; empty where there is only the sentence.
    pub kind: String,
    /// What it is about: names and values for the places in those words.
    pub args: Vec<(String, String)>,
}
