//! What has to be done now and then.

use super::Broker;
use crate::time::Now;

impl Broker {
    /// Has upkeep done from now on.
    pub(super) fn schedule_upkeep(&mut self, now: Now) {
        self.next_upkeep = Some(now.monotonic_ms + self.config.producer_id_expiration_check_interval_ms());
    }

    pub(super) fn keep_up(&mut self, now: Now) {
        if self.next_upkeep.is_none_or(|due| due > now.monotonic_ms) {
            return;
        }
        let expired = now.wall_ms.saturating_sub(self.config.producer_id_expiration_ms());
        for partition in self.partitions.values_mut() {
            partition.log.expire_producers(expired);
        }
        self.schedule_upkeep(now);
    }
}
