use super::ConfigError;

/// What values a config takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ValueKind {
    Boolean,
    /// A 32-bit number from `min`.
    Int {
        min: i64,
    },
    /// A 64-bit number from `min`.
    Long {
        min: i64,
    },
    /// A number that here can only be this.
    Only(&'static str),
    /// One of some words.
    Choice(&'static [&'static str]),
    /// A decimal number from 0 to 1.
    Ratio,
    /// What becomes of old segments: `delete`, `compact`, or both with a comma.
    CleanupPolicy,
    /// Any text that is not empty.
    Text,
}

/// A config.
#[derive(Debug)]
pub(crate) struct ConfigKey {
    pub(crate) name: &'static str,
    pub(crate) kind: ValueKind,
    pub(crate) default: &'static str,
    /// For a topic's config: the broker's that it falls back to.
    pub(crate) synonym: Option<&'static str>,
    pub(crate) documentation: &'static str,
}

impl ConfigKey {
    pub(crate) fn check(&self, value: &str) -> Result<(), ConfigError> {
        let value = value.trim();
        let (valid, expected) = match self.kind {
            ValueKind::Boolean => (value == "true" || value == "false", "true or false".to_owned()),
            ValueKind::Int { min } => (
                value.parse::<i32>().is_ok_and(|number| i64::from(number) >= min),
                format!("a whole number from {min} to {}", i32::MAX),
            ),
            ValueKind::Long { min } => (
                value.parse::<i64>().is_ok_and(|number| number >= min),
                format!("a whole number from {min} to {}", i64::MAX),
            ),
            ValueKind::Only(number) => (value == number, format!("{number} here")),
            ValueKind::Choice(words) => (words.contains(&value), words.join(" or ")),
            ValueKind::Text => (!value.is_empty(), "a text".to_owned()),
            ValueKind::Ratio => {
                (parse_ratio(value).is_some(), "a decimal number from 0 to 1, such as 0.5".to_owned())
            }
            ValueKind::CleanupPolicy => (
                value.split(',').all(|policy| matches!(policy.trim(), "delete" | "compact")),
                "delete, compact or delete,compact".to_owned(),
            ),
        };
        if valid {
            return Ok(());
        }
        Err(ConfigError::InvalidValue { key: self.name.to_owned(), value: value.to_owned(), expected })
    }

    /// The number that DescribeConfigs gives the kind (KIP-569).
    pub(crate) fn type_code(&self) -> i8 {
        match self.kind {
            ValueKind::Boolean => 1,
            ValueKind::Choice(_) | ValueKind::Text => 2,
            ValueKind::Int { .. } | ValueKind::Only(_) => 3,
            ValueKind::Long { .. } => 5,
            ValueKind::Ratio => 6,
            ValueKind::CleanupPolicy => 7,
        }
    }

    /// Whether its value is a list, to which words can be added and from which they can be taken.
    pub(crate) fn is_list(&self) -> bool {
        self.kind == ValueKind::CleanupPolicy
    }

    /// Whether a broker's config can be set while it runs (KIP-226): those that topics fall back to, as in Kafka.
    pub(crate) fn is_dynamic(&self) -> bool {
        TOPIC_KEYS.iter().any(|topic| topic.synonym == Some(self.name))
            || self.name == "producer.id.expiration.ms"
    }
}

/// A decimal number from 0 to 1, in millionths; further digits are left out.
pub(super) fn parse_ratio(value: &str) -> Option<u32> {
    let (whole, decimals) = value.split_once('.').unwrap_or((value, ""));
    let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !are_digits(whole) || !are_digits(decimals) || (whole.is_empty() && decimals.is_empty()) {
        return None;
    }
    let whole: u32 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let millionths = decimals.bytes().chain(std::iter::repeat(b'0')).take(6);
    let millionths = millionths.fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
    let ratio = whole.checked_mul(1_000_000)?.checked_add(millionths)?;
    (ratio <= 1_000_000).then_some(ratio)
}

const fn topic(
    name: &'static str,
    kind: ValueKind,
    default: &'static str,
    synonym: &'static str,
    documentation: &'static str,
) -> ConfigKey {
    ConfigKey { name, kind, default, synonym: Some(synonym), documentation }
}

const fn broker(
    name: &'static str,
    kind: ValueKind,
    default: &'static str,
    documentation: &'static str,
) -> ConfigKey {
    ConfigKey { name, kind, default, synonym: None, documentation }
}

/// Broker configs that set another in a greater unit: that other, and the unit in ms.
pub(super) const IN_OTHER_UNITS: [(&str, &str, i64); 3] = [
    ("log.retention.hours", "log.retention.ms", 3_600_000),
    ("log.retention.minutes", "log.retention.ms", 60_000),
    ("log.roll.hours", "log.roll.ms", 3_600_000),
];

const INT_FROM_MINUS_1: ValueKind = ValueKind::Int { min: -1 };
const INT_FROM_0: ValueKind = ValueKind::Int { min: 0 };
const INT_FROM_1: ValueKind = ValueKind::Int { min: 1 };
const LONG_FROM_0: ValueKind = ValueKind::Long { min: 0 };
const LONG_FROM_MINUS_1: ValueKind = ValueKind::Long { min: -1 };
const LONG_FROM_1: ValueKind = ValueKind::Long { min: 1 };
// Kafka's own minimum: what a segment with one empty batch could need at the least.
const SEGMENT_BYTES: ValueKind = ValueKind::Int { min: 14 };
const TIMESTAMP_TYPE: ValueKind = ValueKind::Choice(&["CreateTime", "LogAppendTime"]);
const COMPRESSION: ValueKind =
    ValueKind::Choice(&["producer", "uncompressed", "gzip", "snappy", "lz4", "zstd"]);
const ONE_HOUR_MS: &str = "3600000";
const ANY_TIME: &str = "9223372036854775807";
const ONE_WEEK_MS: &str = "604800000";
const ONE_GIB: &str = "1073741824";
const NO_FLUSH: &str = "9223372036854775807";
const ONE_DAY_MS: &str = "86400000";

/// The configs of a topic, by name.
pub(crate) const TOPIC_KEYS: &[ConfigKey] = &[
    topic(
        "cleanup.policy",
        ValueKind::CleanupPolicy,
        "delete",
        "log.cleanup.policy",
        "What becomes of old segments: delete drops them by retention.ms and retention.bytes, compact keeps the last record of each key; delete,compact does both.",
    ),
    topic(
        "delete.retention.ms",
        LONG_FROM_0,
        ONE_DAY_MS,
        "log.cleaner.delete.retention.ms",
        "How long a record without a value stays in a compacted topic, once compaction has seen it.",
    ),
    topic(
        "compression.type",
        COMPRESSION,
        "producer",
        "compression.type",
        "How batches are stored: as the producer compressed them, or always with this codec.",
    ),
    topic(
        "flush.messages",
        LONG_FROM_1,
        NO_FLUSH,
        "log.flush.interval.messages",
        "After so many records one is acknowledged only when it is safe against a power cut, and all before it are; 1: each. The others are safe against the end of the process.",
    ),
    #[cfg(feature = "server")]
    topic(
        "flush.ms",
        LONG_FROM_0,
        NO_FLUSH,
        "log.flush.interval.ms",
        "How long a record that was acknowledged may wait to be safe against a power cut, where a directory holds it.",
    ),
    topic(
        "index.interval.bytes",
        INT_FROM_0,
        "4096",
        "log.index.interval.bytes",
        "How many bytes of batches lie between two entries of the offset index.",
    ),
    topic(
        "max.compaction.lag.ms",
        LONG_FROM_1,
        ANY_TIME,
        "log.cleaner.max.compaction.lag.ms",
        "How long a record of a compacted topic waits for compaction at the most.",
    ),
    topic(
        "max.message.bytes",
        INT_FROM_0,
        "1048588",
        "message.max.bytes",
        "The greatest size of a record batch, compressed, that is accepted.",
    ),
    topic(
        "message.timestamp.after.max.ms",
        LONG_FROM_0,
        ONE_HOUR_MS,
        "log.message.timestamp.after.max.ms",
        "How far a record's timestamp may lie ahead of the time of the append.",
    ),
    topic(
        "message.timestamp.before.max.ms",
        LONG_FROM_0,
        ANY_TIME,
        "log.message.timestamp.before.max.ms",
        "How far a record's timestamp may lie behind the time of the append.",
    ),
    topic(
        "message.timestamp.difference.max.ms",
        LONG_FROM_0,
        ANY_TIME,
        "log.message.timestamp.difference.max.ms",
        "How far a record's timestamp may lie from the time of the append; before KIP-937 in place of the two others.",
    ),
    topic(
        "message.timestamp.type",
        TIMESTAMP_TYPE,
        "CreateTime",
        "log.message.timestamp.type",
        "Whether records keep their producer's timestamp or get the time of the append.",
    ),
    topic(
        "min.cleanable.dirty.ratio",
        ValueKind::Ratio,
        "0.5",
        "log.cleaner.min.cleanable.ratio",
        "How much of a log has to be new before it is compacted.",
    ),
    topic(
        "min.compaction.lag.ms",
        LONG_FROM_0,
        "0",
        "log.cleaner.min.compaction.lag.ms",
        "How long a record of a compacted topic stays at the least, also if its key has a later one.",
    ),
    topic(
        "min.insync.replicas",
        INT_FROM_1,
        "1",
        "min.insync.replicas",
        "How many replicas have to have a record that is acknowledged to acks=all; there is 1, so with more nothing is.",
    ),
    topic(
        "retention.bytes",
        LONG_FROM_MINUS_1,
        "-1",
        "log.retention.bytes",
        "The size of a partition above which its oldest segments are dropped; -1: none.",
    ),
    topic(
        "retention.ms",
        LONG_FROM_MINUS_1,
        ONE_WEEK_MS,
        "log.retention.ms",
        "How old the latest record of a segment gets before the segment is dropped; -1: any age.",
    ),
    topic(
        "segment.bytes",
        SEGMENT_BYTES,
        ONE_GIB,
        "log.segment.bytes",
        "The size beyond which the log goes on in a new segment.",
    ),
    topic(
        "segment.ms",
        LONG_FROM_1,
        ONE_WEEK_MS,
        "log.roll.ms",
        "The time span of a segment's records beyond which the log goes on in a new one.",
    ),
    topic(
        "unclean.leader.election.enable",
        ValueKind::Boolean,
        "false",
        "unclean.leader.election.enable",
        "Whether a replica that lags behind may lead; there is one replica, which never does.",
    ),
];

/// The configs of a broker, by name.
pub(crate) const BROKER_KEYS: &[ConfigKey] = &[
    broker(
        "auto.create.topics.enable",
        ValueKind::Boolean,
        "true",
        "Whether a topic is made when a client asks for the metadata of one that does not exist.",
    ),
    broker("compression.type", COMPRESSION, "producer", "Default of a topic's compression.type."),
    broker(
        "default.replication.factor",
        ValueKind::Only("1"),
        "1",
        "How many replicas the partitions of a topic get that does not say.",
    ),
    broker("delete.topic.enable", ValueKind::Boolean, "true", "Whether topics can be deleted."),
    broker(
        "fetch.max.bytes",
        INT_FROM_1,
        "57671680",
        "The most that one Fetch is answered with; the first batch is given even if it is larger.",
    ),
    broker(
        "group.initial.rebalance.delay.ms",
        INT_FROM_0,
        "3000",
        "How long an empty group waits for more members when the first has joined.",
    ),
    broker(
        "group.max.session.timeout.ms",
        INT_FROM_1,
        "1800000",
        "The longest time that a member may ask for in which it need not be heard of.",
    ),
    broker("group.max.size", INT_FROM_1, "1000", "The most members that a group can have."),
    broker(
        "group.min.session.timeout.ms",
        INT_FROM_1,
        "6000",
        "The shortest time that a member may ask for in which it need not be heard of.",
    ),
    broker(
        "headwater.offsets.max.dirty.bytes",
        LONG_FROM_1,
        "1048576",
        "How many bytes a partition of __consumer_offsets or __transaction_state may grow by, at the least, before it is shortened to what still counts.",
    ),
    broker(
        "headwater.tail.max.bytes",
        INT_FROM_0,
        "8388608",
        "How many bytes of the latest batches are kept in memory, over all partitions.",
    ),
    broker(
        "log.cleaner.backoff.ms",
        LONG_FROM_0,
        "15000",
        "How often logs are looked for that are to be compacted.",
    ),
    broker(
        "log.cleaner.dedupe.buffer.size",
        ValueKind::Long { min: 1024 },
        "134217728",
        "The most memory for the keys of a log that is compacted, 24 bytes each. With more keys it is compacted part by part.",
    ),
    broker(
        "log.cleaner.delete.retention.ms",
        LONG_FROM_0,
        ONE_DAY_MS,
        "Default of a topic's delete.retention.ms.",
    ),
    broker(
        "log.cleaner.max.compaction.lag.ms",
        LONG_FROM_1,
        ANY_TIME,
        "Default of a topic's max.compaction.lag.ms.",
    ),
    broker(
        "log.cleaner.min.cleanable.ratio",
        ValueKind::Ratio,
        "0.5",
        "Default of a topic's min.cleanable.dirty.ratio.",
    ),
    broker(
        "log.cleaner.min.compaction.lag.ms",
        LONG_FROM_0,
        "0",
        "Default of a topic's min.compaction.lag.ms.",
    ),
    broker("log.cleanup.policy", ValueKind::CleanupPolicy, "delete", "Default of a topic's cleanup.policy."),
    broker("log.dirs", ValueKind::Text, "memory", "Where the logs lie, as DescribeLogDirs tells it."),
    broker("log.flush.interval.messages", LONG_FROM_1, NO_FLUSH, "Default of a topic's flush.messages."),
    #[cfg(feature = "server")]
    broker("log.flush.interval.ms", LONG_FROM_0, NO_FLUSH, "Default of a topic's flush.ms."),
    broker("log.index.interval.bytes", INT_FROM_0, "4096", "Default of a topic's index.interval.bytes."),
    broker(
        "log.message.timestamp.after.max.ms",
        LONG_FROM_0,
        ONE_HOUR_MS,
        "Default of a topic's message.timestamp.after.max.ms.",
    ),
    broker(
        "log.message.timestamp.before.max.ms",
        LONG_FROM_0,
        ANY_TIME,
        "Default of a topic's message.timestamp.before.max.ms.",
    ),
    broker(
        "log.message.timestamp.difference.max.ms",
        LONG_FROM_0,
        ANY_TIME,
        "Default of a topic's message.timestamp.difference.max.ms.",
    ),
    broker(
        "log.message.timestamp.type",
        TIMESTAMP_TYPE,
        "CreateTime",
        "Default of a topic's message.timestamp.type.",
    ),
    broker("log.retention.bytes", LONG_FROM_MINUS_1, "-1", "Default of a topic's retention.bytes."),
    broker(
        "log.retention.check.interval.ms",
        LONG_FROM_1,
        "300000",
        "How often segments are looked for that are too old or too many.",
    ),
    broker(
        "log.retention.hours",
        INT_FROM_MINUS_1,
        "168",
        "Sets log.retention.ms, in hours; the last one that is set counts.",
    ),
    broker(
        "log.retention.minutes",
        INT_FROM_MINUS_1,
        "10080",
        "Sets log.retention.ms, in minutes; the last one that is set counts.",
    ),
    broker("log.retention.ms", LONG_FROM_MINUS_1, ONE_WEEK_MS, "Default of a topic's retention.ms."),
    broker("log.roll.hours", INT_FROM_1, "168", "Sets log.roll.ms, in hours."),
    broker("log.roll.ms", LONG_FROM_1, ONE_WEEK_MS, "Default of a topic's segment.ms."),
    broker("log.segment.bytes", SEGMENT_BYTES, ONE_GIB, "Default of a topic's segment.bytes."),
    broker(
        "max.incremental.fetch.session.cache.slots",
        INT_FROM_0,
        "1000",
        "How many consumers are remembered with the partitions that they fetch.",
    ),
    broker("message.max.bytes", INT_FROM_0, "1048588", "Default of a topic's max.message.bytes."),
    broker("min.insync.replicas", INT_FROM_1, "1", "Default of a topic's min.insync.replicas."),
    broker("num.partitions", INT_FROM_1, "1", "How many partitions a topic gets that does not say."),
    broker(
        "offset.metadata.max.bytes",
        INT_FROM_0,
        "4096",
        "The most bytes of text that can be committed with an offset.",
    ),
    broker(
        "offsets.retention.check.interval.ms",
        LONG_FROM_1,
        "600000",
        "How often committed offsets are looked for that have expired.",
    ),
    broker(
        "offsets.retention.minutes",
        INT_FROM_1,
        "10080",
        "How long a group without members keeps its offsets.",
    ),
    broker(
        "offsets.topic.num.partitions",
        INT_FROM_1,
        "50",
        "How many partitions __consumer_offsets gets when it is made.",
    ),
    broker(
        "offsets.topic.segment.bytes",
        SEGMENT_BYTES,
        "104857600",
        "The segment.bytes that __consumer_offsets gets when it is made.",
    ),
    broker(
        "offsets.topic.replication.factor",
        ValueKind::Only("1"),
        "1",
        "How many replicas the partitions of __consumer_offsets get.",
    ),
    broker(
        "producer.id.expiration.check.interval.ms",
        INT_FROM_1,
        "600000",
        "How often producers that have been silent are looked for.",
    ),
    broker(
        "producer.id.expiration.ms",
        INT_FROM_1,
        "86400000",
        "How long a partition remembers a producer that sends nothing; what is sent again later is not recognized.",
    ),
    broker(
        "queued.max.request.bytes",
        INT_FROM_1,
        "16777216",
        "How many bytes of appends may be under way before further requests wait.",
    ),
    broker("socket.request.max.bytes", INT_FROM_1, "104857600", "The longest request that is accepted."),
    broker(
        "transaction.abort.timed.out.transaction.cleanup.interval.ms",
        INT_FROM_1,
        "10000",
        "How often transactions are looked for that take longer than they may.",
    ),
    broker(
        "transaction.max.timeout.ms",
        INT_FROM_1,
        "900000",
        "The longest time that a producer may ask for its transactions.",
    ),
    #[cfg(feature = "server")]
    broker(
        "transaction.partition.verification.enable",
        ValueKind::Boolean,
        "true",
        "Whether a transaction's coordinator is asked before its first record in a partition.",
    ),
    broker(
        "transaction.remove.expired.transaction.cleanup.interval.ms",
        INT_FROM_1,
        "3600000",
        "How often transactional ids are looked for that have expired.",
    ),
    broker(
        "transaction.state.log.num.partitions",
        INT_FROM_1,
        "50",
        "How many partitions __transaction_state gets when it is made.",
    ),
    broker(
        "transaction.state.log.segment.bytes",
        SEGMENT_BYTES,
        "104857600",
        "The segment.bytes that __transaction_state gets when it is made.",
    ),
    broker(
        "transactional.id.expiration.ms",
        INT_FROM_1,
        "604800000",
        "How long a transactional id is kept that nothing becomes of.",
    ),
    broker(
        "unclean.leader.election.enable",
        ValueKind::Boolean,
        "false",
        "Default of a topic's unclean.leader.election.enable.",
    ),
];

pub(crate) fn topic_key(name: &str) -> Option<&'static ConfigKey> {
    TOPIC_KEYS.iter().find(|key| key.name == name)
}

pub(crate) fn broker_key(name: &str) -> Option<&'static ConfigKey> {
    BROKER_KEYS.iter().find(|key| key.name == name)
}
