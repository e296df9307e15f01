//! What `palisade audit` and `harden` are asked for: by options, by a policy's file, by waivers.

use crate::hardening::select::Wanted;
use crate::hardening::{Library, Policy, Selection, Waivers, play};
use crate::source::{Code, Diagnostic, Files, yaml};

use super::audit::AuditArgs;
use super::messages;
use super::playbook::Compiled;

/// What the command line asks for, with what a policy's file adds.
pub(super) fn wanted(args: &AuditArgs) -> Result<(Wanted, Option<Policy>), Vec<Diagnostic>> {
    let mut wanted = Wanted {
        level: args.level.clone(),
        only: args.only.clone(),
        skip: args.skip.clone(),
        sections: args.sections.clone(),
        ..Wanted::default()
    };
    let mut policy: Option<Policy> = None;
    for word in &args.profiles {
        if !Policy::is_file(word) {
            wanted.profiles.push(word.clone());
            continue;
        }
        if policy.is_some() {
            let error = Diagnostic::bare("there is one policy too many on the command line");
            return Err(vec![error.hint("a run is held to one policy's file")]);
        }
        let file = Files::Disk
            .text(std::path::Path::new(word))
            .map_err(|d| vec![d])?;
        let (node, mut wrong) = yaml::parse_one(&file);
        let read = Policy::parse(&node, &mut wrong);
        policy = Some(read.filter(|_| wrong.is_empty()).ok_or(wrong)?);
    }
    if let Some(said) = policy.as_ref().map(|p| &p.wanted) {
        wanted.profiles.extend(said.profiles.iter().cloned());
        wanted.level = wanted.level.or_else(|| said.level.clone());
        wanted.only.extend(said.only.iter().cloned());
        wanted.skip.extend(said.skip.iter().cloned());
        wanted.sections.extend(said.sections.iter().cloned());
    }
    Ok((wanted, policy))
}

pub(super) fn waivers(
    args: &AuditArgs,
    own: Waivers,
    compiled: &mut Compiled,
    selection: &Selection,
) -> Result<Waivers, Vec<Diagnostic>> {
    let mut out = Vec::new();
    let mut all = own;
    for path in &args.waivers {
        match Files::Disk.text(path) {
            Ok(file) => {
                let (node, mut found) = yaml::parse_one(&file);
                out.append(&mut found);
                all.list.extend(Waivers::parse(&node, &mut out).list);
            }
            Err(diagnostic) => out.push(diagnostic),
        }
    }
    let Compiled {
        project, inventory, ..
    } = compiled;
    let mut hosts = |pattern: &str| {
        let found = inventory.limit(pattern, &project.env())?;
        Ok(found.hosts.iter().map(ToString::to_string).collect())
    };
    all.resolve(&mut hosts, &mut out);
    if !out.is_empty() {
        return Err(out);
    }
    for idle in all.idle(&selection.chosen) {
        let text = format!(
            "the waiver of `{}` is about nothing that is audited",
            idle.control
        );
        messages::show(&[Diagnostic::warning(&idle.span, text).code(Code::IdleWaiver)]);
    }
    Ok(all)
}

/// A parameter that no control knows is a slip of the pen, and would silently set nothing.
pub(super) fn warn_of_parameters(library: &Library, compiled: &Compiled) {
    const OURS: [&str; 1] = [play::ROLES];
    let known = library.parameters();
    let mut seen = std::collections::BTreeSet::new();
    for host in compiled.inventory.hosts() {
        for layer in compiled.inventory.layers(host.name.as_str(), None) {
            seen.extend(layer.keys().filter(|n| n.starts_with("palisade_")).cloned());
        }
    }
    seen.extend(
        compiled
            .project
            .extra
            .keys()
            .filter(|n| n.starts_with("palisade_"))
            .cloned(),
    );
    for name in seen {
        if known.contains(name.as_str()) || OURS.contains(&name.as_str()) {
            continue;
        }
        let near = crate::source::suggest::nearest(&name, known.iter().copied());
        let hint = near
            .map(|n| format!("; did you mean `{n}`?"))
            .unwrap_or_default();
        messages::say(&format!(
            "warning: no control has the parameter `{name}`{hint}"
        ));
    }
}
