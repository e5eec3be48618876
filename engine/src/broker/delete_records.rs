//! DeleteRecords: the records below an offset go, on a person's word (KIP-107).

use kafka_protocol::ResponseError;
use kafka_protocol::messages::DeleteRecordsRequest;
use kafka_protocol::messages::delete_records_response::{
    DeleteRecordsPartitionResult, DeleteRecordsResponse, DeleteRecordsTopicResult,
};

use super::{Broker, Context};
use crate::error::ApiError;
use crate::partition::{DeleteEntry, StartWaiter};
use crate::sorted::{SortedMap, SortedSet};
use crate::storage_op::LogId;
use crate::topic::Topic;
use crate::types::Offset;

/// Up to the high watermark.
const HIGH_WATERMARK: Offset = -1;

/// Requests of which some log start is still being moved.
#[derive(Debug, Default)]
pub(super) struct Deletions {
    next: u64,
    pending: SortedMap<u64, PendingDeletion>,
}

#[derive(Debug)]
struct PendingDeletion {
    context: Context,
    response: DeleteRecordsResponse,
    waiting: usize,
}

impl Broker {
    /// The answer comes when all log starts are durable. The request's time-out is for replicas that lag behind, of which
    /// there are none.
    pub(super) fn handle_delete_records(&mut self, context: Context, request: DeleteRecordsRequest) {
        let id = self.deletions.next;
        self.deletions.next += 1;
        let mut pending = PendingDeletion { context, response: DeleteRecordsResponse::default(), waiting: 0 };
        let mut moves = Vec::new();
        for (topic_index, topic) in request.topics.into_iter().enumerate() {
            let known = self.topics.by_name(&topic.name).cloned();
            let mut result = DeleteRecordsTopicResult::default().with_name(topic.name);
            let mut named = SortedSet::new();
            for (partition_index, wanted) in topic.partitions.iter().enumerate() {
                let index = wanted.partition_index;
                let mut answer = DeleteRecordsPartitionResult::default()
                    .with_partition_index(index)
                    .with_low_watermark(-1);
                let checked = if named.insert(index) {
                    self.check_deletion(known.as_ref(), index, wanted.offset)
                } else {
                    let message = format!("The request names partition {index} twice.");
                    Err(ApiError::new(ResponseError::InvalidRequest, message))
                };
                match checked {
                    Ok((log, offset)) => {
                        let entry =
                            DeleteEntry { request: id, topic: topic_index, partition: partition_index };
                        moves.push((log, offset, entry));
                    }
                    Err(error) => answer.error_code = self.report.refuse(&error),
                }
                result.partitions.push(answer);
            }
            pending.response.topics.push(result);
        }
        if moves.is_empty() {
            return self.respond(context, &pending.response);
        }
        pending.waiting = moves.len();
        self.deletions.pending.insert(id, pending);
        for (log, offset, entry) in moves {
            self.move_log_start(log, offset, StartWaiter::DeleteRecords(entry));
        }
    }

    /// The log of a partition, and from which offset on its records stay.
    fn check_deletion(
        &self,
        topic: Option<&Topic>,
        index: i32,
        offset: Offset,
    ) -> Result<(LogId, Offset), ApiError> {
        let (log, _) = self.led_partition(topic, index)?;
        if topic.is_some_and(Topic::is_internal) {
            let message = "The broker itself keeps its internal topics short.";
            return Err(ApiError::new(ResponseError::InvalidTopicException, message));
        }
        let Some(partition) = self.partitions.get(&log) else {
            return Err(ApiError::new(ResponseError::NotLeaderOrFollower, "This broker has no such log."));
        };
        let end = partition.high_watermark();
        match offset {
            HIGH_WATERMARK => Ok((log, end)),
            offset if (0..=end).contains(&offset) => Ok((log, offset)),
            offset => {
                let message =
                    format!("Offset {offset} of {} is out of range: it ends at {end}.", partition.name);
                Err(ApiError::new(ResponseError::OffsetOutOfRange, message))
            }
        }
    }

    /// The start of a log was moved for a DeleteRecords, or could not be.
    pub(super) fn delete_entry_ended(&mut self, entry: DeleteEntry, result: &Result<Offset, ApiError>) {
        let Some(mut pending) = self.deletions.pending.remove(&entry.request) else {
            return;
        };
        let topic = pending.response.topics.get_mut(entry.topic);
        if let Some(answer) = topic.and_then(|topic| topic.partitions.get_mut(entry.partition)) {
            match result {
                Ok(log_start_offset) => answer.low_watermark = *log_start_offset,
                Err(error) => answer.error_code = self.report.refuse(error),
            }
        }
        pending.waiting -= 1;
        if pending.waiting == 0 {
            self.respond(pending.context, &pending.response);
        } else {
            self.deletions.pending.insert(entry.request, pending);
        }
    }
}
