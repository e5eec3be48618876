//! The two workers: how they come up, and what happens when one breaks.

use headwater_worker_protocol::{ErrorReport, ToBroker};

use super::{Command, Role};

const NODE_ID: i32 = 0;
const CLUSTER: &str = "playground";

/// How the workers stand.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Workers {
    pub(crate) broker: BrokerState,
    pub(crate) clients: ClientsState,
    /// What this browser lacks. Nothing runs when it lacks something.
    pub(crate) missing: Vec<Missing>,
}

/// How the broker stands.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) enum BrokerState {
    /// Its code is being loaded.
    #[default]
    Starting,
    /// It opens its storage and looks through its logs.
    Recovering,
    /// Another tab owns the storage.
    Waiting,
    /// It answers requests.
    Running {
        /// How many logs it found.
        logs: u32,
        /// How long recovery took.
        recovery_ms: f64,
    },
    /// It deletes everything.
    Clearing,
    /// It is gone, for this reason.
    Failed(String),
    /// The browser lacks something.
    Unsupported,
}

/// How the clients stand.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) enum ClientsState {
    /// Their code is being loaded.
    #[default]
    Starting,
    /// They answer.
    Loaded,
    /// They are gone, for this reason.
    Failed(String),
}

/// What a browser can lack.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Missing {
    /// Workers whose script is a module.
    ModuleWorkers,
    /// `indexedDB`.
    IndexedDb,
    /// `navigator.locks`: also missing where a page does not come over HTTPS or from this computer.
    WebLocks,
}

impl Workers {
    pub(super) fn start(&mut self, missing: Vec<Missing>) -> Vec<Command> {
        self.missing = missing;
        if !self.missing.is_empty() {
            self.broker = BrokerState::Unsupported;
            return Vec::new();
        }
        self.replace_all()
    }

    pub(super) fn replace_all(&mut self) -> Vec<Command> {
        self.broker = BrokerState::Starting;
        self.clients = ClientsState::Starting;
        vec![Command::Spawn(Role::Broker), Command::Spawn(Role::Clients)]
    }

    /// Replaces what failed, and nothing else.
    pub(super) fn restart(&mut self) -> Vec<Command> {
        let mut commands = Vec::new();
        if matches!(self.broker, BrokerState::Failed(_)) {
            self.broker = BrokerState::Starting;
            commands.push(Command::Spawn(Role::Broker));
        }
        if matches!(self.clients, ClientsState::Failed(_)) {
            self.clients = ClientsState::Starting;
            commands.push(Command::Spawn(Role::Clients));
        }
        commands
    }

    /// A worker's code is there. The broker is told to run, and when both are there they are joined.
    pub(super) fn loaded(&mut self, role: Role) -> Vec<Command> {
        let mut commands = Vec::new();
        match role {
            Role::Broker => {
                self.broker = BrokerState::Recovering;
                commands.push(Command::ToBroker(ToBroker::Start {
                    node_id: NODE_ID,
                    cluster: CLUSTER.to_owned(),
                    configs: Vec::new(),
                }));
            }
            Role::Clients => self.clients = ClientsState::Loaded,
        }
        if self.clients == ClientsState::Loaded && self.broker_takes_connections() {
            commands.push(Command::Connect { node_id: NODE_ID });
        }
        commands
    }

    pub(super) fn failed(&mut self, role: Role, message: String) {
        match role {
            Role::Broker => {
                if self.broker == BrokerState::Clearing {
                    // The clients were ended before the broker was told to clear.
                    self.clients = ClientsState::Failed(message.clone());
                }
                self.broker = BrokerState::Failed(message);
            }
            Role::Clients => self.clients = ClientsState::Failed(message),
        }
    }

    /// Whether a request would be answered.
    pub(crate) fn can_act(&self) -> bool {
        self.clients == ClientsState::Loaded && matches!(self.broker, BrokerState::Running { .. })
    }

    /// What broke, in the words of what broke.
    pub(crate) fn failure(&self) -> Option<&str> {
        match (&self.broker, &self.clients) {
            (BrokerState::Failed(message), _) | (_, ClientsState::Failed(message)) => Some(message),
            _ => None,
        }
    }

    fn broker_takes_connections(&self) -> bool {
        matches!(self.broker, BrokerState::Recovering | BrokerState::Waiting | BrokerState::Running { .. })
    }
}

/// The answer to requests that a broken worker can no longer answer.
pub(super) fn gone(message: &str) -> ErrorReport {
    ErrorReport { kind: "WORKER_GONE".to_owned(), code: None, message: message.to_owned(), retriable: true }
}
