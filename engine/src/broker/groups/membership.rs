//! JoinGroup, SyncGroup, Heartbeat and LeaveGroup, and the time-outs of members.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::join_group_response::{JoinGroupResponse, JoinGroupResponseMember};
use kafka_protocol::messages::leave_group_response::{LeaveGroupResponse, MemberResponse};
use kafka_protocol::messages::sync_group_response::SyncGroupResponse;
use kafka_protocol::messages::{
    HeartbeatRequest, HeartbeatResponse, JoinGroupRequest, LeaveGroupRequest, SyncGroupRequest,
};
use kafka_protocol::protocol::StrBytes;

use super::{Coordinated, check_group_id, str_bytes};
use crate::broker::{Broker, Context};
use crate::error::ApiError;
use crate::fields::MAX_TEXT;
use crate::group::{Assignment, Generation, Join, Output, Protocol, Sync};
use crate::time::Now;

/// The longest instance id, as in Kafka.
const MAX_INSTANCE_ID: usize = 249;

/// A time-out that is handled later than this, in ms, was not looked at because the whole process stood still.
const LATE_MS: u64 = 1_000;

impl Broker {
    pub(in crate::broker) fn handle_join_group(
        &mut self,
        now: Now,
        context: Context,
        request: JoinGroupRequest,
        client_id: &str,
    ) {
        let group_id = request.group_id.clone();
        let member_id = request.member_id.clone();
        if let Err(error) = self.start_join(now, context, request, client_id) {
            self.answer_join(context, &member_id, Err(error));
        }
        self.group_moved(now, &group_id);
    }

    fn start_join(
        &mut self,
        now: Now,
        context: Context,
        request: JoinGroupRequest,
        client_id: &str,
    ) -> Result<(), ApiError> {
        self.check_join(&request)?;
        let log = self.group_log(&request.group_id)?;
        let version = context.header.version;
        let prefix = request.group_instance_id.as_deref().unwrap_or(client_id);
        let join = Join {
            token: context,
            member_id: request.member_id.to_string(),
            new_member_id: format!("{prefix}-{}", self.random.uuid()),
            instance_id: request.group_instance_id.as_ref().map(ToString::to_string),
            client_id: client_id.to_owned(),
            // What a host is, whoever carries the frames knows; here a client is its connection.
            client_host: format!("connection-{}", context.connection.0),
            session_timeout_ms: to_ms(request.session_timeout_ms),
            // Version 0 has one time-out for both, and who leaves it out later means the same: within no time nobody joins.
            rebalance_timeout_ms: match request.rebalance_timeout_ms {
                given @ 1.. if version > 0 => to_ms(given),
                _ => to_ms(request.session_timeout_ms),
            },
            protocol_type: request.protocol_type.to_string(),
            protocols: request
                .protocols
                .into_iter()
                .map(|protocol| Protocol { name: protocol.name.to_string(), metadata: protocol.metadata })
                .collect(),
            needs_member_id: version >= 4,
            can_skip_assignment: version >= 9,
        };
        let is_known = self.groups.by_id.contains_key(&request.group_id[..]);
        if !is_known && !join.member_id.is_empty() {
            return Err(unknown_member());
        }
        let settings = self.config.group_settings();
        let coordinated = self.groups.or_make(log, &request.group_id)?;
        coordinated.group.join(now.monotonic_ms, join, settings);
        Ok(())
    }

    fn check_join(&self, request: &JoinGroupRequest) -> Result<(), ApiError> {
        if request.group_id.is_empty() {
            return Err(ApiError::new(ResponseError::InvalidGroupId, "A group's id is not empty."));
        }
        check_group_id(&request.group_id)?;
        let too_long = |text: &str, limit| text.len() > limit;
        if request.group_instance_id.as_ref().is_some_and(|id| too_long(id, MAX_INSTANCE_ID) || id.is_empty())
            || too_long(&request.member_id, MAX_TEXT)
            || too_long(&request.protocol_type, MAX_TEXT)
            || request.protocols.iter().any(|protocol| too_long(&protocol.name, MAX_TEXT))
        {
            let message = "A name in the request is empty or too long.";
            return Err(ApiError::new(ResponseError::InvalidRequest, message));
        }
        let allowed = self.config.group_session_timeouts_ms();
        if !allowed.contains(&i64::from(request.session_timeout_ms)) {
            let message = format!(
                "A session time-out of {} ms is not within group.min.session.timeout.ms and group.max.session.timeout.ms ({} to {}).",
                request.session_timeout_ms,
                allowed.start(),
                allowed.end()
            );
            return Err(ApiError::new(ResponseError::InvalidSessionTimeout, message));
        }
        Ok(())
    }

    pub(in crate::broker) fn handle_sync_group(
        &mut self,
        now: Now,
        context: Context,
        request: SyncGroupRequest,
    ) {
        let group_id = request.group_id.clone();
        let sync = Sync {
            token: context,
            member_id: request.member_id.to_string(),
            instance_id: request.group_instance_id.map(|id| id.to_string()),
            generation: request.generation_id,
            protocol_type: request.protocol_type.map(|text| text.to_string()),
            protocol: request.protocol_name.map(|text| text.to_string()),
            assignments: request
                .assignments
                .into_iter()
                .map(|assigned| (assigned.member_id.to_string(), assigned.assignment))
                .collect(),
        };
        match self.known_group(&group_id) {
            Ok(coordinated) => coordinated.group.sync(now.monotonic_ms, sync),
            Err(error) => self.answer_sync(context, Err(error)),
        }
        self.group_moved(now, &group_id);
    }

    pub(in crate::broker) fn handle_heartbeat(
        &mut self,
        now: Now,
        context: Context,
        request: &HeartbeatRequest,
    ) {
        let result = self.known_group(&request.group_id).and_then(|coordinated| {
            let instance_id = request.group_instance_id.as_deref();
            let group = &mut coordinated.group;
            group.heartbeat(now.monotonic_ms, &request.member_id, instance_id, request.generation_id)
        });
        let code = self.code(result);
        self.respond(context, &HeartbeatResponse::default().with_error_code(code));
        self.group_moved(now, &request.group_id);
    }

    pub(in crate::broker) fn handle_leave_group(
        &mut self,
        now: Now,
        context: Context,
        request: LeaveGroupRequest,
    ) {
        let mut response = LeaveGroupResponse::default();
        if context.header.version < 3 {
            let result = self.leave(now, &request.group_id, &request.member_id, None);
            response.error_code = self.code(result);
        } else if let Err(error) = self.group_log(&request.group_id) {
            response.error_code = self.report.refuse(&error);
        } else {
            for member in request.members {
                let instance_id = member.group_instance_id.as_deref();
                let result = self.leave(now, &request.group_id, &member.member_id, instance_id);
                let left = MemberResponse::default()
                    .with_error_code(self.code(result))
                    .with_member_id(member.member_id)
                    .with_group_instance_id(member.group_instance_id);
                response.members.push(left);
            }
        }
        self.respond(context, &response);
        self.group_moved(now, &request.group_id);
    }

    fn leave(
        &mut self,
        now: Now,
        group_id: &str,
        member_id: &str,
        instance_id: Option<&str>,
    ) -> Result<(), ApiError> {
        self.known_group(group_id)?.group.leave(now.monotonic_ms, member_id, instance_id)
    }

    /// A group that has members, or had some.
    fn known_group(&mut self, group_id: &str) -> Result<&mut Coordinated, ApiError> {
        self.group_log(group_id)?;
        self.groups.by_id.get_mut(group_id).map(|group| &mut **group).ok_or_else(unknown_member)
    }

    pub(in crate::broker) fn code(&mut self, result: Result<(), ApiError>) -> i16 {
        result.map_or_else(|error| self.report.refuse(&error), |()| 0)
    }

    /// Carries out what a group wants after something has happened to it.
    pub(super) fn group_moved(&mut self, now: Now, group_id: &str) {
        while let Some(coordinated) = self.groups.by_id.get_mut(group_id) {
            let Some(output) = coordinated.group.poll_output() else {
                let due = coordinated.group.next_due();
                self.groups.next_due = [due, self.groups.next_due].into_iter().flatten().min();
                return;
            };
            match output {
                Output::Joined { token, member_id, result } => self.answer_join(token, &member_id, result),
                Output::Synced { token, result } => self.answer_sync(token, result),
                Output::Store(metadata) => {
                    coordinated.empty_since = metadata.members.is_empty().then_some(now.wall_ms);
                    let (members, generation) = (metadata.members.len(), metadata.generation);
                    let message =
                        format!("Group {group_id} has {members} members in generation {generation}.");
                    let args = vec![
                        ("group", group_id.to_owned()),
                        ("generation", generation.to_string()),
                        ("members", members.to_string()),
                    ];
                    self.report.tell(false, "group-rebalanced", args, message);
                    self.store_generation(now, group_id, metadata);
                }
            }
        }
    }

    fn answer_join(&mut self, context: Context, member_id: &str, result: Result<Generation, ApiError>) {
        let version = context.header.version;
        // Before version 7 no protocol is an empty one.
        let name = |protocol: Option<String>| match protocol {
            None if version < 7 => Some(StrBytes::default()),
            protocol => protocol.map(StrBytes::from_string),
        };
        let response = JoinGroupResponse::default().with_member_id(str_bytes(member_id));
        let response = match result {
            Ok(joined) => response
                .with_generation_id(joined.generation)
                .with_protocol_type(Some(StrBytes::from_string(joined.protocol_type)))
                .with_protocol_name(name(joined.protocol))
                .with_leader(StrBytes::from_string(joined.leader))
                .with_skip_assignment(joined.skip_assignment)
                .with_members(
                    joined
                        .members
                        .into_iter()
                        .map(|member| {
                            JoinGroupResponseMember::default()
                                .with_member_id(StrBytes::from_string(member.id))
                                .with_group_instance_id(member.instance_id.map(StrBytes::from_string))
                                .with_metadata(member.metadata)
                        })
                        .collect(),
                ),
            Err(error) => response
                .with_error_code(self.report.refuse(&error))
                .with_generation_id(-1)
                .with_protocol_type(None)
                .with_protocol_name(name(None)),
        };
        self.respond(context, &response);
    }

    fn answer_sync(&mut self, context: Context, result: Result<Assignment, ApiError>) {
        let response = match result {
            Ok(assigned) => SyncGroupResponse::default()
                .with_protocol_type(Some(StrBytes::from_string(assigned.protocol_type)))
                .with_protocol_name(assigned.protocol.map(StrBytes::from_string))
                .with_assignment(assigned.assignment),
            Err(error) => SyncGroupResponse::default().with_error_code(self.report.refuse(&error)),
        };
        self.respond(context, &response);
    }

    /// When a group has something to do; it may turn out that it has not.
    pub(in crate::broker) fn next_group_due(&self) -> Option<u64> {
        self.groups.next_due
    }

    /// Has the groups do what time has come for.
    pub(in crate::broker) fn handle_group_timeouts(&mut self, now: Now) {
        let Some(due) = self.groups.next_due.filter(|&due| due <= now.monotonic_ms) else {
            return;
        };
        if self.holds_requests_back() {
            // What members have sent may be among them.
            self.groups.next_due = Some(now.monotonic_ms + LATE_MS);
            return;
        }
        let late = now.monotonic_ms - due > LATE_MS;
        let is_due = |coordinated: &Coordinated| {
            coordinated.group.next_due().is_some_and(|due| due <= now.monotonic_ms)
        };
        let due = self.groups.by_id.iter().filter(|(_, coordinated)| is_due(coordinated));
        let due: Vec<String> = due.map(|(id, _)| id.clone()).collect();
        for group_id in due {
            if let Some(coordinated) = self.groups.by_id.get_mut(&group_id[..]) {
                coordinated.group.handle_timeout(now.monotonic_ms, late);
            }
            self.group_moved(now, &group_id);
        }
        let left = self.groups.by_id.values().filter_map(|coordinated| coordinated.group.next_due());
        self.groups.next_due = left.min();
    }
}

fn unknown_member() -> ApiError {
    ApiError::new(ResponseError::UnknownMemberId, "The group has no such member; it may join again.")
}

fn to_ms(timeout_ms: i32) -> u64 {
    u64::from(timeout_ms.max(0).unsigned_abs())
}
