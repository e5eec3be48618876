//! Which questions to the clients' worker are open, and whose they are.

use headwater_worker_protocol::Request;

use super::Command;
use super::groups::GroupChange;
use super::topics::Change;

/// Whose a question is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Asked {
    Preview,
    Import,
    StopImport,
    Groups(GroupChange),
    Topics(Change),
}

/// The open questions with their ids. They are few.
#[derive(Default)]
pub(super) struct Requests {
    last_id: u64,
    open: Vec<(u64, Asked)>,
}

impl Requests {
    /// Makes a question; its id, and the command that asks it.
    pub(super) fn ask(&mut self, asked: Asked, request: Request, with_file: bool) -> (u64, Command) {
        self.last_id += 1;
        self.open.push((self.last_id, asked));
        (self.last_id, Command::Request { id: self.last_id, request, with_file })
    }

    /// An answer came: whose it is; none when nobody waits for it any more.
    pub(super) fn answered(&mut self, id: u64) -> Option<Asked> {
        let index = self.open.iter().position(|(open, _)| *open == id)?;
        Some(self.open.remove(index).1)
    }

    pub(super) fn open(&self) -> Vec<u64> {
        self.open.iter().map(|(id, _)| *id).collect()
    }

    /// Nobody waits any more; ids go on.
    pub(super) fn forget(&mut self) {
        self.open.clear();
    }
}

/// Whether a request stores something.
pub(super) fn stores(request: &Request) -> bool {
    matches!(
        request,
        Request::CreateTopic { .. }
            | Request::CreatePartitions { .. }
            | Request::Send(_)
            | Request::Import(_)
            | Request::StartConsumer(_)
    )
}
