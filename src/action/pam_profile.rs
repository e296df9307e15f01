//! Puts modules into the common stacks of Debian's PAM, by a profile of `pam-auth-update`.
//!
//! The stacks are put together here as that tool would, so that a check says what they become, and
//! undoing brings them back; the tool then finds its own work, and keeps it at every upgrade. Stacks
//! that have the modules already stay as they are, however they came there.

use crate::resource::{Query, RemotePath, Resource};
use crate::source::Mapping;

use super::drops::{self, Drops};
use super::pam_text;
use super::pam_update::{self, Profile, STACKS, Stack};
use super::{ArgError, Decision, Failure, Observed, Spec, Task};

crate::args! {
    pub(crate) struct Args {
        /// The profile's name: a file of `/usr/share/pam-configs`.
        name: String = required;
        /// Its text, as `pam-auth-update` reads it.
        content: String = required;
    }
}

pub(crate) static SPEC: Spec = Spec {
    name: "pam_profile",
    collection: "palisade",
    aliases: &[],
    summary: "Puts modules into the common stacks of Debian's PAM, by a profile of pam-auth-update",
    notes: "Changed when a stack lacks a module of the profile. Skipped where there is no pam-auth-update. Stacks with \
lines that it does not know are refused: they were edited by hand, and only a person can say what is to stay.",
    examples: r#"
- name: Old passwords are remembered
  pam_profile:
    name: palisade_pwhistory
    content: |
      Name: Remember old passwords
      Default: yes
      Priority: 1023
      Password-Type: Primary
      Password:
        requisite pam_pwhistory.so remember=24 use_authtok
      Password-Initial:
        requisite pam_pwhistory.so remember=24
"#,
    params: Args::params,
    free_form: None,
    open: false,
    skips_check: false,
    parse: |map| {
        let args = Args::read(map)?;
        let plain = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
        if args.name.is_empty() || args.name.starts_with('.') || !args.name.chars().all(plain) {
            return Err(ArgError::new(
                "name",
                format!("`{}` is no profile's name", args.name),
            ));
        }
        let profile = Profile::parse(&args.name, &args.content);
        if STACKS.iter().all(|s| profile.lines(s, false).is_empty()) {
            return Err(ArgError::new(
                "content",
                "the profile has no lines for any stack",
            ));
        }
        Ok(Box::new(Args { ..args }))
    },
};

const PROFILES: &str = "/usr/share/pam-configs";
const SAVED: &str = "/var/lib/pam";
const SERVICES: &str = "/etc/pam.d";

/// Arguments that say which of its jobs a module does.
const JOBS: [&str; 3] = ["preauth", "authfail", "authsucc"];

impl Args {
    fn on() -> Resource {
        Resource::texts([
            format!("{PROFILES}/*"),
            // What is kept goes first: kept lines that a stack lacks are taken for a person's choice,
            // lines that were not kept for a stranger's.
            format!("{SAVED}/*"),
            format!("{SERVICES}/common-*"),
        ])
    }

    /// The modules of the profile that a stack has not, and the places of those it has.
    fn missing(&self, drops: &Drops, profile: &Profile) -> (Vec<String>, Vec<String>) {
        let (mut missing, mut found) = (Vec::new(), Vec::new());
        for stack in STACKS {
            let path = format!("{SERVICES}/common-{stack}");
            let kind = stack.strip_suffix("-noninteractive").unwrap_or(stack);
            let entries = pam_text::entries(drops.text(&path).unwrap_or_default());
            for line in profile.lines(stack, false).lines() {
                let Some(wanted) = pam_text::entry(0, &format!("{kind} {line}")) else {
                    continue;
                };
                let does = |arguments: &[String]| {
                    let jobs = arguments.iter().filter(|a| JOBS.contains(&a.as_str()));
                    jobs.cloned().collect::<Vec<_>>()
                };
                let is_it = |e: &&pam_text::Entry| {
                    e.kind == kind
                        && e.module == wanted.module
                        && does(&e.arguments) == does(&wanted.arguments)
                };
                match entries.iter().find(is_it) {
                    Some(entry) => found.push(format!("{path}:{}", entry.line + 1)),
                    None => missing.push(format!("common-{stack}: {}", line.trim())),
                }
            }
        }
        (missing, found)
    }

    fn edit(&self, drops: &mut Drops, profile: &Profile) -> Result<(), Failure> {
        let path = |text: String| RemotePath::new(&text).map_err(Failure::new);
        let all = drops
            .files
            .iter()
            .filter(|f| f.path.parent().as_str() == PROFILES);
        let named = all.filter(|f| !f.path.name().ends_with('~'));
        let profiles = named.map(|f| Profile::parse(f.path.name(), &f.text));
        let profiles: Vec<Profile> = profiles.collect();
        let names: Vec<(String, String)> = STACKS
            .iter()
            .map(|s| (format!("{SERVICES}/common-{s}"), format!("{SAVED}/{s}")))
            .collect();
        let mut stacks = Vec::new();
        for (name, (now, saved)) in STACKS.iter().zip(&names) {
            let text = |path: &str| {
                let missing =
                    || Failure::new(format!("{path} is not there: pam-auth-update never ran"));
                drops.text(path).ok_or_else(missing)
            };
            stacks.push(Stack {
                name,
                text: text(now)?,
                saved: text(saved)?,
            });
        }
        let built = pam_update::with(&stacks, &profiles, profile).map_err(|why| {
            Failure::new(format!(
                "{why}; look at it, then run `pam-auth-update --force` once"
            ))
        })?;
        let seen = format!("{SAVED}/seen");
        let mut list = drops.text(&seen).unwrap_or_default().to_owned();
        if !list.lines().any(|l| l == self.name) {
            list.push_str(&self.name);
            list.push('\n');
        }
        drops.set(
            &path(format!("{PROFILES}/{}", self.name))?,
            self.content.clone(),
            0o644,
        );
        drops.set(&path(seen)?, list, 0o644);
        for ((now, saved), (text, kept)) in names.iter().zip(built) {
            drops.set(&path(saved.clone())?, kept, 0o644);
            drops.set(&path(now.clone())?, text, 0o644);
        }
        Ok(())
    }
}

impl Task for Args {
    fn reads(&self, _: &Observed) -> Vec<Query> {
        let mut queries = Vec::new();
        for folder in [PROFILES, SAVED] {
            let own = RemotePath::new(&format!("{folder}/{}", self.name)).ok();
            queries.extend(drops::reads(&Args::on(), own.as_ref()));
        }
        queries
    }

    fn decide(&self, seen: &Observed) -> Result<Decision, Failure> {
        let mut drops = Drops::open(seen, &Args::on())?;
        if drops.get(&format!("{PROFILES}/unix")).is_none() {
            let why = "this host does not put its PAM stacks together by pam-auth-update";
            return Ok(Decision::skipped(why));
        }
        let profile = Profile::parse(&self.name, &self.content);
        let (missing, found) = self.missing(&drops, &profile);
        let mut result = Mapping::new();
        result.insert("profile".into(), self.name.as_str().into());
        result.insert("found".into(), drops::places(found));
        result.insert("missing".into(), drops::places(missing.clone()));
        if !missing.is_empty() {
            self.edit(&mut drops, &profile)?;
        }
        let mut decision = Decision::default();
        drops.close(seen, None, &mut decision)?;
        decision.result = result;
        Ok(decision)
    }
}
