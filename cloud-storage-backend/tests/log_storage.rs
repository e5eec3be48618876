//! Logs in a bucket: the conformance suite of every storage, on stores without a network.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "helpers of tests")]

#[path = "log_storage/broker.rs"]
mod broker;
#[path = "log_storage/bucket.rs"]
mod bucket;
mod support;

use bucket::Bucket;
use headwater_cloud_storage::{BucketOptions, Store};
use headwater_driver::conformance::{CASES, run};
use support::Folder;

async fn assert_conforms(options: BucketOptions, new: impl Fn() -> Store) {
    for case in CASES {
        let result = run(case, &mut Bucket::new(new(), "", options).await.unwrap()).await;
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
        let result = run(case, &mut Bucket::new(store, "", BucketOptions::default()).await.unwrap()).await;
        assert_eq!(result, Ok(()), "{case}");
    }
}
