//! A profile: which controls a benchmark asks for, under which numbers, at which levels.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::{Diagnostic, Node, Span, Value};

use super::field::{Fields, scalar, words};

/// A level of a benchmark; it holds what the levels it includes hold.
#[derive(Clone, Debug)]
pub struct Level {
    pub name: String,
    pub title: String,
    pub includes: Vec<String>,
}

/// One number of a benchmark.
#[derive(Clone, Debug)]
pub struct Rule {
    pub number: String,
    /// The levels that ask for it themselves.
    pub levels: Vec<String>,
    /// All of these must hold.
    pub controls: Vec<String>,
    pub span: Span,
}

/// A benchmark as numbers and levels.
#[derive(Clone, Debug)]
pub struct Profile {
    pub id: String,
    pub title: String,
    pub version: String,
    pub levels: Vec<Level>,
    /// Titles of sections by their number.
    pub sections: BTreeMap<String, String>,
    /// Values that this benchmark asks for instead of a parameter's default.
    pub parameters: Vec<(String, Node)>,
    pub rules: Vec<Rule>,
    pub span: Span,
}

impl Profile {
    pub fn parse(node: &Node, out: &mut Vec<Diagnostic>) -> Option<Profile> {
        let before = out.len();
        let mut fields = Fields::of(node, "a profile", out)?;
        let id = fields.needed("id", out);
        let stem = node.span.path().file_stem().and_then(|s| s.to_str());
        if !id.is_empty() && stem != Some(id.as_str()) {
            let text = format!("the profile `{id}` stands in a file of another name");
            out.push(Diagnostic::error(&node.span, text));
        }
        let profile = Profile {
            id,
            title: fields.needed("title", out),
            version: fields.text("version", out).unwrap_or_default(),
            levels: levels(&mut fields, out),
            sections: fields
                .map("sections", out)
                .iter()
                .filter_map(|(k, v)| Some((scalar(k)?, scalar(v)?)))
                .collect(),
            parameters: fields
                .map("parameters", out)
                .iter()
                .filter_map(|(k, v)| Some((k.as_str()?.to_owned(), v.clone())))
                .collect(),
            rules: rules(&mut fields, out),
            span: node.span.clone(),
        };
        fields.finish(out);
        profile.check(out);
        (out.len() == before).then_some(profile)
    }

    fn check(&self, out: &mut Vec<Diagnostic>) {
        let known: BTreeSet<_> = self.levels.iter().map(|l| l.name.as_str()).collect();
        for level in &self.levels {
            for name in &level.includes {
                if !known.contains(name.as_str()) {
                    let text = format!(
                        "the level `{}` includes `{name}`, which there is not",
                        level.name
                    );
                    out.push(Diagnostic::error(&self.span, text));
                }
            }
        }
        let mut numbers = BTreeSet::new();
        for rule in &self.rules {
            if !numbers.insert(&rule.number) {
                let text = format!("`{}` stands here twice", rule.number);
                out.push(Diagnostic::error(&rule.span, text));
            }
            for name in &rule.levels {
                if !known.contains(name.as_str()) {
                    let text = format!(
                        "`{}` is of the level `{name}`, which there is not",
                        rule.number
                    );
                    out.push(Diagnostic::error(&rule.span, text));
                }
            }
        }
    }

    /// The level of a name: a number alone means the server's of that number, `workstation` its first.
    pub fn level(&self, name: &str) -> Option<&Level> {
        let names = [
            name.to_owned(),
            format!("l{name}-server"),
            format!("l{name}"),
            format!("l1-{name}"),
        ];
        let find = |n: &String| self.levels.iter().find(|l| l.name == *n);
        names.iter().find_map(find)
    }

    /// A level and all that it includes.
    pub fn within(&self, level: &str) -> BTreeSet<&str> {
        let mut found = BTreeSet::new();
        let mut open = vec![level];
        while let Some(name) = open.pop() {
            let Some(level) = self.levels.iter().find(|l| l.name == name) else {
                continue;
            };
            if found.insert(level.name.as_str()) {
                open.extend(level.includes.iter().map(String::as_str));
            }
        }
        found
    }

    /// The section a number belongs to: the longest that is named.
    pub fn section(&self, number: &str) -> Option<(&str, &str)> {
        let inside = |s: &&String| is_within(number, s);
        let longest = self
            .sections
            .keys()
            .filter(inside)
            .max_by_key(|s| s.len())?;
        Some((longest, &self.sections[longest]))
    }
}

/// Whether a number is one of a section, or the section itself: `5.1.4` is within `5.1`, `R9` within
/// `R8..R14`.
pub fn is_within(number: &str, section: &str) -> bool {
    if let Some((first, last)) = section.split_once("..") {
        let at = in_order(number);
        return in_order(first) <= at && at <= in_order(last);
    }
    number
        .strip_prefix(section)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Orders numbers as people do: `1.2` before `1.10`, `R9` before `R10`.
pub fn in_order(number: &str) -> Vec<(String, u64)> {
    let part = |p: &str| {
        let word = p.trim_end_matches(|c: char| c.is_ascii_digit());
        (word.to_owned(), p[word.len()..].parse().unwrap_or_default())
    };
    number.split(['.', '-']).map(part).collect()
}

fn levels(fields: &mut Fields<'_>, out: &mut Vec<Diagnostic>) -> Vec<Level> {
    let mut levels = Vec::new();
    for (key, value) in fields.map("levels", out) {
        let Some(mut inner) = Fields::of(value, "a level", out) else {
            continue;
        };
        levels.push(Level {
            name: scalar(key).unwrap_or_default(),
            title: inner.needed("title", out),
            includes: inner.words("includes", out),
        });
        inner.finish(out);
    }
    if levels.is_empty() {
        levels.push(Level {
            name: "all".into(),
            title: "everything".into(),
            includes: Vec::new(),
        });
    }
    levels
}

/// `"5.1.4": {level: l1-server, control: sshd_allowed_users}`
fn rules(fields: &mut Fields<'_>, out: &mut Vec<Diagnostic>) -> Vec<Rule> {
    let mut rules = Vec::new();
    for (key, value) in fields.map("rules", out) {
        let Some(mut inner) = Fields::of(value, "a rule", out) else {
            continue;
        };
        let mut levels = inner.words("level", out);
        if levels.is_empty() {
            levels.push("all".into());
        }
        let controls = inner
            .get("control")
            .map_or_else(Vec::new, |n| words(n, out));
        if controls.is_empty() {
            out.push(Diagnostic::error(&value.span, "a rule has no `control`"));
        }
        inner.finish(out);
        rules.push(Rule {
            number: scalar(key).unwrap_or_default(),
            levels,
            controls,
            span: key.span.clone(),
        });
    }
    rules.sort_by_key(|r: &Rule| in_order(&r.number));
    rules
}

/// A parameter's value as a person writes it.
pub fn shown(node: &Node) -> String {
    match node.to_value() {
        Value::String(text) => text,
        other => serde_json::to_string(&other).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_ordered_as_people_count() {
        let mut numbers = ["1.10", "R10", "1.2", "1.2.1", "R5", "2"];
        numbers.sort_by_key(|n| in_order(n));
        assert_eq!(numbers, ["1.2", "1.2.1", "1.10", "2", "R5", "R10"]);
        assert!(is_within("5.1.4", "5.1") && !is_within("5.10", "5.1"));
        assert!(is_within("R9", "R8..R14") && !is_within("R15", "R8..R14"));
    }
}
