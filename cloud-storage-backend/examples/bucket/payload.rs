//! What the racing writers append: all of it follows from who writes and how often they did before.

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use headwater_cloud_storage::protocol::{Batch, Config, PartitionId, ProducerBatch};

/// The partition of all; each writer has one of its own too, with its number.
pub(crate) const SHARED: u32 = 100;
pub(crate) const WRITERS: u32 = 8;

/// Collection and checkpoints have to have their share of a race that takes some seconds.
pub(crate) fn config() -> Config {
    Config { collect_after_ms: 10_000, poll_interval_ms: 20, ..Config::default() }
}

/// The `n`th append of a writer: one batch for its own partition, one for everybody's.
pub(crate) fn batches(producer: u32, n: u64) -> Result<Vec<Batch>> {
    let bytes = payload(producer, n);
    let (base_sequence, records) = sequence(n);
    let producer_batch = ProducerBatch {
        producer_id: i64::from(producer),
        epoch: 0,
        base_sequence: i32::try_from(base_sequence).context("too many appends")?,
    };
    let batch = |number| Batch {
        partition: PartitionId { journal: 0, number },
        records,
        producer: Some(producer_batch),
        bytes: bytes.clone(),
    };
    Ok(vec![batch(producer), batch(SHARED)])
}

/// Records are one, two or three by turns.
fn sequence(n: u64) -> (u64, u32) {
    match n % 3 {
        0 => (n / 3 * 6, 1),
        1 => (n / 3 * 6 + 1, 2),
        _ => (n / 3 * 6 + 3, 3),
    }
}

/// Now and then so large that it is not copied into commits.
fn payload(producer: u32, n: u64) -> Bytes {
    let fill = if n % 40 == 39 { 300_000 } else { n % 500 };
    let fill = usize::try_from(fill).unwrap_or_default();
    Bytes::from(format!("{producer} {n} {}", ".".repeat(fill)))
}

/// Whose bytes these are, having seen that they are what was written.
pub(crate) fn parse(bytes: &Bytes, records: u32) -> Result<(u32, u64)> {
    let mut words = std::str::from_utf8(bytes)?.split(' ');
    let mut number = || words.next().and_then(|word| word.parse::<u64>().ok()).context("no number");
    let (producer, n) = (u32::try_from(number()?)?, number()?);
    ensure!(payload(producer, n) == *bytes, "append {n} of {producer} has other bytes");
    ensure!(sequence(n).1 == records, "append {n} of {producer} has another number of records");
    Ok((producer, n))
}
