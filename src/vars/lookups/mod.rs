//! Lookups: values from elsewhere, and the items of `with_…` loops. What they bring is data.

use std::sync::Arc;

use super::context::Ctx;
use super::error::{Fail, Res};
use super::object::Args;
use super::scope::prepare;
use super::value::{Dict, Key, Val};
use crate::source::{Code, Diagnostic, Node, Span, suggest};

mod combine;
pub(in crate::vars) mod file;
mod outside;
mod parse;
mod variable;

/// What a lookup is given: its terms, and its options by name.
pub(in crate::vars) struct Ask {
    pub name: Arc<str>,
    pub terms: Vec<Val>,
    pub options: Dict,
    /// The folder that files for the task are in, where a loop asks (`with_first_found`).
    pub folder: Option<&'static str>,
}

/// Where an action's files are: the name of the action tells.
fn folder_of(action: &str) -> &'static str {
    let named = [("template", "templates"), ("var", "vars")];
    let named = named.iter().find(|(word, _)| action.contains(word));
    named.map_or("files", |(_, folder)| folder)
}

impl Ask {
    pub(in crate::vars) fn option(&self, name: &str) -> Option<&Val> {
        self.options
            .get(&Key(name))
            .filter(|v| !matches!(v, Val::None))
    }

    pub(in crate::vars) fn text(&self, name: &str, or: &str) -> Arc<str> {
        self.option(name).map_or_else(|| Arc::from(or), Val::text)
    }

    pub(in crate::vars) fn flag(&self, name: &str, or: bool) -> bool {
        self.option(name).map_or(or, super::filters::truthy)
    }

    /// Takes `key=value` words of a term as options, as old lookups have them.
    pub(in crate::vars) fn inline(&mut self, term: &str) -> String {
        let mut rest = Vec::new();
        for word in term.split_whitespace() {
            match word.split_once('=') {
                Some((key, value))
                    if key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') =>
                {
                    self.options.insert(Val::from(key), Val::from(value));
                }
                _ => rest.push(word),
            }
        }
        rest.join(" ")
    }
}

type Lookup = fn(&mut Ctx<'_>, Ask) -> Res<Vec<Val>>;

const LOOKUPS: &[(&str, Lookup)] = &[
    ("config", variable::config),
    ("csvfile", parse::csvfile),
    ("dict", combine::dict),
    ("env", outside::env),
    ("file", file::file),
    ("fileglob", file::fileglob),
    ("first_found", file::first_found),
    ("flattened", combine::flattened),
    ("community.general.flattened", combine::flattened),
    ("indexed_items", combine::indexed_items),
    ("ini", parse::ini),
    ("inventory_hostnames", variable::inventory_hostnames),
    ("items", combine::items),
    ("lines", outside::lines),
    ("list", combine::list),
    ("nested", combine::nested),
    ("password", outside::password),
    ("pipe", outside::pipe),
    ("random_choice", outside::random_choice),
    ("sequence", combine::sequence),
    ("subelements", combine::subelements),
    ("template", file::template),
    ("together", combine::together),
    ("unvault", file::unvault),
    ("url", outside::url),
    ("varnames", variable::varnames),
    ("vars", variable::vars),
];

/// Lookups that change with nothing but their terms.
const PURE: &[&str] = &[
    "dict",
    "flattened",
    "community.general.flattened",
    "indexed_items",
    "items",
    "list",
    "nested",
    "sequence",
    "subelements",
    "together",
];

fn find(name: &str) -> Res<(Lookup, bool)> {
    let short = name.strip_prefix("ansible.builtin.").unwrap_or(name);
    match LOOKUPS.iter().find(|(n, _)| *n == short) {
        Some((name, lookup)) => Ok((*lookup, PURE.contains(name))),
        None => {
            let message = format!("unknown lookup `{name}`");
            let fail = match suggest::nearest(short, LOOKUPS.iter().map(|(n, _)| *n)) {
                Some(near) => Fail::hinted(message, format!("did you mean `{near}`?")),
                None => Fail::error(message),
            };
            Err(fail.code(Code::UnknownLookup))
        }
    }
}

/// `lookup(name, terms…)`: one value, or texts joined with commas.
pub(in crate::vars) fn lookup(ctx: &mut Ctx<'_>, args: Args) -> Res<Val> {
    run(ctx, args, false)
}

/// `query(name, terms…)`: a list.
pub(in crate::vars) fn query(ctx: &mut Ctx<'_>, args: Args) -> Res<Val> {
    run(ctx, args, true)
}

fn run(ctx: &mut Ctx<'_>, mut args: Args, list: bool) -> Res<Val> {
    if args.pos.is_empty() {
        return Err(Fail::error("`lookup` needs the name of a lookup"));
    }
    let name = args.pos.remove(0).text();
    let list = args
        .pop("wantlist")
        .map_or(list, |v| super::filters::truthy(&v));
    let errors = args.pop("errors").map_or("strict".into(), |e| e.text());
    let (lookup, pure) = find(&name)?;
    ctx.impure |= !pure;
    let short = name.strip_prefix("ansible.builtin.").unwrap_or(&name);
    // These look at what is undefined themselves.
    let args = if matches!(short, "first_found" | "vars") {
        args
    } else {
        ctx.inputs(args)?
    };
    let options = args
        .named
        .into_iter()
        .map(|(n, v)| (Val::Str(n), v))
        .collect();
    let ask = Ask {
        name: Arc::clone(&name),
        terms: args.pos,
        options,
        folder: None,
    };
    let found = match lookup(ctx, ask) {
        Ok(found) => found,
        Err(Fail::Error(fault)) if &*errors != "strict" => {
            if &*errors == "warn" {
                let text = format!("the lookup `{name}` failed: {}", fault.message);
                ctx.engine.warn(
                    Diagnostic::warning(&Span::outside("lookup"), text).code(Code::TemplateFailed),
                );
            }
            return Ok(if list {
                Val::list(Vec::new())
            } else {
                Val::None
            });
        }
        Err(other) => return Err(other),
    };
    if list {
        return Ok(Val::list(found));
    }
    if found.iter().all(|v| matches!(v, Val::Str(_))) {
        if let [one] = found.as_slice() {
            return Ok(one.clone());
        }
        let texts: Vec<&str> = found.iter().filter_map(Val::as_str).collect();
        return Ok(Val::from(texts.join(",")));
    }
    Ok(match <[Val; 1]>::try_from(found) {
        Ok([one]) => one,
        Err(all) => Val::list(all),
    })
}

/// The items of `with_name: terms` of a task with this action.
pub(in crate::vars) fn with(
    ctx: &mut Ctx<'_>,
    name: &str,
    terms: &Node,
    action: &str,
) -> Res<Vec<Val>> {
    let name = name.strip_prefix("with_").unwrap_or(name);
    let (lookup, _) = find(name)?;
    let value = prepare(terms, None);
    let value = ctx.force(value)?;
    let terms = match &value {
        Val::List(_) | Val::Tuple(_) => {
            let mut out = Vec::new();
            for term in value.seq().unwrap_or_default().iter() {
                out.push(ctx.force(term.clone())?);
            }
            out
        }
        Val::Undefined(missing) => return Err(super::error::undefined(missing)),
        _ => vec![value],
    };
    lookup(
        ctx,
        Ask {
            name: Arc::from(name),
            terms,
            options: Dict::new(),
            folder: Some(folder_of(action)),
        },
    )
}
