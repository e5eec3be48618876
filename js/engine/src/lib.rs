//! A broker whose logs are in memory, for JavaScript. What it does when, is the caller's: it is handed frames and the time, and
//! asked for answers (`js/memory.mjs`).

use bytes::Bytes;
use headwater_driver::{Driver, MemoryDisk, MemoryStorage};
use headwater_engine::{Broker, BrokerConfig, ConnectionId, NodeId, Now};
use js_sys::{Array, Uint8Array};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsError, JsValue};

/// A broker of a cluster in memory. With it, its records are gone.
#[wasm_bindgen]
pub struct MemoryBroker {
    driver: Driver<MemoryStorage>,
}

#[wasm_bindgen]
impl MemoryBroker {
    /// A broker that Metadata names `host:port`. The one with the id 0 is the controller. `configs` are keys and values by turns;
    /// `entropy` is any number, another for each broker.
    ///
    /// # Errors
    /// When a config is unknown, or has no such value.
    #[wasm_bindgen(constructor)]
    #[expect(clippy::needless_pass_by_value, reason = "strings cross the border only as values")]
    pub fn new(
        cluster: &str,
        node_id: NodeId,
        host: &str,
        port: u16,
        configs: Vec<String>,
        entropy: u64,
    ) -> Result<MemoryBroker, JsError> {
        let mut config = BrokerConfig::new(cluster, node_id, host, port);
        for pair in configs.chunks(2) {
            if let [key, value] = pair {
                config.set(key, value)?;
            }
        }
        let storage = MemoryStorage::open(&MemoryDisk::new());
        Ok(MemoryBroker { driver: Driver::new(Broker::new(config, entropy), storage) })
    }

    /// A request came over a connection; a number names it, and must not be used again.
    pub fn handle_request(&mut self, monotonic_ms: f64, wall_ms: f64, connection: u32, frame: Vec<u8>) {
        let connection = ConnectionId(connection.into());
        self.driver.handle_request(now(monotonic_ms, wall_ms), connection, Bytes::from(frame));
    }

    /// A connection was closed by its other end.
    pub fn handle_disconnect(&mut self, monotonic_ms: f64, wall_ms: f64, connection: u32) {
        self.driver.handle_disconnect(now(monotonic_ms, wall_ms), ConnectionId(connection.into()));
    }

    /// An answer of another broker.
    pub fn handle_peer_response(&mut self, monotonic_ms: f64, wall_ms: f64, peer: NodeId, frame: Vec<u8>) {
        self.driver.handle_peer_response(now(monotonic_ms, wall_ms), peer, Bytes::from(frame));
    }

    /// Works on what there is, and on what is due. Answers what is to be sent: `[connection, frame]` each, with `null` for
    /// the frame of a connection that is to be closed, and `[null, frame, peer]` the same for connections to other brokers.
    pub fn advance(&mut self, monotonic_ms: f64, wall_ms: f64) -> Array {
        let now = now(monotonic_ms, wall_ms);
        if self.driver.poll_timeout().is_some_and(|at| at <= now.monotonic_ms) {
            self.driver.handle_timeout(now);
        }
        self.driver.pump(now);
        let out = Array::new();
        while let Some((ConnectionId(connection), frame)) = self.driver.poll_response() {
            out.push(&Array::of2(&number(connection), &Uint8Array::from(&frame[..])));
        }
        while let Some(ConnectionId(connection)) = self.driver.poll_close() {
            out.push(&Array::of2(&number(connection), &JsValue::NULL));
        }
        while let Some(peer) = self.driver.poll_peer_close() {
            out.push(&Array::of3(&JsValue::NULL, &JsValue::NULL, &JsValue::from(peer)));
        }
        while let Some((peer, frame)) = self.driver.poll_peer_request() {
            out.push(&Array::of3(&JsValue::NULL, &Uint8Array::from(&frame[..]), &JsValue::from(peer)));
        }
        // What it tells of itself is for whoever shows it.
        while self.driver.poll_event().is_some() {}
        out
    }

    /// The monotonic time in milliseconds at which to advance it at the latest.
    #[must_use]
    pub fn next_advance(&self) -> Option<f64> {
        self.driver.poll_timeout().map(|at| at as f64)
    }

    /// Whether it has begun to answer.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.driver.broker().is_ready()
    }
}

fn now(monotonic_ms: f64, wall_ms: f64) -> Now {
    Now { monotonic_ms: monotonic_ms as u64, wall_ms: wall_ms as i64 }
}

/// Connections are numbered by `handle_request` in 32 bits.
fn number(connection: u64) -> JsValue {
    JsValue::from(connection as f64)
}
