//! The role of a broker: one worker, one broker, one database.

mod lock;
mod ports;
mod run;
mod snapshot;

use std::cell::RefCell;
use std::rc::Rc;

use headwater_driver::Driver;
use headwater_engine::{Broker, BrokerConfig};
use headwater_worker_protocol::{FromBroker, ToBroker, js};
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::spawn_local;
use web_sys::{DedicatedWorkerGlobalScope, MessageEvent, MessagePort};

use self::run::Run;
use crate::post::{fail, post};
use crate::storage::{IndexedDbStorage, database_name, destroy};
use crate::{clock, storage};

/// Kafka's usual port. With the host `broker-<node id>` it is what Metadata names. Nobody resolves it: frames go over the
/// ports that the page hands out, and the clients find the port of a broker by its host.
const PORT: u16 = 9092;

/// Where the worker stands.
enum Stage {
    /// The lock is waited for or the database opened; connections that came meanwhile.
    Opening(Vec<MessagePort>),
    Running(Rc<Run>),
    /// It was destroyed, or cannot go on.
    Over,
}

type Shared = Rc<RefCell<Stage>>;

/// Becomes a broker; the first message is [`ToBroker::Start`].
pub(crate) fn start(first: JsValue) {
    let Ok(scope) = js_sys::global().dyn_into::<DedicatedWorkerGlobalScope>() else { return };
    let stage: Shared = Rc::new(RefCell::new(Stage::Opening(Vec::new())));
    // Which database it is, once the first message has said so.
    let database = Rc::new(RefCell::new(String::new()));
    let handle = move |data: JsValue| match js::decode::<ToBroker>(data) {
        Ok((ToBroker::Start { node_id, cluster, configs }, _)) => {
            *database.borrow_mut() = database_name(&cluster, node_id);
            spawn_local(open(stage.clone(), node_id, cluster, configs));
        }
        Ok((ToBroker::Connect, port)) => connect(&stage, port),
        Ok((ToBroker::Destroy, _)) => spawn_local(give_up(stage.clone(), database.borrow().clone())),
        Err(error) => {
            fail("UNKNOWN_MESSAGE", &format!("Not a message for a broker: {}.", storage::describe(&error)))
        }
    };
    handle(first);
    let on_message =
        Closure::<dyn FnMut(MessageEvent)>::new(move |message: MessageEvent| handle(message.data()));
    scope.set_onmessage(Some(on_message.into_js_value().unchecked_ref()));
}

fn connect(stage: &Shared, port: JsValue) {
    let Ok(port) = port.dyn_into::<MessagePort>() else {
        return fail("UNKNOWN_MESSAGE", "A connection came without a port.");
    };
    match &mut *stage.borrow_mut() {
        Stage::Opening(waiting) => waiting.push(port),
        Stage::Running(run) => run.connect(port),
        Stage::Over => port.close(),
    }
}

/// Takes the lock, opens the database, and runs.
async fn open(stage: Shared, node_id: i32, cluster: String, configs: Vec<(String, String)>) {
    if let Err(message) = try_open(&stage, node_id, &cluster, &configs).await {
        *stage.borrow_mut() = Stage::Over;
        fail("STORAGE_NOT_OPENED", &message);
    }
}

async fn try_open(
    stage: &Shared,
    node_id: i32,
    cluster: &str,
    configs: &[(String, String)],
) -> Result<(), String> {
    let mut config = BrokerConfig::new(cluster, node_id, &format!("broker-{node_id}"), PORT);
    for (key, value) in configs {
        config.set(key, value).map_err(|error| error.to_string())?;
    }
    let entropy = clock::entropy().map_err(|error| storage::describe(&error))?;
    let name = database_name(cluster, node_id);
    lock::take(&name, || post(&FromBroker::Waiting)).await.map_err(|error| storage::describe(&error))?;

    let started_ms = clock::monotonic_ms();
    let wake = run::Wake::default();
    let storage = IndexedDbStorage::open(&name, wake.for_storage()).await?;
    let driver = Driver::new(Broker::new(config, entropy), storage);
    let waiting = match &mut *stage.borrow_mut() {
        Stage::Opening(waiting) => std::mem::take(waiting),
        Stage::Running(_) => return Err("The broker was started twice.".to_owned()),
        // Destroyed meanwhile.
        Stage::Over => return Ok(()),
    };
    let run = Run::start(node_id, driver, &wake, started_ms).map_err(|error| storage::describe(&error))?;
    waiting.into_iter().for_each(|port| run.connect(port));
    *stage.borrow_mut() = Stage::Running(run);
    Ok(())
}

/// Deletes everything.
async fn give_up(stage: Shared, database: String) {
    let before = std::mem::replace(&mut *stage.borrow_mut(), Stage::Over);
    match before {
        Stage::Running(run) => run.stop(),
        Stage::Opening(waiting) => waiting.iter().for_each(MessagePort::close),
        Stage::Over => {}
    }
    match destroy(&database).await {
        Ok(()) => post(&FromBroker::Destroyed),
        Err(message) => fail("STORAGE_NOT_DELETED", &message),
    }
}
