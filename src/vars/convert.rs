//! Between plain data and the template engine's values.

use minijinja::value::Value as TValue;

use crate::source::Value;

/// Data as templates see it.
pub fn to_template(value: &Value) -> TValue {
    TValue::from_serialize(value)
}
