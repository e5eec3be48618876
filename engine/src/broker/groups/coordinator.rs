//! FindCoordinator: the coordinator of a group is the leader of its partition of `__consumer_offsets`, which is made when
//! somebody first asks.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::find_coordinator_response::{Coordinator, FindCoordinatorResponse};
use kafka_protocol::messages::{BrokerId, FindCoordinatorRequest};
use kafka_protocol::protocol::StrBytes;

use super::{OFFSETS_TOPIC, check_group_id, str_bytes};
use crate::broker::{Broker, Context};
use crate::error::ApiError;
use crate::storage_op::LogId;
use crate::time::Now;
use crate::types::NodeId;

const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;
/// From this version on a request names several groups (KIP-699).
const FIRST_BATCHED_VERSION: i16 = 4;

impl Broker {
    pub(in crate::broker) fn handle_find_coordinator(
        &mut self,
        now: Now,
        context: Context,
        request: FindCoordinatorRequest,
    ) {
        if request.key_type == GROUP && self.topics.by_name(OFFSETS_TOPIC).is_none() {
            self.groups.waiting.push((context, request));
            self.ensure_offsets_topic(now);
            return;
        }
        self.answer_find_coordinator(context, request);
    }

    /// Has `__consumer_offsets` made, by the controller if that is another broker, unless that is under way.
    /// [`Broker::offsets_topic_settled`] follows when the topic is known here, or when it is known that it will not be.
    fn ensure_offsets_topic(&mut self, now: Now) {
        self.create_asked_topic(now, OFFSETS_TOPIC);
    }

    /// `__consumer_offsets` was made, or could not be: who has waited for it is answered.
    pub(in crate::broker) fn offsets_topic_settled(&mut self) {
        for (context, request) in std::mem::take(&mut self.groups.waiting) {
            self.answer_find_coordinator(context, request);
        }
    }

    fn answer_find_coordinator(&mut self, context: Context, request: FindCoordinatorRequest) {
        let key_type = request.key_type;
        let keys = match context.header.version {
            FIRST_BATCHED_VERSION.. => request.coordinator_keys,
            _ => vec![request.key],
        };
        let mut coordinators: Vec<Coordinator> =
            keys.into_iter().map(|key| self.find_coordinator(key_type, key)).collect();
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

    fn find_coordinator(&mut self, key_type: i8, key: StrBytes) -> Coordinator {
        let found = self.coordinator_of(key_type, &key);
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

    fn coordinator_of(&self, key_type: i8, key: &str) -> Result<(NodeId, StrBytes, i32), ApiError> {
        match key_type {
            GROUP => check_group_id(key)?,
            TRANSACTION => {
                let message = "Transactions are not supported.";
                return Err(ApiError::new(ResponseError::TransactionalIdAuthorizationFailed, message));
            }
            other => {
                let message = format!("Coordinators of type {other} are not supported.");
                return Err(ApiError::new(ResponseError::InvalidRequest, message));
            }
        }
        let not_available = || {
            let message = "__consumer_offsets could not be made; it is tried again when somebody asks again.";
            ApiError::new(ResponseError::CoordinatorNotAvailable, message)
        };
        let topic = self.topics.by_name(OFFSETS_TOPIC).ok_or_else(not_available)?;
        let partition = partition_for(key, topic.partitions.len());
        let leader = topic.assignment(partition).ok_or_else(not_available)?.leader;
        let mut brokers = self.cluster_brokers();
        let Some((_, host, port)) = brokers.find(|(node_id, ..)| *node_id == leader) else {
            let message = format!("The coordinator is broker {leader}, which is not registered.");
            return Err(ApiError::new(ResponseError::CoordinatorNotAvailable, message));
        };
        Ok((leader, str_bytes(host), i32::from(port)))
    }

    /// The log that keeps a group, if this broker coordinates it.
    pub(super) fn group_log(&self, group_id: &str) -> Result<LogId, ApiError> {
        let not_here = || {
            let message = format!("This broker does not coordinate group '{group_id}'.");
            ApiError::new(ResponseError::NotCoordinator, message)
        };
        let topic = self.topics.by_name(OFFSETS_TOPIC).ok_or_else(not_here)?;
        let partition = partition_for(group_id, topic.partitions.len());
        let (log, _) = self.led_partition(Some(topic), partition).map_err(|_| not_here())?;
        if self.partitions.contains_key(&log) {
            return Ok(log);
        }
        let message = format!("{OFFSETS_TOPIC}-{partition} is still being read.");
        Err(ApiError::new(ResponseError::CoordinatorLoadInProgress, message))
    }

    /// Whether a log is one of coordinators.
    pub(in crate::broker) fn is_offsets_log(&self, log: LogId) -> bool {
        self.topics.by_name(OFFSETS_TOPIC).is_some_and(|topic| topic.id == log.topic_id)
    }
}

/// The partition that keeps a group, as Kafka has it: Java's hash of the id, made positive.
fn partition_for(group_id: &str, partitions: usize) -> i32 {
    let hash =
        group_id.encode_utf16().fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
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
