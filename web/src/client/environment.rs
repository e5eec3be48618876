//! What this browser has.

use js_sys::{Array, Function, Object, Reflect};
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Worker, WorkerOptions};

use crate::state::Missing;

/// Milliseconds since the page began, monotonic.
pub(crate) fn now_ms() -> f64 {
    web_sys::window().and_then(|window| window.performance()).map_or(0.0, |performance| performance.now())
}

/// What the page needs and this browser lacks.
pub(crate) fn missing() -> Vec<Missing> {
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
