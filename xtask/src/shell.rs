//! Running other programs.

use std::ffi::OsStr;
use std::io::{IsTerminal as _, Read, Write as _};
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::paths;

/// A step that takes longer than this says every so often that it still runs.
const STILL_RUNNING: Duration = Duration::from_secs(10);
/// How many of the last bytes of a failed step's output are shown.
const SHOWN_ON_FAILURE: usize = 8_000;

/// Cargo, the one that started us, in the repository.
pub(crate) fn cargo<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(arguments: I) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(paths::root());
    command
}

/// The compiler that this cargo uses.
pub(crate) fn rustc<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(arguments: I) -> Command {
    let mut command = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    command.args(arguments).current_dir(paths::root());
    command
}

/// Where a program is, if it is on the path.
pub(crate) fn which(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|directory| directory.join(program)).find(|file| file.is_file())
}

/// Runs a program with our own stdout and stderr, so that a person sees all of it.
///
/// # Errors
///
/// When it cannot be started or does not end well.
pub(crate) fn run(label: &str, mut command: Command) -> Result<()> {
    eprintln!("\n▸ {label}");
    let started = Instant::now();
    let status = command.stdin(Stdio::null()).status().with_context(|| cannot_start(&command))?;
    eprintln!("  {label}: {}", seconds(started.elapsed()));
    ended_well(label, status)
}

/// Runs a program whose output matters only when it fails, and shows how long it has been running.
///
/// # Errors
///
/// When it cannot be started or does not end well; then its last output is part of the error.
pub(crate) fn step(label: &str, mut command: Command) -> Result<()> {
    let started = Instant::now();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| cannot_start(&command))?;
    let said = Arc::new(Mutex::new(Vec::new()));
    let mut readers = Vec::new();
    readers.extend(child.stdout.take().map(|pipe| collect(pipe, Arc::clone(&said))));
    readers.extend(child.stderr.take().map(|pipe| collect(pipe, Arc::clone(&said))));
    let mut progress = Progress::start(label, started);
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        thread::sleep(Duration::from_millis(50));
        progress.tick();
    };
    for reader in readers {
        // A reader that panicked has nothing more to say; the exit status is what counts.
        drop(reader.join());
    }
    progress.end(status.success());
    let said = said.lock().map(|said| said.clone()).unwrap_or_default();
    let tail = &said[said.len().saturating_sub(SHOWN_ON_FAILURE)..];
    ended_well(label, status).with_context(|| String::from_utf8_lossy(tail).trim().to_owned())
}

/// Runs a program and returns what it wrote to stdout.
///
/// # Errors
///
/// When it cannot be started or does not end well; then what it wrote to stderr is part of the error.
pub(crate) fn output(mut command: Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().with_context(|| cannot_start(&command))?;
    if !output.status.success() {
        bail!("{command:?} failed:\n{}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A length of time for people.
pub(crate) fn seconds(elapsed: Duration) -> String {
    format!("{:.1} s", elapsed.as_secs_f64())
}

fn cannot_start(command: &Command) -> String {
    format!("{} cannot be started", command.get_program().to_string_lossy())
}

fn ended_well(label: &str, status: ExitStatus) -> Result<()> {
    if status.success() { Ok(()) } else { bail!("{label} failed ({status})") }
}

fn collect(mut pipe: impl Read + Send + 'static, into: Arc<Mutex<Vec<u8>>>) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = pipe.read(&mut buffer) {
            if let Ok(mut said) = into.lock() {
                said.extend_from_slice(&buffer[..length]);
            }
        }
    })
}

/// The line that says what runs and for how long.
struct Progress<'a> {
    label: &'a str,
    started: Instant,
    terminal: bool,
    last_said: Instant,
}

impl<'a> Progress<'a> {
    fn start(label: &'a str, started: Instant) -> Self {
        let terminal = std::io::stderr().is_terminal();
        if !terminal {
            eprintln!("▸ {label} …");
        }
        Self { label, started, terminal, last_said: started }
    }

    fn tick(&mut self) {
        if self.terminal {
            eprint!("\r▸ {} … {:.0} s", self.label, self.started.elapsed().as_secs_f64());
            // A line of progress that did not get out is no reason to stop.
            drop(std::io::stderr().flush());
        } else if self.last_said.elapsed() >= STILL_RUNNING {
            self.last_said = Instant::now();
            eprintln!("  … {}: {:.0} s", self.label, self.started.elapsed().as_secs_f64());
        }
    }

    fn end(&self, well: bool) {
        let start = if self.terminal { "\r\x1b[2K" } else { "" };
        let how = if well { "done" } else { "failed" };
        eprintln!("{start}  {}: {how}, {}", self.label, seconds(self.started.elapsed()));
    }
}
