//! The transaction coordinator: transactional ids, as a fold over `__transaction_state` (KIP-98).
//!
//! What an id can do is [`crate::txn`]'s. Here a change of it is appended to the id's partition of `__transaction_state`, in Kafka's
//! own records, and takes effect when it is committed; only then is whoever asked for it answered. How a transaction ends is
//! decided by such a record. After that its end is written to its partitions, by WriteTxnMarkers to whoever leads them, until all
//! have it, whatever crashes meanwhile; and then that is recorded too. The log is written, read and kept short as that of groups is
//! ([`super::groups`]).

mod admin;
mod ending;
mod endings;
#[cfg(feature = "server")]
mod of_brokers;
mod producers;
mod requests;
mod store;
mod upkeep;

use kafka_protocol::ResponseError;

use self::endings::Endings;
pub(super) use self::store::TxnChange;
use super::{Broker, Context};
use crate::error::ApiError;
use crate::fields::MAX_TEXT;
use crate::sorted::SortedMap;
use crate::storage_op::LogId;
use crate::topic::TRANSACTIONS_TOPIC;
use crate::txn::Transaction;

/// The most transactional ids that a broker coordinates: each costs some hundred bytes of memory, and more for its partitions.
const MAX_TRANSACTIONAL_IDS: usize = 10_000;

/// Transactional ids that are coordinated here, and what is under way for them.
#[derive(Debug, Default)]
pub(super) struct Transactions {
    by_id: SortedMap<String, Box<Coordinated>>,
    pub(super) endings: Endings,
    /// When transactions are looked for that take too long, on the monotonic clock; none if there are no transactions.
    next_timeout_check: Option<u64>,
    /// When expired ids are looked for, on the monotonic clock; none if there are no ids.
    next_expiry_check: Option<u64>,
}

/// A transactional id.
#[derive(Debug)]
struct Coordinated {
    /// Its partition of `__transaction_state`.
    log: LogId,
    transaction: Transaction,
}

impl Broker {
    /// The log that keeps a transactional id, if this broker coordinates it.
    fn transaction_log(&self, transactional_id: &str) -> Result<LogId, ApiError> {
        if transactional_id.is_empty() || transactional_id.len() > MAX_TEXT {
            let message = "A transactional id is not empty, and not longer than 32767 bytes.";
            return Err(ApiError::new(ResponseError::InvalidRequest, message));
        }
        self.coordinators_log(TRANSACTIONS_TOPIC, transactional_id)
    }

    /// The transactional id, which has to be known, and the log that keeps it.
    fn transaction(&self, transactional_id: &str) -> Result<(LogId, &Transaction), ApiError> {
        let log = self.transaction_log(transactional_id)?;
        let known = self.transactions.by_id.get(transactional_id).ok_or_else(|| {
            let message =
                format!("Transactional id '{transactional_id}' has no producer; it may have expired.");
            ApiError::new(ResponseError::InvalidProducerIdMapping, message)
        })?;
        Ok((log, &known.transaction))
    }
}

/// An error as a version of a request knows it: before `first`, producers do not know that they were fenced (KIP-588).
fn in_version(error: ApiError, context: Context, first: i16) -> ApiError {
    match error.error {
        ResponseError::ProducerFenced if context.header.version < first => {
            ApiError::new(ResponseError::InvalidProducerEpoch, error.message)
        }
        _ => error,
    }
}
