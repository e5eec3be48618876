//! What time does to transactions: those that take too long are aborted, and ids that nobody uses are forgotten.

use super::store::TxnReply;
use crate::broker::Broker;
use crate::storage_op::LogId;
use crate::time::Now;
use crate::txn::{Change, TxnState};

impl Broker {
    /// The logs are recovered: what was under way goes on.
    pub(in crate::broker) fn begin_transaction_upkeep(&mut self, now: Now) {
        let states = self.transactions.by_id.iter().filter_map(|(id, coordinated)| {
            coordinated.transaction.current().map(|current| (id.clone(), current.state))
        });
        let states: Vec<(String, TxnState)> = states.collect();
        for (id, state) in states {
            self.transactions.endings.set_ending(&id, state.is_prepared());
            self.schedule_transaction_checks(now, Some(state));
        }
    }

    /// A transactional id is in a state in which time may do something to it.
    pub(super) fn schedule_transaction_checks(&mut self, now: Now, state: Option<TxnState>) {
        if state == Some(TxnState::Ongoing) {
            let at = now.monotonic_ms.saturating_add(self.config.transaction_timeout_check_interval_ms());
            self.transactions.next_timeout_check.get_or_insert(at);
        }
        if state.is_some() {
            let at = now.monotonic_ms.saturating_add(self.config.transactional_id_check_interval_ms());
            self.transactions.next_expiry_check.get_or_insert(at);
        }
    }

    pub(in crate::broker) fn next_transaction_check(&self) -> Option<u64> {
        let checks = [self.transactions.next_timeout_check, self.transactions.next_expiry_check];
        checks.into_iter().flatten().min()
    }

    pub(in crate::broker) fn check_transactions(&mut self, now: Now) {
        let is_due = |check: Option<u64>| check.is_some_and(|at| at <= now.monotonic_ms);
        if is_due(self.transactions.next_timeout_check) {
            self.transactions.next_timeout_check = None;
            self.abort_timed_out(now);
        }
        if is_due(self.transactions.next_expiry_check) {
            self.transactions.next_expiry_check = None;
            self.forget_expired(now);
        }
    }

    fn abort_timed_out(&mut self, now: Now) {
        let mut aborted = Vec::new();
        let mut is_any_left = false;
        for (id, coordinated) in self.transactions.by_id.iter() {
            if let Some(change) = coordinated.transaction.timed_out(now.wall_ms) {
                aborted.push((id.clone(), coordinated.log, change));
                continue;
            }
            let current = coordinated.transaction.current();
            is_any_left |= current.is_some_and(|current| current.state == TxnState::Ongoing);
        }
        if is_any_left {
            self.schedule_transaction_checks(now, Some(TxnState::Ongoing));
        }
        for (id, log, change) in aborted {
            let message = format!("A transaction of '{id}' takes longer than it may; it is aborted.");
            self.report.tell(true, "transaction-timed-out", vec![("id", id.to_string())], message);
            self.store_transaction(now, log, &id, change, TxnReply::Nobody);
        }
    }

    fn forget_expired(&mut self, now: Now) {
        let expiration_ms = self.config.transactional_id_expiration_ms();
        let expired = self
            .transactions
            .by_id
            .iter()
            .filter(|(_, coordinated)| coordinated.transaction.is_expired(now.wall_ms, expiration_ms));
        let expired: Vec<(String, LogId)> =
            expired.map(|(id, coordinated)| (id.clone(), coordinated.log)).collect();
        if self.transactions.by_id.len() > expired.len() {
            self.schedule_transaction_checks(now, Some(TxnState::Empty));
        }
        for (id, log) in expired {
            self.store_transaction(now, log, &id, Change::Removal, TxnReply::Nobody);
        }
    }
}
