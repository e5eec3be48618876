//! The requests of the feature `server`: what tools and full clients ask of a cluster.

mod acls;
mod client_quotas;
mod cluster;
mod config_resources;
mod forwarding;
mod leader_epochs;
mod log_dirs;
mod quorum;
mod replicas;
mod topic_partitions;

pub(super) use self::forwarding::Forwarding;
use super::{Broker, Context};
use crate::error::ApiError;
use crate::protocol::ServerRequest;
use crate::topic::Topic;
use crate::types::NodeId;
use kafka_protocol::ResponseError;
use kafka_protocol::protocol::StrBytes;

impl Broker {
    pub(super) fn dispatch_server(&mut self, context: Context, request: ServerRequest) {
        use ServerRequest as S;
        match request {
            S::AlterClientQuotas(request) => self.handle_alter_client_quotas(context, request),
            S::AlterPartitionReassignments(request) => {
                self.handle_alter_partition_reassignments(context, request);
            }
            S::AlterReplicaLogDirs(request) => self.handle_alter_replica_log_dirs(context, request),
            S::CreateAcls(request) => self.handle_create_acls(context, &request),
            S::DeleteAcls(request) => self.handle_delete_acls(context, &request),
            S::DescribeAcls => self.handle_describe_acls(context),
            S::DescribeClientQuotas => self.handle_describe_client_quotas(context),
            S::DescribeCluster(request) => self.handle_describe_cluster(context, &request),
            S::DescribeLogDirs(request) => self.handle_describe_log_dirs(context, request),
            S::DescribeQuorum(request) => self.handle_describe_quorum(context, request),
            S::DescribeTopicPartitions(request) => {
                self.handle_describe_topic_partitions(context, &request);
            }
            S::ElectLeaders(request) => self.handle_elect_leaders(context, request),
            S::ListConfigResources(request) => self.handle_list_config_resources(context, &request),
            S::ListPartitionReassignments => self.handle_list_partition_reassignments(context),
            S::OffsetForLeaderEpoch(request) => self.handle_offset_for_leader_epoch(context, request),
            S::UpdateFeatures(request) => self.handle_update_features(context, request),
        }
    }

    /// The one replica of a partition.
    fn replica(&self, topic: Option<&Topic>, index: i32) -> Result<NodeId, ApiError> {
        let assignment = topic.and_then(|topic| topic.assignment(index));
        assignment.map(|assignment| assignment.leader).ok_or_else(|| {
            ApiError::new(ResponseError::UnknownTopicOrPartition, "There is no such topic or partition.")
        })
    }

    /// An error's code and text, counted; of none, 0 and no text.
    fn outcome(&mut self, result: Result<(), ApiError>) -> (i16, Option<StrBytes>) {
        match result {
            Ok(()) => (0, None),
            Err(error) => (self.report.refuse(&error), error.text()),
        }
    }
}
