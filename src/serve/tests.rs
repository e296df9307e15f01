//! Years of scheduling without a clock, and schedules with mistakes.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::calendar::Calendar;
use super::news::{Known, news};
use super::run::{About, Exited, Fold, Run, Status};
use super::schedule::{Breaker, Outside, Schedule, Timing, Verb, Way, duration, read, slug};
use super::scheduler::{Act, Event, Memory, State, step};
use crate::source::vault::Keyring;
use crate::source::{Files, render};

fn at(text: &str) -> Timestamp {
    format!("2026-11-{text}Z").parse().unwrap()
}

fn timing(calendar: &str) -> Timing {
    Timing {
        calendars: vec![Calendar::parse(calendar).unwrap()],
        zone: TimeZone::UTC,
        jitter: SignedDuration::ZERO,
        timeout: SignedDuration::from_mins(10),
        catch_up: true,
    }
}

/// A scheduler under test: its state, the time, and what it did last.
struct Bench {
    state: State,
    now: Timestamp,
}

impl Bench {
    fn new(now: &str, jobs: &[(&str, Timing, Memory)]) -> (Bench, Vec<Act>) {
        let mut bench = Bench {
            state: State::new(7),
            now: at(now),
        };
        let acts = bench.schedule(jobs);
        (bench, acts)
    }

    fn one(now: &str, calendar: &str) -> Bench {
        Bench::new(now, &[("job", timing(calendar), Memory::default())]).0
    }

    fn event(&mut self, event: Event) -> Vec<Act> {
        let (state, acts) = step(self.state.clone(), self.now, event);
        self.state = state;
        acts
    }

    fn schedule(&mut self, jobs: &[(&str, Timing, Memory)]) -> Vec<Act> {
        let jobs = jobs
            .iter()
            .map(|(n, t, m)| ((*n).to_owned(), t.clone(), *m))
            .collect();
        self.event(Event::Schedule {
            jobs,
            breaker: Breaker {
                after: 3,
                pause: SignedDuration::from_mins(5),
            },
            at_once: 2,
        })
    }

    fn at(&mut self, now: &str) -> Vec<Act> {
        self.now = at(now);
        self.event(Event::Time)
    }

    fn ends(&mut self, failed: bool) -> Vec<Act> {
        let job = "job".into();
        self.event(Event::Ended { job, failed })
    }
}

fn starts(acts: &[Act]) -> Vec<(&str, u32)> {
    let start = |a| match a {
        &Act::Start {
            ref job, missed, ..
        } => Some((job.as_str(), missed)),
        _ => None,
    };
    acts.iter().filter_map(start).collect()
}

#[test]
fn a_job_runs_when_it_is_time_and_once_at_a_time() {
    let mut bench = Bench::one("21T02:59:00", "*:0/5");
    assert_eq!(bench.state.wakes(), Some(at("21T03:00:00")));
    assert_eq!(bench.at("21T02:59:59.999"), []);
    assert_eq!(starts(&bench.at("21T03:00:00")), [("job", 0)]);
    assert_eq!(bench.at("21T03:00:01"), []);
    // It takes longer than five minutes.
    let skipped = Act::Skipped {
        job: "job".into(),
        paused: false,
    };
    assert_eq!(bench.at("21T03:05:00"), [skipped]);
    bench.now = at("21T03:06:00");
    assert_eq!(bench.ends(false), []);
    assert_eq!(bench.state.wakes(), Some(at("21T03:10:00")));
    assert_eq!(starts(&bench.at("21T03:10:00")), [("job", 0)]);
}

#[test]
fn what_was_slept_through_is_done_once() {
    let mut bench = Bench::one("21T00:30:00", "hourly");
    assert_eq!(starts(&bench.at("21T09:20:00")), [("job", 8)]);
    bench.ends(false);
    assert_eq!(bench.state.wakes(), Some(at("21T10:00:00")));
}

#[test]
fn what_was_missed_before_the_start_is_done_once_unless_nobody_wants_it() {
    let memory = Memory {
        heeded: Some(at("19T03:00:00")),
        ..Memory::default()
    };
    let (bench, acts) = Bench::new("21T12:00:00", &[("job", timing("03:00"), memory)]);
    assert_eq!(starts(&acts), [("job", 1)]);
    assert_eq!(bench.state.jobs["job"].due, Some(at("22T03:00:00")));
    let lazy = Timing {
        catch_up: false,
        ..timing("03:00")
    };
    assert_eq!(Bench::new("21T12:00:00", &[("job", lazy, memory)]).1, []);
    // A new job has missed nothing.
    assert_eq!(
        Bench::new(
            "21T12:00:00",
            &[("job", timing("03:00"), Memory::default())]
        )
        .1,
        []
    );
}

#[test]
fn jitter_is_within_its_bounds_and_another_for_each_job_and_moment() {
    let jitter = Timing {
        jitter: SignedDuration::from_mins(10),
        ..timing("daily")
    };
    let names = ["a", "b", "c", "d", "e", "f"];
    let jobs: Vec<_> = names
        .iter()
        .map(|n| (*n, jitter.clone(), Memory::default()))
        .collect();
    let (bench, _) = Bench::new("21T12:00:00", &jobs);
    let begins: Vec<Timestamp> = names
        .iter()
        .map(|n| bench.state.jobs[*n].begins.unwrap())
        .collect();
    for begins in &begins {
        assert!((at("22T00:00:00")..=at("22T00:10:00")).contains(begins));
    }
    let distinct: std::collections::BTreeSet<_> = begins.iter().collect();
    assert_eq!(distinct.len(), names.len());
    // Read again, it is the same.
    let (again, _) = Bench::new("21T12:00:00", &jobs);
    assert_eq!(again.state.jobs["a"].begins, Some(begins[0]));
}

#[test]
fn a_job_that_fails_again_and_again_is_left_alone_for_longer_and_longer() {
    let mut bench = Bench::one("21T00:00:30", "*:*");
    let fail = |bench: &mut Bench, minute: u32| {
        let acts = bench.at(&format!("21T{:02}:{:02}:00", minute / 60, minute % 60));
        let began = !starts(&acts).is_empty();
        began.then(|| bench.ends(true))
    };
    assert_eq!(fail(&mut bench, 1), Some(vec![]));
    assert_eq!(fail(&mut bench, 2), Some(vec![]));
    let paused = |until: &str, failures| {
        vec![Act::Paused {
            job: "job".into(),
            until: at(until),
            failures,
        }]
    };
    assert_eq!(fail(&mut bench, 3), Some(paused("21T00:08:00", 3)));
    for minute in 4..8 {
        assert_eq!(fail(&mut bench, minute), None);
    }
    assert_eq!(bench.state.jobs["job"].skipped, 4);
    assert_eq!(fail(&mut bench, 8), Some(paused("21T00:18:00", 4)));
    assert_eq!(fail(&mut bench, 17), None);
    assert_eq!(starts(&bench.at("21T00:18:00")), [("job", 0)]);
    assert_eq!(bench.ends(false), [Act::Resumed { job: "job".into() }]);
    assert_eq!(starts(&bench.at("21T00:19:00")), [("job", 0)]);
    // A pause is never longer than a day, however often it failed.
    let memory = Memory {
        failures: 1000,
        ..Memory::default()
    };
    let (mut bench, _) = Bench::new("21T00:00:30", &[("job", timing("*:*"), memory)]);
    assert_eq!(fail(&mut bench, 1), Some(paused("22T00:01:00", 1001)));
}

#[test]
fn whoever_takes_too_long_is_asked_twice_and_then_killed() {
    let mut bench = Bench::one("21T00:30:00", "hourly");
    bench.at("21T01:00:00");
    let ask = Act::Ask {
        job: "job".into(),
        late: true,
    };
    assert_eq!(bench.at("21T01:09:59"), []);
    assert_eq!(bench.at("21T01:10:00"), std::slice::from_ref(&ask));
    assert_eq!(bench.state.wakes(), Some(at("21T01:11:00")));
    assert_eq!(bench.at("21T01:11:00"), [ask]);
    assert_eq!(bench.at("21T01:11:10"), [Act::Kill { job: "job".into() }]);
}

#[test]
fn an_end_waits_for_what_runs_and_begins_nothing() {
    let jobs = ["a", "b"].map(|n| (n, timing("hourly"), Memory::default()));
    let mut bench = Bench::new("21T00:30:00", &jobs).0;
    assert_eq!(starts(&bench.at("21T01:00:00")), [("a", 0), ("b", 0)]);
    let ask = |job: &str| Act::Ask {
        job: job.into(),
        late: false,
    };
    assert_eq!(bench.event(Event::Stop), [ask("a"), ask("b")]);
    assert_eq!(
        bench.event(Event::Ended {
            job: "a".into(),
            failed: false
        }),
        []
    );
    assert_eq!(starts(&bench.at("21T02:00:00")), []);
    let end = bench.event(Event::Ended {
        job: "b".into(),
        failed: false,
    });
    assert_eq!(end, [Act::Done]);
    let mut idle = Bench::one("21T00:30:00", "hourly");
    assert_eq!(idle.event(Event::Stop), [Act::Done]);
}

#[test]
fn no_more_jobs_run_at_once_than_may() {
    let jobs = ["a", "b", "c"].map(|n| (n, timing("hourly"), Memory::default()));
    let mut bench = Bench::new("21T00:30:00", &jobs).0;
    assert_eq!(starts(&bench.at("21T01:00:00")), [("a", 0), ("b", 0)]);
    // Nothing wakes it over and over while there is no room.
    assert!(bench.state.wakes().unwrap() > bench.now);
    let freed = bench.event(Event::Ended {
        job: "a".into(),
        failed: false,
    });
    assert_eq!(starts(&freed), [("c", 0)]);
}

#[test]
fn a_new_schedule_goes_on_where_the_old_one_was() {
    let mut bench = Bench::one("21T00:30:00", "hourly");
    bench.at("21T01:00:00");
    let other = ("other", timing("*:15"), Memory::default());
    assert_eq!(bench.schedule(std::slice::from_ref(&other)), []);
    // It is not in the schedule any more, and ends in peace.
    assert!(bench.state.jobs["job"].leaves);
    assert_eq!(starts(&bench.at("21T01:15:00")), [("other", 0)]);
    bench.ends(false);
    assert!(!bench.state.jobs.contains_key("job"));
    bench.event(Event::Ended {
        job: "other".into(),
        failed: false,
    });
    let moved = ("other", timing("*:30"), Memory::default());
    bench.schedule(&[moved]);
    assert_eq!(bench.state.wakes(), Some(at("21T01:30:00")));
}

#[test]
fn a_clock_that_is_put_back_does_not_stop_jobs() {
    let mut bench = Bench::one("25T00:30:00", "hourly");
    assert_eq!(bench.at("21T00:10:00"), []);
    assert_eq!(bench.state.wakes(), Some(at("21T01:00:00")));
}

#[test]
fn no_order_of_events_runs_a_job_twice() {
    use proptest::prelude::*;
    let events = prop::collection::vec((0..5_u8, 1..4000_i64), 1..80);
    let check = |all: Vec<(u8, i64)>| {
        let names = ["a", "b", "c"];
        let jobs = names.map(|n| (n, timing("*:0/7"), Memory::default()));
        let mut bench = Bench::new("21T00:00:00", &jobs).0;
        let mut running = std::collections::BTreeSet::new();
        for (kind, seconds) in all {
            bench.now = bench
                .now
                .checked_add(SignedDuration::from_secs(seconds))
                .unwrap();
            let job = names[usize::try_from(seconds % 3).unwrap()].to_owned();
            let acts = match kind {
                0 if running.remove(&job) => bench.event(Event::Ended {
                    job,
                    failed: seconds % 2 == 0,
                }),
                1 => bench.schedule(&jobs),
                _ => bench.event(Event::Time),
            };
            for act in acts {
                if let Act::Start { job, due, .. } = act {
                    assert!(due <= bench.now);
                    assert!(running.insert(job), "a job runs twice");
                }
            }
            assert!(running.len() <= 2);
            if let Some(wakes) = bench.state.wakes() {
                assert!(wakes > bench.now, "it would wake over and over");
            }
        }
        Ok(())
    };
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    runner.run(&events, check).unwrap();
}

const GOOD: &str = "
timezone: Europe/Berlin
notify:
  team: {webhook: 'https://chat.example.com/x', secret: {env: HOOK}, about: [drift, recovery]}
  pager: {command: [page, --team, web]}
jobs:
- name: Nightly drift
  verb: drift
  playbook: site.yml
  inventory: [hosts, 'a,b']
  limit: web
  tags: [ssh]
  extra_vars: {a: 1}
  options: [--forks, '20']
  calendar: [Mon..Fri 03:00, 'Sat 05:00']
  jitter: 5m
  timeout: 1h30m
  notify: team
- {name: fix, verb: drift --fix, playbook: site.yml, calendar: hourly, timezone: UTC}
- {name: audit, verb: audit, profile: baseline, inventory: hosts, become: true, calendar: '0 4 * * *'}
";

fn reading(text: &str, refuses: &dyn Fn(&[String]) -> Option<String>) -> Result<Schedule, String> {
    let files = Files::map([
        ("ops/schedule.yml", text),
        ("ops/site.yml", ""),
        ("ops/hosts", ""),
    ]);
    let outside = Outside {
        files: &files,
        env: &|name| (name == "HOOK").then(|| "hush".to_owned()),
        vault: &Keyring::default(),
        refuses,
    };
    let path = std::path::Path::new("ops/schedule.yml");
    read(path, &outside).map_err(|d| render::render_all(&d, false))
}

#[test]
fn a_schedule_becomes_command_lines() {
    let schedule = reading(GOOD, &|_| None).unwrap();
    let words: Vec<String> = schedule.jobs.iter().map(|j| j.words.join(" ")).collect();
    assert_eq!(
        words,
        [
            "drift site.yml -i hosts -i a,b --limit=web --tags=ssh -e {\"a\":1} --forks 20 --json --job=Nightly drift",
            "drift --fix site.yml --json --job=fix",
            "audit baseline -i hosts --become --json --job=audit",
        ]
    );
    let [nightly, fix, audit] = &schedule.jobs[..] else {
        panic!()
    };
    assert_eq!(nightly.notify, ["team"]);
    assert_eq!(fix.notify, ["team", "pager"]);
    assert_eq!(audit.verb, Verb::Audit);
    assert_eq!(nightly.timing.timeout, SignedDuration::from_mins(90));
    let next = nightly.timing.next(at("21T00:00:00"));
    assert_eq!(next, Some(at("21T04:00:00")));
    let Way::Webhook {
        secret: Some(secret),
        ..
    } = &schedule.targets[0].way
    else {
        panic!()
    };
    assert_eq!(secret.reveal(), "hush");
    assert!(!format!("{schedule:?}").contains("hush"));
}

#[test]
fn mistakes_in_a_schedule_are_all_shown_with_their_places() {
    let text = "
notify:
  team: {webhook: 'ftp://x', secret: plain}
jobs:
- {name: a, verb: drfit, playbook: site.yml, calendar: daily}
- {name: A, verb: drift, playbook: site.yaml, calendar: 25:00, when: now}
- {name: b, verb: audit, calendar: dayly, jitter: soon, notify: taem, profile: baseline}
- {name: c, verb: playbook, calendar: daily}
";
    let wrong = reading(text, &|_| None).unwrap_err();
    for part in [
        "ops/schedule.yml:3",
        "a webhook is a URL that begins with https:// or http://",
        "a secret does not stand here in clear",
        "`drfit` is not what a job can do",
        "did you mean `drift`?",
        "there is no file `site.yaml`",
        "`25` is not an hour: 0 to 23 are",
        "a job has no field `when`",
        "`dayly` is not a day of the week",
        "did you mean `daily`?",
        "`soon` is no duration",
        "nobody is called `taem` here",
        "a job with this verb has no `playbook`",
    ] {
        assert!(wrong.contains(part), "{part}\n{wrong}");
    }
    // The caret stands under the hour, not under the whole expression.
    let mut lines = wrong
        .lines()
        .skip_while(|l| !l.contains("`25` is not an hour"))
        .skip(3);
    let (text, caret) = (lines.next().unwrap(), lines.next().unwrap());
    assert_eq!(caret.find('^'), text.find("25:00"), "{wrong}");
    let twice = "jobs: [{name: Web 1, verb: drift, playbook: site.yml, calendar: daily}, \
                 {name: web-1, verb: drift, playbook: site.yml, calendar: daily}]";
    assert!(
        reading(twice, &|_| None)
            .unwrap_err()
            .contains("there is a job `web-1` already")
    );
    let refused = reading(GOOD, &|w| (w[0] == "audit").then(|| "no".into())).unwrap_err();
    assert!(
        refused.contains("the command line refuses this job: no"),
        "{refused}"
    );
    assert!(
        reading("", &|_| None)
            .unwrap_err()
            .contains("there are no jobs in it")
    );
}

#[test]
fn durations_and_slugs() {
    for (text, seconds) in [
        ("90", 90),
        ("30s", 30),
        ("1h30m", 5400),
        ("2d", 172_800),
        ("1h 5min", 3900),
    ] {
        assert_eq!(
            duration(text),
            Some(SignedDuration::from_secs(seconds)),
            "{text}"
        );
    }
    for bad in [
        "soon",
        "5x",
        "m",
        "1h30",
        "99999999999999999999s",
        "99999999999999w",
    ] {
        assert_eq!(duration(bad), None, "{bad}");
    }
    assert_eq!(slug("Nightly drift (web)"), "nightly-drift-web");
    assert_ne!(slug("für"), slug("fär"));
    assert_eq!(slug("../.."), "");
}

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
        Status::Changed
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
