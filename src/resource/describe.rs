//! A change in words: its two ends as text, and one line that says it.

use super::file::{FileState, Node};
use super::unit::Kick;
use super::{Change, State};

/// The ends of a change for a diff, and a summary that stands without one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Described {
    pub before: String,
    pub after: String,
    pub summary: String,
}

/// Says what a change does.
pub fn describe(change: &Change) -> Described {
    let (before, after) = (&change.before, &change.after);
    match (before, after) {
        (State::File(a), State::File(b)) => files(a, b),
        (State::Absent, State::File(b)) => Described {
            before: String::new(),
            after: text(b).unwrap_or_default(),
            summary: format!("new {}", what(b)),
        },
        (State::File(a), State::Absent) => Described {
            before: text(a).unwrap_or_default(),
            after: String::new(),
            summary: format!("removed {}", what(a)),
        },
        (State::Absent, State::Text(b)) => Described {
            before: String::new(),
            after: b.clone(),
            summary: "new".into(),
        },
        (State::Text(a), State::Absent) => Described {
            before: a.clone(),
            after: String::new(),
            summary: "removed".into(),
        },
        (State::Text(a), State::Text(b)) => Described {
            before: a.clone(),
            after: b.clone(),
            summary: "changed".into(),
        },
        _ => {
            let kick = match after {
                State::Unit(unit) => unit.kick,
                _ => None,
            };
            let (before, after) = (short(before), short(after));
            let summary = match (before.as_str(), after.as_str()) {
                (before, after) if before == after && kick == Some(Kick::Restart) => {
                    "restarted".to_owned()
                }
                (before, after) if before == after && kick == Some(Kick::Reload) => {
                    "reloaded".to_owned()
                }
                ("absent", after) => format!("new {after}").trim_end().to_owned(),
                (before, after) => format!("{before} → {after}"),
            };
            let line = |s: String| if s.is_empty() { s } else { format!("{s}\n") };
            Described {
                before: line(before),
                after: line(after),
                summary,
            }
        }
    }
}

fn files(a: &FileState, b: &FileState) -> Described {
    let mut parts = Vec::new();
    let mut out = Described::default();
    if a.node != b.node {
        if let (Some(before), Some(after)) = (text(a), text(b)) {
            (out.before, out.after) = (before, after);
            parts.push("content".to_owned());
        } else if std::mem::discriminant(&a.node) == std::mem::discriminant(&b.node) {
            parts.push("content".to_owned());
        } else {
            parts.push(format!("{} → {}", what(a), what(b)));
        }
    }
    let mut lines = (String::new(), String::new());
    let mut note = |name: &str, before: String, after: String| {
        parts.push(format!("{name} {before} → {after}"));
        lines.0.push_str(&format!("{name}: {before}\n"));
        lines.1.push_str(&format!("{name}: {after}\n"));
    };
    if a.mode != b.mode && !b.is_link() {
        note("mode", format!("{:04o}", a.mode), format!("{:04o}", b.mode));
    }
    if !a.owner.same(&b.owner) {
        note("owner", a.owner.word(), b.owner.word());
    }
    if !a.group.same(&b.group) {
        note("group", a.group.word(), b.group.word());
    }
    if out.before.is_empty() && out.after.is_empty() {
        (out.before, out.after) = lines;
    }
    out.summary = parts.join(", ");
    out
}

fn what(file: &FileState) -> &'static str {
    match file.node {
        Node::File(_) => "file",
        Node::Dir => "directory",
        Node::Link { .. } => "link",
        Node::Other(_) => "special file",
    }
}

/// The text of a file, if there is any to show.
fn text(file: &FileState) -> Option<String> {
    match &file.node {
        Node::File(Some(content)) => Some(content.text()?.to_owned()),
        Node::Link { target } => Some(format!("link to {target}\n")),
        _ => None,
    }
}

/// An account by what is known of it: of one to be made, not the number.
fn account(u: &super::user::UserState) -> String {
    let mut words = Vec::new();
    if let Some(id) = u.id() {
        words.push(format!("uid={id}"));
    }
    let groups = u.groups.join(",");
    for (name, value) in [
        ("group", &u.group),
        ("groups", &groups),
        ("home", &u.home),
        ("shell", &u.shell),
    ] {
        if !value.is_empty() {
            words.push(format!("{name}={value}"));
        }
    }
    words.join(" ")
}

fn short(state: &State) -> String {
    match state {
        State::Absent => "absent".into(),
        State::Package(p) => match (p.version.as_deref(), &p.candidate) {
            (None, _) => "absent".into(),
            (Some(""), Some(candidate)) => candidate.clone(),
            (Some(""), None) => "installed".into(),
            (Some(version), _) => version.to_owned(),
        },
        State::Unit(u) => {
            let mut words = vec![if u.running { "running" } else { "stopped" }];
            match u.enabled {
                Some(true) => words.push("enabled"),
                Some(false) => words.push("disabled"),
                None => {}
            }
            if u.masked {
                words.push("masked");
            }
            words.join(", ")
        }
        State::Sysctl(value) => value.clone(),
        State::Mount(m) => format!("{} {} {}", m.source, m.fstype, m.options.join(","))
            .trim()
            .to_owned(),
        State::Module(m) => if m.loaded { "loaded" } else { "not loaded" }.into(),
        State::User(u) => account(u),
        State::Group(g) => format!("gid={}", g.gid),
        State::Hostname(h) if h.current == h.permanent => h.permanent.clone(),
        State::Hostname(h) => format!("{} (in use: {})", h.permanent, h.current),
        State::Content(c) => format!("{} bytes", c.size),
        State::Archive(a) => if a.unpacked {
            "unpacked"
        } else {
            "to be unpacked"
        }
        .into(),
        State::Index(_) => "package index".into(),
        State::Upgrade(u) => format!("{} packages pending", u.pending.len()),
        _ => String::new(),
    }
}
