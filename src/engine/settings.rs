//! What a task's keywords come to on one host: privilege, environment, modes.

use std::sync::Arc;
use std::time::Duration;

use crate::plan::Task;
use crate::source::{Code, Diagnostic, Node, Secret, Value};
use crate::vars::{Scope, Templar, TemplateError};

use super::event::HostName;
use super::options::Options;

/// Whose shell a task runs in: the login's own, or that of the user it becomes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Way {
    /// `None` is the login itself.
    pub r#become: Option<Become>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Become {
    pub method: String,
    pub user: String,
    pub exe: Option<String>,
    pub flags: Option<String>,
}

/// Keywords, rendered.
#[derive(Clone, Debug, Default)]
pub(super) struct Settings {
    pub way: Way,
    pub password: Option<Secret>,
    pub check: bool,
    pub diff: bool,
    pub no_log: bool,
    /// What it prints is shown while it runs.
    pub live: bool,
    pub ignore_errors: bool,
    pub ignore_unreachable: bool,
    pub environment: Vec<(String, String)>,
    pub timeout: Option<Duration>,
    pub run_once: bool,
    pub delegate_to: Option<HostName>,
    /// The task says itself that it runs on this machine (`connection: local`).
    pub local: bool,
    pub throttle: usize,
    /// `async`: it goes on by itself on the host.
    pub background: Option<Background>,
    /// If it fails on one host, no host goes on.
    pub any_errors_fatal: bool,
    /// Whether it is guarded; where nobody says, what it touches decides.
    pub guard: Option<bool>,
    /// The playbook judges by itself whether it failed.
    pub lenient: bool,
    /// The playbook says that it changes nothing, whatever comes of it.
    pub harmless: bool,
    /// Where the handlers stand that it asks for; known once there is something to carry out.
    pub notify: Vec<String>,
}

/// How a task goes on by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Background {
    /// Seconds after which it is ended.
    pub limit: u64,
    /// Seconds between two questions how it is; none is that nobody waits for it.
    pub poll: u64,
    /// Where on the host its result is kept.
    pub directory: String,
}

/// Ansible's `poll` where there is none.
const POLL: u64 = 15;

fn background(
    t: &Templar,
    task: &Task,
    scope: &Scope,
    plain: &Scope,
) -> Result<Option<Background>, TemplateError> {
    let number = |node: &Option<Node>| match node {
        Some(node) => {
            let value = t.value(node, scope)?;
            let number = <u64 as crate::action::arg::FromArg>::from_arg(value);
            let wrong =
                |m| Diagnostic::error(&node.span, format!("this {m}")).code(Code::KeywordValue);
            let number = number.map_err(|m| TemplateError::Other(Box::new(wrong(m))))?;
            Ok::<_, TemplateError>(Some(number))
        }
        None => Ok(None),
    };
    let Some(limit) = number(&task.is_async)?.filter(|l| *l > 0) else {
        return Ok(None);
    };
    let directory = variable(t, &["ansible_async_dir"], plain)?.and_then(word);
    Ok(Some(Background {
        limit,
        poll: number(&task.poll)?.unwrap_or(POLL),
        directory: directory.unwrap_or_else(|| crate::resource::job::DIRECTORY.to_owned()),
    }))
}

fn usize_of(value: &Value) -> usize {
    let number = <u64 as crate::action::arg::FromArg>::from_arg(value.clone()).unwrap_or(0);
    usize::try_from(number).unwrap_or(0)
}

/// Renders a keyword that is a yes or a no.
fn flag(t: &Templar, node: Option<&Node>, scope: &Scope, or: bool) -> Result<bool, TemplateError> {
    let Some(node) = node else { return Ok(or) };
    truth(&t.value(node, scope)?, node)
}

fn truth(value: &Value, node: &Node) -> Result<bool, TemplateError> {
    <bool as crate::action::arg::FromArg>::from_arg(value.clone()).map_err(|m| {
        TemplateError::Other(Box::new(
            Diagnostic::error(&node.span, format!("this {m}")).code(Code::KeywordValue),
        ))
    })
}

/// Looks up a connection variable by the first of its names that is set.
pub(super) fn variable(
    t: &Templar,
    names: &[&str],
    scope: &Scope,
) -> Result<Option<Value>, TemplateError> {
    for name in names {
        if let Some(value) = t.variable(name, scope)? {
            return Ok(Some(value));
        }
    }
    Ok(None)
}

pub(super) fn word(value: Value) -> Option<String> {
    crate::action::arg::text(&value).filter(|w| !w.is_empty())
}

/// Renders everything about a task but its action. `plain` is the scope without facts: a host does
/// not choose who it is connected to, or as whom.
pub(super) fn resolve(
    t: &Templar,
    task: &Task,
    scope: &Scope,
    plain: &Scope,
    options: &Options,
    check: bool,
) -> Result<Settings, TemplateError> {
    let k = &task.keywords;
    let or = &options.connection;
    let text = |node: &Option<Node>| match node {
        Some(node) => Ok::<_, TemplateError>(word(t.value(node, scope)?)),
        None => Ok(None),
    };
    let becomes = match variable(t, &["ansible_become"], plain)? {
        Some(value) => truth(&value, &Node::null(task.span.clone()))?,
        None => flag(t, k.r#become.as_ref(), scope, or.r#become)?,
    };
    let mut way = Way::default();
    let mut password = None;
    if becomes {
        let of = |names: &[&str], node: &Option<Node>, default: &Option<String>| match variable(
            t, names, plain,
        )?
        .and_then(word)
        {
            Some(word) => Ok::<_, TemplateError>(Some(word)),
            None => Ok(text(node)?.or_else(|| default.clone())),
        };
        way.r#become = Some(Become {
            method: of(
                &["ansible_become_method"],
                &k.become_method,
                &or.become_method,
            )?
            .unwrap_or_else(|| "sudo".into()),
            user: of(&["ansible_become_user"], &k.become_user, &or.become_user)?
                .unwrap_or_else(|| "root".into()),
            exe: of(&["ansible_become_exe"], &k.become_exe, &None)?,
            flags: of(&["ansible_become_flags"], &k.become_flags, &None)?,
        });
        let names = [
            "ansible_become_password",
            "ansible_become_pass",
            "ansible_sudo_pass",
            "ansible_su_pass",
        ];
        password = variable(t, &names, plain)?.and_then(word).map(Secret::new);
        password = password.or_else(|| or.become_password.clone());
    }
    let mut environment = Vec::new();
    for node in &k.environment {
        let value = t.value(node, scope)?;
        let maps = match value {
            Value::Sequence(items) => items,
            other => vec![other],
        };
        for map in maps.iter().filter_map(Value::as_mapping) {
            for (name, value) in map {
                if let (Some(name), Some(value)) = (name.as_str(), crate::action::arg::text(value))
                {
                    environment.retain(|(n, _): &(String, String)| n != name);
                    environment.push((name.to_owned(), value));
                }
            }
        }
    }
    let seconds = match &k.timeout {
        Some(node) => t
            .value(node, scope)?
            .as_u64()
            .filter(|s| *s > 0)
            .map(Duration::from_secs),
        None => options.task_timeout,
    };
    Ok(Settings {
        live: false,
        lenient: false,
        harmless: false,
        notify: Vec::new(),
        way,
        password,
        check: flag(t, k.check_mode.as_ref(), scope, check)?,
        diff: flag(t, k.diff.as_ref(), scope, options.diff)?,
        no_log: flag(t, k.no_log.as_ref(), scope, false)?,
        ignore_errors: flag(t, k.ignore_errors.as_ref(), scope, false)?,
        ignore_unreachable: flag(t, k.ignore_unreachable.as_ref(), scope, false)?,
        environment,
        timeout: seconds,
        run_once: flag(t, k.run_once.as_ref(), scope, false)?,
        delegate_to: text(&k.delegate_to)?.map(Arc::from),
        local: text(&k.connection)?.is_some_and(|c| c.rsplit('.').next() == Some("local")),
        background: background(t, task, scope, plain)?,
        any_errors_fatal: flag(t, k.any_errors_fatal.as_ref(), scope, false)?,
        guard: match &k.guard {
            Some(node) => Some(flag(t, Some(node), scope, true)?),
            None => None,
        },
        throttle: match &k.throttle {
            Some(node) => usize_of(&t.value(node, scope)?),
            None => 0,
        },
    })
}
