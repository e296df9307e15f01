//! Inventories as the real `ansible-inventory` reads them: each folder of `tests/inventories/` has
//! sources, and what the real one said of them (`tests/inventories/record`).

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use palisade::inventory::export::{self, Show};
use palisade::inventory::{Inventory, LoadEnv};
use palisade::source::vault::Keyring;
use palisade::source::{Diagnostic, File, Files, Severity, Span, render, yaml};
use proptest::prelude::*;

fn cases() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/inventories");
    let mut cases: Vec<PathBuf> = fs::read_dir(root)
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.is_dir())
        .collect();
    cases.sort();
    cases
}

/// The files below a folder, by their path within it.
fn collect(root: &Path, dir: &Path, out: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, out);
        } else {
            let name = path.strip_prefix(root).unwrap().to_owned();
            out.insert(name, fs::read(&path).unwrap());
        }
    }
}

fn load(case: &Path) -> (Inventory, Vec<Diagnostic>) {
    let mut files = BTreeMap::new();
    collect(case, case, &mut files);
    let files = Files::Map(Arc::new(files));
    let run = |path: &Path, args: &[&str]| {
        let output = Command::new(case.join(path)).args(args).output();
        let output = output.map_err(|e| e.to_string())?;
        String::from_utf8(output.stdout).map_err(|e| e.to_string())
    };
    let env = LoadEnv {
        files: &files,
        run_script: &run,
        vault: &Keyring::default(),
    };
    let args = fs::read_to_string(case.join("args")).unwrap();
    let sources: Vec<String> = args.split_whitespace().map(str::to_owned).collect();
    let (mut inventory, mut found) = Inventory::load(&sources, &env);
    found.extend(inventory.beside_playbook(Path::new(""), &env));
    (inventory, found)
}

/// Every case against one recorded file; all differences at once.
fn compare(recorded: &str, show: impl Fn(&Inventory) -> String) {
    let mut wrong = String::new();
    for case in cases() {
        let (inventory, found) = load(&case);
        let errors: Vec<&Diagnostic> = found
            .iter()
            .filter(|d| d.severity == Severity::Error)
            .collect();
        let ours = show(&inventory);
        let theirs = fs::read_to_string(case.join(recorded)).unwrap();
        if !errors.is_empty() || ours != theirs {
            let diff = similar::TextDiff::from_lines(&theirs, &ours);
            let name = case.file_name().unwrap().to_string_lossy().into_owned();
            wrong += &format!(
                "== {name}/{recorded}\n{}{}",
                render::render_all(&found, false),
                diff.unified_diff()
            );
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(cases().len() >= 15);
}

fn merged() -> Show<'static> {
    Show {
        playbook_dir: Some(Path::new("")),
        export: false,
    }
}

#[test]
fn list_is_as_ansible_lists() {
    compare("list.json", |inventory| export::list(inventory, merged()));
}

#[test]
fn export_is_as_ansible_exports() {
    let show = Show {
        export: true,
        ..merged()
    };
    compare("export.json", |inventory| export::list(inventory, show));
}

#[test]
fn graph_is_as_ansible_draws_it() {
    compare("graph.txt", |inventory| {
        export::graph(inventory, "all", true, merged()).unwrap()
    });
}

#[test]
fn yaml_holds_what_ansible_writes() {
    for case in cases() {
        let (inventory, _) = load(&case);
        let ours = export::yaml(&inventory, merged());
        let theirs = fs::read_to_string(case.join("list.yml")).unwrap();
        let value = |text: &str| yaml::parse_one(&File::new("list.yml", text)).0.to_value();
        assert_eq!(value(&ours), value(&theirs), "{}", case.display());
    }
}

#[test]
fn patterns_select_as_ansible_selects() {
    let mut checked = 0;
    for case in cases() {
        let Ok(recorded) = fs::read_to_string(case.join("patterns.txt")) else {
            continue;
        };
        let (loaded, _) = load(&case);
        for line in recorded.lines() {
            let (pattern, expected) = line.split_once(" =>").unwrap();
            let mut inventory = loaded.clone();
            let ours = match inventory.select(pattern, &Span::outside("pattern")) {
                Err(_) => "error".to_owned(),
                Ok(found) => {
                    let names: Vec<&str> = found.hosts.iter().map(|h| h.as_str()).collect();
                    names.join(" ")
                }
            };
            assert_eq!(ours, expected.trim(), "{pattern}");
            checked += 1;
        }
    }
    assert!(checked >= 40);
}

fn load_text(name: &str, text: &str) -> (Inventory, Vec<Diagnostic>) {
    let files = Files::map([(name, text)]);
    let answer = |_: &Path, _: &[&str]| Ok(text.to_owned());
    let env = LoadEnv {
        files: &files,
        run_script: &answer,
        vault: &Keyring::default(),
    };
    Inventory::load(&[name.to_owned()], &env)
}

proptest! {
    #[test]
    fn no_text_makes_loading_panic(
        text in r##"([\[\]:=,'"#;@{}\\ \n\t0-9a-c~*!&é-]|\[a:vars\]|all:|hosts|: |\n  |children|vars|\[1:3\])*"##,
        name in "hosts|hosts\\.ini|hosts\\.yml",
    ) {
        let (mut inventory, _) = load_text(&name, &text);
        let span = Span::outside("pattern");
        let _ = inventory.select(&text, &span);
        for host in inventory.hosts() {
            inventory.layers(host.name.as_str(), None);
        }
        export::list(&inventory, Show::default());
        export::yaml(&inventory, Show::default());
        export::graph(&inventory, "all", true, Show::default());
        let names: Vec<&str> = inventory.hosts().iter().map(|h| h.name.as_str()).collect();
        palisade::inventory::fold(&names);
    }

    #[test]
    fn no_output_of_a_script_makes_loading_panic(
        body in r#"([\[\]{}:,"0-9a]|"hosts"|"vars"|"children"|"_meta"|null)*"#,
    ) {
        load_text("hosts", &format!("#!{body}"));
        let _ = load_text("hosts", &format!("{{\"a\": {body}}}"));
    }
}
