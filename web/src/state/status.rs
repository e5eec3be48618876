//! The panel "status": the brokers' figures, their refusals, what happened, and how much is stored.

use std::collections::VecDeque;
use std::rc::Rc;

use headwater_worker_protocol::ErrorCount;

/// How many events are kept.
const MAX_EVENTS: usize = 50;

/// What the panel shows.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Status {
    /// Of all brokers together.
    pub(crate) figures: Option<Figures>,
    /// How many partitions each broker leads, by node id.
    pub(crate) led: Vec<(i32, usize)>,
    /// Refusals and failures by Kafka's error.
    pub(crate) errors: Rc<Vec<ErrorCount>>,
    /// What happened, the newest first, with numbers that are never used twice.
    pub(crate) events: Rc<VecDeque<(u64, LogEntry)>>,
    pub(crate) storage: StorageFigures,
    events_logged: u64,
}

/// The brokers' figures since they started.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Figures {
    pub(crate) requests: u64,
    pub(crate) connections: u32,
    pub(crate) memory_bytes: u64,
    pub(crate) commits: u64,
}

/// Something that happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct LogEntry {
    pub(crate) wall_ms: i64,
    pub(crate) warning: bool,
    pub(crate) message: String,
}

/// What the browser says about storage. None: it does not say.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct StorageFigures {
    pub(crate) usage_bytes: Option<u64>,
    pub(crate) quota_bytes: Option<u64>,
    /// Whether the browser promised to keep it when space runs short.
    pub(crate) persisted: Option<bool>,
}

impl Status {
    pub(super) fn set_figures(&mut self, figures: Option<Figures>, errors: Vec<ErrorCount>) {
        self.figures = figures;
        if *self.errors != errors {
            self.errors = Rc::new(errors);
        }
    }

    /// How many partitions each broker leads.
    pub(super) fn set_led(&mut self, led: Vec<(i32, usize)>) {
        self.led = led;
    }

    pub(super) fn log(&mut self, entry: LogEntry) {
        let events = Rc::make_mut(&mut self.events);
        events.push_front((self.events_logged, entry));
        events.truncate(MAX_EVENTS);
        self.events_logged += 1;
    }

    /// A new broker begins to count at nothing. What happened before stays in the log.
    pub(super) fn forget(&mut self) {
        self.figures = None;
        self.led.clear();
        self.errors = Rc::default();
    }
}
