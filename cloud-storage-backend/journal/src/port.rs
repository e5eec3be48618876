//! How code that reads from top to bottom is a state machine from outside.
//!
//! The protocol is written as `async` functions over a [`Port`], which are polled by nobody but their machine: when an
//! outcome is told or time has passed. There is no runtime, waker, thread or clock: requests go into a queue, outcomes
//! come from a table, and so what happens follows from what is told.

use headwater_engine::random::SplitMix64;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;

use crate::error::Error;
use crate::request::{Outcome, Purpose, Request, RequestId, StoreTime};

/// The first wait after a request that was not applied, the largest, both in milliseconds.
const FIRST_RETRY_MS: u64 = 20;
const LAST_RETRY_MS: u64 = 2_000;

/// What a machine tells its owner.
struct Mail<E> {
    now_ms: u64,
    random: SplitMix64,
    next_request: u64,
    requests: VecDeque<(RequestId, Purpose, Request)>,
    /// What is waited for: told or not.
    outcomes: BTreeMap<u64, Option<Outcome>>,
    timers: BTreeSet<u64>,
    events: VecDeque<E>,
}

/// The way to the outside.
pub(crate) struct Port<E> {
    mail: Arc<Mutex<Mail<E>>>,
    purpose: Purpose,
}

impl<E> Clone for Port<E> {
    fn clone(&self) -> Port<E> {
        Port { mail: Arc::clone(&self.mail), purpose: self.purpose }
    }
}

/// What a GET found.
#[derive(Clone, Debug)]
pub(crate) enum Got {
    Found { bytes: Bytes, etag: String, last_modified: StoreTime, date: StoreTime },
    Missing { date: StoreTime },
}

impl<E> Port<E> {
    pub(crate) fn new(seed: u64) -> Port<E> {
        let mail = Mail {
            now_ms: 0,
            random: SplitMix64::new(seed),
            next_request: 0,
            requests: VecDeque::new(),
            outcomes: BTreeMap::new(),
            timers: BTreeSet::new(),
            events: VecDeque::new(),
        };
        Port { mail: Arc::new(Mutex::new(mail)), purpose: Purpose::Foreground }
    }

    /// The same, for work that nobody waits for.
    pub(crate) fn background(&self) -> Port<E> {
        Port { mail: Arc::clone(&self.mail), purpose: Purpose::Background }
    }

    fn mail(&self) -> MutexGuard<'_, Mail<E>> {
        // Nothing that holds the lock can panic half-way through a change.
        self.mail.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_now(&self, now_ms: u64) {
        let mut mail = self.mail();
        mail.now_ms = mail.now_ms.max(now_ms);
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.mail().now_ms
    }

    pub(crate) fn random(&self) -> u64 {
        self.mail().random.next_u64()
    }

    /// From 0 to `bound`, inclusive.
    pub(crate) fn random_up_to(&self, bound: u64) -> u64 {
        self.random() % bound.saturating_add(1)
    }

    pub(crate) fn tell(&self, event: E) {
        self.mail().events.push_back(event);
    }

    pub(crate) fn poll_event(&self) -> Option<E> {
        self.mail().events.pop_front()
    }

    pub(crate) fn events_waiting(&self) -> usize {
        self.mail().events.len()
    }

    pub(crate) fn poll_request(&self) -> Option<(RequestId, Purpose, Request)> {
        self.mail().requests.pop_front()
    }

    pub(crate) fn handle_outcome(&self, id: RequestId, outcome: Outcome) {
        if let Some(slot) = self.mail().outcomes.get_mut(&id.0) {
            *slot = Some(outcome);
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<u64> {
        self.mail().timers.first().copied()
    }

    /// Before the tasks of a machine are polled: those that still wait for a time say so again.
    pub(crate) fn clear_timers(&self) {
        self.mail().timers.clear();
    }

    /// The request is on its way when this returns; the outcome is awaited.
    pub(crate) fn send(&self, request: Request) -> Pending<E> {
        let mut mail = self.mail();
        let id = mail.next_request;
        mail.next_request += 1;
        mail.requests.push_back((RequestId(id), self.purpose, request));
        mail.outcomes.insert(id, None);
        Pending { port: self.clone(), id }
    }

    pub(crate) fn sleep_until(&self, at_ms: u64) -> Sleep<E> {
        Sleep { port: self.clone(), at_ms }
    }

    pub(crate) async fn sleep(&self, ms: u64) {
        let at_ms = self.now_ms() + ms;
        self.sleep_until(at_ms).await;
    }

    /// Waits before another try.
    pub(crate) async fn back_off(&self, tries: u32) {
        let most = (FIRST_RETRY_MS << tries.min(10)).min(LAST_RETRY_MS);
        self.sleep(most / 2 + self.random_up_to(most / 2)).await;
    }

    pub(crate) fn send_get(&self, key: &str, limit: Option<u64>) -> Pending<E> {
        self.send(Request::Get { key: key.to_owned(), limit })
    }

    /// What a GET finds, however often it has to be tried.
    pub(crate) async fn get(&self, key: &str, limit: Option<u64>) -> Result<Got, Error> {
        let sent = self.send_get(key, limit);
        self.got(key, limit, sent).await
    }

    /// The same of a GET that is already on its way.
    pub(crate) async fn got(
        &self,
        key: &str,
        limit: Option<u64>,
        mut sent: Pending<E>,
    ) -> Result<Got, Error> {
        let mut tries = 0;
        loop {
            match sent.await {
                Outcome::Found { bytes, etag, last_modified, date } => {
                    return Ok(Got::Found { bytes, etag, last_modified, date });
                }
                Outcome::Missing { date } => return Ok(Got::Missing { date }),
                outcome => refusal(key, outcome)?,
            }
            self.back_off(tries).await;
            tries += 1;
            sent = self.send_get(key, limit);
        }
    }

    pub(crate) fn send_list(&self, prefix: &str, after: &str) -> Pending<E> {
        self.send(Request::List { prefix: prefix.to_owned(), after: after.to_owned() })
    }

    /// A page of a LIST, and whether there is more.
    pub(crate) async fn list(&self, prefix: &str, after: &str) -> Result<(Vec<String>, bool), Error> {
        let sent = self.send_list(prefix, after);
        self.listed(prefix, after, sent).await
    }

    pub(crate) async fn listed(
        &self,
        prefix: &str,
        after: &str,
        mut sent: Pending<E>,
    ) -> Result<(Vec<String>, bool), Error> {
        let mut tries = 0;
        loop {
            match sent.await {
                Outcome::Listed { keys, more } => return Ok((keys, more)),
                outcome => refusal(prefix, outcome)?,
            }
            self.back_off(tries).await;
            tries += 1;
            sent = self.send_list(prefix, after);
        }
    }

    /// Writes an object whose name nobody else uses: that it is there already means that an earlier try did it.
    pub(crate) async fn create_own(&self, key: &str, bytes: &Bytes) -> Result<(), Error> {
        for tries in 0.. {
            match self.send(Request::Create { key: key.to_owned(), bytes: bytes.clone() }).await {
                Outcome::Stored { .. } => break,
                Outcome::NotMatched => {
                    // It is there, or (409) one of our own tries is still under way.
                    if matches!(self.get(key, Some(1)).await?, Got::Found { .. }) {
                        break;
                    }
                }
                outcome => refusal(key, outcome)?,
            }
            self.back_off(tries).await;
        }
        Ok(())
    }

    pub(crate) async fn delete(&self, keys: Vec<String>) -> Result<(), Error> {
        for tries in 0.. {
            match self.send(Request::Delete { keys: keys.clone() }).await {
                Outcome::Deleted => break,
                outcome => refusal(keys.first().map_or("", String::as_str), outcome)?,
            }
            self.back_off(tries).await;
        }
        Ok(())
    }
}

/// An error if trying again is of no use.
pub(crate) fn refusal(key: &str, outcome: Outcome) -> Result<(), Error> {
    match outcome {
        Outcome::Refused(reason) => Err(Error::Refused { key: key.to_owned(), reason }),
        _ => Ok(()),
    }
}

/// A request under way.
pub(crate) struct Pending<E> {
    port: Port<E>,
    id: u64,
}

impl<E> Future for Pending<E> {
    type Output = Outcome;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Outcome> {
        let mut mail = self.port.mail();
        match mail.outcomes.get_mut(&self.id).and_then(Option::take) {
            Some(outcome) => Poll::Ready(outcome),
            None => Poll::Pending,
        }
    }
}

impl<E> Drop for Pending<E> {
    fn drop(&mut self) {
        self.port.mail().outcomes.remove(&self.id);
    }
}

/// Until a time.
pub(crate) struct Sleep<E> {
    port: Port<E>,
    at_ms: u64,
}

impl<E> Future for Sleep<E> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        let mut mail = self.port.mail();
        if mail.now_ms >= self.at_ms {
            return Poll::Ready(());
        }
        mail.timers.insert(self.at_ms);
        Poll::Pending
    }
}

/// Until there is room for more events.
pub(crate) struct Room<E> {
    pub(crate) port: Port<E>,
    pub(crate) most: usize,
}

impl<E> Future for Room<E> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if self.port.events_waiting() < self.most { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// Something under way.
pub(crate) struct Task<T>(Pin<Box<dyn Future<Output = T> + Send>>);

impl<T> Task<T> {
    pub(crate) fn new(future: impl Future<Output = T> + Send + 'static) -> Task<T> {
        Task(Box::pin(future))
    }

    /// Goes on as far as it can.
    pub(crate) fn turn(&mut self) -> Option<T> {
        match self.0.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => Some(value),
            Poll::Pending => None,
        }
    }
}
