//! Every control on a host made wrong on purpose: it fails, is fixed, passes, a second time changes
//! nothing, and `undo` makes it wrong again. What makes a host wrong for a control stands in
//! `tests/controls/<scene>/<control>.sh`, where a scene is an area (`time`) or one of its ways
//! (`time_chrony`), with variables of its own in `vars.yml` and `prepare` to be run first; what several
//! of them say is in `tests/controls/functions`. What is found and not fixed is mended by
//! `<control>.mend.sh`, as the control's `fix` says. What `undo` cannot take back is in
//! `tests/controls/IRREVERSIBLE`, one by one, and it says so itself.

#[path = "e2e/mod.rs"]
mod e2e;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::{Bench, Json, PALISADE, Run, output, up};
use palisade::hardening::Library;
use palisade::lab::inventory::Format;
use palisade::source::Files;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/controls")
}

/// Hosts that say they are of another distribution; their scripts are named by whole ids.
const DISTRIBUTIONS: [&str; 2] = ["redhat", "ubuntu"];

/// The scripts of a scene by control.
fn scripts(scene: &str, ending: &str) -> BTreeMap<String, String> {
    let area = scene.split('_').next().unwrap();
    let mut scripts = BTreeMap::new();
    for file in std::fs::read_dir(root().join(scene)).unwrap().flatten() {
        let name = file.file_name().into_string().unwrap();
        if let Some(stem) = name.strip_suffix(ending).filter(|s| !s.contains('.')) {
            let text = std::fs::read_to_string(file.path()).unwrap();
            let id = match DISTRIBUTIONS.contains(&scene) {
                true => stem.to_owned(),
                false => format!("{area}_{stem}"),
            };
            scripts.insert(id, text);
        }
    }
    scripts
}

/// Scenes whose controls install packages.
const NEED_PACKAGES: [&str; 18] = [
    "accounts_user",
    "apparmor",
    "audit",
    "audit_absent",
    "desktop",
    "firewall",
    "firewall_iptables",
    "firewall_ufw",
    "integrity",
    "kernel",
    "logging_absent",
    "logging_upload",
    "packages",
    "pam_packages",
    "pam_profiles",
    "sudo_absent",
    "time_chrony",
    "time_timesyncd",
];

/// Controls of a scene that stay fixed after `undo`; the reasons are for people.
fn irreversible(scene: &str) -> BTreeSet<String> {
    let text = std::fs::read_to_string(root().join("IRREVERSIBLE")).unwrap();
    let lines = text.lines().filter(|l| !l.starts_with('#'));
    let of = |line: &str| -> Option<String> {
        let (what, why) = line.split_once(": ").expect("`scene control: reason`");
        assert!(!why.is_empty(), "no reason: {line}");
        let control = what.strip_prefix(scene)?.strip_prefix(' ')?;
        Some(control.to_owned())
    };
    lines.filter_map(of).collect()
}

/// The verdict and the whole finding of each control.
type Findings = BTreeMap<String, (String, Json)>;

/// A host, and what is asked of it.
struct Stage {
    bench: Bench,
    vars: Vec<String>,
    become_root: bool,
}

impl Stage {
    /// A host for these controls; none where labs are not possible.
    fn of(letters: &str, ids: &[&str]) -> Option<Stage> {
        let bench = up(letters, 0)?;
        if !bench.systemd() {
            return None;
        }
        // A profile of one's own that asks for all of them.
        let rules: String = ids
            .iter()
            .map(|id| format!("  {id}: {{control: {id}}}\n"))
            .collect();
        let text = format!("id: everything\ntitle: everything\nrules:\n{rules}");
        bench.write("modules/profiles/everything.yml", &text);
        // What a lab's host can do all the same is not left out for its role.
        let vars = vec!["{\"palisade_roles\": []}".to_owned()];
        let become_root = false;
        Some(Stage {
            bench,
            vars,
            become_root,
        })
    }

    /// `palisade audit` or `harden` of all; the verdict and the whole finding of each.
    #[track_caller]
    fn run(&self, verb: &str, code: i32) -> Findings {
        let mut command = Command::new(PALISADE);
        let inventory = self.bench.path("inventory.ini");
        command.arg(verb).arg("everything").arg("--json");
        command.arg("-i").arg(inventory);
        if self.become_root {
            command.arg("--become");
        }
        command.arg("--modules").arg(self.bench.path("modules"));
        for vars in &self.vars {
            command.arg("-e").arg(vars);
        }
        self.bench.surround(&mut command);
        let output = output(&mut command);
        let said = String::from_utf8_lossy(&output.stderr);
        let text = String::from_utf8_lossy(&output.stdout);
        let report: Json =
            serde_json::from_str(&text).unwrap_or_else(|e| panic!("{verb}: {e}: {said}\n{text}"));
        let findings = report["hosts"][0]["findings"].as_array().unwrap();
        let text = |v: &Json| v.as_str().unwrap_or_default().to_owned();
        let of = |f: &Json| (text(&f["control"]), (text(&f["verdict"]), f.clone()));
        let found = findings.iter().map(of).collect();
        assert_eq!(
            output.status.code(),
            Some(code),
            "{verb}: {said}\n{found:#?}"
        );
        found
    }
}

/// Those whose verdict is none of these, and why.
fn others(found: &Findings, good: impl Fn(&str, &str) -> bool) -> String {
    let bad = found.iter().filter(|(id, (verdict, _))| !good(id, verdict));
    let lines: Vec<_> = bad.map(|(id, (_, why))| format!("{id}: {why}")).collect();
    lines.join("\n")
}

fn scene(name: &str, letters: &str) {
    let packages = Path::new("/var/cache/palisade-tests/complete");
    if NEED_PACKAGES.contains(&name) && !packages.exists() {
        eprintln!("skipped: packages that {name} installs were not fetched (tests/install-deps)");
        return;
    }
    let wrong = scripts(name, ".sh");
    let mends = scripts(name, ".mend.sh");
    let ids: Vec<&str> = wrong.keys().map(String::as_str).collect();
    let Some(mut stage) = Stage::of(letters, &ids) else {
        return;
    };
    let vars = root().join(name).join("vars.yml");
    if vars.exists() {
        stage.vars.push(format!("@{}", vars.display()));
    }
    if name.ends_with("_user") {
        // Whoever comes in as root cannot be kept from it.
        let inventory = stage.bench.lab.inventory(Format::Ini, "deploy").unwrap();
        stage.bench.write("inventory.ini", &inventory);
        stage.become_root = true;
    }
    stage.bench.shelf("sd1");
    if let Ok(script) = std::fs::read_to_string(root().join(name).join("prepare")) {
        stage.bench.on("sd1", &script);
    }
    let functions = std::fs::read_to_string(root().join("functions")).unwrap();
    for script in wrong.values() {
        stage.bench.on("sd1", &format!("{functions}{script}"));
    }
    let unseen = others(&stage.run("audit", 3), |_, v| v == "fail");
    assert!(
        unseen.is_empty(),
        "these do not see what is wrong:\n{unseen}"
    );

    let fixed = stage.run("harden", if mends.is_empty() { 0 } else { 3 });
    let left = others(&fixed, |id, verdict| match mends.contains_key(id) {
        false => verdict == "fixed" || verdict == "pass",
        true => verdict == "fail" && !fixed[id].1.to_string().contains("\"status\":\"changed\""),
    });
    assert!(left.is_empty(), "these do not end as they say:\n{left}");

    for script in mends.values() {
        stage.bench.on("sd1", script);
    }
    let left = others(&stage.run("audit", 0), |_, v| v == "pass");
    assert!(
        left.is_empty(),
        "these do not pass after all is mended:\n{left}"
    );
    let moved = others(&stage.run("harden", 0), |_, v| v == "pass");
    assert!(
        moved.is_empty(),
        "these change something a second time:\n{moved}"
    );
    if fixed.values().any(|(verdict, _)| verdict == "fixed") {
        taken_back(name, &stage, (&fixed, &mends));
    }
}

/// All is wrong again once the run that fixed it is undone: the last that changed something. What stays
/// fixed is what is listed, and `undo` has said why.
fn taken_back(scene: &str, stage: &Stage, (fixed, mends): (&Findings, &BTreeMap<String, String>)) {
    let mut command = Command::new(PALISADE);
    command.args(["undo", "--json"]);
    stage.bench.surround(&mut command);
    let undo = Run::of(&output(&mut command));
    let list = undo.events.iter().find(|e| e["event"] == "undo");
    let list = list.unwrap_or_else(|| panic!("undo: {undo}"));
    let left = list["left_alone"].as_array().unwrap();
    let code = if left.is_empty() { 0 } else { 6 };
    assert_eq!(undo.code, Some(code), "undo: {list:#}\n{undo}");

    let kept = irreversible(scene);
    let never = list["irreversible"].as_array().unwrap();
    let changed = undo.events.iter().filter(|e| e["status"] == "changed");
    let places = left.iter().chain(never).map(|e| &e["at"]);
    let places: Vec<_> = places.chain(changed.map(|e| &e["task"]["path"])).collect();
    let told = |id: &str| {
        let (area, name) = id.split_once('_').unwrap();
        let file = format!("modules/{area}/{name}.yml");
        places
            .iter()
            .any(|at| at.as_str().is_some_and(|at| at.contains(&file)))
    };
    let fixed = kept.iter().filter(|id| fixed[*id].0 == "fixed");
    let silent: Vec<_> = fixed.filter(|id| !told(id)).collect();
    assert!(
        silent.is_empty(),
        "undo says nothing of {silent:?}: {list:#}"
    );
    let found = stage.run("audit", 3);
    let left = others(&found, |id, verdict| match kept.contains(id) {
        true => verdict == "pass",
        false => verdict == "fail" || mends.contains_key(id),
    });
    assert!(
        left.is_empty(),
        "not as undo should leave them:\n{left}\n{list:#}"
    );
}

#[test]
fn what_only_a_person_can_judge_never_passes() {
    let (library, _) = Library::load(None, &Files::Disk);
    let manual = library.controls.values().filter(|c| c.manual.is_some());
    let ids: Vec<&str> = manual.map(|c| c.id.as_str()).collect();
    let Some(mut stage) = Stage::of("cz", &ids) else {
        return;
    };
    let mut told = BTreeSet::new();
    // Each is about a host that has what it asks about.
    for (front_end, logs) in [
        ("nftables", "rsyslog"),
        ("ufw", "journald"),
        ("iptables", "rsyslog"),
        ("firewalld", "rsyslog"),
    ] {
        if front_end == "firewalld" {
            let script = std::fs::read_to_string(root().join("redhat/prepare")).unwrap();
            stage.bench.on("sd1", &script);
        }
        stage.vars.push(format!(
            "palisade_firewall_front_end={front_end} palisade_logging_system={logs} palisade_time_daemon=chrony"
        ));
        for verb in ["audit", "harden"] {
            let found = stage.run(verb, 0);
            let wrong = others(&found, |_, v| v == "manual" || v == "not_applicable");
            assert!(wrong.is_empty(), "{verb}: these have an opinion:\n{wrong}");
            let manual = found.into_iter().filter(|(_, (v, _))| v == "manual");
            told.extend(manual.map(|(id, _)| id));
        }
    }
    let ids: BTreeSet<String> = ids.into_iter().map(str::to_owned).collect();
    assert_eq!(told, ids, "some are never reported as for a person");
}

macro_rules! scenes {
    ($($name:ident $letters:literal,)*) => {
        $(
            #[test]
            fn $name() {
                scene(stringify!($name), $letters);
            }
        )*

        #[test]
        fn every_scene_is_tested() {
            let known = [$(stringify!($name)),*];
            for entry in std::fs::read_dir(root()).unwrap().flatten() {
                let name = entry.file_name().into_string().unwrap();
                let scene = entry.path().is_dir();
                assert!(!scene || known.contains(&name.as_str()), "{name} has no test here");
            }
        }
    };
}

scenes! {
    accounts "ca", accounts_found "cb", accounts_root_user "ea", accounts_user "eb", apparmor "cc",
    audit "cd", audit_absent "ce", banner "cf", boot "cg", clients "ch", cron "ci", desktop "cj",
    filesystem "ck", firewall "cl", firewall_firewalld "ec", firewall_iptables "cm",
    firewall_ufw "cn", integrity "co", kernel "cp", kernel_arm "ed", kernel_arm64 "ee",
    kernel_build "ef", kernel_wide "eg", kernel_x86 "eh", logging "cq", logging_absent "cr",
    logging_journald "cs", logging_upload "ct", mount "cu", mount_tmp "cv", mount_whole "cw",
    network "cx", packages "cy", pam "da", pam_packages "db", pam_profiles "dc", permissions "dd",
    redhat "ei", sandbox "de", services "df", sshd "dg", sshd_user "dh", selinux "dn", sudo "di",
    sudo_absent "dj", time "dk", time_chrony "dl", time_timesyncd "dm", ubuntu "ej",
}
