//! Broker and topic configs, under Kafka's keys.
//!
//! Every key that the engine acts on is in one of two tables; a key that is not there is refused, and so is a value
//! that would be accepted only to be ignored.

mod keys;
#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::RangeInclusive;

pub(crate) use keys::{BROKER_KEYS, ConfigKey, TOPIC_KEYS, broker_key, topic_key};

use crate::group::GroupSettings;
use crate::record::Compression;
use crate::sorted::SortedMap;
use crate::types::NodeId;

/// A config that is not accepted.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ConfigError {
    /// No config of this name exists here.
    UnknownKey {
        /// The name as given.
        key: String,
    },
    /// The value is not one that the config takes.
    InvalidValue {
        /// The config's name.
        key: String,
        /// The value as given.
        value: String,
        /// What it takes.
        expected: String,
    },
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConfigError::UnknownKey { key } => write!(f, "Unknown config {key}."),
            ConfigError::InvalidValue { key, value, expected } => {
                write!(f, "Invalid value {value} for config {key}: it takes {expected}.")
            }
        }
    }
}

impl std::error::Error for ConfigError {}

/// How a broker is set up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BrokerConfig {
    node_id: NodeId,
    controller_id: NodeId,
    host: String,
    port: u16,
    cluster_id: String,
    set: SortedMap<String, String>,
    /// What was set while the cluster ran (KIP-226): for each broker, and for all.
    each: SortedMap<NodeId, SortedMap<String, String>>,
    shared: SortedMap<String, String>,
}

/// A broker config that can be set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KnownConfig {
    /// Kafka's name of it.
    pub name: &'static str,
    /// The value that it has unless set, as text.
    pub default: &'static str,
    /// What it does, in one sentence.
    pub documentation: &'static str,
}

impl BrokerConfig {
    /// Every broker config that [`BrokerConfig::set`] takes.
    pub fn known() -> impl Iterator<Item = KnownConfig> {
        BROKER_KEYS.iter().map(|key| KnownConfig {
            name: key.name,
            default: key.default,
            documentation: key.documentation,
        })
    }

    /// A broker with every config at its default.
    ///
    /// `host` and `port` are where clients reach it, as Metadata tells them. The cluster's controller is broker 0, unless
    /// [`BrokerConfig::set_controller_id`] says otherwise.
    #[must_use]
    pub fn new(cluster_id: &str, node_id: NodeId, host: &str, port: u16) -> BrokerConfig {
        BrokerConfig {
            node_id,
            controller_id: 0,
            host: host.to_owned(),
            port,
            cluster_id: cluster_id.to_owned(),
            set: SortedMap::new(),
            each: SortedMap::new(),
            shared: SortedMap::new(),
        }
    }

    /// Sets a broker config by Kafka's key (`log.segment.bytes`, not the topic's `segment.bytes`).
    ///
    /// # Errors
    ///
    /// When there is no such key, or the value is not one it takes.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), ConfigError> {
        let known = broker_key(key).ok_or_else(|| ConfigError::UnknownKey { key: key.to_owned() })?;
        known.check(value)?;
        let value = value.trim();
        self.set.insert(key.to_owned(), value.to_owned());
        if let Some((_, name, unit_ms)) = keys::IN_OTHER_UNITS.iter().find(|(other, ..)| *other == key) {
            let ms = if parse_number(value) < 0 { -1 } else { parse_number(value).saturating_mul(*unit_ms) };
            self.set(name, &ms.to_string())?;
        }
        Ok(())
    }

    /// Takes what the metadata log says about a broker, all if none is named. A key that is not known is kept, as of topics.
    pub(crate) fn restore(&mut self, broker: Option<NodeId>, key: String, value: Option<String>) {
        let scope = match broker {
            None => &mut self.shared,
            Some(node_id) => self.each.or_default(node_id),
        };
        restore(scope, key, value);
    }

    /// The configs set for one broker, or for all, while the cluster ran.
    pub(crate) fn dynamic(&self, broker: Option<NodeId>) -> impl Iterator<Item = (&str, &str)> {
        let scope = match broker {
            None => Some(&self.shared),
            Some(node_id) => self.each.get(&node_id),
        };
        scope.into_iter().flat_map(pairs)
    }

    /// Which broker of the cluster this is.
    #[must_use]
    pub fn node_id(&self) -> NodeId {
        self.node_id
    }

    /// Sets which broker is the controller: the one that writes `__cluster_metadata`. All brokers of a cluster are told
    /// the same, and it stays the same as long as the cluster lives.
    pub fn set_controller_id(&mut self, controller_id: NodeId) {
        self.controller_id = controller_id;
    }

    /// Which broker is the controller.
    #[must_use]
    pub fn controller_id(&self) -> NodeId {
        self.controller_id
    }

    pub(crate) fn is_controller(&self) -> bool {
        self.node_id == self.controller_id
    }

    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn cluster_id(&self) -> &str {
        &self.cluster_id
    }

    /// The value in force, and where it comes from.
    pub(crate) fn value<'a>(&'a self, key: &'a ConfigKey) -> (&'a str, Source) {
        self.values(key).next().unwrap_or((key.default, Source::Default))
    }

    /// The values that one is chosen from, the one in force first.
    pub(crate) fn values<'a>(&'a self, key: &'a ConfigKey) -> impl Iterator<Item = (&'a str, Source)> {
        let sources = [
            (self.each.get(&self.node_id).and_then(|own| own.get(key.name)), Source::DynamicBroker),
            (self.shared.get(key.name), Source::DynamicDefault),
            (self.set.get(key.name), Source::Broker),
        ];
        let set = sources.into_iter().filter_map(|(value, source)| Some((value?.as_str(), source)));
        set.chain([(key.default, Source::Default)])
    }

    fn text(&self, name: &str) -> &str {
        broker_key(name).map_or("", |key| self.value(key).0)
    }

    fn number(&self, name: &str) -> i64 {
        parse_number(self.text(name))
    }

    pub(crate) fn auto_create_topics(&self) -> bool {
        self.text("auto.create.topics.enable") == "true"
    }

    pub(crate) fn delete_topics(&self) -> bool {
        self.text("delete.topic.enable") == "true"
    }

    pub(crate) fn fetch_sessions(&self) -> usize {
        to_usize(self.number("max.incremental.fetch.session.cache.slots"))
    }

    /// Where the logs lie, for people.
    #[cfg(feature = "server")]
    pub(crate) fn log_dir(&self) -> &str {
        self.text("log.dirs")
    }

    pub(crate) fn num_partitions(&self) -> i32 {
        to_i32(self.number("num.partitions"))
    }

    pub(crate) fn socket_request_max_bytes(&self) -> usize {
        to_usize(self.number("socket.request.max.bytes"))
    }

    pub(crate) fn queued_max_request_bytes(&self) -> usize {
        to_usize(self.number("queued.max.request.bytes"))
    }

    pub(crate) fn fetch_max_bytes(&self) -> usize {
        to_usize(self.number("fetch.max.bytes"))
    }

    pub(crate) fn producer_id_expiration_ms(&self) -> i64 {
        self.number("producer.id.expiration.ms")
    }

    pub(crate) fn producer_id_expiration_check_interval_ms(&self) -> u64 {
        self.number("producer.id.expiration.check.interval.ms").unsigned_abs()
    }

    pub(crate) fn group_settings(&self) -> GroupSettings {
        GroupSettings {
            initial_rebalance_delay_ms: self.number("group.initial.rebalance.delay.ms").unsigned_abs(),
            max_size: to_usize(self.number("group.max.size")),
        }
    }

    /// The session time-outs that members may ask for, in ms.
    pub(crate) fn group_session_timeouts_ms(&self) -> RangeInclusive<i64> {
        self.number("group.min.session.timeout.ms")..=self.number("group.max.session.timeout.ms")
    }

    pub(crate) fn offset_metadata_max_bytes(&self) -> usize {
        to_usize(self.number("offset.metadata.max.bytes"))
    }

    pub(crate) fn offsets_retention_ms(&self) -> i64 {
        self.number("offsets.retention.minutes") * 60_000
    }

    pub(crate) fn offsets_retention_check_interval_ms(&self) -> u64 {
        self.number("offsets.retention.check.interval.ms").unsigned_abs()
    }

    pub(crate) fn offsets_max_dirty_bytes(&self) -> u64 {
        self.number("headwater.offsets.max.dirty.bytes").unsigned_abs()
    }

    pub(crate) fn offsets_topic_num_partitions(&self) -> i32 {
        to_i32(self.number("offsets.topic.num.partitions"))
    }

    pub(crate) fn offsets_topic_segment_bytes(&self) -> i64 {
        self.number("offsets.topic.segment.bytes")
    }

    pub(crate) fn transactions_topic_num_partitions(&self) -> i32 {
        to_i32(self.number("transaction.state.log.num.partitions"))
    }

    pub(crate) fn transactions_topic_segment_bytes(&self) -> i64 {
        self.number("transaction.state.log.segment.bytes")
    }

    pub(crate) fn transaction_max_timeout_ms(&self) -> i64 {
        self.number("transaction.max.timeout.ms")
    }

    #[cfg(feature = "server")]
    pub(crate) fn transaction_verification(&self) -> bool {
        self.text("transaction.partition.verification.enable") == "true"
    }

    pub(crate) fn transaction_timeout_check_interval_ms(&self) -> u64 {
        self.number("transaction.abort.timed.out.transaction.cleanup.interval.ms").unsigned_abs()
    }

    pub(crate) fn transactional_id_expiration_ms(&self) -> i64 {
        self.number("transactional.id.expiration.ms")
    }

    pub(crate) fn transactional_id_check_interval_ms(&self) -> u64 {
        self.number("transaction.remove.expired.transaction.cleanup.interval.ms").unsigned_abs()
    }

    pub(crate) fn retention_check_interval_ms(&self) -> u64 {
        self.number("log.retention.check.interval.ms").unsigned_abs()
    }

    pub(crate) fn cleaner_backoff_ms(&self) -> u64 {
        self.number("log.cleaner.backoff.ms").unsigned_abs()
    }

    pub(crate) fn cleaner_dedupe_buffer_size(&self) -> u64 {
        self.number("log.cleaner.dedupe.buffer.size").unsigned_abs()
    }

    pub(crate) fn tail_max_bytes(&self) -> usize {
        to_usize(self.number("headwater.tail.max.bytes"))
    }
}

/// The configs of one topic: those set on it, the rest from the broker.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct TopicConfigs(SortedMap<String, String>);

impl TopicConfigs {
    /// Checks and keeps one config.
    pub(crate) fn set(&mut self, key: &str, value: &str) -> Result<(), ConfigError> {
        let known = topic_key(key).ok_or_else(|| ConfigError::UnknownKey { key: key.to_owned() })?;
        known.check(value)?;
        self.0.insert(key.to_owned(), value.trim().to_owned());
        Ok(())
    }

    /// Keeps what the metadata log says. A key this version does not know is kept too: it does no harm, and an
    /// upgrade may know it.
    pub(crate) fn restore(&mut self, key: String, value: Option<String>) {
        restore(&mut self.0, key, value);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        pairs(&self.0)
    }

    /// The value in force and where it comes from.
    pub(crate) fn value<'a>(&'a self, key: &'a ConfigKey, broker: &'a BrokerConfig) -> (&'a str, Source) {
        if let Some(value) = self.0.get(key.name) {
            return (value, Source::Topic);
        }
        match key.synonym.and_then(broker_key).map(|key| broker.value(key)) {
            Some(inherited) => inherited,
            None => (key.default, Source::Default),
        }
    }

    /// The values that the log works by.
    pub(crate) fn resolve(&self, broker: &BrokerConfig) -> LogConfig {
        let text = |name: &str| topic_key(name).map_or("", |key| self.value(key, broker).0);
        let number = |name: &str| parse_number(text(name));
        let difference = number("message.timestamp.difference.max.ms");
        let policy = |wanted: &str| text("cleanup.policy").split(',').any(|policy| policy.trim() == wanted);
        let max_compaction_lag_ms = number("max.compaction.lag.ms");
        let is_compacted = policy("compact");
        // The segment that is written to is not compacted, so it must not be for longer than that (KIP-354).
        let longest_segment_ms = if is_compacted { max_compaction_lag_ms } else { i64::MAX };
        LogConfig {
            max_message_bytes: to_usize(number("max.message.bytes")),
            segment_bytes: number("segment.bytes").unsigned_abs(),
            segment_ms: number("segment.ms").min(longest_segment_ms),
            is_compacted,
            is_deleted: policy("delete"),
            min_cleanable_millionths: keys::parse_ratio(text("min.cleanable.dirty.ratio")).unwrap_or(0),
            min_compaction_lag_ms: number("min.compaction.lag.ms"),
            max_compaction_lag_ms,
            delete_retention_ms: number("delete.retention.ms"),
            retention_ms: u64::try_from(number("retention.ms")).ok(),
            retention_bytes: u64::try_from(number("retention.bytes")).ok(),
            index_interval_bytes: number("index.interval.bytes").unsigned_abs(),
            flush_messages: Some(number("flush.messages")).filter(|number| *number < i64::MAX),
            #[cfg(feature = "server")]
            flush_ms: Some(number("flush.ms")).filter(|ms| *ms < i64::MAX).map(i64::unsigned_abs),
            log_append_time: text("message.timestamp.type") == "LogAppendTime",
            timestamp_before_max_ms: number("message.timestamp.before.max.ms").min(difference),
            timestamp_after_max_ms: number("message.timestamp.after.max.ms").min(difference),
            compression: compression(text("compression.type")),
            min_insync_replicas: number("min.insync.replicas"),
        }
    }
}

/// Where a config's value comes from, with the numbers that DescribeConfigs uses (KIP-226).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Source {
    Topic = 1,
    DynamicBroker = 2,
    DynamicDefault = 3,
    Broker = 4,
    Default = 5,
}

/// What a log works by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct LogConfig {
    pub(crate) max_message_bytes: usize,
    pub(crate) segment_bytes: u64,
    pub(crate) segment_ms: i64,
    /// `cleanup.policy` has `compact`.
    pub(crate) is_compacted: bool,
    /// `cleanup.policy` has `delete`.
    pub(crate) is_deleted: bool,
    /// `min.cleanable.dirty.ratio` in millionths.
    pub(crate) min_cleanable_millionths: u32,
    pub(crate) min_compaction_lag_ms: i64,
    pub(crate) max_compaction_lag_ms: i64,
    pub(crate) delete_retention_ms: i64,
    /// None for any age.
    pub(crate) retention_ms: Option<u64>,
    /// None for any size.
    pub(crate) retention_bytes: Option<u64>,
    pub(crate) index_interval_bytes: u64,
    /// After so many records an append is durable against a power cut before it is acknowledged, with all before it.
    pub(crate) flush_messages: Option<i64>,
    /// So long after an append everything before it is durable against a power cut, in ms.
    #[cfg(feature = "server")]
    pub(crate) flush_ms: Option<u64>,
    pub(crate) log_append_time: bool,
    /// How far a record's timestamp may lie before and after the time of the append (KIP-937).
    pub(crate) timestamp_before_max_ms: i64,
    pub(crate) timestamp_after_max_ms: i64,
    /// None for the producer's own.
    pub(crate) compression: Option<Compression>,
    pub(crate) min_insync_replicas: i64,
}

fn restore(scope: &mut SortedMap<String, String>, key: String, value: Option<String>) {
    match value {
        Some(value) => scope.insert(key, value),
        None => scope.remove(&key),
    };
}

fn pairs(scope: &SortedMap<String, String>) -> impl Iterator<Item = (&str, &str)> {
    scope.iter().map(|(key, value)| (key.as_str(), value.as_str()))
}

/// What a checked `compression.type` means.
fn compression(name: &str) -> Option<Compression> {
    match name {
        "uncompressed" => Some(Compression::None),
        name => Compression::from_name(name),
    }
}

/// The number a checked value holds.
fn parse_number(value: &str) -> i64 {
    value.parse().unwrap_or(0)
}

fn to_usize(number: i64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn to_i32(number: i64) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
