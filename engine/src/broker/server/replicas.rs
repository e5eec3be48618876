//! ElectLeaders and reassignments (KIP-460, KIP-455): a partition has one replica, which leads it, so there is nobody else to
//! elect and nowhere to go.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::alter_partition_reassignments_request::ReassignablePartition;
use kafka_protocol::messages::alter_partition_reassignments_response::{
    ReassignablePartitionResponse, ReassignableTopicResponse,
};
use kafka_protocol::messages::elect_leaders_response::{PartitionResult, ReplicaElectionResult};
use kafka_protocol::messages::{
    AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse, BrokerId, ElectLeadersRequest,
    ElectLeadersResponse, ListPartitionReassignmentsResponse,
};

use super::super::{Broker, Context};
use crate::error::ApiError;
use crate::topic::Topic;

impl Broker {
    /// Where all partitions are asked for, those that need no election are left out, as in Kafka.
    pub(super) fn handle_elect_leaders(&mut self, context: Context, request: ElectLeadersRequest) {
        let mut response = ElectLeadersResponse::default();
        for topic in request.topic_partitions.unwrap_or_default() {
            let mut result = ReplicaElectionResult::default();
            for index in topic.partitions {
                let leader = self.replica(self.topics.by_name(&topic.topic), index);
                let refused = leader.and_then(|leader| {
                    let message = format!("Broker {leader} leads the partition, and is its only replica.");
                    Err(ApiError::new(ResponseError::ElectionNotNeeded, message))
                });
                let (code, text) = self.outcome(refused);
                result.partition_result.push(
                    PartitionResult::default()
                        .with_partition_id(index)
                        .with_error_code(code)
                        .with_error_message(text),
                );
            }
            response.replica_election_results.push(result.with_topic(topic.topic));
        }
        self.respond(context, &response);
    }

    pub(super) fn handle_alter_partition_reassignments(
        &mut self,
        context: Context,
        request: AlterPartitionReassignmentsRequest,
    ) {
        let mut response = AlterPartitionReassignmentsResponse::default()
            .with_error_message(None)
            .with_allow_replication_factor_change(request.allow_replication_factor_change);
        for topic in request.topics {
            let mut result = ReassignableTopicResponse::default();
            for asked in topic.partitions {
                let checked = self.check_reassignment(self.topics.by_name(&topic.name), &asked);
                let (code, text) = self.outcome(checked);
                result.partitions.push(
                    ReassignablePartitionResponse::default()
                        .with_partition_index(asked.partition_index)
                        .with_error_code(code)
                        .with_error_message(text),
                );
            }
            response.responses.push(result.with_name(topic.name));
        }
        self.respond(context, &response);
    }

    /// Only what is the case already can be asked for.
    fn check_reassignment(
        &self,
        topic: Option<&Topic>,
        asked: &ReassignablePartition,
    ) -> Result<(), ApiError> {
        let replica = self.replica(topic, asked.partition_index)?;
        let invalid = |message: String| Err(ApiError::new(ResponseError::InvalidReplicaAssignment, message));
        let Some(replicas) = &asked.replicas else {
            let message = "The partition is on its way nowhere.";
            return Err(ApiError::new(ResponseError::NoReassignmentInProgress, message));
        };
        let is_broker = |asked: &BrokerId| self.cluster_brokers().any(|(node_id, ..)| node_id == asked.0);
        if let Some(unknown) = replicas.iter().find(|asked| !is_broker(asked)) {
            return invalid(format!("There is no broker {}.", unknown.0));
        }
        match replicas[..] {
            [BrokerId(only)] if only == replica => Ok(()),
            [_] => invalid(format!("The partition lies on broker {replica}, and cannot be moved.")),
            _ => invalid(format!("A partition has one replica, not {}.", replicas.len())),
        }
    }

    pub(super) fn handle_list_partition_reassignments(&mut self, context: Context) {
        self.respond(context, &ListPartitionReassignmentsResponse::default().with_error_message(None));
    }
}
