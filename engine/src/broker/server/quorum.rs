//! DescribeQuorum: who keeps the log of the cluster's metadata (KIP-595, KIP-836). Here it is one broker, the controller.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::describe_quorum_response::{
    Listener, Node, PartitionData, ReplicaState, TopicData,
};
use kafka_protocol::messages::{BrokerId, DescribeQuorumRequest, DescribeQuorumResponse};
use kafka_protocol::protocol::StrBytes;

use super::super::{Broker, Context};
use crate::error::ApiError;
use crate::storage_op::LogId;
use crate::types::NodeId;

/// The first version that says where the nodes are.
const FIRST_WITH_NODES: i16 = 2;

/// Where an offset or a time would stand that is not known.
const UNKNOWN: i64 = -1;

impl Broker {
    pub(super) fn handle_describe_quorum(&mut self, context: Context, request: DescribeQuorumRequest) {
        let mut response = DescribeQuorumResponse::default().with_error_message(None);
        for topic in request.topics {
            let mut described = TopicData::default();
            for asked in topic.partitions {
                let is_known = &topic.topic_name[..] == "__cluster_metadata" && asked.partition_index == 0;
                let mut partition = match is_known {
                    true => self.quorum(),
                    false => PartitionData::default(),
                };
                let checked = is_known.then_some(()).ok_or_else(|| {
                    let message = "The quorum is that of __cluster_metadata, partition 0.";
                    ApiError::new(ResponseError::UnknownTopicOrPartition, message)
                });
                (partition.error_code, partition.error_message) = self.outcome(checked);
                described.partitions.push(partition.with_partition_index(asked.partition_index));
            }
            response.topics.push(described.with_topic_name(topic.topic_name));
        }
        if context.header.version >= FIRST_WITH_NODES {
            response.nodes = self.cluster_brokers().map(node).collect();
        }
        self.respond(context, &response);
    }

    /// What this broker knows of it: the controller all, another how far it has read.
    fn quorum(&self) -> PartitionData {
        let controller = self.config.controller_id();
        let end = match self.partitions.get(&LogId::CLUSTER_METADATA) {
            Some(partition) => partition.high_watermark(),
            None => self.known_metadata_end(),
        };
        let me = self.config.node_id();
        let state = |node_id: i32| {
            ReplicaState::default()
                .with_replica_id(BrokerId(node_id))
                .with_log_end_offset(if node_id == me || node_id == controller { end } else { UNKNOWN })
                .with_last_fetch_timestamp(UNKNOWN)
                .with_last_caught_up_timestamp(UNKNOWN)
        };
        let observers = self.cluster_brokers().map(|(node_id, ..)| node_id).filter(|id| *id != controller);
        PartitionData::default()
            .with_leader_id(BrokerId(controller))
            .with_high_watermark(end)
            .with_current_voters(vec![state(controller)])
            .with_observers(observers.map(state).collect())
    }
}

fn node((node_id, host, port): (NodeId, &str, u16)) -> Node {
    let listener = Listener::default()
        .with_name(StrBytes::from_static_str("PLAINTEXT"))
        .with_host(StrBytes::from_string(host.to_owned()))
        .with_port(port);
    Node::default().with_node_id(BrokerId(node_id)).with_listeners(vec![listener])
}
