//! The end of a transaction: when it is durable how it ends, all its partitions are told, and when all have taken it, that is
//! recorded. It goes on until then, whatever is refused, lost or restarted meanwhile.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::WriteTxnMarkersRequest;
use kafka_protocol::messages::write_txn_markers_response::WriteTxnMarkersResponse;

use super::endings::Batch;
use super::store::TxnReply;
use crate::broker::link::Asked;
use crate::broker::markers::MarkersAsker;
use crate::broker::{Broker, Phase};
use crate::error::error_name;
use crate::sorted::SortedMap;
use crate::time::Now;
use crate::topic::Topics;
use crate::txn::Partitions;
use crate::types::NodeId;

impl Broker {
    /// Does what can be done for transactions that end.
    pub(in crate::broker) fn go_on_ending(&mut self, now: Now) {
        if self.phase != Phase::Running {
            return;
        }
        while self.transactions.endings.take_due(now) {
            self.complete_marked(now);
            self.send_markers(now);
        }
    }

    /// Records of transactions whose partitions all know their end that they are complete.
    fn complete_marked(&mut self, now: Now) {
        let ending: Vec<String> = self.transactions.endings.ending().cloned().collect();
        for id in ending {
            let Some(coordinated) = self.transactions.by_id.get_mut(&id[..]) else {
                continue;
            };
            let transaction = &mut coordinated.transaction;
            let topics = &self.topics;
            let exists = |topic: &str, index| {
                topics.by_name(topic).is_some_and(|topic| topic.assignment(index).is_some())
            };
            let unmarked = transaction.unmarked().iter();
            let unmarked =
                unmarked.flat_map(|(topic, indexes)| indexes.iter().map(move |index| (topic, *index)));
            let gone = unmarked.filter(|(topic, index)| !exists(topic, *index));
            // Whoever has deleted a topic has deleted what the transaction has written there.
            let gone: Vec<(String, i32)> = gone.map(|(topic, index)| (topic.clone(), index)).collect();
            gone.iter().for_each(|(topic, index)| transaction.marked(topic, *index));
            if let Some(change) = transaction.completed(now.wall_ms)
                && self.transactions.endings.may_complete(now)
            {
                let log = coordinated.log;
                self.store_transaction(now, log, &id, change, TxnReply::Nobody);
            }
        }
    }

    /// Sends to every broker that leads partitions what they have to be told, unless it has not answered the last time.
    fn send_markers(&mut self, now: Now) {
        let mut by_leader: SortedMap<NodeId, Option<Batch>> = SortedMap::new();
        let ending: Vec<String> = self.transactions.endings.ending().cloned().collect();
        for id in &ending {
            let Some(coordinated) = self.transactions.by_id.get(&id[..]) else {
                continue;
            };
            let Some(metadata) = coordinated.transaction.current() else {
                continue;
            };
            let epoch = self.partitions.get(&coordinated.log).map_or(0, |partition| partition.leader_epoch);
            for (leader, topic, index) in with_leaders(&self.topics, coordinated.transaction.unmarked()) {
                if !by_leader.contains_key(&leader) {
                    let from = self.reachable_from(leader);
                    let may_send =
                        from.is_some_and(|from| self.transactions.endings.may_send(now, leader, from));
                    by_leader.insert(leader, may_send.then(Batch::default));
                }
                if let Some(Some(batch)) = by_leader.get_mut(&leader) {
                    self.transactions.endings.add(batch, id, metadata, epoch, topic, index);
                }
            }
        }
        while let Some((leader, batch)) = by_leader.pop_first() {
            if let Some(batch) = batch {
                let request = self.transactions.endings.sending(leader, batch);
                if leader == self.config.node_id() {
                    self.write_markers(now, MarkersAsker::Coordinator, request);
                } else {
                    self.send_to_peer(now, leader, &request);
                }
            }
        }
    }

    fn send_to_peer(&mut self, now: Now, peer: NodeId, request: &WriteTxnMarkersRequest) {
        let client_id = self.peer_client_id();
        let Some(link) = self.link_mut(peer) else {
            return;
        };
        if let Err(why) = link.send(now, Asked::Markers, request, &client_id) {
            self.fail(format!("A request to broker {peer} cannot be encoded: {why}."));
        }
    }

    /// A broker says which partitions have taken the ends of transactions.
    pub(in crate::broker) fn markers_answered(
        &mut self,
        now: Now,
        peer: NodeId,
        response: &WriteTxnMarkersResponse,
    ) {
        let answered = self.transactions.endings.answered(now, peer, response);
        for (id, topic, index) in answered.marked {
            if let Some(coordinated) = self.transactions.by_id.get_mut(&id[..]) {
                coordinated.transaction.marked(&topic, index);
            }
        }
        if let Some(code) = answered.first_error {
            let name = ResponseError::try_from_code(code).map_or_else(|| code.to_string(), error_name);
            let message = format!("Ends of transactions are not taken by broker {peer} yet: {name}.");
            self.report.event(true, message);
        }
    }
}

/// Partitions that exist, and who leads them.
fn with_leaders<'a>(
    topics: &'a Topics,
    partitions: &'a Partitions,
) -> impl Iterator<Item = (NodeId, &'a str, i32)> {
    partitions.iter().flat_map(|(topic, indexes)| {
        let known = topics.by_name(topic);
        indexes.iter().filter_map(move |&index| Some((known?.assignment(index)?.leader, &topic[..], index)))
    })
}
