//! Reads a schedule: its jobs, and the command line of each.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::SignedDuration;
use jiff::tz::TimeZone;

use crate::hardening::field::Fields;
use crate::source::{Code, Diagnostic, Kind, Node, Secret, suggest, yaml};

use super::super::calendar::{self, Calendar};
use super::{Breaker, Job, Outside, Schedule, Target, Timing, Verb, duration, slug};

/// A job without `timeout` is ended after this: it has hung long before.
const TIMEOUT: SignedDuration = SignedDuration::from_hours(6);
const BREAKER: Breaker = Breaker {
    after: 3,
    pause: SignedDuration::from_mins(5),
};
/// Each job is a process with many connections.
const AT_ONCE: usize = 4;
const MOST_AT_ONCE: i64 = 64;
/// More jobs than this are a mistake of a template's.
const MOST_JOBS: usize = 1000;
const LONGEST_NAME: usize = 80;
/// Longer ones are not moments of a calendar any more.
const LONGEST: SignedDuration = SignedDuration::from_hours(24 * 366);

const SHAPE: &str = "as in\n  jobs:\n  - {name: nightly, verb: drift, playbook: site.yml, inventory: hosts, calendar: daily}";

/// Reads a schedule; all mistakes that can be found in one pass.
pub fn read(path: &Path, outside: &Outside<'_>) -> Result<Schedule, Vec<Diagnostic>> {
    let file = outside.files.text(path).map_err(|d| vec![d])?;
    let (node, mut out) = yaml::parse_one(&file);
    if yaml::failed(&out) {
        return Err(out);
    }
    let dir = match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir.to_path_buf(),
        _ => PathBuf::from("."),
    };
    let mut reading = Reading {
        dir,
        outside,
        secrets: Vec::new(),
        out: Vec::new(),
    };
    let schedule = reading.schedule(path, &node);
    Diagnostic::label(&mut reading.out, Code::Schedule);
    out.append(&mut reading.out);
    match schedule {
        Some(schedule) if out.is_empty() => Ok(schedule),
        _ => Err(out),
    }
}

pub(super) struct Reading<'a> {
    pub(super) dir: PathBuf,
    pub(super) outside: &'a Outside<'a>,
    pub(super) secrets: Vec<Secret>,
    pub(super) out: Vec<Diagnostic>,
}

impl Reading<'_> {
    pub(super) fn wrong(&mut self, node: &Node, text: impl Into<String>) {
        self.out.push(Diagnostic::error(&node.span, text));
    }

    pub(super) fn wrong_hint(
        &mut self,
        node: &Node,
        text: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.out
            .push(Diagnostic::error(&node.span, text).hint(hint));
    }

    fn schedule(&mut self, path: &Path, node: &Node) -> Option<Schedule> {
        if node.is_null() {
            self.wrong_hint(node, "there are no jobs in it", SHAPE);
            return None;
        }
        let mut fields = Fields::of(node, "a schedule", &mut self.out)?;
        let zone = fields.get("timezone").and_then(|n| self.zone(n));
        let zone = zone.unwrap_or_else(TimeZone::system);
        let at_once = fields
            .get("at_once")
            .map(|n| self.number(n, 1, MOST_AT_ONCE));
        let breaker = fields.get("breaker").map(|n| self.breaker(n));
        let notify = fields.map("notify", &mut self.out);
        let targets: Vec<Target> = notify
            .iter()
            .filter_map(|(k, v)| self.target(k, v))
            .collect();
        let jobs = fields.get("jobs");
        let items = fields.list("jobs", &mut self.out);
        fields.finish(&mut self.out);
        if items.is_empty() {
            let at = jobs.unwrap_or(node);
            self.wrong_hint(at, "there are no jobs in it", SHAPE);
        }
        if items.len() > MOST_JOBS {
            self.wrong(
                node,
                format!("{} jobs are more than {MOST_JOBS}", items.len()),
            );
            return None;
        }
        let mut names: BTreeMap<String, &Node> = BTreeMap::new();
        let mut all = Vec::new();
        for item in items {
            let Some(job) = self.job(item, &zone, &targets) else {
                continue;
            };
            if let Some(first) = names.insert(slug(&job.name), item) {
                let text = format!("there is a job `{}` already", job.name);
                let error = Diagnostic::error(&item.span, text);
                self.out.push(error.note(&first.span, "the first"));
            }
            all.push(job);
        }
        Some(Schedule {
            path: path.to_path_buf(),
            dir: self.dir.clone(),
            breaker: breaker.unwrap_or(BREAKER),
            at_once: at_once.map_or(AT_ONCE, |n| usize::try_from(n).unwrap_or(AT_ONCE)),
            targets,
            jobs: all,
            secrets: std::mem::take(&mut self.secrets),
        })
    }

    fn zone(&mut self, node: &Node) -> Option<TimeZone> {
        let name = node.as_str().unwrap_or_default();
        let zone = TimeZone::get(name).ok();
        if zone.is_none() {
            let text = format!("`{name}` is no time zone of this machine's");
            self.wrong_hint(node, text, "as in `Europe/Berlin` or `UTC`");
        }
        zone
    }

    fn number(&mut self, node: &Node, low: i64, high: i64) -> i64 {
        match node.kind {
            Kind::Int(n) if (low..=high).contains(&n) => n,
            _ => {
                self.wrong(node, format!("this is a number from {low} to {high}"));
                low
            }
        }
    }

    fn breaker(&mut self, node: &Node) -> Breaker {
        let Some(mut fields) = Fields::of(node, "a breaker", &mut self.out) else {
            return BREAKER;
        };
        let after = fields.get("after").map(|n| self.number(n, 1, 1000));
        let pause = fields.get("pause").map(|n| self.duration(n));
        fields.finish(&mut self.out);
        Breaker {
            after: after.map_or(BREAKER.after, |n| u32::try_from(n).unwrap_or(BREAKER.after)),
            pause: pause.unwrap_or(BREAKER.pause),
        }
    }

    fn duration(&mut self, node: &Node) -> SignedDuration {
        let text = crate::hardening::field::scalar(node).unwrap_or_default();
        match duration(&text).filter(|d| *d <= LONGEST) {
            Some(duration) => duration,
            None => {
                let text = format!("`{text}` is no duration");
                self.wrong_hint(node, text, "as in `30s`, `5m`, `1h30m` or `2d`");
                SignedDuration::ZERO
            }
        }
    }

    fn job(&mut self, node: &Node, zone: &TimeZone, targets: &[Target]) -> Option<Job> {
        let mut fields = Fields::of(node, "a job", &mut self.out)?;
        let name = fields.needed("name", &mut self.out);
        if let Some(at) = fields.get("name") {
            self.name(at, &name);
        }
        let verb = fields.get("verb").map(|n| self.verb(n));
        if verb.is_none() && !misspelt(node, "verb") {
            let known: Vec<&str> = Verb::ALL.iter().map(|(w, _)| *w).collect();
            self.wrong_hint(node, "a job has no `verb`", known.join(", "));
        }
        let verb = verb.flatten();
        let words = self.words(node, &mut fields, verb);
        let own = fields.get("timezone").and_then(|n| self.zone(n));
        let calendars = self.calendars(node, fields.get("calendar"));
        let jitter = fields.get("jitter").map(|n| self.duration(n));
        let timeout = fields.get("timeout").map(|n| self.duration(n));
        let catch_up = fields.get("catch_up").is_none_or(|n| self.truth(n));
        let notify = match fields.get("notify") {
            None => targets.iter().map(|t| t.name.clone()).collect(),
            Some(node) => self.heard_by(node, targets),
        };
        fields.finish(&mut self.out);
        let mut words = words?;
        // Under this name the history compares its runs.
        words.push(format!("--job={name}"));
        if let (Some(_), Some(why)) = (verb, (self.outside.refuses)(&words)) {
            self.wrong(node, format!("the command line refuses this job: {why}"));
        }
        Some(Job {
            name,
            verb: verb?,
            words,
            timing: Timing {
                calendars,
                zone: own.unwrap_or_else(|| zone.clone()),
                jitter: jitter.unwrap_or_default(),
                timeout: timeout.filter(|t| t.is_positive()).unwrap_or(TIMEOUT),
                catch_up,
            },
            notify,
        })
    }

    fn name(&mut self, node: &Node, name: &str) {
        let long = name.chars().count() > LONGEST_NAME;
        if long || name.chars().any(char::is_control) || slug(name).is_empty() {
            let text = format!(
                "a name is at most {LONGEST_NAME} characters, letters and digits among them"
            );
            self.wrong(node, text);
        }
    }

    fn verb(&mut self, node: &Node) -> Option<Verb> {
        let word = node.as_str().unwrap_or_default();
        let found = Verb::ALL.iter().find(|(w, _)| *w == word);
        if found.is_none() {
            let known = Verb::ALL.map(|(w, _)| w);
            let hint = match suggest::nearest(word, known) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("there are {}", known.join(", ")),
            };
            self.wrong_hint(node, format!("`{word}` is not what a job can do"), hint);
        }
        found.map(|(_, verb)| *verb)
    }

    fn truth(&mut self, node: &Node) -> bool {
        match node.kind {
            Kind::Bool(truth) => truth,
            _ => {
                self.wrong(
                    node,
                    format!("this is true or false, not {}", node.type_name()),
                );
                false
            }
        }
    }

    fn calendars(&mut self, job: &Node, node: Option<&Node>) -> Vec<Calendar> {
        let Some(node) = node else {
            if !misspelt(job, "calendar") {
                self.wrong_hint(job, "a job has no `calendar`", calendar::EXAMPLES);
            }
            return Vec::new();
        };
        let items = node.as_seq().unwrap_or(std::slice::from_ref(node));
        let mut all = Vec::new();
        for item in items {
            match Calendar::read(item) {
                Ok(calendar) => all.push(calendar),
                Err(wrong) => self.out.push(wrong),
            }
        }
        all
    }

    /// The command line of a job.
    fn words(
        &mut self,
        job: &Node,
        fields: &mut Fields<'_>,
        verb: Option<Verb>,
    ) -> Option<Vec<String>> {
        let of_controls = verb.is_some_and(Verb::is_of_controls);
        let what = if of_controls { "profile" } else { "playbook" };
        let subjects = fields.words(what, &mut self.out);
        let mut words: Vec<String> = verb?.word().split(' ').map(str::to_owned).collect();
        match fields.get(what) {
            None => {
                let text = format!("a job with this verb has no `{what}`");
                self.wrong(job, text);
            }
            Some(node) if !of_controls => self.files(node),
            Some(_) => {}
        }
        words.extend(subjects);
        for source in fields.words("inventory", &mut self.out) {
            words.extend(["-i".into(), source]);
        }
        if let Some(node) = fields.get("inventory") {
            self.files(node);
        }
        if let Some(limit) = fields.text("limit", &mut self.out) {
            words.push(format!("--limit={limit}"));
        }
        if !of_controls {
            for tag in fields.words("tags", &mut self.out) {
                words.push(format!("--tags={tag}"));
            }
            for tag in fields.words("skip_tags", &mut self.out) {
                words.push(format!("--skip-tags={tag}"));
            }
        }
        if let Some(node) = fields.get("extra_vars") {
            match node.as_map() {
                Some(_) => {
                    let text = serde_json::to_string(&node.to_value()).unwrap_or_default();
                    words.extend(["-e".into(), text]);
                }
                None => self.wrong(
                    node,
                    format!("`extra_vars` is a mapping, not {}", node.type_name()),
                ),
            }
        }
        if fields.get("become").is_some_and(|n| self.truth(n)) {
            words.push("--become".into());
        }
        words.extend(fields.words("options", &mut self.out));
        words.push("--json".into());
        Some(words)
    }

    /// Files that a job names: what is missing now would be missing every night.
    fn files(&mut self, node: &Node) {
        for item in node.as_seq().unwrap_or(std::slice::from_ref(node)) {
            let Some(name) = item.as_str().filter(|n| !n.contains(',')) else {
                continue;
            };
            let path = self.dir.join(name);
            if !self.outside.files.is_file(&path) && !self.outside.files.is_dir(&path) {
                let text = format!("there is no file `{name}`");
                let hint = format!(
                    "paths begin at the schedule's folder, {}",
                    self.dir.display()
                );
                self.wrong_hint(item, text, hint);
            }
        }
    }
}

/// Whether a field is there under nearly its name, which is said anyway.
fn misspelt(node: &Node, field: &str) -> bool {
    let keys = node.as_map().unwrap_or_default().iter();
    let mut names = keys.filter_map(|(key, _)| key.as_str());
    names.any(|name| name != field && suggest::nearest(name, [field]).is_some())
}
