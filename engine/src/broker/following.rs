//! A broker that is not the controller: it registers with it, reads `__cluster_metadata` from it with Fetch, and asks it for
//! what only the controller can do.
//!
//! It keeps no metadata of its own, so at its start it waits for the controller. When it has once caught up it goes on without:
//! what it leads it serves with the metadata that it knows, however old. Whoever wants to know what is new is told when the
//! controller is there again.

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::broker_registration_request::Listener;
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::fetch_response::PartitionData;
use kafka_protocol::messages::{
    AllocateProducerIdsRequest, BrokerId, BrokerRegistrationRequest, CreateTopicsRequest, FetchRequest,
    TopicName, WriteTxnMarkersRequest,
};
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use super::link::{Asked, InFlight, Link};
use super::metadata_log::decode_records;
use super::{Broker, Phase};
use crate::error::{ApiError, error_name};
use crate::record::Batches;
use crate::storage_op::LogId;
use crate::time::Now;
use crate::topic::{COORDINATORS_TOPICS, MetadataRecord};
use crate::types::{NodeId, Offset};

/// How long the controller may hold a Fetch that has nothing to read, as in Kafka. What else is asked for stands behind it, as
/// answers come in order, but what changes metadata is answered by the change.
const FETCH_MAX_WAIT_MS: i32 = 500;

/// How much metadata is taken at once.
const FETCH_BYTES: i32 = 1 << 20;

/// Topics that may wait for the controller; clients ask again for those beyond.
const MAX_WANTED_TOPICS: usize = 100;

/// What a broker knows of its place beside the controller.
#[derive(Debug, Default)]
pub(super) struct Following {
    link: Link,
    incarnation_id: Uuid,
    /// That of the registration, once it is known.
    epoch: Option<i64>,
    /// Whether the registration was confirmed on this connection.
    is_registered: bool,
    /// The first offset of the metadata that is not known here.
    next_offset: Offset,
    /// Whether the metadata was known, as far as it went, at some time since the start.
    is_caught_up: bool,
    /// Topics to be made by the controller.
    wanted_topics: Vec<CreatableTopic>,
    /// Those that it was asked for and has not answered.
    asked_topics: Vec<TopicName>,
}

impl Following {
    pub(super) fn new(incarnation_id: Uuid) -> Following {
        Following { incarnation_id, ..Following::default() }
    }
}

impl Broker {
    /// The next request for another broker. The carrier opens a connection to that broker if there is none; if it cannot, it
    /// says so by [`Broker::handle_peer_disconnect`]. Poll [`Broker::poll_peer_close`] first.
    #[must_use]
    pub fn poll_peer_request(&mut self) -> Option<(NodeId, Bytes)> {
        if let Some(frame) = self.following.link.poll_request() {
            return Some((self.config.controller_id(), frame));
        }
        let mut links = self.transactions.endings.links_mut();
        links.find_map(|(peer, link)| Some((peer, link.poll_request()?)))
    }

    /// The next connection to another broker to close. The broker has forgotten it; nothing that comes on it later may be
    /// handed in, and requests polled from now on go out on a new one.
    #[must_use]
    pub fn poll_peer_close(&mut self) -> Option<NodeId> {
        if self.following.link.poll_close() {
            return Some(self.config.controller_id());
        }
        let mut links = self.transactions.endings.links_mut();
        links.find_map(|(peer, link)| link.poll_close().then_some(peer))
    }

    /// Takes the answer of another broker in, a frame without its length. Answers come in the order of the requests.
    ///
    /// Bytes that are not the answer have the connection closed ([`Broker::poll_peer_close`]), and the request is sent again
    /// later.
    pub fn handle_peer_response(&mut self, now: Now, peer: NodeId, frame: Bytes) {
        if self.failure().is_some() {
            return;
        }
        let Some(link) = self.link_mut(peer) else {
            return;
        };
        let taken = match link.next_answered() {
            None => return,
            Some(Ok(request)) => self.take_answer(now, peer, request, frame),
            Some(Err(why)) => Err(why),
        };
        if let Err(why) = taken {
            let message = format!("Broker {peer} has sent a frame that cannot be used: {why}.");
            self.report.event(true, format!("{message} The connection is closed."));
            self.close_link(now, peer);
        }
        self.work_on_waiting(now);
        self.ask_others(now);
    }

    /// The connection to another broker has ended, or could not be made. What was asked on it is asked again after a while.
    pub fn handle_peer_disconnect(&mut self, now: Now, peer: NodeId) {
        self.tell_lost(peer, "cannot be reached");
        if let Some(link) = self.link_mut(peer) {
            link.lost(now);
            self.link_lost(now, peer);
        }
        self.go_on_ending(now);
    }

    /// The way to another broker, if there ever was one.
    pub(super) fn link_mut(&mut self, peer: NodeId) -> Option<&mut Link> {
        match self.is_followed(peer) {
            true => Some(&mut self.following.link),
            false => self.transactions.endings.link_mut(peer),
        }
    }

    fn is_followed(&self, peer: NodeId) -> bool {
        peer == self.config.controller_id() && !self.config.is_controller()
    }

    /// From when on a broker can be asked for something; none if it is not known yet.
    pub(super) fn reachable_from(&self, peer: NodeId) -> Option<u64> {
        if !self.is_followed(peer) {
            return Some(self.transactions.endings.link(peer).map_or(0, Link::not_before_ms));
        }
        Some(self.following.link.not_before_ms()).filter(|_| self.following.is_registered)
    }

    fn close_link(&mut self, now: Now, peer: NodeId) {
        if let Some(link) = self.link_mut(peer) {
            link.close(now);
            self.link_lost(now, peer);
        }
    }

    /// The first offset of the cluster's metadata that is not known here.
    #[cfg(feature = "server")]
    pub(super) fn known_metadata_end(&self) -> Offset {
        self.following.next_offset
    }

    /// When something is to be asked of the controller, or is overdue.
    pub(super) fn next_asking(&self) -> Option<u64> {
        let due = self.next_to_ask().map(|_| self.following.link.not_before_ms());
        due.into_iter().chain(self.following.link.deadline()).min()
    }

    /// Gives up what other brokers have not answered in time.
    pub(super) fn give_up_overdue(&mut self, now: Now) {
        let is_overdue = |link: &Link| link.deadline().is_some_and(|at| at <= now.monotonic_ms);
        let controller = Some(self.config.controller_id()).filter(|_| is_overdue(&self.following.link));
        let others = self.transactions.endings.links_mut();
        let overdue = others.filter(|(_, link)| is_overdue(link)).map(|(peer, _)| peer);
        let overdue: Vec<NodeId> = controller.into_iter().chain(overdue).collect();
        for peer in overdue {
            self.tell_lost(peer, "does not answer");
            self.close_link(now, peer);
        }
    }

    /// Asks other brokers what there is to ask.
    pub(super) fn ask_others(&mut self, now: Now) {
        self.go_on_ending(now);
        self.ask_controller(now);
    }

    /// Asks the controller what there is to ask, unless it has to be left alone for a while.
    pub(super) fn ask_controller(&mut self, now: Now) {
        while self.following.link.not_before_ms() <= now.monotonic_ms
            && let Some(asked) = self.next_to_ask()
        {
            if let Err(why) = self.ask(now, asked) {
                return self.fail(format!("A request to the controller cannot be encoded: {why}."));
            }
        }
    }

    fn next_to_ask(&self) -> Option<Asked> {
        let following = &self.following;
        if self.config.is_controller() || self.failure().is_some() {
            return None;
        }
        if !following.is_registered {
            return Some(Asked::Registration).filter(|asked| !following.link.is_in_flight(*asked));
        }
        #[cfg(feature = "server")]
        if let Some(asked) = self.forwarding.next() {
            return Some(asked);
        }
        let wanted = [
            (Asked::Topics, !following.wanted_topics.is_empty()),
            (Asked::ProducerIds, self.producer_ids.is_short()),
            // While logs are being recovered nothing changes about them.
            (Asked::Metadata, !following.is_caught_up || self.phase == Phase::Running),
        ];
        let next = wanted.iter().find(|(asked, wanted)| *wanted && !following.link.is_in_flight(*asked));
        next.map(|(asked, _)| *asked)
    }

    fn ask(&mut self, now: Now, asked: Asked) -> Result<(), String> {
        let node_id = BrokerId(self.config.node_id());
        let client_id = self.peer_client_id();
        match asked {
            Asked::Registration => {
                let listener = Listener::default()
                    .with_name(StrBytes::from_static_str("PLAINTEXT"))
                    .with_host(StrBytes::from_string(self.config.host().to_owned()))
                    .with_port(self.config.port());
                let request = BrokerRegistrationRequest::default()
                    .with_broker_id(node_id)
                    .with_cluster_id(StrBytes::from_string(self.config.cluster_id().to_owned()))
                    .with_incarnation_id(self.following.incarnation_id)
                    .with_previous_broker_epoch(self.following.epoch.unwrap_or(-1))
                    .with_listeners(vec![listener]);
                self.following.link.send(now, asked, &request, &client_id)
            }
            Asked::Metadata => {
                let request = fetch_request(node_id, self.following.next_offset);
                self.following.link.send(now, asked, &request, &client_id)
            }
            Asked::ProducerIds => {
                let request = AllocateProducerIdsRequest::default()
                    .with_broker_id(node_id)
                    .with_broker_epoch(self.following.epoch.unwrap_or(-1));
                self.following.link.send(now, asked, &request, &client_id)
            }
            Asked::Topics => {
                let topics = std::mem::take(&mut self.following.wanted_topics);
                self.following.asked_topics = topics.iter().map(|topic| topic.name.clone()).collect();
                let request = CreateTopicsRequest::default().with_topics(topics).with_timeout_ms(30_000);
                self.following.link.send(now, asked, &request, &client_id)
            }
            // They are sent where they come from.
            Asked::Markers => Ok(()),
            #[cfg(feature = "server")]
            Asked::Partitions(_) => Ok(()),
            #[cfg(feature = "server")]
            Asked::Forwarded(_) => {
                self.send_forwarded(now);
                Ok(())
            }
        }
    }

    /// What this broker calls itself when it asks another.
    pub(super) fn peer_client_id(&self) -> String {
        format!("broker-{}", self.config.node_id())
    }

    /// Takes an answer; an error if it is none.
    fn take_answer(&mut self, now: Now, peer: NodeId, request: InFlight, frame: Bytes) -> Result<(), String> {
        if frame.len() > self.config.socket_request_max_bytes() {
            return Err(format!("it has {} bytes", frame.len()));
        }
        match request.asked {
            Asked::Markers => {
                let response = request.decode::<WriteTxnMarkersRequest>(frame)?;
                if let Some(link) = self.link_mut(peer) {
                    link.succeeded();
                }
                self.markers_answered(now, peer, &response);
            }
            #[cfg(feature = "server")]
            Asked::Partitions(number) => {
                let response =
                    request.decode::<kafka_protocol::messages::AddPartitionsToTxnRequest>(frame)?;
                if let Some(link) = self.link_mut(peer) {
                    link.succeeded();
                }
                self.partitions_answered(now, number, &response);
            }
            #[cfg(feature = "server")]
            Asked::Forwarded(api) => self.forwarded_answered(api, request, frame)?,
            Asked::Registration => {
                let response = request.decode::<BrokerRegistrationRequest>(frame)?;
                self.registration_answered(now, response.error_code, response.broker_epoch);
            }
            Asked::Metadata => {
                let response = request.decode::<FetchRequest>(frame)?;
                let partition = response
                    .responses
                    .iter()
                    .filter(|topic| topic.topic_id == LogId::CLUSTER_METADATA.topic_id)
                    .flat_map(|topic| &topic.partitions)
                    .find(|partition| partition.partition_index == 0);
                match (response.error_code, partition) {
                    (0, Some(partition)) => self.metadata_fetched(now, partition)?,
                    (0, None) => return Err("it has not what was asked for".to_owned()),
                    (code, _) => self.refused(now, "its metadata", code),
                }
            }
            Asked::ProducerIds => {
                let response = request.decode::<AllocateProducerIdsRequest>(frame)?;
                let first = response.producer_id_start.0;
                match (response.error_code, first.checked_add(i64::from(response.producer_id_len))) {
                    (0, Some(end)) if first >= 0 && end > first => {
                        self.following.link.succeeded();
                        self.producer_ids.reserved = first..end;
                        self.producer_ids_reserved(now, None);
                    }
                    (0, _) => return Err("it has no producer ids".to_owned()),
                    (code, _) => {
                        self.refused(now, "producer ids", code);
                        self.refuse_waiting_producers(now);
                    }
                }
            }
            Asked::Topics => {
                let response = request.decode::<CreateTopicsRequest>(frame)?;
                self.following.link.succeeded();
                let asked = std::mem::take(&mut self.following.asked_topics);
                let mut made = Vec::new();
                for topic in response.topics {
                    let exists = topic.error_code == ResponseError::TopicAlreadyExists.code();
                    if topic.error_code != 0 && !exists {
                        let why = topic.error_message.as_ref().map_or("", |message| &message[..]);
                        let message =
                            format!("The controller has not made topic '{}': {why}", &topic.name[..]);
                        self.report.event(true, message);
                    } else {
                        made.push(topic.name);
                    }
                }
                for name in asked.iter().filter(|name| !made.contains(name)) {
                    self.coordinators_topic_settled(now, name);
                }
            }
        }
        Ok(())
    }

    fn registration_answered(&mut self, now: Now, error_code: i16, epoch: i64) {
        const FINAL: [ResponseError; 3] = [
            ResponseError::InconsistentClusterId,
            ResponseError::DuplicateBrokerRegistration,
            ResponseError::InvalidRegistration,
        ];
        let node_id = self.config.node_id();
        if let Some(error) = FINAL.into_iter().find(|error| error.code() == error_code) {
            return self.fail(format!("Broker {node_id} cannot register: {}.", error_name(error)));
        }
        if error_code != 0 {
            return self.refused(now, "its registration", error_code);
        }
        if self.following.epoch.is_some_and(|known| known != epoch) {
            return self.fail(self.replaced());
        }
        if self.following.link.has_failed() {
            self.report.event(false, format!("Broker {node_id} has found the controller again."));
        }
        self.following.link.succeeded();
        self.following.epoch = Some(epoch);
        self.following.is_registered = true;
        self.transactions.endings.wake();
    }

    /// Takes metadata in that is committed.
    fn metadata_fetched(&mut self, now: Now, partition: &PartitionData) -> Result<(), String> {
        let from = self.following.next_offset;
        if partition.error_code == ResponseError::OffsetOutOfRange.code() {
            self.fail(format!(
                "The cluster's metadata is known here up to offset {from}, but the controller does not have it any more; \
                 it may have lost its storage."
            ));
            return Ok(());
        }
        if partition.error_code != 0 {
            self.refused(now, "its metadata", partition.error_code);
            return Ok(());
        }
        let none = Bytes::new();
        let batches = partition.records.as_ref().unwrap_or(&none);
        let end = end_of(batches, from)?;
        if end > partition.high_watermark {
            return Err("it has records that are not committed".to_owned());
        }
        let records = match decode_records(batches) {
            Ok(records) => records,
            Err(reason) => {
                self.fail(format!("The cluster's metadata cannot be used: {reason}."));
                return Ok(());
            }
        };
        self.following.link.succeeded();
        self.following.next_offset = end;
        self.take_records(now, records);
        if self.is_replaced() {
            self.fail(self.replaced());
        } else if !self.following.is_caught_up
            && end == partition.high_watermark
            && self.following.epoch.is_some_and(|epoch| end > epoch)
        {
            self.following.is_caught_up = true;
            self.recover_local_logs(now);
        }
        Ok(())
    }

    fn take_records(&mut self, now: Now, records: Vec<MetadataRecord>) {
        if records.is_empty() {
            return;
        }
        for record in records {
            match self.phase {
                Phase::Starting => self.restore_metadata(record),
                _ => self.apply_metadata(now, record),
            }
        }
        self.refresh_configs();
        for name in COORDINATORS_TOPICS {
            if self.topics.by_name(name).is_some() {
                self.coordinators_topic_settled(now, name);
            }
        }
    }

    /// Whether the metadata, where it has this broker's registration, has another's.
    fn is_replaced(&self) -> bool {
        let following = &self.following;
        let known = self.registrations.get(&self.config.node_id());
        following.epoch.is_some_and(|epoch| following.next_offset > epoch)
            && known.is_none_or(|known| known.incarnation_id != following.incarnation_id)
    }

    fn replaced(&self) -> String {
        let node_id = self.config.node_id();
        format!("Another process has registered as broker {node_id}, or the cluster's metadata was replaced.")
    }

    /// The controller has answered with an error. It is asked again after a while.
    fn refused(&mut self, now: Now, what: &str, error_code: i16) {
        let name =
            ResponseError::try_from_code(error_code).map_or_else(|| error_code.to_string(), error_name);
        let node_id = self.config.node_id();
        self.report.event(true, format!("Broker {node_id} is refused {what} by the controller: {name}."));
        self.following.link.back_off(now);
    }

    /// Tells it once, not at every attempt.
    fn tell_lost(&mut self, peer: NodeId, how: &str) {
        if self.link_mut(peer).is_none_or(|link| link.has_failed()) {
            return;
        }
        let message = if self.is_followed(peer) {
            let offset = self.following.next_offset;
            format!("The controller, broker {peer}, {how}. Its metadata is known up to offset {offset} here.")
        } else {
            format!("Broker {peer} {how}. It is told later which transactions have ended.")
        };
        self.report.event(true, message);
    }

    fn link_lost(&mut self, now: Now, peer: NodeId) {
        self.transactions.endings.lost(peer);
        if self.is_followed(peer) {
            self.controller_lost(now);
        }
        #[cfg(feature = "server")]
        self.verifications_lost(now, peer);
    }

    fn controller_lost(&mut self, now: Now) {
        self.following.is_registered = false;
        self.following.wanted_topics.clear();
        self.following.asked_topics.clear();
        self.refuse_waiting_producers(now);
        #[cfg(feature = "server")]
        self.forwarding_lost(now);
        for name in COORDINATORS_TOPICS {
            self.coordinators_topic_settled(now, name);
        }
    }

    fn refuse_waiting_producers(&mut self, now: Now) {
        let message = "The controller, which reserves producer ids, cannot be reached.";
        let error = ApiError::new(ResponseError::CoordinatorLoadInProgress, message);
        self.producer_ids_reserved(now, Some(&error));
    }

    /// Producers wait for ids, and there are none left.
    pub(super) fn ask_for_producer_ids(&mut self, now: Now) {
        if self.following.link.has_failed() {
            self.refuse_waiting_producers(now);
        } else {
            self.ask_controller(now);
        }
    }

    /// Has the controller make a topic, unless that is under way. Nobody is told whether it could: whoever wants the topic
    /// asks again.
    pub(super) fn create_at_controller(&mut self, now: Now, topic: CreatableTopic) {
        let following = &mut self.following;
        let mut wanted = following.wanted_topics.iter().map(|wanted| &wanted.name);
        if wanted.any(|name| *name == topic.name)
            || following.asked_topics.contains(&topic.name)
            || following.wanted_topics.len() >= MAX_WANTED_TOPICS
        {
            return;
        }
        following.wanted_topics.push(topic);
        self.ask_controller(now);
    }
}

fn fetch_request(node_id: BrokerId, offset: Offset) -> FetchRequest {
    let partition = FetchPartition::default()
        .with_partition(LogId::CLUSTER_METADATA.partition)
        .with_current_leader_epoch(-1)
        .with_fetch_offset(offset)
        .with_partition_max_bytes(FETCH_BYTES);
    let topic = FetchTopic::default()
        .with_topic_id(LogId::CLUSTER_METADATA.topic_id)
        .with_partitions(vec![partition]);
    FetchRequest::default()
        .with_replica_id(node_id)
        .with_max_wait_ms(FETCH_MAX_WAIT_MS)
        .with_min_bytes(1)
        .with_max_bytes(FETCH_BYTES)
        .with_session_epoch(-1)
        .with_topics(vec![topic])
}

/// The offset behind batches that have to be whole, intact, and to begin at `from`.
fn end_of(batches: &[u8], from: Offset) -> Result<Offset, String> {
    let mut end = from;
    for batch in Batches::new(batches) {
        let batch = batch.map_err(|error| error.to_string())?;
        batch.verify_crc().map_err(|error| error.to_string())?;
        if batch.base_offset() != end {
            return Err(format!("a batch of offset {} stands where {end} is the next", batch.base_offset()));
        }
        end = batch.next_offset();
    }
    Ok(end)
}
