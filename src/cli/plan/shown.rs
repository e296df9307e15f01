//! A plan for people and for programs: how far it reaches on top, then what it does, each thing once with
//! the hosts that it is the same on.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::{Value as Json, json};

use crate::inventory::fold;
use crate::journal::ahead::{Saved, Sealing, Standing, Step};
use crate::report::group::Detail;
use crate::source::escape::{escape, escape_json};

/// How far a plan reaches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    pub hosts: usize,
    /// Hosts on which something is done.
    pub changed: usize,
    /// On each host counted.
    pub changes: usize,
    pub commands: usize,
    /// What services are told, by the word for it and their names, and on which hosts.
    pub services: BTreeMap<(String, String), BTreeSet<String>>,
    /// Tasks with steps that may cut access, and the hosts of them.
    pub cuts: (BTreeSet<String>, BTreeSet<String>),
    /// Commands that are run on hosts.
    pub runs: (BTreeSet<String>, BTreeSet<String>),
    pub unknown: BTreeSet<String>,
    /// Hosts that there is no plan for.
    pub without: usize,
}

/// What a step tells a service, and which.
fn told(step: &Step) -> Option<(String, String)> {
    let change = step.change.as_ref()?;
    let name = change.get("what")?.get("unit")?.as_str()?.to_owned();
    let unit = |end: &str| change.get(end).and_then(|e| e.get("unit"));
    let (before, after) = (unit("before")?, unit("after")?);
    let kick = after.get("kick").and_then(Json::as_str);
    let running = |u: &Json| u.get("running").and_then(Json::as_bool);
    let word = match (kick, running(before), running(after)) {
        (_, Some(false), Some(true)) => "starts",
        (_, Some(true), Some(false)) => "stops",
        (Some("restart"), ..) => "restarts",
        (Some(_), ..) => "reloads",
        _ => return None,
    };
    Some((word.to_owned(), name))
}

pub fn reach(saved: &Saved) -> Reach {
    let mut reach = Reach {
        hosts: saved.hosts.len(),
        ..Reach::default()
    };
    let lost = saved.hosts.iter().filter(|h| h.state != Standing::Planned);
    reach.without = lost.count();
    let mut changed: BTreeSet<&str> = BTreeSet::new();
    for step in &saved.steps {
        changed.extend(step.hosts.iter().map(String::as_str));
        let hosts = || step.hosts.iter().cloned();
        if step.on == "command" {
            reach.commands += step.hosts.len();
            reach.runs.0.insert(step.address.clone());
            reach.runs.1.extend(hosts());
        } else {
            reach.changes += step.hosts.len();
        }
        if let Some(key) = told(step) {
            reach.services.entry(key).or_default().extend(hosts());
        }
        if step.cuts {
            reach.cuts.0.insert(step.address.clone());
            reach.cuts.1.extend(hosts());
        }
    }
    reach.changed = changed.len();
    reach.unknown = saved.unknown.iter().map(|u| u.address.clone()).collect();
    reach
}

fn count(n: usize, one: &str) -> String {
    match n {
        1 => format!("1 {one}"),
        n => format!("{n} {one}s"),
    }
}

/// `40 hosts`, or the name of the only one.
fn on(hosts: &BTreeSet<String>) -> String {
    match hosts.first() {
        Some(only) if hosts.len() == 1 => only.clone(),
        _ => count(hosts.len(), "host"),
    }
}

/// The lines on top.
fn lines(reach: &Reach) -> Vec<String> {
    let mut out = Vec::new();
    for ((word, name), hosts) in &reach.services {
        out.push(format!("{word} {name} on {}", on(hosts)));
    }
    if !reach.runs.0.is_empty() {
        let commands = count(reach.runs.0.len(), "command");
        out.push(format!("runs {commands} on {}", on(&reach.runs.1)));
    }
    if !reach.cuts.0.is_empty() {
        let changes = count(reach.cuts.0.len(), "change");
        out.push(format!("{changes} may cut access on {}", on(&reach.cuts.1)));
    }
    if !reach.unknown.is_empty() {
        let tasks = count(reach.unknown.len(), "task");
        out.push(format!("{tasks} unknown until run"));
    }
    if reach.without > 0 {
        let hosts = count(reach.without, "host");
        out.push(format!("{hosts} without a plan"));
    }
    out
}

/// What is sealed, and for whom.
fn sealed(saved: &Saved) -> Option<String> {
    let sealed = saved.steps.iter().filter(|s| s.sealed.is_some());
    let tasks: BTreeSet<&str> = sealed.map(|s| s.address.as_str()).collect();
    let by = match saved.sealing.as_ref()? {
        Sealing::Vault { id } => format!("with the vault password `{id}`"),
        Sealing::Age { recipients } => match recipients.as_slice() {
            [only] => format!("for {only}"),
            all => format!("for {} keys of age", all.len()),
        },
    };
    let holds = match tasks.len() {
        1 => "holds secrets",
        _ => "hold secrets",
    };
    Some(format!(
        "{} {holds}, sealed {by}",
        count(tasks.len(), "task")
    ))
}

fn of(saved: &Saved) -> String {
    let words = saved.about.get("of").and_then(Json::as_array);
    let words = words.into_iter().flatten().filter_map(Json::as_str);
    words.collect::<Vec<_>>().join(" ")
}

/// The plan for people. All of it is safe to print.
pub fn human(saved: &Saved, detail: &Detail) -> String {
    let mut out = String::new();
    let reach = reach(saved);
    let made = saved.made.replace('T', " ");
    let made = made.trim_end_matches('Z');
    let does = match (reach.changes, reach.commands) {
        (0, 0) => "nothing to do".to_owned(),
        (changes, 0) => count(changes, "change"),
        (0, commands) => count(commands, "command"),
        (changes, commands) => format!(
            "{}, {}",
            count(changes, "change"),
            count(commands, "command")
        ),
    };
    let hosts = match reach.changed {
        0 => format!("on {}", count(reach.hosts, "host")),
        n => format!("on {n} of {}", count(reach.hosts, "host")),
    };
    let title = format!("plan of {}, made {made} UTC: {does} {hosts}", of(saved));
    let _ = writeln!(out, "{}", escape(&title));
    for line in lines(&reach).into_iter().chain(sealed(saved)) {
        let _ = writeln!(out, "  {}", escape(&line));
    }
    let mut last = (String::new(), String::new());
    for step in &saved.steps {
        let hosts = folded(&step.hosts);
        let key = (step.address.clone(), hosts.clone());
        if key != last {
            let word = if step.handler { "  (handler)" } else { "" };
            let head = format!("{}{word}", step.address);
            let _ = writeln!(
                out,
                "\n{}  {}",
                bold(&escape(&head), detail),
                escape(&hosts)
            );
            last = key;
        }
        let mut notes = Vec::new();
        if step.cuts {
            notes.push("may cut access");
        }
        let notes = match notes.is_empty() {
            true => String::new(),
            false => format!("  ({})", notes.join(", ")),
        };
        let _ = writeln!(out, "  {}{notes}", escape(&step.says));
        for line in step.diff.iter().flat_map(|d| d.lines()) {
            let _ = writeln!(out, "    {}", coloured(&escape(line), detail));
        }
    }
    if !saved.unknown.is_empty() {
        let _ = writeln!(out, "\nunknown until run, and not in the plan:");
    }
    for one in &saved.unknown {
        let line = format!("{}  {}: {}", one.address, folded(&one.hosts), one.why);
        let _ = writeln!(out, "  {}", escape(&line));
    }
    let lost: Vec<_> = saved
        .hosts
        .iter()
        .filter(|h| h.state != Standing::Planned)
        .collect();
    if !lost.is_empty() {
        let _ = writeln!(out, "\nwithout a plan:");
    }
    for host in lost {
        let word = match host.state {
            Standing::Unreachable => "unreachable: ",
            _ => "",
        };
        let why = host.why.as_deref().unwrap_or_default();
        // A connection's error begins with the host that it was to.
        let why = why.strip_prefix(&format!("{}: ", host.name)).unwrap_or(why);
        let line = format!("{}: {word}{why}", host.name);
        let _ = writeln!(out, "  {}", escape(&line));
    }
    out
}

fn folded(hosts: &[String]) -> String {
    let names: Vec<&str> = hosts.iter().map(String::as_str).collect();
    fold::fold(&names)
}

fn bold(text: &str, detail: &Detail) -> String {
    match detail.colour {
        true => format!("\x1b[1m{text}\x1b[0m"),
        false => text.to_owned(),
    }
}

fn coloured(line: &str, detail: &Detail) -> String {
    let code = match line.as_bytes().first() {
        Some(b'+') => "32",
        Some(b'-') => "31",
        Some(b'@') => "36",
        _ => "",
    };
    match detail.colour && !code.is_empty() {
        true => format!("\x1b[{code}m{line}\x1b[0m"),
        false => line.to_owned(),
    }
}

/// The plan for programs: what the file says without contents, and how far it reaches.
pub fn json(saved: &Saved) -> String {
    let reach = reach(saved);
    let services = reach.services.iter();
    let services: Vec<Json> = services
        .map(|((word, name), hosts)| json!({ "does": word, "service": name, "hosts": hosts }))
        .collect();
    let pair = |(tasks, hosts): &(BTreeSet<String>, BTreeSet<String>)| json!({ "tasks": tasks, "hosts": hosts });
    let mut value = serde_json::to_value(saved).unwrap_or_default();
    if let Json::Object(map) = &mut value {
        map.remove("contents");
        map.insert(
            "reach".into(),
            json!({
                "hosts": reach.hosts, "changed": reach.changed, "changes": reach.changes,
                "commands": reach.commands, "services": services, "may_cut_access": pair(&reach.cuts),
                "runs": pair(&reach.runs), "unknown": reach.unknown, "without": reach.without,
            }),
        );
    }
    format!("{}\n", escape_json(&value.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::ahead::{HostOf, Unknown};

    fn saved() -> Saved {
        let hosts: Vec<String> = (1..=40).map(|n| format!("web{n:02}")).collect();
        let unit = |kick: &str| json!({ "unit": { "running": true, "kick": kick } });
        let step = |on: &str, says: &str| Step {
            hosts: hosts.clone(),
            address: format!("web/{on}"),
            on: on.into(),
            says: says.into(),
            ..Step::default()
        };
        Saved {
            made: "2026-11-21T23:00:00Z".into(),
            about: json!({ "of": ["site.yml"] }),
            hosts: hosts
                .iter()
                .map(|name| HostOf {
                    name: name.clone(),
                    state: Standing::Planned,
                    why: None,
                })
                .collect(),
            steps: vec![
                Step {
                    cuts: true,
                    diff: Some("--- a\n+++ b\n@@ -1 +1 @@\n-x\n+\u{1b}[2Jy\n".into()),
                    ..step("/etc/ssh/sshd_config", "/etc/ssh/sshd_config +1 -1")
                },
                Step {
                    change: Some(json!({
                        "what": { "unit": "nginx" }, "before": unit(""), "after": unit("restart"),
                    })),
                    handler: true,
                    ..step("service nginx", "service nginx restarted")
                },
            ],
            unknown: vec![Unknown {
                hosts: vec!["web01".into()],
                address: "web/ask".into(),
                task: "ask".into(),
                action: "shell".into(),
                place: "site.yml:1:1".into(),
                why: "it needs `x`".into(),
            }],
            ..Saved::default()
        }
    }

    #[test]
    fn how_far_it_reaches_stands_on_top_and_a_difference_once() {
        let text = human(&saved(), &Detail::default());
        let top: Vec<&str> = text.lines().take(4).collect();
        assert_eq!(
            top,
            [
                "plan of site.yml, made 2026-11-21 23:00:00 UTC: 80 changes on 40 of 40 hosts",
                "  restarts nginx on 40 hosts",
                "  1 change may cut access on 40 hosts",
                "  1 task unknown until run",
            ]
        );
        let mut keyed = saved();
        let key = "age1hppca99w8dpsvpxp43sgxr4duzw542s5yqas0wn20kzscyjfsezq0sztn7";
        keyed.steps[0].sealed = Some("x".into());
        keyed.sealing = Some(Sealing::Age {
            recipients: vec![key.into()],
        });
        let said = human(&keyed, &Detail::default());
        let line = format!("\n  1 task holds secrets, sealed for {key}\n");
        assert!(said.contains(&line), "{said}");
        assert_eq!(text.matches("web[01-40]").count(), 2, "{text}");
        assert_eq!(text.matches("-x").count(), 1, "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
    }

    #[test]
    fn programs_get_the_same() {
        let value: Json = serde_json::from_str(&json(&saved())).unwrap();
        assert_eq!(value["reach"]["services"][0]["service"], "nginx");
        assert_eq!(value["steps"].as_array().unwrap().len(), 2);
        assert!(value.get("contents").is_none());
    }
}
