//! Messages to bytes and back. What a broker sends is checked before it is decoded, so that no answer can make the
//! decoder ask for more memory than the answer is long.

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::{RequestHeader, TopicName};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes};

use crate::error::{ClientError, code};

mod shape;

/// A request as a frame without its length.
pub(crate) fn encode<R: Request>(
    request: &R,
    version: i16,
    correlation_id: i32,
    client_id: &str,
) -> Result<Bytes, ClientError> {
    let header = RequestHeader::default()
        .with_request_api_key(R::KEY)
        .with_request_api_version(version)
        .with_correlation_id(correlation_id)
        .with_client_id(Some(text(client_id)));
    let header_version = R::header_version(version);
    let refused = |error| ClientError::ours(code::INVALID_REQUEST, format!("It cannot be encoded: {error}."));
    let size = header.compute_size(header_version).map_err(refused)?
        + request.compute_size(version).map_err(refused)?;
    let mut frame = BytesMut::with_capacity(size);
    header.encode(&mut frame, header_version).map_err(refused)?;
    request.encode(&mut frame, version).map_err(refused)?;
    Ok(frame.freeze())
}

/// The correlation id that a frame begins with.
pub(crate) fn correlation_id(frame: &[u8]) -> Option<i32> {
    Some(i32::from_be_bytes(frame.get(..4)?.try_into().ok()?))
}

/// The answer to a request of type `R`, out of a whole frame.
pub(crate) fn decode<R: Request>(mut frame: Bytes, version: i16) -> Result<R::Response, ClientError> {
    let mut header = 4;
    if R::Response::header_version(version) >= 1 {
        header += shape::tagged_fields(frame.get(4..).unwrap_or_default())
            .ok_or_else(|| ClientError::malformed("its header is cut off"))?;
    }
    if frame.len() < header {
        return Err(ClientError::malformed("its header is cut off"));
    }
    let mut body = frame.split_off(header);
    if !shape::fits(R::KEY, version, &body) {
        return Err(ClientError::malformed("its length and its content do not go together"));
    }
    R::Response::decode(&mut body, version).map_err(|error| ClientError::malformed(&error.to_string()))
}

/// A text in the form that the messages take.
pub(crate) fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

/// A topic's name in the form that the messages take.
pub(crate) fn topic_name(name: &str) -> TopicName {
    TopicName(text(name))
}
