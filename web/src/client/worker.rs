//! One module worker and what it says.

use gloo_events::EventListener;
use headwater_worker_protocol::js;
use js_sys::{Array, Reflect};
use serde::Serialize;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Event, MessageEvent, Worker, WorkerOptions, WorkerType};
use yew::Callback;

use super::decode::{self, FromJs};
use crate::state::{Action, Role};
use crate::strings;

/// Where the worker's code is, relative to the page.
const SCRIPT: &str = "./worker.js";

/// A worker that ends when this is dropped. Nothing is heard of it afterwards.
pub(super) struct WorkerHandle {
    worker: Worker,
    _listeners: [EventListener; 3],
}

impl WorkerHandle {
    /// Starts a worker. Its messages, and that it broke, are told to `emit`; `into_action` also gets them as they came;
    /// some are only for others. What `is_taken` says of a message that it is not for the page is not read at all.
    pub(super) fn spawn<T: FromJs + 'static>(
        role: Role,
        emit: Callback<Action>,
        is_taken: fn(&JsValue) -> bool,
        into_action: impl Fn(T, &JsValue) -> Option<Action> + 'static,
    ) -> Result<Self, JsValue> {
        let options = WorkerOptions::new();
        options.set_type(WorkerType::Module);
        options.set_name(&match role {
            Role::Host(host) => format!("broker-{host}"),
            Role::Clients => "clients".to_owned(),
        });
        let worker = Worker::new_with_options(SCRIPT, &options)?;

        let heard = emit.clone();
        let on_message = EventListener::new(&worker, "message", move |event| {
            let data = event.dyn_ref::<MessageEvent>().map_or(JsValue::UNDEFINED, MessageEvent::data);
            if is_taken(&data) {
                return;
            }
            let action = match decode::message(&data) {
                Some(message) => into_action(message, &data),
                None => Some(Action::WorkerFailed(role, strings::message_not_read().to_owned())),
            };
            if let Some(action) = action {
                heard.emit(action);
            }
        });
        let broken = emit.clone();
        let on_error = EventListener::new(&worker, "error", move |event| {
            broken.emit(Action::WorkerFailed(role, message_of(event)));
        });
        let on_message_error = EventListener::new(&worker, "messageerror", move |_: &Event| {
            emit.emit(Action::WorkerFailed(role, strings::message_not_read().to_owned()));
        });
        Ok(WorkerHandle { worker, _listeners: [on_message, on_error, on_message_error] })
    }

    /// Sends a message with its attachment, which is moved or copied.
    pub(super) fn post<T: Serialize>(
        &self,
        message: &T,
        attachment: &JsValue,
        transfer: bool,
    ) -> Result<(), JsValue> {
        self.post_encoded(&js::encode(message, attachment)?, attachment, transfer)
    }

    /// Sends a message that is encoded already.
    pub(super) fn post_encoded(
        &self,
        message: &JsValue,
        attachment: &JsValue,
        transfer: bool,
    ) -> Result<(), JsValue> {
        if transfer {
            self.worker.post_message_with_transfer(message, &Array::of1(attachment))
        } else {
            self.worker.post_message(message)
        }
    }
}

impl Drop for WorkerHandle {
    fn drop(&mut self) {
        self.worker.terminate();
    }
}

/// The words in an error or in an `error` event. One without words is a script that could not be loaded.
pub(super) fn message_of(error: &JsValue) -> String {
    Reflect::get(error, &JsValue::from_str("message"))
        .ok()
        .and_then(|message| message.as_string())
        .filter(|message| !message.is_empty())
        .unwrap_or_else(|| strings::worker_not_loaded().to_owned())
}
