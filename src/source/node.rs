//! A value as it was written, with the place it stands at.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Mapping, Value};

/// A file of the user's, read once and kept for messages.
pub struct File {
    /// The path as a person would type it (relative to the working directory where possible).
    pub path: PathBuf,
    pub text: String,
    /// Decrypted text: messages name the line and do not show it.
    pub hidden: bool,
    /// Byte offset of the start of each line.
    lines: Vec<u32>,
}

impl File {
    pub fn new(path: impl Into<PathBuf>, text: impl Into<String>) -> Arc<File> {
        Arc::new(File::build(path.into(), text.into(), false))
    }

    /// A file whose text was decrypted: what is said about it names the line and does not show it.
    pub fn secret(path: impl Into<PathBuf>, text: impl Into<String>) -> Arc<File> {
        Arc::new(File::build(path.into(), text.into(), true))
    }

    fn build(path: PathBuf, text: String, hidden: bool) -> File {
        let starts = text.bytes().enumerate().filter(|(_, b)| *b == b'\n');
        let lines = std::iter::once(0)
            .chain(starts.map(|(i, _)| u32::try_from(i + 1).unwrap_or(u32::MAX)))
            .collect();
        File {
            path,
            text,
            hidden,
            lines,
        }
    }

    /// One-based line and column (in characters) of a byte offset.
    pub fn position(&self, offset: u32) -> (usize, usize) {
        let line = self.lines.partition_point(|start| *start <= offset).max(1) - 1;
        let start = self.lines[line] as usize;
        let end = (offset as usize).min(self.text.len());
        let column = self.text.get(start..end).map_or(0, |s| s.chars().count());
        (line + 1, column + 1)
    }

    /// Byte offset of the start of a one-based line; the end of the text beyond the last.
    pub fn line_start(&self, number: usize) -> usize {
        let start = self
            .lines
            .get(number.wrapping_sub(1))
            .map_or(self.text.len(), |s| *s as usize);
        start.min(self.text.len())
    }

    /// The text of a one-based line, without its line end.
    pub fn line(&self, number: usize) -> &str {
        let start = self
            .lines
            .get(number.wrapping_sub(1))
            .map_or(self.text.len(), |s| *s as usize);
        let rest = &self.text[start.min(self.text.len())..];
        rest.split('\n').next().unwrap_or("").trim_end_matches('\r')
    }
}

impl fmt::Debug for File {
    /// The path alone: text can be long, and secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("File").field(&self.path).finish()
    }
}

/// A stretch of a file.
#[derive(Clone)]
pub struct Span {
    pub file: Arc<File>,
    pub start: u32,
    pub end: u32,
}

impl Span {
    pub fn new(file: &Arc<File>, start: usize, end: usize) -> Span {
        let clip = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Span {
            file: Arc::clone(file),
            start: clip(start),
            end: clip(end.max(start)),
        }
    }

    /// The span of something that was not written in a file: an option, a default.
    pub fn outside(what: &str) -> Span {
        Span {
            file: File::new(what, ""),
            start: 0,
            end: 0,
        }
    }

    pub fn path(&self) -> &Path {
        &self.file.path
    }

    /// One-based line and column of the start.
    pub fn position(&self) -> (usize, usize) {
        self.file.position(self.start)
    }

    /// One-based line of the start.
    pub fn line(&self) -> usize {
        self.position().0
    }
}

impl fmt::Display for Span {
    /// `site.yml:3:5`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, column) = self.position();
        write!(f, "{}:{line}:{column}", self.file.path.display())
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A YAML value with the place it was written at, under PyYAML's YAML 1.1 rules.
#[derive(Clone, Debug)]
pub struct Node {
    pub kind: Kind,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub enum Kind {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    /// A string. It is a template where it holds template syntax, because it was written here.
    Str(Arc<str>),
    /// `!unsafe`: a string that is never a template.
    Unsafe(Arc<str>),
    /// `!vault`: ciphertext, decrypted when it is used. The plain text is a template again.
    Vault(Arc<str>),
    Seq(Vec<Node>),
    Map(Vec<(Node, Node)>),
}

impl Node {
    pub fn new(kind: Kind, span: Span) -> Node {
        Node { kind, span }
    }

    pub fn str(text: &str, span: Span) -> Node {
        Node {
            kind: Kind::Str(Arc::from(text)),
            span,
        }
    }

    pub fn null(span: Span) -> Node {
        Node {
            kind: Kind::Null,
            span,
        }
    }

    /// Data as a node: what was given as a value rather than as text.
    pub fn from_value(value: &Value, span: &Span) -> Node {
        let kind = match value {
            Value::Null => Kind::Null,
            Value::Bool(b) => Kind::Bool(*b),
            Value::Number(n) => match n.as_i64() {
                Some(i) => Kind::Int(i),
                None => Kind::Float(n.as_f64().unwrap_or(f64::NAN)),
            },
            Value::String(s) => Kind::Str(Arc::from(s.as_str())),
            Value::Sequence(items) => {
                Kind::Seq(items.iter().map(|v| Node::from_value(v, span)).collect())
            }
            Value::Mapping(map) => Kind::Map(
                map.iter()
                    .map(|(k, v)| (Node::from_value(k, span), Node::from_value(v, span)))
                    .collect(),
            ),
            Value::Tagged(tagged) => return Node::from_value(&tagged.value, span),
        };
        Node {
            kind,
            span: span.clone(),
        }
    }

    /// The node as plain data, templates left as text. Vault values become their ciphertext.
    pub fn to_value(&self) -> Value {
        match &self.kind {
            Kind::Null => Value::Null,
            Kind::Bool(b) => Value::Bool(*b),
            Kind::Int(i) => Value::Number((*i).into()),
            Kind::Float(f) => Value::Number((*f).into()),
            Kind::Str(s) | Kind::Unsafe(s) | Kind::Vault(s) => Value::String(s.to_string()),
            Kind::Seq(items) => Value::Sequence(items.iter().map(Node::to_value).collect()),
            Kind::Map(entries) => {
                let mut map = Mapping::with_capacity(entries.len());
                for (key, value) in entries {
                    map.insert(key.to_value(), value.to_value());
                }
                Value::Mapping(map)
            }
        }
    }

    pub fn as_str(&self) -> Option<&str> {
        match &self.kind {
            Kind::Str(s) | Kind::Unsafe(s) => Some(s),
            _ => None,
        }
    }

    pub fn as_seq(&self) -> Option<&[Node]> {
        match &self.kind {
            Kind::Seq(items) => Some(items),
            _ => None,
        }
    }

    pub fn as_map(&self) -> Option<&[(Node, Node)]> {
        match &self.kind {
            Kind::Map(entries) => Some(entries),
            _ => None,
        }
    }

    pub fn is_null(&self) -> bool {
        matches!(self.kind, Kind::Null)
    }

    /// The value under a key of a mapping.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.as_map()?
            .iter()
            .rev()
            .find(|(k, _)| k.as_str() == Some(key))
            .map(|(_, v)| v)
    }

    /// What a person would call this kind of value.
    pub fn type_name(&self) -> &'static str {
        match &self.kind {
            Kind::Null => "nothing",
            Kind::Bool(_) => "a boolean",
            Kind::Int(_) => "an integer",
            Kind::Float(_) => "a number",
            Kind::Str(_) | Kind::Unsafe(_) => "a string",
            Kind::Vault(_) => "a vaulted string",
            Kind::Seq(_) => "a list",
            Kind::Map(_) => "a mapping",
        }
    }
}
