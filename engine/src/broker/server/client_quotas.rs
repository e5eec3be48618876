//! Quotas of clients and features of the cluster: there are none that could be set, and that is what is answered.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::alter_client_quotas_response::{EntityData, EntryData};
use kafka_protocol::messages::update_features_response::UpdatableFeatureResult;
use kafka_protocol::messages::{
    AlterClientQuotasRequest, AlterClientQuotasResponse, DescribeClientQuotasResponse, UpdateFeaturesRequest,
    UpdateFeaturesResponse,
};

use super::super::{Broker, Context};
use crate::error::ApiError;

/// The first version of UpdateFeatures that has no result for each feature.
const FIRST_WITH_ONE_RESULT: i16 = 2;

impl Broker {
    /// None is set (KIP-546).
    pub(super) fn handle_describe_client_quotas(&mut self, context: Context) {
        let response =
            DescribeClientQuotasResponse::default().with_error_message(None).with_entries(Some(Vec::new()));
        self.respond(context, &response);
    }

    pub(super) fn handle_alter_client_quotas(&mut self, context: Context, request: AlterClientQuotasRequest) {
        let mut response = AlterClientQuotasResponse::default();
        for entry in request.entries {
            let message = "Quotas are not kept here: no client is slowed down.";
            let (code, text) = self.outcome(Err(ApiError::new(ResponseError::UnsupportedVersion, message)));
            let entity = entry.entity.into_iter().map(|entity| {
                EntityData::default()
                    .with_entity_type(entity.entity_type)
                    .with_entity_name(entity.entity_name)
            });
            response.entries.push(
                EntryData::default()
                    .with_error_code(code)
                    .with_error_message(text)
                    .with_entity(entity.collect()),
            );
        }
        self.respond(context, &response);
    }

    /// No feature has a version that a person could raise (KIP-584).
    pub(super) fn handle_update_features(&mut self, context: Context, request: UpdateFeaturesRequest) {
        let mut response = UpdateFeaturesResponse::default().with_error_message(None);
        for update in request.feature_updates {
            let message = format!("There is no feature {} here.", &update.feature[..]);
            let refused = Err(ApiError::new(ResponseError::InvalidUpdateVersion, message));
            let (code, text) = self.outcome(refused);
            if context.header.version >= FIRST_WITH_ONE_RESULT {
                (response.error_code, response.error_message) = (code, text);
                break;
            }
            let result = UpdatableFeatureResult::default().with_feature(update.feature);
            response.results.push(result.with_error_code(code).with_error_message(text));
        }
        self.respond(context, &response);
    }
}
