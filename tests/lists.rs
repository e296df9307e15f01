//! The same tasks are listed as by ansible-playbook: order, names, tags and what tags select.
//!
//! Each folder of `tests/lists` is a project, the options tried on it and, in `expected`, what
//! `ansible-playbook -i localhost, --list-tasks` printed with them.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use palisade::plan::{CompileOptions, Compiler, list};
use palisade::source::{Files, Severity};

#[test]
fn every_project_is_listed_as_ansible_lists_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lists");
    let mut cases: Vec<PathBuf> = fs::read_dir(&root)
        .expect("the folder of cases")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    cases.sort();
    assert!(!cases.is_empty());
    for case in cases {
        let expected = fs::read_to_string(case.join("expected")).expect("what ansible printed");
        for run in expected.split("$ ").skip(1) {
            let (options, listing) = run.split_once('\n').expect("options and a listing");
            let ours = listed(&case.join("site.yml"), options);
            assert_eq!(ours, normal(listing), "{} with `{options}`", case.display());
        }
    }
}

fn listed(playbook: &Path, options: &str) -> String {
    let words: Vec<&str> = options.split_whitespace().collect();
    let after = |flag: &str| {
        let at = words.iter().position(|w| *w == flag);
        at.map(|at| words[at + 1].to_owned()).into_iter().collect()
    };
    let options = CompileOptions {
        tags: after("--tags"),
        skip_tags: after("--skip-tags"),
        keep_repeats: true,
        ..CompileOptions::default()
    };
    let compiler = Compiler::new(Files::Disk, options);
    let (plan, diagnostics) = compiler.compile(&[playbook.to_path_buf()]);
    let wrong: Vec<_> = diagnostics
        .iter()
        .filter(|d| d.severity == Severity::Error)
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    let mut out = String::new();
    for (number, play) in list::plays(&plan).iter().enumerate() {
        let tags: Vec<_> = play.tags.iter().map(String::as_str).collect();
        let (name, hosts) = (&play.name, &play.hosts);
        writeln!(
            out,
            "play #{} ({hosts}): {name} [{}]",
            number + 1,
            tags.join(",")
        )
        .expect("text");
        for task in &play.tasks {
            let tags: Vec<_> = task.tags.iter().map(String::as_str).collect();
            writeln!(out, "{} [{}]", task.title(), tags.join(",")).expect("text");
        }
    }
    out
}

/// A listing without its layout; the tags of a play come in no order.
fn normal(listing: &str) -> String {
    let mut out = String::new();
    for line in listing.lines().map(str::trim) {
        let Some((title, tags)) = line.split_once("\tTAGS: [") else {
            continue;
        };
        let mut tags: Vec<&str> = tags
            .trim_end_matches(']')
            .split(',')
            .map(str::trim)
            .collect();
        tags.sort_unstable();
        writeln!(out, "{title} [{}]", tags.join(",")).expect("text");
    }
    out
}
