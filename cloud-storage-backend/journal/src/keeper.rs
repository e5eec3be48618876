//! Checkpoints, merging, retention and collection: one job, done by whoever finds it due.

mod run;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::checkpoint::{Checkpoint, Segment, SegmentList, Stored, ranges, seal_segment, unseal_segment};
use crate::commit::{Entry, Place, last_commit_of};
use crate::config::{Config, Plant};
use crate::error::Error;
use crate::follower::{Folded, opened, payload, read_list};
use crate::key::Keys;
use crate::port::{Got, Pending, Port, refusal};
use crate::request::{Outcome, Request, StoreTime};
use crate::state::State;
use run::{Run, Starts, adopt, is_mostly_dead, starts_of, stored};

/// The most intents that are read at once.
const READ_AT_ONCE: usize = 256;
/// A segment is closed when it is so large.
const SEGMENT_BYTES: usize = 16 * 1024 * 1024;
/// At most so often each level is gone through for a checkpoint.
const MERGE_ROUNDS: usize = 4;
/// Segments that are rewritten for a checkpoint because most of each is dead.
const REWRITE_AT_ONCE: usize = 16;
/// Keys in one DELETE request (S3's DeleteObjects takes so many).
const DELETE_AT_ONCE: usize = 1_000;
/// Beyond this level nothing is merged.
const MAX_LEVEL: u32 = 4;

/// What a checkpoint is to be made of.
pub(crate) struct Job<E> {
    pub(crate) port: Port<E>,
    pub(crate) config: Arc<Config>,
    pub(crate) keys: Keys,
    pub(crate) state: State,
    /// All commits below `state.next` that the last known checkpoint does not have.
    pub(crate) commits: Vec<Folded>,
    /// Where all learn how far checkpoints are.
    pub(crate) checkpointed: Arc<AtomicU64>,
    /// Some stores take one write a second of a key.
    pub(crate) not_before_ms: u64,
    /// Do it even if there is nothing new.
    pub(crate) maintain: bool,
}

/// The checkpoint as it is in the store.
struct Current {
    checkpoint: Checkpoint,
    etag: String,
    last_modified: StoreTime,
    date: StoreTime,
}

impl<E> Job<E> {
    /// Makes a checkpoint, unless there is one already.
    pub(crate) async fn run(self) -> Result<(), Error> {
        let next = self.make().await?;
        self.checkpointed.fetch_max(next, Ordering::Relaxed);
        Ok(())
    }

    async fn make(&self) -> Result<u64, Error> {
        loop {
            let current = self.read().await?;
            let next = current.checkpoint.state.next;
            if next >= self.state.next && !(self.maintain && self.cycle_is_over(&current)) {
                return Ok(next);
            }
            if self.commits.first().is_some_and(|folded| folded.commit.number > next) {
                // What is between is not known here; somebody who knows it is as far as this.
                return Ok(next);
            }
            let Some(mut list) = read_list(&self.port, current.checkpoint.list.as_deref()).await? else {
                // Replaced and collected while this was on its way.
                continue;
            };
            let version = current.checkpoint.version + 1;
            let state = self.newer_state(&current);
            if !self.add_segments(version, next, &mut list).await? {
                continue;
            }
            self.drop_segments(state, &mut list);
            self.rewrite(version, state, &mut list).await?;
            self.merge(version, state, &mut list).await?;
            return self.place(current, list).await;
        }
    }

    /// What the checkpoint to be made is of.
    fn newer_state<'a>(&'a self, current: &'a Current) -> &'a State {
        if self.state.next > current.checkpoint.state.next { &self.state } else { &current.checkpoint.state }
    }

    /// Takes the segments off the list of which nothing is above the starts of its partitions. Somebody may still be about
    /// to read them.
    fn drop_segments(&self, state: &State, list: &mut SegmentList) {
        let starts = starts_of(&self.config, state);
        let below = |(partition, _, end): &(u32, i64, i64)| *end <= starts(*partition);
        let partly = self.config.plants(Plant::DropPartly);
        let dead = |segment: &mut Segment| {
            if partly { segment.ranges.iter().any(below) } else { segment.ranges.iter().all(below) }
        };
        list.retired.extend(list.segments.extract_if(.., dead).map(|segment| segment.key));
    }

    /// Writes segments anew of which most records lie below their starts, without these.
    async fn rewrite(&self, version: u64, state: &State, list: &mut SegmentList) -> Result<(), Error> {
        let starts = starts_of(&self.config, state);
        let is_due = |segment: &&mut Segment| is_mostly_dead(segment, &starts);
        let due: Vec<&mut Segment> = list.segments.iter_mut().filter(is_due).take(REWRITE_AT_ONCE).collect();
        let sent: Vec<_> = due.iter().map(|segment| self.port.send_get(&segment.key, None)).collect();
        for (segment, sent) in due.into_iter().zip(sent) {
            let Got::Found { bytes, .. } = self.port.got(&segment.key, None, sent).await? else {
                // Retired by somebody else since: then this checkpoint will not be placed.
                return Ok(());
            };
            let (index, body) = match &segment.adopted {
                Some(index) => (index.clone(), 0),
                None => opened(&segment.key, unseal_segment(&bytes))?,
            };
            let mut run = Run::default();
            run.extend(&segment.key, &index, &bytes.slice(body..), &starts)?;
            let written = self.write_segment(version, segment.level, run, &starts).await?;
            list.retired.push(std::mem::replace(segment, written).key);
        }
        Ok(())
    }

    async fn read(&self) -> Result<Current, Error> {
        let key = self.keys.checkpoint();
        let Got::Found { bytes, etag, last_modified, date } = self.port.get(&key, None).await? else {
            return Err(Error::Damaged { key, what: "it is gone" });
        };
        let checkpoint = opened(&key, Checkpoint::unseal(&bytes))?;
        Ok(Current { checkpoint, etag, last_modified, date })
    }

    fn began_at(current: &Current) -> Option<StoreTime> {
        let checkpoint = &current.checkpoint;
        let now = (checkpoint.cycle == checkpoint.version).then_some(current.last_modified);
        checkpoint.began_at.or(now)
    }

    fn cycle_is_over(&self, current: &Current) -> bool {
        Job::<E>::began_at(current).is_some_and(|at| current.date.0 >= at.0 + self.config.collect_after_ms)
    }

    /// Writes what commits from `next` on added into segments, but leaves large intents where they are. False if
    /// something was collected meanwhile.
    async fn add_segments(&self, version: u64, next: u64, list: &mut SegmentList) -> Result<bool, Error> {
        let folded = self.commits.iter().filter(|folded| folded.commit.number >= next);
        let entries: Vec<(&Folded, &Entry)> = folded
            .flat_map(|folded| folded.commit.entries.iter().map(move |entry| (folded, entry)))
            .filter(|(_, entry)| self.is_above_start(entry))
            .collect();
        let mut run = Run::default();
        let mut ahead = VecDeque::new();
        let mut to_send = entries.iter();
        for (folded, entry) in &entries {
            while ahead.len() < READ_AT_ONCE
                && let Some((_, entry)) = to_send.next()
            {
                ahead.push_back(self.send(entry));
            }
            let sent = ahead.pop_front().flatten();
            if let Some(key) = self.is_large(entry) {
                self.close(version, &mut run, list).await?;
                list.segments.push(adopt(key, entry));
                continue;
            }
            let Some(bytes) = payload(&self.port, &self.keys, folded, entry, sent).await? else {
                return Ok(false);
            };
            run.add(entry, &bytes);
            if run.length >= SEGMENT_BYTES {
                self.close(version, &mut run, list).await?;
            }
        }
        self.close(version, &mut run, list).await?;
        Ok(true)
    }

    /// Whether an entry has added something that is not below the starts already.
    fn is_above_start(&self, entry: &Entry) -> bool {
        let starts = starts_of(&self.config, &self.state);
        let above = |stored: &Stored| stored.end_offset() > starts(stored.partition);
        stored(entry).iter().any(above)
    }

    /// Asks for an intent that is to be copied.
    fn send(&self, entry: &Entry) -> Option<Pending<E>> {
        match entry.place {
            Place::Intent(number) if self.is_large(entry).is_none() => {
                Some(self.port.send_get(&self.keys.intent(number, &entry.header).0, None))
            }
            _ => None,
        }
    }

    /// The key of an intent that is not copied.
    fn is_large(&self, entry: &Entry) -> Option<String> {
        let Place::Intent(number) = entry.place else { return None };
        let (key, inside) = self.keys.intent(number, &entry.header);
        let large = entry.header.length() > self.config.max_inline_bytes && !inside;
        large.then_some(key)
    }

    async fn close(&self, version: u64, run: &mut Run, list: &mut SegmentList) -> Result<(), Error> {
        let run = std::mem::take(run);
        if run.index.is_empty() {
            return Ok(());
        }
        self.write_segment(version, 0, run, &|_| 0).await.map(|segment| list.segments.push(segment))
    }

    /// Its ranges begin no lower than the starts by which it was chosen what is in it.
    async fn write_segment(
        &self,
        version: u64,
        level: u32,
        run: Run,
        starts: &Starts<'_>,
    ) -> Result<Segment, Error> {
        let key = self.keys.segment(version, self.port.random());
        self.port.create_own(&key, &seal_segment(&run.index, &run.body)).await?;
        let mut ranges = ranges(&run.index);
        ranges.iter_mut().for_each(|(partition, first, _)| *first = (*first).max(starts(*partition)));
        Ok(Segment { key, level, ranges, adopted: None })
    }

    /// Joins segments that lie side by side on the same level, when there are enough of them, but what lies below the starts.
    async fn merge(&self, version: u64, state: &State, list: &mut SegmentList) -> Result<(), Error> {
        let most = self.config.merge_segments.max(2);
        let starts = starts_of(&self.config, state);
        // Each level once as a rule; more often when what was rewritten, or written in a crowd, has piled up.
        for level in (0..MERGE_ROUNDS).flat_map(|_| 0..MAX_LEVEL) {
            let fits = |segment: &Segment| segment.level == level && segment.adopted.is_none();
            let found = list.segments.windows(most).position(|window| window.iter().all(fits));
            let Some(start) = found else { continue };
            let joined: Vec<Segment> = list.segments[start..start + most].to_vec();
            let sent: Vec<_> = joined.iter().map(|segment| self.port.send_get(&segment.key, None)).collect();
            let mut run = Run::default();
            for (segment, sent) in joined.iter().zip(sent) {
                let Got::Found { bytes, .. } = self.port.got(&segment.key, None, sent).await? else {
                    // Retired by somebody else since: then this checkpoint will not be placed.
                    return Ok(());
                };
                let (index, body) = opened(&segment.key, unseal_segment(&bytes))?;
                run.extend(&segment.key, &index, &bytes.slice(body..), &starts)?;
            }
            let merged = self.write_segment(version, level + 1, run, &starts).await?;
            list.retired.extend(joined.into_iter().map(|segment| segment.key));
            list.segments.splice(start..start + most, [merged]);
        }
        Ok(())
    }

    /// Writes list and checkpoint, and deletes what is dead if a cycle has ended.
    async fn place(&self, current: Current, mut list: SegmentList) -> Result<u64, Error> {
        let key = self.keys.checkpoint();
        let old = &current.checkpoint;
        let state = self.newer_state(&current).clone();
        let version = old.version + 1;
        let nonce = self.port.random();
        let list_key = self.keys.list(version, nonce);
        let began_at = Job::<E>::began_at(&current);
        let mut new =
            Checkpoint { version, nonce, state, list: Some(list_key.clone()), began_at, ..old.clone() };
        let over = self.cycle_is_over(&current);
        if over {
            new.dead_commits = old.boundary;
            new.dead_lists = old.cycle;
            // The one that is there covers these, and so does this.
            new.boundary = old.state.next;
            new.cycle = version;
            new.began_at = None;
            list.retired_before = std::mem::take(&mut list.retired);
        }
        if self.config.plants(Plant::CollectAtOnce) {
            new.boundary = new.state.next;
            new.dead_commits = new.state.next;
        }
        self.port.create_own(&list_key, &list.seal()).await?;
        self.port.sleep_until(self.not_before_ms).await;
        let placed = self.update(&key, &new, current.etag).await?;
        if placed.version == version
            && placed.nonce == nonce
            && (over || self.config.plants(Plant::CollectAtOnce))
        {
            self.collect(&new, &list).await?;
        }
        Ok(placed.state.next)
    }

    /// Puts a checkpoint in the place of the one with this etag. Returns the one that is there then.
    async fn update(&self, key: &str, new: &Checkpoint, etag: String) -> Result<Checkpoint, Error> {
        let bytes = new.seal();
        let mut etag = etag;
        for tries in 0.. {
            let request = Request::Update { key: key.to_owned(), bytes: bytes.clone(), etag: etag.clone() };
            match self.port.send(request).await {
                Outcome::Stored { .. } => break,
                Outcome::NotMatched => {}
                outcome => {
                    refusal(key, outcome)?;
                    self.port.back_off(tries).await;
                }
            }
            // Ours after all, or another's; or still the old one (409, 429): once more.
            let found = self.read().await?;
            if self.config.plants(Plant::BlindCheckpoint) && found.checkpoint.nonce != new.nonce {
                etag = found.etag;
            } else if found.etag != etag {
                return Ok(found.checkpoint);
            }
        }
        Ok(new.clone())
    }

    /// Deletes all that is dead by a checkpoint. What is dead stays dead, so it does not matter how late this is.
    async fn collect(&self, checkpoint: &Checkpoint, list: &SegmentList) -> Result<(), Error> {
        if self.config.plants(Plant::NeverCollect) {
            return Ok(());
        }
        let mut living: Vec<&str> = list.segments.iter().map(|segment| segment.key.as_str()).collect();
        living.extend(list.retired.iter().chain(&list.retired_before).map(String::as_str));
        living.sort_unstable();
        let lives = |key: &str| living.binary_search(&key).is_ok();
        let keys = &self.keys;
        let commit_is_dead = |key: &str| keys.commit_number(key).is_some_and(|n| n < checkpoint.dead_commits);
        self.delete_while(&keys.commits(), &commit_is_dead, &|_| false).await?;
        let intent_is_dead = |key: &str| {
            keys.intent_number(key).is_some_and(|number| last_commit_of(number) < checkpoint.dead_commits)
        };
        self.delete_while(&keys.intents(), &intent_is_dead, &lives).await?;
        let list_is_dead =
            |key: &str| keys.made_for(key).is_some_and(|version| version < checkpoint.dead_lists);
        self.delete_while(&keys.lists(), &list_is_dead, &|_| false).await?;
        let segment_is_old =
            |key: &str| keys.made_for(key).is_some_and(|version| version <= checkpoint.version);
        self.delete_while(&keys.segments(), &segment_is_old, &lives).await
    }

    /// Deletes what begins with `prefix` but what lives, up to the first that is not old.
    async fn delete_while(
        &self,
        prefix: &str,
        is_old: &(dyn Fn(&str) -> bool + Sync),
        lives: &(dyn Fn(&str) -> bool + Sync),
    ) -> Result<(), Error> {
        let mut after = String::new();
        loop {
            let (keys, more) = self.port.list(prefix, &after).await?;
            let all = keys.len();
            let last = keys.last().cloned();
            let old: Vec<String> = keys.into_iter().take_while(|key| is_old(key)).collect();
            let ended = old.len() < all;
            let dead: Vec<String> = old.into_iter().filter(|key| !lives(key)).collect();
            for keys in dead.chunks(DELETE_AT_ONCE) {
                self.port.delete(keys.to_vec()).await?;
            }
            match last {
                Some(last) if more && !ended => after = last,
                _ => return Ok(()),
            }
        }
    }
}
