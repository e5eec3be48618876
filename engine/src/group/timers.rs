//! What becomes of members that are silent, and of rebalances that take too long.

use super::member::Waiting;
use super::{Group, Phase};

impl<T: Copy> Group<T> {
    /// When [`Group::handle_timeout`] has something to do.
    pub(crate) fn next_due(&self) -> Option<u64> {
        let members = self.members.iter().map(|member| member.deadline);
        let pending = self.pending.iter().map(|pending| pending.deadline);
        let phase = match &self.phase {
            Phase::Preparing(preparing) => Some(preparing.deadline),
            _ => None,
        };
        let all = members.chain(pending).chain(phase).chain(self.sync_deadline);
        all.map(|deadline| deadline.at).min()
    }

    /// Does what time has come for.
    ///
    /// `late`: it should have been called long ago. Then the whole process has stood still, and what members have sent may wait
    /// to be looked at: every time-out that is over begins anew, once.
    pub(crate) fn handle_timeout(&mut self, now: u64, late: bool) {
        self.pending.retain_mut(|pending| !pending.deadline.is_over(now, late, pending.session_timeout_ms));
        let silent = self.members.iter_mut().filter_map(|member| {
            // Who waits for others is not to be heard of, unless it has waited from the very start.
            if !matches!(member.waiting, Waiting::No) && !member.is_new && member.deadline.at <= now {
                member.heard(now);
            }
            let is_silent = member.deadline.is_over(now, late, member.session_timeout_ms);
            is_silent.then(|| member.id.clone())
        });
        let silent = silent.collect();
        self.remove_members(now, silent);
        self.remove_those_without_assignment(now, late);
        let timeout_ms = self.max_rebalance_timeout_ms();
        if let Phase::Preparing(preparing) = &mut self.phase {
            let late = late && !preparing.is_initial();
            if preparing.deadline.is_over(now, late, timeout_ms) {
                self.preparing_ended(now);
            }
        }
        self.advance(now);
    }

    /// Members that have joined and do not ask for their assignment hold partitions that nobody reads.
    fn remove_those_without_assignment(&mut self, now: u64, late: bool) {
        let timeout_ms = self.max_rebalance_timeout_ms();
        if self.sync_deadline.as_mut().is_some_and(|deadline| deadline.is_over(now, late, timeout_ms)) {
            self.sync_deadline = None;
            let silent = self.members.iter().filter(|member| !member.has_synced);
            let silent = silent.map(|member| member.id.clone()).collect();
            self.remove_members(now, silent);
        }
    }

    fn remove_members(&mut self, now: u64, ids: Vec<String>) {
        for id in ids {
            if let Some(index) = self.position(&id) {
                self.remove_member(now, index);
            }
        }
    }
}
