//! The power is cut at every step there is, and with it goes what was not synced, in part or as a whole (`medium.rs`): what was
//! promised is found all the same.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use headwater_driver::LogStorage;
use headwater_engine::{Applied, Durability, LogId, Offset, SnapshotKind, StorageOp, StoredSnapshot};

use super::crash::{self, Content, INDEX, PRODUCERS, content, expected};
use super::medium::{Loss, Recording, Tree};
use super::support::{LOG, World};
use crate::{DirectoryOptions, DirectoryStorage};

/// What the medium has for sure of the last segment, by its first offset and in bytes.
type Safe = Option<(Offset, u64)>;

/// Every kind of operation, with appends that wait for the medium or do not.
fn script(durability: Durability) -> Vec<StorageOp> {
    let mut script = crash::script();
    for op in &mut script {
        if let StorageOp::Append { durability: of, .. } = op {
            *of = durability;
        }
    }
    script
}

/// What is promised before the first operation of a script and behind each.
struct Promises {
    script: Vec<StorageOp>,
    contents: Vec<Content>,
    safe: Vec<Safe>,
}

impl Promises {
    fn of(script: Vec<StorageOp>) -> Promises {
        let contents = expected();
        let mut safe = vec![None];
        for (op, after) in script.iter().zip(&contents[1..]) {
            safe.push(safe_after(op, safe[safe.len() - 1], after));
        }
        Promises { script, contents, safe }
    }

    /// What is wrong with what is found when so many operations were answered, and the next one perhaps was under way.
    fn broken(&self, answered: usize, found: &Result<Content, String>) -> Option<String> {
        let found = match found {
            Ok(found) => found,
            Err(error) => return Some(error.clone()),
        };
        let (before, safe) = (&self.contents[answered], self.safe[answered]);
        let old = self.differs(answered, found, before, safe)?;
        let Some((op, after)) = self.script.get(answered).zip(self.contents.get(answered + 1)) else {
            return Some(old);
        };
        let safe = match op {
            StorageOp::Append { segment, .. } => safe.filter(|(base, _)| base == segment),
            _ => safe_after(op, safe, after),
        };
        let new = self.differs(answered, found, after, safe)?;
        Some(format!(
            "{answered} operations, then {op:?}: not the old ({old}), not the new ({new}): {found:?}"
        ))
    }

    fn differs(&self, answered: usize, found: &Content, content: &Content, safe: Safe) -> Option<String> {
        let is_last = |op: &&StorageOp| matches!(op, StorageOp::DeleteSnapshot { .. });
        // One that was deleted is still true, and nothing was promised; as long as nothing else has happened.
        let deleted = [answered.checked_sub(1), Some(answered)].into_iter().flatten();
        let deleted: Vec<_> = deleted.filter_map(|at| self.script.get(at)).filter(is_last).collect();
        let without = |content: &Content| {
            let mut content = content.clone();
            content.stored.snapshots.retain(|StoredSnapshot { kind, offset, .. }| {
                let op = StorageOp::DeleteSnapshot { log: LOG, kind: *kind, offset: *offset };
                !deleted.contains(&&op)
            });
            content
        };
        let (found, content) = (without(found), without(content));
        let safe = safe.map_or(0, |(_, bytes)| usize::try_from(bytes).unwrap());
        let indexes = [&self.contents[answered], &content].map(|content| snapshots(INDEX, content));
        let is_known = |(offset, index): (&Offset, &Bytes)| {
            indexes.iter().filter_map(|known| known.get(offset)).any(|whole| is_part(index, 0, whole))
        };
        if !snapshots(INDEX, &found).iter().all(is_known) {
            return Some("an index is of another segment".to_owned());
        }
        differs(&found, &content, safe)
    }
}

fn snapshots(kind: SnapshotKind, content: &Content) -> BTreeMap<Offset, Bytes> {
    let of_kind = |snapshot: &&StoredSnapshot| snapshot.kind == kind;
    let snapshots = content.stored.snapshots.iter().filter(of_kind);
    snapshots.map(|snapshot| (snapshot.offset, snapshot.snapshot.clone())).collect()
}

/// How something differs from what was promised, but for indexes. So many bytes of the last segment are safe.
fn differs(found: &Content, promised: &Content, safe: usize) -> Option<String> {
    if found.stored.log_start_offset != promised.stored.log_start_offset {
        return Some("the log begins elsewhere".to_owned());
    }
    if snapshots(PRODUCERS, found) != snapshots(PRODUCERS, promised) {
        return Some("the producers' states differ".to_owned());
    }
    (!are_segments(&found.segments, &promised.segments, safe)).then(|| "the segments differ".to_owned())
}

/// What is safe of the last segment behind an operation that was answered.
fn safe_after(op: &StorageOp, before: Safe, after: &Content) -> Safe {
    let (base, last) = after.segments.last_key_value()?;
    let whole = Some((*base, last.len() as u64));
    match op {
        StorageOp::Append { durability: Durability::Strict, .. } | StorageOp::Truncate { .. } => whole,
        _ => before.filter(|(safe, _)| safe == base),
    }
}

/// All segments but the last as they should be, and of the last one so many bytes, or all.
fn are_segments(found: &BTreeMap<Offset, Bytes>, promised: &BTreeMap<Offset, Bytes>, safe: usize) -> bool {
    let mut earlier = promised.clone();
    let Some((base, whole)) = earlier.pop_last() else {
        return found.is_empty();
    };
    let mut found = found.clone();
    let last = found.remove(&base).unwrap_or_default();
    found == earlier && is_part(&last, safe.min(whole.len()), &whole)
}

/// Whether bytes are those that they should be as far as they are safe, and behind that these or zeros.
fn is_part(found: &[u8], safe: usize, whole: &[u8]) -> bool {
    (safe..=whole.len()).contains(&found.len())
        && found[..safe] == whole[..safe]
        && found.iter().zip(whole).all(|(found, right)| *found == 0 || found == right)
}

const LOSSES: [Loss; 5] = [Loss::All, Loss::Nothing, Loss::Bytes, Loss::Names, Loss::Earlier];

fn losses(step: usize, seeds: u64) -> impl Iterator<Item = Loss> {
    let seeds = (0..seeds).map(move |seed| Loss::Some(step as u64 * 1_000 + seed));
    LOSSES.into_iter().chain(seeds)
}

/// All that is found behind a cut.
fn found_behind(world: &World, cut: &Tree) -> Result<Content, String> {
    let mut world = world.after(cut);
    let mut storage = world.try_open().map_err(|error| error.to_string())?;
    Ok(content(|op| world.run(&mut storage, op)))
}

/// It can be written to behind a cut.
fn goes_on(world: &World, cut: &Tree) {
    let mut world = world.after(cut);
    let mut storage = world.open();
    world.apply(&mut storage, StorageOp::Truncate { log: LOG, offset: 0, segment: 0, position: 0 });
    world.apply(&mut storage, crash::append(50, 0, b"afterwards"));
}

fn record(script: &[StorageOp]) -> (World, Recording) {
    let mut world = World::new();
    world.record();
    let mut storage = world.open();
    world.faulty.medium.told();
    for op in script {
        world.apply(&mut storage, op.clone());
        world.faulty.medium.told();
    }
    let recording = world.faulty.medium.recording();
    (world, recording)
}

#[test]
fn a_power_cut_at_any_step_takes_nothing_that_was_promised() {
    for durability in [Durability::Strict, Durability::Relaxed] {
        let promises = Promises::of(script(durability));
        let (world, recording) = record(&promises.script);
        let mut seen = BTreeSet::new();
        for steps in 0..=recording.len() {
            let answered = recording.told(steps).saturating_sub(1);
            for loss in losses(steps, 6) {
                let cut = recording.cut(steps, loss, None).named();
                if !seen.insert((answered, cut.clone())) {
                    continue;
                }
                let broken = promises.broken(answered, &found_behind(&world, &cut));
                assert_eq!(broken, None, "{durability:?}, cut after {steps}, {loss:?}: {cut:?}");
                goes_on(&world, &cut);
            }
        }
        println!("{durability:?}: {} states of {} steps", seen.len(), recording.len());
    }
}

/// Nobody waits for the medium, but `flush.ms` has come: from then on it is as if somebody had.
#[test]
fn what_flush_ms_has_put_on_the_medium_outlives_a_power_cut() {
    let promises = Promises::of(script(Durability::Strict));
    let mut world = World::new();
    world.record();
    let mut storage = world.open();
    storage.flush_every(LOG, Some(Duration::from_millis(1)));
    let medium = &world.faulty.medium;
    medium.told();
    for op in script(Durability::Relaxed) {
        world.apply(&mut storage, op.clone());
        if let StorageOp::Append { batches, .. } = &op {
            let began = Instant::now();
            while !medium.recording().has_synced(batches) {
                assert!(began.elapsed() < Duration::from_secs(20), "{op:?} was never synced");
                thread::sleep(Duration::from_millis(1));
            }
        }
        medium.told();
    }
    let recording = medium.recording();
    let mut seen = BTreeSet::new();
    for steps in 0..=recording.len() {
        let answered = recording.told(steps).saturating_sub(1);
        for loss in losses(steps, 2) {
            let cut = recording.cut(steps, loss, None).named();
            if seen.insert((answered, cut.clone())) {
                let broken = promises.broken(answered, &found_behind(&world, &cut));
                assert_eq!(broken, None, "cut after {steps}, {loss:?}: {cut:?}");
            }
        }
    }
}

/// The process ends at every step, and the next one finds what the operating system has; then the power is cut. Here too every
/// sync is forgotten once.
#[test]
fn what_was_found_behind_an_end_of_the_process_is_there_behind_a_power_cut_too() {
    let promises = Promises::of(script(Durability::Strict));
    let mut found = BTreeSet::new();
    for steps in 0.. {
        let mut world = World::new();
        world.record();
        world.faulty.end_after(steps);
        if let Ok(mut storage) = world.try_open() {
            world.faulty.medium.told();
            for op in &promises.script {
                if world.run(&mut storage, op.clone()) != Ok(Applied::Written) {
                    break;
                }
                world.faulty.medium.told();
            }
        }
        let has_ended = world.faulty.has_ended();
        world.faulty.work_again();
        let opened = Opened::new(&mut world);
        let broken = opened.broken(&promises, None);
        assert_eq!(broken, None, "ended after {steps}");
        for (sync, path) in opened.syncs().filter(|(_, path)| !is_for_kafka(path)) {
            let depth = (what(path), Path::new(path).iter().count());
            if !found.contains(&depth) && opened.broken(&promises, Some(sync)).is_some() {
                found.insert(depth);
            }
        }
        if !has_ended {
            assert!(
                found.iter().eq(&[("file", 1), ("folder", 0), ("folder", 1), ("segment", 2)]),
                "{found:?}"
            );
            return;
        }
    }
}

/// A directory that was opened, read and written to behind an end of the process.
struct Opened<'a> {
    world: &'a World,
    recording: Recording,
    /// Steps of the process before.
    earlier: usize,
    found: Content,
    /// What is there with what was then written.
    after: Content,
    /// Bytes of the last segment before that.
    safe: usize,
}

impl Opened<'_> {
    fn new(world: &mut World) -> Opened<'_> {
        let earlier = world.faulty.medium.recording().len();
        let mut storage = world.open();
        let found = content(|op| world.run(&mut storage, op));
        world.faulty.medium.told();
        let last = found.segments.last_key_value();
        let (base, safe) = last.map_or((90, 0), |(base, last)| (*base, last.len()));
        world.apply(&mut storage, crash::append(base, safe as u64, b"and on"));
        world.faulty.medium.told();
        let recording = world.faulty.medium.recording();
        let mut after = found.clone();
        let last = after.segments.entry(base).or_default();
        *last = [&last[..], b"and on"].concat().into();
        Opened { world, recording, earlier, found, after, safe }
    }

    /// The syncs of the opening.
    fn syncs(&self) -> impl Iterator<Item = (usize, &str)> {
        let told = self.recording.told(self.earlier);
        self.recording
            .syncs()
            .filter(move |(sync, _)| *sync >= self.earlier && self.recording.told(*sync) == told)
    }

    /// What a power cut since then takes that it must not.
    fn broken(&self, promises: &Promises, forgotten: Option<usize>) -> Option<String> {
        let answered = self.recording.told(self.earlier);
        let mut seen = BTreeSet::new();
        let cuts = (self.earlier..=self.recording.len())
            .flat_map(|steps| losses(steps, 1).map(move |loss| (steps, loss)));
        cuts.into_iter().find_map(|(steps, loss)| {
            let told = self.recording.told(steps) - answered;
            let cut = self.recording.cut(steps, loss, forgotten).named();
            if !seen.insert((told, cut.clone())) {
                return None;
            }
            let again = found_behind(self.world, &cut);
            let broken = match (told, &again) {
                (0, again) => promises.broken(answered.saturating_sub(1), again),
                (_, Err(error)) => Some(error.clone()),
                (1, Ok(again)) => differs(again, &self.after, self.safe),
                (_, Ok(again)) => differs(again, &self.after, usize::MAX),
            };
            broken.map(|why| {
                format!("cut after {steps} ({told}), {loss:?}: {why}; {:?}, then {again:?}", self.found)
            })
        })
    }
}

#[test]
fn a_directory_that_was_made_is_there_behind_a_power_cut() {
    let world = World::new();
    world.record();
    let path = world.directory.path().join("above/storage");
    let open = |world: &World, path: &Path| {
        let options = DirectoryOptions::default();
        DirectoryStorage::open_with(Arc::new(world.faulty.clone()), path, &options, Box::new(|| {})).unwrap()
    };
    let storage = open(&world, &path);
    let recording = world.faulty.medium.recording();
    drop(storage);
    let is_there =
        |cut: Tree| world.after(&cut).directory.path().join("above/storage/meta.properties").exists();
    assert!(is_there(recording.cut(recording.len(), Loss::All, None)));
    let made: Vec<usize> = recording.syncs().map(|(sync, _)| sync).take(2).collect();
    for forgotten in made {
        assert!(!is_there(recording.cut(recording.len(), Loss::All, Some(forgotten))));
    }
    for steps in 0..=recording.len() {
        for loss in losses(steps, 6) {
            let cut = world.after(&recording.cut(steps, loss, None));
            drop(open(&cut, &cut.directory.path().join("above/storage")));
        }
    }
}

/// A sync by what it is part of, the how manieth there it is, and what is synced.
type Place = (&'static str, usize, &'static str);

/// Syncs whose lack takes nothing: what is lost without them is made again, or done again to no harm.
const SPARE: [Place; 3] =
    [("delete segments", 2, "folder"), ("open", 1, "folder"), ("replace segments", 4, "folder")];

fn kind_of(op: Option<&StorageOp>) -> &'static str {
    match op {
        Some(StorageOp::Append { .. }) => "append",
        Some(StorageOp::PutSnapshot { .. }) => "put a snapshot",
        Some(StorageOp::Truncate { .. }) => "truncate",
        Some(StorageOp::DeleteSegments { .. }) => "delete segments",
        Some(StorageOp::ReplaceSegments { .. }) => "replace segments",
        Some(StorageOp::Delete { .. }) => "delete",
        _ => "another",
    }
}

fn what(path: &str) -> &'static str {
    match Path::new(path).extension().and_then(OsStr::to_str) {
        Some("log") => "segment",
        Some("cleaned") => "copy",
        Some("tmp" | "metadata") => "file",
        _ => "folder",
    }
}

/// Nobody here waits for those or reads them.
fn is_for_kafka(path: &str) -> bool {
    path.ends_with("index.tmp")
}

/// Every sync is forgotten once, and nothing else: the same tests as above have to find that.
#[test]
fn a_forgotten_sync_is_found() {
    let promises = Promises::of(script(Durability::Strict));
    let (world, recording) = record(&promises.script);
    let mut found: BTreeMap<Place, bool> = BTreeMap::new();
    let mut earlier = (None, 0);
    for (sync, path) in recording.syncs().filter(|(_, path)| !is_for_kafka(path)) {
        let told = recording.told(sync);
        earlier = (Some(told), if earlier.0 == Some(told) { earlier.1 + 1 } else { 0 });
        let kind = if told == 0 { "open" } else { kind_of(promises.script.get(told - 1)) };
        let is_found = found.entry((kind, earlier.1, what(path))).or_default();
        if *is_found {
            continue;
        }
        let mut seen = BTreeSet::new();
        for steps in sync + 1..=recording.next_sync(sync) {
            for loss in losses(steps, 20) {
                let cut = recording.cut(steps, loss, Some(sync)).named();
                let answered = recording.told(steps).saturating_sub(1);
                *is_found = *is_found
                    || seen.insert((answered, cut.clone()))
                        && promises.broken(answered, &found_behind(&world, &cut)).is_some();
            }
        }
    }
    let missed: Vec<&Place> = found.iter().filter(|(_, is_found)| !**is_found).map(|(of, _)| of).collect();
    assert!(
        missed.iter().copied().eq(&SPARE),
        "nobody finds that these are lacking: {missed:?} of {found:?}"
    );
    assert!(found.len() > 15, "{found:?}");
}

#[test]
fn only_what_a_process_left_behind_is_synced_at_an_opening() {
    let mut world = World::new();
    world.record();
    let mut storage = world.open();
    let other = StorageOp::DeleteSegments {
        log: LogId { partition: 1, ..LOG },
        before: 0,
        log_start_offset: Some(0),
    };
    for op in [crash::append(0, 0, b"first"), other] {
        world.apply(&mut storage, op);
    }
    world.faulty.end_after(0);
    drop(storage);
    world.faulty.work_again();
    let syncs = |world: &World| world.faulty.medium.recording().syncs().count();
    let opens = |world: &mut World, logs: &[i32]| {
        let before = syncs(world);
        let mut storage = world.open();
        for partition in logs {
            let load = StorageOp::Load { log: LogId { partition: *partition, ..LOG } };
            world.run(&mut storage, load).unwrap();
        }
        syncs(world) - before
    };
    assert_eq!(opens(&mut world, &[0]), 3, "names of logs, names in one, its segment");
    assert_eq!(opens(&mut world, &[0, 1]), 4, "nobody has looked at the other log before");
    assert_eq!(opens(&mut world, &[0, 1]), 0, "all was closed");
    assert_eq!(opens(&mut world, &[]), 0);
    assert_eq!(opens(&mut world, &[0, 1]), 0, "and still is");
}
