//! Consumers as members of a group, against a scripted coordinator.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod support;

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use headwater_client::*;
use headwater_engine::TopicPartition;
use support::Cluster;

const COMMIT: i16 = 8;
const FIND: i16 = 10;
const JOIN: i16 = 11;
const HEARTBEAT: i16 = 12;
const LEAVE: i16 = 13;
const SYNC: i16 = 14;

fn tp(partition: i32) -> TopicPartition {
    TopicPartition { topic: "t".into(), partition }
}

fn group(strategy: &[Assignor]) -> GroupConfig {
    GroupConfig {
        group_id: "g".into(),
        partition_assignment_strategy: strategy.to_vec(),
        ..GroupConfig::default()
    }
}

fn config(group: GroupConfig) -> ConsumerConfig {
    ConsumerConfig {
        group: Some(group),
        auto_offset_reset: AutoOffsetReset::Earliest,
        ..ConsumerConfig::default()
    }
}

/// What an application notes of its consumers, which it polls all the time.
#[derive(Default)]
struct App {
    /// What happened, in words.
    log: Vec<String>,
    /// How many records came of each partition.
    read: BTreeMap<i32, usize>,
}

fn indices(partitions: &[TopicPartition]) -> Vec<i32> {
    partitions.iter().map(|partition| partition.partition).collect()
}

impl App {
    /// Polls until there is nothing.
    fn poll(&mut self, cluster: &mut Cluster, consumer: ConsumerId) {
        loop {
            cluster.run();
            let Some(event) = cluster.client.poll_consumer(consumer) else { break };
            match event {
                ConsumerEvent::Fetched(fetched) => {
                    let count = self.read.entry(fetched.topic_partition.partition).or_default();
                    fetched
                        .for_each(|_| {
                            *count += 1;
                            ControlFlow::Continue(())
                        })
                        .unwrap();
                }
                ConsumerEvent::Assigned(partitions) => self.log.push(format!("+{:?}", indices(&partitions))),
                ConsumerEvent::Revoked(partitions) => self.log.push(format!("-{:?}", indices(&partitions))),
                ConsumerEvent::Lost(partitions) => self.log.push(format!("lost {:?}", indices(&partitions))),
                ConsumerEvent::Committed { result: Ok(()), .. } => self.log.push("committed".into()),
                ConsumerEvent::Committed { result: Err(error), .. } => self.log.push(error.name.into()),
                ConsumerEvent::GroupFailed(error) => self.log.push(format!("failed {}", error.name)),
                ConsumerEvent::Failed { error, .. } => self.log.push(format!("partition {}", error.name)),
                ConsumerEvent::Closed => self.log.push("closed".into()),
                other => panic!("{other:?}"),
            }
        }
    }

    /// Polls in steps of 100 ms.
    fn live(&mut self, cluster: &mut Cluster, consumer: ConsumerId, ms: u64) {
        for _ in 0..ms / 100 {
            self.poll(cluster, consumer);
            cluster.advance(100);
        }
        self.poll(cluster, consumer);
    }

    fn took(&mut self) -> Vec<String> {
        std::mem::take(&mut self.log)
    }
}

fn live(cluster: &mut Cluster, apps: &mut [(ConsumerId, App)], ms: u64) {
    for _ in 0..ms / 100 {
        for (consumer, app) in apps.iter_mut() {
            app.poll(cluster, *consumer);
        }
        cluster.advance(100);
    }
    for (consumer, app) in apps.iter_mut() {
        app.poll(cluster, *consumer);
    }
}

fn start(cluster: &mut Cluster, config: ConsumerConfig) -> (ConsumerId, App) {
    let consumer = cluster.client.add_consumer(config);
    cluster.client.subscribe(cluster.now, consumer, vec!["t".into()]);
    let mut app = App::default();
    app.live(cluster, consumer, 1_000);
    (consumer, app)
}

fn owned(cluster: &Cluster, consumer: ConsumerId) -> Vec<i32> {
    indices(&cluster.client.membership(consumer).unwrap().owned)
}

fn filled(partitions: i32) -> Cluster {
    let mut cluster = Cluster::new(partitions);
    for partition in 0..partitions {
        cluster.store_values(partition, &["a", "b", "c"]);
    }
    cluster
}

fn committed(cluster: &Cluster, partition: i32) -> Option<i64> {
    cluster.coordinator.offsets.get(&("t".to_owned(), partition)).map(|(offset, _)| *offset)
}

#[test]
fn one_member_gets_everything_and_reads_it() {
    for version in [0, 3, 4, 9] {
        let mut cluster = filled(4);
        cluster.versions.insert(JOIN, version);
        let (consumer, mut app) = start(&mut cluster, config(group(&[Assignor::Range])));
        assert_eq!(app.took(), ["+[0, 1, 2, 3]"]);
        assert_eq!(app.read, [(0, 3), (1, 3), (2, 3), (3, 3)].into());
        let membership = cluster.client.membership(consumer).unwrap();
        assert_eq!(membership.state, MemberState::Stable);
        assert_eq!((membership.generation, membership.is_leader), (1, true));
        assert_eq!((membership.member_id.as_str(), membership.assignor), ("m-1", Some(Assignor::Range)));
        assert!(cluster.coordinator.lanes.iter().all(|lane| *lane != 0), "not on the shared connection");
        app.live(&mut cluster, consumer, 7_000);
        assert_eq!(cluster.coordinator.count(HEARTBEAT), 2);
        assert_eq!(committed(&cluster, 2), Some(3), "enable.auto.commit");
        let state = cluster.client.partition_state(consumer, &tp(2)).unwrap();
        assert_eq!((state.committed, state.position, state.lag()), (Some(3), Some(3), Some(0)));
        assert!(app.took().is_empty());
    }
}

#[test]
fn two_members_share_and_one_takes_over_where_the_other_left_off() {
    let mut cluster = filled(4);
    let strategy = [Assignor::RoundRobin];
    let mut apps = vec![start(&mut cluster, config(group(&strategy)))];
    apps.push(start(&mut cluster, config(group(&strategy))));
    live(&mut cluster, &mut apps, 5_000);
    assert_eq!(apps[0].1.took(), ["+[0, 1, 2, 3]", "-[0, 1, 2, 3]", "+[0, 2]"]);
    assert_eq!(apps[1].1.took(), ["+[1, 3]"]);
    let read: usize = apps.iter().flat_map(|(_, app)| app.read.values()).sum();
    assert_eq!(read, 12, "what was committed before the rebalance is not read again");
    for partition in 0..4 {
        cluster.store_values(partition, &["d"]);
    }
    cluster.release();
    live(&mut cluster, &mut apps, 1_000);
    let (second, mut app) = apps.remove(1);
    cluster.client.close_consumer(cluster.now, second);
    app.poll(&mut cluster, second);
    cluster.advance(100);
    app.poll(&mut cluster, second);
    assert_eq!(app.took(), ["-[1, 3]", "closed"]);
    assert_eq!(committed(&cluster, 3), Some(4));
    cluster.store_values(3, &["e"]);
    live(&mut cluster, &mut apps, 5_000);
    assert_eq!(apps[0].1.took(), ["-[0, 2]", "+[0, 1, 2, 3]"]);
    assert_eq!(app.read[&3] + apps[0].1.read[&3], 5, "nothing twice, nothing lost");
    assert!(cluster.client.membership(second).is_none());
}

#[test]
fn a_cooperative_member_reads_on_and_gives_back_only_what_moves() {
    let mut cluster = filled(4);
    let strategy = [Assignor::CooperativeSticky];
    let mut apps = vec![start(&mut cluster, config(group(&strategy)))];
    apps.push(start(&mut cluster, config(group(&strategy))));
    live(&mut cluster, &mut apps, 10_000);
    assert_eq!(apps[0].1.took(), ["+[0, 1, 2, 3]", "-[2, 3]", "+[]", "+[]"]);
    assert_eq!(apps[1].1.took(), ["+[]", "+[2, 3]"]);
    assert_eq!(cluster.coordinator.generation, 3, "two rebalances");
    assert_eq!((committed(&cluster, 2), committed(&cluster, 3)), (Some(3), Some(3)));
    assert_eq!((owned(&cluster, apps[0].0), owned(&cluster, apps[1].0)), (vec![0, 1], vec![2, 3]));
    let read: usize = apps.iter().flat_map(|(_, app)| app.read.values()).sum();
    assert_eq!(read, 12);
}

#[test]
fn an_eager_sticky_member_says_what_it_had() {
    let mut cluster = filled(4);
    let mut apps = vec![start(&mut cluster, config(group(&[Assignor::Sticky])))];
    apps.push(start(&mut cluster, config(group(&[Assignor::Sticky]))));
    live(&mut cluster, &mut apps, 5_000);
    let before = (owned(&cluster, apps[0].0), owned(&cluster, apps[1].0));
    assert_eq!(before, (vec![0, 1], vec![2, 3]));
    apps.push(start(&mut cluster, config(group(&[Assignor::Sticky]))));
    live(&mut cluster, &mut apps, 5_000);
    let third = owned(&cluster, apps[2].0);
    assert_eq!(third.len(), 1);
    for (partitions, at) in [(before.0, 0), (before.1, 1)] {
        let kept = owned(&cluster, apps[at].0);
        assert!(kept.iter().all(|partition| partitions.contains(partition)));
    }
}

#[test]
fn the_application_may_commit_what_is_taken_back() {
    let mut cluster = filled(2);
    let by_hand = GroupConfig { enable_auto_commit: false, ..group(&[Assignor::Range]) };
    let (first, mut app) = start(&mut cluster, config(by_hand.clone()));
    cluster.advance(10_000);
    app.poll(&mut cluster, first);
    assert_eq!(committed(&cluster, 0), None, "nothing by itself");
    let second = cluster.client.add_consumer(config(by_hand));
    cluster.client.subscribe(cluster.now, second, vec!["t".into()]);
    cluster.advance(4_000);
    app.took();
    let Some(ConsumerEvent::Revoked(taken)) = cluster.client.poll_consumer(first) else { panic!() };
    assert_eq!(indices(&taken), [0, 1]);
    // As long as it does not poll again it may finish.
    cluster.advance(2_000);
    assert_eq!(cluster.client.membership(first).unwrap().state, MemberState::GivingBack);
    let offsets = taken.into_iter().map(|topic_partition| OffsetToCommit {
        topic_partition,
        offset: 2,
        metadata: "by hand".into(),
    });
    let id = cluster.client.commit(cluster.now, first, Some(offsets.collect())).unwrap();
    app.poll(&mut cluster, first);
    cluster.advance(500);
    assert_eq!(cluster.coordinator.offsets[&("t".to_owned(), 1)], (2, "by hand".to_owned()));
    cluster.end_long_polls();
    app.live(&mut cluster, first, 4_000);
    assert_eq!(id, CommitId(0));
    assert_eq!(app.took(), ["committed", "+[0]"]);
    assert_eq!(cluster.client.partition_state(first, &tp(0)).unwrap().position, Some(3));
}

#[test]
fn what_is_not_done_with_is_not_committed() {
    let mut cluster = filled(1);
    let consumer = cluster.client.add_consumer(config(group(&[Assignor::Range])));
    cluster.client.subscribe(cluster.now, consumer, vec!["t".into()]);
    cluster.advance(1_000);
    assert!(matches!(cluster.client.poll_consumer(consumer), Some(ConsumerEvent::Assigned(_))));
    cluster.advance(1_000);
    assert!(matches!(cluster.client.poll_consumer(consumer), Some(ConsumerEvent::Fetched(_))));
    // It works on it for long.
    cluster.advance(20_000);
    assert!(committed(&cluster, 0).is_none_or(|offset| offset == 0));
    assert!(cluster.client.poll_consumer(consumer).is_none());
    cluster.advance(5_000);
    assert_eq!(committed(&cluster, 0), Some(3));
}

#[test]
fn errors_of_the_coordinator_are_got_over() {
    // By API: what it answers before it answers well.
    let cases: [(i16, &[i16]); 8] = [
        (FIND, &[15, 14, 15]),
        (JOIN, &[14, 16, 15, 27]),
        (JOIN, &[0, 25, 0, 22]),
        (SYNC, &[14, 16, 27]),
        (SYNC, &[25]),
        (SYNC, &[22]),
        (HEARTBEAT, &[16, 27, 14, 15]),
        (HEARTBEAT, &[0, 22, 25]),
    ];
    for (api, errors) in cases {
        for strategy in [Assignor::Range, Assignor::CooperativeSticky] {
            let mut cluster = filled(2);
            cluster.coordinator.errors.insert(api, errors.to_vec());
            let (consumer, mut app) = start(&mut cluster, config(group(&[strategy])));
            app.live(&mut cluster, consumer, 30_000);
            assert!(cluster.coordinator.errors[&api].is_empty(), "API {api}, {errors:?}");
            let membership = cluster.client.membership(consumer).unwrap();
            assert_eq!(membership.state, MemberState::Stable, "API {api}, {errors:?}");
            assert_eq!(indices(&membership.owned), [0, 1]);
            assert_eq!(cluster.client.partition_state(consumer, &tp(1)).unwrap().position, Some(3));
        }
    }
}

#[test]
fn offsets_are_asked_for_until_they_are_known() {
    let mut cluster = filled(2);
    cluster.coordinator.errors.insert(9, vec![14, 16, 0]);
    cluster.coordinator.offset_errors = vec![88, 0];
    cluster.coordinator.offsets.insert(("t".into(), 0), (2, String::new()));
    let (consumer, mut app) = start(&mut cluster, config(group(&[Assignor::Range])));
    app.live(&mut cluster, consumer, 2_000);
    assert_eq!(app.read, [(0, 1), (1, 3)].into());
    let none =
        ConsumerConfig { auto_offset_reset: AutoOffsetReset::None, ..config(group(&[Assignor::Range])) };
    let mut cluster = filled(1);
    let (_, mut app) = start(&mut cluster, none);
    assert_eq!(app.took(), ["+[0]", "partition OFFSET_OUT_OF_RANGE"]);
}

#[test]
fn a_coordinator_that_moves_or_dies_is_found_again() {
    let mut cluster = filled(2);
    let (consumer, mut app) = start(&mut cluster, config(group(&[Assignor::Range])));
    cluster.move_coordinator(1);
    app.live(&mut cluster, consumer, 5_000);
    cluster.disconnect(1);
    app.live(&mut cluster, consumer, 5_000);
    assert_eq!(app.took(), ["+[0, 1]"], "it stays a member");
    assert_eq!(cluster.client.membership(consumer).unwrap().coordinator, Some(support::address(1)));
}

#[test]
fn a_member_that_is_taken_for_dead_loses_everything_and_comes_back() {
    let mut cluster = filled(2);
    let (consumer, mut app) = start(&mut cluster, config(group(&[Assignor::Range])));
    cluster.forget_member("m-1");
    app.live(&mut cluster, consumer, 5_000);
    assert_eq!(app.took(), ["+[0, 1]", "lost [0, 1]", "+[0, 1]"]);
    assert_eq!(cluster.client.membership(consumer).unwrap().member_id, "m-2");
}

#[test]
fn fatal_errors_are_told_and_nothing_more_is_tried() {
    for (api, code, name) in [
        (JOIN, 82, "FENCED_INSTANCE_ID"),
        (JOIN, 26, "INVALID_SESSION_TIMEOUT"),
        (JOIN, 23, "INCONSISTENT_GROUP_PROTOCOL"),
        (JOIN, 81, "GROUP_MAX_SIZE_REACHED"),
        (FIND, 30, "GROUP_AUTHORIZATION_FAILED"),
        (SYNC, 82, "FENCED_INSTANCE_ID"),
    ] {
        let mut cluster = filled(2);
        cluster.coordinator.errors.insert(api, vec![code]);
        let (consumer, mut app) = start(&mut cluster, config(group(&[Assignor::Range])));
        assert_eq!(app.took(), [format!("failed {name}")]);
        let asked = cluster.coordinator.log.len();
        app.live(&mut cluster, consumer, 20_000);
        assert_eq!(cluster.coordinator.log.len(), asked);
        // Subscribing again is a new try.
        cluster.client.subscribe(cluster.now, consumer, vec!["t".into()]);
        app.live(&mut cluster, consumer, 5_000);
        assert_eq!(app.took(), ["+[0, 1]"]);
    }
    let mut cluster = filled(2);
    let (consumer, mut app) = start(&mut cluster, config(group(&[Assignor::Range])));
    cluster.coordinator.errors.insert(HEARTBEAT, vec![82]);
    app.live(&mut cluster, consumer, 5_000);
    assert_eq!(app.took(), ["+[0, 1]", "lost [0, 1]", "failed FENCED_INSTANCE_ID"]);
}

#[test]
fn an_application_that_does_not_poll_loses_its_place_until_it_does() {
    let mut cluster = filled(2);
    let impatient = GroupConfig { max_poll_interval_ms: 10_000, ..group(&[Assignor::Range]) };
    let (consumer, mut app) = start(&mut cluster, config(impatient));
    app.took();
    cluster.advance(20_000);
    assert_eq!(cluster.coordinator.count(LEAVE), 1);
    assert_eq!(cluster.client.membership(consumer).unwrap().state, MemberState::Stalled);
    let heartbeats = cluster.coordinator.count(HEARTBEAT);
    cluster.advance(20_000);
    assert_eq!(cluster.coordinator.count(HEARTBEAT), heartbeats);
    app.live(&mut cluster, consumer, 2_000);
    assert_eq!(app.took(), ["lost [0, 1]", "+[0, 1]"]);
}

#[test]
fn a_static_member_does_not_leave_and_keeps_its_place() {
    let mut cluster = filled(2);
    let fixed = GroupConfig { group_instance_id: Some("i".into()), ..group(&[Assignor::Range]) };
    let (first, mut app) = start(&mut cluster, config(fixed.clone()));
    cluster.client.close_consumer(cluster.now, first);
    app.live(&mut cluster, first, 1_000);
    assert_eq!(app.took(), ["+[0, 1]", "-[0, 1]", "closed"]);
    assert_eq!(cluster.coordinator.count(LEAVE), 0);
    assert_eq!(cluster.coordinator.members.len(), 1);
    let (_, mut app) = start(&mut cluster, config(fixed));
    assert_eq!(app.took(), ["+[0, 1]"]);
    assert_eq!(cluster.coordinator.members.len(), 1);
    assert_eq!(committed(&cluster, 0), Some(3));
}

#[test]
fn more_partitions_and_topics_that_come_later_are_shared_too() {
    for strategy in [Assignor::Range, Assignor::CooperativeSticky] {
        let client = ClientConfig {
            bootstrap_servers: vec![support::address(0)],
            metadata_max_age_ms: 2_000,
            ..ClientConfig::default()
        };
        let mut cluster = Cluster::with(0, client);
        cluster.topic_error = 3;
        let (consumer, mut app) = start(&mut cluster, config(group(&[strategy])));
        assert_eq!(app.took(), ["+[]"]);
        (cluster.topic_error, cluster.partitions) = (0, 2);
        app.live(&mut cluster, consumer, 3_000);
        assert_eq!(app.took().last().unwrap(), "+[0, 1]");
        cluster.partitions = 3;
        app.live(&mut cluster, consumer, 8_000);
        assert_eq!(owned(&cluster, consumer), [0, 1, 2]);
    }
}

#[test]
fn another_subscription_takes_the_place_of_the_first_and_none_leaves() {
    for strategy in [Assignor::Range, Assignor::CooperativeSticky] {
        let mut cluster = filled(2);
        let (consumer, mut app) = start(&mut cluster, config(group(&[strategy])));
        app.took();
        cluster.client.subscribe(cluster.now, consumer, vec!["other".into()]);
        app.live(&mut cluster, consumer, 2_000);
        assert_eq!(app.took(), ["-[0, 1]", "+[]"]);
        cluster.client.subscribe(cluster.now, consumer, vec!["t".into(), "other".into(), "t".into()]);
        app.live(&mut cluster, consumer, 2_000);
        assert_eq!(app.took(), ["+[0, 1]"]);
        cluster.client.subscribe(cluster.now, consumer, Vec::new());
        app.live(&mut cluster, consumer, 1_000);
        assert_eq!(app.took(), ["-[0, 1]"]);
        assert_eq!(cluster.client.membership(consumer).unwrap().state, MemberState::Idle);
        assert!(cluster.coordinator.members.is_empty());
        cluster.client.subscribe(cluster.now, consumer, vec!["t".into()]);
        app.live(&mut cluster, consumer, 1_000);
        assert_eq!(app.took(), ["+[0, 1]"]);
    }
}

#[test]
fn commits_are_retried_told_and_refused() {
    let mut cluster = filled(2);
    let by_hand = GroupConfig { enable_auto_commit: false, ..group(&[Assignor::Range]) };
    let (consumer, mut app) = start(&mut cluster, config(by_hand));
    app.took();
    cluster.coordinator.errors.insert(COMMIT, vec![14, 16, 15]);
    cluster.client.commit(cluster.now, consumer, None).unwrap();
    app.live(&mut cluster, consumer, 3_000);
    assert_eq!(app.took(), ["committed"]);
    assert_eq!(committed(&cluster, 1), Some(3));
    let at = |partition, offset| OffsetToCommit {
        topic_partition: tp(partition),
        offset,
        metadata: String::new(),
    };
    cluster.coordinator.errors.insert(COMMIT, vec![12]);
    cluster.client.commit(cluster.now, consumer, Some(vec![at(0, 1)]));
    cluster.client.commit(cluster.now, consumer, Some(vec![at(1, 2)]));
    cluster.client.commit(cluster.now, consumer, Some(vec![at(7, 2)]));
    app.live(&mut cluster, consumer, 1_000);
    assert_eq!(app.took(), ["OFFSET_METADATA_TOO_LARGE", "committed", "REBALANCE_IN_PROGRESS"]);
    assert_eq!(committed(&cluster, 1), Some(2), "one may go back");
    cluster.coordinator.errors.insert(COMMIT, vec![22]);
    cluster.client.commit(cluster.now, consumer, Some(vec![at(0, 1)]));
    app.live(&mut cluster, consumer, 2_000);
    assert_eq!(app.took(), ["lost [0, 1]", "ILLEGAL_GENERATION", "+[0, 1]"]);
}

/// What was asked for in a membership that is over is not sent in the next one, where the group stands elsewhere by then.
#[test]
fn a_commit_ends_with_the_membership_it_was_asked_for_in() {
    for is_forgotten in [false, true] {
        let mut cluster = filled(2);
        let by_hand = GroupConfig { enable_auto_commit: false, ..group(&[Assignor::CooperativeSticky]) };
        let (consumer, mut app) = start(&mut cluster, config(by_hand));
        app.took();
        // The commit waits for its coordinator, which then has forgotten the member or gone on without it.
        cluster.coordinator.errors.extend([(COMMIT, vec![14, 22]), (JOIN, vec![14])]);
        let refused = if is_forgotten { "UNKNOWN_MEMBER_ID" } else { "ILLEGAL_GENERATION" };
        if is_forgotten {
            cluster.coordinator.errors.insert(COMMIT, vec![14]);
            cluster.coordinator.members.clear();
        }
        cluster.client.commit(cluster.now, consumer, None).unwrap();
        while app.log.is_empty() {
            app.live(&mut cluster, consumer, 100);
        }
        assert_eq!(app.took(), ["lost [0, 1]", refused]);
        // Nor is one sent that is asked for while it joins, of partitions that are not its own at that time.
        let early = OffsetToCommit { topic_partition: tp(1), offset: 2, metadata: String::new() };
        cluster.client.commit(cluster.now, consumer, Some(vec![early])).unwrap();
        app.live(&mut cluster, consumer, 3_000);
        assert_eq!(app.took(), ["REBALANCE_IN_PROGRESS", "+[0, 1]"]);
        assert_eq!(committed(&cluster, 1), None);
    }
}

#[test]
fn a_consumer_that_is_told_what_to_read_may_commit_too() {
    let mut cluster = filled(2);
    let consumer = cluster.client.add_consumer(config(group(&[Assignor::Range])));
    cluster.coordinator.offsets.insert(("t".into(), 0), (1, String::new()));
    cluster.client.assign(consumer, tp(0), StartOffset::Committed);
    let mut app = App::default();
    app.live(&mut cluster, consumer, 1_000);
    assert_eq!(app.read, [(0, 2)].into());
    cluster.client.commit(cluster.now, consumer, None).unwrap();
    app.live(&mut cluster, consumer, 500);
    assert_eq!(app.took(), ["committed"]);
    assert_eq!(committed(&cluster, 0), Some(3));
    assert_eq!(cluster.coordinator.count(JOIN), 0);
    cluster.client.close_consumer(cluster.now, consumer);
    app.live(&mut cluster, consumer, 100);
    assert_eq!(app.took(), ["closed"]);
}

#[test]
fn seeking_and_pausing_work_within_what_is_assigned() {
    let mut cluster = filled(2);
    let (consumer, mut app) = start(&mut cluster, config(group(&[Assignor::Range])));
    assert!(!cluster.client.seek(consumer, &tp(9), StartOffset::Earliest));
    cluster.client.pause(consumer, &tp(1));
    assert!(cluster.client.seek(consumer, &tp(0), StartOffset::Offset(1)));
    assert!(cluster.client.seek(consumer, &tp(1), StartOffset::Offset(2)));
    cluster.held.clear();
    cluster.disconnect(0);
    cluster.disconnect(1);
    app.live(&mut cluster, consumer, 2_000);
    assert_eq!(app.read, [(0, 5), (1, 3)].into());
    cluster.client.resume(consumer, &tp(1));
    app.live(&mut cluster, consumer, 2_000);
    assert_eq!(app.read, [(0, 5), (1, 4)].into());
}

#[test]
fn closing_ends_even_if_nobody_answers() {
    let mut cluster = filled(2);
    let (consumer, mut app) = start(&mut cluster, config(group(&[Assignor::Range])));
    cluster.refuse_connections = true;
    cluster.disconnect(0);
    cluster.client.close_consumer(cluster.now, consumer);
    app.live(&mut cluster, consumer, 40_000);
    assert_eq!(app.took().last().unwrap(), "closed");
}

/// Every answer of a member's life, with each of its bytes changed in turn: no panic, and the client comes to rest.
#[test]
fn no_malformed_answer_panics() {
    let mut changed = 0;
    // In version 3 of JoinGroup the first answer is a whole one.
    for (api, join_version) in
        [(COMMIT, 9), (9, 9), (FIND, 9), (JOIN, 9), (JOIN, 3), (HEARTBEAT, 9), (LEAVE, 9), (SYNC, 9)]
    {
        let (mut length, mut at) = (1, 0);
        while at < length {
            for change in [0xff_u8, 0x7f, 0x00] {
                let mut cluster = filled(2);
                cluster.lenient = true;
                cluster.versions.insert(JOIN, join_version);
                cluster.hold = vec![api];
                let client = ClientConfig {
                    bootstrap_servers: vec![support::address(0)],
                    request_timeout_ms: 2_000,
                    ..ClientConfig::default()
                };
                cluster.client = Client::new(client);
                let often = GroupConfig {
                    heartbeat_interval_ms: 300,
                    auto_commit_interval_ms: 200,
                    ..group(&[Assignor::CooperativeSticky])
                };
                let (consumer, mut app) = start(&mut cluster, config(often));
                cluster.client.close_consumer(cluster.now, consumer);
                app.live(&mut cluster, consumer, 300);
                let Some(asked) = cluster.held.iter().find(|asked| asked.key == api).cloned() else {
                    continue;
                };
                let frame = cluster.scripted(&asked);
                length = frame.len();
                let mut frame = frame.to_vec();
                frame[at] = change;
                cluster.hold.clear();
                cluster.give(&asked.to, frame.into());
                app.live(&mut cluster, consumer, 4_000);
                changed += 1;
            }
            at += 1;
        }
    }
    assert!(changed > 500, "{changed}");
}
