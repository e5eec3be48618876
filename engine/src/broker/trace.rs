//! What moves: appends and fetches, noted while somebody watches.

use std::sync::Arc;

use kafka_protocol::messages::fetch_response::PartitionData;

use super::Broker;
use super::append::Waiter;
use crate::partition::PendingAppend;
use crate::protocol::request_client_id;
use crate::record::Batches;
use crate::storage_op::LogId;
use crate::time::Now;
use crate::types::Offset;

/// Up to so many moves are noted one by one until they are taken; beyond that, one for each client and partition.
const ONE_BY_ONE: usize = 64;
/// Beyond so many nothing more is noted until they are taken.
const MAX_MOVES: usize = 512;

/// Records that came into a partition, or went out of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Move {
    /// Whether they came: a client's Produce. Else they were given to a client that fetches.
    pub is_append: bool,
    /// As the client calls itself.
    pub client_id: Arc<str>,
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The first one's offset.
    pub first_offset: Offset,
    /// How many they are.
    pub records: u64,
    /// The size of their batches, as stored.
    pub bytes: u64,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
}

#[derive(Debug, Default)]
pub(super) struct Trace {
    is_on: bool,
    /// Whose request is worked on.
    client: Option<Arc<str>>,
    noted: Vec<(LogId, Move)>,
}

impl Trace {
    /// A frame is about to be worked on.
    pub(super) fn begin(&mut self, frame: &[u8]) {
        if self.is_on {
            let id = request_client_id(frame);
            if self.client.as_deref() != Some(id) {
                self.client = Some(id.into());
            }
        }
    }

    /// Whose request is worked on; none while nobody watches.
    pub(super) fn client(&self) -> Option<Arc<str>> {
        self.client.clone().filter(|_| self.is_on)
    }
}

impl Broker {
    /// Whether appends of producers and fetches of consumers are noted, for [`Broker::poll_moves`]. Off as long as nobody
    /// says else.
    pub fn watch(&mut self, on: bool) {
        self.trace = Trace { is_on: on, ..Trace::default() };
    }

    /// Whether [`Broker::poll_moves`] has any.
    #[must_use]
    pub fn has_moves(&self) -> bool {
        !self.trace.noted.is_empty()
    }

    /// What moved since this was called last, in its order. Where that is much, the moves of a client in a partition are
    /// told as one.
    pub fn poll_moves(&mut self) -> Vec<Move> {
        let noted = std::mem::take(&mut self.trace.noted);
        noted.into_iter().map(|(_, moved)| moved).collect()
    }

    /// An append is stored.
    pub(super) fn trace_append(&mut self, now: Now, log: LogId, append: &PendingAppend<Waiter>) {
        if !self.trace.is_on {
            return;
        }
        if let Some(Waiter::Produce(entry)) = append.waiters.first()
            && let Some(client) = self.produces.client(entry)
        {
            let records = append.point.end_offset - append.point.base_offset;
            let offsets = (append.point.base_offset, records.unsigned_abs());
            self.note(now, true, client, log, offsets, append.size as u64);
        }
    }

    /// A fetch is answered.
    pub(super) fn trace_fetch(
        &mut self,
        now: Now,
        client: &Arc<str>,
        log: LogId,
        wanted: Offset,
        answer: &PartitionData,
    ) {
        let bytes = answer.records.as_deref().unwrap_or_default();
        let (mut first, mut records) = (None, 0);
        for batch in Batches::new(bytes).flatten().filter(|batch| !batch.is_control()) {
            // A consumer passes over what lies before the offset that it wants.
            let before = (wanted - batch.base_offset()).clamp(0, i64::from(batch.record_count().max(0)));
            first.get_or_insert(batch.base_offset().max(wanted));
            records += u64::from(batch.record_count().max(0).unsigned_abs()) - before.unsigned_abs();
        }
        if let Some(first) = first.filter(|_| records > 0) {
            self.note(now, false, client.clone(), log, (first, records), bytes.len() as u64);
        }
    }

    fn note(
        &mut self,
        now: Now,
        is_append: bool,
        client_id: Arc<str>,
        log: LogId,
        (first_offset, records): (Offset, u64),
        bytes: u64,
    ) {
        let noted = &mut self.trace.noted;
        if noted.len() >= ONE_BY_ONE {
            let same = noted.iter_mut().rev().find(|(of, moved)| {
                *of == log && moved.is_append == is_append && moved.client_id == client_id
            });
            if let Some((_, moved)) = same {
                moved.records += records;
                moved.bytes += bytes;
                return;
            }
        }
        let topic = self.topics.by_id(log.topic_id).filter(|topic| !topic.is_internal());
        if let Some(topic) = topic.filter(|_| noted.len() < MAX_MOVES) {
            let (topic, at_ms) = (topic.name.clone(), now.wall_ms);
            let partition = log.partition;
            noted.push((
                log,
                Move { is_append, client_id, topic, partition, first_offset, records, bytes, at_ms },
            ));
        }
    }
}
