//! Kafka clients of other makers: KafkaJS with the npm packages of e2e/, Python's in an environment under the target folder,
//! Java's from Maven Central. What cannot be had is left out with a line that says so.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::slice::from_ref;

use anyhow::{Context as _, Result};

use super::npm;
use crate::{paths, shell};

/// What is there of them.
#[derive(Debug)]
pub(crate) struct Clients {
    /// A Python with confluent-kafka and kafka-python.
    pub(crate) python: Option<PathBuf>,
    pub(crate) kcat: bool,
    /// A folder with the jars of Apache Kafka, its Java client among them.
    pub(crate) jars: Option<PathBuf>,
    /// The class path of the Java scenarios, Kafka Streams and Kafka Connect with them.
    pub(crate) scenario: Option<String>,
}

/// Installs what is missing and can be had.
///
/// # Errors
///
/// When not even npm's packages can be had, or the target folder cannot be written to.
pub(crate) fn ensure() -> Result<Clients> {
    npm::ensure(&paths::e2e())?;
    let python = there_or_said("confluent-kafka and kafka-python", python());
    let kcat = shell::which("kcat").is_some();
    if !kcat {
        eprintln!("kcat is left out: it is not installed");
    }
    let jars = there_or_said("Apache Kafka and its Java client", jars());
    let scenario = jars.as_ref().and_then(|jars| there_or_said("the Java scenarios", scenario(jars)));
    Ok(Clients { python, kcat, jars, scenario })
}

fn there_or_said<T>(what: &str, outcome: Result<T>) -> Option<T> {
    outcome.map_err(|error| eprintln!("{what}: left out: {error:#}")).ok()
}

/// Whether a folder was made from just these files; if not, it is made anew by `make`.
fn made_from(folder: &Path, sources: &[PathBuf], make: impl FnOnce() -> Result<()>) -> Result<()> {
    let mut wanted = Vec::new();
    for source in sources {
        wanted.extend(fs::read(source).with_context(|| format!("{} cannot be read", source.display()))?);
    }
    let note = folder.join(".made-from");
    if fs::read(&note).is_ok_and(|made| made == wanted) {
        return Ok(());
    }
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("{} cannot be removed", folder.display()))?;
    }
    make()?;
    fs::write(&note, wanted).with_context(|| format!("{} cannot be written", note.display()))
}

fn python() -> Result<PathBuf> {
    let folder = paths::target()?.join("clients/python");
    let program = folder.join("bin/python");
    let wanted = paths::e2e().join("clients/requirements.txt");
    made_from(&folder, from_ref(&wanted), || {
        let mut venv = Command::new("python3");
        venv.args(["-m", "venv"]).arg(&folder);
        shell::step("a Python environment", venv)?;
        let mut pip = Command::new(&program);
        pip.args(["-m", "pip", "install", "--quiet", "--requirement"]).arg(&wanted);
        shell::step("Kafka clients for Python", pip)
    })?;
    Ok(program)
}

fn jars() -> Result<PathBuf> {
    let folder = paths::target()?.join("clients/jars");
    let pom = paths::e2e().join("clients/java/pom.xml");
    made_from(&folder, from_ref(&pom), || {
        let mut maven = Command::new("mvn");
        maven.args(["--batch-mode", "--quiet", "--file"]).arg(&pom).arg("dependency:copy-dependencies");
        maven.args(["-DincludeScope=runtime", &format!("-DoutputDirectory={}", folder.display())]);
        shell::step("Apache Kafka from Maven Central", maven).context("it needs mvn and Maven Central")
    })?;
    Ok(folder)
}

fn scenario(jars: &Path) -> Result<String> {
    let folder = paths::target()?.join("clients/classes");
    let sources = ["Scenario", "Streams", "StreamsApp"]
        .map(|name| paths::e2e().join(format!("clients/java/{name}.java")));
    let libraries = format!("{}/*", jars.display());
    made_from(&folder, &sources, || {
        let mut javac = Command::new("javac");
        javac.args(["-cp", &libraries, "-d"]).arg(&folder).args(&sources);
        shell::step("the Java scenarios", javac).context("it needs a JDK of Java 17 or newer")
    })?;
    Ok(format!("{}:{libraries}", folder.display()))
}
