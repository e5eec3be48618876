//! From nothing to running: the metadata log is recovered first, then the logs it names; and the same recovery for a log
//! that has to be settled later. A broker that is not the controller has the controller's metadata log instead of the first.

use std::collections::VecDeque;

use super::metadata_log::decode_records;
use super::{Broker, Owner, Partition, Phase};
use crate::error::ApiError;
use crate::log::{Damage, Log, Recovery, Step};
use crate::sorted::SortedMap;
use crate::storage_op::{Applied, LogId, StorageError, StorageOp, StorageResult};
use crate::time::Now;
use crate::topic::Topic;
use crate::types::TopicPartition;
use bytes::Bytes;
use kafka_protocol::ResponseError;

/// Logs recovered at once: enough to keep the storage busy, few enough for the memory that reading takes.
const MAX_RECOVERING: usize = 4;

/// How long to wait before a log is read again that could not be read, if it is not the start.
const RETRY_MS: u64 = 1_000;

#[derive(Debug, Default)]
pub(super) struct Startup {
    waiting: VecDeque<LogId>,
    /// Logs that could not be read, and when to try again.
    failed: VecDeque<(u64, LogId)>,
    recovering: SortedMap<LogId, Stage>,
}

/// How far the recovery of a log is.
#[derive(Debug)]
enum Stage {
    /// The storage has not said what there is.
    Loading,
    Reading(Box<Recovery>),
    /// All is read, and a damaged end is being cut off. Until that is done nothing may be appended: what went to a new segment
    /// would lie behind the damage, and be cut off with it the next time.
    CuttingOff(Box<Log>),
}

impl Broker {
    pub(super) fn begin_startup(&mut self) {
        if !self.config.is_controller() {
            // The controller is asked as soon as time is known.
            return;
        }
        self.startup.waiting.push_back(LogId::CLUSTER_METADATA);
        self.recover_waiting();
    }

    /// Has a log loaded and its batches looked at.
    pub(super) fn recover(&mut self, log: LogId) {
        self.startup.waiting.push_back(log);
        self.recover_waiting();
    }

    /// When a log is to be read again that could not be read.
    pub(super) fn next_retry(&self) -> Option<u64> {
        self.startup.failed.front().map(|(at, _)| *at)
    }

    pub(super) fn retry_failed(&mut self, now: Now) {
        while self.next_retry().is_some_and(|at| at <= now.monotonic_ms) {
            self.startup.waiting.extend(self.startup.failed.pop_front().map(|(_, log)| log));
        }
        self.recover_waiting();
    }

    fn recover_waiting(&mut self) {
        while self.startup.recovering.len() < MAX_RECOVERING
            && let Some(log) = self.startup.waiting.pop_front()
        {
            self.startup.recovering.insert(log, Stage::Loading);
            self.ops.submit(StorageOp::Load { log }, Owner::Recovery(log));
        }
    }

    pub(super) fn recovery_went_on(&mut self, now: Now, log: LogId, result: StorageResult) {
        let Some(stage) = self.startup.recovering.remove(&log) else {
            return;
        };
        let (recovery, step) = match (stage, result) {
            (Stage::Loading, Ok(Applied::Loaded(stored))) => {
                let interval = self.log_config(log).index_interval_bytes;
                // Records that the broker itself works by have to be read, all of them.
                let is_read = log == LogId::CLUSTER_METADATA || self.is_coordinators_log(log);
                Recovery::new(log, stored, interval, !is_read).next()
            }
            (Stage::Reading(recovery), Ok(Applied::Read(bytes))) => recovery.read(&bytes),
            (Stage::CuttingOff(recovered), Ok(Applied::Written)) => return self.recovered(now, *recovered),
            (_, Ok(_)) => return self.fail("The storage has answered what it was not asked.".to_owned()),
            (_, Err(error)) => return self.recovery_failed(now, log, &error),
        };
        match step {
            Step::Continue { op, batches } => {
                let stage = recovery.map_or(Stage::Loading, |recovery| Stage::Reading(Box::new(recovery)));
                self.startup.recovering.insert(log, stage);
                self.ops.submit(op, Owner::Recovery(log));
                self.take_recovered(log, &batches);
            }
            Step::Done { log: recovered, batches, damages, truncate } => {
                self.take_recovered(log, &batches);
                for damage in &damages {
                    self.tell_damage(log, damage);
                }
                let Some(op) = truncate else {
                    return self.recovered(now, *recovered);
                };
                let name = self.log_name(log);
                let end = recovered.log_end_offset();
                self.report
                    .event(true, format!("{name} goes on at offset {end}; what is stored is cut off there."));
                self.startup.recovering.insert(log, Stage::CuttingOff(recovered));
                self.ops.submit(op, Owner::Recovery(log));
            }
        }
    }

    /// Says what of a log cannot be read, and counts it.
    pub(super) fn tell_damage(&mut self, log: LogId, damage: &Damage) {
        let message = format!("{} was damaged: {damage}.", self.log_name(log));
        self.report.refuse(&ApiError::new(ResponseError::CorruptMessage, message.clone()));
        self.report.event(true, message);
    }

    /// Works by the records of a log, where the broker does.
    fn take_recovered(&mut self, log: LogId, batches: &Bytes) {
        self.take_offsets(log, batches);
        if log == LogId::CLUSTER_METADATA && self.phase == Phase::Starting {
            match decode_records(batches) {
                Ok(records) => records.into_iter().for_each(|record| self.restore_metadata(record)),
                Err(reason) => self.fail(format!("The cluster's metadata cannot be used: {reason}.")),
            }
        }
    }

    fn recovered(&mut self, now: Now, log: Log) {
        let id = log.id;
        match self.partitions.get_mut(&id) {
            Some(partition) => {
                let earlier = std::mem::replace(&mut partition.log, log);
                partition.log.producers_mut().remember_refused(earlier.producers());
                partition.log.follows(&earlier);
                self.settled(now, id);
            }
            None => self.install(log),
        }
        if id == LogId::CLUSTER_METADATA && self.phase == Phase::Starting {
            self.startup.waiting.extend(self.local_logs());
        }
        self.go_on_starting(now);
    }

    /// The metadata of the cluster is known: its logs are recovered.
    pub(super) fn recover_local_logs(&mut self, now: Now) {
        self.startup.waiting.extend(self.local_logs());
        self.go_on_starting(now);
    }

    fn go_on_starting(&mut self, now: Now) {
        self.recover_waiting();
        if self.phase == Phase::Starting && self.startup.recovering.is_empty() {
            self.phase = Phase::Running;
            self.begin_upkeep(now);
            self.begin_group_upkeep(now);
            self.begin_transaction_upkeep(now);
            let partitions = self.partitions.keys().filter(|log| **log != LogId::CLUSTER_METADATA).count();
            let broker = self.config.node_id();
            let args = vec![("broker", broker.to_string()), ("partitions", partitions.to_string())];
            let message = format!("Broker {broker} is ready with {partitions} partitions.");
            self.report.tell(false, "broker-ready", args, message);
        }
    }

    /// A log that cannot be recovered ends the start. Later on it is tried again and again; until it succeeds, nothing is
    /// appended, and whoever waits for an append waits on, as nobody knows what became of it.
    fn recovery_failed(&mut self, now: Now, log: LogId, error: &StorageError) {
        let name = self.log_name(log);
        if self.phase == Phase::Starting || log == LogId::CLUSTER_METADATA {
            self.fail(format!("{name} cannot be read: {error}."));
            return;
        }
        self.report.event(true, format!("{name} cannot be read: {error}. It takes no records until it can."));
        self.startup.failed.push_back((now.monotonic_ms + RETRY_MS, log));
        self.recover_waiting();
    }

    /// Makes a partition of a log; not of one whose topic is gone.
    pub(super) fn install(&mut self, log: Log) {
        let id = log.id;
        let config = self.log_config(id);
        let partition = if id == LogId::CLUSTER_METADATA {
            let name = TopicPartition { topic: "__cluster_metadata".to_owned(), partition: 0 };
            Partition::new(name, 0, config, log)
        } else {
            let Some((topic, assignment)) = self.topics.by_id(id.topic_id).and_then(|topic| {
                let assignment = topic.assignment(id.partition)?;
                Some((topic, assignment))
            }) else {
                return;
            };
            let name = TopicPartition { topic: topic.name.clone(), partition: id.partition };
            let mut partition = Partition::new(name, assignment.leader_epoch, config, log);
            self.strangers.introduce(topic, id.partition, partition.log.producers_mut());
            partition
        };
        self.partitions.insert(id, partition);
        #[cfg(feature = "server")]
        self.flush_times.look_at(id);
    }

    /// The logs of the partitions that this broker leads.
    fn local_logs(&self) -> Vec<LogId> {
        self.topics.iter().flat_map(|topic| self.led_logs(topic)).collect()
    }

    /// The logs of those partitions of a topic that this broker leads.
    pub(super) fn led_logs(&self, topic: &Topic) -> Vec<LogId> {
        let node_id = self.config.node_id();
        let led = topic.partition_indexes().filter(|&partition| {
            topic.assignment(partition).is_some_and(|assignment| assignment.leader == node_id)
        });
        led.map(|partition| topic.log_id(partition)).collect()
    }

    pub(super) fn log_name(&self, log: LogId) -> String {
        if log == LogId::CLUSTER_METADATA {
            return "__cluster_metadata".to_owned();
        }
        match self.topics.by_id(log.topic_id) {
            Some(topic) => format!("{}-{}", topic.name, log.partition),
            None => format!("{}-{}", log.topic_id, log.partition),
        }
    }
}
