//! InitProducerId: an id for a producer that wants its batches appended once (KIP-98).
//!
//! Ids are reserved in blocks by a record of the metadata log, as Kafka's controller does (KIP-730), so that no two producers
//! ever get the same, whatever crashes. Brokers other than the controller ask it for a block (AllocateProducerIds).

use std::ops::Range;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::{InitProducerIdRequest, InitProducerIdResponse};

use super::topic_changes::Change;
use super::{Broker, Context};
use crate::error::ApiError;
use crate::time::Now;
use crate::types::ProducerId;

/// How many ids are reserved at once.
pub(super) const BLOCK: i32 = 1_000;

#[derive(Debug, Default)]
pub(super) struct ProducerIds {
    /// Reserved and not given out.
    pub(super) reserved: Range<ProducerId>,
    /// The first that no block has reserved.
    pub(super) next_block: ProducerId,
    waiting: Vec<Context>,
}

impl ProducerIds {
    /// Whether producers wait for ids that have to be reserved first.
    pub(super) fn is_short(&self) -> bool {
        !self.waiting.is_empty()
    }
}

impl Broker {
    pub(super) fn handle_init_producer_id(
        &mut self,
        now: Now,
        context: Context,
        request: &InitProducerIdRequest,
    ) {
        if request.transactional_id.is_some() {
            let message = "Transactions are not supported.";
            let error = ApiError::new(ResponseError::TransactionalIdAuthorizationFailed, message);
            self.refuse_producer_id(context, &error);
            return;
        }
        self.producer_ids.waiting.push(context);
        if !self.producer_ids.reserved.is_empty() {
            self.give_producer_ids();
        } else if self.producer_ids.waiting.len() == 1 {
            self.reserve_producer_ids(now);
        }
    }

    fn reserve_producer_ids(&mut self, now: Now) {
        if self.config.is_controller() {
            self.change_metadata(now, Change::ReserveProducerIds);
        } else {
            self.ask_for_producer_ids(now);
        }
    }

    /// A block was reserved, or could not be.
    pub(super) fn producer_ids_reserved(&mut self, now: Now, error: Option<&ApiError>) {
        match error {
            Some(error) => {
                for context in std::mem::take(&mut self.producer_ids.waiting) {
                    self.refuse_producer_id(context, error);
                }
            }
            None => {
                self.give_producer_ids();
                if !self.producer_ids.waiting.is_empty() {
                    self.reserve_producer_ids(now);
                }
            }
        }
    }

    fn give_producer_ids(&mut self) {
        while let Some(context) = self.producer_ids.waiting.pop() {
            let Some(producer_id) = self.producer_ids.reserved.next() else {
                self.producer_ids.waiting.push(context);
                return;
            };
            let response =
                InitProducerIdResponse::default().with_producer_id(producer_id.into()).with_producer_epoch(0);
            self.respond(context, &response);
        }
    }

    fn refuse_producer_id(&mut self, context: Context, error: &ApiError) {
        let response = InitProducerIdResponse::default()
            .with_error_code(self.report.refuse(error))
            .with_producer_id((-1).into())
            .with_producer_epoch(-1);
        self.respond(context, &response);
    }
}
