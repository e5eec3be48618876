//! Where to begin reading, asked of the leaders (ListOffsets, KIP-79).

use headwater_engine::Now;
use kafka_protocol::messages::ListOffsetsRequest;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::list_offsets_response::ListOffsetsPartitionResponse;

use super::{Consumer, Kind, StartOffset, State};
use crate::error::ClientError;
use crate::metadata::Metadata;
use crate::network::{Answer, Network, Owner};
use crate::wire;
use headwater_engine::sorted::SortedMap;

/// Higher ones are about tiered storage.
pub(crate) const HIGHEST_VERSION: i16 = 7;

impl Consumer {
    pub(super) fn send_lookups(&mut self, now: Now, id: u32, network: &mut Network, metadata: &mut Metadata) {
        let asks_leader = |state| matches!(state, State::Lookup(start) if start != StartOffset::Committed);
        let due = self.by_leader(now, metadata, |partition| asks_leader(partition.state));
        for (address, epochs) in due {
            if !network.ready(&address) {
                continue;
            }
            let asked = self.partitions.iter().filter(|p| epochs.contains(&p.epoch)).filter_map(|p| {
                let State::Lookup(start) = p.state else { return None };
                Some((p.topic_partition.topic.as_str(), p.topic_partition.partition, start.wire()))
            });
            let request = request(asked).with_isolation_level(self.config.isolation_level.wire());
            let version = network.version::<ListOffsetsRequest>(&address, HIGHEST_VERSION);
            let (tag, timeout_ms) = (self.next_tag, self.client.request_timeout_ms);
            let sent = version.and_then(|version| {
                let owner = Owner::Consumer(id);
                network.send(now, &address, (owner, tag), &request, version, (timeout_ms, true))
            });
            self.sent(now, Kind::ListOffsets, epochs, sent, metadata);
        }
    }

    pub(super) fn take_lookup(&mut self, now: Now, answer: Answer, epochs: &[u64], metadata: &mut Metadata) {
        let response = answer.decode::<ListOffsetsRequest>();
        for epoch in epochs {
            let Some(partition) = self.by_epoch(*epoch) else { continue };
            let tp = &partition.topic_partition;
            let found = response.as_ref().map_err(Clone::clone).and_then(|response| {
                let topics = response.topics.iter().filter(|topic| topic.name.as_str() == tp.topic);
                topics
                    .flat_map(|topic| &topic.partitions)
                    .find(|answered| answered.partition_index == tp.partition)
                    .ok_or_else(|| ClientError::malformed("a partition that was asked for is not in it"))
                    .and_then(offset)
            });
            match found {
                Ok(Some(offset)) => {
                    partition.fetch_offset = offset;
                    partition.position = Some(offset);
                    partition.processed = Some(offset);
                    partition.state = State::Fetching;
                }
                Ok(None) => partition.state = State::Lookup(StartOffset::Latest),
                Err(error) => self.trouble(now, *epoch, error, metadata),
            }
        }
    }
}

/// The offset in an answer; none if there is no record of that time or later.
pub(crate) fn offset(answered: &ListOffsetsPartitionResponse) -> Result<Option<i64>, ClientError> {
    match ClientError::answered(answered.error_code, None) {
        Some(error) => Err(error),
        None => Ok(Some(answered.offset).filter(|offset| *offset >= 0)),
    }
}

/// Asks for `(topic, partition, timestamp)`.
pub(crate) fn request<'a>(asked: impl Iterator<Item = (&'a str, i32, i64)>) -> ListOffsetsRequest {
    let mut topics: SortedMap<&str, Vec<ListOffsetsPartition>> = SortedMap::new();
    for (topic, partition, timestamp) in asked {
        topics.or_default(topic).push(
            ListOffsetsPartition::default()
                .with_partition_index(partition)
                .with_current_leader_epoch(-1)
                .with_timestamp(timestamp),
        );
    }
    let topics = topics.into_iter().map(|(topic, partitions)| {
        ListOffsetsTopic::default().with_name(wire::topic_name(topic)).with_partitions(partitions)
    });
    ListOffsetsRequest::default().with_replica_id((-1).into()).with_topics(topics.collect())
}
