//! Runs what the state commands: workers, messages, other tabs, the browser's storage manager.

mod bridge;
mod decode;
mod environment;
mod inbox;
pub(crate) mod modules;
mod storage;
mod tabs;
mod worker;

use std::rc::Rc;

use headwater_worker_protocol::{FromBroker, ToBroker, ToClients};
use wasm_bindgen::JsValue;
use web_sys::{File, MessageChannel, MessagePort};
use yew::Callback;

pub(crate) use environment::{now_ms, setup};
pub(crate) use inbox::Inbox;

use crate::state::{Action, Command, Role};
use tabs::Tabs;
use worker::WorkerHandle;

/// The workers that run now, the other tabs, and the file that was chosen last.
pub(crate) struct Client {
    /// The workers that host brokers.
    hosts: Vec<Option<WorkerHandle>>,
    clients: Option<WorkerHandle>,
    /// None where the browser has no channels between tabs; nothing was started then.
    tabs: Option<Rc<Tabs>>,
    file: Option<File>,
    emit: Callback<Action>,
}

impl Client {
    /// What happens is told to `emit`.
    pub(crate) fn new(emit: Callback<Action>) -> Self {
        let tabs = Tabs::join(emit.clone()).ok().map(Rc::new);
        Client { hosts: Vec::new(), clients: None, tabs, file: None, emit }
    }

    /// The file that goes with requests which say so.
    pub(crate) fn set_file(&mut self, file: File) {
        self.file = Some(file);
    }

    /// Does what the state wants. What goes wrong is told to the state as a failed worker.
    pub(crate) fn run(&mut self, command: Command) {
        match command {
            Command::AskForBrokers { by_force } => {
                if let Some(Err(error)) = self.tabs.as_ref().map(|tabs| tabs.ask_for_brokers(by_force)) {
                    self.fail(Role::Clients, &error);
                }
            }
            Command::Spawn(role) => self.spawn(role),
            Command::Terminate(role) => self.terminate(role),
            Command::ToBroker { host, message } => {
                self.tell(Role::Host(host), &message, &JsValue::UNDEFINED, false);
            }
            Command::Connect { node_id, host } => self.connect(node_id, host),
            Command::Join { node_id, host, peer, peer_host } => self.join(node_id, host, peer, peer_host),
            Command::Request { id, request, with_file } => {
                let attachment = match &self.file {
                    Some(file) if with_file => JsValue::from(file),
                    _ => JsValue::UNDEFINED,
                };
                self.tell(Role::Clients, &ToClients::Request { id, request }, &attachment, false);
            }
            Command::Serve { tab, node_id, host, channel } => self.serve(tab, node_id, host, &channel),
            Command::TellDown { node_id } => self.with_tabs(|tabs| tabs.tell_down(node_id)),
            Command::Hello => self.with_tabs(Tabs::hello),
            Command::Here { tab } => self.with_tabs(|tabs| tabs.here(tab)),
            Command::RememberWorkers(count) => environment::remember_workers(count),
            Command::Persist => storage::persist(self.emit.clone()),
            Command::EstimateStorage => storage::estimate(self.emit.clone()),
        }
    }

    /// Passes a module's message on to the clients, with what is to be moved there, if anything.
    pub(crate) fn pass_to_clients(&mut self, message: &JsValue, moved: &JsValue) {
        self.pass(Role::Clients, message, moved);
    }

    /// Passes a module's message on to every worker of brokers.
    pub(crate) fn pass_to_hosts(&mut self, message: &JsValue) {
        for host in 0..self.hosts.len() as u32 {
            self.pass(Role::Host(host), message, &JsValue::UNDEFINED);
        }
    }

    /// Leads a port to a broker, be it of the clients or of a module.
    pub(crate) fn connect_port(&mut self, node_id: i32, host: Option<u32>, port: &MessagePort) {
        match (host, &self.tabs) {
            (Some(host), _) => self.tell(Role::Host(host), &ToBroker::Connect { node_id }, port, true),
            (None, Some(tabs)) => {
                if let Err(error) = tabs.connect(node_id, port.clone()) {
                    self.fail(Role::Clients, &error);
                }
            }
            (None, None) => {}
        }
    }

    fn pass(&mut self, role: Role, message: &JsValue, moved: &JsValue) {
        let Some(worker) = self.slot(role) else { return };
        if let Err(error) = worker.post_encoded(message, moved, !moved.is_undefined()) {
            self.fail(role, &error);
        }
    }

    fn spawn(&mut self, role: Role) {
        // The old one ends before the new one begins: both would want the same storage.
        self.terminate(role);
        let emit = self.emit.clone();
        let spawned = match role {
            Role::Host(host) => {
                let tabs = self.tabs.clone();
                WorkerHandle::spawn(
                    role,
                    emit,
                    |_| false,
                    move |message: FromBroker, data| {
                        if let Some(tabs) = &tabs {
                            tabs.repeat(&message, data);
                        }
                        match modules::hear_broker(message, data) {
                            FromBroker::Loaded => Some(Action::HostLoaded(host)),
                            FromBroker::Failed(report) => Some(Action::WorkerFailed(role, report.message)),
                            FromBroker::Trace(_) => None,
                            message => Some(Action::Broker(message)),
                        }
                    },
                )
            }
            Role::Clients => {
                let is_taken = |data: &JsValue| modules::hear(modules::From::Clients, data);
                WorkerHandle::spawn(role, emit, is_taken, |message, _| Some(Action::Clients(message)))
            }
        };
        match spawned {
            Ok(worker) => *self.slot(role) = Some(worker),
            Err(error) => self.fail(role, &error),
        }
    }

    fn terminate(&mut self, role: Role) {
        *self.slot(role) = None;
        if let Role::Host(host) = role {
            self.with_tabs(|tabs| tabs.host_gone(host));
        }
    }

    /// A channel between the clients and a broker. Frames pass by the page, unless the broker is in another tab.
    fn connect(&mut self, node_id: i32, host: Option<u32>) {
        let Some(channel) = self.channel() else { return };
        if host.is_none() {
            self.with_tabs(|tabs| tabs.close_of_node(node_id));
        }
        self.connect_port(node_id, host, &channel.port1());
        self.tell(Role::Clients, &ToClients::Broker { node_id }, &channel.port2(), true);
    }

    /// A channel between two brokers.
    fn join(&mut self, node_id: i32, host: u32, peer: i32, peer_host: u32) {
        let Some(channel) = self.channel() else { return };
        let (asking, answering) = (channel.port1(), channel.port2());
        self.tell(Role::Host(peer_host), &ToBroker::Connect { node_id: peer }, &answering, true);
        self.tell(Role::Host(host), &ToBroker::Peer { node_id, peer }, &asking, true);
    }

    /// A channel between another tab and a broker of this one.
    fn serve(&mut self, tab: String, node_id: i32, host: u32, name: &str) {
        let (Some(channel), Some(tabs)) = (self.channel(), self.tabs.clone()) else { return };
        self.tell(Role::Host(host), &ToBroker::Connect { node_id }, &channel.port1(), true);
        if let Err(error) = tabs.serve(tab, host, channel.port2(), name) {
            self.fail(Role::Host(host), &error);
        }
    }

    fn channel(&self) -> Option<MessageChannel> {
        match MessageChannel::new() {
            Ok(channel) => Some(channel),
            Err(error) => {
                self.fail(Role::Clients, &error);
                None
            }
        }
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

    fn with_tabs(&self, act: impl FnOnce(&Tabs)) {
        if let Some(tabs) = &self.tabs {
            act(tabs);
        }
    }

    fn slot(&mut self, role: Role) -> &mut Option<WorkerHandle> {
        match role {
            Role::Host(host) => {
                let index = host as usize;
                if self.hosts.len() <= index {
                    self.hosts.resize_with(index + 1, || None);
                }
                &mut self.hosts[index]
            }
            Role::Clients => &mut self.clients,
        }
    }
}
