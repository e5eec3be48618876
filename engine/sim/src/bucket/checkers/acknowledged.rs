//! What was acknowledged is there, where it was said to be, for everybody; and all readers are given the same.

use std::collections::BTreeMap;
use std::ops::Range;

use headwater_journal::PartitionId;

use super::Record;

pub(crate) type Log = BTreeMap<i64, Record>;

#[derive(Default)]
pub(super) struct Acknowledged {
    /// What anybody knows of each offset.
    logs: BTreeMap<PartitionId, Log>,
    /// Whether that was acknowledged or only seen.
    acked: BTreeMap<(PartitionId, i64), ()>,
    /// How many records of each partition a reader has.
    counts: BTreeMap<usize, BTreeMap<PartitionId, u64>>,
    /// What a reader was told that it does not get.
    skipped: BTreeMap<(usize, PartitionId), Vec<Range<i64>>>,
}

impl Acknowledged {
    pub(super) fn acked(
        &mut self,
        partition: PartitionId,
        offset: i64,
        record: Record,
    ) -> Result<(), String> {
        self.acked.insert((partition, offset), ());
        self.known(partition, offset, record)
    }

    pub(super) fn begins(&mut self, reader: usize) {
        self.counts.insert(reader, BTreeMap::new());
        self.skipped.retain(|(other, _), _| *other != reader);
    }

    pub(super) fn skips(&mut self, reader: usize, partition: PartitionId, offsets: Range<i64>) {
        self.skipped.entry((reader, partition)).or_default().push(offsets);
    }

    fn is_skipped(&self, reader: usize, partition: PartitionId, offset: i64) -> bool {
        let skipped = self.skipped.get(&(reader, partition)).map_or(&[][..], Vec::as_slice);
        skipped.iter().any(|offsets| offsets.contains(&offset))
    }

    /// The offset behind the last that anybody knows of.
    pub(super) fn end(&self, partition: PartitionId) -> i64 {
        let last = self.logs.get(&partition).and_then(|log| log.keys().next_back());
        last.map_or(0, |last| last + 1)
    }

    pub(super) fn seen(
        &mut self,
        reader: usize,
        partition: PartitionId,
        offset: i64,
        record: Record,
    ) -> Result<(), String> {
        if !self.is_skipped(reader, partition, offset) {
            *self.counts.entry(reader).or_default().entry(partition).or_default() += 1;
        }
        self.known(partition, offset, record)
    }

    fn known(&mut self, partition: PartitionId, offset: i64, record: Record) -> Result<(), String> {
        let old = *self.logs.entry(partition).or_default().entry(offset).or_insert(record);
        if old == record {
            return Ok(());
        }
        Err(format!("{partition:?}@{offset} is {record:?} for one and {old:?} for another"))
    }

    /// A reader that has read to the end has all that anybody knows of.
    pub(super) fn read_all(&self, reader: usize) -> Result<(), String> {
        let counts = self.counts.get(&reader).cloned().unwrap_or_default();
        for (partition, log) in &self.logs {
            let count = counts.get(partition).copied().unwrap_or(0);
            let wanted = log.keys().filter(|offset| !self.is_skipped(reader, *partition, **offset)).count();
            if count != wanted as u64 {
                let acked =
                    log.keys().filter(|offset| self.acked.contains_key(&(*partition, **offset))).count();
                return Err(format!(
                    "reader {reader} has {count} records of {partition:?}, there are {wanted} for it, {acked} acknowledged"
                ));
            }
        }
        Ok(())
    }

    pub(super) fn logs(&self) -> impl Iterator<Item = (&PartitionId, &Log)> {
        self.logs.iter()
    }
}
