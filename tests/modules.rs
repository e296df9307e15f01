//! The hardening library as it is in the program: every control and profile is read, compiled, and
//! says what it must say.

use std::path::Path;
use std::sync::Arc;

use palisade::hardening::select::Wanted;
use palisade::hardening::{Library, Selection, play};
use palisade::plan::{CompileOptions, Compiler};
use palisade::source::{Diagnostic, Files};
use palisade::vars::Var;

fn said(wrong: &[Diagnostic]) -> String {
    let place = |d: &Diagnostic| d.span.as_ref().map(ToString::to_string).unwrap_or_default();
    let lines: Vec<_> = wrong
        .iter()
        .map(|d| format!("{}: {}", place(d), d.message))
        .collect();
    lines.join("\n")
}

fn library() -> Library {
    let (library, wrong) = Library::load(None, &Files::Disk);
    assert_eq!(said(&wrong), "");
    library
}

#[test]
fn every_control_compiles() {
    let library = library();
    for profile in library.profiles.keys() {
        for level in &library.profiles[profile].levels {
            let wanted = Wanted {
                profiles: vec![format!("{profile}:{}", level.name)],
                ..Wanted::default()
            };
            let selection = Selection::of(&library, &wanted).expect("a selection");
            compiles(&library, &selection);
        }
    }
    // Also those that no profile asks for.
    let chosen = library
        .controls
        .values()
        .map(|control| palisade::hardening::Chosen {
            control: control.clone(),
            numbers: Vec::new(),
        });
    let mut all = Selection::of(
        &library,
        &Wanted {
            profiles: vec!["baseline".into()],
            ..Wanted::default()
        },
    )
    .expect("a selection");
    all.chosen = chosen.collect();
    compiles(&library, &all);
}

fn compiles(library: &Library, selection: &Selection) {
    let built = play::build(library, selection, "test", "all");
    let defaults = built.defaults.iter();
    let options = CompileOptions {
        defaults: Arc::new(
            defaults
                .map(|(n, v)| (n.clone(), Var::Template(v.clone())))
                .collect(),
        ),
        inventory_vars: Some(std::iter::empty().collect()),
        ..CompileOptions::default()
    };
    let compiler = Compiler::new(Files::Disk, options);
    let (_, wrong) = compiler.compile_made(&built.playbook);
    assert_eq!(said(&wrong), "");
}

#[test]
fn every_task_has_a_name_and_every_control_is_asked_for() {
    let library = library();
    let mut wrong = Vec::new();
    for control in library.controls.values() {
        let tasks = control
            .tasks
            .as_ref()
            .and_then(|t| t.as_seq())
            .unwrap_or_default();
        for task in tasks {
            if task.get("name").is_none() {
                wrong.push(format!("{}: a task without a name", task.span));
            }
        }
        let asked = |p: &palisade::hardening::Profile| {
            p.rules.iter().any(|r| r.controls.contains(&control.id))
        };
        if !library.profiles.values().any(asked) {
            wrong.push(format!("{}: no profile asks for it", control.span));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What may cut access, by the names of the areas that may.
const MAY_CUT: [&str; 5] = ["sshd", "sudo", "pam", "firewall", "accounts"];

#[test]
fn controls_that_change_how_one_comes_in_are_guarded() {
    let library = library();
    let mut wrong = Vec::new();
    for control in library.controls.values() {
        let changes = control.tasks.is_some() && control.fix.is_none();
        let access = ["sshd", "sudo", "pam"].contains(&control.area());
        if access && changes && !control.guarded {
            wrong.push(format!("{}: `guard: access` is missing", control.span));
        }
        if control.guarded
            && !MAY_CUT.contains(&control.area())
            && !control.area().starts_with("net")
        {
            wrong.push(format!(
                "{}: is guarded, and its area is not known to cut",
                control.span
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn tests_that_break_hosts_are_about_controls_that_there_are() {
    let library = library();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/controls");
    let Ok(areas) = std::fs::read_dir(&root) else {
        return;
    };
    for area in areas.flatten() {
        for file in std::fs::read_dir(area.path()).expect("a folder").flatten() {
            let id = palisade::hardening::control::id_of(&file.path()).expect("a name");
            assert!(
                library.controls.contains_key(&id),
                "{id}: {}",
                file.path().display()
            );
        }
    }
}
