//! The batches of an append are visible together: a reader at the tail has all of them, or none.

use std::collections::{BTreeMap, BTreeSet};

use headwater_journal::PartitionId;

use super::Record;

/// Appends by producer and number: the partitions that have a batch of it, and how many batches there are.
type Partial = BTreeMap<(u32, u32), (BTreeSet<PartitionId>, u32)>;

#[derive(Default)]
pub(super) struct Atomic {
    /// By reader: appends of which it has some batches.
    partial: BTreeMap<usize, Partial>,
    /// By reader: partitions of which it does not get the beginning, so that batches may be among what it does not get.
    skipped: BTreeMap<usize, BTreeSet<PartitionId>>,
}

impl Atomic {
    pub(super) fn begins(&mut self, reader: usize) {
        self.partial.remove(&reader);
        self.skipped.remove(&reader);
    }

    pub(super) fn skips(&mut self, reader: usize, partition: PartitionId) {
        self.skipped.entry(reader).or_default().insert(partition);
    }

    pub(super) fn seen(&mut self, reader: usize, partition: PartitionId, record: Record) {
        let appends = self.partial.entry(reader).or_default();
        let key = (record.producer, record.append);
        let (partitions, batches) = appends.entry(key).or_insert((BTreeSet::new(), record.batches));
        partitions.insert(partition);
        if partitions.len() as u64 >= u64::from(*batches) {
            appends.remove(&key);
        }
    }

    pub(super) fn tail(&self, reader: usize) -> Result<(), String> {
        let none = BTreeSet::new();
        let skipped = self.skipped.get(&reader).unwrap_or(&none);
        let lacks = |(_, (partitions, batches)): &(_, &(BTreeSet<PartitionId>, u32))| {
            partitions.union(skipped).count() < *batches as usize
        };
        let partial = self.partial.get(&reader).and_then(|appends| appends.iter().find(lacks));
        match partial {
            Some(((producer, append), (partitions, batches))) => Err(format!(
                "reader {reader} has {} of {batches} batches of append {append} of producer {producer}",
                partitions.len()
            )),
            None => Ok(()),
        }
    }
}
