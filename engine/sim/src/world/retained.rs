//! What the world sees of the topic that is kept short: deletions as they are asked for, what storage drops, and what brokers
//! say of where it begins.

use std::collections::BTreeMap;

use bytes::Bytes;
use headwater_engine::record::Batches;
use headwater_engine::{ConnectionId, LogId, TopicPartition};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::fetch_response::PartitionData;
use kafka_protocol::messages::{
    ApiKey, DeleteRecordsRequest, DeleteRecordsResponse, FetchRequest, ListOffsetsRequest,
    ListOffsetsResponse,
};

use super::World;
use crate::actors::{Ends, raw, retained_partition};
use crate::checkers::{Asked, Checker, Standing};
use crate::retained::RETAINED;

/// What ListOffsets is asked for where a log begins.
const EARLIEST: i64 = -2;
const OUT_OF_RANGE: i16 = ResponseError::OffsetOutOfRange.code();

impl World {
    /// Takes note of a deletion that is about to be asked for.
    pub(super) fn note_deletion(&mut self, node: usize, connection: ConnectionId, frame: &Bytes) {
        let Some(asked) = Asked::parse(frame).filter(|asked| asked.api_key == ApiKey::DeleteRecords as i16)
        else {
            return;
        };
        let (api, version) = (ApiKey::DeleteRecords, asked.version);
        let request = raw::decode_request::<DeleteRecordsRequest>(api, version, frame.clone());
        let partitions = request.into_iter().flat_map(|request| request.topics);
        let Some(wanted) = partitions.flat_map(|topic| topic.partitions).next() else { return };
        let of = retained_partition(wanted.partition_index);
        if let Some(standing) = self.retained_standing(node, &of) {
            let end = standing.high_watermark;
            self.checks.retention(&of).deletion_asked(connection, &asked, wanted.offset, end);
        }
    }

    /// Looks at the segments that a broker's storage has dropped.
    pub(super) fn note_dropped(&mut self, node: usize) {
        let dropped = std::mem::take(&mut self.nodes[node].medium.borrow_mut().disk.dropped);
        let latest_wall_ms = self.latest_wall_ms.max(self.now().wall_ms);
        let logs: BTreeMap<LogId, TopicPartition> = self.retained_logs().map(|(of, log)| (log, of)).collect();
        for dropped in dropped {
            let Some(of) = logs.get(&dropped.log) else { continue };
            self.trace.say(format_args!("broker {node}: {of}: {dropped:?}"));
            let result = self.checks.retention(of).dropped(&dropped, latest_wall_ms);
            self.checks.take(Checker::Retention, result.map_err(|error| format!("{of}: {error}")));
        }
    }

    /// Looks at where a log is said to begin.
    pub(super) fn observe_log_start(
        &mut self,
        node: usize,
        connection: ConnectionId,
        asked: &Asked,
        frame: &Bytes,
    ) {
        let (version, asked_frame) = (asked.version, asked.frame.clone());
        let result = if asked.api_key == ApiKey::DeleteRecords as i16 {
            let api = ApiKey::DeleteRecords;
            let answer = raw::response::<DeleteRecordsResponse>(api, version, frame.clone());
            let mut partitions = answer.into_iter().flat_map(|(_, answer)| answer.topics);
            let Some(answer) = partitions.next().and_then(|topic| topic.partitions.first().cloned()) else {
                return;
            };
            let of = retained_partition(answer.partition_index);
            let Some(standing) = self.retained_standing(node, &of) else { return };
            let result = match answer.error_code {
                0 => Ok(answer.low_watermark),
                code => Err(code == OUT_OF_RANGE),
            };
            self.checks.retention(&of).deletion_answered(connection, asked, result, standing)
        } else {
            let api = ApiKey::ListOffsets;
            let request = raw::decode_request::<ListOffsetsRequest>(api, version, asked_frame);
            let answer = raw::response::<ListOffsetsResponse>(api, version, frame.clone());
            let Some((request, (_, answer))) = request.zip(answer) else { return };
            let mut pairs = request.topics.into_iter().zip(answer.topics);
            let Some((of, answer)) = pairs.find(|(of, _)| of.name.as_str() == RETAINED) else { return };
            let is_earliest = of.partitions.iter().all(|partition| partition.timestamp == EARLIEST);
            let answer = answer.partitions.first().filter(|answer| is_earliest && answer.error_code == 0);
            let Some(answer) = answer else { return };
            let of = retained_partition(answer.partition_index);
            let Some(standing) = self.retained_standing(node, &of) else { return };
            self.checks.retention(&of).begins(asked, answer.offset, standing)
        };
        self.checks.take(Checker::LogStart, result);
    }

    /// Looks at what a Fetch of the topic is answered with.
    pub(super) fn observe_retained(&mut self, node: usize, asked: &Asked, answer: &PartitionData) {
        let of = retained_partition(answer.partition_index);
        let Some(standing) = self.retained_standing(node, &of) else { return };
        let (api, version) = (ApiKey::Fetch, asked.version);
        let request = raw::decode_request::<FetchRequest>(api, version, asked.frame.clone());
        let topics = request.into_iter().flat_map(|request| request.topics);
        let mut wanted =
            topics.filter(|topic| topic.topic.as_str() == RETAINED).flat_map(|topic| topic.partitions);
        let Some(wanted) = wanted.find(|wanted| wanted.partition == of.partition) else { return };
        let offset = wanted.fetch_offset;
        let records = answer.records.clone().unwrap_or_default();
        let first = Batches::new(&records).next().and_then(Result::ok);
        let (end, is_out) = (first.map(|batch| batch.next_offset()), answer.error_code == OUT_OF_RANGE);
        let result = self.checks.retention(&of).fetched(asked, offset, end, is_out, standing);
        self.checks.take(Checker::LogStart, result);
        if answer.log_start_offset >= 0 {
            let result = self.checks.retention(&of).begins(asked, answer.log_start_offset, standing);
            self.checks.take(Checker::LogStart, result);
        }
    }

    /// What a power cut has left.
    pub(super) fn account_for_retained(&mut self, ends: &Ends) {
        let logs: Vec<_> = self.retained_logs().collect();
        for (of, log) in logs {
            let starts = self.nodes.iter().map(|node| node.medium.borrow().disk.start_offset(log));
            let (start, end) = (starts.max().unwrap_or(0), ends.get(&of).copied());
            self.checks.retained_left(&of, start, end.unwrap_or(0));
        }
    }

    /// Whether retention has done what it has to, as far as a broker that runs leads the partitions.
    pub(super) fn is_retained_short(&self) -> bool {
        let wall_ms = self.now().wall_ms;
        self.retained_logs().all(|(of, log)| {
            let mut segments = self.nodes.iter().map(|node| node.medium.borrow().disk.spans(log));
            let retention = self.checks.retention.get(&of);
            segments.all(|segments| retention.is_none_or(|retention| retention.is_short(&segments, wall_ms)))
        })
    }

    /// The partitions that are kept short, as far as somebody knows their topics.
    fn retained_logs(&self) -> impl Iterator<Item = (TopicPartition, LogId)> {
        let partitions = self.checks.retention.keys();
        partitions.filter_map(|of| Some((of.clone(), self.log_id(&of.topic, of.partition)?)))
    }

    /// How a partition's log stands, if a broker leads it.
    fn retained_standing(&self, node: usize, of: &TopicPartition) -> Option<Standing> {
        let topic = self.nodes[node].broker()?.topics().find(|topic| topic.name == of.topic)?;
        let partition = topic.partitions.iter().find(|partition| partition.partition == of.partition)?;
        let log = self.log_id(&of.topic, of.partition)?;
        let stored_start = self.nodes[node].medium.borrow().disk.start_offset(log);
        Some(Standing { stored_start, high_watermark: partition.high_watermark })
    }
}
