//! What clients ask of a broker and only the controller can do: it is asked in their place, and its answer passed on
//! (KIP-590). Without access control it need not know whose request it was, so it is the request itself that is sent, in the
//! version that brokers use, and not an Envelope.

use std::collections::VecDeque;

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::{
    AlterConfigsRequest, ApiKey, CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest,
    IncrementalAlterConfigsRequest,
};
use kafka_protocol::protocol::{Encodable, Request};

use super::super::alter_configs::as_replacing;
use super::super::link::{Asked, InFlight};
use super::super::topic_changes::{Change, topics_to_delete};
use super::super::{Broker, Context};
use crate::error::ApiError;
use crate::time::Now;

/// Requests that may wait for the controller; further ones are told who it is.
const MAX_WAITING: usize = 64;

/// Requests of clients on their way to the controller, one after the other.
#[derive(Debug, Default)]
pub(in crate::broker) struct Forwarding {
    waiting: VecDeque<Change>,
    /// Sent, and not answered.
    under_way: Option<Change>,
}

impl Forwarding {
    /// What is to be asked next.
    pub(in crate::broker) fn next(&self) -> Option<Asked> {
        let next = self.waiting.front().filter(|_| self.under_way.is_none());
        next.and_then(client).map(|context| Asked::Forwarded(context.header.api))
    }
}

impl Broker {
    /// Has the controller do what a client asks for, if it can be reached; else the client is told who it is.
    pub(in crate::broker) fn forward(&mut self, now: Now, change: Change) {
        let is_reachable = self.reachable_from(self.config.controller_id()).is_some();
        if is_reachable && self.forwarding.waiting.len() < MAX_WAITING {
            self.forwarding.waiting.push_back(change);
            return self.ask_controller(now);
        }
        if let Some(error) = self.not_controller() {
            self.refuse_change(now, change, &error);
        }
    }

    pub(in crate::broker) fn send_forwarded(&mut self, now: Now) {
        let Some(change) = self.forwarding.waiting.pop_front() else { return };
        let sent = match &change {
            Change::CreateTopics(_, request) => self.send_to_controller(now, request),
            Change::DeleteTopics(_, request) => {
                let topics = topics_to_delete(request.clone()).collect();
                let newest = DeleteTopicsRequest::default().with_topics(topics);
                self.send_to_controller(now, &newest.with_timeout_ms(request.timeout_ms))
            }
            Change::CreatePartitions(_, request) => self.send_to_controller(now, request),
            Change::AlterConfigs(context, request) => match context.header.api {
                ApiKey::AlterConfigs => self.send_to_controller(now, &as_replacing(request)),
                _ => self.send_to_controller(now, request),
            },
            // These are none of a client's.
            Change::CreateAsked(_)
            | Change::ReserveProducerIds
            | Change::AllocateProducerIds(..)
            | Change::RegisterBroker(..) => return,
        };
        match sent {
            Ok(()) => self.forwarding.under_way = Some(change),
            Err(why) => {
                let error = ApiError::new(ResponseError::InvalidRequest, why);
                self.refuse_change(now, change, &error);
            }
        }
    }

    fn send_to_controller<R: Request>(&mut self, now: Now, request: &R) -> Result<(), String> {
        let client_id = self.peer_client_id();
        let api = ApiKey::try_from(R::KEY).map_err(|()| "it has no number".to_owned())?;
        match self.link_mut(self.config.controller_id()) {
            Some(link) => link.send(now, Asked::Forwarded(api), request, &client_id),
            None => Err("There is no way to the controller.".to_owned()),
        }
    }

    /// Passes the controller's answer on; an error if it is none.
    pub(in crate::broker) fn forwarded_answered(
        &mut self,
        api: ApiKey,
        request: InFlight,
        frame: Bytes,
    ) -> Result<(), String> {
        match api {
            ApiKey::CreateTopics => self.pass_on(&request.decode::<CreateTopicsRequest>(frame)?),
            ApiKey::DeleteTopics => self.pass_on(&request.decode::<DeleteTopicsRequest>(frame)?),
            ApiKey::CreatePartitions => self.pass_on(&request.decode::<CreatePartitionsRequest>(frame)?),
            ApiKey::AlterConfigs => self.pass_on(&request.decode::<AlterConfigsRequest>(frame)?),
            _ => self.pass_on(&request.decode::<IncrementalAlterConfigsRequest>(frame)?),
        }
        Ok(())
    }

    fn pass_on<R: Encodable>(&mut self, response: &R) {
        if let Some(link) = self.link_mut(self.config.controller_id()) {
            link.succeeded();
        }
        if let Some(context) = self.forwarding.under_way.take().as_ref().and_then(client) {
            self.respond(context, response);
        }
    }

    /// The controller cannot be reached any more. What it was asked it may have done.
    pub(in crate::broker) fn forwarding_lost(&mut self, now: Now) {
        let Forwarding { waiting, under_way } = std::mem::take(&mut self.forwarding);
        if let Some(change) = under_way {
            let message = "The controller has not answered; whether it has done this is not known.";
            let error = ApiError::new(ResponseError::RequestTimedOut, message);
            self.refuse_change(now, change, &error);
        }
        if let Some(error) = self.not_controller() {
            for change in waiting {
                self.refuse_change(now, change, &error);
            }
        }
    }
}

/// Who has asked for a change, if it was a client.
fn client(change: &Change) -> Option<Context> {
    match change {
        Change::CreateTopics(context, _) => Some(*context),
        Change::DeleteTopics(context, _) => Some(*context),
        Change::CreatePartitions(context, _) => Some(*context),
        Change::AlterConfigs(context, _) => Some(*context),
        _ => None,
    }
}
