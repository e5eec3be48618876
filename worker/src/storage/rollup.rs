//! Which small rows are worth making one of.
//!
//! A row written for a quick answer is small, and a range of small rows is slow to read. When enough of them have
//! gathered at the end of a segment and there is nothing else to do, one transaction puts them as one row and
//! deletes them.

use std::ops::Range;

use headwater_engine::{LogId, Offset};

use super::index::{RowIndex, Rows};
use super::plan::MAX_ROW;

/// Rows below this many bytes are small. (Chromium keeps values from 64 KiB on as files of their own.)
const SMALL: u64 = 64 << 10;

/// So many small rows are enough, whatever they hold.
const ENOUGH_ROWS: usize = 64;

/// Small rows that hold so many bytes are enough.
const ENOUGH_BYTES: u64 = 256 << 10;

/// Finds rows to join, and joins them in the index: gives their segment and the positions they hold.
pub(super) fn next(index: &mut RowIndex) -> Option<(LogId, Offset, Range<u64>)> {
    while let Some((log, segment)) = index.tails.pop_first() {
        let Some(rows) = index.rows_mut(log, segment) else { continue };
        let Some(worth) = worth_joining(rows) else { continue };
        let positions = rows.row(worth.start).start..rows.row(worth.end - 1).end;
        rows.join(worth);
        // There may be more.
        index.tails.insert((log, segment));
        return Some((log, segment, positions));
    }
    None
}

/// The first of the small rows at the end of a segment, if there are enough.
fn worth_joining(rows: &Rows) -> Option<Range<usize>> {
    let small = |index: usize| !rows.is_hole(index) && rows.row(index).end - rows.row(index).start < SMALL;
    let first = (0..rows.len()).rev().take_while(|index| small(*index)).last()?;
    let start = rows.row(first).start;
    let enough = rows.len() - first >= ENOUGH_ROWS || rows.size() - start >= ENOUGH_BYTES;
    let fitting =
        (first..rows.len()).take_while(|index| rows.row(*index).end - start <= MAX_ROW as u64).count();
    (enough && fitting > 1).then_some(first..first + fitting)
}

#[cfg(test)]
mod tests {
    use super::super::keys::ChunkKey;
    use super::*;

    const LOG: LogId = LogId::CLUSTER_METADATA;

    fn index(lengths: impl IntoIterator<Item = u64>) -> RowIndex {
        let mut index = RowIndex::default();
        for length in lengths {
            index.push(LOG, 0, length);
        }
        index
    }

    #[test]
    fn few_small_rows_are_left_alone() {
        assert_eq!(next(&mut index([100; 63])), None);
        assert_eq!(next(&mut index([65_000, 65_000, 65_000])), None);
        assert_eq!(next(&mut index([1 << 20; 10])), None);
        assert_eq!(next(&mut index([])), None);
    }

    #[test]
    fn many_small_rows_become_one() {
        let mut many = index([70_000].into_iter().chain([100; 64]));
        assert_eq!(next(&mut many), Some((LOG, 0, 70_000..76_400)));
        assert_eq!(many.rows(LOG, 0).map(Rows::len), Some(2));
        assert_eq!(next(&mut many), None);
        assert!(many.tails.is_empty());
    }

    #[test]
    fn many_bytes_in_small_rows_become_one() {
        assert_eq!(next(&mut index([60_000; 5])), Some((LOG, 0, 0..300_000)));
    }

    #[test]
    fn a_hole_is_not_joined() {
        let mut many = RowIndex::default();
        let positions = (0..200).filter(|number| *number != 100).map(|number| number * 100);
        for position in positions {
            many.load(ChunkKey { log: LOG, segment: 0, position, length: 100 }).unwrap();
        }
        assert_eq!(next(&mut many), Some((LOG, 0, 10_100..20_000)));
        assert_eq!(next(&mut many), None);
        let rows = many.rows(LOG, 0).unwrap();
        assert_eq!((rows.len(), rows.is_hole(100), rows.size()), (102, true, 20_000));
    }

    #[test]
    fn a_row_does_not_get_too_large() {
        let mut many = index([60_000; 40]);
        assert_eq!(next(&mut many), Some((LOG, 0, 0..1_020_000)));
        assert_eq!(next(&mut many), Some((LOG, 0, 1_020_000..2_040_000)));
        assert_eq!(next(&mut many), Some((LOG, 0, 2_040_000..2_400_000)));
        assert_eq!(next(&mut many), None);
        assert_eq!(many.rows(LOG, 0).map(Rows::size), Some(2_400_000));
    }
}
