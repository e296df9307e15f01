//! What runs say, and what of it is news.

use std::collections::BTreeMap;

use serde_json::json;

use super::super::fold::Fold;
use super::super::news::{Known, news};
use super::super::run::{About, Exited, Run, Status};
use super::super::schedule::Verb;
use super::at;

/// A run of drift in which hosts stand as it is said.
fn ran(verb: Verb, hosts: &[(&str, &str, &[&str])], exit: i32) -> Run {
    let mut fold = Fold::new(verb);
    let (mut all, mut entries) = (Vec::new(), Vec::new());
    for (host, how, differences) in hosts {
        let standing = match *how {
            "" if differences.is_empty() => "same",
            "" => "differs",
            how => how,
        };
        let why = (*how == "unreachable").then_some("no route");
        all.push(json!({"host": host, "standing": standing, "why": why}));
        for on in *differences {
            entries
                .push(json!({"kind": "differs", "task": {"name": "t"}, "on": on, "hosts": [host]}));
        }
    }
    let report = json!({"hosts": all, "entries": entries});
    for line in serde_json::to_string_pretty(&report).unwrap().lines() {
        fold.line(line);
    }
    let about = About::new("job", at("21T03:00:00"));
    fold.end(&about, &Exited::Code(exit), at("21T03:00:05"))
}

#[test]
fn a_playbook_is_folded_from_its_events() {
    let mut fold = Fold::new(Verb::Playbook);
    let task = json!({"name": "t"});
    for event in [
        json!({"event": "ended", "host": "web1", "task": task, "status": "changed", "changes": [{"title": "/etc/motd"}]}),
        json!({"event": "ended", "host": "web2", "task": task, "status": "failed", "result": {"msg": "no"}}),
        json!({"event": "unreachable", "host": "web3", "message": "no route"}),
        json!({"event": "run_ended", "recap": [{"host": "web1", "changed": 1}, {"host": "web2", "failed": 1},
                                               {"host": "web3", "unreachable": 1}, {"host": "web4", "ok": 1}]}),
    ] {
        fold.line(&event.to_string());
    }
    let about = About::new("job", at("21T03:00:00"));
    let run = fold.end(&about, &Exited::Code(4), at("21T03:00:05"));
    let of = |name: &str| {
        let host = &run.hosts[name];
        (host.status, host.why.as_deref())
    };
    assert_eq!(of("web1"), (Status::Changed, None));
    assert_eq!(of("web2"), (Status::Failed, Some("t: no")));
    assert_eq!(of("web3"), (Status::Unreachable, Some("no route")));
    assert_eq!(of("web4"), (Status::Fine, None));
    assert!(run.hosts["web1"].findings.contains("t: /etc/motd"));
    assert!(!run.is_broken());
}

#[test]
fn a_run_is_folded_from_what_it_prints() {
    let run = ran(
        Verb::Drift,
        &[
            ("web1", "", &["/etc/motd"]),
            ("web2", "", &[]),
            ("web3", "unreachable", &[]),
        ],
        4,
    );
    assert_eq!(run.status, Status::Unreachable);
    assert_eq!(run.hosts["web1"].status, Status::Drift);
    assert_eq!(
        run.hosts["web1"].findings.iter().collect::<Vec<_>>(),
        ["t: /etc/motd"]
    );
    assert_eq!(run.hosts["web2"].status, Status::Fine);
    assert_eq!(run.hosts["web3"].why.as_deref(), Some("no route"));
    assert!(!run.is_broken());
    assert_eq!(
        ran(Verb::Fix, &[("web1", "fixed", &["/etc/motd"])], 0).status,
        Status::Fixed
    );
    // Text of a host's stays text.
    let hostile = ran(Verb::Drift, &[("web1", "", &["\u{1b}[31mred\n"])], 3);
    assert!(
        !hostile.hosts["web1"]
            .findings
            .iter()
            .any(|f| f.contains('\u{1b}') || f.contains('\n'))
    );
}

#[test]
fn a_run_that_says_nothing_is_broken() {
    let about = About::new("job", at("21T03:00:00"));
    for (exited, why) in [
        (Exited::Code(1), "site.yml:3: unknown action"),
        (
            Exited::Code(0),
            "it ended with exit code 0: site.yml:3: unknown action",
        ),
        (
            Exited::Signal(9),
            "it was ended by signal 9: site.yml:3: unknown action",
        ),
        (
            Exited::Late,
            "it took longer than its timeout, and was ended",
        ),
    ] {
        let mut fold = Fold::new(Verb::Drift);
        fold.line("{\"event\": \"torn");
        fold.mistake("{\"severity\":\"error\",\"message\":\"unknown action\",\"path\":\"site.yml\",\"line\":3}");
        let run = fold.end(&about, &exited, at("21T03:00:05"));
        assert_eq!(
            (run.why.as_deref(), run.status),
            (Some(why), Status::Failed)
        );
        assert!(run.is_broken());
    }
    let stopped = Fold::new(Verb::Drift).end(&about, &Exited::Stopped, at("21T03:00:05"));
    assert_eq!(stopped.status, Status::Stopped);
    assert!(!stopped.is_broken());
}

#[test]
fn a_plain_mistake_is_told_without_its_label() {
    for (line, told) in [
        ("error[P0101]: this is not YAML", Some("this is not YAML")),
        ("error: no home", Some("no home")),
        ("warning[P0303]: no such host", None),
        ("warning: no inventory", None),
        ("sh: not found", Some("sh: not found")),
    ] {
        let mut fold = Fold::new(Verb::Drift);
        fold.mistake(line);
        let about = About::new("job", at("21T03:00:00"));
        let run = fold.end(&about, &Exited::Code(1), at("21T03:00:05"));
        let why = run.why.as_deref();
        assert_eq!(why.filter(|w| line.contains(w)), told, "{line}: {why:?}");
    }
}

#[test]
fn an_audit_is_folded_from_its_report() {
    let mut fold = Fold::new(Verb::Audit);
    let report = json!({"hosts": [
        {"host": "web1", "findings": [{"control": "sshd_banner", "verdict": "fail"},
                                      {"control": "sshd_ciphers", "verdict": "pass"}]},
        {"host": "web2", "findings": [{"control": "x", "verdict": "unknown"}], "lost": "no route"},
        {"host": "web3", "findings": [{"control": "x", "verdict": "unknown"}]}]});
    for line in serde_json::to_string_pretty(&report).unwrap().lines() {
        fold.line(line);
    }
    let about = About::new("job", at("21T03:00:00"));
    let run = fold.end(&about, &Exited::Code(3), at("21T03:00:05"));
    assert_eq!(run.why, None);
    assert_eq!(run.hosts["web1"].status, Status::Drift);
    assert_eq!(
        run.hosts["web1"].findings.iter().collect::<Vec<_>>(),
        ["sshd_banner"]
    );
    assert_eq!(run.hosts["web2"].status, Status::Unreachable);
    assert_eq!(run.hosts["web3"].status, Status::Unknown);
}

#[test]
fn what_is_not_known_is_neither_fine_nor_over() {
    let ended = |standing: &str, exit: i32| {
        let mut fold = Fold::new(Verb::Drift);
        let differs = standing == "differs";
        fold.line(&json!({
            "hosts": [{"host": "web1", "standing": standing}],
            "entries": if differs { json!([{"kind": "differs", "on": "/x", "hosts": ["web1"]}]) } else { json!([]) },
        }).to_string());
        fold.end(
            &About::new("job", at("21T03:00:00")),
            &Exited::Code(exit),
            at("21T03:00:05"),
        )
    };
    let unknown = ended("unknown", 3);
    assert_eq!(unknown.status, Status::Unknown);
    // --ignore-unknown
    assert_eq!(ended("unknown", 0).status, Status::Fine);
    let (known, _) = news(&Known::default(), &ended("differs", 3));
    let (known, told) = news(&known, &unknown);
    assert_eq!(told.topics(), []);
    let (_, told) = news(&known, &ended("same", 0));
    assert_eq!(told.recovered, ["web1"]);
}

#[test]
fn somebody_hears_once_of_a_difference_and_once_of_its_end() {
    let mut known = Known::default();
    let mut told = |hosts: &[(&str, &str, &[&str])]| {
        let run = ran(Verb::Drift, hosts, 3);
        let (now, news) = news(&known, &run);
        known = now;
        match news.topics().is_empty() {
            true => String::new(),
            false => news.line("job"),
        }
    };
    assert_eq!(told(&[("web1", "", &[]), ("web2", "", &[])]), "");
    assert_eq!(
        told(&[("web1", "", &["a"]), ("web2", "", &["a"])]),
        "job: drift on web[1-2]"
    );
    assert_eq!(told(&[("web1", "", &["a"]), ("web2", "", &["a"])]), "");
    // Another difference is news.
    assert_eq!(
        told(&[("web1", "", &["a", "b"]), ("web2", "", &["a"])]),
        "job: drift on web1"
    );
    assert_eq!(
        told(&[("web1", "", &["a"]), ("web2", "unreachable", &[])]),
        "job: trouble with web2"
    );
    // It is back as it was, with what was known of it: no news of that, and not fine either.
    assert_eq!(told(&[("web1", "", &["a"]), ("web2", "", &["a"])]), "");
    assert_eq!(
        told(&[("web1", "", &[]), ("web2", "failed", &[])]),
        "job: trouble with web2; web1 fine again"
    );
    assert_eq!(
        told(&[("web1", "", &[]), ("web2", "", &[])]),
        "job: web2 fine again"
    );
    assert_eq!(told(&[("web1", "", &[]), ("web2", "", &[])]), "");
}

#[test]
fn what_was_made_right_is_news_and_not_every_time() {
    let mut known = Known::default();
    let mut told = |hosts: &[(&str, &str, &[&str])]| {
        let (now, news) = news(&known, &ran(Verb::Fix, hosts, 0));
        known = now;
        match news.topics().is_empty() {
            true => String::new(),
            false => news.line("job"),
        }
    };
    assert_eq!(
        told(&[("web1", "fixed", &["a"]), ("web2", "", &[])]),
        "job: drift fixed on web1"
    );
    // A task that changes something every time.
    assert_eq!(
        told(&[("web1", "fixed", &["a"]), ("web2", "fixed", &["b"])]),
        "job: drift fixed on web2"
    );
    assert_eq!(told(&[("web1", "", &[]), ("web2", "", &[])]), "");
    assert_eq!(
        told(&[("web1", "fixed", &["a"]), ("web2", "", &[])]),
        "job: drift fixed on web1"
    );
    // More hosts differed than may be changed; then they were.
    assert_eq!(
        told(&[("web1", "", &["c"]), ("web2", "", &[])]),
        "job: drift on web1"
    );
    assert_eq!(
        told(&[("web1", "fixed", &["c"]), ("web2", "", &[])]),
        "job: web1 fine again"
    );
}

#[test]
fn a_job_that_does_not_work_is_news_once() {
    let about = About::new("job", at("21T03:00:00"));
    let broken = Fold::new(Verb::Drift).end(&about, &Exited::Code(1), at("21T03:00:05"));
    let drifts = ran(Verb::Drift, &[("web1", "", &["a"])], 3);
    let (known, first) = news(&Known::default(), &drifts);
    assert_eq!(
        first.drift,
        BTreeMap::from([("web1".into(), vec!["t: a".into()])])
    );
    let (known, second) = news(&known, &broken);
    assert!(second.broken.is_some());
    let (known, third) = news(&known, &broken);
    assert_eq!(third.topics(), []);
    // What was known of hosts is known still.
    let (_, fourth) = news(&known, &drifts);
    assert!(fourth.mended && fourth.drift.is_empty());
}
