//! Transactions (KIP-98, KIP-447): what a producer sends counts as a whole or not at all.
//!
//! Everything about a transaction is asked one request at a time; what comes next follows from what is known ([`Step`]), so
//! a request that failed is simply found to be due again. Records of a partition wait until the coordinator knows that the
//! partition takes part.
//!
//! A request whose answer was lost may yet arrive, even after the transaction has ended. So after such a one the next
//! transaction begins under the next epoch (KIP-360); and if records or offsets are among what may arrive, the transaction
//! is aborted in one go with taking that epoch: the markers carry it, so each partition refuses what comes late.

use std::collections::VecDeque;

use headwater_engine::Now;
use headwater_engine::sorted::{SortedMap, SortedSet};
use kafka_protocol::messages::add_partitions_to_txn_request::AddPartitionsToTxnTopic;
use kafka_protocol::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use kafka_protocol::messages::{
    AddOffsetsToTxnRequest, AddPartitionsToTxnRequest, EndTxnRequest, GroupId, InitProducerIdRequest,
    TransactionalId, TxnOffsetCommitRequest,
};
use kafka_protocol::protocol::Request;

use super::identity::Identity;
use super::{Placed, Producer, Topic};
use crate::error::{ClientError, code};
use crate::group::coordinator::{HIGHEST_FIND_VERSION, find_request, find_transaction_request, found};
use crate::group::{GroupMetadata, OffsetToCommit};
use crate::metadata::Metadata;
use crate::network::{Address, Answer, Network, Owner};
use crate::wire::{text, topic_name};

/// Higher ones of these requests are for transactions of version 2 (KIP-890), or from broker to broker.
const HIGHEST_VERSION: i16 = 3;
/// From version 5 on there is more about transactions of version 2.
const HIGHEST_INIT_VERSION: i16 = 4;
/// Calls of `send_offsets_to_transaction` that may wait at a time.
const MAX_OFFSETS: usize = 1_000;

/// How a transaction went.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum TransactionEvent {
    /// It counts.
    Committed,
    /// It does not count, and the next one may begin.
    Aborted,
    /// It can only be aborted.
    MustAbort(ClientError),
    /// The producer can do nothing more: another one has its transactional id, or the broker does not have transactions. If a commit
    /// was under way, it is not known whether it counts.
    Failed(ClientError),
}

/// What a producer can do about transactions.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum TransactionState {
    /// It is getting its producer id, as at the beginning; nothing can begin yet.
    Initializing,
    /// A transaction can begin.
    Ready,
    /// Records and offsets can be sent, and the transaction committed or aborted.
    Open,
    /// It is being committed; [`TransactionEvent`] tells how that ends.
    Committing,
    /// It is being aborted.
    Aborting,
    /// It has to be aborted.
    MustAbort(ClientError),
    /// Nothing more can be done.
    Failed(ClientError),
}

/// Offsets that are to be part of the transaction.
#[derive(Clone, Debug)]
struct Offsets {
    group: GroupMetadata,
    offsets: Vec<OffsetToCommit>,
}

/// What is asked of whom.
#[derive(Clone, Debug)]
enum Step {
    FindCoordinator,
    Init,
    AddPartitions,
    AddGroup(String),
    FindGroup(String),
    CommitOffsets,
    End { commit: bool },
}

#[derive(Debug)]
pub(super) struct Transaction {
    id: String,
    timeout_ms: i32,
    state: TransactionState,
    coordinator: Option<Address>,
    group_coordinator: Option<(String, Address)>,
    asked: Option<(u64, Step)>,
    not_before_ms: u64,
    /// The partitions that the coordinator knows of, by topic and index here.
    added: SortedSet<(usize, usize)>,
    /// Those that it is to be told of.
    wanted: SortedSet<(usize, usize)>,
    /// Those that it is being told of.
    adding: SortedSet<(usize, usize)>,
    groups: SortedSet<String>,
    offsets: VecDeque<Offsets>,
    /// Whether there is something to end, as far as the coordinator knows.
    begun: bool,
    /// Records or offsets may arrive late.
    uncertain: bool,
    /// A request about the transaction may arrive late.
    next_epoch: bool,
    events: VecDeque<TransactionEvent>,
}

impl Transaction {
    pub(super) fn new(id: String, timeout_ms: u64) -> Transaction {
        Transaction {
            id,
            timeout_ms: i32::try_from(timeout_ms).unwrap_or(i32::MAX),
            state: TransactionState::Initializing,
            coordinator: None,
            group_coordinator: None,
            asked: None,
            not_before_ms: 0,
            added: SortedSet::new(),
            wanted: SortedSet::new(),
            adding: SortedSet::new(),
            groups: SortedSet::new(),
            offsets: VecDeque::new(),
            begun: false,
            uncertain: false,
            next_epoch: false,
            events: VecDeque::new(),
        }
    }

    pub(super) fn id(&self) -> TransactionalId {
        TransactionalId(text(&self.id))
    }

    /// Whether records can be taken.
    pub(super) fn check_open(&self) -> Result<(), ClientError> {
        match &self.state {
            TransactionState::Open => Ok(()),
            TransactionState::MustAbort(error) | TransactionState::Failed(error) => Err(error.clone()),
            _ => Err(ClientError::aborted("There is no transaction open.")),
        }
    }

    /// Whether a partition's records can be sent; if not, sees to it.
    pub(super) fn takes_part(&mut self, partition: (usize, usize)) -> bool {
        if self.added.contains(&partition) {
            return true;
        }
        if !self.adding.contains(&partition) {
            self.wanted.insert(partition);
        }
        false
    }

    pub(super) fn is_aborting(&self) -> bool {
        matches!(
            self.state,
            TransactionState::Aborting | TransactionState::MustAbort(_) | TransactionState::Failed(_)
        )
    }

    /// When time alone lets something be asked.
    pub(super) fn due_ms(&self) -> Option<u64> {
        (self.asked.is_none() && self.not_before_ms > 0).then_some(self.not_before_ms)
    }

    /// Records were not written, or are not known to be.
    pub(super) fn batch_failed(&mut self, error: &ClientError, unknown: bool) {
        self.uncertain |= unknown;
        self.must_abort(error.clone());
    }

    fn must_abort(&mut self, error: ClientError) {
        if matches!(self.state, TransactionState::Open | TransactionState::Committing) {
            self.state = TransactionState::MustAbort(error.clone());
            self.events.push_back(TransactionEvent::MustAbort(error));
        }
    }

    fn fail(&mut self, error: ClientError) {
        if !matches!(self.state, TransactionState::Failed(_)) {
            self.state = TransactionState::Failed(error.clone());
            self.events.push_back(TransactionEvent::Failed(error));
        }
    }

    /// What is to be asked next. `is_flushed`: no records wait, nor are any on their way.
    fn next_step(&self, is_flushed: bool) -> Option<Step> {
        let of_coordinator = |step: Step| match self.coordinator {
            Some(_) => Some(step),
            None => Some(Step::FindCoordinator),
        };
        match self.state {
            TransactionState::Initializing => of_coordinator(Step::Init),
            TransactionState::Open | TransactionState::Committing => {
                if !self.adding.is_empty() || !self.wanted.is_empty() {
                    return of_coordinator(Step::AddPartitions);
                }
                if let Some(Offsets { group, .. }) = self.offsets.front() {
                    if !self.groups.contains(&group.group_id) {
                        return of_coordinator(Step::AddGroup(group.group_id.clone()));
                    }
                    return match &self.group_coordinator {
                        Some((known, _)) if *known == group.group_id => Some(Step::CommitOffsets),
                        _ => Some(Step::FindGroup(group.group_id.clone())),
                    };
                }
                let ends = is_flushed && self.state == TransactionState::Committing;
                if ends { of_coordinator(Step::End { commit: true }) } else { None }
            }
            TransactionState::Aborting if !is_flushed => None,
            TransactionState::Aborting if self.uncertain => of_coordinator(Step::Init),
            TransactionState::Aborting => of_coordinator(Step::End { commit: false }),
            TransactionState::Ready | TransactionState::MustAbort(_) | TransactionState::Failed(_) => None,
        }
    }

    /// A transaction has ended.
    fn ended(&mut self, event: TransactionEvent) {
        self.events.push_back(event);
        self.added = SortedSet::new();
        self.wanted = SortedSet::new();
        self.adding = SortedSet::new();
        self.groups = SortedSet::new();
        self.offsets.clear();
        self.begun = false;
        let again = self.next_epoch || self.uncertain;
        self.state = if again { TransactionState::Initializing } else { TransactionState::Ready };
    }

    /// An answer says that something does not work, or none came.
    fn refused(&mut self, now: Now, step: &Step, error: ClientError, backoff_ms: u64) {
        self.not_before_ms = now.monotonic_ms + backoff_ms;
        let is_lost = matches!(
            error.code,
            Some(
                code::COORDINATOR_NOT_AVAILABLE
                    | code::NOT_COORDINATOR
                    | code::NETWORK_EXCEPTION
                    | code::REQUEST_TIMED_OUT
            )
        );
        if is_lost {
            match step {
                Step::CommitOffsets | Step::FindGroup(_) => self.group_coordinator = None,
                _ => self.coordinator = None,
            }
        }
        if error.outcome_unknown() {
            match step {
                Step::CommitOffsets => {
                    // They may arrive behind the marker, and would wait there for another one.
                    self.uncertain = true;
                    self.must_abort(error);
                    return;
                }
                Step::AddPartitions | Step::AddGroup(_) | Step::End { .. } => self.next_epoch = true,
                _ => {}
            }
        }
        if error.retriable || error.outcome_unknown() {
            return;
        }
        match error.code {
            // Only the transaction is lost by these.
            Some(
                code::ILLEGAL_GENERATION
                | code::UNKNOWN_MEMBER_ID
                | code::FENCED_INSTANCE_ID
                | 12
                | 29
                | 30
                | 55
                | 120,
            ) if !matches!(step, Step::Init | Step::End { .. }) => self.must_abort(error),
            _ => self.fail(error),
        }
    }
}

/// What the application says.
impl Producer {
    fn transaction(&mut self) -> Result<&mut Transaction, ClientError> {
        self.transaction.as_deref_mut().ok_or_else(|| {
            ClientError::ours(code::INVALID_TXN_STATE, "The producer has no transactional.id.")
        })
    }

    pub(crate) fn begin_transaction(&mut self) -> Result<(), ClientError> {
        let transaction = self.transaction()?;
        match &transaction.state {
            TransactionState::Ready => {
                transaction.state = TransactionState::Open;
                Ok(())
            }
            TransactionState::Initializing => {
                Err(ClientError::aborted("The producer has not got its producer id yet."))
            }
            TransactionState::Failed(error) => Err(error.clone()),
            _ => Err(invalid("A transaction is open already.")),
        }
    }

    pub(crate) fn send_offsets(
        &mut self,
        group: GroupMetadata,
        offsets: Vec<OffsetToCommit>,
    ) -> Result<(), ClientError> {
        let transaction = self.transaction()?;
        transaction.check_open()?;
        if transaction.offsets.len() >= MAX_OFFSETS {
            return Err(ClientError::aborted("Too many offsets wait already."));
        }
        if !offsets.is_empty() {
            transaction.offsets.push_back(Offsets { group, offsets });
        }
        Ok(())
    }

    pub(crate) fn commit_transaction(&mut self) -> Result<(), ClientError> {
        let transaction = self.transaction()?;
        transaction.check_open()?;
        transaction.state = TransactionState::Committing;
        self.flush();
        Ok(())
    }

    pub(crate) fn abort_transaction(&mut self) -> Result<(), ClientError> {
        let transaction = self.transaction()?;
        match &transaction.state {
            TransactionState::Open | TransactionState::MustAbort(_) => {
                transaction.state = TransactionState::Aborting;
                transaction.wanted = SortedSet::new();
                transaction.offsets.clear();
                self.abort(&ClientError::aborted("Its transaction was aborted."));
                Ok(())
            }
            TransactionState::Failed(error) => Err(error.clone()),
            _ => Err(invalid("There is no transaction that could be aborted.")),
        }
    }

    pub(crate) fn transaction_state(&self) -> Option<&TransactionState> {
        self.transaction.as_ref().map(|transaction| &transaction.state)
    }

    pub(crate) fn poll_transaction(&mut self) -> Option<TransactionEvent> {
        self.transaction.as_mut()?.events.pop_front()
    }
}

fn invalid(message: &str) -> ClientError {
    ClientError::ours(code::INVALID_TXN_STATE, message)
}

/// What goes to brokers and comes back.
impl Producer {
    /// Asks for what is next in the transaction.
    pub(super) fn drive_transaction(
        &mut self,
        now: Now,
        id: u32,
        network: &mut Network,
        metadata: &mut Metadata,
    ) {
        let is_flushed = self.is_flushed();
        let Some(transaction) = self.transaction.as_deref_mut() else { return };
        if transaction.asked.is_some() || transaction.not_before_ms > now.monotonic_ms {
            return;
        }
        if transaction.state == TransactionState::Aborting && !transaction.adding.is_empty() {
            // What was asked for last may arrive yet.
            transaction.uncertain = true;
        }
        let Some(step) = transaction.next_step(is_flushed) else { return };
        if let Step::End { commit } = step
            && !transaction.begun
        {
            let event = if commit { TransactionEvent::Committed } else { TransactionEvent::Aborted };
            return transaction.ended(event);
        }
        let address = match &step {
            Step::FindCoordinator | Step::FindGroup(_) => metadata.any_broker(now, network),
            Step::CommitOffsets => transaction.group_coordinator.as_ref().map(|(_, address)| address.clone()),
            _ => transaction.coordinator.clone(),
        };
        let Some(address) = address.filter(|address| network.ready(address)) else { return };
        let tag = self.next_tag;
        self.next_tag += 1;
        let asking = Asking {
            now,
            address: &address,
            owner: (Owner::Producer(id), tag),
            timeout_ms: self.client.request_timeout_ms,
        };
        let identity = self.known.identity;
        let sent = transaction.ask(&asking, &step, identity, &self.topics, network);
        match sent {
            Ok(()) => transaction.asked = Some((tag, step)),
            Err(error) => transaction.refused(now, &step, error, self.client.retry_backoff_ms),
        }
    }

    /// Takes in an answer about the transaction; gives back an answer to something else.
    pub(super) fn take_transaction(&mut self, now: Now, answer: Answer) -> Result<(), Answer> {
        let Some(transaction) = self.transaction.as_deref_mut() else { return Err(answer) };
        let Some((_, step)) = transaction.asked.take_if(|(tag, _)| *tag == answer.tag) else {
            return Err(answer);
        };
        transaction.not_before_ms = 0;
        let taken = match &step {
            Step::FindCoordinator => found(answer).map(|address| transaction.coordinator = Some(address)),
            Step::FindGroup(group) => {
                found(answer).map(|address| transaction.group_coordinator = Some((group.clone(), address)))
            }
            Step::Init => answer.decode::<InitProducerIdRequest>().and_then(|response| {
                checked(response.error_code)?;
                if response.producer_id.0 < 0 || response.producer_epoch < 0 {
                    return Err(ClientError::malformed("the producer id in it is none"));
                }
                self.known.identity = Some((response.producer_id.0, response.producer_epoch));
                transaction.initialized();
                self.topics.iter_mut().flat_map(Topic::queues_mut).for_each(|queue| queue.begin_anew());
                Ok(())
            }),
            Step::AddPartitions => answer.decode::<AddPartitionsToTxnRequest>().and_then(|response| {
                let topics = response.results_by_topic_v3_and_below.iter();
                let codes = topics.flat_map(|topic| &topic.results_by_partition);
                first_error(codes.map(|partition| partition.partition_error_code))?;
                let adding = std::mem::take(&mut transaction.adding);
                transaction.added.extend(adding.iter().copied());
                transaction.begun = true;
                Ok(())
            }),
            Step::AddGroup(group) => answer.decode::<AddOffsetsToTxnRequest>().and_then(|response| {
                checked(response.error_code)?;
                transaction.groups.insert(group.clone());
                transaction.begun = true;
                Ok(())
            }),
            Step::CommitOffsets => answer.decode::<TxnOffsetCommitRequest>().and_then(|response| {
                let codes = response.topics.iter().flat_map(|topic| &topic.partitions);
                first_error(codes.map(|partition| partition.error_code))?;
                transaction.offsets.pop_front();
                Ok(())
            }),
            Step::End { commit } => answer.decode::<EndTxnRequest>().and_then(|response| {
                checked(response.error_code)?;
                let event = if *commit { TransactionEvent::Committed } else { TransactionEvent::Aborted };
                transaction.ended(event);
                Ok(())
            }),
        };
        if let Err(error) = taken {
            let backoff_ms = self.random.jitter(self.client.retry_backoff_ms);
            let Some(transaction) = self.transaction.as_deref_mut() else { return Ok(()) };
            transaction.refused(now, &step, error, backoff_ms);
            if let TransactionState::Failed(error) = &transaction.state {
                let error = error.clone();
                self.abort(&error);
            }
        }
        Ok(())
    }

    /// What an error says of a batch in a transaction: whether it may be written, and whether it may be tried again.
    pub(super) fn weigh_in_transaction(&mut self, placed: &mut Placed, error: &mut ClientError) {
        let is_first = self
            .topics
            .get_mut(placed.topic)
            .and_then(|topic| topic.queue_at(placed.partition))
            .is_none_or(|queue| queue.is_first(&placed.batch));
        match error.code {
            // Behind one that is not written yet, this is as it has to be.
            Some(code::OUT_OF_ORDER_SEQUENCE_NUMBER | code::UNKNOWN_PRODUCER_ID) => {
                placed.batch.unknown = false;
                error.retriable = !is_first;
            }
            _ => placed.batch.unknown |= error.outcome_unknown(),
        }
    }
}

impl Transaction {
    /// A producer id and epoch have come: all that was before is over.
    fn initialized(&mut self) {
        if self.state == TransactionState::Aborting {
            self.ended(TransactionEvent::Aborted);
        }
        self.uncertain = false;
        self.next_epoch = false;
        self.state = TransactionState::Ready;
    }

    fn ask(
        &mut self,
        asking: &Asking<'_>,
        step: &Step,
        identity: Option<Identity>,
        topics: &[Topic],
        network: &mut Network,
    ) -> Result<(), ClientError> {
        let (producer_id, epoch) = identity.unwrap_or((-1, -1));
        match step {
            Step::FindCoordinator => {
                asking.send(network, &find_transaction_request(&self.id), HIGHEST_FIND_VERSION)
            }
            Step::FindGroup(group) => asking.send(network, &find_request(group), HIGHEST_FIND_VERSION),
            Step::Init => {
                let request = InitProducerIdRequest::default()
                    .with_transactional_id(Some(self.id()))
                    .with_transaction_timeout_ms(self.timeout_ms)
                    .with_producer_id(producer_id.into())
                    .with_producer_epoch(epoch);
                asking.send(network, &request, HIGHEST_INIT_VERSION)
            }
            Step::AddPartitions => {
                let wanted = std::mem::take(&mut self.wanted);
                self.adding.extend(wanted.iter().copied());
                let request = AddPartitionsToTxnRequest::default()
                    .with_v3_and_below_transactional_id(self.id())
                    .with_v3_and_below_producer_id(producer_id.into())
                    .with_v3_and_below_producer_epoch(epoch)
                    .with_v3_and_below_topics(named(&self.adding, topics));
                asking.send(network, &request, HIGHEST_VERSION)
            }
            Step::AddGroup(group) => {
                let request = AddOffsetsToTxnRequest::default()
                    .with_transactional_id(self.id())
                    .with_producer_id(producer_id.into())
                    .with_producer_epoch(epoch)
                    .with_group_id(GroupId(text(group)));
                asking.send(network, &request, HIGHEST_VERSION)
            }
            Step::CommitOffsets => {
                let Some(Offsets { group, offsets }) = self.offsets.front() else { return Ok(()) };
                let request = TxnOffsetCommitRequest::default()
                    .with_transactional_id(self.id())
                    .with_group_id(GroupId(text(&group.group_id)))
                    .with_producer_id(producer_id.into())
                    .with_producer_epoch(epoch)
                    .with_generation_id(group.generation)
                    .with_member_id(text(&group.member_id))
                    .with_group_instance_id(group.group_instance_id.as_deref().map(text))
                    .with_topics(topics_to_commit(offsets));
                asking.send(network, &request, HIGHEST_VERSION)
            }
            Step::End { commit } => {
                let request = EndTxnRequest::default()
                    .with_transactional_id(self.id())
                    .with_producer_id(producer_id.into())
                    .with_producer_epoch(epoch)
                    .with_committed(*commit);
                asking.send(network, &request, HIGHEST_VERSION)
            }
        }
    }
}

/// A request on its way out.
struct Asking<'a> {
    now: Now,
    address: &'a Address,
    owner: (Owner, u64),
    timeout_ms: u64,
}

impl Asking<'_> {
    fn send<R: Request>(&self, network: &mut Network, request: &R, highest: i16) -> Result<(), ClientError> {
        let version = network.version::<R>(self.address, highest)?;
        network.send(self.now, self.address, self.owner, request, version, (self.timeout_ms, true))
    }
}

fn checked(error_code: i16) -> Result<(), ClientError> {
    ClientError::answered(error_code, None).map_or(Ok(()), Err)
}

/// The first error that is one by itself.
fn first_error(codes: impl Iterator<Item = i16>) -> Result<(), ClientError> {
    let mut codes = codes.filter(|known| *known != code::NONE).peekable();
    let any = codes.peek().copied();
    match codes.find(|known| *known != code::OPERATION_NOT_ATTEMPTED).or(any) {
        Some(error) => checked(error),
        None => Ok(()),
    }
}

fn named(partitions: &SortedSet<(usize, usize)>, topics: &[Topic]) -> Vec<AddPartitionsToTxnTopic> {
    let mut by_topic: SortedMap<usize, Vec<i32>> = SortedMap::new();
    for (topic, partition) in partitions.iter() {
        by_topic.or_default(*topic).push(i32::try_from(*partition).unwrap_or(i32::MAX));
    }
    let named = by_topic.into_iter().filter_map(|(topic, partitions)| {
        let name = topic_name(&topics.get(topic)?.name);
        Some(AddPartitionsToTxnTopic::default().with_name(name).with_partitions(partitions))
    });
    named.collect()
}

fn topics_to_commit(offsets: &[OffsetToCommit]) -> Vec<TxnOffsetCommitRequestTopic> {
    let mut topics: SortedMap<&str, Vec<TxnOffsetCommitRequestPartition>> = SortedMap::new();
    for offset in offsets {
        topics.or_default(&offset.topic_partition.topic).push(
            TxnOffsetCommitRequestPartition::default()
                .with_partition_index(offset.topic_partition.partition)
                .with_committed_offset(offset.offset)
                .with_committed_leader_epoch(-1)
                .with_committed_metadata(Some(text(&offset.metadata))),
        );
    }
    let topics = topics.into_iter().map(|(topic, partitions)| {
        TxnOffsetCommitRequestTopic::default().with_name(topic_name(topic)).with_partitions(partitions)
    });
    topics.collect()
}
