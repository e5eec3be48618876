//! `cargo xtask fuzz`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context as _, Result, bail};

use crate::{paths, shell};

/// What has the compiler count which code is reached, and build for libFuzzer: options of stable rustc for a pass of LLVM
/// that every rustc has, as cargo-fuzz sets them (which asks for a nightly rustc for the address sanitizer alone).
const GUIDED: &[&str] = &[
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=1",
    "--cfg=headwater_libfuzzer",
];

/// How long each target is fuzzed unless told otherwise.
const SECONDS: &str = "60";

/// Fuzzes one target or all of them, or runs one input again.
///
/// # Errors
///
/// When the fuzzer cannot be built, or finds something; how to see that again is printed then.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (target, rest) = match words.split_first() {
        Some((first, rest)) if !first.starts_with("--") => (Some(*first), rest),
        _ => (None, &words[..]),
    };
    let all = targets()?;
    if let Some(unknown) = target.filter(|target| !all.iter().any(|known| known == target)) {
        bail!("there are the targets {}, but not {unknown}", all.join(", "));
    }
    let seconds = match (target, rest) {
        (Some(_), [option @ ("--case" | "--file"), _]) => {
            return plain(&words, &format!("fuzzing again: {option}"));
        }
        (_, []) => SECONDS,
        (_, ["--seconds", seconds]) if seconds.parse::<u32>().is_ok() => seconds,
        _ => bail!("fuzz takes [TARGET] [--seconds N], TARGET --case N or TARGET --file FILE"),
    };
    let chosen: Vec<&str> =
        all.iter().map(String::as_str).filter(|name| target.is_none_or(|t| t == *name)).collect();
    if shell::which("c++").is_none() && std::env::var_os("CXX").is_none() {
        eprintln!(
            "there is no C++ compiler, which libFuzzer needs: inputs are made without knowing what they reach"
        );
        return chosen.iter().try_for_each(|name| plain(&[name, "--seconds", seconds], name));
    }
    let fuzzer = build()?;
    chosen.iter().try_for_each(|name| guided(&fuzzer, name, seconds))
}

/// The targets, which all have a corpus.
fn targets() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder().join("corpus")).context("the corpus cannot be read")? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

fn folder() -> PathBuf {
    paths::root().join("engine/fuzz")
}

fn plain(arguments: &[&str], label: &str) -> Result<()> {
    let mut cargo = shell::cargo(["run", "--quiet", "--profile", "sim", "--package", "headwater-fuzz", "--"]);
    cargo.args(arguments);
    shell::run(label, cargo)
}

fn build() -> Result<PathBuf> {
    let version = shell::output(shell::rustc(["--version", "--verbose"]))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc names no host")?;
    let output = paths::target()?.join("fuzz");
    // With a target that is named, the flags are not for build scripts.
    let mut cargo =
        shell::cargo(["build", "--quiet", "--locked", "--profile", "sim", "--package", "headwater-fuzz"]);
    cargo.args(["--bin", "headwater-fuzz", "--target", host, "--target-dir"]).arg(&output);
    cargo.env("CARGO_ENCODED_RUSTFLAGS", GUIDED.join("\u{1f}"));
    shell::run("building the fuzzer", cargo)?;
    Ok(output.join(host).join("sim/headwater-fuzz"))
}

fn guided(fuzzer: &Path, name: &str, seconds: &str) -> Result<()> {
    let work = paths::target()?.join("fuzz");
    // What reaches something new is kept from run to run.
    let (found, failed) = (work.join("corpus").join(name), work.join("failed").join(name));
    fs::create_dir_all(&found)?;
    fs::create_dir_all(&failed)?;
    let golden = (name == "batches").then(|| paths::root().join("engine/tests/golden/batches"));
    let committed = [folder().join("corpus").join(name), folder().join("regressions").join(name)];
    let mut command = std::process::Command::new(fuzzer);
    command.env("HEADWATER_FUZZ_TARGET", name).current_dir(&work);
    command.arg(found).args(committed.into_iter().chain(golden).filter(|folder| folder.is_dir()));
    command.args(["-max_len=65536", "-timeout=20", "-rss_limit_mb=2048", "-print_final_stats=1"]);
    command.arg(format!("-max_total_time={seconds}"));
    command.arg(format!("-artifact_prefix={}/", failed.display()));
    let started = SystemTime::now();
    shell::run(name, command).with_context(|| match newest(&failed, started) {
        Some(file) => format!("to see it again: cargo xtask fuzz {name} --file {}", file.display()),
        None => "no input was left behind".to_owned(),
    })
}

/// The file that came to a folder since `started`, if one did.
fn newest(folder: &Path, started: SystemTime) -> Option<PathBuf> {
    let files = fs::read_dir(folder).ok()?.filter_map(Result::ok);
    let modified = |entry: &fs::DirEntry| entry.metadata().and_then(|metadata| metadata.modified()).ok();
    let latest = files.filter_map(|entry| Some((modified(&entry)?, entry.path()))).max()?;
    (latest.0 >= started).then_some(latest.1)
}
