//! Inheritance: what a play, a role, a block or an import says for everything inside it.

use std::sync::Arc;

use crate::playbook::{Given, list, scalar};
use crate::source::{Kind, Node};
use crate::vars::{Layer, Var, Vars};

use super::Keywords;

/// The keywords inside something, given those around it.
pub(crate) fn inherit(outer: &Arc<Keywords>, given: &Given) -> Arc<Keywords> {
    if given.is_empty() {
        return Arc::clone(outer);
    }
    let mut inner = Keywords::clone(outer);
    for (name, value) in given.iter().filter(|(_, value)| !value.is_null()) {
        set(&mut inner, name, value);
    }
    Arc::new(inner)
}

fn set(keywords: &mut Keywords, name: &str, value: &Node) {
    let slot = match name {
        "when" => return keywords.when.extend(list(value)),
        "tags" => return keywords.tags.extend(tags(value)),
        "vars" => return keywords.vars.push(layer(value)),
        "environment" => return keywords.environment.extend(list(value)),
        "module_defaults" => return keywords.module_defaults.extend(list(value)),
        "notify" => {
            keywords.notify = list(value);
            return;
        }
        "collections" => {
            let names = list(value);
            return keywords.collections.extend(names.iter().filter_map(scalar));
        }
        "become" => &mut keywords.r#become,
        "become_user" => &mut keywords.become_user,
        "become_method" => &mut keywords.become_method,
        "become_flags" => &mut keywords.become_flags,
        "become_exe" => &mut keywords.become_exe,
        "connection" => &mut keywords.connection,
        "remote_user" | "user" => &mut keywords.remote_user,
        "port" => &mut keywords.port,
        "no_log" => &mut keywords.no_log,
        "ignore_errors" => &mut keywords.ignore_errors,
        "ignore_unreachable" => &mut keywords.ignore_unreachable,
        "check_mode" => &mut keywords.check_mode,
        "diff" => &mut keywords.diff,
        "guard" => &mut keywords.guard,
        "any_errors_fatal" => &mut keywords.any_errors_fatal,
        "delegate_to" => &mut keywords.delegate_to,
        "delegate_facts" => &mut keywords.delegate_facts,
        "run_once" => &mut keywords.run_once,
        "throttle" => &mut keywords.throttle,
        "timeout" => &mut keywords.timeout,
        "debugger" => &mut keywords.debugger,
        _ => return,
    };
    *slot = Some(value.clone());
}

/// Tags as written: a list, or one string with commas.
pub(crate) fn tags(value: &Node) -> Vec<String> {
    match value.as_str() {
        Some(text) if !crate::playbook::is_template(text) => {
            let parts = text
                .split(',')
                .map(str::trim)
                .filter(|part| !part.is_empty());
            parts.map(str::to_owned).collect()
        }
        _ => list(value).iter().filter_map(scalar).collect(),
    }
}

/// A mapping as variables.
pub(crate) fn layer(node: &Node) -> Layer {
    let entries = match &node.kind {
        Kind::Map(entries) => entries.as_slice(),
        _ => &[],
    };
    let vars = entries
        .iter()
        .filter_map(|(key, value)| Some((scalar(key)?, Var::Template(value.clone()))));
    Arc::new(vars.collect::<Vars>())
}

/// Layers made one, the later ones winning.
pub(crate) fn merged<'a>(layers: impl IntoIterator<Item = &'a Layer>) -> Layer {
    let mut layers = layers.into_iter().filter(|layer| !layer.is_empty());
    let Some(first) = layers.next() else {
        return Layer::default();
    };
    let mut out: Option<Vars> = None;
    for layer in layers {
        let vars = out.get_or_insert_with(|| Vars::clone(first));
        vars.extend(layer.iter().map(|(k, v)| (k.clone(), v.clone())));
    }
    out.map_or_else(|| Arc::clone(first), Arc::new)
}
