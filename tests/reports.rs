//! Reports in all their forms, read by the programs that people read them with: Python's parsers,
//! `oscap`, and a browser. Where a program is not there, its test says so and passes.

#[path = "reports/sample.rs"]
mod sample;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use palisade::report::audit::human::Look;
use palisade::report::audit::{Form, written};
use sample::{HOSTILE, fleet, hostile};

fn text(form: Form, report: &palisade::hardening::Report) -> String {
    written(report, form, Look::default())
}

/// What a Python program says of a text.
fn python(program: &str, text: &str) -> String {
    let mut child = Command::new("python3")
        .args(["-c", program])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("python3");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(text.as_bytes()).expect("written");
    drop(stdin);
    let out = child.wait_with_output().expect("an answer");
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{said}");
    String::from_utf8(out.stdout)
        .expect("text")
        .trim()
        .to_owned()
}

#[test]
fn no_form_lets_hostile_text_act() {
    let report = hostile();
    for form in Form::ALL {
        let text = text(form, &report);
        let acts = |c: char| c.is_control() && !matches!(c, '\n' | '\t' | '\r');
        let found = text.find(acts).map(|at| &text[at.saturating_sub(60)..at]);
        assert_eq!(found, None, "a control character in {form:?}");
        assert!(
            !text.contains('\u{202e}'),
            "text that turns around in {form:?}"
        );
        if form != Form::Csv {
            assert!(!text.contains('\r'), "{form:?}");
        }
        assert!(text.contains("evil"), "{form:?} says it");
    }
}

#[test]
fn a_table_has_as_many_cells_in_every_row_and_none_computes() {
    let program = "import csv,sys\n\
        rows=list(csv.reader(sys.stdin.read().splitlines(True)))\n\
        assert {len(r) for r in rows}=={14}, {len(r) for r in rows}\n\
        bad=[c for r in rows for c in r if c.strip()[:1] in tuple('=+-@|%')and c.strip()]\n\
        assert not bad, bad\n\
        print(len(rows))";
    let report = fleet(3);
    let rows = 1 + report.hosts.len() * report.controls.len();
    assert_eq!(python(program, &text(Form::Csv, &report)), rows.to_string());
    python(program, &text(Form::Csv, &hostile()));
}

#[test]
fn junit_counts_what_it_holds() {
    let program = "import sys,xml.etree.ElementTree as E\n\
        r=E.fromstring(sys.stdin.buffer.read())\n\
        assert r.tag=='testsuites'\n\
        for s in [r]+r.findall('testsuite'):\n\
        \x20 n=len(list(s.iter('testcase')))\n\
        \x20 assert int(s.get('tests'))==n,(s.get('tests'),n)\n\
        \x20 for a,t in ('failures','failure'),('errors','error'),('skipped','skipped'):\n\
        \x20  assert int(s.get(a))==len(list(s.iter(t))),a\n\
        waived=[k for k in r.iter('skipped') if 'waived until' in k.get('message')]\n\
        print(len(r.findall('testsuite')),len(waived)>0)";
    assert_eq!(python(program, &text(Form::Junit, &fleet(5))), "5 True");
    python(program, &text(Form::Junit, &hostile()));
}

#[test]
fn sarif_puts_hosts_together_and_stays_within_limits() {
    let five = text(Form::Sarif, &fleet(5));
    let fifty = text(Form::Sarif, &fleet(50));
    let read = |t: &str| serde_json::from_str::<serde_json::Value>(t).expect("JSON");
    let (five, fifty) = (read(&five), read(&fifty));
    let results =
        |d: &serde_json::Value| d["runs"][0]["results"].as_array().expect("a list").clone();
    assert_eq!(results(&five).len(), results(&fifty).len());
    let rules = fifty["runs"][0]["tool"]["driver"]["rules"]
        .as_array()
        .expect("a list")
        .clone();
    let mut seen = std::collections::BTreeSet::new();
    for result in results(&fifty) {
        let rule =
            &rules[usize::try_from(result["ruleIndex"].as_u64().expect("a number")).unwrap()];
        assert_eq!(rule["id"], result["ruleId"]);
        let print = result["partialFingerprints"]["palisade/v1"]
            .as_str()
            .expect("text");
        assert!(
            seen.insert(print.to_owned()),
            "two results have one fingerprint"
        );
        assert!(
            result["locations"][0]["physicalLocation"]["region"]["startLine"].as_u64() > Some(0)
        );
    }
    let waived = |r: &serde_json::Value| r["suppressions"][0]["status"] == "accepted";
    assert!(results(&fifty).iter().any(waived));
    assert!(
        rules
            .iter()
            .all(|r| r["properties"]["tags"].as_array().expect("tags").len() <= 10)
    );
}

#[test]
fn metrics_are_lines_of_names_labels_and_numbers() {
    let program = r#"import re,sys
label=r'[a-z_]+="(?:[^"\\\n]|\\[\\n"])*"'
line=re.compile(r'palisade_[a-z_]+(?:\{%s(?:,%s)*\})? [0-9.e+-]+' % (label,label))
seen=set(); typed=set()
for l in sys.stdin.read().splitlines():
    if l.startswith('# TYPE '): assert l.split()[2] not in typed; typed.add(l.split()[2]); continue
    if l.startswith('# HELP '): continue
    assert line.fullmatch(l), l
    assert l.rsplit(' ',1)[0] not in seen, l
    assert re.match('[a-z_]+',l)[0] in typed, l
    seen.add(l.rsplit(' ',1)[0])
print('fine')"#;
    for report in [fleet(5), hostile()] {
        assert_eq!(python(program, &text(Form::Prometheus, &report)), "fine");
    }
}

#[test]
fn json_says_hostile_text_as_it_was() {
    let read: serde_json::Value =
        serde_json::from_str(&text(Form::Json, &hostile())).expect("JSON");
    let difference = &read["hosts"][0]["findings"][0]["evidence"][0]["differences"][0];
    assert_eq!(difference["before"], HOSTILE);
}

/// A place for what a test leaves for people to look at.
fn kept(name: &str) -> PathBuf {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("reports");
    std::fs::create_dir_all(&dir).expect("a folder");
    dir.join(name)
}

/// Whether a program is there; a test without it says so.
fn there(program: &str) -> bool {
    let found = Command::new(program)
        .arg("--version")
        .output()
        .is_ok_and(|o| o.status.success());
    if !found {
        eprintln!("skipped: there is no {program} on this machine");
    }
    found
}
