//! A connection: what has come and is not answered, and what is answered and not sent.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use kafka_protocol::messages::ApiKey;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::socket::Writer;
use crate::frames::Frames;
use crate::limits::Limits;
use crate::metrics::ClosedFor;
use crate::outbox::Outbox;

/// Nothing more is read from a connection while so many bytes of its requests and answers are under way.
const HELD_MAX_BYTES: usize = 8 << 20;
/// No request is begun while so many bytes of earlier answers were not taken.
const UNSENT_MAX_BYTES: usize = 1 << 20;
/// How many requests of a connection are begun at once: as many as the engine works on side by side.
const BEGUN_MAX: usize = 64;
/// What a frame takes beside its bytes.
const FRAME_OVERHEAD: usize = 128;

const PRODUCE: i16 = ApiKey::Produce as i16;
/// What may wait for others, or for records, and is not waited for at the end.
const PATIENT: [i16; 3] = [ApiKey::Fetch as i16, ApiKey::JoinGroup as i16, ApiKey::SyncGroup as i16];

/// A request that the broker has.
#[derive(Debug)]
pub(super) struct Begun {
    pub(super) api: i16,
    pub(super) at: Instant,
    size: usize,
}

#[derive(Debug)]
pub(crate) struct Connection {
    pub(super) address: SocketAddr,
    pub(super) frames: Frames,
    /// Came, and not begun.
    waiting: VecDeque<Bytes>,
    begun: VecDeque<Begun>,
    /// Bytes of both, with what they take beside.
    requests_bytes: usize,
    outbox: Outbox,
    writer: Rc<Writer>,
    /// Reads; and writes, when the socket took less than there was.
    pub(super) reading: Option<AbortHandle>,
    pub(super) writing: Option<AbortHandle>,
    /// Wakes the reading when there is room again.
    pub(super) room: Rc<Notify>,
    pub(super) is_paused: bool,
    pub(super) is_producing: bool,
    pub(super) last_read: Instant,
    last_sent: Instant,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.reading.iter().chain(&self.writing).for_each(AbortHandle::abort);
    }
}

impl Connection {
    pub(super) fn new(address: SocketAddr, writer: Writer, now: Instant) -> Connection {
        Connection {
            address,
            frames: Frames::default(),
            waiting: VecDeque::new(),
            begun: VecDeque::new(),
            requests_bytes: 0,
            outbox: Outbox::default(),
            writer: Rc::new(writer),
            reading: None,
            writing: None,
            room: Rc::new(Notify::new()),
            is_paused: false,
            is_producing: false,
            last_read: now,
            last_sent: now,
        }
    }

    /// Bytes that it holds.
    pub(super) fn held(&self) -> usize {
        self.frames.held() + self.requests_bytes + self.outbox.bytes()
    }

    pub(super) fn is_full(&self) -> bool {
        self.requests_bytes + self.outbox.bytes() >= HELD_MAX_BYTES
    }

    pub(super) fn took(&mut self, frame: Bytes) {
        self.requests_bytes += frame.len() + FRAME_OVERHEAD;
        self.waiting.push_back(frame);
    }

    /// The next request that may be begun.
    ///
    /// Produces are begun side by side: they become durable together. Behind any other request nothing is begun before
    /// it is answered, as in Kafka; so a client that asks much and reads nothing has one answer waiting and not sixty.
    pub(super) fn next_to_begin(&mut self, now: Instant) -> Option<Bytes> {
        let held_back = self.begun.len() >= BEGUN_MAX
            || self.begun.back().is_some_and(|last| last.api != PRODUCE)
            || self.outbox.bytes() > UNSENT_MAX_BYTES;
        if held_back {
            return None;
        }
        let frame = self.waiting.pop_front()?;
        // What is too short for a number is refused by the broker.
        let api = frame.first_chunk().map_or(-1, |number| i16::from_be_bytes(*number));
        self.begun.push_back(Begun { api, at: now, size: frame.len() + FRAME_OVERHEAD });
        Some(frame)
    }

    /// Whether Produces are under way: those may end without an answer.
    pub(super) fn has_produces(&self) -> bool {
        self.begun.iter().any(|begun| begun.api == PRODUCE)
    }

    /// The oldest request begun, when more are than the broker still has.
    pub(super) fn next_done(&mut self, in_flight: usize) -> Option<Begun> {
        let done = if self.begun.len() > in_flight { self.begun.pop_front() } else { None };
        self.requests_bytes -= done.as_ref().map_or(0, |done| done.size);
        done
    }

    pub(super) fn answer(&mut self, frame: Bytes, now: Instant) {
        if self.outbox.bytes() == 0 {
            self.last_sent = now;
        }
        self.outbox.push(frame);
    }

    /// Sends what the socket takes; how many bytes those were.
    pub(super) fn send(&mut self, now: Instant) -> io::Result<usize> {
        let writer = &self.writer;
        let sent = self.outbox.send(|slices| writer.try_write_vectored(slices))?;
        if sent > 0 {
            self.last_sent = now;
        }
        Ok(sent)
    }

    pub(super) fn writer(&self) -> Rc<Writer> {
        self.writer.clone()
    }

    pub(super) fn has_unsent(&self) -> bool {
        self.outbox.bytes() > 0
    }

    /// Whether nothing of it is under way, or only what may take for ever.
    pub(super) fn is_done(&self, patient_too: bool) -> bool {
        let begun = match patient_too {
            true => self.begun.is_empty() && self.waiting.is_empty(),
            false => self.begun.front().is_none_or(|first| PATIENT.contains(&first.api)),
        };
        begun && !self.has_unsent()
    }

    /// Why it has to be closed, if it has to, and that in words.
    pub(super) fn overdue(&self, now: Instant, limits: &Limits) -> Option<(ClosedFor, &'static str)> {
        let since_read = now.duration_since(self.last_read);
        let since_sent = now.duration_since(self.last_sent);
        if self.frames.is_within() && !self.is_paused && since_read >= limits.stall {
            return Some((ClosedFor::Stalled, "it has stopped within a request"));
        }
        if self.has_unsent() && since_sent >= limits.stall {
            return Some((ClosedFor::Stalled, "it does not read its answers"));
        }
        let silent: Duration = since_read.min(since_sent);
        let idle = limits.idle.is_some_and(|idle| silent >= idle) && self.begun.is_empty();
        idle.then_some((ClosedFor::Idle, "it was silent for connections.max.idle.ms"))
    }
}
