//! Encodings: base64, JSON, UUIDs.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD, URL_SAFE};
use sha1::{Digest, Sha1};

use super::{Call, given, needs, string};
use crate::vars::context::{Ctx, TEXT};
use crate::vars::error::{Fail, Res};
use crate::vars::object::Args;
use crate::vars::repr::float_text;
use crate::vars::value::{Dict, Val};

pub(super) const FILTERS: &[(&str, Call)] = &[
    ("b64encode", b64encode),
    ("b64decode", b64decode),
    ("to_json", |_, v, args| to_json(&v, args, None)),
    ("to_nice_json", |_, v, args| to_json(&v, args, Some(4))),
    ("tojson", tojson),
    ("from_json", from_json),
    ("to_uuid", to_uuid),
    ("vault", |_, _, _| {
        Err(Fail::error(
            "`vault` encrypts outside of templates: `palisade vault`",
        ))
    }),
    ("unvault", unvault),
];

fn b64encode(_ctx: &mut Ctx<'_>, value: Val, mut args: Args) -> Res<Val> {
    let urlsafe = args.pop("urlsafe").is_some_and(|v| v.truth());
    let engine = if urlsafe { &URL_SAFE } else { &STANDARD };
    let text = string(&value);
    let encoding = args.pop("encoding").or(args.pos.into_iter().next());
    let bytes = encoded(&text, encoding)?;
    Ok(Val::from(engine.encode(bytes)))
}

fn encoded(text: &str, encoding: Option<Val>) -> Res<Vec<u8>> {
    let name = encoding.map_or("utf-8".into(), |e| e.text().to_lowercase());
    match name.as_str() {
        "utf-8" | "utf8" | "ascii" => Ok(text.as_bytes().to_vec()),
        "utf-16-le" | "utf-16le" => Ok(text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        other => Err(Fail::error(format!("unknown encoding `{other}`"))),
    }
}

fn b64decode(_ctx: &mut Ctx<'_>, value: Val, mut args: Args) -> Res<Val> {
    let urlsafe = args.pop("urlsafe").is_some_and(|v| v.truth());
    let encoding = args.pop("encoding").or(args.pos.into_iter().next());
    let clean: String = string(&value)
        .chars()
        .filter(|c| !c.is_whitespace())
        .collect();
    let config = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let alphabet = if urlsafe {
        &base64::alphabet::URL_SAFE
    } else {
        &base64::alphabet::STANDARD
    };
    let bytes = GeneralPurpose::new(alphabet, config)
        .decode(clean)
        .map_err(|_| Fail::error("`b64decode`: this is not base64"))?;
    let wide = encoding.is_some_and(|e| e.text().to_lowercase().starts_with("utf-16"));
    if wide {
        let units: Vec<u16> = bytes
            .chunks_exact(2)
            .map(|b| u16::from_le_bytes([b[0], b[1]]))
            .collect();
        return Ok(Val::from(String::from_utf16_lossy(&units)));
    }
    Ok(Val::from(String::from_utf8_lossy(&bytes).into_owned()))
}

struct Json {
    indent: Option<usize>,
    sort: bool,
    ascii: bool,
    item: String,
    colon: String,
}

fn to_json(value: &Val, mut args: Args, indent: Option<usize>) -> Res<Val> {
    let flag = |v: Option<Val>, or: bool| v.map_or(or, |v| v.truth());
    let indent = match args.pop("indent") {
        Some(Val::None) => None,
        Some(given) => given.integer().and_then(|i| usize::try_from(i).ok()),
        None => indent.or(args
            .pos
            .first()
            .and_then(Val::integer)
            .and_then(|i| usize::try_from(i).ok())),
    };
    let nice = indent.is_some();
    let separators = given(args.pop("separators")).and_then(|s| s.seq());
    let separator = |i: usize, or: &str| {
        separators
            .as_ref()
            .and_then(|s| s.get(i))
            .map_or(or.to_owned(), |v| v.text().to_string())
    };
    let json = Json {
        indent,
        sort: flag(args.pop("sort_keys"), nice),
        ascii: flag(args.pop("ensure_ascii"), true),
        item: separator(0, if nice { "," } else { ", " }),
        colon: separator(1, ": "),
    };
    let mut out = String::new();
    json.write(value, 0, &mut out)?;
    Ok(Val::from(out))
}

/// Jinja's own: safe inside HTML.
fn tojson(_ctx: &mut Ctx<'_>, value: Val, args: Args) -> Res<Val> {
    let [indent] = args.bind("tojson", ["indent"])?;
    let indent = given(indent)
        .and_then(|i| i.integer())
        .and_then(|i| usize::try_from(i).ok());
    let item = if indent.is_some() { "," } else { ", " };
    let json = Json {
        indent,
        sort: true,
        ascii: true,
        item: item.into(),
        colon: ": ".into(),
    };
    let mut out = String::new();
    json.write(&value, 0, &mut out)?;
    let safe = [
        ('<', "\\u003c"),
        ('>', "\\u003e"),
        ('&', "\\u0026"),
        ('\'', "\\u0027"),
    ];
    Ok(Val::from(
        safe.iter().fold(out, |text, (c, by)| text.replace(*c, by)),
    ))
}

impl Json {
    fn write(&self, value: &Val, depth: usize, out: &mut String) -> Res<()> {
        if out.len() > TEXT || depth > 500 {
            return Err(Fail::error(
                "`to_json`: the text would be too long or too deep",
            ));
        }
        match value {
            Val::None => out.push_str("null"),
            Val::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
            Val::Int(i) => out.push_str(&i.to_string()),
            Val::Float(f) if f.is_nan() => out.push_str("NaN"),
            Val::Float(f) if f.is_infinite() => {
                out.push_str(if *f > 0.0 { "Infinity" } else { "-Infinity" });
            }
            Val::Float(f) => out.push_str(&float_text(*f)),
            Val::Str(s) => self.quote(s, out),
            Val::List(_) | Val::Tuple(_) => {
                let items = value.seq().unwrap_or_default();
                self.open(items.is_empty(), '[', ']', depth, out, |out| {
                    for (i, item) in items.iter().enumerate() {
                        self.part(i, depth, out);
                        self.write(item, depth + 1, out)?;
                    }
                    Ok(())
                })?;
            }
            Val::Dict(items) => {
                let items = items.get();
                let mut pairs: Vec<(Arc<str>, &Val)> =
                    items.iter().map(|(k, v)| (json_key(k), v)).collect();
                if self.sort {
                    pairs.sort_by(|a, b| a.0.cmp(&b.0));
                }
                self.open(items.is_empty(), '{', '}', depth, out, |out| {
                    for (i, (key, item)) in pairs.iter().enumerate() {
                        self.part(i, depth, out);
                        self.quote(key, out);
                        out.push_str(&self.colon);
                        self.write(item, depth + 1, out)?;
                    }
                    Ok(())
                })?;
            }
            Val::Undefined(missing) => return Err(Fail::undefined(missing)),
            Val::Object(object) if object.type_name() == "datetime" => {
                self.quote(&object.text().replacen(' ', "T", 1), out);
            }
            other => return Err(needs("to_json", "data", other)),
        }
        Ok(())
    }

    fn open(
        &self,
        empty: bool,
        start: char,
        end: char,
        depth: usize,
        out: &mut String,
        body: impl FnOnce(&mut String) -> Res<()>,
    ) -> Res<()> {
        out.push(start);
        if !empty {
            body(out)?;
            if let Some(width) = self.indent {
                out.push('\n');
                out.push_str(&" ".repeat(width * depth));
            }
        }
        out.push(end);
        Ok(())
    }

    fn part(&self, i: usize, depth: usize, out: &mut String) {
        if i > 0 {
            out.push_str(&self.item);
        }
        if let Some(width) = self.indent {
            out.push('\n');
            out.push_str(&" ".repeat(width * (depth + 1)));
        }
    }

    fn quote(&self, text: &str, out: &mut String) {
        out.push('"');
        for c in text.chars() {
            match c {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\u{8}' => out.push_str("\\b"),
                '\u{c}' => out.push_str("\\f"),
                c if (c as u32) < 0x20 || self.ascii && !c.is_ascii() => {
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        out.push_str(&format!("\\u{unit:04x}"));
                    }
                }
                c => out.push(c),
            }
        }
        out.push('"');
    }
}

fn json_key(key: &Val) -> Arc<str> {
    match key {
        Val::None => "null".into(),
        Val::Bool(true) => "true".into(),
        Val::Bool(false) => "false".into(),
        other => other.text(),
    }
}

fn from_json(_ctx: &mut Ctx<'_>, value: Val, _args: Args) -> Res<Val> {
    let Val::Str(text) = &value else {
        return Err(needs("from_json", "a string", &value));
    };
    let parsed: serde_json::Value = serde_json::from_str(text)
        .map_err(|e| Fail::error(format!("`from_json`: this is not JSON: {e}")))?;
    Ok(of_json(&parsed))
}

pub(in crate::vars) fn of_json(value: &serde_json::Value) -> Val {
    use serde_json::Value as J;
    match value {
        J::Null => Val::None,
        J::Bool(b) => Val::Bool(*b),
        J::Number(n) => match n.as_i64() {
            Some(i) => Val::Int(i),
            None => Val::Float(n.as_f64().unwrap_or(f64::NAN)),
        },
        J::String(s) => Val::from(s.as_str()),
        J::Array(items) => Val::list(items.iter().map(of_json).collect()),
        J::Object(map) => Val::dict(
            map.iter()
                .map(|(k, v)| (Val::from(k.as_str()), of_json(v)))
                .collect::<Dict>(),
        ),
    }
}

/// The namespace Ansible derives its UUIDs from.
const NAMESPACE: &str = "361e6d51faec444a9079341386da8e2e";

fn to_uuid(_ctx: &mut Ctx<'_>, value: Val, args: Args) -> Res<Val> {
    let [namespace] = args.bind("to_uuid", ["namespace"])?;
    let space = namespace.map_or(NAMESPACE.to_owned(), |n| {
        n.text().replace('-', "").to_lowercase()
    });
    let space = hex::decode(&space).ok().filter(|b| b.len() == 16);
    let space = space.ok_or_else(|| Fail::error("`to_uuid`: the namespace is not a UUID"))?;
    let mut hash = Sha1::new();
    hash.update(&space);
    hash.update(string(&value).as_bytes());
    let mut bytes = hash.finalize()[..16].to_vec();
    bytes[6] = bytes[6] & 0x0f | 0x50;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let h = hex::encode(bytes);
    Ok(Val::from(format!(
        "{}-{}-{}-{}-{}",
        &h[..8],
        &h[8..12],
        &h[12..16],
        &h[16..20],
        &h[20..]
    )))
}

fn unvault(ctx: &mut Ctx<'_>, value: Val, _args: Args) -> Res<Val> {
    let text = string(&value);
    if !text.starts_with("$ANSIBLE_VAULT") {
        return Ok(value);
    }
    let plain = ctx.engine.vault.decrypt(&text);
    let plain = plain.map_err(|e| Fail::error(format!("`unvault`: {e}")))?;
    ctx.engine.mask.add(&plain);
    Ok(Val::from(plain.as_str()))
}
