//! Reading the snapshots of a log.

use bytes::Bytes;
use headwater_engine::{LogId, StoredSnapshot};
use idb::request::futures::{GetAllKeysStoreRequestFuture, GetAllStoreRequestFuture};
use web_sys::IdbDatabase;

use super::database::{SNAPSHOT, js_bytes, js_span, read};
use super::keys::{KeySpan, SnapshotKey};

/// Snapshots on their way.
pub(super) struct Reading {
    keys: GetAllKeysStoreRequestFuture,
    values: GetAllStoreRequestFuture,
}

/// Asks for all snapshots of a log.
///
/// # Errors
///
/// When the database takes no requests.
pub(super) fn start(database: &IdbDatabase, log: LogId) -> Result<Reading, String> {
    let text = |error: idb::Error| error.to_string();
    let store = read(database, &[SNAPSHOT])?.object_store(SNAPSHOT).map_err(text)?;
    let span = js_span(&KeySpan::log(log)).map_err(text)?;
    let keys = store.get_all_keys(Some(span.into()), None).map_err(text)?;
    let span = js_span(&KeySpan::log(log)).map_err(text)?;
    let values = store.get_all(Some(span.into()), None).map_err(text)?;
    Ok(Reading { keys: keys.into_future(), values: values.into_future() })
}

impl Reading {
    /// Waits for them.
    pub(super) async fn finish(self) -> Result<Vec<StoredSnapshot>, String> {
        let (keys, values) = (self.keys.await, self.values.await);
        let keys = keys.map_err(|error| error.to_string())?;
        let values = values.map_err(|error| error.to_string())?;
        let snapshot = |(key, value)| {
            let key = SnapshotKey::from_bytes(&js_bytes(key).to_vec())?;
            let snapshot = Bytes::from(js_bytes(value).to_vec());
            Some(StoredSnapshot { kind: key.kind, offset: key.offset, snapshot })
        };
        // One of a kind that is not known is none to us; snapshots can be dropped.
        Ok(keys.iter().zip(&values).filter_map(snapshot).collect())
    }
}
