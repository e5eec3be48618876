//! What a reader saw, and whether it may be so.

use std::collections::BTreeMap;

use anyhow::{Result, bail, ensure};
use headwater_cloud_storage::protocol::{Chunk, ReaderEvent};
use headwater_cloud_storage::{Journal, JournalReader};

use crate::payload::{SHARED, parse};

/// All that was read.
#[derive(Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Offsets of partitions that come next.
    next_offsets: BTreeMap<u32, i64>,
    /// Appends of writers that come next, in each partition.
    next_appends: BTreeMap<(u32, u32), u64>,
    /// Where appends are: partition and writer, then number.
    offsets: BTreeMap<(u32, u32), Vec<i64>>,
}

impl Seen {
    /// Dense offsets, and of each writer every append once and in order.
    fn take(&mut self, chunk: &Chunk) -> Result<()> {
        let partition = chunk.partition.number;
        let (producer, n) = parse(&chunk.bytes, chunk.records)?;
        let offset = self.next_offsets.entry(partition).or_default();
        ensure!(*offset == chunk.base_offset, "{partition} goes on at {}, not {offset}", chunk.base_offset);
        *offset += i64::from(chunk.records);
        let next = self.next_appends.entry((partition, producer)).or_default();
        ensure!(*next == n, "append {n} of {producer} in partition {partition}, where {next} is next");
        *next += 1;
        self.offsets.entry((partition, producer)).or_default().push(chunk.base_offset);
        Ok(())
    }

    /// How many appends of a writer are there, wholly.
    pub(crate) fn appends(&self, producer: u32) -> u64 {
        let of = |partition| self.next_appends.get(&(partition, producer)).copied().unwrap_or(0);
        of(producer).min(of(SHARED))
    }

    /// At a moment when nothing is half read: both batches of each append are there, or neither.
    pub(crate) fn check_whole(&self, producer: u32) -> Result<()> {
        let of = |partition| self.next_appends.get(&(partition, producer)).copied().unwrap_or(0);
        let (own, shared) = (of(producer), of(SHARED));
        ensure!(own == shared, "{own} batches of {producer} in its own partition, {shared} in the other");
        Ok(())
    }

    /// Whether an append is where its writer was told.
    pub(crate) fn check_acknowledged(&self, producer: u32, n: u64, told: &[i64]) -> Result<()> {
        let place = |partition| {
            let offsets = self.offsets.get(&(partition, producer))?;
            offsets.get(usize::try_from(n).ok()?).copied()
        };
        let found = [place(producer), place(SHARED)];
        let expected = [told.first().copied(), told.get(1).copied()];
        ensure!(
            found == expected,
            "append {n} of {producer} was said to be at {expected:?}, is at {found:?}"
        );
        Ok(())
    }
}

/// A reader, and what it saw.
pub(crate) struct Reading {
    reader: JournalReader,
    pub(crate) seen: Seen,
}

impl Reading {
    pub(crate) fn begin(journal: &Journal) -> Result<Reading> {
        Ok(Reading { reader: journal.reader(BTreeMap::new())?, seen: Seen::default() })
    }

    /// Reads until there is no more for now.
    pub(crate) async fn read_to_tail(&mut self) -> Result<()> {
        loop {
            match self.reader.next().await {
                ReaderEvent::Chunk(chunk) => self.seen.take(&chunk)?,
                ReaderEvent::Start { partition, .. } => bail!("partition {} begins later", partition.number),
                ReaderEvent::Tail => return Ok(()),
                ReaderEvent::Failed(error) => return Err(error.into()),
            }
        }
    }
}
