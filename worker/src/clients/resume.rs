//! How an import goes on where it ended.
//!
//! Every imported record says in two headers which row of which source it is. The records of a partition were written
//! in the order of the rows, each batch acknowledged before the next was sent. So the last record of the source in a
//! partition says: of the rows that belong here, all up to this one are here, and none after it.
//!
//! That holds as long as a row belongs where it did before. In a topic that got more partitions it may belong elsewhere
//! now: then every record is looked at, and what counts is which rows are there, wherever that is.

use headwater_client::partition_for_key;
use headwater_engine::record::Record;
use headwater_engine::sorted::SortedMap;

/// Names the source, its run and over how many partitions the rows of that run went: `<name>#<run>/<partitions>`, the run
/// counting from 1. Without the last part they went over different numbers, or it is not known.
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
    /// Over how many partitions the rows of the run went up to here, where that is one number.
    pub(crate) partitions: Option<usize>,
}

/// The mark on a record, if it came from this source.
pub(crate) fn mark(record: &Record<'_>, source: &str) -> Option<Mark> {
    let mut run = None;
    let mut partitions = None;
    let mut position = None;
    for header in record.headers() {
        if header.key == SOURCE_HEADER.as_bytes() {
            let rest = header.value?.strip_prefix(source.as_bytes())?.strip_prefix(b"#")?;
            let slash = rest.iter().position(|byte| *byte == b'/');
            let (first, second) = rest.split_at(slash.unwrap_or(rest.len()));
            run = number(first);
            partitions = second.get(1..).and_then(number);
        } else if header.key == POSITION_HEADER.as_bytes() {
            position = number(header.value?);
        }
    }
    Some(Mark {
        run: run?,
        position: position?,
        partitions: partitions.and_then(|count| usize::try_from(count).ok()),
    })
}

fn number(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// What a topic already has of a source.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Resume {
    /// The run that goes on or begins.
    run: u64,
    partitions: usize,
    there: There,
}

/// Which rows of the run are there.
#[derive(Clone, PartialEq, Eq, Debug)]
enum There {
    /// In each partition all that belong there up to this one.
    UpTo(Vec<Option<u64>>),
    /// These, wherever they are.
    Rows(Rows),
}

/// Numbers of rows.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Rows(
    /// By the number's upper part: a bit for each of 64 numbers.
    SortedMap<u64, u64>,
);

impl Rows {
    pub(crate) fn insert(&mut self, row: u64) {
        *self.0.or_default(row / 64) |= 1 << (row % 64);
    }

    fn contains(&self, row: u64) -> bool {
        self.0.get(&(row / 64)).is_some_and(|bits| bits & (1 << (row % 64)) != 0)
    }
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
        let of_run = marks.iter().map(|mark| mark.filter(|mark| mark.run == run));
        let partitions = marks.len();
        let there = if of_run.clone().flatten().all(|mark| mark.partitions == Some(partitions)) {
            There::UpTo(of_run.map(|mark| Some(mark?.position)).collect())
        } else {
            There::Rows(Rows::default())
        };
        Resume { run, partitions, there }
    }

    /// The run whose every record has to be looked at, and where its rows go; none if the last marks say enough.
    pub(crate) fn rows_to_find(&mut self) -> Option<(u64, &mut Rows)> {
        match &mut self.there {
            There::UpTo(_) => None,
            There::Rows(rows) => Some((self.run, rows)),
        }
    }

    /// The value of [`SOURCE_HEADER`].
    pub(crate) fn source_header(&self, source: &str) -> String {
        match self.there {
            There::UpTo(_) => format!("{source}#{}/{}", self.run, self.partitions),
            There::Rows(_) => format!("{source}#{}", self.run),
        }
    }

    /// The partition of a row. One without a key goes by its number, so that it goes there again next time.
    pub(crate) fn partition(&self, position: u64, key: Option<&[u8]>) -> i32 {
        match key {
            Some(key) => partition_for_key(key, i32::try_from(self.partitions).unwrap_or(i32::MAX)),
            None => i32::try_from(position % self.partitions.max(1) as u64).unwrap_or(0),
        }
    }

    /// Whether a row is there already; `partition` is where it belongs.
    pub(crate) fn has(&self, partition: i32, position: u64) -> bool {
        match &self.there {
            There::UpTo(last) => {
                let last =
                    usize::try_from(partition).ok().and_then(|index| last.get(index).copied()).flatten();
                last.is_some_and(|last| position <= last)
            }
            There::Rows(rows) => rows.contains(position),
        }
    }
}

#[cfg(test)]
mod tests;
