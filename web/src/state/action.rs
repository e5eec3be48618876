//! What can happen, and what can be done about it.

use headwater_worker_protocol::tabs::BetweenTabs;
use headwater_worker_protocol::{FromBroker, FromClients, Request, ToBroker};

use super::{GroupsAction, ProduceAction, StorageFigures, TopicsAction};

/// Something happened. It is not cloned: that would be code for every message of the workers.
#[derive(PartialEq, Debug)]
pub(crate) enum Action {
    /// The code of a worker for brokers is loaded.
    HostLoaded(u32),
    /// A broker of this tab said something.
    Broker(FromBroker),
    /// A tab said something to all others.
    Tab(TabNews),
    /// Whether this tab has the brokers has changed.
    Part(PartNews),
    /// The clients' worker said something.
    Clients(FromClients),
    /// A worker could not be loaded, or broke.
    WorkerFailed(Role, String),
    /// A person wants what broke to be replaced.
    Restart,
    /// A person wants so many workers for brokers.
    SetWorkers(u32),
    /// A person wants a worker to end as in a crash.
    StopWorker(u32),
    /// A person wants a worker that was ended to begin.
    StartWorker(u32),
    /// A person wants the brokers to be here: the tab that has them does not answer.
    TakeOver,
    /// How much is stored.
    Storage(StorageFigures),
    /// The page's words are those of another language now.
    NewWords,
    /// About a second went by.
    Tick,
    /// A person wants something that has to be confirmed first.
    Ask(Confirm),
    /// It is confirmed.
    Confirmed,
    /// It is not.
    Cancelled,
    /// A file is held over the page, or no longer.
    Dragging(bool),
    /// In the panel "produce".
    Produce(ProduceAction),
    /// In the panel "topics".
    Topics(TopicsAction),
    /// In the panel "consumer groups".
    Groups(GroupsAction),
}

/// Something to be done, by the client.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Command {
    /// Ask for the lock on the brokers; answered by [`Action::Part`], now and whenever it changes.
    AskForBrokers {
        /// Take it from the tab that has it.
        by_force: bool,
    },
    /// Start a worker, in place of the one there may be.
    Spawn(Role),
    /// End a worker.
    Terminate(Role),
    /// Tell a broker something.
    ToBroker {
        /// In which worker it is.
        host: u32,
        /// What.
        message: ToBroker,
    },
    /// Make a channel and give its ends to a broker and to the clients.
    Connect {
        /// Which broker.
        node_id: i32,
        /// In which worker it is; none: in another tab.
        host: Option<u32>,
    },
    /// Make a channel and give its ends to two brokers.
    Join {
        /// The broker that asks.
        node_id: i32,
        /// In which worker it is.
        host: u32,
        /// The broker that answers.
        peer: i32,
        /// In which worker that is.
        peer_host: u32,
    },
    /// Tell the other tabs that a broker is gone.
    TellDown {
        /// Which.
        node_id: i32,
    },
    /// Ask the tab that has the brokers whether it is there.
    Hello,
    /// Tell a tab that this one has the brokers, and how they stand if it has not asked before.
    Here {
        /// Which tab asks.
        tab: String,
    },
    /// Join a channel of another tab with a broker.
    Serve {
        /// Which tab's.
        tab: String,
        /// Which broker.
        node_id: i32,
        /// In which worker it is.
        host: u32,
        /// The channel's name.
        channel: String,
    },
    /// Remember how many workers a person wants.
    RememberWorkers(u32),
    /// Ask the clients for something.
    Request {
        /// Never used twice.
        id: u64,
        /// What.
        request: Request,
        /// Whether the file that was chosen goes with it.
        with_file: bool,
    },
    /// Ask the browser to keep what is stored.
    Persist,
    /// Ask the browser how much is stored; answered by [`Action::Storage`].
    EstimateStorage,
}

/// What came of an action.
pub(crate) struct Update {
    /// What is to be done.
    pub(crate) commands: Vec<Command>,
    /// Whether anything changed that is shown.
    pub(crate) render: bool,
}

/// What a worker is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    /// Runs brokers; which of the workers that do.
    Host(u32),
    /// Runs producers and consumers.
    Clients,
}

/// What is heard from other tabs.
#[derive(Clone, PartialEq, Debug)]
#[cfg_attr(
    target_pointer_width = "64",
    expect(clippy::large_enum_variant, reason = "nearly all news are the large one, and each is moved once")
)]
pub(crate) enum TabNews {
    /// To all.
    Said(BetweenTabs),
    /// A broker of the tab that has them said something.
    Broker(FromBroker),
}

/// Whether this tab has the brokers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum PartNews {
    /// It has them now.
    Owner {
        /// They were taken from another tab.
        by_force: bool,
    },
    /// Another tab has them; this one is told when they are given up.
    Guest,
    /// Another tab took them.
    Lost,
}

/// What has to be confirmed before it is done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Confirm {
    /// Delete the topic of this name.
    DeleteTopic(String),
    /// Delete the group of this name.
    DeleteGroup(String),
    /// Delete everything.
    ClearAll,
}
