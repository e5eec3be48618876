//! Frames and the ends of connections, carried between actors and brokers, and among brokers.

use bytes::Bytes;
use headwater_engine::{ConnectionId, NodeId};
use kafka_protocol::messages::ApiKey;

use super::broker::produce_request;
use super::{Event, World};
use crate::actors::{News, Wish};
use crate::checkers::Asked;
use crate::faults::Fault;
use crate::network::Client;
use crate::plant::Plant;
use crate::storage::Crash;

/// The connection of requests that are delivered twice.
pub(super) const NOBODY: ConnectionId = ConnectionId(u64::MAX);
/// From when on a planted bug has brokers hear nothing of the controller.
const DEAF_FROM_MS: u64 = 1_500;
/// So much later a planted bug has a record come.
const LATE_MS: u64 = 500;

impl World {
    /// Does what an actor wants of its connection.
    pub(super) fn grant(&mut self, actor: usize, wish: Wish) {
        match wish {
            Wish::Connect(broker) => {
                self.client_closes(Client::Actor(actor), broker);
                self.connect(Client::Actor(actor), broker);
            }
            Wish::Close(broker) => self.client_closes(Client::Actor(actor), broker),
            Wish::Send(broker, frame) => {
                if let Some(connection) = self.connections[actor][broker] {
                    self.send_to_broker(connection, frame);
                }
            }
        }
    }

    /// Does what a broker wants of its connections to others.
    pub(super) fn carry_to_peers(&mut self, node: usize, closes: &[NodeId], requests: Vec<(NodeId, Bytes)>) {
        for peer in closes {
            self.client_closes(Client::Broker(node), number_of(*peer));
        }
        for (peer, frame) in requests {
            let peer = number_of(peer);
            let link = self.nodes[node].links[peer];
            let link = link.unwrap_or_else(|| self.connect(Client::Broker(node), peer));
            self.send_to_broker(link, frame);
        }
    }

    fn connect(&mut self, client: Client, broker: usize) -> ConnectionId {
        let connection = self.network.connect(client, broker);
        *self.connection_mut(client, broker) = Some(connection);
        self.send(connection, true, Event::Connect(connection));
        connection
    }

    /// The connection that a client has to a broker.
    fn connection_mut(&mut self, client: Client, broker: usize) -> &mut Option<ConnectionId> {
        match client {
            Client::Actor(actor) => &mut self.connections[actor][broker],
            Client::Broker(node) => &mut self.nodes[node].links[broker],
        }
    }

    /// Sends something on a connection, behind all that was sent before.
    fn send(&mut self, connection: ConnectionId, to_broker: bool, event: Event) {
        let faults = self.scenario.network;
        let slow = if self.is_link(connection) { faults.slow_between_brokers } else { faults.slow };
        let delay_ms = if self.random.one_in(slow) {
            self.tally.count(Fault::SlowNetwork);
            self.random.within(200..5_000)
        } else {
            // Never nothing: a consumer that does not wait for records would go round without time passing.
            1 + self.random.below(faults.latency_ms)
        };
        if let Some(at) = self.network.arrival(connection, to_broker, self.now_ms, delay_ms) {
            self.at(at, event);
        }
    }

    fn send_to_broker(&mut self, connection: ConnectionId, frame: Bytes) {
        if self.network.connections.get(&connection).is_none_or(|c| c.ended) {
            return;
        }
        if self.random.one_in(self.scenario.network.lost) {
            if self.random.one_in(4) {
                self.tally.count(Fault::HalfRequest);
                let half = frame.slice(..frame.len() / 2);
                self.send(connection, true, Event::ToBroker(connection, half));
            }
            self.connection_breaks(connection);
            return;
        }
        self.send(connection, true, Event::ToBroker(connection, frame));
    }

    pub(super) fn send_to_client(&mut self, connection: ConnectionId, frame: Bytes) {
        if self.network.connections.get(&connection).is_none_or(|c| c.ended) {
            return;
        }
        if self.plant == Some(Plant::DeafBrokers) && self.now_ms > DEAF_FROM_MS && self.is_link(connection) {
            return;
        }
        if self.random.one_in(self.scenario.network.lost) {
            self.connection_breaks(connection);
            return;
        }
        self.send(connection, false, Event::ToClient(connection, frame));
    }

    /// A connection ends by no one's will.
    fn connection_breaks(&mut self, connection: ConnectionId) {
        if !self.network.end(connection, &mut self.random) {
            return;
        }
        let is_link = self.is_link(connection);
        self.tally.count(if is_link { Fault::PeerLost } else { Fault::ConnectionLost });
        self.spare_the_intolerant(connection);
        self.trace.say(format_args!("connection {} is lost", connection.0));
        self.send(connection, true, Event::BrokerLearnsEnd(connection));
        self.send(connection, false, Event::ClientLearnsEnd(connection));
    }

    fn is_link(&self, connection: ConnectionId) -> bool {
        let connection = self.network.connections.get(&connection);
        connection.is_some_and(|connection| matches!(connection.client, Client::Broker(_)))
    }

    fn client_closes(&mut self, client: Client, broker: usize) {
        let Some(connection) = self.connection_mut(client, broker).take() else { return };
        let first = self.network.end(connection, &mut self.random);
        if let Some(connection) = self.network.connections.get_mut(&connection) {
            connection.at_client = false;
        }
        if first {
            self.spare_the_intolerant(connection);
            self.send(connection, true, Event::BrokerLearnsEnd(connection));
        }
    }

    fn spare_the_intolerant(&mut self, id: ConnectionId) {
        if let Some(connection) = self.network.connections.get_mut(&id)
            && let Client::Actor(actor) = connection.client
            && let Some(actor) = self.actors.get(actor)
        {
            connection.lost_to_broker |= !actor.tolerates_late_requests();
        }
    }

    pub(super) fn broker_closes(&mut self, id: ConnectionId) {
        self.checks.closed(id);
        let first = self.network.end(id, &mut self.random);
        let Some(connection) = self.network.connections.get_mut(&id) else { return };
        connection.at_broker = false;
        if first {
            connection.lost_to_client = false;
            self.send(id, false, Event::ClientLearnsEnd(id));
        }
    }

    /// A broker's process is gone, and with it its end of all connections.
    pub(super) fn connections_break(&mut self, node: usize, crash: Crash) {
        for peer in 0..self.nodes.len() {
            self.client_closes(Client::Broker(node), peer);
        }
        let of_node = self.network.connections.iter().filter(|(_, c)| c.broker == node);
        let ids: Vec<ConnectionId> = of_node.map(|(id, _)| *id).collect();
        for id in ids {
            self.checks.closed(id);
            let first = self.network.end(id, &mut self.random);
            let Some(connection) = self.network.connections.get_mut(&id) else { continue };
            connection.at_broker = false;
            connection.lost_to_broker = true;
            // What a power cut has taken back must not be heard of afterwards.
            connection.lost_to_client |= crash == Crash::PowerCut;
            if first {
                self.send(id, false, Event::ClientLearnsEnd(id));
            }
            self.network.forget_closed(id);
        }
    }

    pub(super) fn connection_arrives(&mut self, id: ConnectionId) {
        let Some(connection) = self.network.connections.get_mut(&id) else { return };
        let is_up = self.nodes[connection.broker].server.is_some();
        if is_up {
            connection.at_broker = true;
            if !connection.ended {
                self.send(id, false, Event::Connected(id));
            }
        } else if !connection.ended {
            connection.ended = true;
            self.send(id, false, Event::ClientLearnsEnd(id));
        }
    }

    pub(super) fn client_connected(&mut self, id: ConnectionId) {
        let Some(connection) = self.network.connections.get_mut(&id) else { return };
        let (client, broker) = (connection.client, connection.broker);
        if *self.connection_mut(client, broker) != Some(id) {
            return;
        }
        if let Some(connection) = self.network.connections.get_mut(&id) {
            connection.at_client = true;
        }
        if let Client::Actor(actor) = client {
            self.with_actor(actor, |actor, context| actor.hear(context, News::Connected(broker)));
        }
    }

    pub(super) fn request_arrives(&mut self, id: ConnectionId, frame: &Bytes) {
        let Some(connection) = self.network.connections.get(&id) else { return };
        let node = connection.broker;
        if !connection.at_broker || connection.lost_to_broker || self.nodes[node].server.is_none() {
            return;
        }
        if connection.ended && is_marker(frame) {
            // It has been sent again on another connection, perhaps, and the next transaction begun, which it would end. Nothing tells
            // the two apart before transactions of version 2 (KIP-890).
            return;
        }
        if connection.ended {
            self.tally.count(Fault::LateRequest);
        }
        self.checks.asked(id, frame, is_answered(frame), self.now_ms);
        self.note_deletion(node, id, frame);
        let now = self.now();
        if let Some(server) = &mut self.nodes[node].server {
            let instead = self.plant.and_then(|plant| plant.instead_of(frame));
            server.driver.handle_request(now, id, instead.unwrap_or_else(|| frame.clone()));
            if self.plant == Some(Plant::DuplicateRequest) && self.random.one_in(10) && is_produce(frame) {
                server.driver.handle_request(now, NOBODY, frame.clone());
            }
        }
        if let Some(late) = self.plant.and_then(|plant| plant.follows(frame)) {
            self.after(LATE_MS, Event::Late(node, late));
        }
        self.worked(node);
    }

    pub(super) fn late_request_arrives(&mut self, node: usize, frame: Bytes) {
        let now = self.now();
        if let Some(server) = &mut self.nodes[node].server {
            server.driver.handle_request(now, NOBODY, frame);
            self.worked(node);
        }
    }

    pub(super) fn answer_arrives(&mut self, id: ConnectionId, frame: Bytes) {
        let Some(connection) = self.network.connections.get(&id) else { return };
        let (client, broker) = (connection.client, connection.broker);
        if connection.lost_to_client
            || !connection.at_client
            || *self.connection_mut(client, broker) != Some(id)
        {
            return;
        }
        match client {
            Client::Actor(actor) => {
                self.with_actor(actor, |actor, context| actor.hear(context, News::Frame(broker, frame)));
            }
            Client::Broker(node) => {
                let now = self.now();
                if let Some(server) = &mut self.nodes[node].server {
                    server.driver.handle_peer_response(now, peer_id(broker), frame);
                }
                self.worked(node);
            }
        }
    }

    pub(super) fn broker_learns_end(&mut self, id: ConnectionId) {
        let now = self.now();
        let Some(connection) = self.network.connections.get_mut(&id) else { return };
        let node = connection.broker;
        if connection.at_broker {
            connection.at_broker = false;
            self.checks.closed(id);
            if let Some(server) = &mut self.nodes[node].server {
                server.driver.handle_disconnect(now, id);
            }
        }
        self.network.forget_closed(id);
        self.worked(node);
    }

    pub(super) fn client_learns_end(&mut self, id: ConnectionId) {
        let Some(connection) = self.network.connections.get_mut(&id) else { return };
        connection.at_client = false;
        let (client, broker) = (connection.client, connection.broker);
        self.network.forget_closed(id);
        if *self.connection_mut(client, broker) != Some(id) {
            return;
        }
        *self.connection_mut(client, broker) = None;
        match client {
            Client::Actor(actor) => {
                self.with_actor(actor, |actor, context| actor.hear(context, News::Disconnected(broker)));
            }
            Client::Broker(node) => {
                let now = self.now();
                if let Some(server) = &mut self.nodes[node].server {
                    server.driver.handle_peer_disconnect(now, peer_id(broker));
                }
                self.worked(node);
            }
        }
    }
}

fn peer_id(broker: usize) -> NodeId {
    NodeId::try_from(broker).unwrap_or(NodeId::MAX)
}

fn number_of(peer: NodeId) -> usize {
    usize::try_from(peer).unwrap_or(usize::MAX)
}

fn is_produce(frame: &[u8]) -> bool {
    frame.starts_with(&(ApiKey::Produce as i16).to_be_bytes())
}

fn is_marker(frame: &[u8]) -> bool {
    frame.starts_with(&(ApiKey::WriteTxnMarkers as i16).to_be_bytes())
}

/// Whether a request gets an answer: one that was cut off does not, nor does a Produce with acks=0.
fn is_answered(frame: &Bytes) -> bool {
    let Some(asked) = Asked::parse(frame) else { return false };
    !is_produce(frame) || produce_request(&asked).is_some_and(|request| request.acks != 0)
}
