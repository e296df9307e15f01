//! YAML as PyYAML writes it: the same quotes, the same line ends, byte for byte for common values.

use std::sync::Arc;

use crate::source::yaml::reads_as_string;
use crate::vars::context::TEXT;
use crate::vars::error::{Fail, Res};
use crate::vars::repr::float_text;
use crate::vars::value::Val;

pub(super) struct Style {
    pub indent: usize,
    pub width: usize,
    pub sort: bool,
    /// Brackets always, never, or for what holds only scalars.
    pub flow: Option<bool>,
    pub unicode: bool,
    pub start: bool,
}

pub(super) fn dump(value: &Val, style: &Style) -> Res<String> {
    let mut out = Out {
        text: String::new(),
        column: 0,
        style,
    };
    if style.start {
        out.put("---");
        out.put(if collection(value) && !out.flows(value) {
            "\n"
        } else {
            " "
        });
    }
    out.node(value, 0, Place::Root)?;
    if !out.text.ends_with('\n') {
        out.put("\n");
    }
    Ok(out.text)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Root,
    Mapping,
    Sequence,
    Key,
    Flow,
}

struct Out<'a> {
    text: String,
    column: usize,
    style: &'a Style,
}

fn collection(value: &Val) -> bool {
    matches!(value, Val::List(_) | Val::Tuple(_) | Val::Dict(_))
}

impl Out<'_> {
    fn put(&mut self, text: &str) {
        self.text.push_str(text);
        match text.rfind('\n') {
            Some(i) => self.column = text[i + 1..].chars().count(),
            None => self.column += text.chars().count(),
        }
    }

    fn line(&mut self, indent: usize) {
        self.put("\n");
        self.put(&" ".repeat(indent));
    }

    fn flows(&self, value: &Val) -> bool {
        let empty = match value {
            Val::Dict(items) => items.get().is_empty(),
            other => other.seq().is_none_or(|s| s.is_empty()),
        };
        empty
            || self.style.flow.unwrap_or_else(|| match value {
                Val::Dict(items) => items.get().values().all(|v| !collection(v)),
                other => other
                    .seq()
                    .is_some_and(|s| s.iter().all(|v| !collection(v))),
            })
    }

    /// Writes a node whose own lines stand at `indent`.
    fn node(&mut self, value: &Val, indent: usize, place: Place) -> Res<()> {
        if self.text.len() > TEXT || indent > 5000 {
            return Err(Fail::error(
                "`to_yaml`: the text would be too long or too deep",
            ));
        }
        match value {
            Val::Undefined(missing) => Err(Fail::undefined(missing)),
            Val::Dict(items) => {
                let items = items.get();
                let mut pairs: Vec<(&Val, &Val)> = items.iter().collect();
                // Keys of several kinds have no order, and stay in that of the mapping.
                let alike = |w: &[(&Val, &Val)]| w[0].0.compare(w[1].0).is_ok();
                if self.style.sort && pairs.windows(2).all(alike) {
                    pairs.sort_by(|a, b| a.0.compare(b.0).unwrap_or(std::cmp::Ordering::Equal));
                }
                if place == Place::Flow || self.flows(value) {
                    return self.flow_map(&pairs, indent);
                }
                self.block_map(&pairs, indent, place)
            }
            Val::List(_) | Val::Tuple(_) => {
                let items = value.seq().unwrap_or_default();
                if place == Place::Flow || self.flows(value) {
                    return self.flow_seq(&items, indent);
                }
                self.block_seq(&items, indent, place)
            }
            scalar => self.scalar(scalar, indent, place),
        }
    }

    fn block_map(&mut self, pairs: &[(&Val, &Val)], indent: usize, place: Place) -> Res<()> {
        for (i, (key, value)) in pairs.iter().enumerate() {
            match (i, place) {
                (0, Place::Root) => {}
                (0, Place::Sequence) => {}
                _ => self.line(indent),
            }
            self.node(key, indent, Place::Key)?;
            self.put(":");
            let deeper = indent + self.style.indent;
            match value {
                Val::Dict(_) if !self.flows(value) => self.node(value, deeper, Place::Mapping)?,
                // A list under a key is not indented.
                Val::List(_) | Val::Tuple(_) if !self.flows(value) => {
                    self.node(value, indent, Place::Mapping)?;
                }
                _ => {
                    self.put(" ");
                    self.node(value, deeper, Place::Mapping)?;
                }
            }
        }
        Ok(())
    }

    fn block_seq(&mut self, items: &[Val], indent: usize, place: Place) -> Res<()> {
        for (i, item) in items.iter().enumerate() {
            if !(i == 0 && matches!(place, Place::Root | Place::Sequence)) {
                self.line(indent);
            }
            self.put("-");
            let deeper = indent + self.style.indent;
            if collection(item) && !self.flows(item) {
                self.put(&" ".repeat(self.style.indent - 1));
                self.node(item, deeper, Place::Sequence)?;
            } else {
                self.put(" ");
                self.node(item, deeper, Place::Sequence)?;
            }
        }
        Ok(())
    }

    fn flow_seq(&mut self, items: &[Val], indent: usize) -> Res<()> {
        self.put("[");
        for (i, item) in items.iter().enumerate() {
            if i > 0 {
                self.put(",");
            }
            self.flow_gap(i, indent);
            self.node(item, indent + self.style.indent, Place::Flow)?;
        }
        self.put("]");
        Ok(())
    }

    fn flow_map(&mut self, pairs: &[(&Val, &Val)], indent: usize) -> Res<()> {
        self.put("{");
        for (i, (key, value)) in pairs.iter().enumerate() {
            if i > 0 {
                self.put(",");
            }
            self.flow_gap(i, indent);
            self.node(key, indent + self.style.indent, Place::Key)?;
            self.put(": ");
            self.node(value, indent + self.style.indent, Place::Flow)?;
        }
        self.put("}");
        Ok(())
    }

    fn flow_gap(&mut self, i: usize, indent: usize) {
        if self.column > self.style.width {
            self.line(indent.max(self.style.indent));
        } else if i > 0 {
            self.put(" ");
        }
    }

    fn scalar(&mut self, value: &Val, indent: usize, place: Place) -> Res<()> {
        let text: Arc<str> = match value {
            Val::None => "null".into(),
            Val::Bool(true) => "true".into(),
            Val::Bool(false) => "false".into(),
            Val::Int(i) => i.to_string().into(),
            Val::Float(f) if f.is_nan() => ".nan".into(),
            Val::Float(f) if f.is_infinite() => if *f > 0.0 { ".inf" } else { "-.inf" }.into(),
            Val::Float(f) => yaml_float(*f).into(),
            Val::Str(s) => {
                self.string(s, indent, place);
                return Ok(());
            }
            Val::Object(object) if object.type_name() == "datetime" => object.text().into(),
            other => {
                return Err(Fail::error(format!(
                    "`to_yaml` needs data, not {}",
                    other.described()
                )));
            }
        };
        self.put(&text);
        Ok(())
    }

    fn string(&mut self, text: &str, indent: usize, place: Place) {
        let look = analyse(text, self.style.unicode);
        let key = place == Place::Key;
        let flow = matches!(place, Place::Flow | Place::Key);
        let plain = !text.is_empty()
            && !look.multiline
            && if flow && place == Place::Flow {
                look.flow_plain
            } else {
                look.block_plain
            }
            && reads_as_string(text)
            && !timestamp(text)
            && !matches!(text, "=" | "<<");
        if plain {
            self.folded(text, indent, key, false);
        } else if look.single && !(key && look.multiline) {
            self.put("'");
            self.folded(text, indent, key, true);
            self.put("'");
        } else {
            self.double(text, indent, key);
        }
    }

    /// A plain or single-quoted scalar, broken at single spaces beyond the width.
    fn folded(&mut self, text: &str, indent: usize, key: bool, quoted: bool) {
        let chars: Vec<char> = text.chars().collect();
        let (mut i, mut breaks) = (0, false);
        while i < chars.len() {
            let c = chars[i];
            if c == ' ' {
                let lone = chars.get(i + 1) != Some(&' ') && (i == 0 || chars[i - 1] != ' ');
                let inside = i > 0 && i + 1 < chars.len();
                if lone && inside && !key && self.column > self.style.width {
                    self.line(indent);
                } else {
                    self.put(" ");
                }
                breaks = false;
            } else if c == '\n' {
                if !breaks {
                    self.put("\n");
                }
                self.put("\n");
                breaks = true;
            } else {
                if breaks {
                    self.put(&" ".repeat(indent));
                }
                breaks = false;
                if quoted && c == '\'' {
                    self.put("''");
                } else {
                    self.put(c.encode_utf8(&mut [0; 4]));
                }
            }
            i += 1;
        }
        if breaks {
            self.put(&" ".repeat(indent));
        }
    }

    fn double(&mut self, text: &str, indent: usize, key: bool) {
        self.put("\"");
        let chars: Vec<char> = text.chars().collect();
        for (i, c) in chars.iter().enumerate() {
            match escaped(*c, self.style.unicode) {
                Some(escape) => self.put(&escape),
                None if *c == ' '
                    && !key
                    && self.column > self.style.width
                    && i > 0
                    && i + 1 < chars.len() =>
                {
                    self.line(indent);
                    if chars[i + 1] == ' ' {
                        self.put("\\");
                    }
                }
                None => self.put(c.encode_utf8(&mut [0; 4])),
            }
        }
        self.put("\"");
    }
}

fn yaml_float(f: f64) -> String {
    let text = float_text(f);
    match text.split_once('e') {
        Some((mantissa, exponent)) if !mantissa.contains('.') => format!("{mantissa}.0e{exponent}"),
        _ => text,
    }
}

fn timestamp(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digit = |i: usize| bytes.get(i).is_some_and(u8::is_ascii_digit);
    (0..4).all(digit) && bytes.get(4) == Some(&b'-') && {
        let parts: Vec<&str> = text[5..].splitn(2, '-').collect();
        let month = parts
            .first()
            .is_some_and(|m| (1..=2).contains(&m.len()) && m.bytes().all(|b| b.is_ascii_digit()));
        let rest = parts.get(1).copied().unwrap_or("");
        let days = rest.bytes().take_while(u8::is_ascii_digit).count();
        let after = &rest[days.min(rest.len())..];
        month
            && (1..=2).contains(&days)
            && (after.is_empty() && days == 2 && text.len() == 10
                || after.starts_with(['T', 't', ' ', '\t']) && after.contains(':'))
    }
}

fn escaped(c: char, unicode: bool) -> Option<String> {
    Some(match c {
        '\0' => "\\0".into(),
        '\u{7}' => "\\a".into(),
        '\u{8}' => "\\b".into(),
        '\t' => "\\t".into(),
        '\n' => "\\n".into(),
        '\u{b}' => "\\v".into(),
        '\u{c}' => "\\f".into(),
        '\r' => "\\r".into(),
        '\u{1b}' => "\\e".into(),
        '"' => "\\\"".into(),
        '\\' => "\\\\".into(),
        '\u{85}' => "\\N".into(),
        '\u{a0}' if !unicode => "\\_".into(),
        '\u{2028}' => "\\L".into(),
        '\u{2029}' => "\\P".into(),
        c if printable(c) && (unicode || c.is_ascii()) => return None,
        c if (c as u32) <= 0xff => format!("\\x{:02X}", c as u32),
        c if (c as u32) <= 0xffff => format!("\\u{:04X}", c as u32),
        c => format!("\\U{:08X}", c as u32),
    })
}

fn printable(c: char) -> bool {
    matches!(c, '\t' | '\n' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}' | '\u{10000}'..)
}

#[derive(Default)]
struct Look {
    multiline: bool,
    block_plain: bool,
    flow_plain: bool,
    single: bool,
}

/// What can be said of a string: which ways of writing it keep it.
fn analyse(text: &str, unicode: bool) -> Look {
    let chars: Vec<char> = text.chars().collect();
    if chars.is_empty() {
        return Look {
            single: true,
            ..Look::default()
        };
    }
    let space = |i: usize| {
        chars
            .get(i)
            .is_none_or(|c| " \t\r\n\u{85}\u{2028}\u{2029}".contains(*c))
    };
    let mut block_bad = text.starts_with("---") || text.starts_with("...");
    let mut flow_bad = block_bad;
    let (mut special, mut multiline, mut space_break, mut break_space) =
        (false, false, false, false);
    for (i, c) in chars.iter().copied().enumerate() {
        let followed = space(i + 1);
        if i == 0 {
            if "#,[]{}&*!|>'\"%@`".contains(c) || c == '-' && followed {
                block_bad = true;
                flow_bad = true;
            }
            if "?:".contains(c) {
                flow_bad = true;
                block_bad |= followed;
            }
        } else {
            if ",?[]{}".contains(c) {
                flow_bad = true;
            }
            if c == ':' {
                flow_bad = true;
                block_bad |= followed;
            }
            if c == '#' && space(i - 1) {
                flow_bad = true;
                block_bad = true;
            }
        }
        if c == '\n' || c == '\u{85}' || c == '\u{2028}' || c == '\u{2029}' {
            multiline = true;
            space_break |= i > 0 && chars[i - 1] == ' ';
        }
        if i > 0 && chars[i - 1] == '\n' && c == ' ' {
            break_space = true;
        }
        special |=
            c != '\n' && !(' '..='~').contains(&c) && (!printable(c) || c == '\t' || !unicode);
    }
    let edge = chars[0] == ' ' || chars[chars.len() - 1] == ' ';
    let lines = chars[0] == '\n' || chars[chars.len() - 1] == '\n';
    let plain = !(edge || lines || break_space || space_break || special);
    Look {
        multiline,
        block_plain: plain && !block_bad,
        flow_plain: plain && !flow_bad,
        single: !(space_break || special),
    }
}
