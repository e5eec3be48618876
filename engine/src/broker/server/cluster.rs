//! DescribeCluster: the brokers and the controller (KIP-700, KIP-919).

use kafka_protocol::ResponseError;
use kafka_protocol::messages::describe_cluster_response::DescribeClusterBroker;
use kafka_protocol::messages::{BrokerId, DescribeClusterRequest, DescribeClusterResponse};
use kafka_protocol::protocol::StrBytes;

use super::super::operations::{CLUSTER_OPERATIONS, operations};
use super::super::{Broker, Context};
use crate::error::ApiError;

const BROKERS: i8 = 1;
const CONTROLLERS: i8 = 2;

impl Broker {
    pub(super) fn handle_describe_cluster(&mut self, context: Context, request: &DescribeClusterRequest) {
        let asked = if context.header.version >= 1 { request.endpoint_type } else { BROKERS };
        let checked = match asked {
            BROKERS => Ok(()),
            CONTROLLERS => {
                let message = "This is a broker's endpoint, not a controller's.";
                Err(ApiError::new(ResponseError::MismatchedEndpointType, message))
            }
            other => {
                let message = format!("Endpoints are of type 1 or 2, not {other}.");
                Err(ApiError::new(ResponseError::UnsupportedEndpointType, message))
            }
        };
        let described = checked.is_ok();
        let (code, text) = self.outcome(checked);
        let mut response = DescribeClusterResponse::default()
            .with_error_code(code)
            .with_error_message(text)
            .with_endpoint_type(asked)
            .with_cluster_authorized_operations(operations(
                request.include_cluster_authorized_operations,
                CLUSTER_OPERATIONS,
            ));
        if described {
            let brokers = self.cluster_brokers_for(context.connection).map(|(node_id, host, port)| {
                DescribeClusterBroker::default()
                    .with_broker_id(BrokerId(node_id))
                    .with_host(host)
                    .with_port(port)
            });
            response.brokers = brokers.collect();
            response.cluster_id = StrBytes::from_string(self.config.cluster_id().to_owned());
            response.controller_id = BrokerId(self.config.controller_id());
        }
        self.respond(context, &response);
    }
}
