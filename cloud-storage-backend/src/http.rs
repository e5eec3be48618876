//! HTTP as object_store wants it, with a note of what became of each request.
//!
//! object_store hides the headers of answers, but the protocol needs the `Date` of each: the store's own clock. And it has to
//! know whether a request that failed was sent at all. So a [`Trace`] travels with a request, in the extensions that object_store
//! passes on, and whoever sends the request writes down what happened.

#[cfg(target_arch = "wasm32")]
mod crypto;
#[cfg(target_arch = "wasm32")]
mod fetch;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::UNIX_EPOCH;

use async_trait::async_trait;
use headwater_journal::StoreTime;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
};

#[cfg(target_arch = "wasm32")]
pub(crate) use crypto::Sha2;

/// How far a request came.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Progress {
    /// Not sent yet: credentials, for example, are asked for before.
    #[default]
    NotSent,
    /// There was nobody to send it to.
    NoConnection,
    /// On its way, for all that is known.
    Sent,
    /// This is the status of the answer.
    Answered(u16),
}

/// What became of one request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trace(Arc<Mutex<(Progress, Option<StoreTime>)>>);

impl Trace {
    fn noted(&self) -> MutexGuard<'_, (Progress, Option<StoreTime>)> {
        // Nothing that holds the lock can panic half-way through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn progress(&self) -> Progress {
        self.noted().0
    }

    /// The `Date` of the answer.
    pub(crate) fn date(&self) -> Option<StoreTime> {
        self.noted().1
    }

    fn answered(&self, answer: &Result<HttpResponse, HttpError>) {
        let mut noted = self.noted();
        match answer {
            Ok(response) => {
                *noted = (Progress::Answered(response.status().as_u16()), date_of(response));
            }
            Err(error) if error.kind() == HttpErrorKind::Connect => noted.0 = Progress::NoConnection,
            Err(_) => {}
        }
    }
}

fn date_of(response: &HttpResponse) -> Option<StoreTime> {
    let text = response.headers().get("date")?.to_str().ok()?;
    let since = httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since.as_millis()).ok().map(StoreTime)
}

/// Makes clients that write traces.
#[derive(Debug)]
pub(crate) struct Connector;

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        connect(options).map(|client| HttpClient::new(Tracing(client)))
    }
}

#[cfg(not(target_arch = "wasm32"))]
fn connect(options: &ClientOptions) -> object_store::Result<HttpClient> {
    // Whoever else in this process chose one before was right.
    drop(rustls::crypto::ring::default_provider().install_default());
    object_store::client::ReqwestConnector::default().connect(options)
}

#[cfg(target_arch = "wasm32")]
#[expect(clippy::unnecessary_wraps, reason = "as it is natively")]
fn connect(_options: &ClientOptions) -> object_store::Result<HttpClient> {
    Ok(HttpClient::new(fetch::Fetch))
}

#[derive(Debug)]
struct Tracing(HttpClient);

#[async_trait]
impl HttpService for Tracing {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let trace = request.extensions().get::<Trace>().cloned().unwrap_or_default();
        trace.noted().0 = Progress::Sent;
        let answer = self.0.execute(request).await;
        trace.answered(&answer);
        answer
    }
}
