//! Takes short moduli out of the file from which an SSH server chooses groups for key exchange.

use crate::resource::{Query, RemotePath};

use super::attrs::Attrs;
use super::edit::Edit;
use super::{ArgError, Decision, Failure, Observed, Spec, Task};

crate::args! {
    pub(crate) struct Args {
        /// The bits that a modulus has at least.
        at_least: u64 = required;
        /// The file.
        path: RemotePath = "/etc/ssh/moduli";
    }
}

pub(crate) static SPEC: Spec = Spec {
    name: "ssh_moduli",
    collection: "palisade",
    aliases: &[],
    summary: "Takes short moduli out of the file from which an SSH server chooses",
    notes: "Changed when the file changes. Fails where no modulus would be left: the server would use its own.",
    examples: "
- name: Groups for key exchange have 3072 bits at least
  ssh_moduli: {at_least: 3071}
",
    params: Args::params,
    free_form: None,
    open: false,
    skips_check: false,
    parse: |map| {
        let args = Args::read(map)?;
        // Longer ones nobody makes.
        match args.at_least {
            0..=16384 => Ok(Box::new(args)),
            _ => Err(ArgError::new("at_least", "no modulus is that long")),
        }
    },
};

/// The bits of a line's modulus: its fifth field, which is one less than people say.
fn bits(line: &str) -> Option<u64> {
    let line = line.trim();
    match line.starts_with('#') {
        true => None,
        false => line.split_whitespace().nth(4)?.parse().ok(),
    }
}

impl Task for Args {
    fn reads(&self, seen: &Observed) -> Vec<Query> {
        edit(self, &Attrs::default()).reads(seen)
    }

    fn decide(&self, seen: &Observed) -> Result<Decision, Failure> {
        let attrs = Attrs::default();
        let edit = edit(self, &attrs);
        let found = edit.open(seen)?;
        if found.state.is_none() {
            let why = format!("{} is not there: is an SSH server installed?", self.path);
            return Ok(Decision::skipped(why));
        }
        let is_short = |line: &&str| bits(line).is_some_and(|b| b < self.at_least);
        let short = found.text.lines().filter(is_short).count();
        let left = found
            .text
            .lines()
            .filter(|l| bits(l).is_some_and(|b| b >= self.at_least));
        let left = left.count();
        if short > 0 && left == 0 {
            let message = format!("no modulus of {} has {} bits", self.path, self.at_least);
            return Err(Failure::new(message));
        }
        let text: String = found
            .text
            .split_inclusive('\n')
            .filter(|l| !is_short(l))
            .collect();
        let edited = edit.close(seen, &found, (short > 0).then_some(text.as_str()))?;
        let mut decision = edited.decision;
        decision.result = crate::result! { "short" => short, "left" => left };
        Ok(decision)
    }
}

fn edit<'a>(args: &'a Args, attrs: &'a Attrs) -> Edit<'a> {
    Edit {
        path: &args.path,
        attrs,
        create: false,
        backup: false,
        validate: None,
        encoding: None,
    }
}
