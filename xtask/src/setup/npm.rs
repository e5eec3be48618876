//! The npm packages of the browser tests.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::{paths, shell};

/// Installs what `e2e/package-lock.json` says, unless exactly that is there.
///
/// # Errors
///
/// When Node is missing, or npm cannot install the packages.
pub(crate) fn ensure() -> Result<()> {
    let e2e = paths::e2e();
    let wanted = fs::read(e2e.join("package-lock.json")).context("e2e/package-lock.json cannot be read")?;
    // npm keeps a lock file of what is installed, but in another form; so ours is laid beside it.
    let installed = e2e.join("node_modules").join(".installed-package-lock.json");
    if fs::read(&installed).is_ok_and(|lock| lock == wanted) {
        return Ok(());
    }
    let mut command = command();
    command.args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"]).current_dir(&e2e);
    shell::step("npm packages of e2e/", command)
        .context("the browser tests need Node 20 or newer, with npm")?;
    fs::write(&installed, wanted).context("e2e/node_modules cannot be written to")
}

/// npm, by the name that this system has for it.
pub(super) fn command() -> Command {
    Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" })
}
