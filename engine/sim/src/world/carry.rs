//! Frames and the ends of connections, carried between actors and the broker.

use bytes::Bytes;
use headwater_engine::ConnectionId;
use kafka_protocol::messages::ApiKey;

use super::broker::produce_request;
use super::{Event, World};
use crate::actors::Wish;
use crate::checkers::Asked;
use crate::faults::Fault;
use crate::plant::Plant;
use crate::storage::Crash;

/// The connection of requests that are delivered twice.
pub(super) const NOBODY: ConnectionId = ConnectionId(u64::MAX);

impl World {
    /// Does what an actor wants of its connection.
    pub(super) fn grant(&mut self, actor: usize, wish: Wish) {
        match wish {
            Wish::Connect => {
                self.client_closes(actor);
                let connection = self.network.connect(actor);
                self.connections[actor] = Some(connection);
                self.send(connection, true, Event::Connect(connection));
            }
            Wish::Close => self.client_closes(actor),
            Wish::Send(frame) => {
                if let Some(connection) = self.connections[actor] {
                    self.send_to_broker(connection, frame);
                }
            }
        }
    }

    /// Sends something on a connection, behind all that was sent before.
    fn send(&mut self, connection: ConnectionId, to_broker: bool, event: Event) {
        let faults = self.scenario.network;
        let delay_ms = if self.random.one_in(faults.slow) {
            self.medium.borrow_mut().tally.count(Fault::SlowNetwork);
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
                self.medium.borrow_mut().tally.count(Fault::HalfRequest);
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
        self.medium.borrow_mut().tally.count(Fault::ConnectionLost);
        self.spare_the_intolerant(connection);
        self.trace.say(format_args!("connection {} is lost", connection.0));
        self.send(connection, true, Event::BrokerLearnsEnd(connection));
        self.send(connection, false, Event::ClientLearnsEnd(connection));
    }

    fn client_closes(&mut self, actor: usize) {
        let Some(connection) = self.connections[actor].take() else { return };
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
            && let Some(actor) = self.actors.get(connection.actor)
        {
            connection.lost_to_broker |= !actor.tolerates_late_requests();
        }
    }

    pub(super) fn broker_closes(&mut self, id: ConnectionId) {
        self.checks.answers.closed(id);
        let first = self.network.end(id, &mut self.random);
        let Some(connection) = self.network.connections.get_mut(&id) else { return };
        connection.at_broker = false;
        if first {
            connection.lost_to_client = false;
            self.send(id, false, Event::ClientLearnsEnd(id));
        }
    }

    /// The broker's process is gone, and with it its end of all connections.
    pub(super) fn connections_break(&mut self, crash: Crash) {
        let ids: Vec<ConnectionId> = self.network.connections.keys().copied().collect();
        for id in ids {
            self.checks.answers.closed(id);
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
        let is_up = self.server.is_some();
        let Some(connection) = self.network.connections.get_mut(&id) else { return };
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
        let actor = connection.actor;
        if self.connections[actor] == Some(id) {
            connection.at_client = true;
            self.with_actor(actor, |actor, context| actor.connected(context));
        }
    }

    pub(super) fn request_arrives(&mut self, id: ConnectionId, frame: &Bytes) {
        let Some(connection) = self.network.connections.get(&id) else { return };
        if !connection.at_broker || connection.lost_to_broker || self.server.is_none() {
            return;
        }
        if connection.ended {
            self.medium.borrow_mut().tally.count(Fault::LateRequest);
        }
        self.checks.answers.asked(id, frame, is_answered(frame), self.now_ms);
        let now = self.now();
        if let Some(server) = &mut self.server {
            server.driver.handle_request(now, id, frame.clone());
            if self.plant == Some(Plant::DuplicateRequest) && self.random.one_in(10) && is_produce(frame) {
                server.driver.handle_request(now, NOBODY, frame.clone());
            }
        }
        self.worked();
    }

    pub(super) fn answer_arrives(&mut self, id: ConnectionId, frame: Bytes) {
        let Some(connection) = self.network.connections.get(&id) else { return };
        let actor = connection.actor;
        if connection.lost_to_client || !connection.at_client || self.connections[actor] != Some(id) {
            return;
        }
        self.with_actor(actor, |actor, context| actor.frame(context, frame));
    }

    pub(super) fn broker_learns_end(&mut self, id: ConnectionId) {
        let now = self.now();
        if let Some(connection) = self.network.connections.get_mut(&id)
            && connection.at_broker
        {
            connection.at_broker = false;
            self.checks.answers.closed(id);
            if let Some(server) = &mut self.server {
                server.driver.handle_disconnect(now, id);
            }
        }
        self.network.forget_closed(id);
        self.worked();
    }

    pub(super) fn client_learns_end(&mut self, id: ConnectionId) {
        let Some(connection) = self.network.connections.get_mut(&id) else { return };
        connection.at_client = false;
        let actor = connection.actor;
        self.network.forget_closed(id);
        if self.connections[actor] == Some(id) {
            self.connections[actor] = None;
            self.with_actor(actor, |actor, context| actor.disconnected(context));
        }
    }
}

fn is_produce(frame: &[u8]) -> bool {
    frame.starts_with(&(ApiKey::Produce as i16).to_be_bytes())
}

/// Whether a request gets an answer: one that was cut off does not, nor does a Produce with acks=0.
fn is_answered(frame: &Bytes) -> bool {
    let Some(asked) = Asked::parse(frame) else { return false };
    !is_produce(frame) || produce_request(&asked).is_some_and(|request| request.acks != 0)
}
