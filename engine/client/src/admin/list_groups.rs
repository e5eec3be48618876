//! All groups of the cluster: every broker knows those that it coordinates.

use headwater_engine::Now;
use kafka_protocol::messages::ListGroupsRequest;

use super::messages::To;
use super::{Admin, AdminReply, AdminRequestId, Operation};
use crate::error::ClientError;
use crate::metadata::Metadata;
use crate::network::{Address, Answer, Network};

/// From version 5 on there are groups of several types (KIP-848).
const HIGHEST_LIST_VERSION: i16 = 4;

/// A group, as its coordinator lists it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupListing {
    /// Its name.
    pub group_id: String,
    /// What it is for: "consumer", or empty for one that has offsets only.
    pub protocol_type: String,
    /// Its state by Kafka's name; empty where the broker does not tell.
    pub state: String,
}

/// A broker that is asked for its groups.
#[derive(Debug)]
pub(super) struct ListedBroker {
    address: Address,
    asked: bool,
    groups: Option<Vec<GroupListing>>,
    error: Option<ClientError>,
}

impl Admin {
    pub(crate) fn list_groups(&mut self, now: Now) -> AdminRequestId {
        self.submit(now, Operation::ListGroups(Vec::new()))
    }

    /// Asks every broker for the groups that it coordinates.
    pub(super) fn send_list_groups(
        &mut self,
        now: Now,
        id: u64,
        network: &mut Network,
        metadata: &mut Metadata,
    ) {
        let Some(pending) = self.pending.get_mut(&id) else { return };
        let Operation::ListGroups(brokers) = &mut pending.operation else { return };
        if brokers.is_empty() {
            let all = metadata.brokers().into_iter();
            *brokers = all
                .map(|address| ListedBroker { address, asked: false, groups: None, error: None })
                .collect();
        }
        let mut failed = None;
        for (index, broker) in brokers.iter_mut().enumerate() {
            if broker.asked || broker.groups.is_some() || !network.ready(&broker.address) {
                continue;
            }
            let tag = self.next_tag;
            let to = To { now, address: &broker.address, tag, timeout_ms: self.config.request_timeout_ms };
            match to.send(&ListGroupsRequest::default(), HIGHEST_LIST_VERSION, network) {
                Ok(()) => {
                    broker.asked = true;
                    pending.in_flight += 1;
                    self.requests.insert(tag, (id, vec![index]));
                    self.next_tag += 1;
                }
                Err(error) => failed = Some(error),
            }
        }
        if let Some(error) = failed {
            self.finish(id, Err(error));
        }
    }

    /// Ends it once every broker has answered.
    pub(super) fn groups_listed(&mut self, now: Now, id: u64) {
        let Some(pending) = self.pending.get_mut(&id) else { return };
        let Operation::ListGroups(brokers) = &mut pending.operation else { return };
        if let Some(error) = brokers.iter_mut().find_map(|broker| broker.error.take()) {
            if error.retriable {
                self.again(now, id, error);
            } else {
                self.finish(id, Err(error));
            }
            return;
        }
        if brokers.iter().all(|broker| broker.groups.is_some()) {
            let mut groups: Vec<GroupListing> =
                brokers.iter_mut().filter_map(|broker| broker.groups.take()).flatten().collect();
            groups.sort_unstable_by(|a, b| a.group_id.cmp(&b.group_id));
            self.finish(id, Ok(AdminReply::Groups(groups)));
        }
    }
}

/// Enters a broker's answer.
pub(super) fn take_listed(brokers: &mut [ListedBroker], indices: &[usize], answer: Answer) {
    let Some(broker) = indices.first().and_then(|index| brokers.get_mut(*index)) else { return };
    broker.asked = false;
    let listed = answer
        .decode::<ListGroupsRequest>()
        .and_then(|response| ClientError::answered(response.error_code, None).map_or(Ok(response), Err));
    match listed {
        Ok(response) => {
            let groups = response.groups.iter().map(|group| GroupListing {
                group_id: group.group_id.to_string(),
                protocol_type: group.protocol_type.to_string(),
                state: group.group_state.to_string(),
            });
            broker.groups = Some(groups.collect());
        }
        Err(error) => broker.error = Some(error),
    }
}
