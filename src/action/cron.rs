//! Keeps jobs and variables in crontabs, each under a comment that names it (`#Ansible: name`).
//!
//! Changed when the crontab changes. Differs from Ansible's: the backup of a user's crontab is named
//! after its content.

use crate::resource::file::{FileState, Node};
use crate::resource::{Change, Content, Query, RemotePath, Resource, State};
use crate::result;
use crate::source::{Mapping, Value};

use super::args::Present;
use super::attrs::Attrs;
use super::crontab::{Crontab, Job};
use super::edit::{Edit, Found};
use super::{ArgError, Decision, Failure, Observed, Spec, Task, place};

crate::choices! {
    pub(crate) enum Special {
        Reboot = "reboot",
        Yearly = "yearly",
        Annually = "annually",
        Monthly = "monthly",
        Weekly = "weekly",
        Daily = "daily",
        Hourly = "hourly",
    }
}

crate::args! {
    pub(crate) struct Args {
        /// What the job is called; with `env`, the variable.
        name: String = required;
        /// Whose crontab; who runs the job, with `cron_file`.
        user: Option<String>;
        /// The command, or the value of the variable.
        job: Option<String>, aka ["value"];
        /// Whether it should be there.
        state: Present = "present";
        /// A file in /etc/cron.d, or an absolute path, instead of a user's crontab.
        cron_file: Option<String>;
        /// Keep the old crontab.
        backup: bool = "false";
        /// Minutes (0-59, `*`, `*/2`, …).
        minute: String = "'*'";
        /// Hours (0-23, …).
        hour: String = "'*'";
        /// Days of the month (1-31, …).
        day: String = "'*'", aka ["dom"];
        /// Months (1-12, …).
        month: String = "'*'";
        /// Days of the week (0-6, Sunday is 0, …).
        weekday: String = "'*'", aka ["dow"];
        /// A nickname of a time.
        special_time: Option<Special>;
        /// Keep the job, but as a comment.
        disabled: bool = "false";
        /// It is a variable, not a job.
        env: bool = "false";
        /// Put the variable after this one.
        insertafter: Option<String>;
        /// Put the variable before this one.
        insertbefore: Option<String>;
    }
}

pub(crate) static SPEC: Spec = Spec {
    name: "cron",
    collection: "ansible.builtin",
    aliases: &[],
    summary: "Keeps jobs and variables in crontabs",
    notes: "Changed when the crontab changes.",
    examples: r##"
- name: A check at 2 and 5
  cron:
    name: check dirs
    minute: "0"
    hour: "5,2"
    job: ls -alh > /dev/null
- name: Every crontab has this
  cron:
    name: PATH
    env: true
    job: /opt/bin
- name: In a file of its own
  cron:
    name: yum autoupdate
    weekday: "2"
    minute: "0"
    hour: "12"
    user: root
    job: YUMINTERACTIVE=0 /usr/sbin/yum-autoupdate
    cron_file: ansible_yum-autoupdate
"##,
    params: Args::params,
    free_form: None,
    open: false,
    skips_check: false,
    parse,
};
fn parse(map: Mapping) -> Result<Box<dyn Task>, ArgError> {
    let args = Args::read(map)?;
    let (after, before) = (args.insertafter.is_some(), args.insertbefore.is_some());
    place::exclusive(&[("insertafter", after), ("insertbefore", before)])?;
    let timed = [
        &args.minute,
        &args.hour,
        &args.day,
        &args.month,
        &args.weekday,
    ];
    if args.special_time.is_some() && timed.iter().any(|t| *t != "*") {
        let message =
            "You cannot combine special_time with any of the time or day/date parameters.";
        return Err(ArgError::new("special_time", message));
    }
    if args.cron_file.as_deref() == Some("/etc/crontab") {
        let message = "Will not manage /etc/crontab via cron_file, see documentation.";
        return Err(ArgError::new("cron_file", message));
    }
    if args.state == Present::Present {
        if args.cron_file.is_some() && args.user.is_none() {
            let message = "To use cron_file=... parameter you must specify user=... as well";
            return Err(ArgError::new("", message));
        }
        if args.job.is_none() {
            let message = "You must specify 'job' to install a new cron job or variable";
            return Err(ArgError::new("", message));
        }
        if (after || before) && !args.env {
            let message = "Insertafter and insertbefore parameters are valid only with env=yes";
            return Err(ArgError::new("env", message));
        }
    }
    if args.env && args.name.contains(' ') {
        return Err(ArgError::new(
            "name",
            "Invalid name for environment variable",
        ));
    }
    let lines = [
        Some(&args.name),
        args.user.as_ref(),
        Some(&args.minute),
        Some(&args.hour),
    ];
    if lines.into_iter().flatten().any(|t| t.contains('\n')) {
        return Err(ArgError::new(
            "name",
            "a line end would begin another entry",
        ));
    }
    let path = args
        .file()
        .transpose()
        .map_err(|e| ArgError::new("cron_file", e))?;
    Ok(Box::new(Cron { args, path }))
}

/// The arguments, and the path of the file where it is one.
struct Cron {
    args: Args,
    path: Option<RemotePath>,
}

/// Attributes a file in /etc/cron.d is left with: those it has.
static AS_IT_IS: Attrs = Attrs {
    mode: None,
    owner: None,
    group: None,
    attributes: None,
    context: [None, None, None, None],
    unsafe_writes: false,
};

impl Args {
    fn file(&self) -> Option<Result<RemotePath, String>> {
        let name = self.cron_file.as_deref()?;
        let folder = RemotePath::new("/etc/cron.d");
        Some(folder.and_then(|f| RemotePath::new(f.join(name).as_str())))
    }

    fn line(&self) -> String {
        let special = self.special_time.map(Special::word);
        let job = Job {
            special,
            time: [
                &self.minute,
                &self.hour,
                &self.day,
                &self.month,
                &self.weekday,
            ],
            user: self.user.as_deref().filter(|_| self.cron_file.is_some()),
            command: self.job.as_deref().unwrap_or_default(),
            disabled: self.disabled,
        };
        job.line()
    }

    /// The crontab as it is to be, and whether it is another.
    fn edit(&self, text: &str) -> Result<(Crontab, bool), Failure> {
        let mut crontab = Crontab::read(text);
        let present = self.state == Present::Present;
        let changed = match (self.env, present) {
            (true, true) => {
                let value = self.job.as_deref().unwrap_or_default();
                let declaration = format!("{}=\"{value}\"", self.name);
                let (after, before) = (self.insertafter.as_deref(), self.insertbefore.as_deref());
                crontab.set_variable(&self.name, &declaration, after, before)?
            }
            (true, false) => crontab.remove_variable(&self.name),
            (false, true) => crontab.set_job(&self.name, &self.line()),
            (false, false) => crontab.remove_job(&self.name),
        };
        let unfinished = !text.is_empty() && !text.ends_with(['\n', '\r']);
        Ok((crontab, changed || unfinished))
    }

    fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if let Some(name) = self.cron_file.as_deref().and_then(|f| f.rsplit('/').next())
            && !name.chars().all(plain)
        {
            warnings.push(format!(
                "cron passes over `{name}`: only letters, digits, _ and - count"
            ));
        }
        let job = self.job.as_deref().unwrap_or_default();
        if !self.env && job.trim_matches(['\r', '\n']).contains(['\r', '\n']) {
            warnings.push("Job should not contain line breaks".into());
        }
        warnings
    }
}

impl Cron {
    fn user<'a>(&'a self, seen: &'a Observed) -> &'a str {
        self.args.user.as_deref().unwrap_or(&seen.me.user)
    }

    fn edit<'a>(&'a self, path: &'a RemotePath) -> Edit<'a> {
        Edit {
            path,
            attrs: &AS_IT_IS,
            create: true,
            backup: self.args.backup,
            validate: None,
            encoding: None,
        }
    }

    /// Where a copy of a user's crontab is kept.
    fn backup(&self, seen: &Observed, text: &str) -> RemotePath {
        let digest = Content::new(text.as_bytes().to_vec()).digest.to_string();
        let name = format!("/tmp/crontab.{}.{}~", self.user(seen), &digest[..8]);
        RemotePath::new(&name).expect("it is absolute and has no NUL byte")
    }

    fn in_file(&self, seen: &Observed, path: &RemotePath) -> Result<Decision, Failure> {
        let edit = self.edit(path);
        let found = edit.open(seen)?;
        let (crontab, changed) = self.args.edit(&found.text)?;
        let mut decision = Decision::default();
        let removed = self.args.state == Present::Absent && !self.args.env;
        if changed && removed && crontab.is_empty() {
            return Ok(self.remove(&found));
        }
        if changed {
            let edited = edit.close(seen, &found, Some(&crontab.text()))?;
            decision = edited.decision;
            decision.result = self.result(&crontab);
            if let Some(backup) = edited.backup {
                decision.result.insert("backup_file".into(), backup.into());
            }
            return Ok(decision);
        }
        decision.result = self.result(&crontab);
        Ok(decision)
    }

    fn of_user(&self, seen: &Observed) -> Result<Decision, Failure> {
        let on = Resource::Crontab(self.user(seen).to_owned());
        let before = seen.get(&on).clone();
        let text = match &before {
            State::Text(text) => text.clone(),
            State::Refused(words) => {
                return Err(Failure::new(format!("Unable to read crontab: {words}")));
            }
            _ => String::new(),
        };
        let (crontab, changed) = self.args.edit(&text)?;
        let mut decision = Decision::ok(self.result(&crontab));
        if !changed {
            return Ok(decision);
        }
        if self.args.backup && !text.is_empty() {
            let path = self.backup(seen, &text);
            let content = Content::new(text.into_bytes());
            let mut copy = FileState::fresh(Node::File(Some(content)), &seen.me);
            copy.mode = 0o600;
            let there = seen.get(&place::file(&path)).clone();
            decision.set(Change::new(place::file(&path), there, State::File(copy)));
            decision
                .result
                .insert("backup_file".into(), path.as_str().into());
        }
        decision.set(Change::new(on, before, State::Text(crontab.text())));
        Ok(decision)
    }

    /// A file with nothing in it any more is taken away.
    fn remove(&self, found: &Found) -> Decision {
        let name = self.args.cron_file.clone().unwrap_or_default();
        let mut decision = Decision::ok(result! { "cron_file" => name, "state" => "absent" });
        let before = found.state.clone().map_or(State::Absent, State::File);
        decision.set(Change::new(place::file(&found.path), before, State::Absent));
        decision
    }

    fn result(&self, crontab: &Crontab) -> Mapping {
        let list = |names: Vec<&str>| Value::Sequence(names.into_iter().map(Value::from).collect());
        let mut result = result! {
            "jobs" => list(crontab.jobs()), "envs" => list(crontab.variables()),
        };
        if let Some(file) = &self.args.cron_file {
            result.insert("cron_file".into(), file.as_str().into());
        }
        result
    }
}

impl Task for Cron {
    fn reads(&self, seen: &Observed) -> Vec<Query> {
        if let Some(path) = &self.path {
            return self.edit(path).reads(seen);
        }
        let on = Resource::Crontab(self.user(seen).to_owned());
        let mut queries = vec![Query::meta(on.clone())];
        if let (true, Some(State::Text(text))) = (self.args.backup, seen.peek(&on)) {
            queries.push(Query::meta(place::file(&self.backup(seen, text))));
        }
        queries
    }

    fn decide(&self, seen: &Observed) -> Result<Decision, Failure> {
        let mut decision = match &self.path {
            Some(path) => self.in_file(seen, path)?,
            None => self.of_user(seen)?,
        };
        decision.warnings = self.args.warnings();
        Ok(decision)
    }
}
