//! Who talks to the brokers. Each actor has one connection at a time to each; the world carries its frames.

/// An actor's client is its field `host`.
macro_rules! has_host {
    () => {
        fn host(&self) -> &Host {
            &self.host
        }

        fn host_mut(&mut self) -> &mut Host {
            &mut self.host
        }
    };
}

mod admin;
mod auditor;
mod compacted;
mod consumer;
mod copier;
mod host;
mod idempotent;
mod ledger;
mod member;
mod producer;
pub(crate) mod raw;
mod retained;
mod writer;

use std::collections::BTreeMap;

use bytes::Bytes;
use headwater_engine::{Now, Offset, TopicPartition};

pub(crate) use self::admin::AdminActor;
pub(crate) use self::auditor::AuditorActor;
pub(crate) use self::compacted::CompactedActor;
pub(crate) use self::consumer::ConsumerActor;
pub(crate) use self::copier::CopierActor;
pub(crate) use self::host::Host;
pub(crate) use self::idempotent::IdempotentActor;
pub(crate) use self::ledger::LedgerActor;
pub(crate) use self::member::MemberActor;
pub(crate) use self::producer::ProducerActor;
pub(crate) use self::retained::{RetainedActor, Role, partition_of as retained_partition};
use crate::checkers::Checks;
use crate::random::Random;
use crate::trace::Trace;

/// What an actor may use while it is called.
pub(crate) struct Context<'a> {
    pub(crate) now: Now,
    pub(crate) random: &'a mut Random,
    pub(crate) checks: &'a mut Checks,
    pub(crate) trace: &'a mut Trace,
    /// Topics that come and go, as the admin last heard of them.
    pub(crate) guests: &'a mut Vec<String>,
    /// The topics that stay, as far as the admin has made them.
    pub(crate) made: &'a mut Vec<String>,
}

/// What an actor wants of its connection to a broker, which is named by its number.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Wish {
    Connect(usize),
    Send(usize, Bytes),
    Close(usize),
}

/// What an actor is told, of a broker by its number.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum News {
    /// The connection that it wished for is there.
    Connected(usize),
    /// The connection is gone, or could not be made.
    Disconnected(usize),
    /// The broker sent a frame.
    Frame(usize, Bytes),
    /// Time has passed.
    Time,
}

/// Where partitions end, by what is stored.
pub(crate) type Ends = BTreeMap<TopicPartition, Offset>;

/// Somebody with connections to the brokers. After every call the world asks for wishes and for the next time to wake.
pub(crate) trait Actor {
    /// Its client.
    fn host(&self) -> &Host;
    /// The same, to be driven.
    fn host_mut(&mut self) -> &mut Host;
    /// What it is called in the trace.
    fn name(&self) -> &str {
        &self.host().name
    }
    /// Does what an application does between two calls of the transport.
    fn work(&mut self, context: &mut Context<'_>);
    /// Does what it does when its client has sent something.
    fn sent(&mut self, _context: &mut Context<'_>) {}
    /// When it wants to do something by itself, on the monotonic clock.
    fn own_wake(&self) -> Option<u64> {
        None
    }
    /// Something has happened.
    fn hear(&mut self, context: &mut Context<'_>, news: News) {
        self.host_mut().hear(context.now, news);
        self.work(context);
    }
    /// The next thing it wants; called until there is none.
    fn wish(&mut self, context: &mut Context<'_>) -> Option<Wish> {
        let wish = self.host_mut().wish(context);
        self.sent(context);
        wish
    }
    /// When to wake it, on the monotonic clock.
    fn next_wake(&mut self) -> Option<u64> {
        let own = self.own_wake();
        self.host_mut().client.poll_timeout().into_iter().chain(own).min()
    }
    /// Faults are over: what it has begun it is to finish, and begin nothing new.
    fn finish(&mut self, _now: Now) {}
    /// Whether it has finished; `ends` are where the partitions end now.
    fn is_done(&self, ends: &Ends) -> bool;
    /// What it waits for, if it has not finished.
    fn waits_for(&self, ends: &Ends) -> String;
    /// Whether a request may arrive after it gave the connection up.
    fn tolerates_late_requests(&self) -> bool {
        true
    }
    /// A power cut has left partitions with these ends.
    fn power_cut(&mut self, _context: &mut Context<'_>, _ends: &Ends) {}
}
