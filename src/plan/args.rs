//! Arguments of actions: defaults filled in, free text given its place, everything checked that is known.

use crate::action::{self, Spec};
use crate::playbook::{Invocation, is_dynamic, scalar};
use crate::source::{Code, Diagnostic, Node, Value};

use super::Keywords;
use super::compile::Pass;

impl Pass<'_> {
    /// The arguments of one invocation. `None` where they cannot be used.
    pub(in crate::plan) fn arguments(
        &mut self,
        spec: &'static Spec,
        invocation: &Invocation,
        keywords: &Keywords,
    ) -> Option<Vec<(String, Node)>> {
        let mut places = Vec::with_capacity(invocation.args.len());
        let mut args: Vec<(String, Node)> = Vec::with_capacity(invocation.args.len());
        for arg in &invocation.args {
            places.push(arg.at.clone());
            args.push((arg.name.clone(), arg.value.clone()));
        }
        if let Some(free) = &invocation.free {
            match spec.free_form {
                Some(name) => {
                    places.push(free.span.clone());
                    args.push((name.to_owned(), free.clone()));
                }
                None => {
                    let text = format!("`{}` takes named arguments, not text", invocation.name);
                    let error = Diagnostic::error(&free.span, text).code(Code::ArgumentForm);
                    self.out
                        .push(error.hint("write `name: value` arguments under it"));
                    return None;
                }
            }
        }
        let own = args.len();
        for (name, value) in defaults(spec, &invocation.name, keywords) {
            if !given(spec, &args[..own], &name) {
                places.push(value.span.clone());
                args.push((name, value));
            }
        }
        let values: Vec<(String, Option<Value>)> = args
            .iter()
            .map(|(name, node)| (name.clone(), known(node)))
            .collect();
        let mut fits = true;
        let errors = action::args::check(spec, &values);
        let meant: Vec<String> = errors.iter().filter_map(|e| e.hint.clone()).collect();
        for error in errors {
            // A misspelt argument is one mistake, not also a missing one.
            let missing = error.argument.is_empty() && error.message.ends_with("is missing");
            if missing
                && meant
                    .iter()
                    .any(|hint| quoted(hint) == quoted(&error.message))
            {
                continue;
            }
            let place = args.iter().position(|(name, _)| *name == error.argument);
            let at = match place {
                // The name is wrong, or its value is.
                Some(index) if error.message.starts_with("unknown") => &places[index],
                Some(index) => &args[index].1.span,
                None => &invocation.at,
            };
            let code = error.code();
            let message = match place {
                None => format!("{} for `{}`", error.message, invocation.name),
                Some(_) if error.message.starts_with("unknown") => {
                    format!("{} of `{}`", error.message, invocation.name)
                }
                Some(_) => error.message,
            };
            let mut diagnostic = Diagnostic::error(at, message).code(code);
            diagnostic.hints.extend(error.hint);
            self.out.push(diagnostic);
            fits = false;
        }
        fits.then_some(args)
    }
}

/// What stands between the first pair of backquotes.
fn quoted(text: &str) -> Option<&str> {
    text.split('`').nth(1)
}

/// A value that is known before the run.
fn known(node: &Node) -> Option<Value> {
    (!is_dynamic(node)).then(|| node.to_value())
}

/// Whether an argument was given under any of its names.
fn given(spec: &Spec, args: &[(String, Node)], name: &str) -> bool {
    if args.iter().any(|(given, _)| given == name) {
        return true;
    }
    let params = (spec.params)();
    let names = |p: &action::Param, n: &str| p.name == n || p.aliases.contains(&n);
    let param = params.iter().find(|p| names(p, name));
    param.is_some_and(|p| args.iter().any(|(given, _)| names(p, given)))
}

/// What `module_defaults` say for an action, the innermost winning.
fn defaults(spec: &Spec, written: &str, keywords: &Keywords) -> Vec<(String, Node)> {
    let mut found: Vec<(String, Node)> = Vec::new();
    for (key, value) in keywords
        .module_defaults
        .iter()
        .filter_map(Node::as_map)
        .flatten()
    {
        let Some(name) = scalar(key).filter(|name| !name.starts_with("group/")) else {
            continue;
        };
        let same =
            name == written || action::find(&name).is_some_and(|other| std::ptr::eq(other, spec));
        if !same {
            continue;
        }
        for (name, value) in value.as_map().unwrap_or_default() {
            let Some(name) = scalar(name) else {
                continue;
            };
            found.retain(|(other, _)| *other != name);
            found.push((name, value.clone()));
        }
    }
    found
}
