//! A partition that this broker leads: its log, and the appends on their way to storage.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use kafka_protocol::ResponseError;

use crate::config::LogConfig;
use crate::error::ApiError;
use crate::log::{AppendPoint, Log};
use crate::producer_state::Undo;
use crate::storage_op::{Durability, LogId, OpId};
use crate::types::{LeaderEpoch, Offset, TopicPartition};

#[derive(Debug)]
pub(crate) struct Partition<W> {
    pub(crate) name: TopicPartition,
    pub(crate) leader_epoch: LeaderEpoch,
    pub(crate) config: LogConfig,
    pub(crate) log: Log,
    /// In the order of their offsets, which is the order in which storage answers.
    pub(crate) pending: VecDeque<PendingAppend<W>>,
    /// Set while it is not known which appends storage took.
    pub(crate) settling: Option<Settling<W>>,
    /// The log start that is being moved.
    pub(crate) start_move: StartMove,
    /// Records since an append was to be durable against a power cut.
    unflushed: i64,
    /// A write of a compaction is under way.
    pub(crate) is_cleaning: bool,
    /// A cleaned copy is taking the place of these segments, or may have.
    pub(crate) replacing: Option<Range<Offset>>,
}

/// Where a log's start is wanted, and how far that is.
#[derive(Debug, Default)]
pub(crate) struct StartMove {
    /// Those that want it at an offset at the least.
    pub(crate) waiting: Vec<(Offset, StartWaiter)>,
    pub(crate) under_way: Option<StartOp>,
    /// Storage had no room for a step.
    pub(crate) refusals: u8,
}

/// An operation that moves a log's start.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum StartOp {
    /// Keeps the producers' states at an offset.
    KeepProducers(Offset),
    /// Drops the segments below `before`.
    Move { before: Offset, log_start_offset: Option<Offset> },
}

/// Who is told that a log's start was moved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum StartWaiter {
    /// A partition's entry in a DeleteRecords request.
    DeleteRecords(DeleteEntry),
    /// The coordinator of this log's groups, which has copied what still counts.
    Offsets(LogId),
    /// The broker itself, which looks again another time.
    Nobody,
}

/// The place of a partition in a DeleteRecords request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct DeleteEntry {
    pub(crate) request: u64,
    pub(crate) topic: usize,
    pub(crate) partition: usize,
}

/// An append that storage has not answered.
#[derive(Debug)]
pub(crate) struct PendingAppend<W> {
    pub(crate) op: OpId,
    pub(crate) point: AppendPoint,
    /// Bytes of the batches.
    pub(crate) size: usize,
    /// Who is to be told; more than one if a producer has sent the batch again meanwhile.
    pub(crate) waiters: Vec<W>,
    /// What the state of the batch's producer was before.
    pub(crate) undo: Option<Undo>,
    /// An append before it was refused, so this one will be: what was said of that one.
    pub(crate) doomed: Option<Arc<str>>,
}

/// Appends of which at least one may or may not be stored.
#[derive(Debug)]
pub(crate) struct Settling<W> {
    pub(crate) appends: Vec<PendingAppend<W>>,
    /// How many of them storage has not answered yet; the log is loaded again after the last.
    pub(crate) outstanding: usize,
}

impl<W> Partition<W> {
    pub(crate) fn new(name: TopicPartition, leader_epoch: LeaderEpoch, config: LogConfig, log: Log) -> Self {
        Partition {
            name,
            leader_epoch,
            config,
            log,
            pending: VecDeque::new(),
            settling: None,
            start_move: StartMove::default(),
            unflushed: 0,
            is_cleaning: false,
            replacing: None,
        }
    }

    /// What an append of so many records is to survive: every `flush.messages` records, one is durable with all before it.
    pub(crate) fn durability(&mut self, records: i64) -> Durability {
        self.unflushed = self.unflushed.saturating_add(records);
        if self.config.flush_messages.is_none_or(|every| self.unflushed < every) {
            return Durability::Relaxed;
        }
        self.unflushed = 0;
        Durability::Strict
    }

    /// An append was refused that the others may have counted upon: the next one is durable with all before it, if any is.
    pub(crate) fn flush_next(&mut self) {
        self.unflushed = i64::MAX;
    }

    /// Whether it is known what storage has. Until then nothing can be appended, nor said about what was.
    pub(crate) fn check_settled(&self) -> Result<(), ApiError> {
        if self.settling.is_none() {
            return Ok(());
        }
        let message = format!("{} is being read again after a failure of its storage.", self.name);
        Err(ApiError::new(ResponseError::KafkaStorageError, message))
    }

    /// The bytes that storage has of a segment, without what is on its way there.
    pub(crate) fn stored_size(&self, segment: Offset) -> u64 {
        let settling = self.settling.iter().flat_map(|settling| &settling.appends);
        match settling.chain(&self.pending).next().map(|first| first.point) {
            Some(point) if point.segment == segment => point.position,
            Some(point) if point.segment < segment => 0,
            _ => self.log.segment_size(segment),
        }
    }

    /// The bytes that storage has of the log, without what is on its way there.
    pub(crate) fn stored_bytes(&self) -> u64 {
        self.log.segments().iter().map(|segment| self.stored_size(segment.base_offset())).sum()
    }

    /// Whether a segment is on its way out.
    pub(crate) fn is_dropping(&self, segment: Offset) -> bool {
        matches!(self.start_move.under_way, Some(StartOp::Move { before, .. }) if segment < before)
    }

    /// Whether nobody knows at the moment if a segment has its old bytes or its new ones.
    pub(crate) fn is_replacing(&self, segment: Offset) -> bool {
        self.replacing.as_ref().is_some_and(|segments| segments.contains(&segment))
    }

    /// What lies below it can be read by consumers. There is one replica, so what storage has is committed.
    pub(crate) fn high_watermark(&self) -> Offset {
        self.log.log_end_offset()
    }
}
