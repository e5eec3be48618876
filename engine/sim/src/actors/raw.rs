//! Requests of Kafka's protocol as frames, for actors that are not clients of the client crate.

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::{ApiKey, RequestHeader, ResponseHeader};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};

pub(crate) use super::host::{HOST, PORT};

/// A request as a frame; none if it cannot be encoded in that version.
pub(super) fn request<R: Encodable>(
    api: ApiKey,
    version: i16,
    correlation_id: i32,
    request: &R,
) -> Option<Bytes> {
    let mut frame = BytesMut::new();
    RequestHeader::default()
        .with_request_api_key(api as i16)
        .with_request_api_version(version)
        .with_correlation_id(correlation_id)
        .with_client_id(Some(StrBytes::from_static_str("simulated")))
        .encode(&mut frame, api.request_header_version(version))
        .ok()?;
    request.encode(&mut frame, version).ok()?;
    Some(frame.freeze())
}

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

/// The correlation id of an answer.
pub(super) fn correlation_id(frame: &[u8]) -> Option<i32> {
    Some(i32::from_be_bytes(frame.get(..4)?.try_into().ok()?))
}
