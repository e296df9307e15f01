//! YAML in and out.

use super::yaml_out::{Style, dump};
use super::{Call, given, needs, string};
use crate::source::{Diagnostic, File, yaml};
use crate::vars::context::Ctx;
use crate::vars::convert::to_template;
use crate::vars::error::{Fail, Res};
use crate::vars::object::Args;
use crate::vars::value::Val;

pub(in crate::vars) const FILTERS: &[(&str, Call)] = &[
    ("to_yaml", |_, v, args| to_yaml(&v, args, false)),
    ("to_nice_yaml", |_, v, args| to_yaml(&v, args, true)),
    ("from_yaml", from_yaml),
    ("from_yaml_all", from_yaml_all),
];

fn to_yaml(value: &Val, mut args: Args, nice: bool) -> Res<Val> {
    let number = |v: Option<Val>, or: usize| {
        given(v)
            .and_then(|v| v.integer())
            .and_then(|v| usize::try_from(v).ok())
            .unwrap_or(or)
    };
    let indent = match args.pop("indent") {
        None if nice => args.pos.first().cloned(),
        given => given,
    };
    let flow = match args.pop("default_flow_style") {
        None if nice => Some(false),
        None | Some(Val::None) => None,
        Some(v) => Some(v.truth()),
    };
    let style = Style {
        indent: number(indent, if nice { 4 } else { 2 }).clamp(1, 9),
        width: number(args.pop("width"), 80),
        sort: args.pop("sort_keys").is_none_or(|v| v.truth()),
        flow,
        unicode: args.pop("allow_unicode").is_none_or(|v| v.truth()),
        start: args.pop("explicit_start").is_some_and(|v| v.truth()),
    };
    dump(value, &style).map(Val::from)
}

fn documents(value: &Val) -> Res<(Vec<crate::source::Node>, Vec<Diagnostic>)> {
    let text = string(value);
    let (nodes, found) = yaml::parse(&File::new("data", &*text));
    if yaml::failed(&found) {
        let first = found
            .iter()
            .find(|d| d.severity == crate::source::Severity::Error);
        let what = first.map_or(String::new(), |d| {
            let place = d.span.as_ref().map(|s| s.position());
            let place = place
                .map(|(l, c)| format!(" (line {l}, column {c})"))
                .unwrap_or_default();
            format!(": {}{place}", d.message)
        });
        return Err(Fail::error(format!("`from_yaml`: this is not YAML{what}")));
    }
    Ok((nodes, found))
}

/// Data stays data: what is read here is never a template.
fn from_yaml(_ctx: &mut Ctx<'_>, value: Val, _args: Args) -> Res<Val> {
    match &value {
        Val::Str(_) => {}
        Val::None | Val::Object(_) => return Err(needs("from_yaml", "a string", &value)),
        _ => return Ok(value),
    }
    let (nodes, _) = documents(&value)?;
    match nodes.len() {
        0 => Ok(Val::None),
        1 => Ok(to_template(&nodes[0].to_value())),
        n => Err(Fail::hinted(
            format!("`from_yaml`: there are {n} documents"),
            "`from_yaml_all` reads them all",
        )),
    }
}

fn from_yaml_all(_ctx: &mut Ctx<'_>, value: Val, _args: Args) -> Res<Val> {
    let (nodes, _) = documents(&value)?;
    Ok(Val::list(
        nodes.iter().map(|n| to_template(&n.to_value())).collect(),
    ))
}
