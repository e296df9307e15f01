//! Lookups of variables, hosts and settings.

use super::Ask;
use crate::source::pyre::PyFlags;
use crate::vars::context::Ctx;
use crate::vars::error::{Fail, Res, undefined};
use crate::vars::value::{Key, Val};

pub(super) fn vars(ctx: &mut Ctx<'_>, ask: Ask) -> Res<Vec<Val>> {
    let default = ask.options.get(&Key("default")).cloned();
    let mut out = Vec::new();
    for term in ask.terms {
        let name = match ctx.force(term)? {
            Val::Undefined(missing) => return Err(undefined(&missing)),
            name => name.text(),
        };
        let local = ctx.local(&name).cloned();
        let found = match local {
            Some(local) => Some(local),
            None => ctx.root(&name)?,
        };
        out.push(match (found, &default) {
            (Some(Val::Undefined(_)) | None, Some(default)) => default.clone(),
            (Some(found), _) => found,
            (None, None) => Val::missing(&*name, format!("`{name}` is not defined")),
        });
    }
    Ok(out)
}

/// Names of variables that match all patterns… of any one term.
pub(super) fn varnames(ctx: &mut Ctx<'_>, ask: Ask) -> Res<Vec<Val>> {
    let names = ctx.scope.names();
    let mut out = Vec::new();
    for term in &ask.terms {
        let regex = ctx.regex(&term.text(), PyFlags::default())?;
        for name in &names {
            if regex.is_match(name).map_err(Fail::error)? {
                out.push(Val::from(name.as_str()));
            }
        }
    }
    Ok(out)
}

pub(super) fn config(_ctx: &mut Ctx<'_>, ask: Ask) -> Res<Vec<Val>> {
    let missing = ask.text("on_missing", "error");
    let mut out = Vec::new();
    for term in &ask.terms {
        let name = term.text();
        out.push(match &*name {
            "DEFAULT_ROLES_PATH" => Val::list(vec![Val::from("roles")]),
            "DEFAULT_FORKS" => Val::Int(5),
            "DEFAULT_REMOTE_USER" | "DEFAULT_PRIVATE_KEY_FILE" => Val::None,
            "DEFAULT_BECOME_USER" => Val::from("root"),
            "DEFAULT_BECOME_METHOD" => Val::from("sudo"),
            "DEFAULT_LOCAL_TMP" | "DEFAULT_TMP" => Val::from("/tmp"),
            _ if &*missing == "skip" => continue,
            _ => return Err(Fail::error(format!("`config` knows no setting `{name}`"))),
        });
    }
    Ok(out)
}

/// Hosts of a pattern over `groups`: `web:&prod:!old`.
pub(super) fn inventory_hostnames(ctx: &mut Ctx<'_>, ask: Ask) -> Res<Vec<Val>> {
    let groups = ctx
        .root("groups")?
        .and_then(|g| g.map())
        .unwrap_or_default();
    let all = ctx.scope.hosts.names();
    let mut out: Vec<String> = Vec::new();
    let mut parts: Vec<String> = ask
        .terms
        .iter()
        .flat_map(|t| {
            t.text()
                .split([':', ','])
                .map(|p| p.trim().to_owned())
                .collect::<Vec<_>>()
        })
        .filter(|p| !p.is_empty())
        .collect();
    // Unions first, then intersections, then exclusions.
    parts.sort_by_key(|p| match p.chars().next() {
        Some('&') => 1,
        Some('!') => 2,
        _ => 0,
    });
    for part in parts {
        let name = part.trim_start_matches(['&', '!']);
        let hosts: Vec<String> = match groups.get(&Key(name)).and_then(Val::seq) {
            Some(items) => items.iter().map(|h| h.text().to_string()).collect(),
            None if name == "all" || name == "*" => all.clone(),
            None => all.iter().filter(|h| *h == name).cloned().collect(),
        };
        match part.chars().next() {
            Some('&') => out.retain(|h| hosts.contains(h)),
            Some('!') => out.retain(|h| !hosts.contains(h)),
            _ => {
                for host in hosts {
                    if !out.contains(&host) {
                        out.push(host);
                    }
                }
            }
        }
    }
    Ok(out.into_iter().map(Val::from).collect())
}
