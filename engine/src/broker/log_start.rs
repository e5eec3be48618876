//! Moving the log start of a partition: step by step through storage, and told when it is durable.

use kafka_protocol::ResponseError;

use super::{Broker, Owner};
use crate::error::ApiError;
use crate::log::StartStep;
use crate::partition::{StartOp, StartWaiter};
use crate::storage_op::{Applied, LogId, NotAppliedReason, StorageError, StorageResult};
use crate::time::Now;
use crate::types::Offset;

/// How often a move may be refused: the first time, segments are dropped without asking for room; then it is tried once
/// more, as there may be some now.
const MAX_REFUSALS: u8 = 2;

impl Broker {
    /// Moves the start of a log to an offset that is not above its high watermark. The waiter is told when that is durable,
    /// or why it cannot be; at once, if the log begins there already.
    ///
    /// Segments below it are dropped. It needs no room but for a mark of some bytes, where no segment begins at the offset.
    pub(super) fn move_log_start(&mut self, log: LogId, offset: Offset, waiter: StartWaiter) {
        let Some(partition) = self.partitions.get_mut(&log) else {
            let error = ApiError::new(ResponseError::NotLeaderOrFollower, "This broker has no such log.");
            return self.start_answered(waiter, &Err(error));
        };
        if let Err(error) = partition.check_settled() {
            return self.start_answered(waiter, &Err(error));
        }
        partition.start_move.waiting.push((offset.min(partition.log.log_end_offset()), waiter));
        self.go_on_moving_start(log);
    }

    /// Asks for the next step, if there is one to ask for.
    pub(super) fn go_on_moving_start(&mut self, log: LogId) {
        let Some(partition) = self.partitions.get_mut(&log) else {
            return;
        };
        let moving = &mut partition.start_move;
        if moving.under_way.is_some() || partition.settling.is_some() || partition.replacing.is_some() {
            return;
        }
        let wanted = moving.waiting.iter().map(|(offset, _)| *offset).max();
        // A log that was read again may end earlier, where it was damaged.
        let Some(wanted) = wanted.map(|offset| offset.min(partition.log.log_end_offset())) else {
            moving.refusals = 0;
            return;
        };
        let sparing = moving.refusals == 1;
        match partition.log.start_step(wanted, sparing) {
            StartStep::KeepProducers(op) => {
                moving.under_way = Some(StartOp::KeepProducers(partition.log.log_end_offset()));
                self.ops.submit(op, Owner::LogStart(log));
            }
            StartStep::Move { op, before, log_start_offset } => {
                moving.under_way = Some(StartOp::Move { before, log_start_offset });
                self.ops.submit(op, Owner::LogStart(log));
            }
            StartStep::None if sparing => {
                moving.refusals += 1;
                self.go_on_moving_start(log);
            }
            StartStep::None => {
                let message = "The log was damaged and ends before that offset.";
                self.answer_start(log, Some(&ApiError::new(ResponseError::OffsetOutOfRange, message)));
            }
        }
    }

    /// Storage has answered a step.
    pub(super) fn start_step_ended(&mut self, now: Now, log: LogId, result: StorageResult) {
        let Some(partition) = self.partitions.get_mut(&log) else {
            return;
        };
        let Some(op) = partition.start_move.under_way.take() else {
            return;
        };
        if partition.settling.is_some() {
            return self.settle_one(log);
        }
        match (op, result) {
            (StartOp::KeepProducers(offset), Ok(_)) => {
                self.producers_kept(log, offset, Ok(Applied::Written));
            }
            (StartOp::Move { before, log_start_offset }, Ok(_)) => {
                let segments = partition.log.segment_count();
                partition.log.start_moved(before, log_start_offset);
                let dropped = segments - partition.log.segment_count();
                if partition.start_move.refusals == 1 {
                    partition.start_move.refusals += 1;
                }
                if dropped > 0 {
                    let message = format!(
                        "{} begins at offset {} now; {dropped} segments were dropped.",
                        partition.name,
                        partition.log.log_start_offset()
                    );
                    let args = vec![
                        ("partition", partition.name.to_string()),
                        ("offset", partition.log.log_start_offset().to_string()),
                        ("segments", dropped.to_string()),
                    ];
                    self.report.tell(false, "segments-deleted", args, message);
                }
                self.answer_start(log, None);
                self.wake_fetches(now, log);
            }
            (_, Err(StorageError::NotApplied { reason, message })) => {
                self.start_refused(log, reason, &message);
            }
            (_, Err(error @ StorageError::Unknown { .. })) => {
                return self.settle(log, None, &format!("Moving its start: {error}"));
            }
        }
        self.go_on_moving_start(log);
    }

    fn start_refused(&mut self, log: LogId, reason: NotAppliedReason, message: &str) {
        let Some(partition) = self.partitions.get_mut(&log) else {
            return;
        };
        let moving = &mut partition.start_move;
        moving.refusals += 1;
        let dead = matches!(reason, NotAppliedReason::Fenced | NotAppliedReason::Failed);
        if dead || moving.refusals > MAX_REFUSALS {
            let message = format!(
                "The start of {} could not be moved: {message}. It begins at offset {}.",
                partition.name,
                partition.log.log_start_offset()
            );
            self.report.event(true, message.clone());
            self.answer_start(log, Some(&ApiError::new(ResponseError::KafkaStorageError, message)));
        }
        if dead {
            self.storage_is_gone();
        }
    }

    /// Tells those that waited for a start that is reached; with an error all.
    fn answer_start(&mut self, log: LogId, error: Option<&ApiError>) {
        let Some(partition) = self.partitions.get_mut(&log) else {
            return;
        };
        let start = partition.log.log_start_offset();
        let waiting = std::mem::take(&mut partition.start_move.waiting);
        let (ended, waiting): (Vec<_>, Vec<_>) =
            waiting.into_iter().partition(|(offset, _)| error.is_some() || *offset <= start);
        partition.start_move.waiting = waiting;
        if partition.start_move.waiting.is_empty() {
            partition.start_move.refusals = 0;
        }
        for (offset, waiter) in ended {
            let result = match error {
                Some(error) if offset > start => Err(error.clone()),
                _ => Ok(start),
            };
            self.start_answered(waiter, &result);
        }
    }

    /// Tells one that waited for a log start where it is now.
    pub(super) fn start_answered(&mut self, waiter: StartWaiter, result: &Result<Offset, ApiError>) {
        match waiter {
            StartWaiter::DeleteRecords(entry) => self.delete_entry_ended(entry, result),
            StartWaiter::Offsets(log) => self.shortened(log, result.is_ok()),
            StartWaiter::Nobody => {}
        }
    }
}
