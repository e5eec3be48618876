//! Which brokers the cluster has: they register with the controller, which keeps a record of each (KIP-631).
//!
//! A broker stays registered for good: there are no heartbeats, so one that is away goes on to lead what it leads. As long as no
//! other broker has registered, the controller does not either; a cluster of one keeps no such records.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::{
    AllocateProducerIdsRequest, AllocateProducerIdsResponse, BrokerRegistrationRequest,
    BrokerRegistrationResponse,
};
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use super::groups::str_bytes;
use super::producer_ids::BLOCK;
use super::topic_changes::Change;
use super::{Broker, Context};
use crate::error::ApiError;
use crate::sorted::SortedMap;
use crate::storage_op::LogId;
use crate::time::Now;
use crate::topic::{MetadataRecord, Registration};
use crate::types::{ConnectionId, NodeId};

/// The most brokers of a cluster.
const MAX_BROKERS: usize = 100;

/// Where whoever asks for a broker by its number is told that it listens: Kafka's port.
const USUAL_PORT: u16 = 9092;

/// The longest name of a host (RFC 1035).
const MAX_HOST: usize = 255;

/// The brokers that have registered.
pub(super) type Registrations = SortedMap<NodeId, Registration>;

impl Broker {
    pub(super) fn handle_broker_registration(
        &mut self,
        now: Now,
        context: Context,
        request: BrokerRegistrationRequest,
    ) {
        if let Some(error) = self.not_controller() {
            let code = self.report.refuse(&error);
            self.respond(context, &BrokerRegistrationResponse::default().with_error_code(code));
            return;
        }
        self.change_metadata(now, Change::RegisterBroker(context, request));
    }

    pub(super) fn handle_allocate_producer_ids(
        &mut self,
        now: Now,
        context: Context,
        request: &AllocateProducerIdsRequest,
    ) {
        let refused = match self.not_controller() {
            Some(error) => Err(error),
            None => self.check_epoch(request.broker_id.0, request.broker_epoch),
        };
        match refused {
            Ok(()) => {
                let (broker, epoch) = (request.broker_id.0, request.broker_epoch);
                self.change_metadata(now, Change::AllocateProducerIds(context, broker, epoch));
            }
            Err(error) => {
                let code = self.report.refuse(&error);
                self.respond(context, &AllocateProducerIdsResponse::default().with_error_code(code));
            }
        }
    }

    /// What is answered to a request that only the controller can do, unless this is the controller.
    pub(super) fn not_controller(&self) -> Option<ApiError> {
        if self.config.is_controller() {
            return None;
        }
        let message = format!("The controller is broker {}.", self.config.controller_id());
        Some(ApiError::new(ResponseError::NotController, message))
    }

    /// The records that a registration means; none if the broker is registered as it says.
    pub(super) fn plan_registration(
        &mut self,
        request: &BrokerRegistrationRequest,
        records: &mut Vec<MetadataRecord>,
    ) -> BrokerRegistrationResponse {
        let mut response = BrokerRegistrationResponse::default();
        match self.check_registration(request) {
            Ok(asked) => {
                let mut next_epoch = self
                    .partitions
                    .get(&LogId::CLUSTER_METADATA)
                    .map_or(0, |partition| partition.log.next_offset());
                for registration in [self.own_registration(), asked] {
                    let known = self.registrations.get(&registration.node_id);
                    response.broker_epoch = match known {
                        Some(known) if is_same(known, &registration) => known.epoch,
                        _ => {
                            let epoch = next_epoch;
                            next_epoch += 1;
                            records.push(MetadataRecord::Broker(Registration { epoch, ..registration }));
                            epoch
                        }
                    };
                }
            }
            Err(error) => {
                response.error_code = self.report.refuse(&error);
                response.broker_epoch = -1;
            }
        }
        response
    }

    fn check_registration(&self, request: &BrokerRegistrationRequest) -> Result<Registration, ApiError> {
        let invalid = |message: String| ApiError::new(ResponseError::InvalidRegistration, message);
        let node_id = request.broker_id.0;
        if request.cluster_id[..] != *self.config.cluster_id() {
            let message = format!("This is cluster {}.", self.config.cluster_id());
            return Err(ApiError::new(ResponseError::InconsistentClusterId, message));
        }
        if node_id < 0 || node_id == self.config.node_id() {
            let message = format!("No other broker can be number {node_id}.");
            return Err(ApiError::new(ResponseError::DuplicateBrokerRegistration, message));
        }
        if !self.registrations.contains_key(&node_id) && self.registrations.len() >= MAX_BROKERS {
            return Err(invalid(format!("The cluster has {MAX_BROKERS} brokers, and takes no more.")));
        }
        let listener = request.listeners.first();
        let listener = listener.filter(|listener| (1..=MAX_HOST).contains(&listener.host.len()));
        let listener = listener.ok_or_else(|| invalid("A broker has a host.".to_owned()))?;
        Ok(Registration {
            node_id,
            incarnation_id: request.incarnation_id,
            epoch: -1,
            host: listener.host.to_string(),
            port: listener.port,
        })
    }

    /// The controller's own. It writes the log itself, so its starts need not be told apart.
    fn own_registration(&self) -> Registration {
        Registration {
            node_id: self.config.node_id(),
            incarnation_id: Uuid::nil(),
            epoch: -1,
            host: self.config.host().to_owned(),
            port: self.config.port(),
        }
    }

    fn check_epoch(&self, node_id: NodeId, epoch: i64) -> Result<(), ApiError> {
        match self.registrations.get(&node_id) {
            Some(known) if known.epoch == epoch => Ok(()),
            Some(known) => {
                let message = format!("Broker {node_id} has registered again, with epoch {}.", known.epoch);
                Err(ApiError::new(ResponseError::StaleBrokerEpoch, message))
            }
            None => {
                let message = format!("Broker {node_id} has not registered.");
                Err(ApiError::new(ResponseError::BrokerIdNotRegistered, message))
            }
        }
    }

    /// A registration was committed.
    pub(super) fn registered(&mut self, registration: Registration) {
        let node_id = registration.node_id;
        if self.config.is_controller() && node_id != self.config.node_id() && self.is_ready() {
            let (host, port) = (&registration.host, registration.port);
            let message = format!("Broker {node_id} has registered, at {host}:{port}.");
            self.report.tell(false, "broker-registered", vec![("broker", node_id.to_string())], message);
        }
        self.registrations.insert(node_id, registration);
    }

    /// The cluster's brokers by number: number, host, and port.
    pub(super) fn cluster_brokers(&self) -> impl Iterator<Item = (NodeId, &str, u16)> {
        let me = self.config.node_id();
        let before = self.registrations.values().filter(move |known| known.node_id < me);
        let after = self.registrations.values().filter(move |known| known.node_id > me);
        let me = (me, self.config.host(), self.config.port());
        before.map(Registration::endpoint).chain([me]).chain(after.map(Registration::endpoint))
    }

    /// The cluster's brokers as they are named to a connection.
    pub(super) fn cluster_brokers_for(
        &self,
        connection: ConnectionId,
    ) -> impl Iterator<Item = (NodeId, StrBytes, i32)> {
        let by_number = self.connections.is_named_by_number(connection);
        self.cluster_brokers().map(move |(node_id, host, port)| match by_number {
            true => (node_id, str_bytes(&format!("broker-{node_id}")), i32::from(USUAL_PORT)),
            false => (node_id, str_bytes(host), i32::from(port)),
        })
    }

    /// The brokers that lead what is made from now on, one partition after the other: round and round, from number `start`
    /// on.
    pub(super) fn leaders_from(&self, start: usize) -> impl Iterator<Item = NodeId> {
        let brokers: Vec<NodeId> = self.cluster_brokers().map(|(node_id, ..)| node_id).collect();
        let start = start % brokers.len().max(1);
        brokers.into_iter().cycle().skip(start)
    }

    /// The records that reserve a block of producer ids, and the first of them.
    pub(super) fn plan_producer_ids(&self, broker: NodeId, broker_epoch: i64) -> (MetadataRecord, i64) {
        let first = self.producer_ids.next_block;
        let next_producer_id = first + i64::from(BLOCK);
        (MetadataRecord::ProducerIds { broker, broker_epoch, next_producer_id }, first)
    }
}

fn is_same(known: &Registration, asked: &Registration) -> bool {
    (known.incarnation_id, &known.host, known.port) == (asked.incarnation_id, &asked.host, asked.port)
}
