//! The hardening library as it is in the program: every control and profile is read, compiled, and
//! says what it must say.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
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

/// The stems of a folder's files that end so, as ids of the area.
fn scripted(scene: &Path, ending: &str) -> BTreeSet<String> {
    let name = scene.file_name().and_then(|n| n.to_str()).expect("a name");
    let area = name.split('_').next().expect("an area");
    let files = std::fs::read_dir(scene).expect("a folder").flatten();
    let names = files.filter_map(|f| f.file_name().into_string().ok());
    let stems = names.filter_map(|n| Some(n.strip_suffix(ending)?.to_owned()));
    stems
        .filter(|stem| !stem.contains('.'))
        .map(|stem| match area {
            // What runs on hosts of another distribution is named by whole ids.
            "redhat" | "ubuntu" => stem,
            _ => format!("{area}_{stem}"),
        })
        .collect()
}

#[test]
fn every_control_has_a_host_that_is_wrong_for_it() {
    let library = library();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/controls");
    let scenes = std::fs::read_dir(&root).expect("scenes").flatten();
    let scenes: Vec<_> = scenes.map(|s| s.path()).filter(|s| s.is_dir()).collect();
    let all = |ending| -> BTreeSet<String> {
        let of = |scene: &PathBuf| scripted(scene, ending);
        scenes.iter().flat_map(of).collect()
    };
    let (broken, mended) = (all(".sh"), all(".mend.sh"));
    let list = std::fs::read_to_string(root.join("UNTESTABLE")).expect("a list");
    let lines = list.lines().filter(|l| !l.starts_with('#'));
    let reasons: BTreeMap<_, _> = lines.filter_map(|l| l.split_once(": ")).collect();
    let mut wrong = Vec::new();
    for (id, control) in &library.controls {
        let ways = [
            broken.contains(id),
            control.manual.is_some(),
            reasons.contains_key(id.as_str()),
        ];
        if ways.into_iter().filter(|w| *w).count() != 1 {
            let need = "exactly one of a script in tests/controls, `manual`, a line in UNTESTABLE";
            wrong.push(format!("{id}: {need}"));
        }
        if mended.contains(id) && control.fix.is_none() {
            wrong.push(format!("{id}: is mended by hand, and has no `fix`"));
        }
    }
    let named = broken.iter().map(String::as_str);
    for id in named
        .chain(mended.iter().map(String::as_str))
        .chain(reasons.keys().copied())
    {
        if !library.controls.contains_key(id) {
            wrong.push(format!("{id}: has a test, and there is no such control"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A profile at a level, as on the command line.
fn at_level(library: &Library, profile: &str, level: &str) -> Selection {
    let wanted = Wanted {
        profiles: vec![profile.into()],
        level: Some(level.into()),
        ..Wanted::default()
    };
    Selection::of(library, &wanted).unwrap_or_else(|d| panic!("{profile} at {level}: {}", said(&d)))
}

#[test]
fn profiles_ask_for_controls_and_parameters_that_there_are() {
    let library = library();
    let known = library.parameters();
    let mut wrong = Vec::new();
    for profile in library.profiles.values() {
        for rule in &profile.rules {
            let missing = rule
                .controls
                .iter()
                .filter(|c| !library.controls.contains_key(*c));
            wrong.extend(missing.map(|c| format!("{}: no control `{c}`", rule.span)));
            let mut once = std::collections::BTreeSet::new();
            if !rule.controls.iter().all(|c| once.insert(c)) {
                wrong.push(format!("{}: names a control twice", rule.span));
            }
            if !profile.sections.is_empty() && profile.section(&rule.number).is_none() {
                wrong.push(format!("{}: stands in no section", rule.span));
            }
        }
        for (name, value) in &profile.parameters {
            if !known.contains(name.as_str()) {
                wrong.push(format!("{}: no parameter `{name}`", value.span));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_level_has_all_that_the_levels_it_includes_have() {
    let library = library();
    for (name, profile) in &library.profiles {
        for level in profile.levels.iter().filter(|l| !l.includes.is_empty()) {
            let ids = |level: &str| -> std::collections::BTreeSet<String> {
                let chosen = at_level(&library, name, level).chosen;
                chosen.into_iter().map(|c| c.control.id).collect()
            };
            let all = ids(&level.name);
            for lower in &level.includes {
                let less = ids(lower);
                assert!(less.is_subset(&all), "{name}: {lower} in {}", level.name);
                assert!(
                    less.len() < all.len(),
                    "{name}: {} adds nothing",
                    level.name
                );
            }
        }
    }
}

#[test]
fn benchmarks_are_whole() {
    let library = library();
    for (name, numbers) in [
        ("anssi_bp028", 80),
        ("cis_debian12", 310),
        ("cis_ubuntu2204", 301),
        ("cis_ubuntu2404", 312),
        ("cis_rhel9", 297),
        ("stig_ubuntu2204", 188),
        ("stig_ubuntu2404", 194),
        ("stig_rhel9", 441),
    ] {
        assert_eq!(library.profiles[name].rules.len(), numbers, "{name}");
    }
    let numbers = library.profiles["anssi_bp028"].rules.iter();
    let numbers: Vec<_> = numbers.map(|r| r.number.clone()).collect();
    let whole: Vec<_> = (1..=80).map(|n| format!("R{n}")).collect();
    assert_eq!(numbers, whole);
}

#[test]
fn levels_have_short_names() {
    let library = library();
    for (profile, level, full) in [
        ("anssi_bp028", "enhanced", "enhanced"),
        ("cis_ubuntu2404", "2", "l2-server"),
        ("cis_ubuntu2404", "2-workstation", "l2-workstation"),
        ("cis_rhel9", "workstation", "l1-workstation"),
        ("stig_rhel9", "high", "high"),
    ] {
        assert_eq!(at_level(&library, profile, level).profiles[0].level, full);
    }
    // Without a level: what every server can have, and all of a STIG.
    let first = |name: &str| library.profiles[name].levels[0].name.clone();
    assert_eq!(first("cis_debian12"), "l1-server");
    assert_eq!(first("stig_ubuntu2404"), "low");
    // Not every server's is every desktop's.
    let asks = |level: &str, id: &str| {
        let chosen = at_level(&library, "cis_debian12", level).chosen;
        chosen.iter().any(|c| c.control.id == id)
    };
    assert!(asks("l1-server", "services_print") && !asks("l1-workstation", "services_print"));
    assert!(asks("l1-workstation", "sshd_forwarding") && !asks("l1-server", "sshd_forwarding"));
}
