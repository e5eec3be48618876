//! The cluster's topics, as a fold over `__cluster_metadata`.

mod metadata_record;
mod name;
#[cfg(test)]
mod tests;

pub(crate) use metadata_record::{MetadataRecord, Registration};
pub(crate) use name::check_name;
use uuid::Uuid;

use crate::config::TopicConfigs;
use crate::sorted::SortedMap;
use crate::storage_op::LogId;
use crate::types::{LeaderEpoch, NodeId};

/// A topic.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Topic {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    /// Its partitions, from 0.
    pub(crate) partitions: Vec<Assignment>,
    pub(crate) configs: TopicConfigs,
}

/// Which broker runs a partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Assignment {
    pub(crate) leader: NodeId,
    pub(crate) leader_epoch: LeaderEpoch,
}

/// The topic in which coordinators keep groups and their offsets.
pub(crate) const OFFSETS_TOPIC: &str = "__consumer_offsets";

/// The topic in which coordinators keep transactional ids.
pub(crate) const TRANSACTIONS_TOPIC: &str = "__transaction_state";

/// The topics of coordinators.
pub(crate) const COORDINATORS_TOPICS: [&str; 2] = [OFFSETS_TOPIC, TRANSACTIONS_TOPIC];

impl Topic {
    /// A partition's log, whether or not the partition exists.
    pub(crate) fn log_id(&self, partition: i32) -> LogId {
        LogId { topic_id: self.id, partition }
    }

    /// Whether it is the brokers' own, as Kafka counts them.
    pub(crate) fn is_internal(&self) -> bool {
        COORDINATORS_TOPICS.contains(&&self.name[..])
    }

    pub(crate) fn assignment(&self, partition: i32) -> Option<Assignment> {
        self.partitions.get(usize::try_from(partition).ok()?).copied()
    }

    pub(crate) fn partition_indexes(&self) -> impl Iterator<Item = i32> + use<> {
        0..partition_count(self)
    }
}

/// How many partitions a topic has.
pub(crate) fn partition_count(topic: &Topic) -> i32 {
    i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX)
}

/// All topics.
#[derive(Debug, Default)]
pub(crate) struct Topics {
    by_name: SortedMap<String, Topic>,
    names: SortedMap<Uuid, String>,
}

impl Topics {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Topic> {
        self.by_name.values()
    }

    pub(crate) fn by_name(&self, name: &str) -> Option<&Topic> {
        self.by_name.get(name)
    }

    pub(crate) fn by_id(&self, id: Uuid) -> Option<&Topic> {
        self.by_name.get(self.names.get(&id)?)
    }

    pub(crate) fn partition_count(&self) -> usize {
        self.by_name.values().map(|topic| topic.partitions.len()).sum()
    }

    /// Takes a committed record in. A record about a topic that does not exist changes nothing. Returns the topic that
    /// a removal took away.
    pub(crate) fn apply(&mut self, record: MetadataRecord) -> Option<Topic> {
        match record {
            MetadataRecord::Topic { name, id } => {
                let topic = Topic {
                    id,
                    name: name.clone(),
                    partitions: Vec::new(),
                    configs: TopicConfigs::default(),
                };
                self.names.insert(id, name.clone());
                self.by_name.insert(name, topic);
                None
            }
            MetadataRecord::Partition { partition, topic_id, leader, leader_epoch } => {
                let name = self.names.get(&topic_id)?;
                let topic = self.by_name.get_mut(name)?;
                let assignment = Assignment { leader, leader_epoch };
                // Partitions are made in order; a record for one that exists is a new leader.
                match topic.partitions.get_mut(usize::try_from(partition).ok()?) {
                    Some(known) => *known = assignment,
                    None => topic.partitions.push(assignment),
                }
                None
            }
            MetadataRecord::Config { topic, key, value } => {
                self.by_name.get_mut(&topic)?.configs.restore(key, value);
                None
            }
            // Not about topics.
            MetadataRecord::Broker(_)
            | MetadataRecord::BrokerConfig { .. }
            | MetadataRecord::ProducerIds { .. } => None,
            MetadataRecord::RemoveTopic { id } => self.by_name.remove(&self.names.remove(&id)?),
        }
    }
}
