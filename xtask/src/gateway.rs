//! `cargo xtask serve`: the native server.

use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::{build, paths, shell};

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

/// Builds the server and becomes it, so that signals and its exit code are its own. Where it is to serve the page, that is
/// built too.
///
/// # Errors
///
/// When it cannot be built or started.
pub(crate) fn serve(arguments: &[String]) -> Result<()> {
    let program = build()?;
    let mut server = Command::new(&program);
    server.arg("serve").args(arguments);
    if wants_page(arguments) {
        server.arg("--ui-files").arg(build::playground()?);
    }
    let error = server.exec();
    Err(error).with_context(|| format!("{} cannot be started", program.display()))
}

/// Whether the page is wanted and it is not said which.
fn wants_page(arguments: &[String]) -> bool {
    let has = |name: &str| {
        let with_value = format!("{name}=");
        arguments.iter().any(|argument| argument == name || argument.starts_with(&with_value))
    };
    has("--ui") && !has("--ui-files") && !has("--help") && !has("-h")
}

#[cfg(test)]
mod tests {
    use super::wants_page;

    #[test]
    fn the_page_is_built_for_those_who_want_it_and_have_none() {
        let wants = |line: &str| wants_page(&line.split(' ').map(str::to_owned).collect::<Vec<_>>());
        assert!(wants("--ui 127.0.0.1:8080") && wants("--listen a:1 --ui=a:2"));
        assert!(!wants("--listen a:1") && !wants("--ui a:2 --ui-files dist") && !wants("--ui a:2 --help"));
    }
}
