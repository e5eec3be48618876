//! Transactions: what was aborted, or is not decided, no reader of committed records is given; a transaction is there as a
//! whole, with its offsets, or not at all; what is copied from topic to topic by transactions is there once.

use std::collections::BTreeMap;

use headwater_engine::{Offset, TopicPartition};

use crate::payload::RecordId;

/// What writers write to, and what copiers copy that to.
pub(crate) const LEDGER: &str = "ledger";
pub(crate) const COPY: &str = "copy";

/// A record of a transaction: the how manieth it is.
const INDEX_BITS: u32 = 8;

/// What becomes of a transaction, as far as its writer knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Outcome {
    /// Nobody has said that it is to count.
    Open,
    /// It may count.
    Deciding,
    Committed,
    Aborted,
}

#[derive(Clone, Copy, Debug)]
struct Written {
    records: usize,
    outcome: Outcome,
}

/// A transaction: its writer, and the how manieth of it it is.
type Name = (u32, u64);
/// What a reader was given of a topic.
type Given = BTreeMap<RecordId, (TopicPartition, Offset)>;

#[derive(Debug, Default)]
pub(crate) struct Transactions {
    written: BTreeMap<Name, Written>,
    /// By reader and topic.
    given: BTreeMap<(u32, String), Given>,
    /// The last stable offsets that readers were told.
    stable: BTreeMap<(u32, TopicPartition), Offset>,
}

/// The name of a record of a transaction.
pub(crate) fn record_id(writer: u32, transaction: u64, index: u64) -> RecordId {
    RecordId { producer: writer, number: (transaction << INDEX_BITS) | index }
}

fn name_of(id: RecordId) -> Name {
    (id.producer, id.number >> INDEX_BITS)
}

impl Transactions {
    pub(crate) fn begun(&mut self, name: Name) {
        self.written.insert(name, Written { records: 0, outcome: Outcome::Open });
    }

    /// Its producer has taken so many records.
    pub(crate) fn has(&mut self, name: Name, records: usize) {
        if let Some(written) = self.written.get_mut(&name) {
            written.records = records;
        }
    }

    /// It is to count from now on, or perhaps a little later.
    pub(crate) fn deciding(&mut self, name: Name) {
        self.becomes(name, Outcome::Deciding);
    }

    pub(crate) fn ended(&mut self, name: Name, commit: bool) {
        self.becomes(name, if commit { Outcome::Committed } else { Outcome::Aborted });
    }

    /// Its writer is gone. Where it had not said that it is to count, it never will.
    pub(crate) fn left(&mut self, name: Name) {
        if self.written.get(&name).is_some_and(|written| written.outcome == Outcome::Open) {
            self.becomes(name, Outcome::Aborted);
        }
    }

    fn becomes(&mut self, name: Name, outcome: Outcome) {
        if let Some(written) = self.written.get_mut(&name) {
            written.outcome = outcome;
        }
    }

    /// A reader of committed records was given one.
    pub(crate) fn given(
        &mut self,
        reader: u32,
        topic_partition: &TopicPartition,
        offset: Offset,
        id: RecordId,
    ) -> Result<(), String> {
        let name = name_of(id);
        let outcome = self.written.get(&name).map(|written| written.outcome);
        if !matches!(outcome, Some(Outcome::Deciding | Outcome::Committed)) {
            return Err(format!(
                "reader {reader} was given {topic_partition}@{offset} of transaction {name:?}, which is {outcome:?}"
            ));
        }
        let given = self.given.entry((reader, topic_partition.topic.clone())).or_default();
        match given.insert(id, (topic_partition.clone(), offset)) {
            None => Ok(()),
            Some((earlier, at)) => Err(format!(
                "a record of transaction {name:?} stands at {earlier}@{at} and at {topic_partition}@{offset}"
            )),
        }
    }

    /// A reader was told how far all is decided.
    pub(crate) fn stable(
        &mut self,
        reader: u32,
        topic_partition: &TopicPartition,
        offset: Offset,
    ) -> Result<(), String> {
        let before = self.stable.insert((reader, topic_partition.clone()), offset);
        match before.filter(|before| *before > offset) {
            Some(before) => Err(format!(
                "the last stable offset of {topic_partition} went from {before} back to {offset}"
            )),
            None => Ok(()),
        }
    }

    /// What a reader was given of the ledger, which has all: every transaction is there as a whole or not at all. `offsets`: what
    /// writers have committed with their transactions, which is the number of the last.
    pub(crate) fn whole_at_last(&self, reader: u32, offsets: &BTreeMap<u32, Offset>) -> Result<(), String> {
        let given = self.given.get(&(reader, LEDGER.to_owned())).cloned().unwrap_or_default();
        let mut there: BTreeMap<Name, usize> = BTreeMap::new();
        for id in given.keys() {
            *there.entry(name_of(*id)).or_default() += 1;
        }
        let mut last: BTreeMap<u32, u64> = BTreeMap::new();
        for (name, written) in &self.written {
            let records = there.get(name).copied().unwrap_or(0);
            let is_right = match written.outcome {
                Outcome::Committed => records == written.records,
                Outcome::Deciding => records == written.records || records == 0,
                Outcome::Open | Outcome::Aborted => records == 0,
            };
            if !is_right {
                return Err(format!("of transaction {name:?}, {written:?}, there are {records} records"));
            }
            if records > 0 {
                last.insert(name.0, name.1);
            }
        }
        for (writer, transaction) in &last {
            let committed = offsets.get(writer).copied();
            if committed != i64::try_from(*transaction).ok() {
                return Err(format!(
                    "the last transaction of writer {writer} is {transaction}; its offset is {committed:?}"
                ));
            }
        }
        match offsets.keys().find(|writer| !last.contains_key(writer)) {
            Some(writer) => Err(format!("writer {writer} has an offset, and no transaction")),
            None => Ok(()),
        }
    }

    /// What was copied is what there was.
    pub(crate) fn copied_at_last(&self, reader: u32) -> Result<(), String> {
        let of = |topic: &str| self.given.get(&(reader, topic.to_owned())).cloned().unwrap_or_default();
        let (ledger, copy) = (of(LEDGER), of(COPY));
        match ledger.iter().find(|(id, _)| !copy.contains_key(id)) {
            Some((id, (topic_partition, offset))) => Err(format!(
                "{id} at {topic_partition}@{offset} was never copied; there are {} of {}",
                copy.len(),
                ledger.len()
            )),
            None => Ok(()),
        }
    }
}
