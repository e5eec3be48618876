//! What IndexedDB costs from wasm when nothing is done but putting and getting bytes: the baseline of the benches.

use std::collections::VecDeque;

use idb::builder::{DatabaseBuilder, ObjectStoreBuilder};
use js_sys::{Array, Uint8Array};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use web_sys::IdbDatabase;

use crate::clock;
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

async fn open() -> Result<IdbDatabase, JsValue> {
    let builder = DatabaseBuilder::new(NAME).version(1).add_object_store(ObjectStoreBuilder::new(STORE));
    Ok(builder.build().await.map_err(js)?.into())
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn js(error: idb::Error) -> JsValue {
    error.to_string().into()
}

/// Bytes that do not compress.
fn noise(length: u32) -> Vec<u8> {
    let mut state = 0x9e37_79b9_u32;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[0]
    };
    (0..length).map(next).collect()
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
