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
    build_target("the server", &["--bin", "headwater"], "headwater")
}

/// Builds what the bench compares latencies with.
///
/// # Errors
///
/// When it cannot be built.
pub(crate) fn build_echo() -> Result<PathBuf> {
    build_target("a TCP echo", &["--example", "echo"], "examples/echo")
}

fn build_target(what: &str, target: &[&str], program: &str) -> Result<PathBuf> {
    let cargo = ["build", "--locked", "--quiet", "--profile", "native", "--package", "headwater-gateway"];
    shell::step(&format!("building {what}"), shell::cargo(cargo.iter().chain(target)))?;
    Ok(paths::target()?.join("native").join(program))
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
