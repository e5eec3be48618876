//! A writer or reader in the world: what runs the protocol, may fall asleep, and may be gone.

use std::collections::BTreeMap;

use headwater_journal::{
    AppendId, Config, Outcome, PartitionId, Purpose, Reader, Request, RequestId, Writer,
};

/// What it is.
pub(crate) enum Machine {
    Writer(Box<Writer>),
    Reader(Box<Reader>),
}

pub(crate) struct Host {
    pub(crate) machine: Machine,
    pub(crate) frozen_until_ms: u64,
    /// It was frozen since its append began.
    pub(crate) slept: bool,
    pub(crate) alive: bool,
    pub(crate) wake_at_ms: Option<u64>,
    /// The append under way: its id, and how many commits there were when it began.
    pub(crate) append: Option<(AppendId, u64)>,
    /// Who is to learn of answers.
    pub(crate) actor: Option<usize>,
    /// Ends as soon as nothing goes on in it: nobody will use it any more.
    pub(crate) abandoned: bool,
}

impl Host {
    pub(crate) fn writer(config: Config, seed: u64, actor: Option<usize>) -> Host {
        Host::new(Machine::Writer(Box::new(Writer::new(config, seed))), actor)
    }

    pub(crate) fn reader(config: Config, seed: u64) -> Host {
        let reader = Reader::new(config, seed, BTreeMap::<PartitionId, i64>::new());
        Host::new(Machine::Reader(Box::new(reader)), None)
    }

    fn new(machine: Machine, actor: Option<usize>) -> Host {
        Host {
            machine,
            frozen_until_ms: 0,
            slept: false,
            alive: true,
            wake_at_ms: None,
            append: None,
            actor,
            abandoned: false,
        }
    }

    pub(crate) fn poll_request(&mut self) -> Option<(RequestId, Purpose, Request)> {
        match &mut self.machine {
            Machine::Writer(writer) => writer.poll_request(),
            Machine::Reader(reader) => reader.poll_request(),
        }
    }

    pub(crate) fn handle_outcome(&mut self, now_ms: u64, id: RequestId, outcome: Outcome) {
        match &mut self.machine {
            Machine::Writer(writer) => writer.handle_outcome(now_ms, id, outcome),
            Machine::Reader(reader) => reader.handle_outcome(now_ms, id, outcome),
        }
    }

    pub(crate) fn handle_timeout(&mut self, now_ms: u64) {
        match &mut self.machine {
            Machine::Writer(writer) => writer.handle_timeout(now_ms),
            Machine::Reader(reader) => reader.handle_timeout(now_ms),
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<u64> {
        match &self.machine {
            Machine::Writer(writer) => writer.poll_timeout(),
            Machine::Reader(reader) => reader.poll_timeout(),
        }
    }
}
