//! The INI-like inventory: sections of hosts, of variables and of child groups.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::model::{Inventory, Refusal, UNGROUPED};
use super::words::{Unclosed, Word, words};
use super::{MAX_GROUPS, MAX_HOSTS, MAX_LINE, MAX_MISTAKES, MAX_VALUES, literal, range};
use crate::source::{Diagnostic, File, Span, suggest};
use crate::vars::Var;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    Hosts,
    Vars,
    Children,
}

/// A group that is named as a child, or given variables, before its own section.
struct Pending {
    span: Span,
    /// The groups it is a child of; none where only its `:vars` were seen.
    parents: Vec<usize>,
}

struct Reader<'a> {
    inventory: &'a mut Inventory,
    file: &'a Arc<File>,
    path: PathBuf,
    group: usize,
    section: Section,
    pending: HashMap<String, Pending>,
    diagnostics: Vec<Diagnostic>,
}

/// Reads a file into the inventory; goes on after a mistake to find the others.
pub(super) fn read(inventory: &mut Inventory, file: &Arc<File>) -> Vec<Diagnostic> {
    let mut reader = Reader {
        inventory,
        path: file.path.clone(),
        file,
        group: UNGROUPED,
        section: Section::Hosts,
        pending: HashMap::new(),
        diagnostics: Vec::new(),
    };
    let mut start = 0;
    for line in file.text.split_inclusive('\n') {
        reader.line(line, start);
        start += line.len();
        if reader.diagnostics.len() >= MAX_MISTAKES {
            return reader.diagnostics;
        }
    }
    reader.unresolved();
    reader.diagnostics
}

impl Reader<'_> {
    fn span(&self, start: usize, end: usize) -> Span {
        Span::new(self.file, start, end)
    }

    fn error(&mut self, span: &Span, message: impl Into<String>) -> &mut Diagnostic {
        self.diagnostics.push(Diagnostic::error(span, message));
        let last = self.diagnostics.len() - 1;
        &mut self.diagnostics[last]
    }

    /// Whether there is room for so many values more; says so if not.
    fn room(&mut self, span: &Span, values: usize) -> bool {
        let room = self.inventory.claim(values);
        if !room {
            self.error(span, too_much());
        }
        room
    }

    fn line(&mut self, raw: &str, start: usize) {
        let start = start + (raw.len() - raw.trim_start().len());
        let line = raw.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            return;
        }
        if line.len() > MAX_LINE {
            let text = format!(
                "this line has {} bytes, more than the limit of {MAX_LINE}",
                line.len()
            );
            self.error(&self.span(start, start + 1), text);
            return;
        }
        if let Some((name, kind)) = header(line) {
            return self.header(name, kind, start);
        }
        let span = self.span(start, start + line.len());
        if line.starts_with('[') && line.ends_with(']') && range::address(line, true).is_none() {
            let found = self.error(&span, "this is no section header");
            found.hints.push(
                "a header is `[group]`, `[group:vars]` or `[group:children]`, without spaces"
                    .into(),
            );
            return;
        }
        match self.section {
            Section::Hosts => self.hosts(line, start),
            Section::Vars => self.variable(line, start),
            Section::Children => self.child(line, &span),
        }
    }

    fn header(&mut self, name: &str, kind: &str, start: usize) {
        let name_span = self.span(start + 1, start + 1 + name.len());
        self.section = match kind {
            "" | "hosts" => Section::Hosts,
            "vars" => Section::Vars,
            "children" => Section::Children,
            _ => {
                let at = start + name.len() + 2;
                let span = self.span(at, at + kind.len());
                let near = suggest::nearest(kind, ["hosts", "vars", "children"]);
                let found = self.error(&span, format!("unknown kind of section: {kind}"));
                found.hints.push(match near {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "it is `hosts`, `vars` or `children`".into(),
                });
                Section::Hosts
            }
        };
        if !self.room(&name_span, 0) {
            return;
        }
        let known = self.inventory.has_group(name);
        self.group = self.inventory.group(name);
        if self.section == Section::Vars {
            if !known && !self.pending.contains_key(name) {
                let (span, parents) = (name_span, Vec::new());
                self.pending
                    .insert(name.to_owned(), Pending { span, parents });
            }
        } else if let Some(pending) = self.pending.remove(name) {
            for parent in pending.parents {
                self.adopt(parent, self.group, &pending.span);
            }
        }
    }

    fn hosts(&mut self, line: &str, start: usize) {
        let words = match words(line) {
            Ok(words) => words,
            Err(Unclosed(at)) => {
                let span = self.span(start + at, start + at + 1);
                self.error(&span, "this quote is not closed");
                return;
            }
        };
        let Some((name, vars)) = words.split_first() else {
            return;
        };
        let span = self.span(start + name.start, start + name.end);
        let (pattern, port) = range::split_port(&name.text);
        if port.is_none() && pattern.ends_with(':') && !pattern.contains('[') {
            self.error(
                &span,
                "a host name does not end with `:`; a port was left out",
            );
            return;
        }
        if pattern == "---" {
            let found = self.error(&span, "`---` begins a YAML file, and this is read as INI");
            found.hints.push("name the file *.yml".into());
            return;
        }
        let names = match expand(pattern) {
            Ok(names) => names,
            Err(error) => {
                self.error(&span, error.message());
                return;
            }
        };
        if names.is_empty() {
            let text = "this range is empty: it begins after its end";
            self.diagnostics.push(Diagnostic::warning(&span, text));
        }
        let vars = self.assignments(vars, start);
        if !self.room(&span, names.len().saturating_mul(vars.len())) {
            return;
        }
        for name in &names {
            let group = self.group;
            match self
                .inventory
                .host_in(name, group, port, &span, Some(&self.path))
            {
                Ok(host) => {
                    for (key, value) in &vars {
                        self.inventory.set_host_var(host, key, value.clone());
                    }
                }
                Err(_) => {
                    self.error(&span, too_many());
                    return;
                }
            }
        }
    }

    fn assignments(&mut self, words: &[Word], start: usize) -> Vec<(String, Var)> {
        let mut vars = Vec::new();
        for word in words {
            let span = self.span(start + word.start, start + word.end);
            let Some((key, value)) = word.text.split_once('=') else {
                let text = format!("a variable is written `name=value`; found `{}`", word.text);
                let comment = word.text.starts_with(';');
                let found = self.error(&span, text);
                if comment {
                    found
                        .hints
                        .push("within a line a comment begins with `#`".into());
                }
                return vars;
            };
            let at = (span.start as usize + key.len() + 1).min(span.end as usize);
            let span = self.span(at, span.end as usize);
            vars.push((
                key.to_owned(),
                Var::Template(literal::evaluate(value, &span)),
            ));
        }
        vars
    }

    fn variable(&mut self, line: &str, start: usize) {
        let Some((key, value)) = line.split_once('=') else {
            let span = self.span(start, start + line.len());
            self.error(&span, "a variable of a group is written `name = value`");
            return;
        };
        let lead = value.len() - value.trim_start().len();
        let span = self.span(start + key.len() + 1 + lead, start + line.len());
        let var = Var::Template(literal::evaluate(value.trim(), &span));
        if !self.room(&span, 1) {
            return;
        }
        self.inventory.set_group_var(self.group, key.trim(), var);
    }

    fn child(&mut self, line: &str, span: &Span) {
        let end = line.find(|c: char| c.is_whitespace() || c == ']' || c == ':');
        let (name, rest) = line.split_at(end.unwrap_or(line.len()));
        let rest = rest.trim_start();
        if name.is_empty() || !(rest.is_empty() || rest.starts_with('#')) {
            self.error(span, format!("this is no name of a group: {line}"));
            return;
        }
        let span = self.span(span.start as usize, span.start as usize + name.len());
        if !self.room(&span, 1) {
            return;
        }
        let declared = self.inventory.has_group(name) && !self.pending.contains_key(name);
        if declared {
            let child = self.inventory.group(name);
            self.adopt(self.group, child, &span);
            return;
        }
        let pending = self.pending.entry(name.to_owned()).or_insert(Pending {
            span,
            parents: Vec::new(),
        });
        pending.parents.push(self.group);
    }

    fn adopt(&mut self, parent: usize, child: usize, span: &Span) {
        if self.inventory.add_child(parent, child) == Err(Refusal::Loop) {
            let names = [child, parent].map(|g| Arc::clone(&self.inventory.groups[g].name));
            let text = format!("{} cannot be in {}, which is in it", names[0], names[1]);
            self.error(span, text);
        }
    }

    /// Groups that were spoken of, but have no section.
    fn unresolved(&mut self) {
        let mut left: Vec<(String, Pending)> = self.pending.drain().collect();
        left.sort_by_key(|(_, p)| p.span.start);
        for (name, pending) in left {
            let known = self.inventory.groups.iter().map(|g| &*g.name);
            let near = suggest::nearest(&name, known.filter(|g| *g != name));
            let near = near.map(str::to_owned);
            let text = if pending.parents.is_empty() {
                format!("variables for a group that has no section: {name}")
            } else {
                format!("a child group that has no section: {name}")
            };
            let found = self.error(&pending.span, text);
            found.hints.push(match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("declare it with `[{name}]`, even if it is empty"),
            });
        }
    }
}

/// The names of a host pattern; a pattern without a range is a name.
pub(super) fn expand(pattern: &str) -> Result<Vec<String>, range::RangeError> {
    if pattern.contains('[') {
        range::expand(pattern)
    } else {
        Ok(vec![pattern.to_owned()])
    }
}

pub(super) fn too_much() -> String {
    format!("the inventory has more than {MAX_VALUES} values or {MAX_GROUPS} groups")
}

pub(super) fn too_many() -> String {
    format!("the inventory has more than {MAX_HOSTS} hosts, the most there may be")
}

/// `[name]`, `[name:kind]`, perhaps with a comment behind.
fn header(line: &str) -> Option<(&str, &str)> {
    let (inside, rest) = line.strip_prefix('[')?.split_once(']')?;
    let rest = rest.trim_start();
    if !(rest.is_empty() || rest.starts_with('#')) {
        return None;
    }
    let (name, kind) = inside.split_once(':').unwrap_or((inside, ""));
    let kind_fine = kind.chars().all(|c| c.is_alphanumeric() || c == '_');
    let empty_kind = inside.ends_with(':');
    let fine = !name.is_empty() && !name.contains(char::is_whitespace) && kind_fine && !empty_kind;
    fine.then_some((name, kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> (Inventory, Vec<String>) {
        let mut inventory = Inventory::default();
        let file = File::new("hosts", text);
        let found = read(&mut inventory, &file);
        inventory.settle();
        let shown = |d: &Diagnostic| {
            let span = d.span.as_ref().map(ToString::to_string);
            format!("{} {}", span.unwrap_or_default(), d.message)
        };
        (inventory, found.iter().map(shown).collect())
    }

    #[test]
    fn sections_in_any_order() {
        let (inventory, errors) = load(
            "lone\n[site:children]\nweb # later\n[web]\nw[1:2] x=1 y='a b' # c\n[web:vars]\nz = 'q'\n",
        );
        assert_eq!(errors, Vec::<String>::new());
        assert_eq!(inventory.groups()["site"].len(), 2);
        assert_eq!(inventory.groups()["ungrouped"].len(), 1);
        let vars = &inventory.host("w2").unwrap().vars;
        assert_eq!(vars.len(), 2);
    }

    #[test]
    fn mistakes_have_places() {
        for (text, expected) in [
            ("[web:foo]\n", "hosts:1:6 unknown kind of section: foo"),
            (
                "a x\n",
                "hosts:1:3 a variable is written `name=value`; found `x`",
            ),
            ("a x='y\n", "hosts:1:5 this quote is not closed"),
            ("w[1:\n", "hosts:1:1 a host range is not closed with `]`"),
            ("[web group]\n", "hosts:1:1 this is no section header"),
            (
                "[web:vars]\nx=1\n",
                "hosts:1:2 variables for a group that has no section: web",
            ),
            (
                "[a:children]\nb\n",
                "hosts:2:1 a child group that has no section: b",
            ),
            (
                "[a]\n[a:vars]\nfoo\n",
                "hosts:3:1 a variable of a group is written `name = value`",
            ),
            (
                "host:\n",
                "hosts:1:1 a host name does not end with `:`; a port was left out",
            ),
            (
                "[a:children]\na\n",
                "hosts:2:1 a cannot be in a, which is in it",
            ),
        ] {
            assert_eq!(load(text).1, [expected], "{text}");
        }
    }

    #[test]
    fn a_long_line_and_a_long_range_are_refused() {
        let (_, errors) = load(&format!("a x={}\n", "y".repeat(MAX_LINE)));
        assert!(errors[0].contains("more than the limit"), "{errors:?}");
        let (inventory, errors) = load("w[1:10000000]\n");
        assert!(errors[0].contains("more than 100000 hosts"), "{errors:?}");
        assert!(inventory.hosts().is_empty());
        let (inventory, errors) = load("a[1:60000]\nb[1:60000]\n");
        assert!(errors[0].contains("more than 100000 hosts"), "{errors:?}");
        assert_eq!(inventory.hosts().len(), MAX_HOSTS);
        let (inventory, errors) = load(&format!("a[1:90000]{}\n", " v=1".repeat(100)));
        assert!(errors[0].contains("more than 2000000 values"), "{errors:?}");
        assert!(inventory.hosts().is_empty());
    }
}
