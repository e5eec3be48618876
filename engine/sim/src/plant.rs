//! Bugs to be found: each is one that the world itself makes, to see that a checker notices.

use bytes::{Bytes, BytesMut};
use headwater_engine::record::{RecordBatch, set_producer};
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::{
    ApiKey, CreateTopicsRequest, EndTxnRequest, FetchRequest, OffsetCommitRequest, ProduceRequest,
    RequestHeader, SyncGroupRequest, TxnOffsetCommitRequest,
};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};

use crate::scenario::COMPACTED;

/// A bug on demand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Plant {
    /// The storage answers appends before they are stored.
    AcknowledgeBeforeDurable,
    /// The storage now and then forgets to answer an append.
    DropCompletion,
    /// The storage keeps appends that it has refused.
    KeepRefused,
    /// The storage leaves the first batch of what it reads away.
    SkipBatch,
    /// The network delivers some requests twice.
    DuplicateRequest,
    /// The network swaps answers of a connection.
    SwapAnswers,
    /// From some time on brokers hear nothing from the controller any more.
    DeafBrokers,
    /// A producer that has to keep the order of its records sends on after a failure.
    UnorderedProducer,
    /// Commits arrive with offsets that are a little too high.
    CommitAhead,
    /// Transactions that are to be aborted are committed.
    CommitAborted,
    /// Readers of committed records are given all.
    ReadUncommitted,
    /// What a producer has sent in a transaction is followed by more of it, which comes late: mostly when the transaction has ended.
    /// Brokers see to it that this begins no other (KIP-890).
    LateRecord,
    /// The same, and brokers take it.
    UnverifiedRecord,
    /// Offsets arrive in transactions a little too low.
    OffsetsApart,
    /// The leader of a group gives every member the share of the first.
    SameShare,
    /// The storage damages what it is given of a cleaned copy.
    DamagedCopy,
    /// The storage forgets where logs begin when they are opened again.
    ForgetLogStart,
    /// The storage says that segments are dropped before they are.
    DropLater,
    /// The storage drops a segment more than it is told to.
    DropOneMore,
    /// Retention leaves a segment less than it has to.
    RetainLess,
    /// The same of the compacted topic.
    RetainLessCompacted,
}

/// Below this records follow for sure, in nearly all worlds.
const EARLY: i64 = 100;

impl Plant {
    /// Whether it takes a group for it to happen.
    pub(crate) fn needs_group(self) -> bool {
        matches!(self, Plant::CommitAhead | Plant::SameShare)
    }

    /// Whether it takes transactions for it to happen.
    pub(crate) fn needs_transactions(self) -> bool {
        matches!(
            self,
            Plant::CommitAborted
                | Plant::LateRecord
                | Plant::OffsetsApart
                | Plant::ReadUncommitted
                | Plant::UnverifiedRecord
        )
    }

    /// Whether it takes a compacted topic for it to happen.
    pub(crate) fn needs_compaction(self) -> bool {
        matches!(self, Plant::DamagedCopy | Plant::RetainLessCompacted)
    }

    /// Whether the compacted topic has to be kept short too for it to happen.
    pub(crate) fn needs_compaction_with_retention(self) -> bool {
        self == Plant::RetainLessCompacted
    }

    /// Whether it takes a topic that is kept short for it to happen.
    pub(crate) fn needs_retention(self) -> bool {
        matches!(self, Plant::ForgetLogStart | Plant::DropLater | Plant::DropOneMore | Plant::RetainLess)
    }

    /// What comes late behind a request.
    pub(crate) fn follows(self, frame: &Bytes) -> Option<Bytes> {
        if !matches!(self, Plant::LateRecord | Plant::UnverifiedRecord) {
            return None;
        }
        let (api, version, mut body) = split(frame)?;
        if api != ApiKey::Produce {
            return None;
        }
        let mut late = BytesMut::from(&frame[..frame.len() - body.len()]);
        let mut request = ProduceRequest::decode(&mut body, version).ok()?;
        request.transactional_id.as_ref()?;
        for partition in request.topic_data.iter_mut().flat_map(|topic| &mut topic.partition_data) {
            let records = partition.records.take()?;
            let batch = RecordBatch::parse(&records).ok()?;
            let next = batch.base_sequence() + batch.record_count();
            let mut follower = records.to_vec();
            set_producer(&mut follower, batch.producer_id(), batch.producer_epoch(), next).ok()?;
            partition.records = Some(follower.into());
        }
        request.encode(&mut late, version).ok()?;
        Some(late.freeze())
    }

    /// What a broker is given in place of a request.
    pub(crate) fn instead_of(self, frame: &Bytes) -> Option<Bytes> {
        let (api, version, mut body) = split(frame)?;
        let mut changed = BytesMut::from(&frame[..frame.len() - body.len()]);
        match (self, api) {
            (Plant::CommitAhead, ApiKey::OffsetCommit) => {
                let mut request = OffsetCommitRequest::decode(&mut body, version).ok()?;
                // Not of the last records: beyond the end all would be read once more.
                let partitions = request.topics.iter_mut().flat_map(|topic| &mut topic.partitions);
                let early = partitions.filter(|partition| partition.committed_offset < EARLY);
                early.for_each(|partition| partition.committed_offset += 3);
                request.encode(&mut changed, version).ok()?;
            }
            (Plant::SameShare, ApiKey::SyncGroup) => {
                let mut request = SyncGroupRequest::decode(&mut body, version).ok()?;
                let first = request.assignments.first()?.assignment.clone();
                request.assignments.iter_mut().for_each(|member| member.assignment = first.clone());
                request.encode(&mut changed, version).ok()?;
            }
            (Plant::CommitAborted, ApiKey::EndTxn) => {
                let request = EndTxnRequest::decode(&mut body, version).ok()?;
                request.with_committed(true).encode(&mut changed, version).ok()?;
            }
            (Plant::ReadUncommitted, ApiKey::Fetch) => {
                let request = FetchRequest::decode(&mut body, version).ok()?;
                request.with_isolation_level(0).encode(&mut changed, version).ok()?;
            }
            (Plant::OffsetsApart, ApiKey::TxnOffsetCommit) => {
                let mut request = TxnOffsetCommitRequest::decode(&mut body, version).ok()?;
                let partitions = request.topics.iter_mut().flat_map(|topic| &mut topic.partitions);
                partitions.for_each(|partition| partition.committed_offset -= 1);
                request.encode(&mut changed, version).ok()?;
            }
            (Plant::RetainLess | Plant::RetainLessCompacted, ApiKey::CreateTopics) => {
                let mut request = CreateTopicsRequest::decode(&mut body, version).ok()?;
                let is_compacted = self == Plant::RetainLessCompacted;
                let topics = request.topics.iter_mut();
                let topics = topics.filter(|topic| (topic.name.as_str() == COMPACTED) == is_compacted);
                topics.for_each(retain_less);
                request.encode(&mut changed, version).ok()?;
            }
            _ => return None,
        }
        Some(changed.freeze())
    }
}

/// Which request a frame is, and its body.
fn split(frame: &Bytes) -> Option<(ApiKey, i16, Bytes)> {
    let api = ApiKey::try_from(i16::from_be_bytes(frame.get(..2)?.try_into().ok()?)).ok()?;
    let version = i16::from_be_bytes(frame.get(2..4)?.try_into().ok()?);
    let mut body = frame.clone();
    RequestHeader::decode(&mut body, api.request_header_version(version)).ok()?;
    Some((api, version, body))
}

/// Takes the size of a segment from what a topic is to keep.
fn retain_less(topic: &mut CreatableTopic) {
    let number = |topic: &CreatableTopic, key: &str| {
        let config = topic.configs.iter().find(|config| config.name.as_str() == key)?;
        config.value.as_ref()?.parse::<u64>().ok()
    };
    let sizes = number(topic, "retention.bytes").zip(number(topic, "segment.bytes"));
    let Some((limit, segment)) = sizes else { return };
    for config in topic.configs.iter_mut().filter(|config| config.name.as_str() == "retention.bytes") {
        config.value = Some(StrBytes::from_string(limit.saturating_sub(segment).to_string()));
    }
}
