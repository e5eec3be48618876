//! The process ends at every step there is, one after the other: what is found is the log before an operation or behind it.

use std::collections::BTreeMap;

use bytes::Bytes;
use headwater_driver::{LogStorage, MemoryDisk, MemoryStorage};
use headwater_engine::{
    Applied, Durability, LogId, Offset, OpId, SnapshotKind, StorageError, StorageOp, StorageResult, StoredLog,
};

use super::support::{LOG, World};
use crate::DirectoryStorage;

pub(super) const PRODUCERS: SnapshotKind = SnapshotKind::ProducerState;
pub(super) const INDEX: SnapshotKind = SnapshotKind::SegmentIndex;

pub(super) fn append(segment: Offset, position: u64, bytes: &'static [u8]) -> StorageOp {
    let (log, batches, durability) = (LOG, Bytes::from_static(bytes), Durability::Strict);
    StorageOp::Append { log, segment, position, batches, durability }
}

fn cleaned(segment: Offset, position: u64, bytes: &'static [u8]) -> StorageOp {
    StorageOp::AppendCleaned { log: LOG, segment, position, batches: Bytes::from_static(bytes) }
}

fn put(kind: SnapshotKind, offset: Offset, content: &'static [u8]) -> StorageOp {
    StorageOp::PutSnapshot { log: LOG, kind, offset, snapshot: Bytes::from_static(content) }
}

/// Every kind of operation, and each where it has several files to change.
pub(super) fn script() -> Vec<StorageOp> {
    vec![
        append(0, 0, b"first batch"),
        append(0, 11, b"second batch"),
        put(PRODUCERS, 10, b"producers at ten"),
        append(10, 0, b"third batch"),
        put(INDEX, 10, b"index to ten"),
        append(20, 0, b"fourth batch"),
        put(PRODUCERS, 20, b"producers at twenty"),
        put(INDEX, 20, b"index to twenty"),
        StorageOp::Truncate { log: LOG, offset: 15, segment: 10, position: 5 },
        append(10, 5, b"fifth batch"),
        append(30, 0, b"sixth batch"),
        put(PRODUCERS, 30, b"producers at thirty"),
        put(PRODUCERS, 30, b"and once more"),
        StorageOp::DeleteSegments { log: LOG, before: 10, log_start_offset: None },
        StorageOp::DeleteSegments { log: LOG, before: 30, log_start_offset: Some(33) },
        StorageOp::DeleteSnapshot { log: LOG, kind: PRODUCERS, offset: 30 },
        append(40, 0, b"segment forty"),
        append(50, 0, b"segment fifty"),
        put(INDEX, 40, b"index to forty"),
        put(INDEX, 50, b"index to fifty"),
        append(60, 0, b"the last stays"),
        cleaned(30, 0, b""),
        cleaned(30, 0, b"given up"),
        cleaned(30, 0, b"what is"),
        cleaned(30, 7, b" left"),
        StorageOp::ReplaceSegments { log: LOG, segments: 30..60, size: 12 },
        StorageOp::Truncate { log: LOG, offset: 30, segment: 30, position: 0 },
        append(40, 0, b"seventh batch"),
        StorageOp::Delete { log: LOG },
        append(0, 0, b"of a new log"),
    ]
}

/// All that can be known of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Content {
    pub(super) stored: StoredLog,
    pub(super) segments: BTreeMap<Offset, Bytes>,
}

pub(super) fn content(mut run: impl FnMut(StorageOp) -> StorageResult) -> Content {
    let Ok(Applied::Loaded(mut stored)) = run(StorageOp::Load { log: LOG }) else {
        panic!("the log does not load");
    };
    stored.snapshots.sort_by_key(|snapshot| (snapshot.kind, snapshot.offset));
    let mut segments = BTreeMap::new();
    for segment in &stored.segments {
        let base = segment.base_offset;
        let Ok(Applied::Read(bytes)) = run(StorageOp::Read { log: LOG, segment: base, range: 0..u64::MAX })
        else {
            panic!("segment {base} cannot be read");
        };
        segments.insert(base, bytes);
    }
    Content { stored, segments }
}

/// The content before the script's first operation, and behind each.
pub(super) fn expected() -> Vec<Content> {
    let mut model = MemoryStorage::open(&MemoryDisk::new());
    let mut run = |op: StorageOp| {
        model.submit(OpId(0), op);
        model.flush();
        model.poll_completion().unwrap().1
    };
    let mut contents = vec![content(&mut run)];
    for op in script() {
        assert_eq!(run(op.clone()), Ok(Applied::Written), "{op:?}");
        contents.push(content(&mut run));
    }
    contents
}

/// Runs the script until something does not work; how many operations worked, and how the next one ended.
fn run_script(world: &World, storage: &mut DirectoryStorage) -> (usize, Option<StorageResult>) {
    for (done, op) in script().into_iter().enumerate() {
        let result = world.run(storage, op);
        if result != Ok(Applied::Written) {
            return (done, Some(result));
        }
    }
    (script().len(), None)
}

/// A torn append is a part of it at the end of the log, which the CRC of its batch tells.
fn is_torn(found: &Content, before: &Content, after: &Content) -> bool {
    let mut segments = found.segments.clone();
    let (Some((base, last)), Some((after_base, whole))) =
        (segments.pop_last(), after.segments.last_key_value())
    else {
        return false;
    };
    let earlier = before.segments.get(&base).cloned().unwrap_or_default();
    segments.extend(before.segments.get(&base).map(|bytes| (base, bytes.clone())));
    base == *after_base
        && last.len() > earlier.len()
        && whole.starts_with(&last)
        && segments == before.segments
        && found.stored.snapshots == before.stored.snapshots
        && found.stored.log_start_offset == before.stored.log_start_offset
}

#[test]
fn an_end_at_any_step_leaves_the_old_or_the_new() {
    let expected = expected();
    for steps in 0.. {
        let mut world = World::new();
        let mut storage = world.open();
        world.faulty.end_after(steps);
        let (done, result) = run_script(&world, &mut storage);
        let has_ended = world.faulty.has_ended();
        drop(storage);
        world.faulty.work_again();
        let mut storage = world.open();
        let found = content(|op| world.run(&mut storage, op));
        let context = format!("after {steps} steps, in operation {done}: {result:?}");
        match result {
            None => assert_eq!(found, expected[done], "{context}"),
            Some(Err(StorageError::NotApplied { .. })) => assert_eq!(found, expected[done], "{context}"),
            Some(_) => {
                let (before, after) = (&expected[done], &expected[done + 1]);
                let torn =
                    matches!(script()[done], StorageOp::Append { .. }) && is_torn(&found, before, after);
                assert!(found == *before || found == *after || torn, "{context}: {found:?}");
            }
        }
        // And it goes on from there.
        world.apply(&mut storage, StorageOp::Truncate { log: LOG, offset: 0, segment: 0, position: 0 });
        world.apply(&mut storage, append(50, 0, b"afterwards"));
        if !has_ended {
            assert!(steps > 100, "the script has more steps than {steps}");
            return;
        }
    }
}

#[test]
fn an_end_while_opening_loses_nothing() {
    let (expected, script) = (expected(), script());
    let changes = script.iter().enumerate().filter(|(_, op)| {
        use StorageOp::{DeleteSegments, ReplaceSegments, Truncate};
        matches!(op, Truncate { .. } | DeleteSegments { .. } | ReplaceSegments { .. })
    });
    for (change, op) in changes {
        for begun_after in 0.. {
            if end_while_opening(&script[..change], op, begun_after, &expected[change..change + 2]) {
                break;
            }
        }
    }
}

/// The process ends after so many steps of a change, and then at each of the opening behind that; whether the change was made
/// wholly.
fn end_while_opening(
    earlier: &[StorageOp],
    change: &StorageOp,
    begun_after: u64,
    expected: &[Content],
) -> bool {
    let mut begun = World::new();
    let mut storage = begun.open();
    for op in earlier {
        begun.apply(&mut storage, op.clone());
    }
    begun.faulty.end_after(begun_after);
    let is_made = begun.run(&mut storage, change.clone()) == Ok(Applied::Written);
    drop(storage);
    for steps in 0.. {
        let mut world = begun.copy();
        world.faulty.end_after(steps);
        if let Ok(mut storage) = world.try_open() {
            let _unknown = world.run(&mut storage, StorageOp::Load { log: LOG });
        }
        let has_ended = world.faulty.has_ended();
        world.faulty.work_again();
        let mut storage = world.open();
        let found = content(|op| world.run(&mut storage, op));
        assert!(expected.contains(&found), "{change:?}: {begun_after}, {steps}: {found:?}");
        if !has_ended {
            return is_made;
        }
    }
    false
}

#[test]
fn appends_of_one_write_that_ends_early_are_a_prefix() {
    let parts: [&[u8]; 4] = [b"one of them", b"another one", b"a third one", b"the fourth."];
    for room in 0..50 {
        let mut world = World::new();
        let mut storage = world.open();
        world.apply(
            &mut storage,
            StorageOp::DeleteSegments { log: LOG, before: 0, log_start_offset: Some(0) },
        );
        world.faulty.limit_room(Some(room));
        let appends = parts.iter().enumerate().map(|(index, part)| append(0, index as u64 * 11, part));
        let results = world.run_all(&mut storage, appends.collect());
        let fits = usize::try_from(room / 11).unwrap().min(4);
        assert!(results[..fits].iter().all(|result| *result == Ok(Applied::Written)), "{room}: {results:?}");
        assert!(results[fits..].iter().all(Result::is_err), "{room}: {results:?}");
        assert_eq!(storage.failure(), None);
        world.faulty.limit_room(None);
        let found = content(|op| world.run(&mut storage, op));
        let whole = parts[..fits].concat();
        assert_eq!(found.segments.get(&0).cloned().unwrap_or_default(), whole);
        world.apply(&mut storage, append(0, whole.len() as u64, b"and on"));
    }
}

#[test]
fn a_failed_sync_ends_all_writing() {
    let mut world = World::new();
    let mut storage = world.open();
    world.apply(&mut storage, append(0, 0, b"first"));
    world.faulty.fail_to_sync(true);
    let result = world.run(&mut storage, append(0, 5, b"second"));
    assert!(matches!(result, Err(StorageError::Unknown { .. })), "{result:?}");
    world.faulty.fail_to_sync(false);
    let other = LogId { partition: 7, ..LOG };
    let afterwards = [
        append(0, 11, b"third"),
        StorageOp::Load { log: LOG },
        StorageOp::Delete { log: other },
        StorageOp::Truncate { log: LOG, offset: 0, segment: 0, position: 0 },
    ];
    for op in afterwards {
        let result = world.run(&mut storage, op.clone());
        assert!(matches!(result, Err(StorageError::NotApplied { .. })), "{op:?}: {result:?}");
    }
    assert!(storage.failure().is_some_and(|why| why.contains("the medium is broken")));
    drop(storage);
    let mut storage = world.open();
    let found = content(|op| world.run(&mut storage, op));
    assert!([5, 11].contains(&found.segments[&0].len()));
}

#[test]
fn a_file_that_is_closed_for_another_and_cannot_be_synced_ends_all_writing() {
    let mut world = World::new();
    world.options.max_open_files = 1;
    let mut storage = world.open();
    let other = LogId { partition: 7, ..LOG };
    let relaxed = |log| {
        let (batches, durability) = (Bytes::from_static(b"first"), Durability::Relaxed);
        StorageOp::Append { log, segment: 0, position: 0, batches, durability }
    };
    world.apply(&mut storage, relaxed(other));
    world.apply(&mut storage, relaxed(LOG));
    world.faulty.fail_to_sync(true);
    let result = world.run(&mut storage, StorageOp::Read { log: other, segment: 0, range: 0..5 });
    assert!(matches!(result, Err(StorageError::NotApplied { .. })), "{result:?}");
    world.faulty.fail_to_sync(false);
    let result = world.run(&mut storage, append(0, 5, b"second"));
    assert!(matches!(result, Err(StorageError::NotApplied { .. })), "{result:?}");
    assert!(storage.failure().is_some_and(|why| why.contains("the medium is broken")));
}
