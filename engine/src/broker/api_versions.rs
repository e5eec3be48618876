//! ApiVersions: what can be asked here (KIP-35, KIP-511).

use kafka_protocol::ResponseError;
use kafka_protocol::messages::ApiKey;
use kafka_protocol::messages::api_versions_response::{ApiVersion, ApiVersionsResponse};

use super::{Broker, Context};
use crate::protocol::{Header, Supported, all_supported};
use crate::types::ConnectionId;

impl Broker {
    pub(super) fn handle_api_versions(&mut self, context: Context) {
        self.respond(context, &response(all_supported()));
    }

    /// A version of ApiVersions that is not known is answered all the same, in version 0, so that the client learns
    /// which one to use. Returns whether the request was one.
    pub(super) fn answer_unknown_api_versions(&mut self, connection: ConnectionId, header: Header) -> bool {
        if header.api != ApiKey::ApiVersions {
            return false;
        }
        let context = self.connections.admit(connection, header);
        let itself = all_supported().filter(|supported| supported.api == ApiKey::ApiVersions);
        let response = response(itself).with_error_code(ResponseError::UnsupportedVersion.code());
        self.respond_in_version(context, 0, &response);
        true
    }
}

fn response(apis: impl Iterator<Item = &'static Supported>) -> ApiVersionsResponse {
    let apis = apis.map(|supported| {
        ApiVersion::default()
            .with_api_key(supported.api as i16)
            .with_min_version(supported.advertised_min_version)
            .with_max_version(supported.max_version)
    });
    ApiVersionsResponse::default().with_api_keys(apis.collect())
}
