//! `/etc/fstab` as lines: found by mount point, changed in place, comments and order kept.

use crate::resource::mount::plain;

/// An entry: what the six columns say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) source: String,
    pub(super) at: String,
    pub(super) fstype: String,
    pub(super) options: String,
    pub(super) dump: String,
    pub(super) pass: String,
}

/// Pairs of options of which the later one stands.
const CONTRARY: &[(&str, &str)] = &[
    ("nodev", "dev"),
    ("nosuid", "suid"),
    ("noexec", "exec"),
    ("ro", "rw"),
];

impl Entry {
    /// The entry a line holds; `None` for a comment, an empty or a broken line.
    pub(super) fn read(line: &str) -> Option<Entry> {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return None;
        }
        let mut words = line.split_whitespace().map(plain);
        let entry = Entry {
            source: words.next()?,
            at: words.next()?,
            fstype: words.next()?,
            options: words.next().unwrap_or_else(|| "defaults".into()),
            dump: words.next().unwrap_or_else(|| "0".into()),
            pass: words.next().unwrap_or_else(|| "0".into()),
        };
        Some(entry)
    }

    /// Whether it is the entry of this mount point.
    fn is_at(&self, at: &str) -> bool {
        self.at == at || (at.len() > 1 && self.at.strip_suffix('/') == Some(at))
    }

    pub(super) fn line(&self) -> String {
        let words = [
            &self.source,
            &self.at,
            &self.fstype,
            &self.options,
            &self.dump,
            &self.pass,
        ];
        let words: Vec<String> = words.iter().map(|w| escaped(w)).collect();
        words.join(" ") + "\n"
    }
}

/// A word without blanks of its own.
fn escaped(word: &str) -> String {
    let mut out = String::new();
    for c in word.chars() {
        match c {
            ' ' => out.push_str("\\040"),
            '\t' => out.push_str("\\011"),
            '\n' => out.push_str("\\012"),
            '\\' => out.push_str("\\134"),
            c => out.push(c),
        }
    }
    out
}

/// The entry of a mount point, with its line's number.
pub(super) fn find(text: &str, at: &str) -> Option<(usize, Entry)> {
    let mut entries = text
        .lines()
        .zip(1..)
        .filter_map(|(l, n)| Some((n, Entry::read(l)?)));
    entries.find(|(_, e)| e.is_at(at))
}

/// The text with entries of a mount point changed: `None` from `change` removes one, and one that is
/// returned as it was keeps its line as it is written.
pub(super) fn edit(text: &str, at: &str, change: impl Fn(&Entry) -> Option<Entry>) -> String {
    let mut out = String::new();
    for line in text.split_inclusive('\n') {
        let entry = Entry::read(line).filter(|e| e.is_at(at));
        match entry.map(|e| (change(&e), e)) {
            Some((Some(new), old)) if new != old => out.push_str(&new.line()),
            Some((None, _)) => {}
            _ => out.push_str(line),
        }
    }
    out
}

/// The text with an entry at its end.
pub(super) fn append(text: &str, entry: &Entry) -> String {
    let gap = if text.is_empty() || text.ends_with('\n') {
        ""
    } else {
        "\n"
    };
    format!("{text}{gap}{}", entry.line())
}

/// Options with these among them, and without what says the contrary. Those that are there already
/// keep their places.
pub(super) fn with_options(present: &[String], wanted: &[String]) -> Vec<String> {
    let contrary = |option: &String| {
        wanted.iter().any(|w| {
            let is = |(a, b): &(&str, &str)| (w == a && option == b) || (w == b && option == a);
            CONTRARY.iter().any(is) || is_other_value(option, w)
        })
    };
    let mut all: Vec<String> = present.iter().filter(|o| !contrary(o)).cloned().collect();
    for option in wanted {
        if !all.contains(option) {
            all.push(option.clone());
        }
    }
    all
}

/// `size=1g` and `size=2g`.
fn is_other_value(option: &str, wanted: &str) -> bool {
    let name = |o: &str| o.split_once('=').map(|(n, _)| n.to_owned());
    option != wanted && name(option).is_some() && name(option) == name(wanted)
}

/// The name of the systemd unit of a mount point.
pub(super) fn unit(at: &str) -> String {
    let at = at.trim_matches('/');
    if at.is_empty() {
        return "-.mount".into();
    }
    let mut out = String::new();
    for (n, byte) in at.bytes().enumerate() {
        match byte {
            b'/' => out.push('-'),
            b'.' if n == 0 => out.push_str("\\x2e"),
            b if b.is_ascii_alphanumeric() || b":_.".contains(&b) => out.push(char::from(b)),
            b => out.push_str(&format!("\\x{b:02x}")),
        }
    }
    out + ".mount"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_keeps_its_blanks_and_its_neighbours() {
        let text = "# a\nUUID=1 / ext4 errors=remount-ro 0 1\n/dev/b\t/my\\040data  xfs rw 0 2\n";
        let (line, entry) = find(text, "/my data").unwrap();
        assert_eq!((line, entry.fstype.as_str()), (3, "xfs"));
        let changed = edit(text, "/my data", |e| {
            Some(Entry {
                options: "ro".into(),
                ..e.clone()
            })
        });
        assert!(changed.ends_with("0 1\n/dev/b /my\\040data xfs ro 0 2\n"));
        assert_eq!(edit(text, "/my data", |e| Some(e.clone())), text);
        assert_eq!(edit(text, "/", |_| None).lines().count(), 2);
    }

    #[test]
    fn options_lose_their_contraries() {
        let list = |words: &str| words.split(',').map(str::to_owned).collect::<Vec<_>>();
        let got = with_options(&list("rw,exec,size=1g"), &list("noexec,size=2g"));
        assert_eq!(got.join(","), "rw,noexec,size=2g");
    }

    #[test]
    fn units_are_named_as_systemd_names_them() {
        assert_eq!(unit("/var/log/audit"), "var-log-audit.mount");
        assert_eq!(unit("/mnt/a-b"), "mnt-a\\x2db.mount");
        assert_eq!(unit("/"), "-.mount");
    }
}
