//! The page's JavaScript modules (`web/js`): what they are told, and what they ask for.
//!
//! They draw what moves, and hold what is loaded later. `boot.js` has left an object for them, `globalThis.headwater`, with
//! the functions that are called here; messages of the workers are passed on as they came, so that nothing is decoded
//! twice (but for what they put in words of another language) and the protocol between page and workers is the only one there is.

use headwater_worker_protocol::{FromBroker, js as messages};
use js_sys::{Array, Function, Object, Reflect};
use serde::Serialize;
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};

use super::decode;
use crate::state::Workers;

/// Who has said something.
#[derive(Clone, Copy)]
pub(crate) enum From {
    /// A broker, of this tab or of the one that has them.
    Broker,
    /// The worker of producers and consumers.
    Clients,
}

/// What the modules ask for: what it is called, and two values that belong to it.
pub(crate) struct Asked {
    pub(crate) what: String,
    pub(crate) first: JsValue,
    pub(crate) second: JsValue,
}

/// The words that `boot.js` has loaded, by place.
pub(crate) fn words() -> impl Iterator<Item = String> {
    let words: Option<Array> = property("words").and_then(|words| words.dyn_into().ok());
    words.unwrap_or_default().into_iter().filter_map(|word| word.as_string())
}

/// Has the modules ask by calling `asked`.
pub(crate) fn attach(asked: impl Fn(Asked) + 'static) {
    let ask = Closure::<dyn Fn(String, JsValue, JsValue)>::new(move |what, first, second| {
        asked(Asked { what, first, second });
    });
    call("attach", &ask.into_js_value(), &JsValue::UNDEFINED);
}

/// Tells the modules what a worker has said. True: it was for them alone; of a broker's: it may be in other words now.
pub(crate) fn hear(from: From, data: &JsValue) -> bool {
    let from = match from {
        From::Broker => "broker",
        From::Clients => "clients",
    };
    call("hear", &from.into(), data).is_truthy()
}

/// Tells the modules what a broker has said, and gives it in their words: of another language, where they have some.
pub(super) fn hear_broker(said: FromBroker, data: &JsValue) -> FromBroker {
    let reworded = hear(From::Broker, data);
    if reworded { decode::message(data).unwrap_or(said) } else { said }
}

/// Tells the modules that the places for them are on the page, perhaps anew.
pub(crate) fn mounted() {
    call("mounted", &JsValue::UNDEFINED, &JsValue::UNDEFINED);
}

/// Tells the modules how the workers stand.
pub(crate) fn tell_workers(workers: &Workers) {
    if let Ok(standing) = messages::encode(&Standing::new(workers), &JsValue::UNDEFINED) {
        call("stands", &standing, &JsValue::UNDEFINED);
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Standing {
    can_act: bool,
    is_guest: bool,
    hosts: Vec<&'static str>,
    brokers: Vec<BrokerStanding>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BrokerStanding {
    node_id: i32,
    host: Option<u32>,
    state: &'static str,
}

impl Standing {
    fn new(workers: &Workers) -> Self {
        Standing {
            can_act: workers.can_act(),
            is_guest: workers.is_guest(),
            hosts: workers.hosts.iter().map(|host| host.state.name()).collect(),
            brokers: workers
                .brokers
                .iter()
                .map(|broker| BrokerStanding {
                    node_id: broker.node_id,
                    host: workers.host_of(broker.node_id),
                    state: broker.state.name(),
                })
                .collect(),
        }
    }
}

fn property(name: &str) -> Option<JsValue> {
    let headwater = Reflect::get(&js_sys::global(), &"headwater".into()).ok()?;
    Reflect::get(headwater.dyn_ref::<Object>()?, &name.into()).ok()
}

fn call(name: &str, first: &JsValue, second: &JsValue) -> JsValue {
    let function = property(name).and_then(|function| function.dyn_into::<Function>().ok());
    // These functions report their errors themselves, and the page goes on without what failed.
    function.and_then(|function| function.call2(&JsValue::UNDEFINED, first, second).ok()).unwrap_or_default()
}
