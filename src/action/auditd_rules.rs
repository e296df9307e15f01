//! Keeps audit rules in the files that are loaded at boot.
//!
//! Rules are compared by what they mean, over all files of `/etc/audit/rules.d`: one that is there in
//! another spelling, or spread over several, is not added again, because the kernel refuses a rule it
//! has and loading stops there. What is missing goes to a file of our own. What the kernel has loaded
//! is not judged: an immutable audit takes rules at the next boot, and a container has none of its own.

use crate::resource::walk::Which;
use crate::resource::{Query, RemotePath, Resource, State};
use crate::result;
use crate::source::{Mapping, Value};

use super::arg::Mode;
use super::attrs::Attrs;
use super::audit_rule::{self, Rule, covers};
use super::edit::Edit;
use super::{ArgError, Decision, Failure, Observed, Spec, Task};

crate::args! {
    pub(crate) struct Args {
        /// The rules, each as `auditctl` takes it.
        rules: Vec<String> = "[]", aka ["rule"];
        /// A rule for every program on the host that runs as its owner or group, whoever starts it.
        setid: bool = "false";
        /// The first number of a person's account: what nobody logged in for is not recorded.
        first_uid: u64 = "1000";
        /// The file that those go to which are missing.
        file: RemotePath = "/etc/audit/rules.d/50-palisade.rules";
    }
}

pub(crate) static SPEC: Spec = Spec {
    name: "auditd_rules",
    collection: "palisade",
    aliases: &[],
    summary: "Keeps audit rules in the files that are loaded at boot",
    notes: "Changed when a rule is missing that no other rule covers. The result says where each one \
            stands. The rules in the kernel are loaded by a handler.",
    examples: "
- name: Changes of accounts are recorded
  auditd_rules:
    rules:
      - -w /etc/passwd -p wa -k identity
      - -w /etc/shadow -p wa -k identity
  notify: load audit rules
- name: The rules stay as they are until the next boot
  auditd_rules:
    rules: [-e 2]
    file: /etc/audit/rules.d/99-finalize.rules
- name: Programs that run as root for anyone are recorded
  auditd_rules: {setid: true}
  notify: load audit rules
",
    params: Args::params,
    free_form: None,
    open: false,
    skips_check: false,
    parse,
};

/// All files whose rules are put together.
const RULES: &str = "/etc/audit/rules.d/*.rules";

/// What our own file begins with: a call that this kernel does not know keeps no other rule out.
const HEAD: &str = "-c\n";

struct Rules {
    file: RemotePath,
    wanted: Vec<(String, Rule)>,
    /// Programs with the setuid or setgid bit are watched, for people from this number on.
    setid: Option<u64>,
}

fn parse(map: Mapping) -> Result<Box<dyn Task>, ArgError> {
    let rules = map.get("rules").or_else(|| map.get("rule"));
    // A text is split at commas elsewhere, but rules have commas of their own.
    let one = rules.and_then(Value::as_str).map(str::to_owned);
    let mut args = Args::read(map)?;
    if let Some(text) = one {
        args.rules = text.lines().map(str::to_owned).collect();
    }
    let mut wanted = Vec::new();
    for line in &args.rules {
        let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
        match audit_rule::read(&line) {
            Ok(Some(rule)) => wanted.push((line, rule)),
            Ok(None) => {}
            Err(message) => return Err(ArgError::new("rules", message)),
        }
    }
    if wanted.is_empty() && !args.setid {
        return Err(ArgError::new("rules", "one of rules, setid must be given"));
    }
    Ok(Box::new(Rules {
        file: args.file,
        wanted,
        setid: args.setid.then_some(args.first_uid),
    }))
}

impl Rules {
    fn attrs() -> Attrs {
        Attrs {
            mode: Some(Mode::Bits(0o600)),
            ..Attrs::default()
        }
    }

    fn edit<'a>(&'a self, attrs: &'a Attrs) -> Edit<'a> {
        Edit {
            path: &self.file,
            attrs,
            create: true,
            backup: false,
            validate: None,
            encoding: None,
        }
    }
}

impl Rules {
    /// The rules that are asked for, and those for what is on this host.
    fn all_wanted(&self, seen: &Observed) -> Result<Vec<(String, Rule)>, Failure> {
        let mut wanted = self.wanted.clone();
        let Some(first) = self.setid else {
            return Ok(wanted);
        };
        let walk = Resource::Walk(Which::Setid);
        let found = match seen.get(&walk) {
            State::Tree(tree) if !tree.truncated => &tree.entries,
            State::Refused(why) => return Err(Failure::new(format!("{walk}: {why}"))),
            _ => return Err(Failure::new(format!("there are too many {walk} to list"))),
        };
        for (path, _) in found {
            // auditctl splits at blanks.
            if path.as_str().contains(char::is_whitespace) {
                continue;
            }
            let line = format!(
                "-a always,exit -F path={path} -F perm=x -F auid>={first} -F auid!=4294967295 -k privileged"
            );
            if let Ok(Some(rule)) = audit_rule::read(&line) {
                wanted.push((line, rule));
            }
        }
        Ok(wanted)
    }
}

fn all() -> Resource {
    Resource::texts([RULES])
}

impl Task for Rules {
    fn reads(&self, seen: &Observed) -> Vec<Query> {
        let mut queries = vec![Query::meta(all())];
        queries.extend(self.edit(&Rules::attrs()).reads(seen));
        if self.setid.is_some() {
            queries.push(Query::meta(Resource::Walk(Which::Setid)));
        }
        queries
    }

    fn decide(&self, seen: &Observed) -> Result<Decision, Failure> {
        let mut there: Vec<(Rule, String)> = Vec::new();
        for file in seen.texts(&all())? {
            for (number, line) in file.text()?.lines().enumerate() {
                if let Ok(Some(rule)) = audit_rule::read(line) {
                    there.push((rule, format!("{}:{}", file.path, number + 1)));
                }
            }
        }
        let rules: Vec<Rule> = there.iter().map(|(rule, _)| rule.clone()).collect();
        let (mut at, mut missing) = (Mapping::new(), Vec::new());
        let all_wanted = self.all_wanted(seen)?;
        for (line, wanted) in &all_wanted {
            if !covers(&rules, wanted) {
                missing.push(line.as_str());
                continue;
            }
            let one = |(rule, _): &&(Rule, String)| covers(std::slice::from_ref(rule), wanted);
            let place = there.iter().find(one).map_or("several rules", |(_, at)| at);
            at.insert(line.as_str().into(), place.into());
        }
        let attrs = Rules::attrs();
        let edit = self.edit(&attrs);
        let found = edit.open(seen)?;
        let text = (!missing.is_empty()).then(|| self.with(&found.text, &missing));
        let mut decision = edit.close(seen, &found, text.as_deref())?.decision;
        let missing = missing.into_iter().map(Value::from).collect();
        decision.result = result! {
            "at" => Value::Mapping(at),
            "missing" => Value::Sequence(missing),
        };
        Ok(decision)
    }
}

impl Rules {
    fn with(&self, text: &str, missing: &[&str]) -> String {
        let mut text = text.to_owned();
        let settings = |line: &&str| line.starts_with("-e");
        if text.is_empty() && !missing.iter().all(settings) {
            text.push_str(HEAD);
        }
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        for line in missing {
            // Only the last of such settings counts, so those before it would mislead.
            let flag = line.split(' ').next().unwrap_or_default();
            if matches!(flag, "-e" | "-b" | "-f" | "-r" | "--backlog_wait_time") {
                let other = |l: &&str| l.split(' ').next() != Some(flag);
                text = text
                    .lines()
                    .filter(other)
                    .fold(String::new(), |t, l| t + l + "\n");
            }
            text.push_str(line);
            text.push('\n');
        }
        text
    }
}
