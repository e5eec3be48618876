//! What IndexedDB costs from wasm when nothing is done but putting and getting bytes: the baseline of the benches.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use bytes::Bytes;
use headwater_driver::LogStorage;
use headwater_engine::{Durability, LogId, OpId, StorageOp, Uuid};
use idb::builder::{DatabaseBuilder, ObjectStoreBuilder};
use js_sys::{Array, Uint8Array};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use web_sys::IdbDatabase;

use crate::clock;
use crate::noise::noise;
use crate::storage::IndexedDbStorage;
use crate::storage::raw::{Ended, Running, read};

const NAME: &str = "headwater-bench-raw";
const STORE: &str = "chunk";
const IN_FLIGHT: usize = 4;

/// Puts bytes as rows of `chunk_bytes`, one a transaction, four in flight, into a new database. Gives the milliseconds
/// it took until all were committed.
///
/// # Errors
///
/// When the browser refuses.
#[wasm_bindgen]
pub async fn raw_write(total_bytes: u32, chunk_bytes: u32, strict: bool) -> Result<f64, JsValue> {
    crate::storage::destroy(NAME).await?;
    let database = open().await?;
    let chunk = noise(chunk_bytes);
    let start = clock::monotonic_ms();
    let mut in_flight = VecDeque::new();
    for key in 0..total_bytes.div_ceil(chunk_bytes) {
        if in_flight.len() == IN_FLIGHT {
            ended(in_flight.pop_front()).await?;
        }
        in_flight.push_back(put(&database, key, &chunk, strict)?);
    }
    while !in_flight.is_empty() {
        ended(in_flight.pop_front()).await?;
    }
    let elapsed = clock::monotonic_ms() - start;
    database.close();
    Ok(elapsed)
}

/// Reads what [`raw_write`] wrote, about a mebibyte at a time. Gives the milliseconds it took.
///
/// # Errors
///
/// When the browser refuses.
#[wasm_bindgen]
pub async fn raw_read() -> Result<f64, JsValue> {
    let database = open().await?;
    let start = clock::monotonic_ms();
    let mut next = 0;
    let mut rows_a_read = 1;
    loop {
        let store = read(&database, &[STORE])?.object_store(STORE).map_err(js)?;
        let from = idb::KeyRange::lower_bound(&JsValue::from(next), Some(false)).map_err(js)?;
        let rows = store.get_all(Some(from.into()), Some(rows_a_read)).map_err(js)?;
        let rows = rows.await.map_err(js)?;
        let Some(row) = rows.first() else { break };
        next += u32::try_from(rows.len()).unwrap_or(u32::MAX);
        rows_a_read = (1 << 20) / Uint8Array::new(row).length().clamp(1, 1 << 20);
        // Into wasm, where a reader would want it.
        let bytes: usize = rows.iter().map(|row| Uint8Array::new(row).to_vec().len()).sum();
        std::hint::black_box(bytes);
    }
    let elapsed = clock::monotonic_ms() - start;
    database.close();
    Ok(elapsed)
}

/// Puts small rows into a new database, each committed before the next. Gives the milliseconds of each.
///
/// # Errors
///
/// When the browser refuses.
#[wasm_bindgen]
pub async fn raw_small_commit(n: u32) -> Result<Array, JsValue> {
    crate::storage::destroy(NAME).await?;
    let database = open().await?;
    let row = noise(200);
    let times = Array::new();
    for key in 0..n {
        let start = clock::monotonic_ms();
        ended(Some(put(&database, key, &row, false)?)).await?;
        times.push(&JsValue::from_f64(clock::monotonic_ms() - start));
    }
    database.close();
    Ok(times)
}

/// Appends bytes through the storage: `logs` logs, appends of `append_bytes`, at most `outstanding` bytes not yet answered,
/// into a new database. Gives the milliseconds until all were done and the number of transactions.
///
/// # Errors
///
/// When the browser refuses, or an append is not applied.
#[wasm_bindgen]
pub async fn storage_write(
    total_bytes: u32,
    append_bytes: u32,
    logs: u32,
    outstanding: u32,
    strict: bool,
) -> Result<Array, JsValue> {
    const DATABASE: &str = "headwater-bench-storage";
    crate::storage::destroy(DATABASE).await?;
    let wakes = Wakes::default();
    let mut storage = IndexedDbStorage::open(DATABASE, wakes.waker()).await?;
    let batches = Bytes::from(noise(append_bytes));
    let durability = if strict { Durability::Strict } else { Durability::Relaxed };
    let start = clock::monotonic_ms();
    let (mut submitted, mut ended) = (0, 0);
    let appends = u64::from(total_bytes.div_ceil(append_bytes));
    while ended < appends {
        while submitted < appends && (submitted - ended) * u64::from(append_bytes) < u64::from(outstanding) {
            let partition = i32::try_from(submitted % u64::from(logs)).unwrap_or(0);
            storage.submit(
                OpId(submitted),
                StorageOp::Append {
                    log: LogId { topic_id: Uuid::from_u128(7), partition },
                    segment: 0,
                    position: submitted / u64::from(logs) * u64::from(append_bytes),
                    batches: batches.clone(),
                    durability,
                },
            );
            submitted += 1;
        }
        storage.flush();
        wakes.next().await;
        while let Some((_, result)) = storage.poll_completion() {
            result.map_err(|error| error.to_string())?;
            ended += 1;
        }
    }
    let elapsed = clock::monotonic_ms() - start;
    #[expect(clippy::cast_precision_loss, reason = "a bench does not commit so often")]
    let commits = storage.commits() as f64;
    Ok(Array::of2(&elapsed.into(), &commits.into()))
}

/// Waits for a storage to have outcomes.
#[derive(Clone, Default)]
struct Wakes(Rc<RefCell<(bool, Option<Waker>)>>);

impl Wakes {
    fn waker(&self) -> Rc<dyn Fn()> {
        let this = self.clone();
        Rc::new(move || {
            let mut state = this.0.borrow_mut();
            state.0 = true;
            if let Some(waker) = state.1.take() {
                waker.wake();
            }
        })
    }

    async fn next(&self) {
        poll_fn(|context| {
            let mut state = self.0.borrow_mut();
            if std::mem::take(&mut state.0) {
                return Poll::Ready(());
            }
            state.1 = Some(context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

async fn open() -> Result<IdbDatabase, JsValue> {
    let builder = DatabaseBuilder::new(NAME).version(1).add_object_store(ObjectStoreBuilder::new(STORE));
    Ok(builder.build().await.map_err(js)?.into())
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn js(error: idb::Error) -> JsValue {
    error.to_string().into()
}

fn put(database: &IdbDatabase, key: u32, row: &[u8], strict: bool) -> Result<Running, JsValue> {
    let transaction = Running::write(database, &[STORE], strict)?;
    let store = transaction.store(STORE).map_err(js)?;
    store.put(&Uint8Array::from(row), Some(&JsValue::from(key))).map_err(js)?;
    transaction.commit();
    Ok(transaction)
}

async fn ended(transaction: Option<Running>) -> Result<(), JsValue> {
    match transaction {
        None => Ok(()),
        Some(transaction) => match transaction.ended().await {
            Ended::Committed => Ok(()),
            Ended::Aborted { name, message } => Err(format!("{name} {message}").into()),
        },
    }
}
