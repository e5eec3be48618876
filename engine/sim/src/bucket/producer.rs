//! Who appends: producers that are invoked again and again, and owners that take something over from each other.

use headwater_journal::{Batch, Fence, PartitionId, ProducerBatch};

use super::payload::{Record, encode};
use super::scenario::Scenario;
use crate::random::Random;

/// What kind of producer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    /// Gives an append up after a time-out.
    Plain,
    /// Sends it again, from another invocation, until it is there.
    Idempotent,
    /// As a plain one, with another producer id each time.
    Passing,
    /// Raises starts of partitions, with an append or without.
    Trimmer,
    /// Takes what is owned over, then appends as its owner, until another one has taken it.
    Owner,
}

/// The partition of owners.
pub(crate) const OWNED: u32 = 1_000;
/// What is owned.
const RESOURCE: u64 = 77;

pub(crate) struct Producer {
    pub(crate) role: Role,
    number: u32,
    journal: u32,
    /// Which host runs its writer.
    pub(crate) host: Option<usize>,
    pub(crate) appends_left: u32,
    append: u32,
    /// By partition: how many of its records were appended.
    sent: Vec<u32>,
    /// What is to be appended now, until it is known to be there.
    current: Vec<(u32, Vec<Record>)>,
    epoch: u32,
    claimed: bool,
    pub(crate) waits: bool,
    /// How many batches passing producers had begun when the current append was.
    pub(crate) passed_before: u64,
    /// The starts of the current append.
    pub(crate) starts: Vec<(PartitionId, i64)>,
    /// They were known to be there when it was begun.
    pub(crate) starts_are_there: bool,
}

impl Producer {
    pub(crate) fn new(role: Role, number: u32, journal: u32, scenario: &Scenario) -> Producer {
        Producer {
            role,
            number,
            journal,
            host: None,
            appends_left: scenario.appends,
            append: 0,
            sent: vec![0; scenario.partitions as usize],
            current: Vec::new(),
            epoch: 0,
            claimed: false,
            waits: false,
            passed_before: 0,
            starts: Vec::new(),
            starts_are_there: false,
        }
    }

    /// The next append, or the same again if its fate is not known.
    pub(crate) fn next(
        &mut self,
        scenario: &Scenario,
        random: &mut Random,
        epochs: &mut u32,
    ) -> (Vec<Batch>, Vec<Fence>) {
        if self.current.is_empty() {
            self.append += 1;
            self.appends_left = self.appends_left.saturating_sub(1);
            if self.role == Role::Owner {
                if !self.claimed {
                    *epochs += 1;
                    self.epoch = *epochs;
                }
                self.current = vec![(OWNED, self.records(OWNED, 1, self.append, 1))];
            } else if self.role != Role::Trimmer || random.coin() {
                self.choose(scenario, random);
            }
        }
        let fence = Fence { resource: RESOURCE, epoch: self.epoch, claims: !self.claimed };
        let fences = if self.role == Role::Owner { vec![fence] } else { Vec::new() };
        (self.current.iter().map(|(partition, records)| self.batch(*partition, records)).collect(), fences)
    }

    fn choose(&mut self, scenario: &Scenario, random: &mut Random) {
        let partitions = u64::from(scenario.partitions);
        let count = if scenario.long_headers {
            random.within(1..partitions)
        } else {
            random.within(1..4).min(partitions)
        };
        let first = random.below(partitions);
        let count32 = u32::try_from(count).unwrap_or(1);
        self.current = (first..first + count)
            .map(|index| u32::try_from(index % partitions).unwrap_or(0))
            .map(|partition| {
                let records = u32::try_from(random.within(1..5)).unwrap_or(1);
                (partition, self.records(partition, records, self.append, count32))
            })
            .collect();
    }

    fn records(&self, partition: u32, count: u32, append: u32, batches: u32) -> Vec<Record> {
        let first = self.sent.get(partition as usize).copied().unwrap_or(append);
        (first..first + count)
            .map(|number| Record {
                producer: self.number,
                append,
                batches,
                number,
                epoch: self.epoch,
                partition,
            })
            .collect()
    }

    fn batch(&self, partition: u32, records: &[Record]) -> Batch {
        let first = records.first().map_or(0, |record| record.number).cast_signed();
        let (producer_id, base_sequence) = match self.role {
            Role::Passing => (i64::from(self.number) * 10_000 + i64::from(self.append) + 1_000_000, 0),
            _ => (i64::from(self.number) + 1_000, first),
        };
        let producer = matches!(self.role, Role::Idempotent | Role::Passing).then_some(ProducerBatch {
            producer_id,
            epoch: 0,
            base_sequence,
        });
        Batch {
            partition: self.partition(partition),
            records: u32::try_from(records.len()).unwrap_or(0),
            producer,
            bytes: encode(records),
        }
    }

    pub(crate) fn partition(&self, number: u32) -> PartitionId {
        PartitionId { journal: self.journal, number }
    }

    /// The append is there, or given up: what was it?
    pub(crate) fn settle(&mut self, there: bool) -> Vec<(u32, Vec<Record>)> {
        let current = std::mem::take(&mut self.current);
        for (partition, records) in &current {
            if let (Some(sent), Some(last)) = (self.sent.get_mut(*partition as usize), records.last()) {
                *sent = last.number + 1;
            }
        }
        self.claimed |= there;
        current
    }

    /// It has begun an append that it would send again.
    pub(crate) fn may_send_again(&self) -> bool {
        self.role == Role::Idempotent && !self.current.is_empty()
    }

    /// Somebody else owns it now, or nobody knows: take it over again, with a new epoch.
    pub(crate) fn lose(&mut self) {
        self.claimed = false;
    }

    pub(crate) fn is_done(&self) -> bool {
        self.appends_left == 0 && self.current.is_empty() && !self.waits
    }
}
