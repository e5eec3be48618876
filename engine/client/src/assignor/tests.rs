use proptest::prelude::*;

use super::*;

fn member(id: &str, topics: &[&str], owned: &[(&str, i32)], generation: i32) -> Subscriber {
    Subscriber {
        member_id: id.to_owned(),
        instance_id: None,
        topics: topics.iter().map(|topic| (*topic).to_owned()).collect(),
        owned: owned.iter().map(|(topic, index)| partition(topic, *index)).collect(),
        generation,
    }
}

fn counts(topics: &[(&str, i32)]) -> Counts {
    topics.iter().map(|(topic, count)| ((*topic).to_owned(), *count)).collect()
}

fn shown(assigned: &[Vec<TopicPartition>]) -> Vec<String> {
    assigned
        .iter()
        .map(|partitions| partitions.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
        .collect()
}

/// The examples of the Java classes' documentation.
#[test]
fn range_and_round_robin_are_as_kafka_documents_them() {
    let members = [member("C0", &["t0", "t1"], &[], -1), member("C1", &["t0", "t1"], &[], -1)];
    let topics = counts(&[("t0", 3), ("t1", 3)]);
    assert_eq!(shown(&Assignor::Range.assign(&members, &topics)), ["t0-0 t0-1 t1-0 t1-1", "t0-2 t1-2"]);
    assert_eq!(shown(&Assignor::RoundRobin.assign(&members, &topics)), ["t0-0 t0-2 t1-1", "t0-1 t1-0 t1-2"]);

    let members = [
        member("C0", &["t0"], &[], -1),
        member("C1", &["t0", "t1"], &[], -1),
        member("C2", &["t0", "t1", "t2"], &[], -1),
    ];
    let topics = counts(&[("t0", 1), ("t1", 2), ("t2", 3)]);
    assert_eq!(
        shown(&Assignor::RoundRobin.assign(&members, &topics)),
        ["t0-0", "t1-0", "t1-1 t2-0 t2-1 t2-2"]
    );
    assert_eq!(shown(&Assignor::Sticky.assign(&members, &topics)), ["t0-0", "t1-0 t1-1", "t2-0 t2-1 t2-2"]);
}

#[test]
fn static_members_stand_first_whatever_their_member_ids() {
    let mut members =
        [member("a", &["t"], &[], -1), member("b", &["t"], &[], -1), member("c", &["t"], &[], -1)];
    members[1].instance_id = Some("z".into());
    members[2].instance_id = Some("y".into());
    assert_eq!(shown(&Assignor::Range.assign(&members, &counts(&[("t", 3)]))), ["t-2", "t-1", "t-0"]);
}

#[test]
fn sticky_takes_no_more_than_balance_needs() {
    let owned = [("t", 0), ("t", 1), ("t", 2), ("t", 3), ("t", 4)];
    let members = [
        member("a", &["t"], &owned, 3),
        member("b", &["t"], &[("t", 5), ("t", 6), ("t", 7)], 3),
        member("c", &["t"], &[("t", 8)], 3),
    ];
    let assigned = Assignor::Sticky.assign(&members, &counts(&[("t", 9)]));
    assert_eq!(shown(&assigned), ["t-0 t-1 t-2", "t-5 t-6 t-7", "t-3 t-4 t-8"]);
    let cooperative = Assignor::CooperativeSticky.assign(&members, &counts(&[("t", 9)]));
    assert_eq!(shown(&cooperative), ["t-0 t-1 t-2", "t-5 t-6 t-7", "t-8"], "what moves is given back first");
}

#[test]
fn of_two_claims_the_later_generation_counts() {
    let topics = counts(&[("t", 2)]);
    let members = [member("a", &["t"], &[("t", 0), ("t", 1)], 4), member("b", &["t"], &[("t", 0)], 5)];
    assert_eq!(shown(&Assignor::Sticky.assign(&members, &topics)), ["t-1", "t-0"]);
    let members = [member("a", &["t"], &[("t", 0)], 5), member("b", &["t"], &[("t", 0), ("t", 1)], 5)];
    assert_eq!(shown(&Assignor::Sticky.assign(&members, &topics)), ["t-0", "t-1"]);
    // Nobody gets at once what another one says it reads.
    assert_eq!(shown(&Assignor::CooperativeSticky.assign(&members, &topics)), ["", "t-1"]);
}

#[test]
fn nobody_and_nothing() {
    for assignor in ALL {
        assert!(assignor.assign(&[], &counts(&[("t", 3)])).is_empty());
        assert_eq!(assignor.assign(&[member("a", &["u"], &[("t", 0)], 1)], &counts(&[("t", 3)])), [vec![]]);
        assert_eq!(assignor.assign(&[member("a", &["t"], &[], 1)], &counts(&[("t", -7)])), [vec![]]);
    }
}

const ALL: [Assignor; 4] =
    [Assignor::Range, Assignor::RoundRobin, Assignor::Sticky, Assignor::CooperativeSticky];
const TOPICS: [&str; 4] = ["a", "b", "c", "d"];

/// Topics, and members who own whatever they say they do.
fn groups(equal: bool) -> impl Strategy<Value = (Vec<Subscriber>, Counts)> {
    let topics = proptest::collection::vec(0..12_i32, TOPICS.len());
    let owned = proptest::collection::vec((0..TOPICS.len(), -1..14_i32), 0..20);
    let one = (1..16_usize, owned, -1..4_i32, proptest::option::weighted(0.2, 0..100_u8));
    (topics, proptest::collection::vec(one, 1..8)).prop_map(move |(topics, members)| {
        let topics: Counts =
            TOPICS.iter().zip(topics).map(|(topic, count)| ((*topic).to_owned(), count)).collect();
        let members =
            members.into_iter().enumerate().map(|(number, (wanted, owned, generation, instance))| {
                let wants = |bit: usize| equal || wanted & (1 << bit) != 0;
                Subscriber {
                    member_id: format!("member-{number}"),
                    instance_id: instance.map(|instance| format!("{instance}-{number}")),
                    topics: (0..TOPICS.len())
                        .filter(|bit| wants(*bit))
                        .map(|bit| TOPICS[bit].to_owned())
                        .collect(),
                    owned: owned.into_iter().map(|(topic, index)| partition(TOPICS[topic], index)).collect(),
                    generation,
                }
            });
        (members.collect(), topics)
    })
}

/// Members that have what an assignment gave them.
fn settled(members: &[Subscriber], assigned: &[Vec<TopicPartition>]) -> Vec<Subscriber> {
    let members = members.iter().zip(assigned);
    members
        .map(|(member, owned)| Subscriber { owned: owned.clone(), generation: 9, ..member.clone() })
        .collect()
}

fn loads(assigned: &[Vec<TopicPartition>]) -> (usize, usize) {
    let loads = assigned.iter().map(Vec::len);
    (loads.clone().min().unwrap_or(0), loads.max().unwrap_or(0))
}

proptest! {
    /// Whoever wants a topic gets its partitions: each once, and only to those who want it.
    #[test]
    fn every_partition_goes_to_one_who_wants_it((members, topics) in groups(false)) {
        for assignor in ALL {
            let assigned = assignor.assign(&members, &topics);
            let mut seen: SortedMap<TopicPartition, usize> = SortedMap::new();
            for (at, partitions) in assigned.iter().enumerate() {
                for partition in partitions {
                    prop_assert!(members[at].wants(&partition.topic));
                    prop_assert!(seen.insert(partition.clone(), at).is_none());
                }
            }
            for (topic, count) in topics.iter().filter(|(topic, _)| members.iter().any(|m| m.wants(topic))) {
                for index in 0..*count {
                    let held_back = |partition: &TopicPartition| {
                        assignor.is_cooperative() && members.iter().any(|member| member.owned.contains(partition))
                    };
                    let partition = partition(topic, index);
                    prop_assert!(seen.contains_key(&partition) || held_back(&partition), "{assignor:?} {partition}");
                }
            }
        }
    }

    #[test]
    fn among_equals_nobody_has_two_more_than_another((members, topics) in groups(true)) {
        for assignor in [Assignor::RoundRobin, Assignor::Sticky] {
            let (min, max) = loads(&assignor.assign(&members, &topics));
            prop_assert!(max <= min + 1);
        }
        for (topic, count) in topics.iter() {
            let (min, max) = loads(&Assignor::Range.assign(&members, &counts(&[(topic, *count)])));
            prop_assert!(max <= min + 1);
        }
    }

    #[test]
    fn sticky_moves_nothing_that_balance_does_not_need((members, topics) in groups(true)) {
        let first = Assignor::Sticky.assign(&members, &topics);
        let again = settled(&members, &first);
        prop_assert_eq!(&Assignor::Sticky.assign(&again, &topics), &first, "balanced is left alone");
        if again.len() < 2 {
            return Ok(());
        }
        // One goes: nobody else loses anything.
        let rest = Assignor::Sticky.assign(&again[1..], &topics);
        for (had, has) in first[1..].iter().zip(&rest) {
            prop_assert!(had.iter().all(|partition| has.contains(partition)));
        }
        // One comes: it alone gets something, and nobody gives more than the balance asks.
        let mut more = again.clone();
        more.push(Subscriber { owned: Vec::new(), member_id: "new".into(), instance_id: None, ..again[0].clone() });
        let shared = Assignor::Sticky.assign(&more, &topics);
        let (min, _) = loads(&shared);
        for (had, has) in first.iter().zip(&shared) {
            prop_assert!(has.iter().all(|partition| had.contains(partition)));
            prop_assert!(has.len() >= min.min(had.len()));
        }
    }

    /// Unequal subscriptions: nobody could give a partition to someone with two less.
    #[test]
    fn sticky_leaves_no_better_move((members, topics) in groups(false)) {
        let assigned = Assignor::Sticky.assign(&members, &topics);
        for partitions in &assigned {
            for partition in partitions {
                for (other, member) in members.iter().enumerate() {
                    prop_assert!(!member.wants(&partition.topic) || assigned[other].len() + 2 > partitions.len());
                }
            }
        }
    }

    /// Whoever reads a partition gives it back before another one gets it, and after that round everything has its reader.
    #[test]
    fn cooperative_takes_two_steps((members, topics) in groups(true)) {
        // What members say at first has to be true of somebody: a balanced start, then somebody comes.
        let start = Assignor::Sticky.assign(&members, &topics);
        let mut group = settled(&members, &start);
        group.push(Subscriber { member_id: "new".into(), owned: Vec::new(), instance_id: None, ..group[0].clone() });
        let first = Assignor::CooperativeSticky.assign(&group, &topics);
        for (at, partitions) in first.iter().enumerate() {
            for (other, member) in group.iter().enumerate() {
                prop_assert!(at == other || !partitions.iter().any(|partition| member.owned.contains(partition)));
            }
        }
        let group = settled(&group, &first);
        let second = Assignor::CooperativeSticky.assign(&group, &topics);
        let total: i32 = topics.values().sum();
        prop_assert_eq!(second.iter().map(Vec::len).sum::<usize>(), usize::try_from(total).unwrap());
        for (had, has) in first.iter().zip(&second) {
            prop_assert!(had.iter().all(|partition| has.contains(partition)), "the second step takes nothing");
        }
        let (min, max) = loads(&second);
        prop_assert!(max <= min + 1);
    }
}
