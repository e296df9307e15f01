//! Sets an option of the SSH server, wherever it would come from: included files count in their place,
//! the first value wins, and what stands in `Match` blocks is looked at too.
//!
//! Ours goes into the main file, before whatever it includes, so that it wins and every scanner finds it; or
//! to a drop-in, for those who ask for one. Lines that say otherwise become comments: there is one answer.

use crate::resource::{Query, Resource};

use super::args::Present;
use super::drops::{self, Drops};
use super::sshd_option::{Args, MANY, Matches, Sshd};
use super::sshd_text::{self, Config, Directive};
use super::{Decision, Failure, Observed, Spec, Task};

pub(crate) static SPEC: Spec = Spec {
    name: "sshd_config",
    collection: "palisade",
    aliases: &[],
    summary: "Sets an option of the SSH server, wherever it would come from",
    notes: "Changed when a file changes. The result says what was in effect, and where it came from. The server \
reads its files only when it starts or is told to: notify a handler that reloads it. Skipped where no SSH server \
is installed.",
    examples: "
- name: Nobody logs in as root
  sshd_config: {option: PermitRootLogin, value: no}
  notify: reload sshd
- name: Five tries at most
  sshd_config: {option: MaxAuthTries, at_most: 4}
- name: Ciphers are the strong ones
  sshd_config:
    option: Ciphers
    only: [aes256-gcm@openssh.com, aes128-gcm@openssh.com]
",
    params: Args::params,
    free_form: None,
    open: false,
    skips_check: false,
    parse: |map| Ok(Box::new(Sshd::new(Args::read(map)?)?)),
};
impl Sshd {
    fn patterns(&self) -> Vec<String> {
        let main = &self.args.path;
        vec![main.to_string(), format!("{main}.d/*.conf")]
    }

    /// The files, with further ones that `Include` names, and the questions that are still open.
    fn open(&self, seen: &Observed) -> Result<(Drops, Config, Vec<Query>), Failure> {
        let mut known = self.patterns();
        let first = Resource::texts(known.clone());
        let mut queries = drops::reads(&first, self.args.drop_in.as_ref());
        queries.extend(self.algorithms().map(Query::meta));
        let mut drops = Drops::default();
        if seen.peek(&first).is_none() {
            return Ok((drops, Config::default(), queries));
        }
        drops.add(seen, &first)?;
        // Files that are included name others, which are asked in the next round.
        loop {
            let config = Config::read(&drops, &self.args.path, &known);
            if config.missing.is_empty() {
                return Ok((drops, config, queries));
            }
            let more = Resource::texts(config.missing.clone());
            queries.push(Query::new(more.clone(), queries[0].want));
            if seen.peek(&more).is_none() {
                return Ok((drops, config, queries));
            }
            drops.add(seen, &more)?;
            known.extend(config.missing);
        }
    }
}

/// What is to be done about the lines of the option.
struct Found<'a> {
    /// Its words in effect for everybody; of options that are collected, those of all lines.
    words: Vec<String>,
    first: Option<&'a Directive>,
    /// Lines for everybody.
    global: Vec<&'a Directive>,
    /// Lines in `Match` blocks that will not do.
    weak: Vec<&'a Directive>,
}

impl Sshd {
    fn find<'a>(&'a self, config: &'a Config) -> Found<'a> {
        let (global, scoped): (Vec<&Directive>, Vec<&Directive>) =
            config.named(&self.name).partition(|d| d.within.is_none());
        let words = match MANY.contains(&self.name.as_str()) {
            true => global.iter().flat_map(|d| d.words.clone()).collect(),
            false => global.first().map(|d| d.words.clone()).unwrap_or_default(),
        };
        let weak = scoped.into_iter().filter(|d| !self.accepts(&d.words));
        Found {
            words,
            first: global.first().copied(),
            weak: weak.collect(),
            global,
        }
    }

    /// Whether what is in effect for everybody will do.
    fn is_met(&self, found: &Found<'_>) -> bool {
        match (self.args.state, &found.first, &self.default) {
            (Present::Absent, first, _) => first.is_none(),
            (_, Some(_), _) => self.accepts(&found.words),
            (_, None, Some(default)) if !self.args.explicit => {
                self.accepts(std::slice::from_ref(default))
            }
            (_, None, _) => false,
        }
    }

    fn edit(&self, seen: &Observed, drops: &mut Drops, config: &Config, found: &Found<'_>) {
        let met = self.is_met(found);
        let mut out: Vec<&Directive> = Vec::new();
        if self.args.match_blocks == Matches::Fix {
            out.extend(&found.weak);
        }
        let many = MANY.contains(&self.name.as_str());
        let contradicts = |d: &&&Directive| match (many, self.args.state) {
            // What is right together may be several lines.
            (true, _) => !met,
            (_, Present::Absent) => true,
            _ => !self.accepts(&d.words),
        };
        out.extend(found.global.iter().filter(contradicts));
        for directive in out {
            let file = &mut drops.files[directive.file];
            // What is included from elsewhere is somebody else's (crypto policies): ours is read first.
            if !file.target().is_within(&self.args.path.parent()) {
                continue;
            }
            let line = file.text.lines().nth(directive.line).unwrap_or_default();
            let line = drops::commented(line);
            file.text = drops::with_line(&file.text, directive.line, Some(&line));
        }
        if met || self.args.state == Present::Absent {
            return;
        }
        let line = self.line(seen, &found.words);
        let own = self.args.drop_in.as_ref().filter(|d| config.includes(d));
        let path = own.unwrap_or(&self.args.path);
        // A line of ours that said otherwise is now a comment of ours: it is no news to anybody.
        let text = drops.text(path.as_str()).unwrap_or_default();
        let text = match own {
            Some(_) => tidy(text, &self.name),
            None => text.to_owned(),
        };
        // The first value wins, so it goes before what is included.
        let at = sshd_text::first_of(&text, &["include", "match"]);
        drops.set(path, drops::insert_line(&text, at, &line), 0o600);
    }
}

/// A drop-in of ours without its own commented lines of an option.
fn tidy(text: &str, name: &str) -> String {
    let is_old = |line: &str| {
        let bare = line.trim_start_matches(['#', ' ']);
        line.starts_with('#')
            && sshd_text::split(bare).is_some_and(|(n, w)| n == name && !w.is_empty())
    };
    text.split_inclusive('\n').filter(|l| !is_old(l)).collect()
}

impl Task for Sshd {
    fn reads(&self, seen: &Observed) -> Vec<Query> {
        match self.open(seen) {
            Ok((_, _, queries)) => queries,
            // What is wrong is said when it is decided.
            Err(_) => drops::reads(
                &Resource::texts(self.patterns()),
                self.args.drop_in.as_ref(),
            ),
        }
    }

    fn decide(&self, seen: &Observed) -> Result<Decision, Failure> {
        let (mut drops, config, _) = self.open(seen)?;
        if drops.get(self.args.path.as_str()).is_none() {
            return Ok(Decision::skipped(format!(
                "no SSH server is installed: {} is not there",
                self.args.path
            )));
        }
        let found = self.find(&config);
        let place = |d: &Directive| drops::at(&drops.files[d.file].path, d.line);
        let mut result = crate::result! { "option" => self.args.option.as_str() };
        let effective = match (&found.first, &self.default) {
            (Some(_), _) => Some(found.words.join(" ")),
            (None, default) => default.clone(),
        };
        drops::say(&mut result, "effective", effective);
        drops::say(&mut result, "at", found.first.map(place));
        let mut decision = Decision::default();
        if !found.weak.is_empty() {
            let weak = found.weak.iter().map(|d| {
                let within = d.within.as_deref().unwrap_or_default();
                format!("{} {} (Match {within})", place(d), d.words.join(" "))
            });
            let weak: Vec<String> = weak.collect();
            if self.args.match_blocks == Matches::Keep {
                decision.warnings.push(format!(
                    "{} is otherwise in Match blocks: {}",
                    self.args.option,
                    weak.join(", ")
                ));
            }
            result.insert("match_blocks".into(), drops::places(weak));
        }
        self.edit(seen, &mut drops, &config, &found);
        if !drops.is_unchanged() && self.args.state == Present::Present {
            result.insert("wanted".into(), self.goal(seen, &found.words).into());
        }
        let validate = Some(self.args.validate.as_str()).filter(|v| !v.is_empty());
        drops.close(seen, validate, &mut decision)?;
        decision.result = result;
        Ok(decision)
    }
}
