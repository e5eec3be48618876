//! How fast appends go through the storage, beside the same bytes written and synced by hand in the same run.
//!
//! `cargo run --release -p headwater-directory-storage --example throughput [DIRECTORY]`

#![expect(clippy::unwrap_used, reason = "a measurement that cannot be made ends with the reason")]

use std::fs::{File, remove_dir_all};
use std::io::{IoSlice, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::time::Instant;

use bytes::Bytes;
use headwater_directory_storage::{DirectoryOptions, DirectoryStorage};
use headwater_driver::LogStorage;
use headwater_engine::{Durability, LogId, OpId, StorageOp, Uuid};

/// The size of a batch as producers under load send them.
const BATCH: usize = 16 << 10;
/// Batches that have queued up together.
const TOGETHER: usize = 32;
const LOG: LogId = LogId { topic_id: Uuid::from_u128(7), partition: 0 };

fn main() {
    let directory = std::env::args().nth(1).map_or_else(std::env::temp_dir, PathBuf::from);
    let directory = directory.join(format!("headwater-throughput-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let batch = Bytes::from(vec![b'x'; BATCH]);
    for (name, durability, groups) in [
        ("one sync at the end", Durability::Relaxed, 2_000),
        ("a sync for each write", Durability::Strict, 200),
    ] {
        // The better of three each, by turns, so that neither has the disk at its best alone.
        let mut best = [f64::MAX; 2];
        for _ in 0..3 {
            best[0] = best[0].min(raw(&directory, &batch, durability, groups));
            best[1] = best[1].min(storage(&directory, &batch, durability, groups));
        }
        let rate = |seconds: f64| (BATCH * TOGETHER * groups) as f64 / seconds / 1e6;
        println!(
            "{name}: by hand {:.0} MB/s, through the storage {:.0} MB/s, ratio {:.2}",
            rate(best[0]),
            rate(best[1]),
            best[0] / best[1]
        );
    }
    remove_dir_all(&directory).unwrap();
}

/// Seconds of writing by hand.
fn raw(directory: &Path, batch: &Bytes, durability: Durability, groups: usize) -> f64 {
    let path = directory.join("by-hand");
    let began = Instant::now();
    let mut file = File::create(&path).unwrap();
    for _ in 0..groups {
        let mut slices = vec![IoSlice::new(batch); TOGETHER];
        let mut slices = &mut slices[..];
        while !slices.is_empty() {
            let written = file.write_vectored(slices).unwrap();
            IoSlice::advance_slices(&mut slices, written);
        }
        if durability == Durability::Strict {
            file.sync_data().unwrap();
        }
    }
    file.sync_data().unwrap();
    let seconds = began.elapsed().as_secs_f64();
    std::fs::remove_file(path).unwrap();
    seconds
}

/// Seconds of the same through the storage, from opening it to having it closed.
fn storage(directory: &Path, batch: &Bytes, durability: Durability, groups: usize) -> f64 {
    let path = directory.join("storage");
    let began = Instant::now();
    let (wake, woken) = channel();
    let wake = move || {
        let _nobody_waits = wake.send(());
    };
    let mut storage = DirectoryStorage::open(&path, &DirectoryOptions::default(), wake).unwrap();
    let (mut submitted, mut ended) = (0, 0);
    while ended < groups * TOGETHER {
        // Two groups under way: one is written while the next queues up.
        while submitted < groups * TOGETHER && submitted < ended + 2 * TOGETHER {
            for _ in 0..TOGETHER {
                let position = (submitted * BATCH) as u64;
                let batches = batch.clone();
                let op = StorageOp::Append { log: LOG, segment: 0, position, batches, durability };
                storage.submit(OpId(submitted as u64), op);
                submitted += 1;
            }
            storage.flush();
        }
        match storage.poll_completion() {
            Some((_, result)) => {
                result.unwrap();
                ended += 1;
            }
            None => woken.recv().unwrap(),
        }
    }
    drop(storage);
    let seconds = began.elapsed().as_secs_f64();
    remove_dir_all(path).unwrap();
    seconds
}
