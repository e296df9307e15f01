//! Runs a command, word by word, without a shell.
//!
//! Changed whenever it ran; `creates` and `removes` keep it from running. Times in the result are in
//! UTC. In check mode it is not run, and counts as changed where `creates` or `removes` let it pass.

use crate::resource::program::Exec;
use crate::resource::{Query, program};
use crate::source::{Mapping, Value};

use super::ran::{self, Invocation, Unless};
use super::{ArgError, Decision, Done, Failure, Observed, Spec, Task};

crate::args! {
    pub(crate) struct Args {
        /// The command, split into words at blanks and quotes.
        cmd: Option<String>, aka ["_raw_params", "free_form"];
        /// The command as a list of words.
        argv: Option<Vec<String>>;
        /// The directory to run it in.
        chdir: Option<String>;
        /// It does not run where a path matches this pattern.
        creates: Option<String>;
        /// It only runs where a path matches this pattern.
        removes: Option<String>;
        /// What it reads on its standard input.
        stdin: Option<String>;
        /// Whether the input ends with a newline.
        stdin_add_newline: bool = "true";
        /// Whether empty lines are taken off the end of what it prints.
        strip_empty_ends: bool = "true";
        /// Whether `$VARIABLE` and `~` stand for what they do in a shell.
        expand_argument_vars: bool = "true";
        /// Not for `command`; see `shell`.
        executable: Option<String>;
    }
}

pub(crate) static SPEC: Spec = Spec {
    name: "command",
    collection: "ansible.builtin",
    aliases: &[],
    summary: "Runs a command, without a shell",
    notes: "Changed whenever it ran.",
    examples: "
- name: What kernel is this?
  command: uname -r
- name: Make the database, once
  command:
    argv: [/usr/bin/make_database.sh, db user, db_name]
    creates: /path/to/database
",
    params: Args::params,
    free_form: Some("cmd"),
    open: false,
    skips_check: false,
    parse,
};

fn parse(map: Mapping) -> Result<Box<dyn Task>, ArgError> {
    let mut args = Args::read(map)?;
    args.cmd = args.cmd.filter(|c| !c.trim().is_empty());
    args.argv = args.argv.filter(|a| !a.is_empty());
    ran::one_of(&[("cmd", args.cmd.is_some()), ("argv", args.argv.is_some())])?;
    if args.executable.is_some() {
        return Err(
            ArgError::new("executable", "`command` uses no shell to choose")
                .hint("use `shell` with this argument"),
        );
    }
    args.words().map_err(|e| ArgError::new("cmd", e))?;
    Ok(Box::new(args))
}

impl Args {
    fn words(&self) -> Result<Vec<String>, String> {
        match (&self.argv, &self.cmd) {
            (Some(argv), _) => Ok(argv.clone()),
            (None, Some(cmd)) => ran::words(cmd),
            (None, None) => Ok(Vec::new()),
        }
    }

    fn unless(&self) -> Unless {
        Unless {
            creates: self.creates.clone(),
            removes: self.removes.clone(),
            chdir: self.chdir.clone(),
        }
    }
}

impl Task for Args {
    fn reads(&self, _: &Observed) -> Vec<Query> {
        self.unless().reads()
    }

    fn decide(&self, seen: &Observed) -> Result<Decision, Failure> {
        let words = self.words()?;
        let cmd = Value::Sequence(words.iter().map(|w| Value::from(w.as_str())).collect());
        let exec = if self.expand_argument_vars {
            program::expanded(words)
        } else {
            Exec::Argv(words)
        };
        let invocation = Invocation {
            cmd,
            exec,
            unless: self.unless(),
            stdin: self.stdin.as_deref(),
            stdin_add_newline: self.stdin_add_newline,
        };
        Ok(invocation.decide(seen))
    }

    fn conclude(&self, decision: &Decision, done: &[Done]) -> Result<Mapping, Failure> {
        ran::conclude(decision, done, self.strip_empty_ends)
    }
}
