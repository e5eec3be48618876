//! A broker that runs: what wakes it, and what it does then.

mod telling;

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use gloo_timers::callback::Timeout;
use headwater_driver::Driver;
use headwater_engine::{ConnectionId, Now};
use headwater_worker_protocol::engine::{event as told, log};
use headwater_worker_protocol::{BrokerEvent, BrokerSnapshot, FromBroker};
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::spawn_local;
use web_sys::{MessageChannel, MessagePort};

use super::held::{Step, Waits};
use super::peers::Peers;
use super::ports::{FromPort, MAX_FRAME, Ports};
use crate::clock::{self, Timer};
use crate::post::post;
use crate::storage::IndexedDbStorage;

/// How long a missing way to another broker is not asked for, in milliseconds.
const PEER_PAUSE_MS: u32 = 500;
/// A time-out that is looked at so much too late says that the worker did not run.
const FROZEN_MS: u64 = 2_000;
/// What waits in the ports has been taken in after this time, in milliseconds.
const AFTER_FREEZE_MS: u64 = 200;

/// A broker that runs.
pub(super) struct Run {
    node_id: i32,
    /// None when it was stopped or has failed.
    driver: RefCell<Option<Driver<IndexedDbStorage>>>,
    ports: RefCell<Ports>,
    peers: RefCell<Peers>,
    /// Runs while a way to another broker is missing. There is but one that is asked: the controller.
    peer_timer: RefCell<Option<Timeout>>,
    on_failure: RefCell<Option<OnFailure>>,
    /// A message to itself comes after those that wait already, so that one pump handles all of them.
    to_itself: MessagePort,
    pump_is_due: Cell<bool>,
    /// When the timer goes off, and the timer.
    timer: RefCell<Option<(u64, Timer)>>,
    /// What waits while time stands still.
    held: RefCell<Waits>,
    /// Whether the storage's outcomes are taken in though time stands still.
    takes_outcomes: Cell<bool>,
    /// Until then no time-out is looked at: the worker was frozen and takes in first what came meanwhile.
    thawing_until_ms: Cell<u64>,
    snapshot_timer: RefCell<Option<Timeout>>,
    last_snapshot: RefCell<Option<BrokerSnapshot>>,
    /// Runs while something moved that was not told; and when it was set.
    trace_timer: RefCell<Option<(f64, Timeout)>>,
    started_ms: f64,
    is_ready: Cell<bool>,
}

/// Hears why a broker cannot go on.
type OnFailure = Box<dyn FnOnce(&str)>;

/// How a storage wakes a broker that does not exist yet when the storage is opened.
#[derive(Clone, Default)]
pub(super) struct Wake(Rc<RefCell<Weak<Run>>>);

impl Wake {
    /// For the storage, which may call it as often as it likes.
    pub(super) fn for_storage(&self) -> Rc<dyn Fn()> {
        let run = self.0.clone();
        let is_due = Rc::new(Cell::new(false));
        Rc::new(move || {
            if !is_due.replace(true) {
                let (run, is_due) = (run.clone(), is_due.clone());
                // Not from within the storage, but before anything else.
                spawn_local(async move {
                    is_due.set(false);
                    let run = run.borrow().upgrade();
                    if let Some(run) = run {
                        run.pump();
                    }
                });
            }
        })
    }
}

impl Run {
    /// Begins the recovery. The page is told when the broker is ready; `started_ms` is when the opening began.
    ///
    /// # Errors
    ///
    /// When the browser has no message channels.
    pub(super) fn start(
        node_id: i32,
        driver: Driver<IndexedDbStorage>,
        wake: &Wake,
        started_ms: f64,
    ) -> Result<Rc<Run>, JsValue> {
        let channel = MessageChannel::new()?;
        let run = Rc::new(Run {
            node_id,
            driver: RefCell::new(Some(driver)),
            ports: RefCell::default(),
            peers: RefCell::default(),
            peer_timer: RefCell::default(),
            on_failure: RefCell::default(),
            to_itself: channel.port1(),
            pump_is_due: Cell::new(false),
            timer: RefCell::default(),
            held: RefCell::default(),
            takes_outcomes: Cell::new(false),
            thawing_until_ms: Cell::default(),
            snapshot_timer: RefCell::default(),
            last_snapshot: RefCell::default(),
            trace_timer: RefCell::default(),
            started_ms,
            is_ready: Cell::new(false),
        });
        *wake.0.borrow_mut() = Rc::downgrade(&run);
        let this = Rc::downgrade(&run);
        let due = Closure::<dyn FnMut()>::new(move || {
            if let Some(run) = this.upgrade() {
                run.pump_is_due.set(false);
                run.pump();
            }
        });
        channel.port2().set_onmessage(Some(due.into_js_value().unchecked_ref()));
        run.schedule();
        Ok(run)
    }

    /// Serves a connection.
    pub(super) fn connect(self: &Rc<Run>, port: MessagePort) {
        let this = Rc::downgrade(self);
        self.ports.borrow_mut().open(port, move |connection, what| {
            if let Some(run) = this.upgrade() {
                run.take(connection, what);
            }
        });
        self.schedule();
    }

    /// Asks another broker over a port from now on.
    pub(super) fn set_peer(self: &Rc<Run>, peer: i32, port: MessagePort) {
        let this = Rc::downgrade(self);
        let replaced = self.peers.borrow_mut().set(peer, port, move |peer, what| {
            if let Some(run) = this.upgrade() {
                run.take_from_peer(peer, what);
            }
        });
        if let Some(driver) = self.driver.borrow_mut().as_mut().filter(|_| replaced) {
            driver.handle_peer_disconnect(clock::now(), peer);
        }
        self.schedule();
    }

    /// Whom to tell, once, that the broker cannot go on.
    pub(super) fn set_on_failure(&self, on_failure: impl FnOnce(&str) + 'static) {
        *self.on_failure.borrow_mut() = Some(Box::new(on_failure));
    }

    /// Ends everything; what is stored stays.
    pub(super) fn stop(&self) {
        self.driver.take();
        self.timer.take();
        self.snapshot_timer.take();
        self.trace_timer.take();
        self.peer_timer.take();
        self.ports.borrow_mut().close_all();
        self.peers.borrow_mut().close_all();
    }

    fn take(self: &Rc<Run>, connection: ConnectionId, what: FromPort) {
        let what = match what {
            FromPort::Frame(frame) if self.is_ready.get() && clock::is_paused() => {
                let Some(frame) = self.held.borrow_mut().hold(connection, frame) else {
                    return self.tell_held();
                };
                FromPort::Frame(frame)
            }
            what => what,
        };
        if let Some(driver) = self.driver.borrow_mut().as_mut() {
            let now = clock::now();
            match what {
                FromPort::Connection(port) => self.connect(port),
                FromPort::Frame(frame) => driver.handle_request(now, connection, frame),
                FromPort::TooLong(length) => {
                    driver.handle_disconnect(now, connection);
                    self.ports.borrow_mut().close(connection);
                    let message =
                        format!("A frame of {length} bytes is longer than the {MAX_FRAME} that are taken.");
                    let wall_ms = now.wall_ms;
                    let event = BrokerEvent {
                        node_id: self.node_id,
                        wall_ms,
                        warning: true,
                        message,
                        ..BrokerEvent::default()
                    };
                    post(&FromBroker::Event(event));
                }
                FromPort::Closed => {
                    let mut waits = self.held.borrow_mut();
                    waits.end(connection);
                    self.end_connections(&mut waits, driver);
                }
            }
        }
        self.schedule();
    }

    /// Ends those connections whose last request that waited has been handled.
    fn end_connections(&self, waits: &mut Waits, driver: &mut Driver<IndexedDbStorage>) {
        while let Some(connection) = waits.next_ended() {
            driver.handle_disconnect(clock::now(), connection);
            self.ports.borrow_mut().close(connection);
        }
    }

    fn take_from_peer(self: &Rc<Run>, peer: i32, what: FromPort) {
        if let Some(driver) = self.driver.borrow_mut().as_mut() {
            match what {
                FromPort::Frame(frame) => driver.handle_peer_response(clock::now(), peer, frame),
                // None of these is an answer.
                FromPort::TooLong(_) | FromPort::Connection(_) | FromPort::Closed => {
                    self.peers.borrow_mut().close(peer);
                    driver.handle_peer_disconnect(clock::now(), peer);
                }
            }
        }
        self.schedule();
    }

    /// Sends what is asked of other brokers. Where there is no way to one, the page is asked for it.
    fn ask_peers(self: &Rc<Run>, driver: &mut Driver<IndexedDbStorage>, now: Now) {
        while let Some(peer) = driver.poll_peer_close() {
            self.peers.borrow_mut().close(peer);
        }
        while let Some((peer, frame)) = driver.poll_peer_request() {
            if !self.peers.borrow().send(peer, &frame) {
                driver.handle_peer_disconnect(now, peer);
                self.want_peer(peer);
            }
        }
    }

    /// Asks the page for a way to another broker, after a while: one may be on its way, and a broker that closes every
    /// connection is not asked without pause.
    fn want_peer(self: &Rc<Run>, peer: i32) {
        let mut timer = self.peer_timer.borrow_mut();
        if timer.is_some() {
            return;
        }
        let this = Rc::downgrade(self);
        *timer = Some(Timeout::new(PEER_PAUSE_MS, move || {
            let Some(run) = this.upgrade() else { return };
            run.peer_timer.take();
            if !run.peers.borrow().has(peer) {
                post(&FromBroker::NeedsPeer { node_id: run.node_id, peer });
            }
        }));
    }

    /// Has everything handled that is there by then.
    fn schedule(&self) {
        if !self.pump_is_due.replace(true) {
            let _ = self.to_itself.post_message(&JsValue::UNDEFINED);
        }
    }

    fn pump(self: &Rc<Run>) {
        let mut borrowed = self.driver.borrow_mut();
        let Some(driver) = borrowed.as_mut() else { return };
        let now = clock::now();
        let thawing = self.handle_timeout(driver, now);
        let stands_still = clock::is_paused() && self.is_ready.get();
        if !stands_still {
            driver.pump(now);
        } else if self.takes_outcomes.take() {
            driver.step(now);
        } else {
            driver.look(now);
        }
        if stands_still && driver.storage().has_outcomes() {
            self.held.borrow_mut().outcomes_came();
        }
        let mut ports = self.ports.borrow_mut();
        while let Some((connection, frame)) = driver.poll_response() {
            ports.send(connection, &frame);
        }
        while let Some(connection) = driver.poll_close() {
            ports.close(connection);
        }
        self.ask_peers(driver, now);
        while let Some(event) = driver.poll_event() {
            post(&FromBroker::Event(told(self.node_id, now.wall_ms, event)));
        }
        while let Some((id, found)) = driver.poll_log() {
            post(&FromBroker::Log { node_id: self.node_id, id, result: log(found) });
        }
        self.set_timer(thawing.or(driver.poll_timeout()));
        self.snapshot_soon();
        if driver.broker().has_moves() {
            self.trace_soon();
        }
        self.tell_stage(driver);
        self.held.borrow_mut().due = driver.poll_timeout();
        let failed = driver.broker().failure().map(str::to_owned);
        drop(ports);
        drop(borrowed);
        self.tell_held();
        if let Some(reason) = failed
            && let Some(on_failure) = self.on_failure.take()
        {
            on_failure(&reason);
        }
    }

    /// Does what time has come for. After the worker was frozen that has to wait until the frames are taken in that came
    /// meanwhile; gives the time when it has waited long enough.
    fn handle_timeout(&self, driver: &mut Driver<IndexedDbStorage>, now: Now) -> Option<u64> {
        let due_ms = driver.poll_timeout().filter(|due_ms| *due_ms <= now.monotonic_ms)?;
        let until_ms = self.thawing_until_ms.get();
        if now.monotonic_ms - due_ms > FROZEN_MS && until_ms < due_ms + FROZEN_MS {
            self.thawing_until_ms.set(now.monotonic_ms + AFTER_FREEZE_MS);
            return Some(now.monotonic_ms + AFTER_FREEZE_MS);
        }
        if now.monotonic_ms < until_ms {
            return Some(until_ms);
        }
        driver.handle_timeout(now);
        None
    }

    fn set_timer(self: &Rc<Run>, due: Option<u64>) {
        let mut timer = self.timer.borrow_mut();
        if timer.as_ref().map(|(at, _)| *at) == due {
            return;
        }
        *timer = due.map(|at| {
            let this = Rc::downgrade(self);
            let go_off = move || {
                if let Some(run) = this.upgrade() {
                    // Frames that wait are handled before time-outs.
                    run.timer.take();
                    run.schedule();
                }
            };
            #[expect(clippy::cast_precision_loss, reason = "times are far below 2^53")]
            (at, clock::timer(at as f64, go_off))
        });
    }

    /// Time goes at another rate, or has gone on by a step.
    pub(super) fn time_changed(self: &Rc<Run>) {
        if !clock::is_paused() {
            let mut waits = std::mem::take(&mut *self.held.borrow_mut());
            while let Some((connection, frame)) = waits.next_frame() {
                self.take(connection, FromPort::Frame(frame));
            }
            if let Some(driver) = self.driver.borrow_mut().as_mut() {
                self.end_connections(&mut waits, driver);
            }
        }
        self.schedule();
    }

    /// Handles the first thing that waits: a request, or one outcome of the storage.
    pub(super) fn step(self: &Rc<Run>) {
        let next = self.held.borrow_mut().step();
        match next {
            Some(Step::Outcomes) => self.takes_outcomes.set(true),
            Some(Step::Frame(connection, frame)) => {
                if let Some(driver) = self.driver.borrow_mut().as_mut() {
                    driver.handle_request(clock::now(), connection, frame);
                    self.end_connections(&mut self.held.borrow_mut(), driver);
                }
            }
            None => {}
        }
        self.schedule();
    }

    /// Looks at a log; the page is told what is found.
    pub(super) fn describe(&self, id: u64, topic: &str, partition: i32, offset: Option<i64>) {
        if let Some(driver) = self.driver.borrow_mut().as_mut() {
            driver.describe_log(id, topic, partition, offset);
        }
        self.schedule();
    }
}
