//! Marks, and that no row is lost or doubled.

use headwater_engine::record::{Compression, RecordBatch, RecordBatchBuilder};

use super::*;

fn marked(headers: &[(&str, Option<&[u8]>)]) -> Option<Mark> {
    let mut builder = RecordBatchBuilder::new(Compression::None);
    builder.append(0, None, None, headers).unwrap();
    let batch = builder.build();
    let records = RecordBatch::parse(&batch).unwrap().records().unwrap();
    mark(&records.iter().next().unwrap().unwrap(), "vehicles")
}

fn at(run: u64, position: u64, partitions: usize) -> Option<Mark> {
    Some(Mark { run, position, partitions: Some(partitions) })
}

#[test]
fn marks_are_read_from_headers() {
    let position = (POSITION_HEADER, Some(&b"42"[..]));
    let source = |text: &'static str| (SOURCE_HEADER, Some(text.as_bytes()));
    let without_count = Some(Mark { run: 3, position: 42, partitions: None });
    assert_eq!(marked(&[source("vehicles#3/4"), position]), at(3, 42, 4));
    assert_eq!(marked(&[position, ("x", None), source("vehicles#3/4")]), at(3, 42, 4));
    assert_eq!(marked(&[source("vehicles#3"), position]), without_count);
    assert_eq!(marked(&[source("vehicles#3/"), position]), without_count);
    assert_eq!(marked(&[source("vehicles.csv#3/4"), position]), None);
    assert_eq!(marked(&[source("vehicles#3#1"), position]), None);
    assert_eq!(marked(&[source("vehicles#/4"), position]), None);
    assert_eq!(marked(&[source("vehicles#3/4")]), None);
    assert_eq!(marked(&[(SOURCE_HEADER, None), position]), None);
    assert_eq!(marked(&[]), None);
}

#[test]
fn goes_on_in_the_highest_run() {
    let marks = [at(2, 10, 3), at(1, 900, 3), None];
    let resume = Resume::new(&marks, false);
    assert_eq!(resume.source_header("v"), "v#2/3");
    assert!(resume.has(0, 10) && !resume.has(0, 11));
    assert!(!resume.has(1, 1), "of run 2 nothing is here");
    assert!(!resume.has(2, 1) && !resume.has(7, 1) && !resume.has(-1, 1));
    let again = Resume::new(&marks, true);
    assert_eq!(again.source_header("v"), "v#3/3");
    assert!(!again.has(0, 1));
    assert_eq!(Resume::new(&[None, None], true).source_header("v"), "v#1/2");
}

#[test]
fn only_a_run_over_another_number_of_partitions_is_looked_at_whole() {
    assert!(Resume::new(&[at(1, 5, 2), at(1, 7, 2)], false).rows_to_find().is_none());
    assert!(Resume::new(&[at(1, 5, 2), at(2, 7, 3), None], false).rows_to_find().is_none());
    let mut grown = Resume::new(&[at(1, 5, 2), at(1, 7, 2), None], false);
    let (run, rows) = grown.rows_to_find().unwrap();
    assert_eq!(run, 1);
    [0, 5, 63, 64, u64::MAX].into_iter().for_each(|row| rows.insert(row));
    assert!([0, 5, 63, 64, u64::MAX].into_iter().all(|row| grown.has(2, row)));
    assert!(![1, 62, 65, 127, 128].into_iter().any(|row| grown.has(0, row)));
    assert_eq!(grown.source_header("v"), "v#1", "the next import has to look too");
}

/// A topic to which imports go that stop at any row of each partition.
struct Topic {
    /// The row and the mark of each record.
    partitions: Vec<Vec<Mark>>,
    seed: u64,
}

impl Topic {
    fn random(&mut self, below: u64) -> u64 {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.seed >> 33) % below
    }

    fn resume(&self) -> Resume {
        let last: Vec<_> = self.partitions.iter().map(|records| records.last().copied()).collect();
        let mut resume = Resume::new(&last, false);
        if let Some((run, rows)) = resume.rows_to_find() {
            let of_run = self.partitions.iter().flatten().filter(|mark| mark.run == run);
            of_run.for_each(|mark| rows.insert(mark.position));
        }
        resume
    }

    fn import(&mut self, rows: &[(u64, Option<String>)], stops: &[u64]) {
        let resume = self.resume();
        let header = resume.source_header("v");
        let partitions = header.split_once('/').map(|(_, count)| count.parse().unwrap());
        for (row, key) in rows {
            let partition = resume.partition(*row, key.as_ref().map(|key| key.as_bytes()));
            if !resume.has(partition, *row) && *row <= stops[partition as usize] {
                self.partitions[partition as usize].push(Mark { run: 1, position: *row, partitions });
            }
        }
    }
}

/// Whatever each partition has acknowledged when it stops, and however many it has by then: the next import sends the
/// rest, and nothing twice.
#[test]
fn no_row_is_lost_or_doubled() {
    let rows: Vec<(u64, Option<String>)> =
        (1..=500).map(|row| (row, (row % 3 > 0).then(|| format!("v{}", row % 17)))).collect();
    for seed in 0..300 {
        let mut topic = Topic { partitions: vec![Vec::new(); 4], seed };
        for _ in 0..3 {
            let stops: Vec<u64> = (0..topic.partitions.len()).map(|_| topic.random(600)).collect();
            topic.import(&rows, &stops);
            if topic.random(2) == 0 {
                let more = topic.random(4) as usize;
                topic.partitions.resize(topic.partitions.len() + more, Vec::new());
            }
        }
        topic.import(&rows, &vec![u64::MAX; topic.partitions.len()]);
        let mut all: Vec<u64> = topic.partitions.concat().iter().map(|mark| mark.position).collect();
        all.sort_unstable();
        assert!(all.into_iter().eq(1..=500), "seed {seed}");
    }
}
