//! Frames of Kafka's protocol, as the world looks into them.

use bytes::Bytes;
use kafka_protocol::messages::{ApiKey, RequestHeader, ResponseHeader};
use kafka_protocol::protocol::Decodable;

pub(crate) use super::host::{PORT, host_of};

/// An answer's correlation id and body; none if it is not one.
pub(crate) fn response<R: Decodable>(api: ApiKey, version: i16, mut frame: Bytes) -> Option<(i32, R)> {
    let header = ResponseHeader::decode(&mut frame, api.response_header_version(version)).ok()?;
    let body = R::decode(&mut frame, version).ok()?;
    frame.is_empty().then_some((header.correlation_id, body))
}

/// A request's body; none if it is not one.
pub(crate) fn decode_request<R: Decodable>(api: ApiKey, version: i16, mut frame: Bytes) -> Option<R> {
    RequestHeader::decode(&mut frame, api.request_header_version(version)).ok()?;
    R::decode(&mut frame, version).ok()
}
