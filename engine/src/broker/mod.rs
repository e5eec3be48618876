//! The broker: frames in, frames out, and storage operations between the two.

mod alter_configs;
mod api_versions;
mod append;
mod cleaning;
mod connections;
mod delete_records;
mod describe_configs;
mod describe_log;
mod describe_producers;
mod fetch;
#[cfg(feature = "server")]
mod flush_times;
mod following;
mod groups;
mod link;
mod list_offsets;
mod log_start;
mod markers;
mod metadata;
mod metadata_log;
mod operations;
mod ops;
mod produce;
mod producer_ids;
mod random;
mod registration;
mod report;
#[cfg(feature = "server")]
mod server;
mod startup;
mod strangers;
mod tails;
#[cfg(test)]
mod tests;
mod timestamps;
mod topic_changes;
mod trace;
mod txn;
mod upkeep;
#[cfg(feature = "server")]
mod verification;
mod view;

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::protocol::Encodable;

use self::append::Waiter;
use self::cleaning::Cleaner;
use self::connections::{Connections, Context};
use self::delete_records::Deletions;
use self::describe_log::Descriptions;
pub use self::describe_log::{BatchView, IndexEntryView, LogView, ProducerView, Refusal, SegmentView};
use self::fetch::Fetches;
use self::following::Following;
use self::groups::Groups;
pub use self::groups::{CommittedOffsetView, GroupMemberView, GroupView};
use self::list_offsets::Lookups;
use self::markers::Markers;
use self::metadata_log::MetadataChanges;
use self::ops::{Ops, Owner};
use self::produce::Produces;
use self::producer_ids::ProducerIds;
use self::random::Random;
use self::registration::Registrations;
use self::report::Report;
pub use self::report::{BrokerEvent, ErrorTally};
use self::startup::Startup;
use self::strangers::Strangers;
use self::tails::Tails;
pub use self::trace::Move;
use self::trace::Trace;
use self::txn::Transactions;
pub use self::view::{PartitionView, TopicView};
use crate::config::BrokerConfig;
use crate::error::ApiError;
use crate::partition::Partition;
use crate::protocol::{FrameError, Header, Request, decode_request, encode_response};
use crate::sorted::SortedMap;
use crate::storage_op::{LogId, OpId, StorageOp, StorageResult};
use crate::time::Now;
use crate::topic::Topics;
use crate::types::ConnectionId;

/// A broker's core.
///
/// Call what there is news for (`handle_*`), then poll until all queues are empty: [`Broker::poll_op`],
/// [`Broker::poll_response`], [`Broker::poll_close`], [`Broker::poll_event`], and where there are other brokers
/// [`Broker::poll_peer_close`] and [`Broker::poll_peer_request`]; further polls do no harm. Call
/// [`Broker::handle_timeout`] at [`Broker::poll_timeout`]; earlier does no harm either.
#[derive(Debug)]
pub struct Broker {
    config: BrokerConfig,
    random: Random,
    phase: Phase,
    startup: Startup,
    registrations: Registrations,
    topics: Topics,
    following: Following,
    partitions: SortedMap<LogId, Partition<Waiter>>,
    connections: Connections,
    closes: Vec<ConnectionId>,
    ops: Ops,
    produces: Produces,
    #[cfg(feature = "server")]
    verifications: verification::Verifications,
    fetches: Fetches,
    lookups: Lookups,
    deletions: Deletions,
    markers: Markers,
    changes: MetadataChanges,
    #[cfg(feature = "server")]
    forwarding: server::Forwarding,
    producer_ids: ProducerIds,
    strangers: Strangers,
    groups: Groups,
    transactions: Transactions,
    cleaner: Cleaner,
    tails: Tails,
    trace: Trace,
    descriptions: Descriptions,
    report: Report,
    #[cfg(feature = "server")]
    flush_times: flush_times::FlushTimes,
    /// Bytes of appends that storage has not answered.
    appending_bytes: usize,
    /// When upkeep is due, on the monotonic clock.
    next_upkeep: Option<u64>,
    /// When segments are to be looked at that are too old or too many, on the monotonic clock.
    next_retention: Option<u64>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Phase {
    Starting,
    Running,
    /// It cannot go on, for the reason given.
    Failed(String),
}

impl Broker {
    /// A broker that begins by asking its storage, or the controller if it is another, what there is. Requests may come at
    /// once; they are answered when the logs are recovered.
    ///
    /// `entropy` should differ from start to start; what is random in the broker follows from it.
    #[must_use]
    pub fn new(config: BrokerConfig, entropy: u64) -> Broker {
        let mut random = Random::new(entropy);
        let following = match config.is_controller() {
            true => Following::default(),
            false => Following::new(random.uuid()),
        };
        let mut broker = Broker {
            config,
            random,
            phase: Phase::Starting,
            startup: Startup::default(),
            registrations: Registrations::new(),
            topics: Topics::default(),
            following,
            partitions: SortedMap::new(),
            connections: Connections::default(),
            closes: Vec::new(),
            ops: Ops::default(),
            produces: Produces::default(),
            #[cfg(feature = "server")]
            verifications: verification::Verifications::default(),
            fetches: Fetches::default(),
            lookups: Lookups::default(),
            deletions: Deletions::default(),
            markers: Markers::default(),
            changes: MetadataChanges::default(),
            #[cfg(feature = "server")]
            forwarding: server::Forwarding::default(),
            producer_ids: ProducerIds::default(),
            strangers: Strangers::default(),
            groups: Groups::default(),
            transactions: Transactions::default(),
            cleaner: Cleaner::default(),
            tails: Tails::default(),
            trace: Trace::default(),
            descriptions: Descriptions::default(),
            report: Report::default(),
            #[cfg(feature = "server")]
            flush_times: flush_times::FlushTimes::default(),
            appending_bytes: 0,
            next_upkeep: None,
            next_retention: None,
        };
        broker.begin_startup();
        broker
    }

    /// Whether the logs are recovered and requests are being answered.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.phase == Phase::Running
    }

    /// Why the broker cannot go on, if it cannot: what is stored is not readable, or storage has failed. It answers
    /// nothing any more; a new one may be made over the same storage.
    #[must_use]
    pub fn failure(&self) -> Option<&str> {
        match &self.phase {
            Phase::Failed(reason) => Some(reason),
            Phase::Starting | Phase::Running => None,
        }
    }

    /// Takes a request frame in: header and body, without the four bytes of length that TCP has before them.
    ///
    /// Bytes that are no request that is answered here have the connection closed ([`Broker::poll_close`]), as Kafka
    /// does it, and are counted; nothing else is disturbed. Requests of one connection are answered in their order.
    ///
    /// Whatever comes on a connection that waits to be polled by [`Broker::poll_close`] is dropped.
    pub fn handle_request(&mut self, now: Now, connection: ConnectionId, frame: Bytes) {
        if self.closes.contains(&connection) {
            return;
        }
        self.report.now_ms = now.monotonic_ms;
        let limit = self.config.socket_request_max_bytes();
        let size = frame.len();
        let queued = self.connections.queue(connection, frame);
        if queued > limit {
            let message = if size > limit {
                format!(
                    "A frame of {size} bytes is longer than the {limit} that socket.request.max.bytes allows."
                )
            } else {
                format!(
                    "{queued} bytes of requests wait on one connection; socket.request.max.bytes is {limit}."
                )
            };
            self.refuse_connection(connection, &ApiError::new(ResponseError::InvalidRequest, message));
            return;
        }
        self.work_on(now, connection);
    }

    /// From now on answers on this connection name the brokers `broker-<number>`, at Kafka's port, whatever they advertise: it
    /// is somebody's who reaches a broker by its number, as a page does.
    pub fn name_brokers_by_number(&mut self, connection: ConnectionId) {
        self.connections.name_by_number(connection);
    }

    /// A connection has ended. Nothing more is answered on it; what it had asked to be appended is appended.
    pub fn handle_disconnect(&mut self, _now: Now, connection: ConnectionId) {
        self.connections.remove(connection);
        self.fetches.remove_connection(connection);
    }

    /// Takes in how an operation ended that [`Broker::poll_op`] gave out.
    pub fn handle_completion(&mut self, now: Now, op: OpId, result: StorageResult) {
        match self.ops.complete(op) {
            Some(Owner::Append(log)) => self.append_ended(now, log, op, result),
            Some(Owner::Recovery(log)) => self.recovery_went_on(now, log, result),
            Some(Owner::Fetch { fetch, topic, partition }) => {
                self.fetch_read(now, fetch, topic, partition, result);
            }
            Some(Owner::Description(id, size)) => self.description_read(id, size, result),
            Some(Owner::Search(search)) => self.search_read(search, result),
            Some(Owner::Cleaning(log)) => self.cleaning_ended(now, log, result),
            Some(Owner::LogStart(log)) => self.start_step_ended(now, log, result),
            Some(Owner::KeepProducers(log, offset)) => self.producers_kept(log, offset, result),
            Some(Owner::Upkeep(log)) => self.upkeep_ended(log, result),
            None => {}
        }
        self.work_on_waiting(now);
        self.ask_others(now);
    }

    /// Does what time has come for.
    pub fn handle_timeout(&mut self, now: Now) {
        self.expire_fetches(now);
        self.retry_failed(now);
        self.handle_group_timeouts(now);
        self.check_offsets_retention(now);
        self.check_transactions(now);
        self.keep_up(now);
        self.retain(now);
        self.clean(now);
        self.give_up_overdue(now);
        self.ask_others(now);
    }

    /// The next operation for the storage.
    #[must_use]
    pub fn poll_op(&mut self) -> Option<(OpId, StorageOp)> {
        self.ops.poll()
    }

    /// The next answer to send: the frame goes out on its connection as it is, after those polled before.
    #[must_use]
    pub fn poll_response(&mut self) -> Option<(ConnectionId, Bytes)> {
        self.connections.poll_answer()
    }

    /// The next connection to close; the broker has forgotten it already.
    #[must_use]
    pub fn poll_close(&mut self) -> Option<ConnectionId> {
        self.closes.pop()
    }

    /// The next thing a person may want to know.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<BrokerEvent> {
        self.report.poll_event()
    }

    /// When [`Broker::handle_timeout`] is to be called next, on the monotonic clock.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<u64> {
        let due = [
            self.fetches.next_deadline(),
            self.next_retry(),
            self.next_upkeep,
            self.next_asking(),
            self.next_group_due(),
            self.next_retention,
            self.next_cleaning(),
            self.next_retention_check(),
            self.next_transaction_check(),
            self.transactions.endings.next_due(),
        ];
        due.into_iter().flatten().min()
    }

    /// Whether so much is on its way to storage that requests wait.
    fn holds_requests_back(&self) -> bool {
        self.appending_bytes > self.config.queued_max_request_bytes()
    }

    /// Works on the frames of a connection as far as limits allow.
    fn work_on(&mut self, now: Now, connection: ConnectionId) {
        while self.phase == Phase::Running && !self.holds_requests_back() {
            let Some(frame) = self.connections.next_frame(connection) else {
                return;
            };
            self.trace.begin(&frame);
            match decode_request(frame) {
                Ok((header, request)) => {
                    let context = self.connections.admit(connection, header);
                    self.dispatch(now, context, request);
                }
                Err(error) => self.refuse_frame(connection, &error),
            }
        }
    }

    fn work_on_waiting(&mut self, now: Now) {
        for connection in self.connections.with_queued_frames() {
            self.work_on(now, connection);
        }
    }

    fn dispatch(&mut self, now: Now, context: Context, request: Request) {
        match request {
            Request::Produce(request) => self.handle_produce(now, context, request),
            Request::Fetch(request) => self.handle_fetch(now, context, request),
            Request::ListOffsets(request) => self.handle_list_offsets(context, request),
            Request::Metadata(request) => self.handle_metadata(now, context, request),
            Request::ApiVersions => self.handle_api_versions(context),
            Request::CreateTopics(request) => self.handle_create_topics(now, context, request),
            Request::DeleteTopics(request) => self.handle_delete_topics(now, context, request),
            Request::DescribeConfigs(request) => self.handle_describe_configs(context, request),
            Request::InitProducerId(request) => self.handle_init_producer_id(now, context, request),
            Request::DeleteRecords(request) => self.handle_delete_records(context, request),
            Request::AlterConfigs(request) => self.handle_alter_configs(now, context, request),
            Request::IncrementalAlterConfigs(request) => {
                self.handle_incremental_alter_configs(now, context, request);
            }
            Request::CreatePartitions(request) => self.handle_create_partitions(now, context, request),
            Request::BrokerRegistration(request) => self.handle_broker_registration(now, context, request),
            Request::AllocateProducerIds(request) => {
                self.handle_allocate_producer_ids(now, context, &request);
            }
            Request::FindCoordinator(request) => self.handle_find_coordinator(now, context, request),
            Request::JoinGroup(request, client_id) => {
                self.handle_join_group(now, context, request, &client_id);
            }
            Request::SyncGroup(request) => self.handle_sync_group(now, context, request),
            Request::Heartbeat(request) => self.handle_heartbeat(now, context, &request),
            Request::LeaveGroup(request) => self.handle_leave_group(now, context, request),
            Request::OffsetCommit(request) => self.handle_offset_commit(now, context, request),
            Request::OffsetFetch(request) => self.handle_offset_fetch(context, request),
            Request::DescribeGroups(request) => self.handle_describe_groups(context, request),
            Request::ListGroups(request) => self.handle_list_groups(context, &request),
            Request::DeleteGroups(request) => self.handle_delete_groups(now, context, &request),
            Request::OffsetDelete(request) => self.handle_offset_delete(now, context, request),
            Request::DescribeProducers(request) => self.handle_describe_producers(context, request),
            Request::TxnOffsetCommit(request) => self.handle_txn_offset_commit(now, context, request),
            #[cfg(feature = "server")]
            Request::Server(request) => self.dispatch_server(context, request),
            Request::WriteTxnMarkers(request) => {
                self.hurry_fetches(now, context.connection);
                self.handle_write_txn_markers(now, context, request);
            }
            Request::AddPartitionsToTxn(request) => self.handle_add_partitions_to_txn(now, context, request),
            Request::AddOffsetsToTxn(request) => self.handle_add_offsets_to_txn(now, context, request),
            Request::EndTxn(request) => self.handle_end_txn(now, context, &request),
            Request::DescribeTransactions(request) => self.handle_describe_transactions(context, request),
            Request::ListTransactions(request) => self.handle_list_transactions(now, context, &request),
        }
    }

    fn refuse_frame(&mut self, connection: ConnectionId, error: &FrameError) {
        match error {
            FrameError::UnsupportedVersion(header)
                if self.answer_unknown_api_versions(connection, *header) => {}
            FrameError::UnsupportedVersion(_) => {
                let error = ApiError::new(ResponseError::UnsupportedVersion, error.to_string());
                self.refuse_connection(connection, &error);
            }
            _ => {
                let error = ApiError::new(ResponseError::InvalidRequest, error.to_string());
                self.refuse_connection(connection, &error);
            }
        }
    }

    /// Closes a connection on which something came that cannot be answered.
    fn refuse_connection(&mut self, connection: ConnectionId, error: &ApiError) {
        self.report.refuse(error);
        self.report.event(true, format!("{} The connection is closed.", error.message));
        self.connections.remove(connection);
        self.fetches.remove_connection(connection);
        self.closes.push(connection);
    }

    /// Answers a request.
    fn respond<R: Encodable>(&mut self, context: Context, response: &R) {
        self.respond_in_version(context, context.header.version, response);
    }

    fn respond_in_version<R: Encodable>(&mut self, context: Context, version: i16, response: &R) {
        let header: Header = context.header;
        match encode_response(header, version, response) {
            Ok(frame) => {
                self.report.requests += 1;
                self.connections.answer(context, frame);
            }
            Err(why) => {
                let message = format!("An answer to {:?} cannot be encoded: {why}.", header.api);
                let error = ApiError::new(ResponseError::UnknownServerError, message);
                self.refuse_connection(context.connection, &error);
            }
        }
    }

    /// Ends the broker's work for good.
    fn fail(&mut self, reason: String) {
        self.report.event(true, reason.clone());
        self.phase = Phase::Failed(reason);
    }
}
