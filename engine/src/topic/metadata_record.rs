//! The records of `__cluster_metadata`, in Kafka's own form (KIP-631): a frame version, the record's type and version as
//! unsigned varints, then its fields in the compact, tagged encoding.

use std::fmt;

use uuid::Uuid;

use crate::types::{LeaderEpoch, NodeId, ProducerId};

/// A change of the cluster's brokers and topics.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum MetadataRecord {
    Broker(Registration),
    Topic {
        name: String,
        id: Uuid,
    },
    Partition {
        partition: i32,
        topic_id: Uuid,
        leader: NodeId,
        leader_epoch: LeaderEpoch,
    },
    Config {
        topic: String,
        key: String,
        value: Option<String>,
    },
    /// The same of a broker, or of all if none is named (KIP-226).
    BrokerConfig {
        broker: Option<NodeId>,
        key: String,
        value: Option<String>,
    },
    RemoveTopic {
        id: Uuid,
    },
    /// Producer ids below `next_producer_id` are reserved.
    ProducerIds {
        broker: NodeId,
        /// That of the broker's registration, -1 if it has none.
        broker_epoch: i64,
        next_producer_id: ProducerId,
    },
}

/// A broker that has registered (KIP-631).
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Registration {
    pub(crate) node_id: NodeId,
    /// Differs from start to start of the broker.
    pub(crate) incarnation_id: Uuid,
    /// The offset of the registration's record.
    pub(crate) epoch: i64,
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Registration {
    /// The broker's number, host, and port.
    pub(crate) fn endpoint(&self) -> (NodeId, &str, u16) {
        (self.node_id, &self.host, self.port)
    }
}

const FRAME_VERSION: u8 = 1;
const RECORD_VERSION: u8 = 0;
const BROKER: u8 = 0;
const TOPIC: u8 = 2;
const PARTITION: u8 = 3;
const CONFIG: u8 = 4;
const REMOVE_TOPIC: u8 = 9;
const PRODUCER_IDS: u8 = 15;
/// What the one endpoint of a broker is called, and that it is not encrypted.
const LISTENER: &str = "PLAINTEXT";
const PLAINTEXT: i16 = 0;
/// The numbers that Kafka's config records give to topics and brokers.
const TOPIC_RESOURCE: u8 = 2;
const BROKER_RESOURCE: u8 = 4;

/// Bytes that are not a record this version knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum MetadataRecordError {
    /// Of another kind or version: written by a newer Headwater.
    Unknown { kind: u8, version: u8 },
    /// Not what its kind says.
    Malformed,
}

impl fmt::Display for MetadataRecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MetadataRecordError::Unknown { kind, version } => write!(
                f,
                "a metadata record of type {kind} version {version} is not known here; a newer version may have written it"
            ),
            MetadataRecordError::Malformed => f.write_str("a metadata record cannot be read"),
        }
    }
}

impl MetadataRecord {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = vec![FRAME_VERSION];
        match self {
            MetadataRecord::Broker(registration) => {
                out.extend([BROKER, RECORD_VERSION]);
                put_registration(&mut out, registration);
            }
            MetadataRecord::Topic { name, id } => {
                out.extend([TOPIC, RECORD_VERSION]);
                put_text(&mut out, Some(name));
                out.extend(id.as_bytes());
            }
            MetadataRecord::Partition { partition, topic_id, leader, leader_epoch } => {
                out.extend([PARTITION, RECORD_VERSION]);
                out.extend(partition.to_be_bytes());
                out.extend(topic_id.as_bytes());
                // Replicas and in-sync replicas: the leader alone. No replica is being removed or added.
                for _ in 0..2 {
                    put_length(&mut out, Some(1));
                    out.extend(leader.to_be_bytes());
                }
                put_length(&mut out, Some(0));
                put_length(&mut out, Some(0));
                out.extend(leader.to_be_bytes());
                out.extend(leader_epoch.to_be_bytes());
                // The partition epoch counts changes of the in-sync replicas, of which there are none.
                out.extend(0_i32.to_be_bytes());
            }
            MetadataRecord::Config { topic, key, value } => {
                put_config(&mut out, TOPIC_RESOURCE, topic, key, value.as_deref());
            }
            MetadataRecord::BrokerConfig { broker, key, value } => {
                let name = broker.map(|node_id| node_id.to_string()).unwrap_or_default();
                put_config(&mut out, BROKER_RESOURCE, &name, key, value.as_deref());
            }
            MetadataRecord::RemoveTopic { id } => {
                out.extend([REMOVE_TOPIC, RECORD_VERSION]);
                out.extend(id.as_bytes());
            }
            MetadataRecord::ProducerIds { broker, broker_epoch, next_producer_id } => {
                out.extend([PRODUCER_IDS, RECORD_VERSION]);
                out.extend(broker.to_be_bytes());
                out.extend(broker_epoch.to_be_bytes());
                out.extend(next_producer_id.to_be_bytes());
            }
        }
        // No tagged fields.
        out.push(0);
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<MetadataRecord, MetadataRecordError> {
        let [frame_version, kind, version, rest @ ..] = bytes else {
            return Err(MetadataRecordError::Malformed);
        };
        if *frame_version != FRAME_VERSION || *version != RECORD_VERSION {
            return Err(MetadataRecordError::Unknown { kind: *kind, version: *version });
        }
        let mut fields = Fields(rest);
        let record = match *kind {
            BROKER => fields.registration().map(MetadataRecord::Broker),
            TOPIC => fields.topic(),
            PARTITION => fields.partition(),
            CONFIG => fields.config(),
            PRODUCER_IDS => fields.producer_ids(),
            REMOVE_TOPIC => fields.uuid().map(|id| MetadataRecord::RemoveTopic { id }),
            kind => return Err(MetadataRecordError::Unknown { kind, version: *version }),
        };
        record.ok_or(MetadataRecordError::Malformed)
    }
}

fn put_config(out: &mut Vec<u8>, resource: u8, name: &str, key: &str, value: Option<&str>) {
    out.extend([CONFIG, RECORD_VERSION, resource]);
    put_text(out, Some(name));
    put_text(out, Some(key));
    put_text(out, value);
}

fn put_registration(out: &mut Vec<u8>, registration: &Registration) {
    out.extend(registration.node_id.to_be_bytes());
    out.extend(registration.incarnation_id.as_bytes());
    out.extend(registration.epoch.to_be_bytes());
    // One endpoint, without tagged fields.
    put_length(out, Some(1));
    put_text(out, Some(LISTENER));
    put_text(out, Some(&registration.host));
    out.extend(registration.port.to_be_bytes());
    out.extend(PLAINTEXT.to_be_bytes());
    out.push(0);
    // No features, no rack. Not fenced: there are no heartbeats that a broker could fail to send.
    put_length(out, Some(0));
    put_length(out, None);
    out.push(0);
}

/// A compact length: one more than the length, 0 for null, as an unsigned varint.
fn put_length(out: &mut Vec<u8>, length: Option<usize>) {
    let mut value = length.map_or(0, |length| length + 1);
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn put_text(out: &mut Vec<u8>, text: Option<&str>) {
    put_length(out, text.map(str::len));
    out.extend(text.unwrap_or("").as_bytes());
}

/// Reads fields one by one; none when the bytes are not such a field.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn topic(&mut self) -> Option<MetadataRecord> {
        Some(MetadataRecord::Topic { name: self.text()??, id: self.uuid()? })
    }

    fn partition(&mut self) -> Option<MetadataRecord> {
        let partition = self.int32()?;
        let topic_id = self.uuid()?;
        // Replicas, in-sync replicas, replicas being removed and added.
        for _ in 0..4 {
            for _ in 0..self.length()?.unwrap_or(0) {
                self.int32()?;
            }
        }
        let (leader, leader_epoch, _partition_epoch) = (self.int32()?, self.int32()?, self.int32()?);
        Some(MetadataRecord::Partition { partition, topic_id, leader, leader_epoch })
    }

    /// The first of a registration's endpoints counts.
    fn registration(&mut self) -> Option<Registration> {
        let (node_id, incarnation_id, epoch) = (self.int32()?, self.uuid()?, self.int64()?);
        let mut endpoint = None;
        for _ in 0..self.length()?? {
            let (_name, host, [port_high, port_low]) = (self.text()??, self.text()??, self.take()?);
            let _security_protocol = self.take::<2>()?;
            self.no_tagged_fields()?;
            endpoint.get_or_insert((host, u16::from_be_bytes([port_high, port_low])));
        }
        for _ in 0..self.length()?? {
            let (_name, _versions) = (self.text()??, self.take::<4>()?);
            self.no_tagged_fields()?;
        }
        let (_rack, [_fenced]) = (self.text()?, self.take()?);
        let (host, port) = endpoint?;
        Some(Registration { node_id, incarnation_id, epoch, host, port })
    }

    fn producer_ids(&mut self) -> Option<MetadataRecord> {
        let (broker, broker_epoch) = (self.int32()?, self.int64()?);
        Some(MetadataRecord::ProducerIds { broker, broker_epoch, next_producer_id: self.int64()? })
    }

    fn no_tagged_fields(&mut self) -> Option<()> {
        let [count] = self.take()?;
        (count == 0).then_some(())
    }

    fn config(&mut self) -> Option<MetadataRecord> {
        let [kind] = self.take()?;
        let (name, key, value) = (self.text()??, self.text()??, self.text()?);
        Some(match kind {
            TOPIC_RESOURCE => MetadataRecord::Config { topic: name, key, value },
            BROKER_RESOURCE => {
                let broker = if name.is_empty() { None } else { Some(name.parse().ok()?) };
                MetadataRecord::BrokerConfig { broker, key, value }
            }
            _ => return None,
        })
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    fn int32(&mut self) -> Option<i32> {
        self.take().map(i32::from_be_bytes)
    }

    fn int64(&mut self) -> Option<i64> {
        self.take().map(i64::from_be_bytes)
    }

    fn uuid(&mut self) -> Option<Uuid> {
        self.take().map(Uuid::from_bytes)
    }

    fn length(&mut self) -> Option<Option<usize>> {
        let mut value = 0_usize;
        for shift in (0..28).step_by(7) {
            let [byte] = self.take()?;
            value |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value.checked_sub(1));
            }
        }
        None
    }

    fn text(&mut self) -> Option<Option<String>> {
        let Some(length) = self.length()? else {
            return Some(None);
        };
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        std::str::from_utf8(text).ok().map(|text| Some(text.to_owned()))
    }
}
