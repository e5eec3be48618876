//! What a broker shows of itself, in the messages for the page: whoever runs brokers for one says it alike.

use headwater_engine::{BatchView, Broker, LogView, PartitionView, ProducerView, Refusal, SegmentView};

use crate::{
    BatchDescription, BrokerEvent, BrokerSnapshot, ErrorCount, ErrorReport, LogDescription, Move, MoveKind,
    PartitionSnapshot, ProducerDescription, SegmentDescription, TopicSnapshot,
};

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

/// Something that happened, at a time in milliseconds since 1970.
#[must_use]
pub fn event(node_id: i32, wall_ms: i64, event: headwater_engine::BrokerEvent) -> BrokerEvent {
    BrokerEvent {
        node_id,
        wall_ms,
        warning: event.warning,
        message: event.message,
        kind: event.kind.to_owned(),
        args: event.args.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
    }
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

/// What a broker knows of a log ([`Broker::poll_log`]).
///
/// # Errors
///
/// The broker's, in the form that the page has for them.
pub fn log(found: Result<LogView, Refusal>) -> Result<LogDescription, ErrorReport> {
    let view = found.map_err(|refusal| ErrorReport {
        kind: refusal.error,
        code: Some(refusal.code),
        message: refusal.message,
        retriable: false,
    })?;
    Ok(LogDescription {
        topic: view.topic,
        partition: view.partition,
        leader_epoch: view.leader_epoch,
        log_start_offset: view.log_start_offset,
        high_watermark: view.high_watermark,
        last_stable_offset: view.last_stable_offset,
        segment_count: count(view.segment_count),
        segments: view.segments.iter().map(segment).collect(),
        producer_count: count(view.producer_count),
        producers: view.producers.into_iter().map(producer).collect(),
        batch: view.batch.map(batch),
    })
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

fn segment(view: &SegmentView) -> SegmentDescription {
    SegmentDescription {
        base_offset: view.base_offset,
        end_offset: view.end_offset,
        size_bytes: view.size_bytes,
        max_timestamp: view.max_timestamp,
        is_compacted: view.is_cleaned,
        index_entries: count(view.entry_count),
        offset_index: view.entries.iter().map(|entry| (entry.offset, entry.position)).collect(),
        time_index: view.entries.iter().map(|entry| (entry.timestamp, entry.offset)).collect(),
    }
}

fn producer(view: ProducerView) -> ProducerDescription {
    ProducerDescription {
        producer_id: view.producer_id,
        producer_epoch: view.epoch,
        last_sequence: view.last_sequence,
        last_timestamp: view.last_timestamp,
        current_transaction_start_offset: view.transaction_start,
    }
}

fn batch(view: BatchView) -> BatchDescription {
    BatchDescription {
        segment: view.segment,
        index_entry: view.entry,
        position: view.position,
        base_offset: view.base_offset,
        last_offset: view.last_offset,
        size_bytes: count(view.size),
        records: view.record_count,
        compression: view.compression.to_owned(),
        crc: view.crc,
        partition_leader_epoch: view.leader_epoch,
        max_timestamp: view.max_timestamp,
        timestamp_type: if view.has_log_append_time { "LogAppendTime" } else { "CreateTime" }.to_owned(),
        producer_id: view.producer_id,
        producer_epoch: view.producer_epoch,
        base_sequence: view.base_sequence,
        is_transactional: view.is_transactional,
        is_control: view.is_control,
    }
}

fn count(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
