//! The topic that is kept short: by its size, by its records' age, and by requests to delete them. And what is kept of a log.

use crate::random::Random;
use crate::scenario::TopicPlan;

/// How much of a log is kept.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Limits {
    pub(crate) retention_ms: Option<u64>,
    pub(crate) retention_bytes: Option<u64>,
}

impl Limits {
    /// As configs of a topic.
    pub(crate) fn configs(self) -> [(String, String); 2] {
        let or_none = |limit: Option<u64>| limit.map_or_else(|| "-1".to_owned(), |limit| limit.to_string());
        [
            ("retention.ms".to_owned(), or_none(self.retention_ms)),
            ("retention.bytes".to_owned(), or_none(self.retention_bytes)),
        ]
    }
}

/// What it is called.
pub(crate) const RETAINED: &str = "retained";

/// How short it is kept.
#[derive(Clone, Debug)]
pub(crate) struct RetainedPlan {
    pub(crate) partitions: i32,
    pub(crate) limits: Limits,
    pub(crate) segment_bytes: u64,
    /// Whether what was acknowledged survives a power cut.
    flushed: bool,
    /// Records are deleted on request once in so many milliseconds, on the average.
    pub(crate) deletes_ms: u64,
}

impl RetainedPlan {
    pub(crate) fn new(random: &mut Random) -> RetainedPlan {
        RetainedPlan {
            partitions: random.pick(&[1, 2, 3]),
            limits: Limits {
                retention_ms: random.pick(&[None, None, Some(500), Some(2_000), Some(3_600_000)]),
                retention_bytes: random.pick(&[None, Some(0), Some(1_000), Some(3_000)]),
            },
            segment_bytes: random.pick(&[200, 500, 1_500]),
            flushed: random.one_in(3),
            deletes_ms: random.pick(&[300, 1_500, 60_000]),
        }
    }

    pub(crate) fn topic(&self) -> TopicPlan {
        let mut configs = vec![("segment.bytes".to_owned(), self.segment_bytes.to_string())];
        configs.extend(self.limits.configs());
        if self.flushed {
            configs.push(("flush.messages".to_owned(), "1".to_owned()));
        }
        TopicPlan { name: RETAINED.to_owned(), partitions: self.partitions, configs }
    }
}
