//! The role of a host of brokers: one worker, some brokers, a database each.

mod held;
mod lock;
mod peers;
mod ports;
mod run;
mod snapshot;

use std::cell::RefCell;
use std::rc::Rc;

use headwater_driver::Driver;
use headwater_engine::sorted::{SortedMap, SortedSet};
use headwater_engine::{Broker, BrokerConfig};
use headwater_worker_protocol::{ErrorReport, FromBroker, ToBroker, js};
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

/// The brokers of this worker.
#[derive(Default)]
struct Host {
    /// By node id.
    stages: SortedMap<i32, Stage>,
    /// The databases whose locks this worker has. It keeps them until it ends, whatever becomes of their brokers.
    locks: SortedSet<String>,
    /// Whether brokers tell what moves.
    watch: bool,
}

/// Where a broker stands.
enum Stage {
    /// The lock is waited for or the database opened; the ways to and from it that came meanwhile.
    Opening(Vec<Way>),
    Running(Rc<Run>),
    /// It was destroyed, or cannot go on.
    Over,
}

/// What a port is for.
enum Way {
    /// Requests come over it.
    Client(MessagePort),
    /// Another broker is asked over it.
    Peer(i32, MessagePort),
}

impl Way {
    fn close(self) {
        let (Way::Client(port) | Way::Peer(_, port)) = self;
        ports::farewell(&port);
    }

    fn open(self, run: &Rc<Run>) {
        match self {
            Way::Client(port) => run.connect(port),
            Way::Peer(peer, port) => run.set_peer(peer, port),
        }
    }
}

type Shared = Rc<RefCell<Host>>;

/// What a broker is started with.
struct Start {
    node_id: i32,
    cluster: String,
    configs: Vec<(String, String)>,
    steal: bool,
}

/// Becomes a host of brokers; the first message is any [`ToBroker`].
pub(crate) fn start(first: JsValue) {
    let Ok(scope) = js_sys::global().dyn_into::<DedicatedWorkerGlobalScope>() else { return };
    let host = Shared::default();
    let handle = move |data: JsValue| match js::decode::<ToBroker>(data) {
        Ok((ToBroker::Start { node_id, cluster, configs, steal }, _)) => {
            begin(&host, Start { node_id, cluster, configs, steal });
        }
        Ok((ToBroker::Connect { node_id }, port)) => take_port(&host, node_id, port, Way::Client),
        Ok((ToBroker::Peer { node_id, peer }, port)) => {
            take_port(&host, node_id, port, |port| Way::Peer(peer, port));
        }
        Ok((ToBroker::Watch { on }, _)) => watch(&host, on),
        Ok((ToBroker::Time(time), _)) => {
            clock::set(time);
            for stage in host.borrow().stages.values() {
                if let Stage::Running(run) = stage {
                    run.time_changed();
                }
            }
        }
        Ok((ToBroker::Step { node_id }, _)) => {
            if let Some(Stage::Running(run)) = host.borrow().stages.get(&node_id) {
                run.step();
            }
        }
        Ok((ToBroker::Describe { id, node_id, topic, partition, offset }, _)) => {
            if let Some(Stage::Running(run)) = host.borrow().stages.get(&node_id) {
                run.describe(id, &topic, partition, offset);
            }
        }
        Ok((ToBroker::Destroy { node_id, cluster }, _)) => {
            spawn_local(give_up(host.clone(), node_id, cluster));
        }
        Err(error) => {
            fail("UNKNOWN_MESSAGE", &format!("Not a message for a broker: {}.", storage::describe(&error)));
        }
    };
    handle(first);
    let on_message =
        Closure::<dyn FnMut(MessageEvent)>::new(move |message: MessageEvent| handle(message.data()));
    scope.set_onmessage(Some(on_message.into_js_value().unchecked_ref()));
}

fn take_port(host: &Shared, node_id: i32, port: JsValue, way: impl FnOnce(MessagePort) -> Way) {
    let Ok(port) = port.dyn_into::<MessagePort>() else {
        return fail("UNKNOWN_MESSAGE", "A connection came without a port.");
    };
    let way = way(port);
    match host.borrow_mut().stages.get_mut(&node_id) {
        Some(Stage::Opening(waiting)) => waiting.push(way),
        Some(Stage::Running(run)) => way.open(run),
        Some(Stage::Over) | None => way.close(),
    }
}

/// Starts a broker unless it runs or is being started.
fn begin(host: &Shared, start: Start) {
    let stages = &mut host.borrow_mut().stages;
    if matches!(stages.get(&start.node_id), None | Some(Stage::Over)) {
        stages.insert(start.node_id, Stage::Opening(Vec::new()));
        spawn_local(open(host.clone(), start));
    }
}

/// Takes the lock, opens the database, and runs.
async fn open(host: Shared, start: Start) {
    let node_id = start.node_id;
    if let Err(message) = try_open(&host, start).await {
        end(&host, node_id, "STORAGE_NOT_OPENED", &message);
    }
}

async fn try_open(host: &Shared, start: Start) -> Result<(), String> {
    let Start { node_id, cluster, configs, steal } = start;
    let mut config = BrokerConfig::new(&cluster, node_id, &format!("broker-{node_id}"), PORT);
    for (key, value) in &configs {
        config.set(key, value).map_err(|error| error.to_string())?;
    }
    let entropy = clock::entropy().map_err(|error| storage::describe(&error))?;
    let name = database_name(&cluster, node_id);
    if !host.borrow().locks.contains(&name) {
        let (losing, lock) = (host.clone(), name.clone());
        let lost = move || {
            losing.borrow_mut().locks.remove(&lock);
            end(&losing, node_id, "FENCED", "Another tab has taken the storage over.");
        };
        let wait = || post(&FromBroker::Waiting { node_id });
        lock::take(&name, steal, wait, lost).await.map_err(|error| storage::describe(&error))?;
        host.borrow_mut().locks.insert(name.clone());
    }

    let started_ms = clock::monotonic_ms();
    let wake = run::Wake::default();
    let storage = IndexedDbStorage::open(&name, wake.for_storage()).await?;
    let driver = Driver::new(Broker::new(config, entropy), storage);
    let waiting = match host.borrow_mut().stages.get_mut(&node_id) {
        Some(Stage::Opening(waiting)) => std::mem::take(waiting),
        // Destroyed meanwhile, or the lock was lost.
        _ => return Ok(()),
    };
    let run = Run::start(node_id, driver, &wake, started_ms).map_err(|error| storage::describe(&error))?;
    let failing = host.clone();
    run.set_on_failure(move |reason| end(&failing, node_id, "BROKER_FAILED", reason));
    waiting.into_iter().for_each(|way| way.open(&run));
    run.watch(host.borrow().watch);
    host.borrow_mut().stages.insert(node_id, Stage::Running(run));
    Ok(())
}

/// Has all brokers tell what moves, or not.
fn watch(host: &Shared, on: bool) {
    let mut host = host.borrow_mut();
    host.watch = on;
    for stage in host.stages.values() {
        if let Stage::Running(run) = stage {
            run.watch(on);
        }
    }
}

/// Runs a broker no more; nothing happens to what it stored.
fn stop(host: &Shared, node_id: i32) {
    let before = host.borrow_mut().stages.insert(node_id, Stage::Over);
    match before {
        Some(Stage::Running(run)) => run.stop(),
        Some(Stage::Opening(waiting)) => waiting.into_iter().for_each(Way::close),
        Some(Stage::Over) | None => {}
    }
}

fn end(host: &Shared, node_id: i32, kind: &str, message: &str) {
    if matches!(host.borrow().stages.get(&node_id), None | Some(Stage::Over)) {
        return;
    }
    stop(host, node_id);
    tell_failed(node_id, kind, message);
}

fn tell_failed(node_id: i32, kind: &str, message: &str) {
    let report =
        ErrorReport { kind: kind.to_owned(), code: None, message: message.to_owned(), retriable: false };
    post(&FromBroker::BrokerFailed { node_id, report });
}

/// Deletes everything of a broker.
async fn give_up(host: Shared, node_id: i32, cluster: String) {
    stop(&host, node_id);
    match destroy(&database_name(&cluster, node_id)).await {
        Ok(()) => post(&FromBroker::Destroyed { node_id }),
        Err(message) => tell_failed(node_id, "STORAGE_NOT_DELETED", &message),
    }
}
