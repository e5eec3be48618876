//! What people are told: events in words, and how often which error was answered.

use std::collections::VecDeque;

use kafka_protocol::ResponseError;

use crate::error::{ApiError, error_name};
use crate::sorted::SortedMap;

/// Events kept until somebody polls them; the oldest goes first.
const MAX_EVENTS: usize = 200;

/// Something that happened in a broker.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BrokerEvent {
    /// Whether it is something that should not be.
    pub warning: bool,
    /// What and why, in a sentence.
    pub message: String,
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
}

#[derive(Debug, Default)]
pub(super) struct Report {
    events: VecDeque<BrokerEvent>,
    errors: SortedMap<i16, ErrorTally>,
    pub(super) requests: u64,
}

impl Report {
    pub(super) fn event(&mut self, warning: bool, message: String) {
        if self.events.len() == MAX_EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(BrokerEvent { warning, message });
    }

    pub(super) fn poll_event(&mut self) -> Option<BrokerEvent> {
        self.events.pop_front()
    }

    /// Counts an error that is answered; returns its code. Two of Kafka's errors are ordinary steps of a member's way into
    /// its group (KIP-394), and not counted.
    pub(super) fn refuse(&mut self, error: &ApiError) -> i16 {
        let code = error.error.code();
        if matches!(error.error, ResponseError::MemberIdRequired | ResponseError::RebalanceInProgress) {
            return code;
        }
        let tally = self.errors.or_insert_with(code, || ErrorTally {
            error: error_name(error.error),
            count: 0,
            last_message: String::new(),
        });
        tally.count += 1;
        tally.last_message.clone_from(&error.message);
        code
    }

    pub(super) fn errors(&self) -> impl Iterator<Item = &ErrorTally> {
        self.errors.values()
    }
}
