//! A consumer as a member of its group: reads what it is given, counts and drops the records, and commits how far it is.

use std::ops::ControlFlow;
use std::rc::Rc;

use headwater_client::{
    Assignor, AutoOffsetReset, ConsumerConfig, ConsumerEvent, ConsumerId, Fetched, GroupConfig, MemberState,
    OffsetToCommit,
};
use headwater_engine::TopicPartition;
use headwater_engine::record::Record;
use headwater_engine::sorted::SortedMap;
use headwater_worker_protocol::{
    self as protocol, ConsumedRecord, ConsumerPartition, ConsumerRequest, ConsumerState, ErrorReport,
    OffsetReset,
};

use super::consumers::{Consumer, LAST_RECORDS, Stop};
use super::hub::Hub;
use super::pace::Pace;
use super::{payload, report};
use crate::clock;

/// A member that says nothing for so long is taken for dead. Shorter than Kafka's default: somebody watches.
const SESSION_TIMEOUT_MS: u64 = 10_000;
/// So often a member asks whether there is a rebalance.
const HEARTBEAT_MS: u64 = 500;
/// What is read is committed so often.
const COMMIT_MS: f64 = 500.0;
/// How long leaving may take.
const LEAVE_MS: f64 = 10_000.0;
/// How long it reads without a pause for others, and waits without a look at its group.
const TURN_MS: f64 = 8.0;
/// How much of a record is shown.
const SHOWN_CHARACTERS: usize = 200;

/// Runs a consumer to its end.
pub(crate) async fn run(hub: &Rc<Hub>, consumer: &Rc<Consumer>) {
    let request = consumer.request();
    let id = hub.with(|client, now| {
        let id = client.add_consumer(config(&request, consumer.client_id()));
        client.subscribe(now, id, vec![request.topic.clone()]);
        id
    });
    let mut member = Member {
        hub: hub.clone(),
        consumer: consumer.clone(),
        id,
        pace: Pace::new(request.records_per_s, clock::monotonic_ms()),
        paced: request.records_per_s.is_some(),
        held: None,
        read: SortedMap::new(),
        seen_ms: SortedMap::new(),
        fresh: Vec::new(),
        commit_due_ms: 0.0,
        leaving_until_ms: None,
        failed: None,
    };
    let mut had_turn = clock::changes();
    let state = loop {
        // While time stands still it has one turn for each step.
        while clock::waits_for_a_step(&mut had_turn).await && consumer.wanted_stop().is_none() {}
        let wait = member.step();
        member.show();
        match wait {
            Wait::Change => hub.changed().await,
            Wait::Ms(ms) => clock::sleep(ms).await,
            Wait::Ended(state) => break state,
        }
    };
    hub.with(|client, _| client.remove_consumer(id));
    let (kind, what) = match &state {
        ConsumerState::Left => ("consumer-left", "has left."),
        ConsumerState::Killed => ("consumer-killed", "was killed."),
        _ => ("consumer-failed", "cannot go on."),
    };
    consumer.tell(kind, &[], what);
    consumer.update(|snapshot| {
        snapshot.state = state;
        snapshot.partitions.clear();
    });
}

fn config(request: &ConsumerRequest, client_id: String) -> ConsumerConfig {
    let assignor = match request.assignor {
        protocol::Assignor::Range => Assignor::Range,
        protocol::Assignor::RoundRobin => Assignor::RoundRobin,
        protocol::Assignor::Sticky => Assignor::Sticky,
        protocol::Assignor::CooperativeSticky => Assignor::CooperativeSticky,
    };
    ConsumerConfig {
        client_id: Some(client_id),
        fetch_max_bytes: 4 << 20,
        max_buffered_bytes: 4 << 20,
        auto_offset_reset: match request.reset {
            OffsetReset::Earliest => AutoOffsetReset::Earliest,
            OffsetReset::Latest => AutoOffsetReset::Latest,
        },
        group: Some(GroupConfig {
            group_id: request.group.clone(),
            group_instance_id: request.instance_id.clone(),
            session_timeout_ms: request.session_timeout_ms.map_or(SESSION_TIMEOUT_MS, u64::from),
            heartbeat_interval_ms: HEARTBEAT_MS,
            partition_assignment_strategy: vec![assignor],
            // What came in one answer is read over seconds where there is a pace: only what is read is committed.
            enable_auto_commit: false,
            ..GroupConfig::default()
        }),
        ..ConsumerConfig::default()
    }
}

struct Member {
    hub: Rc<Hub>,
    consumer: Rc<Consumer>,
    id: ConsumerId,
    pace: Pace,
    paced: bool,
    /// Records that came, and which of them is to be read next.
    held: Option<(Fetched, i64)>,
    /// Where it goes on in partitions of which this is not committed.
    read: SortedMap<TopicPartition, i64>,
    /// The timestamp of the record of each partition that it read last.
    seen_ms: SortedMap<TopicPartition, i64>,
    /// Partitions of which nothing has come yet.
    fresh: Vec<TopicPartition>,
    commit_due_ms: f64,
    leaving_until_ms: Option<f64>,
    /// Why it leaves.
    failed: Option<ErrorReport>,
}

/// What a member waits for.
enum Wait {
    /// A frame or a time-out.
    Change,
    /// This time.
    Ms(f64),
    /// Nothing more.
    Ended(ConsumerState),
}

impl Member {
    /// Does what can be done now.
    fn step(&mut self) -> Wait {
        let begun_ms = clock::monotonic_ms();
        if self.consumer.wanted_stop() == Some(Stop::Kill) {
            return Wait::Ended(ConsumerState::Killed);
        }
        if self.consumer.wanted_stop().is_some() {
            self.leave();
        }
        self.take_rate();
        loop {
            let event = self.hub.with(|client, _| client.poll_consumer(self.id));
            let came = event.is_some();
            match event {
                Some(ConsumerEvent::Closed) => return self.ended(),
                Some(event) => self.take(event),
                None => {}
            }
            let ahead_ms = self.read_held();
            let now_ms = clock::monotonic_ms();
            if now_ms >= self.commit_due_ms {
                self.commit();
            }
            match ahead_ms {
                _ if self.leaving_until_ms.is_some_and(|until_ms| now_ms > until_ms) => {
                    // The coordinator does not answer; it will see that the session is over.
                    return self.ended();
                }
                Some(ahead_ms) if !came => return Wait::Ms(ahead_ms),
                None if !came => return Wait::Change,
                // Others get their turn.
                _ if now_ms - begun_ms > TURN_MS => return Wait::Ms(0.0),
                _ => {}
            }
        }
    }

    /// Commits and leaves; [`ConsumerEvent::Closed`] says that it is done.
    fn leave(&mut self) {
        if self.leaving_until_ms.is_none() {
            self.leaving_until_ms = Some(clock::monotonic_ms() + LEAVE_MS);
            self.held = None;
            self.commit();
            self.hub.with(|client, now| client.close_consumer(now, self.id));
        }
    }

    /// Its rate may have changed.
    fn take_rate(&mut self) {
        let rate = self.consumer.records_per_s();
        if self.pace.set(rate, clock::monotonic_ms) {
            // While it has no pace it is never paused.
            self.paced = true;
            self.pause(rate.is_some() && self.held.is_some());
            self.paced = rate.is_some();
        }
    }

    fn fail(&mut self, report: ErrorReport) {
        self.failed.get_or_insert(report);
        self.leave();
    }

    fn ended(&mut self) -> Wait {
        Wait::Ended(self.failed.take().map_or(ConsumerState::Left, ConsumerState::Failed))
    }

    fn take(&mut self, event: ConsumerEvent) {
        match event {
            ConsumerEvent::Fetched(fetched) => {
                // It has none in hand: while it has, its partitions are paused, or they are read at once.
                self.fresh.retain(|partition| *partition != fetched.topic_partition);
                self.held = Some((fetched, 0));
                self.pause(true);
            }
            ConsumerEvent::Failed { topic_partition, error } => {
                let mut failure = report(error);
                failure.message = format!("{topic_partition}: {}", failure.message);
                self.fail(failure);
            }
            ConsumerEvent::Assigned(partitions) => {
                let generation = self.membership_generation();
                let got = if partitions.is_empty() { "nothing new".to_owned() } else { names(&partitions) };
                let args = [("partitions", &got[..]), ("generation", &generation.to_string())];
                let what = format!("got {got} in generation {generation}.");
                self.consumer.tell("consumer-assigned", &args, &what);
                self.fresh.extend(partitions);
                self.pause(self.held.is_some());
            }
            ConsumerEvent::Revoked(partitions) => {
                // Before they are somebody else's: that is one who goes on here.
                self.commit();
                self.forget(&partitions);
                let gave = names(&partitions);
                let what = format!("gave {gave} back.");
                self.consumer.tell("consumer-revoked", &[("partitions", &gave)], &what);
            }
            ConsumerEvent::Lost(partitions) => {
                self.forget(&partitions);
                let lost = names(&partitions);
                let what = format!("lost {lost}: it was taken for dead.");
                self.consumer.tell("consumer-lost", &[("partitions", &lost)], &what);
            }
            ConsumerEvent::Committed { result: Err(error), .. } => {
                let what = format!("could not commit: {}", error.message);
                self.consumer.tell("commit-failed", &[("why", &error.message)], &what);
            }
            ConsumerEvent::GroupFailed(error) => self.fail(report(error)),
            _ => {}
        }
    }

    /// Does not read these any more, and commits nothing of them.
    fn forget(&mut self, partitions: &[TopicPartition]) {
        self.fresh.retain(|partition| !partitions.contains(partition));
        for partition in partitions {
            self.read.remove(partition);
            self.seen_ms.remove(partition);
        }
        if self.held.take_if(|(held, _)| partitions.contains(&held.topic_partition)).is_some() {
            self.pause(false);
        }
    }

    /// While it has records in hand it wants no more of them, but hears of its group.
    fn pause(&self, paused: bool) {
        // Without a pace all is read before it asks for more.
        if !self.paced {
            return;
        }
        self.hub.with(|client, _| {
            let owned = client.membership(self.id).map(|membership| membership.owned).unwrap_or_default();
            for partition in &owned {
                if paused {
                    client.pause(self.id, partition);
                } else {
                    client.resume(self.id, partition);
                }
            }
        });
    }

    /// Reads what it has in hand, as far as its pace allows. Returns after how many milliseconds to go on; none: it has
    /// nothing more in hand.
    fn read_held(&mut self) -> Option<f64> {
        if self.held.is_some()
            && let Some(left_ms) = self.pace.early(clock::monotonic_ms)
        {
            return Some(left_ms);
        }
        let (held, from) = self.held.take()?;
        let (mut records, mut bytes, mut next) = (0, 0, held.next_offset);
        let mut last_records = Vec::new();
        let mut ahead_ms = None;
        let mut seen_ms = None;
        let (wall_ms, mut ages) = (clock::now().wall_ms, self.hub.end_to_end.borrow_mut());
        let done = held.for_each(|record| {
            if record.offset < from {
                return ControlFlow::Continue(());
            }
            records += 1;
            seen_ms = Some(record.timestamp);
            #[expect(clippy::cast_precision_loss, reason = "what is not exact is longer than any bucket")]
            ages.add(wall_ms.saturating_sub(record.timestamp) as f64, 1);
            bytes += (record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len)) as u64;
            ahead_ms = self.pace.sent(clock::monotonic_ms);
            if ahead_ms.is_some() || record.offset + LAST_RECORDS as i64 >= held.next_offset {
                last_records.insert(0, seen(&held.topic_partition, record));
            }
            if ahead_ms.is_some() {
                next = record.offset + 1;
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        });
        drop(ages);
        if let Err(error) = done {
            self.fail(report(error));
            return None;
        }
        self.consumer.read(records, bytes, last_records);
        self.read.insert(held.topic_partition.clone(), next);
        if let Some(seen_ms) = seen_ms {
            self.seen_ms.insert(held.topic_partition.clone(), seen_ms);
        }
        if next < held.next_offset {
            self.held = Some((held, next));
        } else {
            self.pause(false);
        }
        ahead_ms
    }

    fn commit(&mut self) {
        self.commit_due_ms = clock::monotonic_ms() + COMMIT_MS;
        self.add_beginnings();
        if self.read.is_empty() {
            return;
        }
        let read = std::mem::take(&mut self.read);
        let offset =
            |(topic_partition, offset)| OffsetToCommit { topic_partition, offset, metadata: String::new() };
        let offsets = read.into_iter().map(offset).collect();
        self.hub.with(|client, now| client.commit(now, self.id, Some(offsets)));
    }

    /// Where it begins is committed too, as Kafka's consumer does: from then on the group's lag is known.
    fn add_beginnings(&mut self) {
        let (id, read) = (self.id, &mut self.read);
        self.hub.with(|client, _| {
            self.fresh.retain(|partition| {
                let state = client.partition_state(id, partition);
                if let Some(state) = state.filter(|state| state.committed.is_none())
                    && let Some(position) = state.position
                {
                    read.insert(partition.clone(), position);
                }
                state.is_some_and(|state| state.position.is_none())
            });
        });
    }

    fn membership_generation(&self) -> i32 {
        self.hub.with(|client, _| client.membership(self.id)).map_or(-1, |membership| membership.generation)
    }

    /// The offset of the record that it reads next.
    fn position(&self, partition: &TopicPartition) -> Option<i64> {
        match &self.held {
            Some((held, next)) if held.topic_partition == *partition => Some(*next),
            _ => self.hub.with(|client, _| client.partition_state(self.id, partition))?.position,
        }
    }

    /// How old what it reads next is: as old as what it read last, or somewhat younger.
    fn lag_ms(&self, partition: &TopicPartition, position: Option<i64>, end: Option<i64>) -> Option<u32> {
        if position? >= end? {
            return Some(0);
        }
        let age_ms = clock::now().wall_ms - self.seen_ms.get(partition)?;
        Some(u32::try_from(age_ms.max(0)).unwrap_or(u32::MAX))
    }

    /// Tells the page how it stands.
    fn show(&self) {
        let Some(membership) = self.hub.with(|client, _| client.membership(self.id)) else { return };
        let partitions = membership.owned.iter().map(|owned| {
            let position = self.position(owned);
            let state = self.hub.with(|client, _| client.partition_state(self.id, owned));
            let end_offset = state.and_then(|state| state.high_watermark);
            ConsumerPartition {
                topic: owned.topic.clone(),
                partition: owned.partition,
                position,
                end_offset,
                lag_ms: self.lag_ms(owned, position, end_offset),
            }
        });
        let partitions: Vec<_> = partitions.collect();
        let state = match membership.state {
            MemberState::Stable => ConsumerState::Assigned,
            _ if self.leaving_until_ms.is_some() => ConsumerState::Leaving,
            _ => ConsumerState::Joining,
        };
        self.consumer.show(state, membership.member_id, membership.generation, partitions);
    }
}

fn seen(topic_partition: &TopicPartition, record: &Record<'_>) -> ConsumedRecord {
    let value = record
        .value
        .map_or_else(|| "null".to_owned(), |value| payload::payload(value, payload::MAX_SHOWN_BYTES).text);
    let end = value.char_indices().nth(SHOWN_CHARACTERS).map_or(value.len(), |(end, _)| end);
    let value = value[..end].to_owned();
    ConsumedRecord { partition: topic_partition.partition, offset: record.offset, value }
}

/// Partitions by their names.
fn names(partitions: &[TopicPartition]) -> String {
    let names: Vec<String> = partitions.iter().map(|partition| partition.to_string()).collect();
    names.join(", ")
}
