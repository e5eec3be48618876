//! Connections to brokers, of clients and of other brokers. Frames of one connection keep their order in each direction; connections do
//! not wait for each other.
//!
//! # The fault model
//!
//! A connection may end at any frame. Then either side learns of it, each at its own time, and of what was under way in
//! a direction all arrives or nothing does: a request may be worked on long after its sender has given it up. The last
//! request may arrive by half. Frames may take long. No frame arrives twice.

use std::collections::BTreeMap;

use headwater_engine::ConnectionId;

use crate::random::Random;

/// How often what goes wrong: once in so many frames, never if 0.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct NetworkFaults {
    pub(crate) lost: u64,
    pub(crate) slow: u64,
    /// The same between brokers, where it makes them know of changes late.
    pub(crate) slow_between_brokers: u64,
    /// An ordinary frame takes up to so long.
    pub(crate) latency_ms: u64,
}

/// Who asks on a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Client {
    /// An actor, by its index.
    Actor(usize),
    /// A broker, by its number.
    Broker(usize),
}

/// One connection, as both ends have it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Connection {
    pub(crate) client: Client,
    /// The number of the broker that answers.
    pub(crate) broker: usize,
    /// Whether the broker's end is open.
    pub(crate) at_broker: bool,
    /// Whether the client's end is open.
    pub(crate) at_client: bool,
    /// Whether it has ended: nothing more is sent.
    pub(crate) ended: bool,
    /// What is under way to the broker will not arrive.
    pub(crate) lost_to_broker: bool,
    /// What is under way to the client will not arrive.
    pub(crate) lost_to_client: bool,
    to_broker_at: u64,
    to_client_at: u64,
}

/// All connections that somebody has open.
#[derive(Debug, Default)]
pub(crate) struct Network {
    pub(crate) connections: BTreeMap<ConnectionId, Connection>,
    next: u64,
}

impl Network {
    /// A connection that is being made.
    pub(crate) fn connect(&mut self, client: Client, broker: usize) -> ConnectionId {
        let id = ConnectionId(self.next);
        self.next += 1;
        let connection = Connection {
            client,
            broker,
            at_broker: false,
            at_client: false,
            ended: false,
            lost_to_broker: false,
            lost_to_client: false,
            to_broker_at: 0,
            to_client_at: 0,
        };
        self.connections.insert(id, connection);
        id
    }

    /// When something sent now arrives, behind all that was sent before.
    pub(crate) fn arrival(
        &mut self,
        id: ConnectionId,
        to_broker: bool,
        now_ms: u64,
        delay_ms: u64,
    ) -> Option<u64> {
        let connection = self.connections.get_mut(&id)?;
        let last = if to_broker { &mut connection.to_broker_at } else { &mut connection.to_client_at };
        *last = (now_ms + delay_ms).max(*last);
        Some(*last)
    }

    /// Ends a connection; what is under way may get lost. True if it was not at its end before.
    pub(crate) fn end(&mut self, id: ConnectionId, random: &mut Random) -> bool {
        let Some(connection) = self.connections.get_mut(&id).filter(|connection| !connection.ended) else {
            return false;
        };
        connection.ended = true;
        connection.lost_to_broker = random.coin();
        connection.lost_to_client = random.coin();
        true
    }

    /// Forgets a connection that neither end has open.
    pub(crate) fn forget_closed(&mut self, id: ConnectionId) {
        if self.connections.get(&id).is_some_and(|c| !c.at_broker && !c.at_client && c.ended) {
            self.connections.remove(&id);
        }
    }
}
