//! Fetch requests and their answers.

use headwater_engine::Now;
use kafka_protocol::messages::FetchRequest;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::fetch_response::PartitionData;

use super::fetched::{self, Bounds};
use super::{Assigned, Consumer, ConsumerEvent, Kind, State};
use crate::config::IsolationLevel;
use crate::error::{ClientError, code};
use crate::metadata::Metadata;
use crate::network::{Address, Answer, Network, Owner};
use crate::wire;
use headwater_engine::sorted::SortedMap;

/// From version 13 on topics go by their ids.
const HIGHEST_VERSION: i16 = 12;

impl Consumer {
    /// Asks every leader for more, as long as there is room for it: one request a leader at a time.
    pub(super) fn send_fetches(&mut self, now: Now, id: u32, network: &mut Network, metadata: &mut Metadata) {
        if self.buffered_bytes >= self.config.max_buffered_bytes {
            return;
        }
        let due = self.by_leader(now, metadata, |partition| {
            partition.state == State::Fetching && !partition.paused && !partition.held
        });
        let owner = Owner::Consumer(id);
        for (address, epochs) in due {
            if !network.ready(&address) || self.fetches_from(&address, owner, network) {
                continue;
            }
            let request = self.fetch_request(&epochs);
            let version = network.version::<FetchRequest>(&address, HIGHEST_VERSION);
            let timeout_ms = self.client.request_timeout_ms
                + u64::try_from(self.config.fetch_max_wait_ms).unwrap_or_default();
            let tag = self.next_tag;
            let sent = version.and_then(|version| {
                network.send(now, &address, (owner, tag), &request, version, (timeout_ms, true))
            });
            self.sent(now, Kind::Fetch, epochs, sent, metadata);
        }
    }

    /// Books a request, or its failure.
    pub(super) fn sent(
        &mut self,
        now: Now,
        kind: Kind,
        epochs: Vec<u64>,
        sent: Result<(), ClientError>,
        metadata: &mut Metadata,
    ) {
        match sent {
            Ok(()) => {
                for partition in self.partitions.iter_mut().filter(|p| epochs.contains(&p.epoch)) {
                    partition.in_flight = true;
                }
                self.requests.insert(self.next_tag, (kind, epochs));
                self.next_tag += 1;
            }
            Err(error) => {
                for epoch in epochs {
                    self.trouble(now, epoch, error.clone(), metadata);
                }
            }
        }
    }

    /// Whether a fetch is under way at a leader. Two at a time would bring no more and could bring them out of order.
    fn fetches_from(&self, address: &Address, owner: Owner, network: &Network) -> bool {
        network.in_flight(address, owner) > 0
    }

    /// The partitions that `due` picks, by their leader, as far as it is known.
    pub(super) fn by_leader(
        &self,
        now: Now,
        metadata: &mut Metadata,
        due: impl Fn(&Assigned) -> bool,
    ) -> SortedMap<Address, Vec<u64>> {
        let mut by_leader: SortedMap<Address, Vec<u64>> = SortedMap::new();
        for partition in &self.partitions {
            if partition.in_flight || partition.not_before_ms > now.monotonic_ms || !due(partition) {
                continue;
            }
            let tp = &partition.topic_partition;
            if let Some(leader) = metadata.leader(now, &tp.topic, tp.partition) {
                by_leader.or_default(leader.on_lane(self.lane)).push(partition.epoch);
            }
        }
        by_leader
    }

    fn fetch_request(&mut self, epochs: &[u64]) -> FetchRequest {
        let room = self.config.max_buffered_bytes - self.buffered_bytes;
        let max_bytes = self.config.fetch_max_bytes.min(i32::try_from(room).unwrap_or(i32::MAX));
        let mut topics: SortedMap<&str, Vec<FetchPartition>> = SortedMap::new();
        for partition in self.partitions.iter().filter(|p| epochs.contains(&p.epoch)) {
            let tp = &partition.topic_partition;
            topics.or_default(&tp.topic).push(
                FetchPartition::default()
                    .with_partition(tp.partition)
                    .with_fetch_offset(partition.fetch_offset)
                    .with_partition_max_bytes(self.config.max_partition_fetch_bytes),
            );
        }
        let topics = topics.into_iter().map(|(topic, partitions)| {
            FetchTopic::default().with_topic(wire::topic_name(topic)).with_partitions(partitions)
        });
        let request = FetchRequest::default()
            .with_replica_id((-1).into())
            .with_max_wait_ms(self.config.fetch_max_wait_ms)
            .with_min_bytes(self.config.fetch_min_bytes)
            .with_max_bytes(max_bytes)
            .with_isolation_level(self.config.isolation_level.wire())
            .with_session_id(0)
            .with_session_epoch(-1)
            .with_topics(topics.collect());
        // The broker fills its answer in the order of the request: the next one begins with another partition.
        if !self.partitions.is_empty() {
            self.partitions.rotate_left(1);
        }
        request
    }

    pub(super) fn take_fetch(&mut self, now: Now, answer: Answer, epochs: &[u64], metadata: &mut Metadata) {
        let response = answer
            .decode::<FetchRequest>()
            .and_then(|response| ClientError::answered(response.error_code, None).map_or(Ok(response), Err));
        let mut response = match response {
            Ok(response) => response,
            Err(error) => {
                for epoch in epochs {
                    self.trouble(now, *epoch, error.clone(), metadata);
                }
                return;
            }
        };
        for topic in &mut response.responses {
            let name = topic.topic.as_str();
            for data in topic.partitions.drain(..) {
                let assigned = self.partitions.iter().find(|p| {
                    p.topic_partition.partition == data.partition_index && p.topic_partition.topic == name
                });
                if let Some(epoch) = assigned.map(|p| p.epoch).filter(|epoch| epochs.contains(epoch))
                    && let Err(error) = self.take_partition(epoch, data)
                {
                    self.trouble(now, epoch, error, metadata);
                }
            }
        }
    }

    fn take_partition(&mut self, epoch: u64, data: PartitionData) -> Result<(), ClientError> {
        let (check_crcs, isolation) = (self.config.check_crcs, self.config.isolation_level);
        let Some(partition) = self.by_epoch(epoch) else { return Ok(()) };
        if data.error_code == code::OFFSET_OUT_OF_RANGE {
            let message = format!(
                "Offset {} is not in {}, which begins at {}.",
                partition.fetch_offset, partition.topic_partition, data.log_start_offset
            );
            return Err(ClientError::ours(data.error_code, message));
        }
        if let Some(error) = ClientError::answered(data.error_code, None) {
            return Err(error);
        }
        let bounds = Bounds { high_watermark: data.high_watermark, log_start_offset: data.log_start_offset };
        partition.high_watermark = Some(bounds.high_watermark);
        partition.last_stable_offset = Some(data.last_stable_offset)
            .filter(|offset| isolation == IsolationLevel::ReadCommitted && *offset >= 0);
        partition.log_start_offset = Some(bounds.log_start_offset).filter(|offset| *offset >= 0);
        let bytes = data.records.unwrap_or_default();
        let from = partition.fetch_offset;
        if let Some(mut fetched) = fetched::take(&partition.topic_partition, from, bytes, bounds, check_crcs)?
        {
            if isolation == IsolationLevel::ReadCommitted {
                fetched.leave_out(data.aborted_transactions.as_deref().unwrap_or_default());
            }
            partition.fetch_offset = fetched.next_offset;
            self.buffered_bytes += fetched.size();
            self.events.push_back((epoch, ConsumerEvent::Fetched(fetched)));
        }
        Ok(())
    }
}
