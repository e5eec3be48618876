//! Offsets are dense: a reader gets each once and in order, but for those it was told are not there any more.

use std::collections::BTreeMap;
use std::ops::Range;

use headwater_journal::PartitionId;

#[derive(Default)]
pub(super) struct Offsets {
    next: BTreeMap<(usize, PartitionId), i64>,
    /// Where a reader was told to go on, if a batch that is there begins before.
    starts: BTreeMap<(usize, PartitionId), i64>,
}

impl Offsets {
    pub(super) fn begins(&mut self, reader: usize) {
        self.next.retain(|(other, _), _| *other != reader);
        self.starts.retain(|(other, _), _| *other != reader);
    }

    /// A reader was told where a partition begins: the offsets it does not get, if there are.
    pub(super) fn skips_to(
        &mut self,
        reader: usize,
        partition: PartitionId,
        start: i64,
    ) -> Option<Range<i64>> {
        let next = self.next.entry((reader, partition)).or_default();
        if start <= *next {
            return None;
        }
        self.starts.insert((reader, partition), start);
        Some(std::mem::replace(next, start)..start)
    }

    pub(super) fn seen(
        &mut self,
        reader: usize,
        partition: PartitionId,
        offset: i64,
        records: u32,
    ) -> Result<(), String> {
        let next = self.next.entry((reader, partition)).or_default();
        let end = offset + i64::from(records);
        let begins = self.starts.get(&(reader, partition)) == Some(next);
        if *next != offset && !(begins && (offset..end).contains(next)) {
            return Err(format!("reader {reader} got {partition:?}@{offset} where {next} is next"));
        }
        *next = end;
        Ok(())
    }
}
