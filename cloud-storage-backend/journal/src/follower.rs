//! Whoever follows a journal: the fold over its commits, and how it is known to be true.
//!
//! A commit's key may be free again when the commit was collected, and then a GET says 404 as at the tail, and a PUT
//! succeeds. So every answer about a key is believed only if the key cannot have been collected by then: a commit is
//! deleted no earlier than G after the boundary in the checkpoint passed it, so at a time of the store's when the
//! boundary is known to be no further than the next commit (`proven_at`) begins a span of G in which it is not deleted.
//! Half of that is used. When it is over, reading the checkpoint proves it anew, or says that one has to start there.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use crate::append::Header;
use crate::checkpoint::{Checkpoint, SegmentList};
use crate::commit::{Commit, Entry, Place};
use crate::config::{Config, Plant};
use crate::error::Error;
use crate::key::Keys;
use crate::port::{Got, Pending, Port};
use crate::request::StoreTime;
use crate::state::{Placed, State, Verdict};
use crate::wire::{Unsealed, seal, unseal};

const INTENT: [u8; 3] = *b"HWI";
/// What is read of a commit by who wants to know what it is, and not its records.
pub(crate) const HEAD_BYTES: u64 = 64 * 1024;
/// The most commits that are read at once.
const MAX_READ_AHEAD: usize = 64;

/// A commit that was taken in.
#[derive(Clone, Debug)]
pub(crate) struct Folded {
    pub(crate) commit: Arc<Commit>,
    /// What is behind its head, if it was read whole.
    pub(crate) body: Option<Bytes>,
}

/// What is at the next number.
#[derive(Debug)]
pub(crate) enum Look {
    /// A commit, now taken in.
    Next(Folded),
    /// Nothing yet.
    Tail,
    /// Nobody can know any more: it went on from the checkpoint.
    Restarted,
}

pub(crate) struct Follower<E> {
    pub(crate) port: Port<E>,
    pub(crate) config: Arc<Config>,
    pub(crate) keys: Keys,
    pub(crate) state: State,
    proven_at: StoreTime,
    /// When by our own clock the tail was last seen.
    pub(crate) tail_seen_ms: u64,
    /// All commits since the last checkpoint that is known, for who makes the next.
    pub(crate) commits: VecDeque<Folded>,
    /// `next` of that checkpoint.
    pub(crate) checkpointed: Arc<AtomicU64>,
    checkpointed_seen: u64,
    /// When by our own clock it was seen that there is a newer checkpoint.
    pub(crate) checkpoint_seen_ms: u64,
    /// The list of the checkpoint that this began from.
    pub(crate) list: Option<String>,
    /// Commits that are being read already.
    ahead: VecDeque<(u64, Pending<E>)>,
    /// What is read of a commit.
    limit: Option<u64>,
    opened: bool,
}

impl<E> Follower<E> {
    pub(crate) fn new(port: Port<E>, config: Arc<Config>, limit: Option<u64>) -> Follower<E> {
        Follower {
            port,
            keys: Keys::new(&config),
            config,
            state: State::default(),
            proven_at: StoreTime::default(),
            tail_seen_ms: 0,
            commits: VecDeque::new(),
            checkpointed: Arc::default(),
            checkpointed_seen: 0,
            checkpoint_seen_ms: 0,
            list: None,
            ahead: VecDeque::new(),
            limit,
            opened: false,
        }
    }

    /// Begins at the checkpoint; makes the first if there is none.
    pub(crate) async fn open(&mut self) -> Result<(), Error> {
        if self.opened {
            return Ok(());
        }
        let key = self.keys.checkpoint();
        while !self.opened {
            match self.port.get(&key, None).await? {
                Got::Found { bytes, date, .. } => {
                    let checkpoint = opened(&key, Checkpoint::unseal(&bytes))?;
                    self.begin_at(checkpoint, date);
                    self.opened = true;
                }
                Got::Missing { .. } => {
                    let first = Checkpoint::first(self.port.random(), &self.config).seal();
                    self.port.create_own(&key, &first).await?;
                }
            }
        }
        self.read_ahead().await
    }

    fn begin_at(&mut self, checkpoint: Checkpoint, date: StoreTime) {
        self.forget_below(checkpoint.state.next);
        self.state = checkpoint.state;
        self.list = checkpoint.list;
        self.proven_at = date;
        self.commits.clear();
        self.ahead.clear();
    }

    /// Reads what a LIST says there is, all at once, and one more. What it says is a hint and no more.
    pub(crate) async fn read_ahead(&mut self) -> Result<(), Error> {
        let Some(last) = self.state.next.checked_sub(1) else {
            return Ok(());
        };
        let (keys, _) = self.port.list(&self.keys.commits(), &self.keys.commit(last)).await?;
        self.ahead.clear();
        let listed = keys.len().min(MAX_READ_AHEAD) as u64;
        for number in self.state.next..=self.state.next + listed {
            let sent = self.send_look(number);
            self.ahead.push_back((number, sent));
        }
        Ok(())
    }

    pub(crate) fn send_look(&self, number: u64) -> Pending<E> {
        self.port.send_get(&self.keys.commit(number), self.limit)
    }

    /// Whether an answer of this time can be believed.
    pub(crate) fn trusts(&self, date: StoreTime) -> bool {
        date.0 <= self.proven_at.0 + self.config.collect_after_ms / 2
    }

    /// Reads the checkpoint: true if no commit from the next on has been deleted, and none was until then; if not, it
    /// went on from the checkpoint.
    pub(crate) async fn prove(&mut self) -> Result<bool, Error> {
        let key = self.keys.checkpoint();
        let Got::Found { bytes, date, .. } = self.port.get(&key, None).await? else {
            return Err(Error::Damaged { key, what: "it is gone" });
        };
        let checkpoint = opened(&key, Checkpoint::unseal(&bytes))?;
        if checkpoint.boundary <= self.state.next {
            self.proven_at = date;
            self.forget_below(checkpoint.state.next);
            return Ok(true);
        }
        self.begin_at(checkpoint, date);
        Ok(false)
    }

    /// Starts again at the checkpoint, because what is to be read is gone. Then the checkpoint has to be newer.
    pub(crate) async fn restart(&mut self, gone: &'static str) -> Result<(), Error> {
        let key = self.keys.checkpoint();
        let (next, list) = (self.state.next, self.list.take());
        let Got::Found { bytes, date, .. } = self.port.get(&key, None).await? else {
            return Err(Error::Damaged { key, what: "it is gone" });
        };
        let checkpoint = opened(&key, Checkpoint::unseal(&bytes))?;
        if checkpoint.state.next < next || checkpoint.list == list {
            return Err(Error::Damaged { key, what: gone });
        }
        self.begin_at(checkpoint, date);
        self.read_ahead().await
    }

    /// Goes on from the checkpoint if that is further.
    pub(crate) async fn skip_to_checkpoint(&mut self) -> Result<(), Error> {
        let key = self.keys.checkpoint();
        if let Got::Found { bytes, date, .. } = self.port.get(&key, None).await? {
            let checkpoint = opened(&key, Checkpoint::unseal(&bytes))?;
            if checkpoint.state.next > self.state.next {
                self.begin_at(checkpoint, date);
                self.read_ahead().await?;
            }
        }
        Ok(())
    }

    /// Looks at the next number.
    pub(crate) async fn look(&mut self) -> Result<Look, Error> {
        let number = self.state.next;
        while self.ahead.front().is_some_and(|(at, _)| *at < number) {
            self.ahead.pop_front();
        }
        let sent = match self.ahead.pop_front() {
            Some((at, sent)) if at == number => sent,
            _ => self.send_look(number),
        };
        self.looked(sent).await
    }

    /// The same with a GET of that number which is already on its way.
    pub(crate) async fn looked(&mut self, sent: Pending<E>) -> Result<Look, Error> {
        let key = self.keys.commit(self.state.next);
        let got = self.port.got(&key, self.limit, sent).await?;
        self.take(got).await
    }

    pub(crate) async fn take(&mut self, got: Got) -> Result<Look, Error> {
        let (Got::Found { date, .. } | Got::Missing { date }) = &got;
        let careless = self.config.plants(Plant::IgnoreDateOfGet);
        if !self.trusts(*date) && !careless && !self.prove().await? {
            return Ok(Look::Restarted);
        }
        match got {
            Got::Missing { date } => {
                self.proven_at = self.proven_at.max(date);
                self.tail_seen_ms = self.port.now_ms();
                Ok(Look::Tail)
            }
            Got::Found { bytes, last_modified, .. } => {
                // The next one is younger than this.
                self.proven_at = self.proven_at.max(last_modified);
                self.take_commit(bytes).await.map(Look::Next)
            }
        }
    }

    async fn take_commit(&mut self, bytes: Bytes) -> Result<Folded, Error> {
        let key = self.keys.commit(self.state.next);
        let mut object = bytes;
        let mut whole = self.limit.is_none_or(|limit| (object.len() as u64) < limit);
        if Commit::unseal(&object) == Err(Unsealed::Short) && !whole {
            if let Got::Found { bytes, .. } = self.port.get(&key, None).await? {
                object = bytes;
            }
            whole = true;
        }
        let (commit, body) = opened(&key, Commit::unseal(&object))?;
        let body = whole.then(|| object.slice(body..));
        self.fold(commit, body)
    }

    /// Takes a commit in.
    pub(crate) fn fold(&mut self, commit: Commit, body: Option<Bytes>) -> Result<Folded, Error> {
        if let Err(malformed) = self.state.fold(&commit, &self.config) {
            return Err(Error::Damaged { key: self.keys.commit(commit.number), what: malformed.0 });
        }
        self.forget_below(commit.checkpointed);
        let folded = Folded { commit: Arc::new(commit), body };
        self.commits.push_back(folded.clone());
        Ok(folded)
    }

    /// A checkpoint has all commits below.
    pub(crate) fn forget_below(&mut self, next: u64) {
        let known = self.checkpointed.fetch_max(next, Ordering::Relaxed).max(next);
        if known > self.checkpointed_seen {
            self.checkpointed_seen = known;
            self.checkpoint_seen_ms = self.port.now_ms();
        }
        while self.commits.front().is_some_and(|folded| folded.commit.number < known) {
            self.commits.pop_front();
        }
    }

    /// How many commits a cold start has to read.
    pub(crate) fn commits_behind(&self) -> u64 {
        self.state.next.saturating_sub(self.checkpointed.load(Ordering::Relaxed))
    }
}

/// What was opened, or why that is not possible.
pub(crate) fn opened<T>(key: &str, result: Result<T, Unsealed>) -> Result<T, Error> {
    let key = || key.to_owned();
    result.map_err(|unsealed| match unsealed {
        Unsealed::Short => Error::Damaged { key: key(), what: "cut off" },
        Unsealed::Version(version) => Error::Format { key: key(), version },
        Unsealed::Malformed(malformed) => Error::Damaged { key: key(), what: malformed.0 },
    })
}

/// An intent as an object: its batches alone, or behind its header if that has no room in the key.
pub(crate) fn seal_intent(header: &Header, inside: bool, payload: &Bytes) -> Bytes {
    if !inside {
        return payload.clone();
    }
    let mut head = crate::wire::Encoder::default();
    header.encode(&mut head);
    seal(INTENT, &head.0, std::slice::from_ref(payload))
}

/// The header inside of an intent.
pub(crate) fn unseal_intent(object: &[u8]) -> Result<(Header, usize), Unsealed> {
    let (head, body) = unseal(INTENT, object)?;
    let header = Header::decode(&mut crate::wire::Decoder(head)).map_err(Unsealed::Malformed)?;
    Ok((header, body))
}

/// The batches of an entry that it added to partitions: number of the batch, where it was placed.
pub(crate) fn added(entry: &Entry) -> impl Iterator<Item = (usize, &Placed)> {
    let placed = match &entry.verdict {
        Verdict::Committed(placed) => placed.as_slice(),
        Verdict::Rejected(_) => &[],
    };
    placed.iter().enumerate().filter(|(_, placed)| !placed.duplicate)
}

/// The bytes of an entry's batches, all of them; none if the intent is not there.
pub(crate) async fn payload<E>(
    port: &Port<E>,
    keys: &Keys,
    folded: &Folded,
    entry: &Entry,
    sent: Option<Pending<E>>,
) -> Result<Option<Bytes>, Error> {
    let length = entry.header.length();
    let (key, bytes, start) = match entry.place {
        Place::Inline(position) => {
            let key = keys.commit(folded.commit.number);
            let body = match &folded.body {
                Some(body) => body.clone(),
                None => match port.get(&key, None).await? {
                    Got::Found { bytes, .. } => {
                        let (commit, body) = opened(&key, Commit::unseal(&bytes))?;
                        if commit.nonce != folded.commit.nonce {
                            // It was collected, and its key taken once more.
                            return Ok(None);
                        }
                        bytes.slice(body..)
                    }
                    Got::Missing { .. } => return Ok(None),
                },
            };
            (key, body, usize::try_from(position).unwrap_or(usize::MAX))
        }
        Place::Intent(number) => {
            let (key, inside) = keys.intent(number, &entry.header);
            let got = match sent {
                Some(sent) => port.got(&key, None, sent).await?,
                None => port.get(&key, None).await?,
            };
            let Got::Found { bytes, .. } = got else { return Ok(None) };
            let start = if inside { opened(&key, unseal_intent(&bytes))?.1 } else { 0 };
            (key, bytes, start)
        }
    };
    let end = start.saturating_add(length);
    if end > bytes.len() {
        return Err(Error::Damaged { key, what: "cut off" });
    }
    let bytes = bytes.slice(start..end);
    let mut rest = bytes.as_ref();
    for part in &entry.header.parts {
        let (own, after) = rest.split_at_checked(part.length as usize).unwrap_or_default();
        if headwater_engine::record::crc32c(own) != part.crc {
            return Err(Error::Damaged { key, what: "a batch has another checksum" });
        }
        rest = after;
    }
    Ok(Some(bytes))
}

/// Asks for the intents of a commit, all at once: one for each entry that is one and added something.
pub(crate) fn send_payloads<E>(port: &Port<E>, keys: &Keys, commit: &Commit) -> Vec<Option<Pending<E>>> {
    let send = |entry: &Entry| match entry.place {
        Place::Intent(number) if added(entry).next().is_some() => {
            Some(port.send_get(&keys.intent(number, &entry.header).0, None))
        }
        _ => None,
    };
    commit.entries.iter().map(send).collect()
}

/// The list of a checkpoint.
pub(crate) async fn read_list<E>(port: &Port<E>, key: Option<&str>) -> Result<Option<SegmentList>, Error> {
    let Some(key) = key else { return Ok(Some(SegmentList::default())) };
    match port.get(key, None).await? {
        Got::Found { bytes, .. } => Ok(Some(opened(key, SegmentList::unseal(&bytes))?)),
        Got::Missing { .. } => Ok(None),
    }
}
