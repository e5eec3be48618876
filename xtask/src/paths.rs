//! Where things are.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::shell;

/// The repository.
pub(crate) fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest).to_path_buf()
}

/// What `cargo xtask build` makes.
pub(crate) fn dist() -> PathBuf {
    root().join("dist")
}

/// What of the page is JavaScript.
pub(crate) fn web_js() -> PathBuf {
    root().join("web/js")
}

/// Browser tests and benches.
pub(crate) fn e2e() -> PathBuf {
    root().join("e2e")
}

/// Cargo's target directory, wherever the person keeps it.
pub(crate) fn target() -> Result<PathBuf> {
    let output = shell::output(shell::cargo(["metadata", "--no-deps", "--format-version", "1"]))?;
    let metadata: serde_json::Value =
        serde_json::from_str(&output).context("cargo metadata printed no JSON")?;
    let directory =
        metadata["target_directory"].as_str().context("cargo metadata names no target directory")?;
    Ok(PathBuf::from(directory))
}
