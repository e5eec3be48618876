//! Which member of a group reads which partitions (`ConsumerPartitionAssignor`): a pure function of who is there, so that
//! every member that may be asked to assign comes to the same result, in whatever language it is written.

use headwater_engine::TopicPartition;
use headwater_engine::sorted::SortedMap;

mod sticky;

/// `partition.assignment.strategy`: how partitions are shared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Assignor {
    /// Of every topic each member gets a run of neighbouring partitions.
    Range,
    /// The partitions of all topics go round, one to each member in turn.
    RoundRobin,
    /// Balanced, and as many as can be stay where they were (KIP-54).
    Sticky,
    /// The same in two steps: what moves is given back first, and everything else is read on meanwhile (KIP-429).
    CooperativeSticky,
}

impl Assignor {
    /// The name by which members of a group agree on it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Assignor::Range => "range",
            Assignor::RoundRobin => "roundrobin",
            Assignor::Sticky => "sticky",
            Assignor::CooperativeSticky => "cooperative-sticky",
        }
    }

    /// Whether members keep reading what they keep while the group is rebalanced.
    #[must_use]
    pub fn is_cooperative(self) -> bool {
        self == Assignor::CooperativeSticky
    }

    /// Shares the partitions of `topics` (how many each has) among the members. Returns for each member, in their order,
    /// what it gets.
    pub(crate) fn assign(self, members: &[Subscriber], topics: &Counts) -> Vec<Vec<TopicPartition>> {
        match self {
            Assignor::Range => range(members, topics),
            Assignor::RoundRobin => round_robin(members, topics),
            Assignor::Sticky => sticky::assign(members, topics),
            Assignor::CooperativeSticky => sticky::assign_cooperatively(members, topics),
        }
    }
}

/// How many partitions each topic has.
pub(crate) type Counts = SortedMap<String, i32>;

/// A member, as its subscription says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Subscriber {
    pub(crate) member_id: String,
    pub(crate) instance_id: Option<String>,
    pub(crate) topics: Vec<String>,
    /// What it says that it reads.
    pub(crate) owned: Vec<TopicPartition>,
    /// As of which generation; -1: it does not say.
    pub(crate) generation: i32,
}

impl Subscriber {
    fn wants(&self, topic: &str) -> bool {
        self.topics.iter().any(|wanted| wanted == topic)
    }

    /// Static members stand before others, so that they keep their place (`AbstractPartitionAssignor.MemberInfo`).
    fn rank(&self) -> (bool, &str) {
        match &self.instance_id {
            Some(instance_id) => (false, instance_id),
            None => (true, &self.member_id),
        }
    }
}

/// The members' indices by their rank.
fn ranked(members: &[Subscriber]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..members.len()).collect();
    order.sort_by_key(|index| members[*index].rank());
    order
}

fn partition(topic: &str, partition: i32) -> TopicPartition {
    TopicPartition { topic: topic.to_owned(), partition }
}

fn range(members: &[Subscriber], topics: &Counts) -> Vec<Vec<TopicPartition>> {
    let mut assigned = vec![Vec::new(); members.len()];
    let ranked = ranked(members);
    for (topic, count) in topics.iter() {
        let takers: Vec<usize> = ranked.iter().copied().filter(|at| members[*at].wants(topic)).collect();
        let mut partitions = 0..usize::try_from(*count).unwrap_or(0);
        let all = partitions.len();
        for (number, at) in takers.iter().enumerate() {
            // The first ones get one more where it does not come out even.
            let share = all / takers.len() + usize::from(number < all % takers.len());
            let run = partitions.by_ref().take(share);
            assigned[*at].extend(run.map(|index| partition(topic, i32::try_from(index).unwrap_or(i32::MAX))));
        }
    }
    assigned
}

fn round_robin(members: &[Subscriber], topics: &Counts) -> Vec<Vec<TopicPartition>> {
    let mut assigned = vec![Vec::new(); members.len()];
    let ranked = ranked(members);
    let mut next = 0;
    for (topic, count) in topics.iter() {
        if !members.iter().any(|member| member.wants(topic)) {
            continue;
        }
        for index in 0..*count {
            // It goes on at the member after the last one, past those that do not want the topic.
            while !members[ranked[next % ranked.len()]].wants(topic) {
                next += 1;
            }
            assigned[ranked[next % ranked.len()]].push(partition(topic, index));
            next += 1;
        }
    }
    assigned
}

#[cfg(test)]
mod tests;
