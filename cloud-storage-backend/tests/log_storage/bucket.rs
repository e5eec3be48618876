//! What the conformance suite of storages needs to know of one in a bucket.

use std::sync::Arc;
use std::time::Duration;

use headwater_cloud_storage::protocol::Config;
use headwater_cloud_storage::{BucketOptions, BucketStorage, Journal, OpenError, Store};
use headwater_driver::conformance::Harness;
use tokio::sync::Notify;

/// A journal that many storages are opened over, one after the other.
pub(crate) struct Bucket {
    journal: Journal,
    options: BucketOptions,
    pub(crate) woken: Arc<Notify>,
}

impl Bucket {
    pub(crate) async fn new(store: Store, prefix: &str, options: BucketOptions) -> Result<Bucket, OpenError> {
        let prefix = prefix.to_owned();
        let config = Config { prefix, poll_interval_ms: 2, checkpoint_interval_ms: 5, ..Config::default() };
        let journal = Journal::open(store, config).await?;
        Ok(Bucket { journal, options, woken: Arc::default() })
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
