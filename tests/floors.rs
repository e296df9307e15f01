//! The floors of ARCHITECTURE.md: a folder imports only from lower ones, and outside crates have
//! their homes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// What each folder may import from the crate.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("source", &[]),
    ("resource", &[]),
    ("host", &["source"]),
    ("vars", &["source"]),
    ("action", &["source", "resource"]),
    ("journal", &["resource"]),
    ("history", &["source"]),
    ("lab", &["source", "host"]),
    ("inventory", &["source", "vars"]),
    ("playbook", &["source", "vars", "action"]),
    (
        "plan",
        &[
            "source",
            "vars",
            "inventory",
            "playbook",
            "action",
            "resource",
        ],
    ),
    (
        "engine",
        &[
            "source",
            "resource",
            "host",
            "vars",
            "action",
            "journal",
            "inventory",
            "playbook",
            "plan",
        ],
    ),
    (
        "report",
        &["engine", "source", "inventory", "hardening", "history"],
    ),
    ("hardening", &["source", "playbook"]),
    (
        "serve",
        &["source", "host", "history", "inventory", "hardening"],
    ),
];

/// Crates with one home (or a few that ARCHITECTURE.md names).
const HOMES: &[(&str, &[&str])] = &[
    ("russh", &["host"]),
    ("granit_parser", &["source"]),
    ("curve25519_dalek", &["source"]),
    ("ring::aead", &["source"]),
    ("fancy_regex", &["source"]),
    ("minijinja", &["vars"]),
    ("rayon", &["plan"]),
    ("rusqlite", &["history"]),
    ("postgres", &["history"]),
    ("rustls", &["history", "serve"]),
    ("indicatif", &["report"]),
    ("clap", &["cli"]),
    ("clap_complete", &["cli"]),
    ("clap_mangen", &["cli"]),
    ("tokio", &["host", "engine", "journal", "serve", "cli"]),
    ("hyper", &["serve"]),
    ("hyper_util", &["serve"]),
    ("ureq", &["serve"]),
];

/// Folders that never spawn a process, open a socket, look at the clock or print.
const PURE: &[&str] = &[
    "source",
    "resource",
    "vars",
    "inventory",
    "playbook",
    "plan",
    "action",
    "hardening",
];

/// What a pure folder does not say. Reading project files has its one home in source/files.rs.
const IMPURE: &[&str] = &[
    "std::process::",
    "std::net::Tcp",
    "SystemTime::now",
    "println!",
    "eprintln!",
    "Instant::now",
];

fn files(dir: &Path, out: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            files(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs") {
            out.push(path);
        }
    }
}

/// The code of a file without comments and without its unit tests.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).expect("a source file");
    let text = text.split("#[cfg(test)]").next().unwrap_or("").to_owned();
    text.lines()
        .filter(|l| !l.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

fn sources() -> BTreeMap<String, Vec<(PathBuf, String)>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut all = Vec::new();
    files(&root, &mut all);
    let mut out: BTreeMap<String, Vec<(PathBuf, String)>> = BTreeMap::new();
    for path in all {
        let below = path.strip_prefix(&root).expect("below src");
        if below.components().count() < 2 {
            continue;
        }
        let folder = below
            .components()
            .next()
            .expect("a folder")
            .as_os_str()
            .to_string_lossy();
        let folder = folder.into_owned();
        if below.to_string_lossy().ends_with("tests.rs") {
            continue;
        }
        let text = code(&path);
        out.entry(folder)
            .or_default()
            .push((below.to_path_buf(), text));
    }
    out
}

#[test]
fn a_folder_imports_only_from_lower_floors() {
    let mut wrong = Vec::new();
    let sources = sources();
    for (folder, allowed) in MAY_IMPORT {
        for (path, text) in &sources[*folder] {
            for other in sources.keys() {
                let named = text.contains(&format!("crate::{other}::"));
                if named && other != folder && !allowed.contains(&other.as_str()) {
                    wrong.push(format!("{} imports {other}", path.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_folder_has_a_floor() {
    let known: Vec<&str> = MAY_IMPORT.iter().map(|(f, _)| *f).chain(["cli"]).collect();
    for folder in sources().keys() {
        assert!(known.contains(&folder.as_str()), "{folder} has no floor");
    }
}

#[test]
fn outside_crates_have_one_home() {
    let mut wrong = Vec::new();
    for (folder, files) in sources() {
        for (path, text) in files {
            for (name, homes) in HOMES {
                let used = text.contains(&format!("{name}::"));
                if used && !homes.contains(&folder.as_str()) {
                    wrong.push(format!("{} uses {name}", path.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_lower_floors_are_pure() {
    let mut wrong = Vec::new();
    for (folder, files) in sources() {
        if !PURE.contains(&folder.as_str()) {
            continue;
        }
        for (path, text) in files {
            for word in IMPURE {
                if text.contains(word) {
                    wrong.push(format!("{} says {word}", path.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_engine_names_no_action() {
    let sources = sources();
    let names: Vec<&str> = palisade::action::ACTIONS.iter().map(|s| s.name).collect();
    for (path, text) in &sources["engine"] {
        for name in &names {
            // Gathering facts and flushing handlers are words of the language itself.
            if matches!(
                *name,
                "setup" | "debug" | "fail" | "file" | "service" | "group" | "user"
            ) {
                continue;
            }
            let word = format!("\"{name}\"");
            assert!(
                !text.contains(&word),
                "{} names the action {name}",
                path.display()
            );
        }
    }
}
