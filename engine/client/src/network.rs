//! Connections to brokers: which are wanted, what was asked on them, and what came back.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use headwater_engine::Now;
use kafka_protocol::protocol::Request;

use crate::config::ClientConfig;
use crate::error::{ClientError, code};
use crate::random::Random;
use crate::wire;
use connection::{Connection, State};
use headwater_engine::sorted::SortedMap;

mod connection;

/// A connection to a broker: where that is reached, as Metadata names it, and which of the connections to it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Address {
    /// The host's name.
    pub host: Arc<str>,
    /// The port.
    pub port: u16,
    /// 0 is the connection that everybody shares. A broker answers the requests of a connection one after the other, so
    /// who may have to wait long for an answer has a lane of its own. To a transport it is another connection to the same
    /// broker.
    pub lane: u32,
}

impl Address {
    /// An address, on the shared lane.
    #[must_use]
    pub fn new(host: &str, port: u16) -> Address {
        Address { host: host.into(), port, lane: 0 }
    }

    /// Another connection to the same broker.
    #[must_use]
    pub fn on_lane(&self, lane: u32) -> Address {
        Address { lane, ..self.clone() }
    }
}

/// The lane of what changes topics and groups, where it has one.
pub(crate) const CHANGES_LANE: u32 = 1;

/// The lanes of a producer or consumer that has connections of its own; a consumer has the second one to the coordinator of its
/// group. Ids count from 1.
pub(crate) fn lanes(id: u32) -> [u32; 2] {
    [id.wrapping_mul(2), id.wrapping_mul(2).wrapping_add(1)]
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// Who asked; gets the answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Owner {
    Network,
    Metadata,
    Producer(u32),
    Consumer(u32),
    /// The consumer's membership of its group.
    Member(u32),
    Admin,
}

impl Owner {
    /// The number of a producer or consumer.
    fn number(self) -> Option<u32> {
        match self {
            Owner::Producer(id) | Owner::Consumer(id) | Owner::Member(id) => Some(id),
            Owner::Network | Owner::Metadata | Owner::Admin => None,
        }
    }
}

/// How a request ended.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) owner: Owner,
    /// What the owner gave with the request.
    pub(crate) tag: u64,
    pub(crate) version: i16,
    pub(crate) outcome: Result<Bytes, ClientError>,
}

impl Answer {
    /// The answer as a message.
    pub(crate) fn decode<R: Request>(self) -> Result<R::Response, ClientError> {
        wire::decode::<R>(self.outcome?, self.version)
    }
}

/// The connections of one client.
#[derive(Debug)]
pub(crate) struct Network {
    config: Arc<ClientConfig>,
    connections: SortedMap<Address, Connection>,
    transmits: VecDeque<(Address, Bytes)>,
    closes: VecDeque<Address>,
    answers: VecDeque<Answer>,
    /// Never goes back, over all connections: an answer to a connection that is gone is known by it.
    next_correlation_id: i32,
    /// The client ids of producers and consumers that have their own.
    client_ids: SortedMap<u32, String>,
    random: Random,
}

impl Network {
    pub(crate) fn new(config: Arc<ClientConfig>, random: Random) -> Network {
        Network {
            config,
            connections: SortedMap::new(),
            transmits: VecDeque::new(),
            closes: VecDeque::new(),
            answers: VecDeque::new(),
            next_correlation_id: 1,
            client_ids: SortedMap::new(),
            random,
        }
    }

    /// What a producer or consumer calls itself; none: as the client does, or it is no more.
    pub(crate) fn name(&mut self, id: u32, client_id: Option<String>) {
        match client_id {
            Some(client_id) => drop(self.client_ids.insert(id, client_id)),
            None => drop(self.client_ids.remove(&id)),
        }
    }

    /// Whether requests can be sent to a broker now. If not, sees to it that they can be soon.
    pub(crate) fn ready(&mut self, address: &Address) -> bool {
        match self.connections.get_mut(address) {
            Some(connection) => {
                connection.want();
                connection.state == State::Ready
            }
            None => {
                let mut connection = Connection::new();
                connection.want();
                self.connections.insert(address.clone(), connection);
                false
            }
        }
    }

    /// Whether a broker can be asked now; does nothing about it if not.
    pub(crate) fn is_ready(&self, address: &Address) -> bool {
        self.connections.get(address).is_some_and(|connection| connection.state == State::Ready)
    }

    /// Whether a connection failed lately and waits before it is tried again.
    pub(crate) fn backing_off(&self, now: Now, address: &Address) -> bool {
        self.connections.get(address).is_some_and(|connection| connection.backing_off(now))
    }

    /// How many requests of an owner a broker has not answered.
    pub(crate) fn in_flight(&self, address: &Address, owner: Owner) -> usize {
        self.connections.get(address).map_or(0, |connection| connection.in_flight(owner))
    }

    /// The highest version of `R` that both sides know, at most `highest`.
    pub(crate) fn version<R: Request>(&self, address: &Address, highest: i16) -> Result<i16, ClientError> {
        let ours = (R::VERSIONS.min, R::VERSIONS.max.min(highest));
        let theirs = self.connections.get(address).and_then(|connection| connection.versions_of(R::KEY));
        match theirs {
            Some((min, max)) if min.max(ours.0) <= max.min(ours.1) => Ok(max.min(ours.1)),
            Some((min, max)) => Err(ClientError::ours(
                code::UNSUPPORTED_VERSION,
                format!(
                    "The broker at {address} knows versions {min} to {max} of API {}, this client {} to {}.",
                    R::KEY,
                    ours.0,
                    ours.1
                ),
            )),
            None => Err(ClientError::ours(
                code::UNSUPPORTED_VERSION,
                format!("The broker at {address} does not have API {}.", R::KEY),
            )),
        }
    }

    /// Sends a request to a broker that is [`Network::ready`]. It is answered exactly once, with `tag`; one that gets
    /// no response (acks=0) not at all.
    pub(crate) fn send<R: Request>(
        &mut self,
        now: Now,
        address: &Address,
        (owner, tag): (Owner, u64),
        request: &R,
        version: i16,
        (timeout_ms, answered): (u64, bool),
    ) -> Result<(), ClientError> {
        let correlation_id = self.next_correlation_id;
        let own = owner.number().and_then(|id| self.client_ids.get(&id));
        let client_id = own.unwrap_or(&self.config.client_id);
        let frame = wire::encode(request, version, correlation_id, client_id)?;
        let Some(connection) = self.connections.get_mut(address) else {
            return Err(ClientError::ours(code::NETWORK_EXCEPTION, format!("{address} is not connected.")));
        };
        self.next_correlation_id = correlation_id.checked_add(1).unwrap_or(1);
        if answered {
            connection.sent(connection::InFlight {
                correlation_id,
                owner,
                tag,
                version,
                deadline_ms: now.monotonic_ms + timeout_ms,
            });
        }
        self.transmits.push_back((address.clone(), frame));
        Ok(())
    }

    /// A broker to connect to. The transport answers with `handle_connected` or `handle_disconnect`.
    pub(crate) fn poll_connect(&mut self, now: Now) -> Option<Address> {
        let deadline_ms = now.monotonic_ms + self.config.socket_connection_setup_timeout_ms;
        let (address, connection) = self.connections.iter_mut().find(|(_, c)| c.to_connect(now))?;
        connection.connecting(deadline_ms);
        Some(address.clone())
    }

    pub(crate) fn poll_transmit(&mut self) -> Option<(Address, Bytes)> {
        self.transmits.pop_front()
    }

    pub(crate) fn poll_close(&mut self) -> Option<Address> {
        self.closes.pop_front()
    }

    pub(crate) fn poll_answer(&mut self) -> Option<Answer> {
        self.answers.pop_front()
    }

    pub(crate) fn handle_connected(&mut self, now: Now, address: &Address) {
        let first = self.next_correlation_id;
        let Some(connection) = self.connections.get_mut(address) else { return };
        if !matches!(connection.state, State::Connecting { .. }) {
            return;
        }
        connection.connected(first);
        self.ask_versions(now, address, connection::API_VERSIONS_FIRST_TRY);
    }

    fn ask_versions(&mut self, now: Now, address: &Address, version: i16) {
        let request = connection::api_versions_request(version);
        let tag = version.unsigned_abs().into();
        let timeout_ms = self.config.request_timeout_ms;
        // This request is of constants: it can be encoded, and the connection exists.
        if let Err(error) =
            self.send(now, address, (Owner::Network, tag), &request, version, (timeout_ms, true))
        {
            self.lose(now, address, &error, true);
        }
    }

    pub(crate) fn handle_frame(&mut self, now: Now, address: &Address, frame: Bytes) {
        let Some(connection) = self.connections.get_mut(address) else { return };
        match connection.answer_to(wire::correlation_id(&frame)) {
            connection::Match::Request(request) if request.owner == Owner::Network => {
                match connection.take_versions(frame, request.version) {
                    connection::Negotiated::Done => {}
                    connection::Negotiated::AskAgain(version) => self.ask_versions(now, address, version),
                    connection::Negotiated::Failed(error) => self.lose(now, address, &error, true),
                }
            }
            connection::Match::Request(request) => {
                let connection::InFlight { owner, tag, version, .. } = request;
                self.answers.push_back(Answer { owner, tag, version, outcome: Ok(frame) });
            }
            connection::Match::OfEarlierConnection => {}
            connection::Match::Nothing => {
                let error = ClientError::ours(
                    code::NETWORK_EXCEPTION,
                    format!("{address} sent something that answers no request; the connection is closed."),
                );
                self.lose(now, address, &error, true);
            }
        }
    }

    pub(crate) fn handle_reachable(&mut self, broker: &Address) {
        let to_it = self.connections.iter_mut().filter(|(address, _)| address.on_lane(0) == *broker);
        to_it.for_each(|(_, connection)| connection.rested());
    }

    pub(crate) fn handle_disconnect(&mut self, now: Now, address: &Address) {
        let error = ClientError::ours(
            code::NETWORK_EXCEPTION,
            format!("The connection to {address} was lost before it answered."),
        );
        self.lose(now, address, &error, false);
    }

    /// Ends what took too long. A request without an answer ends its connection, as nothing behind it would be answered
    /// either.
    pub(crate) fn handle_timeout(&mut self, now: Now) {
        let overdue: Vec<Address> = self
            .connections
            .iter()
            .filter(|(_, connection)| connection.deadline_ms().is_some_and(|at| at <= now.monotonic_ms))
            .map(|(address, _)| address.clone())
            .collect();
        for address in overdue {
            let error = ClientError::ours(
                code::REQUEST_TIMED_OUT,
                format!("{address} did not answer in time; what was asked may still be done."),
            );
            self.lose(now, &address, &error, true);
        }
    }

    fn lose(&mut self, now: Now, address: &Address, error: &ClientError, close: bool) {
        let Some(connection) = self.connections.get_mut(address) else { return };
        let backoff = self.random.jitter(connection.next_backoff(&self.config));
        let unanswered = connection.lost(now, backoff);
        self.transmits.retain(|(to, _)| to != address);
        if close {
            self.closes.push_back(address.clone());
        }
        for connection::InFlight { owner, tag, version, .. } in unanswered {
            if owner != Owner::Network {
                self.answers.push_back(Answer { owner, tag, version, outcome: Err(error.clone()) });
            }
        }
    }

    /// When to call [`Network::handle_timeout`] or [`Network::poll_connect`] at the latest.
    pub(crate) fn poll_timeout(&self) -> Option<u64> {
        self.connections.values().filter_map(Connection::wakeup_ms).min()
    }

    /// Closes the connections of somebody who is gone; what he asked is answered to nobody.
    pub(crate) fn close_lanes(&mut self, gone: &[u32]) {
        let closes = &mut self.closes;
        self.connections.retain(|address, connection| {
            let keep = !gone.contains(&address.lane) || address.lane == 0;
            if !keep && !matches!(connection.state, State::Disconnected { .. }) {
                closes.push_back(address.clone());
            }
            keep
        });
        self.transmits.retain(|(to, _)| !gone.contains(&to.lane) || to.lane == 0);
    }

    /// Forgets brokers that are no longer part of the cluster, once nothing is asked of them. `known` gets addresses on
    /// the shared lane.
    pub(crate) fn retain(&mut self, known: impl Fn(&Address) -> bool) {
        let closes = &mut self.closes;
        self.connections.retain(|address, connection| {
            let keep = known(&address.on_lane(0)) || !connection.is_idle();
            if !keep && connection.state == State::Ready {
                closes.push_back(address.clone());
            }
            keep
        });
    }
}
