//! Wrong playbooks, each beside the exact messages it produces.
//!
//! `UPDATE=1 cargo test --test errors` writes what is produced now.

use std::fs;
use std::path::{Path, PathBuf};

use palisade::plan::{CompileOptions, Compiler};
use palisade::source::{Files, render};

/// What stands in for an inventory.
const INVENTORY: [&str; 2] = ["from_inventory", "ansible_host"];

#[test]
fn every_wrong_playbook_is_told_what_is_wrong() {
    let folder = Path::new("tests/errors");
    let mut cases: Vec<PathBuf> = fs::read_dir(folder)
        .expect("the folder of cases")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|e| e == "yml"))
        .collect();
    cases.sort();
    assert!(cases.len() >= 40);
    let mut wrong = Vec::new();
    for case in cases {
        let options = CompileOptions {
            inventory_vars: Some(INVENTORY.into_iter().map(str::to_owned).collect()),
            ..CompileOptions::default()
        };
        let compiler = Compiler::new(Files::Disk, options);
        let (_, diagnostics) = compiler.compile(std::slice::from_ref(&case));
        let produced = render::render_all(&diagnostics, false);
        let beside = case.with_extension("expected");
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&beside, &produced).expect("the expectation can be written");
        }
        let expected = fs::read_to_string(&beside).unwrap_or_default();
        if produced != expected || produced.is_empty() {
            let name = case.display();
            wrong.push(format!(
                "{name}\n--- expected\n{expected}\n--- produced\n{produced}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
