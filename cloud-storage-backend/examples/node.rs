//! The library in JavaScript, over `fetch`: what `e2e/bucket/wasm.test.mjs` calls. Natively there is nothing here.

#![cfg(target_arch = "wasm32")]

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use headwater_cloud_storage::protocol::{Batch, Config, PartitionId, ReaderEvent};
use headwater_cloud_storage::{Journal, Store};
use wasm_bindgen::prelude::{JsError, wasm_bindgen};

const TIMEOUT: Duration = Duration::from_secs(10);

/// Appends so many texts, each to two partitions at once, by two writers in turn. Gives all that a reader finds then: a line
/// for each batch, with partition, offset and text.
///
/// # Errors
///
/// When the store cannot be used, or an append is not made.
#[wasm_bindgen]
pub async fn append_and_read(url: String, appends: u32) -> Result<Vec<String>, JsError> {
    console_error_panic_hook::set_once();
    let journal = Journal::open(Store::open(&url, [])?, Config::default()).await?;
    let writers = [journal.writer()?, journal.writer()?];
    for (n, writer) in (0..appends).zip(writers.iter().cycle()) {
        let batch = |number| Batch {
            partition: PartitionId { journal: 0, number },
            records: 1,
            producer: None,
            bytes: Bytes::from(format!("append {n}")),
        };
        writer.append(vec![batch(0), batch(1)], Vec::new(), TIMEOUT).await?;
    }
    for writer in writers {
        writer.quiet().await?;
    }
    read(&journal).await
}

async fn read(journal: &Journal) -> Result<Vec<String>, JsError> {
    let mut reader = journal.reader(BTreeMap::new())?;
    let mut lines = Vec::new();
    loop {
        match reader.next().await {
            ReaderEvent::Chunk(chunk) => {
                let text = String::from_utf8_lossy(&chunk.bytes);
                lines.push(format!("{} {} {text}", chunk.partition.number, chunk.base_offset));
            }
            ReaderEvent::Start { .. } => {}
            ReaderEvent::Tail => return Ok(lines),
            ReaderEvent::Failed(error) => return Err(error.into()),
        }
    }
}
