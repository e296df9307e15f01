//! Fails unless every condition holds. Never changed.

use crate::resource::Query;
use crate::source::{Mapping, Value};

use super::arg::{self, Expression, Expressions};
use super::{ArgError, Decision, Failure, Observed, Spec, Task};

crate::args! {
    pub(crate) struct Args {
        /// A condition as in `when`, or a list of them.
        that: Expressions = required;
        /// What to say if one does not hold.
        fail_msg: Value = "Assertion failed", aka ["msg"];
        /// What to say if all hold.
        success_msg: Value = "All assertions passed";
        /// Show the result only when asked for details.
        quiet: bool = "false";
    }
}

pub(crate) static SPEC: Spec = Spec {
    name: "assert",
    collection: "ansible.builtin",
    aliases: &[],
    summary: "Fails unless every condition holds",
    notes: "Never changed.",
    examples: r##"
- name: The number makes sense
  assert:
    that:
      - my_param <= 100
      - my_param >= 0
    fail_msg: my_param must be between 0 and 100
"##,
    params: Args::params,
    free_form: None,
    open: false,
    skips_check: false,
    parse,
};

fn parse(map: Mapping) -> Result<Box<dyn Task>, ArgError> {
    Ok(Box::new(Args::read(map)?))
}
/// Whether a condition holds: a boolean, or text that spells one.
fn holds(condition: &Expression) -> Result<bool, Failure> {
    match &condition.value {
        Ok(Value::Bool(b)) => Ok(*b),
        Ok(Value::Null) => Ok(false),
        Ok(value) => Ok(truthy(value)),
        Err(error) => Err(Failure {
            message: format!("`{}` cannot be evaluated: {error}", condition.text),
            result: crate::result! { "assertion" => condition.text.as_str() },
        }),
    }
}

fn truthy(value: &Value) -> bool {
    match value {
        Value::Number(n) => n.as_f64() != Some(0.0),
        Value::String(s) => !s.is_empty(),
        Value::Sequence(items) => !items.is_empty(),
        Value::Mapping(map) => !map.is_empty(),
        Value::Tagged(tagged) => truthy(&tagged.value),
        Value::Bool(b) => *b,
        Value::Null => false,
    }
}

impl Task for Args {
    fn reads(&self, _: &Observed) -> Vec<Query> {
        Vec::new()
    }

    fn decide(&self, _: &Observed) -> Result<Decision, Failure> {
        for condition in &self.that.0 {
            if holds(condition)? {
                continue;
            }
            let message = arg::text(&self.fail_msg);
            let spelled = || crate::source::values::python_repr(&self.fail_msg);
            return Err(Failure {
                message: message.unwrap_or_else(spelled),
                result: crate::result! {
                    "assertion" => condition.text.as_str(),
                    "evaluated_to" => false,
                    "msg" => self.fail_msg.clone(),
                },
            });
        }
        Ok(Decision {
            shown: !self.quiet,
            ..Decision::ok(crate::result! { "msg" => self.success_msg.clone() })
        })
    }
}
