//! Reading the snapshots of a log, and the mark of its start that lies with them.

use bytes::Bytes;
use headwater_engine::{LogId, Offset, StoredSnapshot};
use idb::request::futures::{GetAllKeysStoreRequestFuture, GetAllStoreRequestFuture};
use web_sys::IdbDatabase;

use super::database::{SNAPSHOT, js_bytes, js_span, read};
use super::keys::{KeySpan, SnapshotKey, log_start_of};

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
    /// Waits for them; the offset is that of the log's start, 0 if it was never moved.
    pub(super) async fn finish(self) -> Result<(Vec<StoredSnapshot>, Offset), String> {
        let (keys, values) = (self.keys.await, self.values.await);
        let keys = keys.map_err(|error| error.to_string())?;
        let values = values.map_err(|error| error.to_string())?;
        let mut snapshots = Vec::new();
        let mut log_start_offset = 0;
        for (key, value) in keys.iter().zip(&values) {
            let key = js_bytes(key).to_vec();
            log_start_offset = log_start_of(&key).unwrap_or(log_start_offset).max(log_start_offset);
            // One of a kind that is not known is none to us; snapshots can be dropped.
            if let Some(SnapshotKey { kind, offset, .. }) = SnapshotKey::from_bytes(&key) {
                let snapshot = Bytes::from(js_bytes(value).to_vec());
                snapshots.push(StoredSnapshot { kind, offset, snapshot });
            }
        }
        Ok((snapshots, log_start_offset))
    }
}
