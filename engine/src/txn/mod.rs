//! What a transactional id can do, as a state machine (KIP-98).
//!
//! Nothing here knows frames, logs or clocks. A call says what has to be stored; [`Transaction::begin`] has it on its way, and it is
//! in force when [`Transaction::stored`] says that it is durable. Until then nobody gets anything else done with the id.
//!
//! ```text
//!         InitProducerId      AddPartitionsToTxn        EndTxn            a marker is in every partition
//!   (none) ──────────▶ Empty ───────────▶ Ongoing ───────────────▶ PrepareCommit ─────────▶ CompleteCommit
//!                        ▲                   │  EndTxn, time is up,                                │
//!                        │                   │  another producer ────▶ PrepareAbort ──▶ CompleteAbort
//!                        └── InitProducerId ─┴──◀── AddPartitionsToTxn ◀─────────────────────────┘
//! ```
//!
//! Every new producer of an id gets a higher epoch, which fences the earlier ones; so does the end of a transaction that took
//! too long. Sources: KIP-98, KIP-360 (a producer goes on after an error), KIP-588 (`PRODUCER_FENCED`), and what Kafka's
//! coordinator answers where these say nothing.

mod record;
#[cfg(test)]
mod tests;

use kafka_protocol::ResponseError;

pub(crate) use self::record::{Partitions, TxnMetadata, TxnState, decode_key, encode_key};
use crate::error::ApiError;
use crate::sorted::SortedSet;
use crate::types::ProducerId;

/// The last epoch that a producer is given. The one above it is left for fencing that producer; who comes then gets another id.
const LAST_EPOCH: i16 = i16::MAX - 1;

/// A producer's id and epoch.
pub(crate) type Identity = (ProducerId, i16);

/// A transactional id.
#[derive(Debug, Default)]
pub(crate) struct Transaction {
    /// What is in force; none as long as nothing is stored.
    current: Option<TxnMetadata>,
    pending: Option<Change>,
    /// What the producer has said that it was, when it got its epoch: should the answer have been lost, it comes with that again.
    previous: Option<Identity>,
    /// While the end is prepared: the partitions that it is not known to be written in.
    unmarked: Partitions,
}

/// What is on its way to storage.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Change {
    To {
        metadata: TxnMetadata,
        /// See [`Transaction::previous`].
        previous: Option<Identity>,
    },
    /// The id is to be forgotten.
    Removal,
}

/// What InitProducerId needs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Init {
    /// This has to be stored; then the producer is told its id and epoch.
    Store(Change),
    /// A producer id that nobody has had; then it is asked again, with that.
    NewProducerId,
    /// There is a transaction, which has to be aborted: this has to be stored, and the producer comes again.
    Abort(Change),
}

/// What a producer asks for with InitProducerId.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct InitRequest {
    /// What it has been until now, if it wants to go on (KIP-360).
    pub(crate) asked: Option<Identity>,
    /// How long its transactions may take.
    pub(crate) timeout_ms: i32,
    /// An id that nobody has had, if one was needed.
    pub(crate) new_producer_id: Option<ProducerId>,
}

impl Transaction {
    /// What a restart finds stored.
    pub(crate) fn recovered(metadata: TxnMetadata) -> Transaction {
        let mut transaction = Transaction::default();
        transaction.put_in_force(metadata);
        transaction
    }

    /// What is in force.
    pub(crate) fn current(&self) -> Option<&TxnMetadata> {
        self.current.as_ref()
    }

    /// What will be in force if storage takes what is on its way; none if the id is to be forgotten.
    pub(crate) fn next(&self) -> Option<&TxnMetadata> {
        match &self.pending {
            Some(Change::To { metadata, .. }) => Some(metadata),
            Some(Change::Removal) => None,
            None => self.current.as_ref(),
        }
    }

    pub(crate) fn is_pending(&self) -> bool {
        self.pending.is_some()
    }

    /// The partitions that the end of the transaction is not known to be written in.
    pub(crate) fn unmarked(&self) -> &Partitions {
        &self.unmarked
    }

    /// The end of the transaction is written in a partition, or the partition is gone.
    pub(crate) fn marked(&mut self, topic: &str, index: i32) {
        if let Some(indexes) = self.unmarked.get_mut(topic) {
            indexes.remove(&index);
            if indexes.is_empty() {
                self.unmarked.remove(topic);
            }
        }
    }

    /// A change is on its way to storage.
    pub(crate) fn begin(&mut self, change: Change) {
        self.pending = Some(change);
    }

    /// Storage has taken what was on its way; or nothing of it, and all is as it was.
    pub(crate) fn stored(&mut self, is_stored: bool) {
        match self.pending.take() {
            Some(Change::To { metadata, previous }) if is_stored => {
                self.previous = previous;
                self.put_in_force(metadata);
            }
            Some(Change::Removal) if is_stored => self.current = None,
            _ => {}
        }
    }

    fn put_in_force(&mut self, metadata: TxnMetadata) {
        self.unmarked = match metadata.state.is_prepared() {
            true => metadata.partitions.clone(),
            false => Partitions::new(),
        };
        self.current = Some(metadata);
    }

    /// InitProducerId.
    pub(crate) fn init(&self, request: InitRequest, now_ms: i64) -> Result<Init, ApiError> {
        self.check_idle()?;
        let InitRequest { asked, timeout_ms, new_producer_id } = request;
        let empty = |(producer_id, producer_epoch): Identity| {
            let metadata = TxnMetadata {
                producer_id,
                producer_epoch,
                timeout_ms,
                state: TxnState::Empty,
                partitions: Partitions::new(),
                updated_ms: now_ms,
                started_ms: -1,
            };
            Init::Store(Change::To { metadata, previous: asked })
        };
        let with_new_id = || new_producer_id.map_or(Init::NewProducerId, |id| empty((id, 0)));
        let Some(current) = &self.current else {
            return Ok(with_new_id());
        };
        let identity = (current.producer_id, current.producer_epoch);
        let is_current = asked.is_none_or(|asked| asked == identity);
        match current.state {
            TxnState::PrepareCommit | TxnState::PrepareAbort => Err(concurrent()),
            TxnState::Ongoing if is_current => Ok(Init::Abort(current.fencing_abort(asked, now_ms))),
            TxnState::Ongoing => Err(fenced(current)),
            // It has not heard that it was given its epoch.
            _ if asked.is_some() && asked == self.previous => Ok(empty(identity)),
            _ if !is_current => Err(fenced(current)),
            _ if current.producer_epoch >= LAST_EPOCH => Ok(with_new_id()),
            _ => Ok(empty((current.producer_id, current.producer_epoch + 1))),
        }
    }

    /// AddPartitionsToTxn: what has to be stored, unless all of them are in the transaction already.
    pub(crate) fn add(
        &self,
        producer: Identity,
        partitions: &Partitions,
        now_ms: i64,
    ) -> Result<Option<Change>, ApiError> {
        self.check_idle()?;
        let current = self.of_producer(producer)?;
        let is_known = |(topic, indexes): (&String, &SortedSet<i32>)| {
            let known = current.partitions.get(topic);
            known.is_some_and(|known| indexes.iter().all(|index| known.contains(index)))
        };
        match current.state {
            TxnState::PrepareCommit | TxnState::PrepareAbort => return Err(concurrent()),
            TxnState::Ongoing if partitions.iter().all(is_known) => return Ok(None),
            _ => {}
        }
        let mut metadata = current.in_state(TxnState::Ongoing, now_ms);
        if current.state != TxnState::Ongoing {
            metadata.partitions.clear();
            metadata.started_ms = now_ms;
        }
        for (topic, indexes) in partitions.iter() {
            metadata.partitions.or_default(topic.clone()).extend(indexes.iter().copied());
        }
        Ok(Some(Change::To { metadata, previous: self.previous }))
    }

    /// Whether a partition is part of the transaction that this producer has open (KIP-890). What is on its way does not count:
    /// should that be its end, the partition is told by a marker.
    #[cfg(feature = "server")]
    pub(crate) fn verify(&self, producer: Identity, topic: &str, index: i32) -> Result<(), ApiError> {
        let current = self.of_producer(producer)?;
        if current.state.is_prepared() {
            return Err(concurrent());
        }
        if current.partitions.get(topic).is_some_and(|indexes| indexes.contains(&index)) {
            return Ok(());
        }
        let message = format!("{topic}-{index} is not part of an open transaction of its producer.");
        Err(ApiError::new(ResponseError::TransactionAbortable, message))
    }

    /// EndTxn: what has to be stored, unless the transaction has ended so already.
    pub(crate) fn end(
        &self,
        producer: Identity,
        is_commit: bool,
        now_ms: i64,
    ) -> Result<Option<Change>, ApiError> {
        let current = self.of_producer(producer)?;
        self.check_idle()?;
        let (prepared, complete) = match is_commit {
            true => (TxnState::PrepareCommit, TxnState::CompleteCommit),
            false => (TxnState::PrepareAbort, TxnState::CompleteAbort),
        };
        match current.state {
            TxnState::Ongoing => {
                let metadata = current.in_state(prepared, now_ms);
                Ok(Some(Change::To { metadata, previous: self.previous }))
            }
            state if state == complete => Ok(None),
            state if state == prepared => Err(concurrent()),
            state => {
                let wanted = if is_commit { "committed" } else { "aborted" };
                let message = format!("In state {} nothing can be {wanted}.", state.name());
                Err(ApiError::new(ResponseError::InvalidTxnState, message))
            }
        }
    }

    /// What aborts the transaction, if it takes longer than it may.
    pub(crate) fn timed_out(&self, now_ms: i64) -> Option<Change> {
        let current = self.idle(TxnState::Ongoing)?;
        let deadline = current.started_ms.saturating_add(i64::from(current.timeout_ms));
        (deadline < now_ms).then(|| current.fencing_abort(None, now_ms))
    }

    /// What says that the transaction has ended, if its end is in all its partitions.
    pub(crate) fn completed(&self, now_ms: i64) -> Option<Change> {
        let current = self.current.as_ref().filter(|_| !self.is_pending() && self.unmarked.is_empty())?;
        let state = match current.state {
            TxnState::PrepareCommit => TxnState::CompleteCommit,
            TxnState::PrepareAbort => TxnState::CompleteAbort,
            _ => return None,
        };
        let mut metadata = current.in_state(state, now_ms);
        metadata.partitions.clear();
        Some(Change::To { metadata, previous: self.previous })
    }

    /// Whether nothing has become of the id for so long that it can be forgotten.
    pub(crate) fn is_expired(&self, now_ms: i64, expiration_ms: i64) -> bool {
        let states = [TxnState::Empty, TxnState::CompleteCommit, TxnState::CompleteAbort];
        let idle = states.into_iter().find_map(|state| self.idle(state));
        idle.is_some_and(|current| current.updated_ms.saturating_add(expiration_ms) <= now_ms)
    }

    /// What is in force, if it is in this state and nothing is on its way.
    fn idle(&self, state: TxnState) -> Option<&TxnMetadata> {
        self.current.as_ref().filter(|current| current.state == state && !self.is_pending())
    }

    fn check_idle(&self) -> Result<(), ApiError> {
        if self.is_pending() { Err(concurrent()) } else { Ok(()) }
    }

    /// What is in force, if that is of this producer.
    fn of_producer(&self, (producer_id, epoch): Identity) -> Result<&TxnMetadata, ApiError> {
        let current = self.current.as_ref().filter(|current| current.producer_id == producer_id);
        let current = current.ok_or_else(|| {
            let message = format!("Producer id {producer_id} is not that of the transactional id.");
            ApiError::new(ResponseError::InvalidProducerIdMapping, message)
        })?;
        if current.producer_epoch == epoch { Ok(current) } else { Err(fenced(current)) }
    }
}

impl TxnMetadata {
    fn in_state(&self, state: TxnState, now_ms: i64) -> TxnMetadata {
        TxnMetadata { state, updated_ms: now_ms, ..self.clone() }
    }

    /// The transaction is aborted in an epoch that its producer does not know, so that it can write no more to it. If it is the
    /// producer itself that has asked to go on, as what it was, it gets that epoch when it comes again.
    fn fencing_abort(&self, previous: Option<Identity>, now_ms: i64) -> Change {
        let mut metadata = self.in_state(TxnState::PrepareAbort, now_ms);
        metadata.producer_epoch = metadata.producer_epoch.saturating_add(1);
        Change::To { metadata, previous }
    }
}

fn concurrent() -> ApiError {
    let message = "The transactional id is busy with what was asked of it before; try again.";
    ApiError::new(ResponseError::ConcurrentTransactions, message)
}

fn fenced(current: &TxnMetadata) -> ApiError {
    let message = format!("The transactional id has a producer of epoch {}.", current.producer_epoch);
    ApiError::new(ResponseError::ProducerFenced, message)
}
