//! Where the coordinator is, requests to it, and what its errors mean to a member.

use headwater_engine::Now;
use kafka_protocol::messages::FindCoordinatorRequest;
use kafka_protocol::protocol::Request;

use super::{Around, Asked, Member, Phase};
use crate::consumer::Consumer;
use crate::error::{ClientError, code};
use crate::network::{Address, Answer, Owner};
use crate::wire;

/// From version 4 on several groups are asked about at once (KIP-699).
pub(crate) const HIGHEST_FIND_VERSION: i16 = 3;

/// No request is waited for any longer, whatever the settings say.
const LONGEST_MS: u64 = 1 << 40;

/// What an error means to a request of a member.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Meaning {
    /// The same may work later, perhaps elsewhere.
    Later,
    /// The group is being rebalanced, or has gone on without this member.
    NotNow,
    /// It cannot work.
    Never,
}

impl Member {
    pub(super) fn find_coordinator(&mut self, around: &mut Around<'_>) {
        let idle = matches!(self.phase, Phase::Idle | Phase::Failed | Phase::Stalled);
        let wanted = !idle || !self.commits.is_empty() || around.consumer.awaits_committed();
        let now = around.now;
        if self.coordinator.is_some() || self.finding || !wanted || now.monotonic_ms < self.not_before_ms {
            return;
        }
        let Some(address) = around.metadata.any_broker(now, around.network) else { return };
        let request = find_request(&self.config.group_id);
        match self.send_to(&address, around, Asked::Coordinator, &request, HIGHEST_FIND_VERSION, 0) {
            Ok(()) => self.finding = true,
            Err(error) => self.fail(error, around.consumer),
        }
    }

    pub(super) fn take_coordinator(&mut self, now: Now, answer: Answer, consumer: &mut Consumer) {
        self.finding = false;
        match found(answer) {
            Ok(address) => self.coordinator = Some(address.on_lane(self.lane)),
            Err(error) => {
                self.back_off(now);
                if !error.retriable {
                    self.fail(error, consumer);
                }
            }
        }
    }

    /// Sends a request to the coordinator. Returns its tag.
    pub(super) fn send<R: Request>(
        &mut self,
        around: &mut Around<'_>,
        asked: Asked,
        request: &R,
        highest: i16,
        extra_ms: u64,
    ) -> Option<u64> {
        let address = self.coordinator.clone()?;
        match self.send_to(&address, around, asked, request, highest, extra_ms) {
            Ok(()) => Some(self.next_tag - 1),
            Err(error) => {
                self.fail(error, around.consumer);
                None
            }
        }
    }

    fn send_to<R: Request>(
        &mut self,
        address: &Address,
        around: &mut Around<'_>,
        asked: Asked,
        request: &R,
        highest: i16,
        extra_ms: u64,
    ) -> Result<(), ClientError> {
        let tag = self.next_tag;
        let owner = (Owner::Member(around.id), tag);
        let timeout_ms = self.client.request_timeout_ms.saturating_add(extra_ms).min(LONGEST_MS);
        let version = around.network.version::<R>(address, highest)?;
        around.network.send(around.now, address, owner, request, version, (timeout_ms, true))?;
        self.next_tag += 1;
        self.requests.insert(tag, asked);
        Ok(())
    }

    pub(super) fn back_off(&mut self, now: Now) {
        self.not_before_ms = now.monotonic_ms + self.client.retry_backoff_ms;
    }

    /// Takes in an error of the coordinator to a request of this generation, for all that it means to the membership.
    pub(super) fn take_error(
        &mut self,
        now: Now,
        error: &ClientError,
        generation: i32,
        consumer: &mut Consumer,
    ) -> Meaning {
        match error.code {
            Some(code::COORDINATOR_LOAD_IN_PROGRESS) => {
                self.back_off(now);
                Meaning::Later
            }
            Some(
                code::COORDINATOR_NOT_AVAILABLE
                | code::NOT_COORDINATOR
                | code::NETWORK_EXCEPTION
                | code::REQUEST_TIMED_OUT,
            ) => {
                self.coordinator = None;
                self.back_off(now);
                Meaning::Later
            }
            Some(code::REBALANCE_IN_PROGRESS) => {
                self.rejoin |= matches!(self.phase, Phase::Stable);
                Meaning::NotNow
            }
            // It was about a generation that has passed.
            Some(code::ILLEGAL_GENERATION | code::UNKNOWN_MEMBER_ID) if generation != self.generation => {
                Meaning::NotNow
            }
            Some(code::ILLEGAL_GENERATION) => {
                self.lose(true, consumer);
                Meaning::NotNow
            }
            Some(code::UNKNOWN_MEMBER_ID) => {
                self.lose(false, consumer);
                Meaning::NotNow
            }
            _ if error.retriable => {
                self.back_off(now);
                Meaning::Later
            }
            _ => Meaning::Never,
        }
    }
}

pub(crate) fn find_request(group: &str) -> FindCoordinatorRequest {
    FindCoordinatorRequest::default().with_key(wire::text(group)).with_key_type(0)
}

/// The same for a transactional id (KIP-98).
pub(crate) fn find_transaction_request(transactional_id: &str) -> FindCoordinatorRequest {
    FindCoordinatorRequest::default().with_key(wire::text(transactional_id)).with_key_type(1)
}

/// Where a group's coordinator is, on the shared lane.
pub(crate) fn found(answer: Answer) -> Result<Address, ClientError> {
    let response = answer.decode::<FindCoordinatorRequest>()?;
    if let Some(error) = ClientError::answered(response.error_code, response.error_message.as_deref()) {
        return Err(error);
    }
    match u16::try_from(response.port) {
        Ok(port) if !response.host.is_empty() => Ok(Address::new(&response.host, port)),
        _ => Err(ClientError::malformed("the coordinator in it has no address")),
    }
}
