//! Values as Python writes them: `repr` and `str`.

use std::fmt::Write as _;
use std::sync::Arc;

use super::value::Val;

impl Val {
    /// Python's `str()`.
    pub(in crate::vars) fn text(&self) -> Arc<str> {
        match self {
            Val::Str(s) => Arc::clone(s),
            other => {
                let mut out = String::new();
                other.write_text(&mut out);
                Arc::from(out)
            }
        }
    }

    pub(in crate::vars) fn write_text(&self, out: &mut String) {
        match self {
            Val::Str(s) => out.push_str(s),
            Val::Undefined(_) | Val::Omit => {}
            other => other.write_repr(out),
        }
    }

    pub(in crate::vars) fn repr(&self) -> String {
        let mut out = String::new();
        self.write_repr(&mut out);
        out
    }

    /// Python's `repr()`; tuples look like lists, which is what Ansible makes of them.
    pub(in crate::vars) fn write_repr(&self, out: &mut String) {
        match self {
            Val::Undefined(_) => out.push_str("Undefined"),
            Val::None => out.push_str("None"),
            Val::Bool(true) => out.push_str("True"),
            Val::Bool(false) => out.push_str("False"),
            Val::Int(i) => {
                let _ = write!(out, "{i}");
            }
            Val::Float(f) => out.push_str(&float_text(*f)),
            Val::Str(s) => repr_str(s, out),
            Val::List(_) | Val::Tuple(_) => {
                out.push('[');
                let items = self.seq().unwrap_or_default();
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        out.push_str(", ");
                    }
                    item.write_repr(out);
                }
                out.push(']');
            }
            Val::Dict(items) => {
                out.push('{');
                for (i, (key, value)) in items.get().iter().enumerate() {
                    if i > 0 {
                        out.push_str(", ");
                    }
                    key.write_repr(out);
                    out.push_str(": ");
                    value.write_repr(out);
                }
                out.push('}');
            }
            Val::Thunk(_) => out.push_str("<template>"),
            Val::Omit => out.push_str("<omit>"),
            Val::Object(object) => out.push_str(&object.text()),
        }
    }
}

/// A float the way Python prints it.
pub(in crate::vars) fn float_text(f: f64) -> String {
    if f.is_nan() {
        return "nan".into();
    }
    if f.is_infinite() {
        return if f > 0.0 { "inf" } else { "-inf" }.into();
    }
    let magnitude = f.abs();
    if magnitude != 0.0 && !(1e-4..1e16).contains(&magnitude) {
        let text = format!("{f:e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, digits) = match exponent.strip_prefix('-') {
            Some(digits) => ('-', digits),
            None => ('+', exponent),
        };
        return format!("{mantissa}e{sign}{digits:0>2}");
    }
    let text = format!("{f}");
    if text.contains('.') {
        text
    } else {
        format!("{text}.0")
    }
}

/// A string the way Python quotes it.
pub(in crate::vars) fn repr_str(s: &str, out: &mut String) {
    use std::fmt::Write as _;
    let quote = if s.contains('\'') && !s.contains('"') {
        '"'
    } else {
        '\''
    };
    out.push(quote);
    for c in s.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => {
                out.push('\\');
                out.push(c);
            }
            c if (c as u32) < 0x20 || (0x7f..0xa1).contains(&(c as u32)) || c == '\u{ad}' => {
                let _ = write!(out, "\\x{:02x}", c as u32);
            }
            '\u{2028}' | '\u{2029}' | '\u{200b}'..='\u{200f}' | '\u{feff}' => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push(quote);
}
