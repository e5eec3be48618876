//! What the page knows and what follows from what: a pure fold over actions, without any type of the web.
//!
//! [`State::apply`] takes what happened (a person did something, a worker said something, time went by) and gives
//! back what has to be done about it, as [`Command`]s that the client runs. So all of it is tested natively.

mod action;
mod cluster;
mod groups;
mod import;
mod produce;
mod rates;
mod requests;
mod status;
mod topic_name;
mod topics;
mod workers;

#[cfg(test)]
mod tests;

use std::rc::Rc;

use headwater_worker_protocol::tabs::BetweenTabs;
use headwater_worker_protocol::{BrokerSnapshot, ErrorReport, FromBroker, FromClients, Reply};

pub(crate) use action::{Action, Command, Confirm, PartNews, Role, TabNews, Update};
pub(crate) use groups::{Group, GroupPartition, Groups, GroupsAction, Member, MemberState};
pub(crate) use import::{Import, Phase};
pub(crate) use produce::{Preview, Produce, ProduceAction, Source};
pub(crate) use status::{LogEntry, Status, StorageFigures};
pub(crate) use topics::{Partition, RETENTION_BYTES, RETENTION_MS, Topic, TopicName, Topics, TopicsAction};
pub(crate) use workers::{
    Broker, BrokerState, CLUSTER, ClientsState, HostState, MAX_WORKERS, Missing, Part, Workers,
};

use crate::strings;
use cluster::Cluster;
use requests::{Asked, Requests};

/// How many ticks (of a second) lie between two looks at the storage's size.
const TICKS_PER_ESTIMATE: u32 = 5;

/// What the page finds when it begins.
#[derive(Default)]
pub(crate) struct Setup {
    /// What this browser lacks.
    pub(crate) missing: Vec<Missing>,
    /// How many workers a person has wanted the last time.
    pub(crate) workers: u32,
    /// The wall clock when the monotonic clock was at nothing, in milliseconds since 1970.
    pub(crate) wall_origin_ms: f64,
}

/// All that the page knows. The parts are shared with the components that show them.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) workers: Rc<Workers>,
    pub(crate) produce: Rc<Produce>,
    pub(crate) topics: Rc<Topics>,
    pub(crate) groups: Rc<Groups>,
    pub(crate) status: Rc<Status>,
    /// What a person is asked to confirm now.
    pub(crate) confirm: Option<Confirm>,
    /// A file is held over the page.
    pub(crate) dragging: bool,
    /// What a screen reader says next.
    pub(crate) announcement: Rc<str>,
    requests: Requests,
    cluster: Cluster,
    ticks: u32,
    /// What the monotonic clock is behind the wall clock.
    wall_origin_ms: f64,
    persist_asked: bool,
}

impl State {
    /// The first commands: start the workers, unless something is missing that they need.
    pub(crate) fn start(&mut self, setup: Setup) -> Vec<Command> {
        self.wall_origin_ms = setup.wall_origin_ms;
        Rc::make_mut(&mut self.workers).start(setup.missing, setup.workers)
    }

    /// What can be asked of the broker now.
    pub(crate) fn can_act(&self) -> bool {
        self.workers.can_act()
    }

    /// Takes in what happened. `now_ms` is monotonic.
    pub(crate) fn apply(&mut self, now_ms: f64, action: Action) -> Update {
        let commands = match action {
            Action::Tick => return self.tick(now_ms),
            Action::Storage(figures) => {
                let changed = self.status.storage != figures;
                if changed {
                    Rc::make_mut(&mut self.status).storage = figures;
                }
                return Update { commands: Vec::new(), render: changed };
            }
            Action::NewWords => Vec::new(),
            Action::HostLoaded(host) => Rc::make_mut(&mut self.workers).host_loaded(host),
            Action::Broker(message) => self.hear_broker(now_ms, message),
            Action::Tab(news) => self.hear_tab(now_ms, news),
            Action::Part(news) => self.set_part(news),
            Action::Clients(message) => self.hear_clients(now_ms, message),
            Action::WorkerFailed(role, message) => self.worker_failed(now_ms, role, &message),
            Action::Restart => Rc::make_mut(&mut self.workers).restart(),
            Action::SetWorkers(count) => self.set_workers(count),
            Action::StopWorker(host) => self.stop_worker(now_ms, host),
            Action::StartWorker(host) => Rc::make_mut(&mut self.workers).start_host(host),
            Action::TakeOver => vec![Command::AskForBrokers { by_force: true }],
            Action::Ask(confirm) => {
                self.confirm = Some(confirm);
                Vec::new()
            }
            Action::Cancelled => {
                self.confirm = None;
                Vec::new()
            }
            Action::Confirmed => self.confirmed(),
            Action::Dragging(over) => {
                let render = self.dragging != over;
                self.dragging = over;
                return Update { commands: Vec::new(), render };
            }
            Action::Produce(action) => self.produce(action),
            Action::Topics(action) => {
                let commands = Rc::make_mut(&mut self.topics).act(action, &mut self.requests);
                self.with_persist(commands)
            }
            Action::Groups(action) => {
                let commands =
                    Rc::make_mut(&mut self.groups).act(action, &self.topics.names, &mut self.requests);
                self.with_persist(commands)
            }
        };
        Update { commands, render: true }
    }

    fn tick(&mut self, now_ms: f64) -> Update {
        self.ticks = self.ticks.wrapping_add(1);
        let mut commands = match self.ticks % TICKS_PER_ESTIMATE {
            1 => vec![Command::EstimateStorage],
            _ => Vec::new(),
        };
        let was_silent = self.workers.owner_is_silent();
        let workers = Rc::make_mut(&mut self.workers);
        commands.extend(workers.ask_owner());
        let retried = workers.retry(now_ms);
        // Without new snapshots nothing is produced any more, and the rates go down to nothing.
        let mut render = !retried.is_empty() || was_silent != self.workers.owner_is_silent();
        commands.extend(retried);
        if self.topics.is_moving() {
            render |= Rc::make_mut(&mut self.topics).refresh_rates(now_ms);
        }
        if self.groups.is_moving() {
            render |= Rc::make_mut(&mut self.groups).refresh_rates(now_ms);
        }
        if self.produce.is_moving() {
            render |= Rc::make_mut(&mut self.produce).refresh_rate(now_ms);
        }
        Update { commands, render }
    }

    fn hear_broker(&mut self, now_ms: f64, message: FromBroker) -> Vec<Command> {
        match message {
            FromBroker::Snapshot(snapshot) => self.take_snapshot(now_ms, snapshot),
            FromBroker::Event(event) => {
                Rc::make_mut(&mut self.status).log(LogEntry {
                    wall_ms: event.wall_ms,
                    warning: event.warning,
                    message: strings::broker_says(event.node_id, &event.message),
                });
                Vec::new()
            }
            FromBroker::BrokerFailed { node_id, report } => {
                self.log(now_ms, strings::broker_stopped(node_id, &report.message));
                self.announce(&report.message);
                Rc::make_mut(&mut self.workers).broker_failed(now_ms, node_id, &report)
            }
            FromBroker::Destroyed { node_id } => self.destroyed(node_id),
            FromBroker::Ready { .. } => {
                let mut commands = Rc::make_mut(&mut self.workers).heard(now_ms, &message);
                commands.push(Command::EstimateStorage);
                commands.extend(self.look_at_source());
                commands
            }
            // The client tells these apart as actions of their own.
            FromBroker::Loaded
            | FromBroker::Failed(_)
            | FromBroker::Held(_)
            | FromBroker::Log { .. }
            | FromBroker::Trace(_) => Vec::new(),
            FromBroker::Waiting { .. } | FromBroker::NeedsPeer { .. } => {
                Rc::make_mut(&mut self.workers).heard(now_ms, &message)
            }
        }
    }

    fn take_snapshot(&mut self, now_ms: f64, snapshot: BrokerSnapshot) -> Vec<Command> {
        let commands = Rc::make_mut(&mut self.workers).start_missing(&snapshot.brokers);
        self.cluster.take(snapshot);
        let status = Rc::make_mut(&mut self.status);
        status.set_figures(
            self.cluster.figures(|node_id| self.workers.host_of(node_id)),
            self.cluster.errors(),
        );
        status.set_led(self.cluster.led());
        Rc::make_mut(&mut self.topics).set_snapshot(now_ms, self.cluster.topics());
        commands
    }

    fn destroyed(&mut self, node_id: i32) -> Vec<Command> {
        let workers = Rc::make_mut(&mut self.workers);
        if !workers.destroyed(node_id) {
            return Vec::new();
        }
        let mut commands = workers.replace_hosts();
        commands.push(workers.replace_clients());
        self.forget_all();
        self.announce(strings::cleared());
        commands
    }

    /// What other tabs say: the one that has the brokers, or its guests.
    fn hear_tab(&mut self, now_ms: f64, news: TabNews) -> Vec<Command> {
        let is_owner = matches!(self.workers.part, Part::Owner { .. });
        let is_guest = self.workers.is_guest();
        match news {
            TabNews::Said(BetweenTabs::Hello { tab }) if is_owner => vec![Command::Here { tab }],
            TabNews::Said(BetweenTabs::Open { tab, node_id, channel }) if is_owner => {
                self.workers.serve(tab, node_id, channel).into_iter().collect()
            }
            TabNews::Said(BetweenTabs::Here { tab }) if is_guest => {
                Rc::make_mut(&mut self.workers).owner_answers(&tab);
                Vec::new()
            }
            TabNews::Said(BetweenTabs::Down { node_id })
            | TabNews::Broker(FromBroker::BrokerFailed { node_id, .. })
                if is_guest =>
            {
                Rc::make_mut(&mut self.workers).broker_down(node_id);
                Vec::new()
            }
            TabNews::Broker(FromBroker::Destroyed { .. }) if is_guest => {
                self.forget_all();
                Vec::new()
            }
            TabNews::Broker(message) if is_guest => self.hear_broker(now_ms, message),
            _ => Vec::new(),
        }
    }

    fn set_part(&mut self, news: PartNews) -> Vec<Command> {
        self.cluster.forget();
        let workers = Rc::make_mut(&mut self.workers);
        match news {
            PartNews::Owner { by_force } => {
                let commands = workers.own(by_force);
                self.announce(strings::owner());
                commands
            }
            PartNews::Guest => {
                let mut commands = workers.be_guest();
                // Those that have the brokers say so at once.
                commands.push(Command::Hello);
                self.announce(strings::guest());
                commands
            }
            PartNews::Lost => {
                let mut commands = workers.be_guest();
                commands.push(Command::AskForBrokers { by_force: false });
                self.announce(strings::lost());
                commands
            }
        }
    }

    fn set_workers(&mut self, count: u32) -> Vec<Command> {
        let workers = Rc::make_mut(&mut self.workers);
        workers.wanted = count.clamp(1, MAX_WORKERS);
        let mut commands = vec![Command::RememberWorkers(workers.wanted)];
        if matches!(workers.part, Part::Owner { .. }) {
            commands.extend(workers.replace_hosts());
        }
        commands
    }

    fn stop_worker(&mut self, now_ms: f64, host: u32) -> Vec<Command> {
        self.log(now_ms, strings::worker_terminated(host));
        Rc::make_mut(&mut self.workers).stop_host(host)
    }

    /// Clients and brokers are there: what the chosen source looks like can be asked.
    fn look_at_source(&mut self) -> Vec<Command> {
        if !self.can_act() {
            return Vec::new();
        }
        Rc::make_mut(&mut self.produce).look_at_source(&mut self.requests)
    }

    fn hear_clients(&mut self, now_ms: f64, message: FromClients) -> Vec<Command> {
        match message {
            FromClients::Loaded => {
                let mut commands = Rc::make_mut(&mut self.workers).clients_loaded();
                commands.extend(self.look_at_source());
                commands
            }
            FromClients::Reply { id, result } => self.reply(now_ms, id, result),
            FromClients::Snapshot(mut snapshot) => {
                let imports = std::mem::take(&mut snapshot.imports);
                let ended = Rc::make_mut(&mut self.produce).set_snapshot(now_ms, imports);
                let caught_up = Rc::make_mut(&mut self.groups).set_snapshot(now_ms, snapshot);
                if let Some(said) = ended.as_ref().or(caught_up.as_ref()) {
                    self.announce(said);
                }
                if ended.is_some() { vec![Command::EstimateStorage] } else { Vec::new() }
            }
            FromClients::GroupEvent(event) => {
                self.announce(&event.message);
                Rc::make_mut(&mut self.groups).log(event);
                Vec::new()
            }
            FromClients::NeedsBroker { node_id } => self.workers.connect(node_id).into_iter().collect(),
            // Only JavaScript hears it.
            FromClients::Due(_) => Vec::new(),
            FromClients::Failed(report) => self.worker_failed(now_ms, Role::Clients, &report.message),
        }
    }

    fn reply(&mut self, now_ms: f64, id: u64, result: Result<Reply, ErrorReport>) -> Vec<Command> {
        let Some(asked) = self.requests.answered(id) else { return Vec::new() };
        let said = match asked {
            Asked::Preview => Rc::make_mut(&mut self.produce).previewed(id, result),
            Asked::Import => Rc::make_mut(&mut self.produce).import_started(now_ms, id, result),
            Asked::StopImport => Rc::make_mut(&mut self.produce).import_stopping(result),
            Asked::Groups(change) => Rc::make_mut(&mut self.groups).answered(change, result),
            Asked::Topics(change) => Rc::make_mut(&mut self.topics).answered(&change, result),
        };
        if let Some(said) = said {
            self.announce(&said);
        }
        Vec::new()
    }

    fn produce(&mut self, action: ProduceAction) -> Vec<Command> {
        let starts = matches!(action, ProduceAction::Start { .. });
        let commands = Rc::make_mut(&mut self.produce).act(action, &mut self.requests);
        // What is produced is what is consumed next, most of the time.
        if let Some(topic) = self.produce.topic_in_work().filter(|_| starts) {
            Rc::make_mut(&mut self.groups).topic = topic.to_owned();
        }
        self.with_persist(commands)
    }

    /// After the first thing that a person stores, the browser is asked not to throw it away.
    fn with_persist(&mut self, mut commands: Vec<Command>) -> Vec<Command> {
        let stores = |command: &Command| matches!(command, Command::Request { request, .. } if requests::stores(request));
        if !self.persist_asked && commands.iter().any(stores) {
            self.persist_asked = true;
            commands.push(Command::Persist);
        }
        commands
    }

    fn confirmed(&mut self) -> Vec<Command> {
        match self.confirm.take() {
            Some(Confirm::DeleteTopic(name)) => {
                Rc::make_mut(&mut self.topics).act(TopicsAction::Delete(name), &mut self.requests)
            }
            Some(Confirm::DeleteGroup(name)) => {
                let topics = &self.topics.names;
                Rc::make_mut(&mut self.groups).act(GroupsAction::Delete(name), topics, &mut self.requests)
            }
            // The clients go first: an import that still runs would make its topic anew.
            Some(Confirm::ClearAll) => Rc::make_mut(&mut self.workers).clear(),
            None => Vec::new(),
        }
    }

    fn worker_failed(&mut self, now_ms: f64, role: Role, message: &str) -> Vec<Command> {
        self.announce(message);
        match role {
            Role::Host(host) => {
                self.log(now_ms, strings::worker_stopped(host, message));
                Rc::make_mut(&mut self.workers).host_failed(now_ms, host, message)
            }
            Role::Clients => {
                Rc::make_mut(&mut self.workers).clients = ClientsState::Failed(message.to_owned());
                self.abandon_requests(now_ms, message);
                vec![Command::Terminate(role)]
            }
        }
    }

    /// Notes that something happened that should not.
    fn log(&mut self, now_ms: f64, message: String) {
        let wall_ms = (self.wall_origin_ms + now_ms) as i64;
        Rc::make_mut(&mut self.status).log(LogEntry { wall_ms, warning: true, message });
    }

    /// Whoever waits for an answer of a worker that is gone is told so.
    fn abandon_requests(&mut self, now_ms: f64, message: &str) {
        for id in self.requests.open() {
            self.reply(now_ms, id, Err(workers::gone(message)));
        }
        Rc::make_mut(&mut self.produce).clients_gone(message);
        Rc::make_mut(&mut self.groups).clients_gone();
    }

    fn forget_all(&mut self) {
        self.requests.forget();
        self.cluster.forget();
        self.topics = Rc::default();
        self.groups = Rc::default();
        Rc::make_mut(&mut self.produce).forget();
        Rc::make_mut(&mut self.status).forget();
    }

    fn announce(&mut self, said: &str) {
        self.announcement = said.into();
    }
}
