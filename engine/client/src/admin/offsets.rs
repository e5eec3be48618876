//! Offsets of partitions, asked of their leaders and gathered.

use headwater_engine::{Now, Offset, TopicPartition};
use kafka_protocol::messages::ListOffsetsRequest;

use super::{Admin, AdminReply, ListedOffset, OffsetSpec, Operation};
use crate::consumer::lookup;
use crate::error::ClientError;
use crate::metadata::Metadata;
use crate::network::{Address, Answer, Network};
use headwater_engine::sorted::SortedMap;

/// One partition that is asked for, and what came of it.
#[derive(Debug)]
pub(super) struct Asked {
    topic_partition: TopicPartition,
    spec: OffsetSpec,
    result: Option<Result<Option<Offset>, ClientError>>,
}

impl Asked {
    pub(super) fn new((topic_partition, spec): (TopicPartition, OffsetSpec)) -> Asked {
        Asked { topic_partition, spec, result: None }
    }

    /// Whether it has to be asked (again).
    fn is_open(&self) -> bool {
        self.result.as_ref().is_none_or(|result| result.as_ref().is_err_and(|error| error.retriable))
    }
}

impl Admin {
    /// Asks every leader for its partitions.
    pub(super) fn send_offsets(&mut self, now: Now, id: u64, network: &mut Network, metadata: &mut Metadata) {
        let Some(pending) = self.pending.get_mut(&id) else { return };
        let Operation::ListOffsets(asked) = &pending.operation else { return };
        if !asked.iter().any(Asked::is_open) {
            self.offsets_answered(now, id, metadata);
            return;
        }
        // A request names a partition once, so what is asked of it a second time goes in a second request.
        let mut by_leader: SortedMap<(Address, usize), Vec<usize>> = SortedMap::new();
        for (index, open) in asked.iter().enumerate().filter(|(_, asked)| asked.is_open()) {
            let tp = &open.topic_partition;
            if let Some(leader) = metadata.leader(now, &tp.topic, tp.partition) {
                let same = |asked: &&Asked| asked.is_open() && asked.topic_partition == *tp;
                let earlier = asked.iter().take(index).filter(same).count();
                by_leader.or_default((leader.clone(), earlier)).push(index);
            }
        }
        let timeout_ms = self.config.request_timeout_ms;
        for ((address, _), indices) in by_leader {
            if !network.ready(&address) {
                continue;
            }
            let these = indices.iter().filter_map(|index| asked.get(*index)).map(|asked| {
                let tp = &asked.topic_partition;
                (tp.topic.as_str(), tp.partition, asked.spec.wire())
            });
            let request = lookup::request(these);
            let tag = self.next_tag;
            let version = network.version::<ListOffsetsRequest>(&address, lookup::HIGHEST_VERSION);
            let sent = version.and_then(|version| {
                network.send(now, &address, Admin::owner(tag), &request, version, (timeout_ms, true))
            });
            match sent {
                Ok(()) => {
                    pending.in_flight += 1;
                    self.requests.insert(tag, (id, indices));
                    self.next_tag += 1;
                }
                Err(error) => {
                    self.finish(id, Err(error));
                    return;
                }
            }
        }
    }

    /// Answers the request once every partition has its offset or an error that stays.
    pub(super) fn offsets_answered(&mut self, now: Now, id: u64, metadata: &mut Metadata) {
        let Some(pending) = self.pending.get_mut(&id) else { return };
        let Operation::ListOffsets(asked) = &mut pending.operation else { return };
        if pending.in_flight > 0 {
            return;
        }
        if asked.iter().any(Asked::is_open) {
            let error = asked.iter().find_map(|asked| asked.result.as_ref()?.as_ref().err()).cloned();
            if let Some(error) = error {
                metadata.request_update();
                self.again(now, id, error);
            }
            return;
        }
        let offsets = asked.drain(..).map(|asked| ListedOffset {
            topic_partition: asked.topic_partition,
            result: asked.result.unwrap_or(Ok(None)),
        });
        let offsets = offsets.collect();
        self.finish(id, Ok(AdminReply::Offsets(offsets)));
    }
}

/// Enters an answer for the partitions it was asked for.
pub(super) fn take(asked: &mut [Asked], indices: &[usize], answer: Answer) {
    let response = answer.decode::<ListOffsetsRequest>();
    for index in indices {
        let Some(asked) = asked.get_mut(*index) else { continue };
        let tp = &asked.topic_partition;
        let result = response.as_ref().map_err(Clone::clone).and_then(|response| {
            let topics = response.topics.iter().filter(|topic| topic.name.as_str() == tp.topic);
            topics
                .flat_map(|topic| &topic.partitions)
                .find(|answered| answered.partition_index == tp.partition)
                .ok_or_else(|| ClientError::malformed("a partition that was asked for is not in it"))
                .and_then(lookup::offset)
        });
        asked.result = Some(result);
    }
}
