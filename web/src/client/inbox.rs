//! What the workers say, given to the page at most once a frame.

use std::cell::RefCell;
use std::mem;
use std::rc::Rc;

use gloo_render::{AnimationFrame, request_animation_frame};
use headwater_worker_protocol::{FromBroker, FromClients};
use yew::Callback;

use crate::state::{Action, TabNews};

/// Events kept for a frame; older ones would not be shown anyway.
const MAX_EVENTS: usize = 50;

/// Collects actions. Figures and events wait for the next frame, the newest figures in the place of older ones; all else goes on at once, after
/// what waits.
#[derive(Clone)]
pub(crate) struct Inbox(Rc<RefCell<Waiting>>, Callback<Vec<Action>>);

#[derive(Default)]
struct Waiting {
    /// The newest of each broker.
    brokers: Vec<(i32, Action)>,
    clients: Option<Action>,
    events: Vec<Action>,
    frame: Option<AnimationFrame>,
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
        self.frame = None;
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
        // A page that nobody sees gets no frames.
        if urgent.is_some() || is_hidden() {
            let mut actions = self.0.borrow_mut().take();
            actions.extend(urgent);
            self.1.emit(actions);
        } else if self.0.borrow().frame.is_none() {
            let inbox = self.clone();
            let frame = request_animation_frame(move |_| {
                let actions = inbox.0.borrow_mut().take();
                inbox.1.emit(actions);
            });
            self.0.borrow_mut().frame = Some(frame);
        }
    }
}

fn is_hidden() -> bool {
    web_sys::window().and_then(|window| window.document()).is_some_and(|document| document.hidden())
}
