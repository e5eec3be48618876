//! Which rows there are: all that is kept in memory of the data.

use std::ops::Range;

use headwater_engine::{LogId, Offset, StoredSegment};

use super::keys::ChunkKey;
use headwater_engine::sorted::{SortedMap, SortedSet};

/// The rows of every log, as they are once all that was planned is done.
#[derive(Debug, Default)]
pub(super) struct RowIndex {
    logs: SortedMap<LogId, SortedMap<Offset, Rows>>,
    /// Segments whose last rows may be worth rolling up.
    pub(super) tails: SortedSet<(LogId, Offset)>,
}

/// The rows of one segment: for each the position at which it ends, and the next begins. The first begins at 0.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Rows {
    ends: Vec<u64>,
}

impl Rows {
    /// The segment's length in bytes.
    pub(super) fn size(&self) -> u64 {
        self.ends.last().copied().unwrap_or(0)
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The positions that a row holds. An index beyond the last row gives an empty range at the end.
    pub(super) fn row(&self, index: usize) -> Range<u64> {
        let start = if index == 0 { 0 } else { self.ends.get(index - 1).copied().unwrap_or(self.size()) };
        start..self.ends.get(index).copied().unwrap_or(start)
    }

    /// The rows that hold any of these positions.
    pub(super) fn overlapping(&self, positions: &Range<u64>) -> Range<usize> {
        let first = self.ends.partition_point(|end| *end <= positions.start);
        let last = self.ends.partition_point(|end| *end < positions.end);
        if positions.is_empty() { first..first } else { first..(last + 1).clamp(first, self.ends.len()) }
    }

    /// Makes one row of several.
    pub(super) fn join(&mut self, rows: Range<usize>) {
        if rows.len() > 1 {
            self.ends.drain(rows.start..rows.end - 1);
        }
    }

    /// Drops what lies beyond a position, which may be inside a row.
    fn cut(&mut self, position: u64) {
        let kept = self.ends.partition_point(|end| *end <= position);
        self.ends.truncate(kept);
        if self.size() < position {
            self.ends.push(position);
        }
    }
}

impl RowIndex {
    /// Takes in the key of a row, in the order of keys.
    ///
    /// # Errors
    ///
    /// When the row does not begin where the one before it ended.
    pub(super) fn load(&mut self, key: ChunkKey) -> Result<(), String> {
        let rows = self.logs.or_default(key.log).or_default(key.segment);
        if rows.size() != key.position || key.length == 0 {
            return Err(format!(
                "segment {} of partition {} of topic {} has a row at {} where its bytes end at {}",
                key.segment,
                key.log.partition,
                key.log.topic_id,
                key.position,
                rows.size()
            ));
        }
        rows.ends.push(key.end());
        self.tails.insert((key.log, key.segment));
        Ok(())
    }

    pub(super) fn segments(&self, log: LogId) -> Vec<StoredSegment> {
        let segments = self.logs.get(&log).into_iter().flat_map(SortedMap::iter);
        segments.map(|(base, rows)| StoredSegment { base_offset: *base, size: rows.size() }).collect()
    }

    pub(super) fn rows(&self, log: LogId, segment: Offset) -> Option<&Rows> {
        self.logs.get(&log)?.get(&segment)
    }

    pub(super) fn rows_mut(&mut self, log: LogId, segment: Offset) -> Option<&mut Rows> {
        self.logs.get_mut(&log)?.get_mut(&segment)
    }

    /// Whether an append may go there: at the end of the last segment, or at the start of a new last one.
    pub(super) fn accepts(&self, log: LogId, segment: Offset, position: u64) -> bool {
        match self.logs.get(&log).and_then(|segments| segments.last()) {
            Some((last, rows)) if *last == segment => rows.size() == position,
            Some((last, _)) => *last < segment && position == 0,
            None => position == 0,
        }
    }

    /// Adds a row at the end of a segment.
    pub(super) fn push(&mut self, log: LogId, segment: Offset, length: u64) {
        let rows = self.logs.or_default(log).or_default(segment);
        rows.ends.push(rows.size() + length);
        self.tails.insert((log, segment));
    }

    /// Makes the last row of a segment longer.
    pub(super) fn grow_last(&mut self, log: LogId, segment: Offset, length: u64) {
        if let Some(end) = self.rows_mut(log, segment).and_then(|rows| rows.ends.last_mut()) {
            *end += length;
        }
    }

    /// Drops the segments behind this one, and what lies beyond the position in it.
    pub(super) fn truncate(&mut self, log: LogId, segment: Offset, position: u64) {
        let Some(segments) = self.logs.get_mut(&log) else { return };
        segments.retain(|base, _| *base < segment || (*base == segment && position > 0));
        if let Some(rows) = segments.get_mut(&segment) {
            rows.cut(position);
        }
        self.forget_empty(log);
    }

    /// Drops the segments whose first offset is below `before`.
    pub(super) fn delete_segments(&mut self, log: LogId, before: Offset) {
        if let Some(segments) = self.logs.get_mut(&log) {
            segments.retain(|base, _| *base >= before);
        }
        self.forget_empty(log);
    }

    pub(super) fn delete(&mut self, log: LogId) {
        self.logs.remove(&log);
    }

    fn forget_empty(&mut self, log: LogId) {
        if self.logs.get(&log).is_some_and(SortedMap::is_empty) {
            self.logs.remove(&log);
        }
    }

    /// How many logs there are.
    pub(super) fn logs(&self) -> usize {
        self.logs.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: LogId = LogId::CLUSTER_METADATA;

    fn rows(ends: &[u64]) -> Rows {
        Rows { ends: ends.to_vec() }
    }

    #[test]
    fn overlapping_rows_are_found() {
        let rows = rows(&[10, 20, 35]);
        for (positions, expected) in [
            (0..1, 0..1),
            (0..10, 0..1),
            (0..11, 0..2),
            (9..10, 0..1),
            (10..11, 1..2),
            (5..30, 0..3),
            (20..u64::MAX, 2..3),
            (35..40, 3..3),
            (100..200, 3..3),
            (15..15, 1..1),
            (10..20, 1..2),
        ] {
            assert_eq!(rows.overlapping(&positions), expected, "{positions:?}");
        }
        #[expect(clippy::reversed_empty_ranges, reason = "a caller may ask for one")]
        let reversed = rows.overlapping(&(30..5));
        assert!(reversed.is_empty());
        assert_eq!(rows.row(1), 10..20);
        assert_eq!(rows.row(3), 35..35);
        assert_eq!(Rows::default().overlapping(&(0..9)), 0..0);
    }

    #[test]
    fn cutting_keeps_part_of_a_row() {
        for (position, expected) in
            [(35, &[10, 20, 35][..]), (34, &[10, 20, 34]), (20, &[10, 20]), (11, &[10, 11]), (1, &[1])]
        {
            let mut cut = rows(&[10, 20, 35]);
            cut.cut(position);
            assert_eq!(cut, rows(expected));
        }
    }

    #[test]
    fn joined_rows_hold_the_same_bytes() {
        let mut joined = rows(&[10, 20, 35, 40]);
        joined.join(1..3);
        assert_eq!(joined, rows(&[10, 35, 40]));
        joined.join(0..0);
        joined.join(1..2);
        assert_eq!(joined, rows(&[10, 35, 40]));
    }

    #[test]
    fn only_the_last_segment_grows() {
        let mut index = RowIndex::default();
        assert!(index.accepts(LOG, 7, 0) && !index.accepts(LOG, 7, 1));
        index.push(LOG, 7, 100);
        index.push(LOG, 9, 50);
        index.grow_last(LOG, 9, 5);
        assert!(index.accepts(LOG, 9, 55) && index.accepts(LOG, 10, 0));
        assert!(!index.accepts(LOG, 7, 100) && !index.accepts(LOG, 8, 0) && !index.accepts(LOG, 9, 50));
    }

    #[test]
    fn rows_with_a_gap_are_not_loaded() {
        let mut index = RowIndex::default();
        let key = |position, length| ChunkKey { log: LOG, segment: 3, position, length };
        assert!(index.load(key(1, 5)).is_err());
        assert!(index.load(key(0, 5)).is_ok());
        assert!(index.load(key(6, 5)).is_err());
        assert!(index.load(key(5, 0)).is_err());
        assert!(index.load(key(5, 5)).is_ok());
        assert_eq!(index.segments(LOG), [StoredSegment { base_offset: 3, size: 10 }]);
    }
}
