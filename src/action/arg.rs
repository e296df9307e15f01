//! The types an argument can have, and how lenient each is about what people write.
//!
//! `become: "yes"`, `port: "22"` and `name: 123` all arrive as Ansible takes them.

use crate::resource::RemotePath;
use crate::source::{Mapping, Value};

/// A type of an argument: how it is read, and what it is called in documentation.
pub trait FromArg: Sized {
    const TYPE: &'static str;
    const CHOICES: &'static [&'static str] = &[];
    /// Reads a rendered value; the error continues "argument `x` …".
    fn from_arg(value: Value) -> Result<Self, String>;
}

/// What a value is called in a message.
pub fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Sequence(_) => "a list",
        Value::Mapping(_) => "a mapping",
        Value::Tagged(_) => "a tagged value",
    }
}

/// A scalar as text, the way Python prints it.
pub fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(s) => Some(s.clone()),
        Value::Bool(true) => Some("True".into()),
        Value::Bool(false) => Some("False".into()),
        Value::Number(n) => Some(n.to_string()),
        _ => None,
    }
}

impl FromArg for Value {
    const TYPE: &'static str = "any";
    fn from_arg(value: Value) -> Result<Value, String> {
        Ok(value)
    }
}

impl FromArg for String {
    const TYPE: &'static str = "string";
    fn from_arg(value: Value) -> Result<String, String> {
        match &value {
            Value::Sequence(_) | Value::Mapping(_) => {
                // Ansible turns a structure into JSON text where a string is wanted.
                serde_json::to_string(&value).map_err(|_| "cannot be written as text".into())
            }
            _ => text(&value).ok_or_else(|| format!("must be a string, not {}", kind(&value))),
        }
    }
}

impl FromArg for bool {
    const TYPE: &'static str = "boolean";
    fn from_arg(value: Value) -> Result<bool, String> {
        let word = match &value {
            Value::Bool(b) => return Ok(*b),
            Value::Number(n) => n.to_string(),
            Value::String(s) => s.trim().to_lowercase(),
            _ => return Err(format!("must be a boolean, not {}", kind(&value))),
        };
        match word.as_str() {
            "y" | "yes" | "on" | "1" | "true" | "t" | "1.0" => Ok(true),
            "n" | "no" | "off" | "0" | "false" | "f" | "0.0" => Ok(false),
            _ => Err(format!("must be a boolean, not `{word}`")),
        }
    }
}

impl FromArg for i64 {
    const TYPE: &'static str = "integer";
    fn from_arg(value: Value) -> Result<i64, String> {
        let wrong = || {
            format!(
                "must be an integer, not {}",
                text(&value).unwrap_or_else(|| kind(&value).into())
            )
        };
        match &value {
            Value::Number(n) => n.as_i64().or_else(|| whole(n.as_f64()?)).ok_or_else(wrong),
            Value::String(s) => s.trim().parse().map_err(|_| wrong()),
            Value::Bool(b) => Ok(i64::from(*b)),
            _ => Err(wrong()),
        }
    }
}

impl FromArg for u64 {
    const TYPE: &'static str = "integer";
    fn from_arg(value: Value) -> Result<u64, String> {
        let number = i64::from_arg(value)?;
        u64::try_from(number).map_err(|_| format!("must not be negative, but is {number}"))
    }
}

impl FromArg for f64 {
    const TYPE: &'static str = "number";
    fn from_arg(value: Value) -> Result<f64, String> {
        let wrong = || {
            format!(
                "must be a number, not {}",
                text(&value).unwrap_or_else(|| kind(&value).into())
            )
        };
        match &value {
            Value::Number(n) => n.as_f64().ok_or_else(wrong),
            Value::String(s) => s.trim().parse().map_err(|_| wrong()),
            _ => Err(wrong()),
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "checked to be whole and in range"
)]
fn whole(number: f64) -> Option<i64> {
    (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i64)
}

impl FromArg for RemotePath {
    const TYPE: &'static str = "path";
    fn from_arg(value: Value) -> Result<RemotePath, String> {
        RemotePath::new(&String::from_arg(value)?)
    }
}

/// A list; a plain string is split at commas, a single scalar is a list of one.
impl<T: FromArg> FromArg for Vec<T> {
    const TYPE: &'static str = "list";
    fn from_arg(value: Value) -> Result<Vec<T>, String> {
        match value {
            Value::Sequence(items) => items.into_iter().map(T::from_arg).collect(),
            Value::String(s) => s
                .split(',')
                .map(|part| T::from_arg(Value::String(part.trim().into())))
                .collect(),
            Value::Null => Ok(Vec::new()),
            other => Ok(vec![T::from_arg(other)?]),
        }
    }
}

impl FromArg for Mapping {
    const TYPE: &'static str = "mapping";
    fn from_arg(value: Value) -> Result<Mapping, String> {
        match value {
            Value::Mapping(map) => Ok(map),
            Value::String(s) => {
                serde_json::from_str(&s).map_err(|_| "must be a mapping, not a string".to_owned())
            }
            other => Err(format!("must be a mapping, not {}", kind(&other))),
        }
    }
}

/// A conditional or an expression: not rendered like a template, but evaluated by the plan, which
/// hands over `{ expression, value }` or `{ expression, error }` (see `assert`, `debug: var`).
#[derive(Clone, Debug, PartialEq)]
pub struct Expression {
    pub text: String,
    pub value: Result<Value, String>,
}

impl FromArg for Expression {
    const TYPE: &'static str = "expression";
    fn from_arg(value: Value) -> Result<Expression, String> {
        let Value::Mapping(mut map) = value else {
            let text = String::from_arg(value)?;
            return Ok(Expression {
                value: Err("it was not evaluated".into()),
                text,
            });
        };
        let text = map
            .remove("expression")
            .as_ref()
            .and_then(self::text)
            .unwrap_or_default();
        let value = match (map.remove("value"), map.remove("error")) {
            (Some(value), _) => Ok(value),
            (None, error) => Err(error.as_ref().and_then(self::text).unwrap_or_default()),
        };
        Ok(Expression { text, value })
    }
}

/// One conditional, or a list of them that must all hold (`assert: that`).
#[derive(Clone, Debug, PartialEq)]
pub struct Expressions(pub Vec<Expression>);

impl FromArg for Expressions {
    const TYPE: &'static str = "expression";
    fn from_arg(value: Value) -> Result<Expressions, String> {
        let items = match value {
            Value::Sequence(items) => items,
            one => vec![one],
        };
        let read = items.into_iter().map(Expression::from_arg);
        read.collect::<Result<_, _>>().map(Expressions)
    }
}

/// File permissions as people write them: `0644` (a YAML octal), `"0644"`, `u=rw,go=r`, `preserve`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    Bits(u32),
    Symbolic(String),
    /// `preserve`: what the source has.
    Preserve,
}

impl FromArg for Mode {
    const TYPE: &'static str = "mode";
    fn from_arg(value: Value) -> Result<Mode, String> {
        if let Value::Number(n) = &value {
            let bits = n
                .as_u64()
                .and_then(|b| u32::try_from(b).ok())
                .filter(|b| *b <= 0o7777);
            return bits
                .map(Mode::Bits)
                .ok_or_else(|| format!("must be a mode, not {n}"));
        }
        let word = String::from_arg(value)?;
        let word = word.trim();
        if word == "preserve" {
            return Ok(Mode::Preserve);
        }
        if let Ok(bits) = u32::from_str_radix(word.trim_start_matches("0o"), 8) {
            return if bits <= 0o7777 {
                Ok(Mode::Bits(bits))
            } else {
                Err(format!("must be a mode, not `{word}`"))
            };
        }
        symbolic(word, 0, false).map(|_| Mode::Symbolic(word.to_owned()))
    }
}

impl Mode {
    /// The permission bits this asks for, given the present ones.
    pub fn apply(&self, present: u32, directory: bool) -> u32 {
        match self {
            Mode::Bits(bits) => *bits,
            Mode::Symbolic(word) => symbolic(word, present, directory).unwrap_or(present),
            Mode::Preserve => present,
        }
    }
}

/// `chmod`'s symbolic modes: `u+x,go=rX`. A missing user class means all.
fn symbolic(word: &str, present: u32, directory: bool) -> Result<u32, String> {
    let wrong = || format!("must be a mode, not `{word}`");
    let mut bits = present;
    for clause in word.split(',') {
        let split = clause.find(['+', '-', '=']).ok_or_else(wrong)?;
        let (who, mut rest) = clause.split_at(split);
        if !who.chars().all(|c| "ugoa".contains(c)) {
            return Err(wrong());
        }
        let who = if who.is_empty() || who.contains('a') {
            "ugo"
        } else {
            who
        };
        while let Some(op) = rest.chars().next() {
            let end = rest[1..]
                .find(['+', '-', '='])
                .map_or(rest.len(), |i| i + 1);
            let perms = &rest[1..end];
            for class in who.chars() {
                bits = one_class(bits, class, op, perms, directory).ok_or_else(wrong)?;
            }
            rest = &rest[end..];
        }
    }
    Ok(bits)
}

fn one_class(bits: u32, class: char, op: char, perms: &str, directory: bool) -> Option<u32> {
    let shift = match class {
        'u' => 6,
        'g' => 3,
        _ => 0,
    };
    let mut set = 0;
    for letter in perms.chars() {
        set |= match letter {
            'r' => 4 << shift,
            'w' => 2 << shift,
            'x' => 1 << shift,
            'X' if directory || bits & 0o111 != 0 => 1 << shift,
            'X' => 0,
            's' => match class {
                'u' => 0o4000,
                'g' => 0o2000,
                _ => 0,
            },
            't' => 0o1000,
            'u' => ((bits >> 6) & 7) << shift,
            'g' => ((bits >> 3) & 7) << shift,
            'o' => (bits & 7) << shift,
            _ => return None,
        };
    }
    let special = match class {
        'u' => 0o4000,
        'g' => 0o2000,
        _ => 0o1000,
    };
    Some(match op {
        '+' => bits | set,
        '-' => bits & !set,
        _ => bits & !((7 << shift) | special) | set,
    })
}

#[cfg(test)]
mod tests {
    use super::{FromArg, Mode, Value};

    #[test]
    fn symbolic_modes_do_what_chmod_does() {
        let mode = |text: &str| Mode::from_arg(Value::from(text)).expect("a mode");
        assert_eq!(mode("u=rw,g=r,o=r").apply(0, false), 0o644);
        assert_eq!(mode("a+X").apply(0o644, true), 0o755);
        assert_eq!(mode("+x").apply(0o644, false), 0o755);
        assert_eq!(mode("go-w").apply(0o666, false), 0o644);
        assert_eq!(mode("g+s").apply(0o755, true), 0o2755);
        assert_eq!(mode("0644"), Mode::Bits(0o644));
        assert!(Mode::from_arg(Value::from("rubbish")).is_err());
    }
}
