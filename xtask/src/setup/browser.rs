//! The browsers of the browser tests.

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
const FIREFOX_PROGRAMS: [&str; 2] = ["firefox-esr", "firefox"];
const FIREFOX_APPLICATIONS: [&str; 1] = ["/Applications/Firefox.app/Contents/MacOS/firefox"];
/// Without one, pictures of the Chinese page show boxes.
const CHINESE_FONT: &str = "fonts-wqy-microhei";
const MISSING: &str =
    "the browser tests need Chromium or Chrome: install it, or name it in the variable CHROMIUM";

const FIREFOX_MISSING: &str =
    "the browser tests need Firefox: install it, or name it in the variable FIREFOX";

/// Installs the browsers where that can be done: as root on Debian.
///
/// # Errors
///
/// When one is missing and cannot be installed.
pub(crate) fn ensure() -> Result<()> {
    if chromium().is_err() {
        install(MISSING, &["chromium", "fonts-dejavu-core", CHINESE_FONT])?;
        chromium()?;
    }
    if firefox().is_err() {
        install(FIREFOX_MISSING, &["firefox-esr", "fonts-dejavu-core"])?;
        firefox()?;
    }
    Ok(())
}

fn install(missing: &str, packages: &[&str]) -> Result<()> {
    if !is_debian() || !is_root() {
        bail!("{missing}");
    }
    shell::step("list of Debian's packages", apt_get(["update"]))?;
    let mut install = apt_get(["install", "--yes", "--no-install-recommends"]);
    install.args(packages);
    shell::step(&format!("{} from Debian", packages.join(", ")), install)
}

/// Chromium, or a browser made from it.
///
/// # Errors
///
/// When there is none.
pub(crate) fn chromium() -> Result<PathBuf> {
    find("CHROMIUM", &PROGRAMS, &APPLICATIONS, MISSING)
}

/// Firefox.
///
/// # Errors
///
/// When there is none.
pub(crate) fn firefox() -> Result<PathBuf> {
    find("FIREFOX", &FIREFOX_PROGRAMS, &FIREFOX_APPLICATIONS, FIREFOX_MISSING)
}

fn find(variable: &str, programs: &[&str], applications: &[&str], missing: &'static str) -> Result<PathBuf> {
    if let Some(named) = std::env::var_os(variable).map(PathBuf::from) {
        if named.is_file() {
            return Ok(named);
        }
        bail!("the variable {variable} names {}, which is not there", named.display());
    }
    let installed = programs.iter().find_map(|program| shell::which(program));
    let application = || applications.iter().map(PathBuf::from).find(|file| file.is_file());
    installed.or_else(application).ok_or_else(|| anyhow::anyhow!(missing))
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
