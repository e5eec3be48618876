//! InitProducerId with a transactional id: a producer gets an epoch that fences those before it.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::InitProducerIdRequest;

use super::store::TxnReply;
use super::{MAX_TRANSACTIONAL_IDS, in_version};
use crate::broker::producer_ids::ProducerIdWaiter;
use crate::broker::{Broker, Context};
use crate::error::ApiError;
use crate::storage_op::LogId;
use crate::time::Now;
use crate::txn::{Identity, Init, InitRequest, Transaction};
use crate::types::ProducerId;

/// The first version in which a producer knows that it was fenced (KIP-588).
const FIRST_FENCED_VERSION: i16 = 4;

impl Broker {
    /// `new_producer_id` is one that nobody has had, if that was needed.
    pub(in crate::broker) fn init_transaction(
        &mut self,
        now: Now,
        context: Context,
        request: InitProducerIdRequest,
        new_producer_id: Option<ProducerId>,
    ) {
        let planned = self.plan_init(now, &request, new_producer_id);
        let id = request.transactional_id.as_ref().map_or("", |id| &id[..]);
        match planned {
            Ok((log, Init::Store(change))) => {
                self.store_transaction(now, log, id, change, TxnReply::Init(context));
            }
            Ok((log, Init::Abort(change))) => {
                self.store_transaction(now, log, id, change, TxnReply::Abort(context));
            }
            Ok((_, Init::NewProducerId)) => {
                self.want_producer_id(now, ProducerIdWaiter::Transaction(context, request));
            }
            Err(error) => {
                self.answer_producer_id(context, Err(in_version(error, context, FIRST_FENCED_VERSION)));
            }
        }
    }

    fn plan_init(
        &self,
        now: Now,
        request: &InitProducerIdRequest,
        new_producer_id: Option<ProducerId>,
    ) -> Result<(LogId, Init), ApiError> {
        let id = request.transactional_id.as_ref().map_or("", |id| &id[..]);
        let log = self.transaction_log(id)?;
        let (max, timeout_ms) = (self.config.transaction_max_timeout_ms(), request.transaction_timeout_ms);
        if timeout_ms <= 0 || i64::from(timeout_ms) > max {
            let message = format!(
                "A time-out of {timeout_ms} ms is not within 1 and transaction.max.timeout.ms, {max}."
            );
            return Err(ApiError::new(ResponseError::InvalidTransactionTimeout, message));
        }
        let asked = asked_identity(request)?;
        let request = InitRequest { asked, timeout_ms, new_producer_id };
        let init = match self.transactions.by_id.get(id) {
            Some(known) => known.transaction.init(request, now.wall_ms),
            None if self.transactions.by_id.len() >= MAX_TRANSACTIONAL_IDS => {
                let message = format!(
                    "There are {MAX_TRANSACTIONAL_IDS} transactional ids already, which is the most."
                );
                Err(ApiError::new(ResponseError::PolicyViolation, message))
            }
            None => Transaction::default().init(request, now.wall_ms),
        };
        Ok((log, init?))
    }
}

/// What a producer has been until now, if it says so (KIP-360).
fn asked_identity(request: &InitProducerIdRequest) -> Result<Option<Identity>, ApiError> {
    match (request.producer_id.0, request.producer_epoch) {
        (-1, -1) => Ok(None),
        (-1, _) | (_, -1) => {
            let message = "A producer says both what its id and what its epoch is, or neither.";
            Err(ApiError::new(ResponseError::InvalidRequest, message))
        }
        identity => Ok(Some(identity)),
    }
}
