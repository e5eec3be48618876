//! A group gets every record at least once.

use std::collections::{BTreeMap, BTreeSet};

use headwater_engine::{Offset, TopicPartition};

use super::ReadLog;

/// What a group has got of a partition.
#[derive(Debug, Default)]
struct Got {
    offsets: BTreeSet<Offset>,
    /// A power cut has taken records that the group was done with, and may have left its position; others that
    /// got their offsets are skipped then.
    excused: BTreeSet<Offset>,
}

#[derive(Debug, Default)]
pub(super) struct Delivery {
    groups: BTreeSet<String>,
    got: BTreeMap<(String, TopicPartition), Got>,
}

impl Delivery {
    /// There is a group that is to get everything.
    pub(super) fn expect(&mut self, group: &str) {
        self.groups.insert(group.to_owned());
    }

    pub(super) fn got(&mut self, group: &str, topic_partition: &TopicPartition, offset: Offset) {
        self.got.entry((group.to_owned(), topic_partition.clone())).or_default().offsets.insert(offset);
    }

    pub(super) fn lost_from(&mut self, topic_partition: &TopicPartition, end: Offset) {
        for ((_, other), got) in &mut self.got {
            if other == topic_partition {
                let lost = got.offsets.split_off(&end);
                got.excused.extend(lost);
            }
        }
    }

    pub(super) fn read_at_last(&self, topic_partition: &TopicPartition, log: &ReadLog) -> Result<(), String> {
        let nothing = Got::default();
        for group in &self.groups {
            let got = self.got.get(&(group.clone(), topic_partition.clone())).unwrap_or(&nothing);
            let missing =
                |(offset, _): &&(Offset, _)| !got.offsets.contains(offset) && !got.excused.contains(offset);
            if let Some((offset, id)) = log.iter().find(missing) {
                return Err(format!("{group} never got {topic_partition}@{offset}, which is {id:?}"));
            }
        }
        Ok(())
    }
}
