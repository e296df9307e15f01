//! What is alike on many hosts as one: in time and memory that grow with what is said, not with pairs.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash};

use super::model::Kind;
use super::own::Own;

/// So many bytes of texts are kept for a report. What comes then is counted, and has no text.
const MOST_TEXT: usize = 128 * 1024 * 1024;

/// What is said of a task on a host, or on many.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Said<'a> {
    pub kind: Kind,
    pub task: Option<usize>,
    pub item: Option<Cow<'a, str>>,
    pub on: Cow<'a, str>,
    pub summary: Cow<'a, str>,
    pub before: Cow<'a, str>,
    pub after: Cow<'a, str>,
}

impl<'a> Said<'a> {
    /// What has one text only.
    pub(super) fn of(kind: Kind, task: Option<usize>, summary: Cow<'a, str>) -> Said<'a> {
        Said {
            kind,
            task,
            item: None,
            on: Cow::default(),
            summary,
            before: Cow::default(),
            after: Cow::default(),
        }
    }

    fn map(&self, each: impl Fn(&str) -> String) -> Said<'static> {
        Said {
            kind: self.kind,
            task: self.task,
            item: self.item.as_deref().map(&each).map(Cow::Owned),
            on: Cow::Owned(each(&self.on)),
            summary: Cow::Owned(each(&self.summary)),
            before: Cow::Owned(each(&self.before)),
            after: Cow::Owned(each(&self.after)),
        }
    }

    fn size(&self) -> usize {
        self.on.len() + self.summary.len() + self.before.len() + self.after.len()
    }

    /// The same, to be told apart by length as well as by hash.
    fn print(&self, state: &RandomState) -> Print {
        (state.hash_one(self), self.size())
    }
}

type Print = (u64, usize);

/// Hosts that said the same to the letter.
#[derive(Debug)]
pub(super) struct Same {
    pub hosts: Vec<usize>,
}

/// What was said, with own values masked, and by whom.
#[derive(Debug)]
pub(super) struct Group {
    pub said: Said<'static>,
    pub same: Vec<Same>,
}

/// Everything that was said, in groups.
#[derive(Default)]
pub(super) struct Alike {
    state: RandomState,
    /// To the letter: group and place in it.
    literal: HashMap<Print, (usize, usize)>,
    /// With own values masked.
    masked: HashMap<Print, usize>,
    groups: Vec<Group>,
    text: usize,
    dropped: usize,
}

impl Alike {
    pub(super) fn add(&mut self, host: usize, own: &Own, said: &Said<'_>) {
        let literal = said.print(&self.state);
        if let Some((group, same)) = self.literal.get(&literal) {
            let hosts = &mut self.groups[*group].same[*same].hosts;
            // Two equal differences of one task are one.
            if hosts.last() != Some(&host) {
                hosts.push(host);
            }
            return;
        }
        let mut masked = said.map(|text| own.hide(text).unwrap_or_else(|| text.to_owned()));
        let print = match said.kind.is_trouble() {
            true => masked.map(loosely).print(&self.state),
            false => masked.print(&self.state),
        };
        let next = self.groups.len();
        let group = *self.masked.entry(print).or_insert(next);
        if group == next {
            if self.text + masked.size() > MOST_TEXT {
                (masked.before, masked.after) = (Cow::default(), Cow::default());
                self.dropped += 1;
            }
            self.text += masked.size();
            self.groups.push(Group {
                said: masked,
                same: Vec::new(),
            });
        }
        let same = &mut self.groups[group].same;
        self.literal.insert(literal, (group, same.len()));
        same.push(Same { hosts: vec![host] });
    }

    /// Differences and unknown outcomes of each of so many hosts.
    pub(super) fn counts(&self, hosts: usize) -> Vec<[usize; 2]> {
        let mut counts = vec![[0; 2]; hosts];
        for group in &self.groups {
            let which = match group.said.kind {
                Kind::Differs => 0,
                Kind::Unknown => 1,
                _ => continue,
            };
            for host in group.same.iter().flat_map(|s| &s.hosts) {
                counts[*host][which] += 1;
            }
        }
        counts
    }

    /// The groups, and how many texts were not kept.
    pub(super) fn take(self) -> (Vec<Group>, usize) {
        (self.groups, self.dropped)
    }
}

/// Messages of failures are alike if they differ only in numbers: process ids, addresses, times.
fn loosely(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c.is_ascii_digit() {
            true if out.ends_with('#') => {}
            true => out.push('#'),
            false => out.push(c),
        }
    }
    out
}
