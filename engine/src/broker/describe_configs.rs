//! DescribeConfigs: what a topic or the broker is set to, and where that comes from (KIP-133, KIP-226).

use kafka_protocol::ResponseError;
use kafka_protocol::messages::DescribeConfigsRequest;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResponse, DescribeConfigsResult, DescribeConfigsSynonym,
};
use kafka_protocol::protocol::StrBytes;

use super::{Broker, Context};
use crate::config::{BROKER_KEYS, ConfigKey, Source, TOPIC_KEYS, broker_key};
use crate::error::ApiError;

// The numbers that Kafka gives what has configs.
pub(super) const TOPIC: i8 = 2;
pub(super) const BROKER: i8 = 4;
pub(super) const BROKER_LOGGER: i8 = 8;

// The numbers that it gives the kinds of values (KIP-569).
/// Broker keys without a default of their own in Kafka.
const WITHOUT_DEFAULT: [&str; 3] = ["log.retention.ms", "log.roll.ms", "log.flush.interval.ms"];
const INT_TYPE: i8 = 3;
const LIST_TYPE: i8 = 7;

impl Broker {
    pub(super) fn handle_describe_configs(&mut self, context: Context, request: DescribeConfigsRequest) {
        let options = (request.include_synonyms, request.include_documentation);
        let mut results = Vec::new();
        for resource in request.resources {
            let described = self.describe_resource(&resource, options);
            let mut result = DescribeConfigsResult::default()
                .with_error_message(None)
                .with_resource_type(resource.resource_type)
                .with_resource_name(resource.resource_name);
            match described {
                Ok(configs) => result.configs = configs,
                Err(error) => {
                    result.error_code = self.report.refuse(&error);
                    result.error_message = error.text();
                }
            }
            results.push(result);
        }
        self.respond(context, &DescribeConfigsResponse::default().with_results(results));
    }

    fn describe_resource(
        &self,
        resource: &DescribeConfigsResource,
        options: (bool, bool),
    ) -> Result<Vec<DescribeConfigsResourceResult>, ApiError> {
        let wanted = |key: &&ConfigKey| match &resource.configuration_keys {
            Some(keys) => keys.iter().any(|wanted| &wanted[..] == key.name),
            None => true,
        };
        match resource.resource_type {
            TOPIC => {
                let topic = self.topics.by_name(&resource.resource_name).ok_or_else(|| {
                    ApiError::new(ResponseError::UnknownTopicOrPartition, "There is no such topic.")
                })?;
                let described = TOPIC_KEYS.iter().filter(wanted).map(|key| {
                    let (value, source) = topic.configs.value(key, &self.config);
                    let mut result = described(key, value, source, options);
                    if options.0 {
                        result.synonyms = self.topic_synonyms(key, value, source);
                    }
                    result
                });
                Ok(described.collect())
            }
            BROKER => {
                let name = self.config.node_id().to_string();
                // Without a number it is what was set for all brokers while the cluster ran, and no more.
                let of_all = resource.resource_name.is_empty();
                if resource.resource_name[..] != name && !of_all {
                    let message = format!("This is broker {name}, not {}.", &resource.resource_name[..]);
                    return Err(ApiError::new(ResponseError::InvalidRequest, message));
                }
                let told = move |source: Source| !of_all || source == Source::DynamicDefault;
                let described = BROKER_KEYS.iter().filter(wanted).filter_map(|key| {
                    let (value, source) = self.config.values(key).find(|(_, source)| told(*source))?;
                    let mut result = described(key, value, source, options).with_read_only(!key.is_dynamic());
                    if options.0 {
                        let synonyms = self.config.values(key).filter(|(_, source)| told(*source));
                        result.synonyms =
                            synonyms.map(|(value, source)| synonym(key.name, value, source)).collect();
                    }
                    Some(result)
                });
                let mut described: Vec<_> = described.collect();
                if of_all {
                    return Ok(described);
                }
                let fixed = self.fixed_configs();
                described.extend(fixed.into_iter().filter(|fixed| match &resource.configuration_keys {
                    Some(keys) => keys.contains(&fixed.name),
                    None => true,
                }));
                Ok(described)
            }
            BROKER_LOGGER => {
                let message = "What a broker tells has no levels that could be set.";
                Err(ApiError::new(ResponseError::InvalidRequest, message))
            }
            other => {
                let message = format!("Resources of type {other} have no configs here.");
                Err(ApiError::new(ResponseError::InvalidRequest, message))
            }
        }
    }

    /// What a broker is told at its start besides its configs, under the names that Kafka's have.
    fn fixed_configs(&self) -> [DescribeConfigsResourceResult; 2] {
        let (node_id, host, port) = (self.config.node_id(), self.config.host(), self.config.port());
        let fixed = |name: &str, value: String, kind: i8| {
            DescribeConfigsResourceResult::default()
                .with_name(text(name))
                .with_value(Some(StrBytes::from_string(value)))
                .with_config_source(Source::Broker as i8)
                .with_read_only(true)
                .with_config_type(kind)
        };
        [
            fixed("advertised.listeners", format!("PLAINTEXT://{host}:{port}"), LIST_TYPE),
            fixed("node.id", node_id.to_string(), INT_TYPE),
        ]
    }

    /// The values that a topic's config is chosen from, the one in force first. As in Kafka without the default of keys whose
    /// default is that of another one there, such as `log.retention.hours`.
    fn topic_synonyms(&self, key: &ConfigKey, value: &str, source: Source) -> Vec<DescribeConfigsSynonym> {
        let own = (source == Source::Topic).then(|| synonym(key.name, value, Source::Topic));
        let inherited = key.synonym.and_then(broker_key);
        let inherited = inherited.into_iter().flat_map(|key| self.broker_synonyms(key));
        let told = inherited.filter(|synonym| {
            synonym.source != Source::Default as i8 || !WITHOUT_DEFAULT.contains(&synonym.name.as_str())
        });
        own.into_iter().chain(told).collect()
    }

    fn broker_synonyms<'a>(
        &'a self,
        key: &'a ConfigKey,
    ) -> impl Iterator<Item = DescribeConfigsSynonym> + use<'a> {
        self.config.values(key).map(|(value, source)| synonym(key.name, value, source))
    }
}

fn synonym(name: &str, value: &str, source: Source) -> DescribeConfigsSynonym {
    DescribeConfigsSynonym::default()
        .with_name(text(name))
        .with_value(Some(text(value)))
        .with_source(source as i8)
}

fn described(
    key: &ConfigKey,
    value: &str,
    source: Source,
    (_, documentation): (bool, bool),
) -> DescribeConfigsResourceResult {
    DescribeConfigsResourceResult::default()
        .with_name(text(key.name))
        .with_value(Some(text(value)))
        .with_config_source(source as i8)
        .with_config_type(key.type_code())
        .with_documentation(documentation.then(|| text(key.documentation)))
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}
