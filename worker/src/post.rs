//! What a worker tells the page.

use headwater_worker_protocol::{ErrorReport, FromBroker, js};
use serde::Serialize;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::DedicatedWorkerGlobalScope;

/// Sends a message to the page. There is nobody to tell if that fails: the page is gone then.
pub(crate) fn post<T: Serialize>(message: &T) {
    let scope = js_sys::global().dyn_into::<DedicatedWorkerGlobalScope>();
    if let (Ok(scope), Ok(value)) = (scope, js::encode(message, &JsValue::UNDEFINED)) {
        let _ = scope.post_message(&value);
    }
}

/// Tells the page that this worker cannot go on.
pub(crate) fn fail(kind: &str, message: &str) {
    // In both roles this is the same message.
    post(&FromBroker::Failed(ErrorReport {
        kind: kind.to_owned(),
        code: None,
        message: message.to_owned(),
        retriable: false,
    }));
}

/// Has a panic told to the console and to the page. After one the module must not be called again: the page replaces the
/// worker.
pub(crate) fn report_panics() {
    std::panic::set_hook(Box::new(|panic| {
        console_error_panic_hook::hook(panic);
        fail("PANIC", &format!("A bug in the worker: {panic}"));
    }));
}
