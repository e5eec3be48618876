//! What people are told: events in words, and how often which error was answered.

use std::collections::VecDeque;

use kafka_protocol::ResponseError;

use crate::error::{ApiError, error_name};
use crate::sorted::SortedMap;

/// Events kept until somebody polls them; the oldest goes first.
const MAX_EVENTS: usize = 200;
/// Of refusals with the same error one is told in this time.
const REFUSALS_MS: u64 = 5_000;

/// Something that happened in a broker.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BrokerEvent {
    /// Whether it is something that should not be.
    pub warning: bool,
    /// What and why, in a sentence.
    pub message: String,
    /// What kind of thing it is (`segment-rolled`); empty where it has only the sentence.
    pub kind: &'static str,
    /// What it is about, by name.
    pub args: Vec<(&'static str, String)>,
}

/// How often an error was answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ErrorTally {
    /// The error's name in Kafka (`CORRUPT_MESSAGE`).
    pub error: String,
    /// How often.
    pub count: u64,
    /// What the last one was about.
    pub last_message: String,
    /// When it was told as an event, on the monotonic clock.
    pub(crate) told_ms: Option<u64>,
}

#[derive(Debug, Default)]
pub(super) struct Report {
    events: VecDeque<BrokerEvent>,
    errors: SortedMap<i16, ErrorTally>,
    pub(super) requests: u64,
    /// What time it was when something came last, on the monotonic clock.
    pub(super) now_ms: u64,
}

impl Report {
    pub(super) fn event(&mut self, warning: bool, message: String) {
        self.tell(warning, "", Vec::new(), message);
    }

    /// Tells something that can be said in other words too.
    pub(super) fn tell(
        &mut self,
        warning: bool,
        kind: &'static str,
        args: Vec<(&'static str, String)>,
        message: String,
    ) {
        if self.events.len() == MAX_EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(BrokerEvent { warning, message, kind, args });
    }

    pub(super) fn poll_event(&mut self) -> Option<BrokerEvent> {
        self.events.pop_front()
    }

    /// Counts an error that is answered; returns its code. Two of Kafka's errors are ordinary steps of a member's way into
    /// its group (KIP-394), and not counted.
    pub(super) fn refuse(&mut self, error: &ApiError) -> i16 {
        let code = error.error.code();
        let now_ms = self.now_ms;
        if matches!(error.error, ResponseError::MemberIdRequired | ResponseError::RebalanceInProgress) {
            return code;
        }
        let tally = self.errors.or_insert_with(code, || ErrorTally {
            error: error_name(error.error),
            count: 0,
            last_message: String::new(),
            told_ms: None,
        });
        tally.count += 1;
        tally.last_message.clone_from(&error.message);
        if tally.told_ms.is_none_or(|told_ms| now_ms >= told_ms + REFUSALS_MS) {
            tally.told_ms = Some(now_ms);
            let (name, count) = (tally.error.clone(), tally.count.to_string());
            let message = format!("{name}: {}", error.message);
            let args = vec![("error", name), ("why", error.message.clone()), ("count", count)];
            self.tell(false, "request-refused", args, message);
        }
        code
    }

    pub(super) fn errors(&self) -> impl Iterator<Item = &ErrorTally> {
        self.errors.values()
    }
}
