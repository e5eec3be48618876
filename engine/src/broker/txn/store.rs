//! What the coordinator keeps: a change is appended to `__transaction_state`, and takes effect when it is committed; at the start it
//! is taken in again.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::AddPartitionsToTxnRequest;

use super::Coordinated;
use crate::broker::groups::Encoded;
use crate::broker::{Broker, Context};
use crate::error::ApiError;
use crate::fields::RecordError;
use crate::storage_op::LogId;
use crate::time::Now;
use crate::txn::{Change, Transaction, TxnMetadata, TxnState, decode_key, encode_key};

/// A change of a transactional id that is on its way to storage.
#[derive(Debug)]
pub(in crate::broker) struct TxnChange {
    pub(super) transactional_id: String,
    pub(super) reply: TxnReply,
}

/// Who is told that it is stored.
#[derive(Debug)]
pub(super) enum TxnReply {
    /// A producer gets its epoch.
    Init(Context),
    /// A producer comes too early: the transaction of the one before it is being aborted first.
    Abort(Context),
    AddPartitions(Context, AddPartitionsToTxnRequest),
    AddOffsets(Context),
    /// A Produce adds its partitions: the one of this number.
    #[cfg(feature = "server")]
    Produce(u64),
    End(Context),
    Nobody,
}

impl TxnChange {
    /// Whether storage needs room for it that it will not get back by it.
    pub(in crate::broker) fn grows(&self) -> bool {
        #[cfg(feature = "server")]
        if matches!(self.reply, TxnReply::Produce(_)) {
            return true;
        }
        matches!(self.reply, TxnReply::Init(_) | TxnReply::AddPartitions(..) | TxnReply::AddOffsets(_))
    }
}

impl Broker {
    /// Appends a change of a transactional id to its log; it takes effect, and the reply is given, when it is committed.
    pub(super) fn store_transaction(
        &mut self,
        now: Now,
        log: LogId,
        transactional_id: &str,
        change: Change,
        reply: TxnReply,
    ) {
        let id = transactional_id.to_owned();
        let encoded = encode(&id, &change);
        let make = || Box::new(Coordinated { log, transaction: Transaction::default() });
        self.transactions.by_id.or_insert_with(id.clone(), make).transaction.begin(change);
        let change = TxnChange { transactional_id: id, reply };
        self.store_transaction_record(now, log, encoded, change);
    }

    /// A change is committed, or could not be.
    pub(in crate::broker) fn transaction_stored(
        &mut self,
        now: Now,
        change: TxnChange,
        result: Result<(), ApiError>,
    ) {
        let id = &change.transactional_id[..];
        let Some(coordinated) = self.transactions.by_id.get_mut(id) else {
            return;
        };
        coordinated.transaction.stored(result.is_ok());
        let current = coordinated.transaction.current();
        let identity = current.map(|current| (current.producer_id, current.producer_epoch));
        let state = current.map(|current| current.state);
        if state.is_none() {
            self.transactions.by_id.remove(id);
        }
        self.transactions.endings.set_ending(id, state.is_some_and(TxnState::is_prepared));
        if result.is_err() {
            self.transactions.endings.not_completed(now);
        }
        self.schedule_transaction_checks(now, state);
        let result = result.map_err(unstored);
        match change.reply {
            TxnReply::Init(context) => {
                let result = result.and_then(|()| identity.ok_or_else(gone));
                self.answer_producer_id(context, result);
            }
            TxnReply::Abort(context) => {
                let message = "The transaction of the producer before is being aborted; try again.";
                let busy = ApiError::new(ResponseError::ConcurrentTransactions, message);
                self.answer_producer_id(context, Err(result.err().unwrap_or(busy)));
            }
            TxnReply::AddPartitions(context, request) => self.answer_partitions(context, request, result),
            TxnReply::AddOffsets(context) => self.answer_offsets(context, result),
            #[cfg(feature = "server")]
            TxnReply::Produce(number) => self.verification_ended(now, number, &|_| result.clone()),
            TxnReply::End(context) => self.answer_end(context, result),
            TxnReply::Nobody => {}
        }
    }

    /// The fold, at the start: what a committed record says of a transactional id.
    pub(in crate::broker) fn take_transaction(
        &mut self,
        log: LogId,
        key: &[u8],
        value: Option<&[u8]>,
    ) -> Result<(), RecordError> {
        let id = decode_key(key)?;
        match value.map(TxnMetadata::decode).transpose()? {
            Some(metadata) => {
                let transaction = Transaction::recovered(metadata);
                self.transactions.by_id.insert(id, Box::new(Coordinated { log, transaction }));
            }
            None => drop(self.transactions.by_id.remove(&id[..])),
        }
        Ok(())
    }

    /// The records of a log that count, as they will be when what is on its way has been stored. If that is refused, so are the
    /// copies behind it.
    pub(in crate::broker) fn transactions_that_count(&self, log: LogId) -> Vec<Encoded> {
        let kept = self.transactions.by_id.iter().filter(|(_, coordinated)| coordinated.log == log);
        let kept = kept.filter_map(|(id, coordinated)| {
            coordinated.transaction.next().map(|metadata| (encode_key(id), Some(metadata.encode())))
        });
        kept.collect()
    }
}

fn encode(id: &str, change: &Change) -> Encoded {
    let value = match change {
        Change::To { metadata, .. } => Some(metadata.encode()),
        Change::Removal => None,
    };
    (encode_key(id), value)
}

/// What producers are told when a change could not be stored: they try again, until it can. (The error of the storage itself would
/// end most clients.)
fn unstored(error: ApiError) -> ApiError {
    let error_code = match error.error {
        ResponseError::InvalidCommitOffsetSize => ResponseError::UnknownServerError,
        ResponseError::KafkaStorageError => ResponseError::CoordinatorNotAvailable,
        error => error,
    };
    ApiError::new(error_code, error.message)
}

fn gone() -> ApiError {
    ApiError::new(
        ResponseError::CoordinatorNotAvailable,
        "The transactional id is being forgotten; try again.",
    )
}
