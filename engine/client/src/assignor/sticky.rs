//! Balanced, with as few moves as that takes. Kafka's `AbstractStickyAssignor` promises the same; the way to it is our own.

use headwater_engine::TopicPartition;
use headwater_engine::sorted::SortedMap;

use super::{Counts, Subscriber, partition, ranked};

pub(super) fn assign(members: &[Subscriber], topics: &Counts) -> Vec<Vec<TopicPartition>> {
    let mut shares = Shares::new(members, topics);
    shares.keep(topics);
    shares.hand_out(topics);
    shares.balance();
    shares.into_assigned()
}

/// The first of two steps where something moves: nobody gets what another member has not given back yet. That member joins
/// again when it has, and the next assignment hands it out.
pub(super) fn assign_cooperatively(members: &[Subscriber], topics: &Counts) -> Vec<Vec<TopicPartition>> {
    let mut assigned = assign(members, topics);
    for (at, partitions) in assigned.iter_mut().enumerate() {
        partitions.retain(|partition| {
            let elsewhere =
                |(other, member): (usize, &Subscriber)| other != at && member.owned.contains(partition);
            !members.iter().enumerate().any(elsewhere)
        });
    }
    assigned
}

/// By topic, the partitions that a member has.
type Share = SortedMap<String, Vec<i32>>;

struct Shares<'a> {
    members: &'a [Subscriber],
    ranked: Vec<usize>,
    shares: Vec<Share>,
    loads: Vec<usize>,
    /// What has been given to somebody.
    taken: SortedMap<String, Vec<bool>>,
}

impl<'a> Shares<'a> {
    fn new(members: &'a [Subscriber], topics: &Counts) -> Shares<'a> {
        let taken = topics
            .iter()
            .map(|(topic, count)| (topic.clone(), vec![false; usize::try_from(*count).unwrap_or(0)]));
        Shares {
            members,
            ranked: ranked(members),
            shares: vec![Share::new(); members.len()],
            loads: vec![0; members.len()],
            taken: taken.collect(),
        }
    }

    fn give(&mut self, at: usize, topic: &str, index: i32) {
        self.shares[at].or_default(topic.to_owned()).push(index);
        self.loads[at] += 1;
        let taken = self.taken.get_mut(topic);
        if let Some(taken) = taken.and_then(|taken| taken.get_mut(usize::try_from(index).ok()?)) {
            *taken = true;
        }
    }

    /// Everybody keeps what it has. Of two who say they have the same, the one who knows a later generation is right, and
    /// neither if they know the same.
    fn keep(&mut self, topics: &Counts) {
        let mut claims: SortedMap<&TopicPartition, (i32, Option<usize>)> = SortedMap::new();
        for at in self.ranked.clone() {
            let member = &self.members[at];
            for owned in &member.owned {
                let exists =
                    topics.get(&owned.topic).is_some_and(|count| (0..*count).contains(&owned.partition));
                if !exists || !member.wants(&owned.topic) {
                    continue;
                }
                let claim = claims.or_insert_with(owned, || (i32::MIN, None));
                if member.generation > claim.0 {
                    *claim = (member.generation, Some(at));
                } else if member.generation == claim.0 && claim.1 != Some(at) {
                    claim.1 = None;
                }
            }
        }
        for (claimed, (_, owner)) in claims.iter() {
            if let Some(at) = owner {
                self.give(*at, &claimed.topic, claimed.partition);
            }
        }
    }

    /// What nobody has goes to whoever has least of those who want it; first what fewest want.
    fn hand_out(&mut self, topics: &Counts) {
        let mut order: Vec<(usize, &String)> = topics
            .iter()
            .map(|(topic, _)| (self.members.iter().filter(|member| member.wants(topic)).count(), topic))
            .collect();
        order.sort_unstable();
        for (_, topic) in order {
            let free = self.taken.get(topic).into_iter().flatten().enumerate().filter(|(_, taken)| !**taken);
            let free: Vec<i32> = free.filter_map(|(index, _)| i32::try_from(index).ok()).collect();
            for index in free {
                if let Some(at) = self.least_loaded(topic) {
                    self.give(at, topic, index);
                }
            }
        }
    }

    fn least_loaded(&self, topic: &str) -> Option<usize> {
        let takers = self.ranked.iter().copied().filter(|at| self.members[*at].wants(topic));
        takers.min_by_key(|at| self.loads[*at])
    }

    /// Moves one partition at a time from whoever has most to somebody who has at least two less, until there is none. Every
    /// move makes the sum of the squares of the loads smaller, so it ends.
    fn balance(&mut self) {
        loop {
            let mut heaviest = self.ranked.clone();
            heaviest.sort_by_key(|at| std::cmp::Reverse(self.loads[*at]));
            let Some((from, topic, to)) = heaviest.into_iter().find_map(|from| self.best_move(from)) else {
                return;
            };
            if let Some(index) = self.shares[from].get_mut(&topic).and_then(Vec::pop) {
                self.loads[from] -= 1;
                self.give(to, &topic, index);
            }
        }
    }

    /// From this member, the topic of the partition and the member to give it to.
    fn best_move(&self, from: usize) -> Option<(usize, String, usize)> {
        let topics = self.shares[from].iter().filter(|(_, indices)| !indices.is_empty());
        let moves = topics.filter_map(|(topic, _)| Some((topic, self.least_loaded(topic)?)));
        let (topic, to) = moves.min_by_key(|(_, to)| self.loads[*to])?;
        (self.loads[to] + 2 <= self.loads[from]).then(|| (from, topic.clone(), to))
    }

    fn into_assigned(self) -> Vec<Vec<TopicPartition>> {
        let listed = |share: Share| {
            let mut partitions = Vec::new();
            for (topic, mut indices) in share {
                indices.sort_unstable();
                partitions.extend(indices.into_iter().map(|index| partition(&topic, index)));
            }
            partitions
        };
        self.shares.into_iter().map(listed).collect()
    }
}
