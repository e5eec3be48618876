//! DescribeGroups, ListGroups and DeleteGroups.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::delete_groups_response::{DeletableGroupResult, DeleteGroupsResponse};
use kafka_protocol::messages::describe_groups_response::{
    DescribeGroupsResponse, DescribedGroup, DescribedGroupMember,
};
use kafka_protocol::messages::list_groups_response::{ListGroupsResponse, ListedGroup};
use kafka_protocol::messages::{DeleteGroupsRequest, DescribeGroupsRequest, GroupId, ListGroupsRequest};
use kafka_protocol::protocol::StrBytes;

use super::coordinators_log::CoordinatorReply;
use super::{OFFSETS_TOPIC, group_id, no_such_group, str_bytes};
use crate::broker::operations::{GROUP_OPERATIONS, operations};
use crate::broker::{Broker, Context};
use crate::error::ApiError;
use crate::group::{Group, OffsetsRecord};
use crate::sorted::{SortedMap, SortedSet};
use crate::storage_op::LogId;
use crate::time::Now;

/// The type of all groups here (KIP-848 has others).
const CLASSIC: &str = "classic";

/// DeleteGroups requests of which some group is not deleted yet.
#[derive(Debug, Default)]
pub(super) struct PendingDeletes {
    next: u64,
    pending: SortedMap<u64, PendingDelete>,
}

#[derive(Debug)]
struct PendingDelete {
    context: Context,
    response: DeleteGroupsResponse,
    waiting: usize,
}

impl Broker {
    pub(in crate::broker) fn handle_describe_groups(
        &mut self,
        context: Context,
        request: DescribeGroupsRequest,
    ) {
        let allowed = operations(request.include_authorized_operations, GROUP_OPERATIONS);
        let groups = request
            .groups
            .into_iter()
            .map(|id| self.describe_group(context, id).with_authorized_operations(allowed));
        let groups = groups.collect();
        self.respond(context, &DescribeGroupsResponse::default().with_groups(groups));
    }

    fn describe_group(&mut self, context: Context, id: GroupId) -> DescribedGroup {
        let result =
            self.group_log(&id).and_then(|_| self.groups.by_id.get(&id[..]).ok_or_else(no_such_group));
        let described = DescribedGroup::default();
        let error = match result {
            Ok(coordinated) => {
                let group = &coordinated.group;
                // Only a stable group has agreed on a protocol, and each member has its assignment.
                let protocol = group.protocol().filter(|_| group.is_stable());
                return described
                    .with_group_id(id)
                    .with_group_state(StrBytes::from_static_str(group.state()))
                    .with_protocol_type(str_bytes(group.protocol_type()))
                    .with_protocol_data(str_bytes(protocol.unwrap_or_default()))
                    .with_members(described_members(group, protocol));
            }
            Err(error) => error,
        };
        let described = described.with_group_id(id).with_group_state(StrBytes::from_static_str("Dead"));
        // Before version 6 a group that does not exist is a dead one, and no error (KIP-1043).
        if context.header.version >= 6 {
            let code = self.report.refuse(&error);
            described.with_error_code(code).with_error_message(error.text())
        } else if error.error == ResponseError::GroupIdNotFound {
            described
        } else {
            described.with_error_code(self.report.refuse(&error))
        }
    }

    pub(in crate::broker) fn handle_list_groups(&mut self, context: Context, request: &ListGroupsRequest) {
        let is_wanted = |filter: &[StrBytes], value: &str| {
            filter.is_empty() || filter.iter().any(|wanted| wanted.eq_ignore_ascii_case(value))
        };
        let mut response = ListGroupsResponse::default();
        if self.is_reading_logs_of(OFFSETS_TOPIC) {
            let message = "Groups are still being read.";
            let error = ApiError::new(ResponseError::CoordinatorLoadInProgress, message);
            response.error_code = self.report.refuse(&error);
        }
        let wanted = self.groups.by_id.iter().filter(|(_, coordinated)| {
            is_wanted(&request.states_filter, coordinated.group.state())
                && is_wanted(&request.types_filter, CLASSIC)
        });
        let listed = wanted.map(|(id, coordinated)| {
            ListedGroup::default()
                .with_group_id(group_id(id))
                .with_protocol_type(str_bytes(coordinated.group.protocol_type()))
                .with_group_state(StrBytes::from_static_str(coordinated.group.state()))
                .with_group_type(StrBytes::from_static_str(CLASSIC))
        });
        response.groups = listed.collect();
        self.respond(context, &response);
    }

    pub(in crate::broker) fn handle_delete_groups(
        &mut self,
        now: Now,
        context: Context,
        request: &DeleteGroupsRequest,
    ) {
        let delete = self.groups.deletes.next;
        self.groups.deletes.next += 1;
        let results =
            request.groups_names.iter().map(|id| DeletableGroupResult::default().with_group_id(id.clone()));
        let response = DeleteGroupsResponse::default().with_results(results.collect());
        // One more than there are groups, so that the answer is not given before all are asked for.
        let waiting = request.groups_names.len() + 1;
        self.groups.deletes.pending.insert(delete, PendingDelete { context, response, waiting });
        for (index, id) in request.groups_names.iter().enumerate() {
            match self.begin_delete(id) {
                Ok((log, records)) => {
                    let group_id = id.to_string();
                    self.store(now, log, records, CoordinatorReply::DeleteGroup { delete, index, group_id });
                }
                Err(error) => self.group_deleted(delete, index, Err(error)),
            }
        }
        self.group_deleted(delete, usize::MAX, Ok(()));
    }

    fn begin_delete(&mut self, id: &str) -> Result<(LogId, Vec<OffsetsRecord>), ApiError> {
        let log = self.group_log(id)?;
        let coordinated = self.groups.by_id.get_mut(id).ok_or_else(no_such_group)?;
        if !coordinated.group.is_empty() {
            let message = format!("Group '{id}' has members, or is being deleted.");
            return Err(ApiError::new(ResponseError::NonEmptyGroup, message));
        }
        coordinated.group.begin_delete();
        let mut records = self.deleted_offsets(id, |_, _| true);
        records.push(OffsetsRecord::Group { group_id: id.to_owned(), metadata: None });
        Ok((log, records))
    }

    /// What deletes offsets of a group, with those that are on their way to storage.
    pub(super) fn deleted_offsets(
        &self,
        id: &str,
        is_deleted: impl Fn(&str, i32) -> bool,
    ) -> Vec<OffsetsRecord> {
        let mut keys = SortedSet::new();
        if let Some(coordinated) = self.groups.by_id.get(id) {
            keys.extend(
                coordinated.committed_partitions().map(|(topic, index, _)| (topic.to_owned(), index)),
            );
            keys.extend(coordinated.unstable_partitions().cloned());
        }
        keys.extend(self.groups.changes.of_group(id).filter_map(|record| match record {
            OffsetsRecord::Offset { topic, partition, committed: Some(_), .. } => {
                Some((topic.clone(), *partition))
            }
            _ => None,
        }));
        let deleted = keys.iter().filter(|(topic, index)| is_deleted(topic, *index));
        let deleted = deleted.map(|(topic, index)| OffsetsRecord::Offset {
            group_id: id.to_owned(),
            topic: topic.clone(),
            partition: *index,
            committed: None,
        });
        deleted.collect()
    }

    /// A group of a DeleteGroups request is gone, or cannot be.
    pub(super) fn group_deleted(&mut self, delete: u64, index: usize, result: Result<(), ApiError>) {
        let code = self.code(result);
        let Some(mut pending) = self.groups.deletes.pending.remove(&delete) else {
            return;
        };
        if let Some(result) = pending.response.results.get_mut(index) {
            result.error_code = code;
        }
        pending.waiting -= 1;
        if pending.waiting == 0 {
            self.respond(pending.context, &pending.response);
        } else {
            self.groups.deletes.pending.insert(delete, pending);
        }
    }
}

fn described_members(group: &Group<Context>, protocol: Option<&str>) -> Vec<DescribedGroupMember> {
    let members = group.members().iter().map(|member| {
        let described = DescribedGroupMember::default()
            .with_member_id(str_bytes(&member.id))
            .with_group_instance_id(member.instance_id.as_deref().map(str_bytes))
            .with_client_id(str_bytes(&member.client_id))
            .with_client_host(str_bytes(&member.client_host));
        match protocol {
            Some(protocol) => described
                .with_member_metadata(member.metadata(protocol))
                .with_member_assignment(member.assignment.clone()),
            None => described,
        }
    });
    members.collect()
}
