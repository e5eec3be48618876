//! Whether the times that a producer gives its records are ones that the topic takes (KIP-32, KIP-937).

use kafka_protocol::ResponseError;

use crate::config::LogConfig;
use crate::error::ApiError;
use crate::record::{RecordBatch, TimestampType};

/// The most records of a batch that are named when they are refused.
const MAX_NAMED: usize = 100;

/// Checks a batch that is appended at `now_ms`. The records are looked at one by one only if the batch's header does not
/// settle it.
pub(super) fn check_timestamps(
    batch: RecordBatch<'_>,
    config: &LogConfig,
    now_ms: i64,
) -> Result<(), ApiError> {
    if batch.timestamp_type() == TimestampType::LogAppendTime {
        let message = "Only the broker gives records the time of their append.";
        return Err(ApiError::new(ResponseError::InvalidTimestamp, message));
    }
    if config.log_append_time {
        return Ok(());
    }
    let earliest = now_ms.saturating_sub(config.timestamp_before_max_ms);
    let latest = now_ms.saturating_add(config.timestamp_after_max_ms);
    if batch.max_timestamp() <= latest && config.timestamp_before_max_ms == i64::MAX {
        return Ok(());
    }
    let damaged = |error: crate::record::RecordError| {
        ApiError::new(ResponseError::CorruptMessage, format!("The records cannot be read: {error}."))
    };
    let mut refused = Vec::new();
    for (index, record) in (0..).zip(&batch.records().map_err(damaged)?) {
        let timestamp = record.map_err(damaged)?.timestamp;
        if !(earliest..=latest).contains(&timestamp) && refused.len() < MAX_NAMED {
            refused.push(index);
        }
    }
    if refused.is_empty() {
        return Ok(());
    }
    let message = format!(
        "A record's timestamp has to lie from {earliest} to {latest}, by message.timestamp.before.max.ms and \
         message.timestamp.after.max.ms."
    );
    Err(ApiError { records: refused, ..ApiError::new(ResponseError::InvalidTimestamp, message) })
}
