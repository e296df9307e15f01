//! Kernel parameters have a value, or one within a bound: in the kernel now, and after the next boot.
//!
//! Changed when the kernel's own value is another, or the files that are read at boot would set another
//! or none. All of them are seen, in the order in which they are read, ufw's own too; lines in /etc
//! and /run that say otherwise become comments, and the value goes to a file of ours that is read
//! last. Parameters that this kernel does not have are passed over; where it has none of them, the
//! task is skipped and says so.

use std::collections::BTreeMap;

use crate::resource::texts::{TextFile, matches};
use crate::resource::{Change, Query, RemotePath, Resource, State};
use crate::source::{Mapping, Value};

use super::attrs::Attrs;
use super::drop_ins;
use super::wish::{Wish, whole};
use super::{ArgError, Decision, Failure, Observed, Spec, Task};

crate::args! {
    pub(crate) struct Args {
        /// The parameters that all get this value.
        name: Vec<String> = required, aka ["names", "key"];
        /// The value they have.
        value: Option<String>;
        /// The number they have at least.
        at_least: Option<i64>;
        /// The number they have at most.
        at_most: Option<i64>;
        /// The values they may have; the first where they have none of them.
        one_of: Vec<String> = "[]";
        /// The file that is read at boot, where one of ours is needed.
        file: RemotePath = "/etc/sysctl.d/99-zz-palisade.conf";
    }
}

pub(crate) static SPEC: Spec = Spec {
    name: "sysctl_value",
    collection: "palisade",
    aliases: &[],
    summary: "Sees that kernel parameters have a value, now and after the next boot",
    notes: "Changed when the kernel has another value, or would get another at boot.",
    examples: "
- name: Sources of packets are checked
  sysctl_value:
    name: [net.ipv4.conf.all.rp_filter, net.ipv4.conf.default.rp_filter]
    value: 1
- name: Only parents trace processes
  sysctl_value:
    name: kernel.yama.ptrace_scope
    at_least: 1
",
    params: Args::params,
    free_form: None,
    open: false,
    skips_check: false,
    parse,
};

/// Files that are read at boot, in the order in which folders hide each other.
const FILES: &[&str] = &[
    "/etc/sysctl.d/*.conf",
    "/run/sysctl.d/*.conf",
    "/usr/local/lib/sysctl.d/*.conf",
    "/usr/lib/sysctl.d/*.conf",
    "/lib/sysctl.d/*.conf",
    "/etc/sysctl.conf",
    "/etc/ufw/sysctl.conf",
];
/// Read after all others.
const LAST: &[&str] = &["/etc/sysctl.conf", "/etc/ufw/sysctl.conf"];

fn parse(map: Mapping) -> Result<Box<dyn Task>, ArgError> {
    let mut args = Args::read(map)?;
    for name in &mut args.name {
        *name = canonical(name.trim());
        if name.is_empty() || name.contains(['\n', '=', ' ', '*', '?']) {
            return Err(ArgError::new(
                "name",
                format!("`{name}` is no name of a parameter"),
            ));
        }
    }
    if args
        .value
        .iter()
        .chain(&args.one_of)
        .any(|v| v.contains('\n') || v.trim().is_empty())
    {
        return Err(ArgError::new("value", "a value is one line"));
    }
    let wish = args.wish();
    wish.check()?;
    if !wish.is_some() {
        return Err(ArgError::new("value", "no value is wished for")
            .hint("give `value`, `at_least`, `at_most` or `one_of`"));
    }
    Ok(Box::new(args))
}

/// The name with dots between its parts, as `sysctl` prints it.
fn canonical(name: &str) -> String {
    let slashed = match (name.find('/'), name.find('.')) {
        (Some(slash), Some(dot)) => slash < dot,
        (slash, _) => slash.is_some(),
    };
    let swap = |c: char| match c {
        '/' => '.',
        '.' => '/',
        other => other,
    };
    match slashed {
        true => name.chars().map(swap).collect(),
        false => name.to_owned(),
    }
}

/// A line that sets a parameter at boot.
struct Line {
    file: usize,
    number: usize,
    value: String,
    /// It names the parameter itself, not by a pattern.
    exact: bool,
}

/// The name and the value that a line sets.
fn assignment(line: &str) -> Option<(&str, &str)> {
    let line = line.trim();
    if line.is_empty() || line.starts_with(['#', ';']) {
        return None;
    }
    let (name, value) = line.split_once('=')?;
    Some((name.trim().trim_start_matches('-').trim(), value.trim()))
}

/// Whether the name of a line means a parameter: `Some(true)` if it is that name, `Some(false)` if it
/// is a pattern that matches.
fn names(written: &str, name: &str) -> Option<bool> {
    let written = canonical(written);
    if written == name {
        return Some(true);
    }
    let is_pattern = written.contains(['*', '?', '[']);
    let path = |n: &str| n.replace('.', "/");
    (is_pattern && matches(&path(&written), &path(name))).then_some(false)
}

impl Args {
    fn wish(&self) -> Wish {
        Wish {
            value: self.value.clone(),
            at_most: self.at_most,
            at_least: self.at_least,
            one_of: self.one_of.clone(),
        }
    }

    fn on(name: &str) -> Resource {
        Resource::Sysctl(name.to_owned())
    }

    /// The files in the order in which they are read.
    fn files(&self, seen: &Observed) -> Result<Vec<TextFile>, Failure> {
        let all = seen
            .texts(&Resource::texts(FILES.iter().copied()))
            .map_err(Failure::new)?;
        let is_last = |f: &TextFile| LAST.contains(&f.path.as_str());
        let (last, first): (Vec<_>, Vec<_>) = all.into_iter().partition(is_last);
        let mut files = drop_ins::overlaid(first);
        // A drop-in that is a link to the old file is that file.
        files.retain(|f| !last.iter().any(|l| l.path == *f.target()));
        files.extend(last);
        Ok(files)
    }

    /// What is mended at boot, as the texts of files by their places; and what the bound wants of ours.
    fn boot(
        &self,
        texts: &mut [String],
        files: &[TextFile],
        name: &str,
        live: &str,
        wish: &Wish,
    ) -> Boot {
        let lines = found(texts, name);
        let wins = lines.iter().rev().find(|l| l.exact).or(lines.last());
        let effective = wins.map(|l| {
            (
                l.value.clone(),
                format!("{}:{}", files[l.file].path, l.number),
            )
        });
        let wrong: Vec<(usize, usize)> = lines
            .iter()
            .filter(|l| l.exact && !wish.accepts(&l.value, whole))
            .map(|l| (l.file, l.number))
            .collect();
        let wanted = match wish.accepts(live, whole) {
            true => live.split_whitespace().collect::<Vec<_>>().join(" "),
            false => wish.goal(Some(live), whole),
        };
        for (at, number) in wrong {
            let path = files[at].path.as_str();
            let ufw = path == LAST[1];
            if !(path.starts_with("/etc/") || path.starts_with("/run/"))
                || files[at].path == self.file
            {
                continue;
            }
            texts[at] = drop_ins::lines(&texts[at], |n, line| {
                match (n == number, line.split_once('=')) {
                    (true, Some((key, _))) if ufw => Some(format!("{key}={wanted}")),
                    (true, _) => Some(format!("# {line}")),
                    _ => None,
                }
            });
        }
        let lines = found(texts, name);
        let wins = lines.iter().rev().find(|l| l.exact);
        let ours = wins.is_none_or(|l| !wish.accepts(&l.value, whole));
        Boot {
            effective,
            ours: ours.then_some(wanted),
        }
    }
}

/// How a parameter will be after the next boot.
struct Boot {
    /// The value and the line that sets it now.
    effective: Option<(String, String)>,
    /// The value that our file must set.
    ours: Option<String>,
}

fn found(texts: &[String], name: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    for (file, text) in texts.iter().enumerate() {
        for (line, number) in text.lines().zip(1..) {
            if let Some((written, value)) = assignment(line)
                && let Some(exact) = names(written, name)
            {
                let value = value.to_owned();
                lines.push(Line {
                    file,
                    number,
                    value,
                    exact,
                });
            }
        }
    }
    lines
}

/// The text with the parameter in it once.
fn set(text: &str, name: &str, value: &str) -> String {
    let line = format!("{name} = {value}");
    let is = |l: &str| assignment(l).is_some_and(|(n, _)| canonical(n) == name);
    let first = text.lines().position(is);
    let mut out = drop_ins::lines(text, |number, l| match (is(l), first) {
        (true, Some(first)) if first + 1 == number => Some(line.clone()),
        (true, _) => Some(String::new()),
        _ => None,
    });
    if first.is_none() {
        if !out.is_empty() && !out.ends_with('\n') {
            out.push('\n');
        }
        out.push_str(&line);
        out.push('\n');
    }
    out
}

impl Task for Args {
    fn reads(&self, seen: &Observed) -> Vec<Query> {
        let attrs = Attrs::default();
        let mut queries: Vec<Query> = self.name.iter().map(|n| Query::meta(Args::on(n))).collect();
        queries.push(Query::meta(Resource::texts(FILES.iter().copied())));
        queries.extend(drop_ins::own(&self.file, &attrs).reads(seen));
        queries
    }

    fn decide(&self, seen: &Observed) -> Result<Decision, Failure> {
        let wish = self.wish();
        let (live, absent) = self.live(seen)?;
        if live.is_empty() {
            let why = format!("this kernel has no parameter {}", absent.join(", "));
            return Ok(Decision::skipped(why));
        }
        let files = self.files(seen)?;
        let mut texts = Vec::new();
        for file in &files {
            texts.push(file.text().map_err(Failure::new)?.into_owned());
        }
        let before = texts.clone();
        let attrs = Attrs::default();
        let edit = drop_ins::own(&self.file, &attrs);
        let ours = edit.open(seen)?;
        let mut text = ours.text.clone();
        let mut decision = Decision::default();
        let mut effective = Mapping::new();
        for (name, value) in &live {
            let boot = self.boot(&mut texts, &files, name, value, &wish);
            if let Some(wanted) = &boot.ours {
                text = set(&text, name, wanted);
            }
            let (at_boot, at) = boot.effective.unzip();
            effective.insert(
                name.as_str().into(),
                Value::Mapping(crate::result! {
                    "live" => value.trim(),
                    "boot" => at_boot.map_or(Value::Null, Value::from),
                    "at" => at.map_or(Value::Null, Value::from),
                }),
            );
        }
        for ((file, old), new) in files.iter().zip(&before).zip(&texts) {
            if old != new && file.path != self.file {
                decision.set(drop_ins::rewrite(file, new));
            }
        }
        let changed = (text != ours.text).then_some(text.as_str());
        decision
            .steps
            .extend(edit.close(seen, &ours, changed)?.decision.steps);
        for (name, value) in live.iter().filter(|(_, v)| !wish.accepts(v, whole)) {
            let (before, after) = (
                State::Sysctl(value.clone()),
                State::Sysctl(wish.goal(Some(value), whole)),
            );
            decision.set(Change::new(Args::on(name), before, after));
        }
        decision.result = crate::result! { "effective" => effective };
        if !absent.is_empty() {
            decision.result.insert("absent".into(), absent.into());
        }
        Ok(decision)
    }
}

impl Args {
    /// The kernel's own values, and the names it does not know.
    fn live(&self, seen: &Observed) -> Result<(BTreeMap<String, String>, Vec<String>), Failure> {
        let mut live = BTreeMap::new();
        let mut absent = Vec::new();
        for name in &self.name {
            match seen.get(&Args::on(name)) {
                State::Sysctl(value) => {
                    live.insert(name.clone(), value.clone());
                }
                State::Refused(why) => return Err(Failure::new(format!("{name}: {why}"))),
                _ => absent.push(name.clone()),
            }
        }
        Ok((live, absent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_lines_are_compared_as_the_kernel_reads_them() {
        assert_eq!(
            canonical("net/ipv4/conf/eth0.1/forwarding"),
            "net.ipv4.conf.eth0/1.forwarding"
        );
        assert_eq!(
            names("net.ipv4.conf.*.rp_filter", "net.ipv4.conf.all.rp_filter"),
            Some(false)
        );
        assert_eq!(
            names("net/ipv4/ip_forward", "net.ipv4.ip_forward"),
            Some(true)
        );
        assert_eq!(names("net.ipv4.ip_forward", "net.ipv4.ip_forward2"), None);
        assert_eq!(assignment("- kernel.x = 1 2"), Some(("kernel.x", "1 2")));
        assert_eq!(assignment("; kernel.x = 1"), None);
    }

    #[test]
    fn a_parameter_stands_once_in_our_file() {
        assert_eq!(
            set("# a\nx.y = 1\nx.z=2\nx.y=3\n", "x.y", "0"),
            "# a\nx.y = 0\nx.z=2\n"
        );
        assert_eq!(set("a.b=1", "x.y", "0"), "a.b=1\nx.y = 0\n");
    }
}
