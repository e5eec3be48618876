//! A process that appends until it is killed or its input ends, and says what was acknowledged.

use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use headwater_cloud_storage::{AppendError, Journal, Store};

use crate::payload::{batches, config};

const TIMEOUT: Duration = Duration::from_secs(10);

pub(crate) async fn run(url: &str, producer: u32, from: u64) -> Result<()> {
    let stop = Arc::new(AtomicBool::new(false));
    let stopping = Arc::clone(&stop);
    std::thread::spawn(move || {
        // Whatever ends the input is the end.
        drop(std::io::stdin().read_to_end(&mut Vec::new()));
        stopping.store(true, Ordering::Relaxed);
    });
    let journal = Journal::open(Store::open(url, [])?, config()).await?;
    let writer = journal.writer()?;
    let mut n = from;
    while !stop.load(Ordering::Relaxed) {
        match writer.append(batches(producer, n)?, Vec::new(), TIMEOUT).await {
            Ok(placed) => {
                let offsets: Vec<_> = placed.iter().map(|placed| placed.base_offset.to_string()).collect();
                // One write, so that a line is whole or not there when this is killed.
                std::io::stdout().write_all(format!("{n} {}\n", offsets.join(" ")).as_bytes())?;
                n += 1;
            }
            // The same again: that it may be there already is what sequence numbers are for.
            Err(AppendError::TimedOut | AppendError::NotAppended) => {}
            Err(error) => return Err(error).with_context(|| format!("append {n} of {producer}")),
        }
    }
    Ok(())
}
