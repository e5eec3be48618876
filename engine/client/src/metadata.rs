//! What the client knows of the cluster: its brokers, and who leads which partition.

use std::sync::Arc;

use headwater_engine::Now;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::MetadataResponseTopic;
use kafka_protocol::messages::{MetadataRequest, MetadataResponse};

use crate::config::ClientConfig;
use crate::error::{ClientError, code};
use crate::network::{Address, Answer, Network, Owner};
use crate::wire;
use headwater_engine::sorted::SortedMap;

/// The highest version that is used; 13 adds nothing for a client.
pub(crate) const HIGHEST_VERSION: i16 = 12;

/// A topic as the cluster last described it.
#[derive(Debug, Default)]
pub(crate) struct TopicMetadata {
    /// Why it cannot be used, if so.
    pub(crate) error: Option<ClientError>,
    /// The leader of each partition, by its index; none where there is no leader now.
    pub(crate) leaders: Vec<Option<i32>>,
    /// Whether the cluster was asked about it at all.
    pub(crate) asked: bool,
    last_used_ms: u64,
}

#[derive(Debug)]
pub(crate) struct Metadata {
    config: Arc<ClientConfig>,
    brokers: SortedMap<i32, Address>,
    controller: Option<i32>,
    topics: SortedMap<String, TopicMetadata>,
    /// Goes up with every answer that was taken in.
    version: u64,
    wanted: bool,
    in_flight: bool,
    not_before_ms: u64,
    refreshed_ms: Option<u64>,
    next_bootstrap: usize,
    driven_ms: u64,
}

impl Metadata {
    pub(crate) fn new(config: Arc<ClientConfig>) -> Metadata {
        Metadata {
            config,
            brokers: SortedMap::new(),
            controller: None,
            topics: SortedMap::new(),
            version: 0,
            wanted: false,
            in_flight: false,
            not_before_ms: 0,
            refreshed_ms: None,
            next_bootstrap: 0,
            driven_ms: 0,
        }
    }

    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// What is known of a topic. Keeps it from being forgotten, and asks for it if there is need.
    pub(crate) fn topic(&mut self, now: Now, name: &str) -> &TopicMetadata {
        let topic = self.topics.or_default(name.to_owned());
        topic.last_used_ms = now.monotonic_ms;
        if !topic.asked || topic.error.is_some() || topic.leaders.contains(&None) {
            self.wanted = true;
        }
        topic
    }

    /// How many partitions a topic has, none if it is not there; `None` as long as the cluster has not said. Keeps it
    /// from being forgotten, but does not ask again for one that is missing.
    pub(crate) fn look(&mut self, now: Now, name: &str) -> Option<i32> {
        let topic = self.topics.or_default(name.to_owned());
        topic.last_used_ms = now.monotonic_ms;
        self.wanted |= !topic.asked;
        let count = i32::try_from(topic.leaders.len()).ok();
        if topic.error.is_some() { Some(0) } else { count.filter(|count| *count > 0) }
    }

    /// Where a partition's leader is. Asks again if that is not known.
    pub(crate) fn leader(&mut self, now: Now, topic: &str, partition: i32) -> Option<&Address> {
        let known = self.topic(now, topic);
        let leader = usize::try_from(partition).ok().and_then(|i| known.leaders.get(i).copied()).flatten();
        match leader.and_then(|leader| self.brokers.get(&leader)) {
            Some(address) => Some(address),
            None => {
                self.wanted = true;
                None
            }
        }
    }

    /// All brokers of the cluster; none as long as they are not known.
    pub(crate) fn brokers(&mut self) -> Vec<Address> {
        self.wanted |= self.brokers.is_empty();
        self.brokers.values().cloned().collect()
    }

    pub(crate) fn controller(&mut self) -> Option<&Address> {
        let address = self.controller.and_then(|controller| self.brokers.get(&controller));
        self.wanted |= address.is_none();
        address
    }

    /// Has the cluster asked anew, as soon as the back-off allows.
    pub(crate) fn request_update(&mut self) {
        self.wanted = true;
    }

    /// A broker to ask what any broker can answer: a connected one before one that has to be connected.
    pub(crate) fn any_broker(&mut self, now: Now, network: &mut Network) -> Option<Address> {
        let all = || self.brokers.values().chain(&self.config.bootstrap_servers);
        if let Some(ready) = all().find(|address| network.is_ready(address)) {
            return Some(ready.clone());
        }
        let rested = all().filter(|address| !network.backing_off(now, address));
        let mut candidates: Vec<Address> = rested.cloned().collect();
        if candidates.is_empty() {
            // One of them is wanted, so that it is tried when its back-off ends.
            candidates = all().cloned().collect();
        }
        let address = candidates.get(self.next_bootstrap % candidates.len().max(1))?;
        if network.ready(address) {
            return Some(address.clone());
        }
        None
    }

    /// Sends the question if there is one and a broker to take it.
    pub(crate) fn drive(&mut self, now: Now, network: &mut Network) {
        self.driven_ms = now.monotonic_ms;
        let old =
            self.refreshed_ms.is_some_and(|at| now.monotonic_ms >= at + self.config.metadata_max_age_ms);
        if self.in_flight || !(self.wanted || old) || now.monotonic_ms < self.not_before_ms {
            return;
        }
        let Some(address) = self.any_broker(now, network) else { return };
        self.forget_idle(now);
        let names = self.topics.keys();
        let topics = names
            .map(|name| MetadataRequestTopic::default().with_name(Some(wire::topic_name(name))))
            .collect();
        let request = MetadataRequest::default()
            .with_topics(Some(topics))
            .with_allow_auto_topic_creation(self.config.allow_auto_create_topics);
        let timeout_ms = self.config.request_timeout_ms;
        let sent = network.version::<MetadataRequest>(&address, HIGHEST_VERSION).and_then(|version| {
            network.send(now, &address, (Owner::Metadata, 0), &request, version, (timeout_ms, true))
        });
        self.not_before_ms = now.monotonic_ms + self.config.retry_backoff_ms;
        match sent {
            Ok(()) => {
                self.in_flight = true;
                self.wanted = false;
                for topic in self.topics.values_mut() {
                    topic.asked = true;
                }
            }
            Err(_) => self.next_bootstrap = self.next_bootstrap.wrapping_add(1),
        }
    }

    fn forget_idle(&mut self, now: Now) {
        let max_idle_ms = self.config.metadata_max_idle_ms;
        self.topics.retain(|_, topic| topic.last_used_ms + max_idle_ms > now.monotonic_ms);
    }

    pub(crate) fn handle_answer(&mut self, now: Now, answer: Answer, network: &mut Network) {
        self.in_flight = false;
        self.not_before_ms = now.monotonic_ms + self.config.retry_backoff_ms;
        let Ok(response) = answer.decode::<MetadataRequest>() else {
            // Asked again, and of another broker.
            self.wanted = true;
            self.next_bootstrap = self.next_bootstrap.wrapping_add(1);
            return;
        };
        self.refreshed_ms = Some(now.monotonic_ms);
        self.version += 1;
        self.take_brokers(&response);
        for topic in response.topics {
            self.take_topic(&topic);
        }
        let (brokers, bootstrap) = (&self.brokers, &self.config.bootstrap_servers);
        network.retain(|address| brokers.values().any(|b| b == address) || bootstrap.contains(address));
    }

    fn take_brokers(&mut self, response: &MetadataResponse) {
        self.brokers = response
            .brokers
            .iter()
            .filter_map(|broker| {
                let port = u16::try_from(broker.port).ok()?;
                Some((broker.node_id.0, Address::new(&broker.host, port)))
            })
            .collect();
        self.controller = Some(response.controller_id.0).filter(|id| *id >= 0);
    }

    fn take_topic(&mut self, answered: &MetadataResponseTopic) {
        let Some(name) = answered.name.as_ref() else { return };
        let Some(topic) = self.topics.get_mut(name.as_str()) else { return };
        topic.error = ClientError::answered(answered.error_code, None);
        topic.leaders = leaders(answered);
        if topic.error.is_none() && topic.leaders.is_empty() {
            topic.error = Some(ClientError::ours(code::LEADER_NOT_AVAILABLE, "The topic has no partitions."));
        }
    }

    /// When [`Metadata::drive`] has something to do. What was due when it was last driven waits for a connection.
    pub(crate) fn poll_timeout(&self) -> Option<u64> {
        if self.in_flight {
            return None;
        }
        let aged = self.refreshed_ms.filter(|_| !self.topics.is_empty());
        let due = if self.wanted {
            Some(self.not_before_ms)
        } else {
            aged.map(|at| at + self.config.metadata_max_age_ms)
        };
        due.filter(|at| *at > self.driven_ms)
    }
}

/// The leader of each partition, by index. An index that is missing or out of bounds has none.
pub(crate) fn leaders(topic: &MetadataResponseTopic) -> Vec<Option<i32>> {
    // Partitions are numbered from 0 without gaps: an index beyond their count is nonsense.
    let mut leaders = vec![None; topic.partitions.len()];
    for partition in &topic.partitions {
        let slot = usize::try_from(partition.partition_index).ok().and_then(|index| leaders.get_mut(index));
        if let Some(slot) = slot {
            *slot = Some(partition.leader_id.0).filter(|leader| *leader >= 0);
        }
    }
    leaders
}
