//! Segments: how they are put together, and what of them is dead.

use bytes::Bytes;

use crate::checkpoint::{Segment, Stored, ranges};
use crate::commit::Entry;
use crate::config::{Config, Plant};
use crate::error::Error;
use crate::follower::added;
use crate::state::State;

/// A segment that is being put together.
#[derive(Default)]
pub(super) struct Run {
    pub(super) index: Vec<Stored>,
    pub(super) body: Vec<Bytes>,
    pub(super) length: usize,
}

impl Run {
    pub(super) fn add(&mut self, entry: &Entry, bytes: &Bytes) {
        let start = self.length as u64;
        self.index.extend(
            stored(entry).into_iter().map(|stored| Stored { position: start + stored.position, ..stored }),
        );
        self.length += bytes.len();
        self.body.push(bytes.clone());
    }

    /// Adds what of a segment does not lie below the starts.
    pub(super) fn extend(
        &mut self,
        key: &str,
        index: &[Stored],
        bytes: &Bytes,
        starts: &Starts<'_>,
    ) -> Result<(), Error> {
        for stored in index.iter().filter(|stored| stored.end_offset() > starts(stored.partition)) {
            let Some(bytes) = stored.slice(bytes) else {
                return Err(Error::Damaged { key: key.to_owned(), what: "cut off" });
            };
            self.index.push(Stored { position: self.length as u64, ..stored.clone() });
            self.length += bytes.len();
            self.body.push(bytes);
        }
        Ok(())
    }
}

/// The batches that an entry added; positions count from the first of all of them.
pub(super) fn stored(entry: &Entry) -> Vec<Stored> {
    let positions: Vec<u64> = entry
        .header
        .parts
        .iter()
        .scan(0_u64, |position, part| {
            let start = *position;
            *position += u64::from(part.length);
            Some(start)
        })
        .collect();
    let batch = |(index, placed): (usize, &crate::state::Placed)| {
        let part = entry.header.parts.get(index)?;
        Some(Stored {
            partition: part.partition,
            base_offset: placed.base_offset,
            records: part.records,
            position: *positions.get(index)?,
            length: part.length,
            crc: part.crc,
        })
    };
    added(entry).filter_map(batch).collect()
}

/// Where each partition begins.
pub(super) type Starts<'a> = dyn Fn(u32) -> i64 + Sync + 'a;

pub(super) fn starts_of<'a>(config: &Config, state: &'a State) -> impl Fn(u32) -> i64 + Sync + use<'a> {
    let keeps_all = config.plants(Plant::KeepBelowStart);
    move |partition| if keeps_all { 0 } else { state.start(partition) }
}

/// Whether most records of a segment, as far as its ranges tell, lie below their starts.
pub(super) fn is_mostly_dead(segment: &Segment, starts: &Starts<'_>) -> bool {
    let dead = |(partition, first, end): &(u32, i64, i64)| (starts(*partition).min(*end) - first).max(0);
    let dead: i64 = segment.ranges.iter().map(dead).sum();
    let all: i64 = segment.ranges.iter().map(|(_, first, end)| end - first).sum();
    dead.saturating_mul(2) > all
}

pub(super) fn adopt(key: String, entry: &Entry) -> Segment {
    let index = stored(entry);
    Segment { key, level: 0, ranges: ranges(&index), adopted: Some(index) }
}
