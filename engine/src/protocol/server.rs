//! The requests that only tools and full clients make of a cluster: to describe it, its logs and its metadata quorum, and to
//! change what a cluster of one replica a partition cannot change.
//!
//! A page has no use for them and would download them; the feature `server` has them (docs/adr/0019).

use bytes::Bytes;
use kafka_protocol::messages::{
    AlterClientQuotasRequest, AlterPartitionReassignmentsRequest, AlterReplicaLogDirsRequest, ApiKey,
    CreateAclsRequest, DeleteAclsRequest, DescribeAclsRequest, DescribeClientQuotasRequest,
    DescribeClusterRequest, DescribeLogDirsRequest, DescribeQuorumRequest, DescribeTopicPartitionsRequest,
    ElectLeadersRequest, ListConfigResourcesRequest, ListPartitionReassignmentsRequest,
    OffsetForLeaderEpochRequest, UpdateFeaturesRequest,
};

use super::frame::{Header, decode};
use super::versions::{Supported, supported};

/// A decoded request.
#[derive(Debug)]
pub(crate) enum ServerRequest {
    AlterClientQuotas(AlterClientQuotasRequest),
    AlterPartitionReassignments(AlterPartitionReassignmentsRequest),
    AlterReplicaLogDirs(AlterReplicaLogDirsRequest),
    CreateAcls(CreateAclsRequest),
    DeleteAcls(DeleteAclsRequest),
    /// Whichever it is about, there is no authorizer.
    DescribeAcls,
    /// Whichever quotas it is about, there are none.
    DescribeClientQuotas,
    DescribeCluster(DescribeClusterRequest),
    DescribeLogDirs(DescribeLogDirsRequest),
    DescribeQuorum(DescribeQuorumRequest),
    DescribeTopicPartitions(DescribeTopicPartitionsRequest),
    ElectLeaders(ElectLeadersRequest),
    ListConfigResources(ListConfigResourcesRequest),
    /// The same of reassignments.
    ListPartitionReassignments,
    OffsetForLeaderEpoch(OffsetForLeaderEpochRequest),
    UpdateFeatures(UpdateFeaturesRequest),
}

/// Which of them are answered.
pub(super) const SUPPORTED: &[Supported] = &[
    supported(ApiKey::AlterClientQuotas, 0, 1),
    supported(ApiKey::AlterPartitionReassignments, 0, 1),
    supported(ApiKey::AlterReplicaLogDirs, 1, 2),
    supported(ApiKey::CreateAcls, 1, 3),
    supported(ApiKey::DeleteAcls, 1, 3),
    supported(ApiKey::DescribeAcls, 1, 3),
    supported(ApiKey::DescribeClientQuotas, 0, 1),
    supported(ApiKey::DescribeCluster, 0, 2),
    supported(ApiKey::DescribeLogDirs, 1, 4),
    supported(ApiKey::DescribeQuorum, 0, 2),
    supported(ApiKey::DescribeTopicPartitions, 0, 0),
    supported(ApiKey::ElectLeaders, 0, 2),
    supported(ApiKey::ListConfigResources, 0, 1),
    supported(ApiKey::ListPartitionReassignments, 0, 0),
    supported(ApiKey::OffsetForLeaderEpoch, 2, 4),
    supported(ApiKey::UpdateFeatures, 0, 2),
];

/// The body of one of these requests; none if it is another's.
pub(super) fn decode_body(header: Header, body: &mut Bytes) -> Option<Result<ServerRequest, String>> {
    use ServerRequest as S;
    let version = header.version;
    Some(match header.api {
        ApiKey::AlterClientQuotas => decode(body, version).map(S::AlterClientQuotas),
        ApiKey::AlterPartitionReassignments => decode(body, version).map(S::AlterPartitionReassignments),
        ApiKey::AlterReplicaLogDirs => decode(body, version).map(S::AlterReplicaLogDirs),
        ApiKey::CreateAcls => decode(body, version).map(S::CreateAcls),
        ApiKey::DeleteAcls => decode(body, version).map(S::DeleteAcls),
        ApiKey::DescribeAcls => decode(body, version).map(|_: DescribeAclsRequest| S::DescribeAcls),
        ApiKey::DescribeClientQuotas => {
            decode(body, version).map(|_: DescribeClientQuotasRequest| S::DescribeClientQuotas)
        }
        ApiKey::DescribeCluster => decode(body, version).map(S::DescribeCluster),
        ApiKey::DescribeLogDirs => decode(body, version).map(S::DescribeLogDirs),
        ApiKey::DescribeQuorum => decode(body, version).map(S::DescribeQuorum),
        ApiKey::DescribeTopicPartitions => decode(body, version).map(S::DescribeTopicPartitions),
        ApiKey::ElectLeaders => decode(body, version).map(S::ElectLeaders),
        ApiKey::ListConfigResources => decode(body, version).map(S::ListConfigResources),
        ApiKey::ListPartitionReassignments => {
            decode(body, version).map(|_: ListPartitionReassignmentsRequest| S::ListPartitionReassignments)
        }
        ApiKey::OffsetForLeaderEpoch => decode(body, version).map(S::OffsetForLeaderEpoch),
        ApiKey::UpdateFeatures => decode(body, version).map(S::UpdateFeatures),
        _ => return None,
    })
}
