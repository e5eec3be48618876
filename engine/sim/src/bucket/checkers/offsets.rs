//! Offsets are dense: a reader gets each once and in order.

use std::collections::BTreeMap;

use headwater_journal::PartitionId;

#[derive(Default)]
pub(super) struct Offsets(BTreeMap<(usize, PartitionId), i64>);

impl Offsets {
    pub(super) fn begins(&mut self, reader: usize) {
        self.0.retain(|(other, _), _| *other != reader);
    }

    pub(super) fn seen(
        &mut self,
        reader: usize,
        partition: PartitionId,
        offset: i64,
        records: u32,
    ) -> Result<(), String> {
        let next = self.0.entry((reader, partition)).or_default();
        if *next != offset {
            return Err(format!("reader {reader} got {partition:?}@{offset} where {next} is next"));
        }
        *next += i64::from(records);
        Ok(())
    }
}
