//! What a seed chooses: how many brokers there are and how they are set up, who does what, and what goes wrong.

use headwater_client::{Acks, Assignor, ProducerConfig};
use headwater_engine::TopicPartition;
use headwater_engine::record::Compression;

use crate::network::NetworkFaults;
use crate::plant::Plant;
use crate::random::Random;
use crate::retained::{Limits, RetainedPlan};
use crate::storage::StorageFaults;

/// The topic that is compacted, where there is one.
pub(crate) const COMPACTED: &str = "compacted";

/// Its only partition.
pub(crate) fn compacted_partition() -> TopicPartition {
    TopicPartition { topic: COMPACTED.to_owned(), partition: 0 }
}

/// How long tombstones stay where none is to go: longer than the clock jumps in a run.
pub(crate) const TOMBSTONES_STAY_MS: &str = "31536000000";

/// A topic that is there all along.
#[derive(Clone, Debug)]
pub(crate) struct TopicPlan {
    pub(crate) name: String,
    pub(crate) partitions: i32,
    pub(crate) configs: Vec<(String, String)>,
}

/// A producer of the client crate.
#[derive(Clone, Debug)]
pub(crate) struct ProducerPlan {
    pub(crate) config: ProducerConfig,
    /// Up to so long between two bursts.
    pub(crate) gap_ms: u64,
    /// Up to so many records a burst.
    pub(crate) burst: u64,
    /// Whether acknowledged records stand in the order in which they were sent.
    pub(crate) ordered: bool,
    /// Whether no record stands twice.
    pub(crate) at_most_once: bool,
}

/// What tailing consumers ask for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConsumerPlan {
    pub(crate) max_wait_ms: i32,
    pub(crate) min_bytes: i32,
    pub(crate) partition_bytes: i32,
    pub(crate) max_bytes: i32,
}

/// A group of consumers, which reads all topics that stay.
#[derive(Clone, Debug)]
pub(crate) struct GroupPlan {
    pub(crate) group_id: String,
    /// By member: whether it has a seat of its own that waits for it (KIP-345).
    pub(crate) fixed: Vec<bool>,
    pub(crate) assignors: Vec<Assignor>,
    pub(crate) session_ms: u64,
    pub(crate) max_poll_ms: u64,
    pub(crate) auto_commit: bool,
    pub(crate) commit_ms: u64,
    /// How often a member thinks of coming, leaving or dying.
    pub(crate) change_ms: u64,
}

/// Writers and copiers whose records count by transactions.
#[derive(Clone, Debug)]
pub(crate) struct TransactionsPlan {
    pub(crate) writers: u32,
    pub(crate) copiers: usize,
    /// Of the topic that is written to.
    pub(crate) partitions: i32,
    pub(crate) segment_bytes: u64,
    pub(crate) timeout_ms: u64,
    /// Up to so long between two steps of a writer.
    pub(crate) gap_ms: u64,
    /// It dies in one of so many steps.
    pub(crate) dies: u64,
}

/// What goes wrong besides storage and network: on the average once in so many milliseconds, never if 0.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct WorldFaults {
    pub(crate) crash_ms: u64,
    /// Whether some crashes are power cuts.
    pub(crate) power_cuts: bool,
    pub(crate) freeze_ms: u64,
    pub(crate) clock_jump_ms: u64,
    pub(crate) full_ms: u64,
    pub(crate) bit_flip_ms: u64,
}

/// A world to be run.
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    /// How long there are faults.
    pub(crate) safety_ms: u64,
    /// How many brokers there are. Number 0 is the controller.
    pub(crate) brokers: usize,
    pub(crate) topics: Vec<TopicPlan>,
    /// One beside them that is compacted.
    pub(crate) compacted: Option<TopicPlan>,
    /// How much is kept of that one (`compact,delete`); none if all is.
    pub(crate) compacted_limits: Option<Limits>,
    /// One beside them that is kept short.
    pub(crate) retained: Option<RetainedPlan>,
    /// The configs with which brokers start first.
    pub(crate) broker: Vec<(&'static str, String)>,
    pub(crate) producers: Vec<ProducerPlan>,
    pub(crate) idempotent_producers: usize,
    pub(crate) consumers: Vec<ConsumerPlan>,
    pub(crate) group: Option<GroupPlan>,
    pub(crate) transactions: Option<TransactionsPlan>,
    /// Whether topics come and go, and partitions are added.
    pub(crate) churn: bool,
    pub(crate) max_filler: usize,
    pub(crate) storage: StorageFaults,
    pub(crate) network: NetworkFaults,
    pub(crate) world: WorldFaults,
    /// Whether bits turn over: a world in which not survival is expected, but detection.
    pub(crate) bit_rot: bool,
}

impl Scenario {
    pub(crate) fn new(random: &mut Random, plant: Option<Plant>) -> Scenario {
        let bit_rot = plant.is_none() && random.one_in(10);
        let topics = (0..random.within(1..4)).map(|number| topic(random, number)).collect();
        let mut producers: Vec<ProducerPlan> = (0..random.within(1..4)).map(|_| producer(random)).collect();
        if plant == Some(Plant::UnorderedProducer) {
            for producer in &mut producers {
                producer.config.max_in_flight_per_partition = 5;
                producer.config.linger_ms = 0;
                producer.config.batch_size = 50;
                producer.ordered = true;
            }
        }
        if plant == Some(Plant::DuplicateRequest) {
            for producer in &mut producers {
                producer.config.retry_unknown_outcome = false;
                producer.at_most_once = true;
            }
        }
        let mut scenario = Scenario {
            brokers: 1 + random.index(4),
            safety_ms: random.within(2_000..8_000),
            topics,
            compacted: (!bit_rot && (plant.is_some_and(Plant::needs_compaction) || random.coin()))
                .then(|| compacted(random)),
            retained: (!bit_rot && (plant.is_some_and(Plant::needs_retention) || random.one_in(4)))
                .then(|| RetainedPlan::new(random)),
            compacted_limits: None,
            broker: broker_configs(random, plant),
            producers,
            idempotent_producers: random.index(4),
            consumers: (0..random.within(1..3)).map(|_| consumer(random)).collect(),
            group: (plant.is_some_and(Plant::needs_group) || random.coin()).then(|| group(random)),
            churn: random.coin(),
            max_filler: random.pick(&[0, 30, 200, 1_500]),
            storage: storage_faults(random),
            network: network_faults(random),
            world: world_faults(random, bit_rot),
            bit_rot,
            transactions: None,
        };
        let wanted = plant.map_or_else(|| random.coin(), Plant::needs_transactions);
        if wanted && plant.is_some() {
            scenario.world.power_cuts = false;
        }
        let is_short = plant.map_or_else(|| random.one_in(3), Plant::needs_compaction_with_retention);
        if let Some(topic) = scenario.compacted.as_mut().filter(|_| is_short) {
            let limits = Limits {
                retention_ms: random.pick(&[None, Some(500), Some(2_000)]),
                retention_bytes: random.pick(&[Some(1_000), Some(3_000)]),
            };
            topic.configs.retain(|(key, _)| key != "cleanup.policy");
            topic.configs.push(("cleanup.policy".to_owned(), "compact,delete".to_owned()));
            topic.configs.extend(limits.configs());
            scenario.compacted_limits = Some(limits);
        }
        // What a power cut takes may be a marker, or what a coordinator has decided: then nothing can be said of transactions.
        let loses = scenario.world.power_cuts && scenario.world.crash_ms > 0;
        scenario.transactions = (wanted && !loses && !bit_rot).then(|| transactions(random));
        scenario
    }

    /// The topics that are made at the beginning, but those of transactions.
    pub(crate) fn topics_made(&self) -> impl Iterator<Item = TopicPlan> {
        let retained = self.retained.iter().map(RetainedPlan::topic);
        self.topics.iter().chain(&self.compacted).cloned().chain(retained)
    }
}

/// What may differ from start to start.
pub(crate) fn broker_configs(random: &mut Random, plant: Option<Plant>) -> Vec<(&'static str, String)> {
    let verifies = plant != Some(Plant::UnverifiedRecord);
    vec![
        ("log.segment.bytes", random.pick(&[200, 1_000, 5_000, 1 << 30]).to_string()),
        ("log.index.interval.bytes", random.pick(&[0, 100, 4_096]).to_string()),
        ("headwater.tail.max.bytes", random.pick(&[0, 500, 8 << 20]).to_string()),
        ("queued.max.request.bytes", random.pick(&[1, 1_000, 16 << 20, 16 << 20]).to_string()),
        ("log.roll.ms", random.pick(&[500, 604_800_000]).to_string()),
        ("auto.create.topics.enable", "false".to_owned()),
        ("log.retention.check.interval.ms", random.pick(&[100, 500]).to_string()),
        ("log.cleaner.backoff.ms", random.pick(&[50, 400]).to_string()),
        ("log.cleaner.dedupe.buffer.size", random.pick(&[1_024, 1 << 20]).to_string()),
        ("group.min.session.timeout.ms", "1000".to_owned()),
        ("group.initial.rebalance.delay.ms", random.pick(&[0, 0, 300]).to_string()),
        // The wall clock jumps by up to an hour at a time, and records wait meanwhile.
        ("log.message.timestamp.after.max.ms", i64::MAX.to_string()),
        ("transaction.partition.verification.enable", verifies.to_string()),
        ("transaction.state.log.num.partitions", "5".to_owned()),
        ("transaction.abort.timed.out.transaction.cleanup.interval.ms", "500".to_owned()),
        ("headwater.offsets.max.dirty.bytes", random.pick(&[1_000, 10_000, 1 << 20]).to_string()),
    ]
}

fn topic(random: &mut Random, number: u64) -> TopicPlan {
    let mut configs = Vec::new();
    if random.one_in(3) {
        configs.push(("flush.messages".to_owned(), "1".to_owned()));
    }
    if random.one_in(4) {
        configs.push(("message.timestamp.type".to_owned(), "LogAppendTime".to_owned()));
    }
    if random.one_in(3) {
        configs.push(("segment.bytes".to_owned(), random.pick(&[300, 3_000]).to_string()));
    }
    let partitions = i32::try_from(random.within(1..4)).unwrap_or(1);
    TopicPlan { name: format!("topic-{number}"), partitions, configs }
}

fn compacted(random: &mut Random) -> TopicPlan {
    let mut configs = vec![
        ("cleanup.policy".to_owned(), "compact".to_owned()),
        ("segment.bytes".to_owned(), random.pick(&[300, 1_000, 3_000]).to_string()),
        ("min.cleanable.dirty.ratio".to_owned(), random.pick(&["0", "0.3", "0.5"]).to_owned()),
        (
            "delete.retention.ms".to_owned(),
            random.pick(&["0", "1000", TOMBSTONES_STAY_MS, TOMBSTONES_STAY_MS]).to_owned(),
        ),
    ];
    if random.one_in(3) {
        configs.push(("flush.messages".to_owned(), "1".to_owned()));
    }
    if random.one_in(4) {
        configs.push(("min.compaction.lag.ms".to_owned(), "1000".to_owned()));
    }
    TopicPlan { name: COMPACTED.to_owned(), partitions: 1, configs }
}

fn producer(random: &mut Random) -> ProducerPlan {
    let acks = random.pick(&[Acks::All, Acks::All, Acks::All, Acks::Leader, Acks::None]);
    let at_most_once = acks != Acks::None && random.one_in(3);
    let in_flight = random.pick(&[1, 1, 5]);
    let idempotent = acks == Acks::All && random.coin();
    let config = ProducerConfig {
        acks,
        enable_idempotence: idempotent,
        compression: random.pick(&[
            Compression::None,
            Compression::None,
            Compression::Lz4,
            Compression::Gzip,
        ]),
        linger_ms: random.pick(&[0, 5, 50]),
        batch_size: random.pick(&[100, 500, 4_000]),
        buffer_memory: random.pick(&[20_000, 1 << 20]),
        max_request_size: random.pick(&[4_000, 1 << 20]),
        max_in_flight_requests_per_connection: random.pick(&[1, 5]),
        max_in_flight_per_partition: in_flight,
        delivery_timeout_ms: random.pick(&[5_000, 20_000, 120_000]),
        retry_unknown_outcome: !at_most_once,
        ..ProducerConfig::default()
    };
    ProducerPlan {
        config,
        gap_ms: random.pick(&[20, 100, 500]),
        burst: random.pick(&[1, 5, 20]),
        ordered: (in_flight == 1 || idempotent) && acks != Acks::None,
        at_most_once,
    }
}

fn consumer(random: &mut Random) -> ConsumerPlan {
    ConsumerPlan {
        // One that never waits goes round all the time: that is rare, as it costs most of a run's steps.
        max_wait_ms: if random.one_in(16) { 0 } else { random.pick(&[20, 100, 500]) },
        min_bytes: random.pick(&[1, 1, 2_000]),
        partition_bytes: random.pick(&[1, 300, 5_000, 1 << 20]),
        max_bytes: random.pick(&[1, 1_000, 50 << 20]),
    }
}

fn group(random: &mut Random) -> GroupPlan {
    let assignors = random.pick(&[
        &[Assignor::Range][..],
        &[Assignor::RoundRobin],
        &[Assignor::Sticky],
        &[Assignor::CooperativeSticky],
        &[Assignor::CooperativeSticky],
        &[Assignor::Range, Assignor::CooperativeSticky],
    ]);
    GroupPlan {
        group_id: "group".to_owned(),
        fixed: (0..random.within(1..5)).map(|_| random.one_in(3)).collect(),
        assignors: assignors.to_vec(),
        session_ms: random.pick(&[1_500, 2_500]),
        // Less than a client waits for an answer, as members have one connection for everything.
        max_poll_ms: random.pick(&[1_200, 2_500]),
        auto_commit: random.coin(),
        commit_ms: random.pick(&[50, 300]),
        change_ms: random.pick(&[1_000, 3_000]),
    }
}

fn transactions(random: &mut Random) -> TransactionsPlan {
    TransactionsPlan {
        writers: u32::try_from(random.within(1..4)).unwrap_or(1),
        copiers: random.index(3),
        partitions: i32::try_from(random.within(2..4)).unwrap_or(2),
        segment_bytes: random.pick(&[300, 3_000, 1 << 30]),
        timeout_ms: random.pick(&[1_000, 5_000, 60_000]),
        gap_ms: random.pick(&[50, 200, 600]),
        dies: random.pick(&[0, 10, 40]),
    }
}

/// Half of the faults, roughly: a world in which everything goes wrong gets nowhere and finds little.
fn storage_faults(random: &mut Random) -> StorageFaults {
    let mut sometimes = |one_in: &[u64]| if random.coin() { random.pick(one_in) } else { 0 };
    StorageFaults {
        refused: sometimes(&[10, 50, 300]),
        unknown: sometimes(&[20, 100, 300]),
        read_failed: sometimes(&[30, 200]),
        slow: sometimes(&[30, 200]),
        latency_ms: random.pick(&[0, 3, 20, 60]),
    }
}

fn network_faults(random: &mut Random) -> NetworkFaults {
    let mut sometimes = |one_in: &[u64]| if random.coin() { random.pick(one_in) } else { 0 };
    NetworkFaults {
        lost: sometimes(&[30, 100, 500]),
        slow: sometimes(&[50, 300]),
        slow_between_brokers: sometimes(&[2, 10]),
        latency_ms: random.pick(&[0, 2, 10, 50]),
    }
}

fn world_faults(random: &mut Random, bit_rot: bool) -> WorldFaults {
    let mut sometimes = |every_ms: &[u64]| if random.coin() { random.pick(every_ms) } else { 0 };
    let faults = WorldFaults {
        crash_ms: sometimes(&[300, 1_000, 4_000]),
        power_cuts: false,
        freeze_ms: sometimes(&[2_000, 6_000]),
        clock_jump_ms: sometimes(&[500, 5_000]),
        full_ms: sometimes(&[2_000, 5_000]),
        bit_flip_ms: if bit_rot { random.pick(&[500, 3_000]) } else { 0 },
    };
    WorldFaults { power_cuts: !bit_rot && random.coin(), ..faults }
}
