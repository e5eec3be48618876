//! When what was written is put on the medium (`flush.ms`).

use std::thread;
use std::time::{Duration, Instant};

use headwater_driver::LogStorage;
use headwater_engine::{LogId, Offset};

use super::layout::{append, batch};
use super::support::{LOG, World};

#[test]
fn a_log_is_synced_as_often_as_its_own_time_says() {
    let mut world = World::new();
    let mut storage = world.open();
    storage.name_topic(LOG.topic_id, "t");
    let (often, never) = (LOG, LogId { partition: 1, ..LOG });
    let bytes = batch(0, 0, 1, 10, 0);
    let root = world.directory.path().canonicalize().unwrap();
    let syncs = |log: LogId| {
        world.faulty.syncs_of(&root.join(format!("t-{}/00000000000000000000.log", log.partition)))
    };
    let write = |storage: &mut _, number: Offset| {
        let position = number.unsigned_abs() * bytes.len() as u64;
        for log in [often, never] {
            world.apply(storage, append(log, 0, position, batch(number, 0, 1, 10, 0)));
        }
    };
    let until = |log, count| {
        let began = Instant::now();
        while syncs(log) < count {
            assert!(began.elapsed() < Duration::from_secs(20), "{log:?} was synced {} times", syncs(log));
            thread::sleep(Duration::from_millis(1));
        }
    };

    storage.flush_every(often, Some(Duration::from_millis(1)));
    write(&mut storage, 0);
    until(often, 1);
    write(&mut storage, 1);
    until(often, 2);
    assert_eq!(syncs(never), 0, "that is up to the operating system");

    // What was written before the time was set is synced too.
    storage.flush_every(often, None);
    storage.flush_every(never, Some(Duration::from_millis(2)));
    until(never, 1);
    let before = syncs(often);
    write(&mut storage, 2);
    until(never, 2);
    assert_eq!(syncs(often), before, "its time was taken back");

    // Nothing new, and all times that there can be.
    storage.flush_every(often, Some(Duration::MAX));
    storage.flush_every(never, Some(Duration::ZERO));
    write(&mut storage, 3);
    until(never, 3);
    assert_eq!(syncs(often), before);
    drop(storage);
    assert!(syncs(often) > before, "whatever is left is synced at the end");
}
