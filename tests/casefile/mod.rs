//! A case: arguments and a small world of observed states, then the steps that are expected, or the error.
//!
//! ```yaml
//! args: { path: /etc/hosts, line: "10.0.0.1 db" }
//! host:                                   # what is there; directories above are there too
//!   /etc/hosts: { content: "127.0.0.1 localhost\n", mode: "0644", owner: root, group: root }
//!   /srv: { dir: true, mode: "02775", group: www }
//!   /srv/now: { link: /srv/1 }
//! users: { deploy: { uid: 1000, group: deploy, gid: 1000, home: /home/deploy } }
//! groups: { www: 33 }
//! crontabs: { root: "..." }
//! local: { a.txt: { content: "...", mode: "0600" }, site: { tree: { index.html: "...", img: dir } } }
//! rendered: { motd.j2: "Welcome\n" }
//! controller: { backup/web1/etc/hosts: "..." }
//! states: [{ on: { package: nginx }, is: { version: "1.2" } }]   # see states.rs
//! expect:
//!   steps: [{ path: /etc/hosts, content: "...", mode: "0644", how: { backup: /etc/hosts.1234~ } }]
//!   changed: true                         # by default: whether there are steps
//!   result: { msg: line added }           # a part of the result
//!   warnings: [word]                      # a part of each
//! error: does not exist                   # instead of expect: a part of the message
//! again: changes                          # for what is never done (touch): skip the second decision
//! ```

mod states;
mod world;

use std::path::Path;

use palisade::action::{ACTIONS, Decision, Done, Failure, Observed, Step, Task};
use palisade::resource::apply::Said;
use palisade::resource::program::Ran;
use palisade::resource::{Change, Query};
use palisade::source::{Mapping, Value};

use world::World;

pub(crate) struct Case {
    action: String,
    yaml: Value,
}

/// Rounds of questions an action may need.
const ROUNDS: usize = 4;

impl Case {
    pub(crate) fn read(path: &Path) -> Case {
        let text = std::fs::read_to_string(path).expect("the case can be read");
        let yaml: Value = serde_yaml::from_str(&text).expect("the case is YAML");
        let folder = path.parent().and_then(Path::file_name).expect("a folder");
        for key in yaml.as_mapping().expect("a mapping").keys() {
            let key = key.as_str().expect("a word");
            let known = [
                "args",
                "host",
                "users",
                "groups",
                "crontabs",
                "local",
                "rendered",
                "controller",
                "states",
                "me",
                "name",
                "ran",
                "expect",
                "error",
                "error_result",
                "again",
                "notes",
            ];
            assert!(known.contains(&key), "`{key}` is no part of a case");
        }
        Case {
            action: folder.to_str().expect("a name").to_owned(),
            yaml,
        }
    }

    /// Decides it and checks everything that holds for every case.
    pub(crate) fn check(&self) {
        let spec = ACTIONS.iter().find(|s| s.name == self.action);
        let spec = spec.unwrap_or_else(|| panic!("there is no action `{}`", self.action));
        let args = self.yaml.get("args").and_then(Value::as_mapping).cloned();
        let mut world = World::read(&self.yaml);
        let outcome = match (spec.parse)(args.unwrap_or_default()) {
            Ok(task) => decide(task.as_ref(), &world).map(|(d, seen)| (task, d, seen)),
            Err(e) => Err(Failure::new(e.message)),
        };
        if let Some(error) = self.yaml.get("error") {
            self.fails(error, outcome.map(|(_, d, _)| d));
            return;
        }
        let (task, decision, seen) = outcome.unwrap_or_else(|f| panic!("failed: {}", f.message));
        self.compare(&decision, task.as_ref());
        let before = world.clone();
        for step in &decision.steps {
            if let Step::Set(change) = step {
                lawful(change);
                world.apply(change);
            }
        }
        let opaque = decision.steps.iter().any(|s| matches!(s, Step::Run(_)));
        if opaque || self.yaml.get("again").and_then(Value::as_str) == Some("changes") {
            return;
        }
        let (again, _) = decide(task.as_ref(), &world)
            .unwrap_or_else(|f| panic!("deciding again fails: {}", f.message));
        assert_eq!(
            sets(&again),
            Vec::<String>::new(),
            "deciding again changes something"
        );
        let predicted = overlay(task.as_ref(), &before, &decision, seen);
        assert_eq!(
            sets(&predicted),
            Vec::<String>::new(),
            "the prediction is not the wish"
        );
    }

    fn fails(&self, error: &Value, outcome: Result<Decision, Failure>) {
        let error = error.as_str().expect("`error` is text");
        let failure = match outcome {
            Ok(decision) => panic!("it should fail, but decides {:?}", decision.steps),
            Err(failure) => failure,
        };
        assert!(
            failure.message.contains(error),
            "failed otherwise: {}",
            failure.message
        );
        if let Some(result) = self.yaml.get("error_result").and_then(Value::as_mapping) {
            contains(&failure.result, result);
        }
    }

    fn compare(&self, decision: &Decision, task: &dyn Task) {
        let empty = Value::Mapping(Mapping::new());
        let expect = self.yaml.get("expect").unwrap_or(&empty);
        let wanted = expect.get("steps").and_then(Value::as_sequence);
        let wanted = wanted.cloned().unwrap_or_default();
        let got: Vec<&Step> = decision.steps.iter().collect();
        assert_eq!(
            got.len(),
            wanted.len(),
            "the number of steps; they are {got:#?}"
        );
        for (step, wanted) in got.iter().zip(&wanted) {
            states::compare(step, wanted);
        }
        let changed = expect.get("changed").and_then(Value::as_bool);
        let changed = changed.unwrap_or(!wanted.is_empty());
        assert_eq!(decision.changes(), changed, "whether it is a change");
        if let Some(result) = expect.get("result").and_then(Value::as_mapping) {
            contains(&self.conclude(decision, task), result);
        }
        if let Some(vars) = expect.get("vars").and_then(Value::as_mapping) {
            let set: Mapping = decision
                .vars
                .iter()
                .map(|(k, v)| (Value::from(k.as_str()), v.clone()))
                .collect();
            contains(&set, vars);
        }
        let warnings = expect.get("warnings").and_then(Value::as_sequence);
        let warnings = warnings.cloned().unwrap_or_default();
        assert_eq!(
            decision.warnings.len(),
            warnings.len(),
            "{:?}",
            decision.warnings
        );
        for (got, part) in decision.warnings.iter().zip(&warnings) {
            assert!(got.contains(part.as_str().expect("text")), "{got}");
        }
    }

    /// The result: with `ran` in the case, as it is once the steps were carried out.
    fn conclude(&self, decision: &Decision, task: &dyn Task) -> Mapping {
        let Some(ran) = self.yaml.get("ran") else {
            return decision.result.clone();
        };
        let text = |key: &str| {
            let text = ran.get(key).and_then(Value::as_str).unwrap_or_default();
            text.as_bytes().to_vec()
        };
        let rc = ran.get("rc").and_then(Value::as_i64).unwrap_or(0);
        let ran = Ran {
            rc: i32::try_from(rc).expect("an exit status"),
            stdout: text("stdout"),
            stderr: text("stderr"),
            ..Ran::default()
        };
        let done: Vec<Done> = decision
            .steps
            .iter()
            .map(|step| match step {
                Step::Set(_) => Done::Set(Said::default()),
                Step::Run(_) => Done::Ran(ran.clone()),
                Step::Control(_) => Done::Controlled(Mapping::new()),
            })
            .collect();
        match task.conclude(decision, &done) {
            Ok(result) => result,
            Err(failure) => panic!("concludes in failure: {}", failure.message),
        }
    }
}

/// Asks until nothing more is asked, then decides.
fn decide(task: &dyn Task, world: &World) -> Result<(Decision, Observed), Failure> {
    let mut seen = world.observed();
    ask(task, world, &mut seen);
    let decision = task.decide(&seen);
    assert_eq!(
        seen.strays(),
        Vec::new(),
        "looked at what it did not ask for"
    );
    Ok((decision?, seen))
}

fn ask(task: &dyn Task, world: &World, seen: &mut Observed) {
    for round in 0.. {
        let queries = Query::merge(task.reads(seen));
        let new: Vec<Query> = queries.into_iter().filter(|q| !seen.answers(q)).collect();
        if new.is_empty() {
            return;
        }
        assert!(round < ROUNDS, "still asks after {ROUNDS} rounds: {new:?}");
        for mut query in new {
            if let Some(entry) = seen.entry(&query.on) {
                query.want = query.want.and(entry.want);
            }
            let state = world.answer(&query);
            seen.put(query, state);
        }
    }
}

/// What is decided when what was decided first is laid over what was seen: a check of two equal tasks.
fn overlay(task: &dyn Task, world: &World, decision: &Decision, mut seen: Observed) -> Decision {
    for step in &decision.steps {
        if let Step::Set(change) = step {
            seen.decide(change.on.clone(), change.after.clone());
        }
    }
    // What overlaps by name is asked again of the world after the change.
    let mut after = world.clone();
    for step in &decision.steps {
        if let Step::Set(change) = step {
            after.apply(change);
        }
    }
    seen.retain(|on, entry| entry.decided || !World::derived(on));
    ask(task, &after, &mut seen);
    let decided = task.decide(&seen);
    decided.unwrap_or_else(|f| panic!("deciding on the prediction fails: {}", f.message))
}

fn sets(decision: &Decision) -> Vec<String> {
    let sets = decision.steps.iter().filter_map(|s| match s {
        Step::Set(change) => Some(format!("{change:?}")),
        _ => None,
    });
    sets.collect()
}

/// What holds for every change.
fn lawful(change: &Change) {
    assert!(
        !change.is_empty(),
        "a change that changes nothing: {change:?}"
    );
    assert_eq!(&change.undo().undo(), change, "undo of undo is the change");
}

/// Whether every expected key is there with its value; a mapping is compared likewise.
pub(crate) fn contains(got: &Mapping, wanted: &Mapping) {
    for (key, wanted) in wanted {
        let is = got.get(key);
        match (is, wanted) {
            (Some(Value::Mapping(is)), Value::Mapping(wanted)) => contains(is, wanted),
            (None, Value::String(word)) if word == "(none)" => {}
            _ => assert_eq!(is, Some(wanted), "`{key:?}` of {got:?}"),
        }
    }
}
