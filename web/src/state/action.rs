//! What can happen, and what can be done about it.

use headwater_worker_protocol::{FromBroker, FromClients, Request, ToBroker};

use super::{ProduceAction, ReadAction, SendAction, StorageFigures, TopicsAction};

/// Something happened.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Action {
    /// The broker's worker said something.
    Broker(FromBroker),
    /// The clients' worker said something.
    Clients(FromClients),
    /// A worker could not be loaded, or broke.
    WorkerFailed(Role, String),
    /// A person wants what broke to be replaced.
    Restart,
    /// How much is stored.
    Storage(StorageFigures),
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
    /// In the panel "read".
    Read(ReadAction),
    /// In the panel "send".
    Send(SendAction),
}

/// Something to be done, by the client.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Command {
    /// Start a worker, in place of the one there may be.
    Spawn(Role),
    /// End a worker.
    Terminate(Role),
    /// Tell the broker something.
    ToBroker(ToBroker),
    /// Make a channel and give its ends to the broker and to the clients.
    Connect {
        /// Which broker.
        node_id: i32,
    },
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
    /// Runs the broker.
    Broker,
    /// Runs producers and consumers.
    Clients,
}

/// What has to be confirmed before it is done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Confirm {
    /// Delete the topic of this name.
    DeleteTopic(String),
    /// Delete everything.
    ClearAll,
}
