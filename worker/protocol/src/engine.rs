//! What a broker shows of itself, in the messages for the page: whoever runs brokers for one says it alike.

use headwater_engine::{Broker, PartitionView};

use crate::{BrokerSnapshot, ErrorCount, Move, MoveKind, PartitionSnapshot, TopicSnapshot};

/// How a broker stands. Its storage's commits and the memory are its platform's to say.
#[must_use]
pub fn snapshot(node_id: i32, broker: &Broker, memory_bytes: u64, commits: u64) -> BrokerSnapshot {
    let topics = broker.topics().filter(|topic| !topic.is_internal).map(|topic| TopicSnapshot {
        name: topic.name.to_owned(),
        leaders: topic.leaders,
        partitions: topic.partitions.iter().map(partition).collect(),
        configs: topic.configs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
    });
    let errors = broker.errors().map(|tally| ErrorCount {
        error: tally.error.clone(),
        count: tally.count,
        last_message: tally.last_message.clone(),
    });
    BrokerSnapshot {
        node_id,
        brokers: brokers(broker),
        topics: topics.collect(),
        errors: errors.collect(),
        requests: broker.request_count(),
        connections: u32::try_from(broker.connection_count()).unwrap_or(u32::MAX),
        memory_bytes,
        commits,
    }
}

/// The brokers that the cluster has, by node id.
#[must_use]
pub fn brokers(broker: &Broker) -> Vec<i32> {
    broker.brokers().map(|(node_id, ..)| node_id).collect()
}

/// What moved.
#[must_use]
pub fn moved(moved: headwater_engine::Move) -> Move {
    Move {
        kind: if moved.is_append { MoveKind::Append } else { MoveKind::Fetch },
        client_id: String::from(&*moved.client_id),
        topic: moved.topic,
        partition: moved.partition,
        first_offset: moved.first_offset,
        records: u32::try_from(moved.records).unwrap_or(u32::MAX),
        bytes: u32::try_from(moved.bytes).unwrap_or(u32::MAX),
        #[expect(clippy::cast_precision_loss, reason = "times are far below 2^53")]
        at_ms: moved.at_ms as f64,
    }
}

fn partition(view: &PartitionView) -> PartitionSnapshot {
    PartitionSnapshot {
        partition: view.partition,
        log_start_offset: view.log_start_offset,
        high_watermark: view.high_watermark,
        size_bytes: view.size_bytes,
        segments: u32::try_from(view.segments).unwrap_or(u32::MAX),
    }
}
