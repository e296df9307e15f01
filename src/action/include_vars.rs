//! Reads variables from files of the project's. Never changed.

use crate::resource::Query;
use crate::source::Mapping;

use super::{ArgError, Control, Decision, Failure, IncludeVars, Observed, Spec, Step, Task, place};

crate::args! {
    pub(crate) struct Args {
        /// The file, found in the folder `vars`.
        file: Option<String>, aka ["_raw_params", "free-form"];
        /// A directory; all files in it are read, in order of their names.
        dir: Option<String>;
        /// Put everything under this name.
        name: Option<String>;
        /// How many levels of directories are looked through; 0 is all.
        depth: u64 = "0";
        /// Only files whose name matches this regular expression.
        files_matching: Option<String>;
        /// Files left out, by names as regular expressions.
        ignore_files: Vec<String> = "[]";
        /// What the names of files may end in.
        extensions: Vec<String> = "[json, yaml, yml]";
        /// Pass over files with other endings instead of failing.
        ignore_unknown_extensions: bool = "false";
        /// `merge` joins mappings, `replace` puts the new one in place of the old.
        hash_behaviour: Option<Merging>;
    }
}

crate::choices! {
    pub(crate) enum Merging {
        Replace = "replace",
        Merge = "merge",
    }
}

pub(crate) static SPEC: Spec = Spec {
    name: "include_vars",
    collection: "ansible.builtin",
    aliases: &[],
    summary: "Reads variables from files of the project's",
    notes: "Never changed.",
    examples: r##"
- name: For this system
  include_vars: "{{ ansible_facts.os_family }}.yml"
- name: All of a directory
  include_vars:
    dir: vars/all
    extensions: [yml]
    name: settings
"##,
    params: Args::params,
    free_form: Some("file"),
    open: false,
    skips_check: false,
    parse,
};

fn parse(map: Mapping) -> Result<Box<dyn Task>, ArgError> {
    let args = Args::read(map)?;
    place::exclusive(&[("file", args.file.is_some()), ("dir", args.dir.is_some())])?;
    if args.file.is_none() && args.dir.is_none() {
        return Err(ArgError::new("", "one of `file` and `dir` is needed"));
    }
    let of_dir = [
        ("depth", args.depth > 0),
        ("files_matching", args.files_matching.is_some()),
        ("ignore_files", !args.ignore_files.is_empty()),
    ];
    if let (None, Some((name, _))) = (&args.dir, of_dir.iter().find(|(_, given)| *given)) {
        return Err(ArgError::new(
            name,
            format!("argument `{name}` goes with `dir`"),
        ));
    }
    Ok(Box::new(args))
}
impl Task for Args {
    fn reads(&self, _: &Observed) -> Vec<Query> {
        Vec::new()
    }

    fn decide(&self, _: &Observed) -> Result<Decision, Failure> {
        let include = IncludeVars {
            file: self.file.clone(),
            dir: self.dir.clone(),
            name: self.name.clone(),
            depth: self.depth,
            files_matching: self.files_matching.clone(),
            ignore_files: self.ignore_files.clone(),
            extensions: self.extensions.clone(),
            ignore_unknown_extensions: self.ignore_unknown_extensions,
            hash_behaviour: self.hash_behaviour.map(|m| m.word().to_owned()),
        };
        Ok(Decision {
            steps: vec![Step::Control(Control::IncludeVars(include))],
            ..Decision::default()
        })
    }

    fn conclude(&self, _: &Decision, done: &[super::Done]) -> Result<Mapping, Failure> {
        Ok(super::controlled(done))
    }
}
