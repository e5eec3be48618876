//! `cargo xtask build`: a folder that any static host serves under any path.
//!
//! | file | what |
//! |---|---|
//! | `index.html`, `style.css`, … | copied from `web/static/` |
//! | `boot.js`, … | bundled from `web/js/` |
//! | `strings/` | the page's words, a file for each language |
//! | `app.js`, `app_bg.wasm` | the page's Rust side, loaded by `boot.js` |
//! | `worker.js` → `worker_bindgen.js`, `worker_bindgen_bg.wasm` | the module of every web worker |
//! | `data/` | the data sets of `tutorials/data/` |

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use flate2::Compression;
use flate2::write::GzEncoder;
use wasm_bindgen_cli_support::Bindgen;

use crate::setup::wasm_target::TARGET;
use crate::{paths, setup, shell};

/// Starts a worker, which then says that it is loaded and waits for messages.
const START_WORKER: &str = "import init from \"./worker_bindgen.js\";\nawait init();\n";

/// Builds the playground into `dist/` and returns that folder.
///
/// # Errors
///
/// When the machine cannot be made ready, or something does not compile.
pub(crate) fn playground() -> Result<PathBuf> {
    let folder = paths::dist();
    with_worker_features(&[], &folder)?;
    eprintln!("\n{} is built", folder.display());
    for (part, bytes, budget) in sizes(&folder)? {
        eprintln!("  {part}: {} gzip of at most {}", kilobytes(bytes), kilobytes(budget));
    }
    Ok(folder)
}

/// Builds the playground with features of the worker that only tests and benches want, into a folder.
///
/// # Errors
///
/// As for [`playground`].
pub(crate) fn with_worker_features(features: &[&str], folder: &Path) -> Result<()> {
    setup::for_the_page()?;
    let compiled = compile(features)?;
    if folder.is_dir() {
        fs::remove_dir_all(folder).with_context(|| format!("{} cannot be removed", folder.display()))?;
    }
    fs::create_dir_all(folder)?;
    copy_files(&paths::root().join("web/static"), folder)?;
    copy_files(&paths::root().join("tutorials/data"), &folder.join("data"))?;
    bind(&compiled.join("headwater-web.wasm"), "app", folder)?;
    bind(&compiled.join("headwater_worker.wasm"), "worker_bindgen", folder)?;
    fs::write(folder.join("worker.js"), START_WORKER)?;
    bundle(folder)?;
    Ok(())
}

/// Builds the engine for JavaScript outside of the playground (`js/`), and returns its folder.
///
/// # Errors
///
/// When something does not compile.
pub(crate) fn engine_for_js() -> Result<PathBuf> {
    setup::wasm_target::ensure()?;
    let build =
        shell::cargo(["build", "--release", "--locked", "--target", TARGET, "--package", "headwater-js"]);
    shell::run("compiling the engine for JavaScript", build)?;
    let target = paths::target()?;
    let folder = target.join("js");
    fs::create_dir_all(&folder)?;
    bind(&target.join(TARGET).join("release/headwater_js.wasm"), "engine", &folder)?;
    Ok(folder)
}

/// Compiles page and worker and returns the folder with the wasm files.
fn compile(features: &[&str]) -> Result<PathBuf> {
    let mut build = shell::cargo(["build", "--release", "--locked", "--target", TARGET]);
    build.args(["--package", "headwater-web", "--package", "headwater-worker"]);
    for feature in features {
        build.arg("--features").arg(format!("headwater-worker/{feature}"));
    }
    shell::run("compiling page and worker to wasm", build)?;
    Ok(paths::target()?.join(TARGET).join("release"))
}

/// Writes a module's JavaScript side, and the module without what only debuggers read.
///
/// # Errors
///
/// When the module is not what it should be.
pub(crate) fn bind(wasm: &Path, name: &str, folder: &Path) -> Result<()> {
    Bindgen::new()
        .input_path(wasm)
        .out_name(name)
        .web(true)?
        .omit_default_module_path(false)
        .typescript(false)
        .remove_name_section(true)
        .remove_producers_section(true)
        .generate(folder)
        .with_context(|| format!("JavaScript for {}", wasm.display()))
}

/// Makes of `web/js` one file for each part that is loaded by itself.
fn bundle(folder: &Path) -> Result<()> {
    let mut node = Command::new("node");
    node.arg(paths::web_js().join("build.mjs")).arg(folder);
    shell::step("bundling the page's JavaScript", node)
}

fn copy_files(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("{} cannot be read", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_files(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// What a browser downloads for each part of `e2e/budget.json`, in bytes, and how much that may be. A browser test
/// fails where it is more.
fn sizes(folder: &Path) -> Result<Vec<(String, u64, u64)>> {
    let budget: serde_json::Value = serde_json::from_slice(&fs::read(paths::e2e().join("budget.json"))?)?;
    let parts = budget.as_object().context("e2e/budget.json is no object")?;
    let size_of = |(name, part): (&String, &serde_json::Value)| {
        let files = part["files"].as_array().into_iter().flatten().filter_map(serde_json::Value::as_str);
        let bytes = files.map(|file| gzip_length(&folder.join(file))).sum::<Result<u64>>()?;
        Ok((name.clone(), bytes, part["max_gzip_bytes"].as_u64().context("a part without a budget")?))
    };
    parts.iter().map(size_of).collect()
}

fn gzip_length(file: &Path) -> Result<u64> {
    let bytes = fs::read(file).with_context(|| format!("{} was not built", file.display()))?;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&bytes)?;
    Ok(encoder.finish()?.len() as u64)
}

fn kilobytes(bytes: u64) -> String {
    format!("{}.{} KB", bytes / 1000, bytes % 1000 / 100)
}
