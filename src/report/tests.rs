//! What reporters print for made-up events.

use std::io::Write;
use std::sync::{Arc, Mutex};

use super::folds::Folds;
use super::group::Detail;
use super::human::{Human, Look};
use super::json::JsonLines;
use super::notices::Notices;
use super::{Reporter, classic::Classic};
use crate::engine::Event;
use crate::engine::event::{
    Diff, HostName, Outcome, PlayRef, Recap, Status, TaskRef, TrafficTotal,
};
use crate::report::adhoc::{AdHoc, Layout};
use crate::source::{File, Mask, Span, Value};

#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Paper {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

fn hosts(n: usize) -> Vec<HostName> {
    (1..=n)
        .map(|i| HostName::from(format!("web{i:02}")))
        .collect()
}

fn task(at: usize, name: &str, action: &str) -> TaskRef {
    let text = "- hosts: web\n  tasks:\n    - name: Configure sshd\n";
    let file = File::new("/proj/site.yml", text);
    TaskRef {
        position: Arc::from(vec![2, at]),
        name: name.into(),
        action: action.into(),
        role: None,
        span: Span::new(&file, text.find("name").unwrap(), text.len() - 1),
        handler: false,
        no_log: false,
        play: 0,
    }
}

fn play() -> PlayRef {
    PlayRef {
        index: 0,
        name: "Web servers".into(),
    }
}

fn ended(host: &HostName, task: &TaskRef, outcome: Outcome) -> Event {
    Event::Ended {
        host: host.clone(),
        task: task.clone(),
        outcome,
    }
}

fn ok() -> Outcome {
    Outcome::new(Status::Ok, crate::result! { "changed" => false }.into())
}

fn changed(before: &str, after: &str) -> Outcome {
    let mut outcome = Outcome::new(Status::Changed, crate::result! { "changed" => true }.into());
    outcome.changes.push(Diff {
        title: "/etc/ssh/sshd_config".into(),
        before: before.into(),
        after: after.into(),
        summary: "content".into(),
    });
    outcome
}

fn failed(message: &str) -> Outcome {
    let result = crate::result! { "changed" => false, "failed" => true, "msg" => message };
    Outcome::new(Status::Failed, result.into())
}

fn wrapped(hosts: &[HostName], inner: Vec<Event>, recap: Vec<Recap>) -> Vec<Event> {
    let playbooks = vec!["site.yml".to_owned()];
    let mut all = vec![
        Event::RunStarted {
            playbooks,
            hosts: hosts.len(),
            check: false,
        },
        Event::PlayStarted {
            play: play(),
            hosts: hosts.to_vec(),
        },
    ];
    all.extend(inner);
    let left = |h: &HostName| Event::Left {
        host: h.clone(),
        play: play(),
    };
    all.extend(hosts.iter().map(left));
    all.push(Event::PlayEnded { play: play() });
    all.push(Event::RunEnded {
        recap,
        seconds: 1.25,
        traffic: TrafficTotal::default(),
        stopped: false,
    });
    all
}

fn recap(host: &HostName, changed: u64, failed: u64) -> Recap {
    Recap {
        host: host.to_string(),
        ok: 2,
        changed,
        failed,
        ..Recap::default()
    }
}

fn look(diff: bool) -> Look {
    Look {
        detail: Detail {
            diff,
            ..Detail::default()
        },
        command: Some("palisade playbook site.yml".into()),
        ..Look::default()
    }
}

fn human(events: &[Event], look: Look, mask: &Mask) -> String {
    let (out, err) = (Paper::default(), Paper::default());
    let notices = Notices::new(mask.clone(), false).to(err.clone());
    let mut reporter = Human::new(out.clone(), mask.clone(), notices, look);
    events.iter().for_each(|e| reporter.event(e));
    out.text() + &err.text()
}

fn classic(events: &[Event], mask: &Mask, verbosity: u8) -> String {
    let out = Paper::default();
    let mut reporter = Classic::new(out.clone(), mask.clone(), false, verbosity, true);
    events.iter().for_each(|e| reporter.event(e));
    out.text()
}

fn json(events: &[Event], mask: &Mask) -> String {
    let out = Paper::default();
    let mut reporter = JsonLines::new(out.clone(), mask.clone());
    events.iter().for_each(|e| reporter.event(e));
    out.text()
}

fn adhoc(events: &[Event], mask: &Mask, layout: Layout) -> String {
    let (out, err) = (Paper::default(), Paper::default());
    let notices = Notices::new(mask.clone(), false).to(err.clone());
    let detail = Detail {
        diff: true,
        verbosity: 3,
        ..Detail::default()
    };
    let mut reporter = AdHoc::new(out.clone(), mask.clone(), notices, layout, detail);
    events.iter().for_each(|e| reporter.event(e));
    out.text() + &err.text()
}

/// A fleet of twelve: two ways of being changed, and two hosts that were fine.
fn fleet() -> Vec<Event> {
    let hosts = hosts(12);
    let (first, second) = (
        task(0, "Configure sshd", "template"),
        task(1, "Start it", "service"),
    );
    let mut inner = Vec::new();
    // They come in another order than they are told in.
    for (i, host) in hosts.iter().enumerate().rev() {
        let outcome = match i {
            0..8 => changed("a\nb\n", "a\nc\nd\n"),
            8..10 => changed("", "x\n"),
            _ => ok(),
        };
        inner.push(ended(host, &first, outcome));
        inner.push(ended(host, &second, ok()));
    }
    let recap = hosts
        .iter()
        .enumerate()
        .map(|(i, h)| recap(h, u64::from(i < 10), 0))
        .collect();
    wrapped(&hosts, inner, recap)
}

#[test]
fn equal_outcomes_are_one_line() {
    insta::assert_snapshot!(human(&fleet(), look(false), &Mask::default()));
}

#[test]
fn one_failure_on_forty_hosts_is_printed_once() {
    let hosts = hosts(40);
    let one = task(0, "Install packages", "apt");
    let event = |h: &HostName| {
        let pid = h.len() * 1000;
        ended(
            h,
            &one,
            failed(&format!("{h}: lock held by process {pid}7")),
        )
    };
    let inner = hosts.iter().map(event).collect();
    let recap = hosts.iter().map(|h| recap(h, 0, 1)).collect();
    let events = wrapped(&hosts, inner, recap);
    let text = human(&events, look(false), &Mask::default());
    assert_eq!(text.matches("lock held").count(), 1, "{text}");
    insta::assert_snapshot!(text);
}

#[test]
fn a_host_gives_no_commands_to_the_ci_service() {
    let look = Look {
        folds: Folds::Github("secret".into()),
        ..look(false)
    };
    let hosts = hosts(1);
    let inner = vec![ended(
        &hosts[0],
        &task(0, "Break", "fail"),
        failed("::add-mask::x"),
    )];
    let events = wrapped(&hosts, inner, vec![recap(&hosts[0], 0, 1)]);
    insta::assert_snapshot!(human(&events, look, &Mask::default()));
}

#[test]
fn one_host_scrolls() {
    let hosts = hosts(1);
    let mut skipped = Outcome::new(
        Status::Skipped,
        crate::result! { "changed" => false }.into(),
    );
    skipped.delegated = Some("db1".into());
    let mut shown = Outcome::new(Status::Ok, crate::result! { "msg" => "hello" }.into());
    shown.shown = true;
    let inner = vec![
        ended(
            &hosts[0],
            &task(0, "Configure sshd", "template"),
            changed("a\nb\n", "a\nc\n"),
        ),
        ended(&hosts[0], &task(1, "Migrate", "command"), skipped),
        ended(&hosts[0], &task(2, "Say", "debug"), shown),
        ended(&hosts[0], &task(3, "Break", "fail"), failed("the end")),
    ];
    let events = wrapped(&hosts, inner, vec![recap(&hosts[0], 1, 1)]);
    insta::assert_snapshot!(human(&events, look(true), &Mask::default()));
    insta::assert_snapshot!(classic(&events, &Mask::default(), 0));
}

#[test]
fn hosts_lost_for_the_same_reason_are_told_together() {
    let hosts = hosts(30);
    let event = |(i, h): (usize, &HostName)| Event::Unreachable {
        host: h.clone(),
        task: None,
        message: format!("cannot connect to 10.0.0.{i} port 22: no route to host"),
        hint: None,
        code: None,
    };
    let inner = hosts[..20].iter().enumerate().map(event).collect();
    let text = human(
        &wrapped(&hosts, inner, Vec::new()),
        look(false),
        &Mask::default(),
    );
    assert!(text.contains("unreachable web[01-20]\n"), "{text}");
    assert_eq!(text.matches("no route to host").count(), 1, "{text}");
}

#[test]
fn of_thousands_only_failures_are_told() {
    let hosts: Vec<HostName> = (0..1500)
        .map(|i| HostName::from(format!("n{i:04}")))
        .collect();
    let one = task(0, "Configure sshd", "template");
    let event = |(i, h): (usize, &HostName)| match i {
        7 => ended(h, &one, failed("disk full")),
        _ => ended(h, &one, changed("a\n", "b\n")),
    };
    let inner = hosts.iter().enumerate().map(event).collect();
    let recap = hosts
        .iter()
        .enumerate()
        .map(|(i, h)| recap(h, 1, u64::from(i == 7)))
        .collect();
    let text = human(
        &wrapped(&hosts, inner, recap),
        look(false),
        &Mask::default(),
    );
    assert_eq!(text.lines().count(), 7, "{text}");
    assert!(text.contains("failed n0007 Configure sshd"), "{text}");
}

#[test]
fn json_lines_are_announced_and_stable() {
    let hosts = hosts(1);
    let inner = vec![ended(
        &hosts[0],
        &task(0, "Configure sshd", "template"),
        changed("a\n", "b\n"),
    )];
    let events = wrapped(&hosts, inner, vec![recap(&hosts[0], 1, 0)]);
    let text = json(&events, &Mask::default());
    let version = format!("\"palisade\":\"{}\"", env!("CARGO_PKG_VERSION"));
    insta::assert_snapshot!(text.replace(&version, "\"palisade\":\"VERSION\""));
}

/// A secret in every place that a reporter reads.
fn leaky(secret: &str, no_log: bool) -> Vec<Event> {
    let hosts = hosts(2);
    let mut one = task(0, "Set password", "command");
    one.no_log = no_log;
    let full = |status: Status| {
        let inner = crate::result! { "deep" => secret, secret => 1 };
        let result = crate::result! {
            "msg" => format!("x {secret} y"), "stdout" => secret, "stderr" => secret,
            "cmd" => secret, "changed" => true, "nested" => Value::Mapping(inner),
        };
        let mut outcome = Outcome::new(status, result.into());
        outcome.changes.push(Diff {
            title: format!("/etc/{secret}"),
            before: format!("old {secret}\n"),
            after: format!("new {secret}\n"),
            summary: "content".into(),
        });
        outcome.warnings.push(format!("careful with {secret}"));
        outcome.shown = status == Status::Ok;
        outcome
    };
    let statuses = [
        Status::Ok,
        Status::Changed,
        Status::Skipped,
        Status::Ignored,
        Status::Unknown,
        Status::Failed,
    ];
    let mut inner = Vec::new();
    for status in statuses {
        for host in &hosts {
            let (host, task, label) = (host.clone(), one.clone(), secret.to_owned());
            let (item, outcome) = (Value::from(secret), full(status));
            inner.push(Event::Item {
                host,
                task,
                item,
                label,
                outcome,
            });
        }
        inner.extend(hosts.iter().map(|h| ended(h, &one, full(status))));
    }
    inner.push(Event::Retry {
        host: hosts[0].clone(),
        task: one.clone(),
        left: 1,
        attempts: 1,
        outcome: full(Status::Failed),
    });
    if !no_log {
        let message = format!("refused {secret}");
        let (host, hint) = (hosts[1].clone(), Some(secret.to_owned()));
        inner.push(Event::Unreachable {
            host,
            task: None,
            message,
            hint,
            code: None,
        });
        let diagnostic = Box::new(crate::source::Diagnostic::bare(format!("bad {secret}")));
        inner.push(Event::Warning { diagnostic });
    }
    wrapped(
        &hosts,
        inner,
        hosts.iter().map(|h| recap(h, 1, 1)).collect(),
    )
}

fn everything(events: &[Event], mask: &Mask) -> String {
    let mut look = look(true);
    look.detail.verbosity = 3;
    let mut all = human(events, look, mask) + &json(events, mask);
    for verbosity in [0, 1, 3] {
        all += &classic(events, mask, verbosity);
    }
    for layout in [Layout::Grouped, Layout::Minimal, Layout::OneLine] {
        all += &adhoc(events, mask, layout);
    }
    all
}

#[test]
fn secrets_are_masked_by_every_reporter() {
    // One that JSON writes differently, too.
    for canary in ["hunter2-canary", "can\"ary\\two"] {
        let mask = Mask::default();
        mask.add(canary);
        let text = everything(&leaky(canary, false), &mask);
        let escaped = serde_json::to_string(canary).unwrap();
        let escaped = escaped.trim_matches('"');
        assert!(!text.contains(canary) && !text.contains(escaped), "{text}");
        assert!(text.contains("********"));
    }
}

#[test]
fn no_log_hides_what_nobody_declared_secret() {
    let text = everything(&leaky("undeclared-canary", true), &Mask::default());
    let lines: Vec<&str> = text.lines().filter(|l| l.contains("canary")).collect();
    assert!(lines.is_empty(), "{lines:#?}");
    assert!(text.contains("no_log"));
}

#[test]
fn nothing_that_a_host_says_moves_the_cursor() {
    let text = everything(
        &leaky("\x1b]52;c;eA==\x07\x1b[2J\u{202e}", false),
        &Mask::default(),
    );
    let acting = |c: char| c.is_control() && c != '\n' && c != '\t' || c == '\u{202e}';
    let json_too: Vec<char> = text.chars().filter(|c| acting(*c)).collect();
    assert!(json_too.iter().all(|c| *c == '\u{202e}'), "{json_too:?}");
}
