//! Limits of users' sessions, as `pam_limits` reads them: from limits.conf and all of limits.d.
//!
//! Changed when a line changes. Differs from Ansible's: a line in limits.d that would override the one
//! that is set becomes a comment.

use crate::choices;
use crate::resource::texts::TextFile;
use crate::resource::{Query, RemotePath, Resource};
use crate::source::Mapping;

use super::attrs::Attrs;
use super::edit::Edit;
use super::{ArgError, Decision, Failure, Observed, Spec, Task, drop_ins};

choices! {
    pub(crate) enum Kind {
        Hard = "hard",
        Soft = "soft",
        Both = "-",
    }
}

crate::args! {
    pub(crate) struct Args {
        /// A user, a group as `@group`, a range of uids, or `*` for all.
        domain: String = required;
        /// Which of the two limits it is.
        limit_type: Kind = required;
        /// What is limited: `core`, `nofile`, `nproc`, …
        limit_item: String = required;
        /// The limit: a number, `unlimited`, `infinity` or `-1`.
        value: String = required;
        /// A limit that is higher already is left.
        use_max: bool = "false";
        /// A limit that is lower already is left.
        use_min: bool = "false";
        /// Keep the old file beside the new one.
        backup: bool = "false";
        /// The file.
        dest: RemotePath = "/etc/security/limits.conf";
        /// A comment at the end of the line.
        comment: String = "''";
    }
}

pub(crate) static SPEC: Spec = Spec {
    name: "pam_limits",
    collection: "community.general",
    aliases: &[],
    summary: "Sets limits of users' sessions",
    notes: "Changed when a line changes. Lines in limits.d that say otherwise become comments.",
    examples: "
- name: No program leaves its memory behind
  pam_limits:
    domain: '*'
    limit_type: hard
    limit_item: core
    value: 0
- name: The database opens many files
  pam_limits:
    domain: postgres
    limit_type: '-'
    limit_item: nofile
    value: 65536
    use_max: true
",
    params: Args::params,
    free_form: None,
    open: false,
    skips_check: false,
    parse,
};

const DROP_INS: &str = "/etc/security/limits.d/*.conf";
const ITEMS: &[&str] = &[
    "core",
    "data",
    "fsize",
    "memlock",
    "nofile",
    "rss",
    "stack",
    "cpu",
    "nproc",
    "as",
    "maxlogins",
    "maxsyslogins",
    "priority",
    "locks",
    "sigpending",
    "msgqueue",
    "nice",
    "rtprio",
    "chroot",
];
/// What no limit is called.
const WITHOUT_END: &[&str] = &["unlimited", "infinity", "-1"];

fn parse(map: Mapping) -> Result<Box<dyn Task>, ArgError> {
    let args = Args::read(map)?;
    if !ITEMS.contains(&args.limit_item.as_str()) {
        let message = format!(
            "must be one of {}, not `{}`",
            ITEMS.join(", "),
            args.limit_item
        );
        return Err(ArgError::new(
            "limit_item",
            format!("argument `limit_item` {message}"),
        ));
    }
    let number = args.value.parse::<i64>();
    if number.is_err() && !WITHOUT_END.contains(&args.value.as_str()) {
        let message = "argument `value` must be a number, unlimited or infinity";
        return Err(ArgError::new("value", message));
    }
    if args.use_max && args.use_min {
        return Err(ArgError::new(
            "use_min",
            "arguments `use_max` and `use_min` are mutually exclusive",
        ));
    }
    let blank = |t: &str| t.is_empty() || t.contains(char::is_whitespace);
    if blank(&args.domain) || args.comment.contains('\n') {
        return Err(ArgError::new(
            "domain",
            "a domain is one word, and a comment one line",
        ));
    }
    Ok(Box::new(args))
}

/// The order of limits: nothing is higher than no limit.
fn height(value: &str) -> i64 {
    match WITHOUT_END.contains(&value) {
        true => i64::MAX,
        false => value.parse().unwrap_or(i64::MAX),
    }
}

impl Args {
    fn texts(&self) -> Resource {
        Resource::texts([DROP_INS])
    }

    /// The value of a line that is about the same limit.
    fn value_of<'a>(&self, line: &'a str) -> Option<&'a str> {
        let line = line.split('#').next().unwrap_or_default();
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            [domain, kind, item, value]
                if domain == self.domain
                    && kind == self.limit_type.word()
                    && item == self.limit_item =>
            {
                Some(value)
            }
            _ => None,
        }
    }

    /// Whether a value that is there already is good enough.
    fn suffices(&self, value: &str) -> bool {
        let (is, wanted) = (height(value), height(&self.value));
        is == wanted || (self.use_max && is > wanted) || (self.use_min && is < wanted)
    }

    fn line(&self) -> String {
        let comment = match self.comment.is_empty() {
            true => String::new(),
            false => format!("\t#{}", self.comment),
        };
        let kind = self.limit_type.word();
        format!(
            "{}\t{kind}\t{}\t{}{comment}",
            self.domain, self.limit_item, self.value
        )
    }

    /// The text with the limit in it once, and the line it stands in now.
    fn edit(&self, text: &str) -> (String, Option<(usize, String)>) {
        let mut numbered = text.lines().zip(1..);
        let first = numbered.find_map(|(l, n)| Some((n, self.value_of(l)?.to_owned())));
        let (line, found) = match &first {
            Some((at, value)) if self.suffices(value) => (None, *at),
            Some((at, _)) => (Some(self.line()), *at),
            None => (Some(self.line()), 0),
        };
        let mut out = drop_ins::lines(text, |number, l| match self.value_of(l) {
            Some(_) if number == found => line.clone(),
            Some(_) => Some(String::new()),
            None => None,
        });
        if first.is_none() {
            if !out.is_empty() && !out.ends_with('\n') {
                out.push('\n');
            }
            out.push_str(&self.line());
            out.push('\n');
        }
        (out, first)
    }

    fn others(&self, seen: &Observed) -> Result<Vec<TextFile>, Failure> {
        let mut files = seen.texts(&self.texts()).map_err(Failure::new)?;
        files.retain(|f| *f.target() != self.dest && f.path != self.dest);
        Ok(files)
    }
}

impl Task for Args {
    fn reads(&self, seen: &Observed) -> Vec<Query> {
        let attrs = Attrs::default();
        let mut queries = edit(self, &attrs).reads(seen);
        queries.push(Query::meta(self.texts()));
        queries
    }

    fn decide(&self, seen: &Observed) -> Result<Decision, Failure> {
        let attrs = Attrs::default();
        let edit = edit(self, &attrs);
        let found = edit.open(seen)?;
        let (text, at) = self.edit(&found.text);
        let changed = (text != found.text).then_some(text.as_str());
        let edited = edit.close(seen, &found, changed)?;
        let mut decision = edited.decision;
        let mut effective = at.map(|(line, value)| (value, format!("{}:{line}", found.path)));
        for file in self.others(seen)? {
            let text = file.text().map_err(Failure::new)?;
            for (line, number) in text.lines().zip(1..) {
                if let Some(value) = self.value_of(line) {
                    effective = Some((value.to_owned(), format!("{}:{number}", file.path)));
                }
            }
            let contrary = |l: &str| self.value_of(l).is_some_and(|v| !self.suffices(v));
            let new = drop_ins::lines(&text, |_, l| contrary(l).then(|| format!("# {l}")));
            if new != *text {
                decision.set(drop_ins::rewrite(&file, &new));
            }
        }
        let (value, at) = effective.unzip();
        decision.result = crate::result! {
            "effective" => value.unwrap_or_default(),
            "at" => at.unwrap_or_default(),
            "msg" => if changed.is_some() { self.line() } else { String::new() },
        };
        if let Some(backup) = edited.backup {
            decision.result.insert("backup_file".into(), backup.into());
        }
        Ok(decision)
    }
}

fn edit<'a>(args: &'a Args, attrs: &'a Attrs) -> Edit<'a> {
    Edit {
        path: &args.dest,
        attrs,
        create: true,
        backup: args.backup,
        validate: None,
        encoding: None,
    }
}
