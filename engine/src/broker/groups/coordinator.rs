//! FindCoordinator: the coordinator of a group is the leader of its partition of `__consumer_offsets`, that of a transactional id
//! the leader of its partition of `__transaction_state`. The topics are made when somebody first asks.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::find_coordinator_response::{Coordinator, FindCoordinatorResponse};
use kafka_protocol::messages::{AddOffsetsToTxnRequest, BrokerId, FindCoordinatorRequest};
use kafka_protocol::protocol::StrBytes;

use super::check_group_id;
use crate::broker::{Broker, Context};
use crate::error::ApiError;
use crate::storage_op::LogId;
use crate::time::Now;
use crate::topic::{OFFSETS_TOPIC, TRANSACTIONS_TOPIC};
use crate::types::{ConnectionId, NodeId};

const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;
/// From this version on a request names several groups (KIP-699).
const FIRST_BATCHED_VERSION: i16 = 4;

/// Who waits for a topic of coordinators.
#[derive(Debug)]
pub(in crate::broker) enum Waiting {
    FindCoordinator(Context, FindCoordinatorRequest),
    /// The group's offsets are part of a transaction.
    AddOffsets(Context, AddOffsetsToTxnRequest),
}

impl Broker {
    pub(in crate::broker) fn handle_find_coordinator(
        &mut self,
        now: Now,
        context: Context,
        request: FindCoordinatorRequest,
    ) {
        if let Some(topic) = topic_of(request.key_type)
            && self.topics.by_name(topic).is_none()
        {
            self.await_coordinators_topic(now, topic, Waiting::FindCoordinator(context, request));
            return;
        }
        self.answer_find_coordinator(context, request);
    }

    /// Has a topic of coordinators made, by the controller if that is another broker, unless that is under way. Who waits for it
    /// goes on when it is known here, or when it is known that it will not be.
    pub(in crate::broker) fn await_coordinators_topic(
        &mut self,
        now: Now,
        topic: &'static str,
        waiting: Waiting,
    ) {
        self.groups.waiting.push((topic, waiting));
        self.create_asked_topic(now, topic);
    }

    /// A topic was made, or could not be: if it is one of coordinators, who has waited for it is answered.
    pub(in crate::broker) fn coordinators_topic_settled(&mut self, now: Now, name: &str) {
        for (topic, waiting) in std::mem::take(&mut self.groups.waiting) {
            match waiting {
                waiting if topic != name => self.groups.waiting.push((topic, waiting)),
                Waiting::FindCoordinator(context, request) => self.answer_find_coordinator(context, request),
                Waiting::AddOffsets(context, request) => self.add_offsets(now, context, &request),
            }
        }
    }

    fn answer_find_coordinator(&mut self, context: Context, request: FindCoordinatorRequest) {
        let key_type = request.key_type;
        let keys = match context.header.version {
            FIRST_BATCHED_VERSION.. => request.coordinator_keys,
            _ => vec![request.key],
        };
        let mut coordinators: Vec<Coordinator> =
            keys.into_iter().map(|key| self.find_coordinator(context.connection, key_type, key)).collect();
        let mut response = FindCoordinatorResponse::default();
        if context.header.version >= FIRST_BATCHED_VERSION {
            response.coordinators = coordinators;
        } else if let Some(found) = coordinators.pop() {
            response = response
                .with_error_code(found.error_code)
                .with_error_message(found.error_message)
                .with_node_id(found.node_id)
                .with_host(found.host)
                .with_port(found.port);
        }
        self.respond(context, &response);
    }

    fn find_coordinator(&mut self, asks: ConnectionId, key_type: i8, key: StrBytes) -> Coordinator {
        let found = self.coordinator_of(asks, key_type, &key);
        // Its message is empty, not none, where nothing is wrong, as in Kafka.
        let coordinator = Coordinator::default().with_key(key);
        match found {
            Ok((node_id, host, port)) => {
                coordinator.with_node_id(BrokerId(node_id)).with_host(host).with_port(port)
            }
            Err(error) => coordinator
                .with_error_code(self.report.refuse(&error))
                .with_error_message(error.text())
                .with_node_id(BrokerId(-1))
                .with_port(-1),
        }
    }

    /// As it is named to who asks.
    fn coordinator_of(
        &self,
        asks: ConnectionId,
        key_type: i8,
        key: &str,
    ) -> Result<(NodeId, StrBytes, i32), ApiError> {
        let name = topic_of(key_type).ok_or_else(|| {
            let message = format!("Coordinators of type {key_type} are not supported.");
            ApiError::new(ResponseError::InvalidRequest, message)
        })?;
        if key_type == GROUP {
            check_group_id(key)?;
        }
        let not_available = || {
            let message = format!("{name} could not be made; it is tried again when somebody asks again.");
            ApiError::new(ResponseError::CoordinatorNotAvailable, message)
        };
        let topic = self.topics.by_name(name).ok_or_else(not_available)?;
        let partition = partition_for(key, topic.partitions.len());
        let leader = topic.assignment(partition).ok_or_else(not_available)?.leader;
        let mut brokers = self.cluster_brokers_for(asks);
        brokers.find(|(node_id, ..)| *node_id == leader).ok_or_else(|| {
            let message = format!("The coordinator is broker {leader}, which is not registered.");
            ApiError::new(ResponseError::CoordinatorNotAvailable, message)
        })
    }

    /// The log that keeps a group, if this broker coordinates it.
    pub(super) fn group_log(&self, group_id: &str) -> Result<LogId, ApiError> {
        self.coordinators_log(OFFSETS_TOPIC, group_id)
    }

    /// The log of this topic that keeps a group or a transactional id, if this broker coordinates it.
    pub(in crate::broker) fn coordinators_log(&self, topic: &str, key: &str) -> Result<LogId, ApiError> {
        let not_here = || {
            let message = format!("This broker does not coordinate '{key}'.");
            ApiError::new(ResponseError::NotCoordinator, message)
        };
        let known = self.topics.by_name(topic).ok_or_else(not_here)?;
        let partition = partition_for(key, known.partitions.len());
        let (log, _) = self.led_partition(Some(known), partition).map_err(|_| not_here())?;
        if self.partitions.contains_key(&log) {
            return Ok(log);
        }
        let message = format!("{topic}-{partition} is still being read.");
        Err(ApiError::new(ResponseError::CoordinatorLoadInProgress, message))
    }

    /// Whether there is a log of this topic that this broker leads and has not read yet.
    pub(in crate::broker) fn is_reading_logs_of(&self, topic: &str) -> bool {
        let Some(topic) = self.topics.by_name(topic) else {
            return false;
        };
        topic.partition_indexes().any(|index| {
            let led = self.led_partition(Some(topic), index);
            led.is_ok_and(|(log, _)| !self.partitions.contains_key(&log))
        })
    }

    /// Whether a log is one of group coordinators.
    pub(in crate::broker) fn is_offsets_log(&self, log: LogId) -> bool {
        self.is_log_of(OFFSETS_TOPIC, log)
    }

    /// Whether a log is one of transaction coordinators.
    pub(in crate::broker) fn is_transactions_log(&self, log: LogId) -> bool {
        self.is_log_of(TRANSACTIONS_TOPIC, log)
    }

    /// Whether a log is one of coordinators.
    pub(in crate::broker) fn is_coordinators_log(&self, log: LogId) -> bool {
        self.is_offsets_log(log) || self.is_transactions_log(log)
    }

    fn is_log_of(&self, topic: &str, log: LogId) -> bool {
        self.topics.by_name(topic).is_some_and(|topic| topic.id == log.topic_id)
    }
}

fn topic_of(key_type: i8) -> Option<&'static str> {
    match key_type {
        GROUP => Some(OFFSETS_TOPIC),
        TRANSACTION => Some(TRANSACTIONS_TOPIC),
        _ => None,
    }
}

/// The partition that keeps a group or a transactional id, as Kafka has it: Java's hash of the id, made positive.
pub(in crate::broker) fn partition_for(key: &str, partitions: usize) -> i32 {
    let hash =
        key.encode_utf16().fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    let partitions = i32::try_from(partitions).unwrap_or(i32::MAX).max(1);
    hash.checked_abs().unwrap_or(0) % partitions
}

#[cfg(test)]
mod tests {
    use super::partition_for;

    #[test]
    fn groups_lie_where_kafka_puts_them() {
        // "console-consumer-1".hashCode() and others, as Java gives them.
        assert_eq!("my-group".encode_utf16().count(), 8);
        assert_eq!(partition_for("", 50), 0);
        assert_eq!(partition_for("a", 50), 97 % 50);
        assert_eq!(partition_for("ab", 50), (97 * 31 + 98) % 50);
        // Its hash is -2^31, of which there is no absolute value.
        assert_eq!(partition_for("polygenelubricants", 50), 0);
        // A character beyond 16 bits counts as two.
        assert_eq!(partition_for("\u{1f600}", 50), (0xd83d * 31 + 0xde00) % 50);
    }
}
