//! The way to another broker: requests with their correlation ids, answers in the order of the requests, and when to try again.

use std::collections::VecDeque;

use bytes::Bytes;
#[cfg(feature = "server")]
use kafka_protocol::messages::ApiKey;
use kafka_protocol::protocol::Request;

use crate::protocol::{decode_answer, encode_request};
use crate::time::Now;

/// How long an answer may take: what a Fetch waits at the most, and ample time for the rest.
const REQUEST_TIMEOUT_MS: u64 = 5_000;

/// The first wait after a failure; it doubles from one to the next.
const BACKOFF_MS: u64 = 100;
const MAX_BACKOFF_MS: u64 = 2_000;

/// What another broker, mostly the controller, is asked for. There is at most one request of a kind under way, but for some.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Asked {
    Registration,
    Metadata,
    ProducerIds,
    Topics,
    /// To write the ends of transactions; this one is asked of every broker.
    Markers,
    /// Whether, or that, a transaction has partitions, for the request of this number; asked of every broker, for as many requests
    /// as there are.
    #[cfg(feature = "server")]
    Partitions(u64),
    /// For what a client has asked for.
    #[cfg(feature = "server")]
    Forwarded(ApiKey),
}

impl Asked {
    /// The version of the request.
    fn version(self) -> i16 {
        match self {
            Asked::Registration => 4,
            // The first that knows topics by their ids, and has the number of the broker as an ordinary field.
            Asked::Metadata => 13,
            Asked::ProducerIds => 0,
            Asked::Topics => 7,
            Asked::Markers => 1,
            #[cfg(feature = "server")]
            Asked::Partitions(_) => 5,
            // The newest of each.
            #[cfg(feature = "server")]
            Asked::Forwarded(ApiKey::CreateTopics) => 7,
            #[cfg(feature = "server")]
            Asked::Forwarded(ApiKey::DeleteTopics) => 6,
            #[cfg(feature = "server")]
            Asked::Forwarded(ApiKey::CreatePartitions) => 3,
            #[cfg(feature = "server")]
            Asked::Forwarded(ApiKey::AlterConfigs) => 2,
            #[cfg(feature = "server")]
            Asked::Forwarded(_) => 1,
        }
    }
}

/// A request that is not answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct InFlight {
    pub(super) asked: Asked,
    correlation_id: i32,
    deadline_ms: u64,
}

impl InFlight {
    /// The answer that has come.
    pub(super) fn decode<R: Request>(self, frame: Bytes) -> Result<R::Response, String> {
        decode_answer::<R>(frame, self.asked.version(), self.correlation_id)
    }
}

#[derive(Debug, Default)]
pub(super) struct Link {
    /// To be carried.
    requests: VecDeque<Bytes>,
    in_flight: VecDeque<InFlight>,
    next_correlation_id: i32,
    /// Whether the connection is to be closed before anything else is sent.
    close: bool,
    failures: u32,
    /// Nothing is asked before.
    not_before_ms: u64,
}

impl Link {
    pub(super) fn is_in_flight(&self, asked: Asked) -> bool {
        self.in_flight.iter().any(|request| request.asked == asked)
    }

    /// Whether something has failed, and nothing has succeeded since.
    pub(super) fn has_failed(&self) -> bool {
        self.failures > 0
    }

    pub(super) fn not_before_ms(&self) -> u64 {
        self.not_before_ms
    }

    pub(super) fn send<R: Request>(
        &mut self,
        now: Now,
        asked: Asked,
        request: &R,
        client_id: &str,
    ) -> Result<(), String> {
        let correlation_id = self.next_correlation_id;
        self.requests.push_back(encode_request(request, asked.version(), correlation_id, client_id)?);
        self.next_correlation_id = correlation_id.wrapping_add(1);
        let deadline_ms = now.monotonic_ms + REQUEST_TIMEOUT_MS;
        self.in_flight.push_back(InFlight { asked, correlation_id, deadline_ms });
        Ok(())
    }

    pub(super) fn poll_request(&mut self) -> Option<Bytes> {
        if self.close { None } else { self.requests.pop_front() }
    }

    pub(super) fn poll_close(&mut self) -> bool {
        std::mem::take(&mut self.close)
    }

    /// The request to which the next frame is the answer. What still comes on a connection that is to be closed is
    /// dropped.
    pub(super) fn next_answered(&mut self) -> Option<Result<InFlight, String>> {
        if self.close {
            return None;
        }
        Some(self.in_flight.pop_front().ok_or_else(|| "nothing was asked".to_owned()))
    }

    /// When the other broker is to have answered.
    pub(super) fn deadline(&self) -> Option<u64> {
        self.in_flight.front().map(|request| request.deadline_ms)
    }

    pub(super) fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// A request was refused, and is not sent again at once.
    pub(super) fn back_off(&mut self, now: Now) {
        self.not_before_ms = now.monotonic_ms + backoff_ms(self.failures);
        self.failures += 1;
    }

    /// The connection has ended: nobody knows what became of what was under way.
    pub(super) fn lost(&mut self, now: Now) {
        self.requests.clear();
        self.in_flight.clear();
        self.back_off(now);
    }

    /// The connection is of no use.
    pub(super) fn close(&mut self, now: Now) {
        self.lost(now);
        self.close = true;
    }
}

/// How long to wait after so many failures in a row, and one more.
pub(super) fn backoff_ms(failures: u32) -> u64 {
    (BACKOFF_MS << failures.min(8)).min(MAX_BACKOFF_MS)
}
