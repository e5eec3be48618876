//! Reading bytes of segments: one request for all the rows needed.

use std::ops::Range;

use bytes::Bytes;
use idb::request::futures::GetAllStoreRequestFuture;
use js_sys::Uint8Array;
use web_sys::IdbDatabase;

use super::cache::RowCache;
use super::database::{CHUNK, js_bytes, js_span, read};
use super::index::Rows;
use super::keys::{ChunkKey, KeySpan};

/// Where the bytes of a range are.
#[derive(Debug)]
pub(super) struct ReadPlan {
    /// The range, cut off at the segment's end.
    positions: Range<u64>,
    /// The rows that hold it, in order, with the bytes of those that are in the cache.
    rows: Vec<(ChunkKey, Option<Bytes>)>,
    /// The rows to be read, by their places in `rows`: all between the first and the last that are not in the cache.
    missing: Range<usize>,
    /// The cache's when the read was planned.
    pub(super) generation: u64,
}

impl ReadPlan {
    /// Finds the rows of a range; `name` is the segment's first row, or any other.
    pub(super) fn new(name: ChunkKey, rows: &Rows, range: &Range<u64>, cache: &mut RowCache) -> ReadPlan {
        let positions = range.start.min(rows.size())..range.end.min(rows.size());
        let found: Vec<(ChunkKey, Option<Bytes>)> = rows
            .overlapping(&positions)
            .map(|index| {
                let row = rows.row(index);
                let length = u32::try_from(row.end - row.start).unwrap_or(u32::MAX);
                let key = ChunkKey { position: row.start, length, ..name };
                (key, cache.get(key))
            })
            .collect();
        let absent = |(_, bytes): &(ChunkKey, Option<Bytes>)| bytes.is_none();
        let missing = match (found.iter().position(absent), found.iter().rposition(absent)) {
            (Some(first), Some(last)) => first..last + 1,
            _ => 0..0,
        };
        ReadPlan { positions, rows: found, missing, generation: cache.generation() }
    }

    /// Whether the database has to be asked.
    pub(super) fn is_complete(&self) -> bool {
        self.missing.is_empty()
    }

    fn span(&self) -> Option<KeySpan> {
        let missing = self.rows.get(self.missing.clone())?;
        let (first, last) = (missing.first()?.0, missing.last()?.0);
        Some(KeySpan::chunks(first.log, first.segment, first.position..last.end()))
    }

    /// The bytes asked for, once all rows are there.
    pub(super) fn bytes(&self) -> Bytes {
        if let [(key, Some(row))] = self.rows.as_slice() {
            return row.slice(self.part_of(*key));
        }
        let length = usize::try_from(self.positions.end.saturating_sub(self.positions.start)).unwrap_or(0);
        let mut bytes = Vec::with_capacity(length);
        for (key, row) in &self.rows {
            bytes.extend_from_slice(
                row.as_ref().and_then(|row| row.get(self.part_of(*key))).unwrap_or_default(),
            );
        }
        Bytes::from(bytes)
    }

    /// Which bytes of a row are asked for.
    fn part_of(&self, key: ChunkKey) -> Range<usize> {
        let within = |position: u64| {
            usize::try_from(position.clamp(key.position, key.end()) - key.position).unwrap_or(usize::MAX)
        };
        within(self.positions.start)..within(self.positions.end)
    }

    /// Takes in the rows that were read. False when they are not those expected.
    fn fill(&mut self, rows: &[Uint8Array]) -> bool {
        let missing = &mut self.rows[self.missing.clone()];
        let as_expected = missing.len() == rows.len()
            && missing.iter().zip(rows).all(|((key, _), row)| key.length == row.length());
        if as_expected {
            for ((_, bytes), row) in missing.iter_mut().zip(rows) {
                *bytes = Some(Bytes::from(row.to_vec()));
            }
        }
        as_expected
    }

    /// The last row, if it holds more than was asked for: who reads on will want it.
    pub(super) fn straddling(&self) -> Option<(ChunkKey, Bytes)> {
        let (key, row) = self.rows.last()?;
        (key.end() > self.positions.end).then(|| row.clone()).flatten().map(|row| (*key, row))
    }
}

/// A read on its way.
pub(super) struct Reading {
    plan: ReadPlan,
    rows: GetAllStoreRequestFuture,
}

/// Asks for the rows that a plan misses.
///
/// # Errors
///
/// When the database takes no requests.
pub(super) fn start(database: &IdbDatabase, plan: ReadPlan) -> Result<Reading, String> {
    let text = |error: idb::Error| error.to_string();
    let span = plan.span().ok_or("there is nothing to read")?;
    let transaction = read(database, &[CHUNK])?;
    let chunks = transaction.object_store(CHUNK).map_err(text)?;
    let rows = chunks.get_all(Some(js_span(&span).map_err(text)?.into()), None).map_err(text)?;
    Ok(Reading { plan, rows: rows.into_future() })
}

impl Reading {
    /// Waits for the rows. `None` when others are there than the plan says: a write that it counted on was not
    /// applied, and it has to be planned again.
    pub(super) async fn finish(self) -> Result<Option<ReadPlan>, String> {
        let Reading { mut plan, rows } = self;
        let rows: Vec<Uint8Array> =
            rows.await.map_err(|error| error.to_string())?.iter().map(js_bytes).collect();
        Ok(plan.fill(&rows).then_some(plan))
    }
}
