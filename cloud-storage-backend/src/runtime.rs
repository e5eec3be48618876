//! Tasks, time and entropy: tokio natively, JavaScript's on wasm32.

#[cfg(not(target_arch = "wasm32"))]
mod native {
    use std::future::Future;
    use std::io;
    use std::sync::LazyLock;
    use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

    static STARTED: LazyLock<Instant> = LazyLock::new(Instant::now);

    pub(crate) type Work<'a, T> = futures_util::future::BoxFuture<'a, T>;

    /// Goes on by itself.
    pub(crate) fn spawn(future: impl Future<Output = ()> + Send + 'static) {
        drop(tokio::spawn(future));
    }

    pub(crate) fn sleep(duration: Duration) -> Work<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }

    /// Goes on even if nobody waits for it any more.
    pub(crate) async fn uninterrupted<T: Send + 'static>(
        future: impl Future<Output = T> + Send + 'static,
    ) -> io::Result<T> {
        tokio::spawn(future).await.map_err(io::Error::other)
    }

    /// Something that makes a thread wait.
    pub(crate) async fn blocking<T: Send + 'static>(
        work: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<T> {
        tokio::task::spawn_blocking(work).await.map_err(io::Error::other)
    }

    pub(crate) fn now_ms() -> u64 {
        u64::try_from(STARTED.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// This machine's own clock, since 1970.
    pub(crate) fn wall_ms() -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }
}

#[cfg(target_arch = "wasm32")]
mod javascript {
    use std::future::Future;
    use std::time::Duration;

    use wasm_bindgen::prelude::wasm_bindgen;

    #[wasm_bindgen]
    extern "C" {
        /// There is one in windows, workers and Node; web-sys has those of windows and workers only.
        #[wasm_bindgen(js_namespace = performance, js_name = now)]
        fn performance_now() -> f64;
    }

    pub(crate) type Work<'a, T> = futures_util::future::LocalBoxFuture<'a, T>;

    pub(crate) fn spawn(future: impl Future<Output = ()> + 'static) {
        wasm_bindgen_futures::spawn_local(future);
    }

    pub(crate) fn sleep(duration: Duration) -> Work<'static, ()> {
        Box::pin(gloo_timers::future::sleep(duration))
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "milliseconds")]
    pub(crate) fn now_ms() -> u64 {
        performance_now() as u64
    }

    #[expect(clippy::cast_possible_truncation, reason = "milliseconds")]
    pub(crate) fn wall_ms() -> i64 {
        js_sys::Date::now() as i64
    }
}

#[cfg(target_arch = "wasm32")]
pub(crate) use javascript::{Work, now_ms, sleep, spawn, wall_ms};
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use native::{Work, blocking, now_ms, sleep, spawn, uninterrupted, wall_ms};

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

/// The value, or nothing if it takes longer than that.
pub(crate) async fn within<T>(limit: Duration, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut sleep = sleep(limit);
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(value) => Poll::Ready(Some(value)),
        Poll::Pending => sleep.as_mut().poll(context).map(|()| None),
    })
    .await
}

/// A number that nobody else has.
pub(crate) fn entropy() -> Result<u64, getrandom::Error> {
    getrandom::u64()
}
