//! Saying that one is alive, and leaving.

use headwater_engine::Now;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::{GroupId, HeartbeatRequest, LeaveGroupRequest};

use super::coordinator::Meaning;
use super::{Around, Asked, Member, Phase};
use crate::consumer::{Consumer, ConsumerEvent};
use crate::error::ClientError;
use crate::network::Answer;
use crate::wire::text;

const HIGHEST_HEARTBEAT_VERSION: i16 = 4;
const HIGHEST_LEAVE_VERSION: i16 = 5;

impl Member {
    pub(super) fn send_heartbeat(&mut self, around: &mut Around<'_>) {
        let due = around.now.monotonic_ms >= self.heartbeat_due_ms;
        if !matches!(self.phase, Phase::Stable)
            || !due
            || self.asks(|asked| matches!(asked, Asked::Heartbeat(_)))
        {
            return;
        }
        self.heartbeat_due_ms = around.now.monotonic_ms + self.config.heartbeat_interval_ms;
        let request = HeartbeatRequest::default()
            .with_group_id(self.group_id())
            .with_generation_id(self.generation)
            .with_member_id(text(&self.member_id))
            .with_group_instance_id(self.instance_id());
        self.send(around, Asked::Heartbeat(self.generation), &request, HIGHEST_HEARTBEAT_VERSION, 0);
    }

    pub(super) fn take_heartbeat(
        &mut self,
        now: Now,
        answer: Answer,
        generation: i32,
        consumer: &mut Consumer,
    ) {
        let response = answer.decode::<HeartbeatRequest>();
        let error = match response {
            Ok(response) => ClientError::answered(response.error_code, None),
            Err(error) => Some(error),
        };
        // An answer to an earlier generation says nothing of this one.
        let Some(error) = error.filter(|_| generation == self.generation) else { return };
        if self.take_error(now, &error, generation, consumer) == Meaning::Never {
            self.fail(error, consumer);
        }
    }

    /// An application that does not poll for long does not read either: others are to have its partitions (KIP-62).
    pub(super) fn watch_polls(&mut self, around: &mut Around<'_>) {
        if std::mem::take(&mut self.polled) {
            self.polled_ms = around.now.monotonic_ms;
            if matches!(self.phase, Phase::Stalled) {
                self.phase = Phase::Joining(None);
            }
            return;
        }
        let active = !matches!(self.phase, Phase::Idle | Phase::Failed | Phase::Stalled | Phase::Leaving(_));
        if active
            && around.now.monotonic_ms >= self.polled_ms.saturating_add(self.config.max_poll_interval_ms)
        {
            if self.coordinator.as_ref().is_some_and(|address| around.network.ready(address)) {
                self.send_leave_request(around);
            }
            self.lose(self.config.group_instance_id.is_some(), around.consumer);
            self.phase = Phase::Stalled;
        }
    }

    /// Whether there is nobody who could leave. A static member keeps its place for its successor, until its session ends
    /// (KIP-345).
    fn just_goes(&self) -> bool {
        self.config.group_instance_id.is_some() || self.member_id.is_empty()
    }

    fn send_leave_request(&mut self, around: &mut Around<'_>) -> Option<u64> {
        if self.just_goes() {
            return None;
        }
        let address = self.coordinator.as_ref()?;
        let version = around.network.version::<LeaveGroupRequest>(address, HIGHEST_LEAVE_VERSION);
        let request = LeaveGroupRequest::default().with_group_id(self.group_id());
        let request = if version.is_ok_and(|version| version >= 3) {
            request.with_members(vec![MemberIdentity::default().with_member_id(text(&self.member_id))])
        } else {
            request.with_member_id(text(&self.member_id))
        };
        self.send(around, Asked::Leave, &request, HIGHEST_LEAVE_VERSION, 0)
    }

    pub(super) fn send_leave(&mut self, around: &mut Around<'_>) {
        if matches!(self.phase, Phase::Leaving(None))
            && let Some(tag) = self.send_leave_request(around)
        {
            self.phase = Phase::Leaving(Some(tag));
        }
    }

    /// Whatever the coordinator says: somebody who is not known to it has left too.
    pub(super) fn take_leave(&mut self, tag: u64) {
        if matches!(self.phase, Phase::Leaving(Some(sent)) if sent == tag) {
            self.left();
        }
    }

    pub(super) fn left(&mut self) {
        self.member_id.clear();
        self.generation = -1;
        self.assignor = None;
        self.led = None;
        let Some(end) = self.end.take() else {
            // It has subscribed to something else meanwhile.
            self.phase = Phase::Joining(None);
            return;
        };
        self.phase = Phase::Idle;
        self.topics.clear();
        self.joined_topics.clear();
        if end.close {
            self.events.push_back(ConsumerEvent::Closed);
        }
    }

    /// Ends where there is nothing to give back, or where it takes too long.
    pub(super) fn end_at_last(&mut self, around: &mut Around<'_>) {
        let Some(end) = self.end else { return };
        if around.now.monotonic_ms >= end.deadline_ms {
            self.lose(false, around.consumer);
            return self.left();
        }
        match self.phase {
            Phase::Idle
                if self.commits.is_empty() && !self.asks(|asked| matches!(asked, Asked::Commit(..))) =>
            {
                self.left()
            }
            Phase::Failed | Phase::Stalled => self.left(),
            Phase::Joining(_) | Phase::Assigning(..) | Phase::Syncing(..) if self.owned.is_empty() => {
                self.phase = Phase::Leaving(None);
            }
            Phase::Leaving(None) if self.just_goes() => self.left(),
            _ => {}
        }
    }

    pub(super) fn asks(&self, about: impl Fn(&Asked) -> bool) -> bool {
        self.requests.values().any(about)
    }

    pub(super) fn group_id(&self) -> GroupId {
        GroupId(text(&self.config.group_id))
    }

    pub(super) fn instance_id(&self) -> Option<kafka_protocol::protocol::StrBytes> {
        self.config.group_instance_id.as_deref().map(text)
    }
}
