//! `cargo xtask test`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result};

use crate::args::Suite;
use crate::setup::wasm_target::TARGET;
use crate::{bucket, build, gateway, paths, setup, shell};

/// What runs in a browser, and so is checked for wasm32 too.
const IN_THE_BROWSER: [&str; 8] = [
    "headwater-cloud-storage",
    "headwater-engine",
    "headwater-client",
    "headwater-driver",
    "headwater-js",
    "headwater-worker-protocol",
    "headwater-worker",
    "headwater-web",
];
/// The browser test that needs the worker to be built with its conformance suite.
const CONFORMANCE: &str = "conformance.test.mjs";

/// Sets up and runs tests.
///
/// # Errors
///
/// When the machine cannot be made ready, or a test fails.
pub(crate) fn run(suite: Suite) -> Result<()> {
    let started = Instant::now();
    if matches!(suite, Suite::Rust | Suite::All) {
        rust()?;
    }
    if matches!(suite, Suite::Wasm | Suite::All) {
        wasm()?;
    }
    if matches!(suite, Suite::E2e | Suite::All) {
        end_to_end()?;
    }
    if matches!(suite, Suite::Clients | Suite::All) {
        clients()?;
    }
    if matches!(suite, Suite::Bucket | Suite::All) {
        bucket::test()?;
    }
    eprintln!("\nevery test passed, {}", shell::seconds(started.elapsed()));
    Ok(())
}

fn rust() -> Result<()> {
    setup::wasm_target::ensure()?;
    shell::run("formatting", shell::cargo(["fmt", "--all", "--check"]))?;
    shell::run("clippy", clippy(&["--workspace", "--all-targets", "--all-features"]))?;
    let mut for_wasm = vec!["--target", TARGET, "--all-features"];
    for_wasm.extend(IN_THE_BROWSER.iter().flat_map(|package| ["--package", package]));
    shell::run("clippy for wasm32", clippy(&for_wasm))?;
    if let Some(cargo_deny) = setup::cargo_deny() {
        let mut deny = Command::new(cargo_deny);
        deny.args(["--all-features", "check", "licenses", "bans", "sources"]).current_dir(paths::root());
        shell::run("cargo deny", deny)?;
    }
    shell::run("tests", shell::cargo(["test", "--workspace", "--locked"]))
}

fn clippy(what: &[&str]) -> Command {
    let mut clippy = shell::cargo(["clippy", "--locked", "--quiet"]);
    clippy.args(what).args(["--", "--deny", "warnings"]);
    clippy
}

fn wasm() -> Result<()> {
    setup::for_the_browser_tests()?;
    let folder = paths::target()?.join("dist-conformance");
    build::with_worker_features(&["conformance"], &folder)?;
    node_tests(
        "storage conformance in Chromium",
        &folder,
        &[paths::e2e().join("tests").join(CONFORMANCE)],
        &[],
    )
}

fn end_to_end() -> Result<()> {
    setup::for_the_browser_tests()?;
    let folder = build::playground()?;
    build::engine_for_js()?;
    let mut tests = Vec::new();
    for entry in fs::read_dir(paths::e2e().join("tests")).context("e2e/tests cannot be read")? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.ends_with(".test.mjs") && name != CONFORMANCE {
            tests.push(path);
        }
    }
    tests.sort();
    node_tests("browser tests", &folder, &tests, &[("HEADWATER", &gateway::build()?)])
}

fn clients() -> Result<()> {
    let there = setup::clients::ensure()?;
    let mut node = Command::new("node");
    node.args(["--test", "--test-concurrency=1", "--test-reporter=spec"]);
    node.args(["clients/clients.test.mjs", "clients/frameworks.test.mjs", "clients/dump.test.mjs"]);
    node.current_dir(paths::e2e()).env("HEADWATER", gateway::build()?);
    node.envs(there.python.map(|python| ("CLIENTS_PYTHON", python)));
    node.envs(there.kcat.then_some(("CLIENTS_KCAT", "kcat")));
    node.envs(there.scenario.map(|classes| ("CLIENTS_JAVA", classes)));
    shell::run("clients of other makers", node)
}

/// Runs test files two at a time: each has a server, a browser and a profile of its own, waits for states and not for
/// times, and leaves a core idle while it starts a browser.
fn node_tests(label: &str, dist: &Path, files: &[PathBuf], more: &[(&str, &PathBuf)]) -> Result<()> {
    let mut node = Command::new("node");
    node.args(["--test", "--test-concurrency=2", "--test-reporter=spec"]).args(files);
    node.current_dir(paths::e2e()).env("HEADWATER_DIST", dist).env("CHROMIUM", setup::chromium()?);
    node.envs(more.iter().copied());
    node.env("FIREFOX", setup::firefox()?).env("HEADWATER_JS", paths::target()?.join("js"));
    shell::run(label, node)
}
