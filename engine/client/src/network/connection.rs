//! One connection: its state, the versions its broker knows, and the requests it has not answered.

use std::collections::VecDeque;

use bytes::Bytes;
use headwater_engine::Now;
use kafka_protocol::messages::{ApiVersionsRequest, ApiVersionsResponse};

use super::Owner;
use crate::config::ClientConfig;
use crate::error::{ClientError, code};
use crate::wire;

/// The version of ApiVersions that is tried first; a broker that does not know it answers in version 0 (KIP-511).
pub(super) const API_VERSIONS_FIRST_TRY: i16 = 3;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    /// Not connected; not before this time again.
    Disconnected { not_before_ms: u64, wanted: bool },
    /// The transport is at it.
    Connecting { deadline_ms: u64 },
    /// Connected; the versions are asked for.
    Negotiating,
    /// Requests can be sent.
    Ready,
}

/// A request that waits for its answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct InFlight {
    pub(super) correlation_id: i32,
    pub(super) owner: Owner,
    pub(super) tag: u64,
    pub(super) version: i16,
    pub(super) deadline_ms: u64,
}

/// What a frame answers.
pub(super) enum Match {
    Request(InFlight),
    /// A request that was given up with the connection it was sent on.
    OfEarlierConnection,
    Nothing,
}

/// What came of asking for the versions.
pub(super) enum Negotiated {
    Done,
    AskAgain(i16),
    Failed(ClientError),
}

#[derive(Debug)]
pub(super) struct Connection {
    pub(super) state: State,
    /// `(api key, first version, last version)`.
    versions: Vec<(i16, i16, i16)>,
    in_flight: VecDeque<InFlight>,
    first_correlation_id: i32,
    failures: u32,
}

impl Connection {
    pub(super) fn new() -> Connection {
        Connection {
            state: State::Disconnected { not_before_ms: 0, wanted: false },
            versions: Vec::new(),
            in_flight: VecDeque::new(),
            first_correlation_id: 0,
            failures: 0,
        }
    }

    pub(super) fn want(&mut self) {
        if let State::Disconnected { wanted, .. } = &mut self.state {
            *wanted = true;
        }
    }

    pub(super) fn to_connect(&self, now: Now) -> bool {
        matches!(self.state, State::Disconnected { not_before_ms, wanted: true } if not_before_ms <= now.monotonic_ms)
    }

    pub(super) fn backing_off(&self, now: Now) -> bool {
        matches!(self.state, State::Disconnected { not_before_ms, .. } if not_before_ms > now.monotonic_ms)
    }

    /// It need not wait before it is tried again.
    pub(super) fn rested(&mut self) {
        if let State::Disconnected { not_before_ms, .. } = &mut self.state {
            *not_before_ms = 0;
        }
    }

    pub(super) fn connecting(&mut self, deadline_ms: u64) {
        self.state = State::Connecting { deadline_ms };
    }

    pub(super) fn connected(&mut self, first_correlation_id: i32) {
        self.state = State::Negotiating;
        self.first_correlation_id = first_correlation_id;
    }

    pub(super) fn sent(&mut self, request: InFlight) {
        self.in_flight.push_back(request);
    }

    pub(super) fn in_flight(&self, owner: Owner) -> usize {
        self.in_flight.iter().filter(|request| request.owner == owner).count()
    }

    pub(super) fn is_idle(&self) -> bool {
        self.in_flight.is_empty()
    }

    pub(super) fn versions_of(&self, api_key: i16) -> Option<(i16, i16)> {
        self.versions.iter().find(|known| known.0 == api_key).map(|known| (known.1, known.2))
    }

    /// Kafka answers the requests of a connection in their order; the oldest is nearly always the one.
    pub(super) fn answer_to(&mut self, correlation_id: Option<i32>) -> Match {
        let Some(correlation_id) = correlation_id else { return Match::Nothing };
        if let Some(at) = self.in_flight.iter().position(|request| request.correlation_id == correlation_id) {
            return self.in_flight.remove(at).map_or(Match::Nothing, Match::Request);
        }
        if correlation_id < self.first_correlation_id
            || !matches!(self.state, State::Ready | State::Negotiating)
        {
            return Match::OfEarlierConnection;
        }
        Match::Nothing
    }

    /// Takes in the answer to ApiVersions. One with error 35 is in version 0 whatever was asked (KIP-511).
    pub(super) fn take_versions(&mut self, frame: Bytes, version: i16) -> Negotiated {
        let unsupported = frame.get(4..6) == Some(&code::UNSUPPORTED_VERSION.to_be_bytes()[..]);
        if unsupported && version > 0 {
            return Negotiated::AskAgain(0);
        }
        let response: ApiVersionsResponse = match wire::decode::<ApiVersionsRequest>(frame, version) {
            Ok(response) => response,
            Err(error) => return Negotiated::Failed(error),
        };
        if let Some(error) = ClientError::answered(response.error_code, None) {
            return Negotiated::Failed(error);
        }
        self.versions =
            response.api_keys.iter().map(|api| (api.api_key, api.min_version, api.max_version)).collect();
        self.state = State::Ready;
        self.failures = 0;
        Negotiated::Done
    }

    /// How long to wait before connecting again: doubling, up to a limit (`reconnect.backoff.max.ms`).
    pub(super) fn next_backoff(&self, config: &ClientConfig) -> u64 {
        let doubled = config.reconnect_backoff_ms.saturating_mul(1 << self.failures.min(20));
        doubled.min(config.reconnect_backoff_max_ms)
    }

    /// The connection is gone. Returns what it has not answered.
    pub(super) fn lost(&mut self, now: Now, backoff_ms: u64) -> VecDeque<InFlight> {
        self.failures += 1;
        self.state = State::Disconnected { not_before_ms: now.monotonic_ms + backoff_ms, wanted: false };
        std::mem::take(&mut self.in_flight)
    }

    /// When the connection has to be given up, unless something comes before.
    pub(super) fn deadline_ms(&self) -> Option<u64> {
        match self.state {
            State::Connecting { deadline_ms } => Some(deadline_ms),
            State::Disconnected { .. } => None,
            State::Negotiating | State::Ready => {
                self.in_flight.iter().map(|request| request.deadline_ms).min()
            }
        }
    }

    pub(super) fn wakeup_ms(&self) -> Option<u64> {
        match self.state {
            State::Disconnected { not_before_ms, wanted: true } => Some(not_before_ms),
            _ => self.deadline_ms(),
        }
    }
}

pub(super) fn api_versions_request(version: i16) -> ApiVersionsRequest {
    let request = ApiVersionsRequest::default();
    if version < 3 {
        return request;
    }
    request
        .with_client_software_name(wire::text("headwater"))
        .with_client_software_version(wire::text(env!("CARGO_PKG_VERSION")))
}
