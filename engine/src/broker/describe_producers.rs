//! DescribeProducers: who writes to a partition, and whose transaction holds its readers back (KIP-664).

use kafka_protocol::ResponseError;
use kafka_protocol::messages::describe_producers_response::{
    DescribeProducersResponse, PartitionResponse, ProducerState, TopicResponse,
};
use kafka_protocol::messages::{DescribeProducersRequest, ProducerId};

use super::{Broker, Context};
use crate::error::ApiError;
use crate::producer_state::ActiveProducer;
use crate::topic::Topic;

impl Broker {
    pub(super) fn handle_describe_producers(&mut self, context: Context, request: DescribeProducersRequest) {
        let mut response = DescribeProducersResponse::default();
        for topic in request.topics {
            let known = self.topics.by_name(&topic.name).cloned();
            let mut answer = TopicResponse::default().with_name(topic.name);
            for index in topic.partition_indexes {
                let partition = PartitionResponse::default().with_partition_index(index);
                answer.partitions.push(match self.active_producers(known.as_ref(), index) {
                    Ok(producers) => partition.with_active_producers(producers),
                    Err(error) => {
                        partition.with_error_code(self.report.refuse(&error)).with_error_message(error.text())
                    }
                });
            }
            response.topics.push(answer);
        }
        self.respond(context, &response);
    }

    fn active_producers(&self, topic: Option<&Topic>, index: i32) -> Result<Vec<ProducerState>, ApiError> {
        let (log, _) = self.led_partition(topic, index)?;
        let partition = self.partitions.get(&log).ok_or_else(|| {
            ApiError::new(ResponseError::NotLeaderOrFollower, "This broker has no such log.")
        })?;
        Ok(partition.log.producers().active().map(described).collect())
    }
}

fn described(producer: ActiveProducer) -> ProducerState {
    ProducerState::default()
        .with_producer_id(ProducerId(producer.producer_id))
        .with_producer_epoch(i32::from(producer.epoch))
        .with_last_sequence(producer.last_sequence)
        .with_last_timestamp(producer.last_timestamp)
        .with_coordinator_epoch(producer.coordinator_epoch)
        .with_current_txn_start_offset(producer.open.unwrap_or(-1))
}
