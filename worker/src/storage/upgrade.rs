//! The database in the format of today: made, brought up to date, or refused.
//!
//! The version of the database is the version of the format (docs/format.md). One that is newer than this program is
//! refused by the browser, and nothing of it is touched. One that is older is brought up to date a version at a time, all in
//! the one transaction in which the browser raises the version: it happens wholly or not at all, and if the worker ends in
//! the middle, it begins anew the next time.

use std::cell::RefCell;
use std::rc::Rc;

use idb::event::VersionChangeEvent;
use idb::{Database, DatabaseEvent, Event, Factory, ObjectStoreParams, Request, Transaction};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;

use super::database::{CHUNK, META, SNAPSHOT, describe, js_bytes, js_key};
use super::state::{FORMAT_VERSION, STATE_KEY, State};

/// Opens a database in the format of today; makes it if there is none.
///
/// # Errors
///
/// When the browser refuses, or what is there is of a newer format or of none; in words for people.
pub(super) async fn open(name: &str) -> Result<Database, String> {
    let problem = Rc::new(RefCell::new(None));
    let noted = problem.clone();
    let opened = async {
        let mut request = Factory::new()?.open(name, Some(FORMAT_VERSION))?;
        request.on_upgrade_needed(move |event| {
            if let Err(error) = change(&event, &noted) {
                *noted.borrow_mut() = Some(error.to_string());
            }
        });
        request.await
    };
    let result = opened.await;
    match (result, problem.take()) {
        (Ok(database), None) => Ok(database),
        (_, Some(problem)) => Err(format!("the database {name} cannot be brought up to date: {problem}")),
        (Err(error), None) => Err(explain(name, &error)),
    }
}

fn explain(name: &str, error: &idb::Error) -> String {
    let idb::Error::DomException(exception) = error else {
        return format!("the database {name} cannot be opened: {error}");
    };
    if exception.name() == "VersionError" {
        return format!(
            "the database {name} was written by a newer version of this program, which knows formats up to {FORMAT_VERSION}; \
             nothing in it was touched"
        );
    }
    format!("the database {name} cannot be opened: {}", describe(&JsValue::from(exception.clone())))
}

/// Within the transaction that raises the version.
fn change(event: &VersionChangeEvent, problem: &Rc<RefCell<Option<String>>>) -> Result<(), idb::Error> {
    let from = event.old_version()?;
    if from == 0 {
        let database = event.database()?;
        for store in [CHUNK, SNAPSHOT, META] {
            database.create_object_store(store, ObjectStoreParams::new())?;
        }
        return Ok(());
    }
    let transaction = event.target()?.transaction().ok_or(idb::Error::TransactionNotFound)?;
    let problem = problem.clone();
    spawn_local(async move {
        for version in from..FORMAT_VERSION {
            if let Err(error) = step(version, &transaction).await {
                *problem.borrow_mut() = Some(error);
                // The version stays as it was, and so does all else. One that is over already has done that itself.
                let _ = transaction.abort();
                return;
            }
        }
    });
    Ok(())
}

/// From one version to the next.
async fn step(version: u32, transaction: &Transaction) -> Result<(), String> {
    match version {
        1 | 2 => renumber(transaction, version).await,
        _ => Err(format!("it is in format {version}, which never was")),
    }
}

/// What is stored stays as it is; from this version on there may be rows that a program of the one before would not
/// heed.
async fn renumber(transaction: &Transaction, version: u32) -> Result<(), String> {
    let text = |error: idb::Error| error.to_string();
    let meta = transaction.object_store(META).map_err(text)?;
    let key = JsValue::from_str(STATE_KEY);
    // Nobody may have come so far as to write one.
    let Some(row) = meta.get(key.clone()).map_err(text)?.await.map_err(text)? else { return Ok(()) };
    let state = State::of_version(version, &js_bytes(&row).to_vec())?;
    meta.put(&js_key(&state.to_bytes_of(version + 1)), Some(&key)).map_err(text)?.await.map_err(text)?;
    Ok(())
}
