//! Tells the page how everybody stands, some times a second and only when something changed.

use std::cell::RefCell;
use std::rc::{Rc, Weak};

use gloo_timers::callback::Timeout;
use headwater_worker_protocol::FromClients;

use super::Clients;
use crate::post::post;

/// The page hears of changes this often.
const SNAPSHOT_MS: u32 = 200;

/// Gathers changes until it is time to tell of them.
pub(crate) struct Board {
    /// Those of whom it tells.
    clients: Weak<Clients>,
    timer: RefCell<Option<Timeout>>,
}

impl Board {
    pub(crate) fn new(clients: Weak<Clients>) -> Rc<Board> {
        Rc::new(Board { clients, timer: RefCell::default() })
    }

    /// Something changed; the page hears of it soon.
    pub(crate) fn changed(self: &Rc<Self>) {
        let mut timer = self.timer.borrow_mut();
        if timer.is_none() {
            let board = self.clone();
            *timer = Some(Timeout::new(SNAPSHOT_MS, move || board.post()));
        }
    }

    fn post(&self) {
        if let Some(timer) = self.timer.borrow_mut().take() {
            // It has gone off; there is nothing to cancel.
            timer.forget();
        }
        if let Some(clients) = self.clients.upgrade() {
            post(&FromClients::Snapshot(clients.snapshot()));
        }
    }
}
