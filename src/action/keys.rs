//! Lines of an authorized_keys file.

/// One public key with what stands around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    /// As written before the key: `no-pty,command="x"`.
    pub(crate) options: Option<String>,
    pub(crate) kind: String,
    /// The key itself in base64.
    pub(crate) body: String,
    pub(crate) comment: Option<String>,
}

/// The kinds of key OpenSSH takes.
const KINDS: &[&str] = &[
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "sk-ssh-ed25519@openssh.com",
    "ssh-dss",
    "ssh-ed25519",
    "ssh-rsa",
    "ssh-xmss@openssh.com",
];

fn is_kind(word: &str) -> bool {
    let plain = word.strip_suffix("-cert-v01@openssh.com").unwrap_or(word);
    KINDS.contains(&word) || KINDS.contains(&plain)
}

impl Key {
    /// Reads a line; nothing where it holds no key.
    pub(crate) fn read(line: &str) -> Option<Key> {
        let line = line.trim();
        let (first, rest) = word(line);
        let (options, kind, rest) = if is_kind(first) {
            (None, first, rest)
        } else {
            let (kind, rest) = word(rest);
            (Some(first.to_owned()), kind, rest)
        };
        let (body, comment) = word(rest);
        if !is_kind(kind) || !is_body(body, kind) {
            return None;
        }
        Some(Key {
            options,
            kind: kind.to_owned(),
            body: body.to_owned(),
            comment: Some(comment.trim().to_owned()).filter(|c| !c.is_empty()),
        })
    }

    fn line(&self) -> String {
        let parts = [
            self.options.as_deref(),
            Some(self.kind.as_str()),
            Some(self.body.as_str()),
            self.comment.as_deref(),
        ];
        let parts: Vec<_> = parts
            .into_iter()
            .flatten()
            .filter(|p| !p.is_empty())
            .collect();
        format!("{}\n", parts.join(" "))
    }

    /// Whether it is the same key, whatever stands around it.
    fn is(&self, other: &Key) -> bool {
        self.kind == other.kind && self.body == other.body
    }

    /// Whether all of it is the same.
    fn equals(&self, other: &Key) -> bool {
        let options = |key: &Key| key.options.as_deref().map(split).unwrap_or_default();
        self.is(other) && options(self) == options(other) && self.comment == other.comment
    }
}

/// The first word, quotes kept together, and what follows it.
fn word(line: &str) -> (&str, &str) {
    let line = line.trim_start();
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in line.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            c if c.is_whitespace() && !quoted => return (&line[..at], &line[at..]),
            _ => {}
        }
    }
    (line, "")
}

/// Options one by one; commas within quotes divide nothing.
fn split(options: &str) -> Vec<String> {
    let mut all = vec![String::new()];
    let (mut quoted, mut before) = (false, ' ');
    for c in options.chars() {
        if c == '"' && before != '\\' {
            quoted = !quoted;
        }
        match all.last_mut() {
            Some(last) if c != ',' || quoted => last.push(c),
            _ => all.push(String::new()),
        }
        before = c;
    }
    all
}

/// Whether it is base64 of a key of this kind: the kind is the first field within.
fn is_body(body: &str, kind: &str) -> bool {
    use base64::Engine as _;
    let engine = base64::engine::general_purpose::STANDARD;
    let padded = format!("{body}{}", "=".repeat((4 - body.len() % 4) % 4));
    let Ok(bytes) = engine.decode(padded) else {
        return false;
    };
    let name = bytes.get(4..4 + kind.len());
    name == Some(kind.as_bytes())
}

/// The text with these keys in it, each as it is written; with `only`, no others.
pub(crate) fn add(text: &str, wanted: &[Key], only: bool) -> String {
    let mut out = String::new();
    let mut there = vec![false; wanted.len()];
    for line in text.split_inclusive('\n') {
        let key = Key::read(line);
        let at = key
            .as_ref()
            .and_then(|k| wanted.iter().position(|w| w.is(k)));
        match (key, at) {
            (_, Some(at)) if there[at] => {}
            (Some(key), Some(at)) => {
                there[at] = true;
                if key.equals(&wanted[at]) {
                    put(&mut out, line);
                } else {
                    put(&mut out, &wanted[at].line());
                }
            }
            _ if only => {}
            _ => put(&mut out, line),
        }
    }
    for (at, key) in wanted.iter().enumerate() {
        let repeated = wanted[..at].iter().any(|w| w.is(key));
        if !there[at] && !repeated {
            put(&mut out, &key.line());
        }
    }
    out
}

/// The text without these keys.
pub(crate) fn remove(text: &str, wanted: &[Key]) -> String {
    let keeps = |line: &&str| Key::read(line).is_none_or(|key| !wanted.iter().any(|w| w.is(&key)));
    text.split_inclusive('\n').filter(keeps).collect()
}

/// Adds a line after one that may lack its end.
fn put(out: &mut String, line: &str) {
    if !out.is_empty() && !out.ends_with('\n') {
        out.push('\n');
    }
    out.push_str(line);
}

#[cfg(test)]
mod tests {
    use super::{Key, add, remove};

    const A: &str = "ssh-ed25519 \
        AAAAC3NzaC1lZDI1NTE5AAAAIBmnvRlcBSHGsGm5Jl0WZZJdjEbKMUXMc6CZ2L+cdd12";
    const B: &str = "ssh-ed25519 \
        AAAAC3NzaC1lZDI1NTE5AAAAIBmnvRlcBSHGsGm5Jl0WZZJdjEbKMUXMc6CZ2L+cdd13";

    fn key(line: &str) -> Key {
        Key::read(line).expect("a key")
    }

    #[test]
    fn lines_are_read_in_their_parts() {
        let line = format!("command=\"echo \\\"a b\\\"\",no-pty {A} me at home");
        let key = key(&line);
        assert_eq!(
            key.options.as_deref(),
            Some("command=\"echo \\\"a b\\\"\",no-pty")
        );
        assert_eq!(key.comment.as_deref(), Some("me at home"));
        assert!(Key::read("ssh-ed25519 AAAAB3NzaC1yc2E= x").is_none());
        assert!(Key::read("# a comment").is_none());
        assert!(Key::read("hello").is_none());
    }

    #[test]
    fn keys_are_added_once_and_removed() {
        let one = add("# top\n", &[key(A)], false);
        assert_eq!(one, format!("# top\n{A}\n"));
        assert_eq!(add(&one, &[key(A)], false), one);
        let noted = key(&format!("{A} note"));
        assert_eq!(add(&one, &[noted], false), format!("# top\n{A} note\n"));
        assert_eq!(add(&one, &[key(B)], true), format!("{B}\n"));
        assert_eq!(add(A, &[key(B)], false), format!("{A}\n{B}\n"));
        assert_eq!(remove(&one, &[key(A)]), "# top\n");
    }
}
