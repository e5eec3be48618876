//! OffsetForLeaderEpoch: where a leader's records end, by which a client finds out whether what it has read was cut off
//! (KIP-320).

use kafka_protocol::messages::offset_for_leader_epoch_request::OffsetForLeaderPartition;
use kafka_protocol::messages::offset_for_leader_epoch_response::{
    EpochEndOffset, OffsetForLeaderTopicResult,
};
use kafka_protocol::messages::{OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse};

use super::super::fetch::check_leader_epoch;
use super::super::{Broker, Context};
use crate::error::ApiError;
use crate::topic::Topic;
use crate::types::{LeaderEpoch, Offset};

/// No such epoch, or none known.
const UNDEFINED: (LeaderEpoch, Offset) = (-1, -1);

impl Broker {
    pub(super) fn handle_offset_for_leader_epoch(
        &mut self,
        context: Context,
        request: OffsetForLeaderEpochRequest,
    ) {
        let mut response = OffsetForLeaderEpochResponse::default();
        for topic in request.topics {
            let mut partitions = Vec::new();
            for wanted in &topic.partitions {
                let found = self.epoch_end(self.topics.by_name(&topic.topic), wanted);
                let (epoch, end) = found.as_ref().copied().unwrap_or(UNDEFINED);
                let (code, _) = self.outcome(found.map(|_| ()));
                partitions.push(
                    EpochEndOffset::default()
                        .with_partition(wanted.partition)
                        .with_error_code(code)
                        .with_leader_epoch(epoch)
                        .with_end_offset(end),
                );
            }
            let result = OffsetForLeaderTopicResult::default().with_topic(topic.topic);
            response.topics.push(result.with_partitions(partitions));
        }
        self.respond(context, &response);
    }

    /// The epoch of a partition's records that is the greatest up to the wanted one, and the offset behind them. A
    /// partition keeps its leader for life, so all its records are of one epoch.
    fn epoch_end(
        &self,
        topic: Option<&Topic>,
        wanted: &OffsetForLeaderPartition,
    ) -> Result<(LeaderEpoch, Offset), ApiError> {
        let (log, leader_epoch) = self.led_partition(topic, wanted.partition)?;
        check_leader_epoch(wanted.current_leader_epoch, leader_epoch)?;
        let end = self.partitions.get(&log).map(|partition| partition.high_watermark());
        Ok(match end {
            Some(end) if wanted.leader_epoch == leader_epoch => (leader_epoch, end),
            _ => UNDEFINED,
        })
    }
}
