//! What the actions that install packages share: names with versions, and one list of work a task.

use crate::resource::apt::pin;
use crate::resource::change::How;
use crate::resource::package::{CANDIDATE, Manager, OFFERED, PackageState};
use crate::resource::{Change, Query, Resource, State};

use super::{Decision, Failure, Observed};

/// A package as a task names it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Spec {
    /// The name, with its architecture where one is given.
    pub(crate) name: String,
    /// `=1.2*` or `>=1.2`.
    pub(crate) version: Option<(&'static str, String)>,
    /// `/stable`.
    pub(crate) release: Option<String>,
    /// The release was not named with the package but with the task, so it is no part of its word.
    pub(crate) preferred: bool,
}

impl Spec {
    /// Reads `name`, `name=1.2*`, `name>=1.2`, `name/stable`.
    pub(crate) fn read(text: &str) -> Spec {
        let text = text.trim();
        for (mark, length) in [(">=", 2), ("=", 1)] {
            if let Some(at) = text.find(mark) {
                return Spec {
                    name: text[..at].trim().to_owned(),
                    version: Some((mark, text[at + length..].trim().to_owned())),
                    release: None,
                    preferred: false,
                };
            }
        }
        let local = text.starts_with(['/', '.', '~']);
        let (name, release) = match text.split_once('/').filter(|_| !local) {
            Some((name, release)) => (name, Some(release.to_owned())),
            None => (text, None),
        };
        Spec {
            name: name.to_owned(),
            version: None,
            release,
            preferred: false,
        }
    }

    /// As the manager's command takes it.
    fn word(&self) -> String {
        match (&self.version, &self.release) {
            (Some(("=", version)), _) => format!("{}={version}", self.name),
            (None, Some(release)) if !self.preferred => format!("{}/{release}", self.name),
            _ => self.name.clone(),
        }
    }

    /// The package as it is asked for: the newest of a release is another than the newest of all.
    fn on(&self, manager: Manager, wish: Wish) -> Resource {
        let name = match &self.release {
            Some(release) if wish == Wish::Latest && manager == Manager::Apt => {
                pin(&self.name, release)
            }
            _ => self.name.clone(),
        };
        Resource::Package { manager, name }
    }
}

/// What is wanted of the packages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    Present,
    Latest,
    Absent,
}

/// A task's work.
pub(crate) struct Work<'a> {
    pub(crate) manager: Manager,
    pub(crate) specs: &'a [Spec],
    pub(crate) wish: Wish,
    /// Remove configuration files too.
    pub(crate) purge: bool,
    /// Only those that are there already are brought up to date.
    pub(crate) only_upgrade: bool,
    /// Held packages may change.
    pub(crate) unhold: bool,
    /// The index will be read anew first, so what is on offer is not known yet.
    pub(crate) stale: bool,
    pub(crate) how: How,
}

pub(crate) fn reads(specs: &[Spec], manager: Manager, wish: Wish) -> Vec<Query> {
    let query = |spec: &Spec| match wish {
        Wish::Latest => Query::new(spec.on(manager, wish), CANDIDATE),
        Wish::Present => Query::new(spec.on(manager, wish), OFFERED),
        Wish::Absent => Query::meta(spec.on(manager, wish)),
    };
    specs.iter().map(query).collect()
}

impl Work<'_> {
    /// Adds the changes, and says whether anything will change as far as that can be known.
    pub(crate) fn decide(&self, seen: &Observed, decision: &mut Decision) -> Result<bool, Failure> {
        let mut changes = Vec::new();
        let mut names = Vec::new();
        let mut certain = false;
        for spec in self.specs {
            let on = spec.on(self.manager, self.wish);
            let before = match seen.get(&on) {
                State::Package(state) => state.clone(),
                State::Refused(why) => return Err(Failure::new(why.clone())),
                _ => PackageState::default(),
            };
            let Some((after, sure)) = self.after(spec, &before)? else {
                continue;
            };
            certain |= sure;
            if changes.iter().any(|c: &Change| c.on == on) {
                continue;
            }
            names.push(match self.wish {
                Wish::Absent => spec.name.clone(),
                _ => spec.word(),
            });
            let mut change = Change::new(on, State::Package(before), State::Package(after));
            change.how = self.how.clone();
            changes.push(change);
        }
        let way = if self.wish == Wish::Absent {
            "remove"
        } else {
            "install"
        };
        for (index, mut change) in changes.into_iter().enumerate() {
            change.how.options.push(match index {
                0 => ("batch".into(), format!("{way}\n{}", names.join("\n"))),
                _ => ("member".into(), way.into()),
            });
            decision.set(change);
        }
        Ok(certain)
    }

    /// How it will be, and whether that is certain; nothing where it may stay.
    fn after(
        &self,
        spec: &Spec,
        before: &PackageState,
    ) -> Result<Option<(PackageState, bool)>, Failure> {
        let mut after = before.clone();
        if self.wish == Wish::Absent {
            let there = match &spec.version {
                Some((_, version)) => before.version.as_ref().is_some_and(|v| matches(version, v)),
                // What only others provide is not removed with them.
                None => before.version.is_some() && before.providers.is_empty(),
            };
            let leaves = self.purge && before.config_files;
            if !there && !leaves {
                return Ok(None);
            }
            after.version = None;
            after.config_files = there && !self.purge && self.manager == Manager::Apt;
            return Ok(Some((after, true)));
        }
        let Some(installed) = &before.version else {
            if self.only_upgrade {
                return Ok(None);
            }
            if before.candidate.is_none()
                && !self.stale
                && self.manager == Manager::Apt
                && !spec.name.contains(['*', '?', '+', '^'])
                && (spec.release.is_none() || spec.preferred)
                && before.providers.is_empty()
            {
                let name = &spec.name;
                return Err(Failure::new(format!(
                    "No package matching '{name}' is available"
                )));
            }
            after.version = Some(self.version(spec, before));
            return Ok(Some((after, true)));
        };
        if let Some((mark, version)) = &spec.version {
            let enough = match *mark {
                "=" => matches(version, installed),
                _ => compare(installed, version).is_ge(),
            };
            if enough {
                return Ok(None);
            }
            after.version = Some(version.clone());
            return Ok(Some((after, true)));
        }
        if self.wish == Wish::Latest && (!before.held || self.unhold) {
            let newer = before.candidate.as_ref().is_some_and(|c| c != installed);
            if newer || self.stale {
                after.latest = self.stale;
                after.version = Some(self.version(spec, before));
                return Ok(Some((after, newer)));
            }
        }
        Ok(None)
    }

    /// The version that will be there, where it is known.
    fn version(&self, spec: &Spec, before: &PackageState) -> String {
        match &spec.version {
            Some(("=", version)) => version.clone(),
            _ => before.candidate.clone().unwrap_or_default(),
        }
    }
}

/// Whether a version is what was asked for, where `*` stands for anything.
pub(crate) fn matches(pattern: &str, version: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return pattern == version;
    };
    let Some(tail) = version.strip_prefix(first) else {
        return false;
    };
    tail.char_indices()
        .map(|(at, _)| at)
        .chain([tail.len()])
        .any(|at| matches(rest, &tail[at..]))
}

/// Debian's order of versions: epoch, upstream version, revision.
pub(crate) fn compare(a: &str, b: &str) -> std::cmp::Ordering {
    let epoch = |v: &str| -> (u64, String) {
        match v.split_once(':') {
            Some((epoch, rest)) => (epoch.parse().unwrap_or(0), rest.to_owned()),
            None => (0, v.to_owned()),
        }
    };
    let parts = |v: &str| -> (String, String) {
        match v.rsplit_once('-') {
            Some((upstream, revision)) => (upstream.to_owned(), revision.to_owned()),
            None => (v.to_owned(), "0".to_owned()),
        }
    };
    let (a, b) = (epoch(a), epoch(b));
    let ((au, ar), (bu, br)) = (parts(&a.1), parts(&b.1));
    a.0.cmp(&b.0)
        .then_with(|| fragments(&au, &bu))
        .then_with(|| fragments(&ar, &br))
}

/// Runs of what is no digit and runs of digits in turn; `~` sorts before the end, letters before
/// the rest.
fn fragments(a: &str, b: &str) -> std::cmp::Ordering {
    let weight = |c: Option<&u8>| match c {
        Some(b'~') => -1,
        None => 0,
        Some(c) if c.is_ascii_digit() => 0,
        Some(c) if c.is_ascii_alphabetic() => i32::from(*c),
        Some(c) => i32::from(*c) + 256,
    };
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    while !a.is_empty() || !b.is_empty() {
        loop {
            let (x, y) = (a.first(), b.first());
            let ends = |c: Option<&u8>| c.is_none_or(u8::is_ascii_digit);
            if ends(x) && ends(y) {
                break;
            }
            let order = weight(x).cmp(&weight(y));
            if order.is_ne() {
                return order;
            }
            (a, b) = (
                a.get(1..).unwrap_or_default(),
                b.get(1..).unwrap_or_default(),
            );
        }
        let digits = |s: &[u8]| s.iter().take_while(|c| c.is_ascii_digit()).count();
        let (x, y) = (digits(a), digits(b));
        let number = |s: &[u8]| {
            let zeros = s.iter().take_while(|c| **c == b'0').count();
            (s.len() - zeros, s[zeros..].to_vec())
        };
        let order = number(&a[..x]).cmp(&number(&b[..y]));
        if order.is_ne() {
            return order;
        }
        (a, b) = (&a[x..], &b[y..]);
    }
    std::cmp::Ordering::Equal
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cmp::Ordering::{Equal, Greater, Less};

    #[test]
    fn versions_are_ordered_as_dpkg_orders_them() {
        for (a, b, order) in [
            ("1.0", "1.0", Equal),
            ("1.0~rc1", "1.0", Less),
            ("1.10", "1.9", Greater),
            ("1:0.1", "2.0", Greater),
            ("1.0-1", "1.0-2", Less),
            ("1.0a", "1.0+", Less),
            ("1.0", "1.0-0", Equal),
            ("2.36-9+deb12u4", "2.36-9+deb12u10", Less),
            ("007", "7", Equal),
        ] {
            assert_eq!(compare(a, b), order, "{a} {b}");
        }
    }

    #[test]
    fn specs_and_patterns() {
        assert_eq!(Spec::read("a=1.2*").word(), "a=1.2*");
        assert_eq!(Spec::read("a>=1.2").version, Some((">=", "1.2".into())));
        assert_eq!(Spec::read("a/stable").word(), "a/stable");
        assert!(
            matches("1.2*", "1.2.3-1") && matches("1.*-1", "1.2-1") && !matches("1.2", "1.2.3")
        );
    }
}
