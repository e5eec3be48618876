//! A broker over a directory is killed again and again while it is written to. Whoever reads afterwards finds every record
//! that was acknowledged, where it was said to be, once and in order.

#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

mod support;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

use headwater_directory_storage::{DirectoryOptions, DirectoryStorage};
use headwater_engine::random::SplitMix64;

use support::{Host, Place};

const ROUNDS: u64 = 8;
/// Each partition has so many requests under way.
const IN_FLIGHT: usize = 8;
const DIRECTORY: &str = "HEADWATER_TEST_DIRECTORY";
const FIRST: &str = "HEADWATER_TEST_FIRST_NUMBER";

const PLACES: [Place; 4] = [("relaxed", 0), ("relaxed", 1), ("strict", 0), ("strict", 1)];

#[test]
fn what_was_acknowledged_is_there_after_a_kill() {
    if let Some(directory) = std::env::var_os(DIRECTORY) {
        write_until_killed(Path::new(&directory));
    }
    let directory = std::env::temp_dir().join(format!("headwater-kill-{}", std::process::id()));
    let _left_over = std::fs::remove_dir_all(&directory);
    let mut acknowledged: BTreeMap<Place, BTreeMap<i64, u64>> = BTreeMap::new();
    let mut random = SplitMix64::new(1);
    let mut first = 0;
    let mut killed_under_load = 0;
    for round in 0..ROUNDS {
        // Now while it starts, now while it is written to.
        let is_written_to = round % 4 != 3;
        let acks =
            kill_after(&directory, first, is_written_to, Duration::from_millis(random.next_u64() % 250));
        killed_under_load += u64::from(!acks.is_empty());
        for (place, offset, number) in acks {
            assert_eq!(acknowledged.entry(place).or_default().insert(offset, number), None, "told twice");
        }
        first = verify(&directory, &acknowledged, round) + 1;
    }
    std::fs::remove_dir_all(&directory).unwrap();
    let records: usize = acknowledged.values().map(BTreeMap::len).sum();
    println!(
        "{records} records were acknowledged in {ROUNDS} rounds, {killed_under_load} of them under load"
    );
    assert!(
        records > 100 && killed_under_load >= ROUNDS / 2,
        "{records} records, {killed_under_load} rounds"
    );
}

/// Starts a broker that is written to, kills it after a time, from the first acknowledgement on if that is waited for, and
/// tells what it acknowledged: where, at which offset, which number.
fn kill_after(directory: &Path, first: u64, waits: bool, time: Duration) -> Vec<(Place, i64, u64)> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "what_was_acknowledged_is_there_after_a_kill", "--nocapture"])
        .env(DIRECTORY, directory)
        .env(FIRST, first.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut acks = lines.map_while(Result::ok).filter_map(|line| ack(&line));
    let mut found: Vec<_> = if waits { acks.next().into_iter().collect() } else { Vec::new() };
    std::thread::sleep(time);
    child.kill().unwrap();
    child.wait().unwrap();
    // The pipe holds some; a child that cannot write on is killed all the same.
    found.extend(acks);
    found
}

/// `ack TOPIC PARTITION OFFSET NUMBER`; a line that was cut off by the kill is none.
fn ack(line: &str) -> Option<(Place, i64, u64)> {
    let mut words = line.strip_prefix("ack ")?.strip_suffix('.')?.split(' ');
    let (topic, partition) = (words.next()?, words.next()?.parse::<i32>().ok()?);
    let place = PLACES.into_iter().find(|place| *place == (topic, partition))?;
    Some((place, words.next()?.parse().ok()?, words.next()?.parse().ok()?))
}

fn open(directory: &Path) -> Host {
    let (wake, woken) = channel();
    let wake = move || {
        let _nobody_waits = wake.send(());
    };
    let storage = DirectoryStorage::open(directory, &DirectoryOptions::default(), wake).unwrap();
    Host::over(storage, woken, &[])
}

fn write_until_killed(directory: &Path) -> ! {
    let mut number: u64 = std::env::var(FIRST).unwrap().parse().unwrap();
    let mut host = open(directory);
    host.create_topics();
    let mut sent = BTreeMap::new();
    for place in PLACES {
        for _ in 0..IN_FLIGHT {
            number += 1;
            sent.insert(host.produce(place, number), (place, number));
        }
    }
    loop {
        let (correlation_id, offset) = host.produced();
        let (place, acknowledged) = sent.remove(&correlation_id).unwrap();
        let line = format!("ack {} {} {offset} {acknowledged}.\n", place.0, place.1);
        std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
        number += 1;
        sent.insert(host.produce(place, number), (place, number));
    }
}

/// Reads all there is, and compares; the greatest number that was found.
fn verify(directory: &Path, acknowledged: &BTreeMap<Place, BTreeMap<i64, u64>>, round: u64) -> u64 {
    let mut host = open(directory);
    let mut greatest = 0;
    for (place, expected) in acknowledged {
        let found: BTreeMap<i64, u64> = host.read_all(*place).into_iter().collect();
        for (offset, number) in expected {
            assert_eq!(found.get(offset), Some(number), "round {round}: {place:?} at offset {offset}");
        }
        let offsets = found.keys().copied().eq(0..i64::try_from(found.len()).unwrap());
        assert!(offsets, "round {round}: {place:?} has holes");
        let rises = found.values().zip(found.values().skip(1)).all(|(one, next)| one < next);
        assert!(rises, "round {round}: {place:?} has a record twice or out of order");
        greatest = greatest.max(found.values().next_back().copied().unwrap_or(0));
    }
    greatest
}
