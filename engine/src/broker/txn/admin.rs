//! DescribeTransactions and ListTransactions (KIP-664). Patterns of ids (version 2, KIP-1152) would need an engine for regular
//! expressions.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::describe_transactions_response::{
    DescribeTransactionsResponse, TopicData, TransactionState,
};
use kafka_protocol::messages::list_transactions_response::{
    ListTransactionsResponse, TransactionState as ListedTransaction,
};
use kafka_protocol::messages::{DescribeTransactionsRequest, ListTransactionsRequest, TransactionalId};
use kafka_protocol::protocol::StrBytes;

use crate::broker::{Broker, Context};
use crate::error::ApiError;
use crate::time::Now;
use crate::topic::TRANSACTIONS_TOPIC;
use crate::txn::{TxnMetadata, TxnState};

impl Broker {
    pub(in crate::broker) fn handle_describe_transactions(
        &mut self,
        context: Context,
        request: DescribeTransactionsRequest,
    ) {
        let states = request.transactional_ids.into_iter().map(|id| self.describe_transaction(id)).collect();
        self.respond(context, &DescribeTransactionsResponse::default().with_transaction_states(states));
    }

    fn describe_transaction(&mut self, id: TransactionalId) -> TransactionState {
        let found = self.transaction_log(&id).and_then(|_| {
            let known = self.transactions.by_id.get(&id[..]);
            let known = known.and_then(|known| known.transaction.current());
            known.ok_or_else(|| {
                let message = format!("There is no transactional id '{}'.", &id[..]);
                ApiError::new(ResponseError::TransactionalIdNotFound, message)
            })
        });
        let described = match found {
            Ok(current) => described(current),
            Err(error) => TransactionState::default().with_error_code(self.report.refuse(&error)),
        };
        described.with_transactional_id(id)
    }

    pub(in crate::broker) fn handle_list_transactions(
        &mut self,
        now: Now,
        context: Context,
        request: &ListTransactionsRequest,
    ) {
        let mut response = ListTransactionsResponse::default();
        if self.is_reading_logs_of(TRANSACTIONS_TOPIC) {
            let message = "Transactional ids are still being read.";
            let error = ApiError::new(ResponseError::CoordinatorLoadInProgress, message);
            response.error_code = self.report.refuse(&error);
            return self.respond(context, &response);
        }
        let is_state = |name: &StrBytes| TxnState::ALL.iter().any(|state| state.name() == &name[..]);
        response.unknown_state_filters =
            request.state_filters.iter().filter(|name| !is_state(name)).cloned().collect();
        for (id, coordinated) in self.transactions.by_id.iter() {
            if let Some(current) = coordinated.transaction.current()
                && is_wanted(now, request, current)
            {
                response.transaction_states.push(
                    ListedTransaction::default()
                        .with_transactional_id(TransactionalId(StrBytes::from_string(id.clone())))
                        .with_producer_id(current.producer_id.into())
                        .with_transaction_state(StrBytes::from_static_str(current.state.name())),
                );
            }
        }
        self.respond(context, &response);
    }
}

fn described(current: &TxnMetadata) -> TransactionState {
    let topics = current.partitions.iter().map(|(topic, indexes)| {
        TopicData::default()
            .with_topic(StrBytes::from_string(topic.clone()).into())
            .with_partitions(indexes.iter().copied().collect())
    });
    TransactionState::default()
        .with_transaction_state(StrBytes::from_static_str(current.state.name()))
        .with_transaction_timeout_ms(current.timeout_ms)
        .with_transaction_start_time_ms(current.started_ms)
        .with_producer_id(current.producer_id.into())
        .with_producer_epoch(current.producer_epoch)
        .with_topics(topics.collect())
}

fn is_wanted(now: Now, request: &ListTransactionsRequest, current: &TxnMetadata) -> bool {
    let states = &request.state_filters;
    let producers = &request.producer_id_filters;
    // Only a transaction that goes on has a duration.
    let has_none =
        matches!(current.state, TxnState::Empty | TxnState::CompleteCommit | TxnState::CompleteAbort);
    let lasts_long_enough = request.duration_filter < 0
        || (!has_none && now.wall_ms.saturating_sub(current.started_ms) > request.duration_filter);
    (states.is_empty() || states.iter().any(|name| &name[..] == current.state.name()))
        && (producers.is_empty() || producers.iter().any(|id| id.0 == current.producer_id))
        && lasts_long_enough
}
