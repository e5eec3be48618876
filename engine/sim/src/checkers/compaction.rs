//! Of every key of a compacted topic the last record survives, and whoever reads comes to know the same of each key.

use std::collections::BTreeMap;

use headwater_engine::Offset;

use crate::payload::RecordId;

/// A record of a key: where it stands, and its value; without one it is a tombstone.
type Latest = (Offset, Option<RecordId>);

#[derive(Debug, Default)]
pub(super) struct Compaction {
    /// What was acknowledged of each key, by offset.
    acked: BTreeMap<u8, BTreeMap<Offset, Option<RecordId>>>,
    /// What each reader knows of each key.
    known: BTreeMap<u32, BTreeMap<u8, Latest>>,
    /// The offset behind the last that a reader was given.
    next: BTreeMap<u32, Offset>,
}

impl Compaction {
    pub(super) fn acked(&mut self, key: u8, offset: Offset, value: Option<RecordId>) {
        self.acked.entry(key).or_default().insert(offset, value);
    }

    /// A reader was given a record.
    pub(super) fn seen(
        &mut self,
        reader: u32,
        key: u8,
        offset: Offset,
        value: Option<RecordId>,
    ) -> Result<(), String> {
        let next = self.next.entry(reader).or_default();
        if offset < *next {
            return Err(format!("reader {reader} got offset {offset} where {next} is the least"));
        }
        *next = offset + 1;
        let acked = self.acked.get(&key).and_then(|acked| acked.get(&offset));
        if acked.is_some_and(|acked| *acked != value) {
            return Err(format!("reader {reader} got {value:?} at {offset}, acknowledged was {acked:?}"));
        }
        self.known.entry(reader).or_default().insert(key, (offset, value));
        Ok(())
    }

    /// What lay from an offset on is gone, and that was to be expected. Readers begin anew.
    pub(super) fn lost_from(&mut self, end: Offset) {
        for acked in self.acked.values_mut() {
            acked.split_off(&end);
        }
    }

    /// A reader begins anew.
    pub(super) fn forget(&mut self, reader: u32) {
        self.known.remove(&reader);
        self.next.remove(&reader);
    }

    /// All have read to the end. `tombstones_stay`: none was old enough to go. `kept_from`: retention has taken what was before.
    pub(super) fn at_last(&self, tombstones_stay: bool, kept_from: Offset) -> Result<(), String> {
        for (reader, known) in &self.known {
            for (key, acked) in &self.acked {
                let Some((offset, value)) =
                    acked.last_key_value().filter(|(offset, _)| **offset >= kept_from)
                else {
                    continue;
                };
                match known.get(key) {
                    // One that nobody was told of may stand behind it.
                    Some((found, _)) if found > offset => {}
                    Some(found) if found == &(*offset, *value) => {}
                    None if value.is_none() && !tombstones_stay => {}
                    // Whoever read it before the tombstone, and came back after that was gone, does not know better.
                    Some((found, Some(_))) if value.is_none() && found < offset && !tombstones_stay => {}
                    found => {
                        return Err(format!(
                            "the last of key {key} was acknowledged as {value:?} at {offset}; reader {reader} has {found:?}"
                        ));
                    }
                }
            }
        }
        Ok(())
    }
}
