//! What the page knows and what follows from what: a pure fold over actions, without any type of the web.
//!
//! [`State::apply`] takes what happened (a person did something, a worker said something, time went by) and gives
//! back what has to be done about it, as [`Command`]s that the client runs. So all of it is tested natively.

mod action;
mod import;
mod produce;
mod rates;
mod read;
mod requests;
mod send;
mod status;
mod topic_name;
mod topics;
mod workers;

#[cfg(test)]
mod tests;

use std::rc::Rc;

use headwater_worker_protocol::{ErrorReport, FromBroker, FromClients, Reply, ToBroker};

pub(crate) use action::{Action, Command, Confirm, Role, Update};
pub(crate) use import::{Import, Phase};
pub(crate) use produce::{Preview, Produce, ProduceAction, Source};
pub(crate) use read::{PageShown, Read, ReadAction, ReadOrigin};
pub(crate) use send::{Send, SendAction, Sent};
pub(crate) use status::{LogEntry, Status, StorageFigures};
pub(crate) use topics::{Partition, Topic, TopicName, Topics, TopicsAction};
pub(crate) use workers::{BrokerState, ClientsState, Missing, Workers};

use requests::{Asked, Requests};

/// How many ticks (of a second) lie between two looks at the storage's size.
const TICKS_PER_ESTIMATE: u32 = 5;

/// All that the page knows. The parts are shared with the components that show them.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) workers: Rc<Workers>,
    pub(crate) produce: Rc<Produce>,
    pub(crate) topics: Rc<Topics>,
    pub(crate) read: Rc<Read>,
    pub(crate) send: Rc<Send>,
    pub(crate) status: Rc<Status>,
    /// What a person is asked to confirm now.
    pub(crate) confirm: Option<Confirm>,
    /// A file is held over the page.
    pub(crate) dragging: bool,
    /// What a screen reader says next.
    pub(crate) announcement: Rc<str>,
    requests: Requests,
    ticks: u32,
    persist_asked: bool,
}

impl State {
    /// The first commands: start the workers, unless something is missing that they need.
    pub(crate) fn start(&mut self, missing: Vec<Missing>) -> Vec<Command> {
        Rc::make_mut(&mut self.workers).start(missing)
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
            Action::Broker(message) => self.hear_broker(now_ms, message),
            Action::Clients(message) => self.hear_clients(now_ms, message),
            Action::WorkerFailed(role, message) => self.worker_failed(now_ms, role, &message),
            Action::Restart => Rc::make_mut(&mut self.workers).restart(),
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
            Action::Read(action) => {
                Rc::make_mut(&mut self.read).act(action, &self.topics.names, &mut self.requests)
            }
            Action::Send(action) => {
                let commands =
                    Rc::make_mut(&mut self.send).act(action, &self.topics.names, &mut self.requests);
                self.with_persist(commands)
            }
        };
        Update { commands, render: true }
    }

    fn tick(&mut self, now_ms: f64) -> Update {
        self.ticks = self.ticks.wrapping_add(1);
        let commands = match self.ticks % TICKS_PER_ESTIMATE {
            1 => vec![Command::EstimateStorage],
            _ => Vec::new(),
        };
        // Without new snapshots nothing is produced any more, and the rates go down to nothing.
        let mut render = false;
        if self.topics.is_moving() {
            render |= Rc::make_mut(&mut self.topics).refresh_rates(now_ms);
        }
        if self.produce.is_moving() {
            render |= Rc::make_mut(&mut self.produce).refresh_rate(now_ms);
        }
        Update { commands, render }
    }

    fn hear_broker(&mut self, now_ms: f64, message: FromBroker) -> Vec<Command> {
        match message {
            FromBroker::Snapshot(snapshot) => {
                Rc::make_mut(&mut self.status).set_snapshot(&snapshot);
                Rc::make_mut(&mut self.topics).set_snapshot(now_ms, snapshot.topics);
                Vec::new()
            }
            FromBroker::Event(event) => {
                Rc::make_mut(&mut self.status).log(LogEntry {
                    wall_ms: event.wall_ms,
                    warning: event.warning,
                    message: event.message,
                });
                Vec::new()
            }
            FromBroker::Failed(report) => self.worker_failed(now_ms, Role::Broker, &report.message),
            FromBroker::Destroyed => {
                self.forget_all();
                self.announce(crate::strings::CLEARED);
                Rc::make_mut(&mut self.workers).replace_all()
            }
            FromBroker::Loaded => Rc::make_mut(&mut self.workers).loaded(Role::Broker),
            FromBroker::Waiting => {
                Rc::make_mut(&mut self.workers).broker = BrokerState::Waiting;
                Vec::new()
            }
            FromBroker::Ready { logs, recovery_ms } => {
                Rc::make_mut(&mut self.workers).broker = BrokerState::Running { logs, recovery_ms };
                let mut commands = vec![Command::EstimateStorage];
                commands.extend(self.look_at_source());
                commands
            }
        }
    }

    /// Both workers are there: what the chosen source looks like can be asked.
    fn look_at_source(&mut self) -> Vec<Command> {
        if !self.can_act() {
            return Vec::new();
        }
        Rc::make_mut(&mut self.produce).look_at_source(&mut self.requests)
    }

    fn hear_clients(&mut self, now_ms: f64, message: FromClients) -> Vec<Command> {
        match message {
            FromClients::Loaded => {
                let mut commands = Rc::make_mut(&mut self.workers).loaded(Role::Clients);
                commands.extend(self.look_at_source());
                commands
            }
            FromClients::Reply { id, result } => self.reply(now_ms, id, result),
            FromClients::Snapshot(snapshot) => {
                let ended = Rc::make_mut(&mut self.produce).set_snapshot(now_ms, snapshot.imports);
                match ended {
                    Some(said) => {
                        self.announce(&said);
                        vec![Command::EstimateStorage]
                    }
                    None => Vec::new(),
                }
            }
            FromClients::Failed(report) => self.worker_failed(now_ms, Role::Clients, &report.message),
        }
    }

    fn reply(&mut self, now_ms: f64, id: u64, result: Result<Reply, ErrorReport>) -> Vec<Command> {
        let Some(asked) = self.requests.answered(id) else { return Vec::new() };
        let said = match asked {
            Asked::Preview => Rc::make_mut(&mut self.produce).previewed(id, result),
            Asked::Import => Rc::make_mut(&mut self.produce).import_started(now_ms, id, result),
            Asked::StopImport => Rc::make_mut(&mut self.produce).import_stopping(result),
            Asked::Read => Rc::make_mut(&mut self.read).answered(id, result),
            Asked::Send => Rc::make_mut(&mut self.send).answered(id, result),
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
        // What is produced is what is read next, most of the time.
        if let Some(topic) = self.produce.topic_in_work().filter(|_| starts && self.read.page.is_none()) {
            Rc::make_mut(&mut self.read).topic = topic.to_owned();
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
            Some(Confirm::ClearAll) => {
                // The clients go first: an import that still runs would make its topic anew.
                let workers = Rc::make_mut(&mut self.workers);
                workers.broker = BrokerState::Clearing;
                workers.clients = ClientsState::Starting;
                vec![Command::Terminate(Role::Clients), Command::ToBroker(ToBroker::Destroy)]
            }
            None => Vec::new(),
        }
    }

    fn worker_failed(&mut self, now_ms: f64, role: Role, message: &str) -> Vec<Command> {
        Rc::make_mut(&mut self.workers).failed(role, message.to_owned());
        if role == Role::Clients {
            self.abandon_requests(now_ms, message);
        }
        self.announce(message);
        vec![Command::Terminate(role)]
    }

    /// Whoever waits for an answer of a worker that is gone is told so.
    fn abandon_requests(&mut self, now_ms: f64, message: &str) {
        for id in self.requests.open() {
            self.reply(now_ms, id, Err(workers::gone(message)));
        }
        Rc::make_mut(&mut self.produce).clients_gone(message);
    }

    fn forget_all(&mut self) {
        self.requests.forget();
        self.topics = Rc::default();
        self.read = Rc::default();
        self.send = Rc::default();
        Rc::make_mut(&mut self.produce).forget();
        Rc::make_mut(&mut self.status).forget();
    }

    fn announce(&mut self, said: &str) {
        self.announcement = said.into();
    }
}
