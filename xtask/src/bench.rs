//! `cargo xtask bench NAME`.

use std::process::Command;

use anyhow::{Result, bail};

use crate::{build, paths, setup, shell, sim};

/// Builds with what the bench needs and runs it; it prints its table and, as the last line, one JSON object.
///
/// # Errors
///
/// When there is no such bench, or it cannot be built or run.
pub(crate) fn run(name: &str, arguments: &[String]) -> Result<()> {
    if name == "bucket" {
        let words: Vec<String> =
            ["bucket", "bench"].map(str::to_owned).into_iter().chain(arguments.iter().cloned()).collect();
        return sim::run(&words);
    }
    if name != "browser" {
        bail!("there is no bench {name}; there are: browser, bucket");
    }
    setup::for_the_browser_tests()?;
    let ordinary = build::playground()?;
    let folder = paths::target()?.join("dist-bench");
    build::with_worker_features(&["bench"], &folder)?;
    let mut node = Command::new("node");
    node.arg("bench/browser.mjs").args(arguments).current_dir(paths::e2e());
    // Sizes are those of the ordinary build: the one for benches has more in its worker.
    node.env("HEADWATER_ORDINARY_DIST", ordinary)
        .env("HEADWATER_DIST", folder)
        .env("CHROMIUM", setup::chromium()?);
    shell::run("bench in Chromium", node)
}
