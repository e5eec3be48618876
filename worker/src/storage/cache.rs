//! The rows written or read last, so that who follows the end of a log, and who reads on in the middle of a row, need not
//! go to the database.

use std::collections::VecDeque;

use bytes::Bytes;

use super::keys::ChunkKey;
use headwater_engine::sorted::SortedMap;

/// What all rows in the cache may hold together.
const CAPACITY: usize = 4 << 20;

/// What a row costs besides its bytes, about.
const OVERHEAD: usize = 128;

/// Rows by their keys; those not used for longest go first.
#[derive(Debug, Default)]
pub(super) struct RowCache {
    rows: SortedMap<ChunkKey, (Bytes, u64)>,
    /// Uses in their order; one that is not a row's last is passed over.
    uses: VecDeque<(ChunkKey, u64)>,
    clock: u64,
    bytes: usize,
    generation: u64,
}

impl RowCache {
    /// A key may come to name other bytes when a log is truncated or deleted. Whoever plans a read or a write notes
    /// the generation then, and hands it over with the row.
    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// Forgets everything: some keys will name other bytes.
    pub(super) fn invalidate(&mut self) {
        *self = RowCache { generation: self.generation + 1, ..RowCache::default() };
    }

    /// Keeps a row that is stored for good, unless it was planned in an earlier generation.
    pub(super) fn insert(&mut self, key: ChunkKey, row: Bytes, generation: u64) {
        if generation != self.generation || cost(&row) > CAPACITY {
            return;
        }
        self.bytes += cost(&row);
        if let Some((old, _)) = self.rows.insert(key, (row, 0)) {
            self.bytes -= cost(&old);
        }
        self.touch(key);
        self.shrink();
    }

    pub(super) fn get(&mut self, key: ChunkKey) -> Option<Bytes> {
        let row = self.rows.get(&key)?.0.clone();
        self.touch(key);
        Some(row)
    }

    fn touch(&mut self, key: ChunkKey) {
        self.clock += 1;
        if let Some((_, last)) = self.rows.get_mut(&key) {
            *last = self.clock;
        }
        self.uses.push_back((key, self.clock));
        if self.uses.len() > 4 * self.rows.len() + 64 {
            let rows = &self.rows;
            self.uses.retain(|(key, at)| rows.get(key).is_some_and(|(_, last)| last == at));
        }
    }

    fn shrink(&mut self) {
        while self.bytes > CAPACITY {
            let Some((key, at)) = self.uses.pop_front() else { return };
            if self.rows.get(&key).is_some_and(|(_, last)| *last == at)
                && let Some((row, _)) = self.rows.remove(&key)
            {
                self.bytes -= cost(&row);
            }
        }
    }
}

fn cost(row: &Bytes) -> usize {
    row.len() + OVERHEAD
}

#[cfg(test)]
mod tests {
    use headwater_engine::LogId;

    use super::*;

    fn key(position: u64) -> ChunkKey {
        ChunkKey { log: LogId::CLUSTER_METADATA, segment: 0, position, length: 1 }
    }

    fn mebibyte(of: u8) -> Bytes {
        Bytes::from(vec![of; (1 << 20) - OVERHEAD])
    }

    #[test]
    fn the_longest_unused_goes_first() {
        let mut cache = RowCache::default();
        for position in 0..4 {
            cache.insert(key(position), mebibyte(0), 0);
        }
        assert!(cache.get(key(0)).is_some());
        cache.insert(key(4), mebibyte(0), 0);
        assert!(cache.get(key(1)).is_none());
        assert!(cache.get(key(0)).is_some() && cache.get(key(4)).is_some());
        assert_eq!(cache.bytes, 4 << 20);
    }

    #[test]
    fn what_was_planned_before_an_invalidation_is_not_kept() {
        let mut cache = RowCache::default();
        let planned = cache.generation();
        cache.insert(key(0), mebibyte(1), planned);
        cache.invalidate();
        assert!(cache.get(key(0)).is_none());
        cache.insert(key(0), mebibyte(1), planned);
        assert!(cache.get(key(0)).is_none());
    }

    #[test]
    fn uses_do_not_pile_up() {
        let mut cache = RowCache::default();
        cache.insert(key(0), mebibyte(1), 0);
        for _ in 0..10_000 {
            assert!(cache.get(key(0)).is_some());
        }
        assert!(cache.uses.len() < 100);
    }
}
