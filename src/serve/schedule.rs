//! `schedule.yml`: which jobs there are, when, and who hears of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::SignedDuration;
use jiff::tz::TimeZone;

use crate::hardening::field::Fields;
use crate::source::vault::Keyring;
use crate::source::{Diagnostic, Files, Kind, Node, Secret, suggest, yaml};

use super::calendar::Calendar;

/// What jobs do, in the words of the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Drift,
    /// `drift --fix`
    Fix,
    Audit,
    Harden,
    Playbook,
}

impl Verb {
    const ALL: [(&str, Verb); 5] = [
        ("drift", Verb::Drift),
        ("drift --fix", Verb::Fix),
        ("audit", Verb::Audit),
        ("harden", Verb::Harden),
        ("playbook", Verb::Playbook),
    ];

    pub fn word(self) -> &'static str {
        let found = Verb::ALL.iter().find(|(_, v)| *v == self);
        found.map_or("", |(word, _)| word)
    }

    /// Whether it only looks: a difference is then what somebody wants to hear of.
    pub fn only_looks(self) -> bool {
        matches!(self, Verb::Drift | Verb::Audit)
    }

    /// Whether it prints one document at its end, and not a line for each event.
    pub fn has_document(self) -> bool {
        self != Verb::Playbook
    }

    /// Whether it is about controls.
    pub fn is_of_controls(self) -> bool {
        matches!(self, Verb::Audit | Verb::Harden)
    }
}

/// When something is done, again and again.
#[derive(Clone, Debug)]
pub struct Timing {
    pub calendars: Vec<Calendar>,
    pub zone: TimeZone,
    pub jitter: SignedDuration,
    pub timeout: SignedDuration,
    /// What was missed is done once, later.
    pub catch_up: bool,
}

impl Timing {
    /// The first moment of any of its expressions that is later than this.
    pub fn next(&self, after: jiff::Timestamp) -> Option<jiff::Timestamp> {
        let all = self.calendars.iter();
        all.filter_map(|c| c.next(after, &self.zone)).min()
    }

    /// The expressions as they are written.
    pub fn text(&self) -> String {
        let all: Vec<&str> = self.calendars.iter().map(Calendar::text).collect();
        all.join("; ")
    }
}

#[derive(Clone, Debug)]
pub struct Job {
    pub name: String,
    pub verb: Verb,
    /// The words behind `palisade`.
    pub words: Vec<String>,
    pub timing: Timing,
    /// Names of those who hear of it.
    pub notify: Vec<String>,
}

/// Where news goes.
#[derive(Clone, Debug)]
pub enum Way {
    Webhook {
        url: Secret,
        /// What bodies are signed with.
        secret: Option<Secret>,
        /// Certificates of the only authorities that are trusted, in PEM.
        authorities: Option<Vec<u8>>,
    },
    Command(Vec<String>),
}

/// What news is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    Drift,
    Failure,
    Recovery,
}

impl Topic {
    pub const ALL: [Topic; 3] = [Topic::Drift, Topic::Failure, Topic::Recovery];

    pub fn word(self) -> &'static str {
        match self {
            Topic::Drift => "drift",
            Topic::Failure => "failure",
            Topic::Recovery => "recovery",
        }
    }
}

#[derive(Clone, Debug)]
pub struct Target {
    pub name: String,
    pub way: Way,
    pub topics: Vec<Topic>,
}

/// When a job that fails again and again is left alone for a while.
#[derive(Clone, Copy, Debug)]
pub struct Breaker {
    pub after: u32,
    pub pause: SignedDuration,
}

#[derive(Clone, Debug)]
pub struct Schedule {
    pub path: PathBuf,
    /// Its folder, where jobs run and relative paths begin.
    pub dir: PathBuf,
    pub breaker: Breaker,
    /// Jobs that may run at the same time.
    pub at_once: usize,
    pub targets: Vec<Target>,
    pub jobs: Vec<Job>,
    /// Secrets that must not be printed.
    pub secrets: Vec<Secret>,
}

/// What a schedule may look at beside its own text.
pub struct Outside<'a> {
    pub files: &'a Files,
    pub env: &'a dyn Fn(&str) -> Option<String>,
    pub vault: &'a Keyring,
    /// What the command line would say of a job's words.
    pub refuses: &'a dyn Fn(&[String]) -> Option<String>,
}

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
    out.append(&mut reading.out);
    match schedule {
        Some(schedule) if out.is_empty() => Ok(schedule),
        _ => Err(out),
    }
}

struct Reading<'a> {
    dir: PathBuf,
    outside: &'a Outside<'a>,
    secrets: Vec<Secret>,
    out: Vec<Diagnostic>,
}

impl Reading<'_> {
    fn wrong(&mut self, node: &Node, text: impl Into<String>) {
        self.out.push(Diagnostic::error(&node.span, text));
    }

    fn wrong_hint(&mut self, node: &Node, text: impl Into<String>, hint: impl Into<String>) {
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
        if verb.is_none() {
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
            self.wrong_hint(job, "a job has no `calendar`", super::calendar::EXAMPLES);
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

    fn heard_by(&mut self, node: &Node, targets: &[Target]) -> Vec<String> {
        let mut names = Vec::new();
        let items = node.as_seq().unwrap_or(std::slice::from_ref(node));
        for item in items {
            let name = item.as_str().unwrap_or_default();
            if targets.iter().any(|t| t.name == name) {
                names.push(name.to_owned());
                continue;
            }
            let known = targets.iter().map(|t| t.name.as_str());
            let hint = match suggest::nearest(name, known) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "`notify` of the schedule says who can hear of jobs".into(),
            };
            self.wrong_hint(item, format!("nobody is called `{name}` here"), hint);
        }
        names
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

    fn target(&mut self, key: &Node, node: &Node) -> Option<Target> {
        let Some(name) = key.as_str().filter(|n| !n.trim().is_empty()) else {
            self.wrong(key, "this is a name of whoever hears of jobs");
            return None;
        };
        let mut fields = Fields::of(node, "who hears of jobs", &mut self.out)?;
        let command = fields.words("command", &mut self.out);
        let url = fields.get("webhook").and_then(|n| self.url(n));
        let secret = fields.get("secret").and_then(|n| self.secret(n, false));
        let authorities = fields.text("ca", &mut self.out).and_then(|name| {
            let read = self.outside.files.bytes(&self.dir.join(&name));
            if let Err(e) = &read {
                let why = crate::source::files::plain(e);
                self.wrong(node, format!("cannot read {name}: {why}"));
            }
            read.ok()
        });
        let topics = fields.get("about").map(|n| self.topics(n));
        let ways = (
            fields.get("webhook").is_some(),
            fields.get("command").is_some(),
        );
        fields.finish(&mut self.out);
        let way = match ways {
            (true, false) => Way::Webhook {
                url: url?,
                secret,
                authorities,
            },
            (false, true) if !command.is_empty() => Way::Command(command),
            _ => {
                let text = "who hears of jobs has either `webhook` or `command`";
                self.wrong(node, text);
                return None;
            }
        };
        Some(Target {
            name: name.to_owned(),
            way,
            topics: topics.unwrap_or_else(|| Topic::ALL.to_vec()),
        })
    }

    fn url(&mut self, node: &Node) -> Option<Secret> {
        let url = self.secret(node, true)?;
        let text = url.reveal();
        if !text.starts_with("https://") && !text.starts_with("http://") {
            self.wrong(
                node,
                "a webhook is a URL that begins with https:// or http://",
            );
            return None;
        }
        Some(url)
    }

    fn topics(&mut self, node: &Node) -> Vec<Topic> {
        let mut all = Vec::new();
        for item in node.as_seq().unwrap_or(std::slice::from_ref(node)) {
            let word = item.as_str().unwrap_or_default();
            match Topic::ALL.into_iter().find(|t| t.word() == word) {
                Some(topic) => all.push(topic),
                None => {
                    let known = Topic::ALL.map(Topic::word).join(", ");
                    self.wrong_hint(
                        item,
                        format!("`{word}` is no news"),
                        format!("there are {known}"),
                    );
                }
            }
        }
        all
    }

    /// A secret: vaulted, of the environment or in a file. Where it need not be one, it may be written out.
    fn secret(&mut self, node: &Node, may_be_written: bool) -> Option<Secret> {
        let found = match &node.kind {
            Kind::Vault(text) => {
                let plain = self.outside.vault.decrypt(text);
                plain.map(|p| p.to_string()).map_err(|e| e.to_string())
            }
            Kind::Map(_) => self.outer(node),
            Kind::Str(text) | Kind::Unsafe(text) if may_be_written => Ok(text.to_string()),
            _ => Err("a secret does not stand here in clear".into()),
        };
        match found {
            Ok(text) if !text.trim().is_empty() => {
                let secret = Secret::new(text.trim());
                if !may_be_written || !matches!(node.kind, Kind::Str(_) | Kind::Unsafe(_)) {
                    self.secrets.push(secret.clone());
                }
                Some(secret)
            }
            Ok(_) => {
                self.wrong(node, "the secret is empty");
                None
            }
            Err(why) => {
                let hint =
                    "`!vault`, `{env: NAME}` or `{file: PATH}`; --vault-password-file opens vaults";
                self.wrong_hint(node, why, hint);
                None
            }
        }
    }

    fn outer(&mut self, node: &Node) -> Result<String, String> {
        let (env, file) = (node.get("env"), node.get("file"));
        match (env.and_then(Node::as_str), file.and_then(Node::as_str)) {
            (Some(name), None) => {
                let value = (self.outside.env)(name);
                value.ok_or_else(|| format!("the environment has no `{name}`"))
            }
            (None, Some(name)) => {
                let bytes = self.outside.files.bytes(&self.dir.join(name));
                let bytes = bytes.map_err(|e| {
                    format!("cannot read {name}: {}", crate::source::files::plain(&e))
                })?;
                String::from_utf8(bytes).map_err(|_| format!("{name} is not UTF-8 text"))
            }
            _ => Err("this names no secret".into()),
        }
    }
}

/// `1h30m`, `90s`, `2d`, or a number of seconds.
pub fn duration(text: &str) -> Option<SignedDuration> {
    let text = text.trim();
    if text.bytes().all(|b| b.is_ascii_digit()) {
        return text.parse().ok().map(SignedDuration::from_secs);
    }
    let mut total = SignedDuration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: i64 = rest[..digits].parse().ok()?;
        let unit = rest[digits..]
            .bytes()
            .take_while(u8::is_ascii_alphabetic)
            .count();
        let seconds = match &rest[digits..digits + unit] {
            "s" | "sec" => 1,
            "m" | "min" => 60,
            "h" => 3600,
            "d" => 86400,
            "w" => 7 * 86400,
            _ => return None,
        };
        let part = SignedDuration::from_secs(number.checked_mul(seconds)?);
        total = total.checked_add(part)?;
        rest = rest[digits + unit..].trim_start();
    }
    Some(total)
}

/// A job's name as part of a file's name or an address.
pub fn slug(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_ascii_alphanumeric() {
            out.push(c.to_ascii_lowercase());
        } else if c.is_alphanumeric() {
            // Letters beyond ASCII keep names apart.
            out.push_str(&format!("u{:x}", u32::from(c)));
        } else if !out.is_empty() && !out.ends_with('-') {
            out.push('-');
        }
    }
    out.trim_end_matches('-').to_owned()
}
