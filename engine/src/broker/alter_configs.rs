//! IncrementalAlterConfigs: configs of a topic that exists are set and taken back, each by itself (KIP-339).

use kafka_protocol::ResponseError;
use kafka_protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use kafka_protocol::messages::incremental_alter_configs_response::AlterConfigsResourceResponse;
use kafka_protocol::messages::{IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse};

use super::describe_configs::TOPIC;
use super::topic_changes::{Change, Reply};
use super::{Broker, Context};
use crate::config::topic_key;
use crate::error::ApiError;
use crate::sorted::SortedSet;
use crate::time::Now;
use crate::topic::MetadataRecord;

const SET: i8 = 0;
const DELETE: i8 = 1;

impl Broker {
    pub(super) fn handle_alter_configs(
        &mut self,
        now: Now,
        context: Context,
        request: IncrementalAlterConfigsRequest,
    ) {
        if let Some(error) = self.not_controller() {
            let responses = request.resources.into_iter().map(answer);
            let response = IncrementalAlterConfigsResponse::default().with_responses(responses.collect());
            return self.reply(now, Reply::AlterConfigs(context, response), Some(&error));
        }
        self.change_metadata(now, Change::AlterConfigs(context, request));
    }

    /// The records that a request means. Of each resource all or nothing is changed.
    pub(super) fn plan_alter_configs(
        &mut self,
        request: IncrementalAlterConfigsRequest,
        records: &mut Vec<MetadataRecord>,
    ) -> IncrementalAlterConfigsResponse {
        let mut named = SortedSet::new();
        let mut responses = Vec::new();
        for resource in request.resources {
            let planned = if named.insert((resource.resource_type, resource.resource_name.clone())) {
                self.plan_resource(&resource)
            } else {
                let message = "The request names this resource twice.";
                Err(ApiError::new(ResponseError::InvalidRequest, message))
            };
            let mut response = answer(resource);
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

    fn plan_resource(&self, resource: &AlterConfigsResource) -> Result<Vec<MetadataRecord>, ApiError> {
        if resource.resource_type != TOPIC {
            let message = "Only the configs of topics can be changed; a broker gets its own when it starts.";
            return Err(ApiError::new(ResponseError::InvalidRequest, message));
        }
        let topic = self.topics.by_name(&resource.resource_name).ok_or_else(|| {
            ApiError::new(ResponseError::UnknownTopicOrPartition, "There is no such topic.")
        })?;
        if topic.is_internal() {
            let message = "The broker itself keeps the configs of its internal topics.";
            return Err(ApiError::new(ResponseError::InvalidTopicException, message));
        }
        let mut named = SortedSet::new();
        let changed = resource.configs.iter().map(|config| {
            if !named.insert(&config.name) {
                let message = format!("The request names config {} twice.", &config.name[..]);
                return Err(ApiError::new(ResponseError::InvalidRequest, message));
            }
            let (key, value) = (config.name.to_string(), new_value(config)?);
            Ok(MetadataRecord::Config { topic: topic.name.clone(), key, value })
        });
        changed.collect()
    }
}

fn answer(resource: AlterConfigsResource) -> AlterConfigsResourceResponse {
    AlterConfigsResourceResponse::default()
        .with_resource_type(resource.resource_type)
        .with_resource_name(resource.resource_name)
}

/// What a config is set to; none if it is taken back.
fn new_value(config: &AlterableConfig) -> Result<Option<String>, ApiError> {
    let name = &config.name[..];
    let invalid = |message: String| ApiError::new(ResponseError::InvalidConfig, message);
    let key = topic_key(name).ok_or_else(|| invalid(format!("Unknown config {name}.")))?;
    match (config.config_operation, &config.value) {
        (SET, Some(value)) => {
            key.check(value).map_err(|error| invalid(error.to_string()))?;
            Ok(Some(value.trim().to_owned()))
        }
        (SET, None) => Err(invalid(format!("Config {name} has no value."))),
        (DELETE, _) => Ok(None),
        _ => Err(invalid(format!("Config {name} can be set and taken back; it is no list that grows."))),
    }
}
