//! The library on a real store: `bucket COMMAND URL`. `cargo xtask test bucket` runs it on servers that it starts.
//!
//! - `prepare`: makes the bucket.
//! - `gate`: whether the store does what is asked of any, under a race; nothing else is worth running where it does not.
//! - `race`: eight processes append, are killed in a loop, and go on; a reader that follows them live sees that everything
//!   acknowledged is there exactly once and in order. `--seconds N`, 15 unless told otherwise.
//! - `conform`: the conformance suite of every storage, over logs in the bucket.
//! - `write`: one of the eight.

#[path = "../../tests/log_storage/bucket.rs"]
mod bucket;
mod conform;
mod gate;
mod payload;
mod prepare;
mod race;
mod reading;
mod write;

use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["prepare", url] => prepare::run(url).await,
        ["gate", url] => gate::run(url).await,
        ["conform", url] => conform::run(url).await,
        ["race", url] => race::run(url, 15).await,
        ["race", url, "--seconds", seconds] => race::run(url, number(seconds)?).await,
        ["write", url, producer, from] => write::run(url, number(producer)?, number(from)?).await,
        _ => bail!("bucket prepare|gate|race|conform URL"),
    }
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T> {
    text.parse().ok().with_context(|| format!("{text} is no number that fits"))
}
