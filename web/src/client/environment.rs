//! What this browser has.

use js_sys::{Array, Function, Object, Reflect};
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Storage, Worker, WorkerOptions};

use crate::state::{Missing, Setup};

/// Under which key the browser remembers how many workers a person wants.
const WORKERS_KEY: &str = "headwater.workers";
/// Who has not chosen gets so many.
const DEFAULT_WORKERS: u32 = 2;

/// Milliseconds since the page began, monotonic.
pub(crate) fn now_ms() -> f64 {
    web_sys::window().and_then(|window| window.performance()).map_or(0.0, |performance| performance.now())
}

/// What the page finds.
pub(crate) fn setup() -> Setup {
    let performance = web_sys::window().and_then(|window| window.performance());
    let remembered = local_storage().and_then(|storage| storage.get_item(WORKERS_KEY).ok().flatten());
    Setup {
        missing: missing(),
        workers: remembered.and_then(|count| count.parse().ok()).unwrap_or(DEFAULT_WORKERS),
        wall_origin_ms: performance.map_or(0.0, |performance| performance.time_origin()),
    }
}

/// Keeps how many workers a person wants. A browser that keeps nothing forgets it.
pub(super) fn remember_workers(count: u32) {
    if let Some(storage) = local_storage() {
        let _forgotten = storage.set_item(WORKERS_KEY, &count.to_string()).is_err();
    }
}

fn local_storage() -> Option<Storage> {
    web_sys::window()?.local_storage().ok().flatten()
}

/// A name that nobody else has.
pub(super) fn unique_name() -> String {
    let crypto = web_sys::window().and_then(|window| window.crypto().ok());
    crypto.map_or_else(|| js_sys::Math::random().to_bits().to_string(), |crypto| crypto.random_uuid())
}

/// What the page needs and this browser lacks.
fn missing() -> Vec<Missing> {
    let global = js_sys::global();
    let mut missing = Vec::new();
    if !has_module_workers() {
        missing.push(Missing::ModuleWorkers);
    }
    if !has(&global, "indexedDB") {
        missing.push(Missing::IndexedDb);
    }
    let navigator = Reflect::get(&global, &"navigator".into()).unwrap_or_default();
    if !has(&navigator, "locks") {
        missing.push(Missing::WebLocks);
    }
    missing
}

fn has(object: &JsValue, property: &str) -> bool {
    Reflect::get(object, &property.into()).is_ok_and(|value| !value.is_undefined() && !value.is_null())
}

/// A browser without them starts the worker anyway, but never looks at the option `type`.
fn has_module_workers() -> bool {
    let looked = Array::new();
    let seen = looked.clone();
    let getter = Closure::<dyn FnMut() -> JsValue>::new(move || {
        seen.push(&JsValue::TRUE);
        "module".into()
    });
    let options = Object::new();
    let property = Object::new();
    let get: &Function = getter.as_ref().unchecked_ref();
    if Reflect::set(&property, &"get".into(), get).is_err() {
        return false;
    }
    Object::define_property(&options, &"type".into(), &property);
    if let Ok(worker) =
        Worker::new_with_options("data:text/javascript,", options.unchecked_ref::<WorkerOptions>())
    {
        worker.terminate();
    }
    looked.length() > 0
}
