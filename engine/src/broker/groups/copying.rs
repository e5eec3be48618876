//! Keeping `__consumer_offsets` and `__transaction_state` short: what still counts is appended once more, and then the log begins there.
//!
//! The coordinator knows every key that counts, so it needs no cleaner that reads segments. In this order it is safe at any
//! step: until the log start has moved, the records before the copies are there too and say the same. (ADR 6)

use super::Coordinated;
use super::coordinators_log::{Change, CoordinatorReply, Transaction};
use crate::broker::Broker;
use crate::error::ApiError;
use crate::group::{Committed, OffsetsRecord};
use crate::partition::StartWaiter;
use crate::sorted::SortedMap;
use crate::storage_op::LogId;
use crate::time::Now;
use crate::types::{Offset, ProducerId};

/// About how many bytes of copies go into one batch.
const BATCH_BYTES: usize = 64 * 1024;

/// A record as it is written: key and value.
pub(in crate::broker) type Encoded = (Vec<u8>, Option<Vec<u8>>);

/// When a log is shortened.
#[derive(Debug, Default)]
pub(super) struct Copying {
    is_under_way: bool,
    /// The size in bytes beyond which it is; at first whatever the config says.
    due_bytes: Option<u64>,
    /// It has records that this version does not know, which would be lost.
    pub(super) has_unknown: bool,
}

/// Records by key; those without a value are deleted.
type ByKey = SortedMap<Vec<u8>, Option<Vec<u8>>>;

#[derive(Default)]
struct OnTheirWay {
    /// Outside of transactions, or in one that is committed.
    plain: ByKey,
    /// In open transactions, by producer and epoch.
    pending: SortedMap<(ProducerId, i16), ByKey>,
}

fn offset_record(group_id: &str, topic: &str, partition: i32, committed: &Committed) -> OffsetsRecord {
    OffsetsRecord::Offset {
        group_id: group_id.to_owned(),
        topic: topic.to_owned(),
        partition,
        committed: Some(committed.clone()),
    }
}

impl Broker {
    /// Shortens a coordinator's log if it has grown by enough that does not count any more.
    pub(super) fn shorten_if_due(&mut self, now: Now, log: LogId) {
        let limit = self.config.offsets_max_dirty_bytes();
        let Some(partition) = self.partitions.get(&log) else {
            return;
        };
        let copying = self.groups.copying.or_default(log);
        let is_due = partition.log.size_bytes() > copying.due_bytes.unwrap_or(limit);
        if !is_due || copying.is_under_way || copying.has_unknown || partition.check_settled().is_err() {
            return;
        }
        copying.is_under_way = true;
        let start = partition.log.next_offset();
        let mut batches = self.batches_that_count(log).into_iter().peekable();
        if batches.peek().is_none() {
            return self.copied(log, start, &Ok(()));
        }
        let mut is_first = true;
        while let Some((transaction, batch)) = batches.next() {
            let reply = match batches.peek() {
                Some(_) => CoordinatorReply::Nobody,
                None => CoordinatorReply::Copied { start },
            };
            let change = Change { log, records: Vec::new(), transaction, reply };
            // They begin a segment, so that all before them can be dropped whole.
            if !self.store_encoded(now, &batch, change, is_first) {
                return self.shortened(log, false);
            }
            is_first = false;
        }
    }

    /// The last record of every key that was not deleted, as it will be when what is on its way has been stored, and behind them
    /// what open transactions have. If something on its way is refused, so are the copies behind it.
    fn batches_that_count(&self, log: LogId) -> Vec<(Option<Transaction>, Vec<Encoded>)> {
        if self.is_transactions_log(log) {
            let batches = batches_of(self.transactions_that_count(log));
            return batches.into_iter().map(|batch| (None, batch)).collect();
        }
        let OnTheirWay { mut plain, pending } = self.on_their_way(log);
        let mut records = Vec::new();
        let mut take = |record: OffsetsRecord| {
            let key = record.encode_key();
            if !plain.contains_key(&key) {
                records.push((key, record.encode_value()));
            }
        };
        for (id, coordinated) in self.coordinated_in(log) {
            if let Some(stored) = &coordinated.stored {
                take(OffsetsRecord::Group { group_id: id.clone(), metadata: Some(stored.clone()) });
            }
            for (topic, partition, committed) in coordinated.committed_partitions() {
                take(offset_record(id, topic, partition, committed));
            }
        }
        while let Some((key, value)) = plain.pop_first() {
            if value.is_some() {
                records.push((key, value));
            }
        }
        let mut batches: Vec<_> = batches_of(records).into_iter().map(|batch| (None, batch)).collect();
        for ((producer, epoch), offsets) in pending {
            let part = Some(Transaction::Part { producer, epoch });
            let offsets = offsets.into_iter().collect();
            batches.extend(batches_of(offsets).into_iter().map(|batch| (part, batch)));
        }
        batches
    }

    fn coordinated_in(&self, log: LogId) -> impl Iterator<Item = (&String, &Coordinated)> {
        let all = self.groups.by_id.iter().map(|(id, coordinated)| (id, &**coordinated));
        all.filter(move |(_, coordinated)| coordinated.log == log)
    }

    /// What changes on their way to a log will have made of it, and of what open transactions have.
    fn on_their_way(&self, log: LogId) -> OnTheirWay {
        let mut all = OnTheirWay::default();
        for (id, coordinated) in self.coordinated_in(log) {
            for (producer, pending) in coordinated.pending.iter() {
                let offsets = all.pending.or_default((*producer, pending.epoch));
                for ((topic, partition), committed) in pending.offsets.iter() {
                    let record = offset_record(id, topic, *partition, committed);
                    offsets.insert(record.encode_key(), record.encode_value());
                }
            }
        }
        for change in self.groups.changes.of_log(log) {
            let records = change.records.iter().map(|record| (record.encode_key(), record.encode_value()));
            match change.transaction {
                None => {
                    for (key, value) in records {
                        all.pending.values_mut().for_each(|offsets| drop(offsets.remove(&key)));
                        all.plain.insert(key, value);
                    }
                }
                Some(Transaction::Part { producer, epoch }) => {
                    all.pending.or_default((producer, epoch)).extend(records);
                }
                Some(Transaction::Ended { producer, commit }) => {
                    let plain = &mut all.plain;
                    all.pending.retain(|(of, _), offsets| {
                        if *of == producer && commit {
                            plain.extend(std::mem::take(offsets));
                        }
                        *of != producer
                    });
                }
            }
        }
        all
    }

    /// The copies are stored, or could not be.
    pub(super) fn copied(&mut self, log: LogId, start: Offset, result: &Result<(), ApiError>) {
        match result {
            Ok(()) => self.move_log_start(log, start, StartWaiter::Offsets(log)),
            Err(_) => self.shortened(log, false),
        }
    }

    /// A coordinator's log begins at the copies, or still where it did. It is tried again when the log has grown: by as much as
    /// it has now, so that not more is copied than was committed, or by half of what is allowed if it has failed.
    pub(in crate::broker) fn shortened(&mut self, log: LogId, is_done: bool) {
        let limit = self.config.offsets_max_dirty_bytes();
        let size = self.partitions.get(&log).map_or(0, |partition| partition.log.size_bytes());
        let copying = self.groups.copying.or_default(log);
        copying.is_under_way = false;
        let growth = if is_done { limit.max(size) } else { limit / 2 };
        copying.due_bytes = Some(size.saturating_add(growth));
    }
}

/// In batches of a handy size.
fn batches_of(records: Vec<Encoded>) -> Vec<Vec<Encoded>> {
    let mut batches = Vec::new();
    let mut batch = Vec::new();
    let mut size = 0;
    for (key, value) in records {
        size += key.len() + value.as_ref().map_or(0, Vec::len);
        batch.push((key, value));
        if size >= BATCH_BYTES {
            batches.push(std::mem::take(&mut batch));
            size = 0;
        }
    }
    batches.extend(Some(batch).filter(|batch| !batch.is_empty()));
    batches
}
