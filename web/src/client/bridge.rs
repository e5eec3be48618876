//! Connections between a port of this tab and a channel to another one: Kafka frames pass through unread.

use std::cell::RefCell;
use std::rc::Rc;

use gloo_events::EventListener;
use headwater_worker_protocol::tabs::OPENED;
use js_sys::{Array, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{BroadcastChannel, Event, MessageEvent, MessagePort};

use super::environment::unique_name;

/// Connections at the most: the oldest gives way.
const MAX_BRIDGES: usize = 128;

/// Whose a connection is.
enum Side {
    /// Of clients of this tab, to a broker elsewhere.
    Guest { node_id: i32 },
    /// Of another tab's clients, to a broker in a worker of this one.
    Owner { tab: String, host: u32 },
}

impl Side {
    fn node_id(&self) -> Option<i32> {
        match self {
            Side::Guest { node_id } => Some(*node_id),
            Side::Owner { .. } => None,
        }
    }
}

struct Bridge {
    side: Side,
    port: MessagePort,
    channel: BroadcastChannel,
}

/// The open connections.
#[derive(Clone)]
pub(super) struct Bridges {
    open: Rc<RefCell<Open>>,
    /// Asks the tab that has the brokers to join a channel, of this name, with a broker.
    ask: Rc<dyn Fn(i32, String)>,
}

#[derive(Default)]
struct Open {
    next: u64,
    bridges: Vec<(u64, Bridge, [EventListener; 3])>,
}

impl Bridges {
    /// None yet. `ask` has the other tab join a channel with a broker.
    pub(super) fn new(ask: impl Fn(i32, String) + 'static) -> Self {
        Bridges { open: Rc::default(), ask: Rc::new(ask) }
    }

    /// Leads a port of this tab's clients to a broker elsewhere. What they send waits in the port until the other side
    /// listens.
    pub(super) fn open_to(&self, node_id: i32, port: MessagePort) -> Result<(), JsValue> {
        let name = unique_name();
        self.open(Bridge { side: Side::Guest { node_id }, port, channel: BroadcastChannel::new(&name)? });
        (self.ask)(node_id, name);
        Ok(())
    }

    /// Joins the channel of another tab's clients with a port of a broker in a worker of this tab.
    pub(super) fn open_from(
        &self,
        tab: String,
        host: u32,
        port: MessagePort,
        channel: &str,
    ) -> Result<(), JsValue> {
        let channel = BroadcastChannel::new(channel)?;
        port.start();
        channel.post_message(&OPENED.into())?;
        self.open(Bridge { side: Side::Owner { tab, host }, port, channel });
        Ok(())
    }

    /// Lets frames pass both ways from now on.
    fn open(&self, bridge: Bridge) {
        let number = self.open.borrow().next;
        let closing = |bridges: &Bridges| {
            let bridges = bridges.clone();
            move || bridges.close(|known, _| known == number)
        };
        let listeners = [
            {
                let (channel, close) = (bridge.channel.clone(), closing(self));
                let more = bridge.side.node_id().map(|node_id| (node_id, self.clone()));
                EventListener::new(&bridge.port, "message", move |event| {
                    let data = data_of(event);
                    match (data.dyn_ref::<MessagePort>(), &more) {
                        // A port of its own for another connection to the same broker.
                        (Some(port), Some((node_id, bridges))) => {
                            if bridges.open_to(*node_id, port.clone()).is_err() {
                                port.close();
                            }
                        }
                        _ if data.is_null() => close(),
                        _ => drop(channel.post_message(&data)),
                    }
                })
            },
            {
                // Not every browser tells of this.
                let close = closing(self);
                EventListener::new(&bridge.port, "close", move |_| close())
            },
            {
                let (port, close) = (bridge.port.clone(), closing(self));
                EventListener::new(&bridge.channel, "message", move |event| {
                    let data = data_of(event);
                    if let Some(frame) = data.dyn_ref::<Uint8Array>() {
                        let _ = port.post_message_with_transferable(frame, &Array::of1(&frame.buffer()));
                    } else if data.as_string().is_some_and(|said| said == OPENED) {
                        port.start();
                    } else {
                        close();
                    }
                })
            },
        ];
        let oldest = {
            let open = &mut *self.open.borrow_mut();
            open.next += 1;
            open.bridges.push((number, bridge, listeners));
            (open.bridges.len() > MAX_BRIDGES).then(|| open.bridges[0].0)
        };
        if let Some(oldest) = oldest {
            self.close(|number, _| number == oldest);
        }
    }

    /// The connections of clients of this tab to a broker end.
    pub(super) fn close_of_node(&self, node_id: i32) {
        self.close(|_, side| matches!(side, Side::Guest { node_id: of } if *of == node_id));
    }

    /// The connections to brokers in a worker end.
    pub(super) fn close_of_host(&self, host: u32) {
        self.close(|_, side| matches!(side, Side::Owner { host: of, .. } if *of == host));
    }

    /// The connections of another tab end.
    pub(super) fn close_of_tab(&self, tab: &str) {
        self.close(|_, side| matches!(side, Side::Owner { tab: of, .. } if of == tab));
    }

    /// All connections end.
    pub(super) fn close_all(&self) {
        self.close(|_, _| true);
    }

    /// Closes both ends, and tells both.
    fn close(&self, which: impl Fn(u64, &Side) -> bool) {
        let closed: Vec<_> = {
            let bridges = &mut self.open.borrow_mut().bridges;
            bridges.extract_if(.., |(number, bridge, _)| which(*number, &bridge.side)).collect()
        };
        for (_, Bridge { port, channel, .. }, _listeners) in closed {
            let _ = port.post_message(&JsValue::NULL);
            let _ = channel.post_message(&JsValue::NULL);
            port.close();
            channel.close();
        }
    }
}

fn data_of(event: &Event) -> JsValue {
    event.dyn_ref::<MessageEvent>().map_or(JsValue::UNDEFINED, MessageEvent::data)
}
