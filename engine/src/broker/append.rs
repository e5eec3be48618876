//! Appends: handed to storage, and what follows when storage answers.

use std::sync::Arc;

use bytes::Bytes;
use kafka_protocol::ResponseError;

use super::markers::MarkerEntry;
use super::produce::ProduceEntry;
use super::{Broker, Owner};
use crate::config::{LogConfig, TopicConfigs};
use crate::error::ApiError;
use crate::partition::{PendingAppend, Settling};
use crate::producer_state::Undo;
use crate::record::RecordBatch;
use crate::storage_op::{
    LogId, NotAppliedReason, OpId, SnapshotKind, StorageError, StorageOp, StorageResult,
};
use crate::time::Now;
use crate::types::Offset;

/// Who is told how an append ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Waiter {
    /// A partition's entry in a Produce request.
    Produce(ProduceEntry),
    /// The change of metadata under way.
    MetadataChange,
    /// A change of groups or their offsets.
    Offsets(u64),
    /// A partition's entry in a WriteTxnMarkers request.
    Marker(MarkerEntry),
}

impl Broker {
    /// Hands a batch to storage; its base offset and leader epoch are set, and it was checked.
    pub(super) fn append(&mut self, log: LogId, batch: Bytes, waiter: Waiter) -> Result<(), ApiError> {
        self.append_rolling(log, batch, waiter, false)
    }

    /// The same; `rolls` has the batch begin a segment.
    pub(super) fn append_rolling(
        &mut self,
        log: LogId,
        batch: Bytes,
        waiter: Waiter,
        rolls: bool,
    ) -> Result<(), ApiError> {
        let Some(partition) = self.partitions.get_mut(&log) else {
            return Err(ApiError::new(ResponseError::NotLeaderOrFollower, "This broker has no such log."));
        };
        partition.check_settled()?;
        let view = RecordBatch::parse(&batch)
            .map_err(|error| ApiError::new(ResponseError::CorruptMessage, error.to_string()))?;
        let segment_bytes = if rolls { 0 } else { partition.config.segment_bytes };
        let config = LogConfig { segment_bytes, ..partition.config };
        let (point, undo) = partition.log.append(&batch, view, &config);
        let durability = partition.durability(i64::from(view.last_offset_delta()) + 1);
        let size = batch.len();
        let op = StorageOp::Append {
            log,
            segment: point.segment,
            position: point.position,
            batches: batch,
            durability,
        };
        let op = self.ops.submit(op, Owner::Append(log));
        partition.pending.push_back(PendingAppend {
            op,
            point,
            size,
            waiters: vec![waiter],
            undo,
            doomed: None,
        });
        self.appending_bytes += size;
        self.tail_grew(log, size);
        self.trim_tails();
        Ok(())
    }

    pub(super) fn append_ended(&mut self, now: Now, log: LogId, op: OpId, result: StorageResult) {
        let Some(partition) = self.partitions.get_mut(&log) else {
            return;
        };
        if partition.settling.is_some() {
            self.settle_one(log);
            return;
        }
        let Some(append) = partition.pending.pop_front() else {
            return;
        };
        assert_eq!(append.op, op, "storage answers the appends to a log in their order");
        self.appending_bytes -= append.size;
        match result {
            Ok(_) => self.append_applied(now, log, &append),
            Err(StorageError::NotApplied { reason, message }) => {
                self.append_refused(now, log, append, reason, &message);
            }
            Err(error @ StorageError::Unknown { .. }) => {
                self.settle(log, Some(append), &format!("An append to it: {error}"));
            }
        }
        self.trim_tails();
    }

    fn append_applied(&mut self, now: Now, log: LogId, append: &PendingAppend<Waiter>) {
        let Some(partition) = self.partitions.get_mut(&log) else {
            return;
        };
        assert!(append.doomed.is_none(), "storage has taken an append behind one that it refused");
        let segments = partition.log.segment_count();
        for op in partition.log.appended(&append.point) {
            let owner = match &op {
                StorageOp::PutSnapshot { kind: SnapshotKind::ProducerState, offset, .. } => {
                    Owner::KeepProducers(log, *offset)
                }
                _ => Owner::Upkeep(log),
            };
            self.ops.submit(op, owner);
        }
        if append.point.position == 0 && append.point.base_offset > 0 {
            let message = format!(
                "{} goes on in a new segment at offset {}; it has {segments} now.",
                partition.name, append.point.base_offset
            );
            let args = vec![
                ("partition", partition.name.to_string()),
                ("offset", append.point.base_offset.to_string()),
                ("segments", segments.to_string()),
            ];
            self.report.tell(false, "segment-rolled", args, message);
        }
        let is_compacted = partition.config.is_compacted && segments > 1;
        if is_compacted {
            self.arm_cleaner(now);
        }
        self.trace_append(now, log, append);
        self.append_answered(now, append, &Ok(append.point.base_offset));
        self.wake_fetches(now, log);
    }

    fn append_refused(
        &mut self,
        now: Now,
        log: LogId,
        mut append: PendingAppend<Waiter>,
        reason: NotAppliedReason,
        message: &str,
    ) {
        let Some(partition) = self.partitions.get_mut(&log) else {
            return;
        };
        let message = match (reason, &append.doomed) {
            // Why this one is refused is why the one before it was.
            (NotAppliedReason::OutOfSequence, Some(why)) => why.to_string(),
            (NotAppliedReason::Full, _) => {
                format!(
                    "{} could not be stored: the storage is full. Delete something, then try again.",
                    partition.name
                )
            }
            _ => format!("{} could not be stored: {message}.", partition.name),
        };
        if append.doomed.is_none() {
            let later = partition.pending.iter_mut().rev().filter(|later| later.doomed.is_none());
            let undos: Vec<Undo> =
                later.filter_map(|later| later.undo.take()).chain(append.undo.take()).collect();
            partition.log.roll_back(&append.point, undos.into_iter());
            partition.flush_next();
            let why: Arc<str> = message.as_str().into();
            for later in &mut partition.pending {
                later.doomed = Some(why.clone());
            }
            let args = vec![("partition", partition.name.to_string()), ("why", message.clone())];
            self.report.tell(true, "append-refused", args, message.clone());
        }
        let refused = ApiError::new(ResponseError::KafkaStorageError, message);
        self.append_answered(now, &append, &Err(refused));
        if matches!(reason, NotAppliedReason::Fenced | NotAppliedReason::Failed) {
            self.storage_is_gone();
        }
    }

    pub(super) fn storage_is_gone(&mut self) {
        self.fail("The storage takes nothing any more: it has failed, or another owner has it.".to_owned());
    }

    /// It is not known whether a write is done: nothing more is written until the log was loaded again, which is after
    /// all that is under way has ended.
    pub(super) fn settle(&mut self, log: LogId, append: Option<PendingAppend<Waiter>>, why: &str) {
        let Some(partition) = self.partitions.get_mut(&log) else {
            return;
        };
        let mut appends = Vec::from_iter(append);
        let outstanding = partition.pending.len()
            + usize::from(partition.start_move.under_way.is_some())
            + usize::from(partition.is_cleaning);
        for pending in partition.pending.drain(..) {
            self.appending_bytes -= pending.size;
            appends.push(pending);
        }
        partition.settling = Some(Settling { appends, outstanding });
        let message = format!("The log of {} is read again. {why}.", partition.name);
        let args = vec![("partition", partition.name.to_string()), ("why", why.to_owned())];
        self.report.tell(true, "log-read-again", args, message);
        if outstanding == 0 {
            self.recover(log);
        }
    }

    /// One of the writes has ended that were under way when a log came to be settled.
    pub(super) fn settle_one(&mut self, log: LogId) {
        let settling = self.partitions.get_mut(&log).and_then(|partition| partition.settling.as_mut());
        if let Some(settling) = settling {
            settling.outstanding -= 1;
            if settling.outstanding == 0 {
                self.recover(log);
            }
        }
    }

    /// The log was loaded again: what lies below its end was stored.
    pub(super) fn settled(&mut self, now: Now, log: LogId) {
        let Some(partition) = self.partitions.get_mut(&log) else {
            return;
        };
        let log_end_offset = partition.log.log_end_offset();
        let Some(settling) = partition.settling.take() else {
            return;
        };
        partition.replacing = None;
        let lost = settling.appends.iter().filter(|append| append.point.end_offset > log_end_offset);
        for undo in lost.rev().filter_map(|append| append.undo.as_ref()) {
            partition.log.producers_mut().not_stored(undo);
        }
        for append in settling.appends {
            // What is there where a doomed one was to go is another.
            let result = if append.doomed.is_none() && append.point.end_offset <= log_end_offset {
                self.trace_append(now, log, &append);
                Ok(append.point.base_offset)
            } else {
                Err(ApiError::new(ResponseError::KafkaStorageError, "The records were not stored."))
            };
            self.append_answered(now, &append, &result);
        }
        self.go_on_moving_start(log);
        self.wake_fetches(now, log);
    }

    pub(super) fn append_answered(
        &mut self,
        now: Now,
        append: &PendingAppend<Waiter>,
        result: &Result<Offset, ApiError>,
    ) {
        for waiter in &append.waiters {
            match *waiter {
                Waiter::Produce(entry) => self.produce_entry_ended(entry, result.clone()),
                Waiter::MetadataChange => self.metadata_change_ended(now, result.clone()),
                Waiter::Marker(entry) => self.marker_ended(now, entry, result.clone()),
                Waiter::Offsets(change) => self.offsets_append_ended(now, change, result.clone()),
            }
        }
    }

    /// What a log works by.
    pub(super) fn log_config(&self, log: LogId) -> LogConfig {
        let mut config = match self.topics.by_id(log.topic_id) {
            Some(topic) => topic.configs.resolve(&self.config),
            None => TopicConfigs::default().resolve(&self.config),
        };
        if log == LogId::CLUSTER_METADATA {
            // A topic that was made stays made, also after a power cut.
            config.flush_messages = Some(1);
        }
        config
    }
}
