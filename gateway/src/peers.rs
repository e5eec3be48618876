//! The ways between the brokers of this process: the same frames as over a network, in channels.

use std::collections::HashMap;
use std::net::SocketAddr;

use bytes::Bytes;
use headwater_engine::{ConnectionId, NodeId};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;

use crate::metrics::Report;
use crate::switchboard::{Description, Look, Seen};

/// What a broker's thread is told.
#[derive(Debug)]
pub(crate) enum Message {
    /// Another broker asks. A way that was closed and is used again is another way.
    PeerRequest { from: NodeId, way: u64, frame: Bytes },
    /// The answer to what this broker asked.
    PeerResponse { from: NodeId, way: u64, frame: Bytes },
    /// The one who asks has closed the way.
    PeerLeft { from: NodeId },
    /// The one who is asked has closed the way.
    PeerClosed { from: NodeId, way: u64 },
    /// What is counted, for people.
    Report(oneshot::Sender<Report>),
    /// How things stand, and what has happened beyond what was seen. Who watches is told what moves, too.
    Look { seen: Seen, watch: bool, to: oneshot::Sender<Look> },
    /// What is known of the log of a partition.
    Describe { topic: String, partition: i32, offset: Option<i64>, to: oneshot::Sender<Description> },
    /// A page's connection, from this address.
    Page { stream: std::os::unix::net::UnixStream, address: SocketAddr },
    /// Take nothing more in; say when all is answered.
    Drain,
    /// End.
    End,
}

/// A broker's ways to the others and theirs to it.
///
/// Channels have no limit: a broker asks another for few things and one of a kind at a time.
#[derive(Debug)]
pub(crate) struct Peers {
    node_id: NodeId,
    senders: Vec<UnboundedSender<Message>>,
    /// The number of the present way to each.
    ways: HashMap<NodeId, u64>,
    /// The connections as which the others ask, and whose and which way each is.
    asking: HashMap<ConnectionId, (NodeId, u64)>,
}

impl Peers {
    /// `senders` has all brokers by their number, this one too: it may ask itself.
    pub(crate) fn new(node_id: NodeId, senders: Vec<UnboundedSender<Message>>) -> Peers {
        Peers { node_id, senders, ways: HashMap::new(), asking: HashMap::new() }
    }

    fn send(&self, to: NodeId, message: Message) -> bool {
        let sender = usize::try_from(to).ok().and_then(|index| self.senders.get(index));
        sender.is_some_and(|sender| sender.send(message).is_ok())
    }

    /// Asks another broker; false when there is no such broker any more.
    pub(crate) fn ask(&mut self, peer: NodeId, frame: Bytes) -> bool {
        let way = *self.ways.entry(peer).or_default();
        self.send(peer, Message::PeerRequest { from: self.node_id, way, frame })
    }

    /// Closes the way to another broker.
    pub(crate) fn leave(&mut self, peer: NodeId) {
        *self.ways.entry(peer).or_default() += 1;
        self.send(peer, Message::PeerLeft { from: self.node_id });
    }

    /// Whether this way to a broker is the present one.
    pub(crate) fn is_open(&self, peer: NodeId, way: u64) -> bool {
        self.ways.get(&peer) == Some(&way)
    }

    /// The way to a broker was closed from there; whether it was the present one.
    pub(crate) fn was_closed(&mut self, peer: NodeId, way: u64) -> bool {
        let present = self.is_open(peer, way);
        if present {
            self.ways.insert(peer, way + 1);
        }
        present
    }

    /// The connection as which another broker asks over a way, if it has asked before.
    pub(crate) fn connection_of(&self, peer: NodeId, way: u64) -> Option<ConnectionId> {
        self.asking.iter().find(|(_, asks)| **asks == (peer, way)).map(|(id, _)| *id)
    }

    pub(crate) fn open(&mut self, connection: ConnectionId, peer: NodeId, way: u64) {
        self.asking.insert(connection, (peer, way));
    }

    /// The connections as which another broker has asked so far; they are forgotten.
    pub(crate) fn forget(&mut self, peer: NodeId) -> Vec<ConnectionId> {
        let ended: Vec<_> =
            self.asking.iter().filter(|(_, (of, _))| *of == peer).map(|(id, _)| *id).collect();
        self.asking.retain(|_, (of, _)| *of != peer);
        ended
    }

    /// Answers another broker; gives the frame back when the connection is not one of theirs.
    pub(crate) fn answer(&self, connection: ConnectionId, frame: Bytes) -> Option<Bytes> {
        match self.asking.get(&connection) {
            Some((peer, way)) => {
                self.send(*peer, Message::PeerResponse { from: self.node_id, way: *way, frame });
                None
            }
            None => Some(frame),
        }
    }

    /// This broker closes the connection of another; false when it is not one of theirs.
    pub(crate) fn close(&mut self, connection: ConnectionId) -> bool {
        let Some((peer, way)) = self.asking.remove(&connection) else { return false };
        self.send(peer, Message::PeerClosed { from: self.node_id, way });
        true
    }
}
