//! A partition that this broker leads: its log, and the appends on their way to storage.

use std::collections::VecDeque;

use kafka_protocol::ResponseError;

use crate::config::LogConfig;
use crate::error::ApiError;
use crate::log::{AppendPoint, Log};
use crate::producer_state::Undo;
use crate::storage_op::OpId;
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
    /// An append before it was refused, so this one will be.
    pub(crate) doomed: bool,
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
        Partition { name, leader_epoch, config, log, pending: VecDeque::new(), settling: None }
    }

    /// Whether it is known what storage has. Until then nothing can be appended, nor said about what was.
    pub(crate) fn check_settled(&self) -> Result<(), ApiError> {
        if self.settling.is_none() {
            return Ok(());
        }
        let message = format!("{} is being read again after a failure of its storage.", self.name);
        Err(ApiError::new(ResponseError::KafkaStorageError, message))
    }

    /// What lies below it can be read by consumers. There is one replica, so what storage has is committed.
    pub(crate) fn high_watermark(&self) -> Offset {
        self.log.log_end_offset()
    }
}
