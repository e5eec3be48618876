//! A partition begins no later than somebody wanted it to and no earlier than it was answered to somebody, for every reader.

use std::collections::BTreeMap;

use headwater_journal::PartitionId;

#[derive(Default)]
pub(super) struct Retention {
    /// The latest start that anybody asked for.
    asked: BTreeMap<PartitionId, i64>,
    /// The latest that was acknowledged.
    began: BTreeMap<PartitionId, i64>,
    /// What each reader was told last.
    told: BTreeMap<(usize, PartitionId), i64>,
}

impl Retention {
    pub(super) fn asked(&mut self, starts: &[(PartitionId, i64)]) {
        raise(&mut self.asked, starts);
    }

    pub(super) fn began(&mut self, starts: &[(PartitionId, i64)]) {
        raise(&mut self.began, starts);
    }

    pub(super) fn begins(&mut self, reader: usize) {
        self.told.retain(|(other, _), _| *other != reader);
    }

    pub(super) fn told(&mut self, reader: usize, partition: PartitionId, offset: i64) -> Result<(), String> {
        let asked = self.asked.get(&partition).copied().unwrap_or(0);
        if offset > asked {
            return Err(format!("reader {reader} begins {partition:?} at {offset}, asked was for {asked}"));
        }
        let told = self.told.entry((reader, partition)).or_default();
        if offset <= *told {
            return Err(format!("reader {reader} begins {partition:?} at {told} and then at {offset}"));
        }
        *told = offset;
        Ok(())
    }

    pub(super) fn at_last(&self, reader: usize) -> Result<(), String> {
        for (partition, start) in self.began.iter().filter(|(_, start)| **start > 0) {
            let told = self.told.get(&(reader, *partition)).copied().unwrap_or(0);
            if told < *start {
                return Err(format!(
                    "reader {reader} begins {partition:?} at {told}, though it begins at {start}"
                ));
            }
        }
        Ok(())
    }
}

fn raise(latest: &mut BTreeMap<PartitionId, i64>, starts: &[(PartitionId, i64)]) {
    for (partition, start) in starts {
        let latest = latest.entry(*partition).or_default();
        *latest = (*latest).max(*start);
    }
}
