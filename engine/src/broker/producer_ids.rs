//! InitProducerId: an id for a producer that wants its batches appended once (KIP-98).
//!
//! Ids are reserved in blocks by a record of the metadata log, as Kafka's controller does (KIP-730), so that no two producers
//! ever get the same, whatever crashes. Brokers other than the controller ask it for a block (AllocateProducerIds).

use std::ops::Range;

use kafka_protocol::messages::{InitProducerIdRequest, InitProducerIdResponse};

use super::topic_changes::Change;
use super::{Broker, Context};
use crate::error::ApiError;
use crate::time::Now;
use crate::txn::Identity;
use crate::types::ProducerId;

/// How many ids are reserved at once.
pub(super) const BLOCK: i32 = 1_000;

#[derive(Debug, Default)]
pub(super) struct ProducerIds {
    /// Reserved and not given out.
    pub(super) reserved: Range<ProducerId>,
    /// The first that no block has reserved.
    pub(super) next_block: ProducerId,
    waiting: Vec<ProducerIdWaiter>,
}

/// Who waits for a producer id.
#[derive(Debug)]
pub(super) enum ProducerIdWaiter {
    /// An idempotent producer.
    Producer(Context),
    /// The coordinator of a transactional id.
    Transaction(Context, InitProducerIdRequest),
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
        request: InitProducerIdRequest,
    ) {
        if request.transactional_id.is_some() {
            self.init_transaction(now, context, request, None);
        } else {
            self.want_producer_id(now, ProducerIdWaiter::Producer(context));
        }
    }

    /// Gives an id that nobody has had, at once or when some are reserved.
    pub(super) fn want_producer_id(&mut self, now: Now, waiter: ProducerIdWaiter) {
        self.producer_ids.waiting.push(waiter);
        if !self.producer_ids.reserved.is_empty() {
            self.give_producer_ids(now);
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
                for waiter in std::mem::take(&mut self.producer_ids.waiting) {
                    let (ProducerIdWaiter::Producer(context) | ProducerIdWaiter::Transaction(context, _)) =
                        waiter;
                    self.answer_producer_id(context, Err(error.clone()));
                }
            }
            None => {
                self.give_producer_ids(now);
                if !self.producer_ids.waiting.is_empty() {
                    self.reserve_producer_ids(now);
                }
            }
        }
    }

    fn give_producer_ids(&mut self, now: Now) {
        while let Some(waiter) = self.producer_ids.waiting.pop() {
            let Some(producer_id) = self.producer_ids.reserved.next() else {
                self.producer_ids.waiting.push(waiter);
                return;
            };
            match waiter {
                ProducerIdWaiter::Producer(context) => self.answer_producer_id(context, Ok((producer_id, 0))),
                ProducerIdWaiter::Transaction(context, request) => {
                    self.init_transaction(now, context, request, Some(producer_id));
                }
            }
        }
    }

    pub(super) fn answer_producer_id(&mut self, context: Context, result: Result<Identity, ApiError>) {
        let response = InitProducerIdResponse::default();
        let response = match result {
            Ok((producer_id, epoch)) => {
                response.with_producer_id(producer_id.into()).with_producer_epoch(epoch)
            }
            Err(error) => response
                .with_error_code(self.report.refuse(&error))
                .with_producer_id((-1).into())
                .with_producer_epoch(-1),
        };
        self.respond(context, &response);
    }
}
