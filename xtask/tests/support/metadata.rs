//! What cargo knows about the packages.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

use super::workspace;

/// A package, ours or not.
pub struct Package {
    /// Its name.
    pub name: String,
    /// Where it comes from; none for ours.
    pub source: Option<String>,
    /// Its licence expression.
    pub licence: Option<String>,
    /// Names of what it depends on, other than for tests and build scripts.
    pub normal_dependencies: Vec<String>,
    id: String,
}

/// The packages that `Cargo.lock` names and how they hang together.
pub struct Metadata {
    packages: Vec<Package>,
    members: BTreeSet<String>,
}

impl Metadata {
    /// Asks cargo.
    pub fn read() -> Self {
        let output = cargo(&["metadata", "--format-version", "1", "--locked"]);
        let json: Value = serde_json::from_str(&output).expect("cargo metadata prints JSON");
        Self {
            packages: items(&json["packages"]).map(package).collect(),
            members: items(&json["workspace_members"]).map(text).collect(),
        }
    }

    /// All packages.
    pub fn packages(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter()
    }

    /// Ours.
    pub fn members(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| self.members.contains(&package.id))
    }

    /// Ours of this name.
    pub fn member(&self, name: &str) -> &Package {
        self.members().find(|package| package.name == name).expect(name)
    }
}

/// The names of everything that is linked into one of ours for a target, with its own features alone. (The
/// resolution in cargo's metadata has the features of all crates of the workspace together.)
pub fn linked_into(member: &str, target: &str) -> BTreeSet<String> {
    tree(&["--edges", "normal", "--package", member, "--target", target])
}

/// The names of everything that anything of ours is built, tested or linked with for a target. (`Cargo.lock` also has
/// what dependencies would need on other platforms.)
pub fn needed_on(target: &str) -> BTreeSet<String> {
    tree(&["--edges", "all", "--workspace", "--target", target])
}

fn tree(of: &[&str]) -> BTreeSet<String> {
    let tree = cargo(&[&["tree", "--locked", "--prefix", "none"], of].concat());
    tree.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

fn cargo(arguments: &[&str]) -> String {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let output =
        command.args(arguments).current_dir(workspace::root()).output().expect("cargo can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("cargo prints text")
}

fn package(value: &Value) -> Package {
    let normal = items(&value["dependencies"]).filter(|dependency| dependency["kind"].is_null());
    Package {
        name: text(&value["name"]),
        source: value["source"].as_str().map(str::to_owned),
        licence: value["license"].as_str().map(str::to_owned),
        normal_dependencies: normal.map(|dependency| text(&dependency["name"])).collect(),
        id: text(&value["id"]),
    }
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
