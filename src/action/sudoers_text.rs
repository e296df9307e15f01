//! The text of sudo's rules: `Defaults` lines with their items, and rules with their tags.

use super::drops::Drops;
use crate::resource::RemotePath;

/// An item of a `Defaults` line: `use_pty`, `!authenticate`, `logfile="/var/log/sudo.log"`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Item {
    pub(crate) file: usize,
    /// The first physical line, from 0.
    pub(crate) line: usize,
    /// Whom it is for: what stands behind `Defaults` (`:bob`, `@host`, `!command`, `>user`), else empty.
    pub(crate) scope: String,
    pub(crate) name: String,
    pub(crate) negated: bool,
    pub(crate) value: Option<String>,
}

/// A rule that has a tag.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tagged {
    pub(crate) file: usize,
    pub(crate) line: usize,
    /// Who it is for: names, `%group`, `#uid`, `ALL`, aliases.
    pub(crate) who: Vec<String>,
}

/// One line of meaning, of one or several physical ones.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Logical {
    pub(crate) line: usize,
    pub(crate) count: usize,
    pub(crate) text: String,
}

/// The lines that mean something, joined where they are continued, without comments.
pub(crate) fn logical(text: &str) -> Vec<Logical> {
    let mut out: Vec<Logical> = Vec::new();
    let mut open: Option<Logical> = None;
    for (number, line) in text.lines().enumerate() {
        let (body, goes_on) = match line.strip_suffix('\\') {
            Some(body) => (body, true),
            None => (line, false),
        };
        let current = open.get_or_insert(Logical {
            line: number,
            count: 0,
            text: String::new(),
        });
        current.count += 1;
        current.text.push_str(body);
        if !goes_on {
            out.extend(open.take());
        }
    }
    out.extend(open);
    for one in &mut out {
        one.text = uncommented(&one.text).trim().to_owned();
    }
    out.retain(|l| !l.text.is_empty());
    out
}

/// Without a comment; `#include`, `#includedir` and `#1000` are none.
fn uncommented(text: &str) -> &str {
    let mut quoted = false;
    for (at, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '#' if !quoted => {
                let rest = &text[at + 1..];
                let number = rest.starts_with(|c: char| c.is_ascii_digit());
                if !number && !rest.starts_with("include") {
                    return &text[..at];
                }
            }
            _ => {}
        }
    }
    text
}

/// The items of a `Defaults` line, with whom it is for.
pub(crate) fn defaults(text: &str) -> Option<(String, Vec<String>)> {
    let rest = text.strip_prefix("Defaults")?;
    let (scope, rest) = match rest.chars().next()? {
        ':' | '@' | '!' | '>' => {
            let end = rest.find(char::is_whitespace)?;
            (rest[..end].to_owned(), &rest[end..])
        }
        c if c.is_whitespace() => (String::new(), rest),
        _ => return None,
    };
    let mut items = Vec::new();
    let (mut item, mut quoted) = (String::new(), false);
    for c in rest.chars() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => {
                items.push(std::mem::take(&mut item));
                continue;
            }
            _ => {}
        }
        item.push(c);
    }
    items.push(item);
    let items = items.into_iter().map(|i| i.trim().to_owned());
    Some((scope, items.filter(|i| !i.is_empty()).collect()))
}

/// The parts of an item: whether it is negated, its name, its value.
pub(crate) fn parts(item: &str) -> (bool, String, Option<String>) {
    let bare = item.trim_start_matches(['!', ' ']);
    let bangs = item
        .chars()
        .take_while(|c| *c != bare.chars().next().unwrap_or(' '));
    let negated = bangs.filter(|c| *c == '!').count() % 2 == 1;
    let end = bare.find(|c: char| c.is_whitespace() || "=+-".contains(c));
    let (name, rest) = bare.split_at(end.unwrap_or(bare.len()));
    let value = rest
        .trim_start()
        .trim_start_matches(['+', '-'])
        .strip_prefix('=');
    let value = value.map(|v| v.trim().trim_matches('"').to_owned());
    (negated, name.to_owned(), value)
}

/// Everything of a name, over the main file and what it includes.
pub(crate) fn items(drops: &Drops, order: &[usize], name: &str) -> Vec<Item> {
    let mut found = Vec::new();
    for file in order.iter().copied() {
        for logical in logical(&drops.files[file].text) {
            let Some((scope, items)) = defaults(&logical.text) else {
                continue;
            };
            for item in items {
                let (negated, own, value) = parts(&item);
                if own == name {
                    found.push(Item {
                        file,
                        line: logical.line,
                        scope: scope.clone(),
                        name: own,
                        negated,
                        value,
                    });
                }
            }
        }
    }
    found
}

/// The rules that have a tag, `NOPASSWD` for one.
pub(crate) fn tagged(drops: &Drops, order: &[usize], tag: &str) -> Vec<Tagged> {
    let mut found = Vec::new();
    for file in order.iter().copied() {
        for logical in logical(&drops.files[file].text) {
            let word = logical.text.split_whitespace().next().unwrap_or_default();
            if word.starts_with(['@', '#']) && !word[1..].starts_with(|c: char| c.is_ascii_digit())
                || word.starts_with("Defaults")
                || word.ends_with("_Alias")
            {
                continue;
            }
            if without_tag(&logical.text, tag) != logical.text {
                let who = logical.text.split('=').next().unwrap_or_default();
                found.push(Tagged {
                    file,
                    line: logical.line,
                    who: subjects(who),
                });
            }
        }
    }
    found
}

/// Whom a rule is for: the list before its hosts.
fn subjects(head: &str) -> Vec<String> {
    let mut list = String::new();
    let words: Vec<&str> = head.split_whitespace().collect();
    for (at, word) in words.iter().enumerate() {
        let last = at + 1 == words.len() && at > 0 && !list.ends_with(',');
        if last {
            break;
        }
        list.push_str(word);
        let joined = word.ends_with(',') || words.get(at + 1).is_some_and(|w| w.starts_with(','));
        if !joined {
            break;
        }
    }
    list.split(',')
        .filter(|w| !w.is_empty())
        .map(str::to_owned)
        .collect()
}

/// A text without a tag and its colon, wherever it stands as a word.
pub(crate) fn without_tag(text: &str, tag: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(tag) {
        let (before, after) = rest.split_at(at);
        let behind = &after[tag.len()..];
        let starts = before.chars().last().or(out.chars().last());
        let starts = starts.is_none_or(|c| c.is_whitespace() || "=:,)".contains(c));
        out.push_str(before);
        match behind.trim_start().strip_prefix(':') {
            Some(tail) if starts => rest = tail.trim_start_matches([' ', '\t']),
            _ => {
                out.push_str(tag);
                rest = behind;
            }
        }
    }
    out + rest
}

/// The files in the order in which sudo reads them, and whether a file would be read that is not there.
pub(crate) fn order(drops: &Drops, main: &RemotePath, own: &RemotePath) -> (Vec<usize>, bool) {
    let mut order = Vec::new();
    let mut reads_own = false;
    walk(drops, main, own, &mut order, &mut reads_own);
    (order, reads_own)
}

fn walk(
    drops: &Drops,
    at: &RemotePath,
    own: &RemotePath,
    order: &mut Vec<usize>,
    reads: &mut bool,
) {
    let Some(file) = drops.files.iter().position(|f| &f.path == at) else {
        return;
    };
    if order.contains(&file) {
        return;
    }
    order.push(file);
    for line in drops.files[file].text.lines() {
        let Some((word, place)) = line.trim().split_once(char::is_whitespace) else {
            continue;
        };
        let place = at.parent().join(place.trim().trim_matches('"'));
        match word {
            "@include" | "#include" => walk(drops, &place, own, order, reads),
            "@includedir" | "#includedir" => {
                *reads |= own.parent() == place && counts(own.name());
                let mut inside: Vec<&RemotePath> = drops.files.iter().map(|f| &f.path).collect();
                inside.retain(|p| p.parent() == place && counts(p.name()));
                inside.sort();
                for path in inside {
                    walk(drops, path, own, order, reads);
                }
            }
            _ => {}
        }
    }
}

/// Whether sudo reads a file of that name in a folder.
fn counts(name: &str) -> bool {
    !name.contains('.') && !name.ends_with('~')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_told_apart() {
        let (scope, items) =
            defaults("Defaults:bob !use_pty, logfile=\"/a,b\", env_keep += \"X Y\"")
                .expect("defaults");
        assert_eq!((scope.as_str(), items.len()), (":bob", 3));
        assert_eq!(parts(&items[0]), (true, "use_pty".into(), None));
        assert_eq!(
            parts(&items[1]),
            (false, "logfile".into(), Some("/a,b".into()))
        );
        assert_eq!(parts(&items[2]).1, "env_keep");
        assert_eq!(defaults("Defaultsx a"), None);
    }

    #[test]
    fn lines_are_joined_and_comments_are_not_read() {
        let lines = logical("a \\\n b # c\n#includedir /x\n# d\n#1000 ALL=(ALL) ALL\n");
        let texts: Vec<&str> = lines.iter().map(|l| l.text.as_str()).collect();
        assert_eq!(texts, ["a  b", "#includedir /x", "#1000 ALL=(ALL) ALL"]);
        assert_eq!((lines[0].line, lines[0].count), (0, 2));
    }

    #[test]
    fn tags_are_taken_out() {
        let without = |text| without_tag(text, "NOPASSWD");
        assert_eq!(without("a ALL=(ALL) NOPASSWD: ALL"), "a ALL=(ALL) ALL");
        assert_eq!(
            without("a ALL=NOPASSWD:SETENV:/x, NOPASSWD: /y"),
            "a ALL=SETENV:/x, /y"
        );
        assert_eq!(without("a ALL=/opt/NOPASSWD: x"), "a ALL=/opt/NOPASSWD: x");
        assert_eq!(subjects("a, %b ALL"), ["a", "%b"]);
        assert_eq!(subjects("%sudo\tALL"), ["%sudo"]);
    }
}
