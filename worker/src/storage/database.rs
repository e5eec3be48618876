//! The database as IndexedDB shows it, and what the crate `idb` leaves out.

use std::cell::Cell;
use std::rc::Rc;

use futures_channel::oneshot;
use idb::{KeyRange, Transaction};
use js_sys::{Array, ArrayBuffer, Object, Reflect, Uint8Array};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{DomException, IdbDatabase, IdbTransaction};

use super::keys::KeySpan;

/// The store of record batches: rows of consecutive bytes of a segment.
pub(super) const CHUNK: &str = "chunk";
/// The store of snapshots.
pub(super) const SNAPSHOT: &str = "snapshot";
/// The store of one row that says in which format the database is, whose it is, and how many commits there were.
pub(super) const META: &str = "meta";

#[wasm_bindgen]
extern "C" {
    /// `IDBDatabase` with the third argument of `transaction` that `web-sys` has as an unstable interface only.
    type DurableDatabase;

    #[wasm_bindgen(method, catch)]
    fn transaction(
        this: &DurableDatabase,
        stores: &Array,
        mode: &str,
        options: &JsValue,
    ) -> Result<IdbTransaction, JsValue>;
}

/// How a transaction ended.
#[derive(Debug)]
pub(crate) enum Ended {
    Committed,
    /// The name and message of the error, if it was not asked for.
    Aborted {
        name: String,
        message: String,
    },
}

/// A transaction that writes, whose end can be waited for.
#[derive(Debug)]
pub(crate) struct Running {
    raw: IdbTransaction,
    /// Holds the callbacks of the transaction's end.
    transaction: Transaction,
    ended: oneshot::Receiver<Ended>,
}

impl Running {
    /// Opens a transaction that writes. `strict`: it is done when it is on the disk itself, not merely handed to the
    /// system.
    pub(crate) fn write(database: &IdbDatabase, stores: &[&str], strict: bool) -> Result<Running, String> {
        let raw = open(database, stores, "readwrite", if strict { "strict" } else { "relaxed" })?;
        let mut transaction = Transaction::from(raw.clone());
        let (sender, ended) = oneshot::channel();
        let sender = Rc::new(Cell::new(Some(sender)));
        let on_complete = sender.clone();
        transaction.on_complete(move |_| send(&on_complete, Ended::Committed));
        let aborted = raw.clone();
        transaction.on_abort(move |_| send(&sender, reason(aborted.error())));
        Ok(Running { raw, transaction, ended })
    }

    pub(crate) fn store(&self, name: &str) -> Result<idb::ObjectStore, idb::Error> {
        self.transaction.object_store(name)
    }

    /// Has the transaction end as soon as its requests are done; it would anyway, but later. One that was aborted
    /// stays so.
    pub(crate) fn commit(&self) {
        // A second handle without callbacks: `idb` drops the one it is called on when it fails.
        let _ = Transaction::from(self.raw.clone()).commit();
    }

    /// Undoes what the transaction did. One that was aborted already stays so.
    pub(super) fn abort(&self) {
        let _ = Transaction::from(self.raw.clone()).abort();
    }

    /// Waits for the transaction's end.
    pub(crate) async fn ended(self) -> Ended {
        let Running { ended, transaction, .. } = self;
        let result = ended.await;
        drop(transaction);
        result.unwrap_or_else(|_| reason(None))
    }
}

/// Opens a transaction that only reads. It is over when its requests are.
pub(crate) fn read(database: &IdbDatabase, stores: &[&str]) -> Result<Transaction, String> {
    open(database, stores, "readonly", "default").map(Transaction::from)
}

fn open(
    database: &IdbDatabase,
    stores: &[&str],
    mode: &str,
    durability: &str,
) -> Result<IdbTransaction, String> {
    let stores: Array = stores.iter().map(|name| JsValue::from_str(name)).collect();
    let options = Object::new();
    Reflect::set(&options, &"durability".into(), &durability.into()).map_err(|error| describe(&error))?;
    let database: &DurableDatabase = database.unchecked_ref();
    database.transaction(&stores, mode, &options).map_err(|error| describe(&error))
}

fn send(sender: &Cell<Option<oneshot::Sender<Ended>>>, ended: Ended) {
    if let Some(sender) = sender.take() {
        // Nobody waits when the storage was given up.
        let _ = sender.send(ended);
    }
}

fn reason(error: Option<DomException>) -> Ended {
    match error {
        Some(error) => Ended::Aborted { name: error.name(), message: error.message() },
        None => Ended::Aborted { name: String::new(), message: "the transaction was aborted".to_owned() },
    }
}

/// Keys as IndexedDB wants them.
pub(super) fn js_key(key: &[u8]) -> JsValue {
    Uint8Array::from(key).into()
}

/// A span of keys as IndexedDB wants it.
pub(super) fn js_span(span: &KeySpan) -> Result<KeyRange, idb::Error> {
    KeyRange::bound(&js_key(&span.from), &js_key(&span.to), Some(false), Some(true))
}

/// Binary keys come back as buffers, values as arrays.
pub(super) fn js_bytes(value: &JsValue) -> Uint8Array {
    match value.dyn_ref::<Uint8Array>() {
        Some(bytes) => bytes.clone(),
        None => Uint8Array::new(value),
    }
}

/// What a row of data holds. `None` when that is not bytes at all: such a row is damaged.
pub(super) fn js_row(value: &JsValue) -> Option<Uint8Array> {
    match (value.dyn_ref::<Uint8Array>(), value.dyn_ref::<ArrayBuffer>()) {
        (Some(bytes), _) => Some(bytes.clone()),
        (None, Some(buffer)) => Some(Uint8Array::new(buffer)),
        (None, None) => None,
    }
}

/// An error of JavaScript for people.
pub(crate) fn describe(error: &JsValue) -> String {
    match (error.dyn_ref::<DomException>(), error.dyn_ref::<js_sys::Error>()) {
        (Some(error), _) => format!("{}: {}", error.name(), error.message()),
        (None, Some(error)) => String::from(error.to_string()),
        (None, None) => error.as_string().unwrap_or_else(|| "an unknown error".to_owned()),
    }
}
