//! The standard library for wasm32, in order: already there; from rustup; built from Debian's copy of the library's
//! source. The last is for machines that reach package registries and nothing else.

mod debian_source;

use std::io::Write as _;
use std::process::{Command, Stdio};

use anyhow::{Result, bail};

use crate::shell;

/// The target of page and workers.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// Makes sure that `cargo build --target wasm32-unknown-unknown` works.
///
/// # Errors
///
/// When no way worked; the error says which were tried and what a person can do.
pub(crate) fn ensure() -> Result<()> {
    if works() {
        return Ok(());
    }
    let mut tried = Vec::new();
    for (label, way) in [("rustup", from_rustup as fn() -> Result<()>), ("Debian", debian_source::install)] {
        match way() {
            Ok(()) if works() => return Ok(()),
            Ok(()) => tried.push(format!("{label}: installed, but the compiler does not accept it")),
            Err(error) => tried.push(format!("{label}: {}", first_line(&format!("{error:#}")))),
        }
    }
    bail!("the compiler has no standard library for {TARGET} ({}); install that target", tried.join("; "))
}

/// Compiles a crate that uses std. A library of another compiler version lies there just the same, so looking for
/// files would not do.
fn works() -> bool {
    let mut rustc =
        shell::rustc(["--target", TARGET, "--crate-type", "lib", "--emit", "metadata", "-o", "-", "-"]);
    rustc.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let Ok(mut child) = rustc.spawn() else { return false };
    let written =
        child.stdin.take().is_some_and(|mut stdin| stdin.write_all(b"pub use std::vec::Vec;").is_ok());
    child.wait().is_ok_and(|status| status.success()) && written
}

fn from_rustup() -> Result<()> {
    if shell::which("rustup").is_none() {
        bail!("not installed");
    }
    let mut rustup = Command::new("rustup");
    // Only this target of the toolchain in use, whatever a settings file says about installing others.
    rustup.args(["target", "add", TARGET]).env("RUSTUP_AUTO_INSTALL", "0");
    shell::step("wasm32 standard library from rustup", rustup)
}

fn first_line(text: &str) -> &str {
    text.lines()
        .find(|line| line.contains("error"))
        .or_else(|| text.lines().next())
        .unwrap_or_default()
        .trim()
}
