//! The schemas of the requests of the feature `server`.

use kafka_protocol::messages::ApiKey;

use super::Form::{Array, FixedArray, Optional, Text};
use super::{BYTE, Field, INT16, INT32, INT64, LAST, UUID, always};

const ALTER_CLIENT_QUOTAS: &[Field] = &[
    always(Array(&[
        always(Array(&[always(Text), always(Text)])),
        always(Array(&[always(Text), always(INT64), always(BYTE)])),
    ])),
    always(BYTE),
];

const ADD_PARTITIONS_TO_TXN_ANSWER: &[Field] = &[
    always(INT32),
    always(INT16),
    always(Array(&[
        always(Text),
        always(Array(&[always(Text), always(Array(&[always(INT32), always(INT16)]))])),
    ])),
];

/// The answer to AlterConfigs and to IncrementalAlterConfigs.
const ALTER_CONFIGS_ANSWER: &[Field] =
    &[always(INT32), always(Array(&[always(INT16), always(Text), always(BYTE), always(Text)]))];

const CREATE_PARTITIONS_ANSWER: &[Field] =
    &[always(INT32), always(Array(&[always(Text), always(INT16), always(Text)]))];

const DELETE_TOPICS_ANSWER: &[Field] =
    &[always(INT32), always(Array(&[always(Text), always(UUID), always(INT16), always(Text)]))];

const ALTER_PARTITION_REASSIGNMENTS: &[Field] = &[
    always(INT32),
    Field(1, LAST, BYTE),
    always(Array(&[always(Text), always(Array(&[always(INT32), always(FixedArray(4))]))])),
];

/// Topics, each with some of its partitions.
const TOPIC_PARTITIONS: &[Field] = &[always(Text), always(FixedArray(4))];

const ALTER_REPLICA_LOG_DIRS: &[Field] = &[always(Array(&[always(Text), always(Array(TOPIC_PARTITIONS))]))];

/// What an ACL is about, or which are looked for: a resource by kind, name and kind of name; who, from where, does what.
const ACL: &[Field] =
    &[always(BYTE), always(Text), always(BYTE), always(Text), always(Text), always(BYTE), always(BYTE)];

const ACLS: &[Field] = &[always(Array(ACL))];

const DESCRIBE_CLIENT_QUOTAS: &[Field] =
    &[always(Array(&[always(Text), always(BYTE), always(Text)])), always(BYTE)];

const DESCRIBE_CLUSTER: &[Field] = &[always(BYTE), Field(1, LAST, BYTE), Field(2, LAST, BYTE)];

const DESCRIBE_LOG_DIRS: &[Field] = &[always(Array(TOPIC_PARTITIONS))];

const DESCRIBE_QUORUM: &[Field] = &[always(Array(&[always(Text), always(Array(&[always(INT32)]))]))];

const DESCRIBE_TOPIC_PARTITIONS: &[Field] =
    &[always(Array(&[always(Text)])), always(INT32), always(Optional(&[always(Text), always(INT32)]))];

const ELECT_LEADERS: &[Field] = &[Field(1, LAST, BYTE), always(Array(TOPIC_PARTITIONS)), always(INT32)];

const LIST_CONFIG_RESOURCES: &[Field] = &[Field(1, LAST, FixedArray(1))];

const LIST_PARTITION_REASSIGNMENTS: &[Field] = &[always(INT32), always(Array(TOPIC_PARTITIONS))];

const OFFSET_FOR_LEADER_EPOCH: &[Field] = &[
    Field(3, LAST, INT32),
    always(Array(&[always(Text), always(Array(&[always(INT32), always(INT32), always(INT32)]))])),
];

const UPDATE_FEATURES: &[Field] = &[
    always(INT32),
    always(Array(&[always(Text), always(INT16), Field(0, 0, BYTE), Field(1, LAST, BYTE)])),
    Field(1, LAST, BYTE),
];

/// As in the module above.
pub(super) fn schema(api: ApiKey) -> Option<(&'static [Field], i16)> {
    Some(match api {
        ApiKey::AlterClientQuotas => (ALTER_CLIENT_QUOTAS, 1),
        ApiKey::AlterPartitionReassignments => (ALTER_PARTITION_REASSIGNMENTS, 0),
        ApiKey::AlterReplicaLogDirs => (ALTER_REPLICA_LOG_DIRS, 2),
        ApiKey::CreateAcls | ApiKey::DeleteAcls => (ACLS, 2),
        ApiKey::DescribeAcls => (ACL, 2),
        ApiKey::DescribeClientQuotas => (DESCRIBE_CLIENT_QUOTAS, 1),
        ApiKey::DescribeCluster => (DESCRIBE_CLUSTER, 0),
        ApiKey::DescribeLogDirs => (DESCRIBE_LOG_DIRS, 2),
        ApiKey::DescribeQuorum => (DESCRIBE_QUORUM, 0),
        ApiKey::DescribeTopicPartitions => (DESCRIBE_TOPIC_PARTITIONS, 0),
        ApiKey::ElectLeaders => (ELECT_LEADERS, 2),
        ApiKey::ListConfigResources => (LIST_CONFIG_RESOURCES, 0),
        ApiKey::ListPartitionReassignments => (LIST_PARTITION_REASSIGNMENTS, 0),
        ApiKey::OffsetForLeaderEpoch => (OFFSET_FOR_LEADER_EPOCH, 4),
        ApiKey::UpdateFeatures => (UPDATE_FEATURES, 0),
        _ => return None,
    })
}

/// As in the module above: of the answers that are passed on from the controller, and of a coordinator's.
pub(super) fn answer_schema(api_key: i16) -> Option<&'static [Field]> {
    const SCHEMAS: [(ApiKey, &[Field]); 5] = [
        (ApiKey::AddPartitionsToTxn, ADD_PARTITIONS_TO_TXN_ANSWER),
        (ApiKey::AlterConfigs, ALTER_CONFIGS_ANSWER),
        (ApiKey::IncrementalAlterConfigs, ALTER_CONFIGS_ANSWER),
        (ApiKey::CreatePartitions, CREATE_PARTITIONS_ANSWER),
        (ApiKey::DeleteTopics, DELETE_TOPICS_ANSWER),
    ];
    SCHEMAS.iter().find(|(api, _)| *api as i16 == api_key).map(|(_, fields)| *fields)
}
