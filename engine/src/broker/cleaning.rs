//! The log cleaner: which log is compacted when, and the steps of that through storage.
//!
//! One log at a time, one operation at a time, so requests are answered between any two steps.

use bytes::Bytes;

use super::list_offsets::Search;
use super::{Broker, Owner};
use crate::log::{Cleanable, Cleaning, CleaningSettings, CleaningStep, Obstacle};
use crate::storage_op::{Applied, LogId, NotAppliedReason, StorageError, StorageOp, StorageResult};
use crate::time::Now;
use crate::topic::Topic;

/// What the cleaner is at.
#[derive(Debug, Default)]
pub(super) struct Cleaner {
    /// When logs are looked at, on the monotonic clock; none if there is nothing that could be compacted.
    next: Option<u64>,
    current: Option<Box<Cleaning>>,
    /// The log's when its compaction began.
    generation: u64,
    /// What waits for segments to be replaced.
    parked: Vec<(LogId, Parked)>,
}

/// A read that may have met old bytes or new ones.
#[derive(Clone, Copy, Debug)]
pub(super) enum Parked {
    Fetch { fetch: u64, topic: usize, partition: usize },
    Search(Search),
}

impl Broker {
    /// When logs are to be looked at that may have to be compacted.
    pub(super) fn next_cleaning(&self) -> Option<u64> {
        // One at a time: its end has the next looked for.
        self.cleaner.next.filter(|_| self.cleaner.current.is_none())
    }

    /// Has logs looked at soon, as one has come to have something to compact.
    pub(super) fn arm_cleaner(&mut self, now: Now) {
        let due = now.monotonic_ms.saturating_add(self.config.cleaner_backoff_ms());
        self.cleaner.next.get_or_insert(due);
    }

    /// Has logs looked at as soon as may be.
    pub(super) fn look_for_cleaning(&mut self) {
        self.cleaner.next = Some(0);
    }

    /// Begins to compact the log that needs it most, if it is time to look.
    pub(super) fn clean(&mut self, now: Now) {
        if self.cleaner.current.is_some() || self.cleaner.next.is_none_or(|due| due > now.monotonic_ms) {
            return;
        }
        self.cleaner.next = None;
        let Some((log, cleanable)) = self.choose_cleanable(now) else { return };
        let Some(partition) = self.partitions.get(&log) else { return };
        let settings = CleaningSettings {
            wall_ms: now.wall_ms,
            config: partition.config,
            max_key_bytes: self.config.cleaner_dedupe_buffer_size(),
            seeds: [self.random.number(), self.random.number()],
            aborted: partition.log.aborted(),
        };
        self.cleaner.generation = partition.log.generation();
        let mut cleaning = Box::new(Cleaning::new(log, cleanable, settings));
        let step = cleaning.begin();
        self.cleaning_goes_on(now, cleaning, step);
    }

    /// The log that is to be compacted first. If there is one that will have to be, logs are looked at again.
    fn choose_cleanable(&mut self, now: Now) -> Option<(LogId, Cleanable)> {
        let mut most_urgent: Option<(LogId, Cleanable)> = None;
        let mut is_needed = false;
        for (log, partition) in self.partitions.iter() {
            // The broker copies itself what still counts of its own logs.
            let is_own = self.topics.by_id(log.topic_id).is_none_or(Topic::is_internal);
            if is_own || !partition.config.is_compacted || !partition.log.has_dirty_segments() {
                continue;
            }
            is_needed = true;
            if partition.settling.is_some() || partition.start_move.under_way.is_some() {
                continue;
            }
            let most = most_urgent.as_ref().map_or(0, |(_, cleanable)| cleanable.urgency);
            let cleanable = partition.log.cleanable(now.wall_ms, &partition.config);
            if let Some(cleanable) = cleanable.filter(|cleanable| cleanable.urgency > most) {
                most_urgent = Some((*log, cleanable));
            }
        }
        if is_needed {
            self.arm_cleaner(now);
        }
        most_urgent
    }

    /// Does what a cleaning needs next, as far as storage need not be asked.
    fn cleaning_goes_on(&mut self, now: Now, mut cleaning: Box<Cleaning>, mut step: CleaningStep) {
        let log = cleaning.log;
        loop {
            let Some(partition) = self.partitions.get_mut(&log) else { return };
            match step {
                CleaningStep::Op(op) => {
                    let is_open = partition.start_move.under_way.is_none()
                        && partition.log.has_sources(cleaning.run())
                        && partition.log.generation() == self.cleaner.generation;
                    if let StorageOp::ReplaceSegments { segments, .. } = &op {
                        if !is_open {
                            return self.give_cleaning_up(now, log, Obstacle::Gone);
                        }
                        partition.replacing = Some(segments.clone());
                    }
                    partition.is_cleaning = !matches!(op, StorageOp::Read { .. });
                    self.ops.submit(op, Owner::Cleaning(log));
                    self.cleaner.current = Some(cleaning);
                    return;
                }
                CleaningStep::Replaced { segments, copy } => {
                    let index = partition.log.replaced(&segments, *copy);
                    self.cleaner.generation = partition.log.generation();
                    self.ops.submit(index, Owner::Upkeep(log));
                    step = cleaning.next_run(&segments);
                }
                CleaningStep::FoundClean { segments, is_cleaned } => {
                    let index = if is_cleaned { partition.log.found_clean(&segments) } else { None };
                    if let Some(index) = index {
                        self.ops.submit(index, Owner::Upkeep(log));
                    }
                    step = cleaning.next_run(&segments);
                }
                CleaningStep::Done { cleaned_to, sizes: (before, after) } => {
                    partition.log.cleaned_up_to(cleaned_to);
                    let message = format!(
                        "{} is compacted up to offset {cleaned_to}: {after} bytes of {before} are left.",
                        partition.name
                    );
                    let args = vec![
                        ("partition", partition.name.to_string()),
                        ("offset", cleaned_to.to_string()),
                        ("before", before.to_string()),
                        ("after", after.to_string()),
                    ];
                    self.report.tell(false, "log-compacted", args, message);
                    // Others may wait.
                    self.cleaner.next = Some(now.monotonic_ms);
                    return;
                }
                CleaningStep::GivenUp(obstacle) => return self.give_cleaning_up(now, log, obstacle),
            }
        }
    }

    /// An operation of the cleaning has ended.
    pub(super) fn cleaning_ended(&mut self, now: Now, log: LogId, result: StorageResult) {
        let Some(cleaning) = self.cleaner.current.take() else { return };
        let Some(partition) = self.partitions.get_mut(&log) else {
            self.arm_cleaner(now);
            return self.unpark(now, log);
        };
        let is_write = std::mem::take(&mut partition.is_cleaning);
        if partition.settling.is_some() {
            if is_write {
                self.settle_one(log);
            }
            self.arm_cleaner(now);
            return self.unpark(now, log);
        }
        let is_unknown = matches!(result, Err(StorageError::Unknown { .. }));
        if is_write && !is_unknown {
            partition.replacing = None;
        }
        let is_same = partition.log.generation() == self.cleaner.generation;
        match result {
            Ok(_) if !is_same => self.give_cleaning_up(now, log, Obstacle::Gone),
            Ok(applied) => self.cleaning_applied(now, cleaning, &applied),
            Err(StorageError::NotApplied { reason, message }) if is_write => {
                let message = format!("{} could not be compacted: {message}.", partition.name);
                self.report.event(true, message);
                self.give_cleaning_up(now, log, Obstacle::Gone);
                if matches!(reason, NotAppliedReason::Fenced | NotAppliedReason::Failed) {
                    self.storage_is_gone();
                }
            }
            Err(error) if is_write => {
                self.arm_cleaner(now);
                self.settle(log, None, &format!("Compacting it: {error}"));
            }
            Err(error) => {
                let message = format!("{} could not be compacted: {error}.", partition.name);
                self.report.event(true, message);
                self.give_cleaning_up(now, log, Obstacle::Gone);
            }
        }
        self.unpark(now, log);
        self.go_on_moving_start(log);
    }

    fn cleaning_applied(&mut self, now: Now, mut cleaning: Box<Cleaning>, applied: &Applied) {
        let Some(partition) = self.partitions.get(&cleaning.log) else { return };
        let read = match applied {
            Applied::Read(bytes) => Some(bytes),
            Applied::Loaded(_) | Applied::Written => None,
        };
        let step = cleaning.go_on(read, partition.log.producers());
        self.cleaning_goes_on(now, cleaning, step);
    }

    /// Leaves a log as it is, for now or until it is read again.
    fn give_cleaning_up(&mut self, now: Now, log: LogId, obstacle: Obstacle) {
        self.arm_cleaner(now);
        let Some(partition) = self.partitions.get_mut(&log) else { return };
        let why = match obstacle {
            Obstacle::Gone => None,
            Obstacle::Damaged => Some("it is damaged"),
            Obstacle::TooManyKeys => {
                Some("log.cleaner.dedupe.buffer.size has no room for the keys of one batch")
            }
        };
        if let Some(why) = why {
            partition.log.leave_uncleaned();
            let message =
                format!("{} is not compacted until the broker starts again: {why}.", partition.name);
            self.report.event(true, message);
        }
        if partition.settling.is_none() {
            let drop = StorageOp::AppendCleaned { log, segment: 0, position: 0, batches: Bytes::new() };
            self.ops.submit(drop, Owner::Upkeep(log));
        }
    }

    /// Has a read wait until it is known what it has read.
    pub(super) fn park(&mut self, log: LogId, read: Parked) {
        self.cleaner.parked.push((log, read));
    }

    fn unpark(&mut self, now: Now, log: LogId) {
        let parked = std::mem::take(&mut self.cleaner.parked);
        let (ready, parked): (Vec<_>, Vec<_>) = parked.into_iter().partition(|(of, _)| *of == log);
        self.cleaner.parked = parked;
        for (_, read) in ready {
            match read {
                Parked::Fetch { fetch, topic, partition } => self.fetch_again(now, fetch, topic, partition),
                Parked::Search(search) => self.search_again(search),
            }
        }
    }
}
