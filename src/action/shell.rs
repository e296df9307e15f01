//! Runs a command line through a shell.
//!
//! Changed whenever it ran; otherwise as `command`.

use crate::resource::Query;
use crate::resource::program::Exec;
use crate::source::Mapping;

use super::ran::{self, Invocation, Unless};
use super::{ArgError, Decision, Done, Failure, Observed, Spec, Task};

crate::args! {
    pub(crate) struct Args {
        /// The command line.
        cmd: String = required, aka ["_raw_params", "free_form"];
        /// The directory to run it in.
        chdir: Option<String>;
        /// It does not run where a path matches this pattern.
        creates: Option<String>;
        /// It only runs where a path matches this pattern.
        removes: Option<String>;
        /// The shell, `/bin/sh` where none is named.
        executable: Option<String>;
        /// What it reads on its standard input.
        stdin: Option<String>;
        /// Whether the input ends with a newline.
        stdin_add_newline: bool = "true";
        /// Whether empty lines are taken off the end of what it prints.
        strip_empty_ends: bool = "true";
    }
}

pub(crate) static SPEC: Spec = Spec {
    name: "shell",
    collection: "ansible.builtin",
    aliases: &[],
    summary: "Runs a command line through a shell",
    notes: "Changed whenever it ran.",
    examples: "
- name: Keep a log
  shell: somescript.sh >> somelog.txt
  args:
    chdir: somedir/
    creates: somelog.txt
- name: What bash can do
  shell:
    cmd: cat < <(echo hi)
    executable: /bin/bash
",
    params: Args::params,
    free_form: Some("cmd"),
    open: false,
    skips_check: false,
    parse,
};

fn parse(map: Mapping) -> Result<Box<dyn Task>, ArgError> {
    let args = Args::read(map)?;
    if args.cmd.trim().is_empty() {
        return Err(ArgError::new("cmd", "no command was given"));
    }
    Ok(Box::new(args))
}

impl Args {
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
        let executable = self.executable.clone();
        let invocation = Invocation {
            cmd: self.cmd.as_str().into(),
            exec: Exec::Shell {
                text: self.cmd.clone(),
                executable,
            },
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
