//! The process ends at every step of a compaction, and at every step of the opening behind that. Whoever reads afterwards finds
//! the last record of every key, none twice, and no offsets missing.

use std::collections::BTreeMap;
use std::fs;

use headwater_driver::Driver;
use headwater_engine::record::Batches;
use headwater_engine::{Applied, LogId, StorageOp};

use super::host::Host;
use super::support::World;
use crate::{DirectoryStorage, names};

const TOPIC: &str = "compacted";
/// When the cleaner looks for work, in ms.
const SOON: &str = "5";
const LATER: &str = "3600000";

/// Offsets, and the numbers of the records there.
type Found = BTreeMap<i64, u64>;

fn host(world: &World, backoff: &str) -> Host {
    world.host(&[("log.cleaner.backoff.ms", backoff)])
}

/// Whether a compaction has come to its end.
fn is_compacted(driver: &mut Driver<DirectoryStorage>) -> bool {
    std::iter::from_fn(|| driver.poll_event()).any(|event| event.kind == "log-compacted")
}

fn produce(host: &mut Host, numbers: std::ops::Range<u64>, acknowledged: &mut Found) {
    for number in numbers {
        host.produce((TOPIC, 0), number);
        let (_, offset) = host.produced();
        acknowledged.insert(offset, number);
    }
}

/// A log that was compacted once and has segments behind that, so that the next time some become one; all that was written.
fn filled() -> (World, Found) {
    let (world, mut acknowledged) = (World::new(), Found::new());
    let mut first = host(&world, SOON);
    first.create_topics();
    produce(&mut first, 0..60, &mut acknowledged);
    first.until(is_compacted);
    drop(first);
    let mut second = host(&world, LATER);
    produce(&mut second, 60..85, &mut acknowledged);
    drop(second);
    (world, acknowledged)
}

fn log_of(world: &World) -> LogId {
    let folder = world.directory.path().join(names::folder(TOPIC, 0));
    let content = fs::read_to_string(folder.join(names::PARTITION)).unwrap();
    LogId { topic_id: names::topic_id_in(&content).unwrap(), partition: 0 }
}

fn is_swapping(world: &World) -> bool {
    let mut names = fs::read_dir(world.directory.path().join(names::folder(TOPIC, 0))).unwrap();
    names.any(|entry| entry.unwrap().file_name().to_string_lossy().contains(".swap."))
}

/// What the segments have, batch for batch.
fn stored(world: &mut World, context: &str) -> Found {
    let log = log_of(world);
    let mut storage = world.open();
    let Ok(Applied::Loaded(loaded)) = world.run(&mut storage, StorageOp::Load { log }) else {
        panic!("{context}: the log does not load")
    };
    let (mut found, mut next) = (Found::new(), 0);
    for segment in loaded.segments {
        let base = segment.base_offset;
        assert_eq!(base, next, "{context}: a segment begins where the one before it ends");
        let read = StorageOp::Read { log, segment: base, range: 0..segment.size };
        let Ok(Applied::Read(bytes)) = world.run(&mut storage, read) else { panic!("{context}: {base}") };
        for batch in Batches::new(&bytes) {
            let batch = batch.unwrap();
            batch.verify_crc().unwrap();
            assert_eq!(batch.base_offset(), next, "{context}: a batch begins where the one before it ends");
            next = batch.next_offset();
            for record in batch.records().unwrap().iter() {
                let record = record.unwrap();
                let number = u64::from_be_bytes(record.value.unwrap()[..8].try_into().unwrap());
                assert_eq!(found.insert(record.offset, number), None, "{context}: a record is there twice");
            }
        }
    }
    found
}

/// Nothing is there that was not written, and of every key the last.
fn verify_stored(world: &mut World, acknowledged: &Found, context: &str) -> Found {
    let stored = stored(world, context);
    assert!(
        stored.iter().all(|record| acknowledged.get(record.0) == Some(record.1)),
        "{context}: {stored:?}"
    );
    let last: BTreeMap<u64, i64> =
        acknowledged.iter().map(|(offset, number)| (number % 10, *offset)).collect();
    assert!(
        last.values().all(|offset| stored.contains_key(offset)),
        "{context}: {stored:?} lacks a key's last"
    );
    stored
}

/// And a broker gives out just that.
fn verify(world: &mut World, acknowledged: &Found, context: &str) {
    let stored = verify_stored(world, acknowledged, context);
    let read = host(world, LATER).read_all((TOPIC, 0));
    assert!(read.iter().copied().eq(stored.clone()), "{context}: {read:?} is read, {stored:?} is there");
}

/// The process ends at every step of an opening too.
fn verify_openings(world: &mut World, acknowledged: &Found, context: &str) {
    for steps in 0.. {
        let mut world = world.copy();
        let log = log_of(&world);
        world.faulty.end_after(steps);
        if let Ok(mut storage) = world.try_open() {
            let _unknown = world.run(&mut storage, StorageOp::Load { log });
        }
        let has_ended = world.faulty.has_ended();
        world.faulty.work_again();
        verify_stored(&mut world, acknowledged, &format!("{context}, and after {steps} of the opening"));
        if !has_ended {
            break;
        }
    }
    verify(world, acknowledged, context);
}

#[test]
fn an_end_at_any_step_of_a_compaction_loses_nothing_that_counts() {
    let (mut filled, acknowledged) = filled();
    verify(&mut filled, &acknowledged, "before");
    let before = stored(&mut filled, "before").len();
    let mut swaps = 0;
    for steps in 0.. {
        let mut world = filled.copy();
        let mut host = host(&world, SOON);
        world.faulty.end_after(steps);
        let faulty = world.faulty.clone();
        host.until(|driver| faulty.has_ended() || is_compacted(driver));
        drop(host);
        let has_ended = world.faulty.has_ended();
        world.faulty.work_again();
        let context = format!("after {steps} steps");
        swaps += u64::from(is_swapping(&world));
        // Each takes as many openings as there are steps in one; `crash.rs` has all of them for one swap.
        if is_swapping(&world) && swaps % 5 == 1 {
            verify_openings(&mut world, &acknowledged, &context);
        } else {
            verify(&mut world, &acknowledged, &context);
        }
        if !has_ended {
            let after = stored(&mut world, &context).len();
            assert!(after < before, "{after} of {before} records are left");
            assert!(swaps > 10 && steps > 30, "{swaps} of {steps} steps were in a swap");
            return;
        }
    }
}
