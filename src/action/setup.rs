//! Gathers facts about the host. Never changed.
//!
//! Differs from Ansible's: see `resource::facts` for what is not asked of a host; `facter` and `ohai`
//! are never run, and one deadline serves every slow question.

use crate::resource::facts::{NAMES, Request, unknown_subset};
use crate::resource::{Query, Resource, State};
use crate::source::{Mapping, Value};

use super::{ArgError, Decision, Failure, Observed, Spec, Task};

crate::args! {
    pub(crate) struct Args {
        /// Which facts: `all`, `min`, `hardware`, `network`, `virtual`, names, `!` before what is not
        /// wanted.
        gather_subset: Vec<String> = "all";
        /// Seconds a slow question may take.
        gather_timeout: u64 = "10";
        /// Only facts whose names match one of these shell patterns.
        filter: Vec<String> = "";
        /// Where local facts are: `*.fact` files of JSON or INI, or programs that print it.
        fact_path: String = "/etc/ansible/facts.d";
    }
}

pub(crate) static SPEC: Spec = Spec {
    name: "setup",
    collection: "ansible.builtin",
    aliases: &["gather_facts"],
    summary: "Gathers facts about the host",
    notes: "Never changed.",
    examples: "
- name: The least
  setup:
    gather_subset: ['!all']

- name: Only memory
  setup:
    gather_subset: hardware
    filter: 'ansible_mem*'
",
    params: Args::params,
    free_form: None,
    open: false,
    skips_check: false,
    parse,
};

fn parse(map: Mapping) -> Result<Box<dyn Task>, ArgError> {
    Ok(Box::new(Args::read(map)?))
}

impl Args {
    fn on(&self) -> Resource {
        Resource::Facts(Request {
            subset: self.gather_subset.clone(),
            fact_path: self.fact_path.clone(),
            timeout: u32::try_from(self.gather_timeout).unwrap_or(u32::MAX),
        })
    }

    /// Whether a fact is wanted. A pattern is tried with and without the prefix.
    fn keeps(&self, name: &str) -> bool {
        let mut patterns = self.filter.iter().filter(|p| !p.is_empty()).peekable();
        let full = format!("ansible_{name}");
        let fits = |p: &String| matches(p, &full) || matches(p, name);
        patterns.peek().is_none() || patterns.any(fits)
    }
}

impl Task for Args {
    fn reads(&self, _: &Observed) -> Vec<Query> {
        match unknown_subset(&self.gather_subset) {
            Some(_) => Vec::new(),
            None => vec![Query::meta(self.on())],
        }
    }

    fn decide(&self, seen: &Observed) -> Result<Decision, Failure> {
        if let Some(word) = unknown_subset(&self.gather_subset) {
            return Err(Failure::new(format!(
                "Bad subset '{word}' given to Ansible. gather_subset options allowed: {}",
                NAMES.join(", ")
            )));
        }
        let facts = match seen.get(&self.on()) {
            State::Facts(facts) => &facts.0,
            State::Refused(why) => return Err(Failure::new(why.clone())),
            _ => return Err(Failure::new("the host said nothing of itself")),
        };
        let mut kept = Mapping::new();
        for (key, value) in facts {
            let name = key.as_str().unwrap_or_default();
            // These two say how the facts were gathered, and have no prefix.
            let about = matches!(name, "gather_subset" | "module_setup");
            if !about && !self.keeps(name) {
                continue;
            }
            let full = match about {
                true => name.to_owned(),
                false => format!("ansible_{name}"),
            };
            kept.insert(Value::from(full), value.clone());
        }
        let result = crate::result! { "ansible_facts" => kept.clone() };
        Ok(Decision {
            facts: Some(kept),
            changed: Some(false),
            ..Decision::ok(result)
        })
    }
}

/// Whether a name fits a shell pattern: `*`, `?`, `[a-z]`, `[!x]`.
fn matches(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    loop {
        if p < pattern.len() && pattern[p] == '*' {
            star = Some((p, n));
            p += 1;
            continue;
        }
        if n == name.len() {
            return p == pattern.len();
        }
        match one(&pattern[p..], name[n]) {
            Some(length) => (p, n) = (p + length, n + 1),
            None => match star {
                // The last star takes one more character.
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    (p, n) = (at + 1, from + 1);
                }
                None => return false,
            },
        }
    }
}

/// How many characters of the pattern the character uses up, where it fits.
fn one(pattern: &[char], c: char) -> Option<usize> {
    match pattern.first()? {
        '?' => Some(1),
        '[' => {
            let negated = pattern.get(1) == Some(&'!');
            let start = if negated { 2 } else { 1 };
            let rest = pattern.get(start..)?;
            // A bracket right after the opening one is a member.
            let close = rest.iter().skip(1).position(|c| *c == ']').map(|at| at + 1);
            let Some(close) = close else {
                return (c == '[').then_some(1);
            };
            let set = &rest[..close];
            let mut at = 0;
            let mut found = false;
            while at < set.len() {
                if at + 2 < set.len() && set[at + 1] == '-' {
                    found |= set[at] <= c && c <= set[at + 2];
                    at += 3;
                } else {
                    found |= set[at] == c;
                    at += 1;
                }
            }
            (found != negated).then_some(start + close + 1)
        }
        other => (*other == c).then_some(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::facts::Facts;

    fn args(pairs: &[(&str, &str)]) -> Args {
        let map = pairs
            .iter()
            .map(|(k, v)| (Value::from(*k), Value::from(*v)))
            .collect();
        Args::read(map).unwrap_or_else(|_| panic!("arguments"))
    }

    #[test]
    fn patterns_are_those_of_a_shell() {
        for (pattern, name, fits) in [
            ("ansible_mem*", "ansible_memtotal_mb", true),
            ("*mb", "ansible_memtotal_mb", true),
            ("e?h[0-9]", "eth0", true),
            ("e?h[!0-9]", "eth0", false),
            ("eth", "eth0", false),
            ("", "a", false),
            ("[", "[", true),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern}");
        }
    }

    #[test]
    fn facts_have_a_prefix() {
        let args = args(&[("filter", "ansible_os*,hostname")]);
        let mut facts = Mapping::new();
        for name in ["os_family", "hostname", "kernel", "module_setup"] {
            facts.insert(Value::from(name), Value::from("x"));
        }
        let mut seen = Observed::default();
        seen.put(Query::meta(args.on()), State::Facts(Facts(facts)));
        let decision = args
            .decide(&seen)
            .unwrap_or_else(|f| panic!("{}", f.message));
        let keys = |map: &Mapping| -> Vec<String> {
            map.keys()
                .filter_map(|k| k.as_str().map(str::to_owned))
                .collect()
        };
        let kept = decision.facts.as_ref().map(keys).unwrap_or_default();
        assert_eq!(
            kept,
            ["ansible_os_family", "ansible_hostname", "module_setup"]
        );
        assert!(!decision.changes());
    }

    #[test]
    fn a_subset_that_is_none_fails() {
        let args = args(&[("gather_subset", "hardwear")]);
        let seen = Observed::default();
        assert!(args.reads(&seen).is_empty());
        assert!(
            args.decide(&seen)
                .is_err_and(|f| f.message.starts_with("Bad subset 'hardwear'"))
        );
    }
}
