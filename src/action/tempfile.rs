//! Makes a temporary file or directory with a name nobody else has.
//!
//! Always changed, and skipped in check mode, because the name is only known once it is made.

use crate::resource::program::Exec;
use crate::resource::{Query, RemotePath, Run, tempfile};
use crate::source::Mapping;

use super::{ArgError, Decision, Done, Failure, Observed, Spec, Task};

crate::choices! {
    pub(crate) enum Kind {
        File = "file",
        Directory = "directory",
    }
}

crate::args! {
    pub(crate) struct Args {
        /// What to make.
        state: Kind = "file";
        /// Where; by default where the host keeps temporary files.
        path: Option<RemotePath>;
        /// What the name begins with.
        prefix: String = "ansible.";
        /// What the name ends with.
        suffix: String = "''";
    }
}

pub(crate) static SPEC: Spec = Spec {
    name: "tempfile",
    collection: "ansible.builtin",
    aliases: &[],
    summary: "Makes a temporary file or directory",
    notes: "Always changed.",
    examples: r##"
- name: A place to build in
  tempfile:
    state: directory
    suffix: build
  register: build
"##,
    params: Args::params,
    free_form: None,
    open: false,
    skips_check: true,
    parse,
};

fn parse(map: Mapping) -> Result<Box<dyn Task>, ArgError> {
    let args = Args::read(map)?;
    for (name, text) in [("prefix", &args.prefix), ("suffix", &args.suffix)] {
        if text.contains('/') {
            return Err(ArgError::new(
                name,
                format!("argument `{name}` cannot hold a slash"),
            ));
        }
    }
    Ok(Box::new(args))
}
impl Task for Args {
    fn reads(&self, _: &Observed) -> Vec<Query> {
        Vec::new()
    }

    fn decide(&self, seen: &Observed) -> Result<Decision, Failure> {
        let directory = self.state == Kind::Directory;
        let folder = self.path.as_ref().map(|p| super::place::expand(seen, p));
        let folder = folder.as_ref().map(RemotePath::as_str);
        let program = tempfile::mktemp(directory, folder, &self.prefix, &self.suffix);
        let mut decision = Decision::ok(crate::result! {
            "state" => self.state.word(),
            "mode" => if directory { "0700" } else { "0600" },
        });
        decision.run(Run::new(Exec::Program(program)));
        Ok(decision)
    }

    fn conclude(&self, decision: &Decision, done: &[Done]) -> Result<Mapping, Failure> {
        let Some(Done::Ran(ran)) = done.first() else {
            return Ok(decision.result.clone());
        };
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
        if ran.rc != 0 {
            return Err(Failure::new(text(&ran.stderr)));
        }
        let said = text(&ran.stdout);
        let (path, whose) = said.rsplit_once('\n').unwrap_or((&said, ""));
        let mut result = crate::result! { "path" => path };
        result.extend(decision.result.clone());
        if let Some(state) = crate::resource::described(whose) {
            result.extend(super::place::describe(&state));
        }
        Ok(result)
    }
}
