//! Logs in a bucket: the conformance suite of every storage, on stores without a network.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "helpers of tests")]

#[path = "log_storage/broker.rs"]
mod broker;
mod support;

use std::sync::Arc;
use std::time::Duration;

use headwater_cloud_storage::protocol::Config;
use headwater_cloud_storage::{BucketOptions, BucketStorage, Journal, Store};
use headwater_driver::conformance::{CASES, Harness, run};
use support::Folder;
use tokio::sync::Notify;

/// A journal that many storages are opened over, one after the other.
struct Bucket {
    journal: Journal,
    options: BucketOptions,
    woken: Arc<Notify>,
}

impl Bucket {
    async fn new(store: Store, options: BucketOptions) -> Bucket {
        let config = Config { poll_interval_ms: 2, checkpoint_interval_ms: 5, ..Config::default() };
        let journal = Journal::open(store, config).await.unwrap();
        Bucket { journal, options, woken: Arc::default() }
    }
}

impl Harness for Bucket {
    type Storage = BucketStorage;

    async fn open(&mut self) -> Result<BucketStorage, String> {
        let woken = Arc::clone(&self.woken);
        let opened = BucketStorage::open(&self.journal, self.options, move || woken.notify_one()).await;
        opened.map_err(|error| error.to_string())
    }

    async fn wait(&mut self, _: &mut BucketStorage) {
        // That nothing happened for so long is told by who counts the waits.
        let _woken = tokio::time::timeout(Duration::from_secs(5), self.woken.notified()).await;
    }

    async fn limit_room(&mut self, _: Option<u64>) -> bool {
        false
    }
}

async fn assert_conforms(options: BucketOptions, new: impl Fn() -> Store) {
    for case in CASES {
        let result = run(case, &mut Bucket::new(new(), options).await).await;
        assert_eq!(result, Ok(()), "{case}");
    }
}

#[tokio::test]
async fn in_memory() {
    assert_conforms(BucketOptions::default(), || Store::open("memory:", []).unwrap()).await;
}

/// Checkpoints all the time.
#[tokio::test]
async fn in_memory_with_little_of_its_own() {
    let options = BucketOptions { memory_bytes: 50_000, tail_records: 4 };
    assert_conforms(options, || Store::open("memory:", []).unwrap()).await;
}

#[tokio::test]
async fn in_a_directory() {
    let folder = Folder::new();
    for case in CASES {
        let name = case.replace("::", "-");
        std::fs::create_dir(folder.0.join(&name)).unwrap();
        let store = Store::open(&format!("file://{}/{name}", folder.0.display()), []).unwrap();
        let result = run(case, &mut Bucket::new(store, BucketOptions::default()).await).await;
        assert_eq!(result, Ok(()), "{case}");
    }
}
