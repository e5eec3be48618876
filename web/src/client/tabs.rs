//! The other tabs of this browser: who has the brokers, what they say, and connections to them.

use std::cell::RefCell;
use std::rc::Rc;

use gloo_events::EventListener;
use headwater_worker_protocol::locks::{Ask, LockNews, request};
use headwater_worker_protocol::tabs::{BetweenTabs, brokers_channel, tab_lock, tabs_channel};
use headwater_worker_protocol::{FromBroker, js};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{BroadcastChannel, MessageEvent, MessagePort};
use yew::Callback;

use super::bridge::Bridges;
use super::decode;
use super::environment::unique_name;
use super::modules;
use crate::state::{Action, CLUSTER, PartNews, TabNews};

/// Guests that are told apart. More of them work, but are told how the brokers stand with every question.
const MAX_GUESTS: usize = 64;

/// What a broker has said, as it came from its worker.
struct LastWords {
    node_id: i32,
    ready: JsValue,
    snapshot: Option<JsValue>,
}

/// This tab among the others.
pub(super) struct Tabs {
    name: String,
    tabs: BroadcastChannel,
    brokers: BroadcastChannel,
    /// Of the brokers of this tab, for guests that come later.
    last_words: RefCell<Vec<LastWords>>,
    guests: Rc<RefCell<Vec<String>>>,
    bridges: Bridges,
    emit: Callback<Action>,
    _listeners: [EventListener; 2],
}

impl Tabs {
    /// Listens to the others; what they say is told to `emit`.
    ///
    /// # Errors
    ///
    /// When the browser has no channels between tabs.
    pub(super) fn join(emit: Callback<Action>) -> Result<Self, JsValue> {
        let name = unique_name();
        let tabs = BroadcastChannel::new(&tabs_channel(CLUSTER))?;
        let brokers = BroadcastChannel::new(&brokers_channel(CLUSTER))?;
        // Whoever waits for this lock learns when this tab is gone.
        request(&tab_lock(&name), Ask::Wait, |_| {})?;
        let listeners = [
            listen(&tabs, emit.clone(), |said, _| said, |said| Some(Action::Tab(TabNews::Said(said)))),
            listen(&brokers, emit.clone(), modules::hear_broker, |said| match said {
                FromBroker::Trace(_) => None,
                said => Some(Action::Tab(TabNews::Broker(said))),
            }),
        ];
        let bridges = {
            let (tabs, tab) = (tabs.clone(), name.clone());
            Bridges::new(move |node_id, channel| {
                say(&tabs, &BetweenTabs::Open { tab: tab.clone(), node_id, channel });
            })
        };
        Ok(Tabs {
            name,
            tabs,
            brokers,
            last_words: RefCell::default(),
            guests: Rc::default(),
            bridges,
            emit,
            _listeners: listeners,
        })
    }

    /// Asks for the lock on the brokers, and tells what becomes of it.
    pub(super) fn ask_for_brokers(&self, by_force: bool) -> Result<(), JsValue> {
        let name = brokers_channel(CLUSTER);
        let emit = self.emit.clone();
        let bridges = self.bridges.clone();
        // Ways to brokers elsewhere, or for guests of this tab, lead nowhere after a change.
        let tell = move |news| {
            bridges.close_all();
            emit.emit(Action::Part(news));
        };
        if by_force {
            return request(&name, Ask::Steal, move |news| follow(&news, true, &tell));
        }
        let (waiting, wait) = (tell.clone(), name.clone());
        request(&name, Ask::IfAvailable, move |news| {
            follow(&news, false, &tell);
            if news == LockNews::Taken {
                let tell = waiting.clone();
                // It was not refused a moment ago.
                let _ = request(&wait, Ask::Wait, move |news| follow(&news, false, &tell));
            }
        })
    }

    /// Repeats to the other tabs, where there are some, what a broker of this one has said.
    pub(super) fn repeat(&self, message: &FromBroker, data: &JsValue) {
        match message {
            FromBroker::Ready { node_id, .. } => {
                self.forget_words_of(*node_id);
                let words = LastWords { node_id: *node_id, ready: data.clone(), snapshot: None };
                self.last_words.borrow_mut().push(words);
            }
            FromBroker::Snapshot(snapshot) => {
                for words in &mut *self.last_words.borrow_mut() {
                    if words.node_id == snapshot.node_id {
                        words.snapshot = Some(data.clone());
                    }
                }
            }
            FromBroker::BrokerFailed { node_id, .. } | FromBroker::Destroyed { node_id } => {
                self.forget_words_of(*node_id);
            }
            FromBroker::Event(_) | FromBroker::Trace(_) => {}
            _ => return,
        }
        // A guest that comes is told how they stand.
        if !self.guests.borrow().is_empty() {
            let _ = self.brokers.post_message(data);
        }
    }

    /// Tells the others that a broker of this tab is gone.
    pub(super) fn tell_down(&self, node_id: i32) {
        self.forget_words_of(node_id);
        self.say(&BetweenTabs::Down { node_id });
    }

    /// Asks whether the tab is there that has the brokers.
    pub(super) fn hello(&self) {
        self.say(&BetweenTabs::Hello { tab: self.name.clone() });
    }

    /// Answers a guest; one that is new is told how the brokers stand, and missed when it is gone.
    pub(super) fn here(&self, guest: String) {
        self.say(&BetweenTabs::Here { tab: self.name.clone() });
        let is_known = self.guests.borrow().contains(&guest);
        if is_known {
            return;
        }
        for LastWords { ready, snapshot, .. } in &*self.last_words.borrow() {
            let _ = self.brokers.post_message(ready);
            if let Some(snapshot) = snapshot {
                let _ = self.brokers.post_message(snapshot);
            }
        }
        if self.guests.borrow().len() < MAX_GUESTS {
            self.guests.borrow_mut().push(guest.clone());
            let (guests, bridges) = (self.guests.clone(), self.bridges.clone());
            let lock = tab_lock(&guest);
            // Its connections end with it at the latest when they are not answered.
            let _ = request(&lock, Ask::Pass, move |_| {
                guests.borrow_mut().retain(|known| *known != guest);
                bridges.close_of_tab(&guest);
            });
        }
    }

    /// Ends the connections to a broker of another tab.
    pub(super) fn close_of_node(&self, node_id: i32) {
        self.bridges.close_of_node(node_id);
    }

    /// Leads a port to a broker of another tab.
    pub(super) fn connect(&self, node_id: i32, port: MessagePort) -> Result<(), JsValue> {
        self.bridges.open_to(node_id, port)
    }

    /// Joins a guest's channel with a port of a broker in a worker of this tab.
    pub(super) fn serve(
        &self,
        tab: String,
        host: u32,
        port: MessagePort,
        channel: &str,
    ) -> Result<(), JsValue> {
        self.bridges.open_from(tab, host, port, channel)
    }

    /// A worker is gone, and so are the connections to its brokers.
    pub(super) fn host_gone(&self, host: u32) {
        self.bridges.close_of_host(host);
    }

    fn forget_words_of(&self, node_id: i32) {
        self.last_words.borrow_mut().retain(|words| words.node_id != node_id);
    }

    fn say(&self, message: &BetweenTabs) {
        say(&self.tabs, message);
    }
}

fn say(tabs: &BroadcastChannel, message: &BetweenTabs) {
    // There is nobody to tell if that fails: the page is going.
    if let Ok(message) = js::encode(message, &JsValue::UNDEFINED) {
        let _ = tabs.post_message(&message);
    }
}

fn listen<T: decode::FromJs + 'static>(
    channel: &BroadcastChannel,
    emit: Callback<Action>,
    reword: fn(T, &JsValue) -> T,
    into_action: fn(T) -> Option<Action>,
) -> EventListener {
    EventListener::new(channel, "message", move |event| {
        let data = event.dyn_ref::<MessageEvent>().map_or(JsValue::UNDEFINED, MessageEvent::data);
        // What cannot be read is from a tab of another version.
        let said = decode::message(&data).map(|said| reword(said, &data));
        if let Some(action) = said.and_then(into_action) {
            emit.emit(action);
        }
    })
}

fn follow(news: &LockNews, by_force: bool, tell: &impl Fn(PartNews)) {
    match news {
        LockNews::Given => tell(PartNews::Owner { by_force }),
        LockNews::Taken => tell(PartNews::Guest),
        LockNews::Stolen => tell(PartNews::Lost),
        // Browsers refuse only pages that are going or that have no locks at all, which was looked at before.
        LockNews::Refused(_) => {}
    }
}
