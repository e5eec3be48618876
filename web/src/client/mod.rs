//! Runs what the state commands: workers, messages, the browser's storage manager.

mod decode;
mod environment;
mod inbox;
mod storage;
mod worker;

use headwater_worker_protocol::{FromBroker, FromClients, ToBroker, ToClients};
use wasm_bindgen::JsValue;
use web_sys::{File, MessageChannel};
use yew::Callback;

pub(crate) use environment::{missing, now_ms};
pub(crate) use inbox::Inbox;

use crate::state::{Action, Command, Role};
use worker::WorkerHandle;

/// The workers that run now, and the file that was chosen last.
pub(crate) struct Client {
    broker: Option<WorkerHandle>,
    clients: Option<WorkerHandle>,
    file: Option<File>,
    emit: Callback<Action>,
}

impl Client {
    /// What happens is told to `emit`.
    pub(crate) fn new(emit: Callback<Action>) -> Self {
        Client { broker: None, clients: None, file: None, emit }
    }

    /// The file that goes with requests which say so.
    pub(crate) fn set_file(&mut self, file: File) {
        self.file = Some(file);
    }

    /// Does what the state wants. What goes wrong is told to the state as a failed worker.
    pub(crate) fn run(&mut self, command: Command) {
        match command {
            Command::Spawn(role) => self.spawn(role),
            Command::Terminate(role) => *self.slot(role) = None,
            Command::ToBroker(message) => self.tell(Role::Broker, &message, &JsValue::UNDEFINED, false),
            Command::Connect { node_id } => self.connect(node_id),
            Command::Request { id, request, with_file } => {
                let attachment = match &self.file {
                    Some(file) if with_file => JsValue::from(file),
                    _ => JsValue::UNDEFINED,
                };
                self.tell(Role::Clients, &ToClients::Request { id, request }, &attachment, false);
            }
            Command::Persist => storage::persist(self.emit.clone()),
            Command::EstimateStorage => storage::estimate(self.emit.clone()),
        }
    }

    fn spawn(&mut self, role: Role) {
        // The old one ends before the new one begins: both would want the same storage.
        *self.slot(role) = None;
        let spawned = match role {
            Role::Broker => WorkerHandle::spawn::<FromBroker>(role, self.emit.clone(), Action::Broker),
            Role::Clients => WorkerHandle::spawn::<FromClients>(role, self.emit.clone(), Action::Clients),
        };
        match spawned {
            Ok(worker) => *self.slot(role) = Some(worker),
            Err(error) => self.fail(role, &error),
        }
    }

    /// A channel between the two workers: its frames pass by the page.
    fn connect(&mut self, node_id: i32) {
        let channel = match MessageChannel::new() {
            Ok(channel) => channel,
            Err(error) => return self.fail(Role::Clients, &error),
        };
        self.tell(Role::Broker, &ToBroker::Connect, &channel.port1(), true);
        self.tell(Role::Clients, &ToClients::Broker { node_id }, &channel.port2(), true);
    }

    fn tell<T: serde::Serialize>(&mut self, role: Role, message: &T, attachment: &JsValue, transfer: bool) {
        let Some(worker) = self.slot(role) else { return };
        if let Err(error) = worker.post(message, attachment, transfer) {
            self.fail(role, &error);
        }
    }

    fn fail(&self, role: Role, error: &JsValue) {
        self.emit.emit(Action::WorkerFailed(role, worker::message_of(error)));
    }

    fn slot(&mut self, role: Role) -> &mut Option<WorkerHandle> {
        match role {
            Role::Broker => &mut self.broker,
            Role::Clients => &mut self.clients,
        }
    }
}
