//! OffsetCommit and OffsetDelete: what a group has read, and that it shall be forgotten.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::offset_commit_response::{
    OffsetCommitResponse, OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use kafka_protocol::messages::offset_delete_response::{
    OffsetDeleteResponse, OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
};
use kafka_protocol::messages::{OffsetCommitRequest, OffsetDeleteRequest};
use kafka_protocol::protocol::StrBytes;

use super::coordinators_log::CoordinatorReply;
use super::{check_group_id, no_such_group};
use crate::broker::{Broker, Context};
use crate::error::ApiError;
use crate::fields::MAX_TEXT;
use crate::group::{CONSUMER, Committed, OffsetsRecord};
use crate::storage_op::LogId;
use crate::time::Now;
use crate::types::Offset;

/// What is to be committed for a partition.
pub(super) struct Wanted {
    pub(super) partition: i32,
    pub(super) offset: Offset,
    pub(super) leader_epoch: i32,
    pub(super) metadata: Option<StrBytes>,
    /// How long it is to be kept, for clients that say so.
    pub(super) retention_ms: Option<i64>,
}

impl Broker {
    pub(in crate::broker) fn handle_offset_commit(
        &mut self,
        now: Now,
        context: Context,
        request: OffsetCommitRequest,
    ) {
        let checked = self.check_commit(now, &request);
        let mut response = OffsetCommitResponse::default();
        let mut records = Vec::new();
        let retention_ms = Some(request.retention_time_ms).filter(|&ms| ms >= 0);
        for topic in request.topics {
            let mut answer = OffsetCommitResponseTopic::default().with_name(topic.name.clone());
            for partition in topic.partitions {
                let index = partition.partition_index;
                let wanted = Wanted {
                    partition: index,
                    offset: partition.committed_offset,
                    leader_epoch: partition.committed_leader_epoch,
                    metadata: partition.committed_metadata,
                    retention_ms,
                };
                let error_code =
                    self.plan_record(now, &checked, &request.group_id, &topic.name, wanted, &mut records);
                answer.partitions.push(
                    OffsetCommitResponsePartition::default()
                        .with_partition_index(index)
                        .with_error_code(error_code),
                );
            }
            response.topics.push(answer);
        }
        match checked {
            Ok(log) if !records.is_empty() => {
                self.store(now, log, records, CoordinatorReply::Commit(context, response));
            }
            _ => self.respond(context, &response),
        }
        self.group_moved(now, &request.group_id);
    }

    /// The record of one partition's commit, if it may be made; the error code to answer.
    pub(super) fn plan_record(
        &mut self,
        now: Now,
        checked: &Result<LogId, ApiError>,
        group_id: &str,
        topic: &str,
        wanted: Wanted,
        records: &mut Vec<OffsetsRecord>,
    ) -> i16 {
        let partition = wanted.partition;
        let planned = match checked {
            Ok(_) => self.plan_commit(now, topic, wanted),
            Err(error) => Err(error.clone()),
        };
        match planned {
            Ok(committed) => {
                records.push(OffsetsRecord::Offset {
                    group_id: group_id.to_owned(),
                    topic: topic.to_owned(),
                    partition,
                    committed: Some(committed),
                });
                0
            }
            Err(error) => self.report.refuse(&error),
        }
    }

    /// Whether whoever asks may commit for the group; where to.
    fn check_commit(&mut self, now: Now, request: &OffsetCommitRequest) -> Result<LogId, ApiError> {
        check_group_id(&request.group_id)?;
        let log = self.group_log(&request.group_id)?;
        let generation = request.generation_id_or_member_epoch;
        match self.groups.by_id.get_mut(&request.group_id[..]) {
            Some(coordinated) => coordinated.group.check_commit(
                now.monotonic_ms,
                &request.member_id,
                request.group_instance_id.as_deref(),
                generation,
            )?,
            None if generation >= 0 => {
                let message = "The group has no such generation; it is not known here.";
                return Err(ApiError::new(ResponseError::IllegalGeneration, message));
            }
            None => self.groups.check_room()?,
        }
        Ok(log)
    }

    fn plan_commit(&self, now: Now, topic: &str, wanted: Wanted) -> Result<Committed, ApiError> {
        let index = wanted.partition;
        if self.topics.by_name(topic).and_then(|topic| topic.assignment(index)).is_none() {
            let message = format!("There is no partition {topic}-{index}.");
            return Err(ApiError::new(ResponseError::UnknownTopicOrPartition, message));
        }
        let metadata = wanted.metadata.map(|text| text.to_string()).unwrap_or_default();
        let limit = self.config.offset_metadata_max_bytes().min(MAX_TEXT);
        if metadata.len() > limit {
            let message = format!(
                "{} bytes of metadata are more than the {limit} that offset.metadata.max.bytes allows.",
                metadata.len()
            );
            return Err(ApiError::new(ResponseError::OffsetMetadataTooLarge, message));
        }
        Ok(Committed {
            offset: wanted.offset,
            leader_epoch: wanted.leader_epoch,
            metadata,
            commit_timestamp: now.wall_ms,
            expire_timestamp: wanted.retention_ms.map(|ms| now.wall_ms.saturating_add(ms)),
        })
    }

    pub(in crate::broker) fn handle_offset_delete(
        &mut self,
        now: Now,
        context: Context,
        request: OffsetDeleteRequest,
    ) {
        let (log, subscribed) = match self.check_offset_delete(&request.group_id) {
            Ok(checked) => checked,
            Err(error) => {
                let code = self.report.refuse(&error);
                self.respond(context, &OffsetDeleteResponse::default().with_error_code(code));
                return;
            }
        };
        let mut response = OffsetDeleteResponse::default();
        let mut records = Vec::new();
        for topic in request.topics {
            let mut answer = OffsetDeleteResponseTopic::default().with_name(topic.name.clone());
            for partition in topic.partitions {
                let index = partition.partition_index;
                let result = self.check_deletable(&topic.name, index, &subscribed);
                let error_code = match result {
                    Ok(()) => {
                        records.push(OffsetsRecord::Offset {
                            group_id: request.group_id.to_string(),
                            topic: topic.name.to_string(),
                            partition: index,
                            committed: None,
                        });
                        0
                    }
                    Err(error) => self.report.refuse(&error),
                };
                answer.partitions.push(
                    OffsetDeleteResponsePartition::default()
                        .with_partition_index(index)
                        .with_error_code(error_code),
                );
            }
            response.topics.push(answer);
        }
        if records.is_empty() {
            self.respond(context, &response);
        } else {
            self.store(now, log, records, CoordinatorReply::OffsetDelete(context, response));
        }
    }

    /// Whether offsets of a group may be deleted; and the topics that its members read.
    fn check_offset_delete(&self, group_id: &str) -> Result<(LogId, Vec<String>), ApiError> {
        let log = self.group_log(group_id)?;
        let group = &self.groups.by_id.get(group_id).ok_or_else(no_such_group)?.group;
        if group.members().is_empty() && !group.is_dead() {
            return Ok((log, Vec::new()));
        }
        if group.protocol_type() == CONSUMER
            && let Some(subscribed) = group.subscribed_topics()
        {
            return Ok((log, subscribed));
        }
        let message = "The group has members, of which it is not known what they read.";
        Err(ApiError::new(ResponseError::NonEmptyGroup, message))
    }

    fn check_deletable(&self, topic: &str, index: i32, subscribed: &[String]) -> Result<(), ApiError> {
        if subscribed.iter().any(|name| name == topic) {
            let message = format!("Members of the group read topic '{topic}'.");
            return Err(ApiError::new(ResponseError::GroupSubscribedToTopic, message));
        }
        if self.topics.by_name(topic).and_then(|topic| topic.assignment(index)).is_none() {
            let message = format!("There is no partition {topic}-{index}.");
            return Err(ApiError::new(ResponseError::UnknownTopicOrPartition, message));
        }
        Ok(())
    }
}
