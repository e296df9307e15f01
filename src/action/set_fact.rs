//! Sets variables of the host for the rest of the run. Never changed.

use crate::resource::Query;
use crate::source::Mapping;

use super::arg::FromArg;
use super::{ArgError, Decision, Failure, Observed, Spec, Task, args};

crate::args! {
    pub(crate) struct Args {
        /// Also keep it as a fact of the host, which outlives the play.
        cacheable: bool = "false";
    }
}

pub(crate) static SPEC: Spec = Spec {
    name: "set_fact",
    collection: "ansible.builtin",
    aliases: &[],
    summary: "Sets variables of the host for the rest of the run",
    notes: "Never changed.",
    examples: r##"
- name: Two at once
  set_fact:
    one_fact: something
    other_fact: "{{ local_var * 2 }}"
    cacheable: true
"##,
    params: Args::params,
    free_form: None,
    open: true,
    skips_check: false,
    parse,
};
fn parse(mut map: Mapping) -> Result<Box<dyn Task>, ArgError> {
    let mut own = Mapping::new();
    if let Some(given) = args::take(&mut map, &["cacheable"]) {
        own.insert("cacheable".into(), given);
    }
    let cacheable = Args::read(own)?.cacheable;
    if map.is_empty() {
        return Err(ArgError::new("", "no variable is given").hint("write `name: value`"));
    }
    for name in map.keys() {
        let name = String::from_arg(name.clone()).unwrap_or_default();
        if !is_name(&name) {
            return Err(
                ArgError::new(&name, format!("Invalid variable name '{name}'"))
                    .hint("a name has letters, digits and underscores and begins with no digit"),
            );
        }
    }
    Ok(Box::new(Facts { cacheable, map }))
}

/// The variables, by name.
struct Facts {
    cacheable: bool,
    map: Mapping,
}

/// Whether it can be a variable: an identifier of Python's that is no keyword.
fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    let begins = bytes
        .next()
        .is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    begins
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && !matches!(name, "True" | "False" | "None")
}

impl Task for Facts {
    fn reads(&self, _: &Observed) -> Vec<Query> {
        Vec::new()
    }

    fn decide(&self, _: &Observed) -> Result<Decision, Failure> {
        let pairs = self.map.iter();
        let pairs = pairs.filter_map(|(k, v)| Some((k.as_str()?.to_owned(), v.clone())));
        Ok(Decision {
            vars: pairs.collect(),
            facts: self.cacheable.then(|| self.map.clone()),
            result: crate::result! { "ansible_facts" => self.map.clone() },
            ..Decision::default()
        })
    }
}
