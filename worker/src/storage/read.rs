//! Reading bytes of segments: one request for all the rows needed.
//!
//! If others are there than expected, either a write that the read counted on was not applied, or the database is damaged.
//! The state tells the two apart. What is damaged or lost is read as zeros, which the engine passes over (ADR 11).

use std::ops::Range;

use bytes::Bytes;
use idb::request::futures::{GetAllKeysStoreRequestFuture, GetAllStoreRequestFuture, GetStoreRequestFuture};
use wasm_bindgen::JsValue;
use web_sys::IdbDatabase;

use super::cache::RowCache;
use super::database::{CHUNK, META, js_bytes, js_row, js_span, read};
use super::index::Rows;
use super::keys::{ChunkKey, KeySpan};
use super::state::{STATE_KEY, State};

/// Where the bytes of a range are.
#[derive(Debug)]
pub(super) struct ReadPlan {
    /// The range, cut off at the segment's end.
    positions: Range<u64>,
    /// The rows that hold it, in order, with the bytes of those that are in the cache.
    rows: Vec<PlannedRow>,
    /// The rows to be read, by their places in `rows`: all between the first and the last that are not in the cache, but
    /// for the holes among them.
    missing: Range<usize>,
    /// The cache's when the read was planned.
    pub(super) generation: u64,
}

#[derive(Debug)]
struct PlannedRow {
    key: ChunkKey,
    bytes: Option<Bytes>,
    is_hole: bool,
}

impl ReadPlan {
    /// Finds the rows of a range; `name` is the segment's first row, or any other.
    pub(super) fn new(name: ChunkKey, rows: &Rows, range: &Range<u64>, cache: &mut RowCache) -> ReadPlan {
        let positions = range.start.min(rows.size())..range.end.min(rows.size());
        let found: Vec<PlannedRow> = rows
            .overlapping(&positions)
            .map(|index| {
                let row = rows.row(index);
                let length = u32::try_from(row.end - row.start).unwrap_or(u32::MAX);
                let key = ChunkKey { position: row.start, length, ..name };
                let is_hole = rows.is_hole(index);
                PlannedRow { key, bytes: if is_hole { None } else { cache.get(key) }, is_hole }
            })
            .collect();
        let absent = |row: &PlannedRow| row.bytes.is_none() && !row.is_hole;
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
        let (first, last) = (missing.first()?.key, missing.last()?.key);
        Some(KeySpan::chunks(first.log, first.segment, first.position..last.end()))
    }

    /// The bytes asked for, once all rows are there.
    pub(super) fn bytes(&self) -> Bytes {
        if let [PlannedRow { key, bytes: Some(row), .. }] = self.rows.as_slice() {
            return row.slice(self.part_of(*key));
        }
        let length = usize::try_from(self.positions.end.saturating_sub(self.positions.start)).unwrap_or(0);
        let mut bytes = Vec::with_capacity(length);
        for PlannedRow { key, bytes: row, .. } in &self.rows {
            let part = self.part_of(*key);
            match row.as_ref().and_then(|row| row.get(part.clone())) {
                Some(part) => bytes.extend_from_slice(part),
                None => bytes.resize(bytes.len() + part.len(), 0),
            }
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

    /// The rows to be read.
    fn missing(&mut self) -> impl Iterator<Item = &mut PlannedRow> {
        let missing = self.rows.get_mut(self.missing.clone()).unwrap_or_default();
        missing.iter_mut().filter(|row| !row.is_hole)
    }

    /// Takes in the rows that were read. False when they are not those expected.
    fn fill(&mut self, rows: &[Option<Bytes>]) -> bool {
        let fits = |(planned, row): (&mut PlannedRow, &Option<Bytes>)| {
            row.as_ref().is_some_and(|row| row.len() as u64 == u64::from(planned.key.length))
        };
        let as_expected = self.missing().count() == rows.len() && self.missing().zip(rows).all(fits);
        if as_expected {
            self.missing().zip(rows).for_each(|(planned, row)| planned.bytes.clone_from(row));
        }
        as_expected
    }

    /// Takes in what is there of the rows that were to be read.
    fn patch(&mut self, rows: &[(ChunkKey, Bytes)]) {
        self.missing().for_each(|planned| planned.bytes = Some(patched(planned.key, rows)));
    }

    /// The last row, if it holds more than was asked for: who reads on will want it.
    pub(super) fn straddling(&self) -> Option<(ChunkKey, Bytes)> {
        let PlannedRow { key, bytes, .. } = self.rows.last()?;
        (key.end() > self.positions.end).then(|| bytes.clone()).flatten().map(|row| (*key, row))
    }
}

/// The bytes of a row as far as they are there, each at its place, and zeros for the rest.
pub(super) fn patched(key: ChunkKey, rows: &[(ChunkKey, Bytes)]) -> Bytes {
    let index = |position: u64| {
        usize::try_from(position.clamp(key.position, key.end()) - key.position).unwrap_or(usize::MAX)
    };
    let mut bytes = vec![0; index(key.end())];
    for (found, row) in rows {
        let place = bytes.get_mut(index(found.position)..index(found.end())).unwrap_or_default();
        // A row that begins before this one has nothing for it: rows do not lie on each other.
        let row = if found.position < key.position { &[] } else { row.as_ref() };
        place.iter_mut().zip(row).for_each(|(byte, found)| *byte = *found);
    }
    Bytes::from(bytes)
}

/// The rows that are there. One whose key or value is none at all is as good as lost.
pub(super) fn found_rows(keys: &[JsValue], rows: &[JsValue]) -> Vec<(ChunkKey, Bytes)> {
    let row = |(key, row)| {
        let key = ChunkKey::from_bytes(&js_bytes(key).to_vec())?;
        Some((key, Bytes::from(js_row(row)?.to_vec())))
    };
    keys.iter().zip(rows).filter_map(row).collect()
}

/// A read on its way.
pub(super) struct Reading {
    plan: ReadPlan,
    rows: GetAllStoreRequestFuture,
    check: Option<Check>,
}

/// What tells damage from a write that was not applied.
struct Check {
    expected: State,
    state: GetStoreRequestFuture,
    keys: GetAllKeysStoreRequestFuture,
}

/// Asks for the rows that a plan misses. With the state that the plan counts on, it is not taken for granted that they are
/// as expected.
///
/// # Errors
///
/// When the database takes no requests.
pub(super) fn start(
    database: &IdbDatabase,
    plan: ReadPlan,
    expected: Option<State>,
) -> Result<Reading, String> {
    let text = |error: idb::Error| error.to_string();
    let span = plan.span().ok_or("there is nothing to read")?;
    let stores: &[&str] = if expected.is_some() { &[CHUNK, META] } else { &[CHUNK] };
    let transaction = read(database, stores)?;
    let chunks = transaction.object_store(CHUNK).map_err(text)?;
    let check = match expected {
        Some(expected) => {
            let meta = transaction.object_store(META).map_err(text)?;
            let state = meta.get(JsValue::from_str(STATE_KEY)).map_err(text)?.into_future();
            let keys = chunks.get_all_keys(Some(js_span(&span).map_err(text)?.into()), None).map_err(text)?;
            Some(Check { expected, state, keys: keys.into_future() })
        }
        None => None,
    };
    let rows = chunks.get_all(Some(js_span(&span).map_err(text)?.into()), None).map_err(text)?;
    Ok(Reading { plan, rows: rows.into_future(), check })
}

impl Reading {
    /// Waits for the rows. `None` when others are there than the plan says: a write that it counted on was not
    /// applied, or that was not checked, and it has to be planned again.
    pub(super) async fn finish(self) -> Result<Option<ReadPlan>, String> {
        let Reading { mut plan, rows, check } = self;
        let text = |error: idb::Error| error.to_string();
        let Some(Check { expected, state, keys }) = check else {
            let rows = rows.await.map_err(text)?;
            let rows: Vec<Option<Bytes>> =
                rows.iter().map(|row| js_row(row).map(|row| Bytes::from(row.to_vec()))).collect();
            return Ok(plan.fill(&rows).then_some(plan));
        };
        let state = state.await.map_err(text)?.ok_or("the database has lost its state")?;
        let state = State::from_bytes(&js_bytes(&state).to_vec())?;
        if state.owner_epoch != expected.owner_epoch {
            return Err("the storage was opened by somebody else".to_owned());
        }
        let (keys, rows) = (keys.await.map_err(text)?, rows.await.map_err(text)?);
        plan.patch(&found_rows(&keys, &rows));
        Ok((state.commit == expected.commit).then_some(plan))
    }
}

#[cfg(test)]
mod tests {
    use headwater_engine::LogId;

    use super::super::index::RowIndex;
    use super::*;

    fn key(position: u64, length: u32) -> ChunkKey {
        ChunkKey { log: LogId::CLUSTER_METADATA, segment: 0, position, length }
    }

    fn planned(keys: &[ChunkKey], range: Range<u64>, cache: &mut RowCache) -> ReadPlan {
        let mut index = RowIndex::default();
        keys.iter().for_each(|key| index.load(*key).unwrap());
        let rows = index.rows(LogId::CLUSTER_METADATA, 0).unwrap();
        ReadPlan::new(key(0, 0), rows, &range, cache)
    }

    fn row(of: u8, length: usize) -> Option<Bytes> {
        Some(Bytes::from(vec![of; length]))
    }

    #[test]
    fn a_hole_is_read_as_zeros() {
        let keys = [key(2, 2), key(4, 2), key(8, 2)];
        for (range, rows, expected) in [
            (0..10, &[row(1, 2), row(2, 2), row(3, 2)][..], &[0, 0, 1, 1, 2, 2, 0, 0, 3, 3][..]),
            (1..3, &[row(1, 2)], &[0, 1]),
            (5..9, &[row(2, 2), row(3, 2)], &[2, 0, 0, 3]),
            (5..7, &[row(2, 2)], &[2, 0]),
            (7..20, &[row(3, 2)], &[0, 3, 3]),
        ] {
            let mut plan = planned(&keys, range.clone(), &mut RowCache::default());
            assert!(!plan.is_complete());
            assert!(plan.fill(rows), "{range:?}");
            assert_eq!(plan.bytes(), expected, "{range:?}");
        }
        let hole = planned(&keys, 6..8, &mut RowCache::default());
        assert!(hole.is_complete() && hole.straddling().is_none());
        assert_eq!(hole.bytes(), [0, 0].as_slice());
        assert_eq!(planned(&keys, 0..1, &mut RowCache::default()).bytes(), [0].as_slice());
    }

    #[test]
    fn a_hole_between_rows_in_the_cache_needs_no_reading() {
        let mut cache = RowCache::default();
        cache.insert(key(0, 2), Bytes::from_static(&[1, 1]), 0);
        cache.insert(key(4, 2), Bytes::from_static(&[2, 2]), 0);
        let plan = planned(&[key(0, 2), key(4, 2)], 0..6, &mut cache);
        assert!(plan.is_complete());
        assert_eq!(plan.bytes(), [1, 1, 0, 0, 2, 2].as_slice());
    }

    #[test]
    fn other_rows_than_expected_are_not_taken() {
        let keys = [key(0, 2), key(2, 2)];
        for rows in
            [&[row(1, 2)][..], &[row(1, 2), row(1, 1)], &[row(1, 2), None], &[row(1, 3), row(1, 2)], &[]]
        {
            let mut plan = planned(&keys, 0..4, &mut RowCache::default());
            assert!(!plan.fill(rows), "{rows:?}");
        }
    }

    #[test]
    fn what_is_left_of_rows_stays_at_its_place() {
        let keys = [key(0, 3), key(3, 3), key(6, 3)];
        let found = |key: ChunkKey, of: u8, length: usize| (key, Bytes::from(vec![of; length]));
        for (rows, expected) in [
            (vec![found(keys[0], 1, 3), found(keys[2], 3, 3)], [1, 1, 1, 0, 0, 0, 3, 3, 3]),
            (
                vec![found(keys[0], 1, 1), found(keys[1], 2, 2), found(keys[2], 3, 3)],
                [1, 0, 0, 2, 2, 0, 3, 3, 3],
            ),
            (vec![found(keys[0], 1, 9), found(keys[1], 2, 3)], [1, 1, 1, 2, 2, 2, 0, 0, 0]),
            // Others than planned.
            (vec![found(key(0, 2), 1, 2), found(key(2, 4), 2, 4)], [1, 1, 2, 0, 0, 0, 0, 0, 0]),
            (vec![], [0; 9]),
        ] {
            let mut plan = planned(&keys, 0..9, &mut RowCache::default());
            plan.patch(&rows);
            assert_eq!(plan.bytes(), expected.as_slice(), "{rows:?}");
        }
        assert_eq!(patched(key(3, 2), &[found(keys[1], 7, 3)]), [7, 7].as_slice());
    }
}
