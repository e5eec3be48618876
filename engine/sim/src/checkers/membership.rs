//! Who has which partitions: of one generation of a group, no two members have the same, and none reads what it was not
//! given.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use headwater_engine::TopicPartition;
use kafka_protocol::messages::{ApiKey, ConsumerProtocolAssignment, SyncGroupRequest, SyncGroupResponse};
use kafka_protocol::protocol::Decodable;

use super::Asked;
use crate::actors::raw;

#[derive(Debug, Default)]
pub(crate) struct Membership {
    /// By group and generation: whose each partition is. Of the coordinator that is there now: the next one may count
    /// generations anew.
    owners: BTreeMap<(String, i32), BTreeMap<TopicPartition, String>>,
    /// By group and member, whose names are never given twice: what it was told last, and before that.
    assigned: BTreeMap<(String, String), [BTreeSet<TopicPartition>; 2]>,
}

impl Membership {
    /// A member is told its share.
    pub(crate) fn sync_answered(&mut self, asked: &Asked, frame: &Bytes) -> Result<(), String> {
        let (api, version) = (ApiKey::SyncGroup, asked.version);
        let request = raw::decode_request::<SyncGroupRequest>(api, version, asked.frame.clone());
        let answer = raw::response::<SyncGroupResponse>(api, version, frame.clone());
        let (Some(request), Some((_, answer))) = (request, answer) else { return Ok(()) };
        if answer.error_code != 0 {
            return Ok(());
        }
        let (group, member) = (request.group_id.to_string(), request.member_id.to_string());
        let assigned = assignment(answer.assignment).ok_or("an assignment cannot be read")?;
        // A static member that comes back has another name, and the place of the one before it (KIP-345).
        let place = request.group_instance_id.map_or_else(|| member.clone(), |instance| instance.to_string());
        let owners = self.owners.entry((group.clone(), request.generation_id)).or_default();
        for topic_partition in &assigned {
            let owner = owners.entry(topic_partition.clone()).or_insert_with(|| place.clone());
            if *owner != place {
                return Err(format!(
                    "{topic_partition} belongs to {owner} and to {member} in generation {} of {group}",
                    request.generation_id
                ));
            }
        }
        let of_member = self.assigned.entry((group, member)).or_default();
        // What it is told now is still under way to it.
        *of_member = [assigned, std::mem::take(&mut of_member[0])];
        Ok(())
    }

    /// A member was given records of a partition.
    pub(crate) fn reads(
        &self,
        group: &str,
        member: &str,
        topic_partition: &TopicPartition,
    ) -> Result<(), String> {
        let assigned = self.assigned.get(&(group.to_owned(), member.to_owned()));
        if assigned.into_iter().flatten().any(|assigned| assigned.contains(topic_partition)) {
            return Ok(());
        }
        Err(format!("{member} of {group} reads {topic_partition}, and was given {assigned:?}"))
    }

    /// The coordinator is gone.
    pub(crate) fn forget_generations(&mut self) {
        self.owners.clear();
    }
}

fn assignment(mut bytes: Bytes) -> Option<BTreeSet<TopicPartition>> {
    if bytes.is_empty() {
        return Some(BTreeSet::new());
    }
    let version = i16::from_be_bytes(bytes.get(..2)?.try_into().ok()?);
    let mut body = bytes.split_off(2);
    let assignment = ConsumerProtocolAssignment::decode(&mut body, version.clamp(0, 3)).ok()?;
    let of_topic = |topic: kafka_protocol::messages::consumer_protocol_assignment::TopicPartition| {
        let name = topic.topic.to_string();
        let of = move |partition| TopicPartition { topic: name.clone(), partition };
        topic.partitions.into_iter().map(of)
    };
    Some(assignment.assigned_partitions.into_iter().flat_map(of_topic).collect())
}
