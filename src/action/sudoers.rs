//! Sets a default of sudo, or takes a tag out of its rules, over `/etc/sudoers` and what it includes.
//!
//! Defaults go to a file of ours in the folder that the main one includes; items elsewhere that say
//! otherwise are taken out, also those for one user, host or command. Every file is looked at by
//! `visudo` before it is put in place.

use crate::resource::{Query, RemotePath, Resource, State, Want};
use crate::source::Value;

use super::args::Present;
use super::drops::{self, Drops};
use super::sudoers_text::{self as text, Item, Tagged};
use super::wish::{Wish, spelled};
use super::{ArgError, Decision, Failure, Observed, Spec, Task};

crate::args! {
    pub(crate) struct Args {
        /// The default, as `sudoers(5)` has it (`use_pty`, `logfile`).
        default: Option<String>, aka ["name", "option"];
        /// Its value; `true` and `false` switch a flag on and off.
        value: Option<Value>;
        /// The largest number that will do.
        at_most: Option<i64>;
        /// The smallest number that will do.
        at_least: Option<i64>;
        /// Set what is not set, even where sudo does it anyway.
        explicit: bool = "true";
        /// A tag that no rule should have (`NOPASSWD`).
        tag: Option<String>;
        /// Whose rules, and defaults of their own, stay as they are: users, and `%groups`.
        except: Vec<String> = "[]";
        /// Whose login this is keeps what it has too, so that nobody is shut out by chance.
        spare_login: bool = "true";
        /// Whether the default should be set at all; a tag can only be absent.
        state: Present = "present";
        /// The main file.
        path: RemotePath = "/etc/sudoers";
        /// The file of ours.
        drop_in: RemotePath = "/etc/sudoers.d/palisade";
        /// A command that must accept every file that is written; `%s` is its path. Empty for none.
        validate: String = "visudo -cf %s";
    }
}

pub(crate) static SPEC: Spec = Spec {
    name: "sudoers",
    collection: "palisade",
    aliases: &[],
    summary: "Sets a default of sudo, or takes a tag out of its rules",
    notes: "Changed when a file changes. The result says what was found, and where. Skipped where sudo is not \
installed.",
    examples: "
- name: What runs as root has a terminal of its own
  sudoers: {default: use_pty, value: true}
- name: A password is asked again after a quarter of an hour
  sudoers: {default: timestamp_timeout, at_most: 15, at_least: 0}
- name: Nobody becomes root without a password, but for the one who deploys
  sudoers: {tag: NOPASSWD, state: absent, except: [deploy]}
",
    params: Args::params,
    free_form: None,
    open: false,
    skips_check: false,
    parse: |map| Ok(Box::new(Sudo::new(Args::read(map)?)?)),
};

struct Sudo {
    args: Args,
    wish: Wish,
    /// On, off, or no flag.
    flag: Option<bool>,
}

impl Sudo {
    fn new(args: Args) -> Result<Sudo, ArgError> {
        super::place::exclusive(&[
            ("default", args.default.is_some()),
            ("tag", args.tag.is_some()),
        ])?;
        if !args.validate.is_empty() {
            super::place::check_validate(Some(&args.validate))?;
        }
        let flag = match &args.value {
            Some(Value::Bool(on)) => Some(*on),
            Some(Value::String(word)) if word == "True" => Some(true),
            Some(Value::String(word)) if word == "False" => Some(false),
            _ => None,
        };
        let value = match &args.value {
            Some(value) if flag.is_none() => {
                Some(spelled(value, " ").map_err(|e| ArgError::new("value", e))?)
            }
            _ => None,
        };
        let wish = Wish {
            value,
            at_most: args.at_most,
            at_least: args.at_least,
            one_of: Vec::new(),
        };
        wish.check()?;
        let is_word =
            |w: &str| !w.is_empty() && w.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        match (&args.default, &args.tag) {
            (None, None) => return Err(ArgError::new("", "one of default and tag is needed")),
            (Some(name), _) | (_, Some(name)) if !is_word(name) => {
                return Err(ArgError::new("default", format!("`{name}` is no name")));
            }
            (None, Some(_)) if args.state == Present::Present => {
                let error = ArgError::new("tag", "a tag can only be taken out");
                return Err(error.hint("say state: absent"));
            }
            (Some(_), _) if args.state == Present::Present && flag.is_some() == wish.is_some() => {
                return Err(ArgError::new(
                    "",
                    "one of value, at_most, at_least is needed",
                ));
            }
            _ => {}
        }
        Ok(Sudo { args, wish, flag })
    }

    fn on(&self) -> Resource {
        Resource::texts([
            self.args.path.to_string(),
            format!("{}/*", self.args.drop_in.parent()),
        ])
    }

    fn accepts(&self, item: &Item) -> bool {
        if self.args.state == Present::Absent {
            return false;
        }
        match (self.flag, &item.value) {
            (Some(on), None) => on != item.negated,
            (None, Some(value)) => !item.negated && self.wish.accepts(value, minutes),
            _ => false,
        }
    }

    /// Whether a list of subjects is one of those that stay as they are.
    fn stays(&self, seen: &Observed, who: &[String], groups: &[String]) -> bool {
        let except = self.except(seen);
        let stays = |w: &String| {
            let group = w
                .strip_prefix('%')
                .is_some_and(|g| groups.iter().any(|own| own == g));
            group || except.contains(w)
        };
        !who.is_empty() && who.iter().all(stays)
    }

    /// The groups of those who are excepted: rules for these are theirs too.
    fn groups(&self, seen: &Observed) -> Vec<String> {
        let mut groups = Vec::new();
        for name in self.users(seen) {
            if let Some(State::User(user)) = seen.peek(&Resource::User(name)) {
                groups.push(user.group.clone());
                groups.extend(user.groups.clone());
            }
        }
        groups
    }

    /// Those who are named, and the one who logged in.
    fn except(&self, seen: &Observed) -> Vec<String> {
        let login = seen.me.login.clone();
        let login = Some(login).filter(|l| self.args.spare_login && !l.is_empty());
        self.args.except.iter().cloned().chain(login).collect()
    }

    fn users(&self, seen: &Observed) -> Vec<String> {
        let mut users = self.except(seen);
        users.retain(|n| !n.starts_with(['%', '#', '+']) && !n.is_empty());
        users
    }

    fn line(&self, found: Option<&Item>) -> String {
        let name = self.args.default.as_deref().unwrap_or_default();
        match self.flag {
            Some(true) => format!("Defaults {name}"),
            Some(false) => format!("Defaults !{name}"),
            None => {
                let found = found.and_then(|i| i.value.as_deref());
                let value = self.wish.goal(found, minutes);
                let plain = value
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
                match plain {
                    true => format!("Defaults {name}={value}"),
                    false => format!("Defaults {name}=\"{value}\""),
                }
            }
        }
    }

    fn set(
        &self,
        seen: &Observed,
        drops: &mut Drops,
        reads_own: bool,
        items: &[Item],
        groups: &[String],
    ) {
        let bad = items.iter().filter(|i| {
            let scoped = !i.scope.is_empty();
            let contradicts = !self.accepts(i);
            let who = i.scope.trim_start_matches([':', '@', '!', '>']);
            let who: Vec<String> = who.split(',').map(str::to_owned).collect();
            contradicts && !(scoped && self.stays(seen, &who, groups))
        });
        // From the last to the first, so that the numbers of lines stay true.
        let mut bad: Vec<&Item> = bad.collect();
        bad.sort_by_key(|i| std::cmp::Reverse((i.file, i.line)));
        bad.dedup_by_key(|i| (i.file, i.line));
        for item in bad {
            let own = drops.files[item.file].path == self.args.drop_in;
            let file = &mut drops.files[item.file];
            let dropped = |i: &str| {
                let (negated, name, value) = text::parts(i);
                name == item.name
                    && !self.accepts(&Item {
                        negated,
                        value,
                        ..item.clone()
                    })
            };
            file.text = without(&file.text, item.line, &dropped, own);
        }
        let global = items.iter().rfind(|i| i.scope.is_empty());
        let good = items.iter().any(|i| i.scope.is_empty() && self.accepts(i));
        let unset = global.is_none() && !self.args.explicit;
        let undone = global.is_some_and(|i| !self.accepts(i)) && !self.args.explicit;
        if good || unset || undone || self.args.state == Present::Absent {
            return;
        }
        let path = if reads_own {
            &self.args.drop_in
        } else {
            &self.args.path
        };
        let line = self.line(global);
        let present = drops.text(path.as_str()).unwrap_or_default();
        let at = match reads_own {
            true => None,
            false => present
                .lines()
                .position(|l| text::defaults(l.trim()).is_some()),
        };
        let present = drops::insert_line(present, at, &line);
        drops.set(path, present, 0o440);
    }

    fn untag(&self, drops: &mut Drops, tag: &str, found: &[Tagged]) {
        for rule in found {
            let file = &mut drops.files[rule.file];
            let logical = text::logical(&file.text);
            let count = logical
                .iter()
                .find(|l| l.line == rule.line)
                .map_or(1, |l| l.count);
            let lines = file
                .text
                .split_inclusive('\n')
                .enumerate()
                .map(
                    |(at, line)| match (rule.line..rule.line + count).contains(&at) {
                        true => text::without_tag(line, tag),
                        false => line.to_owned(),
                    },
                );
            file.text = lines.collect();
        }
    }
}

/// Minutes may have a fraction; what is begun counts.
fn minutes(text: &str) -> Option<i64> {
    if let Ok(whole) = text.trim().parse() {
        return Some(whole);
    }
    let (whole, fraction) = text.trim().split_once('.')?;
    let whole: i64 = if whole.is_empty() {
        0
    } else {
        whole.parse().ok()?
    };
    let more = fraction.bytes().any(|b| b != b'0');
    fraction
        .bytes()
        .all(|b| b.is_ascii_digit())
        .then_some(whole + i64::from(more))
}

/// A text without some items of the `Defaults` line that begins there. A line of which nothing is
/// left becomes a comment, in a file of ours it goes.
fn without(text: &str, line: usize, dropped: &dyn Fn(&str) -> bool, own: bool) -> String {
    let logical = text::logical(text);
    let Some(found) = logical.iter().find(|l| l.line == line) else {
        return text.to_owned();
    };
    let Some((scope, items)) = text::defaults(&found.text) else {
        return text.to_owned();
    };
    let left: Vec<&String> = items.iter().filter(|i| !dropped(i)).collect();
    let mut out = String::new();
    for (at, old) in text.split_inclusive('\n').enumerate() {
        let within = (line..line + found.count).contains(&at);
        match (within, left.is_empty()) {
            (false, _) => out.push_str(old),
            (true, true) if own => {}
            (true, true) => {
                out.push_str(&drops::commented(old.trim_end().trim_end_matches('\\')));
                out.push('\n');
            }
            (true, false) if at == line => {
                let left: Vec<&str> = left.iter().map(|i| i.as_str()).collect();
                out.push_str(&format!("Defaults{scope} {}\n", left.join(", ")));
            }
            (true, false) => {}
        }
    }
    out
}

impl Task for Sudo {
    fn reads(&self, seen: &Observed) -> Vec<Query> {
        let mut queries = drops::reads(&self.on(), Some(&self.args.drop_in));
        let users = self
            .users(seen)
            .into_iter()
            .map(|u| Query::new(Resource::User(u), Want::META));
        queries.extend(users);
        queries
    }

    fn decide(&self, seen: &Observed) -> Result<Decision, Failure> {
        let mut drops = Drops::open(seen, &self.on())?;
        if drops.get(self.args.path.as_str()).is_none() {
            let why = format!("sudo is not installed: {} is not there", self.args.path);
            return Ok(Decision::skipped(why));
        }
        let (order, reads_own) = text::order(&drops, &self.args.path, &self.args.drop_in);
        let groups = self.groups(seen);
        let mut result = crate::source::Mapping::new();
        let place = |drops: &Drops, file: usize, line| drops::at(&drops.files[file].path, line);
        if let Some(name) = &self.args.default {
            let items = text::items(&drops, &order, name);
            let global = items.iter().rfind(|i| i.scope.is_empty());
            result.insert("default".into(), name.as_str().into());
            let effective = global.map(|i| match &i.value {
                Some(value) => Value::from(value.as_str()),
                None => Value::Bool(!i.negated),
            });
            drops::say(&mut result, "effective", effective);
            drops::say(
                &mut result,
                "at",
                global.map(|i| place(&drops, i.file, i.line)),
            );
            let scoped = items.iter().filter(|i| !i.scope.is_empty());
            let scoped: Vec<String> = scoped
                .map(|i| format!("{} (Defaults{})", place(&drops, i.file, i.line), i.scope))
                .collect();
            if !scoped.is_empty() {
                result.insert("scoped".into(), drops::places(scoped));
            }
            self.set(seen, &mut drops, reads_own, &items, &groups);
        }
        if let Some(tag) = &self.args.tag {
            let found = text::tagged(&drops, &order, tag);
            let (kept, gone): (Vec<_>, Vec<_>) = found
                .into_iter()
                .partition(|t| self.stays(seen, &t.who, &groups));
            let say = |t: &Tagged| format!("{} {}", place(&drops, t.file, t.line), t.who.join(","));
            result.insert("tag".into(), tag.as_str().into());
            result.insert("found".into(), drops::places(gone.iter().map(say)));
            result.insert("excepted".into(), drops::places(kept.iter().map(say)));
            self.untag(&mut drops, tag, &gone);
        }
        let mut decision = Decision::default();
        let validate = Some(self.args.validate.as_str()).filter(|v| !v.is_empty());
        drops.close(seen, validate, &mut decision)?;
        decision.result = result;
        Ok(decision)
    }
}
