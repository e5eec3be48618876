//! The consumers of this worker that are members of groups, and what the page hears of them.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use headwater_worker_protocol::{
    ConsumedRecord, ConsumerPartition, ConsumerRequest, ConsumerSnapshot, ConsumerState, FromClients,
    GroupEvent,
};

use super::board::Board;
use crate::clock;
use crate::post::post;

/// How many are remembered, ended ones among them.
const MAX_CONSUMERS: usize = 40;
/// How many may run at a time.
const MAX_RUNNING: usize = 16;

/// Records of each that are kept to be shown.
pub(crate) const LAST_RECORDS: usize = 3;

/// All consumers, the oldest first.
pub(crate) struct Consumers {
    list: RefCell<VecDeque<Rc<Consumer>>>,
    next: Cell<u64>,
    board: Rc<Board>,
}

/// One consumer.
pub(crate) struct Consumer {
    snapshot: RefCell<ConsumerSnapshot>,
    stop: Cell<Option<Stop>>,
    board: Rc<Board>,
}

/// How a consumer is to end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stop {
    /// It commits and leaves its group.
    Leave,
    /// It goes without a word.
    Kill,
}

impl Consumers {
    /// None yet; what becomes of them is told to `board`.
    pub(crate) fn new(board: &Rc<Board>) -> Consumers {
        Consumers { list: RefCell::default(), next: Cell::new(0), board: board.clone() }
    }

    /// How they stand.
    pub(crate) fn snapshots(&self) -> Vec<ConsumerSnapshot> {
        self.list.borrow().iter().map(|consumer| consumer.snapshot.borrow().clone()).collect()
    }

    /// A new one, or why not.
    pub(crate) fn add(&self, request: ConsumerRequest) -> Result<Rc<Consumer>, String> {
        let mut list = self.list.borrow_mut();
        if list.iter().filter(|consumer| consumer.is_running()).count() >= MAX_RUNNING {
            return Err(format!("{MAX_RUNNING} consumers run already. Stop one first."));
        }
        self.next.set(self.next.get() + 1);
        let number = self.next.get();
        let consumer = Rc::new(Consumer {
            snapshot: RefCell::new(ConsumerSnapshot {
                consumer: number,
                client_id: format!("consumer-{number}"),
                request,
                state: ConsumerState::Joining,
                member_id: String::new(),
                generation: -1,
                partitions: Vec::new(),
                records: 0,
                bytes: 0,
                last_records: Vec::new(),
            }),
            stop: Cell::new(None),
            board: self.board.clone(),
        });
        if list.len() == MAX_CONSUMERS {
            // One that has ended, the oldest; fewer run than are remembered.
            let ended = list.iter().position(|consumer| !consumer.is_running());
            list.remove(ended.unwrap_or(0));
        }
        list.push_back(consumer.clone());
        self.board.changed();
        Ok(consumer)
    }

    /// Has a consumer read at another rate; false if it does not run.
    pub(crate) fn set_rate(&self, id: u64, records_per_s: Option<u32>) -> bool {
        let list = self.list.borrow();
        let consumer = list.iter().find(|consumer| consumer.id() == id && consumer.is_running());
        consumer.is_some_and(|consumer| {
            consumer.update(|snapshot| snapshot.request.records_per_s = records_per_s);
            true
        })
    }

    /// Has a consumer end; false if it does not run.
    pub(crate) fn stop(&self, id: u64, stop: Stop) -> bool {
        let list = self.list.borrow();
        let running = |consumer: &&Rc<Consumer>| consumer.id() == id && consumer.is_running();
        let Some(consumer) = list.iter().find(running) else { return false };
        // Who is leaving may still be killed.
        consumer.stop.set(Some(stop));
        true
    }

    /// Whether any runs.
    pub(crate) fn any_runs(&self) -> bool {
        self.list.borrow().iter().any(|consumer| consumer.is_running())
    }
}

impl Consumer {
    /// Its name.
    pub(crate) fn id(&self) -> u64 {
        self.snapshot.borrow().consumer
    }

    /// What it calls itself.
    pub(crate) fn client_id(&self) -> String {
        self.snapshot.borrow().client_id.clone()
    }

    /// What was asked for.
    pub(crate) fn request(&self) -> ConsumerRequest {
        self.snapshot.borrow().request.clone()
    }

    /// At most this many records a second.
    pub(crate) fn records_per_s(&self) -> Option<u32> {
        self.snapshot.borrow().request.records_per_s
    }

    /// How somebody wants it to end.
    pub(crate) fn wanted_stop(&self) -> Option<Stop> {
        self.stop.get()
    }

    fn is_running(&self) -> bool {
        use ConsumerState::{Assigned, Joining, Leaving};
        matches!(self.snapshot.borrow().state, Joining | Assigned | Leaving)
    }

    /// It has read some records, the last of them these, the newest first.
    pub(crate) fn read(&self, records: u64, bytes: u64, last_records: Vec<ConsumedRecord>) {
        self.update(|snapshot| {
            snapshot.records += records;
            snapshot.bytes += bytes;
            snapshot.last_records.splice(0..0, last_records);
            snapshot.last_records.truncate(LAST_RECORDS);
        });
    }

    /// How it stands with its group and with its partitions.
    pub(crate) fn show(
        &self,
        state: ConsumerState,
        member_id: String,
        generation: i32,
        partitions: Vec<ConsumerPartition>,
    ) {
        let mut snapshot = self.snapshot.borrow_mut();
        let shown = (&snapshot.state, &snapshot.member_id, snapshot.generation, &snapshot.partitions);
        if shown != (&state, &member_id, generation, &partitions) {
            (snapshot.state, snapshot.partitions) = (state, partitions);
            (snapshot.member_id, snapshot.generation) = (member_id, generation);
            self.board.changed();
        }
    }

    /// Changes how it stands; the page hears of it soon.
    pub(crate) fn update(&self, change: impl FnOnce(&mut ConsumerSnapshot)) {
        change(&mut self.snapshot.borrow_mut());
        self.board.changed();
    }

    /// Tells the page what happened. `what` follows its name; `kind` and `args` are for other words.
    pub(crate) fn tell(&self, kind: &str, args: &[(&str, &str)], what: &str) {
        let snapshot = self.snapshot.borrow();
        let client = [("client", snapshot.client_id.as_str())];
        post(&FromClients::GroupEvent(GroupEvent {
            wall_ms: clock::now().wall_ms,
            group: snapshot.request.group.clone(),
            message: format!("{} {what}", snapshot.client_id),
            kind: kind.to_owned(),
            args: client
                .iter()
                .chain(args)
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        }));
    }
}
