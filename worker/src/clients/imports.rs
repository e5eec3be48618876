//! The imports of this worker, and what the page hears of them.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use headwater_worker_protocol::{ImportRequest, ImportSnapshot, ImportState};

use super::board::Board;
use crate::clock;

/// How many are remembered.
const MAX_IMPORTS: usize = 20;
/// How many may run at a time.
pub(crate) const MAX_RUNNING: usize = 8;
/// How many broken rows are told one by one.
const MAX_BROKEN_ROWS: usize = 20;

/// All imports, the oldest first.
pub(crate) struct Imports {
    imports: RefCell<VecDeque<Rc<Import>>>,
    next: Cell<u64>,
    board: Rc<Board>,
}

/// One import.
pub(crate) struct Import {
    snapshot: RefCell<ImportSnapshot>,
    started_ms: f64,
    stopped: Cell<bool>,
    board: Rc<Board>,
}

impl Imports {
    /// None yet; what becomes of them is told to `board`.
    pub(crate) fn new(board: &Rc<Board>) -> Imports {
        Imports { imports: RefCell::default(), next: Cell::new(0), board: board.clone() }
    }

    /// How they stand.
    pub(crate) fn snapshots(&self) -> Vec<ImportSnapshot> {
        self.imports.borrow().iter().map(|import| import.snapshot.borrow().clone()).collect()
    }

    /// A new one, or why not.
    pub(crate) fn add(&self, source: &str, request: &ImportRequest) -> Result<Rc<Import>, String> {
        let topic = &request.topic;
        let mut imports = self.imports.borrow_mut();
        let running: Vec<_> = imports.iter().filter(|import| import.is_running()).cloned().collect();
        if running.iter().any(|import| {
            let snapshot = import.snapshot.borrow();
            snapshot.source == source && snapshot.topic == *topic
        }) {
            return Err(format!("{source} is being imported into {topic} already."));
        }
        if running.len() >= MAX_RUNNING {
            return Err(format!("{MAX_RUNNING} imports run already. Stop one, or wait for one to end."));
        }
        self.next.set(self.next.get() + 1);
        let number = self.next.get();
        let import = Rc::new(Import {
            snapshot: RefCell::new(ImportSnapshot {
                import: number,
                client_id: format!("producer-{number}"),
                source: source.to_owned(),
                topic: topic.to_owned(),
                request: request.clone(),
                ..ImportSnapshot::default()
            }),
            started_ms: clock::monotonic_ms(),
            stopped: Cell::new(false),
            board: self.board.clone(),
        });
        if imports.len() == MAX_IMPORTS {
            // One that has ended, the oldest; fewer run than are remembered.
            let ended = imports.iter().position(|import| !import.is_running());
            imports.remove(ended.unwrap_or(0));
        }
        imports.push_back(import.clone());
        self.board.changed();
        Ok(import)
    }

    /// Has an import go at another rate; false if it does not run.
    pub(crate) fn set_rate(&self, id: u64, records_per_s: Option<u32>) -> bool {
        let imports = self.imports.borrow();
        let import = imports.iter().find(|import| import.id() == id && import.is_running());
        import.is_some_and(|import| {
            import.update(|snapshot| snapshot.request.records_per_s = records_per_s);
            true
        })
    }

    /// Has an import stop; false if it does not run.
    pub(crate) fn stop(&self, id: u64) -> bool {
        let imports = self.imports.borrow();
        let import = imports.iter().find(|import| import.id() == id && import.is_running());
        import.is_some_and(|import| !import.stopped.replace(true))
    }
}

impl Import {
    /// Its name.
    pub(crate) fn id(&self) -> u64 {
        self.snapshot.borrow().import
    }

    /// What its producer calls itself.
    pub(crate) fn client_id(&self) -> String {
        self.snapshot.borrow().client_id.clone()
    }

    /// At most this many records a second.
    pub(crate) fn records_per_s(&self) -> Option<u32> {
        self.snapshot.borrow().request.records_per_s
    }

    /// Whether somebody wants it to stop.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.get()
    }

    fn is_running(&self) -> bool {
        matches!(self.snapshot.borrow().state, ImportState::Resuming | ImportState::Running)
    }

    /// Changes how it stands; the page hears of it soon.
    pub(crate) fn update(&self, change: impl FnOnce(&mut ImportSnapshot)) {
        {
            let mut snapshot = self.snapshot.borrow_mut();
            change(&mut snapshot);
            snapshot.elapsed_ms = clock::monotonic_ms() - self.started_ms;
        }
        self.board.changed();
    }

    /// A row cannot be sent.
    pub(crate) fn broken_row(&self, line: u64, reason: String) {
        let mut snapshot = self.snapshot.borrow_mut();
        snapshot.broken += 1;
        if snapshot.broken_rows.len() < MAX_BROKEN_ROWS {
            snapshot.broken_rows.push((line, reason));
        }
    }
}
