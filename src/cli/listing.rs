//! `--list-hosts`, `--list-tasks`, `--list-tags`, `--syntax-check`: what would run where.

use std::fmt::Write as _;

use crate::engine::event::HostName;
use crate::plan::list::{self, ListedPlay};
use crate::source::{Diagnostic, Span};

use super::exit::Exit;
use super::messages;
use super::playbook::{Compiled, PlaybookArgs};

/// Prints the listing of each playbook.
pub fn show(args: &PlaybookArgs, compiled: &mut Compiled, limit: Option<&[HostName]>) -> Exit {
    let mut out = String::new();
    for playbook in &args.playbooks {
        let _ = writeln!(out, "\nplaybook: {}", playbook.display());
        if args.syntax_check {
            continue;
        }
        // All of them compiled before, so that there is nothing new to be said.
        let (plan, _) = compiled.compiler.compile(std::slice::from_ref(playbook));
        for (number, play) in list::plays(&plan).iter().enumerate() {
            let span = plan.plays[number].hosts.span.clone();
            if let Err(mistake) = one(args, compiled, limit, (number, play, &span), &mut out) {
                messages::show(&[mistake]);
                return Exit::Start;
            }
        }
    }
    messages::print(&out);
    Exit::Fine
}

fn one(
    args: &PlaybookArgs,
    compiled: &mut Compiled,
    limit: Option<&[HostName]>,
    (number, play, span): (usize, &ListedPlay, &Span),
    out: &mut String,
) -> Result<(), Diagnostic> {
    let tags = join(play.tags.iter());
    let line = format!(
        "  play #{} ({}): {}\tTAGS: [{tags}]",
        number + 1,
        play.hosts,
        play.name
    );
    let _ = writeln!(out, "\n{line}");
    if args.list_hosts {
        let selected = compiled.inventory.select(&play.hosts, span)?;
        messages::show(&selected.warnings);
        let mut hosts: Vec<&str> = selected.hosts.iter().map(|h| h.as_str()).collect();
        hosts.retain(|h| limit.is_none_or(|l| l.iter().any(|x| **x == **h)));
        let parts: Vec<String> = play
            .hosts
            .split(',')
            .map(|p| format!("'{}'", p.trim()))
            .collect();
        let _ = writeln!(
            out,
            "    pattern: [{}]\n    hosts ({}):",
            parts.join(", "),
            hosts.len()
        );
        for host in hosts {
            let _ = writeln!(out, "      {host}");
        }
    }
    if args.list_tasks {
        let _ = writeln!(out, "    tasks:");
        for task in &play.tasks {
            let _ = writeln!(
                out,
                "      {}\tTAGS: [{}]",
                task.title(),
                join(task.tags.iter())
            );
        }
    }
    if args.list_tags {
        let all = play.tags.union(&play.task_tags);
        let _ = writeln!(out, "      TASK TAGS: [{}]", join(all));
    }
    Ok(())
}

fn join<'a>(tags: impl Iterator<Item = &'a String>) -> String {
    tags.map(String::as_str).collect::<Vec<_>>().join(", ")
}
