//! Making, changing, deleting and looking at topics and groups.

use std::collections::VecDeque;
use std::sync::Arc;

use headwater_engine::{Now, Offset, TopicPartition};
use kafka_protocol::messages::{
    CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest, DescribeConfigsRequest,
    IncrementalAlterConfigsRequest, MetadataRequest,
};

use crate::config::ClientConfig;
use crate::consumer::StartOffset;
use crate::error::{ClientError, code};
use crate::metadata::Metadata;
use crate::network::{Address, Answer, Network};
use headwater_engine::sorted::SortedMap;

mod groups;
mod list_groups;
mod messages;
mod offsets;

use groups::GroupOperation;
pub use groups::{GroupDescription, GroupMember, GroupOffset};
pub use list_groups::GroupListing;
use list_groups::ListedBroker;

/// Names a request to the admin.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AdminRequestId(pub u64);

/// A topic to make.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewTopic {
    /// Its name.
    pub name: String,
    /// How many partitions; -1: as the broker has it.
    pub partitions: i32,
    /// How many replicas of each; -1: as the broker has it.
    pub replication_factor: i16,
    /// Configs by Kafka's keys.
    pub configs: Vec<(String, String)>,
}

/// Which offset of a partition is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OffsetSpec {
    /// The first.
    Earliest,
    /// The one after the last.
    Latest,
    /// The first of this time or later, in milliseconds since 1970.
    Timestamp(i64),
}

impl OffsetSpec {
    fn wire(self) -> i64 {
        match self {
            OffsetSpec::Earliest => StartOffset::Earliest.wire(),
            OffsetSpec::Latest => StartOffset::Latest.wire(),
            OffsetSpec::Timestamp(timestamp) => StartOffset::Timestamp(timestamp).wire(),
        }
    }
}

/// An answer to an [`OffsetSpec`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListedOffset {
    /// The partition.
    pub topic_partition: TopicPartition,
    /// The offset; none if there is no record of that time or later.
    pub result: Result<Option<Offset>, ClientError>,
}

/// A config's value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfigEntry {
    /// Kafka's key.
    pub name: String,
    /// The value; none where it is not told.
    pub value: Option<String>,
    /// Whether it is set on the topic itself.
    pub is_set: bool,
    /// Whether it cannot be changed.
    pub read_only: bool,
}

/// A broker.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BrokerListing {
    /// Its id.
    pub node_id: i32,
    /// Where it is reached.
    pub address: Address,
}

/// A topic.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TopicListing {
    /// Its name.
    pub name: String,
    /// Whether it is one of Kafka's own.
    pub is_internal: bool,
    /// The leader of each partition, by index; none where there is no leader now.
    pub leaders: Vec<Option<i32>>,
    /// Why it cannot be used, if so.
    pub error: Option<ClientError>,
}

/// All brokers and topics.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Listing {
    /// The brokers.
    pub brokers: Vec<BrokerListing>,
    /// The controller's id, if there is one.
    pub controller: Option<i32>,
    /// The topics.
    pub topics: Vec<TopicListing>,
}

/// What an admin request gives.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AdminReply {
    /// For each topic that was to be made, deleted or changed, whether it was.
    Topics(Vec<(String, Result<(), ClientError>)>),
    /// A topic's configs.
    Configs(Vec<ConfigEntry>),
    /// All brokers and topics.
    Listing(Listing),
    /// Offsets, in the order in which they were asked for. Where records were deleted: where the partition begins now.
    Offsets(Vec<ListedOffset>),
    /// The groups of the cluster.
    Groups(Vec<GroupListing>),
    /// A group.
    Group(GroupDescription),
    /// What a group has committed.
    GroupOffsets(Vec<GroupOffset>),
    /// For each partition, whether it was done.
    Partitions(Vec<(TopicPartition, Result<(), ClientError>)>),
    /// It is done.
    Done,
}

#[derive(Debug)]
enum Operation {
    CreateTopics(Vec<NewTopic>),
    DeleteTopics(Vec<String>),
    CreatePartitions(String, i32),
    DescribeTopicConfigs(String),
    ListTopics,
    ListOffsets(Vec<offsets::Asked>),
    DeleteRecords(Vec<offsets::Asked>),
    AlterTopicConfigs(String, Vec<(String, Option<String>)>),
    /// Every broker is asked for the groups that it coordinates.
    ListGroups(Vec<ListedBroker>),
    /// The coordinator of the group is asked.
    Group(GroupOperation),
}

#[derive(Debug)]
struct Pending {
    operation: Operation,
    deadline_ms: u64,
    not_before_ms: u64,
    /// Requests without an answer.
    in_flight: usize,
    /// Why it was not done so far.
    last_error: Option<ClientError>,
}

/// Requests that may wait at a time.
const MAX_PENDING: usize = 1_000;

#[derive(Debug)]
pub(crate) struct Admin {
    config: Arc<ClientConfig>,
    pending: SortedMap<u64, Pending>,
    /// By tag: the request, and which of its offsets.
    requests: SortedMap<u64, (u64, Vec<usize>)>,
    results: VecDeque<(AdminRequestId, Result<AdminReply, ClientError>)>,
    next_id: u64,
    next_tag: u64,
    driven_ms: u64,
}

impl Admin {
    pub(crate) fn new(config: Arc<ClientConfig>) -> Admin {
        Admin {
            config,
            pending: SortedMap::new(),
            requests: SortedMap::new(),
            results: VecDeque::new(),
            next_id: 0,
            next_tag: 0,
            driven_ms: 0,
        }
    }

    pub(crate) fn create_topics(&mut self, now: Now, topics: Vec<NewTopic>) -> AdminRequestId {
        self.submit(now, Operation::CreateTopics(topics))
    }

    pub(crate) fn delete_topics(&mut self, now: Now, names: Vec<String>) -> AdminRequestId {
        self.submit(now, Operation::DeleteTopics(names))
    }

    pub(crate) fn create_partitions(&mut self, now: Now, topic: &str, count: i32) -> AdminRequestId {
        self.submit(now, Operation::CreatePartitions(topic.to_owned(), count))
    }

    pub(crate) fn describe_topic_configs(&mut self, now: Now, topic: &str) -> AdminRequestId {
        self.submit(now, Operation::DescribeTopicConfigs(topic.to_owned()))
    }

    pub(crate) fn list_topics(&mut self, now: Now) -> AdminRequestId {
        self.submit(now, Operation::ListTopics)
    }

    pub(crate) fn list_offsets(
        &mut self,
        now: Now,
        partitions: Vec<(TopicPartition, OffsetSpec)>,
    ) -> AdminRequestId {
        self.submit(now, Operation::ListOffsets(partitions.into_iter().map(offsets::Asked::new).collect()))
    }

    pub(crate) fn delete_records(
        &mut self,
        now: Now,
        partitions: Vec<(TopicPartition, Offset)>,
    ) -> AdminRequestId {
        let asked = partitions.into_iter().map(offsets::Asked::delete_before);
        self.submit(now, Operation::DeleteRecords(asked.collect()))
    }

    pub(crate) fn alter_topic_configs(
        &mut self,
        now: Now,
        topic: &str,
        configs: Vec<(String, Option<String>)>,
    ) -> AdminRequestId {
        self.submit(now, Operation::AlterTopicConfigs(topic.to_owned(), configs))
    }

    fn submit(&mut self, now: Now, operation: Operation) -> AdminRequestId {
        let id = self.next_id;
        self.next_id += 1;
        if self.pending.len() >= MAX_PENDING {
            self.finish(id, Err(ClientError::aborted("Too many requests wait already.")));
            return AdminRequestId(id);
        }
        let pending = Pending {
            operation,
            deadline_ms: now.monotonic_ms + self.config.default_api_timeout_ms,
            not_before_ms: 0,
            in_flight: 0,
            last_error: None,
        };
        self.pending.insert(id, pending);
        AdminRequestId(id)
    }

    fn finish(&mut self, id: u64, result: Result<AdminReply, ClientError>) {
        self.pending.remove(&id);
        self.results.push_back((AdminRequestId(id), result));
    }

    pub(crate) fn poll_result(&mut self) -> Option<(AdminRequestId, Result<AdminReply, ClientError>)> {
        self.results.pop_front()
    }

    pub(crate) fn handle_timeout(&mut self, now: Now) {
        let late = self.pending.iter().filter(|(_, pending)| pending.deadline_ms <= now.monotonic_ms);
        for id in late.map(|(id, _)| *id).collect::<Vec<_>>() {
            let last = self.pending.get_mut(&id).and_then(|pending| pending.last_error.take());
            let message = match last {
                Some(last) => format!("It was not done in time. The last attempt: {}", last.message),
                None => "It was not done in time: no broker answered.".to_owned(),
            };
            self.finish(id, Err(ClientError::ours(code::REQUEST_TIMED_OUT, message)));
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<u64> {
        let deadlines = self.pending.values().map(|pending| pending.deadline_ms);
        let waits = self.pending.values().filter(|pending| pending.in_flight == 0);
        let backoffs = waits.map(|pending| pending.not_before_ms).filter(|at| *at > self.driven_ms);
        deadlines.chain(backoffs).min()
    }

    pub(crate) fn drive(&mut self, now: Now, network: &mut Network, metadata: &mut Metadata) {
        self.driven_ms = now.monotonic_ms;
        let due =
            self.pending.iter().filter(|(_, p)| p.in_flight == 0 && p.not_before_ms <= now.monotonic_ms);
        for id in due.map(|(id, _)| *id).collect::<Vec<_>>() {
            match self.pending.get(&id).map(|pending| &pending.operation) {
                Some(Operation::ListOffsets(_) | Operation::DeleteRecords(_)) => {
                    self.send_offsets(now, id, network, metadata);
                }
                Some(Operation::ListGroups(_)) => self.send_list_groups(now, id, network, metadata),
                Some(Operation::Group(group)) if group.asks_leaders() => {
                    self.send_offsets(now, id, network, metadata);
                }
                Some(Operation::Group(_)) => self.send_to_coordinator(now, id, network, metadata),
                _ => self.send_simple(now, id, network, metadata),
            }
        }
    }

    /// Sends an operation that is one request to one broker.
    fn send_simple(&mut self, now: Now, id: u64, network: &mut Network, metadata: &mut Metadata) {
        let Some(pending) = self.pending.get_mut(&id) else { return };
        let controller =
            !matches!(pending.operation, Operation::ListTopics | Operation::DescribeTopicConfigs(_));
        let address = if controller {
            let lane = self.config.lane_of_changes();
            let address = metadata.controller().map(|address| address.on_lane(lane));
            address.filter(|address| network.ready(address))
        } else {
            metadata.any_broker(now, network)
        };
        let Some(address) = address else { return };
        let tag = self.next_tag;
        let to = messages::To { now, address: &address, tag, timeout_ms: self.config.request_timeout_ms };
        match messages::send(&pending.operation, &to, network) {
            Ok(()) => {
                pending.in_flight = 1;
                self.requests.insert(tag, (id, Vec::new()));
                self.next_tag += 1;
            }
            Err(error) => self.finish(id, Err(error)),
        }
    }

    pub(crate) fn handle_answer(&mut self, now: Now, answer: Answer, metadata: &mut Metadata) {
        let Some((id, indices)) = self.requests.remove(&answer.tag) else { return };
        let Some(pending) = self.pending.get_mut(&id) else { return };
        pending.in_flight -= 1;
        let reply = match &mut pending.operation {
            Operation::CreateTopics(_) => {
                answer.decode::<CreateTopicsRequest>().map(|r| messages::created(&r))
            }
            Operation::DeleteTopics(_) => {
                answer.decode::<DeleteTopicsRequest>().map(|r| messages::deleted(&r))
            }
            Operation::CreatePartitions(..) => {
                answer.decode::<CreatePartitionsRequest>().map(|r| messages::partitions_created(&r))
            }
            Operation::DescribeTopicConfigs(_) => {
                answer.decode::<DescribeConfigsRequest>().and_then(messages::configs)
            }
            Operation::ListTopics => answer.decode::<MetadataRequest>().map(|r| messages::listing(&r)),
            Operation::AlterTopicConfigs(..) => {
                answer.decode::<IncrementalAlterConfigsRequest>().and_then(|r| messages::configs_altered(&r))
            }
            Operation::ListOffsets(asked) | Operation::DeleteRecords(asked) => {
                offsets::take(asked, &indices, answer);
                self.offsets_answered(now, id, metadata);
                return;
            }
            Operation::ListGroups(brokers) => {
                list_groups::take_listed(brokers, &indices, answer);
                self.groups_listed(now, id);
                return;
            }
            Operation::Group(group) => {
                if let Some(asked) = group.asked_of_leaders() {
                    offsets::take(asked, &indices, answer);
                    self.offsets_answered(now, id, metadata);
                } else {
                    let step = group.take(answer);
                    self.coordinator_answered(now, id, step);
                }
                return;
            }
        };
        match reply {
            Ok(AdminReply::Topics(topics)) => {
                metadata.request_update();
                let moved = |(_, result): &(String, Result<(), ClientError>)| {
                    result.as_ref().is_err_and(|error| error.code == Some(code::NOT_CONTROLLER))
                };
                match topics.iter().find(|topic| moved(topic)) {
                    Some((_, Err(error))) => self.again(now, id, error.clone()),
                    _ => self.finish(id, Ok(AdminReply::Topics(topics))),
                }
            }
            Ok(reply) => self.finish(id, Ok(reply)),
            Err(error) if error.retriable => {
                metadata.request_update();
                self.again(now, id, error);
            }
            Err(error) => self.finish(id, Err(error)),
        }
    }

    fn again(&mut self, now: Now, id: u64, error: ClientError) {
        if let Some(pending) = self.pending.get_mut(&id) {
            pending.not_before_ms = now.monotonic_ms + self.config.retry_backoff_ms;
            pending.last_error = Some(error);
        }
    }
}
