//! What the world sees of the topic that is kept short: deletions as they are asked for, what storage drops, and what brokers
//! say of where it begins.

use bytes::Bytes;
use headwater_engine::record::Batches;
use headwater_engine::{ConnectionId, LogId};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::fetch_response::PartitionData;
use kafka_protocol::messages::{
    ApiKey, DeleteRecordsRequest, DeleteRecordsResponse, FetchRequest, ListOffsetsRequest,
    ListOffsetsResponse,
};

use super::World;
use crate::actors::{Ends, raw, retained_partition};
use crate::checkers::{Asked, Checker, Retention, Standing};
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
        let wanted = partitions.flat_map(|topic| topic.partitions).next();
        if let (Some(wanted), Some(standing)) = (wanted, self.retained_standing(node)) {
            let end = standing.high_watermark;
            self.checks.retention.deletion_asked(connection, &asked, wanted.offset, end);
        }
    }

    /// Looks at the segments that a broker's storage has dropped.
    pub(super) fn note_dropped(&mut self, node: usize) {
        let dropped = std::mem::take(&mut self.nodes[node].medium.borrow_mut().disk.dropped);
        let latest_wall_ms = self.latest_wall_ms.max(self.now().wall_ms);
        let log = self.retained_log();
        for dropped in dropped.iter().filter(|dropped| Some(dropped.log) == log) {
            self.trace.say(format_args!("broker {node}: {dropped:?}"));
            let result = self.checks.retention.dropped(dropped, latest_wall_ms);
            self.checks.take(Checker::Retention, result);
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
        let Some(standing) = self.retained_standing(node) else { return };
        let (version, asked_frame) = (asked.version, asked.frame.clone());
        let retention = &mut self.checks.retention;
        let result = if asked.api_key == ApiKey::DeleteRecords as i16 {
            let api = ApiKey::DeleteRecords;
            let answer = raw::response::<DeleteRecordsResponse>(api, version, frame.clone());
            let mut partitions = answer.into_iter().flat_map(|(_, answer)| answer.topics);
            let Some(answer) = partitions.next().and_then(|topic| topic.partitions.first().cloned()) else {
                return;
            };
            let result = match answer.error_code {
                0 => Ok(answer.low_watermark),
                code => Err(code == OUT_OF_RANGE),
            };
            retention.deletion_answered(connection, asked, result, standing)
        } else {
            let api = ApiKey::ListOffsets;
            let request = raw::decode_request::<ListOffsetsRequest>(api, version, asked_frame);
            let answer = raw::response::<ListOffsetsResponse>(api, version, frame.clone());
            let Some((request, (_, answer))) = request.zip(answer) else { return };
            let mut pairs = request.topics.into_iter().zip(answer.topics);
            let Some((of, answer)) = pairs.find(|(of, _)| of.name.as_str() == RETAINED) else { return };
            let is_earliest = of.partitions.iter().all(|partition| partition.timestamp == EARLIEST);
            match answer.partitions.first().filter(|answer| is_earliest && answer.error_code == 0) {
                Some(answer) => retention.begins(asked, answer.offset, standing),
                None => Ok(()),
            }
        };
        self.checks.take(Checker::LogStart, result);
    }

    /// Looks at what a Fetch of the topic is answered with.
    pub(super) fn observe_retained(&mut self, node: usize, asked: &Asked, answer: &PartitionData) {
        let Some(standing) = self.retained_standing(node) else { return };
        let (api, version) = (ApiKey::Fetch, asked.version);
        let request = raw::decode_request::<FetchRequest>(api, version, asked.frame.clone());
        let mut topics = request.into_iter().flat_map(|request| request.topics);
        let wanted = topics.find(|topic| topic.topic.as_str() == RETAINED);
        let Some(offset) = wanted.and_then(|topic| Some(topic.partitions.first()?.fetch_offset)) else {
            return;
        };
        let records = answer.records.clone().unwrap_or_default();
        let first = Batches::new(&records).next().and_then(Result::ok);
        let (end, is_out) = (first.map(|batch| batch.next_offset()), answer.error_code == OUT_OF_RANGE);
        let result = Retention::fetched(asked, offset, end, is_out, standing);
        self.checks.take(Checker::LogStart, result);
        if answer.log_start_offset >= 0 {
            let result = self.checks.retention.begins(asked, answer.log_start_offset, standing);
            self.checks.take(Checker::LogStart, result);
        }
    }

    /// What a power cut has left.
    pub(super) fn account_for_retained(&mut self, ends: &Ends) {
        let log = self.retained_log();
        let starts = self.nodes.iter().filter_map(|node| Some(node.medium.borrow().disk.start_offset(log?)));
        let (start, end) = (starts.max().unwrap_or(0), ends.get(&retained_partition()).copied());
        self.checks.retained_left(start, end.unwrap_or(0));
    }

    /// Whether retention has done what it has to, as far as a broker that runs leads the topic.
    pub(super) fn is_retained_short(&self) -> bool {
        let (Some(log), wall_ms) = (self.retained_log(), self.now().wall_ms) else { return true };
        let mut segments = self.nodes.iter().map(|node| node.medium.borrow().disk.spans(log));
        segments.all(|segments| self.checks.retention.is_short(&segments, wall_ms))
    }

    fn retained_log(&self) -> Option<LogId> {
        self.log_id(RETAINED, 0)
    }

    /// How the topic's log stands, if a broker leads it.
    fn retained_standing(&self, node: usize) -> Option<Standing> {
        let topic = self.nodes[node].broker()?.topics().find(|topic| topic.name == RETAINED)?;
        let high_watermark = topic.partitions.first()?.high_watermark;
        let stored_start = self.nodes[node].medium.borrow().disk.start_offset(self.retained_log()?);
        Some(Standing { stored_start, high_watermark })
    }
}
