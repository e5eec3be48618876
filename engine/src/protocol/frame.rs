use std::fmt;

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::{
    AddOffsetsToTxnRequest, AddPartitionsToTxnRequest, AllocateProducerIdsRequest, AlterConfigsRequest,
    ApiKey, ApiVersionsRequest, BrokerRegistrationRequest, CreatePartitionsRequest, CreateTopicsRequest,
    DeleteGroupsRequest, DeleteRecordsRequest, DeleteTopicsRequest, DescribeConfigsRequest,
    DescribeGroupsRequest, DescribeProducersRequest, DescribeTransactionsRequest, EndTxnRequest,
    FetchRequest, FindCoordinatorRequest, HeartbeatRequest, IncrementalAlterConfigsRequest,
    InitProducerIdRequest, JoinGroupRequest, LeaveGroupRequest, ListGroupsRequest, ListOffsetsRequest,
    ListTransactionsRequest, MetadataRequest, OffsetCommitRequest, OffsetDeleteRequest, OffsetFetchRequest,
    ProduceRequest, RequestHeader, ResponseHeader, SyncGroupRequest, TxnOffsetCommitRequest,
    WriteTxnMarkersRequest,
};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};

#[cfg(feature = "server")]
use super::server::{self, ServerRequest};
use super::shape::{self, ShapeError};
use super::versions::supported_api;

/// A decoded request.
#[derive(Debug)]
pub(crate) enum Request {
    Produce(ProduceRequest),
    Fetch(FetchRequest),
    ListOffsets(ListOffsetsRequest),
    Metadata(MetadataRequest),
    ApiVersions,
    CreateTopics(CreateTopicsRequest),
    DeleteTopics(DeleteTopicsRequest),
    DeleteRecords(DeleteRecordsRequest),
    AlterConfigs(AlterConfigsRequest),
    IncrementalAlterConfigs(IncrementalAlterConfigsRequest),
    DescribeConfigs(DescribeConfigsRequest),
    CreatePartitions(CreatePartitionsRequest),
    InitProducerId(InitProducerIdRequest),
    BrokerRegistration(BrokerRegistrationRequest),
    AllocateProducerIds(AllocateProducerIdsRequest),
    FindCoordinator(FindCoordinatorRequest),
    /// With the client id of the request's header.
    JoinGroup(JoinGroupRequest, StrBytes),
    SyncGroup(SyncGroupRequest),
    Heartbeat(HeartbeatRequest),
    LeaveGroup(LeaveGroupRequest),
    OffsetCommit(OffsetCommitRequest),
    OffsetFetch(OffsetFetchRequest),
    DescribeGroups(DescribeGroupsRequest),
    ListGroups(ListGroupsRequest),
    DeleteGroups(DeleteGroupsRequest),
    OffsetDelete(OffsetDeleteRequest),
    WriteTxnMarkers(WriteTxnMarkersRequest),
    TxnOffsetCommit(TxnOffsetCommitRequest),
    DescribeProducers(DescribeProducersRequest),
    AddPartitionsToTxn(AddPartitionsToTxnRequest),
    AddOffsetsToTxn(AddOffsetsToTxnRequest),
    EndTxn(EndTxnRequest),
    DescribeTransactions(DescribeTransactionsRequest),
    ListTransactions(ListTransactionsRequest),
    #[cfg(feature = "server")]
    Server(ServerRequest),
}

/// What an answer needs of its request's header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Header {
    pub(crate) api: ApiKey,
    pub(crate) version: i16,
    pub(crate) correlation_id: i32,
}

/// Why a frame is not a request that can be answered.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub(crate) enum FrameError {
    /// Shorter than any request's header.
    TooShort(usize),
    /// No request that this broker answers has this number.
    UnknownApi(i16),
    /// The request exists, the version does not.
    UnsupportedVersion(Header),
    /// The bytes do not follow the schema of the request.
    Malformed { api: ApiKey, version: i16, why: Why },
}

/// What is wrong with a malformed request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Why {
    Header,
    Shape(ShapeError),
    Decoder(String),
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FrameError::TooShort(size) => {
                write!(f, "A frame of {size} bytes is too short to be a Kafka request.")
            }
            FrameError::UnknownApi(key) => {
                write!(f, "A frame asks for request type {key}, which is not supported.")
            }
            FrameError::UnsupportedVersion(header) => {
                write!(f, "Version {} of {:?} is not supported.", header.version, header.api)
            }
            FrameError::Malformed { api, version, why } => {
                write!(f, "A frame says it is {api:?} version {version}, but ")?;
                match why {
                    Why::Header => f.write_str("its header cannot be read."),
                    Why::Shape(error) => write!(f, "{error}."),
                    Why::Decoder(error) => write!(f, "it cannot be read: {error}."),
                }
            }
        }
    }
}

/// A frame's header and request.
pub(crate) fn decode_request(mut frame: Bytes) -> Result<(Header, Request), FrameError> {
    let header = peek_header(&frame)?;
    let malformed = |why| FrameError::Malformed { api: header.api, version: header.version, why };
    if !has_readable_header(&frame, header) {
        return Err(malformed(Why::Header));
    }
    let head = RequestHeader::decode(&mut frame, header.api.request_header_version(header.version))
        .map_err(|_| malformed(Why::Header))?;
    shape::check(header.api, header.version, &frame).map_err(|error| malformed(Why::Shape(error)))?;
    let client_id = head.client_id.unwrap_or_default();
    let request =
        decode_body(header, client_id, &mut frame).map_err(|error| malformed(Why::Decoder(error)))?;
    Ok((header, request))
}

/// The fields of a header that stand at fixed places.
fn peek_header(frame: &[u8]) -> Result<Header, FrameError> {
    let [a, b, c, d, e, f, g, h, ..] = *frame else {
        return Err(FrameError::TooShort(frame.len()));
    };
    let key = i16::from_be_bytes([a, b]);
    let version = i16::from_be_bytes([c, d]);
    let correlation_id = i32::from_be_bytes([e, f, g, h]);
    let supported = supported_api(key).ok_or(FrameError::UnknownApi(key))?;
    let header = Header { api: supported.api, version, correlation_id };
    if (supported.min_version..=supported.max_version).contains(&version) {
        return Ok(header);
    }
    Err(FrameError::UnsupportedVersion(header))
}

/// Whether the client id's length is one that the decoder can take.
fn has_readable_header(frame: &[u8], header: Header) -> bool {
    let fixed = 8 + size_of::<i16>();
    frame.len() >= fixed && i32::from(header.version) >= 0 && {
        let length = i16::from_be_bytes([frame[8], frame[9]]);
        length >= -1 && fixed + usize::from(length.max(0).unsigned_abs()) <= frame.len()
    }
}

/// How the client calls itself that has sent a request's frame, from its header (`client_id`, KIP-482's versions alike);
/// empty where it says nothing, or nothing readable.
#[must_use]
pub fn request_client_id(frame: &[u8]) -> &str {
    let after = frame.get(8..).and_then(|rest| rest.split_first_chunk());
    let text =
        after.and_then(|(length, rest)| rest.get(..usize::try_from(i16::from_be_bytes(*length)).ok()?));
    text.and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default()
}

fn decode_body(header: Header, client_id: StrBytes, body: &mut Bytes) -> Result<Request, String> {
    #[cfg(feature = "server")]
    if let Some(request) = server::decode_body(header, body) {
        return request.map(Request::Server);
    }
    let version = header.version;
    Ok(match header.api {
        ApiKey::Produce => Request::Produce(decode(body, version)?),
        ApiKey::Fetch => Request::Fetch(decode(body, version)?),
        ApiKey::ListOffsets => Request::ListOffsets(decode(body, version)?),
        ApiKey::Metadata => Request::Metadata(decode(body, version)?),
        ApiKey::CreateTopics => Request::CreateTopics(decode(body, version)?),
        ApiKey::DeleteTopics => Request::DeleteTopics(decode(body, version)?),
        ApiKey::IncrementalAlterConfigs => Request::IncrementalAlterConfigs(decode(body, version)?),
        ApiKey::AlterConfigs => Request::AlterConfigs(decode(body, version)?),
        ApiKey::DeleteRecords => Request::DeleteRecords(decode(body, version)?),
        ApiKey::DescribeConfigs => Request::DescribeConfigs(decode(body, version)?),
        ApiKey::InitProducerId => Request::InitProducerId(decode(body, version)?),
        ApiKey::CreatePartitions => Request::CreatePartitions(decode(body, version)?),
        ApiKey::BrokerRegistration => Request::BrokerRegistration(decode(body, version)?),
        ApiKey::AllocateProducerIds => Request::AllocateProducerIds(decode(body, version)?),
        ApiKey::FindCoordinator => Request::FindCoordinator(decode(body, version)?),
        ApiKey::JoinGroup => Request::JoinGroup(decode(body, version)?, client_id),
        ApiKey::SyncGroup => Request::SyncGroup(decode(body, version)?),
        ApiKey::Heartbeat => Request::Heartbeat(decode(body, version)?),
        ApiKey::LeaveGroup => Request::LeaveGroup(decode(body, version)?),
        ApiKey::OffsetCommit => Request::OffsetCommit(decode(body, version)?),
        ApiKey::OffsetFetch => Request::OffsetFetch(decode(body, version)?),
        ApiKey::DescribeGroups => Request::DescribeGroups(decode(body, version)?),
        ApiKey::ListGroups => Request::ListGroups(decode(body, version)?),
        ApiKey::DeleteGroups => Request::DeleteGroups(decode(body, version)?),
        ApiKey::OffsetDelete => Request::OffsetDelete(decode(body, version)?),
        ApiKey::TxnOffsetCommit => Request::TxnOffsetCommit(decode(body, version)?),
        ApiKey::WriteTxnMarkers => Request::WriteTxnMarkers(decode(body, version)?),
        ApiKey::DescribeProducers => Request::DescribeProducers(decode(body, version)?),
        ApiKey::AddPartitionsToTxn => Request::AddPartitionsToTxn(decode(body, version)?),
        ApiKey::AddOffsetsToTxn => Request::AddOffsetsToTxn(decode(body, version)?),
        ApiKey::EndTxn => Request::EndTxn(decode(body, version)?),
        ApiKey::DescribeTransactions => Request::DescribeTransactions(decode(body, version)?),
        ApiKey::ListTransactions => Request::ListTransactions(decode(body, version)?),
        _ => {
            decode::<ApiVersionsRequest>(body, version)?;
            Request::ApiVersions
        }
    })
}

pub(super) fn decode<T: Decodable>(body: &mut Bytes, version: i16) -> Result<T, String> {
    T::decode(body, version).map_err(|error| error.to_string())
}

/// An answer's frame. `version` is that of its body, which for ApiVersions need not be the request's.
///
/// The answers that this broker makes can all be encoded; should one not be, the caller closes the connection.
pub(crate) fn encode_response<R: Encodable>(
    header: Header,
    version: i16,
    response: &R,
) -> Result<Bytes, String> {
    let header_version = header.api.response_header_version(version);
    let response_header = ResponseHeader::default().with_correlation_id(header.correlation_id);
    let mut size = response.compute_size(version).map_err(|error| error.to_string())?;
    size += response_header.compute_size(header_version).map_err(|error| error.to_string())?;
    let mut frame = BytesMut::with_capacity(size);
    response_header.encode(&mut frame, header_version).map_err(|error| error.to_string())?;
    response.encode(&mut frame, version).map_err(|error| error.to_string())?;
    Ok(frame.freeze())
}
