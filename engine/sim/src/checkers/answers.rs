//! Every request is answered at most once, and in the order of its connection.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use headwater_engine::{ConnectionId, Offset};
use kafka_protocol::messages::ApiKey;

/// A request that waits for its answer.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) api_key: i16,
    pub(crate) version: i16,
    correlation_id: i32,
    pub(crate) frame: Bytes,
    at_ms: u64,
    /// Where clients knew by then that the partitions begin that are kept short.
    told: Vec<Offset>,
}

/// JoinGroup and SyncGroup wait for other members.
const MAX_REBALANCE_MS: u64 = 8_000;

/// A request may wait so long where nothing goes wrong: longer than any consumer waits for records, shorter than a client
/// waits before it gives the connection up.
const MAX_WAIT_MS: u64 = 1_500;

#[derive(Debug, Default)]
pub(crate) struct Answers {
    waiting: BTreeMap<ConnectionId, VecDeque<Asked>>,
}

impl Answers {
    /// A request reaches the broker. `answered`: false for a Produce with acks=0.
    pub(crate) fn asked(
        &mut self,
        connection: ConnectionId,
        frame: &Bytes,
        answered: bool,
        (at_ms, told): (u64, Vec<Offset>),
    ) {
        let waiting = self.waiting.entry(connection).or_default();
        let asked = Asked::parse(frame).filter(|_| answered);
        waiting.extend(asked.map(|asked| Asked { at_ms, told, ..asked }));
    }

    /// The broker answers; returns what was asked.
    pub(crate) fn answered(&mut self, connection: ConnectionId, frame: &[u8]) -> Result<Asked, String> {
        let waiting = self.waiting.entry(connection).or_default();
        let correlation_id = frame.get(..4).and_then(|id| id.try_into().ok()).map(i32::from_be_bytes);
        match waiting.pop_front() {
            Some(asked) if Some(asked.correlation_id) == correlation_id => Ok(asked),
            Some(asked) => Err(format!(
                "connection {} is answered {correlation_id:?} where {} is next",
                connection.0, asked.correlation_id
            )),
            None => Err(format!("connection {} is answered what it did not ask", connection.0)),
        }
    }

    /// A connection has ended at the broker.
    pub(crate) fn closed(&mut self, connection: ConnectionId) {
        self.waiting.remove(&connection);
    }

    /// Whether a request is not answered any more.
    pub(crate) fn at_last(&self, now_ms: u64) -> Result<(), String> {
        let first = |(connection, waiting): (&ConnectionId, &VecDeque<Asked>)| {
            Some((
                connection.0,
                waiting.front().filter(|asked| asked.at_ms + asked.may_wait_ms() < now_ms)?.clone(),
            ))
        };
        match self.waiting.iter().find_map(first) {
            Some((connection, asked)) => Err(format!(
                "a request of API {} on connection {connection} has not been answered for {} ms",
                asked.api_key,
                now_ms - asked.at_ms
            )),
            None => Ok(()),
        }
    }
}

impl Asked {
    pub(crate) fn correlation_id(&self) -> i32 {
        self.correlation_id
    }

    /// Where clients knew by then that a partition begins that is kept short.
    pub(crate) fn told(&self, partition: i32) -> Offset {
        usize::try_from(partition).ok().and_then(|at| self.told.get(at)).copied().unwrap_or(0)
    }

    fn may_wait_ms(&self) -> u64 {
        match ApiKey::try_from(self.api_key) {
            Ok(ApiKey::JoinGroup | ApiKey::SyncGroup) => MAX_REBALANCE_MS,
            _ => MAX_WAIT_MS,
        }
    }

    /// What a frame asks.
    pub(crate) fn parse(frame: &Bytes) -> Option<Asked> {
        let api_key = i16::from_be_bytes(frame.get(..2)?.try_into().ok()?);
        let version = i16::from_be_bytes(frame.get(2..4)?.try_into().ok()?);
        let correlation_id = i32::from_be_bytes(frame.get(4..8)?.try_into().ok()?);
        Some(Asked { api_key, version, correlation_id, frame: frame.clone(), at_ms: 0, told: Vec::new() })
    }
}
