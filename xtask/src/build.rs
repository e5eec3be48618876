//! `cargo xtask build`: a folder that any static host serves under any path.
//!
//! | file | what |
//! |---|---|
//! | `index.html`, `style.css`, … | copied from `web/static/` |
//! | `start.js` → `app.js`, `app_bg.wasm` | the page |
//! | `worker.js` → `worker_bindgen.js`, `worker_bindgen_bg.wasm` | the module of every web worker |
//! | `data/` | the data sets of `tutorials/data/` |

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use flate2::Compression;
use flate2::write::GzEncoder;
use wasm_bindgen_cli_support::Bindgen;

use crate::setup::wasm_target::TARGET;
use crate::{paths, setup, shell};

/// Starts the page. A file of its own, because hosts with a content security policy refuse inline scripts.
const START_PAGE: &str = "import init from \"./app.js\";\nawait init();\n";
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
    eprintln!("\n{} is built; gzip:", folder.display());
    let page = gzip_length(&folder, &["start.js", "app.js", "app_bg.wasm", "style.css", "index.html"])?;
    let worker = gzip_length(&folder, &["worker.js", "worker_bindgen.js", "worker_bindgen_bg.wasm"])?;
    eprintln!("  page {}, worker {}", kilobytes(page), kilobytes(worker));
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
    fs::write(folder.join("start.js"), START_PAGE)?;
    fs::write(folder.join("worker.js"), START_WORKER)?;
    Ok(())
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
fn bind(wasm: &Path, name: &str, folder: &Path) -> Result<()> {
    Bindgen::new()
        .input_path(wasm)
        .out_name(name)
        .web(true)?
        .typescript(false)
        .remove_name_section(true)
        .remove_producers_section(true)
        .generate(folder)
        .with_context(|| format!("JavaScript for {}", wasm.display()))
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

/// What a browser downloads for these files, in bytes, from a host that compresses.
fn gzip_length(folder: &Path, files: &[&str]) -> Result<usize> {
    let mut sum = 0;
    for file in files {
        let bytes =
            fs::read(folder.join(file)).with_context(|| format!("{file} is missing from the build"))?;
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&bytes)?;
        sum += encoder.finish()?.len();
    }
    Ok(sum)
}

fn kilobytes(bytes: usize) -> String {
    format!("{}.{} KB", bytes / 1000, bytes % 1000 / 100)
}
