//! What is to be audited: rules of profiles, narrowed by what was asked for.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::{Code, Diagnostic, Node, suggest};

use super::profile::{in_order, is_within};
use super::{Control, Library, Profile};

/// What was asked for on the command line.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Profiles, each perhaps with its level: `cis_debian12`, `cis_debian12:l2-server`.
    pub profiles: Vec<String>,
    pub level: Option<String>,
    /// Controls, areas, numbers, or patterns with `*`.
    pub only: Vec<String>,
    pub skip: Vec<String>,
    pub sections: Vec<String>,
}

/// A number under which a profile asks for a control.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Number {
    pub profile: String,
    pub number: String,
}

/// A control that was selected, and who asks for it.
#[derive(Clone, Debug)]
pub struct Chosen {
    pub control: Control,
    pub numbers: Vec<Number>,
}

impl Chosen {
    /// Its first number, or its id where no benchmark has one for it.
    pub fn label(&self) -> &str {
        self.numbers
            .first()
            .map_or(&self.control.id, |n| n.number.as_str())
    }
}

/// A profile at one of its levels.
#[derive(Clone, Debug)]
pub struct Level {
    pub profile: Profile,
    pub level: String,
}

/// The controls of a run, in the order of the first profile's numbers.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    pub profiles: Vec<Level>,
    pub chosen: Vec<Chosen>,
    /// Values of parameters: defaults, with what profiles say laid over them; and who said it.
    pub parameters: BTreeMap<String, (Node, String)>,
}

impl Selection {
    pub fn of(library: &Library, wanted: &Wanted) -> Result<Selection, Vec<Diagnostic>> {
        let mut out = Vec::new();
        let mut selection = Selection::default();
        for name in &wanted.profiles {
            match level(library, name, wanted.level.as_deref()) {
                Ok(level) => selection.profiles.push(level),
                Err(diagnostic) => out.push(diagnostic),
            }
        }
        if !out.is_empty() {
            return Err(out);
        }
        let levels_fit = |l: &Level| {
            wanted
                .level
                .as_ref()
                .is_none_or(|n| l.profile.level(n).is_some())
        };
        if let Some(name) = &wanted.level
            && !selection.profiles.iter().any(levels_fit)
        {
            return Err(vec![no_level(&selection.profiles[0].profile, name)]);
        }
        selection.gather(library, wanted);
        selection.values(library);
        for word in wanted.only.iter().chain(&wanted.skip) {
            out.extend(unheard(library, &selection.profiles, word));
        }
        for section in &wanted.sections {
            let inside = |l: &Level| {
                l.profile
                    .rules
                    .iter()
                    .any(|r| is_within(&r.number, section))
            };
            if !selection.profiles.iter().any(inside) {
                out.push(
                    Diagnostic::bare(format!("no profile has the section `{section}`"))
                        .code(Code::UnknownControl),
                );
            }
        }
        if out.is_empty() && selection.chosen.is_empty() {
            out.push(Diagnostic::bare("nothing is left to audit").code(Code::NothingToAudit));
        }
        if out.is_empty() {
            Ok(selection)
        } else {
            Err(out)
        }
    }

    fn gather(&mut self, library: &Library, wanted: &Wanted) {
        let mut places: BTreeMap<String, usize> = BTreeMap::new();
        for Level { profile, level } in &self.profiles {
            let within = profile.within(level);
            for rule in &profile.rules {
                if !rule.levels.iter().any(|l| within.contains(l.as_str())) {
                    continue;
                }
                for id in &rule.controls {
                    let Some(control) = library.controls.get(id) else {
                        continue;
                    };
                    let at = *places.entry(id.clone()).or_insert_with(|| {
                        self.chosen.push(Chosen {
                            control: control.clone(),
                            numbers: Vec::new(),
                        });
                        self.chosen.len() - 1
                    });
                    self.chosen[at].numbers.push(Number {
                        profile: profile.id.clone(),
                        number: rule.number.clone(),
                    });
                }
            }
        }
        self.chosen.retain(|chosen| {
            let named = |words: &[String]| words.iter().any(|w| names(w, chosen));
            let inside = |s: &String| chosen.numbers.iter().any(|n| is_within(&n.number, s));
            (wanted.only.is_empty() || named(&wanted.only))
                && !named(&wanted.skip)
                && (wanted.sections.is_empty() || wanted.sections.iter().any(inside))
        });
        self.chosen.sort_by_key(|c| in_order(c.label()));
    }

    fn values(&mut self, library: &Library) {
        // Controls of one area share parameters, so all defaults are there whatever was selected.
        for control in library.controls.values() {
            for (name, parameter) in &control.parameters {
                let by = format!("default of {}", control.id);
                self.parameters
                    .insert(name.clone(), (parameter.default.clone(), by));
            }
        }
        for Level { profile, .. } in &self.profiles {
            for (name, value) in &profile.parameters {
                self.parameters.insert(
                    name.clone(),
                    (value.clone(), format!("profile {}", profile.id)),
                );
            }
        }
    }
}

/// Whether a word means a control: its id, its area, one of its numbers, or a pattern over these.
pub fn names(word: &str, chosen: &Chosen) -> bool {
    let mut numbers = chosen.numbers.iter();
    is_like(word, &chosen.control.id)
        || word == chosen.control.area()
        || numbers.any(|n| {
            is_like(word, &n.number) || is_like(word, &format!("{}:{}", n.profile, n.number))
        })
}

/// Whether a text is like a pattern in which `*` stands for anything.
pub fn is_like(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let mut last = None;
    for part in parts {
        if let Some(part) = last.replace(part) {
            match rest.find(part) {
                Some(at) => rest = &rest[at + part.len()..],
                None => return false,
            }
        }
    }
    match last {
        Some(part) => rest.ends_with(part),
        None => rest.is_empty(),
    }
}

fn level(library: &Library, name: &str, asked: Option<&str>) -> Result<Level, Diagnostic> {
    let (name, own) = match name.split_once(':') {
        Some((name, level)) => (name, Some(level)),
        None => (name, None),
    };
    let profile = library.profile(name)?;
    let level = match (own, asked) {
        (Some(own), _) => Some(profile.level(own).ok_or_else(|| no_level(profile, own))?),
        (None, Some(asked)) => profile.level(asked),
        (None, None) => None,
    };
    let level = level.or(profile.levels.first());
    Ok(Level {
        profile: profile.clone(),
        level: level.map(|l| l.name.clone()).unwrap_or_default(),
    })
}

fn no_level(profile: &Profile, name: &str) -> Diagnostic {
    let error = Diagnostic::bare(format!("{} has no level `{name}`", profile.id))
        .code(Code::UnknownControl);
    let names: Vec<_> = profile.levels.iter().map(|l| l.name.as_str()).collect();
    error.hint(format!("its levels are {}", names.join(", ")))
}

/// A word that means nothing there is would silently audit nothing.
fn unheard(library: &Library, profiles: &[Level], word: &str) -> Option<Diagnostic> {
    let areas: BTreeSet<&str> = library.controls.values().map(Control::area).collect();
    let known = areas.contains(word)
        || library.controls.keys().any(|id| is_like(word, id))
        || profiles.iter().any(|l| {
            let numbers = l.profile.rules.iter().map(|r| &r.number);
            numbers
                .clone()
                .any(|n| is_like(word, n) || is_like(word, &format!("{}:{n}", l.profile.id)))
        });
    if known {
        return None;
    }
    let error = Diagnostic::bare(format!("`{word}` is no control, area or number"))
        .code(Code::UnknownControl);
    let ids = library.controls.keys().map(String::as_str).chain(areas);
    Some(match suggest::nearest(word, ids) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error,
    })
}

#[cfg(test)]
mod tests {
    use super::is_like;

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, text, holds) in [
            ("sshd_*", "sshd_ciphers", true),
            ("*_mode", "cron_d_mode", true),
            ("a*b*c", "a_b_b_c", true),
            ("a*b*c", "a_c_b", false),
            ("5.1", "5.1.4", false),
            ("*", "", true),
        ] {
            assert_eq!(is_like(pattern, text), holds, "{pattern} {text}");
        }
    }
}
