use bytes::Bytes;
use headwater_engine::{Broker, BrokerEvent, ConnectionId, LogView, Move, NodeId, Now, Refusal};

use crate::LogStorage;

#[cfg(test)]
mod tests;

/// A broker together with its storage.
///
/// Hand it what there is news for (`handle_*`), as much as there is at the moment, then call [`Driver::pump`], then
/// poll. What was handed over before one pump is made durable together (group commit).
#[derive(Debug)]
pub struct Driver<S> {
    broker: Broker,
    storage: S,
}

impl<S: LogStorage> Driver<S> {
    /// Joins a broker that was just made to its storage. The first [`Driver::pump`] begins its recovery.
    pub fn new(broker: Broker, storage: S) -> Driver<S> {
        Driver { broker, storage }
    }

    /// See [`Broker::handle_request`].
    pub fn handle_request(&mut self, now: Now, connection: ConnectionId, frame: Bytes) {
        self.broker.handle_request(now, connection, frame);
    }

    /// See [`Broker::handle_disconnect`].
    pub fn handle_disconnect(&mut self, now: Now, connection: ConnectionId) {
        self.broker.handle_disconnect(now, connection);
    }

    /// See [`Broker::name_brokers_by_number`].
    pub fn name_brokers_by_number(&mut self, connection: ConnectionId) {
        self.broker.name_brokers_by_number(connection);
    }

    /// See [`Broker::handle_timeout`]. Hand over the frames that are there first: after a pause of the whole process
    /// they are not late, they were only not looked at.
    pub fn handle_timeout(&mut self, now: Now) {
        self.broker.handle_timeout(now);
    }

    /// Moves operations to the storage, and what was only read to the broker. Other outcomes wait for [`Driver::pump`] or
    /// [`Driver::step`].
    pub fn look(&mut self, now: Now) {
        loop {
            if self.submit_all() {
                self.storage.flush();
            }
            let Some((id, result)) = self.storage.poll_read() else { return };
            self.broker.handle_completion(now, id, result);
        }
    }

    /// As [`Driver::look`], and tells the broker of one more outcome, if there is one.
    pub fn step(&mut self, now: Now) {
        if let Some((id, result)) = self.storage.poll_completion() {
            self.broker.handle_completion(now, id, result);
        }
        self.look(now);
    }

    /// Moves operations to the storage and outcomes to the broker until neither has any more.
    ///
    /// Call it also when the storage says that it has outcomes; further calls do no harm.
    pub fn pump(&mut self, now: Now) {
        let mut asked = self.submit_all();
        loop {
            if asked {
                self.storage.flush();
            }
            asked = false;
            let mut told = false;
            while let Some((id, result)) = self.storage.poll_completion() {
                self.broker.handle_completion(now, id, result);
                // Before the next outcome: if that is a refusal, what was built upon it has to be with the storage already.
                asked |= self.submit_all();
                told = true;
            }
            if !told {
                return;
            }
        }
    }

    fn submit_all(&mut self) -> bool {
        let mut asked = false;
        #[cfg(feature = "server")]
        while let Some((log, ms)) = self.broker.poll_flush_time() {
            self.storage.flush_every(log, ms.map(std::time::Duration::from_millis));
        }
        while let Some((id, op)) = self.broker.poll_op() {
            let log = op.log();
            if self.storage.wants_name(log)
                && let Some(name) = self.broker.topic_name(log.topic_id)
            {
                self.storage.name_topic(log.topic_id, name);
            }
            self.storage.submit(id, op);
            asked = true;
        }
        asked
    }

    /// See [`Broker::poll_response`].
    #[must_use]
    pub fn poll_response(&mut self) -> Option<(ConnectionId, Bytes)> {
        self.broker.poll_response()
    }

    /// See [`Broker::poll_close`].
    #[must_use]
    pub fn poll_close(&mut self) -> Option<ConnectionId> {
        self.broker.poll_close()
    }

    /// See [`Broker::handle_peer_response`].
    pub fn handle_peer_response(&mut self, now: Now, peer: NodeId, frame: Bytes) {
        self.broker.handle_peer_response(now, peer, frame);
    }

    /// See [`Broker::handle_peer_disconnect`].
    pub fn handle_peer_disconnect(&mut self, now: Now, peer: NodeId) {
        self.broker.handle_peer_disconnect(now, peer);
    }

    /// See [`Broker::poll_peer_request`].
    #[must_use]
    pub fn poll_peer_request(&mut self) -> Option<(NodeId, Bytes)> {
        self.broker.poll_peer_request()
    }

    /// See [`Broker::poll_peer_close`].
    #[must_use]
    pub fn poll_peer_close(&mut self) -> Option<NodeId> {
        self.broker.poll_peer_close()
    }

    /// See [`Broker::poll_event`].
    #[must_use]
    pub fn poll_event(&mut self) -> Option<BrokerEvent> {
        self.broker.poll_event()
    }

    /// See [`Broker::watch`].
    pub fn watch(&mut self, on: bool) {
        self.broker.watch(on);
    }

    /// See [`Broker::poll_moves`].
    pub fn poll_moves(&mut self) -> Vec<Move> {
        self.broker.poll_moves()
    }

    /// See [`Broker::describe_log`]. Pump afterwards.
    pub fn describe_log(&mut self, id: u64, topic: &str, partition: i32, offset: Option<i64>) {
        self.broker.describe_log(id, topic, partition, offset);
    }

    /// See [`Broker::poll_log`].
    #[must_use]
    pub fn poll_log(&mut self) -> Option<(u64, Result<LogView, Refusal>)> {
        self.broker.poll_log()
    }

    /// See [`Broker::poll_timeout`].
    #[must_use]
    pub fn poll_timeout(&self) -> Option<u64> {
        self.broker.poll_timeout()
    }

    /// The broker, to look at.
    #[must_use]
    pub fn broker(&self) -> &Broker {
        &self.broker
    }

    /// The storage, to look at.
    #[must_use]
    pub fn storage(&self) -> &S {
        &self.storage
    }
}
