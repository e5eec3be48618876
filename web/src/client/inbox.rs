//! What the workers say, given to the page some times a second.

use std::cell::RefCell;
use std::mem;
use std::rc::Rc;

use gloo_timers::callback::Timeout;
use headwater_worker_protocol::{FromBroker, FromClients};
use yew::Callback;

use crate::state::{Action, TabNews};

/// Events kept meanwhile; older ones would not be shown anyway.
const MAX_EVENTS: usize = 50;
/// Figures go on so often at the most: each time the page is laid out and painted anew, and every worker tells its own.
const PACE_MS: u32 = 150;

/// Collects actions. Figures and events wait for their time, the newest figures in the place of older ones; all else goes on at once, after
/// what waits.
#[derive(Clone)]
pub(crate) struct Inbox(Rc<RefCell<Waiting>>, Callback<Vec<Action>>);

#[derive(Default)]
struct Waiting {
    /// The newest of each broker.
    brokers: Vec<(i32, Action)>,
    clients: Option<Action>,
    events: Vec<Action>,
    timer: Option<Timeout>,
}

impl Waiting {
    /// Keeps what can wait; gives back what cannot.
    fn keep(&mut self, action: Action) -> Option<Action> {
        match action {
            Action::Broker(FromBroker::Snapshot(ref snapshot))
            | Action::Tab(TabNews::Broker(FromBroker::Snapshot(ref snapshot))) => {
                let node_id = snapshot.node_id;
                match self.brokers.iter_mut().find(|(known, _)| *known == node_id) {
                    Some((_, waiting)) => *waiting = action,
                    None => self.brokers.push((node_id, action)),
                }
            }
            Action::Clients(FromClients::Snapshot(_)) => self.clients = Some(action),
            Action::Broker(FromBroker::Event(_))
            | Action::Tab(TabNews::Broker(FromBroker::Event(_)))
            | Action::Clients(FromClients::GroupEvent(_)) => {
                if self.events.len() == MAX_EVENTS {
                    self.events.remove(0);
                }
                self.events.push(action);
            }
            _ => return Some(action),
        }
        None
    }

    fn take(&mut self) -> Vec<Action> {
        let mut actions = mem::take(&mut self.events);
        actions.extend(self.brokers.drain(..).map(|(_, action)| action));
        actions.extend(self.clients.take());
        actions
    }
}

impl Inbox {
    /// Actions go on to `deliver`.
    pub(crate) fn new(deliver: Callback<Vec<Action>>) -> Self {
        Inbox(Rc::default(), deliver)
    }

    /// Takes an action in.
    pub(crate) fn push(&self, action: Action) {
        let urgent = self.0.borrow_mut().keep(action);
        // A page that nobody sees has its timers seldom.
        if urgent.is_some() || self.0.borrow().timer.is_none() || is_hidden() {
            self.deliver(urgent);
        }
    }

    fn deliver(&self, urgent: Option<Action>) {
        let mut actions = self.0.borrow_mut().take();
        actions.extend(urgent);
        if actions.is_empty() {
            return;
        }
        let inbox = self.clone();
        self.0.borrow_mut().timer.get_or_insert_with(|| {
            Timeout::new(PACE_MS, move || {
                inbox.0.borrow_mut().timer.take();
                inbox.deliver(None);
            })
        });
        self.1.emit(actions);
    }
}

fn is_hidden() -> bool {
    web_sys::window().and_then(|window| window.document()).is_some_and(|document| document.hidden())
}
