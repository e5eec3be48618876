//! The records of `__consumer_offsets`, in Kafka's own form: the version first, then the fields in the encoding before KIP-482
//! (`OffsetCommitKey`, `OffsetCommitValue`, `GroupMetadataKey` and `GroupMetadataValue` of Kafka's group coordinator).

use bytes::Bytes;

use crate::fields::{Fields, RecordError, put_length, put_nullable_text, put_text};
use crate::types::Offset;

const OFFSET_KEY_VERSION: i16 = 1;
const GROUP_KEY_VERSION: i16 = 2;
const GROUP_VALUE_VERSION: i16 = 3;
/// With the leader epoch (KIP-320).
const OFFSET_VALUE_VERSION: i16 = 3;
/// The version that has a time of its own at which the offset expires.
const EXPIRING_OFFSET_VALUE_VERSION: i16 = 1;

/// What the log of a coordinator says of its groups.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum OffsetsRecord {
    /// The offset that a group has committed for a partition; none deletes it.
    Offset { group_id: String, topic: String, partition: i32, committed: Option<Committed> },
    /// A generation, with the time in ms of the change; none deletes the group.
    Group { group_id: String, metadata: Option<(GroupMetadata, i64)> },
}

/// How far a group has read a partition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Committed {
    /// The offset of the next record to read.
    pub(crate) offset: Offset,
    /// That of the last record read; -1 if it is not known (KIP-320).
    pub(crate) leader_epoch: i32,
    /// Whatever the consumer wants to keep with it.
    pub(crate) metadata: String,
    pub(crate) commit_timestamp: i64,
    /// Set by clients before KIP-211, which say themselves how long an offset is kept.
    pub(crate) expire_timestamp: Option<i64>,
}

/// A generation of a group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct GroupMetadata {
    pub(crate) protocol_type: String,
    pub(crate) generation: i32,
    pub(crate) protocol: Option<String>,
    pub(crate) leader: Option<String>,
    pub(crate) members: Vec<MemberMetadata>,
}

/// A member of a generation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct MemberMetadata {
    pub(crate) id: String,
    pub(crate) instance_id: Option<String>,
    pub(crate) client_id: String,
    pub(crate) client_host: String,
    pub(crate) rebalance_timeout_ms: i32,
    pub(crate) session_timeout_ms: i32,
    pub(crate) subscription: Bytes,
    pub(crate) assignment: Bytes,
}

impl OffsetsRecord {
    pub(crate) fn group_id(&self) -> &str {
        match self {
            OffsetsRecord::Offset { group_id, .. } | OffsetsRecord::Group { group_id, .. } => group_id,
        }
    }

    pub(crate) fn encode_key(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            OffsetsRecord::Offset { group_id, topic, partition, .. } => {
                out.extend(OFFSET_KEY_VERSION.to_be_bytes());
                put_text(&mut out, group_id);
                put_text(&mut out, topic);
                out.extend(partition.to_be_bytes());
            }
            OffsetsRecord::Group { group_id, .. } => {
                out.extend(GROUP_KEY_VERSION.to_be_bytes());
                put_text(&mut out, group_id);
            }
        }
        out
    }

    /// None is a tombstone.
    pub(crate) fn encode_value(&self) -> Option<Vec<u8>> {
        match self {
            OffsetsRecord::Offset { committed, .. } => committed.as_ref().map(encode_offset),
            OffsetsRecord::Group { metadata, .. } => {
                metadata.as_ref().map(|(metadata, timestamp)| encode_group(metadata, *timestamp))
            }
        }
    }

    pub(crate) fn decode(key: &[u8], value: Option<&[u8]>) -> Result<OffsetsRecord, RecordError> {
        let mut fields = Fields(key);
        let malformed = RecordError::Malformed;
        match fields.int16().ok_or(malformed)? {
            0 | OFFSET_KEY_VERSION => Ok(OffsetsRecord::Offset {
                group_id: fields.text().ok_or(malformed)?,
                topic: fields.text().ok_or(malformed)?,
                partition: fields.int32().ok_or(malformed)?,
                committed: value.map(decode_offset).transpose()?,
            }),
            GROUP_KEY_VERSION => Ok(OffsetsRecord::Group {
                group_id: fields.text().ok_or(malformed)?,
                metadata: value.map(decode_group).transpose()?,
            }),
            version => Err(RecordError::Unknown(version)),
        }
    }
}

fn encode_offset(committed: &Committed) -> Vec<u8> {
    let mut out = Vec::new();
    let version = match committed.expire_timestamp {
        Some(_) => EXPIRING_OFFSET_VALUE_VERSION,
        None => OFFSET_VALUE_VERSION,
    };
    out.extend(version.to_be_bytes());
    out.extend(committed.offset.to_be_bytes());
    if version == OFFSET_VALUE_VERSION {
        out.extend(committed.leader_epoch.to_be_bytes());
    }
    put_text(&mut out, &committed.metadata);
    out.extend(committed.commit_timestamp.to_be_bytes());
    if let Some(expire_timestamp) = committed.expire_timestamp {
        out.extend(expire_timestamp.to_be_bytes());
    }
    out
}

fn decode_offset(value: &[u8]) -> Result<Committed, RecordError> {
    let mut fields = Fields(value);
    let version = fields.int16().ok_or(RecordError::Malformed)?;
    if !(0..=OFFSET_VALUE_VERSION).contains(&version) {
        return Err(RecordError::Unknown(version));
    }
    let mut read = || {
        Some(Committed {
            offset: fields.int64()?,
            leader_epoch: if version >= 3 { fields.int32()? } else { -1 },
            metadata: fields.text()?,
            commit_timestamp: fields.int64()?,
            expire_timestamp: match version {
                EXPIRING_OFFSET_VALUE_VERSION => Some(fields.int64()?).filter(|&time| time >= 0),
                _ => None,
            },
        })
    };
    read().ok_or(RecordError::Malformed)
}

fn encode_group(metadata: &GroupMetadata, timestamp: i64) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend(GROUP_VALUE_VERSION.to_be_bytes());
    put_text(&mut out, &metadata.protocol_type);
    out.extend(metadata.generation.to_be_bytes());
    put_nullable_text(&mut out, metadata.protocol.as_deref());
    put_nullable_text(&mut out, metadata.leader.as_deref());
    out.extend(timestamp.to_be_bytes());
    put_length(&mut out, metadata.members.len());
    for member in &metadata.members {
        put_text(&mut out, &member.id);
        put_nullable_text(&mut out, member.instance_id.as_deref());
        put_text(&mut out, &member.client_id);
        put_text(&mut out, &member.client_host);
        out.extend(member.rebalance_timeout_ms.to_be_bytes());
        out.extend(member.session_timeout_ms.to_be_bytes());
        for bytes in [&member.subscription, &member.assignment] {
            put_length(&mut out, bytes.len());
            out.extend_from_slice(bytes);
        }
    }
    out
}

/// The members are left out: after a restart nobody asks for them.
fn decode_group(value: &[u8]) -> Result<(GroupMetadata, i64), RecordError> {
    let mut fields = Fields(value);
    let version = fields.int16().ok_or(RecordError::Malformed)?;
    if !(0..=GROUP_VALUE_VERSION).contains(&version) {
        return Err(RecordError::Unknown(version));
    }
    let mut read = || {
        let metadata = GroupMetadata {
            protocol_type: fields.text()?,
            generation: fields.int32()?,
            protocol: fields.nullable_text()?,
            leader: fields.nullable_text()?,
            members: Vec::new(),
        };
        let timestamp = if version >= 2 { fields.int64()? } else { -1 };
        Some((metadata, timestamp))
    };
    read().ok_or(RecordError::Malformed)
}
