//! Writes to a topic that is kept short, has records of it deleted, and reads it: from its first record on, and now and then
//! from one that may be gone.

use headwater_client::{
    AdminRequestId, AutoOffsetReset, ConsumerId, Fetched, IsolationLevel, OffsetSpec, ProducerConfig,
    StartOffset, code,
};
use headwater_engine::{Now, Offset, TopicPartition};

use super::host::{Host, records_of};
use super::writer::Writer;
use super::{Actor, Context, Ends};
use crate::checkers::{BEYOND, Checker, Checks};
use crate::random::Random;
use crate::retained::{RETAINED, RetainedPlan};

/// How often it looks whether the topic is there.
const LOOK_MS: u64 = 300;

/// So long it takes on the average until one goes back again.
const GO_BACK_MS: u64 = 1_000;

/// What an actor does besides reading.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    /// Writes, and has records deleted.
    Writes,
    /// Goes back now and then.
    GoesBack,
    /// Reads all there is.
    Reads,
}

pub(crate) struct RetainedActor {
    /// Its name to the checkers.
    number: u32,
    partition: TopicPartition,
    host: Host,
    role: Role,
    plan: RetainedPlan,
    writer: Option<Writer>,
    consumer: ConsumerId,
    is_assigned: bool,
    asked: Option<AdminRequestId>,
    next_look_ms: u64,
    /// When it has records deleted, or goes back.
    next_act_ms: u64,
    finishing: bool,
}

impl RetainedActor {
    pub(crate) fn new(
        (partition, number): (i32, u32),
        brokers: usize,
        role: Role,
        plan: &RetainedPlan,
        checks: &mut Checks,
        random: &mut Random,
    ) -> RetainedActor {
        let mut host = Host::new(&format!("retained-{partition}-{number}"), brokers, random.next());
        let auto_offset_reset = match role {
            Role::GoesBack => {
                random.pick(&[AutoOffsetReset::Earliest, AutoOffsetReset::Latest, AutoOffsetReset::None])
            }
            _ => AutoOffsetReset::Earliest,
        };
        let of = partition_of(partition);
        checks.retention(&of).add_reader(number, auto_offset_reset);
        // Who goes back reads much, and batch by batch that would be most of a run.
        let batch_by_batch = if role == Role::GoesBack { 1_000 } else { 1 };
        let max_bytes = random.pick(&[batch_by_batch, 300, 1 << 20]);
        let consumer = host.add_reader(auto_offset_reset, IsolationLevel::ReadUncommitted, max_bytes);
        let config = ProducerConfig {
            linger_ms: random.pick(&[0, 20]),
            batch_size: random.pick(&[100, 400]),
            enable_idempotence: random.coin(),
            ..ProducerConfig::default()
        };
        let writes = role == Role::Writes;
        if writes && config.enable_idempotence {
            checks.retention(&of).expect_once();
        }
        let writer = writes.then(|| Writer::new(&of, &config, &mut host, checks));
        RetainedActor {
            number,
            partition: of,
            host,
            role,
            plan: plan.clone(),
            writer,
            consumer,
            is_assigned: false,
            asked: None,
            next_look_ms: 0,
            next_act_ms: 0,
            finishing: role == Role::Reads,
        }
    }

    /// Where it is; none while that is looked up.
    fn position(&self) -> Option<Offset> {
        self.host.client.partition_state(self.consumer, &self.partition)?.position
    }

    fn read_from(&mut self, context: &mut Context<'_>, offset: Offset) {
        context.checks.retention(&self.partition).positioned(self.number, offset);
        self.host.client.assign(self.consumer, self.partition.clone(), StartOffset::Offset(offset));
    }

    fn act(&mut self, context: &mut Context<'_>) {
        if self.finishing || !self.is_assigned || context.now.monotonic_ms < self.next_act_ms {
            return;
        }
        let mean_ms = if self.role == Role::Writes { self.plan.deletes_ms } else { GO_BACK_MS };
        self.next_act_ms = context.now.monotonic_ms + context.random.within(1..2 * mean_ms);
        let Some(position) = self.position() else { return };
        match self.role {
            Role::Writes if self.asked.is_none() => self.ask(context, position),
            Role::GoesBack => {
                let offset = context.random.below(position.unsigned_abs() + 1).cast_signed();
                context.trace.say(format_args!("{}: goes back to {offset}", self.host.name));
                self.read_from(context, offset);
            }
            _ => {}
        }
    }

    /// Has records deleted: below an offset, all, or below one that the log does not have; or asks where the log begins.
    fn ask(&mut self, context: &mut Context<'_>, position: Offset) {
        let client = &mut self.host.client;
        let before = match context.random.below(8) {
            0 => {
                let asked =
                    client.list_offsets(context.now, vec![(self.partition.clone(), OffsetSpec::Earliest)]);
                self.asked = Some(asked);
                return;
            }
            1 => -1,
            2 => position + BEYOND,
            _ => position - context.random.below(12).cast_signed().min(position),
        };
        context.trace.say(format_args!("{}: deletes what is before {before}", self.host.name));
        self.asked = Some(client.delete_records(context.now, vec![(self.partition.clone(), before)]));
    }

    fn take(&mut self, context: &mut Context<'_>, fetched: &Fetched) {
        let (records, whole) = records_of(fetched);
        context.checks.take(Checker::LogStart, whole);
        for (offset, id) in records {
            let result = context.checks.retention(&self.partition).given(self.number, offset, id);
            context.checks.take(Checker::LogStart, result);
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) {
        while let Some((id, result)) = self.host.client.poll_admin() {
            if self.asked.take_if(|asked| *asked == id).is_some() {
                context.trace.say(format_args!("{}: {result:?}", self.host.name));
            }
        }
        while let Some(read) = self.host.read(context, self.consumer) {
            let error = match read {
                Ok(fetched) => {
                    self.take(context, &fetched);
                    continue;
                }
                Err((_, error)) => error,
            };
            let is_out = error.code == Some(code::OFFSET_OUT_OF_RANGE);
            match context.checks.retention(&self.partition).failed(self.number, is_out, &error) {
                Ok(offset) => self.read_from(context, offset),
                Err(message) => context.checks.take(Checker::LogStart, Err(message)),
            }
        }
    }
}

pub(crate) fn partition_of(partition: i32) -> TopicPartition {
    TopicPartition { topic: RETAINED.to_owned(), partition }
}

impl Actor for RetainedActor {
    has_host!();

    fn work(&mut self, context: &mut Context<'_>) {
        if !self.is_assigned && context.now.monotonic_ms >= self.next_look_ms {
            self.next_look_ms = context.now.monotonic_ms + LOOK_MS;
        }
        if !self.is_assigned && matches!(self.host.client.partition_count(context.now, RETAINED), Ok(Some(_)))
        {
            self.is_assigned = true;
            self.read_from(context, 0);
        }
        if self.is_assigned
            && let Some(writer) = &mut self.writer
        {
            writer.write(context, &mut self.host, |_| (None, true));
        }
        self.act(context);
        self.sent(context);
        self.poll(context);
    }

    fn sent(&mut self, context: &mut Context<'_>) {
        let Some(writer) = &self.writer else { return };
        for (offset, (_, id)) in writer.acknowledged(&mut self.host) {
            let result = context.checks.retention(&self.partition).acked(offset, id);
            context.checks.take(Checker::LogStart, result);
        }
    }

    fn own_wake(&self) -> Option<u64> {
        if !self.is_assigned {
            return Some(self.next_look_ms);
        }
        let act = (!self.finishing).then_some(self.next_act_ms);
        act.into_iter().chain(self.writer.as_ref().and_then(Writer::next_burst)).min()
    }

    fn finish(&mut self, _now: Now) {
        self.finishing = true;
        if let Some(writer) = &mut self.writer {
            writer.finish(&mut self.host);
        }
    }

    fn is_done(&self, ends: &Ends) -> bool {
        self.finishing
            && self.asked.is_none()
            && self.writer.as_ref().is_none_or(|writer| writer.is_done(&self.host))
            && self.position().is_some_and(|position| ends.get(&self.partition) == Some(&position))
    }

    fn waits_for(&self, ends: &Ends) -> String {
        format!("{:?} of {:?}, asked {:?}", self.position(), ends.get(&self.partition), self.asked)
    }

    fn power_cut(&mut self, context: &mut Context<'_>, ends: &Ends) {
        let end = ends.get(&self.partition).copied().unwrap_or(0);
        if self.is_assigned && self.position().is_none_or(|position| position > end) {
            self.read_from(context, end);
        }
    }
}
