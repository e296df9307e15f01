//! Wrong playbooks, each beside the exact messages it produces.
//!
//! `UPDATE=1 cargo test --test errors` writes what is produced now.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use palisade::plan::{CompileOptions, Compiler};
use palisade::source::{Code, Diagnostic, Files, render};

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

/// What a page of `docs/errors/` shows: what the fence says of it, and the text.
fn examples(page: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    let mut fenced = false;
    for line in page.lines() {
        match (line.strip_prefix("```"), fenced) {
            (Some(info), false) => found.push((info.to_owned(), String::new())),
            (None, true) => {
                let (_, text) = found.last_mut().expect("an example that has begun");
                text.push_str(line);
                text.push('\n');
            }
            _ => {}
        }
        fenced ^= line.starts_with("```");
    }
    found
}

/// What is said of a playbook whose inventory is `web1`.
fn playbook(text: String) -> Vec<Diagnostic> {
    let site = PathBuf::from("site.yml");
    let files = Files::Map(Arc::new([(site.clone(), text.into_bytes())].into()));
    let options = CompileOptions {
        inventory_vars: Some(INVENTORY.into_iter().map(str::to_owned).collect()),
        ..CompileOptions::default()
    };
    Compiler::new(files, options).compile(&[site]).1
}

#[test]
fn the_examples_of_codes_produce_them() {
    let mut shown = 0;
    for code in Code::ALL {
        for (info, text) in examples(code.page()) {
            let found = match info.as_str() {
                "text" => continue,
                "yaml wrong" | "yaml right" => playbook(text),
                _ => panic!("{code}: `{info}` is no kind of example"),
            };
            let said = render::render_all(&found, false);
            if info.ends_with("wrong") {
                let codes: Vec<_> = found.iter().map(|d| d.code).collect();
                assert!(codes.iter().all(|c| *c == Some(*code)), "{code}\n{said}");
                assert!(!codes.is_empty(), "{code} is not produced");
                shown += 1;
            } else {
                assert!(found.is_empty(), "{code}\n{said}");
            }
        }
    }
    assert!(shown >= 5, "{shown}");
}
