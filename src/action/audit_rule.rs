//! Rules of the kernel's audit, read for what they mean.
//!
//! `-w /etc/passwd -p wa -k x` and `-a always,exit -F perm=aw -F path=/etc/passwd -F key=y` watch the same
//! thing: keys name records, they do not choose them. A rule over several calls is met by rules that
//! cover them between them.

use std::collections::BTreeSet;

/// One line of a rules file that says something.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Rule {
    /// A setting of the audit itself: `-e 2`, `-b 8192`.
    Control {
        flag: String,
        value: String,
    },
    Event(Event),
}

/// Which events are recorded.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Event {
    /// `always` and `exit`, in whatever order they were written.
    list: BTreeSet<String>,
    /// Conditions in one spelling, without key and permissions.
    fields: BTreeSet<String>,
    /// `r`, `w`, `x`, `a`; empty where the rule does not say.
    perms: BTreeSet<char>,
    /// Empty means all.
    calls: BTreeSet<String>,
}

/// Reads a line; `None` where it is a comment or empty.
///
/// # Errors
/// Says what is no rule.
pub(crate) fn read(line: &str) -> Result<Option<Rule>, String> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let mut words = line.split_whitespace();
    let mut event = Event::default();
    let wrong = || format!("`{line}` is no audit rule");
    while let Some(flag) = words.next() {
        match flag {
            "-w" => {
                let path = words.next().ok_or_else(wrong)?;
                event.list = exit_always();
                event.fields.insert(field(&format!("path={path}")));
            }
            "-p" => event.perms = words.next().ok_or_else(wrong)?.chars().collect(),
            "-a" | "-A" => {
                let list = words.next().ok_or_else(wrong)?;
                event.list = list.split(',').map(str::to_owned).collect();
            }
            "-F" => match words.next().ok_or_else(wrong)? {
                key if key.starts_with("key=") => {}
                perm if perm.starts_with("perm=") => event.perms = perm[5..].chars().collect(),
                other => {
                    event.fields.insert(field(other));
                }
            },
            "-C" => {
                let compared = words.next().ok_or_else(wrong)?;
                event.fields.insert(comparison(compared));
            }
            "-S" => {
                let calls = words.next().ok_or_else(wrong)?.split(',');
                event
                    .calls
                    .extend(calls.filter(|c| *c != "all").map(str::to_owned));
            }
            "-k" => {
                words.next().ok_or_else(wrong)?;
            }
            flag if flag.starts_with('-') && event == Event::default() => {
                let value: Vec<&str> = words.collect();
                return Ok(Some(Rule::Control {
                    flag: flag.to_owned(),
                    value: value.join(" "),
                }));
            }
            _ => return Err(wrong()),
        }
    }
    if event.list.is_empty() {
        return Err(wrong());
    }
    if event.perms.is_empty() && line.starts_with("-w") {
        event.perms = "rwxa".chars().collect();
    }
    Ok(Some(Rule::Event(event)))
}

fn exit_always() -> BTreeSet<String> {
    ["always", "exit"].map(str::to_owned).into()
}

/// Numbers of errors that rules name.
const ERRORS: [(&str, &str); 3] = [("EPERM", "1"), ("ENOENT", "2"), ("EACCES", "13")];

/// A condition in one spelling.
fn field(text: &str) -> String {
    let text = text.trim_matches(['"', '\'']);
    let Some(at) = text.find(['=', '!', '<', '>', '&']) else {
        return text.to_owned();
    };
    let (name, rest) = text.split_at(at);
    let value_at = rest.find(|c| !"=!<>&".contains(c)).unwrap_or(rest.len());
    let (sign, value) = rest.split_at(value_at);
    let (name, value) = match name {
        "dir" | "path" => ("path", value.strip_suffix('/').unwrap_or(value)),
        "auid" | "loginuid" => match value {
            "-1" | "4294967295" => ("auid", "unset"),
            other => ("auid", other),
        },
        "exit" => {
            let bare = value.trim_start_matches('-');
            let number = ERRORS.iter().find(|(word, _)| *word == bare);
            (
                "exit",
                number.map_or(value.trim_start_matches('-'), |(_, n)| n),
            )
        }
        "uid" | "euid" | "suid" | "gid" | "egid" if value == "root" => (name, "0"),
        other => (other, value),
    };
    format!("{name}{sign}{value}")
}

/// A comparison of two fields: which of them comes first does not matter.
fn comparison(text: &str) -> String {
    let sign = if text.contains("!=") { "!=" } else { "=" };
    let mut sides: Vec<&str> = text.split(sign).collect();
    sides.sort_unstable();
    format!("-C {}", sides.join(sign))
}

/// Whether rules that are there do what a wanted one asks.
pub(crate) fn covers(there: &[Rule], wanted: &Rule) -> bool {
    match wanted {
        Rule::Control { flag, value } => {
            let set = there.iter().rev().find_map(|r| match r {
                Rule::Control { flag: f, value: v } if f == flag => Some(v),
                _ => None,
            });
            set == Some(value)
        }
        Rule::Event(wanted) => {
            let like: Vec<&Event> = there
                .iter()
                .filter_map(|r| match r {
                    Rule::Event(event) if event.is_like(wanted) => Some(event),
                    _ => None,
                })
                .collect();
            let all = like.iter().any(|e| e.calls.is_empty());
            let one = |call: &String| like.iter().any(|e| e.calls.contains(call));
            all || (!wanted.calls.is_empty() && wanted.calls.iter().all(one))
        }
    }
}

impl Event {
    /// The same conditions, and at least the permissions.
    fn is_like(&self, wanted: &Event) -> bool {
        let enough = match (self.perms.is_empty(), wanted.perms.is_empty()) {
            (true, _) => true,
            (false, true) => false,
            (false, false) => self.perms.is_superset(&wanted.perms),
        };
        self.list == wanted.list && self.fields == wanted.fields && enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(line: &str) -> Rule {
        read(line).expect("a rule").expect("a rule")
    }

    fn meets(there: &[&str], wanted: &str) -> bool {
        let there: Vec<Rule> = there.iter().map(|l| rule(l)).collect();
        covers(&there, &rule(wanted))
    }

    #[test]
    fn spellings_of_one_rule_are_the_same() {
        for (there, wanted) in [
            (
                "-w /etc/passwd -p wa -k a",
                "-a always,exit -F perm=aw -F path=/etc/passwd -F key=b",
            ),
            (
                "-w /etc/sudoers.d/ -p rwxa",
                "-w /etc/sudoers.d -p wa -k scope",
            ),
            (
                "-a exit,always -F auid!=4294967295 -F arch=b64 -S open,openat -F exit=-13",
                "-a always,exit -F arch=b64 -S openat -F exit=-EACCES -F auid!=unset -k access",
            ),
            (
                "-a always,exit -C uid!=euid -S execve",
                "-a always,exit -C euid!=uid -S execve",
            ),
        ] {
            assert!(meets(&[there], wanted), "{there} is {wanted}");
        }
        assert!(!meets(&["-w /etc/passwd -p r"], "-w /etc/passwd -p wa"));
        assert!(!meets(
            &["-a always,exit -F arch=b32 -S open"],
            "-a always,exit -F arch=b64 -S open"
        ));
    }

    #[test]
    fn calls_may_be_spread_over_rules() {
        let there = [
            "-a always,exit -F arch=b64 -S a -S b",
            "-a always,exit -S c -F arch=b64",
        ];
        assert!(meets(&there, "-a always,exit -F arch=b64 -S a,c"));
        assert!(!meets(&there, "-a always,exit -F arch=b64 -S a,d"));
        assert!(!meets(&there, "-a always,exit -F arch=b64"));
    }

    #[test]
    fn the_last_setting_counts() {
        assert!(meets(&["-e 1", "-e 2"], "-e 2") && !meets(&["-e 2", "-e 1"], "-e 2"));
        assert!(read("# a").expect("fine").is_none() && read("rubbish").is_err());
    }
}
