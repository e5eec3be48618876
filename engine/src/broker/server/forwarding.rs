//! What clients ask of a broker and only the controller can do: it is asked in their place, and its answer passed on
//! (KIP-590). Clients ask the broker itself to change its configs.

use std::collections::VecDeque;

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::{AlterConfigsRequest, IncrementalAlterConfigsRequest};
use kafka_protocol::protocol::Encodable;

use super::super::alter_configs::as_incremental;
use super::super::link::{Asked, InFlight};
use super::super::{Broker, Context};
use crate::error::ApiError;
use crate::time::Now;

/// Requests that may wait for the controller; further ones are told who it is.
const MAX_WAITING: usize = 64;

/// What the controller is asked in a client's place.
#[derive(Debug)]
pub(in crate::broker) enum Forwarded {
    AlterConfigs(AlterConfigsRequest),
    IncrementalAlterConfigs(IncrementalAlterConfigsRequest),
}

impl Forwarded {
    fn asked(&self) -> Asked {
        match self {
            Forwarded::AlterConfigs(_) => Asked::AlterConfigs,
            Forwarded::IncrementalAlterConfigs(_) => Asked::IncrementalAlterConfigs,
        }
    }
}

/// Requests of clients on their way to the controller, one after the other.
#[derive(Debug, Default)]
pub(in crate::broker) struct Forwarding {
    waiting: VecDeque<(Context, Forwarded)>,
    /// Sent, and not answered.
    under_way: Option<(Context, Forwarded)>,
}

impl Forwarding {
    /// What is to be asked next.
    pub(in crate::broker) fn next(&self) -> Option<Asked> {
        let next = self.waiting.front().filter(|_| self.under_way.is_none());
        next.map(|(_, request)| request.asked())
    }
}

impl Broker {
    /// Has the controller do this, if it can be reached; else the client is told who it is.
    pub(in crate::broker) fn forward(&mut self, now: Now, context: Context, request: Forwarded) {
        let is_reachable = self.reachable_from(self.config.controller_id()).is_some();
        if is_reachable && self.forwarding.waiting.len() < MAX_WAITING {
            self.forwarding.waiting.push_back((context, request));
            return self.ask_controller(now);
        }
        if let Some(error) = self.not_controller() {
            self.refuse_forwarded(now, context, request, &error);
        }
    }

    pub(in crate::broker) fn send_forwarded(&mut self, now: Now) {
        let client_id = self.peer_client_id();
        let Some((context, request)) = self.forwarding.waiting.pop_front() else { return };
        let Some(link) = self.link_mut(self.config.controller_id()) else { return };
        let sent = match &request {
            Forwarded::AlterConfigs(asked) => link.send(now, request.asked(), asked, &client_id),
            Forwarded::IncrementalAlterConfigs(asked) => link.send(now, request.asked(), asked, &client_id),
        };
        match sent {
            Ok(()) => self.forwarding.under_way = Some((context, request)),
            Err(why) => {
                let error = ApiError::new(ResponseError::InvalidRequest, why);
                self.refuse_forwarded(now, context, request, &error);
            }
        }
    }

    /// Passes the controller's answer on; an error if it is none.
    pub(in crate::broker) fn forwarded_answered(
        &mut self,
        request: InFlight,
        frame: Bytes,
    ) -> Result<(), String> {
        match request.asked {
            Asked::AlterConfigs => self.pass_on(&request.decode::<AlterConfigsRequest>(frame)?),
            _ => self.pass_on(&request.decode::<IncrementalAlterConfigsRequest>(frame)?),
        }
        Ok(())
    }

    fn pass_on<R: Encodable>(&mut self, response: &R) {
        if let Some(link) = self.link_mut(self.config.controller_id()) {
            link.succeeded();
        }
        if let Some((context, _)) = self.forwarding.under_way.take() {
            self.respond(context, response);
        }
    }

    /// The controller cannot be reached any more. What it was asked it may have done.
    pub(in crate::broker) fn forwarding_lost(&mut self, now: Now) {
        let Forwarding { waiting, under_way } = std::mem::take(&mut self.forwarding);
        if let Some((context, request)) = under_way {
            let message = "The controller has not answered; whether it has done this is not known.";
            let error = ApiError::new(ResponseError::RequestTimedOut, message);
            self.refuse_forwarded(now, context, request, &error);
        }
        if let Some(error) = self.not_controller() {
            for (context, request) in waiting {
                self.refuse_forwarded(now, context, request, &error);
            }
        }
    }

    fn refuse_forwarded(&mut self, now: Now, context: Context, request: Forwarded, error: &ApiError) {
        let request = match request {
            Forwarded::AlterConfigs(request) => as_incremental(request),
            Forwarded::IncrementalAlterConfigs(request) => request,
        };
        self.refuse_alter_configs(now, context, request, error);
    }
}
