//! JoinGroup: who may join, and what it sets off.

use kafka_protocol::ResponseError;

use super::member::{Deadline, Member, PendingMember, Protocol, Waiting};
use super::{Generation, Group, GroupSettings, Phase, rebalancing};
use crate::error::ApiError;

/// How long a new member, which sends no heartbeats yet, may wait for the others (as in Kafka).
const NEW_MEMBER_TIMEOUT_MS: u64 = 5 * 60 * 1_000;

/// The wish to be a member.
#[derive(Debug)]
pub(crate) struct Join<T> {
    pub(crate) token: T,
    /// Empty if it has none yet.
    pub(crate) member_id: String,
    /// The id that it gets in that case.
    pub(crate) new_member_id: String,
    pub(crate) instance_id: Option<String>,
    pub(crate) client_id: String,
    pub(crate) client_host: String,
    pub(crate) session_timeout_ms: u64,
    pub(crate) rebalance_timeout_ms: u64,
    pub(crate) protocol_type: String,
    /// By preference.
    pub(crate) protocols: Vec<Protocol>,
    /// Whoever has no id gets one and comes again with it (KIP-394), so that a lost answer leaves no member behind.
    pub(crate) needs_member_id: bool,
    /// It can be told that there is nothing to assign (KIP-814).
    pub(crate) can_skip_assignment: bool,
}

impl<T: Copy> Group<T> {
    /// A member joins, or joins again. It is answered at once or when all have joined.
    pub(crate) fn join(&mut self, now: u64, join: Join<T>, settings: GroupSettings) {
        if let Err(error) = self.check_join(&join, settings) {
            // Nobody waits for it any more.
            self.pending.retain(|pending| pending.id != join.member_id);
            self.answer_join(join.token, &join.member_id, Err(error));
            self.advance(now);
            return;
        }
        if join.member_id.is_empty() {
            self.join_new(now, join, settings);
        } else {
            self.join_again(now, join, settings);
        }
        self.advance(now);
    }

    fn check_join(&self, join: &Join<T>, settings: GroupSettings) -> Result<(), ApiError> {
        self.check_alive()?;
        self.check_protocols(join)?;
        let known = self.position(&join.member_id);
        let replaces = join.instance_id.as_deref().and_then(|id| self.position_of_instance(id));
        let (is_in, taken) = match self.phase {
            // Those who do not join again give their place up.
            Phase::Preparing(_) => {
                let joining = self.members.iter().filter(|member| member.is_joining()).count();
                (known.is_some_and(|index| self.members[index].is_joining()), joining)
            }
            _ => (known.is_some(), self.members.len()),
        };
        let limit = settings.max_size;
        let is_pending = self.pending.iter().any(|pending| pending.id == join.member_id);
        let waits_for_id = join.member_id.is_empty() && join.instance_id.is_none() && join.needs_member_id;
        let refused = !is_in && replaces.is_none() && taken >= limit
            || waits_for_id && !is_pending && self.pending.len() >= limit;
        if refused {
            let message = format!("The group has all {limit} members that group.max.size allows.");
            return Err(ApiError::new(ResponseError::GroupMaxSizeReached, message));
        }
        Ok(())
    }

    /// All members have one protocol in common, at the least.
    fn check_protocols(&self, join: &Join<T>) -> Result<(), ApiError> {
        let inconsistent =
            |message: String| Err(ApiError::new(ResponseError::InconsistentGroupProtocol, message));
        if join.protocol_type.is_empty() || join.protocols.is_empty() {
            return inconsistent(
                "A member names the type of its protocols, and one at the least.".to_owned(),
            );
        }
        if self.members.is_empty() {
            return Ok(());
        }
        if join.protocol_type != self.protocol_type {
            return inconsistent(format!(
                "The group's protocols are of type {}, not {}.",
                self.protocol_type, join.protocol_type
            ));
        }
        let common = |protocol: &Protocol| self.members.iter().all(|member| member.supports(&protocol.name));
        if join.protocols.iter().any(common) {
            return Ok(());
        }
        inconsistent("The member has no protocol in common with all others of the group.".to_owned())
    }

    fn join_new(&mut self, now: u64, mut join: Join<T>, settings: GroupSettings) {
        join.member_id = std::mem::take(&mut join.new_member_id);
        let replaced = join.instance_id.as_deref().and_then(|id| self.position_of_instance(id));
        match replaced {
            Some(index) => self.replace_static(now, index, join, settings),
            None if join.instance_id.is_none() && join.needs_member_id => {
                self.pending.push(PendingMember {
                    id: join.member_id.clone(),
                    session_timeout_ms: join.session_timeout_ms,
                    deadline: Deadline::new(now + join.session_timeout_ms),
                });
                let message = "The member has got an id, and joins with it.";
                let error = ApiError::new(ResponseError::MemberIdRequired, message);
                self.answer_join(join.token, &join.member_id, Err(error));
            }
            None => self.add_member(now, join, settings),
        }
    }

    fn join_again(&mut self, now: u64, join: Join<T>, settings: GroupSettings) {
        if let Some(index) = self.pending.iter().position(|pending| pending.id == join.member_id) {
            self.pending.remove(index);
            self.add_member(now, join, settings);
            return;
        }
        let index = match self.known(&join.member_id, join.instance_id.as_deref()) {
            Ok(index) => index,
            Err(error) => {
                self.answer_join(join.token, &join.member_id, Err(error));
                return;
            }
        };
        let is_leader = self.is_leader(index);
        let same_protocols = self.members[index].protocols == join.protocols;
        match self.phase {
            // It may not have got the answer: it is given again.
            Phase::Completing if same_protocols => {
                let generation = self.current_generation(is_leader);
                self.members[index].heard(now);
                self.answer_join(join.token, &join.member_id, Ok(generation));
            }
            Phase::Stable if same_protocols && !is_leader => {
                let generation = self.current_generation(false);
                self.members[index].heard(now);
                self.answer_join(join.token, &join.member_id, Ok(generation));
            }
            _ => {
                self.update_member(now, index, join);
                self.rebalance(now, settings.initial_rebalance_delay_ms);
            }
        }
    }

    fn add_member(&mut self, now: u64, join: Join<T>, settings: GroupSettings) {
        if self.members.is_empty() {
            self.protocol_type = join.protocol_type;
            self.leader = None;
        }
        if let Phase::Preparing(preparing) = &mut self.phase {
            preparing.member_was_added();
        }
        self.leader.get_or_insert_with(|| join.member_id.clone());
        self.members.push(Member {
            id: join.member_id,
            instance_id: join.instance_id,
            client_id: join.client_id,
            client_host: join.client_host,
            assignment: bytes::Bytes::new(),
            session_timeout_ms: join.session_timeout_ms,
            rebalance_timeout_ms: join.rebalance_timeout_ms,
            protocols: join.protocols,
            waiting: Waiting::Join(join.token, join.can_skip_assignment),
            is_new: true,
            has_synced: false,
            deadline: Deadline::new(now + NEW_MEMBER_TIMEOUT_MS.max(join.session_timeout_ms)),
        });
        self.rebalance(now, settings.initial_rebalance_delay_ms);
    }

    /// A known member waits for the next generation, with what it says now.
    fn update_member(&mut self, now: u64, index: usize, join: Join<T>) {
        self.wait(index, Waiting::Join(join.token, join.can_skip_assignment), &rebalancing());
        let member = &mut self.members[index];
        member.protocols = join.protocols;
        member.session_timeout_ms = join.session_timeout_ms;
        member.rebalance_timeout_ms = join.rebalance_timeout_ms;
        member.client_id = join.client_id;
        member.client_host = join.client_host;
        member.heard(now);
    }

    /// A static member comes back under a new id (KIP-345). Its partitions stay with it, and if nothing else has changed the
    /// others do not notice. That is not stored anew: members are forgotten in a restart.
    fn replace_static(&mut self, now: u64, index: usize, join: Join<T>, settings: GroupSettings) {
        let was_leader = self.is_leader(index);
        let old_leader = self.leader.clone().unwrap_or_default();
        let fenced = ApiError::new(
            ResponseError::FencedInstanceId,
            format!("Another member has taken the place of instance {}.", self.instance_name(index)),
        );
        let (token, can_skip_assignment) = (join.token, join.can_skip_assignment);
        self.wait(index, Waiting::No, &fenced);
        self.members[index].id.clone_from(&join.member_id);
        if was_leader {
            self.leader = Some(join.member_id.clone());
        }
        self.update_member(now, index, join);
        let unchanged = matches!(self.phase, Phase::Stable) && self.select_protocol() == self.protocol;
        if !unchanged {
            self.rebalance(now, settings.initial_rebalance_delay_ms);
            return;
        }
        self.members[index].waiting = Waiting::No;
        let mut generation = self.current_generation(was_leader && can_skip_assignment);
        generation.skip_assignment = was_leader && can_skip_assignment;
        if !can_skip_assignment {
            // So that it does not take itself for the leader and assign partitions.
            generation.leader = old_leader;
        }
        let id = self.members[index].id.clone();
        self.answer_join(token, &id, Ok(generation));
    }

    fn instance_name(&self, index: usize) -> &str {
        self.members[index].instance_id.as_deref().unwrap_or_default()
    }

    pub(super) fn current_generation(&self, with_members: bool) -> Generation {
        Generation {
            generation: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol: self.protocol.clone(),
            leader: self.leader.clone().unwrap_or_default(),
            members: if with_members { self.joined_members() } else { Vec::new() },
            skip_assignment: false,
        }
    }
}
