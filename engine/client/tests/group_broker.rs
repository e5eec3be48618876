//! Members of a group against the real broker over the storage in memory, in virtual time. Each has a client of its own.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use headwater_client::*;
use headwater_driver::{Driver, MemoryDisk, MemoryStorage};
use headwater_engine::{Broker, BrokerConfig, ConnectionId, Now, TopicPartition};

const PARTITIONS: i32 = 4;

fn address() -> Address {
    Address::new("broker-0", 9092)
}

/// An application with a client, which polls its consumer all the time while it lives.
struct App {
    client: Client,
    consumer: ConsumerId,
    /// Where its connections are, of those of the world.
    connections: BTreeMap<Address, usize>,
    polls: bool,
    log: Vec<String>,
    /// By partition, the offsets that it read.
    read: BTreeMap<i32, Vec<i64>>,
}

struct World {
    broker: Driver<MemoryStorage>,
    disk: MemoryDisk,
    now: Now,
    /// By connection: whose it is. They are never used twice.
    connections: Vec<(usize, Address)>,
    apps: Vec<App>,
}

fn indices(partitions: &[TopicPartition]) -> Vec<i32> {
    partitions.iter().map(|partition| partition.partition).collect()
}

impl App {
    fn take(&mut self, event: ConsumerEvent) {
        match event {
            ConsumerEvent::Fetched(fetched) => {
                let read = self.read.entry(fetched.topic_partition.partition).or_default();
                fetched
                    .for_each(|record| {
                        read.push(record.offset);
                        ControlFlow::Continue(())
                    })
                    .unwrap();
            }
            ConsumerEvent::Assigned(partitions) => self.log.push(format!("+{:?}", indices(&partitions))),
            ConsumerEvent::Revoked(partitions) => self.log.push(format!("-{:?}", indices(&partitions))),
            ConsumerEvent::Lost(partitions) => self.log.push(format!("lost {:?}", indices(&partitions))),
            ConsumerEvent::Closed => self.log.push("closed".into()),
            other => self.log.push(format!("{other:?}")),
        }
    }

    fn owned(&self) -> Vec<i32> {
        self.client.membership(self.consumer).map(|m| indices(&m.owned)).unwrap_or_default()
    }
}

fn broker(disk: &MemoryDisk) -> Driver<MemoryStorage> {
    let mut config = BrokerConfig::new("test", 0, "broker-0", 9092);
    config.set("group.initial.rebalance.delay.ms", "0").unwrap();
    Driver::new(Broker::new(config, 7), MemoryStorage::open(disk))
}

impl World {
    /// With a topic `t` and a producer, which is the first application.
    fn new() -> World {
        let disk = MemoryDisk::new();
        let mut world = World {
            broker: broker(&disk),
            disk,
            now: Now { monotonic_ms: 0, wall_ms: 1_700_000_000_000 },
            connections: Vec::new(),
            apps: Vec::new(),
        };
        world.add(None);
        let topic =
            NewTopic { name: "t".into(), partitions: PARTITIONS, replication_factor: 1, configs: Vec::new() };
        world.apps[0].client.create_topics(world.now, vec![topic]);
        world.advance(500);
        assert!(world.apps[0].client.poll_admin().unwrap().1.is_ok());
        world
    }

    fn add(&mut self, group: Option<&GroupConfig>) -> usize {
        let config = ClientConfig {
            bootstrap_servers: vec![address()],
            seed: self.apps.len() as u64,
            metadata_max_age_ms: 3_000,
            ..ClientConfig::default()
        };
        let mut client = Client::new(config);
        let consumer = client.add_consumer(ConsumerConfig {
            group: group.cloned(),
            auto_offset_reset: AutoOffsetReset::Earliest,
            ..ConsumerConfig::default()
        });
        if group.is_some() {
            client.subscribe(self.now, consumer, vec!["t".into()]);
        }
        let connections = BTreeMap::new();
        let (log, read) = (Vec::new(), BTreeMap::new());
        self.apps.push(App { client, consumer, connections, polls: true, log, read });
        self.apps.len() - 1
    }

    /// Produces so many records to every partition.
    fn produce(&mut self, count: usize) {
        let now = self.now;
        let client = &mut self.apps[0].client;
        let producer = client.add_producer(ProducerConfig::default());
        let _ = client.partition_count(now, "t");
        self.advance(300);
        for partition in 0..PARTITIONS {
            for _ in 0..count {
                let partition = Some(partition);
                let record =
                    ProducerRecord { topic: "t", partition, value: Some(b"v"), ..ProducerRecord::default() };
                self.apps[0].client.send(self.now, producer, &record).unwrap();
            }
        }
        self.advance(1_000);
        let client = &mut self.apps[0].client;
        let deliveries = std::iter::from_fn(|| client.poll_delivery(producer));
        assert!(deliveries.map(|delivery| delivery.result).all(|result| result.is_ok()));
    }

    fn carry(&mut self, at: usize) -> bool {
        let mut moved = false;
        let app = &mut self.apps[at];
        while let Some(address) = app.client.poll_connect(self.now) {
            app.client.handle_connected(self.now, &address);
            app.connections.insert(address.clone(), self.connections.len());
            self.connections.push((at, address));
            moved = true;
        }
        while let Some((to, frame)) = app.client.poll_transmit(self.now) {
            let connection = ConnectionId(app.connections[&to] as u64);
            self.broker.handle_request(self.now, connection, frame);
            moved = true;
        }
        while let Some(address) = app.client.poll_close() {
            if let Some(id) = app.connections.remove(&address) {
                self.broker.handle_disconnect(self.now, ConnectionId(id as u64));
            }
        }
        while let Some(event) = app.polls.then(|| app.client.poll_consumer(app.consumer)).flatten() {
            app.take(event);
            moved = true;
        }
        moved
    }

    /// Carries frames until nothing moves any more.
    fn run(&mut self) {
        for _ in 0..100_000 {
            let mut moved = false;
            for at in 0..self.apps.len() {
                moved |= self.carry(at);
            }
            self.broker.pump(self.now);
            while let Some((ConnectionId(id), frame)) = self.broker.poll_response() {
                let (at, from) = self.connections[usize::try_from(id).unwrap()].clone();
                let app = &mut self.apps[at];
                if app.connections.get(&from) == usize::try_from(id).ok().as_ref() {
                    app.client.handle_frame(self.now, &from, frame);
                }
                moved = true;
            }
            assert!(self.broker.poll_close().is_none());
            if !moved {
                return;
            }
        }
        panic!("it never comes to rest");
    }

    /// Lets time pass, from one wake-up to the next.
    fn advance(&mut self, ms: u64) {
        let end = self.now.monotonic_ms + ms;
        for _ in 0..100_000 {
            self.run();
            let clients = self.apps.iter().filter_map(|app| app.client.poll_timeout());
            let next = clients.chain(self.broker.poll_timeout()).chain([end]).min().unwrap();
            let next = next.clamp(self.now.monotonic_ms, end);
            if next == end && self.now.monotonic_ms == end {
                return;
            }
            self.now.wall_ms += (next - self.now.monotonic_ms) as i64;
            self.now.monotonic_ms = next;
            self.broker.handle_timeout(self.now);
            for app in &mut self.apps {
                app.client.handle_timeout(self.now);
            }
        }
        panic!("somebody wants to be woken all the time");
    }

    /// The broker ends and comes back with what it has stored.
    fn restart(&mut self) {
        self.broker = broker(&self.disk);
        for app in &mut self.apps {
            for (address, _) in std::mem::take(&mut app.connections) {
                app.client.handle_disconnect(self.now, &address);
            }
        }
    }

    /// An application is gone from one moment to the next.
    fn kill(&mut self, at: usize) {
        let app = &mut self.apps[at];
        for (_, id) in std::mem::take(&mut app.connections) {
            self.broker.handle_disconnect(self.now, ConnectionId(id as u64));
        }
        app.client = Client::new(ClientConfig::default());
    }

    fn close(&mut self, at: usize) {
        let app = &mut self.apps[at];
        app.client.close_consumer(self.now, app.consumer);
        for _ in 0..40 {
            self.advance(1_000);
            if self.apps[at].log.last().is_some_and(|entry| entry == "closed") {
                return;
            }
        }
        panic!("it does not end: {:?}", self.apps[at].log);
    }

    /// What all of them together read, by partition, in order of offsets.
    fn read(&self) -> BTreeMap<i32, Vec<i64>> {
        let mut all: BTreeMap<i32, Vec<i64>> = BTreeMap::new();
        for (partition, offsets) in self.apps.iter().flat_map(|app| &app.read) {
            all.entry(*partition).or_default().extend(offsets);
        }
        all.values_mut().for_each(|offsets| offsets.sort_unstable());
        all
    }

    fn assert_read_once(&self, count: usize) {
        let expected = (0..PARTITIONS).map(|partition| (partition, (0..count as i64).collect::<Vec<_>>()));
        assert_eq!(self.read(), expected.collect());
    }
}

fn group(assignor: Assignor) -> GroupConfig {
    GroupConfig {
        group_id: "g".into(),
        session_timeout_ms: 10_000,
        partition_assignment_strategy: vec![assignor],
        ..GroupConfig::default()
    }
}

const ALL: [Assignor; 4] =
    [Assignor::Range, Assignor::RoundRobin, Assignor::Sticky, Assignor::CooperativeSticky];

#[test]
fn two_share_four_partitions_and_when_one_stops_the_other_goes_on_where_it_left_off() {
    for assignor in ALL {
        let mut world = World::new();
        world.produce(10);
        let first = world.add(Some(&group(assignor)));
        world.advance(2_000);
        assert_eq!(world.apps[first].owned(), [0, 1, 2, 3]);
        world.assert_read_once(10);
        let second = world.add(Some(&group(assignor)));
        world.advance(10_000);
        assert_eq!(
            (world.apps[first].owned().len(), world.apps[second].owned().len()),
            (2, 2),
            "{assignor:?}"
        );
        world.produce(10);
        world.advance(2_000);
        world.assert_read_once(20);
        world.close(first);
        world.produce(10);
        world.advance(10_000);
        assert_eq!(world.apps[second].owned(), [0, 1, 2, 3]);
        world.assert_read_once(30);
    }
}

#[test]
fn one_that_dies_is_followed_when_its_session_ends_and_what_it_had_not_committed_is_read_again() {
    for assignor in ALL {
        let mut world = World::new();
        world.produce(10);
        let first = world.add(Some(&group(assignor)));
        let second = world.add(Some(&group(assignor)));
        world.advance(20_000);
        world.produce(10);
        let lost = world.apps[first].owned();
        world.kill(first);
        world.advance(25_000);
        assert_eq!(world.apps[second].owned(), [0, 1, 2, 3], "{assignor:?}");
        for (partition, offsets) in world.read() {
            let mut once = offsets.clone();
            once.dedup();
            assert!(once.iter().copied().eq(0..20), "{assignor:?}: {partition} is read whole");
            assert!(once.len() == offsets.len() || lost.contains(&partition));
        }
    }
}

#[test]
fn cooperative_members_keep_what_they_keep() {
    let mut world = World::new();
    let first = world.add(Some(&group(Assignor::CooperativeSticky)));
    world.advance(2_000);
    let second = world.add(Some(&group(Assignor::CooperativeSticky)));
    world.advance(15_000);
    let log = &world.apps[first].log;
    assert_eq!(log[..3], ["+[0, 1, 2, 3]", "-[2, 3]", "+[]"]);
    assert!(log[3..].iter().all(|entry| entry == "+[]"), "{log:?}");
    assert_eq!(world.apps[second].log.last().unwrap(), "+[2, 3]");
    world.produce(5);
    world.advance(1_000);
    world.assert_read_once(5);
}

#[test]
fn a_static_member_comes_back_to_what_it_had_without_a_rebalance() {
    let mut world = World::new();
    let fixed = |id: &str| GroupConfig { group_instance_id: Some(id.into()), ..group(Assignor::Range) };
    let first = world.add(Some(&fixed("a")));
    let second = world.add(Some(&fixed("b")));
    world.advance(15_000);
    let before = (world.apps[first].owned(), world.apps[second].owned());
    assert_eq!(before, (vec![0, 1], vec![2, 3]));
    world.apps[second].log.clear();
    world.close(first);
    world.produce(5);
    let again = world.add(Some(&fixed("a")));
    world.advance(15_000);
    assert_eq!((world.apps[again].owned(), world.apps[second].owned()), before);
    assert!(world.apps[second].log.is_empty(), "{:?}", world.apps[second].log);
    world.assert_read_once(5);
    // Somebody else with the same name takes the place of the one that is there.
    let other = world.add(Some(&fixed("a")));
    world.advance(15_000);
    assert_eq!(world.apps[other].owned(), [0, 1]);
    assert!(
        world.apps[again].log.last().unwrap().contains("FENCED_INSTANCE_ID"),
        "{:?}",
        world.apps[again].log
    );
}

#[test]
fn members_come_back_to_a_broker_that_was_away() {
    for assignor in ALL {
        let mut world = World::new();
        let first = world.add(Some(&group(assignor)));
        let second = world.add(Some(&group(assignor)));
        world.produce(10);
        world.advance(20_000);
        world.assert_read_once(10);
        world.restart();
        world.produce(10);
        world.advance(30_000);
        let mut all = [world.apps[first].owned(), world.apps[second].owned()].concat();
        all.sort_unstable();
        assert_eq!(all, [0, 1, 2, 3], "{assignor:?}");
        for (partition, mut offsets) in world.read() {
            offsets.dedup();
            assert!(offsets.iter().copied().eq(0..20), "{assignor:?}: {partition} is read whole");
        }
        // What was committed before is kept. What came before they knew that the group has forgotten them may come again.
        let read = world.read();
        let committed = read.values().flatten().filter(|offset| **offset < 10);
        assert_eq!(committed.count(), 40, "{assignor:?}");
    }
}

#[test]
fn partitions_that_come_later_are_shared() {
    let mut world = World::new();
    let first = world.add(Some(&group(Assignor::Sticky)));
    let second = world.add(Some(&group(Assignor::Sticky)));
    world.advance(15_000);
    let now = world.now;
    world.apps[0].client.create_partitions(now, "t", 7);
    world.advance(20_000);
    let mut all = [world.apps[first].owned(), world.apps[second].owned()].concat();
    all.sort_unstable();
    assert_eq!(all, [0, 1, 2, 3, 4, 5, 6]);
}

#[test]
fn many_come_and_go() {
    for assignor in ALL {
        let mut world = World::new();
        let mut alive = Vec::new();
        for round in 0..12_usize {
            world.produce(3);
            match round % 4 {
                2 => world.close(alive.remove(0)),
                3 => world.kill(alive.remove(0)),
                _ => alive.push(world.add(Some(&group(assignor)))),
            }
            world.advance(1_000 * (round as u64 % 5));
        }
        alive.push(world.add(Some(&group(assignor))));
        world.advance(60_000);
        let mut all: Vec<i32> = alive.iter().flat_map(|at| world.apps[*at].owned()).collect();
        all.sort_unstable();
        assert_eq!(all, [0, 1, 2, 3], "{assignor:?}");
        for (partition, mut offsets) in world.read() {
            offsets.dedup();
            assert!(offsets.iter().copied().eq(0..36), "{assignor:?}: {partition} is read whole");
        }
    }
}

impl World {
    /// Asks the broker for something, as the first application.
    fn ask(
        &mut self,
        ask: impl FnOnce(&mut Client, Now) -> AdminRequestId,
    ) -> Result<AdminReply, ClientError> {
        let now = self.now;
        let id = ask(&mut self.apps[0].client, now);
        self.advance(1_000);
        let (answered, reply) = self.apps[0].client.poll_admin().unwrap();
        assert_eq!(answered, id);
        reply
    }
}

fn at(partition: i32) -> TopicPartition {
    TopicPartition { topic: "t".into(), partition }
}

#[test]
fn groups_are_listed_described_and_deleted() {
    let mut world = World::new();
    assert_eq!(world.ask(|client, now| client.list_groups(now)).unwrap(), AdminReply::Groups(Vec::new()));
    let first = world.add(Some(&group(Assignor::RoundRobin)));
    let second = world.add(Some(&group(Assignor::RoundRobin)));
    world.advance(15_000);
    let AdminReply::Groups(groups) = world.ask(|client, now| client.list_groups(now)).unwrap() else {
        panic!()
    };
    let listed =
        GroupListing { group_id: "g".into(), protocol_type: "consumer".into(), state: "Stable".into() };
    assert_eq!(groups, [listed]);
    let AdminReply::Group(described) = world.ask(|client, now| client.describe_group(now, "g")).unwrap()
    else {
        panic!()
    };
    assert_eq!((described.state.as_str(), described.assignor.as_str()), ("Stable", "roundrobin"));
    assert_eq!(described.coordinator, address());
    let mut assigned: Vec<Vec<i32>> =
        described.members.iter().map(|member| indices(&member.assigned)).collect();
    assigned.sort_unstable();
    assert_eq!(assigned, [[0, 2], [1, 3]]);
    assert!(described.members.iter().all(|member| member.client_id == "headwater"));

    let refused = world.ask(|client, now| client.delete_group(now, "g")).unwrap_err();
    assert_eq!(refused.name, "NON_EMPTY_GROUP");
    world.produce(1);
    world.close(first);
    world.advance(10_000);
    world.close(second);
    assert_eq!(world.ask(|client, now| client.delete_group(now, "g")).unwrap(), AdminReply::Done);
    assert_eq!(world.ask(|client, now| client.list_groups(now)).unwrap(), AdminReply::Groups(Vec::new()));
    let missing = world.ask(|client, now| client.delete_group(now, "nobody")).unwrap_err();
    assert_eq!(missing.name, "GROUP_ID_NOT_FOUND");
}

#[test]
fn a_groups_lag_is_told_and_its_offsets_changed() {
    let mut world = World::new();
    world.produce(10);
    let reader = world.add(Some(&group(Assignor::Range)));
    world.advance(3_000);
    let set = |offset: i64| {
        move |client: &mut Client, now: Now| {
            let offsets = (0..2).map(|partition| OffsetToCommit {
                topic_partition: at(partition),
                offset,
                metadata: "set".into(),
            });
            client.set_group_offsets(now, "g", offsets.collect())
        }
    };
    let AdminReply::Partitions(refused) = world.ask(set(3)).unwrap() else { panic!() };
    assert!(refused[0].1.as_ref().unwrap_err().message.contains("has members"));
    world.close(reader);
    world.produce(5);
    let lags = |world: &mut World| {
        let reply = world.ask(|client, now| client.list_group_offsets(now, "g")).unwrap();
        let AdminReply::GroupOffsets(offsets) = reply else { panic!() };
        let shown =
            offsets.into_iter().map(|o| (o.topic_partition.partition, o.committed, o.lag(), o.metadata));
        shown.collect::<Vec<_>>()
    };
    let none = String::new;
    let behind = |partition| (partition, 10, Some(5), none());
    assert_eq!(lags(&mut world), [behind(0), behind(1), behind(2), behind(3)]);
    let AdminReply::Partitions(done) = world.ask(set(3)).unwrap() else { panic!() };
    assert_eq!(done, [(at(0), Ok(())), (at(1), Ok(()))]);
    let reply = world.ask(|client, now| client.delete_group_offsets(now, "g", vec![at(1), at(3)])).unwrap();
    assert_eq!(reply, AdminReply::Partitions(vec![(at(1), Ok(())), (at(3), Ok(()))]));
    assert_eq!(lags(&mut world), [(0, 3, Some(12), "set".to_owned()), behind(2)]);
    // What is read next follows from it.
    let again = world.add(Some(&group(Assignor::Range)));
    world.advance(3_000);
    assert_eq!(world.apps[again].read[&0], (3..15).collect::<Vec<i64>>());
    assert_eq!(world.apps[again].read[&1].len(), 15);
    world.close(again);
    // The topic goes, and the lag with it.
    let reply = world.ask(|client, now| client.delete_topics(now, vec!["t".into()])).unwrap();
    assert!(matches!(reply, AdminReply::Topics(topics) if topics[0].1.is_ok()));
    let reply = world.ask(|client, now| client.list_group_offsets(now, "g")).unwrap();
    let AdminReply::GroupOffsets(offsets) = reply else { panic!() };
    assert!(offsets.iter().all(|offset| offset.lag().is_none()), "{offsets:?}");
}

#[test]
fn records_are_deleted_and_configs_changed() {
    let mut world = World::new();
    world.produce(10);
    let before = |offset: i64| {
        move |client: &mut Client, now: Now| client.delete_records(now, vec![(at(0), offset), (at(1), 2)])
    };
    let AdminReply::Offsets(offsets) = world.ask(before(4)).unwrap() else { panic!() };
    let starts: Vec<_> = offsets.iter().map(|offset| offset.result.clone().unwrap()).collect();
    assert_eq!(starts, [Some(4), Some(2)]);
    let AdminReply::Offsets(offsets) = world.ask(before(99)).unwrap() else { panic!() };
    assert_eq!(offsets[0].result.as_ref().unwrap_err().name, "OFFSET_OUT_OF_RANGE");
    assert_eq!(offsets[1].result, Ok(Some(2)));

    let alter = |value: Option<&str>| {
        let configs = vec![("retention.ms".to_owned(), value.map(str::to_owned))];
        move |client: &mut Client, now: Now| client.alter_topic_configs(now, "t", configs)
    };
    let retention = |world: &mut World| {
        let reply = world.ask(|client, now| client.describe_topic_configs(now, "t")).unwrap();
        let AdminReply::Configs(configs) = reply else { panic!() };
        let found = configs.into_iter().find(|config| config.name == "retention.ms").unwrap();
        (found.value.unwrap(), found.is_set)
    };
    assert_eq!(world.ask(alter(Some("1234567"))).unwrap(), AdminReply::Done);
    assert_eq!(retention(&mut world), ("1234567".to_owned(), true));
    assert_eq!(world.ask(alter(None)).unwrap(), AdminReply::Done);
    assert!(!retention(&mut world).1);
    assert_eq!(world.ask(alter(Some("soon"))).unwrap_err().name, "INVALID_CONFIG");
}
