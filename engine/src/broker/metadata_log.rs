//! Changes of the cluster's metadata, one after the other: records are appended to `__cluster_metadata`, and what they say
//! takes effect when they are committed.

use std::collections::VecDeque;

use bytes::Bytes;
use kafka_protocol::ResponseError;

use super::append::Waiter;
use super::topic_changes::{Change, Reply};
use super::{Broker, Owner};
use crate::error::ApiError;
use crate::log::Log;
use crate::record::{Batches, Compression, RecordBatchBuilder};
use crate::storage_op::{LogId, StorageOp};
use crate::time::Now;
use crate::topic::{MetadataRecord, Topic};
use crate::types::Offset;

#[derive(Debug, Default)]
pub(super) struct MetadataChanges {
    waiting: VecDeque<Change>,
    under_way: Option<UnderWay>,
}

#[derive(Debug)]
struct UnderWay {
    records: Vec<MetadataRecord>,
    reply: Reply,
}

impl MetadataChanges {
    /// Whether a change that asks for this topic waits already.
    pub(super) fn creates(&self, name: &str) -> bool {
        let asks = |change: &Change| matches!(change, Change::CreateAsked(asked) if asked == name);
        let writes = |under_way: &UnderWay| {
            under_way.records.iter().any(
                |record| matches!(record, MetadataRecord::Topic { name: written, .. } if written == name),
            )
        };
        self.waiting.iter().any(asks) || self.under_way.as_ref().is_some_and(writes)
    }
}

impl Broker {
    pub(super) fn change_metadata(&mut self, now: Now, change: Change) {
        self.changes.waiting.push_back(change);
        self.next_change(now);
    }

    /// Begins the next change, now that what was before it has taken effect.
    fn next_change(&mut self, now: Now) {
        while self.changes.under_way.is_none()
            && let Some(change) = self.changes.waiting.pop_front()
        {
            let (records, reply) = self.plan(change);
            if records.is_empty() {
                self.reply(now, reply, None);
                continue;
            }
            let appended = self.append_metadata(now, &records);
            match appended {
                Ok(()) => self.changes.under_way = Some(UnderWay { records, reply }),
                Err(error) => self.reply(now, reply, Some(&error)),
            }
        }
    }

    fn append_metadata(&mut self, now: Now, records: &[MetadataRecord]) -> Result<(), ApiError> {
        let Some(partition) = self.partitions.get(&LogId::CLUSTER_METADATA) else {
            return Err(ApiError::new(ResponseError::NotController, "This broker has no metadata log."));
        };
        let mut builder = RecordBatchBuilder::new(Compression::None);
        builder.set_base_offset(partition.log.next_offset());
        builder.set_partition_leader_epoch(partition.leader_epoch);
        for record in records {
            builder
                .append(now.wall_ms, None, Some(&record.encode()), &[])
                .map_err(|error| ApiError::new(ResponseError::InvalidRequest, error.to_string()))?;
        }
        self.append(LogId::CLUSTER_METADATA, builder.build(), Waiter::MetadataChange)
    }

    pub(super) fn metadata_change_ended(&mut self, now: Now, result: Result<Offset, ApiError>) {
        let Some(UnderWay { records, reply }) = self.changes.under_way.take() else {
            return;
        };
        match result {
            Ok(_) => {
                for record in records {
                    self.apply_metadata(now, record);
                }
                // Configs come behind the partitions that they are for.
                self.refresh_configs();
                self.reply(now, reply, None);
            }
            Err(error) => self.reply(now, reply, Some(&error)),
        }
        self.next_change(now);
    }

    pub(super) fn apply_metadata(&mut self, now: Now, record: MetadataRecord) {
        let made = match &record {
            MetadataRecord::Partition { partition, topic_id, leader, .. }
                if *leader == self.config.node_id() =>
            {
                Some(LogId { topic_id: *topic_id, partition: *partition })
            }
            _ => None,
        };
        match &record {
            MetadataRecord::ProducerIds { broker, next_producer_id, .. } => {
                // Other brokers are told theirs by the controller's answer.
                if *broker == self.config.node_id() && self.config.is_controller() {
                    self.producer_ids.reserved = self.producer_ids.next_block..*next_producer_id;
                }
                self.producer_ids.next_block = *next_producer_id;
            }
            MetadataRecord::Broker(registration) => self.registered(registration.clone()),
            MetadataRecord::BrokerConfig { broker, key, value } => {
                self.config.restore(*broker, key.clone(), value.clone());
            }
            _ => {}
        }
        if let Some(removed) = self.topics.apply(record) {
            self.remove_partitions(now, &removed);
        }
        if let Some(id) = made
            && !self.partitions.contains_key(&id)
        {
            self.install(Log::empty(id));
        }
    }

    pub(super) fn refresh_configs(&mut self) {
        let logs: Vec<LogId> = self.partitions.keys().copied().collect();
        for id in logs {
            let config = self.log_config(id);
            if let Some(partition) = self.partitions.get_mut(&id) {
                partition.config = config;
                #[cfg(feature = "server")]
                self.flush_times.look_at(id);
                if config.is_compacted {
                    self.look_for_cleaning();
                }
            }
        }
    }

    /// Drops the partitions of a topic that is gone; whoever waits for one is told.
    fn remove_partitions(&mut self, now: Now, topic: &Topic) {
        for index in topic.partition_indexes() {
            let log = topic.log_id(index);
            if let Some(partition) = self.partitions.remove(&log) {
                #[cfg(feature = "server")]
                self.flush_times.gone(log);
                let settling = partition.settling.map(|settling| settling.appends).unwrap_or_default();
                let gone = ApiError::new(ResponseError::UnknownTopicOrPartition, "The topic was deleted.");
                for append in partition.pending {
                    self.appending_bytes -= append.size;
                    self.append_answered(now, &append, &Err(gone.clone()));
                }
                for append in settling {
                    self.append_answered(now, &append, &Err(gone.clone()));
                }
                for (_, waiter) in partition.start_move.waiting {
                    self.start_answered(waiter, &Err(gone.clone()));
                }
                self.ops.submit(StorageOp::Delete { log }, Owner::Upkeep(log));
            }
            self.wake_fetches(now, log);
        }
        self.delete_offsets_of(now, topic);
    }

    /// At the start: takes in what was committed before.
    pub(super) fn restore_metadata(&mut self, record: MetadataRecord) {
        match record {
            MetadataRecord::ProducerIds { next_producer_id, .. } => {
                self.producer_ids.next_block = next_producer_id;
            }
            MetadataRecord::Broker(registration) => self.registered(registration),
            MetadataRecord::BrokerConfig { broker, key, value } => self.config.restore(broker, key, value),
            record => {
                let Some(removed) = self.topics.apply(record) else {
                    return;
                };
                // The end may have come between the removal and the deletion, or the removal while this broker was away.
                for log in self.led_logs(&removed) {
                    self.ops.submit(StorageOp::Delete { log }, Owner::Upkeep(log));
                }
            }
        }
    }
}

/// The records of committed batches.
pub(super) fn decode_records(batches: &Bytes) -> Result<Vec<MetadataRecord>, String> {
    let mut decoded = Vec::new();
    for batch in Batches::new(batches) {
        let records = batch.and_then(|batch| batch.records()).map_err(|error| error.to_string())?;
        for record in &records {
            let record = record.map_err(|error| error.to_string())?;
            let record = MetadataRecord::decode(record.value.unwrap_or_default())
                .map_err(|error| error.to_string())?;
            decoded.push(record);
        }
    }
    Ok(decoded)
}
