//! Wrong playbooks, each beside the exact messages it produces.
//!
//! `UPDATE=1 cargo test --test errors` writes what is produced now.

use std::fs;
use std::path::{Path, PathBuf};

use palisade::hardening::library::Library;
use palisade::hardening::policy::Policy;
use palisade::hardening::waiver::Waivers;
use palisade::inventory::{Inventory, LoadEnv};
use palisade::plan::{CompileOptions, Compiler};
use palisade::serve::schedule::{self, Outside};
use palisade::source::code::AREAS;
use palisade::source::vault::Keyring;
use palisade::source::{Code, Diagnostic, File, Files, Node, render, yaml};

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

/// A file with this text, and what it may name beside it.
fn files(path: &str, text: String) -> Files {
    let mut files = vec![(path, text.as_str())];
    if path == "schedule.yml" {
        files.extend([("./site.yml", "- hosts: all\n"), ("./hosts.ini", "web1\n")]);
    }
    Files::map(files)
}

/// What is said of a playbook whose inventory is `web1`, and of the hosts that it is for.
fn playbook(text: String) -> Vec<Diagnostic> {
    let site = PathBuf::from("site.yml");
    let files = files("site.yml", text);
    let options = CompileOptions {
        inventory_vars: Some(INVENTORY.into_iter().map(str::to_owned).collect()),
        ..CompileOptions::default()
    };
    let (plan, mut found) = Compiler::new(files, options).compile(&[site]);
    let (mut hosts, _) = inventory("web1,", &Files::Disk);
    let compiled = found.is_empty();
    for play in plan.plays.iter().filter(|_| compiled) {
        match hosts.select(play.hosts.as_str().unwrap_or("all"), &play.hosts.span) {
            Ok(selection) => found.extend(selection.warnings),
            Err(mistake) => found.push(mistake),
        }
    }
    found
}

fn inventory(source: &str, files: &Files) -> (Inventory, Vec<Diagnostic>) {
    let env = LoadEnv {
        files,
        run_script: &|_, _| Err("nothing is run".into()),
        vault: &Keyring::default(),
    };
    Inventory::load(&[source.to_owned()], &env)
}

/// What is said of YAML that `read` takes.
fn parsed<T>(text: String, read: impl Fn(&Node, &mut Vec<Diagnostic>) -> T) -> Vec<Diagnostic> {
    let (node, mut found) = yaml::parse_one(&File::new("file.yml", text));
    read(&node, &mut found);
    found
}

fn schedule(text: String) -> Vec<Diagnostic> {
    let outside = Outside {
        files: &files("schedule.yml", text),
        env: &|_| None,
        vault: &Keyring::default(),
        refuses: &|_| None,
    };
    let read = schedule::read(Path::new("schedule.yml"), &outside);
    read.err().unwrap_or_default()
}

/// What is said of an example of this kind.
fn said_of(kind: &str, text: String) -> Option<Vec<Diagnostic>> {
    Some(match kind {
        "yaml" => playbook(text),
        "yaml inventory" => inventory("hosts.yml", &files("hosts.yml", text)).1,
        "ini inventory" => inventory("hosts.ini", &files("hosts.ini", text)).1,
        "yaml schedule" => schedule(text),
        "yaml policy" => parsed(text, Policy::parse),
        "yaml waivers" => parsed(text, Waivers::parse),
        "yaml control" => {
            let file = files("own/clock/zone.yml", text);
            Library::load(Some(Path::new("own")), &file).1
        }
        _ => return None,
    })
}

#[test]
fn the_examples_of_codes_produce_them() {
    let (mut shown, mut wrong) = (0, Vec::new());
    for code in Code::ALL {
        for (info, text) in examples(code.page()) {
            let Some((kind, right)) = info.rsplit_once(' ') else {
                assert_eq!(info, "text", "{code}");
                continue;
            };
            let found = said_of(kind, text).unwrap_or_else(|| panic!("{code}: `{info}`"));
            let produced = found.iter().all(|d| d.code == Some(*code)) && !found.is_empty();
            if (right == "right" && !found.is_empty()) || (right == "wrong" && !produced) {
                let said = render::render_all(&found, false);
                wrong.push(format!("{code}, {info}:\n{said}"));
            }
            shown += usize::from(right == "wrong");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(shown >= 40, "{shown}");
}

/// A code that nothing produces explains nothing.
#[test]
fn every_code_is_used() {
    fn sources(dir: &Path, out: &mut String) {
        for entry in fs::read_dir(dir).expect("a folder").flatten() {
            let path = entry.path();
            match path.is_dir() {
                true => sources(&path, out),
                false if path.ends_with("source/code.rs") => {}
                false => out.push_str(&fs::read_to_string(&path).unwrap_or_default()),
            }
        }
    }
    let mut all = String::new();
    sources(Path::new("src"), &mut all);
    for code in Code::ALL {
        let used = format!("Code::{code:?}");
        let ends = |(at, _): (usize, &str)| {
            let next = all[at + used.len()..].chars().next();
            next.is_some_and(|c| !c.is_alphanumeric())
        };
        assert!(all.match_indices(&used).any(ends), "nothing is {used}");
    }
}

/// The page that lists all codes is what they are; `UPDATE=1` writes it.
#[test]
fn the_list_of_codes_is_complete() {
    let mut list = String::new();
    for (digits, area) in AREAS {
        list.push_str(&format!("\n## {area}\n\n"));
        for code in Code::ALL
            .iter()
            .filter(|c| c.number()[1..].starts_with(digits))
        {
            list.push_str(&format!("- [{code}](errors/{code}.md): {}\n", code.title()));
        }
    }
    let page = fs::read_to_string("docs/errors.md").expect("the page");
    let (head, listed) = page.split_once("\n## ").expect("a list");
    if std::env::var_os("UPDATE").is_some() {
        fs::write("docs/errors.md", format!("{head}{list}")).expect("it can be written");
    } else {
        assert_eq!(format!("\n## {listed}"), list);
    }
}
