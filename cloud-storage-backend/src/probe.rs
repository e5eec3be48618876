//! Whether a store can be used at all, asked before anything is written that counts.

use bytes::Bytes;
use futures_util::future::join_all;
use headwater_journal::{Config, Error, Layout, Outcome, Request};

use crate::error::OpenError;
use crate::runtime;
use crate::store::{Failure, Kind, Store};

/// So many write at once what only one of them may.
const RIVALS: u8 = 4;
/// How often something is tried that may pass, and for how long is waited in between.
const TRIES: u64 = 4;
const BETWEEN_TRIES_MS: u64 = 250;

/// Why a try of the store is over.
enum Stop {
    /// This is what is wrong.
    Error(OpenError),
    /// Something that may pass, so that nobody knows: to be tried again, with another object.
    Unsettled(String),
}

impl From<OpenError> for Stop {
    fn from(error: OpenError) -> Stop {
        Stop::Error(error)
    }
}

impl Store {
    /// Tries whether the store can be used: that objects can be written, read, listed and deleted, that of several who create
    /// one exactly one does, that of several who update one exactly one does, and nobody with an etag of before.
    /// It leaves nothing behind, if deleting is allowed. About 14 requests.
    ///
    /// # Errors
    ///
    /// When it cannot be used.
    pub async fn probe(&self) -> Result<(), OpenError> {
        let config = Config { prefix: self.prefix().to_owned(), ..Config::default() };
        self.probe_under(&Layout::new(&config)).await
    }

    async fn probe_under(&self, layout: &Layout) -> Result<(), OpenError> {
        let mut last = String::new();
        for wait in 0..TRIES {
            pause(wait).await;
            let nonce = runtime::entropy().map_err(|error| OpenError::Options(error.to_string()))?;
            let key = layout.probe(nonce);
            match self.try_conditions(&key).await {
                Ok(()) => return self.clean_up(key).await,
                Err(Stop::Unsettled(said)) => last = said,
                Err(Stop::Error(error)) => {
                    // What is wrong matters more than what is left behind.
                    drop(self.clean_up(key).await);
                    return Err(error);
                }
            }
        }
        Err(OpenError::Unreachable { store: self.to_string(), said: last })
    }

    async fn try_conditions(&self, key: &str) -> Result<(), Stop> {
        let creates = (0..RIVALS).map(|rival| {
            let bytes = content(b'c', rival);
            self.ask("writing", Request::Create { key: key.to_owned(), bytes })
        });
        let created = only_winner(join_all(creates).await)?;
        self.expect(
            created.is_some(),
            "of several who created an object if there was none, not exactly one did",
        )?;
        let (bytes, etag) = self.read_back(key).await?;
        self.expect(
            created == bytes.last().map(|rival| usize::from(*rival)),
            "who created an object if there was none is not whose object is there",
        )?;
        let updates = (0..RIVALS).map(|rival| self.try_update(key, rival, &etag));
        let updated = only_winner(join_all(updates).await)?;
        self.expect(updated.is_some(), "of several who updated an object by its etag, not exactly one did")?;
        let stale = only_winner(vec![self.try_update(key, RIVALS, &etag).await])?;
        self.expect(stale.is_none(), "an object was updated though its etag was another by then")?;
        let (bytes, _) = self.read_back(key).await?;
        self.expect(
            updated == bytes.last().map(|rival| usize::from(*rival)),
            "who updated an object by its etag is not whose object is there",
        )?;
        let folder = key.rsplit_once('/').map_or("", |(folder, _)| folder);
        let list = Request::List { prefix: format!("{folder}/"), after: String::new() };
        self.ask("listing", list).await.map(drop)
    }

    async fn try_update(&self, key: &str, rival: u8, etag: &str) -> Result<Outcome, Stop> {
        let bytes = content(b'u', rival);
        let update = Request::Update { key: key.to_owned(), bytes, etag: etag.to_owned() };
        self.ask("writing", update).await
    }

    async fn read_back(&self, key: &str) -> Result<(Bytes, String), Stop> {
        match self.ask("reading", Request::Get { key: key.to_owned(), limit: None }).await? {
            Outcome::Found { bytes, etag, .. } => Ok((bytes, etag)),
            _ => Err(self.not_conditional("an object that was written cannot be read at once").into()),
        }
    }

    fn expect(&self, holds: bool, what: &'static str) -> Result<(), Stop> {
        if holds { Ok(()) } else { Err(self.not_conditional(what).into()) }
    }

    fn not_conditional(&self, what: &'static str) -> OpenError {
        OpenError::NotConditional { store: self.to_string(), what }
    }

    async fn clean_up(&self, key: String) -> Result<(), OpenError> {
        self.ask_patiently("deleting", Request::Delete { keys: vec![key] }).await.map(drop)
    }

    /// Whether there is a journal already, which can be used as far as its checkpoint tells.
    pub(crate) async fn has_journal(&self, config: &Config) -> Result<bool, OpenError> {
        let layout = Layout::new(config);
        if let Some(checkpoint) = self.find(layout.checkpoint()).await? {
            layout.check_checkpoint(&checkpoint)?;
            return Ok(true);
        }
        // Nobody makes a commit where there is no checkpoint: somebody took it away.
        for prefix in layout.traces() {
            let list = Request::List { prefix, after: String::new() };
            if let Outcome::Listed { keys, .. } = self.ask_patiently("listing", list).await?
                && !keys.is_empty()
                && self.find(layout.checkpoint()).await?.is_none()
            {
                return Err(Error::Damaged { key: layout.checkpoint(), what: "it is gone" }.into());
            }
        }
        Ok(false)
    }

    async fn find(&self, key: String) -> Result<Option<Bytes>, OpenError> {
        match self.ask_patiently("reading", Request::Get { key, limit: None }).await? {
            Outcome::Found { bytes, .. } => Ok(Some(bytes)),
            _ => Ok(None),
        }
    }

    /// Asks again when that may help.
    async fn ask_patiently(&self, doing: &'static str, request: Request) -> Result<Outcome, OpenError> {
        let mut last = String::new();
        for wait in 0..TRIES {
            pause(wait).await;
            match self.ask(doing, request.clone()).await {
                Ok(outcome) => return Ok(outcome),
                Err(Stop::Unsettled(said)) => last = said,
                Err(Stop::Error(error)) => return Err(error),
            }
        }
        Err(OpenError::Unreachable { store: self.to_string(), said: last })
    }

    async fn ask(&self, doing: &'static str, request: Request) -> Result<Outcome, Stop> {
        self.attempt(request).await.map_err(|failure| self.stop(doing, failure))
    }

    fn stop(&self, doing: &'static str, Failure { kind, said }: Failure) -> Stop {
        let store = self.to_string();
        Stop::Error(match kind {
            Kind::NotApplied | Kind::Unknown => return Stop::Unsettled(said),
            Kind::Credentials => OpenError::Credentials { store, said },
            Kind::NoSuchBucket => OpenError::NoSuchBucket { store, said },
            Kind::Forbidden => OpenError::Forbidden { store, doing, said },
            Kind::NoDate => OpenError::NoDate { store },
            Kind::Missing | Kind::NotMatched | Kind::Refused => OpenError::Refused { store, doing, said },
        })
    }
}

/// Never the same twice: etags may be made of the content alone.
fn content(round: u8, rival: u8) -> Bytes {
    Bytes::copy_from_slice(&[round, rival])
}

/// Who wrote, if it was exactly one.
fn only_winner(rivals: Vec<Result<Outcome, Stop>>) -> Result<Option<usize>, Stop> {
    let mut winners = Vec::new();
    for (index, outcome) in rivals.into_iter().enumerate() {
        if let Outcome::Stored { .. } = outcome? {
            winners.push(index);
        }
    }
    Ok(winners.first().copied().filter(|_| winners.len() == 1))
}

async fn pause(tries: u64) {
    if tries > 0 {
        runtime::sleep(std::time::Duration::from_millis(tries * BETWEEN_TRIES_MS)).await;
    }
}
