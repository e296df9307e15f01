//! Paths that a run keeps to: what touches none of them is left alone.

use crate::action::{Control, Decision, Step};
use crate::resource::{Change, RemotePath, Resource, State};
use crate::source::Value;

use super::event::Outcome;
use super::verdict::Raw;

/// What is said of what was left alone.
const LEFT: &str = "left alone: it touches none of the paths that were asked for";

/// The key by which others know that nobody can say what its result would have been.
const LEFT_ALONE: &str = "left_alone";

/// Paths, with all that is below them.
#[derive(Clone, Debug)]
pub struct Only(Vec<RemotePath>);

impl Only {
    pub fn new(paths: &[String]) -> Result<Only, String> {
        let paths: Result<_, _> = paths.iter().map(|p| RemotePath::new(p)).collect();
        paths.map(Only)
    }

    fn touches(&self, change: &Change) -> bool {
        let path = match &change.on {
            Resource::File(path) | Resource::Target(path) | Resource::Tree(path) => path,
            Resource::Archive(request) => &request.dest,
            Resource::Mount(path) => path,
            _ => return false,
        };
        // A directory that has to be there first is a part of it.
        let is_new = matches!(change.before, State::Absent);
        let wanted = |p: &RemotePath| within(path, p) || is_new && within(p, path);
        self.0.iter().any(wanted)
    }

    /// Takes from a decision what touches none of the paths. What is left of one that touches none is nothing,
    /// and why.
    pub(super) fn narrow(&self, decision: &mut Decision) -> Option<Raw> {
        let changes = |step: &Step| match step {
            Step::Set(_) => true,
            Step::Run(run) => !run.read_only,
            Step::Control(control) => !Control::only_reads(control),
        };
        if !decision.steps.iter().any(changes) {
            return None;
        }
        let touches = |step: &Step| matches!(step, Step::Set(change) if self.touches(change));
        if decision.steps.iter().any(touches) {
            // What runs along with a change belongs to it.
            decision
                .steps
                .retain(|s| touches(s) || !matches!(s, Step::Set(_)));
            return None;
        }
        let mut result = std::mem::take(&mut decision.result);
        if decision.steps.iter().any(|s| !matches!(s, Step::Set(_))) {
            result.insert(LEFT_ALONE.into(), true.into());
        }
        Some(left(result))
    }
}

/// What depends on something that was left alone is left alone as well.
pub(super) fn depends() -> Raw {
    let mut result = crate::source::Mapping::new();
    result.insert(LEFT_ALONE.into(), true.into());
    left(result)
}

fn left(result: crate::source::Mapping) -> Raw {
    Raw {
        result,
        ..Raw::skipped(LEFT)
    }
}

/// Whether nobody can say what a result would have been, because its task was left alone.
pub(super) fn is_open(outcome: &Outcome) -> bool {
    let is = |v: &Value| v.get(LEFT_ALONE).and_then(Value::as_bool) == Some(true);
    let items = outcome.result.get("results").and_then(Value::as_sequence);
    is(&outcome.result) || items.is_some_and(|all| all.iter().any(is))
}

fn within(path: &RemotePath, dir: &RemotePath) -> bool {
    let (path, dir) = (path.as_str(), dir.as_str());
    let rest = path.strip_prefix(dir.trim_end_matches('/'));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(path: &str, before: State) -> Step {
        let on = Resource::File(RemotePath::new(path).unwrap());
        Step::Set(Change::new(on, before, State::Text("x".into())))
    }

    fn there(path: &str) -> Step {
        set(path, State::Text("old".into()))
    }

    #[test]
    fn only_changes_that_touch_a_path_are_kept() {
        let only = Only::new(&["/etc/ssh/".into()]).unwrap();
        let kept = |steps: Vec<Step>| {
            let mut decision = Decision {
                steps,
                ..Decision::default()
            };
            let left = only.narrow(&mut decision);
            left.is_none().then_some(decision.steps.len())
        };
        assert_eq!(kept(vec![]), Some(0));
        assert_eq!(kept(vec![there("/etc/ssh")]), Some(1));
        assert_eq!(kept(vec![there("/etc/ssh/x"), there("/etc/motd")]), Some(1));
        assert_eq!(kept(vec![there("/etc/sshd")]), None);
        assert_eq!(kept(vec![there("/etc")]), None);
        assert_eq!(kept(vec![set("/etc", State::Absent)]), Some(1));
    }
}
