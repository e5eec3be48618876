//! Clients' connections: requests are worked on side by side, but answered in the order in which they came.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::protocol::Header;
use crate::sorted::SortedMap;
use crate::types::ConnectionId;

/// How many requests of one connection are worked on at once; further ones wait. Clients have 5 in flight by default.
const MAX_IN_FLIGHT: usize = 64;

/// Which request an answer belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Context {
    pub(super) connection: ConnectionId,
    slot: u64,
    pub(super) header: Header,
}

/// A place in the order of a connection's answers.
#[derive(Debug)]
enum Slot {
    Waiting,
    Answered(Bytes),
    /// The request gets no answer (Produce with acks=0).
    Silent,
}

#[derive(Debug, Default)]
struct Connection {
    first_slot: u64,
    slots: VecDeque<Slot>,
    queued: VecDeque<Bytes>,
    queued_bytes: usize,
    /// Its requests wait for the one before them.
    #[cfg(feature = "server")]
    is_held: bool,
    /// Brokers are named to it by their numbers.
    by_number: bool,
}

#[derive(Debug, Default)]
pub(super) struct Connections {
    open: SortedMap<ConnectionId, Connection>,
    /// The one of which a frame was worked on last.
    last_served: Option<ConnectionId>,
    answers: VecDeque<(ConnectionId, Bytes)>,
}

impl Connections {
    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    /// Requests of a connection that are neither answered nor done without an answer.
    pub(super) fn in_flight(&self, id: ConnectionId) -> usize {
        self.open.get(&id).map_or(0, |connection| connection.slots.len() + connection.queued.len())
    }

    /// Puts a frame behind the others of its connection; returns how many bytes wait there.
    pub(super) fn queue(&mut self, id: ConnectionId, frame: Bytes) -> usize {
        let connection = self.open.or_default(id);
        connection.queued_bytes += frame.len();
        connection.queued.push_back(frame);
        connection.queued_bytes
    }

    /// The next frame that may be worked on.
    pub(super) fn next_frame(&mut self, id: ConnectionId) -> Option<Bytes> {
        let connection = self.open.get_mut(&id)?;
        if connection.slots.len() >= MAX_IN_FLIGHT {
            return None;
        }
        #[cfg(feature = "server")]
        if connection.is_held {
            return None;
        }
        let frame = connection.queued.pop_front()?;
        connection.queued_bytes -= frame.len();
        self.last_served = Some(id);
        Some(frame)
    }

    /// No further request of a connection is worked on.
    #[cfg(feature = "server")]
    pub(super) fn hold(&mut self, id: ConnectionId) {
        self.set_held(id, true);
    }

    /// They are again.
    #[cfg(feature = "server")]
    pub(super) fn release(&mut self, id: ConnectionId) {
        self.set_held(id, false);
    }

    #[cfg(feature = "server")]
    fn set_held(&mut self, id: ConnectionId, is_held: bool) {
        if let Some(connection) = self.open.get_mut(&id) {
            connection.is_held = is_held;
        }
    }

    /// The connections on which frames wait. They have their turn one after the other, so that none waits for ever behind
    /// another that asks all the time.
    pub(super) fn with_queued_frames(&self) -> Vec<ConnectionId> {
        let queued = self.open.iter().filter(|(_, connection)| !connection.queued.is_empty());
        let mut ids: Vec<ConnectionId> = queued.map(|(id, _)| *id).collect();
        let behind = ids.partition_point(|id| Some(*id) <= self.last_served);
        ids.rotate_left(behind);
        ids
    }

    /// Gives a request its place in the order of answers.
    pub(super) fn admit(&mut self, id: ConnectionId, header: Header) -> Context {
        let connection = self.open.or_default(id);
        let slot = connection.first_slot + connection.slots.len() as u64;
        connection.slots.push_back(Slot::Waiting);
        Context { connection: id, slot, header }
    }

    pub(super) fn answer(&mut self, context: Context, frame: Bytes) {
        self.fill(context, Slot::Answered(frame));
    }

    pub(super) fn leave_unanswered(&mut self, context: Context) {
        self.fill(context, Slot::Silent);
    }

    fn fill(&mut self, context: Context, answer: Slot) {
        let Some(connection) = self.open.get_mut(&context.connection) else {
            return;
        };
        let place = usize::try_from(context.slot - connection.first_slot).unwrap_or(usize::MAX);
        if let Some(slot) = connection.slots.get_mut(place) {
            *slot = answer;
        }
        while let Some(Slot::Answered(_) | Slot::Silent) = connection.slots.front() {
            connection.first_slot += 1;
            if let Some(Slot::Answered(frame)) = connection.slots.pop_front() {
                self.answers.push_back((context.connection, frame));
            }
        }
    }

    pub(super) fn poll_answer(&mut self) -> Option<(ConnectionId, Bytes)> {
        self.answers.pop_front()
    }

    pub(super) fn name_by_number(&mut self, id: ConnectionId) {
        self.open.or_default(id).by_number = true;
    }

    pub(super) fn is_named_by_number(&self, id: ConnectionId) -> bool {
        self.open.get(&id).is_some_and(|connection| connection.by_number)
    }

    pub(super) fn remove(&mut self, id: ConnectionId) {
        self.open.remove(&id);
        self.answers.retain(|(connection, _)| *connection != id);
    }
}
