//! The repository's files.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the repository").to_path_buf()
}

/// A file's text.
pub fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The paths that git tracks or would track; without git, what lies in the folders that are not ignored.
pub fn tracked() -> Vec<String> {
    let mut git = Command::new("git");
    git.args(["ls-files", "--cached", "--others", "--exclude-standard"]).current_dir(root());
    let output = git.output().expect("git can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let paths: Vec<String> = String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect();
    // A file that was just removed or renamed is still in git's list.
    paths.into_iter().filter(|path| root().join(path).is_file()).collect()
}

/// The tracked text files of a folder (empty: of all) with these endings (none: any), and what they say.
pub fn files_under(folder: &str, endings: &[&str]) -> Vec<(String, String)> {
    let wanted = |path: &String| {
        let ending = Path::new(path).extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        path.starts_with(folder) && (endings.is_empty() || endings.contains(&ending))
    };
    let paths = tracked().into_iter().filter(wanted);
    paths.filter_map(|path| fs::read_to_string(root().join(&path)).ok().map(|text| (path, text))).collect()
}

/// The licences that `deny.toml` allows.
pub fn allowed_licences() -> BTreeSet<String> {
    let text = read("deny.toml");
    let list = text
        .split_once("allow = [")
        .and_then(|(_, rest)| rest.split_once(']'))
        .expect("a list of licences")
        .0;
    list.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}
