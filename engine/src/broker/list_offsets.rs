//! ListOffsets: the ends of a log, and the first record of a time (KIP-79, KIP-734).

use kafka_protocol::ResponseError;
use kafka_protocol::messages::ListOffsetsRequest;
use kafka_protocol::messages::list_offsets_request::ListOffsetsPartition;
use kafka_protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsResponse, ListOffsetsTopicResponse,
};

use super::cleaning::Parked;
use super::fetch::{Isolation, check_leader_epoch};
use super::{Broker, Context, Owner};
use crate::error::ApiError;
use crate::log::{Item, Location, WholeBatches};
use crate::record::{RecordBatch, RecordError};
use crate::sorted::{SortedMap, SortedSet};
use crate::storage_op::{Applied, LogId, StorageOp, StorageResult};
use crate::topic::Topic;
use crate::types::Offset;

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;
const EARLIEST_LOCAL: i64 = -4;
const LATEST_TIERED: i64 = -5;

/// How much is read at once in a search.
const READ_BYTES: usize = 256 * 1024;

/// Requests of which some search is not done.
#[derive(Debug, Default)]
pub(super) struct Lookups {
    next: u64,
    pending: SortedMap<u64, PendingLookup>,
    searches: SortedMap<u64, Search>,
}

#[derive(Debug)]
struct PendingLookup {
    context: Context,
    response: ListOffsetsResponse,
    searching: usize,
}

/// The search for the first record of a time or later.
#[derive(Clone, Copy, Debug)]
pub(super) struct Search {
    lookup: u64,
    topic: usize,
    partition: usize,
    log: LogId,
    timestamp: i64,
    isolation: Isolation,
    from: Location,
    size: usize,
    /// The log's when the read began.
    generation: u64,
}

/// What is known of a partition at once.
enum Answer {
    Known { offset: Offset, timestamp: i64 },
    Search { log: LogId, timestamp: i64, from: Location },
}

impl Broker {
    pub(super) fn handle_list_offsets(&mut self, context: Context, request: ListOffsetsRequest) {
        let lookup = self.lookups.next;
        self.lookups.next += 1;
        let isolation = Isolation::of(request.isolation_level);
        let mut pending = PendingLookup { context, response: ListOffsetsResponse::default(), searching: 0 };
        for (topic_index, topic) in request.topics.into_iter().enumerate() {
            let known = self.topics.by_name(&topic.name).cloned();
            let mut response = ListOffsetsTopicResponse::default().with_name(topic.name);
            let mut named = SortedSet::new();
            for (partition_index, wanted) in topic.partitions.iter().enumerate() {
                let mut answer =
                    ListOffsetsPartitionResponse::default().with_partition_index(wanted.partition_index);
                // An answer is found by its partition, so there can be one for each (as in Kafka).
                let looked_up = if named.insert(wanted.partition_index) {
                    self.look_up(known.as_ref(), wanted, isolation)
                } else {
                    let message = format!("The request names partition {} twice.", wanted.partition_index);
                    Err(ApiError::new(ResponseError::InvalidRequest, message))
                };
                match looked_up {
                    Ok(Answer::Known { offset, timestamp }) => {
                        fill(&mut answer, context.header.version, offset, timestamp)
                    }
                    Ok(Answer::Search { log, timestamp, from }) => {
                        pending.searching += 1;
                        self.search(Search {
                            lookup,
                            topic: topic_index,
                            partition: partition_index,
                            log,
                            timestamp,
                            isolation,
                            from,
                            size: READ_BYTES,
                            generation: 0,
                        });
                    }
                    Err(error) => answer.error_code = self.report.refuse(&error),
                }
                response.partitions.push(answer);
            }
            pending.response.topics.push(response);
        }
        if pending.searching == 0 {
            self.respond(context, &pending.response);
        } else {
            self.lookups.pending.insert(lookup, pending);
        }
    }

    fn look_up(
        &self,
        topic: Option<&Topic>,
        wanted: &ListOffsetsPartition,
        isolation: Isolation,
    ) -> Result<Answer, ApiError> {
        let (log, leader_epoch) = self.led_partition(topic, wanted.partition_index)?;
        check_leader_epoch(wanted.current_leader_epoch, leader_epoch)?;
        let Some(led) = self.partitions.get(&log) else {
            return Err(ApiError::new(ResponseError::NotLeaderOrFollower, "This broker has no such log."));
        };
        let known = |offset| Ok(Answer::Known { offset, timestamp: -1 });
        let timestamp = match wanted.timestamp {
            LATEST => return known(isolation.end(led)),
            EARLIEST | EARLIEST_LOCAL => return known(led.log.log_start_offset()),
            LATEST_TIERED => return known(-1),
            MAX_TIMESTAMP => match led.log.max_timestamp() {
                Some(timestamp) => timestamp,
                None => return known(-1),
            },
            timestamp if timestamp >= 0 => timestamp,
            timestamp => {
                let message = format!("{timestamp} is neither a timestamp nor one of the special ones.");
                return Err(ApiError::new(ResponseError::InvalidRequest, message));
            }
        };
        match led.log.locate_timestamp(timestamp) {
            Some(from) => Ok(Answer::Search { log, timestamp, from }),
            None => known(-1),
        }
    }

    fn search(&mut self, mut search: Search) {
        search.generation = self.partitions.get(&search.log).map_or(0, |led| led.log.generation());
        let id = self.lookups.next;
        self.lookups.next += 1;
        self.lookups.searches.insert(id, search);
        let range = search.from.position..search.from.position + search.size as u64;
        let op = StorageOp::Read { log: search.log, segment: search.from.segment, range };
        self.ops.submit(op, Owner::Search(id));
    }

    pub(super) fn search_read(&mut self, id: u64, result: StorageResult) {
        let Some(search) = self.lookups.searches.remove(&id) else {
            return;
        };
        let led = self.partitions.get(&search.log).filter(|led| result.is_ok() && led.settling.is_none());
        if led.is_some_and(|led| led.is_replacing(search.from.segment)) {
            return self.park(search.log, Parked::Search(search));
        }
        if led.is_some_and(|led| led.log.generation() != search.generation) {
            return self.search_again(search);
        }
        match self.search_step(search, result) {
            Ok(Found::Record { offset, timestamp }) => self.found(search, Ok((offset, timestamp))),
            Ok(Found::None) => self.found(search, Ok((-1, -1))),
            Ok(Found::ReadOn(search)) => self.search(search),
            Err(error) => self.found(search, Err(error)),
        }
    }

    /// Begins anew, as compaction has moved what was searched.
    pub(super) fn search_again(&mut self, search: Search) {
        let led = self.partitions.get(&search.log);
        match led.and_then(|led| led.log.locate_timestamp(search.timestamp)) {
            Some(from) => self.search(Search { from, size: READ_BYTES, ..search }),
            None => self.found(search, Ok((-1, -1))),
        }
    }

    fn search_step(&self, search: Search, result: StorageResult) -> Result<Found, ApiError> {
        let bytes = match result {
            Ok(Applied::Read(bytes)) => bytes,
            Ok(_) => return Err(ApiError::new(ResponseError::KafkaStorageError, "The storage has erred.")),
            Err(error) => return Err(ApiError::new(ResponseError::KafkaStorageError, error.to_string())),
        };
        let led = self
            .partitions
            .get(&search.log)
            .ok_or_else(|| ApiError::new(ResponseError::UnknownTopicOrPartition, "The topic was deleted."))?;
        let corrupt = |error: RecordError| ApiError::new(ResponseError::CorruptMessage, error.to_string());
        let bounds = led.log.bounds(search.from.segment, led.stored_size(search.from.segment));
        let mut batches = WholeBatches::new(&bytes, search.from, bounds);
        let mut wanted = READ_BYTES;
        for item in batches.by_ref() {
            match item {
                Item::Batch(batch) if batch.next_offset() > search.isolation.end(led) => {
                    return Ok(Found::None);
                }
                Item::Batch(batch) => {
                    let found = first_record_from(batch, search.timestamp, led.log.log_start_offset());
                    if let Some(found) = found.map_err(corrupt)? {
                        return Ok(found);
                    }
                }
                // A Fetch that comes by tells of it.
                Item::Damage(_) | Item::DamagedEnd(_) => {}
                Item::Short { needed } => {
                    wanted = wanted.max(needed);
                    break;
                }
            }
        }
        let from = batches.location();
        if from.position < bounds.size && !bytes.is_empty() {
            if from == search.from && wanted <= search.size {
                return Err(ApiError::new(ResponseError::KafkaStorageError, "The storage has lost bytes."));
            }
            return Ok(Found::ReadOn(Search { from, size: wanted, ..search }));
        }
        Ok(match led.log.segment_after(search.from.segment) {
            Some(from) => Found::ReadOn(Search { from, size: READ_BYTES, ..search }),
            None => Found::None,
        })
    }

    fn found(&mut self, search: Search, result: Result<(Offset, i64), ApiError>) {
        let Some(mut pending) = self.lookups.pending.remove(&search.lookup) else {
            return;
        };
        let answer = pending
            .response
            .topics
            .get_mut(search.topic)
            .and_then(|topic| topic.partitions.get_mut(search.partition));
        if let Some(answer) = answer {
            match result {
                Ok((offset, timestamp)) => fill(answer, pending.context.header.version, offset, timestamp),
                Err(error) => answer.error_code = self.report.refuse(&error),
            }
        }
        pending.searching -= 1;
        if pending.searching == 0 {
            self.respond(pending.context, &pending.response);
        } else {
            self.lookups.pending.insert(search.lookup, pending);
        }
    }
}

enum Found {
    Record { offset: Offset, timestamp: i64 },
    None,
    ReadOn(Search),
}

/// The first record of a batch that is of the time or later, and in the log.
fn first_record_from(
    batch: RecordBatch<'_>,
    timestamp: i64,
    log_start_offset: Offset,
) -> Result<Option<Found>, RecordError> {
    if batch.max_timestamp() < timestamp {
        return Ok(None);
    }
    for record in &batch.records()? {
        let record = record?;
        if record.timestamp >= timestamp && record.offset >= log_start_offset {
            return Ok(Some(Found::Record { offset: record.offset, timestamp: record.timestamp }));
        }
    }
    Ok(None)
}

fn fill(answer: &mut ListOffsetsPartitionResponse, version: i16, offset: Offset, timestamp: i64) {
    answer.offset = offset;
    answer.timestamp = timestamp;
    // All records are of the only epoch there has been.
    answer.leader_epoch = if offset >= 0 && version >= 4 { 0 } else { -1 };
}
