//! What a tag makes of a value: `!vault`, `!unsafe` and YAML's own.

use std::sync::Arc;

use base64::Engine as _;

use super::{Code, Diagnostic, Kind, Node, Span, scalar};

/// A tag as it was written.
pub(super) struct Tagged {
    /// `!vault`, `!!str`, …
    pub(super) name: String,
    span: Span,
}

const CORE: &str = "tag:yaml.org,2002:";

impl Tagged {
    pub(super) fn new(tag: &granit_parser::Tag, span: Span) -> Tagged {
        let full = format!("{}{}", tag.handle(), tag.suffix());
        let name = full
            .strip_prefix(CORE)
            .map_or(full.clone(), |rest| format!("!!{rest}"));
        Tagged { name, span }
    }

    /// A scalar under this tag.
    pub(super) fn scalar(&self, text: &str) -> Result<Kind, Diagnostic> {
        let string = || Kind::Str(Arc::from(text));
        let word = text.trim();
        Ok(match self.name.as_str() {
            "!" | "!!str" | "!!timestamp" | "!!value" | "!!merge" | "!!python/unicode" => string(),
            "!!null" => Kind::Null,
            "!!bool" => {
                let known = scalar::boolean(&word.to_lowercase());
                Kind::Bool(known.ok_or_else(|| self.not("a boolean"))?)
            }
            "!!int" => scalar::integer(word).ok_or_else(|| self.not("an integer"))?,
            "!!float" => match scalar::float(word) {
                Some(kind) => kind,
                None => Kind::Float(word.parse().map_err(|_| self.not("a number"))?),
            },
            "!!binary" => self.binary(text)?,
            "!vault" | "!vault-encrypted" => Kind::Vault(Arc::from(word)),
            "!unsafe" => match scalar::resolve(text) {
                Kind::Str(text) => Kind::Unsafe(text),
                kind => kind,
            },
            "!!seq" | "!!map" | "!!set" | "!!omap" | "!!pairs" => {
                return Err(self.misplaced("a list or mapping", "a string"));
            }
            _ => return Err(self.unknown()),
        })
    }

    /// A list or mapping under this tag; what is wrong comes with the value as it is without the tag.
    pub(super) fn collection(&self, kind: Kind) -> Result<Kind, Box<(Diagnostic, Kind)>> {
        let wrong = |diagnostic, kind| Err(Box::new((diagnostic, kind)));
        match (self.name.as_str(), kind) {
            ("!" | "!unsafe", kind) => Ok(kind),
            ("!!seq", kind @ Kind::Seq(_)) => Ok(kind),
            ("!!map" | "!!python/dict", kind @ Kind::Map(_)) => Ok(kind),
            ("!!set", Kind::Map(entries)) => {
                Ok(Kind::Seq(entries.into_iter().map(|(key, _)| key).collect()))
            }
            ("!!omap" | "!!pairs", Kind::Seq(items)) => {
                Ok(Kind::Seq(items.into_iter().map(pair).collect()))
            }
            ("!vault" | "!vault-encrypted" | "!!str", kind) => {
                wrong(self.misplaced("a string", "a list or mapping"), kind)
            }
            ("!!seq" | "!!omap" | "!!pairs", kind) => {
                wrong(self.misplaced("a list", "a mapping"), kind)
            }
            ("!!map" | "!!set" | "!!python/dict", kind) => {
                wrong(self.misplaced("a mapping", "a list"), kind)
            }
            (_, kind) => wrong(self.unknown(), kind),
        }
    }

    fn binary(&self, text: &str) -> Result<Kind, Diagnostic> {
        let packed: String = text.split_ascii_whitespace().collect();
        let bytes = base64::engine::general_purpose::STANDARD.decode(packed);
        let bytes = bytes.map_err(|_| self.not("base64"))?;
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Kind::Str(Arc::from(text))),
            Err(_) => Err(Diagnostic::error(
                &self.span,
                "`!!binary` holds bytes that are not text",
            )
            .hint("keep binary content in a file and copy that")),
        }
    }

    fn not(&self, what: &str) -> Diagnostic {
        Diagnostic::error(
            &self.span,
            format!("what stands under `{}` is not {what}", self.name),
        )
    }

    fn misplaced(&self, wanted: &str, found: &str) -> Diagnostic {
        Diagnostic::error(
            &self.span,
            format!("`{}` takes {wanted}, not {found}", self.name),
        )
    }

    fn unknown(&self) -> Diagnostic {
        let diagnostic = Diagnostic::error(&self.span, format!("unknown tag `{}`", self.name))
            .code(Code::UnknownTag);
        let known = ["!vault", "!unsafe"];
        match super::suggest::nearest(&self.name, known) {
            Some(near) => diagnostic.hint(format!("did you mean `{near}`?")),
            None => diagnostic.hint("if this is text that starts with `!`, quote it"),
        }
    }
}

/// An entry of an ordered mapping: a mapping of one becomes a list of key and value.
fn pair(item: Node) -> Node {
    match item.kind {
        Kind::Map(entries) => {
            let flat = entries
                .into_iter()
                .flat_map(|(key, value)| [key, value])
                .collect();
            Node::new(Kind::Seq(flat), item.span)
        }
        kind => Node::new(kind, item.span),
    }
}
