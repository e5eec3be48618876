//! Which segments are too old or too many.

use super::{Log, Segment};
use crate::config::LogConfig;
use crate::types::Offset;

impl Log {
    /// Where the log is to begin by its retention: above the segments that have only records older than `retention.ms`, and
    /// above the oldest without which the log has `retention.bytes` still (as in Kafka's `UnifiedLog.deletableSegments`).
    /// Also above those that could not be dropped when the log start was moved. Never above the log end.
    ///
    /// `stored_bytes`: what storage has of the log. What is on its way there may be refused, and does not count.
    ///
    /// A segment without any timestamp has no age; one in which compaction has left no record is old enough for any. A log that
    /// is only compacted keeps all its segments (`cleanup.policy`).
    pub(crate) fn retained_from(&self, wall_ms: i64, stored_bytes: u64, config: &LogConfig) -> Offset {
        let mut size = stored_bytes;
        let mut from = self.log_start_offset;
        for (index, segment) in self.segments.iter().enumerate() {
            let end = self.segments.get(index + 1).map_or(self.next_offset, Segment::base_offset);
            let timestamp = segment.max_timestamp();
            let age_ms = u64::try_from(wall_ms.saturating_sub(timestamp)).unwrap_or(0);
            let limit_ms = config.retention_ms.filter(|_| config.is_deleted);
            let is_old = match timestamp {
                i64::MIN => limit_ms.is_some(),
                timestamp => timestamp >= 0 && limit_ms.is_some_and(|limit| age_ms > limit),
            };
            size = size.saturating_sub(segment.size());
            let is_too_much = config.is_deleted && config.retention_bytes.is_some_and(|limit| size >= limit);
            if end > self.log_end_offset || !(is_old || is_too_much || end <= from) {
                break;
            }
            from = from.max(end);
        }
        from
    }

    /// Whether whole segments lie below the log start.
    pub(crate) fn has_segments_below_start(&self) -> bool {
        self.segments.get(1).is_some_and(|second| second.base_offset() <= self.log_start_offset)
    }
}
