//! An append from its beginning until its fate is known.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use bytes::Bytes;

use super::machine::Core;
use super::{Answer, Batch};
use crate::append::{AppendId, Header};
use crate::commit::{Commit, Entry, INTENT_COMMITS, Place, last_commit_of};
use crate::config::Plant;
use crate::error::Error;
use crate::follower::{Look, opened, seal_intent, unseal_intent};
use crate::key::IntentName;
use crate::port::{Got, Pending, refusal};
use crate::request::{Outcome, Request};
use crate::state::{Placed, Rejection, Verdict};

/// The most appends of a commit.
const MAX_ENTRIES: usize = 512;
/// The most names that are looked through for a commit.
const MAX_LISTED: usize = 5_000;
/// For each other writer, so much longer is waited before one makes a commit oneself.
const PATIENCE_MS: u64 = 6;
/// After a commit or an intent, the next commit cannot be there sooner.
const FIRST_POLL_MS: u64 = 35;
/// Then it is asked so often.
const POLL_MS: u64 = 20;
/// Who has not seen the tail for so long and lost begins at the checkpoint, if that is further.
const STALE_MS: u64 = 5_000;

/// An attempt looks for intents for so many commits back, one in so many for all that may be committed, and so does who
/// was left out so often.
const RECENT_COMMITS: u64 = 4;
const THOROUGH_ONE_IN: u64 = 4;
const THOROUGH_MISSES: u32 = 3;
/// So often it is looked whether the checkpoint that is being made is there.
const KEEPER_MS: u64 = 5;
/// If somebody else should be making it, so often.
const CHECKPOINT_POLL_MS: u64 = 50;
/// For each other writer, so much longer is waited before one makes it oneself.
const CHECKPOINT_PATIENCE_MS: u64 = 200;
/// Of so many commits that are made alone one after the other, one looks for intents: else their authors might wait for
/// ever, as who does not look for others is faster than who does.
const ALONE_BLINDLY: u32 = 8;

/// What is to be appended.
pub(super) struct Wanted {
    header: Header,
    payload: Bytes,
}

impl Wanted {
    pub(super) fn new(header: Header, batches: &[Batch]) -> Wanted {
        let payload = match batches {
            [batch] => batch.bytes.clone(),
            batches => batches.iter().flat_map(|batch| batch.bytes.iter().copied()).collect(),
        };
        Wanted { header, payload }
    }
}

/// The fate of an append.
#[derive(Debug)]
pub(super) enum Settled {
    Committed(Vec<Placed>),
    Rejected(Rejection),
    /// It may be there, but everything that could tell was collected.
    NeverKnown,
    Failed(Error),
    /// There was no append, but a checkpoint to be made.
    Maintained,
}

impl From<&Verdict> for Settled {
    fn from(verdict: &Verdict) -> Settled {
        match verdict {
            Verdict::Committed(placed) => Settled::Committed(placed.clone()),
            Verdict::Rejected(rejection) => Settled::Rejected(*rejection),
        }
    }
}

/// What came of the attempt to make a commit.
enum Attempt {
    /// The own append is settled.
    Settled(Settled),
    /// The commit that was attempted is there, and not yet taken in.
    Won,
    /// Somebody else was first, and that one is now taken in.
    Lost,
    /// Went on from the checkpoint. What was attempted may have been done.
    Restarted,
}

pub(super) async fn run(mut core: Box<Core>, wanted: Wanted) -> (Box<Core>, Settled) {
    let settled = Appending { core: &mut core, wanted, intent: None, misses: 0 }.run().await;
    (core, settled.unwrap_or_else(Settled::Failed))
}

/// Reads on to the tail and makes a checkpoint.
pub(super) async fn maintain(mut core: Box<Core>) -> (Box<Core>, Settled) {
    let settled = match make_checkpoint(&mut core).await {
        Ok(()) => Settled::Maintained,
        Err(error) => Settled::Failed(error),
    };
    (core, settled)
}

async fn make_checkpoint(core: &mut Core) -> Result<(), Error> {
    core.follower.open().await?;
    core.follower.skip_to_checkpoint().await?;
    while !matches!(core.follower.look().await?, Look::Tail) {}
    core.job(core.follower.port.background(), true).run().await
}

struct Appending<'a> {
    core: &'a mut Core,
    wanted: Wanted,
    /// The commit for which an intent was written that stands for it, if there is one.
    intent: Option<u64>,
    /// How many commits went by without it since the intent was there.
    misses: u32,
}

impl Appending<'_> {
    async fn run(&mut self) -> Result<Settled, Error> {
        self.core.won = false;
        self.core.follower.open().await?;
        loop {
            if let Some(settled) = self.verdict() {
                return Ok(settled);
            }
            self.stay_near_the_checkpoint().await?;
            let attempt = if self.others() == 0 && self.misses == 0 {
                if self.is_large() {
                    self.write_intent().await?;
                }
                self.commit_alone().await?
            } else {
                self.write_intent().await?;
                self.wait().await?
            };
            match attempt {
                Attempt::Settled(settled) => return Ok(settled),
                Attempt::Lost | Attempt::Won => self.catch_up_after_a_loss().await?,
                Attempt::Restarted => match self.verdict() {
                    Some(settled) => return Ok(settled),
                    None => return Ok(Settled::NeverKnown),
                },
            }
        }
    }

    fn id(&self) -> AppendId {
        self.wanted.header.id
    }

    fn verdict(&self) -> Option<Settled> {
        self.core.follower.state.verdict(self.id()).map(Settled::from)
    }

    fn is_large(&self) -> bool {
        self.wanted.payload.len() > self.core.follower.config.max_inline_bytes
    }

    fn plants(&self, plant: Plant) -> bool {
        self.core.follower.config.plants(plant)
    }

    fn others(&mut self) -> u64 {
        let now = self.core.follower.port.now_ms();
        let own = self.id();
        self.core.crowd.others(now, own)
    }

    /// Who was idle does not read what a checkpoint has: nothing of this append is in the store yet.
    async fn catch_up_after_a_loss(&mut self) -> Result<(), Error> {
        let follower = &mut self.core.follower;
        let stale = follower.port.now_ms() > follower.tail_seen_ms + STALE_MS;
        if stale && self.intent.is_none() {
            follower.tail_seen_ms = follower.port.now_ms();
            follower.skip_to_checkpoint().await?;
        }
        Ok(())
    }

    /// No commit is made too far from the checkpoint: then a checkpoint is due first, and somebody makes it.
    async fn stay_near_the_checkpoint(&mut self) -> Result<(), Error> {
        let patience = self.others() * CHECKPOINT_PATIENCE_MS;
        let port = self.core.follower.port.clone();
        let job_at = port.now_ms() + port.random_up_to(patience);
        let mut prove_at = port.now_ms() + CHECKPOINT_POLL_MS;
        while self.is_far() {
            let now = port.now_ms();
            let keeper_runs = self.core.keeper_runs.load(Ordering::Relaxed);
            if now >= job_at && !keeper_runs {
                self.core.job(port.clone(), false).run().await?;
            } else if now < prove_at {
                port.sleep(KEEPER_MS).await;
                continue;
            }
            if !self.core.follower.prove().await? {
                return Ok(());
            }
            prove_at = port.now_ms() + CHECKPOINT_POLL_MS;
        }
        self.core.follower.forget_below(0);
        Ok(())
    }

    fn is_far(&self) -> bool {
        self.core.follower.commits_behind() >= self.core.follower.config.max_commits_behind
    }

    /// Writes the intent, unless there is one that may still be committed.
    async fn write_intent(&mut self) -> Result<(), Error> {
        let follower = &self.core.follower;
        if self.intent.is_some_and(|number| follower.state.next <= last_commit_of(number)) {
            return Ok(());
        }
        let number = follower.state.next;
        let (key, inside) = follower.keys.intent(number, &self.wanted.header);
        let object = seal_intent(&self.wanted.header, inside, &self.wanted.payload);
        follower.port.create_own(&key, &object).await?;
        self.intent = Some(number);
        self.misses = 0;
        Ok(())
    }

    /// Waits until somebody has committed the intent, or does it.
    async fn wait(&mut self) -> Result<Attempt, Error> {
        let began = self.core.follower.port.now_ms();
        let mut attempt_at = began + self.patience();
        let mut poll_at = began + FIRST_POLL_MS;
        let mut at_tail = true;
        loop {
            let now = self.core.follower.port.now_ms();
            let attempt = if at_tail && now >= attempt_at {
                self.combine().await?
            } else if now >= poll_at {
                match self.core.follower.look().await? {
                    Look::Next(folded) => self.took(&folded.commit),
                    Look::Restarted => Attempt::Restarted,
                    Look::Tail => {
                        let now = self.core.follower.port.now_ms();
                        if !at_tail {
                            self.misses += 1;
                            attempt_at = now + self.patience();
                        }
                        at_tail = true;
                        poll_at = now + POLL_MS;
                        continue;
                    }
                }
            } else {
                let wake_at = if at_tail { attempt_at.min(poll_at) } else { poll_at };
                self.core.follower.port.sleep_until(wake_at).await;
                continue;
            };
            if !matches!(attempt, Attempt::Lost) {
                return Ok(attempt);
            }
            let next = self.core.follower.state.next;
            let expired = self.intent.is_some_and(|number| next > last_commit_of(number));
            if expired || self.is_far() {
                return Ok(Attempt::Lost);
            }
            // Who was not the first reads on, at once, to where nobody was yet.
            at_tail = false;
            poll_at = now;
        }
    }

    /// How long it is left to others to make a commit.
    fn patience(&mut self) -> u64 {
        let misses = if self.plants(Plant::Selfish) { 0 } else { u64::from(self.misses) };
        let most = self.others() * PATIENCE_MS / (1 + misses);
        self.core.follower.port.random_up_to(most)
    }

    /// What a commit by somebody else means for this append.
    fn took(&mut self, commit: &Commit) -> Attempt {
        let now = self.core.follower.port.now_ms();
        for entry in &commit.entries {
            self.core.crowd.saw(now, entry.header.id);
        }
        match self.verdict() {
            Some(settled) => Attempt::Settled(settled),
            None => Attempt::Lost,
        }
    }

    /// Makes a commit of the own append.
    async fn commit_alone(&mut self) -> Result<Attempt, Error> {
        self.core.alone += 1;
        if !self.core.alone.is_multiple_of(ALONE_BLINDLY) {
            return self.commit(Vec::new()).await;
        }
        let follower = &self.core.follower;
        let (prefix, after) = self.intents();
        let list = follower.port.send_list(&prefix, &after);
        let attempt = self.commit(Vec::new()).await?;
        let (keys, _) = self.core.follower.port.listed(&prefix, &after, list).await?;
        let now = self.core.follower.port.now_ms();
        let waiting: Vec<AppendId> = self.fresh(&keys).map(|(id, _)| id).collect();
        for id in waiting {
            self.core.crowd.saw(now, id);
        }
        Ok(attempt)
    }

    /// What to list. Most intents are for one of the last commits; older ones are looked for now and then, so that a LIST
    /// has few of those that are committed.
    fn intents(&self) -> (String, String) {
        let follower = &self.core.follower;
        let thorough =
            self.misses >= THOROUGH_MISSES || follower.port.random().is_multiple_of(THOROUGH_ONE_IN);
        let back = if thorough { INTENT_COMMITS } else { RECENT_COMMITS };
        let oldest = follower.state.next.saturating_sub(back);
        (follower.keys.intents(), follower.keys.intents_for(oldest))
    }

    /// Makes a commit of all intents there are.
    async fn combine(&mut self) -> Result<Attempt, Error> {
        let (prefix, after) = self.intents();
        let follower = &mut self.core.follower;
        let list = follower.port.send_list(&prefix, &after);
        let look = follower.send_look(follower.state.next);
        let (mut keys, mut more) = follower.port.listed(&prefix, &after, list).await?;
        match follower.looked(look).await? {
            Look::Next(folded) => return Ok(self.took(&folded.commit)),
            Look::Restarted => return Ok(Attempt::Restarted),
            Look::Tail => {}
        }
        while more && keys.len() < MAX_LISTED {
            let after = keys.last().cloned().unwrap_or_default();
            let page = self.core.follower.port.list(&prefix, &after).await?;
            keys.extend(page.0);
            more = page.1;
        }
        let others = if self.plants(Plant::Selfish) { Vec::new() } else { self.headers(keys).await? };
        self.commit(others).await
    }

    /// The listed appends that are to be committed: not committed yet, and not too old. Not beginning with the same ones
    /// each time, should there be too many.
    async fn headers(&self, mut keys: Vec<String>) -> Result<Vec<(Header, Place)>, Error> {
        let follower = &self.core.follower;
        let start = usize::try_from(follower.port.random()).unwrap_or(0) % keys.len().max(1);
        keys.rotate_left(start);
        let mut headers = Vec::new();
        let mut seen = BTreeSet::from([self.id()]);
        let mut sent = Vec::new();
        for (id, (key, number, name)) in self.fresh(&keys) {
            if headers.len() + sent.len() + 1 >= MAX_ENTRIES || !seen.insert(id) {
                continue;
            }
            match name {
                IntentName::Header(header) => headers.push((header, Place::Intent(number))),
                IntentName::Inside(_) => sent.push((key, number, follower.port.send_get(key, None))),
            }
        }
        for (key, number, sent) in sent {
            if let Got::Found { bytes, .. } = follower.port.got(key, None, sent).await? {
                headers.push((opened(key, unseal_intent(&bytes))?.0, Place::Intent(number)));
            }
        }
        Ok(headers)
    }

    /// The intents that may be committed next.
    fn fresh<'k>(
        &self,
        keys: &'k [String],
    ) -> impl Iterator<Item = (AppendId, (&'k String, u64, IntentName))> + use<'_, 'k> {
        let follower = &self.core.follower;
        keys.iter().filter_map(move |key| {
            let (number, name) = follower.keys.intent_name(key)?;
            let (IntentName::Header(Header { id, .. }) | IntentName::Inside(id)) = name;
            let known = follower.state.verdict(id).is_some() && !self.plants(Plant::ForgetIds);
            let old = follower.state.next > last_commit_of(number);
            let early = number > follower.state.next;
            (!known && !old && !early).then_some((id, (key, number, name)))
        })
    }

    /// Makes the next commit of the own append and these.
    async fn commit(&mut self, others: Vec<(Header, Place)>) -> Result<Attempt, Error> {
        let place = self.intent.map_or(Place::Inline(0), Place::Intent);
        let mut wanted = vec![(self.wanted.header.clone(), place)];
        wanted.extend(others);
        let entries = self.judge(wanted)?;
        if let ([Entry { verdict: Verdict::Rejected(rejection), .. }], None) =
            (entries.as_slice(), self.intent)
        {
            return self.reject(*rejection).await;
        }
        let follower = &self.core.follower;
        let commit = Commit {
            number: follower.state.next,
            nonce: follower.port.random(),
            checkpointed: follower.state.next - follower.commits_behind(),
            entries,
        };
        let body = if self.intent.is_none() { vec![self.wanted.payload.clone()] } else { Vec::new() };
        let attempt = self.create(&commit, commit.seal(&body)).await?;
        if let Attempt::Won = attempt {
            let body = body.into_iter().next().unwrap_or_default();
            self.core.follower.fold(commit.clone(), Some(body))?;
            self.core.won = true;
            return Ok(self.took(&commit));
        }
        Ok(attempt)
    }

    /// Judges appends one after the other, each by what those before it do.
    fn judge(&self, wanted: Vec<(Header, Place)>) -> Result<Vec<Entry>, Error> {
        let follower = &self.core.follower;
        let mut state = follower.state.excerpt(wanted.iter().map(|(header, _)| header));
        let mut entries = Vec::with_capacity(wanted.len());
        for (header, place) in wanted {
            let verdict = state.judge_with(&header, &follower.config);
            let applied = state.apply(&header, &verdict);
            let key = || follower.keys.commit(follower.state.next);
            applied.map_err(|malformed| Error::Damaged { key: key(), what: malformed.0 })?;
            entries.push(Entry { header, place, verdict });
        }
        Ok(entries)
    }

    /// Nothing has to be written to refuse an append, but that the tail is where it is thought to be has to be known.
    async fn reject(&mut self, rejection: Rejection) -> Result<Attempt, Error> {
        match self.core.follower.look().await? {
            Look::Tail => Ok(Attempt::Settled(Settled::Rejected(rejection))),
            Look::Next(folded) => Ok(self.took(&folded.commit)),
            Look::Restarted => Ok(Attempt::Lost),
        }
    }

    /// Creates a commit: the same bytes at the same key until it is known who was first there.
    async fn create(&mut self, commit: &Commit, bytes: Bytes) -> Result<Attempt, Error> {
        let key = self.core.follower.keys.commit(commit.number);
        for tries in 0.. {
            let request = Request::Create { key: key.clone(), bytes: bytes.clone() };
            match self.core.follower.port.send(request).await {
                Outcome::Stored { date } => {
                    let careless = self.plants(Plant::IgnoreDateOfPut);
                    if self.core.follower.trusts(date) || careless || self.core.follower.prove().await? {
                        return Ok(Attempt::Won);
                    }
                    // The key may have been free because what was there is collected: then this is void.
                    return Ok(Attempt::Restarted);
                }
                Outcome::NotMatched => match self.who_was_first(commit.nonce).await? {
                    Some(First::Own) => return Ok(Attempt::Won),
                    Some(First::Other(attempt)) => return Ok(attempt),
                    None => {}
                },
                Outcome::Unknown if self.plants(Plant::TrustUnknown) => return Ok(Attempt::Won),
                Outcome::Unknown if self.plants(Plant::BeginAgainAfterUnknown) => {
                    self.wanted.header.id.0 ^= 1 << 40;
                    self.intent = None;
                    return Ok(Attempt::Lost);
                }
                outcome => refusal(&key, outcome)?,
            }
            self.core.follower.port.back_off(tries).await;
        }
        Ok(Attempt::Lost)
    }

    /// What is at the next number, if there is something.
    async fn who_was_first(&mut self, nonce: u64) -> Result<Option<First>, Error> {
        let follower = &mut self.core.follower;
        let key = follower.keys.commit(follower.state.next);
        let sent: Pending<_> = follower.send_look(follower.state.next);
        let got = follower.port.got(&key, Some(crate::follower::HEAD_BYTES), sent).await?;
        if let Got::Found { bytes, date, .. } = &got {
            let ours = match Commit::unseal(bytes) {
                Ok((commit, _)) => commit.nonce == nonce,
                Err(_) => false,
            };
            let careless = follower.config.plants(Plant::IgnoreNonce);
            if ours || careless {
                let proven = follower.trusts(*date) || follower.prove().await?;
                return Ok(Some(if proven { First::Own } else { First::Other(Attempt::Restarted) }));
            }
        }
        Ok(match follower.take(got).await? {
            Look::Next(folded) => Some(First::Other(self.took(&folded.commit))),
            Look::Tail => None,
            Look::Restarted => Some(First::Other(Attempt::Restarted)),
        })
    }
}

enum First {
    Own,
    Other(Attempt),
}

impl Answer {
    /// Whether nobody knows what came of it.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        matches!(self, Answer::TimedOut | Answer::Failed(_))
    }
}
