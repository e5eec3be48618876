//! The batches of one partition: the open one that takes records, and the closed ones that wait.

use std::collections::VecDeque;
use std::ops::Range;

use bytes::Bytes;
use headwater_engine::Now;
use headwater_engine::record::{HEADER_SIZE, RecordBatchBuilder, RecordError};

use super::identity::{Identity, Place, Renewal, Stamp};
use super::{ProducerRecord, SendError};
use crate::config::ProducerConfig;
use crate::error::{ClientError, code};

/// A closed batch.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) bytes: Bytes,
    pub(super) sequences: Range<u64>,
    /// What it takes of `buffer.memory`.
    pub(super) reserved: usize,
    /// How often it was sent in vain.
    pub(super) attempts: u32,
    /// As whom its bytes say it is sent.
    stamp: Option<Stamp>,
    /// Whether it was sent with that stamp, which it then keeps.
    pub(super) stamped: bool,
    /// Whether it may be written already.
    pub(super) unknown: bool,
    created_ms: u64,
    not_before_ms: u64,
}

impl Batch {
    pub(super) fn is_expired(&self, now: Now, timeout_ms: u64) -> bool {
        now.monotonic_ms >= self.created_ms + timeout_ms
    }

    fn records(&self) -> u64 {
        self.sequences.end - self.sequences.start
    }
}

/// The batch that takes records.
#[derive(Debug)]
struct OpenBatch {
    created_ms: u64,
    reserved: usize,
    first_sequence: u64,
    base_timestamp: i64,
}

#[derive(Debug, Default)]
pub(super) struct PartitionQueue {
    builder: Option<RecordBatchBuilder>,
    open: Option<OpenBatch>,
    /// Closed batches, by their sequences: one that is tried again stands before the later ones.
    waiting: VecDeque<Batch>,
    next_sequence: u64,
    /// The first sequence of each batch on its way.
    in_flight: Vec<u64>,
    /// Of an idempotent producer.
    pub(super) place: Place,
    /// Whether a batch in flight was sent before; nothing is sent behind it.
    retry_in_flight: bool,
}

/// What a new batch takes of `buffer.memory` whose first record is of at most this size.
pub(super) fn reservation(record_size: usize, batch_size: usize) -> usize {
    batch_size.max(HEADER_SIZE + record_size)
}

impl PartitionQueue {
    /// Whether the record fits into the open batch. `size_bound` is the most that it may take: mostly that is answer
    /// enough, and how much it takes exactly need not be computed.
    #[inline]
    pub(super) fn has_room(
        &self,
        record: &ProducerRecord<'_>,
        size_bound: usize,
        timestamp: i64,
        batch_size: usize,
    ) -> bool {
        match (&self.open, &self.builder) {
            (Some(_), Some(builder)) if builder.is_empty() => true,
            (Some(_), Some(builder)) if builder.size_in_bytes() + size_bound <= batch_size => true,
            (Some(open), Some(builder)) => {
                let delta = timestamp.wrapping_sub(open.base_timestamp);
                let size = record_size(record, delta, i64::from(builder.record_count()));
                builder.size_in_bytes() + size <= batch_size
            }
            _ => false,
        }
    }

    /// Whether there is no open batch, or it can take nothing more.
    pub(super) fn is_full(&self, batch_size: usize) -> bool {
        match (&self.open, &self.builder) {
            (Some(_), Some(builder)) => !builder.is_empty() && builder.size_in_bytes() >= batch_size,
            _ => true,
        }
    }

    /// Begins a batch; there must be no open one.
    pub(super) fn open(&mut self, now: Now, config: &ProducerConfig, reserved: usize) {
        if self.builder.is_none() {
            let mut builder = RecordBatchBuilder::with_capacity(config.compression, reserved);
            builder.set_transactional(config.transactional_id.is_some());
            self.builder = Some(builder);
        }
        self.open = Some(OpenBatch {
            created_ms: now.monotonic_ms,
            reserved,
            first_sequence: self.next_sequence,
            base_timestamp: 0,
        });
    }

    /// Adds a record to the open batch. Returns its sequence, by how many bytes the batch grew (its header counts with
    /// its first record), and whether it is full now.
    #[inline]
    pub(super) fn append(
        &mut self,
        record: &ProducerRecord<'_>,
        timestamp: i64,
        config: &ProducerConfig,
    ) -> Result<(u64, usize, bool), SendError> {
        let (Some(open), Some(builder)) = (&mut self.open, &mut self.builder) else {
            return Err(SendError::BufferFull);
        };
        let mut before = builder.size_in_bytes();
        if builder.is_empty() {
            open.base_timestamp = timestamp;
            before = 0;
        }
        builder.append(timestamp, record.key, record.value, record.headers).map_err(refused)?;
        let size = builder.size_in_bytes();
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        Ok((sequence, size - before, size >= config.batch_size))
    }

    /// Closes the open batch, if there is one: it waits to be sent. An open batch has at least one record.
    pub(super) fn close(&mut self, config: &ProducerConfig) {
        let (Some(open), Some(builder)) = (self.open.take(), &mut self.builder) else { return };
        let full = builder.size_in_bytes() >= config.batch_size / 2;
        // Mostly it is sent behind everything that waits, and then it has its stamp already.
        let unstamped = self.waiting.iter().find(|batch| !batch.stamped);
        let stamped_up_to = unstamped.map_or(open.first_sequence, |batch| batch.sequences.start);
        let stamp = self.place.stamp(open.first_sequence - stamped_up_to);
        Stamp::write_to(stamp, builder);
        let bytes = builder.build();
        if !full {
            // Little comes here: do not hold a whole batch's memory ready.
            self.builder = None;
        }
        self.waiting.push_back(Batch {
            bytes,
            sequences: open.first_sequence..self.next_sequence,
            reserved: open.reserved,
            attempts: 0,
            stamp,
            stamped: false,
            unknown: false,
            created_ms: open.created_ms,
            not_before_ms: 0,
        });
    }

    /// Whether something can be sent now. `hurry`: do not wait for a fuller batch.
    pub(super) fn is_ready(&self, now: Now, config: &ProducerConfig, hurry: bool) -> bool {
        if self.in_flight.len() >= config.max_in_flight_per_partition.max(1) || self.retry_in_flight {
            return false;
        }
        if config.enable_idempotence && self.place.identity.is_none() {
            return false;
        }
        let next = self.waiting.get(self.next());
        if self.place.renewal != Renewal::None && !next.is_some_and(|batch| batch.unknown) {
            return false;
        }
        match next {
            Some(batch) if batch.attempts > 0 => {
                self.in_flight.is_empty() && now.monotonic_ms >= batch.not_before_ms
            }
            Some(_) => true,
            None => self.open.as_ref().is_some_and(|open| {
                hurry
                    || now.monotonic_ms >= open.created_ms + config.linger_ms
                    || self.is_full(config.batch_size)
            }),
        }
    }

    /// The size of what [`PartitionQueue::take_ready`] returns.
    pub(super) fn ready_size(&self) -> usize {
        match (self.waiting.get(self.next()), &self.builder) {
            (Some(batch), _) => batch.bytes.len(),
            (None, Some(builder)) => builder.size_in_bytes(),
            (None, None) => 0,
        }
    }

    /// Takes the next batch to send.
    pub(super) fn take_ready(&mut self, config: &ProducerConfig) -> Option<Batch> {
        if self.waiting.is_empty() {
            self.close(config);
        }
        let mut batch = self.waiting.remove(self.next())?;
        if let Some(stamp) = self.place.stamp(0).filter(|_| !batch.stamped) {
            if batch.stamp != Some(stamp) {
                batch.bytes = stamp.put_on(batch.bytes);
                batch.stamp = Some(stamp);
            }
            batch.stamped = true;
            self.place.stamped(batch.records());
        }
        self.in_flight.push(batch.sequences.start);
        self.retry_in_flight |= batch.attempts > 0;
        Some(batch)
    }

    /// Which of those that wait comes next. Before a partition goes on under another epoch, it has to be found out of
    /// every batch that was sent whether it is written.
    fn next(&self) -> usize {
        let unknown = || self.waiting.iter().position(|batch| batch.unknown);
        if self.place.renewal == Renewal::None { 0 } else { unknown().unwrap_or(0) }
    }

    /// Lets an idempotent producer's partition go on as someone else, if that is to be and nothing is open, or as
    /// `known` if it has been nobody. Returns the producer id that is used no more, if so.
    pub(super) fn renew(&mut self, known: Option<Identity>) -> Option<i64> {
        let mut given_up = None;
        let open = !self.in_flight.is_empty() || self.waiting.iter().any(|batch| batch.unknown);
        if self.place.renewal != Renewal::None && !open {
            given_up = self.place.renew();
            self.waiting.iter_mut().for_each(|batch| batch.stamped = false);
        }
        if self.place.identity.is_none() {
            self.place.identity = known.filter(|(id, _)| Some(*id) != given_up);
        }
        given_up
    }

    /// The producer has another id or epoch, and nothing of this partition is open.
    pub(super) fn begin_anew(&mut self) {
        self.place = Place::default();
    }

    /// A batch in flight has its answer.
    pub(super) fn answered(&mut self, batch: &Batch) {
        self.in_flight.retain(|first| *first != batch.sequences.start);
        self.retry_in_flight &= !self.in_flight.is_empty();
    }

    /// Whether everything before a batch has its end.
    pub(super) fn is_first(&self, batch: &Batch) -> bool {
        let first = batch.sequences.start;
        self.in_flight.iter().all(|other| *other > first)
            && self.waiting.front().is_none_or(|other| other.sequences.start > first)
    }

    /// Puts a batch back to be sent again.
    pub(super) fn put_back(&mut self, mut batch: Batch, not_before_ms: u64) {
        batch.attempts += 1;
        batch.not_before_ms = not_before_ms;
        let at = self.waiting.partition_point(|waiting| waiting.sequences.start < batch.sequences.start);
        self.waiting.insert(at, batch);
    }

    pub(super) fn take_waiting(&mut self) -> impl Iterator<Item = Batch> + '_ {
        self.waiting.drain(..)
    }

    pub(super) fn take_expired(
        &mut self,
        now: Now,
        timeout_ms: u64,
        config: &ProducerConfig,
    ) -> Option<Batch> {
        if self.open.as_ref().is_some_and(|open| now.monotonic_ms >= open.created_ms + timeout_ms) {
            self.close(config);
        }
        if self.waiting.front()?.is_expired(now, timeout_ms) { self.waiting.pop_front() } else { None }
    }

    /// How many batches wait, the open one among them.
    pub(super) fn length(&self) -> u32 {
        u32::try_from(self.waiting.len() + usize::from(self.open.is_some())).unwrap_or(u32::MAX)
    }

    pub(super) fn was_used(&self) -> bool {
        self.next_sequence > 0
    }

    /// When time alone makes something of it due: sent, tried again, or given up.
    pub(super) fn due_ms(&self, config: &ProducerConfig) -> impl Iterator<Item = u64> + use<> {
        let open = self.open.as_ref().map(|open| open.created_ms);
        let first = self.waiting.front();
        let next = self.waiting.get(self.next());
        let lingers = open.map(|created_ms| created_ms + config.linger_ms);
        let retries = next.filter(|batch| batch.attempts > 0).map(|batch| batch.not_before_ms);
        let created = first.map(|batch| batch.created_ms).or(open);
        let expires = created.map(|created_ms| created_ms + config.delivery_timeout_ms);
        [lingers, retries, expires].into_iter().flatten()
    }
}

fn refused(error: RecordError) -> SendError {
    SendError::Failed(ClientError::ours(
        code::MESSAGE_TOO_LARGE,
        format!("The record is not taken: {error}."),
    ))
}

/// The bytes that a record adds to a batch, exactly (KIP-98).
#[inline]
fn record_size(record: &ProducerRecord<'_>, timestamp_delta: i64, offset_delta: i64) -> usize {
    let nullable =
        |bytes: Option<&[u8]>| bytes.map_or(1, |bytes| varint_size(bytes.len() as i64) + bytes.len());
    let headers: usize =
        record.headers.iter().map(|(name, value)| nullable(Some(name.as_bytes())) + nullable(*value)).sum();
    let body = 1
        + varint_size(timestamp_delta)
        + varint_size(offset_delta)
        + nullable(record.key)
        + nullable(record.value)
        + varint_size(record.headers.len() as i64)
        + headers;
    varint_size(body as i64) + body
}

/// The length of a zigzag varint.
#[inline]
fn varint_size(value: i64) -> usize {
    let zigzag = ((value << 1) ^ (value >> 63)) as u64;
    (70 - (zigzag | 1).leading_zeros() as usize) / 7
}
