//! Habits that nobody has to remember.

mod support;

use std::path::Path;
use std::process::Command;

use support::workspace;

/// A source file longer than this wants splitting.
const MAX_LINES: usize = 800;
/// Above this a file is worth a look; it is listed, not refused.
const LONG_LINES: usize = 500;

/// What tells about somebody's machine or network. In pieces, so that this file does not contain them.
const MACHINE_WORDS: &[&[&str]] = &[
    &["/ro", "ot/"],
    &["/ho", "me/"],
    &["/wo", "rk/"],
    &["/tm", "p/bash"],
    &["registry.np", "mjs.org"],
    &["static.crates", ".io"],
    &["index.crates", ".io"],
    &["deb.deb", "ian.org"],
    &["files.python", "hosted.org"],
    &["proxy.go", "lang.org"],
];

#[test]
fn files_have_one_idea() {
    for (path, text) in workspace::files_under("", &["rs", "mjs", "js", "css"]) {
        let lines = text.lines().count();
        if lines > LONG_LINES {
            println!("{path} has {lines} lines");
        }
        assert!(lines <= MAX_LINES, "{path} has {lines} lines: split it ({MAX_LINES} at most)");
    }
}

#[test]
fn nothing_tells_about_a_machine() {
    for (path, text) in workspace::files_under("", &[]) {
        for word in MACHINE_WORDS.iter().map(|pieces| pieces.concat()) {
            let line = text.lines().position(|line| line.contains(&word));
            assert!(line.is_none(), "{path}:{} names {word}", line.unwrap_or_default() + 1);
        }
    }
}

#[test]
fn packages_of_npm_come_from_whichever_registry_is_set_up() {
    for (path, text) in workspace::files_under("", &["json"]) {
        if path.ends_with("package-lock.json") {
            assert!(!text.contains("\"resolved\": \"http"), "{path} names a registry: see .npmrc");
        }
    }
}

#[test]
fn every_crate_has_the_lints_of_the_workspace() {
    for (path, text) in workspace::files_under("", &["toml"]) {
        if path.ends_with("/Cargo.toml") {
            assert!(text.contains("[lints]\nworkspace = true"), "{path} lacks the workspace's lints");
            assert!(text.contains("publish.workspace = true"), "{path} lacks publish.workspace");
        }
    }
}

#[test]
fn exceptions_from_lints_give_their_reason() {
    let mut without = Vec::new();
    for (path, text) in workspace::files_under("", &["rs"]) {
        for attribute in [concat!("#", "[allow("), concat!("!", "[allow("), concat!("#", "[expect(")] {
            for (start, _) in text.match_indices(attribute) {
                let whole = text[start..].split(")]").next().unwrap_or_default();
                if !whole.contains("reason = ") {
                    without.push(format!("{path}: {whole})]"));
                }
            }
        }
    }
    assert!(without.is_empty(), "exceptions without a reason:\n{}", without.join("\n"));
}

#[test]
fn readme_and_help_name_the_same_commands() {
    let help = Command::new(env!("CARGO_BIN_EXE_xtask")).arg("--help").output().expect("xtask runs");
    assert!(help.status.success());
    let help = String::from_utf8(help.stdout).expect("the help is text");
    let known = commands(&help);
    assert!(known.contains(&"play") && known.contains(&"test"), "{help}");
    let readme = workspace::read("README.md");
    for command in &known {
        assert!(commands(&readme).contains(command), "README.md does not name `cargo xtask {command}`");
    }
    for (path, text) in workspace::files_under("", &["md", "mjs", "toml"]) {
        for command in commands(&text) {
            assert!(known.contains(&command), "{path} names `cargo xtask {command}`, which does not exist");
        }
    }
}

#[test]
fn links_in_the_documents_lead_somewhere() {
    for (path, text) in workspace::files_under("", &["md"]) {
        let folder = workspace::root().join(&path).parent().map(Path::to_path_buf).unwrap_or_default();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap_or_default();
            let outside = file.is_empty() || file.contains("://") || file.starts_with("mailto:");
            assert!(outside || folder.join(file).exists(), "{path} links to {target}, which is not there");
        }
    }
}

/// The words after `cargo xtask` in a text.
fn commands(text: &str) -> Vec<&str> {
    let after = text.split("cargo xtask ").skip(1);
    let words =
        after.map(|rest| rest.split(|letter: char| !letter.is_ascii_lowercase()).next().unwrap_or_default());
    words.filter(|word| !word.is_empty()).collect()
}
