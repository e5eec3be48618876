//! The module of every web worker of the page. The first message to a worker decides its role: a broker with its
//! partitions in IndexedDB, or the clients of the page.

#[cfg(feature = "bench")]
pub mod bench;
mod broker;
mod clients;
mod clock;
#[cfg(feature = "conformance")]
pub mod conformance;
mod noise;
mod post;
pub mod storage;

use headwater_worker_protocol::{FromBroker, ToBroker, js};
use js_sys::{Array, Object, Reflect};
use wasm_bindgen::prelude::{Closure, wasm_bindgen};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{DedicatedWorkerGlobalScope, MessageEvent};

/// Waits for the first message, and says so to the page.
///
/// A script that wants only what the module exports sets `headwaterManual` on its global object before.
#[wasm_bindgen(start)]
pub fn start() {
    post::report_panics();
    let Ok(scope) = js_sys::global().dyn_into::<DedicatedWorkerGlobalScope>() else { return };
    if Reflect::has(&scope, &"headwaterManual".into()).unwrap_or(false) {
        return;
    }
    wait_for_role(&scope);
    // Both roles begin with the same message.
    post::post(&FromBroker::Loaded);
}

fn wait_for_role(scope: &DedicatedWorkerGlobalScope) {
    let scope_again = scope.clone();
    let first = Closure::once_into_js(move |message: MessageEvent| take_role(&scope_again, &message.data()));
    scope.set_onmessage(Some(first.unchecked_ref()));
}

/// Each role sets a handler of its own for what comes after the first message.
fn take_role(scope: &DedicatedWorkerGlobalScope, first: &JsValue) {
    match tag(first).as_deref() {
        // It is the same for both roles.
        Some("time") => {
            if let Ok((ToBroker::Time(time), _)) = js::decode(first.clone()) {
                clock::set(time);
            }
            wait_for_role(scope);
        }
        Some("start" | "destroy" | "describe" | "step" | "watch") => broker::start(first.clone()),
        Some("broker" | "request") => clients::start(first.clone()),
        other => {
            let what = other.unwrap_or("something without a name");
            post::fail("UNKNOWN_MESSAGE", &format!("A worker cannot begin with the message {what}."));
        }
    }
}

/// The name of a message: all of it, or its object's only key.
fn tag(message: &JsValue) -> Option<String> {
    let message = message.dyn_ref::<Array>()?.get(0);
    message.as_string().or_else(|| Object::keys(message.dyn_ref::<Object>()?).get(0).as_string())
}
