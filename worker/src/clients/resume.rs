//! How an import goes on where it ended.
//!
//! Every imported record says in two headers which row of which source it is. The records of a partition were written
//! in the order of the rows, each batch acknowledged before the next was sent. So the last record of the source in a
//! partition says: of the rows that belong here, all up to this one are here, and none after it.

use headwater_client::partition_for_key;
use headwater_engine::record::Record;

/// Names the source and its run: `<name>#<run>`, the run counting from 1.
pub(crate) const SOURCE_HEADER: &str = "headwater.source";
/// The row's number in the source, from 1, in decimal; broken rows count.
pub(crate) const POSITION_HEADER: &str = "headwater.position";

/// Which row of which run a record is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Mark {
    /// How often the source was imported from its beginning, this time included.
    pub(crate) run: u64,
    /// The row.
    pub(crate) position: u64,
}

/// The mark on a record, if it came from this source.
pub(crate) fn mark(record: &Record<'_>, source: &str) -> Option<Mark> {
    let mut run = None;
    let mut position = None;
    for header in record.headers() {
        let number = |text: &[u8]| std::str::from_utf8(text).ok()?.parse::<u64>().ok();
        if header.key == SOURCE_HEADER.as_bytes() {
            let rest = header.value?.strip_prefix(source.as_bytes())?.strip_prefix(b"#")?;
            run = number(rest);
        } else if header.key == POSITION_HEADER.as_bytes() {
            position = number(header.value?);
        }
    }
    Some(Mark { run: run?, position: position? })
}

/// What a topic already has of a source.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Resume {
    /// The run that goes on or begins.
    run: u64,
    /// For each partition the last row of this run that is there.
    last: Vec<Option<u64>>,
}

impl Resume {
    /// By the last mark of each partition. `again`: a new run, of which nothing is there.
    pub(crate) fn new(marks: &[Option<Mark>], again: bool) -> Resume {
        let highest = marks.iter().flatten().map(|mark| mark.run).max();
        let run = match (highest, again) {
            (None, _) => 1,
            (Some(highest), false) => highest,
            (Some(highest), true) => highest.saturating_add(1),
        };
        let last = marks.iter().map(|mark| mark.filter(|mark| mark.run == run).map(|mark| mark.position));
        Resume { run, last: last.collect() }
    }

    /// The value of [`SOURCE_HEADER`].
    pub(crate) fn source_header(&self, source: &str) -> String {
        format!("{source}#{}", self.run)
    }

    /// The partition of a row. One without a key goes by its number, so that it goes there again next time.
    pub(crate) fn partition(&self, position: u64, key: Option<&[u8]>) -> i32 {
        let partitions = i32::try_from(self.last.len()).unwrap_or(i32::MAX);
        match key {
            Some(key) => partition_for_key(key, partitions),
            None => i32::try_from(position % self.last.len().max(1) as u64).unwrap_or(0),
        }
    }

    /// Whether a partition has a row already.
    pub(crate) fn has(&self, partition: i32, position: u64) -> bool {
        let last = usize::try_from(partition).ok().and_then(|index| self.last.get(index).copied()).flatten();
        last.is_some_and(|last| position <= last)
    }
}

#[cfg(test)]
mod tests {
    use headwater_engine::record::{Compression, RecordBatch, RecordBatchBuilder};

    use super::*;

    fn marked(headers: &[(&str, Option<&[u8]>)]) -> Option<Mark> {
        let mut builder = RecordBatchBuilder::new(Compression::None);
        builder.append(0, None, None, headers).unwrap();
        let batch = builder.build();
        let records = RecordBatch::parse(&batch).unwrap().records().unwrap();
        mark(&records.iter().next().unwrap().unwrap(), "vehicles")
    }

    #[test]
    fn marks_are_read_from_headers() {
        let position = (POSITION_HEADER, Some(&b"42"[..]));
        let source = |text: &'static str| (SOURCE_HEADER, Some(text.as_bytes()));
        assert_eq!(marked(&[source("vehicles#3"), position]), Some(Mark { run: 3, position: 42 }));
        assert_eq!(
            marked(&[position, ("x", None), source("vehicles#3")]),
            Some(Mark { run: 3, position: 42 })
        );
        assert_eq!(marked(&[source("vehicles.csv#3"), position]), None);
        assert_eq!(marked(&[source("vehicles#3#1"), position]), None);
        assert_eq!(marked(&[source("vehicles#"), position]), None);
        assert_eq!(marked(&[source("vehicles#3")]), None);
        assert_eq!(marked(&[(SOURCE_HEADER, None), position]), None);
        assert_eq!(marked(&[]), None);
    }

    #[test]
    fn goes_on_in_the_highest_run() {
        let at = |run, position| Some(Mark { run, position });
        let resume = Resume::new(&[at(2, 10), at(1, 900), None], false);
        assert_eq!(resume.source_header("v"), "v#2");
        assert!(resume.has(0, 10) && !resume.has(0, 11));
        assert!(!resume.has(1, 1), "of run 2 nothing is here");
        assert!(!resume.has(2, 1) && !resume.has(7, 1) && !resume.has(-1, 1));
        let again = Resume::new(&[at(2, 10), at(1, 900), None], true);
        assert_eq!(again.source_header("v"), "v#3");
        assert!(!again.has(0, 1));
        assert_eq!(Resume::new(&[None, None], true).source_header("v"), "v#1");
    }

    /// Whatever each partition has acknowledged when it stops: the next import sends the rest, and nothing twice.
    #[test]
    fn no_row_is_lost_or_doubled() {
        let rows: Vec<(u64, Option<String>)> =
            (1..=500).map(|row| (row, (row % 3 > 0).then(|| format!("v{}", row % 17)))).collect();
        let mut seed = 9_u64;
        for _ in 0..200 {
            let mut stored: Vec<Vec<u64>> = vec![Vec::new(); 4];
            for _ in 0..3 {
                let marks: Vec<Option<Mark>> =
                    stored.iter().map(|rows| Some(Mark { run: 1, position: *rows.last()? })).collect();
                let resume = Resume::new(&marks, false);
                // Every partition stops at some row of its own.
                let stops: Vec<u64> = (0..4)
                    .map(|_| {
                        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                        (seed >> 33) % 600
                    })
                    .collect();
                for (row, key) in &rows {
                    let partition = resume.partition(*row, key.as_ref().map(|key| key.as_bytes()));
                    if !resume.has(partition, *row) && *row <= stops[partition as usize] {
                        stored[partition as usize].push(*row);
                    }
                }
            }
            let marks: Vec<Option<Mark>> =
                stored.iter().map(|rows| Some(Mark { run: 1, position: *rows.last()? })).collect();
            let resume = Resume::new(&marks, false);
            for (row, key) in &rows {
                let partition = resume.partition(*row, key.as_ref().map(|key| key.as_bytes()));
                if !resume.has(partition, *row) {
                    stored[partition as usize].push(*row);
                }
            }
            let mut all: Vec<u64> = stored.concat();
            assert!(stored.iter().all(|rows| rows.is_sorted()));
            all.sort_unstable();
            assert!(all.into_iter().eq(1..=500));
        }
    }
}
