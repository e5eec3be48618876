//! What a broker shows of itself.

use uuid::Uuid;

use super::{Broker, ErrorTally};
use crate::storage_op::LogId;
use crate::types::{ConnectionId, NodeId, Offset};

/// A topic as it stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TopicView<'a> {
    /// Its name.
    pub name: &'a str,
    /// Whether the brokers keep their own state in it (`__consumer_offsets`).
    pub is_internal: bool,
    /// The partitions that this broker leads.
    pub partitions: Vec<PartitionView>,
    /// The brokers that lead its partitions, from partition 0 on.
    pub leaders: Vec<NodeId>,
    /// Configs set on the topic itself.
    pub configs: Vec<(&'a str, &'a str)>,
}

/// A partition as it stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PartitionView {
    /// Its index, from 0.
    pub partition: i32,
    /// The first offset that can be read.
    pub log_start_offset: Offset,
    /// The first offset that cannot be read yet.
    pub high_watermark: Offset,
    /// Bytes of its batches.
    pub size_bytes: u64,
    /// How many segments they lie in.
    pub segments: usize,
}

impl Broker {
    /// The topics, by name.
    pub fn topics(&self) -> impl Iterator<Item = TopicView<'_>> {
        self.topics.iter().map(|topic| {
            let led = topic.partition_indexes().filter_map(|index| {
                let partition = self.partitions.get(&topic.log_id(index))?;
                Some(PartitionView {
                    partition: index,
                    log_start_offset: partition.log.log_start_offset(),
                    high_watermark: partition.high_watermark(),
                    size_bytes: partition.log.size_bytes(),
                    segments: partition.log.segment_count(),
                })
            });
            TopicView {
                name: &topic.name,
                is_internal: topic.is_internal(),
                partitions: led.collect(),
                leaders: topic.partitions.iter().map(|assignment| assignment.leader).collect(),
                configs: topic.configs.iter().collect(),
            }
        })
    }

    /// What a topic is called.
    #[must_use]
    pub fn topic_name(&self, topic_id: Uuid) -> Option<&str> {
        if topic_id == LogId::CLUSTER_METADATA.topic_id {
            return Some("__cluster_metadata");
        }
        self.topics.by_id(topic_id).map(|topic| topic.name.as_str())
    }

    /// The brokers of the cluster by number: number, host, and port.
    pub fn brokers(&self) -> impl Iterator<Item = (NodeId, &str, u16)> {
        self.cluster_brokers()
    }

    /// How often which error was answered, since the broker was made.
    pub fn errors(&self) -> impl Iterator<Item = &ErrorTally> {
        self.report.errors()
    }

    /// Requests answered since the broker was made.
    #[must_use]
    pub fn request_count(&self) -> u64 {
        self.report.requests
    }

    /// Connections on which something came and that were not closed.
    #[must_use]
    pub fn connection_count(&self) -> usize {
        self.connections.len()
    }

    /// How many requests of a connection are neither answered nor, where no answer is wanted, done. Whoever carries frames
    /// knows by it how much of what was handed over is still under way: requests end in the order in which they came.
    #[must_use]
    pub fn requests_in_flight(&self, connection: ConnectionId) -> usize {
        self.connections.in_flight(connection)
    }
}
