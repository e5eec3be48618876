//! The conformance suite of every storage over IndexedDB, for a test page: it calls [`conformance_cases`] and
//! [`run_conformance`] in a worker.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Poll, Waker};

use gloo_timers::future::TimeoutFuture;
use headwater_driver::conformance::{CASES, Harness, run};
use js_sys::{Function, Promise};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

use crate::storage::{IndexedDbStorage, destroy};

/// The names of all cases.
#[wasm_bindgen]
#[must_use]
pub fn conformance_cases() -> Vec<String> {
    CASES.iter().map(|case| (*case).to_owned()).collect()
}

/// Runs one case over a database of its own.
///
/// `limit_room` is called with a number of bytes, or nothing, and promises whether the browser now leaves only so much
/// room to this origin.
///
/// # Errors
///
/// What was not as it should be.
#[wasm_bindgen]
pub async fn run_conformance(case: String, limit_room: Function) -> Result<(), JsValue> {
    let name = format!("headwater-conformance-{}", case.replace("::", "-"));
    destroy(&name).await?;
    let mut harness = IndexedDbHarness { name: name.clone(), limit_room, signal: Rc::default() };
    let outcome = run(&case, &mut harness).await;
    destroy(&name).await?;
    Ok(outcome?)
}

struct IndexedDbHarness {
    name: String,
    limit_room: Function,
    signal: Rc<Signal>,
}

/// Set when a storage has outcomes.
#[derive(Default)]
struct Signal {
    set: Cell<bool>,
    waiting: RefCell<Option<Waker>>,
}

impl Harness for IndexedDbHarness {
    type Storage = IndexedDbStorage;

    async fn open(&mut self) -> Result<IndexedDbStorage, String> {
        let signal = self.signal.clone();
        let wake = move || {
            signal.set.set(true);
            if let Some(waiting) = signal.waiting.take() {
                waiting.wake();
            }
        };
        IndexedDbStorage::open(&self.name, Rc::new(wake)).await
    }

    async fn wait(&mut self, _storage: &mut IndexedDbStorage) {
        let mut timeout = pin!(TimeoutFuture::new(5_000));
        poll_fn(|context| {
            *self.signal.waiting.borrow_mut() = Some(context.waker().clone());
            if self.signal.set.take() { Poll::Ready(()) } else { timeout.as_mut().poll(context) }
        })
        .await;
    }

    async fn limit_room(&mut self, bytes: Option<u64>) -> bool {
        #[expect(clippy::cast_precision_loss, reason = "a room of 2^53 bytes is no limit")]
        let bytes = bytes.map_or(JsValue::UNDEFINED, |bytes| JsValue::from_f64(bytes as f64));
        let Ok(promise) = self.limit_room.call1(&JsValue::NULL, &bytes) else { return false };
        match JsFuture::from(promise.unchecked_into::<Promise>()).await {
            Ok(limited) => limited.is_truthy(),
            Err(_) => false,
        }
    }
}
