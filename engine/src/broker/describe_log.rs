//! A partition's log to look at: its segments with their indexes, the producers it knows, and where a record lies.

use std::collections::VecDeque;

use kafka_protocol::ResponseError;

use super::{Broker, Owner};
use crate::error::{ApiError, error_name};
use crate::log::{Item, Location, Segment, WholeBatches};
use crate::partition::Partition;
use crate::record::{RecordBatch, TimestampType};
use crate::sorted::SortedMap;
use crate::storage_op::{Applied, LogId, StorageOp, StorageResult};
use crate::types::{LeaderEpoch, Offset, ProducerId};

/// A segment is read in steps of so many bytes while a record is looked for.
const READ_BYTES: usize = 64 * 1024;
/// No more are looked for at once.
const MAX_SEARCHES: usize = 16;
/// So many segments are told, the last ones.
const MAX_SEGMENTS: usize = 200;
/// So many entries of a segment's index, the first ones.
const MAX_ENTRIES: usize = 32;
/// So many producers.
const MAX_PRODUCERS: usize = 100;

/// A log as it stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogView {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// How often another broker came to lead the partition.
    pub leader_epoch: LeaderEpoch,
    /// The first offset that can be read.
    pub log_start_offset: Offset,
    /// The first offset that cannot be read yet.
    pub high_watermark: Offset,
    /// The first offset that consumers of committed records cannot read yet.
    pub last_stable_offset: Offset,
    /// How many segments it has.
    pub segment_count: usize,
    /// The last ones of them.
    pub segments: Vec<SegmentView>,
    /// How many producers it knows.
    pub producer_count: usize,
    /// Some of them.
    pub producers: Vec<ProducerView>,
    /// Where the record lies that was asked for; none if compaction or damage has taken it.
    pub batch: Option<BatchView>,
}

/// A segment as it stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SegmentView {
    /// Its first offset, by which it is called.
    pub base_offset: Offset,
    /// The first offset behind it.
    pub end_offset: Offset,
    /// Bytes of its batches.
    pub size_bytes: u64,
    /// The greatest timestamp of its records.
    pub max_timestamp: Option<i64>,
    /// Whether it was compacted.
    pub is_cleaned: bool,
    /// How many entries its index has.
    pub entry_count: usize,
    /// The first of them.
    pub entries: Vec<IndexEntryView>,
}

/// An entry of a segment's offset index and time index.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IndexEntryView {
    /// The base offset of a batch.
    pub offset: Offset,
    /// Where that begins in the segment.
    pub position: u64,
    /// The greatest timestamp of all that lies before it in the segment.
    pub timestamp: i64,
}

/// A producer that a log knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProducerView {
    /// Its id.
    pub producer_id: ProducerId,
    /// Its epoch.
    pub epoch: i16,
    /// Of its last record; -1 if it has sent none in this epoch.
    pub last_sequence: i32,
    /// When it was heard of last.
    pub last_timestamp: i64,
    /// Where its open transaction begins.
    pub transaction_start: Option<Offset>,
}

/// Where a record lies, and what its batch says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BatchView {
    /// Its segment, by that one's first offset.
    pub segment: Offset,
    /// Where the index had the search begin: offset and position.
    pub entry: (Offset, u64),
    /// Where the batch begins in the segment.
    pub position: u64,
    /// Its first offset.
    pub base_offset: Offset,
    /// Its last offset.
    pub last_offset: Offset,
    /// Its bytes.
    pub size: usize,
    /// Its records.
    pub record_count: i32,
    /// How they are compressed, by Kafka's name.
    pub compression: &'static str,
    /// CRC-32C over all behind it.
    pub crc: u32,
    /// Under which leader it was appended.
    pub leader_epoch: LeaderEpoch,
    /// The greatest timestamp.
    pub max_timestamp: i64,
    /// Whether its timestamps say when the broker appended it.
    pub has_log_append_time: bool,
    /// Of an idempotent producer; else -1.
    pub producer_id: ProducerId,
    /// The producer's; else -1.
    pub producer_epoch: i16,
    /// Of its first record; -1 without a producer id.
    pub base_sequence: i32,
    /// Whether it is part of a transaction.
    pub is_transactional: bool,
    /// Whether it ends a transaction and has nothing for consumers.
    pub is_control: bool,
}

/// Why something was not told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// Kafka's name of the error.
    pub error: String,
    /// Its code.
    pub code: i16,
    /// What is wrong, for people.
    pub message: String,
}

#[derive(Debug, Default)]
pub(super) struct Descriptions {
    searches: SortedMap<u64, Search>,
    done: VecDeque<(u64, Result<LogView, Refusal>)>,
}

/// The way to a record.
#[derive(Clone, Copy, Debug)]
struct Search {
    log: LogId,
    offset: Offset,
    entry: (Offset, u64),
    from: Location,
    generation: u64,
}

impl Broker {
    /// Looks at the log of a partition that this broker leads, and at where the record of an offset lies. The outcome comes
    /// by [`Broker::poll_log`], with the same `id`.
    pub fn describe_log(&mut self, id: u64, topic: &str, partition: i32, offset: Option<Offset>) {
        if let Err(error) = self.begin_description(id, topic, partition, offset) {
            self.described(id, Err(error));
        }
    }

    /// A log as [`Broker::describe_log`] has found it.
    #[must_use]
    pub fn poll_log(&mut self) -> Option<(u64, Result<LogView, Refusal>)> {
        self.descriptions.done.pop_front()
    }

    fn begin_description(
        &mut self,
        id: u64,
        topic: &str,
        index: i32,
        offset: Option<Offset>,
    ) -> Result<(), ApiError> {
        let (log, _) = self.led_partition(self.topics.by_name(topic), index)?;
        let Some(led) = self.partitions.get(&log) else {
            return Err(ApiError::new(ResponseError::NotLeaderOrFollower, "This broker has no such log."));
        };
        let Some(offset) = offset else {
            let view = view(led, None);
            self.described(id, Ok(view));
            return Ok(());
        };
        let (start, end) = (led.log.log_start_offset(), led.high_watermark());
        let from = led.log.locate(offset).filter(|_| (start..end).contains(&offset));
        let Some(from) = from else {
            let message = format!("{} has offsets from {start} to {end}, but not {offset}.", led.name);
            return Err(ApiError::new(ResponseError::OffsetOutOfRange, message));
        };
        if self.descriptions.searches.len() >= MAX_SEARCHES {
            let message = "Too many records are looked for already. Try again.";
            return Err(ApiError::new(ResponseError::ThrottlingQuotaExceeded, message));
        }
        let generation = led.log.generation();
        let search = Search { log, offset, entry: (from.offset, from.position), from, generation };
        self.search_record(id, search, READ_BYTES);
        Ok(())
    }

    fn search_record(&mut self, id: u64, search: Search, size: usize) {
        let range = search.from.position..search.from.position + size as u64;
        let op = StorageOp::Read { log: search.log, segment: search.from.segment, range };
        self.descriptions.searches.insert(id, search);
        self.ops.submit(op, Owner::Description(id, size));
    }

    pub(super) fn description_read(&mut self, id: u64, size: usize, result: StorageResult) {
        let Some(search) = self.descriptions.searches.remove(&id) else {
            return;
        };
        match self.description_step(search, size, result) {
            Ok(Step::Done(view)) => self.described(id, Ok(view)),
            Ok(Step::ReadOn(from, size)) => self.search_record(id, Search { from, ..search }, size),
            Err(error) => self.described(id, Err(error)),
        }
    }

    fn description_step(&self, search: Search, size: usize, result: StorageResult) -> Result<Step, ApiError> {
        let storage = |message: String| ApiError::new(ResponseError::KafkaStorageError, message);
        let changed = || storage("The log has changed meanwhile. Try again.".to_owned());
        let bytes = match result {
            Ok(Applied::Read(bytes)) => bytes,
            Ok(_) => return Err(changed()),
            Err(error) => return Err(storage(error.to_string())),
        };
        let from = search.from;
        let led = self.partitions.get(&search.log).filter(|led| {
            let is_same = led.log.generation() == search.generation && !led.is_replacing(from.segment);
            is_same && led.settling.is_none()
        });
        let led = led.ok_or_else(changed)?;
        let bounds = led.log.bounds(from.segment, led.stored_size(from.segment));
        let mut batches = WholeBatches::new(&bytes, from, bounds);
        let mut wanted = READ_BYTES;
        loop {
            let begin = batches.location();
            match batches.next() {
                Some(Item::Batch(batch)) if batch.next_offset() > search.offset => {
                    let is_there = batch.base_offset() <= search.offset;
                    let found = is_there.then(|| batch_view(batch, begin, search.entry));
                    return Ok(Step::Done(view(led, found)));
                }
                Some(Item::Short { needed }) => {
                    wanted = wanted.max(needed);
                    break;
                }
                Some(_) => {}
                None => break,
            }
        }
        let at = batches.location();
        if at.position < bounds.size && !bytes.is_empty() {
            // More was asked for than came, though the segment is longer.
            if at == from && wanted <= size {
                return Err(changed());
            }
            return Ok(Step::ReadOn(at, wanted));
        }
        Ok(match led.log.segment_after(from.segment) {
            Some(next) => Step::ReadOn(next, READ_BYTES),
            None => Step::Done(view(led, None)),
        })
    }

    fn described(&mut self, id: u64, result: Result<LogView, ApiError>) {
        let result = result.map_err(|error| Refusal {
            error: error_name(error.error),
            code: error.error.code(),
            message: error.message,
        });
        self.descriptions.done.push_back((id, result));
    }
}

enum Step {
    Done(LogView),
    ReadOn(Location, usize),
}

fn view<W>(led: &Partition<W>, batch: Option<BatchView>) -> LogView {
    let segments = led.log.segments();
    let shown = segments.len().saturating_sub(MAX_SEGMENTS);
    let ends = segments.iter().skip(shown + 1).map(Segment::base_offset).chain([led.log.log_end_offset()]);
    let producers = led.log.producers();
    LogView {
        topic: led.name.topic.clone(),
        partition: led.name.partition,
        leader_epoch: led.leader_epoch,
        log_start_offset: led.log.log_start_offset(),
        high_watermark: led.high_watermark(),
        last_stable_offset: led.log.last_stable_offset(),
        segment_count: segments.len(),
        segments: segments.iter().skip(shown).zip(ends).map(segment_view).collect(),
        producer_count: producers.active().count(),
        producers: producers.active().take(MAX_PRODUCERS).map(producer_view).collect(),
        batch,
    }
}

fn segment_view((segment, end_offset): (&Segment, Offset)) -> SegmentView {
    let entry =
        |(offset, position, timestamp): (Offset, u64, i64)| IndexEntryView { offset, position, timestamp };
    SegmentView {
        base_offset: segment.base_offset(),
        end_offset,
        size_bytes: segment.size(),
        max_timestamp: Some(segment.max_timestamp()).filter(|timestamp| *timestamp != i64::MIN),
        is_cleaned: segment.is_cleaned(),
        entry_count: segment.index_entries().count(),
        entries: segment.index_entries().take(MAX_ENTRIES).map(entry).collect(),
    }
}

fn producer_view(producer: crate::producer_state::ActiveProducer) -> ProducerView {
    ProducerView {
        producer_id: producer.producer_id,
        epoch: producer.epoch,
        last_sequence: producer.last_sequence,
        last_timestamp: producer.last_timestamp,
        transaction_start: producer.open,
    }
}

fn batch_view(batch: RecordBatch<'_>, at: Location, entry: (Offset, u64)) -> BatchView {
    // In the segment that follows it is found without an entry.
    let entry = if entry.0 >= at.segment { entry } else { (at.segment, 0) };
    BatchView {
        segment: at.segment,
        entry,
        position: at.position,
        base_offset: batch.base_offset(),
        last_offset: batch.last_offset(),
        size: batch.size(),
        record_count: batch.record_count(),
        compression: batch.compression().map_or("", |codec| codec.name()),
        crc: batch.crc(),
        leader_epoch: batch.partition_leader_epoch(),
        max_timestamp: batch.max_timestamp(),
        has_log_append_time: batch.timestamp_type() == TimestampType::LogAppendTime,
        producer_id: batch.producer_id(),
        producer_epoch: batch.producer_epoch(),
        base_sequence: batch.base_sequence(),
        is_transactional: batch.is_transactional(),
        is_control: batch.is_control(),
    }
}
