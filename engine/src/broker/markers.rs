//! WriteTxnMarkers: the coordinator of a transaction has decided, and every partition that took part is told by a marker in
//! its log (KIP-98).
//!
//! Kafka has it allowed to whoever may act for the cluster; without access control that is everybody, which is how an
//! operator ends a transaction that hangs (KIP-664).

use kafka_protocol::ResponseError;
use kafka_protocol::messages::WriteTxnMarkersRequest;
use kafka_protocol::messages::write_txn_markers_response::{
    WritableTxnMarkerPartitionResult, WritableTxnMarkerResult, WritableTxnMarkerTopicResult,
    WriteTxnMarkersResponse,
};

use super::append::Waiter;
use super::{Broker, Context};
use crate::error::ApiError;
use crate::record::EndMarker;
use crate::sorted::SortedMap;
use crate::time::Now;
use crate::topic::Topic;
use crate::types::Offset;

/// Requests of which some marker is not stored.
#[derive(Debug, Default)]
pub(super) struct Markers {
    next: u64,
    pending: SortedMap<u64, PendingMarkers>,
}

#[derive(Debug)]
struct PendingMarkers {
    asker: MarkersAsker,
    response: WriteTxnMarkersResponse,
    waiting: usize,
}

/// Who is told that markers are stored.
#[derive(Clone, Copy, Debug)]
pub(super) enum MarkersAsker {
    /// Whoever sent the request.
    Client(Context),
    /// The coordinator, which is this broker.
    Coordinator,
}

/// The place of a partition in a WriteTxnMarkers request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct MarkerEntry {
    request: u64,
    marker: usize,
    topic: usize,
    partition: usize,
}

impl Broker {
    pub(super) fn handle_write_txn_markers(
        &mut self,
        now: Now,
        context: Context,
        request: WriteTxnMarkersRequest,
    ) {
        self.write_markers(now, MarkersAsker::Client(context), request);
    }

    /// Appends markers to the partitions that this broker leads, and answers when all of them are durable or refused.
    pub(super) fn write_markers(&mut self, now: Now, asker: MarkersAsker, request: WriteTxnMarkersRequest) {
        let id = self.markers.next;
        self.markers.next += 1;
        let mut entries = Vec::new();
        let mut response = WriteTxnMarkersResponse::default();
        for (marker_index, marker) in request.markers.into_iter().enumerate() {
            let end = EndMarker {
                producer_id: marker.producer_id.0,
                producer_epoch: marker.producer_epoch,
                coordinator_epoch: marker.coordinator_epoch,
                commit: marker.transaction_result,
            };
            let mut result = WritableTxnMarkerResult::default().with_producer_id(marker.producer_id);
            for (topic_index, topic) in marker.topics.into_iter().enumerate() {
                let known = self.topics.by_name(&topic.name).cloned();
                let mut answers = WritableTxnMarkerTopicResult::default().with_name(topic.name);
                for (partition, index) in topic.partition_indexes.into_iter().enumerate() {
                    let answer = WritableTxnMarkerPartitionResult::default().with_partition_index(index);
                    answers.partitions.push(answer);
                    let entry =
                        MarkerEntry { request: id, marker: marker_index, topic: topic_index, partition };
                    entries.push((end, known.clone(), index, entry));
                }
                result.topics.push(answers);
            }
            response.markers.push(result);
        }
        // One more than there are entries, so that the answer is not given before all are begun.
        let waiting = entries.len() + 1;
        self.markers.pending.insert(id, PendingMarkers { asker, response, waiting });
        for (end, topic, index, entry) in entries {
            if let Err(error) = self.write_marker(now, &end, topic.as_ref(), index, entry) {
                self.marker_ended(now, entry, Err(error));
            }
        }
        let last = MarkerEntry { request: id, marker: usize::MAX, topic: 0, partition: 0 };
        self.marker_ended(now, last, Ok(0));
    }

    fn write_marker(
        &mut self,
        now: Now,
        marker: &EndMarker,
        topic: Option<&Topic>,
        index: i32,
        entry: MarkerEntry,
    ) -> Result<(), ApiError> {
        if marker.producer_id < 0 || marker.producer_epoch < 0 {
            let message = "A transaction has a producer with an id and an epoch from 0.";
            return Err(ApiError::new(ResponseError::InvalidRequest, message));
        }
        let (log, leader_epoch) = self.led_partition(topic, index)?;
        #[cfg(feature = "server")]
        self.verifications.ended(log, marker.producer_id);
        let Some(partition) = self.partitions.get_mut(&log) else {
            return Err(ApiError::new(ResponseError::NotLeaderOrFollower, "This broker has no such log."));
        };
        partition.check_settled()?;
        if !partition.log.producers().check_marker(marker)? {
            // It is stored when all that is on its way is, itself perhaps among it.
            match partition.pending.back_mut() {
                Some(last) => last.waiters.push(Waiter::Marker(entry)),
                None => self.marker_ended(now, entry, Ok(0)),
            }
            return Ok(());
        }
        let batch = marker
            .to_batch(partition.log.next_offset(), leader_epoch, now.wall_ms)
            .map_err(|error| ApiError::new(ResponseError::UnknownServerError, error.to_string()))?;
        if !self.is_offsets_log(log) {
            return self.append(log, batch, Waiter::Marker(entry));
        }
        // The offsets count before the coordinator of the transaction is told that it has ended.
        let change = self.end_of_offsets(log, marker.producer_id, marker.commit);
        let appended = self.append(log, batch, Waiter::Offsets(change));
        match self.partitions.get_mut(&log).and_then(|partition| partition.pending.back_mut()) {
            Some(last) if appended.is_ok() => last.waiters.push(Waiter::Marker(entry)),
            _ => self.groups.withdraw(change),
        }
        appended
    }

    /// The marker of a partition is stored, or cannot be.
    pub(super) fn marker_ended(&mut self, now: Now, entry: MarkerEntry, result: Result<Offset, ApiError>) {
        let code = result.err().map_or(0, |error| self.report.refuse(&error));
        let Some(mut pending) = self.markers.pending.remove(&entry.request) else {
            return;
        };
        let answer = pending
            .response
            .markers
            .get_mut(entry.marker)
            .and_then(|marker| marker.topics.get_mut(entry.topic))
            .and_then(|topic| topic.partitions.get_mut(entry.partition));
        if let Some(answer) = answer {
            answer.error_code = code;
        }
        pending.waiting -= 1;
        if pending.waiting == 0 {
            self.markers_written(now, pending.asker, &pending.response);
        } else {
            self.markers.pending.insert(entry.request, pending);
        }
    }

    fn markers_written(&mut self, now: Now, asker: MarkersAsker, response: &WriteTxnMarkersResponse) {
        match asker {
            MarkersAsker::Client(context) => self.respond(context, response),
            MarkersAsker::Coordinator => self.markers_answered(now, self.config.node_id(), response),
        }
    }
}
