//! The conformance suite of every storage, over logs in this bucket. Each case has a prefix of its own.

use std::time::Instant;

use anyhow::{Result, anyhow};
use headwater_cloud_storage::{BucketOptions, Store};
use headwater_driver::conformance::{CASES, run as run_case};

use crate::bucket::Bucket;

pub(crate) async fn run(url: &str) -> Result<()> {
    let began = Instant::now();
    let unique = getrandom::u32()?;
    // Few records and bytes between checkpoints: what they write has to be read back as well.
    let options = BucketOptions { memory_bytes: 256 * 1024, tail_records: 16 };
    for case in CASES {
        let prefix = format!("{unique:08x}/{}/", case.replace("::", "/"));
        let mut bucket = Bucket::new(Store::open(url, [])?, &prefix, options).await?;
        run_case(case, &mut bucket).await.map_err(|why| anyhow!("{case}: {why}"))?;
    }
    eprintln!(
        "  logs: {} cases of the conformance suite in {:.0} s",
        CASES.len(),
        began.elapsed().as_secs_f64()
    );
    Ok(())
}
