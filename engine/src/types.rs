use std::fmt;

/// The position of a record in its partition: 0 is the first record ever appended, and no two records share one.
pub type Offset = i64;

/// Counts the leaders a partition has had; every batch carries the epoch of the leader that appended it (KIP-101).
pub type LeaderEpoch = i32;

/// Names an idempotent or transactional producer; -1 is none (KIP-98).
pub type ProducerId = i64;

/// Names a broker of the cluster.
pub type NodeId = i32;

/// Names a client's connection to one broker; chosen by whoever carries the frames, never used again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ConnectionId(pub u64);

/// A partition, by its topic's name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TopicPartition {
    /// The topic's name.
    pub topic: String,
    /// The partition's index, from 0.
    pub partition: i32,
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}
