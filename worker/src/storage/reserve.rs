//! Room kept back for what makes room: when there is none left, a topic can only be deleted if the record that says so can
//! be written.
//!
//! A row that holds nothing of use lies in the store `meta`. When there is no room for a change of the cluster's metadata, it
//! is given up and the change is tried once more; when something was deleted, it is laid aside anew.

use js_sys::Uint8Array;
use wasm_bindgen::JsValue;
use web_sys::IdbDatabase;

use super::database::{Ended, META, Running, read};
use crate::noise::noise;

/// The row's key.
const RESERVE_KEY: &str = "reserve";

/// More than a browser lets in beyond its limit: Chromium takes what is in flight when the limit is reached, some
/// mebibytes. It is a file of its own there, which is gone as soon as the row is.
const RESERVE_BYTES: u32 = 4 << 20;

/// Whether the row is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Reserve {
    Held,
    /// It is to be given up before anything is tried again.
    Due,
    /// It is not there.
    Spent,
    /// It is not there, and there may be room for it.
    Wanted,
}

/// Whether the row is there.
pub(super) async fn is_held(database: &IdbDatabase) -> Result<bool, String> {
    let text = |error: idb::Error| error.to_string();
    let meta = read(database, &[META])?.object_store(META).map_err(text)?;
    let key = meta.get_key(JsValue::from_str(RESERVE_KEY)).map_err(text)?.await.map_err(text)?;
    Ok(key.is_some())
}

/// Lays the row aside; false when there is no room for it.
pub(super) async fn keep(database: &IdbDatabase) -> Result<bool, String> {
    let text = |error: idb::Error| error.to_string();
    let transaction = Running::write(database, &[META], false)?;
    let meta = transaction.store(META).map_err(text)?;
    let key = JsValue::from_str(RESERVE_KEY);
    let put = meta.put(&Uint8Array::from(&*noise(RESERVE_BYTES)).into(), Some(&key)).map_err(text)?;
    transaction.commit();
    let ended = transaction.ended().await;
    drop(put);
    Ok(matches!(ended, Ended::Committed))
}

/// Gives the row up.
pub(super) async fn give_up(database: &IdbDatabase) -> Result<(), String> {
    let text = |error: idb::Error| error.to_string();
    let transaction = Running::write(database, &[META], true)?;
    let meta = transaction.store(META).map_err(text)?;
    let deleted = meta.delete(JsValue::from_str(RESERVE_KEY)).map_err(text)?;
    transaction.commit();
    let ended = transaction.ended().await;
    drop(deleted);
    match ended {
        Ended::Committed => Ok(()),
        Ended::Aborted { name, message } => Err(format!("{name}: {message}")),
    }
}
