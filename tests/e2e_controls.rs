//! Every control on a host made wrong on purpose: it fails, is fixed, passes, and a second time changes
//! nothing. What makes a host wrong for a control stands in `tests/controls/<area>/<control>.sh`.

#[path = "e2e/mod.rs"]
mod e2e;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::{Bench, Json, PALISADE, output, up};
use palisade::hardening::control::id_of;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/controls")
}

/// The controls of an area and what breaks them.
fn broken(area: &str) -> BTreeMap<String, String> {
    // An area may have nothing that can be broken.
    let files = std::fs::read_dir(root().join(area))
        .into_iter()
        .flatten()
        .flatten();
    let read = |path: PathBuf| Some((id_of(&path)?, std::fs::read_to_string(&path).ok()?));
    files.filter_map(|f| read(f.path())).collect()
}

/// `palisade audit` or `harden` of these controls; the report.
fn report(bench: &Bench, verb: &str, ids: &[&str], code: &[i32]) -> Json {
    let mut command = Command::new(PALISADE);
    command.arg(verb).arg("-i").arg(bench.path("inventory.ini"));
    // Roles that would leave out what a lab's host can do all the same.
    command
        .args(["everything", "--modules"])
        .arg(bench.path("modules"));
    let roles = roles(ids[0].split('_').next().unwrap());
    command
        .args(["--json", "-e"])
        .arg(format!("{{\"palisade_roles\": [{roles}]}}"));
    command.arg("--only").arg(ids.join(","));
    bench.surround(&mut command);
    let output = output(&mut command);
    let said = String::from_utf8_lossy(&output.stderr);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        code.contains(&output.status.code().unwrap()),
        "{verb}: {said}\n{text}"
    );
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{verb}: {e}: {said}\n{text}"))
}

/// Areas whose controls install packages.
const NEED_PACKAGES: [&str; 6] = [
    "audit",
    "firewall",
    "integrity",
    "logging",
    "packages",
    "time",
];

/// What the host is taken for: most of a lab's hosts can do what only containers cannot.
fn roles(area: &str) -> &'static str {
    match area {
        // systemd does not start it in namespaces.
        "time" => "\"container\"",
        "desktop" => "\"desktop\"",
        _ => "",
    }
}

/// The verdicts, and why.
fn verdicts(report: &Json) -> BTreeMap<String, (String, String)> {
    let findings = report["hosts"][0]["findings"].as_array().unwrap();
    let of = |f: &Json| {
        let text = |v: &Json| v.as_str().unwrap_or_default().to_owned();
        let verdict = text(&f["verdict"]);
        (text(&f["control"]), (verdict, f.to_string()))
    };
    findings.iter().map(of).collect()
}

fn area(name: &str, letters: &str) {
    let all = broken(name);
    let Some(bench) = up(letters, 0).filter(|_| !all.is_empty()) else {
        return;
    };
    if !bench.systemd() {
        return;
    }
    let packages = Path::new("/var/cache/palisade-tests/complete");
    if NEED_PACKAGES.contains(&name) && !packages.exists() {
        eprintln!(
            "skipped: the packages that {name} installs were not fetched (tests/install-deps)"
        );
        return;
    }
    bench.shelf("sd1");
    let ids: Vec<&str> = all.keys().map(String::as_str).collect();
    // A profile of one's own that asks for all of them.
    let rules: String = ids
        .iter()
        .map(|id| format!("  {id}: {{control: {id}}}\n"))
        .collect();
    let text = format!("id: everything\ntitle: everything\nrules:\n{rules}");
    bench.write("modules/profiles/everything.yml", &text);
    for script in all.values() {
        bench.on("sd1", script);
    }
    let wrong = |report: &Json, good: &[&str]| -> Vec<String> {
        let all = verdicts(report).into_iter();
        let bad = all.filter(|(_, (verdict, _))| !good.contains(&verdict.as_str()));
        bad.map(|(id, (_, why))| format!("{id}: {why}")).collect()
    };
    let found = report(&bench, "audit", &ids, &[3]);
    let unseen = wrong(&found, &["fail"]);
    assert!(
        unseen.is_empty(),
        "these do not see what is wrong:\n{}",
        unseen.join("\n")
    );
    let fixed = report(&bench, "harden", &ids, &[0]);
    let left = wrong(&fixed, &["fixed", "pass"]);
    assert!(left.is_empty(), "these are not fixed:\n{}", left.join("\n"));
    let now = report(&bench, "audit", &ids, &[0]);
    let left = wrong(&now, &["pass"]);
    assert!(
        left.is_empty(),
        "these do not pass after they were fixed:\n{}",
        left.join("\n")
    );
    let again = report(&bench, "harden", &ids, &[0]);
    let moved = wrong(&again, &["pass"]);
    assert!(
        moved.is_empty(),
        "these change something a second time:\n{}",
        moved.join("\n")
    );
}

macro_rules! areas {
    ($($name:ident $letters:literal,)*) => {
        $(
            #[test]
            fn $name() {
                area(stringify!($name), $letters);
            }
        )*

        #[test]
        fn every_area_is_tested() {
            let known = [$(stringify!($name)),*];
            for entry in std::fs::read_dir(root()).unwrap().flatten() {
                let name = entry.file_name().into_string().unwrap();
                assert!(known.contains(&name.as_str()), "{name} has no test here");
            }
        }
    };
}

areas! {
    accounts "ca", apparmor "cb", audit "cc", banner "cd", boot "ce", clients "cf", cron "cg",
    desktop "ch", filesystem "ci", firewall "cj", integrity "ck", kernel "cl", logging "cm", mount "cn",
    network "co", packages "cp", pam "cq", permissions "cr", sandbox "cw", services "cs", sshd "ct",
    selinux "cx", sudo "cu", time "cv",
}
