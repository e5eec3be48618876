//! Configs of topics, and of brokers while they run (KIP-226): IncrementalAlterConfigs sets and takes back each by itself
//! (KIP-339); AlterConfigs says all that is set, and takes the rest back (KIP-133).

use kafka_protocol::ResponseError;
#[cfg(feature = "server")]
use kafka_protocol::messages::alter_configs_request::{
    AlterConfigsResource as ReplacingResource, AlterableConfig as ReplacingConfig,
};
use kafka_protocol::messages::alter_configs_response::AlterConfigsResourceResponse as LegacyResourceResponse;
use kafka_protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use kafka_protocol::messages::incremental_alter_configs_response::AlterConfigsResourceResponse;
use kafka_protocol::messages::{
    AlterConfigsRequest, AlterConfigsResponse, ApiKey, IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse,
};

use super::describe_configs::{BROKER, BROKER_LOGGER, TOPIC};
use super::topic_changes::Change;
use super::{Broker, Context};
use crate::config::{ConfigKey, broker_key, topic_key};
use crate::error::ApiError;
use crate::sorted::SortedSet;
use crate::time::Now;
use crate::topic::{MetadataRecord, Topic};
use crate::types::NodeId;

const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

/// What has configs.
#[derive(Clone, Copy)]
enum Resource<'a> {
    Topic(&'a Topic),
    /// One, or all.
    Broker(Option<NodeId>),
}

impl Broker {
    pub(super) fn handle_alter_configs(&mut self, now: Now, context: Context, request: AlterConfigsRequest) {
        self.change_cluster(now, Change::AlterConfigs(context, as_incremental(request)));
    }

    pub(super) fn handle_incremental_alter_configs(
        &mut self,
        now: Now,
        context: Context,
        request: IncrementalAlterConfigsRequest,
    ) {
        self.change_cluster(now, Change::AlterConfigs(context, request));
    }

    /// The answer in the form of the request.
    pub(super) fn answer_alter_configs(
        &mut self,
        context: Context,
        response: IncrementalAlterConfigsResponse,
    ) {
        if context.header.api != ApiKey::AlterConfigs {
            return self.respond(context, &response);
        }
        let responses = response.responses.into_iter().map(|response| {
            LegacyResourceResponse::default()
                .with_error_code(response.error_code)
                .with_error_message(response.error_message)
                .with_resource_type(response.resource_type)
                .with_resource_name(response.resource_name)
        });
        self.respond(context, &AlterConfigsResponse::default().with_responses(responses.collect()));
    }

    /// The records that a request means. Of each resource all or nothing is changed; `replaces` takes back what is set and
    /// not named.
    pub(super) fn plan_alter_configs(
        &mut self,
        request: IncrementalAlterConfigsRequest,
        replaces: bool,
        records: &mut Vec<MetadataRecord>,
    ) -> IncrementalAlterConfigsResponse {
        let mut named = SortedSet::new();
        let mut responses = Vec::new();
        for resource in request.resources {
            let planned = if named.insert((resource.resource_type, resource.resource_name.clone())) {
                self.plan_resource(&resource, replaces)
            } else {
                let message = "The request names this resource twice.";
                Err(ApiError::new(ResponseError::InvalidRequest, message))
            };
            let mut response = answer(resource).with_error_message(None);
            match planned {
                Ok(planned) if !request.validate_only => records.extend(planned),
                Ok(_) => {}
                Err(error) => {
                    response.error_code = self.report.refuse(&error);
                    response.error_message = error.text();
                }
            }
            responses.push(response);
        }
        IncrementalAlterConfigsResponse::default().with_responses(responses)
    }

    fn plan_resource(
        &self,
        asked: &AlterConfigsResource,
        replaces: bool,
    ) -> Result<Vec<MetadataRecord>, ApiError> {
        let resource = self.find_resource(asked.resource_type, &asked.resource_name)?;
        let mut records = Vec::new();
        let mut named = SortedSet::new();
        for config in &asked.configs {
            if !named.insert(&config.name[..]) {
                let message = format!("The request names config {} twice.", &config.name[..]);
                return Err(ApiError::new(ResponseError::InvalidRequest, message));
            }
            let key = resource.key(&config.name)?;
            let value = new_value(key, config, self.value_in_force(resource, key))?;
            records.push(resource.record(key.name, value));
        }
        if replaces {
            let set = self.set_on(resource).filter(|key| !named.contains(key));
            records.extend(set.map(|key| resource.record(key, None)));
        }
        Ok(records)
    }

    fn find_resource(&self, kind: i8, name: &str) -> Result<Resource<'_>, ApiError> {
        let invalid = |message: String| Err(ApiError::new(ResponseError::InvalidRequest, message));
        match kind {
            TOPIC => {
                let topic = self.topics.by_name(name).ok_or_else(|| {
                    ApiError::new(ResponseError::UnknownTopicOrPartition, "There is no such topic.")
                })?;
                if topic.is_internal() {
                    let message = "The broker itself keeps the configs of its internal topics.";
                    return Err(ApiError::new(ResponseError::InvalidTopicException, message));
                }
                Ok(Resource::Topic(topic))
            }
            BROKER if name.is_empty() => Ok(Resource::Broker(None)),
            BROKER => match name.parse() {
                Ok(asked) if self.cluster_brokers().any(|(node_id, ..)| node_id == asked) => {
                    Ok(Resource::Broker(Some(asked)))
                }
                _ => invalid(format!("There is no broker {name}.")),
            },
            BROKER_LOGGER => invalid("What a broker tells has no levels that could be set.".to_owned()),
            _ => invalid(format!("Resources of type {kind} have no configs here.")),
        }
    }

    /// What a list grows from. As in Kafka that is what was set on the broker while it ran, or the default.
    fn value_in_force<'a>(&'a self, resource: Resource<'a>, key: &'a ConfigKey) -> &'a str {
        match resource {
            Resource::Topic(topic) => topic.configs.value(key, &self.config).0,
            Resource::Broker(broker) => {
                let mut set = self.config.dynamic(broker);
                set.find(|(name, _)| *name == key.name).map_or(key.default, |(_, value)| value)
            }
        }
    }

    /// The keys that are set on the resource itself.
    fn set_on<'a>(&'a self, resource: Resource<'a>) -> impl Iterator<Item = &'a str> {
        let (topic, broker) = match resource {
            Resource::Topic(topic) => (Some(topic.configs.iter()), None),
            Resource::Broker(broker) => (None, Some(self.config.dynamic(broker))),
        };
        let pairs = topic.into_iter().flatten().chain(broker.into_iter().flatten());
        pairs.map(|(key, _)| key)
    }
}

impl Resource<'_> {
    fn key(self, name: &str) -> Result<&'static ConfigKey, ApiError> {
        let known = match self {
            Resource::Topic(_) => topic_key(name),
            Resource::Broker(_) => broker_key(name),
        };
        let key = known.ok_or_else(|| invalid_config(format!("Unknown config {name}.")))?;
        if matches!(self, Resource::Broker(_)) && !key.is_dynamic() {
            let message =
                format!("Config {name} is given to a broker when it starts, and cannot be changed.");
            return Err(ApiError::new(ResponseError::InvalidRequest, message));
        }
        Ok(key)
    }

    fn record(self, key: &str, value: Option<String>) -> MetadataRecord {
        let key = key.to_owned();
        match self {
            Resource::Topic(topic) => MetadataRecord::Config { topic: topic.name.clone(), key, value },
            Resource::Broker(broker) => MetadataRecord::BrokerConfig { broker, key, value },
        }
    }
}

/// What is said of all configs of each resource, as if of each config by itself.
fn as_incremental(request: AlterConfigsRequest) -> IncrementalAlterConfigsRequest {
    let resources = request.resources.into_iter().map(|resource| {
        let configs = resource.configs.into_iter().map(|config| {
            AlterableConfig::default()
                .with_name(config.name)
                .with_config_operation(SET)
                .with_value(config.value)
        });
        AlterConfigsResource::default()
            .with_resource_type(resource.resource_type)
            .with_resource_name(resource.resource_name)
            .with_configs(configs.collect())
    });
    IncrementalAlterConfigsRequest::default()
        .with_resources(resources.collect())
        .with_validate_only(request.validate_only)
}

/// The same request as AlterConfigs has it; what is done with each value it does not say.
#[cfg(feature = "server")]
pub(super) fn as_replacing(request: &IncrementalAlterConfigsRequest) -> AlterConfigsRequest {
    let resources = request.resources.iter().map(|resource| {
        let configs = resource.configs.iter().map(|config| {
            ReplacingConfig::default().with_name(config.name.clone()).with_value(config.value.clone())
        });
        ReplacingResource::default()
            .with_resource_type(resource.resource_type)
            .with_resource_name(resource.resource_name.clone())
            .with_configs(configs.collect())
    });
    AlterConfigsRequest::default()
        .with_resources(resources.collect())
        .with_validate_only(request.validate_only)
}

/// The answer to a request of which nothing was done, without the reason.
pub(super) fn unchanged_configs(request: IncrementalAlterConfigsRequest) -> IncrementalAlterConfigsResponse {
    let responses = request.resources.into_iter().map(answer);
    IncrementalAlterConfigsResponse::default().with_responses(responses.collect())
}

fn answer(resource: AlterConfigsResource) -> AlterConfigsResourceResponse {
    AlterConfigsResourceResponse::default()
        .with_resource_type(resource.resource_type)
        .with_resource_name(resource.resource_name)
}

fn invalid_config(message: String) -> ApiError {
    ApiError::new(ResponseError::InvalidConfig, message)
}

/// What a config is set to; none if it is taken back.
fn new_value(key: &ConfigKey, config: &AlterableConfig, current: &str) -> Result<Option<String>, ApiError> {
    let name = key.name;
    let checked = |value: String| match key.check(&value) {
        Ok(()) => Ok(Some(value)),
        Err(error) => Err(invalid_config(error.to_string())),
    };
    match (config.config_operation, &config.value) {
        (DELETE, _) => Ok(None),
        (SET..=SUBTRACT, None) => Err(invalid_config(format!("Config {name} has no value."))),
        (SET, Some(value)) => checked(value.trim().to_owned()),
        (operation @ (APPEND | SUBTRACT), Some(value)) if key.is_list() => {
            let changed: Vec<&str> = value.split(',').map(str::trim).collect();
            let mut items: Vec<&str> = current.split(',').filter(|item| !item.is_empty()).collect();
            items.retain(|item| !changed.contains(item));
            if operation == APPEND {
                items.extend(changed);
            }
            checked(items.join(","))
        }
        _ => {
            Err(invalid_config(format!("Config {name} can be set and taken back; it is no list that grows.")))
        }
    }
}
