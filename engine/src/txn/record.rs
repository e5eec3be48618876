//! The records of `__transaction_state`, in Kafka's own form: version 0 of `TransactionLogKey` and `TransactionLogValue`. Version 1
//! of the value is for transactions of KIP-890, which are not supported here.

use crate::fields::{Fields, RecordError, put_length, put_text};
use crate::sorted::{SortedMap, SortedSet};
use crate::types::ProducerId;

const KEY_VERSION: i16 = 0;
const VALUE_VERSION: i16 = 0;

/// Partitions by topic.
pub(crate) type Partitions = SortedMap<String, SortedSet<i32>>;

/// How far a transaction is, with the numbers that the records use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum TxnState {
    Empty = 0,
    Ongoing = 1,
    PrepareCommit = 2,
    PrepareAbort = 3,
    CompleteCommit = 4,
    CompleteAbort = 5,
}

impl TxnState {
    /// All states, in the order of their numbers.
    pub(crate) const ALL: [TxnState; 6] = [
        TxnState::Empty,
        TxnState::Ongoing,
        TxnState::PrepareCommit,
        TxnState::PrepareAbort,
        TxnState::CompleteCommit,
        TxnState::CompleteAbort,
    ];

    /// Its name in Kafka (KIP-664).
    pub(crate) fn name(self) -> &'static str {
        match self {
            TxnState::Empty => "Empty",
            TxnState::Ongoing => "Ongoing",
            TxnState::PrepareCommit => "PrepareCommit",
            TxnState::PrepareAbort => "PrepareAbort",
            TxnState::CompleteCommit => "CompleteCommit",
            TxnState::CompleteAbort => "CompleteAbort",
        }
    }

    /// Whether it is decided how the transaction ends, and not yet said in all its partitions.
    pub(crate) fn is_prepared(self) -> bool {
        matches!(self, TxnState::PrepareCommit | TxnState::PrepareAbort)
    }
}

/// What is stored of a transactional id.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct TxnMetadata {
    pub(crate) producer_id: ProducerId,
    pub(crate) producer_epoch: i16,
    /// How long a transaction may take, in ms.
    pub(crate) timeout_ms: i32,
    pub(crate) state: TxnState,
    /// Those that the transaction has records in; none when it is complete.
    pub(crate) partitions: Partitions,
    /// When this became so, on the wall clock in ms.
    pub(crate) updated_ms: i64,
    /// When the latest transaction began, on the wall clock in ms; -1 if there was none.
    pub(crate) started_ms: i64,
}

pub(crate) fn encode_key(transactional_id: &str) -> Vec<u8> {
    let mut out = Vec::from(KEY_VERSION.to_be_bytes());
    put_text(&mut out, transactional_id);
    out
}

pub(crate) fn decode_key(key: &[u8]) -> Result<String, RecordError> {
    let mut fields = Fields(key);
    match fields.int16().ok_or(RecordError::Malformed)? {
        KEY_VERSION => fields.text().ok_or(RecordError::Malformed),
        version => Err(RecordError::Unknown(version)),
    }
}

impl TxnMetadata {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::from(VALUE_VERSION.to_be_bytes());
        out.extend(self.producer_id.to_be_bytes());
        out.extend(self.producer_epoch.to_be_bytes());
        out.extend(self.timeout_ms.to_be_bytes());
        out.extend((self.state as i8).to_be_bytes());
        if self.state == TxnState::Empty {
            // Null, as Kafka has it.
            out.extend((-1_i32).to_be_bytes());
        } else {
            put_length(&mut out, self.partitions.len());
            for (topic, indexes) in self.partitions.iter() {
                put_text(&mut out, topic);
                put_length(&mut out, indexes.iter().count());
                indexes.iter().for_each(|index| out.extend(index.to_be_bytes()));
            }
        }
        out.extend(self.updated_ms.to_be_bytes());
        out.extend(self.started_ms.to_be_bytes());
        out
    }

    pub(crate) fn decode(value: &[u8]) -> Result<TxnMetadata, RecordError> {
        let mut fields = Fields(value);
        match fields.int16().ok_or(RecordError::Malformed)? {
            VALUE_VERSION => read(&mut fields).ok_or(RecordError::Malformed),
            version => Err(RecordError::Unknown(version)),
        }
    }
}

fn read(fields: &mut Fields<'_>) -> Option<TxnMetadata> {
    let producer_id = fields.int64()?;
    let producer_epoch = fields.int16()?;
    let timeout_ms = fields.int32()?;
    let state = *TxnState::ALL.get(usize::try_from(fields.int8()?).ok()?)?;
    let mut partitions = Partitions::new();
    for _ in 0..fields.count()? {
        let topic = fields.text()?;
        let indexes = fields.count()?;
        let indexes = (0..indexes).map(|_| fields.int32()).collect::<Option<SortedSet<i32>>>()?;
        partitions.insert(topic, indexes);
    }
    let updated_ms = fields.int64()?;
    let started_ms = fields.int64()?;
    Some(TxnMetadata { producer_id, producer_epoch, timeout_ms, state, partitions, updated_ms, started_ms })
}
