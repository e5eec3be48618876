//! The role of the clients: one worker in which all producers and consumers of the page run.

mod board;
mod consumers;
mod groups;
mod hub;
mod import;
mod importer;
mod imports;
mod member;
mod pace;
mod payload;
mod preview;
mod reading;
mod requests;
mod resume;
mod rows;
mod source;
mod synthetic;
mod topics;

use std::cell::Cell;
use std::rc::Rc;

use headwater_client::{ClientError, ProducerId};
use headwater_worker_protocol::{ClientsSnapshot, ErrorReport, FromClients, ToClients, js};
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::spawn_local;
use web_sys::{DedicatedWorkerGlobalScope, MessageEvent};

use crate::clock;
use crate::post::{fail, post};
use board::Board;
use consumers::Consumers;
use groups::Groups;
use hub::Hub;
pub(crate) use hub::PAGE_CLIENT_ID;
use imports::Imports;

/// What all requests share.
pub(crate) struct Clients {
    pub(crate) hub: Rc<Hub>,
    pub(crate) imports: Imports,
    pub(crate) consumers: Consumers,
    pub(crate) groups: Groups,
    /// The producer of records typed by hand, while it has nothing to do.
    pub(crate) idle_producer: Cell<Option<ProducerId>>,
}

impl Clients {
    fn new() -> Rc<Clients> {
        Rc::new_cyclic(|clients| {
            let board = Board::new(clients.clone());
            Clients {
                hub: Hub::new(),
                imports: Imports::new(&board),
                consumers: Consumers::new(&board),
                groups: Groups::new(&board),
                idle_producer: Cell::default(),
            }
        })
    }

    /// How everybody stands.
    fn snapshot(&self) -> ClientsSnapshot {
        ClientsSnapshot {
            imports: self.imports.snapshots(),
            consumers: self.consumers.snapshots(),
            groups: self.groups.snapshots(),
            produce_latencies: self.hub.produce_latencies(),
            end_to_end_latencies: self.hub.end_to_end.borrow().clone(),
        }
    }
}

/// Becomes the clients; the first message is any [`ToClients`].
pub(crate) fn start(first: JsValue) {
    let Ok(scope) = js_sys::global().dyn_into::<DedicatedWorkerGlobalScope>() else { return };
    let clients = Clients::new();
    spawn_local(groups::watch(clients.clone()));
    clock::on_due(|due_ms| post(&FromClients::Due(due_ms)));
    let handle = move |data: JsValue| match js::decode::<ToClients>(data) {
        Ok((ToClients::Broker { node_id }, port)) => match port.dyn_into() {
            Ok(port) => clients.hub.set_port(node_id, port),
            Err(_) => fail("UNKNOWN_MESSAGE", "A broker came without a port."),
        },
        Ok((ToClients::Time(time), _)) => {
            clock::set(time);
            clients.hub.wake();
        }
        Ok((ToClients::Request { id, request }, attachment)) => {
            let clients = clients.clone();
            spawn_local(async move {
                let result = requests::answer(&clients, request, attachment).await;
                post(&FromClients::Reply { id, result });
            });
        }
        Err(error) => {
            fail("UNKNOWN_MESSAGE", &format!("Not a message for the clients: {}.", describe(&error)))
        }
    };
    handle(first);
    let on_message =
        Closure::<dyn FnMut(MessageEvent)>::new(move |message: MessageEvent| handle(message.data()));
    scope.set_onmessage(Some(on_message.into_js_value().unchecked_ref()));
}

/// A client's error for the page.
pub(crate) fn report(error: ClientError) -> ErrorReport {
    ErrorReport {
        kind: error.name.to_owned(),
        code: error.code,
        message: error.message,
        retriable: error.retriable,
    }
}

/// An error of this worker's own.
pub(crate) fn refusal(kind: &str, message: impl Into<String>) -> ErrorReport {
    ErrorReport { kind: kind.to_owned(), code: None, message: message.into(), retriable: false }
}

/// What JavaScript threw, for people.
pub(crate) fn describe(error: &JsValue) -> String {
    let message = error.dyn_ref::<js_sys::Error>().map(|error| String::from(error.message()));
    message.or_else(|| error.as_string()).unwrap_or_else(|| format!("{error:?}"))
}
