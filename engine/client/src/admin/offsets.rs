//! Offsets of partitions, asked of their leaders and gathered; and records deleted by them.

use headwater_engine::{Now, Offset, TopicPartition};
use kafka_protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use kafka_protocol::messages::{DeleteRecordsRequest, ListOffsetsRequest};

use super::messages::To;
use super::{Admin, AdminReply, ListedOffset, OffsetSpec, Operation};
use crate::consumer::lookup;
use crate::error::{ClientError, code};
use crate::metadata::Metadata;
use crate::network::{Address, Answer, Network};
use crate::wire::topic_name;
use headwater_engine::sorted::SortedMap;

const HIGHEST_DELETE_RECORDS_VERSION: i16 = 2;

/// One partition that is asked for, and what came of it.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) topic_partition: TopicPartition,
    what: What,
    pub(super) result: Option<Result<Option<Offset>, ClientError>>,
}

/// What is asked of a partition's leader.
#[derive(Clone, Copy, Debug)]
enum What {
    Offset(OffsetSpec),
    /// To delete the records before this offset (KIP-107).
    DeleteBefore(Offset),
}

impl Asked {
    pub(super) fn new((topic_partition, spec): (TopicPartition, OffsetSpec)) -> Asked {
        Asked { topic_partition, what: What::Offset(spec), result: None }
    }

    pub(super) fn delete_before((topic_partition, offset): (TopicPartition, Offset)) -> Asked {
        Asked { topic_partition, what: What::DeleteBefore(offset), result: None }
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
        let deletes = matches!(pending.operation, Operation::DeleteRecords(_));
        let lane = if deletes { self.config.lane_of_changes() } else { 0 };
        let patient = !matches!(pending.operation, Operation::Group(_));
        let Some(asked) = asked_of_leaders(&mut pending.operation) else { return };
        if !patient {
            give_up_missing(now, asked, metadata);
        }
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
                by_leader.or_default((leader.on_lane(lane), earlier)).push(index);
            }
        }
        let timeout_ms = self.config.request_timeout_ms;
        let mut in_flight = 0;
        for ((address, _), indices) in by_leader {
            if !network.ready(&address) {
                continue;
            }
            let these = indices.iter().filter_map(|index| asked.get(*index));
            let tag = self.next_tag;
            let to = To { now, address: &address, tag, timeout_ms };
            match send(these, &to, network) {
                Ok(()) => {
                    in_flight += 1;
                    self.requests.insert(tag, (id, indices));
                    self.next_tag += 1;
                }
                Err(error) => {
                    self.finish(id, Err(error));
                    return;
                }
            }
        }
        if let Some(pending) = self.pending.get_mut(&id) {
            pending.in_flight += in_flight;
        }
    }

    /// Answers the request once every partition has its offset or an error that stays.
    pub(super) fn offsets_answered(&mut self, now: Now, id: u64, metadata: &mut Metadata) {
        let Some(pending) = self.pending.get_mut(&id) else { return };
        let in_flight = pending.in_flight;
        let Some(asked) = asked_of_leaders(&mut pending.operation).filter(|_| in_flight == 0) else { return };
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
        let reply = match &mut pending.operation {
            Operation::Group(group) => group.with_ends(offsets),
            _ => AdminReply::Offsets(offsets),
        };
        self.finish(id, Ok(reply));
    }
}

fn asked_of_leaders(operation: &mut Operation) -> Option<&mut Vec<Asked>> {
    match operation {
        Operation::ListOffsets(asked) | Operation::DeleteRecords(asked) => Some(asked),
        Operation::Group(group) => group.asked_of_leaders(),
        _ => None,
    }
}

/// A group may have committed offsets of partitions that are gone: these are not waited for.
fn give_up_missing(now: Now, asked: &mut [Asked], metadata: &mut Metadata) {
    for asked in asked.iter_mut().filter(|asked| asked.is_open()) {
        let TopicPartition { topic, partition } = &asked.topic_partition;
        if metadata.look(now, topic).is_some_and(|count| *partition >= count) {
            let gone = ClientError::kafka(code::UNKNOWN_TOPIC_OR_PARTITION, None);
            asked.result = Some(Err(ClientError { retriable: false, ..gone }));
        }
    }
}

/// Asks one leader.
fn send<'a>(
    asked: impl Iterator<Item = &'a Asked>,
    to: &To<'_>,
    network: &mut Network,
) -> Result<(), ClientError> {
    let (mut listed, mut deleted) = (Vec::new(), SortedMap::<&str, Vec<DeleteRecordsPartition>>::new());
    for asked in asked {
        let TopicPartition { topic, partition } = &asked.topic_partition;
        match asked.what {
            What::Offset(spec) => listed.push((topic.as_str(), *partition, spec.wire())),
            What::DeleteBefore(offset) => deleted
                .or_default(topic)
                .push(DeleteRecordsPartition::default().with_partition_index(*partition).with_offset(offset)),
        }
    }
    if deleted.is_empty() {
        return to.send(&lookup::request(listed.into_iter()), lookup::HIGHEST_VERSION, network);
    }
    let topics = deleted.into_iter().map(|(topic, partitions)| {
        DeleteRecordsTopic::default().with_name(topic_name(topic)).with_partitions(partitions)
    });
    let request = DeleteRecordsRequest::default().with_topics(topics.collect()).with_timeout_ms(to.timeout());
    to.send(&request, HIGHEST_DELETE_RECORDS_VERSION, network)
}

/// Enters an answer for the partitions it was asked for.
pub(super) fn take(asked: &mut [Asked], indices: &[usize], answer: Answer) {
    let deletes = indices.first().and_then(|index| asked.get(*index));
    if deletes.is_some_and(|asked| matches!(asked.what, What::DeleteBefore(_))) {
        return take_deleted(asked, indices, answer);
    }
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

fn take_deleted(asked: &mut [Asked], indices: &[usize], answer: Answer) {
    let response = answer.decode::<DeleteRecordsRequest>();
    for index in indices {
        let Some(asked) = asked.get_mut(*index) else { continue };
        let tp = &asked.topic_partition;
        let result = response.as_ref().map_err(Clone::clone).and_then(|response| {
            let topics = response.topics.iter().filter(|topic| topic.name.as_str() == tp.topic);
            let answered =
                topics.flat_map(|topic| &topic.partitions).find(|p| p.partition_index == tp.partition);
            let answered = answered
                .ok_or_else(|| ClientError::malformed("a partition whose records were to go is not in it"))?;
            match ClientError::answered(answered.error_code, None) {
                Some(error) => Err(error),
                None => Ok(Some(answered.low_watermark).filter(|offset| *offset >= 0)),
            }
        });
        asked.result = Some(result);
    }
}
