//! Between plain data and the template engine's values.

use std::collections::BTreeMap;

use minijinja::value::Value as TValue;

use crate::source::Value;

/// Data as templates see it.
pub fn to_template(value: &Value) -> TValue {
    match value {
        Value::Null => TValue::from(()),
        Value::Bool(b) => TValue::from(*b),
        Value::Number(n) => match (n.as_i64(), n.as_f64()) {
            (Some(i), _) => TValue::from(i),
            (None, f) => TValue::from(f.unwrap_or(f64::NAN)),
        },
        Value::String(s) => TValue::from(s.as_str()),
        Value::Sequence(items) => TValue::from(items.iter().map(to_template).collect::<Vec<_>>()),
        Value::Mapping(map) => {
            let pairs = map.iter().map(|(k, v)| (to_template(k), to_template(v)));
            TValue::from(pairs.collect::<BTreeMap<_, _>>())
        }
        Value::Tagged(tagged) => to_template(&tagged.value),
    }
}
