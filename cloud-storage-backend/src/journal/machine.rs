//! What a machine of the protocol waits for.

use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use headwater_journal::{Outcome, Request, RequestId};

use crate::runtime::{self, Work};
use crate::store::Store;

/// The requests of a machine that are under way.
pub(super) struct Requests {
    store: Store,
    running: FuturesUnordered<Work<'static, (RequestId, Outcome)>>,
}

/// What happened.
pub(super) enum Woken<T> {
    Outcome(RequestId, Outcome),
    /// The time has come.
    Timeout,
    /// Something from outside.
    Other(T),
}

impl Requests {
    pub(super) fn new(store: Store) -> Requests {
        Requests { store, running: FuturesUnordered::new() }
    }

    pub(super) fn send(&mut self, id: RequestId, request: Request) {
        let store = self.store.clone();
        self.running.push(Box::pin(async move { (id, store.execute(request).await) }));
    }

    /// The next thing that happens, until then at the latest. Nothing is lost when this is dropped.
    pub(super) async fn next<T>(
        &mut self,
        at_ms: Option<u64>,
        mut other: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Woken<T> {
        let wait = |at_ms: u64| Duration::from_millis(at_ms.saturating_sub(runtime::now_ms()));
        let mut sleep = at_ms.map(|at_ms| runtime::sleep(wait(at_ms)));
        poll_fn(move |context| {
            if let Poll::Ready(Some((id, outcome))) = self.running.poll_next_unpin(context) {
                return Poll::Ready(Woken::Outcome(id, outcome));
            }
            if let Poll::Ready(value) = other(context) {
                return Poll::Ready(Woken::Other(value));
            }
            match sleep.as_mut().map(|sleep| sleep.as_mut().poll(context)) {
                Some(Poll::Ready(())) => Poll::Ready(Woken::Timeout),
                _ => Poll::Pending,
            }
        })
        .await
    }
}
