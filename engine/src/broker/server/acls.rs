//! Access control: no authorizer is configured, which is what Kafka's brokers without one answer too.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::create_acls_response::AclCreationResult;
use kafka_protocol::messages::delete_acls_response::DeleteAclsFilterResult;
use kafka_protocol::messages::{
    CreateAclsRequest, CreateAclsResponse, DeleteAclsRequest, DeleteAclsResponse, DescribeAclsResponse,
};
use kafka_protocol::protocol::StrBytes;

use super::super::{Broker, Context};
use crate::error::ApiError;

impl Broker {
    pub(super) fn handle_describe_acls(&mut self, context: Context) {
        let (code, text) = self.no_authorizer();
        let response = DescribeAclsResponse::default().with_error_code(code).with_error_message(text);
        self.respond(context, &response);
    }

    pub(super) fn handle_create_acls(&mut self, context: Context, request: &CreateAclsRequest) {
        let results = request.creations.iter().map(|_| {
            let (code, text) = self.no_authorizer();
            AclCreationResult::default().with_error_code(code).with_error_message(text)
        });
        let response = CreateAclsResponse::default().with_results(results.collect());
        self.respond(context, &response);
    }

    pub(super) fn handle_delete_acls(&mut self, context: Context, request: &DeleteAclsRequest) {
        let results = request.filters.iter().map(|_| {
            let (code, text) = self.no_authorizer();
            DeleteAclsFilterResult::default().with_error_code(code).with_error_message(text)
        });
        let response = DeleteAclsResponse::default().with_filter_results(results.collect());
        self.respond(context, &response);
    }

    fn no_authorizer(&mut self) -> (i16, Option<StrBytes>) {
        let message = "No authorizer is configured: everybody may do everything.";
        self.outcome(Err(ApiError::new(ResponseError::SecurityDisabled, message)))
    }
}
