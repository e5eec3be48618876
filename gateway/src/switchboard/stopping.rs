//! What is done from time to time, and what is done at the end.

use std::time::Instant;

use tokio::task::AbortHandle;
use tracing::warn;

use super::Switchboard;
use super::connection::Connection;

impl Switchboard {
    /// Closes what is silent or stuck. To be called every second or so.
    pub(crate) fn sweep(&mut self) {
        let now = Instant::now();
        let overdue = |connection: &Connection| connection.overdue(now, &self.limits);
        let overdue: Vec<_> = self
            .connections
            .iter()
            .filter_map(|(id, connection)| overdue(connection).map(|why| (*id, why)))
            .collect();
        for (id, (what, why)) in overdue {
            self.close(id, what, why);
        }
        self.look_who_watches(now);
        let left_out = self.log_limit.take_left_out();
        if left_out > 0 {
            warn!(broker = self.node_id, "{left_out} more lines were not written.");
        }
    }

    /// Reads no more from any connection; what was read is answered.
    pub(crate) fn stop_reading(&mut self) {
        for connection in self.connections.values_mut() {
            connection.reading.as_ref().map(AbortHandle::abort);
        }
    }

    /// Whether everything that was read is answered and sent. Without `patient_too` what may wait for long (a Fetch for
    /// records, a member for its group) does not count.
    pub(crate) fn is_done(&self, patient_too: bool) -> bool {
        self.connections.values().all(|connection| connection.is_done(patient_too))
    }
}
