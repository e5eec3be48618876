//! What all brokers say, as one: each knows all topics and the figures of what it leads.

use headwater_worker_protocol::{BrokerSnapshot, ErrorCount, PartitionSnapshot, TopicSnapshot};

use super::status::Figures;

/// The last word of every broker, by node id.
#[derive(Default)]
pub(super) struct Cluster(Vec<BrokerSnapshot>);

impl Cluster {
    pub(super) fn take(&mut self, snapshot: BrokerSnapshot) {
        match self.0.binary_search_by_key(&snapshot.node_id, |known| known.node_id) {
            Ok(index) => self.0[index] = snapshot,
            Err(index) => self.0.insert(index, snapshot),
        }
    }

    pub(super) fn forget(&mut self) {
        self.0.clear();
    }

    /// All topics with all their partitions. What they are is the controller's word, which is the first to know; figures
    /// are their leaders', and nothing where a leader has not said any.
    pub(super) fn topics(&self) -> Vec<TopicSnapshot> {
        let Some(first) = self.0.first() else { return Vec::new() };
        let whole = |topic: &TopicSnapshot| {
            let figures = |(partition, leader): (usize, &i32)| {
                let partition = partition as i32;
                let unknown = PartitionSnapshot { partition, ..PartitionSnapshot::default() };
                self.partition(*leader, &topic.name, partition).unwrap_or(unknown)
            };
            TopicSnapshot {
                partitions: topic.leaders.iter().enumerate().map(figures).collect(),
                ..topic.clone()
            }
        };
        first.topics.iter().map(whole).collect()
    }

    fn partition(&self, leader: i32, topic: &str, partition: i32) -> Option<PartitionSnapshot> {
        let topics = &self.0.iter().find(|broker| broker.node_id == leader)?.topics;
        let topic = topics.iter().find(|known| known.name == topic)?;
        topic.partitions.iter().find(|known| known.partition == partition).copied()
    }

    /// How many partitions each broker leads.
    pub(super) fn led(&self) -> Vec<(i32, usize)> {
        let led = |broker: &BrokerSnapshot| broker.topics.iter().map(|topic| topic.partitions.len()).sum();
        self.0.iter().map(|broker| (broker.node_id, led(broker))).collect()
    }

    /// The figures of all brokers; `host_of` says which of them share a worker, and so its memory.
    pub(super) fn figures(&self, host_of: impl Fn(i32) -> Option<u32>) -> Option<Figures> {
        if self.0.is_empty() {
            return None;
        }
        let mut total = Figures::default();
        let mut hosts = Vec::new();
        for broker in &self.0 {
            total.requests += broker.requests;
            total.connections += broker.connections;
            total.commits += broker.commits;
            let host = host_of(broker.node_id);
            if host.is_none() || !hosts.contains(&host) {
                hosts.push(host);
                total.memory_bytes += broker.memory_bytes;
            }
        }
        Some(total)
    }

    /// How often which error was answered by any broker, and the last words of one of them.
    pub(super) fn errors(&self) -> Vec<ErrorCount> {
        let mut all: Vec<ErrorCount> = Vec::new();
        for error in self.0.iter().flat_map(|broker| &broker.errors) {
            match all.iter_mut().find(|known| known.error == error.error) {
                Some(known) => known.count += error.count,
                None => all.push(error.clone()),
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(node_id: i32, led: &[(i32, i64)], leaders: &[i32]) -> BrokerSnapshot {
        let partition = |&(partition, high_watermark): &(i32, i64)| PartitionSnapshot {
            partition,
            high_watermark,
            ..PartitionSnapshot::default()
        };
        let topic = TopicSnapshot {
            name: "topic".into(),
            leaders: leaders.to_vec(),
            partitions: led.iter().map(partition).collect(),
            configs: Vec::new(),
        };
        let error = ErrorCount {
            error: "NOT_LEADER_OR_FOLLOWER".into(),
            count: 2,
            last_message: format!("at {node_id}"),
        };
        BrokerSnapshot {
            node_id,
            topics: vec![topic],
            errors: vec![error],
            requests: 10,
            memory_bytes: 100,
            ..BrokerSnapshot::default()
        }
    }

    #[test]
    fn a_partition_has_the_figures_of_its_leader() {
        let mut cluster = Cluster::default();
        cluster.take(snapshot(1, &[(1, 11)], &[0, 1, 2]));
        cluster.take(snapshot(0, &[(0, 10)], &[0, 1, 2]));
        let ends: Vec<i64> =
            cluster.topics()[0].partitions.iter().map(|figures| figures.high_watermark).collect();
        assert_eq!(ends, [10, 11, 0], "broker 2 has not said anything");
        assert_eq!(cluster.led(), [(0, 1), (1, 1)]);
    }

    #[test]
    fn figures_are_added_and_a_shared_memory_counts_once() {
        let mut cluster = Cluster::default();
        assert_eq!(cluster.figures(|_| None), None);
        (0..3).for_each(|node_id| cluster.take(snapshot(node_id, &[], &[])));
        let total = cluster.figures(|node_id| Some(node_id as u32 % 2)).unwrap();
        assert_eq!((total.requests, total.memory_bytes), (30, 200));
        assert_eq!(cluster.errors()[0].count, 6);
    }
}
