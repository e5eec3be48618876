//! Producers that were refused because this broker had not yet heard of the partition that they know already.
//!
//! A client may have several batches in flight. If the first one comes before the metadata that names the partition and the second
//! one behind it, the second would be taken for the producer's beginning, as a partition that does not know a producer lets it
//! begin anywhere. So it is remembered with which batch it has to begin.

use std::collections::VecDeque;

use uuid::Uuid;

use crate::producer_state::ProducerStates;
use crate::record::RecordBatch;
use crate::topic::Topic;
use crate::types::ProducerId;

/// The most that are remembered; the one that was refused first is forgotten first. It takes far fewer: metadata is late by
/// moments.
const MAX_STRANGERS: usize = 1_000;

#[derive(Debug, Default)]
pub(super) struct Strangers(VecDeque<Stranger>);

#[derive(Clone, PartialEq, Eq, Debug)]
struct Stranger {
    /// The topic as the producer named it: by its name or by its id.
    topic: String,
    topic_id: Uuid,
    partition: i32,
    producer: ProducerId,
    /// The epoch and sequence of the first batch that was refused.
    batch: (i16, i32),
}

impl Strangers {
    /// Remembers the producer of a batch that is refused.
    pub(super) fn refused(&mut self, topic: &str, topic_id: Uuid, partition: i32, records: &[u8]) {
        let Ok(batch) = RecordBatch::parse(records) else {
            return;
        };
        let producer = batch.producer_id();
        let is_known = |known: &Stranger| {
            (known.topic.as_str(), known.topic_id, known.partition, known.producer)
                == (topic, topic_id, partition, producer)
        };
        if producer < 0 || batch.verify_crc().is_err() || self.0.iter().any(is_known) {
            return;
        }
        if self.0.len() >= MAX_STRANGERS {
            self.0.pop_front();
        }
        let batch = (batch.producer_epoch(), batch.base_sequence());
        self.0.push_back(Stranger { topic: topic.to_owned(), topic_id, partition, producer, batch });
    }

    /// Tells a partition that is there now who has to begin with what.
    pub(super) fn introduce(&mut self, topic: &Topic, partition: i32, producers: &mut ProducerStates) {
        self.0.retain(|known| {
            let is_it = known.partition == partition
                && (known.topic_id == topic.id || (known.topic_id.is_nil() && known.topic == topic.name));
            if is_it {
                producers.begins_with(known.producer, known.batch);
            }
            !is_it
        });
    }
}
