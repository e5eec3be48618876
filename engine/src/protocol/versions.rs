use kafka_protocol::messages::ApiKey;

/// The versions of a request that are answered, both inclusive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Supported {
    pub(crate) api: ApiKey,
    pub(crate) min_version: i16,
    pub(crate) max_version: i16,
    /// What ApiVersions says in place of `min_version`, where clients need to be told less.
    pub(crate) advertised_min_version: i16,
}

pub(super) const fn supported(api: ApiKey, min_version: i16, max_version: i16) -> Supported {
    Supported { api, min_version, max_version, advertised_min_version: min_version }
}

/// What every broker answers.
///
/// Produce is advertised from version 0, as Kafka does (KAFKA-18659): librdkafka up to 2.8 sends everything uncompressed to
/// a broker that is not. No such client then uses a version below 3. The highest versions are those that the decoder has, which
/// for OffsetCommit and OffsetFetch is one less than the protocol's last (topic ids, KIP-848). Those of the requests about
/// transactions are the last before KIP-890, but for AddPartitionsToTxn, by which brokers ask each other, and of ListTransactions the last without patterns.
const SUPPORTED: &[Supported] = &[
    Supported { api: ApiKey::Produce, min_version: 3, max_version: 13, advertised_min_version: 0 },
    supported(ApiKey::Fetch, 4, 17),
    supported(ApiKey::ListOffsets, 1, 10),
    supported(ApiKey::Metadata, 0, 13),
    supported(ApiKey::ApiVersions, 0, 4),
    supported(ApiKey::CreateTopics, 2, 7),
    supported(ApiKey::DeleteTopics, 1, 6),
    supported(ApiKey::DeleteRecords, 0, 2),
    supported(ApiKey::AlterConfigs, 0, 2),
    supported(ApiKey::IncrementalAlterConfigs, 0, 1),
    supported(ApiKey::InitProducerId, 0, 5),
    supported(ApiKey::DescribeConfigs, 1, 4),
    supported(ApiKey::CreatePartitions, 0, 3),
    supported(ApiKey::BrokerRegistration, 0, 4),
    supported(ApiKey::AllocateProducerIds, 0, 0),
    supported(ApiKey::FindCoordinator, 0, 6),
    supported(ApiKey::JoinGroup, 0, 9),
    supported(ApiKey::SyncGroup, 0, 5),
    supported(ApiKey::Heartbeat, 0, 4),
    supported(ApiKey::LeaveGroup, 0, 5),
    supported(ApiKey::OffsetCommit, 2, 9),
    supported(ApiKey::OffsetFetch, 1, 9),
    supported(ApiKey::DescribeGroups, 0, 6),
    supported(ApiKey::ListGroups, 0, 5),
    supported(ApiKey::DeleteGroups, 0, 2),
    supported(ApiKey::OffsetDelete, 0, 0),
    supported(ApiKey::WriteTxnMarkers, 1, 1),
    supported(ApiKey::TxnOffsetCommit, 0, 4),
    supported(ApiKey::DescribeProducers, 0, 0),
    supported(ApiKey::AddPartitionsToTxn, 0, if cfg!(feature = "server") { 5 } else { 3 }),
    supported(ApiKey::AddOffsetsToTxn, 0, 4),
    supported(ApiKey::EndTxn, 0, 4),
    supported(ApiKey::DescribeTransactions, 0, 0),
    supported(ApiKey::ListTransactions, 0, 1),
];

#[cfg(feature = "server")]
use super::server::SUPPORTED as FOR_SERVERS;
#[cfg(not(feature = "server"))]
const FOR_SERVERS: &[Supported] = &[];

/// What this broker answers.
pub(crate) fn all_supported() -> impl Iterator<Item = &'static Supported> {
    SUPPORTED.iter().chain(FOR_SERVERS)
}

/// The entry of a request, if it is answered at all.
pub(super) fn supported_api(api_key: i16) -> Option<&'static Supported> {
    all_supported().find(|supported| supported.api as i16 == api_key)
}
