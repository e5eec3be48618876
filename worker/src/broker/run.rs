//! A broker that runs: what wakes it, and what it does then.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use gloo_timers::callback::Timeout;
use headwater_driver::Driver;
use headwater_engine::ConnectionId;
use headwater_worker_protocol::{BrokerEvent, BrokerSnapshot, FromBroker};
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::spawn_local;
use web_sys::{MessageChannel, MessagePort};

use super::ports::{FromPort, MAX_FRAME, Ports};
use super::snapshot::snapshot;
use crate::clock;
use crate::post::{fail, post};
use crate::storage::IndexedDbStorage;

/// Snapshots are at least so far apart, in milliseconds.
const SNAPSHOT_INTERVAL_MS: u32 = 200;

/// A broker that runs.
pub(super) struct Run {
    node_id: i32,
    /// None when it was stopped or has failed.
    driver: RefCell<Option<Driver<IndexedDbStorage>>>,
    ports: RefCell<Ports>,
    /// A message to itself comes after those that wait already, so that one pump handles all of them.
    to_itself: MessagePort,
    pump_is_due: Cell<bool>,
    /// When the timer goes off, and the timer.
    timer: RefCell<Option<(u64, Timeout)>>,
    snapshot_timer: RefCell<Option<Timeout>>,
    last_snapshot: RefCell<Option<BrokerSnapshot>>,
    started_ms: f64,
    is_ready: Cell<bool>,
}

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
            to_itself: channel.port1(),
            pump_is_due: Cell::new(false),
            timer: RefCell::default(),
            snapshot_timer: RefCell::default(),
            last_snapshot: RefCell::default(),
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

    /// Ends everything; what is stored stays.
    pub(super) fn stop(&self) {
        self.driver.take();
        self.timer.take();
        self.snapshot_timer.take();
        self.ports.borrow_mut().close_all();
    }

    fn take(self: &Rc<Run>, connection: ConnectionId, what: FromPort) {
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
                    tell_event(true, message);
                }
                FromPort::Closed => {
                    driver.handle_disconnect(now, connection);
                    self.ports.borrow_mut().close(connection);
                }
            }
        }
        self.schedule();
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
        if driver.poll_timeout().is_some_and(|due| due <= now.monotonic_ms) {
            driver.handle_timeout(now);
        }
        driver.pump(now);
        let mut ports = self.ports.borrow_mut();
        while let Some((connection, frame)) = driver.poll_response() {
            ports.send(connection, &frame);
        }
        while let Some(connection) = driver.poll_close() {
            ports.close(connection);
        }
        while let Some(event) = driver.poll_event() {
            tell_event(event.warning, event.message);
        }
        self.set_timer(driver.poll_timeout(), now.monotonic_ms);
        self.snapshot_soon();
        self.tell_stage(driver);
        let failed = driver.broker().failure().map(str::to_owned);
        drop(ports);
        drop(borrowed);
        if let Some(reason) = failed {
            self.stop();
            fail("BROKER_FAILED", &reason);
        }
    }

    /// Says when the broker begins to answer.
    fn tell_stage(&self, driver: &Driver<IndexedDbStorage>) {
        if driver.broker().is_ready() && !self.is_ready.replace(true) {
            post(&FromBroker::Ready {
                logs: u32::try_from(driver.storage().logs()).unwrap_or(u32::MAX),
                recovery_ms: clock::monotonic_ms() - self.started_ms,
            });
        }
    }

    fn set_timer(self: &Rc<Run>, due: Option<u64>, now_ms: u64) {
        let mut timer = self.timer.borrow_mut();
        if timer.as_ref().map(|(at, _)| *at) == due {
            return;
        }
        *timer = due.map(|at| {
            let this = Rc::downgrade(self);
            let delay =
                u32::try_from(at.saturating_sub(now_ms)).unwrap_or(u32::MAX).min(i32::MAX.unsigned_abs());
            let go_off = move || {
                if let Some(run) = this.upgrade() {
                    // Frames that wait are handled before time-outs.
                    run.timer.take();
                    run.schedule();
                }
            };
            (at, Timeout::new(delay, go_off))
        });
    }

    fn snapshot_soon(self: &Rc<Run>) {
        let mut timer = self.snapshot_timer.borrow_mut();
        if timer.is_none() {
            let this = Rc::downgrade(self);
            *timer = Some(Timeout::new(SNAPSHOT_INTERVAL_MS, move || {
                if let Some(run) = this.upgrade() {
                    run.snapshot_timer.take();
                    run.tell_snapshot();
                }
            }));
        }
    }

    fn tell_snapshot(&self) {
        let borrowed = self.driver.borrow();
        let Some(driver) = borrowed.as_ref() else { return };
        let new = snapshot(self.node_id, driver);
        let mut last = self.last_snapshot.borrow_mut();
        if last.as_ref() != Some(&new) {
            post(&FromBroker::Snapshot(new.clone()));
            *last = Some(new);
        }
    }
}

fn tell_event(warning: bool, message: String) {
    let wall_ms = clock::now().wall_ms;
    post(&FromBroker::Event(BrokerEvent { wall_ms, warning, message }));
}
