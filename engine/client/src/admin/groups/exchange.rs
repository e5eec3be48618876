//! What the coordinator of a group is asked, and its answers.

use headwater_engine::sorted::SortedMap;
use headwater_engine::{Offset, TopicPartition};
use kafka_protocol::messages::offset_delete_request::{
    OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use kafka_protocol::messages::{
    DeleteGroupsRequest, DescribeGroupsRequest, GroupId, OffsetCommitRequest, OffsetDeleteRequest,
    OffsetFetchRequest,
};

use super::{GroupDescription, GroupMember, GroupOperation, Step, What};
use crate::admin::messages::To;
use crate::admin::offsets::Asked;
use crate::admin::{AdminReply, OffsetSpec};
use crate::error::{ClientError, code};
use crate::group::offsets::{HIGHEST_COMMIT_VERSION, HIGHEST_FETCH_VERSION, topics_to_commit};
use crate::group::protocol;
use crate::network::{Address, Answer, Network};
use crate::wire::{text, topic_name};

const HIGHEST_DESCRIBE_VERSION: i16 = 5;
const HIGHEST_DELETE_VERSION: i16 = 2;

impl GroupOperation {
    pub(super) fn send(&self, to: &To<'_>, network: &mut Network) -> Result<(), ClientError> {
        let group_id = GroupId(text(&self.group_id));
        match &self.what {
            What::Describe => {
                let request = DescribeGroupsRequest::default().with_groups(vec![group_id]);
                to.send(&request, HIGHEST_DESCRIBE_VERSION, network)
            }
            What::Delete => {
                let request = DeleteGroupsRequest::default().with_groups_names(vec![group_id]);
                to.send(&request, HIGHEST_DELETE_VERSION, network)
            }
            What::Offsets { .. } => {
                let request = OffsetFetchRequest::default().with_group_id(group_id).with_topics(None);
                to.send(&request, HIGHEST_FETCH_VERSION, network)
            }
            What::SetOffsets(offsets) => {
                // As nobody: that is taken only of a group that has no members.
                let request = OffsetCommitRequest::default()
                    .with_group_id(group_id)
                    .with_generation_id_or_member_epoch(-1)
                    .with_topics(topics_to_commit(offsets));
                to.send(&request, HIGHEST_COMMIT_VERSION, network)
            }
            What::DeleteOffsets(partitions) => {
                let mut topics: SortedMap<&str, Vec<OffsetDeleteRequestPartition>> = SortedMap::new();
                for TopicPartition { topic, partition } in partitions {
                    let partition = OffsetDeleteRequestPartition::default().with_partition_index(*partition);
                    topics.or_default(topic).push(partition);
                }
                let topics = topics.into_iter().map(|(topic, partitions)| {
                    OffsetDeleteRequestTopic::default()
                        .with_name(topic_name(topic))
                        .with_partitions(partitions)
                });
                let request =
                    OffsetDeleteRequest::default().with_group_id(group_id).with_topics(topics.collect());
                to.send(&request, 0, network)
            }
        }
    }

    pub(super) fn take_content(&mut self, answer: Answer, coordinator: Address) -> Result<Step, ClientError> {
        match &mut self.what {
            What::Describe => described(answer, coordinator).map(Step::Reply),
            What::Delete => {
                let response = answer.decode::<DeleteGroupsRequest>()?;
                let result = response.results.first();
                let result =
                    result.ok_or_else(|| ClientError::malformed("the group to be deleted is not in it"))?;
                match ClientError::answered(result.error_code, None) {
                    Some(error) => Err(error),
                    None => Ok(Step::Reply(AdminReply::Done)),
                }
            }
            What::Offsets { committed, ends } => {
                let offsets = all_committed(answer)?;
                *ends = offsets.iter().map(|(tp, ..)| Asked::new((tp.clone(), OffsetSpec::Latest))).collect();
                *committed = Some(offsets);
                Ok(Step::Next)
            }
            What::SetOffsets(offsets) => {
                let response = answer.decode::<OffsetCommitRequest>()?;
                let asked = offsets.iter().map(|offset| &offset.topic_partition);
                partitions(asked, |tp| {
                    let topics = response.topics.iter().filter(|topic| topic.name.as_str() == tp.topic);
                    let mut answered = topics.flat_map(|topic| &topic.partitions);
                    answered.find(|p| p.partition_index == tp.partition).map(|p| p.error_code)
                })
            }
            What::DeleteOffsets(asked) => {
                let response = answer.decode::<OffsetDeleteRequest>()?;
                if let Some(error) = ClientError::answered(response.error_code, None) {
                    return Err(error);
                }
                partitions(asked.iter(), |tp| {
                    let topics = response.topics.iter().filter(|topic| topic.name.as_str() == tp.topic);
                    let mut answered = topics.flat_map(|topic| &topic.partitions);
                    answered.find(|p| p.partition_index == tp.partition).map(|p| p.error_code)
                })
            }
        }
    }
}

/// What became of each partition. What concerns all of them and may pass is an error of the whole.
fn partitions<'a>(
    asked: impl Iterator<Item = &'a TopicPartition>,
    code_of: impl Fn(&TopicPartition) -> Option<i16>,
) -> Result<Step, ClientError> {
    let mut results = Vec::new();
    for topic_partition in asked {
        let code = code_of(topic_partition)
            .ok_or_else(|| ClientError::malformed("a partition that was to be changed is not in it"))?;
        let result = match code {
            code::NONE => Ok(()),
            code::COORDINATOR_LOAD_IN_PROGRESS | code::COORDINATOR_NOT_AVAILABLE | code::NOT_COORDINATOR => {
                return Err(ClientError::kafka(code, None));
            }
            code::UNKNOWN_MEMBER_ID => {
                let message = "The group has members: its offsets can be changed when it has none.";
                Err(ClientError::ours(code, message))
            }
            code => Err(ClientError::kafka(code, None)),
        };
        results.push((topic_partition.clone(), result));
    }
    Ok(Step::Reply(AdminReply::Partitions(results)))
}

fn described(answer: Answer, coordinator: Address) -> Result<AdminReply, ClientError> {
    let response = answer.decode::<DescribeGroupsRequest>()?;
    let Some(group) = response.groups.into_iter().next() else {
        return Err(ClientError::malformed("the group that was asked for is not in it"));
    };
    if let Some(error) = ClientError::answered(group.error_code, group.error_message.as_deref()) {
        return Err(error);
    }
    let members = group.members.iter().map(|member| GroupMember {
        member_id: member.member_id.to_string(),
        instance_id: member.group_instance_id.as_ref().map(ToString::to_string),
        client_id: member.client_id.to_string(),
        client_host: member.client_host.to_string(),
        // A group of another kind says it in another way.
        assigned: protocol::read_assignment(&member.member_assignment).unwrap_or_default(),
    });
    Ok(AdminReply::Group(GroupDescription {
        group_id: group.group_id.to_string(),
        state: group.group_state.to_string(),
        assignor: group.protocol_data.to_string(),
        coordinator,
        members: members.collect(),
    }))
}

/// Everything that a group has committed.
fn all_committed(answer: Answer) -> Result<Vec<(TopicPartition, Offset, String)>, ClientError> {
    let response = answer.decode::<OffsetFetchRequest>()?;
    if let Some(error) = ClientError::answered(response.error_code, None) {
        return Err(error);
    }
    let mut committed = Vec::new();
    for topic in &response.topics {
        for partition in &topic.partitions {
            if let Some(error) = ClientError::answered(partition.error_code, None) {
                return Err(error);
            }
            if partition.committed_offset >= 0 {
                let topic_partition =
                    TopicPartition { topic: topic.name.to_string(), partition: partition.partition_index };
                let metadata = partition.metadata.as_ref().map_or_else(String::new, ToString::to_string);
                committed.push((topic_partition, partition.committed_offset, metadata));
            }
        }
    }
    committed.sort_unstable();
    Ok(committed)
}
