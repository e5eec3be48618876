//! A reader, driven by whoever asks it for more.

use std::collections::BTreeMap;
use std::task::Poll;

use headwater_journal::{Config, PartitionId, Reader, ReaderEvent};

use super::machine::{Requests, Woken};
use crate::runtime;
use crate::store::Store;

/// Follows a journal: all batches from given offsets on, exactly once and in order.
pub struct JournalReader {
    machine: Reader,
    requests: Requests,
}

impl JournalReader {
    pub(super) fn new(
        store: Store,
        config: Config,
        seed: u64,
        positions: BTreeMap<PartitionId, i64>,
    ) -> JournalReader {
        let mut machine = Reader::new(config, seed, positions);
        machine.handle_timeout(runtime::now_ms());
        JournalReader { machine, requests: Requests::new(store) }
    }

    /// The next records; or that there are none for now, each time it asked; or why it cannot go on, which is the last.
    /// It asks the store only while this is awaited. Nothing is lost when it is dropped.
    pub async fn next(&mut self) -> ReaderEvent {
        loop {
            if let Some(event) = self.machine.poll_event() {
                return event;
            }
            while let Some((id, _, request)) = self.machine.poll_request() {
                self.requests.send(id, request);
            }
            match self.requests.next(self.machine.poll_timeout(), |_| Poll::<()>::Pending).await {
                Woken::Outcome(id, outcome) => self.machine.handle_outcome(runtime::now_ms(), id, outcome),
                Woken::Timeout | Woken::Other(()) => self.machine.handle_timeout(runtime::now_ms()),
            }
        }
    }
}
