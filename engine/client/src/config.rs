//! Settings, under Kafka's names. Times are in milliseconds, sizes in bytes.

use headwater_engine::record::Compression;

use crate::network::CHANGES_LANE;
use crate::{Address, Assignor};

/// What all producers, consumers and the admin of a client share.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// `client.id`: what the client calls itself.
    pub client_id: String,
    /// `bootstrap.servers`: where to ask for the cluster's brokers.
    pub bootstrap_servers: Vec<Address>,
    /// `request.timeout.ms`: how long a broker may take to answer before the connection is given up.
    pub request_timeout_ms: u64,
    /// `default.api.timeout.ms`: how long an admin request may take in all.
    pub default_api_timeout_ms: u64,
    /// `retry.backoff.ms`: how long to wait before something is tried again.
    pub retry_backoff_ms: u64,
    /// `reconnect.backoff.ms`: how long to wait before connecting again; doubles with every failure.
    pub reconnect_backoff_ms: u64,
    /// `reconnect.backoff.max.ms`: the end of the doubling.
    pub reconnect_backoff_max_ms: u64,
    /// `socket.connection.setup.timeout.ms`: how long the transport may take to connect.
    pub socket_connection_setup_timeout_ms: u64,
    /// `metadata.max.age.ms`: after this time what is known of the cluster is asked anew.
    pub metadata_max_age_ms: u64,
    /// `metadata.max.idle.ms`: topics that nobody has used for so long are forgotten.
    pub metadata_max_idle_ms: u64,
    /// `allow.auto.create.topics`: whether a topic that is asked for may come to be by that.
    pub allow_auto_create_topics: bool,
    /// Whether what changes topics and groups goes over connections of its own: what only looks is then answered also while a
    /// change takes long.
    pub own_connections_for_changes: bool,
    /// Where partitions and jitter are drawn from; the same seed gives the same run.
    pub seed: u64,
}

impl Default for ClientConfig {
    fn default() -> ClientConfig {
        ClientConfig {
            client_id: "headwater".to_owned(),
            bootstrap_servers: Vec::new(),
            request_timeout_ms: 30_000,
            default_api_timeout_ms: 60_000,
            retry_backoff_ms: 100,
            reconnect_backoff_ms: 50,
            reconnect_backoff_max_ms: 1_000,
            socket_connection_setup_timeout_ms: 10_000,
            metadata_max_age_ms: 300_000,
            metadata_max_idle_ms: 300_000,
            allow_auto_create_topics: false,
            own_connections_for_changes: false,
            seed: 0,
        }
    }
}

impl ClientConfig {
    pub(crate) fn lane_of_changes(&self) -> u32 {
        if self.own_connections_for_changes { CHANGES_LANE } else { 0 }
    }
}

/// `acks`: when a batch counts as written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Acks {
    /// As soon as it is sent; nothing is known of what became of it.
    None,
    /// When the leader has it.
    Leader,
    /// When all in-sync replicas have it.
    All,
}

impl Acks {
    pub(crate) fn wire(self) -> i16 {
        match self {
            Acks::None => 0,
            Acks::Leader => 1,
            Acks::All => -1,
        }
    }
}

/// A producer's settings.
#[derive(Clone, Debug)]
pub struct ProducerConfig {
    /// `client.id`; none: the client's.
    pub client_id: Option<String>,
    /// `acks`.
    pub acks: Acks,
    /// `enable.idempotence`: every batch is written once and in its order, however often it has to be sent (KIP-98). It
    /// needs [`Acks::All`] and at least one of `retries`; without them it is off, as in Kafka where it is not asked for
    /// (KIP-679). With it at most 5 batches of a partition are in flight, as many as a broker remembers.
    pub enable_idempotence: bool,
    /// `compression.type`.
    pub compression: Compression,
    /// `linger.ms`: how long a batch that is not full waits for more records.
    pub linger_ms: u64,
    /// `batch.size`: a batch is full at this size; a larger record is a batch of its own.
    pub batch_size: usize,
    /// `buffer.memory`: what all batches that are not delivered may take, each counted as at least `batch.size`.
    pub buffer_memory: usize,
    /// `max.request.size`: of the batches in one request, and of a single record.
    pub max_request_size: usize,
    /// `max.in.flight.requests.per.connection`.
    pub max_in_flight_requests_per_connection: usize,
    /// How many batches of one partition may be unacknowledged at a time. Without idempotence, at 1 the order of a
    /// partition's records holds whatever fails, and above 1 a batch that is tried again may come behind later ones that
    /// were already sent.
    pub max_in_flight_per_partition: usize,
    /// `delivery.timeout.ms`: from the first record of a batch to its failure at the latest.
    pub delivery_timeout_ms: u64,
    /// `retries`: how often a batch is tried again.
    pub retries: u32,
    /// Whether to try again when it is not known if the batch is written (the connection was lost, the request took too
    /// long). Without idempotence, true is at least once, false at most once.
    pub retry_unknown_outcome: bool,
    /// `transactional.id`: what it sends counts by transactions (KIP-98). Another producer of the same id takes its place. It has
    /// idempotence, whatever the settings say, and `halt_on_failure` is without effect.
    pub transactional_id: Option<String>,
    /// `transaction.timeout.ms`: after so long the coordinator aborts a transaction.
    pub transaction_timeout_ms: u64,
    /// Whether a batch that fails for good takes everything unsent with it, so that no later record of its partition is
    /// ever written behind the hole; every further `send` is then refused.
    pub halt_on_failure: bool,
    /// Whether it has connections of its own, as each of Kafka's producers has: a broker that takes long over its batches
    /// then delays nobody else's answers. What it asks the coordinator of its transactions goes over the shared ones.
    pub own_connections: bool,
}

impl Default for ProducerConfig {
    fn default() -> ProducerConfig {
        ProducerConfig {
            client_id: None,
            acks: Acks::All,
            enable_idempotence: true,
            compression: Compression::None,
            linger_ms: 5,
            batch_size: 16_384,
            buffer_memory: 32 * 1024 * 1024,
            max_request_size: 1_048_576,
            max_in_flight_requests_per_connection: 5,
            max_in_flight_per_partition: 5,
            delivery_timeout_ms: 120_000,
            retries: u32::MAX,
            retry_unknown_outcome: true,
            transactional_id: None,
            transaction_timeout_ms: 60_000,
            halt_on_failure: false,
            own_connections: false,
        }
    }
}

/// `auto.offset.reset`: what to do when the offset to read is not there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AutoOffsetReset {
    /// Go on at the first offset there is.
    Earliest,
    /// Go on at the end.
    Latest,
    /// Report it.
    None,
}

/// `isolation.level`: what a consumer makes of records in transactions (KIP-98).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum IsolationLevel {
    /// It gets all records, also those of transactions that are open or were aborted.
    #[default]
    ReadUncommitted,
    /// It gets those that count, and goes no further than to the first transaction that is open.
    ReadCommitted,
}

impl IsolationLevel {
    pub(crate) fn wire(self) -> i8 {
        match self {
            IsolationLevel::ReadUncommitted => 0,
            IsolationLevel::ReadCommitted => 1,
        }
    }
}

/// A consumer's settings as a member of a group.
#[derive(Clone, Debug)]
pub struct GroupConfig {
    /// `group.id`.
    pub group_id: String,
    /// `group.instance.id`: makes it a static member, whose partitions wait for it to come back while its session lasts
    /// (KIP-345).
    pub group_instance_id: Option<String>,
    /// `session.timeout.ms`: without a heartbeat for so long the coordinator takes the member for dead.
    pub session_timeout_ms: u64,
    /// `heartbeat.interval.ms`.
    pub heartbeat_interval_ms: u64,
    /// `max.poll.interval.ms`: if the application does not poll for so long, the member leaves; and how long a rebalance
    /// waits for it.
    pub max_poll_interval_ms: u64,
    /// `partition.assignment.strategy`: what it can share partitions by, best first. The coordinator chooses what all
    /// members can. Only if all of these are cooperative, it reads on during a rebalance.
    pub partition_assignment_strategy: Vec<Assignor>,
    /// `enable.auto.commit`: whether what the application has polled, and then polled again, is committed by itself: now
    /// and then, and before a partition is given back.
    pub enable_auto_commit: bool,
    /// `auto.commit.interval.ms`.
    pub auto_commit_interval_ms: u64,
}

impl Default for GroupConfig {
    fn default() -> GroupConfig {
        GroupConfig {
            group_id: String::new(),
            group_instance_id: None,
            session_timeout_ms: 45_000,
            heartbeat_interval_ms: 3_000,
            max_poll_interval_ms: 300_000,
            partition_assignment_strategy: vec![Assignor::Range, Assignor::CooperativeSticky],
            enable_auto_commit: true,
            auto_commit_interval_ms: 5_000,
        }
    }
}

/// A consumer's settings.
#[derive(Clone, Debug)]
pub struct ConsumerConfig {
    /// `client.id`; none: the client's.
    pub client_id: Option<String>,
    /// Its group; none: it reads what it is told to, and commits nothing.
    pub group: Option<GroupConfig>,
    /// `fetch.min.bytes`: the broker waits until there is so much.
    pub fetch_min_bytes: i32,
    /// `fetch.max.wait.ms`: the broker waits no longer than this.
    pub fetch_max_wait_ms: i32,
    /// `fetch.max.bytes`: of one answer. A first batch larger than this comes all the same (KIP-74).
    pub fetch_max_bytes: i32,
    /// `max.partition.fetch.bytes`: of one partition in one answer. A first batch larger than this comes all the same.
    pub max_partition_fetch_bytes: i32,
    /// What is fetched ahead of the application at most; nothing more is asked for when there is so much.
    pub max_buffered_bytes: usize,
    /// `auto.offset.reset`.
    pub auto_offset_reset: AutoOffsetReset,
    /// `isolation.level`.
    pub isolation_level: IsolationLevel,
    /// `check.crcs`: whether every batch's checksum is verified.
    pub check_crcs: bool,
    /// Whether it has connections of its own: a broker that lets its fetches wait, or the other members of its group
    /// arrive, then delays nobody else's answers. A consumer that never waits can do without.
    pub own_connections: bool,
}

impl Default for ConsumerConfig {
    fn default() -> ConsumerConfig {
        ConsumerConfig {
            client_id: None,
            group: None,
            fetch_min_bytes: 1,
            fetch_max_wait_ms: 500,
            fetch_max_bytes: 50 * 1024 * 1024,
            max_partition_fetch_bytes: 1024 * 1024,
            max_buffered_bytes: 16 * 1024 * 1024,
            auto_offset_reset: AutoOffsetReset::Latest,
            isolation_level: IsolationLevel::ReadUncommitted,
            check_crcs: true,
            own_connections: true,
        }
    }
}
