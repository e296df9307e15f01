//! `palisade doc`: actions and their arguments, from the very tables that check them.

use std::fmt::Write as _;

use clap::Args;

use crate::action::{ACTIONS, Param, Spec, find};
use crate::source::suggest;

use super::exit::Exit;
use super::messages;

/// Columns of text.
const WIDTH: usize = 90;

/// Options of `palisade doc`, in the spelling of `ansible-doc`.
#[derive(Args, Clone, Debug, Default)]
#[command(
    after_help = "Examples:\n  palisade doc                list all actions\n  \
palisade doc lineinfile\n  palisade doc -s copy       a task to start from"
)]
pub struct DocArgs {
    /// Actions to describe; without any, all are listed
    #[arg(value_name = "ACTION")]
    actions: Vec<String>,
    /// List all actions
    #[arg(short, long)]
    list: bool,
    /// A task with every argument, to start from
    #[arg(short, long)]
    snippet: bool,
    /// As JSON
    #[arg(short, long)]
    json: bool,
    /// Only `module` is known
    #[arg(short = 't', long = "type", value_name = "TYPE", hide = true)]
    kind: Option<String>,
}

/// Prints what is asked for.
pub fn run(args: &DocArgs) -> Exit {
    if args.list || args.actions.is_empty() {
        messages::print(&listing(args.json));
        return Exit::Fine;
    }
    let mut specs = Vec::new();
    let mut exit = Exit::Fine;
    for name in &args.actions {
        match find(name) {
            Some(spec) => specs.push(spec),
            None => {
                messages::say(&format!("error: there is no action `{name}`"));
                let names = ACTIONS.iter().map(|s| s.name);
                if let Some(near) = suggest::nearest(name, names) {
                    messages::say(&format!("hint: did you mean `{near}`?"));
                }
                exit = Exit::Start;
            }
        }
    }
    let text: String = match (args.json, args.snippet) {
        (true, _) => {
            let all = specs.iter().map(|s| (full(s), json(s)));
            let map: serde_json::Map<String, serde_json::Value> = all.collect();
            format!(
                "{}\n",
                serde_json::to_string_pretty(&map).unwrap_or_default()
            )
        }
        (_, true) => specs.iter().map(|s| snippet(s)).collect(),
        _ => specs.iter().map(|s| page(s)).collect::<Vec<_>>().join("\n"),
    };
    messages::print(&text);
    exit
}

fn full(spec: &Spec) -> String {
    format!("{}.{}", spec.collection, spec.name)
}

fn listing(json: bool) -> String {
    let mut specs: Vec<&Spec> = ACTIONS.to_vec();
    specs.sort_by_key(|s| full(s));
    if json {
        let all = specs.iter().map(|s| (full(s), s.summary.into()));
        let map: serde_json::Map<String, serde_json::Value> = all.collect();
        return format!(
            "{}\n",
            serde_json::to_string_pretty(&map).unwrap_or_default()
        );
    }
    let width = specs.iter().map(|s| full(s).len()).max().unwrap_or(0);
    let mut out = String::new();
    for spec in specs {
        let _ = writeln!(
            out,
            "{:<width$}  {}",
            full(spec),
            spec.summary.trim_end_matches('.')
        );
    }
    out
}

fn page(spec: &Spec) -> String {
    let mut out = format!("{}\n\n", full(spec));
    out.push_str(&wrapped(spec.summary, 2));
    if !spec.aliases.is_empty() {
        let _ = writeln!(out, "\n  Also known as: {}", spec.aliases.join(", "));
    }
    let params = (spec.params)();
    if !params.is_empty() {
        out.push_str("\nARGUMENTS\n");
    }
    for param in &params {
        let _ = writeln!(out, "\n  {}{}", param.name, facets(spec, param));
        out.push_str(&wrapped(param.doc, 6));
        if !param.choices.is_empty() {
            out.push_str(&wrapped(
                &format!("One of: {}", param.choices.join(", ")),
                6,
            ));
        }
        if !param.aliases.is_empty() {
            let _ = writeln!(out, "      Also: {}", param.aliases.join(", "));
        }
    }
    if !spec.notes.trim().is_empty() {
        out.push_str("\nNOTES\n\n");
        for part in spec.notes.trim().split("\n\n") {
            out.push_str(&wrapped(part, 2));
        }
    }
    if !spec.examples.trim().is_empty() {
        out.push_str("\nEXAMPLES\n\n");
        for line in spec.examples.trim_matches('\n').lines() {
            let _ = writeln!(out, "{}", format!("  {line}").trim_end());
        }
    }
    out
}

/// ` (string, required)`, ` (boolean, default false)`
fn facets(spec: &Spec, param: &Param) -> String {
    let mut parts = vec![param.type_name.to_owned()];
    if param.required {
        parts.push("required".into());
    }
    if let Some(default) = param.default {
        parts.push(format!("default {default}"));
    }
    if spec.free_form == Some(param.name) {
        parts.push("what free text means".into());
    }
    format!(" ({})", parts.join(", "))
}

fn snippet(spec: &Spec) -> String {
    let mut out = format!(
        "- name: {}\n  {}:\n",
        spec.summary.trim_end_matches('.'),
        full(spec)
    );
    let mut params = (spec.params)();
    params.sort_by_key(|p| !p.required);
    for param in &params {
        let mark = if param.required { "" } else { "# " };
        let value = param.default.unwrap_or("");
        let doc = param.doc.split_whitespace().collect::<Vec<_>>().join(" ");
        let line = format!("    {mark}{}: {value}", param.name);
        let _ = writeln!(out, "{:<34} # {doc}", line.trim_end());
    }
    out
}

fn json(spec: &Spec) -> serde_json::Value {
    let params = (spec.params)();
    let options = params.iter().map(|p| {
        let about = serde_json::json!({
            "description": p.doc, "type": p.type_name, "required": p.required,
            "default": p.default, "choices": p.choices, "aliases": p.aliases,
        });
        (p.name.to_owned(), about)
    });
    let options: serde_json::Map<String, serde_json::Value> = options.collect();
    serde_json::json!({
        "doc": {
            "module": spec.name, "collection": spec.collection, "aliases": spec.aliases,
            "short_description": spec.summary, "notes": spec.notes.trim(), "options": options,
        },
        "examples": spec.examples,
    })
}

/// Text in lines of a width, indented.
pub fn wrapped(text: &str, indent: usize) -> String {
    let pad = " ".repeat(indent);
    let mut out = String::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && indent + line.chars().count() + word.chars().count() + 1 > WIDTH {
            let _ = writeln!(out, "{pad}{line}");
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if !line.is_empty() {
        let _ = writeln!(out, "{pad}{line}");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_has_a_page_and_a_snippet() {
        for spec in ACTIONS {
            let page = page(spec);
            assert!(page.starts_with(&full(spec)), "{}", spec.name);
            assert!(
                page.lines().filter(|l| !l.contains("://")).count() > 3,
                "{}",
                spec.name
            );
            assert!(snippet(spec).contains(&full(spec)), "{}", spec.name);
        }
    }
}
