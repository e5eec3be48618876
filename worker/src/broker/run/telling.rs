//! What the page is told of a broker while it runs.

use std::rc::Rc;

use gloo_timers::callback::Timeout;
use headwater_driver::Driver;
use headwater_worker_protocol::engine::{brokers, moved};
use headwater_worker_protocol::{FromBroker, Trace};

use super::super::snapshot::snapshot;
use super::Run;
use crate::clock;
use crate::post::post;
use crate::storage::IndexedDbStorage;

/// Snapshots are at least so far apart, in milliseconds.
const SNAPSHOT_INTERVAL_MS: u32 = 200;
/// What moved is told so often, in milliseconds.
const TRACE_INTERVAL_MS: u32 = 100;

impl Run {
    /// Says when the broker begins to answer.
    pub(super) fn tell_stage(&self, driver: &Driver<IndexedDbStorage>) {
        if driver.broker().is_ready() && !self.is_ready.replace(true) {
            post(&FromBroker::Ready {
                node_id: self.node_id,
                brokers: brokers(driver.broker()),
                logs: u32::try_from(driver.storage().logs()).unwrap_or(u32::MAX),
                recovery_ms: clock::monotonic_ms() - self.started_ms,
            });
        }
    }

    pub(super) fn snapshot_soon(self: &Rc<Run>) {
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

    /// Tells what waits, while something may.
    pub(super) fn tell_held(&self) {
        if clock::is_paused()
            && let Some(held) = self.held.borrow_mut().news(self.node_id)
        {
            post(&FromBroker::Held(held));
        }
    }

    /// Tells what moves, or does not any more.
    pub(in crate::broker) fn watch(&self, on: bool) {
        if let Some(driver) = self.driver.borrow_mut().as_mut() {
            driver.watch(on);
        }
    }

    pub(super) fn trace_soon(self: &Rc<Run>) {
        let mut timer = self.trace_timer.borrow_mut();
        if timer.is_none() {
            let this = Rc::downgrade(self);
            let go_off = move || {
                if let Some(run) = this.upgrade() {
                    run.tell_moves();
                }
            };
            *timer = Some((clock::wall_ms(), Timeout::new(TRACE_INTERVAL_MS, go_off)));
        }
    }

    fn tell_moves(&self) {
        let Some((from_ms, _)) = self.trace_timer.take() else { return };
        if let Some(driver) = self.driver.borrow_mut().as_mut() {
            let moves: Vec<_> = driver.poll_moves().into_iter().map(moved).collect();
            if !moves.is_empty() {
                post(&FromBroker::Trace(Trace {
                    node_id: self.node_id,
                    from_ms,
                    to_ms: clock::wall_ms(),
                    moves,
                }));
            }
        }
    }
}
