//! A broker's own connections to other brokers: message ports that carry one Kafka frame a message.

use bytes::Bytes;
use gloo_events::EventListener;
use headwater_engine::sorted::SortedMap;
use js_sys::{Array, Uint8Array};
use web_sys::MessagePort;

use super::ports::{FromPort, content, farewell};

/// The ways to other brokers, by node id.
#[derive(Default)]
pub(super) struct Peers(SortedMap<i32, Peer>);

struct Peer {
    port: MessagePort,
    /// Taken off when the port is dropped.
    _listeners: [EventListener; 2],
}

impl Peers {
    /// Listens on a port; `take` gets what comes. Whether it takes the place of another.
    pub(super) fn set(
        &mut self,
        peer: i32,
        port: MessagePort,
        take: impl Fn(i32, FromPort) + Clone + 'static,
    ) -> bool {
        let on_message = take.clone();
        let message = EventListener::new(&port, "message", move |event| on_message(peer, content(event)));
        // Not every browser tells of this; elsewhere the page gives a new port.
        let close = EventListener::new(&port, "close", move |_| take(peer, FromPort::Closed));
        port.start();
        self.0.insert(peer, Peer { port, _listeners: [message, close] }).is_some()
    }

    /// Sends a frame; false when there is no way.
    pub(super) fn send(&self, peer: i32, frame: &Bytes) -> bool {
        let Some(Peer { port, .. }) = self.0.get(&peer) else { return false };
        let bytes = Uint8Array::from(&**frame);
        port.post_message_with_transferable(&bytes, &Array::of1(&bytes.buffer())).is_ok()
    }

    pub(super) fn has(&self, peer: i32) -> bool {
        self.0.contains_key(&peer)
    }

    /// Forgets a way; false when there was none.
    pub(super) fn close(&mut self, peer: i32) -> bool {
        let Some(Peer { port, .. }) = self.0.remove(&peer) else { return false };
        farewell(&port);
        true
    }

    pub(super) fn close_all(&mut self) {
        std::mem::take(&mut self.0).into_iter().for_each(|(_, Peer { port, .. })| farewell(&port));
    }
}
