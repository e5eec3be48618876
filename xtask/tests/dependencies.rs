//! Who may know whom, what may come from outside, and under which licences.

mod support;

use std::collections::{BTreeMap, BTreeSet};

use support::metadata::{Metadata, linked_into, needed_on};
use support::{spdx, workspace};

/// What each crate of this repository may depend on in this repository; tests may use more.
const MAY_KNOW: &[(&str, &[&str])] = &[
    ("headwater-engine", &[]),
    ("headwater-client", &["headwater-engine"]),
    ("headwater-driver", &["headwater-engine"]),
    ("headwater-journal", &["headwater-engine"]),
    ("headwater-directory-storage", &["headwater-engine", "headwater-driver"]),
    ("headwater-cloud-storage", &["headwater-engine", "headwater-driver", "headwater-journal"]),
    ("headwater-sim", &["headwater-engine", "headwater-client", "headwater-driver", "headwater-journal"]),
    ("headwater-fuzz", &["headwater-engine", "headwater-client", "headwater-driver"]),
    ("headwater-worker-protocol", &["headwater-engine"]),
    (
        "headwater-worker",
        &["headwater-engine", "headwater-client", "headwater-driver", "headwater-worker-protocol"],
    ),
    ("headwater-js", &["headwater-engine", "headwater-driver"]),
    ("headwater-web", &["headwater-worker-protocol", "headwater-client"]),
    (
        "headwater-gateway",
        &["headwater-engine", "headwater-driver", "headwater-directory-storage", "headwater-worker-protocol"],
    ),
    ("xtask", &[]),
];

/// All that the core takes from outside.
/// Of these crc32c only in programs of machines: checksums by the processor's instructions.
const ENGINE_MAY_USE: &[&str] =
    &["bytes", "crc32c", "flate2", "kafka-protocol", "lz4_flex", "ruzstd", "snap", "uuid"];

/// What sans-IO crates must not reach, however indirectly: runtimes, clocks, entropy, platforms.
const NOT_SANS_IO: &[&str] = &[
    "async-std",
    "futures",
    "futures-core",
    "getrandom",
    "gloo-timers",
    "idb",
    "js-sys",
    "mio",
    "object_store",
    "rand",
    "socket2",
    "tokio",
    "wasm-bindgen",
    "wasm-bindgen-futures",
    "web-sys",
    "web-time",
];

const SANS_IO: &[&str] = &["headwater-engine", "headwater-client", "headwater-journal"];

#[test]
fn crates_know_only_whom_they_may() {
    let metadata = Metadata::read();
    let rules: BTreeMap<&str, &[&str]> = MAY_KNOW.iter().copied().collect();
    let mut members = BTreeSet::new();
    for package in metadata.members() {
        members.insert(package.name.as_str());
        let Some(allowed) = rules.get(package.name.as_str()) else {
            panic!("{} is new: say in MAY_KNOW whom it may know (ARCHITECTURE.md)", package.name);
        };
        for dependency in package.normal_dependencies.iter().filter(|name| rules.contains_key(name.as_str()))
        {
            assert!(allowed.contains(&dependency.as_str()), "{} must not know {dependency}", package.name);
        }
    }
    let gone: Vec<_> = rules.keys().filter(|name| !members.contains(*name)).collect();
    assert!(gone.is_empty(), "no such crates: {gone:?}");
}

#[test]
fn the_engine_uses_nothing_but_bytes_codecs_and_messages() {
    let metadata = Metadata::read();
    let engine = metadata.member("headwater-engine");
    for dependency in &engine.normal_dependencies {
        assert!(ENGINE_MAY_USE.contains(&dependency.as_str()), "the engine must not use {dependency}");
    }
}

#[test]
fn sans_io_crates_reach_no_platform() {
    for name in SANS_IO {
        for target in ["x86_64-unknown-linux-gnu", "wasm32-unknown-unknown"] {
            let linked = linked_into(name, target);
            assert!(linked.contains(*name), "cargo tree is not understood: {linked:?}");
            for forbidden in NOT_SANS_IO {
                assert!(
                    !linked.contains(*forbidden),
                    "{name} reaches {forbidden} on {target}: it is sans-IO"
                );
            }
        }
    }
}

#[test]
fn the_engine_is_the_same_on_every_platform() {
    for folder in ["engine/src", "engine/client/src"] {
        for (path, text) in workspace::files_under(folder, &["rs"]) {
            for (index, line) in text.lines().enumerate() {
                let platform = [
                    "cfg(target",
                    "target_arch",
                    "target_family",
                    "target_os",
                    "std::time::Instant",
                    "SystemTime",
                ];
                let found = platform.iter().find(|word| line.contains(**word));
                assert!(
                    found.is_none(),
                    "{path}:{}: {} has no place in a sans-IO core",
                    index + 1,
                    found.unwrap()
                );
            }
        }
    }
}

#[test]
fn everything_from_outside_is_from_the_registry_and_under_a_licence_we_allow() {
    let allowed = workspace::allowed_licences();
    assert!(allowed.contains("Apache-2.0"), "deny.toml's list of licences is not understood");
    let platforms = [
        "x86_64-unknown-linux-gnu",
        "aarch64-apple-darwin",
        "x86_64-pc-windows-msvc",
        "wasm32-unknown-unknown",
    ];
    let needed: BTreeSet<String> = platforms.into_iter().flat_map(needed_on).collect();
    assert!(needed.contains("headwater-engine"), "cargo tree is not understood: {needed:?}");
    for package in Metadata::read().packages() {
        assert!(
            package.source.as_deref().is_none_or(|source| source.starts_with("registry+")),
            "{} comes from {:?}",
            package.name,
            package.source
        );
        let licence = package.licence.as_deref().unwrap_or_default();
        assert!(
            spdx::satisfied(licence, &allowed) || !needed.contains(&package.name),
            "{} is under {licence:?}, which deny.toml does not allow",
            package.name
        );
    }
}

#[test]
fn a_licence_expression_is_understood() {
    let allowed: BTreeSet<String> =
        ["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception"].map(String::from).into();
    for yes in [
        "MIT",
        "MIT OR GPL-3.0",
        "GPL-3.0 OR MIT",
        "MIT/Apache-2.0",
        "(MIT OR GPL-3.0) AND Apache-2.0",
        "MIT AND (GPL-2.0 OR Apache-2.0 WITH LLVM-exception)",
    ] {
        assert!(spdx::satisfied(yes, &allowed), "{yes}");
    }
    for no in
        ["", "GPL-3.0", "MIT AND GPL-3.0", "(MIT", "MIT OR", "MIT MIT", "(MIT OR Apache-2.0) AND GPL-2.0"]
    {
        assert!(!spdx::satisfied(no, &allowed), "{no}");
    }
}
