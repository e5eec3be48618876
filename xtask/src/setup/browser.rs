//! The browser of the browser tests.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use crate::shell;

/// Names this project looks for, the best first.
const PROGRAMS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];
/// Where macOS keeps them.
const APPLICATIONS: [&str; 2] = [
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];
const MISSING: &str =
    "the browser tests need Chromium or Chrome: install it, or name it in the variable CHROMIUM";

/// Installs Chromium where that can be done: as root on Debian.
///
/// # Errors
///
/// When there is none and it cannot be installed.
pub(crate) fn ensure() -> Result<()> {
    if chromium().is_ok() {
        return Ok(());
    }
    if !is_debian() || !is_root() {
        bail!(MISSING);
    }
    shell::step("list of Debian's packages", apt_get(["update"]))?;
    let install = apt_get(["install", "--yes", "--no-install-recommends", "chromium", "fonts-dejavu-core"]);
    shell::step("Chromium from Debian", install)?;
    chromium().map(|_| ())
}

/// Chromium, or a browser made from it.
///
/// # Errors
///
/// When there is none.
pub(crate) fn chromium() -> Result<PathBuf> {
    if let Some(named) = std::env::var_os("CHROMIUM").map(PathBuf::from) {
        if named.is_file() {
            return Ok(named);
        }
        bail!("the variable CHROMIUM names {}, which is not there", named.display());
    }
    let installed = PROGRAMS.iter().find_map(|program| shell::which(program));
    let application = || APPLICATIONS.iter().map(PathBuf::from).find(|file| file.is_file());
    installed.or_else(application).ok_or_else(|| anyhow::anyhow!(MISSING))
}

fn apt_get<const N: usize>(arguments: [&str; N]) -> Command {
    let mut command = Command::new("apt-get");
    command.arg("-qq").args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn is_debian() -> bool {
    Path::new("/etc/debian_version").is_file() && shell::which("apt-get").is_some()
}

fn is_root() -> bool {
    let mut id = Command::new("id");
    id.arg("-u");
    shell::output(id).is_ok_and(|id| id.trim() == "0")
}
