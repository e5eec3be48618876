//! ListConfigResources: what has configs that can be asked for (KIP-1142).

use kafka_protocol::ResponseError;
use kafka_protocol::messages::list_config_resources_response::ConfigResource;
use kafka_protocol::messages::{ListConfigResourcesRequest, ListConfigResourcesResponse};
use kafka_protocol::protocol::StrBytes;

use super::super::describe_configs::{BROKER, BROKER_LOGGER, TOPIC};
use super::super::{Broker, Context};
use crate::error::ApiError;

/// Metrics that clients are asked for (KIP-714), and groups (KIP-848): none has configs here.
const CLIENT_METRICS: i8 = 16;
const GROUP: i8 = 32;
const KNOWN: [i8; 5] = [TOPIC, BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP];

impl Broker {
    pub(super) fn handle_list_config_resources(
        &mut self,
        context: Context,
        request: &ListConfigResourcesRequest,
    ) {
        let mut response = ListConfigResourcesResponse::default();
        if let Some(unknown) = request.resource_types.iter().find(|kind| !KNOWN.contains(kind)) {
            let message = format!("Resources of type {unknown} have no configs.");
            let error = ApiError::new(ResponseError::UnsupportedVersion, message);
            response.error_code = self.report.refuse(&error);
            return self.respond(context, &response);
        }
        let wanted = |kind: i8| match context.header.version {
            // It meant the metrics of clients only.
            0 => kind == CLIENT_METRICS,
            _ => request.resource_types.is_empty() || request.resource_types.contains(&kind),
        };
        let resource = |kind: i8, name: String| {
            ConfigResource::default().with_resource_type(kind).with_resource_name(StrBytes::from_string(name))
        };
        if wanted(TOPIC) {
            let topics = self.topics.iter().map(|topic| resource(TOPIC, topic.name.clone()));
            response.config_resources.extend(topics);
        }
        for kind in [BROKER, BROKER_LOGGER] {
            if wanted(kind) {
                let brokers = self.cluster_brokers().map(|(node_id, ..)| resource(kind, node_id.to_string()));
                response.config_resources.extend(brokers);
            }
        }
        self.respond(context, &response);
    }
}
