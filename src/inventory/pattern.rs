//! Host patterns: `web*:&prod:!old`, `~web\d+`, `web[0:2]`, and `--limit`.

use std::path::Path;
use std::sync::Arc;

use super::load::LoadEnv;
use super::matcher::Matcher;
use super::model::{HostName, Inventory, LOCALHOST};
use super::range;
use crate::source::{Code, Diagnostic, File, Span, suggest};

/// What a pattern selects, in inventory order.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    pub hosts: Vec<HostName>,
    /// Parts that match nothing: warnings.
    pub warnings: Vec<Diagnostic>,
}

/// `order:` of a play.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Inventory,
    ReverseInventory,
    Sorted,
    ReverseSorted,
    Shuffle,
}

impl Order {
    pub const NAMES: [&str; 5] = [
        "inventory",
        "reverse_inventory",
        "sorted",
        "reverse_sorted",
        "shuffle",
    ];

    pub fn parse(name: &str) -> Option<Order> {
        Some(match name {
            "inventory" => Order::Inventory,
            "reverse_inventory" => Order::ReverseInventory,
            "sorted" => Order::Sorted,
            "reverse_sorted" => Order::ReverseSorted,
            "shuffle" => Order::Shuffle,
            _ => return None,
        })
    }

    /// Puts hosts into this order. The seed is used by `shuffle` alone.
    pub fn apply(self, hosts: &mut [HostName], seed: u64) {
        match self {
            Order::Inventory => {}
            Order::ReverseInventory => hosts.reverse(),
            Order::Sorted => hosts.sort(),
            Order::ReverseSorted => hosts.sort_by(|a, b| b.cmp(a)),
            Order::Shuffle => shuffle(hosts, seed),
        }
    }
}

/// Fisher and Yates, with numbers from splitmix64.
fn shuffle(hosts: &mut [HostName], seed: u64) {
    let mut state = seed;
    for i in (1..hosts.len()).rev() {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let bound = i as u64 + 1;
        let j = usize::try_from((z ^ (z >> 31)) % bound).unwrap_or(i);
        hosts.swap(i, j);
    }
}

impl Inventory {
    /// The hosts of a pattern. `span` is where the pattern was written.
    pub fn select(&mut self, pattern: &str, span: &Span) -> Result<Selection, Diagnostic> {
        let parts: Vec<(String, Span)> = split(pattern)
            .into_iter()
            .map(|part| {
                let place = place(pattern, &part, span);
                (part, place)
            })
            .collect();
        self.evaluate(&parts)
    }

    /// The hosts that a `--limit` allows; `@FILE` names a file of patterns, one a line.
    pub fn limit(&mut self, limit: &str, env: &LoadEnv<'_>) -> Result<Selection, Diagnostic> {
        let option = File::new("--limit", limit);
        let whole = Span::new(&option, 0, limit.len());
        let mut parts = Vec::new();
        for part in split(limit) {
            let span = place(limit, &part, &whole);
            let Some(path) = part.strip_prefix('@') else {
                parts.push((part, span));
                continue;
            };
            let file = env.files.text(Path::new(path)).map_err(|mut found| {
                found.span = Some(span);
                found
            })?;
            parts.extend(lines(&file));
        }
        self.evaluate(&parts)
    }

    /// Plain parts first, then `&`, then `!`; without a plain part, of all hosts.
    fn evaluate(&mut self, parts: &[(String, Span)]) -> Result<Selection, Diagnostic> {
        let of = |mark: Option<char>| {
            let marked = |p: &&(String, Span)| p.0.chars().next().filter(|c| "&!".contains(*c));
            parts.iter().filter(move |p| marked(p) == mark)
        };
        let mut chosen = Chosen::default();
        let mut warnings = Vec::new();
        if of(None).next().is_none() && !parts.is_empty() {
            chosen.add(self.members(super::model::ALL));
        }
        for (text, span) in of(None) {
            chosen.add(self.part(text, span, &mut warnings)?);
        }
        for (mark, keep) in [('&', true), ('!', false)] {
            for (text, span) in of(Some(mark)) {
                let found = self.part(&text[1..], span, &mut warnings)?;
                let mut inside = vec![false; self.hosts.len()];
                found.iter().for_each(|h| inside[*h] = true);
                chosen.hosts.retain(|h| inside[*h] == keep);
            }
        }
        let names = chosen.hosts.iter().map(|h| self.hosts[*h].name.clone());
        Ok(Selection {
            hosts: names.collect(),
            warnings,
        })
    }

    /// The hosts of a part without its mark.
    fn part(
        &mut self,
        text: &str,
        span: &Span,
        warnings: &mut Vec<Diagnostic>,
    ) -> Result<Vec<usize>, Diagnostic> {
        let named = self.host_index.get(text).copied();
        if let Some(host) = named.filter(|h| !self.hosts[*h].implicit) {
            return Ok(vec![host]);
        }
        let (expression, subscript) = subscript(text);
        let found = self.matches(expression, span, warnings)?;
        let Some((from, to)) = subscript.filter(|_| !found.is_empty()) else {
            return Ok(found);
        };
        let count = i64::try_from(found.len()).unwrap_or(i64::MAX);
        let from = if from < 0 { from + count } else { from };
        let to = match to {
            Bound::One => from,
            Bound::Last => count - 1,
            Bound::To(to) => to.min(count - 1),
        };
        if matches!(subscript, Some((_, Bound::One))) && !(0..count).contains(&from) {
            let text = format!("{expression} has {count} hosts, so there is no {text}");
            return Err(Diagnostic::error(span, text).code(Code::Pattern));
        }
        let place = |n: i64| usize::try_from(n).unwrap_or(0);
        Ok(if from > to {
            Vec::new()
        } else {
            found[place(from)..=place(to)].to_vec()
        })
    }

    /// The hosts of a name, of a group, of a wildcard or of a regular expression.
    fn matches(
        &mut self,
        text: &str,
        span: &Span,
        warnings: &mut Vec<Diagnostic>,
    ) -> Result<Vec<usize>, Diagnostic> {
        let matcher = Matcher::new(text, span)?;
        let mut chosen = Chosen::default();
        let mut any_group = false;
        if let Matcher::Name(name) = &matcher {
            if let Some(group) = self.group_index.get(*name) {
                any_group = true;
                chosen.add(self.members(*group));
            }
        } else {
            for group in 0..self.groups.len() {
                if matcher.matches(&self.groups[group].name) {
                    any_group = true;
                    chosen.add(self.members(group));
                }
            }
        }
        if !any_group || text.starts_with('~') || text.contains(['.', '?', '*', '[']) {
            let hits = self.hosts.iter().enumerate();
            let hits = hits.filter(|(_, h)| !h.implicit && matcher.matches(h.name.as_str()));
            chosen.add(hits.map(|(i, _)| i).collect());
        }
        if chosen.hosts.is_empty() && LOCALHOST.contains(&text) {
            let name = self.host_or_implicit(text).map(|h| h.name.clone());
            chosen.add(
                name.and_then(|n| self.host_index.get(&n).copied())
                    .into_iter()
                    .collect(),
            );
        }
        if chosen.hosts.is_empty() && !any_group && text != "all" {
            warnings.push(self.unmatched(text, span));
        }
        Ok(chosen.hosts)
    }

    fn unmatched(&self, text: &str, span: &Span) -> Diagnostic {
        let message = format!("could not match supplied host pattern, ignoring: {text}");
        let warning = Diagnostic::warning(span, message).code(Code::UnknownHost);
        if text.starts_with('~') || text.contains(['*', '?', '[']) {
            return warning;
        }
        let groups = self.groups.iter().map(|g| &*g.name);
        let hosts = self
            .hosts
            .iter()
            .filter(|h| !h.implicit)
            .map(|h| h.name.as_str());
        match suggest::nearest(text, groups.chain(hosts)) {
            Some(near) => warning.hint(format!("did you mean `{near}`?")),
            None if self.hosts.is_empty() => {
                warning.hint("the inventory has no hosts; name one with `-i`")
            }
            None => warning,
        }
    }
}

/// Hosts without repetition, in the order they came.
#[derive(Default)]
struct Chosen {
    hosts: Vec<usize>,
    seen: Vec<bool>,
}

impl Chosen {
    fn add(&mut self, hosts: Vec<usize>) {
        for host in hosts {
            if host >= self.seen.len() {
                self.seen.resize(host + 1, false);
            }
            if !std::mem::replace(&mut self.seen[host], true) {
                self.hosts.push(host);
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Bound {
    One,
    Last,
    To(i64),
}

/// A pattern and the subscript behind it: `web[0]`, `web[-1]`, `web[1:3]`, `web[2:]`.
fn subscript(text: &str) -> (&str, Option<(i64, Bound)>) {
    let parsed = || {
        if text.starts_with('~') {
            return None;
        }
        let (head, inside) = text.strip_suffix(']')?.rsplit_once('[')?;
        let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
        let bounds = match inside.split_once(':') {
            None if digits(inside.strip_prefix('-').unwrap_or(inside)) => {
                (inside.parse().ok()?, Bound::One)
            }
            Some((from, "")) if digits(from) => (from.parse().ok()?, Bound::Last),
            Some((from, to)) if digits(from) && digits(to) => {
                (from.parse().ok()?, Bound::To(to.parse().ok()?))
            }
            _ => return None,
        };
        (!head.is_empty()).then_some((head, Some(bounds)))
    };
    parsed().unwrap_or((text, None))
}

/// The parts of a pattern. Commas separate; without any, colons do, unless the whole is an address
/// or a name with a port.
fn split(pattern: &str) -> Vec<String> {
    let parts: Vec<&str> = if pattern.contains(',') {
        pattern.split(',').collect()
    } else if range::address(pattern, true).is_some() {
        vec![pattern]
    } else {
        at_colons(pattern)
    };
    let parts = parts.into_iter().map(str::trim).filter(|p| !p.is_empty());
    parts.map(str::to_owned).collect()
}

/// Pieces between colons and blanks; those within brackets do not separate.
fn at_colons(pattern: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    let mut skip_to = 0;
    for (at, c) in pattern.char_indices() {
        if at < skip_to {
            continue;
        }
        if c == '[' {
            if let Some(close) = pattern[at..].find(']') {
                skip_to = at + close + 1;
            }
        } else if c == ':' || c.is_whitespace() {
            parts.push(&pattern[start..at]);
            start = at + c.len_utf8();
        }
    }
    parts.push(&pattern[start..]);
    parts
}

/// Where a part stands, if the pattern stands in the file as it is.
fn place(pattern: &str, part: &str, span: &Span) -> Span {
    let text = span.file.text.get(span.start as usize..span.end as usize);
    let within = text.and_then(|t| Some(t.find(pattern)? + pattern.find(part)?));
    match within {
        Some(at) => {
            let start = span.start as usize + at;
            Span::new(&span.file, start, start + part.len())
        }
        None => span.clone(),
    }
}

/// The lines of a limit file, each a pattern with its place.
fn lines(file: &Arc<File>) -> Vec<(String, Span)> {
    let mut start = 0;
    let mut out = Vec::new();
    for line in file.text.split_inclusive('\n') {
        let text = line.trim();
        if !text.is_empty() {
            let at = start + (line.len() - line.trim_start().len());
            out.push((text.to_owned(), Span::new(file, at, at + text.len())));
        }
        start += line.len();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::LoadEnv;
    use super::*;
    use crate::source::Files;
    use crate::source::vault::Keyring;

    fn fleet() -> Inventory {
        let files = Files::map([(
            "hosts",
            "[web]\nweb[1:4].x\n[prod]\nweb1.x\nweb3.x\ndb1\n[old]\nweb3.x\n[empty]\n",
        )]);
        let env = LoadEnv {
            files: &files,
            run_script: &|_, _| Err("none".into()),
            vault: &Keyring::default(),
        };
        Inventory::load(&["hosts".into()], &env).0
    }

    fn chosen(pattern: &str) -> String {
        let file = File::new("site.yml", format!("hosts: {pattern}"));
        let span = Span::new(&file, 7, file.text.len());
        match fleet().select(pattern, &span) {
            Err(found) => format!("{} {}", found.span.unwrap(), found.message),
            Ok(selection) => {
                let names: Vec<&str> = selection.hosts.iter().map(HostName::as_str).collect();
                let mut text = names.join(" ");
                for warning in selection.warnings {
                    text += &format!("! {} {:?}", warning.span.unwrap(), warning.hints);
                }
                text
            }
        }
    }

    #[test]
    fn patterns_select_in_inventory_order() {
        for (pattern, expected) in [
            ("all", "web1.x web2.x web3.x web4.x db1"),
            ("*", "web1.x web2.x web3.x web4.x db1"),
            ("web:&prod:!old", "web1.x"),
            ("!old:web", "web1.x web2.x web4.x"),
            ("!web", "db1"),
            ("&prod", "web1.x web3.x db1"),
            ("db1,web1.x", "db1 web1.x"),
            ("web[0]", "web1.x"),
            ("web[-1]", "web4.x"),
            ("web[1:2]", "web2.x web3.x"),
            ("web[2:]", "web3.x web4.x"),
            ("web[1:99]", "web2.x web3.x web4.x"),
            ("web?.x", "web1.x web2.x web3.x web4.x"),
            ("web[!12].x", "web3.x web4.x"),
            ("*.x[0]", "web1.x"),
            ("~(web|db)1", "web1.x db1"),
            ("~eb1", "! site.yml:1:8 []"),
            ("empty", ""),
            ("localhost", "localhost"),
            ("web1.x:22", "! site.yml:1:8 [\"did you mean `web1.x`?\"]"),
            (
                "web:wbe",
                "web1.x web2.x web3.x web4.x! site.yml:1:12 [\"did you mean `web`?\"]",
            ),
            (
                "web[7]",
                "site.yml:1:8 web has 4 hosts, so there is no web[7]",
            ),
        ] {
            assert_eq!(chosen(pattern), expected, "{pattern}");
        }
        assert!(chosen("~(").starts_with("site.yml:1:8 not a regular expression"));
    }

    #[test]
    fn a_limit_reads_files() {
        let files = Files::map([("site.retry", "web2.x\n\n  db1\n")]);
        let env = LoadEnv {
            files: &files,
            run_script: &|_, _| Err("none".into()),
            vault: &Keyring::default(),
        };
        let found = fleet().limit("@site.retry,!db1", &env).unwrap();
        assert_eq!(found.hosts, [HostName::new("web2.x")]);
        let missing = fleet().limit("@none", &env).unwrap_err();
        assert_eq!(missing.span.unwrap().to_string(), "--limit:1:1");
    }

    #[test]
    fn orders() {
        let names = ["b", "c", "a", "d"].map(HostName::new);
        let ordered = |order: &str, seed| {
            let mut hosts = names.clone();
            Order::parse(order).unwrap().apply(&mut hosts, seed);
            hosts.iter().map(HostName::as_str).collect::<String>()
        };
        assert_eq!(ordered("inventory", 0), "bcad");
        assert_eq!(ordered("reverse_inventory", 0), "dacb");
        assert_eq!(ordered("sorted", 0), "abcd");
        assert_eq!(ordered("reverse_sorted", 0), "dcba");
        assert_eq!(ordered("shuffle", 1), ordered("shuffle", 1));
        assert!((0..9).any(|seed| ordered("shuffle", seed) != "bcad"));
    }
}
