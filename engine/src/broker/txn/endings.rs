//! Which transactions have to be told to their partitions that they have ended, and which broker was told what.

use kafka_protocol::messages::WriteTxnMarkersRequest;
use kafka_protocol::messages::write_txn_markers_request::{WritableTxnMarker, WritableTxnMarkerTopic};
use kafka_protocol::messages::write_txn_markers_response::WriteTxnMarkersResponse;
use kafka_protocol::protocol::StrBytes;

use crate::broker::link::{Link, backoff_ms};
use crate::sorted::SortedMap;
use crate::time::Now;
use crate::txn::{TxnMetadata, TxnState};
use crate::types::{LeaderEpoch, NodeId, ProducerId};

/// The most markers in one request, counted by partitions.
const MAX_MARKERS: usize = 10_000;

/// How long to wait, in ms, before it is tried again to record that a transaction is complete.
const COMPLETE_RETRY_MS: u64 = 1_000;

/// Transactions of which it is decided how they end, and the brokers that are told.
#[derive(Debug, Default)]
pub(in crate::broker) struct Endings {
    /// By transactional id, each with a number that no other transaction has had since the start.
    ending: SortedMap<String, u64>,
    next: u64,
    peers: SortedMap<NodeId, Peer>,
    /// Something has happened since it was last looked what there is to do.
    is_due: bool,
    /// When something may be tried again, on the monotonic clock.
    retry_ms: Option<u64>,
    /// Nothing is recorded as complete before.
    complete_not_before_ms: u64,
}

/// A broker that leads partitions of transactions; it may be this one.
#[derive(Debug, Default)]
pub(super) struct Peer {
    /// The way to it; unused if it is this broker, or the controller, to which there is one already.
    pub(super) link: Link,
    /// What it was sent and has not answered.
    sent: Sent,
    failures: u32,
    not_before_ms: u64,
}

/// Of which transactions markers are under way, by producer id, and how many.
#[derive(Debug, Default)]
struct Sent {
    ending: SortedMap<ProducerId, (String, u64)>,
    markers: usize,
}

/// Markers for one broker.
#[derive(Debug, Default)]
pub(super) struct Batch {
    request: WriteTxnMarkersRequest,
    sent: Sent,
}

/// What a broker has answered.
#[derive(Debug, Default)]
pub(super) struct Answered {
    /// The partitions that have their marker, by transactional id.
    pub(super) marked: Vec<(String, String, i32)>,
    /// An error of some other, if this is the first answer that has one.
    pub(super) first_error: Option<i16>,
}

impl Endings {
    /// Whether it is decided how the transaction of an id ends, and not recorded that it has.
    pub(super) fn set_ending(&mut self, transactional_id: &str, is_ending: bool) {
        if !is_ending {
            self.ending.remove(transactional_id);
        } else if !self.ending.contains_key(transactional_id) {
            self.ending.insert(transactional_id.to_owned(), self.next);
            self.next += 1;
            self.is_due = true;
        }
    }

    pub(super) fn ending(&self) -> impl Iterator<Item = &String> {
        self.ending.keys()
    }

    /// Has it looked what there is to do.
    pub(in crate::broker) fn wake(&mut self) {
        self.is_due = true;
    }

    /// Whether it is to be looked what there is to do; asked once.
    pub(super) fn take_due(&mut self, now: Now) -> bool {
        let is_time = self.retry_ms.is_some_and(|at| at <= now.monotonic_ms);
        if is_time {
            self.retry_ms = None;
        }
        std::mem::take(&mut self.is_due) || is_time
    }

    fn retry_at(&mut self, at: u64) {
        self.retry_ms = Some(self.retry_ms.map_or(at, |known| known.min(at)));
    }

    /// That a transaction is complete, or something else, could not be stored.
    pub(super) fn not_completed(&mut self, now: Now) {
        self.complete_not_before_ms = now.monotonic_ms + COMPLETE_RETRY_MS;
        self.retry_at(self.complete_not_before_ms);
    }

    /// Whether it can be recorded that transactions are complete; if not, it is tried later.
    pub(super) fn may_complete(&mut self, now: Now) -> bool {
        let at = self.complete_not_before_ms;
        if at > now.monotonic_ms {
            self.retry_at(at);
        }
        at <= now.monotonic_ms
    }

    /// Whether a broker that can be asked from a time on can be sent markers; if not, it is tried later.
    pub(super) fn may_send(&mut self, now: Now, peer: NodeId, not_before_ms: u64) -> bool {
        let known = self.peers.or_default(peer);
        if !known.sent.ending.is_empty() {
            return false;
        }
        let at = known.not_before_ms.max(not_before_ms);
        if at > now.monotonic_ms {
            self.retry_at(at);
        }
        at <= now.monotonic_ms
    }

    pub(super) fn add(
        &self,
        batch: &mut Batch,
        transactional_id: &str,
        metadata: &TxnMetadata,
        coordinator_epoch: LeaderEpoch,
        topic: &str,
        index: i32,
    ) {
        if batch.sent.markers >= MAX_MARKERS {
            return;
        }
        let Some(&number) = self.ending.get(transactional_id) else {
            return;
        };
        let producer_id = metadata.producer_id;
        let known = batch.sent.ending.insert(producer_id, (transactional_id.to_owned(), number));
        batch.sent.markers += 1;
        if known.is_none() {
            batch.request.markers.push(
                WritableTxnMarker::default()
                    .with_producer_id(producer_id.into())
                    .with_producer_epoch(metadata.producer_epoch)
                    .with_transaction_result(metadata.state == TxnState::PrepareCommit)
                    .with_coordinator_epoch(coordinator_epoch),
            );
        }
        let Some(marker) = batch.request.markers.last_mut() else {
            return;
        };
        if marker.topics.last().is_none_or(|last| last.name[..] != *topic) {
            let name = StrBytes::from_string(topic.to_owned());
            marker.topics.push(WritableTxnMarkerTopic::default().with_name(name.into()));
        }
        if let Some(last) = marker.topics.last_mut() {
            last.partition_indexes.push(index);
        }
    }

    /// A broker is being sent markers: this is the request.
    pub(super) fn sending(&mut self, peer: NodeId, batch: Batch) -> WriteTxnMarkersRequest {
        self.peers.or_default(peer).sent = batch.sent;
        batch.request
    }

    /// A broker has answered. What it has not taken is sent again after a while.
    pub(super) fn answered(
        &mut self,
        now: Now,
        peer: NodeId,
        response: &WriteTxnMarkersResponse,
    ) -> Answered {
        self.is_due = true;
        let mut answered = Answered::default();
        let Some(peer) = self.peers.get_mut(&peer) else {
            return answered;
        };
        let sent = std::mem::take(&mut peer.sent);
        let mut error = None;
        for marker in &response.markers {
            let Some((id, number)) = sent.ending.get(&marker.producer_id.0) else {
                continue;
            };
            let is_current = self.ending.get(&id[..]) == Some(number);
            for topic in &marker.topics {
                for partition in &topic.partitions {
                    if partition.error_code != 0 {
                        error = Some(partition.error_code);
                    } else if is_current {
                        let marked = (id.clone(), topic.name.to_string(), partition.partition_index);
                        answered.marked.push(marked);
                    }
                }
            }
        }
        if error.is_none() && answered.marked.len() >= sent.markers {
            peer.failures = 0;
            return answered;
        }
        answered.first_error = error.filter(|_| peer.failures == 0);
        peer.not_before_ms = now.monotonic_ms + backoff_ms(peer.failures);
        peer.failures += 1;
        answered
    }

    /// The connection to a broker has ended: nobody knows what it has taken.
    pub(in crate::broker) fn lost(&mut self, peer: NodeId) {
        if let Some(peer) = self.peers.get_mut(&peer) {
            peer.sent = Sent::default();
            self.is_due = true;
        }
    }

    pub(in crate::broker) fn link(&self, peer: NodeId) -> Option<&Link> {
        self.peers.get(&peer).map(|peer| &peer.link)
    }

    /// The way to a broker that is not the controller, made if there was none.
    #[cfg(feature = "server")]
    pub(in crate::broker) fn link_to(&mut self, peer: NodeId) -> &mut Link {
        &mut self.peers.or_default(peer).link
    }

    pub(in crate::broker) fn link_mut(&mut self, peer: NodeId) -> Option<&mut Link> {
        self.peers.get_mut(&peer).map(|peer| &mut peer.link)
    }

    pub(in crate::broker) fn links_mut(&mut self) -> impl Iterator<Item = (NodeId, &mut Link)> {
        self.peers.iter_mut().map(|(peer, known)| (*peer, &mut known.link))
    }

    /// When something may be tried again, or an answer is overdue.
    pub(in crate::broker) fn next_due(&self) -> Option<u64> {
        self.peers.values().filter_map(|peer| peer.link.deadline()).chain(self.retry_ms).min()
    }
}
