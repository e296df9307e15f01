//! `palisade controls show`: one control, with the values it would be audited with and where each of
//! them was said.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value as Json, json};

use crate::hardening::profile::shown;
use crate::hardening::{Control, Library, Selection};
use crate::inventory::fold::fold;
use crate::source::{Diagnostic, Mask, Node, Severity, emit};
use crate::vars::Var;

use super::super::doc::wrapped;
use super::super::options::{Inventories, Values};
use super::super::setup::Project;
use super::{library, wanted};

/// Options of `palisade controls show`.
#[derive(Args, Clone, Debug, Default)]
pub struct ShowArgs {
    /// The control
    #[arg(value_name = "CONTROL")]
    id: String,
    /// With the values of this profile; may be repeated
    #[arg(short, long = "profile", value_name = "PROFILE")]
    profiles: Vec<String>,
    /// The level of the profiles that have it
    #[arg(long, value_name = "LEVEL")]
    level: Option<String>,
    /// Controls and profiles of your own, which win over those of the program
    #[arg(long, value_name = "DIR")]
    modules: Option<PathBuf>,
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    pub who: Inventories,
    #[command(flatten)]
    pub values: Values,
}

/// A value of a parameter, who said it, and for which hosts.
#[derive(Clone, Debug, PartialEq)]
struct Said {
    value: String,
    by: String,
    hosts: Vec<String>,
}

struct Shown<'a> {
    name: &'a str,
    why: &'a str,
    /// What holds where nobody of the inventory says otherwise.
    value: Said,
    /// What the inventory says, where an inventory was given.
    hosts: Vec<Said>,
}

pub(super) fn text(args: &ShowArgs) -> Result<String, Vec<Diagnostic>> {
    let library = library(args.modules.as_deref())?;
    let control = library.control(&args.id).map_err(|d| vec![d])?;
    let parameters = parameters(args, &library, control)?;
    match args.json {
        true => {
            let value = as_json(&library, control, &parameters);
            Ok(serde_json::to_string_pretty(&value).unwrap_or_default() + "\n")
        }
        false => Ok(page(&library, control, &parameters)),
    }
}

fn parameters<'a>(
    args: &ShowArgs,
    library: &'a Library,
    control: &Control,
) -> Result<Vec<Shown<'a>>, Vec<Diagnostic>> {
    let selection = match args.profiles.is_empty() {
        true => Selection::default(),
        false => Selection::of(library, &wanted(&args.profiles, args.level.as_deref()))?,
    };
    let mut found = Vec::new();
    for (owner, name, parameter) in used(library, control) {
        let (node, by) = match selection.parameters.get(name) {
            Some((node, by)) => (node, by.clone()),
            None => (&parameter.default, format!("default of {owner}")),
        };
        found.push(Shown {
            name,
            why: &parameter.why,
            value: Said {
                value: shown(node),
                by: match by.starts_with("profile") {
                    true => format!("{by}, {}", node.span),
                    false => by,
                },
                hosts: Vec::new(),
            },
            hosts: Vec::new(),
        });
    }
    said_by_users(args, &mut found)?;
    Ok(found)
}

/// The parameters that a control names in its tasks; they may be another control's of its area.
fn used<'a>(
    library: &'a Library,
    control: &Control,
) -> Vec<(&'a str, &'a str, &'a crate::hardening::Parameter)> {
    let mut found = BTreeMap::new();
    let text = control.tasks.as_ref().map(emit::yaml).unwrap_or_default();
    let needs: Vec<_> = control
        .needs
        .iter()
        .filter_map(|n| n.that.as_str())
        .collect();
    let text = format!("{text}\n{}", needs.join("\n"));
    let names: std::collections::BTreeSet<&str> = text
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .collect();
    for other in library.controls.values() {
        for (name, parameter) in &other.parameters {
            if other.id == control.id || names.contains(name.as_str()) {
                found.insert(name.as_str(), (other.id.as_str(), name.as_str(), parameter));
            }
        }
    }
    found.into_values().collect()
}

/// Lays what inventory and command line say over the library's values.
fn said_by_users(args: &ShowArgs, found: &mut [Shown<'_>]) -> Result<(), Vec<Diagnostic>> {
    let project = Project::new(&args.values)?;
    for shown in found.iter_mut() {
        if let Some(var) = project.extra.get(shown.name) {
            shown.value = said(var, "--extra-vars", &project.mask);
        }
    }
    if args.who.inventory.is_empty() {
        return Ok(());
    }
    let (mut inventory, wrong) = project.inventory(&args.who);
    if wrong.iter().any(|d| d.severity == Severity::Error) {
        return Err(wrong);
    }
    let limit = args.who.limit.as_deref().unwrap_or("all");
    let hosts = inventory
        .limit(limit, &project.env())
        .map_err(|d| vec![d])?;
    for host in &hosts.hosts {
        let layers = inventory.layers(host.as_str(), None);
        for shown in found.iter_mut() {
            if project.extra.contains_key(shown.name) {
                continue;
            }
            let last = layers.iter().rev().find_map(|l| l.get(shown.name));
            let mine = match last {
                Some(var) => said(var, "inventory", &project.mask),
                None => shown.value.clone(),
            };
            let known = shown
                .hosts
                .iter_mut()
                .find(|s| s.value == mine.value && s.by == mine.by);
            match known {
                Some(known) => known.hosts.push(host.to_string()),
                None => shown.hosts.push(Said {
                    hosts: vec![host.to_string()],
                    ..mine
                }),
            }
        }
    }
    Ok(())
}

fn said(var: &Var, by: &str, mask: &Mask) -> Said {
    let (value, by) = match var {
        Var::Template(node) => (shown(node), format!("{by}, {}", node.span)),
        Var::Data(_) | Var::Pending | Var::Unknown => ("(data)".to_owned(), by.to_owned()),
    };
    Said {
        value: mask.apply(&value).into_owned(),
        by,
        hosts: Vec::new(),
    }
}

/// The numbers under which profiles ask for a control, with the levels that do.
fn numbers(library: &Library, control: &Control) -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    for profile in library.profiles.values() {
        for rule in profile
            .rules
            .iter()
            .filter(|r| r.controls.contains(&control.id))
        {
            found.push((
                profile.id.clone(),
                rule.number.clone(),
                rule.levels.join(", "),
            ));
        }
    }
    found
}

fn page(library: &Library, control: &Control, parameters: &[Shown<'_>]) -> String {
    let mut text = format!("{}: {}\n\n", control.id, control.title);
    let mut facts = vec![format!("severity {}", control.severity)];
    if !control.platforms.is_empty() {
        facts.push(format!("on {}", control.platforms.join(", ")));
    }
    if control.guarded {
        facts.push("may cut access, so it is guarded".into());
    }
    facts.push(control.span.to_string());
    let _ = writeln!(text, "  {}\n", facts.join(" · "));
    text.push_str(&wrapped(&control.rationale, 2));
    for (head, said) in [
        ("MAY STOP WORKING", &control.impact),
        ("TO LOOK AT", &control.manual),
        ("TO DO", &control.fix),
    ] {
        if let Some(said) = said {
            let _ = write!(text, "\n{head}\n\n{}", wrapped(said, 2));
        }
    }
    if !control.needs.is_empty() {
        text.push_str("\nNOT APPLICABLE WHERE\n\n");
        for need in &control.needs {
            let that = need
                .that
                .as_str()
                .map(|t| format!(" (unless `{t}`)"))
                .unwrap_or_default();
            let _ = writeln!(text, "  {}{that}", need.why);
        }
    }
    let numbers = numbers(library, control);
    if !numbers.is_empty() || !control.references.is_empty() {
        text.push_str("\nASKED FOR BY\n\n");
    }
    for (profile, number, levels) in numbers {
        let levels = match levels.as_str() {
            "all" => String::new(),
            levels => format!(" ({levels})"),
        };
        let number = if number == control.id {
            String::new()
        } else {
            format!(" {number}")
        };
        let _ = writeln!(text, "  {profile}{number}{levels}");
    }
    for (standard, ids) in &control.references {
        let _ = writeln!(text, "  {standard} {}", ids.join(", "));
    }
    if !parameters.is_empty() {
        text.push_str("\nPARAMETERS\n");
    }
    for parameter in parameters {
        let _ = writeln!(text, "\n  {}: {}", parameter.name, parameter.value.value);
        let _ = writeln!(text, "      {}", parameter.value.by);
        text.push_str(&wrapped(parameter.why, 6));
        for said in &parameter.hosts {
            let hosts: Vec<_> = said.hosts.iter().map(String::as_str).collect();
            let _ = writeln!(text, "      on {}: {}", fold(&hosts), said.value);
            let _ = writeln!(text, "        {}", said.by);
        }
    }
    let section = |text: &mut String, head: &str, node: &Option<Node>| {
        if let Some(node) = node {
            let _ = writeln!(text, "\n{head}\n");
            for line in emit::yaml(node).lines() {
                let _ = writeln!(text, "{}", format!("  {line}").trim_end());
            }
        }
    };
    section(&mut text, "TASKS", &control.tasks);
    section(&mut text, "HANDLERS", &control.handlers);
    text
}

fn as_json(library: &Library, control: &Control, parameters: &[Shown<'_>]) -> Json {
    let one = |said: &Said| json!({"value": said.value, "from": said.by, "hosts": said.hosts});
    let parameter = |p: &Shown<'_>| {
        let hosts: Vec<_> = p.hosts.iter().map(one).collect();
        let about = json!({
            "value": p.value.value, "from": p.value.by, "why": p.why, "hosts": hosts,
        });
        (p.name.to_owned(), about)
    };
    let parameters: serde_json::Map<String, Json> = parameters.iter().map(parameter).collect();
    let numbers: Vec<Json> = numbers(library, control)
        .into_iter()
        .map(|(profile, number, levels)| json!({"profile": profile, "number": number, "levels": levels}))
        .collect();
    let needs: Vec<Json> = control
        .needs
        .iter()
        .map(|n| json!({"that": n.that.to_value(), "why": n.why}))
        .collect();
    json!({
        "id": control.id,
        "title": control.title,
        "severity": control.severity.word(),
        "rationale": control.rationale,
        "impact": control.impact,
        "manual": control.manual,
        "fix": control.fix,
        "platforms": control.platforms,
        "guarded": control.guarded,
        "needs": needs,
        "references": control.references,
        "numbers": numbers,
        "parameters": parameters,
        "at": control.span.to_string(),
        "tasks": control.tasks.as_ref().map(Node::to_value),
        "handlers": control.handlers.as_ref().map(Node::to_value),
    })
}
