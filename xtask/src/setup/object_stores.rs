//! Object stores for tests: S3 and Azure on this machine. Which were found to hold conditions of writes under a race, and which
//! lose updates, is gated again before each use (`cargo xtask test bucket`).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::{paths, shell};

/// S3, from PyPI.
const MINISTACK: &str = "ministack==1.5.33";
/// Azure's blobs, from npm.
const AZURITE: &str = "azurite@3.37.0";

/// Where they are.
pub(crate) struct ObjectStores {
    pub(crate) folder: PathBuf,
    pub(crate) ministack: PathBuf,
    pub(crate) azurite: PathBuf,
}

/// Installs them under `target/`, unless they are there.
///
/// # Errors
///
/// When Python, Node or one of the packages cannot be had.
pub(crate) fn ensure() -> Result<ObjectStores> {
    let folder = paths::target()?.join("object-stores");
    let programs = if cfg!(windows) { "Scripts" } else { "bin" };
    let (python, npm) = (folder.join("python"), folder.join("npm"));
    let installed = folder.join("installed");
    let wanted = format!("{MINISTACK}\n{AZURITE}\n");
    if fs::read_to_string(&installed).ok().as_deref() != Some(wanted.as_str()) {
        fs::create_dir_all(&npm)?;
        install_ministack(&python, programs)?;
        install_azurite(&npm)?;
        fs::write(&installed, wanted)?;
    }
    let ministack = python.join(programs).join("ministack");
    let azurite = npm.join("node_modules/azurite/dist/src/blob/main.js");
    Ok(ObjectStores { folder, ministack, azurite })
}

fn install_ministack(folder: &Path, programs: &str) -> Result<()> {
    let mut venv = Command::new(if cfg!(windows) { "python" } else { "python3" });
    venv.args(["-m", "venv"]).arg(folder);
    shell::step("a place for Python packages", venv).context("the tests need Python 3 with venv")?;
    let mut pip = Command::new(folder.join(programs).join("pip"));
    pip.args(["install", "--quiet", "--disable-pip-version-check", MINISTACK]);
    shell::step("ministack, an S3 for tests", pip)
}

fn install_azurite(folder: &Path) -> Result<()> {
    let mut npm = super::npm::command();
    npm.args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"]).arg(folder).arg(AZURITE);
    shell::step("azurite, an Azure for tests", npm).context("the tests need Node 20 or newer, with npm")
}
