//! Builds the wasm32 standard library from Debian's package `rust-src` of the compiler's own version.
//!
//! It adds files to the toolchain's directory and changes none: the library's source, and the compiled library for
//! wasm32. apt is used with lists and a cache of its own, so nothing of the system's changes and root is not needed.
//! The mirror is whichever the system's own apt sources name.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::TARGET;
use crate::{paths, shell};

/// Newer compilers come to Debian's stable release through here.
const SUITE: &str = "trixie-backports";
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
/// Names the version that our copy of the source is of, so that one left by an older toolchain is noticed.
const SOURCE_MARK: &str = ".of-version";

/// Builds and installs the library.
///
/// # Errors
///
/// When apt, the package of this version or the right to write to the toolchain is missing, or std does not compile.
pub(super) fn install() -> Result<()> {
    if shell::which("apt-get").is_none()
        || shell::which("dpkg-deb").is_none()
        || !Path::new(KEYRING).is_file()
    {
        bail!("not a Debian machine");
    }
    let work = paths::target()?.join("wasm-std");
    fs::create_dir_all(&work)?;
    let sysroot = PathBuf::from(shell::output(shell::rustc(["--print", "sysroot"]))?.trim());
    let version = compiler_version()?;
    ensure_source(&work, &sysroot, &version)?;
    let library = compile(&work)?;
    place(&library, &sysroot)?;
    fs::remove_dir_all(&work).context("the working folder cannot be removed")
}

fn compiler_version() -> Result<String> {
    let line = shell::output(shell::rustc(["--version"]))?;
    line.split_whitespace().nth(1).map(str::to_owned).context("rustc --version says nothing")
}

/// Puts the library's source where cargo's `-Zbuild-std` looks for it.
fn ensure_source(work: &Path, sysroot: &Path, version: &str) -> Result<()> {
    let place = sysroot.join("lib/rustlib/src/rust/library");
    let mark = place.join(SOURCE_MARK);
    let of_version = fs::read_to_string(&mark).unwrap_or_else(|_| version.to_owned());
    if place.join("Cargo.lock").is_file() && of_version == version {
        return Ok(());
    }
    let unpacked = download_source(work, version)?;
    fs::create_dir_all(&place)?;
    copy_folder(&unpacked, &place)?;
    fs::write(mark, version).context("the toolchain's folder cannot be written to")
}

fn download_source(work: &Path, version: &str) -> Result<PathBuf> {
    let apt = Apt::new(work)?;
    shell::step("list of Debian's newer packages", apt.command("apt-get", &["update"]))?;
    let rows = shell::output(apt.command("apt-cache", &["madison", "rust-src"]))?;
    let wanted = format!("{version}+");
    let package = rows.lines().filter_map(|row| row.split('|').nth(1)).map(str::trim);
    let Some(package) = package.into_iter().find(|found| found.starts_with(&wanted)) else {
        bail!("{SUITE} has no rust-src {version}");
    };
    let download = apt.command("apt-get", &["download", &format!("rust-src={package}")]);
    shell::step(&format!("source of the standard library {version} from Debian"), download)?;
    let file = fs::read_dir(work)?.filter_map(Result::ok).map(|entry| entry.path());
    let file = file.into_iter().find(|path| path.extension().is_some_and(|extension| extension == "deb"));
    let file = file.context("apt-get downloaded no package")?;
    let mut unpack = Command::new("dpkg-deb");
    unpack.arg("--extract").arg(file).arg(work.join("package"));
    shell::step("unpacking it", unpack)?;
    Ok(work.join(format!("package/usr/src/rustc-{version}/library")))
}

/// apt with lists, cache and sources of its own.
struct Apt {
    work: PathBuf,
    sources: PathBuf,
}

impl Apt {
    fn new(work: &Path) -> Result<Self> {
        let mut targets = Command::new("apt-get");
        targets.args(["indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"]);
        let mirrors = shell::output(targets)?;
        let is_debian = |mirror: &&str| mirror.trim_end_matches('/').ends_with("/debian");
        let Some(mirror) = mirrors.lines().find(is_debian) else {
            bail!("no Debian mirror in apt's sources")
        };
        fs::create_dir_all(work.join("lists/partial"))?;
        fs::create_dir_all(work.join("cache/archives/partial"))?;
        let sources = work.join("backports.sources");
        let text =
            format!("Types: deb\nURIs: {mirror}\nSuites: {SUITE}\nComponents: main\nSigned-By: {KEYRING}\n");
        fs::write(&sources, text)?;
        Ok(Self { work: work.to_path_buf(), sources })
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        for (option, value) in [
            ("Dir::Etc::sourcelist", self.sources.as_path()),
            ("Dir::Etc::sourceparts", Path::new("/dev/null")),
            ("Dir::State::lists", &self.work.join("lists")),
            ("Dir::Cache", &self.work.join("cache")),
            // The unprivileged user that root's apt downloads with may not enter our folder.
            ("APT::Sandbox::User", Path::new("root")),
        ] {
            command.arg("-o").arg(format!("{option}={}", value.display()));
        }
        command.args(arguments).current_dir(&self.work);
        command
    }
}

/// Compiles std for wasm32 and returns the folder with the libraries.
fn compile(work: &Path) -> Result<PathBuf> {
    let package = work.join("std");
    fs::create_dir_all(package.join("src"))?;
    let manifest = "[package]\nname = \"stdbuild\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n";
    fs::write(package.join("Cargo.toml"), manifest)?;
    fs::write(package.join("src/lib.rs"), "#![no_std]\n")?;
    let parts = "-Zbuild-std=std,panic_abort,proc_macro,test";
    let mut build = shell::cargo(["build", "--release", "--target", TARGET, parts]);
    build.current_dir(&package).env("CARGO_TARGET_DIR", work.join("target"));
    // Building std is a nightly feature of cargo; with bitcode in it, link-time optimisation reaches into std.
    build.env("RUSTC_BOOTSTRAP", "1").env("RUSTFLAGS", "-Cembed-bitcode=yes");
    build.env_remove("CARGO_ENCODED_RUSTFLAGS").env_remove("CARGO_BUILD_TARGET");
    shell::step("compiling the standard library for wasm32", build)?;
    Ok(work.join("target").join(TARGET).join("release/deps"))
}

/// Puts the compiled libraries where the compiler looks for them, in place of any of another version.
fn place(compiled: &Path, sysroot: &Path) -> Result<()> {
    let place = sysroot.join("lib/rustlib").join(TARGET).join("lib");
    fs::create_dir_all(&place).context("the toolchain's folder cannot be written to")?;
    for old in rlibs(&place)? {
        fs::remove_file(old)?;
    }
    for library in rlibs(compiled)? {
        let name = library.file_name().context("a library without a name")?;
        if !name.to_string_lossy().starts_with("libstdbuild-") {
            fs::copy(&library, place.join(name))?;
        }
    }
    Ok(())
}

fn rlibs(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rlib") {
            found.push(path);
        }
    }
    Ok(found)
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    let mut copy = Command::new("cp");
    copy.arg("--recursive").arg(from.join(".")).arg(to);
    shell::step("copying it into the toolchain", copy)
}
