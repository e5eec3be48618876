//! What waits in a broker while time stands still: requests of producers and consumers, and what the storage has done.

use std::collections::VecDeque;

use bytes::Bytes;
use headwater_engine::{ConnectionId, request_client_id};
use headwater_worker_protocol::{Held, Waiting};

use crate::clients::PAGE_CLIENT_ID;
use crate::clock;

/// Requests by which records move and groups work: Produce, Fetch, OffsetCommit, JoinGroup, Heartbeat, LeaveGroup, SyncGroup,
/// InitProducerId, AddPartitionsToTxn, AddOffsetsToTxn, EndTxn, TxnOffsetCommit. Others only look, or are a person's.
const HELD: &[i16] = &[0, 1, 8, 11, 12, 13, 14, 22, 24, 25, 26, 28];
/// How brokers call themselves among each other.
const BROKER: &str = "broker-";

/// Of so many connections that have ended what they sent is kept, of the last ones.
const MAX_ENDED: usize = 16;

/// What waits, in its order. It is bounded by what clients may have in flight.
#[derive(Debug, Default)]
pub(super) struct Waits {
    frames: VecDeque<(f64, ConnectionId, Bytes)>,
    /// Connections that have ended and are not let go of yet, the first one first.
    ended: VecDeque<ConnectionId>,
    outcomes_since_ms: Option<f64>,
    /// When the broker has something to do next, by the monotonic clock.
    pub(super) due: Option<u64>,
    told: Option<Held>,
}

/// The first thing that waits.
pub(super) enum Step {
    Frame(ConnectionId, Bytes),
    Outcomes,
}

impl Waits {
    /// Keeps a frame that has to wait; gives back one that has not. What comes behind one on its connection waits too.
    pub(super) fn hold(&mut self, connection: ConnectionId, frame: Bytes) -> Option<Bytes> {
        let is_held = frame.get(..2).is_some_and(|key| HELD.contains(&api_key(key)));
        let client_id = request_client_id(&frame);
        let of_client = !client_id.starts_with(BROKER) && client_id != PAGE_CLIENT_ID;
        if (is_held && of_client) || self.frames.iter().any(|(_, of, _)| *of == connection) {
            self.frames.push_back((clock::real_ms(), connection, frame));
            return None;
        }
        Some(frame)
    }

    /// A connection has ended. What was sent on it is handled all the same, as where time goes on; the end comes behind it.
    pub(super) fn end(&mut self, connection: ConnectionId) {
        self.ended.push_back(connection);
    }

    /// A connection that has ended and has nothing that waits any more, or has to give way to others.
    pub(super) fn next_ended(&mut self) -> Option<ConnectionId> {
        let idle = self.ended.iter().position(|ended| self.frames.iter().all(|(_, of, _)| of != ended));
        let at = idle.or((self.ended.len() > MAX_ENDED).then_some(0))?;
        let ended = self.ended.remove(at)?;
        self.frames.retain(|(_, of, _)| *of != ended);
        Some(ended)
    }

    /// The storage has done something.
    pub(super) fn outcomes_came(&mut self) {
        self.outcomes_since_ms.get_or_insert_with(clock::real_ms);
    }

    pub(super) fn next_frame(&mut self) -> Option<(ConnectionId, Bytes)> {
        self.frames.pop_front().map(|(_, connection, frame)| (connection, frame))
    }

    /// Takes the first thing out.
    pub(super) fn step(&mut self) -> Option<Step> {
        let frame_since_ms = self.frames.front().map(|(since_ms, ..)| *since_ms);
        match (self.outcomes_since_ms, frame_since_ms) {
            (Some(outcomes), frame) if frame.is_none_or(|frame| outcomes <= frame) => {
                self.outcomes_since_ms = None;
                Some(Step::Outcomes)
            }
            _ => self.next_frame().map(|(connection, frame)| Step::Frame(connection, frame)),
        }
    }

    /// How it stands, if that was not told.
    pub(super) fn news(&mut self, node_id: i32) -> Option<Held> {
        let frame = self.frames.front().map(|(since_ms, _, frame)| Waiting {
            api_key: frame.get(..2).map(api_key),
            client_id: request_client_id(frame).to_owned(),
            since_ms: *since_ms,
        });
        let outcomes = self.outcomes_since_ms.map(|since_ms| Waiting {
            api_key: None,
            client_id: String::new(),
            since_ms,
        });
        let first = match (outcomes, frame) {
            (Some(outcomes), Some(frame)) if frame.since_ms < outcomes.since_ms => Some(frame),
            (outcomes, frame) => outcomes.or(frame),
        };
        let waiting = self.frames.len() + usize::from(self.outcomes_since_ms.is_some());
        #[expect(clippy::cast_precision_loss, reason = "times are far below 2^53")]
        let due_ms = self.due.map(|due| (due as f64 - clock::monotonic_ms() + clock::wall_ms()).ceil());
        let held = Held { node_id, waiting: u32::try_from(waiting).unwrap_or(u32::MAX), first, due_ms };
        if self.told.as_ref() == Some(&held) {
            return None;
        }
        self.told = Some(held.clone());
        Some(held)
    }
}

fn api_key(bytes: &[u8]) -> i16 {
    i16::from_be_bytes([bytes[0], bytes[1]])
}
