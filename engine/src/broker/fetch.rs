//! Fetch: stored batches are handed out as they lie; a reader that has read all waits for more.

mod isolation;
mod sessions;

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::fetch_request::FetchPartition;
use kafka_protocol::messages::fetch_response::{FetchResponse, FetchableTopicResponse, PartitionData};
use kafka_protocol::messages::{FetchRequest, TopicName};
use uuid::Uuid;

pub(super) use self::isolation::Isolation;
use self::sessions::{SessionUse, Sessions};
use super::cleaning::Parked;
use super::{Broker, Context, Owner};
use crate::error::ApiError;
use crate::log::{Bounds, Damage, Item, Location, WholeBatches};
use crate::partition::Partition;
use crate::sorted::{SortedMap, SortedSet};
use crate::storage_op::{Applied, LogId, StorageOp, StorageResult};
use crate::time::Now;
use crate::types::{ConnectionId, Offset};

/// Read beyond what was asked for, as reading begins at an index entry and not at the batch itself.
const READ_MARGIN: u64 = 16 * 1024;

/// Fetches that are not answered.
#[derive(Debug, Default)]
pub(super) struct Fetches {
    next: u64,
    pending: SortedMap<u64, PendingFetch>,
    /// Those that wait for records, by deadline on the monotonic clock.
    deadlines: SortedSet<(u64, u64)>,
    /// Those that wait for records, by the logs in which they want them.
    waiting: SortedSet<(LogId, u64)>,
    sessions: Sessions,
}

#[derive(Debug)]
struct PendingFetch {
    context: Context,
    /// Whose it is, while somebody watches.
    client: Option<Arc<str>>,
    session: Option<SessionUse>,
    deadline: u64,
    isolation: Isolation,
    min_bytes: u64,
    max_bytes: usize,
    topics: Vec<PendingTopic>,
    /// Reads that storage has not answered.
    reading: usize,
}

#[derive(Debug)]
struct PendingTopic {
    name: TopicName,
    id: Uuid,
    partitions: Vec<PendingPartition>,
}

#[derive(Debug)]
struct PendingPartition {
    wanted: FetchPartition,
    log: Option<LogId>,
    answer: PartitionData,
    /// Whole batches of at most so many bytes are given.
    budget: usize,
    /// Whether the first batch is given even if it is larger (KIP-74).
    at_least_one: bool,
    /// What is being read: from where, and how many bytes without the margin.
    read: Option<Reading>,
    /// Up to there the log has nothing for it that can be read.
    nothing_below: Offset,
}

/// A read on its way.
#[derive(Clone, Copy, Debug)]
struct Reading {
    from: Location,
    /// How many bytes are wanted, without the margin.
    size: usize,
    /// The log's when it began.
    generation: u64,
}

impl PendingFetch {
    /// Whether there is nothing to answer it with, as all that is there cannot be read.
    fn found_only_damage(&self) -> bool {
        let mut partitions = self.topics.iter().flat_map(|topic| &topic.partitions);
        let is_empty = |partition: &PendingPartition| {
            partition.answer.error_code == 0 && partition.answer.records.as_ref().is_none_or(Bytes::is_empty)
        };
        self.min_bytes > 0
            && partitions.clone().all(is_empty)
            && partitions.any(|partition| partition.nothing_below > partition.wanted.fetch_offset)
    }
}

impl Fetches {
    pub(super) fn next_deadline(&self) -> Option<u64> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    pub(super) fn remove_connection(&mut self, connection: ConnectionId) {
        let ended: Vec<u64> = self
            .pending
            .iter()
            .filter(|(_, fetch)| fetch.context.connection == connection)
            .map(|(id, _)| *id)
            .collect();
        for id in ended {
            self.stop_waiting(id);
            self.pending.remove(&id);
        }
    }

    fn wait(&mut self, id: u64) {
        let Some(fetch) = self.pending.get(&id) else {
            return;
        };
        self.deadlines.insert((fetch.deadline, id));
        for partition in fetch.topics.iter().flat_map(|topic| &topic.partitions) {
            self.waiting.extend(partition.log.map(|log| (log, id)));
        }
    }

    fn stop_waiting(&mut self, id: u64) {
        let Some(fetch) = self.pending.get(&id) else {
            return;
        };
        self.deadlines.remove(&(fetch.deadline, id));
        for partition in fetch.topics.iter().flat_map(|topic| &topic.partitions) {
            if let Some(log) = partition.log {
                self.waiting.remove(&(log, id));
            }
        }
    }

    fn partition_mut(&mut self, fetch: u64, topic: usize, partition: usize) -> Option<&mut PendingPartition> {
        self.pending.get_mut(&fetch)?.topics.get_mut(topic)?.partitions.get_mut(partition)
    }
}

impl Broker {
    pub(super) fn handle_fetch(&mut self, now: Now, context: Context, mut request: FetchRequest) {
        let room = (self.config.fetch_sessions(), self.random.positive());
        let version = context.header.version;
        let session = match self.fetches.sessions.begin(now.monotonic_ms, version, &mut request, room) {
            Ok(session) => session,
            Err(error) => {
                let response = FetchResponse::default().with_error_code(self.report.refuse(&error));
                return self.respond(context, &response);
            }
        };
        let by_id = context.header.version >= 13;
        // The log of the metadata is given to brokers, and by its id, as in Kafka.
        let to_broker = by_id && request.replica_id.0 >= 0;
        let topics = request.topics.into_iter().map(|topic| {
            let metadata = to_broker && topic.topic_id == LogId::CLUSTER_METADATA.topic_id;
            let known =
                if by_id { self.topics.by_id(topic.topic_id) } else { self.topics.by_name(&topic.topic) };
            let log = |index| match known {
                Some(known) => known.assignment(index).map(|_| known.log_id(index)),
                None => (metadata && index == 0).then_some(LogId::CLUSTER_METADATA),
            };
            let partitions = topic.partitions.into_iter().map(|wanted| PendingPartition {
                log: log(wanted.partition),
                answer: PartitionData::default().with_partition_index(wanted.partition),
                wanted,
                budget: 0,
                at_least_one: false,
                read: None,
                nothing_below: 0,
            });
            PendingTopic { name: topic.topic, id: topic.topic_id, partitions: partitions.collect() }
        });
        let fetch = PendingFetch {
            context,
            client: self.trace.client(),
            session,
            deadline: now.monotonic_ms + u64::from(request.max_wait_ms.max(0).unsigned_abs()),
            isolation: Isolation::of(request.isolation_level),
            min_bytes: u64::from(request.min_bytes.max(0).unsigned_abs()),
            max_bytes: usize::try_from(request.max_bytes).unwrap_or(0).min(self.config.fetch_max_bytes()),
            topics: topics.collect(),
            reading: 0,
        };
        let id = self.fetches.next;
        self.fetches.next += 1;
        self.fetches.pending.insert(id, fetch);
        self.try_fetch(now, id);
    }

    /// Answers a fetch if there is enough to answer, else has it wait.
    fn try_fetch(&mut self, now: Now, id: u64) {
        let Some(mut fetch) = self.fetches.pending.remove(&id) else {
            return;
        };
        let (available, failed) = self.available(&mut fetch);
        let due = failed || available >= fetch.min_bytes || fetch.deadline <= now.monotonic_ms;
        if due {
            self.read_for_fetch(id, &mut fetch);
        }
        let answered = due && fetch.reading == 0;
        if answered {
            self.answer_fetch(now, fetch);
            return;
        }
        self.fetches.pending.insert(id, fetch);
        if !due {
            self.fetches.wait(id);
        }
    }

    /// How many bytes the partitions of a fetch have for it, and whether one of them has an error.
    fn available(&mut self, fetch: &mut PendingFetch) -> (u64, bool) {
        let mut available = 0_u64;
        let mut failed = fetch.topics.is_empty();
        let by_id = fetch.context.header.version >= 13;
        let isolation = fetch.isolation;
        for topic in &mut fetch.topics {
            for partition in &mut topic.partitions {
                match self.check_fetch(partition, by_id, isolation) {
                    Ok(bytes) => available = available.saturating_add(bytes),
                    Err(error) => {
                        partition.answer.error_code = self.report.refuse(&error);
                        partition.answer.high_watermark = -1;
                        failed = true;
                    }
                }
            }
        }
        (available, failed)
    }

    fn check_fetch(
        &self,
        partition: &mut PendingPartition,
        by_id: bool,
        isolation: Isolation,
    ) -> Result<u64, ApiError> {
        let wanted = &partition.wanted;
        let log = partition.log.ok_or_else(|| {
            let error =
                if by_id { ResponseError::UnknownTopicId } else { ResponseError::UnknownTopicOrPartition };
            ApiError::new(error, "There is no such topic or partition.")
        })?;
        let led = self.partitions.get(&log).ok_or_else(|| {
            if log == LogId::CLUSTER_METADATA || self.topics.by_id(log.topic_id).is_some() {
                ApiError::new(ResponseError::NotLeaderOrFollower, "This broker does not lead the partition.")
            } else {
                ApiError::new(ResponseError::UnknownTopicOrPartition, "The topic was deleted.")
            }
        })?;
        // None is not the same as an empty list to Kafka.
        partition.answer.aborted_transactions = None;
        check_leader_epoch(wanted.current_leader_epoch, led.leader_epoch)?;
        let (start, end) = (led.log.log_start_offset(), led.high_watermark());
        if !(start..=end).contains(&wanted.fetch_offset) {
            // Kafka leaves it out; whoever reads the error wants to know it.
            partition.answer.log_start_offset = start;
            let message = format!(
                "Offset {} of {} is out of range: it has offsets from {start} to {end}.",
                wanted.fetch_offset, led.name
            );
            return Err(ApiError::new(ResponseError::OffsetOutOfRange, message));
        }
        partition.answer.high_watermark = end;
        partition.answer.last_stable_offset = led.log.last_stable_offset();
        partition.answer.log_start_offset = start;
        if isolation == Isolation::ReadCommitted {
            partition.answer.aborted_transactions = Some(Vec::new());
        }
        let readable = isolation.end(led);
        if readable <= partition.nothing_below || readable <= wanted.fetch_offset {
            return Ok(0);
        }
        // Bounds from above both, so the difference may be nothing where there is something.
        let bytes = led.log.bytes_from(wanted.fetch_offset);
        Ok(bytes.saturating_sub(led.log.bytes_from(readable)).max(1))
    }

    /// Takes what memory has, and asks storage for the rest.
    fn read_for_fetch(&mut self, id: u64, fetch: &mut PendingFetch) {
        let mut left = fetch.max_bytes;
        let mut nothing_yet = true;
        for (topic_index, topic) in fetch.topics.iter_mut().enumerate() {
            for (partition_index, partition) in topic.partitions.iter_mut().enumerate() {
                partition.answer.records = Some(Bytes::new());
                let Some(led) = partition.log.and_then(|log| self.partitions.get(&log)) else {
                    continue;
                };
                let offset = partition.wanted.fetch_offset;
                let end = fetch.isolation.end(led);
                if partition.answer.error_code != 0 || offset >= end || end <= partition.nothing_below {
                    continue;
                }
                partition.budget =
                    left.min(usize::try_from(partition.wanted.partition_max_bytes).unwrap_or(0));
                partition.at_least_one = nothing_yet;
                if partition.budget == 0 && !nothing_yet {
                    continue;
                }
                nothing_yet = false;
                match led.log.read_tail(offset..end, partition.budget, partition.at_least_one) {
                    Some(batches) => {
                        let records = joined(batches);
                        left = left.saturating_sub(records.len());
                        partition.answer.records = Some(records);
                        fetch.isolation.tell_aborted(led, offset, &mut partition.answer);
                    }
                    None => {
                        let Some(location) = led.log.locate(offset) else {
                            continue;
                        };
                        let wanted = (partition.budget as u64).min(led.log.bytes_from(offset));
                        left = left.saturating_sub(usize::try_from(wanted).unwrap_or(left));
                        let size = usize::try_from(wanted).unwrap_or(usize::MAX);
                        let generation = led.log.generation();
                        partition.read = Some(Reading { from: location, size, generation });
                        let op = read_op(led.log.id, location, size);
                        let owner =
                            Owner::Fetch { fetch: id, topic: topic_index, partition: partition_index };
                        self.ops.submit(op, owner);
                        fetch.reading += 1;
                    }
                }
            }
        }
    }

    /// Storage has answered a read.
    pub(super) fn fetch_read(
        &mut self,
        now: Now,
        id: u64,
        topic: usize,
        partition: usize,
        result: StorageResult,
    ) {
        let Some(isolation) = self.fetches.pending.get(&id).map(|fetch| fetch.isolation) else {
            return;
        };
        let Some(pending) = self.fetches.partition_mut(id, topic, partition) else {
            return;
        };
        let Some((log, Reading { from: location, size, generation })) = pending.log.zip(pending.read) else {
            return;
        };
        let led = self.partitions.get(&log).filter(|led| result.is_ok() && led.settling.is_none());
        if led.is_some_and(|led| led.is_replacing(location.segment)) {
            return self.park(log, Parked::Fetch { fetch: id, topic, partition });
        }
        if led.is_some_and(|led| led.log.generation() != generation) {
            return self.fetch_again(now, id, topic, partition);
        }
        let bytes = match result {
            Ok(Applied::Read(bytes)) => Ok(bytes),
            Ok(_) => Err("the storage has answered what it was not asked".to_owned()),
            Err(error) => Err(error.to_string()),
        };
        let mut damages = Vec::new();
        let step = match (&bytes, self.partitions.get(&log)) {
            (Err(message), _) => Taken::Failed(ResponseError::KafkaStorageError, message.clone()),
            (Ok(_), None) => {
                Taken::Failed(ResponseError::UnknownTopicOrPartition, "the topic was deleted".to_owned())
            }
            (Ok(_), Some(led)) if led.is_replacing(location.segment) => {
                let why = "the log is being read again".to_owned();
                Taken::Failed(ResponseError::KafkaStorageError, why)
            }
            // The log start has moved meanwhile, or storage has dropped the segment and not said so yet.
            (Ok(bytes), Some(led))
                if pending.wanted.fetch_offset < led.log.log_start_offset()
                    || (bytes.is_empty() && led.is_dropping(location.segment)) =>
            {
                pending.answer.log_start_offset = led.log.log_start_offset();
                let why = format!("offset {} was deleted meanwhile", pending.wanted.fetch_offset);
                Taken::Failed(ResponseError::OffsetOutOfRange, why)
            }
            (Ok(bytes), Some(led)) => {
                // It may have moved on since the read began; what is given has to lie below the one that is told.
                pending.answer.high_watermark = led.high_watermark();
                pending.answer.last_stable_offset = led.log.last_stable_offset();
                let end = isolation.end(led);
                let bounds = led.log.bounds(location.segment, led.stored_size(location.segment));
                match take_batches(bytes, pending, location, bounds, end, &mut damages) {
                    Taken::Nothing { at } if at.offset >= end || at.position >= bounds.size => {
                        match led.log.segment_after(location.segment) {
                            Some(next) if next.offset < end => {
                                Taken::ReadOn { from: next, size: pending.budget }
                            }
                            _ => {
                                pending.nothing_below = end;
                                Taken::Records(0..0)
                            }
                        }
                    }
                    Taken::Nothing { at } if at.position > location.position => {
                        Taken::ReadOn { from: at, size: pending.budget }
                    }
                    // More was asked for than came, though the segment is longer.
                    Taken::Nothing { .. } => storage_has_less(),
                    Taken::ReadOn { from, size: again } if from == location && again <= size => {
                        storage_has_less()
                    }
                    taken => taken,
                }
            }
        };
        for damage in damages {
            let is_new = |partition: &mut Partition<_>| partition.log.is_new_damage(&damage);
            if self.partitions.get_mut(&log).is_some_and(is_new) {
                self.tell_damage(log, &damage);
            }
        }
        self.fetch_step(now, id, (topic, partition), log, step, &bytes.unwrap_or_default());
    }

    /// Where a read has to be begun anew, as compaction has moved what it was to read.
    pub(super) fn fetch_again(&mut self, now: Now, id: u64, topic: usize, partition: usize) {
        let Some(pending) = self.fetches.partition_mut(id, topic, partition) else {
            return;
        };
        let (offset, size) = (pending.wanted.fetch_offset, pending.budget);
        let Some(log) = pending.log else { return };
        let step = match self.partitions.get(&log).and_then(|led| led.log.locate(offset)) {
            Some(from) => Taken::ReadOn { from, size },
            None => {
                let why = "the topic was deleted".to_owned();
                Taken::Failed(ResponseError::UnknownTopicOrPartition, why)
            }
        };
        self.fetch_step(now, id, (topic, partition), log, step, &Bytes::new());
    }

    fn fetch_step(
        &mut self,
        now: Now,
        id: u64,
        (topic, partition): (usize, usize),
        log: LogId,
        step: Taken,
        bytes: &Bytes,
    ) {
        let Some(isolation) = self.fetches.pending.get(&id).map(|fetch| fetch.isolation) else {
            return;
        };
        let Some(pending) = self.fetches.partition_mut(id, topic, partition) else {
            return;
        };
        match step {
            Taken::ReadOn { from, size } => {
                let generation = self.partitions.get(&log).map_or(0, |led| led.log.generation());
                pending.read = Some(Reading { from, size, generation });
                self.ops.submit(read_op(log, from, size), Owner::Fetch { fetch: id, topic, partition });
                return;
            }
            Taken::Records(range) => {
                pending.answer.records = Some(bytes.slice(range));
                if let Some(led) = self.partitions.get(&log) {
                    isolation.tell_aborted(led, pending.wanted.fetch_offset, &mut pending.answer);
                }
            }
            Taken::Failed(error, why) => {
                let error = ApiError::new(error, format!("Records could not be read: {why}."));
                pending.answer.error_code = self.report.refuse(&error);
            }
            Taken::Nothing { .. } => {}
        }
        if let Some(mut fetch) = self.fetches.pending.remove(&id) {
            fetch.reading -= 1;
            if fetch.reading == 0 && (fetch.deadline <= now.monotonic_ms || !fetch.found_only_damage()) {
                self.answer_fetch(now, fetch);
                return;
            }
            let goes_on_waiting = fetch.reading == 0;
            self.fetches.pending.insert(id, fetch);
            if goes_on_waiting {
                self.fetches.wait(id);
            }
        }
    }

    fn answer_fetch(&mut self, now: Now, fetch: PendingFetch) {
        if let Some(client) = &fetch.client {
            for partition in fetch.topics.iter().flat_map(|topic| &topic.partitions) {
                if let Some(log) = partition.log {
                    self.trace_fetch(now, client, log, partition.wanted.fetch_offset, &partition.answer);
                }
            }
        }
        let mut news = self.news(&fetch).into_iter();
        let responses = fetch.topics.into_iter().map(|topic| {
            let answers = topic.partitions.into_iter().map(|partition| partition.answer);
            FetchableTopicResponse::default()
                .with_topic(topic.name)
                .with_topic_id(topic.id)
                .with_partitions(answers.filter(|_| news.next() != Some(false)).collect())
        });
        let mut responses: Vec<FetchableTopicResponse> = responses.collect();
        if fetch.session.is_some() {
            responses.retain(|topic| !topic.partitions.is_empty());
        }
        let response = FetchResponse::default()
            .with_session_id(fetch.session.map_or(0, |session| session.id))
            .with_responses(responses);
        self.respond(fetch.context, &response);
    }

    /// Which of a fetch's partitions are answered: outside of a session all.
    fn news(&mut self, fetch: &PendingFetch) -> Vec<bool> {
        let Some(session) = fetch.session else {
            return Vec::new();
        };
        let answers = fetch.topics.iter().flat_map(|topic| {
            topic.partitions.iter().map(|partition| {
                let key = (topic.id, topic.name.clone(), partition.wanted.partition);
                (key, &partition.answer)
            })
        });
        self.fetches.sessions.answered(session, &answers.collect::<Vec<_>>())
    }

    /// A log has grown, or is gone: those that wait for it look again.
    pub(super) fn wake_fetches(&mut self, now: Now, log: LogId) {
        let waiting =
            self.fetches.waiting.iter_from(&(log, 0)).take_while(|(of, _)| *of == log).map(|(_, id)| *id);
        for id in waiting.collect::<Vec<_>>() {
            self.fetches.stop_waiting(id);
            self.try_fetch(now, id);
        }
    }

    /// Answers what waits for records on a connection with what there is, as what was asked for behind it is in a hurry, and answers
    /// come in order.
    pub(super) fn hurry_fetches(&mut self, now: Now, connection: ConnectionId) {
        let waiting: Vec<(u64, u64)> = self.fetches.deadlines.iter().copied().collect();
        for (_, id) in waiting {
            if let Some(fetch) = self.fetches.pending.get(&id)
                && fetch.context.connection == connection
            {
                self.fetches.stop_waiting(id);
                if let Some(fetch) = self.fetches.pending.get_mut(&id) {
                    fetch.deadline = now.monotonic_ms;
                }
                self.try_fetch(now, id);
            }
        }
    }

    pub(super) fn expire_fetches(&mut self, now: Now) {
        while let Some((deadline, id)) = self.fetches.deadlines.first().copied()
            && deadline <= now.monotonic_ms
        {
            self.fetches.stop_waiting(id);
            self.try_fetch(now, id);
        }
    }
}

/// What a read has brought.
enum Taken {
    /// These of the bytes are the answer.
    Records(std::ops::Range<usize>),
    /// All that was read lies before the offset that is wanted, or is damaged.
    Nothing {
        at: Location,
    },
    /// The batch that is wanted begins there and is longer than what was read.
    ReadOn {
        from: Location,
        size: usize,
    },
    Failed(ResponseError, String),
}

fn storage_has_less() -> Taken {
    Taken::Failed(ResponseError::KafkaStorageError, "the storage has less than it took".to_owned())
}

/// The whole batches of what was read that a fetch may have: below `readable`. Damage is passed over.
fn take_batches(
    bytes: &[u8],
    wanted: &PendingPartition,
    from: Location,
    bounds: Bounds,
    readable: Offset,
    damages: &mut Vec<Damage>,
) -> Taken {
    let mut batches = WholeBatches::new(bytes, from, bounds);
    let mut range = 0..0;
    // What lies behind the log end is not looked at.
    let end = bounds.end_offset.map_or(readable, |end| end.min(readable));
    while batches.location().offset < end {
        let start = batches.index();
        match batches.next() {
            None | Some(Item::DamagedEnd(_)) if !range.is_empty() => return Taken::Records(range),
            None => break,
            Some(Item::DamagedEnd(lost)) => {
                let end_offset = bounds.end_offset.unwrap_or(from.offset);
                let offsets = batches.location().offset..end_offset;
                damages.push(lost.until(from.segment, bounds.size, offsets));
                break;
            }
            Some(Item::Short { needed }) => {
                let is_seeking = batches.location().lost.is_some();
                let may_have = wanted.at_least_one || needed <= wanted.budget || is_seeking;
                if range.is_empty() && may_have {
                    return Taken::ReadOn { from: batches.location(), size: needed };
                }
                return Taken::Records(range);
            }
            Some(Item::Damage(damage)) => {
                damages.push(damage);
                if !range.is_empty() {
                    return Taken::Records(range);
                }
            }
            Some(Item::Batch(batch)) if batch.next_offset() <= wanted.wanted.fetch_offset => {}
            // What compaction has left of batches has nothing for a consumer, and some take an answer without any record for
            // the end of the log.
            Some(Item::Batch(batch)) if batch.record_count() == 0 && range.is_empty() => {}
            Some(Item::Batch(batch)) => {
                let first = range.is_empty();
                let begin = if first { start } else { range.start };
                let behind = batches.index();
                let fits = behind - begin <= wanted.budget || (first && wanted.at_least_one);
                if !fits || batch.next_offset() > end {
                    return Taken::Records(range);
                }
                range = begin..behind;
            }
        }
    }
    if range.is_empty() { Taken::Nothing { at: batches.location() } } else { Taken::Records(range) }
}

fn read_op(log: LogId, from: Location, size: usize) -> StorageOp {
    let range = from.position..from.position + size as u64 + READ_MARGIN;
    StorageOp::Read { log, segment: from.segment, range }
}

fn joined(mut batches: Vec<Bytes>) -> Bytes {
    if batches.len() == 1 {
        return batches.remove(0);
    }
    let mut all = BytesMut::with_capacity(batches.iter().map(Bytes::len).sum());
    for batch in &batches {
        all.extend_from_slice(batch);
    }
    all.freeze()
}

/// Whether a client knows the leader it talks to (KIP-320); -1 is no claim.
pub(super) fn check_leader_epoch(claimed: i32, current: i32) -> Result<(), ApiError> {
    if claimed == -1 || claimed == current {
        return Ok(());
    }
    let (error, which) = if claimed < current {
        (ResponseError::FencedLeaderEpoch, "an earlier")
    } else {
        (ResponseError::UnknownLeaderEpoch, "a later")
    };
    Err(ApiError::new(error, format!("The request is for {which} leader: epoch {claimed}, now {current}.")))
}
