//! Shows a message or the value of a variable. Never changed.

use crate::resource::Query;
use crate::source::{Mapping, Value};

use super::arg::Expression;
use super::{ArgError, Decision, Failure, Observed, Spec, Task, place};

crate::args! {
    pub(crate) struct Args {
        /// What to show; anything but an expression.
        msg: Option<Value>;
        /// An expression whose value is shown under its own text.
        var: Option<Expression>;
        /// Shown only with at least this many `-v`.
        verbosity: i64 = "0";
    }
}

pub(crate) static SPEC: Spec = Spec {
    name: "debug",
    collection: "ansible.builtin",
    aliases: &[],
    summary: "Shows a message or the value of a variable",
    notes: "Never changed.",
    examples: r##"
- name: Which host is this?
  debug:
    msg: System {{ inventory_hostname }}
- name: A variable
  debug:
    var: result.stdout_lines
    verbosity: 2
"##,
    params: Args::params,
    free_form: None,
    open: false,
    skips_check: false,
    parse,
};

fn parse(map: Mapping) -> Result<Box<dyn Task>, ArgError> {
    let nothing = map.get("msg").is_some_and(Value::is_null);
    let args = Args::read(map)?;
    place::exclusive(&[("msg", args.msg.is_some()), ("var", args.var.is_some())])?;
    Ok(Box::new(Debug { args, nothing }))
}

struct Debug {
    args: Args,
    /// The message is an expression that came to nothing.
    nothing: bool,
}

impl Task for Debug {
    fn reads(&self, _: &Observed) -> Vec<Query> {
        Vec::new()
    }

    fn decide(&self, seen: &Observed) -> Result<Decision, Failure> {
        let args = &self.args;
        if args.verbosity > i64::from(seen.verbosity) {
            return Ok(Decision::skipped("Verbosity threshold not met."));
        }
        let mut result = Mapping::new();
        match &args.var {
            Some(var) => {
                let shown = match &var.value {
                    Ok(value) => value.clone(),
                    Err(error) => Value::from(format!("<< {error} >>")),
                };
                result.insert(var.text.as_str().into(), shown);
            }
            None => {
                let usual = || match self.nothing {
                    true => Value::Null,
                    false => Value::from("Hello world!"),
                };
                result.insert("msg".into(), args.msg.clone().unwrap_or_else(usual));
            }
        }
        Ok(Decision {
            shown: true,
            ..Decision::ok(result)
        })
    }
}
