//! Schedules, with and without mistakes.

use jiff::SignedDuration;

use super::super::schedule::{Outside, Schedule, Verb, Way, duration, read, slug};
use super::at;
use crate::source::vault::Keyring;
use crate::source::{Files, render};

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
    // What is nearly there is said once.
    let near = "jobs: [{name: a, verb: drift, playbook: site.yml, calender: daily}]";
    let near = reading(near, &|_| None).unwrap_err();
    assert!(near.contains("did you mean `calendar`?") && !near.contains("has no `calendar`"));
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
