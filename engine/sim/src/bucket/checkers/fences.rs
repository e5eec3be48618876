//! Records that are written by the owner of something stand in the order of owners: none of an old one behind a new one's.

use std::collections::BTreeSet;

use headwater_journal::PartitionId;

use super::acknowledged::Log;

#[derive(Default)]
pub(super) struct Fences(BTreeSet<PartitionId>);

impl Fences {
    pub(super) fn watch(&mut self, partition: PartitionId) {
        self.0.insert(partition);
    }

    pub(super) fn at_last(&self, partition: PartitionId, log: &Log) -> Result<(), String> {
        if !self.0.contains(&partition) {
            return Ok(());
        }
        let mut epoch = 0;
        for (offset, record) in log {
            if record.epoch < epoch {
                return Err(format!("{partition:?}@{offset} is of epoch {}, after {epoch}", record.epoch));
            }
            epoch = record.epoch;
        }
        Ok(())
    }
}
