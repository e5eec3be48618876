//! Where the connections of a broker meet its core: frames in, answers out, and every limit between the two.

mod connection;
mod news;
pub(crate) mod socket;
mod stopping;

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use headwater_driver::Driver;
use headwater_engine::{ConnectionId, NodeId, Now};
use tokio::io::ReadBuf;
use tokio::sync::Notify;
use tokio::task::spawn_local;
use tracing::{debug, info, warn};

use self::connection::Connection;
use self::news::News;
pub(crate) use self::news::{Description, Look, Seen};
use self::socket::{Reader, Writer};
use crate::clock::Clock;
use crate::frames::BadLength;
use crate::limits::Limits;
use crate::log_limit::LogLimit;
use crate::metrics::{ClosedFor, Gauges, Metrics, Report};
use crate::peers::{Message, Peers};
use crate::storage::Storage;

/// What is read at once; one such buffer serves all connections of a broker.
const READ_BUFFER: usize = 128 * 1024;
/// How often answers may lead to further requests being begun before others have their turn.
const ROUNDS: usize = 16;
/// A time-out that is looked at so much too late says that the process did not run.
const FROZEN_MS: u64 = 2_000;
/// What waits in the sockets has been taken in after this time.
const AFTER_FREEZE_MS: u64 = 200;

/// A switchboard as the tasks of its thread have it.
pub(crate) type Shared = Rc<RefCell<Switchboard>>;

/// A broker with its connections. It lives on one thread; nobody keeps it borrowed across an await.
#[derive(Debug)]
pub(crate) struct Switchboard {
    this: Weak<RefCell<Switchboard>>,
    node_id: NodeId,
    driver: Driver<Storage>,
    clock: Clock,
    limits: Limits,
    connections: HashMap<ConnectionId, Connection>,
    next_connection: u64,
    /// Bytes that all connections hold together.
    held: usize,
    /// Connections with Produces under way, which may end without an answer.
    producing: Vec<ConnectionId>,
    peers: Peers,
    metrics: Metrics,
    news: News,
    log_limit: LogLimit,
    buffer: Vec<u8>,
    /// Has [`Switchboard::pump`] called when the tasks that are ready have had their turn.
    pump: Arc<Notify>,
    /// Until then no time-out is looked at: the process was frozen, and takes in first what came meanwhile.
    thawing_until_ms: u64,
}

/// How a look at a socket ended.
pub(crate) enum Reading {
    /// So many bytes came.
    Took(usize),
    /// There is no room until the notification comes.
    Full(Rc<Notify>),
    /// The connection is over.
    Ended,
}

/// What a switchboard is made of.
pub(crate) struct Parts {
    pub(crate) node_id: NodeId,
    pub(crate) driver: Driver<Storage>,
    pub(crate) clock: Clock,
    pub(crate) limits: Limits,
    pub(crate) peers: Peers,
    pub(crate) pump: Arc<Notify>,
}

impl Switchboard {
    pub(crate) fn new(parts: Parts) -> Shared {
        let Parts { node_id, driver, clock, limits, peers, pump } = parts;
        pump.notify_one();
        Rc::new_cyclic(|this| {
            RefCell::new(Switchboard {
                this: this.clone(),
                node_id,
                driver,
                clock,
                limits,
                connections: HashMap::new(),
                next_connection: 0,
                held: 0,
                producing: Vec::new(),
                peers,
                metrics: Metrics::default(),
                news: News::new(),
                log_limit: LogLimit::new(Instant::now()),
                buffer: vec![0; READ_BUFFER],
                pump,
                thawing_until_ms: 0,
            })
        })
    }

    fn new_id(&mut self) -> ConnectionId {
        let id = ConnectionId(self.next_connection);
        self.next_connection += 1;
        id
    }

    /// Takes a connection in, unless there are too many.
    pub(crate) fn open(&mut self, address: SocketAddr, writer: Writer) -> Option<ConnectionId> {
        self.metrics.accepted += 1;
        if self.connections.len() >= self.limits.connections {
            self.metrics.closed(ClosedFor::TooMany);
            if self.log_limit.allows(Instant::now()) {
                let limit = self.limits.connections;
                warn!(broker = self.node_id, %address, "{limit} connections are open already, as many as max.connections allows: this one is closed.");
            }
            return None;
        }
        let id = self.new_id();
        if writer.is_of_page() {
            self.driver.name_brokers_by_number(id);
        }
        self.connections.insert(id, Connection::new(address, writer, Instant::now()));
        Some(id)
    }

    /// Gives a connection the task that reads from it.
    pub(crate) fn set_reading(&mut self, id: ConnectionId, task: tokio::task::AbortHandle) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.reading = Some(task);
        }
    }

    /// Looks what has come on a connection, and begins what may be begun.
    pub(crate) fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        id: ConnectionId,
        socket: &mut Reader,
    ) -> Poll<Reading> {
        let Some(connection) = self.connections.get_mut(&id) else { return Poll::Ready(Reading::Ended) };
        if connection.is_full() {
            connection.is_paused = true;
            return Poll::Ready(Reading::Full(connection.room.clone()));
        }
        let mut buffer = ReadBuf::new(&mut self.buffer);
        let outcome = ready!(socket.poll_read(context, &mut buffer));
        let length = buffer.filled().len();
        if outcome.is_err() || length == 0 {
            self.end(id);
            return Poll::Ready(Reading::Ended);
        }
        self.take(id, length);
        Poll::Ready(Reading::Took(length))
    }

    /// Takes in what the buffer has from a connection.
    fn take(&mut self, id: ConnectionId, length: usize) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        self.metrics.received_bytes += length as u64;
        connection.last_read = Instant::now();
        let held = connection.held();
        let mut frames = std::mem::take(&mut connection.frames);
        let outcome = frames.feed(&self.buffer[..length], self.limits.request_max_bytes, |frame| {
            connection.took(frame);
        });
        connection.frames = frames;
        self.held = self.held + connection.held() - held;
        self.begin(id);
        if let Err(BadLength(said)) = outcome {
            let max = self.limits.request_max_bytes;
            let why = format!("it announced a request of {said} bytes; socket.request.max.bytes is {max}");
            self.close(id, ClosedFor::BadLength, &why);
        }
        self.keep_within_memory();
    }

    /// Gives the broker what may be begun of a connection; whether that was anything.
    fn begin(&mut self, id: ConnectionId) -> bool {
        let Some(connection) = self.connections.get_mut(&id) else { return false };
        let (now, at) = (self.clock.now(), Instant::now());
        let mut any = false;
        while let Some(frame) = connection.next_to_begin(at) {
            self.driver.handle_request(now, id, frame);
            any = true;
        }
        if any {
            if !connection.is_producing && connection.has_produces() {
                connection.is_producing = true;
                self.producing.push(id);
            }
            self.pump.notify_one();
        }
        any
    }

    /// Takes in what another thread says of other brokers.
    pub(crate) fn take_message(&mut self, message: Message) {
        let now = self.clock.now();
        match message {
            Message::PeerRequest { from, way, frame } => {
                let id = match self.peers.connection_of(from, way) {
                    Some(id) => id,
                    None => {
                        let id = self.new_id();
                        self.peers.open(id, from, way);
                        id
                    }
                };
                self.driver.handle_request(now, id, frame);
            }
            Message::PeerResponse { from, way, frame } => {
                if self.peers.is_open(from, way) {
                    self.driver.handle_peer_response(now, from, frame);
                }
            }
            Message::PeerLeft { from } => {
                for id in self.peers.forget(from) {
                    self.driver.handle_disconnect(now, id);
                }
            }
            Message::PeerClosed { from, way } => {
                if self.peers.was_closed(from, way) {
                    self.driver.handle_peer_disconnect(now, from);
                }
            }
            Message::Report(to) => {
                let mut report = Report::default();
                let gauges = Gauges { connections: self.connections.len(), held_bytes: self.held };
                self.metrics.report(self.node_id, self.driver.broker(), gauges, &mut report);
                // Whoever asked may have gone away.
                drop(to.send(report));
            }
            Message::Look { seen, watch, to } => {
                // The same.
                drop(to.send(self.look(seen, watch)));
            }
            Message::Describe { topic, partition, offset, to } => {
                self.describe(&topic, partition, offset, to)
            }
            Message::Page { .. } | Message::Drain | Message::End => {}
        }
        self.pump.notify_one();
    }

    /// Has the broker do all that there is to do, and carries what comes of it.
    pub(crate) fn pump(&mut self) {
        let now = self.clock.now();
        self.look_at_the_time(now);
        for round in 0.. {
            if round == ROUNDS {
                self.pump.notify_one();
                break;
            }
            self.driver.pump(now);
            if !self.carry_answers() {
                break;
            }
        }
        while let Some(id) = self.driver.poll_close() {
            if !self.peers.close(id) {
                self.close(id, ClosedFor::Refused, "the broker refused what came");
            }
        }
        self.ask_peers(now);
        while let Some(event) = self.driver.poll_event() {
            self.tell(event.warning, &event.message);
            self.news.happened(self.node_id, now.wall_ms, event);
        }
        self.tell_descriptions();
        self.keep_within_memory();
    }

    /// Does what time has come for; after the process was frozen only when the frames are taken in that came meanwhile.
    fn look_at_the_time(&mut self, now: Now) {
        let Some(due_ms) = self.driver.poll_timeout().filter(|due_ms| *due_ms <= now.monotonic_ms) else {
            return;
        };
        if now.monotonic_ms - due_ms > FROZEN_MS && self.thawing_until_ms < due_ms + FROZEN_MS {
            self.thawing_until_ms = now.monotonic_ms + AFTER_FREEZE_MS;
        }
        if now.monotonic_ms >= self.thawing_until_ms {
            self.driver.handle_timeout(now);
        }
    }

    /// When to pump again, whatever happens until then.
    pub(crate) fn due(&self) -> Option<Instant> {
        let due_ms = self.driver.poll_timeout()?;
        let thawing = self.thawing_until_ms > self.clock.now().monotonic_ms;
        Some(self.clock.instant(if thawing { due_ms.max(self.thawing_until_ms) } else { due_ms }))
    }

    /// Sends answers; whether further requests were begun.
    fn carry_answers(&mut self) -> bool {
        let at = Instant::now();
        let mut answered: Vec<ConnectionId> = Vec::new();
        while let Some((id, frame)) = self.driver.poll_response() {
            let Some(frame) = self.peers.answer(id, frame) else { continue };
            let Some(connection) = self.connections.get_mut(&id) else { continue };
            self.held += frame.len() + 4;
            connection.answer(frame, at);
            if answered.last() != Some(&id) {
                answered.push(id);
            }
        }
        answered.extend_from_slice(&self.producing);
        answered.sort_unstable();
        answered.dedup();
        let mut any = false;
        for id in answered {
            self.settle(id, at);
            self.send(id);
            any |= self.begin(id);
        }
        any
    }

    /// Takes off a connection's account what is done.
    fn settle(&mut self, id: ConnectionId, at: Instant) {
        let in_flight = self.driver.broker().requests_in_flight(id);
        let Some(connection) = self.connections.get_mut(&id) else {
            self.producing.retain(|producing| *producing != id);
            return;
        };
        let held = connection.held();
        while let Some(done) = connection.next_done(in_flight) {
            self.metrics.answered(done.api, at.duration_since(done.at));
        }
        self.held -= held - connection.held();
        if connection.is_producing && !connection.has_produces() {
            connection.is_producing = false;
            self.producing.retain(|producing| *producing != id);
        }
    }

    /// Sends what the socket takes; what it does not take now, a task sends when it does.
    fn send(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        match connection.send(Instant::now()) {
            Ok(sent) => {
                self.held -= sent;
                self.metrics.sent_bytes += sent as u64;
            }
            Err(error) => {
                debug!(broker = self.node_id, %error, "An answer could not be sent.");
                return self.end(id);
            }
        }
        if connection.is_paused && !connection.is_full() {
            connection.is_paused = false;
            connection.last_read = Instant::now();
            connection.room.notify_one();
        }
        if connection.has_unsent() && connection.writing.is_none() {
            let task = spawn_local(write_on(self.this.clone(), id, connection.writer()));
            connection.writing = Some(task.abort_handle());
        }
    }

    /// A socket takes bytes again; whether there are more than it took.
    fn write(&mut self, id: ConnectionId) -> bool {
        self.send(id);
        self.begin(id);
        let Some(connection) = self.connections.get_mut(&id) else { return false };
        if !connection.has_unsent() {
            connection.writing = None;
        }
        connection.has_unsent()
    }

    fn ask_peers(&mut self, now: Now) {
        while let Some(peer) = self.driver.poll_peer_close() {
            self.peers.leave(peer);
        }
        while let Some((peer, frame)) = self.driver.poll_peer_request() {
            if !self.peers.ask(peer, frame) {
                self.driver.handle_peer_disconnect(now, peer);
            }
        }
    }

    /// A connection has ended from the other side.
    fn end(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.remove(&id) {
            self.held -= connection.held();
            self.driver.handle_disconnect(self.clock.now(), id);
            self.pump.notify_one();
        }
    }

    /// Ends a connection from here, and says why.
    fn close(&mut self, id: ConnectionId, what: ClosedFor, why: &str) {
        let Some(connection) = self.connections.get(&id) else { return };
        let address = connection.address;
        self.metrics.closed(what);
        if what == ClosedFor::Idle {
            debug!(broker = self.node_id, %address, "The connection is closed: {why}.");
        } else if self.log_limit.allows(Instant::now()) {
            warn!(broker = self.node_id, %address, "The connection is closed: {why}.");
        }
        self.end(id);
    }

    /// Closes the connections that hold the most until all of them together hold what they may.
    fn keep_within_memory(&mut self) {
        while self.held > self.limits.connections_max_bytes {
            let most = self.connections.iter().max_by_key(|(_, connection)| connection.held());
            let Some((id, held)) = most.map(|(id, connection)| (*id, connection.held())) else { return };
            let max = self.limits.connections_max_bytes;
            let why = format!(
                "it holds {held} bytes, the most of all, and together they hold more than the {max} of \
                 headwater.connections.max.bytes"
            );
            self.close(id, ClosedFor::Memory, &why);
        }
    }

    fn tell(&mut self, warning: bool, message: &str) {
        if !self.log_limit.allows(Instant::now()) {
            return;
        }
        match warning {
            true => warn!(broker = self.node_id, "{message}"),
            false => info!(broker = self.node_id, "{message}"),
        }
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.driver.broker().is_ready()
    }

    /// Why the broker cannot go on, if it cannot.
    pub(crate) fn failure(&self) -> Option<String> {
        self.driver.broker().failure().map(str::to_owned)
    }
}

/// Reads from a connection until it is over.
pub(crate) async fn read_on(switchboard: Shared, id: ConnectionId, mut socket: Reader) {
    /// After so many bytes others have their turn.
    const TURN: usize = 1 << 20;
    let mut taken = 0;
    loop {
        let read =
            std::future::poll_fn(|context| switchboard.borrow_mut().poll_read(context, id, &mut socket));
        match read.await {
            Reading::Took(length) => {
                taken += length;
                if taken >= TURN {
                    taken = 0;
                    tokio::task::yield_now().await;
                }
            }
            Reading::Full(room) => room.notified().await,
            Reading::Ended => return,
        }
    }
}

async fn write_on(switchboard: Weak<RefCell<Switchboard>>, id: ConnectionId, socket: Rc<Writer>) {
    loop {
        let writable: io::Result<()> = socket.writable().await;
        let Some(switchboard) = switchboard.upgrade() else { return };
        let mut switchboard = switchboard.borrow_mut();
        if writable.is_err() {
            return switchboard.end(id);
        }
        if !switchboard.write(id) {
            return;
        }
    }
}
