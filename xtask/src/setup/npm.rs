//! The npm packages of the page and of the browser tests.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::{paths, shell};

/// Installs what a folder's `package-lock.json` says, unless exactly that is there.
///
/// # Errors
///
/// When Node is missing, or npm cannot install the packages.
pub(crate) fn ensure(folder: &Path) -> Result<()> {
    let name = folder.strip_prefix(paths::root()).unwrap_or(folder).display();
    let wanted = fs::read(folder.join("package-lock.json"))
        .with_context(|| format!("{name}/package-lock.json cannot be read"))?;
    // npm keeps a lock file of what is installed, but in another form; so ours is laid beside it.
    let installed = folder.join("node_modules").join(".installed-package-lock.json");
    if fs::read(&installed).is_ok_and(|lock| lock == wanted) {
        return Ok(());
    }
    let mut command = command();
    command.args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"]).current_dir(folder);
    shell::step(&format!("npm packages of {name}/"), command)
        .context("the page and its tests need Node 20 or newer, with npm")?;
    fs::write(&installed, wanted).with_context(|| format!("{name}/node_modules cannot be written to"))
}

/// npm, by the name that this system has for it.
pub(super) fn command() -> Command {
    Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" })
}
