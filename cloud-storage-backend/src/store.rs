//! An object store, one request at a time.

#[cfg(not(target_arch = "wasm32"))]
mod directory;
mod failure;
mod open;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use headwater_journal::{Outcome, Request, StoreTime};
use object_store::list::{PaginatedListOptions, PaginatedListStore};
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectMeta, ObjectStore, PutMode, PutOptions, UpdateVersion};

#[cfg(not(target_arch = "wasm32"))]
use self::directory::Directory;
pub(crate) use self::failure::{Failure, Kind};
use crate::http::{Progress, Trace};
use crate::runtime;

/// The most keys of a page of a LIST.
const PAGE_KEYS: usize = 1_000;
/// How long a request may take, unless told otherwise.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// An object store. Clones are the same one.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
    request_timeout: Duration,
}

struct Shared {
    /// What people call it.
    name: String,
    /// What all keys begin with; empty, or ends in a slash.
    prefix: String,
    objects: Arc<dyn ObjectStore>,
    kind: StoreKind,
}

enum StoreKind {
    /// A service that answers over HTTP. It lists by pages, and says itself what time it is.
    Remote {
        pages: Arc<dyn PaginatedListStore>,
        /// Google's conditions are about numbers of generations, not etags.
        conditions: Conditions,
    },
    #[cfg(not(target_arch = "wasm32"))]
    Directory(Directory),
    Memory,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Conditions {
    Etag,
    #[cfg_attr(target_arch = "wasm32", expect(dead_code, reason = "Google is reached natively only"))]
    Generation,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Store").field(&self.shared.name).finish()
    }
}

impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shared.name)
    }
}

impl Store {
    /// What all keys begin with that are used in it; empty, or ends in a slash.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.shared.prefix
    }

    /// The same store, with another time after which the outcome of a request is unknown. Ten seconds by default.
    #[must_use]
    pub fn with_request_timeout(self, request_timeout: Duration) -> Store {
        Store { request_timeout, ..self }
    }

    /// Carries out a request, once. Dropping the future leaves it unknown what came of it.
    pub async fn execute(&self, request: Request) -> Outcome {
        match self.attempt(request).await {
            Ok(outcome) => outcome,
            Err(failure) => failure.into(),
        }
    }

    /// Reads a part of an object, once. Less than was asked for if the object ends before.
    pub(crate) async fn read_part(&self, key: &str, range: Range<u64>) -> Outcome {
        match runtime::within(self.request_timeout, self.read(key, Some(range))).await {
            Some(Ok(outcome)) => outcome,
            Some(Err(failure)) => failure.into(),
            None => Outcome::Unknown,
        }
    }

    /// The same, and why if not.
    pub(crate) async fn attempt(&self, request: Request) -> Result<Outcome, Failure> {
        match runtime::within(self.request_timeout, self.carry_out(request)).await {
            Some(result) => result,
            None => {
                let seconds = self.request_timeout.as_secs_f32();
                Err(Failure::new(Kind::Unknown, format!("no answer within {seconds} s")))
            }
        }
    }

    async fn carry_out(&self, request: Request) -> Result<Outcome, Failure> {
        match request {
            Request::Get { key, limit } => self.read(&key, limit.map(|limit| 0..limit)).await,
            Request::Create { key, bytes } => self.write(&key, bytes, None).await,
            Request::Update { key, bytes, etag } => self.write(&key, bytes, Some(etag)).await,
            Request::List { prefix, after } => self.list(&prefix, &after).await,
            Request::Delete { keys } => self.delete(&keys).await,
        }
    }

    async fn read(&self, key: &str, range: Option<Range<u64>>) -> Result<Outcome, Failure> {
        let path = path(key)?;
        let trace = Trace::default();
        match self.read_range(&path, range, &trace).await {
            Ok((bytes, meta)) => {
                Ok(Outcome::Found {
                    bytes,
                    last_modified: StoreTime(meta.last_modified.timestamp_millis()),
                    etag: self.etag(meta)?,
                    // Not believed when it is missing: a reader would take a key that was deleted for the tail.
                    date: self.date(&trace).ok_or_else(|| Failure::no_date(Kind::Refused))?,
                })
            }
            Err(failure) if failure.kind == Kind::Missing => {
                let date = self.date(&trace).ok_or_else(|| Failure::no_date(Kind::Refused))?;
                Ok(Outcome::Missing { date })
            }
            Err(failure) => Err(failure),
        }
    }

    async fn read_range(
        &self,
        path: &Path,
        range: Option<Range<u64>>,
        trace: &Trace,
    ) -> Result<(Bytes, ObjectMeta), Failure> {
        match self.read_bytes(path, range.clone(), trace).await {
            // No range of an empty object can be had.
            Err(error)
                if range.is_some_and(|range| range.start == 0) && self.is_out_of_range(&error, trace) =>
            {
                self.read_bytes(path, None, trace).await
            }
            other => other,
        }
        .map_err(|error| self.failure(&error, trace))
    }

    async fn read_bytes(
        &self,
        path: &Path,
        range: Option<Range<u64>>,
        trace: &Trace,
    ) -> object_store::Result<(Bytes, ObjectMeta)> {
        let mut options = GetOptions { range: range.map(GetRange::Bounded), ..GetOptions::default() };
        options.extensions.insert(trace.clone());
        let got = self.shared.objects.get_opts(path, options).await?;
        let meta = got.meta.clone();
        Ok((got.bytes().await?, meta))
    }

    fn is_out_of_range(&self, error: &object_store::Error, trace: &Trace) -> bool {
        match self.shared.kind {
            StoreKind::Remote { .. } => trace.progress() == Progress::Answered(416),
            _ => !matches!(error, object_store::Error::NotFound { .. }),
        }
    }

    async fn write(&self, key: &str, bytes: Bytes, etag: Option<String>) -> Result<Outcome, Failure> {
        let path = path(key)?;
        let trace = Trace::default();
        let updates = etag.is_some();
        let written = match (&self.shared.kind, etag) {
            #[cfg(not(target_arch = "wasm32"))]
            (StoreKind::Directory(directory), Some(etag)) => directory.update(path, bytes, etag).await,
            (kind, etag) => {
                let mode = etag.map_or(PutMode::Create, |etag| PutMode::Update(kind.version(etag)));
                let mut options = PutOptions::from(mode);
                options.extensions.insert(trace.clone());
                self.shared.objects.put_opts(&path, bytes.into(), options).await.map(drop)
            }
        };
        match written.map_err(|error| self.failure(&error, &trace)) {
            Ok(()) => {
                let date = self.date(&trace).ok_or_else(|| Failure::no_date(Kind::Unknown))?;
                Ok(Outcome::Stored { date })
            }
            Err(failure) => match failure.kind {
                Kind::NotMatched => Ok(Outcome::NotMatched),
                // S3 says 404 where others say 412.
                Kind::Missing if updates => Ok(Outcome::NotMatched),
                Kind::Missing => Err(Failure { kind: Kind::Refused, ..failure }),
                _ => Err(failure),
            },
        }
    }

    async fn list(&self, prefix: &str, after: &str) -> Result<Outcome, Failure> {
        match &self.shared.kind {
            StoreKind::Remote { pages, .. } => self.list_page(pages.as_ref(), prefix, after).await,
            _ => self.list_all(prefix, after).await,
        }
    }

    async fn list_page(
        &self,
        pages: &dyn PaginatedListStore,
        prefix: &str,
        after: &str,
    ) -> Result<Outcome, Failure> {
        let mut page_token = None;
        loop {
            let trace = Trace::default();
            let mut options = PaginatedListOptions {
                offset: (!after.is_empty()).then(|| after.to_owned()),
                max_keys: Some(PAGE_KEYS),
                page_token,
                ..PaginatedListOptions::default()
            };
            options.extensions.insert(trace.clone());
            let page = pages.list_paginated(Some(prefix), options).await;
            let page = page.map_err(|error| match self.failure(&error, &trace) {
                failure if failure.kind == Kind::Missing => Failure { kind: Kind::NoSuchBucket, ..failure },
                failure => failure,
            })?;
            let keys = keys_after(page.result.objects, after);
            page_token = page.page_token;
            // A store that does not know where to begin gives pages with nothing that was asked for.
            if !keys.is_empty() || page_token.is_none() {
                return Ok(Outcome::Listed { keys, more: page_token.is_some() });
            }
        }
    }

    async fn list_all(&self, prefix: &str, after: &str) -> Result<Outcome, Failure> {
        let folder = prefix.rsplit_once('/').map_or("", |(folder, _)| folder);
        let objects = self.shared.objects.list(Some(&path(folder)?)).try_collect::<Vec<_>>().await;
        let mut keys = keys_after(objects.map_err(|error| self.failure(&error, &Trace::default()))?, after);
        keys.retain(|key| key.starts_with(prefix));
        let more = keys.len() > PAGE_KEYS;
        keys.truncate(PAGE_KEYS);
        Ok(Outcome::Listed { keys, more })
    }

    async fn delete(&self, keys: &[String]) -> Result<Outcome, Failure> {
        let paths = keys.iter().map(|key| path(key)).collect::<Result<Vec<_>, _>>()?;
        let mut deleted = self.shared.objects.delete_stream(stream::iter(paths).map(Ok).boxed());
        while let Some(one) = deleted.next().await {
            match one.map_err(|error| self.failure(&error, &Trace::default())) {
                Ok(_) => {}
                Err(failure) if failure.kind == Kind::Missing => {}
                Err(failure) => return Err(failure),
            }
        }
        Ok(Outcome::Deleted)
    }

    fn failure(&self, error: &object_store::Error, trace: &Trace) -> Failure {
        match self.shared.kind {
            StoreKind::Remote { .. } => Failure::of_answer(error, trace.progress()),
            _ => Failure::of_machine(error),
        }
    }

    fn etag(&self, meta: ObjectMeta) -> Result<String, Failure> {
        let generation =
            matches!(self.shared.kind, StoreKind::Remote { conditions: Conditions::Generation, .. });
        let etag = if generation { meta.version } else { meta.e_tag };
        etag.ok_or_else(|| Failure::new(Kind::Refused, "its answers have no ETag header".to_owned()))
    }

    /// What time it is for the store.
    fn date(&self, trace: &Trace) -> Option<StoreTime> {
        match self.shared.kind {
            StoreKind::Remote { .. } => trace.date(),
            _ => Some(StoreTime(runtime::wall_ms())),
        }
    }
}

impl StoreKind {
    fn version(&self, etag: String) -> UpdateVersion {
        match self {
            StoreKind::Remote { conditions: Conditions::Generation, .. } => {
                UpdateVersion { e_tag: None, version: Some(etag) }
            }
            _ => UpdateVersion { e_tag: Some(etag), version: None },
        }
    }
}

fn path(key: &str) -> Result<Path, Failure> {
    Path::parse(key).map_err(|error| Failure::new(Kind::Refused, error.to_string()))
}

fn keys_after(objects: Vec<ObjectMeta>, after: &str) -> Vec<String> {
    let keys = objects.into_iter().map(|object| String::from(object.location));
    let mut keys: Vec<String> = keys.filter(|key| key.as_str() > after).collect();
    keys.sort_unstable();
    keys
}
