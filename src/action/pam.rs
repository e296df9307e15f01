//! A module in a stack of PAM: that it is there or not, and its arguments.
//!
//! Arguments of modules that `pam-auth-update` manages may be changed in place: it keeps such changes.
//! Modules of the stacks it manages come and go by profiles only: see `pam_profile`.

use crate::resource::{Query, RemotePath, Resource};
use crate::source::Mapping;

use super::args::Present;
use super::drops::{self, Drops};
use super::pam_text::{self, Entry};
use super::pam_update;
use super::wish::{Wish, whole};
use super::{ArgError, Decision, Failure, Observed, Spec, Task};

crate::choices! {
    /// The stacks of a file.
    pub(crate) enum Kind {
        Auth = "auth",
        Account = "account",
        Password = "password",
        Session = "session",
    }
}

crate::args! {
    pub(crate) struct Args {
        /// The service: a file of `/etc/pam.d`. Patterns (`common-*`) change arguments in all that match.
        service: String = required, aka ["name"];
        /// The stack.
        stack: Kind = required, aka ["type"];
        /// The module.
        module: String = required;
        /// What its answer means (`required`), where it is to be put in; what is there stays.
        control: Option<String>;
        /// Arguments it must have. One with `=` takes the place of another of the same name.
        arguments: Vec<String> = "[]";
        /// Arguments it must not have, by name: `nullok`, `remember`.
        without: Vec<String> = "[]";
        /// One of these it must have; the first is added where it has none, and the others go.
        one_of: Vec<String> = "[]";
        /// An argument with a number, to be bounded; where it is missing, `arguments` has what is added.
        bound: Option<String>;
        /// The largest number that will do for `bound`.
        at_most: Option<i64>;
        /// The smallest number that will do for `bound`.
        at_least: Option<i64>;
        /// Whether the module should be in the stack; `absent` takes it out.
        state: Present = "present";
        /// A new line goes before the first line with this module, or before `@include`s of this name.
        before: Option<String>;
        /// A new line goes behind the last line with this module, or behind `@include`s of this name.
        after: Option<String>;
        /// Modules of which one must stand before it, for `use_authtok`: without it no password could be set.
        behind: Vec<String> = "[]";
        /// Only change what is there: do not put a module in. Fails where it must have arguments and is not there.
        existing: bool = "false";
        /// The folder of services.
        folder: RemotePath = "/etc/pam.d";
    }
}

pub(crate) static SPEC: Spec = Spec {
    name: "pam",
    collection: "palisade",
    aliases: &[],
    summary: "Makes sure of a module in a stack of PAM, and of its arguments",
    notes: "Changed when a file changes. Skipped where no file of that name is there.",
    examples: "
- name: Accounts without a password cannot be used
  pam: {service: common-*, type: auth, module: pam_unix.so, without: [nullok], existing: true}
- name: Only members of a group become others
  pam:
    service: su
    type: auth
    module: pam_wheel.so
    control: required
    arguments: [use_uid, group=sugroup]
    after: pam_rootok.so
",
    params: Args::params,
    free_form: None,
    open: false,
    skips_check: false,
    parse: |map| Ok(Box::new(Stack::new(Args::read(map)?)?)),
};

struct Stack {
    args: Args,
    kind: &'static str,
    wish: Wish,
}

impl Stack {
    fn new(args: Args) -> Result<Stack, ArgError> {
        let wild = args.service.contains(['*', '?', '[']);
        if args.service.is_empty() || args.service.contains('/') {
            let message = format!("`{}` is no service", args.service);
            return Err(ArgError::new("service", message));
        }
        if !args.module.ends_with(".so") || args.module.contains(char::is_whitespace) {
            let message = format!("`{}` is no module", args.module);
            return Err(ArgError::new("module", message).hint("modules end in `.so`"));
        }
        let puts_in = args.state == Present::Present && !args.existing;
        if puts_in && (args.control.is_none() || wild) {
            let error = ArgError::new("control", "`control` is needed to put a module in");
            return Err(error.hint("say `existing: true` to change only what is there"));
        }
        let words = args
            .arguments
            .iter()
            .chain(&args.one_of)
            .chain(args.control.as_ref());
        if words.into_iter().any(|w| w.contains(['\n', '#'])) {
            return Err(ArgError::new("arguments", "an argument is one word"));
        }
        let wish = Wish {
            at_most: args.at_most,
            at_least: args.at_least,
            ..Wish::default()
        };
        wish.check()?;
        if wish.is_some() != args.bound.is_some() {
            let message = "`bound` goes with at_most or at_least";
            return Err(ArgError::new("bound", message));
        }
        let kind = match args.stack {
            Kind::Auth => "auth",
            Kind::Account => "account",
            Kind::Password => "password",
            Kind::Session => "session",
        };
        Ok(Stack { args, kind, wish })
    }

    fn on(&self) -> Resource {
        Resource::texts([format!("{}/{}", self.args.folder, self.args.service)])
    }

    fn is_mine(&self, entry: &Entry) -> bool {
        entry.kind == self.kind && entry.module == self.args.module
    }

    /// The arguments that a line should have.
    fn arguments(&self, present: &[String]) -> Vec<String> {
        let mut out: Vec<String> = Vec::new();
        let dropped = |a: &String| {
            let name = pam_text::name(a);
            self.args.without.iter().any(|w| w == name || w == a)
                || (self.args.one_of.contains(a) && !self.is_choice(present, a))
        };
        for argument in present.iter().filter(|a| !dropped(a)) {
            let name = pam_text::name(argument);
            let named = |a: &&String| a.contains('=') && pam_text::name(a) == name;
            let is_bounded = self.args.bound.as_deref() == Some(name);
            let new = match self.args.arguments.iter().find(named) {
                Some(new) if !is_bounded => new.clone(),
                _ => self.bounded(argument),
            };
            out.push(new);
        }
        for argument in &self.args.arguments {
            let bound = self.args.bound.as_deref() == Some(pam_text::name(argument));
            let is_there = bound
                && out
                    .iter()
                    .any(|o| pam_text::name(o) == pam_text::name(argument));
            if !is_there && !out.contains(argument) {
                out.push(argument.clone());
            }
        }
        if let Some(first) = self.args.one_of.first()
            && !self.args.one_of.iter().any(|o| out.contains(o))
        {
            out.push(first.clone());
        }
        out
    }

    /// Of several that would do, the one that is preferred stays.
    fn is_choice(&self, present: &[String], argument: &String) -> bool {
        let chosen = self.args.one_of.iter().find(|o| present.contains(o));
        chosen == Some(argument)
    }

    fn bounded(&self, argument: &str) -> String {
        let (Some(bound), Some((name, value))) = (&self.args.bound, argument.split_once('='))
        else {
            return argument.to_owned();
        };
        if bound != name || self.wish.accepts(value, whole) {
            return argument.to_owned();
        }
        format!("{name}={}", self.wish.goal(Some(value), whole))
    }

    /// The text of a file with the module as it should be.
    fn edit(&self, text: &str) -> Result<String, Failure> {
        let mine: Vec<Entry> = pam_text::entries(text)
            .into_iter()
            .filter(|e| self.is_mine(e))
            .collect();
        let mut out = text.to_owned();
        for entry in &mine {
            self.check_behind(text, entry)?;
            let line = text.lines().nth(entry.line).unwrap_or_default();
            let new = match self.args.state {
                Present::Absent if pam_update::is_managed(text, line) => {
                    return Err(Failure::new(format!(
                        "pam-auth-update put `{}` there, and jumps count it: disable its profile instead",
                        line.trim()
                    )));
                }
                Present::Absent => drops::commented(line),
                Present::Present => {
                    let arguments = self.arguments(&entry.arguments);
                    if arguments == entry.arguments {
                        continue;
                    }
                    pam_text::with_arguments(line, entry, &arguments)
                }
            };
            out = drops::with_line(&out, entry.line, Some(&new));
        }
        if !mine.is_empty() || self.args.existing || self.args.state == Present::Absent {
            return Ok(out);
        }
        let control = self.args.control.as_deref().unwrap_or("required");
        let line = pam_text::written(self.kind, control, &self.args.module);
        let arguments = self.arguments(&[]);
        let words = [vec![line], arguments].concat();
        Ok(drops::insert_line(&out, self.place(&out), &words.join(" ")))
    }

    /// Refuses to give a module arguments that only work behind another.
    fn check_behind(&self, text: &str, entry: &Entry) -> Result<(), Failure> {
        let before = pam_text::entries(text);
        let mut before = before
            .iter()
            .filter(|e| e.kind == self.kind && e.line < entry.line);
        if self.args.behind.is_empty() || before.any(|e| self.args.behind.contains(&e.module)) {
            return Ok(());
        }
        let names = self.args.behind.join(", ");
        Err(finding(format!(
            "none of {names} stands before {} in its stack",
            self.args.module
        )))
    }

    /// Whether it is wanted that the module has something, so that it must be there.
    fn wants(&self) -> bool {
        let lists = [&self.args.arguments, &self.args.one_of];
        self.args.state == Present::Present && lists.iter().any(|l| !l.is_empty())
    }

    /// Where a new line goes: before the line of this number.
    fn place(&self, text: &str) -> Option<usize> {
        let is_at = |line: &str, word: &str| {
            let included = line.trim().strip_prefix("@include").map(str::trim);
            let entry = pam_text::entry(0, line);
            included == Some(word)
                || entry
                    .is_some_and(|e| e.kind == self.kind && (e.module == word || e.control == word))
        };
        let lines: Vec<&str> = text.lines().collect();
        if let Some(word) = &self.args.before
            && let Some(at) = lines.iter().position(|l| is_at(l, word))
        {
            return Some(at);
        }
        if let Some(word) = &self.args.after
            && let Some(at) = lines.iter().rposition(|l| is_at(l, word))
        {
            return Some(at + 1);
        }
        None
    }
}

/// A failure that says how the host is, and not that something went wrong.
fn finding(message: String) -> Failure {
    Failure {
        message,
        result: crate::result! { "finding" => true },
    }
}

impl Task for Stack {
    fn reads(&self, _: &Observed) -> Vec<Query> {
        drops::reads(&self.on(), None)
    }

    fn decide(&self, seen: &Observed) -> Result<Decision, Failure> {
        let mut drops = Drops::open(seen, &self.on())?;
        if drops.files.is_empty() {
            return Ok(Decision::skipped(format!("{} is not there", self.on())));
        }
        let mut found = Vec::new();
        for file in &mut drops.files {
            for entry in pam_text::entries(&file.text) {
                if self.is_mine(&entry) {
                    let words = entry.arguments.join(" ");
                    let place = drops::at(&file.path, entry.line);
                    found.push(
                        format!("{place} {} {words}", entry.control)
                            .trim_end()
                            .to_owned(),
                    );
                }
            }
            file.text = self.edit(&file.text)?;
        }
        if found.is_empty() && self.args.existing && self.wants() {
            let message = format!(
                "{} is in no stack of {}",
                self.args.module, self.args.service
            );
            return Err(finding(message));
        }
        let mut result = Mapping::new();
        result.insert("module".into(), self.args.module.as_str().into());
        result.insert("found".into(), drops::places(found));
        let mut decision = Decision::default();
        drops.close(seen, None, &mut decision)?;
        decision.result = result;
        Ok(decision)
    }
}
