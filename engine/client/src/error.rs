//! What can go wrong, with Kafka's code and name, and a sentence for people.

use std::fmt;

/// An error, for whoever asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClientError {
    /// Kafka's code, where Kafka has one for it.
    pub code: Option<i16>,
    /// Kafka's name for it (`UNKNOWN_TOPIC_OR_PARTITION`), or one of ours in the same style.
    pub name: &'static str,
    /// What happened, in a sentence.
    pub message: String,
    /// Whether the same may work when tried again.
    pub retriable: bool,
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.message)
    }
}

impl std::error::Error for ClientError {}

/// Kafka's error codes, as far as a client acts on them (`Errors.java`).
pub mod code {
    /// No error.
    pub const NONE: i16 = 0;
    /// The broker failed in a way that it has no code for.
    pub const UNKNOWN_SERVER_ERROR: i16 = -1;
    /// The offset is outside what the partition holds.
    pub const OFFSET_OUT_OF_RANGE: i16 = 1;
    /// A batch's checksum or form is wrong.
    pub const CORRUPT_MESSAGE: i16 = 2;
    /// No such topic or partition at this broker.
    pub const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
    /// The partition has no leader at the moment.
    pub const LEADER_NOT_AVAILABLE: i16 = 5;
    /// This broker does not lead the partition.
    pub const NOT_LEADER_OR_FOLLOWER: i16 = 6;
    /// The coordinator is still reading what it knows of the group.
    pub const COORDINATOR_LOAD_IN_PROGRESS: i16 = 14;
    /// There is no coordinator for the group at the moment.
    pub const COORDINATOR_NOT_AVAILABLE: i16 = 15;
    /// The broker does not coordinate this group.
    pub const NOT_COORDINATOR: i16 = 16;
    /// The generation is not the group's.
    pub const ILLEGAL_GENERATION: i16 = 22;
    /// The group shares partitions in a way that the member does not know.
    pub const INCONSISTENT_GROUP_PROTOCOL: i16 = 23;
    /// The group's name is not valid, or there is none.
    pub const INVALID_GROUP_ID: i16 = 24;
    /// The group does not have this member.
    pub const UNKNOWN_MEMBER_ID: i16 = 25;
    /// The group is being rebalanced.
    pub const REBALANCE_IN_PROGRESS: i16 = 27;
    /// The member is to join again with the id that it is given.
    pub const MEMBER_ID_REQUIRED: i16 = 79;
    /// Another member has taken this static member's place.
    pub const FENCED_INSTANCE_ID: i16 = 82;
    /// The broker did not get it done in time; it may still be done.
    pub const REQUEST_TIMED_OUT: i16 = 7;
    /// A record batch is over `max.message.bytes`.
    pub const MESSAGE_TOO_LARGE: i16 = 10;
    /// The connection was lost before an answer came.
    pub const NETWORK_EXCEPTION: i16 = 13;
    /// Too few replicas are in sync; the batch is stored all the same.
    pub const NOT_ENOUGH_REPLICAS_AFTER_APPEND: i16 = 20;
    /// Neither side knows a version that the other one knows.
    pub const UNSUPPORTED_VERSION: i16 = 35;
    /// The topic exists already.
    pub const TOPIC_ALREADY_EXISTS: i16 = 36;
    /// The request went to a broker that is not the controller.
    pub const NOT_CONTROLLER: i16 = 41;
    /// The request is malformed.
    pub const INVALID_REQUEST: i16 = 42;
    /// A batch of the idempotent producer is missing before this one.
    pub const OUT_OF_ORDER_SEQUENCE_NUMBER: i16 = 45;
    /// The broker has the batch already.
    pub const DUPLICATE_SEQUENCE_NUMBER: i16 = 46;
    /// The partition knows a later epoch of the producer.
    pub const INVALID_PRODUCER_EPOCH: i16 = 47;
    /// What is asked for does not go with the state of the transaction.
    pub const INVALID_TXN_STATE: i16 = 48;
    /// The transactional id belongs to another producer id.
    pub const INVALID_PRODUCER_ID_MAPPING: i16 = 49;
    /// The coordinator does not allow so long a transaction.
    pub const INVALID_TRANSACTION_TIMEOUT: i16 = 50;
    /// An earlier transaction has not ended yet.
    pub const CONCURRENT_TRANSACTIONS: i16 = 51;
    /// The coordinator of the transaction was replaced.
    pub const TRANSACTION_COORDINATOR_FENCED: i16 = 52;
    /// Transactions are not allowed for this id.
    pub const TRANSACTIONAL_ID_AUTHORIZATION_FAILED: i16 = 53;
    /// It was not tried, as something else in the request failed.
    pub const OPERATION_NOT_ATTEMPTED: i16 = 55;
    /// The partition knows nothing of the producer (any more).
    pub const UNKNOWN_PRODUCER_ID: i16 = 59;
    /// Another producer of this transactional id has taken the place.
    pub const PRODUCER_FENCED: i16 = 90;
}

/// `(code, name, retriable, sentence)`, by code. Whether it is retriable is what the Java client holds of it.
#[rustfmt::skip]
const KNOWN: &[(i16, &str, bool, &str)] = &[
    (-1, "UNKNOWN_SERVER_ERROR", false, "The broker failed and gave no reason."),
    (1, "OFFSET_OUT_OF_RANGE", false, "The offset is outside what the partition holds."),
    (2, "CORRUPT_MESSAGE", true, "A record batch is damaged: its checksum, its length or its form is wrong."),
    (3, "UNKNOWN_TOPIC_OR_PARTITION", true, "The broker does not have this topic or partition."),
    (4, "INVALID_FETCH_SIZE", false, "The size asked for is not valid."),
    (5, "LEADER_NOT_AVAILABLE", true, "The partition has no leader at the moment."),
    (6, "NOT_LEADER_OR_FOLLOWER", true, "The broker does not lead this partition."),
    (7, "REQUEST_TIMED_OUT", true, "The request was not done in time; it may still be done."),
    (8, "BROKER_NOT_AVAILABLE", false, "The broker is not there."),
    (9, "REPLICA_NOT_AVAILABLE", true, "The replica is not there."),
    (10, "MESSAGE_TOO_LARGE", false, "The records are larger than max.message.bytes allows."),
    (13, "NETWORK_EXCEPTION", true, "The connection to the broker was lost before it answered."),
    (14, "COORDINATOR_LOAD_IN_PROGRESS", true, "The coordinator is still loading."),
    (15, "COORDINATOR_NOT_AVAILABLE", true, "The coordinator is not there."),
    (16, "NOT_COORDINATOR", true, "The broker is not the coordinator."),
    (17, "INVALID_TOPIC_EXCEPTION", false, "This is not a valid name for a topic."),
    (18, "RECORD_LIST_TOO_LARGE", false, "The record batch is larger than a segment may be."),
    (19, "NOT_ENOUGH_REPLICAS", true, "Fewer replicas are in sync than min.insync.replicas asks for."),
    (20, "NOT_ENOUGH_REPLICAS_AFTER_APPEND", true, "The records are stored, but by fewer replicas than min.insync.replicas asks for."),
    (21, "INVALID_REQUIRED_ACKS", false, "acks must be 0, 1 or all."),
    (12, "OFFSET_METADATA_TOO_LARGE", false, "The metadata kept with an offset is too long."),
    (22, "ILLEGAL_GENERATION", false, "The group has gone on to another generation."),
    (23, "INCONSISTENT_GROUP_PROTOCOL", false, "The group's members share partitions in no way that all of them know."),
    (24, "INVALID_GROUP_ID", false, "This is not a valid name for a group, or there is none."),
    (25, "UNKNOWN_MEMBER_ID", false, "The group does not have this member."),
    (26, "INVALID_SESSION_TIMEOUT", false, "The broker does not take this session.timeout.ms."),
    (27, "REBALANCE_IN_PROGRESS", false, "The group is being rebalanced."),
    (28, "INVALID_COMMIT_OFFSET_SIZE", false, "The offsets to commit are too long."),
    (30, "GROUP_AUTHORIZATION_FAILED", false, "Access to this group is not allowed."),
    (29, "TOPIC_AUTHORIZATION_FAILED", false, "Access to this topic is not allowed."),
    (31, "CLUSTER_AUTHORIZATION_FAILED", false, "This is not allowed on the cluster."),
    (32, "INVALID_TIMESTAMP", false, "A record's timestamp is outside what the topic takes."),
    (35, "UNSUPPORTED_VERSION", false, "The broker and this client have no version of the request in common."),
    (36, "TOPIC_ALREADY_EXISTS", false, "A topic of this name exists already."),
    (37, "INVALID_PARTITIONS", false, "The number of partitions is not valid."),
    (38, "INVALID_REPLICATION_FACTOR", false, "The replication factor is not valid, or there are fewer brokers."),
    (39, "INVALID_REPLICA_ASSIGNMENT", false, "The assignment of replicas is not valid."),
    (40, "INVALID_CONFIG", false, "A config's name or value is not valid."),
    (41, "NOT_CONTROLLER", true, "The broker is not the controller."),
    (42, "INVALID_REQUEST", false, "The request is not valid."),
    (43, "UNSUPPORTED_FOR_MESSAGE_FORMAT", false, "The message format does not have this."),
    (44, "POLICY_VIOLATION", false, "A policy of the broker forbids it."),
    (45, "OUT_OF_ORDER_SEQUENCE_NUMBER", false, "A batch of this producer is missing before this one."),
    (46, "DUPLICATE_SEQUENCE_NUMBER", false, "The broker already has this batch."),
    (47, "INVALID_PRODUCER_EPOCH", false, "A newer producer has taken this one's place."),
    (48, "INVALID_TXN_STATE", false, "This does not go with the state of the transaction."),
    (49, "INVALID_PRODUCER_ID_MAPPING", false, "The transactional id belongs to another producer id."),
    (50, "INVALID_TRANSACTION_TIMEOUT", false, "The transaction.timeout.ms is more than transaction.max.timeout.ms allows."),
    (51, "CONCURRENT_TRANSACTIONS", true, "The producer id is being changed by an earlier request."),
    (52, "TRANSACTION_COORDINATOR_FENCED", false, "The transaction has another coordinator by now."),
    (53, "TRANSACTIONAL_ID_AUTHORIZATION_FAILED", false, "Transactions are not allowed or not supported."),
    (55, "OPERATION_NOT_ATTEMPTED", false, "It was not tried, as something else in the request failed."),
    (56, "KAFKA_STORAGE_ERROR", true, "The broker could not store or read; its storage may be full."),
    (59, "UNKNOWN_PRODUCER_ID", false, "The broker does not know this producer."),
    (68, "NON_EMPTY_GROUP", false, "The group has members."),
    (69, "GROUP_ID_NOT_FOUND", false, "There is no group of this name."),
    (70, "FETCH_SESSION_ID_NOT_FOUND", true, "The broker does not know this fetch session."),
    (71, "INVALID_FETCH_SESSION_EPOCH", true, "The fetch session's epoch is not the expected one."),
    (72, "LISTENER_NOT_FOUND", true, "The leader has no listener of this name."),
    (73, "TOPIC_DELETION_DISABLED", false, "Topics cannot be deleted here."),
    (74, "FENCED_LEADER_EPOCH", true, "The partition has a newer leader."),
    (75, "UNKNOWN_LEADER_EPOCH", true, "The broker has not heard of this leader yet."),
    (76, "UNSUPPORTED_COMPRESSION_TYPE", false, "The broker does not take this compression."),
    (78, "OFFSET_NOT_AVAILABLE", true, "The new leader does not know its offsets yet."),
    (79, "MEMBER_ID_REQUIRED", false, "The member has to join again with the id it was given."),
    (81, "GROUP_MAX_SIZE_REACHED", false, "The group has as many members as it may have."),
    (82, "FENCED_INSTANCE_ID", false, "Another member has taken the place of this static member."),
    (86, "GROUP_SUBSCRIBED_TO_TOPIC", false, "The group is subscribed to the topic."),
    (88, "UNSTABLE_OFFSET_COMMIT", true, "The offset belongs to a transaction that is not finished."),
    (87, "INVALID_RECORD", false, "The broker's checks refuse a record."),
    (89, "THROTTLING_QUOTA_EXCEEDED", true, "The quota is used up for now."),
    (90, "PRODUCER_FENCED", false, "Another producer of this transactional id has taken its place."),
    (100, "UNKNOWN_TOPIC_ID", true, "The broker does not know this topic id."),
    (120, "TRANSACTION_ABORTABLE", false, "The transaction has to be aborted."),
    (103, "INCONSISTENT_TOPIC_ID", true, "The topic was deleted and made anew."),
];

impl ClientError {
    /// What a broker answered. Its own message, where it gave one, takes the place of the usual sentence.
    #[must_use]
    pub fn kafka(code: i16, message: Option<&str>) -> ClientError {
        let message = message.filter(|message| !message.is_empty());
        match KNOWN.iter().find(|known| known.0 == code) {
            Some(&(_, name, retriable, sentence)) => ClientError {
                code: Some(code),
                name,
                message: message.unwrap_or(sentence).to_owned(),
                retriable,
            },
            None => ClientError {
                code: Some(code),
                name: "UNKNOWN_ERROR_CODE",
                message: message
                    .map_or_else(|| format!("The broker answered with error {code}."), str::to_owned),
                retriable: false,
            },
        }
    }

    /// Kafka's error of this code with a sentence of our own.
    pub(crate) fn ours(code: i16, message: impl Into<String>) -> ClientError {
        ClientError { message: message.into(), ..ClientError::kafka(code, None) }
    }

    /// `None` for code 0.
    pub(crate) fn answered(code: i16, message: Option<&str>) -> Option<ClientError> {
        (code != code::NONE).then(|| ClientError::kafka(code, message))
    }

    /// An answer that cannot be understood. What was asked may have been done.
    pub(crate) fn malformed(what: &str) -> ClientError {
        ClientError {
            code: None,
            name: "MALFORMED_RESPONSE",
            message: format!("The broker's answer cannot be understood: {what}."),
            retriable: false,
        }
    }

    /// Not tried, because something before it failed or the application said so.
    pub(crate) fn aborted(message: &str) -> ClientError {
        ClientError { code: None, name: "ABORTED", message: message.to_owned(), retriable: true }
    }

    /// Whether this error leaves open if the request took effect.
    pub(crate) fn outcome_unknown(&self) -> bool {
        match self.code {
            None => self.name == "MALFORMED_RESPONSE",
            Some(code) => matches!(
                code,
                code::UNKNOWN_SERVER_ERROR
                    | code::REQUEST_TIMED_OUT
                    | code::NETWORK_EXCEPTION
                    | code::NOT_ENOUGH_REPLICAS_AFTER_APPEND
            ),
        }
    }

    /// Whether it says that the client's picture of the cluster is out of date.
    pub(crate) fn stale_metadata(&self) -> bool {
        matches!(
            self.code,
            Some(
                code::UNKNOWN_TOPIC_OR_PARTITION
                    | code::LEADER_NOT_AVAILABLE
                    | code::NOT_LEADER_OR_FOLLOWER
                    | code::NOT_CONTROLLER
                    | code::NETWORK_EXCEPTION
                    | 72
                    | 74
                    | 75
                    | 56
                    | 100
                    | 103
            )
        )
    }
}
