//! Bodies of requests: JSON, forms, and forms of several parts, out of what a task names.

use crate::resource::Digest;
use crate::resource::download::Piece;
use crate::source::Value;

use super::Failure;

/// A body and the type it has.
#[derive(Clone, Debug, Default)]
pub(crate) struct Body {
    pub(crate) pieces: Vec<Piece>,
    pub(crate) kind: Option<String>,
}

impl Body {
    pub(crate) fn text(text: impl Into<Vec<u8>>, kind: Option<&str>) -> Body {
        Body {
            pieces: vec![Piece::Bytes(text.into())],
            kind: kind.map(str::to_owned),
        }
    }
}

/// A scalar as text, a structure as JSON.
pub(crate) fn text(value: &Value) -> String {
    super::arg::text(value).unwrap_or_else(|| serde_json::to_string(value).unwrap_or_default())
}

pub(crate) fn json(body: &Value) -> Result<Body, Failure> {
    let kind = Some("application/json");
    if let Value::String(written) = body {
        return Ok(Body::text(written.as_str(), kind));
    }
    let bytes = serde_json::to_vec(body).map_err(|e| Failure::new(e.to_string()))?;
    Ok(Body::text(bytes, kind))
}

/// `a=1&b=2`, out of a mapping or a list of pairs; a list as a value repeats its name.
pub(crate) fn form(body: &Value) -> Result<Body, Failure> {
    let wrong = || {
        let message =
            "failed to parse body as form_urlencoded: it must be a mapping or a list of pairs";
        Failure::new(message)
    };
    let pairs: Vec<(Value, Value)> = match body {
        Value::Mapping(map) => map.iter().map(|(k, v)| (k.clone(), v.clone())).collect(),
        Value::Sequence(items) => {
            let pair = |item: &Value| match item.as_sequence().map(Vec::as_slice) {
                Some([name, value]) => Ok((name.clone(), value.clone())),
                _ => Err(wrong()),
            };
            items.iter().map(pair).collect::<Result<_, _>>()?
        }
        written => return Ok(Body::text(text(written), Some(FORM))),
    };
    let mut words = Vec::new();
    for (name, value) in &pairs {
        let values = match value {
            Value::Sequence(items) => items.as_slice(),
            one => std::slice::from_ref(one),
        };
        let name = encode(&text(name));
        words.extend(
            values
                .iter()
                .map(|v| format!("{name}={}", encode(&text(v)))),
        );
    }
    Ok(Body::text(words.join("&"), Some(FORM)))
}

const FORM: &str = "application/x-www-form-urlencoded";

/// Text as a form has it.
fn encode(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'.' | b'-' | b'~' => {
                out.push(char::from(byte));
            }
            b' ' => out.push('+'),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// A field of a form of several parts.
struct Field {
    name: String,
    filename: Option<String>,
    content: Option<String>,
    mime_type: Option<String>,
    encoded: bool,
}

/// The fields in the order of their names.
fn fields(body: &Value) -> Result<Vec<Field>, String> {
    let Value::Mapping(map) = body else {
        let kind = super::arg::kind(body);
        return Err(format!(
            "must be a mapping for `form-multipart`, not {kind}"
        ));
    };
    let mut fields = Vec::new();
    for (name, value) in map {
        fields.push(field(text(name), value)?);
    }
    fields.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(fields)
}

fn field(name: String, value: &Value) -> Result<Field, String> {
    let map = match value {
        Value::String(content) => {
            return Ok(Field {
                name,
                filename: None,
                content: Some(content.clone()),
                mime_type: Some("text/plain".into()),
                encoded: false,
            });
        }
        Value::Mapping(map) => map,
        other => {
            let kind = super::arg::kind(other);
            return Err(format!(
                "has a field `{name}` that is neither text nor a mapping, but {kind}"
            ));
        }
    };
    let word = |key: &str| map.get(key).filter(|v| !v.is_null()).map(text);
    let known = ["filename", "content", "mime_type", "multipart_encoding"];
    if let Some(other) = map.keys().map(text).find(|k| !known.contains(&k.as_str())) {
        return Err(format!("has a field `{name}` with an unknown `{other}`"));
    }
    let encoding = word("multipart_encoding");
    let field = Field {
        filename: word("filename"),
        content: word("content"),
        mime_type: word("mime_type"),
        encoded: match encoding.as_deref() {
            None | Some("base64") => true,
            Some("7or8bit") => false,
            Some(other) => {
                let known = "base64, 7or8bit";
                return Err(format!(
                    "has `multipart_encoding: {other}`; there are {known}"
                ));
            }
        },
        name,
    };
    match (&field.filename, &field.content) {
        (None, None) => Err(format!(
            "has a field `{}` with neither `filename` nor `content`",
            field.name
        )),
        _ => Ok(field),
    }
}

/// The files whose content is sent.
pub(crate) fn files(body: &Value) -> Result<Vec<String>, String> {
    let fields = fields(body)?.into_iter();
    Ok(fields
        .filter(|f| f.content.is_none())
        .filter_map(|f| f.filename)
        .collect())
}

/// A form of several parts; `file` is where a file's bytes come from.
pub(crate) fn multipart(
    body: &Value,
    file: impl Fn(&str) -> Result<Piece, Failure>,
) -> Result<Body, Failure> {
    let fields = fields(body).map_err(|m| Failure::new(format!("`body` {m}")))?;
    let boundary = boundary(body);
    let mut out = Parts::default();
    for field in &fields {
        out.text(&format!("--{boundary}\r\n"));
        let guessed = || mime_type(field.filename.as_deref().unwrap_or_default());
        let kind = field
            .mime_type
            .clone()
            .unwrap_or_else(|| guessed().to_owned());
        let piece = match (&field.content, &field.filename) {
            (None, Some(path)) => Some(file(path)?),
            _ => None,
        };
        if let Some(piece) = &piece {
            out.text(&format!(
                "Content-Transfer-Encoding: {}\r\n",
                transfer(field, piece)
            ));
        }
        out.text(&format!("Content-Type: {kind}\r\n"));
        let mut disposition = format!("form-data; name=\"{}\"", inside(&field.name));
        if let Some(path) = &field.filename {
            let name = path.rsplit('/').next().unwrap_or(path);
            disposition.push_str(&format!("; filename=\"{}\"", inside(name)));
        }
        out.text(&format!("Content-Disposition: {disposition}\r\n\r\n"));
        match piece {
            Some(piece) if field.encoded => out.put(Piece::Encoded(Box::new(piece))),
            Some(piece) => out.put(piece),
            None => out.text(field.content.as_deref().unwrap_or_default()),
        }
        out.text("\r\n");
    }
    out.text(&format!("--{boundary}--\r\n"));
    Ok(Body {
        pieces: out.0,
        kind: Some(format!("multipart/form-data; boundary=\"{boundary}\"")),
    })
}

/// Text that separates the parts: of what is sent, so that the same task sends the same.
fn boundary(body: &Value) -> String {
    let mut written = serde_json::to_string(body).unwrap_or_default();
    loop {
        let digest = Digest::of(written.as_bytes()).to_string();
        if !written.contains(&digest[..32]) {
            return format!("palisade-{}", &digest[..32]);
        }
        written.push('.');
    }
}

fn transfer(field: &Field, piece: &Piece) -> &'static str {
    let ascii = match piece {
        Piece::Local(content) => content.bytes.as_ref().is_some_and(|b| b.is_ascii()),
        _ => false,
    };
    match (field.encoded, ascii) {
        (true, _) => "base64",
        (false, true) => "7bit",
        (false, false) => "8bit",
    }
}

/// Text within quotes of a header.
fn inside(text: &str) -> String {
    let text = text.replace(['\r', '\n'], " ");
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

#[derive(Default)]
struct Parts(Vec<Piece>);

impl Parts {
    fn text(&mut self, text: &str) {
        match self.0.last_mut() {
            Some(Piece::Bytes(bytes)) => bytes.extend(text.bytes()),
            _ => self.0.push(Piece::Bytes(text.into())),
        }
    }

    fn put(&mut self, piece: Piece) {
        self.0.push(piece);
    }
}

/// What a file is called in a header, by the end of its name.
#[rustfmt::skip]
const KINDS: &[(&str, &str)] = &[
    ("bin", "application/octet-stream"), ("bz2", "application/x-bzip2"), ("css", "text/css"),
    ("csv", "text/csv"), ("deb", "application/vnd.debian.binary-package"), ("gif", "image/gif"),
    ("gz", "application/gzip"), ("htm", "text/html"), ("html", "text/html"), ("ico", "image/vnd.microsoft.icon"),
    ("jpeg", "image/jpeg"), ("jpg", "image/jpeg"), ("js", "text/javascript"), ("json", "application/json"),
    ("md", "text/markdown"), ("mp3", "audio/mpeg"), ("mp4", "video/mp4"), ("pdf", "application/pdf"),
    ("png", "image/png"), ("py", "text/x-python"), ("sh", "application/x-sh"), ("svg", "image/svg+xml"),
    ("tar", "application/x-tar"), ("tgz", "application/x-tar"), ("tsv", "text/tab-separated-values"),
    ("txt", "text/plain"), ("wasm", "application/wasm"), ("webp", "image/webp"), ("xml", "text/xml"),
    ("zip", "application/zip"),
];

fn mime_type(name: &str) -> &'static str {
    let end = name.rsplit('/').next().unwrap_or(name);
    let end = end.rsplit_once('.').map(|(_, e)| e.to_lowercase());
    let known = KINDS.iter().find(|(e, _)| Some(*e) == end.as_deref());
    known.map_or("application/octet-stream", |(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(yaml: &str) -> Value {
        serde_yaml::from_str(yaml).unwrap()
    }

    fn bytes(body: &Body) -> String {
        let text = |p: &Piece| match p {
            Piece::Bytes(b) => String::from_utf8(b.clone()).unwrap(),
            other => format!("<{other:?}>"),
        };
        body.pieces.iter().map(text).collect()
    }

    #[test]
    fn forms_are_mappings_or_pairs() {
        let of = |yaml: &str| bytes(&form(&read(yaml)).unwrap());
        assert_eq!(of("[[a, 1 2], [b, '&'], [a, ü]]"), "a=1+2&b=%26&a=%C3%BC");
        assert_eq!(of("{a: [1, 2], b: x}"), "a=1&a=2&b=x");
        assert!(form(&read("[1]")).is_err());
    }

    #[test]
    fn parts_are_in_the_order_of_their_names() {
        let yaml = "{b: {filename: x/up.txt}, a: plain, c: {content: '{}', filename: f.json}}";
        let body = multipart(&read(yaml), |p| Ok(Piece::Remote(p.into()))).unwrap();
        let mark = boundary(&read(yaml));
        assert_eq!(
            bytes(&body),
            format!(
                "--{mark}\r\nContent-Type: text/plain\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nplain\r\n\
                 --{mark}\r\nContent-Transfer-Encoding: base64\r\nContent-Type: text/plain\r\n\
                 Content-Disposition: form-data; name=\"b\"; filename=\"up.txt\"\r\n\r\n\
                 <Encoded(Remote(\"x/up.txt\"))>\r\n\
                 --{mark}\r\nContent-Type: application/json\r\n\
                 Content-Disposition: form-data; name=\"c\"; filename=\"f.json\"\r\n\r\n{{}}\r\n--{mark}--\r\n"
            )
        );
    }

    #[test]
    fn wrong_fields_are_named() {
        let why = |yaml: &str| files(&read(yaml)).unwrap_err();
        assert!(why("[1]").contains("must be a mapping"));
        assert!(why("{a: 1}").contains("`a`"));
        assert!(why("{a: {mime_type: x}}").contains("neither `filename` nor `content`"));
        assert!(why("{a: {content: x, multipart_encoding: gzip}}").contains("7or8bit"));
    }
}
