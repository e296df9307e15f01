//! Every case of every action: `tests/cases/<action>/<what_it_shows>.yml`. See `casefile/mod.rs`.
//!
//! One folder or one case alone: `CASE=lineinfile/adds cargo test --test cases`.

mod casefile;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let entries = std::fs::read_dir(folder).expect("the folder of cases can be read");
    for entry in entries {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|e| e == "yml") {
            found.push(path);
        }
    }
    found.sort();
    found
}

#[test]
fn every_case_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let only = std::env::var("CASE").unwrap_or_default();
    let all = files(&folder);
    let chosen = all.iter().filter(|p| p.to_string_lossy().contains(&only));
    let (mut count, mut failed) = (0, Vec::new());
    for path in chosen {
        count += 1;
        let check = || casefile::Case::read(path).check();
        if catch_unwind(AssertUnwindSafe(check)).is_err() {
            let name = path.strip_prefix(&folder).unwrap().display().to_string();
            eprintln!("^^^ {name}\n");
            failed.push(name);
        }
    }
    assert!(count > 0, "no case of that name");
    assert!(
        failed.is_empty(),
        "{} of {count} cases failed: {failed:#?}",
        failed.len()
    );
}

/// Examples are what people copy: each must be read by the action it shows.
#[test]
fn every_example_is_read() {
    use palisade::source::{Mapping, Value};
    for spec in palisade::action::ACTIONS {
        let tasks: Vec<Mapping> = serde_yaml::from_str(spec.examples).expect(spec.name);
        assert!(!tasks.is_empty(), "{} shows no example", spec.name);
        for task in tasks {
            let named = |k: &str| {
                k == spec.name
                    || spec.aliases.contains(&k)
                    || k.ends_with(&format!(".{}", spec.name))
            };
            let (_, args) = task
                .iter()
                .find(|(k, _)| k.as_str().is_some_and(named))
                .unwrap_or_else(|| panic!("an example of {} shows another action", spec.name));
            let mut map = match args {
                Value::Mapping(map) => map.clone(),
                Value::Null => Mapping::new(),
                free => {
                    let name = spec
                        .free_form
                        .unwrap_or_else(|| panic!("{}: free text", spec.name));
                    Mapping::from_iter([(Value::from(name), free.clone())])
                }
            };
            if let Some(Value::Mapping(more)) = task.get("args") {
                map.extend(more.clone());
            }
            if let Err(error) = (spec.parse)(map) {
                panic!("an example of {} is refused: {}", spec.name, error.message);
            }
        }
    }
}

#[test]
fn every_default_can_be_read_and_every_argument_is_documented() {
    for spec in palisade::action::ACTIONS {
        for param in (spec.params)() {
            let doc = param.doc.trim();
            assert!(
                !doc.is_empty(),
                "{}.{} has no documentation",
                spec.name,
                param.name
            );
            let Some(default) = param.default else {
                continue;
            };
            let value = serde_yaml::from_str(default).expect(default);
            if let Err(error) = (param.check)(value) {
                panic!("the default of {}.{} {error}", spec.name, param.name);
            }
        }
    }
}

#[test]
fn actions_stand_in_order_and_names_are_their_own() {
    let actions = palisade::action::ACTIONS;
    let names: Vec<_> = actions.iter().map(|s| s.name).collect();
    let mut sorted = names.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(names, sorted);
}
