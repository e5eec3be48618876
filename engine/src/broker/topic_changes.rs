//! CreateTopics, DeleteTopics, CreatePartitions: which records a change means, or why it is refused.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::create_partitions_response::{
    CreatePartitionsResponse, CreatePartitionsTopicResult,
};
use kafka_protocol::messages::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig,
};
use kafka_protocol::messages::create_topics_response::{
    CreatableTopicConfigs, CreatableTopicResult, CreateTopicsResponse,
};
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::delete_topics_response::{DeletableTopicResult, DeleteTopicsResponse};
use kafka_protocol::messages::{
    AllocateProducerIdsResponse, ApiKey, BrokerId, BrokerRegistrationRequest, BrokerRegistrationResponse,
    CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest, IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse, TopicName,
};
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use super::alter_configs::unchanged_configs;
use super::producer_ids::BLOCK;
use super::{Broker, Context};
use crate::config::{TOPIC_KEYS, TopicConfigs};
use crate::error::ApiError;
use crate::sorted::SortedSet;
use crate::time::Now;
use crate::topic::{
    COORDINATORS_TOPICS, MetadataRecord, OFFSETS_TOPIC, TRANSACTIONS_TOPIC, check_name, partition_count,
};
use crate::types::NodeId;

/// The most partitions of a cluster: each costs some hundred bytes of memory, and a moment at the start.
const MAX_PARTITIONS: usize = 10_000;

/// A change of metadata that was asked for.
#[derive(Debug)]
pub(super) enum Change {
    CreateTopics(Context, CreateTopicsRequest),
    DeleteTopics(Context, DeleteTopicsRequest),
    CreatePartitions(Context, CreatePartitionsRequest),
    AlterConfigs(Context, IncrementalAlterConfigsRequest),
    /// A topic that Metadata was asked about and that does not exist.
    CreateAsked(String),
    /// More ids for idempotent producers of this broker.
    ReserveProducerIds,
    /// The same for another broker, by its number and epoch.
    AllocateProducerIds(Context, NodeId, i64),
    RegisterBroker(Context, BrokerRegistrationRequest),
}

/// The answer to a change, given when it has taken effect.
#[derive(Debug)]
pub(super) enum Reply {
    CreateTopics(Context, CreateTopicsResponse),
    DeleteTopics(Context, DeleteTopicsResponse),
    CreatePartitions(Context, CreatePartitionsResponse),
    AlterConfigs(Context, IncrementalAlterConfigsResponse),
    ProducerIds,
    AllocateProducerIds(Context, AllocateProducerIdsResponse),
    RegisterBroker(Context, BrokerRegistrationResponse),
    TopicAsked(String),
}

impl Broker {
    pub(super) fn handle_create_topics(&mut self, now: Now, context: Context, request: CreateTopicsRequest) {
        self.change_cluster(now, Change::CreateTopics(context, request));
    }

    pub(super) fn handle_delete_topics(&mut self, now: Now, context: Context, request: DeleteTopicsRequest) {
        self.change_cluster(now, Change::DeleteTopics(context, request));
    }

    pub(super) fn handle_create_partitions(
        &mut self,
        now: Now,
        context: Context,
        request: CreatePartitionsRequest,
    ) {
        self.change_cluster(now, Change::CreatePartitions(context, request));
    }

    /// Makes a change that a client asks for, or has the controller make it.
    pub(super) fn change_cluster(&mut self, now: Now, change: Change) {
        #[cfg(feature = "server")]
        if !self.config.is_controller() {
            return self.forward(now, change);
        }
        match self.not_controller() {
            Some(error) => self.refuse_change(now, change, &error),
            None => self.change_metadata(now, change),
        }
    }

    /// Nothing of a change that a client has asked for is made.
    pub(super) fn refuse_change(&mut self, now: Now, change: Change, error: &ApiError) {
        let reply = match change {
            Change::CreateTopics(context, request) => {
                let results = request.topics.into_iter().map(|topic| creation_result(topic.name));
                let response = CreateTopicsResponse::default().with_topics(results.collect());
                Reply::CreateTopics(context, response)
            }
            Change::DeleteTopics(context, request) => {
                let results = topics_to_delete(request).map(|asked| {
                    DeletableTopicResult::default().with_name(asked.name).with_topic_id(asked.topic_id)
                });
                let response = DeleteTopicsResponse::default().with_responses(results.collect());
                Reply::DeleteTopics(context, response)
            }
            Change::CreatePartitions(context, request) => {
                let names = request.topics.into_iter().map(|topic| topic.name);
                let results = names.map(|name| CreatePartitionsTopicResult::default().with_name(name));
                let response = CreatePartitionsResponse::default().with_results(results.collect());
                Reply::CreatePartitions(context, response)
            }
            Change::AlterConfigs(context, request) => {
                Reply::AlterConfigs(context, unchanged_configs(request))
            }
            // These no client asks for.
            Change::CreateAsked(_)
            | Change::ReserveProducerIds
            | Change::AllocateProducerIds(..)
            | Change::RegisterBroker(..) => return,
        };
        self.reply(now, reply, Some(error));
    }

    /// Makes a topic with the controller's defaults, unless that is under way.
    pub(super) fn create_asked_topic(&mut self, now: Now, name: &str) {
        if !self.config.is_controller() {
            let topic = self.asked_topic(name);
            self.create_at_controller(now, topic);
        } else if !self.changes.creates(name) {
            self.change_metadata(now, Change::CreateAsked(name.to_owned()));
        }
    }

    /// A topic of which only the name was said.
    fn asked_topic(&self, name: &str) -> CreatableTopic {
        let topic = CreatableTopic::default()
            .with_name(TopicName(StrBytes::from_string(name.to_owned())))
            .with_num_partitions(-1)
            .with_replication_factor(-1);
        let (partitions, segment_bytes) = match name {
            OFFSETS_TOPIC => {
                (self.config.offsets_topic_num_partitions(), self.config.offsets_topic_segment_bytes())
            }
            TRANSACTIONS_TOPIC => (
                self.config.transactions_topic_num_partitions(),
                self.config.transactions_topic_segment_bytes(),
            ),
            _ => return topic,
        };
        topic.with_num_partitions(partitions).with_configs(vec![
            CreatableTopicConfig::default()
                .with_name(StrBytes::from_static_str("segment.bytes"))
                .with_value(Some(StrBytes::from_string(segment_bytes.to_string()))),
        ])
    }

    /// The records that a change means, and the answer if they are committed.
    pub(super) fn plan(&mut self, change: Change) -> (Vec<MetadataRecord>, Reply) {
        let mut records = Vec::new();
        let reply = match change {
            Change::CreateTopics(context, request) => {
                Reply::CreateTopics(context, self.plan_create_topics(request, &mut records))
            }
            Change::DeleteTopics(context, request) => {
                Reply::DeleteTopics(context, self.plan_delete_topics(request, &mut records))
            }
            Change::CreatePartitions(context, request) => {
                Reply::CreatePartitions(context, self.plan_create_partitions(request, &mut records))
            }
            Change::AlterConfigs(context, request) => {
                let replaces = context.header.api == ApiKey::AlterConfigs;
                Reply::AlterConfigs(context, self.plan_alter_configs(request, replaces, &mut records))
            }
            Change::ReserveProducerIds => {
                let node_id = self.config.node_id();
                let epoch = self.registrations.get(&node_id).map_or(-1, |known| known.epoch);
                records.push(self.plan_producer_ids(node_id, epoch).0);
                Reply::ProducerIds
            }
            Change::AllocateProducerIds(context, node_id, epoch) => {
                let (record, first) = self.plan_producer_ids(node_id, epoch);
                records.push(record);
                let response = AllocateProducerIdsResponse::default()
                    .with_producer_id_start(first.into())
                    .with_producer_id_len(BLOCK);
                Reply::AllocateProducerIds(context, response)
            }
            Change::RegisterBroker(context, request) => {
                Reply::RegisterBroker(context, self.plan_registration(&request, &mut records))
            }
            Change::CreateAsked(name) => {
                match self.plan_topic(&self.asked_topic(&name), self.topics.partition_count()) {
                    Ok(planned) => records = planned.records,
                    Err(error) => {
                        self.report.refuse(&error);
                    }
                }
                Reply::TopicAsked(name)
            }
        };
        (records, reply)
    }

    fn plan_create_topics(
        &mut self,
        request: CreateTopicsRequest,
        records: &mut Vec<MetadataRecord>,
    ) -> CreateTopicsResponse {
        let repeated = repeated(request.topics.iter().map(|topic| &topic.name));
        let mut partitions = self.topics.partition_count();
        let mut results = Vec::new();
        for topic in request.topics {
            let planned = if repeated.contains(&topic.name) {
                Err(ApiError::new(ResponseError::InvalidRequest, "The request names this topic twice."))
            } else {
                self.plan_topic(&topic, partitions)
            };
            let mut result = creation_result(topic.name);
            match planned {
                Ok(planned) => {
                    partitions += usize::try_from(planned.partitions).unwrap_or(0);
                    result.topic_id = planned.id;
                    result.num_partitions = planned.partitions;
                    result.replication_factor = 1;
                    result.configs = Some(self.created_configs(&planned.configs));
                    if !request.validate_only {
                        records.extend(planned.records);
                    }
                }
                Err(error) => {
                    result.error_code = self.report.refuse(&error);
                    result.error_message = error.text();
                    result.num_partitions = -1;
                    result.replication_factor = -1;
                }
            }
            results.push(result);
        }
        CreateTopicsResponse::default().with_topics(results)
    }

    /// Checks one topic; `existing` is how many partitions there are already.
    fn plan_topic(&mut self, topic: &CreatableTopic, existing: usize) -> Result<PlannedTopic, ApiError> {
        let name = &topic.name[..];
        check_name(name).map_err(|message| ApiError::new(ResponseError::InvalidTopicException, message))?;
        if name == "__cluster_metadata" {
            let message = "__cluster_metadata is the cluster's own log.";
            return Err(ApiError::new(ResponseError::InvalidTopicException, message));
        }
        if self.topics.by_name(name).is_some() {
            let message = format!("Topic '{name}' already exists.");
            return Err(ApiError::new(ResponseError::TopicAlreadyExists, message));
        }
        let leaders = self.planned_leaders(topic, existing)?;
        let count = i32::try_from(leaders.len()).unwrap_or(i32::MAX);
        let mut configs = TopicConfigs::default();
        let mut config_records = Vec::new();
        for config in &topic.configs {
            let value = config.value.as_ref().ok_or_else(|| {
                let message = format!("Config {} has no value.", &config.name[..]);
                ApiError::new(ResponseError::InvalidConfig, message)
            })?;
            configs
                .set(&config.name, value)
                .map_err(|error| ApiError::new(ResponseError::InvalidConfig, error.to_string()))?;
            config_records.push(MetadataRecord::Config {
                topic: name.to_owned(),
                key: config.name.to_string(),
                value: Some(value.trim().to_owned()),
            });
        }
        let id = self.random.uuid();
        let mut records = vec![MetadataRecord::Topic { name: name.to_owned(), id }];
        records.extend(partition_records(id, 0, leaders));
        records.extend(config_records);
        Ok(PlannedTopic { id, partitions: count, configs, records })
    }

    /// Who leads the partitions of a new topic: who the request says, or one broker after the other. The turn goes on from
    /// topic to topic, so that topics of one partition are spread too.
    fn planned_leaders(&self, topic: &CreatableTopic, existing: usize) -> Result<Vec<NodeId>, ApiError> {
        if topic.assignments.is_empty() {
            if !matches!(topic.replication_factor, -1 | 1) {
                let message = format!(
                    "Replication factor: {} is not supported; a partition has 1 replica.",
                    topic.replication_factor
                );
                return Err(ApiError::new(ResponseError::InvalidReplicationFactor, message));
            }
            let count = match topic.num_partitions {
                -1 => self.config.num_partitions(),
                count if count > 0 => count,
                count => {
                    let message = format!("A topic has at least 1 partition, not {count}.");
                    return Err(ApiError::new(ResponseError::InvalidPartitions, message));
                }
            };
            check_room(existing, count)?;
            return Ok(self.leaders_from(existing).take(usize::try_from(count).unwrap_or(0)).collect());
        }
        if topic.num_partitions != -1 || topic.replication_factor != -1 {
            let message = "With an assignment, the numbers of partitions and replicas are left at -1.";
            return Err(ApiError::new(ResponseError::InvalidRequest, message));
        }
        let mut assignments: Vec<&CreatableReplicaAssignment> = topic.assignments.iter().collect();
        assignments.sort_unstable_by_key(|assignment| assignment.partition_index);
        let count = i32::try_from(assignments.len()).unwrap_or(i32::MAX);
        if !assignments.iter().map(|assignment| assignment.partition_index).eq(0..count) {
            let message = "The partitions of an assignment are numbered from 0, each once.";
            return Err(ApiError::new(ResponseError::InvalidReplicaAssignment, message));
        }
        check_room(existing, count)?;
        assignments.iter().map(|assignment| self.check_replicas(&assignment.broker_ids)).collect()
    }

    /// The leader that an assignment means.
    fn check_replicas(&self, replicas: &[BrokerId]) -> Result<NodeId, ApiError> {
        let message = match *replicas {
            [BrokerId(asked)] if self.cluster_brokers().any(|(node_id, ..)| node_id == asked) => {
                return Ok(asked);
            }
            [BrokerId(asked)] => format!("There is no broker {asked}."),
            _ => format!("A partition has one replica, not {}.", replicas.len()),
        };
        Err(ApiError::new(ResponseError::InvalidReplicaAssignment, message))
    }

    fn created_configs(&self, configs: &TopicConfigs) -> Vec<CreatableTopicConfigs> {
        let described = TOPIC_KEYS.iter().map(|key| {
            let (value, source) = configs.value(key, &self.config);
            CreatableTopicConfigs::default()
                .with_name(StrBytes::from_static_str(key.name))
                .with_value(Some(StrBytes::from_string(value.to_owned())))
                .with_config_source(source as i8)
        });
        described.collect()
    }

    fn plan_delete_topics(
        &mut self,
        request: DeleteTopicsRequest,
        records: &mut Vec<MetadataRecord>,
    ) -> DeleteTopicsResponse {
        let mut results = Vec::new();
        let mut removed = SortedSet::new();
        for asked in topics_to_delete(request) {
            let (known, unknown) = match &asked.name {
                Some(name) => (self.topics.by_name(name), ResponseError::UnknownTopicOrPartition),
                None => (self.topics.by_id(asked.topic_id), ResponseError::UnknownTopicId),
            };
            let mut result =
                DeletableTopicResult::default().with_name(asked.name).with_topic_id(asked.topic_id);
            match known {
                _ if !self.config.delete_topics() => {
                    let message = "delete.topic.enable is false.";
                    let error = ApiError::new(ResponseError::TopicDeletionDisabled, message);
                    result.error_code = self.report.refuse(&error);
                    result.error_message = error.text();
                }
                Some(topic) if topic.is_internal() => {
                    let error = internal("deleted");
                    result.error_code = self.report.refuse(&error);
                    result.error_message = error.text();
                }
                Some(topic) => {
                    result.name = Some(TopicName(StrBytes::from_string(topic.name.clone())));
                    result.topic_id = topic.id;
                    if removed.insert(topic.id) {
                        records.push(MetadataRecord::RemoveTopic { id: topic.id });
                    }
                }
                None => {
                    let error = ApiError::new(unknown, "There is no such topic.");
                    result.error_code = self.report.refuse(&error);
                    result.error_message = error.text();
                }
            }
            results.push(result);
        }
        DeleteTopicsResponse::default().with_responses(results)
    }

    fn plan_create_partitions(
        &mut self,
        request: CreatePartitionsRequest,
        records: &mut Vec<MetadataRecord>,
    ) -> CreatePartitionsResponse {
        let repeated = repeated(request.topics.iter().map(|topic| &topic.name));
        let mut existing = self.topics.partition_count();
        let mut results = Vec::new();
        for topic in request.topics {
            let planned = if repeated.contains(&topic.name) {
                Err(ApiError::new(ResponseError::InvalidRequest, "The request names this topic twice."))
            } else {
                self.plan_partitions(&topic, existing)
            };
            let mut result = CreatePartitionsTopicResult::default().with_name(topic.name);
            match planned {
                Ok(planned) if request.validate_only => drop(planned),
                Ok(planned) => {
                    existing += planned.len();
                    records.extend(planned);
                }
                Err(error) => {
                    result.error_code = self.report.refuse(&error);
                    result.error_message = error.text();
                }
            }
            results.push(result);
        }
        CreatePartitionsResponse::default().with_results(results)
    }

    fn plan_partitions(
        &self,
        asked: &CreatePartitionsTopic,
        existing: usize,
    ) -> Result<Vec<MetadataRecord>, ApiError> {
        let Some(topic) = self.topics.by_name(&asked.name) else {
            return Err(ApiError::new(ResponseError::UnknownTopicOrPartition, "There is no such topic."));
        };
        if topic.is_internal() {
            return Err(internal("given more partitions"));
        }
        let present = partition_count(topic);
        if asked.count <= present {
            let message = format!(
                "Topic '{}' has {present} partitions; it can only get more, and {} is not more.",
                topic.name, asked.count
            );
            return Err(ApiError::new(ResponseError::InvalidPartitions, message));
        }
        let new = asked.count - present;
        check_room(existing, new)?;
        let leaders = match &asked.assignments {
            Some(assignments) if i32::try_from(assignments.len()) != Ok(new) => {
                let message = "An assignment names the replicas of each new partition.";
                return Err(ApiError::new(ResponseError::InvalidReplicaAssignment, message));
            }
            Some(assignments) => {
                let leaders =
                    assignments.iter().map(|assignment| self.check_replicas(&assignment.broker_ids));
                leaders.collect::<Result<_, _>>()?
            }
            None => {
                // The turn is that of the broker behind the one that leads the last partition.
                let last = topic.partitions.last().map_or(-1, |assignment| assignment.leader);
                let start = self.cluster_brokers().take_while(|(node_id, ..)| *node_id <= last).count();
                self.leaders_from(start).take(usize::try_from(new).unwrap_or(0)).collect()
            }
        };
        Ok(partition_records(topic.id, present, leaders).collect())
    }

    /// Gives the answer to a change; `error` if it could not be stored, which then holds for all that was accepted.
    pub(super) fn reply(&mut self, now: Now, reply: Reply, error: Option<&ApiError>) {
        if let Some(error) = error {
            self.report.refuse(error);
        }
        let failed = error.map(|error| (error.error.code(), error.text()));
        // A client's may have been passed on by another broker, behind whose Fetch for metadata the answer stands.
        #[cfg(feature = "server")]
        if let Reply::CreateTopics(context, _)
        | Reply::DeleteTopics(context, _)
        | Reply::CreatePartitions(context, _)
        | Reply::AlterConfigs(context, _) = &reply
        {
            self.hurry_fetches(now, context.connection);
        }
        match reply {
            Reply::CreateTopics(context, mut response) => {
                if let Some((code, text)) = failed {
                    for topic in response.topics.iter_mut().filter(|topic| topic.error_code == 0) {
                        topic.error_code = code;
                        topic.error_message.clone_from(&text);
                    }
                }
                self.respond(context, &response);
                // Another broker may have asked for a topic of coordinators that somebody waits for here.
                let names = response.topics.iter().map(|topic| &topic.name[..]);
                for name in names.filter(|name| COORDINATORS_TOPICS.contains(name)) {
                    self.coordinators_topic_settled(now, name);
                }
            }
            Reply::DeleteTopics(context, mut response) => {
                if let Some((code, text)) = failed {
                    for topic in response.responses.iter_mut().filter(|topic| topic.error_code == 0) {
                        topic.error_code = code;
                        topic.error_message.clone_from(&text);
                    }
                }
                self.respond(context, &response);
            }
            Reply::CreatePartitions(context, mut response) => {
                if let Some((code, text)) = failed {
                    for topic in response.results.iter_mut().filter(|topic| topic.error_code == 0) {
                        topic.error_code = code;
                        topic.error_message.clone_from(&text);
                    }
                }
                self.respond(context, &response);
            }
            Reply::AlterConfigs(context, mut response) => {
                if let Some((code, text)) = failed {
                    for resource in response.responses.iter_mut().filter(|answer| answer.error_code == 0) {
                        resource.error_code = code;
                        resource.error_message.clone_from(&text);
                    }
                }
                self.answer_alter_configs(context, response);
            }
            Reply::AllocateProducerIds(context, mut response) => {
                response.error_code = failed.map_or(0, |(code, _)| code);
                self.respond(context, &response);
            }
            Reply::RegisterBroker(context, mut response) => {
                if let Some((code, _)) = failed {
                    response.error_code = code;
                }
                self.respond(context, &response);
            }
            Reply::ProducerIds => self.producer_ids_reserved(now, error),
            Reply::TopicAsked(name) => self.coordinators_topic_settled(now, &name),
        }
    }
}

/// The result of a topic of which nothing went wrong. The message that stands for an error is empty by default, which clients take for
/// one.
fn creation_result(name: TopicName) -> CreatableTopicResult {
    CreatableTopicResult::default().with_name(name).with_error_message(None)
}

struct PlannedTopic {
    id: Uuid,
    partitions: i32,
    configs: TopicConfigs,
    records: Vec<MetadataRecord>,
}

/// Partitions from number `first` on, with these leaders.
fn partition_records(
    topic_id: Uuid,
    first: i32,
    leaders: Vec<NodeId>,
) -> impl Iterator<Item = MetadataRecord> {
    (first..).zip(leaders).map(move |(partition, leader)| MetadataRecord::Partition {
        partition,
        topic_id,
        leader,
        leader_epoch: 0,
    })
}

/// The topics of a request, which up to version 5 are names only.
pub(super) fn topics_to_delete(request: DeleteTopicsRequest) -> impl Iterator<Item = DeleteTopicState> {
    let named = request.topic_names.into_iter();
    named.map(|name| DeleteTopicState::default().with_name(Some(name))).chain(request.topics)
}

/// Groups and transactional ids lie in the partitions of the coordinators' topics by how many there are, and go with them.
fn internal(what: &str) -> ApiError {
    let [groups, transactions] = COORDINATORS_TOPICS;
    let message =
        format!("{groups} holds the groups, {transactions} the transactions; they cannot be {what}.");
    ApiError::new(ResponseError::InvalidTopicException, message)
}

fn check_room(existing: usize, new: i32) -> Result<(), ApiError> {
    if existing.saturating_add(usize::try_from(new).unwrap_or(0)) <= MAX_PARTITIONS {
        return Ok(());
    }
    let message =
        format!("The cluster has {existing} partitions; with {new} more it would exceed {MAX_PARTITIONS}.");
    Err(ApiError::new(ResponseError::InvalidPartitions, message))
}

/// The names that stand more than once.
fn repeated<'a>(names: impl Iterator<Item = &'a TopicName>) -> SortedSet<TopicName> {
    let mut seen = SortedSet::new();
    names.filter(|&name| !seen.insert(name.clone())).cloned().collect()
}
