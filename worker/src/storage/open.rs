//! Opening the database: its owner, its rows.

use idb::{Database, Factory, KeyRange};
use wasm_bindgen::JsValue;
use web_sys::IdbDatabase;

use super::database::{CHUNK, Ended, META, Running, js_bytes, js_key, read};
use super::index::RowIndex;
use super::keys::ChunkKey;
use super::reserve;
use super::state::{STATE_KEY, State};
use super::upgrade;

/// Keys are read in pages of so many.
const KEYS_A_PAGE: u32 = 4096;

/// What there is when a database was opened.
pub(super) struct Opened {
    pub(super) database: IdbDatabase,
    /// Holds the callbacks of the connection.
    pub(super) connection: Database,
    pub(super) state: State,
    pub(super) index: RowIndex,
    /// Whether there is room kept back.
    pub(super) has_reserve: bool,
}

/// Opens a database, makes it if there is none, and takes it over.
pub(super) async fn open(name: &str) -> Result<Opened, String> {
    let database = IdbDatabase::from(upgrade::open(name).await?);
    let mut connection = Database::from(database.clone());
    // Whoever deletes the database need not wait for this connection.
    let closing = database.clone();
    connection.on_version_change(move |_| closing.close());
    let state = take_over(&database).await?;
    let has_reserve = reserve::is_held(&database).await?;
    let (_, index) = load(&database).await?;
    Ok(Opened { database, connection, state, index, has_reserve })
}

/// Raises the owner's epoch: whoever had the database open before can write no more.
async fn take_over(database: &IdbDatabase) -> Result<State, String> {
    let transaction = Running::write(database, &[META], true)?;
    let taken = raise_epoch(&transaction).await;
    match &taken {
        Ok(_) => transaction.commit(),
        Err(_) => transaction.abort(),
    }
    let ended = transaction.ended().await;
    let state = taken?;
    match ended {
        Ended::Committed => Ok(state),
        Ended::Aborted { name, message } => {
            Err(format!("the database cannot be taken over: {name} {message}"))
        }
    }
}

async fn raise_epoch(transaction: &Running) -> Result<State, String> {
    let text = |error: idb::Error| error.to_string();
    let meta = transaction.store(META).map_err(text)?;
    let row = meta.get(JsValue::from_str(STATE_KEY)).map_err(text)?.await.map_err(text)?;
    let state = match row {
        Some(row) => State::from_bytes(&js_bytes(&row).to_vec())?,
        None => State { owner_epoch: 0, commit: 0 },
    };
    let state = State { owner_epoch: state.owner_epoch + 1, ..state };
    meta.put(&js_key(&state.to_bytes()), Some(&JsValue::from_str(STATE_KEY))).map_err(text)?;
    Ok(state)
}

/// Reads the state and the keys of all rows.
pub(super) async fn load(database: &IdbDatabase) -> Result<(State, RowIndex), String> {
    let text = |error: idb::Error| error.to_string();
    let transaction = read(database, &[CHUNK, META])?;
    let meta = transaction.object_store(META).map_err(text)?;
    let chunks = transaction.object_store(CHUNK).map_err(text)?;
    let row = meta.get(JsValue::from_str(STATE_KEY)).map_err(text)?.await.map_err(text)?;
    let row = row.ok_or("the database has lost its state")?;
    let state = State::from_bytes(&js_bytes(&row).to_vec())?;
    let mut index = RowIndex::default();
    let mut after = None;
    loop {
        let range = match &after {
            Some(key) => Some(KeyRange::lower_bound(key, Some(true)).map_err(text)?.into()),
            None => None,
        };
        let keys = chunks.get_all_keys(range, Some(KEYS_A_PAGE)).map_err(text)?.await.map_err(text)?;
        for key in &keys {
            let key = ChunkKey::from_bytes(&js_bytes(key).to_vec())
                .ok_or("the database has a row of another format")?;
            index.load(key)?;
        }
        match keys.into_iter().next_back() {
            Some(last) => after = Some(last),
            None => return Ok((state, index)),
        }
    }
}

/// Deletes a database with all that is in it.
///
/// # Errors
///
/// When the browser refuses, in words for people.
pub(crate) async fn destroy(name: &str) -> Result<(), String> {
    let text = |error: idb::Error| format!("the database {name} cannot be deleted: {error}");
    Factory::new().map_err(text)?.delete(name).map_err(text)?.await.map_err(text)
}
