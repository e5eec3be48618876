//! Transactions of a producer ([`ProducerConfig::transactional_id`](crate::ProducerConfig::transactional_id)).

use super::{Client, ConsumerId, ProducerId};
use crate::error::ClientError;
use crate::group::{GroupMetadata, OffsetToCommit};
use crate::producer::{Producer, TransactionEvent, TransactionState};

impl Client {
    fn transactional(&mut self, producer: ProducerId) -> Result<&mut Producer, ClientError> {
        let closed = || ClientError::aborted("The producer is closed.");
        self.producers.get_mut(&producer.0).ok_or_else(closed)
    }

    /// Begins a transaction; what is sent from now on is part of it.
    ///
    /// # Errors
    ///
    /// A retriable one as long as the producer has no producer id ([`TransactionState::Initializing`]); another if a transaction is
    /// open, or the producer can do nothing more.
    pub fn begin_transaction(&mut self, producer: ProducerId) -> Result<(), ClientError> {
        self.transactional(producer)?.begin_transaction()
    }

    /// Has offsets committed for a group with the transaction: what was read counts as read if what was made of it counts.
    ///
    /// # Errors
    ///
    /// There is no transaction open, or it can only be aborted.
    pub fn send_offsets_to_transaction(
        &mut self,
        producer: ProducerId,
        group: GroupMetadata,
        offsets: Vec<OffsetToCommit>,
    ) -> Result<(), ClientError> {
        self.transactional(producer)?.send_offsets(group, offsets)
    }

    /// Commits the transaction, with all that was sent before. How that ends, [`Client::poll_transaction`] tells.
    ///
    /// # Errors
    ///
    /// There is no transaction open, or it can only be aborted.
    pub fn commit_transaction(&mut self, producer: ProducerId) -> Result<(), ClientError> {
        self.transactional(producer)?.commit_transaction()
    }

    /// Aborts the transaction: nothing of it counts, and what was not sent is delivered as an error.
    ///
    /// # Errors
    ///
    /// There is no transaction to abort, or the producer can do nothing more.
    pub fn abort_transaction(&mut self, producer: ProducerId) -> Result<(), ClientError> {
        self.transactional(producer)?.abort_transaction()
    }

    /// How a transaction went.
    #[must_use]
    pub fn poll_transaction(&mut self, producer: ProducerId) -> Option<TransactionEvent> {
        self.producers.get_mut(&producer.0)?.poll_transaction()
    }

    /// What a producer can do about transactions; none if it has no `transactional.id`.
    #[must_use]
    pub fn transaction_state(&self, producer: ProducerId) -> Option<&TransactionState> {
        self.producers.get(&producer.0)?.transaction_state()
    }

    /// As whom a consumer commits offsets in a transaction; none if it has no group.
    #[must_use]
    pub fn group_metadata(&self, consumer: ConsumerId) -> Option<GroupMetadata> {
        self.consumers.get(&consumer.0)?.group_metadata()
    }
}
