//! Which rows there are: all that is kept in memory of the data.

use std::ops::Range;

use headwater_engine::{LogId, Offset, StoredSegment};

use super::keys::{ChunkKey, other_side, segment_of};
use headwater_engine::sorted::{SortedMap, SortedSet};

/// The rows of every log, as they are once all that was planned is done.
#[derive(Debug, Default)]
pub(super) struct RowIndex {
    logs: SortedMap<LogId, SortedMap<Offset, Rows>>,
    /// The cleaned copies under way: the name of the rows, and the rows.
    copies: SortedMap<LogId, (Offset, Rows)>,
    /// Segments whose last rows may be worth rolling up.
    pub(super) tails: SortedSet<(LogId, Offset)>,
}

/// Where holes can be: no position of a segment is beyond it (docs/format.md, segment index).
const MAX_POSITION: u64 = u32::MAX as u64;

/// The rows of one segment: for each the position at which it ends, and the next begins. The first begins at 0.
///
/// Where the database has lost rows there is a *hole*. It counts as a row here, and is read as zeros.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Rows {
    ends: Vec<u64>,
    /// The ends of those rows that are holes.
    holes: Vec<u64>,
    /// Whether their name is not the segment's first offset but the other one (`keys::other_side`).
    is_other_side: bool,
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

    /// Whether the database has nothing of this row.
    pub(super) fn is_hole(&self, index: usize) -> bool {
        self.ends.get(index).is_some_and(|end| self.holes.binary_search(end).is_ok())
    }

    /// Whether what lies before a position would end with a hole.
    pub(super) fn ends_with_hole(&self, position: u64) -> bool {
        position > 0 && self.is_hole(self.overlapping(&(position - 1..position)).start)
    }

    /// Makes one row of several, none of which is a hole.
    pub(super) fn join(&mut self, rows: Range<usize>) {
        if rows.len() > 1 {
            self.ends.drain(rows.start..rows.end - 1);
        }
    }

    /// Drops what lies beyond a position, which may be inside a row. A hole that would be last gets a row of one byte at
    /// its end, or else the segment would be shorter when it is loaded again.
    fn cut(&mut self, position: u64) {
        let ends_with_hole = self.ends_with_hole(position);
        let kept = self.ends.partition_point(|end| *end < position);
        self.ends.truncate(kept);
        let start = self.size();
        self.holes.retain(|end| *end <= start);
        if ends_with_hole && start + 1 < position {
            self.ends.push(position - 1);
            self.holes.push(position - 1);
        }
        if start < position {
            self.ends.push(position);
        }
    }
}

impl RowIndex {
    /// Takes in the key of a row, in the order of keys. If it does not begin where the one before it ended, there is a
    /// hole between them.
    ///
    /// # Errors
    ///
    /// When the row has a place that another has too, or that is in no segment.
    pub(super) fn load(&mut self, key: ChunkKey) -> Result<(), String> {
        if key == ChunkKey::copy_tag(key.log, key.segment) {
            self.copies.insert(key.log, (key.segment, Rows::default()));
            return Ok(());
        }
        let segment = segment_of(key.segment);
        let rows = match self.copies.get_mut(&key.log) {
            Some((name, rows)) if *name == key.segment => rows,
            _ => self.logs.or_default(key.log).or_default(segment),
        };
        if rows.ends.is_empty() {
            rows.is_other_side = key.segment < 0;
        }
        let is_behind_hole = rows.size() < key.position && key.end() <= MAX_POSITION;
        let is_misplaced = rows.size() != key.position && !is_behind_hole;
        if key.length == 0 || is_misplaced || rows.is_other_side != (key.segment < 0) {
            return Err(format!(
                "segment {segment} of partition {} of topic {} has a row at {} where its bytes end at {}",
                key.log.partition,
                key.log.topic_id,
                key.position,
                rows.size()
            ));
        }
        if is_behind_hole {
            rows.ends.push(key.position);
            rows.holes.push(key.position);
        }
        rows.ends.push(key.end());
        self.tails.insert((key.log, segment));
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

    /// The name of a segment's rows; of one that is not there, that which it would get.
    pub(super) fn name(&self, log: LogId, segment: Offset) -> Offset {
        let is_other_side = self.rows(log, segment).is_some_and(|rows| rows.is_other_side);
        if is_other_side { other_side(segment) } else { segment }
    }

    /// Whether some rows of a log have names of the second side.
    pub(super) fn has_other_side(&self, log: LogId) -> bool {
        let mut segments = self.logs.get(&log).into_iter().flat_map(SortedMap::iter);
        segments.any(|(_, rows)| rows.is_other_side)
    }

    /// The name and the length of the cleaned copy of a segment.
    pub(super) fn copy(&self, log: LogId, segment: Offset) -> Option<(Offset, u64)> {
        let (name, rows) = self.copies.get(&log)?;
        (segment_of(*name) == segment).then(|| (*name, rows.size()))
    }

    /// Whether there is a copy of a segment that begins below an offset.
    pub(super) fn copied_below(&self, log: LogId, before: Offset) -> bool {
        self.copies.get(&log).is_some_and(|(name, _)| segment_of(*name) < before)
    }

    /// Begins a cleaned copy.
    pub(super) fn begin_copy(&mut self, log: LogId, name: Offset) {
        self.copies.insert(log, (name, Rows { is_other_side: name < 0, ..Rows::default() }));
    }

    /// Adds a row at the end of a copy.
    pub(super) fn push_copied(&mut self, log: LogId, length: u64) {
        if let Some((_, rows)) = self.copies.get_mut(&log) {
            rows.ends.push(rows.size() + length);
        }
    }

    /// Forgets the copy of a log; gives the name of its rows.
    pub(super) fn drop_copy(&mut self, log: LogId) -> Option<Offset> {
        self.copies.remove(&log).map(|(name, _)| name)
    }

    /// Whether a copy of this size can take the place of these segments: the first is there, and the last stays.
    pub(super) fn is_replaceable(&self, log: LogId, segments: &Range<Offset>, size: u64) -> bool {
        let last = self.logs.get(&log).and_then(SortedMap::last);
        self.rows(log, segments.start).is_some()
            && last.is_some_and(|(last, _)| *last >= segments.end)
            && size > 0
            && self.copy(log, segments.start).is_some_and(|(_, found)| found == size)
    }

    /// Puts the copy in the place of segments; gives the names of the rows that they had.
    pub(super) fn replace(&mut self, log: LogId, segments: &Range<Offset>) -> Vec<Offset> {
        let Some((stored, (_, copy))) = self.logs.get_mut(&log).zip(self.copies.remove(&log)) else {
            return Vec::new();
        };
        let replaced = stored.iter().filter(|(base, _)| segments.contains(base));
        let names = replaced.map(|(base, rows)| if rows.is_other_side { other_side(*base) } else { *base });
        let names = names.collect();
        stored.retain(|base, _| !segments.contains(base));
        stored.insert(segments.start, copy);
        self.tails.insert((log, segments.start));
        names
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
        self.copies.remove(&log);
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
        rows_with_holes(ends, &[])
    }

    fn rows_with_holes(ends: &[u64], holes: &[u64]) -> Rows {
        Rows { ends: ends.to_vec(), holes: holes.to_vec(), ..Rows::default() }
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
    fn a_hole_that_would_be_last_gets_a_row_at_its_end() {
        for (position, ends, holes) in [
            (40, &[10, 20, 35, 40][..], &[20][..]),
            (36, &[10, 20, 35, 36], &[20]),
            (21, &[10, 20, 21], &[20]),
            (20, &[10, 19, 20], &[19]),
            (12, &[10, 11, 12], &[11]),
            (11, &[10, 11], &[]),
            (10, &[10], &[]),
            (5, &[5], &[]),
        ] {
            let mut cut = rows_with_holes(&[10, 20, 35, 40], &[20]);
            cut.cut(position);
            assert_eq!(cut, rows_with_holes(ends, holes), "{position}");
        }
        let mut first = rows_with_holes(&[10, 20], &[10]);
        first.cut(1);
        assert_eq!(first, rows(&[1]));
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

    fn key(position: u64, length: u32) -> ChunkKey {
        ChunkKey { log: LOG, segment: 3, position, length }
    }

    #[test]
    fn rows_on_each_other_are_not_loaded() {
        let mut index = RowIndex::default();
        assert!(index.load(key(0, 5)).is_ok());
        assert!(index.load(key(4, 5)).is_err());
        assert!(index.load(key(5, 0)).is_err());
        assert!(index.load(ChunkKey { segment: other_side(3), ..key(5, 5) }).is_err());
        assert!(index.load(key(5, 5)).is_ok());
        assert_eq!(index.segments(LOG), [StoredSegment { base_offset: 3, size: 10 }]);
    }

    #[test]
    fn a_gap_between_rows_is_a_hole() {
        let mut index = RowIndex::default();
        for row in [key(4, 6), key(10, 5), key(20, 5), key(25, 5)] {
            assert_eq!(index.load(row), Ok(()));
        }
        assert_eq!(index.segments(LOG), [StoredSegment { base_offset: 3, size: 30 }]);
        let loaded = index.rows(LOG, 3).cloned();
        assert_eq!(loaded, Some(rows_with_holes(&[4, 10, 15, 20, 25, 30], &[4, 20])));
        let holes: Vec<usize> =
            (0..7).filter(|row| loaded.as_ref().is_some_and(|rows| rows.is_hole(*row))).collect();
        assert_eq!(holes, [0, 3]);
        assert!(index.accepts(LOG, 3, 30));
    }

    #[test]
    fn a_copy_is_loaded_beside_its_segment() {
        let mut index = RowIndex::default();
        let copied = |position, length| ChunkKey { segment: other_side(3), ..key(position, length) };
        for row in
            [key(0, 10), key(10, 5), ChunkKey::copy_tag(LOG, other_side(3)), copied(0, 4), copied(4, 3)]
        {
            assert_eq!(index.load(row), Ok(()));
        }
        assert_eq!(index.segments(LOG), [StoredSegment { base_offset: 3, size: 15 }]);
        assert_eq!((index.name(LOG, 3), index.copy(LOG, 3)), (3, Some((other_side(3), 7))));
        assert_eq!(index.copy(LOG, 4), None);
        assert!(!index.is_replaceable(LOG, &(3..9), 7), "the last segment stays");
        index.push(LOG, 9, 1);
        assert!(index.is_replaceable(LOG, &(3..9), 7) && !index.is_replaceable(LOG, &(3..9), 8));
        assert_eq!(index.replace(LOG, &(3..9)), [3]);
        assert_eq!(index.segments(LOG)[0], StoredSegment { base_offset: 3, size: 7 });
        assert_eq!((index.name(LOG, 3), index.copy(LOG, 3)), (other_side(3), None));
        // Without its tag it is a segment.
        let mut loaded = RowIndex::default();
        for row in [ChunkKey { segment: 9, ..key(0, 1) }, copied(0, 4), copied(4, 3)] {
            assert_eq!(loaded.load(row), Ok(()));
        }
        assert_eq!(loaded.segments(LOG), index.segments(LOG));
        assert!(loaded.has_other_side(LOG));
    }

    #[test]
    fn a_hole_is_no_larger_than_a_segment() {
        let mut index = RowIndex::default();
        assert!(index.load(key(1 << 40, 5)).is_err());
        assert!(index.load(key(MAX_POSITION - 5, 5)).is_ok());
    }
}
