//! A producer's records stand once. Those of an idempotent one stand all, in their order, over all its invocations; those of
//! one that gives up after a time-out may be missing.

use std::collections::{BTreeMap, BTreeSet};

use headwater_journal::PartitionId;

use super::acknowledged::Log;

pub(super) fn at_last(
    partition: PartitionId,
    log: &Log,
    idempotent: &dyn Fn(u32) -> bool,
) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    let mut next: BTreeMap<u32, u32> = BTreeMap::new();
    for (offset, record) in log {
        let producer = record.producer;
        if !seen.insert((producer, record.number)) {
            return Err(format!("{partition:?}@{offset} has {record:?} again"));
        }
        let next = next.entry(producer).or_default();
        if idempotent(producer) && record.number != *next {
            return Err(format!("{partition:?}@{offset} has {record:?} where number {next} belongs"));
        }
        *next = record.number + 1;
    }
    Ok(())
}
