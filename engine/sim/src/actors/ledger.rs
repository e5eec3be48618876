//! A writer of transactions: records in several partitions and an offset, committed or aborted. Now and then it dies amid one.

use headwater_client::{
    GroupMetadata, OffsetToCommit, ProducerConfig, ProducerId, ProducerRecord, TransactionEvent,
    TransactionState,
};
use headwater_engine::{Now, TopicPartition};

use super::host::Host;
use super::{Actor, Context, Ends};
use crate::checkers::{LEDGER, record_id};
use crate::random::Random;
use crate::scenario::{Scenario, TransactionsPlan};

/// The group whose offset says which transaction of a writer was the last.
pub(crate) fn group_of(writer: u32) -> String {
    format!("ledger-{writer}")
}

/// What of a transaction is done.
#[derive(Debug)]
struct Open {
    number: u64,
    records: u64,
    ending: bool,
}

pub(crate) struct LedgerActor {
    number: u32,
    host: Host,
    producer: ProducerId,
    config: ProducerConfig,
    plan: TransactionsPlan,
    open: Option<Open>,
    transactions: u64,
    max_filler: usize,
    next_ms: u64,
    finishing: bool,
}

/// How transactional producers are set up.
pub(super) fn config(id: &str, plan: &TransactionsPlan, random: &mut Random) -> ProducerConfig {
    ProducerConfig {
        transactional_id: Some(id.to_owned()),
        transaction_timeout_ms: plan.timeout_ms,
        linger_ms: random.pick(&[0, 5, 50]),
        batch_size: random.pick(&[1, 100, 4_000]),
        delivery_timeout_ms: random.pick(&[2_000, 20_000]),
        ..ProducerConfig::default()
    }
}

impl LedgerActor {
    pub(crate) fn new(
        number: u32,
        scenario: &Scenario,
        plan: &TransactionsPlan,
        random: &mut Random,
    ) -> LedgerActor {
        let name = format!("writer-{number}");
        let mut host = Host::new(&name, scenario.brokers, random.next());
        let config = config(&name, plan, random);
        let producer = host.client.add_producer(config.clone());
        LedgerActor {
            number,
            host,
            producer,
            config,
            plan: plan.clone(),
            open: None,
            transactions: 0,
            max_filler: scenario.max_filler,
            next_ms: 0,
            finishing: false,
        }
    }

    fn state(&self) -> Option<&TransactionState> {
        self.host.client.transaction_state(self.producer)
    }

    fn step(&mut self, context: &mut Context<'_>) {
        let state = self.state().cloned();
        match &mut self.open {
            None if self.finishing || state != Some(TransactionState::Ready) => {}
            None => {
                if self.host.client.begin_transaction(self.producer).is_ok() {
                    // From 1 on, so that no offset is 0.
                    self.transactions += 1;
                    let number = self.transactions;
                    self.open = Some(Open { number, records: 0, ending: false });
                    context.checks.transactions.begun((self.number, number));
                }
            }
            Some(_) if !self.finishing && context.random.one_in(self.plan.dies) => self.die(context),
            Some(open) if open.ending => {}
            Some(_) => {
                for _ in 0..1 + context.random.below(4) {
                    self.send(context);
                }
                if self.finishing || context.random.coin() {
                    self.end(context);
                }
            }
        }
    }

    fn send(&mut self, context: &mut Context<'_>) {
        let Ok(Some(partitions)) = self.host.client.partition_count(context.now, LEDGER) else { return };
        let Some(open) = &mut self.open else { return };
        let value = record_id(self.number, open.number, open.records).value(self.max_filler);
        let record = ProducerRecord {
            topic: LEDGER,
            partition: Some(
                i32::try_from(context.random.below(partitions.unsigned_abs().into())).unwrap_or(0),
            ),
            value: Some(&value),
            ..ProducerRecord::default()
        };
        if self.host.client.send(context.now, self.producer, &record).is_ok() {
            open.records += 1;
        }
    }

    fn end(&mut self, context: &mut Context<'_>) {
        let Some(open) = &mut self.open else { return };
        let name = (self.number, open.number);
        open.ending = true;
        if open.records > 0 && !context.random.one_in(4) {
            context.checks.transactions.has(name, usize::try_from(open.records).unwrap_or(usize::MAX));
            let group = GroupMetadata {
                group_id: group_of(self.number),
                member_id: String::new(),
                group_instance_id: None,
                generation: -1,
            };
            let topic_partition = TopicPartition { topic: LEDGER.to_owned(), partition: 0 };
            let offset = i64::try_from(open.number).unwrap_or(i64::MAX);
            let offsets = vec![OffsetToCommit { topic_partition, offset, metadata: String::new() }];
            let client = &mut self.host.client;
            let sent = client.send_offsets_to_transaction(self.producer, group, offsets);
            if sent.is_ok() && client.commit_transaction(self.producer).is_ok() {
                context.checks.transactions.deciding(name);
                return;
            }
        }
        // It may have to be aborted already, which the event tells.
        let _aborting = self.host.client.abort_transaction(self.producer);
    }

    fn die(&mut self, context: &mut Context<'_>) {
        self.host.die(context);
        self.renew(context);
    }

    /// Another producer comes in its place.
    fn renew(&mut self, context: &mut Context<'_>) {
        if let Some(open) = self.open.take() {
            context.checks.transactions.left((self.number, open.number));
        }
        self.host.client.remove_producer(self.producer);
        self.producer = self.host.client.add_producer(self.config.clone());
    }

    fn look(&mut self, context: &mut Context<'_>) {
        while self.host.client.poll_delivery(self.producer).is_some() {}
        while let Some(event) = self.host.client.poll_transaction(self.producer) {
            context.trace.say(format_args!("{}: {:?}: {event:?}", self.host.name, self.open));
            let name = self.open.as_ref().map(|open| (self.number, open.number));
            match (event, name) {
                (TransactionEvent::Committed, Some(name)) => {
                    context.checks.transactions.ended(name, true);
                    self.open = None;
                }
                (TransactionEvent::Aborted, Some(name)) => {
                    context.checks.transactions.ended(name, false);
                    self.open = None;
                }
                (TransactionEvent::MustAbort(_), Some(_)) => {
                    if let Some(open) = &mut self.open {
                        open.ending = true;
                    }
                    // It can be, or has failed, which is told next.
                    let _aborting = self.host.client.abort_transaction(self.producer);
                }
                (TransactionEvent::Failed(_), _) => return self.renew(context),
                _ => {}
            }
        }
    }
}

impl Actor for LedgerActor {
    has_host!();

    fn work(&mut self, context: &mut Context<'_>) {
        self.look(context);
        if context.now.monotonic_ms >= self.next_ms {
            self.next_ms = context.now.monotonic_ms + 1 + context.random.below(self.plan.gap_ms);
            self.step(context);
            self.look(context);
        }
    }

    fn own_wake(&self) -> Option<u64> {
        (!self.finishing || self.open.is_some()).then_some(self.next_ms)
    }

    fn sent(&mut self, context: &mut Context<'_>) {
        self.look(context);
    }

    fn finish(&mut self, now: Now) {
        self.finishing = true;
        self.next_ms = now.monotonic_ms;
    }

    fn is_done(&self, _ends: &Ends) -> bool {
        self.finishing && self.open.is_none() && self.state() == Some(&TransactionState::Ready)
    }

    fn waits_for(&self, _ends: &Ends) -> String {
        format!("{:?}, {:?}", self.open, self.state())
    }
}
