//! Drift in all its forms: grouped, masked, read by the programs that people read them with.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use palisade::engine::Event;
use palisade::engine::event::{
    Diff, HostName, Outcome, PlayRef, Recap, Status, TaskRef, TrafficTotal,
};
use palisade::report::drift::model::{Kind, Standing};
use palisade::report::drift::{Fold, Form, Look, Report, Subject, nagios, written};
use palisade::source::{File, Mapping, Mask, Span, Value};

use crate::python;

/// Everything that a form could take for its own.
const EVIL: &str = "evil</failure>]]>&\"'|\\ \u{1b}[2J\u{202e}\n\n--- a/x\n+++ b/x\u{0}{} \r";

fn name(n: usize) -> HostName {
    HostName::from(format!("web{n:02}"))
}

fn task(at: usize, name: &str) -> TaskRef {
    let text = "- hosts: web\n  tasks:\n    - name: Set the motd\n";
    let file = File::new("site.yml", text);
    TaskRef {
        position: Arc::from(vec![2, at]),
        name: name.into(),
        action: "copy".into(),
        role: None,
        span: Span::new(&file, text.find("name").unwrap(), text.len() - 1),
        handler: false,
        no_log: false,
        play: 0,
    }
}

fn outcome(status: Status, changes: Vec<Diff>, message: &str) -> Outcome {
    let mut result = Mapping::new();
    result.insert("msg".into(), message.into());
    let mut outcome = Outcome::new(status, Value::Mapping(result));
    outcome.changes = changes;
    outcome
}

fn content(path: &str, before: &str, after: &str) -> Diff {
    Diff {
        title: path.into(),
        before: before.into(),
        after: after.into(),
        summary: "content".into(),
    }
}

/// A look at hosts, told event by event.
struct Told {
    fold: Fold,
    hosts: Vec<HostName>,
    recap: BTreeMap<HostName, Recap>,
}

impl Told {
    fn of(count: usize, own: &[(&str, &str, &str)]) -> Told {
        let mut values: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
        for (host, name, value) in own {
            let of = values.entry((*host).into()).or_default();
            of.push(((*name).into(), (*value).into()));
        }
        let mut fold = Fold::new(Subject {
            playbooks: vec!["site.yml".into()],
            now: "2026-11-21T20:00:00Z".parse().unwrap(),
            mask: Mask::default(),
            own: values,
        });
        let hosts: Vec<HostName> = (1..=count).map(name).collect();
        let play = PlayRef {
            index: 0,
            name: "web servers".into(),
        };
        fold.event(&Event::PlayStarted {
            play,
            hosts: hosts.clone(),
        });
        Told {
            fold,
            hosts,
            recap: BTreeMap::new(),
        }
    }

    fn ended(&mut self, host: usize, task: &TaskRef, outcome: Outcome) {
        let host = name(host);
        let recap = self.recap.entry(host.clone()).or_default();
        recap.failed += u64::from(outcome.status == Status::Failed);
        self.fold.event(&Event::Ended {
            host,
            task: task.clone(),
            outcome,
        });
    }

    fn lost(&mut self, host: usize, message: &str) {
        let host = name(host);
        self.recap.entry(host.clone()).or_default().unreachable += 1;
        self.fold.event(&Event::Unreachable {
            host,
            task: None,
            message: message.into(),
            hint: None,
            code: None,
        });
    }

    fn end(&mut self) {
        let of = |host: &HostName| Recap {
            host: host.to_string(),
            round_trips: 1,
            ..self.recap.get(host).cloned().unwrap_or_default()
        };
        let recap = self.hosts.iter().map(of).collect();
        self.fold.event(&Event::RunEnded {
            recap,
            seconds: 0.8,
            traffic: TrafficTotal::default(),
            stopped: false,
        });
    }

    fn report(mut self) -> Report {
        self.end();
        self.fold.finish()
    }
}

fn text(report: &Report, form: Form) -> String {
    written(report, form, Look::default())
}

/// 37 of 40 hosts have the same line too many; all differ in their own names; one command is unknown.
fn fleet() -> Told {
    let own: Vec<(String, String)> = (1..=40)
        .map(|n| (format!("web{n:02}"), format!("10.0.0.{n}")))
        .collect();
    let own: Vec<_> = own
        .iter()
        .map(|(h, a)| (h.as_str(), "ansible_host", a.as_str()))
        .collect();
    let mut told = Told::of(40, &own);
    let (motd, hosts, run) = (
        task(0, "Set the motd"),
        task(1, "Name the host"),
        task(2, "Rebuild the index"),
    );
    // Not in the order of their names, as hosts answer.
    for n in (1..=40).rev() {
        let changes = vec![content("/etc/motd", "Welcome\nby hand\n", "Welcome\n")];
        match n <= 37 {
            true => told.ended(n, &motd, outcome(Status::Changed, changes, "")),
            false => told.ended(n, &motd, outcome(Status::Ok, vec![], "")),
        }
        let line = format!("10.0.0.{n} web{n:02}\n");
        let changes = vec![content("/etc/hosts", "127.0.0.1 localhost\n", &line)];
        told.ended(n, &hosts, outcome(Status::Changed, changes, ""));
        let why = "Command would have run if not in check mode";
        told.ended(n, &run, outcome(Status::Unknown, vec![], why));
    }
    told
}

#[test]
fn the_same_difference_on_many_hosts_is_one_entry() {
    let report = fleet().report();
    let entries: Vec<_> = report.of(Kind::Differs).collect();
    let ranges: Vec<String> = entries.iter().map(|e| report.range(&e.hosts)).collect();
    assert_eq!(ranges, ["web[01-37]", "web[01-40]"]);
    assert_eq!(entries[1].after, "‹ansible_host› ‹inventory_hostname›\n");
    let third = &entries[1].variants[2];
    assert_eq!(entries[1].of(third).after, "10.0.0.3 web03\n");
    assert_eq!(
        report.counts().differences,
        77,
        "each host's differences count"
    );
    let text = text(&report, Form::Human);
    assert!(text.contains("differs web[01-37] /etc/motd -1"), "{text}");
    assert!(
        text.contains("77 differences on 40 of 40 hosts (2 distinct), 40 with something unknown"),
        "{text}"
    );
    let shown = Look {
        verbosity: 2,
        ..Look::default()
    };
    let text = written(&report, Form::Human, shown);
    assert!(
        text.contains("web40: ‹ansible_host› is 10.0.0.40"),
        "{text}"
    );
}

/// What is equal to the letter is equal, though a part of it is the name of one of the hosts.
#[test]
fn a_word_that_is_a_hosts_name_does_not_split_what_is_the_same() {
    let mut told = Told::of(3, &[("web02", "rack", "stable")]);
    let one = task(0, "Set the channel");
    for n in [3, 2, 1] {
        let changes = vec![content("/etc/channel", "", "stable web02\n")];
        told.ended(n, &one, outcome(Status::Changed, changes, ""));
    }
    let report = told.report();
    assert_eq!(report.entries.len(), 1);
    assert_eq!(report.entries[0].after, "stable web02\n");
    assert!(!report.entries[0].varies());
}

#[test]
fn unknown_is_never_no_drift() {
    let mut told = Told::of(2, &[]);
    let one = task(0, "Rebuild the index");
    told.ended(1, &one, outcome(Status::Unknown, vec![], "would run"));
    told.ended(2, &one, outcome(Status::Ok, vec![], ""));
    let report = told.report();
    let human = text(&report, Form::Human);
    assert!(human.contains("unknown web01 Rebuild the index"), "{human}");
    assert!(
        human.contains("no known differences on 2 hosts, 1 with something unknown"),
        "{human}"
    );
    assert_eq!(
        report.hosts[0].standing.word(),
        "unknown",
        "and not the same"
    );
    assert_eq!(
        nagios::State::of(&report, Look::default()),
        nagios::State::Unknown
    );
    let fine = Look {
        unknown_is_fine: true,
        ..Look::default()
    };
    assert_eq!(nagios::State::of(&report, fine), nagios::State::Ok);
    let junit = text(&report, Form::Junit);
    assert!(junit.contains("<error type=\"unknown\""), "{junit}");
    let junit = written(&report, Form::Junit, fine);
    assert!(
        junit.contains("<skipped"),
        "not even then does it pass: {junit}"
    );
}

/// Everything that can happen, and every text hostile.
fn hostile() -> Report {
    let mut told = Told::of(5, &[]);
    let mut one = task(0, &format!("name {EVIL}"));
    one.role = Some(EVIL.into());
    told.ended(
        1,
        &one,
        outcome(
            Status::Changed,
            vec![content(&format!("/etc/{EVIL}"), EVIL, "x\n")],
            "",
        ),
    );
    told.ended(2, &one, outcome(Status::Failed, vec![], EVIL));
    told.ended(3, &one, outcome(Status::Unknown, vec![], EVIL));
    let item = Event::Item {
        host: name(4),
        task: one.clone(),
        item: EVIL.into(),
        label: EVIL.into(),
        outcome: outcome(Status::Changed, vec![], EVIL),
    };
    told.fold.event(&item);
    told.ended(4, &one, outcome(Status::Changed, vec![], EVIL));
    told.lost(5, EVIL);
    told.report()
}

#[test]
fn no_form_of_drift_lets_hostile_text_act() {
    let report = hostile();
    for form in Form::ALL {
        let text = text(&report, form);
        let acts = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
        let found = text.find(acts).map(|at| &text[at.saturating_sub(60)..at]);
        assert_eq!(found, None, "a control character in {form:?}");
        assert!(!text.contains('\u{202e}'), "{form:?}");
        // A plugin's line names hosts and numbers only.
        assert!(text.contains("evil") || form == Form::Nagios, "{form:?}");
    }
    assert_eq!(text(&report, Form::Nagios).lines().count(), 1);
}

#[test]
fn junit_of_drift_has_a_test_for_each_task() {
    let program = "import sys,xml.etree.ElementTree as E\n\
        r=E.fromstring(sys.stdin.buffer.read())\n\
        assert r.tag=='testsuites'\n\
        for s in [r]+r.findall('testsuite'):\n\
        \x20 n=list(s.iter('testcase'))\n\
        \x20 for k,t in (('failures','failure'),('errors','error'),('skipped','skipped')):\n\
        \x20  assert int(s.get(k))==len(list(s.iter(t))),(k,s.attrib)\n\
        \x20 assert int(s.get('tests'))==len(n)\n\
        print(r.get('tests'),r.get('failures'),r.get('errors'),*[f.get('message') for f in r.iter('failure')][:1])";
    let said = python(program, &text(&fleet().report(), Form::Junit));
    assert_eq!(said, "4 2 1 web[01-37] differ");
    python(program, &text(&hostile(), Form::Junit));
}

#[test]
fn json_of_drift_is_read_and_names_every_host() {
    let program = "import json,sys\n\
        r=json.load(sys.stdin)\n\
        assert r['tool']=='palisade' and r['format']==1 and r['mode']=='drift'\n\
        for e in r['entries']:\n\
        \x20 assert len(e['hosts'])>0 and e['range'] and e['task']['at']\n\
        d=[e for e in r['entries'] if e['kind']=='differs']\n\
        print(len(d),len(d[0]['hosts']),d[1]['values']['web07']['ansible_host'],r['summary']['unknown'])";
    let said = python(program, &text(&fleet().report(), Form::Json));
    assert_eq!(said, "2 37 10.0.0.7 40");
}

#[test]
fn metrics_of_drift_are_lines_of_that_grammar() {
    let program = r#"import re,sys
label=r'[a-zA-Z_]\w*="(?:[^"\\\n]|\\["\\n])*"'
line=re.compile(r'[a-zA-Z_:][\w:]*(?:\{%s(?:,%s)*\})? -?\d+(?:\.\d+)?(?:e-?\d+)?'%(label,label))
seen=set()
for l in sys.stdin.read().splitlines():
    if l.startswith('# '):
        assert re.fullmatch(r'# (HELP \w+ .+|TYPE \w+ gauge)',l),l
        continue
    assert line.fullmatch(l),l
    key=l.rsplit(' ',1)[0]
    assert key not in seen,key
    seen.add(key)
print(len(seen))"#;
    let report = fleet().report();
    let said = python(program, &text(&report, Form::Prometheus));
    assert_eq!(said, (3 + 5 * 40 + 2).to_string());
    python(program, &text(&hostile(), Form::Prometheus));
}

#[test]
fn a_plugins_line_has_performance_data() {
    let program = r#"import re,sys
text=sys.stdin.read()
m=re.fullmatch(r'DRIFT (OK|WARNING|CRITICAL|UNKNOWN) - ([^|\n]+) \| ([^|\n]+)\n',text)
assert m,text
for d in m[3].split(' '):
    assert re.fullmatch(r'\w+=\d+(\.\d+)?s?(;\d*){0,4}',d),d
print(m[1])"#;
    let said = |report: &Report| python(program, &text(report, Form::Nagios));
    assert_eq!(said(&fleet().report()), "WARNING");
    assert_eq!(said(&hostile()), "CRITICAL");
    assert_eq!(said(&Told::of(2, &[]).report()), "OK");
    assert_eq!(said(&Told::of(0, &[]).report()), "UNKNOWN");
    assert_eq!(nagios::unknown("a|b\nc"), "DRIFT UNKNOWN - a/b c\n");
}

#[test]
fn patch_applies_what_differs() {
    let there = Command::new("patch")
        .arg("--version")
        .stdout(Stdio::null())
        .status();
    if !there.is_ok_and(|s| s.success()) {
        return eprintln!("skipped: patch is not installed");
    }
    let mut told = Told::of(2, &[]);
    let before = "one\ntwo\nthree\n";
    for n in [1, 2] {
        let new = Diff {
            summary: "new file".into(),
            ..content("/etc/new", "", "made\n")
        };
        let mode = Diff {
            summary: "mode 0644 → 0600".into(),
            ..content("/etc/motd", "mode: 0644\n", "mode: 0600\n")
        };
        let changes = vec![content("/etc/motd", before, "one\n2\nthree"), new, mode];
        told.ended(n, &task(0, "Set"), outcome(Status::Changed, changes, ""));
    }
    let report = told.report();
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("etc")).unwrap();
    std::fs::write(dir.path().join("etc/motd"), before).unwrap();
    std::fs::write(dir.path().join("d.patch"), text(&report, Form::Diff)).unwrap();
    let ran = Command::new("patch")
        .args(["-p1", "-s", "-i", "d.patch"])
        .current_dir(dir.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(
        ran.status.success(),
        "{said}\n{}",
        text(&report, Form::Diff)
    );
    let read = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap();
    assert_eq!(
        (read("etc/motd"), read("etc/new")),
        ("one\n2\nthree".into(), "made\n".into())
    );
}

#[test]
fn a_host_that_failed_is_not_fixed_and_what_was_put_back_is_not_either() {
    let mut told = fleet();
    told.ended(
        40,
        &task(3, "Check the disk"),
        outcome(Status::Failed, vec![], "no room"),
    );
    told.end();
    let (hosts, left) = told.fold.drifted();
    assert_eq!((hosts.len(), &left), (39, &vec![name(40)]));
    told.fold.fix(&hosts, &left, None);
    for n in 1..=40 {
        let changes = vec![content("/etc/motd", "Welcome\nby hand\n", "Welcome\n")];
        told.ended(
            n,
            &task(0, "Set the motd"),
            outcome(Status::Changed, changes, ""),
        );
    }
    told.recap.clear();
    let report = told.report();
    let standing = |n: usize| report.hosts[n - 1].standing;
    assert_eq!(
        (standing(1), standing(40)),
        (Standing::Fixed, Standing::Failed)
    );
    let fix = report.fix.as_ref().unwrap();
    assert_eq!(report.range(&fix.entries[0].hosts), "web[01-39]");
    assert!(report.differs(), "one was left alone");
    let text = text(&report, Form::Human);
    assert!(text.contains("left alone: web40"), "{text}");
}

/// So many of 1,000 hosts' 100 resources as `PALISADE_LARGE=1` asks for; else a tenth of both.
#[test]
fn a_large_fleet_is_grouped_in_time_that_grows_with_it() {
    let large = std::env::var_os("PALISADE_LARGE").is_some();
    let (hosts, resources) = if large { (1000, 100) } else { (100, 10) };
    let own: Vec<(String, String)> = (1..=hosts)
        .map(|n| {
            (
                format!("web{n:02}"),
                format!("10.{}.{}.7", n / 250, n % 250),
            )
        })
        .collect();
    let own: Vec<_> = own
        .iter()
        .map(|(h, a)| (h.as_str(), "ansible_host", a.as_str()))
        .collect();
    let mut told = Told::of(hosts, &own);
    let tasks: Vec<TaskRef> = (0..resources)
        .map(|n| task(n, &format!("task {n}")))
        .collect();
    let body = "setting = value\n".repeat(60);
    let began = Instant::now();
    let mut telling = std::time::Duration::ZERO;
    for n in 1..=hosts {
        let address = format!("10.{}.{}.7", n / 250, n % 250);
        for (r, one) in tasks.iter().enumerate() {
            // One in ten has the host's own address in it.
            let own = if r % 10 == 0 { address.as_str() } else { "all" };
            let after = format!("{body}listen = {own}\n");
            let path = format!("/etc/app/{r}.conf");
            let changes = vec![content(&path, &body, &after)];
            let made = outcome(Status::Changed, changes, "");
            let start = Instant::now();
            told.ended(n, one, made);
            telling += start.elapsed();
        }
    }
    let start = Instant::now();
    let report = told.report();
    let text = text(&report, Form::Human);
    let spent = telling + start.elapsed();
    assert_eq!(report.entries.len(), resources);
    assert_eq!(report.counts().differences, hosts * resources);
    assert!(text.contains("listen = ‹ansible_host›"), "{text}");
    if large {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let peak = status
            .lines()
            .find(|l| l.starts_with("VmHWM"))
            .unwrap_or("")
            .to_owned();
        eprintln!(
            "{spent:?} for the report, {:?} with making events, {peak}",
            began.elapsed()
        );
        let kilobytes = |word: &str| word.parse::<u64>().ok();
        let held = peak.split_whitespace().find_map(kilobytes).unwrap();
        assert!(held < 512 * 1024, "{peak}");
        assert!(
            cfg!(debug_assertions) || spent < std::time::Duration::from_secs(2),
            "{spent:?}"
        );
    }
}
