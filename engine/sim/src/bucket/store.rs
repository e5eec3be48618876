//! An object store in memory, with the faults of real ones.
//!
//! What it promises: an object is written whole or not at all; a PUT with a condition is decided at one moment; after a
//! PUT was answered, every GET sees it. What goes wrong:
//!
//! - an answer is lost (*time-out*), and the request was applied, or was not, or will be, even an hour later;
//! - requests are refused without being applied (503), and conditional ones because another is under way (409);
//! - a LIST does not show what was written lately, and shows what was deleted lately;
//! - the checkpoint's key takes one write a second (R2), more are refused with 429;
//! - latency has a tail, and differs between requests, so that they overtake each other;
//! - `Date` and `Last-Modified` are whole seconds of the store's own clock, which is not that of the clients.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use headwater_journal::{Outcome, Request, StoreTime};

use crate::random::Random;

/// The store's clock when a run begins: 2023-11-14T22:13:20Z and a bit, by nobody else's clock.
const DATE_START_MS: i64 = 1_700_000_000_371;
/// Names in a page of a LIST.
const PAGE: usize = 1_000;

struct Object {
    bytes: Bytes,
    etag: String,
    written_ms: u64,
    /// From then on a LIST shows it.
    listed_from_ms: u64,
}

/// What kinds of requests there are, by their price.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Get,
    Put,
    List,
    Delete,
}

impl Kind {
    pub(crate) fn of(request: &Request) -> Kind {
        match request {
            Request::Get { .. } => Kind::Get,
            Request::Create { .. } | Request::Update { .. } => Kind::Put,
            Request::List { .. } => Kind::List,
            Request::Delete { .. } => Kind::Delete,
        }
    }
}

/// What was deleted, for the checker of collection.
pub(crate) struct Deleted {
    pub(crate) key: String,
    pub(crate) age_ms: u64,
    /// It was written where another had been deleted: a PUT that landed late.
    pub(crate) again: bool,
}

pub(crate) struct Store {
    objects: BTreeMap<String, Object>,
    /// Deleted, but a LIST shows it until then.
    ghosts: BTreeMap<String, u64>,
    pub(crate) deleted: Vec<Deleted>,
    /// All keys that were ever deleted.
    gone: BTreeSet<String>,
    random: Random,
    /// How long a LIST may lag behind, at most.
    pub(crate) list_lag_ms: u64,
    /// One write a second of a key.
    pub(crate) slow_updates: bool,
}

impl Store {
    pub(crate) fn new(random: Random, list_lag_ms: u64, slow_updates: bool) -> Store {
        Store {
            objects: BTreeMap::new(),
            ghosts: BTreeMap::new(),
            deleted: Vec::new(),
            gone: BTreeSet::new(),
            random,
            list_lag_ms,
            slow_updates,
        }
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        self.objects.keys().map(String::as_str)
    }

    /// Whether a key had an object before that was deleted.
    pub(crate) fn was_collected(&self, request: &Request) -> bool {
        matches!(request, Request::Create { key, .. } if self.gone.contains(key))
    }

    fn date(now_ms: u64) -> StoreTime {
        let ms = DATE_START_MS.saturating_add_unsigned(now_ms);
        StoreTime(ms - ms.rem_euclid(1_000))
    }

    /// Carries a request out at this moment.
    pub(crate) fn apply(&mut self, now_ms: u64, request: &Request) -> Outcome {
        let date = Store::date(now_ms);
        match request {
            Request::Get { key, limit } => match self.objects.get(key) {
                Some(object) => {
                    let most = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
                    Outcome::Found {
                        bytes: object.bytes.slice(..object.bytes.len().min(most)),
                        etag: object.etag.clone(),
                        last_modified: Store::date(object.written_ms),
                        date,
                    }
                }
                None => Outcome::Missing { date },
            },
            Request::Create { key, bytes } => {
                if self.objects.contains_key(key) {
                    return Outcome::NotMatched;
                }
                self.write(now_ms, key, bytes.clone());
                Outcome::Stored { date }
            }
            Request::Update { key, bytes, etag } => match self.objects.get(key) {
                Some(object) if self.slow_updates && now_ms < object.written_ms + 1_000 => {
                    Outcome::NotApplied
                }
                Some(object) if object.etag == *etag => {
                    self.write(now_ms, key, bytes.clone());
                    Outcome::Stored { date }
                }
                _ => Outcome::NotMatched,
            },
            Request::List { prefix, after } => self.list(now_ms, prefix, after),
            Request::Delete { keys } => {
                for key in keys {
                    self.delete(now_ms, key);
                }
                Outcome::Deleted
            }
        }
    }

    fn write(&mut self, now_ms: u64, key: &str, bytes: Bytes) {
        let lag = self.random.below(self.list_lag_ms + 1);
        // As with S3, the etag is of the content: the same bytes have the same.
        let etag = format!("{:08x}-{}", headwater_engine::record::crc32c(&bytes), bytes.len());
        let object = Object { bytes, etag, written_ms: now_ms, listed_from_ms: now_ms + lag };
        self.objects.insert(key.to_owned(), object);
    }

    fn delete(&mut self, now_ms: u64, key: &str) {
        if let Some(object) = self.objects.remove(key) {
            let again = !self.gone.insert(key.to_owned());
            self.deleted.push(Deleted { key: key.to_owned(), age_ms: now_ms - object.written_ms, again });
            self.ghosts.insert(key.to_owned(), now_ms + self.random.below(self.list_lag_ms + 1));
        }
    }

    fn list(&mut self, now_ms: u64, prefix: &str, after: &str) -> Outcome {
        self.ghosts.retain(|_, until| *until > now_ms);
        let from = if after > prefix { after } else { prefix };
        let mut keys: Vec<String> = self
            .objects
            .range(from.to_owned()..)
            .take_while(|(key, _)| key.starts_with(prefix))
            .filter(|(key, object)| key.as_str() > after && object.listed_from_ms <= now_ms)
            .map(|(key, _)| key.clone())
            .take(PAGE + 1)
            .collect();
        let ghosts = self.ghosts.keys().filter(|key| key.starts_with(prefix) && key.as_str() > after);
        keys.extend(ghosts.cloned());
        keys.sort_unstable();
        keys.dedup();
        let more = keys.len() > PAGE;
        keys.truncate(PAGE);
        Outcome::Listed { keys, more }
    }
}

/// How long requests take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Latency {
    pub(crate) get_us: u64,
    pub(crate) put_us: u64,
    pub(crate) list_us: u64,
    /// Bytes a millisecond, of one request.
    pub(crate) bytes_per_ms: u64,
}

impl Latency {
    /// As S3 in the region.
    pub(crate) const S3: Latency =
        Latency { get_us: 15_000, put_us: 25_000, list_us: 30_000, bytes_per_ms: 80_000 };

    /// In microseconds: six tenths of the mean at least, then exponential; and one in a hundred takes long.
    pub(crate) fn draw(&self, random: &mut Random, kind: Kind, bytes: usize) -> u64 {
        let mean = match kind {
            Kind::Get => self.get_us,
            Kind::Put => self.put_us,
            Kind::List | Kind::Delete => self.list_us,
        };
        // -ln(u) by sums would need floats; they are the same everywhere for this.
        let uniform = (random.below(1 << 24) + 1) as f64 / f64::from(1 << 24);
        let exponential = (-uniform.ln() * 0.4 * mean as f64) as u64;
        let tail = if random.one_in(100) { random.within(50_000..300_000) } else { 0 };
        mean * 6 / 10 + exponential + tail + bytes as u64 * 1_000 / self.bytes_per_ms
    }
}
