//! The workers: how they come up, what happens when one breaks, and whether they are this tab's at all.
//!
//! One tab of all has the brokers; it holds a lock as long as it lives. The others work through it, and one of them
//! takes over when it ends. The tab that has the brokers starts as many workers as a person has chosen, and spreads the
//! brokers over them: broker `n` lives in worker `n` modulo their number, so that fewer workers than the cluster has
//! brokers keep everything reachable.

mod recovery;
#[cfg(test)]
mod tests;

use headwater_worker_protocol::{ErrorReport, FromBroker, ToBroker};

use super::{Command, Role};
pub(crate) use recovery::Recovery;

/// Names the cluster, its databases, and the channels between tabs.
pub(crate) const CLUSTER: &str = "playground";
/// Workers at the most, and so brokers.
pub(crate) const MAX_WORKERS: u32 = 4;
/// The controller: the others learn from it what there is.
const CONTROLLER: i32 = 0;
/// The tab that has the brokers is asked every second whether it is there. After so many questions without an answer it
/// is taken to be frozen.
const MAX_UNANSWERED: u32 = 5;

/// How the workers stand.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Workers {
    pub(crate) part: Part,
    /// The tab that has the brokers, by a name of its own, where that is another.
    owner: String,
    /// How many workers a person wants.
    pub(crate) wanted: u32,
    /// The workers that host brokers; none in a tab that works through another.
    pub(crate) hosts: Vec<Host>,
    /// The brokers that are known, by node id.
    pub(crate) brokers: Vec<Broker>,
    pub(crate) clients: ClientsState,
    /// What this browser lacks. Nothing runs when it lacks something.
    pub(crate) missing: Vec<Missing>,
}

/// What this tab has to do with the brokers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Part {
    /// It is not known yet whether another tab has them.
    #[default]
    Asking,
    /// They run here.
    Owner {
        /// They were taken from another tab, which may still believe to have them.
        by_force: bool,
    },
    /// Another tab has them.
    Guest {
        /// How often it was asked whether it is there since it last said so.
        unanswered: u32,
    },
}

/// A worker that hosts brokers.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Host {
    pub(crate) state: HostState,
    pub(crate) recovery: Recovery,
}

/// How such a worker stands.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) enum HostState {
    /// Its code is being loaded.
    #[default]
    Starting,
    Loaded,
    /// A person has ended it.
    Stopped,
    /// It is gone, for this reason.
    Failed(String),
}

/// A broker.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Broker {
    pub(crate) node_id: i32,
    pub(crate) state: BrokerState,
    pub(crate) recovery: Recovery,
}

/// How a broker stands.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) enum BrokerState {
    /// Its worker's code is being loaded.
    #[default]
    Starting,
    /// It opens its storage and looks through its logs.
    Recovering,
    /// Another worker owns the storage.
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
    /// A person has ended its worker.
    Stopped,
    /// It is gone, for this reason.
    Failed(String),
}

impl HostState {
    /// For the page's modules.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            HostState::Starting => "starting",
            HostState::Loaded => "running",
            HostState::Stopped => "stopped",
            HostState::Failed(_) => "failed",
        }
    }
}

impl BrokerState {
    /// For style sheets, tests and the page's modules.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            BrokerState::Running { .. } => "running",
            BrokerState::Starting => "starting",
            BrokerState::Recovering => "recovering",
            BrokerState::Waiting => "waiting",
            BrokerState::Clearing => "clearing",
            BrokerState::Stopped => "stopped",
            BrokerState::Failed(_) => "failed",
        }
    }
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
    /// Asks whether another tab has the brokers; the clients are needed in either case.
    pub(super) fn start(&mut self, missing: Vec<Missing>, wanted: u32) -> Vec<Command> {
        self.missing = missing;
        self.wanted = wanted.clamp(1, MAX_WORKERS);
        if !self.missing.is_empty() {
            return Vec::new();
        }
        vec![Command::AskForBrokers { by_force: false }, Command::Spawn(Role::Clients)]
    }

    /// This tab has the brokers now.
    pub(super) fn own(&mut self, by_force: bool) -> Vec<Command> {
        self.part = Part::Owner { by_force };
        self.replace_hosts()
    }

    /// Another tab has the brokers: it had them before, or took them.
    pub(super) fn be_guest(&mut self) -> Vec<Command> {
        let commands = self.terminate_hosts();
        self.part = Part::Guest { unanswered: 0 };
        self.owner.clear();
        self.hosts.clear();
        self.brokers.clear();
        commands
    }

    /// Starts the workers anew, as many as are wanted.
    pub(super) fn replace_hosts(&mut self) -> Vec<Command> {
        let mut commands = self.terminate_hosts();
        self.hosts = vec![Host::default(); self.wanted as usize];
        self.brokers.clear();
        for node_id in 0..self.wanted as i32 {
            self.know(node_id);
        }
        commands.extend((0..self.wanted).map(|host| Command::Spawn(Role::Host(host))));
        commands
    }

    pub(super) fn replace_clients(&mut self) -> Command {
        self.clients = ClientsState::Starting;
        Command::Spawn(Role::Clients)
    }

    pub(super) fn terminate_hosts(&self) -> Vec<Command> {
        (0..self.hosts.len() as u32).map(|host| Command::Terminate(Role::Host(host))).collect()
    }

    /// Begins to delete everything, in workers of their own: also what cannot be opened can be deleted.
    pub(super) fn clear(&mut self) -> Vec<Command> {
        self.clients = ClientsState::Starting;
        let mut commands = vec![Command::Terminate(Role::Clients)];
        commands.extend(self.replace_hosts());
        // Also brokers that nobody knows of, because the controller could not be asked.
        for node_id in 0..MAX_WORKERS as i32 {
            self.know(node_id).state = BrokerState::Clearing;
        }
        commands
    }

    /// A broker's storage is deleted; true when all are.
    pub(super) fn destroyed(&mut self, node_id: i32) -> bool {
        self.brokers.retain(|broker| broker.node_id != node_id);
        self.brokers.is_empty()
    }

    /// A worker's code is there: its brokers are told to run.
    pub(super) fn host_loaded(&mut self, host: u32) -> Vec<Command> {
        let Some(loaded) = self.hosts.get_mut(host as usize) else { return Vec::new() };
        loaded.state = HostState::Loaded;
        let nodes: Vec<i32> = self.nodes_of(host).collect();
        nodes.into_iter().flat_map(|node_id| self.start_broker(node_id)).collect()
    }

    /// The clients' code is there: they are joined with all brokers.
    pub(super) fn clients_loaded(&mut self) -> Vec<Command> {
        self.clients = ClientsState::Loaded;
        self.brokers.iter().filter_map(|broker| self.connect(broker.node_id)).collect()
    }

    /// A way to a broker, if it takes connections and the clients can use them.
    pub(super) fn connect(&self, node_id: i32) -> Option<Command> {
        let reachable = self.clients == ClientsState::Loaded && self.takes_connections(node_id);
        reachable.then_some(Command::Connect { node_id, host: self.host_of(node_id) })
    }

    /// A guest's way to a broker, if it takes connections.
    pub(super) fn serve(&self, tab: String, node_id: i32, channel: String) -> Option<Command> {
        let host = self.host_of(node_id).filter(|_| self.takes_connections(node_id))?;
        Some(Command::Serve { tab, node_id, host, channel })
    }

    /// A way from one broker to another, if both run.
    pub(super) fn join(&self, node_id: i32, peer: i32) -> Option<Command> {
        if !self.takes_connections(node_id) || !self.takes_connections(peer) {
            return None;
        }
        Some(Command::Join { node_id, host: self.host_of(node_id)?, peer, peer_host: self.host_of(peer)? })
    }

    /// A broker's word on how it stands.
    pub(super) fn heard(&mut self, now_ms: f64, message: &FromBroker) -> Vec<Command> {
        match message {
            FromBroker::Waiting { node_id } => {
                self.know(*node_id).state = BrokerState::Waiting;
                Vec::new()
            }
            FromBroker::Ready { node_id, brokers, logs, recovery_ms } => {
                self.ready(now_ms, *node_id, brokers, *logs, *recovery_ms)
            }
            FromBroker::NeedsPeer { node_id, peer } => self.join(*node_id, *peer).into_iter().collect(),
            _ => Vec::new(),
        }
    }

    fn ready(
        &mut self,
        now_ms: f64,
        node_id: i32,
        brokers: &[i32],
        logs: u32,
        recovery_ms: f64,
    ) -> Vec<Command> {
        let broker = self.know(node_id);
        let ran = matches!(broker.state, BrokerState::Running { .. });
        broker.state = BrokerState::Running { logs, recovery_ms };
        broker.recovery.running(now_ms);
        match self.part {
            Part::Owner { .. } => self.start_missing(brokers),
            // Said again because somebody else has asked.
            _ if ran => Vec::new(),
            _ => self.connect(node_id).into_iter().collect(),
        }
    }

    /// Starts brokers that the cluster has and that nobody has started: there were more workers before.
    pub(super) fn start_missing(&mut self, brokers: &[i32]) -> Vec<Command> {
        if !matches!(self.part, Part::Owner { .. }) {
            return Vec::new();
        }
        let mut commands = Vec::new();
        for &node_id in brokers {
            if self.broker(node_id).is_none() {
                self.know(node_id);
                commands.extend(self.start_broker(node_id));
            }
        }
        commands
    }

    /// Runs a broker in its worker, or deletes what it has stored, and joins it with the others.
    fn start_broker(&mut self, node_id: i32) -> Vec<Command> {
        let Some(host) = self.host_of(node_id) else { return Vec::new() };
        if self.hosts[host as usize].state != HostState::Loaded {
            return Vec::new();
        }
        let cluster = CLUSTER.to_owned();
        if self.know(node_id).state == BrokerState::Clearing {
            return vec![Command::ToBroker { host, message: ToBroker::Destroy { node_id, cluster } }];
        }
        self.know(node_id).state = BrokerState::Recovering;
        let steal = self.part == Part::Owner { by_force: true };
        let message = ToBroker::Start { node_id, cluster, configs: configs(), steal };
        let mut commands = vec![Command::ToBroker { host, message }];
        commands.extend(self.connect(node_id));
        let others = self.brokers.iter().map(|broker| broker.node_id).filter(|other| *other != node_id);
        if node_id == CONTROLLER {
            commands.extend(others.filter_map(|other| self.join(other, CONTROLLER)));
        } else {
            commands.extend(self.join(node_id, CONTROLLER));
        }
        commands
    }

    /// A worker is gone. It is replaced, at once or later, unless it fails again and again.
    pub(super) fn host_failed(&mut self, now_ms: f64, host: u32, message: &str) -> Vec<Command> {
        let clearing = self.is_clearing();
        let Some(failed) = self.hosts.get_mut(host as usize) else { return Vec::new() };
        failed.state = HostState::Failed(message.to_owned());
        failed.recovery.failed(now_ms);
        if clearing {
            failed.recovery.give_up();
            // They were ended before anything was deleted.
            self.clients = ClientsState::Failed(message.to_owned());
        }
        let mut commands = vec![Command::Terminate(Role::Host(host))];
        commands.extend(self.set_brokers_of(host, &BrokerState::Failed(message.to_owned())));
        commands.extend(self.retry(now_ms));
        commands
    }

    /// A broker is gone, its worker is not.
    pub(super) fn broker_failed(&mut self, now_ms: f64, node_id: i32, report: &ErrorReport) -> Vec<Command> {
        let clearing = self.is_clearing();
        let broker = self.know(node_id);
        broker.state = BrokerState::Failed(report.message.clone());
        broker.recovery.failed(now_ms);
        // Who has lost its storage to another tab does not fight for it.
        if clearing || report.kind == "FENCED" {
            broker.recovery.give_up();
        }
        if clearing {
            self.clients = ClientsState::Failed(report.message.clone());
        }
        self.retry(now_ms)
    }

    /// Starts again what failed, once its time has come.
    pub(super) fn retry(&mut self, now_ms: f64) -> Vec<Command> {
        let mut commands = Vec::new();
        for host in 0..self.hosts.len() as u32 {
            let failed = &self.hosts[host as usize];
            if matches!(failed.state, HostState::Failed(_)) && failed.recovery.is_due(now_ms) {
                commands.extend(self.start_host(host));
            }
        }
        let due: Vec<i32> = self
            .brokers
            .iter()
            .filter(|broker| matches!(broker.state, BrokerState::Failed(_)) && broker.recovery.is_due(now_ms))
            .map(|broker| broker.node_id)
            .collect();
        commands.extend(due.into_iter().flat_map(|node_id| self.start_broker(node_id)));
        commands
    }

    /// Replaces what failed, and nothing else: a person wants it.
    pub(super) fn restart(&mut self) -> Vec<Command> {
        let mut commands = Vec::new();
        if matches!(self.clients, ClientsState::Failed(_)) {
            commands.push(self.replace_clients());
        }
        let runs = |broker: &Broker| matches!(broker.state, BrokerState::Running { .. });
        if !self.hosts.is_empty() && !self.brokers.iter().any(runs) {
            commands.extend(self.replace_hosts());
            return commands;
        }
        for host in 0..self.hosts.len() as u32 {
            self.hosts[host as usize].recovery = Recovery::default();
            if matches!(self.hosts[host as usize].state, HostState::Failed(_)) {
                commands.extend(self.start_host(host));
            }
        }
        for broker in &mut self.brokers {
            broker.recovery = Recovery::default();
        }
        let failed: Vec<i32> = self.failed_brokers().collect();
        commands.extend(failed.into_iter().flat_map(|node_id| self.start_broker(node_id)));
        commands
    }

    /// Starts a worker that a person has ended, or that failed.
    pub(super) fn start_host(&mut self, host: u32) -> Vec<Command> {
        let Some(starting) = self.hosts.get_mut(host as usize) else { return Vec::new() };
        starting.state = HostState::Starting;
        let mut commands = vec![Command::Spawn(Role::Host(host))];
        commands.extend(self.set_brokers_of(host, &BrokerState::Starting));
        commands
    }

    /// Ends a worker as a crash would: a person wants to see what happens.
    pub(super) fn stop_host(&mut self, host: u32) -> Vec<Command> {
        let Some(stopped) = self.hosts.get_mut(host as usize) else { return Vec::new() };
        stopped.state = HostState::Stopped;
        let mut commands = vec![Command::Terminate(Role::Host(host))];
        commands.extend(self.set_brokers_of(host, &BrokerState::Stopped));
        commands
    }

    fn set_brokers_of(&mut self, host: u32, state: &BrokerState) -> Vec<Command> {
        let hosts = self.hosts.len().max(1);
        let mut commands = Vec::new();
        for broker in &mut self.brokers {
            if broker.node_id as usize % hosts == host as usize && broker.state != BrokerState::Clearing {
                broker.state = state.clone();
                commands.push(Command::TellDown { node_id: broker.node_id });
            }
        }
        commands
    }

    /// The tab that has the brokers is asked whether it is there.
    pub(super) fn ask_owner(&mut self) -> Vec<Command> {
        let Part::Guest { unanswered } = &mut self.part else { return Vec::new() };
        *unanswered = unanswered.saturating_add(1);
        vec![Command::Hello]
    }

    /// It is there. Brokers of another tab than before are others.
    pub(super) fn owner_answers(&mut self, owner: &str) {
        if let Part::Guest { unanswered } = &mut self.part {
            *unanswered = 0;
            if self.owner != owner {
                owner.clone_into(&mut self.owner);
                self.brokers.clear();
            }
        }
    }

    /// Another tab says that one of its brokers is gone.
    pub(super) fn broker_down(&mut self, node_id: i32) {
        if self.is_guest() {
            self.know(node_id).state = BrokerState::Stopped;
        }
    }

    /// Whether the tab that has the brokers does not answer.
    pub(crate) fn owner_is_silent(&self) -> bool {
        matches!(self.part, Part::Guest { unanswered } if unanswered >= MAX_UNANSWERED)
    }

    pub(crate) fn is_guest(&self) -> bool {
        matches!(self.part, Part::Guest { .. })
    }

    pub(crate) fn is_clearing(&self) -> bool {
        self.brokers.iter().any(|broker| broker.state == BrokerState::Clearing)
    }

    /// Whether a request would be answered, by one broker at least.
    pub(crate) fn can_act(&self) -> bool {
        self.clients == ClientsState::Loaded
            && !self.owner_is_silent()
            && self.brokers.iter().any(|broker| matches!(broker.state, BrokerState::Running { .. }))
    }

    /// What broke and is not started again by itself, in the words of what broke.
    pub(crate) fn failure(&self) -> Option<&str> {
        if let ClientsState::Failed(message) = &self.clients {
            return Some(message);
        }
        let hosts = self.hosts.iter().filter_map(|host| match &host.state {
            HostState::Failed(message) if host.recovery.is_over() => Some(message.as_str()),
            _ => None,
        });
        let brokers = self.brokers.iter().filter_map(|broker| match &broker.state {
            BrokerState::Failed(message) if broker.recovery.is_over() => Some(message.as_str()),
            _ => None,
        });
        hosts.chain(brokers).next()
    }

    pub(crate) fn broker(&self, node_id: i32) -> Option<&Broker> {
        self.brokers.iter().find(|broker| broker.node_id == node_id)
    }

    /// In which worker a broker lives; none in a tab that works through another.
    pub(crate) fn host_of(&self, node_id: i32) -> Option<u32> {
        u32::try_from(node_id).ok()?.checked_rem(u32::try_from(self.hosts.len()).ok()?)
    }

    fn nodes_of(&self, host: u32) -> impl Iterator<Item = i32> {
        let nodes = self.brokers.iter().map(|broker| broker.node_id);
        nodes.filter(move |node_id| self.host_of(*node_id) == Some(host))
    }

    /// Brokers that failed in workers that did not.
    fn failed_brokers(&self) -> impl Iterator<Item = i32> {
        let failed = self.brokers.iter().filter(|broker| matches!(broker.state, BrokerState::Failed(_)));
        failed.map(|broker| broker.node_id)
    }

    fn takes_connections(&self, node_id: i32) -> bool {
        self.broker(node_id).is_some_and(|broker| {
            matches!(
                broker.state,
                BrokerState::Recovering | BrokerState::Waiting | BrokerState::Running { .. }
            )
        })
    }

    /// A broker, known from now on.
    fn know(&mut self, node_id: i32) -> &mut Broker {
        let index = match self.brokers.binary_search_by_key(&node_id, |broker| broker.node_id) {
            Ok(index) => index,
            Err(index) => {
                let broker = Broker { node_id, state: BrokerState::default(), recovery: Recovery::default() };
                self.brokers.insert(index, broker);
                index
            }
        };
        &mut self.brokers[index]
    }
}

/// Configs of a broker in a tab, by Kafka's keys.
fn configs() -> Vec<(String, String)> {
    let configs = [
        // Somebody watches: a group begins at once, and what is too old goes within seconds.
        ("group.initial.rebalance.delay.ms", "0"),
        ("log.retention.check.interval.ms", "10000"),
        // Retention drops whole segments: with Kafka's 1 GiB a tab would be full before the first is dropped.
        ("log.segment.bytes", "16777216"),
        // Groups are few, and each partition is a log of its own.
        ("offsets.topic.num.partitions", "4"),
    ];
    configs.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}

/// The answer to requests that a broken worker can no longer answer.
pub(super) fn gone(message: &str) -> ErrorReport {
    ErrorReport { kind: "WORKER_GONE".to_owned(), code: None, message: message.to_owned(), retriable: true }
}
