//! What has to hold of a bucket, one idea a file. Actors and the world say what they see; the first thing wrong ends the run.

mod acknowledged;
mod answers;
mod atomic;
mod collection;
mod fences;
mod offsets;
mod producers;
mod retention;
mod starvation;

use std::collections::BTreeSet;

use headwater_journal::{AppendId, Chunk, PartitionId};

use self::acknowledged::Acknowledged;
use self::answers::Answers;
use self::atomic::Atomic;
use self::fences::Fences;
use self::offsets::Offsets;
use self::retention::Retention;
use super::payload::{Record, decode};
use super::store::Deleted;

/// Names a checker.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BucketChecker {
    /// What was acknowledged is read where it was said to be, by readers that tail all along and by who comes last.
    Acknowledged,
    /// A reader gets every offset once and in order.
    Offsets,
    /// The batches of an append are there all, or none.
    Atomic,
    /// A producer's records stand once, and in their order.
    Producers,
    /// Nothing living is deleted, and nothing dead stays.
    Collection,
    /// Nobody finds something missing or changed.
    Undamaged,
    /// Nobody is passed by for ever.
    Starvation,
    /// Each append is answered once, in time.
    Answers,
    /// Once something has a new owner, the old one appends nothing.
    Fences,
    /// Partitions begin where somebody wanted them to, and everybody is told.
    Retention,
    /// No more is remembered of producers than was agreed on.
    Bounded,
    /// Everything comes to its end when faults stop.
    Liveness,
}

pub(crate) struct Checks {
    only: Option<BucketChecker>,
    violation: Option<String>,
    acknowledged: Acknowledged,
    offsets: Offsets,
    atomic: Atomic,
    fences: Fences,
    answers: Answers,
    retention: Retention,
}

impl Checks {
    pub(crate) fn new(only: Option<BucketChecker>) -> Checks {
        Checks {
            only,
            violation: None,
            acknowledged: Acknowledged::default(),
            offsets: Offsets::default(),
            atomic: Atomic::default(),
            fences: Fences::default(),
            answers: Answers::default(),
            retention: Retention::default(),
        }
    }

    pub(crate) fn violation(&self) -> Option<&str> {
        self.violation.as_deref()
    }

    pub(crate) fn take(&mut self, checker: BucketChecker, result: Result<(), String>) {
        if let Err(message) = result
            && self.violation.is_none()
            && self.only.is_none_or(|only| only == checker)
        {
            self.violation = Some(format!("{checker:?}: {message}"));
        }
    }

    /// A writer has begun an append.
    pub(crate) fn asked(&mut self, id: AppendId, deadline_ms: u64) {
        self.answers.asked(id, deadline_ms);
    }

    /// A writer has answered. `awake`: it was not frozen meanwhile.
    pub(crate) fn answered(&mut self, now_ms: u64, id: AppendId, awake: bool) {
        let result = self.answers.answered(now_ms, id, awake);
        self.take(BucketChecker::Answers, result);
    }

    /// A writer is gone, and will not answer.
    pub(crate) fn gone(&mut self, id: AppendId) {
        self.answers.gone(id);
    }

    /// An append was acknowledged: a batch of it is here.
    pub(crate) fn acked(&mut self, partition: PartitionId, base_offset: i64, records: &[Record]) {
        for (offset, record) in (base_offset..).zip(records) {
            let result = self.acknowledged.acked(partition, offset, *record);
            self.take(BucketChecker::Acknowledged, result);
        }
    }

    /// A reader begins, from the beginning of all partitions.
    pub(crate) fn reader_begins(&mut self, reader: usize) {
        self.offsets.begins(reader);
        self.acknowledged.begins(reader);
        self.atomic.begins(reader);
        self.retention.begins(reader);
    }

    /// Somebody wants partitions to begin here. Returns whether it is known that they all may.
    pub(crate) fn asked_to_begin(&mut self, starts: &[(PartitionId, i64)]) -> bool {
        self.retention.asked(starts);
        starts.iter().all(|(partition, start)| *start <= self.known_end(*partition))
    }

    /// They do.
    pub(crate) fn began(&mut self, starts: &[(PartitionId, i64)]) {
        self.retention.began(starts);
    }

    /// They may not, it is said, for they end before.
    pub(crate) fn may_not_begin(&mut self, starts: &[(PartitionId, i64)], known_to_be_there: bool) {
        let what = format!("{starts:?} are refused, and all were there");
        self.take(BucketChecker::Retention, if known_to_be_there { Err(what) } else { Ok(()) });
    }

    /// The offset behind the last that anybody knows of.
    pub(crate) fn known_end(&self, partition: PartitionId) -> i64 {
        self.acknowledged.end(partition)
    }

    /// A reader was told where a partition begins.
    pub(crate) fn told_start(&mut self, reader: usize, partition: PartitionId, offset: i64) {
        let result = self.retention.told(reader, partition, offset);
        self.take(BucketChecker::Retention, result);
        if let Some(skipped) = self.offsets.skips_to(reader, partition, offset) {
            self.acknowledged.skips(reader, partition, skipped);
            self.atomic.skips(reader, partition);
        }
    }

    /// A writer remembers so many producers.
    pub(crate) fn remembers(&mut self, writer: usize, producers: usize, max: usize) {
        let what = format!("writer {writer} remembers {producers} producers, with room for {max}");
        self.take(BucketChecker::Bounded, if producers <= max + max / 8 { Ok(()) } else { Err(what) });
    }

    /// A reader was given records.
    pub(crate) fn seen(&mut self, reader: usize, chunk: &Chunk) {
        let records = decode(&chunk.bytes);
        let result = self.offsets.seen(reader, chunk.partition, chunk.base_offset, chunk.records);
        self.take(BucketChecker::Offsets, result);
        if records.len() != chunk.records as usize {
            let what = format!("reader {reader} got {} records for {}", records.len(), chunk.records);
            self.take(BucketChecker::Acknowledged, Err(what));
        }
        for (offset, record) in (chunk.base_offset..).zip(&records) {
            let result = self.acknowledged.seen(reader, chunk.partition, offset, *record);
            self.take(BucketChecker::Acknowledged, result);
        }
        if let Some(record) = records.first() {
            self.atomic.seen(reader, chunk.partition, *record);
        }
    }

    /// A reader was told that there is no more for now.
    pub(crate) fn tail(&mut self, reader: usize) {
        let result = self.atomic.tail(reader);
        self.take(BucketChecker::Atomic, result);
    }

    /// A reader that lives to the end has read all there is.
    pub(crate) fn read_all(&mut self, reader: usize) {
        let result = self.acknowledged.read_all(reader);
        self.take(BucketChecker::Acknowledged, result);
        let result = self.retention.at_last(reader);
        self.take(BucketChecker::Retention, result);
    }

    /// All is over: what stands in the logs is judged.
    pub(crate) fn at_last(&mut self, idempotent: &dyn Fn(u32) -> bool) {
        let mut results = Vec::new();
        for (partition, log) in self.acknowledged.logs() {
            results.push((BucketChecker::Producers, producers::at_last(*partition, log, idempotent)));
            results.push((BucketChecker::Fences, self.fences.at_last(*partition, log)));
        }
        for (checker, result) in results {
            self.take(checker, result);
        }
        let result = self.answers.at_last();
        self.take(BucketChecker::Answers, result);
    }

    pub(crate) fn producer_was_refused(&mut self, producer: u32, why: &str) {
        let message =
            format!("producer {producer}, that sends one batch after the other, was refused: {why}");
        self.take(BucketChecker::Producers, Err(message));
    }

    pub(crate) fn fenced_records(&mut self, partition: PartitionId) {
        self.fences.watch(partition);
    }

    pub(crate) fn deleted(&mut self, deleted: &[Deleted], collect_after_ms: i64) {
        let result = collection::deleted(deleted, collect_after_ms);
        self.take(BucketChecker::Collection, result);
    }

    /// What there is in the end, and what a reader of everything read.
    pub(crate) fn objects_at_last<'a>(
        &mut self,
        keys: impl Iterator<Item = &'a str>,
        read: &BTreeSet<String>,
        commits: u64,
    ) {
        let result = collection::at_last(keys, read, commits);
        self.take(BucketChecker::Collection, result);
    }

    pub(crate) fn waited(&mut self, host: usize, commits: u64) {
        let result = starvation::waited(host, commits);
        self.take(BucketChecker::Starvation, result);
    }

    /// How many records there are.
    pub(crate) fn records(&self) -> u64 {
        self.acknowledged.logs().map(|(_, log)| log.len() as u64).sum()
    }
}
