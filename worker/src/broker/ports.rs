//! Connections: message ports that carry one Kafka frame a message, or a port for another connection.

use bytes::Bytes;
use gloo_events::EventListener;
use headwater_engine::ConnectionId;
use headwater_engine::sorted::SortedMap;
use js_sys::{Array, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{MessageEvent, MessagePort};

/// What came over a port.
pub(super) enum FromPort {
    /// A frame, or what should have been one: no bytes then.
    Frame(Bytes),
    /// More bytes than anybody may send at once.
    TooLong(u32),
    /// A port, for another connection.
    Connection(MessagePort),
    /// The other end is gone.
    Closed,
}

/// Longer messages are not even copied. Kafka's default of `socket.request.max.bytes`.
pub(super) const MAX_FRAME: u32 = 100 << 20;

/// The open ports.
#[derive(Default)]
pub(super) struct Ports {
    ports: SortedMap<ConnectionId, Port>,
    next: u64,
}

struct Port {
    port: MessagePort,
    /// Taken off when the port is dropped.
    _listeners: [EventListener; 2],
}

impl Ports {
    /// Listens on a port; `take` gets what comes.
    pub(super) fn open(
        &mut self,
        port: MessagePort,
        take: impl Fn(ConnectionId, FromPort) + Clone + 'static,
    ) {
        let connection = ConnectionId(self.next);
        self.next += 1;
        let on_message = take.clone();
        let message =
            EventListener::new(&port, "message", move |event| on_message(connection, content(event)));
        // Not every browser tells of this; a port nobody sends on costs little.
        let close = EventListener::new(&port, "close", move |_| take(connection, FromPort::Closed));
        port.start();
        self.ports.insert(connection, Port { port, _listeners: [message, close] });
    }

    /// Sends a frame. A connection that is no more has nobody to answer.
    pub(super) fn send(&self, connection: ConnectionId, frame: &[u8]) {
        if let Some(Port { port, .. }) = self.ports.get(&connection) {
            let bytes = Uint8Array::from(frame);
            let _ = port.post_message_with_transferable(&bytes, &Array::of1(&bytes.buffer()));
        }
    }

    pub(super) fn close(&mut self, connection: ConnectionId) {
        if let Some(Port { port, .. }) = self.ports.remove(&connection) {
            farewell(&port);
        }
    }

    pub(super) fn close_all(&mut self) {
        std::mem::take(&mut self.ports).into_iter().for_each(|(_, Port { port, .. })| farewell(&port));
    }
}

pub(super) fn content(event: &web_sys::Event) -> FromPort {
    let data = event.unchecked_ref::<MessageEvent>().data();
    if let Some(port) = data.dyn_ref::<MessagePort>() {
        return FromPort::Connection(port.clone());
    }
    match data.dyn_ref::<Uint8Array>() {
        Some(bytes) if bytes.length() > MAX_FRAME => FromPort::TooLong(bytes.length()),
        Some(bytes) => FromPort::Frame(Bytes::from(bytes.to_vec())),
        None if data.is_null() => FromPort::Closed,
        None => FromPort::Frame(Bytes::new()),
    }
}

/// Most browsers do not tell the other end that a port was closed, so a message does.
pub(super) fn farewell(port: &MessagePort) {
    let _ = port.post_message(&JsValue::NULL);
    port.close();
}
