//! One group as one transaction of the database.
//!
//! All requests are made at once, the reading of the state first, so that the data is on its way while the state is
//! checked. When that says something else than the predecessor left, the transaction is aborted and nothing of it stays.

use bytes::Bytes;
use idb::ObjectStore;
use idb::request::futures::{GetAllKeysStoreRequestFuture, GetAllStoreRequestFuture, GetStoreRequestFuture};
use js_sys::Uint8Array;
use wasm_bindgen::JsValue;
use web_sys::IdbDatabase;

use super::database::{CHUNK, Ended, META, Running, SNAPSHOT, js_bytes, js_key, js_span};
use super::keys::ChunkKey;
use super::plan::{Change, Group};
use super::read::{found_rows, patched};
use super::state::{STATE_KEY, State};

/// How a group ended.
#[derive(Debug)]
pub(super) enum Outcome {
    /// All of it is stored.
    Committed,
    /// Nothing of it is stored.
    Aborted(Cause),
}

/// Why nothing of a group is stored.
#[derive(Debug)]
pub(super) enum Cause {
    /// The database has another owner.
    Fenced,
    /// The group before it was aborted.
    Predecessor,
    /// There is no room.
    Full(String),
    /// The database does not work.
    Failed(String),
}

/// A group on its way.
pub(super) struct Started {
    transaction: Running,
    before: State,
    state: GetStoreRequestFuture,
    rewrites: Vec<Rewrite>,
    /// The rows put, as they may be kept in memory.
    pub(super) rows: Vec<(ChunkKey, Bytes)>,
}

/// Makes the requests of a group; `before` is what its predecessor leaves.
///
/// # Errors
///
/// When the database takes no requests. Nothing of the group will be stored then.
pub(super) fn start(database: &IdbDatabase, group: &mut Group, before: State) -> Result<Started, String> {
    let transaction = Running::write(database, &[CHUNK, SNAPSHOT, META], group.strict)?;
    let requests = request(&transaction, group, before);
    match requests {
        Ok((state, rewrites, rows)) => Ok(Started { transaction, before, state, rewrites, rows }),
        Err(error) => {
            transaction.abort();
            // The callbacks have to outlive the transaction.
            wasm_bindgen_futures::spawn_local(async move { drop(transaction.ended().await) });
            Err(error.to_string())
        }
    }
}

/// Rows that are being read, to be put as one.
struct Rewrite {
    row: ChunkKey,
    keys: GetAllKeysStoreRequestFuture,
    rows: GetAllStoreRequestFuture,
}

type Requests = (GetStoreRequestFuture, Vec<Rewrite>, Vec<(ChunkKey, Bytes)>);

fn request(transaction: &Running, group: &mut Group, before: State) -> Result<Requests, idb::Error> {
    let meta = transaction.store(META)?;
    let chunks = transaction.store(CHUNK)?;
    let snapshots = transaction.store(SNAPSHOT)?;
    let state = meta.get(JsValue::from_str(STATE_KEY))?.into_future();
    let mut rewrites = Vec::new();
    let mut rows = Vec::new();
    for change in &mut group.changes {
        match change {
            Change::PutRow(row) => {
                let (key, bytes) = (row.key(), row.bytes());
                put(&chunks, &key.to_bytes(), &bytes)?;
                rows.push((key, bytes));
            }
            Change::PutTag(key) => put(&chunks, &key.to_bytes(), &[])?,
            Change::DeleteChunks(span) => drop(chunks.delete(js_span(span)?)?),
            Change::PutSnapshot(key, snapshot) => put(&snapshots, &key.to_bytes(), snapshot)?,
            Change::PutMark(key) => put(&snapshots, key, &[])?,
            Change::DeleteSnapshots(span) => drop(snapshots.delete(js_span(span)?)?),
            Change::Rewrite { read, delete, row } => {
                let keys = chunks.get_all_keys(Some(js_span(read)?.into()), None)?.into_future();
                let rows = chunks.get_all(Some(js_span(read)?.into()), None)?.into_future();
                rewrites.push(Rewrite { row: *row, keys, rows });
                chunks.delete(js_span(delete)?)?;
            }
        }
    }
    if !group.sparing {
        put_value(&meta, &JsValue::from_str(STATE_KEY), &js_key(&before.next().to_bytes()))?;
    }
    Ok((state, rewrites, rows))
}

fn put(store: &ObjectStore, key: &[u8], value: &[u8]) -> Result<(), idb::Error> {
    put_value(store, &js_key(key), &Uint8Array::from(value))
}

fn put_value(store: &ObjectStore, key: &JsValue, value: &JsValue) -> Result<(), idb::Error> {
    store.put(value, Some(key)).map(drop)
}

impl Started {
    /// Checks the state, and waits for the end.
    pub(super) async fn finish(self) -> Outcome {
        // Requests hold the callbacks of their ends, so they have to stay until the transaction has ended.
        let Started { transaction, before, mut state, mut rewrites, .. } = self;
        let cause = match check(&mut state, before).await {
            Ok(()) => rewrite(&transaction, &mut rewrites).await.err(),
            Err(cause) => Some(cause),
        };
        match cause {
            None => transaction.commit(),
            Some(_) => transaction.abort(),
        }
        match (transaction.ended().await, cause) {
            (Ended::Committed, _) => Outcome::Committed,
            // An error of a request is the transaction's, and it says more.
            (Ended::Aborted { name, message }, None | Some(Cause::Failed(_))) if !name.is_empty() => {
                Outcome::Aborted(match name.as_str() {
                    "QuotaExceededError" => {
                        Cause::Full("the browser gives this site no more room".to_owned())
                    }
                    _ => Cause::Failed(format!("{name}: {message}")),
                })
            }
            (Ended::Aborted { message, .. }, cause) => {
                Outcome::Aborted(cause.unwrap_or(Cause::Failed(message)))
            }
        }
    }
}

async fn check(state: &mut GetStoreRequestFuture, before: State) -> Result<(), Cause> {
    let row = state.await.map_err(|error| Cause::Failed(error.to_string()))?;
    let row = row.ok_or_else(|| Cause::Failed("the database has lost its state".to_owned()))?;
    let found = State::from_bytes(&js_bytes(&row).to_vec()).map_err(Cause::Failed)?;
    if found.owner_epoch != before.owner_epoch {
        Err(Cause::Fenced)
    } else if found.commit != before.commit {
        Err(Cause::Predecessor)
    } else {
        Ok(())
    }
}

/// The state is as it has to be, so rows that are not there or hold less are damaged: they stay what they are read as.
async fn rewrite(transaction: &Running, rewrites: &mut [Rewrite]) -> Result<(), Cause> {
    let failed = |error: idb::Error| Cause::Failed(error.to_string());
    for Rewrite { row, keys, rows } in rewrites {
        let keys = keys.await.map_err(failed)?;
        let rows = rows.await.map_err(failed)?;
        let found = found_rows(&keys, &rows);
        let chunks = transaction.store(CHUNK).map_err(failed)?;
        put(&chunks, &row.to_bytes(), &patched(*row, &found)).map_err(failed)?;
    }
    Ok(())
}
