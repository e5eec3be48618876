//! The other side of the protocol: what a broker asks of another, and the answers it gets.

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::{RequestHeader, ResponseHeader};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes};

use super::shape;

/// A request's frame.
pub(crate) fn encode_request<R: Request>(
    request: &R,
    version: i16,
    correlation_id: i32,
    client_id: &str,
) -> Result<Bytes, String> {
    let header = RequestHeader::default()
        .with_request_api_key(R::KEY)
        .with_request_api_version(version)
        .with_correlation_id(correlation_id)
        .with_client_id(Some(StrBytes::from_string(client_id.to_owned())));
    let mut frame = BytesMut::new();
    header.encode(&mut frame, R::header_version(version)).map_err(|error| error.to_string())?;
    request.encode(&mut frame, version).map_err(|error| error.to_string())?;
    Ok(frame.freeze())
}

/// The answer in a frame, which has to be to that request, in that version.
pub(crate) fn decode_answer<R: Request>(
    mut frame: Bytes,
    version: i16,
    correlation_id: i32,
) -> Result<R::Response, String> {
    let answered = frame.first_chunk().map(|bytes| i32::from_be_bytes(*bytes));
    if answered != Some(correlation_id) {
        return Err(format!("it is not the answer to request {correlation_id}"));
    }
    let header_version = R::Response::header_version(version);
    // The flexible header has tagged fields, of which none is known.
    if header_version >= 1 && frame.get(4) != Some(&0) {
        return Err("its header cannot be read".to_owned());
    }
    ResponseHeader::decode(&mut frame, header_version).map_err(|error| error.to_string())?;
    shape::check_answer(R::KEY, version, &frame).map_err(|error| error.to_string())?;
    R::Response::decode(&mut frame, version).map_err(|error| error.to_string())
}
