//! From what came of an item to the word for it: `changed_when`, `failed_when`, `until`.

use std::sync::Arc;

use crate::action::{Decision, Failure};
use crate::plan::Task;
use crate::source::{Code, Diagnostic, Mapping, Node, Value};
use crate::vars::{Layer, Scope, Templar, TemplateError, Var, Vars};

use super::event::{Diff, Outcome, Status};
use super::planned::Planned;

/// What came of an item before the playbook's own conditions are applied.
#[derive(Clone, Debug, Default)]
pub(super) struct Raw {
    pub result: Mapping,
    pub changed: bool,
    pub failed: Option<String>,
    pub skipped: Option<String>,
    /// Check mode did not run it, or its verdict was never seen.
    pub unknown: bool,
    pub changes: Vec<Diff>,
    pub facts: Option<Mapping>,
    pub vars: Vec<(String, Value)>,
    pub warnings: Vec<String>,
    pub diagnostic: Option<Box<Diagnostic>>,
    pub code: Option<Code>,
    /// The result is what the task is for.
    pub shown: bool,
    pub planned: Option<Arc<Planned>>,
}

impl Raw {
    pub(super) fn failure(failure: Failure) -> Raw {
        let changed = failure.result.get("changed").and_then(Value::as_bool) == Some(true);
        Raw {
            result: failure.result,
            changed,
            failed: Some(failure.message),
            ..Raw::default()
        }
    }

    pub(super) fn mistake(error: &TemplateError) -> Raw {
        let diagnostic = error.diagnostic();
        Raw {
            failed: Some(diagnostic.message.clone()),
            diagnostic: Some(Box::new(diagnostic)),
            ..Raw::default()
        }
    }

    pub(super) fn skipped(why: &str) -> Raw {
        Raw {
            skipped: Some(why.to_owned()),
            ..Raw::default()
        }
    }

    /// A decision whose steps were all carried out, or that had none.
    pub(super) fn decided(decision: Decision, changes: Vec<Diff>) -> Raw {
        Raw {
            changed: decision.changes(),
            result: decision.result,
            skipped: decision.skipped,
            changes,
            facts: decision.facts,
            vars: decision.vars,
            warnings: decision.warnings,
            shown: decision.shown,
            ..Raw::default()
        }
    }
}

/// Sets a key where the action has not said so itself.
fn put(map: &mut Mapping, key: &str, value: impl Into<Value>) {
    map.insert(Value::from(key), value.into());
}

/// A layer of one variable.
pub(super) fn layer(pairs: Vec<(String, Var)>) -> Layer {
    Arc::new(pairs.into_iter().collect::<Vars>())
}

/// Whether all conditions hold; the first that does not is named.
pub(super) fn all_hold<'a>(
    t: &Templar,
    conditions: &'a [Node],
    scope: &Scope,
) -> Result<Option<&'a Node>, TemplateError> {
    for condition in conditions {
        if !t.condition(condition, scope)? {
            return Ok(Some(condition));
        }
    }
    Ok(None)
}

/// Applies `changed_when` and `failed_when`, and finishes the result that `register` sees.
///
/// `scope` makes a scope in which the registered name holds the result so far.
pub(super) fn judge(
    t: &Templar,
    task: &Task,
    mut raw: Raw,
    ignore: bool,
    scope: &dyn Fn(&Value) -> Scope,
) -> Outcome {
    if let Some(why) = raw.skipped.take() {
        let mut result = Mapping::new();
        put(&mut result, "changed", false);
        for (key, value) in &raw.result {
            result.insert(key.clone(), value.clone());
        }
        put(&mut result, "skipped", true);
        if !result.contains_key("skip_reason") && !result.contains_key("msg") {
            put(&mut result, "skip_reason", why);
        }
        return outcome(Status::Skipped, raw, result);
    }
    let mut result = std::mem::take(&mut raw.result);
    put(&mut result, "changed", raw.changed);
    if let Some(message) = &raw.failed {
        put(&mut result, "failed", true);
        if !result.contains_key("msg") {
            put(&mut result, "msg", message.clone());
        }
    } else if !result.contains_key("failed") {
        put(&mut result, "failed", false);
    }
    if !raw.warnings.is_empty() {
        put(&mut result, "warnings", raw.warnings.clone());
    }
    if raw.unknown {
        return outcome(Status::Unknown, raw, result);
    }
    if let Err(error) = conditions(t, task, &mut raw, &mut result, scope) {
        let mistake = error.diagnostic();
        put(&mut result, "failed", true);
        put(&mut result, "msg", mistake.message.clone());
        raw.failed = Some(mistake.message.clone());
        raw.diagnostic = Some(Box::new(mistake));
    }
    let status = match (&raw.failed, raw.changed) {
        (Some(_), _) if ignore => Status::Ignored,
        (Some(_), _) => Status::Failed,
        (None, true) => Status::Changed,
        (None, false) => Status::Ok,
    };
    outcome(status, raw, result)
}

fn conditions(
    t: &Templar,
    task: &Task,
    raw: &mut Raw,
    result: &mut Mapping,
    scope: &dyn Fn(&Value) -> Scope,
) -> Result<(), TemplateError> {
    if !task.changed_when.is_empty() {
        let here = scope(&Value::Mapping(result.clone()));
        raw.changed = all_hold(t, &task.changed_when, &here)?.is_none();
        put(result, "changed", raw.changed);
    }
    // A mistake of the user's is a failure whatever `failed_when` says of results.
    if !task.failed_when.is_empty() && raw.diagnostic.is_none() {
        let here = scope(&Value::Mapping(result.clone()));
        let failed = all_hold(t, &task.failed_when, &here)?.is_none();
        put(result, "failed", failed);
        put(result, "failed_when_result", failed);
        raw.failed = match (failed, raw.failed.take()) {
            (false, _) => None,
            (true, Some(message)) => Some(message),
            (true, None) => Some("`failed_when` says so".into()),
        };
    }
    Ok(())
}

fn outcome(status: Status, raw: Raw, result: Mapping) -> Outcome {
    Outcome {
        status,
        result: Arc::new(Value::Mapping(result)),
        changes: raw.changes,
        delegated: None,
        warnings: raw.warnings,
        code: raw.code.or(raw.diagnostic.as_ref().and_then(|d| d.code)),
        diagnostic: raw.diagnostic,
        shown: raw.shown,
        planned: raw.planned,
    }
}

/// The outcome of a loop from those of its items.
pub(super) fn combine(items: Vec<(Value, Outcome)>, var: &str, index_var: Option<&str>) -> Outcome {
    let mut status = Status::Ok;
    let all_skipped = items.iter().all(|(_, o)| o.status == Status::Skipped);
    let mut changes = Vec::new();
    let mut results = Vec::new();
    let mut warnings = Vec::new();
    let (mut diagnostic, mut planned) = (None, None);
    let rank = |s: Status| match s {
        Status::Ok | Status::Skipped => 0,
        Status::Changed => 1,
        Status::Unknown => 2,
        Status::Ignored => 3,
        Status::Failed => 4,
        Status::Unreachable => 5,
    };
    for (index, (item, outcome)) in items.into_iter().enumerate() {
        if rank(outcome.status) > rank(status) {
            status = outcome.status;
        }
        let mut map = outcome.result.as_mapping().cloned().unwrap_or_default();
        map.insert(Value::from(var), item);
        map.insert("ansible_loop_var".into(), var.into());
        if let Some(name) = index_var {
            map.insert(name.into(), Value::from(index));
            map.insert("ansible_index_var".into(), name.into());
        }
        results.push(Value::Mapping(map));
        changes.extend(outcome.changes);
        warnings.extend(outcome.warnings);
        diagnostic = diagnostic.or(outcome.diagnostic);
        planned = planned.or(outcome.planned);
    }
    let any = |key: &str| {
        results
            .iter()
            .any(|r| r.get(key).and_then(Value::as_bool).unwrap_or(false))
    };
    let mut result = Mapping::new();
    put(&mut result, "changed", any("changed"));
    let failed = matches!(status, Status::Failed | Status::Ignored);
    if results.is_empty() {
        status = Status::Skipped;
        put(&mut result, "skipped", true);
        put(&mut result, "skipped_reason", "No items in the list");
    } else if all_skipped {
        status = Status::Skipped;
        put(&mut result, "skipped", true);
        put(&mut result, "msg", "All items skipped");
    } else {
        put(&mut result, "skipped", false);
        if failed {
            put(&mut result, "failed", true);
        }
        let word = if failed {
            "One or more items failed"
        } else {
            "All items completed"
        };
        put(&mut result, "msg", word);
    }
    put(&mut result, "results", results);
    Outcome {
        status,
        result: Arc::new(Value::Mapping(result)),
        changes,
        delegated: None,
        warnings,
        diagnostic,
        code: None,
        shown: false,
        planned,
    }
}
