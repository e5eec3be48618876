//! `cargo xtask serve`: the native server.

use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::{paths, shell};

/// Builds the server for speed; where the program is.
///
/// # Errors
///
/// When it cannot be built.
pub(crate) fn build() -> Result<PathBuf> {
    let cargo = ["build", "--locked", "--quiet", "--profile", "native", "--package", "headwater-gateway"];
    shell::step("building the server", shell::cargo(cargo))?;
    Ok(paths::target()?.join("native").join("headwater"))
}

/// Builds the server and becomes it, so that signals and its exit code are its own.
///
/// # Errors
///
/// When it cannot be built or started.
pub(crate) fn serve(arguments: &[String]) -> Result<()> {
    let program = build()?;
    let error = Command::new(&program).arg("serve").args(arguments).exec();
    Err(error).with_context(|| format!("{} cannot be started", program.display()))
}
