//! `palisade controls`: what can be audited, why, and with which values.

mod show;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value as Json, json};

use crate::hardening::select::Wanted;
use crate::hardening::{Library, Profile, Selection};
use crate::source::{Code, Diagnostic, Files};

use super::exit::Exit;
use super::messages;

pub use show::ShowArgs;

const EXAMPLES: &str = "\
Examples:
  palisade controls                                  all profiles, and all controls by area
  palisade controls --profile cis_debian12 --level 2 those of a profile, by its numbers
  palisade controls --area sshd
  palisade controls show sshd_ciphers
  palisade controls show sshd_ciphers -p strict -i inventory.yml -l web1";

/// Options of `palisade controls`.
#[derive(Args, Clone, Debug)]
#[command(args_conflicts_with_subcommands = true, after_help = EXAMPLES)]
pub struct ControlsArgs {
    #[command(subcommand)]
    pub verb: Option<Verb>,
    /// Only those of this profile, perhaps with its level (cis_debian12:l2-server); may be repeated
    #[arg(short, long = "profile", value_name = "PROFILE")]
    profiles: Vec<String>,
    /// The level of the profiles that have it
    #[arg(long, value_name = "LEVEL")]
    level: Option<String>,
    /// Only those of this area; may be repeated
    #[arg(long = "area", value_name = "AREA")]
    areas: Vec<String>,
    /// Controls and profiles of your own, which win over those of the program
    #[arg(long, value_name = "DIR")]
    modules: Option<PathBuf>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Debug, Subcommand)]
pub enum Verb {
    /// One control: why, where it is asked for, its values and where these come from, its tasks
    Show(Box<ShowArgs>),
}

/// Prints what is asked for.
pub fn run(args: &ControlsArgs) -> Exit {
    let text = match &args.verb {
        Some(Verb::Show(args)) => show::text(args),
        None => listing(args),
    };
    match text {
        Ok(text) => {
            messages::print(&crate::source::escape::escape(&text));
            Exit::Fine
        }
        Err(mistakes) => {
            messages::show(&mistakes);
            Exit::Start
        }
    }
}

fn library(modules: Option<&std::path::Path>) -> Result<Library, Vec<Diagnostic>> {
    let (library, wrong) = Library::load(modules, &Files::Disk);
    match wrong.is_empty() {
        true => Ok(library),
        false => Err(wrong),
    }
}

/// A control in a list.
struct Row {
    label: String,
    id: String,
    severity: &'static str,
    title: String,
    kind: &'static str,
}

fn listing(args: &ControlsArgs) -> Result<String, Vec<Diagnostic>> {
    let library = library(args.modules.as_deref())?;
    let rows = rows(&library, args)?;
    if args.json {
        let text = serde_json::to_string_pretty(&as_json(&library, &rows)).unwrap_or_default();
        return Ok(text + "\n");
    }
    let mut text = String::new();
    if args.profiles.is_empty() && args.areas.is_empty() {
        profiles(&library, &mut text);
    }
    let width = |pick: fn(&Row) -> &str| rows.iter().map(|r| pick(r).len()).max().unwrap_or(0);
    let (label, id) = (width(|r| &r.label), width(|r| &r.id));
    let mut area = "";
    for row in &rows {
        let mine = row.id.split('_').next().unwrap_or_default();
        if args.profiles.is_empty() && mine != area {
            let _ = writeln!(text, "\n{mine}");
            area = mine;
        }
        let label = match label {
            0 => String::new(),
            width => format!("{:<width$}  ", row.label),
        };
        let _ = writeln!(
            text,
            "  {label}{:<id$}  {:<8}  {}{}",
            row.id, row.severity, row.title, row.kind
        );
    }
    let _ = writeln!(
        text,
        "\n{} control{}",
        rows.len(),
        if rows.len() == 1 { "" } else { "s" }
    );
    Ok(text.trim_start_matches('\n').to_owned())
}

fn rows(library: &Library, args: &ControlsArgs) -> Result<Vec<Row>, Vec<Diagnostic>> {
    let known: std::collections::BTreeSet<_> =
        library.controls.values().map(|c| c.area()).collect();
    for area in &args.areas {
        if !known.contains(area.as_str()) {
            let error =
                Diagnostic::bare(format!("there is no area `{area}`")).code(Code::UnknownControl);
            let names: Vec<_> = known.iter().copied().collect();
            return Err(vec![error.hint(format!("there are {}", names.join(", ")))]);
        }
    }
    let row = |control: &crate::hardening::Control, label: &str| Row {
        label: label.to_owned(),
        id: control.id.clone(),
        severity: control.severity.word(),
        title: control.title.clone(),
        kind: match (control.manual.is_some(), control.fix.is_some()) {
            (true, _) => " (a person must look)",
            (_, true) => " (found, not mended)",
            _ => "",
        },
    };
    let mut rows: Vec<Row> = match args.profiles.is_empty() {
        true => library.controls.values().map(|c| row(c, "")).collect(),
        false => {
            let selection = Selection::of(library, &wanted(&args.profiles, args.level.as_deref()))?;
            selection
                .chosen
                .iter()
                .map(|c| row(&c.control, c.label()))
                .collect()
        }
    };
    if !args.areas.is_empty() {
        rows.retain(|r| args.areas.iter().any(|a| r.id.split('_').next() == Some(a)));
    }
    Ok(rows)
}

fn wanted(profiles: &[String], level: Option<&str>) -> Wanted {
    Wanted {
        profiles: profiles.to_vec(),
        level: level.map(str::to_owned),
        ..Wanted::default()
    }
}

fn profiles(library: &Library, text: &mut String) {
    text.push_str("profiles\n");
    for profile in library.profiles.values() {
        let title = format!("{} {}", profile.title, profile.version);
        let _ = writeln!(text, "  {}  {}", profile.id, title.trim());
        for (name, title, count) in levels(profile) {
            if profile.levels.len() > 1 {
                let _ = writeln!(text, "    {}:{name}  {title}, {count} controls", profile.id);
            }
        }
    }
}

/// Levels with how many controls they ask for.
fn levels(profile: &Profile) -> Vec<(&str, &str, usize)> {
    let mut found = Vec::new();
    for level in &profile.levels {
        let within = profile.within(&level.name);
        let rules = profile.rules.iter();
        let mine = rules.filter(|r| r.levels.iter().any(|l| within.contains(l.as_str())));
        let ids: std::collections::BTreeSet<_> = mine.flat_map(|r| &r.controls).collect();
        found.push((level.name.as_str(), level.title.as_str(), ids.len()));
    }
    found
}

fn as_json(library: &Library, rows: &[Row]) -> Json {
    let profile = |p: &Profile| {
        let levels: BTreeMap<_, _> = levels(p)
            .into_iter()
            .map(|(n, t, c)| (n, json!({"title": t, "controls": c})))
            .collect();
        json!({"id": p.id, "title": p.title, "version": p.version, "levels": levels})
    };
    let row = |r: &Row| {
        let mut value = json!({"id": r.id, "title": r.title, "severity": r.severity});
        if !r.label.is_empty() {
            value["number"] = json!(r.label);
        }
        value
    };
    json!({
        "profiles": library.profiles.values().map(profile).collect::<Vec<_>>(),
        "controls": rows.iter().map(row).collect::<Vec<_>>(),
    })
}
