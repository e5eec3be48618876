//! OffsetFetch: how far groups have read.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponse, OffsetFetchResponseGroup, OffsetFetchResponsePartition,
    OffsetFetchResponsePartitions, OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use kafka_protocol::messages::{OffsetFetchRequest, TopicName};
use kafka_protocol::protocol::StrBytes;

use super::{Coordinated, str_bytes};
use crate::broker::{Broker, Context};
use crate::group::Committed;
use crate::sorted::{SortedMap, SortedSet};

/// From this version on a request names several groups (KIP-709).
const FIRST_BATCHED_VERSION: i16 = 8;
/// From this version on there is an error for a group as a whole.
const FIRST_VERSION_WITH_ERROR: i16 = 2;

impl Broker {
    pub(in crate::broker) fn handle_offset_fetch(&mut self, context: Context, request: OffsetFetchRequest) {
        let version = context.header.version;
        let mut response = OffsetFetchResponse::default();
        if version >= FIRST_BATCHED_VERSION {
            for group in request.groups {
                response.groups.push(self.fetch_offsets(&group, request.require_stable));
            }
        } else {
            let topics = request.topics.map(|topics| {
                let topics = topics.into_iter().map(|topic| {
                    OffsetFetchRequestTopics::default()
                        .with_name(topic.name)
                        .with_partition_indexes(topic.partition_indexes)
                });
                topics.collect::<Vec<_>>()
            });
            let asked = topics.clone().unwrap_or_default();
            let group =
                OffsetFetchRequestGroup::default().with_group_id(request.group_id).with_topics(topics);
            let mut fetched = self.fetch_offsets(&group, request.require_stable);
            response.error_code = fetched.error_code;
            if version < FIRST_VERSION_WITH_ERROR && fetched.error_code != 0 {
                fetched.topics = asked.into_iter().map(|topic| answer(topic, None, false)).collect();
            }
            let code = fetched.error_code;
            response.topics = fetched.topics.into_iter().map(|topic| before_version_8(topic, code)).collect();
        }
        self.respond(context, &response);
    }

    fn fetch_offsets(&mut self, asked: &OffsetFetchRequestGroup, stable: bool) -> OffsetFetchResponseGroup {
        let response = OffsetFetchResponseGroup::default().with_group_id(asked.group_id.clone());
        if let Err(error) = self.group_log(&asked.group_id) {
            return response.with_error_code(self.report.refuse(&error));
        }
        let coordinated = self.groups.by_id.get(&asked.group_id[..]).map(|coordinated| &**coordinated);
        let topics = match &asked.topics {
            Some(topics) => topics.iter().map(|topic| answer(topic.clone(), coordinated, stable)).collect(),
            None => coordinated.map(|group| all_offsets(group, stable)).unwrap_or_default(),
        };
        response.with_topics(topics)
    }
}

fn all_offsets(coordinated: &Coordinated, stable: bool) -> Vec<OffsetFetchResponseTopics> {
    let mut topics: SortedMap<&str, SortedSet<i32>> = SortedMap::new();
    for (topic, partition, _) in coordinated.committed_partitions() {
        topics.or_default(topic).insert(partition);
    }
    for (topic, partition) in coordinated.unstable_partitions().filter(|_| stable) {
        topics.or_default(topic).insert(*partition);
    }
    let topics = topics.iter().map(|(topic, indexes)| {
        OffsetFetchRequestTopics::default()
            .with_name(TopicName(str_bytes(topic)))
            .with_partition_indexes(indexes.iter().copied().collect())
    });
    topics.map(|topic| answer(topic, Some(coordinated), stable)).collect()
}

fn answer(
    asked: OffsetFetchRequestTopics,
    coordinated: Option<&Coordinated>,
    stable: bool,
) -> OffsetFetchResponseTopics {
    let partitions = asked.partition_indexes.iter().map(|&index| {
        if stable && coordinated.is_some_and(|group| group.is_unstable(&asked.name, index)) {
            // Whoever asks shall ask again when the transaction has ended.
            return partition(index, None).with_error_code(ResponseError::UnstableOffsetCommit.code());
        }
        partition(index, coordinated.and_then(|coordinated| coordinated.committed(&asked.name, index)))
    });
    let partitions = partitions.collect();
    OffsetFetchResponseTopics::default().with_name(asked.name).with_partitions(partitions)
}

/// Offset -1 says that nothing is committed.
fn partition(index: i32, committed: Option<&Committed>) -> OffsetFetchResponsePartitions {
    let answer = OffsetFetchResponsePartitions::default().with_partition_index(index);
    match committed {
        Some(committed) => answer
            .with_committed_offset(committed.offset)
            .with_committed_leader_epoch(committed.leader_epoch)
            .with_metadata(Some(str_bytes(&committed.metadata))),
        None => answer
            .with_committed_offset(-1)
            .with_committed_leader_epoch(-1)
            .with_metadata(Some(StrBytes::default())),
    }
}

fn before_version_8(topic: OffsetFetchResponseTopics, error_code: i16) -> OffsetFetchResponseTopic {
    let partitions = topic.partitions.into_iter().map(|partition| {
        let error_code = if error_code == 0 { partition.error_code } else { error_code };
        OffsetFetchResponsePartition::default()
            .with_partition_index(partition.partition_index)
            .with_committed_offset(partition.committed_offset)
            .with_committed_leader_epoch(partition.committed_leader_epoch)
            .with_metadata(partition.metadata)
            .with_error_code(error_code)
    });
    OffsetFetchResponseTopic::default().with_name(topic.name).with_partitions(partitions.collect())
}
