//! A saved plan as plays: a look at each host, then its steps, each a task for all hosts that it is the
//! same on.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

use super::seal;
use crate::action::planned;
use crate::cli::made::{self, Made};
use crate::hardening::play::Built;
use crate::journal::ahead::{By, Held, Saved, Standing, Step};
use crate::source::{Diagnostic, Kind, Node, Span};

/// What the look at a host is called in reports.
pub(super) const LOOK: &str = "is everything as it was when the plan was made?";

/// The variables that say what it found, by a number behind them.
const LOOKED: &str = "palisade_looked_";

/// The variable that says of each host how it has to be.
const LOOKS: &str = "palisade_looks";

/// What is known beside the plan itself.
pub(super) struct With<'a> {
    pub keys: seal::Keys<'a>,
    /// Hosts that are to be changed.
    pub hosts: &'a BTreeSet<String>,
    /// Hosts on which the plan was carried out already.
    pub done: &'a BTreeSet<String>,
    /// Somebody says who logs in.
    pub has_user: bool,
    /// It goes on with an apply that did not come to its end: what that did is as good as what was.
    pub goes_on: bool,
}

/// The hosts that there is a plan for.
pub(super) fn hosts(saved: &Saved) -> BTreeSet<String> {
    let planned = saved.hosts.iter().filter(|h| h.state == Standing::Planned);
    planned.map(|h| h.name.clone()).collect()
}

/// A step with what was sealed in it.
struct Open<'a> {
    step: &'a Step,
    /// `change` or `run`, and what.
    kind: &'static str,
    of: Json,
    environment: Vec<(String, String)>,
    contents: BTreeMap<String, Held>,
    hosts: BTreeSet<String>,
}

fn opened<'a>(
    step: &'a Step,
    saved: &Saved,
    with: &With<'_>,
    hosts: BTreeSet<String>,
) -> Result<Open<'a>, Diagnostic> {
    let inside = seal::open(step, saved.sealing.as_ref(), with.keys)?;
    let (change, run, environment, contents) = match inside {
        Some(i) => (i.change, i.run, i.environment, i.contents),
        None => {
            let (change, run) = (step.change.clone(), step.run.clone());
            (change, run, step.environment.clone(), BTreeMap::new())
        }
    };
    let (kind, of) = match (change, run) {
        (Some(change), _) => ("change", change),
        (None, Some(run)) => ("run", run),
        (None, None) => {
            let text = format!("`{}` of the plan says nothing to do", step.address);
            return Err(Diagnostic::bare(text));
        }
    };
    let word = |v: &Json| v.as_str().unwrap_or_default().to_owned();
    Ok(Open {
        step,
        kind,
        of,
        environment: environment
            .iter()
            .map(|(n, v)| (n.clone(), word(v)))
            .collect(),
        contents,
        hosts,
    })
}

/// The plays that carry a plan out: one for all hosts of a play that are reached alike.
pub(super) fn build(saved: &Saved, with: &With<'_>) -> Result<Built, Diagnostic> {
    let mut steps: Vec<Open<'_>> = Vec::new();
    for step in &saved.steps {
        let mine = |h: &&String| with.hosts.contains(*h) && !with.done.contains(*h);
        let hosts: BTreeSet<String> = step.hosts.iter().filter(mine).cloned().collect();
        if !hosts.is_empty() {
            steps.push(opened(step, saved, with, hosts)?);
        }
    }
    let looks = looks(&steps, with.goes_on);
    let mut keys: Vec<(usize, By)> = Vec::new();
    for open in &steps {
        let key = (open.step.play, open.step.by.clone().unwrap_or_default());
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    keys.sort_by_key(|(play, _)| *play);
    let at = Span::outside("plan");
    let mut plays = Vec::new();
    let mut seen = BTreeSet::new();
    for (index, by) in &keys {
        let own =
            |o: &&Open<'_>| o.step.play == *index && o.step.by.clone().unwrap_or_default() == *by;
        let mine: Vec<&Open<'_>> = steps.iter().filter(own).collect();
        let number = plays.len();
        plays.push(play(saved, (number, *index, by), &mine, &mut seen, with)?);
    }
    let looks = looks.iter();
    let looks = looks.map(|(host, all)| (host.as_str(), made::text(&planned::look(all), &at)));
    let looks = made::map(&at, looks.collect());
    Ok(Built {
        playbook: Node::new(Kind::Seq(plays), at),
        defaults: vec![(LOOKS.into(), looks)],
    })
}

/// What each host has to be like: of each thing how it was before the first change of it, and how the last
/// one leaves it.
fn looks(steps: &[Open<'_>], goes_on: bool) -> BTreeMap<String, Vec<Json>> {
    let mut all: BTreeMap<String, Vec<Json>> = BTreeMap::new();
    let mut places: BTreeMap<(String, String), usize> = BTreeMap::new();
    for open in steps {
        for host in &open.hosts {
            let mine = all.entry(host.clone()).or_default();
            if open.kind != "change" {
                continue;
            }
            let of = |key: &str| open.of.get(key).cloned().unwrap_or_default();
            let key = (host.clone(), of("what").to_string());
            let at = *places.entry(key).or_insert_with(|| {
                let ends = json!({ "what": of("what"), "before": of("before") });
                mine.push(ends);
                mine.len() - 1
            });
            mine[at]["after"] = of("after");
            if goes_on && let Some(since) = mine[at]["since"].as_array_mut() {
                since.push(open.of.clone());
            } else if goes_on {
                mine[at]["since"] = json!([open.of]);
            }
            if let Some(password) = open.of.get("password") {
                let first = mine[at].get("password").and_then(|p| p.get("before"));
                let before = first.cloned().or_else(|| password.get("before").cloned());
                let after = password.get("after");
                mine[at]["password"] = json!({ "before": before, "after": after });
            }
        }
    }
    all
}

fn play(
    saved: &Saved,
    (number, index, by): (usize, usize, &By),
    steps: &[&Open<'_>],
    seen: &mut BTreeSet<String>,
    with: &With<'_>,
) -> Result<Node, Diagnostic> {
    let hosts: BTreeSet<String> = steps.iter().flat_map(|o| o.hosts.clone()).collect();
    let at = Span::outside("plan");
    let mut tasks: Vec<Node> = look(number, &hosts, seen).into_iter().collect();
    tasks.push(stop(number, with.goes_on, &at));
    let mut handlers = Vec::new();
    let mut told = false;
    for (n, open) in steps.iter().enumerate() {
        let since: Vec<Json> = match with.goes_on {
            true => later(open, &steps[n + 1..]),
            false => Vec::new(),
        };
        let node = made::task(&step(open, saved, &since)?, &open.hosts, &hosts);
        if open.step.handler {
            told = true;
            handlers.push(node);
            continue;
        }
        // What was told in between was told here.
        if std::mem::take(&mut told) {
            tasks.push(meta("flush_handlers", &at));
        }
        tasks.push(node);
    }
    let of = &saved.plays[index];
    let mut more = Vec::new();
    for (key, value) in [
        ("serial", &of.serial),
        ("max_fail_percentage", &of.max_fail_percentage),
        ("any_errors_fatal", &of.any_errors_fatal),
    ] {
        if let Some(value) = value {
            more.push((key, node(value, &at)));
        }
    }
    let connection = (!by.connection.is_empty()).then_some(by.connection.as_str());
    let play = made::Play {
        name: &of.name,
        hosts: &hosts,
        connection,
        user: by.user.as_deref().filter(|_| !with.has_user),
        port: by.port,
        tasks,
        handlers,
        more,
    };
    Ok(made::play(play, &at))
}

/// The changes of the same thing that come behind one on any of its hosts.
fn later(open: &Open<'_>, behind: &[&Open<'_>]) -> Vec<Json> {
    let what = |o: &Open<'_>| o.of.get("what").cloned();
    let same = |o: &&&Open<'_>| {
        o.kind == "change" && what(o) == what(open) && !o.hosts.is_disjoint(&open.hosts)
    };
    match open.kind {
        "change" => behind.iter().filter(same).map(|o| o.of.clone()).collect(),
        _ => Vec::new(),
    }
}

/// The look at the hosts that no play before looked at.
fn look(index: usize, hosts: &BTreeSet<String>, seen: &mut BTreeSet<String>) -> Option<Node> {
    let on: BTreeSet<String> = hosts.difference(seen).cloned().collect();
    seen.extend(on.iter().cloned());
    let made = Made {
        name: LOOK.into(),
        place: "plan".into(),
        action: "palisade.planned",
        argument: ("step", format!("{{{{ {LOOKS}[inventory_hostname] }}}}")),
        looked_up: true,
        register: Some(format!("{LOOKED}{index}")),
        ..Made::default()
    };
    (!on.is_empty()).then(|| made::task(&made, &on, hosts))
}

/// A host that is not as it was, or as the plan leaves it already, takes no further part. Each play has a
/// look of its own, because what is passed over is registered as such.
fn stop(index: usize, goes_on: bool, at: &Span) -> Node {
    let one = |n: usize| {
        let name = format!("{LOOKED}{n}");
        // Where everything is as the plan leaves it, handlers may be pending.
        let nothing = match goes_on {
            true => String::new(),
            false => format!(" or {name}.nothing is defined"),
        };
        format!("{name} is defined and ({name}.left_alone is defined{nothing})")
    };
    let all: Vec<String> = (0..=index).map(|n| format!("({})", one(n))).collect();
    made::map(
        at,
        vec![
            ("meta", made::text("end_host", at)),
            ("when", made::text(&all.join(" or "), at)),
        ],
    )
}

fn meta(word: &str, at: &Span) -> Node {
    made::map(at, vec![("meta", made::text(word, at))])
}

fn node(value: &Json, at: &Span) -> Node {
    match value {
        Json::Bool(yes) => Node::new(Kind::Bool(*yes), at.clone()),
        Json::Number(n) if n.is_i64() => {
            Node::new(Kind::Int(n.as_i64().unwrap_or_default()), at.clone())
        }
        Json::Array(items) => {
            let items = items.iter().map(|i| node(i, at)).collect();
            Node::new(Kind::Seq(items), at.clone())
        }
        Json::String(text) => made::text(text, at),
        other => made::text(&other.to_string(), at),
    }
}

fn step(open: &Open<'_>, saved: &Saved, since: &[Json]) -> Result<Made, Diagnostic> {
    let of = open.step;
    let all = match of.sealed {
        Some(_) => &open.contents,
        None => &saved.contents,
    };
    let contents = seal::contents(&open.of, all, &of.address)?;
    let own = |a: &crate::journal::ahead::As| (a.method.clone(), a.user.clone());
    Ok(Made {
        name: of.task.clone(),
        place: of.place.clone(),
        action: "palisade.planned",
        argument: ("step", planned::step(open.kind, &open.of, &contents, since)),
        r#as: of.r#as.as_ref().map(own),
        notify: of.notify.clone(),
        listen: of.handler.then(|| of.place.clone()),
        guard: of.guard,
        environment: open.environment.clone(),
        timeout: of.timeout,
        ignores: of.ignore_errors,
        // What nobody may read in the plan is read in no report either.
        hidden: of.sealed.is_some(),
        looked_up: false,
        register: of.register.clone(),
        when: None,
        changed_when: of.changed_when.clone(),
        failed_when: of.failed_when.clone(),
    })
}
