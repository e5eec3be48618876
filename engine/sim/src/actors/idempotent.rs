//! An idempotent producer (KIP-98) that speaks the protocol itself: it sends a batch again, as it was, until it is
//! acknowledged, and has up to five of a partition on the way.
//!
//! Each partition has a producer id of its own, so that losing one in a power cut says nothing of the others.

use std::collections::VecDeque;

use bytes::Bytes;
use headwater_engine::record::{Compression, RecordBatchBuilder};
use headwater_engine::{Now, TopicPartition};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    ApiKey, InitProducerIdRequest, InitProducerIdResponse, ProduceRequest, ProduceResponse, TopicName,
};
use kafka_protocol::protocol::StrBytes;

use super::{Actor, Context, Ends, Wish, raw};
use crate::checkers::{Checker, Checks, Promise};
use crate::payload::RecordId;
use crate::scenario::Scenario;

const PRODUCE_VERSION: i16 = 9;
const INIT_PRODUCER_ID_VERSION: i16 = 4;
/// As many as a broker remembers of a producer.
const MAX_IN_FLIGHT: usize = 5;
/// As many as wait before no more are made.
const MAX_WAITING: usize = 20;
const REQUEST_TIMEOUT_MS: u64 = 2_500;
const RETRY_BACKOFF_MS: u64 = 50;
const OUT_OF_ORDER_SEQUENCE_NUMBER: i16 = 45;

/// A batch of one partition.
#[derive(Clone, Debug)]
struct Batch {
    first: u64,
    count: u64,
    base_sequence: i32,
    timestamp: i64,
    /// Whether it was sent on this connection and its answer has not come.
    on_its_way: bool,
    acknowledged: bool,
}

/// What is sent to one partition.
#[derive(Debug)]
struct Line {
    topic_partition: TopicPartition,
    /// The number in its records' names.
    number: u32,
    producer_id: Option<(i64, i16)>,
    asking: bool,
    next_record: u64,
    next_sequence: i32,
    /// Batches that are not acknowledged, in their order.
    batches: VecDeque<Batch>,
    /// How many answers are to come.
    in_flight: usize,
    /// Answers to come before it sends again from the first.
    failed: bool,
    not_before_ms: u64,
    /// A power cut may have taken what the broker knew of it.
    forgiven: bool,
}

/// A request that is not answered.
#[derive(Debug)]
struct Asked {
    correlation_id: i32,
    line: usize,
    /// The base sequence of the batch that was sent; none for a producer id.
    sequence: Option<i32>,
    deadline_ms: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Link {
    Down { not_before_ms: u64 },
    Connecting { deadline_ms: u64 },
    Up,
}

pub(crate) struct IdempotentActor {
    name: String,
    link: Link,
    lines: Vec<Line>,
    asked: VecDeque<Asked>,
    wishes: VecDeque<Wish>,
    next_correlation_id: i32,
    next_burst_ms: u64,
    max_filler: usize,
    finishing: bool,
}

impl IdempotentActor {
    pub(crate) fn new(number: usize, scenario: &Scenario, checks: &mut Checks) -> IdempotentActor {
        let partitions = scenario.topics.iter().flat_map(|topic| {
            (0..topic.partitions).map(|partition| TopicPartition { topic: topic.name.clone(), partition })
        });
        let lines = partitions.map(|topic_partition| Line {
            topic_partition,
            number: checks.add_producer(Promise { exactly_once: true, ..Promise::default() }),
            producer_id: None,
            asking: false,
            next_record: 0,
            next_sequence: 0,
            batches: VecDeque::new(),
            in_flight: 0,
            failed: false,
            not_before_ms: 0,
            forgiven: false,
        });
        IdempotentActor {
            name: format!("idempotent-{number}"),
            link: Link::Down { not_before_ms: 0 },
            lines: lines.collect(),
            asked: VecDeque::new(),
            wishes: VecDeque::new(),
            next_correlation_id: 1,
            next_burst_ms: 0,
            max_filler: scenario.max_filler,
            finishing: false,
        }
    }

    fn work(&mut self, context: &mut Context<'_>) {
        let now_ms = context.now.monotonic_ms;
        if !self.finishing && now_ms >= self.next_burst_ms {
            self.next_burst_ms = now_ms + 1 + context.random.below(150);
            self.make_batches(context);
        }
        match self.link {
            Link::Down { not_before_ms } if now_ms >= not_before_ms => {
                self.link = Link::Connecting { deadline_ms: now_ms + REQUEST_TIMEOUT_MS };
                self.wishes.push_back(Wish::Connect);
            }
            Link::Connecting { deadline_ms } if now_ms >= deadline_ms => self.give_up(context),
            Link::Up if self.asked.front().is_some_and(|asked| now_ms >= asked.deadline_ms) => {
                self.give_up(context);
            }
            Link::Up => self.send(context),
            Link::Down { .. } | Link::Connecting { .. } => {}
        }
    }

    fn make_batches(&mut self, context: &mut Context<'_>) {
        for _ in 0..1 + context.random.below(4) {
            let at = context.random.index(self.lines.len());
            let line = &mut self.lines[at];
            // A producer that nobody knows may begin anywhere (KIP-360), so if its first batch found no topic, its second must
            // not find one. A client learns of the topic before it sends.
            if line.batches.len() >= MAX_WAITING || !context.made.contains(&line.topic_partition.topic) {
                continue;
            }
            let count = 1 + context.random.below(5);
            line.batches.push_back(Batch {
                first: line.next_record,
                count,
                base_sequence: line.next_sequence,
                timestamp: context.now.wall_ms,
                on_its_way: false,
                acknowledged: false,
            });
            line.next_record += count;
            line.next_sequence += i32::try_from(count).unwrap_or(0);
        }
    }

    fn give_up(&mut self, context: &mut Context<'_>) {
        self.wishes.push_back(Wish::Close);
        self.lost(context.now);
    }

    /// Whatever was on its way is sent again on the next connection.
    fn lost(&mut self, now: Now) {
        self.link = Link::Down { not_before_ms: now.monotonic_ms + 2 * RETRY_BACKOFF_MS };
        self.asked.clear();
        for line in &mut self.lines {
            line.in_flight = 0;
            line.batches.iter_mut().for_each(|batch| batch.on_its_way = false);
            line.failed = false;
            line.asking = false;
        }
    }

    fn send(&mut self, context: &mut Context<'_>) {
        for at in 0..self.lines.len() {
            loop {
                let line = &self.lines[at];
                let waits = line.failed || line.asking || context.now.monotonic_ms < line.not_before_ms;
                let Some(next) = line.next_to_send().filter(|_| !waits) else { break };
                let sent = match line.producer_id {
                    Some(producer) => self.send_batch(context, at, next, producer),
                    None => self.ask_for_producer_id(context.now, at),
                };
                if sent.is_none() {
                    break;
                }
            }
        }
    }

    fn ask_for_producer_id(&mut self, now: Now, line: usize) -> Option<()> {
        let request = InitProducerIdRequest::default().with_transactional_id(None);
        let id = self.next_correlation_id;
        let frame = raw::request(ApiKey::InitProducerId, INIT_PRODUCER_ID_VERSION, id, &request)?;
        self.lines[line].asking = true;
        self.sent(now, line, None, frame);
        Some(())
    }

    fn send_batch(
        &mut self,
        context: &mut Context<'_>,
        at: usize,
        next: usize,
        (producer_id, epoch): (i64, i16),
    ) -> Option<()> {
        let line = &mut self.lines[at];
        let batch = line.batches.get_mut(next)?;
        let mut builder = RecordBatchBuilder::new(Compression::None);
        builder.set_producer(producer_id, epoch, batch.base_sequence);
        for number in batch.first..batch.first + batch.count {
            let id = RecordId { producer: line.number, number };
            context.checks.sent(&line.topic_partition, id);
            builder.append(batch.timestamp, None, Some(&id.value(self.max_filler)), &[]).ok()?;
        }
        let data = PartitionProduceData::default()
            .with_index(line.topic_partition.partition)
            .with_records(Some(builder.build()));
        let name = TopicName(StrBytes::from_string(line.topic_partition.topic.clone()));
        let topic = TopicProduceData::default().with_name(name).with_partition_data(vec![data]);
        let request = ProduceRequest::default()
            .with_acks(-1)
            .with_timeout_ms(i32::try_from(REQUEST_TIMEOUT_MS).unwrap_or(i32::MAX))
            .with_topic_data(vec![topic]);
        let frame = raw::request(ApiKey::Produce, PRODUCE_VERSION, self.next_correlation_id, &request)?;
        let sequence = batch.base_sequence;
        batch.on_its_way = true;
        line.in_flight += 1;
        context.trace.say(format_args!("{}: sequence {sequence} to {}", self.name, line.topic_partition));
        self.sent(context.now, at, Some(sequence), frame);
        Some(())
    }

    fn sent(&mut self, now: Now, line: usize, sequence: Option<i32>, frame: Bytes) {
        let correlation_id = self.next_correlation_id;
        self.next_correlation_id += 1;
        let deadline_ms = now.monotonic_ms + REQUEST_TIMEOUT_MS;
        self.asked.push_back(Asked { correlation_id, line, sequence, deadline_ms });
        self.wishes.push_back(Wish::Send(frame));
    }

    fn take(&mut self, context: &mut Context<'_>, frame: Bytes) {
        let Some(asked) = self.asked.pop_front() else { return };
        if raw::correlation_id(&frame) != Some(asked.correlation_id) {
            let message = format!("{} got an answer to something else", self.name);
            return context.checks.take(Checker::Answers, Err(message));
        }
        match asked.sequence {
            None => self.take_producer_id(context, asked.line, frame),
            Some(sequence) => self.take_produced(context, asked.line, sequence, frame),
        }
    }

    fn take_producer_id(&mut self, context: &mut Context<'_>, line: usize, frame: Bytes) {
        let line = &mut self.lines[line];
        line.asking = false;
        let answer =
            raw::response::<InitProducerIdResponse>(ApiKey::InitProducerId, INIT_PRODUCER_ID_VERSION, frame);
        match answer {
            Some((_, answer)) if answer.error_code == 0 => {
                context.checks.producer_id_given(answer.producer_id.0);
                line.producer_id = Some((answer.producer_id.0, answer.producer_epoch));
            }
            answer => {
                let error = answer.map(|(_, answer)| answer.error_code);
                context.trace.say(format_args!("{}: no producer id: {error:?}", self.name));
                line.not_before_ms = context.now.monotonic_ms + RETRY_BACKOFF_MS;
            }
        }
    }

    fn take_produced(&mut self, context: &mut Context<'_>, at: usize, sequence: i32, frame: Bytes) {
        let answer = raw::response::<ProduceResponse>(ApiKey::Produce, PRODUCE_VERSION, frame);
        let answer = answer.and_then(|(_, answer)| {
            let topic = answer.responses.into_iter().next()?;
            topic.partition_responses.into_iter().next()
        });
        let Some(answer) = answer else {
            let message = format!("{} got an answer that says nothing of its partition", self.name);
            return context.checks.take(Checker::Answers, Err(message));
        };
        let line = &mut self.lines[at];
        line.in_flight = line.in_flight.saturating_sub(1);
        if let Some(batch) = line.batches.iter_mut().find(|batch| batch.base_sequence == sequence) {
            batch.on_its_way = false;
        }
        let is_first = line.batches.front().is_some_and(|first| first.base_sequence == sequence);
        if answer.error_code == 0 {
            line.forgiven = false;
            if let Some(batch) = line.acknowledged(sequence) {
                for (number, offset) in (batch.first..batch.first + batch.count).zip(answer.base_offset..) {
                    let id = RecordId { producer: line.number, number };
                    context.checks.acked(&line.topic_partition, id, offset);
                }
                context.trace.say(format_args!(
                    "{}: {} records acknowledged at {}@{}",
                    self.name, batch.count, line.topic_partition, answer.base_offset
                ));
            }
        } else {
            context.trace.say(format_args!(
                "{}: sequence {sequence} of {} refused: error {}, {}",
                self.name,
                line.topic_partition,
                answer.error_code,
                answer.error_message.as_deref().unwrap_or_default()
            ));
            if answer.error_code == OUT_OF_ORDER_SEQUENCE_NUMBER && is_first && !line.failed {
                if !line.forgiven && !context.checks.is_bit_rot() {
                    let message = format!(
                        "{}: sequence {sequence} of {} is refused, though all before it was acknowledged",
                        self.name, line.topic_partition
                    );
                    return context.checks.take(Checker::Idempotence, Err(message));
                }
                line.begin_anew();
            }
            line.failed = true;
        }
        let line = &mut self.lines[at];
        if line.failed && line.in_flight == 0 {
            line.failed = false;
            line.batches.iter_mut().for_each(|batch| batch.on_its_way = false);
            line.not_before_ms = context.now.monotonic_ms + RETRY_BACKOFF_MS;
        }
    }
}

impl Line {
    /// The batch to be sent next: one of those that the broker remembers together.
    fn next_to_send(&self) -> Option<usize> {
        let window = &mut self.batches.iter().take(MAX_IN_FLIGHT);
        window.position(|batch| !batch.on_its_way && !batch.acknowledged)
    }

    /// Marks a batch as acknowledged. Not always is it the first: what is before it may have arrived late on a connection
    /// that was given up. It is then sent again and known again, so nothing is sent meanwhile that is not remembered with it.
    fn acknowledged(&mut self, sequence: i32) -> Option<Batch> {
        let batch = self.batches.iter_mut().find(|batch| batch.base_sequence == sequence)?;
        batch.acknowledged = true;
        let batch = batch.clone();
        while self.batches.front().is_some_and(|first| first.acknowledged) {
            self.batches.pop_front();
        }
        Some(batch)
    }

    /// What the broker knew of this producer is lost: it goes on as another.
    fn begin_anew(&mut self) {
        self.producer_id = None;
        self.next_sequence = 0;
        for batch in &mut self.batches {
            batch.base_sequence = self.next_sequence;
            self.next_sequence += i32::try_from(batch.count).unwrap_or(0);
        }
    }
}

impl Actor for IdempotentActor {
    fn name(&self) -> &str {
        &self.name
    }

    fn connected(&mut self, context: &mut Context<'_>) {
        self.link = Link::Up;
        self.work(context);
    }

    fn disconnected(&mut self, context: &mut Context<'_>) {
        self.lost(context.now);
        self.work(context);
    }

    fn frame(&mut self, context: &mut Context<'_>, frame: Bytes) {
        self.take(context, frame);
        self.work(context);
    }

    fn wake(&mut self, context: &mut Context<'_>) {
        self.work(context);
    }

    fn wish(&mut self, _context: &mut Context<'_>) -> Option<Wish> {
        self.wishes.pop_front()
    }

    fn next_wake(&self) -> Option<u64> {
        let link = match self.link {
            Link::Down { not_before_ms } => Some(not_before_ms),
            Link::Connecting { deadline_ms } => Some(deadline_ms),
            Link::Up => self.asked.front().map(|asked| asked.deadline_ms),
        };
        let waiting = self.lines.iter().filter(|line| {
            let is_free = self.link == Link::Up && !line.failed && !line.asking;
            is_free && line.next_to_send().is_some()
        });
        let lines = waiting.map(|line| line.not_before_ms);
        let burst = (!self.finishing).then_some(self.next_burst_ms);
        lines.chain(link).chain(burst).min()
    }

    fn finish(&mut self, _now: Now) {
        self.finishing = true;
    }

    fn is_done(&self, _ends: &Ends) -> bool {
        self.finishing && self.lines.iter().all(|line| line.batches.is_empty())
    }

    fn waits_for(&self, _ends: &Ends) -> String {
        let waiting = self.lines.iter().filter(|line| !line.batches.is_empty());
        let waiting =
            waiting.map(|line| format!("{} batches of {}", line.batches.len(), line.topic_partition));
        waiting.collect::<Vec<_>>().join(", ")
    }

    fn power_cut(&mut self, _context: &mut Context<'_>, _ends: &Ends) {
        for line in &mut self.lines {
            line.forgiven = true;
        }
    }
}
