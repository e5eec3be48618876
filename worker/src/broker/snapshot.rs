//! How the broker stands, for the page.

use headwater_driver::Driver;
use headwater_worker_protocol::{BrokerSnapshot, engine};
use js_sys::{ArrayBuffer, WebAssembly};
use wasm_bindgen::JsCast;

use crate::storage::IndexedDbStorage;

/// Takes a snapshot.
pub(super) fn snapshot(node_id: i32, driver: &Driver<IndexedDbStorage>) -> BrokerSnapshot {
    engine::snapshot(node_id, driver.broker(), memory_bytes(), driver.storage().commits())
}

fn memory_bytes() -> u64 {
    let memory = wasm_bindgen::memory().unchecked_into::<WebAssembly::Memory>();
    u64::from(memory.buffer().unchecked_into::<ArrayBuffer>().byte_length())
}
