//! `cargo xtask bench NAME`.

use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::{build, gateway, paths, setup, shell, sim};

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
    match name {
        "browser" => in_the_browser(arguments),
        "gateway" => gateway(arguments),
        "import" => import(arguments),
        _ => bail!("there is no bench {name}; there are: browser, bucket, gateway, import"),
    }
}

fn in_the_browser(arguments: &[String]) -> Result<()> {
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

fn import(arguments: &[String]) -> Result<()> {
    setup::for_the_browser_tests()?;
    let folder = build::playground()?;
    let mut node = Command::new("node");
    node.arg("bench/import.mjs").args(arguments).current_dir(paths::e2e());
    node.env("HEADWATER_DIST", folder).env("CHROMIUM", setup::chromium()?);
    shell::run("import of a file in Chromium", node)
}

fn gateway(arguments: &[String]) -> Result<()> {
    let clients = setup::clients::ensure()?;
    let python =
        clients.python.context("the bench's client is confluent-kafka, which could not be installed")?;
    let mut node = Command::new("node");
    node.arg("bench/gateway.mjs").args(arguments).current_dir(paths::e2e());
    node.env("HEADWATER", gateway::build()?).env("HEADWATER_ECHO", gateway::build_echo()?);
    node.env("CLIENTS_PYTHON", python).envs(clients.jars.map(|jars| ("CLIENTS_JARS", jars)));
    shell::run("bench of the server", node)
}
